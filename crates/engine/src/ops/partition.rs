//! Marked rows to the front.

use ring::Ring;

use super::bits::decompose;
use super::columns::{joined, repeated, split};
use super::order::Order;
use super::rows::{public_bits, rows_from};
use super::scan::prefix_sum;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// The order in which marked rows come first.
pub(super) struct Partition<P: Mixed> {
    /// Marked rows and then the others, each as they were.
    pub(super) order: Order<P>,
    /// 1 in marked rows, else 0, as the rows were.
    pub(super) marks: Numbers<P>,
}

/// The order in which the rows where `marks` (of width 1) is set come first. 7 rounds, 5 numbers per row.
///
/// A row's place is the number of its kind before it, and for unmarked rows that of all marks besides: a radix
/// sort's pass by one bit (see [`sort`](super::sort())).
///
/// # Errors
/// Those of the transport.
pub(super) fn partition<P: Mixed>(protocol: &mut P, marks: &Bits<P>) -> Result<Partition<P>> {
    let rows = marks.rows();
    let marks = protocol.inject(&marks.bit(0))?;
    let unmarked = protocol.constant(P::Num::ONE, rows).minus(&marks);
    let places = prefix_sum::<P>(&Shares::concat(&[&marks, &unmarked]));
    let places = protocol.plus_constant(&places, P::Num::ONE.negated());
    let (first, behind) = (places.slice(0..rows), places.slice(rows..2 * rows));
    let places = protocol.multiply(&marks, &first.minus(&behind))?.plus(&behind);
    Ok(Partition { order: Order::from_places(protocol, &places)?, marks })
}

/// Rows that were kept, in a column of public length.
pub struct Compacted<P: Mixed> {
    /// The columns; zero in rows that hold nothing.
    pub columns: Vec<Numbers<P>>,
    /// Which rows hold something: the first ones.
    pub valid: Bits<P>,
    /// In a single row, whether rows were kept that found no place.
    pub overflow: Bits<P>,
}

/// Moves the rows where `kept` (of width 1) is set to the front, in their order, and cuts all columns to
/// `bound` rows, if they have more. How many were kept stays secret, and that some were cut off is told by a
/// secret flag alone.
///
/// 11 rounds; 7 numbers per row and 2 for each column, besides 1 for each column in the result.
///
/// # Errors
/// Those of the transport; [`Error::Lengths`](crate::Error::Lengths) when a column is of another length than
/// `kept`.
pub fn compact<P: Mixed>(
    protocol: &mut P,
    kept: &Bits<P>,
    columns: &[Numbers<P>],
    bound: usize,
) -> Result<Compacted<P>> {
    let rows = kept.rows();
    let bound = bound.min(rows);
    let Partition { order, marks } = partition(protocol, kept)?;
    let moved = [&marks].into_iter().chain(columns);
    let moved = order.apply(protocol, &joined::<P>("compact", rows, moved)?)?;
    let marks = moved.slice(0..rows.min(bound + 1));
    let first: Vec<_> =
        (1..=columns.len()).map(|column| moved.slice(column * rows..column * rows + bound)).collect();
    let first = joined::<P>("compact", bound, &first)?;
    let present = repeated::<P>(&marks.slice(0..bound), columns.len());
    let columns = split::<P>(&protocol.multiply(&first, &present)?, bound, columns.len());
    // Whether a row is marked is its lowest bit; one row more tells whether there was one too many.
    let valid = decompose(protocol, &marks, 1)?;
    let overflow =
        if bound < rows { rows_from(&valid, bound, 1) } else { public_bits(protocol, 1, |_| false) };
    Ok(Compacted { columns, valid: rows_from(&valid, 0, bound), overflow })
}
