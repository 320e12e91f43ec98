//! Groups of groups, on shares: the joint result equals the plaintext one, whosever a group's rows are; what would tell of
//! few groups is withheld or refused.

use std::collections::BTreeMap;

use contract::{
    audit::Verdict,
    disclosure::DisclosureRule,
    terms::Use::{self, Aggregate, Extreme, Filter, Group, Join},
};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Construct, Refused, Rule, compile};
use vm::SchemeName;

use crate::{
    joins::{three_owners_place, usage_of},
    owners_windows::shown,
    random::{assert_agrees, person},
    support::{Declare, Person, expected, run, table},
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

    /// Shown are exactly the groups in which enough count, and none or enough do not.
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
        let is_shown = |rank: &String, count: u64| {
            let rest = all[rank] - count;
            count >= floor && (rest == 0 || rest >= floor)
        };
        let wanted: Vec<&String> =
            counted.iter().filter(|(rank, count)| is_shown(rank, **count)).map(|(rank, _)| rank).collect();
        let found: Vec<String> =
            shown(&sql, &owners, floor).into_iter().map(|row| row[0].to_string()).collect();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{}", sql);
    }
}

/// Persons by the key `free`, each with so many rows of a salary, dealt to two owners row by row.
fn dealt(groups: &[(&str, usize, i64)]) -> Vec<Vec<Person>> {
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

fn whole(number: i64) -> Cell {
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

fn uses(sql: &str) -> Vec<(String, Vec<Use>)> {
    let usage = usage_of(sql);
    let columns = usage.columns["accounts"].clone();
    columns.into_iter().map(|(column, uses)| (column, uses.into_iter().collect())).collect()
}

#[test]
fn keys_link_and_aggregates_are_used_as_what_is_taken_of_them() {
    let of = |list: &[(&str, &[Use])]| -> Vec<(String, Vec<Use>)> {
        list.iter().map(|(column, uses)| ((*column).to_owned(), uses.to_vec())).collect()
    };
    let from = "(SELECT phone, region, SUM(balance) AS t, MIN(loss) AS l, COUNT(*) AS n FROM accounts GROUP BY phone, region)";
    let plain = format!("SELECT COUNT(*), SUM(t) FROM {from} AS s");
    let keys: &[(&str, &[Use])] = &[("phone", &[Join]), ("region", &[Join])];
    assert_eq!(uses(&plain), of(&[&[("balance", &[Aggregate][..]), ("loss", &[Extreme])], keys].concat()));
    let asked =
        format!("SELECT region, MAX(t), SUM(l) FROM {from} AS s WHERE n > 1 AND t > 3 GROUP BY region");
    assert_eq!(
        uses(&asked),
        of(&[
            ("balance", &[Filter, Aggregate, Extreme]),
            ("loss", &[Aggregate, Extreme]),
            ("phone", &[Join]),
            ("region", &[Group, Join]),
        ])
    );
    let compared = usage_of(&asked).comparisons;
    assert!(compared["accounts"]["balance"].otherwise, "any total could be reached");
    let by_key = format!("SELECT COUNT(*) FROM {from} AS s WHERE region IN ('east', 'west') OR t > 3");
    assert!(uses(&by_key).contains(&("region".to_owned(), vec![Filter, Join])), "{:?}", uses(&by_key));
    // How many rows one key has.
    let most = uses(&format!("SELECT MAX(n) FROM {from} AS s"));
    assert!(most.contains(&("phone".to_owned(), vec![Extreme, Join])), "{most:?}");
    let parts = "SELECT COUNT(*) FROM (SELECT LEFT(holder, 1) AS h, COUNT(*) AS n FROM accounts WHERE region = 'east' GROUP BY 1) AS s";
    assert_eq!(uses(parts), of(&[("holder", &[Filter, Join]), ("region", &[Filter])]));
    assert!(usage_of(parts).comparisons["accounts"]["holder"].otherwise);
    assert!(!usage_of(parts).comparisons["accounts"]["region"].otherwise);
    // Sums of aggregates choose by what is missing.
    let sums = uses(&format!("SELECT SUM(t - 2 * n) FROM {from} AS s"));
    assert!(sums.contains(&("balance".to_owned(), vec![Filter, Aggregate])), "{sums:?}");
}

/// Two queries that differ by one row would say what it is: no owner can count which groups count.
#[test]
fn no_owner_can_count_which_groups_count() {
    let page = |outer: &str, within: &str| {
        let sql = format!("SELECT {outer} FROM (SELECT free, {within} FROM people GROUP BY free) AS s");
        compile(&sql, &[table(&[10, 10])], 5).unwrap_or_else(|refused| panic!("{sql}: {refused}"))
    };
    for compiled in [
        page("COUNT(*), SUM(t)", "SUM(salary) AS t"),
        page("COUNT(*), SUM(t), COUNT(t)", "SUM(bonus) AS t"),
        page("SUM(t), SUM(n)", "SUM(salary) AS t, COUNT(*) AS n"),
        page("COUNT(*), SUM(n), SUM(m)", "MAX(salary) AS m, COUNT(*) AS n"),
        page("SUM(t), SUM(m)", "SUM(salary) AS t, MAX(bonus) AS m"),
        page("SUM(t)", "SUM(salary) AS t, MAX(salary) AS m, MIN(salary) AS l"),
    ] {
        assert!(compiled.answers.iter().all(|one| one.uncountable.is_some_and(|why| why.contains("secret"))));
        assert!(compiled.answers.iter().all(|one| one.table == "people" && !one.is_partial()));
    }
    for compiled in [
        page("SUM(t), MAX(u)", "SUM(bonus) AS t, MIN(joined) AS u"),
        page("SUM(t), AVG(u - n)", "SUM(bonus) AS t, MAX(bonus) AS u, COUNT(*) AS n"),
        page("COUNT(t), MAX(u)", "MIN(bonus) AS t, MIN(joined) AS u"),
        // Of groups of one row, and of one that has two, the other row's value.
        page("SUM(t), SUM(m)", "SUM(salary) AS t, MAX(salary) AS m"),
        page("SUM(t), SUM(m)", "SUM(2 * salary) AS t, MIN(salary) AS m"),
        page("SUM(t - m)", "SUM(salary) AS t, MIN(salary) AS m"),
        page("SUM(m - l)", "MAX(salary) AS m, MIN(salary) AS l"),
        page("MAX(m), MIN(l)", "MAX(salary) AS m, MIN(salary) AS l"),
    ] {
        assert!(compiled.answers.iter().all(|one| one.is_partial()));
        assert!(
            compiled
                .audit
                .attacks
                .iter()
                .any(|attack| attack.reason.contains("`overlaps_max` lets it through"))
        );
    }
}

/// That the groups which do not count are none or enough is a bit about one group where a condition leaves but that out.
#[test]
fn conditions_that_choose_a_group_are_left_to_owners() {
    let page = |within: &str, rest: &str, outer: &str| {
        let sql = format!(
            "SELECT rank, COUNT(*), SUM(t) FROM (SELECT rank, free, SUM(salary) AS t, {within} FROM people \
             GROUP BY rank, free{rest}) AS s{outer} GROUP BY rank"
        );
        let compiled =
            compile(&sql, &[table(&[10, 10])], 5).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let is_partial = compiled.answers[0].is_partial();
        let verdict = compiled.audit.attacks[0].verdict;
        assert_eq!(verdict == Verdict::Open, is_partial, "{sql}");
        (is_partial, verdict, sql)
    };
    for (within, rest, outer) in [
        ("COUNT(*) AS n", "", " WHERE t > 100 OR free NOT IN (17, 23)"),
        ("COUNT(*) AS n", "", " WHERE NOT (t <= 100 OR free = 17)"),
        ("COUNT(*) AS n", "", " WHERE NOT (t <= 100 AND free = 17)"),
        ("COUNT(*) AS n", "", " WHERE (rank = 'low' OR t > 3) AND n > 1"),
        ("COUNT(*) AS n", "", " WHERE t > free"),
        ("COUNT(*) AS n", " HAVING SUM(CASE WHEN free = 17 THEN salary ELSE 0 END) <= 1000", ""),
        ("COUNT(*) AS n", " HAVING SUM(salary) FILTER (WHERE free = 17) IS NULL", ""),
        ("COUNT(*) AS n", " HAVING COUNT(NULLIF(bonus, 3)) > 1", ""),
        ("COUNT(*) AS n", " HAVING SUM(COALESCE(bonus, 3)) > 3", ""),
        ("MIN(bonus) AS l", "", " WHERE l <> 1 OR t > 3"),
        ("SUM(bonus) AS l", " HAVING NOT (SUM(bonus) = 1 AND MAX(salary) > 3)", ""),
    ] {
        let (is_partial, _, sql) = page(within, rest, outer);
        assert!(is_partial, "{sql}");
    }
    for (within, rest, outer) in [
        ("COUNT(*) AS n", "", " WHERE t > 100 AND free NOT IN (17, 23)"),
        ("COUNT(*) AS n", " HAVING COUNT(*) > 1 AND AVG(salary) > 3", " WHERE rank <> 'low'"),
        ("COUNT(*) AS n", "", " WHERE t BETWEEN 1 AND 100 OR n = 1"),
        ("MIN(bonus) AS l", " HAVING COUNT(bonus) = 1", " WHERE t > 3 AND l < 5"),
    ] {
        let (is_partial, verdict, sql) = page(within, rest, outer);
        assert!(!is_partial, "{sql}");
        assert_eq!(verdict, Verdict::Bounded, "{sql}");
    }
    assert_eq!(page("COUNT(*) AS n", "", " WHERE free > 3").1, Verdict::Closed, "keys are chosen at home");
}

/// Of values that a query cuts where it wants, sums count rows beyond a bound, however few.
#[test]
fn sums_of_cut_values_are_refused() {
    let bucket = "WIDTH_BUCKET(salary, 0, 1000, 1)";
    let refused = [
        format!(
            "SELECT COUNT(*), SUM(b) FROM (SELECT free, MAX({bucket}) AS b FROM people GROUP BY free) AS s"
        ),
        format!("SELECT AVG(b) FROM (SELECT free, MIN({bucket}) AS b FROM people GROUP BY free) AS s"),
        format!(
            "SELECT VAR_POP(2 * b) FROM (SELECT free, MAX({bucket}) AS b FROM people GROUP BY free) AS s"
        ),
        format!(
            "SELECT SUM(b - n) FROM (SELECT free, MAX({bucket}) AS b, COUNT(*) AS n FROM people GROUP BY free) AS s"
        ),
        format!(
            "SELECT SUM(w) FROM (SELECT free, MAX({bucket}) + COUNT(*) AS w FROM people GROUP BY free) AS s"
        ),
        format!(
            "SELECT SUM(n), SUM(n + k) FROM (SELECT free, {bucket} AS k, COUNT(*) AS n FROM people GROUP BY 1, 2) AS s"
        ),
        format!(
            "SELECT COUNT(*) FROM (SELECT free, MAX({bucket}) AS b FROM people GROUP BY free) AS s HAVING SUM(b) > 3"
        ),
        // So does the number of groups.
        format!(
            "SELECT COUNT(*), SUM(n) FROM (SELECT free, {bucket} AS k, COUNT(*) AS n FROM people GROUP BY 1, 2) AS s"
        ),
        format!("SELECT COUNT(*) FROM (SELECT DISTINCT free, {bucket} AS k FROM people) AS s WHERE k > 0"),
    ];
    let otherwise = refused.iter().filter_map(|sql| match compile(sql, &[table(&[100, 100])], 2) {
        Err(Refused::Unsupported { construct: Construct::Cut, .. }) => None,
        Err(other) => Some(format!("{sql}: {other}")),
        Ok(_) => Some(format!("{sql}: allowed")),
    });
    assert_eq!(otherwise.collect::<Vec<_>>(), [""; 0]);
    let sql = format!(
        "SELECT COUNT(*) AS n, MAX(b) AS m FROM (SELECT free, MAX({bucket}) AS b FROM people GROUP BY free) AS s WHERE b > 0"
    );
    let owners = dealt(&[("low", 2, 5), ("mid", 3, 7000), ("low", 1, -9)]);
    // 5 is of one bucket, 7000 of the next.
    assert_eq!(shown(&sql, &owners, 1), [[whole(2), whole(2)]]);
    let sql = format!(
        "SELECT k, COUNT(*) AS n, SUM(n) AS r FROM (SELECT free, {bucket} AS k, COUNT(*) AS n FROM people GROUP BY 1, 2) AS s \
         GROUP BY k ORDER BY k"
    );
    let by_bucket =
        [[whole(0), whole(1), whole(1)], [whole(1), whole(1), whole(2)], [whole(2), whole(1), whole(3)]];
    assert_eq!(shown(&sql, &owners, 1), by_bucket);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let of = |outer: &str, within: &str, rest: &str| {
        format!(
            "SELECT {outer} FROM (SELECT rank, free, {within} FROM people GROUP BY rank, free) AS s{rest}"
        )
    };
    let refused = [
        of("COUNT(DISTINCT t)", "SUM(salary) AS t", ""),
        of("MEDIAN(t)", "SUM(salary) AS t", ""),
        of("CORR(t, n)", "SUM(salary) AS t, COUNT(*) AS n", ""),
        of("SUM(CASE WHEN t > 3 THEN t END)", "SUM(salary) AS t", ""),
        of("SUM(t) FILTER (WHERE t > 3)", "SUM(salary) AS t", ""),
        of("SUM(COALESCE(t, 0))", "SUM(bonus) AS t", ""),
        of("SUM(NULLIF(t, 0))", "SUM(bonus) AS t", ""),
        of("SUM(t * n)", "SUM(salary) AS t, COUNT(*) AS n", ""),
        of("SUM(t)", "AVG(salary) AS t", ""),
        of("SUM(t - n)", "AVG(salary) AS t, COUNT(*) AS n", ""),
        "SELECT SUM(salary) FROM (SELECT salary, COUNT(*) AS n FROM people GROUP BY salary) AS s".to_owned(),
        of("COUNT(free)", "COUNT(*) AS n", ""),
        "SELECT SUM(n + bonus) FROM (SELECT bonus, COUNT(*) AS n FROM people GROUP BY bonus) AS s".to_owned(),
        "SELECT SUM(t) FROM (SELECT COUNT(*) - 2 * bonus AS t FROM people GROUP BY bonus) AS s".to_owned(),
        of("SUM(n + LENGTH(rank))", "COUNT(*) AS n", ""),
        // No owner has what these are computed of.
        of("WIDTH_BUCKET(t, 0, 1000, 10) AS k, COUNT(*)", "SUM(salary) AS t", " GROUP BY 1"),
        of("COUNT(*)", "MAX(joined) AS t", " WHERE EXTRACT(YEAR FROM t) = 2024"),
        of("MAX(EXTRACT(YEAR FROM t))", "MAX(joined) AS t", ""),
        "SELECT COUNT(*) FROM (SELECT free, COUNT(*) AS n FROM people GROUP BY free HAVING EXTRACT(YEAR FROM MAX(joined)) = 2024) AS s".to_owned(),
        of("COUNT(*)", "COUNT(*) AS n", " WHERE n > LENGTH(rank)"),
        // One row's value, whatever the number of groups.
        of("SUM(n)", "COUNT(bonus) AS n", ""),
        of("SUM(n)", "COUNT(CASE WHEN free = 3 THEN 1 END) AS n", ""),
        of("SUM(t)", "SUM(CASE WHEN free = 3 THEN salary ELSE 0 END) AS t", ""),
        of("SUM(t)", "SUM(salary) FILTER (WHERE free = 3) AS t", ""),
        of("SUM(t)", "SUM(NULLIF(salary, 3)) AS t", ""),
        of("SUM(t)", "SUM(COALESCE(bonus, 3)) AS t", ""),
        of("COUNT(*)", "MAX(note) AS t", ""),
        of("COUNT(*)", "SUM(score) AS t", ""),
        of("COUNT(*)", "COUNT(DISTINCT salary) AS t", ""),
        of("COUNT(*)", "MEDIAN(salary) AS t", ""),
        of("COUNT(*)", "STDDEV_SAMP(salary) AS t", ""),
        of("COUNT(*)", "SUM(salary) AS t", " WHERE t * t > 3"),
        of("COUNT(*)", "SUM(salary) AS t", " WHERE t > (SELECT AVG(salary) FROM people)"),
        of("COUNT(*)", "SUM(salary) AS t", " WHERE EXISTS (SELECT 1 FROM people AS p WHERE p.free = s.free)"),
        of("n, COUNT(*)", "COUNT(*) AS n", " GROUP BY n LIMIT 3"),
        of("free, COUNT(*)", "COUNT(*) AS n", " GROUP BY free LIMIT 3"),
        of("t, COUNT(*)", "MAX(salary) AS t", " GROUP BY t"),
        "SELECT COUNT(*) FROM (SELECT free, COUNT(*) AS n FROM people GROUP BY free ORDER BY free LIMIT 3) AS s".to_owned(),
        "SELECT COUNT(*) FROM (SELECT a.free, COUNT(*) AS n FROM people AS a JOIN people AS b ON a.note = b.note GROUP BY a.free) AS s".to_owned(),
        "SELECT COUNT(*) FROM (SELECT f, COUNT(*) AS n FROM (SELECT free AS f, rank, SUM(salary) AS t FROM people GROUP BY free, rank) AS q GROUP BY f) AS s".to_owned(),
        "SELECT COUNT(*) FROM (SELECT w, COUNT(*) AS n FROM (SELECT RANK() OVER (ORDER BY salary) AS w FROM people) AS q GROUP BY w) AS s".to_owned(),
    ];
    let otherwise = refused.iter().filter_map(|sql| match compile(sql, &[table(&[100, 100])], 2) {
        Err(Refused::Unsupported { construct: Construct::Nested, .. }) => None,
        Err(other) => Some(format!("{sql}: {other}")),
        Ok(_) => Some(format!("{sql}: allowed")),
    });
    assert_eq!(otherwise.collect::<Vec<_>>(), [""; 0]);
    let mut wide = table(&[1000, 1000]);
    for source in &mut wide.datasets {
        source.schema.columns[8] = source.schema.columns[8].clone().range("0", "1000000000");
    }
    let sql = "SELECT VAR_SAMP(t - n) FROM (SELECT note, SUM(free) AS t, COUNT(*) AS n FROM people GROUP BY note) AS s";
    let refused = compile(sql, &[wide], 2).unwrap_err();
    let is_wide = matches!(
        refused,
        Refused::Unsupported { construct: Construct::NestedWide, .. } | Refused::TooWide { .. }
    );
    assert!(is_wide, "{refused}");
}

#[test]
fn rules_that_nobody_can_hold_are_refused() {
    let rule = |disclosure: DisclosureRule| {
        let sql = "SELECT COUNT(*) FROM (SELECT free, COUNT(*) AS n FROM people GROUP BY free) AS s";
        compile(sql, &[table(&[100, 100])], Rule { floor_rows: 2, disclosure }).unwrap_err()
    };
    let of = DisclosureRule::default;
    for disclosure in [
        DisclosureRule { contributors_min: 2, ..of() },
        DisclosureRule { dominance_percent_max: Some(50), ..of() },
    ] {
        let refused = rule(disclosure);
        assert!(
            matches!(&refused, Refused::Disclosure(why) if why.contains("groups of a subquery")),
            "{refused}"
        );
    }
}

#[test]
fn the_audit_says_what_is_counted_and_what_is_not_opened() {
    let sql = "SELECT rank, COUNT(*), AVG(total) FROM (SELECT free, rank, SUM(salary) AS total, SUM(bonus) AS extra FROM people \
               WHERE active GROUP BY free, rank HAVING COUNT(*) > 1) AS s WHERE total > 100000 AND rank <> 'low' GROUP BY rank";
    let compiled = compile(sql, &[table(&[10, 10])], 5).unwrap();
    insta::assert_snapshot!("audit_of_groups_of_groups", compiled.audit);
    let outputs: Vec<&str> = compiled.program.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(outputs.len(), 3, "{outputs:?}");
}
