//! One transaction on its way: a copy of the state that becomes the state only if every rule is met.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::{
    Did, Hash,
    canonical::{self, CanonicalError},
    lifecycle,
    text::check_line,
};

use super::{ContractRecord, DatasetPath, DatasetRecord, DelegationRecord, Run, State};
use crate::{
    Action, Effects, Event, Refused, Transaction,
    access::{AccessRequest, Token},
    alliance::{Card, Standing},
    catalog::{Claim, PublicationRecord},
    dispute::Dispute,
    event::Happening,
    governance::{PROTOCOL, Proposal},
    refused::GovernanceRule,
};

/// What an accepted transaction caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its index in the log.
    pub index: u64,
    /// What happened.
    pub caused: Effects,
    /// Their hash, see [`crate::Entry::effects`].
    pub effects: Hash,
}

/// The records that a step has changed.
pub(super) type Touched = BTreeSet<Key>;

/// Names a record of the state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Parameters,
    Supply,
    Proposal(Hash),
    Request(Hash),
    Token(Hash),
    Dispute(Hash),
    Publication(String),
    Claim(Hash),
    Path(String),
    Reading(Did, Did),
    Account(Did),
    Contract(Hash),
    Dataset(String),
    Delegation(Did, Did),
    Run(Hash),
    Privacy(String, Did),
    Concentrated(String, Did),
}

/// What is due at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Contract(Hash),
    Proposal(Hash),
    Request(Hash),
    Access(Hash),
    Dispute(Hash),
    Claim(Hash),
    Settlement(Hash),
    Draw(Hash),
}

/// The transition under way. Handlers change it freely: when one refuses, it is dropped as a whole.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) state: State,
    pub(super) time: u64,
    pub(super) index: u64,
    events: Vec<Event>,
    touched: Touched,
}

impl Step {
    pub(super) fn new(state: State, time: u64) -> Self {
        let index = state.size;
        Self { state, time, index, events: Vec::new(), touched: Touched::new() }
    }

    /// Checks what every transaction must satisfy, lets time pass, and acts.
    pub(super) fn take(&mut self, transaction: &Transaction) -> Result<(), Refused> {
        let Transaction { alliance, member, sequence, person: _, signer: _, action } = transaction;
        let expected = self.state.alliance_id;
        if *alliance != expected {
            return Err(Refused::OtherAlliance { expected, found: *alliance });
        }
        self.card(member)?;
        if self.time < self.state.time {
            return Err(Refused::TimeWentBack { last: self.state.time, found: self.time });
        }
        self.check_signer(transaction)?;
        let account = transaction.account();
        let expected = self.state.next_sequence_of(&account);
        if *sequence != expected {
            return Err(Refused::Sequence { member: *member, expected, found: *sequence });
        }
        self.state.sequences.insert_mut(account, *sequence);
        self.check_protocol()?;
        self.let_time_pass();
        self.act(transaction, action)
    }

    fn act(&mut self, transaction: &Transaction, action: &Action) -> Result<(), Refused> {
        let member = transaction.member;
        match action {
            Action::PublishDataset(dataset) => self.publish_dataset(member, dataset),
            Action::WithdrawDataset { dataset } => self.withdraw_dataset(member, dataset),
            Action::ProposeContract(contract) => self.propose_contract(member, contract),
            Action::SignContract { contract, party, signature } => {
                self.sign_contract(*contract, *party, signature)
            }
            Action::AuditContract { contract, report, opinion } => {
                self.audit_contract(member, *contract, *report, opinion)
            }
            Action::RevokeContract { contract, reason } => self.revoke_contract(member, *contract, reason),
            Action::RequestRun { contract, run, purpose } => {
                self.request_run(transaction, *contract, *run, purpose)
            }
            Action::PermitRun { run } => self.permit_run(member, *run),
            Action::RefuseRun { run, refusals } => self.refuse_run(member, *run, refusals),
            Action::CommitInput { run, commitment } => self.commit_input(member, *run, commitment),
            Action::File(receipt) => self.file_receipt(member, receipt),
            Action::FailRun { run, reason } => self.fail_run(member, *run, reason),
            Action::NothingOpened { run } => self.nothing_opened(member, *run),
            Action::Propose { motion, text } => self.propose(transaction, motion, text),
            Action::Vote { proposal, approve } => self.vote(member, *proposal, *approve),
            Action::RequestAccess { dataset, rights, purpose } => {
                self.request_access(transaction, dataset, rights, purpose)
            }
            Action::ApproveAccess { request } => self.approve_access(transaction, *request),
            Action::DeclineAccess { request, reason } => self.decline_access(transaction, *request, reason),
            Action::AttenuateToken { token, rights } => self.attenuate_token(transaction, *token, rights),
            Action::UseToken { token, contract } => self.use_token(member, *token, *contract),
            Action::RevokeToken { token, reason } => self.revoke_token(member, *token, reason),
            Action::Challenge { subject, accused, reason, evidence } => {
                self.challenge(transaction, *subject, *accused, reason, evidence)
            }
            Action::Arbitrate { dispute, uphold } => self.arbitrate(member, *dispute, *uphold),
            Action::Publish(publication) => self.publish(member, publication),
            Action::WithdrawPublication { publication } => self.withdraw_publication(member, publication),
            Action::ClaimDataset { path, statement, evidence } => {
                self.claim_dataset(transaction, path, statement, evidence)
            }
            Action::OfferDataset { path, to } => self.offer_dataset(member, path, *to),
            Action::AcceptDataset { path } => self.accept_dataset(member, path),
            Action::SetReading { regulator, allowed } => self.set_reading(member, *regulator, *allowed),
            Action::StopContract { contract, reason } => self.stop_contract(member, *contract, reason),
            Action::StateContributions { run, contributions } => {
                self.state_contributions(member, *run, contributions)
            }
            Action::TransferPoints { to, points, note } => self.transfer_points(member, *to, *points, note),
            Action::Succeed(signed) => self.succeed(member, signed),
            Action::RotateKey { key, proof } => self.rotate_key(member, *key, proof),
            Action::RenewCard(card) => self.renew_card(member, card),
            Action::Delegate(delegation) => self.delegate(member, delegation),
            Action::RevokeDelegation { person } => self.revoke_delegation(member, *person),
        }
    }

