//! UNION ALL in FROM: tables of several owners one below the other. The joint answer equals the plaintext one, and each
//! owner's rules are held against its own columns.

use contract::{
    ColumnType,
    disclosure::{DisclosureRule, Privacy},
    terms::Use::{self, Aggregate, Filter, Group, Join},
};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Construct, Refused, Rule, Table, compile, synthetic, tables};

use crate::{
    joins::{own_condition, three_owners, usage_of, world},
    random::assert_agrees,
    support::{Declare, column},
};

/// A stack of both tables, under the name `p`: which columns it has does not hang on the order.
fn stack() -> impl Strategy<Value = String> {
    let columns = |words: [&str; 7]| {
        let [word, number, other, phone, name, day, who] = words;
        format!(
            "{word} AS word, {number} AS number, {other} AS other, {phone} AS phone, {name} AS name, {day} AS day, {who} AS who"
        )
    };
    let accounts = columns(["region", "balance", "loss", "phone", "UPPER(holder)", "opened", "holder"]);
    let subscribers = columns(["plan", "s.swaps", "score", "s.phone", "name", "since", "name"]);
    let part = |table: &'static str, columns: String, source: &'static str, second| {
        option::of(own_condition(second)).prop_map(move |condition| {
            let condition = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
            format!("SELECT {columns}, '{source}' AS source FROM {table}{condition}")
        })
    };
    let both = (
        part("accounts AS a", accounts, "bank", false),
        part("subscribers s", subscribers, "phone", true),
        any::<bool>(),
    );
    both.prop_map(|(first, second, turned)| match turned {
        true => format!("{second} UNION ALL {first}"),
        false => format!("{first} UNION ALL {second}"),
    })
}

fn query() -> impl Strategy<Value = String> {
    let keys = proptest::sample::subsequence(vec!["word", "source"], 0..=2);
    let numeric = select(vec!["SUM", "AVG", "MIN", "MAX", "VAR_SAMP", "STDDEV_POP", "COUNT"]);
    let aggregate = prop_oneof![
        Just("COUNT(*)".to_owned()),
        Just("COUNT(DISTINCT phone)".to_owned()),
        Just("COUNT(who)".to_owned()),
        Just("MAX(day)".to_owned()),
        Just("SUM(number * 2 - 3)".to_owned()),
        Just("SUM(CASE WHEN word IN ('east', 'full') THEN number ELSE 0 END)".to_owned()),
        Just("MEDIAN(other)".to_owned()),
        (numeric, select(vec!["number", "other"])).prop_map(|(f, x)| format!("{f}({x})")),
    ];
    let filter = select(vec![
        "number > 3",
        "other IS NOT NULL",
        "word <> 'west'",
        "source = 'bank' OR phone = 2",
        "LEFT(name, 1) = 'A'",
        "day < DATE '2020-01-03'",
    ]);
    (keys, vec(aggregate, 1..4), option::of(filter), stack(), 0..3).prop_map(
        |(keys, aggregates, filter, stack, form)| {
            let mut items: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            items.extend(aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")));
            let filter = filter.map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
            let by = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
            let items = items.join(", ");
            match form {
                0 => format!("SELECT {items} FROM ({stack}) AS p{filter}{by}"),
                1 => format!("WITH p AS ({stack}) SELECT {items} FROM p{filter}{by}"),
                _ => format!("CREATE VIEW p AS {stack}; SELECT {items} FROM p AS q{filter}{by}"),
            }
        },
    )
}

/// With another table, and one of its own ones.
fn joined() -> impl Strategy<Value = String> {
    let items = select(vec![
        "COUNT(*), SUM(p.number)",
        "SUM(balance), COUNT(p.other)",
        "AVG(p.number), MAX(loss)",
        "SUM(CASE WHEN p.word = 'full' THEN balance ELSE 0 END)",
    ]);
    let on = select(vec!["p.phone = t.phone", "p.name = holder", "p.phone = t.phone AND day = opened"]);
    let kind = select(vec!["JOIN", "LEFT JOIN"]);
    (stack(), items, on, kind, option::of(own_condition(false)), any::<bool>()).prop_map(
        |(stack, items, on, kind, filter, grouped)| {
            let (item, by) = if grouped { ("region, ", " GROUP BY region") } else { ("", "") };
            let filter = filter.map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
            // Where a row may lack a partner, CASE is refused.
            let kind = if items.contains("CASE") { "JOIN" } else { kind };
            format!("SELECT {item}{items} FROM accounts AS t {kind} ({stack}) AS p ON {on}{filter}{by}")
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 60, ..Config::default() })]

    #[test]
    fn a_stack_is_asked_as_any_table(world in world(), sql in query(), floor in 1_u64..4) {
        let (_, outputs, joint) = world.run(&sql, floor);
        for row in 0..outputs[0].len() {
            let shown = outputs[0][row] == 1;
            prop_assert!(shown || outputs.iter().all(|column| column[row] == 0), "{sql}: withheld, but opened");
        }
        assert_agrees(&sql, &joint, world.expected(&sql), sql.contains("GROUP BY"));
    }

    #[test]
    fn a_stack_is_joined_as_any_table(world in world(), sql in joined(), floor in 1_u64..3) {
        let (_, _, joint) = world.run(&sql, floor);
        assert_agrees(&sql, &joint, world.expected(&sql), sql.contains("GROUP BY"));
    }
}

