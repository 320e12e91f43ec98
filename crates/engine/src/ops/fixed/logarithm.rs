//! The natural logarithm.

use ring::{Number, Ring};

use super::polynomial::evaluate;
use super::{Fixed, INNER};
use crate::error::Result;
use crate::mpc::{Mixed, Numbers, Shares};
use crate::ops::normalise::normalise;

/// ln 2, scaled by 2^INNER.
const LN_2: u128 = 744_261_118;

/// ln((u + 3) / 4) on [−1, 1], scaled by 2^INNER: interpolated at Chebyshev's nodes, within 4·10^-8.
const LOGARITHM: [i64; 9] =
    [-308_896_273, 357_913_678, -59_652_244, 13_259_563, -3_315_069, 871_402, -241_769, 85_884, -25_194];

/// ln x for x > 0: within 2^-22 and 2^-`fraction` besides; arbitrary for other x.
///
/// x = m · 2^e with ½ ≤ m < 1; a polynomial of degree 8 stands for ln m (Aly, Smart, ACNS 2019, §3.6, use a quotient). In
/// the default format 27 rounds and 308 bytes per row.
///
/// # Errors
/// Those of the transport; [`Error::Narrow`](crate::Error::Narrow) below 128 bits;
/// [`Error::OutOfRange`](crate::Error::OutOfRange) when the format is too wide.
pub fn log<P: Mixed>(protocol: &mut P, x: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    format.check::<P::Num>("log", 128)?;
    let bits = format.bits().max(INNER);
    let normal = normalise(protocol, x, bits, INNER)?;
    // m = (u + 3) / 4.
    let three = P::Num::from_u128(3 << INNER).negated();
    let u = protocol.plus_constant(&normal.mantissa.times(P::Num::from_u128(4)), three);
    let mantissa = evaluate(protocol, &u, &LOGARITHM)?;
    // The integer is m · 2^(bits − shift), and 2^fraction times the value.
    let exponent = i128::from(bits) - i128::from(format.fraction);
    let exponent =
        protocol.plus_constant(&normal.shift.times(P::Num::ONE.negated()), P::Num::from_i128(exponent));
    let sum = mantissa.plus(&exponent.times(P::Num::from_u128(LN_2)));
    match INNER.checked_sub(format.fraction) {
        Some(shift) => protocol.truncate_near(&sum, shift),
        None => Ok(sum.times(P::Num::ONE.shifted_left(format.fraction - INNER))),
    }
}
