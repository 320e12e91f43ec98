//! Which columns a query uses, and as what: neither aliases nor the optimiser can hide a use.

use std::collections::{BTreeMap, BTreeSet};

use contract::terms::Use::{self, Aggregate, Extreme, Filter, Group, Product};
use treaty_compiler::compile;

use crate::{joins::usage_of, support::table};

#[track_caller]
fn assert_uses(sql: &str, expected: &[(&str, &[Use])]) {
    let compiled = compile(sql, &[table(&[10, 10])], 2).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
    let expected: BTreeMap<String, BTreeSet<Use>> = expected
        .iter()
        .map(|(column, uses)| ((*column).to_owned(), uses.iter().copied().collect()))
        .collect();
    let found = compiled.usage.columns.get("people").cloned().unwrap_or_default();
    assert_eq!(found, expected, "{sql}");
}

#[test]
fn each_place_is_a_use() {
    assert_uses("SELECT COUNT(*) FROM people", &[]);
    assert_uses(
        "SELECT rank, AVG(salary), MAX(bonus), COUNT(note) FROM people WHERE active GROUP BY rank",
        &[
            ("rank", &[Group]),
            ("salary", &[Aggregate]),
            ("bonus", &[Extreme]),
            ("note", &[Aggregate]),
            ("active", &[Filter]),
        ],
    );
    assert_uses(
        "SELECT SUM(salary), MIN(salary) FROM people WHERE salary > 3",
        &[("salary", &[Filter, Aggregate, Extreme])],
    );
    assert_uses(
        "SELECT SUM(salary * 2 - salary), SUM(bonus) FROM people",
        &[("salary", &[Aggregate]), ("bonus", &[Aggregate])],
    );
}

/// Each column of `people` that conditions compare, with what; `…` stands for more than constants.
#[track_caller]
fn assert_compared(sql: &str, expected: &[(&str, &[&str])]) {
    let compiled = compile(sql, &[table(&[10, 10])], 2).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
    let found = compiled.usage.comparisons.get("people").cloned().unwrap_or_default();
    let found: BTreeMap<String, BTreeSet<String>> = found
        .into_iter()
        .map(|(column, with)| {
            (column, with.constants.into_iter().chain(with.otherwise.then(|| "…".to_owned())).collect())
        })
        .collect();
    let texts = |constants: &[&str]| constants.iter().map(|constant| (*constant).to_owned()).collect();
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(column, constants)| ((*column).to_owned(), texts(constants))).collect();
    assert_eq!(found, expected, "{sql}");
}

/// An owner can list the constants that a column may be compared with.
#[test]
fn constants_of_conditions_are_known() {
    let assert_where = |condition: &str, expected: &[(&str, &[&str])]| {
        assert_compared(&format!("SELECT SUM(salary) FROM people WHERE {condition}"), expected);
    };
    assert_where("salary > 3 AND salary <= -10", &[("salary", &["3", "-10"])]);
    assert_where("4 < salary OR NOT (salary BETWEEN 7 AND 9)", &[("salary", &["4", "7", "9"])]);
    assert_where("score = 1.50", &[("score", &["1.5"])]);
    let both: [(&str, &[&str]); 2] = [("rank", &["junior", "senior"]), ("active", &["true"])];
    assert_where("rank IN ('junior', 'senior') AND active", &both);
    assert_where("note LIKE 'a%' AND bonus IS NOT NULL", &[("note", &["a%"]), ("bonus", &["NULL"])]);
    // Computed with, or compared with another column: any value can be reached.
    assert_where("salary + 1 > 3", &[("salary", &["…"])]);
    assert_where("salary > bonus", &[("salary", &["…"]), ("bonus", &["…"])]);
    assert_where("salary BETWEEN bonus AND 5", &[("salary", &["…"]), ("bonus", &["…"])]);
    assert_where("COALESCE(bonus, 0) > 3", &[("bonus", &["…"])]);
    assert_compared(
        "SELECT SUM(CASE WHEN salary > 5 THEN bonus END), COUNT(*) FILTER (WHERE rank = 'junior') FROM people",
        &[("salary", &["5"]), ("rank", &["junior"])],
    );
    assert_compared("SELECT SUM(COALESCE(bonus, 0)) FROM people", &[("bonus", &["…"])]);
    // A name does not make a computed column a stored one.
    assert_compared(
        "SELECT SUM(salary) FROM (SELECT salary + 1 AS salary FROM people) AS t WHERE salary > 3",
        &[("salary", &["…"])],
    );
}

