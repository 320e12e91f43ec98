//! Fixed-point arithmetic and functions against floating point.

use proptest::prelude::*;
use ring::{Number, Shape};
use treaty_engine::Error;
use treaty_engine::mpc::Numbers;
use treaty_engine::ops::fixed::{self, Fixed};

use super::harness::{Tested, columns, numbers, random, ring_bits, rows, session};
use super::{on_all_schemes, on_wide_schemes};

on_all_schemes!(multiplies, multiplies_matrices, formats_have_limits);
on_wide_schemes!(functions, extreme_functions, probabilities, extreme_probabilities);

/// A format that leaves no room for inexact truncation over 64 bits.
const NARROW: Fixed = Fixed { integer: 20, fraction: 18 };

fn multiplies<S: Tested>() {
    random(columns(2, 26), |inputs| {
        let (found, _) = numbers::<S>(&inputs, |protocol, x| fixed::mul(protocol, &x[0], &x[1], NARROW));
        for ((x, y), found) in inputs[0].iter().zip(&inputs[1]).zip(found) {
            let exact = (x * y) >> NARROW.fraction;
            assert!(found == exact || found == exact + 1, "{x} · {y} gave {found}");
        }
    });
}

fn multiplies_matrices<S: Tested>() {
    let shape = (0usize..6, 0usize..6, 0usize..6);
    random((shape, any::<u64>()), |((rows, inner, columns), seed)| {
        let shape = Shape { rows, inner, columns };
        let value = |place: usize| (seed.rotate_left(place as u32 * 7) >> 41) as i128 - (1 << 22);
        let inputs = vec![
            (0..shape.left()).map(value).collect(),
            (0..shape.right()).map(|place| value(place + 3)).collect(),
        ];
        let (found, _) =
            numbers::<S>(&inputs, |protocol, x| fixed::matmul(protocol, &x[0], &x[1], shape, NARROW));
        assert_eq!(found.len(), shape.product());
        for (place, found) in found.into_iter().enumerate() {
            let (row, column) = (place / columns, place % columns);
            let terms = (0..inner).map(|k| inputs[0][row * inner + k] * inputs[1][k * columns + column]);
            let exact = terms.sum::<i128>() >> NARROW.fraction;
            assert!(found == exact || found == exact + 1, "{found} is not {exact}");
        }
    });
}

fn formats_have_limits<S: Tested>() {
    let wide = Fixed { integer: ring_bits::<S>(), fraction: 18 };
    let found = session::<S, _>(|protocol| {
        let x = protocol.public(&[S::Num::from_u128(1)]);
        fixed::mul(protocol, &x, &x, wide).map(|_: Numbers<S>| ())
    });
    assert!(found.iter().all(|found| matches!(found, Err(Error::OutOfRange { .. }))), "{found:?}");
}

type Function<S> = fn(&mut S, &Numbers<S>, Fixed) -> treaty_engine::Result<Numbers<S>>;

/// Checks against `exact` within the stated relative and absolute errors and one unit.
fn check<S: Tested>(
    values: &[f64],
    format: Fixed,
    f: Function<S>,
    exact: fn(f64) -> f64,
    errors: (f64, f64),
) {
    let inputs: Vec<_> =
        values.iter().map(|value| format.encode::<S::Num>(*value).unwrap().to_i128()).collect();
    let (found, _) = numbers::<S>(std::slice::from_ref(&inputs), |protocol, x| f(protocol, &x[0], format));
    for (input, found) in inputs.iter().zip(found) {
        let value = format.decode(S::Num::from_i128(*input));
        let (found, exact) = (format.decode(S::Num::from_i128(found)), exact(value));
        let bound = exact.abs() * errors.0 + errors.1 + 2.0 * f64::from(format.fraction).exp2().recip();
        assert!((found - exact).abs() <= bound, "f({value}) gave {found}, not {exact} with {format:?}");
    }
}

const PART: f64 = 1.0 / (1u64 << 22) as f64;

/// What [`fixed::sigmoid_coarse`] may be off.
const COARSE: f64 = 1.0 / (1u64 << 11) as f64;

