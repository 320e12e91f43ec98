//! The means of an attempt: contracts like the scenario's with something changed, signed with or without the nodes'
//! consent.

use std::time::Duration;

use api::types::contracts::{DraftContract, FileSignature};
use api::types::runs::{RunView, StartRun};
use contract::Contract;

use super::verdict::{self, Rule, Verdict};
use super::{Act, Refused};
use crate::cli::now_seconds;
use crate::demo::DemoError;
use crate::demo::execution::completed;
use crate::demo::scenario::{ContractText, TrialText};
use crate::demo::walk::{World, eventually, found};

/// One attempt.
pub(super) struct Attempt<'a> {
    pub(super) world: &'a World,
    /// The contract that serves as a pattern.
    pub(super) pattern: &'a ContractText,
    /// Who suffers or cheats.
    pub(super) member: &'a str,
    /// What is tried, in a few words.
    pub(super) what: String,
    /// How long after the start of the joint computation a node is killed.
    pub(super) delay: Duration,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(world: &'a World, trial: &'a TrialText) -> Result<Self, DemoError> {
        let pattern = world.scenario.contracts.iter().find(|contract| contract.name == trial.contract);
        let pattern = pattern.ok_or_else(|| DemoError::Undefined {
            place: "a trial".to_owned(),
            what: "contract",
            name: trial.contract.clone(),
            known: String::new(),
        })?;
        let delay = Duration::from_millis(trial.after_ms);
        let what = match trial.after_ms {
            0 => title(trial.act).to_owned(),
            milliseconds => format!("{}, {milliseconds} ms", title(trial.act)),
        };
        Ok(Self { world, pattern, member: &trial.member, what, delay })
    }

    /// Who starts runs: the pattern's first data user.
    pub(super) fn user(&self) -> &'a str {
        self.pattern.draft.data_users.first().map_or("", String::as_str)
    }

    /// A contract like the pattern, drafted with a change.
    pub(super) fn variant(&self, change: impl FnOnce(&mut DraftContract)) -> Result<Contract, DemoError> {
        let mut request = self.pattern.draft.at(now_seconds());
        change(&mut request);
        Ok(self.world.draft(&request)?.contract)
    }

    /// Proposes a contract; answers with its id.
    pub(super) fn proposed(&self, contract: &Contract) -> Result<String, DemoError> {
        self.world.propose(contract)?;
        self.id(contract)
    }

    /// Proposes a contract and lets the nodes of all parties but some sign it, side by side.
    pub(super) fn signed_except(&self, contract: &Contract, except: &[&str]) -> Result<String, DemoError> {
        let id = self.proposed(contract)?;
        let signers =
            contract.parties.iter().map(|party| party.name.as_str()).filter(|name| !except.contains(name));
        let sign = |name: &str| {
            self.world.contract_at(name, &id)?;
            self.world.client(name)?.sign(&id).map(drop).map_err(DemoError::client(name))
        };
        std::thread::scope(|scope| {
            let signing: Vec<_> = signers.map(|name| scope.spawn(move || sign(name))).collect();
            signing
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        Ok(id)
    }

    /// Proposes a contract that all parties' nodes sign.
    pub(super) fn agreed(&self, contract: &Contract) -> Result<String, DemoError> {
        let id = self.signed_except(contract, &[])?;
        self.wait_until_active(&id)?;
        Ok(id)
    }

    /// Proposes a contract that all parties sign with their keys but without their nodes, which would not.
    pub(super) fn forced(&self, contract: &Contract) -> Result<String, DemoError> {
        let id = self.proposed(contract)?;
        for party in &contract.parties {
            let signature = self.sign_offline(&party.name, contract)?;
            self.file(self.user(), &id, &signature)?;
        }
        self.wait_until_active(&id)?;
        Ok(id)
    }

    /// A signature by a party's key, made without its node.
    pub(super) fn sign_offline(&self, name: &str, contract: &Contract) -> Result<FileSignature, DemoError> {
        Ok(node::setup::sign_offline(&self.world.member(name)?.berth.directory, contract)?)
    }

    /// Files a signature through a member's node.
    pub(super) fn file(&self, by: &str, id: &str, signature: &FileSignature) -> Result<(), DemoError> {
        self.world.client(by)?.file_signature(id, signature).map(drop).map_err(DemoError::client(by))
    }

    fn wait_until_active(&self, id: &str) -> Result<(), DemoError> {
        let user = self.user();
        let client = self.world.client(user)?;
        eventually("the contract's activation", || {
            let view = found(client.contract(id)).map_err(DemoError::client(user))?;
            Ok(view.filter(|view| view.state == "active").map(drop))
        })
    }

    /// A contract's id.
    pub(super) fn id(&self, contract: &Contract) -> Result<String, DemoError> {
        let id = contract.id().map_err(|error| self.broken(error.to_string()))?;
        Ok(id.to_string())
    }

    /// Starts a run, which must be refused by that rule.
    pub(super) fn refused(
        &self,
        id: &str,
        purpose: Option<&str>,
        rule: Rule<'_>,
    ) -> Result<Refused, DemoError> {
        let request = StartRun { contract: id.to_owned(), purpose: purpose.map(str::to_owned) };
        let verdict = verdict::of_request(self.world, self.user(), &request)?;
        self.expect(verdict, rule)
    }

    /// The refusal that a verdict must be.
    pub(super) fn expect(&self, verdict: Verdict, rule: Rule<'_>) -> Result<Refused, DemoError> {
        verdict.expect(&self.what, rule, self.world)
    }

    /// Starts a run by the user.
    pub(super) fn start(&self, id: &str) -> Result<RunView, DemoError> {
        let request = StartRun { contract: id.to_owned(), purpose: None };
        self.world.client(self.user())?.start_run(&request).map_err(DemoError::client(self.user()))
    }

    /// Starts a run, which must complete.
    pub(super) fn complete(&self, contract: &Contract, id: &str) -> Result<RunView, DemoError> {
        let run = self.start(id)?;
        completed(self.world, contract, self.user(), &run.id, &self.pattern.name, None)
    }

    /// The scenario's completed run under the pattern itself.
    pub(super) fn earlier_run(&self) -> Result<RunView, DemoError> {
        let contract = self.world.contracts.get(&self.pattern.name).cloned().unwrap_or_default();
        let client = self.world.client(self.user())?;
        let mut after = None;
        loop {
            let page = client.runs(after.as_deref()).map_err(DemoError::client(self.user()))?;
            let completed = |run: &RunView| run.contract == contract && run.state == "completed";
            if let Some(run) = page.items.into_iter().find(completed) {
                return Ok(run);
            }
            after = page.next;
            if after.is_none() {
                return Err(self.broken("the scenario has no completed run under this contract"));
            }
        }
    }

    /// What had to hold does not.
    pub(super) fn broken(&self, detail: impl Into<String>) -> DemoError {
        DemoError::Broken { what: self.what.clone(), detail: detail.into() }
    }

    /// A refusal that no single rule of a node states.
    pub(super) fn shown(&self, rule: &str, reason: impl Into<String>) -> Refused {
        Refused { what: self.what.clone(), rule: rule.to_owned(), reason: reason.into() }
    }
}

/// What is tried, in a few words.
const fn title(act: Act) -> &'static str {
    match act {
        Act::MissingSignature => "missing signature",
        Act::ForgedSignature => "forged signature",
        Act::ChangedAfterSigning => "changed after signing",
        Act::Expired => "expired",
        Act::NotYetValid => "not yet valid",
        Act::UsesExhausted => "uses exhausted",
        Act::SimultaneousRuns => "two runs at one instant",
        Act::Revoked => "revoked",
        Act::OtherPurpose => "run for other purpose",
        Act::PurposeNotInTerms => "purpose not in terms",
        Act::ColumnNotAllowed => "column not allowed",
        Act::FloorTooLow => "floor too low",
        Act::GroupUnderFloor => "group under the floor",
        Act::ReceiverNotInTerms => "receiver not in terms",
        Act::ReceiverNotNamed => "receiver not named",
        Act::ProgramDiffers => "program differs",
        Act::DatasetChanged => "dataset changed",
        Act::StrangerConnects => "a stranger's node",
        Act::StrangerAsks => "a stranger's request",
        Act::ComputePartyDisappears => "compute party vanishes",
        Act::NodesKilled => "nodes killed",
    }
}
