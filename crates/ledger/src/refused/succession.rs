//! Rules about who goes on as operator when the one there is cannot hand the log over.

use contract::{Did, Hash};

use super::table::rules;

rules! {
    /// Why a succession is not accepted.
    SuccessionRule {
        /// All order together.
        "succession-nobody-alone" NobodyAlone = "no member alone orders this log, so that none can succeed it",
        /// Not another one.
        "succession-same" OrdersAlready(Did) = "`{0}` orders the log already: it can hand it over by vote",
        /// Only full members order.
        "succession-no-member" NotAMember(Did) = "`{0}` was not a full member where the log ends, and cannot order it",
        /// The operator, regulators and strangers have none.
        "succession-no-voice" NoVoice(Did) = "`{0}` has no voice in this: only full members do, without the operator that is succeeded",
        /// Not by its key of that size, or over something else.
        "succession-forged" Forged(Did) = "the signature of `{0}` is not by its key over this succession: let it sign again",
        /// Two members, or a quorum of all.
        "succession-impossible" Impossible(usize, usize) = "nobody can go on in the operator's place here: {0} members must stand behind it, and there are {1} without the operator. Restore the operator's key and node from their backup, or found another alliance: what stands on this ledger stays proven",
        /// Not enough.
        "succession-too-few" TooFew(usize, usize, usize) = "{0} members signed, {1} are needed of the {2} without the operator",
        /// It takes effect where it was signed for.
        "succession-size" Size(u64, u64) = "the succession is of a log of {1} entries, this one has {0}: sign again where it ends",
        /// Another log of the same size.
        "succession-root" Root(Hash, Hash) = "the succession is of a log with root {1}, this one has {0}",
        /// Everybody takes it over for itself.
        "succession-not-yours" NotYours(Did, Did) = "`{0}` cannot take the log over: it was signed for `{1}`",
        /// The operator of now doesn't order its own succession.
        "succession-elsewhere" Elsewhere = "a succession is ordered by the node that takes the log over: `treaty alliance succeed take` there",
    }
}
