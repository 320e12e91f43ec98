//! Noise that is drawn jointly, for differential privacy: nobody knows it.
//!
//! *Source*: distributed noise generation by parties that each add their own (Dwork, Kenthapadi, McSherry, Mironov, Naor,
//! *Our Data, Ourselves*, EUROCRYPT 2006). The distribution is the discrete Laplace one, P(x) ∝ e^(−|x|/scale) (Ghosh,
//! Roughgarden, Sundararajan, STOC 2009), or the discrete Gaussian one, P(x) ∝ e^(−x²/2σ²), sampled exactly, in integers, by
//! Canonne, Kamath and Steinke (*The Discrete Gaussian for Differential Privacy*, NeurIPS 2020, algorithms 1 to 3): floating
//! point would leave traces (Mironov, CCS 2012).
//!
//! *Differences*: not every party adds noise, but one more than may be corrupted where most are honest: at least one of
//! these is honest, and what it adds is the whole of the noise that is asked for. So the variance is that of one draw times
//! ⌊(n − 1)/2⌋ + 1: twice for three parties. Splitting the draw (Polya noise) or joint coins (Champion, shelat, Ullman,
//! CCS 2019) would add less, at the price of inexact sampling or of some thousand ANDs for each number. Values of 2^`bits`
//! and more are drawn again. Algorithm 3 proposes draws of scale ⌊σ⌋ + 1; here they have scale σ, so that a proposal y is
//! taken with probability e^(−(|y| − σ)²/2σ²), whose numerator and denominator fit 128 bits. The product of both is that
//! of the Gaussian for any scale.
//!
//! *Adversary*: that of the scheme, who knows what corrupted parties added. Corrupted parties that deviate can add any
//! number, which spoils the result, but not what honest ones hide. Sampling takes longer for some values: the time until
//! a party's noise arrives depends a little on what it drew. That time is not hidden from the other compute parties, nor
//! from the party's own machine.
//!
//! *Rounds*: 1. *Bits per row*: those of one input from each party that adds noise.

use std::ops::Range;

use ring::{Number, Prg};

use crate::{
    error::Result,
    mpc::{Mixed, Mpc, Numbers, Shares},
    session::Party,
};

/// A distribution of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// P(x) ∝ e^(−|x|/scale).
    Laplace,
    /// P(x) ∝ e^(−x²/2σ²), where the scale is σ.
    Gaussian,
}

/// How much noise, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoiseScale {
    /// Which.
    pub distribution: Distribution,
    /// The scale is `numerator / denominator`; at least 1, and at most 2^56.
    pub numerator: u64,
    /// At least 1, and at most 2^56.
    pub denominator: u64,
    /// Every draw is below 2^`bits` in magnitude.
    pub bits: u32,
}

/// How many of `parties` add noise: more than can be corrupted where most are honest.
pub fn noisy_parties(parties: usize) -> usize {
    parties.saturating_sub(1) / 2 + 1
}

/// A column of `rows` numbers, each the sum of one draw of each of [`noisy_parties`]. `prg` is this party's own secret
/// stream, used for nothing else.
///
/// # Errors
/// Those of the transport.
pub fn noise<P: Mixed>(
    protocol: &mut P,
    scale: NoiseScale,
    rows: usize,
    prg: &mut Prg,
) -> Result<Numbers<P>> {
    let noisy = noisy_parties(protocol.parties());
    let mine = (protocol.me().0 < noisy).then(|| {
        let draws = draw(scale, rows, prg);
        ring::Column::from(draws.into_iter().map(P::Num::from_i128).collect::<Vec<_>>())
    });
    shared(protocol, 0..noisy, mine.as_ref().map(ring::Column::values), rows)
}

/// The sum of what `owners` input, all at the same time.
fn shared<P: Mixed>(
    protocol: &mut P,
    owners: Range<usize>,
    mine: Option<&[P::Num]>,
    rows: usize,
) -> Result<Numbers<P>> {
    let middle = owners.start + owners.len() / 2;
    if owners.len() <= 1 {
        let owner = Party(owners.start);
        let values = mine.filter(|_| owner == protocol.me());
        return Mpc::<P::Num>::input(protocol, owner, values, rows);
    }
    let (low, high) = protocol.both(
        |protocol| shared(protocol, owners.start..middle, mine, rows),
        |protocol| shared(protocol, middle..owners.end, mine, rows),
    )?;
    Ok(low.plus(&high))
}

