//! Each refusal alone, by its exact value, and its words.

use treaty_contract::{
    Flaw, Hash, SigningKey,
    audit::Opinion,
    canonical,
    disclosure::{Privacy, PrivacyTerms},
    document::Role,
    lifecycle::State,
    policy::{Compared, Refusal},
    terms::Use,
};

use crate::world::{EXPIRES, NOT_BEFORE, World, keys, name, program, reference, report, run};

fn refused(change: impl FnOnce(&mut World)) -> Vec<Refusal> {
    let mut world = World::new();
    change(&mut world);
    world.refusals()
}

/// Changes the contract, and all parties sign the changed one.
fn refused_when_signed(change: impl FnOnce(&mut World)) -> Vec<Refusal> {
    refused(|world| {
        change(world);
        world.sign();
    })
}

#[test]
fn what_is_allowed_is_permitted() {
    let world = World::new();
    let permit = world.decide().unwrap();
    assert_eq!(permit.contract(), world.contract.id().unwrap());
    assert_eq!(permit.run(), run());
    assert_eq!(world.check(), []);
}

#[test]
fn the_last_use_is_permitted_in_the_state_that_it_causes() {
    let mut world = World::new();
    (world.state, world.runs_taken) = (State::Exhausted, 3);
    assert!(world.decide().is_ok());
}

#[test]
fn malformed() {
    let refusals = refused_when_signed(|world| world.contract.output.floor_rows = 0);
    assert_eq!(refusals.first(), Some(&Refusal::Malformed { flaw: Flaw::NoFloor }));
    let refusals = refused(|world| world.contract.settlement.fee = 1 << 53);
    assert!(matches!(refusals[..], [Refusal::Malformed { flaw: Flaw::NotCanonical { .. } }]));
}

#[test]
fn states() {
    for state in [State::Proposed, State::Superseded, State::Disputed, State::Expired] {
        assert_eq!(refused(|world| world.state = state), [Refusal::NotActive { state }]);
    }
    assert_eq!(refused(|world| world.state = State::Revoked), [Refusal::Revoked]);
}

#[test]
fn signatures() {
    let [north, lake, _] = keys().map(|key| key.did());
    assert_eq!(
        refused(|world| {
            world.signatures.remove(&lake);
        }),
        [Refusal::SignatureMissing { party: lake }]
    );
    assert_eq!(
        refused(|world| {
            let forged = world.contract.sign(&SigningKey::from_seed(&[9; 32])).unwrap();
            world.signatures.insert(north, forged);
        }),
        [Refusal::SignatureForged { party: north }]
    );
    let changed_after_signing = refused(|world| world.contract.limits.runs = 2);
    let parties = World::new().contract.parties;
    let all: Vec<_> = parties.iter().map(|party| Refusal::SignatureForged { party: party.member }).collect();
    assert_eq!(changed_after_signing, all);
}

#[test]
fn window() {
    assert!(World { now: NOT_BEFORE, ..World::new() }.decide().is_ok());
    assert!(World { now: EXPIRES - 1, ..World::new() }.decide().is_ok());
    let now = NOT_BEFORE - 1;
    assert_eq!(refused(|world| world.now = now), [Refusal::NotYetValid { not_before: NOT_BEFORE, now }]);
    for state in [State::Active, State::Expired] {
        let refusals = refused(|world| {
            (world.now, world.state) = (EXPIRES, state);
            (0..3).for_each(|member| world.terms(member).expires = None);
        });
        assert_eq!(refusals, [Refusal::Expired { expires: EXPIRES, now: EXPIRES }]);
    }
}

#[test]
fn uses() {
    assert_eq!(refused(|world| world.runs_taken = 4), [Refusal::UsesExhausted { granted: 3, taken: 4 }]);
    assert_eq!(refused(|world| world.runs_taken = 0), [Refusal::UseNotTaken]);
}

#[test]
fn request() {
    let [north, lake, _] = keys().map(|key| key.did());
    assert_eq!(
        refused(|world| world.requester = lake),
        [Refusal::RequesterNotDataUser { requester: lake, expected: [north].into() }]
    );
    assert_eq!(
        refused(|world| world.purpose = "marketing".into()),
        [Refusal::PurposeDiffers { expected: "salary benchmark".into(), found: "marketing".into() }]
    );
}

