//! A draft from a TOML file, from flags, or from a file with some things said differently by flags.

mod paying;

use std::collections::BTreeMap;
use std::path::PathBuf;

use api::types::contracts::{DraftContract, DraftSettlement, TemplateUse};
use clap::Args;

use self::paying::Paying;
use crate::error::Error;
use crate::files::{self, DraftFile, PrivacyLoss, Span};

/// What the contract shall say.
#[derive(Debug, Args)]
pub(super) struct Drafting {
    /// A draft in TOML; flags say what it leaves out, or say it differently
    file: Option<PathBuf>,
    /// One line for people
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Why the data is used, word for word as the datasets' terms allow it
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// The SELECT
    #[arg(long, value_name = "SELECT", conflicts_with = "template")]
    sql: Option<String>,
    /// A template instead of SQL: see `treaty contract templates`
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// A parameter of the template
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "template")]
    parameter: Vec<(String, String)>,
    /// The datasets that make up a table of the SELECT
    #[arg(long, value_name = "TABLE=DATASET,…", value_parser = pair)]
    table: Vec<(String, String)>,
    /// The members that compute, in protocol order
    #[arg(long, value_name = "MEMBER,…", value_delimiter = ',')]
    compute_parties: Vec<String>,
    /// The secret-sharing scheme; rep3 when left out
    #[arg(long, value_name = "NAME")]
    scheme: Option<String>,
    /// How many compute parties may collude without learning anything; the most that the scheme allows when left out
    #[arg(long, value_name = "N")]
    threshold: Option<u16>,
    /// Members that may start runs
    #[arg(long, value_name = "MEMBER,…", value_delimiter = ',')]
    data_users: Vec<String>,
    /// Members that receive the result
    #[arg(long, value_name = "MEMBER,…", value_delimiter = ',')]
    receivers: Vec<String>,
    /// Regulators that are parties
    #[arg(long, value_name = "MEMBER,…", value_delimiter = ',')]
    regulators: Vec<String>,
    /// Members that must approve the audit report, beside those that the datasets' terms ask for
    #[arg(long, value_name = "MEMBER,…", value_delimiter = ',')]
    auditors: Vec<String>,
    /// Groups of fewer rows are not opened; the strictest of the terms when left out
    #[arg(long, value_name = "ROWS")]
    floor_rows: Option<u64>,
    /// Groups with rows of fewer members are not opened; the strictest of the terms when left out
    #[arg(long, value_name = "MEMBERS")]
    contributors_min: Option<u32>,
    /// Sums of which one member or row makes up more are not opened; the strictest of the terms when left out
    #[arg(long, value_name = "PERCENT")]
    dominance_percent_max: Option<u8>,
    /// Add noise for differential privacy: what a run costs of the budget of each data user and receiver, for example 0.5
    #[arg(long, value_name = "EPSILON")]
    epsilon: Option<PrivacyLoss>,
    /// The same with Gaussian noise, where budgets are of rho, for example 0.1
    #[arg(long, value_name = "RHO", conflicts_with = "epsilon")]
    rho: Option<PrivacyLoss>,
    /// Values of the program to whose shares each compute party commits in its receipt, to show them in a dispute
    #[arg(long, value_name = "vN,…", value_delimiter = ',', value_parser = value_number)]
    commit: Vec<u32>,
    /// Number of runs
    #[arg(long, value_name = "N")]
    runs: Option<u32>,
    /// No run before this span of time has passed
    #[arg(long, value_name = "SPAN")]
    starts_in: Option<Span>,
    /// No run after this span of time has passed, for example 30d
    #[arg(long, value_name = "SPAN")]
    expires_in: Option<Span>,
    /// A run that has not completed after so many seconds has failed
    #[arg(long, value_name = "SECONDS")]
    run_seconds_max: Option<u32>,
    #[command(flatten)]
    paying: Paying,
}

pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` has no `=`; expected for example `name=value`"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// `v17`, as the program's listing writes it, or `17`.
pub(super) fn value_number(text: &str) -> Result<u32, String> {
    let number = text.trim().trim_start_matches('v').parse();
    number.map_err(|_| format!("`{text}` is no value of a program: expected for example `v17`"))
}

/// The datasets of each table, from `TABLE=DATASET,…`.
pub(super) fn tables_of(flags: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let names = |datasets: String| datasets.split(',').map(|dataset| dataset.trim().to_owned()).collect();
    flags.into_iter().map(|(table, datasets)| (table, names(datasets))).collect()
}

impl Drafting {
    /// The draft as the node takes it, with times counted from `now` (seconds since 1970).
    pub(super) fn at(self, now: u64) -> Result<DraftContract, Error> {
        let base = self.file.as_deref().map(files::read_toml).transpose()?;
        let draft = match base {
            Some(base) => self.over(base)?,
            None => self.alone()?,
        };
        Ok(draft.at(now))
    }

    /// A draft from flags alone.
    fn alone(self) -> Result<DraftFile, Error> {
        let bare = DraftFile {
            title: needed(self.title.clone(), "--title")?,
            purpose: needed(self.purpose.clone(), "--purpose")?,
            sql: None,
            template: None,
            tables: needed((!self.table.is_empty()).then(Default::default), "--table")?,
            compute_parties: needed_list(&self.compute_parties, "--compute-parties")?,
            scheme: None,
            threshold: None,
            data_users: needed_list(&self.data_users, "--data-users")?,
            receivers: needed_list(&self.receivers, "--receivers")?,
            algorithm_providers: Vec::new(),
            regulators: Vec::new(),
            auditors: Vec::new(),
            floor_rows: None,
            contributors_min: None,
            dominance_percent_max: None,
            epsilon: None,
            rho: None,
            committed: Default::default(),
            runs: 1,
            starts_in: None,
            expires_in: Span::days(30),
            run_seconds_max: None,
            settlement: DraftSettlement {
                payer: self.data_users.first().cloned().unwrap_or_default(),
                ..DraftSettlement::default()
            },
        };
        self.over(bare)
    }

    /// A draft in which the flags have the last word.
    fn over(self, mut draft: DraftFile) -> Result<DraftFile, Error> {
        set(&mut draft.title, self.title);
        set(&mut draft.purpose, self.purpose);
        set_list(&mut draft.compute_parties, self.compute_parties);
        set_list(&mut draft.data_users, self.data_users);
        set_list(&mut draft.receivers, self.receivers);
        set_list(&mut draft.regulators, self.regulators);
        set_list(&mut draft.auditors, self.auditors);
        if !self.commit.is_empty() {
            draft.committed = self.commit.into_iter().collect();
        }
        set(&mut draft.runs, self.runs);
        set(&mut draft.expires_in, self.expires_in);
        draft.scheme = self.scheme.or(draft.scheme);
        draft.threshold = self.threshold.or(draft.threshold);
        draft.floor_rows = self.floor_rows.or(draft.floor_rows);
        draft.contributors_min = self.contributors_min.or(draft.contributors_min);
        draft.dominance_percent_max = self.dominance_percent_max.or(draft.dominance_percent_max);
        // What is given replaces what the file says, whichever noise that was.
        if self.epsilon.is_some() || self.rho.is_some() {
            (draft.epsilon, draft.rho) = (self.epsilon, self.rho);
        }
        draft.starts_in = self.starts_in.or(draft.starts_in);
        draft.run_seconds_max = self.run_seconds_max.or(draft.run_seconds_max);
        if let Some(sql) = self.sql {
            (draft.sql, draft.template) = (Some(sql), None);
        } else if let Some(name) = self.template {
            let parameters = self.parameter.into_iter().collect();
            (draft.sql, draft.template) = (None, Some(TemplateUse { name, parameters }));
        }
        draft.tables.extend(tables_of(self.table));
        self.paying.settle(&mut draft.settlement)?;
        if draft.sql.is_none() && draft.template.is_none() {
            return Err(Error::usage(
                "what is to be computed? give --sql or --template",
                "treaty contract draft --help",
            ));
        }
        Ok(draft)
    }
}

fn set<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}

fn set_list(field: &mut Vec<String>, flag: Vec<String>) {
    if !flag.is_empty() {
        *field = flag;
    }
}

fn needed<T>(value: Option<T>, flag: &str) -> Result<T, Error> {
    value.ok_or_else(|| {
        Error::usage(format!("without a draft file, {flag} is needed"), "treaty contract draft --help")
    })
}

fn needed_list(list: &[String], flag: &str) -> Result<Vec<String>, Error> {
    needed((!list.is_empty()).then(|| list.to_vec()), flag)
}
