//! Signatures: missing, forged, over something else, withdrawn.

use api::types::contracts::{FileSignature, RevokeContract};

use super::Refused;
use super::attempt::Attempt;
use super::verdict::{Rule, of_answer};
use crate::demo::DemoError;

/// All but one sign; the run is refused, and everyone can see who is missing.
pub(super) fn missing_signature(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let contract = attempt.variant(|_| {})?;
    let id = attempt.signed_except(&contract, &[attempt.member])?;
    let mut refused = attempt.refused(&id, None, Rule::saying("not-active", "proposed"))?;
    let view = attempt.world.contract_at(attempt.user(), &id)?;
    let missing: Vec<_> = view.signatures.iter().filter(|signature| signature.signature.is_none()).collect();
    match missing.as_slice() {
        [one] if one.party == attempt.member => {
            refused.reason.push_str(&format!("; `{}` has not signed", one.party));
            Ok(refused)
        }
        _ => Err(attempt
            .broken(format!("expected `{}` alone not to have signed, found {missing:?}", attempt.member))),
    }
}

/// Another member signs in the member's name.
pub(super) fn forged_signature(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let contract = attempt.variant(|_| {})?;
    let id = attempt.proposed(&contract)?;
    let forger =
        contract.parties.iter().map(|party| party.name.as_str()).find(|name| *name != attempt.member);
    let forger = forger.unwrap_or_default();
    let forged = FileSignature {
        party: attempt.world.member(attempt.member)?.did.to_string(),
        ..attempt.sign_offline(forger, &contract)?
    };
    let client = attempt.world.client(attempt.user())?;
    attempt.expect(
        of_answer(attempt.user(), client.file_signature(&id, &forged))?,
        Rule::named("forged-signature"),
    )
}

/// All have signed; the member changes the fee and files the signatures again.
pub(super) fn changed_after_signing(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let contract = attempt.variant(|_| {})?;
    let id = attempt.agreed(&contract)?;
    let signed = attempt.world.contract_at(attempt.member, &id)?;

    let mut changed = contract;
    changed.settlement.fee += 1;
    let changed_id = attempt.proposed(&changed)?;
    attempt.world.contract_at(attempt.member, &changed_id)?;
    let client = attempt.world.client(attempt.member)?;
    let mut outcome = None;
    for (party, view) in changed.parties.iter().zip(&signed.signatures) {
        let signature = FileSignature {
            party: party.member.to_string(),
            signature: view.signature.clone().unwrap_or_default(),
        };
        let verdict = of_answer(attempt.member, client.file_signature(&changed_id, &signature))?;
        outcome = Some(attempt.expect(verdict, Rule::named("forged-signature"))?);
    }
    attempt.refused(&changed_id, None, Rule::saying("not-active", "proposed"))?;
    outcome.ok_or_else(|| attempt.broken("the contract has no parties"))
}

/// One party alone stops everything.
pub(super) fn revoked(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let id = attempt.agreed(&attempt.variant(|_| {})?)?;
    attempt.world.contract_at(attempt.member, &id)?;
    let request = RevokeContract { reason: "we changed our mind".to_owned() };
    let client = attempt.world.client(attempt.member)?;
    client.revoke(&id, &request).map_err(DemoError::client(attempt.member))?;
    attempt.refused(&id, None, Rule::saying("not-active", "revoked"))
}
