//! Window functions over rows, computed by the owner of all of them: the joint result equals the plaintext one, ties are
//! broken as is documented, and what they would tell about single rows is refused.

use contract::terms::Use::{self, Aggregate, Extreme, Filter, Group};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::overlap::{self, Answer, Field, Verdict};
use treaty_compiler::{Cell, Construct, Refused, compile};

use crate::{
    differencing::{FLOOR, answer, is_close},
    joins::usage_of,
    random::{assert_agrees, condition, person},
    support::{Declare, Person, column, expected, people, run, table},
};

/// The columns that a query reads, in the order of the table's: no keyword or alias in these tests contains one's name.
fn read(sql: &str) -> Vec<String> {
    let names = people().columns.into_iter().map(|column| column.name);
    names.filter(|name| sql.contains(name.as_str())).collect()
}

/// A query with `ORDER BY terms` in its windows as it is asked, and with all that breaks ties written out.
pub(crate) fn with_order(sql: &str, terms: &str) -> [String; 2] {
    let asked = sql.replace("{order}", terms);
    let ties: String = read(&asked).iter().map(|name| format!(", {name} ASC NULLS LAST")).collect();
    // Of rows that tie RANK and frames of peers make no difference.
    let complete = sql.replace("{order}", &format!("{terms}{ties}"));
    // DataFusion numbers rows by unsigned integers, which make decimals of what they are subtracted from.
    [
        asked.replace("{number}", "").replace("{end}", ""),
        complete.replace("{number}", "CAST(").replace("{end}", " AS BIGINT)"),
    ]
}

fn window() -> impl Strategy<Value = String> {
    let partition = select(vec![
        "",
        "PARTITION BY rank ",
        "PARTITION BY team, active ",
        "PARTITION BY EXTRACT(MONTH FROM joined) ",
    ]);
    let number = select(vec!["salary", "bonus", "score"]);
    let exact = select(vec!["salary", "bonus"]);
    let in_order = prop_oneof![
        Just("ROW_NUMBER()".to_owned()),
        number.clone().prop_map(|x| format!("LAG({x})")),
        number.clone().prop_map(|x| format!("LEAD({x}, 2)")),
        Just("LEAD(bonus, 3)".to_owned()),
        number.clone().prop_map(|x| format!("FIRST_VALUE({x})")),
    ]
    .prop_map(|call| (call, "".to_owned()));
    let rows = select(vec![
        "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        "ROWS 1 PRECEDING",
        "ROWS UNBOUNDED PRECEDING",
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    ]);
    let framed = prop_oneof![
        exact.clone().prop_map(|x| format!("SUM({x})")),
        exact.prop_map(|x| format!("AVG({x})")),
        number.clone().prop_map(|x| format!("MIN({x})")),
        number.clone().prop_map(|x| format!("MAX({x})")),
        number.clone().prop_map(|x| format!("COUNT({x})")),
        Just("COUNT(*)".to_owned()),
        number.prop_map(|x| format!("LAST_VALUE({x})")),
        Just("FIRST_VALUE(salary)".to_owned()),
    ];
    let framed = (framed, rows).prop_map(|(call, rows)| (call, format!(" {rows}")));
    (partition, prop_oneof![in_order, framed]).prop_map(|(partition, (call, frame))| match call.as_str() {
        "ROW_NUMBER()" => format!("{{number}}{call} OVER ({partition}ORDER BY {{order}}){{end}}"),
        call => format!("{call} OVER ({partition}ORDER BY {{order}}{frame})"),
    })
}

fn aggregates() -> impl Strategy<Value = &'static str> {
    select(vec![
        "SUM(w) AS a, COUNT(w) AS b",
        "MIN(w) AS a, MAX(w) AS b, COUNT(*) AS c",
        "AVG(w) AS a, SUM(salary) AS b",
        "SUM(salary - w) AS a, SUM(2 * w + 1) AS b",
        "SUM(CASE WHEN w > 3 THEN w END) AS a, SUM(bonus) AS b",
        "COUNT(CASE WHEN w <= 100 THEN 1 END) AS a, MAX(salary - 2 * w) AS b",
        "VAR_POP(w) AS a",
    ])
}

