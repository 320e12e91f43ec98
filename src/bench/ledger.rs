//! `treaty bench ledger`: how fast the ledger is on this machine, with three members' replicas in one process.
//!
//! Everything but the network is in it: signatures, rules, canonical bytes, the Merkle tree, durable writes,
//! replaying and cosigning. Beside each time stands the processor time that it took, which other programs on the
//! machine change less.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use contract::{Column, ColumnType, Dataset, Hash, Schema, SigningKey, Terms, terms::Use};
use ledger::search::{Search, Wish};
use ledger::{Action, Alliance, Card, Ledger, SignedTransaction, Standing, State, Transaction, alliance};
use serde::Serialize;

use super::together::{self, Together};
use super::{BenchError, memory};
use crate::output::{Output, table};

const NAMES: [&str; 3] = ["north", "lake", "south"];
const BEGINNING: u64 = 1_900_000_000;
const POINTS: u64 = 1 << 40;
/// Searches of which the slowest hundredth is told.
const SEARCHES: usize = 500;

#[derive(Debug, Args)]
pub(crate) struct LedgerBench {
    /// Signed transactions to append, to follow and to replay
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    transactions: u32,
    /// Transactions in one durable write
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    batch: u32,
    /// Datasets in the catalog that is searched
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    datasets: u32,
    /// Also measure four members that order together; needs `cometbft`
    #[arg(long)]
    bft: bool,
    /// Signed transactions that they order
    #[arg(long, default_value_t = 8_000, requires = "bft", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    bft_transactions: u32,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Figures {
    ordering: &'static str,
    transactions: u32,
    batch: u32,
    append: Phase,
    /// From the submission of a batch to the checkpoint that two of three members stand behind.
    finality_milliseconds_p50: f64,
    finality_milliseconds_p99: f64,
    /// Another member's replica checks every entry and signature.
    follow: Phase,
    /// The node's own entries when it starts.
    replay: Phase,
    replay_seconds_per_million: f64,
    memory_bytes_max: u64,
    datasets: u32,
    index_seconds: f64,
    search_milliseconds_p50: f64,
    search_milliseconds_p99: f64,
    /// Four members that order together, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    bft: Option<Together>,
}

/// One stretch of work.
#[derive(Debug, Serialize)]
struct Phase {
    seconds: f64,
    cpu_seconds: f64,
    transactions_per_second: f64,
}

impl LedgerBench {
    pub(super) fn run(self, output: Output) -> Result<(), BenchError> {
        let room = Room::make()?;
        let figures = self.measure(&room.0)?;
        let printed = output.answer(&figures, || figures.text());
        printed.map_err(|error| BenchError::System(std::io::Error::other(error.to_string())))
    }

    fn measure(&self, room: &Path) -> Result<Figures, BenchError> {
        let keys = keys()?;
        let alliance = found(&keys)?;
        let (append, replica) = self.append(room, &keys, &alliance)?;
        let mut finality = self.finality(room, &keys, &alliance)?;
        let stopwatch = Stopwatch::start();
        let again = Ledger::open(&replica, alliance.clone())?;
        let replay = stopwatch.phase(self.transactions);
        let stopwatch = Stopwatch::start();
        let mut follower = Ledger::open(&room.join("follower.redb"), alliance)?;
        while follower.size() < again.size() {
            follower.replay(&again.page(follower.size())?)?;
        }
        let follow = stopwatch.phase(self.transactions);
        if follower.root() != again.root() {
            return Err(BenchError::Wrong { workload: "following the ledger".to_owned() });
        }
        let memory_bytes_max = memory::peak_bytes();
        drop((again, follower));
        let (index_seconds, mut searches) = search(&keys, self.datasets)?;
        let bft = self.bft.then(|| together::measure(room, self.bft_transactions)).transpose()?;
        Ok(Figures {
            ordering: "log",
            transactions: self.transactions,
            batch: self.batch,
            append,
            finality_milliseconds_p50: percentile(&mut finality, 50),
            finality_milliseconds_p99: percentile(&mut finality, 99),
            replay_seconds_per_million: replay.seconds * 1e6 / f64::from(self.transactions),
            follow,
            replay,
            memory_bytes_max,
            datasets: self.datasets,
            index_seconds,
            search_milliseconds_p50: percentile(&mut searches, 50),
            search_milliseconds_p99: percentile(&mut searches, 99),
            bft,
        })
    }

