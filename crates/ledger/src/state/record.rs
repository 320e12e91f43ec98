//! What the state keeps about each dataset, contract and run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use contract::{
    Contract, Dataset, Did, Hash, Signature, audit::Opinion, document::Role, lifecycle, policy::Refusal,
};
use serde::{Deserialize, Serialize};

use crate::{FailReason, InputCommitment, Receipt, Transfer, identity::Delegation, receipt::Disagreement};

/// Something with the index of the entry that brought it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded<T> {
    /// Index in the log.
    pub index: u64,
    /// What was recorded.
    pub value: T,
}

/// A person's right to sign for its member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DelegationRecord {
    /// Who, what, until when.
    pub delegation: Delegation,
    /// The entry that made it.
    pub delegated: u64,
    /// The entry that revoked it.
    pub revoked: Option<u64>,
}

/// A dataset version in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatasetRecord {
    /// Its description.
    #[serde(skip)]
    pub dataset: Arc<Dataset>,
    /// The entry that published it.
    pub published: u64,
    /// The entry that withdrew it.
    pub withdrawn: Option<u64>,
}

/// A contract and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContractRecord {
    /// The document.
    #[serde(skip)]
    pub contract: Arc<Contract>,
    /// As of the last entry that changed it; [`Self::state_at`] says where it stands at a given time.
    pub state: lifecycle::State,
    /// Who proposed it, and the entry.
    pub proposed: Recorded<Did>,
    /// Time of that entry, seconds since 1970.
    pub proposed_at: u64,
    /// By party; all verified.
    pub signatures: BTreeMap<Did, Signature>,
    /// The key that signed for a party, where it is not the one that its identity names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub signers: BTreeMap<Did, Did>,
    /// The entry that brought each signature.
    pub signed: BTreeMap<Did, u64>,
    /// What its auditors said of its report.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub opinions: BTreeMap<Did, Recorded<Opinion>>,
    /// The tokens that it uses.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tokens: BTreeSet<Hash>,
    /// The run that paid the fee, where it is due once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_by: Option<Hash>,
    /// Uses taken and not given back.
    pub runs_taken: u32,
    /// The contract that took its place.
    pub superseded_by: Option<Hash>,
    /// Who stopped it and why.
    pub revoked: Option<Revocation>,
}

/// A party's end of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revocation {
    /// Who.
    pub by: Did,
    /// Why.
    pub reason: String,
}

impl ContractRecord {
    /// Where the contract stands at that time. Expiry is recorded with the first entry after it, and holds from its
    /// second on.
    pub fn state_at(&self, time: u64) -> lifecycle::State {
        if time < self.contract.limits.expires {
            return self.state;
        }
        self.state.after(lifecycle::Event::Expired).unwrap_or(self.state)
    }

    /// Whether every party has signed and every auditor approved.
    pub(crate) fn is_complete(&self) -> bool {
        let approved = |auditor: Did| {
            self.opinions.get(&auditor).is_some_and(|opinion| opinion.value == Opinion::Approved)
        };
        self.signatures.len() == self.contract.parties.len() && self.contract.auditors().all(approved)
    }

    /// Uses that are left, whether or not the contract still allows to take them.
    pub fn runs_left(&self) -> u32 {
        self.contract.limits.runs.saturating_sub(self.runs_taken)
    }
}

/// One execution of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Under which contract.
    pub contract: Hash,
    /// The data user that asked for it, and the entry.
    pub requested: Recorded<Did>,
    /// The person that asked, when the requester named one.
    pub person: Option<Did>,
    /// Time of the request, seconds since 1970.
    pub requested_at: u64,
    /// From this time on it can only be declared failed.
    pub deadline: u64,
    /// Where it stands.
    pub phase: Phase,
    /// The entry in which each participant permitted it.
    pub permits: BTreeMap<Did, u64>,
    /// Why participants refused it.
    pub refusals: BTreeMap<Did, Recorded<Vec<Refusal>>>,
    /// What each data provider will share.
    pub commitments: BTreeMap<Did, Recorded<InputCommitment>>,
    /// What each compute party states.
    pub receipts: BTreeMap<Did, Recorded<Receipt>>,
    /// How it failed.
    pub failure: Option<Recorded<Failure>>,
    /// How the receipts contradict each other.
    pub disagreement: Option<Disagreement>,
    /// Compute parties that state that nothing was opened.
    pub nothing_opened: BTreeSet<Did>,
    /// The use and the fee were given back.
    pub use_returned: bool,
    /// What each compute party states that the data providers contributed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub contributions: BTreeMap<Did, Recorded<BTreeMap<Did, u64>>>,
    /// Where its fee went, by the contract's rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<Recorded<Vec<Transfer>>>,
    /// A dispute about it was decided.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ruled: bool,
    /// Time of the entry that ended it, seconds since 1970.
    pub ended_at: Option<u64>,
}

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Who says so.
    pub by: Did,
    /// What is said.
    pub reason: FailReason,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// A use is taken; participants' gatekeepers decide.
    Requested,
    /// All participants permit it; data providers commit to their inputs.
    Permitted,
    /// All inputs are committed; compute parties execute and file receipts.
    Running,
    /// All receipts are there and agree; points have moved.
    Completed,
    /// A participant refused it.
    Refused,
    /// It could not complete.
    Failed,
    /// The receipts contradict each other or the ledger; points stay in escrow.
    Disputed,
}

impl Phase {
    /// Whether it can still complete.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Permitted | Self::Running)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "requested",
            Self::Permitted => "permitted",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Disputed => "disputed",
        })
    }
}

/// The members that must permit a run and may declare it failed: data providers and compute parties.
pub fn participants(contract: &Contract) -> BTreeSet<Did> {
    data_providers(contract).chain(contract.protection.compute_parties.iter().copied()).collect()
}

/// The contract's data providers.
pub(crate) fn data_providers(contract: &Contract) -> impl Iterator<Item = Did> {
    contract.parties_with(Role::DataProvider).map(|party| party.member)
}
