//! Tables of one owner, joined at home: the same answer as in one place, and the same terms as if they were another's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, Decimal128Array, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use contract::{
    Column, ColumnType, Schema,
    disclosure::{DisclosureRule, Privacy},
    terms::Use,
};
use treaty_compiler::{Compiled, Refused, Rule, Table, compile, rows::arrow_schema};

use crate::{
    place::{Owned, Place},
    random::assert_agrees,
    support::{Declare, assert_repeated_among, column, is_left_to_owners},
};

fn owned(name: &'static str, columns: Vec<Column>, arrays: Vec<ArrayRef>) -> Owned {
    let schema = Schema { columns };
    let rows = RecordBatch::try_new(arrow_schema(&schema), arrays).unwrap();
    Owned { name, schema, owners: vec![rows], floor_rows: 1 }
}

fn integers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn texts(values: impl Iterator<Item = Option<&'static str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn id(name: &str) -> Column {
    column(name, ColumnType::Integer).range("0", "1000")
}

const REGIONS: [&str; 3] = ["east", "north", "west"];
const NAMES: [Option<&str>; 4] = [Some("ann"), Some("bo"), None, Some("cy")];

/// Branches, accounts and payments, of which some have no partner. Accounts have a branch, payments an account.
fn place() -> Place {
    let (branches, accounts, payments) = (0..6_i64, 0..40_i64, 0..160_i64);
    let branch = || branches.clone();
    let account = || accounts.clone();
    let payment = || payments.clone();
    let amounts = payment().map(|n| Some(i128::from(n * 37 % 1_000)));
    let amounts = amounts.collect::<Decimal128Array>().with_precision_and_scale(18, 2).unwrap();
    Place(vec![
        owned(
            "branches",
            vec![id("branch").unique(), column("region", ColumnType::Text).values(&REGIONS)],
            vec![integers(branch().map(Some)), texts(branch().map(|n| Some(REGIONS[n as usize % 3])))],
        ),
        owned(
            "accounts",
            vec![
                id("account").unique().nullable(),
                id("branch"),
                column("limit", ColumnType::Integer).range("-50", "50").nullable(),
                column("name", ColumnType::Text).bytes_max(5).nullable(),
            ],
            vec![
                integers(account().map(|n| (n != 7).then_some(n))),
                integers(account().map(|n| Some(n % 8))),
                integers(account().map(|n| (n % 5 > 0).then_some(n - 20))),
                texts(account().map(|n| NAMES[n as usize % 4])),
            ],
        ),
        owned(
            "payments",
            vec![
                id("payment").unique(),
                id("account").nullable(),
                column("amount", ColumnType::Decimal { scale: 2 }).range("0", "10"),
                column("kind", ColumnType::Text).values(&["card", "cash"]),
            ],
            vec![
                integers(payment().map(Some)),
                integers(payment().map(|n| (n % 11 > 0).then_some(n % 50))),
                Arc::new(amounts),
                texts(payment().map(|n| Some(["card", "cash"][n as usize % 2]))),
            ],
        ),
    ])
}

/// All tables are one owner's.
fn at_home(place: &Place, sql: &str, floor: u64) -> Compiled {
    place.compiled_for(sql, floor, |_| "bank").unwrap_or_else(|refused| panic!("{sql}: {refused}"))
}

/// How many datasets each stage reads.
fn read(compiled: &Compiled) -> Vec<usize> {
    compiled.program.stages.iter().map(|stage| stage.tables().count()).collect()
}

const TIED: &str = "p.account = a.account AND a.branch = b.branch";

