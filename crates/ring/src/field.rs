//! The field with 2^64 elements.
#![allow(unsafe_code, reason = "calls of functions with more processor features, argued below")]

use crate::bytes;
use crate::element::Ring;
use crate::pool::{Pool, Pooled};

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
    fn reduced(product: u128) -> Self {
        // x^64 · h = h · (x^4 + x^3 + x + 1), of which at most four coefficients come out at the top again.
        let (low, high) = (product as u64, (product >> 64) as u64);
        let out = high >> 63 ^ high >> 61 ^ high >> 60;
        let folded = |h: u64| h ^ h << 1 ^ h << 3 ^ h << 4;
        Self(low ^ folded(high) ^ folded(out))
    }

    /// The inner product of `x` and `y`, as long as the shorter of the two.
    #[must_use]
    pub fn dot(x: &[Self], y: &[Self]) -> Self {
        Self::sum_of(x.iter().zip(y).map(|(x, y)| (x.0, y.0)))
    }

    /// The inner product of `weights` with the words `x₀ ∧ y₀₁ ⊕ x₁ ∧ y₀`, taken as elements: a party's part of a weighted
    /// sum of ANDs of replicated bits, where `y₀₁` is `y₀ ⊕ y₁`. As long as the shortest.
    #[must_use]
    pub fn dot_and(weights: &[Self], [x0, x1, y0, y01]: [&[u64]; 4]) -> Self {
        let ands = x0.iter().zip(x1).zip(y0.iter().zip(y01)).map(|((x0, x1), (y0, y01))| x0 & y01 ^ x1 & y0);
        Self::sum_of(weights.iter().map(|weight| weight.0).zip(ands))
    }

    /// Multiplies each element of `x` by that of `factors` at its place.
    pub fn scale_each(x: &mut [Self], factors: &[Self]) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("pclmulqdq") {
            // SAFETY: the function needs exactly the feature that was just detected.
            return unsafe { scaled_by_instruction(x, factors) };
        }
        x.iter_mut().zip(factors).for_each(|(x, factor)| *x = Self::reduced(portable(x.0, factor.0)));
    }

    #[inline(always)]
    fn sum_of(pairs: impl Iterator<Item = (u64, u64)>) -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("pclmulqdq") {
            // SAFETY: the function needs exactly the feature that was just detected.
            return Self::reduced(unsafe { sum_by_instruction(pairs) });
        }
        Self::reduced(pairs.fold(0, |sum, (x, y)| sum ^ portable(x, y)))
    }
}

/// The carry-less product, by shifting: without a branch or an address that depends on the operands.
fn portable(x: u64, y: u64) -> u128 {
    (0..64).fold(0, |sum, bit| sum ^ ((u128::from(x) << bit) & u128::from(y >> bit & 1).wrapping_neg()))
}

/// The carry-less product, by the instruction for it.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "pclmulqdq")]
fn by_instruction(x: u64, y: u64) -> u128 {
    use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_unpackhi_epi64};
    let product = _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(x as i64), _mm_cvtsi64_si128(y as i64));
    let high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(product, product)) as u64;
    u128::from(_mm_cvtsi128_si64(product) as u64) | u128::from(high) << 64
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "pclmulqdq")]
fn scaled_by_instruction(x: &mut [Gf64], factors: &[Gf64]) {
    for (x, factor) in x.iter_mut().zip(factors) {
        *x = Gf64::reduced(by_instruction(x.0, factor.0));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "pclmulqdq")]
fn sum_by_instruction(pairs: impl Iterator<Item = (u64, u64)>) -> u128 {
    let mut sum = 0;
    for (x, y) in pairs {
        sum ^= by_instruction(x, y);
    }
    sum
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
        Self::sum_of(std::iter::once((self.0, other.0)))
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

/// Adds to each lane's sum the element `weights[i]` where the lane's bit of `words[i]` is set: 64 weighted sums of bits.
pub fn add_weighted_bits(words: impl Iterator<Item = u64>, weights: &[Gf64], sums: &mut [Gf64; 64]) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512dq") {
        // SAFETY: the function needs exactly the features that were just detected.
        return unsafe { add_bits_with_avx512(words, weights, sums) };
    }
    add_bits(words, weights, sums);
}

/// The same sums, eight lanes at once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn add_bits_with_avx512(words: impl Iterator<Item = u64>, weights: &[Gf64], sums: &mut [Gf64; 64]) {
    use std::arch::x86_64::{
        _mm512_loadu_si512, _mm512_mask_xor_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
        _mm512_storeu_si512, _mm512_xor_si512,
    };
    let (parts, _) = sums.as_chunks_mut::<8>();
    let mut lanes = [_mm512_setzero_si512(); 8];
    for (word, weight) in words.zip(weights) {
        let weight = _mm512_set1_epi64(weight.0 as i64);
        for (lanes, mask) in lanes.iter_mut().zip(word.to_le_bytes()) {
            *lanes = _mm512_mask_xor_epi64(*lanes, mask, *lanes, weight);
        }
    }
    for (part, lanes) in parts.iter_mut().zip(lanes) {
        let place = std::ptr::from_mut(part).cast();
        // SAFETY: `place` is that of 64 bytes that are borrowed here alone; these accesses need no alignment, and any
        // bytes are eight elements.
        unsafe { _mm512_storeu_si512(place, _mm512_xor_si512(_mm512_loadu_si512(place), lanes)) };
    }
}

fn add_bits(words: impl Iterator<Item = u64>, weights: &[Gf64], sums: &mut [Gf64; 64]) {
    for (word, weight) in words.zip(weights) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            sum.0 ^= weight.0 & (word >> lane & 1).wrapping_neg();
        }
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
            let mut scaled = [x, y];
            Gf64::scale_each(&mut scaled, &[z, z]);
            prop_assert_eq!(scaled, [product(x, z), product(y, z)]);
            prop_assert_eq!(Gf64::dot(&[x, y], &[y, z]), product(x, y).plus(product(y, z)));
        }

        #[test]
        fn sums_of_bits_and_of_ands(words: [u64; 4], weights: [u64; 4]) {
            let weights = weights.map(Gf64);
            let mut found = [Gf64(7); 64];
            add_weighted_bits(words.into_iter(), &weights, &mut found);
            let mut expected = [Gf64(7); 64];
            add_bits(words.into_iter(), &weights, &mut expected);
            prop_assert_eq!(found, expected);
            let ands = words.map(|word| Gf64(word & word.rotate_left(3) ^ word.rotate_left(1) & word.rotate_left(2)));
            let turned = [0, 1, 2, 3].map(|places| words.map(|word| word.rotate_left(places)));
            let [x0, x1, y0, y01] = turned.each_ref().map(|words| words.as_slice());
            prop_assert_eq!(Gf64::dot_and(&weights, [x0, x1, y0, y01]), Gf64::dot(&weights, &ands));
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
