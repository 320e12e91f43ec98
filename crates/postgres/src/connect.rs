//! Opening a session, with TLS where it leaves the machine.

use std::{fmt, future::poll_fn, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{Client, Config, Connection, NoTls, config::SslMode};
use zeroize::Zeroizing;

use crate::{
    Address, PostgresError,
    address::{Host, Protection},
    error::About,
    tls::Tls,
};

/// How long a server may take to let somebody in.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a connection is probed that says nothing.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// An address with the password that belongs to it.
pub(crate) struct Access {
    pub(crate) address: Address,
    pub(crate) password: Option<Zeroizing<String>>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Access {
    /// What errors say about a session that reads this table.
    pub(crate) fn about(&self, table: &str) -> About {
        let Address { user, .. } = &self.address;
        About { server: self.address.server(), user: user.clone(), table: table.to_owned() }
    }

    /// A session, driven by a task of the runtime that this is awaited on.
    pub(crate) async fn connect(&self, about: &About) -> Result<Client, PostgresError> {
        let admitted = match &self.address.protection {
            Protection::Tls { authorities, .. } => {
                let tls = Tls::trusting(authorities)?;
                tokio::time::timeout(PATIENCE, self.config(SslMode::Require).connect(tls))
                    .await
                    .map(|session| session.map(|(client, connection)| drive(client, connection)))
            }
            Protection::Local | Protection::Plaintext => {
                tokio::time::timeout(PATIENCE, self.config(SslMode::Disable).connect(NoTls))
                    .await
                    .map(|session| session.map(|(client, connection)| drive(client, connection)))
            }
        };
        match admitted {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(about.opening(&error)),
            Err(_) => Err(PostgresError::Unreachable {
                server: about.server.clone(),
                reason: format!("no answer within {} s", PATIENCE.as_secs()),
            }),
        }
    }

    fn config(&self, mode: SslMode) -> Config {
        let Address { host, port, user, database, .. } = &self.address;
        let mut config = Config::new();
        config
            .user(user)
            .dbname(database)
            .port(*port)
            .application_name("treaty")
            .ssl_mode(mode)
            .connect_timeout(PATIENCE)
            .keepalives_idle(KEEPALIVE)
            .tcp_user_timeout(KEEPALIVE);
        match host {
            Host::Network(host) => config.host(host),
            Host::Socket(directory) => config.host_path(directory),
        };
        if let Some(password) = &self.password {
            config.password(password.as_bytes());
        }
        config
    }
}

/// Lets the connection make progress whenever its client waits for something.
///
/// What the server says beside its answers is dropped: a notice may quote rows, and a connection that is simply awaited
/// writes it to the node's log.
fn drive<S, T>(client: Client, mut connection: Connection<S, T>) -> Client
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Its error is the client's as well.
    tokio::spawn(async move {
        while let Some(Ok(_)) = poll_fn(|context| connection.poll_message(context)).await {}
    });
    client
}
