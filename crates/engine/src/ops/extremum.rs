//! Smallest and largest values.

use super::compare::{less_than, same_length};
use super::select::select;
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Numbers, Shares};

/// The smaller of x and y, of which −2^(`width` − 1) ≤ x − y < 2^(`width` − 1). A [`less_than`] and a [`select`].
///
/// # Errors
/// As [`less_than`].
pub fn min<P: Mixed>(protocol: &mut P, x: &Numbers<P>, y: &Numbers<P>, width: u32) -> Result<Numbers<P>> {
    let less = less_than(protocol, x, y, width)?;
    select(protocol, &less, x, y)
}

/// The larger of x and y, of which −2^(`width` − 1) ≤ x − y < 2^(`width` − 1). A [`less_than`] and a [`select`].
///
/// # Errors
/// As [`less_than`].
pub fn max<P: Mixed>(protocol: &mut P, x: &Numbers<P>, y: &Numbers<P>, width: u32) -> Result<Numbers<P>> {
    let less = less_than(protocol, x, y, width)?;
    select(protocol, &less, y, x)
}

/// Row by row the smallest of `blocks` columns of equal length that lie one after another in `x`. A tree of
/// ⌈log₂ `blocks`⌉ times [`min`].
///
/// # Errors
/// As [`less_than`]; [`Error::Lengths`] when `x` doesn't split into `blocks` columns.
pub fn min_blocks<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    blocks: usize,
    width: u32,
) -> Result<Numbers<P>> {
    tournament(protocol, x, blocks, |protocol, x, y| min(protocol, x, y, width))
}

/// Row by row the largest of `blocks` columns of equal length that lie one after another in `x`. A tree of
/// ⌈log₂ `blocks`⌉ times [`max`].
///
/// # Errors
/// As [`min_blocks`].
pub fn max_blocks<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    blocks: usize,
    width: u32,
) -> Result<Numbers<P>> {
    tournament(protocol, x, blocks, |protocol, x, y| max(protocol, x, y, width))
}

fn tournament<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    blocks: usize,
    mut better: impl FnMut(&mut P, &Numbers<P>, &Numbers<P>) -> Result<Numbers<P>>,
) -> Result<Numbers<P>> {
    if blocks == 0 {
        return Err(Error::Lengths { operation: "tournament of blocks", left: x.len(), right: 0 });
    }
    let rows = x.len() / blocks;
    same_length("tournament of blocks", x.len(), rows * blocks)?;
    let (mut left, mut blocks) = (x.clone(), blocks);
    while blocks > 1 {
        let half = blocks / 2 * rows;
        let winners = better(protocol, &left.slice(0..half), &left.slice(half..2 * half))?;
        left = <Numbers<P>>::concat(&[&winners, &left.slice(2 * half..left.len())]);
        blocks = blocks.div_ceil(2);
    }
    Ok(left)
}
