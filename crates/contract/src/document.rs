//! The computation contract as a document: what all parties sign.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

pub use crate::settlement::Settlement;
use crate::{
    Did, Hash,
    canonical::{self, CanonicalError},
    disclosure::DisclosureRule,
    scheme::Scheme,
};

/// Hash and signature domain of contracts.
pub(crate) const DOMAIN: &str = "contract";

/// The most bytes that a contract's canonical form may have.
pub const BYTES_MAX: usize = 1 << 18;

/// The format that this build drafts; the first field that anyone checks.
pub const FORMAT: &str = "treaty-contract/2";

/// The format without an audit report. Contracts of it that are on a ledger stay what they are; nobody signs new ones.
pub const FORMAT_UNAUDITED: &str = "treaty-contract/1";

/// Everything that the parties agree on. Its canonical bytes are what each party signs; their hash is its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// [`FORMAT`] or [`FORMAT_UNAUDITED`].
    pub format: String,
    /// The alliance (hash of its founding document) on whose ledger the contract lives.
    pub alliance: Hash,
    /// One line for people.
    pub title: String,
    /// Why the data is used, in the words of the datasets' terms.
    pub purpose: String,
    /// Who takes part and as what; sorted by member, each member once.
    pub parties: Vec<Party>,
    /// What is computed, on which data.
    pub computation: Computation,
    /// Hash of the audit report ([`crate::audit::Report`]), which every party signs with the contract; absent in
    /// [`FORMAT_UNAUDITED`] alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Hash>,
    /// Who computes, and how.
    pub protection: Protection,
    /// Who receives the result, and what is held back.
    pub output: OutputRule,
    /// How often and when.
    pub limits: Limits,
    /// Who pays whom.
    pub settlement: Settlement,
    /// The contract that this one replaces once it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Hash>,
    /// Makes two otherwise equal contracts different; chosen by the drafter.
    pub nonce: String,
}

impl Contract {
    /// The canonical bytes (RFC 8785).
    ///
    /// # Errors
    /// [`CanonicalError::IntegerTooLarge`] for a number that JSON cannot hold; never after
    /// [`Contract::validate`](Self::validate) found no flaw.
    pub fn bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }

    /// Reads canonical bytes; at most [`BYTES_MAX`]. Says nothing about whether the contract makes sense.
    ///
    /// # Errors
    /// What [`canonical::from_bytes`] refuses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::from_bytes(bytes, BYTES_MAX)
    }

    /// The contract's id: the hash of its canonical bytes in the domain `contract`.
    ///
    /// # Errors
    /// As [`Contract::bytes`].
    pub fn id(&self) -> Result<Hash, CanonicalError> {
        canonical::hash(DOMAIN, self)
    }

    /// The party with that identity.
    pub fn party(&self, member: &Did) -> Option<&Party> {
        self.parties.iter().find(|party| party.member == *member)
    }

    /// Whether that member takes part in that role.
    pub fn has_role(&self, member: &Did, role: Role) -> bool {
        self.party(member).is_some_and(|party| party.roles.contains(&role))
    }

    /// The parties in that role, in the contract's order.
    pub fn parties_with(&self, role: Role) -> impl Iterator<Item = &Party> {
        self.parties.iter().filter(move |party| party.roles.contains(&role))
    }

    /// The members that must approve the audit report before the contract is active: its auditors, if it has a report.
    pub fn auditors(&self) -> impl Iterator<Item = Did> {
        let has_report = self.audit.is_some();
        self.parties_with(Role::Auditor).filter(move |_| has_report).map(|party| party.member)
    }

    /// All inputs: table by table, in order of rows.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &Input)> {
        let tables = self.computation.tables.iter();
        tables.flat_map(|(table, inputs)| inputs.iter().map(move |input| (table.as_str(), input)))
    }
}

/// A member in one or more roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The member's identity.
    pub member: Did,
    /// Its name in the alliance, for people.
    pub name: String,
    /// At least one.
    pub roles: BTreeSet<Role>,
}

/// What a party does under the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Owns a dataset that the computation uses.
    DataProvider,
    /// May start runs, and pays for them.
    DataUser,
    /// Wrote the program.
    AlgorithmProvider,
    /// Holds shares and runs the protocol.
    ComputeParty,
    /// Receives results.
    Receiver,
    /// Reads the audit report and approves it before the contract is active; may check evidence.
    Auditor,
    /// May check evidence on behalf of a public authority.
    Regulator,
    /// Sequences a run; holds no share and no key.
    Coordinator,
}

impl Role {
    /// The role as people say it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::DataProvider => "data provider",
            Self::DataUser => "data user",
            Self::AlgorithmProvider => "algorithm provider",
            Self::ComputeParty => "compute party",
            Self::Receiver => "receiver",
            Self::Auditor => "auditor",
            Self::Regulator => "regulator",
            Self::Coordinator => "coordinator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// The computation: source text, the tables it reads, and the program that it compiles to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Computation {
    /// The SELECT, as written.
    pub sql: String,
    /// For each table named in `sql`: the datasets whose rows together make it up, in order.
    pub tables: BTreeMap<String, Vec<Input>>,
    /// Hash of the compiled program; every node compiles `sql` again and compares.
    pub program: Hash,
    /// Values of the program, by number: each compute party puts a salted commitment to its shares of them into its
    /// receipt, so that it can be asked to show them in a dispute. At most 64.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub committed: BTreeSet<u32>,
}

/// One dataset version that a computation reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `north/patients@1`.
    pub dataset: String,
    /// Who provides it.
    pub provider: Did,
    /// Merkle root of exactly that version.
    pub root: Hash,
}

/// Who computes, under which secret-sharing scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// Secret-sharing scheme, for example `rep3`.
    pub scheme: String,
    /// How many compute parties may collude without learning anything.
    pub threshold: u16,
    /// Compute parties in protocol order.
    pub compute_parties: Vec<Did>,
}

impl Protection {
    /// How many compute parties' receipts complete a run: of all of them, unless the scheme lets some vanish.
    #[must_use]
    pub fn receipts_needed(&self) -> usize {
        let parties = self.compute_parties.len();
        Scheme::find(&self.scheme).map_or(parties, |scheme| scheme.receipts(parties, self.threshold))
    }

    /// Whether a run completes without the receipts of all compute parties.
    #[must_use]
    pub fn some_may_vanish(&self) -> bool {
        self.receipts_needed() < self.compute_parties.len()
    }
}

/// Who receives the result, and what is suppressed inside the computation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRule {
    /// Nobody else receives the result.
    pub receivers: BTreeSet<Did>,
    /// Groups of fewer rows are suppressed before anything is opened (1 or more).
    pub floor_rows: u64,
    /// What else keeps the result from saying too much.
    #[serde(default, skip_serializing_if = "DisclosureRule::is_empty")]
    pub disclosure: DisclosureRule,
}

/// How often and when a contract may run. Times are seconds since 1970, by the ledger's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Number of runs.
    pub runs: u32,
    /// No run before this time.
    pub not_before: u64,
    /// No run at or after this time.
    pub expires: u64,
    /// A run that has not completed after this many seconds has failed.
    pub run_seconds_max: u32,
}
