//! The messages of [`Shamir`](crate::schemes::Shamir) with each of its guards.

use std::sync::Arc;

use ring::{Lanes, Mersenne61, Ring, Shape};

use super::rep3::KEYS;
use super::resilience::{Mode, Need, Resilience, What};
use super::{Memory, Message, Model, Primitive, Steps};
use crate::mpc::{Modulus, Receivers};
use crate::schemes::rep3_malicious::{Kept, Unchecked, groups, levels};
use crate::schemes::shamir::{PLANES, Threshold, product_dealers};
use crate::session::Party;

/// The messages of [`Shamir`](crate::schemes::Shamir) with each of its guards.
pub struct ShamirModel;

/// The parties, and what their guard keeps: the sizes of what is to be checked where parties may deviate, what is to be
/// prepared where they may vanish.
pub struct ShamirState {
    setting: Threshold,
    unchecked: Option<Unchecked<Size>>,
    resilience: Option<Resilience>,
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
    fn fork(&mut self) -> Self {
        Self {
            setting: self.setting,
            unchecked: self.unchecked.as_ref().map(Unchecked::fork),
            resilience: self.resilience.as_mut().map(Resilience::fork),
        }
    }
    fn absorb(&mut self, child: Self) {
        if let (Some(mine), Some(child)) = (&mut self.unchecked, child.unchecked) {
            mine.absorb(child);
        }
        if let (Some(mine), Some(child)) = (&mut self.resilience, child.resilience) {
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

    fn counting(state: &ShamirState) -> Option<ShamirState> {
        let resilience = Some(state.resilience.as_ref()?.counting());
        Some(ShamirState { setting: state.setting, unchecked: None, resilience })
    }

    fn prepared(state: &mut ShamirState, counted: ShamirState) -> (Steps, u64) {
        if let Some(mine) = &mut state.resilience {
            mine.mode = Mode::Prepared;
        }
        let (mut steps, mut bytes) = (Steps::new(), 0);
        for need in counted.resilience.into_iter().flat_map(Resilience::into_needs) {
            bytes += state.bytes(need.held, need.bits) as u64;
            steps.push(match need.what {
                What::Products => state.reduced(need.len, need.bits),
                What::Pass(set) => state.passed(&set, need.len, need.bits),
                What::Input(owner) => state.dealt([owner], state.bytes(need.len, need.bits)),
            });
        }
        (steps, bytes)
    }

    fn messages(state: &mut ShamirState, primitive: &Primitive<'_>) -> Steps {
        match *primitive {
            Primitive::Start => state.start(),
            Primitive::Input { owner, len, bits, .. } => vec![state.input(owner, len, bits)],
            Primitive::Mul { len, factors, bits: true, .. } => state.ands(factors, len),
            Primitive::Mul { len, factors, .. } => state.products(len, factors),
            Primitive::Matmul { shape, bits: true, .. } => {
                state.ands(shape.product() * shape.inner, shape.product())
            }
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
        Self { setting, unchecked: None, resilience: None }
    }

    /// Where they may deviate.
    #[must_use]
    pub fn active(setting: Threshold) -> Self {
        Self { setting, unchecked: Some(Unchecked::default()), resilience: None }
    }

    /// Where they may vanish.
    #[must_use]
    pub fn resilient(setting: Threshold) -> Self {
        Self { setting, unchecked: None, resilience: Some(Resilience::default()) }
    }

    /// Bytes that a party holds of a word of shared bits.
    #[must_use]
    pub fn word_bytes(&self) -> u64 {
        self.bytes(1, true) as u64
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
        if len == 0 || self.mode() == Some(Mode::Counting) {
            return Vec::new();
        }
        let sent = |places: usize| match places <= threshold || self.resilience.is_some() {
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

    fn mode(&self) -> Option<Mode> {
        self.resilience.as_ref().map(|resilience| resilience.mode)
    }

    fn input(&mut self, owner: Party, len: usize, bits: bool) -> Vec<Message> {
        match self.resilience.as_mut().filter(|_| len > 0).map(|resilience| (resilience.mode, resilience)) {
            Some((Mode::Counting, resilience)) => {
                resilience.note(Need { what: What::Input(owner), len, bits, held: len });
                Vec::new()
            }
            Some((Mode::Prepared, _)) => Vec::new(),
            Some((Mode::Complete, _)) | None => self.dealt([owner], self.bytes(len, bits)),
        }
    }

    /// Of products, ANDs and products of matrices: what is multiplied and shared anew, or opened where that was prepared.
    fn multiplied(&mut self, [left, right]: [usize; 2], len: usize, bits: bool) -> Vec<Message> {
        match self.resilience.as_mut().filter(|_| len > 0).map(|resilience| (resilience.mode, resilience)) {
            Some((Mode::Counting, resilience)) => {
                resilience.note(Need { what: What::Products, len, bits, held: left + right + len });
                Vec::new()
            }
            Some((Mode::Prepared, _)) => self.opened(left + right, bits, Receivers::All),
            Some((Mode::Complete, _)) | None => self.reduced(len, bits),
        }
    }

    fn products(&mut self, len: usize, factors: usize) -> Steps {
        let size = Size { kind: Kind::Numbers, opened: factors, bytes: WORD * (2 * factors + len) };
        [vec![self.multiplied([factors; 2], len, false)], self.kept(len, size)].concat()
    }

    fn matrices(&mut self, shape: Shape) -> Steps {
        let bytes = WORD * (shape.left() + shape.right() + shape.product());
        let size = Size { kind: Kind::Matrix, opened: shape.inner, bytes };
        let factors = [shape.left(), shape.right()];
        [vec![self.multiplied(factors, shape.product(), false)], self.kept(shape.product(), size)].concat()
    }

    /// Inner products of bits are checked one by one, and so shared one by one where they are.
    fn ands(&mut self, factors: usize, rows: usize) -> Steps {
        let words = if self.unchecked.is_some() { factors } else { rows };
        let size = Size { kind: Kind::Ands, opened: words, bytes: 3 * WORD * PLANES * words };
        [vec![self.multiplied([factors; 2], words, true)], self.kept(words, size)].concat()
    }

    fn passes(&mut self, len: usize, bits: bool, undone: bool) -> Steps {
        let mut sets = self.setting.corruptible();
        if undone {
            sets.reverse();
        }
        let (kind, planes) = if bits { (Kind::Words, PLANES) } else { (Kind::Numbers, 1) };
        let pass = |set: Vec<Party>| {
            let moved = self.moved(set, len, bits);
            let size = Size { kind, opened: len, bytes: 2 * WORD * planes * len };
            [vec![moved], self.kept(len, size)].concat()
        };
        sets.into_iter().flat_map(pass).collect()
    }

    fn moved(&mut self, set: Vec<Party>, len: usize, bits: bool) -> Vec<Message> {
        match self.resilience.as_mut().filter(|_| len > 0).map(|resilience| (resilience.mode, resilience)) {
            Some((Mode::Counting, resilience)) => {
                resilience.note(Need { what: What::Pass(set), len, bits, held: 2 * len });
                Vec::new()
            }
            Some((Mode::Prepared, _)) => self.opened(len, bits, Receivers::All),
            Some((Mode::Complete, _)) | None => self.passed(&set, len, bits),
        }
    }

    fn passed(&self, set: &[Party], len: usize, bits: bool) -> Vec<Message> {
        let dealers = self.setting.others(set).into_iter().take(self.setting.threshold() + 1);
        self.dealt(dealers, self.bytes(len, bits))
    }

    fn difference(&mut self, rows: usize) -> Steps {
        let mut steps = vec![self.opened(rows, false, Receivers::All)];
        let mut addends = self.setting.corruptible().len();
        while addends > 2 {
            let threes = addends / 3;
            let words = threes * Mersenne61::WIDTH * Lanes::words(rows);
            steps.extend(self.ands(words, words));
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
