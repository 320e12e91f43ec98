//! The messages that a gateway reads. Readers are total, and refuse what is longer than any honest message.

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
