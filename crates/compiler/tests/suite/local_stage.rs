//! The local stage refuses rows that are not what was declared, and names row and column, never the value.

use program::Program;
use treaty_compiler::{
    compile,
    local::{self, LocalError},
    rows::BadRows,
};

use crate::support::{Person, batch, batches, people, table};

fn run(program: &Program, rows: &[Person]) -> Result<Vec<Vec<i128>>, LocalError> {
    // Two batches, so that rows are counted over both.
    let (first, second) = rows.split_at(rows.len() / 2);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(local::run(program, 0, &people(), batches(vec![batch(first), batch(second)])))
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
            assert_eq!(dataset, "owner0/people@1");
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
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let program = program("SELECT COUNT(*) FROM people", 10);
    let error = runtime.block_on(local::run(&program, 0, &people(), batches(vec![fewer]))).unwrap_err();
    assert!(matches!(error, LocalError::Rows { reason: BadRows::Columns { .. }, .. }));
    let error = runtime.block_on(local::run(&program, 7, &people(), batches(vec![whole]))).unwrap_err();
    assert!(matches!(error, LocalError::NoStage { stage: 7, stages: 1 }));
}

#[test]
fn more_rows_than_were_published_are_refused() {
    let error = run(&program("SELECT COUNT(*) FROM people", 3), &vec![person(1); 9]).unwrap_err();
    assert!(matches!(error, LocalError::TooLarge { row: 0, bits: 2, .. }), "{error:?}");
}
