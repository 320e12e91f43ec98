//! Following the operator: replay what it sends, believe nothing.

use contract::{
    Did, Hash,
    canonical::{self, CanonicalError},
};
use serde::{Deserialize, Serialize};

use crate::{
    Action, Divergence, Entry, Ledger, LedgerError, Refused, Roster,
    ledger::{Applied, BATCH_BYTES_MAX, check_balance, check_protocol, encode_effects, forged},
    log::{
        Checkpoint, Endorsement, EndorsementFlaw, Note,
        tree::{self, Frontier},
        verify,
    },
    state::Outcome,
    store::Addition,
    succession::other_root,
    transaction::Verified,
};

/// Most bytes of a page in canonical form.
pub const PAGE_BYTES_MAX: usize = BATCH_BYTES_MAX + (1 << 21);

/// A stretch of the log, as the operator hands it to followers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Consecutive; possibly none.
    pub entries: Vec<Entry>,
    /// A checkpoint with the operator's signature, over at least these entries.
    pub checkpoint: String,
    /// That the checkpoint extends the tree that ends with these entries; empty when it ends there too.
    pub consistency: Vec<Hash>,
}

impl Page {
    /// Reads a page from its canonical bytes.
    ///
    /// # Errors
    /// When it is longer than [`PAGE_BYTES_MAX`] or not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::from_bytes(bytes, PAGE_BYTES_MAX)
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// When an entry holds a number too large for canonical JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }
}

impl Ledger {
    /// The page that a follower with `from` entries needs next: what is under the last checkpoint, as much as fits, and
    /// no further than it can tell who signs as the log.
    ///
    /// # Errors
    /// When there is no checkpoint yet, it ends before `from`, or the disk fails.
    pub fn page(&self, from: u64) -> Result<Page, LedgerError> {
        let roster = self.state.roster();
        let (latest, _) = self.latest_checkpoint().ok_or(LedgerError::NoCheckpoint)?;
        // Where the log was handed over, the operator before says where it ended.
        let handed_over = roster.handed_over_after(from).unwrap_or(u64::MAX);
        let mut size = latest.size.min(handed_over);
        let wanted =
            size.checked_sub(from).ok_or(LedgerError::OutOfRange { size: latest.size, asked: from })?;
        let entries = match usize::try_from(wanted).unwrap_or(usize::MAX) {
            0 => Vec::new(),
            wanted => self.entries(from, wanted)?,
        };
        let end = from + entries.len() as u64;
        // The key that a later page brings cannot be checked before it.
        size = roster.log_key_changed_after(end, size).unwrap_or(size);
        let kept =
            self.store.checkpoint(size)?.map_or_else(|| self.store.turn(size), |note| Ok(Some(note)))?;
        let note = kept.ok_or(LedgerError::NoCheckpoint)?;
        let consistency = self.consistency(end, size)?;
        // Cosigners may be in the alliance by entries that come with a later page.
        let Note { body, signatures } = Note::parse(&note)?;
        let signatures = signatures.into_iter().take(1).collect();
        Ok(Page { entries, checkpoint: Note { body, signatures }.to_text(), consistency })
    }

    /// Replays a page: checks the operator's signature, that the log only grows, and that every entry follows from
    /// the rules. Entries that this node has already are compared. Durable when it returns.
    ///
    /// # Errors
    /// [`LedgerError::Diverged`] names what the operator did wrong; nothing of the page is kept then.
    /// [`LedgerError::Outdated`] when its first new entry is under rules that this build lacks; entries before such ones are
    /// kept.
    pub fn replay(&mut self, page: &Page) -> Result<Vec<Applied>, LedgerError> {
        if let Some((size, operator)) = self.pledged()?
            && self.new_entries(&page.entries)?.first().is_some_and(|entry| successor(entry).is_none())
        {
            return Err(LedgerError::Pledged { size, operator });
        }
        self.catch_up(page)
    }