/// A function chooses what of a value counts, so that any value can be found by it, part by part.
#[test]
fn what_functions_are_compared_with_is_more_than_a_constant_of_their_columns() {
    for sql in [
        "SELECT SUM(salary) FROM people WHERE LENGTH(note) > 3",
        "SELECT SUM(salary) FROM people WHERE LEFT(note, 1) = '4'",
        "SELECT SUM(salary) FROM people WHERE LOWER(note) IS NULL",
        "SELECT SUM(CASE WHEN LEFT(note, 1) = 'a' THEN salary END) FROM people",
        "SELECT SUM(LENGTH(note)) FROM people",
    ] {
        assert_compared(sql, &[("note", &["…"])]);
    }
    assert_compared(
        "CREATE VIEW v AS SELECT * FROM people WHERE salary > 3; SELECT SUM(bonus) FROM v",
        &[("salary", &["3"])],
    );
}

/// Whoever may choose a constant for one column of a key chooses it for the other.
#[test]
fn columns_that_must_be_equal_are_compared_alike() {
    for sql in [
        "SELECT COUNT(*) FROM accounts a JOIN subscribers s ON a.phone = s.phone WHERE s.phone > 7",
        "SELECT COUNT(*) FROM accounts JOIN subscribers USING (phone) WHERE phone > 7",
        "SELECT COUNT(*) FROM accounts a, subscribers s WHERE a.phone = s.phone AND a.phone > 7",
        "SELECT COUNT(*) FROM accounts a WHERE EXISTS \
         (SELECT 1 FROM subscribers s WHERE s.phone = a.phone AND s.phone > 7)",
        "SELECT COUNT(*) FROM accounts WHERE accounts.phone IN (SELECT s.phone FROM subscribers s WHERE s.phone > 7)",
        "SELECT COUNT(*) FROM (SELECT phone FROM accounts INTERSECT SELECT phone FROM subscribers WHERE phone > 7) AS t",
    ] {
        let comparisons = usage_of(sql).comparisons;
        for table in ["accounts", "subscribers"] {
            let with = comparisons.get(table).and_then(|columns| columns.get("phone"));
            assert!(with.is_some_and(|with| with.constants.contains("7")), "{table}: {sql}: {comparisons:?}");
        }
    }
}

/// What else a comparison makes of a constant is not the constant.
#[test]
fn a_constant_counts_as_it_is_compared() {
    assert_compared("SELECT SUM(salary) FROM people WHERE note ILIKE 'a%'", &[("note", &["…"])]);
}

/// A factor that is zero on all rows but one picks that row: owners allow it or not.
#[test]
fn factors_and_cases_are_uses_of_their_own() {
    assert_uses(
        "SELECT SUM(salary * bonus) FROM people",
        &[("salary", &[Aggregate, Product]), ("bonus", &[Aggregate, Product])],
    );
    assert_uses("SELECT SUM(salary), SUM(salary * salary) FROM people", &[("salary", &[Aggregate, Product])]);
    assert_uses(
        "SELECT SUM(-(salary * bonus)), AVG(1 - -(salary * 2)) FROM people",
        &[("salary", &[Aggregate, Product]), ("bonus", &[Aggregate, Product])],
    );
    assert_uses(
        "SELECT MAX(bonus * (1 - score)) FROM people",
        &[("bonus", &[Extreme, Product]), ("score", &[Extreme, Product])],
    );
    assert_uses(
        "SELECT SUM(CASE WHEN note LIKE 'a%' THEN salary * 3 ELSE 0 END) FROM people",
        &[("note", &[Filter]), ("salary", &[Aggregate])],
    );
    assert_uses("SELECT COUNT(CASE WHEN active THEN 1 END) FROM people", &[("active", &[Filter])]);
    // What is NULL, or equal, decides which rows count as what.
    assert_uses(
        "SELECT SUM(COALESCE(bonus, 0)), MAX(NULLIF(salary, 3)) FROM people WHERE COALESCE(score, free) > 1",
        &[
            ("bonus", &[Filter, Aggregate]),
            ("salary", &[Filter, Extreme]),
            ("score", &[Filter]),
            ("free", &[Filter]),
        ],
    );
    for function in ["COVAR_POP", "CORR", "REGR_SLOPE", "REGR_SXX"] {
        let both = [("salary", &[Aggregate, Product][..]), ("bonus", &[Aggregate, Product])];
        assert_uses(&format!("SELECT {function}(salary, bonus) FROM people"), &both);
    }
    assert_uses(
        "SELECT MEDIAN(salary), PERCENTILE_CONT(0.0) WITHIN GROUP (ORDER BY bonus) FROM people",
        &[("salary", &[Extreme]), ("bonus", &[Extreme])],
    );
    for function in ["REGR_COUNT", "REGR_AVGX", "REGR_AVGY"] {
        let both = [("salary", &[Filter, Aggregate][..]), ("bonus", &[Filter, Aggregate])];
        assert_uses(&format!("SELECT {function}(salary, bonus) FROM people"), &both);
    }
}

