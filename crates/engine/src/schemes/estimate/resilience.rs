//! What a computation needs beforehand where parties may vanish, noted in the order in which
//! [`Resilient`](crate::schemes::shamir::Resilient) makes it: channel by channel.

use std::collections::BTreeMap;

use crate::session::{Channel, Party};

/// What one channel knows of the preparation.
#[derive(Default)]
pub(super) struct Resilience {
    pub(super) mode: Mode,
    channel: Channel,
    needs: BTreeMap<u64, Vec<Need>>,
}

/// As in the scheme.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// All parties are there.
    #[default]
    Complete,
    /// Nothing is sent, and what would be is noted.
    Counting,
    /// Parties may vanish.
    Prepared,
}

/// What one operation needs.
pub(super) struct Need {
    pub(super) what: What,
    /// Elements that are shared anew.
    pub(super) len: usize,
    /// Whether these are words of bits.
    pub(super) bits: bool,
    /// Elements that are kept until they are used.
    pub(super) held: usize,
}

pub(super) enum What {
    /// Products of factors.
    Products,
    /// A pass of a shuffle, whose factor is known outside of that set.
    Pass(Vec<Party>),
    /// What a compute party shares.
    Input(Party),
}

impl Resilience {
    pub(super) fn fork(&mut self) -> Self {
        let channel = Channel::of_fork(self.channel.next_fork());
        Self { mode: self.mode, channel, needs: BTreeMap::new() }
    }

    pub(super) fn absorb(&mut self, child: Self) {
        self.needs.extend(child.needs);
    }

    /// The same channel in a run in which nothing is sent.
    pub(super) fn counting(&self) -> Self {
        Self { mode: Mode::Counting, channel: self.channel, needs: BTreeMap::new() }
    }

    pub(super) fn note(&mut self, need: Need) {
        self.needs.entry(self.channel.number()).or_default().push(need);
    }

    pub(super) fn into_needs(self) -> impl Iterator<Item = Need> {
        self.needs.into_values().flatten()
    }
}
