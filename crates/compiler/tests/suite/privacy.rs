//! Differential privacy: noise on everything that is opened, measured out by declared ranges and rows.

use contract::disclosure::{DisclosureRule, Privacy};
use treaty_compiler::{Compiled, Refused, ResultTable, Rule, Table, compile, decode};
use vm::SchemeName;

use crate::{
    jointly,
    support::{Person, batch, expected, people, table},
};

const SQL: &str = "SELECT rank, COUNT(*) AS n, SUM(salary) AS s, COUNT(bonus) AS b FROM people GROUP BY rank";

fn rule(epsilon_micro: u64) -> Rule {
    with(Privacy::laplace(epsilon_micro))
}

fn with(privacy: Privacy) -> Rule {
    Rule {
        floor_rows: 10,
        disclosure: DisclosureRule { privacy: Some(privacy), ..DisclosureRule::default() },
    }
}

/// Both owners say that nobody has more than two rows.
fn town(rows: &[u64]) -> Table {
    let mut table = table(rows);
    for source in &mut table.datasets {
        source.rows_per_person = Some(2);
    }
    table
}

fn owners() -> Vec<Vec<Person>> {
    let person = |n: i64| Person {
        rank: if n % 3 == 0 { "low" } else { "mid" }.to_owned(),
        salary: 1_000 * (n % 50),
        bonus: (n % 2 == 0).then_some(100),
        ..Person::default()
    };
    vec![(0..300).map(person).collect(), (300..700).map(person).collect()]
}

/// On shares every row differs from the exact one, and each number by less than that.
fn is_noisy(compiled: &Compiled, inputs: &[Vec<i128>], exact: &ResultTable, most: [f64; 3]) {
    for scheme in [SchemeName::Rep3, SchemeName::Rep3Malicious] {
        let noisy = decode(compiled, &jointly::on_shares(&compiled.program, inputs, scheme)).unwrap();
        assert_eq!(noisy.rows.len(), exact.rows.len());
        for (noisy, exact) in noisy.rows.iter().zip(&exact.rows) {
            assert_ne!(noisy[1..], exact[1..], "not one number bears noise");
            for (column, most) in (1..).zip(most) {
                let difference = noisy[column].number().unwrap() - exact[column].number().unwrap();
                assert!(difference.abs() < most, "column {column}: {difference}");
            }
        }
    }
}

#[test]
fn without_its_noise_the_answer_is_the_plaintext_one_and_with_it_it_is_near() {
    let owners = owners();
    let compiled = compile(SQL, &[town(&[300, 400])], rule(1_000_000)).unwrap();
    let inputs = jointly::stages(&compiled, |stage| {
        let owner = usize::from(stage.dataset.starts_with("owner1"));
        (people(), vec![batch(&owners[owner])])
    });
    let all = expected(SQL, &owners);
    let exact = decode(&compiled, &jointly::interpreted(&compiled.program, &inputs)).unwrap();
    assert_eq!(exact.rows, all.rows);
    // Three columns with ε = 1/3 each, four rows a person: counts of scale 12, sums of scale 2,400,000.
    is_noisy(&compiled, &inputs, &exact, [12.0, 2_400_000.0, 12.0].map(|scale| 30.0 * scale));
    let listing = compiled.program.to_string();
    assert_eq!(listing.matches("noise of scale").count(), 3, "{listing}");
    assert!(
        listing.contains("noise of scale 12/1 in") && listing.contains("noise of scale 2400000/1 in"),
        "{listing}"
    );
    assert!(compiled.audit.to_string().contains("noise that nobody knows"));
}

