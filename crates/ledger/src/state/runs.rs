//! Runs from the request to the start: one use taken, all participants' permits, all inputs fixed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::{
    Contract, Did, Hash, dataset::parse_reference, document::Role, lifecycle, policy::Refusal,
    settlement::Charge,
};

use super::{
    ContractRecord, Phase, Recorded, Run, State,
    points::Escrow,
    record::{data_providers, participants},
    step::Step,
};
use crate::{InputCommitment, Refused, Transaction, event::Happening, receipt::COMPONENTS_MAX, text};

/// Most reasons that one refusal may give.
const REFUSALS_MAX: usize = 256;

impl Step {
    pub(super) fn request_run(
        &mut self,
        transaction: &Transaction,
        contract: Hash,
        run: Hash,
        purpose: &str,
    ) -> Result<(), Refused> {
        let requester = transaction.member;
        let mut record = self.contract(contract)?;
        if self.state.run(&run).is_some() {
            return Err(Refused::RunExists { run });
        }
        self.check_request(contract, &record, requester, purpose)?;
        self.check_fee(contract, &record)?;

        self.spend_privacy(&record.contract)?;
        record.runs_taken += 1;
        let last = record.runs_left() == 0;
        record.state = self.follow(contract, &record, lifecycle::Event::UseTaken { last })?;
        let due = record.contract.settlement.charge == Charge::PerRun || record.paid_by.is_none();
        let fee = if due { self.hold_fee(&record.contract, run)? } else { 0 };
        if record.contract.settlement.charge == Charge::Fixed && due {
            record.paid_by = Some(run);
        }
        let requested = Run {
            contract,
            requested: Recorded { index: self.index, value: requester },
            person: transaction.person,
            requested_at: self.time,
            deadline: self.time.saturating_add(record.contract.limits.run_seconds_max.into()),
            phase: Phase::Requested,
            permits: BTreeMap::new(),
            refusals: BTreeMap::new(),
            commitments: BTreeMap::new(),
            receipts: BTreeMap::new(),
            failure: None,
            disagreement: None,
            nothing_opened: BTreeSet::new(),
            use_returned: false,
            contributions: BTreeMap::new(),
            settled: None,
            ruled: false,
            ended_at: None,
        };
        self.put_contract(contract, record);
        self.put_run(run, requested);
        self.emit(Happening::RunRequested { run, contract, by: requester, fee });
        if last {
            self.emit(Happening::ContractExhausted { contract });
        }
        Ok(())
    }

    pub(super) fn permit_run(&mut self, member: Did, id: Hash) -> Result<(), Refused> {
        let (mut run, contract) = self.participant(member, id)?;
        self.check_open(id, &run, &[Phase::Requested], "permit it")?;
        self.check_standing(&run, &contract)?;
        if run.permits.insert(member, self.index).is_some() {
            return Err(Refused::AlreadyDone { who: member, run: id, step: "permit" });
        }
        self.emit(Happening::RunPermitted { run: id, by: member });
        if run.permits.len() == participants(&contract.contract).len() {
            run.phase = Phase::Permitted;
            self.emit(Happening::RunPermittedByAll { run: id });
        }
        self.put_run(id, run);
        Ok(())
    }

    /// The first refusal ends the run; others may still add theirs, so that the data user learns all reasons.
    pub(super) fn refuse_run(&mut self, member: Did, id: Hash, refusals: &[Refusal]) -> Result<(), Refused> {
        let (mut run, _) = self.participant(member, id)?;
        let step = "refuse it";
        if run.phase != Phase::Refused {
            self.check_open(id, &run, &[Phase::Requested], step)?;
        }
        if !(1..=REFUSALS_MAX).contains(&refusals.len()) {
            return Err(Refused::RefusalCount { found: refusals.len() });
        }
        if run.permits.contains_key(&member) || run.refusals.contains_key(&member) {
            return Err(Refused::AlreadyDone { who: member, run: id, step: "permit or refuse" });
        }
        run.refusals.insert(member, Recorded { index: self.index, value: refusals.to_vec() });
        run.phase = Phase::Refused;
        run.ended_at = run.ended_at.or(Some(self.time));
        self.put_run(id, run);
        self.emit(Happening::RunRefused { run: id, by: member });
        Ok(())
    }

    pub(super) fn commit_input(
        &mut self,
        member: Did,
        id: Hash,
        commitment: &InputCommitment,
    ) -> Result<(), Refused> {
        let mut run = self.run(id)?;
        let record = self.contract(run.contract)?;
        let contract = &record.contract;
        self.require_role(member, Role::DataProvider, run.contract, contract)?;
        self.check_open(id, &run, &[Phase::Permitted], "commit an input")?;
        if run.commitments.contains_key(&member) {
            return Err(Refused::AlreadyDone { who: member, run: id, step: "commit an input" });
        }
        let found = commitment.components.len();
        if !(1..=COMPONENTS_MAX).contains(&found) {
            return Err(Refused::ComponentCount { found });
        }
        let expected = self.state.rows_by_provider(contract).get(&member).copied().unwrap_or(0);
        if commitment.rows != expected {
            let found = commitment.rows;
            return Err(Refused::CommittedRows { provider: member, expected, found });
        }
        run.commitments.insert(member, Recorded { index: self.index, value: commitment.clone() });
        self.emit(Happening::RunInputCommitted { run: id, provider: member });
        if run.commitments.len() == data_providers(contract).count() {
            run.phase = Phase::Running;
            self.emit(Happening::RunStarted { run: id });
        }
        self.put_run(id, run);
        Ok(())
    }

