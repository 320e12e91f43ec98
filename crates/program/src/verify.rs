//! Whether a program may run: names resolve, types agree, nothing overflows, sizes are bounded.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Index,
};

use crate::{
    Flaw, Input, Kind, Operation, Program, Stage, TextFlaw, Type, Value, ValueId, Visibility, infer::infer,
};

/// What a program may ask of those who run it.
pub mod limits {
    /// Every integer x satisfies |x| < 2^126, so that on Z_2^128 sums and differences of two compare correctly.
    pub const MAX_BITS: u8 = 126;
    /// Of a division's numerator and a square root's operand.
    pub const MAX_NUMERATOR_BITS: u8 = 118;
    /// Of a division's denominator.
    pub const MAX_DENOMINATOR_BITS: u8 = 60;
    /// Of a square root's binary places.
    pub const MAX_ROOT_FRACTION: u8 = 50;
    /// Of a quotient or root with its binary places.
    pub const MAX_QUOTIENT_BITS: u8 = 110;
    /// Of binary places.
    pub const MAX_FRACTION: u8 = 100;
    /// Of an operand that is rescaled to one neighbour or the other: 40 bits of the ring stay free.
    pub const MAX_NEAR_BITS: u8 = 87;
    /// Of binary places where a function is not arithmetic.
    pub const MAX_FUNCTION_FRACTION: u8 = 30;
    /// Of the places before the point of an exponent and of what it yields.
    pub const MAX_EXPONENT_BITS: u8 = 52;
    /// Of the keys that rows are sorted, grouped or looked up by.
    pub const MAX_KEYS: u64 = 64;
    /// Of all these keys together, with a sign for each.
    pub const MAX_KEY_BITS: u64 = 512;
    /// Of the numerator and the denominator of the scale of noise.
    pub const MAX_SCALE: u64 = 1 << 56;
    /// Parties that may add noise.
    pub const MAX_NOISY: u128 = 1 << 6;
    /// Of one column, and of the elements of one matrix.
    pub const MAX_ROWS: u32 = 1 << 24;
    /// Of all values together: a compute party of `rep3` holds 32 bytes for each if none is dropped early.
    pub const MAX_CELLS: u64 = 1 << 27;
    /// Of all elements that stand in constants; repeat a short one for a long column.
    pub const MAX_CONSTANTS: usize = 1 << 20;
    /// Stages.
    pub const MAX_STAGES: u64 = 1 << 10;
    /// Datasets that one stage reads beside its own.
    pub const MAX_BESIDE: u64 = 1 << 4;
    /// Inputs and instructions together.
    pub const MAX_VALUES: u64 = 1 << 16;
    /// Outputs.
    pub const MAX_OUTPUTS: u64 = 1 << 12;
    /// Bytes of a name.
    pub const MAX_NAME: usize = 256;
    /// Bytes of a stage's query.
    pub const MAX_SQL: usize = 1 << 20;
    /// Bytes of a program's canonical form and of its text.
    pub const MAX_BYTES: usize = 1 << 26;
}
use limits::*;

/// Type and bound of every value of a verified program: holding one means that the program passed
/// [`Program::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values(Vec<Value>);

impl Values {
    /// What is known of a value; `None` if the program defines no such one.
    pub fn get(&self, id: ValueId) -> Option<&Value> {
        self.0.get(id.index())
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }
}

impl Index<ValueId> for Values {
    type Output = Value;

    /// For ids that occur in the verified program; another one panics.
    fn index(&self, id: ValueId) -> &Value {
        &self.0[id.index()]
    }
}

impl Program {
    /// Checks everything that can be checked without data: every operand is defined before use, kinds and row
    /// counts agree, no integer can leave the exact range, widths and sizes are within [`limits`], texts show
    /// what they are. Linear in the program's size.
    pub fn verify(&self) -> Result<Values, Flaw> {
        let mut draft = Draft::default();
        for stage in &self.stages {
            draft.stage(stage)?;
        }
        for input in &self.inputs {
            draft.input(input, &self.stages)?;
        }
        for operation in &self.body {
            draft.operation(operation)?;
        }
        for output in &self.outputs {
            draft.output(&output.name, output.value)?;
        }
        draft.finish()
    }
}

/// What has been checked so far; shared by [`Program::verify`] and [`crate::Builder`]. A method that refuses leaves
/// it as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) values: Vec<Value>,
    stages: u64,
    inputs: BTreeSet<String>,
    columns: BTreeMap<(u16, u16), String>,
    outputs: BTreeSet<String>,
    cells: u64,
    constants: u64,
}

impl Draft {
    pub(crate) fn stage(&mut self, stage: &Stage) -> Result<(), Flaw> {
        at_most("stages", self.stages + 1, MAX_STAGES)?;
        at_most("rows in one stage", stage.rows.into(), MAX_ROWS.into())?;
        tables(stage)?;
        text("a stage's query", &stage.sql, MAX_SQL, |c| c == '\n' || c == '\t')?;
        self.stages += 1;
        Ok(())
    }

