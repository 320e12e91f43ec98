//! `treaty catalog publish`: algorithms, contracts to start from, requests for data.

use std::path::{Path, PathBuf};

use api::Client;
use clap::{Args, Subcommand};
use ledger::Action;
use ledger::catalog::{Publication, Published, Wanted, WantedColumn};

use crate::cli::act::act;
use crate::cli::proof::program_hash;
use crate::cli::{Session, now_seconds};
use crate::error::Error;
use crate::files::{self, FileError, Span};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Publish {
    /// Publish a program, with its source or by its hash alone
    #[command(after_help = ALGORITHM)]
    Algorithm(Algorithm),
    /// Publish a draft for others to start from
    #[command(
        after_help = "Example:\n  treaty catalog publish template by-rank --file draft.toml --description \"pay by rank\""
    )]
    Template(Template),
    /// Publish what data is looked for
    #[command(after_help = WANTED)]
    Wanted(WantedArgs),
}

const ALGORITHM: &str = "\
Examples:
  treaty --json program show CONTRACT | jq -rj .program > mean.txt
  treaty catalog publish algorithm mean --program mean.txt --price 20 --description \"mean pay by rank\"
  treaty catalog publish algorithm mean --program mean.txt --sealed --description \"for those who ask\"";

const WANTED: &str = "\
Examples:
  treaty catalog publish wanted pay --column salary=integer:USD --column rank --purpose \"pay equity\" \\
      --rows-min 100 --for 90d --description \"salaries of professors\"
  treaty catalog matches north/pay@1";

#[derive(Debug, Args)]
struct Named {
    /// Its name; published as `member/name`, in the version after the last one
    name: String,
    /// For people
    #[arg(long, value_name = "TEXT")]
    description: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Algorithm {
    #[command(flatten)]
    named: Named,
    /// The program's listing, as `treaty program show` prints it
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// Publish the hash alone, not the listing
    #[arg(long)]
    sealed: bool,
    /// Points that its provider asks for a run
    #[arg(long, default_value_t = 0, value_name = "POINTS")]
    price: u64,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Template {
    #[command(flatten)]
    named: Named,
    /// The draft, as `treaty contract draft` reads it
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WantedArgs {
    #[command(flatten)]
    named: Named,
    /// A column, with type and unit where they matter
    #[arg(long = "column", value_name = "NAME[=TYPE[:UNIT]]", required = true, value_parser = column)]
    columns: Vec<WantedColumn>,
    /// A purpose that the data's terms must allow
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// At least so many rows
    #[arg(long, default_value_t = 0, value_name = "ROWS")]
    rows_min: u64,
    /// How long it is looked for
    #[arg(long = "for", value_name = "SPAN", default_value = "90d")]
    span: Span,
}

fn column(text: &str) -> Result<WantedColumn, String> {
    let (name, rest) = text.split_once('=').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let (kind, unit) = match rest.map(|rest| rest.split_once(':').unwrap_or((rest, ""))) {
        Some((kind, unit)) => {
            (Some(kind).filter(|kind| !kind.is_empty()), Some(unit).filter(|unit| !unit.is_empty()))
        }
        None => (None, None),
    };
    let read = |kind: &str| {
        vault::parse_type(kind).ok_or_else(|| {
            format!(
                "`{kind}` is no type; there are integer, decimal(2), float(6), boolean, text, date, timestamp"
            )
        })
    };
    Ok(WantedColumn {
        name: name.to_owned(),
        kind: kind.map(read).transpose()?,
        unit: unit.map(str::to_owned),
    })
}

impl Publish {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let (named, content) = match self {
            Self::Algorithm(Algorithm { named, program, sealed, price }) => {
                let listing = text(&program)?;
                let hash = program_hash(&listing).map_err(|reason| malformed(&program, reason))?;
                (named, Published::Algorithm { hash, source: (!sealed).then_some(listing), price })
            }
            Self::Template(Template { named, file }) => (named, Published::Template { text: text(&file)? }),
            Self::Wanted(WantedArgs { named, columns, purpose, rows_min, span }) => {
                let until = now_seconds().saturating_add(span.seconds());
                (named, Published::Wanted(Wanted { columns, purpose, rows_min, until }))
            }
        };
        let client = session.client()?;
        let path = format!("{}/{}", client.status()?.name, named.name);
        let version = versions(&client, &path)?.saturating_add(1);
        let publication = Publication { path, version, description: named.description, content };
        act(session, &client, &Action::Publish(Box::new(publication)))
    }
}

/// How many versions of a path there are.
fn versions(client: &Client, path: &str) -> Result<u32, Error> {
    // References are listed in their order; those of a path stand together, and `@` begins the version.
    let (mut found, mut after) = (0, Some(format!("{path}@")));
    loop {
        let page = client.records("publications", after.as_deref())?;
        let own = page.items.iter().filter_map(|item| item.id.strip_prefix(path)?.strip_prefix('@'));
        found = own.filter_map(|version| version.parse().ok()).fold(found, u32::max);
        let past = page.items.last().is_none_or(|item| !item.id.starts_with(path));
        after = page.next;
        if past || after.is_none() {
            return Ok(found);
        }
    }
}

fn text(file: &Path) -> Result<String, Error> {
    String::from_utf8(files::read(file)?).map_err(|error| malformed(file, error.utf8_error().to_string()))
}

fn malformed(file: &Path, reason: String) -> Error {
    FileError::Malformed { path: file.to_owned(), reason }.into()
}
