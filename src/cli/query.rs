//! `treaty query`: from a SELECT to its answer, by way of a contract that all parties sign.

use std::thread::sleep;
use std::time::{Duration, Instant};

use api::Client;
use api::types::contracts::{Draft, DraftContract, DraftSettlement, ProposeContract};
use api::types::runs::StartRun;
use clap::{Args, Subcommand};

use super::drafting::{pair, tables_of};
use super::run::follow;
use super::{Session, now_seconds};
use crate::error::Error;
use crate::files::{PrivacyLoss, Span};
use crate::output::{Form, Progress, note, result_table, table};

/// How often a contract is looked at while it waits for signatures.
const LOOK: Duration = Duration::from_millis(200);

const ASK: &str = "\
Examples:
  treaty query 'SELECT rank, AVG(salary) FROM salaries GROUP BY rank' --purpose 'pay equity'
  treaty query explain 'SELECT rank, AVG(salary) FROM salaries GROUP BY rank' --purpose 'pay equity'
  treaty query dry-run 'SELECT rank, AVG(salary) FROM salaries GROUP BY rank' --purpose 'pay equity'
  treaty query --contract CONTRACT --format csv
  treaty query --contract CONTRACT --format parquet --output answer.parquet

A table is made up of every member's newest dataset of that name, unless --table says otherwise. \
The data's owners compute, the member that asks receives. Every party must sign before anything \
runs: until then the command waits.";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = ASK)]
pub(super) struct Query {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Draw what would run where, what each party would see, and what it would cost; nothing is recorded
    Explain(Explain),
    /// Show what the answer would look like, over rows made up from what is published; nothing is recorded or read
    DryRun(DryRun),
}

