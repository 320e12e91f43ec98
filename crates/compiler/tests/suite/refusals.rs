//! Everything unsupported is refused when it is drafted, by its exact name.

use contract::ColumnType;
use treaty_compiler::{
    BadNumber, BadRange, BadValue, Construct, GROUPS_MAX, Refused, Source, Table, compile,
};

use crate::support::{Declare, column, people, run, table};

fn refused(sql: &str) -> Refused {
    match compile(sql, &[table(&[100, 100])], 2) {
        Err(refused) => refused,
        Ok(_) => panic!("compiled: {sql}"),
    }
}

#[track_caller]
pub(crate) fn unsupported(sql: &str, expected: Construct) {
    match refused(sql) {
        Refused::Unsupported { construct, .. } if construct == expected => {}
        other => panic!("{sql}\n  expected {expected:?}, found {other:?}"),
    }
}

#[test]
fn unsupported_sql_is_refused_by_name() {
    use Construct::*;
    for (sql, construct) in [
        ("DELETE FROM people", OtherStatement),
        ("WITH RECURSIVE p AS (SELECT * FROM people) SELECT COUNT(*) FROM p", CommonTable),
        ("WITH p(a, b) AS (SELECT rank FROM people) SELECT COUNT(*) FROM p", ColumnAliases),
        ("WITH p(a) AS (SELECT * FROM people) SELECT COUNT(*) FROM p", ColumnAliases),
        ("CREATE OR REPLACE VIEW p AS SELECT rank FROM people; SELECT COUNT(*) FROM p", View),
        ("CREATE VIEW IF NOT EXISTS p AS SELECT rank FROM people; SELECT COUNT(*) FROM p", View),
        ("CREATE MATERIALIZED VIEW p AS SELECT rank FROM people; SELECT COUNT(*) FROM p", View),
        ("CREATE VIEW a.p AS SELECT rank FROM people; SELECT COUNT(*) FROM p", View),
        (
            "CREATE VIEW p AS SELECT rank FROM people; WITH RECURSIVE q AS (SELECT * FROM p) SELECT COUNT(*) FROM q",
            CommonTable,
        ),
        ("CREATE VIEW p AS SELECT rank FROM people; DELETE FROM people", OtherStatement),
        ("CREATE VIEW p AS SELECT rank FROM people", OtherStatement),
        ("CREATE VIEW p AS SELECT rank FROM people LIMIT 3; SELECT COUNT(*) FROM p", DerivedTable),
        ("SELECT COUNT(*) FROM people UNION ALL SELECT COUNT(*) FROM people", SetOperation),
        ("SELECT COUNT(*) FROM people EXCEPT SELECT COUNT(*) FROM people", SetOperation),
        ("VALUES (1)", Values),
        ("SELECT COUNT(*) FROM people AS a LEFT ANTI JOIN people AS b ON a.note = b.note", JoinKind),
        ("SELECT COUNT(*) FROM people NATURAL JOIN people AS b", JoinConstraint),
        (
            "SELECT COUNT(*) FROM people a JOIN people b USING (note) JOIN people c USING (note)",
            JoinConstraint,
        ),
        (
            "SELECT COUNT(*) FROM people a JOIN people b ON a.note = b.note AND a.salary < b.salary",
            ComparedKey,
        ),
        ("SELECT COUNT(*) FROM people a JOIN people b ON a.note = b.note OR a.free = b.free", JoinCondition),
        (
            "SELECT COUNT(*) FROM people a LEFT JOIN people b ON a.note = b.note WHERE b.free = 1",
            OuterCondition,
        ),
        (
            "SELECT COUNT(*) FROM people a LEFT JOIN people b ON a.note = b.note AND (a.active OR b.active)",
            OuterCondition,
        ),
        ("SELECT MAX(a.salary * b.salary) FROM people a JOIN people b ON a.note = b.note", TablesCombined),
        ("SELECT COUNT(*) FROM (SELECT rank FROM people LIMIT 3) AS b", DerivedTable),
        (
            "SELECT COUNT(*) FROM (SELECT rank FROM people UNION ALL SELECT rank FROM people) AS b",
            UnionAllTwice,
        ),
        (
            "SELECT COUNT(*) FROM (SELECT rank, note FROM people UNION SELECT rank FROM people) AS b",
            SetOperation,
        ),
        (
            "SELECT COUNT(*) FROM (SELECT note FROM people EXCEPT SELECT note FROM people LIMIT 3) AS b",
            SetOperation,
        ),
        (
            "SELECT COUNT(*) FROM (SELECT note FROM people EXCEPT SELECT note FROM people) AS b WHERE note = 'a'",
            SetOperation,
        ),
        (
            "SELECT COUNT(note) FROM (SELECT note FROM people EXCEPT SELECT note FROM people) AS b",
            SetOperation,
        ),
        (
            "SELECT SUM(salary) FROM (SELECT salary FROM people UNION SELECT salary FROM people b) AS people",
            SetOperation,
        ),
        (
            "SELECT note, COUNT(*) FROM (SELECT note FROM people UNION SELECT note FROM people) AS b GROUP BY note LIMIT 3",
            SetValues,
        ),
        (
            "SELECT note FROM (SELECT note, free FROM people UNION SELECT note, free FROM people) AS b GROUP BY note LIMIT 3",
            SetValues,
        ),
        (
            "SELECT note FROM (SELECT note FROM people UNION SELECT note FROM people) AS b GROUP BY note HAVING COUNT(*) > 1 LIMIT 3",
            SetValues,
        ),
        ("SELECT rank FROM people INTERSECT SELECT rank FROM people b", SetValues),
        ("SELECT note FROM people INTERSECT SELECT note FROM people OFFSET 2", Limit),
        ("SELECT note FROM people UNION ALL SELECT note FROM people LIMIT 3", SetOperation),
        ("SELECT note FROM people INTERSECT ALL SELECT note FROM people LIMIT 3", SetOperation),
        ("SELECT note, note FROM people UNION SELECT note, note FROM people LIMIT 3", SetOperation),
        (
            "SELECT note FROM people UNION SELECT note FROM people EXCEPT SELECT note FROM people LIMIT 3",
            SetChain,
        ),
        (
            "SELECT COUNT(*) FROM (SELECT a.note FROM people a JOIN people b ON a.note = b.note UNION SELECT note FROM people) AS c",
            SetOperation,
        ),
        ("SELECT COUNT(*) FROM people a FULL JOIN people b ON a.note = b.note AND a.free = 1", FullCondition),
        (
            "SELECT COUNT(*) FROM people a FULL JOIN people b ON a.note = b.note WHERE b.free = 1",
            FullCondition,
        ),
        (
            "SELECT COUNT(*) FROM people a FULL JOIN (SELECT note FROM people WHERE free = 1) b ON a.note = b.note",
            DerivedTable,
        ),
        ("SELECT SUM(COALESCE(a.bonus, 0)) FROM people a FULL JOIN people b ON a.note = b.note", OuterCase),
        ("SELECT COUNT(*) FROM (SELECT salary + 1 FROM people) AS b", DerivedTable),
        (
            "SELECT COUNT(b.one) FROM people a LEFT JOIN (SELECT 1 AS one, note FROM people) b ON a.note = b.note",
            DerivedTable,
        ),
        ("SELECT COUNT(*) FROM (SELECT * FROM people)", Subquery),
        ("SELECT COUNT(*) FROM people WHERE NOT salary > (SELECT AVG(salary) FROM people)", Subquery),
        ("SELECT COUNT(*) FROM people WHERE active OR salary > (SELECT AVG(salary) FROM people)", Subquery),
        ("SELECT COUNT(*) FROM people WHERE salary BETWEEN 3 AND (SELECT AVG(salary) FROM people)", Subquery),
        ("SELECT COUNT(*) FROM people WHERE salary NOT IN (SELECT salary FROM people b)", NotIn),
        ("SELECT COUNT(*) FROM people WHERE salary + 1 IN (SELECT salary FROM people b)", InExpression),
        ("SELECT COUNT(*) FROM people WHERE salary IN (SELECT 1 FROM people b)", InExpression),
        ("SELECT COUNT(*) FROM people WHERE salary IN (SELECT MAX(salary) FROM people b)", Subquery),
        ("SELECT COUNT(*) FROM people WHERE salary IN (SELECT salary FROM people b LIMIT 3)", Subquery),
        ("SELECT COUNT(*) FROM people WHERE active OR salary IN (SELECT salary FROM people b)", Subquery),
        (
            "SELECT COUNT(*) FROM people a WHERE EXISTS (SELECT 1 FROM people b WHERE b.free = a.free GROUP BY rank)",
            Subquery,
        ),
        (
            "SELECT COUNT(*) FROM people a WHERE EXISTS (SELECT 1 FROM people b WHERE b.free = a.free AND a.salary < b.salary)",
            ComparedKey,
        ),
        ("SELECT (SELECT COUNT(*) FROM people) FROM people", Subquery),
        ("(SELECT COUNT(*) FROM people)", Subquery),
        ("SELECT COUNT(*) FROM generate_series(1, 10)", TableFunction),
        ("SELECT COUNT(*) FROM people TABLESAMPLE BERNOULLI (10)", TableFunction),
        ("SELECT COUNT(*) FROM people AS p(a, b, c)", ColumnAliases),
        ("WITH e AS (SELECT * FROM people) SELECT SUM(f.salary) FROM e AS f(salary, rank)", ColumnAliases),
        ("SELECT SUM(f.salary) FROM (SELECT salary FROM people AS t(salary, rank)) f", ColumnAliases),
        (
            "WITH e AS (SELECT rank FROM people UNION SELECT rank FROM people b) SELECT COUNT(*) FROM e WHERE rank = 'low'",
            SetOperation,
        ),
        ("WITH e AS (SELECT * FROM people) SELECT COUNT(*) FROM e TABLESAMPLE BERNOULLI (10)", TableFunction),
        ("SELECT COUNT(*) FROM (SELECT rank FROM people TABLESAMPLE BERNOULLI (10)) f", TableFunction),
        ("SELECT DISTINCT COUNT(*) FROM people", Distinct),
        ("SELECT DISTINCT rank, COUNT(*) FROM people GROUP BY rank", Distinct),
        ("SELECT COUNT(DISTINCT salary + 1) FROM people", DistinctAggregate),
        ("SELECT COUNT(DISTINCT a.rank) FROM people a JOIN people b ON a.note = b.note", DistinctAggregate),
        ("SELECT free, COUNT(DISTINCT rank) FROM people GROUP BY free LIMIT 3", DistinctAggregate),
        ("SELECT SUM(DISTINCT salary) FROM people", DistinctAggregate),
        ("SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING rank = 'low'", HavingKey),
        ("SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING STDDEV(salary) > 3", HavingCondition),
        (
            "SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING SUM(salary) > (SELECT SUM(salary) FROM people WHERE active)",
            HavingSubquery,
        ),
        (
            "SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING MAX(salary) = (SELECT MAX(salary) FROM people)",
            HavingSubquery,
        ),
        (
            "SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING COUNT(*) > (SELECT COUNT(*) FROM people GROUP BY rank)",
            HavingSubquery,
        ),
        (
            "SELECT rank, COUNT(*) FROM people p GROUP BY rank HAVING COUNT(*) > (SELECT COUNT(*) FROM people b WHERE b.rank = p.rank)",
            HavingSubquery,
        ),
        (
            "SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING COUNT(*) IN (SELECT COUNT(*) FROM people)",
            Subquery,
        ),
        (
            "SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING MAX(joined) > DATE '2020-01-01'",
            HavingCondition,
        ),
        (
            "SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING SUM(salary) / COUNT(*) > 3",
            HavingCondition,
        ),
        ("SELECT COUNT(*) OVER (PARTITION BY rank) FROM people", Window),
        ("SELECT rank, NTH(COUNT(*)) OVER () FROM people GROUP BY rank", Window),
        ("SELECT COUNT(*) FROM people QUALIFY 1 = 1", Window),
        ("SELECT COUNT(*) FROM people LIMIT 2", Limit),
        ("SELECT rank, COUNT(*) FROM people GROUP BY rank OFFSET 3", Limit),
        ("SELECT free, COUNT(*) FROM people GROUP BY free OFFSET 3", Limit),
        ("SELECT rank, RANK() OVER (ORDER BY COUNT(*)) FROM people GROUP BY rank LIMIT 2", Limit),
        ("SELECT rank, COUNT(*) FROM people GROUP BY rank FETCH FIRST 2 ROWS ONLY", Limit),
        ("SELECT TOP 3 COUNT(*) FROM people", Limit),
        ("SELECT rank, COUNT(*) FROM people GROUP BY ROLLUP (rank)", GroupingSets),
        ("SELECT rank, COUNT(*) FROM people GROUP BY CUBE (rank)", GroupingSets),
        ("SELECT rank, COUNT(*) FROM people GROUP BY GROUPING SETS ((rank), ())", GroupingSets),
        ("SELECT rank, COUNT(*) FROM people GROUP BY ALL", GroupByAll),
        ("SELECT COUNT(*) FROM people GROUP BY team + 1", GroupExpression),
        ("SELECT * FROM people", Wildcard),
        ("SELECT people.* FROM people", Wildcard),
        ("SELECT 1 FROM people", SelectExpression),
        ("SELECT SUM(CASE WHEN active THEN salary ELSE 1 END) FROM people", Case),
        ("SELECT AVG(CASE WHEN active THEN salary ELSE 0 END) FROM people", Case),
        ("SELECT SUM(CASE WHEN free > 3 THEN bonus ELSE 0 END) FROM people", Case),
        ("SELECT SUM(CASE WHEN active THEN salary WHEN free > 3 THEN 2 END) FROM people", Case),
        ("SELECT SUM(CASE rank WHEN 'low' THEN salary END) FROM people", Case),
        ("SELECT SUM(2 * CASE WHEN active THEN salary END) FROM people", ArgumentExpression),
        (
            "SELECT SUM(CASE WHEN b.active THEN a.salary END) FROM people a LEFT JOIN people b ON a.note = b.note",
            OuterCase,
        ),
        ("SELECT team, COUNT(*) FROM people GROUP BY team ORDER BY team + 1 LIMIT 2", OrderExpression),
        (
            "SELECT rank, SUM(COUNT(*)) FILTER (WHERE COUNT(*) > 1) OVER () FROM people GROUP BY rank",
            AggregateFilter,
        ),
        ("SELECT SUM(salary ORDER BY rank) FROM people", AggregateOrder),
        ("SELECT SUM(salary) WITHIN GROUP (ORDER BY salary) FROM people", AggregateOrder),
        ("SELECT PERCENTILE_CONT(0.12345) WITHIN GROUP (ORDER BY salary) FROM people", Quantile),
        ("SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY salary, free) FROM people", AggregateOrder),
        ("SELECT MEDIAN(a.salary) FROM people a JOIN people b ON a.note = b.note", Quantile),
        ("SELECT free, MEDIAN(salary) FROM people GROUP BY free LIMIT 3", Quantile),
        ("SELECT MEDIAN(DISTINCT salary) FROM people", DistinctAggregate),
        (
            "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY salary) FILTER (WHERE active) FROM people",
            AggregateFilter,
        ),
        ("SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING MEDIAN(salary) > 0", HavingCondition),
        ("SELECT FROBNICATE(salary) FROM people", Aggregate),
        ("SELECT CORR(salary, 1) FROM people", ArgumentExpression),
        ("SELECT CORR(a.salary * b.salary, b.free) FROM people a JOIN people b USING (note)", TablesCombined),
        ("SELECT COVAR_POP(DISTINCT salary, bonus) FROM people", DistinctAggregate),
        ("SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING CORR(salary, bonus) > 0", HavingCondition),
        ("SELECT SUM(COALESCE(bonus, salary)) FROM people", ArgumentExpression),
        ("SELECT SUM(COALESCE(bonus, 0) + salary) FROM people", ArgumentExpression),
        ("SELECT COUNT(DISTINCT NULLIF(note, 'a')) FROM people", ArgumentExpression),
        ("SELECT COUNT(DISTINCT COALESCE(free, 5)) FROM people", ArgumentExpression),
        ("SELECT SUM(COALESCE(b.bonus, 0)) FROM people a LEFT JOIN people b ON a.note = b.note", OuterCase),
        ("SELECT COUNT(*) FROM people WHERE COALESCE(bonus, random()) > 0", Function),
        ("SELECT SUM(salary / 2) FROM people", ArgumentExpression),
        ("SELECT SUM(salary + 0.5) FROM people", ArgumentExpression),
        ("SELECT COUNT(salary + 1) FROM people", ArgumentExpression),
        ("SELECT SUM(1) FROM people", ArgumentExpression),
        ("SELECT COUNT(*) FROM people WHERE REVERSE(note) > 'a'", Function),
        ("SELECT COUNT(*) FROM people WHERE SUBSTRING(note, 0, 2) = 'a'", Function),
        ("SELECT COUNT(*) FROM people WHERE LEFT(note, salary) = 'a'", Function),
        ("SELECT COUNT(*) FROM people WHERE LENGTH('abc') > 2", Function),
        ("SELECT COUNT(*) FROM people WHERE LENGTH(salary) > 2", Function),
        ("SELECT COUNT(*) FROM people WHERE UPPER(joined) = 'A'", Function),
        ("SELECT COUNT(*) FROM people WHERE EXTRACT(HOUR FROM joined) = 20", Function),
        ("SELECT COUNT(*) FROM people WHERE EXTRACT(YEAR FROM note) = 2020", Function),
        ("SELECT COUNT(*) FROM people WHERE joined > DATE '2020-01-01' + INTERVAL '3' HOUR", OtherExpression),
        ("SELECT COUNT(*) FROM people WHERE joined > DATE '2020-01-01' + INTERVAL '3'", OtherExpression),
        (
            "SELECT COUNT(*) FROM people a JOIN people b ON a.free = b.free WHERE CONCAT(a.note, b.note) = 'ab'",
            Function,
        ),
        ("SELECT MIN(b.note) FROM people a JOIN people b ON a.free = b.free", TextExtreme),
        ("SELECT MIN(a.note) FROM people a FULL JOIN people b ON a.free = b.free", TextExtreme),
        ("SELECT free, MAX(note) FROM people GROUP BY free LIMIT 3", TextExtreme),
        ("SELECT rank FROM people GROUP BY rank HAVING MIN(note) < MAX(note)", HavingCondition),
        ("SELECT COUNT(*) FROM people GROUP BY COALESCE(note, 'a')", GroupExpression),
        ("SELECT COUNT(*) FROM people WHERE joined > now()", Function),
        ("SELECT COUNT(*) FROM people WHERE CASE WHEN active THEN true ELSE false END", Case),
        ("SELECT COUNT(*) FROM people WHERE CAST(note AS INT) > 2", Cast),
        ("SELECT SUM(CAST(note AS INT)) FROM people", Cast),
        ("SELECT COUNT(*) FROM people WHERE 100 / salary > 2", Division),
        ("SELECT COUNT(*) FROM people WHERE salary % 0 = 2", Division),
        // Of the least integer, -1 makes what no integer is: which row has it would be told past the floor.
        ("SELECT COUNT(*) FROM people WHERE salary / -1 = 2", Division),
        ("SELECT COUNT(*) FROM people WHERE (salary / 8) * 4611686018427387904 * 2 / (-1) = 0", Division),
        ("SELECT COUNT(*) FROM people WHERE salary / - -1 = 2", Division),
        ("SELECT COUNT(*) FROM people WHERE salary % -1 = 2", Division),
        ("SELECT COUNT(*) FROM people WHERE salary / 0e5 = 2", Division),
        ("SELECT SUM(CASE WHEN salary / -1 = 2 THEN 1 END) FROM people", Division),
        ("SELECT COUNT(*) FROM people WHERE joined - joined = joined - DATE '2020-01-01'", Operator),
        ("SELECT COUNT(*) FROM people WHERE note LIKE 'a!%' ESCAPE '!'", Pattern),
        ("SELECT SUM(CASE WHEN note ILIKE 'a!%' ESCAPE '!' THEN 1 END) FROM people", Pattern),
        // Read back from its own text, the constant would be another one.
        ("SELECT COUNT(*) FILTER (WHERE note <> 'o''''x') FROM people", OtherExpression),
        ("SELECT COUNT(*) FROM people WHERE note SIMILAR TO 'a|b'", Pattern),
        ("SELECT COUNT(*) FROM people WHERE note ~ 'a'", Pattern),
        ("SELECT COUNT(*) FROM people WHERE 'a' || 'b' = 'ab'", Operator),
        ("SELECT COUNT(*) FROM people WHERE joined > INTERVAL '1 day'", OtherExpression),
        ("SELECT COUNT(*) FROM people FOR UPDATE", OtherClause),
        ("SELECT COUNT(*) INTO people2 FROM people", OtherClause),
        ("SELECT COUNT(*) FROM people PREWHERE active", OtherClause),
    ] {
        unsupported(sql, construct);
    }
}

