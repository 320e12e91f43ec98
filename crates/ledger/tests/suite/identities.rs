//! Keys that change, persons that sign alone, cards that are renewed: allowed and refused.

use std::collections::BTreeSet;

use contract::{Did, SigningKey};
use ledger::{
    Action, Card, Event, Happening, Ledger, Proof, Refused, SignedTransaction, State, Transaction,
    alliance::Place,
    governance::Motion,
    identity::{Delegation, Scope, prove_key},
    proof::Flaw,
    refused::{IdentityRule, When},
    verify,
};

use crate::{
    governance::{card_of, propose, vote},
    refusals::refused_at,
    world::{FOUNDED, PROGRAM, World, hash, key, program_hash},
};

/// A transaction of a member, signed by another key than its identity's.
fn sign_with(
    state: &State,
    member: Did,
    person: Option<Did>,
    signer: &SigningKey,
    action: Action,
) -> SignedTransaction {
    let sequence = match person {
        Some(person) => state.next_sequence_of_person(&member, &person),
        None => state.next_sequence(&member),
    };
    let alliance = state.alliance_id();
    let transaction = Transaction { alliance, member, sequence, person, signer: Some(signer.did()), action };
    SignedTransaction::sign(transaction, signer).unwrap()
}

fn rotation(state: &State, member: Did, new: &SigningKey) -> Action {
    let proof = prove_key(&state.alliance_id(), &member, new).unwrap();
    Action::RotateKey { key: new.did(), proof }
}

fn identity(refused: Refused) -> IdentityRule {
    let Refused::Identity(rule) = refused else { panic!("{refused}") };
    rule
}

fn applied(state: &mut State, signed: &SignedTransaction) -> Vec<Event> {
    state.apply(state.time() + 1, signed).unwrap()
}

#[test]
fn a_rotated_key_signs_and_the_old_one_no_longer_does() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let (lake, new) = (world.did(1), key(21));
    let rotate = rotation(&state, lake, &new);
    let events = world.act(&mut state, 1, rotate).unwrap();
    assert_eq!(events[0].what, Happening::KeyRotated { member: lake, key: new.did() });

    let withdraw = || Action::WithdrawDataset { dataset: world.dataset(1, 1).reference() };
    let old = world.sign(&state, &world.members[1], withdraw());
    let time = state.time() + 1;
    assert_eq!(identity(refused_at(&mut state, time, &old)), IdentityRule::NotTheKey(lake, new.did()));
    // What was signed with the old key still holds: the contract runs.
    world.act(&mut state, 0, world.request(id, hash("run"))).unwrap();
    let permit = sign_with(&state, lake, None, &new, Action::PermitRun { run: hash("run") });
    applied(&mut state, &permit);

    // A contract that is signed now needs the new key.
    let mut later = contract::Contract { nonce: "f".repeat(32), ..contract };
    later.settlement.fee = 0;
    world.act(&mut state, 0, Action::ProposeContract(Box::new(later.clone()))).unwrap();
    let by = |key: &SigningKey| Action::SignContract {
        contract: later.id().unwrap(),
        party: lake,
        signature: later.sign(key).unwrap(),
    };
    let refused = world.act(&mut state, 0, by(&world.members[1])).unwrap_err();
    assert!(matches!(refused, Refused::ForgedSignature { .. }));
    world.act(&mut state, 0, by(&new)).unwrap();
    let record = state.contract(&later.id().unwrap()).unwrap();
    assert_eq!(record.signers.get(&lake), Some(&new.did()));
}

#[test]
fn a_key_is_new_and_held() {
    let world = World::new();
    let mut state = world.state();
    let refuse = |state: &mut State, member: usize, action: Action| {
        let signed = world.sign(state, &world.members[member], action);
        let time = state.time() + 1;
        identity(refused_at(state, time, &signed))
    };
    let taken = rotation(&state, world.did(1), &world.members[2]);
    assert_eq!(refuse(&mut state, 1, taken), IdentityRule::KeyInUse(world.did(2)));
    // What lake is about to rotate to is not for south to block, nor for lake's own persons to have.
    let person = |person: &SigningKey| {
        let (name, scopes) = ("Someone".to_owned(), BTreeSet::from([Scope::Data]));
        Action::Delegate(Delegation { person: person.did(), name, scopes, expires: FOUNDED + 1_000 })
    };
    world.act(&mut state, 2, person(&key(22))).unwrap();
    world.act(&mut state, 1, person(&key(23))).unwrap();
    let own = rotation(&state, world.did(1), &key(23));
    assert_eq!(refuse(&mut state, 1, own), IdentityRule::KeyInUse(key(23).did()));
    let wanted = rotation(&state, world.did(1), &key(22));
    world.act(&mut state.clone(), 1, wanted).unwrap();
    let proof = prove_key(&state.alliance_id(), &world.did(2), &key(21)).unwrap();
    let stolen = Action::RotateKey { key: key(21).did(), proof };
    assert_eq!(refuse(&mut state, 1, stolen), IdentityRule::KeyNotHeld(key(21).did()));
}

