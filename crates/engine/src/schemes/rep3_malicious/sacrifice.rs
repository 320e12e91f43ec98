//! The claims of one ring on their way through the check.
//!
//! Factors are lifted where they are used, piece by piece, so that the check reads what was recorded and writes the mask alone.

use ring::{Checked, Column, Lanes, Lift, Number, Permutation, Prg, Ring};

use super::Rep3Malicious;
use super::check::coefficients;
use super::record::Claim;
use crate::error::Result;
use crate::mpc::{Receivers, Shares};
use crate::schemes::rep3::Rep3Shares;

/// Elements that are gone through several times while the first-level cache holds them.
const PIECE: usize = 512;

/// Claims `⟨v, y⟩ = t`, and what the check makes of them.
pub(super) struct Sacrifice<'a, D: Lift> {
    claims: Vec<&'a Claim<D>>,
    /// a, and later v + a: of one claim after another.
    mask: [Column<D::Lifted>; 2],
    /// First c, and in the end what must be zero.
    tested: Rep3Shares<D::Lifted>,
}

impl<'a, D: Lift> Sacrifice<'a, D> {
    /// Of claims, products of matrices aside, and of those that were made of others.
    pub(super) fn of<N: Number>(
        party: &mut Rep3Malicious<N>,
        claims: Vec<&'a Claim<D>>,
        made: &'a [Claim<D>],
    ) -> Self {
        let claims: Vec<_> = claims.into_iter().filter(|claim| !claim.is_matrix()).chain(made).collect();
        let len = claims.iter().map(|claim| claim.right().len()).sum();
        let mask = [party.base.mine.elements(len), party.base.next.elements(len)];
        Sacrifice { claims, mask, tested: Rep3Shares::zeros(1) }
    }

    pub(super) fn send_product<N: Number>(&mut self, party: &mut Rep3Malicious<N>) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let [mut mine, mut next] = self.mask.each_ref().map(Column::values);
        let blind: Column<D::Lifted> = party.base.zero_sharing(1);
        let mut part = blind.values().first().copied().unwrap_or_default();
        for claim in &self.claims {
            let right = claim.right();
            let (here, there);
            (here, mine) = mine.split_at(right.len());
            (there, next) = next.split_at(right.len());
            part = part.plus(right.product(here, there));
        }
        let part = Column::filled(part, 1);
        party.base.link.send(party.base.previous_party(), part.values())?;
        self.tested = Rep3Shares::from_components(part, Column::zeros(1));
        Ok(())
    }

    pub(super) fn recv_product<N: Number>(&mut self, party: &mut Rep3Malicious<N>) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let next = party.base.link.recv(party.base.next_party(), 1)?;
        self.tested = Rep3Shares::from_components(self.tested.mine().clone(), next);
        Ok(())
    }

    pub(super) fn send_masked<N: Number>(
        &mut self,
        party: &mut Rep3Malicious<N>,
        coins: &mut Prg,
    ) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let [mut mine, mut next] = self.mask.each_mut().map(Column::values_mut);
        for claim in &self.claims {
            let len = claim.right().len();
            let (here, there);
            (here, mine) = mine.split_at_mut(len);
            (there, next) = next.split_at_mut(len);
            self.tested = self.tested.plus(&claim.mask(party.base.me_index(), coins, [here, there]));
        }
        let [mine, next] = self.mask.each_ref();
        if mine.is_empty() { Ok(()) } else { party.send_opening([mine, next], Receivers::All) }
    }

    pub(super) fn recv_masked<N: Number>(&mut self, party: &mut Rep3Malicious<N>) -> Result<()> {
        let [mine, next] = self.mask.each_ref();
        if mine.is_empty() {
            return Ok(());
        }
        let opened = party.recv_opening([mine, next])?;
        let mut opened = opened.values();
        let mut sum = [D::Lifted::ZERO; 2];
        for claim in &self.claims {
            let right = claim.right();
            let (here, rest) = opened.split_at(right.len());
            opened = rest;
            sum = right.products(here, sum);
        }
        let [mine, next] = sum.map(|sum| Column::filled(sum, 1));
        self.tested = Rep3Shares::from_components(mine, next).minus(&self.tested);
        Ok(())
    }

    pub(super) fn send_test<N: Number>(&self, party: &mut Rep3Malicious<N>) -> Result<()> {
        if self.claims.is_empty() { Ok(()) } else { party.send_both(&self.tested) }
    }

    pub(super) fn recv_test<N: Number>(
        &self,
        party: &mut Rep3Malicious<N>,
        checked: &'static str,
    ) -> Result<()> {
        if self.claims.is_empty() { Ok(()) } else { party.recv_zero(&self.tested, checked) }
    }
}

