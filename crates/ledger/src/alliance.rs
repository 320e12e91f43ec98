//! The founding document: who is in the alliance, who orders its ledger, and how many must agree.
//!
//! It is entry 0 of the log, and its hash names the alliance in every transaction, contract and checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{
    Did, Hash, Signature, SigningKey,
    canonical::{self, CanonicalError},
    text::check_line,
};
use serde::{Deserialize, Serialize};

use crate::text;

/// The format that this build writes and reads.
pub const FORMAT: &str = "treaty-alliance/1";
/// Most members that an alliance may have: every one may cosign every checkpoint.
pub const MEMBERS_MAX: usize = 128;
/// Most bytes of a member's certificate (DER).
pub const CERTIFICATE_BYTES_MAX: usize = 4096;
/// Most bytes of the founding document in canonical form.
pub const ALLIANCE_BYTES_MAX: usize = 1 << 20;

/// The founding document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alliance {
    /// [`FORMAT`].
    pub format: String,
    /// For people.
    pub name: String,
    /// Seconds since 1970; the time of entry 0.
    pub founded: u64,
    /// The member whose node orders the log; absent when the members' nodes order it together, by Byzantine agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Did>,
    /// How many different members' signatures on a checkpoint make it final, the operator's included. A choice
    /// between two dangers: see [`quorum_against_forks`], and [`quorum_of_agreement`] without an operator.
    pub quorum: u16,
    /// Founding members and regulators, sorted by identity.
    pub members: Vec<Card>,
    /// Points that each member starts with; the sum never changes afterwards.
    pub points: BTreeMap<Did, u64>,
}

/// What an organisation says of itself when it joins, signed by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Its identity.
    pub member: Did,
    /// Its name in dataset paths and in output for people: `[a-z][a-z0-9-]{0,31}`, unique in the alliance.
    pub name: String,
    /// In which capacity it takes part.
    pub standing: Standing,
    /// Where its node accepts other nodes: `host:port`.
    pub peer: String,
    /// Where its node serves the API: `https://host:port`.
    pub api: String,
    /// Its node's TLS certificate: DER in base64.
    pub certificate: String,
    /// Under which law it acts, and who runs its node where, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// How its node takes part in ordering, in an alliance without an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<Validator>,
    /// By `member` (by its present key, on a renewed card) over all other fields, under the domain `card`.
    pub signature: Signature,
}

/// Where an organisation and its node are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The law that it acts under: 2 to 12 capital letters, digits and hyphens, for example `DE` or `US-CA`.
    pub jurisdiction: String,
    /// Who runs the node; 1 to 100 bytes.
    pub operator: String,
    /// On whose machines; 1 to 100 bytes.
    pub hosting: String,
    /// Where those are; 1 to 100 bytes.
    pub region: String,
}

/// How a node takes part in Byzantine agreement on the order of transactions.
///
/// Its keys are not the member's: the process that faces the network holds nothing that could sign a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Votes on blocks.
    pub key: Did,
    /// Proves to other validators' processes who is calling.
    pub node: Did,
    /// Where its process accepts those of other members: `host:port`.
    pub address: String,
}

impl Place {
    fn verify(&self) -> Result<(), CardFlaw> {
        if !is_jurisdiction(&self.jurisdiction) {
            return Err(CardFlaw::Jurisdiction { found: text::excerpt(&self.jurisdiction) });
        }
        [&self.operator, &self.hosting, &self.region]
            .into_iter()
            .try_for_each(|text| check_line(text, 100))
            .map_err(CardFlaw::Place)
    }
}

/// 2 to 12 capital letters, digits and hyphens, a letter first.
pub(crate) fn is_jurisdiction(text: &str) -> bool {
    (2..=12).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

/// In which capacity an organisation takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Publishes, contracts, computes, and counts towards the quorum.
    Member,
    /// Reads and checks; may only be auditor or regulator in a contract, and does not count towards the quorum.
    Regulator,
}

