//! This node's part in the agreement, as long as it runs.

use std::fmt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use contract::Did;
use ledger::{SignedTransaction, Validator};

use crate::abci::{self, Connections};
use crate::app::{App, Committed, SharedLedger, Verdict, key_of, lock};
use crate::error::{Fault, OrderingError};
use crate::home::{Home, Trust};
use crate::keys;
use crate::process::{Process, Renew, Restart};
use crate::rpc;

/// How long to wait before asking a CometBFT again that is not there yet.
const AGAIN: Duration = Duration::from_millis(50);

/// What a node brings.
pub struct Options {
    /// CometBFT's directory, see [`Home::create`].
    pub home: Home,
    /// The program, see [`crate::find`].
    pub program: PathBuf,
    /// Whose node it is.
    pub member: Did,
    /// What this member's card says of its validator.
    pub validator: Validator,
    /// The node's copy of the ledger.
    pub ledger: SharedLedger,
    /// For a node that has no block yet: where the log comes from as a whole. Without it, blocks come one by one.
    pub trust: Option<Trust>,
    /// Seconds since 1970.
    pub clock: fn() -> u64,
    /// Called after every block that was recorded, with no lock held; CometBFT waits meanwhile.
    pub committed: Committed,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("home", &self.home)
            .field("validator", &self.validator)
            .finish_non_exhaustive()
    }
}

/// This node's part in the agreement. Ends, with its process, when it is dropped.
#[derive(Debug)]
pub struct Agreement {
    home: Home,
    app: Arc<App>,
    connections: Arc<Connections>,
    process: Mutex<Process>,
    /// Ends whoever looks after the next key.
    stopping: Arc<AtomicBool>,
}

impl Agreement {
    /// Writes CometBFT's configuration, waits for it at the application's socket, and starts it.
    ///
    /// # Errors
    /// When an operator orders this ledger, the keys are not those of the member's card, or something cannot be
    /// written or started.
    pub fn start(options: Options) -> Result<Self, OrderingError> {
        let Options { home, program, member, validator, ledger, trust, clock, committed } = options;
        let state = lock(&ledger).state().clone();
        if state.roster().operator().is_some() {
            return Err(OrderingError::HasOperator);
        }
        let is_new = lock(&ledger).height()? == 0;
        home.configure(state.alliance(), state.roster(), &validator, trust.as_ref().filter(|_| is_new))?;
        let path = home.application();
        let listener = UnixListener::bind(&path);
        let listener = listener.map_err(|source| OrderingError::File { what: "serve at", path, source })?;
        let restart = Arc::new(Restart::default());
        let app = App::new(Arc::clone(&ledger), clock, committed, validator.node, Arc::clone(&restart));
        let app = Arc::new(app);
        let connections = Arc::new(Connections::default());
        abci::serve(listener, Arc::clone(&app), Arc::clone(&connections));
        let renew = renewal(home.clone(), Arc::clone(&ledger), validator, trust);
        let process = Process::start(&program, &home, Arc::clone(&restart), renew)?;
        let stopping = Arc::new(AtomicBool::new(false));
        keys::watch(home.clone(), member, ledger, restart, Arc::clone(&stopping));
        Ok(Self { home, app, connections, process: Mutex::new(process), stopping })
    }

    /// Hands in a transaction and waits until it is in a block that this node has recorded, or refused.
    ///
    /// # Errors
    /// When CometBFT does not take it. When no block comes within `patience`, or a block came after which the transaction
    /// does not follow: then it may still be recorded.
    pub fn submit(
        &self,
        transaction: &SignedTransaction,
        patience: Duration,
    ) -> Result<Verdict, OrderingError> {
        let bytes = transaction.to_bytes().map_err(ledger::LedgerError::from)?;
        let key = key_of(&bytes);
        let verdict = self.app.wait_for(key);
        let ordered = match self.hand_in(&bytes, patience) {
            Ok(None) => verdict.recv_timeout(patience).map_err(|error| match error {
                RecvTimeoutError::Timeout => OrderingError::NotOrdered { seconds: patience.as_secs() },
                RecvTimeoutError::Disconnected => OrderingError::Withdrawn,
            }),
            // Handed in again to a CometBFT that was started anew, it may be refused because it was recorded.
            Ok(Some(refused)) => Ok(verdict.try_recv().unwrap_or(refused)),
            Err(error) => Err(error),
        };
        self.app.forget(&key);
        ordered
    }

    /// Hands in a transaction and does not wait for its block; answers with the refusal, if it was refused at once. Many
    /// transactions of one member go into one block this way.
    ///
    /// # Errors
    /// When CometBFT does not take it within `patience`.
    pub fn send(
        &self,
        transaction: &SignedTransaction,
        patience: Duration,
    ) -> Result<Option<Verdict>, OrderingError> {
        self.hand_in(&transaction.to_bytes().map_err(ledger::LedgerError::from)?, patience)
    }

    /// Asks again while CometBFT starts, or catches up with the others.
    fn hand_in(&self, bytes: &[u8], patience: Duration) -> Result<Option<Verdict>, OrderingError> {
        let until = Instant::now() + patience;
        loop {
            match rpc::broadcast(&self.home.rpc(), bytes, patience) {
                Err(OrderingError::NotThere(_)) if Instant::now() < until => thread::sleep(AGAIN),
                outcome => return outcome,
            }
        }
    }

    /// Why this node had to stop ordering, if it had to; said once.
    pub fn fault(&self) -> Option<Fault> {
        self.app.take_fault()
    }

    /// Hangs up, and waits until CometBFT has ended: a few seconds at most.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.connections.close();
        lock(&self.process).stop();
    }

    /// CometBFT's directory.
    pub fn home(&self) -> &Home {
        &self.home
    }
}

/// Who is in the alliance may have changed since CometBFT was started.
fn renewal(home: Home, ledger: SharedLedger, validator: Validator, trust: Option<Trust>) -> Renew {
    Box::new(move || {
        let ledger = lock(&ledger);
        let is_new = matches!(ledger.height(), Ok(0));
        let state = ledger.state().clone();
        drop(ledger);
        let trust = trust.as_ref().filter(|_| is_new);
        if let Err(error) = home.write(state.alliance(), state.roster(), &validator, trust) {
            tracing::error!(%error, "cometbft is started with the configuration that it had");
        }
    })
}

impl Drop for Agreement {
    fn drop(&mut self) {
        self.stop();
    }
}
