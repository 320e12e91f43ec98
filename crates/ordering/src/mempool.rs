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
    checked: BTreeMap<Key, Checked>,
    bytes: usize,
}

impl Mempool {
    pub(crate) fn new(state: State) -> Self {
        Self { state, checked: BTreeMap::new(), bytes: 0 }
    }

    /// After a block: CometBFT asks again for everything that still waits.
    pub(crate) fn renew<'a>(&mut self, state: State, ordered: impl Iterator<Item = &'a Key>) {
        self.state = state;
        for key in ordered {
            self.checked.remove(key);
        }
        if self.checked.is_empty() {
            self.bytes = 0;
        }
    }

    fn remember(&mut self, key: Key, checked: &Checked, bytes: usize) {
        if self.checked.len() >= CHECKED_MAX || self.bytes + bytes > CHECKED_BYTES_MAX {
            // They are checked again when they come in a block.
            self.checked.clear();
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.checked.insert(key, checked.clone());
    }
}

impl App {
    /// CheckTx.
    pub(crate) fn check(&self, asked: &RequestCheckTx) -> TxResult {
        match self.admit(&asked.tx, asked.kind == RECHECK) {
            Ok(()) => TxResult::default(),
            Err(refused) => {
                let key = key_of(&asked.tx);
                // Whoever waits for a transaction that is thrown out after a block learns it here.
                if asked.kind == RECHECK {
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

    fn admit(&self, bytes: &[u8], again: bool) -> Result<(), Refused> {
        let key = key_of(bytes);
        let checked = self.checked(&key, bytes)?;
        let mut mempool = lock(&self.mempool);
        let time = (self.clock)().max(mempool.state.time());
        mempool.state.advance(time, checked.verified())?;
        if !again {
            mempool.remember(key, &checked, bytes.len());
        }
        Ok(())
    }

    /// The transaction with a signature that was found valid, now or before.
    pub(crate) fn checked(&self, key: &Key, bytes: &[u8]) -> Result<Checked, Refused> {
        let known = lock(&self.mempool).checked.get(key).cloned();
        known.map_or_else(|| read(bytes), Ok)
    }
}