fn refused(sql: &str) -> Refused {
    let named = tables(sql).unwrap_or_default();
    let all = three_owners([1, 1]).tables();
    let own: Vec<Table> = all.into_iter().filter(|table| named.contains(&table.name)).collect();
    compile(sql, &own, 1).map(|_| panic!("{sql}")).unwrap_err()
}

#[test]
fn what_is_no_stack_is_refused_by_name() {
    use Construct::{SetOperation, UnionAll, UnionAllTwice};
    let b = "SELECT phone FROM subscribers";
    for (stack, construct) in [
        (
            "SELECT phone FROM accounts WHERE loss > 3 UNION ALL SELECT phone FROM accounts".to_owned(),
            UnionAllTwice,
        ),
        (format!("{b} UNION ALL SELECT phone FROM accounts UNION ALL {b}"), UnionAllTwice),
        (format!("SELECT DISTINCT phone FROM accounts UNION ALL {b}"), UnionAll),
        (format!("(SELECT phone FROM accounts LIMIT 3) UNION ALL {b}"), UnionAll),
        (format!("SELECT phone FROM accounts UNION ALL {b} ORDER BY phone"), UnionAll),
        (format!("SELECT phone FROM accounts GROUP BY phone UNION ALL {b}"), UnionAll),
        (format!("SELECT COUNT(*) AS phone FROM accounts UNION ALL {b}"), UnionAll),
        (format!("SELECT phone + 1 AS phone FROM accounts UNION ALL {b}"), UnionAll),
        (format!("SELECT * FROM accounts UNION ALL {b}"), UnionAll),
        (format!("SELECT phone, balance FROM accounts UNION ALL {b}"), UnionAll),
        (format!("SELECT 3 FROM accounts UNION ALL {b}"), UnionAll),
        (
            format!("SELECT a.phone FROM accounts a JOIN accounts c ON a.phone = c.phone UNION ALL {b}"),
            UnionAll,
        ),
        (format!("(SELECT phone FROM accounts UNION {b}) UNION ALL {b}"), UnionAll),
        (format!("(SELECT phone FROM accounts UNION ALL {b}) UNION {b}"), SetOperation),
        (format!("SELECT phone FROM accounts WHERE phone IN ({b}) UNION ALL {b}"), Construct::Subquery),
    ] {
        let sql = format!("SELECT COUNT(*) AS n FROM ({stack}) AS p");
        match refused(&sql) {
            Refused::Unsupported { construct: found, .. } => assert_eq!(found, construct, "{sql}"),
            other => panic!("{sql}: {other}"),
        }
    }
    // As the rows of a result they would be shown.
    let rows = "SELECT phone FROM accounts UNION ALL SELECT phone FROM subscribers LIMIT 3";
    assert!(matches!(refused(rows), Refused::Unsupported { construct: SetOperation, .. }));
}

