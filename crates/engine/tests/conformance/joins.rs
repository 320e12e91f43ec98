//! Joins, distinct rows and compaction, against nested loops.

use std::collections::BTreeSet;

use proptest::prelude::*;
use ring::Ring;
use treaty_engine::mpc::{Bits, Mixed, Numbers, Shares};
use treaty_engine::ops::{self, Side};
use treaty_engine::{Error, Result};

use super::harness::{Tested, columns, numbers, random, session};
use super::on_all_schemes;

on_all_schemes!(
    left_joins,
    left_joins_by_wide_keys,
    inner_joins,
    semi_and_anti_joins,
    joins_many,
    joins_nothing,
    refuses_other_widths,
    marks_distinct_rows,
    compacts
);

/// A table: keys, whether rows take part, and a value.
#[derive(Debug, Clone)]
struct Table {
    keys: Vec<i128>,
    valid: Option<Vec<bool>>,
    values: Vec<i128>,
}

impl Table {
    fn takes_part(&self, row: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid[row])
    }

    fn inputs(&self) -> Vec<Vec<i128>> {
        let valid = (0..self.keys.len()).map(|row| i128::from(self.takes_part(row))).collect();
        vec![self.keys.clone(), valid, self.values.clone()]
    }

    /// Without rows whose key already occurred.
    fn unique(mut self) -> Self {
        let mut seen = BTreeSet::new();
        let kept: Vec<_> = (0..self.keys.len()).filter(|row| seen.insert(self.keys[*row])).collect();
        let valid = |valid: &Vec<bool>| kept.iter().map(|row| valid[*row]).collect();
        self.valid = self.valid.as_ref().map(valid);
        self.values = kept.iter().map(|row| self.values[*row]).collect();
        self.keys = kept.iter().map(|row| self.keys[*row]).collect();
        self
    }

    /// The row that meets the key.
    fn find(&self, key: i128) -> Option<usize> {
        (0..self.keys.len()).find(|row| self.keys[*row] == key && self.takes_part(*row))
    }
}

fn table(bits: u32) -> impl Strategy<Value = Table> {
    (columns(3, bits), any::<bool>()).prop_map(|(mut inputs, all)| {
        let valid = inputs.remove(1).into_iter().map(|value| value % 4 != 1).collect();
        Table { valid: (!all).then_some(valid), values: inputs.remove(1), keys: inputs.remove(0) }
    })
}

/// Runs a join of the tables, whose keys have `width` bits.
fn joined<S: Tested>(
    left: &Table,
    right: &Table,
    width: u32,
    join: impl Fn(&mut S, &Side<'_, S>, &Side<'_, S>) -> Result<Numbers<S>> + Sync,
) -> Vec<i128> {
    let inputs = [left.inputs(), right.inputs()].concat();
    let (found, _) = numbers::<S>(&inputs, |protocol, x| {
        let keys = [ops::decompose(protocol, &x[0], width)?, ops::decompose(protocol, &x[3], width)?];
        let valid = [ops::decompose(protocol, &x[1], 1)?, ops::decompose(protocol, &x[4], 1)?];
        let left = Side {
            keys: &keys[0],
            valid: left.valid.as_ref().map(|_| &valid[0]),
            columns: &[x[2].clone(), x[0].clone()],
        };
        let right = Side {
            keys: &keys[1],
            valid: right.valid.as_ref().map(|_| &valid[1]),
            columns: &[x[5].clone(), x[3].clone()],
        };
        join(protocol, &left, &right)
    });
    found
}

fn check_left_join<S: Tested>(left: &Table, right: &Table, width: u32) {
    let found = joined::<S>(left, right, width, |protocol, left, right| {
        let found = ops::lookup(protocol, left, right)?;
        let matched = protocol.inject(&found.matched)?;
        Ok(Shares::concat(&[&matched, &found.columns[0], &found.columns[1]]))
    });
    let rows = left.keys.len();
    for row in 0..rows {
        let partner = right.find(left.keys[row]).filter(|_| left.takes_part(row));
        let expected = partner.map_or([0; 3], |other| [1, right.values[other], right.keys[other]]);
        assert_eq!([0, 1, 2].map(|column| found[column * rows + row]), expected, "row {row}");
    }
}

