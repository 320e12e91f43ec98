//! What a program computes, exactly, on plain integers: the reference that every joint computation is held to.

mod arithmetic;

use thiserror::Error;

use crate::{Divide, Flaw, Input, Kind, Operation, Program, SquareRoot, ValueId, verify::limits::MAX_BITS};

/// Why a program has no result on these inputs. Rows are counted from 0; values are never shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Not a program that may run.
    #[error(transparent)]
    Refused(#[from] Flaw),
    /// More or fewer columns than the program has inputs.
    #[error("the program takes {expected} input columns, but {found} were given")]
    InputCount {
        /// The program's inputs.
        expected: usize,
        /// The columns given.
        found: usize,
    },
    /// A column of another length than its stage declares.
    #[error("input `{name}` must have {expected} rows, but {found} were given")]
    InputRows {
        /// The input.
        name: String,
        /// As declared.
        expected: u32,
        /// As given.
        found: usize,
    },
    /// An element outside the declared range.
    #[error("row {row} of input `{name}` lies outside its declared {bits} bits")]
    InputRange {
        /// The input.
        name: String,
        /// The row.
        row: usize,
        /// As declared.
        bits: u8,
    },
    /// An element that breaks a width that the program promises.
    #[error(
        "{operation} at {at}: the {operand} in row {row} lies outside the range that the program promises"
    )]
    BrokenPromise {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// Which operand, or the result.
        operand: &'static str,
        /// The row.
        row: usize,
    },
    /// A result beyond 126 bits: cannot happen in a verified program on inputs within their ranges.
    #[error("{operation} at {at} leaves the exact range in row {row}")]
    Overflow {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// The row.
        row: usize,
    },
}

/// The outputs, in order, of `program` on `inputs`, one column of integers (0 and 1 for bits) per input.
/// Verifies the program first; the cost is linear in the number of elements.
pub fn interpret(program: &Program, inputs: &[Vec<i128>]) -> Result<Vec<Vec<i128>>, Fault> {
    let values = program.verify()?;
    if inputs.len() != program.inputs.len() {
        return Err(Fault::InputCount { expected: program.inputs.len(), found: inputs.len() });
    }
    let mut columns = Vec::with_capacity(program.len());
    for ((input, column), value) in program.inputs.iter().zip(inputs).zip(values.iter()) {
        input.check(column, value.ty.rows)?;
        columns.push(column.clone());
    }
    for (i, operation) in program.body.iter().enumerate() {
        let operands: Vec<&[i128]> =
            operation.operands().iter().filter_map(|o| columns.get(o.index())).map(Vec::as_slice).collect();
        let column = evaluate(operation, program.result_of(i), &operands)?;
        columns.push(column);
    }
    Ok(program.outputs.iter().filter_map(|o| columns.get(o.value.index()).cloned()).collect())
}

impl Input {
    /// Whether `column` is what this input declares: `rows` elements (its stage's), each in range. The provider's
    /// check before sharing; the error names the row, never a value.
    pub fn check(&self, column: &[i128], rows: u32) -> Result<(), Fault> {
        let name = || self.name.clone();
        if column.len() != rows as usize {
            return Err(Fault::InputRows { name: name(), expected: rows, found: column.len() });
        }
        let fits = |x: i128| below(x.unsigned_abs(), self.bits) && (self.kind == Kind::Integer || x >= 0);
        match column.iter().position(|&x| !fits(x)) {
            Some(row) => Err(Fault::InputRange { name: name(), row, bits: self.bits }),
            None => Ok(()),
        }
    }
}

