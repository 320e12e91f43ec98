//! Each flaw alone, by its exact value.

use treaty_contract::{
    Contract, Did, Flaw, SigningKey,
    document::{Input, Role},
    text,
};

use crate::world::{World, keys};

/// The flaws after one change to a contract without any.
fn flaws(change: impl FnOnce(&mut Contract)) -> Vec<Flaw> {
    let mut contract = World::new().contract;
    contract.validate().unwrap();
    change(&mut contract);
    contract.validate().unwrap_err()
}

fn north() -> Did {
    keys()[0].did()
}

fn stranger() -> Did {
    SigningKey::from_seed(&[9; 32]).did()
}

fn roles_of(contract: &mut Contract, member: Did) -> &mut std::collections::BTreeSet<Role> {
    &mut contract.parties.iter_mut().find(|party| party.member == member).unwrap().roles
}

fn inputs(contract: &mut Contract) -> &mut Vec<Input> {
    contract.computation.tables.get_mut("salaries").unwrap()
}

#[test]
fn form() {
    assert_eq!(
        flaws(|contract| contract.format = "treaty-contract/3".into()),
        [Flaw::Format { found: "treaty-contract/3".into() }]
    );
    assert_eq!(flaws(|contract| contract.audit = None), [Flaw::AuditMissing]);
    assert_eq!(flaws(|contract| contract.format = "treaty-contract/1".into()), [Flaw::AuditNotInFormat]);
    for nonce in ["", "0011", "00112233445566778899AABBCCDDEEFF", &"0".repeat(65)] {
        assert_eq!(flaws(|contract| contract.nonce = nonce.into()), [Flaw::Nonce { found: nonce.into() }]);
    }
    assert!(matches!(flaws(|contract| contract.settlement.fee = 1 << 53)[..], [Flaw::NotCanonical { .. }]));
}

#[test]
fn texts() {
    let problem = |field: &str, problem| [Flaw::Text { field: field.into(), problem }];
    assert_eq!(flaws(|contract| contract.title = " ".into()), problem("title", text::Flaw::Empty));
    assert_eq!(
        flaws(|contract| contract.title = "a\nb".into()),
        problem("title", text::Flaw::Hidden { code: 10 })
    );
    assert_eq!(
        flaws(|contract| contract.purpose = "x".repeat(301)),
        problem("purpose", text::Flaw::TooLong { limit: 300, found: 301 })
    );
    assert_eq!(
        flaws(|contract| contract.parties[1].name = "no\u{202e}rth".into()),
        problem("parties[1].name", text::Flaw::Hidden { code: 0x202e })
    );
    assert_eq!(
        flaws(|contract| contract.computation.sql = "SELECT\r\n1".into()),
        problem("computation.sql", text::Flaw::Hidden { code: 13 })
    );
    assert_eq!(
        flaws(|contract| contract.computation.sql = "x".repeat(20_000)),
        problem("computation.sql", text::Flaw::TooLong { limit: 16_384, found: 20_000 })
    );
}

#[test]
fn parties() {
    let later = World::new().contract.parties[1].member;
    assert_eq!(
        flaws(|contract| contract.parties.swap(0, 1)).first(),
        Some(&Flaw::PartyOrder { member: World::new().contract.parties[0].member })
    );
    assert_eq!(
        flaws(|contract| contract.parties.insert(1, contract.parties[1].clone())),
        [Flaw::PartyOrder { member: later }]
    );
    assert!(
        flaws(|contract| contract.parties.clear())
            .contains(&Flaw::Length { field: "parties".into(), found: 0 })
    );
    let idle = |contract: &mut Contract| {
        contract.parties[0].member = stranger();
        contract.parties[0].roles.clear();
    };
    assert!(flaws(idle).contains(&Flaw::PartyWithoutRole { member: stranger() }));
}

