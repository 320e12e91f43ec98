//! `treaty ledger` and `treaty points`.

use clap::{Args, Subcommand};
use contract::calendar::utc;
use ledger::Action;

use super::Session;
use super::act;
use super::find::{self, Find};
use super::paging::Paging;
use crate::error::Error;
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Ledger {
    /// Print entries as they are hashed into the log, one a line
    #[command(
        after_help = "Examples:\n  treaty ledger entries\n  treaty ledger entries --after 41 --limit 10"
    )]
    Entries(Paging),
    /// Find entries by what they are about, with proofs that they are in the log
    #[command(after_help = find::EXAMPLES)]
    Find(Box<Find>),
    /// Print the newest checkpoint that a quorum cosigned, with its signatures
    #[command(after_help = "Example:\n  treaty ledger checkpoint")]
    Checkpoint,
    /// Print what happens on the ledger, as it happens
    #[command(after_help = "Example:\n  treaty ledger watch --from 0")]
    Watch(Watch),
}

#[derive(Debug, Args)]
pub(super) struct Watch {
    /// The first entry whose events are shown
    #[arg(long, default_value_t = 0, value_name = "ENTRY")]
    from: u64,
}

impl Ledger {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        match self {
            Self::Entries(paging) => {
                let page = paging.collect(|after| client.entries(after))?;
                for entry in &page.items {
                    session.output.item(entry, || format!("{:>6} {}", entry.index, entry.entry))?;
                }
                Ok(())
            }
            Self::Find(find) => find.run(session, &client),
            Self::Checkpoint => {
                let checkpoint = client.checkpoint()?;
                session.output.answer(&checkpoint, || checkpoint.note.clone())
            }
            Self::Watch(Watch { from }) => {
                let mut printed = Ok(());
                client.events(from, |event| {
                    printed = session.output.item(&event, || {
                        format!("{:>6} {} {} {}", event.entry, utc(event.time), event.kind, event.subject)
                    });
                    printed.is_ok()
                })?;
                printed
            }
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct PointsArgs {
    #[command(subcommand)]
    command: Option<PointsCommand>,
}

#[derive(Debug, Subcommand)]
enum PointsCommand {
    /// Give points to another member
    Give {
        /// Its name
        member: String,
        /// How many
        points: u64,
        /// For what
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

impl PointsArgs {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let Some(PointsCommand::Give { member, points, note }) = self.command else {
            return balances(session);
        };
        let client = session.client()?;
        let to = act::member(&client, &member)?;
        act::act(session, &client, &Action::TransferPoints { to, points, note })
    }
}

/// `treaty points`.
fn balances(session: &Session) -> Result<(), Error> {
    let points = session.client()?.points()?;
    session.output.answer(&points, || {
        let held = ("held in escrow".to_owned(), points.escrow);
        let rows = points.balances.clone().into_iter().chain([held]);
        table(&["member", "points"], rows.map(|(member, points)| [member, points.to_string()]))
    })
}
