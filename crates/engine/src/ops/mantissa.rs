//! The reciprocal of a mantissa: of a secret number between ½ and 1.
//!
//! It starts at the cubic whose error on [½, 1] is spread evenly (Chebyshev). The line 48 − 32·m is (17 − T₂) / m, where T₂ =
//! 2·(3 − 4m)² − 1 is Chebyshev's polynomial of degree 2, which is 17 at m = 0; and since T₄ = 2·T₂² − 1, twice
//! (48 − 32·m)·(17 + T₂) is (577 − T₄) / m. So one square and two products beside each other give an inverse s and an error
//! e = 1 − m·s of at most 0.0025, where a line of the same cost gives 0.06. Then 1/m = s·(1 + e)(1 + e²)(1 + e⁴)… (Goldschmidt
//! 1964).

use ring::{Number, Ring};

use crate::error::Result;
use crate::mpc::{Mixed, Numbers, Shares};

/// Bits of a mantissa: products of two leave more than 40 bits of the ring for truncation near the value.
pub(super) const PRECISION: u32 = 38;

/// Fraction bits of T₂, of the inverse and of its error on the way.
const PARABOLA: u32 = 32;
const INVERSE: u32 = 42;
const ERROR: u32 = 41;

/// 2^17 / 577 nearly: few bits, with which s and e are scaled alike, so that none is lost.
const SCALE: u64 = 227;
const SCALE_BITS: u32 = 17;

/// 2^`fraction` / m for mantissas m in [½, 1]: within 2^-33 of it and 1 besides. 8 rounds and six products near the value.
///
/// # Errors
/// Those of the transport.
pub(super) fn reciprocal<P: Mixed>(
    protocol: &mut P,
    mantissa: &Numbers<P>,
    fraction: i32,
) -> Result<Numbers<P>> {
    let rows = mantissa.len();
    let Start { inverse, error } = Start::of(protocol, mantissa)?;
    let one = protocol.constant(P::Num::ONE.shifted_left(ERROR), rows);
    let left = Shares::concat(&[&inverse, &error]);
    let right = Shares::concat(&[&one.plus(&error), &error]);
    let products = protocol.multiply_near(&left, &right, ERROR)?;
    let (inverse, error) = (products.slice(0..rows), products.slice(rows..2 * rows));
    protocol.multiply_near(&inverse, &one.plus(&error), to_scale(fraction))
}

/// [`reciprocal`] within 3.1·10⁻⁶ of its value, which is below 2^-18, and 1 besides. 6 rounds and four products near the
/// value.
///
/// # Errors
/// Those of the transport.
pub(super) fn coarse_reciprocal<P: Mixed>(
    protocol: &mut P,
    mantissa: &Numbers<P>,
    fraction: i32,
) -> Result<Numbers<P>> {
    // What is left out, e², is between 0 and 6·10⁻⁶: half of that more makes it even.
    const EVEN: u128 = 3 << (ERROR - 20);
    let Start { inverse, error } = Start::of(protocol, mantissa)?;
    let factor = protocol.plus_constant(&error, P::Num::from_u128((1 << ERROR) + EVEN));
    protocol.multiply_near(&inverse, &factor, to_scale(fraction))
}

/// From the scale of a product of an inverse and a factor to 2^`fraction`.
fn to_scale(fraction: i32) -> u32 {
    (INVERSE + ERROR).saturating_add_signed(fraction.saturating_neg())
}

/// A first inverse and its error: m · inverse = 1 − error.
struct Start<P: Mixed> {
    inverse: Numbers<P>,
    error: Numbers<P>,
}

impl<P: Mixed> Start<P> {
    /// 4 rounds and three products near the value.
    fn of(protocol: &mut P, mantissa: &Numbers<P>) -> Result<Self> {
        let rows = mantissa.len();
        let number = |value: u64| P::Num::from_u128(value.into());
        // 3 − 4m; the square is taken twice by a place less.
        let place = protocol.constant(number(3 << PRECISION), rows).minus(&mantissa.times(number(4)));
        let parabola = protocol.multiply_near(&place, &place, 2 * PRECISION - 1 - PARABOLA)?;
        let parabola = protocol.plus_constant(&parabola, P::Num::ONE.shifted_left(PARABOLA).negated());
        // SCALE / 2^16 · (48 − 32·m).
        let line = protocol.constant(number(48 << (PRECISION - 5)), rows).minus(mantissa);
        let left = Shares::concat(&[&line, &parabola]).times(number(SCALE));
        let above = protocol.plus_constant(&parabola, number(17 << PARABOLA));
        let shift = LINE + PARABOLA - INVERSE;
        let products = protocol.multiply_near(&left, &Shares::concat(&[&above, &parabola]), shift)?;
        // SCALE / 2^17 · (577 − T₄) is 1 − e, and T₄ + 1 is 2·T₂².
        let rest = (1 << SCALE_BITS) - 578 * i128::from(SCALE);
        let rest = P::Num::from_i128(rest << (ERROR - SCALE_BITS));
        let error = protocol.plus_constant(&products.slice(rows..2 * rows), rest);
        Ok(Self { inverse: products.slice(0..rows), error })
    }
}

/// Fraction bits of the line: those of a mantissa, 5 less since it is multiplied by 32, and those of SCALE.
const LINE: u32 = PRECISION - 5 + SCALE_BITS - 1;
