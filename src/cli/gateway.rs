//! `treaty gateway`: PostgreSQL's clients ask what contracts allow, and read what they gave.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use gateway::{GatewayError, Login, Node, Options};
use serde_json::json;

use super::Session;
use super::log::LogForm;
use crate::error::Error;
use crate::files;

const GATEWAY: &str = "\
Example:
  treaty gateway --listen 127.0.0.1:6543 --password-file gateway.password &
  psql -h 127.0.0.1 -p 6543 -U north -c 'TABLE contracts'
  psql -h 127.0.0.1 -p 6543 -U north -c 'SELECT rank, AVG(salary) FROM salaries GROUP BY rank'
  psql -h 127.0.0.1 -p 6543 -U north -c '\\dm' -c 'REFRESH MATERIALIZED VIEW pay_by_rank_1f0c2b3a'
  psql -h 127.0.0.1 -p 6543 -U north -c 'SELECT * FROM pay_by_rank_1f0c2b3a WHERE rank > 3'

The user is the member's name. A SELECT that a contract asks word for word, blanks aside, runs it when it \
is active and names this member as receiver; that takes one of its uses. When several contracts ask \
the same, the database chooses: `psql -d` with the first characters of the contract's id.

Each such contract is also a materialized view, called by its title and the beginning of its id. \
REFRESH MATERIALIZED VIEW runs it and takes a use; any other SELECT reads what the last completed run \
gave, as often as wanted and with any WHERE, join or parameter. Reporting tools find the views in \
PostgreSQL's catalog. What the floor holds back is NULL, and a notice says so.

The gateway acts as the person of the profile and can do no more. Prepared statements are described \
without taking a use. A wrong password costs a second \
and a line on standard error; 64 are let in at once, and who says nothing for 30 minutes is let go.";

#[derive(Debug, Args)]
#[command(after_help = GATEWAY)]
pub(super) struct Gateway {
    /// Where to listen
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6543")]
    listen: SocketAddr,
    /// A file that only its owner may read, whose first line is the password, of 12 characters or more
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Certificate chain in PEM; with it, only TLS is spoken
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

impl Gateway {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let (user, _) = client.member()?;
        let password = password(&self.password_file)?;
        let login = Login::new(&user, password.expose()).map_err(GatewayError::from)?;
        let tls = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((files::read(certificate)?, files::read(key)?.into())),
            _ => None,
        };
        LogForm::Text.begin("warn");
        let options = Options { listen: self.listen, login, tls };
        let output = session.output;
        gateway::run(options, Arc::new(client), |address| {
            let ready = json!({ "gateway": address, "user": user });
            // A reader of standard output that went away is no reason to stop.
            output.item(&ready, || format!("ready gateway={address} user={user}")).ok();
        })?;
        Ok(())
    }
}

/// Shorter passwords are guessed by whoever may try for long.
const PASSWORD_CHARACTERS_MIN: usize = 12;

/// The first line of a file that nobody else may read.
fn password(file: &Path) -> Result<api::types::Secret, Error> {
    let mode = std::fs::metadata(file).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        let message = format!("others may read `{}`", file.display());
        return Err(Error::usage(message, format!("chmod 600 {}", file.display())));
    }
    let password = files::read_secret(file)?;
    let characters = password.expose().chars().count();
    if characters < PASSWORD_CHARACTERS_MIN {
        let message = format!(
            "the password in `{}` has {characters} characters, {PASSWORD_CHARACTERS_MIN} are needed",
            file.display()
        );
        return Err(Error::usage(message, format!("openssl rand -hex 16 > {}", file.display())));
    }
    Ok(password)
}
