//! Contributors and dominance, against shares that are computed in plaintext.

use contract::disclosure::DisclosureRule;
use proptest::prelude::*;
use treaty_compiler::{Cell, Refused, Rule, Table, compile, decode};
use vm::SchemeName;

use crate::{
    jointly,
    support::{Declare, Person, batch, column, people, table},
};

const SQL: &str = "SELECT rank, COUNT(*) AS n, SUM(free) AS s, AVG(free) AS a FROM people GROUP BY rank";
const RANKS: [&str; 3] = ["low", "mid", "o'high"];

fn rule(contributors_min: u32, dominance_percent_max: Option<u8>) -> Rule {
    Rule {
        floor_rows: 2,
        disclosure: DisclosureRule { contributors_min, dominance_percent_max, privacy: None },
    }
}

/// The column `free` is declared to lie between 0 and 1,000.
fn town(rows: &[u64]) -> Table {
    let mut table = table(rows);
    for source in &mut table.datasets {
        let free = source.schema.columns.iter_mut().find(|column| column.name == "free").unwrap();
        *free = column("free", contract::ColumnType::Integer).range("0", "1000");
    }
    table
}

fn person(rank: usize, free: i64) -> Person {
    Person { rank: RANKS[rank].to_owned(), free, ..Person::default() }
}

/// For each rank whether it is shown, and whether its sum is.
fn shown(owners: &[Vec<Person>], rule: &Rule, scheme: Option<SchemeName>) -> Vec<Option<bool>> {
    let rows: Vec<u64> = owners.iter().map(|rows| rows.len() as u64).collect();
    let compiled = compile(SQL, &[town(&rows)], rule.clone()).unwrap();
    let inputs = jointly::stages(&compiled, |stage| {
        let owner: usize = stage.dataset["owner".len().."owner".len() + 1].parse().unwrap();
        (people(), vec![batch(&owners[owner])])
    });
    let opened = match scheme {
        None => jointly::interpreted(&compiled.program, &inputs),
        Some(scheme) => jointly::on_shares(&compiled.program, &inputs, scheme),
    };
    let result = decode(&compiled, &opened).unwrap();
    let of = |rank: &&str| {
        let row = result.rows.iter().find(|row| row[0] == Cell::Text((**rank).to_owned()))?;
        assert_eq!(row[2] == Cell::Withheld, row[3] == Cell::Withheld, "a mean tells the sum");
        Some(row[2] != Cell::Withheld)
    };
    RANKS.iter().map(of).collect()
}

/// The same by the definitions.
fn expected(owners: &[Vec<Person>], rule: &Rule) -> Vec<Option<bool>> {
    let of = |rank: &&str| {
        let parts: Vec<Vec<i64>> = owners
            .iter()
            .map(|rows| rows.iter().filter(|row| row.rank == **rank).map(|row| row.free).collect())
            .collect();
        let rows = parts.concat();
        let contributors = parts.iter().filter(|part| !part.is_empty()).count() as u32;
        if (rows.len() as u64) < rule.floor_rows || contributors < rule.disclosure.contributors_min {
            return None;
        }
        let total: i64 = rows.iter().sum();
        let largest = parts.iter().map(|part| part.iter().sum()).chain(rows.iter().copied()).max().unwrap();
        let allowed = rule.disclosure.dominance_percent_max.map(i64::from);
        Some(allowed.is_none_or(|percent| 100 * largest <= percent * total))
    };
    RANKS.iter().map(of).collect()
}

#[test]
fn a_dominated_sum_and_a_group_of_one_member_are_withheld() {
    let owners = vec![
        vec![person(0, 10), person(0, 10), person(1, 900), person(2, 5), person(2, 5)],
        vec![person(0, 10), person(0, 10), person(1, 10), person(1, 10)],
    ];
    for scheme in [None, Some(SchemeName::Rep3), Some(SchemeName::Rep3Malicious)] {
        let found = shown(&owners, &rule(2, Some(60)), scheme);
        assert_eq!(found, [Some(true), Some(false), None], "{scheme:?}");
    }
    assert_eq!(shown(&owners, &rule(0, None), None), [Some(true), Some(true), Some(true)]);
}

#[test]
fn neither_a_case_nor_missing_values_single_a_contributor_out() {
    let of = |note: &str, score: Option<f64>| Person { note: Some(note.to_owned()), score, ..person(0, 10) };
    let owners = [
        vec![of("x", Some(5.0)), of("x", Some(6.0)), of("x", Some(7.0))],
        vec![of("y", None), of("y", None)],
    ];
    let sql = "SELECT rank, SUM(free) AS s, SUM(CASE WHEN note = 'x' THEN free END) AS c, COUNT(score) AS n, \
               AVG(score) AS a FROM people GROUP BY rank";
    for (least, withheld) in [(1, false), (2, true)] {
        let rule = Rule { floor_rows: 1, ..rule(least, None) };
        let compiled = compile(sql, &[town(&[3, 2])], rule).unwrap();
        let inputs = jointly::stages(&compiled, |stage| {
            let owner: usize = stage.dataset["owner".len().."owner".len() + 1].parse().unwrap();
            (people(), vec![batch(&owners[owner])])
        });
        let result = decode(&compiled, &jointly::interpreted(&compiled.program, &inputs)).unwrap();
        assert_eq!(result.rows[0][1], Cell::Integer(50));
        for cell in &result.rows[0][2..] {
            assert_eq!(*cell == Cell::Withheld, withheld, "{cell:?}, at least {least}");
        }
    }
}

/// Owners with up to five rows each.
fn owners() -> impl Strategy<Value = Vec<Vec<Person>>> {
    let row = (0..3_usize, 0..1_000_i64).prop_map(|(rank, free)| person(rank, free));
    prop::collection::vec(prop::collection::vec(row, 1..6), 2..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_shown_is_what_the_definitions_allow(
        owners in owners(), contributors in 0..4_u32, percent in prop::option::of(20..99_u8),
    ) {
        let rule = rule(contributors, percent);
        prop_assert_eq!(shown(&owners, &rule, None), expected(&owners, &rule));
    }
}

#[test]
fn what_has_no_share_is_refused_by_name() {
    for (sql, says) in [
        ("SELECT SUM(salary) AS s FROM people", "negative"),
        ("SELECT SUM(free + 1000) AS s FROM people", "hidden"),
        ("SELECT VAR_SAMP(free) AS v FROM people", "VAR_SAMP"),
        ("SELECT free, COUNT(*) AS n FROM people GROUP BY free LIMIT 3", "not public"),
    ] {
        match compile(sql, &[town(&[10, 10])], rule(2, Some(60))) {
            Err(Refused::Disclosure(reason)) => assert!(reason.contains(says), "{reason}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

/// Whether there are enough values is one thing, whether none of them dominates another.
#[test]
fn values_are_counted_beside_a_sum_that_may_be_dominated() {
    let mut town = town(&[10, 10]);
    for source in &mut town.datasets {
        source.schema.columns.iter_mut().find(|column| column.name == "free").unwrap().nullable = true;
    }
    let sql = "SELECT rank, COUNT(free) AS n, SUM(free) AS s, AVG(free) AS a FROM people GROUP BY rank";
    compile(sql, &[town], rule(2, Some(60))).unwrap();
}
