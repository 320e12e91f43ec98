//! The check of recorded operations: the sacrifice that the module's page describes, in three rings at the same time
//! (`sacrifice.rs`).
//!
//! 5 rounds: `c = ⟨a, y⟩`, two for the coins, the opening of `v + a`, the test for zero. ANDs and matrices first need
//! coins of their own: 3 or 2 rounds more, and 2 for a second challenge on folded ANDs.
//!
//! Let `d` be the error of a result, fixed before the coins, and not zero modulo 2^k. Its coefficient is uniform among 64
//! bits, so that the product with it is uniform among 2^64 values modulo 2^(k + 64), of which one makes the tested sum
//! zero. An error of a matrix of products first goes through two random combinations, each of which adds w powers of 2
//! to it with probability at most 2^-w: in all less than 2^-50.

use std::sync::Arc;

use ring::{Checked, Column, Lanes, Lift, Number, Prg, Shape};

use super::Rep3Malicious;
use super::record::{Ands, Claim, Record, converted};
use super::sacrifice::Sacrifice;
use crate::error::Result;
use crate::mpc::Shares;
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
        let mut narrow = Sacrifice::of(self, narrow, &narrow_products);
        let mut wide = Sacrifice::of(self, wide, &wide_products);
        let mut words = Sacrifice::of(self, words, &folded);

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

/// The next `len` coefficients of the coins.
pub(super) fn coefficients<L: Checked>(coins: &mut Prg, len: usize) -> Column<L> {
    let random = coins.elements::<Lanes>(len);
    let mut column = Column::zeros(len);
    column.values_mut().iter_mut().zip(random.values()).for_each(|(to, from)| *to = L::coefficient(from.0));
    column
}
