//! Blocks: what this node proposes, which proposals it votes for, and what it records once a block is agreed on.
//!
//! | call | answer |
//! | --- | --- |
//! | PrepareProposal | of what waits, what every rule accepts in this order at this time |
//! | ProcessProposal | yes to a block of which every transaction is accepted, which all honest nodes find alike |
//! | FinalizeBlock | the root that the block leads to, and the validators that it changes |
//! | Commit | after the block is on disk |
//!
//! The time of a block is the median of what the validators said when they voted for the one before. After a quiet
//! hour that is an hour ago, so that an honest proposer then puts an empty block first: the next one has the present
//! time. Empty blocks are not made otherwise, and not two of them in a row on a machine that is slow.

use ledger::{Refused, Staged, transaction::Checked};
use sha2::{Digest, Sha256};

use crate::app::{App, Key, Verdict, key_of, lock};
use crate::error::Fault;
use crate::messages::{
    Empty, RequestPrepareProposal, RequestProposed, ResponseFinalizeBlock, ResponsePrepareProposal,
    ResponseStatus, Status, Timestamp, TxResult,
};
use crate::validators;

/// How far a block's time may be behind this node's clock before it proposes an empty block, in seconds.
const STALE_SECONDS: u64 = 3;
/// How long ago an empty block may have brought the present time for the next one to be taken as it is, in seconds: where
/// blocks themselves take longer than [`STALE_SECONDS`], there would be none but empty ones.
const BROUGHT_SECONDS: u64 = 60;

/// The block under way.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// A block that was tried and found good, under a hash of what it was tried with.
    tried: Option<(Key, Staged)>,
    /// What Commit will record.
    agreed: Option<Agreed>,
    /// When the last block came, by this node's clock, if it was an empty one of an old time.
    brought: Option<u64>,
}

#[derive(Debug)]
struct Agreed {
    height: u64,
    staged: Staged,
    keys: Vec<Key>,
    /// For each transaction that is not among the staged ones, why.
    malformed: Vec<Option<Refused>>,
}

impl App {
    /// PrepareProposal.
    pub(crate) fn prepare(&self, asked: &RequestPrepareProposal) -> Result<ResponsePrepareProposal, Fault> {
        let time = seconds(asked.time.as_ref())?;
        let now = (self.clock)();
        let brought = lock(&self.block).brought.is_some_and(|at| now <= at.saturating_add(BROUGHT_SECONDS));
        if (is_stale(time, now) && !brought) || self.taken().is_some() {
            return Ok(ResponsePrepareProposal::default());
        }
        let readable: Vec<_> = asked
            .txs
            .iter()
            .filter_map(|bytes| Some((bytes, self.checked(&key_of(bytes), bytes).ok()?)))
            .collect();
        let checked: Vec<Checked> = readable.iter().map(|(_, checked)| checked.clone()).collect();
        let staged = lock(&self.ledger).stage_known(time, &checked)?;
        let accepted = readable.iter().zip(staged.answers()).filter(|(_, answer)| answer.is_ok());
        let mut room = asked.max_tx_bytes;
        let txs = accepted.map(|((bytes, _), _)| (*bytes).clone()).take_while(|bytes| {
            room -= size_in_block(bytes.len());
            room >= 0
        });
        let txs: Vec<_> = txs.collect();
        if txs.len() == checked.len() {
            // This node is asked for its own vote next, on just this.
            let keys: Vec<Key> = txs.iter().map(|bytes| key_of(bytes)).collect();
            lock(&self.block).tried = Some((identity(time, &keys), staged));
        }
        Ok(ResponsePrepareProposal { txs })
    }

    /// ProcessProposal.
    pub(crate) fn process(&self, asked: &RequestProposed) -> Result<ResponseStatus, Fault> {
        let vote = |status: Status| Ok(ResponseStatus { status: status.into() });
        let time = seconds(asked.time.as_ref())?;
        let keys: Vec<Key> = asked.txs.iter().map(|bytes| key_of(bytes)).collect();
        if self.taken().is_some() {
            // The others have decided on this block, and this node cannot judge it yet.
            return vote(Status::Reject);
        }
        let identity = identity(time, &keys);
        let size = lock(&self.ledger).size();
        let is_tried = |(tried, staged): &(Key, Staged)| *tried == identity && staged.base() == size;
        if lock(&self.block).tried.as_ref().is_some_and(is_tried) {
            return vote(Status::Accept);
        }
        let checked = keys.iter().zip(&asked.txs).map(|(key, bytes)| self.checked(key, bytes));
        let Ok(checked) = checked.collect::<Result<Vec<_>, _>>() else {
            return vote(Status::Reject);
        };
        // An error here is about this block, or comes again when it is agreed on.
        let Ok(staged) = lock(&self.ledger).stage(time, &checked) else {
            return vote(Status::Reject);
        };
        if staged.answers().iter().any(Result::is_err) {
            return vote(Status::Reject);
        }
        lock(&self.block).tried = Some((identity, staged));
        vote(Status::Accept)
    }

