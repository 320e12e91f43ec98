//! Columns of two joined tables that are compared: random ones against plaintext, floors, and what is tried to find out
//! single rows by them.

use std::collections::BTreeSet;

use contract::terms::Use::{self, Aggregate, Filter, Group, Join};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Compiled, Construct, Refused, ResultTable};
use vm::SchemeName;

use crate::{
    payments::{
        DAY, Limit, NEW_YEAR, Payment, World, allowed, limits, of_limits, of_payments, paid, payments,
        two_banks,
    },
    place::Owned,
    random::assert_agrees,
    support::assert_repeated,
};

fn payment() -> impl Strategy<Value = Payment> {
    (
        (option::weighted(0.9, 0_i64..6), select(vec!["east", "west"])),
        (option::weighted(0.9, -4_i64..4), option::weighted(0.8, -300_i128..300)),
        option::weighted(0.8, -3000_i64..3000),
        (option::weighted(0.9, 0_i32..4), option::weighted(0.9, 0_i64..4)),
        (option::weighted(0.9, select(vec!["nl", "be", "de"])), option::of(any::<bool>())),
    )
        .prop_map(|((account, region), (amount, fee), rate, (day, paid), (country, flagged))| Payment {
            account,
            region,
            // Few values, so that some are equal.
            amount: amount.map(|amount| amount * 5),
            fee: fee.map(|fee| fee / 50 * 50),
            rate: rate.map(|rate| (rate / 500 * 500) as f64 / 1000.0),
            day: day.map(|day| NEW_YEAR + day),
            paid: paid.map(|paid| paid * DAY / 2),
            country,
            flagged,
        })
}

fn limit() -> impl Strategy<Value = Limit> {
    (
        select(vec!["basic", "full"]),
        (option::weighted(0.9, -4_i64..4), option::weighted(0.8, -300_i128..300)),
        (option::weighted(0.9, 0_i32..4), option::weighted(0.9, 0_i64..4)),
        (option::weighted(0.9, select(vec!["nl", "be", "de"])), any::<bool>()),
    )
        .prop_map(|(plan, (most, least), (since, changed), (home, blocked))| Limit {
            account: None,
            plan,
            most: most.map(|most| most * 5),
            least: least.map(|least| least / 50 * 5000),
            since: since.map(|since| NEW_YEAR + since),
            changed: changed.map(|changed| changed * DAY / 2),
            home,
            blocked,
        })
}

/// Each account has one limit at most; some limits are of no account.
fn world() -> impl Strategy<Value = World> {
    let accounts = Just((0_i64..7).collect::<Vec<_>>()).prop_shuffle();
    let limits = vec((limit(), option::weighted(0.9, Just(()))), 0..7);
    (vec(vec(payment(), 0..9), 1..=3), limits, accounts).prop_map(|(payments, limits, accounts)| {
        let own = limits.into_iter().zip(accounts);
        let limits = own.map(|((limit, has), account)| Limit { account: has.map(|()| account), ..limit });
        World { payments, limits: limits.collect(), floors: [1, 1] }
    })
}

fn comparison() -> impl Strategy<Value = String> {
    let op = || select(vec!["<", "<=", ">", ">=", "=", "<>"]);
    let numbers = select(vec![
        ("p.amount", "l.most"),
        ("amount", "2 * most - 5"),
        ("-p.amount", "0.5 * most + 2.5"),
        ("p.amount - l.most", "5"),
        ("p.fee", "l.least"),
        ("p.fee * 2", "least"),
        ("p.fee + p.amount", "l.least - (l.most + 1)"),
        ("fee", "most"),
        ("p.rate", "l.least"),
        ("rate * 2 + 1", "l.most"),
        ("10", "p.amount + l.most"),
        ("p.day", "l.since"),
        ("l.since", "p.day + INTERVAL '1' DAY"),
        ("p.paid", "l.changed"),
        ("CAST(p.paid AS DATE)", "l.since"),
        ("EXTRACT(YEAR FROM day) - 2020", "l.most"),
    ]);
    prop_oneof![
        6 => (numbers, op()).prop_map(|((x, y), op)| format!("{x} {op} {y}")),
        1 => Just("p.country <> l.home".to_owned()),
        1 => Just("NOT UPPER(l.home) = UPPER(p.country)".to_owned()),
        1 => select(vec!["p.flagged <> l.blocked", "flagged = blocked"]).prop_map(str::to_owned),
        1 => select(vec![
            "p.amount BETWEEN l.most - 5 AND l.most + 5",
            "l.most BETWEEN 0 AND amount",
            "p.day BETWEEN DATE '2020-01-02' AND l.since",
            "p.fee BETWEEN -2.5 AND l.least",
            "NOT (p.amount <= l.most OR p.fee > l.least)",
            "NOT (p.amount NOT BETWEEN l.most AND l.most + 10)",
        ]).prop_map(str::to_owned),
    ]
}

