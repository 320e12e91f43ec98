//! Parts of a join (CASE, columns that may be NULL) are held to the tables' floors by the tables' own rows; what cannot be
//! counted is said.

use contract::audit::Verdict;
use proptest::{collection::vec, prelude::*, test_runner::Config};
use treaty_compiler::{Cell, Construct, Refused, compile};

use crate::joins::{Row, World, account, row, three_owners};

/// Ten accounts have the number of one subscriber: ten pairs, and one person's score.
#[test]
fn pairs_do_not_lift_a_part_over_a_tables_floor() {
    let named = |phone, name: &str, score| {
        (Some(phone), Some(name.to_owned()), None, "full".to_owned(), 1, Some(score))
    };
    let subscribers: Vec<Row> =
        (1..6).map(|n| named(n, if n == 1 { "Bob" } else { "another" }, 40 + n)).collect();
    let mut accounts: Vec<Row> = (2..6).map(|n| account(n, "east", 1)).collect();
    accounts.extend((0..10).map(|n| account(1, "east", n)));
    let world = World { accounts: vec![accounts], subscribers: vec![subscribers], floors: [1, 3] };
    let from = "FROM accounts a JOIN subscribers s ON a.phone = s.phone";
    let cells = |world: &World, items: &str, from: &str, floor: u64| {
        let (_, outputs, result) = world.run(&format!("SELECT COUNT(*) AS n, {items} AS x {from}"), floor);
        assert_eq!(result.rows[0][0], Cell::Integer(14), "{items} {from}");
        (result.rows[0][1].clone(), outputs)
    };
    for items in [
        "AVG(CASE WHEN s.name = 'Bob' THEN s.score END)",
        "SUM(CASE WHEN s.name = 'Bob' THEN s.score * 2 END)",
        "SUM(CASE WHEN s.name = 'Bob' THEN swaps ELSE 0 END)",
        "MAX(CASE WHEN s.name = 'Bob' THEN balance END)",
        "COUNT(CASE WHEN s.name = 'Bob' THEN balance END)",
        "SUM(CASE WHEN balance > 1 THEN score END)",
    ] {
        for floor in [1, 3] {
            let (cell, outputs) = cells(&world, items, from, floor);
            assert_eq!(cell, Cell::Withheld, "{items}, {floor}");
            assert!(!outputs.iter().flatten().any(|value| [41, 82, 410, 820].contains(value)), "{outputs:?}");
        }
        let all = World { floors: [1, 1], ..world.clone() };
        assert_ne!(cells(&all, items, from, 3).0, Cell::Withheld, "{items}");
    }
    // A column that may be NULL, where one subscriber alone has a value.
    let mut one = world.clone();
    one.subscribers[0].iter_mut().skip(1).for_each(|row| row.5 = None);
    assert_eq!(cells(&one, "SUM(score)", from, 3).0, Cell::Withheld);
    let left = "FROM accounts a LEFT JOIN subscribers s ON a.phone = s.phone";
    assert_eq!(cells(&one, "SUM(score)", left, 3).0, Cell::Withheld);
    // HAVING compares nothing that is withheld.
    let sql = format!("SELECT COUNT(*) {from} HAVING SUM(CASE WHEN s.name = 'Bob' THEN score END) > 0");
    assert!(world.run(&sql, 3).2.rows.is_empty());
    // The other way round, few accounts behind the many pairs of a part.
    let accounts = World { floors: [11, 1], ..world.clone() };
    let part = "SUM(CASE WHEN s.name = 'Bob' THEN score END)";
    assert_eq!(cells(&accounts, part, from, 3).0, Cell::Withheld);
    let enough = World { floors: [10, 1], ..world };
    assert_ne!(cells(&enough, part, from, 3).0, Cell::Withheld);
}

