//! Joins of two tables of different owners: the joint result equals the plaintext one, whatever matches.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Date32Array, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use contract::{ColumnType, Schema};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Compiled, ResultTable, Source, Table, compile, decode, plain, rows::arrow_schema};

use crate::{
    jointly,
    place::{Owned, Place},
    random::assert_agrees,
    support::{Declare, column},
};

/// Accounts at banks.
fn accounts() -> Schema {
    Schema {
        columns: vec![
            column("phone", ColumnType::Integer).range("0", "99").nullable(),
            column("holder", ColumnType::Text).bytes_max(8).nullable(),
            column("opened", ColumnType::Date),
            column("region", ColumnType::Text).values(&["east", "west"]),
            column("balance", ColumnType::Integer).range("-1000", "1000"),
            column("loss", ColumnType::Integer).range("0", "500").nullable(),
        ],
    }
}

/// Subscribers of a telephone company.
fn subscribers() -> Schema {
    Schema {
        columns: vec![
            column("phone", ColumnType::Integer).range("-5", "99").nullable(),
            column("name", ColumnType::Text).bytes_max(7).nullable(),
            column("since", ColumnType::Date).nullable(),
            column("plan", ColumnType::Text).values(&["basic", "full"]),
            column("swaps", ColumnType::Integer).range("0", "9"),
            column("score", ColumnType::Integer).range("-50", "50").nullable(),
        ],
    }
}

pub(crate) type Row = (Option<i64>, Option<String>, Option<i32>, String, i64, Option<i64>);

fn batch(schema: &Schema, rows: &[Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|row| Some(row.3.as_str())).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| Some(row.4)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.5).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(arrow_schema(schema), columns).unwrap()
}

/// Rows of accounts and of subscribers, by owner.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) accounts: Vec<Vec<Row>>,
    pub(crate) subscribers: Vec<Vec<Row>>,
    pub(crate) floors: [u64; 2],
}

impl World {
    pub(crate) fn tables(&self) -> Vec<Table> {
        let table = |name: &str, schema: Schema, owners: &[Vec<Row>], floor_rows| Table {
            name: name.into(),
            datasets: owners
                .iter()
                .enumerate()
                .map(|(owner, rows)| Source {
                    reference: format!("owner{owner}/{name}@1"),
                    owner: format!("owner{owner}"),
                    schema: schema.clone(),
                    rows: rows.len() as u64,
                    floor_rows,
                    rows_per_person: None,
                })
                .collect(),
        };
        vec![
            table("accounts", accounts(), &self.accounts, self.floors[0]),
            table("subscribers", subscribers(), &self.subscribers, self.floors[1]),
        ]
    }

    pub(crate) fn compiled(&self, sql: &str, floor: u64) -> (Compiled, Vec<Vec<i128>>) {
        let compiled =
            compile(sql, &self.tables(), floor).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let inputs = self.inputs(&compiled);
        (compiled, inputs)
    }

    /// What each owner's stages yield.
    pub(crate) fn inputs(&self, compiled: &Compiled) -> Vec<Vec<i128>> {
        jointly::stages(compiled, |stage| {
            let (schema, owners) = match stage.table.as_str() {
                "accounts" => (accounts(), &self.accounts),
                _ => (subscribers(), &self.subscribers),
            };
            let rows = batch(&schema, &owners[usize::from(stage.provider)]);
            (schema, vec![rows])
        })
    }

    pub(crate) fn run(&self, sql: &str, floor: u64) -> (Compiled, Vec<Vec<i128>>, ResultTable) {
        let (compiled, inputs) = self.compiled(sql, floor);
        let outputs = jointly::interpreted(&compiled.program, &inputs);
        let result = decode(&compiled, &outputs).unwrap();
        (compiled, outputs, result)
    }

    pub(crate) fn expected(&self, sql: &str) -> ResultTable {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let tables = vec![
            ("accounts".into(), accounts(), vec![batch(&accounts(), &self.accounts.concat())]),
            ("subscribers".into(), subscribers(), vec![batch(&subscribers(), &self.subscribers.concat())]),
        ];
        runtime.block_on(plain::query(sql, tables)).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }
}

/// 2020-01-01, in days since 1970-01-01.
const NEW_YEAR: i32 = 18_262;

