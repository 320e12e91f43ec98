//! Disputes: what is challenged, who decides, and how.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Did, Hash};
use serde::{Deserialize, Serialize};

/// What a challenge is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A run that has ended.
    Run(Hash),
    /// A token.
    Token(Hash),
    /// A claim to own a dataset.
    Claim(Hash),
}

/// A challenge and its decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dispute {
    /// About what.
    pub subject: Subject,
    /// Who challenges.
    pub by: Did,
    /// The member at fault, if one is named.
    pub accused: Option<Did>,
    /// Why.
    pub reason: String,
    /// Hashes of documents that the parties hold.
    pub evidence: Vec<Hash>,
    /// The entry that brought it.
    pub opened: u64,
    /// Arbiters decide before this time, seconds since 1970.
    pub closes: u64,
    /// Points held until the decision.
    pub deposit: u64,
    /// Who decides; empty until they are drawn, where not all do.
    pub arbiters: BTreeSet<Did>,
    /// Who has decided, and whether for the challenger.
    pub votes: BTreeMap<Did, bool>,
    /// The decision, and the entry.
    pub ruling: Option<(u64, Ruling)>,
}

/// How a dispute was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// The challenger is right.
    Upheld,
    /// The challenger is wrong.
    Dismissed,
    /// Nobody decided in time: what stood before stands, and another may challenge it.
    Lapsed,
}
