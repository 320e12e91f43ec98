//! Why a demonstration failed.

use std::io;
use std::path::PathBuf;

use api::ClientError;
use api::profile::ProfileError;
use node::setup::SetupError;
use thiserror::Error;

use super::oracle::OracleError;
use crate::files::FileError;

/// Why a demonstration failed. The nodes' logs stay where `--dir` says.
#[derive(Debug, Error)]
pub(crate) enum DemoError {
    /// No such scenario.
    #[error("`{name}` is neither a shipped scenario ({known}) nor a directory with a scenario.toml")]
    UnknownScenario {
        /// As given.
        name: String,
        /// The shipped ones.
        known: String,
    },
    /// The scenario's file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The scenario names something that it does not define.
    #[error("scenario.toml: {place} names the {what} `{name}`, which it does not define; it has {known}")]
    Undefined {
        /// Where.
        place: String,
        /// `member`, `contract` …
        what: &'static str,
        /// The name.
        name: String,
        /// All such names.
        known: String,
    },
    /// The directory for the demonstration.
    #[error("`{}` is not empty; choose another directory with --dir", .0.display())]
    Occupied(PathBuf),
    /// A file or process of this machine.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A node did not come up.
    #[error("the node of `{member}` did not start within {seconds} s; the end of its log, {log}:\n{tail}", log = log.display())]
    NotReady {
        /// Whose.
        member: String,
        /// How long was waited.
        seconds: u64,
        /// Where it logs.
        log: PathBuf,
        /// Last lines.
        tail: String,
    },
    /// Keys, cards, founding.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A profile that was just made.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A node refused, or could not be asked.
    #[error("the node of `{member}`: {source}")]
    Client {
        /// Whose node.
        member: String,
        /// What it said.
        source: Box<ClientError>,
    },
    /// A file of a dataset is neither CSV nor Parquet.
    #[error("`{}` ends neither in .csv nor in .parquet", .0.display())]
    Format(PathBuf),
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s")]
    TooLate {
        /// What.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The terms do not permit a contract that the scenario wants to run.
    #[error("contract `{contract}` breaks terms:{why}")]
    NotPermitted {
        /// By its name in the scenario.
        contract: String,
        /// Every reason, each beginning with a line feed.
        why: String,
    },
    /// A run that should have completed.
    #[error("run {run} of `{contract}` is {state}{why}")]
    NotCompleted {
        /// By its name in the scenario.
        contract: String,
        /// The run.
        run: String,
        /// Where it ended.
        state: String,
        /// Every reason, each beginning with a line feed.
        why: String,
    },
    /// The plaintext answer.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The joint answer is another one than the plaintext answer.
    #[error("the result of `{contract}` differs from the answer in plaintext:{what}")]
    Differs {
        /// By its name in the scenario.
        contract: String,
        /// Every difference, each beginning with a line feed.
        what: String,
    },
    /// Points appeared or vanished.
    #[error("settlement: all points together were {before} and are {after}")]
    PointsLost {
        /// Before.
        before: u64,
        /// After.
        after: u64,
    },
    /// A proof that does not prove.
    #[error("the exported proof does not verify: {0}")]
    Unproven(String),
    /// Something was done that had to be refused.
    #[error("`{what}` was not refused: {happened}")]
    NotRefused {
        /// The trial.
        what: String,
        /// What happened instead.
        happened: String,
    },
    /// Something was refused, but for another reason.
    #[error("`{what}` was refused as `{found}`, expected `{expected}`: {message}")]
    RefusedOtherwise {
        /// The trial.
        what: String,
        /// The rule that had to refuse.
        expected: String,
        /// The rule that did.
        found: String,
        /// What it said.
        message: String,
    },
    /// After a crash something was lost or gained.
    #[error("`{what}`: {detail}")]
    Broken {
        /// The trial.
        what: String,
        /// What was expected and found.
        detail: String,
    },
}

impl DemoError {
    /// For `map_err`: a system call that failed.
    pub(super) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// For `map_err`: a call to a member's node that failed.
    pub(super) fn client(member: &str) -> impl FnOnce(ClientError) -> Self {
        let member = member.to_owned();
        move |source| Self::Client { member, source: Box::new(source) }
    }
}
