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

/// `Parse`: a statement under a name, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parse<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    /// The types that the client declares for parameters, as OIDs.
    pub(crate) parameters: Vec<i32>,
}

/// `Bind`: a portal, which is a statement with the values of its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind<'a> {
    pub(crate) portal: &'a str,
    pub(crate) statement: &'a str,
    pub(crate) parameter_formats: Vec<i16>,
    pub(crate) parameters: Vec<Option<&'a [u8]>>,
    /// None: all in text; one: for all columns; or one for each.
    pub(crate) result_formats: Vec<i16>,
}

/// What `Describe` and `Close` are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    Statement(&'a str),
    Portal(&'a str),
}

/// `Execute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Execute<'a> {
    pub(crate) portal: &'a str,
    /// 0 or less: all.
    pub(crate) rows_max: i32,
}

impl<'a> Parse<'a> {
    /// Reads the message without its letter and length. `None` when it is none; so with all others.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let (name, rest) = text(body)?;
        let (text, rest) = text(rest)?;
        let (parameters, rest) = list(rest, |rest| {
            let (oid, rest) = rest.split_first_chunk::<4>()?;
            Some((i32::from_be_bytes(*oid), rest))
        })?;
        rest.is_empty().then_some(Self { name, text, parameters })
    }
}

impl<'a> Bind<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let (portal, rest) = text(body)?;
        let (statement, rest) = text(rest)?;
        let (parameter_formats, rest) = list(rest, format)?;
        let (parameters, rest) = list(rest, |rest| {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            match i32::from_be_bytes(*length) {
                -1 => Some((None, rest)),
                length => {
                    let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                    Some((Some(value), rest))
                }
            }
        })?;
        let (result_formats, rest) = list(rest, format)?;
        let bind = Self { portal, statement, parameter_formats, parameters, result_formats };
        rest.is_empty().then_some(bind)
    }
}

impl<'a> Named<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let (kind, rest) = body.split_first()?;
        let (name, rest) = text(rest)?;
        match kind {
            b'S' if rest.is_empty() => Some(Self::Statement(name)),
            b'P' if rest.is_empty() => Some(Self::Portal(name)),
            _ => None,
        }
    }
}

impl<'a> Execute<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let (portal, rest) = text(body)?;
        let rows_max = i32::from_be_bytes(rest.try_into().ok()?);
        Some(Self { portal, rows_max })
    }
}

/// A 16-bit number of items, and the items. Room is made as they are read, whatever number is announced.
fn list<'a, T>(
    bytes: &'a [u8],
    item: impl Fn(&'a [u8]) -> Option<(T, &'a [u8])>,
) -> Option<(Vec<T>, &'a [u8])> {
    let (count, mut rest) = bytes.split_first_chunk::<2>()?;
    let mut items = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (next, after) = item(rest)?;
        items.push(next);
        rest = after;
    }
    Some((items, rest))
}

fn format(bytes: &[u8]) -> Option<(i16, &[u8])> {
    let (code, rest) = bytes.split_first_chunk::<2>()?;
    Some((i16::from_be_bytes(*code), rest))
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

    #[test]
    fn messages_of_prepared_statements_are_read_whole() {
        let parse = Parse { name: "s1", text: "SELECT 1", parameters: vec![23, 0] };
        let bytes = b"s1\0SELECT 1\0\0\x02\0\0\0\x17\0\0\0\0";
        assert_eq!(Parse::read(bytes), Some(parse));
        let bind = Bind {
            portal: "",
            statement: "s1",
            parameter_formats: vec![1],
            parameters: vec![None, Some(b"ab")],
            result_formats: vec![0, 1],
        };
        let bytes = b"\0s1\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x02ab\0\x02\0\0\0\x01";
        assert_eq!(Bind::read(bytes), Some(bind));
        assert_eq!(Named::read(b"Ss1\0"), Some(Named::Statement("s1")));
        assert_eq!(Named::read(b"P\0"), Some(Named::Portal("")));
        assert_eq!(Execute::read(b"p\0\0\0\0\x07"), Some(Execute { portal: "p", rows_max: 7 }));
        for cut in 0..bytes.len() {
            assert_eq!(Bind::read(&bytes[..cut]), None);
        }
        for bytes in
            [&b"X\0"[..], b"S", b"Sa\0b", b"", b"p\0\0\0\x07", b"p\0\0\0\0\x07\x01", b"ab\0b\0\xff\xff\x01"]
        {
            assert!(
                Named::read(bytes).is_none()
                    && Execute::read(bytes).is_none()
                    && Parse::read(bytes).is_none()
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = (Parse::read(&bytes), Bind::read(&bytes), Named::read(&bytes), Execute::read(&bytes));
            let _ = Startup::read(&bytes);
            let _ = Startup::read(&[b"\0\x03\0\0", bytes.as_slice()].concat());
            let _ = sasl_initial(&bytes);
        }
    }
}
