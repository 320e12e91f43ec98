//! Random programs with inputs on which they are defined, from a finite string of choices: a failing case shrinks
//! with its string. Values that are not exact on shares are read like others: how far they may be off is the
//! verifier's to say. Also used by the tests of crate `vm`.

mod tables;

use treaty_program::{Builder, Divide, Flaw, Kind, Operation, Program, SquareRoot, ValueId};

/// Numbers that stand for choices; zeros once they are used up.
struct Choices<'a>(std::slice::Iter<'a, u32>);

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.0.next().map_or(0, |&c| c as usize % n.max(1))
    }

    fn bits(&mut self, bits: u8) -> i128 {
        let word = (0..4).fold(0u128, |x, _| x << 32 | u128::from(*self.0.next().unwrap_or(&0)));
        let magnitude = (word >> 2 & ((1 << bits) - 1)) as i128;
        let most = (1i128 << bits) - 1;
        match word & 3 {
            0 => magnitude,
            1 => -magnitude,
            2 => [0, 1, -1, most, -most][magnitude as usize % 5],
            _ => magnitude % 4,
        }
    }
}

/// A program of about `steps` instructions over columns of `rows` rows, and inputs for it.
pub(crate) fn program(choices: &[u32], rows: u32, steps: usize) -> (Program, Vec<Vec<i128>>) {
    program_that(choices, rows, steps, |_| true)
}

/// As [`program`], but each step must leave a program that `passes`.
pub(crate) fn program_that(
    choices: &[u32],
    rows: u32,
    steps: usize,
    passes: impl Fn(&Program) -> bool,
) -> (Program, Vec<Vec<i128>>) {
    let mut choices = Choices(choices.iter());
    let (mut builder, inputs, mut values) = inputs(&mut choices, rows);
    for _ in 0..steps {
        let before = builder.clone();
        // A refusal is one of the possible outcomes of a random choice.
        let made = step(&mut builder, &mut choices, &values).ok();
        let newest = made.or(values.last().copied());
        if newest.and_then(|newest| opened(&builder, newest)).is_some_and(|program| !passes(&program)) {
            builder = before;
        } else {
            values.extend(made);
        }
    }
    // The newest values depend on the most others.
    for (i, &value) in values.iter().rev().take(1 + choices.below(8)).enumerate() {
        builder.output(format!("result \"{i}\" \\ é"), value).unwrap();
    }
    (builder.finish().unwrap(), inputs)
}

/// The program so far, which opens one value.
fn opened(builder: &Builder, value: ValueId) -> Option<Program> {
    let mut builder = builder.clone();
    builder.output("newest", value).ok()?;
    builder.finish().ok()
}

fn inputs(choices: &mut Choices<'_>, rows: u32) -> (Builder, Vec<Vec<i128>>, Vec<ValueId>) {
    let mut builder = Builder::new();
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for stage in 0..1 + choices.below(2) as u16 {
        let sql = format!("SELECT a,\n\n  b -- \"{stage}\" | \\\n\tFROM t");
        builder.stage(stage, "t", format!("party{stage}/t@1"), sql, rows).unwrap();
        for beside in 0..choices.below(3) {
            let (table, dataset) = (format!("t \"{beside}\" \\"), format!("party{stage}/u@{beside}"));
            builder.read_beside(stage, table, dataset).unwrap();
        }
        for column in 0..1 + choices.below(3) as u16 {
            let kind = if choices.below(4) == 0 { Kind::Bit } else { Kind::Integer };
            let bits = if kind == Kind::Bit { 1 } else { [1, 7, 20, 33, 52][choices.below(5)] };
            let name = format!("column {column} of {stage}");
            values.push(builder.input(name, stage, column, kind, bits).unwrap());
            let element =
                |c: &mut Choices<'_>| if kind == Kind::Bit { c.bits(1).abs() } else { c.bits(bits) };
            columns.push((0..rows).map(|_| element(choices)).collect());
        }
    }
    (builder, columns, values)
}

fn step(b: &mut Builder, choices: &mut Choices<'_>, values: &[ValueId]) -> Result<ValueId, Flaw> {
    let which = choices.below(36);
    let mut any = || values[values.len() - 1 - choices.below(values.len().min(12))];
    let (x, y, z) = (any(), any(), any());
    let rows = b.value(x).unwrap().ty.rows;
    match which {
        0 => {
            let mut values: Vec<i128> = (0..rows).map(|_| choices.bits(40)).collect();
            values.sort_unstable();
            b.constant(values)
        }
        1 => b.constant_bits(&(0..rows).map(|_| choices.below(2) == 1).collect::<Vec<_>>()),
        2 => b.add(x, y),
        3 => b.subtract(x, y),
        4 => b.negate(x),
        5 => b.multiply(x, y),
        6 => b.sum(x),
        7 => b.to_integer(x),
        8 => b.less_than(x, y),
        9 => b.equal(x, y),
        10 => b.minimum(x, y),
        11 => b.maximum(x, y),
        12 => b.not(x),
        13 => b.and(x, y),
        14 => b.or(x, y),
        15 => b.xor(x, y),
        16 | 17 => {
            let condition = b.less_than(x, y)?;
            b.select(condition, z, x)
        }
        18 => b.slice(x, choices.below(rows as usize + 1) as u32, choices.below(4) as u32),
        19 => b.concat(vec![x, y]),
        20 => b.repeat(x, 1 + choices.below(2) as u32),
        21 | 22 => inexact(b, choices, x, y),
        _ => tables::step(b, choices, [x, y, z]),
    }
}

fn inexact(b: &mut Builder, choices: &mut Choices<'_>, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
    match choices.below(3) {
        0 | 1 => divide(b, x, y, choices.below(25) as u8),
        _ => square_root(b, x, choices.below(9) as u8, choices.below(25) as u8),
    }
}

/// x / y², whose widths follow from the bounds; some denominators are 0.
fn divide(b: &mut Builder, x: ValueId, y: ValueId, fraction: u8) -> Result<ValueId, Flaw> {
    let denominator = b.multiply(y, y)?;
    let (numerator_bits, denominator_bits) = (width(b, x), width(b, denominator));
    let result_bits = numerator_bits;
    b.divide(Divide { numerator: x, denominator, numerator_bits, denominator_bits, result_bits, fraction })
}

/// √(x²), read with binary places.
fn square_root(b: &mut Builder, x: ValueId, fraction_in: u8, fraction_out: u8) -> Result<ValueId, Flaw> {
    let of = b.multiply(x, x)?;
    b.push(Operation::SquareRoot(SquareRoot { of, bits: width(b, of), fraction_in, fraction_out }))
}

fn width(b: &Builder, x: ValueId) -> u8 {
    b.value(x).unwrap().bits().max(1)
}
