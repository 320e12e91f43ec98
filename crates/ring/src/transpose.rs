//! Numbers to bit slices and back, by 64 × 64 bit transposes.
//!
//! The transpose swaps ever smaller off-diagonal blocks: Warren, Hacker's Delight (2nd ed.), §7-3.

use crate::column::Column;
use crate::element::Number;
use crate::lanes::Lanes;

/// See [`Number::to_slices`]; `width` is at most the bits of an element.
pub(crate) fn to_slices<N: Number>(values: &[N], width: u32) -> Column<Lanes> {
    let words = Lanes::words(values.len());
    let mut column = Column::zeros(words * width as usize);
    let slices = column.values_mut();
    for (word, rows) in values.chunks(64).enumerate() {
        for first in (0..width).step_by(64) {
            let mut block = [0u64; 64];
            for (row, value) in block.iter_mut().zip(rows) {
                *row = value.shifted_right(first).to_u128() as u64;
            }
            transpose(&mut block);
            for (bit, lanes) in (first..width).zip(block) {
                slices[bit as usize * words + word] = Lanes(lanes);
            }
        }
    }
    column
}

/// See [`Number::from_slices`]; `width` is at most `N::BITS`.
pub(crate) fn from_slices<N: Number>(slices: &[Lanes], rows: usize, width: u32) -> Vec<N> {
    let words = Lanes::words(rows);
    let mut values = vec![N::ZERO; rows];
    for (word, rows) in values.chunks_mut(64).enumerate() {
        for first in (0..width).step_by(64) {
            let mut block = [0u64; 64];
            for (bit, lanes) in (first..width).zip(&mut block) {
                *lanes = slices.get(bit as usize * words + word).map_or(0, |found| found.0);
            }
            transpose(&mut block);
            for (value, limb) in rows.iter_mut().zip(block) {
                *value = value.plus(N::from_u128(limb.into()).shifted_left(first));
            }
        }
    }
    values
}

/// Bit slices, at most 64, to words: bit `i` of a row's word is its bit in slice `i`. The slices follow one another,
/// each as long as `words.len()` rows need; missing ones count as zero.
pub fn rows_of_slices(slices: &[Lanes], words: &mut [Lanes]) {
    let size = Lanes::words(words.len()).max(1);
    for (place, rows) in words.chunks_mut(64).enumerate() {
        let mut block = [0u64; 64];
        for (lanes, slice) in block.iter_mut().zip(slices.chunks(size)) {
            *lanes = slice.get(place).map_or(0, |found| found.0);
        }
        transpose(&mut block);
        rows.iter_mut().zip(block).for_each(|(row, word)| *row = Lanes(word));
    }
}

/// The inverse of [`rows_of_slices`]: as many slices as `slices` has room for, at most 64.
pub fn slices_of_rows(words: &[Lanes], slices: &mut [Lanes]) {
    let size = Lanes::words(words.len()).max(1);
    for (place, rows) in words.chunks(64).enumerate() {
        let mut block = [0u64; 64];
        block.iter_mut().zip(rows).for_each(|(row, word)| *row = word.0);
        transpose(&mut block);
        for (lanes, slice) in block.iter().zip(slices.chunks_mut(size)) {
            if let Some(word) = slice.get_mut(place) {
                *word = Lanes(*lanes);
            }
        }
    }
}

/// Bit `i` of word `j` becomes bit `j` of word `i`.
fn transpose(block: &mut [u64; 64]) {
    let mut mask = 0x0000_0000_ffff_ffffu64;
    let mut half = 32;
    while half != 0 {
        for pair in block.chunks_exact_mut(2 * half) {
            let (upper, lower) = pair.split_at_mut(half);
            for (a, b) in upper.iter_mut().zip(lower) {
                let swap = ((*a >> half) ^ *b) & mask;
                *a ^= swap << half;
                *b ^= swap;
            }
        }
        half /= 2;
        mask ^= mask << half;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn slices_hold_the_bits(values in prop::collection::vec(any::<u128>(), 0..150), width in 0u32..=128) {
            let slices = u128::to_slices(&values, width);
            let words = Lanes::words(values.len());
            prop_assert_eq!(slices.len(), words * width as usize);
            for (row, value) in values.iter().enumerate() {
                for bit in 0..width {
                    let found = slices.values()[bit as usize * words + row / 64].0 >> (row % 64) & 1;
                    prop_assert_eq!(u128::from(found), value >> bit & 1);
                }
            }
            let cut: Vec<u128> = values.iter().map(|value| value.low_bits(width)).collect();
            prop_assert_eq!(u128::from_slices(slices.values(), values.len(), width), cut);
        }

        #[test]
        fn single_bits_become_numbers(values in prop::collection::vec(0u64..2, 0..150)) {
            let mut numbers = vec![7u64; values.len()];
            u64::from_bits(u64::to_slices(&values, 1).values(), &mut numbers);
            prop_assert_eq!(numbers, values);
        }

        #[test]
        fn words_of_rows_hold_the_numbers(values in prop::collection::vec(any::<u64>(), 0..150), width in 1u32..=64) {
            let slices = u64::to_slices(&values, width);
            let mut words = vec![Lanes(0); values.len()];
            rows_of_slices(slices.values(), &mut words);
            let cut: Vec<_> = values.iter().map(|value| Lanes(value.low_bits(width))).collect();
            prop_assert_eq!(&words, &cut);
            let mut again = vec![Lanes(0); slices.len()];
            slices_of_rows(&words, &mut again);
            prop_assert_eq!(again, slices.values());
        }

        #[test]
        fn u64_round_trips(values in prop::collection::vec(any::<u64>(), 0..150)) {
            prop_assert_eq!(u64::from_slices(u64::to_slices(&values, 64).values(), values.len(), 64), values);
        }
    }
}
