//! Window functions over the rows of several owners, on shares: the joint result equals the plaintext one, whatever ties,
//! is missing or is one owner's alone; what would tell of few rows is withheld.

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};

use crate::{
    random::{assert_agrees, person},
    support::{Person, expected, run},
    windows::with_order,
};

/// A window function, its frame, and whether it is aggregated exactly, not only compared.
fn window() -> impl Strategy<Value = (String, bool)> {
    let partition = select(vec![
        "",
        "PARTITION BY rank ",
        "PARTITION BY team, active ",
        "PARTITION BY EXTRACT(MONTH FROM joined) ",
        "PARTITION BY note ",
    ]);
    let number = select(vec!["salary", "bonus"]);
    let in_order = prop_oneof![
        Just("ROW_NUMBER()".to_owned()),
        number.clone().prop_map(|x| format!("LAG({x})")),
        number.clone().prop_map(|x| format!("LEAD({x})")),
        number.clone().prop_map(|x| format!("LEAD({x}, 2)")),
        number.clone().prop_map(|x| format!("LAG({x}, 3)")),
        Just("LAG(salary, 0)".to_owned()),
        Just("LEAD(bonus, 30)".to_owned()),
        number.clone().prop_map(|x| format!("FIRST_VALUE({x})")),
    ]
    .prop_map(|call| (call, "".to_owned()));
    let rows = select(vec![
        "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        "ROWS 1 PRECEDING",
        "ROWS BETWEEN CURRENT ROW AND CURRENT ROW",
        "ROWS UNBOUNDED PRECEDING",
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    ]);
    let framed = prop_oneof![
        number.clone().prop_map(|x| format!("SUM({x})")),
        number.clone().prop_map(|x| format!("COUNT({x})")),
        Just("COUNT(*)".to_owned()),
        number.clone().prop_map(|x| format!("LAST_VALUE({x})")),
        number.clone().prop_map(|x| format!("FIRST_VALUE({x})")),
        number.clone().prop_map(|x| format!("AVG({x})")),
    ];
    let framed = (framed, rows).prop_map(|(call, rows)| (call, format!(" {rows}")));
    let whole = select(vec![
        " ROWS UNBOUNDED PRECEDING",
        " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    ]);
    let extreme = (select(vec!["MIN", "MAX"]), number, whole)
        .prop_map(|(f, x, rows)| (format!("{f}({x})"), rows.to_owned()));
    (partition, prop_oneof![2 => in_order, 3 => framed, 1 => extreme]).prop_map(
        |(partition, (call, frame))| {
            let is_mean = call.starts_with("AVG");
            let window = match call.as_str() {
                "ROW_NUMBER()" => format!("{{number}}{call} OVER ({partition}ORDER BY {{order}}){{end}}"),
                call => format!("{call} OVER ({partition}ORDER BY {{order}}{frame})"),
            };
            (window, !is_mean)
        },
    )
}

fn outer() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        " WHERE w > 2",
        " WHERE w <= 50 OR w IS NULL",
        " WHERE w = 1 AND salary > 0",
        " WHERE NOT (w < salary OR active)",
        " WHERE 2 * w - 3 BETWEEN bonus AND salary * 1.5",
        " WHERE w IN (1, 2, 3) OR (note LIKE 'a%' AND w <> 2)",
        " WHERE w NOT IN (1, 2)",
        " WHERE w IS NOT NULL AND NOT (w >= 10.5 AND active)",
        " WHERE (w > 100 AND rank = 'low') IS NOT NULL AND w > 0",
    ])
}

fn aggregates(is_exact: bool) -> BoxedStrategy<&'static str> {
    let plain =
        vec!["COUNT(*) AS a, SUM(salary) AS b", "AVG(bonus) AS a, MAX(joined) AS b", "MIN(bonus) AS a"];
    let exact = vec![
        "SUM(w) AS a, COUNT(w) AS b",
        "MIN(w) AS a, MAX(w) AS b, COUNT(*) AS c",
        "AVG(w) AS a, SUM(salary) AS b",
        "SUM(salary - w) AS a, SUM(2 * w + 1) AS b",
        "MAX(salary - 2 * w) AS a, SUM(bonus) AS b",
        "SUM(salary * w) AS a",
        "STDDEV_POP(salary) AS a",
    ];
    if is_exact { prop_oneof![select(plain), select(exact)].boxed() } else { select(plain).boxed() }
}

