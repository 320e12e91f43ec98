//! Columns in WHERE that are compared with an aggregate of a subquery: random ones against plaintext, and what is tried
//! to find out single rows by them.

use std::collections::BTreeSet;

use contract::{
    disclosure::{DisclosureRule, Mechanism, Privacy},
    terms::Use::{self, Aggregate, Extreme, Filter, Group, Join},
};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Refused, Rule, compile};
use vm::SchemeName;

use crate::{
    joins::{World, three_owners_place, usage_of, world},
    random::{assert_agrees, condition, person},
    refusals::unsupported,
    support::{Person, expected, is_left_to_owners, run, table},
};

fn aggregated() -> impl Strategy<Value = &'static str> {
    select(vec![
        "AVG(salary)",
        "0.25 * AVG(salary) + 10",
        "SUM(salary)",
        "-0.125 * SUM(bonus) + 300",
        "MIN(salary)",
        "MAX(salary) - 3",
        "COUNT(*)",
        "1000 * COUNT(bonus)",
        "AVG(bonus)",
        "MAX(bonus) * 2",
        "SUM(score)",
        "AVG(CASE WHEN active THEN salary END)",
    ])
}

fn compared() -> impl Strategy<Value = &'static str> {
    select(vec!["salary", "2 * salary - 7", "bonus", "-bonus", "score", "0.5 * salary", "score * 3"])
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    #[test]
    fn comparisons_with_subqueries_are_those_of_plaintext(
        owners in vec(vec(person(), 0..10), 1..=3),
        (column, op, of) in (compared(), select(vec!["<", "<=", ">", ">=", "=", "<>"]), aggregated()),
        (inner, outer) in (option::of(condition()), option::of(condition())),
        (key, is_first, has_key) in (select(vec!["rank", "team", "active"]), any::<bool>(), any::<bool>()),
        floor in 1_u64..3,
    ) {
        let filter = inner.map(|inner| format!(" WHERE {inner}")).unwrap_or_default();
        let query = format!("(SELECT {of} FROM people{filter})");
        let comparison = if is_first { format!("{query} {op} {column}") } else { format!("{column} {op} {query}") };
        let outer = outer.map(|outer| format!(" AND ({outer})")).unwrap_or_default();
        let what = "COUNT(*) AS n, SUM(salary) AS s, MIN(bonus) AS l, MAX(score) AS g, AVG(score) AS m, \
                    VAR_POP(bonus) AS v, SUM(CASE WHEN active THEN salary END) AS c";
        let sql = match has_key {
            true => format!("SELECT {key}, {what} FROM people WHERE {comparison}{outer} GROUP BY {key}"),
            false => format!("SELECT {what} FROM people WHERE {comparison}{outer}"),
        };
        let (_, outputs, joint) = run(&sql, &owners, floor);
        for row in 0..outputs[0].len() {
            let shown = outputs[0][row] == 1;
            prop_assert!(shown || outputs.iter().all(|column| column[row] == 0), "{sql}: withheld, but opened");
        }
        // What the subquery's floor keeps back, plaintext does not know of.
        if floor == 1 || !joint.rows.is_empty() && (!has_key || joint.suppressed.is_empty()) {
            assert_agrees(&sql, &joint, expected(&sql, &owners), has_key);
        }
    }

    #[test]
    fn comparisons_with_the_aggregate_of_a_row_s_key_are_those_of_plaintext(
        world in world(),
        (op, of) in (
            select(vec!["<", "<=", ">", ">=", "=", "<>"]),
            select(vec!["AVG(swaps)", "0.5 * SUM(swaps) + 1", "COUNT(*)", "COUNT(score)", "MAX(score) - 3", "MIN(swaps)"]),
        ),
        key in select(vec!["s.phone = a.phone", "a.holder = s.name", "s.phone = a.phone AND s.since = a.opened"]),
        inner in option::of(select(vec!["s.swaps > 1", "score IS NOT NULL", "plan = 'full'"])),
        column in select(vec!["balance", "loss", "loss * 2 - 30"]),
    ) {
        let inner = inner.map(|inner| format!(" AND {inner}")).unwrap_or_default();
        let sql = format!(
            "SELECT region, COUNT(*) AS n, SUM(balance) AS s, MAX(loss) AS g FROM accounts a \
             WHERE {column} {op} (SELECT {of} FROM subscribers s WHERE {key}{inner}) GROUP BY region"
        );
        let (_, _, joint) = world.run(&sql, 1);
        assert_agrees(&sql, &joint, world.expected(&sql), true);
    }
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    #[test]
    fn rows_that_must_meet_another_table_s_compare_as_in_plaintext(
        world in world(),
        op in select(vec!["<", "<=", ">", ">=", "=", "<>"]),
        of in select(vec!["SELECT AVG(balance) FROM accounts", "SELECT MAX(b.loss) FROM accounts b WHERE b.phone = a.phone"]),
        key in select(vec!["s.phone = a.phone", "a.holder = s.name", "s.phone = a.phone AND s.since = a.opened"]),
        inner in option::of(select(vec!["s.swaps > 1", "score IS NOT NULL", "plan = 'full'"])),
        floors in (1_u64..3, 1_u64..4),
        exists in select(vec!["EXISTS", "NOT EXISTS"]),
    ) {
        let inner = inner.map(|inner| format!(" AND {inner}")).unwrap_or_default();
        let sql = format!(
            "SELECT region, COUNT(*) AS n, SUM(balance) AS s, MAX(loss) AS g, COUNT(loss) AS c FROM accounts a \
             WHERE {exists} (SELECT 1 FROM subscribers s WHERE {key}{inner}) AND balance {op} ({of}) GROUP BY region"
        );
        let exact = World { floors: [1, 1], ..world.clone() };
        let (_, _, all) = exact.run(&sql, 1);
        assert_agrees(&sql, &all, exact.expected(&sql), true);
        // With floors nothing else is shown, but less of it; of the key's own floor only what follows for a whole subquery.
        if !of.contains("b.phone") {
            let (_, _, joint) = World { floors: [floors.0, floors.1], ..world }.run(&sql, 1);
            for row in &joint.rows {
                let other = all.rows.iter().find(|other| other[0] == row[0]).unwrap();
                let same = row.iter().zip(other).all(|(cell, other)| *cell == Cell::Withheld || cell == other);
                prop_assert!(same, "{sql}: {row:?}, {other:?}");
            }
        }
    }
}