#[test]
fn roles_that_are_used_but_not_given() {
    let missing = |field: &str, role| Flaw::RoleMissing { field: field.into(), member: stranger(), role };
    assert!(
        flaws(|contract| inputs(contract)[0].provider = stranger())
            .contains(&missing("computation.tables", Role::DataProvider))
    );
    assert!(
        flaws(|contract| contract.protection.compute_parties[0] = stranger())
            .contains(&missing("protection.compute_parties", Role::ComputeParty))
    );
    assert_eq!(
        flaws(|contract| {
            contract.output.receivers.insert(stranger());
        }),
        [missing("output.receivers", Role::Receiver)]
    );
    assert_eq!(
        flaws(|contract| contract.settlement.payer = stranger()),
        [missing("settlement.payer", Role::DataUser)]
    );
    assert!(
        flaws(|contract| {
            roles_of(contract, north()).remove(&Role::DataUser);
        })
        .contains(&Flaw::NoDataUser)
    );
}

#[test]
fn roles_that_are_given_but_not_used() {
    let unused = |field: &str, role| [Flaw::RoleUnused { field: field.into(), member: north(), role }];
    assert_eq!(
        flaws(|contract| {
            inputs(contract).remove(0);
        }),
        unused("computation.tables", Role::DataProvider)
    );
    assert_eq!(
        flaws(|contract| {
            contract.output.receivers.remove(&north());
        }),
        unused("output.receivers", Role::Receiver)
    );
    assert_eq!(
        flaws(|contract| {
            roles_of(contract, north()).insert(Role::Coordinator);
        }),
        [Flaw::CoordinatorComputes { member: north() }]
    );
}

#[test]
fn an_auditor_has_no_part_in_the_result() {
    for role in [Role::DataUser, Role::Receiver] {
        let takes_part = flaws(|contract| {
            let roles = roles_of(contract, north());
            roles.extend([Role::Auditor, role]);
            let other = if role == Role::DataUser { Role::Receiver } else { Role::DataUser };
            roles.remove(&other);
        });
        assert!(takes_part.contains(&Flaw::AuditorTakesPart { member: north(), role }));
    }
    let mut former = World::new().contract;
    former.format = "treaty-contract/1".into();
    former.audit = None;
    roles_of(&mut former, north()).insert(Role::Auditor);
    former.validate().unwrap();
    assert_eq!(former.auditors().count(), 0, "before there were reports, auditors checked evidence only");
}

#[test]
fn data() {
    for reference in
        ["salaries@1", "north/salaries", "north/salaries@0", "north/salaries@01", "a/b/c@1", "/b@1", "a/b@+1"]
    {
        assert_eq!(
            flaws(|contract| inputs(contract)[0].dataset = reference.into()),
            [Flaw::Reference { found: reference.into() }]
        );
    }
    assert_eq!(
        flaws(|contract| {
            let first = inputs(contract)[0].clone();
            inputs(contract).push(first);
        }),
        [Flaw::InputTwice { table: "salaries".into(), dataset: "north/salaries@1".into() }]
    );
    assert_eq!(
        flaws(|contract| {
            let first = inputs(contract)[0].clone();
            inputs(contract).push(Input { dataset: "north/salaries@2".into(), ..first });
        }),
        [Flaw::InputTwice { table: "salaries".into(), dataset: "north/salaries@2".into() }]
    );
    assert!(
        flaws(|contract| contract.computation.tables.clear())
            .contains(&Flaw::Length { field: "computation.tables".into(), found: 0 })
    );
    assert_eq!(
        flaws(|contract| {
            contract.computation.tables.insert("empty".into(), vec![]);
        }),
        [Flaw::Length { field: "computation.tables.empty".into(), found: 0 }]
    );
}

