//! Random tables and random queries of the supported grammar: the joint result equals the plaintext one.

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Compiled, ResultTable};

use crate::support::{Person, expected, run};

/// 2020-01-01, in days since 1970-01-01.
const NEW_YEAR: i32 = 18_262;

pub(crate) fn person() -> impl Strategy<Value = Person> {
    (
        select(vec!["low", "mid", "o'high"]),
        option::of(1_i64..=2),
        option::of(any::<bool>()),
        option::of(NEW_YEAR..NEW_YEAR + 400),
        -1000_i64..=200_000,
        option::of(-5000_i128..=99_999),
        option::of(-10_000_i64..=10_000),
        option::of(select(vec!["a", "ab", "b%", "_", "", "a\0", "aaaaaaaa", "aaaaaaaaé"])),
        -3_i64..3,
    )
        .prop_map(|(rank, team, active, joined, salary, bonus, score, note, free)| Person {
            rank: rank.into(),
            team,
            active,
            joined,
            salary,
            bonus,
            score: score.map(|thousandths| thousandths as f64 / 1000.0),
            note: note.map(str::to_owned),
            free,
        })
}

pub(crate) fn condition() -> impl Strategy<Value = String> {
    let comparison = select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        (comparison.clone(), -1000_i64..200_000).prop_map(|(op, n)| format!("salary {op} {n}")),
        (comparison.clone(), -50_i64..999).prop_map(|(op, n)| format!("bonus * 2 {op} {n}.5")),
        (comparison, -10_i64..10).prop_map(|(op, n)| format!("score {op} {n}")),
        (-3_i64..3, 0_i64..3).prop_map(|(a, b)| format!("free NOT BETWEEN {a} AND {}", a + b)),
        Just("free + salary > 90000".to_owned()),
        Just("salary % 7 = 3".to_owned()),
        Just("rank IN ('low', 'o''high')".to_owned()),
        Just("note LIKE 'a%'".to_owned()),
        Just("note IS NOT NULL".to_owned()),
        Just("active".to_owned()),
        Just("active IS NOT TRUE".to_owned()),
        Just("team NOT IN (1, NULL)".to_owned()),
        Just("team = 1".to_owned()),
        Just("joined >= DATE '2020-06-01'".to_owned()),
        Just("team IS DISTINCT FROM 1".to_owned()),
        Just("COALESCE(bonus, salary) > 500".to_owned()),
        Just("NULLIF(free, 1) IS NULL".to_owned()),
        Just("GREATEST(salary, free, team) < LEAST(90000, bonus * 1000)".to_owned()),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| format!("NOT ({c})")),
            (inner.clone(), select(vec!["AND", "OR"]), inner)
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
        ]
    })
}

fn aggregate() -> impl Strategy<Value = String> {
    let numeric =
        select(vec!["SUM", "AVG", "MIN", "MAX", "VAR_SAMP", "STDDEV_SAMP", "COUNT", "VAR_POP", "STDDEV_POP"]);
    prop_oneof![
        Just("COUNT(*)".to_owned()),
        select(vec!["note", "joined", "team", "active", "bonus", "free"])
            .prop_map(|column| format!("COUNT(DISTINCT {column})")),
        Just("SUM(salary) FILTER (WHERE active)".to_owned()),
        Just("COUNT(note)".to_owned()),
        Just("MIN(joined)".to_owned()),
        Just("MAX(joined)".to_owned()),
        Just("MIN(note)".to_owned()),
        Just("MAX(note)".to_owned()),
        Just("MAX(CASE WHEN active THEN rank END)".to_owned()),
        Just("SUM(salary * 3 - team_pay)".replace("team_pay", "salary")),
        Just("MAX(7 - bonus * 3)".to_owned()),
        Just("SUM(salary * bonus)".to_owned()),
        Just("MIN(bonus * (3 - bonus))".to_owned()),
        Just("SUM(CASE WHEN active THEN salary ELSE 0 END)".to_owned()),
        Just("SUM(CASE WHEN salary % 3 = 1 AND NOT active THEN 1 ELSE 0 END)".to_owned()),
        Just("COUNT(CASE WHEN team = 1 OR score > 2.5 THEN 1 END)".to_owned()),
        Just("AVG(CASE WHEN rank IN ('low', 'o''high') THEN bonus * 2 END)".to_owned()),
        Just("MAX(CASE WHEN joined < DATE '2020-06-01' OR note LIKE 'a%' THEN joined END)".to_owned()),
        (numeric, select(vec!["salary", "bonus", "score"])).prop_map(|(f, x)| format!("{f}({x})")),
        Just("SUM(COALESCE(bonus, 0))".to_owned()),
        Just("AVG(COALESCE(score, 3))".to_owned()),
        Just("MAX(NULLIF(salary, 3))".to_owned()),
        select(vec!["salary", "bonus", "score", "bonus * 3 - 7", "CASE WHEN active THEN bonus END"])
            .prop_map(|of| format!("MEDIAN({of})")),
        (select(vec!["0.25", "0.5", "0.75", "1"]), select(vec!["salary", "bonus", "score"]))
            .prop_map(|(place, of)| format!("PERCENTILE_CONT({place}) WITHIN GROUP (ORDER BY {of})")),
        (
            select(vec!["COVAR_POP", "COVAR_SAMP", "REGR_COUNT", "REGR_AVGX", "REGR_AVGY", "REGR_SXY"]),
            select(vec!["salary, bonus", "score, salary", "bonus * 2 - 1, score", "score, bonus"])
        )
            .prop_map(|(f, xy)| format!("{f}({xy})")),
        Just("SUM(salary) - 2 * COUNT(bonus)".to_owned()),
        Just("SUM(bonus) / NULLIF(COUNT(score), 0)".to_owned()),
        Just("CASE WHEN MAX(salary) > 100000 THEN COUNT(*) ELSE COALESCE(MIN(bonus), 0) END".to_owned()),
    ]
}

