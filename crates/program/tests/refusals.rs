//! Every way in which a program is refused, by its exact reason.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use treaty_program::{
    Beside, Builder, Divide, Flaw, Key, Kind, Operation, Program, SquareRoot, TextFlaw, ValueId,
    limits::{MAX_BESIDE, MAX_CELLS, MAX_CONSTANTS, MAX_NAME, MAX_OUTPUTS, MAX_ROWS, MAX_STAGES, MAX_VALUES},
};

const X: ValueId = ValueId(0);
const BIT: ValueId = ValueId(1);
const SHORT: ValueId = ValueId(2);
const NEXT: ValueId = ValueId(3);

/// x: integer[4] of 60 bits, a bit[4], and an integer[3].
fn builder() -> Builder {
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", 4).unwrap();
    b.stage(0, "t", "south/t@1", "SELECT", 3).unwrap();
    b.input("x", 0, 0, Kind::Integer, 60).unwrap();
    b.input("bit", 0, 1, Kind::Bit, 1).unwrap();
    b.input("short", 1, 0, Kind::Integer, 60).unwrap();
    b
}

/// The builder's reason, which the verifier must share.
fn refused(operation: Operation) -> Flaw {
    let mut b = builder();
    let flaw = b.push(operation.clone()).unwrap_err();
    let mut program = finished();
    program.body.push(operation);
    assert_eq!(program.verify(), Err(flaw.clone()));
    // A refusal leaves the builder as it was.
    b.output("x", X).unwrap();
    assert_eq!(b.finish().unwrap(), finished());
    flaw
}

fn finished() -> Program {
    let mut b = builder();
    b.output("x", X).unwrap();
    b.finish().unwrap()
}

#[test]
fn operands_must_be_defined_before_use() {
    let flaw = refused(Operation::Add(X, NEXT));
    assert_eq!(flaw, Flaw::Undefined { operation: "add", at: NEXT, operand: NEXT });
    assert_eq!(flaw.to_string(), "add at v3 reads v3, which is not defined before it");
    assert!(matches!(refused(Operation::Concat(vec![X, ValueId(u32::MAX)])), Flaw::Undefined { .. }));
}

#[test]
fn kinds_must_agree() {
    let expected = Flaw::KindMismatch {
        operation: "multiply",
        at: NEXT,
        operand: BIT,
        expected: Kind::Integer,
        found: Kind::Bit,
    };
    assert_eq!(refused(Operation::Multiply(X, BIT)), expected);
    let kind = |operation| matches!(refused(operation), Flaw::KindMismatch { .. });
    assert!(kind(Operation::And(BIT, X)));
    assert!(kind(Operation::Not(X)));
    assert!(kind(Operation::Sum(BIT)));
    assert!(kind(Operation::ToInteger(X)));
    assert!(kind(Operation::Select { condition: X, then: X, otherwise: X }));
    assert!(kind(Operation::Select { condition: BIT, then: X, otherwise: BIT }));
    assert!(kind(Operation::Concat(vec![X, BIT])));
}

#[test]
fn rows_must_agree() {
    let expected =
        Flaw::RowMismatch { operation: "add", at: NEXT, first: X, expected: 4, operand: SHORT, found: 3 };
    assert_eq!(refused(Operation::Add(X, SHORT)), expected);
    let select = Operation::Select { condition: BIT, then: SHORT, otherwise: SHORT };
    assert!(matches!(refused(select), Flaw::RowMismatch { first: BIT, operand: SHORT, .. }));
}

#[test]
fn nothing_may_leave_the_exact_range() {
    let mut b = builder();
    let square = b.multiply(X, X).unwrap();
    assert_eq!(b.value(square).unwrap().bits(), 120);
    let wide = Flaw::TooWide { operation: "multiply", at: ValueId(4), bits: 180, most: 126 };
    assert_eq!(b.multiply(square, X).unwrap_err(), wide);
    // 2^120 fits 64 times, not 65.
    let many = b.repeat(square, 16).unwrap();
    assert_eq!(b.value(many).unwrap().ty.rows, 64);
    let sum = b.sum(many).unwrap();
    assert_eq!(b.value(sum).unwrap().bits(), 126);
    assert!(matches!(b.add(sum, sum).unwrap_err(), Flaw::TooWide { bits: 127, .. }));
}

