//! Shuffling, sorting, scans and groups.

use std::collections::BTreeMap;

use proptest::prelude::*;
use treaty_engine::mpc::{Bits, Mpc, Numbers, Shares, Shuffle};
use treaty_engine::{Result, ops};

use super::harness::{Tested, columns, numbers, random, ring_bits, rows};
use super::on_all_schemes;

on_all_schemes!(
    dots,
    shuffles,
    sorts,
    sorts_in_stages,
    sorts_by_one_bit,
    sorts_by_wide_keys,
    scans,
    groups,
    groups_valid_rows
);

fn dots<S: Tested>() {
    random(columns(6, 28), |inputs| {
        let (found, cost) = numbers::<S>(&inputs, |protocol, x| {
            let (left, right) = x.split_at(3);
            let concat = |columns: &[Numbers<S>]| Shares::concat(&columns.iter().collect::<Vec<_>>());
            Mpc::<S::Num>::dot(protocol, &concat(left), &concat(right), 3)
        });
        assert!(cost.bytes_sent <= (inputs[0].len() * S::dot_bytes(3)) as u64);
        let expected = (0..inputs[0].len())
            .map(|row| (0..3).map(|term| inputs[term][row] * inputs[term + 3][row]).sum());
        assert_eq!(found, expected.collect::<Vec<i128>>());
    });
}

fn shuffles<S: Tested>() {
    random(rows(), |rows| {
        let inputs = vec![(0..rows as i128).collect::<Vec<_>>(), (0..rows as i128).map(|row| -row).collect()];
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let hidden = protocol.hidden_permutation(rows);
            let moved = Shuffle::<S::Num>::shuffle(protocol, &Shares::concat(&[&x[0], &x[1]]), &hidden)?;
            let back = Shuffle::<S::Num>::unshuffle(protocol, &moved, &hidden)?;
            Ok(Shares::concat(&[&moved, &back]))
        });
        let (moved, back) = found.split_at(2 * rows);
        assert_eq!(back, inputs.concat());
        assert!((0..rows).all(|row| moved[row] == -moved[rows + row]), "columns move alike");
        let mut sorted = moved[..rows].to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, inputs[0]);
        assert!(S::compute_parties() == 1 || rows < 60 || moved[..rows] != inputs[0], "rows move");
    });
}

/// Sorts the second column by the first and sorts it back, with both algorithms and the cheaper one; checks against the
/// standard library's stable sort.
fn check_sort<S: Tested>(inputs: &[Vec<i128>], keys: impl Fn(&mut S, &Numbers<S>) -> Result<Bits<S>> + Sync) {
    let mut rows: Vec<_> = inputs[0].iter().copied().zip(inputs[1].iter().copied()).collect();
    rows.sort_by_key(|row| row.0);
    let (sorted, payload): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let lowest = sorted.iter().map(|key| key & 1).collect();
    let expected = [sorted, payload, inputs[0].clone(), inputs[1].clone(), lowest].concat();
    for sort in [ops::sort::<S>, ops::radix_sort::<S>, ops::comparison_sort::<S>] {
        let (found, _) = numbers::<S>(inputs, |protocol, x| {
            let keys = keys(protocol, &x[0])?;
            let order = sort(protocol, &keys)?;
            let sorted = order.apply(protocol, &Shares::concat(&[&x[0], &x[1]]))?;
            let again = order.undo(protocol, &sorted)?;
            let bits = order.apply_bits(protocol, &keys)?;
            let lowest = protocol.inject(&bits.bit(0))?;
            Ok(Shares::concat(&[&sorted, &again, &lowest]))
        });
        assert_eq!(found, expected);
    }
}

/// Row counts at which the sort by comparisons takes another stage, whatever order the rows come in.
fn sorts_in_stages<S: Tested>() {
    for rows in [254, 255, 256, 300, 2047, 2049, 5000] {
        let orders: [fn(i128) -> i128; 4] = [|row| row, |row| -row, |_| 7, |row| row * 7919 % 1009];
        for order in orders {
            let inputs = vec![(0..rows).map(order).collect(), (0..rows).collect()];
            let (found, _) = numbers::<S>(&inputs, |protocol, x| {
                let keys = ops::sortable(protocol, &x[0], 14)?;
                ops::comparison_sort(protocol, &keys)?.apply(protocol, &x[1])
            });
            let mut expected: Vec<_> = (0..rows).collect();
            expected.sort_by_key(|row| order(*row));
            assert_eq!(found, expected, "{rows} rows");
        }
    }
}

fn sorts<S: Tested>() {
    random(prop_oneof![columns(2, 2), columns(2, 15)], |inputs| {
        check_sort::<S>(&inputs, |protocol, x| ops::sortable(protocol, x, 17));
    });
}

fn sorts_by_one_bit<S: Tested>() {
    random(columns(2, 1), |mut inputs| {
        inputs[0].iter_mut().for_each(|key| *key &= 1);
        check_sort::<S>(&inputs, |protocol, x| ops::decompose(protocol, x, 1));
        check_sort::<S>(&inputs, |protocol, x| ops::decompose(protocol, x, 2));
    });
}