/// One row of the other table has many of the first: as many of its own rows as its owners ask for must be met.
#[test]
fn rows_that_are_met_are_held_to_their_owners_floor() {
    let row = |phone, balance| {
        (
            Some(phone),
            Some("ann".to_owned()),
            Some(18_262),
            "east".to_owned(),
            balance,
            (balance > 60).then_some(1),
        )
    };
    let other = |phone, swaps| (Some(phone), None, None, "full".to_owned(), swaps, None);
    let accounts = vec![vec![row(1, 100), row(1, 50), row(1, 55)], vec![row(1, 70), row(2, 9)]];
    let world = |floor| World {
        accounts: accounts.clone(),
        subscribers: vec![vec![other(1, 3), other(2, 5)], vec![other(3, 5), other(2, 7)]],
        floors: [1, floor],
    };
    let sql = "SELECT region, COUNT(*), SUM(loss) FROM accounts a WHERE phone IN (SELECT phone FROM subscribers) \
               AND balance < (SELECT SUM(b.balance) FROM accounts b) GROUP BY region";
    let east = || Cell::Text("east".into());
    assert_eq!(world(1).run(sql, 1).2.rows, [[east(), Cell::Integer(5), Cell::Integer(2)]]);
    // Two of its rows are met by all five, but only one by those that have a loss.
    assert_eq!(world(2).run(sql, 1).2.rows, [[east(), Cell::Integer(5), Cell::Withheld]]);
    let (_, outputs, none) = world(3).run(sql, 1);
    assert!(
        none.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0),
        "{none:?} {outputs:?}"
    );
    let page = world(3).compiled(sql, 1).0.audit.to_string();
    assert!(page.contains("nor which rows meet one of `subscribers`"), "{page}");
    assert!(page.contains("3 of these rows must be met in each group"), "{page}");
}

