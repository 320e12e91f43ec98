//! The innermost loops, eight words at once.
#![allow(
    unsafe_code,
    reason = "calls of functions with more processor features, loads and stores, argued below"
)]

use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_clmulepi64_epi128, _mm512_load_si512, _mm512_loadu_si512,
    _mm512_mask_xor_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_store_si512, _mm512_storeu_si512,
    _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

use super::{Kernel, Row};
use crate::field::Gf64;
use crate::processor::Avx512;

/// As an operand of `ternarylogic`: a ⊕ b ⊕ c.
const XOR: i32 = 0x96;
/// As an operand of `ternarylogic`: (a ∧ b) ⊕ c.
const AND_XOR: i32 = 0x6a;

impl Kernel for Avx512 {
    fn sum_of(self, parts: [&[Row]; 2], sum: &mut [Row]) {
        // SAFETY: `Avx512` exists only where the features were detected.
        unsafe { sum_of(parts, sum) }
    }
    fn add_words(self, weights: &Row, words: &[Row], sums: &mut [Row]) {
        // SAFETY: as above.
        unsafe { add_words(weights, words, sums) }
    }
    fn add_one(self, weights: &Row, factors: [&Row; 4], sum: &mut Row) {
        // SAFETY: as above.
        unsafe { add_one(weights, factors, sum) }
    }
    fn add_nine(self, weights: &Row, factors: [&[Row; 4]; 4], sums: &mut [Row; 9]) {
        // SAFETY: as above.
        unsafe { add_nine(weights, factors, sums) }
    }
    fn weighted_bits(self, words: &[Row], corners: &[Gf64], sums: &mut [Gf64]) {
        // SAFETY: as above.
        unsafe { weighted_bits(words, corners, sums) }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(row: &Row) -> __m512i {
    // SAFETY: a row is 64 initialised bytes, aligned to 64.
    unsafe { _mm512_load_si512(std::ptr::from_ref(row).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(row: &mut Row, value: __m512i) {
    // SAFETY: a row is 64 bytes, aligned to 64 and borrowed here alone; any bytes are a row.
    unsafe { _mm512_store_si512(std::ptr::from_mut(row).cast(), value) }
}

#[target_feature(enable = "avx512f")]
fn sum_of([x, y]: [&[Row]; 2], sum: &mut [Row]) {
    for (sum, (x, y)) in sum.iter_mut().zip(x.iter().zip(y)) {
        store(sum, _mm512_xor_si512(load(x), load(y)));
    }
}

/// Adds the products of both words of each 128 bits to their one sum.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn add_product(weights: __m512i, words: __m512i, sum: &mut Row) {
    let low = _mm512_clmulepi64_epi128::<0x00>(weights, words);
    let high = _mm512_clmulepi64_epi128::<0x11>(weights, words);
    let old = load(sum);
    store(sum, _mm512_ternarylogic_epi64::<XOR>(old, low, high));
}

#[target_feature(enable = "avx512f,vpclmulqdq")]
fn add_words(weights: &Row, words: &[Row], sums: &mut [Row]) {
    let weights = load(weights);
    for (words, sum) in words.iter().zip(sums) {
        add_product(weights, load(words), sum);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn and([x0, x1, y0, y01]: [__m512i; 4]) -> __m512i {
    _mm512_ternarylogic_epi64::<AND_XOR>(x0, y01, _mm512_and_si512(x1, y0))
}

#[target_feature(enable = "avx512f,vpclmulqdq")]
fn add_one(weights: &Row, [x0, x1, y0, y01]: [&Row; 4], sum: &mut Row) {
    add_product(load(weights), and([load(x0), load(x1), load(y0), load(y01)]), sum);
}

#[target_feature(enable = "avx512f,vpclmulqdq")]
fn add_nine(weights: &Row, [x0, x1, y0, y01]: [&[Row; 4]; 4], sums: &mut [Row; 9]) {
    let weights = load(weights);
    let (thirds, _) = sums.as_chunks_mut::<3>();
    let [low, high, leading] = thirds else { return };
    let pair = |rows: &[Row; 4], place: usize| [load(&rows[place]), load(&rows[place + 1])];
    let lows = [pair(x0, 0), pair(x1, 0), pair(y0, 0), pair(y01, 0)];
    let highs = [pair(x0, 2), pair(x1, 2), pair(y0, 2), pair(y01, 2)];
    add_three(weights, lows, low);
    add_three(weights, highs, high);
    let both = |place: usize| {
        let ([a, b], [c, d]) = (lows[place], highs[place]);
        [_mm512_xor_si512(a, c), _mm512_xor_si512(b, d)]
    };
    add_three(weights, [both(0), both(1), both(2), both(3)], leading);
}

#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn add_three(weights: __m512i, factors: [[__m512i; 2]; 4], sums: &mut [Row; 3]) {
    let [[a0, b0], [a1, b1], [c0, d0], [c01, d01]] = factors;
    let [low, high, leading] = sums;
    add_product(weights, and([a0, a1, c0, c01]), low);
    add_product(weights, and([b0, b1, d0, d01]), high);
    let sum = |a, b| _mm512_xor_si512(a, b);
    add_product(weights, and([sum(a0, b0), sum(a1, b1), sum(c0, d0), sum(c01, d01)]), leading);
}

#[target_feature(enable = "avx512f")]
fn weighted_bits(words: &[Row], corners: &[Gf64], sums: &mut [Gf64]) {
    for (group, sums) in sums.as_chunks_mut::<64>().0.iter_mut().take(super::Tile::WIDTH).enumerate() {
        let mut lanes = [_mm512_setzero_si512(); 8];
        for (row, weight) in words.iter().zip(corners) {
            let weight = _mm512_set1_epi64(weight.0 as i64);
            for (lanes, mask) in lanes.iter_mut().zip(row.0[group].to_le_bytes()) {
                *lanes = _mm512_mask_xor_epi64(*lanes, mask, *lanes, weight);
            }
        }
        for (part, lanes) in sums.as_chunks_mut::<8>().0.iter_mut().zip(lanes) {
            let place: *mut Gf64 = part.as_mut_ptr();
            // SAFETY: `place` is that of 64 bytes that are borrowed here alone; these accesses need no alignment, and any
            // bytes are eight elements.
            unsafe {
                let old = _mm512_loadu_si512(place.cast_const().cast());
                _mm512_storeu_si512(place.cast(), _mm512_xor_si512(old, lanes));
            }
        }
    }
}
