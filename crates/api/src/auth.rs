//! How a request proves who sent it.
//!
//! A person holds an Ed25519 key that the member delegated ([`Delegation`]). Each request carries
//! `Authorization: Treaty <person> <unix seconds> <nonce> <signature>`; the signature covers the member whose node is
//! asked, method, path with query, time, nonce and the SHA-256 of the body, so that nothing of it can be changed or
//! replayed elsewhere. A node accepts a time within [`CLOCK_SKEW_SECONDS`] of its own and not before its own start,
//! and each nonce once. `Content-Digest` announces the body's hash, so that a request is judged before its body is read.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contract::{Did, Signature, SigningKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Requests older or newer than this are refused.
pub const CLOCK_SKEW_SECONDS: u64 = 60;

/// Signature domain of requests.
const REQUEST: &str = "api-request";
/// Signature domain of delegations.
const DELEGATION: &str = "delegation";

/// What a person may do for the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// See the catalog, contracts, runs, the ledger and results that the member receives.
    Read,
    /// Import and publish datasets.
    Data,
    /// Draft, propose, sign and revoke contracts.
    Contract,
    /// Start runs.
    Run,
    /// Propose and vote, challenge and arbitrate, move points.
    Govern,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [Self::Read, Self::Data, Self::Contract, Self::Run, Self::Govern];
}

/// The member's signed statement that a person may act for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// For whom.
    pub member: Did,
    /// Who.
    pub person: Did,
    /// For people.
    pub name: String,
    /// What.
    pub scopes: BTreeSet<Scope>,
    /// Seconds since 1970; no request is accepted at or after it.
    pub expires: u64,
    /// By a key that is or was the member's, over the rest.
    pub signature: Signature,
}

/// What a delegation's signature covers.
#[derive(Serialize)]
struct Delegated<'a> {
    member: &'a Did,
    person: &'a Did,
    name: &'a str,
    scopes: &'a BTreeSet<Scope>,
    expires: u64,
}

impl Delegation {
    /// The member delegates, with its present key.
    pub fn sign(
        member: Did,
        key: &SigningKey,
        person: Did,
        name: String,
        scopes: BTreeSet<Scope>,
        expires: u64,
    ) -> Result<Self, contract::canonical::CanonicalError> {
        let bytes = contract::canonical::to_bytes(&Delegated {
            member: &member,
            person: &person,
            name: &name,
            scopes: &scopes,
            expires,
        })?;
        let signature = key.sign(DELEGATION, &bytes);
        Ok(Self { member, person, name, scopes, expires, signature })
    }

    /// Whether one of the member's keys really signed it.
    pub fn is_genuine(&self, keys: &[Did]) -> bool {
        let Self { member, person, name, scopes, expires, signature } = self;
        let delegated = Delegated { member, person, name, scopes, expires: *expires };
        contract::canonical::to_bytes(&delegated)
            .is_ok_and(|bytes| keys.iter().any(|key| key.verify(DELEGATION, &bytes, signature).is_ok()))
    }
}

/// The parsed `Authorization` header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Who claims to have sent the request.
    pub person: Did,
    /// When, in seconds since 1970.
    pub time: u64,
    /// Once only.
    pub nonce: String,
    /// Over all of it.
    pub signature: Signature,
}

/// Why an `Authorization` header was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// Not of the form above.
    #[error("the `Authorization` header is not `Treaty <person> <seconds> <nonce> <signature>`")]
    Malformed,
    /// Made by another key, or for another request.
    #[error("the request's signature is not by `{person}` over this request")]
    Forged {
        /// Who was claimed.
        person: Did,
    },
}

/// SHA-256 of a request's body.
pub fn body_hash(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// The `Content-Digest` header of a body (RFC 9530 §2): with it a request can be checked before its body is read.
pub fn content_digest(hash: &[u8; 32]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(hash))
}

/// Reads [`content_digest`].
pub fn parse_content_digest(header: &str) -> Option<[u8; 32]> {
    let base64 = header.strip_prefix("sha-256=:")?.strip_suffix(':')?;
    STANDARD.decode(base64).ok()?.try_into().ok()
}

/// What a person asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The member whose node is asked.
    pub member: &'a Did,
    /// HTTP method.
    pub method: &'a str,
    /// Path with query.
    pub path_and_query: &'a str,
    /// SHA-256 of the body.
    pub body: &'a [u8; 32],
}