#[test]
fn gaussian_noise_is_measured_by_the_root_of_the_number_of_columns() {
    let owners = owners();
    let compiled = compile(SQL, &[town(&[300, 400])], with(Privacy::gaussian(1_500_000))).unwrap();
    let inputs = jointly::stages(&compiled, |stage| {
        let owner = usize::from(stage.dataset.starts_with("owner1"));
        (people(), vec![batch(&owners[owner])])
    });
    let all = expected(SQL, &owners);
    let exact = decode(&compiled, &jointly::interpreted(&compiled.program, &inputs)).unwrap();
    assert_eq!(exact.rows, all.rows);
    // Three columns with ρ = 1.5 in all: √(3 / 3) = 1, times four rows a person.
    let listing = compiled.program.to_string();
    assert!(listing.contains("gaussian noise of deviation 4/1 in"), "{listing}");
    assert!(listing.contains("gaussian noise of deviation 800000/1 in"), "{listing}");
    assert_eq!(listing.matches("gaussian noise").count(), 3, "{listing}");
    // Two draws, each cut off at 16 deviations at most.
    is_noisy(&compiled, &inputs, &exact, [4.0, 800_000.0, 4.0].map(|deviation| 32.0 * deviation));
    let audit = compiled.audit.to_string();
    assert!(
        audit.contains("noise that nobody knows") && audit.contains("standard deviation is 5.66"),
        "{audit}"
    );
}

/// The deviation is never below Δ·√(m/2ρ), and not much above, up to where it has no room.
#[test]
fn gaussian_noise_is_never_too_small() {
    for rho in [1, 7, 333, 100_000, 1_234_567, 5_000_000] {
        let compiled = compile(SQL, &[town(&[300, 400])], with(Privacy::gaussian(rho))).unwrap();
        let needed = (3.0 / (2.0 * rho as f64 / 1e6)).sqrt();
        let mut found = 0;
        for operation in &compiled.program.body {
            let program::Operation::Gaussian { numerator, denominator, .. } = operation else { continue };
            let deviation = *numerator as f64 / *denominator as f64;
            let changed = if deviation > 4_000.0 * needed { 800_000.0 } else { 4.0 };
            let ratio = deviation / (changed * needed);
            assert!((1.0 - 1e-12..1.0 + 1e-5).contains(&ratio), "ρ = {rho}: {ratio}");
            found += 1;
        }
        assert_eq!(found, 3);
    }
}

/// A mean is the quotient of a sum and a count that each bear their part of the noise, and lies in the declared range
/// however large the noise is.
#[test]
fn means_are_quotients_of_noisy_numbers() {
    let sql = "SELECT rank, AVG(salary) AS a, AVG(bonus) AS b FROM people GROUP BY rank";
    let owners = owners();
    let run = |epsilon_micro, scheme| {
        let compiled = compile(sql, &[town(&[300, 400])], rule(epsilon_micro)).unwrap();
        let inputs = jointly::stages(&compiled, |stage| {
            let owner = usize::from(stage.dataset.starts_with("owner1"));
            (people(), vec![batch(&owners[owner])])
        });
        let exact = decode(&compiled, &jointly::interpreted(&compiled.program, &inputs)).unwrap();
        let noisy = decode(&compiled, &jointly::on_shares(&compiled.program, &inputs, scheme)).unwrap();
        // Rows, and of each column a sum; of the one that may lack values their number, too.
        assert_eq!(compiled.program.to_string().matches("noise of scale").count(), 4);
        (exact, noisy)
    };
    let all = expected(sql, &owners);
    let (exact, noisy) = run(20_000_000, SchemeName::Rep3);
    let difference = exact.difference(&all);
    assert!(difference.mismatches == 0 && difference.relative < 1e-6, "{difference:?}");
    for (noisy, exact) in noisy.rows.iter().zip(&exact.rows) {
        assert_ne!(noisy[1], exact[1], "a mean without noise");
        // ε = 5 for each of four columns: a sum over hundreds of rows is off by some ten times 4 · 200,000 / 5.
        let off = noisy[1].number().unwrap() - exact[1].number().unwrap();
        assert!(off.abs() < 30_000.0, "{off}");
    }
    for _ in 0..3 {
        let (_, drowned) = run(1_000, SchemeName::Rep3Malicious);
        for mean in drowned.rows.iter().filter_map(|row| row[1].number()) {
            assert!(
                (-1_000.0 - 1e-3..=200_000.0 + 1e-3).contains(&mean),
                "{mean} is outside the declared range"
            );
        }
    }
}

