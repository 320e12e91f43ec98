//! A SELECT that only reads the groups of a subquery is one SELECT, written otherwise.

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Construct, Refused, compile};

use crate::{
    joins::three_owners_place,
    random::{assert_agrees, having, person},
    support::{expected, run, table},
};

/// What is written, and the one SELECT that it is, in which conditions from outside are on columns with their table.
const WRITTEN: [[&str; 2]; 14] = [
    [
        "WITH totals AS (SELECT region, SUM(balance) AS total FROM accounts GROUP BY region) \
         SELECT region, total * 2 AS twice FROM totals WHERE total > 100 AND region <> 'x' ORDER BY total DESC LIMIT 5",
        "SELECT region, SUM(balance) * 2 AS twice FROM accounts WHERE accounts.region <> 'x' GROUP BY region \
         HAVING SUM(balance) > 100 ORDER BY SUM(balance) DESC LIMIT 5",
    ],
    [
        "SELECT * FROM (SELECT region AS net, COUNT(*) AS n FROM accounts WHERE balance > 20 GROUP BY region \
         HAVING COUNT(*) > 1) AS g WHERE n < 9 AND net = 'west'",
        "SELECT region AS net, COUNT(*) AS n FROM accounts WHERE balance > 20 AND accounts.region = 'west' GROUP BY region \
         HAVING COUNT(*) > 1 AND COUNT(*) < 9",
    ],
    [
        "CREATE VIEW g (net, n) AS SELECT region, COUNT(*) FROM accounts GROUP BY 1; \
         SELECT h.n + 1 AS more, h.net AS region FROM g AS h ORDER BY 1 DESC, 2",
        "SELECT COUNT(*) + 1 AS more, region FROM accounts GROUP BY region ORDER BY 1 DESC, 2",
    ],
    // Two within each other, and one that the other names.
    [
        "WITH a AS (SELECT region, SUM(balance) AS s, COUNT(*) AS n FROM accounts GROUP BY region), \
         b AS (SELECT region, s + n AS both FROM a WHERE n > 2) SELECT both - 1 AS less FROM b WHERE both > 500",
        "SELECT SUM(balance) + COUNT(*) - 1 AS less FROM accounts GROUP BY region \
         HAVING COUNT(*) > 2 AND SUM(balance) + COUNT(*) > 500",
    ],
    // What is called like what it is not.
    [
        "SELECT total AS balance, n AS total FROM (SELECT region, SUM(balance) AS total, COUNT(*) AS n FROM accounts \
         GROUP BY region) AS t WHERE total > 400 ORDER BY total",
        "SELECT SUM(accounts.balance) AS balance, COUNT(*) AS total FROM accounts GROUP BY region \
         HAVING SUM(accounts.balance) > 400 ORDER BY total",
    ],
    [
        "SELECT n AS region, region AS n FROM (SELECT region, COUNT(*) AS n FROM accounts GROUP BY region) AS g \
         WHERE region = 'east' AND n > 1",
        "SELECT COUNT(*) AS region, accounts.region AS n FROM accounts WHERE accounts.region = 'east' GROUP BY accounts.region \
         HAVING COUNT(*) > 1",
    ],
    // All rows are one group, of which no condition chooses rows.
    [
        "SELECT most - least AS apart FROM (SELECT MAX(balance) AS most, MIN(balance) AS least FROM accounts) AS e \
         WHERE most > 3",
        "SELECT MAX(balance) - MIN(balance) AS apart FROM accounts HAVING MAX(balance) > 3",
    ],
    [
        "SELECT region FROM (SELECT DISTINCT region, plan FROM accounts a JOIN subscribers s ON a.phone = s.phone) AS p \
         WHERE plan = 'full' ORDER BY region",
        "SELECT region FROM accounts a JOIN subscribers s ON a.phone = s.phone WHERE plan = 'full' GROUP BY region, plan \
         ORDER BY region",
    ],
    [
        "SELECT plan, total, RANK() OVER (ORDER BY total DESC) AS place FROM (SELECT plan, SUM(balance) AS total \
         FROM accounts a, subscribers s WHERE a.phone = s.phone GROUP BY plan) AS p WHERE total > 0 ORDER BY place",
        "SELECT plan, SUM(balance) AS total, RANK() OVER (ORDER BY SUM(balance) DESC) AS place \
         FROM accounts a, subscribers s WHERE a.phone = s.phone GROUP BY plan HAVING SUM(balance) > 0 ORDER BY place",
    ],
    [
        "SELECT year, n FROM (SELECT EXTRACT(YEAR FROM opened) AS year, COUNT(*) AS n FROM accounts GROUP BY year \
         ORDER BY year LIMIT 3) AS y",
        "SELECT EXTRACT(YEAR FROM opened) AS year, COUNT(*) AS n FROM accounts GROUP BY year ORDER BY year LIMIT 3",
    ],
    [
        "SELECT year, n FROM (SELECT EXTRACT(YEAR FROM opened) AS year, COUNT(*) AS n FROM accounts GROUP BY year) AS y \
         WHERE year > 2000 ORDER BY n DESC, year LIMIT 2",
        "SELECT EXTRACT(YEAR FROM opened) AS year, COUNT(*) AS n FROM accounts WHERE EXTRACT(YEAR FROM accounts.opened) > 2000 \
         GROUP BY year ORDER BY n DESC, year LIMIT 2",
    ],
    // The groups of tables one below the other, and of a table's own subquery.
    [
        "SELECT place, n FROM (SELECT place, COUNT(*) AS n FROM (SELECT region AS place, phone FROM accounts UNION ALL \
         SELECT plan, phone FROM subscribers) AS all_of_them GROUP BY place) AS g WHERE n > 2",
        "SELECT place, COUNT(*) AS n FROM (SELECT region AS place, phone FROM accounts UNION ALL \
         SELECT plan, phone FROM subscribers) AS all_of_them GROUP BY place HAVING COUNT(*) > 2",
    ],
    [
        "SELECT g.n FROM (SELECT place, COUNT(*) AS n FROM (SELECT region AS place FROM accounts WHERE balance > 0) AS p \
         GROUP BY place) AS g WHERE g.place <> 'west'",
        "SELECT COUNT(*) AS n FROM accounts AS p WHERE p.balance > 0 AND p.region <> 'west' GROUP BY region",
    ],
    // Conditions of OR are of one kind, or of another.
    [
        "SELECT region, n FROM (SELECT region, COUNT(*) AS n, SUM(loss) AS l FROM accounts GROUP BY region) AS g \
         WHERE (region = 'east' OR region = 'west') AND (n > 3 OR l > 400)",
        "SELECT region, COUNT(*) AS n FROM accounts WHERE (accounts.region = 'east' OR accounts.region = 'west') GROUP BY region \
         HAVING COUNT(*) > 3 OR SUM(loss) > 400",
    ],
];

