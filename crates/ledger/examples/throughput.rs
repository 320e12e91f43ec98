//! How fast the ledger is on this machine: `cargo run --release -p treaty-ledger --example throughput [entries]`.
//!
//! Appends signed transactions in batches as an operator, with a checkpoint after each; replays them as a follower;
//! opens the file again. Each phase prints entries per second.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    time::{Duration, Instant},
};

use contract::{Column, ColumnType, Dataset, Hash, Schema, SigningKey, Terms, terms::Use};
use treaty_ledger::{Action, Alliance, Card, Ledger, SignedTransaction, Standing, Transaction, alliance};

/// Transactions in one durable write.
const BATCH: u64 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let entries: u64 = std::env::args().nth(1).map_or(Ok(20_000), |text| text.parse())?;
    let key = SigningKey::from_seed(&[1; 32]);
    let alliance = alliance(&key)?;
    let id = alliance.id()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("operator.redb");

    let sign = |sequence: u64| -> Result<SignedTransaction, Box<dyn Error>> {
        let action = Action::PublishDataset(Box::new(dataset(&key, u32::try_from(sequence)?)));
        let transaction = Transaction { alliance: id, member: key.did(), sequence, person: None, action };
        Ok(SignedTransaction::sign(transaction, &key)?)
    };
    let signed = (1..=entries).map(sign).collect::<Result<Vec<_>, _>>()?;

    let mut operator = Ledger::open(&path, alliance.clone())?;
    let (mut slowest, started) = (Duration::ZERO, Instant::now());
    for (batch, now) in signed.chunks(usize::try_from(BATCH)?).zip(1..) {
        let batch_started = Instant::now();
        for answer in operator.append(now, batch.to_vec())? {
            answer?;
        }
        operator.sign_checkpoint(&key)?;
        slowest = slowest.max(batch_started.elapsed());
    }
    report("append", entries, started);
    println!("slowest batch of {BATCH}: {slowest:?}");

    let mut follower = Ledger::open(&directory.path().join("follower.redb"), alliance.clone())?;
    let started = Instant::now();
    while follower.size() < operator.size() {
        follower.replay(&operator.page(follower.size())?)?;
    }
    report("follow", entries, started);

    drop(operator);
    let started = Instant::now();
    let operator = Ledger::open(&path, alliance)?;
    report("open", operator.size() - 1, started);
    println!("file: {} bytes an entry", std::fs::metadata(&path)?.len() / entries);
    Ok(())
}

fn report(phase: &str, entries: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{phase}: {entries} entries in {seconds:.2} s, {:.0} a second", entries as f64 / seconds);
}

fn alliance(key: &SigningKey) -> Result<Alliance, Box<dyn Error>> {
    let card =
        Card::sign(key, "north", Standing::Member, "localhost:1", "https://localhost:2", b"certificate")?;
    Ok(Alliance {
        format: alliance::FORMAT.to_owned(),
        name: "Throughput".to_owned(),
        founded: 0,
        operator: key.did(),
        quorum: 1,
        members: vec![card],
        points: BTreeMap::new(),
    })
}

fn dataset(key: &SigningKey, version: u32) -> Dataset {
    let column = |name: &str| Column {
        name: name.to_owned(),
        kind: ColumnType::Integer,
        nullable: false,
        unit: String::new(),
        description: String::new(),
        values: None,
        range: None,
    };
    Dataset {
        id: Hash::of("example", b"north/staff"),
        path: "north/staff".to_owned(),
        version,
        owner: key.did(),
        description: "Salaries of one year".to_owned(),
        schema: Schema { columns: vec![column("rank"), column("salary")] },
        rows: 180,
        root: Hash::of("example", &version.to_be_bytes()),
        terms: Terms {
            purposes: BTreeSet::from(["pay equity study".to_owned()]),
            receivers: BTreeSet::new(),
            columns: BTreeMap::from([("salary".to_owned(), BTreeSet::from([Use::Aggregate]))]),
            floor_rows: 5,
            schemes: BTreeSet::from(["rep3".to_owned()]),
            runs_max: 10,
            expires: None,
        },
    }
}