#[test]
fn every_refusal_says_what_to_write_instead() {
    let text = refused("SELECT rank, COUNT(*) FROM people GROUP BY rank HAVING rank = 'low'").to_string();
    assert_eq!(
        text,
        "a condition on a group column in HAVING is not supported (found `rank`); put it into WHERE"
    );
}

#[test]
fn one_select_over_one_known_table() {
    assert_eq!(refused(""), Refused::StatementCount { found: 0 });
    assert_eq!(
        refused("SELECT COUNT(*) FROM people; SELECT COUNT(*) FROM people"),
        Refused::StatementCount { found: 2 }
    );
    assert!(matches!(refused("SELECT COUNT(* FROM people"), Refused::Syntax(_)));
    assert!(matches!(refused("SELECT COUNT(*)"), Refused::Meaning(_)));
    assert_eq!(
        refused("SELECT COUNT(*) FROM persons"),
        Refused::UnknownTable { name: "persons".into(), known: "`people`".into() }
    );
    // What WITH names is unknown before it.
    assert!(matches!(
        refused("WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT COUNT(*) FROM a"),
        Refused::UnknownTable { name, .. } if name == "b"
    ));
    let two = [table(&[1]), Table { name: "others".into(), ..table(&[1]) }];
    assert_eq!(
        compile("SELECT COUNT(*) FROM people", &two, 1).unwrap_err(),
        Refused::UnusedTable("others".into())
    );
    let none = Table { name: "people".into(), datasets: vec![] };
    assert_eq!(
        compile("SELECT COUNT(*) FROM people", &[none], 1).unwrap_err(),
        Refused::NoDataset("people".into())
    );
}

