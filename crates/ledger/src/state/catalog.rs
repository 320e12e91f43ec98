//! The catalog beside datasets, who owns a dataset, and what regulators may do.

use std::sync::Arc;

use contract::{
    Did, Hash,
    dataset::parse_reference,
    lifecycle,
    text::{check_line, check_page},
};

use super::{
    DatasetPath, Revocation, State,
    step::{Key, Step, Timer, check_text},
};
use crate::{
    Refused, Transaction,
    alliance::Standing,
    catalog::{Claim, ClaimStanding, Publication, PublicationRecord, Published},
    dispute::Subject,
    event::Happening,
    governance::Parameter,
    identity::{Delegation, Scope},
    refused::{CatalogRule, DisputeRule},
    text,
};

/// Most bytes of a source or template.
const SOURCE_BYTES_MAX: usize = 1 << 16;
/// Most columns that a request for data names, and hashes that a claim gives.
const LIST_MAX: usize = 64;

impl Step {
    pub(super) fn publish(&mut self, member: Did, publication: &Publication) -> Result<(), Refused> {
        let owner = self.full_member(&member, "publish")?.name.clone();
        let reference = publication.reference();
        let is_path = parse_reference(&reference).is_some_and(|(path, _)| path == publication.path);
        if !is_path || publication.path.split_once('/').map(|(owner, _)| owner) != Some(owner.as_str()) {
            return Err(CatalogRule::Path(owner).into());
        }
        let last = self.state.publication_versions.get(&publication.path).copied().unwrap_or(0);
        let expected = last.saturating_add(1);
        if publication.version != expected {
            return Err(CatalogRule::Version(expected, publication.version).into());
        }
        self.check_publication(publication)?;
        self.state.publication_versions.insert_mut(publication.path.clone(), expected);
        let record = PublicationRecord {
            publication: publication.clone(),
            owner: member,
            published: self.index,
            withdrawn: None,
        };
        self.put_publication(reference.clone(), record);
        self.emit(Happening::Published { publication: reference, owner: member });
        Ok(())
    }

    pub(super) fn withdraw_publication(&mut self, member: Did, reference: &str) -> Result<(), Refused> {
        let record = self.state.publication(reference).filter(|record| record.withdrawn.is_none());
        let record = record.ok_or_else(|| CatalogRule::Unknown(text::excerpt(reference)))?;
        if record.owner != member {
            return Err(CatalogRule::NotYours(reference.to_owned(), record.owner).into());
        }
        let record = PublicationRecord { withdrawn: Some(self.index), ..record.clone() };
        self.put_publication(reference.to_owned(), record);
        self.emit(Happening::PublicationWithdrawn { publication: reference.to_owned() });
        Ok(())
    }

    pub(super) fn claim_dataset(
        &mut self,
        transaction: &Transaction,
        path: &str,
        statement: &str,
        evidence: &[Hash],
    ) -> Result<(), Refused> {
        let by = transaction.member;
        let known = self.own_path(by, path)?;
        check_text(statement, "statement", 1000)?;
        if evidence.len() > LIST_MAX {
            return Err(DisputeRule::EvidenceCount(evidence.len()).into());
        }
        let stands = known.claim.and_then(|claim| self.state.claim(&claim)).map(|claim| claim.standing);
        if stands.is_some_and(|standing| standing != ClaimStanding::Rejected) {
            return Err(CatalogRule::AlreadyClaimed(path.to_owned()).into());
        }
        let id = transaction.id()?;
        let window = self.state.parameters.number(Parameter::DisputeSeconds);
        let disputable_until = self.time.saturating_add(window);
        self.set_timer(disputable_until, Timer::Claim(id));
        let claim = Claim {
            path: path.to_owned(),
            by,
            statement: statement.to_owned(),
            evidence: evidence.to_vec(),
            claimed: self.index,
            disputable_until,
            standing: ClaimStanding::Pending,
        };
        self.put_claim(id, claim);
        self.put_path(path, DatasetPath { claim: Some(id), ..known });
        self.emit(Happening::DatasetClaimed { claim: id, path: path.to_owned(), by, disputable_until });
        Ok(())
    }

    /// Nobody disputes it: it holds.
    pub(super) fn settle_claim(&mut self, id: Hash) {
        let pending = self.state.claim(&id).is_some_and(|claim| claim.standing == ClaimStanding::Pending);
        if pending && !self.is_held(&Subject::Claim(id)) {
            self.set_claim(id, ClaimStanding::Established);
        }
    }

