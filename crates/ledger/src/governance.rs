//! What members can decide together, and how votes are counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use contract::{Did, Hash, Signature};
use serde::{Deserialize, Serialize};

use crate::Card;

/// The version of the state machine that this build computes.
pub const PROTOCOL: u32 = 1;
/// Parts of a whole in shares and rates.
pub const WHOLE: u16 = 10_000;
/// The longest time span of a parameter, in seconds: one year.
const SPAN_MAX: u64 = 366 * 86_400;

/// What is put to the vote. Written as `{"admit": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Motion {
    /// Takes an organisation into the alliance.
    Admit(Box<Card>),
    /// Puts a member out; it has no vote in this.
    Expel {
        /// Which.
        member: Did,
        /// Why; 1 to 1000 bytes.
        reason: String,
    },
    /// Lets the proposer leave.
    Release {
        /// The proposer.
        member: Did,
    },
    /// Changes a number that the rules use.
    SetParameter {
        /// Which.
        parameter: Parameter,
        /// To what.
        value: u64,
    },
    /// Changes how fees are split where a contract leaves it to the alliance.
    SetShares(Shares),
    /// Changes how much a member's vote weighs.
    SetWeight {
        /// Whose.
        member: Did,
        /// To what; 1 for everybody at first.
        weight: u32,
    },
    /// Makes another version of the rules hold from an entry on. Nodes that don't have it stop there.
    AdoptProtocol {
        /// The next version.
        version: u32,
        /// Index of the first entry under it.
        from: u64,
    },
    /// Creates points.
    Issue {
        /// For whom.
        to: Did,
        /// How many.
        points: u64,
    },
    /// Destroys points.
    Burn {
        /// Whose.
        from: Did,
        /// How many.
        points: u64,
    },
    /// Lets another member's node order the log from the next entry on.
    HandOver {
        /// Which member.
        to: Did,
    },
    /// Gives a member another key when the old one is lost.
    ReplaceKey {
        /// Which member.
        member: Did,
        /// The new key.
        key: Did,
        /// By the new key, as [`prove_key`](crate::identity::prove_key) makes it.
        proof: Signature,
    },
    /// Decides a dispute in the arbiters' place.
    Decide {
        /// Which.
        dispute: Hash,
        /// For the challenger or against.
        uphold: bool,
    },
    /// Lets a regulator stop contracts with a party of its jurisdiction, or no longer.
    SetStopRight {
        /// Which.
        regulator: Did,
        /// Given or taken.
        granted: bool,
    },
}

/// How fees are split, in parts of 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// Of all data providers together.
    pub providers: u16,
    /// Of all compute parties together.
    pub compute_parties: u16,
    /// Of all algorithm providers together.
    pub algorithm_providers: u16,
}

/// A number that the rules use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parameter {
    /// Points that a proposer deposits.
    ProposalDeposit,
    /// How long a vote stays open, in seconds.
    VotingSeconds,
    /// How much of all weight must have voted, of 10,000.
    Participation,
    /// How much of the weight that voted must be for it, of 10,000.
    WinRate,
    /// How many members must stand behind a checkpoint.
    Quorum,
    /// The smallest floor that a contract may have, in rows.
    FloorRows,
    /// The smallest fee of a run, in points.
    FeeMin,
    /// How long an owner may take to answer a request for access, in seconds.
    ReviewSeconds,
    /// How long a run, a token or a claim can be challenged, in seconds.
    DisputeSeconds,
    /// Points that a challenger deposits.
    DisputeDeposit,
    /// How many members decide a dispute; 0 for all.
    Arbiters,
}

impl Parameter {
    /// All parameters, in order.
    pub const ALL: [Self; 11] = [
        Self::ProposalDeposit,
        Self::VotingSeconds,
        Self::Participation,
        Self::WinRate,
        Self::Quorum,
        Self::FloorRows,
        Self::FeeMin,
        Self::ReviewSeconds,
        Self::DisputeSeconds,
        Self::DisputeDeposit,
        Self::Arbiters,
    ];

    /// Its name, first value, smallest and largest value. The quorum begins as founded.
    const fn row(self) -> (&'static str, u64, u64, u64) {
        match self {
            Self::ProposalDeposit => ("proposal-deposit", 0, 0, 1 << 40),
            Self::VotingSeconds => ("voting-seconds", 7 * 86_400, 60, SPAN_MAX),
            Self::Participation => ("participation", 5_000, 1, WHOLE as u64),
            Self::WinRate => ("win-rate", 5_001, 5_001, WHOLE as u64),
            Self::Quorum => ("quorum", 0, 1, crate::alliance::MEMBERS_MAX as u64),
            Self::FloorRows => ("floor-rows", 1, 1, 1 << 40),
            Self::FeeMin => ("fee-min", 0, 0, 1 << 40),
            Self::ReviewSeconds => ("review-seconds", 7 * 86_400, 60, SPAN_MAX),
            Self::DisputeSeconds => ("dispute-seconds", 14 * 86_400, 60, SPAN_MAX),
            Self::DisputeDeposit => ("dispute-deposit", 0, 0, 1 << 40),
            Self::Arbiters => ("arbiters", 0, 0, crate::alliance::MEMBERS_MAX as u64),
        }
    }

