//! HTTPS for the API: the node's own certificate, TLS 1.3.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::router;
use crate::home::{self, HomeError};
use crate::node::{Node, NodeError, stopped};

/// Connections at once; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 512;
/// The time for a TLS handshake or a request's head.
const PATIENCE: Duration = Duration::from_secs(10);
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
    let listener = TcpListener::bind(&address).await.map_err(unusable)?;
    let local = listener.local_addr().map_err(unusable)?;
    let service = TowerToHyperService::new(router(node));
    let finished = tokio::spawn(async move {
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stopped(stopping));
        loop {
            let Ok(room) = Arc::clone(&connections).acquire_owned().await else { break };
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept connections");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
                () = &mut stop => break,
            };
            let (acceptor, service, watcher) = (acceptor.clone(), service.clone(), graceful.watcher());
            tokio::spawn(async move {
                let _room = room;
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
    });
    Ok(Served { address: local, finished })
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
