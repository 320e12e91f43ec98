//! Comparisons.

use ring::{Number, Ring};

use super::bits::and;
use super::borrow::borrow_out;
use crate::error::{Error, Result};
use crate::mpc::{Bits, Difference, Mixed, Numbers, Shares};

/// Whether each number, of which −2^(`width` − 1) ≤ x < 2^(`width` − 1), is negative.
/// 2 + ⌈log₂ (`width` − 1)⌉ rounds, less than 3 ⅓ · `width` bits.
///
/// The sign is the top bit of the difference of two bit-shared numbers (ABY3, CCS 2018, §5.3); only the borrow
/// into it is computed, by Brent and Kung's tree.
///
/// # Errors
/// Those of the transport; [`Error::OutOfRange`] when the numbers have fewer bits.
pub fn negative<P: Mixed>(protocol: &mut P, x: &Numbers<P>, width: u32) -> Result<Bits<P>> {
    in_range::<P>("negative", width)?;
    let difference = signed_difference(protocol, x, width)?;
    let top = width as usize - 1;
    let borrow = borrow_out(protocol, &difference, top)?;
    Ok(difference.minuend.bit(top).xor(&difference.subtrahend.bit(top)).xor(&borrow))
}

/// Whether x < y, of which −2^(`width` − 1) ≤ x − y < 2^(`width` − 1). As [`negative`]: at 64 bits 8 rounds and
/// less than 26 bytes.
///
/// # Errors
/// As [`negative`]; [`Error::Lengths`].
pub fn less_than<P: Mixed>(protocol: &mut P, x: &Numbers<P>, y: &Numbers<P>, width: u32) -> Result<Bits<P>> {
    same_length("less_than", x.len(), y.len())?;
    negative(protocol, &x.minus(y), width)
}

/// Whether x < `bound`, a public number for each row, of which −2^(`width` − 1) ≤ x − bound < 2^(`width` − 1).
/// As [`negative`].
///
/// # Errors
/// As [`less_than`].
pub fn less_than_public<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    bound: &[P::Num],
    width: u32,
) -> Result<Bits<P>> {
    same_length("less_than_public", x.len(), bound.len())?;
    let bound = protocol.public(bound);
    negative(protocol, &x.minus(&bound), width)
}

/// Whether x = y, of which |x − y| < 2^`width`. 1 + ⌈log₂ `width`⌉ rounds, less than 1 ⅓ · `width` bits.
///
/// The difference is zero when the two numbers of which it is the difference are equal bit by bit.
///
/// # Errors
/// Those of the transport; [`Error::Lengths`]; [`Error::OutOfRange`] when the numbers have fewer bits.
pub fn equal<P: Mixed>(protocol: &mut P, x: &Numbers<P>, y: &Numbers<P>, width: u32) -> Result<Bits<P>> {
    same_length("equal", x.len(), y.len())?;
    in_range::<P>("equal", width)?;
    let difference = protocol.difference(&x.minus(y), width)?;
    let mut same = difference.minuend.xor(&difference.subtrahend).not(protocol);
    while same.width() > 1 {
        let half = same.width() / 2;
        let joined = and(protocol, &same.range(0..half), &same.range(half..2 * half))?;
        same = Bits::stack(&[&joined, &same.range(2 * half..same.width())], same.rows());
    }
    Ok(same)
}

/// Signed numbers as a difference whose low `width` bits are those of two's complement.
///
/// # Errors
/// As [`Mixed::difference`].
pub(super) fn signed_difference<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    width: u32,
) -> Result<Difference<P>> {
    if P::Num::RAISE == P::Num::ZERO {
        return protocol.difference(x, width);
    }
    let raised = protocol.plus_constant(x, P::Num::RAISE);
    protocol.difference(&raised, width)
}

fn in_range<P: Mixed>(operation: &'static str, width: u32) -> Result<()> {
    if (1..=P::Num::BITS).contains(&width) {
        return Ok(());
    }
    Err(Error::OutOfRange { operation, parameter: "width", found: width.into(), most: P::Num::BITS.into() })
}

pub(super) fn same_length(operation: &'static str, left: usize, right: usize) -> Result<()> {
    if left == right { Ok(()) } else { Err(Error::Lengths { operation, left, right }) }
}
