//! The plaintext reference: exact on what it accepts, and refusing what no joint computation could do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod generate;

use proptest::prelude::*;
use treaty_program::{
    Builder, Divide, Fault, Key, Kind, Operand, Operation, SquareRoot, Type, ValueId, Visibility, evaluate,
    interpret,
};

proptest! {
    /// The verifier's bound holds for every value that the interpreter finds.
    #[test]
    fn bounds_hold(choices in proptest::collection::vec(any::<u32>(), 0..600), rows in 0u32..6) {
        let (mut program, inputs) = generate::program(&choices, rows, 40);
        let values = program.verify().unwrap();
        let opened: Vec<_> = (0..program.len() as u32)
            .map(ValueId)
            .filter(|&id| !values[id].ty.kind.is_opaque())
            .collect();
        let output = |value: &ValueId| treaty_program::Output { name: value.to_string(), value: *value };
        program.outputs = opened.iter().map(output).collect();
        let columns = interpret(&program, &inputs).unwrap();
        for (column, value) in columns.iter().zip(opened.iter().map(|&id| values[id])) {
            prop_assert_eq!(column.len(), value.ty.elements());
            prop_assert!(column.iter().all(|x| x.unsigned_abs() <= value.magnitude));
            prop_assert!(value.ty.kind != Kind::Bit || column.iter().all(|&x| x == 0 || x == 1));
        }
    }

    #[test]
    fn quotients_are_floors(n in -(1i128 << 118) + 1..1 << 118, d in 1i128..1 << 60, fraction in 0u8..60) {
        let bits = (n.unsigned_abs() / d.unsigned_abs()).checked_ilog2().map_or(1, |b| b as u8 + 1);
        prop_assume!(bits + fraction <= 110);
        let q = divide(n, d, bits, fraction).unwrap();
        // q ≤ n·2^f/d < q + 1, compared without leaving 128 bits: split off the remainder.
        let (high, low) = (n.div_euclid(d), n.rem_euclid(d));
        prop_assert_eq!(q >> fraction, high);
        let places = (q - (high << fraction)) as f64 / (1u128 << fraction) as f64;
        let expected = low as f64 / d as f64;
        prop_assert!(places <= expected + 1e-12 && expected < places + 1.0 / (1u128 << fraction) as f64 + 1e-12);
    }

    #[test]
    fn small_quotients_are_floors(n in -(1i128 << 60)..1 << 60, d in 1i128..1 << 60, fraction in 0u8..50) {
        prop_assert_eq!(divide(n, d, 60, fraction).unwrap(), (n << fraction).div_euclid(d));
    }

    #[test]
    fn roots_are_floors(x in 0i128..1 << 118, fraction_in in 0u8..=118, fraction_out in 0u8..=50) {
        let root = SquareRoot { of: ValueId(0), bits: 118, fraction_in, fraction_out };
        let found = evaluate(&Operation::SquareRoot(root), ValueId(1), &[integers(&[x])]).unwrap()[0];
        prop_assert!(found >= 0 && found.unsigned_abs() <= 1 << root.result_bits());
        let shift = 2 * i32::from(fraction_out) - i32::from(fraction_in);
        // found² ≤ x·2^shift < (found + 1)², in floating point of ample precision but for the last places.
        let exact = (x as f64).sqrt() * (f64::from(shift) / 2.0).exp2();
        prop_assert!((found as f64 - exact) <= 1e-9 * exact, "{} {}", found, exact);
        prop_assert!((found as f64 + 1.0 - exact) >= -1e-9 * exact, "{} {}", found, exact);
        if shift <= 0 {
            let scaled = x >> -shift;
            prop_assert!(found * found <= scaled && scaled < (found + 1) * (found + 1));
        }
    }
}

fn integers(elements: &[i128]) -> Operand<'_> {
    let rows = elements.len() as u32;
    Operand { ty: Type { kind: Kind::Integer, rows, columns: 1, visibility: Visibility::Secret }, elements }
}

fn divide(n: i128, d: i128, result_bits: u8, fraction: u8) -> Result<i128, Fault> {
    let (numerator, denominator) = (ValueId(0), ValueId(1));
    let d = (
        Divide { numerator, denominator, numerator_bits: 118, denominator_bits: 60, result_bits, fraction },
        d,
    );
    evaluate(&Operation::Divide(d.0), ValueId(2), &[integers(&[n]), integers(&[d.1])]).map(|column| column[0])
}

#[test]
fn division_by_zero_is_zero() {
    assert_eq!(divide(5, 0, 1, 24), Ok(0));
}

