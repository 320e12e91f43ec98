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
