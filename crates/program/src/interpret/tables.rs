//! Orders, groups and joins in the clear.

use std::collections::BTreeMap;

use super::{Fault, Operand, Site};
use crate::Key;

/// For each ordered row its former place.
pub(super) fn sort(keys: &[Key], operands: &[Operand<'_>]) -> Vec<i128> {
    let rows = operands.first().map_or(0, |operand| operand.elements.len());
    let mut places: Vec<usize> = (0..rows).collect();
    let at = |operand: &Operand<'_>, row: usize| operand.elements.get(row).copied().unwrap_or_default();
    places.sort_by(|&x, &y| {
        let orders = keys.iter().zip(operands).map(|(key, operand)| {
            let order = at(operand, x).cmp(&at(operand, y));
            if key.descending { order.reverse() } else { order }
        });
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    places.into_iter().map(|place| place as i128).collect()
}

pub(super) fn arrange(x: &[i128], order: &[i128]) -> Vec<i128> {
    order.iter().filter_map(|&place| x.get(place as usize)).copied().collect()
}

pub(super) fn restore(x: &[i128], order: &[i128]) -> Vec<i128> {
    let mut restored = vec![0; x.len()];
    for (x, &place) in x.iter().zip(order) {
        if let Some(slot) = restored.get_mut(place as usize) {
            *slot = *x;
        }
    }
    restored
}

/// For each row its group, counted from 0 in the keys' order.
pub(super) fn group(keys: &[Operand<'_>]) -> Vec<i128> {
    let rows: Vec<_> = rows(keys);
    let mut groups: BTreeMap<&[i128], i128> = rows.iter().map(|row| (row.as_slice(), 0)).collect();
    groups.values_mut().zip(0..).for_each(|(group, number)| *group = number);
    rows.iter().filter_map(|row| groups.get(row.as_slice())).copied().collect()
}

/// The keys of each row.
fn rows(keys: &[Operand<'_>]) -> Vec<Vec<i128>> {
    let rows = keys.first().map_or(0, |key| key.elements.len());
    (0..rows).map(|row| keys.iter().filter_map(|key| key.elements.get(row)).copied().collect()).collect()
}

pub(super) fn occupied(groups: &[i128]) -> Vec<i128> {
    let number = groups.iter().max().map_or(0, |most| most + 1);
    (0..groups.len() as i128).map(|row| i128::from(row < number)).collect()
}

impl Site {
    /// What `f` makes of each group's rows; zero beyond the groups.
    pub(super) fn groups(
        &self,
        x: &[i128],
        groups: &[i128],
        f: impl Fn(i128, i128) -> Option<i128>,
    ) -> Result<Vec<i128>, Fault> {
        let mut results: Vec<Option<i128>> = vec![None; x.len()];
        for (row, (&x, &group)) in x.iter().zip(groups).enumerate() {
            if let Some(result) = results.get_mut(group as usize) {
                let joined = result.map_or(Some(x), |result| f(result, x));
                *result = Some(self.exact(row, joined)?);
            }
        }
        Ok(results.into_iter().map(Option::unwrap_or_default).collect())
    }
}

/// `operands` are the queries' columns, those of the keys, and what is fetched.
pub(super) fn lookup(operands: &[Operand<'_>], queries: usize, keys: usize) -> Vec<i128> {
    let (asked, rest) = operands.split_at(queries.min(operands.len()));
    let (known, columns) = rest.split_at(keys.min(rest.len()));
    let mut places = BTreeMap::new();
    for (place, key) in rows(known).into_iter().enumerate() {
        places.entry(key).or_insert(place);
    }
    let found: Vec<Option<usize>> = rows(asked).iter().map(|query| places.get(query).copied()).collect();
    let matched = found.iter().map(|place| i128::from(place.is_some()));
    let fetched = columns.iter().flat_map(|column| {
        found
            .iter()
            .map(|place| place.and_then(|place| column.elements.get(place)).copied().unwrap_or_default())
    });
    matched.chain(fetched).collect()
}
