//! Products of what a row's dealer knows and what the two others, the *holders*, know.
//!
//! Dealer j shares its numbers m additively between the holders: party j + 2 takes its part M₀ from their common key,
//! party j + 1 gets M₁ = m − M₀. What is linear in m each computes of its part, and blinds it by a stream that the holders
//! share and the dealer doesn't know: `z_j = f(M₀) − r₂`, `z_{j+1} = g(M₁) − r₁`, `z_{j+2} = r₁ + r₂`. The dealer gets the
//! two that it holds.
//!
//! Adversary: one passive party. A holder sees M₀ or M₁ alone, each uniform; the dealer sees what r₁ and r₂ blind.

use ring::{Column, Number};

use super::conversion::{Layout, row_parts};
use super::{Rep3, Rep3Shares};
use crate::error::Result;
use crate::mpc::{Shares, Sides};
use crate::session::Party;

/// What holders do with their part of the dealer's numbers.
pub(super) struct Holders<First, Second> {
    /// Numbers that a dealer gives for each row, slice after slice.
    pub(super) width: usize,
    /// Numbers that are shared for each row.
    pub(super) sums: usize,
    /// What the party after the dealer computes; here, for the previous party's rows.
    pub(super) first: First,
    /// What the party before the dealer computes; here, for the next party's rows.
    pub(super) second: Second,
}

impl<N: Number> Rep3<N> {
    /// Shares of what holders compute of the dealers' numbers, of which `known` has this party's. 2 rounds; for each
    /// number of a dealer a third of one from each party, and for each shared one two thirds.
    pub(super) fn between<First, Second>(
        &mut self,
        rows: usize,
        known: &Column<N>,
        holders: Holders<First, Second>,
    ) -> Result<Rep3Shares<N>>
    where
        First: FnOnce(&Column<N>) -> Column<N>,
        Second: FnOnce(&Column<N>) -> Column<N>,
    {
        let Holders { width, sums, first, second } = holders;
        let [own, after, before] = self.around(&row_parts(rows));
        let mut mine = Layout::new(sums, rows);
        let mut next = Layout::new(sums, rows);

        let mask = self.mine.elements::<N>(own.len() * width);
        let rest = known.zip(mask.values(), N::minus);
        self.send_some(self.next_party(), &rest)?;

        // In the next party's rows this one is party j + 2.
        let masked = self.next.elements::<N>(after.len() * width);
        let blinds = [0, 1].map(|_| self.mine.elements::<N>(after.len() * sums));
        let part = second(&masked).zip(blinds[1].values(), N::minus);
        self.send_some(self.next_party(), &part)?;
        mine.place(&blinds[0].zip(blinds[1].values(), N::plus), &after);
        next.place(&part, &after);

        // In the previous party's rows it is party j + 1.
        let masked = self.recv_some(self.previous_party(), before.len() * width)?;
        let blinds = [0, 1].map(|_| self.next.elements::<N>(before.len() * sums));
        let part = first(&masked).zip(blinds[0].values(), N::minus);
        self.send_some(self.previous_party(), &part)?;
        mine.place(&part, &before);
        next.place(&blinds[0].zip(blinds[1].values(), N::plus), &before);

        mine.place(&self.recv_some(self.previous_party(), own.len() * sums)?, &own);
        next.place(&self.recv_some(self.next_party(), own.len() * sums)?, &own);
        Ok(Rep3Shares::from_components(mine.column, next.column))
    }

    /// As [`Mixed::dot_of_sides`](crate::mpc::Mixed::dot_of_sides).
    pub(super) fn dotted_sides(&mut self, x: &Rep3Shares<N>, sides: Sides<'_, N>) -> Result<Rep3Shares<N>> {
        let (rows, width) = (x.len(), sides.terms);
        let known = derived(&self.dealt(x, rows), width, sides.minuend);
        let (kept_mine, kept_next) = self.kept(x, rows);
        let dot = |kept: &Column<N>, masked: &Column<N>| {
            let factors = derived(kept, width, sides.subtrahend);
            let mut sums = Column::zeros(kept.len());
            let len = kept.len().max(1);
            for (factors, masked) in factors.values().chunks(len).zip(masked.values().chunks(len)) {
                for (sum, (factor, masked)) in sums.values_mut().iter_mut().zip(factors.iter().zip(masked)) {
                    *sum = N::plus(*sum, factor.times(*masked));
                }
            }
            sums
        };
        let first = |masked: &Column<N>| dot(&kept_next, masked);
        let second = |masked: &Column<N>| dot(&kept_mine, masked);
        self.between(rows, &known, Holders { width, sums: 1, first, second })
    }

    fn send_some(&mut self, to: Party, values: &Column<N>) -> Result<()> {
        if values.is_empty() { Ok(()) } else { self.link.send(to, values.values()) }
    }

    fn recv_some(&mut self, from: Party, len: usize) -> Result<Column<N>> {
        if len == 0 { Ok(Column::zeros(0)) } else { self.link.recv(from, len) }
    }
}

/// What `derive` writes for each value, slice after slice.
fn derived<N: Number>(values: &Column<N>, terms: usize, derive: &dyn Fn(N, &mut [N])) -> Column<N> {
    let (rows, mut row) = (values.len(), Column::<N>::zeros(terms));
    let mut slices = Column::<N>::zeros(rows * terms);
    for (place, value) in values.values().iter().enumerate() {
        row.values_mut().fill(N::ZERO);
        derive(*value, row.values_mut());
        let places = slices.values_mut().iter_mut().skip(place).step_by(rows);
        places.zip(row.values()).for_each(|(place, number)| *place = *number);
    }
    slices
}