fn left_joins<S: Tested>() {
    random((table(5), table(5)), |(left, right)| check_left_join::<S>(&left, &right.unique(), 6));
}

fn left_joins_by_wide_keys<S: Tested>() {
    if S::Num::BITS < 128 {
        return;
    }
    random(table(90), |right| {
        let right = right.unique();
        let keys: Vec<_> = right.keys.iter().step_by(3).flat_map(|key| [*key, key ^ 1]).collect();
        let left = Table { values: keys.clone(), keys, valid: None };
        check_left_join::<S>(&left, &right, 92);
    });
}

/// More numbers than one call moves. What is tested is the same code for every scheme, and long.
#[test]
fn looks_up_more_columns_than_are_moved_at_once() {
    type Scheme = treaty_engine::schemes::Plain<u64>;
    const ROWS: usize = 40_000;
    let at_once = ops::columns_at_once(2 * ROWS);
    let number = 2 * at_once + 1;
    let keys: Vec<i128> = (0..ROWS as i128).collect();
    let asked: Vec<i128> = keys.iter().rev().map(|key| 2 * key).collect();
    let (found, _) = numbers::<Scheme>(&[keys, asked.clone()], |protocol, x| {
        let sides = [ops::decompose(protocol, &x[0], 17)?, ops::decompose(protocol, &x[1], 17)?];
        let mut columns = vec![x[0].clone()];
        for place in 1..number {
            columns.push(columns[place - 1].plus(&x[0]));
        }
        let side = |keys, columns| Side { keys, valid: None, columns };
        let found = ops::lookup(protocol, &side(&sides[1], &[]), &side(&sides[0], &columns))?;
        let matched = protocol.inject(&found.matched)?;
        Ok(Shares::concat(&std::iter::once(&matched).chain(&found.columns).collect::<Vec<_>>()))
    });
    assert_eq!(found.len(), (number + 1) * ROWS);
    for (row, key) in asked.into_iter().enumerate() {
        let is_there = i128::from(key < ROWS as i128);
        assert_eq!(found[row], is_there);
        for column in 1..=number {
            assert_eq!(found[column * ROWS + row], is_there * key * column as i128, "row {row}, {column}");
        }
    }
}

fn inner_joins<S: Tested>() {
    random((table(4), table(4), 0usize..60), |(left, right, bound)| {
        let right = right.unique();
        let found = joined::<S>(&left, &right, 5, |protocol, left, right| {
            let pairs = ops::inner_join(protocol, left, right, bound)?;
            let valid = protocol.inject(&pairs.valid)?;
            let overflow = protocol.inject(&pairs.overflow)?;
            Ok(Shares::concat(&[
                &pairs.left[0],
                &pairs.left[1],
                &pairs.right[0],
                &pairs.right[1],
                &valid,
                &overflow,
            ]))
        });
        check_pairs(&found, &left, &right, bound.min(left.keys.len()));
    });
}

fn joins_many<S: Tested>() {
    random((table(4), table(4), 0usize..400), |(left, right, bound)| {
        let found = joined::<S>(&left, &right, 5, |protocol, left, right| {
            let pairs = ops::join_many(protocol, left, right, bound)?;
            let valid = protocol.inject(&pairs.valid)?;
            let overflow = protocol.inject(&pairs.overflow)?;
            Ok(Shares::concat(&[
                &pairs.left[0],
                &pairs.left[1],
                &pairs.right[0],
                &pairs.right[1],
                &valid,
                &overflow,
            ]))
        });
        check_pairs(&found, &left, &right, bound);
    });
}

/// Checks columns of values and keys of both sides, valid flags, and a row of overflow.
fn check_pairs(found: &[i128], left: &Table, right: &Table, bound: usize) {
    let met = |row: usize, other: usize| {
        left.takes_part(row) && right.takes_part(other) && left.keys[row] == right.keys[other]
    };
    let mut pairs = Vec::new();
    for row in 0..left.keys.len() {
        for other in (0..right.keys.len()).filter(|other| met(row, *other)) {
            pairs.push([left.values[row], left.keys[row], right.values[other], right.keys[other], 1]);
        }
    }
    assert_eq!(found.len(), 5 * bound + 1);
    for row in 0..bound {
        let expected = pairs.get(row).copied().unwrap_or([0; 5]);
        assert_eq!([0, 1, 2, 3, 4].map(|column| found[column * bound + row]), expected, "row {row}");
    }
    assert_eq!(found[5 * bound], i128::from(pairs.len() > bound), "overflow");
}

