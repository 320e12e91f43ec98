//! Why a query is refused, when it is drafted.

use thiserror::Error;

mod declared;

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
    /// Grouping by a column without a public list of values.
    #[error(
        "column `{0}` has no public list of values, so grouping by it would reveal which values occur; its owner declares `values = [\"…\", \"…\"]` in the dataset's schema; with LIMIT, integers, decimals, dates and timestamps can be grouped by without it, and so can text that has `bytes_max`"
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

/// SQL that this version does not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is its own name; `name` and `instead` say the rest")]
pub enum Construct {
    OtherStatement,
    View,
    CommonTable,
    UnionAll,
    UnionAllTwice,
    SetOperation,
    SetChain,
    SetValues,
    SetAbsence,
    Values,
    JoinKind,
    JoinConstraint,
    JoinCondition,
    OuterCondition,
    FullCondition,
    SeveralTables,
    CyclicJoin,
    TreeCondition,
    TreeAggregate,
    TreeFloor,
    GroupsAcross,
    GroupsWithin,
    Subquery,
    DerivedTable,
    NotIn,
    InExpression,
    TableFunction,
    ColumnAliases,
    Distinct,
    DistinctAggregate,
    /// An aggregate that adds up on which side of a bound rows lie.
    Cut,
    HavingCondition,
    HavingKey,
    HavingSubquery,
    Window,
    RowWindow,
    RowWindowOrder,
    RowWindowTables,
    RowWindowDefault,
    RowWindowDepth,
    Limit,
    GroupingSets,
    GroupByAll,
    GroupExpression,
    Wildcard,
    SelectExpression,
    OrderExpression,
    AggregateFilter,
    AggregateOrder,
    Aggregate,
    Quantile,
    TextExtreme,
    ArgumentExpression,
    NullableSum,
    TablesCombined,
    Function,
    Case,
    OuterCase,
    Cast,
    Division,
    Pattern,
    Operator,
    OtherExpression,
    OtherClause,
}

