//! What a protocol computes with.

use std::fmt::Debug;

use crate::bytes;
use crate::column::Column;
use crate::lanes::Lanes;
use crate::pool::{Pool, Pooled};
use crate::transpose;

/// An element of a finite ring, as the protocols need it: cheap to copy, with one fixed byte form.
///
/// The operations are named apart from those of `std`, because `u64` and `u128` wrap here.
pub trait Ring: Pooled + Copy + Default + Eq + Debug + Send + Sync + 'static {
    /// The number that names this ring in messages.
    const CODE: u8;
    /// Bits of information in an element.
    const BITS: u32;
    /// Bytes of an element in its byte form, little-endian.
    const BYTES: usize;
    /// The neutral element of addition.
    const ZERO: Self;
    /// The neutral element of multiplication.
    const ONE: Self;

    /// Sum.
    #[must_use]
    fn plus(self, other: Self) -> Self;
    /// Difference.
    #[must_use]
    fn minus(self, other: Self) -> Self;
    /// Product.
    #[must_use]
    fn times(self, other: Self) -> Self;
    /// Additive inverse.
    #[must_use]
    fn negated(self) -> Self;

    /// The byte form of `values`: `values.len() * BYTES` bytes.
    fn as_bytes(values: &[Self]) -> &[u8];
    /// Appends the byte form of `values`.
    fn write_le(values: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(Self::as_bytes(values));
    }
    /// Reads as many elements as `out` holds from the front of `bytes`; what `bytes` lacks stays unchanged in
    /// `out`. Every byte string is the form of some elements.
    fn read_le(bytes: &[u8], out: &mut [Self]);
}

/// Integers of [`Ring::BITS`] bits, which can be seen bit by bit: the ring modulo 2^[`Ring::BITS`], whose signed numbers
/// are two's complement, or the field modulo a prime of one bit more, whose signed numbers lie around zero.
///
/// In both, sums and products of signed numbers are those of the integers as long as these have no more bits.
pub trait Number: Ring {
    /// What makes a signed number non-negative and leaves the low [`Ring::BITS`] bits of its two's complement as they are;
    /// zero modulo a power of two, where they are those of the element.
    const RAISE: Self;

    /// The number modulo the ring's size.
    fn from_u128(value: u128) -> Self;
    /// The number, taken as unsigned.
    fn to_u128(self) -> u128;
    /// The signed number modulo the ring's size.
    fn from_i128(value: i128) -> Self;
    /// The number, taken as signed.
    fn to_i128(self) -> i128;
    /// Multiplied by 2^`places`; zero when `places` is [`Ring::BITS`] or more.
    #[must_use]
    fn shifted_left(self, places: u32) -> Self;
    /// Divided by 2^`places`, taken as unsigned; zero when `places` is [`Ring::BITS`] or more.
    #[must_use]
    fn shifted_right(self, places: u32) -> Self;
    /// The low `width` bits.
    #[must_use]
    fn low_bits(self, width: u32) -> Self {
        self.minus(self.shifted_right(width).shifted_left(width))
    }

    /// The low `width` bits of every value as bit slices: slice `i` holds bit `i` of every row and is
    /// `values.len().div_ceil(64)` words long; the slices follow one another. Rows beyond the last are zero.
    ///
    /// `width` beyond [`Ring::BITS`] counts as [`Ring::BITS`].
    #[must_use]
    fn to_slices(values: &[Self], width: u32) -> Column<Lanes> {
        transpose::to_slices(values, width.min(Self::BITS))
    }
    /// Bits as the numbers 0 and 1; missing words count as zero.
    fn from_bits(bits: &[Lanes], out: &mut [Self]) {
        for (place, numbers) in out.chunks_mut(Lanes::ROWS).enumerate() {
            let word = bits.get(place).map_or(0, |word| word.0);
            for (lane, number) in numbers.iter_mut().enumerate() {
                *number = Self::from_u128((word >> lane & 1).into());
            }
        }
    }
    /// The inverse of [`Number::to_slices`]: `rows` values of `width` bits, zero-extended. Missing words count
    /// as zero.
    #[must_use]
    fn from_slices(slices: &[Lanes], rows: usize, width: u32) -> Vec<Self> {
        transpose::from_slices(slices, rows, width.min(Self::BITS))
    }
}

macro_rules! integers {
    ($type:ty, $signed:ty, $code:literal) => {
        impl Ring for $type {
            const CODE: u8 = $code;
            const BITS: u32 = <$type>::BITS;
            const BYTES: usize = size_of::<$type>();
            const ZERO: Self = 0;
            const ONE: Self = 1;

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn negated(self) -> Self {
                self.wrapping_neg()
            }

            fn as_bytes(values: &[Self]) -> &[u8] {
                bytes::of_plain(values)
            }
            fn read_le(bytes: &[u8], out: &mut [Self]) {
                let (chunks, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                for (value, chunk) in out.iter_mut().zip(chunks) {
                    *value = <$type>::from_le_bytes(*chunk);
                }
            }
        }

        impl Pooled for $type {
            fn pool() -> &'static Pool<Self> {
                static POOL: Pool<$type> = Pool::new();
                &POOL
            }
        }

        impl Number for $type {
            const RAISE: Self = 0;

            #[inline(always)]
            fn from_u128(value: u128) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_u128(self) -> u128 {
                self as u128
            }
            #[inline(always)]
            fn from_i128(value: i128) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_i128(self) -> i128 {
                self as $signed as i128
            }
            #[inline(always)]
            fn shifted_left(self, places: u32) -> Self {
                self.checked_shl(places).unwrap_or(0)
            }
            #[inline(always)]
            fn shifted_right(self, places: u32) -> Self {
                self.checked_shr(places).unwrap_or(0)
            }
        }
    };
}

integers!(u64, i64, 1);
integers!(u128, i128, 2);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn byte_forms_round_trip(a in prop::collection::vec(any::<u64>(), 0..40), b in prop::collection::vec(any::<u128>(), 0..40)) {
            round_trip(&a);
            round_trip(&b);
        }

        #[test]
        fn low_bits_agree_with_a_remainder(value: u128, width in 0u32..128) {
            prop_assert_eq!(value.low_bits(width), value % (1 << width));
            prop_assert_eq!(value.low_bits(128), value);
        }

        #[test]
        fn signed_values_survive(value: i64) {
            prop_assert_eq!(u64::from_i128(value.into()).to_i128(), i128::from(value));
            prop_assert_eq!(u128::from_i128(value.into()).to_i128(), i128::from(value));
        }
    }

    fn round_trip<D: Ring>(values: &[D]) {
        let mut bytes = vec![7];
        D::write_le(values, &mut bytes);
        assert_eq!(bytes.len(), 1 + values.len() * D::BYTES);
        let mut back = vec![D::ZERO; values.len()];
        D::read_le(&bytes[1..], &mut back);
        assert_eq!(back, values);
    }
}
