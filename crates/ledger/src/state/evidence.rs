//! Runs from the receipts to the end: completed and settled, disputed, or failed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use contract::{
    Contract, Did, Hash, canonical::CanonicalError, document::Role, lifecycle, settlement::Split,
};

use super::{
    ContractRecord, Failure, Phase, Recorded, Run,
    points::Escrow,
    record::data_providers,
    step::{Step, Timer, check_text},
};
use crate::{
    Disagreement, FailReason, Receipt, Refused,
    dispute::Subject,
    event::Happening,
    governance::Parameter,
    receipt::evidence_agrees,
    settlement::{Basis, refund, settle},
};

impl Step {
    /// The receipts of all compute parties are judged together when the last one comes. Where some may vanish the first ones
    /// are, as many as determine the result; a later one, until the run's deadline, counts if it agrees with them.
    pub(super) fn file_receipt(&mut self, member: Did, receipt: &Receipt) -> Result<(), Refused> {
        let id = receipt.run;
        let mut run = self.run(id)?;
        let record = self.contract(run.contract)?;
        self.require_role(member, Role::ComputeParty, run.contract, &record.contract)?;
        let protection = &record.contract.protection;
        let phases: &[Phase] = match protection.some_may_vanish() {
            true => &[Phase::Running, Phase::Completed],
            false => &[Phase::Running],
        };
        self.check_open(id, &run, phases, "file a receipt")?;
        if run.receipts.contains_key(&member) {
            return Err(Refused::AlreadyDone { who: member, run: id, step: "file a receipt" });
        }
        receipt.check_form(member, run.contract, &record.contract).map_err(Refused::ReceiptMalformed)?;
        run.receipts.insert(member, Recorded { index: self.index, value: receipt.clone() });
        self.emit(Happening::RunReceiptFiled { run: id, party: member });
        if run.phase == Phase::Completed {
            if let Err(Disagreement { what, .. }) = judged(&run, &record.contract)? {
                return Err(Refused::LateReceipt { who: member, run: id, what: Box::new(what) });
            }
        } else if run.receipts.len() == record.contract.protection.receipts_needed() {
            self.conclude(id, &mut run, record)?;
        }
        self.put_run(id, run);
        Ok(())
    }

    pub(super) fn fail_run(&mut self, member: Did, id: Hash, reason: &FailReason) -> Result<(), Refused> {
        let mut run = self.run(id)?;
        let record = self.contract(run.contract)?;
        let contract = &record.contract;
        let participants = super::record::participants(contract);
        let late = self.time >= run.deadline && contract.party(&member).is_some();
        if !participants.contains(&member) && !late {
            return Err(Refused::NotAParticipant { who: member, run: id });
        }
        if !run.phase.is_open() {
            return Err(Refused::RunPhase { run: id, phase: run.phase, step: "declare it failed" });
        }
        check_text(&reason.text, "reason", 1000)?;
        if let Some(blamed) = reason.blamed.filter(|blamed| !participants.contains(blamed)) {
            return Err(Refused::NotAParticipant { who: blamed, run: id });
        }
        run.phase = Phase::Failed;
        run.ended_at = Some(self.time);
        let failure = Failure { by: member, reason: reason.clone() };
        run.failure = Some(Recorded { index: self.index, value: failure });
        self.put_run(id, run);
        self.emit(Happening::RunFailed { run: id, by: member, reason: reason.clone() });
        Ok(())
    }

    pub(super) fn nothing_opened(&mut self, member: Did, id: Hash) -> Result<(), Refused> {
        let mut run = self.run(id)?;
        let record = self.contract(run.contract)?;
        self.require_role(member, Role::ComputeParty, run.contract, &record.contract)?;
        if !matches!(run.phase, Phase::Refused | Phase::Failed) {
            let step = "state that nothing was opened";
            return Err(Refused::RunPhase { run: id, phase: run.phase, step });
        }
        if !run.nothing_opened.insert(member) {
            let step = "state that nothing was opened";
            return Err(Refused::AlreadyDone { who: member, run: id, step });
        }
        self.emit(Happening::NothingOpened { run: id, party: member });
        let all = run.nothing_opened.len() == record.contract.protection.compute_parties.len();
        // A dispute or a departure may have given it back before.
        if all && !run.use_returned {
            self.return_use(id, &mut run, record)?;
        }
        self.put_run(id, run);
        Ok(())
    }

    /// Enough receipts are there: either they agree and points move, or the run is disputed.
    fn conclude(&mut self, id: Hash, run: &mut Run, mut record: ContractRecord) -> Result<(), Refused> {
        run.ended_at = Some(self.time);
        match judged(run, &record.contract)? {
            Ok(()) => {
                run.phase = Phase::Completed;
                self.emit(Happening::RunCompleted { run: id });
                if record.contract.settlement.split == Split::Contribution {
                    let window = self.state.parameters.number(Parameter::DisputeSeconds);
                    self.set_timer(self.time.saturating_add(window), Timer::Settlement(id));
                } else {
                    self.settle_run(id, run, &record.contract);
                }
            }
            Err(disagreement) => {
                run.phase = Phase::Disputed;
                run.disagreement = Some(disagreement.clone());
                let contract = run.contract;
                record.state = self.follow(contract, &record, lifecycle::Event::Disputed)?;
                self.put_contract(contract, record);
                self.emit(Happening::RunDisputed { run: id, disagreement });
                self.emit(Happening::ContractDisputed { contract, run: id });
            }
        }
        Ok(())
    }

