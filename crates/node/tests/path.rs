//! The whole path through the nodes' public interfaces: four nodes, real TLS, one contract, one run, one proof.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use api::types::contracts::{DraftContract, DraftSettlement, ProposeContract};
use api::types::datasets::{ColumnDeclaration, Format, ImportDataset, PublishDataset};
use api::types::runs::{RunView, StartRun};
use api::{Client, Profile};
use contract::terms::Use;
use contract::{Range, Terms};
use ledger::Standing;
use treaty_node::setup::{self, FoundOptions, InitOptions};
use treaty_node::{Shutdown, run};

const MEMBERS: [&str; 3] = ["north", "lake", "south"];

struct Alliance {
    clients: BTreeMap<String, Client>,
    directory: tempfile::TempDir,
}

/// Addresses that were free a moment ago.
fn address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn init(directory: &Path, name: &str, standing: Standing) -> PathBuf {
    let options = InitOptions { name: name.to_owned(), standing, peer: address(), api: address() };
    setup::init(directory, options).unwrap().card
}

fn start() -> Alliance {
    let directory = tempfile::tempdir().unwrap();
    let home = |name: &str| directory.path().join(name);
    let mut cards: Vec<_> = MEMBERS.iter().map(|name| init(&home(name), name, Standing::Member)).collect();
    cards.push(init(&home("watch"), "watch", Standing::Regulator));
    let points = MEMBERS.iter().map(|name| ((*name).to_owned(), 1000)).collect();
    let founding = directory.path().join("alliance.json");
    let options =
        FoundOptions { name: "Test".to_owned(), operator: "north".to_owned(), quorum: None, points, cards };
    setup::found(&options, &founding).unwrap();
    let mut clients = BTreeMap::new();
    for name in MEMBERS.into_iter().chain(["watch"]) {
        setup::join(&home(name), &founding, None).unwrap();
        let node = home(name);
        std::thread::spawn(move || run(&node, Shutdown::Signals).unwrap());
        let profile = Profile::read(&home(name).join("profile.json")).unwrap();
        clients.insert(name.to_owned(), Client::new(&profile).unwrap());
    }
    for client in clients.values() {
        let patience = Instant::now() + Duration::from_secs(20);
        while client.status().is_err() {
            assert!(Instant::now() < patience, "a node does not answer: {:?}", client.status());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Alliance { clients, directory }
}

fn terms() -> Terms {
    let columns = [("team", vec![Use::Group]), ("pay", vec![Use::Aggregate, Use::Filter])];
    Terms {
        purposes: BTreeSet::from(["benchmark".to_owned()]),
        receivers: BTreeSet::new(),
        columns: columns
            .into_iter()
            .map(|(name, wanted)| (name.to_owned(), wanted.into_iter().collect()))
            .collect(),
        floor_rows: 3,
        schemes: BTreeSet::from(["rep3".to_owned()]),
        runs_max: 5,
        expires: None,
        access: None,
        disclosure: Default::default(),
    }
}

fn publish(client: &Client, directory: &Path, csv: &str) {
    let file = directory.join("upload.csv");
    std::fs::write(&file, csv).unwrap();
    let team = ColumnDeclaration {
        name: "team".to_owned(),
        nullable: Some(false),
        values: Some(vec!["a".to_owned(), "b".to_owned()]),
        ..ColumnDeclaration::default()
    };
    let pay = ColumnDeclaration {
        name: "pay".to_owned(),
        nullable: Some(false),
        range: Some(Range { min: "0".to_owned(), max: "1000000".to_owned() }),
        ..ColumnDeclaration::default()
    };
    let request = ImportDataset {
        upload: String::new(),
        name: "pay".to_owned(),
        format: Format::Csv,
        description: "what people earn".to_owned(),
        columns: vec![team, pay],
    };
    let imported = client.import(&file, &request).unwrap();
    assert!(!imported.published);
    client.publish("pay", &PublishDataset { version: None, terms: terms() }).unwrap();
}

fn draft(sql: &str) -> DraftContract {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    DraftContract {
        title: "Pay by team".to_owned(),
        purpose: "benchmark".to_owned(),
        sql: Some(sql.to_owned()),
        template: None,
        tables: BTreeMap::from([(
            "pay".to_owned(),
            MEMBERS.iter().map(|name| format!("{name}/pay@1")).collect(),
        )]),
        compute_parties: names(&MEMBERS),
        scheme: None,
        threshold: None,
        data_users: names(&["lake"]),
        receivers: names(&["lake"]),
        algorithm_providers: Vec::new(),
        regulators: names(&["watch"]),
        floor_rows: None,
        contributors_min: None,
        dominance_percent_max: None,
        epsilon_micro: None,
        runs: 1,
        not_before: None,
        expires: 4_000_000_000,
        run_seconds_max: Some(60),
        settlement: DraftSettlement {
            payer: "lake".to_owned(),
            fee: 100,
            providers: 7000,
            compute_parties: 3000,
            algorithm_providers: 0,
        },
        supersedes: None,
    }
}

fn follow(client: &Client, run: &str) -> RunView {
    let mut last = None;
    client
        .watch_run(run, |view| {
            last = Some(view);
            true
        })
        .unwrap();
    last.unwrap()
}

#[test]
fn from_import_to_proof() {
    let alliance = start();
    let rows = [
        ("north", "team,pay\na,100\na,200\nb,50\n"),
        ("lake", "team,pay\na,300\nb,70\n"),
        ("south", "team,pay\na,400\n"),
    ];
    for (name, csv) in rows {
        publish(&alliance.clients[name], alliance.directory.path(), csv);
    }
    let (lake, north) = (&alliance.clients["lake"], &alliance.clients["north"]);
    let found = lake.catalog("earn", None).unwrap();
    assert_eq!(found.items.len(), 3, "every node sees every description");

    let sql = "SELECT team, COUNT(*) AS n, SUM(pay) AS total, AVG(pay) AS mean FROM pay GROUP BY team";
    let drafted = lake.draft(&draft(sql)).unwrap();
    assert_eq!(drafted.refusals, []);
    lake.propose(&ProposeContract { contract: drafted.contract }).unwrap();
    let refused = lake.start_run(&StartRun { contract: drafted.id.clone(), purpose: None });
    assert!(refused.is_err(), "nobody has signed");
    for client in alliance.clients.values() {
        client.sign(&drafted.id).unwrap();
    }
    assert_eq!(north.contract(&drafted.id).unwrap().state, "active");

    let run = lake.start_run(&StartRun { contract: drafted.id.clone(), purpose: None }).unwrap();
    let over = follow(lake, &run.id);
    assert_eq!(over.state, "completed", "{over:?}");
    let result = lake.result(&run.id).unwrap();
    assert_eq!(result.suppressed, vec![vec![Some("b".to_owned())]], "two rows are under the floor of three");
    assert_eq!(result.rows.len(), 1);
    let row = &result.rows[0];
    assert_eq!((row[0].as_str(), row[1].as_i64(), row[2].as_i64()), (Some("a"), Some(4), Some(1000)));
    assert!((row[3].as_f64().unwrap() - 250.0).abs() < 1e-6);
    assert!(north.result(&run.id).is_err(), "north is no receiver");

    assert_eq!(over.settlement.values().sum::<u64>(), 100);
    let points = north.points().unwrap();
    assert_eq!(points.balances.values().sum::<u64>() + points.escrow, 3000);
    assert!(!lake.egress(&run.id).unwrap().lines.is_empty());
    let again = lake.start_run(&StartRun { contract: drafted.id, purpose: None });
    assert!(again.is_err(), "one use was granted");

    // The same groups but for one row of south's: that row would be the difference to what was answered.
    let narrower = "SELECT team, SUM(pay) AS total FROM pay WHERE pay <> 400 GROUP BY team";
    let second = lake.draft(&draft(narrower)).unwrap();
    lake.propose(&ProposeContract { contract: second.contract }).unwrap();
    for name in ["lake", "north", "watch"] {
        alliance.clients[name].sign(&second.id).unwrap();
    }
    let refused = alliance.clients["south"].sign(&second.id).unwrap_err();
    assert!(format!("{refused:?}").contains("differencing"), "{refused:?}");

    let proof = lake.proof(&run.id).unwrap();
    let founding = std::fs::read(alliance.directory.path().join("alliance.json")).unwrap();
    let hash = |listing: &str| {
        let program = program::Program::parse(listing).map_err(|error| error.to_string())?;
        Ok(contract::Hash::from_bytes(program.hash()))
    };
    ledger::proof::verify(&proof, &founding, hash).unwrap();
}
