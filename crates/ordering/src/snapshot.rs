//! Snapshots: how a new member's node gets the whole log without taking every block from the first on.
//!
//! A snapshot at a height *is* the log up to there, cut into chunks at places that follow from the log alone, so that
//! any node serves any chunk at any time and keeps nothing for it. The light client of the new node's CometBFT finds
//! the application hash of that height by the validators' signatures; it is the log's root. Each chunk comes with a proof
//! that the log of that root goes on with it ([`ledger::restore`]), and where it must end follows from itself: so what is
//! forged or cut elsewhere costs its own sender, and no other.
//!
//! Sources: ABCI 2.0, "State sync"; the format is this crate's ([`chunk`]).

use std::time::Instant;

use contract::Hash;
use ledger::restore::{Restoration, RestoreError};

use crate::app::{App, lock};
use crate::chunk::Chunk;
use crate::error::Fault;
use crate::messages::{
    Applied, Offered, RequestApplySnapshotChunk, RequestLoadSnapshotChunk, RequestOfferSnapshot,
    ResponseApplySnapshotChunk, ResponseListSnapshots, ResponseLoadSnapshotChunk, ResponseOfferSnapshot,
    Snapshot,
};

/// The format above.
const FORMAT: u32 = 2;
/// A chunk ends with the entry with which it has so many bytes of entries, the last one where the log ends: it has at most
/// an entry's mebibyte more. CometBFT carries 16 MB.
const CHUNK_BYTES: usize = 4 << 20;
/// How many blocks must follow a snapshot's: the light client needs the next two headers.
const BEHIND: u64 = 2;

/// What the node takes over.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    taking: Option<Taking>,
    /// The whole log, with the root that was vouched for. It becomes this ledger's with the next block: only then is it
    /// certain that CometBFT has recorded where it stands.
    taken: Option<Taking>,
    /// The most entries that ever came of a log that was vouched for.
    most: u64,
    /// When they became more. Nothing else is progress: who hands over the beginning again and again, or an offer alone,
    /// must not keep the node from taking blocks instead.
    last: Option<Instant>,
}

/// A log that is being taken over.
#[derive(Debug)]
struct Taking {
    restoration: Restoration,
    height: u64,
    chunks: u32,
    next: u32,
}

impl Taking {
    /// Whether the next chunk is cut where every node cuts it.
    fn is_cut_right(&self, leaves: &[Vec<u8>]) -> bool {
        let size = self.restoration.size().saturating_add(leaves.len() as u64);
        let is_last = self.next.saturating_add(1) >= self.chunks;
        let bytes: usize = leaves.iter().map(Vec::len).sum();
        let before = bytes - leaves.last().map_or(0, Vec::len);
        before < CHUNK_BYTES && if is_last { size == self.restoration.end() } else { bytes >= CHUNK_BYTES }
    }
}

impl App {
    /// ListSnapshots.
    pub(crate) fn list_snapshots(&self) -> Result<ResponseListSnapshots, Fault> {
        let last = lock(&self.ledger).height()?;
        let snapshot = match last.checked_sub(BEHIND) {
            Some(height) if height > 0 => self.snapshot(height)?,
            _ => None,
        };
        Ok(ResponseListSnapshots { snapshots: snapshot.into_iter().collect() })
    }

    fn snapshot(&self, height: u64) -> Result<Option<Snapshot>, Fault> {
        let Some(size) = lock(&self.ledger).size_at(height)? else { return Ok(None) };
        let root = lock(&self.ledger).root_at(size)?;
        let chunks = u32::try_from(self.starts(size)?.len()).map_err(|_| Fault::Range("a snapshot"))?;
        // A log with the founding document alone is a snapshot of one empty chunk.
        Ok(Some(Snapshot {
            height,
            format: FORMAT,
            chunks: chunks.max(1),
            hash: root.as_bytes().to_vec(),
            metadata: size.to_be_bytes().to_vec(),
        }))
    }

    /// Where the chunks of the first `size` entries begin.
    fn starts(&self, size: u64) -> Result<Vec<u64>, Fault> {
        let mut starts = lock(&self.chunk_starts);
        if starts.is_empty() {
            starts.push(1);
        }
        while let Some(last) = starts.last().copied() {
            // A chunk at a time, so that nobody waits long for the ledger.
            let leaves = lock(&self.ledger).leaves(last, u64::MAX, CHUNK_BYTES)?.len() as u64;
            if last + leaves >= size {
                break;
            }
            starts.push(last + leaves);
        }
        Ok(starts.iter().copied().filter(|start| *start < size).collect())
    }