    /// All compute parties must say the same, or as many as complete a run; the last one's word settles it.
    pub(super) fn state_contributions(
        &mut self,
        member: Did,
        id: Hash,
        contributions: &BTreeMap<Did, u64>,
    ) -> Result<(), Refused> {
        let mut run = self.run(id)?;
        let record = self.contract(run.contract)?;
        self.require_role(member, Role::ComputeParty, run.contract, &record.contract)?;
        let providers = data_providers(&record.contract).collect();
        let asked = record.contract.settlement.split == Split::Contribution
            && run.phase == Phase::Completed
            && !run.ruled;
        if !asked || contributions.keys().copied().collect::<BTreeSet<_>>() != providers {
            return Err(Refused::Contributions { run: id });
        }
        if run.contributions.contains_key(&member) {
            let step = "state contributions";
            return Err(Refused::AlreadyDone { who: member, run: id, step });
        }
        let stated = Recorded { index: self.index, value: contributions.clone() };
        run.contributions.insert(member, stated);
        self.emit(Happening::ContributionsStated { run: id, party: member });
        let agree = !agreed(&run, &record.contract).is_empty();
        let held = self.state.escrow(&id) > 0;
        let disputed = self.is_held(&Subject::Run(id));
        if agree && held && !disputed {
            self.settle_run(id, &mut run, &record.contract);
        }
        self.put_run(id, run);
        Ok(())
    }

    /// Contributions that were not stated, or not alike, don't count.
    pub(super) fn settle_late(&mut self, id: Hash) {
        let Some(mut run) = self.state.run(&id).cloned() else { return };
        let disputed = self.is_held(&Subject::Run(id));
        let held = self.state.escrow(&id) > 0;
        if let Some(record) = self.state.contract(&run.contract).filter(|_| held && !disputed) {
            let contract = Arc::clone(&record.contract);
            self.settle_run(id, &mut run, &contract);
            self.put_run(id, run);
        }
    }

    /// Moves a run's escrow: by the contract's rule if it completed, and back to the payer if not, since nobody gets
    /// paid for what was not delivered.
    pub(super) fn settle_run(&mut self, id: Hash, run: &mut Run, contract: &Contract) {
        let fee = self.state.escrow(&id);
        let transfers = if run.phase == Phase::Completed {
            let basis = Basis {
                fee,
                shares: self.state.parameters.shares,
                rows: self.state.rows_by_provider(contract),
                contributions: agreed(run, contract),
            };
            settle(contract, &basis)
        } else {
            refund(contract.settlement.payer, fee)
        };
        self.release(Escrow::Run(id), &transfers);
        run.settled = Some(Recorded { index: self.index, value: transfers.clone() });
        self.emit(Happening::Settled { run: id, transfers });
    }

    /// Gives a use and its fee back. What an answer told stays told: the budget of a completed run stays spent.
    pub(super) fn return_use(
        &mut self,
        id: Hash,
        run: &mut Run,
        mut record: ContractRecord,
    ) -> Result<(), Refused> {
        run.use_returned = true;
        if record.paid_by == Some(id) {
            record.paid_by = None;
        }
        record.state = self.follow(run.contract, &record, lifecycle::Event::UseReturned)?;
        record.runs_taken = record.runs_taken.saturating_sub(1);
        let refunded = self.state.escrow(&id);
        if refunded > 0 {
            self.release(Escrow::Run(id), &refund(record.contract.settlement.payer, refunded));
        }
        if run.phase != Phase::Completed {
            self.return_privacy(&record.contract);
        }
        self.put_contract(run.contract, record);
        self.emit(Happening::UseReturned { run: id, contract: run.contract, refunded });
        Ok(())
    }
}

/// Whether the receipts agree with the ledger and with each other.
fn judged(run: &Run, contract: &Contract) -> Result<Result<(), Disagreement>, CanonicalError> {
    let commitments = run.commitments.iter().map(|(provider, filed)| (*provider, &filed.value));
    let receipts: Vec<Receipt> = run.receipts.values().map(|filed| filed.value.clone()).collect();
    evidence_agrees(contract.computation.program, commitments, &receipts)
}

/// What the data providers contributed, when every compute party stated the same, or as many as complete a run; empty
/// otherwise.
fn agreed(run: &Run, contract: &Contract) -> BTreeMap<Did, u64> {
    let mut stated = run.contributions.values().map(|stated| &stated.value);
    let enough = run.contributions.len() >= contract.protection.receipts_needed();
    match stated.next() {
        Some(first) if enough && stated.all(|other| other == first) => first.clone(),
        _ => BTreeMap::new(),
    }
}
