//! Answers over made-up rows: the shape of a result, from what is published alone.

use std::collections::BTreeMap;

use contract::{ColumnType, Schema};
use program::Beside;
use treaty_compiler::{Cell, CellType, Table, compile, synthetic};

use crate::support::{Declare, column, table};

fn answered(sql: &str, tables: &[Table], floor: u64) -> treaty_compiler::ResultTable {
    let compiled = compile(sql, tables, floor).unwrap();
    let sources = tables.iter().flat_map(|table| &table.datasets);
    let schemas: BTreeMap<_, _> =
        sources.map(|source| (source.reference.clone(), (source.schema.clone(), source.rows))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = || runtime.block_on(synthetic::answer(&compiled, &schemas)).unwrap();
    let first = answer();
    assert_eq!(answer(), first, "the same question has the same answer");
    first
}

/// A table of one owner.
fn one(name: &str, schema: &Schema, rows: u64) -> Table {
    let mut table = table(&[rows]);
    table.name = name.into();
    for source in &mut table.datasets {
        source.reference = format!("{name}/{name}@1");
        source.schema = schema.clone();
    }
    table
}

#[test]
fn every_type_is_made_up_within_its_declaration() {
    let sql = "SELECT rank, COUNT(*) AS n, COUNT(bonus) AS given, SUM(salary) AS pay, AVG(bonus) AS mean, \
               MIN(joined) AS first, MAX(score) AS best FROM people GROUP BY rank";
    let result = answered(sql, &[table(&[400, 300])], 5);
    let kinds: Vec<CellType> = result.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds[1..4], [CellType::Integer; 3]);
    assert_eq!(kinds[5], CellType::Date);
    assert_eq!(result.rows.len(), 3, "every listed value occurs");
    let rows: f64 = result.rows.iter().map(|row| row[1].number().unwrap()).sum();
    let given: f64 = result.rows.iter().map(|row| row[2].number().unwrap()).sum();
    assert_eq!(rows, 700.0);
    assert!((0.8..0.97).contains(&(given / rows)), "values are missing where they may: {given} of {rows}");
    for row in &result.rows {
        let mean = row[3].number().unwrap() / row[1].number().unwrap();
        assert!((-1_000.0..=200_000.0).contains(&mean));
    }
}

#[test]
fn floors_withhold_what_they_would_withhold() {
    let result = answered("SELECT rank, COUNT(*) AS n FROM people GROUP BY rank", &[table(&[12])], 12);
    assert!(result.rows.is_empty());
    assert_eq!(result.suppressed.len(), 3);
}

#[test]
fn groups_of_groups_are_made_up_of_rows() {
    let sql = "SELECT COUNT(*) AS n, SUM(many) AS r FROM (SELECT team, rank, COUNT(*) AS many FROM people GROUP BY team, rank) AS s";
    let result = answered(sql, &[table(&[400, 300])], 5);
    assert_eq!(result.rows, [[Cell::Integer(9), Cell::Integer(700)]]);
}

#[test]
fn tables_that_are_joined_find_partners() {
    let accounts = Schema {
        columns: vec![
            column("id", ColumnType::Integer).range("1", "1000000000"),
            column("amount", ColumnType::Integer).range("0", "5000"),
        ],
    };
    let lines = Schema { columns: vec![column("id", ColumnType::Integer).range("1", "1000000000")] };
    let sql = "SELECT COUNT(*) AS n, SUM(accounts.amount) AS total FROM accounts JOIN lines ON accounts.id = lines.id";
    let result = answered(sql, &[one("accounts", &accounts, 60), one("lines", &lines, 60)], 1);
    let Cell::Integer(matched) = result.rows[0][0] else { panic!("{result:?}") };
    assert!(matched > 10, "{matched} of 3600 pairs");
}

#[test]
fn rows_are_made_up_of_datasets_beside_a_stages_own() {
    let lines = Schema { columns: vec![column("id", ColumnType::Integer).range("1", "1000000000")] };
    let [people, lines] = [table(&[40]), one("lines", &lines, 30)];
    let mut compiled = compile("SELECT COUNT(*) AS n FROM people", std::slice::from_ref(&people), 1).unwrap();
    let stage = &mut compiled.program.stages[0];
    stage.beside.push(Beside { table: "lines".into(), dataset: "lines/lines@1".into() });
    stage.sql = "SELECT COUNT(*) FROM lines, (SELECT 1 FROM people LIMIT 1)".to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = |tables: &[&Table]| {
        let source = |table: &&Table| table.datasets[0].clone();
        let schemas =
            tables.iter().map(source).map(|source| (source.reference, (source.schema, source.rows)));
        runtime.block_on(synthetic::answer(&compiled, &schemas.collect()))
    };
    assert_eq!(answer(&[&people, &lines]).unwrap().rows, [[Cell::Integer(30)]]);
    let missing = answer(&[&people]).unwrap_err();
    assert_eq!(missing.to_string(), "there is no schema of `lines/lines@1`");
}

/// However short they are, and however few there can be.
#[test]
fn values_that_stand_once_are_made_up_once() {
    let orders = Schema {
        columns: vec![
            column("of", ColumnType::Text).bytes_max(2),
            column("day", ColumnType::Integer).range("0", "30"),
        ],
    };
    let keys = [
        column("code", ColumnType::Text).bytes_max(2),
        column("code", ColumnType::Text).bytes_max(1),
        column("code", ColumnType::Text).bytes_max(40),
    ];
    for key in keys {
        let mut key = key;
        key.unique = true;
        let countries = Schema { columns: vec![key, column("name", ColumnType::Text).bytes_max(40)] };
        let sql = "SELECT name, day, COUNT(*) AS n FROM orders JOIN countries ON of = code GROUP BY name, day ORDER BY n DESC LIMIT 3";
        answered(sql, &[one("orders", &orders, 900), one("countries", &countries, 900)], 1);
    }
}

#[test]
fn rows_are_as_many_as_were_published_up_to_a_bound() {
    assert_eq!(synthetic::rows(12), 12);
    assert_eq!(synthetic::rows(1 << 40), synthetic::ROWS_MAX);
}
