//! Window functions over the rows of several owners, on shares: the joint result equals the plaintext one, whatever ties,
//! is missing or is one owner's alone; what would tell of few rows is withheld.

use contract::{
    disclosure::DisclosureRule,
    terms::Use::{Aggregate, Extreme, Filter},
};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Construct, Refused, Rule, compile};

use crate::{
    random::{assert_agrees, person},
    support::{Person, expected, is_left_to_owners, run, table},
    windows::{staff, with_order},
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
        " WHERE 2 * w - 3 BETWEEN 100 AND salary * 2 - w",
        " WHERE w IN (1, 2, 3) OR (note LIKE 'a%' AND w <> 2)",
        " WHERE w NOT IN (1, 2)",
        " WHERE w IS NOT NULL AND NOT (w >= 10 AND active)",
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
        "VAR_POP(w) AS a, STDDEV_SAMP(w - salary) AS b",
    ];
    if is_exact { prop_oneof![select(plain), select(exact)].boxed() } else { select(plain).boxed() }
}

fn query() -> impl Strategy<Value = String> {
    let inner =
        option::of(select(vec!["active", "salary > 1000 AND note IS NOT NULL", "bonus * 2 > 7", "FALSE"]));
    let key = select(vec!["", "rank", "team", "x", "x, team", "rank, y"]);
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
            // A group column that is carried from row to row.
            let carried = match key {
                "x" | "x, team" => ", LAG(team) OVER (PARTITION BY rank ORDER BY {order}) AS x",
                "rank, y" => ", LEAD(rank) OVER (ORDER BY {order}) AS y",
                _ => "",
            };
            format!(
                "SELECT {items} FROM (SELECT *, {window} AS w{carried} FROM people{inner}) AS s{outer}{group}"
            )
        })
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
    #![proptest_config(Config { cases: 60, ..Config::default() })]

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

/// Two owners of twenty people each, as [`staff`].
pub(crate) fn halves() -> Vec<Vec<Person>> {
    staff().chunks(20).map(<[Person]>::to_vec).collect()
}

pub(crate) fn shown(sql: &str, owners: &[Vec<Person>], floor: u64) -> Vec<Vec<Cell>> {
    let (_, outputs, result) = run(sql, owners, floor);
    assert!(
        !result.rows.is_empty() || outputs.iter().flatten().all(|value| *value == 0),
        "{sql}: {outputs:?}"
    );
    result.rows
}

/// Windows tell how many rows they run over; with what is aggregated of all but one of them, that would be about one.
#[test]
fn rows_that_windows_count_and_nobody_shows_are_none_or_enough() {
    let counted = |outer: &str| {
        format!(
            "SELECT COUNT(*) AS n, MAX(every) AS m, SUM(salary) AS s \
             FROM (SELECT salary, joined, COUNT(*) OVER () AS every FROM people) AS p{outer}"
        )
    };
    let owners = halves();
    assert_eq!(shown(&counted(""), &owners, 5).len(), 1);
    assert_eq!(shown(&counted(" WHERE salary < 90000"), &owners, 5).len(), 0, "one is left out");
    assert_eq!(shown(&counted(" WHERE salary < 36000"), &owners, 5).len(), 1, "five are left out");
    assert_eq!(shown(&counted(" WHERE salary < 37000"), &owners, 5).len(), 0, "four are left out");
    assert_eq!(shown(&counted(" WHERE every < 40"), &owners, 5).len(), 0);
    // Chosen on shares: a row for each of forty days but the first.
    let later = "SELECT COUNT(*) AS n, SUM(salary) AS s FROM (SELECT salary, ROW_NUMBER() OVER (ORDER BY joined) AS n FROM people) AS p WHERE n > ";
    for (first, rows) in [(0, 1), (1, 0), (4, 0), (5, 1), (35, 1), (36, 0)] {
        assert_eq!(shown(&format!("{later}{first}"), &owners, 5).len(), rows, "{first}");
    }
    // A group that is withheld is not shown either.
    let mut rows = owners.clone();
    rows[1].iter_mut().skip(2).for_each(|one| one.rank = "low".to_owned());
    let by_rank = "SELECT rank, COUNT(*) AS n, MAX(every) AS m FROM (SELECT rank, COUNT(*) OVER () AS every FROM people) AS p GROUP BY rank";
    assert_eq!(shown(by_rank, &owners, 5).len(), 2);
    assert_eq!(shown(by_rank, &rows, 5).len(), 0, "38 are of one group, two of another");
}

