//! Division by a secret number.

use ring::{Number, Ring};

use super::bits::{and, decompose};
use super::compare::same_length;
use super::mantissa::{PRECISION, reciprocal};
use super::normalise::{normalise, normalise_divisor};
use super::scale::scale;
use super::truncate::{leaves_room, multiply_scaled, roomy_bits, truncate};
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

/// The signed `numerator` · 2^`fraction` / `denominator`, within 2^-30 of its value and 5/4 besides; 0 where the
/// denominator is 0. Outside of `range` the result is arbitrary.
///
/// Both operands are normalised; the reciprocal of the denominator's mantissa is that of a cubic, refined twice by
/// Goldschmidt's products, to below 2^-33; then the quotient is moved by the
/// difference of the exponents. Source: Catrina, Saxena, FC 2010, protocol 3.4 (`Div`); Goldschmidt 1964. At most 66
/// rounds and 1.4 kB per row; when `numerator_bits` + `denominator_bits` ≤ 86 the numerator is left as it is. When
/// besides 2 · `numerator_bits` + `fraction` ≤ 84, few enough bits of the reciprocal do for its product with the
/// numerator to be divided near the value: with 32 bits each and 18 of fraction 28 rounds and 272 bytes.
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
    if let Some(bits) = range.reciprocal_bits::<P::Num>() {
        return divide_short(protocol, numerator, denominator, range, bits);
    }
    let rows = numerator.len();
    let bits = range.numerator_bits.max(range.denominator_bits).max(PRECISION);
    let operands = Shares::concat(&[numerator, denominator]);
    let operands = normalise(protocol, &operands, bits, PRECISION)?;
    let (above, below) = (|x: &Numbers<P>| x.slice(0..rows), |x: &Numbers<P>| x.slice(rows..2 * rows));
    let inverse = reciprocal(protocol, &below(&operands.mantissa), PRECISION as i32)?;
    // The denominator's mark is 0 where it is 0, and takes the quotient with it.
    let marked = protocol.multiply(&above(&operands.mantissa), &below(&operands.present))?;
    let quotient = protocol.multiply_near(&marked, &inverse, PRECISION)?;
    let exponent = below(&operands.shift).minus(&above(&operands.shift));
    let offset = i128::from(range.fraction) - i128::from(PRECISION) + (1 << (BIASED - 1));
    let biased = protocol.plus_constant(&exponent, P::Num::from_i128(offset));
    let biased = decompose(protocol, &biased, BIASED)?;
    let (down, up) = split_exponent(protocol, &biased)?;
    scale(protocol, &quotient, &down, &up)
}

/// [`divide`] where the numerator times the reciprocal, scaled to `bits` bits, fits the ring: then the numerator needs
/// no normalisation and the quotient no move by a secret exponent.
fn divide_short<P: Mixed>(
    protocol: &mut P,
    numerator: &Numbers<P>,
    denominator: &Numbers<P>,
    range: DivideRange,
    bits: u32,
) -> Result<Numbers<P>> {
    let (mantissa, power) = normalise_divisor(protocol, denominator, range.denominator_bits, PRECISION)?;
    let inverse = reciprocal(protocol, &mantissa, PRECISION as i32)?;
    // 2^bits over the denominator; 0 where that is 0.
    let all = PRECISION + range.denominator_bits;
    let inverse = multiply_scaled(protocol, &inverse, &power, all + 1, all - bits)?;
    let (product, shift) = (range.numerator_bits + bits + 1, bits - range.fraction);
    if leaves_room::<P::Num>(product) {
        return protocol.multiply_near(numerator, &inverse, shift);
    }
    let quotient = protocol.multiply(numerator, &inverse)?;
    let rounded = protocol.plus_constant(&quotient, P::Num::ONE.shifted_left(shift - 1));
    truncate(protocol, &rounded, product + 2, shift)
}

/// Bits of an exponent after 2^(BIASED − 1) was added.
const BIASED: u32 = 9;

impl DivideRange {
    /// Bits of the scaled reciprocal with which [`divide_short`] can do it: so few that its product with the numerator
    /// leaves room for a division near the value, if what is lost of it makes less than a quarter of the result's
    /// unit; else all of them, if the product fits the ring.
    fn reciprocal_bits<N: Number>(self) -> Option<u32> {
        let all = PRECISION + self.denominator_bits;
        let near = all.min(roomy_bits::<N>().saturating_sub(self.numerator_bits + 1));
        let (needed, product) = (self.numerator_bits + self.fraction + 2, self.numerator_bits + all + 1);
        let bits = if near >= needed { near } else { all };
        let fits = near >= needed || (product + 2 <= 128 && self.fraction < all);
        (self.denominator_bits > 0 && fits).then_some(bits)
    }

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
