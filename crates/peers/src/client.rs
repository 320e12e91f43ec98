//! Requests to other members' nodes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::certificate::{Fingerprint, NODE_NAME};
use crate::dial::{Dialled, dial, is_not_accepted};
use crate::error::{Error, Result};
use crate::registry::MemberId;
use crate::tls::{Carries, Channels};

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A JSON text.
    Json(Bytes),
    /// Bytes of the caller's own form.
    Octets(Bytes),
}

/// How much a [`Client`] waits for and takes in.
#[derive(Debug, Clone)]
pub struct ClientLimits {
    /// The time for a new connection, TCP and TLS together.
    pub connect: Duration,
    /// The time for a whole request, connection and answer included.
    pub answer: Duration,
    /// The largest body of an answer.
    pub answer_bytes_max: usize,
    /// Idle connections that are kept per member.
    pub idle_max: usize,
    /// How long an idle connection is kept; should be shorter than the listeners' own limit.
    pub idle: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            answer_bytes_max: 256 << 20,
            idle_max: 4,
            idle: Duration::from_secs(45),
        }
    }
}

/// Asks other members' nodes, each over connections that only the member's own node can answer. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    channels: Channels,
    limits: ClientLimits,
    idle: Mutex<HashMap<MemberId, Vec<Connection>>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that speaks as the node of `channels`.
    pub fn new(channels: Channels, limits: ClientLimits) -> Self {
        Self { shared: Arc::new(Shared { channels, limits, idle: Mutex::default() }) }
    }

    /// Sends a request to a member's node and waits for the whole answer, whatever its status is.
    ///
    /// `path` begins with `/` and may have a query. A request that was written to a connection is never sent a
    /// second time.
    ///
    /// # Errors
    /// Whatever kept an answer from coming, with the member, its endpoint and the request.
    pub async fn request(
        &self,
        member: &str,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Response<Bytes>> {
        self.request_within(self.shared.limits.answer, member, method, path, body).await
    }

    /// As [`request`](Self::request), with another limit on the time that it may take.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn request_within(
        &self,
        within: Duration,
        member: &str,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Response<Bytes>> {
        let asked = Asked { member: member.to_owned(), request: format!("{method} {path}") };
        let request = compose(method, path, body)?;
        match timeout(within, self.shared.ask(&asked, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::AnswerTimedOut {
                endpoint: self.shared.channels.registry().endpoint(member).unwrap_or_default(),
                member: asked.member,
                request: asked.request,
                within,
            }),
        }
    }
}

/// Whom a request is for and what it is, for error texts.
struct Asked {
    member: MemberId,
    request: String,
}

/// An open connection to a member's node.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The task that drives it, with what ended it.
    driver: JoinHandle<hyper::Result<()>>,
    endpoint: String,
    certificate: Fingerprint,
    /// How often this node had changed its own certificate before.
    changes: u64,
    idle_since: Instant,
}

impl Shared {
    async fn ask(&self, asked: &Asked, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
        while let Some(mut connection) = self.take_idle(&asked.member) {
            match connection.sender.try_send_request(request).await {
                Ok(response) => return self.receive(asked, connection, response).await,
                Err(mut failed) => match failed.take_message() {
                    // The node closed the idle connection before the request was on its way.
                    Some(unsent) => request = unsent,
                    None => return Err(no_answer(asked, connection, failed.into_error()).await),
                },
            }
        }
        let mut connection = self.connect(asked).await?;
        match connection.sender.send_request(request).await {
            Ok(response) => self.receive(asked, connection, response).await,
            Err(failed) => Err(no_answer(asked, connection, failed).await),
        }
    }

