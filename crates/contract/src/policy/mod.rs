//! The policy: one pure decision whether a run may start.
//!
//! Every node's gatekeeper takes it for itself, `contract check` takes it before anyone signs, and an auditor takes it
//! again afterwards; all call the same function on the same values. What is not permitted is refused, and every reason
//! is given, not only the first.

mod audit;
mod compared;
mod disclosure;
mod refusal;
mod rule;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::{
    compared::{Compared, plain_number},
    refusal::Refusal,
};
use crate::{
    Contract, Dataset, Did, Hash, Signature, Terms,
    access::Grant,
    audit::Opinion,
    consent::{NotSignedByAll, SignedByAll},
    dataset::Datasets,
    document::{Input, Role},
    lifecycle::State,
    terms::Use,
};

/// What a compiled program does with each table's columns. Every node derives it from the contract's own source and
/// takes nobody's word for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Hash of the program that the source compiles to.
    pub program: Hash,
    /// By table, then column; a table or column that is not named is not used.
    pub columns: BTreeMap<String, BTreeMap<String, BTreeSet<Use>>>,
    /// By table, then column: what conditions compare it with. A column that is not named is not compared.
    pub comparisons: BTreeMap<String, BTreeMap<String, Compared>>,
}

/// What the ledger says beside the contract.
#[derive(Clone, Copy, Debug)]
pub struct Catalog<'a> {
    /// By reference; a dataset that was withdrawn is not among them.
    pub datasets: &'a Datasets,
    /// The law that members act under, of those whose cards state it.
    pub jurisdictions: &'a BTreeMap<Did, String>,
}

/// What the ledger says about a contract at the moment of the decision.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The ledger's time, seconds since 1970.
    pub now: u64,
    /// Where the contract stands.
    pub state: State,
    /// By party.
    pub signatures: &'a BTreeMap<Did, Signature>,
    /// The key that signed for a party, where it is not the one that its identity names.
    pub signers: &'a BTreeMap<Did, Did>,
    /// What its auditors said of its report.
    pub opinions: &'a BTreeMap<Did, Opinion>,
    /// Uses taken and not given back, with this run's.
    pub runs_taken: u32,
    /// Datasets and members.
    pub catalog: Catalog<'a>,
    /// The tokens that the contract uses.
    pub tokens: &'a [Grant],
}

/// A run that someone asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its id on the ledger.
    pub run: Hash,
    /// The member that asks.
    pub requester: &'a Did,
    /// What it states as its purpose.
    pub purpose: &'a str,
}

/// The right to take part in one run; only [`decide`] makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    contract: Hash,
    run: Hash,
}

impl Permit {
    /// The contract's id.
    pub const fn contract(&self) -> Hash {
        self.contract
    }

    /// The run's id.
    pub const fn run(&self) -> Hash {
        self.run
    }
}

/// What can be said before anyone signs: everything but state, signatures, uses and the request. `report` is the hash of
/// the audit report as the caller derived it.
/// An empty answer means that nothing in form, catalog or terms stands against the contract now.
pub fn check(
    contract: &Contract,
    catalog: Catalog<'_>,
    usage: &Usage,
    report: Hash,
    now: u64,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    refuse_malformed(contract, &mut refusals);
    refuse_expired(contract, now, &mut refusals);
    refuse_program(contract, usage, &mut refusals);
    audit::refuse_other_report(contract, report, &mut refusals);
    refuse_data(contract, catalog, usage, now, &mut refusals);
    refusals
}

/// Whether a run may start under a contract. Pure; costs one signature verification per party. The audit report is what
/// the parties were told before they signed, and is not derived again: a later build may word it differently.
///
/// # Errors
/// Every [`Refusal`] that applies, in a fixed order: form, state, signatures, auditors, window, uses, request, program,
/// data, tokens.
pub fn decide(
    contract: &Contract,
    view: &View<'_>,
    usage: &Usage,
    request: &Request<'_>,
) -> Result<Permit, Vec<Refusal>> {
    let mut refusals = Vec::new();
    refuse_malformed(contract, &mut refusals);
    refuse_state(view.state, &mut refusals);
    let signed = refuse_unsigned(contract, view, &mut refusals);
    audit::refuse_opinions(contract, view.opinions, &mut refusals);
    refuse_window(contract, view, &mut refusals);
    refuse_uses(contract, view, &mut refusals);
    refuse_request(contract, request, &mut refusals);
    refuse_program(contract, usage, &mut refusals);
    refuse_data(contract, view.catalog, usage, view.now, &mut refusals);
    tokens::refuse_tokens(contract, view, usage, &mut refusals);
    match signed {
        Some(signed) if refusals.is_empty() => Ok(Permit { contract: signed.id(), run: request.run }),
        _ => Err(refusals),
    }
}

