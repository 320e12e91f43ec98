//! HTTPS for the API: the node's own certificate, TLS 1.3.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::visitors::Visitors;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::router;
use crate::home::{self, HomeError};
use crate::node::{Node, NodeError, stopped};
use crate::taking_over::{is_in_use, once_free};

/// How many connections are held at once.
#[derive(Clone, Copy)]
struct Room {
    /// Further ones wait in the system's queue.
    connections: usize,
    /// Further ones are closed at once, so that no address alone can take all.
    per_address: usize,
}

const ROOM: Room = Room { connections: 512, per_address: 64 };
/// The time for a TLS handshake or a request's head.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long bytes that were sent may wait to be taken: whoever asks and never reads is cut off.
const UNTAKEN: Duration = Duration::from_secs(30);
/// How long requests under way may go on once the node stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// The API while it is served.
pub(crate) struct Served {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Ends after the node was told to stop.
    pub(crate) finished: JoinHandle<()>,
}

/// Serves the API until the node stops.
pub(crate) async fn serve(node: Arc<Node>, stopping: watch::Receiver<bool>) -> Result<Served, NodeError> {
    let address = node.config.api.clone();
    let unusable = |source| NodeError::Serve { address: address.clone(), source };
    let acceptor = TlsAcceptor::from(Arc::new(tls(&node)?));
    let listener =
        once_free(async || TcpListener::bind(&address).await, is_in_use).await.map_err(unusable)?;
    let local = listener.local_addr().map_err(unusable)?;
    let service = TowerToHyperService::new(router(node));
    let finished = tokio::spawn(answer(listener, acceptor, service, stopping, ROOM));
    Ok(Served { address: local, finished })
}

/// Answers connections until the node stops, and a little longer those under way.
async fn answer(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    service: TowerToHyperService<axum::Router>,
    stopping: watch::Receiver<bool>,
    room: Room,
) {
    let (connections, visitors) =
        (Arc::new(Semaphore::new(room.connections)), Visitors::new(room.per_address));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stopped(stopping));
    loop {
        let next = async {
            let place = Arc::clone(&connections).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((place, listener.accept().await?))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = &mut stop => break,
        };
        let (place, (stream, peer)) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(visit) = visitors.admit(peer.ip()) else { continue };
        SockRef::from(&stream).set_tcp_user_timeout(Some(UNTAKEN)).ok();
        let (acceptor, service, watcher) = (acceptor.clone(), service.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _held = (place, visit);
            if let Some(stream) = handshake(&acceptor, stream).await {
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(%error, "an API connection ended early");
                }
            }
        });
    }
    tokio::time::timeout(FAREWELL, graceful.shutdown()).await.ok();
}

async fn handshake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    stream.set_nodelay(true).ok();
    match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "an API connection failed its TLS handshake");
            None
        }
        Err(_) => None,
    }
}

fn tls(node: &Node) -> Result<ServerConfig, NodeError> {
    let (certificate_path, key_path) = (node.home.node_certificate(), node.home.node_key());
    let malformed =
        |path: &std::path::Path, reason: String| HomeError::Malformed { path: path.to_owned(), reason };
    let certificate = CertificateDer::from_pem_slice(&home::read(&certificate_path)?)
        .map_err(|error| malformed(&certificate_path, error.to_string()))?;
    let key_text = zeroize::Zeroizing::new(home::read(&key_path)?);
    let key =
        PrivateKeyDer::from_pem_slice(&key_text).map_err(|error| malformed(&key_path, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(|error| malformed(&certificate_path, error.to_string()))?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::AsyncReadExt;

    use super::*;

    /// An API without routes, and what stops it.
    async fn api(room: Room) -> (SocketAddr, watch::Sender<bool>, JoinHandle<()>) {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![own.cert.into()], key))
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let service = TowerToHyperService::new(axum::Router::new());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (address, stop, tokio::spawn(answer(listener, acceptor, service, stopping, room)))
    }

    #[tokio::test]
    async fn a_full_house_does_not_keep_the_node_from_stopping() {
        let (address, stop, finished) = api(Room { connections: 2, per_address: 9 }).await;
        let mut silent = Vec::new();
        for _ in 0..4 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        // Until two of them have come in.
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.send(true).unwrap();
        tokio::time::timeout(Duration::from_secs(6), finished).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn one_address_cannot_take_every_place() {
        let (address, _stop, _finished) = api(Room { connections: 8, per_address: 2 }).await;
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        let mut third = TcpStream::connect(address).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(5), third.read(&mut [0])).await.unwrap();
        assert!(
            matches!(&ended, Ok(0)) || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
        );
        for stream in &mut held {
            let waits = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut [0])).await;
            assert!(waits.is_err(), "the others stay");
        }
    }
}
