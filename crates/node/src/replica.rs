//! This node's replica of the ledger: recording, ordering (on the operator's node) and following.
//!
//! What follows is of an alliance with an operator; without one, see [`crate::order`].
//!
//! A follower asks the operator for what is new and waits there until something is (long poll), replays it, and
//! cosigns the checkpoint that it reached by its own computation. While the operator doesn't answer, it asks the other
//! members in turn: whoever hands the entries on, it is the operator's signature and the rules that count. A node acts on an entry only once a quorum has
//! cosigned a checkpoint over it, and permits a run only after its own final checkpoint and those of the other
//! participants were found to be of one history, so that an operator who shows different ones to different members is
//! noticed before anyone shares a byte.

mod follow;
mod outdated;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use api::types::ledger::Recorded;
use axum::http::{Method, StatusCode};
use contract::{Did, Hash, SigningKey};
use ledger::finder::Finder;
use ledger::log::Checkpoint;
use ledger::search::Search;
use ledger::state::State;
use ledger::{Action, Content, Event, Ledger, LedgerError, Page, Roster, SignedTransaction, Transaction};
use peers::Body;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::acquaintance::Acquaintance;
use crate::certificates::Certificates;
use crate::failure::Failure;
use crate::keyring::Keyring;
use crate::order::Ordering;
use crate::setup::now_seconds;

/// How long the operator holds a follower's question when nothing is new.
const LONG_POLL: Duration = Duration::from_secs(10);
/// How long a member waits for its entry to become final.
const FINALITY: Duration = Duration::from_secs(20);
/// How long a transaction may wait for an earlier one of this member that took its number.
const OVERTAKEN: Duration = Duration::from_secs(5);
/// How long to wait for news before its turn is looked for again.
const AGAIN: Duration = Duration::from_millis(250);

/// From so many entries on, the catalog is indexed afresh rather than followed.
const INDEX_AFRESH: u64 = 10_000;

/// Entries that are indexed at once.
const INDEX_PORTION: usize = 500;

/// How long a cosignature waits for the entries under it, which come from others.
const COVERED: Duration = Duration::from_secs(2);

/// How far the replica is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Entries replayed.
    pub(crate) size: u64,
    /// Entries under a checkpoint that a quorum cosigned.
    pub(crate) final_size: u64,
}

/// What the operator answers to a follower: what is new to it, and the newest checkpoint that a quorum cosigned.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct News {
    pub(crate) page: Page,
    #[serde(rename = "final")]
    final_checkpoint: Option<String>,
    /// Checkpoints that confirm who came and went.
    handovers: Vec<String>,
}

/// What the operator answers to a member that submits: the entry's index, or the rule that refused.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ordered {
    Entry(u64),
    Refused { rule: String, message: String },
}

/// This node's replica.
pub(crate) struct Replica {
    ledger: Arc<Mutex<Ledger>>,
    keyring: Arc<Keyring>,
    certificates: Certificates,
    alliance: Hash,
    ordering: Arc<dyn Ordering>,
    acquaintance: Acquaintance,
    heads: watch::Sender<Heads>,
    /// Sequence number of this member's last acknowledged transaction; held while one is under way.
    submitting: tokio::sync::Mutex<u64>,
    peers: peers::Client,
    /// Made when it is first asked, then kept up to date with each question.
    search: Mutex<Search>,
    /// The same for entries.
    finder: Mutex<Finder>,
    /// The first entry that others have and whose rules this build lacks, with their version.
    unreadable: OnceLock<(u64, u32)>,
}

impl Replica {
    pub(crate) fn new(
        mut ledger: Ledger,
        keyring: Arc<Keyring>,
        certificates: Certificates,
        peers: peers::Client,
        acquaintance: Acquaintance,
        ordering: Arc<dyn Ordering>,
    ) -> Result<Self, LedgerError> {
        learn(&acquaintance, &keyring, &certificates, ledger.state().roster());
        let alliance = ledger.state().alliance_id();
        if let Some(key) = log_key(&ledger, &keyring) {
            // The founding entry, or what a crash left without a signature.
            ledger.sign_checkpoint(&key)?;
        }
        let heads = watch::Sender::new(heads(&ledger));
        Ok(Self {
            ledger: Arc::new(Mutex::new(ledger)),
            keyring,
            certificates,
            alliance,
            ordering,
            acquaintance,
            heads,
            submitting: tokio::sync::Mutex::new(0),
            peers,
            search: Mutex::default(),
            finder: Mutex::default(),
            unreadable: OnceLock::new(),
        })
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.operator() == Some(self.member())
    }

