//! Functions of columns that owners compute at home: the joint result equals the plaintext one, wherever they stand.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Date32Array},
    record_batch::RecordBatch,
};
use contract::{ColumnType, Schema};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::answers::identities;
use treaty_compiler::overlap::{self, Answer, Field, Verdict};
use treaty_compiler::{Cell, Construct, Refused, ResultTable, Table, compile, rows::arrow_schema};
use vm::SchemeName;

use crate::{
    joins::{World, three_owners_place, world},
    place::{Owned, Place},
    random::{assert_agrees, person},
    support::{Declare, Person, batch, batches, column, expected, people, run, table},
};

/// Whose values follow from what is declared.
const LISTED: &[&str] = &[
    "EXTRACT(MONTH FROM joined)",
    "EXTRACT(DOW FROM joined)",
    "date_part('quarter', joined)",
    "EXTRACT(week FROM joined)",
    "UPPER(rank)",
    "LEFT(rank, 1)",
    "RIGHT(UPPER(rank), 2)",
    "SUBSTRING(rank FROM 2 FOR 2)",
    "SUBSTR(rank, 3)",
    "LENGTH(rank)",
    "CHARACTER_LENGTH(note)",
    "OCTET_LENGTH(note)",
];

const OTHERS: &[&str] = &[
    "EXTRACT(YEAR FROM joined)",
    "EXTRACT(DOY FROM joined)",
    "DATE_TRUNC('month', joined)",
    "DATE_TRUNC('week', joined)",
    "DATE_TRUNC('quarter', joined)",
    "LOWER(LEFT(note, 3))",
    "UPPER(RIGHT(note, 1))",
    "TRIM(note)",
    "LTRIM(RTRIM(note))",
    "note || '-' || rank",
    "CONCAT(note, rank)",
    "SUBSTRING(note, 2, 3)",
];

fn condition() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "LENGTH(note) > 1",
        "EXTRACT(YEAR FROM joined) = 2020",
        "EXTRACT(MONTH FROM joined) NOT BETWEEN 3 AND 5",
        "DATE_TRUNC('month', joined) = DATE '2020-03-01'",
        "UPPER(rank) LIKE 'L%'",
        "LEFT(note, 1) = 'a'",
        "COALESCE(LOWER(note), 'x') <> 'ab'",
        "SUBSTRING(note FROM 2 FOR 2) IN ('b', '%', '')",
        "TRIM(note) = note",
        "rank || note > 'low'",
        "joined >= DATE '2020-12-31' - INTERVAL '3' MONTH - INTERVAL '10 days'",
        "joined BETWEEN DATE '2019-02-28' + INTERVAL '1 year' AND DATE '2020-01-31' + INTERVAL '1 month 4 weeks'",
        "CONCAT(note, 'x') = 'x'",
    ]);
    (leaf.clone(), select(vec!["AND", "OR", "AND NOT"]), leaf).prop_map(|(x, op, y)| format!("{x} {op} {y}"))
}

fn aggregates() -> impl Strategy<Value = &'static str> {
    select(vec![
        "SUM(LENGTH(note)) AS a, MAX(EXTRACT(DOY FROM joined)) AS b",
        "AVG(LENGTH(rank)) AS a, MIN(DATE_TRUNC('month', joined)) AS b",
        "SUM(CASE WHEN EXTRACT(MONTH FROM joined) < 4 THEN salary END) AS a",
        "COUNT(CASE WHEN LENGTH(note) > 1 THEN 1 END) AS a, VAR_POP(LENGTH(note)) AS b",
        "SUM(LENGTH(rank) * salary) AS a, COUNT(LEFT(note, 1)) AS b",
    ])
}

fn query() -> impl Strategy<Value = String> {
    let listed = (select(LISTED), Just(String::new()));
    let others = (select(OTHERS), (1_u32..6).prop_map(|rows| format!(" LIMIT {rows}")));
    (prop_oneof![listed, others], aggregates(), option::of(condition())).prop_map(
        |((key, limit), aggregates, condition)| {
            let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
            format!("SELECT {key} AS k, COUNT(*) AS n, {aggregates} FROM people{filter} GROUP BY {key} ORDER BY k{limit}")
        },
    )
}