#[test]
fn parameters_must_lie_in_range() {
    let divide = |numerator_bits, denominator_bits, result_bits, fraction| {
        let d =
            Divide { numerator: X, denominator: X, numerator_bits, denominator_bits, result_bits, fraction };
        match refused(Operation::Divide(d)) {
            Flaw::Parameter { parameter, .. } => parameter,
            other => panic!("{other}"),
        }
    };
    assert_eq!(divide(119, 60, 60, 30), "numerator bits");
    assert_eq!(divide(118, 61, 60, 30), "denominator bits");
    assert_eq!(divide(118, 60, 0, 30), "result bits");
    assert_eq!(divide(118, 60, 111, 0), "result bits");
    assert_eq!(divide(118, 60, 80, 31), "fraction bits");
    let root = |bits, fraction_in, fraction_out| match refused(Operation::SquareRoot(SquareRoot {
        of: X,
        bits,
        fraction_in,
        fraction_out,
    })) {
        Flaw::Parameter { parameter, .. } => parameter,
        other => panic!("{other}"),
    };
    assert_eq!(root(0, 0, 0), "bits");
    assert_eq!(root(10, 11, 0), "fraction bits of the operand");
    assert_eq!(root(10, 10, 51), "fraction bits");
    assert!(matches!(refused(Operation::Repeat { of: X, times: 0 }), Flaw::Parameter { .. }));
    assert!(matches!(refused(Operation::Repeat { of: X, times: u32::MAX }), Flaw::Parameter { .. }));
}

#[test]
fn constants_must_fit_their_kind() {
    let constant = |kind, values| refused(Operation::Constant { kind, values });
    let range = |kind, row, found| Flaw::ConstantRange { at: NEXT, row, kind, found };
    assert_eq!(constant(Kind::Bit, vec![1, 2]), range(Kind::Bit, 1, 2));
    assert_eq!(constant(Kind::Bit, vec![-1]), range(Kind::Bit, 0, -1));
    assert_eq!(constant(Kind::Integer, vec![1 << 126]), range(Kind::Integer, 0, 1 << 126));
    assert_eq!(constant(Kind::Integer, vec![i128::MIN]), range(Kind::Integer, 0, i128::MIN));
}

#[test]
fn slices_and_concatenations_must_exist() {
    let slice = Operation::Slice { of: X, start: u32::MAX, rows: u32::MAX };
    let end = 2 * u64::from(u32::MAX);
    assert_eq!(refused(slice), Flaw::SliceRange { at: NEXT, start: u32::MAX, end, of: X, rows: 4 });
    assert_eq!(refused(Operation::Concat(vec![])), Flaw::EmptyConcat { at: NEXT });
}

#[test]
fn inputs_must_be_well_declared() {
    let mut b = builder();
    let name = || "n".to_owned();
    assert_eq!(
        b.input("n", 2, 0, Kind::Bit, 1).unwrap_err(),
        Flaw::UnknownStage { name: name(), stage: 2, stages: 2 }
    );
    for (kind, bits, most) in [(Kind::Integer, 0, 126), (Kind::Integer, 127, 126), (Kind::Bit, 2, 1)] {
        let flaw = Flaw::InputWidth { name: name(), bits, kind, least: 1, most };
        assert_eq!(b.input("n", 0, 5, kind, bits).unwrap_err(), flaw);
    }
    let duplicate = Flaw::DuplicateName { what: "input", name: "x".into() };
    assert_eq!(b.input("x", 0, 5, Kind::Bit, 1).unwrap_err(), duplicate);
    assert_eq!(
        b.input("n", 0, 1, Kind::Bit, 1).unwrap_err(),
        Flaw::DuplicateInput { first: "bit".into(), second: name(), stage: 0, column: 1 }
    );
    b.negate(X).unwrap();
    assert_eq!(b.input("n", 0, 5, Kind::Bit, 1).unwrap_err(), Flaw::LateInput { name: name() });
}

