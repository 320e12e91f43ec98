//! eˣ between stated powers of two, in two ways.

use ring::{Number, Ring};

use super::exp2::{FRACTION, LN_2, mantissa_of_power};
use super::polynomial::evaluate;
use super::{Fixed, INNER};
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares, Sides};
use crate::ops::bits::{bits_of, decompose};
use crate::ops::compare::negative;
use crate::ops::one_hot::{Digit, one_hot};
use crate::ops::truncate::multiply_scaled;

/// log₂ e, scaled by 2^INNER.
const LOG2_E: u128 = 1_549_082_005;

/// 2^t on [0, 1], scaled by 2^INNER: interpolated at Chebyshev's nodes, within 3·10^-9 of its value.
const POWER: [i64; 7] = [1_073_741_827, 744_260_852, 257_945_486, 59_571_873, 10_398_316, 1_330_509, 234_782];

/// What [`scaled_exp`] is to compute.
#[derive(Clone, Copy)]
pub(super) struct Powers {
    /// Results below 2^-`lowest` are 0.
    pub(super) lowest: u32,
    /// Results are below 2^`integer`.
    pub(super) integer: u32,
    /// Results are scaled by 2^`fraction`, at most INNER.
    pub(super) fraction: u32,
}

/// eˣ as `powers` says.
///
/// # Errors
/// Those of the transport.
pub(super) fn scaled_exp<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    format: Fixed,
    powers: Powers,
) -> Result<Numbers<P>> {
    match by_sides(protocol, x, format, powers)? {
        Some(power) => Ok(power),
        None => by_digits(protocol, x, format, powers),
    }
}

/// Bits before the point of the parts of a power that are multiplied in the ring.
const LOW: u32 = 3;

/// Fraction bits besides the result's, while the parts are multiplied: those of one factor, and those that make up for the
/// rounding of the other, which the first makes 2^2^LOW times as large.
const SPARE: [u32; 2] = [INNER, 12];

/// Where one party knows u and others w, of which x · log₂ e = u − w: each side raises 2 to its part alone, since
/// 2^(u − w) = 2^u · 2^-w (Kelkar, Le, Raykova, Seth: Secure Poisson Regression, USENIX Security 2022, §4, over a prime field
/// in whose exponents the parts wrap around).
///
/// Here both parts are taken modulo 2^`whole` > `lowest` + `integer`, and the difference of their bits above the lowest
/// LOW before the point, modulo as many, selects among the powers of 2^2^LOW. What the lower bits differ is less than
/// 2^LOW either way, so that no wrap is left. Where x is so small that the difference doesn't tell, a comparison makes
/// the result 0.
fn by_sides<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    format: Fixed,
    powers: Powers,
) -> Result<Option<Numbers<P>>> {
    let Powers { lowest, integer, fraction } = powers;
    let (scale, offset) = (INNER + format.fraction, lowest + 1);
    let whole = bits_of(u128::from(offset + integer + (1 << LOW))).max(LOW + 1);
    let terms = 1usize << (whole - LOW);
    let power = x.times(P::Num::from_u128(LOG2_E));
    let power = protocol.plus_constant(&power, P::Num::from_u128(u128::from(offset) << scale));
    // The bits above the lowest LOW, the lowest LOW, and the fraction's mantissa of one side.
    let split = |side: P::Num| {
        let side = side.low_bits(whole + scale).to_u128();
        let (before, behind) = ((side >> scale) as u32, (side & ((1 << scale) - 1)) << (64 - scale));
        ((before >> LOW) as usize, before & ((1 << LOW) - 1), behind as u64)
    };
    let minuend = |u: P::Num, terms: &mut [P::Num]| {
        let (high, low, fraction) = split(u);
        let factor = scaled_mantissa(mantissa_of_power(fraction), low as i32 + SPARE[0] as i32);
        terms.get_mut(high).into_iter().for_each(|term| *term = P::Num::from_u128(factor));
    };
    let subtrahend = |w: P::Num, factors: &mut [P::Num]| {
        let (high, low, part) = split(w);
        // 2^-part is half of 2^(1 − part).
        let (mantissa, low) = match part {
            0 => (mantissa_of_power(0), low),
            _ => (mantissa_of_power(part.wrapping_neg()), low + 1),
        };
        for (place, factor) in factors.iter_mut().enumerate() {
            let multiple = (place + terms - high) % terms;
            let exponent =
                (multiple << LOW) as i32 - low as i32 - offset as i32 + (fraction + SPARE[1]) as i32;
            *factor = P::Num::from_u128(scaled_mantissa(mantissa, exponent));
        }
    };
    let sides = Sides { terms, minuend: &minuend, subtrahend: &subtrahend };
    let Some(power) = protocol.dot_of_sides(&power, sides)? else { return Ok(None) };
    // lowest · ln 2 in `format`; it is less than 2^5.
    let smallest = (u128::from(lowest) * u128::from(LN_2)) << format.fraction >> 64;
    let above = protocol.plus_constant(x, P::Num::from_u128(smallest));
    let width = format.bits().max(format.fraction + 5) + 2;
    let kept = negative(protocol, &above, width)?.not(protocol);
    let kept = protocol.inject(&kept)?;
    let spare = SPARE[0] + SPARE[1];
    multiply_scaled(protocol, &power, &kept, integer + fraction + spare, spare).map(Some)
}

