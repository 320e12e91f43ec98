//! Joins of three tables and more, and of two by groups that are not public: the joint result equals the plaintext one.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use contract::{Column, ColumnType, Schema};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Construct, Refused, rows::arrow_schema};
use vm::SchemeName;

use crate::{
    place::{Owned, Place},
    random::assert_agrees,
    support::{Declare, assert_repeated, column},
};

fn integers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn texts<'t>(values: impl Iterator<Item = &'t str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// 2020-01-01, in days since 1970-01-01.
const NEW_YEAR: i32 = 18_262;

fn id(name: &str) -> Column {
    column(name, ColumnType::Integer).range("0", "20").nullable()
}

fn owned<R>(
    name: &'static str,
    owners: &[Vec<R>],
    floor: u64,
    columns: Vec<Column>,
    arrays: impl Fn(&[R]) -> Vec<ArrayRef>,
) -> Owned {
    let schema = Schema { columns };
    let batch = |rows: &Vec<R>| RecordBatch::try_new(arrow_schema(&schema), arrays(rows)).unwrap();
    Owned { name, owners: owners.iter().map(batch).collect(), schema: schema.clone(), floor_rows: floor }
}

type Customer = (Option<i64>, &'static str, i64);
type Order = (Option<i64>, Option<i64>, i32, i128);
type Line = (Option<i64>, Option<i64>, &'static str, i64, Option<i64>);
type Part = (Option<i64>, &'static str);

/// Which values the keys of customers and orders have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// Any, with several owners.
    Many,
    /// Each once, and none missing.
    Once,
    /// Each once, or none at all.
    OnceOrNone,
}

#[derive(Clone, Debug)]
struct World {
    keys: Keys,
    customers: Vec<Vec<Customer>>,
    orders: Vec<Vec<Order>>,
    lines: Vec<Vec<Line>>,
    parts: Vec<Vec<Part>>,
}

impl World {
    fn key(&self, name: &str) -> Column {
        match self.keys {
            Keys::Many => id(name),
            Keys::Once => Column { nullable: false, ..id(name).unique() },
            Keys::OnceOrNone => id(name).unique(),
        }
    }

    /// With one owner of customers and one of orders, whose keys are as given; of equal ones the first stays.
    fn with(self, keys: Keys) -> Self {
        fn kept<R: Clone>(rows: &[Vec<R>], keys: Keys, key: fn(&R) -> Option<i64>) -> Vec<Vec<R>> {
            let mut seen = Vec::new();
            let mut kept = rows.concat();
            kept.retain(|row| match key(row) {
                None => keys == Keys::OnceOrNone,
                Some(key) => {
                    !seen.contains(&key) && {
                        seen.push(key);
                        true
                    }
                }
            });
            vec![kept]
        }
        let customers = kept(&self.customers, keys, |row| row.0);
        let orders = kept(&self.orders, keys, |row| row.0);
        Self { keys, customers, orders, ..self }
    }

    fn place(&self, floors: [u64; 4]) -> Place {
        Place(vec![
            owned(
                "customers",
                &self.customers,
                floors[0],
                vec![
                    self.key("custkey"),
                    column("region", ColumnType::Text).values(&["east", "west"]),
                    column("balance", ColumnType::Integer).range("-100", "100"),
                    column("home", ColumnType::Text).values(&["blue", "red"]).nullable(),
                    column("name", ColumnType::Text).bytes_max(9).nullable(),
                ],
                |rows| {
                    vec![
                        integers(rows.iter().map(|row| row.0)),
                        texts(rows.iter().map(|row| row.1)),
                        integers(rows.iter().map(|row| Some(row.2))),
                        Arc::new(rows.iter().map(|row| home(row.2)).collect::<StringArray>()),
                        Arc::new(rows.iter().map(|row| name(row.2)).collect::<StringArray>()),
                    ]
                },
            ),
            owned(
                "orders",
                &self.orders,
                floors[1],
                vec![
                    self.key("orderkey"),
                    id("buyer"),
                    column("day", ColumnType::Date),
                    column("total", ColumnType::Decimal { scale: 2 }).range("0", "100"),
                ],
                |rows| {
                    let totals: Decimal128Array = rows.iter().map(|row| Some(row.3)).collect();
                    vec![
                        integers(rows.iter().map(|row| row.0)),
                        integers(rows.iter().map(|row| row.1)),
                        Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Date32Array>()),
                        Arc::new(totals.with_precision_and_scale(18, 2).unwrap()),
                    ]
                },
            ),
            owned(
                "lines",
                &self.lines,
                floors[2],
                vec![
                    id("of_order"),
                    id("of_part"),
                    column("mode", ColumnType::Text).values(&["air", "sea"]),
                    column("amount", ColumnType::Integer).range("0", "50"),
                    column("rebate", ColumnType::Integer).range("0", "9").nullable(),
                ],
                |rows| {
                    vec![
                        integers(rows.iter().map(|row| row.0)),
                        integers(rows.iter().map(|row| row.1)),
                        texts(rows.iter().map(|row| row.2)),
                        integers(rows.iter().map(|row| Some(row.3))),
                        integers(rows.iter().map(|row| row.4)),
                    ]
                },
            ),
            owned(
                "parts",
                &self.parts,
                floors[3],
                vec![id("partkey"), column("color", ColumnType::Text).values(&["blue", "red"])],
                |rows| vec![integers(rows.iter().map(|row| row.0)), texts(rows.iter().map(|row| row.1))],
            ),
        ])
    }
}

/// What closes a circle, if a customer has it.
fn home(balance: i64) -> Option<&'static str> {
    match balance.rem_euclid(5) {
        0 => None,
        1 | 2 => Some("blue"),
        _ => Some("red"),
    }
}

