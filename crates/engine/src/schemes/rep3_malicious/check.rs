//! The check of recorded operations: the sacrifice that the module's page describes, in three rings at the same time.
//!
//! 5 rounds: `c = ⟨a, y⟩`, two for the coins, the opening of `v + a`, the test for zero. ANDs and matrices first need
//! coins of their own: 3 or 2 rounds more, and 2 for a second challenge on folded ANDs.
//!
//! Let `d` be the error of a result, fixed before the coins, and not zero modulo 2^k. Its coefficient is uniform among 64
//! bits, so that the product with it is uniform among 2^64 values modulo 2^(k + 64), of which one makes the tested sum
//! zero. An error of a matrix of products first goes through two random combinations, each of which adds w powers of 2
//! to it with probability at most 2^-w: in all less than 2^-50.

use std::sync::Arc;

use ring::{Checked, Column, Lanes, Lift, Number, Prg, Ring, Shape};

use super::Rep3Malicious;
use super::record::{Ands, Claim, Record, converted};
use crate::error::Result;
use crate::mpc::{Receivers, Shares};
use crate::schemes::rep3::Rep3Shares;

impl<N: Number> Rep3Malicious<N> {
    /// Checks `records`; their order is the same at all parties.
    pub(super) fn check(&mut self, records: &[Arc<Record>]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let (mut narrow, mut wide, mut words) = (Vec::new(), Vec::new(), Vec::new());
        let mut ands: Vec<&Ands> = Vec::new();
        for record in records {
            match &**record {
                Record::Narrow(claim) => narrow.push(claim),
                Record::Wide(claim) => wide.push(claim),
                Record::Words(claim) => words.push(claim),
                Record::Ands(record) => ands.push(record),
            }
        }
        let combined =
            narrow.iter().any(|claim| claim.is_matrix()) || wide.iter().any(|claim| claim.is_matrix());
        let (mut folded, mut narrow_products, mut wide_products) = (Vec::new(), Vec::new(), Vec::new());
        if combined || !ands.is_empty() {
            let mut coins = self.challenge()?;
            narrow_products = combine(&narrow, &mut coins);
            wide_products = combine(&wide, &mut coins);
            if !ands.is_empty() {
                folded = self.fold(&ands, &mut coins)?;
            }
        }
        let mut narrow = self.sacrificed(narrow, &narrow_products);
        let mut wide = self.sacrificed(wide, &wide_products);
        let mut words = self.sacrificed(words, &folded);

        narrow.send_product(self)?;
        wide.send_product(self)?;
        words.send_product(self)?;
        narrow.recv_product(self)?;
        wide.recv_product(self)?;
        words.recv_product(self)?;

        let mut coins = self.challenge()?;
        narrow.send_masked(self, &mut coins)?;
        wide.send_masked(self, &mut coins)?;
        words.send_masked(self, &mut coins)?;
        narrow.recv_masked(self)?;
        wide.recv_masked(self)?;
        words.recv_masked(self)?;

        narrow.send_test(self)?;
        wide.send_test(self)?;
        words.send_test(self)?;
        narrow.recv_test(self, "numbers of 64 bits")?;
        wide.recv_test(self, "numbers of 128 bits")?;
        words.recv_test(self, "bits")
    }

    /// The claims of one ring, products of matrices aside, and those that were made of others.
    fn sacrificed<'a, D: Lift>(
        &mut self,
        claims: Vec<&'a Claim<D>>,
        made: &'a [Claim<D>],
    ) -> Sacrifice<'a, D> {
        let claims: Vec<_> = claims.into_iter().filter(|claim| !claim.is_matrix()).chain(made).collect();
        let right: Vec<_> = claims.iter().map(|claim| claim.right()).collect();
        let right = Shares::concat(&right.iter().collect::<Vec<_>>());
        let len = Shares::<D::Lifted>::len(&right);
        let mask = Rep3Shares::from_components(self.base.mine.elements(len), self.base.next.elements(len));
        Sacrifice { claims, right, mask, tested: Rep3Shares::zeros(1) }
    }
}

/// The claims of one ring on their way through the check.
struct Sacrifice<'a, D: Lift> {
    claims: Vec<&'a Claim<D>>,
    /// y.
    right: Rep3Shares<D::Lifted>,
    /// a, and later v + a.
    mask: Rep3Shares<D::Lifted>,
    /// First c, and in the end what must be zero.
    tested: Rep3Shares<D::Lifted>,
}

