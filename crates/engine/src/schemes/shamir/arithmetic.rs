//! Input, multiplication and opening in one ring.

use ring::{Column, Shape};

use super::geometry::product_dealers;
use super::{Field, Guard, Shamir};
use crate::error::{Error, Result};
use crate::mpc::{Mpc, Receivers, Shares, Verified};
use crate::schemes::{check_shape, rows_of_terms};
use crate::session::Party;

impl<G: Guard, D: Field> Mpc<D> for Shamir<G> {
    type Shares = D::Shares;

    /// The polynomial that is constant.
    fn public(&self, values: &[D]) -> D::Shares {
        D::known(Column::copied(values))
    }

    fn constant(&self, value: D, len: usize) -> D::Shares {
        D::known(Column::filled(value, len))
    }

    fn plus_constant(&self, x: &D::Shares, value: D) -> D::Shares {
        x.plus(&D::known(Column::filled(value, x.len())))
    }

    /// n − 1 − t elements from the owner.
    fn input(&mut self, owner: Party, values: Option<&[D]>, len: usize) -> Result<D::Shares> {
        let mine = owner == self.link.me();
        let refused = |found| Err(Error::Input { owner, found });
        if owner.0 >= self.setting.parties() {
            return refused("there is no such compute party");
        }
        match values {
            Some(values) if mine && values.len() == len => {
                G::input::<D>(self, owner, Some(Column::copied(values)), len)
            }
            Some(_) if mine => refused("it has another length than agreed"),
            None if mine => refused("its owner gave no values"),
            Some(_) => refused("another party gave values for it"),
            None => G::input::<D>(self, owner, None, len),
        }
    }

    /// n − 1 − t elements from each of 2t + 1 parties.
    fn mul(&mut self, x: &D::Shares, y: &D::Shares) -> Result<D::Shares> {
        if x.len() != y.len() {
            return Err(Error::Lengths { operation: "mul", left: x.len(), right: y.len() });
        }
        Mpc::<D>::dot(self, x, y, 1)
    }

    /// As one product for each row: the products are summed before they are shared again.
    fn dot(&mut self, x: &D::Shares, y: &D::Shares, terms: usize) -> Result<D::Shares> {
        let rows = rows_of_terms(x.len(), y.len(), terms)?;
        if G::CHECKED && terms > 1 && !D::SUMS_ARE_CHECKED {
            let products = Mpc::<D>::dot(self, x, y, 1)?;
            return Ok(products.mapped_into(rows, |products, sums| {
                for products in products.chunks(rows.max(1)) {
                    sums.iter_mut().zip(products).for_each(|(sum, product)| *sum = sum.plus(*product));
                }
            }));
        }
        let z = G::dot::<D>(self, x, y, rows)?;
        if rows > 0 {
            G::keep(self, || D::products(x, y, &z))?;
        }
        Ok(z)
    }

    fn matmul(&mut self, x: &D::Shares, y: &D::Shares, shape: Shape) -> Result<D::Shares> {
        check_shape(x.len(), y.len(), shape)?;
        if G::CHECKED && !D::SUMS_ARE_CHECKED {
            let (x, y) = factors_of_matmul::<D>(x, y, shape);
            return Mpc::<D>::dot(self, &x, &y, shape.inner);
        }
        let z = G::matmul::<D>(self, x, y, shape)?;
        if shape.product() > 0 {
            G::keep(self, || D::matrices(x, y, &z, shape))?;
        }
        Ok(z)
    }

    /// t elements from each party. Where parties may deviate, first checks everything on which `x` may rest: an error in a value
    /// that isn't masked could make what is opened depend on secrets.
    fn open(&mut self, x: &D::Shares) -> Result<Vec<D>> {
        G::verify(self)?;
        self.opened::<D>(x, Receivers::All).map(Option::unwrap_or_default)
    }

    /// t elements for each receiver. The result and t shares already determine what a receiver gets, so that it needs no
    /// fresh randomness.
    fn reveal(&mut self, x: &D::Shares, to: Receivers<'_>, proof: Verified) -> Result<Option<Vec<D>>> {
        let Verified(()) = proof;
        self.opened::<D>(x, to)
    }
}

impl<G: Guard> Shamir<G> {
    /// A sharing of degree t of what `products` makes, of degree 2t. 1 round.
    pub(super) fn reduced<D: Field>(
        &mut self,
        len: usize,
        products: impl FnOnce(ring::Binary, &mut D::Shares),
    ) -> Result<D::Shares> {
        let geometry = std::sync::Arc::clone(&self.geometry);
        let deal = D::constants(&geometry).product.as_ref();
        let small = self.setting.field();
        let mut sum = D::sum(small, if deal.is_some() { len } else { 0 });
        if deal.is_some() {
            products(small, &mut sum);
        }
        self.dealt_by_all(product_dealers(self.setting), deal, &sum, len)
    }
}

/// The factors of a product of matrices as those of inner products.
pub(super) fn factors_of_matmul<D: Field>(
    x: &D::Shares,
    y: &D::Shares,
    shape: Shape,
) -> (D::Shares, D::Shares) {
    let Shape { rows, inner, columns } = shape;
    let mut left = Vec::with_capacity(inner * rows * columns);
    let mut right = Vec::with_capacity(inner * rows * columns);
    for term in 0..inner {
        for row in 0..rows {
            left.extend(std::iter::repeat_n(row * inner + term, columns));
            right.extend(term * columns..(term + 1) * columns);
        }
    }
    (x.blocks(&left, 1), y.blocks(&right, 1))
}
