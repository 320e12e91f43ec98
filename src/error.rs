//! Everything that a command can fail with, and what the shell is told.

use std::io;
use std::path::{Path, PathBuf};

use api::ClientError;
use api::profile::ProfileError;
use gateway::GatewayError;
use node::NodeError;
use node::setup::SetupError;
use thiserror::Error;

use crate::bench::BenchError;
use crate::demo::DemoError;
use crate::files::FileError;

/// Why a command did not do what it was asked to do.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The words of the command do not make sense together.
    #[error("{message}\n  try: {next}")]
    Usage {
        /// What is wrong.
        message: String,
        /// The command that explains.
        next: String,
    },
    /// The node said no, or could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Nobody knows which node to ask.
    #[error(
        "no profile is named\n  try: give `--profile DIR/profile.json`, or set TREATY_PROFILE; `treaty node init` makes one"
    )]
    NoProfile,
    /// The profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A node's directory or an alliance's document.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The node itself.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A measurement.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// A file that the user wrote.
    #[error(transparent)]
    File(#[from] FileError),
    /// A proof that does not prove.
    #[error("`{}` proves nothing: {flaw}", path.display())]
    Unproven {
        /// The proof.
        path: PathBuf,
        /// What is wrong with it.
        flaw: Box<ledger::proof::Flaw>,
    },
    /// Shares that are not what a compute party committed to.
    #[error(
        "what is shown as the shares of `{party}` of v{value} does not hold: {reason}\n  try: treaty run commitments RUN"
    )]
    NotOpened {
        /// Whose, as it says.
        party: String,
        /// Of which value.
        value: u32,
        /// Why not.
        reason: String,
    },
    /// A query that the datasets' terms forbid.
    #[error("the terms forbid the query, and no node would sign it:{why}\n  try: treaty query explain")]
    Forbidden {
        /// Every reason, one a line, each beginning with a line feed.
        why: String,
    },
    /// A contract that did not become active in time.
    #[error("contract {contract} is {state}; not signed by: {}\n  try: `treaty contract show {contract}`, and once all signed, `treaty query --contract {contract}`", missing.join(", "))]
    NotAgreed {
        /// Which.
        contract: String,
        /// Its state.
        state: String,
        /// Whose signatures are missing.
        missing: Vec<String>,
    },
    /// A run that did not complete.
    #[error("run {run} is {state}{why}\n  try: treaty run show {run}")]
    RunNotCompleted {
        /// Which.
        run: String,
        /// Where it ended.
        state: String,
        /// Every reason, one a line, each beginning with a line feed.
        why: String,
    },
    /// The demonstration.
    #[error(transparent)]
    Demo(#[from] Box<DemoError>),
    /// The gateway for PostgreSQL's clients.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Standard output is closed, or full.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// 2 for a command that makes no sense, 1 for one that was refused or failed.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } | Self::NoProfile => 2,
            _ => 1,
        }
    }

    /// The rule that refused, for programs.
    pub(crate) fn rule(&self) -> &str {
        match self {
            Self::Usage { .. } | Self::NoProfile => "usage",
            Self::Client(error) => error.rule().unwrap_or("unreachable"),
            Self::Profile(_) => "profile",
            Self::Setup(_) => "setup",
            Self::Node(_) => "node",
            Self::File(_) => "file",
            Self::Unproven { .. } => "unproven",
            Self::NotOpened { .. } => "not-opened",
            Self::Forbidden { .. } => "forbidden-by-terms",
            Self::NotAgreed { .. } => "not-agreed",
            Self::RunNotCompleted { .. } => "run-not-completed",
            Self::Bench(_) => "bench",
            Self::Demo(_) => "demo",
            Self::Gateway(_) => "gateway",
            Self::Output(_) => "output",
        }
    }

    /// A command whose words do not go together; `next` explains.
    pub(crate) fn usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), next: next.into() }
    }

    /// A proof's flaw.
    pub(crate) fn unproven(path: &Path, flaw: ledger::proof::Flaw) -> Self {
        Self::Unproven { path: path.to_owned(), flaw: Box::new(flaw) }
    }
}

impl From<DemoError> for Error {
    fn from(error: DemoError) -> Self {
        Self::Demo(Box::new(error))
    }
}
