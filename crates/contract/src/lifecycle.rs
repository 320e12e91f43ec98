//! The life of a contract on the ledger, as one table.
//!
//! `docs/contract-lifecycle.md` is printed from [`TABLE`] and held equal to it by a test.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a contract stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// On the ledger, not yet signed by all parties.
    Proposed,
    /// Signed by all parties; runs may start within its limits.
    Active,
    /// Every use is taken; the run that took the last one may still be under way.
    Exhausted,
    /// Its window has passed.
    Expired,
    /// A party withdrew.
    Revoked,
    /// Another contract took its place.
    Superseded,
    /// The evidence of a run disagrees; no run starts until arbitration has decided.
    Disputed,
}

impl State {
    /// All states, in the order of a contract's life.
    pub const ALL: [Self; 7] = [
        Self::Proposed,
        Self::Active,
        Self::Exhausted,
        Self::Expired,
        Self::Revoked,
        Self::Superseded,
        Self::Disputed,
    ];

    /// The state that follows an event.
    ///
    /// # Errors
    /// [`NotAllowed`] when [`TABLE`] has no such row; the state then stays as it is.
    pub fn after(self, event: Event) -> Result<Self, NotAllowed> {
        TABLE
            .iter()
            .find(|row| row.from == self && row.on == event)
            .map(|row| row.to)
            .ok_or(NotAllowed { state: self, event })
    }

    /// No run will ever start again under this contract.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Expired | Self::Revoked | Self::Superseded)
    }

    /// The word used in JSON and in texts.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Superseded => "superseded",
            Self::Disputed => "disputed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What happens to a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The last missing signature, or auditor's approval, came in.
    SignedByAll,
    /// A run was requested and took a use.
    UseTaken {
        /// No use is left after it.
        last: bool,
    },
    /// All compute parties signed that a failed run opened nothing, and its use was given back.
    UseReturned,
    /// The ledger's time reached the contract's expiry.
    Expired,
    /// A party revoked its consent.
    Revoked,
    /// A regulator of a party's jurisdiction stopped it.
    Stopped,
    /// An auditor declined the audit report.
    Declined,
    /// A contract that names this one as superseded was signed by all.
    Superseded,
    /// The receipts of a run disagree.
    Disputed,
    /// Arbitration decided the last open dispute.
    DisputeResolved {
        /// Whether uses are left.
        uses_left: bool,
    },
}

impl Event {
    /// All events; those with a condition once for each case.
    pub const ALL: [Self; 12] = [
        Self::SignedByAll,
        Self::UseTaken { last: false },
        Self::UseTaken { last: true },
        Self::UseReturned,
        Self::Expired,
        Self::Revoked,
        Self::Stopped,
        Self::Declined,
        Self::Superseded,
        Self::Disputed,
        Self::DisputeResolved { uses_left: true },
        Self::DisputeResolved { uses_left: false },
    ];
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignedByAll => "signed by all",
            Self::UseTaken { last: false } => "use taken, more left",
            Self::UseTaken { last: true } => "last use taken",
            Self::UseReturned => "use returned",
            Self::Expired => "expiry reached",
            Self::Revoked => "revoked by a party",
            Self::Stopped => "stopped by a regulator",
            Self::Declined => "declined by an auditor",
            Self::Superseded => "superseded",
            Self::Disputed => "evidence disputed",
            Self::DisputeResolved { uses_left: true } => "dispute resolved, uses left",
            Self::DisputeResolved { uses_left: false } => "dispute resolved, no use left",
        })
    }
}

/// An event that cannot happen to a contract in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot happen to a contract that is {state}")]
pub struct NotAllowed {
    /// The state, which stays.
    pub state: State,
    /// The event that was refused.
    pub event: Event,
}

/// One allowed step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: State,
    /// What happens.
    pub on: Event,
    /// After.
    pub to: State,
}

const fn step(from: State, on: Event, to: State) -> Transition {
    Transition { from, on, to }
}

/// Every allowed step; what is not here is refused.
///
/// A run may end after its contract did. Its late events (a use given back, a dispute and its decision) are accepted
/// by the final states and change nothing there: they concern the run and the points, not the contract.
/// A dispute outlives the expiry, so that it cannot be sat out; the ledger expires the contract once it is resolved.
pub const TABLE: &[Transition] = &[
    step(State::Proposed, Event::SignedByAll, State::Active),
    step(State::Proposed, Event::Expired, State::Expired),
    step(State::Proposed, Event::Revoked, State::Revoked),
    step(State::Proposed, Event::Stopped, State::Revoked),
    step(State::Proposed, Event::Declined, State::Revoked),
    step(State::Proposed, Event::Superseded, State::Superseded),
    step(State::Active, Event::UseTaken { last: false }, State::Active),
    step(State::Active, Event::UseTaken { last: true }, State::Exhausted),
    step(State::Active, Event::UseReturned, State::Active),
    step(State::Active, Event::Expired, State::Expired),
    step(State::Active, Event::Revoked, State::Revoked),
    step(State::Active, Event::Stopped, State::Revoked),
    step(State::Active, Event::Superseded, State::Superseded),
    step(State::Active, Event::Disputed, State::Disputed),
    step(State::Exhausted, Event::UseReturned, State::Active),
    step(State::Exhausted, Event::Expired, State::Expired),
    step(State::Exhausted, Event::Revoked, State::Revoked),
    step(State::Exhausted, Event::Stopped, State::Revoked),
    step(State::Exhausted, Event::Superseded, State::Superseded),
    step(State::Exhausted, Event::Disputed, State::Disputed),
    step(State::Expired, Event::UseReturned, State::Expired),
    step(State::Expired, Event::Disputed, State::Expired),
    step(State::Expired, Event::DisputeResolved { uses_left: true }, State::Expired),
    step(State::Expired, Event::DisputeResolved { uses_left: false }, State::Expired),
    step(State::Revoked, Event::UseReturned, State::Revoked),
    step(State::Revoked, Event::Disputed, State::Revoked),
    step(State::Revoked, Event::DisputeResolved { uses_left: true }, State::Revoked),
    step(State::Revoked, Event::DisputeResolved { uses_left: false }, State::Revoked),
    step(State::Superseded, Event::UseReturned, State::Superseded),
    step(State::Superseded, Event::Disputed, State::Superseded),
    step(State::Superseded, Event::DisputeResolved { uses_left: true }, State::Superseded),
    step(State::Superseded, Event::DisputeResolved { uses_left: false }, State::Superseded),
    step(State::Disputed, Event::UseReturned, State::Disputed),
    step(State::Disputed, Event::Expired, State::Disputed),
    step(State::Disputed, Event::Revoked, State::Revoked),
    step(State::Disputed, Event::Stopped, State::Revoked),
    step(State::Disputed, Event::Disputed, State::Disputed),
    step(State::Disputed, Event::DisputeResolved { uses_left: true }, State::Active),
    step(State::Disputed, Event::DisputeResolved { uses_left: false }, State::Exhausted),
];
