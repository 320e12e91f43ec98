//! Disputes: a challenge within its window, arbiters by rule, a decision that moves escrow and standing.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Did, Hash, canonical, document::Role, lifecycle};

use super::{
    Phase, State,
    points::Escrow,
    step::{Step, Timer, check_text},
};
use crate::{
    Refused, Transaction,
    catalog::ClaimStanding,
    dispute::{Dispute, Ruling, Subject},
    event::Happening,
    governance::Parameter,
    refused::{CatalogRule, DisputeRule, When},
    settlement::{Transfer, apportion},
};

/// Most hashes of evidence.
const EVIDENCE_MAX: usize = 64;

/// How long after a challenge its arbiters are drawn, where not all decide: long enough for entries of others.
const DRAW_SECONDS: u64 = 60;

/// Whom a challenge concerns, and how long it was possible.
struct Concern {
    may_challenge: BTreeSet<Did>,
    concerned: BTreeSet<Did>,
    until: u64,
    /// Points wait for a decision, so that it is never too late for one.
    held: bool,
}

impl Step {
    pub(super) fn challenge(
        &mut self,
        transaction: &Transaction,
        subject: Subject,
        accused: Option<Did>,
        reason: &str,
        evidence: &[Hash],
    ) -> Result<(), Refused> {
        let by = transaction.member;
        self.voter(&by)?;
        check_text(reason, "reason", 1000)?;
        if evidence.len() > EVIDENCE_MAX {
            return Err(DisputeRule::EvidenceCount(evidence.len()).into());
        }
        let concern = self.concern(subject, by)?;
        self.check_unchallenged(subject, by)?;
        if !concern.may_challenge.contains(&by) {
            return Err(DisputeRule::NotConcerned(by).into());
        }
        if self.time >= concern.until && !concern.held {
            return Err(DisputeRule::WindowOver(When(concern.until)).into());
        }
        if let Some(accused) =
            accused.filter(|accused| !concern.concerned.contains(accused) || *accused == by)
        {
            return Err(DisputeRule::WronglyAccused(accused).into());
        }
        let id = transaction.id()?;
        let deposit = self.state.parameters.number(Parameter::DisputeDeposit);
        self.hold(by, Escrow::Dispute(id), deposit)?;
        let mut closes = self.window_from(self.time);
        let mut arbiters = self.pool(by, accused, &concern.concerned);
        if arbiters.len() > self.arbiters_max() {
            arbiters.clear();
            let drawn = self.time.saturating_add(DRAW_SECONDS);
            self.set_timer(drawn, Timer::Draw(id));
            closes = self.window_from(drawn);
        } else {
            self.set_timer(closes, Timer::Dispute(id));
        }
        let dispute = Dispute {
            subject,
            by,
            accused,
            reason: reason.to_owned(),
            evidence: evidence.to_vec(),
            opened: self.index,
            closes,
            deposit,
            arbiters,
            votes: BTreeMap::new(),
            ruling: None,
        };
        self.state.disputed.insert_mut(subject, id);
        self.emit(Happening::Challenged { dispute: id, subject, by, accused });
        if let Subject::Run(run) = subject {
            self.hold_contract(run)?;
        }
        self.put_dispute(id, dispute);
        Ok(())
    }

    /// More than half of the arbiters decide at once.
    pub(super) fn arbitrate(&mut self, member: Did, id: Hash, uphold: bool) -> Result<(), Refused> {
        let mut dispute = self.open_dispute(id)?;
        if dispute.arbiters.is_empty() {
            return Err(DisputeRule::NotDrawn(id).into());
        }
        if !dispute.arbiters.contains(&member) {
            return Err(DisputeRule::NotAnArbiter(member, id).into());
        }
        if dispute.votes.insert(member, uphold).is_some() {
            return Err(DisputeRule::AlreadyArbitrated(member, id).into());
        }
        let agree = dispute.votes.values().filter(|vote| **vote == uphold).count();
        let decided = 2 * agree > dispute.arbiters.len();
        self.put_dispute(id, dispute);
        self.emit(Happening::Arbitrated { dispute: id, by: member, uphold });
        if decided { self.rule(id, uphold) } else { Ok(()) }
    }

    /// When a window for disputes ends that begins then.
    fn window_from(&self, time: u64) -> u64 {
        time.saturating_add(self.state.parameters.number(Parameter::DisputeSeconds))
    }

