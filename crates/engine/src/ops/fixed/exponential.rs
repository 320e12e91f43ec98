//! The exponential function, and what follows from it.

use ring::{Number, Ring};

use super::polynomial::evaluate;
use super::{Fixed, INNER};
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Numbers, Shares};
use crate::ops::bits::{bits_of, decompose};
use crate::ops::compare::negative;
use crate::ops::divide::{PRECISION, reciprocal};
use crate::ops::one_hot::{Digit, one_hot};
use crate::ops::truncate::multiply_scaled;

/// log₂ e, scaled by 2^INNER.
const LOG2_E: u128 = 1_549_082_005;

/// 2^t on [0, 1], scaled by 2^INNER: interpolated at Chebyshev's nodes, within 3·10^-9 of its value.
const POWER: [i64; 7] = [1_073_741_827, 744_260_852, 257_945_486, 59_571_873, 10_398_316, 1_330_509, 234_782];

/// Powers inside of [`sigmoid`] below 2^-LOWEST are 0.
const LOWEST: u32 = 24;

/// eˣ, which must be below 2^`integer`: within 2^-22 of its value and 2^-`fraction` besides, for any smaller x.
///
/// x · log₂ e is split into an integer, of which 2 to the power is a product over its two digits, and a fraction, for which a
/// polynomial of degree 6 stands (Aly, Smart: Benchmarking Privacy Preserving Scientific Operations, ACNS 2019, §3.5). In the
/// default format 24 rounds and 282 bytes per row.
///
/// # Errors
/// Those of the transport; [`Error::Narrow`](crate::Error::Narrow) below 128 bits;
/// [`Error::OutOfRange`](crate::Error::OutOfRange) when the format is too wide.
pub fn exp<P: Mixed>(protocol: &mut P, x: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    check_inside::<P::Num>("exp", format)?;
    scaled_exp(
        protocol,
        x,
        format,
        Powers { lowest: format.fraction + 2, integer: format.integer, fraction: format.fraction },
    )
}

/// 1 / (1 + e⁻ˣ): within 2^-20 and 2^-`fraction` besides, for any x. In the default format 45
/// rounds and 426 bytes per row.
///
/// It is 1 / (1 + e^-|x|), or one minus that for negative x, so that the power lies in (0, 1] and the divisor in
/// [1, 2], where the reciprocal needs no normalisation.
///
/// # Errors
/// As [`exp`].
pub fn sigmoid<P: Mixed>(protocol: &mut P, x: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    check_inside::<P::Num>("sigmoid", format)?;
    let two = P::Num::from_u128(2);
    let sign = negative(protocol, x, format.bits() + 1)?;
    let sign = protocol.inject(&sign)?;
    let flipped = protocol.multiply(x, &sign)?;
    // x − 2·sign·x is |x|.
    let powers = Powers { lowest: LOWEST, integer: 1, fraction: INNER };
    let power = scaled_exp(protocol, &flipped.times(two).minus(x), format, powers)?;
    // (1 + power) / 2 lies in [½, 1].
    let half = P::Num::ONE.shifted_left(PRECISION - 1);
    let divisor = protocol.plus_constant(&power.times(P::Num::ONE.shifted_left(PRECISION - 1 - INNER)), half);
    let quotient = reciprocal(protocol, &divisor)?;
    let positive = protocol.truncate_near(&quotient, PRECISION + 1 - format.fraction)?;
    let one = P::Num::ONE.shifted_left(format.fraction);
    let turned = protocol.plus_constant(&positive.times(two.negated()), one);
    Ok(protocol.multiply(&sign, &turned)?.plus(&positive))
}

/// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), which is 2 · sigmoid(2x) − 1: within 2^-19 and 2^(1 − `fraction`) besides, for any x. As
/// [`sigmoid`].
///
/// # Errors
/// As [`exp`].
pub fn tanh<P: Mixed>(protocol: &mut P, x: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    let two = P::Num::from_u128(2);
    let doubled = Fixed { integer: format.integer + 1, ..format };
    let sigmoid = sigmoid(protocol, &x.times(two), doubled)?;
    Ok(protocol.plus_constant(&sigmoid.times(two), P::Num::ONE.shifted_left(format.fraction).negated()))
}

/// What [`scaled_exp`] is to compute.
struct Powers {
    /// Results below 2^-`lowest` are 0.
    lowest: u32,
    /// Results are below 2^`integer`.
    integer: u32,
    /// Results are scaled by 2^`fraction`, at most INNER.
    fraction: u32,
}

/// Bits of the lower digit of a power's integer part.
const DIGIT: usize = 3;

/// eˣ as `powers` says.
fn scaled_exp<P: Mixed>(
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

/// Refuses formats for which powers don't fit.
fn check_inside<N: Number>(operation: &'static str, format: Fixed) -> Result<()> {
    format.check::<N>(operation, 128)?;
    let limits = [("integer", format.integer, 54), ("fraction", format.fraction, INNER)];
    match limits.into_iter().find(|(_, found, most)| found > most) {
        None => Ok(()),
        Some((parameter, found, most)) => {
            Err(Error::OutOfRange { operation, parameter, found: found.into(), most: most.into() })
        }
    }
}
