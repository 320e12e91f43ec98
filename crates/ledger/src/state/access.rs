//! Access: asked for, answered by the owner's rule, narrowed, used by one contract, taken back.

use std::collections::BTreeMap;

use contract::{Did, Hash, access, access::Rights, document::Role, lifecycle};

use super::{
    State,
    points::Escrow,
    step::{Step, Timer, check_text},
};
use crate::{
    Refused, Transaction,
    access::{AccessRequest, Answer, Revoked, Token},
    event::Happening,
    governance::Parameter,
    refused::{AccessRule, When},
    text,
};

impl Step {
    /// Those whom the terms permit get a token at once; the others pay the price into escrow, and get one at once too
    /// or when the owner has agreed.
    pub(super) fn request_access(
        &mut self,
        transaction: &Transaction,
        reference: &str,
        rights: &Rights,
        purpose: &str,
    ) -> Result<(), Refused> {
        let requester = transaction.member;
        self.voter(&requester)?;
        let dataset = std::sync::Arc::clone(&self.catalogued(reference)?.dataset);
        let (terms, owner) = (&dataset.terms, self.state.owner_of(&dataset));
        let name = || text::excerpt(reference);
        let rule = terms.access.as_ref().ok_or_else(|| AccessRule::NotNeeded(name()))?;
        if owner == requester {
            return Err(AccessRule::OwnDataset(name()).into());
        }
        self.check_rights(rights)?;
        let long = terms.expires.is_some_and(|expires| rights.expires > expires);
        if long || !access::covers(&terms.columns, &rights.columns) || !terms.purposes.contains(purpose) {
            return Err(AccessRule::OutsideTerms(name()).into());
        }
        let permitted = rule.permitted.contains(&requester);
        let price = if permitted { 0 } else { rule.price };
        let id = transaction.id()?;
        self.hold(requester, Escrow::Access(id), price)?;
        let answer_by = self.time.saturating_add(self.state.parameters.number(Parameter::ReviewSeconds));
        let request = AccessRequest {
            dataset: dataset.reference(),
            owner,
            requester,
            person: transaction.person,
            rights: rights.clone(),
            purpose: purpose.to_owned(),
            requested: self.index,
            price,
            answer_by,
            answer: None,
        };
        self.emit(Happening::AccessRequested {
            request: id,
            dataset: dataset.reference(),
            by: requester,
            price,
        });
        if permitted || !rule.review {
            return self.grant(id, request, None);
        }
        self.set_timer(answer_by, Timer::Request(id));
        self.put_request(id, request);
        Ok(())
    }

    pub(super) fn approve_access(&mut self, transaction: &Transaction, id: Hash) -> Result<(), Refused> {
        let request = self.unanswered(transaction.member, id)?;
        self.catalogued(&request.dataset)?;
        self.grant(id, request, transaction.person)
    }

    pub(super) fn decline_access(
        &mut self,
        transaction: &Transaction,
        id: Hash,
        reason: &str,
    ) -> Result<(), Refused> {
        let request = self.unanswered(transaction.member, id)?;
        check_text(reason, "reason", 1000)?;
        let answer = Answer::Declined { reason: reason.to_owned(), by: transaction.person };
        self.close_request(id, request, answer);
        Ok(())
    }

    pub(super) fn lapse_request(&mut self, id: Hash) {
        let Some(request) = self.state.request(&id).cloned() else { return };
        if request.answer.is_none() {
            self.close_request(id, request, Answer::Lapsed);
        }
    }

    /// A narrower token in the place of another: the chain stays one token for one contract.
    pub(super) fn attenuate_token(
        &mut self,
        transaction: &Transaction,
        parent: Hash,
        rights: &Rights,
    ) -> Result<(), Refused> {
        let mut wider = self.own_token(transaction.member, parent)?;
        self.check_rights(rights)?;
        if !rights.are_within(&wider.rights) {
            return Err(AccessRule::ExceedsParent(parent).into());
        }
        let id = transaction.id()?;
        let token = Token {
            rights: rights.clone(),
            parent: Some(parent),
            issued: self.index,
            issued_at: self.time,
            ..wider.clone()
        };
        wider.child = Some(id);
        self.put_token(parent, wider);
        self.put_token(id, token);
        self.emit(Happening::TokenAttenuated { token: id, parent });
        Ok(())
    }