/// Everything that is opened follows from noisy numbers: no shared input reaches an output but through a sum with noise.
#[test]
fn nothing_is_opened_that_bears_no_noise() {
    for privacy in [Privacy::laplace(500_000), Privacy::gaussian(500_000)] {
        every_output_bears_noise(privacy);
    }
}

fn every_output_bears_noise(privacy: Privacy) {
    let compiled = compile(SQL, &[town(&[300, 400])], with(privacy)).unwrap();
    let program = &compiled.program;
    let mut is_bare: Vec<bool> = vec![true; program.inputs.len()];
    let mut is_noise: Vec<bool> = vec![false; program.inputs.len()];
    for operation in &program.body {
        let operands = operation.operands();
        let any = |of: &[bool]| operands.iter().any(|id| of[id.0 as usize]);
        let joins_noise = matches!(operation, program::Operation::Add(..)) && any(&is_noise);
        is_noise.push(matches!(
            operation,
            program::Operation::Noise { .. } | program::Operation::Gaussian { .. }
        ));
        let bare = any(&is_bare) && !joins_noise;
        is_bare.push(bare);
    }
    for output in &program.outputs {
        assert!(!is_bare[output.value.0 as usize], "`{}` is opened without noise", output.name);
    }
}

#[test]
fn what_cannot_be_bounded_is_refused_by_name() {
    let refused = |sql: &str, table: Table| match compile(sql, &[table], rule(1_000_000)) {
        Err(Refused::Disclosure(reason)) => reason,
        other => panic!("{sql}: {other:?}"),
    };
    for (sql, says) in [
        ("SELECT MAX(salary) AS m FROM people", "MAX"),
        ("SELECT VAR_SAMP(salary) AS v FROM people", "VAR_SAMP"),
        ("SELECT free, COUNT(*) AS n FROM people GROUP BY free LIMIT 3", "public list"),
    ] {
        let reason = refused(sql, town(&[300]));
        assert!(reason.contains(says), "{reason}");
    }
    let reason = refused("SELECT COUNT(*) AS n FROM people", table(&[300]));
    assert!(reason.contains("how many rows one person may have"), "{reason}");
}

/// What a person can change of a draw is Δ, and a draw within Δ of its bound tells: for the largest cost that a contract may
/// have, Δ is ε·scale or √(2ρ)·σ. By the tail of both distributions that has a probability below 2^-64.
#[test]
fn draws_within_reach_of_their_bound_are_too_rare_to_tell() {
    use contract::wellformed::{EPSILON_MICRO_MAX, RHO_MICRO_MAX};

    let (epsilon, rho) = (EPSILON_MICRO_MAX as f64 / 1e6, RHO_MICRO_MAX as f64 / 1e6);
    let rare = -64.0 * 2_f64.ln();
    for (numerator, denominator) in [(1, 20), (1, 1), (63, 1), (1000, 7), (1 << 56, 3), (1 << 56, 1)] {
        let scale = numerator as f64 / denominator as f64;
        let laplace = 2_f64.powi(program::noise_bits(numerator, denominator).into());
        assert!(-(laplace / scale - epsilon) < rare, "{scale}: Laplace");
        let gaussian = 2_f64.powi(program::gaussian_bits(numerator, denominator).into());
        assert!(-(gaussian / scale - (2.0 * rho).sqrt()).powi(2) / 2.0 < rare, "{scale}: Gaussian");
    }
    assert_eq!((program::noise_bits(1 << 56, 1), program::gaussian_bits(1 << 56, 1)), (63, 60));
}