#[test]
fn program_and_tables() {
    let other = Hash::of("program", b"other");
    assert_eq!(
        refused(|world| world.usage.program = other),
        [Refusal::ProgramDiffers { expected: program(), found: other }]
    );
    assert_eq!(
        refused(|world| {
            world.usage.columns.insert("patients".into(), [].into());
        }),
        [Refusal::UnknownTable { table: "patients".into() }]
    );
}

#[test]
fn datasets() {
    let dataset = reference(1);
    assert_eq!(
        refused(|world| {
            world.datasets.remove(&reference(1));
        }),
        [Refusal::UnknownDataset { dataset: dataset.clone() }]
    );
    let other = Hash::of("root", b"other");
    let signed = World::new().datasets[&dataset].root;
    assert_eq!(
        refused(|world| world.datasets.get_mut(&reference(1)).unwrap().root = other),
        [Refusal::RootDiffers { dataset: dataset.clone(), expected: other, found: signed }]
    );
    let [_, lake, south] = keys().map(|key| key.did());
    assert_eq!(
        refused(|world| world.datasets.get_mut(&reference(1)).unwrap().owner = south),
        [Refusal::OwnerDiffers { dataset, expected: south, found: lake }]
    );
}

#[test]
fn terms() {
    let dataset = || reference(2);
    let now = World::new().now;
    assert_eq!(
        refused(|world| world.terms(2).expires = Some(now)),
        [Refusal::TermsExpired { dataset: dataset(), expired: now, now }]
    );
    assert_eq!(
        refused(|world| world.terms(2).purposes = ["research".to_owned()].into()),
        [Refusal::PurposeNotAllowed {
            dataset: dataset(),
            allowed: ["research".to_owned()].into(),
            found: "salary benchmark".into()
        }]
    );
    assert_eq!(
        refused(|world| world.terms(2).schemes = ["shamir".to_owned()].into()),
        [Refusal::SchemeNotAllowed {
            dataset: dataset(),
            allowed: ["shamir".to_owned()].into(),
            found: "rep3".into()
        }]
    );
    assert_eq!(
        refused(|world| world.terms(2).floor_rows = 11),
        [Refusal::FloorTooLow { dataset: dataset(), expected: 11, found: 10 }]
    );
    let lake = keys()[1].did();
    assert_eq!(
        refused(|world| {
            world.terms(2).receivers.remove(&lake);
        }),
        [Refusal::ReceiverNotAllowed { dataset: dataset(), receiver: lake }]
    );
    assert_eq!(
        refused(|world| world.terms(2).runs_max = 2),
        [Refusal::TooManyRuns { dataset: dataset(), allowed: 2, found: 3 }]
    );
}

#[test]
fn constants_that_conditions_may_have() {
    let refusal = |column: &str, found: &str, allowed: &[&str]| Refusal::ComparisonNotAllowed {
        dataset: reference(2),
        column: column.into(),
        found: found.into(),
        allowed: allowed.iter().map(|constant| (*constant).to_owned()).collect(),
    };
    let list = |world: &mut World, column: &str, constants: &[&str]| {
        let constants = constants.iter().map(|constant| (*constant).to_owned()).collect();
        world.terms(2).comparisons.insert(column.to_owned(), constants);
    };
    let mut world = World::new();
    list(&mut world, "rank", &["senior", "junior"]);
    list(&mut world, "salary", &[]);
    assert!(world.decide().is_ok(), "salaries are not compared");

    assert_eq!(refused(|world| list(world, "rank", &["junior"])), [refusal("rank", "`senior`", &["junior"])]);
    let compared = |constants: &[&str], otherwise| Compared {
        constants: constants.iter().map(|constant| (*constant).to_owned()).collect(),
        otherwise,
    };
    let by_salary = |with: Compared| {
        let mut world = World::new();
        list(&mut world, "salary", &["50000.00"]);
        world.usage.comparisons.insert("salaries".to_owned(), [("salary".to_owned(), with)].into());
        world.decide().err().unwrap_or_default()
    };
    assert_eq!(by_salary(compared(&["50000"], false)), []);
    assert_eq!(by_salary(compared(&["50001"], false)), [refusal("salary", "`50001`", &["50000.00"])]);
    assert_eq!(
        by_salary(compared(&["50000"], true)),
        [refusal("salary", "more than a constant", &["50000.00"])]
    );
}

