//! Orders, segments, extremes with their places, the first rows of an order, and quantiles.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ring::Number;
use treaty_engine::mpc::{Mpc, Numbers, Shares};
use treaty_engine::ops::{self, Between, Order, Quantile, Segments, SortKey};
use treaty_engine::{Error, Result};

use super::harness::{Tested, columns, numbers, random, ring_bits, rows, session};
use super::on_all_schemes;

on_all_schemes!(
    secret_permutations,
    other_columns_are_no_permutations,
    segments,
    extremes_and_places,
    ties_go_to_the_first,
    sorts_by_several_keys,
    first_rows,
    column_quantiles,
    quantiles_of_groups,
    quantiles_have_limits
);

fn permutation() -> impl Strategy<Value = Vec<i128>> {
    rows().prop_flat_map(|rows| Just((0..rows as i128).collect::<Vec<_>>()).prop_shuffle())
}

fn secret_permutations<S: Tested>() {
    let two = permutation().prop_flat_map(|first| (Just(first.clone()), Just(first).prop_shuffle()));
    random(two, |(first, second)| {
        let values: Vec<_> = (0..first.len() as i128).map(|row| 7 * row - 20).collect();
        let (found, _) = numbers::<S>(&[first.clone(), second.clone(), values.clone()], |protocol, x| {
            let orders = [Order::from_places(protocol, &x[0])?, Order::from_places(protocol, &x[1])?];
            let applied = orders[0].apply(protocol, &x[2])?;
            let undone = orders[0].undo(protocol, &x[2])?;
            let both = orders[0].then(protocol, &orders[1])?.apply(protocol, &x[2])?;
            let places = orders[1].places(protocol)?;
            let binary = ops::decompose(protocol, &x[0], 9)?;
            let binary = orders[1].undo_bits(protocol, &binary)?;
            let composed = ops::compose(protocol, &binary)?;
            Ok(Shares::concat(&[&applied, &undone, &both, &places, &composed]))
        });
        let rows = first.len();
        for row in 0..rows {
            let (to, then) = (first[row] as usize, second[first[row] as usize] as usize);
            assert_eq!(found[to], values[row], "applied");
            assert_eq!(found[rows + row], values[to], "undone");
            assert_eq!(found[2 * rows + then], values[row], "composed");
            assert_eq!(found[3 * rows + row], second[row], "places");
            assert_eq!(found[4 * rows + row], first[second[row] as usize], "bits undone");
        }
    });
}

fn other_columns_are_no_permutations<S: Tested>() {
    for places in [&[0u128, 0][..], &[1, 2, 3], &[u128::MAX], &[0, 1, 1 << 40]] {
        let found = session::<S, _>(|protocol| {
            let places: Vec<_> = places.iter().map(|place| S::Num::from_u128(*place)).collect();
            let places = Mpc::<S::Num>::public(protocol, &places);
            Order::from_places(protocol, &places).map(|_| ())
        });
        assert!(
            found.iter().all(|found| *found == Err(Error::NotAPermutation { rows: places.len() })),
            "{places:?}"
        );
    }
}

fn segments<S: Tested>() {
    random(columns(3, 30), |mut inputs| {
        let rows = inputs[0].len();
        inputs[0].iter_mut().for_each(|start| *start = i128::from(*start % 3 == 0));
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let starts = ops::decompose(protocol, &x[0], 1)?;
            let segments = Segments::new(protocol, &starts)?;
            let both = Shares::concat(&[&x[1], &x[2]]);
            let first = segments.first(protocol, &both)?;
            let sums = segments.running_sum(protocol, &both)?;
            let total = segments.total(protocol, &both)?;
            let count = segments.running_count(protocol)?;
            let length = segments.length(protocol)?;
            Ok(Shares::concat(&[&first, &sums, &total, &count, &length]))
        });
        let column = |column: usize| &found[column * rows..(column + 1) * rows];
        let mut row = 0;
        while row < rows {
            let end = (row + 1..rows).find(|row| inputs[0][*row] == 1).unwrap_or(rows);
            for (place, input) in [(0, &inputs[1]), (1, &inputs[2])] {
                let total: i128 = input[row..end].iter().sum();
                for at in row..end {
                    assert_eq!(column(place)[at], input[row], "first at {at}");
                    assert_eq!(
                        column(2 + place)[at],
                        input[row..=at].iter().sum::<i128>(),
                        "running sum at {at}"
                    );
                    assert_eq!(column(4 + place)[at], total, "total at {at}");
                }
            }
            for at in row..end {
                assert_eq!(
                    [column(6)[at], column(7)[at]],
                    [at - row + 1, end - row].map(|count| count as i128)
                );
            }
            row = end;
        }
    });
}