fn name(balance: i64) -> Option<&'static str> {
    [None, Some(""), Some("ann"), Some("ann a"), Some("é longer")]
        .get(balance.rem_euclid(7) as usize)
        .copied()?
}

fn key() -> impl Strategy<Value = Option<i64>> {
    option::weighted(0.95, 0_i64..4)
}

fn world() -> impl Strategy<Value = World> {
    let customer = (key(), select(vec!["east", "west"]), -100_i64..=100);
    let order = (key(), key(), NEW_YEAR..NEW_YEAR + 3, 0_i128..10_000);
    let line = (key(), key(), select(vec!["air", "sea"]), 0_i64..=50, option::weighted(0.8, 0_i64..=9));
    let part = (key(), select(vec!["blue", "red"]));
    (
        vec(vec(customer, 0..6), 1..=2),
        vec(vec(order, 0..7), 1..=2),
        vec(vec(line, 0..8), 1..=2),
        vec(vec(part, 0..6), 1..=2),
    )
        .prop_map(|(customers, orders, lines, parts)| World {
            keys: Keys::Many,
            customers,
            orders,
            lines,
            parts,
        })
}

/// Of several tables' columns.
fn of_several() -> impl Strategy<Value = &'static str> {
    select(vec![
        "SUM(amount * balance)",
        "SUM(total * amount - 2 * balance)",
        "AVG(rebate * (1 - total))",
        "COUNT(rebate * balance * total)",
        "SUM(CASE WHEN balance > 0 THEN amount ELSE 0 END)",
        "AVG(CASE WHEN total > 50 THEN rebate * balance END)",
        "CORR(amount, balance)",
        "COVAR_POP(total, rebate)",
        "VAR_POP(CASE WHEN mode = 'air' THEN balance END)",
    ])
}

