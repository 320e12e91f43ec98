//! Division by a secret number.

use ring::{Number, Ring};

use super::bits::{and, decompose};
use super::compare::same_length;
use super::normalise::{normalise, power_of_two};
use super::truncate::truncate;
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// The ranges of a division.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DivideRange {
    /// The numerator's magnitude is below 2^`numerator_bits`; at most 118.
    pub numerator_bits: u32,
    /// The denominator is below 2^`denominator_bits`; at most 60.
    pub denominator_bits: u32,
    /// The quotient's magnitude is below 2^`result_bits`; with `fraction` at most 110.
    pub result_bits: u32,
    /// The result is the quotient times 2^`fraction`.
    pub fraction: u32,
}

/// Bits of a mantissa: products of two leave more than 40 bits of the ring for truncation near the value.
pub(super) const PRECISION: u32 = 38;

/// The signed `numerator` · 2^`fraction` / `denominator`, within 2^-30 of its value and 1 besides; 0 where the
/// denominator is 0. Outside of `range` the result is arbitrary.
///
/// Both operands are normalised; the reciprocal of the denominator's mantissa starts at a line of relative error
/// below 1/16 and is refined thrice by Goldschmidt's products, to below 2^-32; then the quotient is moved by the
/// difference of the exponents. Source: Catrina, Saxena, FC 2010, protocol 3.4 (`Div`); Goldschmidt 1964. At most 71
/// rounds and 1.7 kB per row.
///
/// # Errors
/// Those of the transport; [`Error::Lengths`]; [`Error::OutOfRange`] when a range is too wide; [`Error::Narrow`] when
/// the numbers have fewer than 128 bits.
pub fn divide<P: Mixed>(
    protocol: &mut P,
    numerator: &Numbers<P>,
    denominator: &Numbers<P>,
    range: DivideRange,
) -> Result<Numbers<P>> {
    same_length("divide", numerator.len(), denominator.len())?;
    range.check(P::Num::BITS)?;
    let rows = numerator.len();
    let bits = range.numerator_bits.max(range.denominator_bits).max(PRECISION);
    let operands = Shares::concat(&[numerator, denominator]);
    let operands = normalise(protocol, &operands, bits, PRECISION)?;
    let (above, below) = (|x: &Numbers<P>| x.slice(0..rows), |x: &Numbers<P>| x.slice(rows..2 * rows));
    let inverse = reciprocal(protocol, &below(&operands.mantissa))?;
    // The denominator's mark is 0 where it is 0, and takes the quotient with it.
    let marked = protocol.multiply(&above(&operands.mantissa), &below(&operands.present))?;
    let quotient = protocol.multiply(&marked, &inverse)?;
    let quotient = protocol.truncate_near(&quotient, PRECISION)?;
    let mut exponent = <Numbers<P>>::zeros(rows);
    for (place, bit) in operands.shift_bits.iter().enumerate() {
        exponent =
            exponent.plus(&below(bit).minus(&above(bit)).times(P::Num::ONE.shifted_left(place as u32)));
    }
    let offset = i128::from(range.fraction) - i128::from(PRECISION) + (1 << (BIASED - 1));
    let biased = protocol.plus_constant(&exponent, P::Num::from_i128(offset));
    let biased = decompose(protocol, &biased, BIASED)?;
    let (down, up) = split_exponent(protocol, &biased)?;
    scale(protocol, &quotient, &down, &up)
}

/// Bits of an exponent after 2^(BIASED − 1) was added.
const BIASED: u32 = 9;

/// [`scale`] first moves up by at most, then down by exactly, that many places.
pub(super) const DOWN: u32 = 64;

/// Width of the exponents that [`scale`] takes.
pub(super) const EXPONENT_WIDTH: usize = 7;

impl DivideRange {
    fn check(&self, ring: u32) -> Result<()> {
        if ring < 128 {
            return Err(Error::Narrow { operation: "divide", needed: 128, found: ring });
        }
        let limits = [
            ("numerator_bits", self.numerator_bits, 118),
            ("denominator_bits", self.denominator_bits, 60),
            ("result_bits + fraction", self.result_bits.saturating_add(self.fraction), 110),
        ];
        match limits.into_iter().find(|(_, found, most)| found > most) {
            None => Ok(()),
            Some((parameter, found, most)) => Err(Error::OutOfRange {
                operation: "divide",
                parameter,
                found: found.into(),
                most: most.into(),
            }),
        }
    }
}

