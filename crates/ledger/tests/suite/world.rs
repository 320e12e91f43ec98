//! An alliance of three members and a regulator, with a dataset each, a contract, and everything needed to run it.

use std::collections::{BTreeMap, BTreeSet};

use contract::{
    Column, ColumnType, Contract, Dataset, Did, Hash, Schema, SigningKey, Terms,
    dataset::Range,
    disclosure::DisclosureTerms,
    document::{Computation, FORMAT, Input, Limits, OutputRule, Party, Protection, Role, Settlement},
    settlement::{Charge, Parts, Split},
    terms::Use,
};
use ledger::{
    Action, Alliance, Card, Event, InputCommitment, OutputComponent, Receipt, Refused, SignedTransaction,
    Standing, State, Transaction, alliance,
};

/// The time at which the alliance is founded.
pub(crate) const FOUNDED: u64 = 1_800_000_000;
/// The purpose of datasets and contract.
pub(crate) const PURPOSE: &str = "pay equity study";
/// Rows of the members' datasets, in the order of [`World::members`].
pub(crate) const ROWS: [u64; 3] = [180, 130, 87];
/// Points that each member starts with.
pub(crate) const POINTS: u64 = 10_000;
/// What a run costs.
pub(crate) const FEE: u64 = 1_000;

/// Keys and what they signed.
#[derive(Clone)]
pub(crate) struct World {
    /// North, lake, south, in the order of their identities' names, not of their identities.
    pub(crate) members: Vec<SigningKey>,
    /// Reads only.
    pub(crate) regulator: SigningKey,
    /// Not in the alliance.
    pub(crate) stranger: SigningKey,
    pub(crate) alliance: Alliance,
    /// What the terms of all datasets ask of results.
    pub(crate) disclosure: DisclosureTerms,
    sequences: BTreeMap<Did, u64>,
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub(crate) fn hash(text: &str) -> Hash {
    Hash::of("test", text.as_bytes())
}

fn card(key: &SigningKey, name: &str, standing: Standing) -> Card {
    let certificate = format!("certificate of {name}");
    Card::sign(key, name, standing, "127.0.0.1:7001", "https://127.0.0.1:7002", certificate.as_bytes())
        .unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let members: Vec<SigningKey> = (1..=3).map(key).collect();
        let regulator = key(4);
        let names = ["north", "lake", "south"];
        let mut cards: Vec<Card> =
            members.iter().zip(names).map(|(key, name)| card(key, name, Standing::Member)).collect();
        cards.push(card(&regulator, "watch", Standing::Regulator));
        cards.sort_by_key(|card| card.member);
        let alliance = Alliance {
            format: alliance::FORMAT.to_owned(),
            name: "Salaries".to_owned(),
            founded: FOUNDED,
            operator: Some(members[0].did()),
            quorum: 2,
            members: cards,
            points: members.iter().map(|key| (key.did(), POINTS)).collect(),
        };
        Self {
            members,
            regulator,
            stranger: key(9),
            alliance,
            disclosure: DisclosureTerms::default(),
            sequences: BTreeMap::new(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.alliance.validate().unwrap();
        State::new(self.alliance.clone()).unwrap()
    }

    pub(crate) fn did(&self, member: usize) -> Did {
        self.members[member].did()
    }

    pub(crate) fn name(&self, member: usize) -> &str {
        &self.alliance.card(&self.did(member)).unwrap().name
    }

    /// Signs an action with a given sequence number.
    pub(crate) fn sign_as(&self, key: &SigningKey, sequence: u64, action: Action) -> SignedTransaction {
        let alliance = self.alliance.id().unwrap();
        let transaction =
            Transaction { alliance, member: key.did(), sequence, person: None, signer: None, action };
        SignedTransaction::sign(transaction, key).unwrap()
    }

    /// Signs an action with the sequence number that the state expects.
    pub(crate) fn sign(&self, state: &State, key: &SigningKey, action: Action) -> SignedTransaction {
        self.sign_as(key, state.next_sequence(&key.did()), action)
    }

    /// Signs an action with the number after the last that this world used.
    pub(crate) fn next(&mut self, member: usize, action: Action) -> SignedTransaction {
        let key = self.members[member].clone();
        let sequence = self.sequences.entry(key.did()).or_insert(0);
        *sequence += 1;
        let sequence = *sequence;
        self.sign_as(&key, sequence, action)
    }

    /// Applies an action of a member one second after the last entry.
    pub(crate) fn act(
        &self,
        state: &mut State,
        member: usize,
        action: Action,
    ) -> Result<Vec<Event>, Refused> {
        let key = &self.members[member];
        let signed = self.sign(state, key, action);
        state.apply(state.time() + 1, &signed)
    }

    pub(crate) fn dataset(&self, member: usize, version: u32) -> Dataset {
        let path = format!("{}/staff", self.name(member));
        let range = Range { min: "0".to_owned(), max: "1000000".to_owned() };
        let rank =
            Column { values: Some(vec!["assistant".to_owned()]), ..Column::new("rank", ColumnType::Text) };
        let salary = Column { range: Some(range), ..Column::new("salary", ColumnType::Integer) };
        Dataset {
            id: hash(&path),
            root: hash(&format!("{path} {version}")),
            path,
            version,
            owner: self.did(member),
            description: "Salaries of one year".to_owned(),
            schema: Schema { columns: vec![rank, salary] },
            rows: ROWS[member],
            terms: Terms {
                purposes: BTreeSet::from([PURPOSE.to_owned()]),
                receivers: BTreeSet::new(),
                columns: BTreeMap::from([("salary".to_owned(), BTreeSet::from([Use::Aggregate]))]),
                comparisons: BTreeMap::new(),
                floor_rows: 5,
                schemes: BTreeSet::from(["rep3".to_owned()]),
                jurisdictions: BTreeSet::new(),
                runs_max: 10,
                expires: None,
                access: None,
                disclosure: self.disclosure.clone(),
            },
        }
    }

    /// All three provide and compute; north uses, receives and pays; lake wrote the program; the regulator watches.
    pub(crate) fn contract(&self) -> Contract {
        let mut parties: Vec<Party> = (0..3).map(|member| self.party(member)).collect();
        parties.push(Party {
            member: self.regulator.did(),
            name: "watch".to_owned(),
            roles: BTreeSet::from([Role::Regulator]),
        });
        parties.sort_by_key(|party| party.member);
        let inputs = (0..3).map(|member| {
            let dataset = self.dataset(member, 1);
            Input { dataset: dataset.reference(), provider: dataset.owner, root: dataset.root }
        });
        Contract {
            format: FORMAT.to_owned(),
            alliance: self.alliance.id().unwrap(),
            title: "Mean salary".to_owned(),
            purpose: PURPOSE.to_owned(),
            parties,
            computation: Computation {
                sql: "SELECT AVG(salary) FROM staff".to_owned(),
                tables: BTreeMap::from([("staff".to_owned(), inputs.collect())]),
                program: program_hash(PROGRAM).unwrap(),
                committed: Default::default(),
            },
            audit: Some(hash("audit report")),
            protection: Protection {
                scheme: "rep3".to_owned(),
                threshold: 1,
                compute_parties: (0..3).map(|member| self.did(member)).collect(),
            },
            output: OutputRule {
                receivers: BTreeSet::from([self.did(0)]),
                floor_rows: 5,
                disclosure: Default::default(),
            },
            limits: Limits { runs: 2, not_before: FOUNDED, expires: FOUNDED + 100_000, run_seconds_max: 600 },
            settlement: Settlement {
                payer: self.did(0),
                fee: FEE,
                providers: 6_000,
                compute_parties: 3_000,
                algorithm_providers: 1_000,
                charge: Charge::default(),
                parts: Parts::default(),
                split: Split::default(),
            },
            supersedes: None,
            nonce: "00112233445566778899aabbccddeeff".to_owned(),
        }
    }

    fn party(&self, member: usize) -> Party {
        let mut roles = BTreeSet::from([Role::DataProvider, Role::ComputeParty]);
        match member {
            0 => roles.extend([Role::DataUser, Role::Receiver]),
            1 => roles.extend([Role::AlgorithmProvider]),
            _ => {}
        }
        Party { member: self.did(member), name: self.name(member).to_owned(), roles }
    }

    /// Publishes all datasets and proposes the contract.
    pub(crate) fn propose(&self, state: &mut State, contract: &Contract) -> Hash {
        for member in 0..3 {
            let dataset = Box::new(self.dataset(member, 1));
            self.act(state, member, Action::PublishDataset(dataset)).unwrap();
        }
        self.act(state, 0, Action::ProposeContract(Box::new(contract.clone()))).unwrap();
        contract.id().unwrap()
    }

    /// The signing action of a party; anyone may submit it.
    pub(crate) fn consent(&self, contract: &Contract, key: &SigningKey) -> Action {
        let (id, signature) = (contract.id().unwrap(), contract.sign(key).unwrap());
        Action::SignContract { contract: id, party: key.did(), signature }
    }

    pub(crate) fn signers(&self) -> Vec<SigningKey> {
        self.members.iter().chain([&self.regulator]).cloned().collect()
    }

    /// A state in which the contract is active.
    pub(crate) fn activated(&self, contract: &Contract) -> (State, Hash) {
        let mut state = self.state();
        let id = self.propose(&mut state, contract);
        for key in self.signers() {
            self.act(&mut state, 1, self.consent(contract, &key)).unwrap();
        }
        (state, id)
    }

    pub(crate) fn request(&self, contract: Hash, run: Hash) -> Action {
        Action::RequestRun { contract, run, purpose: PURPOSE.to_owned() }
    }

    /// Takes a requested run to where receipts are expected.
    pub(crate) fn start(&self, state: &mut State, run: Hash) {
        for member in 0..3 {
            self.act(state, member, Action::PermitRun { run }).unwrap();
        }
        for member in 0..3 {
            let commitment = self.commitment(member);
            self.act(state, member, Action::CommitInput { run, commitment }).unwrap();
        }
    }

    /// Takes a run from its request to receipts that agree.
    pub(crate) fn complete(&self, state: &mut State, contract: Hash, run: Hash) {
        self.act(state, 0, self.request(contract, run)).unwrap();
        self.start(state, run);
        for member in 0..3 {
            self.act(state, member, self.file(contract, run, member)).unwrap();
        }
    }

    pub(crate) fn commitment(&self, member: usize) -> InputCommitment {
        let components = (0..3).map(|component| hash(&format!("input {member} {component}"))).collect();
        InputCommitment { components, rows: ROWS[member] }
    }

    /// The receipt of a compute party; those of one run agree. As in replicated secret sharing over three parties,
    /// each holds two components of the result.
    pub(crate) fn receipt(&self, contract: Hash, run: Hash, member: usize) -> Receipt {
        let others = || (0..3).filter(move |other| *other != member);
        let frames = |from: usize, to: usize| hash(&format!("frames from {from} to {to}"));
        let mut components = [member as u16, ((member + 1) % 3) as u16];
        components.sort_unstable();
        let output = components
            .map(|component| OutputComponent { component, hash: hash(&format!("output {component}")) });
        Receipt {
            run,
            contract,
            program: program_hash(PROGRAM).unwrap(),
            party: self.did(member),
            inputs: (0..3).map(|other| (self.did(other), self.commitment(other).digest().unwrap())).collect(),
            sent: others().map(|other| (self.did(other), frames(member, other))).collect(),
            received: others().map(|other| (self.did(other), frames(other, member))).collect(),
            output: output.to_vec(),
            intermediates: Vec::new(),
        }
    }

    pub(crate) fn file(&self, contract: Hash, run: Hash, member: usize) -> Action {
        Action::File(Box::new(self.receipt(contract, run, member)))
    }

    /// All transactions of one completed run, from the datasets on, in order.
    pub(crate) fn whole_path(&mut self, run: Hash) -> Vec<SignedTransaction> {
        let contract = self.contract();
        let id = contract.id().unwrap();
        let mut actions: Vec<(usize, Action)> = Vec::new();
        actions.extend((0..3).map(|m| (m, Action::PublishDataset(Box::new(self.dataset(m, 1))))));
        actions.push((0, Action::ProposeContract(Box::new(contract.clone()))));
        actions.extend(self.signers().iter().map(|key| (1, self.consent(&contract, key))));
        actions.push((0, self.request(id, run)));
        actions.extend((0..3).map(|m| (m, Action::PermitRun { run })));
        actions.extend((0..3).map(|m| (m, Action::CommitInput { run, commitment: self.commitment(m) })));
        actions.extend((0..3).map(|m| (m, self.file(id, run, m))));
        actions.into_iter().map(|(member, action)| self.next(member, action)).collect()
    }
}

/// The program of the contract, in the stand-in for a program's canonical text that these tests use.
pub(crate) const PROGRAM: &str = "reveal mean(salary)\n";

/// Stands in for the real program crate: the ledger only passes the text through.
pub(crate) fn program_hash(text: &str) -> Result<Hash, String> {
    if text.ends_with('\n') { Ok(hash(text)) } else { Err("the last line is not complete".to_owned()) }
}
