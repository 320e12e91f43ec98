//! What a server says beside its answers. Alone in its process, whose log it reads.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod linking;
mod server;

use std::{collections::BTreeMap, sync::Mutex};

use linking::open;
use log::{LevelFilter, Log, Metadata, Record};
use server::Server;
use vault::{LinkRequest, Location};

/// All that is logged.
struct Heard(Mutex<String>);

impl Log for Heard {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push_str(&format!("{}: {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

static HEARD: Heard = Heard(Mutex::new(String::new()));

#[test]
fn notices_that_quote_rows_are_not_logged() {
    log::set_logger(&HEARD).unwrap();
    log::set_max_level(LevelFilter::Trace);
    log::info!("to be heard");
    let server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, note text);
         INSERT INTO visits VALUES (1, 'hay fever'), (2, 'a cold');
         CREATE FUNCTION told(note text) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN RAISE NOTICE 'a row says %', note; RETURN note; END $$;
         CREATE VIEW loud AS SELECT id, told(note) AS note FROM visits",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    let location =
        Location { url: server.url(), table: "public.loud".to_owned(), order_by: vec!["id".to_owned()] };
    let columns = BTreeMap::new();
    let request =
        LinkRequest { name: "linked", description: "", location: &location, select: &[], columns: &columns };
    assert_eq!(vault.link(&request).unwrap().rows, 2);
    let heard = HEARD.0.lock().unwrap().clone();
    assert!(heard.contains("to be heard"), "{heard}");
    assert!(!heard.contains("hay fever") && !heard.contains("a row says"), "{heard}");
}
