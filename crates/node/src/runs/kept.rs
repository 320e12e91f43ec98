//! A compute party's shares of values on the way to the result, which the contract names: committed to in the receipt,
//! kept, and shown when the member's person says so.

use contract::{Did, Hash};
use ledger::dispute::Subject;
use ledger::opening::{Intermediate, Opening, OpeningFlaw};
use ledger::{Phase, State};
use zeroize::Zeroizing;

use super::Trouble;
use crate::failure::Failure;
use crate::journal::Note;
use crate::node::Node;
use crate::wire::{Reader, WireError, Writer};

/// Values that a contract may name.
const COUNT_MAX: u32 = 64;

/// Shares of one value, with their salt.
pub(super) struct Kept {
    value: u32,
    salt: [u8; 32],
    shares: Zeroizing<Vec<u8>>,
}

/// Salts what a run kept, in the order of the contract's values.
pub(super) fn salted(
    values: impl Iterator<Item = u32>,
    shares: Vec<Vec<u8>>,
) -> Result<Vec<Kept>, getrandom::Error> {
    let salted = values.zip(shares).map(|(value, shares)| {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt)?;
        Ok(Kept { value, salt, shares: Zeroizing::new(shares) })
    });
    salted.collect()
}

/// What the receipt says of them.
pub(super) fn commitments(run: Hash, party: Did, kept: &[Kept]) -> Result<Vec<Intermediate>, OpeningFlaw> {
    let committed = kept.iter().map(|kept| {
        let hash = opening(run, party, kept).commitment()?;
        Ok(Intermediate { value: kept.value, hash })
    });
    committed.collect()
}

/// Keeps them for as long as the run's record is kept.
pub(super) fn keep(node: &Node, run: &Hash, kept: &[Kept]) -> Result<(), Trouble> {
    if kept.is_empty() { Ok(()) } else { Ok(node.journal.put(run, Note::Kept, &to_bytes(kept))?) }
}

/// Shows this party's shares of a value, if the run is in dispute.
pub(crate) fn open(node: &Node, run: Hash, value: u32) -> Result<Opening, Failure> {
    if !node.replica.read(|ledger| is_disputed(ledger.state(), &run, &node.me)) {
        let message = format!(
            "shares of run {run} are shown only when it is in dispute and this node's receipt is on the ledger"
        );
        return Err(Failure::refused("not-in-dispute", message).next("treaty dispute challenge --help"));
    }
    let none = || {
        let message = format!(
            "this node keeps no shares of v{value} from run {run}: it did not compute it, or its \
                               contract does not name the value"
        );
        Failure::not_found(message).next(format!("treaty run commitments {run}"))
    };
    let bytes = Zeroizing::new(node.journal.read(&run, Note::Kept)?.ok_or_else(none)?);
    let kept = from_bytes(&bytes).map_err(|error| {
        Failure::unavailable(format!("the shares that this node kept of run {run}: {error}"))
    })?;
    let found = kept.iter().find(|kept| kept.value == value).ok_or_else(none)?;
    // From now on this node cannot say any more that nothing was opened.
    node.journal.put(&run, Note::Released, b"")?;
    Ok(opening(run, node.me, found))
}

/// Whether receipts contradict each other, or a challenge of the run is undecided.
fn is_disputed(state: &State, run: &Hash, party: &Did) -> bool {
    let Some(record) = state.run(run).filter(|record| record.receipts.contains_key(party)) else {
        return false;
    };
    let challenged = state.dispute_about(&Subject::Run(*run));
    record.phase == Phase::Disputed
        || record.phase == Phase::Completed && challenged.is_some_and(|dispute| dispute.ruling.is_none())
}

fn opening(run: Hash, party: Did, kept: &Kept) -> Opening {
    Opening::new(run, party, kept.value, kept.salt, &kept.shares)
}

fn to_bytes(kept: &[Kept]) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer::default();
    writer.number(kept.len() as u32);
    for Kept { value, salt, shares } in kept {
        writer.number(*value).raw(salt).bytes(shares);
    }
    Zeroizing::new(writer.finish())
}

fn from_bytes(bytes: &[u8]) -> Result<Vec<Kept>, WireError> {
    let mut reader = Reader::new(bytes);
    let mut kept = Vec::new();
    for _ in 0..reader.number(COUNT_MAX)? {
        let (value, salt) = (reader.number(u32::MAX)?, reader.raw()?);
        kept.push(Kept { value, salt, shares: Zeroizing::new(reader.bytes()?.to_vec()) });
    }
    reader.finish()?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_nothing_else() {
        let kept = salted([7, 9].into_iter(), vec![vec![1, 2, 3], Vec::new()]).unwrap();
        assert_ne!(kept[0].salt, kept[1].salt);
        let bytes = to_bytes(&kept);
        let read = from_bytes(&bytes).unwrap();
        let party = contract::SigningKey::from_seed(&[1; 32]).did();
        let run = Hash::of("test", b"run");
        let hashes = |kept: &[Kept]| commitments(run, party, kept).unwrap();
        assert_eq!(hashes(&read), hashes(&kept));
        for cut in 0..bytes.len() {
            assert!(from_bytes(&bytes[..cut]).is_err());
        }
        assert!(from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}
