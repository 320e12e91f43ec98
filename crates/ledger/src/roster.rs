//! Who is in the alliance, with which key, from which entry on.
//!
//! A fold over events: the state machine changes it, and a checker of proofs follows it, by the same
//! [`Roster::hear`]. It forgets nothing, so that what was signed with an earlier key can still be checked: a key counts
//! for checkpoints of the sizes in which it was its member's.

use std::collections::{BTreeMap, BTreeSet};

use contract::Did;
use serde::Serialize;

use crate::{
    Alliance,
    alliance::{Card, Standing},
    event::Happening,
    log::Endorsement,
};

/// All that are or were in the alliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Who orders the log, from the first to the present one; none when the members' nodes order it together.
    operators: Vec<Reign>,
    seats: BTreeMap<Did, Seat>,
    /// Quorums and the entries that set them, ascending.
    quorums: Vec<(u64, u16)>,
    /// Entries that changed anything here, ascending.
    changes: Vec<u64>,
}

/// One organisation's place in the alliance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seat {
    /// What it says of itself now.
    pub card: Card,
    /// Its keys from the first to the present one; never empty.
    pub keys: Vec<Tenure>,
    /// The entry that admitted it.
    pub joined: u64,
    /// The entry with which it left.
    pub left: Option<u64>,
    /// Disputes that were decided against it.
    pub strikes: u32,
}

/// The time of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tenure {
    /// Which.
    pub key: Did,
    /// The entry that brought it; it counts for checkpoints with more entries than that.
    pub from: u64,
    /// Put in place by a vote, not by its predecessor.
    pub by_vote: bool,
}

/// The time of one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reign {
    operator: Did,
    /// The entry that said so.
    index: u64,
    /// Entries of the first checkpoint that it signs. The first one over the entry that hands the log over is the last of
    /// the operator before; a successor signs the one over its succession itself.
    first: u64,
}

/// A change of the roster that too few of those before it stand behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The entry that brought it.
    pub index: u64,
    /// Members that signed.
    pub found: usize,
    /// Members needed.
    pub quorum: u16,
}

impl Seat {
    fn new(card: Card, joined: u64) -> Self {
        let keys = vec![Tenure { key: card.member, from: joined, by_vote: false }];
        Self { card, keys, joined, left: None, strikes: 0 }
    }

    /// The key that signs for it now.
    pub fn key(&self) -> Did {
        self.keys.last().map_or(self.card.member, |tenure| tenure.key)
    }

    /// Whether it was in the alliance after `size` entries.
    fn sits_at(&self, size: u64) -> bool {
        (size > self.joined || size == 0) && self.left.is_none_or(|left| size <= left)
    }

    /// The key that signed for it when the log had `size` entries.
    fn key_at(&self, size: u64) -> Option<&Tenure> {
        self.keys.iter().rev().find(|tenure| tenure.from < size)
    }
}

impl Roster {
    /// As founded. Entry 0 seats all.
    pub fn founding(alliance: &Alliance) -> Self {
        let seats = alliance.members.iter().map(|card| (card.member, Seat::new(card.clone(), 0)));
        Self {
            operators: alliance.operator.iter().map(|operator| Reign::from_founding(*operator)).collect(),
            seats: seats.collect(),
            quorums: vec![(0, alliance.quorum)],
            changes: Vec::new(),
        }
    }

    /// The member whose node orders the log; none when the members' nodes order it together.
    pub fn operator(&self) -> Option<Did> {
        self.operators.last().map(|reign| reign.operator)
    }

    /// The member that signs a checkpoint of `size` entries as the log. The first checkpoint over the entry that hands
    /// the log over is the last one of the operator before: nobody else can say where it ended.
    pub fn operator_at(&self, size: u64) -> Option<Did> {
        let found = self.operators.iter().rev().find(|reign| reign.first <= size).or(self.operators.first());
        found.map(|reign| reign.operator)
    }

    /// The key by which that member signs it.
    pub fn log_key(&self, size: u64) -> Option<Did> {
        self.key_at(&self.operator_at(size)?, size)
    }

