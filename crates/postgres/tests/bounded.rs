//! Memory while a table is read that is larger than what may be held. Alone in its process, whose peak it measures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod linking;
mod server;

use std::{collections::BTreeMap, sync::Arc};

use compiler::{Source, Table, local};
use linking::open;
use server::Server;
use vault::{LinkRequest, Location, Vault};

/// The most memory that this process ever held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// The owner's local stage over the linked rows.
fn counted_at_home(vault: &Arc<Vault>, condition: &str) -> i128 {
    let linked = vault.describe("linked", 1).unwrap();
    let source = Source {
        reference: "north/linked@1".to_owned(),
        owner: "north".to_owned(),
        schema: linked.schema.clone(),
        rows: linked.rows,
        floor_rows: 1,
        rows_per_person: None,
    };
    let table = Table { name: "visits".to_owned(), datasets: vec![source] };
    let sql = format!("SELECT COUNT(*) AS n FROM visits WHERE {condition}");
    let program = compiler::compile(&sql, &[table], 1).unwrap().program;
    let reader = Arc::clone(vault);
    let open = move || -> local::Batches {
        Box::new(reader.scan_shared("linked", 1).unwrap().map(|batch| batch.map_err(Into::into)))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rows = local::Rows::new(linked.schema, open);
    let rows = BTreeMap::from([("north/linked@1".to_owned(), rows)]);
    let counted = runtime.block_on(local::run(&program, 0, rows)).unwrap();
    counted[0][0]
}

#[test]
fn a_table_of_a_million_rows_is_never_held() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, note text);
         INSERT INTO visits SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 1000000) n",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = Arc::new(open(directory.path(), &server));
    let location =
        Location { url: server.url(), table: "public.visits".to_owned(), order_by: vec!["id".to_owned()] };
    let before = peak();
    let request = LinkRequest {
        name: "linked",
        description: "",
        location: &location,
        select: &[],
        columns: &BTreeMap::new(),
    };
    let linked = vault.link(&request).unwrap();
    assert_eq!(linked.rows, 1_000_000);
    assert_eq!(vault.verify("linked", 1).unwrap(), linked.root);
    let condition = "note LIKE '%7' AND id > 1000";
    let plain = server.sql(&format!("SELECT count(*) FROM visits WHERE {condition}"));
    assert_eq!(counted_at_home(&vault, condition).to_string(), plain, "as PostgreSQL itself counts");
    let (table, grown) = (vault.describe("linked", 1).unwrap().bytes, peak() - before);
    println!("the process grew by {grown} bytes to read {table}");
    assert!(table > 320_000_000, "{table}");
    assert!(grown < 200_000_000, "the process grew by {grown} bytes to read {table}");
}
