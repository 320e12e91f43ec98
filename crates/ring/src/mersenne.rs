//! The field with 2^61 − 1 elements.

use crate::bytes;
use crate::column::Column;
use crate::element::{Number, Ring};
use crate::lanes::Lanes;
use crate::matmul::Shape;
use crate::pool::{Pool, Pooled};
use crate::transpose;

/// The prime 2^61 − 1.
const P: u64 = (1 << 61) - 1;

/// An integer modulo the Mersenne prime 2^61 − 1, always below it.
///
/// As a [`Number`] it has 60 bits: −2^59 to 2^59 − 1. Signed elements are −(2^60 − 1) to 2^60 − 1, each exactly one; sums and
/// products that leave that range wrap at 2^61 − 1, so that their low bits are not those of the integers.
///
/// Its byte form is a word of 64 bits, which is reduced when read: a uniform word gives an element at a statistical
/// distance of 2^−61 from uniform. Every operation takes a time that doesn't depend on the elements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Mersenne61(u64);

impl Mersenne61 {
    /// The multiplicative inverse, by Fermat's little theorem; zero for zero.
    #[must_use]
    pub fn inverse(self) -> Self {
        // P − 2 has all 61 bits set but bit 1.
        (0..61).rev().fold(Self::ONE, |power, bit| {
            let square = power.times(power);
            if bit == 1 { square } else { square.times(self) }
        })
    }

    /// Bits of an element.
    pub const WIDTH: usize = 61;

    /// All bits of each element, from 0 to 2^61 − 2: as [`Number::to_slices`], but [`Mersenne61::WIDTH`] slices.
    #[must_use]
    pub fn slices(values: &[Self]) -> Column<Lanes> {
        transpose::to_slices(values, Self::WIDTH as u32)
    }

    /// Adds the product of two matrices, all stored row after row, to `sum`: as [`add_matmul`](crate::add_matmul()), with one
    /// reduction for 64 products. Elements beyond the shape are ignored, missing ones count as zero.
    pub fn add_matrix_product(x: &[Self], y: &[Self], shape: Shape, sum: &mut [Self]) {
        let Shape { inner, columns, rows } = shape;
        if shape.product() == 0 || inner == 0 {
            return;
        }
        // Column after column, so that both factors of a sum lie in line.
        let mut turned = Column::<Self>::zeros(shape.right());
        for (place, row) in y.chunks(columns).take(inner).enumerate() {
            let column = turned.values_mut().iter_mut().skip(place).step_by(inner);
            column.zip(row).for_each(|(to, from)| *to = *from);
        }
        for (sums, x) in sum.chunks_mut(columns).zip(x.chunks(inner)).take(rows) {
            for (sum, y) in sums.iter_mut().zip(turned.values().chunks(inner)) {
                *sum = sum.plus(Self::inner_product(x, y));
            }
        }
    }

    /// The inner product of `x` and `y`, as long as the shorter of the two.
    #[must_use]
    pub fn inner_product(x: &[Self], y: &[Self]) -> Self {
        // 64 products of two elements fit 128 bits.
        x.chunks(64).zip(y.chunks(64)).fold(Self::ZERO, |sum, (x, y)| {
            let products = x.iter().zip(y).map(|(x, y)| u128::from(x.0) * u128::from(y.0));
            sum.plus(Self::from_u128(products.sum()))
        })
    }

    /// The element of a number below 2P.
    #[inline(always)]
    fn reduced_once(value: u64) -> Self {
        // Below P the subtraction wraps to a larger number.
        Self(value.min(value.wrapping_sub(P)))
    }

    /// The element of any 64-bit number: 2^61 is 1.
    #[inline(always)]
    fn reduced(value: u64) -> Self {
        Self::reduced_once((value & P) + (value >> 61))
    }
}

impl Ring for Mersenne61 {
    const CODE: u8 = 6;
    const BITS: u32 = 60;
    const BYTES: usize = 8;
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self::reduced_once(self.0 + other.0)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        let difference = self.0.wrapping_sub(other.0);
        // A difference below zero has wrapped to a number that is larger than its sum with P.
        Self(difference.min(difference.wrapping_add(P)))
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.0) * u128::from(other.0);
        Self::reduced_once((product as u64 & P) + (product >> 61) as u64)
    }
    #[inline(always)]
    fn negated(self) -> Self {
        Self::ZERO.minus(self)
    }

    fn as_bytes(values: &[Self]) -> &[u8] {
        bytes::of_plain(values)
    }
    fn read_le(bytes: &[u8], out: &mut [Self]) {
        let (chunks, _) = bytes.as_chunks::<8>();
        for (value, chunk) in out.iter_mut().zip(chunks) {
            *value = Self::reduced(u64::from_le_bytes(*chunk));
        }
    }
}

impl Pooled for Mersenne61 {
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<Mersenne61> = Pool::new();
        &POOL
    }
}

impl Number for Mersenne61 {
    const RAISE: Self = Self(1 << 60);

