//! What owners of columns that are compared with another table's are asked for, and what is held back beside that.

use std::collections::BTreeSet;

use contract::terms::Use::{self, Filter, Join};
use treaty_compiler::{Cell, Construct, Refused};

use crate::{
    payments::{Limit, World, allowed, of_payments, paid, payments, two_banks},
    place::Owned,
};

const FROM: &str = "FROM payments p JOIN limits l ON p.account = l.account";

/// Whichever of the plans takes an equality for a key, and whatever the columns are.
#[test]
fn equality_asks_for_filter_and_join() {
    let set = |uses: &[Use]| uses.iter().copied().collect::<BTreeSet<_>>();
    let world = two_banks([1, 1]);
    for (condition, own, other) in [
        // Of booleans, of floats and decimals, of integers and decimals.
        ("p.flagged = l.blocked", "flagged", "blocked"),
        ("p.rate = l.least", "rate", "least"),
        ("p.amount = l.least", "amount", "least"),
        ("p.fee = l.most", "fee", "most"),
        // Of sums.
        ("2 * p.fee = l.least", "fee", "least"),
        ("p.amount - l.most = 5", "amount", "most"),
        ("l.most + 1 = p.amount + 2", "amount", "most"),
        ("NOT p.amount + 1 <> l.most", "amount", "most"),
        // Of what owners compute.
        ("EXTRACT(YEAR FROM p.day) + 1 = l.most", "day", "most"),
    ] {
        for from in [
            format!("{FROM} AND {condition}"),
            format!("FROM payments p LEFT JOIN limits l ON p.account = l.account AND {condition}"),
            format!(
                "FROM payments p WHERE EXISTS (SELECT 1 FROM limits l WHERE l.account = p.account AND {condition})"
            ),
        ] {
            let usage = world.compiled(&format!("SELECT COUNT(*) {from}"), 1).usage;
            for (table, column) in [("payments", own), ("limits", other)] {
                assert_eq!(usage.columns[table][column], set(&[Filter, Join]), "{from}: {table}.{column}");
                assert!(usage.comparisons[table][column].otherwise, "{from}: {table}.{column}");
            }
        }
    }
    // Others are filters alone.
    let usage = world.compiled(&format!("SELECT COUNT(*) {FROM} AND p.flagged <> l.blocked"), 1).usage;
    assert_eq!(usage.columns["payments"]["flagged"], set(&[Filter]));
    assert_eq!(usage.columns["limits"]["blocked"], set(&[Filter]));
}

/// Of tables that stand one below the other, each table's own column.
#[test]
fn what_a_stack_s_column_is_made_of_is_compared() {
    let mut place = two_banks([1, 1]).place();
    let others = of_payments(&[paid(1, "east", 900)]);
    place.0.push(Owned { name: "others", schema: payments(), owners: vec![others], floor_rows: 1 });
    let sql = "SELECT COUNT(*) FROM (SELECT account, flagged AS f FROM payments UNION ALL \
               SELECT account, flagged FROM others) AS p JOIN limits l ON p.account = l.account AND p.f = l.blocked";
    let usage = place.compiled(sql, 1).unwrap().usage;
    for (table, column) in [("payments", "flagged"), ("others", "flagged"), ("limits", "blocked")] {
        assert_eq!(usage.columns[table][column], BTreeSet::from([Filter, Join]), "{table}.{column}");
        assert!(usage.comparisons[table][column].otherwise, "{table}.{column}");
    }
}

/// A half of BETWEEN over one table is decided at home, and may not fail there.
#[test]
fn halves_over_one_table_are_decided_at_home() {
    let place = two_banks([1, 1]).place();
    let compiled =
        place.compiled(&format!("SELECT COUNT(*) AS n {FROM} AND l.most BETWEEN 0 AND p.amount"), 1).unwrap();
    let stages = &compiled.program.stages;
    assert!(stages.iter().any(|stage| stage.table == "limits" && stage.sql.contains("l.most >= 0")));
    let page = compiled.audit.to_string().replace('\n', " ");
    assert!(page.contains("nor which rows satisfy `l.most <= p.amount`"), "{page}");
    assert_eq!(
        place.joint(&compiled, None).rows,
        place.plain(&format!("SELECT COUNT(*) AS n {FROM} AND l.most BETWEEN 0 AND p.amount")).rows
    );
    let of_days = format!("SELECT COUNT(*) AS n {FROM} AND p.day BETWEEN DATE '2020-01-01' AND l.since");
    assert!(place.compiled(&of_days, 1).is_ok());
}

/// By powers of two the limits' owner would read off a sum which of its accounts pay more than a limit that it chose for
/// each, beside as many rows as any floor asks for.
#[test]
fn values_of_the_unique_table_weigh_no_rows_that_have_a_floor() {
    let tagged = |n: i64| Limit { least: Some(i128::from(1_i64 << n)), ..allowed(n, 10 * n) };
    let world = |floors| World {
        payments: vec![(0..8).map(|n| paid(n, "east", if n % 3 == 0 { 99 } else { 0 })).collect()],
        limits: (0..8).map(tagged).collect(),
        floors,
    };
    let compiled = |floors, what: &str| {
        world(floors).place().compiled(&format!("SELECT {what} {FROM} AND p.amount > l.most"), 1)
    };
    for what in [
        "SUM(least)",
        "AVG(l.least)",
        "MIN(most)",
        "MAX(since)",
        "MIN(home)",
        "VAR_SAMP(least)",
        "SUM(p.amount * l.most)",
        "COVAR_POP(p.amount, l.most)",
        "CORR(p.amount, l.most)",
        "COUNT(*), SUM(CASE WHEN p.fee > 0 THEN l.most END)",
    ] {
        // Also where it is the other owners who ask for a floor: these are their own values.
        assert!(compiled([1, 2], what).is_ok(), "{what}");
        match compiled([2, 1], what) {
            Err(Refused::Unsupported { construct: Construct::ComparedWeight, .. }) => {}
            other => panic!("{what}: {:?}", other.map(|compiled| compiled.program)),
        }
    }
    let having = format!("SELECT COUNT(*) {FROM} AND p.amount > l.most HAVING SUM(least) > 3");
    assert!(matches!(
        world([2, 1]).place().compiled(&having, 1),
        Err(Refused::Unsupported { construct: Construct::ComparedWeight, .. })
    ));
    for what in [
        "COUNT(*)",
        "COUNT(l.least), SUM(p.amount), MAX(p.fee)",
        "SUM(CASE WHEN l.plan = 'full' THEN p.amount END)",
        "COUNT(CASE WHEN l.most > 3 THEN 1 END)",
        "COUNT(p.amount * l.most)",
    ] {
        assert!(compiled([2, 2], what).is_ok(), "{what}");
    }
    // Without a comparison, and without a floor, it stands; the audit says what that may tell.
    let joined = world([2, 1]).place().compiled(&format!("SELECT SUM(least) {FROM}"), 1);
    assert!(joined.is_ok());
    let place = world([1, 1]).place();
    let open = compiled([1, 1], "SUM(least)").unwrap();
    let told = Cell::Decimal("0.0073".into());
    assert_eq!(place.joint(&open, None).rows, [[told]]);
    let warns = |compiled: &treaty_compiler::Compiled| {
        compiled.audit.beyond.iter().any(|text| text.contains("at once which compare"))
    };
    assert!(warns(&open) && !warns(&compiled([2, 1], "COUNT(*)").unwrap()));
}
