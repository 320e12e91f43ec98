//! Datasets that need a token.

use std::collections::BTreeSet;

use treaty_contract::{
    Hash,
    access::{Access, Grant, Rights},
    policy::Refusal,
};

use crate::world::{EXPIRES, World, keys, reference};

/// The first provider's dataset needs a token; its reference and the data user that needs it.
fn with_token() -> (World, Grant) {
    let mut world = World::new();
    let user = world.contract.settlement.payer;
    let owner = (0..3).find(|member| keys()[*member].did() != user).unwrap();
    world.terms(owner).access = Some(Access { review: true, ..Access::default() });
    let dataset = reference(owner);
    let columns = world.terms(owner).columns.clone();
    let rights = Rights { columns, expires: EXPIRES };
    let grant = Grant { token: Hash::of("test", b"token"), dataset, holder: user, rights, revoked: false };
    (world, grant)
}

#[test]
fn a_token_opens_what_needs_one() {
    let (mut world, grant) = with_token();
    let dataset = grant.dataset.clone();
    let missing = Refusal::TokenMissing { dataset, holder: grant.holder };
    assert_eq!(world.decide().unwrap_err(), [missing]);
    world.tokens = vec![grant];
    assert!(world.decide().is_ok());
}

#[test]
fn a_token_that_was_revoked_or_covers_less_does_not() {
    let (mut world, grant) = with_token();
    let dataset = || grant.dataset.clone();
    world.tokens = vec![Grant { revoked: true, ..grant.clone() }];
    let revoked = Refusal::TokenRevoked { dataset: dataset(), token: grant.token };
    assert_eq!(world.decide().unwrap_err(), [revoked]);
    let rights = Rights { expires: 1, ..grant.rights.clone() };
    world.tokens = vec![Grant { rights, ..grant.clone() }];
    assert!(matches!(world.decide().unwrap_err()[..], [Refusal::TokenExpired { expired: 1, .. }]));
    let mut narrow = grant.clone();
    let (column, uses) = narrow.rights.columns.pop_first().unwrap();
    world.tokens = vec![narrow];
    let refusals = world.decide().unwrap_err();
    assert_eq!(refusals.len(), uses.len());
    for refusal in refusals {
        let Refusal::TokenColumn { column: found, allowed, .. } = refusal else { panic!("{refusal}") };
        assert_eq!((found, allowed), (column.clone(), BTreeSet::new()));
    }
}
