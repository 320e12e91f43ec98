//! Runs from the receipts to the end: completed and settled, disputed, or failed.

use contract::{Did, Hash, document::Role, lifecycle};

use super::{
    ContractRecord, Failure, Phase, Recorded, Run,
    points::Escrow,
    step::{Step, check_text},
};
use crate::{
    FailReason, Receipt, Refused,
    event::Happening,
    receipt::evidence_agrees,
    settlement::{Transfer, settle},
};

impl Step {
    pub(super) fn file_receipt(&mut self, member: Did, receipt: &Receipt) -> Result<(), Refused> {
        let id = receipt.run;
        let mut run = self.run(id)?;
        let record = self.contract(run.contract)?;
        self.require_role(member, Role::ComputeParty, run.contract, &record.contract)?;
        self.check_open(id, &run, &[Phase::Running], "file a receipt")?;
        if run.receipts.contains_key(&member) {
            return Err(Refused::AlreadyDone { who: member, run: id, step: "file a receipt" });
        }
        receipt.check_form(member, run.contract, &record.contract).map_err(Refused::ReceiptMalformed)?;
        run.receipts.insert(member, Recorded { index: self.index, value: receipt.clone() });
        self.emit(Happening::RunReceiptFiled { run: id, party: member });
        if run.receipts.len() == record.contract.protection.compute_parties.len() {
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
        if run.nothing_opened.len() == record.contract.protection.compute_parties.len() {
            self.return_use(id, &mut run, record)?;
        }
        self.put_run(id, run);
        Ok(())
    }

    /// All receipts are there: either they agree and points move, or the run is disputed.
    fn conclude(&mut self, id: Hash, run: &mut Run, mut record: ContractRecord) -> Result<(), Refused> {
        run.ended_at = Some(self.time);
        let commitments = run.commitments.iter().map(|(provider, filed)| (*provider, &filed.value));
        let receipts: Vec<Receipt> = run.receipts.values().map(|filed| filed.value.clone()).collect();
        match evidence_agrees(record.contract.computation.program, commitments, &receipts)? {
            Ok(()) => {
                run.phase = Phase::Completed;
                self.emit(Happening::RunCompleted { run: id });
                let transfers = settle(&record.contract, &self.state.rows_by_provider(&record.contract));
                self.release(Escrow::Run(id), &transfers);
                self.emit(Happening::Settled { run: id, transfers });
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

    pub(super) fn return_use(
        &mut self,
        id: Hash,
        run: &mut Run,
        mut record: ContractRecord,
    ) -> Result<(), Refused> {
        run.use_returned = true;
        record.state = self.follow(run.contract, &record, lifecycle::Event::UseReturned)?;
        record.runs_taken = record.runs_taken.saturating_sub(1);
        let refunded = self.state.escrow(&id);
        if refunded > 0 {
            let to = record.contract.settlement.payer;
            self.release(Escrow::Run(id), &[Transfer { to, points: refunded, role: Role::DataUser }]);
        }
        self.put_contract(run.contract, record);
        self.emit(Happening::UseReturned { run: id, contract: run.contract, refunded });
        Ok(())
    }
}
