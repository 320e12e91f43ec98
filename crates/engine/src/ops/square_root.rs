//! Square roots of secret numbers.

use ring::{Number, Ring};

use super::mantissa::PRECISION;
use super::normalise::{DigitProduct, RADIX, chosen, normalise, normalise_with};
use super::scale::scale_by_place;
use super::truncate::leaves_room;
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

/// √(x / 2^`fraction_in`) · 2^`fraction_out` for 0 ≤ x < 2^`bits`, within 2^-30 of its value and 5/4 besides; 0 for 0,
/// arbitrary for negative numbers.
///
/// The radicand is normalised; the inverse root of its mantissa starts at a parabola of relative error below
/// 0.0037 and is refined with the root itself by two of Goldschmidt's steps, to below 2^-30.6; then the root is moved by
/// half the exponent. Source: Goldschmidt 1964; Markstein: Software Division and Square Root Using Goldschmidt's Algorithms,
/// 2004, §2.3. At most 52 rounds and 681 bytes per row; where the results' range is so short that the move is one
/// product near its value, 34 rounds and 347 bytes with 50 bits and 18 of fraction.
///
/// # Errors
/// Those of the transport; [`Error::OutOfRange`] when a range is too wide; [`Error::Narrow`] when the numbers have
/// fewer than 128 bits.
pub fn square_root<P: Mixed>(protocol: &mut P, x: &Numbers<P>, range: RootRange) -> Result<Numbers<P>> {
    range.check(P::Num::BITS)?;
    let bits = range.bits.max(PRECISION);
    if let Some(half) = range.half_power::<P::Num>(bits) {
        let (mantissa, power) = normalise_with(protocol, x, bits, PRECISION, &half.power::<P::Num>())?;
        let root = root(protocol, &mantissa)?;
        return protocol.multiply_near(&root, &power, half.shift);
    }
    let radicand = normalise(protocol, x, bits, PRECISION)?;
    // x / 2^fraction_in = m · 2^(place + 1 − fraction_in) with ½ ≤ m < 1; an odd exponent leaves a factor √2.
    let exponent = |place: usize| place as i64 + 1 - i64::from(range.fraction_in);
    let moved =
        |place: usize| exponent(place).div_euclid(2) + i64::from(range.fraction_out) - i64::from(PRECISION);
    let odd = chosen(&radicand.leading, 1, |place| exponent(place).rem_euclid(2) as usize);
    let root = root(protocol, &radicand.mantissa)?;
    let odd = protocol.inject(&odd)?;
    let factor =
        odd.times(fixed::<P>(std::f64::consts::SQRT_2 - 1.0)).plus(&constant(protocol, 1.0, x.len()));
    let root = fixed_mul(protocol, &root, &factor)?;
    scale_by_place(protocol, &root, &radicand.leading, moved)
}

/// 2 to minus half the shift of a normalised number, scaled: what moves the mantissa's root to that of the number.
///
/// As the shift has octal digits h and l, it is 2^(−4h) · 2^(−l/2).
struct HalfPower {
    /// The highest h.
    high: u32,
    /// Bits that the product of both factors is divided by.
    down: u32,
    /// Whether a factor √2 remains for all rows.
    odd: bool,
    /// Bits that the root times the power is divided by.
    shift: u32,
}

/// Fraction bits of 2^(−l/2), which is above 2^-4: within 2^-33 of it.
const HALF_BITS: u32 = 36;
/// Bits of a power: with the root's they leave room for a division near the value.
const POWER_BITS: u32 = 47;

impl HalfPower {
    fn power<N: Number>(&self) -> DigitProduct<N> {
        let odd = if self.odd { std::f64::consts::SQRT_2 } else { 1.0 };
        let low = |digit: usize| odd * (f64::from(HALF_BITS) - digit as f64 / 2.0).exp2();
        let low = std::array::from_fn(|digit| N::from_u128(low(digit).round() as u128));
        let high = (0..=self.high).rev().map(|digit| N::ONE.shifted_left(RADIX as u32 / 2 * digit));
        DigitProduct { low, high: high.collect(), down: self.down, bits: POWER_BITS }
    }
}

