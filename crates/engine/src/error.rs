//! What can go wrong, and who is at fault.

use crate::session::Party;

/// Why a computation stopped. Nothing was revealed by the operation that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The connection to a peer ended before the computation did.
    #[error("{party} is gone: its connection closed before the computation ended")]
    PeerGone {
        /// The peer that is gone.
        party: Party,
    },
    /// A peer sent nothing for as long as the transport waits.
    #[error("{party} sent nothing for {waited_ms} ms")]
    TimedOut {
        /// The silent peer.
        party: Party,
        /// How long its message was awaited.
        waited_ms: u64,
    },
    /// A peer sent a message of another size than the protocol's.
    #[error("{party} sent a message of {found} bytes where the protocol has {expected}")]
    Malformed {
        /// The sender.
        party: Party,
        /// Bytes that the protocol has at this place.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// A share message can't be read.
    #[error("share message: {0}")]
    ShareMessage(#[from] ShareMessageFault),
    /// Two compute parties hold different copies of what must be equal.
    #[error("component {component} differs between {first} and {second}: one of them is at fault")]
    CopiesDiffer {
        /// Which additive component.
        component: usize,
        /// One holder.
        first: Party,
        /// The other holder.
        second: Party,
    },
    /// Operands have different lengths.
    #[error("`{operation}` on columns of {left} and {right} rows: the lengths must be equal")]
    Lengths {
        /// The operation.
        operation: &'static str,
        /// Rows of the first operand.
        left: usize,
        /// Rows of the second operand.
        right: usize,
    },
    /// Operands have rows of different widths.
    #[error("`{operation}` on rows of {left} and {right} bits: the widths must be equal")]
    Widths {
        /// The operation.
        operation: &'static str,
        /// Bits in a row of the first operand.
        left: usize,
        /// Bits in a row of the second operand.
        right: usize,
    },
    /// A parameter of an operation is out of its range.
    #[error("`{operation}`: {parameter} is {found}, but must be at most {most}")]
    OutOfRange {
        /// The operation.
        operation: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        found: u64,
        /// The largest value that works.
        most: u64,
    },
    /// An operation needs wider numbers than the session's.
    #[error("`{operation}` needs numbers of {needed} bits, but this session's have {found}")]
    Narrow {
        /// The operation.
        operation: &'static str,
        /// Bits that it needs.
        needed: u32,
        /// Bits of the session's numbers.
        found: u32,
    },
    /// Opened places of rows aren't a permutation: a party deviates.
    #[error(
        "the opened places of {rows} rows are not a permutation: a compute party deviates from the protocol"
    )]
    NotAPermutation {
        /// Rows.
        rows: usize,
    },
    /// The owner of an input didn't give its values, or another party did.
    #[error("input of {owner}: {found}")]
    Input {
        /// Whose input it is.
        owner: Party,
        /// What is wrong.
        found: &'static str,
    },
    /// A scheme was started with a number of parties for which it isn't made.
    #[error("scheme `{scheme}` runs with {expected} compute parties, but {found} were given")]
    Parties {
        /// The scheme.
        scheme: &'static str,
        /// Parties that it needs.
        expected: usize,
        /// Parties that were given.
        found: usize,
    },
    /// A scheme can't be set up against so many parties among so many.
    #[error("among {parties} compute parties a threshold of {threshold} is not possible: {reason}")]
    Threshold {
        /// Compute parties.
        parties: usize,
        /// How many of them may be corrupted.
        threshold: usize,
        /// What stands against it.
        reason: &'static str,
    },
    /// Shares that should lie on one polynomial don't.
    #[error("the shares of the compute parties contradict each other: one of them is at fault")]
    Inconsistent,
    /// Parties may vanish, but this operation was not prepared for that.
    #[error("the computation does something for which nothing was prepared")]
    Unprepared,
    /// A party sent something else where all parties send the same.
    #[error("{party} is not where the others are in the protocol")]
    OutOfStep {
        /// The sender.
        party: Party,
    },
    /// What was computed since the last check contains an error that another party made.
    #[error("the check of {checked} failed: one of the other compute parties deviates from the protocol")]
    CheckFailed {
        /// What was checked.
        checked: &'static str,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
}

/// What is wrong with the bytes of a share message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareMessageFault {
    /// It isn't as long as its row count says.
    #[error("it has {found} bytes, but {expected} were expected for the stated rows")]
    Size {
        /// Bytes that the rows need.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// It belongs to another scheme.
    #[error("it was made for scheme number {found}, but this is number {expected}")]
    Scheme {
        /// This scheme's number.
        expected: u8,
        /// The number found.
        found: u8,
    },
    /// Its elements are of another ring.
    #[error(
        "its elements are of ring number {found}, but {expected} was expected (1: 64 bits, 2: 128 bits, 3: packed bits)"
    )]
    Ring {
        /// The ring's number here.
        expected: u8,
        /// The number found.
        found: u8,
    },
    /// Its elements are of no ring that is known here.
    #[error("its elements are of ring number {found}, which is unknown here")]
    UnknownRing {
        /// The number found.
        found: u8,
    },
    /// A byte that must be zero isn't.
    #[error("its reserved byte is {found}, but must be 0")]
    Reserved {
        /// The byte found.
        found: u8,
    },
    /// It was made for, or by, another party.
    #[error("it belongs to {found}, but that of {expected} was expected")]
    Party {
        /// The party whose message is expected.
        expected: Party,
        /// The party found.
        found: Party,
    },
    /// It holds another number of rows than agreed.
    #[error("it holds {found} rows, but {expected} were agreed")]
    Rows {
        /// The agreed number.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// There isn't one message of each compute party.
    #[error("{found} messages came, but one from each of {expected} compute parties is needed")]
    Count {
        /// Compute parties.
        expected: usize,
        /// Messages found.
        found: usize,
    },
}

/// The result of a computation.
pub type Result<T, E = Error> = std::result::Result<T, E>;
