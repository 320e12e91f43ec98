//! Contracts: proposed, signed by all, stopped.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use contract::{Contract, Did, Hash, Signature, consent::verify_id, document::Role, lifecycle};

use super::{
    ContractRecord, Recorded, Revocation,
    audits::refuse_declined,
    step::{Step, Timer, check_text},
};
use crate::{Refused, alliance::Standing, event::Happening, governance::Parameter, refused::GovernanceRule};

impl Step {
    pub(super) fn propose_contract(&mut self, member: Did, contract: &Contract) -> Result<(), Refused> {
        self.full_member(&member, "propose contracts")?;
        let id = contract.id()?;
        if contract.alliance != self.state.alliance_id {
            let expected = self.state.alliance_id;
            return Err(Refused::ContractOfOtherAlliance { expected, found: contract.alliance });
        }
        if self.state.contract(&id).is_some() {
            return Err(Refused::ContractExists { contract: id });
        }
        contract.validate().map_err(|flaws| Refused::ContractMalformed {
            flaws: flaws.iter().map(ToString::to_string).collect(),
        })?;
        if contract.party(&member).is_none() {
            return Err(Refused::NotAParty { who: member, contract: id });
        }
        self.check_alliance_bounds(contract)?;
        self.check_parties(contract)?;
        self.check_inputs(contract)?;
        self.check_predecessor(contract)?;

        self.set_timer(contract.limits.expires, Timer::Contract(id));
        let record = ContractRecord {
            contract: Arc::new(contract.clone()),
            state: lifecycle::State::Proposed,
            proposed: Recorded { index: self.index, value: member },
            proposed_at: self.time,
            signatures: BTreeMap::new(),
            signers: BTreeMap::new(),
            opinions: BTreeMap::new(),
            tokens: BTreeSet::new(),
            paid_by: None,
            signed: BTreeMap::new(),
            runs_taken: 0,
            superseded_by: None,
            revoked: None,
        };
        self.put_contract(id, record);
        self.emit(Happening::ContractProposed { contract: id, by: member });
        Ok(())
    }

    pub(super) fn sign_contract(
        &mut self,
        id: Hash,
        party: Did,
        signature: &Signature,
    ) -> Result<(), Refused> {
        let mut record = self.contract(id)?;
        refuse_declined(id, &record)?;
        let signed_by_all = lifecycle::Event::SignedByAll;
        let active = self.follow(id, &record, signed_by_all)?;
        if record.contract.party(&party).is_none() {
            return Err(Refused::NotAParty { who: party, contract: id });
        }
        if record.signatures.contains_key(&party) {
            return Err(Refused::AlreadySigned { party, contract: id });
        }
        let key = self.key_of(&party)?;
        verify_id(id, &key, signature).map_err(|_| Refused::ForgedSignature { party, contract: id })?;

        record.signatures.insert(party, *signature);
        record.signed.insert(party, self.index);
        if key != party {
            record.signers.insert(party, key);
        }
        self.emit(Happening::ContractSigned { contract: id, party });
        self.activate_if_complete(id, &mut record, active)?;
        self.put_contract(id, record);
        Ok(())
    }

    /// With the last signature or the last auditor's approval, whichever comes later.
    pub(super) fn activate_if_complete(
        &mut self,
        id: Hash,
        record: &mut ContractRecord,
        active: lifecycle::State,
    ) -> Result<(), Refused> {
        if record.is_complete() {
            record.state = active;
            if let Some(predecessor) = record.contract.supersedes {
                self.supersede(predecessor, id)?;
            }
            self.emit(Happening::ContractActivated { contract: id });
        }
        Ok(())
    }

    pub(super) fn revoke_contract(&mut self, member: Did, id: Hash, reason: &str) -> Result<(), Refused> {
        let mut record = self.contract(id)?;
        if record.contract.party(&member).is_none() {
            return Err(Refused::NotAParty { who: member, contract: id });
        }
        check_text(reason, "reason", 1000)?;
        record.state = self.follow(id, &record, lifecycle::Event::Revoked)?;
        record.revoked = Some(Revocation { by: member, reason: reason.to_owned() });
        self.put_contract(id, record);
        self.emit(Happening::ContractRevoked { contract: id, by: member, reason: reason.to_owned() });
        Ok(())
    }