fn refuse_malformed(contract: &Contract, refusals: &mut Vec<Refusal>) {
    if let Err(flaws) = contract.validate() {
        refusals.extend(flaws.into_iter().map(|flaw| Refusal::Malformed { flaw }));
    }
}

/// `Exhausted` passes: it is the state from the request of the last run on, and that run's use is among those taken.
/// `Expired` is left to the window, which knows the times.
fn refuse_state(state: State, refusals: &mut Vec<Refusal>) {
    match state {
        State::Active | State::Exhausted | State::Expired => {}
        State::Revoked => refusals.push(Refusal::Revoked),
        State::Proposed | State::Superseded | State::Disputed => refusals.push(Refusal::NotActive { state }),
    }
}

/// A contract without canonical form has no signatures; that it is malformed is reported elsewhere.
fn refuse_unsigned<'a>(
    contract: &'a Contract,
    view: &View<'_>,
    refusals: &mut Vec<Refusal>,
) -> Option<SignedByAll<'a>> {
    match SignedByAll::check_by(contract, view.signatures, view.signers) {
        Ok(signed) => Some(signed),
        Err(NotSignedByAll::NoForm(_)) => None,
        Err(NotSignedByAll::Parties { missing, forged }) => {
            refusals.extend(missing.into_iter().map(|party| Refusal::SignatureMissing { party }));
            refusals.extend(forged.into_iter().map(|party| Refusal::SignatureForged { party }));
            None
        }
    }
}

fn refuse_window(contract: &Contract, view: &View<'_>, refusals: &mut Vec<Refusal>) {
    let (not_before, now) = (contract.limits.not_before, view.now);
    if now < not_before {
        refusals.push(Refusal::NotYetValid { not_before, now });
    }
    refuse_expired(contract, now, refusals);
    // Time on the ledger never goes back; a view in which it did is refused all the same.
    if view.state == State::Expired && now < contract.limits.expires {
        refusals.push(Refusal::NotActive { state: State::Expired });
    }
}

fn refuse_expired(contract: &Contract, now: u64, refusals: &mut Vec<Refusal>) {
    let expires = contract.limits.expires;
    if now >= expires {
        refusals.push(Refusal::Expired { expires, now });
    }
}

fn refuse_uses(contract: &Contract, view: &View<'_>, refusals: &mut Vec<Refusal>) {
    let (granted, taken) = (contract.limits.runs, view.runs_taken);
    if taken == 0 {
        refusals.push(Refusal::UseNotTaken);
    } else if taken > granted {
        refusals.push(Refusal::UsesExhausted { granted, taken });
    }
}

fn refuse_request(contract: &Contract, request: &Request<'_>, refusals: &mut Vec<Refusal>) {
    if !contract.has_role(request.requester, Role::DataUser) {
        refusals.push(Refusal::RequesterNotDataUser {
            requester: *request.requester,
            expected: contract.parties_with(Role::DataUser).map(|party| party.member).collect(),
        });
    }
    if request.purpose != contract.purpose {
        refusals.push(Refusal::PurposeDiffers {
            expected: contract.purpose.clone(),
            found: request.purpose.to_owned(),
        });
    }
}

fn refuse_program(contract: &Contract, usage: &Usage, refusals: &mut Vec<Refusal>) {
    let (expected, found) = (contract.computation.program, usage.program);
    if expected != found {
        refusals.push(Refusal::ProgramDiffers { expected, found });
    }
    let unknown = usage.columns.keys().filter(|table| !contract.computation.tables.contains_key(*table));
    refusals.extend(unknown.map(|table| Refusal::UnknownTable { table: table.clone() }));
}

