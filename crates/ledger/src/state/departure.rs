//! What happens when a member leaves: nothing of it stays open.

use contract::{Did, Hash, lifecycle};

use super::{Failure, Phase, Recorded, Revocation, points::Escrow, step::Step};
use crate::{FailReason, Refused, event::Happening, governance::Verdict, refused::GovernanceRule};

impl Step {
    /// Withdraws its datasets, ends its contracts and open runs, gives back what is held for them, and takes its seat.
    /// Its points stay on its account, from where only a vote can burn them.
    pub(super) fn depart(&mut self, member: Did, expelled: bool) -> Result<(), Refused> {
        if self.state.roster.card(&member).is_none() {
            return Err(GovernanceRule::NotSeated(member).into());
        }
        let roster = &self.state.roster;
        let is_last = roster.operator().is_none() && roster.voters().iter().all(|voter| *voter == member);
        if is_last || roster.operator() == Some(member) {
            return Err(GovernanceRule::OperatorStays(member).into());
        }
        self.withdraw_all(member);
        self.end_access(member);
        self.end_contracts(member)?;
        self.end_runs(member)?;
        self.end_proposals(member);
        let before = self.state.roster.voters().len();
        self.change_roster(Happening::MemberLeft { member, expelled });
        self.follow_members(before);
        Ok(())
    }

    fn withdraw_all(&mut self, owner: Did) {
        let own = |(reference, record): (&str, &super::DatasetRecord)| {
            let answers = self.state.owner_of(&record.dataset) == owner;
            ((record.dataset.owner == owner || answers) && record.withdrawn.is_none())
                .then(|| reference.to_owned())
        };
        let references: Vec<String> = self.state.datasets().filter_map(own).collect();
        for reference in references {
            self.take_from_catalog(&reference);
        }
    }

    fn end_contracts(&mut self, member: Did) -> Result<(), Refused> {
        let concerned: Vec<Hash> = self.contracts_of(member);
        for id in concerned {
            let mut record = self.contract(id)?;
            let Ok(state) = record.state_at(self.time).after(lifecycle::Event::Revoked) else { continue };
            record.state = state;
            let reason = "left the alliance".to_owned();
            record.revoked = Some(Revocation { by: member, reason: reason.clone() });
            self.put_contract(id, record);
            self.emit(Happening::ContractRevoked { contract: id, by: member, reason });
        }
        Ok(())
    }

    /// Open runs under its contracts cannot complete; what runs hold goes back to who paid. A completed run has given its
    /// answer: it is settled when its window is over, or by its dispute.
    fn end_runs(&mut self, member: Did) -> Result<(), Refused> {
        let contracts = self.contracts_of(member);
        let concerned: Vec<Hash> = self
            .state
            .runs()
            .filter(|(_, run)| contracts.contains(&run.contract) && !run.use_returned)
            .filter(|(_, run)| run.phase != Phase::Completed)
            .filter(|(id, run)| run.phase.is_open() || self.state.escrow(id) > 0)
            .map(|(id, _)| *id)
            .collect();
        for id in concerned {
            let mut run = self.run(id)?;
            let record = self.contract(run.contract)?;
            if run.phase.is_open() {
                let participant = super::participants(&record.contract).contains(&member);
                let blamed = participant.then_some(member);
                let reason = FailReason { text: "a party left the alliance".to_owned(), blamed };
                run.phase = Phase::Failed;
                run.ended_at = Some(self.time);
                let failure = Failure { by: member, reason: reason.clone() };
                run.failure = Some(Recorded { index: self.index, value: failure });
                self.emit(Happening::RunFailed { run: id, by: member, reason });
            }
            self.return_use(id, &mut run, record)?;
            self.put_run(id, run);
        }
        Ok(())
    }

    fn end_proposals(&mut self, member: Did) {
        let open: Vec<_> = self
            .state
            .proposals()
            .filter(|(_, record)| record.by == member && record.verdict.is_none())
            .filter(|(_, record)| !matches!(record.motion, crate::governance::Motion::Release { .. }))
            .map(|(id, record)| (*id, record.clone()))
            .collect();
        for (id, mut record) in open {
            self.release_all(Escrow::Proposal(id), record.by);
            let verdict = Verdict::Void { rule: "not-seated".to_owned() };
            record.verdict = Some((self.index, verdict.clone()));
            self.put_proposal(id, record);
            self.emit(Happening::Decided { proposal: id, verdict });
        }
    }

    pub(super) fn contracts_of(&self, member: Did) -> Vec<Hash> {
        let party = |record: &super::ContractRecord| record.contract.party(&member).is_some();
        self.state.contracts().filter(|(_, record)| party(record)).map(|(id, _)| *id).collect()
    }
}
