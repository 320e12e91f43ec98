//! A validator's next keys: made ahead, named by the member's renewed card, put in place once they vote.
//!
//! A block that changes who votes takes effect two blocks later (CometBFT's specification, ABCI 2.0, validator updates):
//! until then the old key votes, and where all are needed no block comes without it. So the next key waits in a file of
//! its own. CometBFT is started anew with it when CometBFT itself says that this key votes on the block under way. A
//! process that is killed at any moment finds both files and goes on from there.
//!
//! Where the old key is lost there is nothing to wait with: CometBFT starts with the next key at once, follows without a
//! vote, and has one when the card names the key.

use std::fs::{self, File};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{Did, SigningKey};
use ledger::Validator;
use serde_json::{Value, json};

use crate::app::{SharedLedger, lock};
use crate::error::OrderingError;
use crate::home::{Home, KEY, NEXT_KEY, NODE_KEY, key_file, write_new};
use crate::process::Restart;
use crate::rpc;

/// How often it is looked whether the next key votes.
const TICK: Duration = Duration::from_millis(250);
/// How long CometBFT may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// Validators in one answer; more come on another page.
const PAGE: usize = 100;

impl Home {
    /// Makes the validator's next key unless one waits, and says what the member's renewed card needs. One that waits and
    /// that another member's card names (`is_taken`) is thrown away: whoever saw it on its way can have named it first. The
    /// key by which CometBFT processes know each other stays, and is made anew only where it is lost.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn next(
        &self,
        address: &str,
        is_taken: impl FnOnce(&Did) -> bool,
    ) -> Result<Validator, OrderingError> {
        let make = || SigningKey::generate().map_err(|error| OrderingError::KeyNotMade(error.to_string()));
        if !self.config(NODE_KEY).exists() {
            write_new(&self.config(NODE_KEY), &key_file(&make()?, false))?;
        }
        if let Some(waiting) = self.next_key()?
            && is_taken(&did(waiting)?)
        {
            let path = self.config(NEXT_KEY);
            let removed = fs::remove_file(&path);
            removed.map_err(|source| OrderingError::File { what: "remove", path, source })?;
        }
        if !self.config(NEXT_KEY).exists() {
            write_new(&self.config(NEXT_KEY), &key_file(&make()?, true))?;
            self.sync()?;
        }
        let key = did(self.public_key(NEXT_KEY)?)?;
        Ok(Validator { key, node: self.node()?, address: address.to_owned() })
    }

    /// The key by which other processes know this one.
    ///
    /// # Errors
    /// When there is none, or it is malformed.
    pub fn node(&self) -> Result<Did, OrderingError> {
        did(self.public_key(NODE_KEY)?)
    }

    /// The next key, if one waits.
    pub(crate) fn next_key(&self) -> Result<Option<[u8; 32]>, OrderingError> {
        if self.config(NEXT_KEY).exists() { self.public_key(NEXT_KEY).map(Some) } else { Ok(None) }
    }

    /// Before CometBFT is started: in the place of a lost key, the next one. It waits beside it until it votes.
    pub(crate) fn stand_in(&self) -> Result<(), OrderingError> {
        let (key, next) = (self.config(KEY), self.config(NEXT_KEY));
        if key.exists() || !next.exists() {
            return Ok(());
        }
        let draft = key.with_extension("new");
        let copied = fs::copy(&next, &draft).and_then(|_| fs::rename(&draft, &key));
        copied.map_err(|source| OrderingError::File { what: "write", path: key, source })
    }

    /// The next key takes the old one's place; whether that is another key.
    fn promote(&self) -> Result<bool, OrderingError> {
        let (key, next) = (self.config(KEY), self.config(NEXT_KEY));
        let differs = self.public_key(KEY).ok() != Some(self.public_key(NEXT_KEY)?);
        let renamed = fs::rename(next, &key);
        renamed.map_err(|source| OrderingError::File { what: "write", path: key, source })?;
        self.sync()?;
        Ok(differs)
    }

    fn sync(&self) -> Result<(), OrderingError> {
        let path = self.config("");
        let synced = File::open(&path).and_then(|directory| directory.sync_all());
        synced.map_err(|source| OrderingError::File { what: "write", path, source })
    }
}