pub(crate) fn row(second: bool) -> impl Strategy<Value = Row> {
    let words = if second { ["basic", "full"] } else { ["east", "west"] };
    let day = NEW_YEAR..NEW_YEAR + 4;
    let day = if second { option::of(day).boxed() } else { day.prop_map(Some).boxed() };
    let number = if second { 0_i64..=9 } else { -1000..=1000 };
    let other = if second { -50_i64..=50 } else { 0..=500 };
    (
        option::weighted(0.9, 0_i64..6),
        option::weighted(0.9, select(vec!["ann", "bob", "cy"])),
        day,
        select(words.to_vec()),
        number,
        option::weighted(0.8, other),
    )
        .prop_map(|(phone, name, day, word, number, other)| {
            (phone, name.map(str::to_owned), day, word.to_owned(), number, other)
        })
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    (vec(vec(row(false), 0..9), 1..=3), vec(vec(row(true), 0..9), 1..=2))
        .prop_map(|(accounts, subscribers)| World { accounts, subscribers, floors: [1, 1] })
}

pub(crate) fn key() -> impl Strategy<Value = &'static str> {
    select(vec![
        "a.phone = s.phone",
        "s.phone = a.phone",
        "a.holder = s.name",
        "opened = since",
        "a.phone = s.phone AND a.holder = s.name",
        "a.holder = s.name AND opened = s.since",
    ])
}

pub(crate) fn own_condition(second: bool) -> impl Strategy<Value = &'static str> {
    select(match second {
        false => vec!["balance > 0", "loss IS NULL", "region = 'east'", "holder LIKE 'a%'", "loss < 200"],
        true => {
            vec!["swaps >= 4", "score IS NOT NULL", "plan <> 'full'", "score > 0", "s.phone BETWEEN 1 AND 4"]
        }
    })
}

/// A formula over both tables.
fn mixed() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![own_condition(false), own_condition(true)];
    prop_oneof![
        own_condition(false).prop_map(str::to_owned),
        own_condition(true).prop_map(str::to_owned),
        (leaf.clone(), leaf.clone()).prop_map(|(x, y)| format!("({x} OR {y})")),
        (leaf.clone(), leaf.clone(), leaf.clone())
            .prop_map(|(x, y, z)| format!("NOT ({x} AND ({y} OR NOT {z}))")),
        (leaf.clone(), leaf.clone(), leaf.clone(), leaf)
            .prop_map(|(x, y, z, w)| format!("({x} AND {y} OR {z} AND {w})")),
    ]
}

fn join() -> impl Strategy<Value = String> {
    let inner =
        (key(), option::of(mixed()), option::of(mixed()), 0..3).prop_map(|(key, on, filter, form)| {
            let on = on.map(|on| format!(" AND {on}")).unwrap_or_default();
            let filter_of =
                |word: &str| filter.as_ref().map(|filter| format!(" {word} {filter}")).unwrap_or_default();
            match form {
                0 => format!("accounts AS a JOIN subscribers AS s ON {key}{on}{}", filter_of("WHERE")),
                1 => format!("accounts a INNER JOIN subscribers s ON ({key}){on}{}", filter_of("WHERE")),
                _ => format!("accounts AS a, subscribers AS s WHERE {key}{on}{}", filter_of("AND")),
            }
        });
    let left = (
        key(),
        option::of(own_condition(true)),
        option::of(own_condition(false)),
        option::of(own_condition(false)),
    )
        .prop_map(|(key, of_second, of_first, filter)| {
            let and = |condition: Option<&str>| condition.map(|c| format!(" AND {c}")).unwrap_or_default();
            let filter = filter.map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
            format!(
                "accounts AS a LEFT JOIN subscribers AS s ON {key}{}{}{filter}",
                and(of_second),
                and(of_first)
            )
        });
    prop_oneof![3 => inner, 2 => left]
}

