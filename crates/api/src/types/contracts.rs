//! Drafting, checking, signing and revoking contracts.

use std::collections::{BTreeMap, BTreeSet};

use contract::settlement::{Charge, Parts};
use contract::{Contract, audit::Report};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Reason;

/// `POST /v1/contracts/draft`: what the drafter decides; the node fills in hashes, roots and roles.
/// Members are given by name. Nothing is recorded yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftContract {
    /// One line for people.
    pub title: String,
    /// In the words of the datasets' terms.
    pub purpose: String,
    /// The SELECT; or [`template`](Self::template).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// A template with its parameters instead of SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateUse>,
    /// For each table in the SQL: the datasets that make it up (`north/patients@1`); every member's newest dataset of
    /// the table's name when absent.
    #[serde(default)]
    pub tables: BTreeMap<String, Vec<String>>,
    /// Members that hold the shares, in protocol order; how many, the scheme says. The data's owners, and others as
    /// far as the scheme needs them, when absent.
    #[serde(default)]
    pub compute_parties: Vec<String>,
    /// The secret-sharing scheme; `rep3` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// How many compute parties may collude without learning anything; the most that the scheme allows when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u16>,
    /// Members that may start runs; the drafter's when absent.
    #[serde(default)]
    pub data_users: Vec<String>,
    /// Members that receive the result; those that may start runs when absent.
    #[serde(default)]
    pub receivers: Vec<String>,
    /// Who wrote the program, if anyone is to be paid for it.
    #[serde(default)]
    pub algorithm_providers: Vec<String>,
    /// Regulators that are parties.
    #[serde(default)]
    pub regulators: Vec<String>,
    /// Members that must approve the audit report; those that the datasets' terms ask for are added.
    #[serde(default)]
    pub auditors: Vec<String>,
    /// Groups of fewer rows are suppressed; the strictest of the datasets' floors when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_rows: Option<u64>,
    /// Groups with rows of fewer members are suppressed; the strictest of the datasets' terms when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contributors_min: Option<u32>,
    /// Sums of which one member or row makes up more than so many percent are suppressed; the strictest of the datasets'
    /// terms when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominance_percent_max: Option<u8>,
    /// Differential privacy: what a run costs of each data user's and receiver's budget, in millionths (1,000,000 is
    /// ε = 1); the result is exact when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon_micro: Option<u64>,
    /// The same with Gaussian noise: what a run costs of each of those budgets, in millionths of zero-concentrated
    /// differential privacy (1,000,000 is ρ = 1); not beside `epsilon_micro`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rho_micro: Option<u64>,
    /// Values of the program, by number, to whose shares each compute party commits in its receipt, so that it can be
    /// asked to show them in a dispute.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub committed: BTreeSet<u32>,
    /// Number of runs.
    pub runs: u32,
    /// Seconds since 1970; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// Seconds since 1970.
    pub expires: u64,
    /// A run fails after this many seconds; 120 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_seconds_max: Option<u32>,
    /// Who pays, how much and to whom; nothing when absent.
    #[serde(default)]
    pub settlement: DraftSettlement,
    /// Id of the contract that this one replaces (an amendment).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
}

impl Default for DraftSettlement {
    /// No fee; what it would be divided into says nothing then.
    fn default() -> Self {
        Self {
            payer: String::new(),
            fee: 0,
            providers: 5_000,
            compute_parties: 5_000,
            algorithm_providers: 0,
            charge: Charge::default(),
            parts: Parts::default(),
            split: DraftSplit::default(),
        }
    }
}

/// Settlement as drafted: parts of 10,000.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftSettlement {
    /// A data user, by name; the first one when absent.
    #[serde(default)]
    pub payer: String,
    /// Points, as `charge` says.
    pub fee: u64,
    /// When the fee is due: `per-run`, for each completed run (also when absent), or `fixed`, once with the first one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub charge: Charge,
    /// Whose parts count: `contract`, these (also when absent), or `alliance`, those that the members have voted when a
    /// run completes.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub parts: Parts,
    /// How data providers share theirs; by rows when absent.
    #[serde(default)]
    pub split: DraftSplit,
    /// To the data providers, as `split` says.
    pub providers: u16,
    /// To the compute parties, evenly.
    pub compute_parties: u16,
    /// To the algorithm providers, evenly.
    #[serde(default)]
    pub algorithm_providers: u16,
}

/// How data providers share what goes to all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DraftSplit {
    /// By the rows that they bring.
    #[default]
    Rows,
    /// Evenly.
    Even,
    /// By weights, by member name; who is not named has none.
    Weights(BTreeMap<String, u32>),
    /// By contributions that the compute parties measure and state after a run; by rows when they do not in time.
    Contribution,
}

/// A template and what to put into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateUse {
    /// Name of the template (`GET /v1/templates`).
    pub name: String,
    /// Values of its parameters.
    pub parameters: BTreeMap<String, String>,
}

