//! The messages of [`Shamir`](crate::schemes::Shamir).

use ring::{Lanes, Mersenne61, Ring};

use super::rep3::KEYS;
use super::{Memory, Message, Model, Primitive, Steps};
use crate::mpc::{Modulus, Receivers};
use crate::schemes::shamir::{Threshold, product_dealers};
use crate::session::Party;

/// The messages of [`Shamir`](crate::schemes::Shamir).
pub struct ShamirModel;

/// Nothing is to be remembered but the setting.
impl Memory for Threshold {
    fn fork(&self) -> Self {
        *self
    }
    fn absorb(&mut self, _child: Self) {}
}

impl Model for ShamirModel {
    type Memory = Threshold;

    const EXACT_TRUNCATION: bool = true;

    fn parties(setting: &Threshold) -> usize {
        setting.parties()
    }

    fn difference(_width: usize) -> (usize, Modulus) {
        (Mersenne61::WIDTH, Modulus::OneLess)
    }

    fn messages(setting: &mut Threshold, primitive: &Primitive<'_>) -> Steps {
        let setting = *setting;
        match *primitive {
            Primitive::Start => setting.start(),
            Primitive::Input { owner, len, bits, .. } => {
                vec![setting.dealt([owner], bytes(setting, len, bits))]
            }
            Primitive::Mul { len, bits, .. } => vec![setting.products(len, bits)],
            Primitive::Matmul { shape, bits, .. } => vec![setting.products(shape.product(), bits)],
            Primitive::Verify | Primitive::Seal { .. } => Vec::new(),
            Primitive::Open { len, bits, .. } => vec![setting.opened(len, bits, Receivers::All)],
            Primitive::Reveal { len, to, bits, .. } => vec![setting.opened(len, bits, to)],
            Primitive::Shuffle { len, bits, .. } => setting.passes(bytes(setting, len, bits)),
            Primitive::Unshuffle { len, bits, .. } => {
                let mut passes = setting.passes(bytes(setting, len, bits));
                passes.reverse();
                passes
            }
            Primitive::Difference { rows, .. } => setting.difference(rows),
            Primitive::TruncatedDifference { rows, .. } => {
                // Two bits of each step that leaves two of three.
                let moved = 2 * (setting.corruptible().len() - 2);
                [setting.difference(rows), setting.injected(rows, moved)].concat()
            }
            Primitive::Inject { rows, width, .. } => setting.injected(rows, width),
            Primitive::TruncateNear { .. } => Vec::new(),
        }
    }
}

fn bytes(setting: Threshold, len: usize, bits: bool) -> usize {
    len * if bits { Lanes::BYTES * setting.field().planes() } else { Mersenne61::BYTES }
}

impl Threshold {
    /// Keys of pairs, then of all outside each set.
    fn start(self) -> Steps {
        let sets = self.corruptible();
        let outside = |from: Party, to: Party| {
            sets.iter().filter(|set| !set.contains(&from) && !set.contains(&to)).count()
        };
        let all = |bytes: &dyn Fn(Party, Party) -> usize| {
            let from = |from| (1..self.parties()).map(move |places| self.message(Party(from), places, 0));
            let sized =
                |message: Message| Message { bytes: bytes(message.from, message.to) as u64, ..message };
            (0..self.parties()).flat_map(from).map(sized).collect()
        };
        vec![all(&|_, _| KEYS), all(&|from, to| 32 * outside(from, to))]
    }

    fn dealt(self, dealers: impl IntoIterator<Item = Party>, bytes: usize) -> Vec<Message> {
        let messages = dealers.into_iter().flat_map(|from| {
            (self.threshold() + 1..self.parties()).map(move |places| self.message(from, places, bytes))
        });
        messages.filter(|message| message.bytes > 0).collect()
    }

    fn message(self, from: Party, places: usize, bytes: usize) -> Message {
        Message { from, to: Party((from.0 + places) % self.parties()), bytes: bytes as u64 }
    }

    fn products(self, len: usize, bits: bool) -> Vec<Message> {
        self.dealt(product_dealers(self), bytes(self, len, bits))
    }

    fn opened(self, len: usize, bits: bool, to: Receivers<'_>) -> Vec<Message> {
        let bytes = bytes(self, len, bits);
        let from = |from: usize| {
            (1..=self.threshold())
                .map(move |places| self.message(Party(from), self.parties() - places, bytes))
        };
        let messages = (0..self.parties()).flat_map(from);
        messages.filter(|message| message.bytes > 0 && to.contain(message.to)).collect()
    }

    fn passes(self, bytes: usize) -> Steps {
        let dealers = |set: &Vec<Party>| self.others(set).into_iter().take(self.threshold() + 1);
        self.corruptible().iter().map(|set| self.dealt(dealers(set), bytes)).collect()
    }

    fn difference(self, rows: usize) -> Steps {
        let mut steps = vec![self.opened(rows, false, Receivers::All)];
        let mut addends = self.corruptible().len();
        while addends > 2 {
            let threes = addends / 3;
            steps.push(self.products(threes * Mersenne61::WIDTH * Lanes::words(rows), true));
            addends -= threes;
        }
        steps
    }

    fn injected(self, rows: usize, width: usize) -> Steps {
        let mut steps = Vec::new();
        let mut columns = self.corruptible().len();
        while columns > 1 {
            steps.push(self.products(columns / 2 * rows * width, false));
            columns -= columns / 2;
        }
        steps.push(self.opened(Lanes::words(rows) * width, true, Receivers::All));
        steps
    }
}