    async fn connect(&self, asked: &Asked) -> Result<Connection> {
        let changes = self.channels.changes();
        let Dialled { stream, endpoint, certificate } =
            dial(&self.channels, &asked.member, Carries::Requests, self.limits.connect).await?;
        match http1::handshake(TokioIo::new(stream)).await {
            Ok((sender, connection)) => {
                let driver = tokio::spawn(connection);
                Ok(Connection { sender, driver, endpoint, certificate, changes, idle_since: Instant::now() })
            }
            Err(source) => Err(Error::NoAnswer {
                member: asked.member.clone(),
                endpoint,
                request: asked.request.clone(),
                source,
            }),
        }
    }

    async fn receive(
        &self,
        asked: &Asked,
        connection: Connection,
        response: Response<hyper::body::Incoming>,
    ) -> Result<Response<Bytes>> {
        let bytes_max = self.limits.answer_bytes_max;
        let (head, body) = response.into_parts();
        match Limited::new(body, bytes_max).collect().await {
            Ok(body) => {
                self.keep(asked, connection);
                Ok(Response::from_parts(head, body.to_bytes()))
            }
            Err(failed) => match failed.downcast::<hyper::Error>() {
                Ok(failed) => Err(no_answer(asked, connection, *failed).await),
                // The only other error is that of the limit.
                Err(_) => Err(Error::AnswerTooLarge {
                    member: asked.member.clone(),
                    endpoint: connection.endpoint,
                    request: asked.request.clone(),
                    bytes_max,
                }),
            },
        }
    }

    /// An idle connection whose certificates are still the ones that count.
    fn take_idle(&self, member: &str) -> Option<Connection> {
        let mut idle = self.idle();
        let connections = idle.get_mut(member)?;
        while let Some(connection) = connections.pop() {
            if self.is_usable(member, &connection) {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, asked: &Asked, mut connection: Connection) {
        connection.idle_since = Instant::now();
        let mut idle = self.idle();
        let connections = idle.entry(asked.member.clone()).or_default();
        connections.retain(|connection| self.is_usable(&asked.member, connection));
        if connections.len() < self.limits.idle_max {
            connections.push(connection);
        }
    }

    fn is_usable(&self, member: &str, connection: &Connection) -> bool {
        let registry = self.channels.registry();
        !connection.sender.is_closed()
            && connection.changes == self.channels.changes()
            && connection.idle_since.elapsed() < self.limits.idle
            && registry.member(&connection.certificate).as_deref() == Some(member)
            && registry.endpoint(member).as_deref() == Some(&connection.endpoint)
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<MemberId, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compose(method: Method, path: &str, body: Body) -> Result<Request<Full<Bytes>>> {
    let unusable = || Error::PathUnusable { path: path.to_owned() };
    let uri: Uri = path.parse().map_err(|_| unusable())?;
    if !path.starts_with('/') || uri.authority().is_some() {
        return Err(unusable());
    }
    let (content, bytes) = match body {
        Body::Empty => (None, Bytes::new()),
        Body::Json(bytes) => (Some("application/json"), bytes),
        Body::Octets(bytes) => (Some("application/octet-stream"), bytes),
    };
    let mut request = Request::new(Full::new(bytes));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::HOST, header::HeaderValue::from_static(NODE_NAME));
    if let Some(content) = content {
        request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content));
    }
    Ok(request)
}

/// Why a connection gave no answer. What ended the connection often says more than the failed request does.
async fn no_answer(asked: &Asked, connection: Connection, failed: hyper::Error) -> Error {
    const ENDING: Duration = Duration::from_millis(500);
    let Connection { sender, driver, endpoint, .. } = connection;
    drop(sender);
    let ended = match timeout(ENDING, driver).await {
        Ok(Ok(Err(ended))) => Some(ended),
        _ => None,
    };
    let member = asked.member.clone();
    if is_not_accepted(&failed) || ended.as_ref().is_some_and(|ended| is_not_accepted(ended)) {
        return Error::NotAccepted { member, endpoint };
    }
    let source = if failed.is_canceled() { ended.unwrap_or(failed) } else { failed };
    Error::NoAnswer { member, endpoint, request: asked.request.clone(), source }
}
