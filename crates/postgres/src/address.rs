//! Which server, which database, as whom: PostgreSQL's connection URL, of which a password is taken out at once.

use std::{fmt, net::IpAddr, path::PathBuf};

use zeroize::Zeroizing;

/// PostgreSQL's port when a URL names none.
const PORT: u16 = 5432;

/// A database and a role to read it as. Holds no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) protection: Protection,
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A name or an address.
    Network(String),
    /// The directory of a Unix socket.
    Socket(PathBuf),
}

/// What keeps others from reading along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Nothing is needed: the connection doesn't leave the machine.
    Local,
    /// Nothing, as the URL says itself.
    Plaintext,
    /// TLS with a server whose certificate one of these authorities has signed for this host name.
    Tls {
        /// As written in the URL: `require` or `verify-full`.
        mode: &'static str,
        /// A PEM file on the node's machine.
        authorities: PathBuf,
    },
}

/// Why a text is no address of a database. Quotes nothing but the names of parameters, as a password may stand
/// anywhere in a URL that was mistyped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// It is written in another way.
    #[error("expected `postgresql://user@host:port/database`, found something else: {0}")]
    Form(&'static str),
    /// A parameter that this program has no meaning for.
    #[error("the parameter `{0}` is not known here; those known are `host`, `sslmode` and `sslrootcert`")]
    Parameter(String),
    /// A protection that this program does not offer.
    #[error(
        "`sslmode={0}` is not offered: say `verify-full`, or `disable` where nobody can read along; what TLS encrypts \
         without knowing for whom anybody may answer"
    )]
    Mode(String),
    /// TLS without anything to check the server's certificate against.
    #[error(
        "with `sslmode={0}` the URL must also say `sslrootcert=/path/to/authorities.pem`, a file on the node's machine"
    )]
    NoAuthorities(&'static str),
    /// A connection over a network of which nothing says how it is protected.
    #[error(
        "`{0}` is not on this machine: say `sslmode=verify-full&sslrootcert=/path/to/authorities.pem`, or \
         `sslmode=disable` if the rows may cross the network in the clear"
    )]
    Unprotected(String),
    /// A password where an address is to be kept.
    #[error("it holds a password, which has no place in what is kept about a dataset")]
    Secret,
    /// TLS to a Unix socket.
    #[error("a Unix socket has no TLS and needs none: leave `sslmode` out")]
    SocketTls,
}

impl Address {
    /// Reads `postgresql://user[:password]@host[:port]/database[?host=/socket/directory][&sslmode=…][&sslrootcert=…]`,
    /// with percent-encoding. The password is given apart.
    ///
    /// # Errors
    /// [`AddressFault`]; nothing of the text is repeated in it but what cannot be secret.
    pub fn parse(url: &str) -> Result<(Self, Option<Zeroizing<String>>), AddressFault> {
        let form = AddressFault::Form;
        let rest = url.strip_prefix("postgresql://").or_else(|| url.strip_prefix("postgres://"));
        let rest = rest.ok_or(form("it begins otherwise"))?;
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').ok_or(form("no database is named"))?;
        // A password with `/` or `?` in it ends later than it seems to, and what stands there is part of it.
        if database.contains('@') || parameters.contains('@') {
            return Err(form(
                "an `@` stands after the host; in a password write `%2F` for `/`, `%3F` for `?`, `%40` for `@`",
            ));
        }
        let (login, place) = authority.rsplit_once('@').ok_or(form("no user is named"))?;
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(Zeroizing::new(decoded(password)?))),
            None => (login, None),
        };
        let (user, database) = (decoded(user)?, decoded(database)?);
        if user.is_empty() || database.is_empty() {
            return Err(form(if user.is_empty() { "no user is named" } else { "no database is named" }));
        }
        let (host, port) = host_and_port(place)?;
        let Parameters { socket, mode, authorities } = Parameters::parse(parameters)?;
        let host = match (host.is_empty(), socket) {
            (true, Some(socket)) => Host::Socket(socket),
            (false, None) => Host::Network(host),
            (true, None) => return Err(form("no host is named")),
            (false, Some(_)) => return Err(form("two hosts are named")),
        };
        let protection = protection(&host, mode.as_deref(), authorities)?;
        Ok((Self { host, port, user, database, protection }, password))
    }

    /// Server and port, for people.
    pub(crate) fn server(&self) -> String {
        match &self.host {
            Host::Network(host) => format!("{host}:{}", self.port),
            Host::Socket(directory) => format!("{}/.s.PGSQL.{}", directory.display(), self.port),
        }
    }
}

