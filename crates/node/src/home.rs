//! A node's directory: what is kept where, and private files that only their owner can read.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use contract::{Did, SigningKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

/// The largest identity card that is read.
const CARD_BYTES_MAX: usize = 64 << 10;

/// Why a node's directory cannot be used.
#[derive(Debug, Error)]
pub enum HomeError {
    /// A file could not be read.
    #[error("cannot read `{}`: {source}; is `{}` a directory made by `treaty node init`?", path.display(), path.parent().unwrap_or(path).display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}` cannot be used: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// `node.toml`: what the operator of a node may change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The member's name in the alliance.
    pub name: String,
    /// Address that other nodes connect to, as `host:port`.
    pub peer: String,
    /// Address that the member's persons connect to, as `host:port`.
    pub api: String,
    /// The largest upload in bytes.
    #[serde(default = "upload_bytes_max")]
    pub upload_bytes_max: u64,
}

fn upload_bytes_max() -> u64 {
    4 << 30
}

/// A node's directory.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// The directory at a path; nothing is read yet.
    pub(crate) fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// The member's private key (0600).
    pub(crate) fn member_key(&self) -> PathBuf {
        self.0.join("member.key")
    }

    /// The private key that is to follow the member's present one (0600); there only while it changes.
    pub(crate) fn next_member_key(&self) -> PathBuf {
        self.0.join("member.key.next")
    }

    /// The certificate, with its key, by which other nodes know this one since it was renewed (0600). Before, it is
    /// the first one, which the API goes on using.
    pub(crate) fn peer_identity(&self) -> PathBuf {
        self.0.join("peer.pem")
    }

    /// What is to follow it; there only while it changes.
    pub(crate) fn next_peer_identity(&self) -> PathBuf {
        self.0.join("peer.pem.next")
    }

    /// The private key of the node's certificate (0600).
    pub(crate) fn node_key(&self) -> PathBuf {
        self.0.join("node.key.pem")
    }

    /// The node's certificate.
    pub(crate) fn node_certificate(&self) -> PathBuf {
        self.0.join("node.cert.pem")
    }

    /// The member's identity card, to be handed to whoever founds the alliance.
    pub(crate) fn card(&self) -> PathBuf {
        self.0.join("card.json")
    }

    /// The alliance's founding document.
    pub(crate) fn alliance(&self) -> PathBuf {
        self.0.join("alliance.json")
    }

    /// The card of a member from which a node that joins later fetches the ledger.
    pub(crate) fn contact(&self) -> PathBuf {
        self.0.join("contact.json")
    }

    /// Persons that may act for the member, one delegation a file.
    pub(crate) fn persons(&self) -> PathBuf {
        self.0.join("persons")
    }

    /// The profile of the first person (0600).
    pub(crate) fn profile(&self) -> PathBuf {
        self.0.join("profile.json")
    }

    /// Data, or the hashes of data that stays elsewhere.
    pub(crate) fn vault(&self) -> PathBuf {
        self.0.join("vault")
    }

    /// Passwords of the databases that linked datasets stay in (0600).
    pub(crate) fn database_passwords(&self) -> PathBuf {
        self.0.join("pgpass")
    }

    /// Uploads that wait for their import.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.0.join("uploads")
    }

    /// CometBFT's directory, where all members order.
    pub(crate) fn bft(&self) -> PathBuf {
        self.0.join("bft")
    }

    /// This node's replica of the ledger.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("ledger.redb")
    }

    /// What this node did in each run.
    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("runs.redb")
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("node.toml")
    }

    /// Reads `node.toml`.
    pub(crate) fn read_config(&self) -> Result<Config, HomeError> {
        let path = self.config();
        let text = read(&path)?;
        let text = std::str::from_utf8(&text)
            .map_err(|error| HomeError::Malformed { path: path.clone(), reason: error.to_string() })?;
        toml::from_str(text).map_err(|error| HomeError::Malformed { path, reason: error.to_string() })
    }

    /// Reads the member's private key.
    pub(crate) fn read_member_key(&self) -> Result<SigningKey, HomeError> {
        read_key(self.member_key())
    }

    /// Reads the private key that is to follow it.
    pub(crate) fn read_next_member_key(&self) -> Result<SigningKey, HomeError> {
        read_key(self.next_member_key())
    }

    /// Makes the private key that is to follow the present one.
    pub(crate) fn make_next_member_key(&self) -> Result<SigningKey, HomeError> {
        let path = self.next_member_key();
        let key = SigningKey::generate()
            .map_err(|error| HomeError::Malformed { path: path.clone(), reason: error.to_string() })?;
        write_key(&path, &key)?;
        Ok(key)
    }

    /// The member's identity: the key with which it was founded or admitted.
    pub(crate) fn identity(&self) -> Result<Did, HomeError> {
        let path = self.card();
        let card: ledger::Card = contract::canonical::from_bytes(&read(&path)?, CARD_BYTES_MAX)
            .map_err(|error| HomeError::Malformed { path, reason: error.to_string() })?;
        Ok(card.member)
    }

    /// Writes the member's private key, once.
    pub(crate) fn write_member_key(&self, key: &SigningKey) -> Result<(), HomeError> {
        write_key(&self.member_key(), key)
    }
}

fn read_key(path: PathBuf) -> Result<SigningKey, HomeError> {
    let text = Zeroizing::new(read(&path)?);
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_ascii(), seed.as_mut())
        .map_err(|_| HomeError::Malformed { path, reason: "it is not 32 bytes in hex".to_owned() })?;
    Ok(SigningKey::from_seed(&seed))
}

fn write_key(path: &Path, key: &SigningKey) -> Result<(), HomeError> {
    let text = Zeroizing::new(hex::encode(key.to_seed().as_slice()));
    write_private(path, text.as_bytes())
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, HomeError> {
    fs::read(path).map_err(|source| HomeError::Unreadable { path: path.to_owned(), source })
}

/// Writes a file that anyone may read; the old or the new content is there at any time.
pub(crate) fn write_public(path: &Path, content: &[u8]) -> Result<(), HomeError> {
    write(path, content, 0o644)
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), HomeError> {
    write(path, content, 0o600)
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), HomeError> {
    let unwritable = |source| HomeError::Unwritable { path: path.to_owned(), source };
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    // A draft left by a crash may have another mode, which opening would keep.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(error)),
        _ => {}
    }
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft).map_err(unwritable)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(unwritable)?;
    fs::rename(&draft, path).map_err(unwritable)
}

/// Lets only the owner read a file that a library made.
pub(crate) fn keep_private(path: &Path) -> Result<(), HomeError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|source| HomeError::Unwritable { path: path.to_owned(), source })
}

/// Makes a directory that only its owner may enter.
pub(crate) fn make_directory(path: &Path) -> Result<(), HomeError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| HomeError::Unwritable { path: path.to_owned(), source })
}

/// Makes a directory that only its owner may enter, without what an earlier process left in it.
pub(crate) fn make_empty_directory(path: &Path) -> Result<(), HomeError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(HomeError::Unwritable { path: path.to_owned(), source })
        }
        _ => make_directory(path),
    }
}
