//! `treaty contract`.

use std::path::{Path, PathBuf};

use api::types::contracts::{
    AuditView, ContractView, Draft, FileSignature, GiveOpinion, OpinionView, ProposeContract, RevokeContract,
};
use api::types::problem::Reason;
use clap::{Args, Subcommand};

use super::drafting::Drafting;
use super::paging::{Paging, listed};
use super::{Session, now_seconds};
use crate::error::Error;
use crate::files;
use crate::output::{json, table};

#[derive(Debug, Subcommand)]
pub(super) enum Contract {
    /// Draft a contract and write it to a file; nothing is recorded
    #[command(after_help = DRAFT)]
    Draft(DraftCommand),
    /// Show the templates that a contract can be drafted from
    #[command(after_help = "Example:\n  treaty contract templates")]
    Templates,
    /// Put a drafted contract before its parties
    #[command(after_help = "Example:\n  treaty contract propose contract.json")]
    Propose(FromFile),
    /// Show a contract as a lawyer reads it, and who has signed
    #[command(after_help = "Example:\n  treaty contract show CONTRACT")]
    Show(Id),
    /// List the contracts on the ledger
    #[command(after_help = "Example:\n  treaty contract list")]
    List(Paging),
    /// Say before signing whether all terms permit it, and what it reveals to whom
    #[command(after_help = "Example:\n  treaty contract check CONTRACT")]
    Check(Id),
    /// Show the audit report: what is revealed to whom, what was tried; as its auditor, sign or decline it
    #[command(after_help = AUDIT)]
    Audit(Audit),
    /// Sign for this member
    #[command(after_help = SIGN)]
    Sign(Sign),
    /// File a signature that was made elsewhere
    #[command(after_help = "Example:\n  treaty contract signature CONTRACT signature.json")]
    Signature(Signature),
    /// Draft the next version of a contract; it takes its place once all parties signed it
    #[command(
        after_help = "Example:\n  treaty contract amend CONTRACT draft.toml --runs 20 --out amended.json\n  treaty contract propose amended.json"
    )]
    Amend(Amend),
    /// Stop all further runs under a contract
    #[command(after_help = "Example:\n  treaty contract revoke CONTRACT --reason 'the study is over'")]
    Revoke(Revoke),
}

const DRAFT: &str = "\
Examples:
  treaty contract draft draft.toml --out contract.json
  treaty contract draft --title 'What professors earn' --purpose 'pay equity' \\
      --sql 'SELECT rank, COUNT(*) AS n, AVG(salary) AS mean FROM salaries GROUP BY rank' \\
      --table salaries=north/salaries@1,lake/salaries@1,south/salaries@1 \\
      --compute-parties north,lake,south --data-users north --receivers north \\
      --runs 3 --expires-in 30d --out contract.json

draft.toml has the same names with `_`, but `committed = [17]` for --commit and `template = { name = \"…\", \
parameters = { … } }` for --template; the table [tables]; and [settlement] with payer, fee, charge, parts, split \
(or `split = { weights = { north = 2 } }`) and, of 10,000 parts, providers, compute_parties and \
algorithm_providers. `algorithm_providers`, a list of members, has no flag.";

const AUDIT: &str = "\
Examples:
  treaty contract audit CONTRACT
  treaty contract audit CONTRACT --sign
  treaty contract audit CONTRACT --decline 'groups of five are too small'

Every node derives the report from the contract and what is published about its data, and signs \
no contract that names another. A contract with auditors becomes active once all of them signed it.";

const SIGN: &str = "\
Examples:
  treaty contract sign CONTRACT
  treaty contract sign --offline --dir north contract.json > signature.json

The node signs only what it finds nothing against. With --offline the member's key signs the \
file as it is, on a machine without a network; file the signature with `treaty contract signature`.";

