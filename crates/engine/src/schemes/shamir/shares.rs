//! Shares of bits: bit-sliced elements of a small field.

use std::ops::Range;

use ring::{Binary, Column, Lanes};

use crate::mpc::Shares;

/// One party's shares of a column of words, 64 bits each: for every bit an element of a small field, bit-sliced.
///
/// Planes that are missing at the end are zero; a column that all parties know has one.
#[derive(Clone, Debug)]
pub struct BitShares {
    planes: Vec<Column<Lanes>>,
    len: usize,
}

impl BitShares {
    /// Shares from planes of `len` words each.
    pub(super) fn from_planes(planes: Vec<Column<Lanes>>, len: usize) -> Self {
        debug_assert!(planes.iter().all(|plane| plane.len() == len));
        Self { planes, len }
    }

    /// Zeros with all planes of `field`, for adding to.
    pub(super) fn sum(field: Binary, len: usize) -> Self {
        Self { planes: (0..field.planes()).map(|_| Column::zeros(len)).collect(), len }
    }

    /// The planes that are there.
    pub(super) fn planes(&self) -> &[Column<Lanes>] {
        &self.planes
    }

    /// The planes that are there, to change.
    pub(super) fn planes_mut(&mut self) -> &mut [Column<Lanes>] {
        &mut self.planes
    }

    /// Each plane changed by `f`, which makes columns of `len` words.
    pub(super) fn each(&self, len: usize, f: impl Fn(&Column<Lanes>) -> Column<Lanes>) -> Self {
        Self { planes: self.planes.iter().map(f).collect(), len }
    }
}

/// All operations are GF(2)-linear, and so work plane by plane.
impl Shares<Lanes> for BitShares {
    fn zeros(len: usize) -> Self {
        Self { planes: Vec::new(), len }
    }
    fn len(&self) -> usize {
        self.len
    }
    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.len, "a slice beyond the end");
        self.each(range.len(), |plane| plane.slice(range.clone()))
    }
    fn concat(parts: &[&Self]) -> Self {
        let planes = parts.iter().map(|part| part.planes.len()).max().unwrap_or(0);
        let longest = parts.iter().filter(|part| part.planes.len() < planes).map(|part| part.len).max();
        let zeros = Column::zeros(longest.unwrap_or(0));
        let plane = |place: usize| {
            let part =
                |part: &&Self| part.planes.get(place).map_or_else(|| zeros.slice(0..part.len), Column::clone);
            let columns: Vec<_> = parts.iter().map(part).collect();
            Column::concat(&columns.iter().collect::<Vec<_>>())
        };
        Self { planes: (0..planes).map(plane).collect(), len: parts.iter().map(|part| part.len).sum() }
    }
    fn blocks(&self, places: &[usize], len: usize) -> Self {
        self.each(places.len() * len, |plane| plane.blocks(places, len))
    }
    fn plus(&self, other: &Self) -> Self {
        assert_eq!(self.len, other.len, "columns of different lengths");
        let (longer, shorter) =
            if self.planes.len() < other.planes.len() { (other, self) } else { (self, other) };
        let (low, high) = longer.planes.split_at(shorter.planes.len());
        let sums = low.iter().zip(&shorter.planes).map(|(a, b)| a.zip(b.values(), ring::Ring::plus));
        Self { planes: sums.chain(high.iter().cloned()).collect(), len: self.len }
    }
    fn minus(&self, other: &Self) -> Self {
        self.plus(other)
    }
    fn times_each(&self, factors: &[Lanes]) -> Self {
        assert_eq!(self.len, factors.len(), "columns of different lengths");
        self.each(self.len, |plane| plane.zip(factors, ring::Ring::times))
    }
    fn times(&self, factor: Lanes) -> Self {
        self.each(self.len, |plane| plane.map(|word| ring::Ring::times(word, factor)))
    }
    fn mapped_into(&self, len: usize, map: impl Fn(&[Lanes], &mut [Lanes])) -> Self {
        self.each(len, |plane| plane.mapped_into(len, &map))
    }
}
