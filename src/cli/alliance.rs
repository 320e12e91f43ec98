//! `treaty alliance`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use node::setup::{FoundOptions, Joined};
use serde_json::json;

use super::Session;
use super::act::{member, records};
use super::govern::{Propose, Vote};
use super::paging::Paging;
use super::rules;
use super::succeed::{SUCCEED, Succeed};
use crate::error::Error;
use crate::files;
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Alliance {
    /// Write the founding document from the founders' identity cards
    #[command(after_help = FOUND, visible_alias = "init")]
    Found(Found),
    /// Let a node follow the alliance
    #[command(after_help = JOIN)]
    Join(Join),
    /// Write a member's present identity card, for example as the contact of a node that joins later
    #[command(after_help = "Example:\n  treaty alliance card north --out north.json")]
    Card(CardOf),
    /// Show a founding document, after checking every card in it
    #[command(after_help = "Example:\n  treaty alliance show alliance.json")]
    Show(Show),
    /// Put something to the vote of the members
    #[command(
        after_help = "Examples:\n  treaty alliance propose admit west/card.json\n  treaty alliance propose shares 6000 3000 1000"
    )]
    Propose(Propose),
    /// Vote on a proposal
    #[command(after_help = "Example:\n  treaty alliance vote PROPOSAL")]
    Vote(Vote),
    /// Go on with another operator when the one there has lost its key or its node
    #[command(subcommand, after_help = SUCCEED)]
    Succeed(Succeed),
    /// List proposals, and how they stand or ended
    Proposals(Paging),
    /// Show the numbers that members can vote on
    Parameters(Paging),
    /// Show which version of the ledger's rules holds, and whose nodes have which
    #[command(after_help = "Example:\n  treaty alliance rules")]
    Rules,
    /// List who is and was in the alliance, with which keys
    Members(Paging),
}

const FOUND: &str = "\
Example:
  treaty alliance found --name faculties --operator north --points north=1000 --points lake=1000 \\
      --out alliance.json north/card.json lake/card.json south/card.json watchdog/card.json
  treaty alliance found --name faculties --bft --out alliance.json */card.json

Every member joins with the same file, and whoever wants to check a proof needs it.

With --operator, one member's node orders the ledger; it can delay, but neither forge nor rewrite, and a vote can hand
the ledger over. With --bft, all members' nodes order it together: each member runs `cometbft` beside its node, which
`treaty node run` configures, starts and ends. The choice is part of the founding document and stays.";

const JOIN: &str = "\
Examples:
  treaty alliance join --dir north alliance.json
  treaty alliance join --dir west alliance.json --contact north.json

A node whose card is not in the founding document is heard once the members have admitted it: one of them runs
`treaty alliance propose admit west/card.json`, and they vote. It then fetches the whole ledger and checks every entry.";

#[derive(Debug, Args)]
pub(super) struct Found {
    /// The alliance's name
    #[arg(long)]
    name: String,
    /// The member whose node orders the ledger; it can delay, but neither forge nor rewrite
    #[arg(long, value_name = "MEMBER", required_unless_present = "bft")]
    operator: Option<String>,
    /// All members' nodes order the ledger together, by Byzantine agreement: nobody can delay it while more than two
    /// thirds are up; every member needs `cometbft` beside its node, and a card made by `treaty node init --bft`
    #[arg(long, conflicts_with = "operator")]
    bft: bool,
    /// How many members must cosign a checkpoint; the smallest majority when left out, more than two thirds with --bft
    #[arg(long, value_name = "N")]
    quorum: Option<u16>,
    /// Points that a member starts with
    #[arg(long, value_name = "MEMBER=N", value_parser = points)]
    points: Vec<(String, u64)>,
    /// Where to write the founding document
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The founders' identity cards
    #[arg(required = true, value_name = "CARD")]
    cards: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Join {
    /// The node's directory
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The founding document
    alliance: PathBuf,
    /// The present card of a member from whose node the ledger can be fetched, if founders have moved since
    #[arg(long, value_name = "CARD")]
    contact: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CardOf {
    /// The member's name
    member: String,
    /// Where to write the card
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The founding document
    alliance: PathBuf,
}

fn points(text: &str) -> Result<(String, u64), String> {
    let parsed =
        text.split_once('=').and_then(|(name, points)| Some((name.to_owned(), points.parse().ok()?)));
    parsed.ok_or_else(|| format!("`{text}` gives no points; expected for example `north=1000`"))
}

impl Alliance {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Found(found) => found.run(session),
            Self::Join(Join { dir, alliance, contact }) => {
                let joined = node::setup::join(&dir, &alliance, contact.as_deref())?;
                let answer = json!({
                    "directory": dir, "alliance": alliance, "founder": joined == Joined::Founder,
                });
                session.output.answer(&answer, || next(joined, &dir))
            }
            Self::Card(of) => of.run(session),
            Self::Show(Show { alliance }) => show(session, &alliance),
            Self::Propose(propose) => propose.run(session),
            Self::Vote(vote) => vote.run(session),
            Self::Succeed(succeed) => succeed.run(session),
            Self::Proposals(paging) => rules::proposals(session, &paging),
            Self::Rules => rules::show(session),
            Self::Parameters(paging) => records(session, "parameters", &paging),
            Self::Members(paging) => records(session, "members", &paging),
        }
    }
}

