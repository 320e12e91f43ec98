//! The field with 2^64 elements.

#[cfg(target_arch = "x86_64")]
mod vector;
#[cfg(target_arch = "x86_64")]
pub(crate) use vector::xor;

use crate::bytes;
use crate::element::Ring;
use crate::pool::{Pool, Pooled};
#[cfg(target_arch = "x86_64")]
use crate::processor::Avx512;
use crate::processor::Pclmul;

/// An element of GF(2)\[x\] modulo x^64 + x^4 + x^3 + x + 1: bit `i` is the coefficient of x^i.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Gf64(pub u64);

/// x^64 in the field.
const REDUCED: u64 = 0b11011;

impl Gf64 {
    /// This element times x.
    #[inline(always)]
    #[must_use]
    pub fn times_x(self) -> Self {
        Self((self.0 << 1) ^ ((self.0 >> 63) * REDUCED))
    }

    /// The polynomial with these coefficients, of degree below 128, in the field.
    #[inline(always)]
    pub(crate) fn reduced(product: u128) -> Self {
        // x^64 · h = h · (x^4 + x^3 + x + 1), of which at most four coefficients come out at the top again.
        let (low, high) = (product as u64, (product >> 64) as u64);
        let out = high >> 63 ^ high >> 61 ^ high >> 60;
        let folded = |h: u64| h ^ h << 1 ^ h << 3 ^ h << 4;
        Self(low ^ folded(high) ^ folded(out))
    }

    /// The inner product of `x` and `y`, as long as the shorter of the two.
    #[must_use]
    pub fn dot(x: &[Self], y: &[Self]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::detected() {
            return Self::reduced(avx512.dot(x, y));
        }
        let sum = |product: &dyn Fn(u64, u64) -> u128| {
            x.iter().zip(y).fold(0, |sum, (x, y)| sum ^ product(x.0, y.0))
        };
        Self::reduced(match Pclmul::detected() {
            Some(pclmul) => sum(&|x, y| pclmul.product(x, y)),
            None => sum(&portable),
        })
    }

    /// Multiplies each element of `x` by that of `factors` at its place.
    pub fn scale_each(x: &mut [Self], factors: &[Self]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::detected() {
            return avx512.scale_each(x, factors);
        }
        x.iter_mut().zip(factors).for_each(|(x, factor)| *x = x.times(*factor));
    }

    /// Adds to each of `sums` the element of `x` at its place times `factor`.
    pub fn add_scaled(sums: &mut [Self], x: &[Self], factor: Self) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::detected() {
            return avx512.add_scaled(sums, x, factor);
        }
        sums.iter_mut().zip(x).for_each(|(sum, x)| *sum = sum.plus(x.times(factor)));
    }
}

/// The carry-less product, by shifting: without a branch or an address that depends on the operands.
pub(crate) fn portable(x: u64, y: u64) -> u128 {
    (0..64).fold(0, |sum, bit| sum ^ ((u128::from(x) << bit) & u128::from(y >> bit & 1).wrapping_neg()))
}

impl Ring for Gf64 {
    const CODE: u8 = 5;
    const BITS: u32 = 64;
    const BYTES: usize = 8;
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Self::reduced(match Pclmul::detected() {
            Some(pclmul) => pclmul.product(self.0, other.0),
            None => portable(self.0, other.0),
        })
    }
    #[inline(always)]
    fn negated(self) -> Self {
        self
    }

    fn as_bytes(values: &[Self]) -> &[u8] {
        bytes::of_plain(values)
    }
    fn read_le(bytes: &[u8], out: &mut [Self]) {
        let (chunks, _) = bytes.as_chunks::<8>();
        for (value, chunk) in out.iter_mut().zip(chunks) {
            *value = Self(u64::from_le_bytes(*chunk));
        }
    }
}