#[test]
fn where_compute_parties_may_be() {
    let lake = keys()[1].did();
    let abroad = |found: Option<&str>| {
        refused(|world| {
            world.terms(2).jurisdictions = ["CH".to_owned()].into();
            match found {
                Some(found) => world.jurisdictions.insert(lake, found.to_owned()),
                None => world.jurisdictions.remove(&lake),
            };
        })
    };
    let refusal = |found: Option<&str>| Refusal::ComputedElsewhere {
        dataset: reference(2),
        party: lake,
        allowed: ["CH".to_owned()].into(),
        found: found.map(str::to_owned),
    };
    assert_eq!(abroad(Some("DE")), [refusal(Some("DE"))]);
    assert_eq!(abroad(None), [refusal(None)]);
    let mut world = World::new();
    world.terms(2).jurisdictions = ["CH".to_owned(), "LI".to_owned()].into();
    assert!(world.decide().is_ok());
}

#[test]
fn no_receivers_in_the_terms_means_any_member() {
    let mut world = World::new();
    world.terms(2).receivers.clear();
    assert!(world.decide().is_ok());
}

#[test]
fn columns() {
    assert_eq!(
        refused(|world| {
            world.terms(0).columns.get_mut("rank").unwrap().remove(&Use::Filter);
        }),
        [Refusal::ColumnNotAllowed {
            dataset: reference(0),
            column: "rank".into(),
            wanted: Use::Filter,
            allowed: [Use::Group].into()
        }]
    );
    assert_eq!(
        refused(|world| {
            world.terms(0).columns.remove("salary");
        }),
        [Refusal::ColumnNotAllowed {
            dataset: reference(0),
            column: "salary".into(),
            wanted: Use::Aggregate,
            allowed: [].into()
        }]
    );
}

#[test]
fn a_dataset_in_two_tables_is_judged_for_both_and_blamed_once() {
    let refusals = refused_when_signed(|world| {
        let inputs = world.contract.computation.tables["salaries"].clone();
        world.contract.computation.tables.insert("again".into(), inputs);
        let extreme = [("salary".to_owned(), [Use::Extreme].into())];
        world.usage.columns.insert("again".into(), extreme.into());
        world.terms(0).runs_max = 1;
        world.terms(1).columns.get_mut("salary").unwrap().insert(Use::Extreme);
        world.terms(2).columns.get_mut("salary").unwrap().insert(Use::Extreme);
    });
    assert_eq!(
        refusals,
        [
            Refusal::TooManyRuns { dataset: reference(0), allowed: 1, found: 3 },
            Refusal::ColumnNotAllowed {
                dataset: reference(0),
                column: "salary".into(),
                wanted: Use::Extreme,
                allowed: [Use::Aggregate].into()
            },
        ]
    );
}

#[test]
fn all_reasons_are_given_in_a_fixed_order() {
    let world = || {
        let mut world = World::new();
        world.terms(0).purposes.clear();
        world.terms(1).floor_rows = 20;
        world.requester = keys()[2].did();
        world.now = EXPIRES;
        world.state = State::Revoked;
        world.signatures.clear();
        world
    };
    let rules: Vec<_> = world().refusals().iter().map(Refusal::rule).collect();
    assert_eq!(
        rules,
        [
            "revoked",
            "signature-missing",
            "signature-missing",
            "signature-missing",
            "expired",
            "requester-not-data-user",
            "terms-expired",
            "purpose-not-allowed",
            "terms-expired",
            "floor-too-low",
            "terms-expired",
        ]
    );
    assert_eq!(world().refusals(), world().refusals());
}

#[test]
fn a_check_before_signing_asks_for_nothing_that_is_not_there_yet() {
    let mut world = World::new();
    world.signatures.clear();
    (world.state, world.runs_taken, world.now) = (State::Proposed, 0, NOT_BEFORE - 1000);
    assert_eq!(world.check(), []);
    world.terms(0).floor_rows = 20;
    world.usage.program = Hash::of("program", b"other");
    let rules: Vec<_> = world.check().iter().map(Refusal::rule).collect();
    assert_eq!(rules, ["program-differs", "floor-too-low"]);
    world.now = EXPIRES;
    assert!(world.check().contains(&Refusal::Expired { expires: EXPIRES, now: EXPIRES }));
}

