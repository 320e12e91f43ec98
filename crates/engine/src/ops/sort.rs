//! Stable sorting by secret keys.
//!
//! Two algorithms: a radix sort, of few rounds for short keys, and a sort by comparisons opened on shuffled
//! rows, of fewer bytes for long keys, and of few rounds for few rows. Lengths alone decide between them, so
//! that all parties decide alike: docs/decisions/008-two-sorts.md has the figures.

use super::bits::decompose;
use super::comparison_sort::{self, comparison_sort};
use super::order::Order;
use super::radix::{self, radix_sort};
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Numbers};

/// Bytes that could be sent while a message travels: the same for a local network of 10 Gbit/s and 0.1 ms and
/// for a wide one of 100 Mbit/s and 10 ms one way.
const BYTES_PER_ROUND: usize = 125_000;

/// What an algorithm costs with replicated shares, nearly.
pub(super) struct Price {
    pub(super) rounds: usize,
    /// Bytes that a party sends.
    pub(super) bytes: usize,
}

impl Price {
    pub(super) fn total(&self) -> usize {
        self.bytes + self.rounds * BYTES_PER_ROUND
    }
}

/// The order in which rows ascend by `keys`, taken as unsigned numbers of their width; equal rows stay in their
/// order. [`sort_by`](super::sort_by) sorts by several keys, and descending.
///
/// The cheaper of [`radix_sort`] and [`comparison_sort`].
///
/// # Errors
/// Those of the transport; [`Error::NotAPermutation`]; [`Error::OutOfRange`] beyond 2^32 rows.
pub fn sort<P: Mixed>(protocol: &mut P, keys: &Bits<P>) -> Result<Order<P>> {
    let (rows, width) = (keys.rows(), keys.width());
    let compared = comparison_sort::price(rows, width);
    if compared.total() < radix::price::<P>(rows, width).total() {
        comparison_sort(protocol, keys)
    } else {
        radix_sort(protocol, keys)
    }
}

pub(super) fn check_rows(rows: usize) -> Result<()> {
    if rows <= u32::MAX as usize {
        return Ok(());
    }
    let (found, most) = (rows as u64, u32::MAX.into());
    Err(Error::OutOfRange { operation: "sort", parameter: "rows", found, most })
}

/// Signed numbers, of which −2^(`width` − 1) ≤ x < 2^(`width` − 1), as keys that ascend as they do. A
/// decomposition.
///
/// # Errors
/// As [`decompose`].
pub fn sortable<P: Mixed>(protocol: &mut P, x: &Numbers<P>, width: u32) -> Result<Bits<P>> {
    let bits = decompose(protocol, x, width)?;
    let Some(top) = bits.width().checked_sub(1) else { return Ok(bits) };
    let sign = bits.bit(top).not(protocol);
    Ok(Bits::stack(&[&bits.range(0..top), &sign], bits.rows()))
}
