//! What a drafter may leave open, filled in from the catalog and the alliance.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use api::types::contracts::DraftContract;
use contract::Did;
use contract::scheme::{Scheme, Size};
use ledger::{State, alliance::Standing};

use super::{scheme_of, source};
use crate::failure::Failure;
use crate::node::Node;

/// The draft with nothing left open:
/// - a table that is not listed is made up of every member's newest dataset of that name;
/// - the drafter's own member asks, receives and pays;
/// - where terms ask for an auditor, the first of those that they name is one;
/// - the data's owners compute, joined by as many others as the scheme needs, in the order of their names, as far as the
///   terms let them where they are.
pub(super) fn complete(node: &Node, request: &DraftContract) -> Result<DraftContract, Failure> {
    let mut draft = request.clone();
    let sql = source(request)?;
    let tables = compiler::tables(&sql)
        .map_err(|refused| Failure::malformed(refused.to_string()).next("treaty contract draft --help"))?;
    for table in tables {
        if let Entry::Vacant(open) = draft.tables.entry(table) {
            let datasets = newest(node, open.key())?;
            open.insert(datasets);
        }
    }
    if draft.data_users.is_empty() {
        draft.data_users = vec![node.config.name.clone()];
    }
    if draft.receivers.is_empty() {
        draft.receivers.clone_from(&draft.data_users);
    }
    if draft.settlement.payer.is_empty() {
        draft.settlement.payer = draft.data_users.first().cloned().unwrap_or_default();
    }
    draft.auditors.extend(auditors(node, &draft)?);
    if draft.compute_parties.is_empty() {
        draft.compute_parties = compute_parties(node, &draft);
    }
    Ok(draft)
}

/// The newest version of every member's dataset of that name, as far as it is not withdrawn.
fn newest(node: &Node, table: &str) -> Result<Vec<String>, Failure> {
    let datasets: Vec<String> = node.replica.read(|ledger| {
        let state = ledger.state();
        let paths: BTreeSet<&str> =
            state.datasets().map(|(_, record)| record.dataset.path.as_str()).collect();
        let named =
            paths.into_iter().filter(|path| path.split_once('/').is_some_and(|(_, name)| name == table));
        named
            .filter_map(|path| state.dataset(&format!("{path}@{}", state.latest_version(path)?)))
            .filter(|record| record.withdrawn.is_none())
            .map(|record| record.dataset.reference())
            .collect()
    });
    if datasets.is_empty() {
        let nothing =
            format!("no member has published a dataset called `{table}`: list what makes up the table");
        return Err(Failure::not_found(nothing).next("treaty catalog search"));
    }
    Ok(datasets)
}

/// The auditors that the terms of the drafted datasets ask for beside those that the draft has.
fn auditors(node: &Node, draft: &DraftContract) -> Result<Vec<String>, Failure> {
    let named: BTreeSet<Did> = node.names.members(&draft.auditors)?;
    let mut missing = BTreeSet::new();
    node.replica.read(|ledger| {
        for reference in draft.tables.values().flatten() {
            let Some(record) = ledger.state().dataset(reference) else { continue };
            let asked = &record.dataset.terms.disclosure.auditors;
            let has = |auditor: &Did| named.contains(auditor) || missing.contains(auditor);
            if !asked.iter().any(has) {
                missing.extend(asked.first());
            }
        }
    });
    Ok(missing.iter().map(|auditor| node.names.name(auditor)).collect())
}

/// Whether all terms of the drafted datasets let a member compute where it is.
fn is_allowed(draft: &DraftContract, state: &State, member: &Did) -> bool {
    let datasets = draft.tables.values().flatten().filter_map(|reference| state.dataset(reference));
    datasets.map(|record| &record.dataset.terms.jurisdictions).all(|allowed| {
        allowed.is_empty() || state.jurisdiction(member).is_some_and(|law| allowed.contains(law))
    })
}

fn compute_parties(node: &Node, draft: &DraftContract) -> Vec<String> {
    let owners: BTreeSet<String> = draft
        .tables
        .values()
        .flatten()
        .filter_map(|reference| Some(reference.split_once('/')?.0.to_owned()))
        .collect();
    let needed = match Scheme::find(scheme_of(draft)).map(|scheme| scheme.size) {
        Some(Size::Fixed { parties, .. }) => parties,
        Some(Size::Majority) | None => owners.len().max(3),
    };
    let others: BTreeSet<String> = node.replica.read(|ledger| {
        let full = ledger.state().roster().cards().filter(|card| card.standing == Standing::Member);
        full.filter(|card| is_allowed(draft, ledger.state(), &card.member))
            .map(|card| card.name.clone())
            .collect()
    });
    let mut parties: Vec<String> = owners.into_iter().filter(|owner| others.contains(owner)).collect();
    for other in draft.data_users.iter().chain(&others) {
        if !parties.contains(other) && others.contains(other) {
            parties.push(other.clone());
        }
    }
    parties.truncate(needed);
    parties
}
