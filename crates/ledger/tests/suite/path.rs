//! The path on which everything goes well.

use contract::{document::Role, lifecycle};
use ledger::{Action, Happening, Phase, Transfer};

use crate::world::{FEE, POINTS, ROWS, World, hash};

#[test]
fn a_contract_runs_and_settles() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    assert_eq!(state.contract(&id).unwrap().state, lifecycle::State::Active);

    let run = hash("run");
    world.act(&mut state, 0, world.request(id, run)).unwrap();
    assert_eq!(state.balance(&world.did(0)), POINTS - FEE);
    assert_eq!(state.escrow(&run), FEE);
    world.start(&mut state, run);
    assert_eq!(state.run(&run).unwrap().phase, Phase::Running);
    world.act(&mut state, 0, world.file(id, run, 0)).unwrap();
    world.act(&mut state, 1, world.file(id, run, 1)).unwrap();
    let events = world.act(&mut state, 2, world.file(id, run, 2)).unwrap();

    assert_eq!(state.run(&run).unwrap().phase, Phase::Completed);
    let Happening::Settled { transfers, .. } = &events[2].what else { panic!("{events:?}") };
    assert_eq!(transfers.iter().map(|transfer| transfer.points).sum::<u64>(), FEE);
    let paid = |member: usize, role| {
        let to = world.did(member);
        let is_it = |transfer: &&Transfer| transfer.to == to && transfer.role == role;
        transfers.iter().find(is_it).map_or(0, |transfer| transfer.points)
    };
    // 600 points by 180, 130 and 87 of 397 rows: 272.04, 196.47, 131.49.
    assert_eq!([0, 1, 2].map(|member| paid(member, Role::DataProvider)), [272, 196, 132]);
    assert_eq!(ROWS.iter().sum::<u64>(), 397);
    assert_eq!([0, 1, 2].map(|member| paid(member, Role::ComputeParty)), [100, 100, 100]);
    assert_eq!(paid(1, Role::AlgorithmProvider), 100);
    assert_eq!(state.escrow(&run), 0);
    assert_eq!(state.points_total(), 3 * POINTS);
}

#[test]
fn no_use_is_left_after_the_last_one() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    world.act(&mut state, 0, world.request(id, hash("one"))).unwrap();
    let events = world.act(&mut state, 0, world.request(id, hash("two"))).unwrap();
    assert_eq!(events[1].what, Happening::ContractExhausted { contract: id });
    assert_eq!(state.contract(&id).unwrap().state, lifecycle::State::Exhausted);
    assert_eq!(state.contract(&id).unwrap().runs_left(), 0);
}

#[test]
fn a_refused_run_gives_its_use_back_once_all_compute_parties_agree() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let run = hash("run");
    world.act(&mut state, 0, world.request(id, run)).unwrap();
    let refusals = vec![contract::policy::Refusal::Revoked];
    world.act(&mut state, 2, Action::RefuseRun { run, refusals }).unwrap();
    world.act(&mut state, 0, Action::NothingOpened { run }).unwrap();
    world.act(&mut state, 1, Action::NothingOpened { run }).unwrap();
    assert_eq!(state.contract(&id).unwrap().runs_taken, 1);
    let events = world.act(&mut state, 2, Action::NothingOpened { run }).unwrap();
    assert_eq!(events[1].what, Happening::UseReturned { run, contract: id, refunded: FEE });
    assert_eq!(state.contract(&id).unwrap().runs_taken, 0);
    assert_eq!(state.balance(&world.did(0)), POINTS);
}
