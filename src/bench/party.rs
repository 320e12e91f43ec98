//! One compute party of a measurement, in a process of its own.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use engine::bench::{Workload, wide_workloads, workloads};
use engine::mpc::Scheme;
use engine::schemes::shamir::Threshold;
use engine::schemes::{Rep3, Rep3Malicious, Shamir, ShamirMalicious};
use engine::session::{self, Party as Number, Shape, Shaped, Transport};
use peers::{
    Channels, Fingerprint, Identity, Listener, ListenerLimits, Peer, Plan, Registry, Run, SessionLimits,
    SessionTransport, Sessions,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use super::{BenchError, Report, memory, print};

/// How long the parties may take to connect for one run.
const GATHER: Duration = Duration::from_secs(20);
/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(600);

#[derive(Debug, Args)]
pub(crate) struct Party {}

/// What a party is told on its standard input, as one line of JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Seat {
    pub(super) me: usize,
    pub(super) endpoints: Vec<String>,
    /// Of all parties, PEM.
    pub(super) certificates: Vec<String>,
    /// Of this party's certificate, PEM.
    pub(super) key: String,
    pub(super) scheme: super::Scheme,
    /// Whether messages travel as on a wide area network.
    pub(super) wan: bool,
    /// What the names of the workloads to run contain.
    pub(super) workload: String,
    pub(super) runs: u32,
    /// Rows, if not each workload's own number.
    pub(super) rows: Option<usize>,
}

impl Party {
    pub(super) fn run(self) -> Result<(), BenchError> {
        let mut text = String::new();
        std::io::stdin().read_line(&mut text)?;
        let seat: Seat = serde_json::from_str(&text)?;
        std::thread::spawn(end_with_parent);
        let table = Table::join(seat)?;
        match table.seat.scheme {
            super::Scheme::Rep3 => {
                table.measure((), &workloads::<Rep3<u64>>())?;
                table.measure((), &wide_workloads::<Rep3<u128>>())
            }
            super::Scheme::Rep3Malicious => {
                table.measure((), &workloads::<Rep3Malicious<u64>>())?;
                table.measure((), &wide_workloads::<Rep3Malicious<u128>>())
            }
            super::Scheme::Shamir => table.measure(Threshold::new(3, 1)?, &workloads::<Shamir>()),
            super::Scheme::ShamirMalicious => {
                table.measure(Threshold::new(3, 1)?, &workloads::<ShamirMalicious>())
            }
            super::Scheme::ShamirOfFive => table.measure(Threshold::new(5, 2)?, &workloads::<Shamir>()),
        }
    }
}

/// Whoever started this process is gone when standard input closes.
fn end_with_parent() {
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).ok();
    std::process::exit(1);
}

/// This party's place among the others.
struct Table {
    seat: Seat,
    runtime: Runtime,
    channels: Channels,
    sessions: Sessions,
}

impl Table {
    fn join(seat: Seat) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let own = seat.certificates.get(seat.me).map_or("", String::as_str);
        let identity = Identity::from_pem(own, &seat.key)?;
        let others = seat.endpoints.iter().zip(&seat.certificates).enumerate();
        let registered = others.map(|(party, (endpoint, certificate))| {
            // The key is not looked at: a fingerprint is the certificate's alone.
            let fingerprint = Identity::from_pem(certificate, &seat.key)?.fingerprint();
            Ok(peer(party, endpoint, fingerprint))
        });
        let registry = Registry::new(registered.collect::<Result<Vec<_>, peers::Error>>()?)?;
        let channels = Channels::new(&identity, Arc::new(registry))?;
        let sessions = Sessions::new(SessionLimits::default());
        let endpoint = seat.endpoints.get(seat.me).map_or("", String::as_str);
        let listener =
            runtime.block_on(Listener::bind(endpoint, channels.clone(), ListenerLimits::default()))?;
        runtime.spawn(listener.serve(axum::Router::new(), sessions.clone(), std::future::pending()));
        Ok(Self { seat, runtime, channels, sessions })
    }

    fn measure<S: Scheme>(&self, setting: S::Setting, workloads: &[Workload<S>]) -> Result<(), BenchError> {
        for workload in self.wanted(workloads) {
            for run in 0..self.seat.runs {
                memory::forget_peak();
                let session = Arc::new(self.connect(workload.name, run)?);
                let mut protocol = S::start(self.shaped(&session), setting, &session::fresh_seed()?)?;
                let rows = self.seat.rows.unwrap_or(workload.rows);
                let measured = (workload.run)(&mut protocol, rows)?;
                // Others may still wait for what is on its way; the process ends after the last run.
                drop(protocol);
                Arc::into_inner(session).map(SessionTransport::finish);
                print(&Report {
                    workload: workload.name.to_owned(),
                    rows,
                    seconds: measured.took.as_secs_f64(),
                    bytes_sent: measured.cost.bytes_sent,
                    rounds: measured.cost.rounds,
                    memory_bytes_max: memory::peak_bytes(),
                    correct: measured.correct,
                })?;
            }
        }
        Ok(())
    }

    /// The workload of exactly the wanted name, or all whose name contains it.
    fn wanted<'a, S: Scheme>(&self, workloads: &'a [Workload<S>]) -> impl Iterator<Item = &'a Workload<S>> {
        let wanted = self.seat.workload.clone();
        let exact = workloads.iter().any(|workload| workload.name == wanted);
        let named = move |name: &str| if exact { name == wanted } else { name.contains(&wanted) };
        workloads.iter().filter(move |workload| named(workload.name))
    }

    fn connect(&self, workload: &str, run: u32) -> Result<SessionTransport, BenchError> {
        let name = contract::Hash::of("bench-run", format!("{workload}/{run}").as_bytes());
        let plan = Plan {
            run: Run(*name.as_bytes()),
            parties: (0..self.seat.endpoints.len()).map(member).collect(),
            me: Number(self.seat.me),
            gather: GATHER,
            deadline: DEADLINE,
        };
        Ok(self.runtime.block_on(self.sessions.gather(&self.channels, &plan))?)
    }

    /// The connections, as slow as they shall be.
    fn shaped(&self, session: &Arc<SessionTransport>) -> Arc<dyn Transport> {
        let session: Arc<dyn Transport> = Arc::clone(session) as _;
        if self.seat.wan { Arc::new(Shaped::new(session, Shape::WAN)) } else { session }
    }
}

fn member(party: usize) -> String {
    format!("party {party}")
}

fn peer(party: usize, endpoint: &str, certificate: Fingerprint) -> Peer {
    Peer { member: member(party), endpoint: endpoint.to_owned(), certificates: vec![certificate] }
}