/// Looks after the member's next key, until told to stop.
pub(crate) fn watch(
    home: Home,
    member: Did,
    ledger: SharedLedger,
    restart: Arc<Restart>,
    stopping: Arc<AtomicBool>,
) {
    thread::spawn(move || {
        while !stopping.load(Ordering::SeqCst) {
            match promote_when_due(&home, &member, &ledger) {
                Ok(true) => {
                    tracing::info!("the validator's next key votes: cometbft is started anew with it");
                    restart.set(Instant::now());
                }
                Ok(false) => {}
                // CometBFT is being started; it is asked again.
                Err(OrderingError::NotThere(_) | OrderingError::Rpc(_) | OrderingError::NotTaken(_)) => {}
                Err(error) => tracing::error!(%error, "the validator's next key is not put in place"),
            }
            thread::sleep(TICK);
        }
    });
}

/// Only where this member's own card names the key: another's could, since the key is public before the card is recorded, and
/// the present key, which still votes, would be lost.
fn promote_when_due(home: &Home, member: &Did, ledger: &SharedLedger) -> Result<bool, OrderingError> {
    let Some(next) = home.next_key()? else { return Ok(false) };
    let named = did(next)?;
    let is_named = lock(ledger).state().roster().validators().get(&named) == Some(member);
    if is_named && votes(home, &next)? { home.promote() } else { Ok(false) }
}

/// Whether a key votes on the block under way.
fn votes(home: &Home, key: &[u8; 32]) -> Result<bool, OrderingError> {
    let key = STANDARD.encode(key);
    let mut page = 1;
    loop {
        let asked = json!({ "page": page.to_string(), "per_page": PAGE.to_string() });
        let answer = rpc::ask(&home.rpc(), "validators", &asked, ANSWER)?;
        let found = answer.get("validators").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_key = |validator: &Value| {
            validator.pointer("/pub_key/value").and_then(Value::as_str) == Some(key.as_str())
        };
        if found.iter().any(is_key) {
            return Ok(true);
        }
        if found.len() < PAGE {
            return Ok(false);
        }
        page += 1;
    }
}

fn did(key: [u8; 32]) -> Result<Did, OrderingError> {
    Did::from_public_key(key).map_err(|error| OrderingError::KeyNotMade(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_next_key_waits_and_takes_the_old_ones_place() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path());
        let first = home.create("127.0.0.1:1").unwrap();
        let next = home.next("127.0.0.1:1", |_| false).unwrap();
        assert_eq!(next.node, first.node);
        assert_ne!(next.key, first.key);
        assert_eq!(home.next("127.0.0.1:1", |_| false).unwrap(), next, "one waits already");
        let other = home.next("127.0.0.1:1", |key| *key == next.key).unwrap();
        assert_ne!(other.key, next.key, "another member has named the one that waited");
        let next = other;
        home.stand_in().unwrap();
        assert_eq!(home.public_key(KEY).unwrap(), *first.key.public_key(), "the old one is there");
        let mode = fs::metadata(home.config(NEXT_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(home.promote().unwrap());
        assert_eq!(home.public_key(KEY).unwrap(), *next.key.public_key());
        assert_eq!(home.next_key().unwrap(), None);
    }

    #[test]
    fn the_next_key_stands_in_for_a_lost_one() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path());
        let first = home.create("127.0.0.1:1").unwrap();
        fs::remove_file(home.config(KEY)).unwrap();
        fs::remove_file(home.config(NODE_KEY)).unwrap();
        home.stand_in().unwrap();
        assert!(!home.config(KEY).exists(), "there is none to stand in");
        let next = home.next("127.0.0.1:1", |_| false).unwrap();
        assert_ne!((next.key, next.node), (first.key, first.node));
        home.stand_in().unwrap();
        assert_eq!(home.public_key(KEY).unwrap(), *next.key.public_key());
        let mode = fs::metadata(home.config(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!home.promote().unwrap(), "it is the same key");
    }
}
