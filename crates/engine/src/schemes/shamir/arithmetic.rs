//! Input, multiplication and opening in one ring.

use ring::{Column, Shape};

use super::geometry::{lagrange, point, product_dealers};
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
                let geometry = std::sync::Arc::clone(&self.geometry);
                let secret = D::known(Column::copied(values));
                let deal = Some(&D::constants(&geometry).deal);
                self.dealt_by_all::<D>(std::iter::empty(), deal, &secret, len)
            }
            Some(_) if mine => refused("it has another length than agreed"),
            None if mine => refused("its owner gave no values"),
            Some(_) => refused("another party gave values for it"),
            None => self.dealt_by_all::<D>(std::iter::once(owner), None, &D::Shares::zeros(0), len),
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
        self.reduced::<D>(rows, |small, sum| D::add_products(small, x, y, sum))
    }

    fn matmul(&mut self, x: &D::Shares, y: &D::Shares, shape: Shape) -> Result<D::Shares> {
        check_shape(x.len(), y.len(), shape)?;
        self.reduced::<D>(shape.product(), |small, sum| D::add_matmul(small, x, y, shape, sum))
    }

    /// t elements from each party.
    fn open(&mut self, x: &D::Shares) -> Result<Vec<D>> {
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
    fn reduced<D: Field>(
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

    /// The values of `x`, at the receivers. 1 round: each gets what the t next parties hold.
    pub(super) fn opened<D: Field>(&mut self, x: &D::Shares, to: Receivers<'_>) -> Result<Option<Vec<D>>> {
        let (me, parties, threshold) = (self.link.me(), self.setting.parties(), self.setting.threshold());
        let receives = to.contain(me);
        if x.is_empty() {
            return Ok(receives.then(Vec::new));
        }
        let before = (1..=threshold).map(|places| Party((me.0 + parties - places) % parties));
        for party in before.filter(|party| to.contain(*party)) {
            self.send::<D>(party, x)?;
        }
        if !receives {
            return Ok(None);
        }
        let small = self.setting.field();
        let holders: Vec<_> = (0..=threshold).map(|places| Party((me.0 + places) % parties)).collect();
        let points: Vec<_> = holders.iter().map(|party| point::<D>(*party)).collect();
        let factors = lagrange::<D>(small, &points, D::scalar(0));
        let mut sum = D::sum(small, x.len());
        for (holder, factor) in holders.iter().zip(factors) {
            if *holder == me {
                D::add_scaled(small, x, factor, &mut sum);
            } else {
                D::add_scaled(small, &self.recv::<D>(*holder, x.len())?, factor, &mut sum);
            }
        }
        let opened = D::to_ring(&sum).ok_or(Error::Inconsistent)?;
        Ok(Some(opened.values().to_vec()))
    }
}
