//! The application that CometBFT asks: the ledger, its mempool, and the block under way.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use contract::Did;
use ledger::{Ledger, Refused, Roster, SignedTransaction, transaction::Checked};
use sha2::{Digest, Sha256};

use crate::block::Block;
use crate::error::Fault;
use crate::home::chain_id;
use crate::mempool::Mempool;
use crate::messages::{
    Asked, Empty, RequestInitChain, RequestQuery, ResponseInfo, ResponseInitChain, ResponseQuery,
    ResponseStatus, Said, Status,
};
use crate::process::Restart;
use crate::snapshot::Snapshots;
use crate::validators;

/// Time for one node's CometBFT to end, to start and to take part again.
const STAGGER: Duration = Duration::from_secs(5);

/// This node's copy of the ledger, shared with whoever reads it.
pub type SharedLedger = Arc<Mutex<Ledger>>;

/// Hash of a transaction's bytes.
pub(crate) type Key = [u8; 32];

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stands on the ledger, at this index.
    Entry(u64),
    /// A rule refuses it; nothing has changed.
    Refused {
        /// The rule's name.
        rule: String,
        /// The rule, with what it refuses.
        message: String,
    },
}

impl Verdict {
    pub(crate) fn refused(refused: &Refused) -> Self {
        Self::Refused { rule: refused.rule().to_owned(), message: refused.to_string() }
    }
}

/// What whoever handed a transaction in hears of it, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It waits for its block.
    Admitted,
    /// Nothing more will be said.
    Ended(Verdict),
}

impl News {
    /// What became of the transaction, where that is known.
    pub(crate) fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Admitted => None,
            Self::Ended(verdict) => Some(verdict),
        }
    }
}

/// Called after every block, with no lock held.
pub(crate) type Committed = Box<dyn Fn() + Send + Sync>;

/// The application.
pub(crate) struct App {
    pub(crate) ledger: SharedLedger,
    pub(crate) chain_id: String,
    pub(crate) mempool: Mutex<Mempool>,
    pub(crate) block: Mutex<Block>,
    pub(crate) snapshots: Mutex<Snapshots>,
    /// Where the chunks of snapshots begin; the last one is still growing. By itself, since finding them takes reading the
    /// whole log once, and blocks need the other.
    pub(crate) chunk_starts: Mutex<Vec<u64>>,
    /// Those who wait for what becomes of a transaction.
    waiting: Mutex<BTreeMap<Key, mpsc::Sender<News>>>,
    pub(crate) clock: fn() -> u64,
    committed: Committed,
    /// The process of this node, as its card names it.
    node: Did,
    restart: Arc<Restart>,
    fault: Mutex<Option<Fault>>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

impl App {
    pub(crate) fn new(
        ledger: SharedLedger,
        clock: fn() -> u64,
        committed: Committed,
        node: Did,
        restart: Arc<Restart>,
    ) -> Self {
        let state = lock(&ledger).state().clone();
        Self {
            chain_id: chain_id(&state.alliance_id()),
            mempool: Mutex::new(Mempool::new(state)),
            block: Mutex::default(),
            snapshots: Mutex::default(),
            chunk_starts: Mutex::default(),
            waiting: Mutex::default(),
            ledger,
            clock,
            committed,
            node,
            restart,
            fault: Mutex::default(),
        }
    }

    /// Answers everything that is not of the transport.
    pub(crate) fn answer(&self, request: Asked) -> Result<Said, Fault> {
        Ok(match request {
            Asked::Info(_) => Said::Info(self.info()?),
            Asked::InitChain(asked) => Said::InitChain(self.init_chain(&asked)?),
            Asked::Query(asked) => Said::Query(self.query(&asked)),
            Asked::CheckTx(asked) => Said::CheckTx(self.check(&asked)),
            Asked::PrepareProposal(asked) => Said::PrepareProposal(self.prepare(&asked)?),
            Asked::ProcessProposal(asked) => Said::ProcessProposal(self.process(&asked)?),
            Asked::FinalizeBlock(asked) => Said::FinalizeBlock(self.finalize(&asked)?),
            Asked::Commit(_) => Said::Commit(self.commit()?),
            Asked::ExtendVote(_) => Said::ExtendVote(Empty {}),
            Asked::VerifyVoteExtension(asked) => {
                // Nothing is added to votes, so that something added is not by this application.
                let status = if asked.vote_extension.is_empty() { Status::Accept } else { Status::Reject };
                Said::VerifyVoteExtension(ResponseStatus { status: status.into() })
            }
            Asked::ListSnapshots(_) => Said::ListSnapshots(self.list_snapshots()?),
            Asked::OfferSnapshot(asked) => Said::OfferSnapshot(self.offer_snapshot(&asked)?),
            Asked::LoadSnapshotChunk(asked) => Said::LoadSnapshotChunk(self.load_chunk(&asked)?),
            Asked::ApplySnapshotChunk(asked) => Said::ApplySnapshotChunk(self.apply_chunk(&asked)?),
            Asked::Echo(_) | Asked::Flush(_) => return Err(Fault::OutOfOrder("an echo")),
        })
    }

