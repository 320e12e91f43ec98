//! Challenges and their decisions: allowed and refused.

use std::collections::BTreeSet;

use contract::{Did, Hash, lifecycle};
use ledger::{
    Action, Event, FailReason, Happening, Refused, State,
    catalog::ClaimStanding,
    dispute::{Ruling, Subject},
    governance::{Motion, Parameter},
    refused::DisputeRule,
    state::Escrow,
};

use crate::{
    accesses::{PRICE, ask, contracted, issued},
    governance::{card_of, not_proposed, pass, propose, vote},
    refusals::refused_at,
    world::{FEE, POINTS, World, hash, key},
};

pub(crate) fn challenge_as(
    world: &World,
    state: &mut State,
    member: usize,
    subject: Subject,
    accused: Option<Did>,
) -> Hash {
    let action = challenging(subject, accused);
    let signed = world.sign(state, &world.members[member], action);
    state.apply(state.time() + 1, &signed).unwrap();
    signed.id().unwrap()
}

pub(crate) fn challenging(subject: Subject, accused: Option<Did>) -> Action {
    let reason = "it did not answer".to_owned();
    Action::Challenge { subject, accused, reason, evidence: vec![hash("log file")] }
}

pub(crate) fn refused(world: &World, state: &mut State, member: usize, action: Action) -> DisputeRule {
    let signed = world.sign(state, &world.members[member], action);
    let time = state.time() + 1;
    match refused_at(state, time, &signed) {
        Refused::Dispute(rule) => rule,
        other => panic!("{other}"),
    }
}

pub(crate) fn arbitrate(
    world: &World,
    state: &mut State,
    member: usize,
    dispute: Hash,
    uphold: bool,
) -> Vec<Event> {
    world.act(state, member, Action::Arbitrate { dispute, uphold }).unwrap()
}

/// North's run fails because south is away, and south never says that nothing was opened.
pub(crate) fn failed(world: &World) -> (State, Hash, Hash) {
    let (mut state, contract) = world.activated(&world.contract());
    let run = hash("run");
    world.act(&mut state, 0, world.request(contract, run)).unwrap();
    let reason = FailReason { text: "south is away".to_owned(), blamed: Some(world.did(2)) };
    world.act(&mut state, 0, Action::FailRun { run, reason }).unwrap();
    for member in 0..2 {
        world.act(&mut state, member, Action::NothingOpened { run }).unwrap();
    }
    assert_eq!(state.escrow(&run), FEE);
    (state, contract, run)
}

#[test]
fn arbitration_frees_the_use_and_the_fee_of_a_run_whose_compute_party_stays_away() {
    let world = World::new();
    let (mut state, contract, run) = failed(&world);
    let south = world.did(2);
    let dispute = challenge_as(&world, &mut state, 0, Subject::Run(run), Some(south));
    assert_eq!(state.contract(&contract).unwrap().state, lifecycle::State::Disputed);
    // All are parties, so that all but the two sides decide.
    assert_eq!(state.dispute(&dispute).unwrap().arbiters, BTreeSet::from([world.did(1)]));
    let events = arbitrate(&world, &mut state, 1, dispute, true);
    assert_eq!(events[1].what, Happening::Ruled { dispute, ruling: Ruling::Upheld });
    assert_eq!((state.escrow(&run), state.balance(&world.did(0))), (0, POINTS));
    let record = state.contract(&contract).unwrap();
    assert_eq!((record.runs_taken, record.state), (0, lifecycle::State::Active));
    assert_eq!(state.roster().seat(&south).unwrap().strikes, 1);
}

#[test]
fn a_dismissed_challenge_settles_what_was_held() {
    let world = World::new();
    let (mut state, contract, run) = failed(&world);
    pass(&world, &mut state, Motion::SetParameter { parameter: Parameter::DisputeDeposit, value: 50 });
    let dispute = challenge_as(&world, &mut state, 0, Subject::Run(run), None);
    assert_eq!(state.held(Escrow::Dispute(dispute)), 50);
    // Lake and south decide; one voice is not more than half of two.
    let events = arbitrate(&world, &mut state, 1, dispute, false);
    assert_eq!(events.len(), 1);
    arbitrate(&world, &mut state, 2, dispute, false);
    assert_eq!(state.held(Escrow::Dispute(dispute)), 0);
    assert_eq!(state.escrow(&run), 0);
    assert_eq!(state.contract(&contract).unwrap().runs_taken, 1, "the use stays taken");
    assert!(state.is_balanced());
    assert_eq!(state.contract(&contract).unwrap().state, lifecycle::State::Active);
}

