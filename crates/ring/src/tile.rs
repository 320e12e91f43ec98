//! Sums over the ANDs of replicated bits, and sums of bits, tile by tile.
//!
//! A tile is what the first-level cache holds: 2^m rows of eight words, which are the words of eight groups side by side.
//! Row `s` holds word `s` of each group. Its rows are at the corners s of {0, 1}^m; multilinear in the bits of s, a group's
//! words have values at the points of {0, 1, ∞}^m as well, which are XORs of the rows.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use zeroize::Zeroize;

use crate::column::Column;
use crate::field::Gf64;
use crate::lanes::Lanes;
use crate::processor::{Avx512, Pclmul};
use scalar::Scalar;

/// Evaluates an expression with the best kernel that there is.
macro_rules! with_kernel {
    ($kernel:ident => $body:expr) => {
        if let Some($kernel) = Avx512::detected() {
            $body
        } else if let Some($kernel) = Pclmul::detected() {
            $body
        } else {
            let $kernel = Scalar;
            $body
        }
    };
}

/// Eight words, one of each group of a tile; or four sums of carry-less products, of 128 bits each.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(C, align(64))]
struct Row([u64; Tile::WIDTH]);

/// Rows of secret words; wiped when dropped.
pub struct Tile(Vec<Row>);

impl Tile {
    /// Words of a row.
    pub const WIDTH: usize = 8;

    /// `rows` rows of zeros.
    #[must_use]
    pub fn zeros(rows: usize) -> Self {
        Self(vec![Row::default(); rows])
    }

    /// Sets the first `width` places of each row to the next of `words`, and the others to zero; words that are missing
    /// are zero too.
    pub fn set(&mut self, width: usize, words: &[Lanes]) {
        if width == Self::WIDTH && words.len() == Self::WIDTH * self.0.len() {
            let (rows, _) = words.as_chunks::<{ Self::WIDTH }>();
            self.0.iter_mut().zip(rows).for_each(|(row, words)| row.0 = words.map(|word| word.0));
            return;
        }
        self.0.fill(Row::default());
        for (row, words) in self.0.iter_mut().zip(words.chunks(width.max(1))) {
            row.0.iter_mut().zip(words).for_each(|(to, from)| *to = from.0);
        }
    }

    /// Sets the rows to the XOR of those of `x` and `y`.
    pub fn set_sum(&mut self, x: &Self, y: &Self) {
        with_kernel!(kernel => kernel.sum_of([&x.0, &y.0], &mut self.0));
    }

    /// Adds for each group and lane the weights of the rows where the lane's bit is set: 64 sums for each of the groups
    /// that `sums` has room for, one group after another.
    pub fn add_weighted_bits(&self, weights: &RowWeights, sums: &mut [Gf64]) {
        with_kernel!(kernel => kernel.add_weighted_bits(&self.0, weights, sums));
    }
}

impl Drop for Tile {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|row| row.0.zeroize());
    }
}

/// Public weights of a tile's rows.
pub struct RowWeights {
    elements: Vec<Gf64>,
    /// Those of eight rows as a matrix of bits: byte 7 − o of word `j` holds bit 8j + o of each.
    matrices: Vec<[u64; 8]>,
}

impl RowWeights {
    /// The weights, the first row's first.
    #[must_use]
    pub fn new(elements: &[Gf64]) -> Self {
        let bit = |eight: &[Gf64], place: usize| {
            eight.iter().enumerate().map(|(row, weight)| (weight.0 >> place & 1) << row).sum::<u64>()
        };
        let byte = |eight: &[Gf64], place| bit(eight, place) << (8 * (7 - place % 8));
        let word = |eight: &[Gf64], j| (8 * j..8 * j + 8).map(|place| byte(eight, place)).sum();
        let matrices = elements.chunks(8).map(|eight| std::array::from_fn(|j| word(eight, j)));
        Self { matrices: matrices.collect(), elements: elements.to_vec() }
    }
}

/// Sums of products of words with the groups' weights, reduced when they are asked for.
pub struct TileSums {
    sums: Tile,
    scratch: Tile,
}

