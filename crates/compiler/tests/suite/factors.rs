//! Aggregates of columns of several tables: the joint result equals the plaintext one, whatever is missing, and each table's
//! owners allow, and hold back, what is computed of theirs.

use contract::terms::Use::{self, Aggregate, Filter, Group, Product};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Construct, Refused, compile};

use crate::{
    calls::calls,
    joins::{
        Row, World, account, key, own_condition, row, subscriber, three_owners, three_owners_place, world,
    },
    place::Place,
    random::assert_agrees,
};

const FROM: &str = "FROM accounts a JOIN subscribers s ON a.phone = s.phone";

/// What is found in any join; what adds a column that may lack values to another is refused.
fn of_both() -> impl Strategy<Value = &'static str> {
    select(vec![
        "SUM(balance * swaps)",
        "SUM(loss * score)",
        "AVG(balance * swaps)",
        "AVG(loss * (1 - score))",
        "COUNT(loss * score)",
        "COUNT(balance * score)",
        "SUM((loss - 7) * (score * swaps - 2))",
        "SUM(balance * (swaps - 3) * loss * score)",
        "COVAR_POP(balance, swaps)",
        "COVAR_SAMP(loss, score)",
        "CORR(balance, swaps)",
        "REGR_SLOPE(score, loss)",
        "REGR_COUNT(loss, score)",
        "REGR_AVGX(loss, score)",
        "REGR_SYY(loss, swaps)",
        "SUM(-(loss * score))",
    ])
}

fn of_pairs() -> impl Strategy<Value = &'static str> {
    select(vec![
        "SUM(balance + swaps)",
        "SUM(balance * swaps - balance * swaps)",
        "SUM((balance - swaps) * (balance - swaps))",
        "AVG((balance - swaps) * (balance - swaps) - balance * (balance - 2 * swaps))",
        "AVG(2 * balance - swaps * 3 + 1)",
        "SUM(CASE WHEN swaps > 3 THEN balance * swaps ELSE 0 END)",
        "AVG(CASE WHEN region = 'east' OR loss > 100 THEN loss * score END)",
        "COUNT(CASE WHEN score IS NULL THEN balance * loss * swaps END)",
    ])
}

