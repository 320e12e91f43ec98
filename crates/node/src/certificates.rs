//! The certificate under which this node is known to others. Which of two counts is the roster's to say.
//!
//! As with keys, a new certificate is on disk before the ledger is told of it, and takes the old one's place once the
//! node's own replica shows the renewed card. Others hear the old certificate for [`GRACE`] after the entry, so that
//! the node can fetch it; a node that was away for longer tries the new one when the old one is refused.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ledger::Card;
use peers::{Channels, Fingerprint, Identity};

use crate::home::{self, Home, HomeError};
use crate::node::NodeError;

/// How long a replaced certificate is still heard.
pub(crate) const GRACE: Duration = Duration::from_secs(600);

/// The node's certificates with their keys.
pub(crate) struct Certificates {
    home: Home,
    channels: Channels,
    held: Mutex<Held>,
}

struct Held {
    current: Identity,
    next: Option<Identity>,
    presents_next: bool,
}

impl Certificates {
    pub(crate) fn new(home: Home, channels: Channels, current: Identity) -> Result<Self, NodeError> {
        let next = home.next_peer_identity();
        let next = if next.exists() { Some(read(&next)?) } else { None };
        Ok(Self { home, channels, held: Mutex::new(Held { current, next, presents_next: false }) })
    }

    /// The certificate that is to follow the present one, in DER form; made and written, unless that was done before.
    pub(crate) fn prepare(&self, hosts: &[String]) -> Result<Vec<u8>, NodeError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = &held.next {
            return Ok(next.certificate_der().to_vec());
        }
        let next = Identity::generate(hosts)?;
        let pem =
            zeroize::Zeroizing::new([next.certificate_pem().as_str(), next.key_pem().as_str()].concat());
        home::write_private(&self.home.next_peer_identity(), pem.as_bytes())?;
        let der = next.certificate_der().to_vec();
        held.next = Some(next);
        Ok(der)
    }

    /// Follows the member's own card: to be called with every change of the roster.
    pub(crate) fn learn(&self, card: Option<&Card>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(registered) = card.and_then(|card| card.certificate_der().ok()) else { return };
        let registered = Fingerprint::of_der(&registered);
        if held.next.as_ref().is_none_or(|next| next.fingerprint() != registered) {
            return;
        }
        if let Err(error) = fs::rename(self.home.next_peer_identity(), self.home.peer_identity()) {
            return tracing::error!(%error, "the new certificate could not take the old one's place on disk");
        }
        if let Some(next) = held.next.take() {
            self.present(&next);
            held.current = next;
            held.presents_next = false;
        }
    }

    /// Another node refused this one's certificate: perhaps it knows of a renewal that this replica has not seen.
    pub(crate) fn was_refused(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = &held.next else { return };
        self.present(if held.presents_next { &held.current } else { next });
        held.presents_next = !held.presents_next;
    }

    fn present(&self, identity: &Identity) {
        if let Err(error) = self.channels.present(identity) {
            tracing::error!(%error, "the new certificate cannot be presented; the old one stays");
        }
    }
}

/// Reads a certificate and its key from one file.
pub(crate) fn read(path: &std::path::Path) -> Result<Identity, NodeError> {
    let text = zeroize::Zeroizing::new(home::read(path)?);
    let text = std::str::from_utf8(&text)
        .map_err(|error| HomeError::Malformed { path: path.to_owned(), reason: error.to_string() })?;
    Ok(Identity::from_pem(text, text)?)
}
