//! The one port on which a node hears the other members' nodes.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use crate::certificate::Fingerprint;
use crate::dial::tls_error;
use crate::error::{Error, Result};
use crate::mpc::Sessions;
use crate::registry::MemberId;
use crate::tls::{Carries, CertificateRefused, Channels};

/// The member whose node sent a request: an extension of every request that the router sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub MemberId);

/// How much a [`Listener`] takes on at once.
#[derive(Debug, Clone)]
pub struct ListenerLimits {
    /// Connections whose handshake isn't done; further ones wait in the system's queue.
    pub handshakes_max: usize,
    /// Open connections that carry requests; further ones are closed at once.
    pub connections_max: usize,
    /// The time for a handshake, first byte to last.
    pub handshake: Duration,
    /// The time for a request's head, and how long a connection may be idle between requests.
    pub idle: Duration,
    /// How long requests in progress may go on once the listener stops.
    pub farewell: Duration,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            handshakes_max: 64,
            connections_max: 512,
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            farewell: Duration::from_secs(5),
        }
    }
}

/// A TCP port on which registered members' nodes, and nobody else, are heard.
///
/// Connections for requests are answered by a router, which finds the sender in each request's [`Caller`];
/// connections for runs are handed to [`Sessions`].
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    channels: Channels,
    limits: ListenerLimits,
}

impl Listener {
    /// Listens on `address` (`host:port`; port 0 takes any free one).
    ///
    /// # Errors
    /// [`Error::CannotListen`] when the system refuses the address.
    pub async fn bind(address: &str, channels: Channels, limits: ListenerLimits) -> Result<Self> {
        let refused = |source| Error::CannotListen { address: address.to_owned(), source };
        let socket = TcpListener::bind(address).await.map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        Ok(Self { socket, address, channels, limits })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` completes; then accepts no more, lets requests in progress finish and returns.
    pub async fn serve(self, router: Router, sessions: Sessions, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let server = Arc::new(Server {
            acceptor: TlsAcceptor::from(self.channels.accepting()),
            router: TowerToHyperService::new(router),
            sessions,
            connections: Arc::new(Semaphore::new(self.limits.connections_max)),
            channels: self.channels,
            limits: self.limits.clone(),
            stopped,
        });
        let mut tasks = JoinSet::new();
        tokio::select! {
            () = stop => {}
            () = accept(&self.socket, &server, &mut tasks) => {}
        }
        drop(self.socket);
        // Fails only when no connection is left to hear it.
        stopping.send(true).ok();
        let done = async { while tasks.join_next().await.is_some() {} };
        if timeout(self.limits.farewell, done).await.is_err() {
            tasks.shutdown().await;
        }
    }
}

/// Accepts connections for ever, each in its own task.
async fn accept(socket: &TcpListener, server: &Arc<Server>, tasks: &mut JoinSet<()>) {
    let handshakes = Arc::new(Semaphore::new(server.limits.handshakes_max));
    loop {
        while tasks.try_join_next().is_some() {}
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, remote)) => {
                tasks.spawn(Arc::clone(server).connection(stream, remote, permit));
            }
            Err(error) => {
                // Most often too many open files: give those that are open a moment to close.
                warn!(%error, "cannot accept a connection between nodes");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

struct Server {
    acceptor: TlsAcceptor,
    channels: Channels,
    router: TowerToHyperService<Router>,
    sessions: Sessions,
    connections: Arc<Semaphore>,
    limits: ListenerLimits,
    stopped: watch::Receiver<bool>,
}

impl Server {
    async fn connection(
        self: Arc<Self>,
        socket: TcpStream,
        remote: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) {
        let shaken = timeout(self.limits.handshake, self.handshake(socket, remote)).await;
        drop(permit);
        let stream = match shaken {
            Ok(Some(stream)) => stream,
            Ok(None) => return,
            Err(_) => return debug!(%remote, "a connection did not complete its handshake in time"),
        };
        let connection = stream.get_ref().1;
        let Some((member, certificate)) = self.channels.member(connection) else {
            return warn!(%remote, "a member was removed from the registry while its node connected");
        };
        match Carries::agreed(connection) {
            Some(Carries::Requests) => self.requests(stream, member, certificate).await,
            Some(Carries::Frames) => self.sessions.greet(stream, member).await,
            None => warn!(%remote, member, "a node connected without saying for what"),
        }
    }

    /// The connection if it is a registered member's.
    async fn handshake(&self, socket: TcpStream, remote: SocketAddr) -> Option<TlsStream<TcpStream>> {
        socket.set_nodelay(true).ok()?;
        match self.acceptor.accept(socket).into_fallible().await {
            Ok(stream) => Some(stream),
            Err((failed, socket)) => {
                match tls_error(&failed).and_then(CertificateRefused::behind) {
                    Some(
                        CertificateRefused::Unknown { certificate }
                        | CertificateRefused::OtherMember { certificate, .. },
                    ) => warn!(%remote, %certificate, "refused a node whose certificate is not registered"),
                    None => debug!(%remote, error = %failed, "refused a connection between nodes"),
                }
                hang_up(socket).await;
                None
            }
        }
    }

    async fn requests(&self, stream: TlsStream<TcpStream>, member: MemberId, certificate: Fingerprint) {
        let Ok(_permit) = self.connections.try_acquire() else {
            return warn!(member, limit = self.limits.connections_max, "too many connections between nodes");
        };
        let answer = service_fn(|request| self.answer(request, &member, &certificate));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.idle);
        let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer));
        let mut stopped = self.stopped.clone();
        let served = tokio::select! {
            served = serving.as_mut() => served,
            () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = served {
            debug!(member, %error, "a connection for requests ended");
        }
    }

    /// Passes a request on if the certificate that opened the connection still speaks for its member.
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        member: &MemberId,
        certificate: &Fingerprint,
    ) -> Result<Response<Body>, Infallible> {
        if self.channels.registry().member(certificate).as_ref() != Some(member) {
            warn!(member, %certificate, "refused a request: the certificate is no longer registered");
            return Ok(no_longer_registered(certificate));
        }
        request.extensions_mut().insert(Caller(member.clone()));
        self.router.call(request).await
    }
}

fn no_longer_registered(certificate: &Fingerprint) -> Response<Body> {
    let mut response =
        Response::new(Body::from(format!("certificate {certificate} is no longer registered")));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}

/// Closes a connection so that the other side reads the alert that was sent to it.
///
/// A socket closed with unread bytes is reset, and a reset may overtake the alert.
async fn hang_up(mut socket: TcpStream) {
    const LINGER: Duration = Duration::from_secs(1);
    const READ_MAX: u64 = 64 * 1024;
    let until_closed = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(READ_MAX), &mut tokio::io::sink()).await
    };
    // Whatever happens to a connection that is given up is of no interest.
    timeout(LINGER, until_closed).await.ok();
}
