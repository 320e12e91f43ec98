//! CometBFT's directory: its keys, made once; its genesis and its configuration, written at every start.
//!
//! Formats: CometBFT 0.38, `config/config.toml`, `genesis.json`, `priv_validator_key.json`, `node_key.json`. The genesis
//! follows from the founding document alone, so that all members begin with the same block.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{Hash, SigningKey, calendar::utc};
use ledger::{Alliance, Roster, Validator};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::OrderingError;
use crate::{rpc, validators};

/// Most bytes of transactions in a block: the entries that they become keep within [`ledger::BATCH_BYTES_MAX`].
const BLOCK_BYTES_MAX: usize = 2 << 20;
/// The key that votes on blocks.
pub(crate) const KEY: &str = "priv_validator_key.json";
/// The one that takes its place, see [`crate::keys`].
pub(crate) const NEXT_KEY: &str = "priv_validator_key.next.json";
/// The key by which processes know each other.
pub(crate) const NODE_KEY: &str = "node_key.json";
/// The longest name of a Unix socket.
const SOCKET_BYTES_MAX: usize = 107;

/// CometBFT's directory.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// The directory at a path; nothing is read yet.
    pub fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where CometBFT writes what it has to say.
    pub fn log(&self) -> PathBuf {
        self.0.join("cometbft.log")
    }

    /// Where the application answers.
    pub(crate) fn application(&self) -> PathBuf {
        self.0.join("app.sock")
    }

    /// Where CometBFT answers.
    pub fn rpc(&self) -> PathBuf {
        self.0.join("rpc.sock")
    }

    pub(crate) fn config(&self, file: &str) -> PathBuf {
        self.0.join("config").join(file)
    }

    /// What CometBFT has recorded.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// What the validator's key has signed last.
    pub(crate) fn state(&self) -> PathBuf {
        self.data().join("priv_validator_state.json")
    }

    /// Makes a validator's keys, which never leave the directory, and says what the member's card needs.
    ///
    /// # Errors
    /// When the directory cannot be written, or holds keys already.
    pub fn create(&self, address: &str) -> Result<Validator, OrderingError> {
        for directory in [self.0.clone(), self.0.join("config"), self.0.join("data")] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
            made.map_err(|source| OrderingError::File { what: "make", path: directory, source })?;
        }
        let make = || SigningKey::generate().map_err(|error| OrderingError::KeyNotMade(error.to_string()));
        let (key, node) = (make()?, make()?);
        write_new(&self.state(), br#"{"height":"0","round":0,"step":0}"#)?;
        write_new(&self.config(KEY), &key_file(&key, true))?;
        write_new(&self.config(NODE_KEY), &key_file(&node, false))?;
        Ok(Validator { key: key.did(), node: node.did(), address: address.to_owned() })
    }

    /// Writes genesis and configuration for a node of that alliance.
    ///
    /// # Errors
    /// When the keys are not those of the card, or a file cannot be written.
    pub(crate) fn configure(
        &self,
        alliance: &Alliance,
        roster: &Roster,
        mine: &Validator,
        trust: Option<&Trust>,
    ) -> Result<(), OrderingError> {
        self.stand_in()?;
        if !self.config(KEY).exists() {
            return Err(OrderingError::OtherKeys(self.0.join("config")));
        }
        let (key, next) = (self.public_key(KEY)?, self.next_key()?);
        // The card may name the next key already, or not yet the one that stands in for a lost one.
        let is_next = next.is_some_and(|next| next == key || next == *mine.key.public_key());
        if key != *mine.key.public_key() && !is_next {
            return Err(OrderingError::OtherKeys(self.0.join("config")));
        }
        for socket in [self.application(), self.rpc()] {
            let found = socket.as_os_str().len();
            if found > SOCKET_BYTES_MAX {
                return Err(OrderingError::SocketPath { path: socket, found, limit: SOCKET_BYTES_MAX });
            }
            match fs::remove_file(&socket) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(OrderingError::File { what: "remove", path: socket, source });
                }
                _ => {}
            }
        }
        self.write(alliance, roster, mine, trust)
    }

    /// Genesis and configuration, by who is in the alliance now.
    pub(crate) fn write(
        &self,
        alliance: &Alliance,
        roster: &Roster,
        mine: &Validator,
        trust: Option<&Trust>,
    ) -> Result<(), OrderingError> {
        let peers = roster
            .cards()
            .filter_map(|card| card.validator.as_ref())
            .filter(|peer| peer.node != mine.node)
            .map(|peer| format!("{}@{}", validators::node_id(&peer.node), peer.address));
        let peers: Vec<String> = peers.collect();
        replace(&self.config("genesis.json"), genesis(alliance)?.to_string().as_bytes())?;
        replace(&self.config("config.toml"), self.configuration(&mine.address, &peers, trust).as_bytes())
    }

    pub(crate) fn public_key(&self, file: &str) -> Result<[u8; 32], OrderingError> {
        let path = self.config(file);
        let bytes = fs::read(&path);
        let bytes =
            bytes.map_err(|source| OrderingError::File { what: "read", path: path.clone(), source })?;
        let bytes = Zeroizing::new(bytes);
        let malformed = |reason: &str| OrderingError::Key { path: path.clone(), reason: reason.to_owned() };
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| malformed(&error.to_string()))?;
        let decode = |place: &str| {
            let text = value.pointer(place).and_then(Value::as_str)?;
            STANDARD.decode(text).ok().map(Zeroizing::new)
        };
        // The second half of a secret key is the public one; a node's key has no other place for it.
        let of_secret = || decode("/priv_key/value").and_then(|pair| pair.get(32..)?.try_into().ok());
        let stated = decode("/pub_key/value").and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        let key: Option<[u8; 32]> = stated.or_else(of_secret);
        key.ok_or_else(|| malformed("it has no public key of 32 bytes"))
    }

    /// Only what differs from CometBFT's defaults. Nobody else's process is looked for, told about or let in, and the
    /// RPC is a socket in a directory that only its owner may enter.
    fn configuration(&self, address: &str, peers: &[String], trust: Option<&Trust>) -> String {
        let (application, rpc) = (self.application(), self.rpc());
        let ids: Vec<&str> = peers.iter().filter_map(|peer| Some(peer.split_once('@')?.0)).collect();
        format!(
            r#"# Written by `treaty node run` at every start.
proxy_app = "unix://{application}"
abci = "socket"
filter_peers = true
log_level = "error"
db_backend = "goleveldb"

[rpc]
laddr = "unix://{rpc}"
max_body_bytes = {post_bytes}
max_request_batch_size = {questions}

[p2p]
laddr = "tcp://{address}"
persistent_peers = "{peers}"
unconditional_peer_ids = "{ids}"
persistent_peers_max_dial_period = "2s"
addr_book_strict = false
allow_duplicate_ip = true
max_num_inbound_peers = 256
pex = false
flush_throttle_timeout = "10ms"
send_rate = 52428800
recv_rate = 52428800

[mempool]
size = 20000
max_txs_bytes = 67108864
max_tx_bytes = 1048576
cache_size = 40000

[consensus]
timeout_propose = "1s"
timeout_propose_delta = "500ms"
timeout_prevote = "500ms"
timeout_precommit = "500ms"
timeout_commit = "100ms"
create_empty_blocks = false
peer_gossip_sleep_duration = "20ms"

[tx_index]
indexer = "null"
{sync}"#,
            post_bytes = rpc::POST_BYTES_MAX,
            questions = rpc::QUESTIONS_MAX,
            sync = trust.map(Trust::section).unwrap_or_default(),
            application = application.display(),
            rpc = rpc.display(),
            peers = peers.join(","),
            ids = ids.join(","),
        )
    }
}