    /// Time is up: those who decided decide; a tie is for what stood before, and so is silence.
    pub(super) fn close_dispute(&mut self, id: Hash) {
        let Ok(dispute) = self.open_dispute(id) else { return };
        let uphold = dispute.votes.values().filter(|vote| **vote).count();
        let ruling = match dispute.votes.len() {
            0 => Ruling::Lapsed,
            voted if 2 * uphold > voted => Ruling::Upheld,
            _ => Ruling::Dismissed,
        };
        let before = self.clone();
        if self.carry_out(id, ruling).is_err() {
            *self = before;
        }
    }

    /// Carries a decision out; also for a vote of all members.
    pub(super) fn rule(&mut self, id: Hash, uphold: bool) -> Result<(), Refused> {
        self.carry_out(id, if uphold { Ruling::Upheld } else { Ruling::Dismissed })
    }

    fn carry_out(&mut self, id: Hash, ruling: Ruling) -> Result<(), Refused> {
        let mut dispute = self.open_dispute(id)?;
        let uphold = ruling == Ruling::Upheld;
        dispute.ruling = Some((self.index, ruling));
        self.return_stake(id, &dispute, uphold);
        self.put_dispute(id, dispute.clone());
        self.emit(Happening::Ruled { dispute: id, ruling });
        if let Some(member) = dispute.accused.filter(|_| uphold) {
            self.change_roster(Happening::StandingLowered { member, dispute: id });
        }
        if ruling == Ruling::Lapsed {
            return self.leave_open(dispute.subject);
        }
        match dispute.subject {
            Subject::Run(run) => self.rule_on_run(run, uphold),
            Subject::Token(token) => {
                self.rule_on_token(token, dispute.by, uphold);
                Ok(())
            }
            Subject::Claim(claim) => {
                let standing = if uphold { ClaimStanding::Rejected } else { ClaimStanding::Established };
                self.set_claim(claim, standing);
                Ok(())
            }
        }
    }

    /// Another may challenge it until one more window is over, and only then it holds. A run that did not complete has
    /// nothing to wait for: it can be challenged as long as its use was not returned.
    fn leave_open(&mut self, subject: Subject) -> Result<(), Refused> {
        let until = self.window_from(self.time);
        match subject {
            Subject::Run(id) => {
                let run = self.run(id)?;
                if run.phase != Phase::Completed || self.state.escrow(&id) == 0 {
                    return self.rule_on_run(id, false);
                }
                self.set_timer(until, Timer::Settlement(id));
                return self.free_contract(run.contract);
            }
            Subject::Token(id) => {
                if let Some(token) = self.state.token(&id) {
                    self.set_timer(until, Timer::Access(token.request));
                }
            }
            Subject::Claim(id) => self.set_timer(until, Timer::Claim(id)),
        }
        Ok(())
    }

    /// The use and the fee go back; or the use stays taken, and the fee goes where it would have gone: by the contract's
    /// rule for a run that completed, back to the payer for one that did not. Nothing that was settled moves again.
    fn rule_on_run(&mut self, id: Hash, uphold: bool) -> Result<(), Refused> {
        let mut run = self.run(id)?;
        let unsettled = run.phase != Phase::Completed || self.state.escrow(&id) > 0;
        if uphold && unsettled && !run.use_returned {
            let record = self.contract(run.contract)?;
            self.return_use(id, &mut run, record)?;
        } else if !uphold && self.state.escrow(&id) > 0 {
            let mut record = self.contract(run.contract)?;
            self.settle_run(id, &mut run, &record.contract);
            if run.phase != Phase::Completed && record.paid_by == Some(id) {
                // A fee that is due once is due with the next run then.
                record.paid_by = None;
                self.put_contract(run.contract, record);
            }
        }
        run.ruled = true;
        let contract = run.contract;
        self.put_run(id, run);
        self.free_contract(contract)
    }

    fn rule_on_token(&mut self, id: Hash, by: Did, uphold: bool) {
        let Some(token) = self.state.token(&id).cloned() else { return };
        let to = if uphold { token.holder } else { token.owner };
        self.release_all(Escrow::Access(token.request), to);
        if uphold {
            self.end_token(id, by, "a dispute was decided against it");
        }
    }