    /// The operator alone: how many signed transactions become durable entries under its checkpoint.
    fn append(
        &self,
        room: &Path,
        keys: &[SigningKey],
        alliance: &Alliance,
    ) -> Result<(Phase, PathBuf), BenchError> {
        let path = room.join("operator.redb");
        let mut ledger = Ledger::open(&path, alliance.clone())?;
        let mut signer = Signer::new(keys, ledger.state());
        let mut left = self.transactions;
        let mut total = Phase { seconds: 0.0, cpu_seconds: 0.0, transactions_per_second: 0.0 };
        while left > 0 {
            // Signing is the members' work, not the operator's.
            let batch = signer.batch(left.min(self.batch))?;
            left -= left.min(self.batch);
            let stopwatch = Stopwatch::start();
            accept(&mut ledger, batch, &keys[0])?;
            let phase = stopwatch.phase(self.batch);
            total.seconds += phase.seconds;
            total.cpu_seconds += phase.cpu_seconds;
        }
        total.transactions_per_second = f64::from(self.transactions) / total.seconds;
        Ok((total, path))
    }

    /// Operator and one cosigner: when a batch is final, in milliseconds.
    fn finality(
        &self,
        room: &Path,
        keys: &[SigningKey],
        alliance: &Alliance,
    ) -> Result<Vec<f64>, BenchError> {
        let mut operator = Ledger::open(&room.join("ordering.redb"), alliance.clone())?;
        let mut cosigner = Ledger::open(&room.join("cosigning.redb"), alliance.clone())?;
        let mut signer = Signer::new(keys, operator.state());
        let mut times = Vec::new();
        for _ in 0..100 {
            let batch = signer.batch(self.batch)?;
            let started = Instant::now();
            accept(&mut operator, batch, &keys[0])?;
            cosigner.replay(&operator.page(cosigner.size())?)?;
            let cosigned = cosigner.cosign(&keys[1], BEGINNING + 1)?;
            if !operator.add_cosignature(&cosigned)? {
                return Err(BenchError::Wrong { workload: "finality".to_owned() });
            }
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        Ok(times)
    }
}

impl Figures {
    fn text(&self) -> String {
        let phase = |name: &str, phase: &Phase| {
            [
                name.to_owned(),
                format!("{:.2} s", phase.seconds),
                format!("{:.2} s", phase.cpu_seconds),
                format!("{:.0}", phase.transactions_per_second),
            ]
        };
        let rows = [
            phase("append, durable, under the operator's checkpoint", &self.append),
            phase("follow: check all, durable", &self.follow),
            phase("replay at start", &self.replay),
        ];
        let bft = self.bft.as_ref().map_or_else(String::new, |bft| format!("\n{}", bft.text()));
        format!(
            "{}\n{} transactions in batches of {}; replay of a million entries: {:.0} s; at most {} MB of memory\n\
             a batch is under a cosigned checkpoint after {:.1} ms, 99 of 100 within {:.1} ms\n\
             search over {} datasets: {:.2} ms, 99 of 100 within {:.2} ms (index made in {:.2} s){bft}",
            table(&["", "time", "processor", "a second"], rows),
            self.transactions,
            self.batch,
            self.replay_seconds_per_million,
            self.memory_bytes_max >> 20,
            self.finality_milliseconds_p50,
            self.finality_milliseconds_p99,
            self.datasets,
            self.search_milliseconds_p50,
            self.search_milliseconds_p99,
            self.index_seconds,
        )
    }
}

/// A directory that goes with the measurement.
struct Room(PathBuf);

impl Room {
    fn make() -> Result<Self, BenchError> {
        let path = std::env::temp_dir().join(format!("treaty-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

struct Stopwatch {
    started: Instant,
    cpu_seconds: f64,
}

impl Stopwatch {
    fn start() -> Self {
        Self { started: Instant::now(), cpu_seconds: cpu_seconds() }
    }

    fn phase(&self, transactions: u32) -> Phase {
        let seconds = self.started.elapsed().as_secs_f64();
        Phase {
            seconds,
            cpu_seconds: cpu_seconds() - self.cpu_seconds,
            transactions_per_second: f64::from(transactions) / seconds,
        }
    }
}

/// Members' transfers, signed in turn.
struct Signer<'a> {
    keys: &'a [SigningKey],
    alliance: Hash,
    made: u64,
}

impl<'a> Signer<'a> {
    fn new(keys: &'a [SigningKey], state: &State) -> Self {
        Self { keys, alliance: state.alliance_id(), made: 0 }
    }

    fn batch(&mut self, size: u32) -> Result<Vec<SignedTransaction>, BenchError> {
        (0..size).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Result<SignedTransaction, BenchError> {
        let parties = self.keys.len() as u64;
        let [from, to] = [self.made, self.made + 1].map(|at| usize::try_from(at % parties).unwrap_or(0));
        let action =
            Action::TransferPoints { to: self.keys[to].did(), points: 1, note: "for the survey".to_owned() };
        let transaction = Transaction {
            alliance: self.alliance,
            member: self.keys[from].did(),
            sequence: self.made / parties + 1,
            person: None,
            signer: None,
            action,
        };
        self.made += 1;
        Ok(SignedTransaction::sign(transaction, &self.keys[from]).map_err(ledger::LedgerError::from)?)
    }
}

fn accept(ledger: &mut Ledger, batch: Vec<SignedTransaction>, key: &SigningKey) -> Result<(), BenchError> {
    let answers = ledger.append(BEGINNING, batch)?;
    if answers.iter().any(Result::is_err) {
        return Err(BenchError::Wrong { workload: "append".to_owned() });
    }
    ledger.sign_checkpoint(key)?;
    Ok(())
}

fn keys() -> Result<Vec<SigningKey>, BenchError> {
    let made = NAMES.iter().map(|_| SigningKey::generate());
    made.collect::<Result<_, _>>()
        .map_err(|error| BenchError::System(std::io::Error::other(error.to_string())))
}

fn found(keys: &[SigningKey]) -> Result<Alliance, BenchError> {
    let unusable =
        |flaw: ledger::alliance::CardFlaw| BenchError::System(std::io::Error::other(flaw.to_string()));
    let card = |(key, name): (&SigningKey, &str)| {
        let certificate = format!("certificate of {name}");
        Card::sign(key, name, Standing::Member, "127.0.0.1:1", "https://127.0.0.1:1", certificate.as_bytes())
    };
    let mut members: Vec<Card> =
        keys.iter().zip(NAMES).map(card).collect::<Result<_, _>>().map_err(unusable)?;
    members.sort_by_key(|card| card.member);
    Ok(Alliance {
        format: alliance::FORMAT.to_owned(),
        name: "Bench".to_owned(),
        founded: BEGINNING,
        operator: keys.first().map(SigningKey::did),
        quorum: 2,
        members,
        points: keys.iter().map(|key| (key.did(), POINTS)).collect(),
    })
}

/// Seconds for the index, and milliseconds of each search.
fn search(keys: &[SigningKey], datasets: u32) -> Result<(f64, Vec<f64>), BenchError> {
    let alliance = found(keys)?;
    let mut state = State::new(alliance).map_err(ledger::LedgerError::from)?;
    let alliance = state.alliance_id();
    for version in 1..=datasets {
        let action = Action::PublishDataset(Box::new(dataset(&keys[0], version)));
        let member = keys[0].did();
        let transaction =
            Transaction { alliance, member, sequence: version.into(), person: None, signer: None, action };
        let signed = SignedTransaction::sign(transaction, &keys[0]).map_err(ledger::LedgerError::from)?;
        if state.apply(BEGINNING, &signed).is_err() {
            return Err(BenchError::Wrong { workload: "publishing datasets".to_owned() });
        }
    }
    let started = Instant::now();
    let index = Search::of(&state);
    let index_seconds = started.elapsed().as_secs_f64();
    let texts = ["salaries", "s", "ward 7", "year 99 salary eur", "nothing like it", "north ward 12 rank"];
    let mut times = Vec::new();
    for round in 0..SEARCHES {
        let wish = Wish {
            text: texts.get(round % texts.len()).map_or_else(String::new, |text| (*text).to_owned()),
            unit: (round % 2 == 0).then(|| "EUR".to_owned()),
            price_max: (round % 3 == 0).then_some(5),
            permitted_to: (round % 5 == 0).then(|| keys[1].did()),
            ..Wish::default()
        };
        let started = Instant::now();
        std::hint::black_box(index.find(&wish, None, 100));
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok((index_seconds, times))
}

fn dataset(owner: &SigningKey, version: u32) -> Dataset {
    let column = |name: &str, unit: &str, kind| Column {
        unit: unit.to_owned(),
        description: format!("{name} as recorded"),
        ..Column::new(name, kind)
    };
    let columns = vec![column("rank", "", ColumnType::Text), column("salary", "EUR", ColumnType::Integer)];
    Dataset {
        id: Hash::of("bench", b"dataset"),
        path: "north/staff".to_owned(),
        version,
        owner: owner.did(),
        description: format!("Salaries of year {}, ward {}", version % 211, version % 97),
        schema: Schema { columns },
        rows: 100,
        root: Hash::of("bench", &version.to_be_bytes()),
        terms: Terms {
            purposes: ["research".to_owned()].into(),
            receivers: [].into(),
            columns: BTreeMap::from([("salary".to_owned(), [Use::Aggregate].into())]),
            comparisons: BTreeMap::new(),
            floor_rows: 5,
            schemes: ["rep3".to_owned()].into(),
            jurisdictions: BTreeSet::new(),
            runs_max: 10,
            expires: None,
            access: None,
            disclosure: Default::default(),
        },
    }
}

pub(super) fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// Processor time of this process so far: Linux counts it in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The command's name, in parentheses, may have spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
