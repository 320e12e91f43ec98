//! The local stage refuses rows that are not what was declared, and names row and column, never the value.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{ArrayRef, Int64Array},
    record_batch::RecordBatch,
};
use contract::{ColumnType, Schema};
use program::{Builder, Kind, Program};
use treaty_compiler::{
    compile,
    local::{self, LocalError, Rows},
    rows::{BadRows, arrow_schema},
};

use crate::support::{Declare, Person, batch, column, people, table};

const PEOPLE: &str = "owner0/people@1";

fn run_stage(
    program: &Program,
    stage: u16,
    rows: impl IntoIterator<Item = (&'static str, Rows)>,
) -> Result<Vec<Vec<i128>>, LocalError> {
    let rows: BTreeMap<_, _> = rows.into_iter().map(|(dataset, rows)| (dataset.to_owned(), rows)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(local::run(program, stage, rows))
}

fn run(program: &Program, rows: &[Person]) -> Result<Vec<Vec<i128>>, LocalError> {
    // Two batches, so that rows are counted over both.
    let (first, second) = rows.split_at(rows.len() / 2);
    run_stage(program, 0, [(PEOPLE, Rows::held(people(), vec![batch(first), batch(second)]))])
}

fn program(sql: &str, rows: u64) -> Program {
    compile(sql, &[table(&[rows])], 1).unwrap().program
}

fn person(salary: i64) -> Person {
    Person { rank: "low".into(), salary, ..Person::default() }
}

#[track_caller]
fn bad_rows(rows: &[Person]) -> BadRows {
    match run(&program("SELECT COUNT(*) FROM people", 10), rows) {
        Err(LocalError::Rows { dataset, reason }) => {
            assert_eq!(dataset, PEOPLE);
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn yields_the_shared_columns_in_the_programs_order() {
    let program =
        program("SELECT rank, SUM(salary), MIN(salary) FROM people WHERE salary <> 6 GROUP BY rank", 10);
    let columns = run(&program, &[person(5), person(6), person(-7)]).unwrap();
    // Ranks ascend: low, mid, o'high. Where there are no rows, the least value is the range's end.
    assert_eq!(columns, [vec![2, 0, 0], vec![-2, 0, 0], vec![-7, 200_000, 200_000]]);
}

#[test]
fn a_value_outside_its_range_is_named_by_row_and_not_shown() {
    let error = bad_rows(&[person(1), person(2), person(123_456_789)]);
    let (min, max) = ("-1000".to_owned(), "200000".to_owned());
    assert_eq!(error, BadRows::OutOfRange { column: "salary".into(), row: 3, min, max });
    assert!(!error.to_string().contains("123456789"), "{error}");

    let score = |score| Person { score: Some(score), ..person(0) };
    for value in [10.5, f64::NAN, f64::INFINITY, -1e300] {
        assert!(matches!(bad_rows(&[score(value)]), BadRows::OutOfRange { row: 1, .. }), "{value}");
    }
}

#[test]
fn a_value_outside_its_list_is_named_by_row_and_not_shown() {
    let stranger = Person { rank: "secret".into(), ..person(0) };
    let error = bad_rows(&[person(0), stranger]);
    assert_eq!(error, BadRows::Unlisted { column: "rank".into(), row: 2 });
    let team = Person { team: Some(3), ..person(0) };
    assert_eq!(bad_rows(&[team]), BadRows::Unlisted { column: "team".into(), row: 1 });
}

#[test]
fn a_text_that_is_too_long_is_named_by_row_and_not_shown() {
    let note = |note: &str| Person { note: Some(note.into()), ..person(0) };
    let error = bad_rows(&[note("as long as it is allowed"), person(0), note("longer, é: 25 bytes of it")]);
    assert_eq!(error, BadRows::TooLong { column: "note".into(), row: 3, bytes_max: 24 });
    assert!(!error.to_string().contains("longer, "), "{error}");
}

#[test]
fn other_columns_than_declared_are_refused() {
    let whole = batch(&[person(1)]);
    let fewer = whole.project(&[0, 1]).unwrap();
    let program = program("SELECT COUNT(*) FROM people", 10);
    let run = |stage, rows| run_stage(&program, stage, [(PEOPLE, Rows::held(people(), vec![rows]))]);
    let error = run(0, fewer).unwrap_err();
    assert!(matches!(error, LocalError::Rows { reason: BadRows::Columns { .. }, .. }));
    let error = run(7, whole).unwrap_err();
    assert!(matches!(error, LocalError::NoStage { stage: 7, stages: 1 }));
}

#[test]
fn more_rows_than_were_published_are_refused() {
    let error = run(&program("SELECT COUNT(*) FROM people", 3), &vec![person(1); 9]).unwrap_err();
    assert!(matches!(error, LocalError::TooLarge { row: 0, bits: 2, .. }), "{error:?}");
}

const TEAMS: &str = "owner0/teams@4";

fn teams() -> Schema {
    let team = column("team", ColumnType::Integer).unique().range("0", "9");
    Schema { columns: vec![team, column("budget", ColumnType::Integer).range("0", "1000").nullable()] }
}

fn of_teams(rows: &[(i64, Option<i64>)]) -> Rows {
    let columns: [ArrayRef; 2] = [
        Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
    ];
    Rows::held(teams(), vec![RecordBatch::try_new(arrow_schema(&teams()), columns.to_vec()).unwrap()])
}

/// Pairs of people and their teams, and what these have to spend.
fn joined(condition: &str) -> Program {
    let mut builder = Builder::new();
    let sql = format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM(t.budget), 0) AS BIGINT) FROM people AS p JOIN teams AS t ON p.team = t.team \
         WHERE {condition}"
    );
    let stage = builder.stage(0, "people", PEOPLE, sql, 1).unwrap();
    builder.read_beside(stage, "teams", TEAMS).unwrap();
    let pairs = builder.input("pairs", stage, 0, Kind::Integer, 20).unwrap();
    builder.input("budgets", stage, 1, Kind::Integer, 40).unwrap();
    builder.output("pairs", pairs).unwrap();
    builder.finish().unwrap()
}

fn member(team: Option<i64>) -> Person {
    Person { team, ..person(1) }
}

fn of_people(teams: &[Option<i64>]) -> Rows {
    let people_: Vec<Person> = teams.iter().map(|team| member(*team)).collect();
    Rows::held(people(), vec![batch(&people_)])
}

#[test]
fn a_stage_joins_its_owners_tables() {
    let of_people = of_people(&[Some(1), Some(2), None, Some(1), Some(2), Some(2)]);
    let of_teams = of_teams(&[(1, Some(100)), (2, Some(7)), (3, Some(900))]);
    // What the stage does not read is left alone.
    let unread = Rows::new(people(), || Box::new(std::iter::once(Err("not to be read".into()))));
    let rows = [(PEOPLE, of_people), (TEAMS, of_teams), ("owner0/people@2", unread)];
    assert_eq!(run_stage(&joined("TRUE"), 0, rows.clone()).unwrap(), [[5], [221]]);
    assert_eq!(run_stage(&joined("t.budget < 100"), 0, rows).unwrap(), [[3], [21]]);
}

#[test]
fn what_is_wrong_with_rows_is_said_of_their_dataset() {
    let program = joined("TRUE");
    let (people_, teams_) = (|| of_people(&[Some(1)]), || of_teams(&[(1, Some(100))]));
    let fault = |of_people: Rows, of_teams: Rows| match run_stage(
        &program,
        0,
        [(PEOPLE, of_people), (TEAMS, of_teams)],
    ) {
        Err(LocalError::Rows { dataset, reason }) => (dataset, reason),
        other => panic!("{other:?}"),
    };
    let (min, max) = ("0".to_owned(), "1000".to_owned());
    let beside = fault(people_(), of_teams(&[(1, Some(5)), (2, Some(1001))]));
    assert_eq!(beside, (TEAMS.into(), BadRows::OutOfRange { column: "budget".into(), row: 2, min, max }));
    let own = fault(of_people(&[Some(3)]), teams_());
    assert_eq!(own, (PEOPLE.into(), BadRows::Unlisted { column: "team".into(), row: 1 }));
    let mut unreadable = teams_();
    unreadable.schema.columns[0].range.as_mut().unwrap().max = "none".into();
    let declared = fault(people_(), unreadable);
    assert!(matches!(&declared, (of, BadRows::Declaration { .. }) if of == TEAMS), "{declared:?}");

    let broken = Rows::new(teams(), || Box::new(std::iter::once(Err("the disk is gone".into()))));
    let error = run_stage(&program, 0, [(PEOPLE, people_()), (TEAMS, broken)]).unwrap_err();
    assert_eq!(error.to_string(), format!("dataset `{TEAMS}`: the rows cannot be read: the disk is gone"));
}

#[test]
fn a_key_that_repeats_is_said_of_its_tables_dataset() {
    let check = |table: &str, column: &str| {
        joined(&format!(
            "each_once('{table}', '{column}', (SELECT COUNT({column}) - COUNT(DISTINCT {column}) FROM {table}))"
        ))
    };
    let run = |program: &Program, of_teams: Rows| {
        run_stage(program, 0, [(PEOPLE, of_people(&[Some(1), Some(1)])), (TEAMS, of_teams)])
    };
    let twice = || of_teams(&[(1, Some(5)), (1, Some(6))]);
    let once = || of_teams(&[(1, Some(5)), (2, Some(6))]);
    assert_eq!(run(&check("teams", "team"), once()).unwrap(), [[2], [10]]);
    for (table, dataset, rows) in [("teams", TEAMS, twice()), ("people", PEOPLE, once())] {
        match run(&check(table, "team"), rows) {
            Err(LocalError::Rows { dataset: of, reason }) => {
                assert_eq!((of.as_str(), reason), (dataset, BadRows::Repeated { column: "team".into() }));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_dataset_that_is_not_given_is_named() {
    let program = joined("TRUE");
    let of_teams = || (TEAMS, of_teams(&[(1, None)]));
    let missing = |found: Result<Vec<Vec<i128>>, LocalError>| match found {
        Err(LocalError::NoRows { dataset }) => dataset,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(run_stage(&program, 0, [(PEOPLE, of_people(&[Some(1)]))])), TEAMS);
    assert_eq!(missing(run_stage(&program, 0, [of_teams()])), PEOPLE);
}
