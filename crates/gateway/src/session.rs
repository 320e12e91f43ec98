//! One connection: protection, login, then statement after statement.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Login, Node, ask,
    login::MECHANISM,
    refusal::{FAILED, NOT_ADMITTED, NOT_SUPPORTED, PROTOCOL, Refusal, TRANSACTION_FAILED},
    rows::{Table, held_back},
    statement::Statement,
    wire::{self, MESSAGE_BYTES_MAX, Messages, STARTUP_BYTES_MAX, Startup, Status},
};

/// How long a client may take until it is let in.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every connection is answered with.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) login: Arc<Login>,
}

/// A stream of either kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Somebody who is let in.
struct Client {
    stream: Box<dyn Stream>,
    database: Option<String>,
}

impl Session {
    /// Answers a connection until it ends. With an acceptor, TLS is demanded.
    pub(crate) async fn answer(self, socket: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let admitted = tokio::time::timeout(PATIENCE, self.admit(socket, tls)).await;
        let Some(mut client) = admitted.map_err(|_| io::ErrorKind::TimedOut)?? else { return Ok(()) };
        let mut status = Status::Idle;
        while let Some((letter, body)) = message(&mut client.stream).await? {
            let mut out = Messages::default();
            match letter {
                b'Q' => status = self.statement(&body, status, client.database.as_deref(), &mut out).await,
                b'X' => return Ok(()),
                // The extended protocol: one refusal, then silence until the client synchronises.
                b'P' | b'B' | b'D' | b'E' | b'C' | b'H' => {
                    out.error(&extended(), false);
                    send(&mut client.stream, out).await?;
                    if !synchronised(&mut client.stream).await? {
                        return Ok(());
                    }
                    out = Messages::default();
                    status = failed(status);
                }
                b'S' => {}
                b'F' => out.error(&Refusal::new(NOT_SUPPORTED, "no function is called here", ""), false),
                _ => {
                    out.error(&Refusal::new(PROTOCOL, "a message of an unknown kind", ""), true);
                    return send(&mut client.stream, out).await;
                }
            }
            out.ready(status);
            send(&mut client.stream, out).await?;
        }
        Ok(())
    }

