//! Proposals and votes, and what a passed proposal does.

use std::{collections::BTreeSet, sync::Arc};

use contract::Did;

use super::{
    points::Escrow,
    step::{Key, Step, Timer, check_text},
};
use crate::{
    Refused, Transaction,
    alliance::{Card, MEMBERS_MAX, quorum_of_founding},
    event::Happening,
    governance::{Id, Motion, Parameter, Parameters, Proposal, Shares, Tally, Verdict, WHOLE},
    refused::{GovernanceRule, IdentityRule, SuccessionRule, When},
    settlement::{Transfer, apportion},
    succession::{SignedSuccession, Succession},
};

/// Most bytes of the reasons given for a proposal.
const TEXT_BYTES_MAX: usize = 1000;

impl Step {
    /// What could not be carried out now is not put to the vote.
    pub(super) fn propose(
        &mut self,
        transaction: &Transaction,
        motion: &Motion,
        text: &str,
    ) -> Result<(), Refused> {
        let by = transaction.member;
        self.voter(&by)?;
        check_text(text, "text", TEXT_BYTES_MAX)?;
        if let Motion::Release { member } = motion
            && *member != by
        {
            return Err(GovernanceRule::NotOwnLeave(*member).into());
        }
        self.tentatively(|step| step.enact(motion))?;

        let proposal = transaction.id()?;
        let parameters = &self.state.parameters;
        let deposit = parameters.number(Parameter::ProposalDeposit);
        let closes = self.time.saturating_add(parameters.number(Parameter::VotingSeconds));
        self.hold(by, Escrow::Proposal(proposal), deposit)?;
        self.set_timer(closes, Timer::Proposal(proposal));
        let record = Proposal {
            by,
            proposed: self.index,
            motion: motion.clone(),
            text: text.to_owned(),
            deposit,
            closes,
            votes: std::collections::BTreeMap::new(),
            verdict: None,
        };
        self.put_proposal(proposal, record);
        self.emit(Happening::Proposed { proposal, by, motion: Box::new(motion.clone()), closes });
        Ok(())
    }

    /// The vote after which no other can change the outcome decides.
    pub(super) fn vote(&mut self, member: Did, id: Id, approve: bool) -> Result<(), Refused> {
        self.voter(&member)?;
        let record = self.state.proposal(&id).ok_or(GovernanceRule::UnknownProposal(id))?;
        let mut record = record.clone();
        if record.verdict.is_some() {
            return Err(GovernanceRule::Decided(id).into());
        }
        if self.time >= record.closes {
            return Err(GovernanceRule::Closed(id, When(record.closes)).into());
        }
        if !self.electorate(&record.motion).contains(&member) {
            return Err(GovernanceRule::OnOneself(member).into());
        }
        if record.votes.insert(member, approve).is_some() {
            return Err(GovernanceRule::AlreadyVoted(member, id).into());
        }
        self.put_proposal(id, record.clone());
        self.emit(Happening::Voted { proposal: id, by: member, approve });
        if let Some(passes) = self.tally(&record).settled(&self.state.parameters) {
            self.decide(id, record, passes);
        }
        Ok(())
    }

    /// The time for votes is over.
    pub(super) fn close_proposal(&mut self, id: Id) {
        let Some(record) = self.state.proposal(&id).cloned() else { return };
        if record.verdict.is_none() {
            let passes = self.tally(&record).wins(&self.state.parameters);
            self.decide(id, record, passes);
        }
    }

    fn decide(&mut self, id: Id, mut record: Proposal, passes: bool) {
        let verdict = if !passes {
            Verdict::Rejected
        } else {
            let before = self.clone();
            match self.enact(&record.motion) {
                Ok(()) => Verdict::Passed,
                Err(refused) => {
                    *self = before;
                    Verdict::Void { rule: refused.rule().to_owned() }
                }
            }
        };
        self.return_deposit(id, &record, verdict == Verdict::Rejected);
        record.verdict = Some((self.index, verdict.clone()));
        self.put_proposal(id, record);
        self.emit(Happening::Decided { proposal: id, verdict });
    }

