//! What a person's client needs to reach the member's node: a small file, beside the person's key.

use std::path::{Path, PathBuf};

use contract::{Did, SigningKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A client's profile, kept as JSON and readable by its owner only, because it holds the person's key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// `https://127.0.0.1:7101`
    pub api: String,
    /// The member whose node it is.
    pub member: Did,
    /// The node's certificate (PEM): the only one that the client accepts.
    pub certificate: String,
    /// The person's name, for people.
    pub person: String,
    /// The person's key: 32 bytes in hex.
    key: String,
}

/// Why a profile could not be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// The file could not be read.
    #[error("cannot read the profile `{}`: {source}; name one with `--profile`, or make one with `treaty person add`", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a profile.
    #[error("`{}` is not a profile: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Profile {
    /// A profile for a person.
    pub fn new(api: String, member: Did, certificate: String, person: String, key: &SigningKey) -> Self {
        Self { api, member, certificate, person, key: hex::encode(key.to_seed().as_slice()) }
    }

    /// Reads a profile file.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ProfileError::Unreadable { path: path.to_owned(), source })?;
        let profile: Self = serde_json::from_str(&text)
            .map_err(|error| ProfileError::Malformed { path: path.to_owned(), reason: error.to_string() })?;
        match profile.signing_key() {
            Some(_) => Ok(profile),
            None => Err(ProfileError::Malformed {
                path: path.to_owned(),
                reason: "`key` is not 32 bytes in hex".to_owned(),
            }),
        }
    }

    /// The person's key.
    pub fn signing_key(&self) -> Option<SigningKey> {
        let mut seed = [0; 32];
        hex::decode_to_slice(&self.key, &mut seed).ok()?;
        Some(SigningKey::from_seed(&seed))
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("api", &self.api)
            .field("person", &self.person)
            .finish_non_exhaustive()
    }
}
