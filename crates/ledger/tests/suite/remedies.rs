//! What a run held and spent: given back once, to whom it belongs, and never what an answer has told.

use std::collections::BTreeMap;

use contract::{
    Contract, Hash,
    disclosure::{Privacy, PrivacyTerms},
    settlement::{Charge, Split},
};
use ledger::{
    Action, FailReason, Happening, Refused, State,
    catalog::ClaimStanding,
    dispute::{Ruling, Subject},
    governance::{Motion, Parameter},
    identity::{Delegation, Scope},
    refused::DisputeRule,
};

use crate::{
    arbitration::{arbitrate, challenge_as, challenging, failed, refused},
    governance::{card_of, pass, propose, vote},
    refusals,
    world::{FEE, POINTS, World, hash, key},
};

const EPSILON: u64 = 400_000;
/// How long something can be challenged.
const WINDOW: u64 = 14 * 86_400;

/// Answers cost ε, and the fee of a completed run waits for what providers contributed.
fn costly() -> (World, Contract) {
    let mut world = World::new();
    world.disclosure.privacy = Some(PrivacyTerms {
        epsilon_micro_max: 1_000_000,
        rows_per_person_max: 1,
        ..PrivacyTerms::default()
    });
    let mut contract = world.contract();
    contract.output.disclosure.privacy = Some(Privacy::laplace(EPSILON));
    contract.settlement.split = Split::Contribution;
    (world, contract)
}

fn stated(world: &World, run: Hash, values: [u64; 3]) -> Action {
    let contributions: BTreeMap<_, _> = (0..3).map(|m| world.did(m)).zip(values).collect();
    Action::StateContributions { run, contributions }
}

fn fail(world: &World, state: &mut State, run: Hash) {
    let reason = FailReason { text: "no answer".to_owned(), blamed: None };
    world.act(state, 0, Action::FailRun { run, reason }).unwrap();
}

/// Any entry, so that what is due happens.
fn pass_time(world: &World, state: &mut State, time: u64) {
    let scopes = [Scope::Data].into();
    let delegation = Delegation { person: key(99).did(), name: "Ada".to_owned(), scopes, expires: time + 1 };
    let signed = world.sign(state, &world.members[0], Action::Delegate(delegation));
    state.apply(time, &signed).unwrap();
}

fn spent(world: &World, state: &State) -> u64 {
    state.epsilon_spent(&world.dataset(1, 1).path, &world.did(0))
}

#[test]
fn one_failed_run_gives_its_use_and_its_budget_back_once() {
    let (world, contract) = costly();
    let (mut state, id) = world.activated(&contract);
    world.complete(&mut state, id, hash("answered"));
    let run = hash("failed");
    world.act(&mut state, 0, world.request(id, run)).unwrap();
    fail(&world, &mut state, run);
    for member in 0..2 {
        world.act(&mut state, member, Action::NothingOpened { run }).unwrap();
    }
    let dispute = challenge_as(&world, &mut state, 0, Subject::Run(run), Some(world.did(2)));
    arbitrate(&world, &mut state, 1, dispute, true);
    assert_eq!((state.contract(&id).unwrap().runs_taken, spent(&world, &state)), (1, EPSILON));
    // South's word comes late, and is heard; it gives nothing back a second time.
    world.act(&mut state, 2, Action::NothingOpened { run }).unwrap();
    assert_eq!(state.run(&run).unwrap().nothing_opened.len(), 3);
    assert_eq!((state.contract(&id).unwrap().runs_taken, spent(&world, &state)), (1, EPSILON));
}

#[test]
fn what_an_answer_told_stays_told_when_its_fee_goes_back() {
    let (world, contract) = costly();
    let (mut state, id) = world.activated(&contract);
    let run = hash("run");
    world.complete(&mut state, id, run);
    let path = world.dataset(1, 1).path;
    let dispute = challenge_as(&world, &mut state, 0, Subject::Run(run), None);
    pass(&world, &mut state, Motion::Decide { dispute, uphold: true });
    assert!(state.run(&run).unwrap().use_returned);
    assert_eq!(state.balance(&world.did(0)), POINTS);
    assert_eq!(spent(&world, &state), EPSILON);
    let answered: Vec<_> = state.answered(&path, None).into_iter().map(|(id, _)| id).collect();
    assert_eq!(answered, [id], "differencing remembers it");
}

