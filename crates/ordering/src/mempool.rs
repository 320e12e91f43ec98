//! Single transactions, before they are in a block: signature, size, and every rule, on a copy of the state that all
//! waiting transactions have already changed.
//!
//! What is refused here costs its sender a refusal and the others nothing. What is accepted here may still be refused
//! in its block, when another came first.

use std::collections::BTreeMap;

use ledger::{Refused, State, transaction::Checked};

use crate::app::{App, Key, Verdict, key_of, lock, read};
use crate::messages::{RECHECK, RequestCheckTx, TxResult};

/// Most transactions whose checked signatures are remembered until they are in a block.
const CHECKED_MAX: usize = 1 << 14;
/// Most bytes of transactions that are remembered.
const CHECKED_BYTES_MAX: usize = 64 << 20;

/// What waits, as far as the application knows.
pub(crate) struct Mempool {
    /// The state after everything that waits.
    state: State,
    /// With their sizes.
    checked: BTreeMap<Key, (Checked, usize)>,
    bytes: usize,
    /// How many CometBFT has shown since the last block: all that it still has.
    waiting: usize,
}

impl Mempool {
    pub(crate) fn new(state: State) -> Self {
        Self { state, checked: BTreeMap::new(), bytes: 0, waiting: 0 }
    }

    /// After a block: CometBFT asks again for everything that still waits.
    pub(crate) fn renew<'a>(&mut self, state: State, ordered: impl Iterator<Item = &'a Key>) {
        self.state = state;
        self.waiting = 0;
        ordered.for_each(|key| self.forget(key));
    }

    /// CometBFT was started anew, and has lost everything that waited.
    pub(crate) fn empty(&mut self, state: State) {
        *self = Self::new(state);
    }

    /// How many transactions wait: not those that CometBFT took no more after they were looked at.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    fn forget(&mut self, key: &Key) {
        if let Some((_, bytes)) = self.checked.remove(key) {
            self.bytes -= bytes;
        }
    }

    fn remember(&mut self, key: Key, checked: &Checked, bytes: usize) {
        if self.checked.len() >= CHECKED_MAX || self.bytes + bytes > CHECKED_BYTES_MAX {
            // They are checked again when they come in a block.
            self.checked.clear();
            self.bytes = 0;
        }
        self.forget(&key);
        self.bytes += bytes;
        self.checked.insert(key, (checked.clone(), bytes));
    }
}

impl App {
    /// CheckTx.
    pub(crate) fn check(&self, asked: &RequestCheckTx) -> TxResult {
        let (key, again) = (key_of(&asked.tx), asked.kind == RECHECK);
        match self.admit(&key, &asked.tx, again) {
            Ok(()) => {
                if !again {
                    self.tell_admitted(&key);
                }
                TxResult::default()
            }
            Err(refused) => {
                // Whoever waits for a transaction that is thrown out after a block need not wait on. It may still come:
                // others may hold it, and another block may go before it.
                if again {
                    lock(&self.mempool).forget(&key);
                    self.forget(&key);
                } else {
                    self.tell_one(key, Verdict::refused(&refused));
                }
                TxResult {
                    code: 1,
                    codespace: refused.rule().to_owned(),
                    log: refused.to_string(),
                    ..TxResult::default()
                }
            }
        }
    }

    fn admit(&self, key: &Key, bytes: &[u8], again: bool) -> Result<(), Refused> {
        let checked = self.checked(key, bytes)?;
        let mut mempool = lock(&self.mempool);
        let last = mempool.state.time();
        let now = last.max((self.clock)());
        if again {
            // The next block may be as old as the last one, or be of now: nothing is thrown out that either could take.
            let tried = mempool.state.advance(last, checked.verified());
            tried.or_else(|refused| mempool.state.advance(now, checked.verified()).or(Err(refused)))?;
        } else {
            mempool.state.advance(now, checked.verified())?;
            mempool.remember(*key, &checked, bytes.len());
        }
        mempool.waiting += 1;
        Ok(())
    }

    /// The transaction with a signature that was found valid, now or before.
    pub(crate) fn checked(&self, key: &Key, bytes: &[u8]) -> Result<Checked, Refused> {
        let known = lock(&self.mempool).checked.get(key).cloned();
        known.map_or_else(|| read(bytes), |(checked, _)| Ok(checked))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex, mpsc};

    use contract::SigningKey;
    use ledger::alliance::{self, Alliance, Card, Standing};
    use ledger::governance::{Motion, Parameter};
    use ledger::{Action, Ledger, SignedTransaction, Transaction, Validator, identity};

    use super::*;
    use crate::messages::{RequestProposed, Timestamp};

