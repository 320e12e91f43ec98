//! Points: accounts of members, and what is held in escrow. The sum of both changes by vote only.

use std::collections::BTreeMap;

use contract::{Did, Hash};
use rpds::RedBlackTreeMapSync as Map;
use serde::Serialize;

use super::step::{Key, Step, check_text};
use crate::{Refused, event::Happening, refused::PointsRule, settlement::Transfer};

/// The most points that can be counted exactly everywhere.
const SUPPLY_END: u64 = 1 << 53;

/// For what points are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Escrow {
    /// A run's fee.
    Run(Hash),
    /// A proposal's deposit.
    Proposal(Hash),
    /// The price of access, by request.
    Access(Hash),
    /// A challenge's deposit.
    Dispute(Hash),
}

/// All points of the alliance.
#[derive(Clone, Debug)]
pub(super) struct Points {
    balances: Map<Did, u64>,
    escrow: Map<Escrow, u64>,
    supply: u64,
}

impl Points {
    pub(super) fn new(founding: &BTreeMap<Did, u64>) -> Self {
        let balances = founding.iter().map(|(member, points)| (*member, *points)).collect();
        Self { balances, escrow: Map::default(), supply: founding.values().sum() }
    }

    pub(super) fn balance(&self, member: &Did) -> u64 {
        self.balances.get(member).copied().unwrap_or(0)
    }

    pub(super) fn escrow(&self, what: Escrow) -> u64 {
        self.escrow.get(&what).copied().unwrap_or(0)
    }

    /// Balances and escrow together; costs one look at each account and each escrow.
    pub(super) fn total(&self) -> u64 {
        self.balances.values().chain(self.escrow.values()).sum()
    }

    /// What was founded and issued, less what was burnt.
    pub(super) fn supply(&self) -> u64 {
        self.supply
    }

    /// Moves points from an account into escrow; without effect when it has less.
    pub(super) fn hold(&mut self, payer: Did, what: Escrow, points: u64) -> bool {
        let Some(rest) = self.balance(&payer).checked_sub(points) else { return false };
        if points > 0 {
            self.balances.insert_mut(payer, rest);
            self.escrow.insert_mut(what, self.escrow(what) + points);
        }
        true
    }

    /// Moves all that is held there; the transfers must sum to it.
    pub(super) fn release(&mut self, what: Escrow, transfers: &[Transfer]) {
        let sum: u64 = transfers.iter().map(|transfer| transfer.points).sum();
        debug_assert_eq!(sum, self.escrow(what), "a release moves exactly what is held");
        self.escrow.remove_mut(&what);
        for transfer in transfers {
            self.credit(transfer.to, transfer.points);
        }
    }

    fn credit(&mut self, to: Did, points: u64) {
        self.balances.insert_mut(to, self.balance(&to) + points);
    }
}

impl Step {
    pub(super) fn transfer_points(
        &mut self,
        from: Did,
        to: Did,
        points: u64,
        note: &str,
    ) -> Result<(), Refused> {
        self.voter(&from)?;
        self.voter(&to)?;
        check_text(note, "note", 200)?;
        if from == to {
            return Err(PointsRule::ToOneself.into());
        }
        let rest = self.remaining(from, points)?;
        self.state.points.balances.insert_mut(from, rest);
        self.state.points.credit(to, points);
        self.touch_account(from);
        self.touch_account(to);
        self.emit(Happening::PointsTransferred { from, to, points, note: note.to_owned() });
        Ok(())
    }

    /// Takes a deposit or price into escrow.
    pub(super) fn hold(&mut self, payer: Did, what: Escrow, points: u64) -> Result<(), Refused> {
        if !self.state.points.hold(payer, what, points) {
            return Err(PointsRule::TooFew(payer, self.state.balance(&payer), points).into());
        }
        if points > 0 {
            self.touch_account(payer);
        }
        Ok(())
    }

    /// Gives all that is held to one account.
    pub(super) fn release_all(&mut self, what: Escrow, to: Did) {
        let points = self.state.points.escrow(what);
        if points > 0 {
            let role = contract::document::Role::DataUser;
            self.release(what, &[Transfer { to, points, role }]);
        }
    }

    pub(super) fn release(&mut self, what: Escrow, transfers: &[Transfer]) {
        self.state.points.release(what, transfers);
        for transfer in transfers {
            self.touch_account(transfer.to);
        }
    }

    /// By vote only.
    pub(super) fn issue_points(&mut self, to: Did, points: u64) -> Result<(), Refused> {
        self.voter(&to)?;
        let supply = self.state.points.supply.checked_add(points).filter(|supply| *supply < SUPPLY_END);
        let supply = supply.ok_or(PointsRule::TooMany)?;
        if points == 0 {
            return Err(PointsRule::None.into());
        }
        self.state.points.supply = supply;
        self.state.points.credit(to, points);
        self.touch(Key::Supply);
        self.touch_account(to);
        self.emit(Happening::PointsIssued { to, points });
        Ok(())
    }

    /// By vote only; also of those who have left.
    pub(super) fn burn_points(&mut self, from: Did, points: u64) -> Result<(), Refused> {
        let rest = self.remaining(from, points)?;
        self.state.points.balances.insert_mut(from, rest);
        self.state.points.supply = self.state.points.supply.saturating_sub(points);
        self.touch(Key::Supply);
        self.touch_account(from);
        self.emit(Happening::PointsBurnt { from, points });
        Ok(())
    }

    fn remaining(&self, from: Did, points: u64) -> Result<u64, Refused> {
        if points == 0 {
            return Err(PointsRule::None.into());
        }
        let balance = self.state.balance(&from);
        balance.checked_sub(points).ok_or_else(|| PointsRule::TooFew(from, balance, points).into())
    }
}
