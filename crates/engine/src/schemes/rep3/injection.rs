//! Bits as numbers, for three numbers in all per bit where a general product of the two halves takes four.
//!
//! Dealer j knows m = b_j ⊕ b_{j+1}, parties j + 1 and j + 2 know q = b_{j+2}, and b = m(1 − 2q) + q. With m shared
//! additively between the two, each computes its part of b.

use std::ops::Range;

use ring::{Column, Lanes, Number};

use super::conversion::{row_parts, word_parts};
use super::holders::Holders;
use super::{Rep3, Rep3Shares};
use crate::error::Result;
use crate::mpc::Bits;

impl<N: Number> Rep3<N> {
    /// As [`Mixed::inject`](crate::mpc::Mixed::inject). 2 rounds, one number from each party and bit.
    pub(super) fn injected(&mut self, bits: &Bits<Self>) -> Result<Rep3Shares<N>> {
        self.injected_with(bits, bits.width(), |injected, _| injected)
    }

    /// As [`Mixed::inject_sums`](crate::mpc::Mixed::inject_sums): the holders add up before they blind. 2 rounds; for
    /// each bit a third of a number from each party, and for each sum two thirds.
    pub(super) fn injected_sums(&mut self, bits: &Bits<Self>, weights: &[Vec<N>]) -> Result<Rep3Shares<N>> {
        self.injected_with(bits, weights.len(), |injected, rows| weighted_sums(&injected, weights, rows))
    }

    /// Bits of which `combined`, a linear map from as many slices as bits to `sums` slices of so many rows, is shared.
    fn injected_with(
        &mut self,
        bits: &Bits<Self>,
        sums: usize,
        combined: impl Fn(Column<N>, usize) -> Column<N>,
    ) -> Result<Rep3Shares<N>> {
        let (rows, width) = (bits.rows(), bits.width());
        let [own, after, before] = self.parts(rows);
        let known = bits.words().mine().zip(bits.words().next().values(), ring::Ring::plus);
        let known = own.numbers(&known, rows, width);
        let second = |masked: &Column<N>| {
            combined(turned(masked, &after.numbers(bits.words().mine(), rows, width)), after.rows.len())
        };
        let first = |masked: &Column<N>| {
            let kept = before.numbers(bits.words().next(), rows, width);
            let mut part = turned(masked, &kept);
            part.zip_assign(kept.values(), N::plus);
            combined(part, before.rows.len())
        };
        self.between(rows, &known, Holders { width, sums, first, second })
    }

    /// The parts of this party, of the next one and of the previous one.
    fn parts(&self, rows: usize) -> [Part; 3] {
        [0, 1, 2].map(|places| {
            let dealer = (self.me_index() + places) % 3;
            Part { words: word_parts(rows)[dealer].clone(), rows: row_parts(rows)[dealer].clone() }
        })
    }
}

/// The rows of one dealer.
struct Part {
    words: Range<usize>,
    rows: Range<usize>,
}

impl Part {
    /// Numbers in `width` slices of these rows.
    fn len(&self, width: usize) -> usize {
        self.rows.len() * width
    }

    /// The bits of these rows as numbers, slice after slice.
    fn numbers<N: Number>(&self, lanes: &Column<Lanes>, rows: usize, width: usize) -> Column<N> {
        let mut column = Column::zeros(self.len(width));
        let slices = lanes.values().chunks(Lanes::words(rows).max(1));
        for (slice, part) in slices.zip(column.values_mut().chunks_mut(self.rows.len().max(1))) {
            N::from_bits(slice.get(self.words.clone()).unwrap_or_default(), part);
        }
        column
    }
}

/// x(1 − 2q) for bits q.
fn turned<N: Number>(x: &Column<N>, q: &Column<N>) -> Column<N> {
    x.zip(q.values(), |x, q| x.times(N::ONE.minus(q.plus(q))))
}

/// The sums of slices of `rows` rows each, every slice times its weight.
fn weighted_sums<N: Number>(slices: &Column<N>, weights: &[Vec<N>], rows: usize) -> Column<N> {
    let mut sums = Column::<N>::zeros(weights.len() * rows);
    let rows = rows.max(1);
    for (sum, weights) in sums.values_mut().chunks_exact_mut(rows).zip(weights) {
        let slices = slices.values().chunks_exact(rows).zip(weights);
        for (slice, weight) in slices.filter(|(_, weight)| **weight != N::ZERO) {
            sum.iter_mut().zip(slice).for_each(|(sum, value)| *sum = sum.plus(value.times(*weight)));
        }
    }
    sums
}