fn aggregate() -> impl Strategy<Value = String> {
    let numeric = select(vec!["SUM", "AVG", "COUNT", "VAR_SAMP", "STDDEV_SAMP"]);
    prop_oneof![
        Just("COUNT(*)".to_owned()),
        Just("SUM(amount * rebate)".to_owned()),
        Just("SUM(CASE WHEN balance > 0 THEN 2 ELSE 0 END)".to_owned()),
        Just("SUM(total) - SUM(amount)".to_owned()),
        of_several().prop_map(str::to_owned),
        (numeric, select(vec!["amount", "rebate", "total", "balance"]))
            .prop_map(|(f, x)| format!("{f}({x})")),
    ]
}

/// Four tables in a circle, closed by columns with a public list of values.
fn circle() -> impl Strategy<Value = String> {
    let tied = "custkey = buyer AND orderkey = of_order AND of_part = partkey";
    (any::<bool>(), filter()).prop_map(move |(turned, filter)| match turned {
        false => format!("customers, orders, lines, parts WHERE {tied} AND home = color{filter}"),
        true => format!("parts, lines, customers, orders WHERE color = home AND {tied}{filter}"),
    })
}

fn filter() -> impl Strategy<Value = String> {
    option::of(select(vec![
        "balance > 0",
        "day < DATE '2020-01-03' AND amount >= 10",
        "(mode = 'air' OR rebate IS NULL) AND region = 'east'",
        "NOT (total > 50 OR day = DATE '2020-01-01')",
    ]))
    .prop_map(|filter| filter.map(|filter| format!(" AND {filter}")).unwrap_or_default())
}

/// Three tables in a chain, or four.
fn from() -> impl Strategy<Value = String> {
    (0..4_usize, filter()).prop_map(|(form, filter)| match form {
        0 => format!("customers, orders, lines WHERE custkey = buyer AND orderkey = of_order{filter}"),
        1 => format!("lines JOIN orders AS o ON of_order = o.orderkey JOIN customers c ON buyer = c.custkey{filter}"),
        2 => format!("customers JOIN (orders) ON custkey = buyer JOIN lines ON orderkey = of_order WHERE amount < 99{filter}")
            .replace("(orders)", "orders"),
        _ => format!(
            "parts, lines, orders, customers WHERE of_part = partkey AND of_order = orderkey AND buyer = custkey{filter}"
        ),
    })
}