/// y, lifted or to be lifted.
enum Right<'a, D: Lift> {
    Plain(&'a Rep3Shares<D>),
    Lifted(&'a Rep3Shares<D::Lifted>),
    None,
}

impl<D: Lift> Right<'_, D> {
    fn len(&self) -> usize {
        match self {
            Self::Plain(y) => y.mine().len(),
            Self::Lifted(y) => y.mine().len(),
            Self::None => 0,
        }
    }

    /// A party's part of `⟨a, y⟩`.
    fn product(&self, mine: &[D::Lifted], next: &[D::Lifted]) -> D::Lifted {
        let pieces = mine.chunks(PIECE).zip(next.chunks(PIECE));
        match self {
            Self::Plain(y) => {
                let y = y.mine().values().chunks(PIECE).zip(y.next().values().chunks(PIECE));
                sum(pieces.zip(y).flat_map(|((mine, next), (y_mine, y_next))| {
                    [(mine, y_mine), (mine, y_next), (next, y_mine)]
                        .map(|(a, y)| D::inner_product_lifted(a, y))
                }))
            }
            Self::Lifted(y) => {
                let y = y.mine().values().chunks(PIECE).zip(y.next().values().chunks(PIECE));
                sum(pieces.zip(y).flat_map(|((mine, next), (y_mine, y_next))| {
                    [(mine, y_mine), (mine, y_next), (next, y_mine)]
                        .map(|(a, y)| D::Lifted::inner_product(a, y))
                }))
            }
            Self::None => D::Lifted::ZERO,
        }
    }

    /// `sums` and the inner products of `opened` with both components of y.
    fn products(&self, opened: &[D::Lifted], sums: [D::Lifted; 2]) -> [D::Lifted; 2] {
        let [mine, next] = sums;
        match self {
            Self::Plain(y) => {
                let product = |y: &Column<D>| D::inner_product_lifted(opened, y.values());
                [mine.plus(product(y.mine())), next.plus(product(y.next()))]
            }
            Self::Lifted(y) => {
                let product = |y: &Column<D::Lifted>| D::Lifted::inner_product(opened, y.values());
                [mine.plus(product(y.mine())), next.plus(product(y.next()))]
            }
            Self::None => sums,
        }
    }
}

impl<D: Lift> Claim<D> {
    pub(super) fn is_matrix(&self) -> bool {
        matches!(self, Self::Matrices { .. })
    }

    fn right(&self) -> Right<'_, D> {
        match self {
            Self::Products { right, .. } => Right::Plain(right),
            Self::Inner { right, .. } => Right::Lifted(right),
            Self::Moved { before, .. } => Right::Lifted(before),
            Self::Matrices { .. } | Self::Zero(_) => Right::None,
        }
    }

    /// Adds v for these coins to both components of the mask, and gives back t.
    fn mask(&self, me: usize, coins: &mut Prg, [mine, next]: [&mut [D::Lifted]; 2]) -> Rep3Shares<D::Lifted> {
        match self {
            Self::Products { left, result, .. } => {
                let rows = result.mine().len();
                let random: Column<Lanes> = coins.elements(rows);
                let random = random.values();
                let add = |mask: &mut [D::Lifted], left: &Column<D>| {
                    let terms = mask.chunks_mut(rows.max(1)).zip(left.values().chunks(rows.max(1)));
                    terms.for_each(|(mask, left)| D::add_combined(mask, left, random));
                };
                add(mine, left.mine());
                add(next, left.next());
                let sum = |z: &Column<D::Lifted>| Column::filled(D::combination(z.values(), random), 1);
                Rep3Shares::from_components(sum(result.mine()), sum(result.next()))
            }
            Self::Inner { left, result, .. } => {
                let weight: Column<D::Lifted> = coefficients(coins, 1);
                let weight = weight.values().first().copied().unwrap_or_default();
                D::Lifted::add_scaled(mine, left.mine().values(), weight);
                D::Lifted::add_scaled(next, left.next().values(), weight);
                result.times(weight)
            }
            Self::Zero(sum) => weighted_sum(sum, &coefficients(coins, 1)),
            Self::Moved { before, after, by, lower, undone } => {
                let weights: Column<D::Lifted> = coefficients(coins, before.mine().len());
                let moved = |by: &Permutation| if *undone { by.apply(&weights) } else { by.undo(&weights) };
                let add = |mask: &mut [D::Lifted], by| {
                    let moved = moved(by);
                    mask.iter_mut().zip(moved.values()).for_each(|(mask, v)| *mask = mask.plus(*v));
                };
                // The component that the two holders of the permutation have in common.
                match (me + 3 - lower) % 3 {
                    0 => add(next, &by.with_next),
                    1 => add(mine, &by.with_previous),
                    _ => {}
                }
                weighted_sum(after, &weights)
            }
            Self::Matrices { .. } => Rep3Shares::zeros(1),
        }
    }
}

/// `Σ weights · x`.
fn weighted_sum<L: Checked>(x: &Rep3Shares<L>, weights: &Column<L>) -> Rep3Shares<L> {
    let sum = |x: &Column<L>| Column::filled(L::inner_product(x.values(), weights.values()), 1);
    Rep3Shares::from_components(sum(x.mine()), sum(x.next()))
}

fn sum<L: Ring>(parts: impl Iterator<Item = L>) -> L {
    parts.fold(L::ZERO, L::plus)
}
