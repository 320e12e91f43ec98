//! Blocks: what members that order together do with the ledger.
//!
//! Somebody else, an engine of Byzantine agreement, decides which transactions come next and at which time. Every
//! node tries them on a copy of its state ([`Ledger::stage`]), answers with the root that they lead to, and records
//! them once they are agreed on ([`Ledger::record_block`]). A block's height is recorded in the same durable write as
//! its entries, so that after a crash both sides know which blocks are still to be taken.

use contract::{Hash, SigningKey};

use crate::{
    Applied, BATCH_BYTES_MAX, Content, Entry, Ledger, LedgerError, Refused, SignedTransaction, State,
    ledger::{check_balance, check_protocol, encode_effects},
    log::{
        Checkpoint, Note,
        checkpoint::merge,
        tree::{self, Frontier},
    },
    store::Addition,
    succession::other_root,
    transaction::{Checked, Verified},
};

/// What is done with transactions that would come under rules that this build lacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Beyond {
    Refuse,
    LeaveOut,
}

/// Transactions that were tried on a copy, and what they lead to. Nothing is recorded yet.
#[derive(Debug)]
pub struct Staged {
    state: State,
    frontier: Frontier,
    addition: Addition,
    answers: Vec<Result<Applied, Refused>>,
}

impl Staged {
    /// For each transaction, in order: where it will stand, or the rule that refuses it.
    pub fn answers(&self) -> &[Result<Applied, Refused>] {
        &self.answers
    }

    /// Number of entries that the ledger must have to take it.
    pub fn base(&self) -> u64 {
        self.addition.first
    }

    /// What will hold.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The Merkle root that the log will have.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}

impl Ledger {
    /// Tries transactions in order, at the time `now` (seconds since 1970; never before the last entry's). A function
    /// of this ledger's entries and the arguments alone.
    ///
    /// # Errors
    /// When together they have more than [`BATCH_BYTES_MAX`] bytes, or this build lacks the rules of the next entry.
    pub fn stage(&self, now: u64, transactions: &[Checked]) -> Result<Staged, LedgerError> {
        let transactions = transactions.iter().map(|checked| (checked.signed().clone(), None));
        self.stage_checked(now, transactions, Beyond::Refuse)
    }

    /// [`Self::stage`] for a block that this node makes: of the transactions, as many as come under rules that this build
    /// has. There are answers for these only.
    ///
    /// # Errors
    /// As [`Self::stage`]; rules that this build lacks stand against the first entry only.
    pub fn stage_known(&self, now: u64, transactions: &[Checked]) -> Result<Staged, LedgerError> {
        let transactions = transactions.iter().map(|checked| (checked.signed().clone(), None));
        self.stage_checked(now, transactions, Beyond::LeaveOut)
    }

    /// [`Self::stage`] for transactions with the reason, if any, why their signatures are not accepted.
    pub(crate) fn stage_checked(
        &self,
        now: u64,
        transactions: impl ExactSizeIterator<Item = (SignedTransaction, Option<Refused>)>,
        beyond: Beyond,
    ) -> Result<Staged, LedgerError> {
        check_protocol(&self.state)?;
        let time = now.max(self.state.time());
        let (mut state, mut frontier) = (self.state.clone(), self.frontier.clone());
        let mut addition = Addition { first: frontier.size(), ..Addition::default() };
        let mut answers = Vec::with_capacity(transactions.len());
        let mut batch_bytes = 0;
        for (transaction, forged) in transactions {
            // Whoever has the rules of this entry would record something else.
            match (check_protocol(&state), beyond) {
                (Err(_), Beyond::LeaveOut) => break,
                (known, _) => known?,
            }
            let verified = Verified::already_checked(&transaction);
            let forged = forged.or_else(|| other_root(&transaction.transaction.action, &frontier));
            let outcome = match forged.map_or_else(|| state.advance(time, verified), Err) {
                Ok(outcome) => outcome,
                Err(refused) => {
                    answers.push(Err(refused));
                    continue;
                }
            };
            let content = Content::Transaction(Box::new(transaction));
            let entry = Entry { index: outcome.index, time, content, effects: outcome.effects };
            let bytes = entry.to_bytes()?;
            batch_bytes += bytes.len();
            frontier.push(tree::leaf_hash(&bytes), |node| addition.nodes.push(node));
            addition.entries.push(bytes);
            addition.events.push(encode_effects(&outcome)?);
            answers.push(Ok(Applied { index: outcome.index, events: outcome.caused.events }));
        }
        if batch_bytes > BATCH_BYTES_MAX {
            return Err(LedgerError::BatchTooLarge { limit: BATCH_BYTES_MAX, found: batch_bytes });
        }
        check_balance(&state)?;
        Ok(Staged { state, frontier, addition, answers })
    }

