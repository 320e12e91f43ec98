//! What must not happen, tried in earnest. A demonstration fails when something is not refused, or is refused for
//! another reason than expected.

use serde::{Deserialize, Serialize};

use api::types::runs::{RunView, StartRun};
use api::ClientError;

use super::DemoError;
use super::execution::over;
use super::scenario::TrialText;
use super::steps::Steps;
use super::walk::World;

/// What can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Act {
    /// A run under a contract that one party has not signed.
    MissingSignature,
}

/// Something that was refused, as it had to be.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refused {
    /// What was tried.
    pub(super) what: String,
    /// The rule that refused.
    pub(super) rule: String,
    /// What it said.
    pub(super) reason: String,
}

/// Starts a run that must be refused, at the request or by a gatekeeper.
pub(super) fn refused_run(
    world: &World,
    number: usize,
    rule: &str,
    steps: &mut Steps,
) -> Result<Refused, DemoError> {
    let text = world.scenario.runs[number].clone();
    let what = format!("run of {}", text.contract);
    let id = world.contracts.get(&text.contract).cloned().unwrap_or_default();
    steps.step(&what, |_| {
        let request = StartRun { contract: id, purpose: text.purpose.clone() };
        let verdict = start(world, &text.by, &request)?;
        shown(verdict.expect(&what, rule)?)
    })
}

/// Tries something that must be refused.
pub(super) fn attempt(world: &mut World, trial: &TrialText, steps: &mut Steps) -> Result<Refused, DemoError> {
    let _ = (world, trial, steps);
    Err(DemoError::TooLate { what: String::new(), seconds: 0 })
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// Somebody said no: every rule that refused, with its reason.
    Refused(Vec<(String, String)>),
    /// Nobody did.
    Done(String),
}

impl Verdict {
    /// The refusal by that rule, if it is one of those given.
    pub(super) fn expect(self, what: &str, rule: &str) -> Result<Refused, DemoError> {
        let what = what.to_owned();
        let reasons = match self {
            Self::Done(happened) => return Err(DemoError::NotRefused { what, happened }),
            Self::Refused(reasons) => reasons,
        };
        if let Some((rule, reason)) = reasons.iter().find(|(found, _)| found == rule) {
            return Ok(Refused { what, rule: rule.clone(), reason: reason.clone() });
        }
        let (found, message) = reasons.into_iter().next().unwrap_or_default();
        Err(DemoError::RefusedOtherwise { what, expected: rule.to_owned(), found, message })
    }

    /// What a node answered to a request that it must refuse. That it cannot be reached is no refusal.
    pub(super) fn of_answer<T>(member: &str, answer: Result<T, ClientError>) -> Result<Self, DemoError> {
        match answer {
            Ok(_) => Ok(Self::Done(format!("the node of `{member}` did it"))),
            Err(ClientError::Refused(problem)) => {
                let reasons = problem.reasons.iter().map(|reason| (reason.rule.clone(), reason.message.clone()));
                let whole = (problem.rule.clone(), problem.message.clone());
                Ok(Self::Refused(reasons.chain([whole]).collect()))
            }
            Err(error) => Err(DemoError::client(member)(error)),
        }
    }

    /// What the gatekeepers said to a run.
    pub(super) fn of_run(view: &RunView) -> Self {
        if view.state != "refused" {
            return Self::Done(format!("the run is {}", view.state));
        }
        let said = view.refused_by.iter().flat_map(|(member, reasons)| {
            reasons.iter().map(move |reason| (reason.rule.clone(), format!("{member}: {}", reason.message)))
        });
        Self::Refused(said.collect())
    }
}

/// Starts a run and waits for its refusal.
pub(super) fn start(world: &World, by: &str, request: &StartRun) -> Result<Verdict, DemoError> {
    match world.client(by)?.start_run(request) {
        Ok(run) => Ok(Verdict::of_run(&over(world, by, &run.id)?)),
        Err(error) => Verdict::of_answer::<()>(by, Err(error)),
    }
}

/// A refusal with the line that shows it.
pub(super) fn shown(refused: Refused) -> Result<(Refused, String), DemoError> {
    let detail = format!("refused as it must be: {}", refused.reason);
    Ok((refused, detail))
}
