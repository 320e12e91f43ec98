//! Runs under a scheme that lets compute parties vanish: one receipt more than may collude completes them.

use std::collections::BTreeSet;

use contract::{Contract, Hash, lifecycle, settlement::Split};
use ledger::{
    Action, Happening, Ledger, OutputComponent, Phase, Proof, Receipt, Refused, State, receipt::Difference,
    refused::ReceiptRule, verify,
};

use crate::world::{FEE, FOUNDED, POINTS, PROGRAM, World, hash, program_hash};

/// Two of three receipts complete a run.
fn contract(world: &World) -> Contract {
    let mut contract = world.contract();
    contract.protection.scheme = "shamir_resilient".to_owned();
    contract
}

/// Each holds a component of its own number.
fn receipt(world: &World, contract: Hash, member: usize) -> Receipt {
    let component = OutputComponent { component: member as u16, hash: hash(&format!("output {member}")) };
    Receipt { output: vec![component], ..world.receipt(contract, hash("run"), member) }
}

fn file(receipt: Receipt) -> Action {
    Action::File(Box::new(receipt))
}

/// Takes a run to where receipts are expected.
fn started(contract: &Contract) -> (World, State, Hash) {
    let world = World::new();
    let (mut state, id) = world.activated(contract);
    world.act(&mut state, 0, world.request(id, hash("run"))).unwrap();
    world.start(&mut state, hash("run"));
    (world, state, id)
}

fn phase(state: &State) -> Phase {
    state.run(&hash("run")).unwrap().phase
}

#[test]
fn whoever_is_left_completes_the_run_and_a_late_receipt_that_agrees_counts() {
    let (world, mut state, id) = started(&contract(&World::new()));
    world.act(&mut state, 2, file(receipt(&world, id, 2))).unwrap();
    assert_eq!((phase(&state), state.escrow(&hash("run"))), (Phase::Running, FEE));
    let events = world.act(&mut state, 0, file(receipt(&world, id, 0))).unwrap();
    assert!(events.iter().any(|event| event.what == Happening::RunCompleted { run: hash("run") }));
    assert_eq!((phase(&state), state.escrow(&hash("run"))), (Phase::Completed, 0));

    let ended = state.run(&hash("run")).unwrap().ended_at;
    let events = world.act(&mut state, 1, file(receipt(&world, id, 1))).unwrap();
    let expected = Happening::RunReceiptFiled { run: hash("run"), party: world.did(1) };
    assert_eq!(events.into_iter().map(|event| event.what).collect::<Vec<_>>(), [expected]);
    let run = state.run(&hash("run")).unwrap();
    assert_eq!((run.phase, run.receipts.len(), run.ended_at), (Phase::Completed, 3, ended));
    assert_eq!(state.points_total(), 3 * POINTS);
    let (who, step) = (world.did(1), "file a receipt");
    let again = world.act(&mut state, 1, file(receipt(&world, id, 1))).unwrap_err();
    assert_eq!(again, Refused::AlreadyDone { who, run: hash("run"), step });
}

#[test]
fn a_late_receipt_that_contradicts_is_refused_by_name() {
    let (world, mut state, id) = started(&contract(&World::new()));
    for member in 0..2 {
        world.act(&mut state, member, file(receipt(&world, id, member))).unwrap();
    }
    let before = format!("{state:?}");
    let mut refused = |change: &dyn Fn(&mut Receipt), expected: Difference| {
        let mut late = receipt(&world, id, 2);
        change(&mut late);
        let found = world.act(&mut state, 2, file(late)).unwrap_err();
        assert_eq!(found.rule(), "late-receipt");
        assert_eq!(
            found,
            Refused::LateReceipt { who: world.did(2), run: hash("run"), what: Box::new(expected) }
        );
    };
    refused(&|receipt| receipt.program = hash("other"), Difference::Program);
    let provider = world.did(0);
    let input = |receipt: &mut Receipt| receipt.inputs.extend([(provider, hash("other"))]);
    refused(&input, Difference::Input { provider });
    let what = Difference::Transcript { sender: world.did(1), receiver: world.did(2) };
    refused(&|receipt| receipt.received.extend([(world.did(1), hash("other"))]), what);
    assert_eq!(format!("{state:?}"), before);

    let deadline = state.run(&hash("run")).unwrap().deadline;
    let late = world.sign(&state, &world.members[2], file(receipt(&world, id, 2)));
    let found = state.apply(deadline, &late).unwrap_err();
    assert_eq!(found, Refused::RunTimedOut { run: hash("run"), deadline, now: deadline });
}

#[test]
fn receipts_that_contradict_before_it_is_completed_dispute_the_run() {
    let (world, mut state, id) = started(&contract(&World::new()));
    world.act(&mut state, 0, file(receipt(&world, id, 0))).unwrap();
    let mut other = receipt(&world, id, 1);
    other.sent.insert(world.did(0), hash("other"));
    world.act(&mut state, 1, file(other)).unwrap();
    let run = state.run(&hash("run")).unwrap();
    let disagreement = run.disagreement.clone().unwrap();
    assert_eq!(
        (run.phase, disagreement.who),
        (Phase::Disputed, BTreeSet::from([world.did(0), world.did(1)]))
    );
    assert_eq!(state.contract(&id).unwrap().state, lifecycle::State::Disputed);
    // A disputed run takes no further receipts.
    let third = world.act(&mut state, 2, file(receipt(&world, id, 2))).unwrap_err();
    assert_eq!(third.rule(), "run-phase");
}