/// What is wrong with a founding document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllianceFlaw {
    /// Written by another version.
    #[error("the founding document has format `{found}`, this build reads `{FORMAT}`")]
    Format {
        /// What it says.
        found: String,
    },
    /// The alliance's name.
    #[error("the alliance's name {0}")]
    Name(contract::text::Flaw),
    /// Too few or too many.
    #[error("an alliance has 1 to {MEMBERS_MAX} members, found {found}")]
    MemberCount {
        /// How many cards there are.
        found: usize,
    },
    /// Not sorted, or one member twice.
    #[error("the cards must be sorted by identity, each member once: `{member}` is out of place")]
    MemberOrder {
        /// The card that doesn't follow its predecessor.
        member: Did,
    },
    /// Two organisations share a name or a certificate.
    #[error("the {what} of `{member}` is used by another member too")]
    Shared {
        /// The second one.
        member: Did,
        /// `name` or `certificate`.
        what: &'static str,
    },
    /// One card is malformed or not signed by its member.
    #[error("the card of `{member}` is not accepted: {flaw}")]
    Card {
        /// Whose card.
        member: Did,
        /// Why.
        flaw: CardFlaw,
    },
    /// The operator is not a member.
    #[error("the operator `{operator}` is not a member of the alliance")]
    Operator {
        /// Who was named.
        operator: Did,
    },
    /// Without an operator, all members order.
    #[error(
        "the alliance has no operator, and the card of `{member}` names no validator to order with: make its node with `treaty node init --bft HOST:PORT`"
    )]
    NoValidator {
        /// Whose card.
        member: Did,
    },
    /// The quorum cannot be reached, or is nobody.
    #[error("the quorum must be between 1 and the number of members ({members}), found {found}")]
    Quorum {
        /// What it says.
        found: u16,
        /// Organisations whose standing is `member`.
        members: usize,
    },
    /// Points for somebody outside.
    #[error("points are given to `{account}`, who is not a member of the alliance")]
    Account {
        /// Who was named.
        account: Did,
    },
    /// More points than the ledger can count exactly.
    #[error("all points together must stay below 2^53")]
    TooManyPoints,
    /// Larger than [`ALLIANCE_BYTES_MAX`], or not writable as canonical JSON.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// What is wrong with a member's card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardFlaw {
    /// The name.
    #[error("the name `{found}` must match [a-z][a-z0-9-]{{0,31}}")]
    Name {
        /// What it says.
        found: String,
    },
    /// The address for other nodes.
    #[error("the peer address `{found}` must be `host:port`")]
    Peer {
        /// What it says.
        found: String,
    },
    /// The address of the API.
    #[error("the API address `{found}` must be `https://host:port` (or `http://` on the loopback interface)")]
    Api {
        /// What it says.
        found: String,
    },
    /// The certificate.
    #[error("the certificate must be DER of at most {CERTIFICATE_BYTES_MAX} bytes in base64")]
    Certificate,
    /// The jurisdiction.
    #[error("the jurisdiction `{found}` must match [A-Z][A-Z0-9-]{{1,11}}")]
    Jurisdiction {
        /// What it says.
        found: String,
    },
    /// The address of the validator.
    #[error("the validator's address `{found}` must be `host:port`")]
    ValidatorAddress {
        /// What it says.
        found: String,
    },
    /// Two keys for two purposes.
    #[error("the validator's two keys must differ from each other and from the member's")]
    ValidatorKeys,
    /// The operator, hosting provider or region.
    #[error("a name in the card's place {0}")]
    Place(contract::text::Flaw),
    /// Not by the member, or changed afterwards.
    #[error("its signature is not by the member over this card")]
    Forged,
    /// Not writable as canonical JSON.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// The smallest quorum at which no two forks of an operator can both become final: more than half of the other
/// members must cosign, so that two quorums share one who saw both.
///
/// With a smaller quorum the ledger goes on while more members are away, and a fork is noticed only when members on
/// its two sides meet: each then finds that the other's final checkpoint does not extend what it has.
pub fn quorum_against_forks(members: u16) -> u16 {
    if members < 2 { 1 } else { (members - 1) / 2 + 2 }
}

/// The quorum at which final checkpoints stand on more than two thirds of the members, as the blocks under them do:
/// two of them, of which at least one is honest, were cosigned by a common honest member as long as fewer than a third
/// are not.
pub fn quorum_of_agreement(members: u16) -> u16 {
    (u32::from(members) * 2 / 3 + 1).try_into().unwrap_or(u16::MAX)
}

/// The quorum of an alliance whose founders name none, and the least that its quorum follows as members come and go:
/// more than half of the members where an operator orders, [`quorum_of_agreement`] where all do.
pub fn quorum_of_founding(members: u16, has_operator: bool) -> u16 {
    if has_operator { members / 2 + 1 } else { quorum_of_agreement(members) }
}

