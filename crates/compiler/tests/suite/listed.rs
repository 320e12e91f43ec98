//! Groups that a condition lists are public, whatever is declared of the column.

use std::collections::BTreeSet;

use contract::terms::Use;
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Refused, compile};
use vm::SchemeName;

use crate::{
    calls::calls,
    joins::{three_owners_place, usage_of},
    place::Place,
    random::{assert_agrees, condition, person},
    support::{expected, run, table},
};

fn listing() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop_oneof![
        select(vec![
            "free IN (-1, 2, 0, NULL)",
            "free = 1",
            "(free = 0 OR 2 = free OR free IN (7, -3))",
            "free BETWEEN -1 AND 2",
            "free > -3 AND free <= 1",
            "free >= -2 AND free < 2 AND NOT free = 1",
            "(free BETWEEN -2 AND -1 OR free = 2)",
            "free IN (-1, 1, 2) AND free > 0",
        ])
        .prop_map(|listed| ("free", listed)),
        select(vec!["note IN ('a', 'aaaaaaaaé', '', 'zz')", "note = 'b%'", "('_' = note OR note IN ('ab'))"])
            .prop_map(|listed| ("note", listed)),
        select(vec![
            "joined BETWEEN DATE '2020-01-01' AND DATE '2020-01-20'",
            "joined >= '2020-02-01' AND joined < DATE '2020-02-01' + INTERVAL '1' MONTH",
        ])
        .prop_map(|listed| ("joined", listed)),
        select(vec!["SUBSTR(note, 1, 1) IN ('a', 'b', '')", "LEFT(note, 1) = 'a'"])
            .prop_map(|listed| (listed.split(" IN").next().unwrap().split(" =").next().unwrap(), listed)),
        // Of columns with a list of their own nothing changes.
        Just(("team", "team IN (2, 5)")),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        owners in vec(vec(person(), 0..14), 1..=3),
        (key, listed) in listing(),
        also in option::of(condition()),
        second in option::of(select(vec!["rank", "team", "active"])),
        cut in option::of(1_u32..4),
        floor in 1_u64..4,
    ) {
        let also = also.map(|also| format!(" AND ({also})")).unwrap_or_default();
        let second = second.filter(|second| *second != key).map(|second| format!(", {second}")).unwrap_or_default();
        let head = format!(
            "SELECT {key} AS k{second}, COUNT(*) AS n, SUM(salary) AS s, MAX(bonus) AS m, COUNT(DISTINCT rank) AS r \
             FROM people WHERE {listed}{also} GROUP BY {key}{second}"
        );
        match cut {
            None => {
                let (_, outputs, joint) = run(&head, &owners, floor);
                for row in 0..outputs[0].len() {
                    prop_assert!(outputs[0][row] == 1 || outputs.iter().all(|column| column[row] == 0), "{head}");
                }
                assert_agrees(&head, &joint, expected(&head, &owners), true);
            }
            Some(rows) => {
                let order = format!(" ORDER BY n DESC, k{second} LIMIT {rows}");
                let plain = format!("{head} HAVING COUNT(*) >= {floor}{order}");
                let (_, _, joint) = run(&format!("{head}{order}"), &owners, floor);
                assert_agrees(&plain, &joint, expected(&plain, &owners), true);
            }
        }
    }
}