/// What [`fixed::sigmoid`] may be off, besides a place of the result.
fn bent(format: Fixed) -> f64 {
    PART * if format.fraction > 18 { 4.0 } else { 16.0 }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn functions<S: Tested>() {
    let formats = prop_oneof![
        Just(Fixed::default()),
        Just(Fixed { integer: 30, fraction: 30 }),
        Just(Fixed { integer: 16, fraction: 8 })
    ];
    let column = rows().prop_flat_map(|rows| prop::collection::vec(-11.0f64..11.0, rows));
    random((column, formats), |(values, format)| {
        check::<S>(&values, format, fixed::exp, f64::exp, (PART, 0.0));
        check::<S>(&values, format, fixed::sigmoid, sigmoid, (0.0, bent(format)));
        check::<S>(&values, format, fixed::sigmoid_coarse, sigmoid, (0.0, COARSE));
        check::<S>(&values, format, fixed::tanh, f64::tanh, (0.0, 2.0 * bent(format)));
        let positive: Vec<_> = values.iter().map(|value| value.exp().max(0.01)).collect();
        check::<S>(&positive, format, fixed::log, f64::ln, (0.0, PART));
    });
}

fn extreme_functions<S: Tested>() {
    let format = Fixed::default();
    let smallest = f64::from(format.fraction).exp2().recip();
    let most = f64::from(format.integer).exp2() - 1.0;
    check::<S>(
        &[-most, -50.0, -27.8, -27.7, 0.0, smallest, -smallest, 16.6],
        format,
        fixed::exp,
        f64::exp,
        (PART, 0.0),
    );
    check::<S>(
        &[-most, most, -40.0, 40.0, 0.0, smallest, -smallest],
        format,
        fixed::sigmoid,
        sigmoid,
        (0.0, bent(format)),
    );
    check::<S>(
        &[-most, most, -8.0, 8.0, -8.0 - smallest, 8.0 - smallest, 0.0, smallest, -smallest],
        format,
        fixed::sigmoid_coarse,
        sigmoid,
        (0.0, COARSE),
    );
    check::<S>(&[-most, most, 0.0], format, fixed::tanh, f64::tanh, (0.0, 2.0 * bent(format)));
    check::<S>(&[most, smallest, 1.0, 0.5, 2.0, 1.0 - smallest], format, fixed::log, f64::ln, (0.0, PART));
}

fn check_softmax<S: Tested>(rows: &[Vec<f64>], columns: usize, format: Fixed) {
    let encode = |value: &f64| format.encode::<S::Num>(*value).unwrap().to_i128();
    let inputs: Vec<_> = rows.iter().flatten().map(encode).collect();
    let (found, _) = numbers::<S>(&[inputs], |protocol, x| fixed::softmax(protocol, &x[0], columns, format));
    let unit = f64::from(format.fraction).exp2().recip();
    for (row, found) in rows.iter().zip(found.chunks(columns.max(1))) {
        let row: Vec<_> = row.iter().map(|value| format.decode(S::Num::from_i128(encode(value)))).collect();
        let most = row.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = row.iter().map(|value| (value - most).exp()).sum();
        for (value, found) in row.iter().zip(found) {
            let (exact, found) = ((value - most).exp() / sum, format.decode(S::Num::from_i128(*found)));
            let bound = 4.0 * PART + columns as f64 * PART / 128.0 + unit;
            assert!((found - exact).abs() <= bound, "{row:?} gave {found}, not {exact}");
        }
    }
}

fn probabilities<S: Tested>() {
    let formats = prop_oneof![Just(Fixed::default()), Just(Fixed { integer: 16, fraction: 30 })];
    let shape = (0usize..30, 0usize..12);
    let matrix = shape.prop_flat_map(|(rows, columns)| {
        let value = prop_oneof![3 => -9.0f64..9.0, 1 => Just(9.0f64), 1 => Just(-9.0f64)];
        (prop::collection::vec(prop::collection::vec(value, columns), rows), Just(columns))
    });
    random((matrix, formats), |((rows, columns), format)| check_softmax::<S>(&rows, columns, format));
}

fn extreme_probabilities<S: Tested>() {
    let format = Fixed::default();
    let most = f64::from(format.integer).exp2() - 1.0;
    let rows =
        [vec![most, -most, 0.0], vec![most, most, most], vec![-most, -most, -most], vec![0.0, 0.0, -most]];
    check_softmax::<S>(&rows, 3, format);
    check_softmax::<S>(&[vec![3.0], vec![-most]], 1, format);
    let found = session::<S, _>(|protocol| {
        let x = protocol.public(&[S::Num::from_u128(1); 5]);
        fixed::softmax(protocol, &x, 2, Fixed::default()).map(|_: Numbers<S>| ())
    });
    assert!(found.iter().all(|found| matches!(found, Err(Error::Lengths { .. }))), "{found:?}");
}
