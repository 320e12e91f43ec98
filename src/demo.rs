//! `treaty demo`: one process per member, and the whole path from keys to a proof that is checked offline.
//!
//! | question | file |
//! | --- | --- |
//! | what does a scenario say? | [`scenario`], and [`shipped`] for those inside the binary |
//! | who runs the nodes, and makes sure that none stays behind? | [`fleet`], [`interrupt`] |
//! | who are the members, and on which ports? | [`members`] |
//! | where do keys, data and proofs lie? | [`place`] |
//! | what happens, in which order? | [`walk`], then [`execution`] for each run |
//! | what would the answer be in one place? | [`oracle`] |
//! | what must not happen? | [`trials`] |
//! | what do members decide about each other? | [`alliance`] |
//! | what is printed? | [`steps`] and [`report`] |
//!
//! Everything after the founding goes through the nodes' public API. Only the trials reach past it, where they play
//! somebody who cheats: a changed file on a disk, a signature by another key, a process that is killed.

mod alliance;
mod error;
mod execution;
mod fleet;
mod interrupt;
mod members;
mod oracle;
mod place;
mod report;
mod scenario;
mod shipped;
mod steps;
mod trials;
mod walk;

use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use self::error::DemoError;
use self::fleet::Fleet;
use self::place::Place;
use self::report::Report;
use self::scenario::Expectation;
use self::steps::Steps;
use self::walk::World;
use crate::error::Error;
use crate::output::{json, line};

/// What `treaty demo` is told.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Name of a shipped scenario, or a directory.
    pub(crate) scenario: String,
    /// Leave the nodes running.
    pub(crate) keep: bool,
    /// Where everything is made, and stays.
    pub(crate) directory: Option<PathBuf>,
    /// All members' nodes order the ledger together.
    pub(crate) bft: bool,
    /// Print one JSON document at the end, and nothing else.
    pub(crate) json: bool,
}

/// Walks the path; fails if anything differs from what the scenario expects.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    if options.bft {
        node::setup::find_cometbft()?;
    }
    let place = Arc::new(Place::make(options)?);
    let fleet = Arc::new(Fleet::default());
    let interruption = interrupt::watch(Arc::clone(&fleet), Arc::clone(&place))?;

    let mut report = Report::new(&options.scenario, place.root());
    let mut steps = Steps::begin(!options.json);
    let outcome = walk(options, &place, &fleet, &mut steps, &mut report);
    interruption.pass();
    report.close(&steps, outcome.as_ref().err());
    if options.json {
        line(&json(&report)?)?;
    } else if outcome.is_ok() {
        line(&report.farewell(&steps))?;
    }
    if !(options.keep && outcome.is_ok()) {
        fleet.stop();
        place.clear(outcome.is_err());
    }
    if outcome.is_err() && place.logs().exists() {
        eprintln!("the nodes' logs are in {}", place.logs().display());
    }
    Ok(outcome?)
}

fn walk(
    options: &Options,
    place: &Arc<Place>,
    fleet: &Arc<Fleet>,
    steps: &mut Steps,
    report: &mut Report,
) -> Result<(), DemoError> {
    let source = shipped::find(&options.scenario, place)?;
    let scenario = scenario::read(&source)?;
    report.title.clone_from(&scenario.title);
    steps.title(&scenario.title);

    let mut world = World::found(scenario, source, place, fleet, options.bft, steps)?;
    if options.scenario == "alliance" {
        alliance::walk(&mut world, options.bft, steps, report)?;
    } else {
        follow(&mut world, steps, report)?;
    }
    if options.keep {
        report.nodes = world.leave_running(steps)?;
    }
    Ok(())
}

/// What the scenario says, from data to trials.
fn follow(world: &mut World, steps: &mut Steps, report: &mut Report) -> Result<(), DemoError> {
    world.publish(steps)?;
    world.agree(steps)?;
    for (number, run) in (1..).zip(&world.scenario.runs) {
        match &run.expect {
            Expectation::Completed => {
                let execution = execution::run(world, number, run, steps)?;
                steps.say(&execution.text());
                report.executions.push(execution);
            }
            Expectation::Refused(rule) => report.refusals.push(trials::refused_run(world, run, rule, steps)?),
        }
    }
    let prepared = trials::prepare(world, steps)?;
    for trial in &world.scenario.trials {
        report.refusals.push(trials::attempt(world, trial, &prepared, steps)?);
    }
    Ok(())
}