impl<D: Lift> Sacrifice<'_, D> {
    fn send_product<N: Number>(&mut self, party: &mut Rep3Malicious<N>) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let both = self.right.mine().zip(self.right.next().values(), Ring::plus);
        let first = Checked::inner_product(self.mask.mine().values(), both.values());
        let second = Checked::inner_product(self.mask.next().values(), self.right.mine().values());
        let blind: Column<D::Lifted> = party.base.zero_sharing(1);
        let part = blind.map(|blind| blind.plus(first).plus(second));
        party.base.link.send(party.base.previous_party(), part.values())?;
        self.tested = Rep3Shares::from_components(part, Column::zeros(1));
        Ok(())
    }

    fn recv_product<N: Number>(&mut self, party: &mut Rep3Malicious<N>) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let next = party.base.link.recv(party.base.next_party(), 1)?;
        self.tested = Rep3Shares::from_components(self.tested.mine().clone(), next);
        Ok(())
    }

    fn send_masked<N: Number>(&mut self, party: &mut Rep3Malicious<N>, coins: &mut Prg) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let mut left = Vec::with_capacity(self.claims.len());
        for claim in &self.claims {
            let (factors, result) = claim.weighted(party.base.me_index(), coins);
            left.push(factors);
            self.tested = self.tested.plus(&result);
        }
        self.mask = self.mask.plus(&Shares::concat(&left.iter().collect::<Vec<_>>()));
        if self.mask.mine().is_empty() { Ok(()) } else { party.send_opening(&self.mask, Receivers::All) }
    }

    fn recv_masked<N: Number>(&mut self, party: &mut Rep3Malicious<N>) -> Result<()> {
        if self.mask.mine().is_empty() {
            return Ok(());
        }
        let opened = party.recv_opening(&self.mask)?;
        let sum =
            |y: &Column<D::Lifted>| Column::filled(D::Lifted::inner_product(opened.values(), y.values()), 1);
        let sum = Rep3Shares::from_components(sum(self.right.mine()), sum(self.right.next()));
        self.tested = sum.minus(&self.tested);
        Ok(())
    }

    fn send_test<N: Number>(&self, party: &mut Rep3Malicious<N>) -> Result<()> {
        if self.claims.is_empty() { Ok(()) } else { party.send_both(&self.tested) }
    }

    fn recv_test<N: Number>(&self, party: &mut Rep3Malicious<N>, checked: &'static str) -> Result<()> {
        if self.claims.is_empty() { Ok(()) } else { party.recv_zero(&self.tested, checked) }
    }
}

impl<D: Lift> Claim<D> {
    fn is_matrix(&self) -> bool {
        matches!(self, Self::Matrices { .. })
    }

    /// y.
    fn right(&self) -> Rep3Shares<D::Lifted> {
        match self {
            Self::Products { right, .. } => converted(right, D::lifted),
            Self::Inner { right, .. } => right.clone(),
            Self::Moved { before, .. } => before.clone(),
            Self::Matrices { .. } | Self::Zero(_) => Rep3Shares::zeros(0),
        }
    }

    /// v and t for these coins.
    fn weighted(&self, me: usize, coins: &mut Prg) -> (Rep3Shares<D::Lifted>, Rep3Shares<D::Lifted>) {
        match self {
            Self::Products { left, result, .. } => {
                let weights: Column<D::Lifted> = coefficients(coins, result.mine().len());
                let mut left = converted(left, D::lifted);
                for column in left.components_mut() {
                    for column in column.values_mut().chunks_mut(weights.len().max(1)) {
                        D::Lifted::scale_each(column, weights.values());
                    }
                }
                (left, weighted_sum(result, &weights))
            }
            Self::Inner { left, result, .. } => {
                let weight: Column<D::Lifted> = coefficients(coins, 1);
                let weight = weight.values().first().copied().unwrap_or_default();
                (left.times(weight), result.times(weight))
            }
            Self::Zero(sum) => (Rep3Shares::zeros(0), weighted_sum(sum, &coefficients(coins, 1))),
            Self::Moved { before, after, by, lower, undone } => {
                let len = before.mine().len();
                let weights: Column<D::Lifted> = coefficients(coins, len);
                let total = weighted_sum(after, &weights);
                let moved = |by: &ring::Permutation| {
                    if *undone { by.apply(&weights) } else { by.undo(&weights) }
                };
                // The component that the two holders of the permutation have in common.
                let zeros = || Column::zeros(len);
                let factors = match (me + 3 - lower) % 3 {
                    0 => Rep3Shares::from_components(zeros(), moved(&by.with_next)),
                    1 => Rep3Shares::from_components(moved(&by.with_previous), zeros()),
                    _ => Rep3Shares::zeros(len),
                };
                (factors, total)
            }
            Self::Matrices { .. } => (Rep3Shares::zeros(0), Rep3Shares::zeros(1)),
        }
    }
}

/// Products of matrices as inner products, by random combinations of the rows and of the columns.
fn combine<D: Lift>(claims: &[&Claim<D>], coins: &mut Prg) -> Vec<Claim<D>> {
    let mut combined = Vec::new();
    for claim in claims {
        let Claim::Matrices { left, right, result, shape } = claim else { continue };
        let Shape { rows, inner, columns } = *shape;
        let over_rows: Column<D::Lifted> = coefficients(coins, rows);
        let over_columns: Column<D::Lifted> = coefficients(coins, columns);
        let by_rows = |x: &Rep3Shares<D::Lifted>, width| {
            let shape = Shape { rows: 1, inner: rows, columns: width };
            x.mapped_into(width, |x, sum| ring::add_matmul(over_rows.values(), x, shape, sum))
        };
        let by_columns = |x: &Rep3Shares<D::Lifted>, height| {
            let shape = Shape { rows: height, inner: columns, columns: 1 };
            x.mapped_into(height, |x, sum| ring::add_matmul(x, over_columns.values(), shape, sum))
        };
        combined.push(Claim::Inner {
            left: by_rows(&converted(left, D::lifted), inner),
            right: by_columns(&converted(right, D::lifted), inner),
            result: by_columns(&by_rows(result, columns), 1),
        });
    }
    combined
}

/// `Σ weights · x`.
fn weighted_sum<L: Checked>(x: &Rep3Shares<L>, weights: &Column<L>) -> Rep3Shares<L> {
    let sum = |x: &Column<L>| Column::filled(L::inner_product(x.values(), weights.values()), 1);
    Rep3Shares::from_components(sum(x.mine()), sum(x.next()))
}

/// The next `len` coefficients of the coins.
pub(super) fn coefficients<L: Checked>(coins: &mut Prg, len: usize) -> Column<L> {
    let random = coins.elements::<Lanes>(len);
    let mut column = Column::zeros(len);
    column.values_mut().iter_mut().zip(random.values()).for_each(|(to, from)| *to = L::coefficient(from.0));
    column
}
