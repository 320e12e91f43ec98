//! An alliance in this process: four nodes, three members with data and a regulator, real TLS between them.

#![allow(dead_code, reason = "every test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use api::types::contracts::{DraftContract, DraftSettlement};
use api::types::datasets::{ColumnDeclaration, Format, ImportDataset, PublishDataset};
use api::types::ledger::Recorded;
use api::types::runs::RunView;
use api::{Client, Profile};
use contract::terms::Use;
use contract::{Range, Terms};
use ledger::Standing;
use loopback::free_address;
use treaty_node::setup::{self, FoundOptions, InitOptions};
use treaty_node::{Shutdown, run};

pub(crate) const MEMBERS: [&str; 3] = ["north", "lake", "south"];

pub(crate) struct Alliance {
    pub(crate) clients: BTreeMap<String, Client>,
    pub(crate) directory: tempfile::TempDir,
}

impl Alliance {
    /// Waits until every node has the entry: the one that wrote it answers when a quorum has.
    pub(crate) fn hears(&self, recorded: &Recorded) {
        let patience = Instant::now() + Duration::from_secs(20);
        for (name, client) in &self.clients {
            while client.status().unwrap().entries <= recorded.entry {
                assert!(Instant::now() < patience, "{name} hears of entry {}", recorded.entry);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Imports what people earn at a member's, publishes it, and waits until every node knows it.
    pub(crate) fn publish(&self, member: &str, csv: &str, terms: Terms) {
        let (client, file) = (&self.clients[member], self.directory.path().join("upload.csv"));
        std::fs::write(&file, csv).unwrap();
        let request = ImportDataset {
            upload: String::new(),
            name: "pay".to_owned(),
            format: Format::Csv,
            description: "what people earn".to_owned(),
            columns: declared(),
        };
        let imported = client.import(&file, &request).unwrap();
        assert!(!imported.published);
        self.hears(&client.publish("pay", &PublishDataset { version: None, terms }).unwrap());
    }
}

fn address() -> String {
    free_address().unwrap().to_string()
}

fn init(directory: &Path, name: &str, standing: Standing) -> PathBuf {
    let options = InitOptions { name: name.to_owned(), standing, peer: address(), api: address(), bft: None };
    setup::init(directory, options).unwrap().card
}

pub(crate) fn start() -> Alliance {
    let directory = tempfile::tempdir().unwrap();
    let home = |name: &str| directory.path().join(name);
    let mut cards: Vec<_> = MEMBERS.iter().map(|name| init(&home(name), name, Standing::Member)).collect();
    cards.push(init(&home("watch"), "watch", Standing::Regulator));
    let points = MEMBERS.iter().map(|name| ((*name).to_owned(), 1000)).collect();
    let founding = directory.path().join("alliance.json");
    let options = FoundOptions {
        name: "Test".to_owned(),
        operator: Some("north".to_owned()),
        quorum: None,
        points,
        cards,
    };
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

pub(crate) fn terms() -> Terms {
    let columns = [("team", vec![Use::Group]), ("pay", vec![Use::Aggregate, Use::Filter])];
    Terms {
        purposes: BTreeSet::from(["benchmark".to_owned()]),
        receivers: BTreeSet::new(),
        columns: columns
            .into_iter()
            .map(|(name, wanted)| (name.to_owned(), wanted.into_iter().collect()))
            .collect(),
        comparisons: BTreeMap::new(),
        floor_rows: 3,
        schemes: BTreeSet::from(["rep3".to_owned()]),
        jurisdictions: BTreeSet::new(),
        runs_max: 5,
        expires: None,
        access: None,
        disclosure: Default::default(),
    }
}

/// What every member declares about its columns.
pub(crate) fn declared() -> Vec<ColumnDeclaration> {
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
    vec![team, pay]
}

pub(crate) fn draft(sql: &str) -> DraftContract {
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
        auditors: Vec::new(),
        floor_rows: None,
        contributors_min: None,
        dominance_percent_max: None,
        epsilon_micro: None,
        rho_micro: None,
        committed: BTreeSet::new(),
        runs: 1,
        not_before: None,
        expires: 4_000_000_000,
        run_seconds_max: Some(60),
        settlement: DraftSettlement {
            payer: "lake".to_owned(),
            fee: 100,
            providers: 7000,
            compute_parties: 3000,
            ..DraftSettlement::default()
        },
        supersedes: None,
    }
}

pub(crate) fn follow(client: &Client, run: &str) -> RunView {
    let mut last = None;
    client
        .watch_run(run, |view| {
            last = Some(view);
            true
        })
        .unwrap();
    last.unwrap()
}
