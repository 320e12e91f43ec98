//! Proposals, votes, and what they do: allowed and refused.

use contract::{Did, Hash, SigningKey, lifecycle};
use ledger::{
    Action, Card, Event, Happening, Ledger, LedgerError, Phase, Refused, Standing, State,
    governance::{Motion, Parameter, Shares, Verdict},
    identity::prove_key,
    refused::{GovernanceRule, IdentityRule, PointsRule},
    state::Escrow,
    transaction::Checked,
};

use crate::{
    refusals::refused_at,
    world::{FEE, FOUNDED, POINTS, World, hash, key},
};

/// Puts a motion to the vote, in a member's name; answers with its id.
pub(crate) fn propose(world: &World, state: &mut State, by: usize, motion: Motion) -> Hash {
    let action = Action::Propose { motion, text: "as discussed".to_owned() };
    let signed = world.sign(state, &world.members[by], action);
    state.apply(state.time() + 1, &signed).unwrap();
    signed.id().unwrap()
}

pub(crate) fn vote(world: &World, state: &mut State, by: usize, proposal: Hash, approve: bool) -> Vec<Event> {
    world.act(state, by, Action::Vote { proposal, approve }).unwrap()
}

/// Proposed by north, carried by north and lake.
pub(crate) fn pass(world: &World, state: &mut State, motion: Motion) -> Vec<Event> {
    let proposal = propose(world, state, 0, motion);
    vote(world, state, 0, proposal, true);
    let events = vote(world, state, 1, proposal, true);
    assert_eq!(state.proposal(&proposal).unwrap().verdict.as_ref().unwrap().1, Verdict::Passed);
    events
}

/// Why a motion is not put to the vote.
pub(crate) fn not_proposed(world: &World, state: &mut State, by: usize, motion: Motion) -> Refused {
    let action = Action::Propose { motion, text: "as discussed".to_owned() };
    let signed = world.sign(state, &world.members[by], action);
    let time = state.time() + 1;
    refused_at(state, time, &signed)
}

pub(crate) fn rule(refused: Refused) -> GovernanceRule {
    let Refused::Governance(rule) = refused else { panic!("{refused}") };
    rule
}

fn set(parameter: Parameter, value: u64) -> Motion {
    Motion::SetParameter { parameter, value }
}

pub(crate) fn card_of(key: &SigningKey, name: &str) -> Card {
    let certificate = format!("certificate of {name}");
    Card::sign(
        key,
        name,
        Standing::Member,
        "127.0.0.1:7001",
        "https://127.0.0.1:7002",
        certificate.as_bytes(),
    )
    .unwrap()
}

#[test]
fn a_vote_that_cannot_change_any_more_decides() {
    let world = World::new();
    let mut state = world.state();
    let proposal = propose(&world, &mut state, 0, set(Parameter::FloorRows, 6));
    assert_eq!(vote(&world, &mut state, 0, proposal, true).len(), 1);
    let events = vote(&world, &mut state, 2, proposal, true);
    let expected = Happening::ParameterSet { parameter: Parameter::FloorRows, value: 6 };
    assert_eq!(events[1].what, expected);
    assert_eq!(events[2].what, Happening::Decided { proposal, verdict: Verdict::Passed });
    assert_eq!(state.parameters().number(Parameter::FloorRows), 6);
    let late = world.act(&mut state, 1, Action::Vote { proposal, approve: true }).unwrap_err();
    assert_eq!(rule(late), GovernanceRule::Decided(proposal));
    // The world's contract has a floor of 5.
    for member in 0..3 {
        let dataset = Box::new(world.dataset(member, 1));
        world.act(&mut state, member, Action::PublishDataset(dataset)).unwrap();
    }
    let contract = Action::ProposeContract(Box::new(world.contract()));
    let refused = world.act(&mut state, 0, contract).unwrap_err();
    assert_eq!(rule(refused), GovernanceRule::FloorBelow(6, 5));
}