    pub(super) fn use_token(&mut self, member: Did, id: Hash, contract: Hash) -> Result<(), Refused> {
        let mut token = self.own_token(member, id)?;
        let mut record = self.contract(contract)?;
        let state = record.state_at(self.time);
        if !matches!(state, lifecycle::State::Proposed | lifecycle::State::Active) {
            return Err(Refused::NotActive { contract, state });
        }
        let names = record.contract.inputs().any(|(_, input)| input.dataset == token.dataset);
        if !names || !record.contract.has_role(&member, Role::DataUser) {
            return Err(AccessRule::DoesNotFit(id, contract).into());
        }
        let stands_there = |other: &Hash| {
            self.state
                .token(other)
                .is_some_and(|other| other.dataset == token.dataset && other.holder == member)
                && self.state.token_stands(other)
        };
        if record.tokens.iter().any(stands_there) {
            return Err(AccessRule::AlreadyThere(contract, token.dataset).into());
        }
        token.used_by = Some(contract);
        record.tokens.insert(id);
        self.put_token(id, token);
        self.put_contract(contract, record);
        self.emit(Happening::TokenUsed { token: id, contract });
        Ok(())
    }

    /// By the owner or the holder. What was paid goes back when the owner takes back what nobody has used.
    pub(super) fn revoke_token(&mut self, member: Did, id: Hash, reason: &str) -> Result<(), Refused> {
        let token = self.known_token(id)?.clone();
        if member != token.owner && member != token.holder {
            return Err(AccessRule::NotTheHolder(member, id).into());
        }
        check_text(reason, "reason", 1000)?;
        if !self.state.token_stands(&id) {
            return Err(AccessRule::Revoked(id).into());
        }
        self.end_token(id, member, reason);
        Ok(())
    }

    pub(super) fn end_token(&mut self, id: Hash, by: Did, reason: &str) {
        let Some(mut token) = self.state.token(&id).cloned() else { return };
        if by != token.holder && !self.state.is_used(&id) {
            self.release_all(Escrow::Access(token.request), token.holder);
        }
        token.revoked = Some(Revoked { index: self.index, by, reason: reason.to_owned() });
        self.put_token(id, token);
        self.emit(Happening::TokenRevoked { token: id, by, reason: reason.to_owned() });
    }

    /// The time in which a token can be challenged is over: its price goes to the owner, unless it is in dispute.
    pub(super) fn settle_access(&mut self, request: Hash) {
        let owner = self.state.request(&request).map(|request| request.owner);
        if let Some(owner) = owner.filter(|_| !self.is_access_held(&request)) {
            self.release_all(Escrow::Access(request), owner);
        }
    }

