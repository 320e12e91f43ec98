//! Queries, before there is a contract.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Reason;
use super::runs::RunResult;

/// `POST /v1/queries/dry-run`: what a query's result would look like. No row of data was read for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DryRun {
    /// Always true: every number in the result is made up.
    pub synthetic: bool,
    /// What the result is made of, for people.
    pub note: String,
    /// How many rows were made up for each dataset.
    pub rows: BTreeMap<String, u64>,
    /// The result: columns, types and units are those that the query would have, floors withhold as they would.
    pub result: RunResult,
    /// Which terms the query breaks; empty when every dataset's terms permit it.
    pub refusals: Vec<Reason>,
}