#[test]
fn datasets_of_a_table_declare_the_same_columns() {
    let mut table = table(&[1, 1]);
    table.datasets[1].schema.columns[4].unit = "EUR/year".into();
    let refused = compile("SELECT COUNT(*) FROM people", &[table], 1).unwrap_err();
    let what = "column `salary` is declared differently".to_owned();
    assert!(matches!(refused, Refused::SchemasDiffer { what: found, .. } if found == what));
}

#[test]
fn rows_are_never_selected_as_they_are() {
    assert_eq!(refused("SELECT salary FROM people"), Refused::RowsRevealed("salary".into()));
    let case = "SELECT CASE WHEN active THEN 1 ELSE 0 END FROM people";
    assert_eq!(refused(case), Refused::RowsRevealed("active".into()));
    // Named by the planner: `salary` is neither grouped nor aggregated.
    let mixed = "SELECT rank, salary, COUNT(*) FROM people GROUP BY rank";
    assert_eq!(refused(mixed), Refused::RowsRevealed("salary".into()));
    assert!(matches!(refused("SELECT nothing FROM people"), Refused::Meaning(_)));
}

/// A column that a subquery does not select is none of its, though its table has it.
#[test]
fn subqueries_hide_what_they_do_not_select() {
    for sql in [
        "SELECT SUM(salary) FROM (SELECT rank FROM people) p",
        "SELECT COUNT(*) FROM (SELECT rank FROM people) p WHERE salary > 3",
        "WITH p AS (SELECT rank, team FROM people) SELECT COUNT(*) FROM p WHERE p.salary > 3",
    ] {
        assert_eq!(refused(sql), Refused::Meaning("`p` has no column `salary`".into()), "{sql}");
    }
    // A name within a subquery, which may be that of a column of its own table.
    let renamed = "SELECT COUNT(*) FROM (SELECT free AS salary FROM people) d \
                   WHERE EXISTS (SELECT 1 FROM people s WHERE s.free = salary)";
    assert_eq!(refused(renamed), Refused::Unqualified("salary".into()));
    let captured = "SELECT COUNT(*) FROM \
                    (SELECT free FROM people WHERE free IN (SELECT d.free FROM people d WHERE people.salary > 3)) d";
    assert_eq!(refused(captured), Refused::SameRelation("d".into()));
    // Each step doubles the text of the one before.
    let mut sql = "SELECT salary AS x FROM people".to_owned();
    for step in 0..20 {
        sql = format!("SELECT x + x AS x FROM ({sql}) AS t{step}");
    }
    assert!(matches!(refused(&format!("SELECT SUM(x) FROM ({sql}) AS t")), Refused::TooLarge { .. }));
}

