//! Another operator, when the one there is cannot hand the log over: its key is lost, or its node is gone.
//!
//! A vote cannot help then, since the operator orders it and signs the checkpoint over it. So the other members agree
//! outside of the log: each signs where the log ends for it, and who goes on from there. That statement, with enough
//! signatures, is the first entry that the next operator orders, and the first checkpoint over it is its own. It binds
//! by what was signed alone; whoever has the founding document and the entries so far can check it.
//!
//! *How many:* more than two thirds of the members without the operator, and no fewer than the alliance's quorum. With
//! the usual quorum (more than half, the operator included) every checkpoint that became final was cosigned by one of
//! them, so that none of its entries is lost as long as members keep to what they signed: who has signed takes no further
//! entry of the operator before ([`Ledger::pledge`]). Two statements about one end of the log share more than a third of
//! the members, and a node signs one of them only.
//!
//! *Where it cannot be:* in an alliance of two, or one whose quorum is all members. One member of two that could go on
//! alone could do so while the other is there, too, and nobody outside could tell which of them lost its key; two
//! histories would both be proven. So nobody signs there, and the operator's key needs a backup.

use std::collections::{BTreeMap, BTreeSet};

use contract::{
    Did, Hash, Signature, SigningKey,
    canonical::{self, CanonicalError},
};
use serde::{Deserialize, Serialize};

use crate::{
    Action, Applied, Ledger, LedgerError, Refused, Roster, SignedTransaction, alliance::quorum_of_agreement,
    blocks::Beyond, log::tree::Frontier, refused::SuccessionRule,
};

/// The domain of the members' signatures.
const DOMAIN: &str = "succession";

/// Where the log of the operator before ends, and who goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succession {
    /// Of which alliance.
    pub alliance: Hash,
    /// Number of entries under the last checkpoint of the operator before; the next entry is the succession itself.
    pub size: u64,
    /// Merkle root over them.
    pub root: Hash,
    /// The next operator.
    pub operator: Did,
}

/// A succession with the signatures that make it hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedSuccession {
    /// What was signed.
    pub succession: Succession,
    /// By member, as [`Succession::sign`] makes them with its key of that size.
    pub signatures: BTreeMap<Did, Signature>,
}

impl Succession {
    /// A member's signature.
    ///
    /// # Errors
    /// When the size is too large for canonical JSON.
    pub fn sign(&self, key: &SigningKey) -> Result<Signature, CanonicalError> {
        Ok(key.sign(DOMAIN, &canonical::to_bytes(self)?))
    }

    /// How many members must sign.
    pub fn quorum(&self, roster: &Roster) -> usize {
        let others = self.electorate(roster).len();
        let agreement = quorum_of_agreement(u16::try_from(others).unwrap_or(u16::MAX));
        usize::from(agreement.max(roster.quorum(self.size)))
    }

    /// Whether enough members could sign at all.
    ///
    /// # Errors
    /// [`SuccessionRule::Impossible`].
    fn check_possible(&self, roster: &Roster) -> Result<(), Refused> {
        let (needed, others) = (self.quorum(roster), self.electorate(roster).len());
        if needed > others { Err(SuccessionRule::Impossible(needed, others).into()) } else { Ok(()) }
    }

    /// Who would order the next entry: after a vote to hand the log over its new operator, though the one before signed
    /// the last checkpoint.
    fn deposed(&self, roster: &Roster) -> Option<Did> {
        roster.operator_at(self.size.saturating_add(1))
    }

    /// The members that can sign: those of that size, without the operator that is succeeded.
    fn electorate(&self, roster: &Roster) -> BTreeSet<Did> {
        let mut members = roster.voters_at(self.size);
        if let Some(operator) = self.deposed(roster) {
            members.remove(&operator);
        }
        members
    }
}

impl SignedSuccession {
    /// Whether enough members of that size signed, and nobody else. Says nothing about the root.
    ///
    /// # Errors
    /// The [`SuccessionRule`] that stands against it.
    pub fn check(&self, roster: &Roster) -> Result<(), Refused> {
        let Self { succession, signatures } = self;
        let before = succession.deposed(roster).ok_or(SuccessionRule::NobodyAlone)?;
        if succession.operator == before {
            return Err(SuccessionRule::OrdersAlready(before).into());
        }
        let electorate = succession.electorate(roster);
        if !electorate.contains(&succession.operator) {
            return Err(SuccessionRule::NotAMember(succession.operator).into());
        }
        succession.check_possible(roster)?;
        let bytes = canonical::to_bytes(succession)?;
        for (member, signature) in signatures {
            let key = roster.key_at(member, succession.size).filter(|_| electorate.contains(member));
            let key = key.ok_or(SuccessionRule::NoVoice(*member))?;
            key.verify(DOMAIN, &bytes, signature).map_err(|_| SuccessionRule::Forged(*member))?;
        }
        let (found, needed) = (signatures.len(), succession.quorum(roster));
        if found < needed {
            return Err(SuccessionRule::TooFew(found, needed, electorate.len()).into());
        }
        Ok(())
    }
}