#[test]
fn a_vote_that_closes_counts_what_is_there() {
    let world = World::new();
    for (participation, passes) in [(5_000, false), (3_000, true)] {
        let mut state = world.state();
        pass(&world, &mut state, set(Parameter::Participation, participation));
        let proposal = state.proposals().count();
        let id = propose(&world, &mut state, 0, set(Parameter::FeeMin, 7));
        vote(&world, &mut state, 0, id, true);
        let closes = state.proposal(&id).unwrap().closes;
        let closed = Action::Vote { proposal: id, approve: true };
        let signed = world.sign(&state, &world.members[2], closed);
        let refused = refused_at(&mut state, closes, &signed);
        // The attempt itself lets the time pass, and finds the proposal decided.
        assert_eq!(rule(refused), GovernanceRule::Decided(id));
        let publish = Action::PublishDataset(Box::new(world.dataset(0, 1)));
        let signed = world.sign(&state, &world.members[0], publish);
        let events = state.apply(closes, &signed).unwrap();
        let verdict = if passes { Verdict::Passed } else { Verdict::Rejected };
        assert!(
            events
                .iter()
                .any(|event| event.what == Happening::Decided { proposal: id, verdict: verdict.clone() })
        );
        assert_eq!(state.parameters().number(Parameter::FeeMin), if passes { 7 } else { 0 });
        assert_eq!(state.proposals().count(), proposal + 1);
    }
}

#[test]
fn votes_are_by_members_once_each() {
    let world = World::new();
    let mut state = world.state();
    let proposal = propose(&world, &mut state, 0, set(Parameter::FeeMin, 1));
    let refuse = |state: &mut State, key: &SigningKey, proposal| {
        let signed = world.sign(state, key, Action::Vote { proposal, approve: true });
        let time = state.time() + 1;
        refused_at(state, time, &signed)
    };
    let unknown = refuse(&mut state, &world.members[0], hash("nothing"));
    assert_eq!(rule(unknown), GovernanceRule::UnknownProposal(hash("nothing")));
    let by_regulator = refuse(&mut state, &world.regulator, proposal);
    assert!(matches!(by_regulator, Refused::RegulatorMayNot { .. }));
    vote(&world, &mut state, 0, proposal, false);
    let again = refuse(&mut state, &world.members[0], proposal);
    assert_eq!(rule(again), GovernanceRule::AlreadyVoted(world.did(0), proposal));
    let expel = Motion::Expel { member: world.did(2), reason: "silent".to_owned() };
    let proposal = propose(&world, &mut state, 0, expel);
    let own = refuse(&mut state, &world.members[2], proposal);
    assert_eq!(rule(own), GovernanceRule::OnOneself(world.did(2)));
}

#[test]
fn weights_decide_and_deposits_are_the_price_of_a_rejection() {
    let world = World::new();
    let mut state = world.state();
    pass(&world, &mut state, Motion::SetWeight { member: world.did(2), weight: 5 });
    let heavy = propose(&world, &mut state, 0, set(Parameter::ProposalDeposit, 100));
    let events = vote(&world, &mut state, 2, heavy, true);
    assert_eq!(events.last().unwrap().what, Happening::Decided { proposal: heavy, verdict: Verdict::Passed });

    let proposal = propose(&world, &mut state, 0, set(Parameter::FeeMin, 1));
    assert_eq!(state.balance(&world.did(0)), POINTS - 100);
    assert_eq!(state.held(Escrow::Proposal(proposal)), 100);
    vote(&world, &mut state, 0, proposal, true);
    vote(&world, &mut state, 1, proposal, false);
    vote(&world, &mut state, 2, proposal, false);
    assert_eq!([0, 1, 2].map(|member| state.balance(&world.did(member))), [9_900, 10_050, 10_050]);
    assert!(state.is_balanced());
}

