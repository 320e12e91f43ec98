//! Groups of groups, on shares: the joint result equals the plaintext one, whosever a group's rows are; what would tell of
//! few groups is withheld.

use std::collections::BTreeMap;

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Refused, compile};
use vm::SchemeName;

use crate::{
    joins::three_owners_place,
    owners_windows::shown,
    random::{assert_agrees, person},
    support::{Person, expected, run, table},
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
        "SUM(3 * (w - n)) AS a, COUNT(*) AS b",
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

proptest! {
    #![proptest_config(Config { cases: 60, ..Config::default() })]

    /// Shown are exactly the groups in which enough count, if in every group none or enough do not.
    #[test]
    fn what_is_shown_is_of_enough_groups_and_leaves_enough(
        owners in vec(vec(few(), 0..14), 1..=3),
        key in select(vec!["team", "note", "joined"]),
        condition in select(vec![" WHERE n = 1", " WHERE w > 50000", " WHERE w < 150000 OR b IS NULL", " WHERE b > 10 AND n < 4"]),
        floor in 2_u64..5,
    ) {
        let counts = |condition: &str| {
            let sql = format!(
                "SELECT rank, COUNT(*) AS c FROM (SELECT rank, {key}, SUM(salary) AS w, MAX(bonus) AS b, COUNT(*) AS n \
                 FROM people GROUP BY rank, {key}) AS s{condition} GROUP BY rank ORDER BY rank"
            );
            let rows = expected(&sql, &owners).rows.into_iter();
            let rows = rows.map(|row| (row[0].to_string(), row[1].number().unwrap() as u64));
            (sql, rows.collect::<BTreeMap<String, u64>>())
        };
        let (_, all) = counts("");
        let (sql, counted) = counts(condition);
        let leaves_enough = all.iter().all(|(rank, all)| {
            let rest = all - counted.get(rank).copied().unwrap_or_default();
            rest == 0 || rest >= floor
        });
        let is_shown = |count: u64| leaves_enough && count >= floor;
        let wanted: Vec<&String> =
            counted.iter().filter(|(_, count)| is_shown(**count)).map(|(rank, _)| rank).collect();
        let found: Vec<String> =
            shown(&sql, &owners, floor).into_iter().map(|row| row[0].to_string()).collect();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{}", sql);
    }
}

/// Persons by the key `free`, each with so many rows of a salary, dealt to two owners row by row.
pub(crate) fn dealt(groups: &[(&str, usize, i64)]) -> Vec<Vec<Person>> {
    let mut owners = vec![Vec::new(), Vec::new()];
    let mut place = 0;
    for ((rank, rows, salary), free) in groups.iter().zip(0..) {
        for _ in 0..*rows {
            let one = Person { rank: (*rank).to_owned(), free, salary: *salary, ..Person::default() };
            owners[place % 2].push(one);
            place += 1;
        }
    }
    owners
}

pub(crate) fn whole(number: i64) -> Cell {
    Cell::Integer(number.into())
}

#[test]
fn the_floor_is_on_groups_and_not_on_rows() {
    let sql = "SELECT COUNT(*) AS n, SUM(total) AS s FROM (SELECT free, SUM(salary) AS total FROM people GROUP BY free) AS s";
    let groups = [("low", 7, 1), ("low", 9, 10), ("low", 2, 100), ("low", 1, 1000)];
    assert_eq!(shown(sql, &dealt(&groups), 4), [[whole(4), whole(7 + 90 + 200 + 1000)]]);
    assert_eq!(shown(sql, &dealt(&groups), 5).len(), 0, "19 rows of 4 groups");
}

/// Who knows the total of all groups would learn of the few that do not count.
#[test]
fn groups_that_do_not_count_are_none_or_as_many_as_the_floor() {
    let sql = |condition: &str| {
        format!(
            "SELECT rank, COUNT(*) AS n, SUM(total) AS s FROM (SELECT rank, free, SUM(salary) AS total, COUNT(*) AS n \
             FROM people GROUP BY rank, free) AS s WHERE {condition} GROUP BY rank ORDER BY rank"
        )
    };
    let low = (1..=8).map(|salary| ("low", 2, salary));
    let mid = (1..=8).map(|salary| ("mid", 1, salary * 10));
    let owners = dealt(&low.chain(mid).collect::<Vec<_>>());
    let ranks = |condition: &str| {
        let rows = shown(&sql(condition), &owners, 3);
        rows.into_iter().map(|row| row[0].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ranks("total > 0"), ["low", "mid"]);
    // Of which group it is, that nothing is shown does not say.
    assert_eq!(ranks("total > 2"), [""; 0], "of low one does not count");
    assert_eq!(ranks("total > 4"), [""; 0], "of low two do not count");
    assert_eq!(ranks("total > 6"), ["low", "mid"], "of low three do not");
    assert_eq!(ranks("total > 6 AND total < 80"), [""; 0], "of mid one does not");
    assert_eq!(ranks("n = 2"), ["low"], "of mid none counts");
    assert_eq!(ranks("n < 5 AND total <> 14"), [""; 0]);
    assert_eq!(ranks("n < 5 OR total = 14"), ["low", "mid"]);
    assert_eq!(ranks("total > 30"), ["mid"], "of low none counts, of mid three do not");
    // Rows that do not take part at all are chosen at home.
    assert_eq!(ranks("free <> 1"), ["low", "mid"]);
}

#[test]
fn what_few_groups_lack_is_withheld() {
    let sql = "SELECT COUNT(*) AS n, SUM(b) AS s, MAX(b) AS m FROM (SELECT free, SUM(bonus) AS b FROM people GROUP BY free) AS s";
    let with = |lacking: usize| {
        let mut owners = dealt(&[("low", 2, 5); 12]);
        for one in owners.iter_mut().flatten() {
            one.bonus = (one.free >= lacking as i64).then_some(300);
        }
        shown(sql, &owners, 3)
    };
    let sum = |groups: i64| Cell::Decimal(format!("{}.00", groups * 6));
    let most = Cell::Decimal("6.00".to_owned());
    assert_eq!(with(0), [[whole(12), sum(12), most.clone()]]);
    assert_eq!(with(1), [[whole(12), Cell::Withheld, Cell::Withheld]]);
    assert_eq!(with(2), [[whole(12), Cell::Withheld, Cell::Withheld]]);
    assert_eq!(with(3), [[whole(12), sum(9), most]]);
    assert_eq!(with(10), [[whole(12), Cell::Withheld, Cell::Withheld]]);
    assert_eq!(with(12), [[whole(12), Cell::Withheld, Cell::Withheld]]);
}

/// NULL is one key, which two owners' rows have, and an owner may have none.
#[test]
fn a_missing_key_is_one_group() {
    let one = |note: Option<&str>, salary| Person {
        rank: "mid".to_owned(),
        note: note.map(str::to_owned),
        salary,
        ..Person::default()
    };
    let sql = "SELECT COUNT(*) AS n, MIN(t) AS l, MAX(t) AS m FROM (SELECT note, team, SUM(salary) AS t FROM people GROUP BY note, team) AS s";
    let owners = vec![
        vec![one(None, 3), one(Some(""), -40), one(Some("\0"), 7)],
        Vec::new(),
        vec![one(None, 5), one(Some(""), 1), one(Some("a"), 0)],
    ];
    assert_eq!(shown(sql, &owners, 1), [[whole(4), whole(-39), whole(8)]]);
    assert_eq!(shown(sql, &[Vec::new(), Vec::new()], 1).len(), 0);
    // One dataset takes the same way, without what several need.
    assert_eq!(shown(sql, &[owners.concat()], 1), [[whole(4), whole(-39), whole(8)]]);
}

#[test]
fn three_parties_find_the_same() {
    let place = three_owners_place();
    let sql = "SELECT region, COUNT(*) AS n, AVG(total) AS a, MAX(lost) AS m FROM (SELECT region, phone, SUM(balance) AS total, \
               SUM(loss) AS lost FROM accounts GROUP BY region, phone HAVING SUM(balance) > -45) AS s WHERE phone > 1 OR lost > 3 \
               GROUP BY region ORDER BY region";
    let compiled = place.compiled(sql, 1).unwrap();
    let joint = place.joint(&compiled, Some(SchemeName::Rep3));
    assert!(!joint.rows.is_empty());
    assert_agrees(sql, &joint, place.plain(sql), true);
}

#[test]
fn a_subquery_may_stand_in_with_and_views() {
    let owners = dealt(&[("low", 2, 5), ("mid", 3, 7), ("low", 1, 9)]);
    let wanted = [[whole(3), whole(5 * 2 + 7 * 3 + 9)]];
    for sql in [
        "WITH s AS (SELECT free, SUM(salary) AS t FROM people GROUP BY free) SELECT COUNT(*) AS n, SUM(t) AS s FROM s",
        "WITH s (k, t) AS (SELECT free, SUM(salary) FROM people GROUP BY 1) SELECT COUNT(*) AS n, SUM(x.t) AS s FROM s AS x",
        "CREATE VIEW s AS SELECT p.free AS k, SUM(p.salary) AS t FROM people AS p GROUP BY k; SELECT COUNT(*) AS n, SUM(t) AS s FROM s",
        "SELECT COUNT(*) AS n, SUM(t) AS s FROM (SELECT f, SUM(y) AS t FROM (SELECT free AS f, salary AS y FROM people WHERE salary > 1) AS q GROUP BY f) AS s",
        "SELECT COUNT(*) AS n, SUM(salary) AS s FROM (SELECT free, SUM(salary) AS salary FROM people WHERE salary > 0 GROUP BY free) AS s",
        "SELECT COUNT(*) AS n, SUM(\"sum(salary)\") AS s FROM (SELECT free, SUM(salary) AS \"sum(salary)\" FROM people GROUP BY free) AS s",
    ] {
        assert_eq!(shown(sql, &owners, 1), wanted, "{sql}");
    }
    // A column that the subquery does not select is none.
    for sql in [
        "SELECT COUNT(*) FROM (SELECT free, SUM(salary) AS t FROM people GROUP BY free) AS s WHERE salary > 3",
        "SELECT COUNT(*) FROM (SELECT SUM(salary) AS t FROM people GROUP BY free) AS s WHERE free > 3",
        "SELECT COUNT(*) FROM (SELECT SUM(salary) AS t FROM people GROUP BY rank) AS s GROUP BY rank",
        "SELECT COUNT(*) FROM (SELECT SUM(salary) AS t FROM people GROUP BY rank) AS s HAVING MAX(rank) > 'a'",
        "SELECT COUNT(*) FROM (SELECT salary FROM people) AS s GROUP BY rank",
        "SELECT SUM(s.n) FROM (SELECT free, SUM(salary) AS t FROM people GROUP BY free) AS s",
        "SELECT COUNT(*) FROM (SELECT free, rank, SUM(salary) AS t FROM people GROUP BY free) AS s",
        "SELECT COUNT(*) FROM (SELECT salary AS free, SUM(bonus) AS t FROM people GROUP BY salary) AS s",
    ] {
        let refused = compile(sql, &[table(&[10, 10])], 2).unwrap_err();
        assert!(matches!(refused, Refused::Meaning(_)), "{sql}: {refused}");
    }
}
