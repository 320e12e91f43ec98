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

/// Three or four sides of one kind, some of them in brackets.
fn chain() -> impl Strategy<Value = (String, [String; 2])> {
    let sides = |second: bool| {
        let (column, from) = if second { ("phone", "subscribers s") } else { ("phone", "accounts a") };
        own_condition(second).prop_map(move |condition| (column, from, condition))
    };
    let side = prop_oneof![sides(false), sides(true)];
    let others = proptest::collection::vec(side, 1..3);
    let operation = select(vec!["UNION", "INTERSECT"]);
    (sides(false), sides(true), others, operation, any::<bool>()).prop_map(
        |(first, second, others, operation, nested)| {
            let sides: Vec<_> = [first, second].into_iter().chain(others).collect();
            let of = |having: bool| {
                let sides = sides.iter().map(|(column, from, condition)| {
                    let floor = if from.starts_with("accounts") { "FIRST" } else { "SECOND" };
                    let having = match having {
                        true => format!(" GROUP BY {column} HAVING COUNT(*) >= {floor}"),
                        false => String::new(),
                    };
                    format!("SELECT {column} FROM {from} WHERE {condition}{having}")
                });
                let sides: Vec<String> = sides.collect();
                match (nested, sides.as_slice()) {
                    (true, [first, rest @ ..]) => {
                        format!("{first} {operation} ({})", rest.join(&format!(" {operation} ")))
                    }
                    _ => sides.join(&format!(" {operation} ")),
                }
            };
            (operation.to_owned(), [of(false), of(true)])
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

/// As many as in plaintext if these are as many as the floor, else nothing.
fn assert_counted(world: &World, sql: &str, floor: i128) {
    let (_, outputs, joint) = world.run(sql, floor as u64);
    let plain = world.expected(sql).rows;
    match plain.as_slice() {
        [row] if matches!(row.as_slice(), [Cell::Integer(count)] if *count >= floor) => {
            assert_eq!(joint.rows, plain, "{sql}");
        }
        _ => assert!(joint.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0), "{sql}"),
    }
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
        assert_counted(&world, &sql, floor);
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

proptest! {
    // Each asks several queries in plaintext.
    #![proptest_config(Config { cases: 20, ..Config::default() })]

    #[test]
    fn a_set_of_more_tables_has_as_many_values_as_in_plaintext(
        world in world(), (_, [sides, _]) in chain(), floor in 1_i128..4,
    ) {
        let sql = format!("SELECT COUNT(*) AS n FROM ({sides}) AS x");
        assert_counted(&world, &sql, floor);
    }

    /// Where a table's owners ask for a floor, it has as many values in common with every other one of a union, and all have
    /// as many in common that are counted of an intersection: so nobody who knows the others counts fewer of it.
    #[test]
    fn a_table_s_own_floor_holds_of_more_tables(world in world(), (operation, [sides, _]) in chain(), floor in 2_u64..4) {
        let strict = World { floors: [1, floor], ..world };
        let sql = format!("SELECT COUNT(*) AS n FROM ({sides}) AS x");
        let (_, _, joint) = strict.run(&sql, 1);
        let plain = sides.replace(['(', ')'], "");
        let parts: Vec<&str> = plain.split(&format!(" {operation} ")).collect();
        let count = |set: &str| match strict.expected(&format!("SELECT COUNT(*) AS n FROM ({set}) AS x")).rows[0][0] {
            Cell::Integer(count) => count,
            _ => 0,
        };
        let mut is_enough = count(&plain) >= 1;
        for (place, one) in parts.iter().enumerate() {
            for other in parts.iter().skip(place + 1) {
                let has_floor = one.contains("subscribers") || other.contains("subscribers");
                if operation == "UNION" && has_floor {
                    is_enough &= count(&format!("{one} INTERSECT {other}")) >= i128::from(floor);
                }
            }
        }
        if operation == "INTERSECT" && plain.contains("subscribers") {
            is_enough &= count(&plain) >= i128::from(floor);
        }
        prop_assert_eq!(!joint.rows.is_empty(), is_enough, "{}", sql);
    }

    /// Of each table by its own floor, as of two.
    #[test]
    fn shown_values_of_more_tables_are_those_that_the_floors_let_through(
        world in world(), (_, [sides, with_floors]) in chain(), floors in [1_u64..4, 1_u64..4], floor in 1_u64..3,
        limit in 1_u32..6,
    ) {
        let strict = World { floors, ..world };
        let sql = format!("{sides} ORDER BY 1 LIMIT {limit}");
        let (_, _, joint) = strict.run(&sql, floor);
        let wanted = with_floors
            .replace("FIRST", &floors[0].max(floor).to_string())
            .replace("SECOND", &floors[1].max(floor).to_string());
        let wanted = format!("{wanted} ORDER BY 1 LIMIT {limit}");
        prop_assert_eq!(&joint.rows, &strict.expected(&wanted).rows, "{}\n{}", sql, wanted);
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
fn chains_of_several_kinds_are_refused() {
    let [a, s] = ["SELECT phone FROM accounts", "SELECT phone FROM subscribers"];
    for set in [
        format!("{a} EXCEPT {s} EXCEPT {a}"),
        format!("{a} UNION {s} EXCEPT {a}"),
        format!("{a} UNION {s} INTERSECT {a}"),
        format!("{a} INTERSECT ({s} UNION {a})"),
    ] {
        for sql in [format!("SELECT COUNT(*) AS n FROM ({set}) AS x"), format!("{set} LIMIT 3")] {
            let refused = three_owners_place().compiled(&sql, 1).unwrap_err();
            assert!(
                matches!(refused, Refused::Unsupported { construct: Construct::SetChain, .. }),
                "{sql}: {refused}"
            );
        }
    }
    let nine = [a; 9].join(" UNION ");
    let refused = three_owners_place().compiled(&format!("{nine} LIMIT 3"), 1).unwrap_err();
    assert!(matches!(refused, Refused::TooLarge { most: 8, .. }), "{refused}");
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
