//! Quantiles of columns and of groups, at public fractions.
//!
//! Of a column, the places in the sorted order are public. Of groups they are not: there the weight of the
//! row of number i among c is a tent over the wanted place, `max(0, 1 − |f · (c − 1) − i|)`, which at most
//! two rows of a group have above zero; it is the second difference of `min(0, ·)`. So a group's quantile is
//! a sum like others.

use ring::{Number, Ring};

use super::bits::bits_of;
use super::columns::{place, repeated, split};
use super::compare::negative;
use super::group::{Groups, invalid_last};
use super::segments::Segments;
use super::sort::{sort, sortable};
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// A quantile: at `numerator` / `denominator` of the way from the smallest value to the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// At most the denominator.
    pub numerator: u32,
    /// At least 1.
    pub denominator: u32,
    /// What counts between two values.
    pub between: Between,
}

/// What a quantile is that falls between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Both, weighted by nearness: `percentile_cont` in SQL. The result is the quantile times its
    /// denominator, exactly.
    Linear,
    /// The first value at which so many of all are reached: `percentile_disc` in SQL. The result is that value.
    Discrete,
}

impl Quantile {
    /// The middle; between two values their mean. The result is twice the median.
    pub const MEDIAN: Self = Self { numerator: 1, denominator: 2, between: Between::Linear };

    /// What the result is to be divided by.
    #[must_use]
    pub fn scale(&self) -> u32 {
        match self.between {
            Between::Linear => self.denominator,
            Between::Discrete => 1,
        }
    }

    /// Refuses fractions beyond 1, and results that don't fit the ring.
    fn check<N: Number>(&self, width: u32) -> Result<()> {
        let bits = width.saturating_add(bits_of(self.denominator.into()));
        let limits = [
            ("numerator", self.numerator, self.denominator),
            ("1 / denominator", u32::from(self.denominator == 0), 0),
            ("width with that of the denominator", bits, N::BITS),
        ];
        match limits.into_iter().find(|(_, found, most)| found > most) {
            None => Ok(()),
            Some((parameter, found, most)) => {
                let (found, most) = (found.into(), most.into());
                Err(Error::OutOfRange { operation: "quantile", parameter, found, most })
            }
        }
    }

    /// Of sorted `rows`, at least one: a place, and how much it and the next one weigh.
    fn weights(&self, rows: usize) -> (usize, [u32; 2]) {
        let (numerator, denominator) = (u128::from(self.numerator), u128::from(self.denominator));
        match self.between {
            Between::Linear => {
                let place = numerator * (rows as u128 - 1);
                let beyond = (place % denominator) as u32;
                ((place / denominator) as usize, [self.denominator - beyond, beyond])
            }
            Between::Discrete => {
                ((numerator * rows as u128).div_ceil(denominator).saturating_sub(1) as usize, [1, 0])
            }
        }
    }
}

/// The `wanted` quantiles of signed numbers, of which −2^(`width` − 1) ≤ x < 2^(`width` − 1), a row each,
/// scaled as [`Quantile::scale`] says; zero when there are no rows. A decomposition, a [`sort`] and 3 rounds.
///
/// # Errors
/// As [`sort`]; [`Error::OutOfRange`] for a fraction beyond 1, or when scaled values don't fit the ring.
pub fn quantiles<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    width: u32,
    wanted: &[Quantile],
) -> Result<Vec<Numbers<P>>> {
    wanted.iter().try_for_each(|quantile| quantile.check::<P::Num>(width))?;
    let rows = x.len();
    if rows == 0 {
        return Ok(vec![<Numbers<P>>::zeros(1); wanted.len()]);
    }
    let keys = sortable(protocol, x, width)?;
    let sorted = sort(protocol, &keys)?.apply(protocol, x)?;
    let weighed =
        |place: usize, weight: u32| sorted.slice(place..place + 1).times(P::Num::from_u128(weight.into()));
    let of = |quantile: &Quantile| match quantile.weights(rows) {
        (place, [own, 0]) => weighed(place, own),
        (place, [own, next]) => weighed(place, own).plus(&weighed(place + 1, next)),
    };
    Ok(wanted.iter().map(of).collect())
}

/// Quantiles of groups.
pub struct GroupQuantiles<P: Mixed> {
    /// The groups, for other aggregates.
    pub groups: Groups<P>,
    /// For each wanted quantile, that of each group, scaled; zero beyond the groups.
    pub values: Vec<Numbers<P>>,
}