#[test]
fn answers_equal_plaintext_and_one_stage_reads_all() {
    let place = place();
    for (select, rest) in [
        ("region, COUNT(*) AS n, SUM(amount) AS s, AVG(\"limit\") AS l", "GROUP BY region ORDER BY region"),
        (
            "b.region, kind, COUNT(name) AS n, MIN(name) AS least",
            "GROUP BY b.region, kind ORDER BY kind, region",
        ),
        (
            "region, MEDIAN(amount) AS m, COUNT(DISTINCT name) AS names",
            "GROUP BY region ORDER BY region DESC",
        ),
        (
            "COUNT(*) AS n, SUM(amount * \"limit\") AS s",
            "AND (region = 'east' OR \"limit\" > 0 AND kind = 'cash')",
        ),
        ("SUM(CASE WHEN \"limit\" > 0 THEN amount END) AS s, MAX(a.branch) AS b", "AND amount > 1"),
        ("region AS r, SUM(amount) / COUNT(*) AS mean", "GROUP BY region HAVING COUNT(*) > 20 ORDER BY r"),
        ("name, COUNT(*) AS n", "AND name IS NOT NULL GROUP BY name ORDER BY n DESC, name LIMIT 2"),
        (
            "LENGTH(name) AS l, COUNT(*) AS n",
            "AND name IN ('ann', 'bo') GROUP BY LENGTH(name) ORDER BY l LIMIT 3",
        ),
        ("region, RANK() OVER (ORDER BY COUNT(*) DESC) AS r", "GROUP BY region ORDER BY r, region"),
        ("COUNT(*) AS n, CORR(amount, \"limit\") AS c", ""),
        (
            "region, SUM(a.\"limit\"), SUM(\"limit\") / COUNT(*), (b.region) AS r",
            "GROUP BY region ORDER BY region",
        ),
        ("MAX(p.account) AS m, MAX(a.account), COALESCE(SUM(a.\"limit\"), 0)", "AND kind = 'cash'"),
        ("LENGTH(name), COUNT(*)", "AND name IN ('ann', 'bo') GROUP BY LENGTH(name) ORDER BY LENGTH(name)"),
    ] {
        let sql = format!("SELECT {select} FROM payments p, accounts a, branches b WHERE {TIED} {rest}");
        let compiled = at_home(&place, &sql, 2);
        assert!(read(&compiled).iter().all(|datasets| *datasets == 3), "{sql}\n{}", compiled.program);
        assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), true);
        if let Ok(apart) = place.compiled(&sql, 2) {
            let names =
                |of: &Compiled| of.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&compiled), names(&apart), "{sql}");
        }
        let joins = "payments AS p JOIN (accounts a) ON p.account = a.account JOIN branches AS b ON a.branch = b.branch";
        let joins = joins.replace("(accounts a)", "accounts a");
        let rest = rest.strip_prefix("AND ").map_or(rest.to_owned(), |rest| format!("WHERE {rest}"));
        let written = at_home(&place, &format!("SELECT {select} FROM {joins} {rest}"), 2);
        assert_eq!(written.program.outputs, compiled.program.outputs, "{sql}");
    }
}

/// The result's own columns come first in ORDER BY, and those of tables in GROUP BY.
#[test]
fn names_stand_for_what_they_do_in_one_place() {
    let place = place();
    let sql = "SELECT kind, COUNT(*) AS branch FROM payments p JOIN accounts a ON p.account = a.account \
               WHERE a.branch IN (1, 2, 3) GROUP BY kind ORDER BY -branch, kind";
    let compiled = at_home(&place, sql, 2);
    assert_eq!(read(&compiled), [2]);
    assert_agrees(sql, &place.joint(&compiled, None), place.plain(sql), true);
}