fn query() -> impl Strategy<Value = String> {
    let filter = |condition: Option<String>| condition.map(|c| format!(" WHERE {c}")).unwrap_or_default();
    let outer =
        select(vec!["", " WHERE w > 2", " WHERE w <= 50 OR w IS NULL", " WHERE w = 1 AND salary > 0"]);
    let key = select(vec!["", "rank", "team"]);
    (window(), aggregates(), option::of(condition()), outer, key, 0..3).prop_map(
        move |(window, aggregates, inner, outer, key, form)| {
            let (items, group) = match key {
                "" => (aggregates.to_owned(), String::new()),
                key => (format!("{key}, {aggregates}"), format!(" GROUP BY {key} ORDER BY {key}")),
            };
            let inner = format!("SELECT *, {window} AS w FROM people{}", filter(inner));
            match form {
                0 => format!("SELECT {items} FROM ({inner}) AS s{outer}{group}"),
                1 => format!("WITH s AS ({inner}) SELECT {items} FROM s{outer}{group}"),
                _ => format!("CREATE VIEW v AS {inner}; SELECT {items} FROM v AS s{outer}{group}"),
            }
        },
    )
}

fn order() -> impl Strategy<Value = &'static str> {
    select(vec![
        "salary",
        "joined DESC",
        "score NULLS FIRST, team DESC NULLS LAST",
        "note",
        "free, active DESC",
    ])
}

proptest! {
    #![proptest_config(Config { cases: 80, ..Config::default() })]

    /// Rows that tie follow by the other columns that the query reads.
    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        rows in vec(person(), 0..14), sql in query(), order in order(), floor in 1_u64..3,
    ) {
        let [asked, complete] = with_order(&sql, order);
        let owners = [rows];
        let (_, outputs, joint) = run(&asked, &owners, floor);
        for row in 0..outputs[0].len() {
            prop_assert!(outputs[0][row] == 1 || outputs.iter().all(|column| column[row] == 0), "{asked}");
        }
        assert_agrees(&asked, &joint, expected(&complete, &owners), asked.contains("GROUP BY"));
    }

    /// What does not hang on the order of rows that tie.
    #[test]
    fn ranks_and_peers_are_those_of_plaintext(
        rows in vec(person(), 0..14),
        call in select(vec![
            "RANK()", "DENSE_RANK()", "SUM(salary)", "COUNT(bonus)", "MAX(score)", "AVG(salary)", "MIN(bonus)",
        ]),
        over in select(vec![
            "ORDER BY free", "PARTITION BY rank ORDER BY free DESC", "PARTITION BY active ORDER BY team NULLS FIRST, note",
        ]),
        inner in option::of(condition()),
        outer in select(vec!["", " WHERE w < 4", " WHERE w > 1"]),
    ) {
        let inner = inner.map(|inner| format!(" WHERE {inner}")).unwrap_or_default();
        let sql = format!(
            "SELECT rank, COUNT(*) AS n, SUM(w) AS a, SUM(salary) AS b \
             FROM (SELECT *, {call} OVER ({over}) AS w FROM people{inner}) AS s{outer} GROUP BY rank ORDER BY rank"
        );
        let owners = [rows];
        let (_, _, joint) = run(&sql, &owners, 1);
        assert_agrees(&sql, &joint, expected(&sql, &owners), true);
    }
}

