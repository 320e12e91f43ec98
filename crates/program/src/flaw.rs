//! Why a program is refused.

use thiserror::Error;

use crate::{Kind, ValueId};

/// What is wrong with a program, found while building or verifying it. `at` is the value that the faulty
/// instruction would define.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Inputs are numbered before instructions.
    #[error("input `{name}` is declared after the first instruction; declare all inputs first")]
    LateInput {
        /// The input.
        name: String,
    },
    /// A stage that does not exist.
    #[error("input `{name}` reads stage {stage}, but the program has {stages}")]
    UnknownStage {
        /// The input.
        name: String,
        /// The stage it names.
        stage: u16,
        /// How many there are.
        stages: usize,
    },
    /// A dataset to be read by a stage that does not exist.
    #[error("dataset `{dataset}` is to be read by stage {stage}, but the program has {stages}")]
    BesideUnknownStage {
        /// The dataset.
        dataset: String,
        /// The stage that is named.
        stage: u16,
        /// How many there are.
        stages: usize,
    },
    /// Two tables of one name in a stage.
    #[error("a stage reads two tables that are named `{name}`; give each its own name")]
    DuplicateTable {
        /// The name.
        name: String,
    },
    /// A width that its kind does not allow.
    #[error("input `{name}` is declared {bits} bits wide; {kind} inputs may have {least} to {most}")]
    InputWidth {
        /// The input.
        name: String,
        /// What it declares.
        bits: u8,
        /// Its kind.
        kind: Kind,
        /// The narrowest.
        least: u8,
        /// The widest.
        most: u8,
    },
    /// Two inputs or two outputs of one name.
    #[error("two {what}s are named `{name}`; give each its own name")]
    DuplicateName {
        /// `input` or `output`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The same column shared twice.
    #[error("inputs `{first}` and `{second}` both read column {column} of stage {stage}; share it once")]
    DuplicateInput {
        /// The earlier input.
        first: String,
        /// The later input.
        second: String,
        /// The stage.
        stage: u16,
        /// The column.
        column: u16,
    },
    /// A text that could mislead whoever reads the listing, or that is too long or empty.
    #[error("{what} {reason}")]
    Text {
        /// Which text.
        what: String,
        /// Why it is refused.
        reason: TextFlaw,
    },
    /// An operand that no earlier input or instruction defines.
    #[error("{operation} at {at} reads {operand}, which is not defined before it")]
    Undefined {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// The operand.
        operand: ValueId,
    },
    /// An output of a value that does not exist.
    #[error("output `{name}` opens {value}, which the program does not define")]
    UndefinedOutput {
        /// The output.
        name: String,
        /// What it names.
        value: ValueId,
    },
    /// An operand of the wrong kind.
    #[error("{operation} at {at} needs {expected} operands, but {operand} is a column of kind {found}")]
    KindMismatch {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// The operand.
        operand: ValueId,
        /// What it must be.
        expected: Kind,
        /// What it is.
        found: Kind,
    },
    /// Operands of different lengths.
    #[error(
        "{operation} at {at} combines columns row by row, but {first} has {expected} rows and {operand} {found}"
    )]
    RowMismatch {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// The operand that sets the length.
        first: ValueId,
        /// Its rows.
        expected: u32,
        /// The operand that differs.
        operand: ValueId,
        /// Its rows.
        found: u32,
    },
    /// Operands of different widths in columns.
    #[error(
        "{operation} at {at} combines rows element by element, but those of {first} have {expected} elements and \
         those of {operand} {found}"
    )]
    ColumnMismatch {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// The operand that sets the width.
        first: ValueId,
        /// Its columns.
        expected: u32,
        /// The operand that differs.
        operand: ValueId,
        /// Its columns.
        found: u32,
    },
    /// Factors of a matrix product that do not fit.
    #[error("{operation} at {at}: {first} has {expected} columns, but {operand} has {found} rows")]
    InnerMismatch {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// The first factor.
        first: ValueId,
        /// Its columns.
        expected: u32,
        /// The second factor.
        operand: ValueId,
        /// Its rows.
        found: u32,
    },
    /// A matrix where a column is needed.
    #[error("{operation} at {at} needs a column, but {operand} has rows of {found} elements")]
    NotAColumn {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// The operand.
        operand: ValueId,
        /// Its columns.
        found: u32,
    },
    /// Orders and groups are for their own operations only.
    #[error("{operation} at {at} needs numbers or bits, but {operand} is of kind {found}")]
    Opaque {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// The operand.
        operand: ValueId,
        /// What it is.
        found: Kind,
    },
    /// A constant of a kind that only operations yield.
    #[error("constant at {at} is declared of kind {kind}, which only operations yield")]
    OpaqueConstant {
        /// Where.
        at: ValueId,
        /// The kind.
        kind: Kind,
    },
    /// An input of a kind that only operations yield.
    #[error("input `{name}` is declared of kind {kind}, which only operations yield")]
    OpaqueInput {
        /// The input.
        name: String,
        /// The kind.
        kind: Kind,
    },
    /// An output of a kind that cannot be opened.
    #[error(
        "output `{name}` opens {value}, which is of kind {kind}; open columns that it arranges or groups"
    )]
    OpaqueOutput {
        /// The output.
        name: String,
        /// What it names.
        value: ValueId,
        /// The kind.
        kind: Kind,
    },
    /// A result that might leave the ring's range.
    #[error(
        "{operation} at {at} could reach {bits} bits, more than the {most} that are exact; narrow the declared \
         range of its inputs"
    )]
    TooWide {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// What it could reach.
        bits: u16,
        /// The limit.
        most: u8,
    },
    /// A parameter outside its range.
    #[error("{operation} at {at} has {parameter} {found}; it must lie in {least} to {most}")]
    Parameter {
        /// The operation's name.
        operation: &'static str,
        /// Where.
        at: ValueId,
        /// Which parameter.
        parameter: &'static str,
        /// Its value.
        found: u64,
        /// The smallest allowed.
        least: u64,
        /// The largest allowed.
        most: u64,
    },
    /// A constant that its kind does not allow; its row is named.
    #[error("constant at {at} holds {found} in row {row}, which is no {kind} within range")]
    ConstantRange {
        /// Where.
        at: ValueId,
        /// The row, from 0.
        row: usize,
        /// The constant's kind.
        kind: Kind,
        /// What stands there.
        found: i128,
    },
    /// Rows beyond the end of a column.
    #[error("slice at {at} takes rows {start} to {end} of {of}, which has {rows}")]
    SliceRange {
        /// Where.
        at: ValueId,
        /// First row.
        start: u32,
        /// One after the last.
        end: u64,
        /// The column.
        of: ValueId,
        /// Its rows.
        rows: u32,
    },
    /// Nothing to concatenate.
    #[error("concat at {at} names no column; it needs at least one")]
    EmptyConcat {
        /// Where.
        at: ValueId,
    },
    /// More of something than any machine should be asked to hold.
    #[error("the program has {found} {what}, more than the {most} allowed")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// Nothing is opened.
    #[error("the program has no output; name at least one value to open")]
    NoOutput,
}

/// Why a text within a program is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextFlaw {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Too long.
    #[error("is {found} bytes long, more than the {most} allowed")]
    TooLong {
        /// Its length.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A control, line-separator or bidirectional-override character: the listing would not show what runs.
    #[error(
        "contains the invisible character U+{0:04X}, which could hide from a reader what runs; remove it"
    )]
    Invisible(u32),
}