    /// LoadSnapshotChunk: empty when there is none, which its receiver notices.
    pub(crate) fn load_chunk(
        &self,
        asked: &RequestLoadSnapshotChunk,
    ) -> Result<ResponseLoadSnapshotChunk, Fault> {
        let size = lock(&self.ledger).size_at(asked.height)?;
        let Some(size) = size.filter(|_| asked.format == FORMAT) else {
            return Ok(ResponseLoadSnapshotChunk::default());
        };
        let starts = self.starts(size)?;
        let start = match starts.get(asked.chunk as usize) {
            Some(start) => *start,
            None if asked.chunk == 0 => size,
            None => return Ok(ResponseLoadSnapshotChunk::default()),
        };
        let ledger = lock(&self.ledger);
        let leaves = ledger.leaves(start, size, CHUNK_BYTES)?;
        let proof = ledger.consistency(start + leaves.len() as u64, size)?;
        drop(ledger);
        Ok(ResponseLoadSnapshotChunk { chunk: Chunk { proof, leaves }.to_bytes() })
    }

    /// OfferSnapshot: the application hash is what the light client vouches for.
    pub(crate) fn offer_snapshot(
        &self,
        asked: &RequestOfferSnapshot,
    ) -> Result<ResponseOfferSnapshot, Fault> {
        let say = |result: Offered| Ok(ResponseOfferSnapshot { result: result.into() });
        let Some(snapshot) = &asked.snapshot else { return say(Offered::Reject) };
        if snapshot.format != FORMAT {
            return say(Offered::RejectFormat);
        }
        let root: Option<[u8; 32]> = asked.app_hash.as_slice().try_into().ok();
        let Some(root) = root.filter(|_| snapshot.hash == asked.app_hash) else {
            return say(Offered::Reject);
        };
        let size: Option<[u8; 8]> = snapshot.metadata.as_slice().try_into().ok();
        let Some(size) = size.map(u64::from_be_bytes) else { return say(Offered::Reject) };
        // Each but the founding entry's has an entry at least.
        if !(1..=size.saturating_sub(1).max(1)).contains(&u64::from(snapshot.chunks)) {
            return say(Offered::Reject);
        }
        let restoration = lock(&self.ledger).begin_restoration(size, Hash::from_bytes(root))?;
        let mut snapshots = lock(&self.snapshots);
        snapshots.taken = None;
        snapshots.taking =
            Some(Taking { restoration, height: snapshot.height, chunks: snapshot.chunks, next: 0 });
        drop(snapshots);
        say(Offered::Accept)
    }

    /// ApplySnapshotChunk, in order. What is wrong with a chunk is its sender's doing alone.
    pub(crate) fn apply_chunk(
        &self,
        asked: &RequestApplySnapshotChunk,
    ) -> Result<ResponseApplySnapshotChunk, Fault> {
        let mut snapshots = lock(&self.snapshots);
        let taking = snapshots.taking.as_mut().filter(|taking| taking.next == asked.index);
        let taking = taking.ok_or(Fault::OutOfOrder("a chunk"))?;
        let chunk = Chunk::from_bytes(&asked.chunk).filter(|chunk| taking.is_cut_right(&chunk.leaves));
        let Some(Chunk { proof, leaves }) = chunk else {
            tracing::warn!(sender = asked.sender, "a chunk is not accepted: it is no stretch of the log");
            return Ok(retry(asked));
        };
        match lock(&self.ledger).restore(&mut taking.restoration, leaves, &proof) {
            Ok(()) => {}
            Err(RestoreError::Ledger(error)) => return Err(error.into()),
            Err(flaw) => {
                tracing::warn!(%flaw, sender = asked.sender, "a chunk is not accepted");
                return Ok(retry(asked));
            }
        }
        taking.next += 1;
        let (size, is_whole) = (taking.restoration.size(), taking.next == taking.chunks);
        if size > snapshots.most {
            snapshots.most = size;
            snapshots.last = Some(Instant::now());
        }
        if is_whole {
            snapshots.taken = snapshots.taking.take();
        }
        Ok(ResponseApplySnapshotChunk { result: Applied::Accept.into(), ..Default::default() })
    }

    /// Height and root of a log that was taken over, and that the next block makes this ledger's.
    pub(crate) fn taken(&self) -> Option<(u64, Hash)> {
        lock(&self.snapshots).taken.as_ref().map(|taken| (taken.height, taken.restoration.root()))
    }

    /// CometBFT has ended before the next block: what it took over is of no use to the next one.
    pub(crate) fn forget_taken(&self) {
        let mut snapshots = lock(&self.snapshots);
        (snapshots.taking, snapshots.taken) = (None, None);
    }

    /// When more of a log that was vouched for came last.
    pub(crate) fn last_chunk(&self) -> Option<Instant> {
        lock(&self.snapshots).last
    }

