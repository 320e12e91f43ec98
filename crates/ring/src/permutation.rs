//! Permutations of rows.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::column::Column;
use crate::element::Ring;
use crate::lanes::Lanes;
use crate::prg::Prg;

/// A permutation of rows, kept secret: wiped when dropped, and printed only as its length.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Permutation {
    sources: Vec<u32>,
}

impl Permutation {
    /// A uniformly random permutation of `rows` rows, at most 2^32: Fisher and Yates's shuffle, with Lemire's unbiased
    /// draws (Fast Random Integer Generation in an Interval, 2019). The holders of one stream draw the same.
    #[must_use]
    pub fn random(prg: &mut Prg, rows: usize) -> Self {
        let mut sources: Vec<u32> = (0..rows as u32).collect();
        let mut words = Words { prg, words: Column::zeros(0), used: 0 };
        for row in (1..rows).rev() {
            let other = words.below(row as u64 + 1, row);
            sources.swap(row, other as usize);
        }
        Self { sources }
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.sources.len()
    }

    /// `x` seen as columns of this permutation's rows, each with its rows moved: row `i` of the result is row p(i).
    #[must_use]
    pub fn apply<D: Ring>(&self, x: &Column<D>) -> Column<D> {
        let mut moved = Column::zeros(x.len());
        let rows = self.rows().max(1);
        for (to, from) in moved.values_mut().chunks_exact_mut(rows).zip(x.values().chunks_exact(rows)) {
            for (to, source) in to.iter_mut().zip(&self.sources) {
                *to = from[*source as usize];
            }
        }
        moved
    }

    /// The inverse of [`Permutation::apply`]: row p(i) of the result is row `i`.
    #[must_use]
    pub fn undo<D: Ring>(&self, x: &Column<D>) -> Column<D> {
        let mut moved = Column::zeros(x.len());
        let rows = self.rows().max(1);
        for (to, from) in moved.values_mut().chunks_exact_mut(rows).zip(x.values().chunks_exact(rows)) {
            for (from, source) in from.iter().zip(&self.sources) {
                to[*source as usize] = *from;
            }
        }
        moved
    }
}

impl fmt::Debug for Permutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permutation({} secret rows)", self.rows())
    }
}

/// A stream taken word by word.
struct Words<'a> {
    prg: &'a mut Prg,
    words: Column<Lanes>,
    used: usize,
}

impl Words<'_> {
    /// A number below `bound`; `more` further ones will be wanted.
    fn below(&mut self, bound: u64, more: usize) -> u64 {
        loop {
            let product = u128::from(self.next(more)) * u128::from(bound);
            // The lowest 2^64 mod `bound` of the low halves would make some numbers likelier than others.
            if (product as u64) >= bound || (product as u64) >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    fn next(&mut self, more: usize) -> u64 {
        if self.used == self.words.len() {
            self.words = self.prg.elements(more.clamp(2, 1 << 12));
            self.used = 0;
        }
        self.used += 1;
        self.words.values()[self.used - 1].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prg::Seed;

    fn prg(byte: u8) -> Prg {
        Prg::new(Seed::from([byte; 32]))
    }

    #[test]
    fn undoing_gives_back_every_column() {
        for rows in [0, 1, 2, 63, 1000] {
            let permutation = Permutation::random(&mut prg(5), rows);
            let x = Column::from((0..3 * rows as u64).collect::<Vec<_>>());
            let moved = permutation.apply(&x);
            assert_eq!(permutation.undo(&moved), x);
            let mut sorted = moved.slice(0..rows).values().to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..rows as u64).collect::<Vec<_>>());
            assert!(rows < 63 || moved != x);
        }
    }

    #[test]
    fn equal_streams_give_equal_permutations_and_stay_in_step() {
        let (mut a, mut b) = (prg(6), prg(6));
        for rows in [10, 5000, 3] {
            assert_eq!(Permutation::random(&mut a, rows).sources, Permutation::random(&mut b, rows).sources);
        }
        assert_eq!(a.elements::<u64>(4), b.elements::<u64>(4));
    }

    #[test]
    fn all_orders_of_four_are_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let mut prg = prg(7);
        for _ in 0..24_000 {
            *counts.entry(Permutation::random(&mut prg, 4).sources.clone()).or_insert(0i64) += 1;
        }
        assert_eq!(counts.len(), 24);
        // Each count is binomial with mean 1000 and standard deviation 31.
        assert!(counts.values().all(|count| (count - 1000).abs() < 6 * 31), "{counts:?}");
    }
}
