//! One connection: protection, login, then statement after statement.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use api::visitors::Visit;
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Login, Node,
    connection::Connection,
    login::MECHANISM,
    prepared::Prepared,
    refusal::{FAILED, IDLE, NOT_ADMITTED, NOT_SUPPORTED, PROTOCOL, Refusal, TOO_MANY, WRONG_PASSWORD},
    settings::VERSION,
    views::Reader,
    wire::{self, MESSAGE_BYTES_MAX, Messages, STARTUP_BYTES_MAX, Startup, Status},
};

/// How long a client may take until it is let in.
const ADMISSION: Duration = Duration::from_secs(10);
/// How long it may take for the rest of a message or for a piece of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may say nothing, until its place is given to another.
const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// Bytes of answers that wait for the client to synchronise.
const PENDING_BYTES_MAX: usize = 1 << 16;
/// What a wrong password costs.
const AFTER_A_GUESS: Duration = Duration::from_secs(1);

/// What every connection is answered with.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) login: Arc<Login>,
    /// One for each client that is let in.
    pub(crate) places: Arc<Semaphore>,
}

/// What a client that was let in has said so far.
pub(crate) struct Talk {
    pub(crate) database: Option<String>,
    pub(crate) status: Status,
    pub(crate) prepared: Prepared,
    _place: OwnedSemaphorePermit,
}