/// Which rows there are does not hang on how they are stored, though the order that is asked for says nothing.
#[test]
fn rows_that_tie_follow_by_what_the_query_reads() {
    let mut rows = staff();
    let sql = "SELECT SUM(salary) AS s, SUM(last) AS l FROM (SELECT salary, \
               ROW_NUMBER() OVER (PARTITION BY rank ORDER BY team) AS n, \
               LAST_VALUE(salary) OVER (PARTITION BY rank ORDER BY team) AS last FROM people) AS p WHERE n = 1";
    let answer = |rows: &[Person]| run(sql, &[rows.to_vec()], 1).2.rows;
    let found = answer(&rows);
    // The least of both ranks, and twice the greatest of each.
    let whole = |number: i64| Cell::Integer(number.into());
    assert_eq!(found, [[whole(20_000), whole(90_000 + 39_000)]]);
    rows.reverse();
    assert_eq!(answer(&rows), found);
    rows.rotate_left(7);
    assert_eq!(answer(&rows), found);
}

/// No column is read for breaking ties where a unique one tells all rows apart.
#[test]
fn what_breaks_ties_is_a_condition() {
    let uses = |unique: bool, sql: &str| {
        let mut town = table(&[40]);
        let free = &mut town.datasets[0].schema.columns[8];
        free.unique = unique;
        let columns = compile(sql, &[town], 1).unwrap().usage.columns.remove("people").unwrap();
        columns
            .into_iter()
            .map(|(name, uses)| (name, uses.into_iter().collect()))
            .collect::<Vec<(_, Vec<Use>)>>()
    };
    let sql = "SELECT SUM(salary) AS s FROM (SELECT salary, ROW_NUMBER() OVER (ORDER BY free) AS n FROM people) AS p WHERE n < 9";
    let of = |salary: &[Use]| {
        vec![("free".to_owned(), vec![Filter, Extreme]), ("salary".to_owned(), salary.to_vec())]
    };
    assert_eq!(uses(false, sql), of(&[Filter, Aggregate, Extreme]));
    assert_eq!(uses(true, sql), of(&[Aggregate]));
    let rank = sql.replace("ROW_NUMBER", "RANK");
    assert_eq!(uses(false, &rank), of(&[Aggregate]));
}

