//! Input, multiplication and opening in one ring.

use ring::{Column, Lanes, Lift, Number, Ring, Shape};

use super::Rep3Malicious;
use super::record::{Ands, Claim, Record, converted};
use crate::error::{Error, Result};
use crate::mpc::{Mpc, Protocol, Receivers, Shares, Verified};
use crate::schemes::rep3::{Rep3Shares, terms_of};
use crate::schemes::{Rep3, check_shape, rows_of_terms};
use crate::session::Party;

/// A ring of which this scheme can check the products and the shuffles.
pub trait Element: Lift {
    /// A claim as a record.
    #[doc(hidden)]
    fn record(claim: Claim<Self>) -> Record;

    /// As [`Mpc::dot`].
    ///
    /// # Errors
    /// As [`Mpc::dot`].
    fn dot<N: Number>(
        protocol: &mut Rep3Malicious<N>,
        x: &Rep3Shares<Self>,
        y: &Rep3Shares<Self>,
        terms: usize,
    ) -> Result<Rep3Shares<Self>>;

    /// As [`Mpc::matmul`].
    ///
    /// # Errors
    /// As [`Mpc::matmul`].
    fn matmul<N: Number>(
        protocol: &mut Rep3Malicious<N>,
        x: &Rep3Shares<Self>,
        y: &Rep3Shares<Self>,
        shape: Shape,
    ) -> Result<Rep3Shares<Self>>;
}

impl<N: Number, D: Element> Mpc<D> for Rep3Malicious<N> {
    type Shares = Rep3Shares<D>;

    fn public(&self, values: &[D]) -> Rep3Shares<D> {
        self.base.public(values)
    }

    fn constant(&self, value: D, len: usize) -> Rep3Shares<D> {
        self.base.constant(value, len)
    }

    fn plus_constant(&self, x: &Rep3Shares<D>, value: D) -> Rep3Shares<D> {
        self.base.plus_constant(x, value)
    }

    /// One element from the owner to the next party. Whatever the owner sends is an input: no component is held by two
    /// parties that could differ about it without the owner's being one of them.
    fn input(&mut self, owner: Party, values: Option<&[D]>, len: usize) -> Result<Rep3Shares<D>> {
        self.base.input(owner, values, len)
    }

    fn mul(&mut self, x: &Rep3Shares<D>, y: &Rep3Shares<D>) -> Result<Rep3Shares<D>> {
        if x.len() != y.len() {
            return Err(Error::Lengths { operation: "mul", left: x.len(), right: y.len() });
        }
        D::dot(self, x, y, 1)
    }

    fn dot(&mut self, x: &Rep3Shares<D>, y: &Rep3Shares<D>, terms: usize) -> Result<Rep3Shares<D>> {
        D::dot(self, x, y, terms)
    }

    fn matmul(&mut self, x: &Rep3Shares<D>, y: &Rep3Shares<D>, shape: Shape) -> Result<Rep3Shares<D>> {
        check_shape(x.len(), y.len(), shape)?;
        D::matmul(self, x, y, shape)
    }

    /// First checks everything on which `x` may rest: an error in a value that isn't masked could make what is opened
    /// depend on secrets. 1 round besides; one element to one peer and a digest to the other.
    fn open(&mut self, x: &Rep3Shares<D>) -> Result<Vec<D>> {
        let Verified(()) = self.verify()?;
        Ok(self.opened(x, Receivers::All)?.map(|opened| opened.values().to_vec()).unwrap_or_default())
    }

    /// One element and a digest for each receiver.
    fn reveal(&mut self, x: &Rep3Shares<D>, to: Receivers<'_>, proof: Verified) -> Result<Option<Vec<D>>> {
        let Verified(()) = proof;
        Ok(self.opened(x, to)?.map(|opened| opened.values().to_vec()))
    }
}

macro_rules! numbers {
    ($number:ty, $record:path) => {
        impl Element for $number {
            fn record(claim: Claim<Self>) -> Record {
                $record(claim)
            }

            fn dot<N: Number>(
                protocol: &mut Rep3Malicious<N>,
                x: &Rep3Shares<Self>,
                y: &Rep3Shares<Self>,
                terms: usize,
            ) -> Result<Rep3Shares<Self>> {
                dot_of_numbers(protocol, x, y, terms)
            }

            fn matmul<N: Number>(
                protocol: &mut Rep3Malicious<N>,
                x: &Rep3Shares<Self>,
                y: &Rep3Shares<Self>,
                shape: Shape,
            ) -> Result<Rep3Shares<Self>> {
                matmul_of_numbers(protocol, x, y, shape)
            }
        }
    };
}

