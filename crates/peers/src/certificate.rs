//! A node's key and the certificate that names it.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ED25519};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Result};

/// The name that every node's certificate bears.
///
/// It tells nothing: which member answers is decided by the certificate itself.
pub(crate) const NODE_NAME: &str = "treaty-node";

/// The SHA-256 digest of a certificate's DER form: what the alliance registers for a member's node.
///
/// Reads and prints as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    pub fn of_der(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// A fingerprint from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| Error::FingerprintUnreadable { text: text.to_owned() })?;
        Ok(Self(bytes))
    }
}

/// A node's certificate and its private key.
///
/// The key's bytes are overwritten when this is dropped, and appear in no `Debug` output.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Zeroizing<Vec<u8>>,
}

impl Identity {
    /// A new Ed25519 key with a self-signed certificate for it.
    ///
    /// The certificate names `treaty-node`, this machine's loopback addresses and `hosts` (DNS names or IP
    /// addresses), so that other TLS tools can be pointed at the port; nodes themselves compare fingerprints only.
    /// It is no authority and can sign no other.
    ///
    /// # Errors
    /// [`Error::HostUnusable`] when a host is neither a DNS name nor an IP address,
    /// [`Error::CertificateUnmakeable`] when there is no randomness for a key.
    pub fn generate(hosts: &[String]) -> Result<Self> {
        let mut names =
            vec![NODE_NAME.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        for host in hosts {
            if ServerName::try_from(host.as_str()).is_err() {
                return Err(Error::HostUnusable { host: host.clone() });
            }
            if !names.contains(host) {
                names.push(host.clone());
            }
        }
        let mut pair = KeyPair::generate_for(&PKCS_ED25519).map_err(Error::CertificateUnmakeable)?;
        let mut params = CertificateParams::new(names).map_err(Error::CertificateUnmakeable)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, NODE_NAME);
        let certificate = params.self_signed(&pair).map_err(Error::CertificateUnmakeable)?;
        let key = Zeroizing::new(pair.serialize_der());
        pair.zeroize();
        Ok(Self { certificate: certificate.der().clone(), key })
    }

    /// A node's identity from the PEM text of its certificate and of its PKCS#8 key.
    ///
    /// # Errors
    /// [`Error::CertificateUnreadable`] or [`Error::KeyUnreadable`] when a text isn't what it should be;
    /// that the two belong together is checked by [`Channels::new`](crate::Channels::new).
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self> {
        let certificate =
            CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(Error::CertificateUnreadable)?;
        let mut parsed = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).map_err(Error::KeyUnreadable)?;
        let key = Zeroizing::new(parsed.secret_pkcs8_der().to_vec());
        parsed.zeroize();
        Ok(Self { certificate, key })
    }

    /// The certificate as PEM text; it is public.
    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate).as_str().to_owned()
    }

    /// The private key as PKCS#8 PEM text, overwritten when dropped. Whoever reads it can speak as this node.
    pub fn key_pem(&self) -> Zeroizing<String> {
        pem("PRIVATE KEY", &self.key)
    }

    /// What to register for this node.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_der(&self.certificate)
    }

    /// The certificate in DER form.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'_> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.as_slice()))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.fingerprint()).finish_non_exhaustive()
    }
}

/// `der` in PEM form (RFC 7468): 64 characters a line.
///
/// Room is reserved beforehand, since a text that grows would leave copies of the key behind.
fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    const LINE_BYTES: usize = 48;
    let lines = der.len().div_ceil(LINE_BYTES);
    let mut text = Zeroizing::new(String::with_capacity(2 * label.len() + 64 + lines * 66));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in der.chunks(LINE_BYTES) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_its_pem_form() {
        let made = Identity::generate(&["node.example".to_owned(), "10.1.2.3".to_owned()]).unwrap();
        let read = Identity::from_pem(&made.certificate_pem(), &made.key_pem()).unwrap();
        assert_eq!(read.fingerprint(), made.fingerprint());
        assert_eq!(read.key, made.key);
    }

    #[test]
    fn two_identities_differ() {
        let [a, b] = [(); 2].map(|()| Identity::generate(&[]).unwrap());
        assert_ne!(a.fingerprint(), b.fingerprint());
        assert_ne!(a.key, b.key);
    }

    #[test]
    fn debug_output_shows_no_key() {
        let identity = Identity::generate(&[]).unwrap();
        let shown = format!("{identity:?}");
        assert_eq!(shown, format!("Identity {{ certificate: {:?}, .. }}", identity.fingerprint()));
    }

    #[test]
    fn the_key_text_is_written_without_growing() {
        let identity = Identity::generate(&[]).unwrap();
        let text = identity.key_pem();
        assert!(text.lines().all(|line| line.len() <= 64), "{} lines", text.lines().count());
        let reserved = pem("PRIVATE KEY", &identity.key).capacity();
        assert!(text.len() <= reserved && reserved == text.capacity());
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in ["", "two words", "snow☃man", "http://node.example"] {
            let refused = Identity::generate(&[host.to_owned()]).unwrap_err();
            assert!(matches!(&refused, Error::HostUnusable { host: named } if named == host), "{refused}");
        }
    }

    #[test]
    fn texts_that_are_no_pem_are_refused() {
        let identity = Identity::generate(&[]).unwrap();
        let (certificate, key) = (identity.certificate_pem(), identity.key_pem());
        assert!(matches!(Identity::from_pem("", &key), Err(Error::CertificateUnreadable(_))));
        assert!(matches!(Identity::from_pem(&key, &key), Err(Error::CertificateUnreadable(_))));
        assert!(matches!(Identity::from_pem(&certificate, &certificate), Err(Error::KeyUnreadable(_))));
    }

    #[test]
    fn fingerprints_read_and_print_as_hexadecimal() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Fingerprint::of_der(b"abc").to_string(), text);
        assert_eq!(text.parse::<Fingerprint>().unwrap(), Fingerprint::of_der(b"abc"));
        for wrong in ["", "ba78", &text[1..], &text.replace('b', "x")] {
            assert!(
                matches!(wrong.parse::<Fingerprint>(), Err(Error::FingerprintUnreadable { .. })),
                "{wrong}"
            );
        }
    }
}
