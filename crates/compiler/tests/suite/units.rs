//! Units: what measures the same is converted, what does not is refused.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use contract::{ColumnType, Schema};
use treaty_compiler::{Cell, Refused, rows::arrow_schema};

use crate::{
    place::{Owned, Place},
    support::{Declare, column},
};

/// Trips, and the cars that made them.
fn place() -> Place {
    let trips = Schema {
        columns: vec![
            column("car", ColumnType::Text).values(&["a", "b"]),
            column("road", ColumnType::Integer).range("0", "1000").unit("km"),
            column("path", ColumnType::Integer).range("0", "100000").unit("m"),
            column("load", ColumnType::Integer).range("0", "50000").unit("kg"),
            column("sugar", ColumnType::Float { scale: 3 }).range("0", "10").unit("g/L"),
            column("blood", ColumnType::Float { scale: 3 }).range("0", "1000").unit("mg/dL"),
            column("price", ColumnType::Integer).range("0", "1000").unit("EUR"),
            column("toll", ColumnType::Integer).range("0", "1000").unit("USD"),
            column("stops", ColumnType::Integer).range("0", "100"),
        ],
    };
    let owner = |from: i64| -> RecordBatch {
        let numbers = |each: fn(i64) -> i64| -> ArrayRef {
            Arc::new((from..from + 6).map(|n| Some(each(n))).collect::<Int64Array>())
        };
        let reals = |each: fn(i64) -> f64| -> ArrayRef {
            Arc::new((from..from + 6).map(|n| Some(each(n))).collect::<Float64Array>())
        };
        let car = (from..from + 6).map(|n| Some(if n % 2 == 0 { "a" } else { "b" }));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(car.collect::<StringArray>()),
            numbers(|n| n),
            numbers(|n| n * n * 400),
            numbers(|n| n * 10),
            reals(|n| n as f64 / 8.0),
            reals(|n| n as f64 * 16.0),
            numbers(|n| n + 3),
            numbers(|n| n + 4),
            numbers(|n| n % 3),
        ];
        RecordBatch::try_new(arrow_schema(&trips), columns).unwrap()
    };
    let owners = vec![owner(1), owner(4)];
    Place(vec![Owned { name: "trips", schema: trips, owners, floor_rows: 1 }])
}

#[test]
fn what_measures_the_same_is_brought_to_the_smaller_unit() {
    let place = place();
    for (sql, written_out, units) in [
        (
            "SELECT car, SUM(road + road - path) AS way FROM trips GROUP BY car",
            "SELECT car, SUM((road + road) * 1000 - path) AS way FROM trips GROUP BY car",
            ["", "m"],
        ),
        (
            "SELECT COUNT(*) AS n, MAX(path + road) AS far FROM trips WHERE path < road",
            "SELECT COUNT(*) AS n, MAX(path + road * 1000) AS far FROM trips WHERE path < road * 1000",
            ["", "m"],
        ),
        (
            "SELECT SUM(road) AS r, SUM(path) - SUM(road) AS d FROM trips t WHERE blood >= t.sugar AND road > 2",
            "SELECT SUM(road) AS r, SUM(path) - SUM(road) * 1000 AS d FROM trips WHERE blood >= sugar * 100 AND road > 2",
            ["km", ""],
        ),
        (
            "SELECT car, SUM(CASE WHEN road > path THEN stops END) AS s FROM trips GROUP BY car HAVING SUM(road) < SUM(path)",
            "SELECT car, SUM(CASE WHEN road * 1000 > path THEN stops END) AS s FROM trips GROUP BY car HAVING SUM(road) * 1000 < SUM(path)",
            ["", ""],
        ),
        (
            "SELECT COUNT(*) AS n, SUM(path) AS s FROM trips WHERE path > (SELECT AVG(road) FROM trips)",
            "SELECT COUNT(*) AS n, SUM(path) AS s FROM trips WHERE path > (SELECT AVG(road) FROM trips) * 1000",
            ["", "m"],
        ),
        (
            "SELECT car, COUNT(*) AS n FROM trips t WHERE road <= (SELECT MAX(path) FROM trips u WHERE u.stops = t.stops) GROUP BY car",
            "SELECT car, COUNT(*) AS n FROM trips t WHERE road * 1000 <= (SELECT MAX(path) FROM trips u WHERE u.stops = t.stops) GROUP BY car",
            ["", ""],
        ),
        // The price of a stop is in no unit that anybody knows.
        (
            "SELECT SUM(price * stops + toll) AS p, SUM(load * 2 + stops) AS l FROM trips",
            "SELECT SUM(price * stops + toll) AS p, SUM(load * 2 + stops) AS l FROM trips",
            ["USD", ""],
        ),
    ] {
        let compiled = place.compiled(sql, 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let joint = place.joint(&compiled, None);
        assert_eq!(joint.rows, place.plain(written_out).rows, "{sql}");
        assert!(joint.rows.iter().flatten().any(|cell| !matches!(cell, Cell::Null)), "{sql}");
        let found: Vec<&str> = joint.columns.iter().map(|column| column.unit.as_str()).collect();
        assert_eq!(found, units, "{sql}");
    }
}

#[test]
fn what_measures_different_things_is_refused() {
    let place = place();
    for (sql, first, second) in [
        ("SELECT SUM(road + load) AS s FROM trips", "km", "kg"),
        ("SELECT COUNT(*) AS n FROM trips WHERE path > load", "m", "kg"),
        ("SELECT SUM(price) - SUM(toll) AS d FROM trips", "EUR", "USD"),
        ("SELECT COUNT(*) AS n FROM trips WHERE path > (SELECT AVG(load) FROM trips)", "m", "kg"),
        ("SELECT COUNT(*) AS n FROM trips WHERE toll BETWEEN 3 AND price", "USD", "EUR"),
        ("SELECT COUNT(*) AS n FROM trips WHERE road IN (1, path)", "km", "m"),
        ("SELECT SUM(CASE WHEN stops > 1 THEN load ELSE road END) AS s FROM trips", "kg", "km"),
        ("SELECT car, COUNT(*) AS n FROM trips GROUP BY car HAVING SUM(load) > SUM(road)", "kg", "km"),
        (
            "SELECT COUNT(*) AS n FROM (SELECT road FROM trips UNION SELECT load FROM trips u) AS x",
            "km",
            "kg",
        ),
        ("SELECT COUNT(*) AS n FROM trips a JOIN trips b ON a.road = b.load", "km", "kg"),
    ] {
        let refused = place.compiled(sql, 1).unwrap_err();
        let Refused::Units { first: x, second: y, .. } = &refused else { panic!("{sql}: {refused}") };
        assert_eq!([x.as_str(), y], [first, second], "{sql}");
    }
}
