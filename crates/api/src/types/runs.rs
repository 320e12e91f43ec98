//! Starting, watching and reading runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Reason;

/// `POST /v1/runs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    /// Id of an active contract.
    pub contract: String,
    /// Why the data is used this time; must be the contract's purpose. The contract's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// A run as the ledger tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// Its contract.
    pub contract: String,
    /// Who asked for it, by name.
    pub requester: String,
    /// `requested`, `permitted`, `running`, `completed`, `refused`, `failed` or `disputed`.
    pub state: String,
    /// Names of the participants whose gatekeepers permitted it.
    pub permitted_by: Vec<String>,
    /// Who refused it, and every reason.
    pub refused_by: BTreeMap<String, Vec<Reason>>,
    /// Providers whose input commitments are recorded.
    pub committed_by: Vec<String>,
    /// Compute parties whose receipts are recorded.
    pub receipts_by: Vec<String>,
    /// Why it failed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// Participants that signed that nothing was opened.
    pub nothing_opened_by: Vec<String>,
    /// Whether its use was given back to the contract.
    pub use_returned: bool,
    /// Points moved on completion, by member name.
    pub settlement: BTreeMap<String, u64>,
    /// Seconds since 1970 at which it was requested.
    pub requested: u64,
    /// Progress of this node's own part, when it computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressView>,
}

impl RunView {
    /// Whether nothing more will happen to the run's outcome.
    pub fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "completed" | "refused" | "failed" | "disputed")
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// Who reported it, by name.
    pub reported_by: String,
    /// One sentence for people.
    pub reason: String,
    /// The party at fault, by name, if the reporter could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blamed: Option<String>,
}

/// How far a compute party has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgressView {
    /// Instructions done.
    pub done: u32,
    /// Instructions in all.
    pub of: u32,
}

/// `GET /v1/runs/{id}/result`: only the contract's receivers get one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunResult {
    /// Columns in order.
    pub columns: Vec<ResultColumn>,
    /// One row per group that was opened; cells are JSON numbers, strings (exact decimals and text), booleans or null.
    #[schema(value_type = Vec<Vec<Object>>)]
    pub rows: Vec<Vec<serde_json::Value>>,
    /// Keys of the groups that the floor suppressed: their values were never opened.
    pub suppressed: Vec<Vec<Option<String>>>,
    /// The floor.
    pub floor_rows: u64,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResultColumn {
    /// As named in the SELECT.
    pub name: String,
    /// `boolean`, `integer`, `decimal`, `real`, `text`, `date` or `timestamp`.
    pub kind: String,
    /// Unit of measure, if the source declares one.
    #[serde(default)]
    pub unit: String,
    /// How far its cells can be from exact ones; absent if they are exact, and of expressions over aggregates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBound>,
}

/// A cell is wrong by `relative` times its magnitude at most, and `absolute` besides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBound {
    /// A part of the cell's value.
    pub relative: f64,
    /// In the column's unit.
    pub absolute: f64,
}

/// `GET /v1/runs/{id}/commitments`: one commitment of a compute party to its shares of a value on the way to the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitmentView {
    /// The compute party, as `did:key`.
    pub party: String,
    /// Its name.
    pub name: String,
    /// The program's value, by number.
    pub value: u32,
    /// As its receipt on the ledger has it.
    pub commitment: String,
}

/// `POST /v1/runs/{id}/opening`: show this compute party's shares of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenCommitment {
    /// The program's value, by number.
    pub value: u32,
}

/// What opens a commitment, for whoever checks it. It shows shares: with those of enough other compute parties, the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenedShares {
    /// The run.
    pub run: String,
    /// The compute party, as `did:key`.
    pub party: String,
    /// The program's value, by number.
    pub value: u32,
    /// 32 random bytes, in hex.
    pub salt: String,
    /// The share message, in base64.
    pub shares: String,
}

/// `GET /v1/runs/{id}/egress`: everything that left this node for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Egress {
    /// One line per receiver and kind.
    pub lines: Vec<EgressLine>,
}

/// So many bytes, to whom, as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EgressLine {
    /// Receiving member's name.
    pub to: String,
    /// `input-shares`, `protocol-messages` or `output-shares`.
    pub kind: String,
    /// Payload bytes.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}