/// Who knows the rows that compare learns from those without a partner how many have one.
#[test]
fn rows_that_are_not_met_are_held_to_the_floor_of_those_that_are() {
    let row = |phone, balance| {
        let loss = (phone != 2).then_some(1);
        (Some(phone), Some("ann".to_owned()), Some(18_262), "east".to_owned(), balance, loss)
    };
    let other = |phone, swaps| (Some(phone), None, None, "full".to_owned(), swaps, None);
    // Four compare, of which one has no partner; that of 3, which a partner has, doesn't.
    let accounts = vec![vec![row(1, 100), row(1, 50), row(9, 55)], vec![row(2, 70), row(3, 900)]];
    let world = |floor| World {
        accounts: accounts.clone(),
        subscribers: vec![vec![other(1, 3), other(2, 5)], vec![other(3, 5), other(2, 7)]],
        floors: [1, floor],
    };
    let sql = "SELECT region, COUNT(*), SUM(loss) FROM accounts a WHERE balance < (SELECT MAX(b.balance) FROM accounts b) \
               AND NOT EXISTS (SELECT 1 FROM subscribers s WHERE s.phone = a.phone) GROUP BY region";
    let east = || Cell::Text("east".into());
    assert_eq!(world(1).run(sql, 1).2.rows, [[east(), Cell::Integer(1), Cell::Integer(1)]]);
    // Two of its rows at least are met by those that compare, but only one by those that have a loss.
    assert_eq!(world(2).run(sql, 1).2.rows, [[east(), Cell::Integer(1), Cell::Withheld]]);
    let (_, outputs, none) = world(3).run(sql, 1);
    assert!(
        none.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0),
        "{none:?} {outputs:?}"
    );
    let page = world(3).compiled(sql, 1).0.audit.to_string();
    assert!(page.contains("nor which rows meet one of `s`, with which they do not count"), "{page}");
    assert!(page.contains("of which rows must meet none"), "{page}");
}

#[test]
fn three_parties_compare_as_the_interpreter_does() {
    let place = three_owners_place();
    for sql in [
        "SELECT region, COUNT(*) AS n, MIN(balance) AS l FROM accounts a WHERE phone IN (SELECT phone FROM subscribers) \
         AND balance < (SELECT MAX(b.balance) FROM accounts b) GROUP BY region",
        "SELECT region, COUNT(*) AS n, SUM(balance) AS s FROM accounts a WHERE balance < (SELECT MAX(b.balance) FROM \
         accounts b) AND NOT EXISTS (SELECT 1 FROM subscribers s WHERE s.phone = a.phone AND swaps > 2) GROUP BY region",
        "SELECT region, COUNT(*) AS n, SUM(balance) AS s, MAX(loss) AS g FROM accounts \
         WHERE balance > (SELECT 0.5 * AVG(balance) FROM accounts WHERE loss IS NOT NULL) GROUP BY region",
        "SELECT region, COUNT(*) AS n, SUM(balance) AS s FROM accounts a \
         WHERE balance >= (SELECT AVG(b.balance) FROM accounts b WHERE b.phone = a.phone) GROUP BY region",
    ] {
        let compiled = place.compiled(sql, 1).unwrap();
        for scheme in [SchemeName::Rep3, SchemeName::Rep3Malicious] {
            assert_eq!(place.joint(&compiled, Some(scheme)).rows, place.plain(sql).rows, "{sql}");
        }
    }
}

fn paid(salary: i64, free: i64) -> Person {
    Person { rank: "low".into(), salary, free, ..Person::default() }
}

