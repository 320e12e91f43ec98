//! How fast the ledger is on this machine:
//! `cargo test --release -p treaty-ledger --test suite -- --ignored --nocapture throughput`.

use std::time::{Duration, Instant};

use ledger::{Action, Ledger, SignedTransaction};

use crate::world::{FOUNDED, World};

const ENTRIES: u32 = 50_000;
/// Transactions in one durable write.
const BATCH: usize = 500;

/// Appends signed transactions as an operator, with a checkpoint after each batch; follows them; opens the file again.
#[test]
#[ignore = "measures; run with --release"]
fn throughput() {
    let world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("operator.redb");
    let transactions = transactions(&world);

    let mut operator = Ledger::open(&path, world.alliance.clone()).unwrap();
    let (mut slowest, started) = (Duration::ZERO, Instant::now());
    for batch in transactions.chunks(BATCH) {
        let batch_started = Instant::now();
        let answers = operator.append(FOUNDED, batch.to_vec()).unwrap();
        assert!(answers.iter().all(Result::is_ok));
        operator.sign_checkpoint(&world.members[0]).unwrap();
        slowest = slowest.max(batch_started.elapsed());
    }
    report("append", started);
    println!("slowest batch of {BATCH}: {slowest:?}");

    let mut follower = Ledger::open(&directory.path().join("follower.redb"), world.alliance.clone()).unwrap();
    let started = Instant::now();
    while follower.size() < operator.size() {
        follower.replay(&operator.page(follower.size()).unwrap()).unwrap();
    }
    report("follow", started);
    assert_eq!(follower.root(), operator.root());

    drop(operator);
    let started = Instant::now();
    let operator = Ledger::open(&path, world.alliance).unwrap();
    report("open", started);
    assert_eq!(operator.root(), follower.root());
}

fn transactions(world: &World) -> Vec<SignedTransaction> {
    let publish = |version| Action::PublishDataset(Box::new(world.dataset(0, version)));
    (1..=ENTRIES).map(|version| world.sign_as(&world.members[0], version.into(), publish(version))).collect()
}

fn report(phase: &str, started: Instant) {
    let elapsed = started.elapsed();
    let rate = f64::from(ENTRIES) / elapsed.as_secs_f64();
    println!("{phase}: {ENTRIES} entries in {elapsed:.2?}, {rate:.0} a second");
}