    /// [`Self::replay`] whatever this member has signed: to learn what the operator ordered before a succession, and sign
    /// again where the log ends.
    ///
    /// # Errors
    /// As [`Self::replay`].
    pub fn catch_up(&mut self, page: &Page) -> Result<Vec<Applied>, LedgerError> {
        let checkpoint = self.signed_by_operator(page)?;
        let new = self.new_entries(&page.entries)?;
        let mut leaves = new.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        let mut addition = Addition { first: self.size(), ..Addition::default() };
        let mut frontier = self.frontier.clone();
        for (leaf, entry) in leaves.iter().zip(new) {
            let action = entry.transaction().map(|signed| &signed.transaction.action);
            if let Some(refused) = action.and_then(|action| other_root(action, &frontier)) {
                return Err(Divergence::Invalid { index: entry.index, refused }.into());
            }
            frontier.push(tree::leaf_hash(leaf), |node| addition.nodes.push(node));
        }
        self.check_extends(&checkpoint, &frontier, page)?;

        let transactions = transactions(new)?;
        let mut state = self.state.clone();
        let mut applied = Vec::with_capacity(new.len());
        let mut outdated = None;
        for (entry, refusal) in new.iter().zip(forged(&transactions)) {
            if let Err(error) = check_protocol(&state) {
                outdated = Some(error);
                break;
            }
            let outcome = follow(&mut state, entry, refusal)?;
            addition.events.push(encode_effects(&outcome)?);
            applied.push(Applied { index: outcome.index, events: outcome.caused.events });
        }

        check_balance(&state)?;
        let signer = self.check_signer(&page.checkpoint, state.roster(), new.first().and_then(successor));
        match outdated {
            // What comes before the rules that this build lacks is kept, if the key that signed is known by then.
            Some(error) if applied.is_empty() || signer.is_err() => return Err(error),
            Some(_) => {
                leaves.truncate(applied.len());
                frontier = self.frontier.clone();
                addition.nodes.clear();
                for leaf in &leaves {
                    frontier.push(tree::leaf_hash(leaf), |node| addition.nodes.push(node));
                }
            }
            None => signer?,
        }
        addition.entries = leaves;
        if frontier.size() == checkpoint.size && !self.knows(&checkpoint)? {
            addition.checkpoint = Some((checkpoint.size, page.checkpoint.clone()));
        }
        if !addition.entries.is_empty() || addition.checkpoint.is_some() {
            self.store.add(&addition)?;
        }
        (self.state, self.frontier) = (state, frontier);
        if let Some((_, note)) = addition.checkpoint {
            self.note_checkpoint(checkpoint, note);
        }
        Ok(applied)
    }

    /// The page's checkpoint, which the operator signed: unless its entries change the operator's key, which is then
    /// to be looked at again after them.
    fn signed_by_operator(&self, page: &Page) -> Result<Checkpoint, LedgerError> {
        let endorsement = match self.endorsement(&page.checkpoint) {
            Ok(endorsement) => endorsement,
            Err(LedgerError::Endorsement(EndorsementFlaw::UnknownSigner { .. }))
                if self.is_rotated_in(page) || self.is_succeeded_in(page) =>
            {
                let note = Note::parse(&page.checkpoint)?;
                return Checkpoint::parse_body(&note.body)
                    .map_err(|flaw| blame_checkpoint(LedgerError::Endorsement(flaw)));
            }
            Err(error) => return Err(blame_checkpoint(error)),
        };
        let checkpoint = endorsement.checkpoint;
        if endorsement.operator {
            return Ok(checkpoint);
        }
        Err(Divergence::Unsigned { size: checkpoint.size }.into())
    }

    fn is_rotated_in(&self, page: &Page) -> bool {
        let operator = self.state.roster().operator();
        let new = page.entries.iter().filter(|entry| entry.index >= self.size());
        let mut transactions = new.filter_map(Entry::transaction);
        transactions.any(|signed| {
            let transaction = &signed.transaction;
            Some(transaction.member) == operator && matches!(transaction.action, Action::RotateKey { .. })
        })
    }

    /// Whether the page goes on where this node stands, by another operator that the members have signed for.
    fn is_succeeded_in(&self, page: &Page) -> bool {
        let next = page.entries.iter().find(|entry| entry.index == self.size());
        next.is_some_and(|entry| successor(entry).is_some())
    }

