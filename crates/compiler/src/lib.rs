//! SQL lowered to a [`program::Program`], and the audit of what it reveals.
//!
//! | question | answer |
//! | --- | --- |
//! | may this query run, and as what program? | [`compile`] |
//! | what does it use of each column? | [`Compiled::usage`], checked against the owners' terms |
//! | what does it reveal to whom? | [`Audit`], and for all signers of a contract its [`report`] |
//! | what does an owner run at home? | [`local::run`] |
//! | what does a receiver see? | [`decode`] |
//! | what would the answer be if all rows lay in one place? | [`plain::query`] |
//! | what would an answer look like, before anybody signs? | [`synthetic::answer`] |
//!
//! # What is supported
//! One SELECT over one table, or over several that are joined; a table is the union of datasets with equal columns, or
//! several tables one below the other (UNION ALL), each SELECT's by its own columns and condition:
//! - WITH, views before the SELECT, subqueries in FROM over one table, or whose groups are only read, SELECT DISTINCT of columns and FILTER: other
//!   writings of the same.
//! - Functions of text, dates and timestamps, computed by each row's owner at home, as columns.
//! - JOIN, LEFT JOIN and RIGHT JOIN of two tables on equality of integers, dates, timestamps or text, one key or several, which nobody sees;
//!   conditions on each table, combined with AND, OR and NOT. FULL JOIN, with no condition but the keys. The values of
//!   UNION and INTERSECT of up to eight tables' columns and of EXCEPT of two, and how many there are. EXISTS, NOT EXISTS and IN over another table. JOIN of up
//!   to eight tables whose equalities make a tree, or a circle closed by public values, with conditions on each, and on public groups of several.
//!   Tables of one owner are joined at home where that makes no difference.
//! - WHERE: comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, arithmetic; evaluated by each owner at home. One
//!   comparison of a column with an aggregate that a subquery takes over one table, decided on shares. Comparisons of two
//!   joined tables' columns, of which one's key is declared unique, decided on shares, too.
//! - GROUP BY columns whose possible values are public, or are listed by a condition, and booleans; a column that may be NULL has a NULL group.
//! - COUNT(DISTINCT column) over one table. COUNT(*), COUNT(column), SUM, AVG, MIN, MAX, VAR and STDDEV of columns, of sums, differences and products
//!   of columns and integers, and of these under one CASE WHEN; MIN and MAX also of dates, timestamps and text. What would pick rows inside
//!   an aggregate, past filter terms and floor, is refused (sums with columns that may be NULL), needs the owners' leave
//!   (products) or is held to the floor itself (CASE, NULLIF, COALESCE). Covariance, correlation and regression of two
//!   columns. COUNT, SUM and AVG of products and sums of joined tables' columns, covariance and correlation of one of each. MEDIAN and PERCENTILE_CONT over one table.
//! - GROUP BY integers, decimals, dates, timestamps and text without a public list, with LIMIT, also in a join; there of several
//!   tables, if each row of one of them meets one row of the others.
//! - HAVING, decided inside the computation, also against sums over all groups; LIMIT and OFFSET, by ORDER BY group columns and aggregates: only the groups
//!   that are let through are opened.
//! - Aggregates of the groups that a subquery in FROM makes of one table, whose rows several owners may have.
//! - Window functions over the rows of one table in a subquery of FROM, computed at home or, over several datasets, on
//!   shares.
//! - Expressions and window functions over groups, and any other ORDER BY: computed by the receivers from what is
//!   opened. Without ORDER BY rows come in ascending order of the group columns, NULL last.
//!
//! Everything else is [`Refused`] by name when the query is drafted. Compiling is deterministic: every node compiles
//! the contract's SQL for itself and compares the program's hash.
//!
//! ```
//! use treaty_compiler::{Source, Table, compile};
//! # use contract::{Column, ColumnType, Range, Schema};
//! # let column = |name: &str, kind| Column::new(name, kind);
//! let schema = Schema {
//!     columns: vec![
//!         Column { values: Some(vec!["A".into(), "B".into()]), ..column("discipline", ColumnType::Text) },
//!         Column {
//!             range: Some(Range { min: "0".into(), max: "500000".into() }),
//!             ..column("salary", ColumnType::Integer)
//!         },
//!     ],
//! };
//! let source = |path: &str, rows| Source {
//!     reference: path.into(), owner: path.into(), schema: schema.clone(), rows, floor_rows: 10, rows_per_person: None,
//! };
//! let datasets = vec![source("north/salaries@1", 180), source("south/salaries@1", 87)];
//! let table = Table { name: "salaries".into(), datasets };
//!
//! let compiled = compile("SELECT discipline, AVG(salary) FROM salaries GROUP BY discipline", &[table], 10)?;
//! println!("{}\n{}", compiled.program, compiled.audit);
//! # Ok::<(), treaty_compiler::Refused>(())
//! ```
//!
//! # What is revealed
//! The receivers learn which public groups reach the floor and, for those, the columns that the query selects.
//! Groups under the floor, and aggregates over fewer values than the floor, are replaced by 0 inside the
//! computation. Sums and counts that an AVG or a variance needs are not opened for it (though a precise quotient
//! narrows down what it is a quotient of: the audit says so).

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a failing test should say where"
    )
)]