/// Why a succession cannot follow on these entries: it is of another log. Everything else is the state's to decide.
pub(crate) fn other_root(action: &Action, before: &Frontier) -> Option<Refused> {
    let Action::Succeed(signed) = action else { return None };
    let Succession { size, root: found, .. } = signed.succession;
    let expected = before.root();
    (size == before.size() && expected != found).then(|| SuccessionRule::Root(expected, found).into())
}

impl Ledger {
    /// Signs that another member orders the log from here on, and keeps to it: from now on nothing that the operator
    /// ordered further is taken, over a restart too. Durable when it returns.
    ///
    /// # Errors
    /// When no checkpoint of the operator ends with this node's last entry, this member has signed for somebody else
    /// before or has no voice, or the disk fails.
    pub fn pledge(
        &mut self,
        operator: Did,
        key: &SigningKey,
    ) -> Result<(Succession, Signature), LedgerError> {
        let (alliance, size, root) = (self.state.alliance_id(), self.size(), self.root());
        if self.latest_checkpoint().is_none_or(|(latest, _)| latest.size != size) {
            return Err(LedgerError::UnknownCheckpoint { size });
        }
        let succession = Succession { alliance, size, root, operator };
        let roster = self.state.roster();
        let before = succession.deposed(roster).ok_or(SuccessionRule::NobodyAlone).map_err(Refused::from)?;
        if operator == before {
            return Err(Refused::from(SuccessionRule::OrdersAlready(before)).into());
        }
        let electorate = succession.electorate(roster);
        if !electorate.contains(&operator) {
            return Err(Refused::from(SuccessionRule::NotAMember(operator)).into());
        }
        // Who signs is bound by it: not to something that cannot come about.
        succession.check_possible(roster)?;
        let member = roster.signer(&key.did(), size).map(|card| card.member);
        if member.is_none_or(|member| !electorate.contains(&member)) {
            return Err(Refused::from(SuccessionRule::NoVoice(member.unwrap_or(key.did()))).into());
        }
        if let Some((size, pledged)) = self.pledged()?.filter(|(_, pledged)| *pledged != operator) {
            return Err(LedgerError::Pledged { size, operator: pledged });
        }
        self.store.pledge(size, &operator.to_string())?;
        let signature = succession.sign(key)?;
        Ok((succession, signature))
    }

    /// What this member has signed and nobody has carried out yet: the size, and who goes on from there.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn pledged(&self) -> Result<Option<(u64, Did)>, LedgerError> {
        let Some((size, operator)) = self.store.pledged()? else { return Ok(None) };
        let is_over = self.state.roster().succeeded_from(size);
        Ok(operator.parse().ok().filter(|_| !is_over).map(|operator| (size, operator)))
    }

    /// What this member has signed first of all that nobody has carried out yet: it stands behind nothing that goes further,
    /// though it may look at that and sign again.
    pub(crate) fn bound(&self) -> Result<Option<(u64, Did)>, LedgerError> {
        let roster = self.state.roster();
        let mut open = self.store.pledges()?.into_iter().filter(|(size, _)| !roster.succeeded_from(*size));
        Ok(open.next().and_then(|(size, operator)| Some((size, operator.parse().ok()?))))
    }

    /// Takes the log over: orders the succession as the next entry. Only on the node of the next operator, which signs
    /// the checkpoint over it. Durable when it returns.
    ///
    /// # Errors
    /// When no checkpoint of the operator before ends with this node's last entry, or the disk fails; the answer is the
    /// rule that refuses the succession.
    pub fn take_over(
        &mut self,
        now: u64,
        signed: SignedTransaction,
    ) -> Result<Result<Applied, Refused>, LedgerError> {
        let size = self.size();
        if self.latest_checkpoint().is_none_or(|(latest, _)| latest.size != size) {
            return Err(LedgerError::UnknownCheckpoint { size });
        }
        let forged = signed.verify().err();
        let staged = self.stage_checked(now, std::iter::once((signed, forged)), Beyond::Refuse)?;
        let answer = self.record(staged, None)?.pop();
        answer.ok_or(LedgerError::OutOfRange { size, asked: size })
    }
}
