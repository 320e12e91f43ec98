//! What was computed and isn't checked yet.

use std::sync::Arc;

use ring::{Column, Lanes, Lift, Ring, Shape};

use super::unchecked::Kept;
use crate::schemes::rep3::{Rep3Permutation, Rep3Shares};

/// One operation of one ring.
#[derive(Debug)]
pub enum Record {
    /// Over 64 bits.
    Narrow(Claim<u64>),
    /// Over 128 bits.
    Wide(Claim<u128>),
    /// Of words of bits, moved.
    Words(Claim<Lanes>),
    /// ANDs of words of bits.
    Ands(Ands),
}

/// What a result is claimed to be.
#[derive(Debug)]
pub enum Claim<D: Lift> {
    /// Row by row the inner product of `terms` columns, over the lifted ring.
    Products {
        /// The first factors.
        left: Rep3Shares<D>,
        /// The second factors.
        right: Rep3Shares<D>,
        /// The inner products.
        result: Rep3Shares<D::Lifted>,
    },
    /// A product of matrices, over the lifted ring.
    Matrices {
        /// The first factor.
        left: Rep3Shares<D>,
        /// The second factor.
        right: Rep3Shares<D>,
        /// The product.
        result: Rep3Shares<D::Lifted>,
        /// Their shape.
        shape: Shape,
    },
    /// One inner product, over the lifted ring.
    Inner {
        /// The first factors.
        left: Rep3Shares<D::Lifted>,
        /// The second factors.
        right: Rep3Shares<D::Lifted>,
        /// The sum of their products.
        result: Rep3Shares<D::Lifted>,
    },
    /// A number that should be zero.
    Zero(Rep3Shares<D::Lifted>),
    /// One pass of a shuffle.
    Moved {
        /// Its input.
        before: Rep3Shares<D::Lifted>,
        /// Its output.
        after: Rep3Shares<D::Lifted>,
        /// The permutation.
        by: Arc<Rep3Permutation>,
        /// The lower of the two parties that know the factor of this pass.
        lower: usize,
        /// Whether the factor was undone.
        undone: bool,
    },
}

/// ANDs of words and what they are claimed to be.
#[derive(Debug)]
pub struct Ands {
    /// The first factors.
    pub x: Rep3Shares<Lanes>,
    /// The second factors.
    pub y: Rep3Shares<Lanes>,
    /// The products.
    pub z: Rep3Shares<Lanes>,
}

impl Kept for Record {
    /// Without a permutation.
    fn bytes(&self) -> usize {
        match self {
            Self::Narrow(claim) => claim.bytes(),
            Self::Wide(claim) => claim.bytes(),
            Self::Words(claim) => claim.bytes(),
            Self::Ands(ands) => 3 * bytes(&ands.x),
        }
    }
}

impl<D: Lift> Claim<D> {
    fn bytes(&self) -> usize {
        match self {
            Self::Products { left, right, result } | Self::Matrices { left, right, result, .. } => {
                bytes(left) + bytes(right) + bytes(result)
            }
            Self::Inner { left, right, result } => bytes(left) + bytes(right) + bytes(result),
            Self::Zero(sum) => bytes(sum),
            Self::Moved { before, .. } => bytes(before),
        }
    }
}

fn bytes<D: Ring>(x: &Rep3Shares<D>) -> usize {
    2 * D::BYTES * x.mine().len()
}

/// Both components changed by `f`, which may lead into another ring.
pub(super) fn converted<A: Ring, B: Ring>(x: &Rep3Shares<A>, f: impl Fn(A) -> B) -> Rep3Shares<B> {
    let column = |from: &Column<A>| {
        let mut to = Column::zeros(from.len());
        to.values_mut().iter_mut().zip(from.values()).for_each(|(to, from)| *to = f(*from));
        to
    };
    Rep3Shares::from_components(column(x.mine()), column(x.next()))
}