/// The same of one owner, who joins what can be looked up by a key at home.
fn assert_agrees_of_one_owner(world: &World, sql: &str, floor: u64, has_keys: bool) {
    for keys in [Keys::Once, Keys::OnceOrNone] {
        let place = world.clone().with(keys).place([1; 4]);
        let compiled = place.compiled_for(sql, floor, |_| "all");
        let compiled = compiled.unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        assert_agrees(sql, &place.joint(&compiled, None), place.plain(sql), has_keys);
    }
}

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    #[test]
    fn public_groups_of_several_tables(
        world in world(),
        aggregates in vec(aggregate(), 1..4),
        from in prop_oneof![3 => from(), 1 => circle()],
        keys in proptest::sample::subsequence(vec!["mode", "region"], 0..=2),
        floor in 1_u64..4,
    ) {
        let mut items: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        items.extend(aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")));
        let by = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
        let sql = format!("SELECT {} FROM {from}{by}", items.join(", "));
        let place = world.place([1; 4]);
        let compiled = place.compiled(&sql, floor).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), !keys.is_empty());
        assert_agrees_of_one_owner(&world, &sql, floor, !keys.is_empty());
    }

    #[test]
    fn groups_of_a_join_that_are_not_public(
        world in world(),
        aggregates in vec(aggregate(), 1..3),
        from in from(),
        keys in select(vec!["of_order", "orderkey, day", "day, total", "buyer", "custkey"]),
        (floor, rows, descending) in (1_u64..4, 1_u32..5, any::<bool>()),
    ) {
        let items: Vec<String> =
            aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")).collect();
        let direction = if descending { " DESC" } else { "" };
        let head = format!("SELECT {keys}, COUNT(*) AS n, {} FROM {from} GROUP BY {keys}", items.join(", "));
        let order = format!("ORDER BY n{direction}, {keys} LIMIT {rows}");
        let sql = format!("{head} {order}");
        let place = world.place([1; 4]);
        let compiled = place.compiled(&sql, floor).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let plain = place.plain(&format!("{head} HAVING COUNT(*) >= {floor} {order}"));
        assert_agrees(&sql, &place.joint(&compiled, None), plain, true);
    }

    #[test]
    fn groups_of_several_tables_that_are_not_public(
        world in world(),
        aggregates in vec(aggregate(), 1..3),
        from in from(),
        keys in select(vec![
            "name", "custkey, name", "orderkey, name, region", "name, day", "of_part, name", "balance, total",
            "of_order, name, day, mode",
        ]),
        once in select(vec![Keys::Once, Keys::OnceOrNone]),
        (floor, rows, by_key) in (1_u64..4, 1_u32..5, any::<bool>()),
    ) {
        let items: Vec<String> =
            aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")).collect();
        let head = format!("SELECT {keys}, COUNT(*) AS n, {} FROM {from} GROUP BY {keys}", items.join(", "));
        let first = if by_key { "" } else { "n DESC, " };
        let order = format!("ORDER BY {first}{keys} LIMIT {rows}");
        let sql = format!("{head} {order}");
        let place = world.with(once).place([1; 4]);
        let compiled = place.compiled(&sql, floor).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let plain = place.plain(&format!("{head} HAVING COUNT(*) >= {floor} {order}"));
        assert_agrees(&sql, &place.joint(&compiled, None), plain, true);
    }

    #[test]
    fn every_tables_floor_counts_its_own_rows_by_groups_that_are_not_public(
        world in world(),
        from in from().prop_filter("without parts", |from| !from.contains("parts")),
        // The tables whose rows reach the groups: lines, orders, customers.
        (keys, reach) in select(vec![
            ("name", 3), ("custkey, name", 3), ("region, name", 3), ("name, day", 2), ("orderkey, name", 2),
            ("balance, day", 2), ("of_order, name", 2), ("mode, name", 1),
        ]),
        floors in (1_u64..5, 1_u64..3, 1_u64..3),
        rows in 1_u32..5,
    ) {
        let mut floors = [floors.2, floors.1, floors.0, 1];
        floors.iter_mut().take(3 - reach).for_each(|floor| *floor = 1);
        let head = format!("SELECT {keys}, COUNT(*) AS n, SUM(amount) AS a FROM {from} GROUP BY {keys}");
        let order = format!("ORDER BY n DESC, {keys} LIMIT {rows}");
        let sql = format!("{head} {order}");
        let place = world.with(Keys::Once).place(floors);
        let compiled = place.compiled(&sql, 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let [customers, orders, lines, _] = floors;
        // Each line meets one order and one customer.
        let plain = place.plain(&format!(
            "{head} HAVING COUNT(*) >= {lines} AND COUNT(DISTINCT orderkey) >= {orders} \
             AND COUNT(DISTINCT custkey) >= {customers} {order}"
        ));
        let joint = place.joint(&compiled, None);
        prop_assert!(!joint.rows.iter().flatten().any(|cell| *cell == Cell::Withheld), "{sql}");
        assert_agrees(&sql, &joint, plain, true);
    }

    #[test]
    fn groups_that_a_subquery_chooses(
        world in world(),
        aggregate in aggregate(),
        (of, keys) in select(vec![
            ("orderkey", "orderkey"), ("orderkey", "of_order, name"), ("of_order", "day, orderkey, region"),
        ]),
        filter in option::of(select(vec!["balance > 0", "day < DATE '2020-01-03' AND region = 'east'"])),
        having in select(vec![
            "SUM(amount) > 40", "COUNT(*) = 2", "AVG(rebate) >= 3 OR MIN(l.amount) < 5 AND NOT COUNT(rebate) = 1",
        ]),
        own in select(vec!["", "HAVING COUNT(*) <> 3", "HAVING SUM(amount) < 60 OR COUNT(rebate) > 1"]),
    ) {
        // MIN is none of three tables.
        let having = having.replace("MIN(l.amount) < 5", "SUM(l.amount) < 5");
        let filter = filter.map(|filter| format!(" AND {filter}")).unwrap_or_default();
        let sql = format!(
            "SELECT {keys}, {aggregate} AS a FROM customers, orders, lines WHERE {of} IN (SELECT l.of_order FROM lines l \
             GROUP BY l.of_order HAVING {having}) AND custkey = buyer AND orderkey = of_order{filter} GROUP BY {keys} {own} \
             ORDER BY {keys} LIMIT 4"
        );
        let place = world.with(Keys::Once).place([1; 4]);
        let compiled = place.compiled(&sql, 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), true);
    }
}

