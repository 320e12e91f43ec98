//! Requests and answers, one file per room of the API.

pub mod acts;
pub mod contracts;
pub mod datasets;
pub mod ledger;
pub mod member;
pub mod problem;
pub mod queries;
pub mod rules;
pub mod runs;
mod secret;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use problem::Problem;
pub use secret::Secret;

/// One page of a list. Ask for the next with `?after=<next>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// At most `limit` items.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