#[test]
fn datasets_beside_must_be_well_declared() {
    let mut b = builder();
    let unknown = b.read_beside(2, "u", "north/u@1").unwrap_err();
    assert_eq!(unknown, Flaw::BesideUnknownStage { dataset: "north/u@1".into(), stage: 2, stages: 2 });
    let duplicate = |name: &str| Flaw::DuplicateTable { name: name.into() };
    assert_eq!(b.read_beside(0, "t", "north/u@1").unwrap_err(), duplicate("t"));
    b.read_beside(0, "u", "north/u@1").unwrap();
    let twice = b.read_beside(0, "u", "north/v@1").unwrap_err();
    assert_eq!(twice, duplicate("u"));
    assert_eq!(twice.to_string(), "a stage reads two tables that are named `u`; give each its own name");
    let reason = TextFlaw::Empty;
    let what = |what: &str| Flaw::Text { what: what.into(), reason };
    assert_eq!(b.read_beside(0, "", "north/v@1").unwrap_err(), what("a stage's table name"));
    assert_eq!(b.read_beside(0, "v", "").unwrap_err(), what("a stage's dataset"));
    // Names of one stage are no other's, and one dataset may be read under several.
    b.read_beside(1, "u", "south/t@1").unwrap();
    for table in 1..MAX_BESIDE {
        b.read_beside(0, format!("u{table}"), "north/u@1").unwrap();
    }
    let most = b.read_beside(0, "last", "north/u@1").unwrap_err();
    let what = "datasets beside one stage's own";
    assert_eq!(most, Flaw::TooMany { what, found: MAX_BESIDE + 1, most: MAX_BESIDE });

    // A refusal leaves the builder as it was, and the verifier's reasons are the same.
    b.output("x", X).unwrap();
    let program = b.finish().unwrap();
    let datasets: Vec<_> = program.stages[1].tables().collect();
    assert_eq!(datasets, [("t", "south/t@1"), ("u", "south/t@1")]);
    assert_eq!(program.stages[0].beside.len() as u64, MAX_BESIDE);
    let mut repeated = program.clone();
    repeated.stages[1].beside[0].table = "t".into();
    assert_eq!(repeated.verify(), Err(duplicate("t")));
    let mut many = program;
    many.stages[0].beside.push(Beside { table: "last".into(), dataset: "north/u@1".into() });
    assert_eq!(many.verify(), Err(most));
}

#[test]
fn outputs_must_be_well_declared() {
    assert_eq!(builder().finish().unwrap_err(), Flaw::NoOutput);
    let mut b = builder();
    b.output("x", X).unwrap();
    let duplicate = Flaw::DuplicateName { what: "output", name: "x".into() };
    assert_eq!(b.output("x", BIT).unwrap_err(), duplicate);
    let undefined = Flaw::UndefinedOutput { name: "y".into(), value: NEXT };
    assert_eq!(b.output("y", NEXT).unwrap_err(), undefined);
}

#[test]
fn texts_must_show_what_they_are() {
    let reason = |sql: &str| match Builder::new().stage(0, "t", "d", sql, 1).unwrap_err() {
        Flaw::Text { reason, .. } => reason,
        other => panic!("{other}"),
    };
    assert_eq!(reason(""), TextFlaw::Empty);
    assert_eq!(reason("SELECT 1 \u{202E} 2"), TextFlaw::Invisible(0x202E));
    assert_eq!(reason("SELECT\r\n1"), TextFlaw::Invisible(0xD));
    let most = 1 << 20;
    assert_eq!(reason(&"x".repeat(most + 1)), TextFlaw::TooLong { found: most + 1, most });
    let mut b = builder();
    let long = b.output("é".repeat(MAX_NAME), X).unwrap_err();
    let reason = TextFlaw::TooLong { found: 2 * MAX_NAME, most: MAX_NAME };
    assert_eq!(long, Flaw::Text { what: "an output's name".into(), reason });
    let newline = b.output("two\nlines", X).unwrap_err();
    assert_eq!(
        newline.to_string(),
        "an output's name contains the invisible character U+000A, which could hide from a reader what runs; remove it"
    );
}

