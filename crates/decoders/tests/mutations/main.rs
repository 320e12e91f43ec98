//! Every decoder under mutations of valid bytes: a bounded number, from fixed seeds, so that a failure repeats.
//!
//! `cargo fuzz` finds more, and starts from the same inputs: `cargo test -p treaty-decoders -- --ignored` writes them to
//! `fuzz/corpus`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[allow(dead_code, missing_docs, reason = "another crate's tests need more of it")]
#[path = "../../../program/tests/generate/mod.rs"]
mod generate;
mod inputs;
mod mutation;
#[allow(dead_code, missing_docs, reason = "another crate's tests need more of it")]
#[path = "../../../ledger/tests/suite/world.rs"]
mod world;

extern crate program as treaty_program;

use std::alloc::System;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use cap::Cap;
use mutation::mutated;
use treaty_decoders::{ALLOCATED_MIN, TARGETS};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Mutations of each target.
const MUTATIONS: u64 = 3000;

/// One test, because what others allocate at the same time would count.
#[test]
fn decoders_hold_under_mutations() {
    for target in TARGETS {
        let valid = inputs::valid(target.name);
        assert!(!valid.is_empty(), "{}: no valid input", target.name);
        for bytes in &valid {
            assert!((target.check)(bytes), "{}: a valid input is refused", target.name);
        }
        let (mut accepted, mut allocated_max) = (0, 0);
        for seed in 0..MUTATIONS {
            let bytes = mutated(seed, &valid);
            let before = ALLOCATOR.total_allocated();
            let outcome = catch_unwind(AssertUnwindSafe(|| (target.check)(&bytes)));
            let allocated = ALLOCATOR.total_allocated() - before;
            accepted += u32::from(outcome.unwrap_or_else(|panic| {
                eprintln!("{}: seed {seed}: {}", target.name, hex(&bytes));
                resume_unwind(panic)
            }));
            allocated_max = allocated_max.max(allocated);
            let most = ALLOCATED_MIN + target.allocated_per_byte * bytes.len();
            assert!(
                allocated <= most,
                "{}: seed {seed}: {allocated} bytes allocated for {}, more than {most}",
                target.name,
                bytes.len()
            );
        }
        println!(
            "{}: {accepted} of {MUTATIONS} mutations accepted, at most {allocated_max} bytes allocated for one",
            target.name
        );
    }
}

#[test]
#[ignore = "writes the inputs with which fuzzing starts to fuzz/corpus"]
fn inputs_are_written() {
    for target in TARGETS {
        let folder = format!("{}/../../fuzz/corpus/{}", env!("CARGO_MANIFEST_DIR"), target.name);
        std::fs::create_dir_all(&folder).unwrap();
        for (place, bytes) in inputs::valid(target.name).iter().enumerate() {
            std::fs::write(format!("{folder}/valid-{place}"), bytes).unwrap();
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
