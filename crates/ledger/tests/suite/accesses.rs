//! Access by token: asked for, granted, narrowed, used, revoked; allowed and refused.

use std::collections::{BTreeMap, BTreeSet};

use contract::{
    Dataset, Did, Hash,
    access::{Access, Rights},
    terms::Use,
};
use ledger::{Action, Event, Happening, Refused, State, access::Answer, refused::AccessRule, state::Escrow};

use crate::{
    refusals::refused_at,
    world::{FOUNDED, POINTS, PURPOSE, World, hash},
};

pub(crate) const PRICE: u64 = 300;

/// Lake's dataset needs a token: south gets one for the asking, the others pay.
pub(crate) fn guarded(world: &World, review: bool) -> Dataset {
    let mut dataset = world.dataset(1, 1);
    let permitted = BTreeSet::from([world.did(2)]);
    dataset.terms.access = Some(Access { permitted, price: PRICE, review });
    dataset
}

pub(crate) fn rights(uses: &[Use], expires: u64) -> Rights {
    let uses = uses.iter().copied().collect();
    Rights { columns: BTreeMap::from([("salary".to_owned(), uses)]), expires }
}

fn asking(rights: Rights) -> Action {
    Action::RequestAccess { dataset: "lake/staff@1".to_owned(), rights, purpose: PURPOSE.to_owned() }
}

pub(crate) fn ask(world: &World, state: &mut State, member: usize) -> (Hash, Vec<Event>) {
    let action = asking(rights(&[Use::Aggregate], FOUNDED + 50_000));
    let signed = world.sign(state, &world.members[member], action);
    let events = state.apply(state.time() + 1, &signed).unwrap();
    (signed.id().unwrap(), events)
}

pub(crate) fn issued(events: &[Event]) -> Hash {
    let token = events.iter().find_map(|event| match event.what {
        Happening::TokenIssued { token, .. } => Some(token),
        _ => None,
    });
    token.unwrap()
}

fn refused(world: &World, state: &mut State, member: usize, action: Action) -> AccessRule {
    let signed = world.sign(state, &world.members[member], action);
    let time = state.time() + 1;
    match refused_at(state, time, &signed) {
        Refused::Access(rule) => rule,
        other => panic!("{other}"),
    }
}

fn published(world: &World, review: bool) -> State {
    let mut state = world.state();
    let dataset = Box::new(guarded(world, review));
    world.act(&mut state, 1, Action::PublishDataset(dataset)).unwrap();
    state
}

#[test]
fn those_whom_the_owner_permits_get_a_token_at_once_and_free() {
    let world = World::new();
    let mut state = published(&world, true);
    let (request, events) = ask(&world, &mut state, 2);
    let token = issued(&events);
    assert_eq!(state.token(&token).unwrap().holder, world.did(2));
    assert_eq!(state.held(Escrow::Access(request)), 0);
}

#[test]
fn a_price_is_held_until_the_token_can_no_longer_be_challenged() {
    let world = World::new();
    let mut state = published(&world, false);
    let (request, events) = ask(&world, &mut state, 0);
    issued(&events);
    assert_eq!(state.held(Escrow::Access(request)), PRICE);
    let later = state.time() + 30 * 86_400;
    let publish = Action::PublishDataset(Box::new(world.dataset(0, 1)));
    let signed = world.sign(&state, &world.members[0], publish);
    state.apply(later, &signed).unwrap();
    assert_eq!(state.balance(&world.did(1)), POINTS + PRICE);
    assert!(state.is_balanced());
}

#[test]
fn an_owner_reviews_what_it_said_that_it_would() {
    let world = World::new();
    let mut state = published(&world, true);
    let (request, events) = ask(&world, &mut state, 0);
    assert_eq!(events.len(), 1);
    assert_eq!(state.open_requests(&world.did(1)).len(), 1);
    let approve = Action::ApproveAccess { request };
    let stranger = refused(&world, &mut state, 2, approve.clone());
    assert_eq!(stranger, AccessRule::NotTheOwner(world.did(2), request));
    issued(&world.act(&mut state, 1, approve.clone()).unwrap());
    assert_eq!(refused(&world, &mut state, 1, approve), AccessRule::Answered(request));
    let unknown = Action::ApproveAccess { request: hash("nothing") };
    assert_eq!(refused(&world, &mut state, 1, unknown), AccessRule::UnknownRequest(hash("nothing")));

    let (request, _) = ask(&world, &mut state, 0);
    assert_eq!(state.balance(&world.did(0)), POINTS - 2 * PRICE);
    let decline = Action::DeclineAccess { request, reason: "too much of it".to_owned() };
    let events = world.act(&mut state, 1, decline).unwrap();
    let answer = Answer::Declined { reason: "too much of it".to_owned(), by: None };
    assert_eq!(events[0].what, Happening::AccessAnswered { request, answer });
    assert_eq!(state.balance(&world.did(0)), POINTS - PRICE);

    let (request, _) = ask(&world, &mut state, 0);
    let late = state.request(&request).unwrap().answer_by;
    let signed = world.sign(&state, &world.members[1], Action::ApproveAccess { request });
    assert_eq!(refused_at(&mut state, late, &signed), AccessRule::Answered(request).into());
}