fn semi_and_anti_joins<S: Tested>() {
    random((table(5), table(5)), |(left, right)| {
        let found = joined::<S>(&left, &right, 6, |protocol, left, right| {
            let semi = ops::semi_join(protocol, left, right)?;
            let anti = ops::anti_join(protocol, left, right)?;
            protocol.inject(&Bits::stack(&[&semi, &anti], semi.rows()))
        });
        let rows = left.keys.len();
        for row in 0..rows {
            let (valid, meets) = (left.takes_part(row), right.find(left.keys[row]).is_some());
            let expected = [valid && meets, valid && !meets].map(i128::from);
            assert_eq!([found[row], found[rows + row]], expected, "row {row}");
        }
    });
}

/// Every combination of empty sides and an empty result.
fn joins_nothing<S: Tested>() {
    let of = |rows: usize| Table { keys: vec![3; rows], valid: None, values: vec![8; rows] };
    for (left, right, bound) in
        [(0, 0, 0), (0, 3, 2), (3, 0, 2), (2, 2, 0), (0, 0, 5), (1, 1, 1), (2, 2, 4), (2, 2, 3)]
    {
        let (left, right) = (of(left), of(right));
        let found = joined::<S>(&left, &right, 2, |protocol, left, right| {
            let pairs = ops::join_many(protocol, left, right, bound)?;
            let valid = protocol.inject(&pairs.valid)?;
            let overflow = protocol.inject(&pairs.overflow)?;
            Ok(Shares::concat(&[
                &pairs.left[0],
                &pairs.left[1],
                &pairs.right[0],
                &pairs.right[1],
                &valid,
                &overflow,
            ]))
        });
        check_pairs(&found, &left, &right, bound);
    }
}

fn refuses_other_widths<S: Tested>() {
    let found = session::<S, _>(|protocol| {
        let keys = [2, 3].map(|width| ops::public_bits(protocol, 4, |_| true).pick(&vec![0; width]));
        let [left, right] = [&keys[0], &keys[1]].map(|keys| Side { keys, valid: None, columns: &[] });
        ops::semi_join(protocol, &left, &right).map(|_: Bits<S>| ())
    });
    for found in found {
        assert_eq!(found, Err(Error::Widths { operation: "join", left: 2, right: 3 }));
    }
}

fn marks_distinct_rows<S: Tested>() {
    random(columns(2, 4), |mut inputs| {
        inputs[1].iter_mut().for_each(|valid| *valid &= 1);
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let keys = ops::decompose(protocol, &x[0], 5)?;
            let valid = ops::decompose(protocol, &x[1], 1)?;
            let first = ops::distinct(protocol, &keys, &valid)?;
            protocol.inject(&first)
        });
        let mut seen = BTreeSet::new();
        let rows = inputs[0].iter().zip(&inputs[1]);
        let expected = rows.map(|(key, valid)| i128::from(*valid == 1 && seen.insert(*key)));
        assert_eq!(found, expected.collect::<Vec<_>>());
    });
}

fn compacts<S: Tested>() {
    random((columns(2, 40), 0usize..220), |(inputs, bound)| {
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let kept = ops::decompose(protocol, &x[0], 1)?;
            let all = ops::compact(protocol, &kept, x, bound)?;
            let valid = protocol.inject(&all.valid)?;
            let overflow = protocol.inject(&all.overflow)?;
            Ok(Shares::concat(&[&all.columns[0], &all.columns[1], &valid, &overflow]))
        });
        let kept: Vec<_> = (0..inputs[0].len()).filter(|row| inputs[0][*row] & 1 == 1).collect();
        let rows = bound.min(inputs[0].len());
        let column = |column: &Vec<i128>| {
            let mut first: Vec<_> = kept.iter().map(|row| column[*row]).collect();
            first.resize(rows, 0);
            first
        };
        let valid = (0..rows).map(|row| i128::from(row < kept.len())).collect();
        let overflow = vec![i128::from(kept.len() > rows)];
        assert_eq!(found, [column(&inputs[0]), column(&inputs[1]), valid, overflow].concat());
    });
}