fn own_condition() -> impl Strategy<Value = &'static str> {
    select(vec![
        "p.amount > -5",
        "fee IS NOT NULL",
        "l.plan = 'full'",
        "l.least < 5",
        "p.flagged IS NOT TRUE",
    ])
}

/// What may stand in an inner join: conditions, of which some are on one table, or on both in OR.
fn conditions() -> impl Strategy<Value = String> {
    let mixed = select(vec![
        "(p.amount > 0 OR l.plan = 'full')",
        "NOT (fee > 0 AND l.blocked)",
        "(l.least > 0 AND fee > 0 OR p.region = 'east')",
    ]);
    (vec(comparison(), 1..3), option::of(own_condition()), option::weighted(0.3, mixed)).prop_map(
        |(mut all, own, mixed)| {
            all.extend(own.into_iter().chain(mixed).map(str::to_owned));
            all.join(" AND ")
        },
    )
}

fn query() -> impl Strategy<Value = String> {
    let keys = proptest::sample::subsequence(vec!["plan", "region"], 0..=2);
    let aggregate = select(vec![
        "COUNT(*)",
        "COUNT(l.least)",
        "COUNT(p.fee)",
        "SUM(amount)",
        "SUM(fee)",
        "AVG(p.rate)",
        "SUM(most * 2 - 3)",
        "AVG(l.least)",
        "MIN(most)",
        "MAX(fee)",
        "MIN(since)",
        "MAX(p.paid)",
        "MIN(country)",
        "MAX(l.home)",
        "VAR_SAMP(amount)",
        "STDDEV_SAMP(least)",
        "CORR(amount, fee)",
    ]);
    let of_both = select(vec![
        "COUNT(CASE WHEN plan = 'full' THEN amount END)",
        "MAX(CASE WHEN l.blocked THEN fee END)",
        "AVG(CASE WHEN p.amount > 0 THEN l.least END)",
        "COUNT(CASE WHEN region = 'east' THEN l.most END)",
        "MIN(CASE WHEN fee > 0 THEN l.home END)",
    ]);
    let from = (conditions(), 0..4).prop_map(|(conditions, form)| match form {
        0 => format!("payments AS p JOIN limits AS l ON p.account = l.account WHERE {conditions}"),
        1 => format!("limits l INNER JOIN payments p ON l.account = p.account AND ({conditions})"),
        2 => format!("limits AS l, payments AS p WHERE p.account = l.account AND {conditions}"),
        _ => format!("payments p, limits l WHERE {conditions} AND p.account = l.account"),
    });
    (keys, vec(aggregate, 1..4), option::of(of_both), from).prop_map(
        |(keys, mut aggregates, of_both, from)| {
            aggregates.extend(of_both);
            selected(&keys, &aggregates, &from)
        },
    )
}

fn selected(keys: &[&str], aggregates: &[&str], from: &str) -> String {
    let mut items: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    items.extend(aggregates.iter().enumerate().map(|(n, aggregate)| format!("{aggregate} AS c{n}")));
    let by = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
    format!("SELECT {} FROM {from}{by}", items.join(", "))
}