#[test]
fn challenges_come_from_the_concerned_in_time_and_once() {
    let world = World::new();
    let (mut state, contract) = world.activated(&world.contract());
    let run = hash("run");
    world.act(&mut state, 0, world.request(contract, run)).unwrap();
    let subject = Subject::Run(run);
    let refuse = |state: &mut State, member, action| refused(&world, state, member, action);
    assert_eq!(refuse(&mut state, 0, challenging(subject, None)), DisputeRule::RunNotEnded(run));
    world.start(&mut state, run);
    for member in 0..3 {
        world.act(&mut state, member, world.file(contract, run, member)).unwrap();
    }
    let stranger = key(77).did();
    let accusing = challenging(subject, Some(stranger));
    assert_eq!(refuse(&mut state, 0, accusing), DisputeRule::WronglyAccused(stranger));
    let evidence = vec![hash("a"); 65];
    let reason = "so much".to_owned();
    let long = Action::Challenge { subject, accused: None, reason, evidence };
    assert_eq!(refuse(&mut state, 0, long), DisputeRule::EvidenceCount(65));
    // Somebody in the alliance, but no party.
    let west = key(11);
    pass(&world, &mut state, Motion::Admit(Box::new(card_of(&west, "west"))));
    let signed = world.sign(&state, &west, challenging(subject, None));
    let time = state.time() + 1;
    let outside = refused_at(&mut state, time, &signed);
    assert_eq!(outside, DisputeRule::NotConcerned(west.did()).into());

    let until = state.run(&run).unwrap().ended_at.unwrap() + 14 * 86_400;
    let signed = world.sign(&state, &world.members[0], challenging(subject, None));
    let late = refused_at(&mut state.clone(), until, &signed);
    assert!(matches!(late, Refused::Dispute(DisputeRule::WindowOver(_))), "{late}");

    let dispute = challenge_as(&world, &mut state, 0, subject, None);
    assert_eq!(refuse(&mut state, 1, challenging(subject, None)), DisputeRule::AlreadyChallenged(dispute));
    assert_eq!(state.dispute(&dispute).unwrap().arbiters, BTreeSet::from([west.did()]));
    let by_party = refuse(&mut state, 1, Action::Arbitrate { dispute, uphold: true });
    assert_eq!(by_party, DisputeRule::NotAnArbiter(world.did(1), dispute));
    let unknown = refuse(&mut state, 1, Action::Arbitrate { dispute: hash("none"), uphold: true });
    assert_eq!(unknown, DisputeRule::UnknownDispute(hash("none")));
    // Nobody decides in time: what stood before stands.
    let closes = state.dispute(&dispute).unwrap().closes;
    let publish = Action::PublishDataset(Box::new(world.dataset(0, 2)));
    let signed = world.sign(&state, &world.members[0], publish);
    state.apply(closes, &signed).unwrap();
    assert_eq!(state.dispute(&dispute).unwrap().ruling.unwrap().1, Ruling::Lapsed);
    let over = refuse(&mut state, 1, Action::Arbitrate { dispute, uphold: true });
    assert_eq!(over, DisputeRule::Decided(dispute));
}

/// A point changes hands, so many seconds later.
fn pass_on(world: &World, state: &mut State, points: u64, later: u64) -> Vec<Event> {
    let gift = Action::TransferPoints { to: world.did(1), points, note: "thanks".to_owned() };
    let signed = world.sign(state, &world.members[2], gift);
    state.apply(state.time() + later, &signed).unwrap()
}

/// Who is drawn when that many points were the last to change hands.
fn draw(world: &World, mut state: State, dispute: Hash, points: u64) -> BTreeSet<Did> {
    pass_on(world, &mut state, points, 1);
    assert!(state.dispute(&dispute).unwrap().arbiters.is_empty());
    let events = pass_on(world, &mut state, 1, 60);
    let arbiters = state.dispute(&dispute).unwrap().arbiters.clone();
    assert_eq!(events[0].what, Happening::ArbitersDrawn { dispute, arbiters: arbiters.clone() });
    arbiters
}

#[test]
fn arbiters_are_as_many_as_voted_and_decide_once_each() {
    let world = World::new();
    let (mut state, _, run) = failed(&world);
    pass(&world, &mut state, Motion::SetParameter { parameter: Parameter::Arbiters, value: 2 });
    pass(&world, &mut state, Motion::SetWeight { member: world.did(0), weight: 100 });
    for (seed, name) in [(11, "west"), (12, "east"), (13, "isle")] {
        let admit = Motion::Admit(Box::new(card_of(&key(seed), name)));
        let proposal = propose(&world, &mut state, 0, admit);
        vote(&world, &mut state, 0, proposal, true);
    }

    let dispute = challenge_as(&world, &mut state, 0, Subject::Run(run), Some(world.did(2)));
    let decide = |uphold| Action::Arbitrate { dispute, uphold };
    let early = refused(&world, &mut state, 1, decide(true));
    assert_eq!(early, DisputeRule::NotDrawn(dispute));
    // The lot depends on what came between: whoever challenges cannot know it.
    let drawn: BTreeSet<_> = (1..20).map(|points| draw(&world, state.clone(), dispute, points)).collect();
    assert!(drawn.len() > 1, "{drawn:?}");
    let arbiters = draw(&world, state.clone(), dispute, 1);
    assert_eq!(arbiters.len(), 2);
    pass_on(&world, &mut state, 1, 1);
    pass_on(&world, &mut state, 1, 60);
    let keys: Vec<_> = [11, 12, 13].map(key).into_iter().filter(|k| arbiters.contains(&k.did())).collect();
    assert_eq!(keys.len(), 2, "only those without a part in it");
    let signed = world.sign(&state, &keys[0], decide(true));
    state.apply(state.time() + 1, &signed).unwrap();
    let signed = world.sign(&state, &keys[0], decide(true));
    let time = state.time() + 1;
    let twice = refused_at(&mut state, time, &signed);
    assert_eq!(twice, DisputeRule::AlreadyArbitrated(keys[0].did(), dispute).into());
    let signed = world.sign(&state, &keys[1], decide(true));
    state.apply(state.time() + 1, &signed).unwrap();
    assert_eq!(state.escrow(&run), 0);
}

