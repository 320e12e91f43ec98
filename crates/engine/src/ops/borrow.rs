//! Borrows of bit-shared subtractions.
//!
//! A place *generates* a borrow when the subtrahend's bit is set and the minuend's isn't, and *propagates* one when
//! the two are equal. Neighbouring groups join by `G = G₁ ⊕ P₁G₀`, `P = P₁P₀` (Brent, Kung: A Regular Layout for
//! Parallel Adders, IEEE Transactions on Computers C-31, 1982).

use ring::Lanes;

use super::bits::{and, replace, steps};
use crate::error::Result;
use crate::mpc::{Bits, Difference, Mpc, Shares};

/// Adjacent groups of places, lowest first. `propagate` has a slice for each group but the lowest, which no
/// borrow enters, when `lowest` is set; else for each.
struct Groups<P: Mpc<Lanes>> {
    generate: Bits<P>,
    propagate: Bits<P>,
    lowest: bool,
}

/// What the places of a range do to a borrow together.
struct Joined<P: Mpc<Lanes>> {
    generate: Bits<P>,
    propagate: Bits<P>,
}

/// The borrow out of the low `places` places. 1 + ⌈log₂ places⌉ rounds, less than 3 · `places` bits.
///
/// # Errors
/// Those of the transport.
pub(super) fn borrow_out<P: Mpc<Lanes>>(
    protocol: &mut P,
    difference: &Difference<P>,
    places: usize,
) -> Result<Bits<P>> {
    let [low, _] = joined(protocol, difference, places, places)?;
    Ok(low.generate)
}

/// The borrows out of the low `cut` places and out of all places. 2 + ⌈log₂ of the longer part⌉ rounds, less than
/// 3 bits per place.
///
/// # Errors
/// Those of the transport.
pub(super) fn borrows_at<P: Mpc<Lanes>>(
    protocol: &mut P,
    difference: &Difference<P>,
    cut: usize,
) -> Result<[Bits<P>; 2]> {
    let [low, high] = joined(protocol, difference, cut, difference.minuend.width())?;
    let passed = and(protocol, &high.propagate, &low.generate)?;
    Ok([low.generate, high.generate.xor(&passed)])
}

/// In place `i`, the borrow out of the places up to `i`, for the low `places` places. 1 + ⌈log₂ places⌉ rounds, about
/// `places` · (1 + log₂ `places`) bits.
///
/// # Errors
/// Those of the transport.
pub(super) fn all_borrows<P: Mpc<Lanes>>(
    protocol: &mut P,
    difference: &Difference<P>,
    places: usize,
) -> Result<Bits<P>> {
    let Groups { mut generate, mut propagate, .. } = leaves(protocol, difference, places)?;
    let rows = generate.rows();
    for step in steps(places) {
        // A group that reaches down to place 0 no longer needs to say whether it propagates.
        let inner = step.given.partition_point(|given| Some(given) == step.given.first());
        let (inner_takers, inner_given) = (&step.takers[inner..], &step.given[inner..]);
        let through = propagate.pick(&step.takers);
        let left = Bits::stack(&[&through, &propagate.pick(inner_takers)], rows);
        let right = Bits::stack(&[&generate.pick(&step.given), &propagate.pick(inner_given)], rows);
        let products = and(protocol, &left, &right)?;
        let taken = step.takers.len();
        let joined = generate.pick(&step.takers).xor(&products.range(0..taken));
        generate = replace(&generate, &step.takers, &joined, rows);
        propagate = replace(&propagate, inner_takers, &products.range(taken..products.width()), rows);
    }
    Ok(generate)
}

