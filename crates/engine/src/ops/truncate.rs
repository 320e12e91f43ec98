//! Exact division by a power of two.

use ring::{Number, Ring};

use super::borrow::{borrow_below_last, borrows_at};
use crate::error::{Error, Result};
use crate::mpc::{Bits, Divided, Mixed, Numbers, Shares};

/// x / 2^`shift`, rounded down, for −2^(`width` − 1) ≤ x < 2^(`width` − 1). With `rep3`, where the numbers have more than
/// `width` bits, 4 + ⌈log₂ shift⌉ rounds, less than 3 ⅓ · (`shift` + 1) bits and 1 ⅔ numbers; else 5 + ⌈log₂ of the longer of
/// shift and width − shift⌉ rounds, less than 3 ⅓ · `width` bits and 1 ⅔ numbers.
///
/// With x ≡ u − w modulo 2^`width`, both parts are divided apart; then the borrow from the low bits and the one
/// out of the top are put right (Dalskov, Escudero, Keller: Secure Evaluation of Quantized Neural Networks, PoPETs 2020,
/// §4.2, do the same with one masked value). Modulo 2^(`width` + 1) the top bit of x is 0, and the two top bits of u and w say
/// alone whether u − w wraps (Cheetah, USENIX Security 2022, §4.3, of values whose sign is known).
///
/// # Errors
/// Those of the transport; [`Error::OutOfRange`] when `width` exceeds the numbers' bits or `shift` exceeds `width`.
pub fn truncate<P: Mixed>(protocol: &mut P, x: &Numbers<P>, width: u32, shift: u32) -> Result<Numbers<P>> {
    let out_of_range = |parameter, found: u32, most: u32| Error::OutOfRange {
        operation: "truncate",
        parameter,
        found: found.into(),
        most: most.into(),
    };
    if !(1..=P::Num::BITS).contains(&width) {
        return Err(out_of_range("width", width, P::Num::BITS));
    }
    if shift >= width {
        return Err(out_of_range("shift", shift, width - 1));
    }
    if shift == 0 {
        return Ok(x.clone());
    }
    // Moved up by half the range, so that the number is its own remainder modulo 2^width.
    let raised = protocol.plus_constant(x, P::Num::ONE.shifted_left(width - 1));
    let Divided { parts, difference, is_short } = protocol.divided(&raised, width, shift)?;
    // Modulo a power of two, or modulo the field's size, which is one less than one: a whole turn of the quotients.
    let (borrows, bits) = if is_short {
        (borrow_below_last(protocol, &difference)?, width + 1)
    } else {
        (borrows_at(protocol, &difference, shift as usize)?, difference.minuend.width() as u32)
    };
    let [below, out] = borrows;
    let turn = P::Num::ONE.shifted_left(bits - shift);
    let weights = vec![P::Num::ONE.negated(), turn];
    let quotient = parts.plus(&protocol.inject_sums(&Bits::stack(&[&below, &out], x.len()), &[weights])?);
    Ok(protocol.plus_constant(&quotient, P::Num::ONE.shifted_left(width - 1 - shift).negated()))
}

/// Bits of the ring that a truncation near the value leaves free: it fails with probability 2^-40.
const FREE: u32 = 40;

/// Numbers of magnitude below 2 to that may be truncated near the value.
pub(super) fn roomy_bits<N: Number>() -> u32 {
    N::BITS.saturating_sub(FREE + 1)
}

/// Whether numbers of magnitude below 2^`bits` may be truncated near the value.
pub(super) fn leaves_room<N: Number>(bits: u32) -> bool {
    bits <= roomy_bits::<N>()
}

/// Numbers of magnitude below 2^`bits` divided by 2^`shift`: near the value when enough of the ring is free, else
/// exactly.
///
/// # Errors
/// As [`truncate`].
pub(super) fn rescale<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    bits: u32,
    shift: u32,
) -> Result<Numbers<P>> {
    if leaves_room::<P::Num>(bits) {
        protocol.truncate_near(x, shift)
    } else {
        truncate(protocol, x, (bits + 1).min(P::Num::BITS), shift)
    }
}

/// As [`rescale`], of products.
///
/// # Errors
/// As [`Mixed::multiply`] and [`truncate`].
pub(super) fn multiply_scaled<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    y: &Numbers<P>,
    bits: u32,
    shift: u32,
) -> Result<Numbers<P>> {
    if shift == 0 {
        return protocol.multiply(x, y);
    }
    if leaves_room::<P::Num>(bits) {
        return protocol.multiply_near(x, y, shift);
    }
    let product = protocol.multiply(x, y)?;
    rescale(protocol, &product, bits, shift)
}