    /// Records a block that was agreed on. Durable when it returns, its height included.
    ///
    /// # Errors
    /// When the ledger has grown since the block was staged, its height is not the next one, or the disk fails.
    pub fn record_block(
        &mut self,
        staged: Staged,
        height: u64,
    ) -> Result<Vec<Result<Applied, Refused>>, LedgerError> {
        let next = self.height()? + 1;
        if height != next {
            return Err(LedgerError::Height { expected: next, found: height });
        }
        self.record(staged, Some(height))
    }

    pub(crate) fn record(
        &mut self,
        staged: Staged,
        height: Option<u64>,
    ) -> Result<Vec<Result<Applied, Refused>>, LedgerError> {
        let Staged { state, frontier, mut addition, answers } = staged;
        if addition.first != self.size() {
            let (expected, found) = (addition.first, self.size());
            return Err(LedgerError::Overtaken { what: "a block", expected, found });
        }
        addition.block = height.map(|height| (height, frontier.size()));
        if !addition.entries.is_empty() || addition.block.is_some() {
            self.store.add(&addition)?;
            (self.state, self.frontier) = (state, frontier);
        }
        Ok(answers)
    }

    /// The height of the last block that was recorded; 0 before the first one.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn height(&self) -> Result<u64, LedgerError> {
        Ok(self.store.last_block()?.map_or(0, |(height, _)| height))
    }

    /// Number of entries after the block of that height, if this ledger knows it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn size_at(&self, height: u64) -> Result<Option<u64>, LedgerError> {
        Ok(self.store.block(height)?)
    }

    /// The root over the first `size` entries.
    ///
    /// # Errors
    /// When there are fewer, or the disk fails.
    pub fn root_at(&self, size: u64) -> Result<Hash, LedgerError> {
        self.check_range(size)?;
        Ok(Frontier::load(&self.store, size)?.root())
    }

    /// States, as a note with this member's cosignature alone, that the log has the root that this node computed from
    /// agreed blocks; keeps it with those of others. Only where no operator signs checkpoints.
    ///
    /// # Errors
    /// When there is an operator, the key is nobody's in the alliance, the ledger's time is more than
    /// [`crate::CLOCK_TOLERANCE_SECONDS`] after `now`, or the disk fails.
    pub fn endorse(&mut self, key: &SigningKey, now: u64) -> Result<String, LedgerError> {
        if let Some(operator) = self.state.roster().operator() {
            return Err(LedgerError::NotOperator { who: key.did(), operator });
        }
        let origin = Checkpoint::origin_of(&self.state.alliance_id());
        let checkpoint = Checkpoint { origin, size: self.size(), root: self.root() };
        self.check_cosigner(key, checkpoint.size, now)?;
        let note = Note { body: checkpoint.body(), signatures: vec![checkpoint.cosign(key, now)] };
        self.add_to_known(checkpoint.size, &note)?;
        Ok(note.to_text())
    }

    /// Keeps a note's signatures, which were checked, with those of the same checkpoint; whether it is final.
    pub(crate) fn add_to_known(&mut self, size: u64, note: &Note) -> Result<bool, LedgerError> {
        let known = self.store.checkpoint(size)?.map(|known| Note::parse(&known)).transpose()?;
        let merged = known.map_or_else(|| note.clone(), |known| merge(&known, note));
        self.put_note(&merged)
    }
}