/// A window carries what one row has to many, or says how many rows there are of which all others are known: whether its
/// result is a condition, within CASE, a group or aggregated, what it reads is an extreme. A list of constants lets
/// nothing of that through.
#[test]
fn what_a_window_reads_is_an_extreme_wherever_its_result_is_used() {
    let of = |sql: &str, column: &str| {
        let usage = usage_of(sql);
        let uses: Vec<Use> =
            usage.columns["subscribers"].get(column).into_iter().flatten().copied().collect();
        let compared = usage.comparisons.get("subscribers").and_then(|columns| columns.get(column));
        (uses, compared.is_some_and(|compared| compared.otherwise))
    };
    let single = (vec![Filter, Extreme], true);
    let windows = [
        ("MAX(score) OVER (PARTITION BY plan)", vec!["score", "plan"]),
        ("MIN(score) OVER ()", vec!["score"]),
        ("FIRST_VALUE(score) OVER (PARTITION BY plan ORDER BY since)", vec!["score", "plan", "since"]),
        ("LAST_VALUE(score) OVER (ORDER BY since)", vec!["score", "since"]),
        ("SUM(score) OVER (ORDER BY since)", vec!["score", "since"]),
        ("AVG(score) OVER ()", vec!["score"]),
        ("COUNT(score) OVER ()", vec!["score"]),
        ("LAG(score) OVER (ORDER BY since)", vec!["score", "since"]),
        ("RANK() OVER (PARTITION BY plan ORDER BY score)", vec!["score", "plan"]),
        ("ROW_NUMBER() OVER (ORDER BY score)", vec!["score"]),
        ("COUNT(*) OVER (PARTITION BY plan)", vec!["plan"]),
    ];
    let condition = "SELECT COUNT(*) FROM (SELECT {w} AS w FROM subscribers) AS s WHERE w > 3";
    let case = "SELECT COUNT(CASE WHEN w > 3 THEN 1 END) FROM (SELECT {w} AS w FROM subscribers) AS s";
    let group = "SELECT w, COUNT(*) FROM (SELECT {w} AS w FROM subscribers) AS s GROUP BY w LIMIT 9";
    for (window, columns) in windows {
        for column in columns {
            for sql in [condition, case] {
                let sql = sql.replace("{w}", window);
                assert_eq!(of(&sql, column), single, "{sql}: {column}");
            }
            // Floats are no groups.
            let sql = group.replace("{w}", &window.replace("AVG", "SUM"));
            let (uses, compared) = of(&sql, column);
            assert!(compared && [Filter, Extreme].iter().all(|one| uses.contains(one)), "{sql}: {column}");
            assert_eq!(uses.contains(&Group), column != "plan", "{sql}: {column}");
        }
    }
    let under = "SELECT COUNT(*) FROM (SELECT COUNT(*) OVER () AS w FROM subscribers WHERE score > 3) AS s WHERE w > 3";
    assert_eq!(of(under, "score").0, [Filter, Extreme]);
    // Beside the aggregate's own.
    let gap = "SELECT AVG(gap) FROM (SELECT score - LAG(score) OVER (PARTITION BY plan ORDER BY since) AS gap FROM subscribers) AS s";
    assert_eq!(of(gap, "score"), (vec![Filter, Aggregate, Extreme], true));
    assert_eq!(of(gap, "plan"), single);
    let product = gap.replace("score - LAG", "score * LAG");
    assert_eq!(of(&product, "score").0, [Filter, Aggregate, Extreme, Use::Product]);
    let part = "SELECT COUNT(*) FROM (SELECT RANK() OVER (PARTITION BY LEFT(name, 1) ORDER BY since) AS n FROM subscribers) AS s WHERE n = 1";
    assert_eq!(of(part, "name"), single);
}

/// Forty people in two ranks of twenty, a day between each and the next; the last one of the lower rank is the only one
/// paid 90,000.
pub(crate) fn staff() -> Vec<Person> {
    let person = |n: i64| Person {
        rank: if n < 20 { "low" } else { "mid" }.to_owned(),
        free: n % 4,
        salary: if n == 19 { 90_000 } else { 1_000 * n },
        joined: i32::try_from(18_262 + n).ok(),
        ..Person::default()
    };
    (0..40).map(person).collect()
}

pub(crate) fn verdict(given: &[&str], new: &str) -> Verdict {
    let given: Vec<Answer> = given.iter().map(|sql| answer(sql, &staff())).collect();
    let given: Vec<&Answer> = given.iter().collect();
    overlap::compare(&given, &answer(new, &staff()), FLOOR, true, Field::from_random(0x5eed))
}

pub(crate) fn number(sql: &str) -> f64 {
    run(sql, &[staff()], FLOOR).2.rows[0][0].number().unwrap()
}

/// The same rows are selected, but for the one paid 90,000 in neither, and what its neighbour has of it is the difference.
#[test]
fn a_row_fewer_under_the_window_is_a_row_fewer() {
    let carried = |inner: &str| {
        format!(
            "SELECT SUM(before) AS s FROM (SELECT rank, salary, LAG(salary) OVER (ORDER BY joined) AS before \
             FROM people{inner}) AS p WHERE salary <> 90000 AND rank = 'mid'"
        )
    };
    let (all, but_one) = (carried(""), carried(" WHERE salary <> 90000"));
    // The first of the higher rank follows on the one that is left out, or on the one before.
    assert_eq!(number(&all) - number(&but_one), 90_000.0 - 18_000.0, "what the attack would learn");
    // What is each row's own is of the same rows in both.
    let own = |sql: &str| sql.replace("SUM(before)", "SUM(salary)");
    assert_eq!(verdict(&[&own(&all)], &own(&but_one)), Verdict::Apart);
    assert!(is_close(verdict(&[&all], &but_one)) && is_close(verdict(&[&but_one], &all)));
    assert_eq!(verdict(&[&all], &all.replace("AND rank", "AND p.rank")), Verdict::Apart);
    // The sum over all rows of the window, carried to a few of them.
    let total = "SELECT MAX(total) AS t FROM (SELECT rank, SUM(salary) OVER () AS total FROM people) AS p WHERE rank = 'mid'";
    let other = "SELECT SUM(salary) AS s FROM people WHERE salary <> 90000";
    assert!(is_close(verdict(&[other], total)) && is_close(verdict(&[total], other)));
}