/// The comparison with a subquery over few rows would say how their values lie among the others.
#[test]
fn a_subquery_over_few_rows_is_no_probe_of_them() {
    // One row has `free = 1`, and is the one that is asked about.
    let owners =
        vec![vec![paid(77, 1), paid(10, 0), paid(20, 0)], vec![paid(90, 0), paid(100, 0), paid(5, 0)]];
    for (inner, is_shown) in [("free = 1", false), ("free <= 1", true), ("free = 2", false)] {
        for of in ["AVG(salary)", "SUM(salary)", "MAX(salary)", "COUNT(*)", "-1 * COUNT(salary)"] {
            let sql = format!(
                "SELECT rank, COUNT(*), SUM(salary) FROM people WHERE 0 * salary - 500 < \
                 (SELECT {of} FROM people WHERE {inner}) GROUP BY rank"
            );
            let (_, outputs, result) = run(&sql, &owners, 2);
            assert_eq!(!result.rows.is_empty(), is_shown, "{sql}: {result:?}");
            assert!(is_shown || outputs.iter().flatten().all(|value| *value == 0), "{sql}: {outputs:?}");
        }
    }
}

/// The subquery's table may be another's, whose owners ask for more than the contract does.
#[test]
fn the_floor_of_the_subquery_s_owners_counts_too() {
    let row = |phone, balance| {
        (Some(phone), Some("ann".to_owned()), Some(18_262), "east".to_owned(), balance, Some(1))
    };
    let other = |phone, swaps| (Some(phone), None, None, "full".to_owned(), swaps, None);
    let accounts = vec![vec![row(1, 100), row(1, 50), row(2, 70), row(3, 9)]];
    let world =
        World { accounts, subscribers: vec![vec![other(1, 3), other(1, 4), other(2, 5)]], floors: [1, 3] };
    let of_all =
        "SELECT COUNT(*) FROM accounts WHERE balance > (SELECT AVG(swaps) FROM subscribers WHERE swaps > ";
    assert_eq!(world.run(&format!("{of_all} 0)"), 1).2.rows, [[Cell::Integer(4)]]);
    let (_, outputs, few) = world.run(&format!("{of_all} 3)"), 1);
    assert!(few.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0), "{few:?} {outputs:?}");
    // Of each key by itself: two rows of phone 1 are too few for 3, and enough for 2.
    let by_key = "SELECT COUNT(*) FROM accounts a WHERE balance > (SELECT AVG(swaps) FROM subscribers s WHERE s.phone = a.phone)";
    assert!(world.run(by_key, 1).2.rows.is_empty());
    let world = World { floors: [1, 2], ..world };
    assert_eq!(world.run(by_key, 1).2.rows, [[Cell::Integer(2)]]);
}

/// Of the rows that compare as is asked fewer than the floor are not shown, whatever they are.
#[test]
fn few_rows_on_one_side_are_not_shown() {
    let owners =
        vec![vec![paid(1000, 0), paid(10, 0), paid(20, 0)], vec![paid(30, 0), paid(40, 0), paid(50, 0)]];
    let sql = |op| {
        format!(
            "SELECT COUNT(*), SUM(salary), MAX(salary) FROM people WHERE salary {op} (SELECT AVG(salary) FROM people)"
        )
    };
    let (_, outputs, above) = run(&sql(">"), &owners, 2);
    assert!(above.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0), "{above:?}");
    // What the subquery is over, less these, would be the one.
    let (_, outputs, below) = run(&sql("<"), &owners, 2);
    assert!(below.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0), "{below:?}");
    let owners = vec![[owners[0].clone(), vec![paid(900, 0)]].concat(), owners[1].clone()];
    let (_, _, below) = run(&sql("<"), &owners, 2);
    assert_eq!(below.rows, [[Cell::Integer(5), Cell::Integer(150), Cell::Integer(50)]]);
    let (_, _, above) = run(&sql(">"), &owners, 2);
    assert_eq!(above.rows, [[Cell::Integer(2), Cell::Integer(1900), Cell::Integer(1000)]]);
}