#[test]
fn broken_promises_are_named() {
    let broken = |operand| Err(Fault::BrokenPromise { operation: "divide", at: ValueId(2), operand, row: 0 });
    assert_eq!(divide(1 << 118, 1 << 59, 100, 0), broken("numerator"));
    assert_eq!(divide(1, -1, 100, 0), broken("denominator"));
    assert_eq!(divide(1, 1 << 60, 100, 0), broken("denominator"));
    assert_eq!(divide(8, 1, 3, 0), broken("result"));
    assert_eq!(divide(-8, 1, 3, 0), broken("result"));
    assert_eq!(divide(-15, 2, 3, 0), Ok(-8));
    let root = SquareRoot { of: ValueId(0), bits: 10, fraction_in: 0, fraction_out: 0 };
    for x in [-1, 1 << 10] {
        let fault = evaluate(&Operation::SquareRoot(root), ValueId(1), &[integers(&[4, x])]).unwrap_err();
        let (operation, at) = ("square root", ValueId(1));
        assert_eq!(fault, Fault::BrokenPromise { operation, at, operand: "operand", row: 1 });
    }
}

#[test]
fn overflow_is_an_error() {
    for (operation, x, y) in [
        (Operation::Add(ValueId(0), ValueId(1)), 1 << 125, 1 << 125),
        (Operation::Multiply(ValueId(0), ValueId(1)), i128::MAX, i128::MAX),
        (Operation::Subtract(ValueId(0), ValueId(1)), i128::MIN, 1),
    ] {
        let fault = evaluate(&operation, ValueId(2), &[integers(&[1, x]), integers(&[1, y])]).unwrap_err();
        assert_eq!(fault, Fault::Overflow { operation: operation.name(), at: ValueId(2), row: 1 });
    }
}

#[test]
fn inputs_must_match_their_declaration() {
    let mut b = Builder::new();
    b.stage(0, "t", "d", "SELECT", 2).unwrap();
    let x = b.input("x", 0, 0, Kind::Integer, 4).unwrap();
    b.input("b", 0, 1, Kind::Bit, 1).unwrap();
    b.output("x", x).unwrap();
    let program = b.finish().unwrap();
    let run = |inputs: &[Vec<i128>]| interpret(&program, inputs);
    assert_eq!(run(&[vec![15, -15], vec![0, 1]]), Ok(vec![vec![15, -15]]));
    assert_eq!(run(&[]), Err(Fault::InputCount { expected: 2, found: 0 }));
    let short = Fault::InputRows { name: "x".into(), expected: 2, found: 1 };
    assert_eq!(run(&[vec![1], vec![0, 1]]), Err(short));
    let wide = Fault::InputRange { name: "x".into(), row: 1, bits: 4 };
    assert_eq!(run(&[vec![1, -16], vec![0, 1]]), Err(wide.clone()));
    assert_eq!(wide.to_string(), "row 1 of input `x` lies outside its declared 4 bits");
    let bit = Fault::InputRange { name: "b".into(), row: 0, bits: 1 };
    assert_eq!(run(&[vec![1, 1], vec![-1, 1]]), Err(bit));
}