/// Rows without a partner stay, also beside other tables.
#[test]
fn rows_without_a_partner_stay() {
    let place = place();
    let left = "payments p LEFT JOIN accounts a ON p.account = a.account";
    for (sql, datasets) in [
        (format!("SELECT kind, COUNT(*) AS n, COUNT(\"limit\") AS l, SUM(\"limit\") AS s FROM {left} GROUP BY kind ORDER BY kind"), 2),
        (format!("SELECT COUNT(*) AS n, SUM(COALESCE(\"limit\", 0)) AS s FROM {left} WHERE a.account IS NULL OR a.branch > 2"), 2),
        (
            format!(
                "SELECT region, COUNT(*) AS n, SUM(amount) AS s FROM {left} LEFT JOIN branches b ON a.branch = b.branch GROUP BY region ORDER BY region"
            ),
            3,
        ),
        (
            format!(
                "SELECT region, COUNT(*) AS n, MIN(name) AS m FROM {left} JOIN branches b ON a.branch = b.branch GROUP BY region ORDER BY region"
            ),
            3,
        ),
        (
            "SELECT kind, COUNT(*) AS n, COUNT(name) AS m FROM accounts a RIGHT JOIN payments p ON p.account = a.account \
             GROUP BY kind ORDER BY kind"
                .to_owned(),
            2,
        ),
    ] {
        let compiled = at_home(&place, &sql, 2);
        assert!(read(&compiled).iter().all(|read| *read == datasets), "{sql}\n{}", compiled.program);
        assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), true);
    }
    let with_others = format!(
        "SELECT region, COUNT(*) AS n, SUM(\"limit\") AS s FROM {left} JOIN branches b ON p.payment = b.branch GROUP BY region ORDER BY region"
    );
    let holder = |table| if table == "branches" { "city" } else { "bank" };
    let compiled = place.compiled_for(&with_others, 2, holder).unwrap_or_else(|refused| panic!("{refused}"));
    assert_eq!(read(&compiled), [2, 1]);
    assert_agrees(&with_others, &place.joint(&compiled, None), place.plain(&with_others), true);
}

#[test]
fn groups_are_chosen_by_a_share_of_all() {
    let place = place();
    let from = format!("FROM payments p, accounts a, branches b WHERE {TIED} AND kind = 'card'");
    let sql = format!(
        "SELECT region, SUM(amount) AS s {from} GROUP BY region HAVING SUM(amount) > (SELECT SUM(amount) * 0.3 {from}) ORDER BY s DESC LIMIT 3"
    );
    let compiled = at_home(&place, &sql, 2);
    assert_eq!(read(&compiled), [3]);
    assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), true);
}

/// Of another owner's table the rest is joined on shares, with what was joined at home.
#[test]
fn what_is_joined_at_home_is_joined_on_shares_with_others() {
    let place = place();
    let holder = |table| if table == "payments" { "shop" } else { "bank" };
    for sql in [
        format!(
            "SELECT region, COUNT(*) AS n, SUM(amount) AS s FROM payments p, accounts a, branches b WHERE {TIED} GROUP BY region ORDER BY region"
        ),
        // That accounts' branch is the branches' follows.
        format!(
            "SELECT kind, region, SUM(amount * \"limit\") AS s FROM accounts a, branches b, payments p WHERE {TIED} AND p.account < 39 GROUP BY kind, region ORDER BY kind, region"
        ),
    ] {
        let compiled =
            place.compiled_for(&sql, 2, holder).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let mut datasets = read(&compiled);
        datasets.sort_unstable();
        assert_eq!(datasets, [1, 2], "{sql}");
        assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), true);
        assert_agrees(&sql, &place.joint(&compiled, Some(vm::SchemeName::Rep3)), place.plain(&sql), true);
    }
}

/// Two columns that must equal a third one's must equal each other.
#[test]
fn equalities_that_follow_count() {
    let place = place();
    let holder = |table| if table == "payments" { "shop" } else { "bank" };
    let sql = "SELECT kind, COUNT(*) AS n FROM payments p, accounts a, branches b \
               WHERE p.account = a.branch AND p.account = b.branch GROUP BY kind ORDER BY kind";
    let compiled = place.compiled_for(sql, 1, holder).unwrap();
    assert_eq!(read(&compiled).iter().sum::<usize>(), 3);
    assert_eq!(compiled.program.stages.len(), 2);
    assert_agrees(sql, &place.joint(&compiled, None), place.plain(sql), true);
}

