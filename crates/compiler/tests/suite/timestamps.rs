//! Timestamps: what the joint result must have in common with the plaintext one, and what is refused. What queries give,
//! `slt/timestamps.slt` says.

use std::collections::BTreeSet;

use arrow::record_batch::RecordBatch;
use contract::{ColumnType, Schema};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{
    BadRange, BadValue, Cell, CellType, Construct, Refused, Source, Table, compile, rows::arrow_schema,
};
use vm::SchemeName;

use crate::{
    calls::{calls, moments},
    place::{Owned, Place},
    random::assert_agrees,
    support::{Declare, batches, column},
};

fn refused(sql: &str) -> Refused {
    Place(vec![calls()]).compiled(sql, 1).map(|_| sql.to_owned()).unwrap_err()
}

/// Points in time of years that nanoseconds have, since DataFusion counts in them.
const TIMES: &[&str] = &[
    "2024-01-31T00:00:00",
    "2024-01-31T10:30:00",
    "2024-02-01T00:00:00",
    "2024-02-28T23:59:59.999999",
    "2024-02-29T00:00:00",
    "2024-03-31T09:00:00.000001",
    "2023-12-31T23:59:59.5",
    "1969-12-31T23:59:59.999999",
];

/// The same rows as `calls`, at random times.
fn rows(times: &[(Option<&'static str>, &'static str)]) -> RecordBatch {
    let columns = vec![moments(times.iter().map(|row| row.0)), moments(times.iter().map(|row| Some(row.1)))];
    RecordBatch::try_new(arrow_schema(&pair()), columns).unwrap()
}

fn pair() -> Schema {
    let range = ("1969-01-01T00:00:00", "2024-12-31T00:00:00");
    Schema {
        columns: vec![
            column("x", ColumnType::Timestamp).range(range.0, range.1).nullable(),
            column("y", ColumnType::Timestamp),
        ],
    }
}

const KEYS: &[&str] = &[
    "x",
    "y",
    "DATE_TRUNC('minute', x)",
    "DATE_TRUNC('hour', y)",
    "DATE_TRUNC('day', x)",
    "DATE_TRUNC('week', x)",
    "DATE_TRUNC('month', y)",
    "CAST(x AS DATE)",
    "CAST(y AS DATE)",
    "EXTRACT(HOUR FROM x)",
    "EXTRACT(SECOND FROM y)",
    "EXTRACT(DOY FROM y)",
    "EXTRACT(YEAR FROM x)",
    "x + INTERVAL '1' MONTH",
    "x - INTERVAL '25 hours 1 second'",
    "CAST(x + INTERVAL '30' MINUTE AS DATE)",
];

const CONDITIONS: &[&str] = &[
    "x > TIMESTAMP '2024-02-01 00:00:00'",
    "y <= '2024-02-28 23:59:59.999998'",
    "x BETWEEN '2024-01-31' AND DATE '2024-02-29'",
    "x IN (TIMESTAMP '2024-01-31 10:30', '2024-02-29T00:00:00')",
    "x IS NULL OR y >= TIMESTAMP '2024-03-01' - INTERVAL '1' DAY",
    "COALESCE(x, y) = y",
    "NULLIF(x, '2024-02-29') IS NOT NULL",
    "x < y",
    // With `=` DataFusion takes x for constant, too, and leaves ORDER BY x away.
    "CAST(x AS DATE) IN (DATE '2024-01-31', DATE '2024-02-01')",
    "EXTRACT(HOUR FROM y) IN (0, 9)",
    "DATE_TRUNC('hour', x) = '2024-01-31 10:00'",
    "x + INTERVAL '1' MONTH > '2024-02-29'",
    "x IS DISTINCT FROM TIMESTAMP '2024-02-29 00:00:00'",
];

fn query() -> impl Strategy<Value = String> {
    let aggregates = select(vec![
        "MIN(y) AS a, MAX(x) AS b",
        "COUNT(x) AS a, COUNT(DISTINCT EXTRACT(MINUTE FROM y)) AS b",
        "MAX(CASE WHEN x > '2024-02-01' THEN y END) AS a",
        "COUNT(CASE WHEN EXTRACT(HOUR FROM y) = 9 THEN 1 END) AS a, MIN(CAST(y AS DATE)) AS b",
    ]);
    (select(KEYS), aggregates, option::of(select(CONDITIONS)), 1_u32..6).prop_map(|(key, aggregates, condition, rows)| {
        let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        format!("SELECT {key} AS k, COUNT(*) AS n, {aggregates} FROM times{filter} GROUP BY {key} ORDER BY k LIMIT {rows}")
    })
}

