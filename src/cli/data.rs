//! `treaty data`.

mod link;
mod ownership;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::types::datasets::{
    ColumnDeclaration, DatasetView, Format, ImportDataset, PublishDataset, WithdrawDataset,
};
use clap::{Args, Subcommand, ValueEnum};
use contract::Did;
use vault::Declaration;

use self::link::Link;
use self::ownership::{Accept, Claim, Offer};
use super::act::records;
use super::catalog::declared;
use super::paging::{Paging, listed};
use super::{Session, now_seconds};
use crate::error::Error;
use crate::files::{self, TermsFile};
use crate::output::{Progress, table};

#[derive(Debug, Subcommand)]
pub(super) enum Data {
    /// Import a file into the vault as the next version of a dataset; nothing is published
    #[command(after_help = IMPORT)]
    Import(Import),
    /// Link a table that stays where it is as the next version of a dataset; nothing is published
    #[command(subcommand)]
    Link(Link),
    /// Show the dataset versions in the vault
    #[command(after_help = "Example:\n  treaty data list")]
    List(Paging),
    /// Put a dataset's description, schema and terms on the ledger; never the data
    #[command(after_help = PUBLISH)]
    Publish(Publish),
    /// Let no contract use a dataset version from now on; what ran before stays provable
    #[command(after_help = "Example:\n  treaty data withdraw salaries --version 1")]
    Withdraw(Withdraw),
    /// State that a dataset is this member's own; for a time, others can dispute it
    #[command(after_help = ownership::CLAIM)]
    Claim(Claim),
    /// List claims, and whether they hold
    #[command(after_help = "Example:\n  treaty data claims")]
    Claims(Paging),
    /// Offer a dataset, whose ownership is established, to another member
    #[command(after_help = ownership::OFFER)]
    Offer(Offer),
    /// Take a dataset over that another member offers
    #[command(after_help = ownership::ACCEPT)]
    Accept(Accept),
}

const IMPORT: &str = "\
Examples:
  treaty data import salaries.csv --name salaries --description 'Salaries of professors' \\
      --column 'rank = { values = [\"AsstProf\", \"AssocProf\", \"Prof\"] }' \\
      --column 'salary = { unit = \"USD\", range = { min = \"0\", max = \"300000\" } }'
  treaty data import visits.parquet --name visits --columns visits-columns.toml

Types are inferred and shown; `type` overrides them: integer, decimal(2), float(6), boolean, text, \
date, timestamp. To be grouped by, a text column needs `values`, or `bytes_max`, the most bytes that a text has; to be \
aggregated, a number needs a `range`; `unique = true` says that no two rows have the same value. All of these are \
published with the dataset, and import checks that every value obeys them.";

const PUBLISH: &str = "\
Example:
  treaty data publish salaries --terms terms.toml