/// Of one row after another what is added to a sum is taken away in the next: the last less the first is left, where there
/// is one part only. It is withheld, as its rows are all but one.
#[test]
fn what_is_missing_on_few_rows_is_withheld() {
    let gaps = |partition: &str| {
        format!(
            "SELECT COUNT(*) AS n, SUM(gap) AS s, AVG(gap) AS a FROM (SELECT salary - LAG(salary) OVER ({partition}ORDER BY joined) AS gap FROM people) AS p"
        )
    };
    let owners = halves();
    let cells = shown(&gaps(""), &owners, 5);
    assert_eq!(cells[0][1..], [Cell::Withheld, Cell::Withheld], "{cells:?}");
    let cells = shown(&gaps("PARTITION BY rank "), &owners, 5);
    assert_eq!(cells[0][1..], [Cell::Withheld, Cell::Withheld], "{cells:?}");
    let mut pairs = owners.clone();
    for (one, n) in pairs.iter_mut().flatten().zip(0..) {
        one.free = n / 2;
    }
    // The first of each pair has none.
    let cells = shown(&gaps("PARTITION BY free "), &pairs, 5);
    assert!(cells[0].iter().all(|cell| *cell != Cell::Withheld), "{cells:?}");
    // None of so few values either.
    let far = "SELECT COUNT(*) AS n, MAX(w) AS m FROM (SELECT LAG(salary, 36) OVER (ORDER BY joined) AS w FROM people) AS p";
    assert_eq!(shown(far, &owners, 5)[0][1], Cell::Withheld);
}

/// An owner without rows, one with one, and rows that are all alike.
#[test]
fn owners_may_have_no_rows_and_rows_may_be_alike() {
    let sql = "SELECT COUNT(*) AS n, SUM(salary) AS s, SUM(n) AS m, COUNT(before) AS b, SUM(last) AS l \
               FROM (SELECT salary, ROW_NUMBER() OVER (PARTITION BY rank ORDER BY free) AS n, \
               LAG(bonus) OVER (ORDER BY free DESC) AS before, MAX(salary) OVER (PARTITION BY team ORDER BY free) AS last \
               FROM people) AS p WHERE n < 6";
    let one = |salary| Person { rank: "low".to_owned(), salary, bonus: Some(5), ..Person::default() };
    let worlds: [Vec<Vec<Person>>; 5] = [
        vec![Vec::new(), Vec::new()],
        vec![vec![one(7)], Vec::new()],
        vec![Vec::new(), vec![one(7), one(7)], Vec::new()],
        vec![vec![one(3); 4], vec![one(3); 4]],
        vec![vec![one(2)], vec![one(1)]],
    ];
    for owners in worlds {
        let (_, _, joint) = run(sql, &owners, 1);
        let plain = sql.replace("n < 6", "CAST(n AS BIGINT) < 6");
        assert_agrees(sql, &joint, expected(&plain, &owners), false);
    }
}

/// Which rows are which owner's makes no difference, nor how they are stored.
#[test]
fn rows_that_tie_follow_by_what_the_query_reads_whosever_they_are() {
    let sql = "SELECT SUM(salary) AS s, SUM(last) AS l FROM (SELECT salary, \
               ROW_NUMBER() OVER (PARTITION BY rank ORDER BY team) AS n, \
               LAST_VALUE(salary) OVER (PARTITION BY rank ORDER BY team) AS last FROM people) AS p WHERE n = 1";
    let whole = |number: i64| Cell::Integer(number.into());
    let mut rows = staff();
    for shift in [0, 7, 19] {
        rows.rotate_left(shift);
        let owners: Vec<Vec<Person>> = rows.chunks(15).map(<[Person]>::to_vec).collect();
        assert_eq!(shown(sql, &owners, 1), [[whole(20_000), whole(90_000 + 39_000)]]);
    }
}

/// What is declared of each dataset by itself may be in two of them: ties are broken by all columns.
#[test]
fn a_column_that_is_unique_in_each_dataset_leaves_ties() {
    let mut town = table(&[40, 40]);
    for source in &mut town.datasets {
        source.schema.columns[8].unique = true;
    }
    let sql = "SELECT SUM(salary) AS s FROM (SELECT salary, ROW_NUMBER() OVER (ORDER BY free) AS n FROM people) AS p WHERE n < 9";
    let uses = compile(sql, &[town], 1).unwrap().usage.columns.remove("people").unwrap();
    assert_eq!(uses["salary"], [Filter, Aggregate, Extreme].into_iter().collect());
    assert_eq!(uses["free"], [Filter, Extreme].into_iter().collect());
    let uses = |sql: &str| compile(sql, &[table(&[40, 40])], 1).unwrap().usage;
    let gap = "SELECT AVG(gap) FROM (SELECT salary - LAG(salary) OVER (PARTITION BY rank ORDER BY joined) AS gap FROM people WHERE team = 1) AS s WHERE gap > 3";
    // As of one owner.
    assert_eq!(uses(gap).columns, compile(gap, &[table(&[40])], 1).unwrap().usage.columns);
    assert_eq!(uses(gap).comparisons, compile(gap, &[table(&[40])], 1).unwrap().usage.comparisons);
}

