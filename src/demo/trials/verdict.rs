//! What came of an attempt, and whether it is what had to come of it.

use api::ClientError;
use api::types::runs::{RunView, StartRun};

use super::Refused;
use crate::demo::DemoError;
use crate::demo::execution::over;
use crate::demo::walk::World;

/// The rule that must refuse, and a word that its reason must contain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule<'a> {
    name: &'a str,
    says: &'a str,
}

impl<'a> Rule<'a> {
    /// A rule that says it all.
    pub(super) const fn named(name: &'a str) -> Self {
        Self { name, says: "" }
    }

    /// A rule with several causes, of which one is meant.
    pub(super) const fn saying(name: &'a str, says: &'a str) -> Self {
        Self { name, says }
    }

    fn fits(&self, (rule, reason): &(String, String)) -> bool {
        rule == self.name && reason.contains(self.says)
    }
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
    pub(super) fn expect(self, what: &str, rule: Rule<'_>, world: &World) -> Result<Refused, DemoError> {
        let what = what.to_owned();
        let reasons = match self {
            Self::Done(happened) => return Err(DemoError::NotRefused { what, happened }),
            Self::Refused(reasons) => reasons,
        };
        if let Some((rule, reason)) = reasons.iter().find(|reason| rule.fits(reason)) {
            return Ok(Refused { what, rule: rule.clone(), reason: world.named(reason) });
        }
        let (found, message) = reasons.into_iter().next().unwrap_or_default();
        Err(DemoError::RefusedOtherwise { what, expected: rule.name.to_owned(), found, message })
    }
}

/// What a node answered to a request that it must refuse. That it cannot be reached is no refusal.
pub(super) fn of_answer<T>(member: &str, answer: Result<T, ClientError>) -> Result<Verdict, DemoError> {
    match answer {
        Ok(_) => Ok(Verdict::Done(format!("the node of `{member}` did it"))),
        Err(ClientError::Refused(problem)) => {
            let reasons = problem.reasons.into_iter().map(|reason| (reason.rule, reason.message));
            Ok(Verdict::Refused(reasons.chain([(problem.rule, problem.message)]).collect()))
        }
        Err(error) => Err(DemoError::client(member)(error)),
    }
}

/// Starts a run and waits for its refusal, by the ledger or by gatekeepers.
pub(super) fn of_request(world: &World, by: &str, request: &StartRun) -> Result<Verdict, DemoError> {
    match world.client(by)?.start_run(request) {
        Ok(run) => Ok(of_run(&over(world, by, &run.id)?)),
        Err(error) => of_answer::<()>(by, Err(error)),
    }
}

/// What the gatekeepers said to a run.
fn of_run(view: &RunView) -> Verdict {
    if view.state != "refused" {
        return Verdict::Done(format!("the run is {}", view.state));
    }
    let said = view.refused_by.iter().flat_map(|(member, reasons)| {
        reasons.iter().map(move |reason| (reason.rule.clone(), format!("{member}: {}", reason.message)))
    });
    Verdict::Refused(said.collect())
}
