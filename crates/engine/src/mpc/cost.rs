//! What a computation used.

use std::fmt;

/// What one party used: to be compared with what an operator states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// The longest chain of messages, each of which waited for the one before it.
    pub rounds: u32,
    /// Bytes in the bodies of the messages that this party sent.
    pub bytes_sent: u64,
    /// Messages that this party sent.
    pub messages_sent: u64,
}

impl Cost {
    /// What was used since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: Self) -> Self {
        Self {
            rounds: self.rounds.saturating_sub(earlier.rounds),
            bytes_sent: self.bytes_sent.saturating_sub(earlier.bytes_sent),
            messages_sent: self.messages_sent.saturating_sub(earlier.messages_sent),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rounds, {} bytes in {} messages", self.rounds, self.bytes_sent, self.messages_sent)
    }
}
