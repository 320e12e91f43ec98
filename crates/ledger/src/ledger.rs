//! The log and the state that follows from it, on disk and in memory, as one thing.

use std::path::Path;
use std::thread;

use contract::{Hash, SigningKey, canonical};

use crate::{
    Action, Alliance, Effects, Entry, Event, LedgerError, Refused, SignedTransaction, State,
    blocks::Beyond,
    log::{
        Checkpoint, Endorsement, Note,
        checkpoint::merge,
        tree::{self, Frontier},
    },
    refused::SuccessionRule,
    state::Outcome,
    store::{Addition, Store},
    transaction::Verified,
};

/// Most bytes that one append takes, and that one page of entries has.
pub const BATCH_BYTES_MAX: usize = 4 << 20;
/// How far ahead of a cosigner's clock the ledger's time may be, in seconds.
pub const CLOCK_TOLERANCE_SECONDS: u64 = 300;
/// From this many signatures on, they are checked on all cores.
const PARALLEL_FROM: usize = 32;

/// One member's copy of the alliance's ledger.
///
/// The operator's node extends it by [`append`](Self::append) and [`sign_checkpoint`](Self::sign_checkpoint); every
/// other node follows by [`replay`](Self::replay) and [`cosign`](Self::cosign). Without an operator, every node takes
/// the same blocks by [`stage`](Self::stage) and [`record_block`](Self::record_block), and signs what it reached by
/// [`endorse`](Self::endorse). All methods block on the disk.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) store: Store,
    pub(crate) state: State,
    pub(crate) frontier: Frontier,
    pub(crate) latest: Option<(Checkpoint, String)>,
    pub(crate) last_final: Option<(Checkpoint, String)>,
    /// Changes of the roster before this entry are confirmed by a checkpoint that is kept.
    pub(crate) confirmed: u64,
}

/// An accepted transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its index in the log.
    pub index: u64,
    /// What it caused.
    pub events: Vec<Event>,
}

impl Ledger {
    /// Opens the ledger in that file, or founds it there.
    ///
    /// Everything is replayed: entries under a checkpoint that this node stored before are checked by the Merkle
    /// root, those after it in full.
    ///
    /// # Errors
    /// When the founding document is not valid, the file belongs to another alliance, or it is damaged.
    pub fn open(path: &Path, alliance: Alliance) -> Result<Self, LedgerError> {
        alliance.validate()?;
        let founding = Entry::founding(&alliance)?.to_bytes()?;
        let state = State::new(alliance)?;
        let store = Store::open(path)?;
        let mut ledger = Self {
            store,
            state,
            frontier: Frontier::default(),
            latest: None,
            last_final: None,
            confirmed: 0,
        };
        if ledger.store.size()? == 0 {
            let mut addition = Addition::default();
            ledger.frontier.push(tree::leaf_hash(&founding), |node| addition.nodes.push(node));
            addition.entries.push(founding);
            ledger.store.add(&addition)?;
        } else if ledger.store.entry(0)? == founding {
            ledger.reload()?;
        } else {
            return Err(LedgerError::OtherAlliance);
        }
        Ok(ledger)
    }

    /// What holds now. A clone is a snapshot that costs nothing.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Merkle root over all entries.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Accepts or refuses each transaction in order, at the time `now` (seconds since 1970; never before the last
    /// entry's). Durable when it returns. For the operator only: a follower that appends forks its copy.
    ///
    /// # Errors
    /// When the batch has more than [`BATCH_BYTES_MAX`] bytes or the disk fails; nothing is accepted then.
    pub fn append(
        &mut self,
        now: u64,
        transactions: Vec<SignedTransaction>,
    ) -> Result<Vec<Result<Applied, Refused>>, LedgerError> {
        let refusals = forged(&transactions);
        let misplaced = |signed: &SignedTransaction| {
            let succeeds = matches!(signed.transaction.action, Action::Succeed(_));
            succeeds.then(|| SuccessionRule::Elsewhere.into())
        };
        let refusals: Vec<Option<Refused>> = transactions
            .iter()
            .zip(refusals)
            .map(|(signed, forged)| forged.or_else(|| misplaced(signed)))
            .collect();
        let staged = self.stage_checked(now, transactions.into_iter().zip(refusals), Beyond::Refuse)?;
        self.record(staged, None)
    }

