//! Rows in segments: what the first row of each has, and its sum, at every row.
//!
//! A value is spread over its segment by moving the first rows of all segments to the front, where neighbours
//! are subtracted from each other; moved back, the differences add up to the value of the segment's first
//! row. Source: the duplication of Blanton, Aguiar: Private and Oblivious Set and Multiset Operations, 2012,
//! and of Araki et al.: Secure Graph Analysis at Scale, CCS 2021, §5. Nothing is opened about the segments:
//! neither how many there are nor how long they are.

use ring::{Number, Ring};

use super::columns::{each_column, repeated};
use super::order::Order;
use super::partition::{Partition, partition};
use super::rows::{only_rows, public_bits};
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Mpc, Numbers, Shares};

/// Rows in segments that no party knows.
///
/// Each `x` is one or more columns one after another, and so is what comes of it.
pub struct Segments<P: Mixed> {
    starts_first: Order<P>,
    /// 1 in as many of the first rows as there are segments, else 0.
    occupied: Numbers<P>,
}

impl<P: Mixed> Segments<P> {
    /// A segment begins where `starts` (of width 1) is set, and with the first row. 10 rounds, 7 numbers per
    /// row.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn new(protocol: &mut P, starts: &Bits<P>) -> Result<Self> {
        let first = public_bits(protocol, starts.rows(), |row| row == 0);
        let starts = only_rows(&starts.bit(0), |row| row > 0).xor(&first);
        let Partition { order, marks } = partition(protocol, &starts)?;
        let occupied = order.apply(protocol, &marks)?;
        Ok(Self { starts_first: order, occupied })
    }

    /// At each row the value of its segment's first row. 7 rounds, 5 numbers per row and column.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Lengths`](crate::Error::Lengths).
    pub fn first(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        let at_front = self.starts_first.apply(protocol, x)?;
        self.spread(protocol, &at_front)
    }

    /// At each row the sum of its segment up to it. 7 rounds, 5 numbers per row and column.
    ///
    /// # Errors
    /// As [`Segments::first`].
    pub fn running_sum(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        let sums = each_column::<P>(x, self.rows(), add_up);
        Ok(sums.minus(&self.first(protocol, &sums.minus(x))?))
    }

    /// At each row its number within its segment, from 1. 7 rounds, 5 numbers per row.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn running_count(&self, protocol: &mut P) -> Result<Numbers<P>> {
        let numbers = row_numbers(protocol, self.rows());
        let first = self.first(protocol, &numbers)?;
        Ok(protocol.plus_constant(&numbers.minus(&first), P::Num::ONE))
    }

    /// At each row the sum of its whole segment. 8 rounds, 6 numbers per row and column.
    ///
    /// # Errors
    /// As [`Segments::first`].
    pub fn total(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        let rows = self.rows();
        let columns = x.len().checked_div(rows).unwrap_or(0);
        let sums = each_column::<P>(x, rows, add_up);
        // Where each segment begins among the sums; and, in rows without a segment, where the last one ends.
        let before = self.starts_first.apply(protocol, &sums.minus(x))?;
        let all =
            each_column::<P>(&sums, rows, |sums, all| all.fill(sums.last().copied().unwrap_or_default()));
        let occupied = repeated::<P>(&self.occupied, columns);
        let before = protocol.multiply(&occupied, &before.minus(&all))?.plus(&all);
        let behind = each_column::<P>(&before, rows, |before, behind| {
            before.iter().skip(1).zip(behind).for_each(|(next, behind)| *behind = *next);
        });
        let last = each_column::<P>(&all, rows, |all, last| {
            all.last().zip(last.last_mut()).into_iter().for_each(|(all, last)| *last = *all);
        });
        self.spread(protocol, &behind.plus(&last).minus(&before))
    }

    /// At each row the number of rows of its segment. 8 rounds, 6 numbers per row.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn length(&self, protocol: &mut P) -> Result<Numbers<P>> {
        let ones = protocol.constant(P::Num::ONE, self.rows());
        self.total(protocol, &ones)
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts_first.rows()
    }

    /// Values of segments, in their order from the first row on, to all of their rows. 4 rounds, 3 numbers
    /// per row and column.
    fn spread(&self, protocol: &mut P, at_front: &Numbers<P>) -> Result<Numbers<P>> {
        let rows = self.rows();
        let columns = at_front.len().checked_div(rows).unwrap_or(0);
        let steps = each_column::<P>(at_front, rows, |values, steps| {
            let mut before = P::Num::ZERO;
            for (value, step) in values.iter().zip(steps) {
                *step = value.minus(before);
                before = *value;
            }
        });
        let steps = protocol.multiply(&steps, &repeated::<P>(&self.occupied, columns))?;
        let steps = self.starts_first.undo(protocol, &steps)?;
        Ok(each_column::<P>(&steps, rows, add_up))
    }
}

/// The numbers of the rows, from 0, as all parties know them. Local.
pub(super) fn row_numbers<P: Mixed>(protocol: &P, rows: usize) -> Numbers<P> {
    let numbers: Vec<_> = (0..rows as u128).map(P::Num::from_u128).collect();
    Mpc::<P::Num>::public(protocol, &numbers)
}

/// Running sums.
pub(super) fn add_up<N: Ring>(values: &[N], sums: &mut [N]) {
    let mut sum = N::ZERO;
    for (value, running) in values.iter().zip(sums) {
        sum = sum.plus(*value);
        *running = sum;
    }
}