numbers!(u64, Record::Narrow);
numbers!(u128, Record::Wide);

/// One element of the lifted ring from each party and row.
fn dot_of_numbers<N: Number, D: Element>(
    protocol: &mut Rep3Malicious<N>,
    x: &Rep3Shares<D>,
    y: &Rep3Shares<D>,
    terms: usize,
) -> Result<Rep3Shares<D>> {
    let rows = rows_of_terms(x.len(), y.len(), terms)?;
    let mut sums: Column<D::Lifted> = protocol.base.zero_sharing(rows);
    for ((x_mine, x_next), (y_mine, y_next)) in terms_of(x, rows).zip(terms_of(y, rows)) {
        let operands = x_mine.iter().zip(x_next).zip(y_mine.iter().zip(y_next));
        for (sum, ((x_mine, x_next), (y_mine, y_next))) in sums.values_mut().iter_mut().zip(operands) {
            let (x_mine, y_mine) = (x_mine.lifted(), y_mine.lifted());
            let product = x_mine.times(y_mine).plus(x_mine.times(y_next.lifted()));
            *sum = sum.plus(product.plus(x_next.lifted().times(y_mine)));
        }
    }
    let result = protocol.base.replicate(sums)?;
    let lowered = converted(&result, D::lowered);
    if rows > 0 {
        protocol.keep(D::record(Claim::Products { left: x.clone(), right: y.clone(), result }))?;
    }
    Ok(lowered)
}

/// One element of the lifted ring from each party and element of the product.
fn matmul_of_numbers<N: Number, D: Element>(
    protocol: &mut Rep3Malicious<N>,
    x: &Rep3Shares<D>,
    y: &Rep3Shares<D>,
    shape: Shape,
) -> Result<Rep3Shares<D>> {
    let (left, right) = (converted(x, D::lifted), converted(y, D::lifted));
    let mut sums: Column<D::Lifted> = protocol.base.zero_sharing(shape.product());
    let both = right.mine().zip(right.next().values(), Ring::plus);
    ring::add_matmul(left.mine().values(), both.values(), shape, sums.values_mut());
    ring::add_matmul(left.next().values(), right.mine().values(), shape, sums.values_mut());
    let result = protocol.base.replicate(sums)?;
    let lowered = converted(&result, D::lowered);
    if shape.product() > 0 {
        protocol.keep(D::record(Claim::Matrices { left: x.clone(), right: y.clone(), result, shape }))?;
    }
    Ok(lowered)
}

impl Element for Lanes {
    fn record(claim: Claim<Self>) -> Record {
        Record::Words(claim)
    }

    /// One word from each party and pair of words, also of those that are then summed.
    fn dot<N: Number>(
        protocol: &mut Rep3Malicious<N>,
        x: &Rep3Shares<Self>,
        y: &Rep3Shares<Self>,
        terms: usize,
    ) -> Result<Rep3Shares<Self>> {
        let rows = rows_of_terms(x.len(), y.len(), terms)?;
        let z = Mpc::<Self>::mul(&mut protocol.base as &mut Rep3<N>, x, y)?;
        if !z.is_empty() {
            protocol.keep(Record::Ands(Ands { x: x.clone(), y: y.clone(), z: z.clone() }))?;
        }
        if terms == 1 {
            return Ok(z);
        }
        Ok(z.mapped_into(rows, |products, sums| {
            for products in products.chunks(rows.max(1)) {
                sums.iter_mut().zip(products).for_each(|(sum, product)| *sum = sum.plus(*product));
            }
        }))
    }

    /// As the inner products of all rows with all columns.
    fn matmul<N: Number>(
        protocol: &mut Rep3Malicious<N>,
        x: &Rep3Shares<Self>,
        y: &Rep3Shares<Self>,
        shape: Shape,
    ) -> Result<Rep3Shares<Self>> {
        let Shape { rows, inner, columns } = shape;
        let all = |place: fn(usize, usize, usize, Shape) -> usize| -> Vec<usize> {
            let products =
                move |k| (0..rows).flat_map(move |i| (0..columns).map(move |j| place(i, j, k, shape)));
            (0..inner).flat_map(products).collect()
        };
        if inner == 0 {
            return Ok(Rep3Shares::zeros(shape.product()));
        }
        let left = x.blocks(&all(|i, _, k, shape| i * shape.inner + k), 1);
        let right = y.blocks(&all(|_, j, k, shape| k * shape.columns + j), 1);
        Self::dot(protocol, &left, &right, inner)
    }
}
