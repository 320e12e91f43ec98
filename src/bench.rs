//! `treaty bench`: how fast the engine is on this machine, in three processes that speak TLS with each other; and how
//! fast the ledger and joint queries are, in one process.

mod growth;
mod ledger;
mod memory;
mod party;
mod sql;
mod together;
mod tpch;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};

use clap::{Args, Subcommand, ValueEnum};
use engine::bench::Streams;
use peers::Identity;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::ledger::LedgerBench;
use self::party::{Party, Seat};
use self::sql::Sql;
use crate::output::{Output, line, table};

/// Measure the engine, the ledger and joint queries
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Measure operators: three processes over loopback TCP with TLS on
    #[command(
        after_help = "Examples:\n  treaty bench engine\n  treaty bench engine less-than --runs 9 --json\n  treaty bench engine mul --scheme rep3_malicious\n  treaty bench engine sort --wan --runs 1\n  treaty bench engine join --rows 1000000 --runs 1\n\nAll three processes share this machine's cores. Build with --release."
    )]
    Engine(Engine),
    /// Measure the ledger: signed transactions a second, time to a cosigned checkpoint, replay, search
    #[command(
        after_help = "Examples:\n  treaty bench ledger\n  treaty bench ledger --transactions 1000000 --json\n  treaty bench ledger --bft\n\nThree members' replicas in one process, without a network. With --bft also four that order together: each has a CometBFT\nbeside this process, and all share this machine's cores. Build with --release."
    )]
    Ledger(LedgerBench),
    /// Measure joint SQL: TPC-H dealt to eight owners, three compute parties in this process, against plaintext DataFusion
    #[command(
        after_help = "Examples:\n  treaty bench sql\n  treaty bench sql 3 --json\n  treaty bench sql --scale 0.1\n  treaty bench sql --growth\n\nQueries: those of TPC-H that can be asked (docs/sql.md), or with --growth a median, a join, groups and both over 10 thousand\nto a million rows a table. Every answer is compared with the plaintext one. Memory is that of this process: of all\nowners, the three compute parties and the tables. Build with --release."
    )]
    Sql(Sql),
    /// One compute party of a measurement; started by `treaty bench engine`
    #[command(hide = true)]
    Party(Party),
}

