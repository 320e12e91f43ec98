//! What the demonstration is about: datasets, a contract on them, and what its runs leave on the ledger.
//!
//! Nothing is computed here: the other demonstrations do that. A run's commitments and receipts are hashes of names,
//! as the ledger sees nothing else of a real one.

use std::collections::{BTreeMap, BTreeSet};

use contract::access::Access;
use contract::disclosure::{DisclosureRule, DisclosureTerms};
use contract::document::{
    Computation, FORMAT, Input, Limits, OutputRule, Party, Protection, Role, Settlement,
};
use contract::policy::Usage;
use contract::settlement::{Charge, Parts, Split};
use contract::terms::Use;
use contract::{Column, ColumnType, Contract, Dataset, Did, Hash, Range, Schema, Terms};
use ledger::{InputCommitment, OutputComponent, Receipt};

use super::replicas::{Replicas, broken};
use crate::demo::DemoError;

/// What the data may be used for.
pub(super) const PURPOSE: &str = "pay equity";
/// The program, in words: its hash is in the contract and the receipts.
pub(super) const PROGRAM: &str = "mean of pay\n";
/// Points for a run.
pub(super) const FEE: u64 = 1_000;
/// Points for a token of lake's data.
pub(super) const PRICE: u64 = 120;
/// The members that provide and compute.
pub(super) const PARTIES: [&str; 3] = ["north", "lake", "south"];

/// What a member brings.
fn rows(name: &str) -> u64 {
    match name {
        "north" => 60,
        "lake" => 140,
        _ => 200,
    }
}

fn hash(text: &str) -> Hash {
    Hash::of("demo", text.as_bytes())
}

/// The hash of a program's text.
pub(super) fn program_hash(text: &str) -> Hash {
    hash(text)
}

/// A member's dataset; lake's needs a token that it reviews.
pub(super) fn dataset(name: &str, owner: Did) -> Dataset {
    let pay = Column {
        name: "pay".to_owned(),
        kind: ColumnType::Integer,
        nullable: false,
        unit: "EUR/year".to_owned(),
        description: "gross pay".to_owned(),
        values: None,
        range: Some(Range { min: "0".to_owned(), max: "1000000".to_owned() }),
    };
    let access = (name == "lake").then(|| Access { permitted: BTreeSet::new(), price: PRICE, review: true });
    Dataset {
        id: hash(name),
        path: format!("{name}/staff"),
        version: 1,
        owner,
        description: format!("pay of the staff of {name}"),
        schema: Schema { columns: vec![pay] },
        rows: rows(name),
        root: hash(&format!("data of {name}")),
        terms: Terms {
            purposes: BTreeSet::from([PURPOSE.to_owned()]),
            receivers: BTreeSet::new(),
            columns: columns(),
            floor_rows: 5,
            schemes: BTreeSet::from(["rep3".to_owned()]),
            runs_max: 10,
            expires: None,
            access,
            disclosure: DisclosureTerms::default(),
        },
    }
}

/// What the program does with each column.
pub(super) fn columns() -> BTreeMap<String, BTreeSet<Use>> {
    BTreeMap::from([("pay".to_owned(), BTreeSet::from([Use::Aggregate]))])
}

/// What every node would find when it compiles the contract's source.
pub(super) fn usage() -> Usage {
    Usage { program: program_hash(PROGRAM), columns: BTreeMap::from([("staff".to_owned(), columns())]) }
}

/// North asks and pays; all three provide and compute; the alliance's shares split the fee.
pub(super) fn contract(replicas: &Replicas) -> Result<Contract, DemoError> {
    let mut parties = Vec::new();
    let mut inputs = Vec::new();
    let mut compute_parties = Vec::new();
    for name in PARTIES {
        let member = replicas.did(name)?;
        let mut roles = BTreeSet::from([Role::DataProvider, Role::ComputeParty]);
        if name == "north" {
            roles.extend([Role::DataUser, Role::Receiver]);
        }
        parties.push(Party { member, name: name.to_owned(), roles });
        let dataset = dataset(name, member);
        inputs.push(Input { dataset: dataset.reference(), provider: member, root: dataset.root });
        compute_parties.push(member);
    }
    parties.sort_by_key(|party| party.member);
    let north = replicas.did("north")?;
    let now = replicas.time();
    Ok(Contract {
        format: FORMAT.to_owned(),
        alliance: replicas.founding().id().map_err(broken("name the alliance"))?,
        title: "Mean pay".to_owned(),
        purpose: PURPOSE.to_owned(),
        parties,
        computation: Computation {
            sql: "SELECT AVG(pay) FROM staff".to_owned(),
            tables: BTreeMap::from([("staff".to_owned(), inputs)]),
            program: program_hash(PROGRAM),
        },
        protection: Protection { scheme: "rep3".to_owned(), threshold: 1, compute_parties },
        output: OutputRule {
            receivers: BTreeSet::from([north]),
            floor_rows: 5,
            disclosure: DisclosureRule::default(),
        },
        limits: Limits { runs: 5, not_before: now, expires: now + 365 * 86_400, run_seconds_max: 600 },
        settlement: Settlement {
            payer: north,
            fee: FEE,
            charge: Charge::PerRun,
            providers: 7_000,
            compute_parties: 3_000,
            algorithm_providers: 0,
            parts: Parts::Alliance,
            split: Split::Rows,
        },
        supersedes: None,
        nonce: "0123456789abcdef0123456789abcdef".to_owned(),
    })
}

/// What a provider fixes before a run.
pub(super) fn commitment(name: &str) -> InputCommitment {
    let components = (0..3).map(|component| hash(&format!("input of {name} {component}"))).collect();
    InputCommitment { components, rows: rows(name) }
}

/// What a compute party states after a run; those of one run agree.
pub(super) fn receipt(
    replicas: &Replicas,
    contract: Hash,
    run: Hash,
    number: usize,
) -> Result<Receipt, DemoError> {
    let name = |number: usize| PARTIES.get(number % 3).copied().unwrap_or_default();
    let mut inputs = BTreeMap::new();
    for party in PARTIES {
        let digest = commitment(party).digest().map_err(broken("hash a commitment"))?;
        inputs.insert(replicas.did(party)?, digest);
    }
    let (mut sent, mut received) = (BTreeMap::new(), BTreeMap::new());
    for other in [number + 1, number + 2] {
        let frames = |from: usize, to: usize| hash(&format!("{} to {} in {run}", name(from), name(to)));
        let did = replicas.did(name(other))?;
        sent.insert(did, frames(number, other));
        received.insert(did, frames(other, number));
    }
    let mut components = [number % 3, (number + 1) % 3];
    components.sort_unstable();
    let output = components.map(|component| OutputComponent {
        component: u16::try_from(component).unwrap_or_default(),
        hash: hash(&format!("output {component} of {run}")),
    });
    Ok(Receipt {
        run,
        contract,
        program: program_hash(PROGRAM),
        party: replicas.did(name(number))?,
        inputs,
        sent,
        received,
        output: output.to_vec(),
    })
}
