//! Division and square root against rational arithmetic.

use proptest::prelude::*;
use treaty_engine::ops::{self, DivideRange, InverseRange, RootRange};

use super::harness::{Tested, numbers, random, rows};
use super::on_wide_schemes;

on_wide_schemes!(
    divides,
    divides_in_short_ranges,
    divides_by_zero,
    extreme_quotients,
    roots,
    extreme_roots,
    inverses,
    extreme_inverses
);

fn check_division<S: Tested>(numerators: Vec<i128>, denominators: Vec<i128>, range: DivideRange) {
    let inputs = vec![numerators, denominators];
    let (found, _) = numbers::<S>(&inputs, |protocol, x| ops::divide(protocol, &x[0], &x[1], range));
    for ((numerator, denominator), found) in inputs[0].iter().zip(&inputs[1]).zip(found) {
        let exact = *numerator as f64 / *denominator as f64 * 2f64.powi(range.fraction as i32);
        let bound = exact.abs() * 2f64.powi(-30) + 1.25;
        assert!(
            (found as f64 - exact).abs() <= bound,
            "{numerator} / {denominator} with {range:?} gave {found}, not {exact}"
        );
    }
}

fn divides<S: Tested>() {
    let range = DivideRange { numerator_bits: 60, denominator_bits: 30, result_bits: 60, fraction: 40 };
    let row = ((-1i128 << 60) + 1..1 << 60, 0u32..60, 1i128..1 << 30, 0u32..30);
    let row = row
        .prop_map(|(numerator, small, denominator, few)| (numerator >> small, (denominator >> few).max(1)));
    let pairs = rows().prop_flat_map(move |rows| prop::collection::vec(row.clone(), rows));
    random(pairs, |pairs| {
        let (numerators, denominators) = pairs.into_iter().unzip();
        check_division::<S>(numerators, denominators, range);
    });
}

/// Ranges so short that nothing but the denominator is normalised.
fn divides_in_short_ranges<S: Tested>() {
    let ranges = prop_oneof![
        Just((32u32, 32u32, 18u32)),
        Just((48, 39, 0)),
        Just((1, 1, 38)),
        Just((20, 10, 47)),
        Just((60, 26, 60))
    ];
    let case = (ranges, rows()).prop_flat_map(|((above, below, fraction), rows)| {
        let row = (1 - (1i128 << above)..1 << above, 0u32..60, 1i128..1 << below, 0u32..40);
        let row = row.prop_map(|(x, small, y, few)| (x >> small, (y >> few).max(1)));
        let range = DivideRange {
            numerator_bits: above,
            denominator_bits: below,
            result_bits: above.min(50),
            fraction,
        };
        (Just(range), prop::collection::vec(row, rows))
    });
    random(case, |(range, pairs)| {
        let (numerators, denominators) = pairs.into_iter().unzip();
        check_division::<S>(numerators, denominators, range);
    });
    let range = DivideRange { numerator_bits: 32, denominator_bits: 32, result_bits: 32, fraction: 18 };
    let most = (1i128 << 32) - 1;
    check_division::<S>(
        vec![most, -most, most, 1, -1, 0, most],
        vec![1, 1, most, most, most, 3, 1 << 31],
        range,
    );
    let inputs = vec![vec![0, 1, -1, most], vec![0; 4]];
    let (found, _) = numbers::<S>(&inputs, |protocol, x| ops::divide(protocol, &x[0], &x[1], range));
    assert_eq!(found, [0; 4]);
}

fn divides_by_zero<S: Tested>() {
    let range = DivideRange { numerator_bits: 60, denominator_bits: 60, result_bits: 60, fraction: 20 };
    let inputs = vec![vec![0, 1, -1, (1 << 60) - 1, 1 - (1 << 60), 12345], vec![0; 6]];
    let (found, _) = numbers::<S>(&inputs, |protocol, x| ops::divide(protocol, &x[0], &x[1], range));
    assert_eq!(found, [0; 6]);
}

