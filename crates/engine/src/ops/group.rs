//! Grouping by secret keys.
//!
//! Rows are sorted by key; the last row of each group is marked and the marked rows are moved to the front. Sums are
//! then differences of running sums. Neither the number of groups nor their sizes are opened: there are as many
//! result rows as rows, of which those beyond the groups are zero.

use ring::{Lanes, PackedBits};

use super::bits::and;
use super::order::Order;
use super::scan::{later_by, prefix_sum, rows_from, segmented_max, segmented_min};
use super::sort::sort;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Mpc, Numbers, Shares};

/// Rows grouped by their keys.
pub struct Groups<P: Mixed> {
    by_key: Order<P>,
    ends_first: Order<P>,
    /// Where a group starts, in the order by key.
    starts: Bits<P>,
    occupied: Numbers<P>,
    keys: Bits<P>,
}

/// Groups rows by equal `keys`. A [`sort`] by the keys, one by a single bit, a comparison of neighbours and three
/// moves.
///
/// # Errors
/// As [`sort`].
pub fn group<P: Mixed>(protocol: &mut P, keys: &Bits<P>) -> Result<Groups<P>> {
    let by_key = sort(protocol, keys)?;
    let sorted = by_key.apply_bits(protocol, keys)?;
    let (starts, ends) = starts_and_ends(protocol, &sorted)?;
    let ends_first = sort(protocol, &ends.not(protocol))?;
    let occupied = protocol.inject(&ends)?;
    let occupied = ends_first.apply(protocol, &occupied)?;
    let at_ends = and(protocol, &sorted, &ends.pick(&vec![0; sorted.width()]))?;
    let keys = ends_first.apply_bits(protocol, &at_ends)?;
    Ok(Groups { by_key, ends_first, starts, occupied, keys })
}

impl<P: Mixed> Groups<P> {
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

    /// The sum of `x` in each group; zero beyond the groups. With ones for `x` it counts. 7 rounds, 5 numbers per
    /// row.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn sum(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        let sorted = self.by_key.apply(protocol, x)?;
        let running = self.ends_first.apply(protocol, &prefix_sum::<P>(&sorted))?;
        let before =
            Shares::concat(&[&<Numbers<P>>::zeros(x.len().min(1)), &running.slice(0..x.len().max(1) - 1)]);
        protocol.multiply(&running.minus(&before), &self.occupied)
    }

    /// The smallest `x` of each group; zero beyond the groups. All differences lie in −2^(`width` − 1) …
    /// 2^(`width` − 1) − 1. A [`segmented_min`], 7 rounds and 5 numbers per row.
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

    fn at_ends(&self, protocol: &mut P, running: &Numbers<P>) -> Result<Numbers<P>> {
        let first = self.ends_first.apply(protocol, running)?;
        protocol.multiply(&first, &self.occupied)
    }
}

/// Of sorted rows, where the row before has another key or there is none, and where the next one has.
/// ⌈log₂ width⌉ rounds, less than 1 bit per bit.
///
/// # Errors
/// Those of the transport.
pub(super) fn starts_and_ends<P: Mixed>(protocol: &mut P, sorted: &Bits<P>) -> Result<(Bits<P>, Bits<P>)> {
    let ends = ends(protocol, sorted)?;
    let first = mark(protocol, sorted.rows(), |row| row == 0);
    Ok((masked(&later_by(&ends, 1), |row| row > 0).xor(&first), ends))
}

/// Where the next row has another key, or there is none.
fn ends<P: Mixed>(protocol: &mut P, sorted: &Bits<P>) -> Result<Bits<P>> {
    let (rows, width) = (sorted.rows(), sorted.width());
    let mut same = sorted.xor(&rows_from(sorted, 1, rows)).not(protocol);
    while same.width() > 1 {
        let half = same.width() / 2;
        let joined = and(protocol, &same.range(0..half), &same.range(half..2 * half))?;
        same = Bits::stack(&[&joined, &same.range(2 * half..same.width())], rows);
    }
    if width == 0 {
        same = mark(protocol, rows, |_| true);
    }
    Ok(masked(&same, |row| row + 1 < rows).not(protocol))
}

/// One bit slice without the rows that are not to be kept. Local.
fn masked<P: Mixed>(bits: &Bits<P>, keep: impl Fn(usize) -> bool) -> Bits<P> {
    let mask: PackedBits = (0..bits.rows()).map(keep).collect();
    Bits::new(bits.words().times_each(mask.words()), bits.rows(), 1)
}

/// A public bit for each row. Local.
fn mark<P: Mixed>(protocol: &P, rows: usize, set: impl Fn(usize) -> bool) -> Bits<P> {
    let marks: PackedBits = (0..rows).map(set).collect();
    Bits::new(Mpc::<Lanes>::public(protocol, marks.words()), rows, 1)
}
