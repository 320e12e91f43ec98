//! The members of the demonstration: keys, a replica of the ledger each, and how an act gets from one to all.
//!
//! Between replicas goes what goes between nodes: the operator's pages, cosignatures, final checkpoints. Only the
//! network is left out, and the clock is the demonstration's own, so that windows of days pass at once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use contract::{Did, Hash, SigningKey};
use ledger::{Action, Alliance, Card, Event, Ledger, SignedTransaction, Standing, Transaction, alliance};

use crate::demo::DemoError;

/// One organisation.
pub(super) struct Replica {
    pub(super) name: &'static str,
    pub(super) identity: Did,
    /// Its present key.
    pub(super) key: SigningKey,
    ledger: Ledger,
}

/// All that follow the ledger; the first one orders it.
pub(super) struct Replicas {
    directory: PathBuf,
    alliance: Alliance,
    members: Vec<Replica>,
    now: u64,
}

/// What an act came to.
pub(super) struct Done {
    pub(super) id: Hash,
    pub(super) events: Vec<Event>,
}

/// For `map_err`: what should have worked.
pub(super) fn broken<E: Display>(what: &str) -> impl FnOnce(E) -> DemoError {
    let what = what.to_owned();
    move |error| DemoError::Broken { what, detail: error.to_string() }
}

/// A card for a node that is not started here: its certificate is a name.
pub(super) fn card(key: &SigningKey, name: &str) -> Result<Card, DemoError> {
    let certificate = format!("certificate of {name}");
    let (peer, api) = (format!("{name}.example:7100"), format!("https://{name}.example:7101"));
    Card::sign(key, name, Standing::Member, &peer, &api, certificate.as_bytes())
        .map_err(broken("make a card"))
}

pub(super) fn new_key() -> Result<SigningKey, DemoError> {
    SigningKey::generate().map_err(broken("make a key"))
}

impl Replicas {
    /// Founds an alliance of these members, each with as many points.
    pub(super) fn found(
        directory: &Path,
        names: [&'static str; 3],
        points: u64,
        now: u64,
    ) -> Result<Self, DemoError> {
        let keys = names.iter().map(|name| Ok((*name, new_key()?))).collect::<Result<Vec<_>, DemoError>>()?;
        let mut members =
            keys.iter().map(|(name, key)| card(key, name)).collect::<Result<Vec<_>, DemoError>>()?;
        let operator = members.first().map(|card| card.member).ok_or_else(|| DemoError::Broken {
            what: "found the alliance".to_owned(),
            detail: "it has no member".to_owned(),
        })?;
        members.sort_by_key(|card| card.member);
        let alliance = Alliance {
            format: alliance::FORMAT.to_owned(),
            name: "Alliance".to_owned(),
            founded: now,
            operator: Some(operator),
            // With all three, nobody could leave and still be vouched for by a quorum of the founders.
            quorum: 2,
            points: keys.iter().map(|(_, key)| (key.did(), points)).collect(),
            members,
        };
        let mut replicas = Self { directory: directory.to_owned(), alliance, members: Vec::new(), now };
        for (name, key) in keys {
            replicas.join(name, key)?;
        }
        Ok(replicas)
    }

    /// Opens a replica; it begins with the founding document and catches up with the next act.
    pub(super) fn join(&mut self, name: &'static str, key: SigningKey) -> Result<(), DemoError> {
        let path = self.directory.join(format!("{name}.redb"));
        let ledger = Ledger::open(&path, self.alliance.clone()).map_err(broken("open a ledger"))?;
        self.members.push(Replica { name, identity: key.did(), key, ledger });
        Ok(())
    }

    pub(super) fn founding(&self) -> &Alliance {
        &self.alliance
    }

    pub(super) fn ledger(&self) -> Result<&Ledger, DemoError> {
        self.members.first().map(|member| &member.ledger).ok_or_else(|| DemoError::Broken {
            what: "read the ledger".to_owned(),
            detail: "nobody orders it".to_owned(),
        })
    }

    pub(super) fn member(&self, name: &str) -> Result<&Replica, DemoError> {
        self.members.iter().find(|member| member.name == name).ok_or_else(|| DemoError::Broken {
            what: "find a member".to_owned(),
            detail: format!("`{name}` has no replica"),
        })
    }

    pub(super) fn did(&self, name: &str) -> Result<Did, DemoError> {
        Ok(self.member(name)?.identity)
    }

    pub(super) fn time(&self) -> u64 {
        self.now
    }

    /// Lets the demonstration's clock run.
    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += seconds;
    }

    /// A member's present key from now on.
    pub(super) fn change_key(&mut self, name: &str, key: SigningKey) {
        if let Some(member) = self.members.iter_mut().find(|member| member.name == name) {
            member.key = key;
        }
    }

    /// A member acts; all replicas replay and cosign, until a quorum stands behind it.
    pub(super) fn act(&mut self, name: &str, action: Action) -> Result<Done, DemoError> {
        self.now += 1;
        let signed = self.sign(name, action)?;
        let id = signed.id().map_err(broken("name a transaction"))?;
        let now = self.now;
        let Some((operator, others)) = self.members.split_first_mut() else {
            return Err(DemoError::Broken { what: "act".to_owned(), detail: "nobody orders it".to_owned() });
        };
        let ledger = &mut operator.ledger;
        let answers = ledger.append(now, vec![signed]).map_err(broken("append"))?;
        let applied = answers.into_iter().next().transpose().map_err(broken(&format!("`{name}` acts")))?;
        ledger.sign_checkpoint(&operator.key).map_err(broken("sign a checkpoint"))?;
        for other in others.iter_mut() {
            while other.ledger.size() < ledger.size() {
                let page = ledger.page(other.ledger.size()).map_err(broken("serve a page"))?;
                other.ledger.replay(&page).map_err(broken("replay"))?;
            }
            // Who has left follows, and no longer cosigns.
            if let Ok(cosigned) = other.ledger.cosign(&other.key, now) {
                ledger.add_cosignature(&cosigned).map_err(broken("add a cosignature"))?;
            }
        }
        let (_, note) = ledger
            .final_checkpoint()
            .ok_or_else(|| DemoError::TooLate { what: "a final checkpoint".to_owned(), seconds: 0 })?;
        for other in others {
            other.ledger.adopt_final(note).map_err(broken("adopt a checkpoint"))?;
        }
        Ok(Done { id, events: applied.map(|applied| applied.events).unwrap_or_default() })
    }

    /// All replicas come to one root, by their own computation.
    pub(super) fn root(&self) -> Result<Hash, DemoError> {
        let mut roots: BTreeMap<Hash, Vec<&str>> = BTreeMap::new();
        for member in &self.members {
            roots.entry(member.ledger.root()).or_default().push(member.name);
        }
        let found = roots.len();
        match roots.into_keys().next() {
            Some(root) if found == 1 => Ok(root),
            _ => Err(DemoError::Broken {
                what: "compare roots".to_owned(),
                detail: format!("there are {found} different ones"),
            }),
        }
    }

    fn sign(&self, name: &str, action: Action) -> Result<SignedTransaction, DemoError> {
        let Replica { identity, key, .. } = self.member(name)?;
        let state = self.ledger()?.state();
        let transaction = Transaction {
            alliance: state.alliance_id(),
            member: *identity,
            sequence: state.next_sequence(identity),
            person: None,
            signer: (key.did() != *identity).then(|| key.did()),
            action,
        };
        SignedTransaction::sign(transaction, key).map_err(broken("sign"))
    }
}
