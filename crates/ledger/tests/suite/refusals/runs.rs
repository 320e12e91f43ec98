//! The rules of runs up to their start.

use contract::disclosure::{Privacy, PrivacyTerms, Unit};
use contract::{document::Role, lifecycle, policy};
use ledger::{Action, InputCommitment, Phase, Refused};

use super::{Scene, refused, refused_at};
use crate::world::{FOUNDED, POINTS, ROWS, World, hash};

#[test]
fn a_run_is_requested_by_a_data_user_for_the_purpose_within_the_window() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let [north, lake, _] = &world.members.clone()[..] else { panic!() };
    assert_eq!(
        refused(&world, &mut state, lake, world.request(id, hash("run"))),
        Refused::NotInRole { who: lake.did(), role: Role::DataUser, contract: id }
    );
    assert_eq!(
        refused(&world, &mut state, north, world.request(hash("other"), hash("run"))),
        Refused::UnknownContract { contract: hash("other") }
    );
    let purpose = "marketing".to_owned();
    let marketing = Action::RequestRun { contract: id, run: hash("run"), purpose: purpose.clone() };
    let expected = contract.purpose;
    assert_eq!(
        refused(&world, &mut state, north, marketing),
        Refused::Purpose { contract: id, expected, found: purpose }
    );

    let mut later = world.contract();
    later.limits.not_before = FOUNDED + 1000;
    let (mut state, id) = world.activated(&later);
    let request = world.sign(&state, north, world.request(id, hash("run")));
    let (not_before, now) = (FOUNDED + 1000, FOUNDED + 999);
    assert_eq!(refused_at(&mut state, now, &request), Refused::NotYetValid { contract: id, not_before, now });
    state.apply(not_before, &request).unwrap();
}

#[test]
fn uses_and_points_run_out() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let north = world.members[0].clone();
    world.act(&mut state, 0, world.request(id, hash("one"))).unwrap();
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("one"))),
        Refused::RunExists { run: hash("one") }
    );
    world.act(&mut state, 0, world.request(id, hash("two"))).unwrap();
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("three"))),
        Refused::NotActive { contract: id, state: lifecycle::State::Exhausted }
    );

    let mut dear = world.contract();
    dear.settlement.fee = POINTS + 1;
    let (mut state, id) = world.activated(&dear);
    let (payer, balance, fee) = (north.did(), POINTS, POINTS + 1);
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("one"))),
        Refused::InsufficientPoints { payer, balance, fee }
    );
}

#[test]
fn privacy_is_spent_with_the_request_and_comes_back_with_the_use() {
    let mut world = World::new();
    let budget =
        PrivacyTerms { epsilon_micro_max: 1_000_000, rows_per_person_max: 1, ..PrivacyTerms::default() };
    world.disclosure.privacy = Some(budget);
    let mut contract = world.contract();
    let epsilon_micro = 600_000;
    contract.output.disclosure.privacy = Some(Privacy::laplace(epsilon_micro));
    let (mut state, id) = world.activated(&contract);
    let north = world.members[0].clone();
    let path = world.dataset(1, 1).path;
    let own = world.dataset(0, 1).path;
    world.act(&mut state, 0, world.request(id, hash("one"))).unwrap();
    assert_eq!(state.epsilon_spent(&path, &north.did()), epsilon_micro);
    assert_eq!(state.epsilon_spent(&own, &north.did()), 0, "nobody is a stranger to its own data");
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("two"))),
        Refused::PrivacyBudget {
            dataset: path.clone(),
            user: north.did(),
            unit: Unit::Epsilon,
            limit: 1_000_000,
            spent: epsilon_micro,
            asked: epsilon_micro,
        }
    );
    let refuse = Action::RefuseRun { run: hash("one"), refusals: vec![policy::Refusal::Revoked] };
    world.act(&mut state, 1, refuse).unwrap();
    for member in 0..3 {
        world.act(&mut state, member, Action::NothingOpened { run: hash("one") }).unwrap();
    }
    assert_eq!(state.epsilon_spent(&path, &north.did()), 0);
    world.act(&mut state, 0, world.request(id, hash("two"))).unwrap();
    assert_eq!(state.epsilon_spent(&path, &north.did()), epsilon_micro);
}

