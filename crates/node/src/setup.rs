//! Before a node runs: keys and certificate, founding and joining an alliance, persons, signatures made off line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use api::Profile;
use api::auth::{Delegation, Scope};
use api::types::contracts::FileSignature;
use contract::{Contract, Did, Signature, SigningKey};
use ledger::alliance::{Alliance, Card, Standing, quorum_of_founding};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::home::{self, Config, Home, HomeError};

/// How long the first person's delegation lasts.
const OWNER_DAYS: u32 = 3650;
/// The largest identity card or founding document that is read.
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// Why a node could not be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A file.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A directory that already holds a node is never overwritten: its keys would be lost.
    #[error("`{}` already holds a node; choose another directory", .0.display())]
    AlreadyThere(PathBuf),
    /// A key, card or document could not be made or read.
    #[error("{what}: {reason}")]
    Document {
        /// What was being made or read.
        what: String,
        /// Why it failed.
        reason: String,
    },
    /// A validator's keys.
    #[error(transparent)]
    Ordering(#[from] ordering::OrderingError),
    /// No card bears that name.
    #[error("no member is called `{name}`: the cards are of {known}")]
    UnknownMember {
        /// The name.
        name: String,
        /// Names on the cards.
        known: String,
    },
    /// A founder has the name of a node that would join later.
    #[error(
        "`{name}` is the name of a founder of `{alliance}`, with another identity than this node's ({member}): join with \
         the founder's own directory, or make a node with another name"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// This node's identity.
        member: Did,
        /// The alliance's name.
        alliance: String,
    },
}

fn document(what: impl Into<String>) -> impl FnOnce(String) -> SetupError {
    let what = what.into();
    move |reason| SetupError::Document { what, reason }
}

/// What `treaty node init` is told.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// The member's name: lower-case letters, digits and hyphens.
    pub name: String,
    /// Member or regulator.
    pub standing: Standing,
    /// Address that other nodes connect to, as `host:port`.
    pub peer: String,
    /// Address that the member's persons connect to, as `host:port`.
    pub api: String,
    /// Address that other members' CometBFT processes connect to, as `host:port`; for an alliance without an operator.
    pub bft: Option<String>,
}

/// What `treaty node init` made.
#[derive(Clone, Debug)]
pub struct Initialised {
    /// The member's identity.
    pub did: Did,
    /// The identity card, to be handed to whoever founds the alliance.
    pub card: PathBuf,
    /// The first person's profile.
    pub profile: PathBuf,
    /// What the operator must know about the keys.
    pub warning: String,
}

/// Whether this machine can run a node of an alliance without an operator.
///
/// # Errors
/// When CometBFT is missing, or another version: what to install.
pub fn find_cometbft() -> Result<PathBuf, SetupError> {
    Ok(ordering::find()?)
}

/// Makes a member's keys, its node's certificate, its identity card, a first person and a configuration file.
pub fn init(directory: &Path, options: InitOptions) -> Result<Initialised, SetupError> {
    let home = Home::new(directory);
    if home.member_key().exists() {
        return Err(SetupError::AlreadyThere(directory.to_owned()));
    }
    home::make_directory(directory)?;
    home::make_directory(&home.persons())?;

    let key = generate()?;
    let hosts = [host_of(&options.peer), host_of(&options.api)];
    let certificate = peers::Identity::generate(&hosts)
        .map_err(|error| document("the node's certificate could not be made")(error.to_string()))?;
    let pem = certificate.certificate_pem();
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| document("the node's certificate")(error.to_string()))?;
    let mut card = Card::sign(
        &key,
        &options.name,
        options.standing,
        &options.peer,
        &format!("https://{}", options.api),
        &der,
    )
    .map_err(|error| document("the identity card")(error.to_string()))?;
    if let Some(address) = &options.bft {
        // Its keys are made last of all that may fail, and stay in its directory.
        let home = ordering::home::Home::new(&home.bft());
        card.validator = Some(home.create(address)?);
        card = card.renewed(&key).map_err(|error| document("the identity card")(error.to_string()))?;
    }
    let card = contract::canonical::to_bytes(&card)
        .map_err(|error| document("the identity card")(error.to_string()))?;
    let config =
        Config { name: options.name, peer: options.peer, api: options.api, upload_bytes_max: 4 << 30 };
    let config_text =
        toml::to_string(&config).map_err(|error| document("the configuration")(error.to_string()))?;

    // The member's key comes last: a directory is only taken for a node once it is complete.
    home::write_private(&home.node_key(), certificate.key_pem().as_bytes())?;
    home::write_public(&home.node_certificate(), pem.as_bytes())?;
    home::write_public(&home.card(), &card)?;
    home::write_public(&home.config(), config_text.as_bytes())?;
    delegate(&home, &config, &key, "owner", Scope::ALL.into(), OWNER_DAYS, &home.profile())?;
    home.write_member_key(&key)?;

    let warning = format!(
        "the private keys in `{}` are not encrypted, only readable by this user (mode 0600): keep the directory on \
         an encrypted disk and back it up; whoever has `member.key` can sign as this member",
        directory.display()
    );
    Ok(Initialised { did: key.did(), card: home.card(), profile: home.profile(), warning })
}

