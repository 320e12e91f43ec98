//! The rule by which points are split: exact, complete, and in the favour of nobody but the largest remainder.

use std::collections::{BTreeMap, BTreeSet};

use contract::{
    Contract, Did, Hash,
    document::Role,
    settlement::{Charge, Parts, Split},
};
use ledger::{
    Action, Happening, Refused, State, Transfer,
    governance::{Motion, Shares},
    settlement::{Basis, apportion, settle},
};
use proptest::prelude::*;

use crate::{
    governance::pass,
    world::{FEE, POINTS, World, hash},
};

#[test]
fn points_left_over_go_to_the_largest_remainders() {
    // 600 by 180, 130 and 87 of 397: 272.04, 196.47, 131.49.
    assert_eq!(apportion(600, &[180, 130, 87]), [272, 196, 132]);
    // Equal remainders: the first ones.
    assert_eq!(apportion(10, &[1, 1, 1]), [4, 3, 3]);
    assert_eq!(apportion(11, &[1, 1, 1]), [4, 4, 3]);
    assert_eq!(apportion(1, &[0, 5]), [0, 1]);
    assert_eq!(apportion(7, &[0, 0]), [0, 0]);
    assert_eq!(apportion(7, &[]), [0_u64; 0]);
    assert_eq!(
        apportion(u64::MAX, &[u64::MAX, u64::MAX, 1]).iter().map(|share| u128::from(*share)).sum::<u128>(),
        u64::MAX.into()
    );
}

#[test]
fn without_rows_providers_share_evenly_and_without_recipients_the_payer_keeps_the_fee() {
    let world = World::new();
    let mut contract = world.contract();
    let to = |transfers: &[Transfer], role| -> Vec<u64> {
        transfers.iter().filter(|transfer| transfer.role == role).map(|transfer| transfer.points).collect()
    };
    let no_rows: BTreeMap<_, _> = (0..3).map(|member| (world.did(member), 0)).collect();
    let transfers = settle(&contract, &basis(FEE, no_rows.clone()));
    assert_eq!(to(&transfers, Role::DataProvider), [200, 200, 200]);

    for party in &mut contract.parties {
        party.roles = BTreeSet::from([Role::DataUser]);
    }
    let back = Transfer { to: world.did(0), points: FEE, role: Role::DataUser };
    assert_eq!(settle(&contract, &basis(FEE, BTreeMap::new())), [back]);
    assert_eq!(settle(&contract, &basis(0, BTreeMap::new())), []);
    assert_eq!(settle(&world.contract(), &basis(FEE, no_rows)).iter().map(|t| t.points).sum::<u64>(), FEE);
}

fn basis(fee: u64, rows: BTreeMap<Did, u64>) -> Basis {
    let shares = Shares { providers: 10_000, compute_parties: 0, algorithm_providers: 0 };
    Basis { fee, shares, rows, contributions: BTreeMap::new() }
}

/// What each of the three members gets as data provider.
fn to_providers(world: &World, contract: &Contract, basis: &Basis) -> [u64; 3] {
    let transfers = settle(contract, basis);
    [0, 1, 2].map(|member| {
        let paid = |t: &&Transfer| t.to == world.did(member) && t.role == Role::DataProvider;
        transfers.iter().filter(paid).map(|transfer| transfer.points).sum()
    })
}

#[test]
fn providers_share_as_the_contract_says() {
    let world = World::new();
    let mut contract = world.contract();
    let rows: BTreeMap<Did, u64> = (0..3).zip([180, 130, 87]).map(|(m, rows)| (world.did(m), rows)).collect();
    let mut basis = basis(1_000, rows);
    assert_eq!(to_providers(&world, &contract, &basis), [272, 196, 132]);
    contract.settlement.split = Split::Even;
    assert_eq!(to_providers(&world, &contract, &basis), [200, 200, 200]);
    contract.settlement.split = Split::Weights(BTreeMap::from([(world.did(0), 1), (world.did(2), 3)]));
    assert_eq!(to_providers(&world, &contract, &basis), [150, 0, 450]);
    contract.settlement.split = Split::Contribution;
    assert_eq!(to_providers(&world, &contract, &basis), [272, 196, 132], "not measured: by rows");
    basis.contributions = (0..3).zip([0, 5, 1]).map(|(member, value)| (world.did(member), value)).collect();
    assert_eq!(to_providers(&world, &contract, &basis), [0, 500, 100]);
    contract.settlement.parts = Parts::Alliance;
    assert_eq!(to_providers(&world, &contract, &basis).iter().sum::<u64>(), 1_000);
}

/// A completed run under a contract with another rule.
fn completed(world: &World, contract: &Contract) -> (State, Hash) {
    let (mut state, id) = world.activated(contract);
    world.complete(&mut state, id, hash("run"));
    (state, id)
}