#[test]
fn what_must_be_declared_is_asked_for() {
    assert_eq!(refused("SELECT SUM(free) FROM people"), Refused::NoRange("free".into()));
    assert_eq!(refused("SELECT free, COUNT(*) FROM people GROUP BY free"), Refused::NoValues("free".into()));
    assert_eq!(refused("SELECT note, COUNT(*) FROM people GROUP BY note"), Refused::NoValues("note".into()));
    assert_eq!(
        refused("SELECT score, COUNT(*) FROM people GROUP BY score"),
        Refused::GroupByFloat("score".into())
    );
    assert!(matches!(
        refused("SELECT SUM(active) FROM people"),
        Refused::ArgumentType { found: "a boolean", .. }
    ));
    assert!(matches!(
        refused("SELECT AVG(joined) FROM people"),
        Refused::ArgumentType { found: "a date", .. }
    ));
    assert!(matches!(
        refused("SELECT VAR_SAMP(note) FROM people"),
        Refused::ArgumentType { found: "text", .. }
    ));
    assert!(matches!(
        refused("SELECT MIN(active) FROM people"),
        Refused::ArgumentType { found: "a boolean", .. }
    ));
}

#[test]
fn how_long_text_is_must_be_declared_to_group_by_it() {
    let sql = "SELECT x, COUNT(*) FROM people GROUP BY x LIMIT 2";
    assert_eq!(with(column("x", ColumnType::Text), sql), Refused::NoBytes("x".into()));
    let sql = "SELECT x, COUNT(*) FROM people GROUP BY x ORDER BY COUNT(*) LIMIT 2";
    let wide = with(column("x", ColumnType::Text).bytes_max(70), sql);
    assert!(matches!(wide, Refused::GroupsTooWide { most: 512, .. }), "{wide}");
    assert!(wide.to_string().contains("`bytes_max`"), "{wide}");
}