/// The `wanted` quantiles of `x`, as in [`quantiles`], in each group of rows with equal `keys`, of those rows
/// where `valid` (of width 1) is set.
///
/// A [`sort`] by the keys, the values and a bit; then, besides what [`group`](super::group()) does, about 40
/// rounds, and for each linear quantile three comparisons and 10 numbers a row.
///
/// # Errors
/// As [`quantiles`]; [`Error::Lengths`].
pub fn group_quantiles<P: Mixed>(
    protocol: &mut P,
    keys: &Bits<P>,
    valid: &Bits<P>,
    x: &Numbers<P>,
    width: u32,
    wanted: &[Quantile],
) -> Result<GroupQuantiles<P>> {
    wanted.iter().try_for_each(|quantile| quantile.check::<P::Num>(width))?;
    let rows = x.len();
    let keys = invalid_last(protocol, keys, valid)?;
    let values = sortable(protocol, x, width)?;
    let by_key = sort(protocol, &Bits::stack(&[&values, &keys], rows))?;
    let sorted = by_key.apply(protocol, x)?;
    let keys = by_key.apply_bits(protocol, &keys)?;
    let groups = Groups::of_sorted(protocol, by_key, &keys, true)?;

    let weights = weights(protocol, &groups.starts, wanted)?;
    let weighed = protocol.multiply(&weights, &repeated::<P>(&sorted, wanted.len()))?;
    let sums = groups.sum_sorted(protocol, &weighed)?;
    Ok(GroupQuantiles { groups, values: split::<P>(&sums, rows, wanted.len()) })
}

/// For each quantile a column: how much each row weighs in that of its group.
fn weights<P: Mixed>(protocol: &mut P, starts: &Bits<P>, wanted: &[Quantile]) -> Result<Numbers<P>> {
    let rows = starts.rows();
    let number = |value: i128| P::Num::from_i128(value);
    let segments = Segments::new(protocol, starts)?;
    let before = segments.running_count(protocol)?;
    let before = protocol.plus_constant(&before, number(-1));
    let count = segments.length(protocol)?;
    let ones = protocol.constant(P::Num::ONE, rows);
    // Where a sum of `factor · coefficient` over the bends below zero is the weight.
    let (mut bends, mut factors, mut coefficients) = (Vec::new(), Vec::new(), Vec::new());
    for (column, quantile) in wanted.iter().enumerate() {
        let (numerator, denominator) = (i128::from(quantile.numerator), i128::from(quantile.denominator));
        // How far the wanted place lies beyond this row, in units of 1 / denominator.
        let ahead = count.times(number(numerator)).minus(&before.times(number(denominator)));
        let mut add = |offset, coefficient| {
            let bend = protocol.plus_constant(&ahead, number(offset));
            let linear = quantile.between == Between::Linear;
            factors.push(if linear { bend.clone() } else { ones.clone() });
            bends.push(bend);
            coefficients.push((column, number(coefficient)));
        };
        match quantile.between {
            Between::Linear => {
                add(denominator - numerator, -1);
                add(-numerator, 2);
                add(-denominator - numerator, -1);
            }
            // The row at which more than nothing and at most one row is missing; the first one when nothing
            // is wanted.
            Between::Discrete => {
                let least = i128::from(numerator > 0);
                add(-denominator - least, 1);
                add(-least, -1);
            }
        }
    }
    let most = wanted.iter().map(|quantile| u128::from(quantile.denominator)).max().unwrap_or(0);
    let bends = Shares::concat(&bends.iter().collect::<Vec<_>>());
    let below = negative(protocol, &bends, bits_of(most * (rows as u128 + 3)) + 1)?;
    let below = protocol.inject(&below)?;
    let products = protocol.multiply(&below, &Shares::concat(&factors.iter().collect::<Vec<_>>()))?;
    let mut weights = vec![<Numbers<P>>::zeros(rows); wanted.len()];
    for (product, (column, coefficient)) in coefficients.into_iter().enumerate() {
        if let Some(weight) = weights.get_mut(column) {
            *weight = weight.plus(&products.slice(place(product, rows)).times(coefficient));
        }
    }
    Ok(Shares::concat(&weights.iter().collect::<Vec<_>>()))
}