/// What `treaty alliance found` is told.
#[derive(Clone, Debug)]
pub struct FoundOptions {
    /// The alliance's name.
    pub name: String,
    /// Name of the member whose node orders the ledger; all members' nodes order it together when absent.
    pub operator: Option<String>,
    /// How many members must cosign a checkpoint; the smallest majority of the members when absent, and without an
    /// operator more than two thirds of them.
    pub quorum: Option<u16>,
    /// Points that members start with, by name.
    pub points: BTreeMap<String, u64>,
    /// The founders' identity cards.
    pub cards: Vec<PathBuf>,
}

/// Writes an alliance's founding document from its founders' signed cards.
pub fn found(options: &FoundOptions, out: &Path) -> Result<Alliance, SetupError> {
    let mut members = Vec::new();
    for path in &options.cards {
        members.push(read_card(path)?);
    }
    let did_of = |name: &str| {
        members.iter().find(|card| card.name == name).map(|card| card.member).ok_or_else(|| {
            let known: Vec<_> = members.iter().map(|card| format!("`{}`", card.name)).collect();
            SetupError::UnknownMember { name: name.to_owned(), known: known.join(", ") }
        })
    };
    let operator = options.operator.as_deref().map(did_of).transpose()?;
    let points = options
        .points
        .iter()
        .map(|(name, points)| Ok((did_of(name)?, *points)))
        .collect::<Result<BTreeMap<_, _>, SetupError>>()?;
    let voters = members.iter().filter(|card| card.standing == Standing::Member).count();
    let voters = u16::try_from(voters).unwrap_or(u16::MAX);
    let quorum = options.quorum.unwrap_or_else(|| quorum_of_founding(voters, operator.is_some()));
    members.sort_by_key(|card| card.member);
    let alliance = Alliance {
        format: ledger::alliance::FORMAT.to_owned(),
        name: options.name.clone(),
        founded: now_seconds(),
        operator,
        quorum,
        members,
        points,
    };
    alliance.validate().map_err(|error| document("the alliance cannot be founded")(error.to_string()))?;
    let bytes = alliance.to_bytes().map_err(|error| document("the founding document")(error.to_string()))?;
    home::write_public(out, &bytes)?;
    Ok(alliance)
}

/// In which way a node joins an alliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Its card is in the founding document.
    Founder,
    /// Members have to admit it by vote; until then nobody hears its node.
    Candidate,
}

/// Lets a node follow an alliance: keeps the founding document, by which it checks everything that it is told.
/// `contact` is the card of a member from which the ledger can be fetched, for when all founders have moved since.
pub fn join(directory: &Path, alliance: &Path, contact: Option<&Path>) -> Result<Joined, SetupError> {
    let home = Home::new(directory);
    let config = home.read_config()?;
    let member = home.identity()?;
    let bytes = home::read(alliance)?;
    let alliance = read_alliance(&bytes)?;
    let founder = alliance.card(&member).is_some();
    if !founder && alliance.card_named(&config.name).is_some() {
        return Err(SetupError::NameTaken { name: config.name, member, alliance: alliance.name });
    }
    if let Some(contact) = contact {
        read_card(contact)?;
        home::write_public(&home.contact(), &home::read(contact)?)?;
    }
    home::write_public(&home.alliance(), &bytes)?;
    Ok(if founder { Joined::Founder } else { Joined::Candidate })
}

