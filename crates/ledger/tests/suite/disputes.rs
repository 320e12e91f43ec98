//! Receipts that contradict each other, or the ledger.

use std::collections::BTreeSet;

use contract::lifecycle;
use ledger::{Action, Disagreement, Happening, Phase, Receipt, Refused, receipt::Difference};

use crate::world::{FEE, POINTS, World, hash};

/// What the run ends with when south's receipt is changed.
fn dispute(change: impl FnOnce(&World, &mut Receipt)) -> Disagreement {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let run = hash("run");
    world.act(&mut state, 0, world.request(id, run)).unwrap();
    world.start(&mut state, run);
    for member in 0..2 {
        world.act(&mut state, member, world.file(id, run, member)).unwrap();
    }
    let mut receipt = world.receipt(id, run, 2);
    change(&world, &mut receipt);
    let events = world.act(&mut state, 2, Action::File(Box::new(receipt))).unwrap();

    assert_eq!(state.run(&run).unwrap().phase, Phase::Disputed);
    assert_eq!(state.contract(&id).unwrap().state, lifecycle::State::Disputed);
    assert_eq!(events[2].what, Happening::ContractDisputed { contract: id, run });
    assert_eq!((state.escrow(&run), state.points_total()), (FEE, 3 * POINTS));
    let next = world.sign(&state, &world.members[0], world.request(id, hash("next")));
    assert!(matches!(state.apply(state.time(), &next), Err(Refused::NotActive { .. })));
    match events[1].what.clone() {
        Happening::RunDisputed { disagreement, .. } => disagreement,
        other => panic!("{other:?}"),
    }
}

#[test]
fn contradictions_are_disputed_and_named() {
    let world = World::new();
    let members =
        |members: &[usize]| -> BTreeSet<_> { members.iter().map(|member| world.did(*member)).collect() };
    let expect = |found: Disagreement, who: &[usize], what: Difference| {
        assert_eq!(found, Disagreement { who: members(who), what });
    };
    expect(dispute(|_, receipt| receipt.program = hash("other")), &[2], Difference::Program);
    let input = dispute(|world, receipt| receipt.inputs.extend([(world.did(1), hash("other"))]));
    expect(input, &[2], Difference::Input { provider: world.did(1) });
    let sent = dispute(|world, receipt| receipt.sent.extend([(world.did(0), hash("other"))]));
    let what = Difference::Transcript { sender: world.did(2), receiver: world.did(0) };
    expect(sent, &[0, 2], what);
    let received = dispute(|world, receipt| receipt.received.extend([(world.did(1), hash("other"))]));
    let what = Difference::Transcript { sender: world.did(1), receiver: world.did(2) };
    expect(received, &[1, 2], what);
    let output = dispute(|_, receipt| receipt.output[1].hash = hash("other"));
    expect(output, &[1, 2], Difference::Output { component: 2 });
    // A component that nobody else holds would escape the comparison.
    let hidden = dispute(|_, receipt| receipt.output[1].component = 60);
    expect(hidden, &[0, 1, 2], Difference::Holders { component: 2 });
    let fewer = dispute(|_, receipt| receipt.output.truncate(1));
    expect(fewer, &[0, 1, 2], Difference::Holders { component: 2 });
}

#[test]
fn receipts_of_different_runs_do_not_agree() {
    let world = World::new();
    let contract = world.contract().id().unwrap();
    let receipts = [0, 1].map(|member| world.receipt(contract, hash(&format!("run {member}")), member));
    let disagreement = ledger::receipts_agree(&receipts).unwrap_err();
    assert_eq!(disagreement.what, Difference::Run);
    assert_eq!(ledger::receipts_agree(&[]), Ok(()));
}