proptest! {
    #![proptest_config(Config { cases: 80, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        owner in vec((option::weighted(0.8, select(TIMES)), select(TIMES)), 1..9), sql in query(),
    ) {
        // COUNT(DISTINCT …) by groups that are not public is of one owner.
        let place = Place(vec![Owned { name: "times", schema: pair(), owners: vec![rows(&owner)], floor_rows: 1 }]);
        let joint = place.joint(&place.compiled(&sql, 1).unwrap(), None);
        assert_agrees(&sql, &joint, place.plain(&sql), true);
    }

    #[test]
    fn rows_of_several_owners_are_grouped_and_joined(
        owners in vec(vec((option::weighted(0.8, select(TIMES)), select(TIMES)), 1..6), 2..=3),
        condition in select(CONDITIONS), kind in select(vec!["JOIN", "LEFT JOIN"]),
    ) {
        let rows: Vec<_> = owners.iter().map(|owner| rows(owner)).collect();
        let table = |name| Owned { name, schema: pair(), owners: rows.clone(), floor_rows: 1 };
        let place = Place(vec![table("times"), table("others")]);
        for sql in [
            format!("SELECT y, COUNT(*) AS n, MIN(x) AS a, MAX(x) AS b FROM times WHERE {condition} GROUP BY y ORDER BY y DESC LIMIT 3"),
            format!("SELECT EXTRACT(HOUR FROM y) AS h, MAX(x) AS b FROM times WHERE {condition} GROUP BY h ORDER BY h"),
            format!("SELECT COUNT(*) AS n, COUNT(o.x) AS m FROM times t {kind} others o ON t.x = o.y"),
            "SELECT COUNT(DISTINCT x) AS n, MIN(y) AS y FROM times".to_owned(),
            "SELECT x FROM times INTERSECT SELECT y FROM others ORDER BY x LIMIT 4".to_owned(),
        ] {
            let joint = place.joint(&place.compiled(&sql, 1).unwrap(), None);
            assert_agrees(&sql, &joint, place.plain(&sql), true);
        }
    }
}

#[test]
fn three_parties_group_and_compare_timestamps() {
    let place = Place(vec![calls()]);
    let sql = "SELECT DATE_TRUNC('hour', began) AS h, COUNT(*) AS n, MAX(logged) AS l FROM calls \
               WHERE began >= TIMESTAMP '2024-02-29 00:00' GROUP BY h ORDER BY h LIMIT 3";
    let compiled = place.compiled(sql, 1).unwrap();
    let kinds: Vec<CellType> = compiled.columns.iter().map(|column| column.cell_type()).collect();
    assert_eq!(kinds, [CellType::Timestamp, CellType::Integer, CellType::Timestamp]);
    let joint = place.joint(&compiled, Some(SchemeName::Rep3));
    let at = |text: &str| Cell::Timestamp(text.to_owned());
    assert_eq!(
        joint.rows,
        [
            vec![at("2024-02-29T07:00:00"), Cell::Integer(2), at("2024-02-29T07:10:00")],
            vec![at("2024-02-29T08:00:00"), Cell::Integer(1), at("0001-01-01T00:00:00")],
            vec![at("2024-12-31T23:00:00"), Cell::Integer(1), at("9999-12-31T23:59:59.999999")],
        ]
    );
}

