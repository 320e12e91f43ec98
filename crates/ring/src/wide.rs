//! Integers of 192 bits.

use crate::bytes;
use crate::element::Ring;
use crate::pool::{Pool, Pooled};

/// An integer modulo 2^192: three limbs of 64 bits, the lowest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Wide([u64; 3]);

impl Wide {
    /// The integer with these limbs, the lowest first.
    #[must_use]
    pub fn from_limbs(limbs: [u64; 3]) -> Self {
        Self(limbs)
    }

    /// Modulo 2^128.
    #[must_use]
    pub fn low(self) -> u128 {
        let [low, middle, _] = self.0;
        u128::from(low) | u128::from(middle) << 64
    }
}

impl From<u128> for Wide {
    fn from(value: u128) -> Self {
        Self([value as u64, (value >> 64) as u64, 0])
    }
}

impl Ring for Wide {
    const CODE: u8 = 4;
    const BITS: u32 = 192;
    const BYTES: usize = 24;
    const ZERO: Self = Self([0; 3]);
    const ONE: Self = Self([1, 0, 0]);

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        let (low, carry) = a.carrying_sum(x, false);
        let (middle, carry) = b.carrying_sum(y, carry);
        Self([low, middle, c.wrapping_add(z).wrapping_add(carry.into())])
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        let (low, borrow) = a.borrowing_difference(x, false);
        let (middle, borrow) = b.borrowing_difference(y, borrow);
        Self([low, middle, c.wrapping_sub(z).wrapping_sub(borrow.into())])
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        let wide = |left: u64, right: u64| u128::from(left) * u128::from(right);
        let low = wide(a, x);
        // The middle limb and what it carries; the top limb wraps.
        let (cross, other) = (wide(a, y), wide(b, x));
        let middle = (low >> 64) + (cross as u64 as u128) + (other as u64 as u128);
        let top = (middle >> 64) as u64;
        let top = top.wrapping_add((cross >> 64) as u64).wrapping_add((other >> 64) as u64);
        let top = top.wrapping_add(a.wrapping_mul(z)).wrapping_add(b.wrapping_mul(y));
        Self([low as u64, middle as u64, top.wrapping_add(c.wrapping_mul(x))])
    }
    #[inline(always)]
    fn negated(self) -> Self {
        Self::ZERO.minus(self)
    }

    fn as_bytes(values: &[Self]) -> &[u8] {
        bytes::of_plain(values)
    }
    fn read_le(bytes: &[u8], out: &mut [Self]) {
        let (chunks, _) = bytes.as_chunks::<24>();
        for (value, chunk) in out.iter_mut().zip(chunks) {
            let (limbs, _) = chunk.as_chunks::<8>();
            if let [low, middle, top] = limbs {
                *value = Self([low, middle, top].map(|limb| u64::from_le_bytes(*limb)));
            }
        }
    }
}

impl Pooled for Wide {
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<Wide> = Pool::new();
        &POOL
    }
}

/// Sums and differences with a carry.
trait Carrying: Sized {
    fn carrying_sum(self, other: Self, carry: bool) -> (Self, bool);
    fn borrowing_difference(self, other: Self, borrow: bool) -> (Self, bool);
}

impl Carrying for u64 {
    #[inline(always)]
    fn carrying_sum(self, other: Self, carry: bool) -> (Self, bool) {
        let (sum, first) = self.overflowing_add(other);
        let (sum, second) = sum.overflowing_add(carry.into());
        (sum, first | second)
    }
    #[inline(always)]
    fn borrowing_difference(self, other: Self, borrow: bool) -> (Self, bool) {
        let (difference, first) = self.overflowing_sub(other);
        let (difference, second) = difference.overflowing_sub(borrow.into());
        (difference, first | second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Schoolbook multiplication bit by bit: the definition.
    fn product(x: Wide, y: Wide) -> Wide {
        let mut sum = Wide::ZERO;
        for bit in (0..192).rev() {
            sum = sum.plus(sum);
            if y.0[bit / 64] >> (bit % 64) & 1 == 1 {
                sum = sum.plus(x);
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_integers(x: [u64; 3], y: [u64; 3], a: u128, b: u128) {
            let (x, y) = (Wide(x), Wide(y));
            prop_assert_eq!(x.times(y), product(x, y));
            prop_assert_eq!(x.plus(y).minus(y), x);
            prop_assert_eq!(x.plus(x.negated()), Wide::ZERO);
            prop_assert_eq!(Wide::from(a).plus(Wide::from(b)).low(), a.wrapping_add(b));
            prop_assert_eq!(Wide::from(a).plus(Wide::from(b)).0[2], u64::from(a.checked_add(b).is_none()));
            prop_assert_eq!(Wide::from(a).times(Wide::from(b)).low(), a.wrapping_mul(b));
            let mut bytes = Vec::new();
            Wide::write_le(&[x, y], &mut bytes);
            let mut back = [Wide::ZERO; 2];
            Wide::read_le(&bytes, &mut back);
            prop_assert_eq!(back, [x, y]);
        }
    }
}
