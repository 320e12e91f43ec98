//! This node's part in the agreement, as long as it runs.

use std::fmt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use contract::Did;
use ledger::{SignedTransaction, Validator};

use crate::abci::{self, Connections};
use crate::app::{App, Committed, Key, News, SharedLedger, Verdict, key_of, lock};
use crate::error::{Fault, OrderingError};
use crate::home::Home;
use crate::http;
use crate::keys;
use crate::process::{Process, Renew, Restart};
use crate::rpc::{self, Taken};
use crate::state_sync::{Headers, StateSync};

/// How long to wait before asking a CometBFT again that is not there yet.
const AGAIN: Duration = Duration::from_millis(50);
/// From so many waiting transactions on, those who hand in many at once wait for a block.
const WAITING_MAX: usize = 2_000;
/// How often it is looked whether there is room.
const ROOM: Duration = Duration::from_millis(10);
/// How long CometBFT may take to ask this node about what it took, before it is handed in again.
const HEARD: Duration = Duration::from_secs(3);

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
    /// For a node that has no block yet: the way to what vouches for the log as a whole. Without it, or where it leads
    /// nowhere, blocks come one by one.
    pub headers: Option<Headers>,
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
    rpc: http::Connections,
    process: Mutex<Process>,
    /// Ends whoever looks after the next key.
    stopping: Arc<AtomicBool>,
}

impl Agreement {
    /// Writes CometBFT's configuration, waits for it at the application's socket, and starts it. Blocks, on a new node as
    /// long as it takes to ask another member's for the first block.
    ///
    /// # Errors
    /// When an operator orders this ledger, the keys are not those of the member's card, or something cannot be
    /// written or started.
    pub fn start(options: Options) -> Result<Self, OrderingError> {
        let Options { home, program, member, validator, ledger, headers, clock, committed } = options;
        let state = lock(&ledger).state().clone();
        if state.roster().operator().is_some() {
            return Err(OrderingError::HasOperator);
        }
        home.check_whole(lock(&ledger).height()?)?;
        let begun = headers.map(|headers| StateSync::begin(&home, &ledger, clock(), &headers)).transpose()?;
        let sync = begun.flatten();
        let trust = sync.as_ref().map(|sync| sync.trust());
        home.configure(state.alliance(), state.roster(), &validator, trust)?;
        let path = home.application();
        let listener = UnixListener::bind(&path);
        let listener = listener.map_err(|source| OrderingError::File { what: "serve at", path, source })?;
        let restart = Arc::new(Restart::default());
        let app = App::new(Arc::clone(&ledger), clock, committed, validator.node, Arc::clone(&restart));
        let app = Arc::new(app);
        let connections = Arc::new(Connections::default());
        abci::serve(listener, Arc::clone(&app), Arc::clone(&connections));
        let renew = renewal(home.clone(), Arc::clone(&app), validator, sync.clone());
        let process = Process::start(&program, &home, Arc::clone(&restart), renew)?;
        let stopping = Arc::new(AtomicBool::new(false));
        if let Some(sync) = sync {
            sync.watch(Arc::clone(&app), Arc::clone(&restart), Arc::clone(&stopping));
        }
        keys::watch(home.clone(), member, ledger, restart, Arc::clone(&stopping));
        let rpc = http::Connections::new(home.rpc());
        Ok(Self { home, app, connections, rpc, process: Mutex::new(process), stopping })
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
        let mut parcel = self.parcel(transaction)?;
        self.hand_in(std::slice::from_mut(&mut parcel), patience)?;
        parcel.ended().map_or_else(|| parcel.verdict(patience), Ok)
    }

    /// Hands in transactions, in this order, and waits for no block of theirs: only until this node has looked at each, and
    /// while a few thousand others wait. Answers with the refusals of those that were refused at once. Those of one member can stand in one block this way.
    ///
    /// # Errors
    /// When CometBFT does not take one of them within `patience`; those before it may still be recorded.
    pub fn send(
        &self,
        transactions: &[SignedTransaction],
        patience: Duration,
    ) -> Result<Vec<Option<Verdict>>, OrderingError> {
        let mut said = Vec::with_capacity(transactions.len());
        let mut rest = transactions;
        while !rest.is_empty() {
            let parcels = rest.iter().take(rpc::QUESTIONS_MAX).map(|transaction| self.parcel(transaction));
            let mut parcels = parcels.collect::<Result<Vec<_>, _>>()?;
            parcels.truncate(rpc::portion(parcels.iter().map(|parcel| parcel.bytes.len())));
            self.await_room(patience)?;
            self.hand_in(&mut parcels, patience)?;
            let is_refusal = |verdict: &Verdict| matches!(verdict, Verdict::Refused { .. });
            said.extend(parcels.iter().map(|parcel| parcel.ended().filter(is_refusal)));
            rest = rest.get(parcels.len()..).unwrap_or_default();
        }
        Ok(said)
    }

    /// After every block each node looks again at all that waits: more than a few blocks of it only takes time.
    fn await_room(&self, patience: Duration) -> Result<(), OrderingError> {
        let until = Instant::now() + patience;
        while lock(&self.app.mempool).waiting() >= WAITING_MAX {
            if Instant::now() >= until {
                return Err(OrderingError::NotOrdered { seconds: patience.as_secs() });
            }
            thread::sleep(ROOM);
        }
        Ok(())
    }