/// One of each, also those that only nodes find.
fn one_of_each() -> Vec<Refusal> {
    let [north, lake, south] = keys().map(|key| key.did());
    let dataset = || reference(1);
    let (one, other) = (Hash::of("example", b"1"), Hash::of("example", b"2"));
    let (now, then) = (NOT_BEFORE, EXPIRES);
    vec![
        Refusal::Malformed {
            flaw: Flaw::RoleMissing {
                field: "settlement.payer".into(),
                member: lake,
                role: treaty_contract::document::Role::DataUser,
            },
        },
        Refusal::NotActive { state: State::Proposed },
        Refusal::NotActive { state: State::Superseded },
        Refusal::NotActive { state: State::Disputed },
        Refusal::Revoked,
        Refusal::SignatureMissing { party: lake },
        Refusal::SignatureForged { party: lake },
        Refusal::NotYetValid { not_before: then, now },
        Refusal::Expired { expires: now, now: then },
        Refusal::UsesExhausted { granted: 3, taken: 4 },
        Refusal::UseNotTaken,
        Refusal::RequesterNotDataUser { requester: lake, expected: [north, south].into() },
        Refusal::PurposeDiffers { expected: "research".into(), found: "marketing".into() },
        Refusal::ProgramDiffers { expected: one, found: other },
        Refusal::UnknownTable { table: "patients".into() },
        Refusal::UnknownDataset { dataset: dataset() },
        Refusal::OwnerDiffers { dataset: dataset(), expected: lake, found: south },
        Refusal::RootDiffers { dataset: dataset(), expected: one, found: other },
        Refusal::TermsExpired { dataset: dataset(), expired: now, now: then },
        Refusal::PurposeNotAllowed {
            dataset: dataset(),
            allowed: ["audit".to_owned(), "research".to_owned()].into(),
            found: "marketing".into(),
        },
        Refusal::ColumnNotAllowed {
            dataset: dataset(),
            column: "sex".into(),
            wanted: Use::Group,
            allowed: [Use::Filter, Use::Aggregate].into(),
        },
        Refusal::ColumnNotAllowed {
            dataset: dataset(),
            column: "sex".into(),
            wanted: Use::Extreme,
            allowed: [].into(),
        },
        Refusal::FloorTooLow { dataset: dataset(), expected: 20, found: 10 },
        Refusal::ReceiverNotAllowed { dataset: dataset(), receiver: south },
        Refusal::SchemeNotAllowed {
            dataset: dataset(),
            allowed: ["shamir".to_owned()].into(),
            found: "rep3".into(),
        },
        Refusal::TooManyRuns { dataset: dataset(), allowed: 1, found: 3 },
        Refusal::DatasetChanged { dataset: dataset(), expected: one, found: other.to_string() },
        Refusal::DatasetChanged {
            dataset: dataset(),
            expected: one,
            found: "chunk 3 with another hash".into(),
        },
        Refusal::DatasetNotHeld { dataset: dataset() },
        Refusal::Complement { dataset: dataset(), answered: Some(one) },
        Refusal::AuditDiffers { expected: one, found: other },
        Refusal::NotAudited,
        Refusal::AuditorMissing { dataset: dataset(), expected: [south].into() },
        Refusal::AuditOpen { auditor: south },
        Refusal::AuditDeclined { auditor: south, reason: "groups of ten are too small".into() },
        Refusal::NotCompilable { reason: "HAVING is not supported: filter with WHERE".into() },
    ]
}

#[test]
fn the_report_that_is_signed_is_the_one_that_is_derived() {
    let mut world = World::new();
    let other = Hash::of("audit-report", b"something else");
    world.contract.audit = Some(other);
    assert_eq!(world.check(), [Refusal::AuditDiffers { expected: other, found: report() }]);
    (world.contract.audit, world.contract.format) = (None, "treaty-contract/1".into());
    assert_eq!(world.check(), [Refusal::NotAudited]);
    world.sign();
    assert!(world.decide().is_ok(), "what was signed by all before there were reports can run on");
}

#[test]
fn auditors_approve_before_a_run() {
    let south = keys()[2].did();
    let audited = |opinion: Option<Opinion>| {
        let mut world = World::new();
        let auditor = world.contract.parties.iter_mut().find(|party| party.member == south).unwrap();
        auditor.roles.insert(Role::Auditor);
        world.opinions.extend(opinion.map(|opinion| (south, opinion)));
        world.sign();
        world.decide().map(|_| ())
    };
    let reason = "groups of ten are too small".to_owned();
    assert_eq!(audited(Some(Opinion::Approved)), Ok(()));
    assert_eq!(audited(None), Err(vec![Refusal::AuditOpen { auditor: south }]));
    assert_eq!(
        audited(Some(Opinion::Declined { reason: reason.clone() })),
        Err(vec![Refusal::AuditDeclined { auditor: south, reason }])
    );
}