/// The places below `cut`, and those from `cut` up to `places`, each joined to one group; the trees go up together.
fn joined<P: Mpc<Lanes>>(
    protocol: &mut P,
    difference: &Difference<P>,
    cut: usize,
    places: usize,
) -> Result<[Joined<P>; 2]> {
    let Groups { generate, propagate, .. } = leaves(protocol, difference, places)?;
    let mut low = Groups {
        generate: generate.range(0..cut),
        propagate: propagate.range(cut.min(1)..cut),
        lowest: cut > 0,
    };
    let mut high = Groups {
        generate: generate.range(cut..places),
        propagate: propagate.range(cut..places),
        lowest: false,
    };
    while low.generate.width() > 1 || high.generate.width() > 1 {
        let rows = generate.rows();
        let (low_left, low_right) = low.operands(rows);
        let (high_left, high_right) = high.operands(rows);
        let left = Bits::stack(&[&low_left, &high_left], rows);
        let products = and(protocol, &left, &Bits::stack(&[&low_right, &high_right], rows))?;
        low = low.paired(&products.range(0..low_left.width()), rows);
        high = high.paired(&products.range(low_left.width()..products.width()), rows);
    }
    Ok([low.single(protocol), high.single(protocol)])
}

/// Single places as groups. 1 round, 1 bit per place.
fn leaves<P: Mpc<Lanes>>(protocol: &mut P, difference: &Difference<P>, places: usize) -> Result<Groups<P>> {
    let (minuend, subtrahend) = (difference.minuend.range(0..places), difference.subtrahend.range(0..places));
    let generate = and(protocol, &minuend.not(protocol), &subtrahend)?;
    let propagate = minuend.xor(&subtrahend).not(protocol);
    Ok(Groups { generate, propagate, lowest: false })
}

impl<P: Mpc<Lanes>> Groups<P> {
    /// Pairs of neighbouring groups.
    fn pairs(&self) -> usize {
        self.generate.width() / 2
    }

    /// The slice of `propagate` that belongs to a group.
    fn propagates(&self, group: usize) -> usize {
        group - usize::from(self.lowest)
    }

    /// What has to be multiplied to join neighbours: first for `P₁G₀`, then for `P₁P₀`.
    fn operands(&self, rows: usize) -> (Bits<P>, Bits<P>) {
        let upper: Vec<_> = (0..self.pairs()).map(|pair| self.propagates(2 * pair + 1)).collect();
        let lower: Vec<_> = (0..self.pairs()).map(|pair| 2 * pair).collect();
        let inner = usize::from(self.lowest).min(self.pairs());
        let through: Vec<_> = lower[inner..].iter().map(|group| self.propagates(*group)).collect();
        let upper = self.propagate.pick(&upper);
        let left = Bits::stack(&[&upper, &upper.range(inner..upper.width())], rows);
        let right = Bits::stack(&[&self.generate.pick(&lower), &self.propagate.pick(&through)], rows);
        (left, right)
    }

    /// The groups after joining neighbours; a last one without a neighbour stays.
    fn paired(&self, products: &Bits<P>, rows: usize) -> Self {
        let (pairs, width) = (self.pairs(), self.generate.width());
        let upper: Vec<_> = (0..pairs).map(|pair| 2 * pair + 1).collect();
        let generate = self.generate.pick(&upper).xor(&products.range(0..pairs));
        let propagate = products.range(pairs..products.width());
        let alone: Vec<_> = (2 * pairs..width).collect();
        let propagates: Vec<_> = alone
            .iter()
            .filter(|group| !(self.lowest && **group == 0))
            .map(|group| self.propagates(*group))
            .collect();
        Self {
            generate: Bits::stack(&[&generate, &self.generate.pick(&alone)], rows),
            propagate: Bits::stack(&[&propagate, &self.propagate.pick(&propagates)], rows),
            lowest: self.lowest,
        }
    }

    /// The one group that is left, or one that passes everything when there was none.
    fn single(self, protocol: &P) -> Joined<P> {
        let rows = self.generate.rows();
        let zero = || Bits::new(P::Shares::zeros(Lanes::words(rows)), rows, 1);
        match (self.generate.width(), self.propagate.width()) {
            (0, _) => Joined { generate: zero(), propagate: zero().not(protocol) },
            (_, 0) => Joined { generate: self.generate, propagate: zero() },
            _ => Joined { generate: self.generate, propagate: self.propagate },
        }
    }
}
