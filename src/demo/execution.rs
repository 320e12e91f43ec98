//! One run that must complete: started, watched, read by its receiver, compared, paid, proven.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::types::ledger::Points;
use api::types::runs::{EgressLine, RunResult, RunView, StartRun};
use contract::Contract;
use ledger::proof::Report as Proven;
use serde::Serialize;

use super::DemoError;
use super::members::Member;
use super::oracle::{self, Difference, Expected};
use super::scenario::RunText;
use super::steps::Steps;
use super::walk::{World, eventually, found};
use crate::cli::{verify_proof, why_not};
use crate::files;
use crate::output::{Progress, result_table, table};

/// A completed run, with everything that came of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Execution {
    /// The contract's name in the scenario.
    contract: String,
    /// The contract's id.
    contract_id: String,
    /// The run's id.
    run: String,
    /// What its receiver read.
    result: RunResult,
    /// What one place with all rows would have answered, without the groups under the floor.
    expected: Expected,
    /// How far they are apart.
    difference: Difference,
    /// Who was paid.
    settlement: SettlementView,
    /// What left each node, by member.
    egress: BTreeMap<String, Vec<EgressLine>>,
    /// Path of the proof.
    proof: PathBuf,
    /// What the proof proves, as checked offline.
    proven: Proven,
}

/// Points that moved.
#[derive(Clone, Debug, Serialize)]
struct SettlementView {
    /// Who paid.
    payer: String,
    /// How much.
    fee: u64,
    /// To whom.
    paid: BTreeMap<String, u64>,
    /// Before the run was requested.
    before: Points,
    /// After it completed.
    after: Points,
}

/// Does a run of the scenario, the `number`th.
pub(super) fn run(
    world: &World,
    number: usize,
    text: &RunText,
    steps: &mut Steps,
) -> Result<Execution, DemoError> {
    let contract_id = world.contracts.get(&text.contract).cloned().unwrap_or_default();
    let contract = world.contract_at(&text.by, &contract_id)?.contract;
    let before = points(world, &text.by)?;
    let run = steps.step("run", |progress| {
        let request = StartRun { contract: contract_id.clone(), purpose: text.purpose.clone() };
        let run = world.client(&text.by)?.start_run(&request).map_err(DemoError::client(&text.by))?;
        let run = completed(world, &contract, &text.by, &run.id, &text.contract, Some(progress))?;
        let detail = format!(
            "permitted by {} gatekeepers, computed by {}, {} receipts agree",
            run.permitted_by.len(),
            names(&contract, &contract.protection.compute_parties).join(", "),
            run.receipts_by.len(),
        );
        Ok((run, detail))
    })?;
    let (result, receiver) = steps.step("result", |_| {
        let receivers = names(&contract, &contract.output.receivers);
        let receiver = receivers.first().cloned().unwrap_or_default();
        let result = result_at(world, &receiver, &run.id)?;
        for other in receivers.iter().skip(1) {
            if result_at(world, other, &run.id)? != result {
                let what = format!("\n  - `{other}` received another result than `{receiver}`");
                return Err(DemoError::Differs { contract: text.contract.clone(), what });
            }
        }
        let detail = format!(
            "{} groups opened to {}, {} not opened",
            result.rows.len(),
            receivers.join(", "),
            result.suppressed.len(),
        );
        Ok(((result, receiver), detail))
    })?;
    let (expected, difference) = steps.step("compare with plaintext", |_| {
        let expected = oracle::expected(world, &contract, &result)?;
        let is_noisy = contract.output.disclosure.privacy.is_some();
        let difference = oracle::compare(&text.contract, &result, &expected, is_noisy)?;
        let detail = match is_noisy {
            true => {
                format!("numbers bear noise: they differ by {:.1e} at most, relatively", difference.relative)
            }
            false => format!(
                "exact numbers are equal, others differ by {:.1e} at most, relatively",
                difference.relative
            ),
        };
        Ok(((expected, difference), detail))
    })?;
    let settlement = steps.step("settlement", |_| settle(world, &contract, &text.by, &run, before))?;
    let egress = egress(world, &run.id)?;
    let (proof, proven) =
        steps.step("proof", |_| prove(world, &text.contract, number, &receiver, &run.id))?;
    Ok(Execution {
        contract: text.contract.clone(),
        contract_id,
        run: run.id,
        result,
        expected,
        difference,
        settlement,
        egress,
        proof,
        proven,
    })
}

