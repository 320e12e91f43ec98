//! Who votes on blocks: every full member of the alliance, with one vote each, by the key on its card.
//!
//! A fold over the roster: CometBFT is told what a block changed, and changes its validators two blocks later.

use std::collections::BTreeSet;

use contract::Did;
use ledger::Roster;
use sha2::{Digest, Sha256};

use crate::messages::{PublicKey, ValidatorUpdate};

/// All members have one vote.
pub(crate) const POWER: i64 = 1;

/// What a block changed: first who votes no more, then who is new.
pub(crate) fn changes(before: &Roster, after: &Roster) -> Vec<ValidatorUpdate> {
    let (before, after) = (before.validators(), after.validators());
    let gone = before.keys().filter(|key| !after.contains_key(key)).map(|key| update(key, 0));
    let new = after.keys().filter(|key| !before.contains_key(key)).map(|key| update(key, POWER));
    gone.chain(new).collect()
}

/// Whether a process that was let in is no longer named by any card: CometBFT asks who may connect when a connection is
/// made, and never again.
pub(crate) fn has_left(before: &Roster, after: &Roster) -> bool {
    let processes = |roster: &Roster| -> BTreeSet<Did> {
        roster.cards().filter_map(|card| card.validator.as_ref()).map(|validator| validator.node).collect()
    };
    !processes(before).is_subset(&processes(after))
}

/// The place of a process among those of all members, from 0, in the order of identities; none when it is no member's.
pub(crate) fn place(roster: &Roster, node: &Did) -> Option<u32> {
    let mut processes = roster.cards().filter_map(|card| card.validator.as_ref());
    processes.position(|validator| validator.node == *node).and_then(|place| u32::try_from(place).ok())
}

/// A validator with its number of votes; 0 takes it out.
pub(crate) fn update(key: &Did, power: i64) -> ValidatorUpdate {
    let ed25519 = Some(key.public_key().to_vec());
    ValidatorUpdate { pub_key: Some(PublicKey { ed25519 }), power }
}

/// CometBFT's name for a key: the first 20 bytes of its SHA-256.
pub(crate) fn address(key: &Did) -> [u8; 20] {
    let digest: [u8; 32] = Sha256::digest(key.public_key()).into();
    let mut address = [0; 20];
    address.copy_from_slice(&digest[..20]);
    address
}

/// The name of a process on the network, as CometBFT writes it.
pub(crate) fn node_id(node: &Did) -> String {
    hex::encode(address(node))
}