/// Two queries that differ by one row would say what it is: neither owner can count it.
#[test]
fn no_owner_can_count_which_rows_come_out() {
    let page = |items: &str, from: &str| {
        // Of rows that a window does not choose, if its results are told.
        let rest = if items.contains("(w") { "" } else { " WHERE w <> 3" };
        let sql = format!("SELECT {items} FROM (SELECT *, {from}) AS s{rest}");
        compile(&sql, &[table(&[10, 10])], 5).unwrap_or_else(|refused| panic!("{sql}: {refused}"))
    };
    let lag = "LAG(salary) OVER (ORDER BY joined) AS w FROM people";
    for compiled in
        [page("COUNT(*)", lag), page("SUM(w), AVG(w), MAX(w)", lag), page("COUNT(*), SUM(bonus)", lag)]
    {
        assert!(compiled.answers.iter().all(|one| one.uncountable.is_some_and(|why| why.contains("secret"))));
        assert!(!is_left_to_owners(&compiled));
    }
    for compiled in [
        // Two sets of rows beside each other and beside those that come out.
        page("COUNT(w), COUNT(bonus)", lag),
        page("SUM(w), SUM(bonus)", lag),
        page("SUM(w), SUM(w - bonus)", lag),
        page("COUNT(*), COUNT(bonus)", lag),
        page("COUNT(CASE WHEN active THEN 1 END)", lag),
        page(
            "MAX(c), COUNT(bonus)",
            "LAG(salary) OVER (ORDER BY joined) AS w, COUNT(*) OVER () AS c FROM people",
        ),
        // Under the window two sets of rows.
        page("COUNT(*)", "SUM(bonus) OVER (PARTITION BY rank) AS w FROM people"),
    ] {
        assert!(is_left_to_owners(&compiled));
    }
}

