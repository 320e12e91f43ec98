//! What a demonstration showed, for programs and as the last words for people.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::DemoError;
use super::execution::Execution;
use super::steps::{Step, Steps};
use super::trials::Refused;
use crate::output::table;

/// The document that `--json` prints. Fields of the first completed run stand at the top.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// As named on the command line.
    scenario: String,
    /// One line for people.
    pub(super) title: String,
    /// Where it lived.
    directory: PathBuf,
    /// The alliance's founding document, which checks the proofs.
    alliance: PathBuf,
    steps: Vec<Step>,
    /// The first run.
    #[serde(flatten)]
    first: Option<Execution>,
    /// All completed runs.
    #[serde(rename = "runs")]
    pub(super) executions: Vec<Execution>,
    /// What was refused, as it had to be.
    pub(super) refusals: Vec<Refused>,
    /// Nodes that were left running, by member.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) nodes: BTreeMap<String, Reach>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    total_seconds: f64,
}

/// How a node that was left running is reached.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Reach {
    /// Address of its API.
    pub(super) api: String,
    /// Its first person's profile.
    pub(super) profile: PathBuf,
    /// Its process id.
    pub(super) process: u32,
}

impl Report {
    /// Nothing has happened yet.
    pub(super) fn new(scenario: &str, root: &Path) -> Self {
        Self {
            scenario: scenario.to_owned(),
            title: String::new(),
            directory: root.to_owned(),
            alliance: root.join("alliance.json"),
            steps: Vec::new(),
            first: None,
            executions: Vec::new(),
            refusals: Vec::new(),
            nodes: BTreeMap::new(),
            failure: None,
            total_seconds: 0.0,
        }
    }

    /// Nothing more will happen.
    pub(super) fn close(&mut self, steps: &Steps, failure: Option<&DemoError>) {
        self.steps = steps.done().to_vec();
        self.first = self.executions.first().cloned();
        self.failure = failure.map(ToString::to_string);
        self.total_seconds = steps.total_seconds();
    }

    /// Last words for people.
    pub(super) fn farewell(&self, steps: &Steps) -> String {
        let mut text = String::new();
        if !self.refusals.is_empty() {
            text.push_str(&format!("\n{} attempts, all refused as they must be\n", self.refusals.len()));
        }
        for execution in &self.executions {
            let (proof, alliance) = (execution.proof().display(), self.alliance.display());
            text.push_str(&format!("proof  {proof}\n  treaty verify {proof} --alliance {alliance}\n"));
        }
        if !self.nodes.is_empty() {
            text.push_str(&self.reach());
        }
        text.push_str(&format!("{:.2} s in all", steps.total_seconds()));
        text
    }

    /// How the nodes that stay are reached and stopped.
    fn reach(&self) -> String {
        let rows = self.nodes.iter().map(|(member, reach)| {
            [
                member.clone(),
                reach.api.clone(),
                reach.profile.display().to_string(),
                reach.process.to_string(),
            ]
        });
        let ids: Vec<_> = self.nodes.values().map(|reach| reach.process.to_string()).collect();
        let example =
            self.nodes.values().next().map(|reach| reach.profile.display().to_string()).unwrap_or_default();
        format!(
            "{}\nspeak with one:  treaty node status --profile {example}\nstop them all:   kill {}\n",
            table(&["node", "api", "profile", "process"], rows),
            ids.join(" "),
        )
    }
}