#[test]
fn a_completed_run_is_settled_although_a_party_leaves() {
    let (world, contract) = costly();
    let (mut state, id) = world.activated(&contract);
    let run = hash("run");
    world.complete(&mut state, id, run);
    for member in 0..3 {
        // South says something else, so that rows decide in the end.
        world.act(&mut state, member, stated(&world, run, [1, 0, u64::from(member == 2)])).unwrap();
    }
    let release = propose(&world, &mut state, 2, Motion::Release { member: world.did(2) });
    vote(&world, &mut state, 0, release, true);
    vote(&world, &mut state, 1, release, true);
    assert!(!state.run(&run).unwrap().use_returned);
    assert_eq!((state.escrow(&run), spent(&world, &state)), (FEE, EPSILON));
    let late = state.time() + WINDOW;
    pass_time(&world, &mut state, late);
    assert_eq!((state.escrow(&run), state.balance(&world.did(2))), (0, POINTS + 132 + 100));
    assert_eq!(state.answered(&world.dataset(1, 1).path, None).len(), 1);
}

#[test]
fn nobody_is_paid_for_a_run_that_failed() {
    let world = World::new();
    for votes in [true, false] {
        let (mut state, contract, run) = failed(&world);
        // South, who stayed away, challenges, so as to be paid.
        let dispute = challenge_as(&world, &mut state, 2, Subject::Run(run), None);
        if votes {
            arbitrate(&world, &mut state, 0, dispute, false);
            arbitrate(&world, &mut state, 1, dispute, false);
        } else {
            let closes = state.dispute(&dispute).unwrap().closes;
            pass_time(&world, &mut state, closes);
        }
        let (ruling, settled) = (state.dispute(&dispute).unwrap().ruling, &state.run(&run).unwrap().settled);
        assert_eq!(ruling.unwrap().1, if votes { Ruling::Dismissed } else { Ruling::Lapsed });
        assert_eq!(settled.as_ref().unwrap().value[0].to, world.did(0));
        assert_eq!([0, 1, 2].map(|member| state.balance(&world.did(member))), [POINTS; 3]);
        assert_eq!(state.contract(&contract).unwrap().runs_taken, 1, "the use stays taken");
    }
}

#[test]
fn what_nobody_decided_another_may_challenge() {
    let world = World::new();
    let (mut state, contract, run) = failed(&world);
    let subject = Subject::Run(run);
    let first = challenge_as(&world, &mut state, 2, subject, None);
    let closes = state.dispute(&first).unwrap().closes;
    pass_time(&world, &mut state, closes);
    let again = refused(&world, &mut state, 2, challenging(subject, None));
    assert_eq!(again, DisputeRule::AlreadyChallenged(first), "each once");
    let second = challenge_as(&world, &mut state, 0, subject, Some(world.did(2)));
    arbitrate(&world, &mut state, 1, second, true);
    assert_eq!(state.contract(&contract).unwrap().runs_taken, 0);
    let decided = refused(&world, &mut state, 1, challenging(subject, None));
    assert_eq!(decided, DisputeRule::AlreadyChallenged(second));
}

/// Nobody uses up a challenge: what stays undecided can be challenged by another for one more window, whatever it is
/// about, and nothing is settled before.
#[test]
fn who_challenges_first_does_not_settle_what_nobody_decided() {
    let world = World::new();
    let (mut state, claim) = claimed(&world);
    let subject = Subject::Claim(claim);
    // South and the claimant are friends: in the same second, so that all ends at once.
    let now = state.time();
    let signed = world.sign(&state, &world.members[2], challenging(subject, None));
    state.apply(now, &signed).unwrap();
    let closes = state.dispute(&signed.id().unwrap()).unwrap().closes;
    assert_eq!(closes, state.claim(&claim).unwrap().disputable_until);
    pass_time(&world, &mut state, closes);
    assert_eq!(state.claim(&claim).unwrap().standing, ClaimStanding::Pending);

    let mut silent = state.clone();
    pass_time(&world, &mut silent, closes + WINDOW);
    assert_eq!(silent.claim(&claim).unwrap().standing, ClaimStanding::Established);
    let late = refused(&world, &mut silent, 0, challenging(subject, None));
    assert!(matches!(late, DisputeRule::WindowOver(_)), "{late}");

    let dispute = challenge_as(&world, &mut state, 0, subject, None);
    arbitrate(&world, &mut state, 2, dispute, true);
    assert_eq!(state.claim(&claim).unwrap().standing, ClaimStanding::Rejected);
    pass_time(&world, &mut state, closes + WINDOW);
    assert_eq!(state.claim(&claim).unwrap().standing, ClaimStanding::Rejected);
}