    /// FinalizeBlock: the block is agreed on, whatever this node thinks of it.
    pub(crate) fn finalize(&self, asked: &RequestProposed) -> Result<ResponseFinalizeBlock, Fault> {
        self.adopt_taken()?;
        let height = u64::try_from(asked.height).map_err(|_| Fault::Range("a height"))?;
        let time = seconds(asked.time.as_ref())?;
        let keys: Vec<Key> = asked.txs.iter().map(|bytes| key_of(bytes)).collect();
        let tried = lock(&self.block).tried.take().filter(|(tried, _)| *tried == identity(time, &keys));
        let ledger = lock(&self.ledger);
        let (staged, malformed) = match tried {
            Some((_, staged)) if staged.base() == ledger.size() => (staged, vec![None; keys.len()]),
            _ => {
                let (mut checked, mut malformed) = (Vec::new(), Vec::new());
                for (key, bytes) in keys.iter().zip(&asked.txs) {
                    match self.checked(key, bytes) {
                        Ok(transaction) => {
                            checked.push(transaction);
                            malformed.push(None);
                        }
                        Err(refused) => malformed.push(Some(refused)),
                    }
                }
                (ledger.stage(time, &checked)?, malformed)
            }
        };
        let before = ledger.state().roster();
        let validator_updates = validators::changes(before, staged.state().roster());
        let app_hash = staged.root().as_bytes().to_vec();
        drop(ledger);
        let agreed = Agreed { height, staged, keys, malformed };
        let tx_results = agreed.verdicts().map(|(_, verdict)| result(verdict)).collect();
        let now = (self.clock)();
        let mut block = lock(&self.block);
        block.brought = Some(now).filter(|_| asked.txs.is_empty() && is_stale(time, now));
        block.agreed = Some(agreed);
        drop(block);
        Ok(ResponseFinalizeBlock { tx_results, validator_updates, app_hash })
    }

    /// Commit: durable when it answers.
    pub(crate) fn commit(&self) -> Result<Empty, Fault> {
        let agreed = lock(&self.block).agreed.take().ok_or(Fault::OutOfOrder("a commit"))?;
        let verdicts: Vec<(Key, Verdict)> = agreed.verdicts().map(|(key, verdict)| (*key, verdict)).collect();
        let mut ledger = lock(&self.ledger);
        let left = validators::has_left(ledger.state().roster(), agreed.staged.state().roster());
        ledger.record_block(agreed.staged, agreed.height)?;
        let state = ledger.state().clone();
        drop(ledger);
        if left {
            self.hang_up(state.roster());
        }
        lock(&self.mempool).renew(state, agreed.keys.iter());
        self.tell(verdicts);
        Ok(Empty {})
    }
}

impl Agreed {
    /// What became of each transaction.
    fn verdicts(&self) -> impl Iterator<Item = (&Key, Verdict)> {
        let mut answers = self.staged.answers().iter();
        self.keys.iter().zip(&self.malformed).filter_map(move |(key, malformed)| {
            let verdict = match malformed {
                Some(refused) => Verdict::refused(refused),
                None => match answers.next()? {
                    Ok(applied) => Verdict::Entry(applied.index),
                    Err(refused) => Verdict::refused(refused),
                },
            };
            Some((key, verdict))
        })
    }
}

fn is_stale(time: u64, now: u64) -> bool {
    time.saturating_add(STALE_SECONDS) < now
}

/// As all nodes must say it: texts are not part of what they agree on.
fn result(verdict: Verdict) -> TxResult {
    match verdict {
        Verdict::Entry(index) => TxResult { data: index.to_be_bytes().to_vec(), ..Default::default() },
        Verdict::Refused { rule, message } => {
            TxResult { code: 1, codespace: rule, log: message, ..Default::default() }
        }
    }
}

/// Names what was tried: the same transactions at the same time on the same entries lead to the same.
fn identity(time: u64, keys: &[Key]) -> Key {
    let start = Sha256::new().chain_update(time.to_be_bytes());
    keys.iter().fold(start, |hasher, key| hasher.chain_update(key)).finalize().into()
}

fn seconds(time: Option<&Timestamp>) -> Result<u64, Fault> {
    let time = time.ok_or(Fault::Range("a block without a time"))?;
    u64::try_from(time.seconds).map_err(|_| Fault::Range("a time before 1970"))
}

/// Bytes of a transaction as a field of a block.
fn size_in_block(bytes: usize) -> i64 {
    let length = i64::try_from(bytes).unwrap_or(i64::MAX / 2);
    length + 1 + i64::try_from(prost::length_delimiter_len(bytes)).unwrap_or(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mempool::tests::{app, delegation};

    /// Where a block takes longer than its time may be old, every second one has what waits.
    #[test]
    fn an_old_time_costs_one_empty_block_and_not_all_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let app = app(directory.path());
        let transaction = delegation(&app, 1, 5000);
        // This node's clock stands a thousand seconds after the founding.
        let at = |seconds: i64| Some(Timestamp { seconds: 1_800_000_000 + seconds });
        let proposed = |seconds| {
            let asked = RequestPrepareProposal {
                max_tx_bytes: 1 << 20,
                txs: vec![transaction.clone()],
                time: at(seconds),
            };
            app.prepare(&asked).unwrap().txs.len()
        };
        let take = |height: i64, seconds, txs: &[Vec<u8>]| {
            app.finalize(&RequestProposed { txs: txs.to_vec(), height, time: at(seconds) }).unwrap();
            app.commit().unwrap();
        };
        assert_eq!(proposed(990), 0);
        take(1, 990, &[]);
        assert_eq!(proposed(994), 1, "the time is old again, and would stay so");
        take(2, 994, std::slice::from_ref(&transaction));
        assert_eq!(proposed(994), 0);
        take(3, 1000, &[]);
        assert_eq!(proposed(990), 0, "an empty block of the present time brought nothing");
    }
}