/// Every value can be had from sums over all rows, which as sets of rows are the same.
#[test]
fn carried_values_are_compared_with_nothing() {
    let sum = "SELECT SUM(salary) AS s FROM people";
    let pairs = "SELECT SUM(two) AS s FROM (SELECT SUM(salary) OVER (ORDER BY joined ROWS 1 PRECEDING) AS two FROM people) AS p";
    assert_eq!(2.0 * number(sum) - number(pairs), 39_000.0, "the last one's salary");
    assert!(is_close(verdict(&[], pairs)), "of the first row the frame is cut off");
    let carries = |sql: &str| compile(sql, &[table(&[40])], FLOOR).unwrap().answers[0].incomparable.is_some();
    assert!(carries(pairs) && !carries(sum));
    let of = |window: &str, outer: &str| {
        carries(&format!(
            "SELECT {outer} FROM (SELECT *, {window} OVER (ORDER BY joined) AS w FROM people) AS s WHERE w > 1"
        ))
    };
    assert!(
        of("LAG(salary)", "AVG(salary - w)") && of("FIRST_VALUE(salary)", "MAX(CASE WHEN active THEN w END)")
    );
    assert!(
        !of("LAG(salary)", "SUM(salary)")
            && !of("ROW_NUMBER()", "SUM(w)")
            && !of("COUNT(*)", "MAX(salary - w)")
    );
}

/// Of one row after another what is added to one sum is taken away in the next: the last less the first is left.
#[test]
fn differences_that_add_up_to_two_rows_are_refused() {
    let gaps = "SELECT SUM(gap) AS s FROM (SELECT salary - LAG(salary) OVER (ORDER BY joined) AS gap FROM people) AS p";
    assert_eq!(number(gaps), 39_000.0, "the last one's salary less the first one's");
    assert!(is_close(verdict(&[], gaps)), "39 of 40 rows are taken");
    // In parts of two rows each half of them are.
    let pairs: Vec<Person> =
        staff().into_iter().zip(0..).map(|(one, n)| Person { free: n / 2, ..one }).collect();
    let within = gaps.replace("OVER (", "OVER (PARTITION BY free ");
    let alone = overlap::compare(&[], &answer(&within, &pairs), FLOOR, true, Field::from_random(0x5eed));
    assert_eq!(alone, Verdict::Apart);
}

#[test]
fn rows_that_are_chosen_by_their_number_are_counted() {
    let first = |inner: &str, most: u32| {
        format!(
            "SELECT SUM(salary) AS s FROM (SELECT salary, ROW_NUMBER() OVER (PARTITION BY rank ORDER BY salary DESC) AS n \
             FROM people{inner}) AS p WHERE n <= {most}"
        )
    };
    // Without the first of a rank its next one moves up.
    assert_eq!(number(&first("", 10)) - number(&first(" WHERE salary <> 90000", 10)), 90_000.0 - 9_000.0);
    assert!(is_close(verdict(&[&first("", 10)], &first(" WHERE salary <> 90000", 10))));
    assert!(is_close(verdict(&[&first("", 10)], &first("", 11))), "one more of each");
    assert_eq!(verdict(&[&first("", 6)], &first("", 11)), Verdict::Apart);
    assert!(is_close(verdict(&["SELECT SUM(salary) AS s FROM people"], &first("", 19))));
    assert_eq!(verdict(&["SELECT SUM(salary) AS s FROM people"], &first("", 10)), Verdict::Apart);
}

