//! `treaty catalog`.

mod publish;

use std::collections::BTreeSet;

use api::types::datasets::{CatalogEntry, Find};
use clap::{Args, Subcommand};
use contract::{calendar::utc, terms::Use};
use ledger::Action;

use self::publish::Publish;
use super::Session;
use super::act::{act, records};
use super::paging::{Paging, listed};
use crate::error::Error;
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Catalog {
    /// Find published datasets by words and by what they have, the newest first
    #[command(
        after_help = "Examples:\n  treaty catalog search salary\n  treaty catalog search --column salary --type integer --unit EUR --permitted\n  treaty catalog search hospital --owner lake --price-max 20"
    )]
    Search(Search),
    /// Show a published dataset: columns, and what its owner allows
    #[command(after_help = "Example:\n  treaty catalog show north/salaries@1")]
    Show(Show),
    /// Publish an algorithm, a contract to start from, or a request for data
    #[command(subcommand)]
    Publish(Publish),
    /// List what is published beside datasets
    #[command(after_help = "Example:\n  treaty catalog publications")]
    Publications(Paging),
    /// Find the datasets that a published request for data looks for
    #[command(after_help = "Example:\n  treaty catalog matches north/pay-wanted@1")]
    Matches(Matches),
    /// Take a publication back
    #[command(after_help = "Example:\n  treaty catalog withdraw north/pay-wanted@1")]
    Withdraw(Withdraw),
}

#[derive(Debug, Args)]
pub(super) struct Search {
    /// Words that each begin a word of path, description or columns; everything when left out
    words: Vec<String>,
    /// Only of this member
    #[arg(long, value_name = "MEMBER")]
    owner: Option<String>,
    /// Only with a column of this name (and of that type and unit)
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// Only with a column of this type: integer, decimal, float, boolean, text, date, timestamp …
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only with a column of this unit
    #[arg(long)]
    unit: Option<String>,
    /// Only where a token costs at most so many points
    #[arg(long, value_name = "N")]
    price_max: Option<u64>,
    /// Only what this member gets at without paying or waiting for a review
    #[arg(long)]
    permitted: bool,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub(super) struct Matches {
    /// The request's reference: `owner/name@version`
    wanted: String,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// `owner/name@version`
    publication: String,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// `owner/name@version`
    reference: String,
}

impl Catalog {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Search(search) => search.run(session),
            Self::Show(show) => show.run(session),
            Self::Publish(publish) => publish.run(session),
            Self::Publications(paging) => records(session, "publications", &paging),
            Self::Matches(matches) => matches.run(session),
            Self::Withdraw(Withdraw { publication }) => {
                act(session, &session.client()?, &Action::WithdrawPublication { publication })
            }
        }
    }
}

impl Search {
    fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let find = Find {
            text: self.words.join(" "),
            owner: self.owner,
            column: self.column,
            kind: self.kind,
            unit: self.unit,
            price_max: self.price_max,
            permitted: self.permitted,
        };
        let page = self.paging.collect(|after| client.find_datasets(&find, after))?;
        session.output.answer(&page, || {
            listed(&page, "nothing in the catalog fits; next: `treaty catalog search` shows all", datasets)
        })
    }
}

impl Matches {
    fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let page = self.paging.collect(|after| client.matches(&self.wanted, after))?;
        session.output.answer(&page, || {
            listed(
                &page,
                "no published dataset is what is looked for; `treaty ledger watch` tells of new ones",
                datasets,
            )
        })
    }
}

fn datasets(entries: &[CatalogEntry]) -> String {
    let rows = entries.iter().map(|entry| {
        let dataset = &entry.dataset;
        let columns: Vec<_> = dataset.schema.columns.iter().map(|column| column.name.clone()).collect();
        [entry.reference.clone(), dataset.rows.to_string(), columns.join(", "), dataset.description.clone()]
    });
    table(&["dataset", "rows", "columns", "description"], rows)
}

impl Show {
    fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let path = self.reference.split('@').next().unwrap_or_default();
        let mut after = None;
        loop {
            let page = client.catalog(path, after.as_deref())?;
            if let Some(entry) = page.items.iter().find(|entry| entry.reference == self.reference) {
                return session.output.answer(entry, || text(entry));
            }
            after = page.next;
            if after.is_none() {
                let message = format!("the catalog has no `{}`", self.reference);
                return Err(Error::usage(message, "treaty catalog search"));
            }
        }
    }
}

/// What an owner declares about a column's values, on one line.
pub(super) fn declared(column: &contract::Column) -> String {
    let range = column.range.as_ref().map(|range| format!("{} to {}", range.min, range.max));
    let values = column.values.as_ref().map(|values| values.join(", "));
    let bytes = column.bytes_max.map(|most| format!("at most {most} bytes"));
    let unique = column.unique.then(|| "each value once".to_owned());
    [range, values, bytes, unique].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn quoted(items: &BTreeSet<String>) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

fn text(entry: &CatalogEntry) -> String {
    let dataset = &entry.dataset;
    let terms = &dataset.terms;
    let columns = dataset.schema.columns.iter().map(|column| {
        let constants = terms.comparisons.get(&column.name);
        let with = constants.map(|constants| format!(" with {}", quoted(constants)));
        let used = |used: &Use| match used {
            Use::Filter => format!("{used}{}", with.as_deref().unwrap_or_default()),
            _ => used.to_string(),
        };
        let allowed =
            terms.columns.get(&column.name).map(|uses| uses.iter().map(used).collect::<Vec<_>>().join(", "));
        [
            column.name.clone(),
            vault::type_name(column.kind),
            column.unit.clone(),
            declared(column),
            allowed.unwrap_or_else(|| "not to be used".to_owned()),
            column.description.clone(),
        ]
    });
    let receivers: Vec<_> = terms.receivers.iter().map(ToString::to_string).collect();
    let receivers = if receivers.is_empty() { "any member".to_owned() } else { receivers.join(", ") };
    let schemes: Vec<_> = terms.schemes.iter().cloned().collect();
    let places =
        if terms.jurisdictions.is_empty() { "anywhere".to_owned() } else { quoted(&terms.jurisdictions) };
    format!(
        "dataset    {}\nowner      {} ({})\nid         {}\nrows       {}\nroot       {}\nabout      {}\n\
         purposes   {}\nreceivers  {receivers}\nfloor      {} rows\nruns       at most {} per contract\n\
         schemes    {}\ncomputed   {places}\nterms end  {}\n{}",
        entry.reference,
        entry.owner,
        dataset.owner,
        dataset.id,
        dataset.rows,
        dataset.root,
        dataset.description,
        quoted(&terms.purposes),
        terms.floor_rows,
        terms.runs_max,
        schemes.join(", "),
        terms.expires.map_or_else(|| "never".to_owned(), utc),
        table(&["column", "type", "unit", "declared", "may be used", "about"], columns),
    )
}