/// A function of both tables' columns, by which they are joined.
fn join() -> impl Strategy<Value = String> {
    let on = select(vec![
        "UPPER(a.holder) = UPPER(s.name)",
        "LEFT(holder, 1) = LEFT(name, 1)",
        "EXTRACT(DAY FROM opened) = EXTRACT(DAY FROM since)",
        "DATE_TRUNC('day', a.opened) = s.since AND LENGTH(a.holder) = LENGTH(s.name)",
    ]);
    let condition =
        select(vec!["", " WHERE LENGTH(plan) = 4", " WHERE EXTRACT(DOW FROM a.opened) < 5 OR swaps > 3"]);
    (on, condition).prop_map(|(on, condition)| {
        format!(
            "SELECT COUNT(*) AS n, SUM(balance) AS b FROM accounts a JOIN subscribers s ON {on}{condition}"
        )
    })
}

proptest! {
    #![proptest_config(Config { cases: 60, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(
        owners in vec(vec(person(), 0..12), 1..=3), sql in query(),
    ) {
        let (_, outputs, joint) = run(&sql, &owners, 1);
        for row in 0..outputs[0].len() {
            prop_assert!(outputs[0][row] == 1 || outputs.iter().all(|column| column[row] == 0), "{sql}");
        }
        assert_agrees(&sql, &joint, expected(&sql, &owners), true);
    }

    #[test]
    fn tables_are_joined_by_what_owners_compute(world in world(), sql in join()) {
        let (_, _, joint) = world.run(&sql, 1);
        let plain = world.expected(&sql);
        let is_empty = matches!(plain.rows[0][0], Cell::Integer(0));
        let plain = if is_empty { ResultTable { rows: Vec::new(), ..plain } } else { plain };
        assert_agrees(&sql, &joint, plain, true);
    }

    #[test]
    fn values_of_functions_are_matched_as_sets(
        world in world(), operation in select(vec!["UNION", "INTERSECT", "EXCEPT"]),
    ) {
        let sql = format!(
            "SELECT UPPER(holder) AS h, EXTRACT(DAY FROM opened) AS d FROM accounts {operation} \
             SELECT UPPER(name), EXTRACT(DAY FROM since) FROM subscribers ORDER BY 1, 2 LIMIT 4"
        );
        let (_, _, joint) = World { floors: [1, 1], ..world.clone() }.run(&sql, 1);
        prop_assert_eq!(joint.rows, world.expected(&sql).rows);
    }
}

#[test]
fn three_parties_group_by_a_function() {
    let place = three_owners_place();
    for sql in [
        "SELECT EXTRACT(DAY FROM opened) AS d, COUNT(*) AS n, MAX(holder) AS h FROM accounts GROUP BY d ORDER BY d",
        "SELECT UPPER(LEFT(name, 2)) AS k, MIN(name) AS m FROM subscribers GROUP BY 1 ORDER BY 1 LIMIT 3",
    ] {
        let compiled = place.compiled(sql, 1).unwrap();
        let joint = place.joint(&compiled, Some(SchemeName::Rep3));
        assert_eq!(joint.rows, place.plain(sql).rows, "{sql}");
    }
}

/// A function's values single out rows as its column's do; owners count them over their own rows all the same.
#[test]
fn a_group_by_a_function_is_held_against_earlier_answers() {
    let rows: Vec<Person> = (0..40)
        .map(|n| Person {
            rank: "low".into(),
            joined: Some(18_262 + if n == 0 { 40 } else { n % 20 }),
            salary: 100 * i64::from(n),
            ..Person::default()
        })
        .collect();
    let answer = |sql: &str| {
        let compiled = compile(sql, &[table(&[40])], 10).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let open = || batches(vec![batch(&rows)]);
        let selected =
            runtime.block_on(compiled.answers[0].select("owner0/people@1", &people(), open())).unwrap();
        let identities = runtime.block_on(identities("owner0/people@1", &people(), open())).unwrap();
        Answer { selected, identities, floor_rows: 10 }
    };
    let all = answer("SELECT SUM(salary) AS s FROM people");
    let field = Field::from_random(0x5eed);
    let verdict = |sql: &str| overlap::compare(&[&all], &answer(sql), 10, true, field);
    for sql in [
        "SELECT EXTRACT(MONTH FROM joined) AS m, SUM(salary) AS s FROM people GROUP BY m",
        "SELECT SUM(salary) AS s FROM people WHERE EXTRACT(MONTH FROM joined) = 1",
    ] {
        assert!(matches!(verdict(sql), Verdict::Close(_)), "{sql}");
    }
    let apart = "SELECT SUM(salary) AS s FROM people WHERE EXTRACT(DOW FROM joined) < 3";
    assert!(!matches!(verdict(apart), Verdict::Close(_)));
}