fn extremes_and_places<S: Tested>() {
    for blocks in [1, 2, 5, 7] {
        random(columns(blocks, 30), |inputs| check_extremes::<S>(&inputs.concat(), blocks, 32));
    }
    let width = ring_bits::<S>().min(64) - 2;
    random(columns(1, width - 2), |inputs| {
        if !inputs[0].is_empty() {
            check_extremes::<S>(&inputs[0], inputs[0].len(), width);
        }
    });
}

fn ties_go_to_the_first<S: Tested>() {
    random(columns(1, 1), |inputs| {
        if !inputs[0].is_empty() {
            check_extremes::<S>(&inputs[0], inputs[0].len(), 3);
        }
    });
    let found = session::<S, _>(|protocol| {
        let none = <Numbers<S>>::zeros(0);
        ops::argmax_blocks(protocol, &none, &[], 0, 8).map(|_| ())
    });
    assert!(found.iter().all(|found| matches!(found, Err(Error::Lengths { .. }))));
}

fn check_extremes<S: Tested>(x: &[i128], blocks: usize, width: u32) {
    let payload: Vec<_> = (0..x.len() as i128).map(|row| row * row - 3).collect();
    let (found, _) = numbers::<S>(&[x.to_vec(), payload.clone()], |protocol, x| {
        let least = ops::argmin_blocks(protocol, &x[0], &x[1..], blocks, width)?;
        let most = ops::argmax_blocks(protocol, &x[0], &x[1..], blocks, width)?;
        let columns =
            [&least.value, &least.place, &least.payload[0], &most.value, &most.place, &most.payload[0]];
        Ok(Shares::concat(&columns))
    });
    let rows = x.len() / blocks;
    for row in 0..rows {
        let of_block = |block: usize| x[block * rows + row];
        let least = (0..blocks).min_by_key(|block| (of_block(*block), *block)).unwrap();
        let most = (0..blocks).min_by_key(|block| (-of_block(*block), *block)).unwrap();
        let of = |block: usize| [of_block(block), block as i128, payload[block * rows + row]];
        let expected = [of(least), of(most)].concat();
        let found: Vec<_> = (0..6).map(|column| found[column * rows + row]).collect();
        assert_eq!(found, expected, "row {row} of {blocks} blocks");
    }
}

/// Rows sorted by the first column descending, then by the second, both of few values.
fn sorted_rows(inputs: &[Vec<i128>]) -> Vec<usize> {
    let mut order: Vec<_> = (0..inputs[0].len()).collect();
    order.sort_by_key(|row| (-inputs[0][*row], inputs[1][*row]));
    order
}

fn by_two_keys<S: Tested, T>(
    protocol: &mut S,
    x: &[Numbers<S>],
    then: impl Fn(&mut S, &[SortKey<'_, S>]) -> Result<T>,
) -> Result<T> {
    let (first, second) = (ops::sortable(protocol, &x[0], 4)?, ops::sortable(protocol, &x[1], 4)?);
    let keys = [SortKey { bits: &first, descending: true }, SortKey { bits: &second, descending: false }];
    then(protocol, &keys)
}

fn sorts_by_several_keys<S: Tested>() {
    random(columns(3, 2), |mut inputs| {
        inputs[2] = (0..inputs[0].len() as i128).collect();
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let order = by_two_keys(protocol, x, |protocol, keys| ops::sort_by(protocol, keys))?;
            order.apply(protocol, &x[2])
        });
        assert_eq!(found, sorted_rows(&inputs).into_iter().map(|row| row as i128).collect::<Vec<_>>());
    });
}

fn first_rows<S: Tested>() {
    random((columns(3, 2), 0usize..100), |(mut inputs, k)| {
        inputs[2] = (0..inputs[0].len() as i128).collect();
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let first = by_two_keys(protocol, x, |protocol, keys| ops::top_k(protocol, keys, x, k))?;
            Ok(Shares::concat(&first.iter().collect::<Vec<_>>()))
        });
        let first: Vec<_> = sorted_rows(&inputs).into_iter().take(k).collect();
        let expected = inputs.iter().flat_map(|column| first.iter().map(|row| column[*row]));
        assert_eq!(found, expected.collect::<Vec<_>>());
    });
}

