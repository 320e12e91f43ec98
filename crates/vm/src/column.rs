//! A program's value as one compute party holds it.

use std::{ops::Range, sync::Arc};

use engine::{
    mpc::{Bits, Mixed, Numbers, Shares},
    ops::{Groups, Order},
};
use program::Kind;
use ring::{Lanes, Number};

use crate::lanes;

/// A column: known to all, or shared.
pub(crate) enum Column<P: Mixed> {
    /// In the clear, as [`program::evaluate`] has it.
    Public(Kind, Vec<i128>),
    /// Shared integers.
    Numbers(Numbers<P>),
    /// Shared bits, one slice wide.
    Bits(Bits<P>),
    /// A secret order.
    Order(Arc<Order<P>>),
    /// Rows grouped by secret keys.
    Groups(Arc<Groups<P>>),
}

impl<P: Mixed> Column<P> {
    /// As shared integers; those of a public column need no message.
    pub(crate) fn numbers(&self, protocol: &P) -> Numbers<P> {
        match self {
            Self::Public(_, values) => protocol.public(elements::<P::Num>(values).values()),
            Self::Numbers(numbers) => numbers.clone(),
            _ => unreachable!("the verifier admits only numbers here"),
        }
    }

    /// As shared bits; those of a public column need no message.
    pub(crate) fn bits(&self, protocol: &P) -> Bits<P> {
        match self {
            Self::Public(_, values) => {
                let words = protocol.public(packed(values).values());
                Bits::new(words, values.len(), 1)
            }
            Self::Bits(bits) => bits.clone(),
            _ => unreachable!("the verifier admits only bits here"),
        }
    }

    /// The elements of `range`, which must lie within the column.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Public(kind, values) => Self::Public(*kind, values.get(range).unwrap_or_default().to_vec()),
            Self::Numbers(numbers) => Self::Numbers(numbers.slice(range)),
            Self::Bits(bits) => Self::Bits(lanes::slice(bits, range)),
            Self::Order(_) | Self::Groups(_) => self.clone(),
        }
    }

    /// The elements at `places`, which must lie within the column.
    pub(crate) fn gather(&self, places: &[usize]) -> Self {
        match self {
            Self::Public(kind, values) => {
                Self::Public(*kind, places.iter().filter_map(|&place| values.get(place)).copied().collect())
            }
            Self::Numbers(numbers) => Self::Numbers(numbers.blocks(places, 1)),
            Self::Bits(bits) => Self::Bits(lanes::gather(bits, places)),
            Self::Order(_) | Self::Groups(_) => self.clone(),
        }
    }

    /// Shared columns of `kind`, one below the other.
    pub(crate) fn concat(protocol: &P, kind: Kind, parts: &[&Self]) -> Self {
        if kind == Kind::Bit {
            let bits: Vec<_> = parts.iter().map(|part| part.bits(protocol)).collect();
            return Self::Bits(lanes::concat(&bits.iter().collect::<Vec<_>>()));
        }
        let numbers: Vec<_> = parts.iter().map(|part| part.numbers(protocol)).collect();
        Self::Numbers(Numbers::<P>::concat(&numbers.iter().collect::<Vec<_>>()))
    }
}

impl<P: Mixed> Clone for Column<P> {
    fn clone(&self) -> Self {
        match self {
            Self::Public(kind, values) => Self::Public(*kind, values.clone()),
            Self::Numbers(numbers) => Self::Numbers(numbers.clone()),
            Self::Bits(bits) => Self::Bits(bits.clone()),
            Self::Order(order) => Self::Order(order.clone()),
            Self::Groups(groups) => Self::Groups(groups.clone()),
        }
    }
}

/// Signed integers in a ring.
pub(crate) fn elements<N: Number>(values: &[i128]) -> ring::Column<N> {
    values.iter().map(|&x| N::from_i128(x)).collect::<Vec<_>>().into()
}

/// Zeros and ones, 64 to a word; beyond the last one all are zero.
pub(crate) fn packed(values: &[i128]) -> ring::Column<Lanes> {
    let word = |bits: &[i128]| Lanes(bits.iter().rev().fold(0, |word, &bit| word << 1 | u64::from(bit != 0)));
    values.chunks(Lanes::ROWS).map(word).collect::<Vec<_>>().into()
}

/// The inverse of [`packed`].
pub(crate) fn unpacked(words: &[Lanes], rows: usize) -> Vec<i128> {
    let bits = words.iter().flat_map(|word| (0..Lanes::ROWS).map(move |row| i128::from(word.0 >> row & 1)));
    bits.take(rows).collect()
}