/// Where rows of the first table count that have such a partner, or have none, or both.
fn kept() -> impl Strategy<Value = String> {
    let on = (vec(comparison(), 1..3), option::of(select(vec!["l.plan = 'full'", "l.least < 5", "fee > 0"])));
    let on = on.prop_map(|(mut all, own)| {
        all.extend(own.map(str::to_owned));
        all.join(" AND ")
    });
    let filter = option::of(select(vec!["p.amount > -5", "p.flagged", "p.day IS NOT NULL"]));
    let aggregate =
        select(vec!["COUNT(*)", "SUM(amount)", "COUNT(fee)", "MAX(p.day)", "AVG(rate)", "MIN(country)"]);
    let of_second = select(vec!["COUNT(l.account)", "SUM(most)", "MIN(l.least)", "COUNT(l.home)"]);
    (on, filter, vec(aggregate, 1..3), of_second, 0..4, any::<bool>()).prop_map(
        |(on, filter, mut aggregates, of_second, form, is_grouped)| {
            let filter = filter.map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
            let and = if filter.is_empty() { " WHERE" } else { " AND" };
            let keys: &[&str] = match (form, is_grouped) {
                (_, false) => &[],
                (0, true) => &["plan"],
                _ => &["region"],
            };
            let exists = format!("EXISTS (SELECT 1 FROM limits l WHERE l.account = p.account AND {on})");
            let from = match form {
                0 | 1 => {
                    aggregates.push(of_second);
                    format!("payments AS p LEFT JOIN limits AS l ON p.account = l.account AND {on}{filter}")
                }
                2 => format!("payments AS p{filter}{and} {exists}"),
                _ => format!("payments AS p{filter}{and} NOT {exists}"),
            };
            selected(keys, &aggregates, &from)
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 60, ..Config::default() })]

    #[test]
    fn joins_with_comparisons_are_those_of_plaintext(world in world(), sql in query(), floor in 1_u64..3) {
        let joint = world.joint(&sql, floor);
        assert_agrees(&sql, &joint, world.place().plain(&sql), sql.contains("GROUP BY"));
    }

    #[test]
    fn rows_that_are_kept_beside_comparisons_are_those_of_plaintext(world in world(), sql in kept()) {
        let joint = world.joint(&sql, 1);
        assert_agrees(&sql, &joint, world.place().plain(&sql), sql.contains("GROUP BY"));
    }
}

const ABOVE: &str = "FROM payments p JOIN limits l ON p.account = l.account WHERE p.amount > l.most";

/// Rows that compare stand for as many rows of either table as they are, not for as many as there are values and owners.
#[test]
fn each_table_s_rows_are_held_to_its_owners_floor() {
    // In the east three payments of account 1, of both banks, and one of account 2; in the west one payment.
    let sql = format!("SELECT region, COUNT(*), SUM(amount), COUNT(least) {ABOVE} GROUP BY region");
    let east = |least| vec![Cell::Text("east".into()), Cell::Integer(4), Cell::Integer(70), least];
    let shown = |floors, floor| {
        let (_, outputs, result) = run(&two_banks(floors), &sql, floor);
        for row in 0..outputs[0].len() {
            assert!(outputs[0][row] == 1 || outputs.iter().all(|column| column[row] == 0), "{outputs:?}");
        }
        result.rows
    };
    assert_eq!(shown([1, 1], 1).len(), 2);
    assert_eq!(shown([1, 1], 2), [east(Cell::Withheld)]);
    assert_eq!(shown([4, 1], 1), [east(Cell::Withheld)]);
    assert_eq!(shown([5, 1], 1), Vec::<Vec<Cell>>::new());
    assert_eq!(shown([1, 2], 1), [east(Cell::Withheld)]);
    assert_eq!(shown([1, 3], 1), Vec::<Vec<Cell>>::new());
    // A part of the group stands on fewer limits than the group.
    let mut world = two_banks([1, 2]);
    world.limits[0].least = Some(1);
    let part = |world: &World| run(world, &sql, 1).2.rows;
    assert_eq!(part(&world), [east(Cell::Withheld)]);
    world.limits[1].least = Some(1);
    assert_eq!(part(&world), [east(Cell::Integer(4))]);
    // Whichever table stands first.
    let turned = sql.replace("payments p JOIN limits l", "limits l JOIN payments p");
    assert_eq!(run(&two_banks([1, 2]), &turned, 1).2.rows, [east(Cell::Withheld)]);
    assert!(run(&two_banks([5, 1]), &turned, 1).2.rows.is_empty());
    assert!(run(&two_banks([1, 3]), &turned, 1).2.rows.is_empty());
}

