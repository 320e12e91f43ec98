//! Whom this node knows: names, addresses and certificates, as the roster on its replica of the ledger has them.
//!
//! A member that a vote admits is heard from the entry on that admitted it, one that has left or was put out is
//! refused from the entry on that ended it: on open connections too, since every request is judged by what is
//! registered at that moment. A certificate that was renewed is heard a little longer, see
//! [`certificates`](crate::certificates).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use contract::Did;
use ledger::{Card, Roster};
use peers::{Fingerprint, Peer, Registry};

use crate::certificates::GRACE;
use crate::names::Names;

/// What the node's parts share about other members.
#[derive(Debug)]
pub(crate) struct Acquaintance {
    pub(crate) names: Arc<Names>,
    registry: Arc<Registry>,
    /// How to reach a member before the ledger is there, when the founding document is out of date about it.
    contact: Option<Card>,
    certificates: Mutex<Seen>,
}

/// Certificates as this node saw them registered while it runs.
#[derive(Debug, Default)]
struct Seen {
    present: BTreeMap<Did, Fingerprint>,
    /// Those that were replaced, and until when they are heard.
    replaced: BTreeMap<Did, (Fingerprint, Instant)>,
}

impl Acquaintance {
    pub(crate) fn new(registry: Arc<Registry>, contact: Option<Card>) -> Self {
        Self { names: Arc::default(), registry, contact, certificates: Mutex::default() }
    }

    /// The member that was given as a first contact.
    pub(crate) fn contact(&self) -> Option<Did> {
        self.contact.as_ref().map(|card| card.member)
    }

    /// Follows the roster: to be called with every change of it, and now and then, for certificates that are heard no
    /// longer.
    pub(crate) fn learn(&self, roster: &Roster, me: &Did) {
        self.names.learn(roster);
        // Until this node's own admission is replayed, the contact's word about itself is the better one.
        let contact = self.contact.as_ref().filter(|_| roster.card(me).is_none());
        let of = |card: &Card| match contact {
            Some(contact) if contact.member == card.member => peer(contact),
            _ => peer(card),
        };
        let unseated = contact.filter(|contact| roster.card(&contact.member).is_none()).map(peer);
        let mut peers: Vec<Peer> = roster.cards().map(of).chain(unseated).collect();
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner).add_replaced(roster, &mut peers);
        if let Err(error) = self.registry.replace(peers) {
            tracing::error!(%error, "the roster's certificates cannot be registered; the old ones stay");
        }
    }
}

impl Seen {
    /// Notices what was replaced, and lets it be heard for a while; not after its member has gone, and not when the
    /// certificate is somebody else's now.
    fn add_replaced(&mut self, roster: &Roster, peers: &mut [Peer]) {
        let now = Instant::now();
        for card in roster.cards() {
            let Ok(der) = card.certificate_der() else { continue };
            let present = Fingerprint::of_der(&der);
            if let Some(before) =
                self.present.insert(card.member, present).filter(|before| *before != present)
            {
                self.replaced.insert(card.member, (before, now + GRACE));
            }
        }
        self.replaced.retain(|member, (_, until)| *until > now && roster.card(member).is_some());
        for (member, (certificate, _)) in &self.replaced {
            if peers.iter().any(|peer| peer.certificates.contains(certificate)) {
                continue;
            }
            let member = member.to_string();
            if let Some(peer) = peers.iter_mut().find(|peer| peer.member == member) {
                peer.certificates.push(*certificate);
            }
        }
    }
}

fn peer(card: &Card) -> Peer {
    Peer {
        member: card.member.to_string(),
        endpoint: card.peer.clone(),
        // A card comes into the roster, or here, only when it is well-formed.
        certificates: card.certificate_der().iter().map(|der| Fingerprint::of_der(der)).collect(),
    }
}