/// From where a new node's CometBFT learns what vouches for the log, and the block by which it recognises the chain.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    /// Where its light client asks for headers: two or more, see [`crate::relay`].
    pub(crate) servers: Vec<SocketAddr>,
    /// A block's height.
    pub(crate) height: u64,
    /// Its hash, in hex.
    pub(crate) hash: String,
    /// How old the block may be.
    pub(crate) period: Duration,
}

impl Trust {
    fn section(&self) -> String {
        let servers: Vec<_> = self.servers.iter().map(|server| format!("http://{server}")).collect();
        format!(
            "\n[statesync]\nenable = true\nrpc_servers = \"{}\"\ntrust_height = {}\ntrust_hash = \"{}\"\n\
             trust_period = \"{}s\"\ndiscovery_time = \"5s\"\nchunk_request_timeout = \"20s\"\n",
            servers.join(","),
            self.height,
            self.hash,
            self.period.as_secs(),
        )
    }
}

/// The name of an alliance's chain.
pub(crate) fn chain_id(alliance: &Hash) -> String {
    // CometBFT takes 50 characters.
    format!("treaty-{:.40}", alliance.to_string())
}

/// Block 0: the founding document, in CometBFT's terms.
fn genesis(alliance: &Alliance) -> Result<Value, OrderingError> {
    let id = alliance.id().map_err(ledger::LedgerError::from)?;
    let roster = Roster::founding(alliance);
    let validators = roster.validators().into_iter().map(|(key, member)| {
        json!({
            "address": hex::encode_upper(validators::address(&key)),
            "pub_key": { "type": "tendermint/PubKeyEd25519", "value": STANDARD.encode(key.public_key()) },
            "power": validators::POWER.to_string(),
            "name": alliance.card(&member).map_or("", |card| &card.name),
        })
    });
    Ok(json!({
        "genesis_time": utc(alliance.founded).replacen(' ', "T", 1).replace(" UTC", "Z"),
        "chain_id": chain_id(&id),
        "initial_height": "1",
        "consensus_params": consensus_params(),
        "validators": validators.collect::<Vec<_>>(),
        "app_hash": "",
        "app_state": { "alliance": id.to_string() },
    }))
}