#[test]
fn sizes_are_bounded() {
    let mut b = Builder::new();
    let rows = b.stage(0, "t", "d", "SELECT", MAX_ROWS + 1).unwrap_err();
    assert!(matches!(rows, Flaw::TooMany { what: "rows in one stage", .. }));
    for _ in 0..MAX_STAGES {
        b.stage(0, "t", "d", "SELECT", MAX_ROWS).unwrap();
    }
    let stages = b.stage(0, "t", "d", "SELECT", 1).unwrap_err();
    assert_eq!(stages, Flaw::TooMany { what: "stages", found: MAX_STAGES + 1, most: MAX_STAGES });

    let columns = (MAX_CELLS / u64::from(MAX_ROWS)) as u16;
    for column in 0..columns {
        b.input(format!("{column}"), 0, column, Kind::Bit, 1).unwrap();
    }
    let cells = b.input("last", 0, columns, Kind::Bit, 1).unwrap_err();
    assert!(matches!(cells, Flaw::TooMany { what: "elements in all its columns", .. }));

    let mut b = builder();
    b.constant(vec![0; MAX_CONSTANTS]).unwrap();
    let constants = b.constant(vec![0]).unwrap_err();
    assert!(matches!(constants, Flaw::TooMany { what: "elements in its constants", .. }));
    for _ in 0..MAX_VALUES - 4 {
        b.not(BIT).unwrap();
    }
    assert!(matches!(b.not(BIT).unwrap_err(), Flaw::TooMany { what: "inputs and instructions", .. }));
    (0..MAX_OUTPUTS).for_each(|i| b.output(format!("{i}"), X).unwrap());
    assert!(matches!(b.output("last", X).unwrap_err(), Flaw::TooMany { what: "outputs", .. }));
}

/// The reason for refusing `operation` on a matrix v3 of two by two, made of x, and an order v4 of the rows of x.
fn refused_of_shapes(operation: Operation) -> Flaw {
    let mut b = builder();
    b.reshape(X, 2, 2).unwrap();
    b.sort(vec![Key { of: X, descending: false }]).unwrap();
    b.push(operation).unwrap_err()
}

#[test]
fn shapes_must_agree() {
    let (matrix, order) = (ValueId(3), ValueId(4));
    let flaw = refused_of_shapes(Operation::MatrixMultiply(X, matrix));
    assert_eq!(flaw.to_string(), "matrix multiply at v5: v0 has 1 columns, but v3 has 2 rows");
    let flaw = refused_of_shapes(Operation::Reshape { of: X, rows: 3, columns: 1 });
    assert_eq!(flaw.to_string(), "reshape at v5 has elements 3; it must lie in 4 to 4");
    let flaw = refused_of_shapes(Operation::RunningSum(matrix));
    assert_eq!(flaw.to_string(), "running sum at v5 needs a column, but v3 has rows of 2 elements");
    assert!(matches!(refused_of_shapes(Operation::Arrange { of: SHORT, order }), Flaw::RowMismatch { .. }));
    let flaw = refused_of_shapes(Operation::Concat(vec![matrix, SHORT]));
    assert!(matches!(flaw, Flaw::ColumnMismatch { expected: 2, found: 1, .. }));
}