terms.toml:
  purposes = [\"pay equity\"]
  receivers = [\"north\"]          # any member when left out
  floor_rows = 10
  runs_max = 12
  expires_in = \"365d\"            # never when left out
  jurisdictions = [\"CH\"]         # of compute parties, by their cards; any when left out
  [columns]                      # a column that is not named may not be used
  rank = [\"group\", \"filter\"]
  salary = [\"aggregate\"]         # `extreme`: MIN and MAX; `join`: as a key; `product`
  [comparisons]                  # constants that conditions may have; anything when left out
  rank = [\"senior\", \"junior\"]
  [access]                       # no token is needed when left out
  permitted = [\"lake\"]           # get one for the asking
  price = 100                    # what it costs the others
  review = true                  # each of their requests is looked at
  [disclosure]                   # nothing more than the floor is asked when left out
  contributors_min = 2           # members with rows in each group
  dominance_percent_max = 80     # of a sum, one member or row
  overlaps_max = 0               # other queries that cannot be told apart well enough
  auditors = [\"watch\"]           # one of them must approve each contract's audit report
  [disclosure.privacy]           # exact results are allowed when left out
  epsilon = \"2\"                  # for all answers to one data user or receiver; or rho = \"0.2\"
  rows_per_person_max = 1
Before the tables, `schemes = [\"rep3_malicious\"]` says which schemes are strong enough; all that this build has, \
when left out.";

#[derive(Debug, Args)]
pub(super) struct Import {
    /// A CSV or Parquet file
    file: PathBuf,
    /// The dataset's name in the vault: lower-case letters, digits and `_`; of one that was taken over, its path
    #[arg(long)]
    name: String,
    /// How the file is written; by the end of its name when left out
    #[arg(long, value_enum)]
    format: Option<FormatName>,
    #[command(flatten)]
    declared: Declared,
}

/// What an owner says about a new version.
#[derive(Debug, Args)]
struct Declared {
    /// For people who search the catalog
    #[arg(long, default_value = "")]
    description: String,
    /// What to declare about a column, as one line of TOML
    #[arg(long = "column", value_name = "NAME = {…}", value_parser = declaration)]
    declarations: Vec<(String, Declaration)>,
    /// A TOML file with one such table per column
    #[arg(long, value_name = "FILE")]
    columns: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Publish {
    /// The dataset's name in the vault, or the path of one that was taken over
    name: String,
    /// The owner's terms, in TOML
    #[arg(long, value_name = "FILE")]
    terms: PathBuf,
    /// Which version; the newest when left out
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// The dataset's name in the vault, or the path of one that was taken over
    name: String,
    /// Which version; the newest when left out
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatName {
    /// Comma-separated values with a header, UTF-8
    Csv,
    /// Apache Parquet
    Parquet,
}

fn declaration(text: &str) -> Result<(String, Declaration), String> {
    vault::parse_flag(text).map_err(|error| error.to_string())
}

impl Data {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Import(import) => import.run(session),
            Self::Link(link) => link.run(session),
            Self::List(paging) => list(session, &paging),
            Self::Publish(publish) => publish.run(session),
            Self::Claim(claim) => claim.run(session),
            Self::Claims(paging) => records(session, "claims", &paging),
            Self::Offer(offer) => offer.run(session),
            Self::Accept(accept) => accept.run(session),
            Self::Withdraw(Withdraw { name, version }) => {
                let recorded = session.client()?.withdraw(&name, &WithdrawDataset { version })?;
                session.output.answer(&recorded, || {
                    format!("withdrew `{name}` with entry {} of the ledger", recorded.entry)
                })
            }
        }
    }
}

impl Declared {
    /// As the API takes them; what a flag says of a column counts more than the file.
    fn columns(&self) -> Result<Vec<ColumnDeclaration>, Error> {
        let mut columns: BTreeMap<String, Declaration> = match &self.columns {
            Some(path) => files::read_toml(path)?,
            None => BTreeMap::new(),
        };
        columns.extend(self.declarations.iter().cloned());
        Ok(files::declarations(&columns))
    }
}

impl Import {
    fn run(self, session: &Session) -> Result<(), Error> {
        let format = self.format()?;
        let request = ImportDataset {
            upload: String::new(),
            name: self.name,
            format,
            columns: self.declared.columns()?,
            description: self.declared.description,
        };
        let client = session.client()?;
        let progress = Progress::begin("importing");
        let dataset = client.import(&self.file, &request)?;
        drop(progress);
        session.output.answer(&dataset, || new_version(&dataset, &request.name))
    }

    fn format(&self) -> Result<Format, Error> {
        match self.format {
            Some(FormatName::Csv) => Ok(Format::Csv),
            Some(FormatName::Parquet) => Ok(Format::Parquet),
            None => format_of(&self.file).ok_or_else(|| {
                let message = format!("`{}` ends neither in .csv nor in .parquet", self.file.display());
                Error::usage(message, "give --format csv or --format parquet")
            }),
        }
    }
}

/// A file's format by the end of its name.
pub(crate) fn format_of(file: &Path) -> Option<Format> {
    vault::Format::of(file).map(|format| match format {
        vault::Format::Csv => Format::Csv,
        vault::Format::Parquet => Format::Parquet,
    })
}

impl Publish {
    fn run(self, session: &Session) -> Result<(), Error> {
        let terms: TermsFile = files::read_toml(&self.terms)?;
        let client = session.client()?;
        let members: BTreeMap<String, Did> = client
            .status()?
            .members
            .into_iter()
            .filter_map(|member| Some((member.name, member.member.parse().ok()?)))
            .collect();
        let terms = terms.at(now_seconds(), &members)?;
        let recorded = client.publish(&self.name, &PublishDataset { version: self.version, terms })?;
        session.output.answer(&recorded, || {
            format!("published `{}` with entry {} of the ledger", self.name, recorded.entry)
        })
    }
}

fn list(session: &Session, paging: &Paging) -> Result<(), Error> {
    let client = session.client()?;
    let page = paging.collect(|after| client.datasets(after))?;
    session.output.answer(&page, || {
        listed(&page, "the vault is empty; next: `treaty data import FILE --name NAME`", |datasets| {
            let rows = datasets.iter().map(|dataset| {
                let published = if dataset.published { "published" } else { "" };
                let place = dataset.linked.as_ref().map_or("the vault", |linked| &linked.table);
                [
                    dataset.reference.clone(),
                    dataset.rows.to_string(),
                    place.to_owned(),
                    published.to_owned(),
                    dataset.root.clone(),
                ]
            });
            table(&["dataset", "rows", "in", "", "root"], rows)
        })
    })
}

fn new_version(dataset: &DatasetView, name: &str) -> String {
    let columns = dataset.schema.columns.iter().map(|column| {
        [
            column.name.clone(),
            vault::type_name(column.kind),
            if column.nullable { "may be missing".to_owned() } else { String::new() },
            column.unit.clone(),
            declared(column),
        ]
    });
    let mut text = format!(
        "dataset  {}\nid       {}\nrows     {}\nroot     {}\n{}",
        dataset.reference,
        dataset.id,
        dataset.rows,
        dataset.root,
        table(&["column", "type", "", "unit", "declared"], columns),
    );
    if let Some(linked) = &dataset.linked {
        text.push_str(&format!(
            "\nthe rows stay in {} at {}, ordered by {}",
            linked.table,
            linked.url,
            linked.order_by.join(", ")
        ));
    }
    for note in &dataset.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    text.push_str(&format!("\nnext: `treaty data publish {name} --terms TERMS.toml`"));
    text
}
