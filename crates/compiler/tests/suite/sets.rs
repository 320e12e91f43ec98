//! FULL JOIN, and counts and values of UNION, INTERSECT and EXCEPT: the joint result equals the plaintext one, whatever matches.

use contract::audit::Verdict;
use proptest::{prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Construct, Refused, compile};
use vm::SchemeName;

use crate::{
    joins::{Row, World, key, own_condition, three_owners_place, world},
    random::assert_agrees,
};

fn full_join() -> impl Strategy<Value = (String, bool)> {
    let keys = proptest::sample::subsequence(vec!["plan", "region"], 0..=2);
    let aggregates = select(vec![
        "SUM(swaps), MIN(balance), COUNT(s.phone)",
        "AVG(loss), MAX(score), COUNT(a.region)",
        "VAR_POP(balance), MIN(since), SUM(balance * loss)",
        "COVAR_POP(swaps, score), MAX(loss), STDDEV_SAMP(swaps)",
    ]);
    (keys, aggregates, key()).prop_map(|(keys, aggregates, on)| {
        let items = keys.iter().map(|key| format!("{key}, ")).collect::<String>();
        let by = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
        let from = format!("accounts AS a FULL JOIN subscribers AS s ON {on}");
        (format!("SELECT {items}COUNT(*), {aggregates} FROM {from}{by}"), !keys.is_empty())
    })
}

fn set() -> impl Strategy<Value = String> {
    let columns = select(vec![["phone", "phone"], ["holder", "name"], ["opened", "since"]]);
    let operation = select(vec!["UNION", "INTERSECT", "EXCEPT", "UNION DISTINCT"]);
    (columns, operation, own_condition(false), own_condition(true)).prop_map(
        |([of_first, of_second], operation, first, second)| {
            format!(
                "SELECT COUNT(*) FROM (SELECT {of_first} FROM accounts a WHERE {first} {operation} \
                 SELECT {of_second} FROM subscribers s WHERE {second}) AS x"
            )
        },
    )
}

/// How two tables' values are shown; with what says of each table which it has by its floor.
fn values() -> impl Strategy<Value = [String; 2]> {
    let columns = select(vec![
        ["phone", "phone"],
        ["holder", "name"],
        ["opened", "since"],
        ["region", "plan"],
        ["phone, opened", "phone, since"],
        ["holder, phone", "name, phone"],
    ]);
    let operation = select(vec!["UNION", "INTERSECT", "EXCEPT", "UNION DISTINCT"]);
    let cut = (any::<bool>(), 1_u32..9, 0_u32..2);
    (columns, operation, own_condition(false), own_condition(true), cut).prop_map(
        |([of_first, of_second], operation, first, second, (descending, limit, skip))| {
            let by: Vec<String> = (1..=of_first.split(", ").count())
                .map(|place| format!("{place}{}", if descending { " DESC" } else { "" }))
                .collect();
            let query = |[having, of_other]: [&str; 2]| {
                format!(
                    "SELECT {of_first} FROM accounts a WHERE {first}{} {operation} SELECT {of_second} FROM subscribers s \
                     WHERE {second}{} ORDER BY {} LIMIT {limit} OFFSET {skip}",
                    having.replace("KEYS", of_first),
                    of_other.replace("KEYS", of_second),
                    by.join(", ")
                )
            };
            let having = " GROUP BY KEYS HAVING COUNT(*) >= ";
            // Of what EXCEPT takes away one row is enough.
            let of_other = if operation == "EXCEPT" { "" } else { &format!("{having}SECOND") };
            [query(["", ""]), query([&format!("{having}FIRST"), of_other])]
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 60, ..Config::default() })]

    #[test]
    fn a_full_join_equals_the_plaintext_one(world in world(), (sql, has_keys) in full_join()) {
        let (_, _, joint) = world.run(&sql, 1);
        assert_agrees(&sql, &joint, world.expected(&sql), has_keys);
    }

    #[test]
    fn a_set_has_as_many_values_as_in_plaintext(world in world(), sql in set(), floor in 1_i128..4) {
        let (_, outputs, joint) = world.run(&sql, floor as u64);
        let plain = world.expected(&sql).rows;
        match plain.as_slice() {
            [row] if matches!(row.as_slice(), [Cell::Integer(count)] if *count >= floor) => {
                prop_assert_eq!(joint.rows, plain, "{}", sql);
            }
            _ => prop_assert!(joint.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0), "{sql}"),
        }
    }

    /// Where owners want more of their table's rows behind a count, nobody who knows the other table counts fewer.
    #[test]
    fn a_table_s_own_floor_holds(world in world(), sql in set(), floor in 2_u64..5) {
        let strict = World { floors: [1, floor], ..world };
        let (_, _, joint) = strict.run(&sql, 1);
        if !joint.rows.is_empty() {
            let common = strict.expected(&sql.replace("UNION DISTINCT", "INTERSECT").replace("UNION", "INTERSECT")
                .replace("EXCEPT", "INTERSECT"));
            let is_enough = |cells: &[Cell]| matches!(cells, [Cell::Integer(count)] if *count >= i128::from(floor));
            prop_assert!(common.rows.iter().all(|row| is_enough(row)), "{sql}");
        }
    }

    /// As many as LIMIT says of those that each table has by its own floor and the contract's, and nothing of any other.
    #[test]
    fn shown_values_are_those_that_the_floors_let_through(
        world in world(), [sql, with_floors] in values(), floors in [1_u64..4, 1_u64..4], floor in 1_u64..3,
    ) {
        let floors = if sql.contains("EXCEPT") { [floors[0], 1] } else { floors };
        let strict = World { floors, ..world };
        let (_, outputs, joint) = strict.run(&sql, floor);
        let wanted = with_floors
            .replace("FIRST", &floors[0].max(floor).to_string())
            .replace("SECOND", &floors[1].max(floor).to_string());
        prop_assert_eq!(&joint.rows, &strict.expected(&wanted).rows, "{}\n{}", sql, wanted);
        for row in 0..outputs[0].len() {
            prop_assert!(outputs[0][row] == 1 || outputs.iter().all(|column| column[row] == 0), "{sql}");
        }
    }
}

