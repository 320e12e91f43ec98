//! PostgreSQL's messages, version 3.0 ("Frontend/Backend Protocol", "Message Formats"): those that a gateway reads, and
//! those that it writes. Readers are total, and refuse what is longer than any honest message.

use crate::refusal::Refusal;

/// Longest first message; it holds a user, a database and settings.
pub(crate) const STARTUP_BYTES_MAX: usize = 10_000;
/// Longest message later on: a statement.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The first message of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Startup {
    /// `SSLRequest`.
    Tls,
    /// `GSSENCRequest`.
    Gss,
    /// `CancelRequest`, on a connection of its own.
    Cancel,
    /// `StartupMessage`.
    Session {
        /// Asked for under 3; ours is 0.
        minor: u16,
        user: String,
        database: Option<String>,
    },
}

impl Startup {
    /// Reads the message without its length. `None` when it is none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let (code, rest) = body.split_first_chunk::<4>()?;
        let [h0, h1, l0, l1] = *code;
        let (major, minor) = (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([l0, l1]));
        match (major, minor) {
            (1234, 5679) => Some(Self::Tls),
            (1234, 5680) => Some(Self::Gss),
            (1234, 5678) => Some(Self::Cancel),
            (3, minor) => {
                let (mut user, mut database) = (None, None);
                let mut rest = rest;
                loop {
                    let (name, after) = text(rest)?;
                    if name.is_empty() {
                        break;
                    }
                    let (value, after) = text(after)?;
                    match name {
                        "user" => user = Some(value.to_owned()),
                        "database" => database = Some(value.to_owned()),
                        _ => {}
                    }
                    rest = after;
                }
                Some(Self::Session { minor, user: user?, database })
            }
            _ => None,
        }
    }
}

/// A text that ends with a zero byte, and what follows it.
pub(crate) fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (text, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(text).ok()?, rest.get(1..)?))
}

/// `SASLInitialResponse`: mechanism and its first message.
pub(crate) fn sasl_initial(body: &[u8]) -> Option<(&str, &str)> {
    let (mechanism, rest) = text(body)?;
    let (length, message) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    (length == message.len()).then_some(())?;
    Some((mechanism, std::str::from_utf8(message).ok()?))
}

/// The types of result columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Boolean,
    Integer,
    Numeric,
    Float,
    Text,
    Date,
}

impl Type {
    /// OID and size in bytes, as in `pg_type`.
    fn code(self) -> (i32, i16) {
        match self {
            Self::Boolean => (16, 1),
            Self::Integer => (20, 8),
            Self::Numeric => (1700, -1),
            Self::Float => (701, 8),
            Self::Text => (25, -1),
            Self::Date => (1082, 4),
        }
    }
}

/// Where a session stands, for `ReadyForQuery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Idle,
    InTransaction,
    Failed,
}

/// Messages on their way to a client.
#[derive(Debug, Default)]
pub(crate) struct Messages(Vec<u8>);

impl Messages {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// `AuthenticationSASL`, with the one mechanism there is.
    pub(crate) fn sasl(&mut self, mechanism: &str) {
        self.message(b'R', |body| {
            body.extend(10_i32.to_be_bytes());
            push_text(body, mechanism);
            body.push(0);
        });
    }

    /// `AuthenticationSASLContinue`.
    pub(crate) fn sasl_continue(&mut self, message: &str) {
        self.message(b'R', |body| {
            body.extend(11_i32.to_be_bytes());
            body.extend(message.as_bytes());
        });
    }

    /// `AuthenticationSASLFinal` and `AuthenticationOk`.
    pub(crate) fn sasl_final(&mut self, message: &str) {
        self.message(b'R', |body| {
            body.extend(12_i32.to_be_bytes());
            body.extend(message.as_bytes());
        });
        self.message(b'R', |body| body.extend(0_i32.to_be_bytes()));
    }

    /// `NegotiateProtocolVersion`: 3.0, and no extension.
    pub(crate) fn version(&mut self) {
        self.message(b'v', |body| body.extend([0; 8]));
    }

    /// `ParameterStatus`.
    pub(crate) fn parameter(&mut self, name: &str, value: &str) {
        self.message(b'S', |body| {
            push_text(body, name);
            push_text(body, value);
        });
    }

