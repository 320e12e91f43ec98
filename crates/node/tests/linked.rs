//! A run over one dataset that stays in PostgreSQL and two imported ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod alliance;
#[path = "../../postgres/tests/server/mod.rs"]
mod server;

use std::collections::BTreeMap;
use std::path::Path;

use alliance::{declared, draft, follow, start, terms};
use api::Client;
use api::types::Secret;
use api::types::contracts::ProposeContract;
use api::types::datasets::{DatasetView, LinkDataset, PublishDataset};
use api::types::runs::{RunView, StartRun};
use server::{PASSWORD, Server};

fn link(client: &Client, server: &Server, password: Option<&str>) -> Result<DatasetView, String> {
    let request = LinkDataset {
        url: Secret::new(server.url()),
        password: password.map(|password| Secret::new(password.to_owned())),
        table: "public.people".to_owned(),
        order_by: vec!["id".to_owned()],
        select: vec!["team".to_owned(), "pay".to_owned()],
        description: "what people earn".to_owned(),
        columns: declared(),
    };
    client.link("pay", &request).map_err(|error| error.to_string())
}

/// Every file under a directory, one after the other.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

#[test]
fn a_contract_runs_over_rows_that_stay_in_postgresql() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE people (id int PRIMARY KEY, name text, team text NOT NULL, pay int NOT NULL);
         INSERT INTO people SELECT n, 'somebody ' || n, CASE WHEN n % 3 = 0 THEN 'b' ELSE 'a' END, n % 1000
             FROM generate_series(1, 70000) n",
    );
    let alliance = start();
    let (north, lake) = (&alliance.clients["north"], &alliance.clients["lake"]);
    let wrong = link(north, &server, Some("hunter2")).unwrap_err();
    assert!(wrong.contains("does not let `postgres` in") && !wrong.contains("hunter2"), "{wrong}");
    let linked = link(north, &server, Some(PASSWORD)).unwrap();
    assert_eq!((linked.rows, linked.reference.as_str()), (70_000, "north/pay@1"));
    let place = linked.linked.unwrap();
    assert_eq!((place.url, place.table.as_str()), (server.url(), "public.people"));
    alliance.hears(&north.publish("pay", &PublishDataset { version: None, terms: terms() }).unwrap());
    alliance.publish("lake", "team,pay\na,300\nb,70\n", terms());
    alliance.publish("south", "team,pay\na,400\n", terms());

    let sql = "SELECT team, COUNT(*) AS n, SUM(pay) AS total FROM pay GROUP BY team ORDER BY team";
    let mut wanted = draft(sql);
    wanted.runs = 3;
    let drafted = lake.draft(&wanted).unwrap();
    assert_eq!(drafted.refusals, []);
    alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
    for client in alliance.clients.values() {
        alliance.hears(&client.sign(&drafted.id).unwrap());
    }
    let start_run = || {
        let run = lake.start_run(&StartRun { contract: drafted.id.clone(), purpose: None }).unwrap();
        follow(lake, &run.id)
    };
    // What PostgreSQL itself says of its rows, and by hand of the other three.
    let check = |run: &RunView| {
        assert_eq!(run.state, "completed", "{run:?}");
        let plain = server.sql("SELECT team, count(*), sum(pay) FROM people GROUP BY team ORDER BY team");
        let others = BTreeMap::from([("a", (2, 700)), ("b", (1, 70))]);
        let result = lake.result(&run.id).unwrap();
        assert_eq!(result.rows.len(), 2);
        for (row, line) in result.rows.iter().zip(plain.lines()) {
            let fields: Vec<_> = line.split('|').collect();
            let (count, total) = others[fields[0]];
            let expected =
                (fields[1].parse::<i64>().unwrap() + count, fields[2].parse::<i64>().unwrap() + total);
            assert_eq!(row[0].as_str(), Some(fields[0]));
            assert_eq!((row[1].as_i64().unwrap(), row[2].as_i64().unwrap()), expected);
        }
    };
    check(&start_run());

    server.sql("UPDATE people SET pay = 999 WHERE id = 66000");
    let refused = start_run();
    assert_ne!(refused.state, "completed");
    let said = format!("{refused:?}");
    assert!(said.contains("north/pay@1") && said.contains("rows that are not the ones published"), "{said}");
    assert!(
        !said.contains("127.0.0.1") && !said.contains("public.people"),
        "others learn that, not where: {said}"
    );

    let again = link(north, &server, None).unwrap();
    assert_eq!(again.reference, "north/pay@2", "linked again it is the next version");
    north.publish("pay", &PublishDataset { version: None, terms: terms() }).unwrap();
    server.sql("UPDATE people SET pay = 0 WHERE id = 66000");
    check(&start_run());

    // What was answered over version 1 cannot be counted any more while the table has the rows of a later one.
    let linked_again = |pay: i64, overlaps_max: u32| {
        server.sql(&format!("UPDATE people SET pay = {pay} WHERE id = 66000"));
        let reference = link(north, &server, None).unwrap().reference;
        let mut terms = terms();
        terms.disclosure.overlaps_max = overlaps_max;
        north.publish("pay", &PublishDataset { version: None, terms }).unwrap();
        let mut wanted = draft("SELECT COUNT(*) AS n FROM pay");
        wanted.tables.get_mut("pay").unwrap()[0] = reference;
        let drafted = lake.draft(&wanted).unwrap();
        alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
        format!("{:?}", north.check(&drafted.id).unwrap().refusals)
    };
    let changed = "its rows were linked and have changed since";
    let refused = linked_again(998, 0);
    assert!(refused.contains(changed) && refused.contains(&drafted.id), "{refused}");
    let allowed = linked_again(997, 1);
    assert_eq!(allowed, "[]", "terms that allow for one answer that cannot be compared");
    let refused = linked_again(0, 0);
    assert_eq!(refused, "[]", "the rows of version 1 are there again, in another version");

    let listed = format!("{:?}", north.datasets(None).unwrap());
    assert!(listed.contains("public.people") && !listed.contains("horse"), "{listed}");
    for (path, content) in contents(alliance.directory.path()) {
        let holds = |text: &[u8]| content.windows(text.len()).any(|window| window == text);
        assert!(!holds(b"somebody "), "{path}");
        assert_eq!(holds(b"horse"), path.ends_with("north/pgpass"), "{path}");
    }
}