fn small() -> World {
    World {
        keys: Keys::Many,
        customers: vec![vec![(Some(1), "east", 5), (Some(2), "west", 7)], vec![(Some(3), "east", 9)]],
        orders: vec![vec![
            (Some(1), Some(1), NEW_YEAR, 100),
            (Some(2), Some(1), NEW_YEAR, 200),
            (Some(3), Some(3), NEW_YEAR, 300),
            (Some(0), Some(2), NEW_YEAR, 0),
        ]],
        lines: vec![vec![
            (Some(1), Some(1), "air", 10, None),
            (Some(1), Some(2), "air", 20, Some(1)),
            (Some(2), Some(1), "air", 30, Some(2)),
            (Some(3), Some(1), "sea", 40, None),
            (Some(0), Some(0), "sea", 1, None),
        ]],
        parts: vec![vec![(Some(1), "red"), (Some(2), "blue"), (Some(0), "red")]],
    }
}

const CHAIN: &str = "FROM customers, orders, lines WHERE custkey = buyer AND orderkey = of_order";

#[test]
fn three_parties_join_three_tables() {
    let place = small().place([1; 4]);
    let once = "SELECT name, orderkey, SUM(amount) AS a FROM customers, orders, lines WHERE custkey = buyer AND orderkey = of_order \
                AND orderkey IN (SELECT of_order FROM lines GROUP BY of_order HAVING SUM(amount) >= 30) \
                GROUP BY name, orderkey ORDER BY a, orderkey LIMIT 3";
    let declared = small().with(Keys::Once).place([1; 4]);
    let found = declared.joint(&declared.compiled(once, 1).unwrap(), Some(SchemeName::Rep3));
    assert_eq!(found, declared.plain(once));
    assert_eq!(found.rows.len(), 3);
    for sql in [
        format!(
            "SELECT region, mode, COUNT(*) AS n, AVG(amount) AS mean, SUM(balance) AS b {CHAIN} GROUP BY region, mode"
        ),
        format!(
            "SELECT of_order, day, SUM(amount) AS a {CHAIN} GROUP BY of_order, day ORDER BY a DESC, of_order LIMIT 2"
        ),
        "SELECT mode, COUNT(*) AS n, SUM(amount) AS a FROM customers, orders, lines, parts WHERE custkey = buyer \
         AND orderkey = of_order AND of_part = partkey AND home = color GROUP BY mode"
            .to_owned(),
    ] {
        let compiled = place.compiled(&sql, 1).unwrap();
        let wanted = place.plain(&sql);
        let found = place.joint(&compiled, Some(SchemeName::Rep3));
        let difference = found.difference(&wanted);
        assert!(
            !wanted.rows.is_empty() && difference.mismatches == 0 && difference.relative < 1e-6,
            "{sql}: {found:?} {wanted:?}"
        );
    }
}