#[test]
fn orders_and_groups_stay_inside() {
    let order = ValueId(4);
    let flaw = refused_of_shapes(Operation::Slice { of: order, start: 0, rows: 1 });
    assert_eq!(flaw.to_string(), "slice at v5 needs numbers or bits, but v4 is of kind order");
    assert!(matches!(refused_of_shapes(Operation::Add(order, order)), Flaw::KindMismatch { .. }));
    let constant = Operation::Constant { kind: Kind::Groups, values: vec![] };
    assert!(matches!(refused(constant), Flaw::OpaqueConstant { .. }));
    let mut b = builder();
    let order = b.sort(vec![Key { of: BIT, descending: true }]).unwrap();
    let flaw = b.output("order", order).unwrap_err();
    assert_eq!(flaw, Flaw::OpaqueOutput { name: "order".into(), value: NEXT, kind: Kind::Order });
    let mut b = Builder::new();
    b.stage(0, "t", "d", "SELECT", 4).unwrap();
    assert!(matches!(b.input("x", 0, 0, Kind::Order, 1), Err(Flaw::OpaqueInput { .. })));
}

#[test]
fn functions_need_room() {
    let fixed = |fraction| Operation::ReadAs { of: X, kind: Kind::Fixed(fraction) };
    let on = |fraction, operation: fn(ValueId) -> Operation| {
        let mut b = builder();
        let x = b.push(fixed(fraction)).unwrap();
        b.push(operation(x)).unwrap_err()
    };
    assert!(matches!(refused(Operation::Log(X)), Flaw::KindMismatch { found: Kind::Integer, .. }));
    assert!(matches!(on(31, Operation::Sigmoid), Flaw::Parameter { found: 31, most: 30, .. }));
    assert!(matches!(on(5, Operation::Tanh), Flaw::Parameter { found: 55, most: 51, .. }));
    assert!(matches!(refused(Operation::Exp { of: BIT, result_bits: 3 }), Flaw::KindMismatch { .. }));
    assert!(matches!(refused(fixed(101)), Flaw::Parameter { parameter: "binary places", .. }));
    assert!(matches!(refused(Operation::ReadAs { of: X, kind: Kind::Bit }), Flaw::KindMismatch { .. }));
    assert!(matches!(refused(Operation::ShiftLeft { of: X, places: 67 }), Flaw::TooWide { bits: 127, .. }));
    assert!(matches!(refused(Operation::RescaleNear { of: X, fraction: 0 }), Flaw::Parameter { .. }));
    assert!(matches!(refused(Operation::Decompose { of: X, width: 127 }), Flaw::Parameter { .. }));
    assert!(matches!(refused(Operation::Sort(vec![])), Flaw::Parameter { parameter: "keys", .. }));
    let keys = vec![X; 9];
    assert!(matches!(refused(Operation::Group(keys)), Flaw::Parameter { parameter: "key bits", .. }));
    let lookup = Operation::Lookup { queries: vec![X], keys: vec![X, X], columns: vec![] };
    assert!(matches!(refused(lookup), Flaw::Parameter { parameter: "keys", .. }));
}

/// Errors grow by what is done with a value; where a promise is made of an inexact one, nobody can bound them.
#[test]
fn errors_are_carried() {
    let mut b = builder();
    let two = b.scale(X, 2).unwrap();
    let near = b.read_as(two, Kind::Fixed(8)).unwrap();
    let near = b.rescale_near(near, 4).unwrap();
    let twice = b.add(near, near).unwrap();
    let large = b.less_than(near, twice).unwrap();
    let kept = b.select(large, near, twice).unwrap();
    let digits = b.read_as(near, Kind::Integer).unwrap();
    let range = SquareRoot { of: digits, bits: 60, fraction_in: 0, fraction_out: 0 };
    let root = b.square_root(range).unwrap();
    let error = |id| b.value(id).unwrap().error;
    assert_eq!([two, near, twice, large].map(error), [Some(0), Some(1), Some(2), Some(1)]);
    assert_eq!(error(kept), Some(2 * b.value(twice).unwrap().magnitude));
    assert_eq!(error(root), None);
}
