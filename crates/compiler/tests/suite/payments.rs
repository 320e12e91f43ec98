//! Payments of several banks, and limits that somebody else sets for accounts: for tests in which columns of two tables are
//! compared.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    },
    record_batch::RecordBatch,
};
use contract::{ColumnType, Schema};
use treaty_compiler::{Compiled, ResultTable, rows::arrow_schema};

use crate::{
    place::{Owned, Place},
    support::{Declare, column},
};

/// 2020-01-01, in days since 1970-01-01.
pub(crate) const NEW_YEAR: i32 = 18_262;
/// A day, in microseconds.
pub(crate) const DAY: i64 = 86_400_000_000;

/// What banks' customers pay.
pub(crate) fn payments() -> Schema {
    Schema {
        columns: vec![
            column("account", ColumnType::Integer).range("0", "99").nullable(),
            column("region", ColumnType::Text).values(&["east", "west"]),
            column("amount", ColumnType::Integer).range("-1000", "1000").nullable(),
            column("fee", ColumnType::Decimal { scale: 2 }).range("-10.00", "10.00").nullable(),
            column("rate", ColumnType::Float { scale: 3 }).range("-5", "5").nullable(),
            column("day", ColumnType::Date).range("2019-01-01", "2021-12-31").nullable(),
            column("paid", ColumnType::Timestamp).nullable(),
            column("country", ColumnType::Text).bytes_max(3).nullable(),
            column("flagged", ColumnType::Boolean).nullable(),
        ],
    }
}

/// What somebody else allows.
pub(crate) fn limits() -> Schema {
    Schema {
        columns: vec![
            column("account", ColumnType::Integer).range("-5", "99").nullable().unique(),
            column("plan", ColumnType::Text).values(&["basic", "full"]),
            column("most", ColumnType::Integer).range("-1000", "1000").nullable(),
            column("least", ColumnType::Decimal { scale: 4 }).range("-20", "20").nullable(),
            column("since", ColumnType::Date).range("2019-01-01", "2021-12-31").nullable(),
            column("changed", ColumnType::Timestamp).nullable(),
            column("home", ColumnType::Text).bytes_max(5).nullable(),
            column("blocked", ColumnType::Boolean),
        ],
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Payment {
    pub(crate) account: Option<i64>,
    pub(crate) region: &'static str,
    pub(crate) amount: Option<i64>,
    pub(crate) fee: Option<i128>,
    pub(crate) rate: Option<f64>,
    pub(crate) day: Option<i32>,
    pub(crate) paid: Option<i64>,
    pub(crate) country: Option<&'static str>,
    pub(crate) flagged: Option<bool>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Limit {
    pub(crate) account: Option<i64>,
    pub(crate) plan: &'static str,
    pub(crate) most: Option<i64>,
    pub(crate) least: Option<i128>,
    pub(crate) since: Option<i32>,
    pub(crate) changed: Option<i64>,
    pub(crate) home: Option<&'static str>,
    pub(crate) blocked: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) payments: Vec<Vec<Payment>>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) floors: [u64; 2],
}

impl World {
    pub(crate) fn place(&self) -> Place {
        let [floor_of_payments, floor_of_limits] = self.floors;
        Place(vec![
            Owned {
                name: "payments",
                schema: payments(),
                owners: self.payments.iter().map(|rows| of_payments(rows)).collect(),
                floor_rows: floor_of_payments,
            },
            Owned {
                name: "limits",
                schema: limits(),
                owners: vec![of_limits(&self.limits)],
                floor_rows: floor_of_limits,
            },
        ])
    }

    pub(crate) fn compiled(&self, sql: &str, floor: u64) -> Compiled {
        self.place().compiled(sql, floor).unwrap_or_else(|refused| panic!("{sql}: {refused}"))
    }

    /// The joint answer, by the reference interpreter.
    pub(crate) fn joint(&self, sql: &str, floor: u64) -> ResultTable {
        self.place().joint(&self.compiled(sql, floor), None)
    }
}

pub(crate) fn of_payments(rows: &[Payment]) -> RecordBatch {
    let fees: Decimal128Array = rows.iter().map(|row| row.fee).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.account).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.region)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.amount).collect::<Int64Array>()),
        Arc::new(fees.with_precision_and_scale(18, 2).unwrap()),
        Arc::new(rows.iter().map(|row| row.rate).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.day).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|row| row.paid).collect::<TimestampMicrosecondArray>()),
        Arc::new(rows.iter().map(|row| row.country).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.flagged).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(arrow_schema(&payments()), columns).unwrap()
}

pub(crate) fn of_limits(rows: &[Limit]) -> RecordBatch {
    let least: Decimal128Array = rows.iter().map(|row| row.least).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.account).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.plan)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.most).collect::<Int64Array>()),
        Arc::new(least.with_precision_and_scale(18, 4).unwrap()),
        Arc::new(rows.iter().map(|row| row.since).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|row| row.changed).collect::<TimestampMicrosecondArray>()),
        Arc::new(rows.iter().map(|row| row.home).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| Some(row.blocked)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(arrow_schema(&limits()), columns).unwrap()
}

/// The limits of `tests/slt`, of accounts by their phone.
pub(crate) fn limits_of_accounts() -> Owned {
    let limit = |account, plan, most, least, since: Option<i32>, changed, home, blocked| Limit {
        account,
        plan,
        most,
        least,
        since: since.map(|day| NEW_YEAR + day),
        changed,
        home,
        blocked,
    };
    // 2024-02-29T07:08:09.5
    let changed = Some(1_709_190_489_500_000);
    let rows = [
        limit(Some(1), "full", Some(50), Some(15_000), Some(0), changed, Some("ann"), false),
        limit(Some(2), "basic", Some(7), Some(-25_000), Some(1), changed, Some("bob"), true),
        limit(Some(4), "full", None, Some(200_000), None, Some(0), None, false),
        limit(Some(9), "basic", Some(40), Some(0), Some(3), None, Some("eve"), false),
        limit(None, "full", Some(-1000), None, Some(0), Some(0), Some("cy"), true),
        limit(Some(3), "basic", Some(-1000), None, Some(0), Some(0), None, true),
    ];
    Owned { name: "limits", schema: limits(), owners: vec![of_limits(&rows)], floor_rows: 1 }
}

pub(crate) fn paid(account: i64, region: &'static str, amount: i64) -> Payment {
    Payment { account: Some(account), region, amount: Some(amount), ..Payment::default() }
}

pub(crate) fn allowed(account: i64, most: i64) -> Limit {
    Limit { account: Some(account), plan: "full", most: Some(most), ..Limit::default() }
}

/// Two banks' payments of three accounts, with limits of 5, 25 and 1000.
pub(crate) fn two_banks(floors: [u64; 2]) -> World {
    let first = [paid(1, "east", 10), paid(1, "east", 20), paid(1, "west", 30), paid(2, "east", 20)];
    let second = [paid(1, "east", 10), paid(2, "east", 30), paid(3, "east", 40), paid(3, "west", 0)];
    World {
        payments: vec![first.to_vec(), second.to_vec()],
        limits: vec![allowed(1, 5), allowed(2, 25), allowed(3, 1000)],
        floors,
    }
}
