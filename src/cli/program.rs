//! `treaty program`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use vm::{Network, SchemeName};

use super::Session;
use super::proof::program_hash;
use crate::error::Error;
use crate::files::{self, FileError};
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Program {
    /// Show the program that this node compiles from a contract's source, and what it reveals
    #[command(after_help = "Example:\n  treaty program show CONTRACT")]
    Show(Show),
    /// Check a program's listing offline and print its hash, as contracts name it
    #[command(after_help = "Example:\n  treaty program hash program.txt")]
    Hash(HashCommand),
    /// Predict from a program's listing what running it will cost: rounds, bytes, memory, seconds on the wire
    #[command(after_help = ESTIMATE)]
    Estimate(EstimateCommand),
}

const ESTIMATE: &str = "\
Examples:
  treaty program estimate program.txt
  treaty program estimate program.txt --scheme rep3_malicious --network 20ms,100Mbit

Rounds and bytes are those that a run will measure: the same code follows lengths alone. Seconds are for \
sending and waiting; computing is not counted.";

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The contract's id
    contract: String,
}

#[derive(Debug, Args)]
pub(super) struct HashCommand {
    /// The listing, as `treaty program show` prints it
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct EstimateCommand {
    /// The listing, as `treaty program show` prints it
    file: PathBuf,
    /// `rep3`, `rep3_malicious`, or with parties and threshold `shamir(5,2)`, `shamir_malicious(5,2)`,
    /// `shamir_resilient(5,2)`
    #[arg(long, value_name = "NAME", default_value = "rep3", value_parser = scheme)]
    scheme: SchemeName,
    /// What connects the compute parties: `lan` (0.1 ms one way, 1 Gbit/s), `wan` (10 ms, 100 Mbit/s), or both in figures
    #[arg(long, value_name = "lan|wan|LATENCY,RATE", value_parser = network)]
    network: Vec<(String, Network)>,
}

fn scheme(name: &str) -> Result<SchemeName, String> {
    name.parse().map_err(|error: vm::Error| error.to_string())
}

/// `lan`, `wan`, or for example `20ms,100Mbit`.
fn network(text: &str) -> Result<(String, Network), String> {
    let refused = || format!("`{text}` is no network; expected `lan`, `wan`, or for example `20ms,100Mbit`");
    let named = |network| Ok((text.to_owned(), network));
    match text {
        "lan" => return named(Network::LAN),
        "wan" => return named(Network::WAN),
        _ => {}
    }
    let (latency, rate) = text.split_once(',').ok_or_else(refused)?;
    let number =
        |digits: &str| digits.trim().parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    let latency = latency.trim().strip_suffix("ms").and_then(number).ok_or_else(refused)?;
    let rate = rate.trim();
    let bits = match (rate.strip_suffix("Gbit"), rate.strip_suffix("Mbit")) {
        (Some(digits), _) => number(digits).map(|rate| rate * 1e9),
        (None, Some(digits)) => number(digits).map(|rate| rate * 1e6),
        (None, None) => None,
    };
    named(Network { latency: latency / 1e3, bandwidth: bits.ok_or_else(refused)? / 8.0 })
}

impl EstimateCommand {
    fn run(self, session: &Session) -> Result<(), Error> {
        let malformed = |reason| FileError::Malformed { path: self.file.clone(), reason };
        let text = String::from_utf8(files::read(&self.file)?)
            .map_err(|error| malformed(error.utf8_error().to_string()))?;
        let program = ::program::Program::parse(&text).map_err(|error| malformed(error.to_string()))?;
        let estimate = vm::estimate(&program, self.scheme).map_err(|error| malformed(error.to_string()))?;
        let mut networks = self.network;
        if networks.is_empty() {
            networks = vec![("lan".to_owned(), Network::LAN), ("wan".to_owned(), Network::WAN)];
        }
        let seconds: BTreeMap<&str, f64> =
            networks.iter().map(|(name, network)| (name.as_str(), estimate.seconds(*network))).collect();
        let steps: Vec<_> = estimate
            .instructions
            .iter()
            .map(|step| {
                json!({
                    "operation": step.operation, "instructions": step.values.len(), "rows": step.rows,
                    "rounds": step.cost.rounds, "bytes_sent": step.cost.bytes_sent,
                })
            })
            .collect();
        let answer = json!({
            "scheme": self.scheme.to_string(), "rounds": estimate.rounds(), "bytes_sent": estimate.bytes_sent(),
            "column_bytes": estimate.column_bytes, "seconds": seconds, "steps": steps,
        });
        session.output.answer(&answer, || {
            let rows = estimate.instructions.iter().map(|step| {
                [
                    step.operation.to_owned(),
                    step.values.len().to_string(),
                    step.rows.to_string(),
                    step.cost.rounds.to_string(),
                    step.cost.bytes_sent.to_string(),
                ]
            });
            let wires: Vec<_> =
                seconds.iter().map(|(name, seconds)| format!("{seconds:.3} s on `{name}`")).collect();
            format!(
                "{}\n\nscheme   {}\nrounds   {}\nbytes    {} sent by the busiest party\nmemory   {} bytes of columns at once\nwire     {}",
                table(&["operation", "merged", "rows", "rounds", "bytes"], rows),
                self.scheme,
                estimate.rounds(),
                estimate.bytes_sent(),
                estimate.column_bytes,
                wires.join(", "),
            )
        })
    }
}

impl Program {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Show(Show { contract }) => {
                let check = session.client()?.check(&contract)?;
                let answer = json!({ "program": check.program, "audit": check.audit });
                session.output.answer(&answer, || format!("{}\n{}", check.program, check.audit))
            }
            Self::Hash(HashCommand { file }) => {
                let malformed = |reason| FileError::Malformed { path: file.clone(), reason };
                let text = String::from_utf8(files::read(&file)?)
                    .map_err(|error| malformed(error.utf8_error().to_string()))?;
                let hash = program_hash(&text).map_err(malformed)?;
                session.output.answer(&json!({ "hash": hash }), || hash.to_string())
            }
            Self::Estimate(estimate) => estimate.run(session),
        }
    }
}
