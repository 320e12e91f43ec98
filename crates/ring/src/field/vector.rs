//! Products of many elements, eight at once.
#![allow(
    unsafe_code,
    reason = "calls of functions with more processor features, loads and stores, argued below"
)]

use std::arch::x86_64::{
    __m128i, __m512i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_unpackhi_epi64,
    _mm512_clmulepi64_epi128, _mm512_loadu_si512, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::{Gf64, REDUCED};
use crate::processor::{Avx512, Pclmul};

/// As an operand of `ternarylogic`: a ⊕ b ⊕ c.
const XOR: i32 = 0x96;

impl Pclmul {
    /// The carry-less product.
    #[inline(always)]
    pub(crate) fn product(self, x: u64, y: u64) -> u128 {
        // SAFETY: `Pclmul` exists only where the feature was detected.
        unsafe { product(x, y) }
    }
}

impl Avx512 {
    /// The inner product, not reduced.
    pub(super) fn dot(self, x: &[Gf64], y: &[Gf64]) -> u128 {
        // SAFETY: `Avx512` exists only where the features were detected.
        unsafe { dot(x, y) }
    }

    pub(super) fn scale_each(self, x: &mut [Gf64], factors: &[Gf64]) {
        // SAFETY: as above.
        unsafe { scale_each(x, factors) }
    }

    pub(super) fn add_scaled(self, sums: &mut [Gf64], x: &[Gf64], factor: Gf64) {
        // SAFETY: as above.
        unsafe { add_scaled(sums, x, factor) }
    }
}

#[inline]
#[target_feature(enable = "pclmulqdq")]
fn product(x: u64, y: u64) -> u128 {
    number(_mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(x as i64), _mm_cvtsi64_si128(y as i64)))
}

#[inline]
fn number(value: __m128i) -> u128 {
    // SAFETY: any processor of this architecture has these two.
    let [low, high] =
        unsafe { [_mm_cvtsi128_si64(value), _mm_cvtsi128_si64(_mm_unpackhi_epi64(value, value))] };
    u128::from(low as u64) | u128::from(high as u64) << 64
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(elements: &[Gf64; 8]) -> __m512i {
    // SAFETY: these are 64 initialised bytes, and the access needs no alignment.
    unsafe { _mm512_loadu_si512(elements.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(elements: &mut [Gf64; 8], value: __m512i) {
    // SAFETY: these are 64 bytes that are borrowed here alone; the access needs no alignment, and any bytes are elements.
    unsafe { _mm512_storeu_si512(elements.as_mut_ptr().cast(), value) }
}

/// a ⊕ b ⊕ c. Miri, under which the tests run too, knows the loads and stores but not this instruction.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    match cfg!(miri) {
        true => _mm512_xor_si512(_mm512_xor_si512(a, b), c),
        false => _mm512_ternarylogic_epi64::<XOR>(a, b, c),
    }
}

#[target_feature(enable = "avx512f,vpclmulqdq,pclmulqdq")]
fn dot(x: &[Gf64], y: &[Gf64]) -> u128 {
    let len = x.len().min(y.len());
    let ((x, x_rest), (y, y_rest)) = (x[..len].as_chunks::<8>(), y[..len].as_chunks::<8>());
    let mut sums = _mm512_setzero_si512();
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (load(x), load(y));
        let low = _mm512_clmulepi64_epi128::<0x00>(x, y);
        let high = _mm512_clmulepi64_epi128::<0x11>(x, y);
        sums = xor(sums, low, high);
    }
    let mut parts = [Gf64(0); 8];
    store(&mut parts, sums);
    let (parts, _) = parts.as_chunks::<2>();
    let sum = parts.iter().fold(0, |sum, [low, high]| sum ^ (u128::from(low.0) | u128::from(high.0) << 64));
    x_rest.iter().zip(y_rest).fold(sum, |sum, (x, y)| sum ^ product(x.0, y.0))
}

#[target_feature(enable = "avx512f,vpclmulqdq,pclmulqdq")]
fn scale_each(x: &mut [Gf64], factors: &[Gf64]) {
    let len = x.len().min(factors.len());
    let (x, factors) = (&mut x[..len], &factors[..len]);
    let ((x, x_rest), (factors, rest)) = (x.as_chunks_mut::<8>(), factors.as_chunks::<8>());
    for (x, factors) in x.iter_mut().zip(factors) {
        store(x, products(load(x), load(factors)));
    }
    for (x, factor) in x_rest.iter_mut().zip(rest) {
        *x = Gf64::reduced(product(x.0, factor.0));
    }
}

#[target_feature(enable = "avx512f,vpclmulqdq,pclmulqdq")]
fn add_scaled(sums: &mut [Gf64], x: &[Gf64], factor: Gf64) {
    let len = sums.len().min(x.len());
    let (sums, x) = (&mut sums[..len], &x[..len]);
    let ((sums, sums_rest), (x, x_rest)) = (sums.as_chunks_mut::<8>(), x.as_chunks::<8>());
    let factors = _mm512_set1_epi64(factor.0 as i64);
    for (sums, x) in sums.iter_mut().zip(x) {
        let sum = _mm512_xor_si512(load(sums), products(load(x), factors));
        store(sums, sum);
    }
    for (sum, x) in sums_rest.iter_mut().zip(x_rest) {
        sum.0 ^= Gf64::reduced(product(x.0, factor.0)).0;
    }
}

/// Products in the field: x^64 · h = h · (x^4 + x^3 + x + 1), twice.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn products(x: __m512i, y: __m512i) -> __m512i {
    let by = _mm512_set1_epi64(REDUCED as i64);
    let reduced = |product| {
        let once = _mm512_clmulepi64_epi128::<0x01>(product, by);
        let twice = _mm512_clmulepi64_epi128::<0x01>(once, by);
        xor(product, once, twice)
    };
    let even = reduced(_mm512_clmulepi64_epi128::<0x00>(x, y));
    let odd = reduced(_mm512_clmulepi64_epi128::<0x11>(x, y));
    _mm512_unpacklo_epi64(even, odd)
}