/// A comparison that always holds, or does for all but a few rows, shows a total beside the subquery's: what is not shown
/// is none of its rows, or as many as the floor.
#[test]
fn the_subquery_s_rows_less_those_shown_are_none_or_enough() {
    let ranked = |rank: &str, salary| Person { rank: rank.into(), ..paid(salary, 0) };
    let low = |salary| ranked("low", salary);
    let high = |salary| ranked("mid", salary);
    let all = "salary >= (SELECT MIN(salary) FROM people)";
    let most = "salary > (SELECT MIN(salary) FROM people)";
    for (condition, people, shown) in [
        (all, vec![low(1), low(2), high(3), high(4)], 2),
        // One group is withheld, which would be the total less the other.
        (all, vec![low(1), low(2), low(3), high(4)], 0),
        // All but one.
        (most, vec![low(1), low(2), low(3), high(4), high(5)], 0),
        (most, vec![low(1), low(1), low(3), low(4), high(5), high(6)], 2),
        // One that does not compare and one of a withheld group are two.
        (most, vec![low(1), low(2), low(3), high(4)], 1),
        ("salary <> (SELECT MAX(salary) FROM people)", vec![low(1), low(2), low(3)], 0),
        ("salary <= (SELECT MAX(salary) FROM people)", vec![low(1), low(2), low(3)], 1),
    ] {
        let sql = format!("SELECT rank, COUNT(*), SUM(salary) FROM people WHERE {condition} GROUP BY rank");
        let (compiled, outputs, result) = run(&sql, &[people.clone(), Vec::new()], 2);
        assert_eq!(result.rows.len(), shown, "{sql} {people:?}");
        assert!(shown > 0 || outputs.iter().flatten().all(|value| *value == 0), "{sql}: {outputs:?}");
        assert!(compiled.answers.iter().all(|answers| !answers.is_partial()), "{sql}");
        let page = compiled.audit.to_string().replace('\n', " ");
        assert!(page.contains("those of them that are not shown are none or at least 2 rows"), "{page}");
    }
    // Groups that HAVING withholds are as many rows.
    let sql = format!("SELECT rank, COUNT(*) FROM people WHERE {all} GROUP BY rank HAVING SUM(salary) < 4");
    let people = vec![low(1), low(2), high(3), high(4)];
    assert_eq!(run(&sql, &[people], 2).2.rows.len(), 1);
}

/// In any other way a subquery over the query's own rows is about rows within, or beside, those that are shown.
#[test]
fn a_subquery_over_some_of_the_same_rows_needs_its_owners_leave() {
    let is_partial = |what: &str, condition: &str| {
        let sql = format!("SELECT {what} FROM people p WHERE {condition}");
        is_left_to_owners(&compile(&sql, &[table(&[10, 10])], 2).unwrap())
    };
    let mean = "salary > (SELECT AVG(b.salary) FROM people b";
    assert!(!is_partial("COUNT(*), SUM(salary), SUM(bonus)", &format!("{mean})")));
    assert!(!is_partial("COUNT(*)", "active AND salary > (SELECT COUNT(*) FROM people WHERE active)"));
    for (what, condition) in [
        // Other conditions, on either side.
        ("COUNT(*)", format!("{mean} WHERE b.free = 1)")),
        ("COUNT(*)", format!("active AND {mean})")),
        // One for each key; rows that must meet others.
        ("COUNT(*)", format!("{mean} WHERE b.free = p.free)")),
        // Only rows with a value are in the subquery.
        ("COUNT(*)", "salary > (SELECT AVG(bonus) FROM people)".to_owned()),
        // Parts of the query's own.
        ("COUNT(*), COUNT(bonus)", format!("{mean})")),
        ("COUNT(bonus)", format!("{mean})")),
        ("SUM(CASE WHEN active THEN salary END)", format!("{mean})")),
        ("SUM(bonus), AVG(bonus)", format!("{mean})")),
    ] {
        assert!(is_partial(what, &condition), "{what} {condition}");
    }
    // Another version of the same dataset has the same rows, another dataset has not.
    let beside = |reference: &str| {
        let mut other = table(&[10]);
        other.name = "others".into();
        other.datasets[0].reference = reference.into();
        let sql = "SELECT COUNT(*) FROM people WHERE salary > (SELECT AVG(salary) FROM others)";
        compile(sql, &[table(&[10]), other], 2).unwrap().answers[0].is_partial()
    };
    assert!(beside("owner0/people@2") && !beside("owner0/others@1"));
}

