//! Processes that are killed with SIGKILL: nothing recorded is lost, no use is lost or gained, nothing is opened.

use std::time::Duration;

use api::types::contracts::ContractView;
use api::types::runs::RunView;
use contract::Contract;

use super::Refused;
use super::attempt::Attempt;
use super::verdict::{Rule, of_answer};
use crate::demo::DemoError;
use crate::demo::execution::over;
use crate::demo::walk::{eventually, found};

/// A run must end after this time, whatever happens.
const RUN_SECONDS_MAX: u32 = 20;
/// How often a run may be over before its victim is killed.
const ATTEMPTS: u32 = 6;

/// Kills the member's node while it computes. The run fails, the data user learns who is at fault, nothing is opened;
/// the node comes back, the use is given back. The other nodes go on serving: the next run completes.
///
/// The scenario says how long after the start of the joint computation; without it, at once, when the member may not
/// yet have its inputs. A run that completed before is tried again with half the delay, and at last with none: how long
/// a computation takes is the machine's affair.
pub(super) fn compute_party_disappears(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let contract = attempt.variant(|draft| {
        draft.runs = ATTEMPTS + 1;
        draft.run_seconds_max = Some(RUN_SECONDS_MAX);
    })?;
    let id = attempt.agreed(&contract)?;
    for number in 0..ATTEMPTS {
        let delay = if number + 1 < ATTEMPTS { attempt.delay / (1 << number) } else { Duration::ZERO };
        let Some(report) = kill_while_computing(attempt, &id, delay)? else { continue };
        attempt.complete(&contract, &id)?;
        let reason = format!(
            "the run failed, `{}` at fault: {report}; nothing was opened, the use was given back, the next run completed",
            attempt.member,
        );
        return Ok(attempt.shown("run-failed", attempt.world.named(&reason)));
    }
    Err(attempt.broken(format!("{ATTEMPTS} runs were over before the node could be killed")))
}

/// Answers with why the run failed; with nothing when it had completed before.
fn kill_while_computing(
    attempt: &Attempt<'_>,
    id: &str,
    delay: Duration,
) -> Result<Option<String>, DemoError> {
    let user = attempt.user();
    let run = attempt.start(id)?;
    wait_until(attempt, user, &run.id, "running")?;
    std::thread::sleep(delay);
    attempt.world.fleet.kill(attempt.member)?;
    let ended = over(attempt.world, user, &run.id);
    attempt.world.restart(attempt.member)?;
    let ended = ended?;
    let client = attempt.world.client(user)?;
    if ended.state == "completed" {
        // The member hands over its output shares once it is back.
        eventually("the result of a completed run", || match client.result(&run.id) {
            Err(error) if error.rule() == Some("unavailable") => Ok(None),
            result => result.map(Some).map_err(DemoError::client(user)),
        })?;
        return Ok(None);
    }
    attempt.expect(of_answer(user, client.result(&run.id))?, Rule::named("not-completed"))?;
    eventually("the return of the use", || {
        let view = client.run(&run.id).map_err(DemoError::client(user))?;
        Ok(view.use_returned.then_some(()))
    })?;
    match &ended.failure {
        Some(failure) if failure.blamed.as_deref() == Some(attempt.member) => {
            Ok(Some(failure.reason.clone()))
        }
        found => Err(attempt.broken(format!("expected `{}` to be blamed, found {found:?}", attempt.member))),
    }
}

/// Watches a run on a member's node until it is in a state, or over.
fn wait_until(attempt: &Attempt<'_>, member: &str, run: &str, state: &str) -> Result<(), DemoError> {
    let client = attempt.world.client(member)?;
    eventually("the run's arrival", || found(client.run(run)).map_err(DemoError::client(member)))?;
    client.watch_run(run, |view| view.state != state && !view.is_over()).map_err(DemoError::client(member))
}

