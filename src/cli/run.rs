//! `treaty run`.

mod commitments;
mod contributions;

use api::Client;
use api::types::runs::{RunView, StartRun};
use clap::{Args, Subcommand};
use contract::calendar::utc;

use self::commitments::{Check, OpenArgs};
use self::contributions::Contributions;
use super::Session;
use super::paging::{Paging, listed};
use crate::error::Error;
use crate::output::{Form, Progress, table};

#[derive(Debug, Subcommand)]
pub(super) enum Run {
    /// Start a run: takes one use of the contract before anything runs
    #[command(after_help = "Examples:\n  treaty run start CONTRACT\n  treaty run start CONTRACT --watch")]
    Start(Start),
    /// Show where a run is, who permitted or refused it, and who was paid
    #[command(after_help = "Example:\n  treaty run show RUN")]
    Show(Id),
    /// List the runs on the ledger
    #[command(after_help = "Example:\n  treaty run list")]
    List(Paging),
    /// Follow a run until it is over
    #[command(after_help = "Example:\n  treaty run watch RUN")]
    Watch(Id),
    /// Show the result, on a receiver's node
    #[command(after_help = RESULT)]
    Result(Receive),
    /// Show what left this node for a run: bytes, to whom, as what
    #[command(after_help = "Example:\n  treaty run egress RUN")]
    Egress(Id),
    /// Show to which values on the way to the result the compute parties committed
    #[command(after_help = "Example:\n  treaty run commitments RUN")]
    Commitments(Id),
    /// As a compute party, show its shares of a value that it committed to, for whoever decides a dispute
    #[command(after_help = commitments::OPEN)]
    OpenCommitment(OpenArgs),
    /// Hold shares that a compute party shows against its receipt
    #[command(after_help = commitments::CHECK)]
    CheckCommitment(Check),
    /// As a compute party, measure what each data provider contributed to a run, and state it for the settlement
    #[command(after_help = contributions::EXAMPLE)]
    Contributions(Contributions),
}

#[derive(Debug, Args)]
pub(super) struct Start {
    /// Id of an active contract
    contract: String,
    /// Why the data is used this time; must be the contract's purpose
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// Follow the run until it is over
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Args)]
pub(super) struct Id {
    /// The run's id
    run: String,
}

#[derive(Debug, Args)]
pub(super) struct Receive {
    /// The run's id
    run: String,
    #[command(flatten)]
    form: Form,
}

const RESULT: &str = "\
Examples:
  treaty run result RUN
  treaty run result RUN --format parquet --output answer.parquet";

impl Run {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Start(start) => start.run(session),
            Self::Show(Id { run }) => {
                let run = session.client()?.run(&run)?;
                session.output.answer(&run, || text(&run))
            }
            Self::List(paging) => list(session, &paging),
            Self::Watch(Id { run }) => watch(session, &session.client()?, &run),
            Self::Result(Receive { run, form }) => {
                form.write(&session.client()?.result(&run)?, session.output)
            }
            Self::Commitments(Id { run }) => commitments::list(session, &run),
            Self::OpenCommitment(open) => open.run(session),
            Self::CheckCommitment(check) => check.run(session),
            Self::Contributions(contributions) => contributions.run(session),
            Self::Egress(Id { run }) => {
                let egress = session.client()?.egress(&run)?;
                session.output.answer(&egress, || {
                    let rows = egress.lines.iter().map(|line| {
                        [
                            line.to.clone(),
                            line.kind.clone(),
                            line.bytes.to_string(),
                            line.messages.to_string(),
                        ]
                    });
                    table(&["to", "as", "bytes", "messages"], rows)
                })
            }
        }
    }
}

impl Start {
    fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let run = client.start_run(&StartRun { contract: self.contract, purpose: self.purpose })?;
        if self.watch {
            return watch(session, &client, &run.id);
        }
        session
            .output
            .answer(&run, || format!("run {} is {}; next: `treaty run watch {}`", run.id, run.state, run.id))
    }
}

/// Shows every change; fails unless the run completes.
fn watch(session: &Session, client: &Client, id: &str) -> Result<(), Error> {
    follow(client, id, |view| session.output.item(view, || format!("{} {}", view.id, view.state)))
}

/// Follows a run until it is over and tells of every change of its state; fails unless it completes.
pub(super) fn follow(
    client: &Client,
    id: &str,
    mut tell: impl FnMut(&RunView) -> Result<(), Error>,
) -> Result<(), Error> {
    let progress = Progress::begin("running");
    let mut last: Option<RunView> = None;
    let mut told = Ok(());
    client.watch_run(id, |view| {
        if let Some(done) = &view.progress {
            progress.set(done.done.into(), done.of.into());
        }
        if last.as_ref().is_none_or(|last| last.state != view.state) {
            told = tell(&view);
        }
        last = Some(view);
        told.is_ok()
    })?;
    drop(progress);
    told?;
    match last {
        Some(view) if view.state != "completed" => Err(not_completed(&view)),
        _ => Ok(()),
    }
}

fn not_completed(view: &RunView) -> Error {
    Error::RunNotCompleted { run: view.id.clone(), state: view.state.clone(), why: why_not(view) }
}

/// Every reason why a run did not complete, one a line, each beginning with a line feed.
pub(crate) fn why_not(view: &RunView) -> String {
    let mut text = String::new();
    for (member, reasons) in &view.refused_by {
        for reason in reasons {
            text.push_str(&format!("\n  - `{member}` refuses: {}", reason.message));
        }
    }
    if let Some(failure) = &view.failure {
        text.push_str(&format!("\n  - `{}` reports: {}", failure.reported_by, failure.reason));
        if let Some(blamed) = &failure.blamed {
            text.push_str(&format!(" (at fault: `{blamed}`)"));
        }
    }
    text
}

fn list(session: &Session, paging: &Paging) -> Result<(), Error> {
    let client = session.client()?;
    let page = paging.collect(|after| client.runs(after))?;
    session.output.answer(&page, || {
        listed(&page, "no run is on the ledger; next: `treaty run start CONTRACT`", |runs| {
            let rows = runs.iter().map(|run| {
                [
                    run.id.clone(),
                    run.state.clone(),
                    run.requester.clone(),
                    utc(run.requested),
                    run.contract.clone(),
                ]
            });
            table(&["run", "state", "by", "at", "contract"], rows)
        })
    })
}

fn text(run: &RunView) -> String {
    let who = |names: &[String]| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    let mut text = format!(
        "run        {}\ncontract   {}\nstate      {}\nrequested  {} by {}\npermitted  by {}\ncommitted  by {}\nreceipts   by {}",
        run.id,
        run.contract,
        run.state,
        utc(run.requested),
        run.requester,
        who(&run.permitted_by),
        who(&run.committed_by),
        who(&run.receipts_by),
    );
    text.push_str(&why_not(run));
    if !run.nothing_opened_by.is_empty() {
        text.push_str(&format!("\nsigned that nothing was opened: {}", who(&run.nothing_opened_by)));
    }
    if run.use_returned {
        text.push_str("\nits use was given back to the contract");
    }
    for (member, points) in &run.settlement {
        text.push_str(&format!("\npaid       {points} points to {member}"));
    }
    text
}