/// Keys that need more than one word with the row's number.
fn sorts_by_wide_keys<S: Tested>() {
    let width = ring_bits::<S>().min(64);
    random(columns(2, width - 2), |inputs| {
        check_sort::<S>(&inputs, |protocol, x| ops::sortable(protocol, x, width));
    });
}

fn scans<S: Tested>() {
    random((columns(2, 20), any::<bool>()), |(mut inputs, largest)| {
        inputs[0].iter_mut().for_each(|start| *start = i128::from(*start % 3 == 0));
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let starts = ops::decompose(protocol, &x[0], 1)?;
            let running = if largest {
                ops::segmented_max(protocol, &x[1], &starts, 22)?
            } else {
                ops::segmented_min(protocol, &x[1], &starts, 22)?
            };
            Ok(Shares::concat(&[&running, &ops::prefix_sum::<S>(&x[1])]))
        });
        let (mut best, mut sum) = (None, 0);
        for row in 0..inputs[0].len() {
            let value = inputs[1][row];
            best = match best {
                Some(best) if inputs[0][row] == 0 && largest => Some(value.max(best)),
                Some(best) if inputs[0][row] == 0 => Some(value.min(best)),
                _ => Some(value),
            };
            sum += value;
            assert_eq!(Some(found[row]), best, "row {row}");
            assert_eq!(found[inputs[0].len() + row], sum, "row {row}");
        }
    });
}

fn groups<S: Tested>() {
    random(columns(2, 4), |inputs| {
        let rows = inputs[0].len();
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let keys = ops::sortable(protocol, &x[0], 5)?;
            let groups = ops::group(protocol, &keys)?;
            let counts = groups.count(protocol)?;
            let sums = groups.sum(protocol, &x[1])?;
            let least = groups.min(protocol, &x[1], 6)?;
            let most = groups.max(protocol, &x[1], 6)?;
            let keys = ops::compose(protocol, groups.keys())?;
            let first = groups.first(protocol, &x[1])?;
            Ok(Shares::concat(&[&keys, &counts, &sums, &least, &most, &first, groups.occupied()]))
        });
        let mut expected: BTreeMap<i128, Vec<i128>> = BTreeMap::new();
        for (key, value) in inputs[0].iter().zip(&inputs[1]) {
            expected.entry(key + 16).or_default().push(*value);
        }
        let column = |column: usize| &found[column * rows..(column + 1) * rows];
        for (row, (key, values)) in expected.iter().enumerate() {
            let (least, most) = (values.iter().min().unwrap(), values.iter().max().unwrap());
            let of_group = [*key, values.len() as i128, values.iter().sum(), *least, *most, values[0], 1];
            assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|place| column(place)[row]), of_group, "group {row}");
        }
        for row in expected.len()..rows {
            assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|place| column(place)[row]), [0; 7], "row {row}");
        }
    });
}

/// Two columns at once, and rows that don't count.
fn groups_valid_rows<S: Tested>() {
    random((columns(3, 3), 0usize..20), |(mut inputs, bound)| {
        let rows = inputs[0].len();
        inputs[2].iter_mut().for_each(|valid| *valid &= 1);
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let keys = ops::sortable(protocol, &x[0], 4)?;
            let valid = ops::decompose(protocol, &x[2], 1)?;
            let groups = ops::group_where(protocol, &keys, &valid)?;
            let both = Shares::concat(&[&x[1], &x[0]]);
            let sums = groups.sum(protocol, &both)?;
            let first = groups.first(protocol, &both)?;
            let counts = groups.count(protocol)?;
            let keys = ops::compose(protocol, groups.keys())?;
            let most = groups.max(protocol, &x[1], 5)?;
            Ok(Shares::concat(&[
                &keys,
                &counts,
                &most,
                &sums,
                &first,
                groups.occupied(),
                &groups.exceed(bound),
            ]))
        });
        let mut expected: BTreeMap<i128, Vec<i128>> = BTreeMap::new();
        for row in (0..rows).filter(|row| inputs[2][*row] == 1) {
            expected.entry(inputs[0][row]).or_default().push(inputs[1][row]);
        }
        let column = |column: usize| &found[column * rows..(column + 1) * rows];
        let row = |row: usize| [0, 1, 2, 3, 4, 5, 6, 7].map(|place| column(place)[row]);
        for (place, (key, values)) in expected.iter().enumerate() {
            let (count, sum) = (values.len() as i128, values.iter().sum());
            let most = values.iter().max().unwrap();
            assert_eq!(
                row(place),
                [key + 8, count, *most, sum, key * count, values[0], *key, 1],
                "group {place}"
            );
        }
        assert!((expected.len()..rows).all(|place| row(place) == [0; 8]));
        assert_eq!(found[8 * rows], i128::from(expected.len() > bound));
    });
}