fn query() -> impl Strategy<Value = (String, bool)> {
    let keys = proptest::sample::subsequence(vec!["plan", "region"], 0..=2);
    let conditions = (option::of(own_condition(false)), option::of(own_condition(true)), any::<bool>());
    let aggregates = (vec(of_both(), 1..4), option::of(of_pairs()));
    (keys, key(), select(vec!["", "LEFT ", "FULL "]), conditions, aggregates).prop_map(
        |(keys, key, kind, (of_first, of_second, is_or), (mut aggregates, more))| {
            let is_inner = kind.is_empty();
            aggregates.extend(more.filter(|_| is_inner));
            let mut items: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            items.extend(aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")));
            let mut sql = format!(
                "SELECT {}, COUNT(*) AS n FROM accounts a {kind}JOIN subscribers s ON {key}",
                items.join(", ")
            );
            let both: Vec<&str> = of_first.into_iter().chain(of_second).collect();
            match both.as_slice() {
                [x, y] if is_inner && is_or => sql.push_str(&format!(" AND ({x} OR {y})")),
                several if kind != "FULL " => {
                    several.iter().for_each(|one| sql.push_str(&format!(" AND {one}")))
                }
                _ => {}
            }
            if !keys.is_empty() {
                sql.push_str(&format!(" GROUP BY {}", keys.join(", ")));
            }
            (sql, !keys.is_empty())
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 60, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(world in world(), (sql, has_keys) in query(), floor in 1_u64..3) {
        let (_, outputs, joint) = world.run(&sql, floor);
        for row in 0..outputs[0].len() {
            let shown = outputs[0][row] == 1;
            prop_assert!(shown || outputs.iter().all(|column| column[row] == 0), "{sql}: withheld, but opened");
        }
        assert_agrees(&sql, &joint, world.expected(&sql), has_keys);
    }

    /// What both tables' columns make is shown exactly where enough rows of each have a value and meet one that has.
    #[test]
    fn each_tables_floor_counts_its_rows_that_meet_a_value(
        one in vec(row(false), 1..9),
        other in vec(row(true), 1..9),
        floors in (1_u64..4, 1_u64..4),
        aggregate in select(vec!["SUM(loss * score)", "AVG(loss * score)", "COUNT(loss * score)", "COVAR_POP(loss, score)"]),
    ) {
        let world = World { accounts: vec![one], subscribers: vec![other], floors: [floors.0, floors.1] };
        let sql = format!("SELECT COUNT(*) AS n, {aggregate} AS x {FROM}");
        let behind = |has_value: bool| {
            let is_in = |row: &Row| !has_value || row.5.is_some();
            let is_pair = |a: &Row, s: &Row| a.0.is_some() && a.0 == s.0 && is_in(a) && is_in(s);
            let (accounts, subscribers) = (&world.accounts[0], &world.subscribers[0]);
            let of_first = accounts.iter().filter(|a| subscribers.iter().any(|s| is_pair(a, s))).count() as u64;
            let of_second = subscribers.iter().filter(|s| accounts.iter().any(|a| is_pair(a, s))).count() as u64;
            of_first >= floors.0 && of_second >= floors.1
        };
        let (_, _, result) = world.run(&sql, 1);
        prop_assert_eq!(!result.rows.is_empty(), behind(false), "{}", sql);
        if let Some(cells) = result.rows.first() {
            let nothing = [Cell::Withheld, Cell::Null].contains(&cells[1]);
            let is_zero = floors == (1, 1) && cells[1] == Cell::Integer(0);
            prop_assert!(nothing != behind(true) || is_zero, "{}: {:?}", sql, cells);
        }
    }
}

fn with(row: Row, other: Option<i64>) -> Row {
    let (phone, name, day, word, number, _) = row;
    (phone, name, day, word, number, other)
}

/// Who leaves values out on all rows but one gets that one's product no more than its value: neither the contract's floor,
/// which counts pairs, nor the other owner's, which counts rows, is reached by what repeats.
#[test]
fn a_value_that_missing_ones_single_out_is_withheld() {
    let accounts: Vec<Row> = (1..=20).map(|n| with(account(n, "east", n), Some(n))).collect();
    let scored = |n: i64| with(subscriber(n, "full", 1), (n == 7).then_some(1));
    let once: Vec<Row> = (1..=20).map(scored).collect();
    let often: Vec<Row> = (1..=20).flat_map(|n| std::iter::repeat_n(scored(n), 5)).collect();
    let items = [
        "SUM(loss * score)",
        "AVG(loss * score)",
        "COUNT(loss * score)",
        "COVAR_POP(loss, score)",
        "SUM(CASE WHEN score > 0 THEN balance * swaps ELSE 0 END)",
        "REGR_COUNT(loss, score)",
    ];
    for (subscribers, floor, floors) in
        [(once.clone(), 3, [1, 1]), (often.clone(), 1, [3, 1]), (once, 1, [1, 3])]
    {
        for item in items {
            let world =
                World { accounts: vec![accounts.clone()], subscribers: vec![subscribers.clone()], floors };
            let (_, _, result) = world.run(&format!("SELECT COUNT(*) AS n, {item} AS x {FROM}"), floor);
            assert_eq!(result.rows[0][1], Cell::Withheld, "{item}");
            assert_ne!(result.rows[0][0], Cell::Withheld);
        }
    }
    // Five of the subscriber's own rows reach its own floor, but not that of accounts.
    let world = World { accounts: vec![accounts], subscribers: vec![often], floors: [1, 3] };
    let (_, _, result) = world.run(&format!("SELECT SUM(loss * score) AS x {FROM}"), 1);
    assert_eq!(result.rows, [[Cell::Integer(35)]]);
}

/// Where a group's rows have partners in one place alone, and its key is unique on both sides.
#[test]
fn a_group_of_one_pair_is_withheld() {
    let accounts = (1..=20).map(|n| account(n, if n == 7 { "west" } else { "east" }, n)).collect();
    let subscribers = (1..=20).map(|n| subscriber(n, "full", 1)).collect();
    let world = World { accounts: vec![accounts], subscribers: vec![subscribers], floors: [2, 1] };
    let sql = format!("SELECT region, SUM(balance * swaps) AS x {FROM} GROUP BY region");
    let (_, outputs, result) = world.run(&sql, 1);
    assert_eq!(result.rows, [[Cell::Text("east".into()), Cell::Integer(203)]]);
    assert!(outputs.iter().all(|column| column[1] == 0));
}

/// A factor that is zero on all rows but one shows that one: that is what owners of either column are asked for.
#[test]
fn factors_of_another_table_are_products_and_summands_are_not() {
    let uses = |item: &str| {
        let uses = three_owners([1, 1]).compiled(&format!("SELECT {item} AS x {FROM}"), 1).0.usage.columns;
        let of = |table: &str, column: &str| -> Vec<Use> {
            uses.get(table).and_then(|columns| columns.get(column)).into_iter().flatten().copied().collect()
        };
        [of("accounts", "balance"), of("subscribers", "swaps")]
    };
    let both = |uses: &[Use]| [uses.to_vec(), uses.to_vec()];
    assert_eq!(uses("SUM(balance * swaps)"), both(&[Aggregate, Product]));
    assert_eq!(uses("AVG(balance * (7 - swaps))"), both(&[Aggregate, Product]));
    assert_eq!(uses("COUNT(balance * swaps)"), both(&[Aggregate, Product]));
    assert_eq!(uses("SUM(balance + 2 * swaps)"), both(&[Aggregate]));
    assert_eq!(uses("CORR(balance, swaps)"), both(&[Aggregate, Product]));
    assert_eq!(uses("REGR_COUNT(balance, swaps)"), both(&[Filter, Aggregate]));
    assert_eq!(uses("SUM(CASE WHEN swaps > 3 THEN balance END)"), [vec![Aggregate], vec![Filter]]);
    assert_eq!(
        uses("SUM(CASE WHEN swaps > 3 THEN balance * swaps END)"),
        [vec![Aggregate, Product], vec![Filter, Aggregate, Product]]
    );
}

/// How many pairs have no value cannot be counted at home, whatever aggregate it would follow from.
#[test]
fn what_may_lack_values_of_two_tables_is_a_part_of_the_whole() {
    let is_partial = |items: &str| {
        let compiled = three_owners([1, 1]).compiled(&format!("SELECT {items} {FROM}"), 1).0;
        assert!(compiled.answers.iter().all(|answers| answers.uncountable.is_some()));
        let partial: Vec<bool> = compiled.answers.iter().map(|answers| answers.is_partial()).collect();
        assert!(partial.iter().all(|one| *one == partial[0]), "{items}");
        partial[0]
    };
    for items in [
        "SUM(balance * swaps) AS x, COUNT(*) AS n",
        "AVG(balance - swaps) AS x, SUM(balance) AS s",
        "CORR(balance, swaps) AS c, COUNT(*) AS n",
        "COUNT(balance * swaps) AS x",
    ] {
        assert!(!is_partial(items), "{items}");
    }
    for items in [
        "SUM(loss * swaps) AS x",
        "SUM(loss * score) AS x",
        "COUNT(loss * score) AS x",
        "AVG(balance * score) AS x",
        "REGR_COUNT(loss, score) AS x",
        "CORR(balance, score) AS c",
        "SUM(CASE WHEN swaps > 3 THEN balance * swaps ELSE 0 END) AS x",
    ] {
        assert!(is_partial(items), "{items}");
    }
    // Of equal names in both tables.
    let sql = "SELECT SUM(a.loss * b.loss) AS x FROM accounts a JOIN accounts b ON a.phone = b.phone";
    let tables = three_owners([1, 1]).tables();
    assert!(compile(sql, &tables[..1], 1).unwrap().answers.iter().all(|answers| answers.is_partial()));
}

#[test]
fn what_does_not_factorise_is_refused() {
    let tables = three_owners([1, 1]).tables();
    let refused = |item: &str, from: &str| match compile(&format!("SELECT {item} {from}"), &tables, 1) {
        Err(Refused::Unsupported { construct, .. }) => construct,
        other => panic!("{item}: {other:?}"),
    };
    for (item, construct) in [
        ("MIN(balance * swaps)", Construct::TablesCombined),
        ("MAX(balance - swaps)", Construct::TablesCombined),
        ("VAR_SAMP(balance * swaps)", Construct::TablesCombined),
        ("CORR(balance * swaps, balance)", Construct::TablesCombined),
        ("MEDIAN(balance * swaps)", Construct::TablesCombined),
        ("COUNT(DISTINCT balance * swaps)", Construct::DistinctAggregate),
        ("SUM(loss + swaps)", Construct::NullableSum),
        ("SUM(balance * score - balance)", Construct::NullableSum),
        ("SUM(balance * swaps + score)", Construct::NullableSum),
        ("SUM(a.balance * swaps + loss)", Construct::NullableSum),
        ("SUM(COALESCE(balance * swaps, 0))", Construct::ArgumentExpression),
        ("SUM(COALESCE(loss, 0) * swaps)", Construct::ArgumentExpression),
        ("SUM(CASE WHEN loss > swaps THEN balance * swaps END)", Construct::Case),
        ("SUM(CASE WHEN swaps > 3 THEN loss * swaps ELSE 0 END)", Construct::Case),
    ] {
        assert_eq!(refused(item, FROM), construct, "{item}");
    }
    let left = FROM.replace("JOIN", "LEFT JOIN");
    assert_eq!(refused("SUM(balance + swaps)", &left), Construct::NullableSum);
    assert_eq!(refused("SUM(CASE WHEN swaps > 3 THEN balance * swaps END)", &left), Construct::OuterCase);
    let same = "FROM accounts a JOIN accounts b ON a.phone = b.phone";
    let sum = compile(&format!("SELECT SUM(a.loss + b.loss) {same}"), &tables[..1], 1).unwrap_err();
    assert!(matches!(sum, Refused::Unsupported { construct: Construct::NullableSum, .. }), "{sum}");
    let sums: Vec<String> = (0..6).map(|n| format!("(balance + {n} + swaps)")).collect();
    let many = sums.join(" * ");
    let found = compile(&format!("SELECT SUM({many}) {FROM}"), &tables, 1).unwrap_err();
    assert!(matches!(found, Refused::TooLarge { found: 64, most: 32, .. }), "{found}");
    // Equal ones count once.
    let power = "(balance + swaps)".to_owned() + &" * (balance + swaps)".repeat(5);
    assert!(compile(&format!("SELECT SUM({power}) {FROM}"), &tables, 1).is_ok());
    let wide = "balance * swaps".to_owned() + &" * balance * swaps".repeat(5);
    let found = compile(&format!("SELECT SUM({wide}) {FROM}"), &tables, 1).unwrap_err();
    assert!(matches!(found, Refused::TooWide { .. }), "{found}");
    let beside = "FROM accounts a JOIN subscribers s ON a.phone = s.phone WHERE balance > (SELECT AVG(swaps) FROM subscribers)";
    assert_eq!(refused("SUM(balance * swaps)", beside), Construct::Threshold);
}

/// Groups of several tables are left out by what is known of them; rows are not chosen by several tables' columns.
#[test]
fn conditions_over_several_tables_are_on_public_groups() {
    let place = Place(three_owners_place().0.into_iter().chain([calls()]).collect());
    let asked = |condition: &str, rest: &str| {
        let sql = format!(
            "SELECT region, plan, COUNT(*) AS n FROM accounts a, subscribers s, calls c WHERE a.phone = s.phone \
             AND s.phone = c.phone AND {condition} GROUP BY region, plan {rest}"
        );
        match place.compiled(&sql, 1) {
            Ok(compiled) => Ok(compiled.groups.len()),
            Err(Refused::Unsupported { construct, .. }) => Err(construct),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(asked("(region = 'east' OR plan = 'full')", ""), Ok(3));
    assert_eq!(asked("NOT (region = 'east' OR plan = 'full')", "LIMIT 2"), Ok(1));
    for condition in [
        "(region = 'east' OR swaps = 1)",
        "(region < 'west' OR plan = 'full')",
        "(region LIKE 'e%' OR plan = 'full')",
        "region <> plan",
        "(region = 'east' AND region = 'west' OR plan IN ('none'))",
    ] {
        assert_eq!(asked(condition, ""), Err(Construct::TreeCondition), "{condition}");
    }
    let secret = "SELECT a.phone, COUNT(*) AS n FROM accounts a, subscribers s, calls c WHERE a.phone = s.phone \
                  AND s.phone = c.phone AND (a.phone = 1 OR s.phone = 2) GROUP BY a.phone LIMIT 2";
    let refused = place.compiled(secret, 1).unwrap_err();
    assert!(matches!(refused, Refused::Unsupported { construct: Construct::TreeCondition, .. }), "{refused}");
    let uses = place
        .compiled(
            "SELECT region, plan, COUNT(*) AS n FROM accounts a, subscribers s, calls c WHERE a.phone = s.phone \
             AND s.phone = c.phone AND (region = 'east' OR plan = 'full') GROUP BY region, plan",
            1,
        )
        .unwrap()
        .usage;
    for (table, column, constant) in [("accounts", "region", "east"), ("subscribers", "plan", "full")] {
        assert_eq!(uses.columns[table][column].iter().copied().collect::<Vec<_>>(), [Filter, Group]);
        assert!(uses.comparisons[table][column].constants.contains(constant));
    }
}

#[test]
fn three_parties_compute_what_the_interpreter_does() {
    let world = World {
        accounts: vec![
            vec![with(account(1, "east", 100), Some(5)), with(account(2, "east", -50), None)],
            vec![with(account(2, "west", 7), Some(3)), account(9, "west", 1)],
        ],
        subscribers: vec![
            vec![with(subscriber(1, "full", 1), Some(-4)), subscriber(2, "full", 4)],
            vec![with(subscriber(2, "basic", 3), Some(2)), subscriber(2, "full", 0)],
        ],
        floors: [1, 1],
    };
    let sql = format!(
        "SELECT region, SUM(balance * swaps - 3) AS p, SUM(loss * (1 - score)) AS q, AVG(loss * score) AS m, \
         COUNT(loss * score) AS n, SUM(CASE WHEN swaps > 0 THEN balance * swaps ELSE 0 END) AS w, \
         COVAR_POP(balance, swaps) AS c, REGR_AVGX(loss, score) AS x {FROM} GROUP BY region"
    );
    let (compiled, inputs) = world.compiled(&sql, 1);
    let wanted = world.expected(&sql);
    let opened = crate::jointly::on_shares(&compiled.program, &inputs, vm::SchemeName::Rep3);
    let joint = treaty_compiler::decode(&compiled, &opened).unwrap();
    assert!(wanted.rows.len() == 2 && !joint.rows.iter().flatten().any(|cell| *cell == Cell::Withheld));
    assert_agrees(&sql, &joint, wanted, true);
}