    /// The state after an event, by the one table of the life cycle.
    pub(super) fn follow(
        &self,
        contract: Hash,
        record: &ContractRecord,
        event: lifecycle::Event,
    ) -> Result<lifecycle::State, Refused> {
        let state = record.state_at(self.time);
        state.after(event).map_err(|_| Refused::ContractState { contract, state, event })
    }

    /// What the members have voted that every contract keeps to.
    fn check_alliance_bounds(&self, contract: &Contract) -> Result<(), Refused> {
        let parameters = &self.state.parameters;
        let (floor, found) = (parameters.number(Parameter::FloorRows), contract.output.floor_rows);
        if found < floor {
            return Err(GovernanceRule::FloorBelow(floor, found).into());
        }
        let (fee, found) = (parameters.number(Parameter::FeeMin), contract.settlement.fee);
        if found < fee {
            return Err(GovernanceRule::FeeBelow(fee, found).into());
        }
        Ok(())
    }

    /// Parties are in the alliance under the name that the contract gives them; regulators only watch.
    fn check_parties(&self, contract: &Contract) -> Result<(), Refused> {
        for party in &contract.parties {
            let card = self.card(&party.member)?;
            if card.name != party.name {
                let (expected, found) = (card.name.clone(), party.name.clone());
                return Err(Refused::PartyName { party: party.member, expected, found });
            }
            let watches = |role: &&Role| matches!(role, Role::Auditor | Role::Regulator);
            if card.standing == Standing::Regulator
                && let Some(role) = party.roles.iter().find(|role| !watches(role))
            {
                return Err(Refused::RegulatorRole { party: party.member, role: *role });
            }
        }
        Ok(())
    }

    /// Inputs are in the catalog with the owner and the root that the contract names.
    fn check_inputs(&self, contract: &Contract) -> Result<(), Refused> {
        for (_, input) in contract.inputs() {
            let dataset = &self.catalogued(&input.dataset)?.dataset;
            if dataset.owner != input.provider {
                return Err(Refused::ProviderIsNotOwner {
                    dataset: input.dataset.clone(),
                    owner: dataset.owner,
                    provider: input.provider,
                });
            }
            if dataset.root != input.root {
                return Err(Refused::DatasetRoot {
                    dataset: input.dataset.clone(),
                    expected: dataset.root,
                    found: input.root,
                });
            }
        }
        Ok(())
    }

    /// An amendment replaces a contract of the same members that could still run or be signed.
    fn check_predecessor(&self, contract: &Contract) -> Result<(), Refused> {
        let Some(id) = contract.supersedes else { return Ok(()) };
        let predecessor = self.contract(id)?;
        let members = |contract: &Contract| -> BTreeSet<Did> {
            contract.parties.iter().map(|party| party.member).collect()
        };
        if members(contract) != members(&predecessor.contract) {
            return Err(Refused::OtherParties { contract: id });
        }
        let state = predecessor.state_at(self.time);
        match state.after(lifecycle::Event::Superseded) {
            Ok(_) => Ok(()),
            Err(_) => Err(Refused::NotReplaceable { contract: id, state }),
        }
    }

    /// Ends the predecessor. One that has expired or was revoked meanwhile stays so; one that another contract
    /// replaced, or that is disputed, stands in the way.
    fn supersede(&mut self, predecessor: Hash, successor: Hash) -> Result<(), Refused> {
        let mut record = self.contract(predecessor)?;
        let state = record.state_at(self.time);
        match state.after(lifecycle::Event::Superseded) {
            Ok(superseded) => {
                record.state = superseded;
                record.superseded_by = Some(successor);
                self.put_contract(predecessor, record);
                self.emit(Happening::ContractSuperseded { contract: predecessor, by: successor });
                Ok(())
            }
            Err(_) if matches!(state, lifecycle::State::Expired | lifecycle::State::Revoked) => Ok(()),
            Err(_) => Err(Refused::NotReplaceable { contract: predecessor, state }),
        }
    }
}
