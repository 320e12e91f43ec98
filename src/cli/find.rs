//! `treaty ledger find`.

use api::Client;
use api::types::ledger::{Found, FoundEntry};
use clap::Args;
use contract::calendar::utc;
use contract::{Hash, canonical};
use ledger::log::{Checkpoint, Note, tree::leaf_hash, verify::inclusion};

use super::Session;
use crate::error::Error;
use crate::output::table;

pub(super) const EXAMPLES: &str = "\
Examples:
  treaty ledger find --run RUN
  treaty ledger find --dataset north/salaries@1 --kind request-access
  treaty ledger find --by lake --since 1800000000 --limit 20
  treaty ledger find --contract CONTRACT --proof --json

Kinds are acts (permit-run, vote, publish-dataset) and consequences (run-completed, token-issued). With --proof each \
entry comes with its audit path to a checkpoint that a quorum cosigned; the paths are checked before anything is \
printed.";

#[derive(Debug, Args)]
pub(super) struct Find {
    /// Only this act or consequence
    #[arg(long)]
    kind: Option<String>,
    /// Only acts of this member
    #[arg(long, value_name = "MEMBER")]
    by: Option<String>,
    /// Only what is about this member
    #[arg(long, value_name = "MEMBER")]
    member: Option<String>,
    /// Only what is about this person, by identity
    #[arg(long, value_name = "DID")]
    person: Option<String>,
    /// Only what is about this dataset or publication, by reference or path
    #[arg(long, value_name = "REFERENCE")]
    dataset: Option<String>,
    /// Only what is about this contract
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
    /// Only what is about this run
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Only what is about this proposal, request, token, dispute, claim or transaction
    #[arg(long)]
    id: Option<String>,
    /// Not before this time, in seconds since 1970
    #[arg(long, value_name = "SECONDS")]
    since: Option<u64>,
    /// Before this time, in seconds since 1970
    #[arg(long, value_name = "SECONDS")]
    until: Option<u64>,
    /// With audit paths, which are checked
    #[arg(long)]
    proof: bool,
    /// At most so many entries
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Begin after this entry: the cursor that the list before ended with
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

impl Find {
    pub(super) fn run(self, session: &Session, client: &Client) -> Result<(), Error> {
        let [since, until] = [self.since, self.until].map(|time| time.map(|time| time.to_string()));
        let limit = self.limit.to_string();
        let filters = [
            ("kind", &self.kind),
            ("by", &self.by),
            ("member", &self.member),
            ("person", &self.person),
            ("dataset", &self.dataset),
            ("contract", &self.contract),
            ("run", &self.run),
            ("id", &self.id),
            ("since", &since),
            ("until", &until),
        ];
        let mut query: Vec<(&str, &str)> =
            filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
        query.push(("limit", &limit));
        if self.proof {
            query.push(("proof", "true"));
        }
        let found = client.find_entries(&query, self.after.as_deref())?;
        let proven = if self.proof { Some(check(&found)?) } else { None };
        session.output.answer(&found, || text(&found, proven))
    }
}

/// Checks every audit path; answers with the size of the checkpoint to which they lead.
fn check(found: &Found) -> Result<u64, Error> {
    let unproven = |what: String| Error::usage(what, "treaty ledger find --help");
    let view = found.checkpoint.as_ref().ok_or_else(|| unproven("the node sent no checkpoint".to_owned()))?;
    let checkpoint = Note::parse(&view.note)
        .ok()
        .and_then(|note| Checkpoint::parse_body(&note.body).ok())
        .ok_or_else(|| unproven("the node's checkpoint cannot be read".to_owned()))?;
    for item in &found.items {
        let path = item.path.iter().flatten().map(|hash| hash.parse()).collect::<Result<Vec<Hash>, _>>();
        let (Ok(bytes), Ok(path)) = (canonical::to_bytes(&item.entry), path) else {
            return Err(unproven(format!("entry {} cannot be read", item.index)));
        };
        if !inclusion(&leaf_hash(&bytes), item.index, checkpoint.size, &path, &checkpoint.root) {
            return Err(unproven(format!(
                "entry {} is not in the log under the node's checkpoint",
                item.index
            )));
        }
    }
    Ok(checkpoint.size)
}

fn text(found: &Found, proven: Option<u64>) -> String {
    let row = |item: &FoundEntry| {
        let action = item.entry.pointer("/content/transaction/transaction/action");
        let kind = action.and_then(|action| action.as_object()?.keys().next().cloned()).unwrap_or_default();
        [item.index.to_string(), utc(item.time), item.by.clone(), kind]
    };
    let mut text = if found.items.is_empty() {
        "no entry of the ledger fits".to_owned()
    } else {
        table(&["entry", "time", "by", "act"], found.items.iter().map(row))
    };
    if let Some(size) = proven {
        text.push_str(&format!(
            "\nall of them are in the log under the cosigned checkpoint of {size} entries"
        ));
    }
    if let Some(next) = &found.next {
        text.push_str(&format!("\nthere is more: --after {next}"));
    }
    text
}