#[test]
fn a_person_acts_within_its_delegation() {
    let world = World::new();
    let mut state = world.state();
    let (lake, person) = (world.did(1), key(31));
    let publish = || Action::PublishDataset(Box::new(world.dataset(1, 1)));
    let expires = FOUNDED + 1_000;
    let refuse = |state: &mut State, time: u64, action: Action| {
        let signed = sign_with(state, lake, Some(person.did()), &person, action);
        identity(refused_at(state, time, &signed))
    };
    assert_eq!(refuse(&mut state, FOUNDED + 1, publish()), IdentityRule::UnknownPerson(lake, person.did()));
    let delegation = |scopes: &[Scope], expires| Delegation {
        person: person.did(),
        name: "Analyst".to_owned(),
        scopes: scopes.iter().copied().collect::<BTreeSet<_>>(),
        expires,
    };
    let act = |state: &mut State, action| world.act(state, 1, action);
    let empty = act(&mut state, Action::Delegate(delegation(&[], expires))).unwrap_err();
    assert_eq!(identity(empty), IdentityRule::EmptyDelegation);
    act(&mut state, Action::Delegate(delegation(&[Scope::Run], expires))).unwrap();
    let now = state.time() + 1;
    assert_eq!(refuse(&mut state, now, publish()), IdentityRule::OutOfScope(person.did(), Scope::Data));
    act(&mut state, Action::Delegate(delegation(&[Scope::Data], expires))).unwrap();
    let own = Action::RevokeDelegation { person: person.did() };
    assert_eq!(refuse(&mut state, now, own.clone()), IdentityRule::MembersOwnAct(person.did()));

    let signed = sign_with(&state, lake, Some(person.did()), &person, publish());
    applied(&mut state, &signed);
    // Its sequence is its own: the member's did not move, and a replay is refused.
    let replayed = state.clone().apply(state.time() + 1, &signed).unwrap_err();
    assert_eq!(replayed, Refused::Sequence { member: lake, expected: 2, found: 1 });
    let withdraw = || Action::WithdrawDataset { dataset: world.dataset(1, 1).reference() };
    assert_eq!(
        refuse(&mut state, expires, withdraw()),
        IdentityRule::DelegationExpired(person.did(), When(expires))
    );
    act(&mut state, own).unwrap();
    let now = state.time() + 1;
    assert_eq!(refuse(&mut state, now, withdraw()), IdentityRule::DelegationRevoked(person.did()));
}

#[test]
fn a_card_keeps_who_it_is_about() {
    let world = World::new();
    let mut state = world.state();
    let card = world.alliance.card(&world.did(1)).unwrap().clone();
    let place = Place {
        jurisdiction: "DE".to_owned(),
        operator: "Lake Foundation".to_owned(),
        hosting: "own machines".to_owned(),
        region: "Berlin".to_owned(),
    };
    let renewed = Card { place: Some(place.clone()), ..card.clone() }.renewed(&world.members[1]).unwrap();
    world.act(&mut state, 1, Action::RenewCard(Box::new(renewed.clone()))).unwrap();
    assert_eq!(state.roster().card(&world.did(1)), Some(&renewed));

    let refused = |state: &mut State, card: Card| {
        let signed = world.sign(state, &world.members[1], Action::RenewCard(Box::new(card)));
        let time = state.time() + 1;
        identity(refused_at(state, time, &signed))
    };
    let other = Card { name: "sea".to_owned(), ..card.clone() }.renewed(&world.members[1]).unwrap();
    assert_eq!(refused(&mut state, other), IdentityRule::CardChangesIdentity(world.did(1)));
    let certificate = world.alliance.card(&world.did(2)).unwrap().certificate.clone();
    let shared = Card { certificate, ..card.clone() }.renewed(&world.members[1]).unwrap();
    assert_eq!(refused(&mut state, shared), IdentityRule::CertificateInUse(world.did(1)));
    // What is put to the vote is not free to take meanwhile.
    let west = card_of(&key(11), "west");
    let admit = Motion::Admit(Box::new(west.clone()));
    let proposal = propose(&world, &mut state, 0, admit);
    let squatting =
        Card { certificate: west.certificate, ..card.clone() }.renewed(&world.members[1]).unwrap();
    assert_eq!(refused(&mut state, squatting), IdentityRule::CertificateInUse(world.did(1)));
    vote(&world, &mut state, 0, proposal, true);
    vote(&world, &mut state, 2, proposal, true);
    assert!(state.roster().card(&key(11).did()).is_some());
    let nowhere = Place { jurisdiction: "germany".to_owned(), ..place };
    let nowhere = Card { place: Some(nowhere), ..card };
    assert!(matches!(refused(&mut state, nowhere), IdentityRule::CardMalformed(_)));
}