    pub(crate) fn input(&mut self, input: &Input, stages: &[Stage]) -> Result<(), Flaw> {
        name("an input's name", &input.name)?;
        let rows = stages.get(usize::from(input.stage)).map(|s| s.rows).ok_or(Flaw::UnknownStage {
            name: input.name.clone(),
            stage: input.stage,
            stages: stages.len(),
        })?;
        let (least, most) = match input.kind {
            Kind::Bit => (1, 1),
            Kind::Integer | Kind::Fixed(_) => (1, MAX_BITS),
            Kind::Order | Kind::Groups => {
                return Err(Flaw::OpaqueInput { name: input.name.clone(), kind: input.kind });
            }
        };
        at_most("binary places in one input", input.kind.fraction().into(), MAX_FRACTION.into())?;
        if !(least..=most).contains(&input.bits) {
            let (name, bits, kind) = (input.name.clone(), input.bits, input.kind);
            return Err(Flaw::InputWidth { name, bits, kind, least, most });
        }
        if self.inputs.contains(&input.name) {
            return Err(Flaw::DuplicateName { what: "input", name: input.name.clone() });
        }
        if let Some(first) = self.columns.get(&(input.stage, input.column)) {
            let (second, stage, column) = (input.name.clone(), input.stage, input.column);
            return Err(Flaw::DuplicateInput { first: first.clone(), second, stage, column });
        }
        let ty = Type { kind: input.kind, rows, columns: 1, visibility: Visibility::Secret };
        self.push(Value { ty, magnitude: (1 << input.bits) - 1, error: Some(0) })?;
        self.inputs.insert(input.name.clone());
        self.columns.insert((input.stage, input.column), input.name.clone());
        Ok(())
    }

    pub(crate) fn operation(&mut self, operation: &Operation) -> Result<(), Flaw> {
        let listed = match operation {
            Operation::Constant { values, .. } => values.len() as u64,
            _ => 0,
        };
        let constants = self.constants + listed;
        at_most("elements in its constants", constants, MAX_CONSTANTS as u64)?;
        self.push(infer(operation, &self.values)?)?;
        self.constants = constants;
        Ok(())
    }

    fn push(&mut self, value: Value) -> Result<(), Flaw> {
        let cells = self.cells + value.ty.elements() as u64;
        at_most("inputs and instructions", self.values.len() as u64 + 1, MAX_VALUES)?;
        at_most("elements in all its columns", cells, MAX_CELLS)?;
        self.values.push(value);
        self.cells = cells;
        Ok(())
    }

    pub(crate) fn output(&mut self, output: &str, value: ValueId) -> Result<(), Flaw> {
        name("an output's name", output)?;
        match self.values.get(value.index()) {
            None => return Err(Flaw::UndefinedOutput { name: output.to_owned(), value }),
            Some(v) if v.ty.kind.is_opaque() => {
                return Err(Flaw::OpaqueOutput { name: output.to_owned(), value, kind: v.ty.kind });
            }
            Some(_) => {}
        }
        if self.outputs.contains(output) {
            return Err(Flaw::DuplicateName { what: "output", name: output.to_owned() });
        }
        at_most("outputs", self.outputs.len() as u64 + 1, MAX_OUTPUTS)?;
        self.outputs.insert(output.to_owned());
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Values, Flaw> {
        if self.outputs.is_empty() { Err(Flaw::NoOutput) } else { Ok(Values(self.values)) }
    }
}

/// What a stage reads, each table under its own name.
pub(crate) fn tables(stage: &Stage) -> Result<(), Flaw> {
    at_most("datasets beside one stage's own", stage.beside.len() as u64, MAX_BESIDE)?;
    let mut names = BTreeSet::new();
    for (table, dataset) in stage.tables() {
        name("a stage's table name", table)?;
        name("a stage's dataset", dataset)?;
        if !names.insert(table) {
            return Err(Flaw::DuplicateTable { name: table.to_owned() });
        }
    }
    Ok(())
}

fn at_most(what: &'static str, found: u64, most: u64) -> Result<(), Flaw> {
    if found <= most { Ok(()) } else { Err(Flaw::TooMany { what, found, most }) }
}

fn name(what: &str, found: &str) -> Result<(), Flaw> {
    text(what, found, MAX_NAME, |_| false)
}

/// Not empty, not too long, and without characters that a listing would not show.
fn text(what: &str, found: &str, most: usize, also: impl Fn(char) -> bool) -> Result<(), Flaw> {
    let reason = if found.is_empty() {
        TextFlaw::Empty
    } else if found.len() > most {
        TextFlaw::TooLong { found: found.len(), most }
    } else if let Some(c) = found.chars().find(|&c| hides(c) && !also(c)) {
        TextFlaw::Invisible(c.into())
    } else {
        return Ok(());
    };
    Err(Flaw::Text { what: what.to_owned(), reason })
}

/// Controls, line separators, and the marks that reorder text (Boucher and Anderson, "Trojan Source", 2021).
fn hides(c: char) -> bool {
    let reorders =
        matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}