/// Rows are told apart by where they stand in the dataset, whatever order a window brings them into.
#[test]
fn rows_are_counted_in_the_order_of_the_dataset() {
    let sql = "SELECT SUM(salary) AS s FROM (SELECT salary, ROW_NUMBER() OVER (ORDER BY joined DESC) AS n FROM people) AS p WHERE n <= 3";
    let same = "SELECT SUM(salary) AS s FROM (SELECT salary, COUNT(*) OVER () AS n FROM people) AS p WHERE salary > 36000 AND salary <> 90000 AND n > 3";
    let [found, same] = [sql, same].map(|sql| answer(sql, &staff()).selected);
    assert_eq!((found.selections, found.rows), (same.selections, same.rows));
}

#[test]
fn sums_that_are_too_wide_and_values_of_other_types_are_refused() {
    let refused = |inner: &str| {
        let sql = format!("SELECT SUM(w) FROM (SELECT {inner} AS w FROM people) AS s");
        compile(&sql, &[table(&[1 << 40])], 1).unwrap_err()
    };
    let wide = Refused::TooWide {
        function: "SUM",
        argument: "big".into(),
        bits: 99,
        most: 60,
        columns: "`big`".into(),
    };
    let mut town = table(&[1 << 40]);
    town.datasets[0]
        .schema
        .columns
        .push(column("big", contract::ColumnType::Integer).range("0", "400000000000000000"));
    let sum = "SELECT SUM(w) FROM (SELECT SUM(big) OVER (ORDER BY joined) AS w FROM people) AS s";
    assert_eq!(compile(sum, &[town], 1).unwrap_err(), wide);
    assert!(matches!(refused("SUM(score) OVER ()"), Refused::ArgumentType { function: "SUM", .. }));
    assert!(matches!(refused("AVG(note) OVER ()"), Refused::ArgumentType { function: "AVG", .. }));
    assert!(matches!(refused("MAX(active) OVER ()"), Refused::ArgumentType { function: "MAX", .. }));
    assert!(matches!(refused("SUM(free) OVER ()"), Refused::NoRange(column) if column == "free"));
    assert!(matches!(refused("LAG(nothing) OVER (ORDER BY free)"), Refused::Meaning(_)));
}

/// A condition under the window compares metres with kilometres as one outside does.
#[test]
fn units_are_those_of_the_values() {
    let mut town = table(&[3]);
    let columns = &mut town.datasets[0].schema.columns;
    columns.push(column("far", contract::ColumnType::Integer).range("0", "100").unit("km"));
    columns.push(column("near", contract::ColumnType::Integer).range("0", "100").unit("m"));
    let gap = |of: &str| {
        format!(
            "SELECT SUM(gap) AS g FROM (SELECT {of} OVER (ORDER BY free) AS gap FROM people WHERE far > near) AS s"
        )
    };
    let compiled = compile(&gap("far - LAG(far)"), &[town.clone()], 1).unwrap();
    assert_eq!(compiled.columns[0].unit, "km");
    let stage = &compiled.program.stages[0].sql;
    assert_eq!(
        stage.matches("(far * 1000) > near").count() + stage.matches("(s.far * 1000) > s.near").count(),
        stage.matches("> ").count(),
        "{stage}"
    );
    assert!(matches!(compile(&gap("near - LAG(far)"), &[town.clone()], 1), Err(Refused::Units { .. })));
    let mixed = "SELECT COUNT(*) FROM (SELECT salary, LAG(far) OVER (ORDER BY free) AS b FROM people) AS s WHERE b > salary";
    assert!(matches!(compile(mixed, &[town], 1), Err(Refused::Units { .. })));
}

