//! Who signs: Ed25519 keys named as `did:key`, and signatures that say what kind of thing they sign.
//!
//! Verification is RFC 8032 §5.1.7 without cofactor and with keys and points of small order refused
//! (`verify_strict`), so that all nodes accept exactly the same signatures.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::text::excerpt;

/// What every `did:key` of an Ed25519 key starts with, `z` naming base58btc.
const DID_PREFIX: &str = "did:key:z";
/// Multicodec `ed25519-pub` as an unsigned varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
/// Length of an Ed25519 `did:key`: the prefix and 47 base58 digits for 34 bytes that start with `ED25519_PUB`.
const DID_LENGTH: usize = 56;

/// Why an identity, key or signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a `did:key` in base58btc.
    #[error("`{found}` is not an identity: expected `did:key:z` and 47 base58 digits")]
    NotADid {
        /// The text, cut after 80 characters.
        found: String,
    },
    /// A `did:key` of another kind of key.
    #[error("`{found}` is not an Ed25519 identity: it names another kind of key")]
    NotEd25519 {
        /// The identity as given.
        found: String,
    },
    /// The 32 bytes are no point of the curve, spelled in a second way, or of small order.
    #[error("`{found}` is not a usable Ed25519 public key")]
    UnusableKey {
        /// The key in hexadecimal digits.
        found: String,
    },
    /// Not 64 bytes in padded standard base64.
    #[error("`{found}` is not a signature: expected 64 bytes in base64 with padding (88 characters)")]
    NotASignature {
        /// The text, cut after 80 characters.
        found: String,
    },
    /// The signature is not by this key over these bytes.
    #[error("the signature is not by `{signer}` over this document")]
    Forged {
        /// Whose signature it was said to be.
        signer: Did,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness for a new key: {reason}")]
    NoRandomness {
        /// What the operating system said.
        reason: String,
    },
}

/// A member's or person's identity: the `did:key` of an Ed25519 public key.
///
/// Ordered by key bytes, which is also the order of the texts. Holding one means that the key is a valid point in
/// its only spelling and not of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did([u8; 32]);

impl Did {
    /// The identity of a public key.
    ///
    /// # Errors
    /// [`IdentityError::UnusableKey`] when the bytes are not a canonical point of large order.
    pub fn from_public_key(bytes: [u8; 32]) -> Result<Self, IdentityError> {
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if is_canonical(&bytes) && !key.is_weak() => Ok(Self(bytes)),
            _ => Err(IdentityError::UnusableKey { found: hex::encode(bytes) }),
        }
    }

    /// The Ed25519 public key, 32 bytes.
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks a signature made by [`SigningKey::sign`] for the same domain.
    ///
    /// # Errors
    /// [`IdentityError::Forged`].
    pub fn verify(&self, domain: &str, bytes: &[u8], signature: &Signature) -> Result<(), IdentityError> {
        self.verify_raw(&separated(domain, bytes), signature)
    }

    /// Checks a signature over the bytes as they are, as C2SP signed notes have it.
    ///
    /// # Errors
    /// [`IdentityError::Forged`].
    pub fn verify_raw(&self, bytes: &[u8], signature: &Signature) -> Result<(), IdentityError> {
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(bytes, &ed25519_dalek::Signature::from_bytes(&signature.0)))
            .map_err(|_| IdentityError::Forged { signer: *self })
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = ED25519_PUB.to_vec();
        bytes.extend_from_slice(&self.0);
        write!(f, "{DID_PREFIX}{}", bs58::encode(bytes).into_string())
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Did {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let not_a_did = || IdentityError::NotADid { found: excerpt(text) };
        let digits = text.strip_prefix(DID_PREFIX).ok_or_else(not_a_did)?;
        // Base58 takes quadratic time, so that the length is bounded before it is read.
        if text.len() > 2 * DID_LENGTH {
            return Err(not_a_did());
        }
        let bytes = bs58::decode(digits).into_vec().map_err(|_| not_a_did())?;
        let key = bytes
            .strip_prefix(&ED25519_PUB)
            .ok_or_else(|| IdentityError::NotEd25519 { found: excerpt(text) })?;
        Self::from_public_key(key.try_into().map_err(|_| not_a_did())?)
    }
}

impl Serialize for Did {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Did {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An Ed25519 private key. Wiped from memory when dropped; its debug form shows only the identity.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut())
            .map_err(|error| IdentityError::NoRandomness { reason: error.to_string() })?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of a seed (RFC 8032 §5.1.5 calls it the private key).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, to be stored; wiped when dropped.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Whose key this is.
    pub fn did(&self) -> Did {
        Did(self.0.verifying_key().to_bytes())
    }

    /// Signs `treaty/<domain>/1`, a line feed and the bytes, so that a signature for one kind of document is none
    /// for another. `domain` is a constant of lower-case letters, digits and hyphens.
    pub fn sign(&self, domain: &str, bytes: &[u8]) -> Signature {
        self.sign_raw(&separated(domain, bytes))
    }

    /// Signs the bytes as they are. Only for formats that separate domains themselves, such as C2SP signed notes.
    pub fn sign_raw(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.did())
    }
}

/// An Ed25519 signature; written as 88 characters of base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// A signature made elsewhere; any 64 bytes are accepted here and judged by [`Did::verify`].
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = IdentityError;

    /// Accepts one spelling only: padding and zero trailing bits are required.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let not_a_signature = || IdentityError::NotASignature { found: excerpt(text) };
        if text.len() != 88 {
            return Err(not_a_signature());
        }
        let bytes = STANDARD.decode(text).map_err(|_| not_a_signature())?;
        Ok(Self(bytes.try_into().map_err(|_| not_a_signature())?))
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The bytes that are signed for a domain.
fn separated(domain: &str, bytes: &[u8]) -> Vec<u8> {
    debug_assert!(domain.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
    let mut message = format!("treaty/{domain}/1\n").into_bytes();
    message.extend_from_slice(bytes);
    message
}

/// Whether the y coordinate (little endian, sign of x in the top bit) is below p = 2^255 − 19. The other second
/// spelling, x = 0 with its sign set, only occurs for points of small order.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = bytes;
    *first < 0xed || last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}