    /// All that a member that leaves has issued, holds or was asked for.
    pub(super) fn end_access(&mut self, member: Did) {
        let concerned = |owner: Did, other: Did| owner == member || other == member;
        let tokens: Vec<Hash> = self
            .state
            .tokens
            .iter()
            .filter(|(_, token)| concerned(token.owner, token.holder) && token.revoked.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in tokens {
            self.end_token(id, member, "left the alliance");
        }
        let requests: Vec<(Hash, AccessRequest)> = self
            .state
            .requests
            .iter()
            .filter(|(_, request)| concerned(request.owner, request.requester) && request.answer.is_none())
            .map(|(id, request)| (*id, AccessRequest::clone(request)))
            .collect();
        for (id, request) in requests {
            self.close_request(id, request, Answer::Lapsed);
        }
    }

    fn grant(&mut self, id: Hash, mut request: AccessRequest, by: Option<Did>) -> Result<(), Refused> {
        let token_id = contract::canonical::hash("token", &id)?;
        let token = Token {
            dataset: request.dataset.clone(),
            owner: request.owner,
            holder: request.requester,
            rights: request.rights.clone(),
            request: id,
            parent: None,
            child: None,
            issued: self.index,
            issued_at: self.time,
            used_by: None,
            revoked: None,
        };
        request.answer = Some((self.index, Answer::Granted { token: token_id, by }));
        if request.price > 0 {
            let window = self.state.parameters.number(Parameter::DisputeSeconds);
            self.set_timer(self.time.saturating_add(window), Timer::Access(id));
        }
        self.emit(Happening::TokenIssued { token: token_id, request: id, holder: request.requester });
        self.put_request(id, request);
        self.put_token(token_id, token);
        Ok(())
    }

    fn close_request(&mut self, id: Hash, mut request: AccessRequest, answer: Answer) {
        self.release_all(Escrow::Access(id), request.requester);
        request.answer = Some((self.index, answer.clone()));
        self.put_request(id, request);
        self.emit(Happening::AccessAnswered { request: id, answer });
    }

    fn unanswered(&self, member: Did, id: Hash) -> Result<AccessRequest, Refused> {
        let request = self.state.request(&id).ok_or(AccessRule::UnknownRequest(id))?;
        if request.owner != member {
            return Err(AccessRule::NotTheOwner(member, id).into());
        }
        match request.answer {
            None => Ok(request.clone()),
            Some(_) => Err(AccessRule::Answered(id).into()),
        }
    }

    pub(super) fn known_token(&self, id: Hash) -> Result<&Token, Refused> {
        self.state.token(&id).ok_or_else(|| AccessRule::UnknownToken(id).into())
    }

    /// A token that its holder can still use.
    fn own_token(&self, member: Did, id: Hash) -> Result<Token, Refused> {
        let token = self.known_token(id)?;
        if token.holder != member {
            return Err(AccessRule::NotTheHolder(member, id).into());
        }
        if let Some(child) = token.child {
            return Err(AccessRule::Attenuated(id, child).into());
        }
        if !self.state.token_stands(&id) {
            return Err(AccessRule::Revoked(id).into());
        }
        if self.time >= token.rights.expires {
            return Err(AccessRule::Expired(id, When(token.rights.expires)).into());
        }
        match token.used_by {
            None => Ok(token.clone()),
            Some(_) => Err(AccessRule::Used(id).into()),
        }
    }

    fn check_rights(&self, rights: &Rights) -> Result<(), Refused> {
        let named = rights.columns.values().all(|uses| !uses.is_empty());
        if rights.columns.is_empty() || !named || rights.expires <= self.time {
            return Err(AccessRule::EmptyRights.into());
        }
        Ok(())
    }
}

impl State {
    /// A request for access by its id.
    pub fn request(&self, id: &Hash) -> Option<&AccessRequest> {
        self.requests.get(id).map(AsRef::as_ref)
    }

    /// All requests for access by id, in that order.
    pub fn requests(&self) -> impl Iterator<Item = (&Hash, &AccessRequest)> {
        self.requests.iter().map(|(id, request)| (id, request.as_ref()))
    }

    /// A token by its id, whether it stands or not.
    pub fn token(&self, id: &Hash) -> Option<&Token> {
        self.tokens.get(id).map(AsRef::as_ref)
    }

    /// All tokens by id, in that order.
    pub fn tokens(&self) -> impl Iterator<Item = (&Hash, &Token)> {
        self.tokens.iter().map(|(id, token)| (id, token.as_ref()))
    }

    /// Whether neither the token nor one that it was made from was revoked. Says nothing about its time.
    pub fn token_stands(&self, id: &Hash) -> bool {
        let chain = std::iter::successors(self.token(id), |token| {
            token.parent.as_ref().and_then(|parent| self.token(parent))
        });
        self.token(id).is_some() && chain.into_iter().all(|token| token.revoked.is_none())
    }

    /// The tokens that a contract uses, for the policy.
    pub fn grants_of(&self, contract: &Hash) -> Vec<access::Grant> {
        let tokens = self.contract(contract).into_iter().flat_map(|record| &record.tokens);
        let grant = |id: &Hash| {
            let token = self.token(id)?;
            Some(access::Grant {
                token: *id,
                dataset: token.dataset.clone(),
                holder: token.holder,
                rights: token.rights.clone(),
                revoked: !self.token_stands(id),
            })
        };
        // One that stands before one that doesn't: a revoked token can be replaced.
        let mut grants: Vec<_> = tokens.filter_map(grant).collect();
        grants.sort_by_key(|grant| grant.revoked);
        grants
    }

    /// Whether a contract uses the token or one made from it.
    fn is_used(&self, id: &Hash) -> bool {
        let next = |token: &&Token| token.child.as_ref().and_then(|child| self.token(child));
        std::iter::successors(self.token(id), next).any(|token| token.used_by.is_some())
    }

    /// Requests by dataset reference that wait for the owner's answer.
    pub fn open_requests(&self, owner: &Did) -> BTreeMap<Hash, &AccessRequest> {
        let waits = |request: &AccessRequest| request.owner == *owner && request.answer.is_none();
        self.requests().filter(|(_, request)| waits(request)).map(|(id, request)| (*id, request)).collect()
    }
}
