//! One party's two components.

use std::ops::Range;
use std::sync::Arc;

use ring::{Column, Ring};

use crate::mpc::Shares;

/// One party's components of a shared column. Copies have them in common; they are wiped when the last is dropped.
#[derive(Clone, Debug)]
pub struct Rep3Shares<D: Ring> {
    mine: Arc<Column<D>>,
    next: Arc<Column<D>>,
}

impl<D: Ring> Rep3Shares<D> {
    /// Shares from the components `i` and `i + 1` of party `i`. Panics when their lengths differ.
    #[must_use]
    pub fn from_components(mine: Column<D>, next: Column<D>) -> Self {
        assert_eq!(mine.len(), next.len(), "components of different lengths");
        Self { mine: Arc::new(mine), next: Arc::new(next) }
    }

    /// Component `i` of party `i`.
    #[must_use]
    pub fn mine(&self) -> &Column<D> {
        &self.mine
    }

    /// Component `i + 1` of party `i`.
    #[must_use]
    pub fn next(&self) -> &Column<D> {
        &self.next
    }

    fn each(&self, f: impl Fn(&Column<D>) -> Column<D>) -> Self {
        Self::from_components(f(&self.mine), f(&self.next))
    }

    fn zip(&self, other: &Self, f: impl Fn(D, D) -> D) -> Self {
        let zip = |x: &Column<D>, y: &Column<D>| x.zip(y.values(), &f);
        Self::from_components(zip(&self.mine, &other.mine), zip(&self.next, &other.next))
    }
}

impl<D: Ring> Shares<D> for Rep3Shares<D> {
    fn zeros(len: usize) -> Self {
        Self::from_components(Column::zeros(len), Column::zeros(len))
    }
    fn len(&self) -> usize {
        self.mine.len()
    }
    fn slice(&self, range: Range<usize>) -> Self {
        self.each(|component| component.slice(range.clone()))
    }
    fn concat(parts: &[&Self]) -> Self {
        let (mine, next): (Vec<_>, Vec<_>) = parts.iter().map(|part| (part.mine(), part.next())).unzip();
        Self::from_components(Column::concat(&mine), Column::concat(&next))
    }
    fn blocks(&self, places: &[usize], len: usize) -> Self {
        self.each(|component| component.blocks(places, len))
    }
    fn plus(&self, other: &Self) -> Self {
        self.zip(other, D::plus)
    }
    fn minus(&self, other: &Self) -> Self {
        self.zip(other, D::minus)
    }
    fn times_each(&self, factors: &[D]) -> Self {
        self.each(|component| component.zip(factors, D::times))
    }
    fn times(&self, factor: D) -> Self {
        self.each(|component| component.map(|value| value.times(factor)))
    }
    fn mapped_into(&self, len: usize, map: impl Fn(&[D], &mut [D])) -> Self {
        self.each(|component| component.mapped_into(len, &map))
    }
}
