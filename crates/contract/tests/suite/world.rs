//! A contract among three members with everything that its policy needs, all of it permitted.

use std::collections::{BTreeMap, BTreeSet};

use treaty_contract::{
    Column, ColumnType, Contract, Dataset, Did, Hash, Range, Schema, Signature, SigningKey, Terms,
    access::Grant,
    audit::Opinion,
    dataset::Datasets,
    document::{Computation, FORMAT, Input, Limits, OutputRule, Party, Protection, Role, Settlement},
    lifecycle::State,
    policy::{self, Catalog, Compared, Permit, Refusal, Request, Usage, View},
    settlement::{Charge, Parts, Split},
    terms::Use,
};

/// Seconds since 1970 of the window's beginning: 2026-11-01.
pub(crate) const NOT_BEFORE: u64 = 1_793_491_200;
/// Seconds since 1970 of the window's end: 2027-11-01.
pub(crate) const EXPIRES: u64 = 1_825_027_200;
/// What the contract and the terms say.
pub(crate) const PURPOSE: &str = "salary benchmark";

/// Names of the members, in the order of [`keys`].
pub(crate) const NAMES: [&str; 3] = ["north", "lake", "south"];

/// One key per member, always the same.
pub(crate) fn keys() -> [SigningKey; 3] {
    [1, 2, 3].map(|seed| SigningKey::from_seed(&[seed; 32]))
}

/// How people call a member.
pub(crate) fn name(member: &Did) -> String {
    let found = keys().iter().zip(NAMES).find(|(key, _)| key.did() == *member).map(|(_, name)| name);
    found.unwrap_or("stranger").to_owned()
}

/// Everything that a decision looks at.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// Not necessarily what was signed.
    pub(crate) contract: Contract,
    /// By party.
    pub(crate) signatures: BTreeMap<Did, Signature>,
    pub(crate) signers: BTreeMap<Did, Did>,
    pub(crate) opinions: BTreeMap<Did, Opinion>,
    pub(crate) tokens: Vec<Grant>,
    /// The catalog.
    pub(crate) datasets: Datasets,
    /// Where members are.
    pub(crate) jurisdictions: BTreeMap<Did, String>,
    /// Of the contract's program.
    pub(crate) usage: Usage,
    /// The ledger's time.
    pub(crate) now: u64,
    /// The contract's state.
    pub(crate) state: State,
    /// With this run's.
    pub(crate) runs_taken: u32,
    /// Who asks.
    pub(crate) requester: Did,
    /// What for.
    pub(crate) purpose: String,
}

impl World {
    /// Everything is permitted.
    pub(crate) fn new() -> Self {
        let members = keys().map(|key| key.did());
        let datasets = members.iter().zip(NAMES).map(|(owner, name)| dataset(*owner, name));
        let datasets: Datasets = datasets.map(|dataset| (dataset.reference(), dataset)).collect();
        let mut world = Self {
            contract: contract(&members, &datasets),
            signatures: BTreeMap::new(),
            signers: BTreeMap::new(),
            opinions: BTreeMap::new(),
            tokens: Vec::new(),
            datasets,
            jurisdictions: members.map(|member| (member, "CH".to_owned())).into(),
            usage: usage(),
            now: NOT_BEFORE + 1000,
            state: State::Active,
            runs_taken: 1,
            requester: members[0],
            purpose: PURPOSE.to_owned(),
        };
        world.sign();
        world
    }

    /// All members sign the contract as it is now.
    pub(crate) fn sign(&mut self) {
        let sign = |key: &SigningKey| (key.did(), self.contract.sign(key).unwrap());
        self.signatures = keys().iter().map(sign).collect();
    }

    /// The decision.
    pub(crate) fn decide(&self) -> Result<Permit, Vec<Refusal>> {
        let view = View {
            now: self.now,
            state: self.state,
            signatures: &self.signatures,
            signers: &self.signers,
            opinions: &self.opinions,
            tokens: &self.tokens,
            runs_taken: self.runs_taken,
            catalog: self.catalog(),
        };
        let request = Request { run: run(), requester: &self.requester, purpose: &self.purpose };
        policy::decide(&self.contract, &view, &self.usage, &request)
    }

    /// The reasons of a decision that must be a refusal.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.decide().unwrap_err()
    }

    /// What `contract check` says.
    pub(crate) fn check(&self) -> Vec<Refusal> {
        policy::check(&self.contract, self.catalog(), &self.usage, report(), self.now)
    }

    fn catalog(&self) -> Catalog<'_> {
        Catalog { datasets: &self.datasets, jurisdictions: &self.jurisdictions }
    }

    /// The terms of a member's dataset.
    pub(crate) fn terms(&mut self, member: usize) -> &mut Terms {
        &mut self.datasets.get_mut(&reference(member)).unwrap().terms
    }
}

