//! Noise that is drawn jointly: its distribution, who knows it, what it costs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use engine::{ops::noisy_parties, session::sim};
use program::{Builder, Program};
use ring::Seed;
use support::{outputs, seed};
use treaty_vm::{Progress, SchemeName, estimate, run};

const ROWS: u32 = 3_000;

fn noise(numerator: u64, denominator: u64) -> Program {
    let mut b = Builder::new();
    let drawn = b.noise(ROWS, numerator, denominator).unwrap();
    b.output("noise", drawn).unwrap();
    b.finish().unwrap()
}

fn schemes() -> Vec<SchemeName> {
    let mut schemes = support::SCHEMES.to_vec();
    schemes.extend(
        [
            SchemeName::chosen("shamir", 3, 1),
            SchemeName::chosen("shamir_malicious", 5, 2),
            SchemeName::chosen("shamir_resilient", 3, 1),
        ]
        .map(Result::unwrap),
    );
    schemes
}

/// What is opened when the parties have these secrets; every party's cost is as estimated.
fn opened(scheme: SchemeName, program: &Program, secrets: &[Seed]) -> Vec<i128> {
    let parties = sim::run(scheme.parties(), |me, transport| {
        run(program, scheme, transport, &[], &secrets[me.0], &mut |_: Progress| {}).unwrap()
    });
    let estimated = estimate(program, scheme).unwrap();
    for (party, estimated) in parties.iter().zip(&estimated.parties) {
        assert_eq!((party.cost.rounds, party.cost.bytes_sent), (estimated.rounds, estimated.bytes_sent));
    }
    outputs(scheme, program, &parties).unwrap().remove(0)
}

fn secrets(scheme: SchemeName) -> Vec<Seed> {
    (0..scheme.parties()).map(seed).collect()
}

fn gaussian(numerator: u64, denominator: u64) -> Program {
    let mut b = Builder::new();
    let drawn = b.gaussian(ROWS, numerator, denominator).unwrap();
    b.output("noise", drawn).unwrap();
    b.finish().unwrap()
}

/// Draws of either distribution, as many as parties that add them: Kolmogorov and Smirnov's distance
/// from the sum's exact distribution, below its 0.999 quantile.
#[test]
fn the_sum_of_all_draws_is_distributed_as_stated() {
    let laplace = |x: i32| (-f64::from(x.abs()) / 2.5).exp();
    let normal = |x: i32| (-(f64::from(x) / 2.5).powi(2) / 2.0).exp();
    for scheme in schemes() {
        sum_of_draws(scheme, &noise(5, 2), laplace);
        sum_of_draws(scheme, &gaussian(5, 2), normal);
    }
}

fn sum_of_draws(scheme: SchemeName, program: &Program, weight: impl Fn(i32) -> f64) {
    let noise = opened(scheme, program, &secrets(scheme));
    let draws = noisy_parties(scheme.parties());
    // The distribution of the sum, by convolution on -150 to 150.
    let all: f64 = (-150..=150).map(&weight).sum();
    let single: Vec<f64> = (-150..=150).map(|x| weight(x) / all).collect();
    let mut sum = vec![0.0; 301];
    sum[150] = 1.0;
    for _ in 0..draws {
        let old = sum.clone();
        for (x, slot) in sum.iter_mut().enumerate() {
            let terms = (0..301_usize).filter_map(|y| Some(old[y] * single.get((x + 150).checked_sub(y)?)?));
            *slot = terms.sum();
        }
    }
    let (mut below, mut distance) = (0.0, 0.0_f64);
    for x in -150_i128..=150 {
        below += sum[(x + 150) as usize];
        let found = noise.iter().filter(|y| **y <= x).count() as f64 / f64::from(ROWS);
        distance = distance.max((found - below).abs());
    }
    // For discrete distributions the quantile is an upper bound.
    assert!(distance < 1.95 / f64::from(ROWS).sqrt(), "{scheme:?}: {distance}");
}

/// Whatever one party keeps its secret at, the noise changes with the others' secrets: nobody's view, of itself and of
/// shares that are independent of the noise, tells it.
#[test]
fn no_party_determines_the_noise() {
    for (scheme, program) in schemes()
        .into_iter()
        .flat_map(|scheme| [noise(1_000, 1), gaussian(1_000, 1)].map(|program| (scheme, program)))
    {
        let first = opened(scheme, &program, &secrets(scheme));
        for kept in 0..scheme.parties() {
            let other: Vec<Seed> = (0..scheme.parties())
                .map(|party| if party == kept { seed(party) } else { Seed::from([party as u8; 32]) })
                .collect();
            let again = opened(scheme, &program, &other);
            let equal = first.iter().zip(&again).filter(|(x, y)| x == y).count();
            assert!(equal < 30, "{scheme:?}: {equal} of {ROWS} stay with party {kept}");
        }
    }
}

#[test]
fn two_instructions_draw_differently() {
    let mut b = Builder::new();
    let draws = [b.noise(ROWS, 1_000, 1).unwrap(), b.noise(ROWS, 1_000, 1).unwrap()];
    let difference = b.subtract(draws[0], draws[1]).unwrap();
    b.output("difference", difference).unwrap();
    let scheme = SchemeName::Rep3;
    let difference = opened(scheme, &b.finish().unwrap(), &secrets(scheme));
    assert!(difference.iter().filter(|x| **x == 0).count() < 30);
}
