//! One validator: a process of this test, told what to do by lines on its standard input.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use contract::Hash;
use ledger::Ledger;
use treaty_ordering::{Agreement, Headers, Options, Verdict, relay};

use crate::alliance::{self, directory, home, key, now, transfer};

/// Tells the process where the alliance is, and which member it is.
const ROOT: &str = "TREATY_TEST_BFT_ROOT";
const MEMBER: &str = "TREATY_TEST_BFT_MEMBER";
/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The process. `send N` submits so many transfers, one after the other; `size` says how far the ledger is.
#[test]
#[ignore = "started by the tests that speak to it"]
fn validator() {
    let root = PathBuf::from(env::var(ROOT).unwrap());
    let member: usize = env::var(MEMBER).unwrap().parse().unwrap();
    let founded = alliance::read(&root);
    let path = directory(&root, member).join("ledger.redb");
    let ledger = Ledger::open(&path, founded.clone()).unwrap();
    let seated = ledger.state().roster().card(&key(member).did()).cloned();
    let card = seated.unwrap_or_else(|| alliance::read_card(&root, member));
    let ledger = Arc::new(Mutex::new(ledger));
    let doom = directory(&root, member).join("doom");
    let agreement = Agreement::start(Options {
        home: home(&root, member),
        program: treaty_ordering::find().unwrap(),
        member: key(member).did(),
        validator: card.validator.unwrap(),
        ledger: Arc::clone(&ledger),
        headers: directory(&root, member).join("headers").exists().then(|| headers(&root)),
        clock: now,
        // Where a file says so, the first thing that is recorded is the last that this process does.
        committed: Box::new(move || {
            if doom.exists() {
                fs::remove_file(&doom).unwrap();
                std::process::abort();
            }
        }),
    })
    .unwrap();
    let say = |text: String| writeln!(std::io::stdout(), "\n{text}").unwrap();
    say("ready".to_owned());
    let to = founded.members.iter().map(|card| card.member).find(|did| *did != key(member).did()).unwrap();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        if let Some(action) = line.strip_prefix("act ") {
            let action = serde_json::from_str(action).unwrap();
            let sequence = ledger.lock().unwrap().state().next_sequence(&key(member).did());
            let signed = alliance::act(&founded, &key(member), sequence, action);
            say(match agreement.submit(&signed, PATIENCE) {
                Ok(Verdict::Entry(index)) => format!("acked {index} {}", signed.id().unwrap()),
                other => format!("failed {other:?}"),
            });
        }
        if let Some(count) = line.strip_prefix("flood ") {
            let first = ledger.lock().unwrap().state().next_sequence(&key(member).did());
            let end = first + count.parse::<u64>().unwrap();
            let signed: Vec<_> =
                (first..end).map(|sequence| transfer(&founded, member, to, sequence)).collect();
            let said = agreement.send(&signed, PATIENCE).unwrap();
            assert_eq!(said, vec![None; signed.len()]);
        }
        let count = line.strip_prefix("send ").map(|count| count.parse::<usize>().unwrap());
        for _ in 0..count.unwrap_or(0) {
            let until = Instant::now() + PATIENCE;
            loop {
                let sequence = ledger.lock().unwrap().state().next_sequence(&key(member).did());
                let transaction = transfer(&founded, member, to, sequence);
                match agreement.submit(&transaction, PATIENCE) {
                    Ok(Verdict::Entry(index)) => say(format!("acked {index} {}", transaction.id().unwrap())),
                    // What was handed in before a kill has the number, and comes back from others before its block does.
                    Ok(Verdict::Refused { rule, .. }) if rule == "sequence" && Instant::now() < until => {
                        thread::sleep(Duration::from_millis(100));
                        continue;
                    }
                    other => say(format!("failed {other:?}")),
                }
                break;
            }
        }
        let ledger = ledger.lock().unwrap();
        say(format!("size {} {}", ledger.size(), ledger.root()));
    }
}

