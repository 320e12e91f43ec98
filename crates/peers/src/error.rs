//! What can go wrong between nodes, and whose fault it is.

use std::io;
use std::time::Duration;

use crate::certificate::Fingerprint;
use crate::registry::MemberId;

/// The result of an operation between nodes.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a connection, a request or a run's session could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name for a certificate is no host.
    #[error("`{host}` is neither a DNS name nor an IP address, so no certificate can name it")]
    HostUnusable {
        /// What was given.
        host: String,
    },
    /// No key or certificate could be made.
    #[error("cannot make a node certificate: {0}")]
    CertificateUnmakeable(#[source] rcgen::Error),
    /// A certificate's text is not PEM.
    #[error("the node certificate is not a PEM text with a `CERTIFICATE` section: {0}")]
    CertificateUnreadable(#[source] rustls::pki_types::pem::Error),
    /// A key's text is not PEM.
    #[error("the node key is not a PEM text with a PKCS#8 `PRIVATE KEY` section: {0}")]
    KeyUnreadable(#[source] rustls::pki_types::pem::Error),
    /// Certificate and key can't be used for TLS.
    #[error("the node certificate and key cannot be used for TLS 1.3: {0}")]
    IdentityUnusable(#[source] rustls::Error),
    /// A fingerprint's text has another form.
    #[error("`{text}` is not a certificate fingerprint; expected 64 hexadecimal digits")]
    FingerprintUnreadable {
        /// What was given.
        text: String,
    },
    /// A certificate is given for two members.
    #[error("certificate {certificate} is given for both `{first}` and `{second}`; each needs its own")]
    RegisteredTwice {
        /// The certificate.
        certificate: Fingerprint,
        /// The member listed first.
        first: MemberId,
        /// The member listed after it.
        second: MemberId,
    },
    /// A member is listed twice.
    #[error("member `{member}` is listed twice; give all its certificates in one entry")]
    MemberTwice {
        /// The member.
        member: MemberId,
    },
    /// The port can't be listened on.
    #[error("cannot listen on `{address}`: {source}")]
    CannotListen {
        /// The address that was asked for.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody of that name is registered.
    #[error("no node is registered for member `{member}`")]
    MemberUnknown {
        /// Who was asked for.
        member: MemberId,
    },
    /// The member's node does not answer at its endpoint.
    #[error("cannot reach the node of `{member}` at {endpoint}: {source}")]
    Unreachable {
        /// Who was dialled.
        member: MemberId,
        /// Where.
        endpoint: String,
        /// What the system said.
        source: io::Error,
    },
    /// No connection came about in time.
    #[error("the node of `{member}` at {endpoint} did not complete a connection within {} ms", within.as_millis())]
    ConnectTimedOut {
        /// Who was dialled.
        member: MemberId,
        /// Where.
        endpoint: String,
        /// How long was waited.
        within: Duration,
    },
    /// Something that isn't the member's node answers at its endpoint.
    #[error(
        "what answers at {endpoint} is not the node of `{member}`: its certificate {certificate} is registered for {}",
        found.as_ref().map_or_else(|| "no member".to_owned(), |found| format!("`{found}`"))
    )]
    WrongMember {
        /// Who was dialled.
        member: MemberId,
        /// Where.
        endpoint: String,
        /// The certificate that was presented there.
        certificate: Fingerprint,
        /// Whose it is, if anybody's.
        found: Option<MemberId>,
    },
    /// The member's node doesn't accept this node's certificate.
    #[error(
        "the node of `{member}` at {endpoint} refuses this node's certificate; \
         is it the one that is registered in the alliance?"
    )]
    NotAccepted {
        /// Who was dialled.
        member: MemberId,
        /// Where.
        endpoint: String,
    },
    /// The handshake failed for another reason.
    #[error("the TLS handshake with the node of `{member}` at {endpoint} failed: {source}")]
    Handshake {
        /// Who was dialled.
        member: MemberId,
        /// Where.
        endpoint: String,
        /// What TLS or the system said.
        source: io::Error,
    },
    /// A request's path is no path.
    #[error("`{path}` is not the path of a request; expected `/…` with an optional `?query`")]
    PathUnusable {
        /// What was given.
        path: String,
    },
    /// No answer came in time.
    #[error("the node of `{member}` at {endpoint} did not answer `{request}` within {} ms", within.as_millis())]
    AnswerTimedOut {
        /// Who was asked.
        member: MemberId,
        /// Where.
        endpoint: String,
        /// Method and path.
        request: String,
        /// How long was waited.
        within: Duration,
    },
    /// The answer is larger than this node takes.
    #[error(
        "the answer of the node of `{member}` at {endpoint} to `{request}` is larger than the limit of \
         {bytes_max} bytes"
    )]
    AnswerTooLarge {
        /// Who was asked.
        member: MemberId,
        /// Where.
        endpoint: String,
        /// Method and path.
        request: String,
        /// The limit.
        bytes_max: usize,
    },
    /// The connection broke, or what came over it wasn't HTTP.
    #[error("the node of `{member}` at {endpoint} gave no answer to `{request}`: {source}")]
    NoAnswer {
        /// Who was asked.
        member: MemberId,
        /// Where.
        endpoint: String,
        /// Method and path.
        request: String,
        /// What HTTP, TLS or the system said.
        source: hyper::Error,
    },
    /// A session's plan can't be carried out.
    #[error("the plan of the run's session has {found}; expected {expected}")]
    PlanUnusable {
        /// What the plan should have.
        expected: &'static str,
        /// What it has.
        found: String,
    },
    /// This node already gathers or runs a session for the run.
    #[error("run {run} already has a session on this node")]
    SessionTwice {
        /// The run, in hexadecimal.
        run: String,
    },
    /// A compute party refused to take part in the session.
    #[error("the node of `{member}` refuses a session for run {run}: {reason}")]
    SessionRefused {
        /// Who refused.
        member: MemberId,
        /// The run, in hexadecimal.
        run: String,
        /// Why.
        reason: Refusal,
    },
    /// A compute party's first message makes no sense.
    #[error("the node of `{member}` sent an unusable greeting for a run's session: {fault}")]
    Greeting {
        /// Who sent it.
        member: MemberId,
        /// What is wrong with it.
        fault: GreetingFault,
    },
    /// Not all compute parties came in time.
    #[error(
        "the session for run {run} was not complete within {} ms: `{}` did not come",
        within.as_millis(), missing.join("`, `")
    )]
    Incomplete {
        /// The run, in hexadecimal.
        run: String,
        /// Who didn't come.
        missing: Vec<MemberId>,
        /// How long was waited.
        within: Duration,
    },
    /// The operating system gave no thread or refused a socket setting.
    #[error("the system does not give what a run's session needs: {0}")]
    System(#[source] io::Error),
}