/// What HAVING may compare; withheld aggregates make it fail, so that it is tried where nothing is withheld.
pub(crate) fn having() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "COUNT(*) > 2",
        "SUM(salary) >= 150000",
        "AVG(salary) < 90000",
        "MIN(bonus) <= 100.25",
        "NOT MAX(salary) - 1000 > 2 * AVG(salary)",
        "COUNT(bonus) NOT BETWEEN 2 AND 3",
        "SUM(bonus) <> MAX(bonus)",
        "COUNT(*) IN (1, 3, 5)",
        "2 * SUM(salary) >= (SELECT SUM(salary) FROM people)",
        // Plaintext compares these as floating-point numbers, so that nothing here may be equal.
        "NOT AVG(bonus) + 1.00031 < (SELECT AVG(bonus) + COUNT(*) * 0.5 FROM people)",
    ]);
    (leaf.clone(), select(vec!["AND", "OR", "AND NOT"]), leaf)
        .prop_map(|(x, op, y)| format!("({x}) {op} ({y})"))
}

pub(crate) fn query() -> impl Strategy<Value = String> {
    let keys = proptest::sample::subsequence(vec!["rank", "team", "active"], 0..=2);
    let order = select(vec!["", " DESC", " ASC NULLS FIRST", " DESC NULLS LAST"]);
    (keys, vec(aggregate(), 1..5), option::of(condition()), option::of(order), any::<bool>()).prop_map(
        |(keys, aggregates, condition, order, alias)| {
            let mut items: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            items.extend(aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")));
            let mut sql = format!("SELECT {} FROM people", items.join(", "));
            if alias {
                sql.push_str(" AS p");
            }
            if let Some(condition) = condition {
                sql.push_str(&format!(" WHERE {condition}"));
            }
            if let [first, rest @ ..] = keys.as_slice() {
                sql.push_str(&format!(" GROUP BY {}", keys.join(", ")));
                if let Some(order) = order {
                    let rest: String = rest.iter().map(|key| format!(", {key}")).collect();
                    sql.push_str(&format!(" ORDER BY {first}{order}{rest}"));
                }
            }
            sql
        },
    )
}

/// Rows and cells that the floor withholds are compared with what the plaintext counts say.
pub(crate) fn assert_agrees(sql: &str, joint: &ResultTable, plain: ResultTable, has_keys: bool) {
    let wanted = if has_keys || joint.suppressed.is_empty() {
        plain.without(&joint.suppressed)
    } else {
        ResultTable { rows: Vec::new(), ..plain }
    };
    assert_eq!(joint.rows.len(), wanted.rows.len(), "{sql}\n{joint:?}\n{wanted:?}");
    for (row, other) in joint.rows.iter().zip(&wanted.rows) {
        for (cell, expected) in row.iter().zip(other) {
            assert!(
                agrees(cell, expected),
                "{sql}\n  found {cell:?}, expected {expected:?}\n{joint:?}\n{wanted:?}"
            );
        }
    }
}

/// Rounded columns are as near to exact ones as they say. What is compared with has errors of its own: DataFusion cuts a mean
/// of decimals off after six digits.
fn assert_within(sql: &str, compiled: &Compiled, joint: &ResultTable, plain: &ResultTable) {
    for (row, exact) in joint.rows.iter().zip(&plain.rows) {
        for ((cell, exact), column) in row.iter().zip(exact).zip(&compiled.columns) {
            if let (Some(error), Cell::Real(_), Some(exact)) = (column.error, cell, exact.number()) {
                let off = (cell.number().unwrap() - exact).abs();
                let most = error.relative * exact.abs() + error.absolute + 1.1e-6;
                assert!(off <= most, "{sql}: {} is {off} from {exact}, at most {error}", column.name);
            }
        }
    }
}

fn agrees(cell: &Cell, expected: &Cell) -> bool {
    match (cell, expected) {
        (Cell::Withheld, _) => true,
        (
            Cell::Integer(_)
            | Cell::Date(_)
            | Cell::Timestamp(_)
            | Cell::Text(_)
            | Cell::Boolean(_)
            | Cell::Null,
            _,
        ) => cell == expected,
        (Cell::Decimal(text), Cell::Decimal(wanted)) => {
            text == wanted || {
                // Means have four more digits than what is averaged; plaintext cuts them off there.
                let is_mean = text.split_once('.').is_some_and(|(_, digits)| digits.len() >= 6);
                let pair = cell.number().zip(expected.number());
                is_mean && pair.is_some_and(|(x, y)| (x - y).abs() < 1.5e-6)
            }
        }
        (Cell::Decimal(_) | Cell::Real(_), _) => match (cell.number(), expected.number()) {
            // Values are multiples of 0.001 at the least; a root of a variance of 2^-30 units is 2^-15 units. DataFusion
            // cuts a mean of decimals off after six digits.
            (Some(x), Some(y)) => (x - y).abs() <= 1e-6 * x.abs().max(y.abs()) + 1.1e-6,
            _ => false,
        },
    }
}

proptest! {
    #![proptest_config(Config { cases: 80, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        owners in vec(vec(person(), 0..12), 1..=4),
        sql in query(),
        floor in 1_u64..4,
    ) {
        let (_, outputs, joint) = run(&sql, &owners, floor);
        for row in 0..outputs[0].len() {
            let shown = outputs[0][row] == 1;
            prop_assert!(shown || outputs.iter().all(|column| column[row] == 0), "{sql}: withheld, but opened");
        }
        assert_agrees(&sql, &joint, expected(&sql, &owners), sql.contains("GROUP BY"));
    }

    #[test]
    fn having_and_the_order_of_groups_are_those_of_plaintext(
        owners in vec(vec(person(), 0..10), 1..=3),
        (aggregate, having) in (aggregate(), having()),
        key in select(vec!["rank", "team", "active"]),
        (term, descending, cut) in (0_usize..4, any::<bool>(), option::of((1_u32..4, 0_u32..2))),
    ) {
        let term = ["n", "SUM(salary)", "MAX(salary)", key][term];
        let direction = if descending { " DESC" } else { "" };
        let cut = cut.map(|(rows, skip)| format!(" LIMIT {rows} OFFSET {skip}")).unwrap_or_default();
        let sql = format!(
            "SELECT {key}, COUNT(*) AS n, {aggregate} AS c FROM people GROUP BY {key} HAVING {having} \
             ORDER BY {term}{direction} NULLS LAST, {key}{cut}"
        );
        let (_, _, joint) = run(&sql, &owners, 1);
        assert_agrees(&sql, &joint, expected(&sql, &owners), true);
    }

    #[test]
    fn with_a_floor_of_one_nothing_but_empty_groups_is_withheld(
        owners in vec(vec(person(), 0..6), 1..=3),
        sql in query(),
    ) {
        let (compiled, _, joint) = run(&sql, &owners, 1);
        prop_assert!(joint.rows.iter().flatten().all(|cell| *cell != Cell::Withheld));
        if sql.contains("GROUP BY") {
            let plain = expected(&sql, &owners);
            prop_assert_eq!(joint.rows.len(), plain.rows.len());
            assert_within(&sql, &compiled, &joint, &plain);
        }
    }
}
