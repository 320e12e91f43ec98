//! The innermost loops, eight words at once.
#![allow(
    unsafe_code,
    reason = "calls of functions with more processor features, loads and stores, argued below"
)]

use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_clmulepi64_epi128, _mm512_gf2p8affine_epi64_epi8, _mm512_load_si512,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_store_si512, _mm512_ternarylogic_epi64,
    _mm512_unpackhi_epi8, _mm512_unpacklo_epi8, _mm512_xor_si512,
};

use super::{Kernel, Row, RowWeights};
use crate::field::{Gf64, xor};
use crate::processor::Avx512;

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
    fn add_weighted_bits(self, words: &[Row], weights: &RowWeights, sums: &mut [Gf64]) {
        // SAFETY: as above.
        unsafe {
            for (words, matrices) in words.chunks(MOST_ROWS).zip(weights.matrices.chunks(MOST_ROWS / 8)) {
                add_weighted_bits(words, matrices, sums);
            }
        }
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
    store(sum, xor(old, low, high));
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
    let rest = _mm512_and_si512(x1, y0);
    match cfg!(miri) {
        true => _mm512_xor_si512(_mm512_and_si512(x0, y01), rest),
        false => _mm512_ternarylogic_epi64::<AND_XOR>(x0, y01, rest),
    }
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

/// Products of 8×8 bit matrices: those of the weights of eight rows with the eight rows' bits in eight lanes.
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn add_weighted_bits(words: &[Row], matrices: &[[u64; 8]], sums: &mut [Gf64]) {
    // Of each eight rows vector `k` holds in lane `i` of 128 bits, byte `t`, the rows' bits in lane 16(k mod 4) + t of group
    // 2i + ⌊k / 4⌋.
    let mut bits = [[Row::default(); 8]; MOST_ROWS / 8];
    for (bits, rows) in bits.iter_mut().zip(words.chunks(8)) {
        // Transposing turns the order of rows around.
        let mut reversed = [_mm512_setzero_si512(); 8];
        reversed.iter_mut().rev().zip(rows).for_each(|(to, row)| *to = load(row));
        for (bits, bytes) in bits.iter_mut().zip(interleaved(reversed)) {
            store(bits, _mm512_gf2p8affine_epi64_epi8::<0>(_mm512_set1_epi64(UNIT), bytes));
        }
    }
    for k in 0..8 {
        let mut bytes = [_mm512_setzero_si512(); 8];
        for (bits, matrices) in bits.iter().zip(matrices) {
            let bits = load(&bits[k]);
            for (byte, matrix) in bytes.iter_mut().zip(matrices) {
                let matrix = _mm512_set1_epi64(*matrix as i64);
                *byte = _mm512_xor_si512(*byte, _mm512_gf2p8affine_epi64_epi8::<0>(bits, matrix));
            }
        }
        for (place, elements) in interleaved(bytes).into_iter().enumerate() {
            let mut pairs = Row::default();
            store(&mut pairs, elements);
            let first = 64 * (k / 4) + 16 * (k % 4) + 2 * place;
            for (i, pair) in pairs.0.as_chunks::<2>().0.iter().enumerate() {
                let sums = sums.iter_mut().skip(first + 128 * i);
                sums.zip(pair).for_each(|(sum, element)| sum.0 ^= element);
            }
        }
    }
    bits.as_flattened_mut().fill(Row::default());
    zeroize::optimization_barrier(&bits);
}

/// Rows of which [`add_weighted_bits`] holds the bits at a time.
const MOST_ROWS: usize = 128;

/// Byte `i` is x^i.
const UNIT: i64 = 0x8040_2010_0804_0201_u64 as i64;

/// In each lane of 128 bits: the bytes of the eight vectors at place 0, then those at place 1, and so on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interleaved(mut vectors: [__m512i; 8]) -> [__m512i; 8] {
    for _ in 0..3 {
        let [a, b, c, d, e, f, g, h] = vectors;
        let low = |x, y| _mm512_unpacklo_epi8(x, y);
        let high = |x, y| _mm512_unpackhi_epi8(x, y);
        vectors =
            [low(a, e), high(a, e), low(b, f), high(b, f), low(c, g), high(c, g), low(d, h), high(d, h)];
    }
    vectors
}
