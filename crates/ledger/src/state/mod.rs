//! The whole truth: what the alliance's members have agreed on, as a function of the transactions so far.
//!
//! [`State::apply`] is the only way to change it, decides every rule, and either accepts a transaction or changes
//! nothing. It is deterministic: time comes with the entry, maps are ordered, numbers are integers.
//!
//! A clone is a snapshot that costs nothing (the maps are persistent trees), so that readers never wait for writers.

mod access;
mod audits;
mod catalog;
mod contracts;
mod datasets;
mod departure;
mod disputes;
mod evidence;
mod governance;
mod identity;
mod points;
mod privacy;
mod record;
mod runs;
mod step;

use std::{collections::BTreeMap, sync::Arc};

use contract::{Contract, Dataset, Did, Hash, canonical::CanonicalError};
use rpds::{RedBlackTreeMapSync as Map, RedBlackTreeSetSync as Set};
use serde::Serialize;

pub use self::{
    points::Escrow,
    record::{
        ContractRecord, DatasetRecord, DelegationRecord, Failure, Phase, Recorded, Revocation, Run,
        participants,
    },
    step::Outcome,
};
use self::{
    points::Points,
    step::{Step, Timer},
};
use crate::{
    Alliance, Effects, Event, Refused, SignedTransaction,
    access::{AccessRequest, Token},
    catalog::{Claim, PublicationRecord},
    dispute::{Dispute, Subject},
    governance::{Parameters, Proposal},
    roster::Roster,
    transaction::Verified,
};

/// Everything that the ledger says after some number of entries.
#[derive(Clone, Debug)]
pub struct State {
    alliance: Arc<Alliance>,
    alliance_id: Hash,
    size: u64,
    time: u64,
    /// Hash of what the last entry did.
    last: Hash,
    roster: Arc<Roster>,
    delegations: Map<(Did, Did), Arc<DelegationRecord>>,
    sequences: Map<(Did, Did), u64>,
    datasets: Map<String, Arc<DatasetRecord>>,
    dataset_paths: Map<String, DatasetPath>,
    dataset_ids: Set<Hash>,
    contracts: Map<Hash, Arc<ContractRecord>>,
    timers: Set<(u64, Timer)>,
    runs: Map<Hash, Arc<Run>>,
    points: Points,
    parameters: Arc<Parameters>,
    proposals: Map<Hash, Arc<Proposal>>,
    requests: Map<Hash, Arc<AccessRequest>>,
    tokens: Map<Hash, Arc<Token>>,
    disputes: Map<Hash, Arc<Dispute>>,
    disputed: Map<Subject, Hash>,
    publications: Map<String, Arc<PublicationRecord>>,
    publication_versions: Map<String, u32>,
    claims: Map<Hash, Arc<Claim>>,
    readings: Set<(Did, Did)>,
    privacy: Map<(String, Did), u64>,
    concentrated: Map<(String, Did), u64>,
}

/// What all versions of a dataset share.
#[derive(Clone, Copy, Debug, Serialize)]
struct DatasetPath {
    id: Hash,
    latest: u32,
    owner: Did,
    claim: Option<Hash>,
    offered: Option<Did>,
}

impl State {
    /// The state after entry 0.
    ///
    /// # Errors
    /// When the founding document has no canonical form. It should have been validated before.
    pub fn new(alliance: Alliance) -> Result<Self, CanonicalError> {
        let alliance_id = alliance.id()?;
        Ok(Self {
            alliance_id,
            size: 1,
            time: alliance.founded,
            last: alliance_id,
            roster: Arc::new(Roster::founding(&alliance)),
            delegations: Map::default(),
            sequences: Map::default(),
            datasets: Map::default(),
            dataset_paths: Map::default(),
            dataset_ids: Set::default(),
            contracts: Map::default(),
            timers: Set::default(),
            runs: Map::default(),
            points: Points::new(&alliance.points),
            parameters: Arc::new(Parameters::founding(alliance.quorum)),
            proposals: Map::default(),
            requests: Map::default(),
            tokens: Map::default(),
            disputes: Map::default(),
            disputed: Map::default(),
            publications: Map::default(),
            publication_versions: Map::default(),
            claims: Map::default(),
            readings: Set::default(),
            privacy: Map::default(),
            concentrated: Map::default(),
            alliance: Arc::new(alliance),
        })
    }

    /// Accepts the transaction as the next entry, at that time (seconds since 1970), or changes nothing.
    ///
    /// # Errors
    /// The rule that refuses the transaction.
    pub fn apply(&mut self, time: u64, signed: &SignedTransaction) -> Result<Vec<Event>, Refused> {
        Ok(self.advance(time, signed.verify()?)?.caused.events)
    }

    /// [`Self::apply`] for a transaction whose signature has been checked already.
    ///
    /// # Errors
    /// The rule that refuses the transaction.
    pub fn advance(&mut self, time: u64, verified: Verified<'_>) -> Result<Outcome, Refused> {
        let mut step = Step::new(self.clone(), time);
        step.take(verified.transaction())?;
        let (next, outcome) = step.finish()?;
        debug_assert!(next.is_balanced(), "points are neither created nor lost but by vote");
        *self = next;
        Ok(outcome)
    }

    /// The founding document.
    pub fn alliance(&self) -> &Alliance {
        &self.alliance
    }

    /// The hash that names the alliance.
    pub fn alliance_id(&self) -> Hash {
        self.alliance_id
    }

