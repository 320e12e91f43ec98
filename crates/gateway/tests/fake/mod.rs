//! A gateway whose node answers from memory.

#![allow(dead_code, reason = "every test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use api::ClientError;
use api::types::Problem;
use api::types::contracts::{ContractView, DescribedColumn};
use api::types::problem::Reason;
use api::types::runs::{ResultColumn, RunResult, RunView};
use contract::document::{Computation, Limits, OutputRule, Protection};
use contract::{Contract, Did, Hash, SigningKey};
use serde_json::json;
use treaty_gateway::{Login, Node, Options, serve};

pub(crate) const PASSWORD: &str = "an open secret";
pub(crate) const SQL: &str = "SELECT team, COUNT(*) AS n FROM pay\n  WHERE team <> 'x  y' GROUP BY team";

const COLUMNS: [(&str, &str); 8] = [
    ("team", "text"),
    ("n", "integer"),
    ("total", "decimal"),
    ("mean", "real"),
    ("open", "boolean"),
    ("day", "date"),
    ("at", "timestamp"),
    ("sum", "integer"),
];

/// A node in memory, which counts the runs that it is asked for.
pub(crate) struct Fake {
    pub(crate) contracts: Vec<ContractView>,
    pub(crate) runs: Mutex<Vec<String>>,
    /// Contracts that have run; a run is called as its contract.
    pub(crate) completed: Mutex<BTreeSet<String>>,
}

pub(crate) fn me() -> Did {
    SigningKey::from_seed(&[1; 32]).did()
}

pub(crate) fn contract(sql: &str, receiver: Did, state: &str) -> ContractView {
    let contract = Contract {
        format: "test".to_owned(),
        alliance: Hash::of("test", b"alliance"),
        title: "Pay".to_owned(),
        purpose: "benchmark".to_owned(),
        parties: Vec::new(),
        computation: Computation {
            sql: sql.to_owned(),
            tables: BTreeMap::new(),
            program: Hash::of("test", b"program"),
            committed: Default::default(),
        },
        audit: None,
        protection: Protection { scheme: "rep3".to_owned(), threshold: 1, compute_parties: Vec::new() },
        output: OutputRule {
            receivers: BTreeSet::from([receiver]),
            floor_rows: 3,
            disclosure: Default::default(),
        },
        limits: Limits { runs: 5, not_before: 0, expires: 10, run_seconds_max: 60 },
        settlement: serde_json::from_value(json!({
            "payer": receiver, "fee": 0, "providers": 0, "compute_parties": 0, "algorithm_providers": 0,
        }))
        .unwrap(),
        supersedes: None,
        nonce: String::new(),
    };
    ContractView {
        id: Hash::of("test", format!("{sql}{state}{receiver}").as_bytes()).to_string(),
        state: state.to_owned(),
        contract,
        signatures: Vec::new(),
        auditors: Vec::new(),
        runs_taken: 2,
        last_completed: None,
        text: String::new(),
    }
}

fn view(contract: &str, state: &str) -> RunView {
    RunView {
        id: "run-1".to_owned(),
        contract: contract.to_owned(),
        requester: "north".to_owned(),
        state: state.to_owned(),
        permitted_by: Vec::new(),
        refused_by: BTreeMap::new(),
        committed_by: Vec::new(),
        receipts_by: Vec::new(),
        failure: None,
        nothing_opened_by: Vec::new(),
        use_returned: false,
        settlement: BTreeMap::new(),
        requested: 0,
        progress: None,
    }
}

impl Node for Fake {
    fn member(&self) -> Result<(String, String), ClientError> {
        Ok(("north".to_owned(), me().to_string()))
    }

    fn contracts(&self) -> Result<Vec<ContractView>, ClientError> {
        let mut contracts = self.contracts.clone();
        for run in self.completed.lock().unwrap().iter() {
            contracts.iter_mut().filter(|view| view.id == *run).for_each(|view| {
                view.last_completed = Some(run.clone());
            });
        }
        Ok(contracts)
    }

    fn result(&self, run: &str) -> Result<RunResult, ClientError> {
        assert!(self.completed.lock().unwrap().contains(run), "{run} is over");
        Ok(result())
    }

    fn columns(&self, contract: &str) -> Result<Vec<DescribedColumn>, ClientError> {
        let asked = self.contracts.iter().find(|view| view.id == contract).unwrap();
        let column = |(name, kind): (&str, &str)| DescribedColumn {
            // A node that does not keep its word.
            name: if asked.contract.computation.sql.contains("other") { "other" } else { name }.to_owned(),
            kind: kind.to_owned(),
            unit: String::new(),
            is_wide: name == "sum",
        };
        Ok(COLUMNS.map(column).to_vec())
    }

    fn run(&self, contract: &str) -> Result<(RunView, Option<RunResult>), ClientError> {
        self.runs.lock().unwrap().push(contract.to_owned());
        let asked = self.contracts.iter().find(|view| view.id == contract).unwrap();
        if asked.contract.computation.sql.contains("refused") {
            let mut run = view(contract, "refused");
            let reason =
                Reason { rule: "dataset-changed".to_owned(), message: "`lake/pay@1` has changed".to_owned() };
            run.refused_by.insert("lake".to_owned(), vec![reason]);
            return Ok((run, None));
        }
        if asked.contract.computation.sql.contains("broken") {
            return Err(ClientError::Refused(Problem::new("no-use-left", "all uses are taken")));
        }
        self.completed.lock().unwrap().insert(contract.to_owned());
        Ok((view(contract, "completed"), Some(result())))
    }
}

/// The result of every run.
fn result() -> RunResult {
    let column = |(name, kind): (&str, &str)| ResultColumn {
        name: name.to_owned(),
        kind: kind.to_owned(),
        unit: String::new(),
        error: None,
    };
    RunResult {
        columns: COLUMNS.map(column).to_vec(),
        rows: vec![
            vec![
                json!("a"),
                json!(4),
                json!("12.50"),
                json!(0.25),
                json!(true),
                json!("2024-02-29"),
                json!("2024-02-29T07:08:09.1234"),
                json!(5),
            ],
            vec![
                json!(null),
                json!(7),
                json!("3.00"),
                json!({"withheld": true}),
                json!(false),
                json!(null),
                json!(null),
                json!("170141183460469231731687303715884105727"),
            ],
        ],
        suppressed: vec![vec![Some("b".to_owned())]],
        floor_rows: 3,
    }
}

pub(crate) struct Gateway {
    pub(crate) node: Arc<Fake>,
    pub(crate) address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

pub(crate) fn gateway(contracts: Vec<ContractView>) -> Gateway {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let node = Arc::new(Fake { contracts, runs: Mutex::default(), completed: Mutex::default() });
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        login: Login::new("north", PASSWORD).unwrap(),
        tls: None,
    };
    let served = runtime.block_on(serve(options, Arc::clone(&node) as _)).unwrap();
    let address = served.address().unwrap();
    runtime.spawn(served.run());
    Gateway { node, address, _runtime: runtime }
}