/// A dataset that stands in several tables is judged once for each use of it, and no reason is given twice.
fn refuse_data(
    contract: &Contract,
    catalog: Catalog<'_>,
    usage: &Usage,
    now: u64,
    refusals: &mut Vec<Refusal>,
) {
    let (unused, uncompared) = (BTreeMap::new(), BTreeMap::new());
    for (table, input) in contract.inputs() {
        let mut found = Vec::new();
        match catalog.datasets.get(&input.dataset) {
            None => found.push(Refusal::UnknownDataset { dataset: input.dataset.clone() }),
            Some(dataset) => {
                refuse_other_data(input, dataset, &mut found);
                refuse_terms(contract, &input.dataset, &dataset.terms, now, &mut found);
                let columns = usage.columns.get(table).unwrap_or(&unused);
                refuse_columns(&input.dataset, &dataset.terms, columns, &mut found);
                let compared = usage.comparisons.get(table).unwrap_or(&uncompared);
                compared::refuse_comparisons(&input.dataset, dataset, compared, &mut found);
                refuse_elsewhere(contract, catalog, &input.dataset, &dataset.terms, &mut found);
            }
        }
        for refusal in found {
            if !refusals.contains(&refusal) {
                refusals.push(refusal);
            }
        }
    }
}

fn refuse_other_data(input: &Input, dataset: &Dataset, refusals: &mut Vec<Refusal>) {
    let reference = || input.dataset.clone();
    if input.provider != dataset.owner {
        let (expected, found) = (dataset.owner, input.provider);
        refusals.push(Refusal::OwnerDiffers { dataset: reference(), expected, found });
    }
    if input.root != dataset.root {
        let (expected, found) = (dataset.root, input.root);
        refusals.push(Refusal::RootDiffers { dataset: reference(), expected, found });
    }
}

fn refuse_terms(contract: &Contract, reference: &str, terms: &Terms, now: u64, refusals: &mut Vec<Refusal>) {
    let dataset = || reference.to_owned();
    if let Some(expired) = terms.expires.filter(|expires| now >= *expires) {
        refusals.push(Refusal::TermsExpired { dataset: dataset(), expired, now });
    }
    if !terms.purposes.contains(&contract.purpose) {
        let (allowed, found) = (terms.purposes.clone(), contract.purpose.clone());
        refusals.push(Refusal::PurposeNotAllowed { dataset: dataset(), allowed, found });
    }
    if !terms.schemes.contains(&contract.protection.scheme) {
        let (allowed, found) = (terms.schemes.clone(), contract.protection.scheme.clone());
        refusals.push(Refusal::SchemeNotAllowed { dataset: dataset(), allowed, found });
    }
    if contract.output.floor_rows < terms.floor_rows {
        let (expected, found) = (terms.floor_rows, contract.output.floor_rows);
        refusals.push(Refusal::FloorTooLow { dataset: dataset(), expected, found });
    }
    disclosure::refuse_disclosure(&contract.output.disclosure, reference, &terms.disclosure, refusals);
    audit::refuse_unaudited(contract, reference, &terms.disclosure, refusals);
    let anyone = terms.receivers.is_empty();
    let others = contract.output.receivers.iter().filter(|who| !anyone && !terms.receivers.contains(who));
    refusals.extend(
        others.map(|receiver| Refusal::ReceiverNotAllowed { dataset: dataset(), receiver: *receiver }),
    );
    if contract.limits.runs > terms.runs_max {
        let (allowed, found) = (terms.runs_max, contract.limits.runs);
        refusals.push(Refusal::TooManyRuns { dataset: dataset(), allowed, found });
    }
}

/// Shares of the data may be held only where the owner allows it.
fn refuse_elsewhere(
    contract: &Contract,
    catalog: Catalog<'_>,
    reference: &str,
    terms: &Terms,
    refusals: &mut Vec<Refusal>,
) {
    if terms.jurisdictions.is_empty() {
        return;
    }
    for party in contract.parties_with(Role::ComputeParty) {
        let found = catalog.jurisdictions.get(&party.member);
        if !found.is_some_and(|found| terms.jurisdictions.contains(found)) {
            refusals.push(Refusal::ComputedElsewhere {
                dataset: reference.to_owned(),
                party: party.member,
                allowed: terms.jurisdictions.clone(),
                found: found.cloned(),
            });
        }
    }
}

fn refuse_columns(
    reference: &str,
    terms: &Terms,
    columns: &BTreeMap<String, BTreeSet<Use>>,
    refusals: &mut Vec<Refusal>,
) {
    for (column, wanted) in columns {
        let allowed = terms.columns.get(column).cloned().unwrap_or_default();
        refusals.extend(wanted.difference(&allowed).map(|wanted| Refusal::ColumnNotAllowed {
            dataset: reference.to_owned(),
            column: column.clone(),
            wanted: *wanted,
            allowed: allowed.clone(),
        }));
    }
}
