//! ANDs, folded to an inner product in GF(2^64) that is up to 64 times shorter than they are many.
//!
//! Of ANDs z = x ∧ y, laid out as G groups g of 2^m words s, the sum `Σ β_s γ_g z_{s,g}` with random β and γ, words taken
//! as elements of the field, must be `Σ β_s Q(s)`, where `Q(s) = Σ γ_g (x_{s,g} ∧ y_{s,g})`. Seen as multilinear in
//! the bits of s, x and y make Q a polynomial of degree 2 in each of m variables, fixed by its values at the 3^m
//! points of {0, 1, ∞}^m: there x and y are still bits, so that a value takes one AND and one carry-less product for each
//! group, and all take (3/2)^m times one pass. The values are computed as passive inner products. Then comes a random
//! point r, where `Q(r) = Σ γ_g x^l X_{g,l}(r) Y_{g,l}(r)` over the G groups and their words' 64 lanes l: an inner product to be
//! sacrificed (`check.rs`). Both passes go tile by tile: eight groups at a time, as many as the first-level cache holds.
//!
//! Sources: the recursion of Boneh et al., CRYPTO 2019, §4.2, and of Goyal, Song, 2020/134, §5, here with all variables of
//! one level at once, evaluated as by Karatsuba's multiplication, and its last level sacrificed. 3 rounds and a challenge: coins,
//! 3^m · 8 bytes, coins. A wrong z passes β and γ with probability 2^-63; then a value of Q is wrong, and differs from the true
//! polynomial at r but with probability 2m · 2^-64 (Schwartz, Zippel).

use ring::{Column, Gf64, Lanes, Number, Prg, Ring, RowWeights, Tile, TileSums};

use super::Rep3Malicious;
use super::check::coefficients;
use super::record::{Ands, Claim};
use crate::error::Result;
use crate::mpc::Shares;
use crate::schemes::rep3::Rep3Shares;

/// More variables take more passes than they save.
const MOST_LEVELS: usize = 7;

/// Lanes of a word.
const ROWS: usize = Lanes::ROWS;

/// Variables with which `words` words of ANDs are folded: near the least of 3^m + 64 · words / 2^m elements.
pub(in crate::schemes) fn levels(words: usize) -> usize {
    (1..=MOST_LEVELS).take_while(|level| 6usize.pow(*level as u32) <= ROWS * words).last().unwrap_or(0)
}

/// Groups of `words` words.
pub(in crate::schemes) fn groups(words: usize) -> usize {
    words.div_ceil(1 << levels(words))
}

impl<N: Number> Rep3Malicious<N> {
    /// The ANDs as claims about an inner product. The coins must be fresh.
    pub(super) fn fold(&mut self, ands: &[&Ands], coins: &mut Prg) -> Result<Vec<Claim<Lanes>>> {
        let words = ands.iter().map(|ands| ands.x.mine().len()).sum();
        let (levels, groups) = (levels(words), groups(words));
        let rows: Column<Gf64> = coefficients(coins, 1 << levels);
        let weights: Column<Gf64> = coefficients(coins, groups);

        let (parts, results) = values(ands, levels, &weights);
        let blind: Column<Gf64> = self.base.zero_sharing(parts.len());
        let values = self.base.replicate(blind.zip(parts.values(), Gf64::plus))?;

        let mut coins = self.challenge()?;
        let point: Column<Gf64> = coefficients(&mut coins, levels);
        let claimed = dot(&values, &at_point(point.values(), true));
        let at_rows = dot(&values, &at_corners(levels, &rows));
        let results = dot(&results, &rows);

        let corners = at_point(point.values(), false);
        let [mut x_mine, mut x_next, y_mine, y_next] = folded(ands, &corners, groups);
        let lanes = lane_weights(&weights);
        for column in [&mut x_mine, &mut x_next] {
            Gf64::scale_each(column.values_mut(), lanes.values());
        }
        let left = Rep3Shares::from_components(x_mine, x_next);
        let right = Rep3Shares::from_components(y_mine, y_next);
        Ok(vec![Claim::Inner { left, right, result: claimed }, Claim::Zero(at_rows.minus(&results))])
    }
}

/// A party's part of the values of Q at all points of {0, 1, ∞}^`levels`, in lexical order, and the shares of what its values
/// at the corners should be.
fn values(ands: &[&Ands], levels: usize, weights: &Column<Gf64>) -> (Column<Gf64>, Rep3Shares<Gf64>) {
    let rows = 1 << levels;
    let factors: [fn(&Ands) -> &Column<Lanes>; 6] = [
        |ands| ands.x.mine(),
        |ands| ands.x.next(),
        |ands| ands.y.mine(),
        |ands| ands.y.next(),
        |ands| ands.z.mine(),
        |ands| ands.z.next(),
    ];
    let mut words = factors.map(|factor| Words::of(ands.iter().map(|ands| factor(ands))));
    let mut tiles = factors.map(|_| Tile::zeros(rows));
    let mut both = Tile::zeros(rows);
    let mut sums = TileSums::new(3usize.pow(levels as u32));
    let mut results = [TileSums::new(rows), TileSums::new(rows)];
    for weights in weights.values().chunks(Tile::WIDTH) {
        words.iter_mut().zip(&mut tiles).for_each(|(words, tile)| words.fill(rows, weights.len(), tile));
        let [x_mine, x_next, y_mine, y_next, z_mine, z_next] = &tiles;
        both.set_sum(y_mine, y_next);
        sums.add_ands(weights, [x_mine, x_next, y_mine, &both]);
        let [mine, next] = &mut results;
        mine.add_words(weights, z_mine);
        next.add_words(weights, z_next);
    }
    let [mine, next] = results.map(|sums| sums.values());
    (sums.values(), Rep3Shares::from_components(mine, next))
}

