//! `did:key`, signatures and their domains.

use proptest::prelude::*;
use serde_json::json;
use treaty_contract::{Did, Signature, SigningKey, identity::IdentityError};

/// W3C CCG did:key test vectors, Ed25519 from a seed of 32 zero bytes.
const ZERO_SEED: &str = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
/// The example of the W3C CCG did:key specification.
const SPECIFICATION: &str = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
/// A secp256k1 key of the same test vectors.
const SECP256K1: &str = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme";

fn bytes<const N: usize>(digits: &str) -> [u8; N] {
    hex::decode(digits).unwrap().try_into().unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

#[test]
fn vectors_of_the_specification() {
    let did = SigningKey::from_seed(&[0; 32]).did();
    assert_eq!(did.to_string(), ZERO_SEED);
    assert_eq!(
        hex::encode(did.public_key()),
        "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    );
    assert_eq!(SPECIFICATION.parse::<Did>().unwrap().to_string(), SPECIFICATION);
}

/// RFC 8032 §7.1, test 1.
#[test]
fn vector_of_ed25519() {
    let key =
        SigningKey::from_seed(&bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    let signature = Signature::from_bytes(bytes(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ));
    assert_eq!(key.sign_raw(b""), signature);
    assert_eq!(key.did().verify_raw(b"", &signature), Ok(()));
}

#[test]
fn other_identities_are_refused() {
    let not_a_did =
        ["", "did:key:", "did:web:example.org", "did:key:z", "did:key:z0", "did:key:f00", &"z".repeat(99)];
    for text in not_a_did {
        let refused = text.parse::<Did>().unwrap_err();
        assert!(
            matches!(refused, IdentityError::NotADid { .. } | IdentityError::NotEd25519 { .. }),
            "{text}: {refused}"
        );
    }
    assert!(matches!(SECP256K1.parse::<Did>(), Err(IdentityError::NotEd25519 { .. })));
    let longer = format!("{ZERO_SEED}{ZERO_SEED}");
    assert!(matches!(longer.parse::<Did>(), Err(IdentityError::NotADid { .. })));
}

#[test]
fn keys_that_sign_for_anything_or_have_two_spellings_are_refused() {
    let unusable = |key| matches!(Did::from_public_key(key), Err(IdentityError::UnusableKey { .. }));
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(unusable(identity));
    assert!(unusable([0; 32]));
    // y from p = 2^255 − 19 on, with either sign of x.
    for (first, last) in (0xed..=0xff).flat_map(|first| [(first, 0x7f), (first, 0xff)]) {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (first, last);
        assert!(unusable(key), "{first:x} {last:x}");
    }
    // y = 2 is not on the curve.
    let mut off = [0; 32];
    off[0] = 2;
    assert!(unusable(off));
}

#[test]
fn a_signature_is_for_one_domain_one_message_and_one_key() {
    let signature = key().sign("contract", b"id");
    let did = key().did();
    let forged = Err(IdentityError::Forged { signer: did });
    assert_eq!(did.verify("contract", b"id", &signature), Ok(()));
    assert_eq!(did.verify_raw(b"treaty/contract/1\nid", &signature), Ok(()));
    assert_eq!(did.verify("transaction", b"id", &signature), forged);
    assert_eq!(did.verify("contract", b"id2", &signature), forged);
    assert_eq!(did.verify_raw(b"id", &signature), forged);
    let other = SigningKey::from_seed(&[8; 32]).did();
    assert_eq!(other.verify("contract", b"id", &signature), Err(IdentityError::Forged { signer: other }));
}

/// RFC 8032 §5.1.7: S + L signs the same, and is refused.
#[test]
fn a_signature_cannot_be_respelled() {
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let signature = key().sign_raw(b"message");
    let mut respelled = *signature.as_bytes();
    let mut carry = 0;
    for (byte, addend) in respelled[32..].iter_mut().zip(bytes::<32>(ORDER)) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        (*byte, carry) = ((sum & 0xff) as u8, sum >> 8);
    }
    assert_eq!(key().did().verify_raw(b"message", &signature), Ok(()));
    assert!(key().did().verify_raw(b"message", &Signature::from_bytes(respelled)).is_err());
}

#[test]
fn signatures_have_one_spelling() {
    let signature = key().sign_raw(b"message");
    let text = signature.to_string();
    assert_eq!(text.parse(), Ok(signature));
    assert_eq!(serde_json::from_value::<Signature>(json!(text)).unwrap(), signature);
    // 64 bytes leave four bits of the last digit before the padding unused; they must be zero.
    let digit = text.chars().nth(85).unwrap();
    let trailing = text.replacen(&format!("{digit}=="), &format!("{}==", (digit as u8 + 1) as char), 1);
    for other in ["", text.trim_end_matches('='), &trailing, &format!("{text}\n"), &text.replace('=', "A")] {
        assert!(matches!(other.parse::<Signature>(), Err(IdentityError::NotASignature { .. })), "{other}");
    }
}

#[test]
fn new_keys_differ_and_come_back_from_their_seed() {
    let (one, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    assert_ne!(one.did(), other.did());
    assert_eq!(SigningKey::from_seed(&one.to_seed()).did(), one.did());
}

#[test]
fn a_key_does_not_show_its_secret() {
    let shown = format!("{:?}", SigningKey::from_seed(&[0xab; 32]));
    assert_eq!(shown, format!("SigningKey({})", SigningKey::from_seed(&[0xab; 32]).did()));
    assert!(!shown.contains("ab".repeat(4).as_str()) && !shown.contains("171, 171"));
}

proptest! {
    #[test]
    fn identities_read_back_and_sort_as_their_texts(one in any::<[u8; 32]>(), other in any::<[u8; 32]>()) {
        let [one, other] = [one, other].map(|seed| SigningKey::from_seed(&seed).did());
        prop_assert_eq!(one.to_string().parse::<Did>().unwrap(), one);
        prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
    }

    #[test]
    fn any_text_is_an_identity_or_refused(text in "did:key:z6Mk[1-9A-Za-z]{0,60}") {
        if let Ok(did) = text.parse::<Did>() {
            prop_assert_eq!(did.to_string(), text);
        }
    }

    #[test]
    fn any_key_bytes_are_usable_in_one_spelling_or_refused(bytes in any::<[u8; 32]>()) {
        if let Ok(did) = Did::from_public_key(bytes) {
            prop_assert_eq!(did.public_key(), &bytes);
        }
    }

    #[test]
    fn a_changed_bit_of_a_signature_is_noticed(bit in 0_usize..512) {
        let signature = key().sign("contract", b"id");
        let mut bytes = *signature.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key().did().verify("contract", b"id", &Signature::from_bytes(bytes)).is_err());
    }
}
