//! ANDs, folded to an inner product in GF(2^64) that is up to 64 times shorter than they are many.
//!
//! Of ANDs z = x ∧ y, laid out as M = 2^m blocks s of G words g, the sum `Σ β_s γ_g z_{s,g}` with random β and γ, words
//! taken as elements of the field, must be `Σ β_s Q(s)`, where `Q(s) = Σ γ_g (x_{s,g} ∧ y_{s,g})`. Seen as multilinear in
//! the bits of s, x and y make Q a polynomial of degree 2 in each of m variables, fixed by its values at the 3^m
//! points of {0, 1, ∞}^m: there x and y are still bits, so that a value takes one AND and one carry-less product for each 64
//! gates of a block, and all take (3/2)^m times one pass. The values are computed as passive inner products. Then comes a
//! random point r, where `Q(r) = Σ γ_g x^l X_{g,l}(r) Y_{g,l}(r)` over the G words and their 64 lanes l: an inner product to be
//! sacrificed (`check.rs`).
//!
//! Sources: the recursion of Boneh et al., CRYPTO 2019, §4.2, and of Goyal, Song, 2020/134, §5, here with all variables of
//! one level at once, evaluated as by Karatsuba's multiplication, and its last level sacrificed. 3 rounds and a challenge: coins,
//! 3^m · 8 bytes, coins. A wrong z passes β and γ with probability 2^-63; then a value of Q is wrong, and differs from the true
//! polynomial at r but with probability 2m · 2^-64 (Schwartz, Zippel).

use ring::{Column, Gf64, Lanes, Number, Prg, Ring, add_weighted_bits};

use super::Rep3Malicious;
use super::check::coefficients;
use super::record::{Ands, Claim, converted};
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

/// Words of a block.
pub(in crate::schemes) fn block(words: usize) -> usize {
    words.div_ceil(1 << levels(words))
}

/// What the coins before the values of Q decide.
struct Weights {
    blocks: Column<Gf64>,
    words: Column<Gf64>,
}

impl<N: Number> Rep3Malicious<N> {
    /// The ANDs as claims about an inner product. The coins must be fresh.
    pub(super) fn fold(&mut self, ands: &[&Ands], coins: &mut Prg) -> Result<Vec<Claim<Lanes>>> {
        let words = ands.iter().map(|ands| ands.x.mine().len()).sum();
        let (levels, block) = (levels(words), block(words));
        let gathered = |which: fn(&Ands) -> &Rep3Shares<Lanes>| {
            let parts: Vec<_> = ands.iter().map(|ands| which(ands)).collect();
            let padding = Rep3Shares::zeros((block << levels) - words);
            Shares::concat(&[parts, vec![&padding]].concat())
        };
        let plain = |x: Rep3Shares<Lanes>| converted(&x, |word| word.0);
        let (x, y) = (plain(gathered(|ands| &ands.x)), plain(gathered(|ands| &ands.y)));
        let z = gathered(|ands| &ands.z);
        let weights = Weights { blocks: coefficients(coins, 1 << levels), words: coefficients(coins, block) };

        let both = y.mine().zip(y.next().values(), |a, b| a ^ b);
        let mut parts = Vec::with_capacity(3usize.pow(levels as u32));
        let factors = [x.mine(), x.next(), y.mine(), &both].map(Column::values);
        values(levels, factors, weights.words.values(), &mut parts);
        let blind: Column<Gf64> = self.base.zero_sharing(parts.len());
        let values = self.base.replicate(blind.zip(&parts, Gf64::plus))?;

        let mut coins = self.challenge()?;
        let point: Column<Gf64> = coefficients(&mut coins, levels);
        let claimed = dot(&values, &at_point(point.values(), true));
        let at_blocks = dot(&values, &at_corners(levels, &weights.blocks));
        let results = dot(&z_blocks(&z, &weights, block), &weights.blocks);

        let corners = at_point(point.values(), false);
        let folded = |x: &Rep3Shares<u64>| {
            let folded = |x: &Column<u64>| folded(x.values(), &corners, block);
            Rep3Shares::from_components(folded(x.mine()), folded(x.next()))
        };
        let (mut left, right) = (folded(&x), folded(&y));
        let lanes = lane_weights(&weights.words);
        for column in left.components_mut() {
            Gf64::scale_each(column.values_mut(), lanes.values());
        }
        Ok(vec![Claim::Inner { left, right, result: claimed }, Claim::Zero(at_blocks.minus(&results))])
    }
}

/// A party's part of the values of Q at all points of {0, 1, ∞}^`levels`, in lexical order.
fn values(levels: usize, factors: [&[u64]; 4], weights: &[Gf64], parts: &mut Vec<Gf64>) {
    let Some(rest) = levels.checked_sub(1) else {
        parts.push(Gf64::dot_and(weights, factors));
        return;
    };
    let half = weights.len() << rest;
    let halves = factors.map(|factor| factor.split_at(half.min(factor.len())));
    values(rest, halves.map(|(low, _)| low), weights, parts);
    values(rest, halves.map(|(_, high)| high), weights, parts);
    // The leading coefficient of (1 + r) · low + r · high.
    let mut sums = halves.map(|(low, _)| Column::copied(low));
    sums.iter_mut().zip(halves).for_each(|(sum, (_, high))| sum.zip_assign(high, |a, b| a ^ b));
    values(rest, sums.each_ref().map(Column::values), weights, parts);
}

/// The weights of the values at {0, 1}^m, or at {0, 1, ∞}^m `with_leading`, in that at `point`: in each variable 1 + r and r,
/// and r(1 + r) for the leading coefficient.
fn at_point(point: &[Gf64], with_leading: bool) -> Column<Gf64> {
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

/// `blocks` at the points of {0, 1}^`levels` among those of {0, 1, ∞}^`levels`, zero elsewhere.
fn at_corners(levels: usize, blocks: &Column<Gf64>) -> Column<Gf64> {
    let mut places = vec![0];
    for _ in 0..levels {
        places = places.iter().flat_map(|place| [3 * place, 3 * place + 1]).collect();
    }
    let mut weights = Column::zeros(3usize.pow(levels as u32));
    for (place, weight) in places.into_iter().zip(blocks.values()) {
        if let Some(slot) = weights.values_mut().get_mut(place) {
            *slot = *weight;
        }
    }
    weights
}

/// The weighted sum of each block's results.
fn z_blocks(z: &Rep3Shares<Lanes>, weights: &Weights, block: usize) -> Rep3Shares<Gf64> {
    let z = converted(z, super::check::elements);
    z.mapped_into(weights.blocks.len(), |z, sums| {
        for (sum, z) in sums.iter_mut().zip(z.chunks(block.max(1))) {
            *sum = Gf64::dot(weights.words.values(), z);
        }
    })
}

/// For each word of a block and each lane the sum of the blocks' bits there, weighted by `corners`.
fn folded(words: &[u64], corners: &Column<Gf64>, block: usize) -> Column<Gf64> {
    let mut column = Column::zeros(ROWS * block);
    let (lanes, _) = column.values_mut().as_chunks_mut::<ROWS>();
    for (word, sums) in lanes.iter_mut().enumerate() {
        add_weighted_bits(words.iter().skip(word).step_by(block.max(1)).copied(), corners.values(), sums);
    }
    column
}

/// The weight of each lane of each word: that of the word times x^lane.
fn lane_weights(words: &Column<Gf64>) -> Column<Gf64> {
    let mut weights = Column::zeros(ROWS * words.len());
    for (lanes, word) in weights.values_mut().chunks_mut(ROWS).zip(words.values()) {
        let mut weight = *word;
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
