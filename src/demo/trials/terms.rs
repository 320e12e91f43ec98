//! Purposes, columns, floors, receivers, programs: what the owners' terms and the contract's own words forbid.
//!
//! A node does not sign what breaks its terms. To show that this is not the only guard, all parties sign with their
//! keys past their nodes, and the gatekeepers refuse the run.

use api::types::contracts::DraftContract;
use contract::Hash;

use super::Refused;
use super::attempt::Attempt;
use super::verdict::{Rule, of_answer};
use crate::demo::DemoError;
use crate::demo::oracle;

/// A purpose that no owner allows.
const OTHER_PURPOSE: &str = "setting prices";

/// The contract is sound, but the data user states another purpose.
pub(super) fn other_purpose(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let id = attempt.agreed(&attempt.variant(|_| {})?)?;
    attempt.refused(&id, Some(OTHER_PURPOSE), Rule::named("purpose"))
}

/// The contract is for a purpose that the terms do not know.
pub(super) fn purpose_not_in_terms(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    against_terms(attempt, "purpose-not-allowed", |draft| draft.purpose = OTHER_PURPOSE.to_owned())
}

/// The query uses every number column, also those that the terms do not name.
pub(super) fn column_not_allowed(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let (table, column) = forbidden_column(attempt)?;
    against_terms(attempt, "column-not-allowed", |draft| {
        draft.template = None;
        // A query over several tables keeps them all, and asks for that column besides.
        let joined = draft.sql.as_deref().filter(|_| draft.tables.len() > 1);
        draft.sql = Some(match joined.and_then(|sql| sql.trim_start().strip_prefix("SELECT ")) {
            Some(rest) => format!("SELECT AVG({column}) AS mean_{column}, {rest}"),
            None => format!("SELECT COUNT(*) AS n, AVG({column}) AS mean FROM {table}"),
        });
    })
}

/// A table of the pattern, and a column of it that is published with a range but not allowed to be aggregated.
fn forbidden_column(attempt: &Attempt<'_>) -> Result<(String, String), DemoError> {
    let tables = &attempt.pattern.draft.tables;
    for (table, references) in tables {
        for reference in references {
            let name = reference.split(['/', '@']).nth(1).unwrap_or_default();
            let client = attempt.world.client(attempt.user())?;
            let page = client.catalog(name, None).map_err(DemoError::client(attempt.user()))?;
            let Some(entry) = page.items.iter().find(|entry| entry.reference == *reference) else { continue };
            let allowed = &entry.dataset.terms.columns;
            let mut columns = entry.dataset.schema.columns.iter();
            let forbidden =
                columns.find(|column| column.range.is_some() && !allowed.contains_key(&column.name));
            if let Some(column) = forbidden {
                return Ok((table.clone(), column.name.clone()));
            }
        }
    }
    Err(attempt.broken("every column with a range is allowed: leave one out of the terms"))
}

/// Groups of a single row would be opened.
pub(super) fn floor_too_low(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    against_terms(attempt, "floor-too-low", |draft| draft.floor_rows = Some(1))
}

/// The member is to receive the result, and the terms do not let it.
pub(super) fn receiver_not_in_terms(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let member = attempt.member.to_owned();
    against_terms(attempt, "receiver-not-allowed", |draft| draft.receivers.push(member))
}

/// Every node refuses to sign; signed past the nodes, every gatekeeper refuses the run.
fn against_terms(
    attempt: &Attempt<'_>,
    rule: &str,
    change: impl FnOnce(&mut DraftContract),
) -> Result<Refused, DemoError> {
    let contract = attempt.variant(change)?;
    let id = attempt.proposed(&contract)?;
    for party in &contract.parties {
        let view = attempt.world.contract_at(&party.name, &id)?;
        let client = attempt.world.client(&party.name)?;
        attempt.expect(of_answer(&party.name, client.sign(&view.id))?, Rule::named(rule))?;
    }
    for party in &contract.parties {
        attempt.file(attempt.user(), &id, &attempt.sign_offline(&party.name, &contract)?)?;
    }
    attempt.refused(&id, None, Rule::named(rule))
}

/// The contract names a program that is not the one of its source.
pub(super) fn program_differs(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let mut contract = attempt.variant(|_| {})?;
    contract.computation.program = Hash::of("program", b"another one");
    let id = attempt.forced(&contract)?;
    attempt.refused(&id, None, Rule::named("program-differs"))
}

/// The member asks for the result of the scenario's own run, which it is not to receive.
pub(super) fn receiver_not_named(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let run = attempt.earlier_run()?;
    let result = attempt.world.client(attempt.member)?.result(&run.id);
    attempt.expect(of_answer(attempt.member, result)?, Rule::named("not-a-receiver"))
}

/// The scenario's own run held groups back: the plaintext shows that they exist and are under the floor, and the
/// result shows nothing of them.
pub(super) fn group_under_floor(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let run = attempt.earlier_run()?;
    let contract = attempt.world.contract_at(attempt.user(), &run.contract)?.contract;
    let receiver = crate::demo::execution::names(&contract, &contract.output.receivers);
    let receiver = receiver.first().map_or("", String::as_str);
    let result = attempt.world.client(receiver)?.result(&run.id).map_err(DemoError::client(receiver))?;
    let withheld = oracle::withheld(attempt.world, &contract, &result)?;
    let floor = contract.output.floor_rows;
    if withheld.is_empty() {
        return Err(attempt.broken(format!("no group is under the floor of {floor} rows")));
    }
    let shown =
        result.rows.iter().any(|row| result.suppressed.iter().any(|key| oracle::is_of_group(row, key)));
    if shown {
        return Err(attempt.broken("a group is both opened and held back"));
    }
    let groups: Vec<_> = withheld.iter().map(|group| format!("`{group}`")).collect();
    Ok(attempt.shown(
        "under-the-floor",
        format!(
            "{} have fewer than {floor} rows: replaced by 0 inside the computation, never opened",
            groups.join(", ")
        ),
    ))
}
