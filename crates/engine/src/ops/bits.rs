//! Logic on bit slices, and numbers as bits.

use ring::Lanes;

use super::borrow::borrows_into;
use super::compare::signed_difference;
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Mpc, Numbers};

/// Bitwise AND of columns of equal shape. 1 round, 1 bit per bit.
///
/// # Errors
/// Those of the transport; [`Error::Lengths`] when the shapes differ.
pub fn and<P: Mpc<Lanes>>(protocol: &mut P, x: &Bits<P>, y: &Bits<P>) -> Result<Bits<P>> {
    same_shape("and", x, y)?;
    Ok(Bits::new(protocol.mul(x.words(), y.words())?, x.rows(), x.width()))
}

/// Bitwise OR of columns of equal shape. 1 round, 1 bit per bit.
///
/// # Errors
/// As [`and`].
pub fn or<P: Mpc<Lanes>>(protocol: &mut P, x: &Bits<P>, y: &Bits<P>) -> Result<Bits<P>> {
    same_shape("or", x, y)?;
    Ok(and(protocol, x, y)?.xor(x).xor(y))
}

/// In place `i`, whether any bit at `i` or above is set. ⌈log₂ width⌉ rounds, at most width / 2 bits each.
///
/// Source: Sklansky's prefix tree (IRE Transactions EC-9, 1960).
///
/// # Errors
/// Those of the transport.
pub fn prefix_or<P: Mpc<Lanes>>(protocol: &mut P, x: &Bits<P>) -> Result<Bits<P>> {
    let (rows, width) = (x.rows(), x.width());
    let mut found = x.clone();
    for step in steps(width) {
        // Places count from the top: `low` and what it takes in are mirrored.
        let mirror = |places: &[usize]| places.iter().map(|place| width - 1 - place).collect::<Vec<_>>();
        let (takers, given) = (mirror(&step.takers), mirror(&step.given));
        let joined = or(protocol, &found.pick(&takers), &found.pick(&given))?;
        found = replace(&found, &takers, &joined, rows);
    }
    Ok(found)
}

/// The low `width` bits of each number in two's complement. 2 + ⌈log₂ (width − 1)⌉ rounds, about
/// width · (1 + log₂ width) bits.
///
/// Source: the parallel prefix subtraction of ABY3, CCS 2018, §5.3, with Sklansky's tree.
///
/// # Errors
/// Those of the transport; [`Error::OutOfRange`] when the numbers have fewer bits.
pub fn decompose<P: Mixed>(protocol: &mut P, x: &Numbers<P>, width: u32) -> Result<Bits<P>> {
    use ring::Ring;
    if width > P::Num::BITS {
        return Err(Error::OutOfRange {
            operation: "decompose",
            parameter: "width",
            found: width.into(),
            most: P::Num::BITS.into(),
        });
    }
    let difference = signed_difference(protocol, x, width)?;
    let width = width as usize;
    let sum = difference.minuend.range(0..width).xor(&difference.subtrahend.range(0..width));
    if width == 0 {
        return Ok(sum);
    }
    Ok(sum.xor(&borrows_into(protocol, &difference, width)?))
}

/// One level of Sklansky's tree: each of `takers` takes in the place of `given` beside it, which already covers all
/// below.
pub(super) struct Step {
    pub(super) takers: Vec<usize>,
    pub(super) given: Vec<usize>,
}

/// The levels of Sklansky's tree over `width` places.
pub(super) fn steps(width: usize) -> impl Iterator<Item = Step> {
    let levels = (0..usize::BITS).take_while(move |level| 1 << level < width);
    levels.map(move |level| {
        let takers: Vec<_> = (0..width).filter(|place| place >> level & 1 == 1).collect();
        let given = takers.iter().map(|place| (place >> level << level) - 1).collect();
        Step { takers, given }
    })
}

/// `bits` with the slices at `places` replaced by those of `by`.
pub(super) fn replace<P: Mpc<Lanes>>(bits: &Bits<P>, places: &[usize], by: &Bits<P>, rows: usize) -> Bits<P> {
    let mut order: Vec<_> = (0..bits.width()).collect();
    for (new, place) in places.iter().enumerate() {
        if let Some(source) = order.get_mut(*place) {
            *source = bits.width() + new;
        }
    }
    Bits::stack(&[bits, by], rows).pick(&order)
}

/// Bits of a number, at least one.
pub(super) fn bits_of(number: u128) -> u32 {
    (u128::BITS - number.leading_zeros()).max(1)
}

fn same_shape<P: Mpc<Lanes>>(operation: &'static str, x: &Bits<P>, y: &Bits<P>) -> Result<()> {
    if x.rows() != y.rows() {
        return Err(Error::Lengths { operation, left: x.rows(), right: y.rows() });
    }
    if x.width() != y.width() {
        return Err(Error::Widths { operation, left: x.width(), right: y.width() });
    }
    Ok(())
}
