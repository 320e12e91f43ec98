//! Numbers as mantissa and exponent, both secret: what division and roots start from.
//!
//! Source: Catrina, Saxena: Secure Computation with Fixed-Point Numbers, FC 2010, protocol 3.6 (`Norm`). Difference: the
//! leading bit comes as a one-hot row, of which every public function is a XOR of slices; so the power of two by
//! which a number is moved costs a few bits' injection and a product tree instead of an injection per place.

use ring::{Number, Ring};

use super::bits::{decompose, prefix_or};
use super::truncate::truncate;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// A column x, with |x| < 2^`bits`, as `mantissa` · 2^(`bits` − `precision` − shift).
pub(super) struct Normalised<P: Mixed> {
    /// x · 2^shift / 2^(`bits` − `precision`), rounded down: at least 2^(`precision` − 1) in magnitude and at most
    /// 2^`precision`; 0 when x is.
    pub(super) mantissa: Numbers<P>,
    /// In each row the place of the leading bit is set and no other: place i when 2^i ≤ |x| < 2^(i + 1), with −2^i
    /// for 2^i and 0 for 1. shift is `bits` − 1 − i.
    pub(super) leading: Bits<P>,
    /// The bits of shift as numbers, lowest first.
    pub(super) shift_bits: Vec<Numbers<P>>,
    /// Whether x > 0 or x < −1, as a number.
    pub(super) present: Numbers<P>,
}

/// Normalises signed numbers of magnitude below 2^`bits` to mantissas of `precision` bits. The numbers' ring needs
/// `bits` + 2 bits, and `precision` ≤ `bits`.
///
/// # Errors
/// Those of the transport.
pub(super) fn normalise<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    bits: u32,
    precision: u32,
) -> Result<Normalised<P>> {
    let (rows, places) = (x.len(), bits as usize);
    let (leading, present) = leading_bit(protocol, x, places)?;
    let shift_width = (usize::BITS - (places - 1).leading_zeros()) as usize;
    let shift = chosen(&leading, shift_width, |place| places - 1 - place);
    let injected = protocol.inject(&Bits::stack(&[&shift, &present], rows))?;
    let column = |place: usize| injected.slice(place * rows..(place + 1) * rows);
    let shift_bits: Vec<_> = (0..shift_width).map(column).collect();
    let power = power_of_two(protocol, &shift_bits, rows)?;
    let raised = protocol.multiply(x, &power)?;
    let mantissa = truncate(protocol, &raised, bits + 2, bits - precision)?;
    Ok(Normalised { mantissa, leading, shift_bits, present: column(shift_width) })
}

/// The one-hot leading bit, and whether there was one besides that forced for zero.
fn leading_bit<P: Mixed>(protocol: &mut P, x: &Numbers<P>, places: usize) -> Result<(Bits<P>, Bits<P>)> {
    let binary = decompose(protocol, x, places as u32 + 1)?;
    // Ones' complement: the magnitude, or one less of it for negative numbers.
    let sign = binary.pick(&vec![places; places]);
    let reached = prefix_or(protocol, &binary.range(0..places).xor(&sign))?;
    let present = reached.bit(0);
    // The lowest place counts as set, so that 0 and −1 have a leading bit too.
    let ones = present.xor(&present).not(protocol);
    let reached = Bits::stack(&[&ones, &reached.range(1..places)], x.len());
    let above = Bits::stack(&[&reached.range(1..places), &present.xor(&present)], x.len());
    Ok((reached.xor(&above), present))
}

/// A public function of the leading bit's place, as `width` bits. Local.
pub(super) fn chosen<P: Mixed>(leading: &Bits<P>, width: usize, f: impl Fn(usize) -> usize) -> Bits<P> {
    let bits: Vec<_> = (0..width)
        .map(|bit| leading.parity((0..leading.width()).filter(|place| f(*place) >> bit & 1 == 1)))
        .collect();
    Bits::stack(&bits.iter().collect::<Vec<_>>(), leading.rows())
}

/// 2 to the power whose bits are given as numbers, lowest first, modulo the ring: `Π (1 + bᵢ(2^(2^i) − 1))`.
/// ⌈log₂ of their number⌉ rounds.
///
/// # Errors
/// Those of the transport.
pub(super) fn power_of_two<P: Mixed>(
    protocol: &mut P,
    exponent: &[Numbers<P>],
    rows: usize,
) -> Result<Numbers<P>> {
    let one = protocol.constant(P::Num::ONE, rows);
    let factors = exponent.iter().enumerate().map(|(place, bit)| {
        let power = P::Num::ONE.shifted_left(1u32.checked_shl(place as u32).unwrap_or(u32::MAX));
        protocol.plus_constant(&bit.times(power.minus(P::Num::ONE)), P::Num::ONE)
    });
    product(protocol, factors.collect(), &one)
}

/// The product of all `factors`, by a tree; `one` when there are none.
///
/// # Errors
/// Those of the transport.
pub(super) fn product<P: Mixed>(
    protocol: &mut P,
    mut factors: Vec<Numbers<P>>,
    one: &Numbers<P>,
) -> Result<Numbers<P>> {
    let rows = one.len();
    while factors.len() > 1 {
        let pairs = factors.len() / 2;
        let (left, right) = (factors[..pairs].iter().collect::<Vec<_>>(), &factors[pairs..2 * pairs]);
        let right = right.iter().collect::<Vec<_>>();
        let products = protocol.multiply(&Shares::concat(&left), &Shares::concat(&right))?;
        let alone = factors.split_off(2 * pairs);
        factors = (0..pairs).map(|pair| products.slice(pair * rows..(pair + 1) * rows)).collect();
        factors.extend(alone);
    }
    Ok(factors.pop().unwrap_or_else(|| one.clone()))
}