fn extreme_quotients<S: Tested>() {
    let most = (1i128 << 118) - 1;
    let range = |result_bits, fraction| DivideRange {
        numerator_bits: 118,
        denominator_bits: 60,
        result_bits,
        fraction,
    };
    // The largest operands, tiny quotients, powers of two on both sides, signs.
    let numerators = vec![most, -most, 1 << 117, -1 << 117, 1, -1, 0, 3];
    check_division::<S>(numerators.clone(), vec![(1 << 60) - 1; 8], range(60, 50));
    check_division::<S>(numerators, vec![1 << 59; 8], range(60, 50));
    check_division::<S>(vec![(1 << 109) - 1, 1 - (1 << 109), 1, -1, 7, 0], vec![1; 6], range(110, 0));
    check_division::<S>(vec![1, -1, 1, 2], vec![3, 3, 1, 2], range(2, 108));
}

fn check_root<S: Tested>(radicands: &[i128], range: RootRange) {
    let (found, _) =
        numbers::<S>(&[radicands.to_vec()], |protocol, x| ops::square_root(protocol, &x[0], range));
    for (radicand, found) in radicands.iter().zip(found) {
        let scale = f64::from(range.fraction_out) - f64::from(range.fraction_in) / 2.0;
        let exact = (*radicand as f64).sqrt() * scale.exp2();
        let bound = exact * 2f64.powi(-30) + 1.25;
        assert!(
            (found as f64 - exact).abs() <= bound,
            "√{radicand} with {range:?} gave {found}, not {exact}"
        );
        assert!(*radicand != 0 || found == 0, "√0 gave {found}");
    }
}

fn roots<S: Tested>() {
    let row = (0i128..1 << 100, 0u32..100).prop_map(|(value, small)| value >> small);
    let columns = rows().prop_flat_map(move |rows| prop::collection::vec(row.clone(), rows));
    random((columns, 0u32..60, 0u32..=50), |(radicands, fraction_in, fraction_out)| {
        check_root::<S>(&radicands, RootRange { bits: 100, fraction_in, fraction_out });
    });
}

fn extreme_roots<S: Tested>() {
    for (bits, fraction_in, fraction_out) in
        [(118, 0, 50), (118, 118, 50), (118, 1, 0), (118, 117, 0), (118, 118, 0)]
    {
        let radicands = [0, 1, 2, 3, 4, (1 << 118) - 1, 1 << 117, 1 << 116, (1 << 117) - 1];
        check_root::<S>(&radicands, RootRange { bits, fraction_in, fraction_out });
    }
    check_root::<S>(&[0, 1], RootRange { bits: 1, fraction_in: 0, fraction_out: 10 });
}

/// Both, since they have the same ranges.
fn check_inverses<S: Tested>(x: &[i128], range: InverseRange) {
    let (found, _) = numbers::<S>(&[x.to_vec()], |protocol, x| {
        let reciprocal = ops::reciprocal(protocol, &x[0], range)?;
        let root = ops::inverse_root(protocol, &x[0], range)?;
        Ok(treaty_engine::mpc::Shares::concat(&[&reciprocal, &root]))
    });
    let scale = f64::from(range.fraction_out).exp2();
    for (row, x) in x.iter().enumerate() {
        let value = *x as f64 / f64::from(range.fraction_in).exp2();
        let exact = if *x == 0 { [0.0; 2] } else { [scale / value, scale / value.sqrt()] };
        for (found, exact) in [found[row], found[found.len() / 2 + row]].into_iter().zip(exact) {
            let bound = exact * 2f64.powi(-30) + if *x == 0 { 0.0 } else { 1.0 };
            assert!((found as f64 - exact).abs() <= bound, "{x} with {range:?} gave {found}, not {exact}");
        }
    }
}

fn inverses<S: Tested>() {
    let row = (0i128..1 << 100, 0u32..100).prop_map(|(value, small)| value >> small);
    let columns = rows().prop_flat_map(move |rows| prop::collection::vec(row.clone(), rows));
    random((columns, 0u32..=60, 0u32..=50), |(x, fraction_in, fraction_out)| {
        check_inverses::<S>(&x, InverseRange { bits: 100, fraction_in, fraction_out });
    });
}

fn extreme_inverses<S: Tested>() {
    for (fraction_in, fraction_out) in [(0, 0), (0, 50), (60, 0), (60, 50), (59, 49)] {
        let x = [0, 1, 2, 3, 4, (1 << 118) - 1, 1 << 117, 1 << 116, (1 << 117) - 1, 1 << 60, (1 << 60) + 1];
        check_inverses::<S>(&x, InverseRange { bits: 118, fraction_in, fraction_out });
    }
    check_inverses::<S>(&[0, 1], InverseRange { bits: 1, fraction_in: 0, fraction_out: 10 });
}