    /// `ReadyForQuery`.
    pub(crate) fn ready(&mut self, status: Status) {
        let letter = match status {
            Status::Idle => b'I',
            Status::InTransaction => b'T',
            Status::Failed => b'E',
        };
        self.message(b'Z', |body| body.push(letter));
    }

    /// `EmptyQueryResponse`.
    pub(crate) fn empty(&mut self) {
        self.message(b'I', |_| {});
    }

    /// `CommandComplete`.
    pub(crate) fn complete(&mut self, tag: &str) {
        self.message(b'C', |body| push_text(body, tag));
    }

    /// `ErrorResponse`; after a fatal one the connection is closed.
    pub(crate) fn error(&mut self, refusal: &Refusal, fatal: bool) {
        self.report(
            b'E',
            if fatal { "FATAL" } else { "ERROR" },
            refusal.code,
            &refusal.message,
            &refusal.hint,
        );
    }

    /// `NoticeResponse`.
    pub(crate) fn notice(&mut self, words: &str) {
        self.report(b'N', "NOTICE", "00000", words, "");
    }

    /// `RowDescription`, all columns in text format.
    pub(crate) fn columns(&mut self, columns: &[(String, Type)]) {
        self.message(b'T', |body| {
            body.extend(count(columns.len()));
            for (name, kind) in columns {
                let (oid, size) = kind.code();
                push_text(body, name);
                // Of no table, as no column of one.
                body.extend([0; 6]);
                body.extend(oid.to_be_bytes());
                body.extend(size.to_be_bytes());
                body.extend((-1_i32).to_be_bytes());
                body.extend([0; 2]);
            }
        });
    }

    /// `DataRow`; `None` is NULL.
    pub(crate) fn row(&mut self, cells: &[Option<String>]) {
        self.message(b'D', |body| {
            body.extend(count(cells.len()));
            for cell in cells {
                match cell {
                    Some(text) => {
                        body.extend(length(text.len()));
                        body.extend(text.as_bytes());
                    }
                    None => body.extend((-1_i32).to_be_bytes()),
                }
            }
        });
    }

    fn report(&mut self, letter: u8, severity: &str, code: &str, message: &str, hint: &str) {
        let fields = [(b'S', severity), (b'V', severity), (b'C', code), (b'M', message), (b'H', hint)];
        self.message(letter, |body| {
            for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
                body.push(field);
                push_text(body, value);
            }
            body.push(0);
        });
    }

    fn message(&mut self, letter: u8, fill: impl FnOnce(&mut Vec<u8>)) {
        let mut body = Vec::new();
        fill(&mut body);
        self.0.push(letter);
        self.0.extend(length(body.len() + 4));
        self.0.append(&mut body);
    }
}

/// A text can hold everything but the zero that ends it.
fn push_text(body: &mut Vec<u8>, text: &str) {
    body.extend(text.bytes().filter(|byte| *byte != 0));
    body.push(0);
}

/// Results have some thousand columns at most, and answers of the node some MiB.
fn count(count: usize) -> [u8; 2] {
    i16::try_from(count).unwrap_or(i16::MAX).to_be_bytes()
}

fn length(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_messages_are_told_apart() {
        let code = |major: u16, minor: u16| [major.to_be_bytes(), minor.to_be_bytes()].concat();
        assert_eq!(Startup::read(&code(1234, 5679)), Some(Startup::Tls));
        assert_eq!(Startup::read(&code(1234, 5680)), Some(Startup::Gss));
        assert_eq!(Startup::read(&code(1234, 5678)), Some(Startup::Cancel));
        let session = [&code(3, 2)[..], b"user\0ana\0application_name\0psql\0database\0c\0\0"].concat();
        let (user, database) = ("ana".to_owned(), Some("c".to_owned()));
        assert_eq!(Startup::read(&session), Some(Startup::Session { minor: 2, user, database }));
        for bytes in
            [&b""[..], b"\0\x03\0\0", b"\0\x03\0\0\0", b"\0\x03\0\0user\0ana", b"\0\x02\0\0user\0a\0\0"]
        {
            assert_eq!(Startup::read(bytes), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Startup::read(&bytes);
            let _ = Startup::read(&[b"\0\x03\0\0", bytes.as_slice()].concat());
            let _ = sasl_initial(&bytes);
        }
    }
}
