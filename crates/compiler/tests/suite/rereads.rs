//! A dataset beside itself: two aggregates over the same rows, each of as many as any floor asks for, may differ by one
//! row's value.

use treaty_compiler::{Cell, Table, compile, decode, tables};

use crate::{
    joins::{World, account, subscriber},
    jointly,
    payments::two_banks,
    place::Place,
    support::is_left_to_owners,
};

fn world() -> World {
    let accounts = (1..=20).map(|n| account(n, "east", 10 * n)).collect();
    let subscribers = (1..=20).map(|n| subscriber(n, "full", n)).collect();
    World { accounts: vec![accounts], subscribers: vec![subscribers], floors: [5, 5] }
}

fn tables_of(sql: &str) -> Vec<Table> {
    let named = tables(sql).unwrap();
    world().tables().into_iter().filter(|table| named.contains(&table.name)).collect()
}

fn is_partial(sql: &str, tables: &[Table]) -> bool {
    let compiled = compile(sql, tables, 5).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
    assert!(compiled.answers.iter().all(|answers| answers.uncountable.is_some()), "{sql}");
    is_left_to_owners(&compiled)
}

#[test]
fn a_table_beside_itself_needs_its_owners_leave() {
    // All but account 17, which is what the two sums differ in.
    let sql = "SELECT SUM(a.balance) AS x, SUM(b.balance) AS y FROM accounts a LEFT JOIN accounts b \
               ON a.phone = b.phone AND b.phone <> 17";
    let compiled = compile(sql, &tables_of(sql), 5).unwrap();
    let outputs = jointly::interpreted(&compiled.program, &world().inputs(&compiled));
    let result = decode(&compiled, &outputs).unwrap();
    let [Cell::Integer(x), Cell::Integer(y)] = result.rows[0][..] else { panic!("{result:?}") };
    assert_eq!(x - y, 170);
    assert!(is_partial(sql, &tables_of(sql)));
    for sql in [
        "SELECT SUM(a.balance), SUM(b.balance) FROM accounts a JOIN accounts b ON a.phone = b.phone WHERE b.phone <> 17",
        "SELECT COUNT(*) FROM accounts a JOIN accounts b ON a.phone = b.phone",
        "SELECT COUNT(*) FROM accounts a FULL JOIN accounts b ON a.phone = b.phone",
        "SELECT SUM(balance) FROM accounts a WHERE EXISTS (SELECT 1 FROM accounts b WHERE a.phone = b.phone AND b.phone <> 17)",
        "SELECT SUM(balance) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM accounts b WHERE a.phone = b.phone AND b.phone = 17)",
        "SELECT SUM(balance) FROM accounts WHERE phone IN (SELECT phone FROM accounts b WHERE b.region = 'east')",
        "SELECT SUM(a.balance), SUM(b.balance) FROM accounts a JOIN subscribers s ON a.phone = s.phone \
         JOIN accounts b ON b.phone = s.phone AND b.phone <> 17",
        // Of a stack that the table is in.
        "SELECT SUM(a.balance), SUM(p.b) FROM accounts a JOIN (SELECT phone, balance AS b FROM accounts UNION ALL \
         SELECT phone, swaps FROM subscribers) AS p ON a.phone = p.phone",
        // Rows that must meet others of the same, beside a comparison.
        "SELECT COUNT(*) FROM accounts a WHERE EXISTS (SELECT 1 FROM accounts b WHERE b.phone = a.phone AND b.phone <> 17) \
         AND balance > (SELECT AVG(swaps) FROM subscribers)",
    ] {
        assert!(is_partial(sql, &tables_of(sql)), "{sql}");
    }
    let by_phone = "SELECT a.phone, SUM(b.balance) FROM accounts a JOIN accounts b ON a.phone = b.phone \
                    GROUP BY a.phone LIMIT 3";
    let mut accounts = tables_of(by_phone);
    accounts[0].datasets[0].floor_rows = 1;
    assert!(is_partial(by_phone, &accounts));
    for sql in [
        "SELECT SUM(balance), SUM(swaps) FROM accounts a JOIN subscribers s ON a.phone = s.phone",
        "SELECT SUM(balance) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM subscribers s WHERE a.phone = s.phone)",
    ] {
        assert!(!is_partial(sql, &tables_of(sql)), "{sql}");
    }
}

/// A dataset is the same one under another name, and in another version.
#[test]
fn versions_of_a_dataset_are_the_same_rows() {
    let sql = "SELECT SUM(a.balance), SUM(b.balance) FROM accounts a JOIN others b ON a.phone = b.phone";
    let [accounts, _] = <[Table; 2]>::try_from(world().tables()).unwrap();
    let beside = |reference: &str| {
        let mut others = Table { name: "others".into(), ..accounts.clone() };
        others.datasets[0].reference = reference.into();
        is_partial(sql, &[accounts.clone(), others])
    };
    let own = accounts.datasets[0].reference.clone();
    let (path, _) = own.rsplit_once('@').unwrap();
    assert!(beside(&own) && beside(&format!("{path}@7")) && !beside(&format!("{path}_too@1")));
}

/// Where rows of a table are compared with its own, too.
#[test]
fn a_table_that_is_compared_with_itself_needs_its_owners_leave() {
    let place: Place = two_banks([2, 2]).place();
    let is_partial = |from: &str| {
        let compiled = place.compiled(&format!("SELECT COUNT(*), COUNT(*) AS n {from}"), 2).unwrap();
        compiled.answers.iter().all(|answers| answers.is_partial())
    };
    assert!(is_partial("FROM limits a JOIN limits b ON a.account = b.account WHERE a.most + 1 > b.most"));
    assert!(is_partial("FROM limits a LEFT JOIN limits b ON a.account = b.account AND a.most <> b.most"));
    assert!(!is_partial("FROM payments p JOIN limits l ON p.account = l.account WHERE p.amount > l.most"));
}
