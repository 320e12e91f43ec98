//! Writing a program, checked as it grows.

use crate::{
    Beside, Divide, Flaw, Input, Key, Kind, Operation, Output, Program, SquareRoot, Stage, Value, ValueId,
    verify::{self, Draft},
};

/// Builds a [`Program`]: stages, then inputs, then operations and outputs. Each method checks what it adds by the
/// verifier's own rules and adds nothing if it refuses, so that what [`Builder::finish`] returns is verified.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    program: Program,
    draft: Draft,
}

/// Where a program comes from.
impl Builder {
    /// An empty program.
    pub fn new() -> Self {
        Self::default()
    }

    /// What one provider computes at home: see [`Stage`]. Yields its index, for [`Builder::input`].
    pub fn stage(
        &mut self,
        provider: u16,
        table: impl Into<String>,
        dataset: impl Into<String>,
        sql: impl Into<String>,
        rows: u32,
    ) -> Result<u16, Flaw> {
        let (table, dataset) = (table.into(), dataset.into());
        let stage = Stage { provider, table, dataset, beside: Vec::new(), sql: sql.into(), rows };
        self.draft.stage(&stage)?;
        self.program.stages.push(stage);
        // The verifier allows far fewer than 2^16 stages.
        Ok((self.program.stages.len() - 1) as u16)
    }

    /// A further dataset of the same owner that a stage reads under a table name of its own: see [`Beside`].
    pub fn read_beside(
        &mut self,
        stage: u16,
        table: impl Into<String>,
        dataset: impl Into<String>,
    ) -> Result<(), Flaw> {
        let beside = Beside { table: table.into(), dataset: dataset.into() };
        let stages = self.program.stages.len();
        let Some(read) = self.program.stages.get_mut(usize::from(stage)) else {
            return Err(Flaw::BesideUnknownStage { dataset: beside.dataset, stage, stages });
        };
        read.beside.push(beside);
        verify::tables(read).inspect_err(|_| drop(read.beside.pop()))
    }

    /// A column of a stage's result, secret-shared: see [`Input`]. All inputs come before the first operation.
    pub fn input(
        &mut self,
        name: impl Into<String>,
        stage: u16,
        column: u16,
        kind: Kind,
        bits: u8,
    ) -> Result<ValueId, Flaw> {
        let input = Input { name: name.into(), stage, column, kind, bits };
        if !self.program.body.is_empty() {
            return Err(Flaw::LateInput { name: input.name });
        }
        self.draft.input(&input, &self.program.stages)?;
        self.program.inputs.push(input);
        Ok(self.last())
    }

    /// Opens a value to the contract's receivers, under a name of its own.
    pub fn output(&mut self, name: impl Into<String>, value: ValueId) -> Result<(), Flaw> {
        let name = name.into();
        self.draft.output(&name, value)?;
        self.program.outputs.push(Output { name, value });
        Ok(())
    }

    /// What is known of a value: its type, and the bound from which widths can be chosen.
    pub fn value(&self, id: ValueId) -> Option<&Value> {
        self.draft.values.get(id.index())
    }

    /// The program. Refused if it opens nothing.
    pub fn finish(self) -> Result<Program, Flaw> {
        self.draft.finish()?;
        Ok(self.program)
    }

    /// Appends any operation; the methods below are its spelled-out forms.
    pub fn push(&mut self, operation: Operation) -> Result<ValueId, Flaw> {
        self.draft.operation(&operation)?;
        self.program.body.push(operation);
        Ok(self.last())
    }

    fn last(&self) -> ValueId {
        // The verifier allows far fewer than 2^32 values.
        ValueId((self.draft.values.len() - 1) as u32)
    }
}

/// Operations on integers.
impl Builder {
    /// A public integer column.
    pub fn constant(&mut self, values: Vec<i128>) -> Result<ValueId, Flaw> {
        self.push(Operation::Constant { kind: Kind::Integer, values })
    }

    /// x + y.
    pub fn add(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Add(x, y))
    }

    /// x − y.
    pub fn subtract(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Subtract(x, y))
    }

    /// −x.
    pub fn negate(&mut self, x: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Negate(x))
    }

    /// x · y.
    pub fn multiply(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Multiply(x, y))
    }

    /// x · factor, the factor public and the same in every row.
    pub fn scale(&mut self, x: ValueId, factor: i128) -> Result<ValueId, Flaw> {
        // An undefined operand is refused by the multiplication.
        let rows = self.value(x).map_or(1, |v| v.ty.rows);
        let factor = self.constant(vec![factor; rows.min(1) as usize])?;
        let factor = if rows > 1 { self.repeat(factor, rows)? } else { factor };
        self.multiply(x, factor)
    }

    /// The sum of all rows, in one row.
    pub fn sum(&mut self, x: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Sum(x))
    }

    /// A bit as the integer 0 or 1.
    pub fn to_integer(&mut self, x: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::ToInteger(x))
    }

    /// The smaller one, row by row.
    pub fn minimum(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Minimum(x, y))
    }

    /// The larger one, row by row.
    pub fn maximum(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Maximum(x, y))
    }

    /// Secret division: see [`Divide`].
    pub fn divide(&mut self, parameters: Divide) -> Result<ValueId, Flaw> {
        self.push(Operation::Divide(parameters))
    }

    /// Secret square root: see [`SquareRoot`].
    pub fn square_root(&mut self, parameters: SquareRoot) -> Result<ValueId, Flaw> {
        self.push(Operation::SquareRoot(parameters))
    }
}