/// 2^(2 · PRECISION) / m for mantissas m, scaled by 2^PRECISION, in [½, 1]: within 2^-32 of it.
///
/// # Errors
/// Those of the transport.
pub(super) fn reciprocal<P: Mixed>(protocol: &mut P, mantissa: &Numbers<P>) -> Result<Numbers<P>> {
    const FINER: u32 = 4;
    let rows = mantissa.len();
    let one = protocol.constant(P::Num::ONE.shifted_left(PRECISION), rows);
    // 2.82 − 1.875 m: the relative error 1 − m(2.82 − 1.875 m) stays within ±0.0604.
    let start = P::Num::from_u128((2.82 * (1u64 << (PRECISION + FINER)) as f64) as u128);
    let start = protocol.constant(start, rows).minus(&mantissa.times(P::Num::from_u128(30)));
    let nearly_one = protocol.multiply(mantissa, &start)?;
    let mut error = one.minus(&protocol.truncate_near(&nearly_one, PRECISION + FINER)?);
    let mut inverse = start;
    // 1/m = start · (1 + e)(1 + e²)(1 + e⁴)…
    for last in [false, false, true] {
        let factor = one.plus(&error);
        let (left, right) = if last {
            (inverse, factor)
        } else {
            (Shares::concat(&[&inverse, &error]), Shares::concat(&[&factor, &error]))
        };
        let products = protocol.multiply(&left, &right)?;
        let products = protocol.truncate_near(&products, PRECISION)?;
        inverse = products.slice(0..rows);
        error = products.slice(rows.min(products.len() - rows)..products.len());
    }
    protocol.truncate_near(&inverse, FINER)
}

/// From a biased exponent s + 2^(BIASED − 1): the exponents min(max(s + DOWN, 0), DOWN) and max(s, 0). 2 rounds.
fn split_exponent<P: Mixed>(protocol: &mut P, biased: &Bits<P>) -> Result<(Bits<P>, Bits<P>)> {
    let rows = biased.rows();
    let (top, low) = (biased.bit(8), 0..7);
    let tops = biased.pick(&[8; 7]);
    let left = Bits::stack(&[&biased.range(low.clone()), &biased.bit(7)], rows);
    let products = and(protocol, &left, &Bits::stack(&[&tops, &biased.bit(6)], rows))?;
    // s ≥ 0: its bits as they are. −DOWN ≤ s < 0: bits 7 and 6 are set, the low six are s + DOWN.
    let up = products.range(low);
    let negative = biased.range(0..6).xor(&up.range(0..6));
    let both = products.bit(7);
    let near = both.xor(&biased.bit(6).xor(&biased.bit(6)));
    let down = and(protocol, &negative, &near.pick(&[0; 6]))?;
    Ok((Bits::stack(&[&down, &top], rows), up))
}

/// `x` · 2^(`down` − DOWN), rounded to the nearest, times 2^`up`; the exponents have EXPONENT_WIDTH bits and `down`
/// is at most DOWN. |x| < 2^(PRECISION + 5).
///
/// # Errors
/// Those of the transport.
pub(super) fn scale<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    down: &Bits<P>,
    up: &Bits<P>,
) -> Result<Numbers<P>> {
    let rows = x.len();
    let bits = protocol.inject(&Bits::stack(&[down, up], rows))?;
    // Both powers go through one product tree.
    let exponent: Vec<_> = (0..EXPONENT_WIDTH)
        .map(|place| {
            let column = |exponent: usize| {
                let first = (exponent * EXPONENT_WIDTH + place) * rows;
                bits.slice(first..first + rows)
            };
            Shares::concat(&[&column(0), &column(1)])
        })
        .collect();
    let powers = power_of_two(protocol, &exponent, 2 * rows)?;
    let raised = protocol.multiply(x, &powers.slice(0..rows))?;
    let raised = protocol.plus_constant(&raised, P::Num::ONE.shifted_left(DOWN - 1));
    let moved = truncate(protocol, &raised, PRECISION + DOWN + 7, DOWN)?;
    protocol.multiply(&moved, &powers.slice(rows..2 * rows))
}
