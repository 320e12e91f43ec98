//! What a drafter decides, as TOML.

use std::collections::{BTreeMap, BTreeSet};

use api::types::contracts::{DraftContract, DraftSettlement, TemplateUse};
use serde::Deserialize;

use super::{PrivacyLoss, Span};

/// A draft of a contract. Members are named, datasets are referred to as `north/salaries@1`, times are spans from now.
///
/// ```toml
/// title = "What professors earn"
/// purpose = "pay equity"
/// sql = "SELECT rank, COUNT(*) AS n, AVG(salary) AS mean FROM salaries GROUP BY rank"
/// compute_parties = ["north", "lake", "south"]
/// data_users = ["north"]
/// receivers = ["north"]
/// runs = 3
/// expires_in = "30d"
///
/// [tables]
/// salaries = ["north/salaries@1", "lake/salaries@1"]
///
/// [settlement]                 # parts of 10,000
/// payer = "north"
/// fee = 100
/// providers = 7000
/// compute_parties = 3000
/// charge = "per-run"           # or "fixed": once, with the first run
/// parts = "contract"           # or "alliance": as the members have voted when a run completes
/// split = "rows"               # or "even", "contribution", { weights = { north = 2, lake = 1 } }
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftFile {
    pub(crate) title: String,
    pub(crate) purpose: String,
    #[serde(default)]
    pub(crate) sql: Option<String>,
    #[serde(default)]
    pub(crate) template: Option<TemplateUse>,
    pub(crate) tables: BTreeMap<String, Vec<String>>,
    pub(crate) compute_parties: Vec<String>,
    #[serde(default)]
    pub(crate) scheme: Option<String>,
    #[serde(default)]
    pub(crate) threshold: Option<u16>,
    pub(crate) data_users: Vec<String>,
    pub(crate) receivers: Vec<String>,
    #[serde(default)]
    pub(crate) algorithm_providers: Vec<String>,
    #[serde(default)]
    pub(crate) regulators: Vec<String>,
    #[serde(default)]
    pub(crate) auditors: Vec<String>,
    #[serde(default)]
    pub(crate) floor_rows: Option<u64>,
    #[serde(default)]
    pub(crate) contributors_min: Option<u32>,
    #[serde(default)]
    pub(crate) dominance_percent_max: Option<u8>,
    #[serde(default)]
    pub(crate) epsilon: Option<PrivacyLoss>,
    #[serde(default)]
    pub(crate) rho: Option<PrivacyLoss>,
    #[serde(default)]
    pub(crate) committed: BTreeSet<u32>,
    pub(crate) runs: u32,
    #[serde(default)]
    pub(crate) starts_in: Option<Span>,
    pub(crate) expires_in: Span,
    #[serde(default)]
    pub(crate) run_seconds_max: Option<u32>,
    pub(crate) settlement: DraftSettlement,
}

impl DraftFile {
    /// The draft as the node takes it at a time, in seconds since 1970.
    pub(crate) fn at(&self, now: u64) -> DraftContract {
        let file = self.clone();
        DraftContract {
            title: file.title,
            purpose: file.purpose,
            sql: file.sql,
            template: file.template,
            tables: file.tables,
            compute_parties: file.compute_parties,
            scheme: file.scheme,
            threshold: file.threshold,
            data_users: file.data_users,
            receivers: file.receivers,
            algorithm_providers: file.algorithm_providers,
            regulators: file.regulators,
            auditors: file.auditors,
            floor_rows: file.floor_rows,
            contributors_min: file.contributors_min,
            dominance_percent_max: file.dominance_percent_max,
            epsilon_micro: file.epsilon.map(PrivacyLoss::micro),
            rho_micro: file.rho.map(PrivacyLoss::micro),
            committed: file.committed,
            runs: file.runs,
            not_before: file.starts_in.map(|span| now.saturating_add(span.seconds())),
            expires: now.saturating_add(file.expires_in.seconds()),
            run_seconds_max: file.run_seconds_max,
            settlement: file.settlement,
            supersedes: None,
        }
    }
}
