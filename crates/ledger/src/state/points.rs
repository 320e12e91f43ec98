//! Points: accounts of members, and what runs hold in escrow. The sum of both never changes.

use std::collections::BTreeMap;

use contract::{Did, Hash};
use rpds::RedBlackTreeMapSync as Map;

use crate::settlement::Transfer;

/// All points of the alliance.
#[derive(Clone, Debug)]
pub(super) struct Points {
    balances: Map<Did, u64>,
    escrow: Map<Hash, u64>,
}

impl Points {
    pub(super) fn new(founding: &BTreeMap<Did, u64>) -> Self {
        let balances = founding.iter().map(|(member, points)| (*member, *points)).collect();
        Self { balances, escrow: Map::default() }
    }

    pub(super) fn balance(&self, member: &Did) -> u64 {
        self.balances.get(member).copied().unwrap_or(0)
    }

    pub(super) fn escrow(&self, run: &Hash) -> u64 {
        self.escrow.get(run).copied().unwrap_or(0)
    }

    /// Balances and escrow together; costs one look at each account and open run.
    pub(super) fn total(&self) -> u64 {
        self.balances.values().chain(self.escrow.values()).sum()
    }

    /// Moves a fee from the payer into the run's escrow; without effect when the payer has less.
    pub(super) fn hold(&mut self, payer: Did, run: Hash, fee: u64) -> bool {
        let Some(rest) = self.balance(&payer).checked_sub(fee) else { return false };
        if fee > 0 {
            self.balances.insert_mut(payer, rest);
            self.escrow.insert_mut(run, fee);
        }
        true
    }

    /// Moves all of a run's escrow; the transfers must sum to it.
    pub(super) fn release(&mut self, run: &Hash, transfers: &[Transfer]) {
        let sum: u64 = transfers.iter().map(|transfer| transfer.points).sum();
        debug_assert_eq!(sum, self.escrow(run), "a release moves exactly what is held");
        self.escrow.remove_mut(run);
        for transfer in transfers {
            self.balances.insert_mut(transfer.to, self.balance(&transfer.to) + transfer.points);
        }
    }
}