    pub(super) fn set_claim(&mut self, id: Hash, standing: ClaimStanding) {
        let Some(claim) = self.state.claim(&id).cloned() else { return };
        self.emit(Happening::ClaimSettled { claim: id, path: claim.path.clone(), standing });
        self.put_claim(id, Claim { standing, ..claim });
    }

    /// What is offered is the right to publish further versions, to withdraw, and to answer requests; the data of
    /// earlier versions stay where they are.
    pub(super) fn offer_dataset(&mut self, member: Did, path: &str, to: Did) -> Result<(), Refused> {
        let known = self.own_path(member, path)?;
        self.voter(&to)?;
        let claim = known.claim.and_then(|claim| self.state.claim(&claim));
        if claim.is_none_or(|claim| claim.standing != ClaimStanding::Established) {
            return Err(CatalogRule::NotEstablished(path.to_owned()).into());
        }
        self.put_path(path, DatasetPath { offered: Some(to), ..known });
        self.emit(Happening::DatasetOffered { path: path.to_owned(), from: member, to });
        Ok(())
    }

    pub(super) fn accept_dataset(&mut self, member: Did, path: &str) -> Result<(), Refused> {
        let known = self.known_path(path)?;
        if known.offered != Some(member) {
            return Err(CatalogRule::NotOffered(text::excerpt(path), member).into());
        }
        self.voter(&member)?;
        self.put_path(path, DatasetPath { owner: member, offered: None, ..known });
        self.emit(Happening::DatasetTransferred { path: path.to_owned(), from: known.owner, to: member });
        Ok(())
    }

    /// A member lets a regulator of its jurisdiction read what it may read itself.
    pub(super) fn set_reading(&mut self, member: Did, regulator: Did, allowed: bool) -> Result<(), Refused> {
        self.voter(&member)?;
        let law = self.jurisdiction_of_regulator(&regulator)?;
        if self.state.jurisdiction(&member) != Some(law.as_str()) {
            return Err(CatalogRule::OtherJurisdiction(member, regulator).into());
        }
        let key = (member, regulator);
        if self.state.readings.contains(&key) == allowed {
            return Err(CatalogRule::AlreadySo.into());
        }
        if allowed {
            self.state.readings.insert_mut(key);
        } else {
            self.state.readings.remove_mut(&key);
        }
        self.touch(Key::Reading(member, regulator));
        self.emit(Happening::ReadingSet { member, regulator, allowed });
        Ok(())
    }

    /// By vote only.
    pub(super) fn set_stop_right(&mut self, regulator: Did, granted: bool) -> Result<(), Refused> {
        self.jurisdiction_of_regulator(&regulator)?;
        let parameters = Arc::make_mut(&mut self.state.parameters);
        let changed = if granted {
            parameters.stop_rights.insert(regulator)
        } else {
            parameters.stop_rights.remove(&regulator)
        };
        if !changed {
            return Err(CatalogRule::AlreadySo.into());
        }
        self.touch(Key::Parameters);
        self.emit(Happening::StopRightSet { regulator, granted });
        Ok(())
    }

    pub(super) fn stop_contract(&mut self, regulator: Did, id: Hash, reason: &str) -> Result<(), Refused> {
        let mut record = self.contract(id)?;
        if !self.state.parameters.stop_rights.contains(&regulator) {
            return Err(CatalogRule::NoStopRight(regulator).into());
        }
        let law = self.jurisdiction_of_regulator(&regulator)?;
        let under =
            |member: &Did| *member != regulator && self.state.jurisdiction(member) == Some(law.as_str());
        if !record.contract.parties.iter().any(|party| under(&party.member)) {
            return Err(CatalogRule::OutsideJurisdiction(id, law).into());
        }
        check_text(reason, "reason", 1000)?;
        record.state = self.follow(id, &record, lifecycle::Event::Stopped)?;
        record.revoked = Some(Revocation { by: regulator, reason: reason.to_owned() });
        self.put_contract(id, record);
        self.emit(Happening::ContractStopped { contract: id, by: regulator, reason: reason.to_owned() });
        Ok(())
    }

    fn jurisdiction_of_regulator(&self, who: &Did) -> Result<String, Refused> {
        let regulator = self.card(who)?.standing == Standing::Regulator;
        let law = self.state.jurisdiction(who).filter(|_| regulator);
        law.map(str::to_owned).ok_or_else(|| CatalogRule::NotARegulator(*who).into())
    }