impl Session {
    /// Answers a connection until it ends; `door` is held until the client is let in. With an acceptor, TLS is demanded.
    pub(crate) async fn answer(
        self,
        socket: TcpStream,
        tls: Option<TlsAcceptor>,
        door: (OwnedSemaphorePermit, Visit),
    ) -> io::Result<()> {
        let peer = socket.peer_addr()?;
        socket.set_nodelay(true)?;
        let connection = Connection::new(socket, PATIENCE);
        let admitted = timeout(ADMISSION, self.admit(connection, tls, peer)).await;
        drop(door);
        let Some((mut connection, mut talk)) = admitted.map_err(|_| io::ErrorKind::TimedOut)?? else {
            return Ok(());
        };
        let mut out = Messages::default();
        let mut is_skipping = false;
        loop {
            let (letter, body) = match connection.message(IDLE_MAX, MESSAGE_BYTES_MAX).await {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    let message = "nothing was said for too long";
                    return connection.refuse(&Refusal::new(IDLE, message, "connect again")).await;
                }
                Err(error) => return Err(error),
            };
            match letter {
                b'X' => return Ok(()),
                b'S' => {
                    is_skipping = false;
                    talk.synchronised();
                    out.ready(talk.status);
                    connection.send(out.take()).await?;
                }
                // After a refusal nothing counts until the client synchronises.
                b'P' | b'B' | b'D' | b'E' | b'C' | b'H' | b'Q' | b'F' if is_skipping => {}
                b'P' | b'B' | b'D' | b'E' | b'C' => {
                    if let Err(refusal) = self.extended(letter, &body, &mut talk, &mut out).await {
                        out.error(&refusal, false);
                        talk.status = failed(talk.status);
                        is_skipping = true;
                    }
                    if is_skipping || out.len() > PENDING_BYTES_MAX {
                        connection.send(out.take()).await?;
                    }
                }
                b'H' => connection.send(out.take()).await?,
                b'Q' => {
                    self.simple(&body, &mut talk, &mut out).await;
                    out.ready(talk.status);
                    connection.send(out.take()).await?;
                }
                b'F' => {
                    out.error(&Refusal::new(NOT_SUPPORTED, "no function is called here", ""), false);
                    out.ready(talk.status);
                    connection.send(out.take()).await?;
                }
                _ => {
                    let unknown = Refusal::new(PROTOCOL, "a message of an unknown kind", "");
                    return connection.refuse(&unknown).await;
                }
            }
        }
    }

    /// Everything before the first statement. `None` when the client went away or was refused.
    async fn admit(
        &self,
        mut connection: Connection,
        tls: Option<TlsAcceptor>,
        peer: SocketAddr,
    ) -> io::Result<Option<(Connection, Talk)>> {
        let mut open = tls;
        let (minor, user, database) = loop {
            let Some(body) = connection.first().await? else { return Ok(None) };
            match (Startup::read(&body), open.take()) {
                (Some(Startup::Tls), Some(acceptor)) => connection = connection.protected(&acceptor).await?,
                (Some(Startup::Tls | Startup::Gss), acceptor) => {
                    open = acceptor;
                    connection.byte(b'N').await?;
                }
                (Some(Startup::Session { .. }), Some(_)) => {
                    let hint = "connect with sslmode=require or verify-full";
                    let refusal = Refusal::new(NOT_ADMITTED, "this gateway wants TLS", hint);
                    return connection.refuse(&refusal).await.map(|()| None);
                }
                (Some(Startup::Session { minor, user, database }), None) => break (minor, user, database),
                (Some(Startup::Cancel) | None, _) => return Ok(None),
            }
        };
        let mut out = Messages::default();
        if minor > 0 {
            out.version();
        }
        out.sasl(MECHANISM);
        connection.send(out).await?;
        let Some(words) = self.prove(&mut connection, &user).await? else {
            tracing::warn!(%peer, "somebody did not know the gateway's password");
            sleep(AFTER_A_GUESS).await;
            let hint =
                "the user is the member's name; the password is in the file that the gateway was given";
            let message = format!("password authentication failed for user \"{user}\"");
            let refusal = Refusal::new(WRONG_PASSWORD, message, hint);
            return connection.refuse(&refusal).await.map(|()| None);
        };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let hint = "end a session, or ask again when one has ended";
            let refusal = Refusal::new(TOO_MANY, "all sessions of this gateway are taken", hint);
            return connection.refuse(&refusal).await.map(|()| None);
        };
        let mut out = Messages::default();
        out.sasl_final(&words);
        for (name, value) in [
            ("server_version", VERSION),
            ("server_encoding", "UTF8"),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO, MDY"),
            ("IntervalStyle", "postgres"),
            ("TimeZone", "UTC"),
            ("integer_datetimes", "on"),
            ("standard_conforming_strings", "on"),
        ] {
            out.parameter(name, value);
        }
        out.ready(Status::Idle);
        connection.send(out).await?;
        let prepared = Prepared::default();
        Ok(Some((connection, Talk { database, status: Status::Idle, prepared, _place: place })))
    }

    /// SCRAM; the server's last words when the client knows the password. One that goes away before it has tried is an
    /// error: programs do that to ask their user for a password.
    async fn prove(&self, connection: &mut Connection, user: &str) -> io::Result<Option<String>> {
        let gone = io::ErrorKind::UnexpectedEof;
        let (letter, body) = connection.message(ADMISSION, STARTUP_BYTES_MAX).await?.ok_or(gone)?;
        let first = wire::sasl_initial(&body).filter(|(mechanism, _)| *mechanism == MECHANISM);
        let Some((_, first)) = first.filter(|_| letter == b'p') else { return Ok(None) };
        let exchange = self.login.begin(user, first).map_err(io::Error::other)?;
        let Some(exchange) = exchange else { return Ok(None) };
        let mut out = Messages::default();
        out.sasl_continue(&exchange.server_first);
        connection.send(out).await?;
        let (letter, body) = connection.message(ADMISSION, STARTUP_BYTES_MAX).await?.ok_or(gone)?;
        let last = std::str::from_utf8(&body).ok().filter(|_| letter == b'p');
        Ok(last.and_then(|last| exchange.finish(last)))
    }
}

/// In a transaction a refusal lasts until its end.
pub(crate) fn failed(status: Status) -> Status {
    if status == Status::Idle { Status::Idle } else { Status::Failed }
}

/// The node is asked on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Refusal::new(FAILED, "the gateway broke off", "ask again")))
}