/// The dataset of a member.
pub(crate) fn reference(member: usize) -> String {
    format!("{}/salaries@1", NAMES[member])
}

/// The run that is asked for.
pub(crate) fn run() -> Hash {
    Hash::of("run", b"1")
}

/// The program that the contract names.
pub(crate) fn program() -> Hash {
    Hash::of("program", b"salaries")
}

/// The audit report that the contract names.
pub(crate) fn report() -> Hash {
    Hash::of("audit-report", b"salaries")
}

fn contract(members: &[Did; 3], datasets: &Datasets) -> Contract {
    let roles = |member: usize| match member {
        0 => [Role::DataProvider, Role::ComputeParty, Role::DataUser, Role::Receiver].into(),
        1 => [Role::DataProvider, Role::ComputeParty, Role::Receiver].into(),
        _ => [Role::DataProvider, Role::ComputeParty, Role::AlgorithmProvider].into(),
    };
    let party = |at: usize| Party { member: members[at], name: NAMES[at].to_owned(), roles: roles(at) };
    let mut parties: Vec<_> = (0..3).map(party).collect();
    parties.sort_by_key(|party| party.member);
    let input = |at: usize| Input {
        dataset: reference(at),
        provider: members[at],
        root: datasets[&reference(at)].root,
    };
    Contract {
        format: FORMAT.to_owned(),
        alliance: Hash::of("alliance", b"employers"),
        title: "Salaries by rank over three employers".to_owned(),
        purpose: PURPOSE.to_owned(),
        parties,
        computation: Computation {
            sql: "SELECT rank, COUNT(*) AS people, AVG(salary) AS mean\nFROM salaries\nGROUP BY rank"
                .to_owned(),
            tables: [("salaries".to_owned(), (0..3).map(input).collect())].into(),
            program: program(),
            committed: Default::default(),
        },
        audit: Some(report()),
        protection: Protection { scheme: "rep3".to_owned(), threshold: 1, compute_parties: members.to_vec() },
        output: OutputRule {
            receivers: [members[0], members[1]].into(),
            floor_rows: 10,
            disclosure: Default::default(),
        },
        limits: Limits { runs: 3, not_before: NOT_BEFORE, expires: EXPIRES, run_seconds_max: 60 },
        settlement: Settlement {
            payer: members[0],
            fee: 1000,
            providers: 6000,
            compute_parties: 3000,
            algorithm_providers: 1000,
            charge: Charge::default(),
            parts: Parts::default(),
            split: Split::default(),
        },
        supersedes: None,
        nonce: "00112233445566778899aabbccddeeff".to_owned(),
    }
}

fn dataset(owner: Did, name: &str) -> Dataset {
    Dataset {
        id: Hash::of("dataset", name.as_bytes()),
        path: format!("{name}/salaries"),
        version: 1,
        owner,
        description: "What professors earn".to_owned(),
        schema: Schema { columns: vec![rank(), salary()] },
        rows: 130,
        root: Hash::of("root", name.as_bytes()),
        terms: terms(),
    }
}

fn rank() -> Column {
    Column {
        name: "rank".to_owned(),
        kind: ColumnType::Text,
        nullable: false,
        unit: String::new(),
        description: String::new(),
        values: Some(vec!["assistant".to_owned(), "full".to_owned()]),
        range: None,
        bytes_max: None,
        unique: false,
    }
}

fn salary() -> Column {
    Column {
        name: "salary".to_owned(),
        kind: ColumnType::Integer,
        nullable: false,
        unit: "USD/year".to_owned(),
        description: String::new(),
        values: None,
        range: Some(Range { min: "0".to_owned(), max: "1000000".to_owned() }),
        bytes_max: None,
        unique: false,
    }
}

/// Exactly what the contract needs.
fn terms() -> Terms {
    Terms {
        purposes: [PURPOSE.to_owned()].into(),
        receivers: keys().iter().map(SigningKey::did).collect(),
        columns: usage().columns["salaries"].clone(),
        comparisons: BTreeMap::new(),
        floor_rows: 10,
        schemes: ["rep3".to_owned()].into(),
        jurisdictions: BTreeSet::new(),
        runs_max: 3,
        expires: Some(EXPIRES),
        access: None,
        disclosure: Default::default(),
    }
}

fn usage() -> Usage {
    let uses = |uses: &[Use]| uses.iter().copied().collect::<BTreeSet<_>>();
    let compared = Compared { constants: ["senior".to_owned()].into(), otherwise: false };
    let columns = [
        ("rank".to_owned(), uses(&[Use::Filter, Use::Group])),
        ("salary".to_owned(), uses(&[Use::Aggregate])),
    ];
    Usage {
        program: program(),
        columns: [("salaries".to_owned(), columns.into())].into(),
        comparisons: [("salaries".to_owned(), [("rank".to_owned(), compared)].into())].into(),
    }
}
