//! Who the members are: which certificates speak for whom, and where their nodes listen.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::certificate::Fingerprint;
use crate::error::{Error, Result};

/// A member's identity. Nothing is read into it here.
pub type MemberId = String;

/// One member's node, as others reach and recognise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The member whose node it is.
    pub member: MemberId,
    /// Where the node listens, as `host:port`.
    pub endpoint: String,
    /// The certificates that speak for the member; more than one while a node changes its certificate.
    pub certificates: Vec<Fingerprint>,
}

/// Which certificate belongs to which member, and where each member's node listens.
///
/// It can be replaced while connections are open: a new connection, and every request on an old one, is judged by
/// what is registered at that moment. A run that has begun keeps its connections.
#[derive(Debug)]
pub struct Registry {
    current: RwLock<Arc<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    members: HashMap<Fingerprint, MemberId>,
    endpoints: HashMap<MemberId, String>,
}

impl Registry {
    /// A registry of these nodes.
    ///
    /// # Errors
    /// [`Error::RegisteredTwice`] when a certificate is given for two members, [`Error::MemberTwice`] when a member
    /// is listed twice.
    pub fn new(peers: impl IntoIterator<Item = Peer>) -> Result<Self> {
        Ok(Self { current: RwLock::new(Arc::new(Table::of(peers)?)) })
    }

    /// Replaces everything that is registered, at once. On an error the old registrations stay.
    ///
    /// # Errors
    /// As [`Registry::new`].
    pub fn replace(&self, peers: impl IntoIterator<Item = Peer>) -> Result<()> {
        let table = Arc::new(Table::of(peers)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = table;
        Ok(())
    }

    /// The member for whom a certificate speaks.
    pub fn member(&self, certificate: &Fingerprint) -> Option<MemberId> {
        self.table().members.get(certificate).cloned()
    }

    /// Where a member's node listens, as `host:port`.
    pub fn endpoint(&self, member: &str) -> Option<String> {
        self.table().endpoints.get(member).cloned()
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Table {
    fn of(peers: impl IntoIterator<Item = Peer>) -> Result<Self> {
        let mut table = Self::default();
        for Peer { member, endpoint, certificates } in peers {
            for certificate in certificates {
                if let Some(first) = table.members.insert(certificate, member.clone())
                    && first != member
                {
                    return Err(Error::RegisteredTwice { certificate, first, second: member });
                }
            }
            if table.endpoints.insert(member.clone(), endpoint).is_some() {
                return Err(Error::MemberTwice { member });
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(member: &str, certificates: &[u8]) -> Peer {
        Peer {
            member: member.to_owned(),
            endpoint: format!("{member}.example:7443"),
            certificates: certificates.iter().map(|byte| Fingerprint::from_bytes([*byte; 32])).collect(),
        }
    }

    #[test]
    fn certificates_speak_for_their_member_until_they_are_replaced() {
        let registry = Registry::new([peer("north", &[1, 2]), peer("south", &[3])]).unwrap();
        let member = |byte| registry.member(&Fingerprint::from_bytes([byte; 32]));
        assert_eq!(
            [1, 2, 3, 4].map(member),
            [Some("north".into()), Some("north".into()), Some("south".into()), None]
        );
        assert_eq!(registry.endpoint("south").unwrap(), "south.example:7443");

        registry.replace([peer("south", &[4])]).unwrap();
        assert_eq!([1, 2, 3, 4].map(member), [None, None, None, Some("south".into())]);
        assert_eq!(registry.endpoint("north"), None);
    }

    #[test]
    fn a_certificate_of_two_members_is_refused_and_the_old_table_stays() {
        let registry = Registry::new([peer("north", &[1])]).unwrap();
        let refused = registry.replace([peer("south", &[2]), peer("west", &[2])]).unwrap_err();
        assert!(
            matches!(&refused, Error::RegisteredTwice { first, second, .. } if first == "south" && second == "west"),
            "{refused}"
        );
        assert_eq!(registry.member(&Fingerprint::from_bytes([1; 32])), Some("north".into()));
    }

    #[test]
    fn a_member_listed_twice_is_refused() {
        let refused = Registry::new([peer("north", &[1]), peer("north", &[2])]).unwrap_err();
        assert!(matches!(&refused, Error::MemberTwice { member } if member == "north"), "{refused}");
    }
}