    /// Signs the root over all entries as the operator. The same checkpoint is signed once. To be called after every
    /// append that may have changed who signs: followers get over such an entry by the checkpoint that ends with it.
    ///
    /// # Errors
    /// When the key is not the operator's at this size, see [`crate::Roster::log_key`], or the disk fails.
    pub fn sign_checkpoint(&mut self, key: &SigningKey) -> Result<String, LedgerError> {
        let operator = self.state.roster().log_key(self.size()).ok_or(LedgerError::NoOperator)?;
        if key.did() != operator {
            return Err(LedgerError::NotOperator { who: key.did(), operator });
        }
        if let Some((latest, note)) = &self.latest
            && latest.size == self.size()
        {
            return Ok(note.clone());
        }
        let origin = Checkpoint::origin_of(&self.state.alliance_id());
        let checkpoint = Checkpoint { origin, size: self.size(), root: self.root() };
        let note = Note { body: checkpoint.body(), signatures: vec![checkpoint.sign(key)] };
        self.put_note(&note)?;
        Ok(note.to_text())
    }

    /// The operator's last checkpoint, with all signatures that this node has seen on it.
    pub fn latest_checkpoint(&self) -> Option<&(Checkpoint, String)> {
        self.latest.as_ref()
    }

    /// The last checkpoint that a quorum of members stands behind, with their signatures.
    pub fn final_checkpoint(&self) -> Option<&(Checkpoint, String)> {
        self.last_final.as_ref()
    }

    /// States, as a note with this member's cosignature alone, that the last checkpoint is right. Everything up to
    /// it was replayed and is durable.
    ///
    /// # Errors
    /// When there is no checkpoint, the key is nobody's in the alliance, the ledger's time is more than
    /// [`CLOCK_TOLERANCE_SECONDS`] after `now`, or this member has signed that another one goes on from before it.
    pub fn cosign(&self, key: &SigningKey, now: u64) -> Result<String, LedgerError> {
        let (checkpoint, _) = self.latest.as_ref().ok_or(LedgerError::NoCheckpoint)?;
        if let Some((size, operator)) = self.bound()?.filter(|(size, _)| checkpoint.size > *size) {
            return Err(LedgerError::Pledged { size, operator });
        }
        self.check_cosigner(key, checkpoint.size, now)?;
        Ok(Note { body: checkpoint.body(), signatures: vec![checkpoint.cosign(key, now)] }.to_text())
    }

    pub(crate) fn check_cosigner(&self, key: &SigningKey, size: u64, now: u64) -> Result<(), LedgerError> {
        if self.state.roster().signer(&key.did(), size).is_none() {
            return Err(LedgerError::NotInAlliance { who: key.did() });
        }
        let ahead = self.state.time().saturating_sub(now);
        if ahead > CLOCK_TOLERANCE_SECONDS {
            return Err(LedgerError::ClockAhead { ahead });
        }
        Ok(())
    }

    /// Adds the signatures of a note to those of the same checkpoint. Whether it is final now; false for one that a
    /// later final checkpoint has overtaken.
    ///
    /// # Errors
    /// When a signature is not valid, or the operator signed no such checkpoint; without an operator, when this node
    /// lacks the entries or found another root.
    pub fn add_cosignature(&mut self, note: &str) -> Result<bool, LedgerError> {
        let offered = self.endorsement(note)?.checkpoint;
        let overtaken = |last: &(Checkpoint, String)| last.0.size > offered.size;
        if self.last_final.as_ref().is_some_and(overtaken) {
            return Ok(false);
        }
        if self.state.roster().operator().is_none() {
            self.check_own_root(&offered)?;
            return self.add_to_known(offered.size, &Note::parse(note)?);
        }
        let unknown = || LedgerError::UnknownCheckpoint { size: offered.size };
        let known = Note::parse(&self.store.checkpoint(offered.size)?.ok_or_else(unknown)?)?;
        if known.body != offered.body() {
            return Err(unknown());
        }
        let merged = merge(&known, &Note::parse(note)?);
        self.put_note(&merged)
    }

    /// Takes over, with its signatures, a checkpoint that a quorum of members stands behind.
    ///
    /// # Errors
    /// When there is no quorum, this node lacks entries, or the root differs from this node's: a proof that the
    /// operator and the cosigners follow another log.
    pub fn adopt_final(&mut self, note: &str) -> Result<(), LedgerError> {
        let endorsement = self.endorsement(note)?;
        if !endorsement.is_final {
            let quorum = self.state.roster().quorum(endorsement.checkpoint.size);
            return Err(LedgerError::NotFinal { found: endorsement.members, quorum });
        }
        let offered = endorsement.checkpoint;
        self.check_own_root(&offered)?;
        if self.last_final.as_ref().is_some_and(|(last, _)| last.size > offered.size) {
            return Ok(());
        }
        self.add_to_known(offered.size, &Note::parse(note)?).map(drop)
    }

    /// Entries from an index on: at most `max`, and at most [`BATCH_BYTES_MAX`] together (but at least one).
    ///
    /// # Errors
    /// When the disk fails or is damaged.
    pub fn entries(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        let mut entries = Vec::new();
        let mut bytes_total = 0;
        self.store.visit_entries(from, |index, bytes| {
            bytes_total += bytes.len();
            // Beyond its size lies what is still being taken over.
            let is_beyond = index >= self.size() || entries.len() == max;
            if is_beyond || (bytes_total > BATCH_BYTES_MAX && !entries.is_empty()) {
                return Ok(false);
            }
            entries.push(decode(index, bytes)?);
            Ok::<_, LedgerError>(true)
        })?;
        Ok(entries)
    }

