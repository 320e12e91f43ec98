//! The one byte form of a document, and its hash.
//!
//! Documents are written as RFC 8785 JSON (JCS) with one restriction: the only numbers are integers whose
//! magnitude is below 2^53. RFC 8785 §3.2.2.3 writes every number as an IEEE 754 double, so that a larger integer
//! would be rounded without notice; here it is refused with its place. Larger integers travel as strings.

mod name;
mod writer;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::text::excerpt;

/// The first integer that a document cannot hold: above it, doubles skip integers.
const INTEGER_END: u64 = 1 << 53;

/// Why bytes are not a document's canonical form, or a value has none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// An integer that a double cannot hold exactly.
    #[error("`{path}` is {found}: integers of 2^53 and more must be written as text")]
    IntegerTooLarge {
        /// Where in the document, for example `limits.runs`.
        path: String,
        /// The number as written.
        found: String,
    },
    /// A number with a fraction or an exponent.
    #[error("`{path}` is {found}: only integers are allowed, write other numbers as text")]
    NotAnInteger {
        /// Where in the document.
        path: String,
        /// The number as written.
        found: String,
    },
    /// The value has no JSON form, for example a map whose keys are not text.
    #[error("the document cannot be written as JSON: {reason}")]
    NotWritable {
        /// What the JSON writer said.
        reason: String,
    },
    /// More bytes than the reader accepts.
    #[error("the document has {found} bytes, at most {limit} are accepted")]
    TooLarge {
        /// The reader's bound.
        limit: usize,
        /// Length of what came.
        found: usize,
    },
    /// Not JSON, or not the fields that this kind of document has.
    #[error("the document cannot be read: {reason}")]
    NotReadable {
        /// What the JSON reader said, with line and column.
        reason: String,
    },
    /// Readable, but not in canonical form: white space, another order of keys, a key twice, another spelling.
    #[error("the document is not in canonical form (RFC 8785): it differs from byte {offset} on")]
    NotCanonical {
        /// The first byte that differs from the canonical form.
        offset: usize,
    },
    /// Text that should be a hash.
    #[error("`{found}` is not a hash: expected 64 lower-case hexadecimal digits")]
    NotAHash {
        /// The text, cut after 80 characters.
        found: String,
    },
}

/// The canonical bytes of a document: what is hashed and signed.
///
/// # Errors
/// [`CanonicalError::IntegerTooLarge`] and [`CanonicalError::NotAnInteger`] name the offending field;
/// [`CanonicalError::NotWritable`] when the value has no JSON form. JSON has no infinities and no NaN and serde
/// writes them as `null`, so documents hold no floating point fields.
pub fn to_bytes<T: Serialize>(document: &T) -> Result<Vec<u8>, CanonicalError> {
    writer::write(document)
}

/// Reads a document of at most `limit` bytes that is exactly in canonical form.
///
/// Reading and writing again must give the same bytes, so a document has one spelling and one hash: repeated keys,
/// white space, another order and other number forms are refused.
///
/// # Errors
/// [`CanonicalError::TooLarge`] before anything is parsed, [`CanonicalError::NotReadable`],
/// [`CanonicalError::NotCanonical`], or what [`to_bytes`] refuses.
pub fn from_bytes<T: Serialize + DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, CanonicalError> {
    if bytes.len() > limit {
        return Err(CanonicalError::TooLarge { limit, found: bytes.len() });
    }
    let document: T = serde_json::from_slice(bytes)
        .map_err(|error| CanonicalError::NotReadable { reason: error.to_string() })?;
    let canonical = to_bytes(&document)?;
    if canonical == bytes {
        return Ok(document);
    }
    let same = canonical.iter().zip(bytes).take_while(|(expected, found)| expected == found).count();
    Err(CanonicalError::NotCanonical { offset: same })
}

/// Hash of a document's canonical bytes under a domain: [`Hash::of`] of [`to_bytes`].
///
/// # Errors
/// As [`to_bytes`].
pub fn hash<T: Serialize>(domain: &str, document: &T) -> Result<Hash, CanonicalError> {
    Ok(Hash::of(domain, &to_bytes(document)?))
}

/// A SHA-256 hash; written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// `SHA-256(length of domain as 8 bytes, big endian ‖ domain ‖ bytes)`: the same bytes hash differently as
    /// different kinds of things.
    pub fn of(domain: &str, bytes: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update((domain.len() as u64).to_be_bytes())
            .chain_update(domain)
            .chain_update(bytes)
            .finalize();
        Self(digest.into())
    }

    /// A hash computed elsewhere, for example a Merkle root.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = CanonicalError;

    fn from_str(text: &str) -> Result<Self, CanonicalError> {
        let refused = || CanonicalError::NotAHash { found: excerpt(text) };
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| refused())?;
        Ok(Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = [0; 64];
        match hex::encode_to_slice(self.0, &mut digits).ok().and_then(|()| std::str::from_utf8(&digits).ok())
        {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