/// What is compared on shares and filtered at home is said to be both.
#[test]
fn the_audit_says_where_a_compared_column_decides() {
    let uses = |condition: &str| {
        let sql = format!("SELECT COUNT(*) FROM people WHERE {condition}");
        compile(&sql, &[table(&[10])], 2).unwrap().audit.uses.join("\n")
    };
    let mean = "salary > (SELECT AVG(salary) FROM people";
    let on_shares = "`salary` decides which rows take part, compared on shares";
    let both = format!("{on_shares}, and decides at home which rows take part");
    assert!(uses(&format!("{mean})")).contains(on_shares) && !uses(&format!("{mean})")).contains(&both));
    for also in [format!("{mean}) AND salary < 90"), format!("{mean} WHERE salary < free)")] {
        assert!(uses(&also).contains(&both), "{}", uses(&also));
    }
}

/// Two subqueries that differ by one row would say where that row lies: neither owner can count it, so that none of their
/// nodes lets a second, different query through.
#[test]
fn no_owner_can_count_what_a_comparison_lets_through() {
    let tables = [table(&[10, 10])];
    for key in ["", "b.free = people.free AND "] {
        let sql = |inner: &str| {
            format!(
                "SELECT COUNT(*) FROM people WHERE salary > (SELECT AVG(b.salary) FROM people b WHERE {key}b.salary < {inner})"
            )
        };
        let (one, other) =
            (compile(&sql("100"), &tables, 2).unwrap(), compile(&sql("101"), &tables, 2).unwrap());
        assert_ne!(one.program, other.program);
        for answers in one.answers.iter().chain(&other.answers) {
            assert!(answers.uncountable.is_some_and(|why| why.contains("secret")), "{answers:?}");
        }
    }
}

#[test]
fn what_is_compared_and_what_is_aggregated_are_uses() {
    let sql = "SELECT region, SUM(loss) FROM accounts a WHERE balance > (SELECT AVG(swaps) FROM subscribers s WHERE score > 3) \
               GROUP BY region";
    let usage = usage_of(sql);
    let of = |table: &str, column: &str| usage.columns[table].get(column).cloned().unwrap_or_default();
    let set = |uses: &[Use]| uses.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(of("accounts", "balance"), set(&[Filter]));
    assert_eq!(of("accounts", "region"), set(&[Group]));
    assert_eq!(of("accounts", "loss"), set(&[Aggregate]));
    assert_eq!(of("subscribers", "swaps"), set(&[Aggregate]));
    assert_eq!(of("subscribers", "score"), set(&[Filter]));
    assert_eq!(usage.columns["accounts"].len() + usage.columns["subscribers"].len(), 5);
    // Any value can be reached by the conditions of the subquery.
    assert!(usage.comparisons["accounts"]["balance"].otherwise);
    assert!(!usage.comparisons["subscribers"].contains_key("swaps"));
    assert!(!usage.comparisons["subscribers"]["score"].otherwise);
    let sql = "SELECT COUNT(*) FROM accounts a WHERE 2 * a.balance < (SELECT MAX(s.swaps) FROM subscribers s WHERE s.phone = a.phone)";
    let usage = usage_of(sql);
    let of = |table: &str, column: &str| usage.columns[table].get(column).cloned().unwrap_or_default();
    assert_eq!(of("accounts", "balance"), set(&[Filter]));
    assert_eq!(of("accounts", "phone"), set(&[Join]));
    assert_eq!(of("subscribers", "phone"), set(&[Join]));
    assert_eq!(of("subscribers", "swaps"), set(&[Extreme]));
}