    /// What the entries from `from` to before `to` caused, in order.
    ///
    /// # Errors
    /// When the disk fails or is damaged.
    pub fn events(&self, from: u64, to: u64) -> Result<Vec<Event>, LedgerError> {
        let mut all = Vec::new();
        for bytes in self.store.events(from, to.max(from))? {
            all.extend(decode_effects(from, &bytes)?.events);
        }
        Ok(all)
    }

    /// What an entry caused, with the hashes of the records that it touched: what its `effects` are the hash of.
    ///
    /// # Errors
    /// When there is no such entry, it is entry 0, or the disk fails or is damaged.
    pub fn effects(&self, index: u64) -> Result<Effects, LedgerError> {
        let missing = LedgerError::OutOfRange { size: self.size(), asked: index };
        let bytes = self.store.events(index, index.saturating_add(1))?.pop().ok_or(missing)?;
        decode_effects(index, &bytes)
    }

    /// The audit path of an entry in the tree of the first `size` entries.
    ///
    /// # Errors
    /// When there is no such entry or tree, or the disk fails.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        self.check_range(size)?;
        if index >= size {
            return Err(LedgerError::OutOfRange { size, asked: index });
        }
        Ok(tree::inclusion(&self.store, index, size)?)
    }

    /// The proof that the tree of the first `new` entries extends that of the first `old`.
    ///
    /// # Errors
    /// When there are no such trees, or the disk fails.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, LedgerError> {
        self.check_range(new)?;
        if old > new {
            return Err(LedgerError::OutOfRange { size: new, asked: old });
        }
        Ok(tree::consistency(&self.store, old, new)?)
    }

    /// Checks a checkpoint's signatures.
    pub(crate) fn endorsement(&self, note: &str) -> Result<Endorsement, LedgerError> {
        Ok(Endorsement::check(note, self.state.roster(), &self.state.alliance_id())?)
    }

    /// Whether a checkpoint is of a log that this node has, by its own entries.
    pub(crate) fn check_own_root(&self, checkpoint: &Checkpoint) -> Result<(), LedgerError> {
        self.check_range(checkpoint.size)?;
        let root = Frontier::load(&self.store, checkpoint.size)?.root();
        if root == checkpoint.root {
            return Ok(());
        }
        Err(crate::Divergence::Fork { known: self.size(), size: checkpoint.size }.into())
    }

    /// Records that a checkpoint was verified and is durable.
    pub(crate) fn note_checkpoint(&mut self, checkpoint: Checkpoint, note: String) {
        if self.latest.as_ref().is_none_or(|(latest, _)| latest.size <= checkpoint.size) {
            self.latest = Some((checkpoint, note));
        }
    }

    /// Stores a note whose signatures were checked; whether it is final.
    pub(crate) fn put_note(&mut self, note: &Note) -> Result<bool, LedgerError> {
        let text = note.to_text();
        let endorsement = self.endorsement(&text)?;
        self.keep_turns()?;
        self.keep_handover(&endorsement, &text)?;
        let Endorsement { checkpoint, is_final, .. } = endorsement;
        self.store.put_checkpoint(checkpoint.size, &text, is_final)?;
        if is_final {
            self.last_final = Some((checkpoint.clone(), text.clone()));
        }
        self.note_checkpoint(checkpoint, text);
        Ok(is_final)
    }

    /// Followers get over a change of who signs as the log by the checkpoint before it, however late they come.
    fn keep_turns(&self) -> Result<(), LedgerError> {
        for size in self.state.roster().turns() {
            if self.store.turn(size)?.is_none() {
                self.store.keep_turn(size)?;
            }
        }
        Ok(())
    }

    pub(crate) fn check_range(&self, size: u64) -> Result<(), LedgerError> {
        if size <= self.size() {
            return Ok(());
        }
        Err(LedgerError::OutOfRange { size: self.size(), asked: size })
    }

    /// Rebuilds state and tree from the entries on disk, and holds them against the stored checkpoints.
    fn reload(&mut self) -> Result<(), LedgerError> {
        let parse = |note: Option<String>| -> Result<_, LedgerError> {
            note.map(|note| Ok((Checkpoint::parse_body(&Note::parse(&note)?.body)?, note))).transpose()
        };
        self.confirmed = self.store.last_handover()?;
        self.latest = parse(self.store.last_checkpoint()?)?;
        self.last_final = parse(self.store.final_checkpoint()?)?;
        let checked_before = self.latest.as_ref().map_or(0, |(checkpoint, _)| checkpoint.size);

        let (mut state, mut frontier) = (self.state.clone(), Frontier::default());
        let mut roots: Vec<Checkpoint> = [&self.latest, &self.last_final]
            .into_iter()
            .flatten()
            .map(|(checkpoint, _)| checkpoint.clone())
            .collect();
        self.store.visit_entries(0, |index, bytes| {
            frontier.push(tree::leaf_hash(bytes), drop);
            if index > 0 {
                check_protocol(&state)?;
                replay_own(&mut state, index, bytes, index < checked_before)?;
            }
            let damaged = roots.iter().any(|c| c.size == frontier.size() && c.root != frontier.root());
            roots.retain(|checkpoint| checkpoint.size > frontier.size());
            if damaged { Err(not_as_signed(index)) } else { Ok(true) }
        })?;
        if let Some(checkpoint) = roots.first() {
            return Err(not_as_signed(checkpoint.size));
        }
        if Frontier::load(&self.store, frontier.size())? != frontier {
            let what = "the stored tree is not that of the entries".to_owned();
            return Err(LedgerError::Damaged { index: frontier.size(), what });
        }
        (self.state, self.frontier) = (state, frontier);
        // Who may sign a checkpoint follows from the entries under it.
        [&self.latest, &self.last_final]
            .into_iter()
            .flatten()
            .try_for_each(|(_, note)| self.endorsement(note).map(drop))
    }
}

