//! Acts of the alliance: votes, access, points, disputes and the catalog beside datasets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/acts`: something that the member does on the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Act {
    /// As the ledger writes it: `{"vote": {"proposal": …, "approve": true}}`.
    #[schema(value_type = Object)]
    pub action: serde_json::Value,
}

/// What an act came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acted {
    /// Index of the ledger entry; covered by a checkpoint that a quorum cosigned.
    pub entry: u64,
    /// Names what the act made: a proposal, a request, a dispute, a claim, a narrower token.
    pub id: String,
    /// What it caused, in order.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<serde_json::Value>,
}

/// `GET /v1/records/{kind}`: one record of the ledger's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordView {
    /// Its name.
    pub id: String,
    /// As the ledger keeps it.
    #[schema(value_type = Object)]
    pub record: serde_json::Value,
}

/// `GET /v1/transactions/next`: what the caller's next own transaction must say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextTransaction {
    /// The alliance.
    pub alliance: String,
    /// The member for which the caller acts, as `did:key`.
    pub member: String,
    /// The caller, as `did:key`.
    pub person: String,
    /// The caller's next sequence number; persons and their member count apart.
    pub sequence: u64,
}

/// `POST /v1/transactions`: an act that a person signed with the key that its member delegated on the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedAct {
    /// As the ledger writes it: `{"transaction": {…, "person": …, "signer": …, "action": …}, "signature": …}`, where
    /// person and signer are the caller.
    #[schema(value_type = Object)]
    pub transaction: serde_json::Value,
}

/// A record of kind `readings`: a member lets a regulator read what the member may read itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    /// Name of the member.
    pub member: String,
    /// Name of the regulator.
    pub regulator: String,
}