#[test]
fn contradicting_receipts_are_decided_and_the_contract_goes_on() {
    let world = World::new();
    let (mut state, contract) = world.activated(&world.contract());
    let run = hash("run");
    world.act(&mut state, 0, world.request(contract, run)).unwrap();
    world.start(&mut state, run);
    let mut wrong = world.receipt(contract, run, 2);
    wrong.output[0].hash = hash("something else");
    for member in 0..2 {
        world.act(&mut state, member, world.file(contract, run, member)).unwrap();
    }
    world.act(&mut state, 2, Action::File(Box::new(wrong))).unwrap();
    assert_eq!(state.contract(&contract).unwrap().state, lifecycle::State::Disputed);
    let dispute = challenge_as(&world, &mut state, 0, Subject::Run(run), Some(world.did(2)));
    // All members can decide in the arbiters' place.
    pass(&world, &mut state, Motion::Decide { dispute, uphold: true });
    let record = state.contract(&contract).unwrap();
    assert_eq!((record.state, record.runs_taken), (lifecycle::State::Active, 0));
    assert_eq!(state.balance(&world.did(0)), POINTS);
    let again = not_proposed(&world, &mut state, 0, Motion::Decide { dispute, uphold: true });
    assert_eq!(again, DisputeRule::Decided(dispute).into());
}

#[test]
fn a_challenged_token_keeps_its_price_in_escrow_until_it_is_decided() {
    let world = World::new();
    for uphold in [true, false] {
        let (mut state, _, _) = contracted(&world);
        let (request, events) = ask(&world, &mut state, 0);
        let token = issued(&events);
        let dispute = challenge_as(&world, &mut state, 0, Subject::Token(token), Some(world.did(1)));
        // All others could be concerned but south.
        assert_eq!(state.dispute(&dispute).unwrap().arbiters, BTreeSet::from([world.did(2)]));
        let mut late = state.clone();
        let publish = Action::PublishDataset(Box::new(world.dataset(0, 2)));
        let signed = world.sign(&late, &world.members[0], publish);
        let due = late.time() + 14 * 86_400 - 1;
        late.apply(due, &signed).unwrap();
        assert_eq!(late.held(Escrow::Access(request)), PRICE, "in dispute: not yet the owner's");
        let before = [0, 1].map(|member| state.balance(&world.did(member)));
        arbitrate(&world, &mut state, 2, dispute, uphold);
        let after = [0, 1].map(|member| state.balance(&world.did(member)));
        let expected = if uphold { [before[0] + PRICE, before[1]] } else { [before[0], before[1] + PRICE] };
        assert_eq!(after, expected);
        assert_eq!(state.token_stands(&token), !uphold);
    }
}

#[test]
fn a_claim_holds_when_nobody_disputes_it_in_time() {
    let world = World::new();
    let mut state = world.state();
    world.act(&mut state, 1, Action::PublishDataset(Box::new(world.dataset(1, 1)))).unwrap();
    let path = || "lake/staff".to_owned();
    let claim = || Action::ClaimDataset {
        path: path(),
        statement: "collected by ourselves".to_owned(),
        evidence: vec![hash("field notes")],
    };
    let signed = world.sign(&state, &world.members[1], claim());
    state.apply(state.time() + 1, &signed).unwrap();
    let id = signed.id().unwrap();
    let own = refused(&world, &mut state, 1, challenging(Subject::Claim(id), None));
    assert_eq!(own, DisputeRule::NotConcerned(world.did(1)));

    let mut undisputed = state.clone();
    let until = state.claim(&id).unwrap().disputable_until;
    let publish = Action::PublishDataset(Box::new(world.dataset(0, 1)));
    let signed = world.sign(&undisputed, &world.members[0], publish);
    undisputed.apply(until, &signed).unwrap();
    assert_eq!(undisputed.claim(&id).unwrap().standing, ClaimStanding::Established);

    let dispute = challenge_as(&world, &mut state, 2, Subject::Claim(id), Some(world.did(1)));
    arbitrate(&world, &mut state, 0, dispute, true);
    assert_eq!(state.claim(&id).unwrap().standing, ClaimStanding::Rejected);
    // It can be claimed again, with better evidence.
    world.act(&mut state, 1, claim()).unwrap();
}