/// A constant in place of NULL does not make one row's value a sum of many rows.
#[test]
fn coalesce_is_no_way_past_the_floor() {
    let one = crate::support::Person { rank: "low".into(), bonus: Some(77), ..Default::default() };
    let none = crate::support::Person { bonus: None, ..one.clone() };
    let owners = vec![vec![one, none.clone(), none.clone()], vec![none]];
    let sql = "SELECT COUNT(*), SUM(COALESCE(bonus, 0)), AVG(COALESCE(bonus, 2)), COVAR_POP(bonus, salary) FROM people";
    let (_, outputs, result) = crate::support::run(sql, &owners, 2);
    use treaty_compiler::Cell::{Integer, Withheld};
    assert_eq!(result.rows, [[Integer(4), Withheld, Withheld, Withheld]]);
    assert!(outputs.iter().skip(1).all(|column| *column == [0] || *column == [4]), "{outputs:?}");
}

/// A sum under a condition is held to the floor by the rows for which the condition holds.
#[test]
fn a_case_is_no_way_past_the_floor() {
    let one = crate::support::Person { rank: "low".into(), salary: 77, free: 1, ..Default::default() };
    let others = crate::support::Person { free: 0, ..one.clone() };
    let owners = vec![vec![one, others.clone(), others]];
    let sql = "SELECT COUNT(*), SUM(CASE WHEN free = 1 THEN salary ELSE 0 END) FROM people";
    let (_, outputs, result) = crate::support::run(sql, &owners, 2);
    assert_eq!(result.rows, [[treaty_compiler::Cell::Integer(3), treaty_compiler::Cell::Withheld]]);
    assert!(!outputs.iter().flatten().any(|value| *value == 77), "{outputs:?}");
}

#[test]
fn the_optimised_plan_hides_no_use() {
    // Counting different values could be run as grouping by them.
    assert_uses("SELECT COUNT(DISTINCT note) FROM people", &[("note", &[Aggregate])]);
    // What a subquery of HAVING reads is in no other place of the query.
    assert_uses(
        "SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING COUNT(*) > (SELECT SUM(salary) FROM people)",
        &[("rank", &[Group]), ("salary", &[Aggregate])],
    );
    // What subqueries read is read of their tables.
    assert_uses(
        "WITH p AS (SELECT salary + 1 AS more, rank AS level FROM people WHERE free > 1) \
         SELECT level, SUM(more) FROM p WHERE more > 5 GROUP BY level",
        &[("free", &[Filter]), ("salary", &[Filter, Aggregate]), ("rank", &[Group])],
    );
    // COUNT of a column without NULLs is optimised to COUNT(*).
    assert_uses("SELECT COUNT(salary) FROM people", &[("salary", &[Aggregate])]);
    // Conditions that always or never hold are optimised away.
    assert_uses("SELECT COUNT(*) FROM people WHERE free > 3 OR TRUE", &[("free", &[Filter])]);
    assert_uses("SELECT COUNT(*) FROM people WHERE free > 3 AND FALSE", &[("free", &[Filter])]);
    assert_uses("SELECT COUNT(*) FROM people WHERE free * 0 = 0", &[("free", &[Filter])]);
    // A key that the result does not show.
    assert_uses("SELECT COUNT(*) FROM people GROUP BY rank", &[("rank", &[Group])]);
    assert_uses("SELECT COUNT(*) FROM people GROUP BY rank ORDER BY rank", &[("rank", &[Group])]);
}

#[test]
fn aliases_and_positions_hide_no_use() {
    assert_uses(
        "SELECT p.rank AS salary, MIN(p.salary) AS rank FROM people AS p GROUP BY 1 ORDER BY salary",
        &[("rank", &[Group]), ("salary", &[Extreme])],
    );
}

#[test]
fn the_usage_names_the_program() {
    let compiled = compile("SELECT COUNT(*) FROM people", &[table(&[10])], 2).unwrap();
    assert_eq!(compiled.usage.program.as_bytes(), &compiled.program.hash());
}
