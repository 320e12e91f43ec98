//! An alliance whose members order together, each with a directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use contract::{Did, SigningKey};
use ledger::{
    Action, Alliance, Card, Ledger, SignedTransaction, Standing, Transaction,
    alliance::{self, quorum_of_agreement},
};
use tempfile::TempDir;
use treaty_ordering::home::Home;

/// Points that each member starts with.
pub(crate) const POINTS: u64 = 1_000_000;

/// The key of a member.
pub(crate) fn key(member: usize) -> SigningKey {
    SigningKey::from_seed(&[member as u8 + 1; 32])
}

/// Where a member's node keeps everything.
pub(crate) fn directory(root: &Path, member: usize) -> PathBuf {
    root.join(member.to_string())
}

/// Where CometBFT's files are.
pub(crate) fn home(root: &Path, member: usize) -> Home {
    Home::new(&directory(root, member).join("bft"))
}

/// The founding document in that directory.
pub(crate) fn read(root: &Path) -> Alliance {
    Alliance::from_bytes(&fs::read(root.join("alliance.json")).unwrap()).unwrap()
}

/// A member's copy of the ledger; no other process may have it open.
pub(crate) fn open(root: &Path, member: usize) -> Ledger {
    Ledger::open(&directory(root, member).join("ledger.redb"), read(root)).unwrap()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A member's card, with a validator at a free port, whose keys are in its directory.
pub(crate) fn card(root: &Path, member: usize) -> Card {
    let address = loopback::free_address().unwrap();
    let validator = home(root, member).create(&address.to_string()).unwrap();
    let key = key(member);
    let name = format!("member-{member}");
    let mut card =
        Card::sign(&key, &name, Standing::Member, "127.0.0.1:1", "https://127.0.0.1:2", name.as_bytes())
            .unwrap();
    card.validator = Some(validator);
    let card = card.renewed(&key).unwrap();
    fs::write(directory(root, member).join("card.json"), serde_json::to_vec(&card).unwrap()).unwrap();
    card
}

/// A member's card, in or out of the alliance.
pub(crate) fn read_card(root: &Path, member: usize) -> Card {
    serde_json::from_slice(&fs::read(directory(root, member).join("card.json")).unwrap()).unwrap()
}

/// Founds an alliance of so many members in a new directory.
pub(crate) fn found(members: usize) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let mut cards: Vec<_> = (0..members).map(|member| card(root.path(), member)).collect();
    cards.sort_by_key(|card| card.member);
    let alliance = Alliance {
        format: alliance::FORMAT.to_owned(),
        name: "Agreement".to_owned(),
        founded: now() - 3600,
        operator: None,
        quorum: quorum_of_agreement(members as u16),
        points: cards.iter().map(|card| (card.member, POINTS)).collect(),
        members: cards,
    };
    alliance.validate().unwrap();
    fs::write(root.path().join("alliance.json"), alliance.to_bytes().unwrap()).unwrap();
    root
}

/// A point that goes from one member to another; the note makes it one of its kind.
pub(crate) fn transfer(alliance: &Alliance, from: usize, to: Did, sequence: u64) -> SignedTransaction {
    let key = key(from);
    let action = Action::TransferPoints { to, points: 1, note: format!("number {sequence}") };
    act(alliance, &key, sequence, action)
}

pub(crate) fn act(alliance: &Alliance, key: &SigningKey, sequence: u64, action: Action) -> SignedTransaction {
    let transaction = Transaction {
        alliance: alliance.id().unwrap(),
        member: key.did(),
        sequence,
        person: None,
        signer: None,
        action,
    };
    SignedTransaction::sign(transaction, key).unwrap()
}
