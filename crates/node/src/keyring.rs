//! The keys that this node signs with. Which of them counts is the roster's to say.
//!
//! A new key is written beside the old one before anything is said about it, and takes the old one's place once this
//! node's own replica shows the entry that made it the member's: at whatever moment the process ends, the key that
//! counts is on disk, and the node that starts again picks the right one.

use std::fs;
use std::sync::{PoisonError, RwLock};

use contract::{Did, SigningKey};
use ledger::Roster;
use ledger::roster::Tenure;

use crate::home::{Home, HomeError};

/// The member's keys that this node holds.
pub(crate) struct Keyring {
    member: Did,
    home: Home,
    held: RwLock<Held>,
}

#[derive(Default)]
struct Held {
    /// The key in its place, then a prepared one.
    keys: Vec<SigningKey>,
    /// The member's keys, as the roster has them.
    tenures: Vec<Tenure>,
}

impl Keyring {
    /// Reads the keys of a node's directory: one at least.
    pub(crate) fn open(home: Home) -> Result<Self, HomeError> {
        let mut keys = Vec::new();
        if home.member_key().exists() || !home.next_member_key().exists() {
            keys.push(home.read_member_key()?);
        }
        if home.next_member_key().exists() {
            keys.push(home.read_next_member_key()?);
        }
        let held = Held { keys, tenures: Vec::new() };
        Ok(Self { member: home.identity()?, home, held: RwLock::new(held) })
    }

    /// The member's identity, which stays when its key changes.
    pub(crate) fn member(&self) -> Did {
        self.member
    }

    /// Follows the roster: to be called with every change of it.
    pub(crate) fn learn(&self, roster: &Roster) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.tenures = roster.seat(&self.member).map_or_else(Vec::new, |seat| seat.keys.clone());
        let Some(present) = held.tenures.last().map(|tenure| tenure.key) else { return };
        if !self.home.next_member_key().exists() || held.keys.last().map(SigningKey::did) != Some(present) {
            return;
        }
        match fs::rename(self.home.next_member_key(), self.home.member_key()) {
            Ok(()) => held.keys.retain(|key| key.did() == present),
            // Both files are still there, and the node goes on with the right one.
            Err(error) => tracing::error!(%error, "the new key could not take the old one's place on disk"),
        }
    }

    /// The key that signs for the member now.
    pub(crate) fn present(&self) -> Option<SigningKey> {
        let held = self.held();
        match held.tenures.last() {
            Some(tenure) => held.key(&tenure.key),
            // Not admitted yet: the identity names the key.
            None => held.key(&self.member),
        }
    }

    /// The key that signs for the member when the log has `size` entries.
    pub(crate) fn at(&self, size: u64) -> Option<SigningKey> {
        let held = self.held();
        let tenure = held.tenures.iter().rev().find(|tenure| tenure.from < size)?;
        held.key(&tenure.key)
    }

    /// That key, if this node holds it, whether it counts already or not.
    pub(crate) fn holding(&self, key: &Did) -> Option<SigningKey> {
        self.held().key(key)
    }

    /// All keys that are or were the member's: what it signed for its own house with any of them holds.
    pub(crate) fn known(&self) -> Vec<Did> {
        let held = self.held();
        std::iter::once(self.member).chain(held.tenures.iter().map(|tenure| tenure.key)).collect()
    }

    /// The key that is to follow the present one; made and written, unless that was done before.
    pub(crate) fn prepare(&self) -> Result<SigningKey, HomeError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if self.home.next_member_key().exists()
            && let Some(prepared) = held.keys.last()
        {
            return Ok(prepared.clone());
        }
        let key = self.home.make_next_member_key()?;
        held.keys.push(key.clone());
        Ok(key)
    }

    fn held(&self) -> std::sync::RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn key(&self, did: &Did) -> Option<SigningKey> {
        self.keys.iter().find(|key| key.did() == *did).cloned()
    }
}
