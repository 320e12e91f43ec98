//! Workloads that measure a scheme, each with a check of its outputs.
//!
//! A workload is run by every compute party on a session of its own; a caller brings the transport, so that the
//! same workloads measure threads of one process and processes that speak TLS.

use std::time::{Duration, Instant};

use ring::{Lanes, Number, PackedBits, Ring};

use crate::error::Result;
use crate::mpc::{Bits, Cost, Mixed, Mpc, Numbers, Protocol, Receivers, Shares};
use crate::ops;
use crate::session::Party;

/// Rows of a block: large enough that a round is paid for, small enough that a block stays in the cache.
pub const BLOCK: usize = 1 << 15;

/// What one party measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// From the shared inputs to the shared outputs.
    pub took: Duration,
    /// What was used meanwhile.
    pub cost: Cost,
    /// Whether the outputs were right wherever they were looked at.
    pub correct: bool,
}

/// A named workload over schemes of type `P`.
pub struct Workload<P> {
    /// Its name on the command line.
    pub name: &'static str,
    /// Rows, or gates, by default.
    pub rows: usize,
    /// Runs it on that many rows.
    pub run: fn(&mut P, usize) -> Result<Measured>,
}

/// All workloads, in the order in which they are printed.
#[must_use]
pub fn workloads<P: Mixed>() -> Vec<Workload<P>> {
    let workload = |name, rows, run| Workload { name, rows, run };
    vec![
        workload("mul", 10_000_000, mul),
        workload("and", 1_000_000_000, and),
        workload("less-than", 1_000_000, less_than),
        workload("equal", 1_000_000, equal),
    ]
}

fn mul<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    on_numbers(protocol, rows, |protocol, x, y| protocol.multiply(x, y), |x, y| x.times(y))
}

fn less_than<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let width = P::Num::BITS.min(64);
    on_bits(
        protocol,
        rows,
        |protocol, x, y| ops::less_than(protocol, x, y, width),
        |x, y| x.to_i128() < y.to_i128(),
    )
}

fn equal<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let width = P::Num::BITS.min(64);
    on_bits(protocol, rows, |protocol, x, y| ops::equal(protocol, x, y, width), |x, y| x == y)
}

/// ANDs of packed bits, 64 gates to a word.
fn and<P: Mixed>(protocol: &mut P, gates: usize) -> Result<Measured> {
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

/// An operator from numbers to numbers on `rows` rows: block by block, on the same operands each time, so that
/// memory holds two blocks whatever the rows.
fn on_numbers<P: Mixed>(
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
fn on_bits<P: Mixed>(
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
struct Operands<P: Mixed> {
    x: Numbers<P>,
    y: Numbers<P>,
    values: Vec<(P::Num, P::Num)>,
}

impl<P: Mixed> Operands<P> {
    /// Numbers of 62 bits and of both signs; every eighth pair is equal.
    fn new(protocol: &mut P, rows: usize) -> Result<Self> {
        let number = |seed: u64| P::Num::from_i128(i128::from(scrambled(seed) as i64 >> 2));
        let pair =
            |row: u64| (number(2 * row), number(if row.is_multiple_of(8) { 2 * row } else { 2 * row + 1 }));
        let values: Vec<_> = (0..rows as u64).map(pair).collect();
        let (x, y): (Vec<_>, Vec<_>) = values.iter().copied().unzip();
        let x = Mpc::<P::Num>::input(protocol, Party(0), mine(protocol, &x), rows)?;
        let y = Mpc::<P::Num>::input(protocol, Party(0), mine(protocol, &y), rows)?;
        Ok(Self { x, y, values })
    }
}

/// The values, at the party that brings them in.
fn mine<'a, P: Protocol, D>(protocol: &P, values: &'a [D]) -> Option<&'a [D]> {
    (protocol.me() == Party(0)).then_some(values)
}

/// Runs `block` that often; its last result, and what all together used.
fn timed<P: Protocol, T>(
    protocol: &mut P,
    blocks: usize,
    block: impl Fn(&mut P) -> Result<T>,
) -> Result<(T, Duration, Cost)> {
    let (before, start) = (protocol.cost(), Instant::now());
    let mut result = block(protocol)?;
    for _ in 1..blocks {
        result = block(protocol)?;
    }
    Ok((result, start.elapsed(), protocol.cost().since(before)))
}

/// The finaliser of SplitMix64: numbers without a pattern, the same everywhere.
fn scrambled(seed: u64) -> u64 {
    let x = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
