//! What a compiled query is: the program, what it uses, and how its opened values are read.

use contract::{Schema, disclosure::DisclosureRule, document::OutputRule, policy::Usage};
use program::Program;

use crate::{Audit, CellType, ErrorBound, answers::Answers, finish::Finish};

/// The union of datasets of equal columns, under the name by which the query reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The name in FROM.
    pub name: String,
    /// In the contract's order; at least one.
    pub datasets: Vec<Source>,
}

impl Table {
    /// How many of its rows must be behind what is shown of a join: the strictest of its owners' floors.
    pub(crate) fn floor_rows(&self) -> u64 {
        self.datasets.iter().map(|source| source.floor_rows).max().unwrap_or(1)
    }
}

/// One dataset version of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `north/salaries@1`.
    pub reference: String,
    /// Whose it is; datasets of one owner count as one contributor.
    pub owner: String,
    /// Its columns as published.
    pub schema: Schema,
    /// How many rows it has, as published: bounds every count and sum.
    pub rows: u64,
    /// How many of its table's rows its owner wants behind every group that is shown; matters where its table is
    /// joined with another.
    pub floor_rows: u64,
    /// How many rows one person may have in it, as its owner declares; matters where noise is added.
    pub rows_per_person: Option<u32>,
}

impl Source {
    /// The dataset without its version: the rows of two versions are mostly the same.
    pub(crate) fn path(&self) -> &str {
        self.reference.rsplit_once('@').map_or(self.reference.as_str(), |(path, _)| path)
    }
}

/// What is held back inside the computation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Groups of fewer rows, and aggregates over fewer values.
    pub floor_rows: u64,
    /// Contributors, dominance and noise.
    pub disclosure: DisclosureRule,
}

impl From<u64> for Rule {
    fn from(floor_rows: u64) -> Self {
        Self { floor_rows, disclosure: DisclosureRule::default() }
    }
}

impl From<&OutputRule> for Rule {
    fn from(rule: &OutputRule) -> Self {
        Self { floor_rows: rule.floor_rows, disclosure: rule.disclosure.clone() }
    }
}

/// A compiled query.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What runs. For each table in FROM one stage per dataset, in the table's order, so two of each where a table is joined
    /// with itself, and one where an owner joins several of its own; for COUNT(DISTINCT …) over several owners, and for
    /// medians and percentiles, one more per dataset and column.
    pub program: Program,
    /// The program's hash, and how each table's columns are used; checked against every owner's terms.
    pub usage: Usage,
    /// The result's columns, in the order of the SELECT list.
    pub columns: Vec<ResultColumn>,
    /// The public groups, one for each row of the program's outputs unless [`Compiled::group_at`] says which. `None` is
    /// NULL. Where groups are not public, their keys are among the outputs, and there are none here.
    pub groups: Vec<Vec<Option<String>>>,
    /// With LIMIT, index of the output that holds each row's public group.
    pub group_at: Option<usize>,
    /// How many rows each output has.
    pub rows: usize,
    /// Whether the groups that are not shown are named to the receiver: they are public, are all asked for, and only the
    /// floor withholds them.
    pub names_withheld: bool,
    /// What the receiver computes from what is opened.
    pub(crate) finish: Option<Finish>,
    /// What is revealed to whom, in plain language.
    pub audit: Audit,
    /// Which rows it answers about, for each table that it reads.
    pub answers: Vec<Answers>,
    /// Groups of fewer rows, and aggregates over fewer values, are not opened.
    pub floor_rows: u64,
}

impl Compiled {
    /// Whether its answers are about rows within others of its rows, so that even by themselves they could tell too much.
    pub fn compares_within(&self) -> bool {
        self.answers.iter().any(Answers::compares_within)
    }
}

/// How to read one result column.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultColumn {
    /// The alias, or a name made from the expression.
    pub name: String,
    /// Where its cells come from.
    pub kind: ResultKind,
    /// Unit of measure; empty when there is none or none was declared.
    pub unit: String,
    /// How far its cells can be from exact ones. None if they are exact, and of expressions over aggregates, which the
    /// receiver computes from columns with bounds of their own.
    pub error: Option<ErrorBound>,
}

/// Where a result column's cells come from. Outputs are indices into [`Program::outputs`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// A group key, which is public.
    Key {
        /// Index into each of [`Compiled::groups`].
        index: usize,
        /// The column's type.
        cells: CellType,
    },
    /// A number of rows or values, exact.
    Count(Opened),
    /// Integers, exact.
    Integer(Opened),
    /// Decimals, exact: the integer divided by `10^scale`.
    Decimal {
        /// The output.
        opened: Opened,
        /// Digits after the point.
        scale: u8,
    },
    /// 1 for true, 0 for false.
    Boolean(Opened),
    /// Days since 1970-01-01, exact.
    Date(Opened),
    /// Microseconds since 1970-01-01T00:00:00, exact.
    Timestamp(Opened),
    /// Text, as the integers that its bytes make.
    Text {
        /// The output of the first integer.
        opened: Opened,
        /// Indices of the outputs of all integers.
        parts: Vec<usize>,
        /// How many bytes it has at most.
        bytes_max: u16,
    },
    /// Computed by the receiver from opened cells.
    Computed {
        /// The type of the result.
        cells: CellType,
    },
    /// Approximate numbers: the integer divided by `2^fraction_bits · 10^scale`.
    Real {
        /// The output.
        opened: Opened,
        /// Binary places.
        fraction_bits: u8,
        /// Decimal places.
        scale: u8,
    },
}

/// An opened column, with the bit that says whether a cell may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Index of the values' output.
    pub output: usize,
    /// Index of the output that holds 1 where the aggregate covers enough values; without one, every shown group's
    /// cell holds a value.
    pub valid: Option<usize>,
    /// Whether a cell that is not valid is certain to be NULL; otherwise it is withheld.
    pub null_if_invalid: bool,
}

/// Index of the output that holds 1 for each group that is shown: the first of every compiled query.
pub const SHOWN: usize = 0;

impl ResultColumn {
    /// What its cells hold.
    pub fn cell_type(&self) -> CellType {
        match &self.kind {
            ResultKind::Key { cells, .. } | ResultKind::Computed { cells } => *cells,
            ResultKind::Count(_) | ResultKind::Integer(_) => CellType::Integer,
            ResultKind::Decimal { .. } => CellType::Decimal,
            ResultKind::Boolean(_) => CellType::Boolean,
            ResultKind::Date(_) => CellType::Date,
            ResultKind::Timestamp(_) => CellType::Timestamp,
            ResultKind::Text { .. } => CellType::Text,
            ResultKind::Real { .. } => CellType::Real,
        }
    }
}

impl ResultKind {
    /// Where its cells are opened; nowhere for public keys and for what the receiver computes.
    pub fn opened(&self) -> Option<Opened> {
        match self {
            Self::Key { .. } | Self::Computed { .. } => None,
            Self::Count(opened)
            | Self::Integer(opened)
            | Self::Date(opened)
            | Self::Timestamp(opened)
            | Self::Boolean(opened) => Some(*opened),
            Self::Decimal { opened, .. } | Self::Real { opened, .. } | Self::Text { opened, .. } => {
                Some(*opened)
            }
        }
    }

    /// The outputs of its values; of text several.
    pub fn outputs(&self) -> Vec<usize> {
        match self {
            Self::Text { parts, .. } => parts.clone(),
            kind => kind.opened().into_iter().map(|opened| opened.output).collect(),
        }
    }
}
