//! Reasons why a run is not permitted, in words.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Did, Flaw, Hash, calendar::utc, clause::Clause, disclosure::epsilon, lifecycle::State, terms::Use,
};

/// One reason why a run is not permitted: which rule, who or what is concerned, what was expected and found.
///
/// In JSON, `rule` names the variant. The text names the clause, says what is wrong, and what to do; members stand in
/// it as their `did:key`, and [`Refusal::describe`] puts names there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Refusal {
    /// The contract makes no sense by itself.
    #[error("the contract is not well-formed: {flaw}")]
    Malformed {
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The contract is in a state in which no run may start.
    #[error("the contract is {state}: {}", advice(*state))]
    NotActive {
        /// `proposed`, `superseded` or `disputed`; other states have their own rules.
        state: State,
    },
    /// A party withdrew its consent.
    #[error("the contract was revoked by a party: no run can start under it, draft a new one")]
    Revoked,
    /// A party's signature is not there.
    #[error("{}: `{party}` has not signed: ask it to sign, then start again", Clause::Parties)]
    SignatureMissing {
        /// The party.
        party: Did,
    },
    /// A signature in a party's name is not by its key over this contract; also when the contract was changed.
    #[error(
        "{}: the signature in the name of `{party}` is not by its key over this contract: compare the contract's hash with `{party}` and let it sign again",
        Clause::Parties
    )]
    SignatureForged {
        /// The party.
        party: Did,
    },
    /// The node derives another audit report from the contract than the one that it names.
    #[error(
        "{}: the contract names the audit report {expected}, this node derives {found} from it: draft it again, and see that all nodes run the same version",
        Clause::Result
    )]
    AuditDiffers {
        /// In the contract.
        expected: Hash,
        /// Derived.
        found: Hash,
    },
    /// A contract of the format without an audit report, not yet signed by all.
    #[error(
        "{}: the contract is of the former format and names no audit report: draft it again",
        Clause::Result
    )]
    NotAudited,
    /// The owner wants an auditor of its choice.
    #[error(
        "{}: the terms of `{dataset}` ask for an auditor, {}, and no party is one: name it as auditor",
        Clause::Parties,
        listed(expected)
    )]
    AuditorMissing {
        /// By reference.
        dataset: String,
        /// Any of these.
        expected: BTreeSet<Did>,
    },
    /// An auditor has not approved the report.
    #[error(
        "{}: `{auditor}` has not approved the audit report: ask it to, then start again",
        Clause::Parties
    )]
    AuditOpen {
        /// The auditor.
        auditor: Did,
    },
    /// An auditor declined the report.
    #[error("{}: `{auditor}` declined the audit report: {reason}", Clause::Parties)]
    AuditDeclined {
        /// The auditor.
        auditor: Did,
        /// Its reason.
        reason: String,
    },
    /// The window has not begun.
    #[error("{}: runs may start from {} on, it is {}: start again then", Clause::Limits, utc(*not_before), utc(*now))]
    NotYetValid {
        /// Seconds since 1970.
        not_before: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// The window is over.
    #[error("{}: runs had to start before {}, it is {}: draft a new contract", Clause::Limits, utc(*expires), utc(*now))]
    Expired {
        /// Seconds since 1970.
        expires: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// More runs were requested than granted.
    #[error(
        "{}: {granted} runs are granted and this would be number {taken}: draft a new contract",
        Clause::Limits
    )]
    UsesExhausted {
        /// Runs granted.
        granted: u32,
        /// Uses taken, with this run's.
        taken: u32,
    },
    /// The ledger knows of no use taken for this run.
    #[error(
        "{}: the ledger shows no use taken for this run: request the run on the ledger first",
        Clause::Limits
    )]
    UseNotTaken,
    /// The requester may not start runs.
    #[error("{}: `{requester}` may not start runs: expected {}", Clause::Parties, listed(expected))]
    RequesterNotDataUser {
        /// Who asked.
        requester: Did,
        /// Who may ask.
        expected: BTreeSet<Did>,
    },
    /// The run is for another purpose than the contract's.
    #[error(
        "{}: the run is for `{found}`, the contract for `{expected}`: state the contract's purpose or draft a contract for this one",
        Clause::Purpose
    )]
    PurposeDiffers {
        /// The contract's.
        expected: String,
        /// The request's.
        found: String,
    },
    /// The program compiled from the contract's source is not the one that was signed.
    #[error(
        "{}: the source compiles to program {found}, signed was {expected}: draft the contract again with this version",
        Clause::Computation
    )]
    ProgramDiffers {
        /// As signed.
        expected: Hash,
        /// As compiled.
        found: Hash,
    },
    /// The program reads a table that the contract does not name.
    #[error(
        "{}: the program reads table `{table}`, which the contract does not name: draft the contract again",
        Clause::Data
    )]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// The catalog has no such dataset version.
    #[error(
        "{}: the catalog has no `{dataset}`: ask its owner to publish it, or draft the contract with a version that is there",
        Clause::Data
    )]
    UnknownDataset {
        /// By reference.
        dataset: String,
    },
    /// The dataset belongs to another member than the contract says.
    #[error(
        "{}: `{dataset}` belongs to `{expected}`, the contract has `{found}` provide it: draft it again from the catalog",
        Clause::Data
    )]
    OwnerDiffers {
        /// By reference.
        dataset: String,
        /// Its owner in the catalog.
        expected: Did,
        /// The provider in the contract.
        found: Did,
    },
    /// The contract names other data than the catalog does under that reference.
    #[error(
        "{}: `{dataset}` has root {expected} in the catalog and {found} in the contract: draft it again from the catalog",
        Clause::Data
    )]
    RootDiffers {
        /// By reference.
        dataset: String,
        /// In the catalog.
        expected: Hash,
        /// In the contract.
        found: Hash,
    },
    /// The owner's terms have ended.
    #[error("{}: the terms of `{dataset}` ended on {}, it is {}: ask its owner to publish new terms", Clause::Data, utc(*expired), utc(*now))]
    TermsExpired {
        /// By reference.
        dataset: String,
        /// Seconds since 1970.
        expired: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// The owner allows other purposes.
    #[error(
        "{}: the terms of `{dataset}` allow {}, not `{found}`: choose an allowed purpose or ask the owner",
        Clause::Purpose,
        listed(allowed)
    )]
    PurposeNotAllowed {
        /// By reference.
        dataset: String,
        /// What the owner allows.
        allowed: BTreeSet<String>,
        /// The contract's.
        found: String,
    },
    /// The owner does not allow a column to be used in this way.
    #[error(
        "{}: column `{column}` of `{dataset}` is used as `{wanted}`, its terms allow {}: change the query or ask the owner",
        Clause::Computation,
        uses(allowed)
    )]
    ColumnNotAllowed {
        /// By reference.
        dataset: String,
        /// The column.
        column: String,
        /// What the program does with it.
        wanted: Use,
        /// What the owner allows with it; empty when it may not be used at all.
        allowed: BTreeSet<Use>,
    },
    /// The query compares a column with what the owner does not allow.
    #[error(
        "{}: the query compares column `{column}` of `{dataset}` with {found}, its terms allow {}: change the query or ask the owner",
        Clause::Computation,
        listed(allowed)
    )]
    ComparisonNotAllowed {
        /// By reference.
        dataset: String,
        /// The column.
        column: String,
        /// A constant, or that it is more than one.
        found: String,
        /// What the owner allows.
        allowed: BTreeSet<String>,
    },
    /// A compute party is not, or does not say that it is, where the owner allows.
    #[error(
        "{}: the terms of `{dataset}` want compute parties under {}, `{party}` {}: choose another compute party or ask the owner",
        Clause::Parties,
        listed(allowed),
        found.as_ref().map_or_else(|| "states no jurisdiction in its card".to_owned(), |found| format!("is under `{found}`"))
    )]
    ComputedElsewhere {
        /// By reference.
        dataset: String,
        /// The compute party.
        party: Did,
        /// What the owner allows.
        allowed: BTreeSet<String>,
        /// What its card says.
        found: Option<String>,
    },
    /// Smaller groups would be revealed than the owner allows.
    #[error(
        "{}: groups of {found} rows would be revealed, the terms of `{dataset}` ask for at least {expected}: raise the floor",
        Clause::Result
    )]
    FloorTooLow {
        /// By reference.
        dataset: String,
        /// The owner's, in rows.
        expected: u64,
        /// The contract's, in rows.
        found: u64,
    },
    /// Groups of fewer members would be revealed than the owner allows.
    #[error(
        "{}: groups with rows of {found} members would be revealed, the terms of `{dataset}` ask for at least {expected}: raise the number of contributors",
        Clause::Result
    )]
    TooFewContributors {
        /// By reference.
        dataset: String,
        /// The owner's.
        expected: u32,
        /// The contract's.
        found: u32,
    },
    /// One contributor may make up more of a sum than the owner allows.
    #[error(
        "{}: one contributor may make up {found} percent of a sum, the terms of `{dataset}` allow at most {expected}: lower the share",
        Clause::Result
    )]
    Dominance {
        /// By reference.
        dataset: String,
        /// The owner's, in percent.
        expected: u8,
        /// The contract's, in percent; 100 where it says nothing.
        found: u8,
    },
    /// The owner allows results with noise only.
    #[error(
        "{}: the result would be exact, the terms of `{dataset}` allow it with noise only: draft the contract with an epsilon",
        Clause::Result
    )]
    NoiseMissing {
        /// By reference.
        dataset: String,
    },
    /// One run would cost more than the owner's whole budget.
    #[error(
        "{}: a run costs ε = {}, the terms of `{dataset}` allow ε = {} in all: choose a smaller epsilon",
        Clause::Result, epsilon(*found_micro), epsilon(*allowed_micro)
    )]
    TooLittleNoise {
        /// By reference.
        dataset: String,
        /// The owner's, in millionths.
        allowed_micro: u64,
        /// The contract's, in millionths.
        found_micro: u64,
    },
    /// The same with a budget of ρ.
    #[error(
        "{}: a run costs ρ = {}, the terms of `{dataset}` allow ρ = {} in all: choose a smaller rho",
        Clause::Result, epsilon(*found_micro), epsilon(*allowed_micro)
    )]
    TooLittleGaussian {
        /// By reference.
        dataset: String,
        /// The owner's, in millionths.
        allowed_micro: u64,
        /// The contract's, in millionths.
        found_micro: u64,
    },
    /// Gaussian noise has no bound in ε alone.
    #[error(
        "{}: the terms of `{dataset}` have a budget of ε, which Gaussian noise cannot be counted in: draft the contract with an epsilon instead of a rho",
        Clause::Result
    )]
    BudgetOfEpsilon {
        /// By reference.
        dataset: String,
    },
    /// Laplace noise, where the budget counts Gaussian noise.
    #[error(
        "{}: the terms of `{dataset}` have a budget of ρ: draft the contract with a rho instead of an epsilon",
        Clause::Result
    )]
    BudgetOfRho {
        /// By reference.
        dataset: String,
    },
    /// The query's rows are those of an answered one but for a few.
    #[error(
        "{}: over `{dataset}`, this query's rows differ from those of another answer ({}) by fewer than {floor_rows}, so that the two together would tell what the floor withholds: ask for the same rows, or for clearly others",
        Clause::Result, answered.map_or_else(|| "of this contract, or about the tables above or below it alone".to_owned(), |_| other(*answered))
    )]
    Differencing {
        /// By reference.
        dataset: String,
        /// The contract under which the other answer was given; absent where both are in this contract, or where the other
        /// would be about the tables alone that stand above or below this one (UNION ALL).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered: Option<Hash>,
        /// The difference that would be allowed.
        floor_rows: u64,
    },
    /// Whether the query's rows are those of an answered one but for a few cannot be told at the owner's.
    #[error(
        "{}: over `{dataset}`, how far this query's rows differ from those of another answer ({}) cannot be counted at its owner's, because {reason}: ask for the same, for rows that are clearly others, or ask the owner to allow more overlaps",
        Clause::Result, other(*answered)
    )]
    Overlap {
        /// By reference.
        dataset: String,
        /// The contract under which the other answer was given; absent where both are in this contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered: Option<Hash>,
        /// Why not.
        reason: String,
    },
    /// Whatever is withheld for a reason other than few rows could be computed from the other answers.
    #[error(
        "{}: over `{dataset}`, a group that is withheld for few contributors, or for one that dominates it, could be computed from those that are shown and another answer ({}): ask for the same groups, or for rows that are clearly others",
        Clause::Result, other(*answered)
    )]
    Complement {
        /// By reference.
        dataset: String,
        /// The contract under which the other answer was given; absent where both are in this contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered: Option<Hash>,
    },
    /// The owner does not allow this receiver.
    #[error(
        "{}: the terms of `{dataset}` do not let `{receiver}` receive results: leave it out or ask the owner",
        Clause::Result
    )]
    ReceiverNotAllowed {
        /// By reference.
        dataset: String,
        /// A receiver of the contract.
        receiver: Did,
    },
    /// The owner allows other schemes.
    #[error(
        "{}: the terms of `{dataset}` allow {}, not `{found}`: choose an allowed scheme or ask the owner",
        Clause::Protection,
        listed(allowed)
    )]
    SchemeNotAllowed {
        /// By reference.
        dataset: String,
        /// What the owner allows.
        allowed: BTreeSet<String>,
        /// The contract's.
        found: String,
    },
    /// The contract grants more runs than the owner allows.
    #[error(
        "{}: the contract grants {found} runs, the terms of `{dataset}` allow at most {allowed}: grant fewer",
        Clause::Limits
    )]
    TooManyRuns {
        /// By reference.
        dataset: String,
        /// The owner's maximum.
        allowed: u32,
        /// The contract's.
        found: u32,
    },
    /// The dataset needs a token, and the contract uses none.
    #[error(
        "{}: `{dataset}` needs a token and `{holder}` uses none under this contract: request access to it, then use the token for this contract",
        Clause::Data
    )]
    TokenMissing {
        /// By reference.
        dataset: String,
        /// The data user without one.
        holder: Did,
    },
    /// The token, or one that it was made from, was taken back.
    #[error("{}: token {token} for `{dataset}` was revoked: request access again", Clause::Data)]
    TokenRevoked {
        /// By reference.
        dataset: String,
        /// Which token.
        token: Hash,
    },
    /// The token has ended.
    #[error("{}: the token for `{dataset}` ended on {}, it is {}: request access again", Clause::Data, utc(*expired), utc(*now))]
    TokenExpired {
        /// By reference.
        dataset: String,
        /// Seconds since 1970.
        expired: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// The token allows less than the program does.
    #[error(
        "{}: column `{column}` of `{dataset}` is used as `{wanted}`, the token allows {}: change the query or request more",
        Clause::Computation,
        uses(allowed)
    )]
    TokenColumn {
        /// By reference.
        dataset: String,
        /// The column.
        column: String,
        /// What the program does with it.
        wanted: Use,
        /// What the token allows with it.
        allowed: BTreeSet<Use>,
    },
    /// A node finds that the data it holds is not what was published.
    #[error(
        "{}: the data held as `{dataset}` is not what was published and signed: expected root {expected}, found {found}: restore it, or publish a new version and draft the contract again",
        Clause::Data
    )]
    DatasetChanged {
        /// By reference.
        dataset: String,
        /// The root in the contract.
        expected: Hash,
        /// The root of what the node holds, or which part of it cannot be read or differs.
        found: String,
    },
    /// A node is to provide data that it does not hold.
    #[error(
        "{}: the provider's node does not hold `{dataset}`: import it again or draft the contract without it",
        Clause::Data
    )]
    DatasetNotHeld {
        /// By reference.
        dataset: String,
    },
    /// The contract's source cannot be compiled.
    #[error("{}: the source cannot be compiled: {reason}", Clause::Computation)]
    NotCompilable {
        /// What the compiler said.
        reason: String,
    },
}

/// Which other answer.
fn other(answered: Option<Hash>) -> String {
    answered.map_or_else(|| "of this contract".to_owned(), |contract| format!("under contract {contract}"))
}

/// What to do about a contract in a state in which no run may start.
const fn advice(state: State) -> &'static str {
    match state {
        State::Proposed => "collect the missing signatures, then start again",
        State::Superseded => "start the contract that took its place",
        State::Disputed => "wait for the decision of the arbitration",
        State::Revoked | State::Expired => "draft a new contract",
        State::Active | State::Exhausted => "start again",
    }
}

/// `a` or `b`; texts in backticks.
fn listed<T: fmt::Display>(items: &BTreeSet<T>) -> String {
    let items: Vec<_> = items.iter().map(|item| format!("`{item}`")).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(" or ") }
}

fn uses(allowed: &BTreeSet<Use>) -> String {
    if allowed.is_empty() { "no use of it".to_owned() } else { listed(allowed) }
}
