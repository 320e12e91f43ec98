//! Whether the parties were told what they agree to, and whether the auditors approve of it.

use std::collections::BTreeMap;

use super::Refusal;
use crate::{Contract, Did, Hash, audit::Opinion, disclosure::DisclosureTerms};

/// Before signing: the contract names the report that this node derives.
pub(super) fn refuse_other_report(contract: &Contract, found: Hash, refusals: &mut Vec<Refusal>) {
    match contract.audit {
        None => refusals.push(Refusal::NotAudited),
        Some(expected) if expected != found => refusals.push(Refusal::AuditDiffers { expected, found }),
        Some(_) => {}
    }
}

/// Before a run: every auditor of the contract approved its report.
pub(super) fn refuse_opinions(
    contract: &Contract,
    opinions: &BTreeMap<Did, Opinion>,
    refusals: &mut Vec<Refusal>,
) {
    for auditor in contract.auditors() {
        match opinions.get(&auditor) {
            Some(Opinion::Approved) => {}
            Some(Opinion::Declined { reason }) => {
                refusals.push(Refusal::AuditDeclined { auditor, reason: reason.clone() });
            }
            None => refusals.push(Refusal::AuditOpen { auditor }),
        }
    }
}

/// The owner's demand for an auditor of its choice.
pub(super) fn refuse_unaudited(
    contract: &Contract,
    reference: &str,
    terms: &DisclosureTerms,
    refusals: &mut Vec<Refusal>,
) {
    let expected = &terms.auditors;
    if !expected.is_empty() && !contract.auditors().any(|auditor| expected.contains(&auditor)) {
        let dataset = reference.to_owned();
        refusals.push(Refusal::AuditorMissing { dataset, expected: expected.clone() });
    }
}