    /// Everything before the first statement. `None` when the client went away or was refused.
    async fn admit(&self, socket: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Option<Client>> {
        let mut stream: Box<dyn Stream> = Box::new(socket);
        let mut open = tls;
        let (minor, user, database) = loop {
            let Some(body) = framed(&mut stream, STARTUP_BYTES_MAX).await? else { return Ok(None) };
            match (Startup::read(&body), open.take()) {
                (Some(Startup::Tls), Some(acceptor)) => {
                    stream.write_all(b"S").await?;
                    // Whole messages are read and no byte more: nothing sent before TLS counts afterwards.
                    stream = Box::new(acceptor.accept(stream).await?);
                }
                (Some(Startup::Tls | Startup::Gss), acceptor) => {
                    open = acceptor;
                    stream.write_all(b"N").await?;
                }
                (Some(Startup::Session { .. }), Some(_)) => {
                    let hint = "connect with sslmode=require or verify-full";
                    return refuse(stream, Refusal::new(NOT_ADMITTED, "this gateway wants TLS", hint)).await;
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
        send(&mut stream, out).await?;
        let Some(words) = self.prove(&mut stream, &user).await? else {
            let hint =
                "the user is the member's name; the password is in the file that the gateway was given";
            let message = format!("password authentication failed for user \"{user}\"");
            return refuse(stream, Refusal::new("28P01", message, hint)).await;
        };
        let mut out = Messages::default();
        out.sasl_final(&words);
        for (name, value) in [
            ("server_version", "16.0 (treaty gateway)"),
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
        send(&mut stream, out).await?;
        Ok(Some(Client { stream, database }))
    }

    /// SCRAM; the server's last words when the client knows the password.
    async fn prove(&self, stream: &mut Box<dyn Stream>, user: &str) -> io::Result<Option<String>> {
        let Some((b'p', body)) = message(stream).await? else { return Ok(None) };
        let first = wire::sasl_initial(&body).filter(|(mechanism, _)| *mechanism == MECHANISM);
        let Some((_, first)) = first else { return Ok(None) };
        let exchange = self.login.begin(user, first).map_err(io::Error::other)?;
        let Some(exchange) = exchange else { return Ok(None) };
        let mut out = Messages::default();
        out.sasl_continue(&exchange.server_first);
        send(stream, out).await?;
        let Some((b'p', body)) = message(stream).await? else { return Ok(None) };
        Ok(std::str::from_utf8(&body).ok().and_then(|last| exchange.finish(last)))
    }

    async fn statement(
        &self,
        body: &[u8],
        status: Status,
        database: Option<&str>,
        out: &mut Messages,
    ) -> Status {
        let Some((text, _)) = wire::text(body) else {
            out.error(
                &Refusal::new(PROTOCOL, "the statement is not UTF-8 text", "set client_encoding to UTF8"),
                false,
            );
            return failed(status);
        };
        match self.run(text, status, database, out).await {
            Ok(status) => status,
            Err(refusal) => {
                out.error(&refusal, false);
                failed(status)
            }
        }
    }

    async fn run(
        &self,
        text: &str,
        status: Status,
        database: Option<&str>,
        out: &mut Messages,
    ) -> Result<Status, Refusal> {
        if text.trim_matches(|c: char| c == ';' || c.is_whitespace()).is_empty() {
            out.empty();
            return Ok(status);
        }
        let statement = Statement::read(text)?;
        match &statement {
            Statement::Commit | Statement::Rollback => {
                let undone = status == Status::Failed || statement == Statement::Rollback;
                out.complete(if undone { "ROLLBACK" } else { "COMMIT" });
                return Ok(Status::Idle);
            }
            _ if status == Status::Failed => {
                return Err(Refusal::new(
                    TRANSACTION_FAILED,
                    "a statement before this one was refused",
                    "end the transaction with ROLLBACK",
                ));
            }
            _ => {}
        }
        let node = Arc::clone(&self.node);
        let table = match statement {
            Statement::Begin => {
                out.complete("BEGIN");
                return Ok(Status::InTransaction);
            }
            Statement::Set => {
                out.complete("SET");
                return Ok(status);
            }
            Statement::Commit | Statement::Rollback => return Ok(Status::Idle),
            Statement::Contracts => {
                blocking(move || {
                    let (_, member) = node.member()?;
                    Ok(Table::of_contracts(&node.contracts()?, &member))
                })
                .await?
            }
            Statement::Ask(question) => {
                let database = database.map(str::to_owned);
                let result = blocking(move || ask::ask(&*node, &question, database.as_deref())).await?;
                if let Some(words) = held_back(&result) {
                    out.notice(&words);
                }
                Table::of_result(&result)
            }
        };
        out.columns(&table.columns);
        for row in &table.rows {
            out.row(row);
        }
        out.complete(&format!("SELECT {}", table.rows.len()));
        Ok(status)
    }
}

/// In a transaction a refusal lasts until its end.
fn failed(status: Status) -> Status {
    if status == Status::Idle { Status::Idle } else { Status::Failed }
}

/// The extended protocol describes a statement before it is executed, which here would take a use of a contract to
/// find out; so it is refused by name.
fn extended() -> Refusal {
    let hint = "use simple queries: psql and psycopg2 do; JDBC with preferQueryMode=simple, pgx with \
                QueryExecModeSimpleProtocol";
    Refusal::new(NOT_SUPPORTED, "prepared statements are not offered here", hint)
}

/// The node is asked on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Refusal::new(FAILED, "the gateway broke off", "ask again")))
}

/// Skips messages up to `Sync`; false when the client goes away instead.
async fn synchronised(stream: &mut Box<dyn Stream>) -> io::Result<bool> {
    while let Some((letter, _)) = message(stream).await? {
        match letter {
            b'S' => return Ok(true),
            b'X' => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

async fn refuse(mut stream: Box<dyn Stream>, refusal: Refusal) -> io::Result<Option<Client>> {
    let mut out = Messages::default();
    out.error(&refusal, true);
    send(&mut stream, out).await?;
    stream.shutdown().await?;
    Ok(None)
}

async fn send(stream: &mut Box<dyn Stream>, out: Messages) -> io::Result<()> {
    stream.write_all(&out.into_bytes()).await?;
    stream.flush().await
}

/// The next message with its letter; `None` at the end of the connection.
async fn message(stream: &mut Box<dyn Stream>) -> io::Result<Option<(u8, Vec<u8>)>> {
    let letter = match stream.read_u8().await {
        Ok(letter) => letter,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(framed(stream, MESSAGE_BYTES_MAX).await?.map(|body| (letter, body)))
}

/// A length, which counts itself, and as many bytes; `None` at the end of the connection.
async fn framed(stream: &mut Box<dyn Stream>, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u32().await {
        Ok(length) => length as usize,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = length.checked_sub(4).filter(|length| *length <= bytes_max);
    let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut body).await?;
    Ok(Some(body))
}