impl TileSums {
    /// `len` sums of nothing.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { sums: Tile::zeros(len), scratch: Tile::zeros(0) }
    }

    /// Adds to sum `s` the words of row `s`, each times its group's weight.
    pub fn add_words(&mut self, weights: &[Gf64], words: &Tile) {
        let weights = row_of(weights);
        with_kernel!(kernel => kernel.add_words(&weights, &words.0, &mut self.sums.0));
    }

    /// Adds to the 3^m sums, in lexical order, the ANDs at the points of {0, 1, ∞}^m, each times its group's weight:
    /// `x₀ ∧ y₀₁ ⊕ x₁ ∧ y₀`, a party's part of the products of replicated bits, where `y₀₁` is `y₀ ⊕ y₁`. The first variable is
    /// the highest bit of a row's place. The four tiles have 2^m rows.
    pub fn add_ands(&mut self, weights: &[Gf64], factors: [&Tile; 4]) {
        let rows = factors.map(|factor| factor.0.as_slice());
        let [len, ..] = rows.map(<[Row]>::len);
        assert!(len.is_power_of_two() && rows.iter().all(|rows| rows.len() == len), "tiles of 2^m rows");
        assert_eq!(self.sums.0.len(), 3usize.pow(len.ilog2()), "a sum for each point");
        if self.scratch.0.len() < 4 * len {
            self.scratch = Tile::zeros(4 * len);
        }
        let (weights, scratch) = (row_of(weights), &mut self.scratch.0);
        with_kernel!(kernel => add_ands(kernel, &weights, rows, scratch, &mut self.sums.0));
    }

    /// The sums.
    #[must_use]
    pub fn values(&self) -> Column<Gf64> {
        let mut values = Column::zeros(self.sums.0.len());
        for (value, Row([low, high, rest @ ..])) in values.values_mut().iter_mut().zip(&self.sums.0) {
            let (pairs, _) = rest.as_chunks::<2>();
            let (low, high) = pairs.iter().fold((*low, *high), |(low, high), [a, b]| (low ^ a, high ^ b));
            *value = Gf64::reduced(u128::from(low) | u128::from(high) << 64);
        }
        values
    }
}

/// The innermost loops.
trait Kernel: Copy {
    /// Sets the rows of the last to the XOR of those of the others.
    fn sum_of(self, parts: [&[Row]; 2], sum: &mut [Row]);
    /// As [`TileSums::add_words`].
    fn add_words(self, weights: &Row, words: &[Row], sums: &mut [Row]);
    /// As [`TileSums::add_ands`], for one row and its one point.
    fn add_one(self, weights: &Row, factors: [&Row; 4], sum: &mut Row);
    /// As [`TileSums::add_ands`], for the four rows and nine points of two variables.
    fn add_nine(self, weights: &Row, factors: [&[Row; 4]; 4], sums: &mut [Row; 9]);
    /// As [`Tile::add_weighted_bits`].
    fn add_weighted_bits(self, words: &[Row], weights: &RowWeights, sums: &mut [Gf64]);
}

/// Depth first, so that all sums of rows that are needed at a time lie in `scratch`: fewer than the rows themselves.
fn add_ands<K: Kernel>(
    kernel: K,
    weights: &Row,
    factors: [&[Row]; 4],
    scratch: &mut [Row],
    sums: &mut [Row],
) {
    if let ([[x0], [x1], [y0], [y01]], [sum]) = (factors, &mut *sums) {
        return kernel.add_one(weights, [x0, x1, y0, y01], sum);
    }
    let [x0, x1, y0, y01] = factors.map(|factor| <&[Row; 4]>::try_from(factor).ok());
    if let (Some(x0), Some(x1), Some(y0), Some(y01), Ok(sums)) = (x0, x1, y0, y01, (&mut *sums).try_into()) {
        return kernel.add_nine(weights, [x0, x1, y0, y01], sums);
    }
    let halves = factors.map(|factor| factor.split_at(factor.len() / 2));
    let [(half, _), ..] = halves.map(|(low, _)| (low.len(), low));
    let (mine, scratch) = scratch.split_at_mut(4 * half);
    let third = sums.len() / 3;
    let (low_sums, sums) = sums.split_at_mut(third);
    let (high_sums, leading_sums) = sums.split_at_mut(third);
    add_ands(kernel, weights, halves.map(|(low, _)| low), scratch, low_sums);
    add_ands(kernel, weights, halves.map(|(_, high)| high), scratch, high_sums);
    // The leading coefficient of (1 + r) · low + r · high.
    for ((low, high), sum) in halves.into_iter().zip(mine.chunks_exact_mut(half)) {
        kernel.sum_of([low, high], sum);
    }
    let [x0, x1, y0, y01] = [0, 1, 2, 3].map(|place| &mine[place * half..(place + 1) * half]);
    add_ands(kernel, weights, [x0, x1, y0, y01], scratch, leading_sums);
}

