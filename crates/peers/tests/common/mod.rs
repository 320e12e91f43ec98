//! Nodes of an alliance in one process, and what stands between them when things go wrong.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring::default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use treaty_peers::{
    Channels, Client, ClientLimits, Identity, Listener, ListenerLimits, Peer, Registry, SessionLimits,
    Sessions,
};

pub(crate) struct Node {
    pub(crate) member: String,
    pub(crate) identity: Identity,
    pub(crate) registry: Arc<Registry>,
    pub(crate) channels: Channels,
    pub(crate) client: Client,
    pub(crate) sessions: Sessions,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

/// What a node is started with.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) router: Router,
    pub(crate) listener: ListenerLimits,
    pub(crate) client: ClientLimits,
    pub(crate) sessions: SessionLimits,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            router: Router::new(),
            listener: ListenerLimits::default(),
            client: ClientLimits::default(),
            sessions: SessionLimits::default(),
        }
    }
}

impl Node {
    /// A running node that knows nobody yet.
    pub(crate) async fn start(member: &str, setting: Setting) -> Self {
        let identity = Identity::generate(&[]).unwrap();
        let registry = Arc::new(Registry::new([]).unwrap());
        let channels = Channels::new(&identity, Arc::clone(&registry)).unwrap();
        let sessions = Sessions::new(setting.sessions);
        let listener = Listener::bind("127.0.0.1:0", channels.clone(), setting.listener).await.unwrap();
        let address = listener.address();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn({
            let (router, sessions) = (setting.router, sessions.clone());
            async move { listener.serve(router, sessions, async { drop(stopped.await) }).await }
        });
        Self {
            member: member.to_owned(),
            client: Client::new(channels.clone(), setting.client),
            identity,
            registry,
            channels,
            sessions,
            address,
            stop: Some(stop),
            serving: Some(serving),
        }
    }

    /// As others register it.
    pub(crate) fn peer(&self) -> Peer {
        self.peer_at(self.address)
    }

    /// As others register it when they reach it elsewhere.
    pub(crate) fn peer_at(&self, address: SocketAddr) -> Peer {
        Peer {
            member: self.member.clone(),
            endpoint: address.to_string(),
            certificates: vec![self.identity.fingerprint()],
        }
    }

    /// Stops listening; returns when everything is served.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        self.serving.take().unwrap().await.unwrap();
    }
}

/// Running nodes that all know each other.
pub(crate) async fn alliance<const N: usize>(members: [&str; N], setting: Setting) -> [Node; N] {
    let mut nodes = Vec::new();
    for member in members {
        nodes.push(Node::start(member, setting.clone()).await);
    }
    let nodes: [Node; N] = nodes.try_into().unwrap_or_else(|_| unreachable!());
    let peers: Vec<Peer> = nodes.iter().map(Node::peer).collect();
    for node in &nodes {
        node.registry.replace(peers.clone()).unwrap();
    }
    nodes
}

/// Stands between two nodes and passes bytes on, until it is told not to.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    state: watch::Sender<Passing>,
}

#[derive(Clone, Copy, PartialEq)]
enum Passing {
    /// Passes bytes on; connections of earlier periods are closed.
    On(usize),
    /// Keeps connections open and passes nothing on.
    Frozen,
}

impl Relay {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (state, passing) = watch::channel(Passing::On(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let far = TcpStream::connect(target).await.unwrap();
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                tokio::spawn(pass(near_read, far_write, passing.clone()));
                tokio::spawn(pass(far_read, near_write, passing.clone()));
            }
        });
        Self { address, connections, state }
    }

    /// How many connections were opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Closes all connections, as a killed process does. Later ones are passed on.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|passing| {
            *passing = match *passing {
                Passing::On(period) => Passing::On(period + 1),
                Passing::Frozen => Passing::On(usize::MAX),
            }
        });
    }

    /// Keeps all connections open but passes nothing on, as a machine without power does.
    pub(crate) fn freeze(&self) {
        self.state.send_replace(Passing::Frozen);
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut state: watch::Receiver<Passing>,
) {
    let period = *state.borrow_and_update();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = tokio::select! {
            biased;
            changed = state.changed() => {
                if changed.is_err() || !matches!(*state.borrow(), Passing::Frozen) {
                    return;
                }
                std::future::pending::<()>().await;
                return;
            }
            read = from.read(&mut buffer) => read,
        };
        let Ok(read @ 1..) = read else { break };
        if to.write_all(&buffer[..read]).await.is_err() || *state.borrow() != period {
            if *state.borrow() == Passing::Frozen {
                std::future::pending::<()>().await;
            }
            return;
        }
    }
    drop(to.shutdown().await);
}

/// A TLS connection that accepts whoever answers, as `identity` (if any) and offering the protocols `alpn`.
pub(crate) async fn connect_raw(
    identity: Option<&Identity>,
    address: SocketAddr,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)));
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let (certificate, key) = parsed(identity);
            config.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("treaty-node").unwrap(), socket).await
}

/// A TLS server that is `identity`, hears anybody, reads something from each and answers `answer`.
pub(crate) async fn answer_raw(identity: &Identity, alpn: &str, answer: Vec<u8>) -> SocketAddr {
    let (certificate, key) = parsed(identity);
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![alpn.into()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            drop(stream.read(&mut [0; 1000]).await);
            drop(stream.write_all(&answer).await);
            drop(stream.shutdown().await);
        }
    });
    address
}

fn parsed(identity: &Identity) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    (
        CertificateDer::from_pem_slice(identity.certificate_pem().as_bytes()).unwrap(),
        PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap(),
    )
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Long enough for anything that should happen at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
