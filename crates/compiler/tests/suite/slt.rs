//! Every file of `tests/slt` three times: over all rows in one place, by the reference interpreter, and by three compute
//! parties on shares. Expected rows were computed by another database (SQLite; those of
//! timestamps and buckets by PostgreSQL 15).

use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use thiserror::Error;
use treaty_compiler::{Cell, Refused};
use vm::SchemeName;

use crate::{calls::calls, joins::three_owners_place, payments::limits_of_accounts, place::Place};

#[derive(Clone, Copy)]
enum Way {
    Plain,
    Interpreted,
    OnShares,
}

#[derive(Debug, Error)]
enum Fault {
    #[error(transparent)]
    Refused(#[from] Refused),
}

struct Asked {
    place: Place,
    way: Way,
}

impl DB for Asked {
    type Error = Fault;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Fault> {
        let result = match self.way {
            Way::Plain => self.place.plain(sql),
            Way::Interpreted => self.place.joint(&self.place.compiled(sql, 1)?, None),
            Way::OnShares => self.place.joint(&self.place.compiled(sql, 1)?, Some(SchemeName::Rep3)),
        };
        let text = |cell: &Cell| match cell {
            // Quotients and roots are rounded on shares.
            Cell::Real(value) => format!("{value:.3}"),
            cell => cell.to_string(),
        };
        let rows = result.rows.iter().map(|row| row.iter().map(text).collect()).collect();
        let types = result.columns.iter().map(|_| DefaultColumnType::Any).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    fn engine_name(&self) -> &str {
        match self.way {
            Way::Plain => "plain",
            Way::Interpreted | Way::OnShares => "joint",
        }
    }
}

#[track_caller]
fn run(way: Way) {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt");
    let mut files = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let place =
            || Place(three_owners_place().0.into_iter().chain([calls(), limits_of_accounts()]).collect());
        let mut runner = Runner::new(|| async move { Ok(Asked { place: place(), way }) });
        runner.run_file(file.unwrap().path()).unwrap_or_else(|error| panic!("{error}"));
        files += 1;
    }
    assert!(files > 2, "{files} files");
}

#[test]
fn in_one_place() {
    run(Way::Plain);
}

#[test]
fn by_the_interpreter() {
    run(Way::Interpreted);
}

#[test]
fn on_shares() {
    run(Way::OnShares);
}