/// Follows a run on a compute party's node until it is over, then waits until the requester's node knows.
pub(super) fn completed(
    world: &World,
    contract: &Contract,
    requester: &str,
    run: &str,
    label: &str,
    progress: Option<&Progress>,
) -> Result<RunView, DemoError> {
    let watched = names(contract, &contract.protection.compute_parties);
    let watched = watched.first().map_or(requester, String::as_str);
    let client = world.client(watched)?;
    eventually("the run's arrival at a compute party", || {
        found(client.run(run)).map_err(DemoError::client(watched))
    })?;
    client
        .watch_run(run, |view| {
            if let (Some(progress), Some(done)) = (progress, &view.progress) {
                progress.set(done.done.into(), done.of.into());
            }
            !view.is_over()
        })
        .map_err(DemoError::client(watched))?;
    let view = over(world, requester, run)?;
    if view.state == "completed" {
        return Ok(view);
    }
    Err(DemoError::NotCompleted {
        contract: label.to_owned(),
        run: run.to_owned(),
        state: view.state.clone(),
        why: why_not(&view),
    })
}

/// The run as a member's node has it, as soon as nothing more happens to its outcome.
pub(super) fn over(world: &World, member: &str, run: &str) -> Result<RunView, DemoError> {
    let client = world.client(member)?;
    eventually("the run's end", || {
        let view = found(client.run(run)).map_err(DemoError::client(member))?;
        Ok(view.filter(RunView::is_over))
    })
}

/// What a receiver reads, once its node knows that the run is over.
fn result_at(world: &World, receiver: &str, run: &str) -> Result<RunResult, DemoError> {
    over(world, receiver, run)?;
    world.client(receiver)?.result(run).map_err(DemoError::client(receiver))
}

fn points(world: &World, member: &str) -> Result<Points, DemoError> {
    world.client(member)?.points().map_err(DemoError::client(member))
}

fn settle(
    world: &World,
    contract: &Contract,
    by: &str,
    run: &RunView,
    before: Points,
) -> Result<(SettlementView, String), DemoError> {
    let after = points(world, by)?;
    let total = |points: &Points| points.escrow + points.balances.values().sum::<u64>();
    if total(&before) != total(&after) {
        return Err(DemoError::PointsLost { before: total(&before), after: total(&after) });
    }
    let payer = names(contract, [&contract.settlement.payer]).join(", ");
    let fee = contract.settlement.fee;
    let paid: Vec<_> =
        run.settlement.iter().map(|(member, points)| format!("{points} to {member}")).collect();
    let detail = format!("{payer} paid {fee} points: {}", paid.join(", "));
    Ok((SettlementView { payer, fee, paid: run.settlement.clone(), before, after }, detail))
}

fn egress(world: &World, run: &str) -> Result<BTreeMap<String, Vec<EgressLine>>, DemoError> {
    let of = |member: &Member| {
        let egress = member.client.egress(run).map_err(DemoError::client(&member.name))?;
        Ok((member.name.clone(), egress.lines))
    };
    world.members.iter().map(of).collect()
}

/// Exports the proof, which needs a final checkpoint over the run's end, and checks it offline.
fn prove(
    world: &World,
    contract: &str,
    number: usize,
    member: &str,
    run: &str,
) -> Result<((PathBuf, Proven), String), DemoError> {
    let client = world.client(member)?;
    let bytes = eventually("a checkpoint over the run", || match client.proof(run) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.rule() == Some("unavailable") => Ok(None),
        Err(error) => Err(DemoError::client(member)(error)),
    })?;
    let path = world.place.proof(contract, number);
    files::write(&path, &bytes)?;
    let proven = verify_proof(&path, &world.place.alliance())
        .map_err(|error| DemoError::Unproven(error.to_string()))?;
    let detail = format!(
        "{} bytes, checked offline: {} entries under a cosigned checkpoint",
        bytes.len(),
        proven.entries
    );
    Ok(((path, proven), detail))
}

/// Names of members, as the contract has them.
pub(super) fn names<'a>(
    contract: &Contract,
    members: impl IntoIterator<Item = &'a contract::Did>,
) -> Vec<String> {
    members.into_iter().filter_map(|member| contract.party(member)).map(|party| party.name.clone()).collect()
}

impl Execution {
    /// For people.
    pub(super) fn text(&self) -> String {
        let egress = self.egress.iter().flat_map(|(from, lines)| {
            lines.iter().map(move |line| {
                [
                    from.clone(),
                    line.to.clone(),
                    line.kind.clone(),
                    line.bytes.to_string(),
                    line.messages.to_string(),
                ]
            })
        });
        let balances = self.settlement.after.balances.iter().map(|(member, after)| {
            let before = self.settlement.before.balances.get(member).copied().unwrap_or(0);
            let paid = self.settlement.paid.get(member).copied().unwrap_or(0);
            [member.clone(), before.to_string(), paid.to_string(), after.to_string()]
        });
        format!(
            "\n{}\nlargest difference to plaintext: {:.3e} absolute, {:.3e} relative\n\n{}\n\n{}\n",
            result_table(&self.result),
            self.difference.absolute,
            self.difference.relative,
            table(&["what left", "to", "as", "bytes", "messages"], egress),
            table(&["points", "before", "received", "after"], balances),
        )
    }

    /// Where its proof is.
    pub(super) fn proof(&self) -> &Path {
        &self.proof
    }
}
