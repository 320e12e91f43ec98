//! Budgets of differential privacy that several members and several versions of a dataset have a part in.

use contract::{
    Contract, Hash,
    disclosure::{Privacy, PrivacyTerms, Unit},
    document::Role,
    policy,
};
use ledger::{Action, Refused, State};

use super::refused;
use crate::world::{World, hash};

const EPSILON: u64 = 600_000;

fn terms(epsilon_micro_max: u64, rho_micro_max: u64) -> Option<PrivacyTerms> {
    Some(PrivacyTerms { epsilon_micro_max, rho_micro_max, rows_per_person_max: 1 })
}

/// North and lake may ask; north and south get every answer.
#[test]
fn a_run_is_charged_to_every_data_user_and_receiver_whoever_asks_for_it() {
    let mut world = World::new();
    world.disclosure.privacy = terms(1_000_000, 0);
    let mut contract = world.contract();
    contract.output.disclosure.privacy = Some(Privacy::laplace(EPSILON));
    contract.output.receivers.insert(world.did(2));
    for party in &mut contract.parties {
        if party.member == world.did(1) {
            party.roles.insert(Role::DataUser);
        } else if party.member == world.did(2) {
            party.roles.insert(Role::Receiver);
        }
    }
    contract.validate().unwrap();
    let (mut state, id) = world.activated(&contract);
    let spent = |state: &State| {
        let of = |dataset| {
            let path = world.dataset(dataset, 1).path;
            [0, 1, 2].map(|member| state.epsilon_spent(&path, &world.did(member)))
        };
        [0, 1, 2].map(of)
    };
    let [none, all] = [0, EPSILON].map(|cost: u64| [[0, cost, cost], [cost, 0, cost], [cost, cost, 0]]);
    assert_eq!(spent(&state), none);
    world.act(&mut state, 1, world.request(id, hash("one"))).unwrap();
    assert_eq!(spent(&state), all, "all but the owner of each");
    let told = refused(&world, &mut state, &world.members[0], world.request(id, hash("two")));
    let (unit, [limit, spent_before, asked]) = (Unit::Epsilon, [1_000_000, EPSILON, EPSILON]);
    let (dataset, user) = (world.dataset(0, 1).path, world.did(1).min(world.did(2)));
    assert_eq!(told, Refused::PrivacyBudget { dataset, user, unit, limit, spent: spent_before, asked });

    let refuse = Action::RefuseRun { run: hash("one"), refusals: vec![policy::Refusal::Revoked] };
    world.act(&mut state, 2, refuse).unwrap();
    for member in 0..3 {
        world.act(&mut state, member, Action::NothingOpened { run: hash("one") }).unwrap();
    }
    assert_eq!(spent(&state), none, "a run without an answer costs nobody anything");
    world.act(&mut state, 0, world.request(id, hash("two"))).unwrap();
    assert_eq!(spent(&state), all);
}

/// South is no data user, but has had as many answers as its budget bears: nobody can have it told more.
#[test]
fn a_receiver_without_a_budget_stops_a_run_that_another_asks_for() {
    let mut world = World::new();
    world.disclosure.privacy = terms(1_000_000, 0);
    let with_receivers = |members: &[usize], nonce: &str| {
        let mut contract = world.contract();
        contract.output.disclosure.privacy = Some(Privacy::laplace(EPSILON));
        contract.output.receivers = members.iter().map(|member| world.did(*member)).collect();
        contract.nonce = nonce.repeat(32);
        for party in &mut contract.parties {
            party.roles.remove(&Role::Receiver);
            party.roles.remove(&Role::DataUser);
            if contract.output.receivers.contains(&party.member) {
                party.roles.insert(Role::Receiver);
            }
            // North asks in the first contract, lake in the second.
            if party.member == world.did(usize::from(nonce == "b")) {
                party.roles.insert(Role::DataUser);
            }
        }
        contract.settlement.payer = world.did(usize::from(nonce == "b"));
        contract.validate().unwrap();
        contract
    };
    let (mut state, first) = world.activated(&with_receivers(&[2], "a"));
    world.act(&mut state, 0, world.request(first, hash("one"))).unwrap();
    let second = agreed(&world, &mut state, &with_receivers(&[2], "b"));
    let told = refused(&world, &mut state, &world.members[1], world.request(second, hash("two")));
    assert!(
        matches!(&told, Refused::PrivacyBudget { user, spent: EPSILON, .. } if *user == world.did(2)),
        "{told:?}"
    );
    let third = agreed(&world, &mut state, &with_receivers(&[1], "b"));
    world.act(&mut state, 1, world.request(third, hash("three"))).unwrap();
}