/// The arbiters' time begins when they are drawn, so that a short window leaves it to them.
#[test]
fn who_is_drawn_has_the_whole_window() {
    let world = World::new();
    let (mut state, claim) = claimed(&world);
    pass(&world, &mut state, Motion::SetParameter { parameter: Parameter::DisputeSeconds, value: 60 });
    pass(&world, &mut state, Motion::SetParameter { parameter: Parameter::Arbiters, value: 1 });
    pass(&world, &mut state, Motion::Admit(Box::new(card_of(&key(11), "west"))));
    let dispute = challenge_as(&world, &mut state, 2, Subject::Claim(claim), None);
    let drawn = state.time() + 1000;
    pass_time(&world, &mut state, drawn);
    let found = state.dispute(&dispute).unwrap().clone();
    assert_eq!((found.arbiters.len(), found.closes, found.ruling), (1, drawn + 60, None));
    pass_time(&world, &mut state, drawn + 60);
    assert_eq!(state.dispute(&dispute).unwrap().ruling.unwrap().1, Ruling::Lapsed);
}

/// Lake claims its dataset.
fn claimed(world: &World) -> (State, Hash) {
    let mut state = world.state();
    world.act(&mut state, 1, Action::PublishDataset(Box::new(world.dataset(1, 1)))).unwrap();
    let (path, statement) = ("lake/staff".to_owned(), "collected by ourselves".to_owned());
    let claim = Action::ClaimDataset { path, statement, evidence: Vec::new() };
    let signed = world.sign(&state, &world.members[1], claim);
    state.apply(state.time() + 1, &signed).unwrap();
    (state, signed.id().unwrap())
}

#[test]
fn a_challenge_does_not_undo_what_compute_parties_agree_on() {
    let world = World::new();
    let mut contract = world.contract();
    contract.settlement.split = Split::Contribution;
    for late in [false, true] {
        let (mut state, id) = world.activated(&contract);
        let run = hash("run");
        world.complete(&mut state, id, run);
        let dispute = challenge_as(&world, &mut state, 2, Subject::Run(run), None);
        for member in 0..3 {
            world.act(&mut state, member, stated(&world, run, [1, 0, 2])).unwrap();
        }
        assert_eq!(state.escrow(&run), FEE, "the dispute holds it");
        if late {
            let closes = state.dispute(&dispute).unwrap().closes;
            pass_time(&world, &mut state, closes);
            assert_eq!(state.escrow(&run), FEE, "another may challenge it");
            pass_time(&world, &mut state, closes + WINDOW);
        } else {
            pass(&world, &mut state, Motion::Decide { dispute, uphold: false });
        }
        // As without the challenge: 600 for providers by contribution, 300 for compute parties, 100 for lake.
        let balances = [0, 1, 2].map(|member| state.balance(&world.did(member)));
        assert_eq!(balances, [POINTS - FEE + 200 + 100, POINTS + 200, POINTS + 400 + 100]);
    }
}

#[test]
fn a_fee_that_is_due_once_is_earned_before_anything_is_free() {
    let world = World::new();
    let mut contract = world.contract();
    contract.settlement.charge = Charge::Fixed;
    contract.limits.runs = 3;
    let (mut state, id) = world.activated(&contract);
    let (run, north) = (hash("first"), world.members[0].clone());
    world.act(&mut state, 0, world.request(id, run)).unwrap();
    let pending = Refused::FeePending { contract: id, run };
    let next = || world.request(id, hash("next"));
    assert_eq!(refusals::refused(&world, &mut state, &north, next()), pending);
    fail(&world, &mut state, run);
    assert_eq!(refusals::refused(&world, &mut state, &north, next()), pending, "its fee may still go back");
    // However it is decided, the fee goes back, and is due with the next run.
    let dispute = challenge_as(&world, &mut state, 0, Subject::Run(run), None);
    for uphold in [true, false] {
        let mut state = state.clone();
        pass(&world, &mut state, Motion::Decide { dispute, uphold });
        assert_eq!((state.balance(&world.did(0)), state.contract(&id).unwrap().paid_by), (POINTS, None));
        let events = world.act(&mut state, 0, next()).unwrap();
        assert!(matches!(events[0].what, Happening::RunRequested { fee: FEE, .. }));
    }
}