    /// The next state, and what was done to get there.
    pub(super) fn finish(self) -> Result<(State, Outcome), CanonicalError> {
        let Self { mut state, time, index, events, touched } = self;
        state.size = index + 1;
        state.time = time;
        let caused = state.effects(events, &touched)?;
        let effects = caused.hash()?;
        state.last = effects;
        Ok((state, Outcome { index, caused, effects }))
    }

    /// Records something that happened.
    pub(super) fn emit(&mut self, what: Happening) {
        self.events.push(Event { index: self.index, time: self.time, what });
    }

    /// The member's card.
    pub(super) fn card(&self, who: &Did) -> Result<&Card, Refused> {
        self.state.roster.card(who).ok_or(Refused::NotInAlliance { who: *who })
    }

    /// The member's card, unless it is a regulator.
    pub(super) fn full_member(&self, who: &Did, what: &'static str) -> Result<&Card, Refused> {
        let card = self.card(who)?;
        match card.standing {
            Standing::Member => Ok(card),
            Standing::Regulator => Err(Refused::RegulatorMayNot { who: *who, what }),
        }
    }

    /// A copy of the contract's record, to be changed and put back.
    pub(super) fn contract(&self, id: Hash) -> Result<ContractRecord, Refused> {
        self.state.contract(&id).cloned().ok_or(Refused::UnknownContract { contract: id })
    }

    /// A copy of the run's record, to be changed and put back.
    pub(super) fn run(&self, id: Hash) -> Result<Run, Refused> {
        self.state.run(&id).cloned().ok_or(Refused::UnknownRun { run: id })
    }

    pub(super) fn put_dataset(&mut self, reference: String, record: DatasetRecord) {
        self.touched.insert(Key::Dataset(reference.clone()));
        self.state.datasets.insert_mut(reference, Arc::new(record));
    }

    pub(super) fn put_delegation(&mut self, member: Did, person: Did, record: DelegationRecord) {
        self.touched.insert(Key::Delegation(member, person));
        self.state.delegations.insert_mut((member, person), Arc::new(record));
    }

    pub(super) fn put_contract(&mut self, id: Hash, record: ContractRecord) {
        self.touched.insert(Key::Contract(id));
        self.state.contracts.insert_mut(id, Arc::new(record));
    }

    pub(super) fn put_run(&mut self, id: Hash, run: Run) {
        self.touched.insert(Key::Run(id));
        self.state.runs.insert_mut(id, Arc::new(run));
    }

    pub(super) fn put_proposal(&mut self, id: Hash, record: Proposal) {
        self.touched.insert(Key::Proposal(id));
        self.state.proposals.insert_mut(id, Arc::new(record));
    }

    pub(super) fn put_request(&mut self, id: Hash, request: AccessRequest) {
        self.touched.insert(Key::Request(id));
        self.state.requests.insert_mut(id, Arc::new(request));
    }

    pub(super) fn put_token(&mut self, id: Hash, token: Token) {
        self.touched.insert(Key::Token(id));
        self.state.tokens.insert_mut(id, Arc::new(token));
    }

    pub(super) fn put_dispute(&mut self, id: Hash, dispute: Dispute) {
        self.touched.insert(Key::Dispute(id));
        self.state.disputes.insert_mut(id, Arc::new(dispute));
    }

    pub(super) fn put_publication(&mut self, reference: String, record: PublicationRecord) {
        self.touched.insert(Key::Publication(reference.clone()));
        self.state.publications.insert_mut(reference, Arc::new(record));
    }

