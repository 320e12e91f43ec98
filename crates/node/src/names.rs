//! Members by name and by identity, as the roster's cards have them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use contract::Did;
use ledger::Roster;

use crate::failure::Failure;

/// The alliance's address book: everybody who is or was in it. It changes while the node runs.
#[derive(Debug, Default)]
pub(crate) struct Names {
    current: RwLock<Arc<BTreeMap<Did, String>>>,
}

impl Names {
    /// Replaces all names by those of the roster.
    pub(crate) fn learn(&self, roster: &Roster) {
        let names = roster.seats().map(|seat| (seat.card.member, seat.card.name.clone())).collect();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }

    fn current(&self) -> Arc<BTreeMap<Did, String>> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The member's name; its identity when it has none.
    pub(crate) fn name(&self, member: &Did) -> String {
        self.current().get(member).cloned().unwrap_or_else(|| member.to_string())
    }

    /// A text for people, with names where it has identities.
    pub(crate) fn in_text(&self, text: &str) -> String {
        let put_name = |text: String, (did, name): (&Did, &String)| text.replace(&did.to_string(), name);
        self.current().iter().fold(text.to_owned(), put_name)
    }

    /// Several names.
    pub(crate) fn names<'a>(&self, members: impl IntoIterator<Item = &'a Did>) -> Vec<String> {
        members.into_iter().map(|member| self.name(member)).collect()
    }

    /// The member of that name.
    pub(crate) fn member(&self, name: &str) -> Result<Did, Failure> {
        let current = self.current();
        current.iter().find(|(_, known)| *known == name).map(|(did, _)| *did).ok_or_else(|| {
            let known: Vec<_> = current.values().map(|known| format!("`{known}`")).collect();
            Failure::malformed(format!("no member is called `{name}`: the alliance has {}", known.join(", ")))
        })
    }

    /// The members of those names.
    pub(crate) fn members<C: FromIterator<Did>>(&self, names: &[String]) -> Result<C, Failure> {
        names.iter().map(|name| self.member(name)).collect()
    }
}
