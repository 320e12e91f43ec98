//! Borrows of bit-shared subtractions.
//!
//! A place *generates* a borrow when the subtrahend's bit is set and the minuend's isn't, and *propagates* one when
//! the two are equal. Neighbouring groups join by `G = G₁ ⊕ P₁G₀`, `P = P₁P₀` (Brent, Kung: A Regular Layout for
//! Parallel Adders, IEEE Transactions on Computers C-31, 1982). Modulo 2^width − 1 a borrow out of the top enters at the
//! bottom; of a low and a high part that is `G_H ⊕ P_H G_L`, and since no group does both, `P_L G_L = 0`.

use ring::Lanes;

use super::bits::{Step, and, replace, steps};
use crate::error::Result;
use crate::mpc::{Bits, Difference, Modulus, Mpc, Shares};

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

/// The borrow out of the low `places` places. 1 + ⌈log₂ places⌉ rounds, less than 3 · `places` bits; where a borrow
/// goes around, 2 + ⌈log₂ of the longer part⌉ rounds and less than 3 bits for each place of the difference.
///
/// # Errors
/// Those of the transport.
pub(super) fn borrow_out<P: Mpc<Lanes>>(
    protocol: &mut P,
    difference: &Difference<P>,
    places: usize,
) -> Result<Bits<P>> {
    if difference.modulus == Modulus::OneLess {
        // What goes around comes from the high part: if the low part makes a borrow it doesn't propagate one.
        let [low, high] = joined(protocol, difference, places, difference.minuend.width())?;
        let passed = and(protocol, &low.propagate, &high.generate)?;
        return Ok(low.generate.xor(&passed));
    }
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
    if difference.modulus == Modulus::OneLess {
        let rows = low.generate.rows();
        let left = Bits::stack(&[&high.propagate, &low.propagate], rows);
        let passed = and(protocol, &left, &Bits::stack(&[&low.generate, &high.generate], rows))?;
        return Ok([low.generate.xor(&passed.bit(1)), high.generate.xor(&passed.bit(0))]);
    }
    let passed = and(protocol, &high.propagate, &low.generate)?;
    Ok([low.generate, high.generate.xor(&passed)])
}

/// The borrow out of all places but the last, and whether the last makes one by itself. 1 + ⌈log₂ (places − 1)⌉ rounds, less
/// than 3 bits per place.
///
/// # Errors
/// Those of the transport.
pub(super) fn borrow_below_last<P: Mpc<Lanes>>(
    protocol: &mut P,
    difference: &Difference<P>,
) -> Result<[Bits<P>; 2]> {
    let places = difference.minuend.width();
    let [low, last] = joined(protocol, difference, places - 1, places)?;
    Ok([low.generate, last.generate])
}

/// The borrow into each of the low `width` places, at least one. 1 + ⌈log₂ (`width` − 1)⌉ rounds, about
/// `width` · (1 + log₂ `width`) bits; where a borrow goes around two rounds more, with all places of the difference.
///
/// # Errors
/// Those of the transport.
pub(super) fn borrows_into<P: Mpc<Lanes>>(
    protocol: &mut P,
    difference: &Difference<P>,
    width: usize,
) -> Result<Bits<P>> {
    let places = width - 1;
    let around = difference.modulus == Modulus::OneLess;
    let all = if around { difference.minuend.width() } else { places };
    let Groups { generate, propagate, .. } = leaves(protocol, difference, all)?;
    let rows = generate.rows();
    let mut low = Prefix { generate: generate.range(0..places), propagate: propagate.range(0..places) };
    let mut high = Groups {
        generate: generate.range(places..all),
        propagate: propagate.range(places..all),
        lowest: false,
    };
    let mut levels = steps(places);
    loop {
        let level = levels.next();
        if level.is_none() && high.generate.width() <= 1 {
            break;
        }
        let step = level.unwrap_or(Step { takers: Vec::new(), given: Vec::new() });
        // A group that reaches down to place 0 needs to say whether it propagates only when a borrow may enter there.
        let lowest =
            if around { 0 } else { step.given.partition_point(|given| Some(given) == step.given.first()) };
        let (low_left, low_right) = low.operands(&step, lowest, rows);
        let (high_left, high_right) = high.operands(rows);
        let left = Bits::stack(&[&low_left, &high_left], rows);
        let products = and(protocol, &left, &Bits::stack(&[&low_right, &high_right], rows))?;
        low.take(&step, lowest, &products.range(0..low_left.width()), rows);
        high = high.paired(&products.range(low_left.width()..products.width()), rows);
    }
    if !around {
        let none = Bits::new(P::Shares::zeros(Lanes::words(rows)), rows, 1);
        return Ok(Bits::stack(&[&none, &low.generate], rows));
    }
    let high = high.single(protocol);
    if places == 0 {
        return Ok(high.generate);
    }
    let passed = and(protocol, &high.propagate, &low.generate.bit(places - 1))?;
    let out = high.generate.xor(&passed);
    let passed = and(protocol, &low.propagate, &out.pick(&vec![0; places]))?;
    Ok(Bits::stack(&[&out, &low.generate.xor(&passed)], rows))
}

/// For each place the group of all places up to it, once the levels of a tree are through.
struct Prefix<P: Mpc<Lanes>> {
    generate: Bits<P>,
    propagate: Bits<P>,
}

impl<P: Mpc<Lanes>> Prefix<P> {
    /// What has to be multiplied to go up one level: first for `P₁G₀`, then for `P₁P₀`, there without the first `lowest`.
    fn operands(&self, step: &Step, lowest: usize, rows: usize) -> (Bits<P>, Bits<P>) {
        let (takers, given) = (&step.takers[lowest..], &step.given[lowest..]);
        let through = self.propagate.pick(&step.takers);
        let left = Bits::stack(&[&through, &self.propagate.pick(takers)], rows);
        let right = Bits::stack(&[&self.generate.pick(&step.given), &self.propagate.pick(given)], rows);
        (left, right)
    }

    fn take(&mut self, step: &Step, lowest: usize, products: &Bits<P>, rows: usize) {
        let taken = step.takers.len();
        let joined = self.generate.pick(&step.takers).xor(&products.range(0..taken));
        self.generate = replace(&self.generate, &step.takers, &joined, rows);
        let inner = products.range(taken..products.width());
        self.propagate = replace(&self.propagate, &step.takers[lowest..], &inner, rows);
    }
}

/// The places below `cut`, and those from `cut` up to `places`, each joined to one group; the trees go up together.
fn joined<P: Mpc<Lanes>>(
    protocol: &mut P,
    difference: &Difference<P>,
    cut: usize,
    places: usize,
) -> Result<[Joined<P>; 2]> {
    let Groups { generate, propagate, .. } = leaves(protocol, difference, places)?;
    let lowest = cut > 0 && difference.modulus == Modulus::Power;
    let mut low = Groups {
        generate: generate.range(0..cut),
        propagate: propagate.range(usize::from(lowest)..cut),
        lowest,
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
