//! Where a correlation over two tables has no room for as many pairs as their rows multiplied, keys that are declared unique
//! give it: what is relied on is looked at by the keys' owner.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array},
    record_batch::RecordBatch,
};
use contract::{Column, ColumnType, Schema};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Refused, compile, rows::arrow_schema};

use crate::{
    place::{Owned, Place},
    random::assert_agrees,
    support::{Declare, assert_repeated, column},
};

type Row = (Option<i64>, Option<i64>);

/// Values as wide as these leave room for few pairs.
const MOST: i64 = 500_000_000;

fn owned(name: &'static str, key: Column, value: &str, owners: &[Vec<Row>]) -> Owned {
    let value = column(value, ColumnType::Integer).range("-500000000", "500000000").nullable();
    let schema = Schema { columns: vec![key.range("0", "99").nullable(), value] };
    let batch = |rows: &Vec<Row>| {
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
        ];
        RecordBatch::try_new(arrow_schema(&schema), arrays).unwrap()
    };
    Owned { name, owners: owners.iter().map(batch).collect(), schema: schema.clone(), floor_rows: 1 }
}

/// Incomes of people, each once, and their costs.
fn place(incomes: &[Row], costs: &[Vec<Row>], are_both_once: bool) -> Place {
    let key = |name| column(name, ColumnType::Integer);
    let patient = if are_both_once { key("patient").unique() } else { key("patient") };
    Place(vec![
        owned("incomes", key("person").unique(), "income", &[incomes.to_vec()]),
        owned("costs", patient, "cost", costs),
    ])
}

fn value() -> impl Strategy<Value = Option<i64>> {
    option::weighted(0.9, prop_oneof![select(vec![-MOST, MOST, MOST - 1]), -MOST..=MOST])
}

/// Of equal keys the first.
fn once(rows: Vec<Row>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::new();
    for row in rows {
        if row.0.is_none() || kept.iter().all(|known| known.0 != row.0) {
            kept.push(row);
        }
    }
    kept
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    vec((option::weighted(0.9, 0_i64..8), value()), 4..9)
}

proptest! {
    #![proptest_config(Config { cases: 30, ..Config::default() })]

    #[test]
    fn correlations_equal_plaintext(
        incomes in rows(),
        costs in vec(rows(), 1..=2),
        are_both_once in any::<bool>(),
        kind in select(vec!["", "LEFT ", "RIGHT ", "FULL "]),
    ) {
        let incomes = once(incomes);
        let costs = if are_both_once { vec![once(costs.concat())] } else { costs };
        let sql = format!(
            "SELECT COUNT(*) AS n, CORR(income, cost) AS c, SUM(income) AS s, COUNT(cost) AS m \
             FROM incomes {kind}JOIN costs ON person = patient"
        );
        let place = place(&incomes, &costs, are_both_once);
        let compiled = place.compiled(&sql, 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), false);
    }
}

proptest! {
    #![proptest_config(Config { cases: 30, ..Config::default() })]

    /// Each row of the first table counts once at most, however few or many the second one has.
    #[test]
    fn what_exists_beside_them_bounds_no_aggregates(
        incomes in rows(),
        costs in vec(rows(), 1..=2),
        are_both_once in any::<bool>(),
        exists in select(vec!["EXISTS", "NOT EXISTS"]),
        is_turned in any::<bool>(),
    ) {
        let incomes = once(incomes);
        let costs = if are_both_once { vec![once(costs.concat())] } else { costs };
        let [(table, key, value), (other, other_key, _)] = match is_turned {
            false => [("incomes", "person", "income"), ("costs", "patient", "cost")],
            true => [("costs", "patient", "cost"), ("incomes", "person", "income")],
        };
        let sql = format!(
            "SELECT COUNT(*) AS n, CORR({value}, {key}) AS c, AVG({value}) AS m, SUM({value}) AS s, \
             REGR_SXX({key}, {value}) AS x FROM {table} WHERE {exists} (SELECT 1 FROM {other} WHERE {other_key} = {key})"
        );
        let place = place(&incomes, &costs, are_both_once);
        let compiled = place.compiled(&sql, 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), false);
    }
}

const SQL: &str = "SELECT CORR(income, cost) AS c FROM incomes JOIN costs ON person = patient";

#[test]
fn a_key_that_repeats_is_found_at_home() {
    let row = |key, value| (Some(key), Some(value));
    let costs: Vec<Row> = (0..9).map(|n| row(n, n)).collect();
    let mut incomes: Vec<Row> = (0..9).map(|n| row(n, n * n)).collect();
    incomes[8] = row(3, 5);
    let place = place(&incomes, &[costs], false);
    let compiled = place.compiled(SQL, 1).unwrap();
    assert_repeated(&compiled, "incomes", &place.0[0].schema, place.0[0].owners[0].clone(), "person");
}

/// What many pairs have no room for, as many as there can be have; nothing is relied on where that is not needed.
#[test]
fn keys_are_relied_on_where_an_aggregate_has_no_room_otherwise() {
    let of = |name: &str, key: Column, value: &str, rows: u64, datasets: usize| {
        let value = column(value, ColumnType::Integer).range("0", "100000");
        let schema = Schema { columns: vec![key.range("0", "1000000"), value] };
        let source = |owner: usize| treaty_compiler::Source {
            reference: format!("owner{owner}/{name}@1"),
            owner: format!("owner{owner} of {name}"),
            schema: schema.clone(),
            rows,
            floor_rows: 1,
            rows_per_person: None,
        };
        treaty_compiler::Table { name: name.to_owned(), datasets: (0..datasets).map(source).collect() }
    };
    let person = || column("person", ColumnType::Integer);
    let costs = |rows| of("costs", column("patient", ColumnType::Integer), "cost", rows, 1);
    let relied = |sql: &str, incomes: treaty_compiler::Table, rows: u64| {
        let compiled = compile(sql, &[incomes, costs(rows)], 10)?;
        let is_looked_at = compiled.program.stages.iter().any(|stage| stage.sql.contains("each_once"));
        let is_told = compiled.audit.at_home.iter().any(|step| step.contains("stands in one row"));
        assert_eq!(is_looked_at, is_told);
        Ok::<bool, Refused>(is_looked_at)
    };
    let unique = |rows| of("incomes", person().unique(), "income", rows, 1);
    let too_wide = |found: Result<bool, Refused>| matches!(found, Err(Refused::TooWide { .. }));
    assert!(relied(SQL, unique(20_000), 10_000).unwrap());
    assert!(too_wide(relied(SQL, of("incomes", person(), "income", 20_000, 1), 10_000)));
    // What is declared of one dataset says nothing of two.
    assert!(too_wide(relied(SQL, of("incomes", person().unique(), "income", 20_000, 2), 10_000)));
    assert!(too_wide(relied(SQL, unique(20_000), 10_000_000)));
    assert!(!relied(SQL, unique(20), 20).unwrap());
    let sum = "SELECT SUM(income * cost) AS s FROM incomes JOIN costs ON person = patient";
    assert!(!relied(sum, unique(20_000), 10_000).unwrap());
}
