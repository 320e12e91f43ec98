//! Groups whose keys are not public: what LIMIT lets through equals plaintext, and nothing else is opened.

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, DecodeError, decode};

use crate::{
    jointly,
    random::{assert_agrees, condition, person},
    support::{Person, expected, run},
};

/// The query, and with what the plaintext query stands for the floor.
fn query() -> impl Strategy<Value = [String; 2]> {
    let keys = proptest::sample::subsequence(vec!["team", "active", "free", "joined", "note", "rank"], 1..=3);
    let aggregate = select(vec![
        "COUNT(*)",
        "SUM(salary)",
        "AVG(bonus)",
        "MIN(salary)",
        "MAX(joined)",
        "COUNT(note)",
        "SUM(CASE WHEN active THEN salary ELSE 0 END)",
        "STDDEV_SAMP(salary)",
    ]);
    let order = select(vec!["", "COUNT(*) DESC, ", "SUM(salary), ", "MAX(salary) DESC, "]);
    (keys, vec(aggregate, 1..4), option::of(condition()), order, any::<bool>(), 1_u32..6).prop_map(
        |(keys, aggregates, condition, order, descending, limit)| {
            let mut items: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            items.extend(aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")));
            let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
            let by = keys.join(", ");
            let direction = if descending { " DESC" } else { "" };
            let order = format!("ORDER BY {order}{} LIMIT {limit}", keys.join(&format!("{direction}, ")));
            let head = format!("SELECT {} FROM people{filter} GROUP BY {by}", items.join(", "));
            [format!("{head} {order}"), format!("{head} HAVING COUNT(*) >= FLOOR {order}")]
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 50, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        owners in vec(vec(person(), 0..14), 1..=3),
        [sql, plain] in query(),
        floor in 1_u64..4,
    ) {
        let (_, outputs, joint) = run(&sql, &owners, floor);
        for row in 0..outputs[0].len() {
            prop_assert!(outputs[0][row] == 1 || outputs.iter().all(|column| column[row] == 0), "{sql}");
        }
        let plain = plain.replace("FLOOR", &floor.to_string());
        assert_agrees(&sql, &joint, expected(&plain, &owners), true);
    }
}

fn of(free: i64, salary: i64) -> Person {
    Person { rank: "low".into(), free, salary, ..Person::default() }
}

/// Which groups are withheld, and between which of the shown ones they lie, is not to be seen.
#[test]
fn withheld_groups_leave_no_trace() {
    let sql = "SELECT free, SUM(salary) AS total FROM people GROUP BY free LIMIT 3";
    let with = vec![vec![of(1, 10), of(2, 77), of(3, 5)], vec![of(1, 1), of(3, 6), of(4, 99)]];
    let without = vec![vec![of(1, 10), of(3, 5), of(5, 3)], vec![of(1, 1), of(3, 6), of(9, 4)]];
    let (_, outputs, result) = run(sql, &with, 2);
    assert_eq!(outputs, run(sql, &without, 2).1);
    let row = |key: i128, total: i128| vec![Cell::Integer(key), Cell::Integer(total)];
    assert_eq!(result.rows, [row(1, 11), row(3, 11)]);
    assert!(result.suppressed.is_empty());
}

/// Whoever shares something else than the bytes of a text is found out when it is read.
#[test]
fn what_is_no_text_is_refused_by_whoever_reads_it() {
    let owners = [vec![Person { note: Some("ann".into()), ..of(1, 10) }]];
    let (compiled, outputs, result) = run("SELECT note FROM people GROUP BY note LIMIT 1", &owners, 1);
    assert_eq!(result.rows, [[Cell::Text("ann".into())]]);
    let length =
        compiled.program.outputs.iter().position(|output| output.name == "key note, part 5").unwrap();
    for (output, value) in [(length, 25), (length, 2), (length, -1), (1, 0xff << 48), (1, 1 << 60)] {
        let mut other = outputs.clone();
        other[output][0] = value;
        assert_eq!(decode(&compiled, &other), Err(DecodeError::NotText { output: 1, row: 0, bytes_max: 24 }));
    }
}

#[test]
fn three_parties_find_the_largest_groups() {
    let sql = "SELECT free, joined, COUNT(*) AS n, SUM(salary) AS total FROM people GROUP BY free, joined \
               ORDER BY total DESC LIMIT 2";
    let dated = |person: Person| Person { joined: Some(18_300), ..person };
    let owners =
        vec![vec![of(1, 10), dated(of(1, 30)), of(3, 5)], vec![of(1, 1), dated(of(-3, 60)), of(4, 9)]];
    let (compiled, _, wanted) = run(sql, &owners, 1);
    let inputs = jointly::stages(&compiled, |stage| {
        (crate::support::people(), vec![crate::support::batch(&owners[usize::from(stage.provider)])])
    });
    let opened = jointly::on_shares(&compiled.program, &inputs, vm::SchemeName::Rep3);
    assert_eq!(decode(&compiled, &opened).unwrap(), wanted);
    assert_eq!(wanted.rows.len(), 2);
    assert_eq!(wanted.rows[0][3], Cell::Integer(60));
}

/// What groups are ordered by is compared inside; the audit names all that is opened.
#[test]
fn what_rows_are_ordered_by_is_not_opened() {
    let place = crate::joins::three_owners_place();
    for by in ["region", "phone"] {
        let sql = format!(
            "SELECT {by}, COUNT(*) AS n FROM accounts GROUP BY {by} ORDER BY SUM(balance) DESC, AVG(loss) LIMIT 2"
        );
        let compiled = place.compiled(&sql, 1).unwrap();
        let opened: Vec<&str> = compiled.program.outputs.iter().map(|output| output.name.as_str()).collect();
        assert!(!opened.iter().any(|name| name.contains("balance") || name.contains("loss")), "{opened:?}");
        assert!(!compiled.audit.to_string().contains("sum(balance)`,"), "{}", compiled.audit);
    }
}