#[test]
fn protection() {
    assert_eq!(
        flaws(|contract| contract.protection.scheme = "rep4".into()),
        [Flaw::Scheme { found: "rep4".into() }]
    );
    assert_eq!(
        flaws(|contract| contract.protection.threshold = 2),
        [Flaw::Threshold { scheme: "rep3".into(), expected: "1".into(), found: 2 }]
    );
    assert!(
        flaws(|contract| {
            contract.protection.compute_parties.pop();
        })
        .contains(&Flaw::ComputeParties { scheme: "rep3".into(), expected: "3".into(), found: 2 })
    );
    assert!(
        flaws(|contract| contract.protection.compute_parties[1] = north())
            .contains(&Flaw::ComputePartyTwice { member: north() })
    );
}

#[test]
fn result_and_limits() {
    assert_eq!(flaws(|contract| contract.output.floor_rows = 0), [Flaw::NoFloor]);
    assert_eq!(flaws(|contract| contract.limits.runs = 0), [Flaw::NoRuns]);
    assert_eq!(
        flaws(|contract| contract.limits.expires = contract.limits.not_before),
        [Flaw::Window { not_before: crate::world::NOT_BEFORE, expires: crate::world::NOT_BEFORE }]
    );
    for seconds in [0, 86_401] {
        assert_eq!(
            flaws(|contract| contract.limits.run_seconds_max = seconds),
            [Flaw::RunSeconds { found: seconds }]
        );
    }
    assert!(
        flaws(|contract| contract.output.receivers.clear())
            .contains(&Flaw::Length { field: "output.receivers".into(), found: 0 })
    );
}

#[test]
fn settlement() {
    assert_eq!(flaws(|contract| contract.settlement.providers = 5_999), [Flaw::Parts { found: 9_999 }]);
    assert_eq!(flaws(|contract| contract.settlement.providers = u16::MAX), [Flaw::Parts { found: 69_535 }]);
    assert_eq!(
        flaws(|contract| {
            roles_of(contract, keys()[2].did()).remove(&Role::AlgorithmProvider);
        }),
        [Flaw::NobodyToPay { parts: 1000 }]
    );
}

#[test]
fn a_contract_of_a_megabyte_is_refused() {
    let many = |contract: &mut Contract| {
        for table in 0..60 {
            let input = |at| Input {
                dataset: format!("north/{}{at}@1", "x".repeat(50)),
                ..inputs(contract)[0].clone()
            };
            let inputs = (0..60).map(input).collect();
            contract.computation.tables.insert(format!("t{table}"), inputs);
        }
    };
    assert!(matches!(flaws(many)[..], [Flaw::TooLarge { found }] if found > 1 << 18));
}

#[test]
fn all_flaws_are_reported_and_read_well() {
    let all = flaws(|contract| {
        contract.title = String::new();
        contract.protection.threshold = 2;
        contract.limits.runs = 0;
    });
    let texts: Vec<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "`title` is empty",
            "clause 5 (protection): `rep3` has threshold 1, not 2",
            "clause 7 (limits): the contract grants 0 runs, expected at least 1",
        ]
    );
}

#[test]
fn noise_costs_what_its_kind_costs() {
    use treaty_contract::disclosure::Privacy;
    let of = |privacy| flaws(|contract| contract.output.disclosure.privacy = Some(privacy));
    for largest in [Privacy::laplace(20_000_000), Privacy::gaussian(5_000_000)] {
        let mut contract = World::new().contract;
        contract.output.disclosure.privacy = Some(largest);
        contract.validate().unwrap();
    }
    assert_eq!(of(Privacy::laplace(20_000_001)), [Flaw::Epsilon { found: 20_000_001 }]);
    assert_eq!(of(Privacy::gaussian(5_000_001)), [Flaw::Rho { found: 5_000_001 }]);
    assert_eq!(of(Privacy::gaussian(0)), [Flaw::Rho { found: 0 }]);
    for privacy in [Privacy::laplace(1), Privacy::gaussian(1)] {
        assert_eq!(of(Privacy { epsilon_micro: 1, rho_micro: 1, ..privacy }), [Flaw::NoiseUnit]);
    }
}