    /// Sizes of the checkpoints after which somebody else, or another key, signs as the log.
    pub(crate) fn turns(&self) -> BTreeSet<u64> {
        let handed_over = self.operators.iter().skip(1).map(|reign| reign.first.saturating_sub(1));
        let seats = self.operators.iter().filter_map(|reign| self.seat(&reign.operator));
        let rotated = seats.flat_map(|seat| seat.keys.iter().skip(1).map(|tenure| tenure.from));
        handed_over.chain(rotated).collect()
    }

    /// Size of the first checkpoint of more than `from` entries that is the last one of an operator.
    pub(crate) fn handed_over_after(&self, from: u64) -> Option<u64> {
        let ends = self.operators.iter().skip(1).map(|reign| reign.first.saturating_sub(1));
        ends.filter(|end| *end > from).min()
    }

    /// Entries by which an operator was succeeded without its word, ascending.
    pub fn successions(&self) -> impl Iterator<Item = u64> {
        self.operators.iter().filter(|reign| reign.is_succession()).map(|reign| reign.index)
    }

    /// Whether entry `index` or a later one did so.
    pub(crate) fn succeeded_from(&self, index: u64) -> bool {
        self.successions().any(|succession| succession >= index)
    }

    /// The first entry from `known` on by which the key changed that signs a checkpoint of `size` entries as the log.
    pub(crate) fn log_key_changed_after(&self, known: u64, size: u64) -> Option<u64> {
        let seat = self.seat(&self.operator_at(size)?)?;
        seat.keys.iter().map(|tenure| tenure.from).find(|from| (known.max(1)..size).contains(from))
    }

    /// The place of an organisation that is or was in the alliance.
    pub fn seat(&self, member: &Did) -> Option<&Seat> {
        self.seats.get(member)
    }

