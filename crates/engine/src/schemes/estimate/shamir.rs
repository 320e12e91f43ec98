//! The messages of [`Shamir`](crate::schemes::Shamir) and [`ShamirMalicious`](crate::schemes::ShamirMalicious).

use std::sync::Arc;

use ring::{Lanes, Mersenne61, Ring, Shape};

use super::rep3::KEYS;
use super::{Memory, Message, Model, Primitive, Steps};
use crate::mpc::{Modulus, Receivers};
use crate::schemes::rep3_malicious::{Kept, Unchecked, groups, levels};
use crate::schemes::shamir::{PLANES, Threshold, product_dealers};
use crate::session::Party;

/// The messages of [`Shamir`](crate::schemes::Shamir) and [`ShamirMalicious`](crate::schemes::ShamirMalicious).
pub struct ShamirModel;

/// The parties, and the sizes of what is to be checked where parties may deviate.
pub struct ShamirState {
    setting: Threshold,
    unchecked: Option<Unchecked<Size>>,
}

/// Bytes of a digest.
const DIGEST: usize = 32;
/// Bytes of a word, and of an element in either field of the check.
const WORD: usize = Lanes::BYTES;
/// Words of coins.
const COINS: usize = 4;

/// One record.
struct Size {
    kind: Kind,
    /// Elements that the check opens; of ANDs their words.
    opened: usize,
    bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Numbers,
    Matrix,
    Words,
    Ands,
}

impl Kept for Size {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Memory for ShamirState {
    fn fork(&self) -> Self {
        Self { setting: self.setting, unchecked: self.unchecked.as_ref().map(Unchecked::fork) }
    }
    fn absorb(&mut self, child: Self) {
        if let (Some(mine), Some(child)) = (&mut self.unchecked, child.unchecked) {
            mine.absorb(child);
        }
    }
}

impl Model for ShamirModel {
    type Memory = ShamirState;

    const EXACT_TRUNCATION: bool = true;

    fn parties(state: &ShamirState) -> usize {
        state.setting.parties()
    }

    fn difference(_width: usize) -> (usize, Modulus) {
        (Mersenne61::WIDTH, Modulus::OneLess)
    }

    fn messages(state: &mut ShamirState, primitive: &Primitive<'_>) -> Steps {
        match *primitive {
            Primitive::Start => state.start(),
            Primitive::Input { owner, len, bits, .. } => vec![state.dealt([owner], state.bytes(len, bits))],
            Primitive::Mul { factors, bits: true, .. } if state.unchecked.is_some() => state.ands(factors),
            Primitive::Mul { len, bits: true, .. } => state.ands(len),
            Primitive::Mul { len, factors, .. } => state.products(len, factors),
            Primitive::Matmul { shape, bits: true, .. } if state.unchecked.is_some() => {
                state.ands(shape.product() * shape.inner)
            }
            Primitive::Matmul { shape, bits: true, .. } => state.ands(shape.product()),
            Primitive::Matmul { shape, .. } => state.matrices(shape),
            Primitive::Verify => state.verify(),
            Primitive::Seal { .. } | Primitive::TruncateNear { .. } => Vec::new(),
            Primitive::Open { len, bits, .. } => {
                let mut steps = state.verify();
                steps.push(state.opened(len, bits, Receivers::All));
                steps
            }
            Primitive::Reveal { len, to, bits, .. } => vec![state.opened(len, bits, to)],
            Primitive::Shuffle { len, bits, .. } => state.passes(len, bits, false),
            Primitive::Unshuffle { len, bits, .. } => state.passes(len, bits, true),
            Primitive::Difference { rows, .. } => state.difference(rows),
            Primitive::Divided { rows, .. } => {
                // Two bits of each step that leaves two of three.
                let moved = 2 * (state.setting.corruptible().len() - 2);
                [state.difference(rows), state.injected(rows, moved)].concat()
            }
            Primitive::Inject { rows, width, .. } | Primitive::InjectSums { rows, width, .. } => {
                state.injected(rows, width)
            }
        }
    }
}

impl ShamirState {
    /// Where parties are taken to follow the protocol.
    #[must_use]
    pub fn passive(setting: Threshold) -> Self {
        Self { setting, unchecked: None }
    }

    /// Where they may deviate.
    #[must_use]
    pub fn active(setting: Threshold) -> Self {
        Self { setting, unchecked: Some(Unchecked::default()) }
    }

    fn bytes(&self, len: usize, bits: bool) -> usize {
        len * if bits { WORD * self.setting.field().planes() } else { Mersenne61::BYTES }
    }

    /// Keys of pairs, then of all outside each set, which are compared where parties may deviate.
    fn start(&self) -> Steps {
        let sets = self.setting.corruptible();
        let outside = |message: &Message| {
            sets.iter().filter(|set| !set.contains(&message.from) && !set.contains(&message.to)).count()
        };
        let groups = self.to_all(0).into_iter();
        let groups = groups.map(|message| Message { bytes: 32 * outside(&message) as u64, ..message });
        let compared = self.unchecked.iter().map(|_| self.to_all(DIGEST));
        [self.to_all(KEYS), groups.collect()].into_iter().chain(compared).collect()
    }

    fn message(&self, from: Party, places: usize, bytes: usize) -> Message {
        Message { from, to: Party((from.0 + places) % self.setting.parties()), bytes: bytes as u64 }
    }

    fn to_all(&self, bytes: usize) -> Vec<Message> {
        let parties = self.setting.parties();
        let from = |from| (1..parties).map(move |places| self.message(Party(from), places, bytes));
        (0..parties).flat_map(from).collect()
    }

