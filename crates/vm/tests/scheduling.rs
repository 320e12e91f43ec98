//! In which order instructions run, and which run as one, as the estimate shows it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use program::{Builder, Divide, Kind, ValueId};
use support::SCHEME;
use treaty_vm::{Estimate, estimate};

/// A builder with three narrow integers and a bit, of two rows each.
fn builder() -> (Builder, [ValueId; 3], ValueId) {
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", 2).unwrap();
    let integers = [0, 1, 2].map(|c| b.input(format!("x{c}"), 0, c, Kind::Integer, 4).unwrap());
    let bit = b.input("bit", 0, 3, Kind::Bit, 1).unwrap();
    (b, integers, bit)
}

/// The groups, as operation and number of instructions.
fn groups(builder: Builder, outputs: &[ValueId]) -> (Vec<(&'static str, usize)>, Estimate) {
    let mut b = builder;
    for (i, &value) in outputs.iter().enumerate() {
        b.output(i.to_string(), value).unwrap();
    }
    let estimate = estimate(&b.finish().unwrap(), SCHEME).unwrap();
    (estimate.instructions.iter().map(|i| (i.operation, i.values.len())).collect(), estimate)
}

#[test]
fn what_no_output_needs_does_not_run() {
    let (mut b, [x, y, _], _) = builder();
    let product = b.multiply(x, y).unwrap();
    b.less_than(x, product).unwrap();
    assert_eq!(groups(b, &[product]).0, [("multiply", 1)]);
}

#[test]
fn what_needs_no_message_sends_none() {
    let (mut b, [x, y, _], bit) = builder();
    let mask = b.constant_bits(&[true, false]).unwrap();
    let (and, or) = (b.and(bit, mask).unwrap(), b.or(mask, bit).unwrap());
    let scaled = b.scale(x, 7).unwrap();
    let chosen = b.select(mask, scaled, y).unwrap();
    let chosen_bit = b.select(mask, and, or).unwrap();
    let total = b.sum(chosen).unwrap();
    let both = b.xor(and, chosen_bit).unwrap();
    let (groups, estimate) = groups(b, &[total, both, or]);
    assert_eq!(groups, []);
    // The session's set-up, and the sealing of the outputs at the same time.
    assert_eq!(estimate.rounds(), 2);
}

#[test]
fn a_comparison_waits_for_another_that_a_product_brings() {
    let (mut b, [x, y, z], _) = builder();
    let first = b.less_than(x, y).unwrap();
    let product = b.multiply(y, z).unwrap();
    let second = b.less_than(x, product).unwrap();
    assert_eq!(groups(b, &[first, second]).0, [("multiply", 1), ("less than", 2)]);
}

#[test]
fn a_comparison_does_not_wait_longer_than_it_takes() {
    let (mut b, [x, y, z], bit) = builder();
    let first = b.less_than(x, y).unwrap();
    let mut chain = bit;
    for _ in 0..6 {
        chain = b.and(chain, bit).unwrap();
    }
    let late = b.select(chain, x, y).unwrap();
    let second = b.less_than(late, z).unwrap();
    let groups = groups(b, &[first, second]).0;
    assert_eq!(groups[..2], [("and", 1), ("less than", 1)]);
    assert_eq!(groups.last(), Some(&("less than", 1)));
}

#[test]
fn narrow_and_wide_comparisons_run_apart_but_at_the_same_time() {
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", 2).unwrap();
    let narrow = b.input("narrow", 0, 0, Kind::Integer, 10).unwrap();
    let wide = b.input("wide", 0, 1, Kind::Integer, 100).unwrap();
    let (first, second) = (b.less_than(narrow, narrow).unwrap(), b.less_than(wide, narrow).unwrap());
    let (groups, estimate) = groups(b, &[first, second]);
    assert_eq!(groups, [("less than", 1), ("less than", 1)]);
    let longest = estimate.instructions.iter().map(|i| i.cost.rounds).max().unwrap();
    assert_eq!(estimate.rounds(), 2 + longest);
    assert!(estimate.instructions[0].cost.bytes_sent < estimate.instructions[1].cost.bytes_sent);
}

#[test]
fn quotients_merge_by_their_binary_places() {
    let (mut b, [x, y, z], _) = builder();
    let divide = |b: &mut Builder, numerator, denominator, fraction| {
        let bits = Divide {
            numerator,
            denominator,
            numerator_bits: 4,
            denominator_bits: 4,
            result_bits: 4,
            fraction,
        };
        b.divide(bits).unwrap()
    };
    let quotients = [divide(&mut b, x, y, 8), divide(&mut b, x, z, 24), divide(&mut b, y, z, 24)];
    assert_eq!(groups(b, &quotients).0, [("divide", 1), ("divide", 2)]);
}

#[test]
fn logic_merges_and_with_or_and_minimum_with_maximum() {
    let (mut b, [x, y, z], bit) = builder();
    let other = b.less_than(x, y).unwrap();
    let logic = [b.and(bit, other).unwrap(), b.or(bit, other).unwrap()];
    let extremes = [b.minimum(x, z).unwrap(), b.maximum(y, z).unwrap()];
    let found = groups(b, &[logic, extremes].concat()).0;
    assert_eq!(found, [("less than", 1), ("minimum", 2), ("and", 2)]);
}

/// Planning is fast also for the longest chains: a program's text must not stall whoever reads it.
#[test]
fn long_chains_are_planned_quickly() {
    let (mut b, [x, y, _], bit) = builder();
    let mut chain = b.less_than(x, y).unwrap();
    for _ in 0..60_000 {
        chain = b.and(chain, bit).unwrap();
    }
    let started = std::time::Instant::now();
    let (groups, _) = groups(b, &[chain]);
    assert_eq!(groups.len(), 60_001);
    assert!(started.elapsed().as_secs() < 20);
}
