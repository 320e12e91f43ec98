//! The messages of [`Rep3Malicious`](crate::schemes::Rep3Malicious).

use std::sync::Arc;

use ring::{Lanes, Ring, Shape};

use super::rep3::{KEYS, message, passes, to_both, to_previous};
use super::{Memory, Message, Model, Primitive, Steps};
use crate::mpc::Receivers;
use crate::schemes::rep3_malicious::{Kept, Unchecked, groups, levels};

/// The messages of [`Rep3Malicious`](crate::schemes::Rep3Malicious).
pub struct Rep3MaliciousModel;

/// The sizes of what is to be checked.
#[derive(Default)]
pub struct Due(Unchecked<Size>);

/// Bytes of a digest, or of a component of coins.
const DIGEST: usize = 32;
/// Bytes of a word.
const WORD: usize = Lanes::BYTES;

/// One record.
struct Size {
    /// Bytes of an element of the ring in which it is checked, and whether that is the one of bits.
    lifted: (usize, bool),
    /// Elements that the check opens; of ANDs their words.
    opened: usize,
    kind: Kind,
    bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sum,
    Matrix,
    Ands,
}

impl Kept for Size {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Memory for Due {
    fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }
    fn absorb(&mut self, child: Self) {
        self.0.absorb(child.0);
    }
}

impl Model for Rep3MaliciousModel {
    type Memory = Due;

    fn parties(_due: &Due) -> usize {
        3
    }

    fn messages(due: &mut Due, primitive: &Primitive<'_>) -> Steps {
        match *primitive {
            Primitive::Start => vec![to_both(KEYS)],
            Primitive::Input { owner, len, element, .. } => vec![message(owner.0, 1, len * element)],
            Primitive::Mul { factors, bits: true, .. } => due.ands(factors),
            Primitive::Mul { len, factors, element, .. } => due.products(len, factors, element),
            Primitive::Matmul { shape, bits: true, .. } => due.ands(shape.product() * shape.inner),
            Primitive::Matmul { shape, element, .. } => due.matrices(shape, element),
            Primitive::Verify => due.verify(),
            Primitive::Open { len, element, .. } => {
                [due.verify(), opening(len * element, Receivers::All)].concat()
            }
            Primitive::Reveal { len, element, to, .. } => opening(len * element, to),
            Primitive::Seal { .. } => vec![to_both(DIGEST)],
            Primitive::Shuffle { len, element, bits } => due.moved(len, element, bits, [0, 1, 2]),
            Primitive::Unshuffle { len, element, bits } => due.moved(len, element, bits, [2, 1, 0]),
            Primitive::Difference { rows, width } => {
                due.ands(Lanes::words(rows) * (width as usize).saturating_sub(1))
            }
            Primitive::Divided { rows, width, element } => {
                let carries = due.ands(Lanes::words(rows) * width as usize);
                [carries, due.injected(2 * rows, element)].concat()
            }
            Primitive::TruncateNear { rows, shift, element } => {
                if shift == 0 || shift >= 8 * element as u32 - 3 {
                    return Vec::new();
                }
                let words = Lanes::words(rows);
                [due.ands(4 * words), due.ands(2 * words), due.summed(2 * rows, 2, element)].concat()
            }
            Primitive::Inject { rows, width, element } => due.injected(rows * width, element),
            Primitive::InjectSums { rows, width, sums: 1, element } => due.summed(rows, width, element),
            Primitive::InjectSums { rows, width, element, .. } => due.injected(rows * width, element),
        }
    }
}

impl Due {
    fn ands(&mut self, words: usize) -> Steps {
        self.sent(
            words * WORD,
            words,
            Size { lifted: (WORD, true), opened: words, kind: Kind::Ands, bytes: 6 * WORD * words },
        )
    }

