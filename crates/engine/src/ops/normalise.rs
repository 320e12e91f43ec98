//! Numbers as mantissa and exponent, both secret: what division and roots start from.
//!
//! Source: Catrina, Saxena: Secure Computation with Fixed-Point Numbers, FC 2010, protocol 3.6 (`Norm`). Difference: the
//! leading bit comes as a one-hot row, of which every public function is a XOR of slices. A power of two is a product of
//! two, one for each octal digit of its exponent; each is a linear combination of the digit's one-hot bits.

use ring::{Number, Ring};

use super::bits::{decompose, prefix_or};
use super::truncate::multiply_scaled;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// A column x, with |x| < 2^`bits`, as `mantissa` · 2^(`bits` − `precision` − shift).
pub(super) struct Normalised<P: Mixed> {
    /// x · 2^shift / 2^(`bits` − `precision`), rounded down or up: at least 2^(`precision` − 1) in magnitude and at most
    /// 2^`precision`; 0 when x is.
    pub(super) mantissa: Numbers<P>,
    /// In each row the place of the leading bit is set and no other: place i when 2^i ≤ |x| < 2^(i + 1), with −2^i
    /// for 2^i and 0 for 1. shift is `bits` − 1 − i.
    pub(super) leading: Bits<P>,
    /// shift, as a number.
    pub(super) shift: Numbers<P>,
    /// Whether x > 0 or x < −1, as a number.
    pub(super) present: Numbers<P>,
}

/// Normalises signed numbers of magnitude below 2^`bits` to mantissas of `precision` bits. The numbers' ring needs
/// `bits` + 2 bits.
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
    let digits = Digits::new(&leading, |place| places - 1 - place);
    let all = Bits::stack(&[&digits.bits, &present], rows);
    let marks = digits.weights_of(|_| P::Num::ZERO, |_| P::Num::ZERO, P::Num::ONE);
    let sums = protocol.inject_sums(&all, &[digits.low(), digits.high(), digits.exponent(), marks])?;
    let sum = |sum: usize| sums.slice(sum * rows..(sum + 1) * rows);
    let power = digits.power(protocol, &sum(0), &sum(1))?;
    let mantissa = raised(protocol, x, &power, bits, precision)?;
    Ok(Normalised { mantissa, leading, shift: sum(2), present: sum(3) })
}

/// As [`normalise`], for x ≥ 0: the mantissa and 2^shift, which is 0 when x is.
///
/// # Errors
/// Those of the transport.
pub(super) fn normalise_divisor<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    bits: u32,
    precision: u32,
) -> Result<(Numbers<P>, Numbers<P>)> {
    let (rows, places) = (x.len(), bits as usize);
    let (leading, present) = leading_bit(protocol, x, places)?;
    let digits = Digits::new(&leading, |place| places - 1 - place);
    // Zero counts as place 0, and what that adds to the low digit's power is taken away again.
    let forced = P::Num::ONE.shifted_left((places as u32 - 1) % RADIX as u32);
    let low = digits.weights_of(
        |digit| P::Num::ONE.shifted_left(digit as u32).minus(P::Num::ONE),
        |_| P::Num::ZERO,
        forced,
    );
    let all = Bits::stack(&[&digits.bits, &present], rows);
    let sums = protocol.inject_sums(&all, &[low, digits.high()])?;
    let low = protocol.plus_constant(&sums.slice(0..rows), forced.negated());
    let power = digits.power(protocol, &low, &sums.slice(rows..2 * rows))?;
    Ok((raised(protocol, x, &power, bits, precision)?, power))
}

/// As [`normalise`], for x ≥ 0: the mantissa, and beside it a public function of shift. 2 numbers more than the mantissa
/// alone takes, besides what the function's digits take.
///
/// # Errors
/// Those of the transport.
pub(super) fn normalise_with<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    bits: u32,
    precision: u32,
    product: &DigitProduct<P::Num>,
) -> Result<(Numbers<P>, Numbers<P>)> {
    let (rows, places) = (x.len(), bits as usize);
    let (leading, _) = leading_bit(protocol, x, places)?;
    let digits = Digits::new(&leading, |place| places - 1 - place);
    let sums = [digits.low(), digits.high(), product.low(&digits), product.high(&digits)];
    let sums = protocol.inject_sums(&digits.bits, &sums)?;
    let sum = |sum: usize| sums.slice(sum * rows..(sum + 1) * rows);
    let power = digits.power(protocol, &sum(0), &sum(1))?;
    let low = protocol.plus_constant(&sum(2), product.low[0]);
    let high = protocol.plus_constant(&sum(3), product.high[0]);
    // Both are divided at once: what is to be divided by less is multiplied by what is too much first.
    let down = bits.saturating_sub(precision).max(product.down);
    let x = x.times(P::Num::ONE.shifted_left(down + precision - bits));
    let high = high.times(P::Num::ONE.shifted_left(down - product.down));
    let (left, right) = (Shares::concat(&[&x, &low]), Shares::concat(&[&power, &high]));
    let products = multiply_scaled(protocol, &left, &right, precision.max(product.bits) + down + 1, down)?;
    Ok((products.slice(0..rows), products.slice(rows..2 * rows)))
}