#[test]
fn other_windows_are_refused_by_name() {
    use Construct::{DerivedTable, RowWindow, RowWindowOrder, RowWindowTables};
    for (sql, expected) in [
        ("SELECT SUM(w) FROM (SELECT ROW_NUMBER() OVER () AS w FROM people) AS s", RowWindowOrder),
        (
            "SELECT SUM(w) FROM (SELECT LAG(salary) OVER (PARTITION BY rank) AS w FROM people) AS s",
            RowWindowOrder,
        ),
        (
            "SELECT SUM(w) FROM (SELECT SUM(salary) OVER (ROWS 1 PRECEDING) AS w FROM people) AS s",
            RowWindowOrder,
        ),
        ("SELECT SUM(w) FROM (SELECT NTILE(4) OVER (ORDER BY salary) AS w FROM people) AS s", RowWindow),
        ("SELECT SUM(w) FROM (SELECT LAG(salary + 1) OVER (ORDER BY free) AS w FROM people) AS s", RowWindow),
        ("SELECT SUM(w) FROM (SELECT LAG(salary, -1) OVER (ORDER BY free) AS w FROM people) AS s", RowWindow),
        (
            "SELECT SUM(w) FROM (SELECT LAG(salary, free) OVER (ORDER BY free) AS w FROM people) AS s",
            RowWindow,
        ),
        (
            "SELECT SUM(w) FROM (SELECT LAG(salary) IGNORE NULLS OVER (ORDER BY free) AS w FROM people) AS s",
            RowWindow,
        ),
        (
            "SELECT SUM(w) FROM (SELECT SUM(salary) FILTER (WHERE active) OVER () AS w FROM people) AS s",
            RowWindow,
        ),
        ("SELECT SUM(w) FROM (SELECT SUM(DISTINCT salary) OVER () AS w FROM people) AS s", RowWindow),
        (
            "SELECT SUM(w) FROM (SELECT SUM(salary) OVER (ORDER BY free ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS w FROM people) AS s",
            RowWindow,
        ),
        (
            "SELECT SUM(w) FROM (SELECT SUM(salary) OVER (ORDER BY free RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS w FROM people) AS s",
            RowWindow,
        ),
        (
            "SELECT SUM(w) FROM (SELECT ROW_NUMBER() OVER (ORDER BY salary + free) AS w FROM people) AS s",
            RowWindow,
        ),
        (
            "SELECT SUM(w) FROM (SELECT RANK() OVER (ORDER BY free ROWS 1 PRECEDING) AS w FROM people) AS s",
            RowWindow,
        ),
        ("SELECT SUM(w) FROM (SELECT SUM(salary) OVER w AS w FROM people) AS s", RowWindow),
        (
            "SELECT COUNT(*) FROM (SELECT note, RANK() OVER (ORDER BY free) AS w FROM people) AS s JOIN people b ON s.note = b.note WHERE w = 1",
            RowWindowTables,
        ),
        (
            "SELECT COUNT(*) FROM (SELECT note, RANK() OVER (ORDER BY free) AS w FROM people) AS s WHERE w = 1 AND EXISTS (SELECT 1 FROM people b WHERE b.note = s.note)",
            RowWindowTables,
        ),
        (
            "SELECT COUNT(*) FROM people b WHERE note IN (SELECT note FROM (SELECT note, RANK() OVER (ORDER BY free) AS w FROM people) AS s WHERE w = 1)",
            RowWindowTables,
        ),
        (
            "SELECT SUM(w) FROM (SELECT RANK() OVER v AS w FROM people WINDOW v AS (ORDER BY free)) AS s",
            DerivedTable,
        ),
    ] {
        let refused = compile(sql, &[table(&[100])], 2).unwrap_err();
        assert!(
            matches!(refused, Refused::Unsupported { construct, .. } if construct == expected),
            "{sql}: {refused}"
        );
    }
}
