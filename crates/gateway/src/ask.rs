//! From a question to the contract that asks it, and its run.

use api::types::contracts::ContractView;
use api::types::runs::{RunResult, RunView};

use crate::{
    Node,
    refusal::{AMBIGUOUS, FAILED, NOT_NOW, NOT_PERMITTED, Refusal},
    rows::{Columns, kind},
    statement::LISTED,
    text::canonical,
};

/// What answers a question.
#[derive(Clone, Debug)]
pub(crate) enum Answering {
    /// A run of the contract of this id, which the member receives and which may run.
    Run(String),
    /// Views; where they have nothing that is called so, this is why no contract that asks the same runs.
    Views(Option<Refusal>),
}

/// What answers a question: the contract that asks exactly this and may run for this member, else views. Anybody can propose
/// a contract of any text; it is none of the member's questions before it is in force.
///
/// `database` is what the client connected to: the beginning of a contract's id chooses among several that ask the same.
pub(crate) fn find(node: &dyn Node, question: &str, database: Option<&str>) -> Result<Answering, Refusal> {
    let (name, member) = node.member()?;
    chosen(node.contracts()?, question, database, &name, &member)
}

/// The columns of a contract's results, by its program alone.
pub(crate) fn columns(node: &dyn Node, contract: &str) -> Result<Columns, Refusal> {
    let columns = node.columns(contract)?;
    Ok(columns.iter().map(|column| (column.name.clone(), kind(&column.kind, column.is_wide))).collect())
}

/// Runs a contract; takes one of its uses.
pub(crate) fn run(node: &dyn Node, contract: &str) -> Result<RunResult, Refusal> {
    let (run, result) = node.run(contract)?;
    result.ok_or_else(|| not_completed(&run))
}

fn chosen(
    contracts: Vec<ContractView>,
    question: &str,
    database: Option<&str>,
    name: &str,
    member: &str,
) -> Result<Answering, Refusal> {
    let mut same: Vec<_> =
        contracts.into_iter().filter(|view| canonical(&view.contract.computation.sql) == question).collect();
    if let Some(database) = database.filter(|database| names_contract(database)) {
        same.retain(|view| view.id.starts_with(database));
    }
    if same.is_empty() {
        return Ok(Answering::Views(None));
    }
    let (received, others): (Vec<_>, Vec<_>) = same.into_iter().partition(|view| receives(view, member));
    if received.is_empty() {
        let ids = ids(&others);
        return Ok(Answering::Views(Some(Refusal::new(
            NOT_PERMITTED,
            format!("`{name}` does not receive the results of contract {ids}"),
            "its receivers ask on their own gateways",
        ))));
    }
    let (active, others): (Vec<_>, Vec<_>) = received.into_iter().partition(|view| view.state == "active");
    match active.as_slice() {
        [contract] => Ok(Answering::Run(contract.id.clone())),
        [] => Ok(Answering::Views(Some(not_active(&others)))),
        several => Err(Refusal::new(
            AMBIGUOUS,
            format!("several contracts ask this: {}", ids(several)),
            "connect to a database named like the beginning of the contract's id: `psql -d ID`",
        )),
    }
}

/// A question that only a contract could answer.
pub(crate) fn nobody_asks() -> Refusal {
    let hint = format!("{LISTED}; `treaty query 'SELECT …'` drafts a new contract");
    Refusal::new(NOT_PERMITTED, "no contract asks exactly this", hint)
}

/// Whether a contract names this member as receiver.
pub(crate) fn receives(view: &ContractView, member: &str) -> bool {
    view.contract.output.receivers.iter().any(|receiver| receiver.to_string() == member)
}

/// Whether a database's name can be the beginning of a contract's id; other names mean nothing.
fn names_contract(database: &str) -> bool {
    database.len() >= 8 && database.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn ids(contracts: &[ContractView]) -> String {
    contracts.iter().map(|view| view.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// Why none of these runs.
pub(crate) fn not_active(contracts: &[ContractView]) -> Refusal {
    let Some(last) = contracts.last() else {
        return Refusal::new(NOT_PERMITTED, "no contract asks exactly this", LISTED);
    };
    let hint = match last.state.as_str() {
        "proposed" => format!("it runs once all parties have signed: `treaty contract show {}`", last.id),
        "exhausted" => "all its uses are taken; propose a contract with more".to_owned(),
        _ => "propose a new contract".to_owned(),
    };
    Refusal::new(NOT_NOW, format!("contract {} is {}", last.id, last.state), hint)
}

fn not_completed(run: &RunView) -> Refusal {
    let mut message = format!("run {} is {}", run.id, run.state);
    for (who, reasons) in &run.refused_by {
        let reasons: Vec<_> = reasons.iter().map(|reason| reason.message.as_str()).collect();
        message.push_str(&format!("; `{who}` refused: {}", reasons.join("; ")));
    }
    if let Some(failure) = &run.failure {
        message.push_str(&format!("; {}", failure.reason));
    }
    let code = if run.refused_by.is_empty() { FAILED } else { NOT_PERMITTED };
    Refusal::new(code, message, format!("`treaty run show {}` says more", run.id))
}