fn run(world: &World, sql: &str, floor: u64) -> (Compiled, Vec<Vec<i128>>, ResultTable) {
    let compiled = world.compiled(sql, floor);
    let (outputs, result) = world.place().opened(&compiled);
    (compiled, outputs, result)
}

/// Whoever makes the limits chooses which payments count, and the other way round: of few nothing is shown.
#[test]
fn values_of_one_s_choice_single_out_no_row() {
    let of_all = format!("SELECT COUNT(*), SUM(amount), MAX(amount), COUNT(least), AVG(fee) {ABOVE}");
    let nothing = |world: &World, sql: &str, floor| {
        let (_, outputs, result) = run(world, sql, floor);
        assert!(result.rows.is_empty(), "{sql}: {result:?}");
        assert!(outputs.iter().flatten().all(|value| *value == 0), "{sql}: {outputs:?}");
    };
    let payments = vec![(1..=6).map(|account| paid(account, "east", 10 * account)).collect::<Vec<_>>()];
    // All limits but one are out of reach; then one payment alone is.
    let limits: Vec<Limit> =
        (1..=6).map(|account| allowed(account, if account == 4 { -1000 } else { 1000 })).collect();
    for floors in [[1, 1], [2, 1], [1, 2]] {
        let world = World { payments: payments.clone(), limits: limits.clone(), floors };
        nothing(&world, &of_all, 2);
        if floors != [1, 1] {
            nothing(&world, &of_all, 1);
        }
    }
    // The same account a hundred times, beside which another's rows are NULL or have no limit.
    let mut ballast = vec![paid(4, "east", 40); 100];
    ballast.extend(vec![Payment { amount: None, ..paid(5, "east", 0) }; 50]);
    ballast.extend(vec![paid(9, "east", 1000); 50]);
    let many = |floors| World { payments: vec![ballast.clone()], limits: limits.clone(), floors };
    nothing(&many([1, 2]), &of_all, 5);
    assert_eq!(run(&many([1, 1]), &of_all, 5).2.rows[0][0], Cell::Integer(100));
    // The rows that do not compare, of NOT EXISTS: how many do is asked for.
    let others = "SELECT COUNT(*) FROM payments p WHERE NOT EXISTS \
                  (SELECT 1 FROM limits l WHERE l.account = p.account AND l.most < p.amount)";
    let world = |floors| World { payments: payments.clone(), limits: limits.clone(), floors };
    nothing(&world([1, 2]), others, 2);
    assert_eq!(run(&world([1, 1]), others, 2).2.rows, [[Cell::Integer(5)]]);
}

/// Two contracts whose constants differ by one would halve a value: neither owner can count what they differ in, so that
/// none of their nodes lets the second one through.
#[test]
fn no_owner_can_count_the_rows_that_compare() {
    let world = two_banks([2, 2]);
    let sql = |constant: i64| format!("SELECT COUNT(*) {ABOVE} + {constant}");
    let (one, other) = (world.compiled(&sql(100), 2), world.compiled(&sql(101), 2));
    assert_ne!(one.program, other.program);
    for answers in one.answers.iter().chain(&other.answers) {
        assert!(answers.uncountable.is_some_and(|why| why.contains("compare")), "{answers:?}");
        assert!(!answers.is_partial());
    }
    // Rows within others are asked about by themselves already.
    for what in ["SUM(CASE WHEN region = 'east' THEN amount END)", "COUNT(*), COUNT(least)"] {
        let partial = world.compiled(&format!("SELECT {what} {ABOVE}"), 2);
        assert!(partial.answers.iter().all(|answers| answers.is_partial()), "{what}");
    }
}

