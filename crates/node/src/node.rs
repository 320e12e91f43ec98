//! The node itself: what it holds, how it starts and stops.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::{Did, Hash};
use ledger::governance::PROTOCOL;
use ledger::{Alliance, Card, Ledger, LedgerError, Validator};
use peers::{
    Body, Channels, Client, ClientLimits, Identity, Listener, ListenerLimits, Registry, SessionLimits,
    Sessions,
};
use postgres::Postgres;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;
use vault::Vault;

use crate::acquaintance::Acquaintance;
use crate::certificates::{self, Certificates};
use crate::failure::Failure;
use crate::gatekeeper::Me;
use crate::home::{self, Config, Home, HomeError};
use crate::journal::{Journal, JournalError, Leaving};
use crate::keyring::Keyring;
use crate::names::Names;
use crate::order::{ByAgreement, ByOperator, Ordering};
use crate::persons::Persons;
use crate::replica::Replica;
use crate::runs::{self, Desk};
use crate::setup::{SetupError, now_seconds, read_alliance, read_card};
use crate::taking_over::once_free;
use crate::{http, peer_routes};

/// Why a node could not run.
#[derive(Debug, Error)]
pub enum NodeError {
    /// Its directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its founding document.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// It has not joined an alliance.
    #[error(
        "`{directory}` has joined no alliance; run `treaty alliance join --dir {directory} ALLIANCE.json`"
    )]
    NotJoined {
        /// The node's directory.
        directory: String,
    },
    /// Its replica of the ledger.
    #[error("the ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// Its vault.
    #[error("the vault: {0}")]
    Vault(#[from] vault::VaultError),
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its connections to other nodes.
    #[error(transparent)]
    Peers(#[from] peers::Error),
    /// Ordering together with the other members.
    #[error(transparent)]
    Ordering(#[from] ordering::OrderingError),
    /// It had to stop.
    #[error("this node cannot go on: {reason}")]
    CannotGoOn {
        /// Why.
        reason: String,
    },
    /// Its own address or runtime.
    #[error("cannot serve at `{address}`: {source}")]
    Serve {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// When a node stops by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// On SIGINT or SIGTERM.
    Signals,
    /// Also when standard input is closed: whoever started the node is gone.
    SignalsOrStdinClosed,
}

/// How long a node may take to say that it is there.
const ALIVE: Duration = Duration::from_secs(2);

/// What a node says to another one that asks whether it is there.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Alive {
    /// The newest version of the rules that its build has.
    #[serde(default)]
    pub(crate) rules: Option<u32>,
}

/// Everything that a node holds while it runs.
pub(crate) struct Node {
    pub(crate) me: Did,
    pub(crate) config: Config,
    pub(crate) home: Home,
    pub(crate) names: Arc<Names>,
    pub(crate) persons: Persons,
    pub(crate) replica: Arc<Replica>,
    pub(crate) vault: Arc<Vault>,
    /// Reads what the vault only links to.
    pub(crate) postgres: Arc<Postgres>,
    pub(crate) journal: Journal,
    pub(crate) desk: Desk,
    /// Held while a contract is compared with answers given before, for a person: one at a time.
    pub(crate) comparing: tokio::sync::Mutex<()>,
    pub(crate) sessions: Sessions,
    pub(crate) channels: Channels,
    peers: Client,
}

impl Node {
    /// The member whose node this is.
    pub(crate) fn member(&self) -> Me<'_> {
        Me { did: self.me, name: &self.config.name }
    }

    /// The one door through which a run's data leaves this node over requests: counted before it is sent.
    pub(crate) async fn leave(
        &self,
        run: &Hash,
        to: &Did,
        kind: Leaving,
        path: &str,
        body: &[u8],
    ) -> Result<(), Failure> {
        self.journal.count(run, to, kind, body.len() as u64, 1)?;
        let body = Body::Octets(Bytes::copy_from_slice(body));
        let answer = self.peers.request(&to.to_string(), axum::http::Method::POST, path, body).await;
        let answer = answer.map_err(|error| Failure::unavailable(error.to_string()))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(answer.body()).chars().take(300).collect::<String>();
        Err(Failure::unavailable(format!("`{}` answered {}: {said}", self.names.name(to), answer.status())))
    }
}

impl Node {
    /// The newest checkpoint that another member's node holds to be final; `None` when it does not answer, also
    /// after a few chances for one that is just being restarted.
    pub(crate) async fn final_checkpoint_of(&self, member: &Did) -> Option<String> {
        let peer = member.to_string();
        for pause in [100, 400, 1_500] {
            let question = self.peers.request_within(
                ALIVE,
                &peer,
                axum::http::Method::GET,
                "/peer/ledger/checkpoint",
                Body::Empty,
            );
            if let Ok(answer) = question.await
                && answer.status().is_success()
            {
                return Some(String::from_utf8_lossy(answer.body()).into_owned());
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        None
    }

    /// Whether another member's node answers.
    pub(crate) async fn is_alive(&self, member: &Did) -> bool {
        self.greet(member).await.is_some()
    }

    /// The newest version of the rules that a member's node has, as it says; none when it does not say.
    pub(crate) async fn rules_known_by(&self, member: &Did) -> Option<u32> {
        if *member == self.me {
            return Some(PROTOCOL);
        }
        let answer: Alive = serde_json::from_slice(&self.greet(member).await?).ok()?;
        answer.rules
    }

    async fn greet(&self, member: &Did) -> Option<Bytes> {
        let member = member.to_string();
        let question =
            self.peers.request_within(ALIVE, &member, axum::http::Method::GET, "/peer/alive", Body::Empty);
        question.await.ok().map(|answer| answer.body().clone())
    }
}

/// Runs a node until it is told to stop. Prints one line `ready peer=… api=…` once it serves.
pub fn run(directory: &Path, shutdown: Shutdown) -> Result<(), NodeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| NodeError::Serve { address: "this machine".to_owned(), source })?;
    let outcome = runtime.block_on(serve(directory, shutdown));
    // A computation that is under way on a blocking thread is not waited for: its run fails by the deadline.
    runtime.shutdown_background();
    outcome
}

async fn serve(directory: &Path, shutdown: Shutdown) -> Result<(), NodeError> {
    let home = Home::new(directory);
    let alliance = joined(&home, directory)?;
    let config = home.read_config()?;
    let operator = alliance.operator;
    // Nothing of a node that runs here already is touched before this, nor keys read that it may just be changing.
    let ledger =
        once_free(async || Ledger::open(&home.ledger(), alliance.clone()), LedgerError::is_taken).await?;
    let journal = once_free(async || Journal::open(&home.journal()), JournalError::is_taken).await?;
    for private in [home.ledger(), home.journal()] {
        home::keep_private(&private)?;
    }
    home::make_empty_directory(&home.uploads())?;
    let keyring = Arc::new(Keyring::open(home.clone())?);
    let me = keyring.member();

    let registry = Arc::new(Registry::new([])?);
    let acquaintance = Acquaintance::new(Arc::clone(&registry), read_contact(&home)?);
    let names = Arc::clone(&acquaintance.names);
    let identity = identity(&home)?;
    let channels = Channels::new(&identity, registry)?;
    let certificates = Certificates::new(home.clone(), channels.clone(), identity)?;
    let sessions = Sessions::new(SessionLimits::default());
    let client = Client::new(channels.clone(), ClientLimits::default());
    let (ordering, agreement): (Arc<dyn Ordering>, _) = match operator {
        Some(_) => (Arc::new(ByOperator), None),
        None => {
            let validator = validator(&home, &ledger, &me)?;
            let agreement = Arc::new(ByAgreement::new(ordering::home::Home::new(&home.bft()), validator)?);
            (Arc::clone(&agreement) as Arc<dyn Ordering>, Some(agreement))
        }
    };
    let listen = async || Listener::bind(&config.peer, channels.clone(), ListenerLimits::default()).await;
    let listener = once_free(listen, peers::Error::is_taken).await?;
    let peer_address = listener.address();

    let postgres = Arc::new(Postgres::new(home.database_passwords()));
    let node = Arc::new(Node {
        me,
        names,
        persons: Persons::new(Arc::clone(&keyring), home.clone(), now_seconds()),
        replica: Arc::new(Replica::new(
            ledger,
            keyring,
            certificates,
            client.clone(),
            acquaintance,
            ordering,
        )?),
        vault: Arc::new(Vault::open(home.vault())?.with_source(postgres.clone())),
        postgres,
        journal,
        desk: Desk::default(),
        comparing: tokio::sync::Mutex::default(),
        sessions: sessions.clone(),
        channels,
        peers: client,
        home,
        config,
    });

    let (stop, stopping) = watch::channel(false);
    let api = http::serve(Arc::clone(&node), stopping.clone()).await?;
    tokio::spawn(listener.serve(peer_routes::router(Arc::clone(&node)), sessions, stopped(stopping)));
    if let Some(agreement) = agreement.clone() {
        let replica = Arc::clone(&node.replica);
        let started = tokio::task::spawn_blocking(move || agreement.start(&replica)).await;
        started.map_err(|error| NodeError::CannotGoOn { reason: error.to_string() })??;
    }
    let replica = Arc::clone(&node.replica);
    let following = tokio::spawn(async move { replica.keep_up().await });
    tokio::spawn(runs::conduct(Arc::clone(&node)));
    let replica = Arc::clone(&node.replica);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(certificates::GRACE / 10).await;
            replica.forget();
        }
    });
    tracing::info!(member = %node.me, name = node.config.name, peer = %peer_address, api = %api.address, "ready");
    println!("ready peer={peer_address} api={}", api.address);

    let cannot_go_on = tokio::select! {
        () = until(shutdown) => None,
        reason = following => Some(reason.unwrap_or_else(|error| error.to_string())),
    };
    tracing::info!("stopping");
    stop.send(true).ok();
    api.finished.await.ok();
    if let Some(agreement) = agreement {
        // It waits for a process to end.
        tokio::task::spawn_blocking(move || agreement.stop()).await.ok();
    }
    cannot_go_on.map_or(Ok(()), |reason| Err(NodeError::CannotGoOn { reason }))
}

