//! Members by name and by identity, as the alliance's cards have them.

use std::collections::BTreeMap;

use contract::Did;
use ledger::alliance::Alliance;

use crate::failure::Failure;

/// The alliance's address book.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    by_did: BTreeMap<Did, String>,
}

impl Names {
    pub(crate) fn of(alliance: &Alliance) -> Self {
        Self { by_did: alliance.members.iter().map(|card| (card.member, card.name.clone())).collect() }
    }

    /// The member's name; its identity when it has none.
    pub(crate) fn name(&self, member: &Did) -> String {
        self.by_did.get(member).cloned().unwrap_or_else(|| member.to_string())
    }

    /// A text for people, with names where it has identities.
    pub(crate) fn in_text(&self, text: &str) -> String {
        let put_name = |text: String, (did, name): (&Did, &String)| text.replace(&did.to_string(), name);
        self.by_did.iter().fold(text.to_owned(), put_name)
    }

    /// Several names.
    pub(crate) fn names<'a>(&self, members: impl IntoIterator<Item = &'a Did>) -> Vec<String> {
        members.into_iter().map(|member| self.name(member)).collect()
    }

    /// The member of that name.
    pub(crate) fn member(&self, name: &str) -> Result<Did, Failure> {
        self.by_did.iter().find(|(_, known)| *known == name).map(|(did, _)| *did).ok_or_else(|| {
            let known: Vec<_> = self.by_did.values().map(|known| format!("`{known}`")).collect();
            Failure::malformed(format!("no member is called `{name}`: the alliance has {}", known.join(", ")))
        })
    }

    /// The members of those names.
    pub(crate) fn members<C: FromIterator<Did>>(&self, names: &[String]) -> Result<C, Failure> {
        names.iter().map(|name| self.member(name)).collect()
    }
}
