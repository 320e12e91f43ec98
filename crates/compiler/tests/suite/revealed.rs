//! What the analysis says is revealed is all that a run depends on: of two databases that agree on it the same values are
//! opened, and what compute parties send has the same sizes. Databases are made to differ in everything else: columns that the
//! query does not use, whose row is whose, the values of groups that are withheld, which keys there are, and rows that meet
//! nothing.

use std::collections::BTreeSet;

use contract::terms::Use;
use program::Program;
use proptest::{collection::vec, prelude::*, test_runner::Config};
use treaty_compiler::{Compiled, SHOWN};
use vm::SchemeName;

use crate::{
    joins::{self, Row, World, row, world},
    jointly,
    random::{self, person},
    support::{self, Person, table},
};

/// How a query uses a column.
fn uses(compiled: &Compiled, table: &str, column: &str) -> BTreeSet<Use> {
    let columns = compiled.usage.columns.get(table);
    columns.and_then(|columns| columns.get(column)).cloned().unwrap_or_default()
}

/// What of a row may change without being noticed.
#[derive(Clone, Copy, PartialEq)]
enum Unseen {
    /// Columns that are not used.
    Unused,
    /// And those that decide neither which rows count nor in which group: nothing of the row is shown.
    Values,
}

impl Unseen {
    fn has(self, compiled: &Compiled, table: &str, column: &str) -> bool {
        let uses = uses(compiled, table, column);
        uses.is_empty()
            || self == Self::Values
                && !uses.iter().any(|one| matches!(one, Use::Filter | Use::Group | Use::Join))
    }
}

/// Rows of all owners, handed around, so that each owner has as many as before.
fn dealt<T: Clone>(owners: &[Vec<T>], by: usize) -> Vec<Vec<T>> {
    let mut all = owners.concat();
    let rows = all.len().max(1);
    all.rotate_left(by % rows);
    let mut rest = all.into_iter();
    owners.iter().map(|rows| rest.by_ref().take(rows.len()).collect()).collect()
}

/// What each compute party sent and got, in bytes, and in how many rounds.
fn sizes(program: &Program, inputs: &[Vec<i128>]) -> Vec<String> {
    let of_party = |party: &vm::RunOutput| {
        let frames = party.transcripts.iter().map(|peer| [peer.bytes_sent, peer.bytes_received]);
        format!("{:?}, {:?}", party.cost, frames.collect::<Vec<_>>())
    };
    jointly::parties(program, inputs, SchemeName::Rep3).iter().map(of_party).collect()
}