/// What ρ and then ε tell is as much as what ε and then ρ tell.
#[test]
fn an_earlier_version_is_held_to_the_budget_of_the_latest() {
    let mut world = World::new();
    world.disclosure.privacy = terms(2_000_000, 0);
    let mut earlier = world.contract();
    earlier.output.disclosure.privacy = Some(Privacy::laplace(EPSILON));
    let (mut state, first) = world.activated(&earlier);

    world.disclosure.privacy = terms(0, 200_000);
    let second = with_next_version(&world, &mut state, &earlier, Privacy::gaussian(100_000));
    world.act(&mut state, 0, world.request(second, hash("rho"))).unwrap();
    let told = refused(&world, &mut state, &world.members[0], world.request(first, hash("epsilon")));
    // 0.6 of ε count as 0.18 of ρ.
    let (unit, [limit, spent, asked]) = (Unit::Rho, [200_000, 100_000, 180_000]);
    let (dataset, user) = (world.dataset(1, 1).path, world.did(0));
    assert_eq!(told, Refused::PrivacyBudget { dataset, user, unit, limit, spent, asked });

    for member in 1..3 {
        let dataset = world.dataset(member, 2).reference();
        world.act(&mut state, member, Action::WithdrawDataset { dataset }).unwrap();
    }
    world.act(&mut state, 0, world.request(first, hash("epsilon"))).unwrap();
}

/// ρ has no bound in ε.
#[test]
fn noise_that_costs_rho_is_refused_where_the_latest_budget_is_of_epsilon() {
    let mut world = World::new();
    world.disclosure.privacy = terms(0, 200_000);
    let mut earlier = world.contract();
    earlier.output.disclosure.privacy = Some(Privacy::gaussian(50_000));
    let (mut state, first) = world.activated(&earlier);
    world.act(&mut state, 0, world.request(first, hash("before"))).unwrap();

    world.disclosure.privacy = terms(1_000_000, 0);
    let second = with_next_version(&world, &mut state, &earlier, Privacy::laplace(EPSILON));
    let told = refused(&world, &mut state, &world.members[0], world.request(first, hash("after")));
    let dataset = world.dataset(1, 2).reference();
    assert_eq!(told, Refused::PrivacyUnit { dataset, expected: Unit::Epsilon, found: Unit::Rho });
    world.act(&mut state, 0, world.request(second, hash("after"))).unwrap();
}

/// All publish a second version by the world's terms, and agree on the same contract over it with this noise.
fn with_next_version(world: &World, state: &mut State, earlier: &Contract, noise: Privacy) -> Hash {
    let mut later = earlier.clone();
    later.output.disclosure.privacy = Some(noise);
    for (member, input) in later.computation.tables.values_mut().flatten().enumerate() {
        let next = world.dataset(member, 2);
        (input.dataset, input.root) = (next.reference(), next.root);
        world.act(state, member, Action::PublishDataset(Box::new(next))).unwrap();
    }
    agreed(world, state, &later)
}

fn agreed(world: &World, state: &mut State, contract: &Contract) -> Hash {
    world.act(state, 0, Action::ProposeContract(Box::new(contract.clone()))).unwrap();
    for key in world.signers() {
        world.act(state, 1, world.consent(contract, &key)).unwrap();
    }
    contract.id().unwrap()
}