    /// Who orders the log now. Not to be asked while the ledger is looked at.
    pub(crate) fn operator(&self) -> Option<Did> {
        self.read(|ledger| ledger.state().roster().operator())
    }

    /// Whose replica this is.
    pub(crate) fn member(&self) -> Did {
        self.keyring.member()
    }

    /// The ledger itself, for who orders it.
    pub(crate) fn shared(&self) -> Arc<Mutex<Ledger>> {
        Arc::clone(&self.ledger)
    }

    /// The way to other members' nodes.
    pub(crate) fn peers(&self) -> &peers::Client {
        &self.peers
    }

    /// The member by whom a node that joins later begins to ask.
    pub(crate) fn contact(&self) -> Option<Did> {
        self.acquaintance.contact()
    }

    /// A text for people, with names where it has identities.
    pub(crate) fn in_names(&self, text: &str) -> String {
        self.acquaintance.names.in_text(text)
    }

    fn the_operator(&self) -> Result<Did, Failure> {
        self.operator().ok_or_else(|| Failure::unavailable("no member alone orders this ledger"))
    }

    /// Looks at the ledger. Short: everything else waits meanwhile.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the ledger says now: a copy that shares everything, so that the ledger is not held while it is read.
    pub(crate) fn state(&self) -> State {
        self.read(|ledger| ledger.state().clone())
    }

    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ledger.state().roster().changes().len();
        let outcome = act(&mut ledger);
        let roster = ledger.state().roster();
        if roster.changes().len() != known {
            self.learn(roster);
        }
        let now = heads(&ledger);
        drop(ledger);
        self.heads.send_if_modified(|heads| std::mem::replace(heads, now) != now);
        outcome
    }

    /// The ledger was changed by who orders it.
    pub(crate) fn notice(&self, has_roster_changed: bool) {
        self.change(|ledger| {
            if has_roster_changed {
                self.learn(ledger.state().roster());
            }
        });
    }

    /// Signs what this replica has reached, where no operator does; none when this member may not or cannot.
    pub(crate) fn endorse(&self) -> Option<String> {
        self.change(|ledger| {
            let key = self.keyring.at(ledger.size())?;
            // One that has left, or is not admitted yet, follows and stands behind nothing.
            ledger.state().roster().signer(&key.did(), ledger.size())?;
            ledger
                .endorse(&key, now_seconds())
                .inspect_err(|error| tracing::warn!(%error, "the ledger is not cosigned by this node"))
                .ok()
        })
    }

    /// Takes over what another member holds to be final, once this replica has the entries under it.
    pub(crate) fn adopt_if_covered(&self, note: &str) {
        self.change(|ledger| {
            if is_covered(note, ledger)
                && let Err(error) = ledger.adopt_final(note)
            {
                tracing::error!(%error, note, "another member's final checkpoint is refused");
            }
        });
    }

    fn learn(&self, roster: &Roster) {
        learn(&self.acquaintance, &self.keyring, &self.certificates, roster);
    }

    /// Lets go of certificates that are heard no longer; to be called now and then.
    pub(crate) fn forget(&self) {
        self.read(|ledger| self.learn(ledger.state().roster()));
    }

    /// The member's key and certificate.
    pub(crate) fn own(&self) -> (&Keyring, &Certificates) {
        (&self.keyring, &self.certificates)
    }

    /// What the entries of a range caused. `None` when the disk does not say: they must be asked for again.
    pub(crate) fn events(&self, from: u64, to: u64) -> Option<Vec<Event>> {
        let events = self.read(|ledger| ledger.events(from, to));
        events
            .inspect_err(|error| tracing::error!(%error, from, to, "the ledger's events cannot be read"))
            .ok()
    }

    /// Looks into the index of the catalog, as of this replica's last entry.
    pub(crate) fn search<T>(&self, look: impl FnOnce(&Search) -> T) -> Result<T, Failure> {
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let behind = state.size().saturating_sub(search.size());
        if search.size() == 0 || behind > INDEX_AFRESH {
            *search = Search::of(&state);
        } else if behind > 0 {
            let events = self.read(|ledger| ledger.events(search.size(), state.size())).map_err(broken)?;
            search.follow(&state, &events);
        }
        Ok(look(&search))
    }

    /// Looks into the index of entries, as of this replica's last one. Blocks: the first question waits until all
    /// entries are indexed.
    pub(crate) fn find<T>(&self, look: impl FnOnce(&Finder) -> T) -> Result<T, Failure> {
        let mut finder = self.finder.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let from = finder.size();
            // In portions, so that nobody waits for the ledger meanwhile.
            let portion = self.read(|ledger| -> Result<_, LedgerError> {
                let entries = ledger.entries(from, INDEX_PORTION)?;
                let events = ledger.events(from, from + entries.len() as u64)?;
                Ok((entries, events))
            });
            let (entries, events) = portion.map_err(broken)?;
            if entries.is_empty() {
                return Ok(look(&finder));
            }
            finder.follow(&entries, &events);
        }
    }

    /// Tells how far the replica is, now and whenever that changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Heads> {
        self.heads.subscribe()
    }

    /// Writes on the ledger in this member's name and waits until a quorum has cosigned it.
    pub(crate) async fn record(&self, person: Option<Did>, action: Action) -> Result<Recorded, Failure> {
        let (entry, signed) = self.submit(person, action).await?;
        self.settled(entry, &signed).await
    }

    /// Hands in what one of the member's persons signed alone, and waits until a quorum has cosigned it.
    pub(crate) async fn hand_in(&self, signed: SignedTransaction) -> Result<Recorded, Failure> {
        self.must_know_the_rules()?;
        match self.ordering.order(self, &signed).await? {
            Ordered::Entry(entry) => self.settled(entry, &signed).await,
            Ordered::Refused { rule, message } => Err(Failure::by_rule(rule, message)),
        }
    }

    /// Where all order: hands in what another member's node cannot.
    pub(crate) async fn order_for_another(&self, signed: &SignedTransaction) -> Result<Ordered, Failure> {
        if !self.ordering.is_let_in(self) {
            return Err(Failure::unavailable("this node's own cometbft is not let in by the others"));
        }
        self.must_know_the_rules()?;
        self.ordering.order(self, signed).await
    }

    /// Waits until the entry is final, and is what was submitted.
    pub(crate) async fn settled(&self, entry: u64, signed: &SignedTransaction) -> Result<Recorded, Failure> {
        let mut heads = self.watch();
        if !reaches(&mut heads, FINALITY, |heads| heads.final_size > entry).await {
            return Err(Failure::unavailable(format!(
                "entry {entry} is on the ledger, but no quorum cosigned it within {} seconds: too few members' \
                 nodes are up",
                FINALITY.as_secs()
            )));
        }
        // The operator's word for where it stands is not enough.
        let written = self.read(|ledger| ledger.entries(entry, 1)).map_err(broken)?;
        match written.first().map(|entry| &entry.content) {
            Some(Content::Transaction(found)) if **found == *signed => Ok(Recorded { entry }),
            _ => Err(Failure::unavailable(format!(
                "the operator said that entry {entry} is what was submitted, and it is not: nothing is recorded"
            ))),
        }
    }

    /// Writes on the ledger in this member's name; answers with the entry's index, as the operator says it, and the
    /// entry that should stand there.
    async fn submit(&self, person: Option<Did>, action: Action) -> Result<(u64, SignedTransaction), Failure> {
        self.must_know_the_rules()?;
        let mut last = self.submitting.lock().await;
        let rotates = matches!(action, Action::RotateKey { .. });
        let until = Instant::now() + OVERTAKEN;
        loop {
            let mut heads = self.watch();
            let signed = self.sign_next(*last, person, action.clone())?;
            match self.ordering.order(self, &signed).await? {
                Ordered::Entry(index) => {
                    *last = signed.transaction.sequence;
                    if rotates {
                        // What is signed next must be signed by the new key, which this replica has yet to learn of.
                        reaches(&mut self.watch(), FINALITY, |heads| heads.size > index).await;
                    }
                    return Ok((index, signed));
                }
                // Something that nobody waits for any more has the number, and is on its way to a block.
                Ordered::Refused { rule, .. } if rule == "sequence" && Instant::now() < until => {
                    tokio::time::timeout(AGAIN, heads.changed()).await.ok();
                }
                Ordered::Refused { rule, message } => return Err(Failure::by_rule(rule, message)),
            }
        }
    }

    /// The member's next transaction, after the last one that this node knows to be ordered.
    pub(crate) fn sign_next(
        &self,
        last: u64,
        person: Option<Did>,
        action: Action,
    ) -> Result<SignedTransaction, Failure> {
        let member = self.keyring.member();
        let key = self.present_key()?;
        let signer = Some(key.did()).filter(|signer| *signer != member);
        let sequence = self.read(|ledger| ledger.state().next_sequence(&member)).max(last + 1);
        let transaction = Transaction { alliance: self.alliance, member, sequence, person, signer, action };
        SignedTransaction::sign(transaction, &key).map_err(|error| Failure::malformed(error.to_string()))
    }

    /// The member's key, to sign with.
    pub(crate) fn present_key(&self) -> Result<SigningKey, Failure> {
        self.keyring.present().ok_or_else(|| {
            let message = "the key that the ledger has for this member is not on this node: sign with the machine that \
                           has it, or have members put another in its place by vote";
            Failure::unavailable(message).next("treaty member new-key --help")
        })
    }

    /// Hands a transaction to the operator's node.
    pub(crate) async fn forward(&self, signed: &SignedTransaction) -> Result<Ordered, Failure> {
        let body = signed.to_bytes().map_err(|error| Failure::malformed(error.to_string()))?;
        self.ask(&self.the_operator()?, Method::POST, "/peer/ledger/transactions", Body::Json(body.into()))
            .await
    }

    /// Asks another member about the ledger.
    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        member: &Did,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<T, Failure> {
        let name = self.acquaintance.names.name(member);
        let who = if Some(*member) == self.operator() { "the ledger's operator" } else { "the ledger, from" };
        let failed = |what: String| Failure::unavailable(format!("{who} `{name}` {what}"));
        let answer = self.peers.request(&member.to_string(), method, path, body).await;
        let answer = answer.map_err(|error| {
            if matches!(error, peers::Error::NotAccepted { .. }) {
                self.certificates.was_refused();
            }
            failed(format!("does not answer: {error}"))
        })?;
        if answer.status() == StatusCode::FORBIDDEN {
            self.certificates.was_refused();
        }
        if !answer.status().is_success() {
            let said = String::from_utf8_lossy(answer.body()).chars().take(300).collect::<String>();
            return Err(failed(format!("answered {}: {said}", answer.status())));
        }
        serde_json::from_slice(answer.body()).map_err(|error| failed(format!("answered nonsense: {error}")))
    }

    /// On the operator's node: orders a transaction, durably, and signs the new checkpoint.
    pub(crate) fn order(&self, transaction: SignedTransaction) -> Result<Ordered, Failure> {
        self.change(|ledger| {
            if ledger.state().roster().operator() != Some(self.member()) {
                let message = "the log was handed over just now: try again";
                return Err(Failure::refused("not-the-operator", message));
            }
            // What is ordered must be signed: without its key this node orders nothing.
            log_key(ledger, &self.keyring).map_or_else(|| self.present_key(), Ok)?;
            let outcome = ledger.append(now_seconds(), vec![transaction]).map_err(broken)?;
            match outcome.into_iter().next() {
                Some(Ok(applied)) => {
                    let key = log_key(ledger, &self.keyring).map_or_else(|| self.present_key(), Ok)?;
                    ledger.sign_checkpoint(&key).map_err(broken)?;
                    Ok(Ordered::Entry(applied.index))
                }
                Some(Err(refused)) => {
                    let message = self.acquaintance.names.in_text(&refused.to_string());
                    Ok(Ordered::Refused { rule: refused.rule().to_owned(), message })
                }
                None => Err(Failure::unavailable("the ledger ordered nothing")),
            }
        })
    }

    /// What a follower that has `size` entries and knows `final_size` of them to be final should see next; the operator
    /// waits until there is something. Another member answers at once: whoever asks it should ask the operator again.
    pub(crate) async fn news(&self, size: u64, final_size: u64, confirmed: u64) -> Result<News, Failure> {
        let mut heads = self.watch();
        let news = heads.wait_for(|heads| heads.size > size || heads.final_size > final_size);
        let patience = if self.is_operator() { LONG_POLL } else { Duration::ZERO };
        let _ = tokio::time::timeout(patience, news).await;
        self.read(|ledger| {
            let final_checkpoint = ledger.final_checkpoint().map(|(_, note)| note.clone());
            let handovers = ledger.handovers_above(confirmed)?;
            Ok(News { page: ledger.page(size)?, final_checkpoint, handovers })
        })
        .map_err(broken)
    }

    /// The newest checkpoint that a quorum cosigned, for other members to compare with theirs.
    pub(crate) fn final_checkpoint(&self) -> Option<String> {
        self.read(|ledger| ledger.final_checkpoint().map(|(_, note)| note.clone()))
    }

    /// Compares another member's final checkpoint with this replica, once it has the entries under it; `patience` is
    /// how long to wait for them.
    ///
    /// # Errors
    /// When it is of another history, or none that a quorum stands behind, or of entries that don't come.
    pub(crate) async fn compare(&self, note: &str, patience: Duration) -> Result<(), String> {
        let body = ledger::log::Note::parse(note).map_err(|error| error.to_string())?.body;
        let size = Checkpoint::parse_body(&body).map_err(|error| error.to_string())?.size;
        let mut heads = self.watch();
        if !reaches(&mut heads, patience, |heads| heads.size >= size).await {
            return Err(format!("it has {size} entries, which the operator does not hand to this node"));
        }
        self.change(|ledger| ledger.adopt_final(note)).map_err(|error| error.to_string())
    }

    /// Takes a member's cosignature of a checkpoint, once this replica has the entries under it.
    pub(crate) async fn add_cosignature(&self, note: &str) -> Result<(), Failure> {
        let mut heads = self.watch();
        reaches(&mut heads, COVERED, |_| self.read(|ledger| is_covered(note, ledger))).await;
        self.change(|ledger| ledger.add_cosignature(note))
            .map(|_| ())
            .map_err(|error| Failure::malformed(error.to_string()))
    }
}