#[test]
fn it_is_the_program_of_the_one_select() {
    let place = three_owners_place();
    for [written, one] in WRITTEN {
        let compiled = place.compiled(written, 1).unwrap_or_else(|refused| panic!("{written}: {refused}"));
        let wanted = place.compiled(one, 1).unwrap_or_else(|refused| panic!("{one}: {refused}"));
        assert_eq!(
            compiled.program.hash(),
            wanted.program.hash(),
            "{written}\n{}\n{}",
            compiled.program,
            wanted.program
        );
        assert_eq!(compiled.usage, wanted.usage, "{written}");
        let names = |columns: &[treaty_compiler::ResultColumn]| -> Vec<String> {
            columns.iter().map(|column| column.name.clone()).collect()
        };
        assert_eq!(names(&compiled.columns), names(&wanted.columns), "{written}");
        assert_eq!(place.joint(&compiled, None).rows, place.joint(&wanted, None).rows, "{written}");
        let mut plain = place.plain(written).rows;
        let mut joint = place.joint(&compiled, None).rows;
        if !written.contains("ORDER BY") {
            // Plaintext gives the rows of a subquery in any order.
            plain.sort_by_key(|row| format!("{row:?}"));
            joint.sort_by_key(|row| format!("{row:?}"));
        }
        assert_eq!(joint, plain, "{written}");
        assert!(!joint.is_empty(), "{written}");
    }
}

fn refused(sql: &str) -> Refused {
    match compile(sql, &[table(&[100])], 2) {
        Err(refused) => refused,
        Ok(_) => panic!("compiled: {sql}"),
    }
}