impl Found {
    fn run(self, session: &Session) -> Result<(), Error> {
        let options = FoundOptions {
            name: self.name,
            operator: self.operator,
            quorum: self.quorum,
            points: self.points.into_iter().collect(),
            cards: self.cards,
        };
        let alliance = node::setup::found(&options, &self.out)?;
        session.output.answer(&alliance, || {
            let (choice, out) = (choice(&alliance), self.out.display());
            format!("{}\n{choice}\nwritten to {out}; hand it to every member", text(&alliance))
        })
    }
}

/// What the founders chose by naming an operator or none.
fn choice(alliance: &ledger::Alliance) -> String {
    let voters = alliance.members.iter().filter(|card| card.standing == ledger::Standing::Member).count();
    let agreement = |members: usize| {
        usize::from(ledger::alliance::quorum_of_agreement(u16::try_from(members).unwrap_or(u16::MAX)))
    };
    let Some(operator) = alliance.operator.and_then(|operator| alliance.card(&operator)) else {
        return format!(
            "all members' nodes order the ledger together: nobody can delay it while {} of {voters} are up\n{}",
            agreement(voters),
            cometbft()
        );
    };
    let name = &operator.name;
    let others = voters.saturating_sub(1);
    let needed = agreement(others).max(alliance.quorum.into());
    let lost = if others > 0 && needed <= others {
        format!("if it loses its key, {needed} of the {others} others can go on without it")
    } else {
        format!(
            "if it loses its key, nobody can go on without it: keep a backup of `{name}`'s directory, or found with more \
             members or a smaller --quorum"
        )
    };
    format!("`{name}` orders the ledger: it can delay, but neither forge nor rewrite; {lost}")
}

/// What a member of an alliance without an operator needs beside its node.
pub(super) fn cometbft() -> String {
    match node::setup::find_cometbft() {
        Ok(path) => format!(
            "cometbft  {} is there; every member needs it: `treaty node run` configures, starts and ends it",
            path.display()
        ),
        Err(missing) => {
            format!("to do     on every member's machine, here too if its node is to run here: {missing}")
        }
    }
}

/// What to do once a node has joined.
pub(super) fn next(joined: Joined, dir: &Path) -> String {
    let run = format!("`treaty node run --dir {}`", dir.display());
    match joined {
        Joined::Founder => format!("joined; next: {run}"),
        Joined::Candidate => format!(
            "joined as a later member; next: hand {} to a member, who runs `treaty alliance propose admit CARD`; {run} \
             follows the ledger once the vote has passed",
            dir.join("card.json").display()
        ),
    }
}

impl CardOf {
    fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let identity = member(&client, &self.member)?.to_string();
        let records = client.records("members", None)?;
        let card = records
            .items
            .into_iter()
            .find(|item| item.id == identity)
            .map(|item| item.record["card"].clone());
        let card: ledger::Card =
            card.and_then(|card| serde_json::from_value(card).ok()).ok_or_else(|| {
                Error::usage(format!("the node has no card of `{}`", self.member), "treaty alliance members")
            })?;
        let bytes = contract::canonical::to_bytes(&card)
            .map_err(|flaw| Error::usage(flaw.to_string(), "treaty alliance members"))?;
        files::write(&self.out, &bytes)?;
        session.output.answer(&card, || format!("written to {}", self.out.display()))
    }
}

fn show(session: &Session, path: &Path) -> Result<(), Error> {
    let alliance = node::setup::read_alliance(&files::read(path)?)?;
    session.output.answer(&alliance, || text(&alliance))
}

fn text(alliance: &ledger::Alliance) -> String {
    let members = alliance.members.iter().map(|card| {
        let standing = match card.standing {
            ledger::Standing::Member => "member",
            ledger::Standing::Regulator => "regulator",
        };
        let operates = if Some(card.member) == alliance.operator { "orders the ledger" } else { "" };
        let points = alliance.points.get(&card.member).copied().unwrap_or(0).to_string();
        let text = |text: &str| text.to_owned();
        [text(&card.name), text(standing), text(&card.peer), points, text(operates), card.member.to_string()]
    });
    let id = alliance.id().map_or_else(|flaw| flaw.to_string(), |id| id.to_string());
    format!(
        "alliance  {} ({id})\nquorum    {} cosignatures make a checkpoint final\n{}",
        alliance.name,
        alliance.quorum,
        table(&["name", "standing", "address", "points", "", "identity"], members),
    )
}
