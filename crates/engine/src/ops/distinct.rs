//! Distinct rows.

use super::bits::and;
use super::boundaries::boundaries;
use super::group::invalid_last;
use super::sort::sort;
use crate::error::Result;
use crate::mpc::{Bits, Mixed};

/// Marks, of the rows where `valid` (of width 1) is set, the first of each key. [`compact`](super::compact)
/// goes on with the marked rows.
///
/// A [`sort`] by the keys and one bit, a comparison of neighbours, and two moves of bits: the sort is stable,
/// so that the first row of a run is the first of its key.
///
/// # Errors
/// As [`sort`]; [`Error::Lengths`](crate::Error::Lengths).
pub fn distinct<P: Mixed>(protocol: &mut P, keys: &Bits<P>, valid: &Bits<P>) -> Result<Bits<P>> {
    let keys = invalid_last(protocol, keys, valid)?;
    let by_key = sort(protocol, &keys)?;
    let sorted = by_key.apply_bits(protocol, &keys)?;
    let starts = boundaries(protocol, &sorted)?.starts;
    let first = by_key.undo_bits(protocol, &starts)?;
    and(protocol, &first, &valid.bit(0))
}