    /// No run starts under a contract while one of its runs is in dispute.
    fn hold_contract(&mut self, run: Hash) -> Result<(), Refused> {
        let contract = self.run(run)?.contract;
        let mut record = self.contract(contract)?;
        let state = self.follow(contract, &record, lifecycle::Event::Disputed)?;
        if state != record.state {
            record.state = state;
            self.put_contract(contract, record);
            self.emit(Happening::ContractDisputed { contract, run });
        }
        Ok(())
    }

    fn free_contract(&mut self, id: Hash) -> Result<(), Refused> {
        let open = |run: &super::Run, of: &Hash| {
            let challenged = self.state.dispute_about(&Subject::Run(*of));
            let undecided = challenged.is_some_and(|dispute| dispute.ruling.is_none());
            run.contract == id && (undecided || (run.phase == Phase::Disputed && !run.ruled))
        };
        if self.state.runs().any(|(of, run)| open(run, of)) {
            return Ok(());
        }
        let mut record = self.contract(id)?;
        let uses_left = record.runs_left() > 0;
        let mut state = self.follow(id, &record, lifecycle::Event::DisputeResolved { uses_left })?;
        // The window may have passed meanwhile.
        if self.time >= record.contract.limits.expires {
            state = state.after(lifecycle::Event::Expired).unwrap_or(state);
        }
        if state != record.state {
            record.state = state;
            self.put_contract(id, record);
            self.emit(Happening::ContractDisputeResolved { contract: id, state });
        }
        Ok(())
    }

    fn return_stake(&mut self, id: Hash, dispute: &Dispute, uphold: bool) {
        let what = Escrow::Dispute(id);
        let arbiters: Vec<Did> = dispute.votes.keys().copied().collect();
        if uphold || arbiters.is_empty() {
            return self.release_all(what, dispute.by);
        }
        let amounts = apportion(self.state.points.escrow(what), &vec![1; arbiters.len()]);
        let transfer = |(to, points)| Transfer { to, points, role: Role::Auditor };
        let transfers: Vec<_> =
            arbiters.into_iter().zip(amounts).filter(|(_, points)| *points > 0).map(transfer).collect();
        if !transfers.is_empty() {
            self.release(what, &transfers);
        }
    }

    /// Draws arbiters, by what the last entry before this one did: when the challenge was written, nobody knew it, so that
    /// no challenger can word it until the lot falls on its friends. Those whose hash is smallest decide.
    pub(super) fn draw_arbiters(&mut self, id: Hash) {
        let Ok(dispute) = self.open_dispute(id) else { return };
        // Their time begins now.
        let closes = self.window_from(self.time);
        self.set_timer(closes, Timer::Dispute(id));
        if let Ok(arbiters) = self.draw(id, &dispute) {
            self.emit(Happening::ArbitersDrawn { dispute: id, arbiters: arbiters.clone() });
            self.put_dispute(id, Dispute { arbiters, closes, ..dispute });
        }
    }

    fn draw(&self, id: Hash, dispute: &Dispute) -> Result<BTreeSet<Did>, Refused> {
        let concerned = self.concern(dispute.subject, dispute.by)?.concerned;
        let last = self.state.last;
        let mut drawn = self
            .pool(dispute.by, dispute.accused, &concerned)
            .into_iter()
            .map(|member| Ok((canonical::hash("arbiter", &(id, last, member))?, member)))
            .collect::<Result<Vec<_>, Refused>>()?;
        drawn.sort_unstable_by_key(|(lot, _)| *lot);
        Ok(drawn.into_iter().take(self.arbiters_max()).map(|(_, member)| member).collect())
    }

    /// How many decide.
    fn arbiters_max(&self) -> usize {
        match self.state.parameters.number(Parameter::Arbiters) {
            0 => usize::MAX,
            many => usize::try_from(many).unwrap_or(usize::MAX),
        }
    }

    /// Who may decide: members without a part in it; when all have a part, all but the two sides.
    fn pool(&self, by: Did, accused: Option<Did>, concerned: &BTreeSet<Did>) -> BTreeSet<Did> {
        let voters = self.state.roster.voters();
        let mut pool: BTreeSet<Did> =
            voters.iter().filter(|voter| !concerned.contains(voter) && **voter != by).copied().collect();
        if pool.is_empty() {
            let side = |voter: &Did| *voter == by || Some(*voter) == accused;
            pool = voters.iter().filter(|voter| !side(voter)).copied().collect();
        }
        if pool.is_empty() { voters } else { pool }
    }

