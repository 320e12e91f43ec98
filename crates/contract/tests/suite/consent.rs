//! Who signed what.

use std::collections::BTreeMap;

use treaty_contract::{
    SignedByAll, SigningKey,
    consent::{self, ConsentError, NotSignedByAll},
};

use crate::world::{World, keys};

#[test]
fn all_signatures_make_a_signed_contract() {
    let World { contract, signatures, .. } = World::new();
    let signed = SignedByAll::check(&contract, &signatures).unwrap();
    assert_eq!(signed.contract(), &contract);
    assert_eq!(signed.id(), contract.id().unwrap());
    for (party, signature) in &signatures {
        contract.verify_signature(party, signature).unwrap();
    }
}

#[test]
fn a_signature_over_the_id_alone_is_the_same() {
    let World { contract, .. } = World::new();
    let [key, ..] = keys();
    assert_eq!(consent::sign_id(contract.id().unwrap(), &key), contract.sign(&key).unwrap());
}

#[test]
fn missing_and_forged_signatures_are_named() {
    let World { contract, mut signatures, .. } = World::new();
    let [north, lake, _] = keys().map(|key| key.did());
    signatures.remove(&lake);
    signatures.insert(north, contract.sign(&SigningKey::from_seed(&[9; 32])).unwrap());
    assert_eq!(
        SignedByAll::check(&contract, &signatures).unwrap_err(),
        NotSignedByAll::Parties { missing: [lake].into(), forged: [north].into() }
    );
    assert!(matches!(contract.verify_signature(&north, &signatures[&north]), Err(ConsentError::Forged(_))));
}

#[test]
fn a_changed_contract_is_signed_by_nobody() {
    let World { mut contract, signatures, .. } = World::new();
    contract.settlement.fee += 1;
    let all = signatures.keys().copied().collect();
    assert_eq!(
        SignedByAll::check(&contract, &signatures).unwrap_err(),
        NotSignedByAll::Parties { missing: [].into(), forged: all }
    );
}

#[test]
fn what_has_no_canonical_form_cannot_be_signed() {
    let World { mut contract, signatures, .. } = World::new();
    contract.settlement.fee = 1 << 53;
    assert!(matches!(SignedByAll::check(&contract, &signatures), Err(NotSignedByAll::NoForm(_))));
    let (party, signature) = signatures.first_key_value().unwrap();
    assert!(matches!(contract.verify_signature(party, signature), Err(ConsentError::NoForm(_))));
}

#[test]
fn strangers_neither_help_nor_harm() {
    let World { contract, mut signatures, .. } = World::new();
    let stranger = SigningKey::from_seed(&[9; 32]);
    signatures.insert(stranger.did(), contract.sign(&stranger).unwrap());
    assert!(SignedByAll::check(&contract, &signatures).is_ok());
    let only: BTreeMap<_, _> = [(stranger.did(), signatures[&stranger.did()])].into();
    assert!(SignedByAll::check(&contract, &only).is_err());
}
