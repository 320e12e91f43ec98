//! What the workloads have in common.

use std::time::{Duration, Instant};

use ring::{Lanes, Number, PackedBits, Ring};

use super::{BLOCK, Measured};
use crate::error::Result;
use crate::mpc::{Bits, Cost, Mixed, Mpc, Numbers, Protocol, Receivers};
use crate::session::Party;

/// An operator from numbers to numbers on `rows` rows: block by block, on the same operands each time, so that
/// memory holds two blocks whatever the rows.
pub(super) fn on_numbers<P: Mixed>(
    protocol: &mut P,
    rows: usize,
    operator: impl Fn(&mut P, &Numbers<P>, &Numbers<P>) -> Result<Numbers<P>>,
    expected: impl Fn(P::Num, P::Num) -> P::Num,
) -> Result<Measured> {
    let operands = Operands::new(protocol, rows.min(BLOCK))?;
    let blocks = rows.div_ceil(BLOCK);
    let (result, took, cost) =
        timed(protocol, blocks, |protocol| operator(protocol, &operands.x, &operands.y))?;
    let proof = protocol.verify()?;
    let seen = Mpc::<P::Num>::reveal(protocol, &result, Receivers::All, proof)?.unwrap_or_default();
    let expected = operands.values.iter().map(|(x, y)| expected(*x, *y));
    Ok(Measured { took, cost, correct: seen.into_iter().eq(expected) })
}

/// As [`on_numbers`], for operators from numbers to one bit.
pub(super) fn on_bits<P: Mixed>(
    protocol: &mut P,
    rows: usize,
    operator: impl Fn(&mut P, &Numbers<P>, &Numbers<P>) -> Result<Bits<P>>,
    expected: impl Fn(P::Num, P::Num) -> bool,
) -> Result<Measured> {
    let operands = Operands::new(protocol, rows.min(BLOCK))?;
    let blocks = rows.div_ceil(BLOCK);
    let (result, took, cost) =
        timed(protocol, blocks, |protocol| operator(protocol, &operands.x, &operands.y))?;
    let proof = protocol.verify()?;
    let seen = Mpc::<Lanes>::reveal(protocol, result.words(), Receivers::All, proof)?.unwrap_or_default();
    let seen = PackedBits::from_words(seen, result.rows());
    let expected = operands.values.iter().map(|(x, y)| expected(*x, *y)).collect();
    Ok(Measured { took, cost, correct: seen == expected })
}

/// Two shared columns and what they hold.
pub(super) struct Operands<P: Mixed> {
    pub(super) x: Numbers<P>,
    pub(super) y: Numbers<P>,
    pub(super) values: Vec<(P::Num, P::Num)>,
}

impl<P: Mixed> Operands<P> {
    /// Numbers of 62 bits, or of two less than the ring's where these are fewer, and of both signs; every eighth pair is equal.
    fn new(protocol: &mut P, rows: usize) -> Result<Self> {
        let unused = 66 - P::Num::BITS.min(64);
        let number = |seed: u64| P::Num::from_i128(i128::from(scrambled(seed) as i64 >> unused));
        let other = |row: u64| if row.is_multiple_of(8) { 2 * row } else { 2 * row + 1 };
        let values = (0..rows as u64).map(|row| (number(2 * row), number(other(row))));
        Self::of(protocol, values.collect())
    }

    /// The pairs of values, from the first party.
    pub(super) fn of(protocol: &mut P, values: Vec<(P::Num, P::Num)>) -> Result<Self> {
        let (x, y): (Vec<_>, Vec<_>) = values.iter().copied().unzip();
        let x = Mpc::<P::Num>::input(protocol, Party(0), mine(protocol, &x), values.len())?;
        let y = Mpc::<P::Num>::input(protocol, Party(0), mine(protocol, &y), values.len())?;
        Ok(Self { x, y, values })
    }
}

/// The values, at the party that brings them in.
pub(super) fn mine<'a, P: Protocol, D>(protocol: &P, values: &'a [D]) -> Option<&'a [D]> {
    (protocol.me() == Party(0)).then_some(values)
}

/// Runs `block` that often and checks it all; its last result, and what all together used.
pub(super) fn timed<P: Protocol, T>(
    protocol: &mut P,
    blocks: usize,
    block: impl Fn(&mut P) -> Result<T>,
) -> Result<(T, Duration, Cost)> {
    let (before, start) = (protocol.cost(), Instant::now());
    let mut result = block(protocol)?;
    for _ in 1..blocks {
        result = block(protocol)?;
    }
    protocol.verify()?;
    Ok((result, start.elapsed(), protocol.cost().since(before)))
}

/// The finaliser of SplitMix64: numbers without a pattern, the same everywhere.
pub(super) fn scrambled(seed: u64) -> u64 {
    let x = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