/// Whoever knows one table counts by its rows without a partner those that have one.
#[test]
fn rows_without_a_partner_are_not_counted_where_few_have_one() {
    let accounts: Vec<Row> = (1..=20).map(|n| account(n, "east", n)).collect();
    let sql = "SELECT COUNT(*) AS n FROM accounts a \
               WHERE NOT EXISTS (SELECT * FROM subscribers s WHERE s.phone = a.phone)";
    for (partners, is_shown) in [(0, false), (1, false), (2, false), (3, true), (18, true)] {
        let subscribers: Vec<Row> =
            (1..=20).map(|n| account(if n <= partners { n } else { n + 20 }, "full", 1)).collect();
        let world =
            World { accounts: vec![accounts.clone()], subscribers: vec![subscribers], floors: [1, 3] };
        let shown = world.run(sql, 1).2.rows;
        assert_eq!(
            shown.first().map(|row| row[0].clone()),
            is_shown.then_some(Cell::Integer(20 - i128::from(partners)))
        );
        let open = World { floors: [1, 1], ..world };
        assert_eq!(open.run(sql, 1).2.rows, [[Cell::Integer(20 - i128::from(partners))]]);
    }
}

/// Pairs do not lift a value of all groups over a table's floor either, and nothing else counts what is behind it.
#[test]
fn what_having_compares_with_all_groups_is_behind_all_rows() {
    let from = "FROM accounts a JOIN subscribers s ON a.phone = s.phone";
    let sql = |item: &str| {
        format!("SELECT region, COUNT(*) {from} GROUP BY region HAVING COUNT(*) < (SELECT {item} {from})")
    };
    let compiled = |item: &str, floors| compile(&sql(item), &three_owners(floors).tables(), 1);
    for item in ["SUM(score)", "SUM(CASE WHEN plan = 'full' THEN swaps END)"] {
        let refused = compiled(item, [1, 3]).unwrap_err();
        assert!(
            matches!(refused, Refused::Unsupported { construct: Construct::HavingSubquery, .. }),
            "{refused}"
        );
        compiled(item, [1, 1]).unwrap();
    }
    compiled("SUM(swaps)", [1, 3]).unwrap();
}

/// What is asked of a pair.
type Of = fn(&Row, &Row) -> bool;

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    /// A part of a join is shown exactly where enough rows of each table are behind it.
    #[test]
    fn parts_are_held_to_each_tables_floor(
        one in vec(row(false), 1..9),
        other in vec(row(true), 1..9),
        floors in (1_u64..4, 1_u64..4),
        part in 0..4_usize,
    ) {
        let (aggregate, condition, value): (&str, Of, Of) = [
            ("SUM(loss)", (|_, _| true) as Of, (|a, _| a.5.is_some()) as Of),
            ("SUM(CASE WHEN plan = 'full' THEN loss END)", |_, s| s.3 == "full", |a, _| a.5.is_some()),
            ("MIN(CASE WHEN balance > 0 THEN score END)", |a, _| a.4 > 0, |_, s| s.5.is_some()),
            ("COUNT(CASE WHEN swaps > 4 THEN swaps END)", |_, s| s.4 > 4, |_, _| true),
        ][part];
        let world = World { accounts: vec![one], subscribers: vec![other], floors: [floors.0, floors.1] };
        let sql = format!("SELECT COUNT(*) AS n, {aggregate} AS x FROM accounts a JOIN subscribers s ON a.phone = s.phone");
        let behind = |is_in: &dyn Fn(&Row, &Row) -> bool| {
            let is_pair = |a: &Row, s: &Row| a.0.is_some() && a.0 == s.0 && is_in(a, s);
            let (accounts, subscribers) = (&world.accounts[0], &world.subscribers[0]);
            let of_first = accounts.iter().filter(|a| subscribers.iter().any(|s| is_pair(a, s))).count() as u64;
            let of_second = subscribers.iter().filter(|s| accounts.iter().any(|a| is_pair(a, s))).count() as u64;
            of_first >= floors.0 && of_second >= floors.1
        };
        let (_, _, result) = world.run(&sql, 1);
        prop_assert_eq!(!result.rows.is_empty(), behind(&|_, _| true), "{}", sql);
        if let Some(cells) = result.rows.first() {
            let is_empty = !behind(&|a, s| condition(a, s) && value(a, s));
            let nothing = [Cell::Withheld, Cell::Null];
            let is_zero = floors == (1, 1) && cells[1] == Cell::Integer(0);
            prop_assert!(nothing.contains(&cells[1]) == is_empty || is_zero, "{}: {:?}", sql, cells);
        }
    }
}

