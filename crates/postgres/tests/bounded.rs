//! Memory while a table is read that is larger than what may be held. Alone in its process, whose peak it measures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod linking;
mod server;

use std::collections::BTreeMap;

use linking::open;
use server::Server;
use vault::{LinkRequest, Location};

/// The most memory that this process ever held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn a_table_of_a_million_rows_is_never_held() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, note text);
         INSERT INTO visits SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 1000000) n",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
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
    let (table, grown) = (vault.describe("linked", 1).unwrap().bytes, peak() - before);
    assert!(table > 320_000_000, "{table}");
    assert!(grown < 150_000_000, "the process grew by {grown} bytes to read {table}");
}