#[test]
fn the_audit_says_what_is_shared_and_opens_nothing_of_it() {
    let sql = "SELECT rank, COUNT(*), AVG(gap) FROM (SELECT rank, salary - LAG(salary) OVER (PARTITION BY note ORDER BY joined) AS gap \
               FROM people WHERE active) AS s WHERE gap > 3 GROUP BY rank";
    let compiled = compile(sql, &[table(&[10, 10])], 5).unwrap();
    let page = compiled.audit.to_string().replace('\n', " ");
    for said in [
        "neither in which order the rows of all owners stand",
        "nothing is shown unless the rows that windows run over and that are not shown are none or at least 5 rows",
        "shares each of its rows, with `rank`, `active`, `joined`, `salary`, `note`, to be put among the others'",
        "neither in which order rows stand, nor which parts they make, nor which come out",
        "keeps its rows for which",
        "as many rows of each as it was published with (10, 10)",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let outputs: Vec<&str> = compiled.program.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(outputs.len(), 4, "{outputs:?}");
}

#[test]
fn what_is_not_supported_of_several_owners_is_refused_by_name() {
    use Construct::{RowWindowOwners, RowWindowTables};
    let window = "ROW_NUMBER() OVER (ORDER BY free) AS w";
    let of = |window: &str, rest: &str| {
        format!(
            "SELECT {} FROM (SELECT *, {window} FROM people) AS s{}",
            rest.split('|').next().unwrap(),
            rest.split('|').nth(1).unwrap_or("")
        )
    };
    for sql in [
        of(window, "w, COUNT(*)| GROUP BY w LIMIT 3"),
        of(window, "free, COUNT(*)| WHERE w = 1 GROUP BY free LIMIT 3"),
        of(window, "SUM(CASE WHEN w > 3 THEN salary END)"),
        of("LAG(salary) OVER (ORDER BY free) AS w", "SUM(COALESCE(w, 0))"),
        of("LAG(salary) OVER (ORDER BY free) AS w", "SUM(NULLIF(w, 0))"),
        of(window, "COUNT(DISTINCT w)"),
        of(window, "COUNT(DISTINCT note)| WHERE w = 1"),
        of(window, "MEDIAN(salary)| WHERE w = 1"),
        of(window, "COVAR_POP(salary, w)"),
        of(window, "COUNT(*)| WHERE w % 2 = 1"),
        of(window, "COUNT(*)| WHERE w * salary > 1"),
        of(window, "COUNT(*)| WHERE COALESCE(w, 1) = 1"),
        of(window, "COUNT(*)| WHERE w IS DISTINCT FROM 1"),
        of(window, "COUNT(*)| WHERE (w > 3) IS TRUE"),
        of("LAG(note) OVER (ORDER BY free) AS w", "COUNT(*)| WHERE w < note"),
        of("LAG(note) OVER (ORDER BY free) AS w", "COUNT(*)| WHERE w LIKE 'a%'"),
        of("LAG(note) OVER (ORDER BY free) AS w", "COUNT(*)| WHERE w = rank"),
        of("MIN(note) OVER (PARTITION BY free) AS w", "COUNT(*)| WHERE w = note"),
        of("MIN(salary) OVER (ORDER BY free ROWS 3 PRECEDING) AS w", "COUNT(*)| WHERE w = 1"),
        of("AVG(salary) OVER () AS w", "SUM(w)"),
        of("AVG(salary) OVER () AS w", "SUM(salary - w)"),
        of("AVG(salary) OVER () AS w", "COUNT(w)"),
        of("LAG(score) OVER (ORDER BY free) AS w", "COUNT(*)| WHERE w IS NULL"),
        of("RANK() OVER (ORDER BY score) AS w", "COUNT(*)| WHERE w = 1"),
        of("RANK() OVER (ORDER BY free) AS w", "COUNT(*)| WHERE w > score"),
        of("RANK() OVER (ORDER BY note, UPPER(note), LOWER(note)) AS w", "COUNT(*)| WHERE w = 1"),
        // Ties are broken by it.
        of(window, "SUM(score)| WHERE w = 1"),
        "SELECT COUNT(*) FROM (SELECT SUM(m) OVER () AS w FROM (SELECT free, salary, RANK() OVER (ORDER BY free) AS m FROM people) AS x WHERE m > 2) AS s WHERE w = 1".to_owned(),
        "SELECT COUNT(*) FROM (SELECT RANK() OVER (ORDER BY m) AS w FROM (SELECT free, AVG(salary) OVER (PARTITION BY free) AS m FROM people) AS x) AS s WHERE w = 1".to_owned(),
    ] {
        let refused = compile(&sql, &[table(&[100, 100])], 2).unwrap_err();
        assert!(matches!(refused, Refused::Unsupported { construct: RowWindowOwners, .. }), "{sql}: {refused}");
    }
    for sql in [
        format!(
            "SELECT COUNT(*) FROM (SELECT *, {window} FROM people) AS s JOIN people b ON s.note = b.note WHERE w = 1"
        ),
        format!(
            "SELECT COUNT(*) FROM (SELECT *, {window} FROM people) AS s WHERE w = 1 AND salary > (SELECT AVG(salary) FROM people)"
        ),
    ] {
        let refused = compile(&sql, &[table(&[100, 100])], 2).unwrap_err();
        assert!(
            matches!(refused, Refused::Unsupported { construct: RowWindowTables, .. }),
            "{sql}: {refused}"
        );
    }
    let text = of(window, "MAX(note)| WHERE w = 1");
    let refused = compile(&text, &[table(&[100, 100])], 2).unwrap_err();
    assert!(matches!(refused, Refused::Unsupported { construct: Construct::TextExtreme, .. }), "{refused}");
}

/// Of tables one below the other, too.
#[test]
fn stacks_are_refused_by_name() {
    let [mut north, mut south] = [table(&[10]), table(&[10])];
    north.name = "north".into();
    (south.name, south.datasets[0].reference) = ("south".into(), "owner1/people@1".into());
    let sql = "SELECT COUNT(*) FROM (SELECT v, ROW_NUMBER() OVER (ORDER BY v) AS w FROM \
               (SELECT salary AS v FROM north UNION ALL SELECT salary FROM south) AS u) AS s WHERE w = 1";
    let refused = compile(sql, &[north, south], 2).unwrap_err();
    assert!(
        matches!(refused, Refused::Unsupported { construct: Construct::RowWindowOwners, .. }),
        "{refused}"
    );
}

/// Noise, contributors and shares of a sum are of rows that nobody sees.
#[test]
fn rules_that_nobody_can_hold_are_refused() {
    let rule = |disclosure: DisclosureRule| {
        let sql = "SELECT COUNT(*) FROM (SELECT ROW_NUMBER() OVER (ORDER BY free) AS w FROM people) AS s WHERE w = 1";
        compile(sql, &[table(&[100, 100])], Rule { floor_rows: 2, disclosure }).unwrap_err()
    };
    let of = DisclosureRule::default;
    let refused = rule(DisclosureRule { contributors_min: 2, ..of() });
    assert!(matches!(&refused, Refused::Disclosure(why) if why.contains("window functions")), "{refused}");
    let refused = rule(DisclosureRule { dominance_percent_max: Some(50), ..of() });
    assert!(matches!(&refused, Refused::Disclosure(why) if why.contains("window functions")), "{refused}");
}
