//! Sorting and grouping, on whole columns.

use std::collections::BTreeMap;

use ring::Number;

use super::Measured;
use super::harness::{mine, scrambled, timed};
use crate::error::Result;
use crate::mpc::{Mixed, Mpc, Numbers, Receivers};
use crate::ops;
use crate::session::Party;

/// Sorts by a key of 32 bits and moves one payload column along.
pub(super) fn sort<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let (keys, payload) = table(rows, u64::from(u32::MAX));
    let (x, y) = (input(protocol, &keys)?, input(protocol, &payload)?);
    let (sorted, took, cost) = timed(protocol, 1, |protocol| {
        let keys = ops::decompose(protocol, &x, 32)?;
        ops::sort(protocol, &keys)?.apply(protocol, &y)
    })?;
    let mut order: Vec<_> = (0..rows).collect();
    order.sort_by_key(|row| keys.get(*row));
    let expected =
        order.iter().filter_map(|row| payload.get(*row)).map(|value| P::Num::from_u128((*value).into()));
    Ok(Measured { took, cost, correct: revealed(protocol, &sorted)?.into_iter().eq(expected) })
}

/// Sums a column by a key of 32 bits, of which there are at most 1000.
pub(super) fn group_sum<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let (keys, values) = table(rows, 999);
    let (x, y) = (input(protocol, &keys)?, input(protocol, &values)?);
    let (sums, took, cost) = timed(protocol, 1, |protocol| {
        let keys = ops::decompose(protocol, &x, 32)?;
        ops::group(protocol, &keys)?.sum(protocol, &y)
    })?;
    let mut expected = BTreeMap::new();
    for (key, value) in keys.iter().zip(&values) {
        let sum = expected.entry(*key).or_insert(0u64);
        *sum = sum.wrapping_add(*value);
    }
    let sums = revealed(protocol, &sums)?;
    let correct = sums.iter().map(|sum| sum.to_u128() as u64).take(expected.len()).eq(expected.into_values());
    Ok(Measured { took, cost, correct })
}

/// Keys up to `most`, and values of 40 bits.
pub(super) fn table(rows: usize, most: u64) -> (Vec<u64>, Vec<u64>) {
    let row = |row: u64| (scrambled(2 * row) % (most + 1), scrambled(2 * row + 1) >> 24);
    (0..rows as u64).map(row).unzip()
}

pub(super) fn input<P: Mixed>(protocol: &mut P, values: &[u64]) -> Result<Numbers<P>> {
    let values: Vec<_> = values.iter().map(|value| P::Num::from_u128((*value).into())).collect();
    let given = mine(protocol, &values);
    Mpc::<P::Num>::input(protocol, Party(0), given, values.len())
}

pub(super) fn revealed<P: Mixed>(protocol: &mut P, x: &Numbers<P>) -> Result<Vec<P::Num>> {
    let proof = protocol.verify()?;
    Ok(Mpc::<P::Num>::reveal(protocol, x, Receivers::All, proof)?.unwrap_or_default())
}