    /// A rejected proposal costs its deposit, which those get who took the time to vote.
    fn return_deposit(&mut self, id: Id, record: &Proposal, rejected: bool) {
        let voters: Vec<Did> = record.votes.keys().copied().filter(|voter| *voter != record.by).collect();
        let what = Escrow::Proposal(id);
        if !rejected || voters.is_empty() {
            return self.release_all(what, record.by);
        }
        let amounts = apportion(self.state.points.escrow(what), &vec![1; voters.len()]);
        let role = contract::document::Role::Auditor;
        let transfer = |(to, points)| Transfer { to, points, role };
        let transfers: Vec<_> =
            voters.into_iter().zip(amounts).filter(|(_, points)| *points > 0).map(transfer).collect();
        if !transfers.is_empty() {
            self.release(what, &transfers);
        }
    }

    fn tally(&self, record: &Proposal) -> Tally {
        Tally::count(&self.state.parameters, self.electorate(&record.motion), &record.votes)
    }

    fn electorate(&self, motion: &Motion) -> BTreeSet<Did> {
        let mut voters = self.state.roster.voters();
        if let Motion::Expel { member, .. } = motion {
            voters.remove(member);
        }
        voters
    }

    /// Does what was decided. May stop half-way: the caller keeps what was before.
    fn enact(&mut self, motion: &Motion) -> Result<(), Refused> {
        match motion {
            Motion::Admit(card) => self.admit(card),
            Motion::Expel { member, reason } => {
                check_text(reason, "reason", TEXT_BYTES_MAX)?;
                self.depart(*member, true)
            }
            Motion::Release { member } => self.depart(*member, false),
            Motion::SetParameter { parameter, value } => self.set_parameter(*parameter, *value),
            Motion::SetShares(shares) => self.set_shares(*shares),
            Motion::SetWeight { member, weight } => {
                self.voter(member)?;
                self.change_parameters(|parameters| {
                    parameters.weights.insert(*member, *weight);
                });
                self.require_some_weight()
            }
            Motion::AdoptProtocol { version, from } => self.adopt_protocol(*version, *from),
            Motion::Issue { to, points } => self.issue_points(*to, *points),
            Motion::Burn { from, points } => self.burn_points(*from, *points),
            Motion::Decide { dispute, uphold } => self.rule(*dispute, *uphold),
            Motion::SetStopRight { regulator, granted } => self.set_stop_right(*regulator, *granted),
            Motion::HandOver { to } => self.hand_over(*to),
            Motion::ReplaceKey { member, key, proof } => {
                if self.state.roster.operator() == Some(*member) {
                    return Err(IdentityRule::OperatorsKey(*member).into());
                }
                self.check_new_key(*member, *key, proof)?;
                self.key_of(member)?;
                self.change_roster(Happening::KeyReplaced { member: *member, key: *key });
                Ok(())
            }
        }
    }

    fn admit(&mut self, card: &Card) -> Result<(), Refused> {
        let roster = &self.state.roster;
        if roster.seat(&card.member).is_some() || roster.knows_key(&card.member) {
            return Err(GovernanceRule::Seated(card.member).into());
        }
        if roster.seats().any(|seat| seat.card.name == card.name) {
            return Err(GovernanceRule::NameTaken(card.name.clone()).into());
        }
        if roster.cards().count() >= MEMBERS_MAX {
            return Err(GovernanceRule::Full(MEMBERS_MAX).into());
        }
        self.check_card(card, &card.member)?;
        let before = self.state.roster.voters().len();
        self.change_roster(Happening::MemberAdmitted { card: Box::new(card.clone()) });
        self.follow_members(before);
        Ok(())
    }

    /// A quorum that was large enough for the members before is made large enough for those after: otherwise an alliance
    /// that grows could be spoken for by ever fewer of its members. One that was as small as it could safely be shrinks
    /// with them. Any other is what members chose.
    pub(super) fn follow_members(&mut self, before: usize) {
        let roster = &self.state.roster;
        let safe = |members: usize| {
            let members = u16::try_from(members).unwrap_or(u16::MAX);
            quorum_of_founding(members, roster.operator().is_some())
        };
        let (old, new) = (safe(before), safe(roster.voters().len()));
        let quorum = self.state.parameters.number(Parameter::Quorum);
        let outgrown = quorum >= old.into() && quorum < new.into();
        let shrunk = quorum == u64::from(old) && new < old;
        if outgrown || shrunk {
            self.set_quorum(new);
        }
    }

