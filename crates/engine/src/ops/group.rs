//! Grouping by secret keys.
//!
//! Rows are sorted by key; the last row of each group is marked and the marked rows are moved to the front.
//! Sums are then differences of running sums. Neither the number of groups nor their sizes are opened: there
//! are as many result rows as rows, of which those beyond the groups are zero.

use ring::Ring;

use super::bits::and;
use super::boundaries::{Boundaries, boundaries};
use super::columns::{each_column, repeated};
use super::compare::same_length;
use super::order::Order;
use super::partition::{Partition, partition};
use super::scan::{segmented_max, segmented_min};
use super::segments::add_up;
use super::sort::sort;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// Rows grouped by their keys.
///
/// Where an operator takes and returns `x`, that is one or more columns one after another, unless it says
/// otherwise.
pub struct Groups<P: Mixed> {
    pub(super) by_key: Order<P>,
    ends_first: Order<P>,
    /// Where a group starts, in the order by key.
    pub(super) starts: Bits<P>,
    occupied: Numbers<P>,
    keys: Bits<P>,
}

/// Groups rows by equal `keys`. A [`sort`] by the keys, a comparison of neighbours, a move of marked rows to
/// the front and three moves.
///
/// # Errors
/// As [`sort`].
pub fn group<P: Mixed>(protocol: &mut P, keys: &Bits<P>) -> Result<Groups<P>> {
    let by_key = sort(protocol, keys)?;
    let sorted = by_key.apply_bits(protocol, keys)?;
    Groups::of_sorted(protocol, by_key, &sorted, false)
}

/// As [`group`], of the rows alone where `valid` (of width 1) is set. A bit more to sort by.
///
/// # Errors
/// As [`sort`]; [`Error::Lengths`](crate::Error::Lengths).
pub fn group_where<P: Mixed>(protocol: &mut P, keys: &Bits<P>, valid: &Bits<P>) -> Result<Groups<P>> {
    let keys = invalid_last(protocol, keys, valid)?;
    let by_key = sort(protocol, &keys)?;
    let sorted = by_key.apply_bits(protocol, &keys)?;
    Groups::of_sorted(protocol, by_key, &sorted, true)
}

/// Keys by which rows that aren't valid come last: so that running sums up to the end of a group never take
/// them in.
///
/// # Errors
/// [`Error::Lengths`](crate::Error::Lengths).
pub(super) fn invalid_last<P: Mixed>(protocol: &P, keys: &Bits<P>, valid: &Bits<P>) -> Result<Bits<P>> {
    same_length("valid rows", keys.rows(), valid.rows())?;
    Ok(Bits::stack(&[keys, &valid.bit(0).not(protocol)], keys.rows()))
}

impl<P: Mixed> Groups<P> {
    /// From the order by key and the sorted keys, which end with a bit for rows that aren't valid when
    /// `flagged` is set.
    pub(super) fn of_sorted(
        protocol: &mut P,
        by_key: Order<P>,
        sorted: &Bits<P>,
        flagged: bool,
    ) -> Result<Self> {
        let Boundaries { starts, mut ends } = boundaries(protocol, sorted)?;
        let mut keys = sorted.clone();
        if flagged {
            let top = sorted.width() - 1;
            keys = sorted.range(0..top);
            ends = and(protocol, &ends, &sorted.bit(top).not(protocol))?;
        }
        let Partition { order: ends_first, marks } = partition(protocol, &ends)?;
        let at_ends = and(protocol, &keys, &ends.pick(&vec![0; keys.width()]))?;
        let (occupied, keys) = protocol.both(
            |protocol| ends_first.apply(protocol, &marks),
            |protocol| ends_first.apply_bits(protocol, &at_ends),
        )?;
        Ok(Self { by_key, ends_first, starts, occupied, keys })
    }

    /// The key of each group, ascending; zero beyond the groups.
    #[must_use]
    pub fn keys(&self) -> &Bits<P> {
        &self.keys
    }

    /// 1 in the row of each group; 0 beyond them.
    #[must_use]
    pub fn occupied(&self) -> &Numbers<P> {
        &self.occupied
    }