#[test]
fn a_fourth_member_is_admitted_and_can_do_what_members_do() {
    let world = World::new();
    let mut state = world.state();
    let west = key(11);
    let card = card_of(&west, "west");
    let admit = |card: &Card| Motion::Admit(Box::new(card.clone()));
    let events = pass(&world, &mut state, admit(&card));
    assert_eq!(events[1].what, Happening::MemberAdmitted { card: Box::new(card.clone()) });
    let publish = ledger::Action::Propose { motion: set(Parameter::FeeMin, 1), text: "hello".to_owned() };
    let signed = world.sign(&state, &west, publish);
    state.apply(state.time() + 1, &signed).unwrap();

    let mut refuse = |motion| rule(not_proposed(&world, &mut state, 0, motion));
    assert_eq!(refuse(admit(&card)), GovernanceRule::Seated(west.did()));
    assert_eq!(refuse(admit(&card_of(&key(12), "lake"))), GovernanceRule::NameTaken("lake".to_owned()));
    let shared = Card { certificate: card.certificate, ..card_of(&key(12), "east") };
    let shared = shared.renewed(&key(12)).unwrap();
    let refused = not_proposed(&world, &mut state, 0, admit(&shared));
    assert_eq!(refused, IdentityRule::CertificateInUse(key(12).did()).into());
    let forged = Card { name: "east".to_owned(), ..card_of(&key(12), "sea") };
    let refused = not_proposed(&world, &mut state, 0, admit(&forged));
    assert!(matches!(refused, Refused::Identity(IdentityRule::CardMalformed(_))));
}

#[test]
fn nothing_of_a_member_that_leaves_stays_open() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let run = hash("run");
    world.act(&mut state, 0, world.request(id, run)).unwrap();
    let south = world.did(2);

    let not_own = not_proposed(&world, &mut state, 0, Motion::Release { member: south });
    assert_eq!(rule(not_own), GovernanceRule::NotOwnLeave(south));
    let operator = not_proposed(&world, &mut state, 0, Motion::Release { member: world.did(0) });
    assert_eq!(rule(operator), GovernanceRule::OperatorStays(world.did(0)));

    let proposal = propose(&world, &mut state, 2, Motion::Release { member: south });
    vote(&world, &mut state, 0, proposal, true);
    let events = vote(&world, &mut state, 1, proposal, true);
    assert!(events.iter().any(|e| e.what == Happening::MemberLeft { member: south, expelled: false }));
    assert!(state.dataset(&world.dataset(2, 1).reference()).unwrap().withdrawn.is_some());
    assert_eq!(state.contract(&id).unwrap().state, lifecycle::State::Revoked);
    assert_eq!(state.run(&run).unwrap().phase, Phase::Failed);
    assert_eq!((state.escrow(&run), state.balance(&world.did(0))), (0, POINTS));
    let late = world.act(&mut state, 2, Action::PermitRun { run }).unwrap_err();
    assert_eq!(late, Refused::NotInAlliance { who: south });
    let again = not_proposed(&world, &mut state, 0, Motion::Admit(Box::new(card_of(&key(3), "south"))));
    assert_eq!(rule(again), GovernanceRule::Seated(south));
    // Its points can be burnt, by vote only.
    pass(&world, &mut state, Motion::Burn { from: south, points: POINTS });
    assert_eq!(state.points_total(), 2 * POINTS);
}

#[test]
fn an_expelled_member_has_no_vote_in_it_and_none_afterwards() {
    let world = World::new();
    let mut state = world.state();
    let south = world.did(2);
    let expel = Motion::Expel { member: south, reason: "silent".to_owned() };
    pass(&world, &mut state, expel.clone());
    assert!(state.roster().card(&south).is_none());
    assert_eq!(state.roster().quorum(state.size()), 2);
    assert_eq!(rule(not_proposed(&world, &mut state, 0, expel)), GovernanceRule::NotSeated(south));
}