#[test]
fn what_cannot_be_one_select_is_refused() {
    use Construct::*;
    let groups =
        "(SELECT rank, team, COUNT(*) AS n, MAX(salary) AS most FROM people GROUP BY rank, team) AS g";
    for (sql, expected) in [
        (format!("SELECT rank FROM {groups} WHERE SUM(team) > 3"), DerivedTable),
        (format!("SELECT rank FROM {groups} ORDER BY SUM(team)"), DerivedTable),
        (format!("SELECT rank FROM {groups} HAVING n > 1"), DerivedTable),
        (format!("SELECT DISTINCT rank FROM {groups}"), DerivedTable),
        (format!("SELECT g.rank FROM {groups} JOIN people p ON p.rank = g.rank"), DerivedTable),
        // One row, of which nothing is left that says so.
        ("SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM (SELECT SUM(salary) AS s FROM people) AS g) AS h".into(), DerivedTable),
        ("SELECT h.one FROM (SELECT 1 AS one, s FROM (SELECT SUM(salary) AS s FROM people) AS g) AS h".into(), DerivedTable),
        ("SELECT 1 AS one FROM (SELECT SUM(salary) AS s FROM people) AS g ORDER BY s".into(), DerivedTable),
        ("SELECT COUNT(*) AS n FROM (SELECT 5 AS k FROM (SELECT SUM(salary) AS s FROM people) AS g UNION ALL SELECT phone FROM subscribers) AS p".into(), DerivedTable),
        // A condition that reads both, and one that HAVING cannot have.
        (format!("SELECT rank FROM {groups} WHERE n > team"), HavingKey),
        (format!("SELECT rank FROM {groups} WHERE most IS NULL"), HavingCondition),
        // LIMIT comes before what stands around it.
        ("SELECT rank FROM (SELECT rank, COUNT(*) AS n FROM people GROUP BY rank LIMIT 2) AS g WHERE n > 1".into(), DerivedTable),
        ("SELECT rank FROM (SELECT rank, COUNT(*) AS n FROM people GROUP BY rank LIMIT 2) AS g ORDER BY n".into(), DerivedTable),
        ("SELECT rank FROM (SELECT rank, COUNT(*) AS n FROM people GROUP BY rank LIMIT 2) AS g LIMIT 1".into(), DerivedTable),
        ("SELECT ROW_NUMBER() OVER (ORDER BY n) AS r FROM (SELECT rank, COUNT(*) AS n FROM people GROUP BY rank LIMIT 2) AS g".into(), DerivedTable),
        // Windows within come before conditions around them.
        ("SELECT rank FROM (SELECT rank, RANK() OVER (ORDER BY COUNT(*)) AS r FROM people GROUP BY rank) AS g WHERE r = 1".into(), DerivedTable),
        ("SELECT LAG(r) OVER (ORDER BY rank) FROM (SELECT rank, RANK() OVER (ORDER BY COUNT(*)) AS r FROM people GROUP BY rank) AS g".into(), DerivedTable),
    ] {
        match refused(&sql) {
            Refused::Unsupported { construct, .. } if construct == expected => {}
            other => panic!("{sql}\n  expected {expected:?}, found {other:?}"),
        }
    }
    for name in ["salary", "count", "p.rank"] {
        let sql = format!("SELECT {name} FROM {groups}");
        assert_eq!(refused(&sql), Refused::Meaning(format!("`g` has no column `{name}`")));
    }
    let within =
        format!("SELECT rank FROM {groups} WHERE EXISTS (SELECT 1 FROM people p WHERE p.team = g.team)");
    assert_eq!(refused(&within), Refused::Unqualified("team".into()));
    // `rank` is the table's column by one reading, and the result's by another.
    let unclear = "SELECT n FROM (SELECT team AS rank, COUNT(*) AS n FROM people GROUP BY team, rank) AS g";
    assert_eq!(refused(unclear), Refused::Unqualified("rank".into()));
    let captured = "SELECT n AS salary FROM (SELECT a.rank, SUM(salary) AS n FROM people a, subscribers s \
                    WHERE a.free = s.phone GROUP BY a.rank) AS g WHERE n > 3";
    assert_eq!(treaty_compiler::tables(captured), Err(Refused::Unqualified("salary".into())));
    let order = "SELECT plan, n AS region FROM (SELECT plan, COUNT(*) AS n FROM accounts a JOIN subscribers s \
                 ON a.phone = s.phone GROUP BY plan, region ORDER BY region LIMIT 3) AS g";
    assert_eq!(treaty_compiler::tables(order), Err(Refused::Unqualified("region".into())));
    let mut sql = "SELECT SUM(salary) AS x FROM people".to_owned();
    for step in 0..20 {
        sql = format!("SELECT x + x AS x FROM ({sql}) AS t{step}");
    }
    assert!(matches!(refused(&sql), Refused::TooLarge { .. }));
}