    /// From here CometBFT replays what this node has not recorded. One that was started again has lost what waited, which
    /// must not stand in the way of what comes next.
    pub(crate) fn info(&self) -> Result<ResponseInfo, Fault> {
        let taken = self.taken();
        let ledger = lock(&self.ledger);
        let (height, root) = taken.unwrap_or((ledger.height()?, ledger.root()));
        let root = if height == 0 { Vec::new() } else { root.as_bytes().to_vec() };
        let state = ledger.state().clone();
        drop(ledger);
        lock(&self.mempool).empty(state);
        Ok(ResponseInfo {
            data: "treaty".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            last_block_height: i64::try_from(height).map_err(|_| Fault::Range("a height"))?,
            last_block_app_hash: root,
        })
    }

    /// The genesis is the founding document, on both sides.
    fn init_chain(&self, asked: &RequestInitChain) -> Result<ResponseInitChain, Fault> {
        if asked.chain_id != self.chain_id {
            return Err(Fault::OtherChain { expected: self.chain_id.clone(), found: asked.chain_id.clone() });
        }
        let mut ledger = lock(&self.ledger);
        if ledger.height()? != 0 {
            return Err(Fault::OutOfOrder("a new chain"));
        }
        ledger.abandon_restoration()?;
        let expected = ledger.state().roster().validators();
        let is_expected = |key| asked.validators.contains(&validators::update(key, validators::POWER));
        if expected.len() != asked.validators.len() || !expected.keys().all(is_expected) {
            return Err(Fault::OtherValidators);
        }
        Ok(ResponseInitChain { app_hash: ledger.root().as_bytes().to_vec() })
    }

    /// Which processes may connect: those of the alliance's members. Everything else is asked of the node's own
    /// interface.
    fn query(&self, asked: &RequestQuery) -> ResponseQuery {
        let refuse = |log: &str| ResponseQuery { code: 1, log: log.to_owned() };
        if asked.path.starts_with("/p2p/filter/addr/") {
            // A member's process may come from any address; who it is, it proves by its key.
            return ResponseQuery::default();
        }
        let Some(id) = asked.path.strip_prefix("/p2p/filter/id/") else {
            return refuse("the ledger is read through the node's API");
        };
        let ledger = lock(&self.ledger);
        let mut known = ledger.state().roster().cards().filter_map(|card| card.validator.as_ref());
        if known.any(|validator| validators::node_id(&validator.node) == id) {
            ResponseQuery::default()
        } else {
            refuse("not a process of a member of this alliance")
        }
    }

    /// Registers for what becomes of a transaction.
    pub(crate) fn wait_for(&self, key: Key) -> mpsc::Receiver<News> {
        let (sender, receiver) = mpsc::channel();
        lock(&self.waiting).insert(key, sender);
        receiver
    }

    /// Nobody waits any more; who still does learns that nothing will be said.
    pub(crate) fn forget(&self, key: &Key) {
        lock(&self.waiting).remove(key);
    }

    /// Tells whoever waits for one transaction that it was found good, for now.
    pub(crate) fn tell_admitted(&self, key: &Key) {
        if let Some(sender) = lock(&self.waiting).get(key) {
            // Whoever waited may have given up.
            sender.send(News::Admitted).ok();
        }
    }

    /// Tells whoever waits for one transaction what became of it.
    pub(crate) fn tell_one(&self, key: Key, verdict: Verdict) {
        if let Some(sender) = lock(&self.waiting).remove(&key) {
            sender.send(News::Ended(verdict)).ok();
        }
    }

    /// Tells those who wait, and whoever watches the ledger.
    pub(crate) fn tell(&self, verdicts: Vec<(Key, Verdict)>) {
        verdicts.into_iter().for_each(|(key, verdict)| self.tell_one(key, verdict));
        (self.committed)();
    }

    /// After a block with which a member left: CometBFT is started anew, so that it hangs up on that member's process. Not
    /// on all nodes at once: more than two thirds must be up.
    pub(crate) fn hang_up(&self, roster: &Roster) {
        if let Some(place) = validators::place(roster, &self.node) {
            self.restart.set(Instant::now() + STAGGER * (place + 1));
        }
    }

    pub(crate) fn fail(&self, fault: Fault) {
        lock(&self.fault).get_or_insert(fault);
    }

    /// Why the application cannot go on, if so.
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        lock(&self.fault).take()
    }
}

/// Reads a transaction and checks its signature.
pub(crate) fn read(bytes: &[u8]) -> Result<Checked, Refused> {
    Checked::new(SignedTransaction::from_bytes(bytes)?)
}

/// Names a transaction by its bytes.
pub(crate) fn key_of(bytes: &[u8]) -> Key {
    Sha256::digest(bytes).into()
}

/// What a panic elsewhere left is as it was before: every change here is one assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