#[test]
fn both_columns_are_filters_and_more_than_any_constants() {
    let set = |uses: &[Use]| uses.iter().copied().collect::<BTreeSet<_>>();
    let world = two_banks([1, 1]);
    for condition in [
        "payments p JOIN limits l ON p.account = l.account AND p.amount > l.most",
        "payments p, limits l WHERE p.account = l.account AND p.amount - 5 >= 2 * l.most",
        "limits l JOIN payments p ON p.account = l.account WHERE l.most BETWEEN 0 AND p.amount",
        "payments p JOIN limits l ON p.account = l.account WHERE NOT (amount <= most OR region = 'west')",
        "payments p LEFT JOIN limits l ON p.account = l.account AND p.amount <> l.most",
        "payments p WHERE EXISTS (SELECT 1 FROM limits l WHERE l.account = p.account AND l.most < p.amount)",
        "payments p WHERE NOT EXISTS (SELECT 1 FROM limits l WHERE p.account = l.account AND most >= amount + 1)",
    ] {
        let usage =
            world.compiled(&format!("SELECT region, SUM(fee) FROM {condition} GROUP BY region"), 1).usage;
        for (table, column, uses) in [
            ("payments", "amount", &[Filter][..]),
            ("limits", "most", &[Filter]),
            ("payments", "account", &[Join]),
            ("limits", "account", &[Join]),
            ("payments", "fee", &[Aggregate]),
        ] {
            assert_eq!(usage.columns[table][column], set(uses), "{condition}: {table}.{column}");
        }
        assert!(usage.columns["payments"]["region"].contains(&Group));
        // Terms that list constants let none of it through.
        assert!(usage.comparisons["payments"]["amount"].otherwise, "{condition}");
        assert!(usage.comparisons["limits"]["most"].otherwise, "{condition}");
    }
}

#[test]
fn a_key_that_repeats_after_all_fails_at_its_owner_s() {
    let mut world = two_banks([1, 1]);
    world.limits.push(allowed(2, 0));
    for sql in [
        format!("SELECT COUNT(*) {ABOVE}"),
        format!("SELECT COUNT(*) {ABOVE} AND l.plan = 'basic'"),
        format!("SELECT COUNT(*) {}", ABOVE.replace("payments p JOIN limits l", "limits l JOIN payments p")),
    ] {
        let compiled = world.compiled(&sql, 1);
        assert_repeated(&compiled, "limits", &limits(), of_limits(&world.limits), "account");
    }
}

#[test]
fn what_is_compared_is_brought_to_one_unit() {
    let world = World {
        payments: vec![vec![paid(1, "east", 999), paid(1, "east", 1000), paid(2, "west", 999)]],
        limits: vec![allowed(1, 1), allowed(2, 0)],
        floors: [1, 1],
    };
    let sql = format!("SELECT COUNT(*), SUM(amount) {}", ABOVE.replace('>', ">="));
    let asked = |of_amount: &str, of_most: &str| {
        let mut place = world.place();
        place.0[0].schema.columns[2].unit = of_amount.into();
        place.0[1].schema.columns[2].unit = of_most.into();
        place.compiled(&sql, 1).map(|compiled| place.joint(&compiled, None).rows)
    };
    assert_eq!(asked("m", "km").unwrap(), [[Cell::Integer(2), Cell::Integer(1999)]]);
    assert_eq!(asked("m", "m").unwrap(), [[Cell::Integer(3), Cell::Integer(2998)]]);
    assert!(matches!(asked("EUR", "USD"), Err(Refused::Units { .. })));
}