impl Pooled for Gf64 {
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<Gf64> = Pool::new();
        &POOL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Multiplication by the definition: repeated doubling in the field.
    fn product(x: Gf64, y: Gf64) -> Gf64 {
        let mut sum = Gf64::ZERO;
        for bit in (0..64).rev() {
            sum = sum.times_x();
            if y.0 >> bit & 1 == 1 {
                sum = sum.plus(x);
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn products_are_those_of_the_field(x: u64, y: u64, z: u64) {
            let [x, y, z] = [x, y, z].map(Gf64);
            prop_assert_eq!(x.times(y), product(x, y));
            prop_assert_eq!(Gf64::reduced(portable(x.0, y.0)), product(x, y));
            prop_assert_eq!(x.times(y.plus(z)), x.times(y).plus(x.times(z)));
        }

        #[test]
        fn vectors_are_multiplied_as_elements_are(
            pairs in prop::collection::vec(any::<(u64, u64)>(), 0..40), factor: u64,
        ) {
            let (x, y): (Vec<_>, Vec<_>) = pairs.into_iter().map(|(x, y)| (Gf64(x), Gf64(y))).unzip();
            let products: Vec<_> = x.iter().zip(&y).map(|(x, y)| product(*x, *y)).collect();
            prop_assert_eq!(Gf64::dot(&x, &y), products.iter().fold(Gf64::ZERO, |sum, x| sum.plus(*x)));
            let mut scaled = x.clone();
            Gf64::scale_each(&mut scaled, &y);
            prop_assert_eq!(scaled, products);
            let mut sums = y.clone();
            Gf64::add_scaled(&mut sums, &x, Gf64(factor));
            let expected = x.iter().zip(&y).map(|(x, y)| product(*x, Gf64(factor)).plus(*y));
            prop_assert_eq!(sums, expected.collect::<Vec<_>>());
        }
    }

    /// Vectors of eight begin anywhere in memory and end anywhere, and the shorter operand says how far they go.
    #[test]
    fn vectors_need_no_alignment_and_end_with_the_shorter_one() {
        let mut prg = crate::Prg::new(crate::Seed::from([9; 32]));
        let most = if cfg!(miri) { 18 } else { 34 };
        let (x, y) = (prg.elements::<Gf64>(most + 8), prg.elements::<Gf64>(most + 8));
        for (first, second) in [(0, 0), (1, 0), (0, 3), (5, 7)] {
            for (left, right) in (0..=most).flat_map(|len| [(len, len), (len, most), (most, len)]) {
                let (x, y) = (&x.values()[first..first + left], &y.values()[second..second + right]);
                let pairs = || x.iter().zip(y);
                let expected = pairs().fold(Gf64::ZERO, |sum, (x, y)| sum.plus(product(*x, *y)));
                assert_eq!(Gf64::dot(x, y), expected, "{first} {second} {left} {right}");
                let beyond = &x[left.min(right)..];
                let mut scaled = x.to_vec();
                Gf64::scale_each(&mut scaled, y);
                let expected = pairs().map(|(x, y)| product(*x, *y)).chain(beyond.iter().copied());
                assert_eq!(scaled, expected.collect::<Vec<_>>(), "{first} {second} {left} {right}");
                let mut sums = x.to_vec();
                let factor = Gf64(0x8000_0000_0000_001b);
                Gf64::add_scaled(&mut sums, y, factor);
                let expected =
                    pairs().map(|(x, y)| x.plus(product(*y, factor))).chain(beyond.iter().copied());
                assert_eq!(sums, expected.collect::<Vec<_>>(), "{first} {second} {left} {right}");
            }
        }
    }

    #[test]
    fn every_element_is_a_root_of_the_fields_polynomial() {
        let mut power = Gf64(0x1234_5678_9abc_def1);
        for _ in 0..64 {
            power = power.times(power);
        }
        assert_eq!(power, Gf64(0x1234_5678_9abc_def1), "the field has 2^64 elements");
    }
}