/// A constant of one SELECT would be a condition on what it is matched with, past the terms of that table's owners; and in
/// an aggregate, as a function might, it would tell how many rows its own table has.
#[test]
fn constants_and_functions_of_a_select_are_groups_and_conditions_alone() {
    let p = "(SELECT 2 AS k, 'x' AS t, phone, LENGTH(holder) AS f, balance AS v FROM accounts UNION ALL \
             SELECT 2, 'y', phone, score, swaps FROM subscribers) AS p";
    let set = "SELECT k FROM (SELECT phone AS k FROM accounts UNION ALL SELECT 2 FROM subscribers) AS p";
    let matched = [
        format!("SELECT COUNT(*) AS n FROM subscribers AS s JOIN {p} ON p.k = s.phone"),
        format!("SELECT COUNT(*) AS n FROM subscribers AS s JOIN {p} ON s.name = p.t"),
        format!("SELECT COUNT(*) AS n FROM subscribers AS s LEFT JOIN {p} ON p.k = s.phone"),
        format!("SELECT COUNT(*) AS n FROM {p}, subscribers AS s WHERE p.phone = s.phone AND s.swaps = p.k"),
        format!("SELECT COUNT(*) AS n FROM {p} JOIN subscribers AS s ON p.phone = s.phone AND p.k = s.phone"),
        format!(
            "SELECT COUNT(*) AS n FROM {p} JOIN subscribers AS s ON p.phone = s.phone JOIN accounts AS a ON a.phone = p.k"
        ),
        format!("SELECT COUNT(*) AS n FROM subscribers AS s WHERE EXISTS (SELECT 1 FROM {p} WHERE p.k = s.phone)"),
        format!(
            "SELECT COUNT(*) AS n FROM subscribers AS s WHERE NOT EXISTS (SELECT 1 FROM {p} WHERE s.phone = p.k)"
        ),
        format!("SELECT COUNT(*) AS n FROM subscribers WHERE phone IN (SELECT k FROM {p})"),
        format!("SELECT COUNT(*) AS n FROM {p} WHERE k IN (SELECT phone FROM subscribers)"),
        format!("{set} INTERSECT SELECT phone FROM subscribers LIMIT 3"),
        format!("SELECT phone FROM subscribers UNION {set} LIMIT 3"),
        format!("SELECT phone FROM subscribers EXCEPT {set} LIMIT 3"),
        format!("SELECT COUNT(*) AS n FROM ({set} INTERSECT SELECT phone FROM subscribers) AS x"),
        "WITH c AS (SELECT 2 AS k FROM accounts) SELECT COUNT(*) AS n FROM subscribers AS s JOIN (SELECT k FROM c UNION ALL \
         SELECT phone FROM subscribers) AS p ON p.k = s.phone"
            .to_owned(),
    ];
    for sql in matched {
        match refused(&sql) {
            Refused::StackedValue { used, .. } => assert!(used.contains("matched"), "{sql}: {used}"),
            other => panic!("{sql}: {other}"),
        }
    }
    let weighed = [
        "SUM(k)",
        "SUM(v - k)",
        "SUM(k * v)",
        "SUM(CASE WHEN v > 2 THEN k ELSE 0 END)",
        "SUM(CASE WHEN t = 'x' THEN k ELSE 0 END)",
        "COUNT(k)",
        "COUNT(DISTINCT k)",
        "COUNT(DISTINCT t)",
        "AVG(k)",
        "MIN(k)",
        "MAX(k)",
        "MEDIAN(k)",
        "VAR_SAMP(k)",
        "CORR(k, v)",
        "REGR_COUNT(v, k)",
        "SUM(f)",
        "COUNT(f)",
        "MAX(f)",
    ];
    let weighed = weighed.map(|aggregate| format!("SELECT {aggregate} AS s FROM {p}"));
    let above = [
        format!("SELECT t, COUNT(*) AS n FROM {p} GROUP BY t HAVING SUM(k) > 3"),
        format!("SELECT t, COUNT(*) AS n FROM {p} GROUP BY t ORDER BY SUM(k)"),
        format!("SELECT SUM(p.k) AS s FROM {p} JOIN subscribers AS s ON p.phone = s.phone"),
    ];
    for sql in weighed.into_iter().chain(above) {
        match refused(&sql) {
            Refused::StackedValue { used, .. } => assert!(used.contains("aggregated"), "{sql}: {used}"),
            other => panic!("{sql}: {other}"),
        }
    }
    let named = refused(&format!("SELECT SUM(v + k) AS s FROM {p}")).to_string();
    assert!(named.contains("column `k` of UNION ALL is the constant 2"), "{named}");
    for sql in [
        format!("SELECT t, SUM(v) AS s FROM {p} WHERE k = 2 AND f > 1 GROUP BY t"),
        format!("SELECT SUM(CASE WHEN t = 'x' AND f > 1 THEN v ELSE 0 END) AS s FROM {p}"),
        format!("SELECT COUNT(*) AS n FROM {p} JOIN subscribers AS s ON p.f = s.phone WHERE p.t = 'x'"),
    ] {
        usage_of(&sql);
    }
}