/// The weights, zero for groups that have none.
fn row_of(weights: &[Gf64]) -> Row {
    let mut row = Row::default();
    row.0.iter_mut().zip(weights).for_each(|(word, weight)| *word = weight.0);
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prg::{Prg, Seed};
    use proptest::prelude::*;

    fn tile(prg: &mut Prg, rows: usize) -> Tile {
        let mut tile = Tile::zeros(rows);
        tile.set(8, prg.elements::<Lanes>(8 * rows).values());
        tile
    }

    /// The values at {0, 1, ∞}^m by their definition.
    fn points(rows: &[Row]) -> Vec<Row> {
        if let [row] = rows {
            return vec![*row];
        }
        let (low, high) = rows.split_at(rows.len() / 2);
        let leading: Vec<_> = low.iter().zip(high).map(|(a, b)| xor(*a, *b)).collect();
        [points(low), points(high), points(&leading)].concat()
    }

    fn xor(a: Row, b: Row) -> Row {
        Row(std::array::from_fn(|place| a.0[place] ^ b.0[place]))
    }

    /// Variables and rows below these; fewer for Miri, which is slow.
    const LEVELS: u32 = if cfg!(miri) { 3 } else { 8 };
    const ROWS: usize = if cfg!(miri) { 10 } else { 300 };

    fn dot(weights: &[Gf64], row: Row) -> Gf64 {
        Gf64::dot(weights, &row.0.map(Gf64))
    }

    proptest! {
        #[test]
        fn sums_over_ands_are_those_of_the_definition(levels in 0u32..LEVELS - 2, width in 1usize..=8, seed: [u8; 32]) {
            let mut prg = Prg::new(Seed::from(seed));
            let rows = 1 << levels;
            let [x0, x1, y0, y1] = [(); 4].map(|()| tile(&mut prg, rows));
            let weights = prg.elements::<Gf64>(width);
            let mut y01 = Tile::zeros(rows);
            y01.set_sum(&y0, &y1);
            let mut sums = TileSums::new(3usize.pow(levels));
            sums.add_ands(weights.values(), [&x0, &x1, &y0, &y01]);
            let [x0, x1, y0, y1] = [&x0, &x1, &y0, &y1].map(|tile| points(&tile.0));
            let expected: Vec<_> = (0..3usize.pow(levels)).map(|point| {
                let [x0, x1, y0, y1] = [x0[point].0, x1[point].0, y0[point].0, y1[point].0];
                let and = std::array::from_fn(|g| x0[g] & (y0[g] ^ y1[g]) ^ x1[g] & y0[g]);
                dot(weights.values(), Row(and))
            }).collect();
            prop_assert_eq!(sums.values(), Column::from(expected));
        }

        #[test]
        fn all_kernels_agree(levels in 0u32..LEVELS, seed: [u8; 32]) {
            let mut prg = Prg::new(Seed::from(seed));
            let rows = 1 << levels;
            let tiles = [(); 4].map(|()| tile(&mut prg, rows));
            let weights = row_of(prg.elements::<Gf64>(8).values());
            let corners = RowWeights::new(prg.elements::<Gf64>(rows).values());
            let before = tile(&mut prg, 3usize.pow(levels));
            let bits_before = prg.elements::<Gf64>(8 * 64);
            let run = |kernel: &dyn Fn(&mut Tile, &mut Column<Gf64>)| {
                let (mut sums, mut bits) = (Tile(before.0.clone()), bits_before.clone());
                kernel(&mut sums, &mut bits);
                (sums, bits)
            };
            let expected = run(&|sums, bits| all(Scalar, &weights, &tiles, &corners, sums, bits));
            let mut found = Vec::new();
            if let Some(kernel) = Avx512::detected() {
                found.push(run(&|sums, bits| all(kernel, &weights, &tiles, &corners, sums, bits)));
            }
            if let Some(kernel) = Pclmul::detected() {
                found.push(run(&|sums, bits| all(kernel, &weights, &tiles, &corners, sums, bits)));
            }
            for (sums, bits) in found {
                prop_assert!(sums.0 == expected.0.0);
                prop_assert_eq!(bits.values(), expected.1.values());
            }
        }

        #[test]
        fn sums_of_words_and_of_bits(width in 1usize..=8, rows in 1usize..ROWS, seed: [u8; 32]) {
            let mut prg = Prg::new(Seed::from(seed));
            let words = tile(&mut prg, rows);
            let (weights, corners) = (prg.elements::<Gf64>(width), prg.elements::<Gf64>(rows));
            let mut sums = TileSums::new(rows);
            sums.add_words(weights.values(), &words);
            sums.add_words(weights.values(), &words);
            prop_assert_eq!(sums.values(), Column::zeros(rows));
            sums.add_words(weights.values(), &words);
            let expected: Vec<_> = words.0.iter().map(|row| dot(weights.values(), *row)).collect();
            prop_assert_eq!(sums.values(), Column::from(expected));
            let mut bits = Column::zeros(64 * width);
            words.add_weighted_bits(&RowWeights::new(corners.values()), bits.values_mut());
            for (place, sum) in bits.values().iter().enumerate() {
                let set = words.0.iter().map(|row| Gf64(row.0[place / 64] >> (place % 64) & 1)).collect::<Vec<_>>();
                prop_assert_eq!(*sum, Gf64::dot(&set, corners.values()));
            }
        }
    }

    /// Rows that don't come in eights, weights for fewer rows than there are, and sums that begin and end anywhere.
    #[test]
    fn kernels_agree_on_odd_lengths_anywhere_in_memory() {
        let mut prg = Prg::new(Seed::from([7; 32]));
        let counts: &[usize] = if cfg!(miri) { &[1, 9] } else { &[0, 1, 7, 8, 9, 63, 127, 128, 129, 200] };
        for &rows in counts {
            let tile = tile(&mut prg, rows);
            let most = if cfg!(miri) { 70 } else { 512 };
            for (weights, first, len) in
                [(rows, 0, most), (rows, 3, 449), (rows, 1, 64), (rows, 5, 1), (rows / 2, 0, 130), (0, 0, 70)]
            {
                if len > most {
                    continue;
                }
                let corners = RowWeights::new(prg.elements::<Gf64>(weights).values());
                let before = prg.elements::<Gf64>(first + len);
                let run = |kernel: &dyn Fn(&mut [Gf64])| {
                    let mut sums = before.clone();
                    kernel(&mut sums.values_mut()[first..]);
                    sums
                };
                let expected = run(&|sums| Scalar.add_weighted_bits(&tile.0, &corners, sums));
                if let Some(kernel) = Avx512::detected() {
                    let found = run(&|sums| kernel.add_weighted_bits(&tile.0, &corners, sums));
                    assert_eq!(
                        found.values(),
                        expected.values(),
                        "{rows} rows, {weights} weights, {len} sums"
                    );
                }
                if let Some(kernel) = Pclmul::detected() {
                    let found = run(&|sums| kernel.add_weighted_bits(&tile.0, &corners, sums));
                    assert_eq!(
                        found.values(),
                        expected.values(),
                        "{rows} rows, {weights} weights, {len} sums"
                    );
                }
            }
        }
    }

    fn all<K: Kernel>(
        kernel: K,
        weights: &Row,
        tiles: &[Tile; 4],
        corners: &RowWeights,
        sums: &mut Tile,
        bits: &mut Column<Gf64>,
    ) {
        let factors = tiles.each_ref().map(|tile| tile.0.as_slice());
        let [x0, x1, ..] = factors;
        let mut scratch = Tile::zeros(4 * x0.len());
        add_ands(kernel, weights, factors, &mut scratch.0, &mut sums.0);
        kernel.sum_of([x0, x1], &mut scratch.0[..x0.len()]);
        kernel.add_words(weights, &scratch.0[..x0.len()], &mut sums.0);
        kernel.add_weighted_bits(x0, corners, bits.values_mut());
    }

    #[test]
    fn words_are_laid_out_row_by_row() {
        let words: Vec<_> = (0..7).map(Lanes).collect();
        let mut tile = Tile::zeros(4);
        tile.set(2, &words);
        let rows: Vec<_> = tile.0.iter().map(|row| [row.0[0], row.0[1], row.0[2]]).collect();
        assert_eq!(rows, [[0, 1, 0], [2, 3, 0], [4, 5, 0], [6, 0, 0]]);
    }
}
