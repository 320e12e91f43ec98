//! Writing the listing.

use std::fmt::{self, Display, Formatter};

use super::TITLE;
use crate::{Input, Kind, Operation, Program, Stage, ValueId};

/// The listing. Of a program that [`Program::verify`] refuses it ends with the reason, and does not parse.
impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}")?;
        for (i, s) in self.stages.iter().enumerate() {
            writeln!(f)?;
            stage(f, i, s)?;
        }
        let values = self.verify();
        let ty = |i: usize| match &values {
            Ok(values) => values.get(ValueId(i as u32)).map(|v| format!(": {}", v.ty)).unwrap_or_default(),
            Err(_) => String::new(),
        };
        section(f, self.inputs.len())?;
        for (i, input) in self.inputs.iter().enumerate() {
            writeln!(f, "v{i}{} = {}", ty(i), InputLine(input))?;
        }
        section(f, self.body.len())?;
        for (i, operation) in self.body.iter().enumerate() {
            let id = self.result_of(i);
            writeln!(f, "{id}{} = {operation}", ty(id.index()))?;
        }
        section(f, self.outputs.len())?;
        for output in &self.outputs {
            writeln!(f, "output {} = {}", Quoted(&output.name), output.value)?;
        }
        match values {
            Ok(_) => Ok(()),
            Err(flaw) => writeln!(f, "\nrefused: {flaw}"),
        }
    }
}

/// A blank line before a section that has lines.
fn section(f: &mut Formatter<'_>, lines: usize) -> fmt::Result {
    if lines == 0 { Ok(()) } else { writeln!(f) }
}

fn stage(f: &mut Formatter<'_>, index: usize, s: &Stage) -> fmt::Result {
    let (dataset, table) = (Quoted(&s.dataset), Quoted(&s.table));
    writeln!(f, "stage {index}: {} rows from {dataset} as {table}, dataset {}", s.rows, s.provider)?;
    s.sql.split('\n').try_for_each(|line| writeln!(f, "  | {line}"))
}

struct InputLine<'a>(&'a Input);

impl Display for InputLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Input { name, stage, column, kind, bits } = self.0;
        write!(f, "input {}, stage {stage} column {column}", Quoted(name))?;
        match kind {
            Kind::Bit => Ok(()),
            Kind::Integer => write!(f, ", {bits} bits"),
        }
    }
}

/// The right-hand side of an instruction's line.
impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use Operation::*;
        match self {
            Constant { values, .. } => constant(f, values),
            Add(x, y) => write!(f, "{x} + {y}"),
            Subtract(x, y) => write!(f, "{x} - {y}"),
            Negate(x) => write!(f, "-{x}"),
            Multiply(x, y) => write!(f, "{x} * {y}"),
            Sum(x) => write!(f, "sum of {x}"),
            ToInteger(x) => write!(f, "integer of {x}"),
            LessThan(x, y) => write!(f, "{x} < {y}"),
            Equal(x, y) => write!(f, "{x} == {y}"),
            Minimum(x, y) => write!(f, "minimum of {x} and {y}"),
            Maximum(x, y) => write!(f, "maximum of {x} and {y}"),
            Not(x) => write!(f, "not {x}"),
            And(x, y) => write!(f, "{x} and {y}"),
            Or(x, y) => write!(f, "{x} or {y}"),
            Xor(x, y) => write!(f, "{x} xor {y}"),
            Select { condition, then, otherwise } => write!(f, "if {condition} then {then} else {otherwise}"),
            Divide(d) => write!(
                f,
                "divide {} ({} bits) by {} ({} bits), result {} bits, {} fraction bits",
                d.numerator, d.numerator_bits, d.denominator, d.denominator_bits, d.result_bits, d.fraction
            ),
            SquareRoot(s) => write!(
                f,
                "square root of {} ({} bits, {} fraction bits), {} fraction bits",
                s.of, s.bits, s.fraction_in, s.fraction_out
            ),
            Slice { of, start, rows } => write!(f, "{rows} rows of {of} from row {start}"),
            Concat(of) => {
                f.write_str("concat")?;
                list(f, of.iter())
            }
            Repeat { of, times } => write!(f, "{of} repeated {times} times"),
        }
    }
}

/// `constant 100 x 6, 20`: equal neighbours are counted, not repeated.
fn constant(f: &mut Formatter<'_>, values: &[i128]) -> fmt::Result {
    let runs = values.chunk_by(|x, y| x == y).map(|run| match run {
        [x] => x.to_string(),
        // A run has at least one element.
        _ => format!("{} x {}", run[0], run.len()),
    });
    f.write_str("constant")?;
    list(f, runs)
}

fn list<T: Display>(f: &mut Formatter<'_>, items: impl Iterator<Item = T>) -> fmt::Result {
    for (i, item) in items.enumerate() {
        write!(f, "{} {item}", if i == 0 { "" } else { "," })?;
    }
    Ok(())
}

/// A name in quotes; `"` and `\` are escaped, nothing else can occur that would need it.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
