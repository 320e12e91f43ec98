//! Square roots of secret numbers.

use ring::{Number, Ring};

use super::divide::PRECISION;
use super::normalise::{chosen, normalise};
use super::scale::scale_by_place;
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Numbers, Shares};

/// The ranges of a square root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootRange {
    /// The radicand is below 2^`bits`; at most 118.
    pub bits: u32,
    /// The radicand stands for itself divided by 2^`fraction_in`; at most 118.
    pub fraction_in: u32,
    /// The result is the root times 2^`fraction_out`; at most 50.
    pub fraction_out: u32,
}

/// √(x / 2^`fraction_in`) · 2^`fraction_out` for 0 ≤ x < 2^`bits`, within 2^-30 of its value and 1 besides; 0 for 0,
/// arbitrary for negative numbers.
///
/// The radicand is normalised; the inverse root of its mantissa starts at a parabola of relative error below
/// 0.0037 and is refined by two of Newton's steps, to below 2^-30.6; then the root is moved by half the exponent. Source:
/// Newton's y(3 − m y²)/2, as in Lu et al.: Faster Secure Multiparty Computation of Function Evaluations, PoPETs 2020.
/// At most 57 rounds and 714 bytes per row.
///
/// # Errors
/// Those of the transport; [`Error::OutOfRange`] when a range is too wide; [`Error::Narrow`] when the numbers have
/// fewer than 128 bits.
pub fn square_root<P: Mixed>(protocol: &mut P, x: &Numbers<P>, range: RootRange) -> Result<Numbers<P>> {
    range.check(P::Num::BITS)?;
    let bits = range.bits.max(PRECISION);
    let radicand = normalise(protocol, x, bits, PRECISION)?;
    // x / 2^fraction_in = m · 2^(place + 1 − fraction_in) with ½ ≤ m < 1; an odd exponent leaves a factor √2.
    let exponent = |place: usize| place as i64 + 1 - i64::from(range.fraction_in);
    let moved =
        |place: usize| exponent(place).div_euclid(2) + i64::from(range.fraction_out) - i64::from(PRECISION);
    let odd = chosen(&radicand.leading, 1, |place| exponent(place).rem_euclid(2) as usize);
    let inverse = inverse_root(protocol, &radicand.mantissa)?;
    let root = fixed_mul(protocol, &radicand.mantissa, &inverse)?;
    let odd = protocol.inject(&odd)?;
    let factor =
        odd.times(fixed::<P>(std::f64::consts::SQRT_2 - 1.0)).plus(&constant(protocol, 1.0, x.len()));
    let root = fixed_mul(protocol, &root, &factor)?;
    scale_by_place(protocol, &root, &radicand.leading, moved)
}

impl RootRange {
    fn check(&self, ring: u32) -> Result<()> {
        if ring < 128 {
            return Err(Error::Narrow { operation: "square_root", needed: 128, found: ring });
        }
        let limits = [
            ("bits", self.bits, 118),
            ("fraction_in", self.fraction_in, 118),
            ("fraction_out", self.fraction_out, 50),
        ];
        match limits.into_iter().find(|(_, found, most)| found > most) {
            None => Ok(()),
            Some((parameter, found, most)) => Err(Error::OutOfRange {
                operation: "square_root",
                parameter,
                found: found.into(),
                most: most.into(),
            }),
        }
    }
}

/// 2^(3/2 · PRECISION) / √m for mantissas m, scaled by 2^PRECISION, in [½, 1): within 2^-30.6 of it.
pub(super) fn inverse_root<P: Mixed>(protocol: &mut P, mantissa: &Numbers<P>) -> Result<Numbers<P>> {
    let rows = mantissa.len();
    // Interpolates 1/√m at the three Chebyshev nodes of [½, 1].
    let square = fixed_mul(protocol, mantissa, mantissa)?;
    let coarse = |value: f64| P::Num::from_i128((value * f64::from(1u32 << 20)) as i128);
    let start = mantissa.times(coarse(START[1])).plus(&square.times(coarse(START[2])));
    let start = protocol.truncate_near(&start, 20)?;
    let mut inverse = start.plus(&constant(protocol, START[0], rows));
    for _ in 0..2 {
        let square = fixed_mul(protocol, &inverse, &inverse)?;
        let product = fixed_mul(protocol, mantissa, &square)?;
        let rest = constant(protocol, 3.0, rows).minus(&product);
        inverse = protocol.multiply_near(&inverse, &rest, PRECISION + 1)?;
    }
    Ok(inverse)
}

/// The parabola's coefficients, lowest first: 1/√m within 0.0036 of its value.
const START: [f64; 3] = [2.225_520_65, -2.042_793_49, 0.820_044_45];

/// A product of two numbers of PRECISION fraction bits. 2 rounds.
pub(super) fn fixed_mul<P: Mixed>(protocol: &mut P, x: &Numbers<P>, y: &Numbers<P>) -> Result<Numbers<P>> {
    protocol.multiply_near(x, y, PRECISION)
}

pub(super) fn fixed<P: Mixed>(value: f64) -> P::Num {
    P::Num::from_i128((value * (1u64 << PRECISION) as f64) as i128)
}

pub(super) fn constant<P: Mixed>(protocol: &P, value: f64, rows: usize) -> Numbers<P> {
    protocol.constant(fixed::<P>(value), rows)
}