fn of(phone: Option<i64>) -> Row {
    (phone, Some("ann".into()), Some(18_262), "east".into(), 1, None)
}

fn subscriber(phone: Option<i64>) -> Row {
    let (phone, name, since, _, swaps, score) = of(phone);
    (phone, name, since, "full".into(), swaps, score)
}

/// Which values a table has without reaching its floor, and that it has any, is not to be seen.
#[test]
fn withheld_values_leave_no_trace() {
    let accounts = vec![vec![of(Some(1)), of(Some(1)), of(Some(2)), of(Some(2)), of(None), of(None)]];
    let with = |phones: [Option<i64>; 5]| World {
        accounts: accounts.clone(),
        subscribers: vec![phones.into_iter().map(subscriber).collect()],
        floors: [1, 2],
    };
    let sql =
        "SELECT phone FROM accounts INTERSECT SELECT phone FROM subscribers ORDER BY phone DESC LIMIT 4";
    let (_, outputs, result) = with([Some(1), None, None, Some(1), Some(2)]).run(sql, 1);
    assert_eq!(result.rows, [[Cell::Null], [Cell::Integer(1)]]);
    assert_eq!(outputs, with([Some(1), None, None, Some(1), Some(7)]).run(sql, 1).1);
    // Who provides one table cannot lift the other's single row over its floor.
    let (_, outputs, _) = with([Some(1), Some(3), Some(4), Some(5), Some(2)]).run(sql, 1);
    assert!(outputs.iter().flatten().all(|value| *value == 0));
}

/// What EXCEPT leaves out tells of single rows: no floor bounds it, so that it is refused where one is asked for.
#[test]
fn absence_is_not_shown_of_a_table_with_a_floor() {
    let world = World {
        accounts: vec![vec![of(Some(1))]],
        subscribers: vec![vec![subscriber(Some(2))]],
        floors: [1, 2],
    };
    let sql = "SELECT phone FROM accounts EXCEPT SELECT phone FROM subscribers LIMIT 3";
    let refused = compile(sql, &world.tables(), 1).unwrap_err();
    assert!(matches!(refused, Refused::Unsupported { construct: Construct::SetAbsence, .. }), "{refused}");
    let open = World { floors: [1, 1], ..world };
    assert_eq!(open.run(sql, 1).2.rows, [[Cell::Integer(1)]]);
}

/// A floor is on the rows of the values that are shown; that a value is left out tells of one row of the second table.
#[test]
fn the_audit_says_that_no_floor_bounds_absence() {
    let world = World {
        accounts: vec![vec![of(Some(1))]],
        subscribers: vec![vec![subscriber(Some(2))]],
        floors: [1, 1],
    };
    for (operation, floor, verdict) in [
        ("EXCEPT", 1, Verdict::Open),
        ("EXCEPT", 5, Verdict::Open),
        ("INTERSECT", 1, Verdict::Open),
        ("INTERSECT", 5, Verdict::Bounded),
        ("UNION", 5, Verdict::Bounded),
    ] {
        let sql = format!("SELECT phone FROM accounts {operation} SELECT phone FROM subscribers LIMIT 3");
        let audit = compile(&sql, &world.tables(), floor).unwrap().audit;
        let membership = audit.attacks.iter().find(|attack| attack.name.contains("membership")).unwrap();
        assert_eq!(membership.verdict, verdict, "{operation} {floor}: {}", membership.reason);
    }
}

#[test]
fn three_parties_intersect_two_tables() {
    let place = three_owners_place();
    let sql = "SELECT holder, phone FROM accounts INTERSECT SELECT name, phone FROM subscribers ORDER BY 1, 2 LIMIT 9";
    let compiled = place.compiled(sql, 1).unwrap();
    let joint = place.joint(&compiled, Some(SchemeName::Rep3));
    assert!(!joint.rows.is_empty());
    assert_eq!(joint.rows, place.plain(sql).rows);
    let page = compiled.audit.to_string();
    assert!(page.contains("learns which of them the other has"), "{page}");
}