    #[inline(always)]
    fn from_u128(value: u128) -> Self {
        let digits = [value as u64 & P, (value >> 61) as u64 & P, (value >> 122) as u64];
        Self::reduced(digits[0] + digits[1] + digits[2])
    }
    #[inline(always)]
    fn to_u128(self) -> u128 {
        self.0.into()
    }
    #[inline(always)]
    fn from_i128(value: i128) -> Self {
        let magnitude = Self::from_u128(value.unsigned_abs());
        let (positive, negative) = (magnitude.0, magnitude.negated().0);
        let sign = (value >> 127) as u64;
        Self(positive ^ ((positive ^ negative) & sign))
    }
    #[inline(always)]
    fn to_i128(self) -> i128 {
        // The upper half of the field, from 2^60 on, are the negative numbers.
        i128::from(self.0) - i128::from(P * (self.0 >> 60))
    }
    #[inline(always)]
    fn shifted_left(self, places: u32) -> Self {
        // 2^61 is 1, so that bits which leave at the top come in at the bottom.
        match places {
            0 => self,
            1..61 => Self((self.0 << places & P) | self.0 >> (61 - places)),
            _ => Self::ZERO,
        }
    }
    #[inline(always)]
    fn shifted_right(self, places: u32) -> Self {
        Self(self.0.checked_shr(places).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODULUS: i128 = P as i128;

    fn element() -> impl Strategy<Value = Mersenne61> {
        let small = 0u64..4;
        let any = prop_oneof![
            4 => 0..P,
            1 => small.clone(),
            1 => small.clone().prop_map(|less| P - 1 - less),
            1 => small.prop_map(|more| (1 << 60) - 2 + more)
        ];
        any.prop_map(Mersenne61)
    }

    proptest! {
        #[test]
        fn it_is_the_field_of_integers_modulo_the_prime(a in element(), b in element()) {
            let (x, y) = (i128::from(a.0), i128::from(b.0));
            let expect = |found: Mersenne61, expected: i128| {
                prop_assert_eq!(i128::from(found.0), expected.rem_euclid(MODULUS));
                Ok(())
            };
            expect(a.plus(b), x + y)?;
            expect(a.minus(b), x - y)?;
            expect(a.times(b), x * y)?;
            expect(a.negated(), -x)?;
            let unit = if a == Mersenne61::ZERO { Mersenne61::ZERO } else { Mersenne61::ONE };
            prop_assert_eq!(a.times(a.inverse()), unit);
        }

        #[test]
        fn products_of_matrices_agree_with_the_general_ones(rows in 0usize..5, inner in 0usize..140, columns in 0usize..7, fill in element()) {
            let shape = Shape { rows, inner, columns };
            let filled = |len: usize| (0..len as u128).map(|place| fill.minus(Mersenne61::from_u128(place * place))).collect::<Vec<_>>();
            let (x, y) = (filled(shape.left()), filled(shape.right()));
            let (mut found, mut expected) = (filled(shape.product()), filled(shape.product()));
            Mersenne61::add_matrix_product(&x, &y, shape, &mut found);
            crate::add_matmul(&x, &y, shape, &mut expected);
            prop_assert_eq!(found, expected);
            let most = vec![Mersenne61(P - 1); 200];
            prop_assert_eq!(Mersenne61::inner_product(&most, &most), Mersenne61(200));
        }

        #[test]
        fn numbers_are_reduced(unsigned: u128, signed: i128) {
            prop_assert_eq!(Mersenne61::from_u128(unsigned).to_u128(), unsigned % u128::from(P));
            let reduced = Mersenne61::from_i128(signed);
            prop_assert_eq!(i128::from(reduced.0), signed.rem_euclid(MODULUS));
            prop_assert!(reduced.to_i128().unsigned_abs() < 1 << 60);
            prop_assert_eq!(Mersenne61::from_i128(reduced.to_i128()), reduced);
        }

        #[test]
        fn shifts_are_products_and_quotients(a in element(), places in 0u32..61) {
            prop_assert_eq!(a.shifted_left(places), a.times(Mersenne61::from_u128(1 << places)));
            prop_assert_eq!(a.shifted_right(places).0, a.0 >> places);
            prop_assert_eq!(a.low_bits(places).0, a.0 & ((1 << places) - 1));
            for beyond in [61, 64, 200] {
                prop_assert_eq!(a.shifted_left(beyond), Mersenne61::ZERO);
            }
            prop_assert_eq!(a.shifted_right(64), Mersenne61::ZERO);
            prop_assert_eq!(a.low_bits(61), a);
        }

        #[test]
        fn every_word_is_read_as_an_element(words in prop::collection::vec(prop_oneof![any::<u64>(), Just(P), Just(u64::MAX)], 0..40)) {
            let bytes: Vec<_> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut read = vec![Mersenne61::ONE; words.len()];
            Mersenne61::read_le(&bytes, &mut read);
            prop_assert!(read.iter().zip(&words).all(|(read, word)| read.0 == word % P));
            let mut written = Vec::new();
            Mersenne61::write_le(&read, &mut written);
            let mut again = vec![Mersenne61::ONE; words.len()];
            Mersenne61::read_le(&written, &mut again);
            prop_assert_eq!(again, read);
        }

        #[test]
        fn slices_round_trip(values in prop::collection::vec(element(), 0..200)) {
            let slices = Mersenne61::slices(&values);
            let low: Vec<_> = values.iter().map(|value| value.low_bits(60)).collect();
            prop_assert_eq!(Mersenne61::from_slices(slices.values(), values.len(), 60), low);
            let top = slices.values()[slices.len() / 61 * 60..].iter().flat_map(|word| (0..64).map(|row| word.0 >> row & 1));
            prop_assert!(values.iter().map(|value| value.0 >> 60).eq(top.take(values.len())));
        }
    }
}
