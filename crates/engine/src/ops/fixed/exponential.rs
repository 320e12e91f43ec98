//! The exponential function, and what follows from it.

use ring::{Number, Ring};

use super::power::{Powers, scaled_exp};
use super::{Fixed, INNER};
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Numbers, Shares};
use crate::ops::compare::negative;
use crate::ops::mantissa::{PRECISION, coarse_reciprocal, reciprocal};

/// Powers inside of [`sigmoid`] below 2^-LOWEST are 0.
const LOWEST: u32 = 24;

/// Results of no more fraction bits than these show no error below 2^-18.
const COARSE: u32 = 18;

/// eˣ, which must be below 2^`integer`: within 2^-22 of its value and 2^-`fraction` besides, for any smaller x.
///
/// In the default format 14 rounds and 103 bytes per row where one party knows a part of each number, else 24 rounds and 282
/// bytes with replicated shares.
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

/// 1 / (1 + e⁻ˣ): within 2^-`fraction` and besides 2^-20, or 2^-18 where `fraction` is at most 18, for any x. With
/// replicated shares and the default format 32 rounds and 231 bytes per row.
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
    let places = format.fraction as i32 - 1;
    let positive = match format.fraction {
        ..=COARSE => coarse_reciprocal(protocol, &divisor, places)?,
        _ => reciprocal(protocol, &divisor, places)?,
    };
    let one = P::Num::ONE.shifted_left(format.fraction);
    let turned = protocol.plus_constant(&positive.times(two.negated()), one);
    Ok(protocol.multiply(&sign, &turned)?.plus(&positive))
}

/// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), which is 2 · sigmoid(2x) − 1, for any x: twice [`sigmoid`]'s error.
///
/// # Errors
/// As [`exp`].
pub fn tanh<P: Mixed>(protocol: &mut P, x: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    let two = P::Num::from_u128(2);
    let doubled = Fixed { integer: format.integer + 1, ..format };
    let sigmoid = sigmoid(protocol, &x.times(two), doubled)?;
    Ok(protocol.plus_constant(&sigmoid.times(two), P::Num::ONE.shifted_left(format.fraction).negated()))
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
