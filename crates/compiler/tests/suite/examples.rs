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
    let (compiled, outputs, result) = run(sql, &owners(), 2);
    println!("{}\n{}", compiled.program, compiled.audit);
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