    /// A thing is challenged once, unless nobody decided: then by another, so that no friend of who is at fault can use
    /// the challenge up.
    fn check_unchallenged(&self, subject: Subject, by: Did) -> Result<(), Refused> {
        let binding =
            |dispute: &Dispute| dispute.by == by || !matches!(dispute.ruling, Some((_, Ruling::Lapsed)));
        let mut about = self.state.disputes().filter(|(_, dispute)| dispute.subject == subject);
        match about.find(|(_, dispute)| binding(dispute)) {
            Some((dispute, _)) => Err(DisputeRule::AlreadyChallenged(*dispute).into()),
            None => Ok(()),
        }
    }

    fn concern(&self, subject: Subject, by: Did) -> Result<Concern, Refused> {
        let lapsed = self.state.disputes().filter(|(_, dispute)| {
            dispute.subject == subject && matches!(dispute.ruling, Some((_, Ruling::Lapsed)))
        });
        let again = lapsed.map(|(_, dispute)| self.window_from(dispute.closes)).max().unwrap_or(0);
        let concern = self.concern_at_first(subject, by)?;
        Ok(Concern { until: concern.until.max(again), ..concern })
    }

    fn concern_at_first(&self, subject: Subject, by: Did) -> Result<Concern, Refused> {
        match subject {
            Subject::Run(id) => {
                let run = self.run(id)?;
                let ended = run.ended_at.ok_or(DisputeRule::RunNotEnded(id))?;
                let contract = self.contract(run.contract)?.contract;
                let parties: BTreeSet<Did> = contract.parties.iter().map(|party| party.member).collect();
                let unreturned = run.phase != Phase::Completed && !run.use_returned;
                Ok(Concern {
                    may_challenge: parties.clone(),
                    concerned: parties,
                    until: self.window_from(ended),
                    held: unreturned,
                })
            }
            Subject::Token(id) => {
                let token = self.known_token(id)?;
                let sides = BTreeSet::from([token.owner, token.holder]);
                let until = self.window_from(token.issued_at);
                Ok(Concern { may_challenge: sides.clone(), concerned: sides, until, held: false })
            }
            Subject::Claim(id) => {
                let claim = self.state.claim(&id).ok_or(CatalogRule::UnknownClaim(id))?;
                let may_challenge = BTreeSet::from([by]).into_iter().filter(|by| *by != claim.by).collect();
                let concerned = BTreeSet::from([claim.by]);
                Ok(Concern { may_challenge, concerned, until: claim.disputable_until, held: false })
            }
        }
    }

    /// Whether a challenge keeps what is due from being settled.
    pub(super) fn is_held(&self, subject: &Subject) -> bool {
        self.state.dispute_about(subject).is_some_and(|dispute| self.holds(dispute))
    }

    /// As [`Self::is_held`], of one of the tokens of a request.
    pub(super) fn is_access_held(&self, request: &Hash) -> bool {
        let concerns = |dispute: &Dispute| match dispute.subject {
            Subject::Token(token) => self.state.token(&token).is_some_and(|token| token.request == *request),
            _ => false,
        };
        self.state.disputes().any(|(_, dispute)| concerns(dispute) && self.holds(dispute))
    }

    fn holds(&self, dispute: &Dispute) -> bool {
        match dispute.ruling {
            None => true,
            Some((_, Ruling::Lapsed)) => self.time < self.window_from(dispute.closes),
            Some(_) => false,
        }
    }

    fn open_dispute(&self, id: Hash) -> Result<Dispute, Refused> {
        let dispute = self.state.dispute(&id).ok_or(DisputeRule::UnknownDispute(id))?;
        match dispute.ruling {
            None => Ok(dispute.clone()),
            Some(_) => Err(DisputeRule::Decided(id).into()),
        }
    }
}

impl State {
    /// A dispute by its id, decided or not.
    pub fn dispute(&self, id: &Hash) -> Option<&Dispute> {
        self.disputes.get(id).map(AsRef::as_ref)
    }

    /// All disputes by id, in that order.
    pub fn disputes(&self) -> impl Iterator<Item = (&Hash, &Dispute)> {
        self.disputes.iter().map(|(id, dispute)| (id, dispute.as_ref()))
    }

    /// The last dispute about something, decided or not.
    pub fn dispute_about(&self, subject: &Subject) -> Option<&Dispute> {
        self.disputed.get(subject).and_then(|id| self.dispute(id))
    }
}