#[test]
fn the_quorum_grows_and_shrinks_with_the_members() {
    let world = World::new();
    let mut state = world.state();
    let quorum =
        |state: &State| (state.roster().quorum(state.size()), state.parameters().number(Parameter::Quorum));
    assert_eq!(quorum(&state), (2, 2));
    pass(&world, &mut state, Motion::SetWeight { member: world.did(0), weight: 100 });
    let enact = |state: &mut State, motion| {
        let proposal = propose(&world, state, 0, motion);
        vote(&world, state, 0, proposal, true)
    };
    let admit = |seed, name: &str| Motion::Admit(Box::new(card_of(&key(seed), name)));
    let before = state.size();
    let events = enact(&mut state, admit(11, "west"));
    assert!(events.iter().any(|event| event.what == Happening::QuorumChanged { quorum: 3 }));
    assert_eq!(quorum(&state), (3, 3), "more than half of four");
    assert_eq!(state.roster().quorum(before), 2, "for checkpoints from before, that of before");
    enact(&mut state, admit(12, "east"));
    assert_eq!(quorum(&state), (3, 3), "of five");
    // What members chose above the least stays, until it is too little.
    enact(&mut state, set(Parameter::Quorum, 4));
    enact(&mut state, admit(13, "isle"));
    assert_eq!(quorum(&state), (4, 4));
    enact(&mut state, set(Parameter::Quorum, 6));
    let expel = |seed| Motion::Expel { member: key(seed).did(), reason: "silent".to_owned() };
    enact(&mut state, expel(13));
    assert_eq!(quorum(&state), (5, 6), "all that there are");
    enact(&mut state, set(Parameter::Quorum, 3));
    enact(&mut state, expel(12));
    assert_eq!(quorum(&state), (3, 3));
    enact(&mut state, expel(11));
    assert_eq!(quorum(&state), (2, 2));
    // Less than half, as founders or members may choose, is theirs to change.
    enact(&mut state, set(Parameter::Quorum, 1));
    enact(&mut state, admit(14, "reef"));
    assert_eq!(quorum(&state), (1, 1));
}

#[test]
fn points_are_made_and_lost_by_vote_only_and_move_between_members() {
    let world = World::new();
    let mut state = world.state();
    let (north, lake) = (world.did(0), world.did(1));
    pass(&world, &mut state, Motion::Issue { to: lake, points: 500 });
    assert_eq!((state.balance(&lake), state.points_total()), (POINTS + 500, 3 * POINTS + 500));
    let too_many = not_proposed(&world, &mut state, 0, Motion::Issue { to: lake, points: (1 << 53) - 1 });
    assert_eq!(too_many, PointsRule::TooMany.into());
    let burn = not_proposed(&world, &mut state, 0, Motion::Burn { from: lake, points: 20_000 });
    assert_eq!(burn, PointsRule::TooFew(lake, POINTS + 500, 20_000).into());

    let mut transfer = |to: Did, points: u64| {
        let action = Action::TransferPoints { to, points, note: "thanks".to_owned() };
        world.act(&mut state, 0, action).map(|events| events[0].what.clone())
    };
    assert_eq!(transfer(lake, 0), Err(PointsRule::None.into()));
    assert_eq!(transfer(north, 5), Err(PointsRule::ToOneself.into()));
    assert_eq!(transfer(lake, 10_001), Err(PointsRule::TooFew(north, POINTS, 10_001).into()));
    assert!(matches!(transfer(world.regulator.did(), 5), Err(Refused::RegulatorMayNot { .. })));
    assert!(matches!(transfer(key(77).did(), 5), Err(Refused::NotInAlliance { .. })));
    let note = "thanks".to_owned();
    assert_eq!(
        transfer(lake, 7),
        Ok(Happening::PointsTransferred { from: north, to: lake, points: 7, note })
    );
    assert_eq!(state.balance(&lake), POINTS + 507);
}

#[test]
fn numbers_keep_to_their_bounds() {
    let world = World::new();
    let mut state = world.state();
    for parameter in Parameter::ALL {
        let (min, max) = parameter.range();
        let refused = rule(not_proposed(&world, &mut state, 0, set(parameter, max + 1)));
        assert_eq!(refused, GovernanceRule::Range(parameter, min, max, max + 1));
    }
    let refused = rule(not_proposed(&world, &mut state, 0, set(Parameter::Quorum, 4)));
    assert_eq!(refused, GovernanceRule::Range(Parameter::Quorum, 1, 3, 4));
    let shares = Shares { providers: 5_000, compute_parties: 2_000, algorithm_providers: 1_000 };
    let refused = rule(not_proposed(&world, &mut state, 0, Motion::SetShares(shares)));
    assert_eq!(refused, GovernanceRule::Shares(8_000));
    let contract = contract::Contract { nonce: "e".repeat(32), ..world.contract() };
    pass(&world, &mut state, set(Parameter::FeeMin, FEE + 1));
    world.act(&mut state, 0, Action::PublishDataset(Box::new(world.dataset(0, 1)))).unwrap();
    let refused = world.act(&mut state, 0, Action::ProposeContract(Box::new(contract))).unwrap_err();
    assert_eq!(rule(refused), GovernanceRule::FeeBelow(FEE + 1, FEE));
}