    fn set_quorum(&mut self, quorum: u16) {
        self.change_roster(Happening::QuorumChanged { quorum });
        let (parameter, value) = (Parameter::Quorum, u64::from(quorum));
        self.change_parameters(|parameters| parameters.set(parameter, value));
        self.emit(Happening::ParameterSet { parameter, value });
    }

    /// The operator carries it out itself, by appending the vote and ordering nothing further.
    fn hand_over(&mut self, to: Did) -> Result<(), Refused> {
        let operator = self.state.roster.operator().ok_or(GovernanceRule::NobodyAlone)?;
        self.voter(&to)?;
        if operator == to {
            return Err(GovernanceRule::OrdersAlready(to).into());
        }
        self.change_roster(Happening::OperatorChanged { operator: to });
        Ok(())
    }

    /// Whether the root that was signed is the log's is looked at by who has the log.
    pub(super) fn succeed(&mut self, member: Did, signed: &SignedSuccession) -> Result<(), Refused> {
        let Succession { alliance, size, operator, .. } = signed.succession;
        if operator != member {
            return Err(SuccessionRule::NotYours(member, operator).into());
        }
        let expected = self.state.alliance_id;
        if alliance != expected {
            return Err(Refused::OtherAlliance { expected, found: alliance });
        }
        if size != self.index {
            return Err(SuccessionRule::Size(self.index, size).into());
        }
        self.voter(&member)?;
        signed.check(&self.state.roster)?;
        self.change_roster(Happening::OperatorSucceeded { operator });
        Ok(())
    }

    fn set_parameter(&mut self, parameter: Parameter, value: u64) -> Result<(), Refused> {
        let (min, max) = parameter.range();
        if !(min..=max).contains(&value) {
            return Err(GovernanceRule::Range(parameter, min, max, value).into());
        }
        if parameter == Parameter::Quorum {
            let members = self.state.roster.voters().len() as u64;
            let quorum = u16::try_from(value).ok().filter(|_| value <= members);
            let quorum = quorum.ok_or(GovernanceRule::Range(parameter, 1, members, value))?;
            self.set_quorum(quorum);
            return Ok(());
        }
        self.change_parameters(|parameters| parameters.set(parameter, value));
        self.emit(Happening::ParameterSet { parameter, value });
        Ok(())
    }

    fn set_shares(&mut self, shares: Shares) -> Result<(), Refused> {
        let parts = [shares.providers, shares.compute_parties, shares.algorithm_providers];
        let sum: u32 = parts.into_iter().map(u32::from).sum();
        if sum != u32::from(WHOLE) {
            return Err(GovernanceRule::Shares(sum).into());
        }
        self.change_parameters(|parameters| parameters.shares = shares);
        self.emit(Happening::SharesSet { shares });
        Ok(())
    }

    /// Somebody must be able to decide.
    fn require_some_weight(&self) -> Result<(), Refused> {
        let voters = self.state.roster.voters();
        let named = self.state.roster.operator().or_else(|| voters.first().copied());
        match named {
            Some(named) if voters.iter().all(|voter| self.state.parameters.weight(voter) == 0) => {
                Err(GovernanceRule::NotAVoter(named).into())
            }
            _ => Ok(()),
        }
    }

    fn adopt_protocol(&mut self, version: u32, from: u64) -> Result<(), Refused> {
        let last = self.state.parameters.protocols.last().map_or(1, |(_, version)| *version);
        if version <= last {
            return Err(GovernanceRule::ProtocolNotNewer(last, version).into());
        }
        if from <= self.index {
            return Err(GovernanceRule::ProtocolTooSoon(self.index + 1, from).into());
        }
        self.change_parameters(|parameters| parameters.protocols.push((from, version)));
        self.emit(Happening::ProtocolAdopted { version, from });
        Ok(())
    }

    fn change_parameters(&mut self, change: impl FnOnce(&mut Parameters)) {
        change(Arc::make_mut(&mut self.state.parameters));
        self.touch(Key::Parameters);
    }

    /// A full member that is in the alliance now.
    pub(super) fn voter(&self, who: &Did) -> Result<(), Refused> {
        self.full_member(who, "vote, propose or own points").map(drop)
    }
}