#[test]
fn each_operation_means_what_its_name_says() {
    let mut b = Builder::new();
    b.stage(0, "t", "d", "SELECT", 4).unwrap();
    let x = b.input("x", 0, 0, Kind::Integer, 8).unwrap();
    let y = b.input("y", 0, 1, Kind::Integer, 8).unwrap();
    let p = b.input("p", 0, 2, Kind::Bit, 1).unwrap();
    let q = b.input("q", 0, 3, Kind::Bit, 1).unwrap();
    let results = [
        (b.add(x, y), vec![1, -3, 14, 0]),
        (b.subtract(x, y), vec![-5, -3, 0, 0]),
        (b.multiply(x, y), vec![-6, 0, 49, 0]),
        (b.negate(x), vec![2, 3, -7, 0]),
        (b.scale(x, -10), vec![20, 30, -70, 0]),
        (b.sum(x), vec![2]),
        (b.to_integer(p), vec![0, 0, 1, 1]),
        (b.less_than(x, y), vec![1, 1, 0, 0]),
        (b.equal(x, y), vec![0, 0, 1, 1]),
        (b.minimum(x, y), vec![-2, -3, 7, 0]),
        (b.maximum(x, y), vec![3, 0, 7, 0]),
        (b.not(p), vec![1, 1, 0, 0]),
        (b.and(p, q), vec![0, 0, 0, 1]),
        (b.or(p, q), vec![0, 1, 1, 1]),
        (b.xor(p, q), vec![0, 1, 1, 0]),
        (b.select(p, x, y), vec![3, 0, 7, 0]),
        (b.select(p, q, p), vec![0, 0, 0, 1]),
        (b.slice(x, 1, 2), vec![-3, 7]),
        (b.slice(x, 4, 0), vec![]),
        (b.concat(vec![p, q]), vec![0, 0, 1, 1, 0, 1, 0, 1]),
        (b.repeat(q, 2), vec![0, 1, 0, 1, 0, 1, 0, 1]),
    ];
    let fixed = b.read_as(x, Kind::Fixed(2)).unwrap();
    let matrix = b.reshape(x, 2, 2).unwrap();
    let keys = [Key { of: p, descending: true }, Key { of: x, descending: false }];
    let order = b.sort(keys.to_vec()).unwrap();
    let groups = b.group(vec![p]).unwrap();
    let more = [
        (b.rescale(fixed, 1), vec![-1, -2, 3, 0]),
        (b.rescale(fixed, 4), vec![-8, -12, 28, 0]),
        (b.rescale_near(fixed, 1), vec![-1, -2, 3, 0]),
        (b.push(Operation::Floor(fixed)), vec![-1, -1, 1, 0]),
        (b.push(Operation::ShiftLeft { of: x, places: 3 }), vec![-16, -24, 56, 0]),
        (b.push(Operation::ShiftRight { of: x, places: 1 }), vec![-1, -2, 3, 0]),
        (b.transpose(matrix), vec![-2, 7, -3, 0]),
        (b.matrix_multiply(matrix, matrix), vec![-17, 6, -14, -21]),
        (b.sum(matrix), vec![5, -3]),
        (b.slice(matrix, 1, 1), vec![7, 0]),
        (b.push(Operation::Least(x)), vec![-3]),
        (b.push(Operation::Greatest(x)), vec![7]),
        (b.push(Operation::RunningSum(x)), vec![-2, -5, 2, 2]),
        (b.push(Operation::RunningMinimum { of: x, starts: p }), vec![-2, -3, 7, 0]),
        (b.push(Operation::RunningMaximum { of: x, starts: q }), vec![-2, -3, 7, 0]),
        (b.push(Operation::Decompose { of: x, width: 2 }), vec![0, 1, 1, 0, 1, 0, 1, 0]),
        (b.push(Operation::Arrange { of: x, order }), vec![0, 7, -3, -2]),
        (b.push(Operation::Restore { of: x, order }), vec![0, 7, -3, -2]),
        (b.group_sum(x, groups), vec![-5, 7, 0, 0]),
        (b.push(Operation::GroupMinimum { of: x, groups }), vec![-3, 0, 0, 0]),
        (b.push(Operation::GroupMaximum { of: y, groups }), vec![3, 7, 0, 0]),
        (b.push(Operation::Occupied(groups)), vec![1, 1, 0, 0]),
        (b.lookup(vec![x], vec![y], vec![y, x]), vec![0, 0, 1, 1, 0, 0, 7, 0, 0, 0, 7, -3]),
        (b.sigmoid(fixed), vec![1, 1, 3, 2]),
        (b.push(Operation::Tanh(fixed)), vec![-2, -3, 3, 0]),
        (b.exp(fixed, 4), vec![2, 1, 23, 4]),
    ];
    let mut expected = Vec::new();
    for (i, (value, column)) in results.into_iter().chain(more).enumerate() {
        b.output(i.to_string(), value.unwrap()).unwrap();
        expected.push(column);
    }
    let inputs = [vec![-2, -3, 7, 0], vec![3, 0, 7, 0], vec![0, 0, 1, 1], vec![0, 1, 0, 1]];
    assert_eq!(interpret(&b.finish().unwrap(), &inputs).unwrap(), expected);
}

proptest! {
    /// Against floating point, which tests may use.
    #[test]
    fn functions_are_floors(x in -(1i64 << 40)..1 << 40, fraction in 1u8..=30) {
        let one = f64::from(fraction).exp2();
        let real = x as f64 / one;
        let near = |found: i128, exact: f64| {
            let exact = exact * one;
            (found as f64 - exact) <= 1e-9 * exact.abs() + 1e-3 && (found as f64 + 1.0 - exact) >= -1e-9 * exact.abs() - 1e-3
        };
        let kind = Kind::Fixed(fraction);
        let ty = Type { kind, rows: 1, columns: 1, visibility: Visibility::Secret };
        let of = |operation: Operation| {
            let operand = Operand { ty, elements: &[x.into()] };
            evaluate(&operation, ValueId(1), &[operand]).map(|column| column[0])
        };
        let v = ValueId(0);
        prop_assert!(near(of(Operation::Sigmoid(v)).unwrap(), 1.0 / (1.0 + (-real).exp())));
        prop_assert!(near(of(Operation::Tanh(v)).unwrap(), real.tanh()));
        match of(Operation::Exp { of: v, result_bits: 52 }) {
            Ok(found) => prop_assert!(near(found, real.exp()), "{found}"),
            Err(_) => prop_assert!(real.exp() > 52f64.exp2() * 0.999),
        }
        match of(Operation::Log(v)) {
            Ok(found) => prop_assert!(near(found, real.ln()), "{found}"),
            Err(_) => prop_assert!(x <= 0),
        }
    }
}
