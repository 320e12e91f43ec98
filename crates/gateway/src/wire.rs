//! PostgreSQL's messages, version 3.0 ("Frontend/Backend Protocol", "Message Formats"), as a gateway writes them; those
//! that it reads are in `read`.

mod read;

use tokio::sync::OwnedSemaphorePermit;

use crate::refusal::Refusal;

pub(crate) use read::{
    Bind, Execute, MESSAGE_BYTES_MAX, Named, Parse, STARTUP_BYTES_MAX, Startup, sasl_initial, text,
};

/// The types of result columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Boolean,
    Integer,
    Numeric,
    Float,
    Text,
    Date,
    Timestamp,
}

impl Type {
    /// OID and size in bytes, as in `pg_type`.
    pub(crate) fn code(self) -> (i32, i16) {
        match self {
            Self::Boolean => (16, 1),
            Self::Integer => (20, 8),
            Self::Numeric => (1700, -1),
            Self::Float => (701, 8),
            Self::Text => (25, -1),
            Self::Date => (1082, 4),
            Self::Timestamp => (1114, 8),
        }
    }
}

/// How a column's values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Binary,
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
pub(crate) struct Messages {
    bytes: Vec<u8>,
    /// What the answers among them take of what all sessions share; given back once they are written or dropped.
    room: Option<OwnedSemaphorePermit>,
}

impl Messages {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Keeps the room of an answer until it is written.
    pub(crate) fn hold(&mut self, room: Option<OwnedSemaphorePermit>) {
        match (&mut self.room, room) {
            (Some(held), Some(more)) => held.merge(more),
            (held @ None, room) => *held = room,
            (Some(_), None) => {}
        }
    }

    /// How many bytes they are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What is sent as far as it is written.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
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
        self.report(b'E', if fatal { "FATAL" } else { "ERROR" }, refusal);
    }

    /// `NoticeResponse`.
    pub(crate) fn notice(&mut self, words: &str) {
        self.report(b'N', "NOTICE", &Refusal::new("00000", words, ""));
    }

    /// `ParseComplete`.
    pub(crate) fn parsed(&mut self) {
        self.message(b'1', |_| {});
    }

    /// `BindComplete`.
    pub(crate) fn bound(&mut self) {
        self.message(b'2', |_| {});
    }

    /// `CloseComplete`.
    pub(crate) fn closed(&mut self) {
        self.message(b'3', |_| {});
    }

    /// `ParameterDescription`.
    pub(crate) fn parameters(&mut self, types: &[i32]) {
        self.message(b't', |body| {
            body.extend(count(types.len()));
            types.iter().for_each(|oid| body.extend(oid.to_be_bytes()));
        });
    }

    /// `NoData`.
    pub(crate) fn no_rows(&mut self) {
        self.message(b'n', |_| {});
    }

    /// `PortalSuspended`: there are more rows than were asked for.
    pub(crate) fn suspended(&mut self) {
        self.message(b's', |_| {});
    }

    /// `RowDescription`; columns without a format of their own are in text.
    pub(crate) fn columns(&mut self, columns: &[(String, Type)], formats: &[Format]) {
        self.message(b'T', |body| {
            body.extend(count(columns.len()));
            let formats = formats.iter().copied().chain(std::iter::repeat(Format::Text));
            for ((name, kind), format) in columns.iter().zip(formats) {
                let (oid, size) = kind.code();
                push_text(body, name);
                // Of no table, as no column of one.
                body.extend([0; 6]);
                body.extend(oid.to_be_bytes());
                body.extend(size.to_be_bytes());
                body.extend((-1_i32).to_be_bytes());
                body.extend((format as i16).to_be_bytes());
            }
        });
    }

    /// `DataRow`; `None` is NULL.
    pub(crate) fn row<C: AsRef<[u8]>>(&mut self, cells: &[Option<C>]) {
        self.message(b'D', |body| {
            body.extend(count(cells.len()));
            for cell in cells {
                match cell {
                    Some(value) => {
                        body.extend(length(value.as_ref().len()));
                        body.extend(value.as_ref());
                    }
                    None => body.extend((-1_i32).to_be_bytes()),
                }
            }
        });
    }

    fn report(&mut self, letter: u8, severity: &str, words: &Refusal) {
        let Refusal { code, message, hint, routine } = words;
        let (head, body) =
            ([(b'S', severity), (b'V', severity), (b'C', code)], [(b'M', message), (b'H', hint)]);
        let body = body.map(|(field, text)| (field, text.as_str()));
        let fields = head.into_iter().chain(body).chain([(b'R', *routine)]);
        self.message(letter, |body| {
            for (field, value) in fields.filter(|(_, value)| !value.is_empty()) {
                body.push(field);
                push_text(body, value);
            }
            body.push(0);
        });
    }

    fn message(&mut self, letter: u8, fill: impl FnOnce(&mut Vec<u8>)) {
        let mut body = Vec::new();
        fill(&mut body);
        self.bytes.push(letter);
        self.bytes.extend(length(body.len() + 4));
        self.bytes.append(&mut body);
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
