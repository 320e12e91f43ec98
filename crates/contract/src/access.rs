//! Access to a dataset by token: who gets one and how, what it allows, and when it stands.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Did, Hash, terms::Use};

/// How the owner lets others at a dataset that needs a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Members that get a token for the asking.
    #[serde(default)]
    pub permitted: BTreeSet<Did>,
    /// What a token costs the others, in points.
    #[serde(default)]
    pub price: u64,
    /// Whether the owner looks at each request of the others. Without a review a request that is paid is granted.
    pub review: bool,
}

/// What a token allows, within the dataset's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// What may be done with which column; at least one.
    pub columns: BTreeMap<String, BTreeSet<Use>>,
    /// Seconds since 1970; no run starts at or after it.
    pub expires: u64,
}

impl Rights {
    /// Whether nothing is allowed here that is not allowed there.
    pub fn are_within(&self, wider: &Self) -> bool {
        self.expires <= wider.expires && covers(&wider.columns, &self.columns)
    }
}

/// Whether every use of every column is among the allowed ones.
pub fn covers(allowed: &BTreeMap<String, BTreeSet<Use>>, wanted: &BTreeMap<String, BTreeSet<Use>>) -> bool {
    let is_covered = |(column, uses): (&String, &BTreeSet<Use>)| {
        allowed.get(column).is_some_and(|allowed| uses.is_subset(allowed))
    };
    wanted.iter().all(is_covered)
}

/// A token that a contract uses, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The token's name.
    pub token: Hash,
    /// For which dataset version, by reference.
    pub dataset: String,
    /// Who may use it.
    pub holder: Did,
    /// What it allows.
    pub rights: Rights,
    /// It, or one that it was attenuated from, was revoked.
    pub revoked: bool,
}
