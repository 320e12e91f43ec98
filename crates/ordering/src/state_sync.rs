//! When a new node takes over the log as a whole, by CometBFT's state sync, and how it begins anew when it was killed
//! meanwhile.
//!
//! CometBFT records what it took over in several writes, and after a kill between two of them it does not start again. So
//! the ledger takes nothing for its own before the first block after the snapshot is on CometBFT's disk (see
//! [`crate::snapshot`]). Until then a mark lies in CometBFT's directory; whoever starts with the mark and an empty
//! ledger throws away what CometBFT has, but for the record of what its key has signed, and begins anew. Nothing is lost
//! with it: what a validator signs before that block is about blocks that the others have decided on.
//!
//! When nothing comes for a minute, blocks are taken one by one instead.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::{App, SharedLedger, lock};
use crate::error::OrderingError;
use crate::first_block;
use crate::home::{self, Home, Trust};
use crate::process::Restart;
use crate::relay;

/// Asks another member's node a question of a light client, as JSON-RPC for [`relay::forward`]; the number says with whom
/// of them to begin, so that CometBFT, which wants two servers, hears two members where there are two.
pub type Headers = Arc<dyn Fn(usize, &[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// From so many blocks on it is worth it: fewer are taken faster one by one, since CometBFT looks for snapshots for five
/// seconds.
const BLOCKS_MIN: u64 = 100;
/// Servers that CometBFT wants.
const SERVERS: usize = 2;
/// How long nothing may come before blocks are taken one by one.
const STALLED: Duration = Duration::from_secs(60);
/// How often that is looked at.
const TICK: Duration = Duration::from_millis(200);
/// How much longer than the alliance is old its first block is trusted.
const TRUSTED_FOR: Duration = Duration::from_secs(14 * 86_400);

/// What decides how a node without blocks gets them.
pub(crate) struct StateSync {
    home: Home,
    ledger: SharedLedger,
    trust: Trust,
    given_up: AtomicBool,
}

impl StateSync {
    /// Decides it when the node starts: by state sync if no block was taken yet, another member's node shows a first block
    /// that the founders' validators vouch for, and many blocks follow it.
    pub(crate) fn begin(
        home: &Home,
        ledger: &SharedLedger,
        now: u64,
        headers: &Headers,
    ) -> Result<Option<Arc<Self>>, OrderingError> {
        if lock(ledger).height()? > 0 {
            home.unmark()?;
            return Ok(None);
        }
        if !home.is_marked() && home.has_state() {
            // Blocks are being taken one by one.
            return Ok(None);
        }
        let founding = lock(ledger).state().alliance().clone();
        let trust = match recognise(&founding, headers) {
            Ok(Some(hash)) => hash,
            Ok(None) => return home.clear_if_marked().map(|()| None),
            Err(error) => {
                tracing::warn!(%error, "blocks are taken one by one");
                return home.clear_if_marked().map(|()| None);
            }
        };
        let servers = (0..SERVERS).map(|turn| {
            let headers = Arc::clone(headers);
            relay::serve(move |question| with_own_parameters(question, headers(turn, question)?))
        });
        let age = Duration::from_secs(now.saturating_sub(founding.founded));
        let trust = Trust {
            servers: servers.collect::<Result<_, _>>()?,
            height: first_block::HEIGHT,
            hash: trust,
            period: age + TRUSTED_FOR,
        };
        home.mark()?;
        home.clear()?;
        tracing::info!(hash = trust.hash, "the log is taken over as a whole; its first block is vouched for");
        let given_up = AtomicBool::new(false);
        Ok(Some(Arc::new(Self { home: home.clone(), ledger: Arc::clone(ledger), trust, given_up })))
    }

    /// How CometBFT is to be started now. It has ended before.
    pub(crate) fn next_start(&self) -> Result<Option<&Trust>, OrderingError> {
        if lock(&self.ledger).height()? > 0 {
            return Ok(None);
        }
        self.home.clear_if_marked()?;
        if self.given_up.load(Ordering::SeqCst) {
            self.home.unmark()?;
            return Ok(None);
        }
        Ok(Some(&self.trust))
    }

    /// Looks after it until the log is there.
    pub(crate) fn watch(self: &Arc<Self>, app: Arc<App>, restart: Arc<Restart>, stopping: Arc<AtomicBool>) {
        let this = Arc::clone(self);
        thread::spawn(move || {
            let began = Instant::now();
            while !stopping.load(Ordering::SeqCst) {
                if matches!(lock(&this.ledger).height(), Ok(1..)) {
                    if let Err(error) = this.home.unmark() {
                        tracing::error!(%error, "the mark of an unfinished state sync stays");
                    }
                    return;
                }
                let last = app.last_chunk().map_or(began, |at| at.max(began));
                if last.elapsed() > STALLED {
                    tracing::warn!(
                        "no member's node hands over the log as a whole: blocks are taken one by one"
                    );
                    this.given_up.store(true, Ordering::SeqCst);
                    restart.set(Instant::now());
                    return;
                }
                thread::sleep(TICK);
            }
        });
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }
}

/// The hash of the first block, where enough blocks follow it.
fn recognise(founding: &ledger::Alliance, headers: &Headers) -> Result<Option<String>, OrderingError> {
    let ask = |params: Value| {
        let question = json!({ "jsonrpc": "2.0", "id": 0, "method": "commit", "params": params });
        headers(0, question.to_string().as_bytes())
    };
    let last = ask(json!({})).and_then(|answer| first_block::height_in(&answer));
    if last.is_none_or(|last| last < BLOCKS_MIN) {
        return Ok(None);
    }
    let first = ask(json!({ "height": first_block::HEIGHT.to_string() }));
    first.map(|answer| first_block::vouched_for(founding, &answer)).transpose()
}

/// The answer, in which another member's word for the consensus parameters is replaced by those of the genesis: a header
/// vouches for the size of blocks alone, and none of the parameters ever changes. Written anew: Go reads `Result` as
/// `result`, and the last one counts.
fn with_own_parameters(question: &[u8], answer: Vec<u8>) -> Option<Vec<u8>> {
    let asked: Value = serde_json::from_slice(question).ok()?;
    if asked.get("method")?.as_str()? != "consensus_params" {
        return Some(answer);
    }
    let answer: Value = serde_json::from_slice(&answer).ok()?;
    let height = answer.pointer("/result/block_height")?.as_str()?;
    let result = json!({ "block_height": height, "consensus_params": home::consensus_params() });
    let answer = json!({ "jsonrpc": "2.0", "id": asked.get("id"), "result": result });
    Some(answer.to_string().into_bytes())
}

/// What CometBFT has, and the mark that it is unfinished.
impl Home {
    fn mark_path(&self) -> std::path::PathBuf {
        self.path().join("state-sync-unfinished")
    }

    /// A ledger with blocks needs a CometBFT that has them, too: it does not start otherwise.
    pub(crate) fn check_whole(&self, height: u64) -> Result<(), OrderingError> {
        if height == 0 || self.has_state() {
            return Ok(());
        }
        Err(OrderingError::StateLost { path: self.data(), height })
    }

    fn is_marked(&self) -> bool {
        self.mark_path().exists()
    }

    fn has_state(&self) -> bool {
        self.data().join("state.db").exists()
    }

    fn mark(&self) -> Result<(), OrderingError> {
        let path = self.mark_path();
        let written = File::create(&path).and_then(|file| file.sync_all());
        let synced = written.and_then(|()| File::open(self.path())?.sync_all());
        synced.map_err(|source| OrderingError::File { what: "write", path, source })
    }

    fn unmark(&self) -> Result<(), OrderingError> {
        let path = self.mark_path();
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(OrderingError::File { what: "remove", path, source })
            }
            _ => Ok(()),
        }
    }

    fn clear_if_marked(&self) -> Result<(), OrderingError> {
        if self.is_marked() { self.clear() } else { Ok(()) }
    }

    /// Throws away blocks and state. What the validator's key has signed stays on record.
    fn clear(&self) -> Result<(), OrderingError> {
        let path = self.data();
        let removed = fs::read_dir(&path).and_then(|entries| {
            for entry in entries {
                let entry = entry?;
                if entry.path() == self.state() {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            File::open(&path)?.sync_all()
        });
        removed.map_err(|source| OrderingError::File { what: "empty", path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mempool::tests::app;

    #[test]
    fn what_is_thrown_away_is_not_what_the_key_has_signed() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path());
        home.create("127.0.0.1:1").unwrap();
        let data = directory.path().join("data");
        fs::create_dir(data.join("state.db")).unwrap();
        fs::write(data.join("state.db").join("000001.log"), b"x").unwrap();
        fs::write(data.join("lock"), b"x").unwrap();
        home.clear_if_marked().unwrap();
        assert!(home.has_state(), "it is not marked");
        home.mark().unwrap();
        home.clear_if_marked().unwrap();
        let left: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["priv_validator_state.json"]);
        home.unmark().unwrap();
        home.unmark().unwrap();
        assert!(!home.is_marked());
    }

    #[test]
    fn a_ledger_with_blocks_does_not_start_without_those_of_cometbft() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path());
        home.create("127.0.0.1:1").unwrap();
        home.check_whole(0).unwrap();
        assert!(matches!(home.check_whole(5), Err(OrderingError::StateLost { height: 5, .. })));
        fs::create_dir(directory.path().join("data").join("state.db")).unwrap();
        home.check_whole(5).unwrap();
    }

    #[test]
    fn one_members_word_for_the_parameters_does_not_count() {
        let question = br#"{"jsonrpc":"2.0","id":3,"method":"consensus_params","params":{"height":"5"}}"#;
        let foreign = r#"{"jsonrpc":"2.0","id":3,
            "result":{"block_height":"5","consensus_params":{"abci":{"vote_extensions_enable_height":"7"}}},
            "Result":{"block_height":"6","Consensus_Params":{"abci":{"vote_extensions_enable_height":"8"}}}}"#;
        let answer = with_own_parameters(question, foreign.as_bytes().to_vec()).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let result = json!({ "block_height": "5", "consensus_params": home::consensus_params() });
        assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": 3, "result": result }));
        // What has no height is no answer, and other answers are vouched for by votes.
        assert_eq!(with_own_parameters(question, b"{}".to_vec()), None);
        let commit = br#"{"id":1,"method":"commit"}"#;
        assert_eq!(with_own_parameters(commit, b"as it is".to_vec()).unwrap(), b"as it is");
    }

    #[test]
    fn without_a_vouched_first_block_or_many_after_it_blocks_are_taken_one_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Arc::clone(&app(directory.path()).ledger);
        let home = Home::new(&directory.path().join("bft"));
        home.create("127.0.0.1:1").unwrap();
        let begun = |answer: &'static str| {
            let headers: Headers = Arc::new(move |_, _| Some(answer.as_bytes().to_vec()));
            StateSync::begin(&home, &ledger, 0, &headers).unwrap().is_some()
        };
        let answer = |height| match height {
            99 => r#"{"result":{"signed_header":{"commit":{"height":"99"}}}}"#,
            _ => r#"{"result":{"signed_header":{"commit":{"height":"1000"}}}}"#,
        };
        assert!(!begun(answer(99)));
        assert!(!begun(answer(1000)), "nobody has signed it");
        assert!(!begun("nonsense"));
        assert!(!home.is_marked());
    }
}