fn quantile() -> impl Strategy<Value = Quantile> {
    let between = prop_oneof![Just(Between::Linear), Just(Between::Discrete)];
    let fraction = (1u32..9).prop_flat_map(|denominator| (0..=denominator, Just(denominator)));
    (fraction, between).prop_map(|((numerator, denominator), between)| Quantile {
        numerator,
        denominator,
        between,
    })
}

/// The scaled quantile of sorted values.
fn expected(sorted: &[i128], quantile: &Quantile) -> i128 {
    let (numerator, denominator) = (quantile.numerator as usize, quantile.denominator as usize);
    match quantile.between {
        Between::Linear => {
            let (place, part) =
                (numerator * (sorted.len() - 1) / denominator, numerator * (sorted.len() - 1) % denominator);
            let next = sorted.get(place + 1).copied().unwrap_or(0);
            sorted[place] * (denominator - part) as i128 + next * part as i128
        }
        // The first value of which the share of values up to it reaches the fraction.
        Between::Discrete => {
            *sorted
                .iter()
                .enumerate()
                .find(|(place, _)| (place + 1) * denominator >= numerator * sorted.len())
                .unwrap()
                .1
        }
    }
}

fn column_quantiles<S: Tested>() {
    random((columns(1, 40), prop::collection::vec(quantile(), 0..4)), |(inputs, wanted)| {
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let found = ops::quantiles(protocol, &x[0], 42, &wanted)?;
            Ok(Shares::concat(&found.iter().collect::<Vec<_>>()))
        });
        let mut sorted = inputs[0].clone();
        sorted.sort_unstable();
        let expected =
            wanted.iter().map(|quantile| if sorted.is_empty() { 0 } else { expected(&sorted, quantile) });
        assert_eq!(found, expected.collect::<Vec<_>>(), "{wanted:?}");
    });
}

fn quantiles_of_groups<S: Tested>() {
    random((columns(3, 3), prop::collection::vec(quantile(), 0..4)), |(mut inputs, wanted)| {
        let rows = inputs[0].len();
        inputs[1].iter_mut().for_each(|valid| *valid = i128::from(*valid % 4 != 1));
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let keys = ops::sortable(protocol, &x[0], 4)?;
            let valid = ops::decompose(protocol, &x[1], 1)?;
            let found = ops::group_quantiles(protocol, &keys, &valid, &x[2], 5, &wanted)?;
            let counts = found.groups.count(protocol)?;
            Ok(Shares::concat(&found.values.iter().chain([&counts]).collect::<Vec<_>>()))
        });
        let mut groups: BTreeMap<i128, Vec<i128>> = BTreeMap::new();
        for row in (0..rows).filter(|row| inputs[1][*row] == 1) {
            groups.entry(inputs[0][row]).or_default().push(inputs[2][row]);
        }
        groups.values_mut().for_each(|values| values.sort_unstable());
        for (column, quantile) in wanted.iter().enumerate() {
            let mut expected: Vec<_> = groups.values().map(|values| expected(values, quantile)).collect();
            expected.resize(rows, 0);
            assert_eq!(found[column * rows..(column + 1) * rows], expected, "{quantile:?}");
        }
        let mut counts: Vec<_> = groups.values().map(|values| values.len() as i128).collect();
        counts.resize(rows, 0);
        assert_eq!(found[wanted.len() * rows..], counts);
    });
}

fn quantiles_have_limits<S: Tested>() {
    let quantile = |numerator, denominator| Quantile { numerator, denominator, between: Between::Linear };
    for quantile in [quantile(3, 2), quantile(0, 0), quantile(1, 1 << 30)] {
        let found = session::<S, _>(|protocol| {
            let x = Mpc::<S::Num>::constant(protocol, S::Num::from_u128(1), 3);
            let width = <S::Num as ring::Ring>::BITS - 4;
            ops::quantiles(protocol, &x, width, &[quantile]).map(|_| ())
        });
        assert!(found.iter().all(|found| matches!(found, Err(Error::OutOfRange { .. }))), "{quantile:?}");
    }
}