#[test]
fn the_audit_says_what_is_compared_and_opens_nothing_of_it() {
    let sql = "SELECT rank, COUNT(*) FROM people WHERE salary > (SELECT AVG(bonus) FROM people b WHERE b.active) GROUP BY rank";
    let compiled = compile(sql, &[table(&[10, 10])], 5).unwrap();
    let page = compiled.audit.to_string();
    for text in [
        "nor which rows satisfy `salary > (SELECT AVG(bonus) FROM people b WHERE b.active)`",
        "nothing is shown if it is over fewer than 5 rows",
        "for each value of `salary`",
        "keeps its rows for which `b.active` holds",
        "`salary` decides which rows take part, compared on shares",
        "moves that value, and learns with each answer how the rows lie",
    ] {
        assert!(page.replace('\n', " ").contains(text), "{text}\n{page}");
    }
    let opened: Vec<&str> = compiled.program.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(opened, ["groups of at least 5 rows", "count(*)"]);
}

#[test]
fn what_cannot_be_held_to_a_rule_is_refused() {
    let sql = "SELECT rank, COUNT(*), SUM(salary) FROM people WHERE salary > (SELECT AVG(salary) FROM people) GROUP BY rank";
    let privacy = Privacy { epsilon_micro: 1_000_000, rho_micro: 0, mechanism: Mechanism::DiscreteLaplace };
    for disclosure in [
        DisclosureRule { contributors_min: 2, ..DisclosureRule::default() },
        DisclosureRule { dominance_percent_max: Some(60), ..DisclosureRule::default() },
        DisclosureRule { privacy: Some(privacy), ..DisclosureRule::default() },
    ] {
        let rule = Rule { floor_rows: 5, disclosure };
        let refused = compile(sql, &[table(&[10, 10])], rule).unwrap_err();
        assert!(
            matches!(&refused, Refused::Disclosure(why) if why.contains("without the subquery")),
            "{refused}"
        );
    }
}

