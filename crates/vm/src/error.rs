//! Why a run, a dealing or a combination failed.

use engine::session::Party;
use program::{Fault, Flaw, Kind, ValueId};
use thiserror::Error as ThisError;

/// What went wrong, and at whom. No message shows a value.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Error {
    /// No scheme of that name.
    #[error("`{name}` is no scheme that this build runs; it runs {known}")]
    UnknownScheme {
        /// The name given.
        name: String,
        /// The names that would do.
        known: &'static str,
    },
    /// Not a program that may run.
    #[error(transparent)]
    Refused(#[from] Flaw),
    /// An operation for which the scheme's numbers are too narrow. Nothing was sent.
    #[error(
        "{operation} at {at} needs numbers of {needed} bits, but those of scheme `{scheme}` have {found}"
    )]
    TooNarrow {
        /// The operation's name, or `input`.
        operation: &'static str,
        /// The value that it defines.
        at: ValueId,
        /// Bits that it needs.
        needed: u32,
        /// The scheme.
        scheme: &'static str,
        /// Bits of its numbers.
        found: u32,
    },
    /// The program's own constants break a width that it promises.
    #[error(transparent)]
    Constants(#[from] Fault),
    /// A value of which no share messages can be kept. Nothing was sent.
    #[error("shares of {value} cannot be kept: {reason}")]
    NotKept {
        /// Which.
        value: ValueId,
        /// Why.
        reason: &'static str,
    },
    /// More or fewer share messages than the program has inputs.
    #[error("the program has {expected} inputs, but share messages for {found} were given")]
    InputCount {
        /// The program's inputs.
        expected: usize,
        /// The messages given.
        found: usize,
    },
    /// An input's share message that cannot be read.
    #[error("input `{name}`: {source}")]
    Input {
        /// The input.
        name: String,
        /// What is wrong with its message.
        source: engine::Error,
    },
    /// The parties could not set up their keys.
    #[error("setting up the session: {source}")]
    Setup {
        /// What went wrong.
        source: engine::Error,
    },
    /// The computation stopped. Nothing was opened.
    #[error("{operation} at {at}: {source}")]
    Step {
        /// The operation's name.
        operation: &'static str,
        /// The first of the values that were being computed.
        at: ValueId,
        /// What went wrong.
        source: engine::Error,
    },
    /// An output could not be sealed. Nothing was opened.
    #[error("output `{name}`: {source}")]
    Output {
        /// The output.
        name: String,
        /// What went wrong.
        source: engine::Error,
    },
    /// An element that is not of the kind it is dealt as.
    #[error("row {row} is no {kind} that can be shared")]
    NotShareable {
        /// The row, from 0.
        row: usize,
        /// The kind.
        kind: Kind,
    },
    /// Share messages that cannot be read or that contradict each other, or a session that broke.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

impl Error {
    /// The compute party that is gone, silent or malformed, when that is what stopped the run.
    pub fn party(&self) -> Option<Party> {
        let (Self::Setup { source }
        | Self::Step { source, .. }
        | Self::Output { source, .. }
        | Self::Engine(source)) = self
        else {
            return None;
        };
        match source {
            engine::Error::PeerGone { party }
            | engine::Error::TimedOut { party, .. }
            | engine::Error::Malformed { party, .. } => Some(*party),
            _ => None,
        }
    }
}
