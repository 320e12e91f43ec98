//! Groups of groups, on shares: the joint result equals the plaintext one, whosever a group's rows are; what would tell of
//! few groups is withheld or refused.

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::Cell;

use crate::{
    random::{assert_agrees, person},
    support::{Person, expected, run},
};

fn keys() -> impl Strategy<Value = &'static str> {
    select(vec![
        "rank",
        "team",
        "note",
        "free",
        "joined",
        "bonus",
        "rank, team",
        "team, active",
        "note, rank, free",
        "EXTRACT(MONTH FROM joined), rank",
        "LEFT(note, 1), team",
    ])
}

/// An aggregate within, and whether those around may take it.
fn within() -> impl Strategy<Value = (&'static str, bool)> {
    select(vec![
        ("COUNT(*)", true),
        ("SUM(salary)", true),
        ("SUM(bonus)", true),
        ("SUM(salary * 2 - 7)", true),
        ("SUM(salary) - 3 * COUNT(*)", true),
        ("SUM(bonus) + SUM(salary)", true),
        ("MIN(bonus)", true),
        ("MAX(salary)", true),
        ("MAX(bonus * 3 - 1)", true),
        ("AVG(bonus)", false),
        ("AVG(salary)", false),
        ("COUNT(bonus)", false),
        ("COUNT(note)", false),
        ("SUM(CASE WHEN active THEN salary ELSE 0 END)", false),
        ("SUM(salary) FILTER (WHERE active)", false),
        ("SUM(COALESCE(bonus, 2))", false),
    ])
}

fn having() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        " HAVING COUNT(*) >= 2",
        " HAVING SUM(salary) > 90000 OR COUNT(bonus) = 1",
        " HAVING NOT (COUNT(*) > 2 AND MAX(salary) > 1000)",
        " HAVING AVG(salary) > 70000.5 AND MIN(bonus) < 500",
        " HAVING MIN(joined) < DATE '2020-06-01'",
        " HAVING SUM(bonus) IS NULL",
        " HAVING 2 * SUM(salary) NOT BETWEEN 1000 AND 200000",
        " HAVING COUNT(*) IN (1, 3)",
    ])
}

fn around() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        " WHERE w > 2",
        " WHERE w <= 50000 OR w IS NULL",
        " WHERE NOT (w < n OR n = 1)",
        " WHERE 2 * w - 3 BETWEEN 100 AND 200000 - n",
        " WHERE w IN (1, 2, 3) OR n > 1",
        " WHERE w IS NOT NULL AND n <> 2",
    ])
}

fn outside(is_told: bool) -> BoxedStrategy<&'static str> {
    let plain = vec![
        "COUNT(*) AS a",
        "SUM(n) AS a, AVG(n) AS b",
        "MAX(n) AS a, COUNT(*) AS b",
        "COUNT(*) AS a, VAR_POP(n) AS b",
    ];
    let told = vec![
        "SUM(w) AS a, COUNT(w) AS b, COUNT(*) AS c",
        "AVG(w) AS a, MIN(w) AS b",
        "MAX(w) AS a, SUM(w - 2 * n) AS b",
        "MIN(3 - w) AS a, AVG(2 * w + n) AS b",
        "STDDEV_SAMP(w) AS a, COUNT(*) AS b",
        "SUM(w) / COUNT(*) AS a",
    ];
    if is_told { prop_oneof![1 => select(plain), 3 => select(told)].boxed() } else { select(plain).boxed() }
}

fn query() -> impl Strategy<Value = (String, bool)> {
    let rows = option::of(select(vec!["active", "salary > 1000 AND note IS NOT NULL", "FALSE"]));
    within().prop_flat_map(move |(within, is_told)| {
        (keys(), Just(within), outside(is_told), rows.clone(), having(), around(), any::<bool>()).prop_map(
            |(keys, within, outside, rows, having, around, by_rank)| {
                let rows = rows.map(|rows| format!(" WHERE {rows}")).unwrap_or_default();
                let by_rank = by_rank && keys.contains("rank");
                let (item, group) =
                    if by_rank { ("rank, ", " GROUP BY rank ORDER BY rank") } else { ("", "") };
                let named = keys.split(", ").filter(|key| *key == "rank").map(|key| format!("{key}, "));
                let named: String = named.collect();
                let sql = format!(
                    "SELECT {item}{outside} FROM (SELECT {named}{within} AS w, COUNT(*) AS n FROM people{rows} \
                     GROUP BY {keys}{having}) AS s{around}{group}"
                );
                (sql, by_rank)
            },
        )
    })
}

/// Few different values, so that groups have several rows and owners.
fn few() -> impl Strategy<Value = Person> {
    (person(), 0_i64..2, 0_i32..3, option::of(0_i128..3)).prop_map(|(person, free, day, bonus)| Person {
        free,
        joined: person.joined.map(|_| 18_262 + 100 * day),
        bonus: bonus.map(|bonus| bonus * 30_000 - 5_000),
        score: None,
        ..person
    })
}

proptest! {
    #![proptest_config(Config { cases: 100, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        owners in vec(vec(few(), 0..10), 1..=3),
        (sql, has_keys) in query(),
        floor in 1_u64..3,
    ) {
        let (_, outputs, joint) = run(&sql, &owners, floor);
        for row in 0..outputs[0].len() {
            let shown = outputs[0][row] == 1;
            prop_assert!(shown || outputs.iter().all(|column| column[row] == 0), "{sql}: withheld, but opened");
        }
        assert_agrees(&sql, &joint, expected(&sql, &owners), has_keys);
    }

    #[test]
    fn with_a_floor_of_one_nothing_is_withheld(
        owners in vec(vec(few(), 0..8), 1..=3),
        (sql, has_keys) in query(),
    ) {
        let (_, _, joint) = run(&sql, &owners, 1);
        prop_assert!(joint.rows.iter().flatten().all(|cell| *cell != Cell::Withheld), "{sql}");
        let plain = expected(&sql, &owners);
        if has_keys {
            prop_assert_eq!(joint.rows.len(), plain.rows.len(), "{}", sql);
        }
        assert_agrees(&sql, &joint, plain, has_keys);
    }
}
