//! Reciprocals and inverse roots of secret numbers.

use ring::Ring;

use super::mantissa::{PRECISION, reciprocal as reciprocal_of_mantissa};
use super::normalise::{chosen, normalise};
use super::scale::scale_by_place;
use super::square_root::{constant, fixed, fixed_mul, inverse_root as inverse_root_of_mantissa};
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Numbers, Shares};

/// The ranges of a reciprocal or an inverse root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InverseRange {
    /// The operand is below 2^`bits`; at most 118.
    pub bits: u32,
    /// The operand stands for itself divided by 2^`fraction_in`; at most 60.
    pub fraction_in: u32,
    /// The result is scaled by 2^`fraction_out`; at most 50.
    pub fraction_out: u32,
}

/// 2^`fraction_out` / (x / 2^`fraction_in`) for 0 < x < 2^`bits`, within 2^-30 of its value and 1 besides; 0
/// for 0, arbitrary for negative numbers.
///
/// The operand is normalised; the reciprocal of its mantissa is that of [`divide`](super::divide()), which is
/// then moved by the exponent. At most 57 rounds and 1.0 kB per row.
///
/// # Errors
/// Those of the transport; [`Error::OutOfRange`] when a range is too wide; [`Error::Narrow`] when the numbers
/// have fewer than 128 bits.
pub fn reciprocal<P: Mixed>(protocol: &mut P, x: &Numbers<P>, range: InverseRange) -> Result<Numbers<P>> {
    range.check("reciprocal", P::Num::BITS)?;
    let normal = normalise(protocol, x, range.bits.max(PRECISION), PRECISION)?;
    let inverse = reciprocal_of_mantissa(protocol, &normal.mantissa, PRECISION as i32)?;
    let inverse = protocol.multiply(&inverse, &normal.present)?;
    // x = m · 2^(place + 1) with ½ ≤ m < 1, and the inverse is 2^PRECISION / m.
    let fractions = i64::from(range.fraction_in) + i64::from(range.fraction_out);
    let moved = |place: usize| fractions - i64::from(PRECISION) - place as i64 - 1;
    scale_by_place(protocol, &inverse, &normal.leading, moved)
}

/// 2^`fraction_out` / √(x / 2^`fraction_in`) for 0 < x < 2^`bits`, within 2^-30 of its value and 1 besides; 0
/// for 0, arbitrary for negative numbers.
///
/// The operand is normalised; the inverse root of its mantissa is that from which
/// [`square_root`](super::square_root()) makes the root; it is then moved by half the exponent. At most 62
/// rounds and 730 bytes per row.
///
/// # Errors
/// As [`reciprocal`].
pub fn inverse_root<P: Mixed>(protocol: &mut P, x: &Numbers<P>, range: InverseRange) -> Result<Numbers<P>> {
    range.check("inverse_root", P::Num::BITS)?;
    let normal = normalise(protocol, x, range.bits.max(PRECISION), PRECISION)?;
    let inverse = inverse_root_of_mantissa(protocol, &normal.mantissa)?;
    // x / 2^fraction_in = m · 2^exponent with ½ ≤ m < 1; an odd exponent leaves a factor √½, and zero leaves
    // zero.
    let exponent = |place: usize| place as i64 + 1 - i64::from(range.fraction_in);
    let moved =
        |place: usize| i64::from(range.fraction_out) - i64::from(PRECISION) - exponent(place).div_euclid(2);
    let odd = chosen(&normal.leading, 1, |place| exponent(place).rem_euclid(2) as usize);
    let odd = protocol.inject(&odd)?;
    let one = constant(protocol, 1.0, x.len());
    let factor = one.minus(&odd.times(fixed::<P>(1.0 - std::f64::consts::FRAC_1_SQRT_2)));
    let factor = protocol.multiply(&factor, &normal.present)?;
    let inverse = fixed_mul(protocol, &inverse, &factor)?;
    scale_by_place(protocol, &inverse, &normal.leading, moved)
}

impl InverseRange {
    fn check(&self, operation: &'static str, ring: u32) -> Result<()> {
        if ring < 128 {
            return Err(Error::Narrow { operation, needed: 128, found: ring });
        }
        let limits = [
            ("bits", self.bits, 118),
            ("fraction_in", self.fraction_in, 60),
            ("fraction_out", self.fraction_out, 50),
        ];
        match limits.into_iter().find(|(_, found, most)| found > most) {
            None => Ok(()),
            Some((parameter, found, most)) => {
                let (found, most) = (found.into(), most.into());
                Err(Error::OutOfRange { operation, parameter, found, most })
            }
        }
    }
}