/// As a URL that [`Address::parse`] reads. Without a password, as there is none in an address.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parameters = Vec::new();
        let host = match &self.host {
            Host::Network(host) if host.contains(':') => format!("[{host}]"),
            Host::Network(host) => host.clone(),
            Host::Socket(directory) => {
                parameters.push(format!("host={}", encoded(&directory.to_string_lossy())));
                String::new()
            }
        };
        match &self.protection {
            Protection::Local => {}
            Protection::Plaintext => parameters.push("sslmode=disable".to_owned()),
            Protection::Tls { mode, authorities } => {
                let file = encoded(&authorities.to_string_lossy());
                parameters.push(format!("sslmode={mode}&sslrootcert={file}"));
            }
        }
        let parameters =
            if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
        let (user, database) = (encoded(&self.user), encoded(&self.database));
        write!(f, "postgresql://{user}@{host}:{}/{database}{parameters}", self.port)
    }
}

#[derive(Default)]
struct Parameters {
    socket: Option<PathBuf>,
    mode: Option<String>,
    authorities: Option<PathBuf>,
}

impl Parameters {
    fn parse(text: &str) -> Result<Self, AddressFault> {
        let mut parameters = Self::default();
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = decoded(value)?;
            let path = |value: String| {
                let path = PathBuf::from(value);
                path.is_absolute().then_some(path).ok_or(AddressFault::Form("a path in it is not absolute"))
            };
            match name {
                "host" => parameters.socket = Some(path(value)?),
                "sslmode" => parameters.mode = Some(value),
                "sslrootcert" => parameters.authorities = Some(path(value)?),
                "password" => return Err(AddressFault::Form("the password stands after `user:`")),
                _ => return Err(AddressFault::Parameter(name.chars().take(40).collect())),
            }
        }
        Ok(parameters)
    }
}