    /// The values that it may have.
    pub const fn range(self) -> (u64, u64) {
        let (_, _, min, max) = self.row();
        (min, max)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().0)
    }
}

/// All numbers that members can vote on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameters {
    numbers: BTreeMap<Parameter, u64>,
    /// How fees are split where a contract leaves it to the alliance.
    pub shares: Shares,
    /// Weights of votes other than 1.
    pub weights: BTreeMap<Did, u32>,
    /// Regulators that may stop contracts.
    pub stop_rights: BTreeSet<Did>,
    /// Versions of the rules and the entries from which they hold, ascending.
    pub protocols: Vec<(u64, u32)>,
}

impl Parameters {
    pub(crate) fn founding(quorum: u16) -> Self {
        let mut numbers: BTreeMap<_, _> =
            Parameter::ALL.iter().map(|parameter| (*parameter, parameter.row().1)).collect();
        numbers.insert(Parameter::Quorum, quorum.into());
        let shares = Shares { providers: 7_000, compute_parties: 2_000, algorithm_providers: 1_000 };
        Self {
            numbers,
            shares,
            weights: BTreeMap::new(),
            stop_rights: BTreeSet::new(),
            protocols: vec![(0, 1)],
        }
    }

    /// A number's present value.
    pub fn number(&self, parameter: Parameter) -> u64 {
        self.numbers.get(&parameter).copied().unwrap_or_else(|| parameter.row().1)
    }

    pub(crate) fn set(&mut self, parameter: Parameter, value: u64) {
        self.numbers.insert(parameter, value);
    }

    /// How much a member's vote weighs.
    pub fn weight(&self, member: &Did) -> u64 {
        self.weights.get(member).copied().unwrap_or(1).into()
    }

    /// The version of the rules for the entry at that index.
    pub fn protocol(&self, index: u64) -> u32 {
        self.protocols.iter().rev().find(|(from, _)| *from <= index).map_or(1, |(_, version)| *version)
    }
}

/// The state of a vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Weight of all that may vote.
    pub total: u64,
    /// Weight that voted.
    pub voted: u64,
    /// Weight that voted for it.
    pub approving: u64,
}

impl Tally {
    /// Counts the votes of those who may vote now.
    pub fn count(
        parameters: &Parameters,
        electorate: impl IntoIterator<Item = Did>,
        votes: &BTreeMap<Did, bool>,
    ) -> Self {
        let mut tally = Self::default();
        for member in electorate {
            let weight = parameters.weight(&member);
            tally.total += weight;
            if let Some(approve) = votes.get(&member) {
                tally.voted += weight;
                tally.approving += if *approve { weight } else { 0 };
            }
        }
        tally
    }

    /// Whether enough have voted, and enough of these for it.
    pub fn wins(&self, parameters: &Parameters) -> bool {
        self.voted > 0
            && reaches(self.voted, parameters.number(Parameter::Participation), self.total)
            && reaches(self.approving, parameters.number(Parameter::WinRate), self.voted)
    }

    /// The outcome, once no vote that is still out can change it.
    pub fn settled(&self, parameters: &Parameters) -> Option<bool> {
        let out = self.total.saturating_sub(self.voted);
        let at_worst = Self { voted: self.total, ..*self };
        let at_best = Self { voted: self.total, approving: self.approving + out, ..*self };
        if at_worst.wins(parameters) && self.wins(parameters) {
            Some(true)
        } else if at_best.wins(parameters) {
            None
        } else {
            Some(false)
        }
    }
}

/// Whether `part` is at least `rate` of 10,000 parts of `whole`.
fn reaches(part: u64, rate: u64, whole: u64) -> bool {
    u128::from(part) * u128::from(WHOLE) >= u128::from(rate) * u128::from(whole)
}

/// How a proposal ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// Accepted, and carried out by the same entry.
    Passed,
    /// Too few votes, or too few for it.
    Rejected,
    /// Accepted, but no longer possible; nothing was changed.
    Void {
        /// The rule that stood in the way.
        rule: String,
    },
}

/// A proposal and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Who made it.
    pub by: Did,
    /// The entry that brought it.
    pub proposed: u64,
    /// What is proposed.
    pub motion: Motion,
    /// Why.
    pub text: String,
    /// Points held until it is decided.
    pub deposit: u64,
    /// Votes count before this time, seconds since 1970.
    pub closes: u64,
    /// Who voted, and whether for it.
    pub votes: BTreeMap<Did, bool>,
    /// How it ended, and the entry.
    pub verdict: Option<(u64, Verdict)>,
}

/// Names a proposal, a request, a token or a dispute: the id of the transaction that made it.
pub type Id = Hash;
