//! A telephone company's calls: timestamps and numbers that are cut into buckets, for tests in which rows are of several
//! owners.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray},
    compute::cast,
    datatypes::{DataType, TimeUnit},
    record_batch::RecordBatch,
};
use contract::{ColumnType, Schema};
use treaty_compiler::rows::arrow_schema;

use crate::{
    place::Owned,
    support::{Declare, column},
};

/// The columns of `calls`.
pub(crate) fn schema() -> Schema {
    let year = ("2024-01-01T00:00:00", "2024-12-31T23:59:59.999999");
    Schema {
        columns: vec![
            column("phone", ColumnType::Integer).range("0", "99").nullable(),
            column("began", ColumnType::Timestamp).range(year.0, year.1).nullable(),
            column("logged", ColumnType::Timestamp),
            column("cost", ColumnType::Decimal { scale: 2 }).range("0.00", "100.00").nullable(),
            column("load", ColumnType::Float { scale: 3 }).range("-1", "1").nullable(),
            column("seconds", ColumnType::Integer).range("0", "3600"),
        ],
    }
}

type Call = (Option<i64>, Option<&'static str>, &'static str, Option<i128>, Option<f64>, i64);

/// By owner.
const CALLS: [&[Call]; 2] = [
    &[
        (Some(1), Some("2024-02-28T23:59:59.999999"), "2024-02-29T00:00:00", Some(0), Some(0.3), 0),
        (Some(2), Some("2024-02-29T07:08:09.5"), "2024-02-29T07:10:00", Some(1000), Some(-1.0), 600),
        (Some(2), None, "1969-12-31T23:59:59.999999", Some(9999), None, 3600),
        (None, Some("2024-12-31T23:59:59.999999"), "9999-12-31T23:59:59.999999", None, Some(1.0), 59),
    ],
    &[
        (Some(2), Some("2024-02-29T07:08:09.5"), "2024-02-29T07:10:00", Some(10_000), Some(0.1), 601),
        (Some(4), Some("2024-02-29T08:00:00"), "0001-01-01T00:00:00", Some(3333), Some(-0.7), 1199),
        (Some(9), Some("2024-01-01T00:00:00"), "2024-01-01T00:00:00", Some(3334), Some(0.7), 1200),
    ],
];

/// Points in time as Arrow reads them.
pub(crate) fn moments(texts: impl Iterator<Item = Option<&'static str>>) -> ArrayRef {
    let texts: arrow::array::StringArray = texts.collect();
    cast(&texts, &DataType::Timestamp(TimeUnit::Microsecond, None)).unwrap()
}

/// The table `calls` of two owners.
pub(crate) fn calls() -> Owned {
    let batch = |rows: &&[Call]| {
        let decimals: Decimal128Array = rows.iter().map(|row| row.3).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
            moments(rows.iter().map(|row| row.1)),
            moments(rows.iter().map(|row| Some(row.2))),
            Arc::new(decimals.with_precision_and_scale(18, 2).unwrap()),
            Arc::new(rows.iter().map(|row| row.4).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| Some(row.5)).collect::<Int64Array>()),
        ];
        RecordBatch::try_new(arrow_schema(&schema()), columns).unwrap()
    };
    let owners = CALLS.iter().map(batch).collect::<Vec<_>>();
    assert!(owners.iter().all(|rows| rows.column(1).as_any().is::<TimestampMicrosecondArray>()));
    Owned { name: "calls", schema: schema(), owners, floor_rows: 1 }
}
