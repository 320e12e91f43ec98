//! Tables that stay in PostgreSQL, read in the order of a key for a vault.
//!
//! | question | file |
//! | --- | --- |
//! | which server, as whom, how protected? | `address` |
//! | which password? | `passwords`, from a `small_file` |
//! | how is a session opened, with TLS where it leaves the machine? | `connect`, `tls` |
//! | which columns has the table, and can they be computed on? | `table` |
//! | what do the bytes of a value say? | `cell` |
//! | how do rows become batches, one small piece at a time? | `reader` |
//!
//! A table is read in one `REPEATABLE READ READ ONLY` transaction by one `COPY … TO STDOUT (FORMAT binary)`, ordered
//! by columns whose values are different in each row; texts are ordered by their bytes, whatever the database's
//! collation. Costs one connection and one pass over the table; holds three batches of 1024 rows at most.
//!
//! Nothing is evaluated by PostgreSQL but this: every row passes the reader, since only rows that were hashed can be
//! compared with what was published.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

mod address;
mod cell;
mod connect;
mod error;
mod passwords;
mod reader;
mod small_file;
mod table;
mod tls;

use std::path::PathBuf;

use vault::{Location, Source, SourceFailure, SourceTable};
use zeroize::Zeroizing;

pub use address::{Address, AddressFault};
pub use cell::ValueFault;
pub use error::PostgresError;

use connect::Access;
use passwords::Passwords;

/// Reads tables from the PostgreSQL servers that a node may connect to.
#[derive(Debug)]
pub struct Postgres {
    passwords: Passwords,
}

impl Postgres {
    /// With the node's own password file, in PostgreSQL's `.pgpass` format. It need not exist.
    pub fn new(password_file: PathBuf) -> Self {
        Self { passwords: Passwords::new(password_file) }
    }

    /// Tries a password, and keeps it in the node's password file (0600) once the server has let it in. Blocks.
    ///
    /// # Errors
    /// What the server or the file system said; never the password.
    pub fn keep_password(&self, address: &Address, password: Zeroizing<String>) -> Result<(), PostgresError> {
        let access = Access { address: address.clone(), password: Some(password) };
        reader::try_access(&access)?;
        match access.password {
            Some(password) => self.passwords.keep(address, &password),
            None => Ok(()),
        }
    }
}

impl Source for Postgres {
    /// Connects and asks for the table's columns; the rows are read on a thread of their own while they are taken.
    fn open(&self, location: &Location, columns: Option<&[String]>) -> Result<SourceTable, SourceFailure> {
        let (address, password) = Address::parse(&location.url)?;
        if password.is_some() {
            return Err(PostgresError::from(AddressFault::Secret).into());
        }
        let password = self.passwords.find(&address)?;
        Ok(reader::open(Access { address, password }, location, columns)?)
    }
}