#[test]
fn columns_that_do_not_stand_below_each_other_are_refused() {
    let of = |first: &str, second: &str| {
        refused(&format!(
            "SELECT COUNT(*) AS n FROM (SELECT {first} FROM accounts UNION ALL SELECT {second} FROM subscribers) AS p"
        ))
    };
    assert!(matches!(of("phone", "name"), Refused::StackedTypes { .. }));
    assert!(matches!(of("phone, phone", "phone, phone"), Refused::SameName(_)));
    assert!(matches!(of("nobody", "phone"), Refused::Meaning(_)));
    assert!(matches!(of("subscribers.phone", "phone"), Refused::Meaning(_)));
    let unknown =
        refused("SELECT COUNT(*) FROM (SELECT phone FROM accounts UNION ALL SELECT a FROM none) AS p");
    assert!(matches!(unknown, Refused::UnknownTable { .. }), "{unknown}");
    let twice = {
        let mut both = three_owners([1, 1]).tables();
        both[1].datasets[0].reference = "owner1/accounts@7".into();
        let sql =
            "SELECT COUNT(*) FROM (SELECT phone FROM accounts UNION ALL SELECT phone FROM subscribers) AS p";
        compile(sql, &both, 1).unwrap_err()
    };
    assert!(matches!(twice, Refused::StackedDataset { .. }), "{twice}");
}

#[test]
fn units_are_those_of_all_parts() {
    let with = |first: &str, second: &str| {
        let mut both = three_owners([1, 1]).tables();
        for (table, (name, unit)) in both.iter_mut().zip([("balance", first), ("swaps", second)]) {
            for source in &mut table.datasets {
                let found = source.schema.columns.iter_mut().find(|column| column.name == name).unwrap();
                *found = column(name, ColumnType::Integer).range("0", "900").unit(unit);
            }
        }
        let sql = "SELECT SUM(x) AS s FROM (SELECT balance AS x FROM accounts UNION ALL SELECT swaps FROM subscribers) AS p";
        compile(sql, &both, 1)
    };
    assert_eq!(with("EUR", "EUR").unwrap().columns[0].unit, "EUR");
    assert!(matches!(with("EUR", "USD"), Err(Refused::Units { .. })));
    assert!(matches!(with("km", "m"), Err(Refused::Units { .. })));
}

/// What is asked of the stack is asked of each table's own columns, and each SELECT's condition of its table alone.
#[test]
fn uses_are_those_of_each_table_s_own_columns() {
    let sql = "SELECT word, SUM(number) AS s FROM (SELECT region AS word, balance AS number, phone FROM accounts WHERE \
               loss > 3 AND phone <> 4 UNION ALL SELECT plan, swaps, score FROM subscribers) AS p WHERE number > 7 GROUP BY word";
    let usage = usage_of(sql);
    let uses = |table: &str, column: &str| -> Vec<Use> {
        let of = usage.columns.get(table).and_then(|columns| columns.get(column));
        of.into_iter().flatten().copied().collect()
    };
    assert_eq!(usage.columns.keys().collect::<Vec<_>>(), ["accounts", "subscribers"]);
    assert_eq!(uses("accounts", "region"), [Group]);
    assert_eq!(uses("accounts", "balance"), [Filter, Aggregate]);
    assert_eq!(uses("accounts", "loss"), [Filter]);
    assert_eq!(uses("accounts", "phone"), [Filter], "selected, and used in its own SELECT alone");
    assert_eq!(uses("subscribers", "plan"), [Group]);
    assert_eq!(uses("subscribers", "swaps"), [Filter, Aggregate]);
    assert_eq!(uses("subscribers", "score"), []);
    let compared = |table: &str, column: &str| -> Vec<String> {
        let with = usage.comparisons.get(table).and_then(|columns| columns.get(column));
        let with = with.into_iter();
        with.flat_map(|with| {
            with.constants.iter().cloned().chain(with.otherwise.then(|| "…".to_owned())).collect::<Vec<_>>()
        })
        .collect()
    };
    assert_eq!(compared("accounts", "balance"), ["7"]);
    assert_eq!(compared("accounts", "loss"), ["3"]);
    assert_eq!(compared("accounts", "phone"), ["4"]);
    assert_eq!(compared("subscribers", "swaps"), ["7"]);
    assert_eq!(
        compared("subscribers", "score"),
        Vec::<String>::new(),
        "another table's condition is none of its"
    );
}