/// For each group and each lane the sum of the rows' bits there, weighted by `corners`: of both factors' components.
fn folded(ands: &[&Ands], corners: &Column<Gf64>, groups: usize) -> [Column<Gf64>; 4] {
    let factors: [fn(&Ands) -> &Column<Lanes>; 4] =
        [|ands| ands.x.mine(), |ands| ands.x.next(), |ands| ands.y.mine(), |ands| ands.y.next()];
    let weights = RowWeights::new(corners.values());
    let mut tile = Tile::zeros(corners.len());
    factors.map(|factor| {
        let mut words = Words::of(ands.iter().map(|ands| factor(ands)));
        let mut column = Column::zeros(ROWS * groups);
        for sums in column.values_mut().chunks_mut(ROWS * Tile::WIDTH) {
            words.fill(corners.len(), sums.len() / ROWS, &mut tile);
            tile.add_weighted_bits(&weights, sums);
        }
        column
    })
}

/// Columns one after another, to be taken from the front.
struct Words<'a> {
    front: &'a [Lanes],
    rest: std::vec::IntoIter<&'a Column<Lanes>>,
    taken: Column<Lanes>,
}

impl<'a> Words<'a> {
    fn of(columns: impl Iterator<Item = &'a Column<Lanes>>) -> Self {
        Self { front: &[], rest: columns.collect::<Vec<_>>().into_iter(), taken: Column::zeros(0) }
    }

    /// The next words as `rows` rows of `width` words; zeros where there are none left.
    fn fill(&mut self, rows: usize, width: usize, tile: &mut Tile) {
        let len = rows * width;
        if let Some((words, front)) = self.front.split_at_checked(len) {
            self.front = front;
            return tile.set(width, words);
        }
        if self.taken.len() != len {
            self.taken = Column::zeros(len);
        }
        let mut missing = self.taken.values_mut();
        while !missing.is_empty() {
            if self.front.is_empty() {
                let Some(next) = self.rest.next() else {
                    missing.fill(Lanes::ZERO);
                    break;
                };
                self.front = next.values();
            }
            let len = missing.len().min(self.front.len());
            let ((to, missing_after), (from, front)) = (missing.split_at_mut(len), self.front.split_at(len));
            to.copy_from_slice(from);
            (missing, self.front) = (missing_after, front);
        }
        tile.set(width, self.taken.values());
    }
}

/// The weights of the values at {0, 1}^m, or at {0, 1, ∞}^m `with_leading`, in that at `point`: in each variable 1 + r and r,
/// and r(1 + r) for the leading coefficient.
pub(in crate::schemes) fn at_point(point: &[Gf64], with_leading: bool) -> Column<Gf64> {
    let mut weights = vec![Gf64::ONE];
    for r in point {
        let mut factors = vec![r.plus(Gf64::ONE), *r];
        if with_leading {
            factors.push(r.times(r.plus(Gf64::ONE)));
        }
        let next = weights.iter().flat_map(|weight| factors.iter().map(|factor| weight.times(*factor)));
        weights = next.collect();
    }
    weights.into()
}

/// `rows` at the points of {0, 1}^`levels` among those of {0, 1, ∞}^`levels`, zero elsewhere.
pub(in crate::schemes) fn at_corners(levels: usize, rows: &Column<Gf64>) -> Column<Gf64> {
    let mut places = vec![0];
    for _ in 0..levels {
        places = places.iter().flat_map(|place| [3 * place, 3 * place + 1]).collect();
    }
    let mut weights = Column::zeros(3usize.pow(levels as u32));
    for (place, weight) in places.into_iter().zip(rows.values()) {
        if let Some(slot) = weights.values_mut().get_mut(place) {
            *slot = *weight;
        }
    }
    weights
}

/// The weight of each lane of each group: that of the group times x^lane.
fn lane_weights(groups: &Column<Gf64>) -> Column<Gf64> {
    let mut weights = Column::zeros(ROWS * groups.len());
    for (lanes, group) in weights.values_mut().chunks_mut(ROWS).zip(groups.values()) {
        let mut weight = *group;
        for lane in lanes {
            *lane = weight;
            weight = weight.times_x();
        }
    }
    weights
}

fn dot(x: &Rep3Shares<Gf64>, weights: &Column<Gf64>) -> Rep3Shares<Gf64> {
    let sum = |x: &Column<Gf64>| Column::filled(Gf64::dot(x.values(), weights.values()), 1);
    Rep3Shares::from_components(sum(x.mine()), sum(x.next()))
}
