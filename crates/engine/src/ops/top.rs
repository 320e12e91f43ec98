//! Sorting by several keys, and the first rows of an order.

use super::columns::joined;
use super::order::Order;
use super::sort::sort;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// A key to sort by.
pub struct SortKey<'a, P: Mixed> {
    /// Unsigned numbers of its width; signed ones become such by [`sortable`](super::sortable).
    pub bits: &'a Bits<P>,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// The order in which rows ascend, or descend, by the first of `keys`, equal ones by the next, and so on;
/// rows equal in all stay in their order. A [`sort`] by all bits of all keys.
///
/// # Errors
/// As [`sort`].
pub fn sort_by<P: Mixed>(protocol: &mut P, keys: &[SortKey<'_, P>]) -> Result<Order<P>> {
    let ascending =
        |key: &SortKey<'_, P>| if key.descending { key.bits.not(protocol) } else { key.bits.clone() };
    // A radix sort's highest bits count most.
    let stacked: Vec<_> = keys.iter().rev().map(ascending).collect();
    let rows = keys.first().map_or(0, |key| key.bits.rows());
    sort(protocol, &Bits::stack(&stacked.iter().collect::<Vec<_>>(), rows))
}

/// The first `k` rows of `columns`, or all when there are fewer, in the order of [`sort_by`]. Which rows they
/// are stays secret. A [`sort_by`], 3 rounds and 2 numbers for each row and column.
///
/// # Errors
/// As [`sort`]; [`Error::Lengths`](crate::Error::Lengths) when a column is of another length than the keys.
pub fn top_k<P: Mixed>(
    protocol: &mut P,
    keys: &[SortKey<'_, P>],
    columns: &[Numbers<P>],
    k: usize,
) -> Result<Vec<Numbers<P>>> {
    let order = sort_by(protocol, keys)?;
    let rows = order.rows();
    let moved = order.apply(protocol, &joined::<P>("top_k", rows, columns)?)?;
    let first = |column: usize| moved.slice(column * rows..column * rows + k.min(rows));
    Ok((0..columns.len()).map(first).collect())
}