/// Completes when the node stops.
pub(crate) async fn stopped(mut stopping: watch::Receiver<bool>) {
    stopping.wait_for(|stopping| *stopping).await.ok();
}

fn joined(home: &Home, directory: &Path) -> Result<Alliance, NodeError> {
    if !home.alliance().exists() {
        return Err(NodeError::NotJoined { directory: directory.display().to_string() });
    }
    Ok(read_alliance(&home::read(&home.alliance())?)?)
}

/// What this member's card says of its validator: the card on the ledger, or its first one before it is admitted.
fn validator(home: &Home, ledger: &Ledger, me: &Did) -> Result<Validator, NodeError> {
    let seated = ledger.state().roster().card(me).cloned();
    let card = seated.map_or_else(|| read_card(&home.card()), Ok)?;
    Ok(card.validator.ok_or(ordering::OrderingError::NoValidator)?)
}

/// The card by which a node that joins later finds its first member, if it was given one.
fn read_contact(home: &Home) -> Result<Option<Card>, NodeError> {
    if !home.contact().exists() {
        return Ok(None);
    }
    Ok(Some(read_card(&home.contact())?))
}

/// The certificate, with its key, by which other nodes know this one.
fn identity(home: &Home) -> Result<Identity, NodeError> {
    if home.peer_identity().exists() {
        return certificates::read(&home.peer_identity());
    }
    let text = |path: std::path::PathBuf| -> Result<zeroize::Zeroizing<String>, HomeError> {
        let bytes = home::read(&path)?;
        String::from_utf8(bytes)
            .map(zeroize::Zeroizing::new)
            .map_err(|error| HomeError::Malformed { path, reason: error.utf8_error().to_string() })
    };
    Ok(Identity::from_pem(&text(home.node_certificate())?, &text(home.node_key())?)?)
}

/// Waits for a reason to stop.
async fn until(shutdown: Shutdown) {
    let interrupted = tokio::signal::ctrl_c();
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    let orphaned = async {
        match shutdown {
            Shutdown::Signals => std::future::pending().await,
            Shutdown::SignalsOrStdinClosed => stdin_closed().await,
        }
    };
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
        () = orphaned => {}
    }
}

/// Completes when standard input ends. A thread of its own, because reading standard input cannot be cancelled.
async fn stdin_closed() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut scratch = [0; 256];
        let mut stdin = io::stdin().lock();
        while matches!(stdin.read(&mut scratch), Ok(1..)) {}
        closed.send(()).ok();
    });
    wait.await.ok();
}