#[test]
fn groups_are_those_of_the_conditions() {
    let groups = |sql: &str| -> BTreeSet<String> {
        let compiled = compile(sql, &[table(&[100])], 2).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        assert!(
            compiled.audit.to_string().contains("the groups themselves are public"),
            "{}",
            compiled.audit
        );
        let all =
            compiled.groups.iter().map(|key| key.iter().flatten().cloned().collect::<Vec<_>>().join(" "));
        all.collect()
    };
    let of = |groups: &[&str]| groups.iter().map(|group| (*group).to_owned()).collect::<BTreeSet<_>>();
    for (condition, wanted) in [
        ("free IN (3, 1) AND salary > 4", ["1", "3"].as_slice()),
        ("free >= 3 AND (free < 6 AND salary > 4)", &["3", "4", "5"]),
        ("free > -2 AND 2 > free AND free IN (-2, 0, 1, 3)", &["0", "1"]),
        ("(free = 1 AND active) OR (free = 2 AND NOT active)", &["1", "2"]),
        ("free = -900", &["-900"]),
        // No row satisfies them: a group that none has.
        ("free BETWEEN 2 AND 1", &["2"]),
        ("free IN (5, 4) AND free > 7 AND salary > 4", &["4"]),
    ] {
        let sql = format!("SELECT free, COUNT(*) FROM people WHERE {condition} GROUP BY free");
        assert_eq!(groups(&sql), of(wanted), "{sql}");
        // With LIMIT no more of them are opened, but they are the same.
        assert_eq!(groups(&format!("{sql} LIMIT 1")), of(wanted), "{sql}");
    }
    // A declared list stays, but where it makes too many groups.
    let listed = "SELECT rank, COUNT(*) FROM people WHERE rank = 'low' GROUP BY rank";
    assert_eq!(groups(listed).len(), 3);
    let both = "SELECT rank, free, COUNT(*) FROM people WHERE rank = 'low' AND free < 5 AND free >= 3 GROUP BY rank, free";
    assert_eq!(groups(both), of(&["low 3", "low 4"]));
}

/// What does not say of all rows which values there can be.
#[test]
fn other_conditions_list_nothing() {
    for (condition, key) in [
        ("free > 3", "free"),
        ("free <> 3", "free"),
        ("free NOT IN (1, 2)", "free"),
        ("free NOT BETWEEN 1 AND 2", "free"),
        ("NOT free = 3", "free"),
        ("free = 3 OR active", "free"),
        ("free = 3 OR free > 7", "free"),
        ("free = 2.0", "free"),
        ("free + 1 = 3", "free"),
        ("free = salary", "free"),
        ("free BETWEEN 1 AND 5000", "free"),
        ("note LIKE 'a%'", "note"),
        ("note BETWEEN 'a' AND 'b'", "note"),
        ("COALESCE(free, 3) = 3", "free"),
    ] {
        let sql = format!("SELECT {key}, COUNT(*) FROM people WHERE {condition} GROUP BY {key}");
        match compile(&sql, &[table(&[100])], 2) {
            Err(refused) => assert_eq!(refused, Refused::NoValues(key.into()), "{sql}"),
            Ok(_) => panic!("compiled: {sql}"),
        }
    }
    // A date has no noon, so that this is midnight.
    let noon = "SELECT began, COUNT(*) FROM calls WHERE began = DATE '2024-02-29T12:00:00' GROUP BY began";
    assert!(matches!(Place(vec![calls()]).compiled(noon, 1), Err(Refused::Converted { .. })));
    let float = "SELECT score, COUNT(*) FROM people WHERE score = 2 GROUP BY score";
    assert_eq!(compile(float, &[table(&[9])], 2).err(), Some(Refused::GroupByFloat("score".into())));
}

