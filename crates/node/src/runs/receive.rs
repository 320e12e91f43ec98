//! A receiver's part: collect the compute parties' output shares, check them against the receipts on the ledger,
//! combine them.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::types::runs::{ErrorBound, ResultColumn, RunResult};
use contract::{Contract, Did, Hash};
use ledger::{Phase, Receipt};

use program::{Output, Program};
use serde_json::Value;
use vm::SchemeName;

use super::Trouble;
use super::shares::{by_component, commit_output, outputs_from_bytes};
use crate::failure::Failure;
use crate::gatekeeper;
use crate::journal::Note;
use crate::node::Node;
use compiler::{Cell, Compiled, ResultTable};

/// What a receiver needs from the ledger.
struct Context {
    contract: Arc<Contract>,
    receipts: BTreeMap<Did, Receipt>,
}

/// Whether that member may hand output shares of the run to this node.
pub(crate) fn may_hand_over(node: &Node, run: &Hash, from: &Did) -> Result<(), Failure> {
    let context = context(node, run).ok_or_else(|| {
        Failure::refused("not-completed", format!("run {run} is not completed on this node's ledger"))
    })?;
    if !context.contract.output.receivers.contains(&node.me) {
        return Err(Failure::forbidden("not-a-receiver", "this member is no receiver of the contract"));
    }
    if !context.contract.protection.compute_parties.contains(from) {
        return Err(Failure::forbidden(
            "not-a-compute-party",
            "only compute parties hand over output shares",
        ));
    }
    Ok(())
}

/// Takes output shares from a member that [may hand them over](may_hand_over).
pub(crate) fn receive_output(node: &Node, run: &Hash, from: &Did, body: &[u8]) -> Result<(), Failure> {
    keep(node, run, from, body).map_err(|trouble| Failure::malformed(trouble.text))
}

/// Keeps one compute party's output shares; the last one completes the result, where some may vanish that of one more than
/// may collude.
pub(super) fn keep(node: &Node, run: &Hash, from: &Did, body: &[u8]) -> Result<(), Trouble> {
    let Some(context) = context(node, run) else { return Err(Trouble::new("the run is not completed")) };
    check(node, run, &context, from, body)?;
    node.journal.put(run, Note::Output(from), body)?;
    let protection = &context.contract.protection;
    let mut bodies = Vec::new();
    for party in &protection.compute_parties {
        bodies.extend(node.journal.read(run, Note::Output(party))?);
    }
    if bodies.len() < protection.receipts_needed() || node.journal.has(run, Note::Result)? {
        return Ok(());
    }
    let result = combine(node, &context, &bodies)?;
    let bytes = serde_json::to_vec(&result).map_err(|error| Trouble::new(error.to_string()))?;
    node.journal.put(run, Note::Result, &bytes)?;
    tracing::info!(%run, groups = result.rows.len(), suppressed = result.suppressed.len(), "result received");
    Ok(())
}

fn context(node: &Node, run: &Hash) -> Option<Context> {
    node.replica.read(|ledger| {
        let state = ledger.state();
        let record = state.run(run).filter(|record| record.phase == Phase::Completed)?;
        let contract = Arc::clone(&state.contract(&record.contract)?.contract);
        let receipts = record.receipts.iter().map(|(party, recorded)| (*party, recorded.value.clone()));
        Some(Context { contract, receipts: receipts.collect() })
    })
}

/// Output shares must be the ones that the party's receipt committed to.
fn check(node: &Node, run: &Hash, context: &Context, from: &Did, body: &[u8]) -> Result<(), Trouble> {
    let name = node.names.name(from);
    let wrong = |what: String| Trouble::by(*from, format!("the output shares of `{name}` {what}"));
    let scheme = gatekeeper::scheme(&context.contract).map_err(Trouble::new)?;
    let messages = outputs_from_bytes(body).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let views = (0..).zip(&messages).map(|(number, message)| (number, message.as_slice()));
    let components =
        by_component(scheme, views).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let Some(receipt) = context.receipts.get(from) else { return Err(wrong("have no receipt".to_owned())) };
    let committed: BTreeMap<_, _> =
        receipt.output.iter().map(|output| (output.component, output.hash)).collect();
    let found: BTreeMap<_, _> = components
        .iter()
        .map(|(component, parts)| (*component, commit_output(run, *component, parts)))
        .collect();
    if committed != found {
        return Err(wrong("are not the ones that its receipt commits to".to_owned()));
    }
    Ok(())
}

fn combine(node: &Node, context: &Context, bodies: &[Vec<u8>]) -> Result<RunResult, Trouble> {
    let compiled = gatekeeper::recompile(&context.contract, &node.replica)
        .map_err(|refusal| Trouble::new(refusal.to_string()))?;
    let scheme = gatekeeper::scheme(&context.contract).map_err(Trouble::new)?;
    let parties: Vec<Vec<Vec<u8>>> = bodies
        .iter()
        .map(|body| outputs_from_bytes(body))
        .collect::<Result<_, _>>()
        .map_err(|error| Trouble::new(error.to_string()))?;
    let outputs = opened(&compiled.program, scheme, &parties)?;
    let table = compiler::decode(&compiled, &outputs).map_err(|error| Trouble::new(error.to_string()))?;
    Ok(result_view(&compiled, &table, context.contract.output.floor_rows))
}

/// Every output of the program, from the share messages of the compute parties.
fn opened(
    program: &Program,
    scheme: SchemeName,
    parties: &[Vec<Vec<u8>>],
) -> Result<Vec<Vec<i128>>, Trouble> {
    let values = program.verify().map_err(|flaw| Trouble::new(flaw.to_string()))?;
    let column = |(number, output): (usize, &Output)| {
        let messages: Option<Vec<Vec<u8>>> = parties.iter().map(|party| party.get(number).cloned()).collect();
        let (Some(messages), Some(value)) = (messages, values.get(output.value)) else {
            return Err(Trouble::new(format!("the output shares lack `{}`", output.name)));
        };
        vm::combine(scheme, &messages, value.ty.kind, value.ty.elements() as u32).map_err(|error| {
            Trouble::new(format!("the shares of `{}` do not fit together: {error}", output.name))
        })
    };
    program.outputs.iter().enumerate().map(column).collect()
}

/// The result as the API shows it.
pub(crate) fn result_view(compiled: &Compiled, table: &ResultTable, floor_rows: u64) -> RunResult {
    let columns = compiled
        .columns
        .iter()
        .map(|column| ResultColumn {
            name: column.name.clone(),
            kind: column.cell_type().word().to_owned(),
            unit: column.unit.clone(),
            error: column
                .error
                .map(|error| ErrorBound { relative: error.relative, absolute: error.absolute }),
        })
        .collect();
    let rows = table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    RunResult { columns, rows, suppressed: table.suppressed.clone(), floor_rows }
}

/// Exact numbers that JSON readers would round travel as text.
fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Withheld => serde_json::json!({ "withheld": true }),
        Cell::Integer(value) => match i64::try_from(*value) {
            Ok(small) if small.unsigned_abs() < 1 << 53 => small.into(),
            _ => value.to_string().into(),
        },
        Cell::Decimal(text) | Cell::Text(text) | Cell::Date(text) | Cell::Timestamp(text) => {
            text.clone().into()
        }
        Cell::Real(value) => (*value).into(),
        Cell::Boolean(value) => (*value).into(),
    }
}