    /// Everybody who is or was in the alliance.
    pub fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.seats.values()
    }

    /// The card of an organisation that is in the alliance now.
    pub fn card(&self, member: &Did) -> Option<&Card> {
        self.seat(member).filter(|seat| seat.left.is_none()).map(|seat| &seat.card)
    }

    /// The cards of those in the alliance now, by identity.
    pub fn cards(&self) -> impl Iterator<Item = &Card> {
        self.seats.values().filter(|seat| seat.left.is_none()).map(|seat| &seat.card)
    }

    /// Organisations that count towards the quorum and vote, now.
    pub fn voters(&self) -> BTreeSet<Did> {
        let voting = |card: &&Card| card.standing == Standing::Member;
        self.cards().filter(voting).map(|card| card.member).collect()
    }

    /// Organisations that counted towards the quorum after `size` entries.
    pub fn voters_at(&self, size: u64) -> BTreeSet<Did> {
        self.seats.values().filter(|seat| seat.counts_at(size)).map(|seat| seat.card.member).collect()
    }

    /// Keys that vote on blocks, with their members: those of all voters whose cards name one.
    pub fn validators(&self) -> BTreeMap<Did, Did> {
        let voting = self.cards().filter(|card| card.standing == Standing::Member);
        voting.filter_map(|card| Some((card.validator.as_ref()?.key, card.member))).collect()
    }

    /// The key that signs for a member now.
    pub fn key(&self, member: &Did) -> Option<Did> {
        self.seat(member).filter(|seat| seat.left.is_none()).map(Seat::key)
    }

    /// Whether a key is or was anybody's.
    pub fn knows_key(&self, key: &Did) -> bool {
        self.seats.values().any(|seat| seat.keys.iter().any(|tenure| tenure.key == *key))
    }

    /// Who may put a signature by that key on a checkpoint of `size` entries.
    pub fn signer(&self, key: &Did, size: u64) -> Option<&Card> {
        let holds = |seat: &&Seat| seat.sits_at(size) && seat.key_at(size).is_some_and(|t| t.key == *key);
        self.seats.values().find(holds).map(|seat| &seat.card)
    }

    /// Whether an entry at that index may be signed by that key for that member.
    pub fn signs_at(&self, member: &Did, key: &Did, index: u64) -> bool {
        let seat = self.seats.get(member).filter(|seat| seat.sits_at(index));
        seat.and_then(|seat| seat.key_at(index)).is_some_and(|tenure| tenure.key == *key)
    }

    /// The key that signed for a member when entry `index` was written.
    pub fn key_at(&self, member: &Did, index: u64) -> Option<Did> {
        self.seats.get(member).and_then(|seat| seat.key_at(index)).map(|tenure| tenure.key)
    }

    /// How many members must stand behind a checkpoint of `size` entries: the alliance's quorum, or all members when
    /// there are fewer.
    pub fn quorum(&self, size: u64) -> u16 {
        let set = self.quorums.iter().rev().find(|(from, _)| *from < size).or(self.quorums.first());
        let members = self.seats.values().filter(|seat| seat.counts_at(size)).count();
        let members = u16::try_from(members).unwrap_or(u16::MAX);
        set.map_or(1, |(_, quorum)| *quorum).min(members).max(1)
    }

    /// Entries that changed the roster, ascending.
    pub fn changes(&self) -> &[u64] {
        &self.changes
    }

    /// Of those who stand behind a checkpoint of `size` entries, how many counted before entry `index` and can still be
    /// recognised by it: their keys were replaced by themselves only in between. The changes that the entry brought are
    /// theirs to confirm.
    pub fn confirming(&self, members: &BTreeSet<Did>, index: u64, size: u64) -> usize {
        let between = |tenure: &Tenure| (index..size).contains(&tenure.from);
        let recognised = |seat: &Seat| !seat.keys.iter().any(|tenure| between(tenure) && tenure.by_vote);
        let seats = members.iter().filter_map(|member| self.seats.get(member));
        seats.filter(|seat| seat.counts_at(index) && recognised(seat)).count()
    }

    /// Whether those behind a checkpoint confirm the change that entry `index` brought: a quorum of those who were there
    /// before it.
    pub fn confirms(&self, endorsement: &Endorsement, index: u64) -> Result<(), Unconfirmed> {
        let mut standing: BTreeSet<Did> = endorsement.cosigners.keys().copied().collect();
        let (size, quorum) = (endorsement.checkpoint.size, self.quorum(index));
        if endorsement.operator {
            standing.extend(self.operator_at(size));
        }
        let ordered = endorsement.operator || self.operator().is_none();
        let found = if size > index { self.confirming(&standing, index, size) } else { 0 };
        if ordered && found >= usize::from(quorum) {
            return Ok(());
        }
        Err(Unconfirmed { index, found, quorum })
    }

    /// Follows what happened in entry `index`; whether it was about the roster.
    pub(crate) fn hear(&mut self, index: u64, what: &Happening) -> bool {
        match what {
            Happening::MemberAdmitted { card } => {
                self.seats.insert(card.member, Seat::new((**card).clone(), index));
            }
            Happening::CardRenewed { card } => {
                if let Some(seat) = self.seats.get_mut(&card.member) {
                    seat.card = (**card).clone();
                }
            }
            Happening::KeyRotated { member, key } => self.set_key(index, member, *key, false),
            Happening::KeyReplaced { member, key } => self.set_key(index, member, *key, true),
            Happening::MemberLeft { member, .. } => {
                if let Some(seat) = self.seats.get_mut(member) {
                    seat.left = Some(index);
                }
            }
            Happening::OperatorChanged { operator } => {
                self.operators.push(Reign { operator: *operator, index, first: index.saturating_add(2) });
            }
            Happening::OperatorSucceeded { operator } => {
                self.operators.push(Reign { operator: *operator, index, first: index.saturating_add(1) });
            }
            Happening::QuorumChanged { quorum } => self.quorums.push((index, *quorum)),
            Happening::StandingLowered { member, .. } => {
                if let Some(seat) = self.seats.get_mut(member) {
                    seat.strikes = seat.strikes.saturating_add(1);
                }
                return false;
            }
            _ => return false,
        }
        if self.changes.last() != Some(&index) {
            self.changes.push(index);
        }
        true
    }

    fn set_key(&mut self, from: u64, member: &Did, key: Did, by_vote: bool) {
        if let Some(seat) = self.seats.get_mut(member) {
            seat.keys.push(Tenure { key, from, by_vote });
        }
    }
}

impl Reign {
    fn from_founding(operator: Did) -> Self {
        Self { operator, index: 0, first: 0 }
    }

    fn is_succession(&self) -> bool {
        self.index > 0 && self.first == self.index.saturating_add(1)
    }
}

impl Seat {
    fn counts_at(&self, size: u64) -> bool {
        self.card.standing == Standing::Member && self.sits_at(size)
    }
}
