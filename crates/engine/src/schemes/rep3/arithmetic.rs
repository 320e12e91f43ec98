//! Input, multiplication and opening in one ring.

use ring::{Column, Number, Ring, Shape};

use super::{Rep3, Rep3Shares};
use crate::error::{Error, Result};
use crate::mpc::{Mpc, Receivers, Shares, Verified};
use crate::schemes::{check_shape, rows_of_terms};
use crate::session::Party;

impl<N: Number, D: Ring> Mpc<D> for Rep3<N> {
    type Shares = Rep3Shares<D>;

    /// Component 0 is the value, the others are zero.
    fn public(&self, values: &[D]) -> Rep3Shares<D> {
        self.as_component_zero(values.len(), || Column::copied(values))
    }

    fn constant(&self, value: D, len: usize) -> Rep3Shares<D> {
        self.as_component_zero(len, || Column::filled(value, len))
    }

    fn plus_constant(&self, x: &Rep3Shares<D>, value: D) -> Rep3Shares<D> {
        let raised = |component: &Column<D>| component.map(|element| element.plus(value));
        match self.link.me().0 {
            0 => Rep3Shares::from_components(raised(x.mine()), x.next().clone()),
            1 => x.clone(),
            _ => Rep3Shares::from_components(x.mine().clone(), raised(x.next())),
        }
    }

    /// One element from the owner to the next party.
    fn input(&mut self, owner: Party, values: Option<&[D]>, len: usize) -> Result<Rep3Shares<D>> {
        let mine = owner == self.link.me();
        let values = match values {
            Some(values) if mine && values.len() == len => values.to_vec(),
            Some(_) if mine => {
                return Err(Error::Input { owner, found: "it has another length than agreed" });
            }
            None if mine => return Err(Error::Input { owner, found: "its owner gave no values" }),
            Some(_) => return Err(Error::Input { owner, found: "another party gave values for it" }),
            None => Vec::new(),
        };
        if owner.0 >= 3 {
            return Err(Error::Input { owner, found: "there is no such compute party" });
        }
        let parts = [0, 1, 2].map(|dealer| if dealer == owner.0 { 0..len } else { 0..0 });
        self.spread(&values.into(), 1, len, &parts)
    }

    /// One element from each party and product: Araki et al., §2.2, with the sum of both of `y`'s components taken
    /// first, so that two multiplications remain.
    fn mul(&mut self, x: &Rep3Shares<D>, y: &Rep3Shares<D>) -> Result<Rep3Shares<D>> {
        if x.len() != y.len() {
            return Err(Error::Lengths { operation: "mul", left: x.len(), right: y.len() });
        }
        self.dot(x, y, 1)
    }

    /// One element from each party and row: the products are summed before they are shared again.
    fn dot(&mut self, x: &Rep3Shares<D>, y: &Rep3Shares<D>, terms: usize) -> Result<Rep3Shares<D>> {
        let sums = self.additive_dot(x, y, terms)?;
        self.replicate(sums)
    }

    /// One element from each party and element of the product.
    fn matmul(&mut self, x: &Rep3Shares<D>, y: &Rep3Shares<D>, shape: Shape) -> Result<Rep3Shares<D>> {
        check_shape(x.len(), y.len(), shape)?;
        let mut sums: Column<D> = self.zero_sharing(shape.product());
        let y_both = y.mine().zip(y.next().values(), D::plus);
        ring::add_matmul(x.mine().values(), y_both.values(), shape, sums.values_mut());
        ring::add_matmul(x.next().values(), y.mine().values(), shape, sums.values_mut());
        self.replicate(sums)
    }

    /// One element from each party to the previous one, which lacks it.
    fn open(&mut self, x: &Rep3Shares<D>) -> Result<Vec<D>> {
        Ok(self.open_to(x, Receivers::All)?.unwrap_or_default())
    }

    /// One element for each receiver, which lacks it. The result and what a receiver holds already determine it, so
    /// that it needs no fresh randomness.
    fn reveal(&mut self, x: &Rep3Shares<D>, to: Receivers<'_>, proof: Verified) -> Result<Option<Vec<D>>> {
        let Verified(()) = proof;
        self.open_to(x, to)
    }
}

impl<N> Rep3<N> {
    fn as_component_zero<D: Ring>(&self, len: usize, value: impl Fn() -> Column<D>) -> Rep3Shares<D> {
        match self.link.me().0 {
            0 => Rep3Shares::from_components(value(), Column::zeros(len)),
            1 => Rep3Shares::from_components(Column::zeros(len), Column::zeros(len)),
            _ => Rep3Shares::from_components(Column::zeros(len), value()),
        }
    }

    /// This party's part of a fresh additive sharing of inner products, as [`Mpc::dot`] has them. No message.
    pub(super) fn additive_dot<D: Ring>(
        &mut self,
        x: &Rep3Shares<D>,
        y: &Rep3Shares<D>,
        terms: usize,
    ) -> Result<Column<D>> {
        let rows = rows_of_terms(x.len(), y.len(), terms)?;
        let mut sums: Column<D> = self.zero_sharing(rows);
        let (x_terms, y_terms) = (terms_of(x, rows), terms_of(y, rows));
        for ((x_mine, x_next), (y_mine, y_next)) in x_terms.zip(y_terms) {
            let operands = x_mine.iter().zip(x_next).zip(y_mine.iter().zip(y_next));
            for (sum, ((x_mine, x_next), (y_mine, y_next))) in sums.values_mut().iter_mut().zip(operands) {
                let product = x_mine.times(y_mine.plus(*y_next)).plus(x_next.times(*y_mine));
                *sum = sum.plus(product);
            }
        }
        Ok(sums)
    }

    /// This party's part of a fresh additive sharing of zeros. No message (Araki et al., §2.2, protocol 2.1).
    pub(in crate::schemes) fn zero_sharing<D: Ring>(&mut self, len: usize) -> Column<D> {
        let mut zeros = self.mine.elements::<D>(len);
        let other = self.next.elements::<D>(len);
        zeros.zip_assign(other.values(), D::minus);
        zeros
    }

    /// Replicated shares of additive ones: each party sends its own to the previous party. 1 round.
    pub(in crate::schemes) fn replicate<D: Ring>(&mut self, mine: Column<D>) -> Result<Rep3Shares<D>> {
        if mine.is_empty() {
            return Ok(Rep3Shares::zeros(0));
        }
        self.link.send(self.previous_party(), mine.values())?;
        let next = self.link.recv(self.next_party(), mine.len())?;
        Ok(Rep3Shares::from_components(mine, next))
    }

    fn open_to<D: Ring>(&mut self, x: &Rep3Shares<D>, to: Receivers<'_>) -> Result<Option<Vec<D>>> {
        let (previous, next) = (self.previous_party(), self.next_party());
        if x.is_empty() {
            return Ok(to.contain(self.link.me()).then(Vec::new));
        }
        if to.contain(previous) {
            self.link.send(previous, x.next().values())?;
        }
        if !to.contain(self.link.me()) {
            return Ok(None);
        }
        let missing = self.link.recv::<D>(next, x.len())?;
        let sum = x.mine().zip(x.next().values(), D::plus);
        Ok(Some(sum.values().iter().zip(missing.values()).map(|(a, b)| a.plus(*b)).collect()))
    }
}

/// The two components of one column after another.
pub(in crate::schemes) fn terms_of<D: Ring>(
    x: &Rep3Shares<D>,
    rows: usize,
) -> impl Iterator<Item = (&[D], &[D])> {
    let rows = rows.max(1);
    x.mine().values().chunks_exact(rows).zip(x.next().values().chunks_exact(rows))
}
