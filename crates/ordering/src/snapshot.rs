//! Snapshots: how a new member's node gets the whole log without taking every block from the first on.
//!
//! A snapshot at a height *is* the log up to there, cut into chunks at places that follow from the log alone, so that
//! any node serves any chunk at any time and keeps nothing for it. The light client of the new node's CometBFT finds
//! the application hash of that height by the validators' signatures; it is the log's root, and the log that came must
//! have it ([`ledger::restore`]).
//!
//! Sources: ABCI 2.0, "State sync"; the format is this crate's ([`chunk`]).

use std::time::Instant;

use contract::Hash;
use ledger::restore::{Restoration, RestoreError};

use crate::app::{App, lock};
use crate::chunk;
use crate::error::Fault;
use crate::messages::{
    Applied, Offered, RequestApplySnapshotChunk, RequestLoadSnapshotChunk, RequestOfferSnapshot,
    ResponseApplySnapshotChunk, ResponseListSnapshots, ResponseLoadSnapshotChunk, ResponseOfferSnapshot,
    Snapshot,
};

/// The format above.
const FORMAT: u32 = 1;
/// Most bytes of entries in a chunk, unless a single entry has more. CometBFT carries 16 MB.
const CHUNK_BYTES_MAX: usize = 4 << 20;
/// How many blocks must follow a snapshot's: the light client needs the next two headers.
const BEHIND: u64 = 2;

/// What the node offers, and what it takes over.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// Where chunks begin; the last one is still growing.
    starts: Vec<u64>,
    taking: Option<Taking>,
    /// The whole log, with the root that was vouched for. It becomes this ledger's with the next block: only then is it
    /// certain that CometBFT has recorded where it stands.
    taken: Option<Taking>,
    /// When something of it came last.
    last: Option<Instant>,
}

/// A log that is being taken over.
#[derive(Debug)]
struct Taking {
    restoration: Restoration,
    height: u64,
    chunks: u32,
    next: u32,
    root: Hash,
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
        let mut snapshots = lock(&self.snapshots);
        if snapshots.starts.is_empty() {
            snapshots.starts.push(1);
        }
        while let Some(last) = snapshots.starts.last().copied() {
            // A chunk at a time, so that nobody waits long for the ledger.
            let leaves = lock(&self.ledger).leaves(last, u64::MAX, CHUNK_BYTES_MAX)?.len() as u64;
            if last + leaves >= size {
                break;
            }
            snapshots.starts.push(last + leaves);
        }
        Ok(snapshots.starts.iter().copied().filter(|start| *start < size).collect())
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
        let Some(start) = starts.get(asked.chunk as usize) else {
            return Ok(ResponseLoadSnapshotChunk::default());
        };
        let leaves = lock(&self.ledger).leaves(*start, size, CHUNK_BYTES_MAX)?;
        Ok(ResponseLoadSnapshotChunk { chunk: chunk::encode(&leaves) })
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
        let restoration = lock(&self.ledger).begin_restoration(size)?;
        let mut snapshots = lock(&self.snapshots);
        snapshots.last = Some(Instant::now());
        snapshots.taken = None;
        snapshots.taking = Some(Taking {
            restoration,
            height: snapshot.height,
            chunks: snapshot.chunks,
            next: 0,
            root: Hash::from_bytes(root),
        });
        drop(snapshots);
        say(Offered::Accept)
    }

    /// ApplySnapshotChunk, in order.
    pub(crate) fn apply_chunk(
        &self,
        asked: &RequestApplySnapshotChunk,
    ) -> Result<ResponseApplySnapshotChunk, Fault> {
        let mut snapshots = lock(&self.snapshots);
        let mut taking = snapshots.taking.take().ok_or(Fault::OutOfOrder("a chunk"))?;
        if asked.index != taking.next {
            return Err(Fault::OutOfOrder("a chunk"));
        }
        let Some(leaves) = chunk::decode(&asked.chunk) else { return Ok(retry(asked)) };
        match lock(&self.ledger).restore(&mut taking.restoration, leaves) {
            Ok(()) => {}
            Err(RestoreError::Ledger(error)) => return Err(error.into()),
            Err(flaw) => {
                tracing::warn!(%flaw, sender = asked.sender, "a chunk is not accepted");
                return Ok(retry(asked));
            }
        }
        taking.next += 1;
        snapshots.last = Some(Instant::now());
        if taking.next < taking.chunks {
            snapshots.taking = Some(taking);
            return Ok(accept());
        }
        let (found, vouched_for) = (taking.restoration.root(), taking.root);
        if found != vouched_for {
            tracing::warn!(%found, %vouched_for, "a snapshot is not accepted: it has another root");
            let result = Applied::RejectSnapshot.into();
            return Ok(ResponseApplySnapshotChunk { result, ..Default::default() });
        }
        snapshots.taken = Some(taking);
        Ok(accept())
    }

    /// Height and root of a log that was taken over, and that the next block makes this ledger's.
    pub(crate) fn taken(&self) -> Option<(u64, Hash)> {
        lock(&self.snapshots).taken.as_ref().map(|taken| (taken.height, taken.root))
    }

    /// CometBFT has ended before the next block: what it took over is of no use to the next one.
    pub(crate) fn forget_taken(&self) {
        let mut snapshots = lock(&self.snapshots);
        (snapshots.taking, snapshots.taken) = (None, None);
    }

    /// When something of a snapshot came last.
    pub(crate) fn last_chunk(&self) -> Option<Instant> {
        lock(&self.snapshots).last
    }

    /// Before a block: the log that was taken over, if there is one, is this ledger's from here on. CometBFT has the block
    /// on its disk when it asks for it, and finds its place again from there.
    pub(crate) fn adopt_taken(&self) -> Result<(), Fault> {
        let Some(taken) = lock(&self.snapshots).taken.take() else { return Ok(()) };
        let mut ledger = lock(&self.ledger);
        match ledger.finish_restoration(taken.restoration, taken.root, taken.height) {
            Ok(()) => {}
            Err(RestoreError::Ledger(error)) => return Err(error.into()),
            // Its root was compared when it came.
            Err(_) => return Err(Fault::Malformed("a snapshot")),
        }
        let state = ledger.state().clone();
        drop(ledger);
        lock(&self.mempool).renew(state, std::iter::empty());
        self.tell(Vec::new());
        Ok(())
    }
}