impl Alliance {
    /// Reads a founding document from its canonical bytes and checks it.
    ///
    /// # Errors
    /// The first [`AllianceFlaw`] found.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AllianceFlaw> {
        let alliance: Self = canonical::from_bytes(bytes, ALLIANCE_BYTES_MAX)?;
        alliance.validate()?;
        Ok(alliance)
    }

    /// The canonical bytes: what a member keeps as `alliance.json` to check proofs with.
    ///
    /// # Errors
    /// When a number is too large for canonical JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }

    /// The hash that names the alliance.
    ///
    /// # Errors
    /// As [`Self::to_bytes`].
    pub fn id(&self) -> Result<Hash, CanonicalError> {
        canonical::hash("alliance", self)
    }

    /// The card of a member or regulator.
    pub fn card(&self, member: &Did) -> Option<&Card> {
        let at = self.members.binary_search_by(|card| card.member.cmp(member)).ok()?;
        self.members.get(at)
    }

    /// The card with that name.
    pub fn card_named(&self, name: &str) -> Option<&Card> {
        self.members.iter().find(|card| card.name == name)
    }

    /// Checks everything that a founding document must satisfy, every card's signature included.
    ///
    /// # Errors
    /// The first [`AllianceFlaw`] found.
    pub fn validate(&self) -> Result<(), AllianceFlaw> {
        if self.format != FORMAT {
            return Err(AllianceFlaw::Format { found: text::excerpt(&self.format) });
        }
        check_line(&self.name, 100).map_err(AllianceFlaw::Name)?;
        self.validate_members()?;
        self.validate_quorum()?;
        self.validate_points()?;
        let found = self.to_bytes()?.len();
        if found > ALLIANCE_BYTES_MAX {
            return Err(CanonicalError::TooLarge { limit: ALLIANCE_BYTES_MAX, found }.into());
        }
        Ok(())
    }

    fn validate_members(&self) -> Result<(), AllianceFlaw> {
        if !(1..=MEMBERS_MAX).contains(&self.members.len()) {
            return Err(AllianceFlaw::MemberCount { found: self.members.len() });
        }
        let (mut names, mut certificates, mut validators) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut previous = None;
        for card in &self.members {
            let member = card.member;
            if previous >= Some(member) {
                return Err(AllianceFlaw::MemberOrder { member });
            }
            previous = Some(member);
            card.verify().map_err(|flaw| AllianceFlaw::Card { member, flaw })?;
            if !names.insert(&card.name) {
                return Err(AllianceFlaw::Shared { member, what: "name" });
            }
            if !certificates.insert(&card.certificate) {
                return Err(AllianceFlaw::Shared { member, what: "certificate" });
            }
            if card.validator_keys().any(|key| !validators.insert(key)) {
                return Err(AllianceFlaw::Shared { member, what: "validator's key" });
            }
        }
        Ok(())
    }

    fn validate_quorum(&self) -> Result<(), AllianceFlaw> {
        let is_member = |card: &&Card| card.standing == Standing::Member;
        if let Some(operator) = self.operator
            && !self.card(&operator).as_ref().is_some_and(is_member)
        {
            return Err(AllianceFlaw::Operator { operator });
        }
        let orders = |card: &&Card| self.operator.is_some() || card.validator.is_some();
        if let Some(card) = self.members.iter().filter(is_member).find(|card| !orders(card)) {
            return Err(AllianceFlaw::NoValidator { member: card.member });
        }
        let members = self.members.iter().filter(is_member).count();
        if !(1..=members).contains(&usize::from(self.quorum)) {
            return Err(AllianceFlaw::Quorum { found: self.quorum, members });
        }
        Ok(())
    }

    fn validate_points(&self) -> Result<(), AllianceFlaw> {
        let mut total = 0_u64;
        for (account, points) in &self.points {
            if self.card(account).is_none_or(|card| card.standing != Standing::Member) {
                return Err(AllianceFlaw::Account { account: *account });
            }
            total = total
                .checked_add(*points)
                .filter(|total| *total < 1 << 53)
                .ok_or(AllianceFlaw::TooManyPoints)?;
        }
        Ok(())
    }
}

/// All that a card's signature covers.
#[derive(Serialize)]
struct CardBody<'a> {
    member: &'a Did,
    name: &'a str,
    standing: Standing,
    peer: &'a str,
    api: &'a str,
    certificate: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validator: Option<&'a Validator>,
}

