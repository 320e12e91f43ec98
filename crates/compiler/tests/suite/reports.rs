//! The audit report of a contract: what parties sign with it.

use std::collections::{BTreeMap, BTreeSet};

use contract::{
    ColumnType, Contract, Did, Hash, Schema, SigningKey,
    audit::{Attack, Report, Verdict},
    canonical,
    disclosure::{DisclosureRule, Privacy},
    document::{Computation, FORMAT, Input, Limits, OutputRule, Party, Protection, Role},
    settlement::{Charge, Parts, Settlement, Split},
};
use treaty_compiler::{Source, Table, compile, report};

use crate::support::{Declare, column};

const NAMES: [&str; 3] = ["north", "lake", "south"];

fn did(member: usize) -> Did {
    SigningKey::from_seed(&[member as u8 + 1; 32]).did()
}

fn tables() -> Vec<Table> {
    let schema = Schema {
        columns: vec![
            column("rank", ColumnType::Text).values(&["junior", "senior"]),
            column("salary", ColumnType::Integer).range("0", "500000").unit("USD"),
        ],
    };
    let source = |name: &&str| Source {
        reference: format!("{name}/salaries@1"),
        owner: (*name).to_owned(),
        schema: schema.clone(),
        rows: 100,
        floor_rows: 1,
        rows_per_person: Some(1),
    };
    vec![Table { name: "salaries".into(), datasets: NAMES.iter().map(source).collect() }]
}

/// All three provide and compute, north asks and receives, south audits.
fn contract() -> Contract {
    let roles = |member: usize| {
        let mut roles = BTreeSet::from([Role::DataProvider, Role::ComputeParty]);
        roles.extend(match member {
            0 => vec![Role::DataUser, Role::Receiver],
            2 => vec![Role::Auditor],
            _ => vec![],
        });
        roles
    };
    let party = |at: usize| Party { member: did(at), name: NAMES[at].to_owned(), roles: roles(at) };
    let mut parties: Vec<Party> = (0..3).map(party).collect();
    parties.sort_by_key(|party| party.member);
    let input = |at: usize| Input {
        dataset: format!("{}/salaries@1", NAMES[at]),
        provider: did(at),
        root: Hash::of("root", NAMES[at].as_bytes()),
    };
    Contract {
        format: FORMAT.to_owned(),
        alliance: Hash::of("alliance", b"employers"),
        title: "Salaries by rank".to_owned(),
        purpose: "pay equity".to_owned(),
        parties,
        computation: Computation {
            sql: "SELECT rank, COUNT(*) AS people, SUM(salary) AS total FROM salaries GROUP BY rank"
                .to_owned(),
            tables: BTreeMap::from([("salaries".to_owned(), (0..3).map(input).collect())]),
            program: Hash::of("program", b"to be compiled"),
            committed: Default::default(),
        },
        audit: Some(Hash::of("audit-report", b"to be derived")),
        protection: Protection {
            scheme: "rep3".to_owned(),
            threshold: 1,
            compute_parties: (0..3).map(did).collect(),
        },
        output: OutputRule {
            receivers: BTreeSet::from([did(0)]),
            floor_rows: 20,
            disclosure: DisclosureRule::default(),
        },
        limits: Limits { runs: 3, not_before: 0, expires: 1000, run_seconds_max: 60 },
        settlement: Settlement {
            payer: did(0),
            fee: 100,
            charge: Charge::default(),
            providers: 7_000,
            compute_parties: 3_000,
            algorithm_providers: 0,
            parts: Parts::default(),
            split: Split::default(),
        },
        supersedes: None,
        nonce: "00112233445566778899aabbccddeeff".to_owned(),
    }
}

fn derived(change: impl FnOnce(&mut Contract)) -> Report {
    let mut contract = contract();
    change(&mut contract);
    contract.validate().unwrap();
    let compiled = compile(&contract.computation.sql, &tables(), &contract.output).unwrap();
    report(&contract, &compiled)
}

fn noisy(contract: &mut Contract) {
    contract.output.disclosure.privacy = Some(Privacy::laplace(500_000));
}

fn attack(report: &Report, name: &str) -> Attack {
    report.findings.attacks.iter().find(|attack| attack.name.contains(name)).unwrap().clone()
}

/// The bytes are signed: another sentence in them is another format of report.
#[test]
fn the_page_of_a_signer_and_the_bytes_that_are_hashed() {
    let report = derived(|_| ());
    insta::assert_snapshot!("report_page", report.to_text(Some(&did(1))));
    insta::assert_snapshot!(
        "report_bytes",
        String::from_utf8(canonical::to_bytes(&report).unwrap()).unwrap()
    );
    insta::assert_snapshot!("report_with_noise", derived(noisy).to_text(None));
}

#[test]
fn the_same_contract_gives_the_same_report_and_another_one_another() {
    let hash = |change: fn(&mut Contract)| derived(change).hash().unwrap();
    let plain = hash(|_| ());
    assert_eq!(plain, hash(|_| ()));
    assert_eq!(plain, hash(|contract| contract.audit = Some(Hash::of("other", b""))), "not of itself");
    let undrafted = {
        let contract = Contract { audit: None, ..contract() };
        let compiled = compile(&contract.computation.sql, &tables(), &contract.output).unwrap();
        report(&contract, &compiled).hash().unwrap()
    };
    assert_eq!(plain, undrafted, "a drafter derives it before the contract names it");
    assert_ne!(plain, hash(|contract| contract.output.floor_rows = 21));
    assert_ne!(plain, hash(|contract| contract.purpose = "curiosity".to_owned()));
    assert_ne!(plain, hash(|contract| contract.limits.runs = 1));
    assert_ne!(plain, hash(noisy));
}

/// Whose budget a run takes how much of, also where there is only one.
#[test]
fn a_run_with_noise_has_its_cost_in_the_report() {
    let of = |runs, noise: Option<Privacy>| {
        let mut contract = contract();
        (contract.limits.runs, contract.output.disclosure.privacy) = (runs, noise);
        let compiled = compile(&contract.computation.sql, &tables(), &contract.output).unwrap();
        let report = report(&contract, &compiled);
        (attack(&report, "asking the same").reason, report.findings.to_receivers.join("\n"))
    };
    for runs in [1, 3] {
        for (noise, cost, name) in [
            (Privacy::laplace(500_000), "takes ε = 0.5 of each data user's and receiver's budget", "Laplace"),
            (
                Privacy::gaussian(500_000),
                "δ = 0.000001 of each data user's and receiver's budget",
                "Gaussian",
            ),
        ] {
            let (reason, learned) = of(runs, Some(noise));
            assert!(reason.contains(cost), "{reason}");
            assert!(learned.contains(&format!("only with discrete {name} noise")), "{learned}");
        }
        assert!(!of(runs, None).0.contains("budget"));
    }
}

#[test]
fn what_parties_could_do_with_the_result_is_judged() {
    let own = |change: fn(&mut Contract)| attack(&derived(change), "own rows").verdict;
    assert_eq!(own(|_| ()), Verdict::Bounded);
    assert_eq!(own(noisy), Verdict::Closed);
    assert_eq!(own(|contract| contract.output.disclosure.contributors_min = 3), Verdict::Bounded);
    let again = |change: fn(&mut Contract)| attack(&derived(change), "same again").verdict;
    assert_eq!(again(|_| ()), Verdict::Closed);
    assert_eq!(again(noisy), Verdict::Bounded);
    let report = derived(|_| ());
    assert_eq!(usize::try_from(report.score.most).unwrap(), 2 * report.findings.attacks.len());
}
