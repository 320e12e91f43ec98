//! ANDs, folded to inner products over the field of 2^64 elements that are up to 128 times shorter than they are many.
//!
//! Lay out the words of ANDs z = x ∧ y as 2^m blocks s of G groups g, and write e(w) for `Σ τ_{g,l} w_{g,l}` over all groups and
//! the lanes l of their words, each an element of the small field in the large one. With random β and τ, `Σ β_s e(z_s)` must be
//! `Σ β_s Q(s)`, where `Q(s) = e(x_s · y_s)`. Seen as multilinear in the bits of s, x and y make Q a polynomial of degree 2 in each of m
//! variables, fixed by its values at {0, 1, ∞}^m: there x and y still are bit-sliced. These values are computed as any
//! products are, and shared. Then comes a random point r, where Q(r) is an inner product of 64 G elements.
//!
//! Sources: the recursion of Boneh et al., CRYPTO 2019, §4.2, and of Goyal, Song, 2020/134, §5, with all variables of one level
//! at once. Every lane has a random weight of its own, because an error may be any element of the small field. A wrong z passes with
//! probability below 2^-61.

use std::borrow::Cow;

use ring::{Binary, Column, Gf64, Lanes, Prg, Ring, RowWeights, Tile};

use super::Shamir;
use super::check::{Claim, inner_product};
use super::guard::Active;
use super::record::Ands;
use super::shares::BitShares;
use crate::error::Result;
use crate::mpc::Shares;
use crate::schemes::rep3_malicious::{at_corners, at_point, groups, levels};

impl Shamir<Active> {
    /// The ANDs as claims. The coins must be fresh.
    pub(super) fn fold(
        &mut self,
        ands: &[&Ands],
        lanes: &Column<Gf64>,
        coins: &mut Prg,
    ) -> Result<Vec<Claim<'static, Gf64>>> {
        let words = ands.iter().map(|ands| ands.x.len()).sum();
        let (levels, groups) = (levels(words), groups(words));
        let padded = |column: fn(&Ands) -> &BitShares| {
            let zeros = BitShares::zeros((groups << levels) - words);
            BitShares::concat(&ands.iter().map(|ands| column(ands)).chain([&zeros]).collect::<Vec<_>>())
        };
        let (x, y, z) = (padded(|ands| &ands.x), padded(|ands| &ands.y), padded(|ands| &ands.z));
        let rows = coins.elements::<Gf64>(1 << levels);
        let weights = coins.elements(groups.div_ceil(Tile::WIDTH));
        let of_rows = RowWeights::new(weights.values());
        let fold = Fold { small: self.setting.field(), groups, weights, of_rows, lanes };

        let parts = Column::from(fold.values(&x, &y, levels));
        let values = self.reduced::<Gf64>(parts.len(), |_, sum| *sum = parts)?;

        let mut coins = self.challenge()?;
        let point = coins.elements::<Gf64>(levels);
        let claimed = inner_product(&values, &at_point(point.values(), true));
        let at_rows = inner_product(&values, &at_corners(levels, &rows));
        let results = inner_product(&Column::from(fold.blocks(&z)), &rows);

        let corners = at_point(point.values(), false);
        let mut left = fold.at(&x, &corners);
        for (lanes, weight) in left.values_mut().chunks_mut(LANES).zip(fold.weights.values()) {
            let weights = fold.lanes.map(|lane| lane.times(*weight));
            Gf64::scale_each(lanes, weights.values());
        }
        let right = fold.at(&y, &corners);
        let claim = Claim::Products { x: Cow::Owned(left), y: Cow::Owned(right), z: Cow::Owned(claimed) };
        Ok(vec![claim, Claim::Zero(at_rows.zip(results.values(), Gf64::minus))])
    }
}

/// Lanes of words side by side in a tile.
pub(super) const LANES: usize = Lanes::ROWS * Tile::WIDTH;

/// The weights by which words are combined: each lane of a group has the product of one of its row of groups, which lie side by
/// side in a tile, and one of its place in the row.
struct Fold<'a> {
    small: Binary,
    groups: usize,
    /// Of each row of groups.
    weights: Column<Gf64>,
    /// The same.
    of_rows: RowWeights,
    /// Of each lane of a row.
    lanes: &'a Column<Gf64>,
}

impl Fold<'_> {
    /// This party's parts of the values of Q at all points of {0, 1, ∞}^`levels`, in lexical order.
    fn values(&self, x: &BitShares, y: &BitShares, levels: usize) -> Vec<Gf64> {
        if levels == 0 {
            let mut products = BitShares::sum(self.small, x.len());
            self.small.add_products(x.planes(), y.planes(), products.planes_mut());
            return vec![self.combined(&products)];
        }
        let halves = |x: &BitShares| {
            let (low, high) = (x.slice(0..x.len() / 2), x.slice(x.len() / 2..x.len()));
            let leading = low.plus(&high);
            [low, high, leading]
        };
        let points = halves(x).into_iter().zip(halves(y));
        points.flat_map(|(x, y)| self.values(&x, &y, levels - 1)).collect()
    }

    /// The combination of each block of groups.
    fn blocks(&self, z: &BitShares) -> Vec<Gf64> {
        let groups = self.groups;
        let block = |block: usize| self.combined(&z.slice(block * groups..(block + 1) * groups));
        (0..z.len().checked_div(groups).unwrap_or(0)).map(block).collect()
    }

    /// The combination of the words of all groups.
    fn combined(&self, words: &BitShares) -> Gf64 {
        let mut tile = Tile::zeros(self.weights.len());
        let plane = |(place, plane): (usize, &Column<Lanes>)| {
            tile.set(Tile::WIDTH, plane.values());
            let mut sums = Column::zeros(self.lanes.len());
            tile.add_weighted_bits(&self.of_rows, sums.values_mut());
            Gf64::dot(sums.values(), self.lanes.values()).times(self.small.image(1 << place))
        };
        words.planes().iter().enumerate().map(plane).fold(Gf64::ZERO, Gf64::plus)
    }

    /// For each group and each lane the sum of the blocks' elements there, weighted by `corners`.
    fn at(&self, words: &BitShares, corners: &Column<Gf64>) -> Column<Gf64> {
        let groups = self.groups;
        let mut column = Column::zeros(groups * Lanes::ROWS);
        let mut tile = Tile::zeros(corners.len());
        for (place, plane) in words.planes().iter().enumerate() {
            let image = self.small.image(1 << place);
            let weights = RowWeights::new(corners.map(|corner| corner.times(image)).values());
            let blocks = plane.values().chunks(groups.max(1));
            for (part, sums) in column.values_mut().chunks_mut(LANES).enumerate() {
                let width = sums.len() / Lanes::ROWS;
                let of_block = |block: &[Lanes]| {
                    block.iter().skip(part * Tile::WIDTH).take(width).copied().collect::<Vec<_>>()
                };
                let rows: Column<Lanes> = blocks.clone().flat_map(of_block).collect::<Vec<_>>().into();
                tile.set(width, rows.values());
                tile.add_weighted_bits(&weights, sums);
            }
        }
        column
    }
}
