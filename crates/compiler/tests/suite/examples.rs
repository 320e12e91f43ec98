//! Whole queries over small tables, with what they must show.

use crate::support::{Person, expected, run};
use treaty_compiler::Cell;

fn person(rank: &str, salary: i64) -> Person {
    Person { rank: rank.into(), salary, ..Person::default() }
}

fn owners() -> Vec<Vec<Person>> {
    vec![
        vec![person("low", 10), person("low", 20), person("mid", -5)],
        vec![],
        vec![person("low", 60), person("mid", 7), person("o'high", 9)],
    ]
}

#[test]
fn a_group_under_the_floor_is_withheld_and_its_values_are_never_opened() {
    let sql = "SELECT rank, COUNT(*) AS n, SUM(salary) AS total, AVG(salary) AS mean, MIN(salary) AS least, \
               MAX(salary) AS most, VAR_SAMP(salary) AS var, STDDEV_SAMP(salary) AS dev FROM people GROUP BY rank";
    let (_, outputs, result) = run(sql, &owners(), 2);
    assert_eq!(result.suppressed, [vec![Some("o'high".to_owned())]]);
    assert!(outputs.iter().all(|column| column[2] == 0), "{outputs:?}");
    assert_eq!(
        result.rows[0][..6],
        [
            Cell::Text("low".into()),
            Cell::Integer(3),
            Cell::Integer(90),
            Cell::Real(30.0),
            Cell::Integer(10),
            Cell::Integer(60)
        ]
    );
    let expected = expected(sql, &owners()).without(&result.suppressed);
    let difference = result.difference(&expected);
    assert!(
        difference.mismatches == 0 && difference.relative < 1e-6,
        "{difference:?}\n{result:?}\n{expected:?}"
    );
}

#[test]
fn an_aggregate_over_fewer_values_than_the_floor_is_withheld_alone() {
    let with_bonus = |bonus| Person { bonus, ..person("low", 1) };
    let owners = vec![vec![with_bonus(Some(150)), with_bonus(None)], vec![with_bonus(None)]];
    let sql = "SELECT COUNT(*), COUNT(bonus), SUM(bonus), AVG(salary) FROM people";
    let (_, outputs, result) = run(sql, &owners, 2);
    let row = [Cell::Integer(3), Cell::Withheld, Cell::Withheld, Cell::Real(1.0)];
    assert_eq!(result.rows, [row]);
    assert!(!outputs.iter().flatten().any(|value| *value == 150), "{outputs:?}");
}

#[test]
fn with_a_floor_of_one_missing_values_are_null_as_in_sql() {
    let owners = vec![vec![person("low", 4)], vec![person("mid", 5), person("mid", 7)]];
    let sql = "SELECT COUNT(bonus), SUM(bonus), MIN(joined), VAR_SAMP(salary) FROM people GROUP BY rank";
    let (_, _, result) = run(sql, &owners, 1);
    let null = || Cell::Null;
    assert_eq!(
        result.rows,
        [[Cell::Integer(0), null(), null(), null()], [Cell::Integer(0), null(), null(), Cell::Real(2.0)],]
    );
    assert_eq!(result.suppressed, [[Some("o'high".to_owned())]]);
}

#[test]
fn results_survive_json() {
    let (_, _, result) = run("SELECT rank, SUM(salary), AVG(salary) FROM people GROUP BY rank", &owners(), 2);
    let json = serde_json::to_string(&result).unwrap();
    assert!(json.contains(r#"{"is":"integer","value":"90"}"#), "{json}");
    assert_eq!(serde_json::from_str::<treaty_compiler::ResultTable>(&json).unwrap(), result);
}

#[test]
fn templates_compile() {
    for template in treaty_compiler::template::TEMPLATES {
        let values = template.parameters.iter().map(|parameter| {
            let value = match parameter.name {
                "table" => "people",
                "by" => "rank, active",
                "measure" => "bonus",
                _ => "-2.5",
            };
            (parameter.name.to_owned(), value.to_owned())
        });
        let sql = template.fill(&values.collect()).unwrap();
        let (_, _, result) = run(&sql, &owners(), 1);
        assert!(result.difference(&expected(&sql, &owners())).relative < 1e-9, "{sql}");
    }
}

/// Ends of intervals have a digit more than columns may have.
#[test]
fn extremes_beyond_eighteen_digits() {
    let sql = "SELECT rank, MIN(salary * 20000000000000) AS m, MAX(1 - salary * 20000000000000) AS n FROM people GROUP BY rank";
    let (_, _, result) = run(sql, &owners(), 1);
    let difference = result.difference(&expected(sql, &owners()));
    assert!(result.rows.len() == 3 && difference.mismatches == 0, "{difference:?}");
    let sql = "SELECT VAR_SAMP(salary * 2000000) AS v FROM people";
    assert!(run(sql, &owners(), 1).2.difference(&expected(sql, &owners())).relative < 1e-6);
}

/// Names in a program are short, conditions need not be.
#[test]
fn long_conditions_have_short_names() {
    let notes: Vec<String> = (0..40).map(|n| format!("'ünïcödé note {n}'")).collect();
    let sql = format!(
        "SELECT COUNT(CASE WHEN note IN ({0}) THEN salary END) AS n, SUM(CASE WHEN note NOT IN ({0}) THEN salary END) AS s, \
         SUM(CASE WHEN note IN ({0}) THEN bonus END) AS b FROM people",
        notes.join(", ")
    );
    let noted = |note: &str, salary| Person { note: Some(note.to_owned()), ..person("low", salary) };
    let owners = vec![vec![noted("ünïcödé note 3", 5), noted("other", 7)], vec![noted("ünïcödé note 39", 9)]];
    let (_, _, result) = run(&sql, &owners, 1);
    let difference = result.difference(&expected(&sql, &owners));
    assert!(difference.mismatches == 0 && difference.relative < 1e-9, "{result:?}");
}