mod aggregation;
pub mod answers;
mod arithmetic;
mod attacks;
mod audit;
mod behind;
mod buckets;
mod calendar;
mod compiled;
mod decode;
mod deep;
mod difference;
mod distinct;
mod domain;
mod dominance;
mod finish;
mod fractions;
mod full;
mod groups;
mod having;
mod held;
mod home_joined;
mod joined;
mod joined_audit;
mod keyed;
pub mod local;
mod lower;
mod masked;
mod membership;
mod moments;
mod nested;
mod nested_audit;
mod noise;
mod number;
pub mod overlap;
mod packed;
mod pairs;
mod pairs_max;
pub mod plain;
mod precision;
mod products;
mod quantile;
mod rank;
mod refused;
mod report;
mod reread;
mod result;
pub mod rows;
mod secret;
mod set_values;
mod sets;
mod sql;
mod stacked;
mod stage;
pub mod synthetic;
pub mod template;
mod text_extremes;
mod text_functions;
mod threshold;
mod threshold_audit;
mod threshold_tables;
mod time_functions;
mod tree;
mod tree_node;
mod union;
mod unit;
mod windows;
mod windows_audit;

pub use local::LocalError;
pub use membership::Membership;

pub use compiled::{Compiled, Opened, ResultColumn, ResultKind, Rule, SHOWN, Source, Table};
pub use contract::audit::{Attack, Audit, ColumnAudit, Verdict};
pub use decode::{DecodeError, decode};
pub use difference::Difference;
pub use domain::GROUPS_MAX;
pub use number::{BadNumber, DIGITS_MAX, format_scaled, parse_scaled};
pub use precision::ErrorBound;
pub use refused::{BadRange, BadValue, Construct, Refused};
pub use report::report;
pub use result::{Cell, CellType, ColumnHead, ResultTable};

use contract::{Hash, policy::Usage};
use sql::Joins;

/// The tables that a query names, once it is known to be one that this crate supports.
///
/// # Errors
/// Whatever the grammar refuses, by name.
pub fn tables(sql: &str) -> Result<Vec<String>, Refused> {
    deep::call(|| sql::tables(sql)).map_err(|error| Refused::NoThread(error.to_string()))?
}

/// Refuses windows of windows of which an owner's parser would not read so many within each other.
fn check_depth(
    checked: &sql::Checked,
    program: &program::Program,
    answers: &[answers::Answers],
) -> Result<(), Refused> {
    let mut computed = checked.relations.iter().flat_map(|relation| &relation.computed);
    let Some(window) = computed.find(|column| !column.across.is_empty()) else { return Ok(()) };
    let are_readable = || {
        program.stages.iter().all(|stage| local::is_readable(&stage.sql))
            && answers.iter().all(answers::Answers::is_readable)
    };
    match deep::call(are_readable).map_err(|error| Refused::NoThread(error.to_string()))? {
        true => Ok(()),
        false => Err(Construct::RowWindowDepth.refuse(&window.name)),
    }
}

/// Compiles a query over `tables` to a program that withholds what `rule` says; a number of rows is the rule with that
/// floor alone.
///
/// Every table given must be read. The same arguments give the same program on every machine; the cost is a few
/// milliseconds, independent of the data, of which nothing but `Source::rows` is known.
pub fn compile(sql: &str, tables: &[Table], rule: impl Into<Rule>) -> Result<Compiled, Refused> {
    let rule = rule.into();
    if rule.floor_rows == 0 {
        return Err(Refused::NoFloor);
    }
    // What cannot be asked of tables that are joined at home may be of tables that are joined on shares.
    match compile_joined(sql, tables, &rule, Joins::AtHome) {
        // The same query must be the same program at all times.
        Err(Refused::NoThread(reason)) => Err(Refused::NoThread(reason)),
        Err(at_home) => {
            compile_joined(sql, tables, &rule, Joins::OnShares).map_err(|on_shares| match on_shares {
                // Only at home it could be: what was wrong there says more.
                Refused::Unsupported { construct: Construct::SeveralTables, .. } => at_home,
                on_shares => on_shares,
            })
        }
        compiled => compiled,
    }
}

fn compile_joined(sql: &str, tables: &[Table], rule: &Rule, joins: Joins) -> Result<Compiled, Refused> {
    let floor_rows = rule.floor_rows;
    let mut checked = deep::call(|| sql::check(sql, tables, joins))
        .map_err(|error| Refused::NoThread(error.to_string()))??;
    pairs_max::rely(&mut checked);
    let tables = checked.tables.as_slice();
    let groups = groups::Groups::of(&checked.query, checked.of_groups())?;
    let lower::Lowered { program, columns, partials, rows, group_at, finish, noise } =
        lower::lower(tables, &checked, &groups, rule).map_err(|refused| held::refusal(refused, &checked))?;
    let answers = answers::of(tables, &checked, &groups);
    check_depth(&checked, &program, &answers)?;
    let audit = audit::audit(tables, &checked, &groups, &partials, &columns, &noise, rule);
    let query = &checked.query;
    let names_withheld = query.has_public_groups && query.cut.is_none() && query.having.is_none();
    let usage = Usage {
        program: Hash::from_bytes(program.hash()),
        columns: checked.uses,
        comparisons: checked.comparisons,
    };
    let groups = groups.texts();
    Ok(Compiled {
        program,
        usage,
        columns,
        groups,
        group_at,
        rows,
        names_withheld,
        finish,
        audit,
        answers,
        floor_rows,
    })
}