#[test]
fn what_is_no_timestamp_is_refused_by_name() {
    for (condition, part) in [
        ("began > TIMESTAMP '2024-02-30 00:00:00'", "is no timestamp; write TIMESTAMP"),
        ("began > TIMESTAMP '2024-02-29 07:08:09Z'", "without a time zone"),
        ("began > TIMESTAMP '2024-02-29 07:08:09.1234567'", "to the microsecond"),
        ("began > TIMESTAMP WITH TIME ZONE '2024-02-29 07:08:09'", "without a time zone"),
        ("began IN ('2024-02-29', 'noon')", "`'noon'` is no timestamp"),
        ("began BETWEEN '2024-02-29T07:08:09+02:00' AND '2025-01-01'", "without a time zone"),
        ("EXTRACT(HOUR FROM DATE_TRUNC('day', CAST(began AS DATE))) = 1", "this function, or of this type"),
        ("DATE_TRUNC('hour', CAST(began AS DATE)) = DATE '2024-01-01'", "this function, or of this type"),
        ("CAST(began AS DATE) + INTERVAL '1' HOUR > '2024-01-01'", "this function, or of this type"),
        ("began - logged > INTERVAL '1' HOUR", ""),
        ("began - TIMESTAMP '2024-01-01' IS NULL", "this operator"),
        ("logged + INTERVAL '1' DAY > '2024-01-01'", "no declared range"),
        ("CAST(phone AS DATE) = '2024-01-01'", "a conversion of a column"),
        ("began = CAST(logged AS DATE)", "would be converted"),
        ("began > 5", ""),
        ("TIMESTAMP '9999-12-31 23:00' + INTERVAL '1' HOUR > began", "no time of the years 0001 to 9999"),
    ] {
        let said = refused(&format!("SELECT COUNT(*) FROM calls WHERE {condition}")).to_string();
        assert!(said.contains(part), "{condition}: {said}");
    }
    for (sql, part) in [
        ("SELECT AVG(began) FROM calls", "it is a timestamp, and AVG takes numbers"),
        ("SELECT MEDIAN(began) FROM calls", "it is a timestamp"),
        ("SELECT MIN(logged - logged) FROM calls", "this expression inside an aggregate"),
        ("SELECT MAX(began) - MIN(began) AS d FROM calls", "this expression in the SELECT list"),
        (
            "SELECT CASE WHEN COUNT(*) > 1 THEN MAX(began) ELSE 'never' END AS c FROM calls",
            "Error parsing timestamp",
        ),
        (
            "SELECT CASE WHEN COUNT(*) > 1 THEN MAX(began) ELSE '2024-01-01' END AS c FROM calls",
            "write TIMESTAMP",
        ),
        ("SELECT began, COUNT(*) FROM calls GROUP BY began", "no public list of values"),
        (
            "SELECT COUNT(*) FROM calls c JOIN calls d ON c.began = CAST(d.logged AS DATE)",
            "(a timestamp) with",
        ),
    ] {
        let said = refused(sql).to_string();
        assert!(said.contains(part), "{sql}: {said}");
    }
}

#[test]
fn declarations_of_timestamps_are_checked() {
    let with = |declared: contract::Column, sql: &str| {
        let source = Source {
            reference: "a/calls@1".into(),
            owner: "a".into(),
            schema: Schema { columns: vec![declared] },
            rows: 9,
            floor_rows: 1,
            rows_per_person: None,
        };
        compile(sql, &[Table { name: "calls".into(), datasets: vec![source] }], 1)
    };
    let bare = || column("x", ColumnType::Timestamp);
    let min = "SELECT MIN(x) FROM calls";
    let ranged = with(bare().range("2024-01-01", "2024-02-01T00:00:00"), min);
    assert_eq!(ranged.unwrap_err(), Refused::BadRange { column: "x".into(), reason: BadRange::Timestamp });
    let by = "SELECT x, COUNT(*) FROM calls GROUP BY x";
    let listed = with(bare().values(&["2024-01-01T24:00:00"]), by).unwrap_err();
    let value = "2024-01-01T24:00:00".into();
    assert_eq!(listed, Refused::BadValue { column: "x".into(), value, reason: BadValue::Timestamp });
    // Which groups there can be follows from the range, if these are few.
    let hours = "SELECT DATE_TRUNC('hour', x) AS h, COUNT(*) FROM calls GROUP BY h";
    let days = |last: &str| with(bare().range("2024-01-01T00:30:00", last), hours);
    assert_eq!(days("2024-01-17T15:00:00").unwrap().groups.len(), 400);
    assert!(matches!(days("2024-01-17T16:00:00"), Err(Refused::NoValues(_))));
    assert_eq!(
        with(bare(), "SELECT EXTRACT(HOUR FROM x) AS h, COUNT(*) FROM calls GROUP BY h")
            .unwrap()
            .groups
            .len(),
        24
    );
}

