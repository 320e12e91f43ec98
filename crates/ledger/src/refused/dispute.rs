//! Rules about disputes.

use contract::{Did, Hash};

use super::table::{When, rules};

rules! {
    /// Why a challenge or a decision on it is not accepted.
    DisputeRule {
        /// Only what has ended.
        "run-not-ended" RunNotEnded(Hash) = "run {0} has not ended: it can be challenged then",
        /// Only who is concerned.
        "not-concerned" NotConcerned(Did) = "`{0}` is not concerned by this and cannot challenge it",
        /// Too late.
        "window-over" WindowOver(When) = "this could be challenged until {0}",
        /// Once.
        "already-challenged" AlreadyChallenged(Hash) = "dispute {0} is about this already",
        /// Not a party to it.
        "wrongly-accused" WronglyAccused(Did) = "`{0}` has no part in what is challenged",
        /// Too much of it.
        "evidence-count" EvidenceCount(usize) = "a challenge or claim gives at most 64 hashes of evidence, found {0}",
        /// No such dispute.
        "unknown-dispute" UnknownDispute(Hash) = "dispute {0} is not on the ledger",
        /// It is over.
        "dispute-decided" Decided(Hash) = "dispute {0} is decided",
        /// A minute after the challenge.
        "arbiters-not-drawn" NotDrawn(Hash) = "the arbiters of dispute {0} are drawn with the first entry from a minute after it on",
        /// Others decide.
        "not-an-arbiter" NotAnArbiter(Did, Hash) = "`{0}` is not an arbiter of dispute {1}",
        /// Once.
        "already-arbitrated" AlreadyArbitrated(Did, Hash) = "`{0}` has already decided on dispute {1}",
    }
}