/// What is computed may be as long as no text of the column is: letters grow when their case changes.
#[test]
fn texts_that_grow_come_back_whole() {
    let owners = [vec![Person { rank: "mid".into(), note: Some("ŉΐ".into()), ..Person::default() }]];
    let sql = "SELECT UPPER(LEFT(note, 2)) AS u, MIN(note) AS n, MAX(LOWER(rank)) AS r FROM people GROUP BY u LIMIT 2";
    let (_, _, result) = run(sql, &owners, 1);
    assert_eq!(result.rows, expected(sql, &owners).rows);
    assert_eq!(result.rows[0][0], Cell::Text("ŉΐ".to_uppercase()));
}

/// A column moved by an interval has a range of its own, and so may be a group.
#[test]
fn a_date_that_is_moved_is_a_date() {
    let day = column("day", ColumnType::Date).range("2020-01-01", "2020-12-31");
    let schema = Schema { columns: vec![day] };
    let days: ArrayRef = Arc::new(Date32Array::from(vec![18_262, 18_292, 18_321, 18_321, 18_627]));
    let rows = RecordBatch::try_new(arrow_schema(&schema), vec![days]).unwrap();
    let place = Place(vec![Owned { name: "days", schema, owners: vec![rows], floor_rows: 1 }]);
    for sql in [
        "SELECT day + INTERVAL '1' MONTH AS d, COUNT(*) AS n FROM days GROUP BY day + INTERVAL '1' MONTH ORDER BY d LIMIT 9",
        "SELECT COUNT(*) AS n FROM days WHERE day - INTERVAL '1 year 2 days' < DATE '2020-03-01' - INTERVAL '1' YEAR",
    ] {
        let joint = place.joint(&place.compiled(sql, 1).unwrap(), None);
        assert_eq!(joint.rows, place.plain(sql).rows, "{sql}");
    }
    let by_month =
        "SELECT EXTRACT(MONTH FROM day + INTERVAL '1' MONTH) AS m, COUNT(*) AS n FROM days GROUP BY m";
    let joint = place.joint(&place.compiled(by_month, 1).unwrap(), None);
    let rows: Vec<[Cell; 2]> =
        [(1, 1), (2, 2), (3, 2)].map(|(m, n)| [Cell::Integer(m), Cell::Integer(n)]).into();
    assert_eq!(joint.rows, rows);
}

/// CONCAT makes a text of a row that an outer join lacks, which no owner has; what is NULL for it is computed at home.
#[test]
fn what_a_join_may_lack_is_not_made_a_text() {
    let place = three_owners_place();
    let join = |aggregate: &str, kind: &str| {
        format!("SELECT {aggregate} AS n FROM accounts a {kind} JOIN subscribers s ON a.phone = s.phone")
    };
    for (aggregate, kind) in [
        ("COUNT(CONCAT(s.name, 'x'))", "LEFT"),
        ("SUM(LENGTH(UPPER(CONCAT(s.name, 'x'))))", "LEFT"),
        ("COUNT(CONCAT(a.holder, 'x'))", "RIGHT"),
        ("COUNT(CONCAT(a.holder, 'x'))", "FULL"),
        ("COUNT(CONCAT(s.name, 'x'))", "FULL"),
    ] {
        let refused = place.compiled(&join(aggregate, kind), 1).unwrap_err();
        let is_outer = matches!(&refused, Refused::Unsupported { construct: Construct::OuterCase, .. });
        assert!(is_outer, "{aggregate} {kind}: {refused}");
    }
    for (aggregate, kind) in [
        ("COUNT(CONCAT(a.holder, 'x'))", "LEFT"),
        ("SUM(LENGTH(CONCAT(s.name, 'x')))", "RIGHT"),
        ("COUNT(s.name || 'x')", "LEFT"),
        ("SUM(LENGTH(UPPER(a.holder)))", "FULL"),
    ] {
        let sql = join(aggregate, kind);
        let joint = place.joint(&place.compiled(&sql, 1).unwrap(), None);
        assert_eq!(joint.rows, place.plain(&sql).rows, "{sql}");
    }
}

/// The table `people`, and `others` with those of its columns.
fn with_others(columns: &[&str]) -> [Table; 2] {
    let mut others = Table { name: "others".into(), ..table(&[40]) };
    for source in &mut others.datasets {
        source.schema.columns.retain(|column| columns.contains(&column.name.as_str()));
    }
    [table(&[40]), others]
}