#[test]
fn a_fixed_fee_is_due_once() {
    let world = World::new();
    let mut contract = world.contract();
    contract.settlement.charge = Charge::Fixed;
    let (mut state, id) = completed(&world, &contract);
    let after_one: Vec<u64> = (0..3).map(|member| state.balance(&world.did(member))).collect();
    world.complete(&mut state, id, hash("second"));
    let after_two: Vec<u64> = (0..3).map(|member| state.balance(&world.did(member))).collect();
    assert_eq!(after_one, after_two);
    assert_ne!(after_one[1], POINTS);
}

#[test]
fn a_vote_on_the_shares_counts_from_the_next_settlement_on() {
    let world = World::new();
    let mut contract = world.contract();
    contract.settlement.parts = Parts::Alliance;
    let (mut state, id) = completed(&world, &contract);
    let before = state.balance(&world.did(1));
    // 7,000 parts by rows, 2,000 evenly, all of the last 1,000.
    assert_eq!(before, POINTS + 229 + 67 + 100);
    let shares = Shares { providers: 0, compute_parties: 0, algorithm_providers: 10_000 };
    pass(&world, &mut state, Motion::SetShares(shares));
    world.complete(&mut state, id, hash("second"));
    assert_eq!(state.balance(&world.did(1)), before + FEE);
}

#[test]
fn contributions_count_when_all_compute_parties_state_the_same() {
    let world = World::new();
    let mut contract = world.contract();
    contract.settlement.split = Split::Contribution;
    let run = hash("run");
    let (mut state, _) = completed(&world, &contract);
    assert_eq!(state.escrow(&run), FEE, "held until contributions are stated");
    let stated = |values: [u64; 3]| Action::StateContributions {
        run,
        contributions: (0..3).zip(values).map(|(member, value)| (world.did(member), value)).collect(),
    };
    let strange = Action::StateContributions { run, contributions: BTreeMap::new() };
    assert_eq!(world.act(&mut state, 0, strange).unwrap_err(), Refused::Contributions { run });
    for member in 0..2 {
        world.act(&mut state, member, stated([1, 0, 2])).unwrap();
    }
    let twice = world.act(&mut state, 0, stated([1, 0, 2])).unwrap_err();
    assert!(matches!(twice, Refused::AlreadyDone { .. }));
    let mut late = state.clone();
    let events = world.act(&mut state, 2, stated([1, 0, 2])).unwrap();
    assert!(matches!(events[1].what, Happening::Settled { .. }));
    // 600 for providers, 300 for compute parties, 100 for lake.
    let balances = [0, 1, 2].map(|member| state.balance(&world.did(member)));
    assert_eq!(balances, [POINTS - FEE + 200 + 100, POINTS + 200, POINTS + 400 + 100]);
    // One that says otherwise: by rows, when the time is over.
    world.act(&mut late, 2, stated([9, 0, 0])).unwrap();
    assert_eq!(late.escrow(&run), FEE);
    let publish = Action::PublishDataset(Box::new(world.dataset(0, 2)));
    let signed = world.sign(&late, &world.members[0], publish);
    late.apply(late.time() + 30 * 86_400, &signed).unwrap();
    assert_eq!((late.escrow(&run), late.balance(&world.did(2))), (0, POINTS + 132 + 100));
    let other = world.contract();
    let (mut state, _) = completed(&world, &other);
    let refused = world.act(&mut state, 0, stated([1, 1, 1])).unwrap_err();
    assert_eq!(refused, Refused::Contributions { run }, "the contract doesn't ask for it");
}

proptest! {
    #[test]
    fn shares_sum_up_and_none_is_a_point_off(amount in any::<u64>(), weights in prop::collection::vec(0..u64::MAX / 64, 1..40)) {
        let shares = apportion(amount, &weights);
        let total: u128 = weights.iter().copied().map(u128::from).sum();
        prop_assert_eq!(shares.len(), weights.len());
        let sum: u128 = shares.iter().copied().map(u128::from).sum();
        prop_assert_eq!(sum, if total == 0 { 0 } else { amount.into() });
        for (share, weight) in shares.iter().zip(&weights) {
            let floor = (u128::from(amount) * u128::from(*weight)).checked_div(total).unwrap_or(0);
            prop_assert!((floor..=floor + 1).contains(&u128::from(*share)));
        }
    }

    #[test]
    fn a_fee_is_paid_out_in_full(fee in 0..1_u64 << 53, first in 0..=10_000_u16, second in 0..=10_000_u16, rows in prop::array::uniform3(0..1_u64 << 40)) {
        let world = World::new();
        let mut contract = world.contract();
        contract.settlement.fee = fee;
        contract.settlement.providers = first;
        contract.settlement.compute_parties = second.min(10_000 - first);
        contract.settlement.algorithm_providers = 10_000 - first - contract.settlement.compute_parties;
        let rows = rows.into_iter().enumerate().map(|(member, rows)| (world.did(member), rows)).collect();
        let transfers = settle(&contract, &basis(fee, rows));
        prop_assert_eq!(transfers.iter().map(|transfer| transfer.points).sum::<u64>(), fee);
        prop_assert!(transfers.iter().all(|transfer| transfer.points > 0));
    }
}