    /// The run and its contract, for a data provider or compute party.
    pub(super) fn participant(&self, who: Did, id: Hash) -> Result<(Run, ContractRecord), Refused> {
        let run = self.run(id)?;
        let record = self.contract(run.contract)?;
        if !participants(&record.contract).contains(&who) {
            return Err(Refused::NotAParticipant { who, run: id });
        }
        Ok((run, record))
    }

    pub(super) fn require_role(
        &self,
        who: Did,
        role: Role,
        id: Hash,
        contract: &Contract,
    ) -> Result<(), Refused> {
        if contract.has_role(&who, role) {
            Ok(())
        } else {
            Err(Refused::NotInRole { who, role, contract: id })
        }
    }

    /// Refuses a step outside its phases, or after the run's time limit.
    pub(super) fn check_open(
        &self,
        id: Hash,
        run: &Run,
        phases: &[Phase],
        step: &'static str,
    ) -> Result<(), Refused> {
        if !phases.contains(&run.phase) {
            return Err(Refused::RunPhase { run: id, phase: run.phase, step });
        }
        if self.time >= run.deadline {
            return Err(Refused::RunTimedOut { run: id, deadline: run.deadline, now: self.time });
        }
        Ok(())
    }

    /// A run that all have permitted may end after its contract did; one that still waits for a permit may not begin
    /// under a contract that a party has ended meanwhile, nor on data that was withdrawn.
    fn check_standing(&self, run: &Run, record: &ContractRecord) -> Result<(), Refused> {
        use lifecycle::State::{Active, Exhausted};
        let state = record.state_at(self.time);
        if !matches!(state, Active | Exhausted) {
            return Err(Refused::NotActive { contract: run.contract, state });
        }
        record.contract.inputs().try_for_each(|(_, input)| self.catalogued(&input.dataset).map(drop))
    }

    fn check_request(
        &self,
        id: Hash,
        record: &ContractRecord,
        requester: Did,
        purpose: &str,
    ) -> Result<(), Refused> {
        let contract = &record.contract;
        let state = record.state_at(self.time);
        if state != lifecycle::State::Active {
            return Err(Refused::NotActive { contract: id, state });
        }
        if self.time < contract.limits.not_before {
            let not_before = contract.limits.not_before;
            return Err(Refused::NotYetValid { contract: id, not_before, now: self.time });
        }
        self.require_role(requester, Role::DataUser, id, contract)?;
        if purpose != contract.purpose {
            let (expected, found) = (contract.purpose.clone(), text::excerpt(purpose));
            return Err(Refused::Purpose { contract: id, expected, found });
        }
        contract.inputs().try_for_each(|(_, input)| self.catalogued(&input.dataset).map(drop))
    }

    /// A fee that is due once must be earned before further runs are free: otherwise two could be asked for, and the one
    /// that holds the fee made to fail.
    fn check_fee(&self, contract: Hash, record: &ContractRecord) -> Result<(), Refused> {
        let pending = |id: &Hash| {
            let is_open = self.state.run(id).is_some_and(|run| run.phase != Phase::Completed);
            is_open && self.state.escrow(id) > 0
        };
        match record.paid_by.filter(pending) {
            Some(run) => Err(Refused::FeePending { contract, run }),
            None => Ok(()),
        }
    }

    fn hold_fee(&mut self, contract: &Contract, run: Hash) -> Result<u64, Refused> {
        let (payer, fee) = (contract.settlement.payer, contract.settlement.fee);
        if !self.state.points.hold(payer, Escrow::Run(run), fee) {
            let balance = self.state.balance(&payer);
            return Err(Refused::InsufficientPoints { payer, balance, fee });
        }
        if fee > 0 {
            self.touch_account(payer);
        }
        Ok(fee)
    }
}

impl State {
    /// Contracts whose answers over any version of a dataset are given, or may still be: those with a run that completed,
    /// or that was neither refused nor taken back because nothing was opened. `before` is an index in the log: requests
    /// from there on do not count. Costs a look at every run.
    pub fn answered(&self, path: &str, before: Option<u64>) -> Vec<(Hash, Arc<Contract>)> {
        let counts = |run: &Run| {
            let may_have_told = run.phase != Phase::Refused && !run.use_returned;
            (run.phase == Phase::Completed || may_have_told)
                && before.is_none_or(|before| run.requested.index < before)
        };
        let ids: BTreeSet<Hash> =
            self.runs().filter(|(_, run)| counts(run)).map(|(_, run)| run.contract).collect();
        let reads = |contract: &Contract| {
            contract
                .inputs()
                .any(|(_, input)| parse_reference(&input.dataset).is_some_and(|(of, _)| of == path))
        };
        let contracts =
            ids.into_iter().filter_map(|id| Some((id, Arc::clone(&self.contract(&id)?.contract))));
        contracts.filter(|(_, contract)| reads(contract)).collect()
    }

    /// Rows that each data provider brings under the contract: those of its dataset versions, each counted once.
    pub fn rows_by_provider(&self, contract: &Contract) -> BTreeMap<Did, u64> {
        let datasets: BTreeSet<(Did, &str)> =
            contract.inputs().map(|(_, input)| (input.provider, input.dataset.as_str())).collect();
        let mut rows = BTreeMap::new();
        for (provider, reference) in datasets {
            let found = self.dataset(reference).map_or(0, |record| record.dataset.rows);
            *rows.entry(provider).or_insert(0) += found;
        }
        rows
    }
}