/// `v` is a name of the result, and of a column that only a subquery or WITH calls so.
#[test]
fn names_that_subqueries_give_are_columns() {
    let place = three_owners_place();
    let stack = "SELECT holder AS v FROM accounts UNION ALL SELECT name FROM subscribers";
    let renaming = "SELECT holder AS v FROM accounts";
    let groups = "SELECT LEFT(v, 2) AS v, COUNT(*) AS n FROM";
    for sql in [
        format!("SELECT g.v, g.n FROM ({groups} ({stack}) AS p GROUP BY v) AS g"),
        format!("SELECT g.v, g.n FROM ({groups} ({renaming}) AS p GROUP BY v) AS g"),
        format!("SELECT g.v, g.n FROM ({groups} (SELECT * FROM ({stack}) AS p) AS q GROUP BY v) AS g"),
        format!("WITH p AS ({stack}), g AS ({groups} p GROUP BY v) SELECT v, n FROM g"),
        format!(
            "WITH p AS (WITH q AS ({renaming}) SELECT v FROM q) SELECT g.n FROM ({groups} p GROUP BY v) AS g"
        ),
        format!("WITH p (v) AS (SELECT holder FROM accounts) SELECT g.n FROM ({groups} p GROUP BY v) AS g"),
        format!(
            "CREATE VIEW p (v) AS SELECT holder FROM accounts; SELECT g.n FROM ({groups} p GROUP BY v) AS g"
        ),
        "SELECT g.v FROM (SELECT region, COUNT(*) AS v FROM (SELECT region, balance AS v FROM accounts) AS p \
         GROUP BY region HAVING v > 1) AS g"
            .to_owned(),
        // Not within another SELECT.
        format!("{groups} ({renaming}) AS p GROUP BY v LIMIT 9"),
        format!("WITH p AS ({renaming}) {groups} p GROUP BY v LIMIT 9"),
    ] {
        assert_eq!(place.compiled(&sql, 1).err(), Some(Refused::Unqualified("v".into())), "{sql}");
    }
    for sql in [
        // What WITH calls like a table is not that table within itself.
        "WITH accounts AS (SELECT region AS r, COUNT(*) AS n FROM accounts GROUP BY r) SELECT r, n FROM accounts ORDER BY r",
        "SELECT g.v, g.n FROM (SELECT LEFT(w, 2) AS v, COUNT(*) AS n FROM (SELECT holder AS w FROM accounts \
         WHERE LEFT(holder, 2) IN ('an', 'ev')) AS p GROUP BY v) AS g ORDER BY g.v",
        // The outermost SELECT of a table reads as it stands.
        "SELECT balance + 1 AS balance, COUNT(*) AS n FROM (SELECT balance FROM accounts WHERE balance IN (100, 300)) AS p \
         GROUP BY balance ORDER BY 1",
    ] {
        let compiled = place.compiled(sql, 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let plain = place.plain(sql).rows;
        assert!(!plain.is_empty());
        assert_eq!(place.joint(&compiled, None).rows, plain, "{sql}");
    }
}

proptest! {
    #![proptest_config(Config { cases: 60, ..Config::default() })]

    /// Over what the other random tests ask in one SELECT.
    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        owners in vec(vec(person(), 0..10), 1..=3),
        having in option::of(having().prop_filter("over all groups", |having| !having.contains("SELECT"))),
        filter in select(vec!["", "k = 'low'", "k <> 'mid'", "s > 100000", "n BETWEEN 2 AND 4 AND k >= 'm'", "t <= 1 OR t = 2", "2 * s > n AND t IS NOT NULL"]),
        column in select(vec!["k", "s + n", "t * 2", "CASE WHEN n > 2 THEN s END", "SUM(n) OVER (PARTITION BY k)", "m"]),
        order in select(vec!["k, t NULLS LAST", "n DESC, k, t NULLS LAST", "s, k, t NULLS LAST"]),
        cut in option::of(1_u32..6),
    ) {
        let having = having.map(|having| format!(" HAVING {having}")).unwrap_or_default();
        let filter = if filter.is_empty() { String::new() } else { format!(" WHERE {filter}") };
        let cut = cut.filter(|_| !column.contains("OVER")).map(|rows| format!(" LIMIT {rows}")).unwrap_or_default();
        let sql = format!(
            "SELECT k, g.t, {column} AS c, n FROM (SELECT rank AS k, team AS t, COUNT(*) AS n, SUM(salary) AS s, \
             MAX(bonus) AS m FROM people GROUP BY rank, team{having}) AS g{filter} ORDER BY {order}{cut}"
        );
        let (_, _, joint) = run(&sql, &owners, 1);
        assert_agrees(&sql, &joint, expected(&sql, &owners), true);
    }
}
