//! The node, the alliance and the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/status`: who this node is and how far it has followed the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The member that runs the node, as `did:key`.
    pub member: String,
    /// Its name in the alliance.
    pub name: String,
    /// `member` or `regulator`.
    pub standing: String,
    /// The alliance's name.
    pub alliance: String,
    /// Hash of its founding document.
    pub alliance_id: String,
    /// Name of the member whose node orders the ledger; absent when all members' nodes order it together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Entries that this node has replayed.
    pub entries: u64,
    /// Entries under a checkpoint that a quorum cosigned.
    pub final_entries: u64,
    /// Merkle root over the entries replayed.
    pub root: String,
    /// Version of the rules for the next entry.
    pub rules: u32,
    /// The first entry under it.
    pub rules_since: u64,
    /// Why this node records nothing further, if its build lacks the rules of the next entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The alliance's members.
    pub members: Vec<MemberView>,
}

/// One member of the alliance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// `did:key`.
    pub member: String,
    /// Name in the alliance.
    pub name: String,
    /// `member` or `regulator`.
    pub standing: String,
    /// Where its node answers other nodes.
    pub peer: String,
    /// Where its node answers its persons.
    pub api: String,
}

/// `GET /v1/points`: who has how many points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Points {
    /// Balances by member name.
    pub balances: BTreeMap<String, u64>,
    /// Points held for runs under way.
    pub escrow: u64,
}

/// What putting something on the ledger answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// Index of the ledger entry; covered by a checkpoint that a quorum cosigned.
    pub entry: u64,
}

/// `GET /v1/ledger/entries`: one entry, as it is hashed into the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    /// Position in the log.
    pub index: u64,
    /// The entry.
    #[schema(value_type = Object)]
    pub entry: serde_json::Value,
}

/// `GET /v1/ledger/find`: entries by what they are about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// The oldest first.
    pub items: Vec<FoundEntry>,
    /// The cursor of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The checkpoint to which the audit paths lead, when they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointView>,
}

/// One entry that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FoundEntry {
    /// Position in the log.
    pub index: u64,
    /// Its time, seconds since 1970.
    pub time: u64,
    /// Name of the member that acted; empty for the founding document.
    pub by: String,
    /// The person for whom it acted, as `did:key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The entry, as it is hashed into the log.
    #[schema(value_type = Object)]
    pub entry: serde_json::Value,
    /// Hashes from its sibling up to the checkpoint's root (RFC 6962 §2.1.1), when they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<String>>,
}

/// `GET /v1/ledger/checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckpointView {
    /// Entries covered.
    pub size: u64,
    /// The signed note (C2SP tlog-checkpoint) with its cosignatures.
    pub note: String,
}

/// One line of `GET /v1/events` (server-sent events; `data:` is this as JSON, `id:` the entry's index).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Ledger entry that caused it.
    pub entry: u64,
    /// The ledger's time of that entry, seconds since 1970.
    pub time: u64,
    /// What happened, for programs: `run-requested`, `contract-activated` …
    pub kind: String,
    /// What it happened to.
    #[schema(value_type = Object)]
    pub subject: serde_json::Value,
}