fn protection(
    host: &Host,
    mode: Option<&str>,
    authorities: Option<PathBuf>,
) -> Result<Protection, AddressFault> {
    let local = match host {
        Host::Socket(_) => true,
        Host::Network(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    let mode = match mode {
        None if local => return Ok(Protection::Local),
        None => match host {
            Host::Network(host) => return Err(AddressFault::Unprotected(host.clone())),
            Host::Socket(_) => return Ok(Protection::Local),
        },
        Some("disable") => return Ok(if local { Protection::Local } else { Protection::Plaintext }),
        Some("require") => "require",
        Some("verify-full") => "verify-full",
        Some(other) => return Err(AddressFault::Mode(other.chars().take(40).collect())),
    };
    if matches!(host, Host::Socket(_)) {
        return Err(AddressFault::SocketTls);
    }
    let authorities = authorities.ok_or(AddressFault::NoAuthorities(mode))?;
    Ok(Protection::Tls { mode, authorities })
}

fn host_and_port(place: &str) -> Result<(String, u16), AddressFault> {
    let form = AddressFault::Form("the host or its port cannot be read");
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(form.clone())?;
            (host.to_owned(), port.strip_prefix(':').unwrap_or(port))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (decoded(host)?, port),
            None => (decoded(place)?, ""),
        },
    };
    let port = if port.is_empty() { PORT } else { port.parse().map_err(|_| form.clone())? };
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_%".contains(&byte));
    if plain { Ok((host, port)) } else { Err(form) }
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Result<String, AddressFault> {
    let fault = AddressFault::Form("a percent sign in it is not followed by two digits, or not UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(fault.clone())?;
        let digits =
            std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or(fault.clone())?);
        rest = after;
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or(fault)
}

/// Percent-encodes everything but what never needs it.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded.replace('/', "%2F")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_read_back_as_they_are_written_without_the_password() {
        for (given, kept) in [
            ("postgresql://ana@localhost/clinic", "postgresql://ana@localhost:5432/clinic"),
            ("postgres://ana:s%3Aecret@127.0.0.1:5433/c%20d", "postgresql://ana@127.0.0.1:5433/c%20d"),
            ("postgresql://ana@[::1]:5433/clinic", "postgresql://ana@[::1]:5433/clinic"),
            ("postgresql://ana@/clinic?host=/run/pg", "postgresql://ana@:5432/clinic?host=%2Frun%2Fpg"),
            ("postgresql://ana@db/c?sslmode=disable", "postgresql://ana@db:5432/c?sslmode=disable"),
            (
                "postgresql://ana@db/c?sslrootcert=/ca.pem&sslmode=verify-full",
                "postgresql://ana@db:5432/c?sslmode=verify-full&sslrootcert=%2Fca.pem",
            ),
        ] {
            let (address, password) = Address::parse(given).unwrap();
            assert_eq!(address.to_string(), kept);
            assert_eq!(password.is_some(), given.contains("ecret"));
            assert_eq!(Address::parse(kept).unwrap(), (address, None));
        }
        let password = Address::parse("postgres://ana:s%3Aecret@127.0.0.1/c").unwrap().1.unwrap();
        assert_eq!(password.as_str(), "s:ecret");
    }

    #[test]
    fn what_could_be_read_along_must_be_asked_for() {
        let fault = |url: &str| Address::parse(url).unwrap_err();
        assert_eq!(fault("postgresql://ana@db/c"), AddressFault::Unprotected("db".to_owned()));
        assert_eq!(fault("postgresql://ana@10.0.0.1/c"), AddressFault::Unprotected("10.0.0.1".to_owned()));
        assert_eq!(fault("postgresql://a@db/c?sslmode=prefer"), AddressFault::Mode("prefer".to_owned()));
        assert_eq!(fault("postgresql://a@db/c?sslmode=require"), AddressFault::NoAuthorities("require"));
        let socket = "postgresql://a@/c?host=/run&sslmode=require&sslrootcert=/ca";
        assert_eq!(fault(socket), AddressFault::SocketTls);
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for url in [
            "",
            "host=localhost password=hunter2",
            "postgresql://ana:hunter2@localhost",
            "postgresql://ana:hunter2/clinic",
            "postgresql://:hunter2@localhost/clinic",
            "postgresql://ana:hunter2@localhost:x/clinic",
            "postgresql://ana:hunter2%@localhost/clinic",
            "postgresql://ana:hunter2@/clinic",
            "postgresql://ana@localhost/clinic?password=hunter2",
            "postgresql://ana:hunter2@localhost/clinic?host=/run",
            "postgresql://ana:hunter2@localhost/",
            "postgresql://ana:hunter2@local host/c",
            "postgresql://ana:x@hunter2/y@localhost/c",
            "postgresql://ana:x@y/hunter2@localhost/c",
            "postgresql://ana:x@hunter2/y?z@localhost/c",
            "postgresql://ana:x@y/z?hunter2@localhost/c",
            "postgresql://ana:x@y/z?sslmode=hunter2@localhost/c",
        ] {
            let fault = Address::parse(url).unwrap_err();
            assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn any_names_survive(user in "[^\0]{1,20}", database in "[^\0]{1,20}", port in any::<u16>()) {
            let address = Address {
                host: Host::Socket(PathBuf::from("/var/run/a b")),
                port,
                user,
                database,
                protection: Protection::Local,
            };
            prop_assert_eq!(Address::parse(&address.to_string()).unwrap(), (address, None));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(postgresql://)?[a-z:@/?&=%0-9\\[\\]]{0,40}") {
            if let Ok((address, _)) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()).unwrap().0, address);
            }
        }
    }
}