/// One entry of `GET /v1/templates`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    /// To be named in [`TemplateUse`].
    pub name: String,
    /// One line.
    pub title: String,
    /// The SQL with `{parameters}`.
    pub sql: String,
    /// What to give.
    pub parameters: Vec<String>,
    /// Why a contract drafted from it needs an auditor; absent when it needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audited_because: Option<String>,
}

/// A contract as it would be recorded, with everything that a signer wants to read first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    /// The contract; `POST /v1/contracts` takes exactly this.
    #[schema(value_type = Object)]
    pub contract: Contract,
    /// Its id: the hash that every party signs.
    pub id: String,
    /// For people.
    pub text: String,
    /// The program's listing.
    pub program: String,
    /// What the program reveals, to whom.
    pub audit: String,
    /// What each owner computes at home before anything is shared.
    pub stages: Vec<StageView>,
    /// What the joint computation will cost.
    pub estimate: EstimateView,
    /// Which terms it breaks; empty when every dataset's terms permit it.
    pub refusals: Vec<Reason>,
}

/// One owner's part of a query, computed at home in plaintext.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// Whose node computes it.
    pub owner: String,
    /// Over which dataset (`north/patients@1`).
    pub dataset: String,
    /// Further datasets of the same owner that it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// The SQL that it runs.
    pub sql: String,
    /// Rows of its result, which are shared.
    pub rows: u32,
}

/// What a joint computation costs, from its text alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EstimateView {
    /// Instructions of the program.
    pub instructions: u64,
    /// Messages that wait for each other.
    pub rounds: u32,
    /// Bytes that the busiest compute party sends.
    pub bytes_sent: u64,
    /// The most bytes of columns that a compute party holds at once.
    pub column_bytes: u64,
    /// Seconds on the wire in one data centre: 0.1 ms one way, 1 Gbit/s.
    pub seconds_lan: f64,
    /// Seconds on the wire across a country: 10 ms one way, 100 Mbit/s.
    pub seconds_wan: f64,
}

/// `POST /v1/contracts`: put a contract on the ledger, to be signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeContract {
    /// The whole contract.
    #[schema(value_type = Object)]
    pub contract: Contract,
}

/// A contract on the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContractView {
    /// Its id.
    pub id: String,
    /// Where it is in its life: `proposed`, `active`, `exhausted` …
    pub state: String,
    /// The contract itself.
    #[schema(value_type = Object)]
    pub contract: Contract,
    /// Who has signed, and who has not.
    pub signatures: Vec<SignatureView>,
    /// What its auditors said of the audit report.
    #[serde(default)]
    pub auditors: Vec<OpinionView>,
    /// Uses taken by runs.
    pub runs_taken: u32,
    /// Of the runs that completed the one that was requested last; its receivers hold the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_completed: Option<String>,
    /// For people.
    pub text: String,
}

/// Whether a party has signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignatureView {
    /// The party's name.
    pub party: String,
    /// Its signature over the contract's id, base64; absent while it has not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// `GET /v1/contracts/{id}/check`: this node's own verdict, before signing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Whether every dataset's terms permit the contract.
    pub permitted: bool,
    /// Every reason against it.
    pub refusals: Vec<Reason>,
    /// The program that this node compiled from the contract's source.
    pub program: String,
    /// What the program reveals, to whom.
    pub audit: String,
}

/// `GET /v1/contracts/{id}/columns`: what a run's result will consist of, which the contract's program says without a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultDescription {
    /// In the order of the SELECT list.
    pub columns: Vec<DescribedColumn>,
}

/// A column of a result, before there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DescribedColumn {
    /// As named in the SELECT.
    pub name: String,
    /// `boolean`, `integer`, `decimal`, `real`, `text`, `date` or `timestamp`.
    pub kind: String,
    /// Unit of measure; empty when there is none or none was declared.
    #[serde(default)]
    pub unit: String,
    /// Whether an integer of it may need more than 64 bits, by the program's own bound.
    #[serde(default)]
    pub is_wide: bool,
}

/// What an auditor said of a contract's audit report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpinionView {
    /// The auditor's name.
    pub auditor: String,
    /// `approved` or `declined`; absent while it has said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opinion: Option<String>,
    /// Why it declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `GET /v1/contracts/{id}/audit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Which contract.
    pub contract: String,
    /// Hash of the report as this node derives it.
    pub hash: String,
    /// Whether the contract, and so every signature over it, names this report.
    pub agrees: bool,
    /// The report as data; its canonical JSON is what is hashed.
    #[schema(value_type = Object)]
    pub report: Report,
    /// For people, with this member's part first.
    pub text: String,
    /// What the auditors said of it.
    pub auditors: Vec<OpinionView>,
}

/// `POST /v1/contracts/{id}/audit`: what this member says as auditor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveOpinion {
    /// Why the report is declined; it is approved when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<String>,
}

/// `POST /v1/contracts/{id}/signatures`: a signature that was made elsewhere, for example on a machine without a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSignature {
    /// The party that signed, as `did:key`.
    pub party: String,
    /// Ed25519 over the contract's id, base64.
    pub signature: String,
}

/// `POST /v1/contracts/{id}/revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeContract {
    /// For the record.
    pub reason: String,
}