    /// Before a block: the log that was taken over, if there is one, is this ledger's from here on. CometBFT has the block
    /// on its disk when it asks for it, and finds its place again from there.
    pub(crate) fn adopt_taken(&self) -> Result<(), Fault> {
        // Held until the ledger has it: whoever forgets what was taken sees either none of it adopted, or all.
        let mut snapshots = lock(&self.snapshots);
        let Some(taken) = snapshots.taken.take() else { return Ok(()) };
        let mut ledger = lock(&self.ledger);
        match ledger.finish_restoration(taken.restoration, taken.height) {
            Ok(()) => {}
            Err(RestoreError::Ledger(error)) => return Err(error.into()),
            // Its root was compared when it came.
            Err(_) => return Err(Fault::Malformed("a snapshot")),
        }
        let state = ledger.state().clone();
        drop(ledger);
        drop(snapshots);
        lock(&self.mempool).renew(state, std::iter::empty());
        self.tell(Vec::new());
        Ok(())
    }
}

/// Once more, without that sender. What others sent before is on the disk, and stays.
fn retry(asked: &RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
    ResponseApplySnapshotChunk {
        result: Applied::Retry.into(),
        refetch_chunks: vec![asked.index],
        reject_senders: vec![asked.sender.clone()],
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mempool::tests::{app, delegation};
    use crate::messages::{RequestProposed, Status, Timestamp};

    fn block(height: i64, txs: Vec<Vec<u8>>) -> RequestProposed {
        RequestProposed { txs, height, time: Some(Timestamp { seconds: 1_800_000_010 }) }
    }

    /// A log of two entries after block 1: its root, and the chunk that it is.
    fn source(directory: &Path) -> (Hash, Vec<u8>) {
        let source = app(directory);
        let transaction = delegation(&source, 1, 5000);
        source.finalize(&block(1, vec![transaction])).unwrap();
        source.commit().unwrap();
        let asked = RequestLoadSnapshotChunk { height: 1, format: FORMAT, chunk: 0 };
        let root = lock(&source.ledger).root();
        (root, source.load_chunk(&asked).unwrap().chunk)
    }

    fn offer(app: &App, root: Hash, size: &[u8], chunks: u32) -> i32 {
        let hash = root.as_bytes().to_vec();
        let metadata = size.to_vec();
        let snapshot = Snapshot { height: 1, format: FORMAT, chunks, hash: hash.clone(), metadata };
        app.offer_snapshot(&RequestOfferSnapshot { snapshot: Some(snapshot), app_hash: hash }).unwrap().result
    }

    fn apply(app: &App, chunk: &[u8]) -> ResponseApplySnapshotChunk {
        let sender = "mallory".to_owned();
        app.apply_chunk(&RequestApplySnapshotChunk { index: 0, chunk: chunk.to_vec(), sender }).unwrap()
    }

    #[test]
    fn a_bad_chunk_costs_its_sender_alone_and_is_no_progress() {
        let directory = tempfile::tempdir().unwrap();
        let (root, good) = source(&directory.path().join("source"));
        let app = app(&directory.path().join("new"));
        let accepted = i32::from(Offered::Accept);
        assert_eq!(offer(&app, root, &2_u64.to_be_bytes(), 1), accepted);
        let chunk = Chunk::from_bytes(&good).unwrap();
        let foreign = Chunk { leaves: vec![b"{}".to_vec()], ..chunk.clone() };
        let none = Chunk { leaves: Vec::new(), ..chunk.clone() };
        let more = Chunk { leaves: [chunk.leaves.clone(), chunk.leaves.clone()].concat(), ..chunk.clone() };
        let unproved = Chunk { proof: vec![root], ..chunk };
        let bad = [foreign, none, more, unproved].map(|chunk| chunk.to_bytes());
        for bytes in bad.iter().chain([&vec![0xff; 9], &Vec::new()]) {
            let answer = apply(&app, bytes);
            assert_eq!(answer.result, i32::from(Applied::Retry));
            // Who sent it is not asked again, and the others are.
            assert_eq!((answer.refetch_chunks, answer.reject_senders), (vec![0], vec!["mallory".to_owned()]));
            assert_eq!((app.last_chunk(), app.taken()), (None, None));
        }
        assert_eq!(apply(&app, &good).result, i32::from(Applied::Accept));
        assert_eq!(app.taken(), Some((1, root)));
        let last = app.last_chunk();
        assert!(last.is_some());
        // The same once more holds nothing off.
        assert_eq!(offer(&app, root, &2_u64.to_be_bytes(), 1), accepted);
        assert_eq!(apply(&app, &good).result, i32::from(Applied::Accept));
        assert_eq!(app.last_chunk(), last);
    }

    #[test]
    fn where_a_chunk_ends_follows_from_itself() {
        let directory = tempfile::tempdir().unwrap();
        let app = app(directory.path());
        let cut = |end: u64, chunks: u32, sizes: &[usize]| {
            let restoration = lock(&app.ledger).begin_restoration(end, Hash::from_bytes([7; 32])).unwrap();
            let leaves: Vec<_> = sizes.iter().map(|size| vec![0; *size]).collect();
            Taking { restoration, height: 1, chunks, next: 0 }.is_cut_right(&leaves)
        };
        assert!(
            cut(9, 2, &[CHUNK_BYTES]) && cut(9, 2, &[CHUNK_BYTES - 1, 1]) && cut(9, 2, &[1, CHUNK_BYTES])
        );
        assert!(!cut(9, 2, &[CHUNK_BYTES - 1]) && !cut(9, 2, &[CHUNK_BYTES, 1]) && !cut(9, 2, &[]));
        assert!(cut(3, 1, &[1, 1]) && cut(3, 1, &[1, CHUNK_BYTES]) && cut(1, 1, &[]));
        assert!(
            !cut(3, 1, &[1]) && !cut(3, 1, &[1, 1, 1]) && !cut(3, 1, &[]) && !cut(3, 1, &[CHUNK_BYTES, 1])
        );
    }

    #[test]
    fn a_snapshot_of_the_founding_entry_alone_has_a_chunk_too() {
        let directory = tempfile::tempdir().unwrap();
        let source = app(&directory.path().join("source"));
        source.finalize(&block(1, Vec::new())).unwrap();
        source.commit().unwrap();
        let root = lock(&source.ledger).root();
        let asked = RequestLoadSnapshotChunk { height: 1, format: FORMAT, chunk: 0 };
        let chunk = source.load_chunk(&asked).unwrap().chunk;
        assert!(!chunk.is_empty(), "cometbft takes an empty one for none");
        let new = app(&directory.path().join("new"));
        assert_eq!(offer(&new, root, &1_u64.to_be_bytes(), 1), i32::from(Offered::Accept));
        assert_eq!(apply(&new, &chunk).result, i32::from(Applied::Accept));
        assert_eq!(new.taken(), Some((1, root)));
    }

    #[test]
    fn what_was_taken_over_is_the_ledgers_with_the_next_block_and_not_before() {
        let directory = tempfile::tempdir().unwrap();
        let (root, chunk) = source(&directory.path().join("source"));
        let take = |app: &App| {
            assert_eq!(offer(app, root, &2_u64.to_be_bytes(), 1), i32::from(Offered::Accept));
            assert_eq!(apply(app, &chunk).result, i32::from(Applied::Accept));
        };
        let home = directory.path().join("new");
        let new = app(&home);
        take(&new);
        let info = new.info().unwrap();
        assert_eq!(
            (info.last_block_height, info.last_block_app_hash.as_slice()),
            (1, root.as_bytes().as_slice())
        );
        assert_eq!(lock(&new.ledger).size(), 1);
        assert_eq!(lock(&new.ledger).entries(0, 9).unwrap().len(), 1);
        assert_eq!(new.process(&block(2, Vec::new())).unwrap().status, i32::from(Status::Reject));
        // Killed here, it finds nothing of it.
        drop(new);
        let new = app(&home);
        assert_eq!((new.info().unwrap().last_block_height, lock(&new.ledger).size()), (0, 1));
        take(&new);
        new.forget_taken();
        assert_eq!(new.info().unwrap().last_block_height, 0, "its cometbft has ended");
        take(&new);
        new.finalize(&block(2, Vec::new())).unwrap();
        // And here everything.
        drop(new);
        let new = app(&home);
        assert_eq!((new.info().unwrap().last_block_height, lock(&new.ledger).root()), (1, root));
        new.finalize(&block(2, Vec::new())).unwrap();
        new.commit().unwrap();
        assert_eq!(new.info().unwrap().last_block_height, 2);
    }

    #[test]
    fn a_snapshot_says_how_long_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let app = app(directory.path());
        let root = Hash::from_bytes([7; 32]);
        let (accepted, rejected) = (i32::from(Offered::Accept), i32::from(Offered::Reject));
        assert_eq!(offer(&app, root, b"", 1), rejected);
        // More chunks than entries, or none.
        for (size, chunks, expected) in [
            (1, 0, rejected),
            (1, 1, accepted),
            (1, 2, rejected),
            (4, 3, accepted),
            (4, 4, rejected),
            (0, 1, accepted),
            (u64::MAX, u32::MAX, accepted),
        ] {
            assert_eq!(offer(&app, root, &u64::to_be_bytes(size), chunks), expected, "{size} {chunks}");
        }
        assert_eq!(app.last_chunk(), None, "an offer is no progress");
    }
}