    const FOUNDED: u64 = 1_800_000_000;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32])
    }

    /// An application over an alliance of one member, whose clock is a thousand seconds after its founding.
    pub(crate) fn app(directory: &Path) -> App {
        std::fs::create_dir_all(directory).unwrap();
        let (peer, api) = ("127.0.0.1:1", "https://127.0.0.1:2");
        let mut card = Card::sign(&key(), "north", Standing::Member, peer, api, b"north").unwrap();
        let [vote, node] = [2, 3].map(|seed| SigningKey::from_seed(&[seed; 32]).did());
        card.validator = Some(Validator { key: vote, node, address: "127.0.0.1:3".to_owned() });
        let card = card.renewed(&key()).unwrap();
        let alliance = Alliance {
            format: alliance::FORMAT.to_owned(),
            name: "One".to_owned(),
            founded: FOUNDED,
            operator: None,
            quorum: 1,
            members: vec![card],
            points: BTreeMap::new(),
        };
        let ledger = Ledger::open(&directory.join("ledger.redb"), alliance).unwrap();
        let clock = || FOUNDED + 1000;
        App::new(Arc::new(Mutex::new(ledger)), clock, Box::new(|| {}), node, Arc::default())
    }

    /// A person of the member's for so many seconds from the founding on.
    pub(crate) fn delegation(app: &App, sequence: u64, seconds: u64) -> Vec<u8> {
        let delegation = identity::Delegation {
            person: SigningKey::from_seed(&[9; 32]).did(),
            name: "someone".to_owned(),
            scopes: [identity::Scope::Data].into(),
            expires: FOUNDED + seconds,
        };
        sign(app, sequence, Action::Delegate(delegation)).to_bytes().unwrap()
    }

    fn sign(app: &App, sequence: u64, action: Action) -> SignedTransaction {
        let (alliance, member) = (lock(&app.ledger).state().alliance_id(), key().did());
        let transaction = Transaction { alliance, member, sequence, person: None, signer: None, action };
        SignedTransaction::sign(transaction, &key()).unwrap()
    }

    fn ask(app: &App, tx: &[u8], kind: i32) -> TxResult {
        app.check(&RequestCheckTx { tx: tx.to_vec(), kind })
    }

    #[test]
    fn what_a_restarted_cometbft_has_lost_stands_in_nobodys_way() {
        let directory = tempfile::tempdir().unwrap();
        let app = app(directory.path());
        let transaction = delegation(&app, 1, 5000);
        assert_eq!(ask(&app, &transaction, 0).code, 0);
        assert_eq!(ask(&app, &transaction, 0).codespace, "sequence", "it waits already");
        assert_eq!(lock(&app.mempool).waiting(), 1);
        app.info().unwrap();
        assert_eq!(lock(&app.mempool).waiting(), 0);
        assert_eq!(ask(&app, &transaction, 0).code, 0);
    }

    /// A member's points are held until a vote on its first proposal is over: by this node's clock, and not yet by the last
    /// block's.
    #[test]
    fn what_becomes_valid_with_time_waits_for_a_block_of_that_time() {
        let directory = tempfile::tempdir().unwrap();
        let app = app(directory.path());
        let mut sequence = 0;
        let mut act = |action: Action| {
            sequence += 1;
            let signed = sign(&app, sequence, action);
            (signed.id().unwrap(), signed.to_bytes().unwrap())
        };
        let text = || "for the test".to_owned();
        let propose = |motion| Action::Propose { motion, text: text() };
        let set = |parameter, value| Motion::SetParameter { parameter, value };
        let to = key().did();
        let mut block = Vec::new();
        for motion in [
            Motion::Issue { to, points: 10 },
            set(Parameter::VotingSeconds, 60),
            set(Parameter::ProposalDeposit, 10),
        ] {
            let (proposal, bytes) = act(propose(motion));
            block.push(bytes);
            block.push(act(Action::Vote { proposal, approve: true }).1);
        }
        block.push(act(propose(set(Parameter::FloorRows, 2))).1);
        let time = Some(Timestamp { seconds: i64::try_from(FOUNDED).unwrap() + 10 });
        app.finalize(&RequestProposed { txs: block, height: 1, time }).unwrap();
        app.commit().unwrap();
        assert_eq!(lock(&app.ledger).size(), 8);

        let (_, second) = act(propose(set(Parameter::FloorRows, 3)));
        let staged = lock(&app.ledger).stage(FOUNDED + 10, &[read(&second).unwrap()]).unwrap();
        assert_eq!(staged.answers()[0].as_ref().unwrap_err().rule(), "too-few-points");
        assert_eq!(ask(&app, &second, RECHECK).code, 0, "a block of now takes it");
    }

    #[test]
    fn what_waits_is_held_against_the_time_of_the_last_block() {
        let directory = tempfile::tempdir().unwrap();
        let app = app(directory.path());
        // By this node's clock it has ended, by the last block's time it has not.
        let transaction = delegation(&app, 1, 500);
        assert_eq!(ask(&app, &transaction, 0).codespace, "empty-delegation");
        let waiting = app.wait_for(key_of(&transaction));
        assert_eq!(ask(&app, &transaction, RECHECK).code, 0);
        assert_eq!(waiting.try_recv(), Err(mpsc::TryRecvError::Empty));
        // What is thrown out is not said to be refused: it may still be recorded.
        assert_eq!(ask(&app, &transaction, RECHECK).codespace, "sequence");
        assert_eq!(waiting.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        assert_eq!(lock(&app.mempool).waiting(), 1, "what was thrown out does not count");
    }
}