#[test]
fn terms_ask_for_an_auditor_of_the_owners_choice() {
    let [north, _, south] = keys().map(|key| key.did());
    let mut world = World::new();
    world.terms(1).disclosure.auditors = [south].into();
    let missing = Refusal::AuditorMissing { dataset: reference(1), expected: [south].into() };
    assert_eq!(world.check(), std::slice::from_ref(&missing));
    assert_eq!(world.refusals(), [missing]);
    let auditor = world.contract.parties.iter_mut().find(|party| party.member == south).unwrap();
    auditor.roles.insert(Role::Auditor);
    assert_eq!(world.check(), []);
    world.terms(1).disclosure.auditors = [north].into();
    assert!(matches!(world.check()[..], [Refusal::AuditorMissing { .. }]), "another one does not do");
}

#[test]
fn refusals_read_well() {
    let texts: Vec<_> = one_of_each().iter().map(|refusal| refusal.describe(name)).collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_refusal_from_elsewhere_is_safe_to_show() {
    let refusal = Refusal::NotCompilable { reason: "one\ntwo\u{1b}[2J\u{202e}".into() };
    let text = refusal.describe(name);
    assert_eq!(text, "clause 4 (computation): the source cannot be compiled: one\ntwo\u{fffd}[2J\u{fffd}");
}

#[test]
fn refusals_go_on_the_ledger_and_come_back() {
    for refusal in one_of_each() {
        let bytes = canonical::to_bytes(&refusal).unwrap();
        assert_eq!(canonical::from_bytes::<Refusal>(&bytes, 4096).unwrap(), refusal);
        let written: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(written["rule"], refusal.rule());
    }
}

#[test]
fn unknown_fields_and_rules_are_refused() {
    for text in [
        r#"{"rule":"revoked","more":1}"#,
        r#"{"rule":"other"}"#,
        r#"{"granted":1,"more":1,"rule":"uses-exhausted","taken":2}"#,
    ] {
        assert!(canonical::from_bytes::<Refusal>(text.as_bytes(), 4096).is_err(), "{text}");
    }
}

/// A budget of ε takes no Gaussian noise, one of ρ no Laplace noise, and neither takes more than it has.
#[test]
fn budgets_are_of_one_unit() {
    let dataset = || reference(1);
    let with = |terms: PrivacyTerms, noise: Option<Privacy>| {
        let mut world = World::new();
        world.terms(1).disclosure.privacy = Some(PrivacyTerms { rows_per_person_max: 1, ..terms });
        world.contract.output.disclosure.privacy = noise;
        world.sign();
        world.decide().err().unwrap_or_default()
    };
    let of_epsilon = PrivacyTerms { epsilon_micro_max: 500, ..PrivacyTerms::default() };
    let of_rho = PrivacyTerms { rho_micro_max: 500, ..PrivacyTerms::default() };
    for (terms, noise, expected) in [
        (of_epsilon, Some(Privacy::laplace(500)), None),
        (of_rho, Some(Privacy::gaussian(500)), None),
        (of_rho, None, Some(Refusal::NoiseMissing { dataset: dataset() })),
        (of_epsilon, Some(Privacy::gaussian(1)), Some(Refusal::BudgetOfEpsilon { dataset: dataset() })),
        (of_rho, Some(Privacy::laplace(1)), Some(Refusal::BudgetOfRho { dataset: dataset() })),
        (
            of_epsilon,
            Some(Privacy::laplace(501)),
            Some(Refusal::TooLittleNoise { dataset: dataset(), allowed_micro: 500, found_micro: 501 }),
        ),
        (
            of_rho,
            Some(Privacy::gaussian(501)),
            Some(Refusal::TooLittleGaussian { dataset: dataset(), allowed_micro: 500, found_micro: 501 }),
        ),
    ] {
        if let Some(refusal) = &expected {
            let written = serde_json::to_value(refusal).unwrap();
            assert_eq!(written["rule"], refusal.rule(), "as it stands in JSON");
        }
        assert_eq!(with(terms, noise), expected.into_iter().collect::<Vec<_>>());
    }
}