/// A build that lacks the rules of the next entry computes nothing further.
pub(crate) fn check_protocol(state: &State) -> Result<(), LedgerError> {
    match state.unknown_protocol() {
        None => Ok(()),
        Some(version) => Err(LedgerError::Outdated { from: state.size(), version }),
    }
}

/// After every block: no point was made or lost but by vote.
pub(crate) fn check_balance(state: &State) -> Result<(), LedgerError> {
    if state.is_balanced() { Ok(()) } else { Err(LedgerError::Unbalanced { size: state.size() }) }
}

/// Applies an entry of this node's own store.
pub(crate) fn replay_own(
    state: &mut State,
    index: u64,
    bytes: &[u8],
    checked_before: bool,
) -> Result<(), LedgerError> {
    let damaged = |what: String| LedgerError::Damaged { index, what };
    let entry = decode(index, bytes)?;
    let signed = entry.transaction().ok_or_else(|| damaged("it is not a transaction".to_owned()))?;
    let verified = if checked_before { Ok(Verified::already_checked(signed)) } else { signed.verify() };
    let outcome = verified
        .and_then(|verified| state.advance(entry.time, verified))
        .map_err(|refused| damaged(refused.to_string()))?;
    if outcome.effects == entry.effects && entry.index == index {
        Ok(())
    } else {
        Err(damaged("its effects are not those that this build computes".to_owned()))
    }
}

/// Reads an entry that this node wrote itself: in canonical form then, and under the root that is checked anyway.
fn decode(index: u64, bytes: &[u8]) -> Result<Entry, LedgerError> {
    serde_json::from_slice(bytes).map_err(|flaw| LedgerError::Damaged { index, what: flaw.to_string() })
}

/// What an entry caused, as it is kept for readers.
pub(crate) fn encode_effects(outcome: &Outcome) -> Result<Vec<u8>, LedgerError> {
    Ok(canonical::to_bytes(&outcome.caused)?)
}

fn decode_effects(index: u64, bytes: &[u8]) -> Result<Effects, LedgerError> {
    serde_json::from_slice(bytes).map_err(|flaw| LedgerError::Damaged { index, what: flaw.to_string() })
}

fn not_as_signed(index: u64) -> LedgerError {
    let what = "the entries up to here are not those under the stored checkpoint".to_owned();
    LedgerError::Damaged { index, what }
}

/// For each transaction, why its signature is not accepted.
///
/// One by one and strictly, on all cores for large batches. Not by one equation for the whole batch: that accepts
/// some signatures of adversarial signers by chance (Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs",
/// SSR 2020), and members must agree on every signature.
pub(crate) fn forged(transactions: &[SignedTransaction]) -> Vec<Option<Refused>> {
    let check = |transactions: &[SignedTransaction]| -> Vec<_> {
        transactions.iter().map(|transaction| transaction.verify().err()).collect()
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if transactions.len() < PARALLEL_FROM || cores == 1 {
        return check(transactions);
    }
    let chunk = transactions.len().div_ceil(cores);
    thread::scope(|scope| {
        let workers: Vec<_> =
            transactions.chunks(chunk).map(|part| (part, scope.spawn(|| check(part)))).collect();
        // A worker that could not run has verified nothing; its part is checked here.
        workers.into_iter().flat_map(|(part, worker)| worker.join().unwrap_or_else(|_| check(part))).collect()
    })
}
