//! A vault whose linked tables are in a test's server.

use std::{path::Path, sync::Arc};

use treaty_postgres::{Address, Postgres};
use vault::Vault;
use zeroize::Zeroizing;

use crate::server::{PASSWORD, Server};

/// In that directory, with the server's password.
pub(crate) fn open(directory: &Path, server: &Server) -> Vault {
    let postgres = Postgres::new(directory.join("pgpass"));
    let (address, _) = Address::parse(&server.url()).unwrap();
    postgres.keep_password(&address, Zeroizing::new(PASSWORD.to_owned())).unwrap();
    Vault::open(directory.join("vault")).unwrap().with_source(Arc::new(postgres))
}