/// One operation, with parameters and on columns that the verifier admits; `operands` are the columns that
/// [`Operation::operands`] lists. `at` is named in errors.
pub fn evaluate(operation: &Operation, at: ValueId, operands: &[&[i128]]) -> Result<Vec<i128>, Fault> {
    let site = Site { name: operation.name(), at };
    let operand = |i: usize| operands.get(i).copied().unwrap_or_default();
    let (x, y, z) = (operand(0), operand(1), operand(2));
    use Operation::*;
    match operation {
        Constant { values, .. } => Ok(values.clone()),
        Add(..) => site.zip(x, y, i128::checked_add),
        Subtract(..) => site.zip(x, y, i128::checked_sub),
        Multiply(..) => site.zip(x, y, i128::checked_mul),
        Negate(_) => site.map(x, i128::checked_neg),
        Sum(_) => {
            let sum =
                x.iter().enumerate().try_fold(0, |sum, (row, &x)| site.exact(row, i128::checked_add(sum, x)));
            Ok(vec![sum?])
        }
        ToInteger(_) => Ok(x.to_vec()),
        LessThan(..) => site.zip(x, y, |x, y| Some(i128::from(x < y))),
        Equal(..) => site.zip(x, y, |x, y| Some(i128::from(x == y))),
        Minimum(..) => site.zip(x, y, |x, y| Some(x.min(y))),
        Maximum(..) => site.zip(x, y, |x, y| Some(x.max(y))),
        Not(_) => site.map(x, |x| Some(1 - x)),
        And(..) => site.zip(x, y, |x, y| Some(x & y)),
        Or(..) => site.zip(x, y, |x, y| Some(x | y)),
        Xor(..) => site.zip(x, y, |x, y| Some(x ^ y)),
        Select { .. } => {
            Ok(x.iter().zip(y).zip(z).map(|((&c, &t), &o)| if c == 1 { t } else { o }).collect())
        }
        Divide(d) => site.divide(d, x, y),
        SquareRoot(s) => site.square_root(s, x),
        Slice { start, rows, .. } => {
            Ok(x.iter().skip(*start as usize).take(*rows as usize).copied().collect())
        }
        Concat(_) => Ok(operands.concat()),
        Repeat { times, .. } => Ok(x.repeat(*times as usize)),
    }
}

/// Whether x < 2^bits.
fn below(x: u128, bits: u8) -> bool {
    x.checked_shr(bits.into()).unwrap_or(0) == 0
}

/// Names the instruction in errors.
struct Site {
    name: &'static str,
    at: ValueId,
}

impl Site {
    fn map(&self, x: &[i128], f: impl Fn(i128) -> Option<i128>) -> Result<Vec<i128>, Fault> {
        x.iter().enumerate().map(|(row, &x)| self.exact(row, f(x))).collect()
    }

    fn zip(
        &self,
        x: &[i128],
        y: &[i128],
        f: impl Fn(i128, i128) -> Option<i128>,
    ) -> Result<Vec<i128>, Fault> {
        x.iter().zip(y).enumerate().map(|(row, (&x, &y))| self.exact(row, f(x, y))).collect()
    }

    fn exact(&self, row: usize, x: Option<i128>) -> Result<i128, Fault> {
        let exact = x.filter(|x| below(x.unsigned_abs(), MAX_BITS));
        exact.ok_or(Fault::Overflow { operation: self.name, at: self.at, row })
    }

    fn divide(&self, d: &Divide, numerators: &[i128], denominators: &[i128]) -> Result<Vec<i128>, Fault> {
        let row = |(row, (&n, &q)): (usize, (&i128, &i128))| {
            self.promised("numerator", row, below(n.unsigned_abs(), d.numerator_bits))?;
            self.promised("denominator", row, q >= 0 && below(q.unsigned_abs(), d.denominator_bits))?;
            if q == 0 {
                return Ok(0);
            }
            // |n / q| < 2^result_bits
            self.promised("result", row, n.unsigned_abs() >> d.result_bits < q.unsigned_abs())?;
            Ok(arithmetic::divide(n, q, d.fraction))
        };
        numerators.iter().zip(denominators).enumerate().map(row).collect()
    }

    fn square_root(&self, s: &SquareRoot, of: &[i128]) -> Result<Vec<i128>, Fault> {
        let shift = 2 * i32::from(s.fraction_out) - i32::from(s.fraction_in);
        let row = |(row, &x): (usize, &i128)| {
            self.promised("operand", row, x >= 0 && below(x.unsigned_abs(), s.bits))?;
            Ok(arithmetic::square_root(x.unsigned_abs(), shift).cast_signed())
        };
        of.iter().enumerate().map(row).collect()
    }

    fn promised(&self, operand: &'static str, row: usize, kept: bool) -> Result<(), Fault> {
        if kept {
            return Ok(());
        }
        Err(Fault::BrokenPromise { operation: self.name, at: self.at, operand, row })
    }
}
