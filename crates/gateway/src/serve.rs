//! Listening, and one session for each connection.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use api::visitors::Visitors;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::{Login, NoRandomness, Node, session::Session, views::Reader};

/// Sessions at once, of clients that were let in; further ones are refused.
const SESSIONS_MAX: usize = 64;
/// Connections at once that are not let in yet; further ones wait in the system's queue.
const STRANGERS_MAX: usize = 256;
/// How many of them one address may have; further ones are closed at once, so that no address alone takes all places.
const STRANGERS_PER_ADDRESS: usize = 128;
/// How soon a connection is probed that says nothing, and how often, until it counts as lost.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How a gateway listens.
#[derive(Debug)]
pub struct Options {
    /// Where.
    pub listen: SocketAddr,
    /// Who is let in.
    pub login: Login,
    /// Certificate chain and private key in PEM. Without them only this machine's own programs are let in.
    pub tls: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

/// Why a gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// An address that others can reach, without TLS.
    #[error(
        "`{0}` can be reached from other machines: give `--certificate` and `--key`, or listen at 127.0.0.1"
    )]
    Plaintext(SocketAddr),
    /// The certificate or its key.
    #[error("the certificate and its key cannot be used: {0}")]
    Certificate(String),
    /// The password's salt.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What reads views.
    #[error("the gateway cannot prepare to read views: {0}")]
    NoReader(String),
    /// The operating system gives no threads.
    #[error("the gateway has no threads to run on: {0}")]
    NoThreads(io::Error),
    /// The address.
    #[error("cannot listen at `{address}`: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A gateway that listens.
pub struct Served {
    listener: TcpListener,
    session: Session,
    tls: Option<TlsAcceptor>,
}

/// Listens and answers on threads of its own until the process ends; `ready` is told where.
///
/// # Errors
/// [`GatewayError`].
pub fn run(
    options: Options,
    node: Arc<dyn Node>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), GatewayError> {
    let asked = options.listen;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(GatewayError::NoThreads)?.block_on(async {
        let served = serve(options, node).await?;
        ready(served.address().unwrap_or(asked));
        served.run().await;
        Ok(())
    })
}

/// Begins to listen; [`Served::run`] answers.
///
/// # Errors
/// [`GatewayError`].
pub async fn serve(options: Options, node: Arc<dyn Node>) -> Result<Served, GatewayError> {
    let Options { listen, login, tls } = options;
    if tls.is_none() && !listen.ip().is_loopback() {
        return Err(GatewayError::Plaintext(listen));
    }
    let tls = tls.map(|(certificate, key)| acceptor(&certificate, &key)).transpose()?;
    let listener =
        TcpListener::bind(listen).await.map_err(|source| GatewayError::Listen { address: listen, source })?;
    let places = Arc::new(Semaphore::new(SESSIONS_MAX));
    let reader = Reader::new().map_err(|error| GatewayError::NoReader(error.to_string()))?;
    let session = Session { node, reader: Arc::new(reader), login: Arc::new(login), places };
    Ok(Served { listener, session, tls })
}

impl Served {
    /// Where.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the future is dropped.
    pub async fn run(self) {
        let doors = Arc::new(Semaphore::new(STRANGERS_MAX));
        let visitors = Visitors::new(STRANGERS_PER_ADDRESS);
        loop {
            let Ok(door) = Arc::clone(&doors).acquire_owned().await else { return };
            let Ok((socket, peer)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Some(visit) = visitors.admit(peer.ip()) else { continue };
            let probes = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
            SockRef::from(&socket).set_tcp_keepalive(&probes).ok();
            // How a client goes away is its own affair.
            tokio::spawn(self.session.clone().answer(socket, self.tls.clone(), (door, visit)));
        }
    }
}

fn acceptor(certificate: &[u8], key: &[u8]) -> Result<TlsAcceptor, GatewayError> {
    let wrong = |error: &dyn std::fmt::Display| GatewayError::Certificate(error.to_string());
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| wrong(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| wrong(&error))?;
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
