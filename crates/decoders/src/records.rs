//! Documents: programs, contracts, and what is on the ledger.

use contract::Contract;
use ledger::log::{Checkpoint, Note};
use ledger::{Alliance, Entry, Page, Proof, SignedTransaction};
use program::Program;

/// The binary form of a program, and of what was accepted its listing.
pub(crate) fn program(bytes: &[u8]) -> bool {
    let Ok(program) = Program::from_bytes(bytes) else { return false };
    assert_eq!(program.to_bytes(), bytes);
    assert_eq!(Program::parse(&program.to_string()).as_ref().ok(), Some(&program));
    true
}

/// A program's listing: what is accepted reads back from its own.
pub(crate) fn listing(bytes: &[u8]) -> bool {
    let Some(program) = text(bytes).and_then(|listing| Program::parse(listing).ok()) else { return false };
    assert_eq!(Program::parse(&program.to_string()).as_ref().ok(), Some(&program));
    assert_eq!(Program::from_bytes(&program.to_bytes()).as_ref().ok(), Some(&program));
    true
}

/// A note, and its text as that of a checkpoint.
pub(crate) fn note(bytes: &[u8]) -> bool {
    let Some(note) = text(bytes).and_then(|note| Note::parse(note).ok()) else { return false };
    assert_eq!(note.to_text().as_bytes(), bytes);
    if let Ok(checkpoint) = Checkpoint::parse_body(&note.body) {
        assert_eq!(checkpoint.body(), note.body);
    }
    true
}

/// Documents in canonical form: what is accepted is written as the same bytes.
macro_rules! canonical {
    ($($name:ident: $document:ty;)*) => { $(
        #[doc = concat!("The canonical bytes of a `", stringify!($document), "`.")]
        pub(crate) fn $name(bytes: &[u8]) -> bool {
            let Ok(document) = <$document>::from_bytes(bytes) else { return false };
            assert_eq!(contract::canonical::to_bytes(&document).ok().as_deref(), Some(bytes));
            true
        }
    )* };
}

canonical! {
    contract: Contract;
    transaction: SignedTransaction;
    entry: Entry;
    alliance: Alliance;
    page: Page;
    proof: Proof;
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