#[derive(Debug, Args)]
pub(super) struct DraftCommand {
    #[command(flatten)]
    drafting: Drafting,
    /// Where to write the contract; to standard output when left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Amend {
    /// The contract that the new one replaces
    contract: String,
    #[command(flatten)]
    drafting: Drafting,
    /// Where to write the contract; to standard output when left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct FromFile {
    /// The contract, as `treaty contract draft` wrote it
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Id {
    /// The contract's id
    contract: String,
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    /// The contract's id
    contract: String,
    /// Approve the report, as this contract's auditor
    #[arg(long, conflicts_with = "decline")]
    sign: bool,
    /// Decline it, as this contract's auditor, which ends the contract
    #[arg(long, value_name = "REASON")]
    decline: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Sign {
    /// The contract's id; with --offline its file
    contract: String,
    /// Sign without a node and without its checks
    #[arg(long, requires = "dir")]
    offline: bool,
    /// The directory with the member's key
    #[arg(long, value_name = "DIR", requires = "offline")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Signature {
    /// The contract's id
    contract: String,
    /// The signature, as `treaty contract sign --offline` wrote it
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The contract's id
    contract: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Contract {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Draft(DraftCommand { drafting, out }) => draft(session, drafting, None, out.as_deref()),
            Self::Amend(Amend { contract, drafting, out }) => {
                draft(session, drafting, Some(contract), out.as_deref())
            }
            Self::Templates => templates(session),
            Self::Propose(FromFile { file }) => propose(session, &file),
            Self::Show(Id { contract }) => show(session, &contract),
            Self::List(paging) => list(session, &paging),
            Self::Check(Id { contract }) => check(session, &contract),
            Self::Audit(audit) => audit.run(session),
            Self::Sign(sign) => sign.run(session),
            Self::Signature(Signature { contract, file }) => {
                let signature: FileSignature = files::read_json(&file)?;
                let recorded = session.client()?.file_signature(&contract, &signature)?;
                session
                    .output
                    .answer(&recorded, || format!("filed with entry {} of the ledger", recorded.entry))
            }
            Self::Revoke(Revoke { contract, reason }) => {
                let recorded = session.client()?.revoke(&contract, &RevokeContract { reason })?;
                session
                    .output
                    .answer(&recorded, || format!("revoked with entry {} of the ledger", recorded.entry))
            }
        }
    }
}

fn draft(
    session: &Session,
    drafting: Drafting,
    supersedes: Option<String>,
    out: Option<&Path>,
) -> Result<(), Error> {
    let mut request = drafting.at(now_seconds())?;
    request.supersedes = supersedes;
    let draft = session.client()?.draft(&request)?;
    let contract = json(&draft.contract)?;
    let Some(out) = out else { return session.output.answer(&draft, || contract) };
    files::write(out, contract.as_bytes())?;
    session.output.answer(&draft, || drafted(&draft, out))
}

fn drafted(draft: &Draft, out: &Path) -> String {
    let verdict = if draft.refusals.is_empty() {
        "every dataset's terms permit it".to_owned()
    } else {
        format!("it breaks terms, and no node will sign it:{}", reasons(&draft.refusals))
    };
    format!(
        "{}\n{}\n{verdict}\nwritten to {}; next: `treaty contract propose {}`",
        draft.text,
        draft.audit,
        out.display(),
        out.display(),
    )
}

fn templates(session: &Session) -> Result<(), Error> {
    let page = session.client()?.templates()?;
    session.output.answer(&page, || {
        let rows = page.items.iter().map(|template| {
            [
                template.name.clone(),
                template.title.clone(),
                template.parameters.join(", "),
                template.audited_because.clone().unwrap_or_default(),
                template.sql.clone(),
            ]
        });
        table(&["template", "", "parameters", "needs an auditor because", "SQL"], rows)
    })
}

fn propose(session: &Session, file: &Path) -> Result<(), Error> {
    let contract: contract::Contract = files::read_json(file)?;
    let id = contract.id().map_err(|error| Error::usage(error.to_string(), "treaty contract draft"))?;
    let recorded = session.client()?.propose(&ProposeContract { contract })?;
    let answer = serde_json::json!({ "contract": id, "entry": recorded.entry });
    session.output.answer(&answer, || {
        format!("contract {id}\nproposed with entry {} of the ledger; next, for every party: `treaty contract check {id}`, `treaty contract sign {id}`", recorded.entry)
    })
}

fn show(session: &Session, id: &str) -> Result<(), Error> {
    let view = session.client()?.contract(id)?;
    session.output.answer(&view, || {
        let signatures = view.signatures.iter().map(|signature| {
            let signed = signature.signature.clone().unwrap_or_else(|| "not signed".to_owned());
            [signature.party.clone(), signed]
        });
        format!(
            "{}\n\nstate: {}, {} of {} runs taken\n{}{}",
            view.text,
            view.state,
            view.runs_taken,
            view.contract.limits.runs,
            table(&["party", "signature"], signatures),
            opinions(&view.auditors),
        )
    })
}

fn list(session: &Session, paging: &Paging) -> Result<(), Error> {
    let client = session.client()?;
    let page = paging.collect(|after| client.contracts(after))?;
    session.output.answer(&page, || {
        listed(&page, "no contract is on the ledger; next: `treaty contract draft`", |contracts| {
            table(&["contract", "state", "runs", "signed", "title"], contracts.iter().map(summary))
        })
    })
}

fn summary(view: &ContractView) -> [String; 5] {
    let signed = view.signatures.iter().filter(|signature| signature.signature.is_some()).count();
    [
        view.id.clone(),
        view.state.clone(),
        format!("{} of {}", view.runs_taken, view.contract.limits.runs),
        format!("{signed} of {}", view.signatures.len()),
        view.contract.title.clone(),
    ]
}

fn check(session: &Session, id: &str) -> Result<(), Error> {
    let check = session.client()?.check(id)?;
    session.output.answer(&check, || {
        let verdict = if check.permitted {
            format!("this node finds nothing against it; next: `treaty contract sign {id}`")
        } else {
            format!("this node would refuse every run:{}", reasons(&check.refusals))
        };
        format!("{}\n{verdict}", check.audit)
    })
}

impl Audit {
    fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        if self.sign || self.decline.is_some() {
            let what = if self.sign { "approved" } else { "declined" };
            let recorded = client.give_opinion(&self.contract, &GiveOpinion { decline: self.decline })?;
            let text = || format!("{what} with entry {} of the ledger", recorded.entry);
            return session.output.answer(&recorded, text);
        }
        let view = client.audit(&self.contract)?;
        session.output.answer(&view, || audited(&view))
    }
}

