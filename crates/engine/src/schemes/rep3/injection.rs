//! Bits as numbers, for three numbers in all per bit where a general product of the two halves takes four.
//!
//! Dealer j knows m = b_j ⊕ b_{j+1}, parties j + 1 and j + 2 know q = b_{j+2}, and b = m(1 − 2q) + q. The dealer shares m
//! additively between the two: party j + 2 takes its part M₀ from their common key, party j + 1 gets M₁ = m − M₀. Each
//! computes its part of b, and blinds it by a stream that the two share and the dealer doesn't know:
//! `z_j = M₀(1 − 2q) − r₂`, `z_{j+1} = M₁(1 − 2q) + q − r₁`, `z_{j+2} = r₁ + r₂`. The dealer gets the two that it holds.

use std::ops::Range;

use ring::{Column, Lanes, Number};

use super::conversion::{Layout, row_parts, word_parts};
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
        let parts = [0, 1, 2].map(|places| {
            let dealer = (self.me_index() + places) % 3;
            Part { words: word_parts(rows)[dealer].clone(), rows: row_parts(rows)[dealer].clone() }
        });
        let [own, after, before] = &parts;
        let mut mine = Layout::new(sums, rows);
        let mut next = Layout::new(sums, rows);

        let known = bits.words().mine().zip(bits.words().next().values(), ring::Ring::plus);
        let mask = self.mine.elements::<N>(own.len(width));
        let rest = own.numbers(&known, rows, width).zip(mask.values(), N::minus);
        self.send_some(self.next_party(), &rest)?;

        // In the next party's rows this one is party j + 2.
        let masked = self.next.elements::<N>(after.len(width));
        let (blind_one, blind_two) =
            (self.mine.elements::<N>(after.len(sums)), self.mine.elements::<N>(after.len(sums)));
        let kept = after.numbers(bits.words().mine(), rows, width);
        let part = combined(turned(&masked, &kept), after.rows.len()).zip(blind_two.values(), N::minus);
        self.send_some(self.next_party(), &part)?;
        mine.place(&blind_one.zip(blind_two.values(), N::plus), &after.rows);
        next.place(&part, &after.rows);

        // In the previous party's rows it is party j + 1.
        let masked = self.recv_some(self.previous_party(), before.len(width))?;
        let (blind_one, blind_two) =
            (self.next.elements::<N>(before.len(sums)), self.next.elements::<N>(before.len(sums)));
        let kept = before.numbers(bits.words().next(), rows, width);
        let mut part = turned(&masked, &kept);
        part.zip_assign(kept.values(), N::plus);
        let part = combined(part, before.rows.len()).zip(blind_one.values(), N::minus);
        self.send_some(self.previous_party(), &part)?;
        mine.place(&part, &before.rows);
        next.place(&blind_one.zip(blind_two.values(), N::plus), &before.rows);

        mine.place(&self.recv_some(self.previous_party(), own.len(sums))?, &own.rows);
        next.place(&self.recv_some(self.next_party(), own.len(sums))?, &own.rows);
        Ok(Rep3Shares::from_components(mine.column, next.column))
    }

    fn send_some(&mut self, to: crate::session::Party, values: &Column<N>) -> Result<()> {
        if values.is_empty() { Ok(()) } else { self.link.send(to, values.values()) }
    }

    fn recv_some(&mut self, from: crate::session::Party, len: usize) -> Result<Column<N>> {
        if len == 0 { Ok(Column::zeros(0)) } else { self.link.recv(from, len) }
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
