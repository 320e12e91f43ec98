//! Arithmetic, logic and comparisons.

use ring::{Lanes, Number, Ring};

use super::harness::{mine, on_bits, on_numbers, scrambled, timed};
use super::{BLOCK, Measured};
use crate::error::Result;
use crate::mpc::{Mixed, Mpc, Receivers, Shares};
use crate::ops;
use crate::session::Party;

pub(super) fn mul<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    on_numbers(protocol, rows, |protocol, x, y| protocol.multiply(x, y), |x, y| x.times(y))
}

pub(super) fn less_than<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let width = P::Num::BITS.min(64);
    on_bits(
        protocol,
        rows,
        |protocol, x, y| ops::less_than(protocol, x, y, width),
        |x, y| x.to_i128() < y.to_i128(),
    )
}

pub(super) fn equal<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let width = P::Num::BITS.min(64);
    on_bits(protocol, rows, |protocol, x, y| ops::equal(protocol, x, y, width), |x, y| x == y)
}

/// ANDs of packed bits, 64 gates to a word.
pub(super) fn and<P: Mixed>(protocol: &mut P, gates: usize) -> Result<Measured> {
    let words: Vec<_> = (0..BLOCK as u64).map(|word| Lanes(scrambled(word))).collect();
    let x = Mpc::<Lanes>::input(protocol, Party(0), mine(protocol, &words), BLOCK)?;
    let y = x.blocks(&(0..BLOCK).rev().collect::<Vec<_>>(), 1);
    let blocks = gates.div_ceil(BLOCK * Lanes::ROWS);
    let (product, took, cost) = timed(protocol, blocks, |protocol| Mpc::<Lanes>::mul(protocol, &x, &y))?;
    let proof = protocol.verify()?;
    let seen = Mpc::<Lanes>::reveal(protocol, &product, Receivers::All, proof)?.unwrap_or_default();
    let expected = words.iter().zip(words.iter().rev()).map(|(x, y)| x.times(*y));
    Ok(Measured { took, cost, correct: seen.into_iter().eq(expected) })
}
