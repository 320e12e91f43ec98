//! What stands above an aggregation: what is opened for it, and what is withheld.

use treaty_compiler::{Cell, Compiled, ResultTable, compile};

use crate::support::{Person, run, table};

fn of(team: i64, salary: i64, bonus: Option<i128>) -> Person {
    Person { rank: "low".into(), team: Some(team), salary, bonus, ..Person::default() }
}

fn people() -> Vec<Vec<Person>> {
    vec![
        vec![of(1, 10, Some(100)), of(1, 20, Some(300)), of(2, 40, Some(500))],
        vec![of(1, 30, None), of(2, 60, None)],
    ]
}

fn names(compiled: &Compiled) -> Vec<&str> {
    compiled.program.outputs.iter().map(|output| output.name.as_str()).collect()
}

fn asked(sql: &str, floor: u64) -> (Compiled, Vec<Vec<i128>>, ResultTable) {
    run(sql, &people(), floor)
}

#[test]
fn what_is_made_of_a_withheld_cell_is_withheld() {
    let sql = "SELECT team, SUM(bonus) + COUNT(*) AS more, COUNT(*) * 2 AS twice, \
               SUM(SUM(bonus)) OVER () AS total, SUM(COUNT(*)) OVER () AS rows FROM people GROUP BY team";
    let (_, _, result) = asked(sql, 2);
    let integer = |value| Cell::Integer(value);
    assert_eq!(
        result.rows,
        [
            vec![integer(1), Cell::Decimal("7.00".into()), integer(6), Cell::Withheld, integer(5)],
            vec![integer(2), Cell::Withheld, integer(4), Cell::Withheld, integer(5)],
        ]
    );
}

#[test]
fn division_by_zero_is_null() {
    let sql = "SELECT SUM(salary) / (COUNT(*) - 5) AS whole, SUM(bonus) / (COUNT(*) - 5) AS exact, \
               1.5 * SUM(salary) / (COUNT(*) - 5) AS real, SUM(salary) % (COUNT(*) - 5) AS rest FROM people";
    assert_eq!(asked(sql, 1).2.rows, [vec![Cell::Null; 4]]);
}

#[test]
fn an_expression_opens_what_it_reads_and_having_opens_nothing() {
    let sql =
        "SELECT team, SUM(salary) / COUNT(*) AS ratio FROM people GROUP BY team HAVING MAX(salary) > 50";
    let (compiled, outputs, result) = asked(sql, 2);
    let [_, sum, count] = names(&compiled)[..] else { panic!("{:?}", names(&compiled)) };
    assert_eq!([sum, count], ["sum(salary)", "count(*)"]);
    assert_eq!(result.rows, [[Cell::Integer(2), Cell::Integer(50)]]);
    // Nor is it named as withheld by the floor.
    assert!(result.suppressed.is_empty());
    let team_one = 0;
    assert!(outputs.iter().all(|column| column[team_one] == 0), "{outputs:?}");
    let audit = compiled.audit.to_string();
    for said in [
        "`sum(salary)`, `count(*)`",
        "what they compute from these values themselves: `ratio`",
        "that HAVING holds",
    ] {
        assert!(audit.contains(said), "{said}: {audit}");
    }
}

#[test]
fn a_limit_opens_the_groups_that_it_lets_through() {
    let sql =
        "SELECT rank, team, SUM(salary) AS total FROM people GROUP BY rank, team ORDER BY total DESC LIMIT 1";
    let (compiled, outputs, result) = asked(sql, 2);
    assert!(outputs.iter().all(|column| column.len() == 1) && compiled.groups.len() == 9, "{outputs:?}");
    assert_eq!(result.rows, [[Cell::Text("low".into()), Cell::Integer(2), Cell::Integer(100)]]);
    assert!(result.suppressed.is_empty());
}

#[test]
fn an_aggregate_under_the_floor_satisfies_no_having() {
    for having in ["SUM(bonus) > 0", "SUM(bonus) <= 0", "NOT SUM(bonus) > 0", "COUNT(bonus) < 2"] {
        let sql =
            format!("SELECT team, COUNT(*) AS n FROM people WHERE team = 2 GROUP BY team HAVING {having}");
        let (_, outputs, result) = asked(&sql, 2);
        assert!(result.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0), "{having}");
    }
}

#[test]
fn equal_queries_open_alike_whatever_receivers_compute() {
    let with = "SELECT team, SUM(salary) AS s, COUNT(*) AS n FROM people GROUP BY team";
    let computed = "SELECT team, SUM(salary) + COUNT(*) AS both FROM people GROUP BY team";
    let program = |sql| compile(sql, &[table(&[3, 2])], 2).unwrap().program;
    assert_eq!(program(with).hash(), program(computed).hash());
}