impl Asked<'_> {
    /// The bytes that a request's signature covers.
    fn bytes(&self, time: u64, nonce: &str) -> Vec<u8> {
        let Self { member, method, path_and_query, body } = self;
        let body = hex::encode(body);
        format!("{member}\n{method}\n{path_and_query}\n{body}\n{time}\n{nonce}").into_bytes()
    }
}

impl Credentials {
    /// Signs a request; `nonce` must never repeat (16 random bytes in hex).
    pub fn sign(key: &SigningKey, asked: Asked<'_>, time: u64, nonce: String) -> Self {
        let signature = key.sign(REQUEST, &asked.bytes(time, &nonce));
        Self { person: key.did(), time, nonce, signature }
    }

    /// The header's value.
    pub fn to_header(&self) -> String {
        format!("Treaty {} {} {} {}", self.person, self.time, self.nonce, self.signature)
    }

    /// Reads a header's value.
    pub fn parse(header: &str) -> Result<Self, CredentialsError> {
        let mut words = header.split(' ');
        let parsed = (|| {
            let ("Treaty", person, time, nonce, signature, None) =
                (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?, words.next())
            else {
                return None;
            };
            let nonce_fits =
                (16..=64).contains(&nonce.len()) && nonce.bytes().all(|b| b.is_ascii_alphanumeric());
            nonce_fits.then_some(())?;
            Some(Self {
                person: person.parse().ok()?,
                time: time.parse().ok()?,
                nonce: nonce.to_owned(),
                signature: signature.parse().ok()?,
            })
        })();
        parsed.ok_or(CredentialsError::Malformed)
    }

    /// Whether they were made for exactly this request.
    pub fn verify(&self, asked: Asked<'_>) -> Result<(), CredentialsError> {
        self.person
            .verify(REQUEST, &asked.bytes(self.time, &self.nonce), &self.signature)
            .map_err(|_| CredentialsError::Forged { person: self.person })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_request_verifies_and_any_change_is_found() {
        let key = SigningKey::from_seed(&[7; 32]);
        let [north, lake] = [1, 2].map(|seed| SigningKey::from_seed(&[seed; 32]).did());
        let (body, other_body) = (body_hash(b"{}"), body_hash(b"{ }"));
        let asked = Asked { member: &north, method: "POST", path_and_query: "/v1/runs?x=1", body: &body };
        let made = Credentials::sign(&key, asked, 1_700_000_000, "0123456789abcdef".into());
        let read = Credentials::parse(&made.to_header()).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.verify(asked), Ok(()));
        for changed in [
            Asked { member: &lake, ..asked },
            Asked { method: "PUT", ..asked },
            Asked { path_and_query: "/v1/runs?x=2", ..asked },
            Asked { body: &other_body, ..asked },
        ] {
            assert_eq!(read.verify(changed), Err(CredentialsError::Forged { person: key.did() }));
        }
        let later = Credentials { time: read.time + 1, ..read };
        assert!(later.verify(asked).is_err());
    }

    #[test]
    fn a_content_digest_is_read_back() {
        let hash = body_hash(b"a body");
        assert_eq!(parse_content_digest(&content_digest(&hash)), Some(hash));
        assert_eq!(parse_content_digest("sha-256=:AAAA:"), None);
        assert_eq!(parse_content_digest("md5=:AAAA:"), None);
    }

    #[test]
    fn malformed_headers_are_refused() {
        for header in ["", "Bearer x", "Treaty a b c d", "Treaty  1 2 3 4 5"] {
            assert_eq!(Credentials::parse(header), Err(CredentialsError::Malformed));
        }
    }

    #[test]
    fn a_delegation_is_bound_to_every_field() {
        let member = SigningKey::from_seed(&[1; 32]);
        let person = SigningKey::from_seed(&[2; 32]).did();
        let made =
            Delegation::sign(member.did(), &member, person, "ada".into(), BTreeSet::from([Scope::Read]), 99)
                .unwrap();
        let keys = [SigningKey::generate().unwrap().did(), member.did()];
        assert!(made.is_genuine(&keys) && !made.is_genuine(&keys[..1]));
        assert!(!Delegation { expires: 100, ..made.clone() }.is_genuine(&keys));
        assert!(!Delegation { scopes: Scope::ALL.into(), ..made.clone() }.is_genuine(&keys));
        assert!(!Delegation { name: "eve".into(), ..made }.is_genuine(&keys));
    }
}