/// The same program as of different owners.
#[test]
fn what_would_make_a_difference_is_joined_on_shares() {
    let mut place = place();
    let same = |place: &Place, sql: &str| {
        let apart = place.compiled(sql, 2).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        assert_eq!(at_home(place, sql, 2).program, apart.program, "{sql}");
    };
    let sql = "SELECT COUNT(*) FROM payments p JOIN accounts a ON p.account = a.account";
    assert_ne!(at_home(&place, sql, 2).program, place.compiled(sql, 2).unwrap().program);
    // Rows without a partner, rows that are asked whether they have one, and keys that may repeat.
    same(
        &place,
        "SELECT COUNT(*) FROM payments p LEFT JOIN accounts a ON p.account = a.account AND a.\"limit\" > 3",
    );
    same(
        &place,
        "SELECT COUNT(*) FROM payments p WHERE EXISTS (SELECT 1 FROM accounts a WHERE p.account = a.account)",
    );
    same(
        &place,
        "SELECT COUNT(*) FROM payments p JOIN accounts a ON p.payment = a.branch AND p.account = a.branch",
    );
    same(&place, "SELECT COUNT(*) FROM accounts a JOIN accounts c ON a.account = c.account");
    same(
        &place,
        "SELECT COUNT(*) FROM payments p JOIN accounts a ON p.account = a.account AND p.payment = a.branch",
    );
    // Columns that are equal to another one between them, and a name that would stand for two columns.
    same(
        &place,
        "SELECT COUNT(*) FROM payments p, accounts a WHERE p.account = a.account AND p.payment = a.branch",
    );
    same(&place, "SELECT COUNT(*) FROM payments p JOIN accounts \"a.b\" ON p.account = \"a.b\".account");
    let ambiguous = "SELECT COUNT(account) FROM payments p JOIN accounts a ON p.account = a.account";
    assert!(place.compiled_for(ambiguous, 2, |_| "bank").is_err());
    // What the tables' owner may call otherwise.
    for name in ["t", "k0", "checked", "one", "\"payments with a\"", "\"A\""] {
        let sql = format!(
            "SELECT COUNT(*) AS n, SUM({name}.\"limit\") AS s FROM payments p JOIN accounts {name} ON p.account = {name}.account"
        );
        let compiled = at_home(&place, &sql, 2);
        assert_eq!(read(&compiled), [2], "{sql}");
        assert_agrees(&sql, &place.joint(&compiled, None), place.plain(&sql), true);
    }
    // How many of the accounts are behind a group is counted on shares.
    place.0[1].floor_rows = 3;
    same(&place, sql);
    place.0[1].floor_rows = 1;
    let rows = place.0[1].owners[0].clone();
    place.0[1].owners = vec![rows.slice(0, 20), rows.slice(20, 20)];
    same(&place, sql);
}

fn assert_same_uses(place: &Place, sql: &str) {
    let (here, apart) = (at_home(place, sql, 2), place.compiled(sql, 2).unwrap());
    assert_eq!(here.usage.columns, apart.usage.columns, "{sql}");
    assert_eq!(here.usage.comparisons, apart.usage.comparisons, "{sql}");
}

#[test]
fn columns_are_used_as_those_of_another_owner() {
    let place = place();
    for (select, rest) in [
        ("COUNT(*)", ""),
        ("region, SUM(amount)", "GROUP BY region"),
        ("SUM(\"limit\")", "AND name = 'ann' AND amount > 3"),
        ("AVG(CASE WHEN \"limit\" > 5 THEN amount END)", "AND b.branch IN (1, 2)"),
        ("SUM(amount * \"limit\")", "AND p.account = 5"),
        ("COUNT(*)", "AND a.branch < 4 AND UPPER(name) = 'BO'"),
        ("name, COUNT(*) AS n", "GROUP BY name ORDER BY n LIMIT 2"),
    ] {
        let sql = format!("SELECT {select} FROM payments p, accounts a, branches b WHERE {TIED} {rest}");
        assert_same_uses(&place, &sql);
    }
    for sql in [
        "SELECT COUNT(*), SUM(\"limit\") FROM payments p LEFT JOIN accounts a ON p.account = a.account WHERE amount > 2",
        "SELECT kind, AVG(amount) FROM payments p LEFT JOIN accounts a ON p.account = a.account GROUP BY kind",
    ] {
        assert_same_uses(&place, sql);
    }
}