/// Which rows CASE leaves out of a whole cannot be counted where they depend on matches.
#[test]
fn a_case_in_a_join_is_to_be_compared_with_the_whole() {
    let compares = |item: &str| {
        let sql = format!(
            "SELECT SUM(balance) AS b, {item} FROM accounts a JOIN subscribers s ON a.phone = s.phone"
        );
        let compiled = three_owners([1, 1]).compiled(&sql, 1).0;
        assert!(compiled.answers.iter().all(|answers| answers.uncountable.is_some()));
        compiled.answers.iter().map(|answers| answers.is_partial()).collect::<Vec<_>>()
    };
    assert_eq!(compares("SUM(CASE WHEN s.name <> 'Bob' THEN balance END) AS c"), [true, true]);
    assert_eq!(compares("SUM(CASE WHEN balance > 3 THEN balance END) AS c"), [true, true]);
    assert_eq!(compares("SUM(loss) AS c"), [false, false]);
    // Rows without a value are those that are counted less the values that are.
    assert_eq!(compares("COUNT(loss) AS c"), [true, true]);
    assert_eq!(compares("SUM(loss) AS c, AVG(loss) AS m"), [true, true]);
    assert_eq!(compares("AVG(loss) AS m"), [true, true]);
    let page = |items: &str| {
        let sql = format!("SELECT {items} FROM accounts a JOIN subscribers s ON a.phone = s.phone");
        three_owners([1, 1]).compiled(&sql, 1).0
    };
    // The values' number, by itself or beside their sum, has nothing to be taken from.
    for items in ["COUNT(loss) AS c", "COUNT(loss) AS c, SUM(loss) AS s", "SUM(loss) AS s, AVG(loss) AS m"] {
        assert!(page(items).answers.iter().all(|answers| !answers.is_partial()), "{items}");
    }
    for items in ["COUNT(loss) AS c, COUNT(score) AS d", "COUNT(a.phone) AS c, COUNT(s.phone) AS d"] {
        assert!(page(items).answers.iter().all(|answers| answers.is_partial()), "{items}");
    }
    let is_open = |items: &str| {
        let attacks = page(items).audit.attacks;
        attacks.iter().any(|attack| attack.name.contains("differencing") && attack.verdict == Verdict::Open)
    };
    assert!(is_open("COUNT(*) AS n, COUNT(loss) AS c") && !is_open("COUNT(*) AS n"));
}

/// What owners do at home names every condition.
#[test]
fn the_audit_names_conditions_of_on_and_or() {
    for (rest, conditions) in [
        (
            "LEFT JOIN subscribers s ON a.phone = s.phone AND a.balance > 7 AND swaps < 4",
            vec!["a.balance > 7", "swaps < 4"],
        ),
        (
            "JOIN subscribers s ON a.phone = s.phone AND (a.balance > 7 OR s.swaps < 4)",
            vec!["a.balance > 7", "s.swaps < 4"],
        ),
    ] {
        let sql = format!("SELECT COUNT(*) FROM accounts a {rest}");
        let at_home = three_owners([1, 1]).compiled(&sql, 1).0.audit.at_home.join("\n");
        for condition in conditions {
            assert!(at_home.contains(condition), "{at_home}");
        }
    }
}
