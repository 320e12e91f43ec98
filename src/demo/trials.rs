//! What must not happen, tried in earnest. A demonstration fails when something is not refused, or is refused for
//! another reason than expected.
//!
//! | subject | file |
//! | --- | --- |
//! | signatures: missing, forged, over something else, withdrawn | [`consent`] |
//! | windows and uses | [`limits`] |
//! | purposes, columns, floors, receivers, programs | [`terms`] |
//! | a changed disk, strangers on the network | [`outside`] |
//! | processes that are killed | [`crashes`] |
//! | what came of an attempt | [`verdict`] |

mod attempt;
mod consent;
mod crashes;
mod limits;
mod outside;
mod terms;
mod verdict;

use serde::{Deserialize, Serialize};

use api::types::runs::StartRun;

pub(super) use self::limits::{Prepared, prepare};

use self::attempt::Attempt;
use self::verdict::Rule;
use super::DemoError;
use super::scenario::{RunText, TrialText};
use super::steps::Steps;
use super::walk::World;

/// What can be tried. `member` is the one that suffers or cheats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Act {
    /// A run under a contract that the member has not signed.
    MissingSignature,
    /// A signature in the member's name by another key.
    ForgedSignature,
    /// The member changes a contract that all have signed, and files the signatures for it.
    ChangedAfterSigning,
    /// A run after the contract's last moment.
    Expired,
    /// A run before the contract's first moment.
    NotYetValid,
    /// One run more than granted.
    UsesExhausted,
    /// Two members start a run at the same instant, and one use is left.
    SimultaneousRuns,
    /// A run after the member has revoked the contract.
    Revoked,
    /// A run for another purpose than the contract's.
    OtherPurpose,
    /// A contract for a purpose that the terms do not know.
    PurposeNotInTerms,
    /// A column that the terms do not allow.
    ColumnNotAllowed,
    /// Smaller groups than the terms allow.
    FloorTooLow,
    /// A group under the contract's floor.
    GroupUnderFloor,
    /// A contract that names the member as receiver, whom the terms do not allow.
    ReceiverNotInTerms,
    /// The member, which is no receiver, asks for a result.
    ReceiverNotNamed,
    /// A program that is not the one of the contract's source.
    ProgramDiffers,
    /// The member's data on disk is not what it published.
    DatasetChanged,
    /// A node that is no member connects to the member's node.
    StrangerConnects,
    /// A person without a delegation asks the member's node.
    StrangerAsks,
    /// The member's node is killed while it computes.
    ComputePartyDisappears,
    /// Nodes are killed at several steps and started again.
    NodesKilled,
}

/// Something that was refused, as it had to be.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refused {
    /// What was tried.
    what: String,
    /// The rule that refused.
    rule: String,
    /// What it said.
    reason: String,
}

/// Starts a run of the scenario that must be refused, at the request or by a gatekeeper.
pub(super) fn refused_run(
    world: &World,
    text: &RunText,
    rule: &str,
    steps: &mut Steps,
) -> Result<Refused, DemoError> {
    let what = format!("run of {}", text.contract);
    let contract = world.contracts.get(&text.contract).cloned().unwrap_or_default();
    steps.step(&what, |_| {
        let request = StartRun { contract, purpose: text.purpose.clone() };
        let verdict = verdict::of_request(world, &text.by, &request)?;
        Ok(shown(verdict.expect(&what, Rule::named(rule), world)?))
    })
}

/// Tries something that must be refused.
pub(super) fn attempt(
    world: &World,
    trial: &TrialText,
    prepared: &Prepared,
    steps: &mut Steps,
) -> Result<Refused, DemoError> {
    let attempt = Attempt::new(world, trial)?;
    steps.step(&attempt.what, |_| Ok(shown(attempt.make(trial.act, prepared)?)))
}

impl Attempt<'_> {
    fn make(&self, act: Act, prepared: &Prepared) -> Result<Refused, DemoError> {
        match act {
            Act::MissingSignature => consent::missing_signature(self),
            Act::ForgedSignature => consent::forged_signature(self),
            Act::ChangedAfterSigning => consent::changed_after_signing(self),
            Act::Revoked => consent::revoked(self),
            Act::Expired => limits::expired(self, prepared),
            Act::NotYetValid => limits::not_yet_valid(self),
            Act::UsesExhausted => limits::uses_exhausted(self),
            Act::SimultaneousRuns => limits::simultaneous_runs(self),
            Act::OtherPurpose => terms::other_purpose(self),
            Act::PurposeNotInTerms => terms::purpose_not_in_terms(self),
            Act::ColumnNotAllowed => terms::column_not_allowed(self),
            Act::FloorTooLow => terms::floor_too_low(self),
            Act::GroupUnderFloor => terms::group_under_floor(self),
            Act::ReceiverNotInTerms => terms::receiver_not_in_terms(self),
            Act::ReceiverNotNamed => terms::receiver_not_named(self),
            Act::ProgramDiffers => terms::program_differs(self),
            Act::DatasetChanged => outside::dataset_changed(self),
            Act::StrangerConnects => outside::stranger_connects(self),
            Act::StrangerAsks => outside::stranger_asks(self),
            Act::ComputePartyDisappears => crashes::compute_party_disappears(self),
            Act::NodesKilled => crashes::nodes_killed(self),
        }
    }
}

/// A refusal with the line that shows it.
fn shown(refused: Refused) -> (Refused, String) {
    let detail = format!("refused as it must be: {}", refused.reason);
    (refused, detail)
}
