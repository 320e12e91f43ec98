//! The rules of receipts, failures and uses given back.

use contract::document::Role;
use ledger::{Action, FailReason, Phase, Refused, opening::Intermediate, refused::ReceiptRule};

use super::{Scene, refused_at};
use crate::world::{FEE, POINTS, World, hash};

#[test]
fn receipts_are_filed_once_by_compute_parties_and_are_complete() {
    let mut scene = Scene::new();
    let (run, contract) = (scene.run, scene.contract);
    let receipt = scene.world.receipt(contract, run, 0);
    let file = |receipt: &ledger::Receipt| Action::File(Box::new(receipt.clone()));
    assert_eq!(
        scene.refused(0, file(&receipt)),
        Refused::RunPhase { run, phase: Phase::Requested, step: "file a receipt" }
    );
    scene.world.start(&mut scene.state, run);
    let who = scene.world.regulator.did();
    let by_regulator = scene.refused_to_regulator(file(&receipt));
    assert_eq!(by_regulator, Refused::NotInRole { who, role: Role::ComputeParty, contract });

    let mut malformed = |change: &dyn Fn(&mut ledger::Receipt)| {
        let mut changed = receipt.clone();
        change(&mut changed);
        match scene.refused(0, file(&changed)) {
            Refused::ReceiptMalformed(rule) => rule,
            other => panic!("{other:?}"),
        }
    };
    let world = World::new();
    assert_eq!(malformed(&|receipt| receipt.party = world.did(1)), ReceiptRule::Party);
    assert_eq!(malformed(&|receipt| receipt.contract = hash("other")), ReceiptRule::Contract);
    assert_eq!(malformed(&|receipt| receipt.inputs.clear()), ReceiptRule::Inputs);
    assert_eq!(malformed(&|receipt| receipt.sent.clear()), ReceiptRule::Transcripts);
    let with_itself = |receipt: &mut ledger::Receipt| {
        receipt.received.insert(world.did(0), hash("x"));
    };
    assert_eq!(malformed(&with_itself), ReceiptRule::Transcripts);
    assert_eq!(malformed(&|receipt| receipt.output.clear()), ReceiptRule::Output);
    assert_eq!(malformed(&|receipt| receipt.output.reverse()), ReceiptRule::Output);
    assert_eq!(malformed(&|receipt| receipt.output[1].component = 64), ReceiptRule::Output);
    let unasked = Intermediate { value: 7, hash: hash("shares") };
    let unasked = malformed(&|receipt| receipt.intermediates.push(unasked.clone()));
    assert_eq!(unasked, ReceiptRule::Intermediates);

    scene.act(0, file(&receipt));
    let (who, step) = (scene.did(0), "file a receipt");
    assert_eq!(scene.refused(0, file(&receipt)), Refused::AlreadyDone { who, run, step });
}

#[test]
fn a_run_that_is_too_late_can_only_fail() {
    let mut scene = Scene::started();
    let run = scene.run;
    let deadline = scene.state.run(&run).unwrap().deadline;
    let lake = scene.world.members[1].clone();
    let receipt = scene.world.sign(&scene.state, &lake, scene.world.file(scene.contract, run, 1));
    assert_eq!(
        refused_at(&mut scene.state, deadline, &receipt),
        Refused::RunTimedOut { run, deadline, now: deadline }
    );
    scene.state.clone().apply(deadline - 1, &receipt).unwrap();

    let reason = |blamed| FailReason { text: "south does not answer".to_owned(), blamed };
    let fail = |blamed| Action::FailRun { run, reason: reason(blamed) };
    let regulator = scene.world.regulator.clone();
    let who = regulator.did();
    assert_eq!(scene.refused_to_regulator(fail(None)), Refused::NotAParticipant { who, run });
    assert_eq!(scene.refused(0, fail(Some(who))), Refused::NotAParticipant { who, run });
    let silent = FailReason { text: String::new(), blamed: None };
    assert!(matches!(scene.refused(0, Action::FailRun { run, reason: silent }), Refused::Text { .. }));
    // Any party may, once the time has passed.
    let late = scene.world.sign(&scene.state, &regulator, fail(Some(scene.did(2))));
    scene.state.apply(deadline, &late).unwrap();
    assert_eq!(scene.state.run(&run).unwrap().phase, Phase::Failed);
    assert_eq!(
        scene.refused(0, fail(None)),
        Refused::RunPhase { run, phase: Phase::Failed, step: "declare it failed" }
    );
}

#[test]
fn a_use_comes_back_once_and_only_when_all_compute_parties_say_so() {
    let mut scene = Scene::started();
    let (run, contract) = (scene.run, scene.contract);
    let nothing = || Action::NothingOpened { run };
    let step = "state that nothing was opened";
    let running = Phase::Running;
    assert_eq!(scene.refused(0, nothing()), Refused::RunPhase { run, phase: running, step });
    let reason = FailReason { text: "south does not answer".to_owned(), blamed: Some(scene.did(2)) };
    scene.act(0, Action::FailRun { run, reason });
    let who = scene.world.regulator.did();
    let by_regulator = scene.refused_to_regulator(nothing());
    assert_eq!(by_regulator, Refused::NotInRole { who, role: Role::ComputeParty, contract });
    scene.act(0, nothing());
    let who = scene.did(0);
    assert_eq!(scene.refused(0, nothing()), Refused::AlreadyDone { who, run, step });
    scene.act(1, nothing());
    assert_eq!(scene.state.balance(&who), POINTS - FEE);
    scene.act(2, nothing());
    assert_eq!(scene.state.balance(&who), POINTS);
    assert_eq!(scene.state.contract(&contract).unwrap().runs_taken, 0);
    for member in 0..3 {
        let who = scene.did(member);
        assert_eq!(scene.refused(member, nothing()), Refused::AlreadyDone { who, run, step });
    }
}