/// A budget of ρ is spent as one of ε is, in its own unit, and bears no noise that costs the other.
#[test]
fn a_budget_of_rho_is_spent_by_gaussian_noise_alone() {
    let mut world = World::new();
    world.disclosure.privacy =
        Some(PrivacyTerms { rho_micro_max: 500_000, rows_per_person_max: 1, ..PrivacyTerms::default() });
    let mut contract = world.contract();
    contract.output.disclosure.privacy = Some(Privacy::gaussian(200_000));
    contract.limits.runs = 4;
    let (mut state, id) = world.activated(&contract);
    let north = world.members[0].clone();
    let path = world.dataset(1, 1).path;
    for run in ["one", "two"] {
        world.act(&mut state, 0, world.request(id, hash(run))).unwrap();
    }
    assert_eq!(
        (state.rho_spent(&path, &north.did()), state.epsilon_spent(&path, &north.did())),
        (400_000, 0)
    );
    let (unit, [limit, spent, asked]) = (Unit::Rho, [500_000, 400_000, 200_000]);
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("three"))),
        Refused::PrivacyBudget { dataset: path.clone(), user: north.did(), unit, limit, spent, asked }
    );
    let refuse = Action::RefuseRun { run: hash("one"), refusals: vec![policy::Refusal::Revoked] };
    world.act(&mut state, 1, refuse).unwrap();
    for member in 0..3 {
        world.act(&mut state, member, Action::NothingOpened { run: hash("one") }).unwrap();
    }
    assert_eq!(state.rho_spent(&path, &north.did()), 200_000);
    world.act(&mut state, 0, world.request(id, hash("three"))).unwrap();
    assert_eq!(state.rho_spent(&path, &north.did()), 400_000);

    for (terms, noise) in [
        (PrivacyTerms { rho_micro_max: 500_000, ..PrivacyTerms::default() }, Privacy::laplace(1)),
        (PrivacyTerms { epsilon_micro_max: 500_000, ..PrivacyTerms::default() }, Privacy::gaussian(1)),
    ] {
        let mut world = World::new();
        world.disclosure.privacy = Some(PrivacyTerms { rows_per_person_max: 1, ..terms });
        let mut contract = world.contract();
        contract.output.disclosure.privacy = Some(noise);
        let (mut state, id) = world.activated(&contract);
        let told = refused(&world, &mut state, &world.members[0].clone(), world.request(id, hash("one")));
        assert!(matches!(told, Refused::PrivacyUnit { .. }), "{told:?}");
    }
}

/// What was answered under a budget of ε counts as ε²/2 when a later version has a budget of ρ: 0.6 as 0.18.
#[test]
fn what_was_spent_of_epsilon_counts_against_a_later_budget_of_rho() {
    let mut world = World::new();
    let terms = PrivacyTerms { rows_per_person_max: 1, ..PrivacyTerms::default() };
    world.disclosure.privacy = Some(PrivacyTerms { epsilon_micro_max: 1_000_000, ..terms });
    let mut contract = world.contract();
    contract.output.disclosure.privacy = Some(Privacy::laplace(600_000));
    let (mut state, id) = world.activated(&contract);
    world.act(&mut state, 0, world.request(id, hash("pure"))).unwrap();

    world.disclosure.privacy = Some(PrivacyTerms { rho_micro_max: 300_000, ..terms });
    let mut later = contract;
    later.output.disclosure.privacy = Some(Privacy::gaussian(100_000));
    for (member, input) in later.computation.tables.values_mut().flatten().enumerate() {
        let next = world.dataset(member, 2);
        (input.dataset, input.root) = (next.reference(), next.root);
        world.act(&mut state, member, Action::PublishDataset(Box::new(next))).unwrap();
    }
    world.act(&mut state, 0, Action::ProposeContract(Box::new(later.clone()))).unwrap();
    for key in world.signers() {
        world.act(&mut state, 1, world.consent(&later, &key)).unwrap();
    }
    let id = later.id().unwrap();
    world.act(&mut state, 0, world.request(id, hash("one"))).unwrap();
    let north = world.members[0].clone();
    let (unit, [limit, spent, asked]) = (Unit::Rho, [300_000, 280_000, 100_000]);
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("two"))),
        Refused::PrivacyBudget {
            dataset: "lake/staff".to_owned(),
            user: north.did(),
            unit,
            limit,
            spent,
            asked
        }
    );
}

