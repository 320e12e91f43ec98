//! The texts that people sign and read: program listings, local SQL, audits.

use contract::{ColumnType, Schema};
use treaty_compiler::{Compiled, Source, Table, compile};

use crate::support::{Declare, column, table};

fn salaries() -> Table {
    let schema = Schema {
        columns: vec![
            column("rank", ColumnType::Text).values(&["AsstProf", "AssocProf", "Prof"]),
            column("discipline", ColumnType::Text).values(&["A", "B"]),
            column("salary", ColumnType::Integer).range("0", "500000").unit("USD"),
        ],
    };
    let source = |name: &str, rows| Source {
        reference: format!("{name}/salaries@1"),
        owner: name.to_owned(),
        schema: schema.clone(),
        rows,
        floor_rows: 1,
        rows_per_person: None,
    };
    Table {
        name: "salaries".into(),
        datasets: vec![source("north", 180), source("lake", 130), source("south", 87)],
    }
}

const STATISTICS: &str = "SELECT rank, discipline, COUNT(*) AS people, AVG(salary) AS mean, \
                          STDDEV_SAMP(salary) AS deviation FROM salaries WHERE salary > 1000 \
                          GROUP BY rank, discipline";

fn statistics() -> Compiled {
    compile(STATISTICS, &[salaries()], 10).unwrap()
}

#[test]
fn listing_of_group_statistics() {
    insta::assert_snapshot!(statistics().program);
}

#[test]
fn audit_of_group_statistics() {
    insta::assert_snapshot!(statistics().audit);
}

#[test]
fn audit_of_columns_that_may_lack_values() {
    let sql = "SELECT team, COUNT(bonus) AS given, SUM(bonus) AS total, MAX(joined) AS latest FROM people \
               GROUP BY team";
    insta::assert_snapshot!(compile(sql, &[table(&[20, 30])], 2).unwrap().audit);
}

#[test]
fn audit_without_groups() {
    insta::assert_snapshot!(
        compile("SELECT VAR_SAMP(salary) FROM people", &[table(&[20])], 5).unwrap().audit
    );
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    assert_eq!(statistics().program.to_bytes(), statistics().program.to_bytes());
    let spaced = STATISTICS.replace(' ', "\n  ");
    assert_eq!(compile(&spaced, &[salaries()], 10).unwrap().program.hash(), statistics().program.hash());
}