impl Error {
    /// Whether somebody listens already on the address that was to be listened on.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::CannotListen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }

    /// The member whose node could not be reached, did not answer, or answered wrongly.
    pub fn member(&self) -> Option<&MemberId> {
        match self {
            Self::Unreachable { member, .. }
            | Self::ConnectTimedOut { member, .. }
            | Self::WrongMember { member, .. }
            | Self::NotAccepted { member, .. }
            | Self::Handshake { member, .. }
            | Self::AnswerTimedOut { member, .. }
            | Self::AnswerTooLarge { member, .. }
            | Self::NoAnswer { member, .. }
            | Self::SessionRefused { member, .. }
            | Self::Greeting { member, .. } => Some(member),
            Self::Incomplete { missing, .. } => missing.first(),
            _ => None,
        }
    }
}

/// Why a node turns away another node's greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The two nodes speak different versions of the protocol between compute parties.
    #[error("it speaks version {theirs} of the session protocol, this node speaks version {ours}")]
    Version {
        /// The version of the node that refused.
        theirs: u16,
        /// The version of this node.
        ours: u16,
    },
    /// The run is not known there, and did not become known while the connection was held.
    #[error("it does not expect such a run")]
    UnknownRun,
    /// The run is known, but the member isn't the compute party that it says to be.
    #[error("this member is not the compute party with that number in its plan of the run")]
    WrongParty,
    /// The two nodes have different lists of compute parties.
    #[error("its plan of the run has other compute parties, or has them in another order")]
    OtherParties,
    /// Too many connections for runs that haven't begun are held there.
    #[error("it holds too many connections for runs that have not begun")]
    Busy,
}

/// What is wrong with a greeting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GreetingFault {
    /// It doesn't begin as a greeting does.
    #[error("it does not begin with the session protocol's mark")]
    Mark,
    /// It announces more bytes than any greeting has.
    #[error("it announces {found} bytes, more than the {bytes_max} that a greeting may have")]
    TooLong {
        /// Bytes announced.
        found: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// It has another size than its kind has.
    #[error("it has {found} bytes where {expected} are expected")]
    Size {
        /// Bytes of that kind.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// Its kind isn't known.
    #[error("it is of kind {0}, which this version does not know")]
    Kind(u8),
    /// It refuses for a reason that isn't known.
    #[error("it refuses with code {0}, which this version does not know")]
    Reason(u8),
    /// It answers another greeting than the one that was sent.
    #[error("it is not the answer to this node's greeting")]
    NotAnAnswer,
    /// The connection ended first.
    #[error("the connection ended before it was complete: {0}")]
    Ended(String),
    /// It did not come in time.
    #[error("it was not complete within {within_ms} ms")]
    Late {
        /// How long was waited.
        within_ms: u64,
    },
}