#[test]
fn only_participants_permit_or_refuse_and_only_once() {
    let mut scene = Scene::new();
    let run = scene.run;
    let refuse =
        |reasons: usize| Action::RefuseRun { run, refusals: vec![policy::Refusal::Revoked; reasons] };
    let unknown = Action::PermitRun { run: hash("other") };
    assert_eq!(scene.refused(0, unknown), Refused::UnknownRun { run: hash("other") });
    let who = scene.world.regulator.did();
    let by_regulator = scene.refused_to_regulator(Action::PermitRun { run });
    assert_eq!(by_regulator, Refused::NotAParticipant { who, run });
    assert_eq!(scene.refused(0, refuse(0)), Refused::RefusalCount { found: 0 });
    assert_eq!(scene.refused(0, refuse(257)), Refused::RefusalCount { found: 257 });
    scene.act(0, Action::PermitRun { run });
    let who = scene.did(0);
    assert_eq!(
        scene.refused(0, Action::PermitRun { run }),
        Refused::AlreadyDone { who, run, step: "permit" }
    );
    let twice = Refused::AlreadyDone { who, run, step: "permit or refuse" };
    assert_eq!(scene.refused(0, refuse(1)), twice);
    scene.act(1, refuse(1));
    let refused = Phase::Refused;
    assert_eq!(
        scene.refused(2, Action::PermitRun { run }),
        Refused::RunPhase { run, phase: refused, step: "permit it" }
    );
    scene.act(2, refuse(256));
    assert_eq!(scene.state.run(&run).unwrap().refusals.len(), 2);
    assert!(matches!(scene.refused(2, refuse(1)), Refused::AlreadyDone { .. }));
}

/// Otherwise a participant that waits with its permit could have data shared whose owner has long ended the contract.
#[test]
fn a_permit_that_comes_after_the_contracts_end_is_refused() {
    let mut scene = Scene::new();
    let (run, contract) = (scene.run, scene.contract);
    scene.act(0, Action::PermitRun { run });
    scene.act(1, Action::RevokeContract { contract, reason: "enough".to_owned() });
    assert_eq!(
        scene.refused(2, Action::PermitRun { run }),
        Refused::NotActive { contract, state: lifecycle::State::Revoked }
    );

    let mut scene = Scene::new();
    let run = scene.run;
    let dataset = scene.world.dataset(1, 1).reference();
    scene.act(1, Action::WithdrawDataset { dataset: dataset.clone() });
    assert_eq!(scene.refused(2, Action::PermitRun { run }), Refused::WithdrawnDataset { dataset });
}

#[test]
fn inputs_are_committed_once_by_providers_with_all_their_rows() {
    let mut scene = Scene::new();
    let (run, contract) = (scene.run, scene.contract);
    let commit = |commitment: InputCommitment| Action::CommitInput { run, commitment };
    let good = scene.world.commitment(0);
    assert_eq!(
        scene.refused(0, commit(good.clone())),
        Refused::RunPhase { run, phase: Phase::Requested, step: "commit an input" }
    );
    for member in 0..3 {
        scene.act(member, Action::PermitRun { run });
    }
    let none = InputCommitment { components: Vec::new(), ..scene.world.commitment(0) };
    assert_eq!(scene.refused(0, commit(none)), Refused::ComponentCount { found: 0 });
    let many = InputCommitment { components: vec![hash("x"); 65], ..scene.world.commitment(0) };
    assert_eq!(scene.refused(0, commit(many)), Refused::ComponentCount { found: 65 });
    let fewer = InputCommitment { rows: 5, ..good.clone() };
    let provider = scene.did(0);
    assert_eq!(
        scene.refused(0, commit(fewer)),
        Refused::CommittedRows { provider, expected: ROWS[0], found: 5 }
    );
    let who = scene.world.regulator.did();
    let by_regulator = scene.refused_to_regulator(commit(good.clone()));
    assert_eq!(by_regulator, Refused::NotInRole { who, role: Role::DataProvider, contract });
    scene.act(0, commit(good.clone()));
    let step = "commit an input";
    assert_eq!(scene.refused(0, commit(good)), Refused::AlreadyDone { who: provider, run, step });
}
