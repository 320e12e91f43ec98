//! Magnitude and sign.

use ring::{Number, Ring};

use super::compare::{equal, negative};
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// |x| for −2^(`width` − 1) ≤ x < 2^(`width` − 1): `x − 2 · [x < 0] · x`. 3 rounds more than [`negative`], and 2
/// numbers.
///
/// # Errors
/// As [`negative`].
pub fn abs<P: Mixed>(protocol: &mut P, x: &Numbers<P>, width: u32) -> Result<Numbers<P>> {
    let negative = negative(protocol, x, width)?;
    let negative = protocol.inject(&negative)?;
    let below_zero = protocol.multiply(&negative, x)?;
    Ok(x.minus(&below_zero.times(P::Num::from_u128(2))))
}

/// −1, 0 or 1 as −2^(`width` − 1) ≤ x < 2^(`width` − 1) is below, at or above zero: `1 − [x = 0] − 2 · [x <
/// 0]`. 2 rounds more than [`negative`], which runs beside an [`equal`]; and 2 numbers.
///
/// # Errors
/// As [`negative`].
pub fn sign<P: Mixed>(protocol: &mut P, x: &Numbers<P>, width: u32) -> Result<Numbers<P>> {
    let rows = x.len();
    let (negative, zero) = protocol.both(
        |protocol| negative(protocol, x, width),
        |protocol| equal(protocol, x, &Shares::zeros(rows), width),
    )?;
    let flags = protocol.inject(&Bits::stack(&[&negative, &zero], rows))?;
    let (negative, zero) = (flags.slice(0..rows), flags.slice(rows..2 * rows));
    let below = zero.plus(&negative.times(P::Num::from_u128(2)));
    Ok(protocol.plus_constant(&below.times(P::Num::ONE.negated()), P::Num::ONE))
}