#[test]
fn three_parties_compare_two_tables_as_the_interpreter_does() {
    let world = two_banks([1, 2]);
    for sql in [
        format!("SELECT region, COUNT(*) AS n, SUM(amount) AS s, MAX(most) AS m {ABOVE} GROUP BY region"),
        "SELECT plan, COUNT(*) AS n, SUM(amount) AS s FROM payments p LEFT JOIN limits l \
         ON p.account = l.account AND p.amount BETWEEN 0.5 * l.most AND l.most + 5 GROUP BY plan"
            .to_owned(),
    ] {
        let compiled = world.compiled(&sql, 1);
        let wanted = world.place().joint(&compiled, None);
        assert!(!wanted.rows.is_empty());
        for scheme in [SchemeName::Rep3, SchemeName::Rep3Malicious] {
            assert_eq!(world.place().joint(&compiled, Some(scheme)).rows, wanted.rows, "{sql}");
        }
    }
}

/// What is shared has the sizes that were published, whatever compares.
#[test]
fn sizes_do_not_depend_on_what_compares() {
    let one = two_banks([2, 2]);
    let mut other = one.clone();
    other
        .payments
        .iter_mut()
        .flatten()
        .for_each(|row| *row = Payment { region: "west", ..Payment::default() });
    other.limits.iter_mut().for_each(|row| *row = Limit { plan: "basic", ..Limit::default() });
    let sql = format!("SELECT region, COUNT(*), SUM(amount) {ABOVE} GROUP BY region");
    let ((first, a, _), (second, b, _)) = (run(&one, &sql, 2), run(&other, &sql, 2));
    assert_eq!(first.program, second.program);
    assert_eq!(a.len(), b.len());
    assert!(b.iter().flatten().all(|value| *value == 0));
}

/// The payments of tables that stand one below the other, and a table that is compared with itself.
#[test]
fn stacks_and_a_table_beside_itself_compare() {
    let world = two_banks([1, 1]);
    let mut place = world.place();
    let others = vec![paid(1, "east", 900), paid(2, "west", 26)];
    let others =
        Owned { name: "others", schema: payments(), owners: vec![of_payments(&others)], floor_rows: 1 };
    place.0.push(others);
    for sql in [
        "SELECT region, COUNT(*) AS n, SUM(amount) AS s FROM (SELECT account, region, amount FROM payments WHERE amount > 10 \
         UNION ALL SELECT account, region, amount FROM others) AS p JOIN limits l ON p.account = l.account \
         WHERE p.amount > l.most GROUP BY region ORDER BY region",
        "SELECT COUNT(*) AS n, SUM(b.most) AS s FROM limits a JOIN limits b ON a.account = b.account WHERE a.most + 1 > b.most",
    ] {
        let compiled = place.compiled(sql, 1).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        assert_eq!(place.joint(&compiled, None).rows, place.plain(sql).rows, "{sql}");
    }
}