    pub(super) fn put_claim(&mut self, id: Hash, claim: Claim) {
        self.touched.insert(Key::Claim(id));
        self.state.claims.insert_mut(id, Arc::new(claim));
    }

    pub(super) fn put_path(&mut self, path: &str, record: DatasetPath) {
        self.touched.insert(Key::Path(path.to_owned()));
        self.state.dataset_paths.insert_mut(path.to_owned(), record);
    }

    pub(super) fn touch(&mut self, key: Key) {
        self.touched.insert(key);
    }

    pub(super) fn touch_account(&mut self, account: Did) {
        self.touched.insert(Key::Account(account));
    }

    /// What is due happens with the first entry at or after its time, in the order of times.
    fn let_time_pass(&mut self) {
        while let Some((due, timer)) = self.state.timers.first().copied() {
            if due > self.time {
                break;
            }
            self.state.timers.remove_mut(&(due, timer));
            match timer {
                Timer::Contract(contract) => self.expire_contract(contract),
                Timer::Proposal(proposal) => self.close_proposal(proposal),
                Timer::Request(request) => self.lapse_request(request),
                Timer::Access(request) => self.settle_access(request),
                Timer::Dispute(dispute) => self.close_dispute(dispute),
                Timer::Claim(claim) => self.settle_claim(claim),
                Timer::Settlement(run) => self.settle_late(run),
                Timer::Draw(dispute) => self.draw_arbiters(dispute),
            }
        }
    }

    fn expire_contract(&mut self, contract: Hash) {
        let Some(record) = self.state.contract(&contract) else { return };
        let expired = record.state.after(lifecycle::Event::Expired);
        if let Ok(state) = expired
            && state != record.state
        {
            let record = ContractRecord { state, ..record.clone() };
            self.put_contract(contract, record);
            self.emit(Happening::ContractExpired { contract });
        }
    }

    /// A build that doesn't have the rules of an entry must not guess.
    fn check_protocol(&self) -> Result<(), Refused> {
        match self.state.unknown_protocol() {
            None => Ok(()),
            Some(version) => Err(GovernanceRule::ProtocolUnknown(self.index, version).into()),
        }
    }

    pub(super) fn set_timer(&mut self, due: u64, timer: Timer) {
        self.state.timers.insert_mut((due, timer));
    }

    /// Whether something could be done now; nothing is.
    pub(super) fn tentatively(
        &self,
        act: impl FnOnce(&mut Self) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        act(&mut self.clone())
    }
}

impl State {
    /// The version of the rules for the next entry, when this build doesn't have it.
    pub fn unknown_protocol(&self) -> Option<u32> {
        Some(self.parameters.protocol(self.size)).filter(|version| *version > PROTOCOL)
    }

    /// Hash of a record as it is now, under its name.
    pub(super) fn record_hash(&self, key: &Key) -> Result<Hash, CanonicalError> {
        match key {
            Key::Parameters => canonical::hash("parameters", &*self.parameters),
            Key::Supply => canonical::hash("supply", &self.points.supply()),
            Key::Proposal(id) => canonical::hash("proposal-record", &(id, self.proposal(id))),
            Key::Request(id) => canonical::hash("request-record", &(id, self.request(id))),
            Key::Token(id) => canonical::hash("token-record", &(id, self.token(id))),
            Key::Dispute(id) => canonical::hash("dispute-record", &(id, self.dispute(id))),
            Key::Publication(reference) => {
                canonical::hash("publication-record", &(reference, self.publication(reference)))
            }
            Key::Claim(id) => canonical::hash("claim-record", &(id, self.claim(id))),
            Key::Path(path) => canonical::hash("path-record", &(path, self.dataset_paths.get(path))),
            Key::Reading(member, regulator) => {
                canonical::hash("reading", &(member, regulator, self.may_read(regulator, member)))
            }
            Key::Account(member) => canonical::hash("account", &(member, self.balance(member))),
            Key::Contract(id) => canonical::hash("contract-record", &(id, self.contract(id))),
            Key::Dataset(reference) => {
                canonical::hash("dataset-record", &(reference, self.dataset(reference)))
            }
            Key::Delegation(member, person) => {
                canonical::hash("delegation-record", &(member, person, self.delegation(member, person)))
            }
            Key::Privacy(path, user) => {
                canonical::hash("privacy", &(path, user, self.epsilon_spent(path, user)))
            }
            Key::Concentrated(path, user) => {
                canonical::hash("concentrated", &(path, user, self.rho_spent(path, user)))
            }
            Key::Run(id) => canonical::hash("run-record", &(id, self.run(id))),
        }
    }
}

/// Refuses a text for people that is empty, too long, or holds what does not show.
pub(super) fn check_text(text: &str, what: &'static str, bytes_max: usize) -> Result<(), Refused> {
    check_line(text, bytes_max).map_err(|flaw| Refused::Text { what, flaw })
}
