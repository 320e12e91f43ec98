//! A process killed at any moment: nothing that it acknowledged is lost, nothing is half there.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use ledger::{Action, Ledger};

use crate::world::{FOUNDED, World};

/// Tells the child where its ledger is.
const PATH: &str = "TREATY_TEST_CRASH_LEDGER";

/// The process that is killed: appends, signs and cosigns for ever, and says so after each step.
#[test]
#[ignore = "started by the test that kills it"]
fn writer() {
    let path = PathBuf::from(env::var(PATH).unwrap());
    let world = World::new();
    let mut ledger = Ledger::open(&path, world.alliance.clone()).unwrap();
    let mut out = std::io::stdout();
    loop {
        let version = ledger.state().latest_version("north/staff").unwrap_or(0) + 1;
        let mut transactions = Vec::new();
        for next in 0..3 {
            let publish = Action::PublishDataset(Box::new(world.dataset(0, version + next)));
            let sequence = ledger.state().next_sequence(&world.did(0)) + u64::from(next);
            transactions.push(world.sign_as(&world.members[0], sequence, publish));
        }
        ledger
            .append(FOUNDED + 1, transactions)
            .unwrap()
            .into_iter()
            .for_each(|answer| drop(answer.unwrap()));
        writeln!(out, "appended {}", ledger.size()).unwrap();
        ledger.sign_checkpoint(&world.members[0]).unwrap();
        writeln!(out, "signed {}", ledger.size()).unwrap();
        let cosigned = ledger.cosign(&world.members[1], FOUNDED + 1).unwrap();
        assert!(ledger.add_cosignature(&cosigned).unwrap());
        writeln!(out, "final {}", ledger.size()).unwrap();
    }
}

fn start(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["crash::writer", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the writer take some steps, kills it, and returns the largest size that it said for each kind of step.
fn run_and_kill(path: &Path, steps: usize, pause: Duration) -> [u64; 3] {
    let mut child = start(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = [0; 3];
    let mut hear = |line: &str| {
        for (kind, largest) in ["appended ", "signed ", "final "].iter().zip(&mut said) {
            if let Some(size) = line.split_once(kind).and_then(|(_, size)| size.parse().ok()) {
                *largest = size;
            }
        }
    };
    lines.by_ref().take(steps + 3).for_each(|line| hear(&line.unwrap()));
    std::thread::sleep(pause);
    child.kill().unwrap();
    child.wait().unwrap();
    // What was still in the pipe was acknowledged too; the last line may be cut.
    lines.map_while(Result::ok).for_each(|line| hear(&line));
    said
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    let world = World::new();
    let mut known: Option<(u64, contract::Hash)> = None;
    for round in 0..8_u64 {
        let [appended, signed, made_final] =
            run_and_kill(&path, 5 + round as usize, Duration::from_micros(round * 1_370));
        let ledger = Ledger::open(&path, world.alliance.clone()).unwrap();
        assert!(appended > 0 && ledger.size() >= appended, "round {round}");
        let latest = ledger.latest_checkpoint().unwrap();
        assert!(latest.0.size >= signed && latest.0.size <= ledger.size(), "round {round}");
        assert!(ledger.final_checkpoint().unwrap().0.size >= made_final, "round {round}");
        assert_eq!((ledger.size() - 1) % 3, 0, "a batch is there as a whole or not at all");
        if let Some((size, root)) = known {
            let proof = ledger.consistency(size, ledger.size()).unwrap();
            assert!(ledger::log::verify::consistency(size, &root, ledger.size(), &ledger.root(), &proof));
        }
        known = Some((ledger.size(), ledger.root()));
    }
}