    fn parcel(&self, transaction: &SignedTransaction) -> Result<Parcel<'_>, OrderingError> {
        let bytes = transaction.to_bytes().map_err(ledger::LedgerError::from)?;
        let key = key_of(&bytes);
        Ok(Parcel { app: &self.app, news: self.app.wait_for(key), bytes, key, said: None })
    }

    /// Until this node has looked at each of them: again while CometBFT starts, has no room, catches up with the others, or
    /// was killed with what it had taken.
    fn hand_in(&self, parcels: &mut [Parcel<'_>], patience: Duration) -> Result<(), OrderingError> {
        let until = Instant::now() + patience;
        loop {
            let mut open: Vec<_> = parcels.iter_mut().filter(|parcel| parcel.said.is_none()).collect();
            if open.is_empty() {
                return Ok(());
            }
            match self.look(&mut open, until) {
                Ok(()) if Instant::now() < until => {}
                Ok(()) => return Err(OrderingError::NotOrdered { seconds: patience.as_secs() }),
                Err(OrderingError::NotThere(_)) if Instant::now() < until => {
                    // It may have lost what it had taken, which those behind build on: what it still has costs nothing.
                    parcels
                        .iter_mut()
                        .filter(|parcel| parcel.is_admitted())
                        .for_each(|parcel| parcel.said = None);
                    thread::sleep(AGAIN);
                }
                Err(error) => return Err(error),
            }
            parcels.iter_mut().filter(|parcel| parcel.said.is_none()).for_each(Parcel::ask_again);
        }
    }

    /// Hands them in once, and hears what this node says of them.
    fn look(&self, open: &mut [&mut Parcel<'_>], until: Instant) -> Result<(), OrderingError> {
        let bytes: Vec<&[u8]> = open.iter().map(|parcel| parcel.bytes.as_slice()).collect();
        let left = until.saturating_duration_since(Instant::now()).max(AGAIN);
        let taken = rpc::hand_in(&self.rpc, &bytes, left)?;
        let heard_by = (Instant::now() + HEARD).min(until);
        let mut left_out = None;
        for (parcel, taken) in open.iter_mut().zip(taken) {
            match taken {
                // The application has looked at it already, and does not do it again.
                Ok(Taken::Known) => parcel.said = parcel.news.try_recv().ok().or(Some(News::Admitted)),
                Ok(Taken::New) => {
                    let left = heard_by.saturating_duration_since(Instant::now());
                    match parcel.news.recv_timeout(left) {
                        // It may be refused for want of the one that was left out.
                        Ok(News::Ended(Verdict::Refused { .. })) if left_out.is_some() => {}
                        Ok(news) => parcel.said = Some(news),
                        Err(RecvTimeoutError::Disconnected) => return Err(OrderingError::Withdrawn),
                        Err(RecvTimeoutError::Timeout) => {}
                    }
                }
                Err(error @ OrderingError::NotThere(_)) => left_out = Some(error),
                Err(error) => return Err(error),
            }
        }
        left_out.map_or(Ok(()), Err)
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

/// A transaction on its way, and what is heard of it.
struct Parcel<'a> {
    app: &'a App,
    bytes: Vec<u8>,
    key: Key,
    news: Receiver<News>,
    /// What this node said when it looked at it.
    said: Option<News>,
}

impl Parcel<'_> {
    /// What became of it, where that was said at once.
    fn ended(&self) -> Option<Verdict> {
        self.said.clone().and_then(News::verdict)
    }

    fn is_admitted(&self) -> bool {
        matches!(self.said, Some(News::Admitted))
    }

    /// It is handed in once more, unless something is known by now. Who still waits for news goes on with it: they may be
    /// on their way.
    fn ask_again(&mut self) {
        match self.news.try_recv() {
            Ok(news) => self.said = Some(news),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => self.news = self.app.wait_for(self.key),
        }
    }

    /// What became of it.
    fn verdict(&self, patience: Duration) -> Result<Verdict, OrderingError> {
        let until = Instant::now() + patience;
        loop {
            match self.news.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(News::Admitted) => {}
                Ok(News::Ended(verdict)) => return Ok(verdict),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(OrderingError::NotOrdered { seconds: patience.as_secs() });
                }
                Err(RecvTimeoutError::Disconnected) => return Err(OrderingError::Withdrawn),
            }
        }
    }
}

impl Drop for Parcel<'_> {
    fn drop(&mut self) {
        self.app.forget(&self.key);
    }
}

/// Who is in the alliance may have changed since CometBFT was started.
fn renewal(home: Home, app: Arc<App>, validator: Validator, sync: Option<Arc<StateSync>>) -> Renew {
    Box::new(move || {
        app.forget_taken();
        let trust = sync.as_ref().and_then(|sync| {
            let next = sync.next_start();
            next.unwrap_or_else(|error| {
                tracing::error!(%error, "what an unfinished state sync left cannot be thrown away");
                None
            })
        });
        let state = lock(&app.ledger).state().clone();
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