#[test]
fn of_those_who_vanished_a_receipt_says_nothing() {
    let (world, mut state, id) = started(&contract(&World::new()));
    let without = |member: usize, gone: &[usize]| {
        let mut receipt = receipt(&world, id, member);
        for gone in gone {
            receipt.sent.remove(&world.did(*gone));
            receipt.received.remove(&world.did(*gone));
        }
        receipt
    };
    // Nobody computes alone, and who is left out is left out both ways.
    let alone = world.act(&mut state, 0, file(without(0, &[1, 2]))).unwrap_err();
    assert_eq!(alone, Refused::ReceiptMalformed(ReceiptRule::Transcripts));
    let mut half = without(0, &[]);
    half.sent.remove(&world.did(2));
    let half = world.act(&mut state, 0, file(half)).unwrap_err();
    assert_eq!(half, Refused::ReceiptMalformed(ReceiptRule::Transcripts));

    // North took south for gone, so that what south says of north is not compared.
    world.act(&mut state, 0, file(without(0, &[2]))).unwrap();
    let mut south = without(2, &[]);
    south.received.insert(world.did(0), hash("less"));
    world.act(&mut state, 2, file(south)).unwrap();
    assert_eq!(phase(&state), Phase::Completed);
}

#[test]
fn no_other_scheme_completes_without_all_receipts() {
    for scheme in ["rep3", "rep3_malicious", "shamir", "shamir_malicious"] {
        let mut contract = World::new().contract();
        contract.protection.scheme = scheme.to_owned();
        let (world, mut state, id) = started(&contract);
        for member in 0..2 {
            world.act(&mut state, member, file(receipt(&world, id, member))).unwrap();
        }
        assert_eq!(phase(&state), Phase::Running, "{scheme}");
        let mut last = receipt(&world, id, 2);
        last.sent.remove(&world.did(0));
        last.received.remove(&world.did(0));
        let left_out = world.act(&mut state, 2, file(last)).unwrap_err();
        assert_eq!(left_out, Refused::ReceiptMalformed(ReceiptRule::Transcripts), "{scheme}");
        world.act(&mut state, 2, file(receipt(&world, id, 2))).unwrap();
        assert_eq!(phase(&state), Phase::Completed, "{scheme}");
    }
}

#[test]
fn as_many_as_complete_a_run_say_what_was_contributed() {
    let mut by_contribution = contract(&World::new());
    by_contribution.settlement.split = Split::Contribution;
    let (world, mut state, id) = started(&by_contribution);
    for member in 0..2 {
        world.act(&mut state, member, file(receipt(&world, id, member))).unwrap();
    }
    let contributions = (0..3).map(|member| (world.did(member), member as u64)).collect();
    let stated = Action::StateContributions { run: hash("run"), contributions };
    world.act(&mut state, 0, stated.clone()).unwrap();
    assert_eq!(state.escrow(&hash("run")), FEE);
    world.act(&mut state, 1, stated).unwrap();
    assert_eq!(state.escrow(&hash("run")), 0);
    assert_eq!(state.points_total(), 3 * POINTS);
}

/// A ledger with the run, completed by the receipts of `members`, and its proof.
fn proven(members: &[usize]) -> Result<ledger::proof::Report, String> {
    let world = World::new();
    let contract = contract(&world);
    let id = contract.id().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&directory.path().join("ledger.redb"), world.alliance.clone()).unwrap();
    let mut actions: Vec<(usize, Action)> = Vec::new();
    actions.extend((0..3).map(|m| (m, Action::PublishDataset(Box::new(world.dataset(m, 1))))));
    actions.push((0, Action::ProposeContract(Box::new(contract.clone()))));
    actions.extend(world.signers().iter().map(|key| (1, world.consent(&contract, key))));
    actions.push((0, world.request(id, hash("run"))));
    actions.extend((0..3).map(|m| (m, Action::PermitRun { run: hash("run") })));
    let commit = |m| Action::CommitInput { run: hash("run"), commitment: world.commitment(m) };
    actions.extend((0..3).map(|m| (m, commit(m))));
    actions.extend(members.iter().map(|m| (*m, file(receipt(&world, id, *m)))));
    for ((member, action), now) in actions.into_iter().zip(FOUNDED + 10..) {
        let signed = world.sign(ledger.state(), &world.members[member], action);
        ledger.append(now, vec![signed]).unwrap()[0].as_ref().unwrap();
    }
    ledger.sign_checkpoint(&world.members[0]).unwrap();
    for cosigner in [&world.regulator, &world.members[1]] {
        let note = ledger.cosign(cosigner, FOUNDED + 100).unwrap();
        ledger.add_cosignature(&note).unwrap();
    }
    let proof = Proof::export(&ledger, hash("run"), PROGRAM.to_owned()).map_err(|error| error.to_string())?;
    let alliance = world.alliance.to_bytes().unwrap();
    verify(&proof.to_bytes().unwrap(), &alliance, program_hash).map_err(|flaw| flaw.to_string())
}

#[test]
fn a_proof_holds_with_the_receipts_that_were_enough() {
    let enough = proven(&[0, 2]).unwrap();
    // A later receipt is part of the story and doesn't change when the run was over.
    let more = proven(&[0, 2, 1]).unwrap();
    assert_eq!(more.completed_at, enough.completed_at);
    assert!(proven(&[0]).is_err(), "it has not completed");
}