/// What all nodes' CometBFT must hold alike. The same at every height: no block changes it.
pub(crate) fn consensus_params() -> Value {
    json!({
        "block": { "max_bytes": BLOCK_BYTES_MAX.to_string(), "max_gas": "-1" },
        "evidence": {
            "max_age_num_blocks": "100000",
            "max_age_duration": "1209600000000000",
            "max_bytes": "65536",
        },
        "validator": { "pub_key_types": ["ed25519"] },
        "version": { "app": "0" },
        "abci": { "vote_extensions_enable_height": "0" },
    })
}

/// A key as CometBFT keeps it: seed and public key, in base64.
pub(crate) fn key_file(key: &SigningKey, with_public: bool) -> Zeroizing<Vec<u8>> {
    let public = key.did();
    let mut pair = Zeroizing::new([0; 64]);
    let (seed, rest) = pair.split_at_mut(32);
    seed.copy_from_slice(key.to_seed().as_slice());
    rest.copy_from_slice(public.public_key());
    let secret = Zeroizing::new(STANDARD.encode(pair.as_slice()));
    let public_part = if with_public {
        format!(
            r#""address":"{}","pub_key":{{"type":"tendermint/PubKeyEd25519","value":"{}"}},"#,
            hex::encode_upper(validators::address(&public)),
            STANDARD.encode(public.public_key()),
        )
    } else {
        String::new()
    };
    let text = format!(
        r#"{{{public_part}"priv_key":{{"type":"tendermint/PrivKeyEd25519","value":"{}"}}}}"#,
        secret.as_str()
    );
    Zeroizing::new(text.into_bytes())
}

/// Writes a file that only its owner may read, and that is not there yet.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), OrderingError> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .map_err(|source| OrderingError::File { what: "write", path: path.to_owned(), source })
}

/// The old or the new content is there at any time.
fn replace(path: &Path, content: &[u8]) -> Result<(), OrderingError> {
    let draft = path.with_extension("new");
    fs::write(&draft, content).and_then(|()| fs::rename(&draft, path)).map_err(|source| OrderingError::File {
        what: "write",
        path: path.to_owned(),
        source,
    })
}
