//! A program as a document: stages at home, shared inputs, the joint body, opened outputs.

use crate::{Kind, Operation, ValueId};

/// A whole computation. Built by [`crate::Builder`], read by [`Program::from_bytes`] or [`Program::parse`]; one
/// that came from elsewhere is not to be trusted before [`Program::verify`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// What each provider computes at home, in plaintext.
    pub stages: Vec<Stage>,
    /// The columns that stages yield and that are then secret-shared: values `v0`, `v1`, ….
    pub inputs: Vec<Input>,
    /// What is computed jointly, on shares: one value each, numbered on from the inputs.
    pub body: Vec<Operation>,
    /// What is opened, to the contract's receivers only.
    pub outputs: Vec<Output>,
}

/// What one provider computes at home, in plaintext: a SQL query over one of its datasets, and others beside it, that
/// yields exactly `rows` rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Which of the table's datasets this stage reads, counted from 0 in the contract's order (it is not an index
    /// into the contract's parties).
    pub provider: u16,
    /// The name under which `sql` reads the dataset.
    pub table: String,
    /// The dataset version, for example `north/salaries@1`.
    pub dataset: String,
    /// Further datasets of the same owner that `sql` reads.
    pub beside: Vec<Beside>,
    /// The query that the dataset's owner runs.
    pub sql: String,
    /// How many rows it yields, whatever the data: the only size that others learn.
    pub rows: u32,
}

/// A dataset that a stage reads beside its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The name under which the stage's `sql` reads it; no other table of the stage has it.
    pub table: String,
    /// The dataset version, of the same owner as the stage's own.
    pub dataset: String,
}

/// A column that a stage yields and that is then secret-shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// For people; unique among the inputs.
    pub name: String,
    /// Index into [`Program::stages`].
    pub stage: u16,
    /// Which column of the stage's result, counted from 0.
    pub column: u16,
    /// What each element is.
    pub kind: Kind,
    /// Every element x satisfies |x| < 2^bits; its provider checks that before sharing. Decimals are scaled by a
    /// power of ten beforehand. 1 for [`Kind::Bit`].
    pub bits: u8,
}

/// A value that is opened to the contract's receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// For people; unique among the outputs.
    pub name: String,
    /// What is opened.
    pub value: ValueId,
}

impl Stage {
    /// Every table that `sql` reads and its dataset: the stage's own first.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &str)> {
        let beside = self.beside.iter().map(|beside| (beside.table.as_str(), beside.dataset.as_str()));
        std::iter::once((self.table.as_str(), self.dataset.as_str())).chain(beside)
    }
}

impl Program {
    /// How many values there are: inputs and instructions.
    pub fn len(&self) -> usize {
        self.inputs.len() + self.body.len()
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.body.is_empty()
    }

    /// The value that an instruction yields, given its position in [`Program::body`].
    pub fn result_of(&self, instruction: usize) -> ValueId {
        // A verified program has fewer than 2^32 values.
        ValueId((self.inputs.len() + instruction) as u32)
    }
}
