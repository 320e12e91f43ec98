//! How a completed run's fee is split: a pure function that anyone can recompute from the ledger.
//!
//! Integers only. Shares that do not come out even are rounded by the largest-remainder method (Hamilton): every
//! recipient gets its share rounded down, and the points left over go one each to the largest remainders, equal
//! remainders in the order given. Nothing is created or lost.

use std::collections::BTreeMap;

use contract::{
    Contract, Did,
    document::Role,
    settlement::{Parts, Split},
};
use serde::{Deserialize, Serialize};

use crate::governance::Shares;

/// Points that leave a run's escrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Who receives them.
    pub to: Did,
    /// How many; at least 1.
    pub points: u64,
    /// In which role; the payer's change comes back as [`Role::DataUser`].
    pub role: Role,
}

/// What a settlement depends on beside the contract; all of it is on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Points in escrow.
    pub fee: u64,
    /// The parts that the alliance had voted when the run completed.
    pub shares: Shares,
    /// Each data provider's rows under the contract.
    pub rows: BTreeMap<Did, u64>,
    /// What each data provider contributed, as the compute parties measured it; empty when they did not.
    pub contributions: BTreeMap<Did, u64>,
}

/// Splits a run's fee by the contract's rule.
///
/// The fee is first split into three pots by the rule's parts of 10,000, then each pot among its recipients: data
/// providers as the contract says (evenly when nobody has any weight), the others evenly; all in the order of
/// identities. A pot without recipients gets nothing; when no pot has any, the payer gets the fee back.
pub fn settle(contract: &Contract, basis: &Basis) -> Vec<Transfer> {
    let rule = &contract.settlement;
    let shares = match rule.parts {
        Parts::Contract => Shares {
            providers: rule.providers,
            compute_parties: rule.compute_parties,
            algorithm_providers: rule.algorithm_providers,
        },
        Parts::Alliance => basis.shares,
    };
    let pots = [
        Pot {
            role: Role::DataProvider,
            part: shares.providers,
            weights: provider_weights(&rule.split, basis),
        },
        Pot::even(contract, Role::ComputeParty, shares.compute_parties),
        Pot::even(contract, Role::AlgorithmProvider, shares.algorithm_providers),
    ];
    let parts: Vec<u64> =
        pots.iter().map(|pot| if pot.weights.is_empty() { 0 } else { pot.part.into() }).collect();
    if parts.iter().all(|part| *part == 0) {
        return refund(rule.payer, basis.fee);
    }
    let amounts = apportion(basis.fee, &parts);
    pots.iter().zip(amounts).flat_map(|(pot, amount)| pot.transfers(amount)).collect()
}

/// Splits `amount` in proportion to `weights` by the largest-remainder method. The results sum to `amount`; when all
/// weights are zero they are all zero.
pub fn apportion(amount: u64, weights: &[u64]) -> Vec<u64> {
    let total: u128 = weights.iter().copied().map(u128::from).sum();
    if total == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: &u64| u128::from(amount) * u128::from(*weight);
    let mut shares: Vec<u64> =
        weights.iter().map(|weight| u64::try_from(exact(weight) / total).unwrap_or(u64::MAX)).collect();
    let left = amount - shares.iter().sum::<u64>();
    let mut order: Vec<(usize, u128)> =
        weights.iter().map(|weight| exact(weight) % total).enumerate().collect();
    order.sort_by_key(|(position, remainder)| (std::cmp::Reverse(*remainder), *position));
    for (position, _) in order.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        if let Some(share) = shares.get_mut(position) {
            *share += 1;
        }
    }
    shares
}

/// What one kind of recipient gets together.
struct Pot {
    role: Role,
    part: u16,
    weights: BTreeMap<Did, u64>,
}

impl Pot {
    fn even(contract: &Contract, role: Role, part: u16) -> Self {
        let members = contract.parties.iter().filter(|party| party.roles.contains(&role));
        Self { role, part, weights: members.map(|party| (party.member, 1)).collect() }
    }

    fn transfers(&self, amount: u64) -> Vec<Transfer> {
        let weights: Vec<u64> = self.weights.values().copied().collect();
        self.weights
            .keys()
            .zip(apportion(amount, &weights))
            .filter(|(_, points)| *points > 0)
            .map(|(to, points)| Transfer { to: *to, points, role: self.role })
            .collect()
    }
}

fn provider_weights(split: &Split, basis: &Basis) -> BTreeMap<Did, u64> {
    let of = |weight: &dyn Fn(&Did) -> u64| -> BTreeMap<Did, u64> {
        basis.rows.keys().map(|provider| (*provider, weight(provider))).collect()
    };
    let weights = match split {
        Split::Rows => basis.rows.clone(),
        Split::Even => of(&|_| 1),
        Split::Weights(agreed) => of(&|provider| agreed.get(provider).copied().unwrap_or(0).into()),
        Split::Contribution if basis.contributions.is_empty() => basis.rows.clone(),
        Split::Contribution => of(&|provider| basis.contributions.get(provider).copied().unwrap_or(0)),
    };
    if weights.values().all(|weight| *weight == 0) { of(&|_| 1) } else { weights }
}

/// The whole fee back to who paid it.
pub(crate) fn refund(payer: Did, fee: u64) -> Vec<Transfer> {
    if fee == 0 { Vec::new() } else { vec![Transfer { to: payer, points: fee, role: Role::DataUser }] }
}
