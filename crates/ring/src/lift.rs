//! Larger rings, in which a false product is found by a random combination.
//!
//! A sum with random coefficients hides a non-zero term modulo 2^k with probability ½ when that term is 2^(k − 1). Modulo
//! 2^(k + 64) the same term is hidden with probability 2^-64 (Cramer, Damgård, Escudero, Scholl, Xing: SPDZ2k, CRYPTO 2018,
//! §3). Fields need no such room: 64 bits, whatever they stand for, are an element of GF(2^64).

use crate::element::Ring;
use crate::field::Gf64;
use crate::lanes::Lanes;
use crate::wide::Wide;

/// A ring with a larger one in which its sums are checked.
///
/// `lowered` respects sums, and for numbers products; `lowered(lifted(x)) = x`. `lifted` does so for words of bits, for
/// numbers it only picks one of the elements that are lowered to `x`.
pub trait Lift: Ring {
    /// The larger ring.
    type Lifted: Checked;

    /// An element that [`Lift::lowered`] takes back to this one.
    fn lifted(self) -> Self::Lifted;
    /// The element of this ring for which one of the larger ring stands.
    fn lowered(lifted: Self::Lifted) -> Self;

    /// The inner product of `x` and the lifted `y`, as long as the shorter of the two.
    #[must_use]
    fn inner_product_lifted(x: &[Self::Lifted], y: &[Self]) -> Self::Lifted {
        x.iter().zip(y).fold(Self::Lifted::ZERO, |sum, (x, y)| sum.plus(x.times(y.lifted())))
    }

    /// Adds to each of `sums` the lifted element of `x` at its place times the coefficient from the random word there.
    fn add_combined(sums: &mut [Self::Lifted], x: &[Self], random: &[Lanes]) {
        for (sum, (x, random)) in sums.iter_mut().zip(x.iter().zip(random)) {
            *sum = sum.plus(x.lifted().times(Self::Lifted::coefficient(random.0)));
        }
    }

    /// `Σ coefficient · x` with the coefficients from random words, as long as the shorter of the two.
    #[must_use]
    fn combination(x: &[Self::Lifted], random: &[Lanes]) -> Self::Lifted {
        x.iter().zip(random).fold(Self::Lifted::ZERO, |sum, (x, random)| {
            sum.plus(x.times(Self::Lifted::coefficient(random.0)))
        })
    }
}

/// A ring in which random combinations are checked.
pub trait Checked: Ring {
    /// A coefficient from 64 random bits: what it is multiplied with is hidden with probability 2^-64 when it isn't zero
    /// in the ring that was lifted.
    fn coefficient(random: u64) -> Self;

    /// The inner product of `x` and `y`, as long as the shorter of the two.
    #[must_use]
    fn inner_product(x: &[Self], y: &[Self]) -> Self {
        x.iter().zip(y).fold(Self::ZERO, |sum, (x, y)| sum.plus(x.times(*y)))
    }

    /// Adds to each of `sums` the element of `x` at its place times `factor`.
    fn add_scaled(sums: &mut [Self], x: &[Self], factor: Self) {
        sums.iter_mut().zip(x).for_each(|(sum, x)| *sum = sum.plus(x.times(factor)));
    }
}

impl Lift for u64 {
    type Lifted = u128;

    #[inline(always)]
    fn lifted(self) -> u128 {
        self.into()
    }
    #[inline(always)]
    fn lowered(lifted: u128) -> Self {
        lifted as Self
    }
}

impl Lift for u128 {
    type Lifted = Wide;

    #[inline(always)]
    fn lifted(self) -> Wide {
        self.into()
    }
    #[inline(always)]
    fn lowered(lifted: Wide) -> Self {
        lifted.low()
    }
}

/// Sums only: the product of lanes is not that of the field.
impl Lift for Lanes {
    type Lifted = Gf64;

    #[inline(always)]
    fn lifted(self) -> Gf64 {
        Gf64(self.0)
    }
    #[inline(always)]
    fn lowered(lifted: Gf64) -> Self {
        Self(lifted.0)
    }
}

impl Checked for u128 {
    fn coefficient(random: u64) -> Self {
        random.into()
    }
}

impl Checked for Wide {
    fn coefficient(random: u64) -> Self {
        u128::from(random).into()
    }
}

impl Checked for Gf64 {
    fn coefficient(random: u64) -> Self {
        Self(random)
    }
    fn inner_product(x: &[Self], y: &[Self]) -> Self {
        Self::dot(x, y)
    }
    fn add_scaled(sums: &mut [Self], x: &[Self], factor: Self) {
        Self::add_scaled(sums, x, factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lowering_undoes_lifting_and_respects_what_it_says(a: u64, b: u64, x: u128, y: u128) {
            prop_assert_eq!(u64::lowered(a.lifted()), a);
            prop_assert_eq!(u64::lowered(a.lifted().plus(b.lifted())), a.wrapping_add(b));
            prop_assert_eq!(u64::lowered(a.lifted().times(b.lifted())), a.wrapping_mul(b));
            prop_assert_eq!(u128::lowered(x.lifted()), x);
            prop_assert_eq!(u128::lowered(x.lifted().times(y.lifted())), x.wrapping_mul(y));
            let sum = Lanes(a).lifted().plus(Lanes(b).lifted());
            prop_assert_eq!(sum, Lanes(a).plus(Lanes(b)).lifted());
            prop_assert_eq!(u128::inner_product(&[x, y], &[y, x]), x.wrapping_mul(y).wrapping_mul(2));
            let plain = a.lifted().wrapping_mul(x).wrapping_add(b.lifted().wrapping_mul(y));
            prop_assert_eq!(u64::inner_product_lifted(&[x, y], &[a, b]), plain);
            prop_assert_eq!(u64::combination(&[x, y], &[Lanes(a), Lanes(b)]), plain);
            let mut sums = [x, y];
            u64::add_combined(&mut sums, &[a, b], &[Lanes(b), Lanes(a)]);
            let product = a.lifted().wrapping_mul(b.lifted());
            prop_assert_eq!(sums, [x.wrapping_add(product), y.wrapping_add(product)]);
        }
    }
}
