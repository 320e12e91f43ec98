//! The audit report of a contract: what its program reveals, and what its parties could do with that.
//!
//! Everything follows from the contract and what its program was compiled from. What has been answered before is not part
//! of it, since it changes: each provider's node counts that when it signs and before each run ([`crate::overlap`]).

use std::collections::BTreeSet;

use contract::{
    Contract, Did,
    audit::{Attack, FORMAT, Report, Score, Signer, Verdict},
    disclosure::cost,
    document::{Party, Role},
};

use crate::Compiled;

/// The report of a contract whose source compiles to `compiled`. Equal arguments give equal reports, on every machine.
pub fn report(contract: &Contract, compiled: &Compiled) -> Report {
    let mut findings = compiled.audit.clone();
    findings.attacks.extend([own_rows(contract), pooled_shares(contract), repetition(contract)]);
    Report {
        format: FORMAT.to_owned(),
        title: contract.title.clone(),
        purpose: contract.purpose.clone(),
        program: compiled.usage.program,
        signers: contract.parties.iter().map(|party| signer(contract, party)).collect(),
        score: Score::of(&findings.attacks),
        findings,
    }
}

fn signer(contract: &Contract, party: &Party) -> Signer {
    Signer {
        member: party.member,
        name: party.name.clone(),
        roles: party.roles.clone(),
        learns: learns(contract, party),
        gives: gives(contract, party),
    }
}

fn learns(contract: &Contract, party: &Party) -> Vec<String> {
    let has = |role| party.roles.contains(&role);
    let mut learns = Vec::new();
    if has(Role::Receiver) {
        learns.push("the result: what is listed under what the receivers learn".to_owned());
    }
    if has(Role::ComputeParty) {
        let (parties, threshold) = (contract.protection.compute_parties.len(), contract.protection.threshold);
        learns.push(format!(
            "as one of {parties} that compute, sizes and times, and no value as long as at most {threshold} of them put \
             together what they hold"
        ));
    }
    if !has(Role::Receiver) {
        learns.push("nothing of the result".to_owned());
    }
    if has(Role::DataProvider) {
        learns.push("nothing of what the other providers bring, beside what the result says".to_owned());
    }
    learns.push("from the ledger, who ran what and when".to_owned());
    learns
}

fn gives(contract: &Contract, party: &Party) -> Vec<String> {
    let mut gives = Vec::new();
    let own = contract.inputs().filter(|(_, input)| input.provider == party.member);
    let datasets: BTreeSet<&str> = own.map(|(_, input)| input.dataset.as_str()).collect();
    for dataset in datasets {
        gives.push(format!(
            "secret shares of what its node computes at home from `{dataset}`, {} at most",
            times(contract.limits.runs)
        ));
    }
    let committed = &contract.computation.committed;
    if party.roles.contains(&Role::ComputeParty) && !committed.is_empty() {
        let values: Vec<_> = committed.iter().map(|value| format!("v{value}")).collect();
        gives.push(format!(
            "commitments to its shares of {}, and these themselves if it shows them in a dispute: who has those of more than \
             {} that compute knows the values, whatever the floor",
            values.join(", "),
            contract.protection.threshold
        ));
    }
    let settlement = &contract.settlement;
    if settlement.payer == party.member && settlement.fee > 0 {
        gives.push(format!("the fee, {} points", settlement.fee));
    }
    if party.roles.contains(&Role::Auditor) {
        gives.push("its opinion of this report, without which no run starts".to_owned());
    }
    gives
}

fn times(runs: u32) -> String {
    if runs == 1 { "once".to_owned() } else { format!("{runs} times") }
}

/// Whoever receives a total and knows a part of it knows the rest of it.
fn own_rows(contract: &Contract) -> Attack {
    let providers: BTreeSet<Did> = contract.inputs().map(|(_, input)| input.provider).collect();
    let name = |member: &Did| contract.party(member).map_or_else(String::new, |party| party.name.clone());
    let both: Vec<String> = providers.intersection(&contract.output.receivers).map(name).collect();
    let others = providers.len().saturating_sub(1);
    let rule = &contract.output.disclosure;
    let (verdict, reason) = match both.as_slice() {
        [] => (Verdict::Closed, "no receiver provides rows".to_owned()),
        _ if rule.privacy.is_some() => (Verdict::Closed, "what remains bears noise".to_owned()),
        both if others == 0 => (Verdict::Closed, format!("all rows are those of {}", quoted(both))),
        both if others == 1 => (
            Verdict::Open,
            format!(
                "{} can take its own rows out of counts and sums, and what remains is one other provider's, however few \
                 rows those are",
                quoted(both)
            ),
        ),
        both if rule.contributors_min > 2 => (
            Verdict::Bounded,
            format!(
                "{} can take its own rows out of counts and sums, but a group that is shown has rows of {} members at \
                 least",
                quoted(both),
                rule.contributors_min
            ),
        ),
        both => (
            Verdict::Bounded,
            format!(
                "{} can take its own rows out of counts and sums; what remains is of {others} other providers, or of fewer \
                 where a group has rows of fewer: `contributors_min` would bound that",
                quoted(both)
            ),
        ),
    };
    Attack { name: "a receiver taking its own rows out of the result".to_owned(), verdict, reason }
}

fn pooled_shares(contract: &Contract) -> Attack {
    let (parties, threshold) = (contract.protection.compute_parties.len(), contract.protection.threshold);
    let reason = format!(
        "up to {threshold} of the {parties} compute parties together hold nothing that tells a value; more of them could \
         put together every shared number"
    );
    let name = "compute parties putting their shares together".to_owned();
    Attack { name, verdict: Verdict::Bounded, reason }
}

fn repetition(contract: &Contract) -> Attack {
    let runs = contract.limits.runs;
    let (verdict, reason) = match contract.output.disclosure.privacy {
        Some(privacy) if runs == 1 => (
            Verdict::Closed,
            format!("there is one run; it takes {} of each data user's and receiver's budget", cost(privacy)),
        ),
        None if runs == 1 => (Verdict::Closed, "there is one run".to_owned()),
        None => (Verdict::Closed, "the contract fixes the data: every run gives the same result".to_owned()),
        Some(privacy) => (
            Verdict::Bounded,
            format!(
                "the mean of {runs} runs bears less noise than one; each takes {} of each data user's and receiver's \
                 budget",
                cost(privacy)
            ),
        ),
    };
    Attack { name: "asking the same again".to_owned(), verdict, reason }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
