//! The constructs of SQL that are refused by name, and what to write instead.

use super::{Refused, shortened};

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
    ComparedKey,
    /// Values of the table with the unique key, which would weigh its single rows.
    ComparedWeight,
    OuterCondition,
    FullCondition,
    SeveralTables,
    CyclicJoin,
    TreeCondition,
    TreeAggregate,
    TreeFloor,
    GroupsAcross,
    GroupsWithin,
    Threshold,
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
    Nested,
    NestedWide,
    RowWindow,
    RowWindowOrder,
    RowWindowTables,
    RowWindowOwners,
    RowWindowWide,
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
                "this condition that compares columns of two tables",
                "compare keys with `=` in ON; beside that and AND compare sums of two tables' numbers, with constants as factors, by <, <=, >, >=, =, <> and BETWEEN, dates with dates and timestamps with timestamps likewise, texts and booleans by <>",
            ),
            Self::ComparedKey => (
                "comparing columns of two tables where a row may meet several of the other table",
                "declare a key of one of them `unique = true`, the table being of one owner; beside LEFT JOIN and in EXISTS that of the second table",
            ),
            Self::ComparedWeight => (
                "anything but COUNT of the second table's columns beside a comparison of two tables' columns, where the first table's owners ask for a floor",
                "count, or aggregate columns of the first table: whoever chooses the second table's values could tell by their sum which of its rows compare, each of them by itself",
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
                "a condition over several of three or more tables, or over two by groups that are not public",
                "compare keys with `=`, and other columns with constants, each table's by themselves; of public group columns also several tables' by `=`, `<>` and IN, joined by AND, OR, NOT",
            ),
            Self::TreeAggregate => (
                "MIN or MAX over three or more tables or groups that are not public",
                "use COUNT, SUM, AVG, VAR_SAMP and STDDEV_SAMP",
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
            Self::Threshold => (
                "this comparison with a subquery",
                "write WHERE column > (SELECT 1.5 * AVG(column) FROM table WHERE …) AND …: one such comparison, of a number or date of one table with one COUNT, SUM, AVG, MIN or MAX over one table, whose conditions are its own or `own = column of the query`, with public groups or none",
            ),
            Self::Subquery => (
                "this subquery",
                "use EXISTS or IN in WHERE with `SELECT column FROM table WHERE …`, or compare a column with one: `column > (SELECT AVG(column) FROM table WHERE …)`; ask others as contracts of their own",
            ),
            Self::DerivedTable => (
                "this subquery in FROM or WITH",
                "write `(SELECT columns FROM table WHERE …) AS name` over one table, without groups, order and limit; of groups write columns and conditions alone around them, and LIMIT there: `SELECT key, total FROM (SELECT key, SUM(x) AS total FROM table GROUP BY key) AS name WHERE total > 100`",
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
            Self::Nested => (
                "this, in or around a subquery in FROM with GROUP BY",
                "write SELECT COUNT(*), AVG(total) FROM (SELECT key, SUM(column) AS total, COUNT(*) AS n FROM table WHERE … GROUP BY key HAVING …) AS s WHERE total > 100 GROUP BY key: within, of one table, COUNT, SUM, AVG, MIN and MAX of integers, decimals, dates and timestamps; around it COUNT, SUM, AVG, MIN, MAX, VAR and STDDEV of these and of their sums and differences, with integers, not of AVG, COUNT of a column that may be NULL, CASE, NULLIF and COALESCE, which conditions may compare; by keys with a public list of values or none",
            ),
            Self::NestedWide => (
                "numbers this wide of groups of groups",
                "declare narrower ranges of the columns, or leave out variances of sums and comparisons of means: integers on shares have 126 bits, and a group's sum has log2 of the published rows more than its column",
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
                "a window function over rows beside other tables",
                "ask one table: rows that a join multiplies or leaves out would have been counted before",
            ),
            Self::RowWindowOwners => (
                "this, beside or of window functions over the rows of several datasets",
                "compare sums and differences of columns with constants and each other, texts by = and <>, and write IS NULL; aggregate by COUNT, SUM, AVG, MIN, MAX, VAR and STDDEV, and what windows give without CASE or COALESCE, AVG OVER not at all, by public groups or none; order by columns of 512 bits together, of which text has eight for each byte of its `bytes_max`; declare decimals for floats; or ask one dataset",
            ),
            Self::RowWindowWide => (
                "numbers this wide of window functions over the rows of several datasets",
                "declare narrower ranges of the columns, leave out variances and products of sums, put no window of another, or ask one dataset: integers on shares have 126 bits, and a value that is brought to all rows of a part is reckoned with log2 of twice the published rows more",
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
                "columns of several tables inside one aggregate of this kind",
                "use COUNT, SUM or AVG of their sums, differences and products, or COVAR_SAMP, CORR, REGR_SLOPE and its kin of one column each",
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
