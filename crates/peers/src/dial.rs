//! Opening a connection to a member's node.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rustls::AlertDescription;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificate::Fingerprint;
use crate::error::{Error, Result};
use crate::tls::{Carries, CertificateRefused, Channels};

/// TLS wants a name to connect to. It is neither sent nor looked at: the certificate says who answers.
const NAMELESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A connection to a member's node, which proved that it is.
pub(crate) struct Dialled {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) endpoint: String,
    pub(crate) certificate: Fingerprint,
}

/// Opens a connection to `member`.
///
/// The peer's verdict on this node's own certificate comes only with its first answer (TLS 1.3 ends the client's
/// part of the handshake before): see [`is_not_accepted`].
///
/// # Errors
/// Whatever kept the member's own node from answering within `within`, by name.
pub(crate) async fn dial(
    channels: &Channels,
    member: &str,
    carries: Carries,
    within: Duration,
) -> Result<Dialled> {
    let endpoint = channels
        .registry()
        .endpoint(member)
        .ok_or_else(|| Error::MemberUnknown { member: member.to_owned() })?;
    match timeout(within, connect(channels, member, &endpoint, carries)).await {
        Ok(connected) => {
            let (stream, certificate) = connected?;
            Ok(Dialled { stream, endpoint, certificate })
        }
        Err(_) => Err(Error::ConnectTimedOut { member: member.to_owned(), endpoint, within }),
    }
}

async fn connect(
    channels: &Channels,
    member: &str,
    endpoint: &str,
    carries: Carries,
) -> Result<(TlsStream<TcpStream>, Fingerprint)> {
    let unreachable =
        |source| Error::Unreachable { member: member.to_owned(), endpoint: endpoint.to_owned(), source };
    let socket = TcpStream::connect(endpoint).await.map_err(unreachable)?;
    socket.set_nodelay(true).map_err(unreachable)?;
    let connector = TlsConnector::from(channels.dialling(member, carries)?);
    let stream = connector
        .connect(ServerName::from(NAMELESS), socket)
        .await
        .map_err(|failed| handshake_failed(member, endpoint, failed))?;
    let connection = stream.get_ref().1;
    let known = channels.member(connection).filter(|(found, _)| found == member);
    match known {
        Some((_, certificate)) if Carries::agreed(connection) == Some(carries) => Ok((stream, certificate)),
        // The registry changed during the handshake, or the peer passed over what was asked for.
        _ => Err(handshake_failed(member, endpoint, io::Error::from(io::ErrorKind::ConnectionAborted))),
    }
}

fn handshake_failed(member: &str, endpoint: &str, failed: io::Error) -> Error {
    let (member, endpoint) = (member.to_owned(), endpoint.to_owned());
    match tls_error(&failed).and_then(CertificateRefused::behind) {
        Some(CertificateRefused::Unknown { certificate }) => {
            Error::WrongMember { member, endpoint, certificate: *certificate, found: None }
        }
        Some(CertificateRefused::OtherMember { certificate, found, .. }) => {
            Error::WrongMember { member, endpoint, certificate: *certificate, found: Some(found.clone()) }
        }
        None if is_not_accepted(&failed) => Error::NotAccepted { member, endpoint },
        None => Error::Handshake { member, endpoint, source: failed },
    }
}

/// Whether an error on a connection is the peer's refusal of this node's certificate.
pub(crate) fn is_not_accepted(error: &(dyn StdError + 'static)) -> bool {
    matches!(
        tls_error(error),
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateUnknown | AlertDescription::CertificateRequired
        ))
    )
}

/// The TLS error behind `error`, if there is one.
pub(crate) fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error's source is that of the error it wraps, not the wrapped error itself.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
