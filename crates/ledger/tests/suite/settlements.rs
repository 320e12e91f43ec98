//! The rule by which points are split: exact, complete, and in the favour of nobody but the largest remainder.

use std::collections::{BTreeMap, BTreeSet};

use contract::document::Role;
use ledger::{
    Transfer,
    settlement::{apportion, settle},
};
use proptest::prelude::*;

use crate::world::{FEE, World};

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
    let transfers = settle(&contract, &no_rows);
    assert_eq!(to(&transfers, Role::DataProvider), [200, 200, 200]);

    for party in &mut contract.parties {
        party.roles = BTreeSet::from([Role::DataUser]);
    }
    let back = Transfer { to: world.did(0), points: FEE, role: Role::DataUser };
    assert_eq!(settle(&contract, &BTreeMap::new()), [back]);
    contract.settlement.fee = 0;
    assert_eq!(settle(&contract, &BTreeMap::new()), []);
    assert_eq!(settle(&world.contract(), &no_rows).iter().map(|t| t.points).sum::<u64>(), FEE);
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
        let transfers = settle(&contract, &rows);
        prop_assert_eq!(transfers.iter().map(|transfer| transfer.points).sum::<u64>(), fee);
        prop_assert!(transfers.iter().all(|transfer| transfer.points > 0));
    }
}
