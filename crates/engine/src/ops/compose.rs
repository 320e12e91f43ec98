//! Bits as the numbers that they write, and numbers moved by public places.
//!
//! The inverse of [`decompose`](super::decompose). Moving down is [`truncate`](super::truncate), exactly, or
//! [`Mixed::truncate_near`], cheaper and one off at random.

use ring::{Number, Ring};

use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// The unsigned numbers whose bits are `bits`, lowest first. 2 rounds, as much
/// as one sum in [`Mixed::inject_sums`].
///
/// # Errors
/// Those of the transport; [`Error::OutOfRange`] when the ring has fewer bits.
pub fn compose<P: Mixed>(protocol: &mut P, bits: &Bits<P>) -> Result<Numbers<P>> {
    let weight = |place| P::Num::ONE.shifted_left(place);
    weighted(protocol, bits, weight)
}

/// The numbers in two's complement whose bits are `bits`, lowest first: the highest counts −2^(width − 1). 2
/// rounds, as much as [`compose`].
///
/// # Errors
/// As [`compose`].
pub fn compose_signed<P: Mixed>(protocol: &mut P, bits: &Bits<P>) -> Result<Numbers<P>> {
    let top = (bits.width() as u32).wrapping_sub(1);
    weighted(protocol, bits, |place| {
        let weight = P::Num::ONE.shifted_left(place);
        if place == top { weight.negated() } else { weight }
    })
}

/// x · 2^`places`, for x of which the result lies in −2^(`width` − 1) … 2^(`width` − 1) − 1. Local.
///
/// # Errors
/// [`Error::OutOfRange`] when `width` exceeds the ring's bits, or `places` exceeds `width`.
pub fn shift_left<P: Mixed>(x: &Numbers<P>, places: u32, width: u32) -> Result<Numbers<P>> {
    for (parameter, found, most) in [("width", width, P::Num::BITS), ("places", places, width)] {
        if found > most {
            let (found, most) = (found.into(), most.into());
            return Err(Error::OutOfRange { operation: "shift_left", parameter, found, most });
        }
    }
    Ok(x.times(P::Num::ONE.shifted_left(places)))
}

fn weighted<P: Mixed>(
    protocol: &mut P,
    bits: &Bits<P>,
    weight: impl Fn(u32) -> P::Num,
) -> Result<Numbers<P>> {
    let (rows, width) = (bits.rows(), bits.width());
    if width > P::Num::BITS as usize {
        let (found, most) = (width as u64, P::Num::BITS.into());
        return Err(Error::OutOfRange { operation: "compose", parameter: "width", found, most });
    }
    if width == 0 {
        return Ok(Shares::zeros(rows));
    }
    protocol.inject_sums(bits, &[(0..width as u32).map(weight).collect()])
}