pub(crate) fn query() -> impl Strategy<Value = String> {
    let keys = proptest::sample::subsequence(vec!["plan", "region"], 0..=2);
    let keys = (keys, any::<bool>()).prop_map(|(mut keys, turned)| {
        if turned {
            keys.reverse();
        }
        keys
    });
    let numeric = select(vec!["SUM", "AVG", "MIN", "MAX", "VAR_SAMP", "STDDEV_SAMP", "COUNT"]);
    let aggregate = prop_oneof![
        Just("COUNT(*)".to_owned()),
        Just("COUNT(s.phone)".to_owned()),
        Just("SUM(swaps * 2 - 3)".to_owned()),
        Just("MAX(opened)".to_owned()),
        Just("MIN(since)".to_owned()),
        Just("MIN(holder)".to_owned()),
        Just("MAX(region)".to_owned()),
        Just("MAX(CASE WHEN balance > 0 THEN holder END)".to_owned()),
        Just("SUM(balance * loss)".to_owned()),
        Just("SUM(CASE WHEN balance > 0 THEN balance ELSE 0 END)".to_owned()),
        Just("MAX(CASE WHEN region = 'east' THEN balance END)".to_owned()),
        (numeric, select(vec!["balance", "loss", "swaps", "score"])).prop_map(|(f, x)| format!("{f}({x})")),
    ];
    let of_both = select(vec![
        "SUM(CASE WHEN plan = 'full' THEN balance ELSE 0 END)",
        "AVG(CASE WHEN swaps BETWEEN 2 AND 7 THEN loss END)",
        "COUNT(CASE WHEN score IS NULL THEN loss END)",
        "MIN(CASE WHEN balance > 0 THEN swaps END)",
        "MIN(CASE WHEN swaps > 3 THEN holder END)",
        "VAR_SAMP(CASE WHEN region = 'east' OR loss > 100 THEN score END)",
    ]);
    let of_both = option::of(of_both);
    (keys, vec(aggregate, 1..4), of_both, join(), any::<bool>()).prop_map(
        |(keys, mut aggregates, of_both, join, descending)| {
            // A condition on the second table of LEFT JOIN is refused.
            aggregates.extend(of_both.filter(|_| !join.contains("LEFT")).map(str::to_owned));
            let mut items: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            items.extend(aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")));
            let mut sql = format!("SELECT {} FROM {join}", items.join(", "));
            if let [first, rest @ ..] = keys.as_slice() {
                sql.push_str(&format!(" GROUP BY {}", keys.join(", ")));
                if descending {
                    let rest: String = rest.iter().map(|key| format!(", {key}")).collect();
                    sql.push_str(&format!(" ORDER BY {first} DESC{rest}"));
                }
            }
            sql
        },
    )
}

/// EXISTS and IN, and what may stand beside them.
fn existence() -> impl Strategy<Value = String> {
    let and = |condition: Option<&str>| condition.map(|c| format!(" AND {c}")).unwrap_or_default();
    let exists = (
        any::<bool>(),
        select(vec!["1", "*", "s.name"]),
        select(vec![
            "a.phone = s.phone",
            "s.name = a.holder AND a.phone = s.phone",
            "opened = since",
            "a.holder = name",
        ]),
        option::of(own_condition(true)),
        option::of(own_condition(false)),
    )
        .prop_map(move |(negated, item, key, of_second, of_first)| {
            let not = if negated { "NOT " } else { "" };
            let (of_second, of_first) = (and(of_second), and(of_first));
            format!("{not}EXISTS (SELECT {item} FROM subscribers AS s WHERE {key}{of_second}{of_first})")
        });
    let within = (
        select(vec![("a.phone", "phone"), ("phone", "s.phone"), ("holder", "name"), ("opened", "since")]),
        option::of(own_condition(true)),
    )
        .prop_map(|((key, item), condition)| {
            let condition = condition.map(|c| format!(" WHERE {c}")).unwrap_or_default();
            format!("{key} IN (SELECT {item} FROM subscribers s{condition})")
        });
    let aggregate = select(vec![
        "COUNT(*)",
        "COUNT(loss)",
        "SUM(balance)",
        "AVG(loss)",
        "MIN(balance)",
        "MAX(opened)",
        "SUM(CASE WHEN balance > 0 THEN balance ELSE 0 END)",
        "STDDEV_SAMP(balance)",
    ]);
    let filter = option::of(own_condition(false));
    (vec(aggregate, 1..4), prop_oneof![2 => exists, 1 => within], filter, any::<bool>()).prop_map(
        |(aggregates, existence, filter, grouped)| {
            let mut items: Vec<String> = grouped.then(|| "region".to_owned()).into_iter().collect();
            items.extend(aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")));
            let filter = filter.map(|filter| format!("{filter} AND ")).unwrap_or_default();
            let by = if grouped { " GROUP BY region" } else { "" };
            format!("SELECT {} FROM accounts AS a WHERE {filter}{existence}{by}", items.join(", "))
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 30, ..Config::default() })]

    #[test]
    fn rows_with_and_without_partners(world in world(), sql in existence(), floor in 1_u64..3) {
        let (_, _, joint) = world.run(&sql, floor);
        assert_agrees(&sql, &joint, world.expected(&sql), sql.contains("GROUP BY"));
    }
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    #[test]
    fn the_joint_result_equals_the_plaintext_result(world in world(), sql in query(), floor in 1_u64..4) {
        let (_, outputs, joint) = world.run(&sql, floor);
        for row in 0..outputs[0].len() {
            let shown = outputs[0][row] == 1;
            prop_assert!(shown || outputs.iter().all(|column| column[row] == 0), "{sql}: withheld, but opened");
        }
        assert_agrees(&sql, &joint, world.expected(&sql), sql.contains("GROUP BY"));
    }

}

proptest! {
    #![proptest_config(Config { cases: 10, ..Config::default() })]

    /// What is shared has the sizes that were published, whatever matches.
    #[test]
    fn sizes_do_not_depend_on_the_data(one in world(), sql in query()) {
        let blank = |owners: &[Vec<Row>]| -> Vec<Vec<Row>> {
            let none = |row: &Row| (None, None, row.2, row.3.clone(), 0, None);
            owners.iter().map(|rows| rows.iter().map(none).collect()).collect()
        };
        let other = World {
            accounts: blank(&one.accounts),
            subscribers: blank(&one.subscribers),
            floors: one.floors,
        };
        let (first, a, _) = one.run(&sql, 2);
        let (second, b, _) = other.run(&sql, 2);
        prop_assert_eq!(first.program, second.program);
        prop_assert_eq!(a.len(), b.len());
    }
}

pub(crate) fn account(phone: i64, region: &str, balance: i64) -> Row {
    (Some(phone), None, Some(NEW_YEAR), region.into(), balance, None)
}

pub(crate) fn subscriber(phone: i64, plan: &str, swaps: i64) -> Row {
    (Some(phone), None, None, plan.into(), swaps, None)
}

/// Two banks and one telephone company; phone 2 has accounts at both.
pub(crate) fn three_owners(floors: [u64; 2]) -> World {
    World {
        accounts: vec![
            vec![account(1, "east", 100), account(2, "east", 50), account(2, "west", 5)],
            vec![account(2, "east", 7), account(9, "west", 1)],
        ],
        subscribers: vec![vec![
            subscriber(1, "full", 1),
            subscriber(2, "full", 4),
            subscriber(3, "basic", 9),
        ]],
        floors,
    }
}

/// The tables of `tests/slt`: accounts at two banks, and a telephone company's subscribers.
pub(crate) fn three_owners_place() -> Place {
    type Written<'a> = (Option<i64>, Option<&'a str>, Option<i32>, &'a str, i64, Option<i64>);
    let owned = |name, schema: Schema, owners: &[&[Written<'_>]]| {
        let row = |(phone, holder, day, word, number, other): &Written<'_>| -> Row {
            let day = day.map(|day| NEW_YEAR + day);
            (*phone, holder.map(str::to_owned), day, (*word).to_owned(), *number, *other)
        };
        let rows = |rows: &&[Written<'_>]| batch(&schema, &rows.iter().map(row).collect::<Vec<_>>());
        let owners = owners.iter().map(rows).collect();
        Owned { name, schema, owners, floor_rows: 1 }
    };
    Place(vec![
        owned(
            "accounts",
            accounts(),
            &[
                &[
                    (Some(1), Some("ann"), Some(0), "east", 100, None),
                    (Some(2), Some("bob"), Some(1), "east", -50, Some(20)),
                    (Some(2), Some("ann"), Some(2), "west", 300, Some(5)),
                    (None, Some("cy"), Some(0), "west", 70, Some(400)),
                ],
                &[
                    (Some(2), None, Some(1), "east", 10, Some(7)),
                    (Some(9), Some("dee"), Some(3), "west", 40, None),
                    (Some(4), Some("eve"), Some(0), "east", 900, Some(90)),
                ],
            ],
        ),
        owned(
            "subscribers",
            subscribers(),
            &[&[
                (Some(1), Some("ann"), Some(0), "full", 1, Some(-3)),
                (Some(2), Some("bob"), None, "full", 4, None),
                (Some(2), Some("eve"), Some(1), "basic", 2, Some(8)),
                (Some(4), None, Some(2), "basic", 0, Some(50)),
                (None, Some("dee"), Some(0), "full", 9, Some(1)),
            ]],
        ),
    ])
}

/// The uses of a query over the tables that it names.
pub(crate) fn uses_of(
    sql: &str,
) -> std::collections::BTreeMap<
    String,
    std::collections::BTreeMap<String, std::collections::BTreeSet<contract::terms::Use>>,
> {
    usage_of(sql).columns
}

pub(crate) fn usage_of(sql: &str) -> contract::policy::Usage {
    let named = treaty_compiler::tables(sql).unwrap();
    let tables = three_owners([1, 1]).tables().into_iter().filter(|table| named.contains(&table.name));
    let compiled = compile(sql, &tables.collect::<Vec<_>>(), 1);
    compiled.unwrap_or_else(|refused| panic!("{sql}: {refused}")).usage
}

#[test]
fn keys_may_repeat_on_both_sides() {
    let sql = "SELECT region, COUNT(*), SUM(balance), SUM(swaps), MAX(swaps), MIN(balance) \
               FROM accounts a JOIN subscribers s ON a.phone = s.phone GROUP BY region";
    let world = three_owners([1, 1]);
    let (_, _, result) = world.run(sql, 1);
    let numbers =
        |row: usize| result.rows[row].iter().skip(1).map(|cell| cell.number().unwrap()).collect::<Vec<_>>();
    assert_eq!(numbers(0), [3.0, 157.0, 9.0, 4.0, 7.0]);
    assert_eq!(numbers(1), [1.0, 5.0, 4.0, 4.0, 5.0]);
    let mut twice = world.clone();
    twice.subscribers.push(world.subscribers[0].clone());
    let (_, _, result) = twice.run(sql, 1);
    assert_eq!(result.rows[0][1], treaty_compiler::Cell::Integer(6));
}

/// What one aggregate counts as rows with a value, another counts under a condition on the other table: the stage asks
/// for both, and no optimiser may take one for the other's name.
#[test]
fn one_columns_values_are_counted_for_several_aggregates() {
    let world = World {
        accounts: vec![vec![account(1, "east", 10), account(2, "west", 20)]],
        subscribers: vec![vec![
            (Some(1), None, Some(NEW_YEAR), "full".into(), 1, Some(3)),
            (Some(1), None, None, "full".into(), 1, Some(5)),
            (Some(2), None, Some(NEW_YEAR + 1), "basic".into(), 2, None),
        ]],
        floors: [1, 1],
    };
    for aggregates in [
        "COUNT(score), MIN(since), VAR_SAMP(CASE WHEN region = 'east' OR loss > 100 THEN score END)",
        "COUNT(score), SUM(score), AVG(CASE WHEN balance > 5 THEN score END), COUNT(s.phone), COUNT(since)",
        "SUM(swaps), MAX(CASE WHEN balance > 5 THEN swaps END), SUM(CASE WHEN balance > 5 THEN swaps END)",
    ] {
        let from = "FROM accounts AS a JOIN subscribers AS s ON a.phone = s.phone";
        for sql in [
            format!("SELECT {aggregates} {from}"),
            format!("SELECT {aggregates} {from} AND score IS NOT NULL"),
        ] {
            assert_agrees(&sql, &world.run(&sql, 1).2, world.expected(&sql), false);
        }
    }
}

/// A group of three pairs stands on three accounts and two subscribers, one of whom has two accounts in it.
#[test]
fn pairs_do_not_lift_a_table_over_its_owners_floor() {
    let sql = "SELECT region, COUNT(*), SUM(swaps) FROM accounts a JOIN subscribers s ON a.phone = s.phone GROUP BY region";
    let shown = |floors| three_owners(floors).run(sql, 3).2.rows.len();
    assert_eq!([shown([1, 1]), shown([3, 2]), shown([4, 1]), shown([1, 3])], [1, 1, 0, 0]);
    // One subscriber with three accounts.
    let world = World {
        accounts: vec![vec![account(2, "east", 1), account(2, "east", 2), account(2, "east", 3)]],
        ..three_owners([1, 2])
    };
    let (_, outputs, result) = world.run(sql, 3);
    assert!(result.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0), "{outputs:?}");
}

#[test]
fn three_parties_compute_what_the_interpreter_does() {
    let world = three_owners([2, 1]);
    for sql in [
        "SELECT plan, region, COUNT(*), AVG(balance), STDDEV_SAMP(swaps), MAX(opened) FROM accounts a \
         JOIN subscribers s ON a.phone = s.phone WHERE balance > 1 OR swaps = 4 GROUP BY plan, region",
        "SELECT plan, COUNT(*), SUM(balance), MIN(swaps) FROM accounts a \
         LEFT JOIN subscribers s ON a.phone = s.phone AND swaps < 4 GROUP BY plan",
    ] {
        let (compiled, inputs) = world.compiled(sql, 1);
        let wanted = decode(&compiled, &jointly::interpreted(&compiled.program, &inputs)).unwrap();
        let opened = jointly::on_shares(&compiled.program, &inputs, vm::SchemeName::Rep3);
        let difference = decode(&compiled, &opened).unwrap().difference(&wanted);
        assert!(
            !wanted.rows.is_empty() && difference.mismatches == 0 && difference.relative < 1e-6,
            "{sql}: {difference:?}"
        );
    }
}

#[test]
fn keys_conditions_and_aggregates_are_uses() {
    use contract::terms::Use::{Aggregate, Extreme, Filter, Group, Join};
    let sql = "SELECT plan, COUNT(*), SUM(balance), MAX(swaps) FROM accounts a JOIN subscribers s \
               ON a.phone = s.phone AND (s.score > 3 OR a.loss > 5) WHERE a.holder = s.name GROUP BY plan";
    let uses = three_owners([1, 1]).compiled(sql, 1).0.usage.columns;
    let of = |table: &str, column: &str| uses[table][column].iter().copied().collect::<Vec<_>>();
    assert_eq!(of("accounts", "phone"), [Join]);
    assert_eq!(of("subscribers", "name"), [Join]);
    assert_eq!(of("accounts", "holder"), [Join]);
    assert_eq!(of("subscribers", "score"), [Filter]);
    assert_eq!(of("accounts", "loss"), [Filter]);
    assert_eq!(of("subscribers", "plan"), [Group]);
    assert_eq!(of("accounts", "balance"), [Aggregate]);
    assert_eq!(of("subscribers", "swaps"), [Extreme]);
}

#[test]
fn a_subquery_hides_no_use() {
    use contract::terms::Use::{self, Aggregate, Filter, Join};
    let wanted =
        |column: &str,
         uses: &[Use],
         found: &std::collections::BTreeMap<String, std::collections::BTreeSet<Use>>| {
            assert_eq!(
                found.get(column).map(|found| found.iter().copied().collect::<Vec<_>>()),
                Some(uses.to_vec()),
                "{column}"
            );
        };
    for sql in [
        "SELECT SUM(balance) FROM accounts a WHERE EXISTS (SELECT 1 FROM subscribers s WHERE s.phone = a.phone AND score > 3 AND loss < 5)",
        "SELECT SUM(balance) FROM accounts a WHERE NOT EXISTS (SELECT * FROM subscribers s WHERE s.phone = a.phone AND score > 3 AND loss < 5)",
        "SELECT SUM(balance) FROM accounts a WHERE phone IN (SELECT phone FROM subscribers s WHERE score > 3) AND loss < 5",
    ] {
        let uses = three_owners([1, 1]).compiled(sql, 1).0.usage.columns;
        wanted("phone", &[Join], &uses["accounts"]);
        wanted("balance", &[Aggregate], &uses["accounts"]);
        wanted("loss", &[Filter], &uses["accounts"]);
        wanted("phone", &[Join], &uses["subscribers"]);
        wanted("score", &[Filter], &uses["subscribers"]);
    }
}

#[test]
fn a_join_needs_a_key_of_one_type() {
    use treaty_compiler::Refused;
    let tables = three_owners([1, 1]).tables();
    let refused = |sql: &str| compile(sql, &tables, 1).unwrap_err();
    let from = "SELECT COUNT(*) FROM accounts a JOIN subscribers s ON";
    assert!(matches!(refused(&format!("{from} a.balance > 3")), Refused::NoJoinKey { .. }));
    assert!(matches!(
        refused(&format!("{from} a.opened = s.name")),
        Refused::JoinKeyTypes { .. } | Refused::Meaning(_)
    ));
    assert!(matches!(refused(&format!("{from} a.phone = s.name")), Refused::JoinKeyTypes { .. }));
    let same = "SELECT COUNT(*) FROM accounts JOIN accounts ON phone = phone";
    assert!(matches!(refused(same), Refused::SameRelation(_) | Refused::Meaning(_)));
}
