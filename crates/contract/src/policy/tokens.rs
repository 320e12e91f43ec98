//! Tokens: where a dataset's terms ask for one, every data user needs one that covers the program and still stands.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refusal, Usage, View};
use crate::{Contract, Did, access::Grant, document::Role, terms::Use};

pub(super) fn refuse_tokens(
    contract: &Contract,
    view: &View<'_>,
    usage: &Usage,
    refusals: &mut Vec<Refusal>,
) {
    let unused = BTreeMap::new();
    let users: Vec<Did> = contract.parties_with(Role::DataUser).map(|party| party.member).collect();
    for (table, input) in contract.inputs() {
        let needs =
            view.catalog.datasets.get(&input.dataset).is_some_and(|dataset| dataset.terms.access.is_some());
        if !needs {
            continue;
        }
        let columns = usage.columns.get(table).unwrap_or(&unused);
        for holder in users.iter().filter(|user| **user != input.provider) {
            let fits = |grant: &&Grant| grant.dataset == input.dataset && grant.holder == *holder;
            let mut found = Vec::new();
            match view.tokens.iter().find(fits) {
                Some(grant) => refuse_grant(grant, columns, view.now, &mut found),
                None => found.push(Refusal::TokenMissing { dataset: input.dataset.clone(), holder: *holder }),
            }
            found.retain(|refusal| !refusals.contains(refusal));
            refusals.extend(found);
        }
    }
}

fn refuse_grant(
    grant: &Grant,
    columns: &BTreeMap<String, BTreeSet<Use>>,
    now: u64,
    refusals: &mut Vec<Refusal>,
) {
    let (dataset, token) = (|| grant.dataset.clone(), grant.token);
    if grant.revoked {
        refusals.push(Refusal::TokenRevoked { dataset: dataset(), token });
    }
    if now >= grant.rights.expires {
        refusals.push(Refusal::TokenExpired { dataset: dataset(), expired: grant.rights.expires, now });
    }
    for (column, wanted) in columns {
        let allowed = grant.rights.columns.get(column).cloned().unwrap_or_default();
        refusals.extend(wanted.difference(&allowed).map(|wanted| Refusal::TokenColumn {
            dataset: dataset(),
            column: column.clone(),
            wanted: *wanted,
            allowed: allowed.clone(),
        }));
    }
}
