//! `treaty bench sql --growth`: how the time of a sort, a join, groups, and both grows with rows.

use arrow::error::ArrowError;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::{
    BenchError,
    sql::{self, Measured},
    tpch::{Dealt, dealt, integers, number, unique},
};
use crate::output::{Output, table};

/// Rows of each table.
const SIZES: [i64; 3] = [10_000, 100_000, 1_000_000];

/// Name, and text. Nobody learns which keys met, nor which groups there are but the ten that are shown.
const QUERIES: [(&str, &str); 4] = [
    ("sort", "SELECT MEDIAN(amount) AS middle FROM payments"),
    ("join", "SELECT SUM(p.amount) AS total FROM payments p JOIN accounts a ON p.account = a.account"),
    (
        "groups",
        "SELECT region, SUM(amount) AS total FROM payments GROUP BY region ORDER BY total DESC LIMIT 10",
    ),
    (
        "join and groups",
        "SELECT a.branch, SUM(p.amount) AS total FROM payments p JOIN accounts a ON p.account = a.account \
         GROUP BY a.branch ORDER BY total DESC LIMIT 10",
    ),
];

/// What was measured, and what follows.
#[derive(Serialize)]
struct Growth {
    measured: Vec<Measured>,
    slopes: Vec<Slope>,
}

/// Seconds on shares grow as the rows to the power of `exponent`, from one size to the next.
#[derive(Serialize)]
struct Slope {
    query: &'static str,
    rows: [u64; 2],
    exponent: f64,
}

pub(super) fn run(output: Output, event_loop: &Runtime) -> Result<(), BenchError> {
    let mut growth = Growth { measured: Vec::new(), slopes: Vec::new() };
    for (name, query) in QUERIES {
        let start = growth.measured.len();
        for size in SIZES {
            let tables = [payments(size).map_err(sql::fault)?, accounts(size).map_err(sql::fault)?];
            growth.measured.push(sql::measured(name, query, &tables, |table| table, event_loop)?);
        }
        growth.slopes.extend(growth.measured.windows(2).skip(start).filter_map(|pair| slope(name, pair)));
    }
    output.answer(&growth, || shown(&growth)).map_err(sql::fault)
}

fn slope(query: &'static str, pair: &[Measured]) -> Option<Slope> {
    let [small, large] = pair else { return None };
    let rows = [small.input_rows, large.input_rows];
    let exponent = (large.joint_seconds / small.joint_seconds).ln() / (rows[1] as f64 / rows[0] as f64).ln();
    Some(Slope { query, rows, exponent })
}

/// Payments of one account each; every third account is one that the other owner knows.
fn payments(rows: i64) -> Result<Dealt, ArrowError> {
    let columns = vec![
        (number("account", "3000000"), integers((0..rows).map(|row| shuffled(row, rows) * 3))),
        (number("amount", "9999"), integers((0..rows).map(|row| scattered(row, 10_000)))),
        (number("region", "999"), integers((0..rows).map(|row| scattered(row + rows, 1_000)))),
    ];
    dealt("payments", columns)
}

/// Accounts at a thousand branches.
fn accounts(rows: i64) -> Result<Dealt, ArrowError> {
    let columns = vec![
        (unique(number("account", "3000000")), integers((0..rows).map(|row| shuffled(row, rows) * 2))),
        (number("branch", "999"), integers((0..rows).map(|row| scattered(row + 2 * rows, 1_000)))),
    ];
    dealt("accounts", columns)
}

/// Each number below `rows` once, if `rows` is no multiple of the prime.
fn shuffled(row: i64, rows: i64) -> i64 {
    row * 7_919 % rows
}

/// A number below `limit`, without a pattern.
fn scattered(row: i64, limit: i64) -> i64 {
    let mixed = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as i64 % limit
}

fn shown(growth: &Growth) -> String {
    let heads = ["query", "rows read", "and", "seconds grow as rows to the power of"];
    let slopes = growth.slopes.iter().map(|slope| {
        let [small, large] = slope.rows;
        [slope.query.to_owned(), small.to_string(), large.to_string(), format!("{:.2}", slope.exponent)]
    });
    format!("{}\n{}", sql::shown(&growth.measured), table(&heads, slopes))
}