    fn dealt(&self, dealers: impl IntoIterator<Item = Party>, bytes: usize) -> Vec<Message> {
        let receivers = self.setting.threshold() + 1..self.setting.parties();
        let messages = dealers
            .into_iter()
            .flat_map(|from| receivers.clone().map(move |places| self.message(from, places, bytes)));
        messages.filter(|message| message.bytes > 0).collect()
    }

    fn opened(&self, len: usize, bits: bool, to: Receivers<'_>) -> Vec<Message> {
        let (parties, threshold, bytes) =
            (self.setting.parties(), self.setting.threshold(), self.bytes(len, bits));
        if len == 0 {
            return Vec::new();
        }
        let sent = |places: usize| match places <= threshold {
            true => Some(bytes),
            false => self.unchecked.as_ref().map(|_| DIGEST),
        };
        let from = |from: usize| {
            (1..parties)
                .filter_map(move |places| Some(self.message(Party(from), parties - places, sent(places)?)))
        };
        (0..parties).flat_map(from).filter(|message| to.contain(message.to)).collect()
    }

    fn reduced(&self, len: usize, bits: bool) -> Vec<Message> {
        self.dealt(product_dealers(self.setting), self.bytes(len, bits))
    }

    fn products(&mut self, len: usize, factors: usize) -> Steps {
        let size = Size { kind: Kind::Numbers, opened: factors, bytes: WORD * (2 * factors + len) };
        [vec![self.reduced(len, false)], self.kept(len, size)].concat()
    }

    fn matrices(&mut self, shape: Shape) -> Steps {
        let bytes = WORD * (shape.left() + shape.right() + shape.product());
        let size = Size { kind: Kind::Matrix, opened: shape.inner, bytes };
        [vec![self.reduced(shape.product(), false)], self.kept(shape.product(), size)].concat()
    }

    fn ands(&mut self, words: usize) -> Steps {
        let size = Size { kind: Kind::Ands, opened: words, bytes: 3 * WORD * PLANES * words };
        [vec![self.reduced(words, true)], self.kept(words, size)].concat()
    }

    fn passes(&mut self, len: usize, bits: bool, undone: bool) -> Steps {
        let mut sets = self.setting.corruptible();
        if undone {
            sets.reverse();
        }
        let (kind, planes) = if bits { (Kind::Words, PLANES) } else { (Kind::Numbers, 1) };
        let pass = |set: Vec<Party>| {
            let dealers = self.setting.others(&set).into_iter().take(self.setting.threshold() + 1);
            let dealt = self.dealt(dealers, self.bytes(len, bits));
            let size = Size { kind, opened: len, bytes: 2 * WORD * planes * len };
            [vec![dealt], self.kept(len, size)].concat()
        };
        sets.into_iter().flat_map(pass).collect()
    }

    fn difference(&mut self, rows: usize) -> Steps {
        let mut steps = vec![self.opened(rows, false, Receivers::All)];
        let mut addends = self.setting.corruptible().len();
        while addends > 2 {
            let threes = addends / 3;
            steps.extend(self.ands(threes * Mersenne61::WIDTH * Lanes::words(rows)));
            addends -= threes;
        }
        steps
    }

    fn injected(&mut self, rows: usize, width: usize) -> Steps {
        let mut steps = Vec::new();
        let mut columns = self.setting.corruptible().len();
        while columns > 1 {
            let len = columns / 2 * rows * width;
            steps.extend(self.products(len, len));
            columns -= columns / 2;
        }
        steps.push(self.opened(Lanes::words(rows) * width, true, Receivers::All));
        steps
    }

    /// A record of a result of `len` elements.
    fn kept(&mut self, len: usize, size: Size) -> Steps {
        let due = self.unchecked.as_mut().filter(|_| len > 0).map(|unchecked| unchecked.keep(size));
        self.checked(&due.unwrap_or_default())
    }

    fn verify(&mut self) -> Steps {
        let due = self.unchecked.as_mut().map(Unchecked::take);
        self.checked(&due.unwrap_or_default())
    }

    /// The messages of a check of `records`.
    fn checked(&self, records: &[Arc<Size>]) -> Steps {
        let mut steps = Vec::new();
        if records.is_empty() {
            return steps;
        }
        let opened = |kinds: &[Kind]| {
            let sizes = records.iter().filter(|size| kinds.contains(&size.kind));
            sizes.map(|size| size.opened).reduce(|a, b| a + b)
        };
        let words = opened(&[Kind::Ands]);
        if opened(&[Kind::Ands, Kind::Matrix, Kind::Words]).is_some() {
            steps.extend(self.challenge());
        }
        if let Some(words) = words {
            steps.push(self.reduced(3usize.pow(levels(words) as u32), false));
            steps.extend(self.challenge());
        }
        let folded = words.map(|words| Lanes::ROWS * groups(words));
        let bits = [opened(&[Kind::Words]), folded].into_iter().flatten().reduce(|a, b| a + b);
        let fields: Vec<_> = [opened(&[Kind::Numbers, Kind::Matrix]), bits].into_iter().flatten().collect();
        steps.extend(fields.iter().map(|_| self.reduced(1, false)));
        steps.extend(self.challenge());
        steps.extend(fields.iter().map(|len| self.opened(*len, false, Receivers::All)));
        steps.extend(fields.iter().map(|_| self.opened(1, false, Receivers::All)));
        steps
    }

    fn challenge(&self) -> Steps {
        vec![self.to_all(WORD), self.opened(COINS, true, Receivers::All)]
    }
}