#[test]
fn requests_keep_to_the_terms() {
    let world = World::new();
    let mut state = published(&world, true);
    let until = FOUNDED + 50_000;
    let name = || "lake/staff@1".to_owned();
    let mut refuse = |member, action| refused(&world, &mut state, member, action);
    let good = rights(&[Use::Aggregate], until);
    assert_eq!(refuse(1, asking(good.clone())), AccessRule::OwnDataset(name()));
    assert_eq!(refuse(0, asking(rights(&[Use::Extreme], until))), AccessRule::OutsideTerms(name()));
    assert_eq!(refuse(0, asking(rights(&[Use::Aggregate], 5))), AccessRule::EmptyRights);
    assert_eq!(refuse(0, asking(rights(&[], until))), AccessRule::EmptyRights);
    let purpose = "curiosity".to_owned();
    let other = Action::RequestAccess { dataset: name(), rights: good.clone(), purpose };
    assert_eq!(refuse(0, other), AccessRule::OutsideTerms(name()));
    let publish = Action::PublishDataset(Box::new(world.dataset(2, 1)));
    world.act(&mut state, 2, publish).unwrap();
    let open = Action::RequestAccess {
        dataset: "south/staff@1".to_owned(),
        rights: good,
        purpose: PURPOSE.to_owned(),
    };
    assert_eq!(refused(&world, &mut state, 0, open), AccessRule::NotNeeded("south/staff@1".to_owned()));
}

/// A world in which a contract on guarded data waits, and north holds a token.
pub(crate) fn contracted(world: &World) -> (State, Hash, Hash) {
    let mut state = world.state();
    for member in 0..3 {
        let dataset = if member == 1 { guarded(world, false) } else { world.dataset(member, 1) };
        world.act(&mut state, member, Action::PublishDataset(Box::new(dataset))).unwrap();
    }
    let contract = world.contract();
    world.act(&mut state, 0, Action::ProposeContract(Box::new(contract.clone()))).unwrap();
    let (_, events) = ask(world, &mut state, 0);
    (state, contract.id().unwrap(), issued(&events))
}

fn holders(state: &State, contract: &Hash) -> Vec<(Did, bool)> {
    state.grants_of(contract).into_iter().map(|grant| (grant.holder, grant.revoked)).collect()
}

#[test]
fn a_token_serves_one_contract_and_ends_for_the_next_decision() {
    let world = World::new();
    let (mut state, contract, token) = contracted(&world);
    let using = |token, contract| Action::UseToken { token, contract };
    let refuse = |state: &mut State, member, action| refused(&world, state, member, action);
    let unknown = refuse(&mut state, 0, using(hash("no token"), contract));
    assert_eq!(unknown, AccessRule::UnknownToken(hash("no token")));
    let stranger = refuse(&mut state, 2, using(token, contract));
    assert_eq!(stranger, AccessRule::NotTheHolder(world.did(2), token));
    world.act(&mut state, 0, using(token, contract)).unwrap();
    assert_eq!(refuse(&mut state, 0, using(token, contract)), AccessRule::Used(token));
    assert_eq!(holders(&state, &contract), [(world.did(0), false)]);
    let (_, events) = ask(&world, &mut state, 0);
    let second = issued(&events);
    let there = refuse(&mut state, 0, using(second, contract));
    assert_eq!(there, AccessRule::AlreadyThere(contract, "lake/staff@1".to_owned()));

    let revoke = |token| Action::RevokeToken { token, reason: "changed our mind".to_owned() };
    let stranger = refuse(&mut state, 2, revoke(token));
    assert_eq!(stranger, AccessRule::NotTheHolder(world.did(2), token));
    world.act(&mut state, 1, revoke(token)).unwrap();
    assert_eq!(holders(&state, &contract), [(world.did(0), true)]);
    assert_eq!(refuse(&mut state, 1, revoke(token)), AccessRule::Revoked(token));
    // A token that still stands can take its place; what was paid for one that nobody used comes back.
    world.act(&mut state, 0, using(second, contract)).unwrap();
    assert_eq!(holders(&state, &contract), [(world.did(0), false), (world.did(0), true)]);
    let (_, events) = ask(&world, &mut state, 0);
    let before = state.balance(&world.did(0));
    world.act(&mut state, 1, revoke(issued(&events))).unwrap();
    assert_eq!(state.balance(&world.did(0)), before + PRICE);
}

#[test]
fn a_token_is_only_ever_narrowed() {
    let world = World::new();
    let (mut state, contract, token) = contracted(&world);
    let attenuate = |token, rights| Action::AttenuateToken { token, rights };
    let wider = rights(&[Use::Aggregate], FOUNDED + 50_001);
    assert_eq!(refused(&world, &mut state, 0, attenuate(token, wider)), AccessRule::ExceedsParent(token));
    let shorter = rights(&[Use::Aggregate], FOUNDED + 4_000);
    let signed = world.sign(&state, &world.members[0], attenuate(token, shorter));
    state.apply(state.time() + 1, &signed).unwrap();
    let child = signed.id().unwrap();
    let parent_used = refused(&world, &mut state, 0, Action::UseToken { token, contract });
    assert_eq!(parent_used, AccessRule::Attenuated(token, child));
    assert!(state.token(&child).unwrap().rights.are_within(&state.token(&token).unwrap().rights));
    world.act(&mut state, 0, Action::UseToken { token: child, contract }).unwrap();
    // What takes back the first takes back what was made from it.
    let reason = "over".to_owned();
    world.act(&mut state, 1, Action::RevokeToken { token, reason }).unwrap();
    assert!(!state.token_stands(&child));
    assert_eq!(holders(&state, &contract), [(world.did(0), true)]);
}
