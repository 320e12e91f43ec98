//! Who may write, and that what is written counts once.

use contract::canonical::CanonicalError;
use ledger::{Action, Refused, SignedTransaction};

use super::refused_at;
use crate::world::{FOUNDED, World, hash};

#[test]
fn only_members_write_and_each_transaction_counts_once() {
    let world = World::new();
    let mut state = world.state();
    let publish = || Action::PublishDataset(Box::new(world.dataset(0, 1)));
    let north = &world.members[0];

    let stranger = world.sign_as(&world.stranger, 1, publish());
    let who = world.stranger.did();
    assert_eq!(refused_at(&mut state, FOUNDED, &stranger), Refused::NotInAlliance { who });

    let mut forged = world.sign_as(north, 1, publish());
    forged.transaction.member = world.did(1);
    let member = world.did(1);
    assert_eq!(refused_at(&mut state, FOUNDED, &forged), Refused::ForgedTransaction { member });

    let mut other = world.sign_as(north, 1, publish()).transaction;
    other.alliance = hash("other");
    let other = SignedTransaction::sign(other, north).unwrap();
    let expected = state.alliance_id();
    let found = hash("other");
    assert_eq!(refused_at(&mut state, FOUNDED, &other), Refused::OtherAlliance { expected, found });

    let late = world.sign_as(north, 2, publish());
    let member = north.did();
    assert_eq!(refused_at(&mut state, FOUNDED, &late), Refused::Sequence { member, expected: 1, found: 2 });
    let early = world.sign_as(north, 1, publish());
    assert_eq!(
        refused_at(&mut state, FOUNDED - 1, &early),
        Refused::TimeWentBack { last: FOUNDED, found: FOUNDED - 1 }
    );
    state.apply(FOUNDED, &early).unwrap();
    assert_eq!(refused_at(&mut state, FOUNDED, &early), Refused::Sequence { member, expected: 2, found: 1 });
}

#[test]
fn a_transaction_must_be_small_and_canonical() {
    let world = World::new();
    let north = &world.members[0];
    let mut dataset = world.dataset(0, 1);
    dataset.description = "x".repeat(ledger::transaction::TRANSACTION_BYTES_MAX);
    let large = world.sign_as(north, 1, Action::PublishDataset(Box::new(dataset)));
    let refused = refused_at(&mut world.state(), FOUNDED, &large);
    assert!(matches!(refused, Refused::Canonical(CanonicalError::TooLarge { .. })), "{refused}");

    let mut large = world.sign_as(north, 1, Action::PermitRun { run: hash("run") });
    large.transaction.sequence = 1 << 53;
    let refused = refused_at(&mut world.state(), FOUNDED, &large);
    assert!(matches!(refused, Refused::Canonical(CanonicalError::IntegerTooLarge { .. })), "{refused}");
}
