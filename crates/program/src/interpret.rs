//! What a program computes, exactly, on plain integers: the reference that every joint computation is held to.

mod arithmetic;
mod functions;
mod tables;
mod transcendental;

use thiserror::Error;

use crate::{Flaw, Input, Operation, Program, Type, ValueId, verify::limits::MAX_BITS};

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
        let operands: Vec<_> = operation
            .operands()
            .into_iter()
            .filter_map(|o| Some(Operand { ty: values.get(o)?.ty, elements: columns.get(o.index())? }))
            .collect();
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
        let fits = |x: i128| below(x.unsigned_abs(), self.bits) && (self.kind.is_number() || x >= 0);
        match column.iter().position(|&x| !fits(x)) {
            Some(row) => Err(Fault::InputRange { name: name(), row, bits: self.bits }),
            None => Ok(()),
        }
    }
}

/// An operand in the clear.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// Its type.
    pub ty: Type,
    /// Its elements, row after row. Of an order they are the rows' former places, of groups each row's group, counted
    /// from 0.
    pub elements: &'a [i128],
}

/// One operation, with parameters and on operands that the verifier admits; `operands` are those that
/// [`Operation::operands`] lists. `at` is named in errors.
pub fn evaluate(operation: &Operation, at: ValueId, operands: &[Operand<'_>]) -> Result<Vec<i128>, Fault> {
    let site = Site { name: operation.name(), at };
    let operand = |i: usize| operands.get(i).map(|operand| operand.elements).unwrap_or_default();
    let ty = |i: usize| operands.get(i).map(|operand| operand.ty);
    let (rows, columns) = ty(0).map_or((0, 1), |ty| (ty.rows as usize, ty.columns as usize));
    let fraction = ty(0).map_or(0, |ty| ty.kind.fraction());
    let (x, y, z) = (operand(0), operand(1), operand(2));
    use Operation::*;
    match operation {
        Constant { values, .. } => Ok(values.clone()),
        Noise { rows, .. } | Gaussian { rows, .. } => Ok(vec![0; *rows as usize]),
        Add(..) => site.zip(x, y, i128::checked_add),
        Subtract(..) => site.zip(x, y, i128::checked_sub),
        Multiply(..) => site.zip(x, y, i128::checked_mul),
        Negate(_) => site.map(x, i128::checked_neg),
        Sum(_) => site.sum(x, columns),
        ToInteger(_) | ReadAs { .. } | Reshape { .. } => Ok(x.to_vec()),
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
            let (skipped, taken) = (*start as usize * columns, *rows as usize * columns);
            Ok(x.iter().skip(skipped).take(taken).copied().collect())
        }
        Concat(_) => Ok(operands.iter().flat_map(|operand| operand.elements).copied().collect()),
        Repeat { times, .. } => Ok(x.repeat(*times as usize)),
        Rescale { fraction: to, .. } | RescaleNear { fraction: to, .. } => match fraction.checked_sub(*to) {
            Some(places) => site.map(x, |x| Some(arithmetic::shift_right(x, places))),
            None => site.map(x, |x| arithmetic::shift_left(x, to - fraction)),
        },
        Floor(_) => site.map(x, |x| Some(arithmetic::shift_right(x, fraction))),
        ShiftLeft { places, .. } => site.map(x, |x| arithmetic::shift_left(x, *places)),
        ShiftRight { places, .. } => site.map(x, |x| Some(arithmetic::shift_right(x, *places))),
        MatrixMultiply(..) => {
            let width = ty(1).map_or(1, |ty| ty.columns as usize);
            site.matrix_product(x, y, [rows, columns, width])
        }
        Transpose(_) => Ok((0..columns).flat_map(|c| x.iter().skip(c).step_by(columns)).copied().collect()),
        Exp { result_bits, .. } => site.exp(x, fraction, *result_bits),
        Log(_) => site.log(x, fraction),
        Sigmoid(_) => site.map(x, |x| Some(transcendental::sigmoid(x, fraction))),
        Tanh(_) => site.map(x, |x| Some(transcendental::tanh(x, fraction))),
        Least(_) => Ok(x.iter().min().copied().into_iter().collect()),
        Greatest(_) => Ok(x.iter().max().copied().into_iter().collect()),
        RunningSum(_) => site.running(x, &[], i128::checked_add),
        RunningMinimum { .. } => site.running(x, y, |best, x| Some(best.min(x))),
        RunningMaximum { .. } => site.running(x, y, |best, x| Some(best.max(x))),
        Decompose { width, .. } => {
            Ok((0..*width).flat_map(|place| x.iter().map(move |x| x >> place & 1)).collect())
        }
        Sort(keys) => Ok(tables::sort(keys, operands)),
        Arrange { .. } => Ok(tables::arrange(x, y)),
        Restore { .. } => Ok(tables::restore(x, y)),
        Group(_) => Ok(tables::group(operands)),
        GroupSum { .. } => site.groups(x, y, i128::checked_add),
        GroupMinimum { .. } => site.groups(x, y, |best, x| Some(best.min(x))),
        GroupMaximum { .. } => site.groups(x, y, |best, x| Some(best.max(x))),
        Occupied(_) => Ok(tables::occupied(x)),
        Lookup { queries, keys, .. } => Ok(tables::lookup(operands, queries.len(), keys.len())),
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

    /// The sum of all rows, in one row.
    fn sum(&self, x: &[i128], columns: usize) -> Result<Vec<i128>, Fault> {
        let add = |mut sums: Vec<i128>, (row, x): (usize, &[i128])| {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = self.exact(row, sum.checked_add(*x))?;
            }
            Ok(sums)
        };
        x.chunks(columns.max(1)).enumerate().try_fold(vec![0; columns], add)
    }

    /// In each row what `f` makes of the row before it and its own, but its own where a segment starts.
    fn running(
        &self,
        x: &[i128],
        starts: &[i128],
        f: impl Fn(i128, i128) -> Option<i128>,
    ) -> Result<Vec<i128>, Fault> {
        let mut before = None;
        let step = |(row, &x): (usize, &i128)| {
            let start = starts.get(row).is_some_and(|&start| start == 1);
            let own = before.filter(|_| !start).map_or(Some(x), |before| f(before, x));
            let own = self.exact(row, own)?;
            before = Some(own);
            Ok(own)
        };
        x.iter().enumerate().map(step).collect()
    }

    /// `rows` · `inner` by `inner` · `columns`.
    fn matrix_product(
        &self,
        x: &[i128],
        y: &[i128],
        [rows, inner, columns]: [usize; 3],
    ) -> Result<Vec<i128>, Fault> {
        let element = |row: usize, column: usize| {
            let row_of_x = x.iter().skip(row * inner).take(inner);
            let column_of_y = y.iter().skip(column).step_by(columns.max(1));
            let sum =
                row_of_x.zip(column_of_y).try_fold(0i128, |sum, (x, y)| sum.checked_add(x.checked_mul(*y)?));
            self.exact(row, sum)
        };
        (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (row, column)))
            .map(|(r, c)| element(r, c))
            .collect()
    }

    fn promised(&self, operand: &'static str, row: usize, kept: bool) -> Result<(), Fault> {
        if kept {
            return Ok(());
        }
        Err(Fault::BrokenPromise { operation: self.name, at: self.at, operand, row })
    }
}
