//! Which entries are about something? An index over the log, kept in memory beside the ledger.
//!
//! An entry is about every identity, id and dataset that its transaction or its consequences name. The index is made
//! from the entries when it is first asked and follows them; it holds about 100 bytes for each entry.

use std::{collections::BTreeMap, ops::Range};

use contract::dataset::parse_reference;
use serde_json::Value;

use crate::{Entry, Event};

/// What entries must satisfy: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Identities (`did:key:…`), ids (64 hexadecimal digits), references or paths of datasets and publications.
    pub about: Vec<String>,
    /// The member that acted, as `did:key:…`.
    pub by: Option<String>,
    /// The act (`permit-run`) or a consequence (`run-completed`).
    pub kind: Option<String>,
    /// Not before this time, seconds since 1970.
    pub since: Option<u64>,
    /// Before this time, seconds since 1970.
    pub until: Option<u64>,
}

/// The index.
#[derive(Clone, Debug, Default)]
pub struct Finder {
    /// Time of each entry taken in.
    times: Vec<u64>,
    /// Entries, ascending, by what they are about.
    about: BTreeMap<String, Vec<u64>>,
}

impl Finder {
    /// Entries that it has taken in.
    pub fn size(&self) -> u64 {
        self.times.len() as u64
    }

    /// Takes in the next entries, with all that they caused.
    pub fn follow(&mut self, entries: &[Entry], events: &[Event]) {
        let mut events = events.iter().peekable();
        for entry in entries {
            let mut keys = Vec::new();
            if let Some(signed) = entry.transaction() {
                let transaction = &signed.transaction;
                keys.push(format!("by {}", transaction.member));
                keys.extend(transaction.person.map(|person| person.to_string()));
                keys.push(transaction.member.to_string());
                // What names the transaction names what it made: a proposal, a request, a dispute.
                keys.extend(signed.id().ok().map(|id| id.to_string()));
                describe(&serde_json::to_value(&transaction.action).unwrap_or_default(), &mut keys);
            }
            while let Some(event) = events.next_if(|event| event.index <= entry.index) {
                if event.index == entry.index {
                    describe(&serde_json::to_value(&event.what).unwrap_or_default(), &mut keys);
                }
            }
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                self.about.entry(key).or_default().push(entry.index);
            }
            self.times.push(entry.time);
        }
    }

    /// The first entries from `from` on that satisfy a filter, below `end`: at most `max`.
    pub fn find(&self, filter: &Filter, from: u64, end: u64, max: usize) -> Vec<u64> {
        let Range { start, end } = self.range(filter, from, end);
        let by = filter.by.as_ref().map(|who| format!("by {who}"));
        let kind = filter.kind.as_ref().map(|kind| format!("kind {kind}"));
        let keys = filter.about.iter().chain(&by).chain(&kind);
        let nothing = Vec::new();
        let mut lists: Vec<&Vec<u64>> = keys.map(|key| self.about.get(key).unwrap_or(&nothing)).collect();
        lists.sort_by_key(|list| list.len());
        let Some((shortest, others)) = lists.split_first() else { return (start..end).take(max).collect() };
        let first = shortest.partition_point(|index| *index < start);
        let candidates = shortest.iter().skip(first).take_while(|index| **index < end);
        let in_all = |index: &&u64| others.iter().all(|list| list.binary_search(index).is_ok());
        candidates.filter(in_all).take(max).copied().collect()
    }

    fn range(&self, filter: &Filter, from: u64, end: u64) -> Range<u64> {
        let at = |time: u64| self.times.partition_point(|found| *found < time) as u64;
        let start = filter.since.map_or(0, at).max(from);
        start..filter.until.map_or(self.size(), at).min(end).min(self.size())
    }
}

/// The kind of an act or a consequence, and everything that it names.
fn describe(what: &Value, keys: &mut Vec<String>) {
    match what {
        Value::Object(named) => {
            keys.extend(named.keys().next().map(|kind| format!("kind {kind}")));
            named.values().for_each(|inside| collect(inside, keys));
        }
        Value::String(kind) => keys.push(format!("kind {kind}")),
        _ => {}
    }
}

fn collect(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::String(text) if names_something(text) => keys.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        Value::Object(members) => {
            for (name, value) in members {
                if names_something(name) {
                    keys.push(name.clone());
                }
                collect(value, keys);
            }
        }
        _ => {}
    }
}

fn names_something(text: &str) -> bool {
    let is_hash =
        || text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    let is_path =
        || text.len() <= 128 && text.contains('/') && parse_reference(&format!("{text}@1")).is_some();
    text.starts_with("did:key:") || is_hash() || parse_reference(text).is_some() || is_path()
}