impl Construct {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        self.text().0
    }

    /// What to write instead.
    pub fn instead(self) -> &'static str {
        self.text().1
    }

    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::OtherStatement => ("a statement other than SELECT", "write one SELECT"),
            Self::View => (
                "this form of CREATE VIEW",
                "write CREATE VIEW name AS SELECT columns FROM table WHERE …; it holds for this one query, so that there is nothing to replace or to keep",
            ),
            Self::CommonTable => ("WITH RECURSIVE", "write WITH name AS (SELECT columns FROM table WHERE …)"),
            Self::UnionAll => (
                "this UNION ALL",
                "write (SELECT columns FROM a WHERE … UNION ALL SELECT columns FROM b WHERE …) AS name in FROM, without groups, order and limit within: of two to eight tables, of each as many columns, functions of columns or constants, of which the first SELECT names functions and constants with AS",
            ),
            Self::UnionAllTwice => (
                "UNION ALL of a table with itself, whose rows could count twice",
                "write one SELECT of the table with both conditions joined by OR",
            ),
            Self::SetOperation => (
                "this UNION, INTERSECT or EXCEPT",
                "write SELECT columns FROM a WHERE … INTERSECT SELECT columns FROM b WHERE … ORDER BY … LIMIT n, or count: SELECT COUNT(*) FROM (SELECT columns FROM a INTERSECT SELECT columns FROM b) AS name; rows are put one below the other by UNION ALL in FROM, and by listing datasets under one table",
            ),
            Self::SetChain => (
                "UNION, INTERSECT and EXCEPT one after the other, or several EXCEPT",
                "use one kind: SELECT columns FROM a UNION SELECT columns FROM b UNION SELECT columns FROM c, or INTERSECT, of up to eight tables; of EXCEPT two",
            ),
            Self::SetValues => (
                "showing these values of a UNION, INTERSECT or EXCEPT",
                "show all of its columns, nothing else, with LIMIT: SELECT columns FROM a INTERSECT SELECT columns FROM b LIMIT n",
            ),
            Self::SetAbsence => (
                "showing the values of EXCEPT where the second table's owners ask for a floor",
                "count them; a value that is left out would show that one row of the second table has it, whatever its floor",
            ),
            Self::Values => ("VALUES", "select from a table"),
            Self::JoinKind => ("this kind of join", "use JOIN, LEFT JOIN, RIGHT JOIN or FULL JOIN"),
            Self::JoinConstraint => {
                ("NATURAL, USING of several joins, or a join without ON", "write `ON a.key = b.key`")
            }
            Self::JoinCondition => (
                "a condition that compares columns of two tables",
                "compare keys with `=` in ON, and other columns with constants",
            ),
            Self::OuterCondition => (
                "a condition on the second table of a LEFT JOIN in WHERE, or one on both tables in its ON",
                "put conditions on the second table into ON",
            ),
            Self::FullCondition => {
                ("a condition other than `=` of keys beside FULL JOIN", "leave it out, or use LEFT JOIN")
            }
            Self::SeveralTables => (
                "an outer join, EXISTS or IN beside other tables",
                "of three tables and more write JOIN … ON a.key = b.key; outer joins, EXISTS and IN stand beside one table",
            ),
            Self::CyclicJoin => (
                "this equality, which closes a circle of tables",
                "leave out what follows from others; one circle may be closed by columns with a public list of values, with public groups",
            ),
            Self::TreeCondition => (
                "a condition over several of three or more tables",
                "compare keys with `=`, and other columns with constants, each table's by themselves",
            ),
            Self::TreeAggregate => (
                "MIN, MAX or a CASE over another table, over three or more tables or groups that are not public",
                "use COUNT, SUM, AVG, VAR_SAMP and STDDEV_SAMP of one table's columns each",
            ),
            Self::TreeFloor => (
                "a floor of a table's owners where one of its rows may be behind several groups that are not public, or where equalities close a circle",
                "group by columns with a public list of values, or of tables that each of its rows meets once, by keys that are declared `unique = true`, each table of one owner; join along a tree",
            ),
            Self::GroupsAcross => (
                "grouping by columns of several tables that are not public",
                "group by columns of one table, by keys that equal them, and by columns of tables of one owner whose key is declared `unique = true`, so that each row of the first table meets one of theirs",
            ),
            Self::GroupsWithin => (
                "IN over the groups of this subquery",
                "read its table in FROM, too, joined by the subquery's key alone and without a condition of its own, group by that key, with LIMIT, and join other tables by keys that are declared `unique = true`, each table of one owner",
            ),
            Self::Subquery => (
                "this subquery",
                "use EXISTS or IN in WHERE with `SELECT column FROM table WHERE …`; ask others as contracts of their own",
            ),
            Self::DerivedTable => (
                "this subquery in FROM or WITH",
                "write `(SELECT columns FROM table WHERE …) AS name` over one table, without groups, order and limit",
            ),
            Self::NotIn => (
                "NOT IN with a subquery",
                "write NOT EXISTS (SELECT 1 FROM … WHERE … = …): NOT IN has no rows at all once a value is NULL",
            ),
            Self::InExpression => {
                ("IN over anything but columns", "write `column IN (SELECT column FROM table WHERE …)`")
            }
            Self::TableFunction => ("a table function or table modifier", "name a table"),
            Self::ColumnAliases => (
                "renaming columns in FROM, or other columns than the SELECT list has",
                "rename them in the SELECT list with AS; WITH name (columns) and CREATE VIEW name (columns) name each column",
            ),
            Self::Distinct => ("SELECT DISTINCT of anything but columns", "use GROUP BY"),
            Self::Cut => (
                "an aggregate that counts the rows beyond a bound of the query's choice",
                "COUNT(CASE WHEN … THEN 1 END), whose rows the floor holds for, or GROUP BY it",
            ),
            Self::DistinctAggregate => (
                "this DISTINCT inside an aggregate",
                "write COUNT(DISTINCT column) over one table; by groups that are not public, of one owner",
            ),
            Self::HavingCondition => (
                "this condition in HAVING",
                "compare COUNT, SUM, AVG, MIN, MAX, their sums and differences, and constants, joined by AND, OR, NOT",
            ),
            Self::HavingSubquery => (
                "this subquery in HAVING",
                "write (SELECT SUM(column) … FROM … WHERE …) with COUNT, SUM and AVG over the same tables and conditions as the query itself",
            ),
            Self::HavingKey => ("a condition on a group column in HAVING", "put it into WHERE"),
            Self::Window => (
                "this window function",
                "use ROW_NUMBER, RANK, LAG, SUM and the like over the groups of a query with GROUP BY: `RANK() OVER (ORDER BY COUNT(*))`; over rows in a subquery in FROM, which gives it a name: `(SELECT x - LAG(x) OVER (PARTITION BY a ORDER BY b) AS gap FROM table) AS s`",
            ),
            Self::RowWindow => (
                "this window function over rows",
                "take ROW_NUMBER, RANK, DENSE_RANK, LAG, LEAD, FIRST_VALUE, LAST_VALUE, COUNT, SUM, AVG, MIN or MAX of a column OVER (PARTITION BY columns ORDER BY columns), without a frame or with ROWS BETWEEN n PRECEDING, or UNBOUNDED PRECEDING, AND CURRENT ROW",
            ),
            Self::RowWindowOrder => (
                "a window function over rows in no order",
                "write OVER (ORDER BY columns), or any row could come first",
            ),
            Self::RowWindowDefault => (
                "LAG or LEAD with a default, by which nobody sees that a row has no neighbour",
                "leave the default away and write COALESCE(column, 0) around the column in the aggregate",
            ),
            Self::RowWindowDepth => (
                "window functions of window functions, or conditions under them, that are this deep",
                "put fewer subqueries with windows within each other, or shorten their conditions",
            ),
            Self::RowWindowTables => (
                "a window function over rows beside other tables, or over rows of several datasets",
                "ask one table of one dataset: rows of several owners would have to be brought into one order; ask each owner by a contract of its own, and import rows that are one's own as one dataset",
            ),
            Self::Limit => (
                "this LIMIT, OFFSET or FETCH",
                "use LIMIT and OFFSET with constants, with GROUP BY columns with a public list of values, or integers, decimals, dates, timestamps and text",
            ),
            Self::GroupingSets => ("GROUPING SETS, CUBE or ROLLUP", "write one query for each grouping"),
            Self::GroupByAll => ("GROUP BY ALL", "name the columns"),
            Self::GroupExpression => (
                "GROUP BY this expression",
                "group by columns, or by EXTRACT, DATE_TRUNC, WIDTH_BUCKET, LEFT, UPPER and the like of them",
            ),
            Self::Wildcard => ("SELECT *", "name the group columns and aggregates"),
            Self::SelectExpression => (
                "this expression in the SELECT list",
                "combine group columns and aggregates by arithmetic, comparisons, CASE, CAST, COALESCE, NULLIF, GREATEST and LEAST",
            ),
            Self::OrderExpression => (
                "ORDER BY an expression together with LIMIT",
                "order by group columns and aggregates, or leave LIMIT out",
            ),
            Self::AggregateFilter => ("FILTER (WHERE …)", "put the condition into WHERE"),
            Self::AggregateOrder => {
                ("an aggregate with ORDER BY, WITHIN GROUP or NULL treatment", "leave it out")
            }
            Self::Aggregate => (
                "this aggregate",
                "use COUNT, SUM, AVG, MIN, MAX, VAR_SAMP (VAR), VAR_POP, STDDEV_SAMP (STDDEV), STDDEV_POP, COVAR_SAMP, COVAR_POP, CORR, REGR_SLOPE and its kin, MEDIAN or PERCENTILE_CONT",
            ),
            Self::Quantile => (
                "this median or percentile",
                "write MEDIAN(column) or PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY column) over one table, with public groups or none; a fraction has at most four digits",
            ),
            Self::TextExtreme => (
                "MIN or MAX of text over three tables or more or FULL JOIN, of the second table of a join where that is of several owners, or by groups of several owners that are not public",
                "ask it of one table, or of the first of two, with public groups or none, or of one owner",
            ),
            Self::NullableSum => (
                "adding a column that may be NULL to another one inside an aggregate",
                "rows with a NULL would be left out of one sum and not of another; aggregate the columns one by one",
            ),
            Self::TablesCombined => (
                "columns of two tables inside one aggregate",
                "aggregate the columns of each table by themselves",
            ),
            Self::ArgumentExpression => (
                "this expression inside an aggregate",
                "use columns, integer constants, +, −, × and around them one CASE, NULLIF, or COALESCE with an integer",
            ),
            Self::Function => (
                "this function, or of this type",
                "of text there are LOWER, UPPER, TRIM, LTRIM, RTRIM, LEFT, RIGHT, SUBSTRING, CONCAT, || and LENGTH, of dates and timestamps EXTRACT, DATE_TRUNC and + INTERVAL, of timestamps also hours, minutes, seconds and CAST AS DATE, of numbers WIDTH_BUCKET, with constants; of all columns COALESCE, NULLIF, GREATEST and LEAST",
            ),
            Self::Case => (
                "this form of CASE",
                "inside an aggregate write `CASE WHEN condition THEN value END` with a condition on one table, in SUM also with `ELSE 0` if the value is never NULL",
            ),
            Self::OuterCase => (
                "CASE, NULLIF or COALESCE inside an aggregate, or CONCAT, of a table whose rows LEFT JOIN or FULL JOIN may lack",
                "put the condition into ON, or ask one query for each case; of texts, `||`",
            ),
            Self::Cast => (
                "a conversion of a column",
                "compare the column with a constant of its own type; a conversion can fail on a row",
            ),
            Self::Division => (
                "division by anything but a constant above 0",
                "multiply on the other side of the comparison; a division can fail on a row",
            ),
            Self::Pattern => {
                ("SIMILAR TO, a regular expression, LIKE ANY or ESCAPE", "use LIKE with `%` and `_`")
            }
            Self::Operator => ("this operator", "use comparisons, AND, OR, NOT, +, −, × and LIKE"),
            Self::OtherExpression => (
                "this expression",
                "use comparisons with constants, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL and arithmetic",
            ),
            Self::OtherClause => {
                ("a clause beyond SELECT … FROM … WHERE … GROUP BY … ORDER BY", "leave it out")
            }
        }
    }

    /// The refusal, quoting `found` from the query.
    pub(crate) fn refuse(self, found: &impl ToString) -> Refused {
        Refused::Unsupported { construct: self, found: shortened(&found.to_string()) }
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