    /// Number of entries so far; the index of the next one.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Time of the last entry, seconds since 1970.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The sequence number that the member's next transaction must have.
    pub fn next_sequence(&self, member: &Did) -> u64 {
        self.next_sequence_of(&(*member, *member))
    }

    /// The sequence number that the next transaction must have which a person signs alone for its member.
    pub fn next_sequence_of_person(&self, member: &Did, person: &Did) -> u64 {
        self.next_sequence_of(&(*member, *person))
    }

    fn next_sequence_of(&self, account: &(Did, Did)) -> u64 {
        self.sequences.get(account).map_or(1, |last| last + 1)
    }

    /// Who is and was in the alliance.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// What a member delegated to a person, revoked or not.
    pub fn delegation(&self, member: &Did, person: &Did) -> Option<&DelegationRecord> {
        self.delegations.get(&(*member, *person)).map(Arc::as_ref)
    }

    /// All delegations by member and person.
    pub fn delegations(&self) -> impl Iterator<Item = (&Did, &DelegationRecord)> {
        self.delegations.iter().map(|((member, _), record)| (member, record.as_ref()))
    }

    /// A dataset version by its reference (`north/patients@1`), withdrawn or not.
    pub fn dataset(&self, reference: &str) -> Option<&DatasetRecord> {
        self.datasets.get(reference).map(Arc::as_ref)
    }

    /// All dataset versions by reference, in that order, withdrawn or not.
    pub fn datasets(&self) -> impl Iterator<Item = (&str, &DatasetRecord)> {
        self.datasets.iter().map(|(reference, record)| (reference.as_str(), record.as_ref()))
    }

    /// Who answers for a dataset.
    pub fn owner_of(&self, dataset: &Dataset) -> Did {
        self.path_owner(&dataset.path).unwrap_or(dataset.owner)
    }

    /// The latest version of a path (`north/patients`).
    pub fn latest_version(&self, path: &str) -> Option<u32> {
        self.dataset_paths.get(path).map(|path| path.latest)
    }

    /// The datasets that a contract names and may still use, by reference: without those that are withdrawn or were
    /// never published.
    pub fn datasets_of(&self, contract: &Contract) -> BTreeMap<String, Dataset> {
        self.named_by(contract, |record| record.withdrawn.is_none())
    }

    /// The datasets that a contract names, by reference, as they were published, withdrawn since or not: what is
    /// needed to read the result of a run, or to prove it.
    pub fn datasets_ever_of(&self, contract: &Contract) -> BTreeMap<String, Dataset> {
        self.named_by(contract, |_| true)
    }

    fn named_by(
        &self,
        contract: &Contract,
        keep: impl Fn(&DatasetRecord) -> bool,
    ) -> BTreeMap<String, Dataset> {
        let references = contract.inputs().map(|(_, input)| input.dataset.as_str());
        references
            .filter_map(|reference| self.dataset(reference))
            .filter(|record| keep(record))
            .map(|record| (record.dataset.reference(), Dataset::clone(&record.dataset)))
            .collect()
    }

    /// A contract by its id.
    pub fn contract(&self, id: &Hash) -> Option<&ContractRecord> {
        self.contracts.get(id).map(Arc::as_ref)
    }

    /// All contracts by id, in that order.
    pub fn contracts(&self) -> impl Iterator<Item = (&Hash, &ContractRecord)> {
        self.contracts.iter().map(|(id, record)| (id, record.as_ref()))
    }

    /// A run by its name.
    pub fn run(&self, id: &Hash) -> Option<&Run> {
        self.runs.get(id).map(Arc::as_ref)
    }

    /// All runs by name, in that order.
    pub fn runs(&self) -> impl Iterator<Item = (&Hash, &Run)> {
        self.runs.iter().map(|(id, run)| (id, run.as_ref()))
    }

    /// A member's points; escrow is not among them.
    pub fn balance(&self, member: &Did) -> u64 {
        self.points.balance(member)
    }

    /// Points that a run holds in escrow.
    pub fn escrow(&self, run: &Hash) -> u64 {
        self.points.escrow(Escrow::Run(*run))
    }

    /// Points that are held for something.
    pub fn held(&self, what: Escrow) -> u64 {
        self.points.escrow(what)
    }

    /// All points, in accounts and in escrow; changes by vote only.
    pub fn points_total(&self) -> u64 {
        self.points.total()
    }

    /// Whether accounts and escrow hold exactly what was founded and issued, less what was burnt. Costs one look at
    /// each account and escrow.
    pub fn is_balanced(&self) -> bool {
        self.points.total() == self.points.supply()
    }

    /// The numbers that members can vote on.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// A proposal by its id, decided or not.
    pub fn proposal(&self, id: &Hash) -> Option<&Proposal> {
        self.proposals.get(id).map(Arc::as_ref)
    }

    /// All proposals by id, in that order.
    pub fn proposals(&self) -> impl Iterator<Item = (&Hash, &Proposal)> {
        self.proposals.iter().map(|(id, record)| (id, record.as_ref()))
    }

    /// Effects of an entry, see [`crate::Entry::effects`].
    fn effects(&self, events: Vec<Event>, touched: &step::Touched) -> Result<Effects, CanonicalError> {
        let records = touched.iter().map(|key| self.record_hash(key)).collect::<Result<_, _>>()?;
        Ok(Effects { events, records })
    }
}