#[derive(Debug, Args)]
struct Explain {
    /// The SELECT, before which views may stand
    sql: String,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
struct DryRun {
    /// The SELECT, before which views may stand
    sql: String,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
struct Ask {
    /// The SELECT, before which views may stand
    #[arg(required_unless_present = "contract", conflicts_with = "contract")]
    sql: Option<String>,
    #[command(flatten)]
    terms: Terms,
    /// Run under a contract that is signed already, instead of drafting one
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,
    /// How long to wait for the other parties' signatures
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    wait: Span,
    #[command(flatten)]
    form: Form,
}

/// What the contract would say beside the SELECT.
#[derive(Debug, Args)]
struct Terms {
    /// Why the data is used, in the words of the datasets' terms
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// The datasets that make up a table of the SELECT
    #[arg(long, value_name = "TABLE=DATASET,…", value_parser = pair)]
    table: Vec<(String, String)>,
    /// The members that compute; the data's owners when left out
    #[arg(long, value_name = "MEMBER,…", value_delimiter = ',')]
    compute_parties: Vec<String>,
    /// Members that receive the answer; this one when left out
    #[arg(long, value_name = "MEMBER,…", value_delimiter = ',')]
    receivers: Vec<String>,
    /// The secret-sharing scheme; rep3 when left out
    #[arg(long, value_name = "NAME")]
    scheme: Option<String>,
    /// How many compute parties may collude without learning anything
    #[arg(long, value_name = "N")]
    threshold: Option<u16>,
    /// Groups of fewer rows are not opened; the strictest of the terms when left out
    #[arg(long, value_name = "ROWS")]
    floor_rows: Option<u64>,
    /// Add noise for differential privacy: what the run costs of your budget, for example 0.5
    #[arg(long, value_name = "EPSILON")]
    epsilon: Option<PrivacyLoss>,
    /// The same with Gaussian noise, where budgets are of rho, for example 0.1
    #[arg(long, value_name = "RHO", conflicts_with = "epsilon")]
    rho: Option<PrivacyLoss>,
    /// Points for the run
    #[arg(long, value_name = "POINTS", default_value_t = 0)]
    fee: u64,
}

impl Query {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self.part {
            Some(Part::Explain(explain)) => explain.run(session),
            Some(Part::DryRun(dry_run)) => dry_run.run(session),
            None => self.ask.run(session),
        }
    }
}

impl Terms {
    fn draft(self, sql: String) -> Result<DraftContract, Error> {
        let needed = || Error::usage("--purpose is needed: why is the data used?", "treaty query --help");
        Ok(DraftContract {
            title: format!("Query: {}", sql.split_whitespace().collect::<Vec<_>>().join(" "))
                .chars()
                .take(100)
                .collect(),
            purpose: self.purpose.ok_or_else(needed)?,
            sql: Some(sql),
            template: None,
            tables: tables_of(self.table),
            compute_parties: self.compute_parties,
            scheme: self.scheme,
            threshold: self.threshold,
            data_users: Vec::new(),
            receivers: self.receivers,
            algorithm_providers: Vec::new(),
            regulators: Vec::new(),
            auditors: Vec::new(),
            floor_rows: self.floor_rows,
            contributors_min: None,
            dominance_percent_max: None,
            epsilon_micro: self.epsilon.map(PrivacyLoss::micro),
            rho_micro: self.rho.map(PrivacyLoss::micro),
            committed: Default::default(),
            runs: 1,
            not_before: None,
            expires: now_seconds() + Span::days(1).seconds(),
            run_seconds_max: None,
            settlement: DraftSettlement { fee: self.fee, ..DraftSettlement::default() },
            supersedes: None,
        })
    }
}

impl Explain {
    fn run(self, session: &Session) -> Result<(), Error> {
        let draft = session.client()?.draft(&self.terms.draft(self.sql)?)?;
        session.output.answer(&draft, || plan(&draft))
    }
}

impl DryRun {
    fn run(self, session: &Session) -> Result<(), Error> {
        let tried = session.client()?.dry_run(&self.terms.draft(self.sql)?)?;
        session.output.answer(&tried, || {
            let verdict = match tried.refusals.as_slice() {
                [] => "Every dataset's terms permit it.".to_owned(),
                refusals => {
                    format!(
                        "It breaks terms, and no node will sign it:{}",
                        super::contract::reasons(refusals)
                    )
                }
            };
            let rows = tried.rows.iter().map(|(dataset, rows)| format!("{rows} of {dataset}"));
            let rows: Vec<String> = rows.collect();
            format!(
                "{}\nrows made up: {}\n\n{}\n\n{verdict}",
                tried.note,
                rows.join(", "),
                result_table(&tried.result),
            )
        })
    }
}

/// The plan for people.
fn plan(draft: &Draft) -> String {
    let homes = draft.stages.iter().map(|stage| {
        let datasets = std::iter::once(&stage.dataset).chain(&stage.beside);
        let datasets: Vec<&str> = datasets.map(String::as_str).collect();
        [stage.owner.clone(), datasets.join(", "), stage.rows.to_string(), one_line(&stage.sql)]
    });
    let protection = &draft.contract.protection;
    let names: Vec<&str> = protection
        .compute_parties
        .iter()
        .filter_map(|did| draft.contract.parties.iter().find(|party| party.member == *did))
        .map(|party| party.name.as_str())
        .collect();
    let cost = &draft.estimate;
    let verdict = if draft.refusals.is_empty() {
        "Every dataset's terms permit it.".to_owned()
    } else {
        format!("It breaks terms, and no node will sign it:{}", super::contract::reasons(&draft.refusals))
    };
    format!(
        "At home, in plaintext\n{}\n\nJointly, on shares\n{}\n\n{}\n{verdict}",
        table(&["owner", "dataset", "rows shared", "SQL"], homes),
        table(
            &["scheme", "among", "instructions", "rounds", "bytes a party", "LAN", "WAN"],
            [[
                format!("{}, {} may collude", protection.scheme, protection.threshold),
                names.join(", "),
                cost.instructions.to_string(),
                cost.rounds.to_string(),
                cost.bytes_sent.to_string(),
                format!("{:.3} s", cost.seconds_lan),
                format!("{:.3} s", cost.seconds_wan),
            ]],
        ),
        draft.audit,
    )
}

/// SQL that a machine wrote, short enough for a table.
fn one_line(sql: &str) -> String {
    let text = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl Ask {
    fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let contract = match (self.contract, self.sql) {
            (Some(contract), _) => contract,
            (None, sql) => agree(&client, self.terms.draft(sql.unwrap_or_default())?, self.wait)?,
        };
        let run = client.start_run(&StartRun { contract, purpose: None })?;
        follow(&client, &run.id, |_| Ok(()))?;
        let result = client.result(&run.id)?;
        self.form.write(&result, session.output)
    }
}

/// Drafts, proposes, signs for this member, and waits until all parties have signed; answers with the contract's id.
fn agree(client: &Client, request: DraftContract, patience: Span) -> Result<String, Error> {
    let draft = client.draft(&request)?;
    if !draft.refusals.is_empty() {
        return Err(Error::Forbidden { why: super::contract::reasons(&draft.refusals) });
    }
    client.propose(&ProposeContract { contract: draft.contract })?;
    client.sign(&draft.id)?;
    let began = Instant::now();
    let progress = Progress::begin("waiting for signatures");
    let mut told = Vec::new();
    loop {
        let view = client.contract(&draft.id)?;
        let mut signatures = view.signatures.iter();
        let of = view.signatures.len() as u64;
        let missing: Vec<String> = signatures
            .by_ref()
            .filter(|signature| signature.signature.is_none())
            .map(|signature| signature.party.clone())
            .collect();
        progress.set(of - missing.len() as u64, of);
        match view.state.as_str() {
            "active" => return Ok(draft.id),
            "proposed" if began.elapsed() < Duration::from_secs(patience.seconds()) => {}
            state => {
                return Err(Error::NotAgreed { contract: draft.id, state: state.to_owned(), missing });
            }
        }
        if missing != told {
            note(&format!(
                "contract {} waits for {}: `treaty contract sign {0}`",
                draft.id,
                missing.join(", ")
            ));
            told = missing;
        }
        sleep(LOOK);
    }
}