impl Card {
    /// A card signed by `key`, whose identity becomes `member`. `certificate` is DER.
    ///
    /// # Errors
    /// A [`CardFlaw`] when a field is malformed.
    pub fn sign(
        key: &SigningKey,
        name: &str,
        standing: Standing,
        peer: &str,
        api: &str,
        certificate: &[u8],
    ) -> Result<Self, CardFlaw> {
        let mut card = Self {
            member: key.did(),
            name: name.to_owned(),
            standing,
            peer: peer.to_owned(),
            api: api.to_owned(),
            certificate: STANDARD.encode(certificate),
            place: None,
            validator: None,
            signature: Signature::from_bytes([0; 64]),
        };
        card.signature = key.sign("card", &card.body()?);
        card.verify()?;
        Ok(card)
    }

    /// The card as it is now, signed by the member's present key.
    ///
    /// # Errors
    /// A [`CardFlaw`] when a field is malformed.
    pub fn renewed(mut self, key: &SigningKey) -> Result<Self, CardFlaw> {
        self.signature = key.sign("card", &self.body()?);
        self.verify_by(&key.did())?;
        Ok(self)
    }

    /// Checks the fields' form and the member's signature.
    ///
    /// # Errors
    /// The first [`CardFlaw`] found.
    pub fn verify(&self) -> Result<(), CardFlaw> {
        self.verify_by(&self.member)
    }

    /// [`Self::verify`] for a card that another key of the member signed.
    ///
    /// # Errors
    /// The first [`CardFlaw`] found.
    pub fn verify_by(&self, key: &Did) -> Result<(), CardFlaw> {
        if !text::is_name(&self.name, 32) {
            return Err(CardFlaw::Name { found: text::excerpt(&self.name) });
        }
        if !is_address(&self.peer) {
            return Err(CardFlaw::Peer { found: text::excerpt(&self.peer) });
        }
        if !is_api(&self.api) {
            return Err(CardFlaw::Api { found: text::excerpt(&self.api) });
        }
        self.certificate_der()?;
        self.place.as_ref().map_or(Ok(()), Place::verify)?;
        self.verify_validator()?;
        key.verify("card", &self.body()?, &self.signature).map_err(|_| CardFlaw::Forged)
    }

    /// The keys of its validator; none without one.
    pub fn validator_keys(&self) -> impl Iterator<Item = Did> {
        self.validator.iter().flat_map(|validator| [validator.key, validator.node])
    }

    fn verify_validator(&self) -> Result<(), CardFlaw> {
        let Some(Validator { key, node, address }) = &self.validator else { return Ok(()) };
        if !is_address(address) {
            return Err(CardFlaw::ValidatorAddress { found: text::excerpt(address) });
        }
        if key == node || [key, node].contains(&&self.member) {
            return Err(CardFlaw::ValidatorKeys);
        }
        Ok(())
    }

    /// The node's TLS certificate, DER.
    ///
    /// # Errors
    /// [`CardFlaw::Certificate`].
    pub fn certificate_der(&self) -> Result<Vec<u8>, CardFlaw> {
        if self.certificate.len() > CERTIFICATE_BYTES_MAX.div_ceil(3) * 4 {
            return Err(CardFlaw::Certificate);
        }
        match STANDARD.decode(&self.certificate) {
            Ok(der) if !der.is_empty() && der.len() <= CERTIFICATE_BYTES_MAX => Ok(der),
            _ => Err(CardFlaw::Certificate),
        }
    }

    fn body(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(&CardBody {
            member: &self.member,
            name: &self.name,
            standing: self.standing,
            peer: &self.peer,
            api: &self.api,
            certificate: &self.certificate,
            place: self.place.as_ref(),
            validator: self.validator.as_ref(),
        })
    }
}

/// `host:port` with a host of at most 253 letters, digits, dots, hyphens or, in brackets, an IPv6 address.
fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let name = host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    let ipv6 = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
    (1..=253).contains(&host.len())
        && (name || ipv6)
        && port.bytes().all(|b| b.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Callers authenticate with a bearer credential, which plain HTTP may only carry within one machine.
fn is_api(api: &str) -> bool {
    let loopback =
        |address: &&str| ["127.0.0.1:", "localhost:", "[::1]:"].iter().any(|host| address.starts_with(host));
    let address = api.strip_prefix("https://").or_else(|| api.strip_prefix("http://").filter(loopback));
    address.is_some_and(is_address)
}