/// A subquery's groups are found on shares, also where a condition lists them.
#[test]
fn a_condition_may_list_the_groups_of_a_subquery() {
    let place = small().with(Keys::Once).place([1; 4]);
    let sql = "SELECT orderkey, SUM(amount) AS a FROM orders, lines WHERE orderkey = of_order \
               AND orderkey IN (SELECT of_order FROM lines GROUP BY of_order HAVING SUM(amount) >= 30) \
               AND orderkey BETWEEN 1 AND 2 GROUP BY orderkey ORDER BY orderkey LIMIT 10";
    let compiled = place.compiled(sql, 1).unwrap();
    let found = place.joint(&compiled, None);
    assert_eq!(found, place.plain(sql));
    assert_eq!(found.rows.len(), 2);
}

/// In the east by air: three lines, two orders, one customer.
#[test]
fn each_tables_floor_counts_its_own_rows() {
    let sql = format!("SELECT region, mode, COUNT(*) AS n {CHAIN} GROUP BY region, mode");
    let shown = |floors| {
        let place = small().place(floors);
        let result = place.joint(&place.compiled(&sql, 3).unwrap(), None);
        result.rows.iter().any(|row| row[..2] == [Cell::Text("east".into()), Cell::Text("air".into())])
    };
    assert!(shown([1, 1, 1, 1]) && shown([1, 2, 3, 1]));
    assert!(!shown([2, 1, 1, 1]) && !shown([1, 3, 1, 1]) && !shown([1, 1, 4, 1]));
}

/// By air: three lines, two orders, one customer; with a rebate two lines, still of two orders.
#[test]
fn a_part_of_a_group_is_held_to_each_tables_floor() {
    // One order of each mode.
    let sql = format!("SELECT mode, COUNT(CASE WHEN total > 1.5 THEN 1 END) AS n {CHAIN} GROUP BY mode");
    for (floor, count) in [(1, Cell::Integer(1)), (2, Cell::Withheld)] {
        let place = small().place([1, floor, 1, 1]);
        let result = place.joint(&place.compiled(&sql, 1).unwrap(), None);
        let row = |mode: &str| [Cell::Text(mode.into()), count.clone()];
        assert_eq!(result.rows, [row("air"), row("sea")]);
    }
    // By groups that are not public: of the root's rows.
    let sql = format!(
        "SELECT of_part, COUNT(*) AS n, SUM(rebate) AS r {CHAIN} AND of_part > 0 GROUP BY of_part ORDER BY of_part LIMIT 1"
    );
    for (floor, expected) in [(1, Cell::Integer(2)), (2, Cell::Withheld)] {
        let place = small().place([1, 1, floor, 1]);
        let result = place.joint(&place.compiled(&sql, 1).unwrap(), None);
        assert_eq!(result.rows, [[Cell::Integer(1), Cell::Integer(3), expected]]);
    }
}

/// What is declared to stand in one row and does not, is found by its owner, whatever the conditions leave.
#[test]
fn repeated_keys_are_found_at_home() {
    let mut world = small().with(Keys::Once);
    world.customers[0].push((Some(2), "east", 1));
    let place = world.place([1; 4]);
    for condition in ["balance > 1", "balance > 1000", "balance < 0 AND balance > 0"] {
        let sql = format!("SELECT name, day, COUNT(*) {CHAIN} AND {condition} GROUP BY name, day LIMIT 2");
        let compiled = place.compiled(&sql, 1).unwrap();
        assert_repeated(&compiled, "customers", &place.0[0].schema, place.0[0].owners[0].clone(), "custkey");
    }
}

