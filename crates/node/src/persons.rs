//! Who may act for the member: delegations in `persons/`, and nonces that were used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use api::auth::{Asked, CLOCK_SKEW_SECONDS, Credentials, CredentialsError, Delegation, Scope};
use contract::Did;
use thiserror::Error;

use crate::home::Home;
use crate::keyring::Keyring;

/// The largest delegation that is read.
const DELEGATION_BYTES_MAX: usize = 64 << 10;

/// Why a caller is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum NotLetIn {
    /// No `Authorization` header.
    #[error("this route needs a signed request: `Authorization: Treaty …`")]
    Anonymous,
    /// The header does not parse or does not verify.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The request is too old or too new.
    #[error("the request's time is {off} seconds off this node's clock; {CLOCK_SKEW_SECONDS} are allowed")]
    Stale {
        /// Difference in seconds.
        off: u64,
    },
    /// The request was made before this node was started, which may have seen its nonce then.
    #[error("the request was made before this node was started; send it again")]
    BeforeStart,
    /// The same nonce came before.
    #[error("this request was already sent once")]
    Replayed,
    /// No delegation for that person.
    #[error("`{person}` is no person of this member")]
    Stranger {
        /// Who.
        person: Did,
    },
    /// The delegation ended.
    #[error("the delegation to `{name}` has expired")]
    Expired {
        /// Who.
        name: String,
    },
    /// The delegation does not cover the act.
    #[error("`{name}` may not do this: it needs the scope `{needed}`")]
    OutOfScope {
        /// Who.
        name: String,
        /// Which scope is missing.
        needed: &'static str,
    },
}

/// A person that was let in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) did: Did,
    name: String,
    scopes: BTreeSet<Scope>,
    /// When the delegation ends, seconds since 1970.
    pub(crate) expires: u64,
}

impl Person {
    /// A person of a regulator that the member lets read, and nothing else.
    pub(crate) fn reader(did: Did, name: String, expires: u64) -> Self {
        Self { did, name, scopes: BTreeSet::from([Scope::Read]), expires }
    }

    /// Whether the person's delegation covers an act.
    pub(crate) fn may(&self, scope: Scope) -> Result<(), NotLetIn> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let needed = match scope {
            Scope::Read => "read",
            Scope::Data => "data",
            Scope::Contract => "contract",
            Scope::Run => "run",
            Scope::Govern => "govern",
        };
        Err(NotLetIn::OutOfScope { name: self.name.clone(), needed })
    }
}

/// The member's persons.
pub(crate) struct Persons {
    member: Did,
    keyring: Arc<Keyring>,
    home: Home,
    /// When this node was started, seconds since 1970.
    started: u64,
    /// Nonces of the last minutes, with the time at which they may be forgotten.
    nonces: Mutex<BTreeMap<(Did, String), u64>>,
}

impl Persons {
    pub(crate) fn new(keyring: Arc<Keyring>, home: Home, started: u64) -> Self {
        Self { member: keyring.member(), keyring, home, started, nonces: Mutex::default() }
    }

    /// Checks a request's credentials against its content, the clock, earlier requests and the delegations; `reader`
    /// knows those who are nobody here and may read all the same.
    pub(crate) fn admit(
        &self,
        credentials: &Credentials,
        method: &str,
        path_and_query: &str,
        body: &[u8; 32],
        now: u64,
        reader: impl FnOnce(&Did) -> Option<Person>,
    ) -> Result<Person, NotLetIn> {
        credentials.verify(Asked { member: &self.member, method, path_and_query, body })?;
        let off = now.abs_diff(credentials.time);
        if off > CLOCK_SKEW_SECONDS {
            return Err(NotLetIn::Stale { off });
        }
        if credentials.time < self.started {
            return Err(NotLetIn::BeforeStart);
        }
        let did = credentials.person;
        let person = match self.delegation(&did) {
            Some(delegation) if now >= delegation.expires => {
                return Err(NotLetIn::Expired { name: delegation.name });
            }
            Some(Delegation { name, scopes, expires, .. }) => Person { did, name, scopes, expires },
            None => reader(&did).ok_or(NotLetIn::Stranger { person: did })?,
        };
        // Last, so that a stranger cannot fill the table.
        self.use_nonce(credentials, now)?;
        Ok(person)
    }

    fn use_nonce(&self, credentials: &Credentials, now: u64) -> Result<(), NotLetIn> {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.retain(|_, until| *until >= now);
        let until = credentials.time + CLOCK_SKEW_SECONDS;
        match nonces.insert((credentials.person, credentials.nonce.clone()), until) {
            Some(_) => Err(NotLetIn::Replayed),
            None => Ok(()),
        }
    }

    /// The newest genuine delegation to a person. Read from disk each time: one file, and `treaty person add` (or
    /// removing the file) takes effect at once.
    fn delegation(&self, person: &Did) -> Option<Delegation> {
        let file = format!("{}.json", person.to_string().trim_start_matches("did:key:"));
        let bytes = fs::read(self.home.persons().join(file)).ok()?;
        let delegation: Delegation = contract::canonical::from_bytes(&bytes, DELEGATION_BYTES_MAX).ok()?;
        let ours = delegation.member == self.member && delegation.person == *person;
        (ours && delegation.is_genuine(&self.keyring.known())).then_some(delegation)
    }
}