    fn check_publication(&self, publication: &Publication) -> Result<(), Refused> {
        let page = |text: &str, limit| check_page(text, limit).map_err(CatalogRule::Text);
        page(&publication.description, 4096)?;
        match &publication.content {
            Published::Algorithm { source, .. } => {
                source.as_ref().map_or(Ok(()), |source| page(source, SOURCE_BYTES_MAX))?;
            }
            Published::Template { text } => page(text, SOURCE_BYTES_MAX)?,
            Published::Wanted(wanted) => {
                if !(1..=LIST_MAX).contains(&wanted.columns.len()) || wanted.until <= self.time {
                    return Err(CatalogRule::Wanted.into());
                }
                let line = |text: &str| check_line(text, 100).map_err(CatalogRule::Text);
                line(&wanted.purpose)?;
                wanted.columns.iter().try_for_each(|column| line(&column.name))?;
            }
        }
        Ok(())
    }

    fn known_path(&self, path: &str) -> Result<DatasetPath, Refused> {
        let known = self.state.dataset_paths.get(path).copied();
        known.ok_or_else(|| CatalogRule::UnknownPath(text::excerpt(path)).into())
    }

    fn own_path(&self, member: Did, path: &str) -> Result<DatasetPath, Refused> {
        let known = self.known_path(path)?;
        if known.owner != member {
            return Err(CatalogRule::NotYourPath(path.to_owned(), known.owner).into());
        }
        Ok(known)
    }
}

impl State {
    /// A publication by its reference, withdrawn or not.
    pub fn publication(&self, reference: &str) -> Option<&PublicationRecord> {
        self.publications.get(reference).map(AsRef::as_ref)
    }

    /// All publications by reference, in that order.
    pub fn publications(&self) -> impl Iterator<Item = (&str, &PublicationRecord)> {
        self.publications.iter().map(|(reference, record)| (reference.as_str(), record.as_ref()))
    }

    /// References of the datasets in the catalog that a request for data looks for.
    pub fn matches(&self, wanted: &str) -> Vec<&str> {
        let Some(Published::Wanted(wanted)) =
            self.publication(wanted).map(|record| &record.publication.content)
        else {
            return Vec::new();
        };
        let datasets = self.datasets().filter(|(_, record)| record.withdrawn.is_none());
        datasets
            .filter(|(_, record)| wanted.matches(&record.dataset))
            .map(|(reference, _)| reference)
            .collect()
    }

    /// A claim by its id.
    pub fn claim(&self, id: &Hash) -> Option<&Claim> {
        self.claims.get(id).map(AsRef::as_ref)
    }

    /// All claims by id, in that order.
    pub fn claims(&self) -> impl Iterator<Item = (&Hash, &Claim)> {
        self.claims.iter().map(|(id, claim)| (id, claim.as_ref()))
    }

    /// The claim to a dataset's path.
    pub fn claim_to(&self, path: &str) -> Option<&Claim> {
        self.dataset_paths.get(path).and_then(|path| path.claim).and_then(|claim| self.claim(&claim))
    }

    /// Who owns a dataset's path now: publishes further versions, withdraws, answers requests.
    pub fn path_owner(&self, path: &str) -> Option<Did> {
        self.dataset_paths.get(path).map(|path| path.owner)
    }

    /// The law that a member or regulator acts under, by its own card.
    pub fn jurisdiction(&self, member: &Did) -> Option<&str> {
        let card = self.roster.card(member)?;
        card.place.as_ref().map(|place| place.jurisdiction.as_str())
    }

    /// Which members let which regulators read what they may read themselves: member and regulator, in that order.
    pub fn readings(&self) -> impl Iterator<Item = &(Did, Did)> {
        self.readings.iter()
    }

    /// The regulator for which a person may read at a member's node at that time, in seconds since 1970: one that the
    /// member lets read, and that has delegated this to the person.
    pub fn reader_of(&self, member: &Did, person: &Did, time: u64) -> Option<(Did, &Delegation)> {
        let regulators = self.readings().filter(|(of, _)| of == member).map(|(_, regulator)| *regulator);
        let seated = regulators.filter(|regulator| self.roster.card(regulator).is_some());
        seated.filter_map(|regulator| Some((regulator, self.delegation(&regulator, person)?))).find_map(
            |(regulator, record)| {
                let delegation = &record.delegation;
                let holds = record.revoked.is_none() && time < delegation.expires;
                (holds && delegation.scopes.contains(&Scope::Read)).then_some((regulator, delegation))
            },
        )
    }

    /// Whether a member lets a regulator read what it may read itself.
    pub fn may_read(&self, regulator: &Did, member: &Did) -> bool {
        self.readings.contains(&(*member, *regulator))
    }
}
