//! Why a query is refused, when it is drafted.

use thiserror::Error;

mod construct;
mod declared;

pub use construct::Construct;
pub use declared::{BadRange, BadValue};

use crate::number::DIGITS_MAX;

/// Why a query cannot become a program. Nothing here depends on data: every node refuses alike
/// (but for [`Refused::NoThread`]).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The text is not SQL.
    #[error("the query cannot be read as SQL: {0}")]
    Syntax(String),
    /// A query that is too large.
    #[error(
        "the query has {found} {what}, and at most {most} are supported; ask for less at once, or use IN and BETWEEN"
    )]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// None or several statements, and others than views before the last.
    #[error("expected one SELECT statement, before which views may stand, found {found} statements")]
    StatementCount {
        /// How many there are.
        found: usize,
    },
    /// SQL that is not supported, by name.
    #[error("{} is not supported (found `{found}`); {}", construct.name(), construct.instead())]
    Unsupported {
        /// What it is.
        construct: Construct,
        /// The piece of the query, shortened.
        found: String,
    },
    /// Names or types do not fit the tables.
    #[error("the query does not fit the tables: {0}")]
    Meaning(String),

    /// The query reads a table that was not given.
    #[error("unknown table `{name}`; known: {known}")]
    UnknownTable {
        /// As written.
        name: String,
        /// The names given, comma separated.
        known: String,
    },
    /// A table was given that the query does not read.
    #[error("table `{0}` is listed, but the query does not read it; leave it out")]
    UnusedTable(String),
    /// A table without datasets.
    #[error("table `{0}` is made of no dataset; name at least one")]
    NoDataset(String),
    /// Two datasets of one table whose rows cannot stand in one table.
    #[error(
        "datasets `{first}` and `{other}` of table `{table}` differ: {what}; names, types, nullability, units, declared values and ranges must be equal"
    )]
    SchemasDiffer {
        /// The table.
        table: String,
        /// The first dataset.
        first: String,
        /// The one that differs from it.
        other: String,
        /// Where.
        what: String,
    },

    /// Two tables of one name.
    #[error("two tables of FROM are named `{0}`; name one of them with AS")]
    SameRelation(String),
    /// A view with a name that something else has.
    #[error(
        "view `{0}` has the name of another view, or of a table that the query reads; give it a name of its own, and note that a view cannot read itself"
    )]
    ViewName(String),
    /// A column that several tables have.
    #[error("column `{0}` is of no table or of several; write the table's name before it")]
    Unqualified(String),
    /// A join without a key.
    #[error(
        "tables `{first}` and `{second}` are joined without a key, which would pair every row with every other; write `ON {first}.… = {second}.…`"
    )]
    NoJoinKey {
        /// The first table.
        first: String,
        /// The second one.
        second: String,
    },
    /// Join keys that cannot be equal, or whose equality is not reliable.
    #[error(
        "joining `{first}` ({first_type}) with `{second}` ({second_type}) is not supported; keys are integers, dates, timestamps or text, both of one type"
    )]
    JoinKeyTypes {
        /// The first table's column.
        first: String,
        /// Its type.
        first_type: String,
        /// The second table's column.
        second: String,
        /// Its type.
        second_type: String,
    },
    /// UNION ALL of columns of different types.
    #[error(
        "column `{column}` of UNION ALL is {first} in one SELECT and {second} in another; take columns of one type, decimals with equally many digits after the point"
    )]
    StackedTypes {
        /// The column's name in the first SELECT.
        column: String,
        /// Its type in one.
        first: String,
        /// Its type in another.
        second: String,
    },
    /// A constant or function that one SELECT of UNION ALL has for a column, where it is more than a group or tested.
    #[error(
        "column `{column}` of UNION ALL is {found} in one SELECT, and cannot be {used}; it can be in GROUP BY, in WHERE and in the condition of CASE"
    )]
    StackedValue {
        /// The column's name in the first SELECT.
        column: String,
        /// What it is there.
        found: String,
        /// What it cannot be, and why.
        used: &'static str,
    },
    /// UNION ALL of tables that have rows in common.
    #[error(
        "datasets `{first}` and `{second}` are in two tables of one UNION ALL, so that rows could count twice; leave one of them out"
    )]
    StackedDataset {
        /// One.
        first: String,
        /// The same, or another version of it.
        second: String,
    },
    /// Columns that measure different things.
    #[error(
        "`{found}` takes what is in {first} together with what is in {second}, of which neither is a whole number of the other; multiply one of them by a constant, which leaves it without a unit"
    )]
    Units {
        /// The expression.
        found: String,
        /// One unit.
        first: String,
        /// The other.
        second: String,
    },
    /// Two result columns of one name.
    #[error("two result columns are named `{0}`; name one of them with AS")]
    SameName(String),
    /// A column's values would be shown row by row.
    #[error(
        "column `{0}` is selected outside an aggregate, which would reveal its rows; put it inside COUNT, SUM, AVG, MIN, MAX, VAR_SAMP or STDDEV_SAMP, or add it to GROUP BY"
    )]
    RowsRevealed(String),
    /// An aggregate of a column whose type it does not take.
    #[error("{function} of `{argument}` is not supported: it is {found}, and {function} takes {expected}")]
    ArgumentType {
        /// The aggregate.
        function: &'static str,
        /// Its argument.
        argument: String,
        /// The argument's type.
        found: &'static str,
        /// The types it takes.
        expected: &'static str,
    },
    /// A column that is declared to keep more digits than numbers may have.
    #[error(
        "column `{column}` is declared with {scale} digits after the point, and at most {DIGITS_MAX} are supported"
    )]
    Scale {
        /// The column.
        column: String,
        /// As declared.
        scale: u8,
    },
    /// A number without a declared range.
    #[error(
        "column `{0}` has no declared range, so the size of its aggregates is unknown; its owner declares `range = {{ min = \"…\", max = \"…\" }}` in the dataset's schema"
    )]
    NoRange(String),
    /// A declared range that is no range.
    #[error("the declared range of column `{column}` is wrong: {reason}")]
    BadRange {
        /// The column.
        column: String,
        /// Why.
        reason: BadRange,
    },
    /// Grouping by a column without a public list of values, of the column or in a condition.
    #[error(
        "column `{0}` has no public list of values, so grouping by it would reveal which values occur; its owner declares `values = [\"…\", \"…\"]` in the dataset's schema, or a condition lists them, `{0} IN (…)`; with LIMIT, integers, decimals, dates and timestamps can be grouped by without it, and so can text that has `bytes_max`"
    )]
    NoValues(String),
    /// Grouping by text of which it is not known how long it is.
    #[error(
        "text column `{0}` has neither a public list of values nor a bound on their length, so that the size of what is shared of it is unknown; its owner declares `bytes_max = …`, or `values = [\"…\", \"…\"]`, in the dataset's schema"
    )]
    NoBytes(String),
    /// Group columns that are too wide to be compared.
    #[error(
        "the group columns and what they are ordered by have {found} bits together, and at most {most} are supported; group by fewer or shorter columns: text counts with its `bytes_max`, integers and timestamps with their `range`"
    )]
    GroupsTooWide {
        /// How many there are.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// Grouping by a type whose values cannot be listed.
    #[error(
        "grouping by `{0}` is not supported: it is a float, whose equality is not reliable; declare the column as a decimal"
    )]
    GroupByFloat(String),
    /// A declared value that is not of the column's type, or is listed twice.
    #[error("the declared value `{value}` of column `{column}` is wrong: {reason}")]
    BadValue {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// Why.
        reason: BadValue,
    },
    /// More public groups than one program may have.
    #[error(
        "the public lists of values make {found} groups, and at most {most} are supported; group by fewer columns"
    )]
    TooManyGroups {
        /// The product of the lists' lengths.
        found: u128,
        /// The limit.
        most: usize,
    },
    /// A column compared as another type than its own.
    #[error(
        "in WHERE, column `{column}` is {found} and would be converted to {wanted} to be compared, which can fail on a row; write a constant of the column's own type"
    )]
    Converted {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What it would be converted to.
        wanted: String,
    },
    /// Arithmetic in WHERE could leave what decimals hold.
    #[error(
        "in WHERE, `{expression}` can have more than 38 digits, which would fail on a row; multiply fewer or shorter numbers"
    )]
    TooManyDigits {
        /// The arithmetic.
        expression: String,
    },
    /// An aggregate's argument has too many digits.
    #[error(
        "{function} of `{argument}` needs {bits} bits and {most} are supported; narrow the declared range of {columns}, or keep fewer digits"
    )]
    TooWide {
        /// The aggregate.
        function: &'static str,
        /// Its argument.
        argument: String,
        /// Bits that the declared ranges and row counts call for.
        bits: u32,
        /// The limit.
        most: u32,
        /// The columns whose ranges count, in backticks.
        columns: String,
    },
    /// A floor of zero rows.
    #[error("a floor of 0 rows would show empty groups as results; use 1 or more")]
    NoFloor,
    /// What is to be held back cannot be, in a query of this kind.
    #[error("a query of this kind cannot be protected as the contract says: {0}")]
    Disclosure(String),
    /// The optimised plan contains a step whose use of columns is not known; never silently allowed.
    #[error(
        "the plan contains a step whose use of columns cannot be analysed: `{0}`; write the query in a simpler form"
    )]
    Unanalysed(String),
    /// The operating system gives no thread to check the query on; says nothing about the query.
    #[error("the system gives no thread to check the query on: {0}")]
    NoThread(String),
    /// The program breaks a rule or limit of its own form.
    #[error("the query makes no valid program: {0}")]
    Program(#[from] program::Flaw),
}

impl Refused {
    /// Why rows cannot be grouped or ordered by their keys.
    pub(crate) fn of_keys(flaw: program::Flaw) -> Self {
        match flaw {
            program::Flaw::Parameter { parameter: "key bits", found, most, .. } => {
                Self::GroupsTooWide { found, most }
            }
            flaw => Self::Program(flaw),
        }
    }
}

/// At most 80 characters, on one line.
pub(crate) fn shortened(text: &str) -> String {
    const LENGTH_MAX: usize = 80;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LENGTH_MAX) {
        Some((end, _)) => format!("{}…", line.split_at(end).0),
        None => line,
    }
}