    /// Whether there are more than `bound` groups, in a single row: for callers that go on with the first
    /// `bound` rows of every result. Local.
    #[must_use]
    pub fn exceed(&self, bound: usize) -> Numbers<P> {
        if bound < self.occupied.len() {
            self.occupied.slice(bound..bound + 1)
        } else {
            <Numbers<P>>::zeros(1)
        }
    }

    /// The sum of `x` in each group; zero beyond the groups. 7 rounds, 5 numbers per row and column.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Lengths`](crate::Error::Lengths).
    pub fn sum(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        let sorted = self.by_key.apply(protocol, x)?;
        self.sum_sorted(protocol, &sorted)
    }

    /// The number of rows of each group; zero beyond the groups. 4 rounds, 3 numbers per row.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn count(&self, protocol: &mut P) -> Result<Numbers<P>> {
        let ones = protocol.constant(P::Num::ONE, self.rows());
        self.sum_sorted(protocol, &ones)
    }

    /// The smallest `x`, one column, of each group; zero beyond the groups. All differences lie in
    /// −2^(`width` − 1) … 2^(`width` − 1) − 1. A [`segmented_min`], 7 rounds and 5 numbers per row.
    ///
    /// # Errors
    /// As [`segmented_min`].
    pub fn min(&self, protocol: &mut P, x: &Numbers<P>, width: u32) -> Result<Numbers<P>> {
        let sorted = self.by_key.apply(protocol, x)?;
        let running = segmented_min(protocol, &sorted, &self.starts, width)?;
        self.at_ends(protocol, &running)
    }

    /// As [`Groups::min`], the largest.
    ///
    /// # Errors
    /// As [`segmented_max`].
    pub fn max(&self, protocol: &mut P, x: &Numbers<P>, width: u32) -> Result<Numbers<P>> {
        let sorted = self.by_key.apply(protocol, x)?;
        let running = segmented_max(protocol, &sorted, &self.starts, width)?;
        self.at_ends(protocol, &running)
    }

    /// `x` in the first row of each group, as the rows were; zero beyond the groups. 7 rounds, 5 numbers per
    /// row and column.
    ///
    /// # Errors
    /// As [`Groups::sum`].
    pub fn first(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        let rows = self.rows();
        let sorted = self.by_key.apply(protocol, x)?;
        // The last row of a group brings the first value of the next one to the front; the first row has its
        // own.
        let next = each_column::<P>(&sorted, rows, |values, next| {
            values.iter().skip(1).zip(next).for_each(|(value, next)| *next = *value);
        });
        let next = self.ends_first.apply(protocol, &next)?;
        let later = each_column::<P>(&next, rows, one_later);
        let first = each_column::<P>(&sorted, rows, |values, first| {
            values.first().zip(first.first_mut()).into_iter().for_each(|(value, first)| *first = *value);
        });
        self.without_vacant(protocol, &later.plus(&first))
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.by_key.rows()
    }

    /// [`Groups::sum`] of columns in the order by key.
    pub(super) fn sum_sorted(&self, protocol: &mut P, sorted: &Numbers<P>) -> Result<Numbers<P>> {
        let rows = self.rows();
        let running = self.ends_first.apply(protocol, &each_column::<P>(sorted, rows, add_up))?;
        let before = each_column::<P>(&running, rows, one_later);
        self.without_vacant(protocol, &running.minus(&before))
    }

    fn at_ends(&self, protocol: &mut P, running: &Numbers<P>) -> Result<Numbers<P>> {
        let first = self.ends_first.apply(protocol, running)?;
        self.without_vacant(protocol, &first)
    }

    /// `x` where there is a group, else zero. 1 round, a number per row and column.
    fn without_vacant(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        let columns = x.len().checked_div(self.rows()).unwrap_or(0);
        protocol.multiply(x, &repeated::<P>(&self.occupied, columns))
    }
}

/// Each value one row later, zero before them.
fn one_later<N: Ring>(values: &[N], later: &mut [N]) {
    values.iter().zip(later.iter_mut().skip(1)).for_each(|(value, later)| *later = *value);
}
