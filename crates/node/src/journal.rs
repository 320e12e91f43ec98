//! What this node did in each run, kept so that a crash forgets nothing: shares that arrived, outputs that wait to be
//! released, whether anything was released, results, and the egress record.
//!
//! One durable transaction a change; a value is either the old or the new one after SIGKILL.

use std::path::Path;

use contract::{Did, Hash};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use thiserror::Error;

/// `run/kind/detail` → bytes.
const NOTES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("notes");
/// `run/kind/to` → (bytes, messages).
const EGRESS: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("egress");

/// Why the journal could not be read or written.
#[derive(Debug, Error)]
#[error("this node's journal of runs: {0}")]
pub struct JournalError(Box<redb::Error>);

impl JournalError {
    /// Whether another process holds the file.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(*self.0, redb::Error::DatabaseAlreadyOpen)
    }
}

impl<E: Into<redb::Error>> From<E> for JournalError {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

/// What a note is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Note<'a> {
    /// Shares from a provider, for this compute party.
    Input(&'a Did),
    /// This provider has handed its shares to every compute party.
    Dealt,
    /// This compute party's sealed output shares, not yet opened to anyone.
    Sealed,
    /// This compute party's shares of the values that the contract names, with their salts, to be shown if it is asked.
    Kept,
    /// Set before the first output share leaves: from then on nobody may say that nothing was opened.
    Released,
    /// This node delivered its output shares to a receiver, which confirmed.
    Delivered(&'a Did),
    /// Output shares from a compute party, for this receiver.
    Output(&'a Did),
    /// The result, as its receiver reads it.
    Result,
}

/// What kind of bytes left a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leaving {
    /// A provider's secret-shared input.
    InputShares,
    /// Masked values of the protocol.
    ProtocolMessages,
    /// Shares of the result, for a receiver.
    OutputShares,
}

impl Leaving {
    const ALL: [Self; 3] = [Self::InputShares, Self::ProtocolMessages, Self::OutputShares];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::InputShares => "input-shares",
            Self::ProtocolMessages => "protocol-messages",
            Self::OutputShares => "output-shares",
        }
    }
}

/// One line of an egress record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EgressRecord {
    pub(crate) to: String,
    pub(crate) kind: &'static str,
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
}

/// The journal of one node.
pub(crate) struct Journal(Database);

impl Journal {
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let database = Database::create(path)?;
        let write = database.begin_write()?;
        write.open_table(NOTES)?;
        write.open_table(EGRESS)?;
        write.commit()?;
        Ok(Self(database))
    }

    pub(crate) fn put(&self, run: &Hash, note: Note<'_>, content: &[u8]) -> Result<(), JournalError> {
        let write = self.0.begin_write()?;
        write.open_table(NOTES)?.insert(key(run, note).as_str(), content)?;
        Ok(write.commit()?)
    }

    pub(crate) fn read(&self, run: &Hash, note: Note<'_>) -> Result<Option<Vec<u8>>, JournalError> {
        let read = self.0.begin_read()?;
        let found = read.open_table(NOTES)?.get(key(run, note).as_str())?;
        Ok(found.map(|content| content.value().to_vec()))
    }

    pub(crate) fn has(&self, run: &Hash, note: Note<'_>) -> Result<bool, JournalError> {
        Ok(self.read(run, note)?.is_some())
    }

    /// Forgets a note, for example shares that are no longer needed.
    pub(crate) fn forget(&self, run: &Hash, note: Note<'_>) -> Result<(), JournalError> {
        let write = self.0.begin_write()?;
        write.open_table(NOTES)?.remove(key(run, note).as_str())?;
        Ok(write.commit()?)
    }

    /// Counts bytes before they leave.
    pub(crate) fn count(
        &self,
        run: &Hash,
        to: &Did,
        kind: Leaving,
        bytes: u64,
        messages: u64,
    ) -> Result<(), JournalError> {
        let write = self.0.begin_write()?;
        {
            let mut table = write.open_table(EGRESS)?;
            let key = format!("{run}/{}/{to}", kind.word());
            let before = table.get(key.as_str())?.map_or((0, 0), |counted| counted.value());
            table.insert(key.as_str(), (before.0 + bytes, before.1 + messages))?;
        }
        Ok(write.commit()?)
    }

    /// Everything that left for a run; `to` is the member's identity.
    pub(crate) fn egress(&self, run: &Hash) -> Result<Vec<EgressRecord>, JournalError> {
        let table = self.0.begin_read()?.open_table(EGRESS)?;
        let mut lines = Vec::new();
        for kind in Leaving::ALL {
            let prefix = format!("{run}/{}/", kind.word());
            for line in table.range(prefix.as_str()..)? {
                let (key, counted) = line?;
                let Some(to) = key.value().strip_prefix(&prefix) else { break };
                let (bytes, messages) = counted.value();
                lines.push(EgressRecord { to: to.to_owned(), kind: kind.word(), bytes, messages });
            }
        }
        Ok(lines)
    }
}

fn key(run: &Hash, note: Note<'_>) -> String {
    match note {
        Note::Input(provider) => format!("{run}/input/{provider}"),
        Note::Dealt => format!("{run}/dealt"),
        Note::Sealed => format!("{run}/sealed"),
        Note::Kept => format!("{run}/kept"),
        Note::Released => format!("{run}/released"),
        Note::Delivered(receiver) => format!("{run}/delivered/{receiver}"),
        Note::Output(party) => format!("{run}/output/{party}"),
        Note::Result => format!("{run}/result"),
    }
}

#[cfg(test)]
mod tests {
    use contract::SigningKey;

    use super::*;

    #[test]
    fn egress_adds_up_per_receiver_and_kind() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(&directory.path().join("runs.redb")).unwrap();
        let (run, other) = (Hash::of("test", b"a"), Hash::of("test", b"b"));
        let to = SigningKey::from_seed(&[3; 32]).did();
        journal.count(&run, &to, Leaving::InputShares, 10, 1).unwrap();
        journal.count(&run, &to, Leaving::InputShares, 5, 1).unwrap();
        journal.count(&run, &to, Leaving::OutputShares, 7, 1).unwrap();
        journal.count(&other, &to, Leaving::OutputShares, 9, 1).unwrap();
        let line = |kind, bytes, messages| EgressRecord { to: to.to_string(), kind, bytes, messages };
        let expected = vec![line("input-shares", 15, 2), line("output-shares", 7, 1)];
        assert_eq!(journal.egress(&run).unwrap(), expected);
    }

    #[test]
    fn notes_survive_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("runs.redb");
        let run = Hash::of("test", b"a");
        Journal::open(&path).unwrap().put(&run, Note::Released, b"1").unwrap();
        let journal = Journal::open(&path).unwrap();
        assert!(journal.has(&run, Note::Released).unwrap());
        assert!(!journal.has(&run, Note::Sealed).unwrap());
        journal.forget(&run, Note::Released).unwrap();
        assert!(!journal.has(&run, Note::Released).unwrap());
    }
}