/// Comparisons, and operations on bits.
impl Builder {
    /// A public bit column.
    pub fn constant_bits(&mut self, values: &[bool]) -> Result<ValueId, Flaw> {
        let values = values.iter().map(|&b| i128::from(b)).collect();
        self.push(Operation::Constant { kind: Kind::Bit, values })
    }

    /// x < y, as a bit.
    pub fn less_than(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::LessThan(x, y))
    }

    /// x = y, as a bit.
    pub fn equal(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Equal(x, y))
    }

    /// Whether the bit is false.
    pub fn not(&mut self, x: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Not(x))
    }

    /// Whether both bits are true.
    pub fn and(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::And(x, y))
    }

    /// Whether one bit or both are true.
    pub fn or(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Or(x, y))
    }

    /// Whether exactly one bit is true.
    pub fn xor(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Xor(x, y))
    }

    /// Row by row: `then` where `condition` holds, `otherwise` elsewhere.
    pub fn select(&mut self, condition: ValueId, then: ValueId, otherwise: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Select { condition, then, otherwise })
    }
}

/// Fixed-point numbers, matrices and functions.
impl Builder {
    /// Numbers with `fraction` binary places, rounded down where those are fewer.
    pub fn rescale(&mut self, of: ValueId, fraction: u8) -> Result<ValueId, Flaw> {
        self.push(Operation::Rescale { of, fraction })
    }

    /// Numbers with fewer binary places, rounded to either neighbour: see [`Operation::RescaleNear`].
    pub fn rescale_near(&mut self, of: ValueId, fraction: u8) -> Result<ValueId, Flaw> {
        self.push(Operation::RescaleNear { of, fraction })
    }

    /// The same digits as numbers of another kind.
    pub fn read_as(&mut self, of: ValueId, kind: Kind) -> Result<ValueId, Flaw> {
        self.push(Operation::ReadAs { of, kind })
    }

    /// The product of two matrices.
    pub fn matrix_multiply(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::MatrixMultiply(x, y))
    }

    /// Rows as columns.
    pub fn transpose(&mut self, x: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Transpose(x))
    }

    /// The elements, row after row, as another matrix.
    pub fn reshape(&mut self, of: ValueId, rows: u32, columns: u32) -> Result<ValueId, Flaw> {
        self.push(Operation::Reshape { of, rows, columns })
    }

    /// eˣ, which is below 2^`result_bits`.
    pub fn exp(&mut self, of: ValueId, result_bits: u8) -> Result<ValueId, Flaw> {
        self.push(Operation::Exp { of, result_bits })
    }

    /// 1 / (1 + e⁻ˣ).
    pub fn sigmoid(&mut self, x: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Sigmoid(x))
    }
}

/// Secret orders, groups and joins.
impl Builder {
    /// The order in which rows ascend or descend by the keys: see [`Operation::Sort`].
    pub fn sort(&mut self, keys: Vec<Key>) -> Result<ValueId, Flaw> {
        self.push(Operation::Sort(keys))
    }

    /// A column in that order.
    pub fn arrange(&mut self, of: ValueId, order: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::Arrange { of, order })
    }

    /// Rows grouped by equal keys.
    pub fn group(&mut self, keys: Vec<ValueId>) -> Result<ValueId, Flaw> {
        self.push(Operation::Group(keys))
    }

    /// The sum of each group: see [`Operation::GroupSum`].
    pub fn group_sum(&mut self, of: ValueId, groups: ValueId) -> Result<ValueId, Flaw> {
        self.push(Operation::GroupSum { of, groups })
    }

    /// Left join with unique keys: see [`Operation::Lookup`].
    pub fn lookup(
        &mut self,
        queries: Vec<ValueId>,
        keys: Vec<ValueId>,
        columns: Vec<ValueId>,
    ) -> Result<ValueId, Flaw> {
        self.push(Operation::Lookup { queries, keys, columns })
    }
}

/// Differential privacy.
impl Builder {
    /// Noise that nobody knows: see [`Operation::Noise`]. The scale need not be in lowest terms.
    pub fn noise(&mut self, rows: u32, numerator: u64, denominator: u64) -> Result<ValueId, Flaw> {
        let (numerator, denominator) = lowest(numerator, denominator);
        self.push(Operation::Noise { rows, numerator, denominator })
    }

    /// The same with Gaussian noise: see [`Operation::Gaussian`]. Its deviation need not be in lowest terms.
    pub fn gaussian(&mut self, rows: u32, numerator: u64, denominator: u64) -> Result<ValueId, Flaw> {
        let (numerator, denominator) = lowest(numerator, denominator);
        self.push(Operation::Gaussian { rows, numerator, denominator })
    }
}

fn lowest(numerator: u64, denominator: u64) -> (u64, u64) {
    let (mut divisor, mut rest) = (numerator, denominator);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let divisor = divisor.max(1);
    (numerator / divisor, denominator / divisor)
}

/// Cutting and joining columns.
impl Builder {
    /// Rows `start .. start + rows`.
    pub fn slice(&mut self, of: ValueId, start: u32, rows: u32) -> Result<ValueId, Flaw> {
        self.push(Operation::Slice { of, start, rows })
    }

    /// The columns one below the other.
    pub fn concat(&mut self, of: Vec<ValueId>) -> Result<ValueId, Flaw> {
        self.push(Operation::Concat(of))
    }

    /// The whole column, `times` times one below the other.
    pub fn repeat(&mut self, of: ValueId, times: u32) -> Result<ValueId, Flaw> {
        self.push(Operation::Repeat { of, times })
    }
}
