//! Why a transaction is not accepted. A refused transaction changes nothing and is not on the ledger.

mod access;
mod audit;
mod catalog;
mod dispute;
mod governance;
mod identity;
mod rule;
mod succession;
mod table;

use contract::{
    Did, Hash,
    calendar::utc,
    canonical::CanonicalError,
    disclosure::{Unit, epsilon},
    document::Role,
    lifecycle, text,
};

use crate::{receipt::Difference, state::Phase};

pub use self::{
    access::AccessRule,
    audit::AuditRule,
    catalog::CatalogRule,
    dispute::DisputeRule,
    governance::{GovernanceRule, PointsRule},
    identity::IdentityRule,
    succession::SuccessionRule,
    table::When,
};

/// The rule that refused a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    // Who writes, and whether it may count
    /// Too large, or not writable as canonical JSON.
    #[error("the transaction is not canonical: {0}")]
    Canonical(#[from] CanonicalError),
    /// Not signed by the member that it names.
    #[error("the transaction is not signed by `{member}`, who is said to submit it")]
    ForgedTransaction {
        /// Who was named.
        member: Did,
    },
    /// Written for another ledger.
    #[error("the transaction is for alliance {found}, this ledger is alliance {expected}")]
    OtherAlliance {
        /// This ledger's.
        expected: Hash,
        /// The transaction's.
        found: Hash,
    },
    /// Nobody by that identity is in the alliance.
    #[error("`{who}` is not in the alliance")]
    NotInAlliance {
        /// Who was named.
        who: Did,
    },
    /// A regulator may only read, sign, revoke and check.
    #[error("`{who}` is a regulator in the alliance and may not {what}")]
    RegulatorMayNot {
        /// Which regulator.
        who: Did,
        /// What was tried.
        what: &'static str,
    },
    /// Replayed, or one before it is missing.
    #[error("`{member}` must use sequence number {expected} next, found {found}")]
    Sequence {
        /// Who submits.
        member: Did,
        /// The only number that is accepted now.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// The ledger's time never goes back.
    #[error("{} is before the last entry, which is from {}", utc(*found), utc(*last))]
    TimeWentBack {
        /// Of the last entry.
        last: u64,
        /// Of this one.
        found: u64,
    },
    /// A text for people is empty, too long or holds what does not show.
    #[error("the {what} {flaw}")]
    Text {
        /// Which text.
        what: &'static str,
        /// What is wrong with it.
        flaw: text::Flaw,
    },

    // Keys and persons
    /// Who signed may not, or what is said about keys doesn't hold.
    #[error(transparent)]
    Identity(#[from] IdentityRule),
    /// About votes, and what can be decided by them.
    #[error(transparent)]
    Governance(#[from] GovernanceRule),
    /// About points.
    #[error(transparent)]
    Points(#[from] PointsRule),
    /// About access and tokens.
    #[error(transparent)]
    Access(#[from] AccessRule),
    /// About auditors and what they say of contracts.
    #[error(transparent)]
    Audit(#[from] AuditRule),
    /// Who goes on as operator.
    #[error(transparent)]
    Succession(#[from] SuccessionRule),
    /// About publications, claims and regulators.
    #[error(transparent)]
    Catalog(#[from] CatalogRule),
    /// About disputes.
    #[error(transparent)]
    Dispute(#[from] DisputeRule),
    /// A statement of contributions that the contract doesn't ask for, or not about its data providers.
    #[error(
        "run {run} takes no such contributions: a completed run that is settled by contribution takes one for each data provider from each compute party"
    )]
    Contributions {
        /// Which run.
        run: Hash,
    },

    // Datasets
    /// A field of the description breaks a rule.
    #[error("dataset `{dataset}`: {rule}")]
    DatasetMalformed {
        /// `north/patients@1`, as the description has it.
        dataset: String,
        /// The rule.
        rule: DatasetRule,
    },
    /// Only the owner may publish or withdraw.
    #[error("dataset `{dataset}` belongs to `{owner}`, not to `{who}`")]
    NotOwner {
        /// Which.
        dataset: String,
        /// Whose it is.
        owner: Did,
        /// Who tried.
        who: Did,
    },
    /// Versions count up by one.
    #[error("the next version of `{path}` is {expected}, found {found}")]
    Version {
        /// Path without version.
        path: String,
        /// The only version that is accepted now.
        expected: u32,
        /// The description's.
        found: u32,
    },
    /// A path keeps its id from version to version.
    #[error("dataset `{path}` has id {expected} in its earlier versions, found {found}")]
    DatasetId {
        /// Path without version.
        path: String,
        /// The path's id.
        expected: Hash,
        /// The description's.
        found: Hash,
    },
    /// Two datasets don't share an id.
    #[error("dataset `{path}` is new, but its id {id} is another dataset's")]
    DatasetIdTaken {
        /// Path without version.
        path: String,
        /// The description's.
        id: Hash,
    },
    /// Not in the catalog.
    #[error("dataset `{dataset}` is not in the catalog")]
    UnknownDataset {
        /// As named.
        dataset: String,
    },
    /// Its owner withdrew it.
    #[error("dataset `{dataset}` was withdrawn by its owner")]
    WithdrawnDataset {
        /// As named.
        dataset: String,
    },

    // Contracts
    /// Not well-formed by its own rules.
    #[error("the contract is not well-formed: {}", flaws.join("; "))]
    ContractMalformed {
        /// Every flaw, as text.
        flaws: Vec<String>,
    },
    /// The contract names another alliance.
    #[error("the contract is for alliance {found}, this ledger is alliance {expected}")]
    ContractOfOtherAlliance {
        /// This ledger's.
        expected: Hash,
        /// The contract's.
        found: Hash,
    },
    /// The same document again.
    #[error("contract {contract} is already on the ledger")]
    ContractExists {
        /// Its id.
        contract: Hash,
    },
    /// Nobody proposed it.
    #[error("contract {contract} is not on the ledger")]
    UnknownContract {
        /// As named.
        contract: Hash,
    },
    /// A party is named differently than in the alliance.
    #[error("party `{party}` is named `{found}` in the contract, but `{expected}` in the alliance")]
    PartyName {
        /// Which.
        party: Did,
        /// In the alliance.
        expected: String,
        /// In the contract.
        found: String,
    },
    /// A regulator as anything else.
    #[error("`{party}` is a regulator in the alliance and cannot be {role} in a contract")]
    RegulatorRole {
        /// Which.
        party: Did,
        /// The role that it was given.
        role: Role,
    },
    /// Somebody outside a contract acts on it.
    #[error("`{who}` is not a party of contract {contract}")]
    NotAParty {
        /// Who tried.
        who: Did,
        /// Which contract.
        contract: Hash,
    },
    /// A party acts in a role that it doesn't have.
    #[error("`{who}` is not {role} in contract {contract}")]
    NotInRole {
        /// Who tried.
        who: Did,
        /// The role needed.
        role: Role,
        /// Which contract.
        contract: Hash,
    },
    /// The contract says that somebody provides what belongs to somebody else.
    #[error("dataset `{dataset}` belongs to `{owner}`, the contract says that `{provider}` provides it")]
    ProviderIsNotOwner {
        /// Which.
        dataset: String,
        /// Whose it is.
        owner: Did,
        /// The contract's provider.
        provider: Did,
    },
    /// The contract is about other data than was published.
    #[error("dataset `{dataset}` has root {expected} in the catalog, the contract names {found}")]
    DatasetRoot {
        /// Which.
        dataset: String,
        /// In the catalog.
        expected: Hash,
        /// In the contract.
        found: Hash,
    },
    /// Only a contract that may still run can be replaced.
    #[error("contract {contract} is {state}: another contract can no longer take its place")]
    NotReplaceable {
        /// The predecessor.
        contract: Hash,
        /// Where it stands.
        state: lifecycle::State,
    },
    /// An amendment is between the same members.
    #[error("contract {contract} has other parties: only the same members can replace it")]
    OtherParties {
        /// The predecessor.
        contract: Hash,
    },
    /// The life cycle has no such step.
    #[error("contract {contract} is {state}, so that `{event}` is not possible")]
    ContractState {
        /// Which.
        contract: Hash,
        /// Where it stands.
        state: lifecycle::State,
        /// What was tried.
        event: lifecycle::Event,
    },
    /// One signature for each party.
    #[error("`{party}` has already signed contract {contract}")]
    AlreadySigned {
        /// Who.
        party: Did,
        /// Which.
        contract: Hash,
    },
    /// Not by the party over this contract.
    #[error("the signature is not by `{party}` over contract {contract}")]
    ForgedSignature {
        /// Whose it was said to be.
        party: Did,
        /// Which contract.
        contract: Hash,
    },

    // Runs
    /// A run's name is used once.
    #[error("run {run} is already on the ledger")]
    RunExists {
        /// As named.
        run: Hash,
    },
    /// Nobody requested it.
    #[error("run {run} is not on the ledger")]
    UnknownRun {
        /// As named.
        run: Hash,
    },
    /// Runs start in active contracts only.
    #[error("contract {contract} is {state}: runs start only while it is active")]
    NotActive {
        /// Which.
        contract: Hash,
        /// Where it stands.
        state: lifecycle::State,
    },
    /// Too early.
    #[error("contract {contract} allows no run before {}, it is {}", utc(*not_before), utc(*now))]
    NotYetValid {
        /// Which.
        contract: Hash,
        /// Seconds since 1970.
        not_before: u64,
        /// The entry's time.
        now: u64,
    },
    /// Another purpose than the contract's.
    #[error("the purpose of contract {contract} is `{expected}`, the run was requested for `{found}`")]
    Purpose {
        /// Which contract.
        contract: Hash,
        /// The contract's.
        expected: String,
        /// The request's.
        found: String,
    },
    /// The owner's budget for this data user or receiver does not bear another run.
    #[error(
        "`{user}` has spent {unit} = {} of {} on `{dataset}`, and a run costs {}: draft a contract that costs less, or ask the owner for a larger budget in a new version",
        epsilon(*spent), epsilon(*limit), epsilon(*asked)
    )]
    PrivacyBudget {
        /// All versions of it.
        dataset: String,
        /// Whose budget.
        user: Did,
        /// What is counted.
        unit: Unit,
        /// In millionths.
        limit: u64,
        /// In millionths, before this run.
        spent: u64,
        /// In millionths.
        asked: u64,
    },
    /// The owner's budget counts what the contract's noise does not cost.
    #[error(
        "the budget of `{dataset}` is of {expected}, and the noise of the contract costs {found}: draft it with noise that costs {expected}"
    )]
    PrivacyUnit {
        /// By reference.
        dataset: String,
        /// The budget's.
        expected: Unit,
        /// The contract's.
        found: Unit,
    },
    /// The payer cannot pay.
    #[error("`{payer}` has {balance} points, the run costs {fee}")]
    InsufficientPoints {
        /// Who pays by the contract.
        payer: Did,
        /// What it has.
        balance: u64,
        /// What a run costs.
        fee: u64,
    },
    /// One fee for all runs, and the run that holds it is not over.
    #[error(
        "contract {contract} costs one fee for all runs, and run {run}, which holds it, has not completed: ask again when it has, or when its fee has gone back"
    )]
    FeePending {
        /// Which contract.
        contract: Hash,
        /// The run that holds the fee.
        run: Hash,
    },
    /// Only data providers and compute parties take part in a run.
    #[error("`{who}` is neither data provider nor compute party of run {run}")]
    NotAParticipant {
        /// Who tried, or was blamed.
        who: Did,
        /// Which run.
        run: Hash,
    },
    /// The step doesn't follow from where the run stands.
    #[error("run {run} is {phase}, so that nobody can {step} now")]
    RunPhase {
        /// Which.
        run: Hash,
        /// Where it stands.
        phase: Phase,
        /// What was tried.
        step: &'static str,
    },
    /// Everybody does each step once.
    #[error("in run {run}, `{who}` can {step} only once")]
    AlreadyDone {
        /// Who.
        who: Did,
        /// Which run.
        run: Hash,
        /// What was tried again.
        step: &'static str,
    },
    /// The run's time limit has passed: it can only be declared failed.
    #[error("run {run} had to complete before {}, it is {}: it can only be declared failed", utc(*deadline), utc(*now))]
    RunTimedOut {
        /// Which.
        run: Hash,
        /// Seconds since 1970.
        deadline: u64,
        /// The entry's time.
        now: u64,
    },
    /// Refusing without a reason, or with too many.
    #[error("a refusal gives 1 to 256 reasons, found {found}")]
    RefusalCount {
        /// How many there are.
        found: usize,
    },
    /// No components, or too many.
    #[error("an input commitment has 1 to {max} components, found {found}", max = crate::receipt::COMPONENTS_MAX)]
    ComponentCount {
        /// How many there are.
        found: usize,
    },
    /// Providers bring all rows of the dataset versions that the contract names.
    #[error(
        "the datasets of `{provider}` under the contract have {expected} rows, its commitment says {found}"
    )]
    CommittedRows {
        /// Which provider.
        provider: Did,
        /// By the catalog.
        expected: u64,
        /// By the commitment.
        found: u64,
    },
    /// A receipt that is not about this run, or incomplete.
    #[error("the receipt is malformed: {0}")]
    ReceiptMalformed(ReceiptRule),
    /// A receipt that comes when others have completed the run, and contradicts them.
    #[error(
        "run {run} is completed: the receipt of `{who}` comes late and contradicts those that count on {what}"
    )]
    LateReceipt {
        /// Who filed it.
        who: Did,
        /// Which run.
        run: Hash,
        /// On what.
        what: Box<Difference>,
    },
}