    /// Whether the operator that was known before the page signed its checkpoint, by the key that it has after it: a
    /// page cannot itself bring the one that vouches for it. A successor is known by what members signed whom this node
    /// knew before the page, and that its entries begin with; the rules have looked at it when this is asked.
    fn check_signer(&self, note: &str, after: &Roster, successor: Option<Did>) -> Result<(), LedgerError> {
        let endorsement = Endorsement::check(note, after, &self.state.alliance_id())
            .map_err(|flaw| blame_checkpoint(LedgerError::Endorsement(flaw)))?;
        let size = endorsement.checkpoint.size;
        let expected = successor.or(self.state.roster().operator_at(size));
        if endorsement.operator && after.operator_at(size) == expected {
            return Ok(());
        }
        Err(Divergence::Unsigned { size }.into())
    }

    /// The entries that this node doesn't have; those that it has must be the same.
    fn new_entries<'a>(&self, entries: &'a [Entry]) -> Result<&'a [Entry], LedgerError> {
        let Some(first) = entries.first() else { return Ok(entries) };
        if first.index > self.size() {
            return Err(Divergence::Gap { expected: self.size(), found: first.index }.into());
        }
        for (expected, entry) in (first.index..).zip(entries) {
            if entry.index != expected {
                return Err(Divergence::Gap { expected, found: entry.index }.into());
            }
            if expected < self.size() && self.store.entry(expected)? != encode(entry)? {
                return Err(Divergence::Rewritten { index: expected }.into());
            }
        }
        let known = usize::try_from(self.size() - first.index).unwrap_or(usize::MAX);
        Ok(entries.get(known..).unwrap_or_default())
    }

    /// Whether the checkpoint's tree begins with this node's entries and the new ones.
    fn check_extends(
        &self,
        checkpoint: &Checkpoint,
        frontier: &Frontier,
        page: &Page,
    ) -> Result<(), LedgerError> {
        let (known, size) = (frontier.size(), checkpoint.size);
        if size < known {
            // An old page: nothing new may come under a checkpoint that doesn't cover it.
            if known > self.size() {
                return Err(Divergence::BeyondCheckpoint { entries: known, size }.into());
            }
            return self.check_own_root(checkpoint);
        }
        if verify::consistency(known, &frontier.root(), size, &checkpoint.root, &page.consistency) {
            return Ok(());
        }
        Err(Divergence::Fork { known, size }.into())
    }

    fn knows(&self, checkpoint: &Checkpoint) -> Result<bool, LedgerError> {
        Ok(self.store.checkpoint(checkpoint.size)?.is_some())
    }
}

/// Who takes the log over by this entry.
fn successor(entry: &Entry) -> Option<Did> {
    match &entry.transaction()?.transaction.action {
        Action::Succeed(signed) => Some(signed.succession.operator),
        _ => None,
    }
}

/// Applies one entry as the rules have it, and compares.
fn follow(state: &mut crate::State, entry: &Entry, forged: Option<Refused>) -> Result<Outcome, Divergence> {
    let index = entry.index;
    if entry.time < state.time() {
        return Err(Divergence::TimeWentBack { index, last: state.time(), found: entry.time });
    }
    let signed = entry.transaction().ok_or(Divergence::NotATransaction { index })?;
    let outcome = forged
        .map_or_else(|| state.advance(entry.time, Verified::already_checked(signed)), Err)
        .map_err(|refused| Divergence::Invalid { index, refused })?;
    if outcome.effects != entry.effects {
        return Err(Divergence::Effects { index, expected: outcome.effects, found: entry.effects });
    }
    Ok(outcome)
}

fn transactions(entries: &[Entry]) -> Result<Vec<crate::SignedTransaction>, Divergence> {
    let transaction = |entry: &Entry| {
        entry.transaction().cloned().ok_or(Divergence::NotATransaction { index: entry.index })
    };
    entries.iter().map(transaction).collect()
}

fn encode(entry: &Entry) -> Result<Vec<u8>, Divergence> {
    entry.to_bytes().map_err(|flaw| Divergence::Malformed { index: entry.index, flaw })
}

fn blame_checkpoint(error: LedgerError) -> LedgerError {
    match error {
        LedgerError::Endorsement(flaw) => Divergence::Checkpoint(flaw).into(),
        other => other,
    }
}