fn with(column: contract::Column, sql: &str) -> Refused {
    let mut schema = people();
    schema.columns.push(column);
    let datasets = vec![Source {
        reference: "owner/people@1".into(),
        owner: "owner".into(),
        schema,
        rows: 1_000_000,
        floor_rows: 1,
        rows_per_person: None,
    }];
    compile(sql, &[Table { name: "people".into(), datasets }], 1).unwrap_err()
}

#[test]
fn declarations_are_checked() {
    let sql = "SELECT SUM(x) FROM people";
    let integer = |min: &str, max: &str| column("x", ColumnType::Integer).range(min, max);
    let bad = |reason| Refused::BadRange { column: "x".into(), reason };
    assert_eq!(with(integer("2", "1"), sql), bad(BadRange::Empty { min: "2".into(), max: "1".into() }));
    assert_eq!(with(integer("a", "1"), sql), bad(BadRange::End(BadNumber::NotDecimal("a".into()))));
    assert_eq!(
        with(integer("0.5", "1"), sql),
        bad(BadRange::End(BadNumber::TooPrecise { text: "0.5".into(), scale: 0 }))
    );

    let by = "SELECT x, COUNT(*) FROM people GROUP BY x";
    assert_eq!(with(column("x", ColumnType::Text).values(&[]), by), Refused::NoValues("x".into()));
    assert_eq!(
        with(column("x", ColumnType::Decimal { scale: 200 }), "SELECT COUNT(*) FROM people"),
        Refused::Scale { column: "x".into(), scale: 200 }
    );
    let date = column("x", ColumnType::Date).range("2025-01-01", "tomorrow");
    assert_eq!(with(date, "SELECT MIN(x) FROM people"), bad(BadRange::Date));
    let value = |value: &str, reason| Refused::BadValue { column: "x".into(), value: value.into(), reason };
    assert_eq!(with(column("x", ColumnType::Text).values(&["a", "b", "a"]), by), value("a", BadValue::Twice));
    assert_eq!(
        with(column("x", ColumnType::Date).values(&["2025-02-29"]), by),
        value("2025-02-29", BadValue::Date)
    );
    assert_eq!(with(column("x", ColumnType::Boolean).values(&["yes"]), by), value("yes", BadValue::Boolean));
    let many: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        with(column("x", ColumnType::Integer).values(&many), by),
        Refused::TooManyGroups { found: 5000, most: GROUPS_MAX }
    );
}

