//! What a run tells: while it goes on, and afterwards.

use engine::{mpc::Cost, session::Party};
use program::ValueId;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Instructions that are computed.
    pub done: usize,
    /// Instructions that the outputs need.
    pub of: usize,
    /// What begins now; `None` when the last one is done and the outputs are sealed.
    pub operation: Option<&'static str>,
}

/// What a compute party holds after a run.
#[derive(Debug)]
pub struct RunOutput {
    /// For each of the program's outputs, this party's sealed share message for the receivers.
    pub outputs: Vec<Vec<u8>>,
    /// For each value that was to be kept, this party's share message of it: a fresh sharing, as of an output.
    pub kept: Vec<Vec<u8>>,
    /// Rounds, bytes and messages of the whole run.
    pub cost: Cost,
    /// The same for each merged group of instructions that needed messages, in the order of their start.
    pub instructions: Vec<Measured>,
    /// Bytes of what was prepared for the run, held from its first step on; 0 in schemes that prepare nothing.
    pub prepared_bytes: u64,
    /// What went to and came from each peer that did not vanish, in the order of the parties.
    pub transcripts: Vec<Transcript>,
}

/// Instructions that ran as one, and their time.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What ran, and its cost by this party's own count.
    pub instructions: InstructionCost,
    /// Wall-clock time; that of groups that ran at the same time overlaps.
    pub seconds: f64,
}

/// The cost of instructions that run as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstructionCost {
    /// The operation's name.
    pub operation: &'static str,
    /// The values that they define.
    pub values: Vec<ValueId>,
    /// Rows of all of them together.
    pub rows: u64,
    /// Rounds, bytes and messages; rounds of groups that run at the same time overlap.
    pub cost: Cost,
}

/// The frames between this party and one peer. When both are honest, what one sent is what the other received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// The peer.
    pub peer: Party,
    /// Digest of all frames sent.
    pub sent: [u8; 32],
    /// Digest of all frames received.
    pub received: [u8; 32],
    /// Bytes in the bodies of the frames sent.
    pub bytes_sent: u64,
    /// Bytes in the bodies of the frames received.
    pub bytes_received: u64,
}