/// Reads an identity card. Its form is checked; whose key signed it is for the ledger to say.
pub fn read_card(path: &Path) -> Result<Card, SetupError> {
    let what = || format!("the card `{}`", path.display());
    let card: Card = contract::canonical::from_bytes(&home::read(path)?, DOCUMENT_BYTES_MAX)
        .map_err(|error| document(what())(error.to_string()))?;
    card.certificate_der().map_err(|flaw| document(what())(flaw.to_string()))?;
    Ok(card)
}

/// Reads and checks a founding document.
pub fn read_alliance(bytes: &[u8]) -> Result<Alliance, SetupError> {
    Alliance::from_bytes(bytes).map_err(|error| document("the founding document")(error.to_string()))
}

/// Delegates to a further person and writes their profile.
pub fn add_person(
    directory: &Path,
    name: &str,
    scopes: BTreeSet<Scope>,
    days: u32,
    out: &Path,
) -> Result<(), SetupError> {
    let home = Home::new(directory);
    let config = home.read_config()?;
    delegate(&home, &config, &home.read_member_key()?, name, scopes, days, out)
}

/// A new key for a member whose own is lost: what the others need to vote on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose.
    pub member: Did,
    /// The key.
    pub key: Did,
    /// Its signature over alliance, member and key.
    pub proof: Signature,
}

/// Makes a key in the node's directory that takes the lost one's place once the members have voted for it.
pub fn new_key(directory: &Path) -> Result<NewKey, SetupError> {
    let home = Home::new(directory);
    let alliance = read_alliance(&home::read(&home.alliance())?)?;
    let (member, next) = (home.identity()?, home.next_member_key());
    let key = if next.exists() { home.read_next_member_key()? } else { home.make_next_member_key()? };
    let alliance = alliance.id().map_err(|error| document("the founding document")(error.to_string()))?;
    let proof = ledger::identity::prove_key(&alliance, &member, &key)
        .map_err(|error| document("the new key")(error.to_string()))?;
    Ok(NewKey { member, key: key.did(), proof })
}

/// Makes keys for a validator that has lost its own: the node starts with them, and a renewed card puts them in place.
pub fn new_validator(directory: &Path) -> Result<ledger::Validator, SetupError> {
    let home = Home::new(directory);
    let named = read_card(&home.card())?.validator.ok_or(ordering::OrderingError::NoValidator)?;
    Ok(ordering::home::Home::new(&home.bft()).next(&named.address, |_| false)?)
}

/// Signs a contract with the member's key, without a node and without its checks: for a machine that has no network.
pub fn sign_offline(directory: &Path, contract: &Contract) -> Result<FileSignature, SetupError> {
    let home = Home::new(directory);
    let key = home.read_member_key()?;
    let signature = contract.sign(&key).map_err(|error| document("the contract")(error.to_string()))?;
    Ok(FileSignature { party: home.identity()?.to_string(), signature: signature.to_string() })
}

/// Makes a person's key, the member's delegation to it, and the profile.
fn delegate(
    home: &Home,
    config: &Config,
    key: &SigningKey,
    name: &str,
    scopes: BTreeSet<Scope>,
    days: u32,
    out: &Path,
) -> Result<(), SetupError> {
    let (person, member) = (generate()?, home.identity()?);
    let expires = now_seconds() + u64::from(days) * 86_400;
    let delegation = Delegation::sign(member, key, person.did(), name.to_owned(), scopes, expires)
        .map_err(|error| document("the delegation")(error.to_string()))?;
    let delegation = contract::canonical::to_bytes(&delegation)
        .map_err(|error| document("the delegation")(error.to_string()))?;
    let certificate = home::read(&home.node_certificate())?;
    let certificate = String::from_utf8(certificate)
        .map_err(|error| document("the node's certificate")(error.to_string()))?;
    let api = format!("https://{}", config.api);
    let profile = Profile::new(api, member, certificate, name.to_owned(), &person);
    let profile =
        serde_json::to_vec_pretty(&profile).map_err(|error| document("the profile")(error.to_string()))?;
    home::write_private(out, &profile)?;
    let file = format!("{}.json", person.did().to_string().trim_start_matches("did:key:"));
    Ok(home::write_public(&home.persons().join(file), &delegation)?)
}

fn generate() -> Result<SigningKey, SetupError> {
    SigningKey::generate().map_err(|error| document("a key could not be made")(error.to_string()))
}

/// The host of `host:port`.
pub(crate) fn host_of(address: &str) -> String {
    address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']).to_owned()
}

/// The machine's clock, in seconds since 1970.
pub(crate) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