impl RootRange {
    /// How the root of a mantissa of a number of `bits` bits is moved in one step, if what its power lacks makes less than
    /// a quarter of the result's unit.
    fn half_power<N: Number>(self, bits: u32) -> Option<HalfPower> {
        let high = (bits - 1) / RADIX as u32;
        let exact = HALF_BITS + RADIX as u32 / 2 * high;
        let down = (exact + 1).saturating_sub(POWER_BITS);
        // The number is the mantissa times 2^(bits − shift), and its root half of that, beside the fractions'.
        let exponent = i64::from(bits) - i64::from(self.fraction_in);
        let half = exponent.div_euclid(2) + i64::from(self.fraction_out);
        let shift = i64::from(PRECISION + exact - down) - half;
        let most = POWER_BITS + 1 + down.max(bits - PRECISION);
        let fits = leaves_room::<N>(most) && (i64::from(PRECISION) + 2..126).contains(&shift);
        fits.then_some(HalfPower { high, down, odd: exponent.rem_euclid(2) == 1, shift: shift as u32 })
    }

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

/// 2^(PRECISION / 2) · √m for mantissas m, scaled by 2^PRECISION, in [½, 1]: within 2^-30.6 of it; 0 for 0.
fn root<P: Mixed>(protocol: &mut P, mantissa: &Numbers<P>) -> Result<Numbers<P>> {
    let refined = refined(protocol, mantissa)?;
    let rest = protocol.multiply_near(&refined.root, &refined.error, PRECISION + 1)?;
    Ok(refined.root.plus(&rest))
}

/// 2^(3/2 · PRECISION) / √m for mantissas m, scaled by 2^PRECISION, in [½, 1]: within 2^-30.6 of it.
pub(super) fn inverse_root<P: Mixed>(protocol: &mut P, mantissa: &Numbers<P>) -> Result<Numbers<P>> {
    let refined = refined(protocol, mantissa)?;
    let rest = protocol.multiply_near(&refined.inverse, &refined.error, PRECISION + 1)?;
    Ok(refined.inverse.plus(&rest))
}

/// The root and the inverse root of a mantissa after one of Goldschmidt's steps, and what their product lacks of 1: both
/// come closer when half of it times themselves is added.
struct Refined<P: Mixed> {
    root: Numbers<P>,
    inverse: Numbers<P>,
    error: Numbers<P>,
}

fn refined<P: Mixed>(protocol: &mut P, mantissa: &Numbers<P>) -> Result<Refined<P>> {
    let rows = mantissa.len();
    // Interpolates 1/√m at the three Chebyshev nodes of [½, 1].
    let square = fixed_mul(protocol, mantissa, mantissa)?;
    let coarse = |value: f64| P::Num::from_i128((value * f64::from(1u32 << 20)) as i128);
    let start = mantissa.times(coarse(START[1])).plus(&square.times(coarse(START[2])));
    let start = protocol.truncate_near(&start, 20)?;
    let inverse = start.plus(&constant(protocol, START[0], rows));
    let root = fixed_mul(protocol, mantissa, &inverse)?;
    let one = constant(protocol, 1.0, rows);
    let error = one.minus(&fixed_mul(protocol, &root, &inverse)?);
    let both = Shares::concat(&[&root, &inverse]);
    let rest = protocol.multiply_near(&both, &Shares::concat(&[&error, &error]), PRECISION + 1)?;
    let (root, inverse) = (root.plus(&rest.slice(0..rows)), inverse.plus(&rest.slice(rows..2 * rows)));
    let error = one.minus(&fixed_mul(protocol, &root, &inverse)?);
    Ok(Refined { root, inverse, error })
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