/// Kills every node once after everything was recorded, then the member's and the operator's when a run was just
/// requested and when it is computed. What was acknowledged is there afterwards, on all nodes, and uses are exact.
pub(super) fn nodes_killed(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let contract = attempt.variant(|draft| {
        draft.runs = 5;
        draft.run_seconds_max = Some(RUN_SECONDS_MAX);
    })?;
    let id = attempt.agreed(&contract)?;
    for member in &attempt.world.members {
        let before = Memory::of(attempt, &member.name, &id)?;
        attempt.world.fleet.kill(&member.name)?;
        attempt.world.restart(&member.name)?;
        let after = Memory::of(attempt, &member.name, &id)?;
        before.must_be_in(&after, attempt, &member.name)?;
    }
    let mut runs = Vec::new();
    for victim in [attempt.member, attempt.world.scenario.operator()] {
        for state in ["requested", "running"] {
            runs.push(kill_during_run(attempt, &id, victim, state)?);
        }
    }
    attempt.complete(&contract, &id)?;
    let taken = uses_are_exact(attempt, &contract, &id)?;
    let ended: Vec<_> = runs.iter().map(|run| run.state.as_str()).collect();
    Ok(attempt.shown(
        "nothing-lost",
        format!(
            "every node was killed and came back with all it had; runs hit on the way are {}; {taken} uses are taken on every node",
            ended.join(", "),
        ),
    ))
}

/// What a node has recorded.
#[derive(Debug, PartialEq)]
struct Memory {
    final_entries: u64,
    catalog: Vec<String>,
    contract: ContractView,
    points: u64,
}

impl Memory {
    fn of(attempt: &Attempt<'_>, member: &str, id: &str) -> Result<Self, DemoError> {
        let contract = attempt.world.contract_at(member, id)?;
        let client = attempt.world.client(member)?;
        let failed = || DemoError::client(member);
        let points = client.points().map_err(failed())?;
        let catalog = client.catalog("", None).map_err(failed())?.items;
        Ok(Self {
            final_entries: client.status().map_err(failed())?.final_entries,
            catalog: catalog.into_iter().map(|entry| entry.reference).collect(),
            contract,
            points: points.escrow + points.balances.values().sum::<u64>(),
        })
    }

    /// The ledger may have grown; nothing else may have changed.
    fn must_be_in(&self, after: &Self, attempt: &Attempt<'_>, member: &str) -> Result<(), DemoError> {
        let is_kept = after.final_entries >= self.final_entries
            && after.catalog == self.catalog
            && after.contract.signatures == self.contract.signatures
            && after.contract.runs_taken == self.contract.runs_taken
            && after.points == self.points;
        if is_kept {
            return Ok(());
        }
        Err(attempt
            .broken(format!("the node of `{member}` was killed and remembers {after:?} instead of {self:?}")))
    }
}

/// Kills a node when a run is in a state, and brings it back; the run must end one way or the other.
fn kill_during_run(attempt: &Attempt<'_>, id: &str, victim: &str, state: &str) -> Result<RunView, DemoError> {
    let run = attempt.start(id)?;
    let witness = attempt.pattern.draft.compute_parties.iter().find(|party| *party != victim);
    wait_until(attempt, witness.map_or("", String::as_str), &run.id, state)?;
    attempt.world.fleet.kill(victim)?;
    attempt.world.restart(victim)?;
    let ended = over(attempt.world, attempt.user(), &run.id)?;
    if ended.state == "completed" {
        return Ok(ended);
    }
    // Once all compute parties have signed that nothing was opened.
    let client = attempt.world.client(attempt.user())?;
    eventually("the return of the use", || {
        let view = found(client.run(&run.id)).map_err(DemoError::client(attempt.user()))?;
        Ok(view.filter(|view| view.use_returned))
    })
}

/// On every node, exactly those uses are taken that were not given back.
fn uses_are_exact(attempt: &Attempt<'_>, contract: &Contract, id: &str) -> Result<u32, DemoError> {
    let user = attempt.user();
    let expected = count_uses(attempt, user, id)?;
    for party in &contract.parties {
        let client = attempt.world.client(&party.name)?;
        let what = format!("that {expected} uses are taken on the node of `{}`", party.name);
        eventually(&what, || {
            let view = client.contract(id).map_err(DemoError::client(&party.name))?;
            Ok((view.runs_taken == expected).then_some(()))
        })?;
    }
    Ok(expected)
}

fn count_uses(attempt: &Attempt<'_>, member: &str, id: &str) -> Result<u32, DemoError> {
    let client = attempt.world.client(member)?;
    let (mut uses, mut after) = (0, None);
    loop {
        let page = client.runs(after.as_deref()).map_err(DemoError::client(member))?;
        let taken = page.items.iter().filter(|run| run.contract == id && !run.use_returned);
        uses += u32::try_from(taken.count()).unwrap_or(u32::MAX);
        after = page.next;
        if after.is_none() {
            return Ok(uses);
        }
    }
}