/// What a dataset's description must satisfy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatasetRule {
    /// Who owns it shows in its path.
    #[error(
        "the path must be `{expected}/` followed by a name of at most 64 letters, digits, `-`, `_` and `.`, and the version at least 1"
    )]
    Path {
        /// The owner's name in the alliance.
        expected: String,
    },
    /// No data has this root.
    #[error("the Merkle root is all zeros: import the data before publishing it")]
    EmptyRoot,
    /// A description for people.
    #[error("the description {0}")]
    Description(text::Flaw),
    /// Too few or too many.
    #[error("there must be 1 to 1024 columns")]
    ColumnCount,
    /// A column's name.
    #[error("the name of column `{column}` {flaw}")]
    ColumnName {
        /// As named.
        column: String,
        /// What is wrong with it.
        flaw: text::Flaw,
    },
    /// Two columns of one name.
    #[error("there are two columns `{column}`")]
    ColumnTwice {
        /// As named.
        column: String,
    },
    /// Terms about a column that isn't there.
    #[error("the terms speak of column `{column}`, which the schema doesn't have")]
    TermsColumn {
        /// As named.
        column: String,
    },
    /// Terms that could never be met, or protect nothing.
    #[error(
        "the terms need at least one purpose, one scheme, a floor of 1 row, 1 run, and of what they ask of results a share of 1 to 99 percent, at least 1 row for a person, and a budget of ε or of ρ but not of both"
    )]
    Terms,
    /// No code of a jurisdiction.
    #[error(
        "the terms name the jurisdiction `{found}`, which no card can state: 2 to 12 capital letters, digits and hyphens, such as `CH`"
    )]
    TermsJurisdiction {
        /// As the terms have it.
        found: String,
    },
    /// Auditors outside the alliance.
    #[error("the terms name the auditor `{auditor}`, who is not in the alliance")]
    TermsAuditor {
        /// As named.
        auditor: Did,
    },
    /// Receivers outside the alliance.
    #[error("the terms name the receiver `{receiver}`, who is not in the alliance")]
    TermsReceiver {
        /// As named.
        receiver: Did,
    },
}

/// What a receipt must satisfy to be about a run at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRule {
    /// Statements are made for oneself.
    #[error("its party is not the member that files it")]
    Party,
    /// Another contract.
    #[error("it names another contract than the run's")]
    Contract,
    /// All providers, nobody else.
    #[error("its inputs are not exactly those of the contract's data providers")]
    Inputs,
    /// All other compute parties, nobody else.
    #[error(
        "its transcripts are not exactly those with the other compute parties (where some may vanish, with as many as the result takes)"
    )]
    Transcripts,
    /// The values that the contract names, nothing else.
    #[error("it does not commit to its shares of exactly the values that the contract names, in their order")]
    Intermediates,
    /// Sorted, unique, bounded, at least one.
    #[error("its output must name 1 to {max} components below {max}, ascending", max = crate::receipt::COMPONENTS_MAX)]
    Output,
}