/// A product of public functions of shift's octal digits, divided near its value by 2^`down`: then it has at most
/// `bits` bits.
pub(super) struct DigitProduct<N> {
    /// The function of the low digit.
    pub(super) low: [N; RADIX],
    /// The function of the high digit.
    pub(super) high: Vec<N>,
    pub(super) down: u32,
    pub(super) bits: u32,
}

impl<N: Number> DigitProduct<N> {
    /// The weights of the low digit's function, less its value for 0.
    fn low<P: Mixed<Num = N>>(&self, digits: &Digits<P>) -> Vec<N> {
        digits.weights_of(|digit| self.low[digit].minus(self.low[0]), |_| N::ZERO, N::ZERO)
    }

    /// The weights of the high digit's function, less its value for 0.
    fn high<P: Mixed<Num = N>>(&self, digits: &Digits<P>) -> Vec<N> {
        digits.weights_of(|_| N::ZERO, |digit| self.high[digit].minus(self.high[0]), N::ZERO)
    }
}

/// x · `power` · 2^(`precision` − `bits`), of magnitude at most 2^`precision`.
fn raised<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    power: &Numbers<P>,
    bits: u32,
    precision: u32,
) -> Result<Numbers<P>> {
    let x = x.times(P::Num::ONE.shifted_left(precision.saturating_sub(bits)));
    multiply_scaled(protocol, &x, power, bits.max(precision) + 1, bits.saturating_sub(precision))
}

/// Values of a digit.
pub(super) const RADIX: usize = 8;

/// A public function of the leading bit's place as two digits: one-hot bits of the low one, then of the high one,
/// both without that for 0.
pub(super) struct Digits<P: Mixed> {
    bits: Bits<P>,
    high: usize,
}

impl<P: Mixed> Digits<P> {
    fn new(leading: &Bits<P>, f: impl Fn(usize) -> usize) -> Self {
        let places = || 0..leading.width();
        let high = places().map(&f).max().unwrap_or(0) / RADIX;
        let low = (1..RADIX).map(|digit| leading.parity(places().filter(|place| f(*place) % RADIX == digit)));
        let upper =
            (1..=high).map(|digit| leading.parity(places().filter(|place| f(*place) / RADIX == digit)));
        let bits: Vec<_> = low.chain(upper).collect();
        Self { bits: Bits::stack(&bits.iter().collect::<Vec<_>>(), leading.rows()), high }
    }

    /// One weight for each bit of the low digit, of the high one, and `rest` for one that may follow.
    fn weights_of(
        &self,
        low: impl Fn(usize) -> P::Num,
        high: impl Fn(usize) -> P::Num,
        rest: P::Num,
    ) -> Vec<P::Num> {
        (1..RADIX).map(low).chain((1..=self.high).map(high)).chain([rest]).collect()
    }

    /// 2 to the low digit, less one.
    fn low(&self) -> Vec<P::Num> {
        let power = |digit| P::Num::ONE.shifted_left(digit as u32).minus(P::Num::ONE);
        self.weights_of(power, |_| P::Num::ZERO, P::Num::ZERO)
    }

    /// 8 to the high digit as 2^(8 · digit), less one.
    fn high(&self) -> Vec<P::Num> {
        let power = |digit| P::Num::ONE.shifted_left((RADIX * digit) as u32).minus(P::Num::ONE);
        self.weights_of(|_| P::Num::ZERO, power, P::Num::ZERO)
    }

    fn exponent(&self) -> Vec<P::Num> {
        let number = |digit: usize| P::Num::from_u128(digit as u128);
        self.weights_of(number, |digit| number(RADIX * digit), P::Num::ZERO)
    }

    /// The product of both digits' powers, of each of which one was taken away. 1 round, none with one digit.
    fn power(&self, protocol: &mut P, low: &Numbers<P>, high: &Numbers<P>) -> Result<Numbers<P>> {
        let low = protocol.plus_constant(low, P::Num::ONE);
        if self.high == 0 {
            return Ok(low);
        }
        let high = protocol.plus_constant(high, P::Num::ONE);
        protocol.multiply(&low, &high)
    }
}

/// 2^f(place) for the leading bit's place. 3 rounds; with exponents up to e a third of a number for 11 and for each
/// eighth of e, and one number.
///
/// # Errors
/// Those of the transport.
pub(super) fn power_at_place<P: Mixed>(
    protocol: &mut P,
    leading: &Bits<P>,
    f: impl Fn(usize) -> usize,
) -> Result<Numbers<P>> {
    let (digits, rows) = (Digits::new(leading, f), leading.rows());
    let sums = protocol.inject_sums(&digits.bits, &[digits.low(), digits.high()])?;
    digits.power(protocol, &sums.slice(0..rows), &sums.slice(rows..2 * rows))
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
