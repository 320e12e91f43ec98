//! TLS 1.3 between nodes that know each other's certificates.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, CipherSuite, ClientConfig, CommonState, DigitallySignedStruct, DistinguishedName,
    OtherError, PeerIncompatible, ServerConfig, SignatureScheme, version,
};

use crate::certificate::{Fingerprint, Identity};
use crate::error::{Error, Result};
use crate::registry::{MemberId, Registry};

/// What a connection carries; both sides agree on it in the handshake (ALPN, RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// HTTP/1.1 requests between nodes.
    Requests,
    /// The frames of one run between two compute parties.
    Frames,
}

impl Carries {
    const ALL: [Self; 2] = [Self::Requests, Self::Frames];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requests => "treaty-peer/1",
            Self::Frames => "treaty-mpc/1",
        }
    }

    /// What the peers of this connection agreed upon, if anything.
    pub(crate) fn agreed(connection: &CommonState) -> Option<Self> {
        let agreed = connection.alpn_protocol()?;
        Self::ALL.into_iter().find(|carries| carries.name().as_bytes() == agreed)
    }
}

/// How a node opens and accepts connections: its own certificate and the members' registry. Cheap to clone.
///
/// TLS 1.3 only, both sides prove their key, AES-128-GCM is preferred. Sessions are never resumed: a resumed one
/// would skip the look into the registry, and so outlive a member's removal.
#[derive(Debug, Clone)]
pub struct Channels {
    registry: Arc<Registry>,
    provider: Arc<CryptoProvider>,
    own: Arc<Own>,
    server: Arc<ServerConfig>,
}

impl Channels {
    /// Channels of the node with this identity among these members.
    ///
    /// # Errors
    /// [`Error::IdentityUnusable`] when the certificate can't be parsed, or its key is another or of a kind that
    /// TLS 1.3 doesn't know.
    pub fn new(identity: &Identity, registry: Arc<Registry>) -> Result<Self> {
        let provider = Arc::new(provider());
        let own = Arc::new(Own { current: RwLock::new(certified(identity)?), changes: AtomicU64::default() });
        let verifier =
            Registered { registry: Arc::clone(&registry), algorithms: algorithms(&provider), expected: None };
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(Error::IdentityUnusable)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::clone(&own) as _);
        server.alpn_protocols = Carries::ALL.iter().map(|carries| carries.name().into()).collect();
        server.send_tls13_tickets = 0;
        Ok(Self { registry, provider, own, server: Arc::new(server) })
    }

    /// Presents another certificate on all connections that are opened from now on.
    ///
    /// # Errors
    /// As [`Channels::new`]; the old one stays then.
    pub fn present(&self, identity: &Identity) -> Result<()> {
        let certified = certified(identity)?;
        *self.own.current.write().unwrap_or_else(PoisonError::into_inner) = certified;
        self.own.changes.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// How often the own certificate was changed.
    pub(crate) fn changes(&self) -> u64 {
        self.own.changes.load(Ordering::Acquire)
    }

    /// The members as they are registered now.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) fn accepting(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// The settings for one connection to `member`: no other registered member may answer in its place.
    pub(crate) fn dialling(&self, member: &str, carries: Carries) -> Result<Arc<ClientConfig>> {
        let verifier = Registered {
            registry: Arc::clone(&self.registry),
            algorithms: algorithms(&self.provider),
            expected: Some(member.to_owned()),
        };
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(Error::IdentityUnusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::clone(&self.own) as _);
        client.alpn_protocols = vec![carries.name().into()];
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        Ok(Arc::new(client))
    }

    /// The member at the other end of an established connection, with the certificate that it proved to hold.
    pub(crate) fn member(&self, connection: &CommonState) -> Option<(MemberId, Fingerprint)> {
        let certificate = Fingerprint::of_der(connection.peer_certificates()?.first()?);
        Some((self.registry.member(&certificate)?, certificate))
    }
}

/// The own certificate, which can be replaced while connections are open.
#[derive(Debug)]
struct Own {
    current: RwLock<Arc<CertifiedKey>>,
    changes: AtomicU64,
}

impl Own {
    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl ResolvesClientCert for Own {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certified(identity: &Identity) -> Result<Arc<CertifiedKey>> {
    let key = any_supported_type(&identity.key()).map_err(Error::IdentityUnusable)?;
    let own = CertifiedKey::new(vec![identity.certificate().clone()], key);
    own.keys_match().map_err(Error::IdentityUnusable)?;
    Ok(Arc::new(own))
}

/// Why a certificate was refused in the handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateRefused {
    /// Nobody registered it.
    #[error("certificate {certificate} is registered for no member")]
    Unknown {
        /// What was presented.
        certificate: Fingerprint,
    },
    /// It is registered, but for another member than the one that was dialled.
    #[error("certificate {certificate} is registered for `{found}`, but `{expected}` was dialled")]
    OtherMember {
        /// What was presented.
        certificate: Fingerprint,
        /// Who was dialled.
        expected: MemberId,
        /// For whom it is registered.
        found: MemberId,
    },
}

impl CertificateRefused {
    /// The refusal that ended a handshake, if that is what ended it.
    pub(crate) fn behind(error: &rustls::Error) -> Option<&Self> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(refused))) => {
                refused.downcast_ref()
            }
            _ => None,
        }
    }
}

impl From<CertificateRefused> for rustls::Error {
    fn from(refused: CertificateRefused) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
    }
}

/// Accepts exactly the registered certificates; when `expected` is set, only those of that member.
#[derive(Debug)]
struct Registered {
    registry: Arc<Registry>,
    algorithms: WebPkiSupportedAlgorithms,
    expected: Option<MemberId>,
}

impl Registered {
    fn judge(&self, certificate: &CertificateDer<'_>) -> Result<(), CertificateRefused> {
        let certificate = Fingerprint::of_der(certificate);
        let Some(found) = self.registry.member(&certificate) else {
            return Err(CertificateRefused::Unknown { certificate });
        };
        match &self.expected {
            Some(expected) if *expected != found => {
                Err(CertificateRefused::OtherMember { certificate, expected: expected.clone(), found })
            }
            _ => Ok(()),
        }
    }

    /// Checks that the peer holds the certificate's key.
    fn holds_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }
}

impl ServerCertVerifier for Registered {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.holds_key(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Registered {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.judge(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.holds_key(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// TLS 1.3 suites only, the one that is fastest on nearly every machine first.
fn provider() -> CryptoProvider {
    let mut provider = default_provider();
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    provider
}

fn algorithms(provider: &CryptoProvider) -> WebPkiSupportedAlgorithms {
    provider.signature_verification_algorithms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_suites_of_tls_1_3_are_offered_and_aes_128_first() {
        let suites: Vec<_> = provider().cipher_suites.iter().map(|suite| suite.suite()).collect();
        assert_eq!(suites.first(), Some(&CipherSuite::TLS13_AES_128_GCM_SHA256));
        assert!(provider().cipher_suites.iter().all(|suite| suite.tls13().is_some()), "{suites:?}");
    }

    #[test]
    fn the_two_uses_of_the_port_have_names_of_their_own() {
        let channels =
            Channels::new(&Identity::generate(&[]).unwrap(), Arc::new(Registry::new([]).unwrap())).unwrap();
        assert_eq!(
            channels.accepting().alpn_protocols,
            [b"treaty-peer/1".to_vec(), b"treaty-mpc/1".to_vec()]
        );
        let dialling = channels.dialling("north", Carries::Frames).unwrap();
        assert_eq!(dialling.alpn_protocols, [b"treaty-mpc/1".to_vec()]);
        assert!(!dialling.enable_sni);
    }
}
