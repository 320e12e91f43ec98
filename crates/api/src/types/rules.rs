//! Versions of the rules by which the ledger is computed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/rules`: which version holds, and whose nodes have which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rules {
    /// The version for the next entry.
    pub holds: u32,
    /// The first entry under it.
    pub since: u64,
    /// The newest version that this node's build has.
    pub known: u32,
    /// What members have adopted and what does not hold yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RulesFrom>,
    /// Why this node records nothing further, if its build lacks the rules of the next entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Members that vote, and what their nodes say.
    pub members: Vec<MemberRules>,
}

/// A version that holds from an entry on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulesFrom {
    /// Which.
    pub version: u32,
    /// The first entry under it.
    pub from: u64,
}

/// What one member's node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberRules {
    /// The member's name.
    pub member: String,
    /// The newest version that its build has; absent when it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<u32>,
}