#[test]
fn other_comparisons_are_refused_by_name() {
    use treaty_compiler::Construct::{DistinctAggregate, Quantile, Subquery, TextExtreme, Threshold};
    for (sql, construct) in [
        ("SELECT COUNT(*) FROM people WHERE salary > (SELECT salary FROM people)", Threshold),
        (
            "SELECT COUNT(*) FROM people WHERE salary > (SELECT AVG(salary) + MIN(free) FROM people)",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people WHERE salary > (SELECT AVG(salary) FROM people GROUP BY rank)",
            Threshold,
        ),
        ("SELECT COUNT(*) FROM people WHERE salary > (SELECT AVG(salary) FROM people LIMIT 1)", Threshold),
        ("SELECT COUNT(*) FROM people WHERE salary > (SELECT STDDEV(salary) FROM people)", Threshold),
        ("SELECT COUNT(*) FROM people WHERE salary > (SELECT COUNT(DISTINCT rank) FROM people)", Threshold),
        (
            "SELECT COUNT(*) FROM people WHERE salary > (SELECT SUM(COALESCE(bonus, 0)) FROM people)",
            Threshold,
        ),
        ("SELECT COUNT(*) FROM people WHERE salary > (SELECT SUM(salary) / COUNT(*) FROM people)", Threshold),
        ("SELECT COUNT(*) FROM people WHERE note > (SELECT MIN(note) FROM people)", Threshold),
        ("SELECT COUNT(*) FROM people WHERE joined > (SELECT COUNT(*) FROM people)", Threshold),
        ("SELECT COUNT(*) FROM people WHERE salary * free > (SELECT AVG(salary) FROM people)", Threshold),
        ("SELECT COUNT(*) FROM people WHERE salary / 2 > (SELECT AVG(salary) FROM people)", Threshold),
        (
            "SELECT COUNT(*) FROM people WHERE salary > (SELECT AVG(salary) FROM people) AND salary < (SELECT MAX(salary) FROM people)",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people WHERE (SELECT MIN(salary) FROM people) < (SELECT AVG(salary) FROM people)",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people a WHERE salary > (SELECT AVG(b.salary) FROM people b WHERE b.free < a.free)",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people a JOIN people b ON a.free = b.free WHERE a.salary > (SELECT AVG(salary) FROM people)",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people a LEFT JOIN people b ON a.free = b.free WHERE a.salary > (SELECT AVG(salary) FROM people)",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people a WHERE NOT EXISTS (SELECT 1 FROM people b WHERE b.free = a.free AND a.active) AND salary > (SELECT AVG(salary) FROM people)",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people a WHERE EXISTS (SELECT 1 FROM people b WHERE b.free = a.free AND a.active) AND salary > (SELECT AVG(salary) FROM people)",
            Threshold,
        ),
        (
            "SELECT free, COUNT(*) FROM people WHERE salary > (SELECT AVG(salary) FROM people) GROUP BY free LIMIT 3",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people WHERE salary > (SELECT AVG(a.salary) FROM people a JOIN people b ON a.free = b.free)",
            Threshold,
        ),
        (
            "SELECT COUNT(*) FROM people WHERE salary > (SELECT AVG(salary) FROM people WHERE salary > (SELECT MIN(salary) FROM people))",
            Subquery,
        ),
        ("SELECT MEDIAN(salary) FROM people WHERE salary > (SELECT AVG(salary) FROM people)", Quantile),
        (
            "SELECT COUNT(DISTINCT rank) FROM people WHERE salary > (SELECT AVG(salary) FROM people)",
            DistinctAggregate,
        ),
        ("SELECT MIN(note) FROM people WHERE salary > (SELECT AVG(salary) FROM people)", TextExtreme),
    ] {
        unsupported(sql, construct);
    }
}

/// What is new of a table beside a comparison: none of it is let through unlooked at.
#[test]
fn stacks_windows_and_cuts_are_refused_beside_a_comparison() {
    use treaty_compiler::Construct::{Cut, RowWindowTables, Threshold};
    let asked = |sql: &str, tables: &[treaty_compiler::Table]| match compile(sql, tables, 3) {
        Err(Refused::Unsupported { construct, .. }) => construct,
        other => panic!("{sql}: {other:?}"),
    };
    let people = [table(&[40])];
    let cut = "SELECT COUNT(*) AS n FROM people WHERE salary < (SELECT SUM(WIDTH_BUCKET(salary, 5, 9, 1)) FROM people)";
    assert_eq!(asked(cut, &people), Cut);
    let window = "SELECT COUNT(*) AS n FROM (SELECT salary, ROW_NUMBER() OVER (ORDER BY salary) AS r FROM people) AS s \
                  WHERE r < 9 AND salary > (SELECT AVG(salary) FROM people)";
    assert_eq!(asked(window, &people), RowWindowTables);
    let carried =
        "SELECT SUM(w) AS n FROM (SELECT MAX(WIDTH_BUCKET(salary, 5, 9, 1)) OVER () AS w FROM people) AS s";
    assert_eq!(asked(carried, &people), Cut);
    let named = |name: &str| treaty_compiler::Table { name: name.into(), ..table(&[40]) };
    let mut pair = [named("people"), named("others")];
    pair[1].datasets[0].reference = "owner1/others@1".into();
    let stack = "SELECT COUNT(*) AS n FROM (SELECT salary FROM people UNION ALL SELECT salary FROM others) AS p \
                 WHERE salary > (SELECT AVG(salary) FROM people)";
    assert_eq!(asked(stack, &pair), Threshold);
    let within = "SELECT COUNT(*) AS n FROM people WHERE salary > \
                  (SELECT AVG(salary) FROM (SELECT salary FROM people UNION ALL SELECT salary FROM others) AS p)";
    compile(within, &pair, 3).unwrap_err();
}
