//! Where the smallest or largest value is, and what stands beside it.

use std::ops::Range;

use ring::Number;

use super::compare::{less_than, same_length};
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Mpc, Numbers, Shares};

/// An extreme value, its place and what stands there.
pub struct Extremum<P: Mixed> {
    /// The value of each row.
    pub value: Numbers<P>,
    /// The block that has it; of several the first.
    pub place: Numbers<P>,
    /// The payload at that place, column by column.
    pub payload: Vec<Numbers<P>>,
}

/// As [`argmax_blocks`], the smallest.
///
/// # Errors
/// As [`argmax_blocks`].
pub fn argmin_blocks<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    payload: &[Numbers<P>],
    blocks: usize,
    width: u32,
) -> Result<Extremum<P>> {
    tournament(protocol, x, payload, blocks, |protocol, own, other| less_than(protocol, other, own, width))
}

/// Row by row the largest of `blocks` columns of equal length that lie one after another in `x`, of which all
/// differences lie in −2^(`width` − 1) … 2^(`width` − 1) − 1, with its place and what `payload`, columns as
/// long as `x`, holds there. With as many blocks as elements it is the largest of one column.
///
/// A tree over neighbours, so that of equal values the first wins: ⌈log₂ `blocks`⌉ times a
/// [`less_than`], 3 rounds, and 3 numbers more for each block and 1 for each column of payload.
///
/// # Errors
/// As [`less_than`]; [`Error::Lengths`] when `x` doesn't split into `blocks` columns, or a payload is of
/// another length.
pub fn argmax_blocks<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    payload: &[Numbers<P>],
    blocks: usize,
    width: u32,
) -> Result<Extremum<P>> {
    tournament(protocol, x, payload, blocks, |protocol, own, other| less_than(protocol, own, other, width))
}

/// `worse` says where a block's own value loses against its right neighbour's.
fn tournament<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    payload: &[Numbers<P>],
    blocks: usize,
    mut worse: impl FnMut(&mut P, &Numbers<P>, &Numbers<P>) -> Result<crate::mpc::Bits<P>>,
) -> Result<Extremum<P>> {
    const OPERATION: &str = "tournament of blocks";
    if blocks == 0 {
        return Err(Error::Lengths { operation: OPERATION, left: x.len(), right: 0 });
    }
    let rows = x.len() / blocks;
    same_length(OPERATION, x.len(), rows * blocks)?;
    payload.iter().try_for_each(|column| same_length(OPERATION, column.len(), x.len()))?;
    let places: Vec<_> = (0..blocks as u128).flat_map(|block| vec![P::Num::from_u128(block); rows]).collect();
    let places = Mpc::<P::Num>::public(protocol, &places);
    let columns = payload.len() + 2;
    let mut left = Shares::concat(&[x, &places].into_iter().chain(payload).collect::<Vec<_>>());
    let mut blocks = blocks;
    while blocks > 1 {
        let pairs = blocks / 2;
        let of_pair = |side: usize| in_each(columns, blocks, 0..pairs, move |pair| 2 * pair + side);
        let (own, other) = (left.blocks(&of_pair(0), rows), left.blocks(&of_pair(1), rows));
        let worse = worse(protocol, &own.slice(0..pairs * rows), &other.slice(0..pairs * rows))?;
        let worse = protocol.inject(&worse)?;
        let worse = Shares::concat(&vec![&worse; columns]);
        let winners = protocol.multiply(&worse, &other.minus(&own))?.plus(&own);
        // A last block without a neighbour goes on as it is, behind the winners of its column.
        let alone = left.blocks(&in_each(columns, blocks, 2 * pairs..blocks, |block| block), rows);
        let all = <Numbers<P>>::concat(&[&winners, &alone]);
        let rest = blocks - 2 * pairs;
        let order = (0..columns).flat_map(|column| {
            let winners = column * pairs..(column + 1) * pairs;
            winners.chain((columns * pairs + column * rest)..(columns * pairs + (column + 1) * rest))
        });
        left = all.blocks(&order.collect::<Vec<_>>(), rows);
        blocks = pairs + rest;
    }
    let column = |column: usize| left.slice(column * rows..(column + 1) * rows);
    Ok(Extremum { value: column(0), place: column(1), payload: (2..columns).map(column).collect() })
}

/// In each of `columns` columns of `blocks` blocks the blocks that `place` names.
fn in_each(columns: usize, blocks: usize, range: Range<usize>, place: impl Fn(usize) -> usize) -> Vec<usize> {
    let place = &place;
    (0..columns).flat_map(|column| range.clone().map(move |item| column * blocks + place(item))).collect()
}
