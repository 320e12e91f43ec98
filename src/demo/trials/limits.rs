//! Windows and uses.

use std::collections::BTreeMap;
use std::time::Duration;

use api::types::runs::StartRun;

use super::attempt::Attempt;
use super::verdict::{Rule, of_answer};
use super::{Act, Refused};
use crate::cli::now_seconds;
use crate::demo::DemoError;
use crate::demo::execution::completed;
use crate::demo::steps::Steps;
use crate::demo::walk::World;

/// How long a contract lives that is to be tried after its end: long enough for all to sign it.
const SHORT_LIFE_SECONDS: u64 = 8;
/// A moment that does not come while the demonstration runs.
const LATER_SECONDS: u64 = 3600;

/// What takes time and was begun before the first attempt: contracts that expire meanwhile, by pattern.
#[derive(Debug, Default)]
pub(in crate::demo) struct Prepared {
    expiring: BTreeMap<String, Expiring>,
}

#[derive(Debug)]
struct Expiring {
    id: String,
    expires: u64,
}

/// Signs the contracts that are to expire.
pub(in crate::demo) fn prepare(world: &World, steps: &mut Steps) -> Result<Prepared, DemoError> {
    let mut prepared = Prepared::default();
    for trial in world.scenario.trials.iter().filter(|trial| trial.act == Act::Expired) {
        let attempt = Attempt::new(world, trial)?;
        let expiring = steps.step("short contract", |_| {
            let expires = now_seconds() + SHORT_LIFE_SECONDS;
            let id = attempt.agreed(&attempt.variant(|draft| draft.expires = expires)?)?;
            Ok((Expiring { id, expires }, format!("signed by all, expires in {SHORT_LIFE_SECONDS} s")))
        })?;
        prepared.expiring.insert(trial.contract.clone(), expiring);
    }
    Ok(prepared)
}

/// Waits for the end of the contract's window.
pub(super) fn expired(attempt: &Attempt<'_>, prepared: &Prepared) -> Result<Refused, DemoError> {
    let expiring = prepared.expiring.get(&attempt.pattern.name);
    let expiring = expiring.ok_or_else(|| attempt.broken("no contract was signed that expires"))?;
    std::thread::sleep(Duration::from_secs(expiring.expires.saturating_sub(now_seconds())));
    attempt.refused(&expiring.id, None, Rule::saying("not-active", "expired"))
}

/// A contract that all have signed for later.
pub(super) fn not_yet_valid(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let later = now_seconds() + LATER_SECONDS;
    let id = attempt.agreed(&attempt.variant(|draft| draft.not_before = Some(later))?)?;
    attempt.refused(&id, None, Rule::named("not-yet-valid"))
}

/// One run is granted, and completes; the second is refused.
pub(super) fn uses_exhausted(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let contract = attempt.variant(|draft| draft.runs = 1)?;
    let id = attempt.agreed(&contract)?;
    attempt.complete(&contract, &id)?;
    attempt.refused(&id, None, Rule::saying("not-active", "exhausted"))
}

/// Two members ask their own nodes at the same instant for the one run that is granted.
pub(super) fn simultaneous_runs(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let users = [attempt.user(), attempt.member];
    let contract = attempt.variant(|draft| {
        draft.runs = 1;
        draft.data_users = users.map(str::to_owned).to_vec();
    })?;
    let id = attempt.agreed(&contract)?;
    attempt.world.contract_at(attempt.member, &id)?;
    let request = StartRun { contract: id.clone(), purpose: None };
    let clients = [attempt.world.client(users[0])?, attempt.world.client(users[1])?];
    let starting_line = std::sync::Barrier::new(clients.len());
    let [first, second] = std::thread::scope(|scope| {
        clients
            .map(|client| {
                scope.spawn(|| {
                    starting_line.wait();
                    client.start_run(&request)
                })
            })
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (winner, run, loser, refusal) = match (first, second) {
        (Ok(run), refusal) => (users[0], run, users[1], refusal),
        (refusal, Ok(run)) => (users[1], run, users[0], refusal),
        (Err(error), Err(_)) => return Err(DemoError::client(users[0])(error)),
    };
    let refused = attempt.expect(of_answer(loser, refusal)?, Rule::saying("not-active", "exhausted"))?;
    completed(attempt.world, &contract, winner, &run.id, &attempt.pattern.name, None)?;
    let taken = attempt.world.contract_at(winner, &id)?.runs_taken;
    if taken == 1 { Ok(refused) } else { Err(attempt.broken(format!("1 use is granted, {taken} are taken"))) }
}