/// The key that signs the ledger as it is now as the log, if that is one of this node's.
fn log_key(ledger: &Ledger, keyring: &Keyring) -> Option<SigningKey> {
    keyring.holding(&ledger.state().roster().log_key(ledger.size())?)
}

/// What follows from a changed roster on this node.
fn learn(acquaintance: &Acquaintance, keyring: &Keyring, certificates: &Certificates, roster: &Roster) {
    keyring.learn(roster);
    certificates.learn(roster.card(&keyring.member()));
    acquaintance.learn(roster, &keyring.member());
}

/// Waits until the replica is so far. What `wait_for` answers with would keep the heads locked, and is dropped here.
async fn reaches(
    heads: &mut watch::Receiver<Heads>,
    patience: Duration,
    is_there: impl FnMut(&Heads) -> bool,
) -> bool {
    matches!(tokio::time::timeout(patience, heads.wait_for(is_there)).await, Ok(Ok(_)))
}

/// Whether this replica has all entries under a checkpoint; the rest comes with the next page.
fn is_covered(note: &str, ledger: &Ledger) -> bool {
    let size = ledger::log::Note::parse(note).ok().and_then(|note| Checkpoint::parse_body(&note.body).ok());
    size.is_some_and(|checkpoint| checkpoint.size <= ledger.size())
}

pub(crate) fn broken(error: LedgerError) -> Failure {
    match error {
        LedgerError::Outdated { .. } => Failure::by_rule("protocol-unknown".to_owned(), error.to_string()),
        error => Failure::unavailable(format!("the ledger: {error}")),
    }
}

fn heads(ledger: &Ledger) -> Heads {
    let final_size = ledger.final_checkpoint().map_or(0, |(checkpoint, _)| checkpoint.size);
    Heads { size: ledger.size(), final_size }
}