/// A ledger with a completed run, and one in which lake then changed its key.
struct Rotated {
    world: World,
    ledger: Ledger,
    before: Vec<u8>,
    new: SigningKey,
}

impl Rotated {
    fn new(directory: &std::path::Path) -> Self {
        let mut world = World::new();
        let mut ledger = Ledger::open(&directory.join("ledger.redb"), world.alliance.clone()).unwrap();
        let transactions = world.whole_path(hash("run"));
        ledger.append(FOUNDED + 10, transactions).unwrap();
        ledger.sign_checkpoint(&world.members[0]).unwrap();
        let cosigned = ledger.cosign(&world.members[1], FOUNDED + 11).unwrap();
        assert!(ledger.add_cosignature(&cosigned).unwrap());
        let before = Proof::export(&ledger, hash("run"), PROGRAM.to_owned()).unwrap();
        let new = key(21);
        let rotate = rotation(ledger.state(), world.did(1), &new);
        let signed = world.next(1, rotate);
        ledger.append(FOUNDED + 12, vec![signed]).unwrap()[0].as_ref().unwrap();
        ledger.sign_checkpoint(&world.members[0]).unwrap();
        Self { before: before.to_bytes().unwrap(), world, ledger, new }
    }
}

#[test]
fn proofs_from_before_and_after_a_rotation_hold() {
    let directory = tempfile::tempdir().unwrap();
    let Rotated { world, mut ledger, before, new } = Rotated::new(directory.path());
    assert!(ledger.cosign(&world.members[1], FOUNDED + 13).is_err(), "the old key cosigns no more");
    let cosigned = ledger.cosign(&new, FOUNDED + 13).unwrap();
    assert!(ledger.add_cosignature(&cosigned).unwrap());

    let alliance = world.alliance.to_bytes().unwrap();
    verify(&before, &alliance, program_hash).unwrap();
    let after = Proof::export(&ledger, hash("run"), PROGRAM.to_owned()).unwrap();
    assert_ne!(after.to_bytes().unwrap(), before);
    let report = verify(&after.to_bytes().unwrap(), &alliance, program_hash).unwrap();
    assert_eq!(report.cosigners[0].name, "lake");

    // Without the rotation the new key is nobody's; with an invented one, neither.
    let mut silent = after.clone();
    silent.entries.retain(|proven| proven.effects.is_none());
    let flaw = verify(&silent.to_bytes().unwrap(), &alliance, program_hash).unwrap_err();
    assert!(matches!(flaw, Flaw::Checkpoint(_)), "{flaw}");
    let mut invented = after;
    let proven = invented.entries.iter_mut().find(|proven| proven.effects.is_some()).unwrap();
    let events = &mut proven.effects.as_mut().unwrap().events;
    events[0].what = Happening::KeyRotated { member: world.did(2), key: new.did() };
    let flaw = verify(&invented.to_bytes().unwrap(), &alliance, program_hash).unwrap_err();
    assert!(matches!(flaw, Flaw::Effects { .. }), "{flaw}");
}

#[test]
fn a_ledger_opens_again_with_checkpoints_by_old_and_new_keys() {
    let directory = tempfile::tempdir().unwrap();
    let Rotated { world, mut ledger, new, .. } = Rotated::new(directory.path());
    let (root, alliance) = (ledger.root(), world.alliance);
    drop(ledger);
    ledger = Ledger::open(&directory.path().join("ledger.redb"), alliance.clone()).unwrap();
    assert_eq!(ledger.root(), root);
    let cosigned = ledger.cosign(&new, FOUNDED + 13).unwrap();
    assert!(ledger.add_cosignature(&cosigned).unwrap());
    drop(ledger);
    ledger = Ledger::open(&directory.path().join("ledger.redb"), alliance.clone()).unwrap();
    assert_eq!(ledger.final_checkpoint().unwrap().0.root, root);

    // A follower that has nothing yet learns the new key on the way.
    let mut follower = Ledger::open(&directory.path().join("follower.redb"), alliance).unwrap();
    follower.replay(&ledger.page(1).unwrap()).unwrap();
    follower.adopt_final(&ledger.final_checkpoint().unwrap().1).unwrap();
    assert_eq!(follower.root(), root);
}
