//! Who acts for whom: keys, persons, cards.

use std::sync::Arc;

use contract::{Did, Signature};

use super::{
    DelegationRecord,
    step::{Step, check_text},
};
use crate::{
    Refused, Transaction,
    alliance::{Card, Standing},
    event::Happening,
    governance::Motion,
    identity::{Delegation, is_held},
    refused::{IdentityRule, When},
};

impl Step {
    /// The key that signed is the member's present one, or one delegated to the person that is named, for acts of this
    /// kind.
    pub(super) fn check_signer(&self, transaction: &Transaction) -> Result<(), Refused> {
        let Transaction { member, person, action, .. } = transaction;
        let (signer, current) = (transaction.signer(), self.key_of(member)?);
        if signer == current {
            return Ok(());
        }
        if *person != Some(signer) {
            return Err(IdentityRule::NotTheKey(*member, current).into());
        }
        let record = self.delegation(*member, signer)?;
        if record.revoked.is_some() {
            return Err(IdentityRule::DelegationRevoked(signer).into());
        }
        let delegation = &record.delegation;
        if self.time >= delegation.expires {
            return Err(IdentityRule::DelegationExpired(signer, When(delegation.expires)).into());
        }
        match action.scope() {
            None => Err(IdentityRule::MembersOwnAct(signer).into()),
            Some(scope) if !delegation.scopes.contains(&scope) => {
                Err(IdentityRule::OutOfScope(signer, scope).into())
            }
            Some(_) => Ok(()),
        }
    }

    pub(super) fn rotate_key(&mut self, member: Did, key: Did, proof: &Signature) -> Result<(), Refused> {
        self.check_new_key(member, key, proof)?;
        self.change_roster(Happening::KeyRotated { member, key });
        Ok(())
    }

    /// A key is new, and held by whoever brings it.
    pub(super) fn check_new_key(&self, member: Did, key: Did, proof: &Signature) -> Result<(), Refused> {
        // What another member delegates says nothing about the key: whoever delegates need not hold it.
        let delegated = self.state.delegation(&member, &key).is_some();
        if delegated || self.state.roster.knows_key(&key) || self.state.roster.seat(&key).is_some() {
            return Err(IdentityRule::KeyInUse(key).into());
        }
        if !is_held(&self.state.alliance_id, &member, &key, proof)? {
            return Err(IdentityRule::KeyNotHeld(key).into());
        }
        Ok(())
    }

    pub(super) fn renew_card(&mut self, member: Did, card: &Card) -> Result<(), Refused> {
        let old = self.card(&member)?;
        if (old.member, &old.name, old.standing) != (card.member, &card.name, card.standing) {
            return Err(IdentityRule::CardChangesIdentity(member).into());
        }
        self.check_card(card, &self.key_of(&member)?)?;
        check_unshared(card, self.promised())?;
        self.change_roster(Happening::CardRenewed { card: Box::new(card.clone()) });
        Ok(())
    }

    /// A card is well-formed, signed by that key, its certificate and validator are nobody else's, and it names a
    /// validator where all order.
    pub(super) fn check_card(&self, card: &Card, key: &Did) -> Result<(), Refused> {
        card.verify_by(key).map_err(IdentityRule::CardMalformed)?;
        check_unshared(card, self.state.roster.cards())?;
        let must_order = self.state.roster.operator().is_none() && card.standing == Standing::Member;
        if must_order && card.validator.is_none() {
            return Err(IdentityRule::ValidatorMissing(card.member).into());
        }
        Ok(())
    }

    /// Cards that are put to the vote. What they name is not free for others to take: the vote would come to nothing.
    fn promised(&self) -> impl Iterator<Item = &Card> {
        let open = self.state.proposals().filter(|(_, proposal)| proposal.verdict.is_none());
        open.filter_map(|(_, proposal)| match &proposal.motion {
            Motion::Admit(card) => Some(card.as_ref()),
            _ => None,
        })
    }

    /// A second delegation to the same person replaces the first.
    pub(super) fn delegate(&mut self, member: Did, delegation: &Delegation) -> Result<(), Refused> {
        check_text(&delegation.name, "person's name", 100)?;
        let person = delegation.person;
        if self.state.roster.knows_key(&person) {
            return Err(IdentityRule::KeyInUse(person).into());
        }
        if delegation.scopes.is_empty() || delegation.expires <= self.time {
            return Err(IdentityRule::EmptyDelegation.into());
        }
        let record =
            DelegationRecord { delegation: delegation.clone(), delegated: self.index, revoked: None };
        self.put_delegation(member, person, record);
        self.emit(Happening::PersonDelegated { member, delegation: delegation.clone() });
        Ok(())
    }

    pub(super) fn revoke_delegation(&mut self, member: Did, person: Did) -> Result<(), Refused> {
        let mut record = self.delegation(member, person)?.clone();
        if record.revoked.is_some() {
            return Err(IdentityRule::DelegationRevoked(person).into());
        }
        record.revoked = Some(self.index);
        self.put_delegation(member, person, record);
        self.emit(Happening::DelegationRevoked { member, person });
        Ok(())
    }

    /// The key that signs for the member now.
    pub(super) fn key_of(&self, member: &Did) -> Result<Did, Refused> {
        self.state.roster.key(member).ok_or(Refused::NotInAlliance { who: *member })
    }

    /// Changes who is in the alliance, by the same event that everybody hears.
    pub(super) fn change_roster(&mut self, what: Happening) {
        Arc::make_mut(&mut self.state.roster).hear(self.index, &what);
        self.emit(what);
    }

    fn delegation(&self, member: Did, person: Did) -> Result<&DelegationRecord, Refused> {
        let record = self.state.delegation(&member, &person);
        record.ok_or_else(|| IdentityRule::UnknownPerson(member, person).into())
    }
}

/// No certificate and no validator's key of others.
fn check_unshared<'a>(card: &Card, others: impl Iterator<Item = &'a Card>) -> Result<(), Refused> {
    for other in others.filter(|other| other.member != card.member) {
        if other.certificate == card.certificate {
            return Err(IdentityRule::CertificateInUse(card.member).into());
        }
        if other.validator_keys().any(|key| card.validator_keys().any(|own| own == key)) {
            return Err(IdentityRule::ValidatorInUse(card.member).into());
        }
    }
    Ok(())
}