fn query() -> impl Strategy<Value = String> {
    let inner =
        option::of(select(vec!["active", "salary > 1000 AND note IS NOT NULL", "bonus * 2 > 7", "FALSE"]));
    let key = select(vec!["", "rank", "team"]);
    window()
        .prop_flat_map(move |(window, is_exact)| {
            (Just(window), aggregates(is_exact), inner.clone(), outer(), key.clone())
        })
        .prop_map(|(window, aggregates, inner, outer, key)| {
            let inner = inner.map(|inner| format!(" WHERE {inner}")).unwrap_or_default();
            let (items, group) = match key {
                "" => (aggregates.to_owned(), String::new()),
                key => (format!("{key}, {aggregates}"), format!(" GROUP BY {key} ORDER BY {key}")),
            };
            format!("SELECT {items} FROM (SELECT *, {window} AS w FROM people{inner}) AS s{outer}{group}")
        })
        .prop_filter("a part of a condition that is no comparison", |sql| !sql.contains(") IS NOT NULL"))
}

fn order() -> impl Strategy<Value = &'static str> {
    select(vec![
        "salary",
        "joined DESC",
        "bonus NULLS FIRST, team DESC NULLS LAST",
        "note",
        "free, active DESC",
    ])
}

/// Few different values, so that rows tie and parts have several rows.
fn few() -> impl Strategy<Value = Person> {
    (person(), 0_i64..4, option::of(0_i128..300)).prop_map(|(person, salary, bonus)| Person {
        salary: salary * 700,
        bonus,
        score: None,
        ..person
    })
}

proptest! {
    #![proptest_config(Config { cases: 120, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        owners in vec(vec(few(), 0..6), 2..4), sql in query(), order in order(), floor in 1_u64..3,
    ) {
        let [asked, complete] = with_order(&sql, order);
        let (_, outputs, joint) = run(&asked, &owners, floor);
        for row in 0..outputs[0].len() {
            prop_assert!(outputs[0][row] == 1 || outputs.iter().all(|column| column[row] == 0), "{asked}");
        }
        if floor == 1 {
            assert_agrees(&asked, &joint, expected(&complete, &owners), asked.contains("GROUP BY"));
        }
    }

    /// What does not hang on the order of rows that tie; several windows in several orders, also of each other.
    #[test]
    fn ranks_peers_and_windows_of_windows_are_those_of_plaintext(
        owners in vec(vec(few(), 0..7), 2..4),
        call in select(vec![
            "RANK()", "DENSE_RANK()", "SUM(salary)", "COUNT(bonus)", "MAX(bonus)", "COUNT(*)", "MIN(salary)", "MAX(salary)",
        ]),
        over in select(vec![
            "ORDER BY free", "PARTITION BY rank ORDER BY free DESC", "PARTITION BY active ORDER BY team NULLS FIRST, note",
            "PARTITION BY rank",
        ]),
        second in select(vec![
            "COUNT(*) OVER (PARTITION BY team)", "RANK() OVER (ORDER BY salary DESC)", "SUM(bonus) OVER ()",
        ]),
        inner in option::of(select(vec!["active", "free > 0"])),
        outer in select(vec!["", " WHERE w < 4", " WHERE w > v", " WHERE w > 1 OR v <= 2"]),
    ) {
        prop_assume!(!(call.ends_with("K()") && over == "PARTITION BY rank"));
        let inner = inner.map(|inner| format!(" WHERE {inner}")).unwrap_or_default();
        let sql = format!(
            "SELECT rank, COUNT(*) AS n, SUM(w) AS a, SUM(salary) AS b, MAX(v) AS c \
             FROM (SELECT *, {call} OVER ({over}) AS w, {second} AS v FROM people{inner}) AS s{outer} \
             GROUP BY rank ORDER BY rank"
        );
        let (_, _, joint) = run(&sql, &owners, 1);
        assert_agrees(&sql, &joint, expected(&sql, &owners), true);
        let nested = format!(
            "SELECT SUM(u) AS s, COUNT(*) AS n FROM (SELECT salary, SUM(w) OVER (PARTITION BY team ORDER BY w) AS u FROM \
             (SELECT salary, team, {call} OVER ({over}) AS w FROM people{inner}) AS x) AS y"
        );
        let (_, _, joint) = run(&nested, &owners, 1);
        assert_agrees(&nested, &joint, expected(&nested, &owners), false);
    }
}
