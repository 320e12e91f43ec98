//! Running sums and extremes.

use ring::Ring;

use super::bits::{and, or};
use super::compare::{less_than, same_length};
use super::rows::{later_by, rows_from};
use super::select::select;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// In each row the sum of the rows up to it. Local.
#[must_use]
pub fn prefix_sum<P: Mixed>(x: &Numbers<P>) -> Numbers<P> {
    x.mapped_into(x.len(), |values, sums| {
        let mut sum = P::Num::ZERO;
        for (value, running) in values.iter().zip(sums) {
            sum = sum.plus(*value);
            *running = sum;
        }
    })
}

/// In each row the smallest value of its segment up to it; a segment begins where `starts` (of width 1) is set. All
/// differences lie in −2^(`width` − 1) … 2^(`width` − 1) − 1. ⌈log₂ rows⌉ times a [`less_than`], an AND and a
/// [`select`].
///
/// Source: Hillis, Steele: Data Parallel Algorithms, CACM 1986, with the segments of Blelloch's scans.
///
/// # Errors
/// As [`less_than`].
pub fn segmented_min<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    starts: &Bits<P>,
    width: u32,
) -> Result<Numbers<P>> {
    scan(protocol, x, starts, |protocol, before, own| less_than(protocol, before, own, width))
}

/// As [`segmented_min`], the largest value.
///
/// # Errors
/// As [`less_than`].
pub fn segmented_max<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    starts: &Bits<P>,
    width: u32,
) -> Result<Numbers<P>> {
    scan(protocol, x, starts, |protocol, before, own| less_than(protocol, own, before, width))
}

/// `better` says where the value of an earlier row takes the place of a row's own.
fn scan<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    starts: &Bits<P>,
    mut better: impl FnMut(&mut P, &Numbers<P>, &Numbers<P>) -> Result<Bits<P>>,
) -> Result<Numbers<P>> {
    let rows = x.len();
    same_length("segmented scan", rows, starts.rows())?;
    // Whether a segment starts within the rows that a row has taken in.
    let (mut best, mut closed) = (x.clone(), starts.bit(0));
    let mut distance = 1;
    while distance < rows {
        let (before, own) = (best.slice(0..rows - distance), best.slice(distance..rows));
        let better = better(protocol, &before, &own)?;
        let open = rows_from(&closed, distance, rows - distance).not(protocol);
        let taken = and(protocol, &better, &open)?;
        let joined = select(protocol, &taken, &before, &own)?;
        best = Shares::concat(&[&best.slice(0..distance), &joined]);
        closed = or(protocol, &closed, &later_by(&closed, distance))?;
        distance *= 2;
    }
    Ok(best)
}