/// What terms list is compared with what a query has, however it is written there.
#[test]
fn constants_are_listed_in_one_form() {
    let place = Place(vec![calls()]);
    let compared = |condition: &str| {
        let compiled = place.compiled(&format!("SELECT COUNT(*) FROM calls WHERE {condition}"), 1).unwrap();
        compiled.usage.comparisons["calls"]["began"].clone()
    };
    let expected = BTreeSet::from(["2024-02-29T07:30:00".to_owned()]);
    for condition in [
        "began = TIMESTAMP '2024-02-29 07:30'",
        "began = '2024-02-29T07:30:00.000'",
        "began >= TIMESTAMP(0) '2024-03-01 07:30' - INTERVAL '1' DAY",
        "began NOT IN ('2024-02-29 07:30')",
    ] {
        let found = compared(condition);
        assert_eq!((found.constants, found.otherwise), (expected.clone(), false), "{condition}");
    }
    assert_eq!(
        compared("began < DATE '2024-02-29'").constants,
        BTreeSet::from(["2024-02-29T00:00:00".to_owned()])
    );
    for condition in ["CAST(began AS DATE) = '2024-02-29'", "EXTRACT(HOUR FROM began) = 7", "began = logged"]
    {
        assert!(compared(condition).otherwise, "{condition}");
    }
}

/// The groups that are listed are those that rows are found in: owners compare answers by them.
#[test]
fn rows_are_in_the_groups_that_follow_from_a_range() {
    let place = Place(vec![calls()]);
    let sql = "SELECT DATE_TRUNC('month', began) AS m, COUNT(*) AS n FROM calls GROUP BY m";
    let compiled = place.compiled(sql, 1).unwrap();
    assert_eq!(compiled.groups.len(), 13, "twelve months and NULL");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let open = batches(vec![place.0[0].owners[0].clone()]);
    let selected =
        runtime.block_on(compiled.answers[0].select("owner0/calls@1", &place.0[0].schema, open)).unwrap();
    assert_eq!(selected.selections.len(), 13, "a row in none of them would have made one more");
}

#[test]
fn a_conversion_of_what_is_no_timestamp_column_is_as_before() {
    let place = Place(vec![calls()]);
    let sql = "SELECT CAST(MAX(began) AS DATE) AS d, COALESCE(MIN(began), '2024-01-01') AS f FROM calls";
    let joint = place.joint(&place.compiled(sql, 1).unwrap(), None);
    let day = Cell::Date("2024-12-31".into());
    assert_eq!(joint.rows, [vec![day, Cell::Timestamp("2024-01-01T00:00:00".into())]]);
    let in_where = refused("SELECT COUNT(*) FROM calls WHERE CAST(seconds AS DATE) IS NULL");
    assert!(matches!(in_where, Refused::Unsupported { construct: Construct::Cast, .. }), "{in_where}");
}

/// The tables of both sides have a column of the same name, and of another type.
#[test]
fn each_side_of_a_set_operation_has_its_own_columns() {
    let of = |name: &'static str, began: ColumnType| {
        let key = column("k", ColumnType::Integer).range("0", "9");
        let schema = Schema { columns: vec![key, column("began", began)] };
        let owners = vec![RecordBatch::new_empty(arrow_schema(&schema))];
        Owned { name, schema, owners, floor_rows: 1 }
    };
    for (left, right, condition) in [
        (ColumnType::Timestamp, ColumnType::Text, "began = 'abc'"),
        (ColumnType::Text, ColumnType::Timestamp, "began > '2024-02-29'"),
    ] {
        let place = Place(vec![of("a", left), of("b", right)]);
        let sql = format!("SELECT k FROM a INTERSECT SELECT k FROM b WHERE {condition} ORDER BY k LIMIT 9");
        let compiled = place.compiled(&sql, 1).unwrap();
        assert!(!compiled.usage.comparisons["b"]["began"].constants.is_empty());
    }
}

#[test]
fn a_constant_is_no_finer_than_it_says() {
    let owners = vec![rows(&[])];
    let place = Place(vec![Owned { name: "times", schema: pair(), owners, floor_rows: 1 }]);
    let asked = |digits: &str| {
        place.compiled(
            &format!("SELECT COUNT(*) AS n FROM times WHERE x > TIMESTAMP{digits} '2024-03-01 07:30:00.7'"),
            1,
        )
    };
    asked("").unwrap();
    asked("(1)").unwrap();
    assert!(asked("(0)").unwrap_err().to_string().contains("is no timestamp"));
    let beyond = "SELECT COUNT(*) AS n FROM times WHERE x + INTERVAL '-2147483648' HOUR > x";
    place.compiled(beyond, 1).unwrap_err();
}
