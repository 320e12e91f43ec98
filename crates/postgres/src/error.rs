//! Why a table cannot be read. Values are never shown, and passwords nowhere known.

use std::{error::Error, io, path::PathBuf};

use tokio_postgres::error::SqlState;

use crate::{AddressFault, ValueFault};

/// What is wrong with the address, the connection, the table or a value in it.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The URL.
    #[error("the database's URL cannot be used: {0}")]
    Address(#[from] AddressFault),
    /// A password file that cannot be used, or that others may read.
    #[error("the password file `{path}` cannot be used: {reason}")]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The authorities that are to vouch for the server.
    #[error("`sslrootcert`: `{path}` cannot be used: {reason}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nobody answers, or not as PostgreSQL does.
    #[error(
        "PostgreSQL at `{server}` cannot be reached: {reason}; is it running, and does it take connections from here?"
    )]
    Unreachable {
        /// Host and port, or socket.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// The server's certificate is not signed for that host by these authorities.
    #[error(
        "PostgreSQL at `{server}` is not whom the URL expects: {reason}; check the host name and `sslrootcert`"
    )]
    NotTrusted {
        /// Host and port.
        server: String,
        /// What TLS said.
        reason: String,
    },
    /// The server does not let this role in.
    #[error(
        "PostgreSQL at `{server}` does not let `{user}` in ({reason}); check the user, its password (in the URL, in \
         the node's password file or in PGPASSFILE) and the server's pg_hba.conf"
    )]
    NotAdmitted {
        /// Host and port, or socket.
        server: String,
        /// The role.
        user: String,
        /// What the server said.
        reason: String,
    },
    /// The server refused a statement.
    #[error("PostgreSQL at `{server}` refused to read `{table}`: {reason}")]
    Refused {
        /// Host and port, or socket.
        server: String,
        /// The table.
        table: String,
        /// What the server said, if it cannot hold a value, with its SQLSTATE.
        reason: String,
    },
    /// The connection ended before the table did.
    #[error(
        "PostgreSQL at `{server}` hung up while `{table}` was read, after {rows} rows: {reason}; see its log, then try \
         again"
    )]
    BrokenOff {
        /// Host and port, or socket.
        server: String,
        /// The table.
        table: String,
        /// Rows read before.
        rows: u64,
        /// What is known.
        reason: String,
    },
    /// Nothing came for a long time.
    #[error(
        "PostgreSQL at `{server}` sent nothing of `{table}` for {seconds} s; is it blocked by a lock or a sort?"
    )]
    Silent {
        /// Host and port, or socket.
        server: String,
        /// The table.
        table: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A table name of another form.
    #[error("`{table}` names no table: write `schema.table`, as the catalog spells them and without quotes")]
    TableName {
        /// As given.
        table: String,
    },
    /// A column of a type that cannot be computed on.
    #[error("column `{column}` of `{table}` has the type {found}: {advice}")]
    ColumnType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// No key was named.
    #[error(
        "the rows of `{table}` have no order by themselves: name a key, whose values are different in each row"
    )]
    NoKey {
        /// The table.
        table: String,
    },
    /// A key column that the table does not have.
    #[error("`{table}` has no column `{column}` to be ordered by; it has: {known}")]
    UnknownKey {
        /// The table.
        table: String,
        /// As given.
        column: String,
        /// The columns there are.
        known: String,
    },
    /// A key column whose values compare as equal although they are not.
    #[error(
        "`{column}` of `{table}` cannot be part of a key: order by integers, decimals, dates, timestamps or texts"
    )]
    KeyType {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A row without a value in its key.
    #[error(
        "row {row} of `{table}` has no value in `{column}`, which puts the rows in order: name another key"
    )]
    KeyMissing {
        /// The table.
        table: String,
        /// Counted from 1, in the key's order.
        row: u64,
        /// The column.
        column: String,
    },
    /// Two rows with the same key.
    #[error(
        "rows {} and {row} of `{table}` have the same {key}, so that their order is open: name a key that is unique", row - 1
    )]
    KeyTwice {
        /// The table.
        table: String,
        /// The second, counted from 1, in the key's order.
        row: u64,
        /// The key's columns.
        key: String,
    },
    /// A value that has no place in a dataset.
    #[error("row {row}, column `{column}`: {fault}")]
    Value {
        /// Counted from 1, in the key's order.
        row: u64,
        /// The column.
        column: String,
        /// What is wrong.
        fault: ValueFault,
    },
    /// The Arrow library does not take the columns that were read.
    #[error("the rows cannot be put into a batch: {reason}")]
    NotWritable {
        /// What it said.
        reason: String,
    },
    /// The operating system gives no thread or no runtime.
    #[error("no thread to read PostgreSQL on: {0}")]
    NoThread(io::Error),
}

/// What a session is about, for its errors.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) server: String,
    pub(crate) user: String,
    pub(crate) table: String,
}

impl About {
    /// Before the first row: a connection that fails, a password that is wrong, a table that is not there.
    pub(crate) fn opening(&self, error: &tokio_postgres::Error) -> PostgresError {
        let Self { server, user, table } = self.clone();
        match error.code() {
            Some(code) if code.code().starts_with("28") => {
                PostgresError::NotAdmitted { server, user, reason: said(error) }
            }
            Some(code) if code.code().starts_with("57P0") || *code == SqlState::TOO_MANY_CONNECTIONS => {
                PostgresError::Unreachable { server, reason: said(error) }
            }
            Some(_) => PostgresError::Refused { server, table, reason: said(error) },
            None if tls_fault(error) => PostgresError::NotTrusted { server, reason: cause(error) },
            None if error.to_string().contains("configuration") => {
                PostgresError::NotAdmitted { server, user, reason: cause(error) }
            }
            None if error.to_string().contains("authentication") => {
                PostgresError::NotAdmitted { server, user, reason: cause(error) }
            }
            None => PostgresError::Unreachable { server, reason: cause(error) },
        }
    }

    /// After that.
    pub(crate) fn reading(&self, rows: u64, error: &tokio_postgres::Error) -> PostgresError {
        let Self { server, table, .. } = self.clone();
        match error.code() {
            Some(code) if !code.code().starts_with("57P0") => {
                PostgresError::Refused { server, table, reason: said(error) }
            }
            Some(_) => PostgresError::BrokenOff { server, table, rows, reason: said(error) },
            None => PostgresError::BrokenOff { server, table, rows, reason: cause(error) },
        }
    }
}

fn tls_fault(error: &tokio_postgres::Error) -> bool {
    error.to_string().contains("TLS")
}

/// The deepest cause: the outer ones say only that there is one.
fn cause(error: &tokio_postgres::Error) -> String {
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// The server's own words with their SQLSTATE. Classes whose words may quote a value of a row (a view's cast that
/// fails, for example) are told by their SQLSTATE alone.
fn said(error: &tokio_postgres::Error) -> String {
    let Some(fault) = error.as_db_error() else { return cause(error) };
    let code = fault.code().code();
    let class = code.get(..2).unwrap_or_default();
    if ["08", "25", "28", "3D", "3F", "40", "42", "53", "55", "57"].contains(&class) {
        format!("{} (SQLSTATE {code})", fault.message())
    } else {
        format!("SQLSTATE {code}; the server's log says more")
    }
}
