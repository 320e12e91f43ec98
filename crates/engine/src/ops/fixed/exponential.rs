//! The exponential function, and what follows from it.

use ring::{Number, Ring};

use super::polynomial::evaluate;
use super::{Fixed, INNER};
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Numbers, Shares};
use crate::ops::bits::decompose;
use crate::ops::compare::negative;
use crate::ops::divide::{PRECISION, reciprocal};
use crate::ops::normalise::{power_of_two, product};
use crate::ops::truncate::truncate;

/// log₂ e, scaled by 2^INNER.
const LOG2_E: u128 = 1_549_082_005;

/// 2^t on [0, 1], scaled by 2^INNER: interpolated at Chebyshev's nodes, within 3·10^-9 of its value.
const POWER: [i64; 7] = [1_073_741_827, 744_260_852, 257_945_486, 59_571_873, 10_398_316, 1_330_509, 234_782];

/// Results below 2^-LOWEST are 0.
const LOWEST: u32 = 40;

/// Bits of a power's integer part, after LOWEST was added.
const PLACES: u32 = 7;

/// eˣ, which must be below 2^`integer`: within 2^-22 of its value and 2^-`fraction` besides, for any smaller x.
///
/// x · log₂ e is split into an integer, of which 2 to the power is a product over its bits, and a fraction, for which a
/// polynomial of degree 6 stands (Aly, Smart: Benchmarking Privacy Preserving Scientific Operations, ACNS 2019, §3.5). In the
/// default format 34 rounds and 500 bytes per row.
///
/// # Errors
/// Those of the transport; [`Error::Narrow`](crate::Error::Narrow) below 128 bits;
/// [`Error::OutOfRange`](crate::Error::OutOfRange) when the format is too wide.
pub fn exp<P: Mixed>(protocol: &mut P, x: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    check_inside::<P::Num>("exp", format)?;
    let power = scaled_exp(protocol, x, format)?;
    truncate(
        protocol,
        &power,
        LOWEST + INNER + format.integer + 2,
        LOWEST + INNER - format.fraction.min(INNER),
    )
}

/// 1 / (1 + e⁻ˣ): within 2^-20 and 2^-`fraction` besides, for any x. In the default format 56
/// rounds and 700 bytes per row.
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
    let power = scaled_exp(protocol, &flipped.times(two).minus(x), format)?;
    let power = truncate(protocol, &power, LOWEST + INNER + 3, LOWEST)?;
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

/// eˣ, scaled by 2^(LOWEST + INNER).
fn scaled_exp<P: Mixed>(protocol: &mut P, x: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    let rows = x.len();
    let power = x.times(P::Num::from_u128(LOG2_E));
    let power = protocol.truncate_near(&power, format.fraction)?;
    let power = protocol.plus_constant(&power, P::Num::from_u128(u128::from(LOWEST) << INNER));
    let width = (INNER + format.integer + 2).max(INNER + PLACES + 1);
    let bits = decompose(protocol, &power, width)?;
    let (integer, sign) = (INNER as usize..(INNER + PLACES) as usize, width as usize - 1);
    let places: Vec<_> = integer.chain([sign]).collect();
    let injected = protocol.inject(&bits.pick(&places))?;
    let column = |place: usize| injected.slice(place * rows..(place + 1) * rows);
    let integer: Vec<_> = (0..PLACES as usize).map(column).collect();
    let sign = column(PLACES as usize);
    let whole = integer.iter().enumerate().fold(<Numbers<P>>::zeros(rows), |sum, (place, bit)| {
        sum.plus(&bit.times(P::Num::ONE.shifted_left(INNER + place as u32)))
    });
    let fraction = evaluate(protocol, &power.minus(&whole), &POWER)?;
    let whole = power_of_two(protocol, &integer, rows)?;
    // Below 2^-LOWEST the sum is negative, its bits mean nothing, and the result is 0.
    let one = protocol.constant(P::Num::ONE, rows);
    let kept = product(protocol, vec![whole, one.minus(&sign)], &one)?;
    protocol.multiply(&kept, &fraction)
}

/// Refuses formats for which eˣ, scaled by 2^(LOWEST + INNER), doesn't fit.
fn check_inside<N: Number>(operation: &'static str, format: Fixed) -> Result<()> {
    format.check::<N>(operation, 128)?;
    let limits =
        [("integer", format.integer, 128 - LOWEST - INNER - 4), ("fraction", format.fraction, INNER)];
    match limits.into_iter().find(|(_, found, most)| found > most) {
        None => Ok(()),
        Some((parameter, found, most)) => {
            Err(Error::OutOfRange { operation, parameter, found: found.into(), most: most.into() })
        }
    }
}