/// A mantissa of [`mantissa_of_power`] times 2^`exponent`, rounded down, modulo 2^128.
fn scaled_mantissa(mantissa: u64, exponent: i32) -> u128 {
    let (mantissa, places) = (u128::from(mantissa), exponent - FRACTION as i32);
    match places {
        0.. => mantissa.checked_shl(places.unsigned_abs()).unwrap_or(0),
        _ => mantissa.checked_shr(places.unsigned_abs()).unwrap_or(0),
    }
}

/// Bits of the lower digit of a power's integer part.
const DIGIT: usize = 3;

/// In any scheme: x · log₂ e is split into an integer, of which 2 to the power is a product over its two digits, and a
/// fraction, for which a polynomial of degree 6 stands (Aly, Smart: Benchmarking Privacy Preserving Scientific Operations,
/// ACNS 2019, §3.5).
fn by_digits<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    format: Fixed,
    powers: Powers,
) -> Result<Numbers<P>> {
    let (rows, range) = (x.len(), powers.lowest + powers.integer);
    let power = x.times(P::Num::from_u128(LOG2_E));
    let power = protocol.truncate_near(&power, format.fraction)?;
    let power = protocol.plus_constant(&power, P::Num::from_u128(u128::from(powers.lowest) << INNER));
    let places = (bits_of((range - 1).into()) as usize).max(DIGIT);
    let width = (INNER + format.integer + 2).max(INNER + places as u32 + 1);
    let bits = decompose(protocol, &power, width)?;
    let whole = bits.range(INNER as usize..INNER as usize + places);
    // Below 2^-lowest the sum is negative, its bits mean nothing, and the result is 0.
    let sign = bits.bit(width as usize - 1);
    let zero = sign.xor(&sign);
    let low = Digit { bits: whole.range(0..DIGIT), kept: zero.not(protocol) };
    let high = Digit { bits: whole.range(DIGIT..places), kept: sign.not(protocol) };
    let digits = one_hot(protocol, &[low, high], rows)?;
    let digits = Bits::stack(&digits.iter().collect::<Vec<_>>(), rows);
    let (values, number) = (1 << DIGIT, |value: usize| P::Num::from_u128(value as u128));
    let power_of = |exponent: usize| P::Num::ONE.shifted_left(exponent as u32);
    let two_digits = |low: &dyn Fn(usize) -> P::Num, high: &dyn Fn(usize) -> P::Num| {
        let high = (0..digits.width() - values).map(|digit| high(values * digit));
        (0..values).map(low).chain(high).collect::<Vec<_>>()
    };
    let weights = [
        two_digits(&power_of, &|_| P::Num::ZERO),
        two_digits(&|_| P::Num::ZERO, &power_of),
        two_digits(&number, &number),
    ];
    let sums = protocol.inject_sums(&digits, &weights)?;
    let sum = |sum: usize| sums.slice(sum * rows..(sum + 1) * rows);
    let fraction = power.minus(&sum(2).times(P::Num::ONE.shifted_left(INNER)));
    let fraction = evaluate(protocol, &fraction, &POWER)?;
    let whole = protocol.multiply(&sum(0), &sum(1))?;
    multiply_scaled(protocol, &whole, &fraction, range + INNER + 1, powers.lowest + INNER - powers.fraction)
}
