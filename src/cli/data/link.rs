//! `treaty data link`: datasets whose rows stay in a database.

use std::path::PathBuf;

use api::types::Secret;
use api::types::datasets::LinkDataset;
use clap::{Args, Subcommand};

use super::{Declared, new_version};
use crate::cli::Session;
use crate::error::Error;
use crate::files;
use crate::output::Progress;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Link {
    /// A PostgreSQL table or view: its rows are hashed now, and read again and compared whenever they are used
    #[command(after_help = POSTGRES)]
    Postgres(Postgres),
}

const POSTGRES: &str = "\
Examples:
  treaty data link postgres --url postgresql://reader@localhost/clinic --table public.visits \\
      --order-by id --select ward,days --name visits --columns visits-columns.toml
  treaty data link postgres --table public.visits --order-by day,ward --name visits \\
      --url 'postgresql://reader@db.example/clinic?sslmode=verify-full&sslrootcert=/etc/ca.pem' \\
      --password-file reader.password

The node connects, so that the URL is as its machine sees it. The key of --order-by must be \
different in each row. A role that may only SELECT is enough. A password, in the URL or the file, is \
kept in `pgpass` in the node's directory once the server has accepted it; without one the node looks \
there, then in PGPASSFILE. When rows change, runs are refused until the table is linked again, which \
makes the next version. Contracts answered over the earlier rows cannot be compared with new queries \
then: each counts against overlaps_max in the terms.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Postgres {
    /// The database, as the node reaches it: postgresql://user@host:port/database
    #[arg(long, env = "TREATY_POSTGRES_URL", hide_env_values = true)]
    url: String,
    /// The table or view, as the catalog spells it
    #[arg(long, value_name = "SCHEMA.TABLE")]
    table: String,
    /// The columns that put the rows in order; their values are different in each row
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', required = true)]
    order_by: Vec<String>,
    /// Only these columns; all when left out. The key need not be among them
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    select: Vec<String>,
    /// The dataset's name in the vault: lower-case letters, digits and `_`; of one that was taken over, its path
    #[arg(long)]
    name: String,
    /// A file whose first line is the role's password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    declared: Declared,
}

impl Link {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Postgres(postgres) => postgres.run(session),
        }
    }
}

impl Postgres {
    fn run(self, session: &Session) -> Result<(), Error> {
        let request = LinkDataset {
            url: Secret::new(self.url),
            password: self.password_file.as_deref().map(files::read_secret).transpose()?,
            table: self.table,
            order_by: self.order_by,
            select: self.select,
            columns: self.declared.columns()?,
            description: self.declared.description,
        };
        let client = session.client()?;
        let progress = Progress::begin("hashing the table");
        let dataset = client.link(&self.name, &request)?;
        drop(progress);
        session.output.answer(&dataset, || new_version(&dataset, &self.name))
    }
}
