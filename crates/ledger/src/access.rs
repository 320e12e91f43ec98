//! Requests for access and the tokens that come of them, as the ledger keeps them.

use contract::{Did, Hash, access::Rights};
use serde::{Deserialize, Serialize};

/// Somebody asks to use a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessRequest {
    /// Which version, by reference.
    pub dataset: String,
    /// Who owns it, and answers.
    pub owner: Did,
    /// Who asks.
    pub requester: Did,
    /// The person that asked, when one was named.
    pub person: Option<Did>,
    /// What is asked for.
    pub rights: Rights,
    /// For what.
    pub purpose: String,
    /// The entry that brought it.
    pub requested: u64,
    /// Points in escrow for it at first.
    pub price: u64,
    /// Unanswered by then, it lapses; seconds since 1970.
    pub answer_by: u64,
    /// What came of it, and the entry.
    pub answer: Option<(u64, Answer)>,
}

/// What came of a request for access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// A token was issued.
    Granted {
        /// Which.
        token: Hash,
        /// Who decided: the owner's person, where one did.
        by: Option<Did>,
    },
    /// The owner said no.
    Declined {
        /// Why.
        reason: String,
        /// The owner's person, where one decided.
        by: Option<Did>,
    },
    /// No answer in time, or the owner has left.
    Lapsed,
}

/// The right to use a dataset under one contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Which version, by reference.
    pub dataset: String,
    /// Who owns that.
    pub owner: Did,
    /// Who may use it.
    pub holder: Did,
    /// For what.
    pub rights: Rights,
    /// The request that it answers.
    pub request: Hash,
    /// The token that it was made from, which allowed no less.
    pub parent: Option<Hash>,
    /// The token that was made from it, and is used in its place.
    pub child: Option<Hash>,
    /// The entry that issued it.
    pub issued: u64,
    /// Time of that entry, seconds since 1970.
    pub issued_at: u64,
    /// The one contract that uses it.
    pub used_by: Option<Hash>,
    /// Who took it back and why.
    pub revoked: Option<Revoked>,
}

/// A token's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// The entry.
    pub index: u64,
    /// Who; the owner, the holder, or who won a dispute.
    pub by: Did,
    /// Why.
    pub reason: String,
}