#[derive(Debug, Args)]
pub(crate) struct Engine {
    /// Only the workload of this name, or those whose name contains it
    #[arg(default_value = "", hide_default_value = true)]
    workload: String,
    /// The secret-sharing scheme
    #[arg(long, value_enum, default_value_t = Scheme::Rep3)]
    scheme: Scheme,
    /// Hold messages back as a wide area network does: 20 ms there and back, 100 Mbit/s from each party to each other
    #[arg(long)]
    wan: bool,
    /// Runs of each workload, of which the median is printed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Rows (gates for `and`, the matrices' size for `matmul`) instead of each workload's own number
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    rows: Option<u32>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Scheme {
    /// Three parties that follow the protocol
    Rep3,
    /// Three parties, of which one may deviate; times include the checks
    Rep3Malicious,
    /// Sharing by polynomials: three parties, of which one may be curious
    Shamir,
    /// The same: five parties, of which two may be curious
    ShamirOfFive,
    /// Sharing by polynomials: three parties, of which one may deviate; times include the checks
    ShamirMalicious,
}

/// Why a measurement did not come about.
#[derive(Debug, Error)]
pub(crate) enum BenchError {
    /// Processes, pipes or sockets.
    #[error("the measurement could not be set up: {0}")]
    System(#[from] std::io::Error),
    /// Connections between the parties.
    #[error("the parties could not connect: {0}")]
    Peers(#[from] peers::Error),
    /// The computation.
    #[error("the computation stopped: {0}")]
    Engine(#[from] engine::Error),
    /// The ledger.
    #[error("the ledger: {0}")]
    Ledger(#[from] ::ledger::LedgerError),
    /// Members that order together.
    #[error(transparent)]
    Ordering(#[from] ordering::OrderingError),
    /// What a party printed cannot be read.
    #[error("a party reported nonsense: {0}")]
    Report(#[from] serde_json::Error),
    /// A party ended early.
    #[error("party {party} ended before the measurement did; its reason stands above")]
    PartyEnded {
        /// Which.
        party: usize,
    },
    /// An output was wrong: the figures mean nothing.
    #[error("`{workload}` computed a wrong result")]
    Wrong {
        /// Which workload.
        workload: String,
    },
    /// A query's data, compilation, stages or run.
    #[error("the query could not be measured: {0}")]
    Sql(String),
    /// No query of that number.
    #[error("query {query} of TPC-H is not among those that can be asked: {known}")]
    NoQuery {
        /// Asked for.
        query: u8,
        /// The others.
        known: String,
    },
    /// No workload of that name.
    #[error("no workload's name contains `{0}`\n  try: treaty bench engine")]
    NoWorkload(String),
}

/// What one party measured in one run of a workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Report {
    workload: String,
    rows: usize,
    seconds: f64,
    bytes_sent: u64,
    rounds: u32,
    memory_bytes_max: u64,
    correct: bool,
}

impl Scheme {
    fn parties(self) -> usize {
        match self {
            Self::Rep3 | Self::Rep3Malicious | Self::Shamir | Self::ShamirMalicious => 3,
            Self::ShamirOfFive => 5,
        }
    }
}

impl Bench {
    pub(crate) fn run(self, output: Output) -> Result<(), BenchError> {
        match self {
            Self::Engine(engine) => engine.run(output),
            Self::Ledger(ledger) => ledger.run(output),
            Self::Sql(sql) => sql.run(output),
            Self::Party(party) => party.run(),
        }
    }
}

impl Engine {
    fn run(self, output: Output) -> Result<(), BenchError> {
        let mut parties = start(&self)?;
        let mut lines = Vec::new();
        while let Some(reports) = next_reports(&mut parties)? {
            lines.push(slowest(reports)?);
        }
        if lines.is_empty() {
            return Err(BenchError::NoWorkload(self.workload));
        }
        let medians: Vec<Report> = lines.chunks(self.runs as usize).filter_map(median).collect();
        let printed = output.answer(&medians, || shown(&medians));
        printed.map_err(|error| BenchError::System(std::io::Error::other(error.to_string())))
    }
}

/// One started party. Its standard input stays open as long as the measurement lasts: when it closes, the party ends.
struct Started {
    child: Child,
    _input: ChildStdin,
    reports: BufReader<std::process::ChildStdout>,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn start(engine: &Engine) -> Result<Vec<Started>, BenchError> {
    let mut endpoints = Vec::new();
    let mut identities = Vec::new();
    for _ in 0..engine.scheme.parties() {
        endpoints.push(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string());
        identities.push(Identity::generate(&[])?);
    }
    let certificates: Vec<_> = identities.iter().map(Identity::certificate_pem).collect();
    let mut started = Vec::new();
    for (me, identity) in identities.iter().enumerate() {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "party"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let seat = Seat {
            me,
            endpoints: endpoints.clone(),
            certificates: certificates.clone(),
            key: identity.key_pem().to_string(),
            scheme: engine.scheme,
            wan: engine.wan,
            workload: engine.workload.clone(),
            runs: engine.runs,
            rows: engine.rows.map(|rows| rows as usize),
        };
        let (Some(mut input), Some(reports)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(BenchError::PartyEnded { party: me });
        };
        writeln!(input, "{}", serde_json::to_string(&seat)?)?;
        started.push(Started { child, _input: input, reports: BufReader::new(reports) });
    }
    Ok(started)
}

/// The next report of each party; none once all are done.
fn next_reports(parties: &mut [Started]) -> Result<Option<Vec<Report>>, BenchError> {
    let mut reports = Vec::new();
    for (party, started) in parties.iter_mut().enumerate() {
        let mut text = String::new();
        if started.reports.read_line(&mut text)? > 0 {
            reports.push(serde_json::from_str(&text)?);
        } else if !started.child.wait()?.success() || !reports.is_empty() {
            return Err(BenchError::PartyEnded { party });
        }
    }
    match reports.len() {
        0 => Ok(None),
        _ => Ok(Some(reports)),
    }
}

/// A run takes as long as its slowest party, and needs as much as its neediest.
fn slowest(reports: Vec<Report>) -> Result<Report, BenchError> {
    let together = reports.into_iter().reduce(|a, b| Report {
        seconds: a.seconds.max(b.seconds),
        bytes_sent: a.bytes_sent.max(b.bytes_sent),
        rounds: a.rounds.max(b.rounds),
        memory_bytes_max: a.memory_bytes_max.max(b.memory_bytes_max),
        correct: a.correct && b.correct,
        ..a
    });
    match together {
        Some(report) if report.correct => Ok(report),
        Some(report) => Err(BenchError::Wrong { workload: report.workload }),
        None => Err(BenchError::PartyEnded { party: 0 }),
    }
}

fn median(runs: &[Report]) -> Option<Report> {
    let mut runs = runs.to_vec();
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    runs.get(runs.len() / 2).cloned()
}

fn shown(medians: &[Report]) -> String {
    let heads =
        ["workload", "rows", "seconds", "bytes a row and party", "rounds", "peak memory [MB]", "outputs"];
    let streams = Streams::measured();
    let rows = medians.iter().map(|median| {
        [
            median.workload.clone(),
            median.rows.to_string(),
            format!("{:.3}", median.seconds),
            format!("{:.3}", median.bytes_sent as f64 / median.rows as f64),
            median.rounds.to_string(),
            format!("{:.0}", median.memory_bytes_max as f64 / 1e6),
            "correct".to_owned(),
        ]
    });
    let rate = streams.bytes_per_second / 1e9;
    format!("{}\nrandom streams: {rate:.1} GB/s on one core ({})", table(&heads, rows), streams.instructions)
}

/// A party's report, as one line.
fn print(report: &Report) -> Result<(), BenchError> {
    Ok(line(&serde_json::to_string(report)?)?)
}
