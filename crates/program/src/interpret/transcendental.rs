//! Exponential and logarithm in integers of 60 binary places, so that the reference is the same on every machine: within
//! 2^-50 of their values, far below the errors that shares may have.

/// Binary places.
const PLACES: u32 = 60;

const ONE: u128 = 1 << PLACES;

/// ln 2.
const LN_2: i128 = 799_144_290_325_165_979;

/// Beyond it a power has left every range: eˣ > 2^92, e⁻ˣ < 2^-92.
const FAR: i128 = 64;

/// eˣ = mantissa · 2^exponent with 1 ≤ mantissa < 2, for x of `fraction` ≤ 60 binary places.
pub(super) fn exp(x: i128, fraction: u8) -> (u128, i32) {
    let x = x.clamp(-(FAR << fraction), FAR << fraction) << (PLACES - u32::from(fraction));
    let (exponent, rest) = (x.div_euclid(LN_2), x.rem_euclid(LN_2).unsigned_abs());
    // Σ restⁿ / n!, of which the term of n = 20 is below 2^-71.
    let (mut sum, mut term) = (ONE, ONE);
    for n in 1..=20 {
        term = ((term * rest) >> PLACES) / n;
        sum += term;
    }
    // At most 93 in magnitude. The last places of the sum might reach 2.
    (sum.min(2 * ONE - 1), exponent as i32)
}

/// A power in `fraction` binary places, rounded down; it is below 2^67.
pub(super) fn rounded(mantissa: u128, exponent: i32, fraction: u8) -> i128 {
    let places = exponent + i32::from(fraction) - PLACES as i32;
    let power = match u32::try_from(places) {
        Ok(places) => mantissa << places.min(66),
        Err(_) => mantissa.checked_shr(places.unsigned_abs()).unwrap_or(0),
    };
    power.cast_signed()
}

/// ln x for x > 0 of `fraction` ≤ 60 binary places, rounded down.
pub(super) fn log(x: u128, fraction: u8) -> i128 {
    let exponent = x.checked_ilog2().unwrap_or(0);
    let mantissa = if exponent > PLACES { x >> (exponent - PLACES) } else { x << (PLACES - exponent) };
    // ln m = 2 · artanh((m − 1) / (m + 1)), whose series in squares of at most 1/9 ends below 2^-63.
    let quotient = ((mantissa - ONE) << PLACES) / (mantissa + ONE);
    let square = (quotient * quotient) >> PLACES;
    let (mut sum, mut power) = (0, quotient);
    for n in 0..20 {
        sum += power / (2 * n + 1);
        power = (power * square) >> PLACES;
    }
    let exponent = i128::from(exponent) - i128::from(fraction);
    (2 * sum.cast_signed() + exponent * LN_2) >> (PLACES - u32::from(fraction))
}

/// 1 / (1 + e⁻ˣ), rounded down.
pub(super) fn sigmoid(x: i128, fraction: u8) -> i128 {
    let positive = ((ONE << PLACES) / (ONE + falling(x, fraction))).cast_signed();
    let sigmoid = if x < 0 { ONE.cast_signed() - positive } else { positive };
    sigmoid >> (PLACES - u32::from(fraction))
}

/// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), rounded down.
pub(super) fn tanh(x: i128, fraction: u8) -> i128 {
    let square = falling(x.saturating_mul(2), fraction);
    let positive = (((ONE - square) << PLACES) / (ONE + square)).cast_signed();
    (if x < 0 { -positive } else { positive }) >> (PLACES - u32::from(fraction))
}

/// e^-|x| in 60 binary places.
fn falling(x: i128, fraction: u8) -> u128 {
    let (mantissa, exponent) = exp(x.saturating_abs().saturating_neg(), fraction);
    rounded(mantissa, exponent, PLACES as u8).unsigned_abs().min(ONE)
}