/// However an equality is written, it is a match.
#[test]
fn what_is_compared_for_equality_is_matched() {
    let place = place();
    let of = |condition: &str, rest: &str| {
        let sql = format!(
            "SELECT COUNT(*){rest} FROM payments p, accounts a, branches b WHERE {TIED} AND {condition}"
        );
        at_home(&place, &sql, 2).usage.columns
    };
    let is_matched = |uses: &BTreeMap<String, BTreeMap<String, BTreeSet<Use>>>| {
        [("payments", "payment"), ("accounts", "limit")]
            .map(|(table, column)| uses[table].get(column).is_some_and(|uses| uses.contains(&Use::Join)))
    };
    for condition in [
        "p.payment + 0 = a.\"limit\"",
        "NOT (p.payment <> a.\"limit\")",
        "(p.payment = a.\"limit\" OR kind = 'cash')",
        "p.payment - a.\"limit\" IN (0, 1)",
    ] {
        assert_eq!(is_matched(&of(condition, "")), [true; 2], "{condition}");
    }
    let chosen = ", SUM(CASE WHEN p.payment = a.\"limit\" THEN 1 ELSE 0 END)";
    assert_eq!(is_matched(&of("kind = 'card'", chosen)), [true; 2]);
    let ordered = format!(
        "SELECT kind, COUNT(*) AS n FROM payments p, accounts a, branches b WHERE {TIED} GROUP BY kind ORDER BY {}",
        &chosen[2..]
    );
    assert_eq!(is_matched(&at_home(&place, &ordered, 2).usage.columns), [true; 2]);
    assert_eq!(is_matched(&of("p.payment > a.\"limit\" AND p.payment IN (1, 2)", "")), [false; 2]);
}

/// Kilometres and metres are not the same numbers.
#[test]
fn keys_of_different_units_are_joined_nowhere() {
    let mut place = place();
    for (unit, other) in [("km", "m"), ("EUR", "USD")] {
        place.0[1].schema.columns[0].unit = unit.into();
        place.0[2].schema.columns[1].unit = other.into();
        let sql = "SELECT COUNT(*) FROM payments p JOIN accounts a ON p.account = a.account";
        assert!(place.compiled_for(sql, 2, |_| "bank").is_err());
        assert!(place.compiled(sql, 2).is_err());
    }
}

/// Whether a row has a partner is asked by the partner's columns, of which terms say who may.
#[test]
fn columns_of_what_is_joined_are_nobodys_to_name() {
    let place = place();
    let from = "FROM payments p LEFT JOIN accounts a ON p.account = a.account";
    for sql in [
        format!("SELECT COUNT(*) {from} WHERE p.\"a found\""),
        format!("SELECT \"a found\", COUNT(*) {from} GROUP BY \"a found\""),
        format!("SELECT COUNT(*), SUM(CASE WHEN NOT \"a found\" THEN 1 ELSE 0 END) {from}"),
        format!("SELECT SUM(p.\"a.limit\") {from} WHERE a.\"limit\" > 2"),
    ] {
        assert!(place.compiled_for(&sql, 2, |_| "bank").is_err(), "{sql}");
    }
    let asked = at_home(&place, &format!("SELECT COUNT(*) {from} WHERE a.account IS NULL"), 2);
    assert!(asked.usage.columns["accounts"]["account"].contains(&Use::Filter));
}

