//! What a member says of itself on the ledger.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What `POST /v1/member/key` came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotatedKey {
    /// The member's identity, which stays.
    pub member: String,
    /// The key that signs for it from the next entry on, as `did:key`.
    pub key: String,
    /// Index of the ledger entry; covered by a checkpoint that a quorum cosigned.
    pub entry: u64,
}

/// `POST /v1/succession/signature`: sign that another member orders the ledger from where it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignSuccession {
    /// Name of the next operator.
    pub operator: String,
}

/// A member's signature under a succession, to be handed to the next operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuccessionSignature {
    /// The alliance.
    pub alliance: String,
    /// Entries of the ledger as it ends for this member.
    pub size: u64,
    /// Merkle root over them.
    pub root: String,
    /// The next operator, as `did:key`.
    pub operator: String,
    /// Who signs, as `did:key`.
    pub member: String,
    /// Its signature.
    pub signature: String,
}

/// `POST /v1/succession`: take the ledger over from an operator that cannot hand it over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeOver {
    /// Of the other members; this one signs itself.
    pub signatures: Vec<SuccessionSignature>,
}

/// `POST /v1/member/card`: renews the card by which others know the member and its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RenewCard {
    /// With a new certificate and key between nodes.
    pub certificate: bool,
    /// With a new key for votes on blocks, where all members order the ledger.
    pub validator: bool,
    /// Where the member is now; stays as it was when absent.
    pub place: Option<Place>,
}

/// Under which law a member acts, and who runs its node where, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// For example `DE` or `US-CA`.
    pub jurisdiction: String,
    /// Who runs the node.
    pub operator: String,
    /// On whose machines.
    pub hosting: String,
    /// Where those are.
    pub region: String,
}
