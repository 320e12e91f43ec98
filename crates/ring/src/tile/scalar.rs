//! The innermost loops, word by word.

use super::{Kernel, Row, RowWeights};
use crate::field::{self, Gf64};
use crate::processor::Pclmul;

/// For any processor.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Kernel for Scalar {
    fn sum_of(self, parts: [&[Row]; 2], sum: &mut [Row]) {
        sum_of(parts, sum);
    }
    fn add_words(self, weights: &Row, words: &[Row], sums: &mut [Row]) {
        words.iter().zip(sums).for_each(|(words, sum)| add_product(field::portable, weights, words, sum));
    }
    fn add_one(self, weights: &Row, factors: [&Row; 4], sum: &mut Row) {
        add_product(field::portable, weights, &and(factors), sum);
    }
    fn add_nine(self, weights: &Row, factors: [&[Row; 4]; 4], sums: &mut [Row; 9]) {
        nine(factors, |place, factors| self.add_one(weights, factors.each_ref(), &mut sums[place]));
    }
    fn add_weighted_bits(self, words: &[Row], weights: &RowWeights, sums: &mut [Gf64]) {
        add_weighted_bits(words, weights, sums);
    }
}

/// For processors with an instruction for carry-less products.
impl Kernel for Pclmul {
    fn sum_of(self, parts: [&[Row]; 2], sum: &mut [Row]) {
        sum_of(parts, sum);
    }
    fn add_words(self, weights: &Row, words: &[Row], sums: &mut [Row]) {
        let multiply = |x, y| self.product(x, y);
        words.iter().zip(sums).for_each(|(words, sum)| add_product(multiply, weights, words, sum));
    }
    fn add_one(self, weights: &Row, factors: [&Row; 4], sum: &mut Row) {
        add_product(|x, y| self.product(x, y), weights, &and(factors), sum);
    }
    fn add_nine(self, weights: &Row, factors: [&[Row; 4]; 4], sums: &mut [Row; 9]) {
        nine(factors, |place, factors| self.add_one(weights, factors.each_ref(), &mut sums[place]));
    }
    fn add_weighted_bits(self, words: &[Row], weights: &RowWeights, sums: &mut [Gf64]) {
        add_weighted_bits(words, weights, sums);
    }
}

fn sum_of([x, y]: [&[Row]; 2], sum: &mut [Row]) {
    sum.iter_mut().zip(x.iter().zip(y)).for_each(|(sum, (x, y))| *sum = xor(x, y));
}

fn xor(x: &Row, y: &Row) -> Row {
    Row(std::array::from_fn(|place| x.0[place] ^ y.0[place]))
}

fn and([x0, x1, y0, y01]: [&Row; 4]) -> Row {
    Row(std::array::from_fn(|place| x0.0[place] & y01.0[place] ^ x1.0[place] & y0.0[place]))
}

/// The points of {0, 1, ∞}² with their places.
fn nine(factors: [&[Row; 4]; 4], mut each: impl FnMut(usize, [Row; 4])) {
    let pairs = factors.map(|[a, b, c, d]| [[*a, *b], [*c, *d], [xor(a, c), xor(b, d)]]);
    for place in 0..9 {
        each(
            place,
            pairs.map(|pairs| {
                let [low, high] = pairs[place / 3];
                [low, high, xor(&low, &high)][place % 3]
            }),
        );
    }
}

#[inline(always)]
fn add_product(multiply: impl Fn(u64, u64) -> u128, weights: &Row, words: &Row, sum: &mut Row) {
    for (place, sum) in sum.0.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let product = |place| multiply(weights.0[place], words.0[place]);
        let both = product(2 * place) ^ product(2 * place + 1);
        let [low, high] = sum;
        *low ^= both as u64;
        *high ^= (both >> 64) as u64;
    }
}

fn add_weighted_bits(words: &[Row], weights: &RowWeights, sums: &mut [Gf64]) {
    for (group, sums) in sums.chunks_mut(64).take(super::Tile::WIDTH).enumerate() {
        for (row, weight) in words.iter().zip(&weights.elements) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                sum.0 ^= weight.0 & (row.0[group] >> lane & 1).wrapping_neg();
            }
        }
    }
}