/// Asks the first two members' CometBFT processes for headers, in turn.
fn headers(root: &Path) -> Headers {
    let sockets = [0, 1].map(|other| home(root, other).rpc());
    Arc::new(move |turn, question| relay::forward(&sockets[turn % 2], question, PATIENCE).ok())
}

/// What a validator acknowledged: an index, and the transaction that stands there.
pub(crate) type Acked = (u64, Hash);

/// A running validator, as its test sees it.
pub(crate) struct Node {
    child: Child,
    lines: Receiver<String>,
    pub(crate) acked: Vec<Acked>,
    pub(crate) failed: Vec<String>,
}

/// Waits until all have the same entries, hence the same root; answers with both.
pub(crate) fn settle<'a>(nodes: impl Iterator<Item = &'a mut Node>) -> (u64, String) {
    let mut nodes: Vec<_> = nodes.collect();
    let until = Instant::now() + PATIENCE;
    loop {
        let found: Vec<_> = nodes.iter_mut().map(|node| node.size()).collect();
        if found.windows(2).all(|pair| pair[0] == pair[1]) {
            return found[0].clone();
        }
        assert!(Instant::now() < until, "they differ: {found:?}");
        thread::sleep(Duration::from_millis(200));
    }
}

impl Node {
    pub(crate) fn start(root: &Path, member: usize) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["node::validator", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(ROOT, root)
            .env(MEMBER, member.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                send.send(line).ok();
            }
        });
        let mut node = Self { child, lines, acked: Vec::new(), failed: Vec::new() };
        node.hear_until("ready");
        node
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Submits so many transfers and waits for their acknowledgements.
    pub(crate) fn send(&mut self, count: usize) {
        self.tell(&format!("send {count}"));
        self.hear_until("size ");
        assert_eq!(self.failed, Vec::<String>::new());
    }

    /// Does one thing; answers with the id of the transaction.
    pub(crate) fn act(&mut self, action: &ledger::Action) -> Hash {
        self.tell(&format!("act {}", serde_json::to_string(action).unwrap()));
        self.hear_until("size ");
        assert_eq!(self.failed, Vec::<String>::new());
        self.acked.last().unwrap().1
    }

    /// Submits so many transfers without waiting for their blocks; returns when all were handed in.
    pub(crate) fn flood(&mut self, count: u64) {
        self.tell(&format!("flood {count}"));
        self.hear_until("size ");
    }

    /// Entries and root of its ledger.
    pub(crate) fn size(&mut self) -> (u64, String) {
        self.tell("size");
        let line = self.hear_until("size ");
        let mut words = line.split(' ').skip(1);
        (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned())
    }

    /// Waits until it has so many entries.
    pub(crate) fn reach(&mut self, size: u64) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let (found, root) = self.size();
            if found >= size {
                return root;
            }
            assert!(Instant::now() < until, "it has {found} entries, {size} are expected");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn hear_until(&mut self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE * 2).expect("the validator says something in time");
            self.note(&line);
            if line.starts_with(start) {
                return line;
            }
        }
    }

    fn note(&mut self, line: &str) {
        if let Some(acked) = line.strip_prefix("acked ") {
            let (index, id) = acked.split_once(' ').unwrap();
            self.acked.push((index.parse().unwrap(), id.parse().unwrap()));
        } else if let Some(reason) = line.strip_prefix("failed ") {
            self.failed.push(reason.to_owned());
        }
    }

    /// SIGKILL, to the node alone: its CometBFT must notice and end by itself.
    pub(crate) fn kill(mut self) -> Vec<Acked> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(5)) {
            self.note(&line);
        }
        self.acked
    }

    /// Waits until it has ended in its own way.
    pub(crate) fn wait(mut self) -> Vec<Acked> {
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "it has not ended");
            thread::sleep(Duration::from_millis(20));
        }
        self.acked
    }

    /// Lets it end by itself.
    pub(crate) fn stop(mut self) -> Vec<Acked> {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.acked
    }
}