/// Of joins those that all rows satisfy, not those of a second table that rows may lack.
#[test]
fn joined_tables_are_grouped_so() {
    let mut place = three_owners_place();
    // A text of which nothing is declared.
    for table in &mut place.0 {
        table.schema.columns[1].bytes_max = None;
    }
    for sql in [
        "SELECT holder, COUNT(*) AS n, SUM(balance) AS s FROM accounts WHERE holder IN ('ann', 'bob', 'zoe') GROUP BY holder \
         ORDER BY holder",
        "SELECT holder, plan, COUNT(*) AS n, SUM(swaps) AS s FROM accounts a JOIN subscribers s ON a.phone = s.phone \
         AND holder IN ('ann', 'eve') GROUP BY holder, plan ORDER BY holder, plan",
        "SELECT name, COUNT(*) AS n, SUM(balance) AS s FROM accounts a, subscribers s WHERE a.phone = s.phone \
         AND (name = 'ann' OR name = 'eve') GROUP BY name ORDER BY name",
        "SELECT a.phone, COUNT(*) AS n, MAX(swaps) AS s FROM accounts a LEFT JOIN subscribers s ON a.phone = s.phone \
         WHERE a.phone BETWEEN 1 AND 5 GROUP BY a.phone ORDER BY a.phone",
        "SELECT holder, COUNT(*) AS n FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM subscribers s WHERE s.name = a.holder) \
         AND holder IN ('cy', 'dee', 'ann') GROUP BY holder ORDER BY holder",
        "SELECT holder, COUNT(*) AS n FROM accounts a WHERE balance > (SELECT AVG(swaps) FROM subscribers) \
         AND holder IN ('cy', 'dee', 'ann') GROUP BY holder ORDER BY holder",
        "SELECT LEFT(holder, 2) AS h, COUNT(*) AS n FROM accounts WHERE LEFT(holder, 2) IN ('an', 'ev') GROUP BY h ORDER BY h",
        "SELECT name, n FROM (SELECT holder AS name, COUNT(*) AS n FROM accounts GROUP BY holder) AS g \
         WHERE name IN ('ann', 'bob') ORDER BY n DESC, name LIMIT 1",
    ] {
        let compiled = place.compiled(sql, 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let plain = place.plain(sql).rows;
        assert!(!plain.is_empty());
        assert_eq!(place.joint(&compiled, None).rows, plain, "{sql}");
        assert_eq!(place.joint(&compiled, Some(SchemeName::Rep3)).rows, plain, "{sql}");
    }
    for sql in [
        "SELECT name, COUNT(*) FROM accounts a LEFT JOIN subscribers s ON a.phone = s.phone AND name = 'ann' GROUP BY name",
        "SELECT holder, COUNT(*) FROM accounts a LEFT JOIN subscribers s ON a.phone = s.phone AND holder = 'ann' GROUP BY holder",
        "SELECT holder, COUNT(*) FROM accounts a JOIN subscribers s ON a.phone = s.phone AND name = 'ann' GROUP BY holder",
    ] {
        assert!(matches!(place.compiled(sql, 1).err(), Some(Refused::NoValues(_))), "{sql}");
    }
}

/// A group without enough rows is named, as it is where a list is declared.
#[test]
fn what_is_withheld_is_named() {
    let place = three_owners_place();
    let sql =
        "SELECT holder, COUNT(*) AS n FROM accounts WHERE holder IN ('ann', 'bob', 'zoe') GROUP BY holder";
    let compiled = place.compiled(sql, 2).unwrap();
    let (outputs, result) = place.opened(&compiled);
    assert_eq!(result.rows, [[Cell::Text("ann".into()), Cell::Integer(2)]]);
    assert_eq!(
        result.suppressed,
        [["bob"], ["zoe"]].map(|key| key.map(|name| Some(name.to_owned())).to_vec())
    );
    assert!(outputs.iter().all(|column| column[1..] == [0, 0]), "{outputs:?}");
    // Constants and groups are what terms are asked about, as they are apart.
    let usage = usage_of(sql);
    assert_eq!(usage.columns["accounts"]["holder"], BTreeSet::from([Use::Filter, Use::Group]));
    let constants = &usage.comparisons["accounts"]["holder"].constants;
    assert_eq!(constants, &["ann", "bob", "zoe"].map(str::to_owned).into());
}

#[test]
fn points_in_time_are_groups() {
    let place = Place(vec![calls()]);
    let sql = "SELECT began, COUNT(*) AS n FROM calls WHERE began IN (TIMESTAMP '2024-02-29 07:08:09.5', DATE '2024-01-01', \
               '2024-02-29T08:00:00') GROUP BY began ORDER BY began";
    let compiled = place.compiled(sql, 1).unwrap();
    let plain = place.plain(sql).rows;
    assert_eq!(plain.len(), 3);
    assert_eq!(place.joint(&compiled, None).rows, plain);
}

/// With EXISTS a row counts once, however often the other table has its key.
#[test]
fn the_audit_says_whose_weight_repeated_keys_change() {
    let weighs = |sql: &str| {
        let audit = three_owners_place().compiled(sql, 1).unwrap().audit;
        let membership = audit.attacks.iter().find(|attack| attack.name.contains("membership")).unwrap();
        membership.reason.contains("by repeating a key")
    };
    assert!(weighs("SELECT COUNT(*) AS n FROM accounts a JOIN subscribers s ON s.phone = a.phone"));
    for exists in ["EXISTS", "NOT EXISTS"] {
        let sql = format!(
            "SELECT COUNT(*) AS n FROM accounts a WHERE {exists} (SELECT 1 FROM subscribers s WHERE s.phone = a.phone)"
        );
        assert!(!weighs(&sql), "{sql}");
        assert!(!weighs(&format!("{sql} AND balance > (SELECT AVG(swaps) FROM subscribers)")));
    }
}