#[test]
fn widths_that_do_not_fit_name_the_column() {
    let wide = || column("x", ColumnType::Integer).range("-999999999999999999", "999999999999999999");
    match with(wide(), "SELECT VAR_SAMP(x) FROM people") {
        Refused::TooWide { function: "VAR_SAMP", columns, most: 118, .. } => assert_eq!(columns, "`x`"),
        other => panic!("{other:?}"),
    }
    match with(wide(), "SELECT SUM(x * 9) FROM people") {
        Refused::TooWide { function: "SUM", columns, .. } => assert_eq!(columns, "`x`"),
        other => panic!("{other:?}"),
    }
}

/// Each of these is a filter in disguise: the floor would count all rows of the group.
#[test]
fn aggregates_that_pick_rows_are_refused() {
    for (sql, expected) in [
        ("SELECT SUM(salary), SUM(salary + 0 * bonus) FROM people", Construct::NullableSum),
        ("SELECT SUM(bonus - salary) FROM people", Construct::NullableSum),
    ] {
        match refused(sql) {
            Refused::Unsupported { construct, .. } => assert_eq!(construct, expected, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn a_comparison_that_converts_a_column_is_refused() {
    for sql in [
        "SELECT COUNT(*) FROM people WHERE note > 3",
        "SELECT COUNT(*) FROM people WHERE score > bonus",
        "SELECT COUNT(*) FROM people WHERE note = joined",
        "SELECT COUNT(*) FROM people WHERE note IN (1, 2)",
    ] {
        assert!(
            matches!(refused(sql), Refused::Converted { .. } | Refused::Meaning(_)),
            "{sql}: {:?}",
            refused(sql)
        );
    }
    assert!(matches!(refused("SELECT COUNT(*) FROM people WHERE joined > 'soon'"), Refused::Meaning(_)));
    assert!(matches!(refused("SELECT COUNT(*) FROM people WHERE joined > DATE 'soon'"), Refused::Meaning(_)));
    assert!(matches!(refused("SELECT COUNT(*) FROM people WHERE salary"), Refused::Meaning(_)));
    let beyond = "SELECT COUNT(*) FROM people WHERE joined > DATE '2020-01-01' + INTERVAL '9000' YEAR";
    assert!(matches!(refused(beyond), Refused::Meaning(_)));
    let unbounded = "SELECT COUNT(*) FROM people WHERE joined + INTERVAL '30 days' > DATE '2020-01-01'";
    assert_eq!(refused(unbounded), Refused::NoRange("joined".into()));
}

#[test]
fn arithmetic_that_could_overflow_is_refused() {
    let sql = "SELECT COUNT(*) FROM people WHERE bonus * bonus * bonus > 5";
    assert!(matches!(refused(sql), Refused::TooManyDigits { .. }), "{:?}", refused(sql));
    for fine in [
        "bonus * bonus > 2",
        "bonus > 2.5",
        "bonus * salary < 7",
        "(bonus + 1) * 2 >= 0.25",
        "bonus / 3 > 1",
        "-bonus < 12",
    ] {
        let sql = format!("SELECT COUNT(*) FROM people WHERE {fine}");
        compile(&sql, &[table(&[1])], 1).unwrap_or_else(|refused| panic!("{fine}: {refused}"));
    }
}

#[test]
fn result_columns_have_names_of_their_own() {
    let same = |name: &str| Refused::SameName(name.into());
    assert_eq!(refused("SELECT COUNT(*), COUNT(*) FROM people"), same("count(*)"));
    assert_eq!(refused("SELECT MIN(salary) AS x, MAX(salary) AS x FROM people"), same("x"));
}

#[test]
fn queries_that_are_too_large_are_refused_before_they_are_parsed() {
    let conditions =
        |n: usize| format!("SELECT COUNT(*) FROM people WHERE {}", vec!["salary = 1"; n].join(" OR "));
    // As deep as it gets, on a test's thread of 2 MiB.
    run(&conditions(128), &[vec![]], 1);
    run(&format!("SELECT COUNT(*) FROM people WHERE {}", vec!["active"; 256].join(" OR ")), &[vec![]], 1);
    run(&format!("SELECT COUNT(*) FROM people WHERE {} salary > 1", "NOT ".repeat(20)), &[vec![]], 1);
    assert!(matches!(refused(&conditions(129)), Refused::TooLarge { .. }));
    assert!(matches!(refused(&conditions(3000)), Refused::TooLarge { most: 256, .. }));
    let minus = format!("SELECT COUNT(*) FROM people WHERE salary > {}1", "- ".repeat(3000));
    assert!(matches!(refused(&minus), Refused::TooLarge { .. }));
    let long = format!("SELECT COUNT(*) FROM people WHERE note = '{}'", "x".repeat(70_000));
    assert!(matches!(refused(&long), Refused::TooLarge { what: "bytes", .. }));
    let parentheses =
        format!("SELECT COUNT(*) FROM people WHERE {}active{}", "(".repeat(3000), ")".repeat(3000));
    assert!(matches!(refused(&parentheses), Refused::TooLarge { most: 64, .. }));
    // Each step adds parentheses, and nothing else that is counted.
    let steps = |n: usize| {
        let steps: Vec<String> =
            (1..=n).map(|n| format!("t{n} AS (SELECT ((x)) AS x FROM t{})", n - 1)).collect();
        format!("WITH t0 AS (SELECT salary AS x FROM people), {} SELECT SUM(x) FROM t{n}", steps.join(", "))
    };
    assert!(matches!(refused(&steps(25)), Refused::TooLarge { most: 64, .. }), "{:?}", refused(&steps(25)));
    assert!(matches!(refused(&steps(2000)), Refused::TooLarge { .. }));
}

#[test]
fn a_text_that_reads_back_as_another_query_is_refused() {
    // Written out again, two minus signs begin a comment, which would swallow the second condition.
    let sql = "SELECT COUNT(*) FROM people WHERE salary > - -1 AND active";
    match compile(sql, &[table(&[1])], 1) {
        Ok(compiled) => assert!(compiled.program.stages[0].sql.contains("active"), "{}", compiled.program),
        Err(refused) => {
            assert!(matches!(refused, Refused::Unsupported { .. } | Refused::Syntax(_)), "{refused:?}")
        }
    }
}

#[test]
fn a_floor_of_zero_is_refused() {
    assert_eq!(compile("SELECT COUNT(*) FROM people", &[table(&[1])], 0).unwrap_err(), Refused::NoFloor);
}