/// Draws of the distribution, as many as asked for.
pub fn draw(scale: NoiseScale, count: usize, prg: &mut Prg) -> Vec<i128> {
    let mut coins = Coins { prg, words: ring::Column::zeros(0), used: 0 };
    let mut one = || match scale.distribution {
        Distribution::Laplace => coins.laplace(scale),
        Distribution::Gaussian => coins.gaussian(scale),
    };
    (0..count).map(|_| one()).collect()
}

/// Random words, and what can be made of them exactly.
struct Coins<'a> {
    prg: &'a mut Prg,
    words: ring::Column<u64>,
    used: usize,
}

/// Words drawn at a time.
const WORDS: usize = 512;

impl Coins<'_> {
    /// Algorithm 3: Laplace draws, of which those far from ±σ are mostly drawn again.
    fn gaussian(&mut self, scale: NoiseScale) -> i128 {
        let (numerator, denominator) = (u128::from(scale.numerator), u128::from(scale.denominator));
        loop {
            let proposed = self.laplace(scale);
            // |y| is below 2^`bits`, which is 26 σ and some at most: below 2^62 with the denominator.
            let Some(distance) =
                proposed.unsigned_abs().checked_mul(denominator).map(|y| y.abs_diff(numerator))
            else {
                continue;
            };
            let Some(square) = distance.checked_mul(distance) else { continue };
            if self.exponential_of_any(square, 2 * numerator * numerator) {
                return proposed;
            }
        }
    }

    /// Algorithm 1 for any exponent: true with probability e^(−numerator/denominator).
    fn exponential_of_any(&mut self, numerator: u128, denominator: u128) -> bool {
        let wholes = numerator / denominator;
        (0..wholes).all(|_| self.exponential(1, 1)) && self.exponential(numerator % denominator, denominator)
    }

    /// Algorithm 2: a geometric magnitude with a random sign, of which minus zero is drawn again.
    fn laplace(&mut self, scale: NoiseScale) -> i128 {
        let (numerator, denominator) = (u128::from(scale.numerator), u128::from(scale.denominator));
        loop {
            let part = self.below(numerator);
            if !self.exponential(part, numerator) {
                continue;
            }
            let mut whole = 0;
            while self.exponential(1, 1) {
                whole += 1;
            }
            let magnitude = (part + numerator * whole) / denominator;
            let is_negative = self.word() & 1 == 1;
            if (is_negative && magnitude == 0) || magnitude >> scale.bits.min(126) != 0 {
                continue;
            }
            // Below 2^126.
            let magnitude = magnitude as i128;
            return if is_negative { -magnitude } else { magnitude };
        }
    }

    /// Algorithm 1: true with probability e^(−numerator/denominator), for at most 1.
    fn exponential(&mut self, numerator: u128, denominator: u128) -> bool {
        let mut factor = 1;
        while self.bernoulli(numerator, denominator * factor) {
            factor += 1;
        }
        factor % 2 == 1
    }

    /// True with probability numerator/denominator.
    fn bernoulli(&mut self, numerator: u128, denominator: u128) -> bool {
        self.below(denominator) < numerator
    }

    /// Uniform among 0 to `bound` − 1, by rejection.
    fn below(&mut self, bound: u128) -> u128 {
        let width = u128::BITS - bound.saturating_sub(1).leading_zeros();
        loop {
            let mut value = u128::from(self.word());
            if width > 64 {
                value |= u128::from(self.word()) << 64;
            }
            value &= u128::MAX.checked_shr(u128::BITS - width).unwrap_or(0);
            if value < bound {
                return value;
            }
        }
    }

    fn word(&mut self) -> u64 {
        if let Some(word) = self.words.values().get(self.used) {
            self.used += 1;
            return *word;
        }
        self.words = self.prg.elements(WORDS);
        self.used = 1;
        self.words.values().first().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use ring::Seed;

    use super::*;

    const DRAWS: usize = 40_000;

    /// Pearson's χ² of draws with a fixed seed against the distribution of these weights, over values with at least five
    /// expected draws and both tails; below the 0.999 quantile by Wilson and Hilferty.
    fn check(scale: NoiseScale, weight: impl Fn(i128) -> f64) {
        const SEED: u8 = 7;
        let draws = draw(scale, DRAWS, &mut Prg::new(Seed::from([SEED; 32])));
        let most = (0..).find(|x| weight(*x) < 1e-18).unwrap();
        let all: f64 = (-most..=most).map(&weight).sum();
        let expected = |x: i128| weight(x) / all * DRAWS as f64;
        let edge = (0..).find(|x| expected(*x) < 5.0).unwrap();
        let tail: f64 = (edge..=most).map(expected).sum();
        let count = |keep: &dyn Fn(i128) -> bool| draws.iter().filter(|x| keep(**x)).count() as f64;
        let term = |found: f64, expected: f64| (found - expected).powi(2) / expected;
        let mut statistic = (1 - edge..edge).map(|x| term(count(&|y| y == x), expected(x))).sum::<f64>();
        let mut freedom = (2 * edge - 2) as f64;
        // A tail of next to nothing has no χ² of its own.
        if tail >= 1.0 {
            statistic += term(count(&|x| x >= edge), tail) + term(count(&|x| x <= -edge), tail);
            freedom += 2.0;
        }
        let freedom = freedom.max(1.0);
        let quantile =
            freedom * (1.0 - 2.0 / (9.0 * freedom) + 3.09 * (2.0 / (9.0 * freedom)).sqrt()).powi(3);
        println!("{scale:?}, seed {SEED}: χ² {statistic} of {quantile}");
        assert!(statistic < quantile, "{scale:?}, seed {SEED}: {statistic} of {quantile}");
    }

    #[test]
    fn draws_follow_the_distribution() {
        for (numerator, denominator) in [(1, 1), (7, 2), (1, 3), (1_000_000, 50_000)] {
            let rate = denominator as f64 / numerator as f64;
            let laplace =
                NoiseScale { distribution: Distribution::Laplace, numerator, denominator, bits: 40 };
            check(laplace, |x| (-rate * x.abs() as f64).exp());
            let gaussian = NoiseScale { distribution: Distribution::Gaussian, ..laplace };
            check(gaussian, |x| (-(x as f64 * rate).powi(2) / 2.0).exp());
        }
    }

    /// At the largest and the finest scales that a program may have, nothing overflows, and the deviation is as stated.
    #[test]
    fn extreme_deviations_are_drawn_as_well() {
        for (numerator, denominator, bits) in
            [(1 << 56, 1, 60), ((1 << 56) - 1, 1 << 30, 30), (1, 1 << 56, 4)]
        {
            let scale = NoiseScale { distribution: Distribution::Gaussian, numerator, denominator, bits };
            let draws = draw(scale, 2_000, &mut Prg::new(Seed::from([3; 32])));
            let deviation = numerator as f64 / denominator as f64;
            let found = (draws.iter().map(|x| (*x as f64).powi(2)).sum::<f64>() / 2_000.0).sqrt();
            // Six standard errors of an estimate from 2000 draws.
            let near = if deviation < 0.1 { 0.0 } else { deviation };
            assert!((found - near).abs() <= 0.1 * near, "{scale:?}: {found}");
        }
    }

    #[test]
    fn draws_keep_within_their_bits() {
        let scale =
            NoiseScale { distribution: Distribution::Laplace, numerator: 100, denominator: 1, bits: 6 };
        let draws = draw(scale, 2_000, &mut Prg::new(Seed::from([1; 32])));
        assert!(draws.iter().all(|x| x.abs() < 64));
        assert!(draws.iter().any(|x| *x > 50) && draws.iter().any(|x| *x < -50));
    }

    #[test]
    fn one_of_those_who_add_noise_is_honest() {
        for parties in 1..20_usize {
            let corrupted_max = parties.saturating_sub(1) / 2;
            assert!(noisy_parties(parties) > corrupted_max && noisy_parties(parties) <= parties);
        }
    }
}
