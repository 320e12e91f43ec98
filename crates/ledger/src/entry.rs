//! The entries of the log: what was accepted, when, and what it changed.

use contract::{
    Hash,
    canonical::{self, CanonicalError},
};
use serde::{Deserialize, Serialize};

use crate::{Alliance, SignedTransaction};

/// Most bytes of an entry in canonical form.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// One entry of the log. Its canonical bytes are a leaf of the Merkle tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Counts from 0.
    pub index: u64,
    /// When the operator accepted it, seconds since 1970; never goes back.
    pub time: u64,
    /// What was accepted.
    pub content: Content,
    /// Hash of the events that it caused and of the records that it touched, as they are afterwards. A node that
    /// replays the content and finds other effects has another leaf, so another root, and doesn't cosign.
    pub effects: Hash,
}

/// What an entry holds. Written as `{"transaction": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Content {
    /// Entry 0: the founding document.
    Alliance(Box<Alliance>),
    /// Every other entry.
    Transaction(Box<SignedTransaction>),
}

impl Entry {
    /// Entry 0.
    ///
    /// # Errors
    /// When the founding document has no canonical form.
    pub fn founding(alliance: &Alliance) -> Result<Self, CanonicalError> {
        let effects = canonical::hash("founding-effects", &alliance.points)?;
        let content = Content::Alliance(Box::new(alliance.clone()));
        Ok(Self { index: 0, time: alliance.founded, content, effects })
    }

    /// Reads an entry from its canonical bytes.
    ///
    /// # Errors
    /// When it is longer than [`ENTRY_BYTES_MAX`] or not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::from_bytes(bytes, ENTRY_BYTES_MAX)
    }

    /// The canonical bytes: the leaf of the Merkle tree.
    ///
    /// # Errors
    /// When it holds a number too large for canonical JSON, or is longer than [`ENTRY_BYTES_MAX`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        let bytes = canonical::to_bytes(self)?;
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(CanonicalError::TooLarge { limit: ENTRY_BYTES_MAX, found: bytes.len() });
        }
        Ok(bytes)
    }

    /// The transaction; none in entry 0.
    pub fn transaction(&self) -> Option<&SignedTransaction> {
        match &self.content {
            Content::Alliance(_) => None,
            Content::Transaction(signed) => Some(signed),
        }
    }
}