/// A function of a column chooses what of it counts, within a SELECT or over the stack; a key's other side is compared with
/// what the SELECTs compare it with.
#[test]
fn what_functions_and_keys_reach_is_known() {
    let of = |sql: &str, table: &str, column: &str| {
        let usage = usage_of(sql);
        let compared = usage.comparisons.get(table).and_then(|columns| columns.get(column)).cloned();
        let uses: Vec<Use> = usage.columns[table].get(column).into_iter().flatten().copied().collect();
        (uses, compared)
    };
    let parts =
        "(SELECT UPPER(holder) AS u, phone FROM accounts UNION ALL SELECT name, phone FROM subscribers) AS p";
    let sql = format!("SELECT COUNT(*) AS n FROM {parts} WHERE u = 'ANN'");
    let (uses, compared) = of(&sql, "accounts", "holder");
    assert_eq!(uses, [Filter]);
    assert!(compared.is_some_and(|compared| compared.otherwise));
    let (uses, compared) = of(&sql, "subscribers", "name");
    assert_eq!(uses, [Filter]);
    assert!(compared.is_some_and(|compared| !compared.otherwise && compared.constants.contains("ANN")));
    let sql = format!("SELECT COUNT(*) AS n FROM {parts} WHERE LEFT(u, 1) = 'A'");
    for (table, column) in [("accounts", "holder"), ("subscribers", "name")] {
        let (uses, compared) = of(&sql, table, column);
        assert_eq!(uses, [Filter], "{table}");
        assert!(compared.is_some_and(|compared| compared.otherwise), "{table}");
    }
    let sql = "SELECT COUNT(*) AS n FROM (SELECT phone, loss AS x FROM accounts WHERE phone = 3 UNION ALL \
               SELECT swaps, score FROM subscribers) AS p JOIN subscribers AS s ON p.phone = s.phone";
    let (uses, compared) = of(sql, "subscribers", "phone");
    assert_eq!(uses, [Join]);
    assert!(compared.is_some_and(|compared| compared.constants.contains("3")));
    assert_eq!(of(sql, "accounts", "phone").0, [Filter, Join]);
    let (uses, compared) = of(sql, "subscribers", "swaps");
    assert_eq!((uses, compared), (vec![Join], None), "the other SELECT's condition is none of its");
    // Its own is, also by way of another table.
    let sql = "SELECT COUNT(*) AS n FROM (SELECT phone, loss AS x FROM accounts WHERE phone = 3 UNION ALL \
               SELECT swaps, score FROM subscribers) AS p JOIN subscribers AS s ON p.phone = s.phone AND p.x = s.phone";
    assert!(of(sql, "accounts", "loss").1.is_some_and(|compared| compared.constants.contains("3")));
    assert_eq!(of(sql, "subscribers", "score"), (vec![Join], None));
    // What must equal a function's value is compared with what the function makes of it, whether that is tested or not.
    for condition in ["", " WHERE holder = 'ann'"] {
        let sql = format!(
            "SELECT COUNT(*) AS n FROM (SELECT UPPER(holder) AS u FROM accounts{condition} UNION ALL SELECT plan FROM \
             subscribers) AS p JOIN subscribers AS s ON p.u = s.name"
        );
        for (table, column) in [("accounts", "holder"), ("subscribers", "name")] {
            assert!(of(&sql, table, column).1.is_some_and(|compared| compared.otherwise), "{sql}: {column}");
        }
        assert_eq!(of(&sql, "subscribers", "plan"), (vec![Join], None));
    }
    // Rows of one SELECT meet those of another where the stack is joined with itself.
    let twice = "(SELECT phone FROM accounts WHERE phone = 3 UNION ALL SELECT swaps FROM subscribers)";
    let sql = format!("SELECT COUNT(*) AS n FROM {twice} AS p JOIN {twice} AS q ON p.phone = q.phone");
    assert!(of(&sql, "subscribers", "swaps").1.is_some_and(|compared| compared.constants.contains("3")));
}