    fn products(&mut self, len: usize, factors: usize, element: usize) -> Steps {
        let lifted = element + WORD;
        let bytes = 4 * element * factors + 2 * lifted * len;
        self.sent(
            len * lifted,
            len,
            Size { lifted: (lifted, false), opened: factors, kind: Kind::Sum, bytes },
        )
    }

    fn matrices(&mut self, shape: Shape, element: usize) -> Steps {
        let (lifted, len) = (element + WORD, shape.product());
        let bytes = 2 * element * (shape.left() + shape.right()) + 2 * lifted * len;
        let (opened, kind) = (shape.inner, Kind::Matrix);
        self.sent(len * lifted, len, Size { lifted: (lifted, false), opened, kind, bytes })
    }

    fn injected(&mut self, len: usize, element: usize) -> Steps {
        [self.products(len, len, element), self.products(len, len, element)].concat()
    }

    fn summed(&mut self, rows: usize, width: usize, element: usize) -> Steps {
        if width == 0 {
            return Vec::new();
        }
        let bits = rows * width;
        [self.products(bits, bits, element), self.products(rows, bits, element)].concat()
    }

    fn moved(&mut self, len: usize, element: usize, bits: bool, lower: [usize; 3]) -> Steps {
        let lifted = if bits { element } else { element + WORD };
        let mut steps = Vec::new();
        if len == 0 {
            return steps;
        }
        for step in passes(lower, len * lifted) {
            steps.push(step);
            let size = Size { lifted: (lifted, bits), opened: len, kind: Kind::Sum, bytes: 2 * lifted * len };
            steps.extend(self.keep(size));
        }
        steps
    }

    /// A message of `bytes` to the previous party, and the record of `len` results.
    fn sent(&mut self, bytes: usize, len: usize, size: Size) -> Steps {
        let sent = to_previous(bytes, Receivers::All);
        let check = if len == 0 { Vec::new() } else { self.keep(size) };
        [vec![sent], check].concat()
    }

    fn keep(&mut self, size: Size) -> Steps {
        checked(&self.0.keep(size))
    }

    fn verify(&mut self) -> Steps {
        checked(&self.0.take())
    }
}

/// The messages of a check of `records`.
fn checked(records: &[Arc<Size>]) -> Steps {
    let mut steps = Vec::new();
    if records.is_empty() {
        return steps;
    }
    let words = records.iter().filter(|size| size.kind == Kind::Ands).map(|size| size.opened).sum::<usize>();
    if records.iter().any(|size| size.kind != Kind::Sum) {
        steps.extend(challenge());
    }
    if words > 0 {
        steps.push(to_previous(WORD * 3usize.pow(levels(words) as u32), Receivers::All));
        steps.extend(challenge());
    }
    // Elements that are opened, ring by ring.
    let mut rings = std::collections::BTreeMap::new();
    for size in records.iter().filter(|size| size.kind != Kind::Ands) {
        *rings.entry(size.lifted).or_insert(0) += size.opened;
    }
    if words > 0 {
        *rings.entry((WORD, true)).or_insert(0) += Lanes::ROWS * groups(words);
    }
    let each = |step: &dyn Fn(usize, usize) -> Vec<Message>| {
        rings.iter().flat_map(|((lifted, _), opened)| step(*lifted, *opened)).collect()
    };
    steps.push(each(&|lifted, _| to_previous(lifted, Receivers::All)));
    steps.extend(challenge());
    steps.push(each(&|lifted, opened| opening(lifted * opened, Receivers::All).concat()));
    steps.push(each(&|lifted, _| to_both(lifted)));
    steps
}

fn challenge() -> Steps {
    vec![to_both(WORD), to_both(DIGEST)]
}

/// A column to the previous party and a digest to the next one.
fn opening(bytes: usize, to: Receivers<'_>) -> Steps {
    if bytes == 0 {
        return Vec::new();
    }
    let digests = (0..3).flat_map(|from| message(from, 1, DIGEST)).filter(|message| to.contain(message.to));
    vec![to_previous(bytes, to).into_iter().chain(digests).collect()]
}