#[test]
fn the_audit_says_what_is_compared_and_opens_nothing_of_it() {
    let sql = format!("SELECT region, COUNT(*) AS n {ABOVE} GROUP BY region");
    let compiled = two_banks([1, 2]).compiled(&sql, 3);
    let page = compiled.audit.to_string().replace('\n', " ");
    for text in [
        "nor which rows satisfy `p.amount > l.most`",
        "computes for each value of `account`, `amount`, by group",
        "of `l`: looks whether each value of `account` stands in one row, as was declared, and shares nothing if not",
        "`payments.amount` decides which rows take part, compared on shares",
        "`limits.most` decides which rows take part, compared on shares",
        "does not allow `filter` of the compared column",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let opened: Vec<&str> = compiled.program.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(opened, ["groups of at least 3 rows", "count(*)"]);
}

#[test]
fn other_comparisons_of_two_tables_are_refused_by_name() {
    use Construct::{ComparedKey, FullCondition, JoinCondition, OuterCondition, Threshold, TreeCondition};
    let place = two_banks([1, 1]).place();
    let join = "payments p JOIN limits l ON p.account = l.account";
    for (from, construct) in [
        // Within OR, and of other forms.
        (format!("{join} WHERE p.amount > l.most OR p.fee > 1"), JoinCondition),
        (format!("{join} WHERE NOT (p.amount > l.most AND p.fee > 1)"), JoinCondition),
        (format!("{join} WHERE p.amount NOT BETWEEN l.most AND l.most + 1"), JoinCondition),
        (format!("{join} WHERE p.amount IN (l.most, 3)"), JoinCondition),
        (format!("{join} WHERE p.amount IS DISTINCT FROM l.most"), JoinCondition),
        (format!("{join} WHERE p.amount * l.most > 3"), JoinCondition),
        (format!("{join} WHERE p.amount * p.fee > l.most"), JoinCondition),
        (format!("{join} WHERE p.amount / 2 > l.most"), JoinCondition),
        (format!("{join} WHERE COALESCE(p.amount, 0) > l.most"), JoinCondition),
        (format!("{join} WHERE GREATEST(p.amount, l.most) > 3"), JoinCondition),
        (format!("{join} WHERE p.country < l.home"), JoinCondition),
        (format!("{join} WHERE p.amount * 1000000000000000000 > l.most"), JoinCondition),
        (format!("{join} WHERE p.paid > l.since"), JoinCondition),
        (format!("{join} WHERE p.flagged > l.blocked"), JoinCondition),
        (format!("{join} WHERE p.day - l.since > 3"), JoinCondition),
        // Beside outer joins, other tables and subqueries.
        ("payments p FULL JOIN limits l ON p.account = l.account AND p.amount > l.most".into(), FullCondition),
        (
            "payments p LEFT JOIN limits l ON p.account = l.account WHERE p.amount > l.most".into(),
            JoinCondition,
        ),
        ("payments p LEFT JOIN limits l ON p.account = l.account AND (p.flagged OR l.blocked)".into(), OuterCondition),
        (format!("{join} JOIN limits m ON m.account = l.account WHERE p.amount > l.most"), TreeCondition),
        (format!("{join} WHERE p.amount > l.most AND p.fee > (SELECT AVG(fee) FROM payments)"), Threshold),
        // A row may meet several.
        ("payments p JOIN payments q ON p.account = q.account WHERE p.amount > q.amount".into(), ComparedKey),
        ("payments p JOIN limits l ON p.country = l.home WHERE p.amount > l.most".into(), ComparedKey),
        ("limits l LEFT JOIN payments p ON p.account = l.account AND p.amount > l.most".into(), ComparedKey),
        (
            "limits l WHERE EXISTS (SELECT 1 FROM payments p WHERE p.account = l.account AND p.amount > l.most)".into(),
            ComparedKey,
        ),
    ] {
        let sql = format!("SELECT COUNT(*) FROM {from}");
        match place.compiled(&sql, 1) {
            Err(Refused::Unsupported { construct: found, .. }) if found == construct => {}
            other => panic!("{sql}: {:?}", other.map(|compiled| compiled.program)),
        }
    }
    let by_account =
        format!("SELECT p.account, COUNT(*) FROM {join} WHERE p.amount > l.most GROUP BY p.account LIMIT 3");
    assert!(matches!(
        place.compiled(&by_account, 1),
        Err(Refused::Unsupported { construct: TreeCondition, .. })
    ));
    // Of several owners nobody knows that a key is one row's.
    let mut several = two_banks([1, 1]).place();
    several.0[1].owners.push(of_limits(&[allowed(7, 1)]));
    assert!(matches!(
        several.compiled(&format!("SELECT COUNT(*) {ABOVE}"), 1),
        Err(Refused::Unsupported { construct: ComparedKey, .. })
    ));
    let refused = |condition: &str| {
        place.compiled(&format!("SELECT COUNT(*) FROM {join} AND {condition}"), 1).unwrap_err()
    };
    assert!(matches!(refused("p.amount > account"), Refused::Unqualified(_) | Refused::Meaning(_)));
    assert!(matches!(refused("p.country = l.most"), Refused::JoinKeyTypes { .. }));
    let alone = "SELECT COUNT(*) FROM payments p JOIN limits l ON p.fee = l.least";
    assert!(matches!(place.compiled(alone, 1), Err(Refused::JoinKeyTypes { .. })));
    let alone = "SELECT COUNT(*) FROM payments p JOIN limits l ON p.fee > l.least";
    assert!(matches!(place.compiled(alone, 1), Err(Refused::NoJoinKey { .. })));
}