#[test]
fn each_owner_computes_its_own_select() {
    let sql = "SELECT word, COUNT(*) AS n FROM (SELECT region AS word FROM accounts WHERE loss > 3 UNION ALL SELECT plan \
               FROM subscribers) AS p WHERE word <> 'west' GROUP BY word";
    let compiled = compile(sql, &three_owners([1, 1]).tables(), 2).unwrap();
    let stages: Vec<(&str, &str, u16)> = (compiled.program.stages.iter())
        .map(|stage| (stage.table.as_str(), stage.dataset.as_str(), stage.provider))
        .collect();
    assert_eq!(
        stages,
        [
            ("accounts", "owner0/accounts@1", 0),
            ("accounts", "owner1/accounts@1", 1),
            ("subscribers", "owner0/subscribers@1", 0)
        ]
    );
    let [of_bank, .., of_phone] = compiled.program.stages.as_slice() else { panic!() };
    assert!(of_bank.sql.contains("loss > 3") && !of_bank.sql.contains("plan"), "{}", of_bank.sql);
    assert!(
        of_phone.sql.contains("\"plan\" AS \"word\"") && !of_phone.sql.contains("loss"),
        "{}",
        of_phone.sql
    );
    let page = compiled.audit.to_string();
    assert!(
        page.contains("of `accounts`: takes `\"region\"` as `word` of its rows for which `loss > 3` holds"),
        "{page}"
    );
    assert!(page.contains("of `subscribers`: takes"), "{page}");
    assert!(page.contains("3 datasets"), "each is counted once: {page}");
    let groups: Vec<_> = compiled.groups.iter().flatten().flatten().cloned().collect();
    assert_eq!(groups, ["basic", "east", "full", "west"], "lists of values are united");
}

/// Members are counted over all tables, those of one member once; no member's noise is bought twice.
#[test]
fn rules_hold_for_the_whole_stack() {
    let sql = "SELECT COUNT(*) AS n, SUM(x) AS s FROM (SELECT loss AS x FROM accounts UNION ALL SELECT swaps FROM subscribers) AS p";
    let world = three_owners([1, 1]);
    let least = |contributors_min| {
        let rule = Rule {
            floor_rows: 1,
            disclosure: DisclosureRule { contributors_min, ..DisclosureRule::default() },
        };
        let compiled = compile(sql, &world.tables(), rule).unwrap();
        let (_, inputs) = world.compiled(sql, 1);
        let shown = crate::jointly::interpreted(&compiled.program, &inputs);
        !treaty_compiler::decode(&compiled, &shown).unwrap().rows.is_empty()
    };
    assert!(least(2));
    assert!(!least(3), "two owners have these three datasets");
    let mut noisy = world.tables();
    let mut people = [1, 2, 4].into_iter();
    for source in noisy.iter_mut().flat_map(|table| &mut table.datasets) {
        source.rows_per_person = people.next();
    }
    let rule = Rule {
        floor_rows: 1,
        disclosure: DisclosureRule {
            privacy: Some(Privacy::laplace(1_000_000)),
            ..DisclosureRule::default()
        },
    };
    let count =
        "SELECT COUNT(*) AS n FROM (SELECT phone FROM accounts UNION ALL SELECT phone FROM subscribers) AS p";
    let page = compile(count, &noisy, rule).unwrap().audit.to_string();
    // Seven rows of one person at most: √2·√2·7.
    assert!(page.contains("standard deviation is 14"), "{page}");
}

#[test]
fn a_dry_run_has_rows_of_every_part() {
    let world = three_owners([1, 1]);
    let mut made = world.tables();
    let all: Vec<_> = made.iter_mut().flat_map(|table| &mut table.datasets).collect();
    let mut schemas = std::collections::BTreeMap::new();
    for source in all {
        source.rows = 40;
        schemas.insert(source.reference.clone(), (source.schema.clone(), 40));
    }
    let sql = "SELECT source, COUNT(*) AS n FROM (SELECT 'bank' AS source FROM accounts UNION ALL SELECT 'phone' FROM \
               subscribers) AS p GROUP BY source";
    let compiled = compile(sql, &made, 1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(synthetic::answer(&compiled, &schemas)).unwrap();
    let text = |text: &str| Cell::Text(text.into());
    assert_eq!(answer.rows, [[text("bank"), Cell::Integer(80)], [text("phone"), Cell::Integer(40)]]);
}

/// A joined stack's floor is the strictest of its owners', over its own rows.
#[test]
fn a_joined_stack_has_its_owners_floor() {
    let sql = "SELECT COUNT(*) AS n FROM accounts AS a JOIN (SELECT phone FROM subscribers WHERE swaps < 9 UNION ALL \
               SELECT phone FROM others) AS p ON a.phone = p.phone";
    let of = |floor| {
        let mut all = three_owners([1, 1]).tables();
        let mut others = all[1].clone();
        others.name = "others".into();
        for source in &mut others.datasets {
            source.reference = "owner2/others@1".into();
            source.owner = "owner2".into();
            source.floor_rows = floor;
        }
        all.push(others);
        compile(sql, &all, 1).unwrap().audit.to_string()
    };
    assert!(of(4).contains("4 of `p`"), "{}", of(4));
    assert!(!of(1).contains("of `p` are"), "{}", of(1));
}