/// What is opened is compared as it is but for rounding on shares, which is random in the last places of quotients.
fn assert_alike(sql: &str, program: &Program, inputs: [Vec<Vec<i128>>; 2]) {
    let shared = inputs.each_ref().map(|inputs| inputs.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(shared[0], shared[1], "{sql}: owners share as much");
    let opened = inputs.each_ref().map(|inputs| jointly::interpreted(program, inputs));
    assert_eq!(opened[0], opened[1], "{sql}: the same is opened");
    let sent = inputs.map(|inputs| sizes(program, &inputs));
    assert_eq!(sent[0], sent[1], "{sql}: as much is sent");
}

/// The public group of each row is shown, or is not.
fn is_shown(compiled: &Compiled, shown: &[i128], person: &Person) -> bool {
    let mut key = Vec::new();
    for (column, value) in [
        ("rank", Some(person.rank.clone())),
        ("team", person.team.map(|team| team.to_string())),
        ("active", person.active.map(|active| active.to_string())),
    ] {
        if uses(compiled, "people", column).contains(&Use::Group) {
            key.push(value);
        }
    }
    let place = compiled.groups.iter().position(|group| *group == key);
    shown[place.unwrap_or_else(|| panic!("{key:?} is none of {:?}", compiled.groups))] == 1
}

/// `person` with what is not seen of it taken from `other`.
fn changed(compiled: &Compiled, person: &Person, other: &Person, unseen: Unseen) -> Person {
    let is = |column| unseen.has(compiled, "people", column);
    let other = other.clone();
    let mut changed = person.clone();
    if is("rank") {
        changed.rank = other.rank;
    }
    if is("team") {
        changed.team = other.team;
    }
    if is("active") {
        changed.active = other.active;
    }
    if is("joined") {
        changed.joined = other.joined;
    }
    if is("salary") {
        changed.salary = other.salary;
    }
    if is("bonus") {
        changed.bonus = other.bonus;
    }
    if is("score") {
        changed.score = other.score;
    }
    if is("note") {
        changed.note = other.note;
    }
    if is("free") {
        changed.free = other.free;
    }
    changed
}

/// A row of one of two tables that meet, changed likewise.
fn changed_row(compiled: &Compiled, side: usize, row: &Row, other: &Row, unseen: Unseen) -> Row {
    let (table, columns) = [
        ("accounts", ["phone", "holder", "opened", "region", "balance", "loss"]),
        ("subscribers", ["phone", "name", "since", "plan", "swaps", "score"]),
    ][side];
    let is = columns.map(|column| unseen.has(compiled, table, column));
    let (row, other) = (row.clone(), other.clone());
    (
        if is[0] { other.0 } else { row.0 },
        if is[1] { other.1 } else { row.1 },
        if is[2] { other.2 } else { row.2 },
        if is[3] { other.3 } else { row.3 },
        if is[4] { other.4 } else { row.4 },
        if is[5] { other.5 } else { row.5 },
    )
}

/// Which of phone, name and day are used as keys alone, in both tables.
fn only_keys(compiled: &Compiled) -> [bool; 3] {
    let is_key = |table, column| uses(compiled, table, column).iter().all(|one| *one == Use::Join);
    [["phone", "phone"], ["holder", "name"], ["opened", "since"]]
        .map(|[of_first, of_second]| is_key("accounts", of_first) && is_key("subscribers", of_second))
}

/// Other keys, equal where those before were.
fn renamed([phones, names, days]: [bool; 3], (phone, name, day, ..): &mut Row) {
    if phones && let Some(phone) = phone {
        *phone = 97 - *phone * 13;
    }
    if names && let Some(name) = name {
        *name = name.chars().rev().chain(['x']).collect();
    }
    if days && let Some(day) = day {
        *day = 40_000 - *day;
    }
}

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    #[test]
    fn of_one_table(
        owners in vec(vec((person(), person()), 0..12), 1..=3),
        by in 0_usize..30,
        sql in random::query(),
        floor in 1_u64..5,
    ) {
        let first = |rows: &Vec<(Person, Person)>| rows.iter().map(|(person, _)| person.clone()).collect();
        let rows: Vec<Vec<Person>> = owners.iter().map(first).collect();
        let sizes: Vec<u64> = rows.iter().map(|rows| rows.len() as u64).collect();
        let compiled = treaty_compiler::compile(&sql, &[table(&sizes)], floor).unwrap();
        let inputs = support::inputs(&compiled, &rows);
        let opened = jointly::interpreted(&compiled.program, &inputs);
        let change = |(person, other): &(Person, Person)| {
            let is_shown = is_shown(&compiled, &opened[SHOWN], person);
            changed(&compiled, person, other, if is_shown { Unseen::Unused } else { Unseen::Values })
        };
        let others: Vec<Vec<Person>> = owners.iter().map(|rows| rows.iter().map(change).collect()).collect();
        let others = support::inputs(&compiled, &dealt(&others, by));
        assert_alike(&sql, &compiled.program, [inputs, others]);
    }

    /// Keys that are equal where others were, whosever rows are.
    #[test]
    fn of_groups_of_groups(
        owners in vec(vec(person(), 0..10), 1..=3),
        by in 0_usize..30,
        condition in prop::sample::select(vec!["", " HAVING COUNT(*) > 1", " HAVING SUM(salary) > 50000"]),
        floor in 1_u64..4,
    ) {
        let sql = format!(
            "SELECT COUNT(*) AS n, SUM(t) AS s, AVG(b) AS a FROM (SELECT team, note, SUM(salary) AS t, MAX(bonus) AS b \
             FROM people GROUP BY team, note{condition}) AS s"
        );
        let sizes: Vec<u64> = owners.iter().map(|rows| rows.len() as u64).collect();
        let compiled = treaty_compiler::compile(&sql, &[table(&sizes)], floor).unwrap();
        let change = |person: &Person| Person {
            team: person.team.map(|team| 3 - team),
            note: person.note.as_ref().map(|note| format!("{}x", note.chars().rev().collect::<String>())),
            rank: "mid".to_owned(),
            active: None,
            joined: None,
            free: 7,
            ..person.clone()
        };
        let others: Vec<Vec<Person>> = owners.iter().map(|rows| rows.iter().map(change).collect()).collect();
        let inputs = support::inputs(&compiled, &owners);
        let others = support::inputs(&compiled, &dealt(&others, by));
        assert_alike(&sql, &compiled.program, [inputs, others]);
    }

    #[test]
    fn of_two_tables(world in world(), others in vec([row(false), row(true)], 27), by in 0_usize..30, sql in joins::query()) {
        let (compiled, inputs) = world.compiled(&sql, 1);
        let renames = only_keys(&compiled);
        let is_inner = !sql.contains("LEFT JOIN");
        let tables = [&world.accounts, &world.subscribers];
        let change = |side: usize| -> Vec<Vec<Row>> {
            let mut other = others.iter().map(|pair| &pair[side]);
            let phones: BTreeSet<Option<i64>> = tables[1 - side].iter().flatten().map(|row| row.0).collect();
            let change = |row: &Row| {
                let meets = row.0.is_some() && phones.contains(&row.0);
                let is_alone = is_inner && sql.contains("phone = ") && !meets;
                let unseen = if is_alone { Unseen::Values } else { Unseen::Unused };
                let mut row = changed_row(&compiled, side, row, other.next().unwrap(), unseen);
                renamed(renames, &mut row);
                row
            };
            let changed: Vec<Row> = tables[side].iter().flatten().map(change).collect();
            let mut rest = changed.into_iter();
            let owners: Vec<Vec<Row>> =
                tables[side].iter().map(|rows| rest.by_ref().take(rows.len()).collect()).collect();
            dealt(&owners, by)
        };
        let other = World { accounts: change(0), subscribers: change(1), floors: world.floors };
        let others = other.inputs(&compiled);
        assert_alike(&sql, &compiled.program, [inputs, others]);
    }
}