fn audited(view: &AuditView) -> String {
    let verdict = match view.agrees {
        true => "this is the report that the contract names, and that every party signs with it",
        false => "the contract names another report, or none: this node will not sign it",
    };
    format!("{}\n{verdict}{}", view.text, opinions(&view.auditors))
}

fn opinions(auditors: &[OpinionView]) -> String {
    if auditors.is_empty() {
        return String::new();
    }
    let rows = auditors.iter().map(|view| {
        let opinion = view.opinion.clone().unwrap_or_else(|| "not given yet".to_owned());
        [view.auditor.clone(), opinion, view.reason.clone().unwrap_or_default()]
    });
    format!("\n\n{}", table(&["auditor", "opinion", "reason"], rows))
}

impl Sign {
    fn run(self, session: &Session) -> Result<(), Error> {
        match self.dir {
            Some(dir) if self.offline => {
                let contract: contract::Contract = files::read_json(Path::new(&self.contract))?;
                let signature = node::setup::sign_offline(&dir, &contract)?;
                let text = json(&signature)?;
                session.output.answer(&signature, || text)
            }
            _ => {
                let recorded = session.client()?.sign(&self.contract)?;
                session
                    .output
                    .answer(&recorded, || format!("signed with entry {} of the ledger", recorded.entry))
            }
        }
    }
}

pub(super) fn reasons(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| format!("\n  - {}", reason.message)).collect()
}
