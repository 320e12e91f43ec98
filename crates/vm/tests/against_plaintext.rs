//! Random programs on compute parties, against the plaintext interpreter.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

// The generator knows the crate by its own name.
extern crate program as treaty_program;

#[path = "../../program/tests/generate/mod.rs"]
mod generate;
mod support;

use std::collections::BTreeSet;

use program::{Builder, Divide, Kind, Program, SquareRoot, interpret};
use proptest::prelude::*;
use ring::{Prg, Seed};
use support::{SCHEMES, outputs, run_all};
use treaty_vm::{Error, SchemeName, estimate};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_run_computes_what_the_interpreter_does(
        choices in proptest::collection::vec(any::<u32>(), 50..600),
        rows in prop_oneof![0u32..6, Just(63), Just(64), Just(65), Just(130)],
        steps in 0usize..40,
    ) {
        let (program, inputs) = generate::program(&choices, rows, steps);
        agree(&program, &inputs, &SCHEMES);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_run_on_numbers_of_60_bits_computes_what_the_interpreter_does(
        choices in proptest::collection::vec(any::<u32>(), 50..600),
        rows in prop_oneof![0u32..6, Just(63), Just(64), Just(65), Just(130)],
        steps in 0usize..40,
    ) {
        let (program, inputs) = generate::program_that(&choices, rows, steps, fits);
        agree(&program, &inputs, &by_polynomials());
    }
}

/// The schemes with numbers of 60 bits.
fn by_polynomials() -> Vec<SchemeName> {
    let names = ["shamir(3,1)", "shamir(5,2)", "shamir_malicious(3,1)", "shamir_resilient(3,1)"];
    names.map(|name| name.parse().unwrap()).to_vec()
}

/// Whether such schemes run the program, by the refusal that whoever signs would get.
fn fits(program: &Program) -> bool {
    match estimate(program, "shamir(3,1)".parse().unwrap()) {
        Ok(_) => true,
        Err(Error::TooNarrow { .. }) => false,
        Err(other) => panic!("{other}\n{program}"),
    }
}

/// What is random in such programs is nearly everything that the schemes have.
#[test]
fn narrow_programs_use_what_narrow_numbers_allow() {
    let mut found = BTreeSet::new();
    for seed in 0..150u8 {
        let mut words = [0u64; 300];
        Prg::new(Seed::from([seed; 32])).fill(&mut words);
        let choices = words.map(|word| (word >> 16) as u32);
        let (program, _) = generate::program_that(&choices, 4, 40, fits);
        found.extend(program.body.iter().map(program::Operation::name));
    }
    let wide = ["divide", "square root", "exp", "log", "sigmoid", "tanh"];
    assert!(wide.iter().all(|name| !found.contains(name)), "{found:?}");
    // The generator makes no noise, and hardly numbers that leave as many bits free as rescaling nearly needs.
    let others = ["noise", "gaussian noise", "near rescale"];
    let missing = program::Operation::NAMES.iter().filter(|name| !found.contains(**name));
    let missing: Vec<_> = missing.filter(|name| !wide.contains(name) && !others.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Under every scheme the cost is what was estimated, and the joint result the plaintext one, within the error that the
/// verifier states.
fn agree(program: &Program, inputs: &[Vec<i128>], schemes: &[SchemeName]) {
    let expected = interpret(program, inputs).unwrap();
    let values = program.verify().unwrap();
    for &scheme in schemes {
        let parties: Vec<_> = run_all(scheme, program, inputs).into_iter().map(Result::unwrap).collect();
        let estimate = estimate(program, scheme).unwrap();
        let measured: Vec<_> = parties.iter().map(|party| party.cost).collect();
        assert_eq!(estimate.parties, measured, "{scheme}\n{program}");
        assert!(
            parties.iter().all(|party| party.prepared_bytes == estimate.prepared_bytes),
            "{scheme}\n{program}"
        );
        let found = outputs(scheme, program, &parties).unwrap();
        for ((output, expected), found) in program.outputs.iter().zip(&expected).zip(&found) {
            let Some(allowed) = values[output.value].error else { continue };
            assert_eq!(expected.len(), found.len());
            for (row, (&expected, &found)) in expected.iter().zip(found).enumerate() {
                let off = found.abs_diff(expected);
                let name = &output.name;
                assert!(off <= allowed, "{scheme}, `{name}` row {row}: {found}, not {expected}\n{program}");
            }
        }
    }
}

/// Means and deviations as a query yields them, over columns long enough to be cut into blocks.
#[test]
fn long_columns_are_cut_into_blocks() {
    let rows = (1 << 15) + 70;
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", rows).unwrap();
    let sum = b.input("sum", 0, 0, Kind::Integer, 40).unwrap();
    let count = b.input("count", 0, 1, Kind::Integer, 20).unwrap();
    let keep = b.input("keep", 0, 2, Kind::Bit, 1).unwrap();
    let range = Divide {
        numerator: sum,
        denominator: count,
        numerator_bits: 40,
        denominator_bits: 20,
        result_bits: 40,
        fraction: 24,
    };
    let mean = b.divide(range).unwrap();
    let root = SquareRoot { of: count, bits: 20, fraction_in: 0, fraction_out: 24 };
    let root = b.square_root(root).unwrap();
    let zero = b.constant(vec![0]).unwrap();
    let zero = b.repeat(zero, rows).unwrap();
    let shown = b.select(keep, mean, zero).unwrap();
    b.output("inexact mean", shown).unwrap();
    b.output("inexact root", root).unwrap();
    let program = b.finish().unwrap();
    let column = |f: fn(i128) -> i128| (0..i128::from(rows)).map(f).collect::<Vec<_>>();
    agree(
        &program,
        &[column(|i| (i * 7_919_131) % (1 << 40) - (1 << 39)), column(|i| i % (1 << 20)), column(|i| i % 2)],
        &SCHEMES,
    );
}

/// Bits moved by every operation that moves rows, at every offset within a word.
#[test]
fn rows_of_bits_move_freely() {
    let rows = 200;
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", rows).unwrap();
    let x = b.input("x", 0, 0, Kind::Bit, 1).unwrap();
    let mut parts = Vec::new();
    for start in 0..70 {
        parts.push(b.slice(x, start, 61 + start % 67).unwrap());
    }
    let all = b.concat(parts).unwrap();
    let twice = b.repeat(all, 2).unwrap();
    let flipped = b.not(twice).unwrap();
    b.output("all", flipped).unwrap();
    let bits = (0..i128::from(rows)).map(|i| i * i % 7 % 2).collect();
    agree(&b.finish().unwrap(), &[bits], &[&SCHEMES[..], &by_polynomials()].concat());
}