#[test]
fn a_lost_key_is_replaced_by_vote() {
    let world = World::new();
    let mut state = world.state();
    let (south, new) = (world.did(2), key(22));
    let proof = prove_key(&state.alliance_id(), &south, &new).unwrap();
    let replace = Motion::ReplaceKey { member: south, key: new.did(), proof };
    pass(&world, &mut state, replace);
    let publish = Action::PublishDataset(Box::new(world.dataset(2, 1)));
    let old = world.act(&mut state, 2, publish).unwrap_err();
    assert_eq!(old, IdentityRule::NotTheKey(south, new.did()).into());
    let unproven = Motion::ReplaceKey { member: south, key: key(23).did(), proof };
    let refused = not_proposed(&world, &mut state, 0, unproven);
    assert_eq!(refused, IdentityRule::KeyNotHeld(key(23).did()).into());
}

#[test]
fn a_build_without_the_adopted_rules_stops_and_says_so() {
    let mut world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    let mut ledger = Ledger::open(&path, world.alliance.clone()).unwrap();
    let mut time = FOUNDED;
    let mut act = |world: &mut World, ledger: &mut Ledger, member: usize, action: Action| {
        let signed = world.next(member, action);
        time += 1;
        let id = signed.id().unwrap();
        ledger.append(time, vec![signed]).map(|answers| (id, answers.into_iter().next().unwrap()))
    };
    let adopt = |version, from| Motion::AdoptProtocol { version, from };
    let text = || "a better rule".to_owned();
    let propose = |motion| Action::Propose { motion, text: text() };
    let (_, old) = act(&mut world, &mut ledger, 0, propose(adopt(1, 9))).unwrap();
    assert_eq!(rule(old.unwrap_err()), GovernanceRule::ProtocolNotNewer(1, 1));
    // A refused transaction takes no number.
    let mut world = World::new();
    let (proposal, answer) = act(&mut world, &mut ledger, 0, propose(adopt(2, 5))).unwrap();
    answer.unwrap();
    for member in 0..2 {
        act(&mut world, &mut ledger, member, Action::Vote { proposal, approve: true }).unwrap().1.unwrap();
    }
    // A block that goes on under the other rules is not taken in part, and one of this build's own stops before them.
    let last_and_next = [0, 1].map(|member| {
        let publish = Action::PublishDataset(Box::new(world.dataset(member, 1)));
        world.next(member, publish)
    });
    let checked = last_and_next.clone().map(|signed| Checked::new(signed).unwrap());
    let time = FOUNDED + 100;
    let stopped = ledger.stage(time, &checked).unwrap_err();
    assert!(matches!(stopped, LedgerError::Outdated { from: 5, version: 2 }), "{stopped}");
    let staged = ledger.stage_known(time, &checked).unwrap();
    assert_eq!(staged.answers().len(), 1);
    let [last, next] = last_and_next;
    ledger.append(time, vec![last]).unwrap()[0].as_ref().unwrap();
    assert_eq!(ledger.size(), 5);
    assert!(ledger.stage_known(time, &checked[1..]).is_err(), "no empty block either");
    let stopped = ledger.append(time, vec![next]).unwrap_err();
    assert!(matches!(stopped, LedgerError::Outdated { from: 5, version: 2 }), "{stopped}");
    drop(ledger);
    // What is under the rules that it has, it still serves.
    assert_eq!(Ledger::open(&path, world.alliance.clone()).unwrap().size(), 5);
}

#[test]
fn a_proposal_that_has_become_impossible_changes_nothing() {
    let world = World::new();
    let mut state = world.state();
    let burn = Motion::Burn { from: world.did(2), points: POINTS };
    let proposal = propose(&world, &mut state, 0, burn);
    let gift = Action::TransferPoints { to: world.did(1), points: 1, note: "before it burns".to_owned() };
    world.act(&mut state, 2, gift).unwrap();
    vote(&world, &mut state, 0, proposal, true);
    let events = vote(&world, &mut state, 1, proposal, true);
    let verdict = Verdict::Void { rule: "too-few-points".to_owned() };
    assert_eq!(events[1].what, Happening::Decided { proposal, verdict });
    assert_eq!(state.points_total(), 3 * POINTS);
}