/// Who relies on keys that each row has for itself, needs them declared, and declared of the whole table.
#[test]
fn groups_of_several_tables_need_keys_that_are_unique() {
    let construct = |world: &World, sql: &str| match world.place([1; 4]).compiled(sql, 1) {
        Err(Refused::Unsupported { construct, .. }) => Some(construct),
        Err(other) => panic!("{sql}: {other}"),
        Ok(_) => None,
    };
    let across = format!("SELECT balance, day, COUNT(*) {CHAIN} GROUP BY balance, day LIMIT 2");
    let within = |select: &str, having: &str, rest: &str| {
        format!(
            "SELECT {select}, COUNT(*) {CHAIN} AND orderkey IN (SELECT of_order FROM lines GROUP BY of_order HAVING {having}) \
             {rest} LIMIT 2"
        )
    };
    let sum = "SUM(amount) > 3";
    let good = within("orderkey", sum, "GROUP BY orderkey");
    let once = small().with(Keys::Once);
    assert_eq!(construct(&once, &across), None);
    assert_eq!(construct(&once, &good), None);
    assert_eq!(construct(&small(), &good), Some(Construct::GroupsWithin));
    let mut several = once.clone();
    several.customers.push(vec![(Some(9), "east", 1)]);
    assert_eq!(construct(&several, &across), Some(Construct::GroupsAcross));
    assert_eq!(construct(&several, &good), Some(Construct::GroupsWithin));
    for other in [
        // Some of its lines alone; lines that two groups have; orders that no group tells apart; all groups together.
        within("orderkey", sum, "AND amount > 2 GROUP BY orderkey"),
        within("orderkey, mode", sum, "GROUP BY orderkey, mode"),
        within("day", sum, "GROUP BY day"),
        within("orderkey", sum, "GROUP BY orderkey HAVING COUNT(*) < (SELECT COUNT(*) FROM lines)"),
        within("orderkey", "COUNT(*) < (SELECT COUNT(*) FROM lines)", "GROUP BY orderkey"),
    ] {
        assert_eq!(construct(&once, &other), Some(Construct::GroupsWithin), "{other}");
    }
    let where_ = good.replace("FROM lines GROUP", "FROM lines WHERE amount > 1 GROUP");
    assert!(construct(&once, &where_).is_some());
}

#[test]
fn what_is_no_tree_is_refused() {
    let place = small().place([1; 4]);
    let refused = |sql: &str| match place.compiled(sql, 1) {
        Err(Refused::Unsupported { construct, .. }) => construct,
        other => panic!("{sql}: {other:?}"),
    };
    for (rest, construct) in [
        ("AND of_part = custkey", Construct::CyclicJoin),
        ("AND mode = region AND region = mode", Construct::CyclicJoin),
        ("AND balance > amount", Construct::TreeCondition),
        ("AND (balance > 3 OR amount > 3)", Construct::TreeCondition),
    ] {
        assert_eq!(refused(&format!("SELECT COUNT(*) {CHAIN} {rest}")), construct);
    }
    for (item, construct) in [
        ("MAX(amount)", Construct::TreeAggregate),
        ("MIN(CASE WHEN balance > 3 THEN amount END)", Construct::TreeAggregate),
        ("MIN(amount * balance)", Construct::TablesCombined),
    ] {
        assert_eq!(refused(&format!("SELECT {item} {CHAIN}")), construct);
    }
    let across = format!("SELECT balance, day, COUNT(*) {CHAIN} GROUP BY balance, day LIMIT 2");
    assert_eq!(refused(&across), Construct::GroupsAcross);
    assert!(matches!(
        place.compiled("SELECT COUNT(*) FROM customers, orders, lines WHERE custkey = buyer", 1),
        Err(Refused::NoJoinKey { .. })
    ));
    let outer = "SELECT COUNT(*) FROM customers LEFT JOIN orders ON custkey = buyer JOIN lines ON orderkey = of_order";
    assert_eq!(refused(outer), Construct::SeveralTables);
    let place = small().with(Keys::Once).place([2, 1, 1, 1]);
    let secret = format!("SELECT orderkey, COUNT(*) {CHAIN} GROUP BY orderkey LIMIT 2");
    assert!(matches!(
        place.compiled(&secret, 1),
        Err(Refused::Unsupported { construct: Construct::TreeFloor, .. })
    ));
}