fn accept() -> ResponseApplySnapshotChunk {
    ResponseApplySnapshotChunk { result: Applied::Accept.into(), ..Default::default() }
}

/// From the beginning, without that sender: the snapshot is offered again, and every chunk so far is fetched again, since
/// who sent a chunk before may have begun what this one does not follow. What others serve is not lost with it.
fn retry(asked: &RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
    ResponseApplySnapshotChunk {
        result: Applied::RetrySnapshot.into(),
        refetch_chunks: (0..=asked.index).collect(),
        reject_senders: vec![asked.sender.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mempool::tests::{app, delegation};
    use crate::messages::{RequestProposed, Status, Timestamp};

    fn offered(metadata: &[u8]) -> RequestOfferSnapshot {
        let hash = vec![7; 32];
        let metadata = metadata.to_vec();
        let snapshot = Snapshot { height: 5, format: FORMAT, chunks: 3, hash: hash.clone(), metadata };
        RequestOfferSnapshot { snapshot: Some(snapshot), app_hash: hash }
    }

    #[test]
    fn one_bad_chunk_costs_its_sender_and_not_the_snapshot() {
        let directory = tempfile::tempdir().unwrap();
        let app = app(directory.path());
        for chunk in [vec![0xff; 9], chunk::encode(&[b"{}".to_vec()])] {
            let offer = app.offer_snapshot(&offered(&4_u64.to_be_bytes())).unwrap();
            assert_eq!(offer.result, i32::from(Offered::Accept), "from the beginning");
            let asked = RequestApplySnapshotChunk { index: 0, chunk, sender: "mallory".to_owned() };
            let answer = app.apply_chunk(&asked).unwrap();
            assert_eq!(answer.result, i32::from(Applied::RetrySnapshot));
            // Who sent it is not asked again, and the others are.
            assert_eq!((answer.refetch_chunks, answer.reject_senders), (vec![0], vec!["mallory".to_owned()]));
        }
    }

    #[test]
    fn what_was_taken_over_is_the_ledgers_with_the_next_block_and_not_before() {
        let directory = tempfile::tempdir().unwrap();
        let source = app(&directory.path().join("source"));
        let transaction = delegation(&source, 1, 5000);
        let block = |height: i64, txs: Vec<Vec<u8>>| RequestProposed {
            txs,
            height,
            time: Some(Timestamp { seconds: 1_800_000_010 }),
        };
        source.finalize(&block(1, vec![transaction])).unwrap();
        source.commit().unwrap();
        let root = lock(&source.ledger).root();
        let asked = RequestLoadSnapshotChunk { height: 1, format: FORMAT, chunk: 0 };
        let chunk = source.load_chunk(&asked).unwrap().chunk;
        let take = |app: &App| {
            let hash = root.as_bytes().to_vec();
            let metadata = 2_u64.to_be_bytes().to_vec();
            let snapshot = Snapshot { height: 1, format: FORMAT, chunks: 1, hash: hash.clone(), metadata };
            app.offer_snapshot(&RequestOfferSnapshot { snapshot: Some(snapshot), app_hash: hash }).unwrap();
            let asked = RequestApplySnapshotChunk { index: 0, chunk: chunk.clone(), sender: String::new() };
            assert_eq!(app.apply_chunk(&asked).unwrap().result, i32::from(Applied::Accept));
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
        assert_eq!(app.offer_snapshot(&offered(b"")).unwrap().result, i32::from(Offered::Reject));
        app.offer_snapshot(&offered(&1_u64.to_be_bytes())).unwrap();
        let asked =
            RequestApplySnapshotChunk { chunk: chunk::encode(&[b"{}".to_vec()]), ..Default::default() };
        assert_eq!(app.apply_chunk(&asked).unwrap().result, i32::from(Applied::RetrySnapshot));
    }
}