#[test]
fn a_table_is_found_however_its_name_is_written() {
    for table_name in ["People", "PEOPLE", "\"people\""] {
        let sql = format!("SELECT SUM(LENGTH(note)) AS l FROM {table_name} WHERE UPPER(rank) = 'LOW'");
        compile(&sql, &[table(&[40])], 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        // So are the units of its columns.
        let sql = format!("SELECT SUM(salary - bonus) AS s FROM {table_name}");
        let mut town = table(&[40]);
        for column in town.datasets.iter_mut().flat_map(|source| &mut source.schema.columns) {
            if column.name == "salary" {
                column.unit = "kg".to_owned();
            }
            if column.name == "bonus" {
                column.unit = "km".to_owned();
            }
        }
        let refused = compile(&sql, &[town], 1).unwrap_err();
        assert!(matches!(refused, Refused::Units { .. }), "{sql}: {refused}");
    }
}

/// A column is that of the innermost query which has it, so that a function of columns of two tables is none of either.
#[test]
fn a_function_is_of_the_table_that_sql_says() {
    let exists =
        "SELECT COUNT(*) AS n FROM people p WHERE EXISTS (SELECT 1 FROM others o WHERE o.free = p.free AND ";
    for (sql, others) in [
        (format!("{exists} CONCAT(note, rank) = 'a')"), ["free", "note"]),
        (
            "SELECT COUNT(*) AS n FROM people p JOIN others o ON p.free = o.free WHERE LENGTH(note) > 1"
                .into(),
            ["free", "note"],
        ),
        (
            "SELECT CONCAT(note, rank) AS t FROM people UNION SELECT CONCAT(note, rank) FROM others LIMIT 3"
                .into(),
            ["free", "note"],
        ),
        (
            "SELECT note FROM others UNION SELECT CONCAT(note, rank) FROM others LIMIT 3".into(),
            ["free", "note"],
        ),
    ] {
        let refused = compile(&sql, &with_others(&others), 1).unwrap_err();
        assert!(matches!(refused, Refused::Unqualified(_)), "{sql}: {refused}");
    }
    let inner = format!("{exists} LENGTH(note) > 1)");
    let compiled = compile(&inner, &with_others(&["free", "note"]), 1).unwrap();
    let uses =
        |table: &str| compiled.usage.columns.get(table).is_some_and(|columns| columns.contains_key("note"));
    assert!(uses("others") && !uses("people"));
}

/// What stands for a function in a subquery must not be a column of the table there.
#[test]
fn no_column_is_called_like_a_function() {
    let sql = "SELECT COUNT(*) AS n FROM people p WHERE EXISTS \
               (SELECT 1 FROM others o WHERE o.free = p.free AND LOWER(p.note) = 'a')";
    compile(sql, &with_others(&["free"]), 1).unwrap();
    let mut tables = with_others(&["free"]);
    tables[1].datasets[0].schema.columns.push(column("lower(note)", ColumnType::Text).bytes_max(8));
    let refused = compile(sql, &tables, 1).unwrap_err();
    assert!(matches!(&refused, Refused::Meaning(why) if why.contains("lower(note)")), "{refused}");
}

/// Where terms list the constants that a column may be compared with, a function of it is none of those comparisons.
#[test]
fn a_function_is_compared_with_more_than_constants() {
    let place = three_owners_place();
    let otherwise = |sql: &str, table: &str, column: &str| {
        let usage = place.compiled(sql, 1).unwrap().usage;
        let compared = usage.comparisons.get(table).and_then(|columns| columns.get(column));
        compared.is_some_and(|compared| compared.otherwise)
    };
    let condition = "SELECT COUNT(*) FROM accounts WHERE LEFT(holder, 1) = 'a'";
    assert!(otherwise(condition, "accounts", "holder"));
    assert!(otherwise("SELECT SUM(LENGTH(holder)) FROM accounts", "accounts", "holder"));
    let join =
        "SELECT COUNT(*) FROM accounts a JOIN subscribers s ON LOWER(a.holder) = s.name AND s.name = 'ann'";
    assert!(otherwise(join, "accounts", "holder") && otherwise(join, "subscribers", "name"));
    let by = "SELECT LEFT(holder, 1) AS h, COUNT(*) FROM accounts WHERE holder = 'ann' GROUP BY h LIMIT 2";
    assert!(!otherwise(by, "accounts", "holder"));
}