/// A table of the contract with the name of what is joined does not stand for it.
#[test]
fn no_other_table_stands_for_what_is_joined() {
    let place = place();
    let sql = "SELECT COUNT(*), SUM(p.amount) FROM payments p JOIN accounts a ON p.account = a.account";
    let mut given = place.tables(sql, |_| "bank");
    assert_eq!(compile(sql, &given, 2).unwrap().program.stages.len(), 1);
    let bait = place.tables("SELECT COUNT(*) FROM branches", |_| "other").remove(0);
    given.push(Table { name: "payments with a".into(), ..bait });
    assert_eq!(compile(sql, &given, 2).unwrap_err(), Refused::UnusedTable("payments with a".into()));
}

/// As of every join nobody counts differences, its owner neither.
#[test]
fn every_table_answers_and_none_can_be_counted() {
    let place = place();
    let of = |select: &str| format!("SELECT {select} FROM payments p, accounts a, branches b WHERE {TIED}");
    let compiled = at_home(&place, &of("COUNT(*), SUM(amount)"), 2);
    let tables: Vec<&str> = compiled.answers.iter().map(|answers| answers.table.as_str()).collect();
    assert_eq!(tables, ["payments", "accounts", "branches"]);
    assert!(
        compiled.answers.iter().all(|answers| answers.uncountable.is_some() && answers.datasets.len() == 1)
    );
    assert!(!is_left_to_owners(&compiled));
    let looked_up: Vec<_> = compiled.audit.at_home.iter().filter(|step| step.contains("looks up")).collect();
    assert_eq!(looked_up.len(), 2, "{}", compiled.audit);
    assert!(is_left_to_owners(&at_home(&place, &of("SUM(CASE WHEN \"limit\" > 0 THEN amount END)"), 2)));
    assert!(is_left_to_owners(&at_home(&place, &of("COUNT(*), COUNT(\"limit\")"), 2)));
    let twice = "SELECT COUNT(*) FROM payments p, accounts a, branches b, branches c \
                 WHERE p.account = a.account AND a.branch = b.branch AND p.payment = c.branch";
    assert!(is_left_to_owners(&at_home(&place, twice, 2)));
}

#[test]
fn what_asks_for_one_table_refuses_joined_ones() {
    let place = place();
    let sql = "SELECT kind, COUNT(*) FROM payments p JOIN accounts a ON p.account = a.account GROUP BY kind";
    let mut all = place.tables(sql, |_| "bank");
    all.iter_mut().flat_map(|table| &mut table.datasets).for_each(|source| source.rows_per_person = Some(1));
    for disclosure in [
        DisclosureRule { privacy: Some(Privacy::laplace(1_000_000)), ..DisclosureRule::default() },
        DisclosureRule { contributors_min: 2, ..DisclosureRule::default() },
        DisclosureRule { dominance_percent_max: Some(50), ..DisclosureRule::default() },
    ] {
        let refused = compile(sql, &all, Rule { floor_rows: 2, disclosure }).unwrap_err();
        assert!(matches!(refused, Refused::Disclosure(_)), "{refused}");
    }
}

/// Whatever the query's conditions leave.
#[test]
fn a_key_that_repeats_is_found_before_anything_is_shared() {
    let mut place = place();
    let accounts = &mut place.0[1];
    let mut columns = accounts.owners[0].columns().to_vec();
    columns[0] = integers((0..40).map(|n| Some(if n == 39 { 3 } else { n })));
    accounts.owners[0] = RecordBatch::try_new(accounts.owners[0].schema(), columns).unwrap();
    let place = &place;
    let [_, accounts, payments] = &place.0[..] else { panic!() };
    let tables = [
        ("accounts", &accounts.schema, accounts.owners[0].clone()),
        ("payments", &payments.schema, payments.owners[0].clone()),
    ];
    for rest in ["", " WHERE a.\"limit\" = 17", " WHERE p.account IS NULL", " WHERE p.payment > 900"] {
        let sql = format!("SELECT COUNT(*) FROM payments p JOIN accounts a ON p.account = a.account{rest}");
        let compiled = at_home(place, &sql, 2);
        assert_repeated_among(&compiled, &tables, "account");
    }
}
