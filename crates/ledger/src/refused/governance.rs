//! Rules about votes and points.

use contract::{Did, Hash};

use super::table::{When, rules};
use crate::governance::{PROTOCOL, Parameter};

rules! {
    /// Why a proposal, a vote or what it would do is not accepted.
    GovernanceRule {
        /// Nobody made it.
        "unknown-proposal" UnknownProposal(Hash) = "proposal {0} is not on the ledger",
        /// It has ended.
        "proposal-decided" Decided(Hash) = "proposal {0} is already decided",
        /// Too late.
        "vote-closed" Closed(Hash, When) = "the vote on proposal {0} closed on {1}",
        /// One vote each.
        "already-voted" AlreadyVoted(Did, Hash) = "`{0}` has already voted on {1}",
        /// Nobody votes on its own expulsion.
        "no-vote-on-oneself" OnOneself(Did) = "`{0}` has no vote in this: it is about itself",
        /// Out of bounds.
        "parameter-range" Range(Parameter, u64, u64, u64) = "`{0}` may be {1} to {2}, found {3}",
        /// Shares of a whole.
        "shares" Shares(u32) = "the shares must sum to 10000 parts, found {0}",
        /// An identity is admitted once.
        "already-seated" Seated(Did) = "`{0}` is or was in the alliance",
        /// Names are for ever, as they are in the paths of datasets.
        "name-taken" NameTaken(String) = "the name `{0}` is or was another member's",
        /// Too many.
        "alliance-full" Full(usize) = "the alliance has {0} members already, which is all that it can have",
        /// Not in the alliance now.
        "not-seated" NotSeated(Did) = "`{0}` is not in the alliance",
        /// Only members have votes and points.
        "not-a-voter" NotAVoter(Did) = "`{0}` is not a full member of the alliance",
        /// Leaving is a member's own wish.
        "not-own-leave" NotOwnLeave(Did) = "only `{0}` itself can propose that it leaves",
        /// Somebody must order the log.
        "operator-stays" OperatorStays(Did) = "`{0}` orders the log and cannot leave before it has handed the log over",
        /// All order together.
        "nobody-alone" NobodyAlone = "no member alone orders this log, so that none can hand it over",
        /// It does so now.
        "orders-already" OrdersAlready(Did) = "`{0}` orders the log already",
        /// Versions count up.
        "protocol-not-newer" ProtocolNotNewer(u32, u32) = "the rules are at version {0}, the next one cannot be {1}",
        /// Nodes must have time to change.
        "protocol-too-soon" ProtocolTooSoon(u64, u64) = "a version of the rules holds from entry {0} on at the earliest, found {1}",
        /// This build computes other rules.
        "protocol-unknown" ProtocolUnknown(u64, u32) = "from entry {0} on the alliance uses version {1} of the rules and this build has {PROTOCOL}: install a build that has it",
        /// Smaller groups than the alliance allows.
        "floor-below-alliance" FloorBelow(u64, u64) = "contracts of this alliance have a floor of at least {0} rows, found {1}",
        /// A smaller fee than the alliance allows.
        "fee-below-alliance" FeeBelow(u64, u64) = "a run in this alliance costs at least {0} points, found {1}",
    }
}

rules! {
    /// Why points don't move.
    PointsRule {
        /// Too few.
        "too-few-points" TooFew(Did, u64, u64) = "`{0}` has {1} points, this takes {2}",
        /// Nothing to do.
        "no-points" None = "at least one point must move",
        /// From and to the same account.
        "points-to-oneself" ToOneself = "points go to another member",
        /// More than can be counted exactly.
        "too-many-points" TooMany = "all points together must stay below 2^53",
    }
}
