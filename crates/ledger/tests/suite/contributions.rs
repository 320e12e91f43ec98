//! Contributions by an independent model, and the axioms by which Shapley found them.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Did, SigningKey};
use ledger::contribution::{ContributionFlaw, PROVIDERS_MAX, VALUE_MAX, coalitions, shapley};
use proptest::prelude::*;

type Values = BTreeMap<BTreeSet<Did>, u64>;

fn providers(count: usize) -> Vec<Did> {
    (0..count).map(|number| SigningKey::from_seed(&[number as u8 + 1; 32]).did()).collect()
}

fn values(providers: &[Did], value: impl Fn(&BTreeSet<Did>) -> u64) -> Values {
    let all = providers.iter().copied().collect();
    coalitions(&all).into_iter().map(|coalition| (coalition.clone(), value(&coalition))).collect()
}

/// What each adds, over every order in which they may come.
fn over_all_orders(providers: &[Did], values: &Values) -> BTreeMap<Did, i128> {
    let mut sums = BTreeMap::new();
    for order in orders(providers) {
        let (mut here, mut last) = (BTreeSet::new(), 0);
        for next in order {
            here.insert(next);
            let value = i128::from(values[&here]);
            *sums.entry(next).or_default() += value - last;
            last = value;
        }
    }
    sums
}

fn orders(of: &[Did]) -> Vec<Vec<Did>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let first = |at: usize| {
        let rest: Vec<_> =
            of.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, did)| *did).collect();
        orders(&rest).into_iter().map(move |order| [vec![of[at]], order].concat())
    };
    (0..of.len()).flat_map(first).collect()
}

proptest! {
    #[test]
    fn contributions_are_the_average_over_all_orders(
        count in 1_usize..=5,
        worth in prop::collection::vec(0..=VALUE_MAX, 32),
    ) {
        let providers = providers(count);
        let values = values(&providers, |coalition| {
            let place = |did: &Did| providers.iter().position(|other| other == did).unwrap();
            worth[coalition.iter().map(|did| 1 << place(did)).sum::<usize>()]
        });
        let expected: BTreeMap<Did, u64> = over_all_orders(&providers, &values)
            .into_iter()
            .map(|(did, sum)| (did, u64::try_from(sum).unwrap_or(0)))
            .collect();
        prop_assert_eq!(shapley(&values).unwrap(), expected);
    }
}

#[test]
fn the_axioms_hold() {
    let all = providers(4);
    // Efficiency: where more never harm, all that is reached is handed out, 4! times.
    let sizes = values(&all, |coalition| (coalition.len() * coalition.len()) as u64);
    let found = shapley(&sizes).unwrap();
    assert_eq!(found.values().sum::<u64>(), 24 * 16);
    // Symmetry.
    assert!(found.values().all(|value| *value == 24 * 4), "{found:?}");
    // Nothing for whom nobody needs; the glove game: the first one's left glove, two right ones.
    let gloves = values(&all, |coalition| {
        u64::from(coalition.contains(&all[0]) && (coalition.contains(&all[1]) || coalition.contains(&all[2])))
    });
    let found = shapley(&gloves).unwrap();
    assert_eq!(all.iter().map(|did| found[did]).collect::<Vec<_>>(), [16, 4, 4, 0]);
}

#[test]
fn the_largest_values_are_exact_and_what_is_missing_is_named() {
    let most = providers(PROVIDERS_MAX);
    let found = shapley(&values(&most, |coalition| if coalition.contains(&most[0]) { VALUE_MAX } else { 0 }))
        .unwrap();
    assert_eq!(found[&most[0]], 40_320 * VALUE_MAX);
    assert!(found[&most[0]] < 1 << 53);

    let two = providers(2);
    let mut values = values(&two, |_| 7);
    let missing = BTreeSet::from([two[1]]);
    values.remove(&missing);
    assert_eq!(shapley(&values), Err(ContributionFlaw::Missing(missing.clone())));
    values.insert(missing, VALUE_MAX + 1);
    assert_eq!(shapley(&values), Err(ContributionFlaw::TooLarge(VALUE_MAX + 1)));
    assert_eq!(shapley(&BTreeMap::new()), Err(ContributionFlaw::Providers(0)));
    let many = BTreeMap::from([(providers(9).into_iter().collect(), 1)]);
    assert_eq!(shapley(&many), Err(ContributionFlaw::Providers(9)));
}
