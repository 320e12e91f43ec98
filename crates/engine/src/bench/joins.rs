//! Joins, the first rows of an order, and quantiles, on whole columns.

use std::collections::BTreeMap;

use ring::Number;

use super::Measured;
use super::harness::{scrambled, timed};
use super::tables::{input, revealed, table};
use crate::error::Result;
use crate::mpc::Mixed;
use crate::ops::{self, Quantile, Side, SortKey};

/// Rows that the workload for first rows keeps.
const FIRST: usize = 100;

/// The inner join of two tables of `rows` rows each by unique keys of 32 bits, about half of which meet; one
/// payload column on each side.
pub(super) fn join<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let (keys, others) = (unique_keys(rows, 0), unique_keys(rows, rows / 2));
    let (values, more) = (column(rows, 1), column(rows, 2));
    let (x, y) = (input(protocol, &keys)?, input(protocol, &others)?);
    let columns = ([input(protocol, &values)?], [input(protocol, &more)?]);
    let (pairs, took, cost) = timed(protocol, 1, |protocol| {
        let (keys, others) = (ops::decompose(protocol, &x, 32)?, ops::decompose(protocol, &y, 32)?);
        let left = Side { keys: &keys, valid: None, columns: &columns.0 };
        let right = Side { keys: &others, valid: None, columns: &columns.1 };
        ops::inner_join(protocol, &left, &right, rows)
    })?;
    let known: BTreeMap<_, _> = others.iter().zip(&more).collect();
    let met = keys.iter().zip(&values).filter_map(|(key, value)| Some((*value, **known.get(key)?)));
    let (mut left, mut right): (Vec<_>, Vec<_>) = met.unzip();
    left.resize(rows, 0);
    right.resize(rows, 0);
    let mut correct = true;
    for (column, expected) in pairs.left.iter().chain(&pairs.right).zip([left, right]) {
        correct &= holds(&revealed(protocol, column)?, &expected);
    }
    Ok(Measured { took, cost, correct })
}

/// The largest 100 of `rows` keys of 32 bits, with one payload column.
pub(super) fn top_k<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let (keys, payload) = table(rows, u64::from(u32::MAX));
    let (x, y) = (input(protocol, &keys)?, input(protocol, &payload)?);
    let (first, took, cost) = timed(protocol, 1, |protocol| {
        let bits = ops::decompose(protocol, &x, 32)?;
        ops::top_k(protocol, &[SortKey { bits: &bits, descending: true }], std::slice::from_ref(&y), FIRST)
    })?;
    let mut order: Vec<_> = keys.iter().zip(&payload).collect();
    order.sort_by_key(|row| std::cmp::Reverse(row.0));
    let expected: Vec<_> = order.iter().take(FIRST).map(|row| *row.1).collect();
    let mut correct = true;
    for column in &first {
        correct &= holds(&revealed(protocol, column)?, &expected);
    }
    Ok(Measured { took, cost, correct })
}

/// The median of each of at most 1000 groups, of values of 32 bits.
pub(super) fn group_median<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let (keys, values) = table(rows, 999);
    let values: Vec<_> = values.iter().map(|value| value >> 9).collect();
    let (x, y) = (input(protocol, &keys)?, input(protocol, &values)?);
    let (medians, took, cost) = timed(protocol, 1, |protocol| {
        let keys = ops::decompose(protocol, &x, 10)?;
        let valid = ops::public_bits(protocol, rows, |_| true);
        ops::group_quantiles(protocol, &keys, &valid, &y, 32, &[Quantile::MEDIAN])
    })?;
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    keys.iter().zip(&values).for_each(|(key, value)| groups.entry(*key).or_default().push(*value));
    let twice = |values: &mut Vec<u64>| {
        values.sort_unstable();
        let at = |place: usize| values.get(place).copied().unwrap_or(0);
        at((values.len() - 1) / 2) + at(values.len() / 2)
    };
    let mut expected: Vec<_> = groups.values_mut().map(twice).collect();
    expected.resize(rows, 0);
    let mut correct = true;
    for column in &medians.values {
        correct &= holds(&revealed(protocol, column)?, &expected);
    }
    Ok(Measured { took, cost, correct })
}

fn holds<N: Number>(seen: &[N], expected: &[u64]) -> bool {
    seen.iter().map(|value| value.to_u128()).eq(expected.iter().map(|value| u128::from(*value)))
}

/// Numbers of 32 bits, each once: an odd multiplier permutes them.
fn unique_keys(rows: usize, first: usize) -> Vec<u64> {
    (first..first + rows).map(|row| u64::from((row as u32).wrapping_mul(0x9e37_79b1))).collect()
}

/// Values of 40 bits.
fn column(rows: usize, seed: u64) -> Vec<u64> {
    (0..rows as u64).map(|row| scrambled(row << 2 | seed) >> 24).collect()
}
