//! Checking a proof, step by step from what is known to what is claimed.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Contract, Did, Hash, Signature, SignedByAll, audit::Opinion, document::Role};

use super::{Evidence, FORMAT, Flaw, Proof, ProvenEntry, report::Report};
use crate::{
    Action, Alliance, Content, Entry, Happening, InputCommitment, Receipt, Refused, Roster, Transaction,
    handover::Handover,
    log::{
        Checkpoint, Endorsement,
        tree::leaf_hash,
        verify::{consistency, inclusion},
    },
    receipt::evidence_agrees,
    refused::IdentityRule,
    roster::Unconfirmed,
    state::participants,
    succession::{SignedSuccession, Succession},
};

/// Checks a proof against an alliance's founding document; both as the canonical bytes of their files.
///
/// `program_hash` reads a program's canonical text and gives its hash. It must refuse every other spelling of the
/// same program: the proof is bound to the text by that alone.
///
/// In this order: the founding document; the checkpoint with all its signatures and the quorum; each entry's place
/// in the log; each transaction's signature; every party's signature on the contract; the program; the request;
/// the auditors' approvals, permits, commitments and receipts, which must be complete and agree. Costs one signature
/// verification for each entry, cosignature and party.
///
/// # Errors
/// The first [`Flaw`] found. A proof with one byte changed has one.
pub fn verify(
    proof: &[u8],
    alliance: &[u8],
    program_hash: impl Fn(&str) -> Result<Hash, String>,
) -> Result<Report, Flaw> {
    let alliance = Alliance::from_bytes(alliance)?;
    let alliance_id = alliance.id().map_err(|flaw| Flaw::Alliance(flaw.into()))?;
    let proof = Proof::from_bytes(proof).map_err(Flaw::NotReadable)?;
    if proof.format != FORMAT {
        return Err(Flaw::Format { found: crate::text::excerpt(&proof.format) });
    }
    let roster = follow_roster(&proof.entries, &alliance)?;
    let endorsement = Endorsement::check(&proof.checkpoint, &roster, &alliance_id)?;
    if !endorsement.is_final {
        let quorum = roster.quorum(endorsement.checkpoint.size);
        return Err(Flaw::NoQuorum { found: endorsement.members, quorum });
    }
    check_handovers(&roster, &endorsement, &proof.handovers, &alliance_id)?;
    check_successions(&proof, &endorsement.checkpoint)?;
    check_places(&proof.entries, &endorsement.checkpoint)?;
    let transactions = check_transactions(&proof.entries, &alliance, &alliance_id, &roster)?;
    let story = Story::tell(&transactions, proof.run, &roster)?;
    story.check(&proof, alliance_id, program_hash)?;
    Ok(Report::new(&alliance, &roster, alliance_id, &endorsement, &proof, &story))
}

/// Who is in the alliance after these entries, by what they are said to have caused. That is held against the
/// entries' own commitments here, and the entries against the log later.
fn follow_roster(entries: &[ProvenEntry], alliance: &Alliance) -> Result<Roster, Flaw> {
    let mut roster = Roster::founding(alliance);
    for ProvenEntry { entry, effects, .. } in entries {
        let Some(effects) = effects else { continue };
        let index = entry.index;
        if effects.hash().map_err(Flaw::NotReadable)? != entry.effects {
            return Err(Flaw::Effects { index });
        }
        let mut heard = false;
        for event in &effects.events {
            if let Happening::KeyRotated { member, key } = &event.what
                && !rotates(entry, member, key)
            {
                return Err(Flaw::Effects { index });
            }
            if let Happening::OperatorSucceeded { operator } = &event.what
                && !succeeds(entry, operator, &roster)
            {
                return Err(Flaw::Effects { index });
            }
            heard |= roster.hear(index, &event.what);
        }
        if !heard {
            return Err(Flaw::Effects { index });
        }
    }
    Ok(roster)
}

/// A key that its member changed itself: the entry is the member's own word, signed by the key before.
fn rotates(entry: &Entry, who: &Did, to: &Did) -> bool {
    let transaction = entry.transaction().map(|signed| &signed.transaction);
    transaction.is_some_and(|Transaction { member, action, .. }| {
        member == who && matches!(action, Action::RotateKey { key, .. } if key == to)
    })
}

/// A log that was taken over without a word of its operator: enough of those who were there before it signed.
fn succeeds(entry: &Entry, operator: &Did, before: &Roster) -> bool {
    succession(entry).is_some_and(|signed| {
        let Succession { size, operator: named, .. } = &signed.succession;
        (*size, named) == (entry.index, operator) && signed.check(before).is_ok()
    })
}

fn succession(entry: &Entry) -> Option<&SignedSuccession> {
    match &entry.transaction()?.transaction.action {
        Action::Succeed(signed) => Some(signed),
        _ => None,
    }
}

/// What was signed when a log was taken over is of this log.
fn check_successions(proof: &Proof, last: &Checkpoint) -> Result<(), Flaw> {
    let mut paths = proof.successions.iter();
    for signed in proof.entries.iter().filter_map(|proven| succession(&proven.entry)) {
        let Succession { size, root, .. } = &signed.succession;
        let path = paths.next().ok_or(Flaw::OtherLog { size: *size })?;
        if !consistency(*size, root, last.size, &last.root, path) {
            return Err(Flaw::OtherLog { size: *size });
        }
    }
    paths.next().map_or(Ok(()), |_| Err(Flaw::OtherLog { size: last.size }))
}

/// Every change of the roster is confirmed by a quorum of those who were there before it, by keys that they had then
/// or have passed on themselves: nobody can bring the members that confirm its coming. They do it by the proof's
/// checkpoint or by an earlier one of the same log.
fn check_handovers(
    roster: &Roster,
    last: &Endorsement,
    handovers: &[Handover],
    alliance_id: &Hash,
) -> Result<(), Flaw> {
    let mut endorsements = Vec::with_capacity(handovers.len() + 1);
    let mut above = 0;
    for Handover { checkpoint, consistency: path } in handovers {
        let endorsement = Endorsement::check(checkpoint, roster, alliance_id)?;
        let (old, new) = (&endorsement.checkpoint, &last.checkpoint);
        let (size, extended) = (old.size, consistency(old.size, &old.root, new.size, &new.root, path));
        if size <= above || size > new.size || !extended {
            return Err(Flaw::OtherLog { size });
        }
        above = size;
        endorsements.push(endorsement);
    }
    endorsements.push(last.clone());
    for index in roster.changes() {
        // The last one's verdict is the one to report.
        let mut verdict = Ok(());
        for endorsement in &endorsements {
            verdict = roster.confirms(endorsement, *index);
            if verdict.is_ok() {
                break;
            }
        }
        verdict.map_err(|Unconfirmed { index, found, quorum }| Flaw::Handover { index, found, quorum })?;
    }
    Ok(())
}

/// Every entry is where it says, under the checkpoint.
fn check_places(entries: &[ProvenEntry], checkpoint: &Checkpoint) -> Result<(), Flaw> {
    let mut next = 0;
    for ProvenEntry { entry, path, .. } in entries {
        let index = entry.index;
        let bytes = entry.to_bytes().map_err(Flaw::NotReadable)?;
        if !inclusion(&leaf_hash(&bytes), index, checkpoint.size, path, &checkpoint.root) {
            return Err(Flaw::NotIncluded { index });
        }
        if index < next {
            return Err(Flaw::Order { index });
        }
        next = index + 1;
    }
    Ok(())
}

/// The first entry founds the alliance; all others are signed by members for it.
fn check_transactions<'a>(
    entries: &'a [ProvenEntry],
    alliance: &Alliance,
    expected: &Hash,
    roster: &Roster,
) -> Result<Vec<(&'a Entry, &'a Transaction)>, Flaw> {
    let Some((founding, others)) = entries.split_first() else {
        return Err(Flaw::Missing(Evidence::Founding));
    };
    if !matches!(&founding.entry.content, Content::Alliance(found) if **found == *alliance) {
        return Err(Flaw::Founding);
    }
    let checked = others.iter().map(|ProvenEntry { entry, .. }| {
        let index = entry.index;
        let signed = entry.transaction().ok_or(Flaw::Founding)?;
        let refuse = |refused| Flaw::Transaction { index, refused };
        let transaction = signed.verify().map_err(refuse)?.transaction();
        if transaction.alliance != *expected {
            let found = transaction.alliance;
            return Err(refuse(Refused::OtherAlliance { expected: *expected, found }));
        }
        if roster.seat(&transaction.member).is_none() {
            return Err(refuse(Refused::NotInAlliance { who: transaction.member }));
        }
        // Whether a person had a delegation is the state's to say, and its entry is in the log.
        let alone = transaction.person == Some(transaction.signer());
        if !alone && !roster.signs_at(&transaction.member, &transaction.signer(), index) {
            let rule = IdentityRule::NotTheKey(transaction.member, transaction.signer());
            return Err(refuse(rule.into()));
        }
        Ok((entry, transaction))
    });
    checked.collect()
}

/// What the entries tell about the run.
pub(super) struct Story<'a> {
    pub(super) contract: &'a Contract,
    pub(super) contract_id: Hash,
    pub(super) requester: Did,
    pub(super) requested_at: u64,
    pub(super) completed_at: u64,
    purpose: &'a str,
    signatures: BTreeMap<Did, Signature>,
    signers: BTreeMap<Did, Did>,
    pub(super) approvals: BTreeSet<Did>,
    permits: BTreeSet<Did>,
    commitments: BTreeMap<Did, &'a InputCommitment>,
    receipts: BTreeMap<Did, Receipt>,
}

impl<'a> Story<'a> {
    /// Puts the entries together; each must belong to the run or its contract, and nothing may be said twice.
    fn tell(transactions: &[(&'a Entry, &'a Transaction)], run: Hash, roster: &Roster) -> Result<Self, Flaw> {
        // An entry that changed the roster in passing may propose or request something else.
        let mut requests = transactions.iter().filter_map(|(entry, transaction)| match &transaction.action {
            Action::RequestRun { purpose, contract, run: named } => {
                Some((*named == run, (*entry, transaction.member, purpose.as_str(), *contract)))
            }
            _ => None,
        });
        let first = requests.clone().next();
        let request = requests.find(|(is_this, _)| *is_this).or(first).map(|(_, request)| request);
        let under = request.map(|(_, _, _, contract)| contract);
        let named =
            |contract: &Contract| under.is_none_or(|under| contract.id().is_ok_and(|found| found == under));
        let proposal = transactions.iter().find_map(|(entry, transaction)| match &transaction.action {
            Action::ProposeContract(contract) if named(contract) => Some((entry.index, &**contract)),
            _ => None,
        });
        let (proposed, contract) = proposal.ok_or(Flaw::Missing(Evidence::Contract))?;
        let (requested, requester, purpose, _) = request.ok_or(Flaw::Missing(Evidence::Request))?;
        let mut story = Self {
            contract,
            contract_id: contract.id().map_err(Flaw::NotReadable)?,
            requester,
            requested_at: requested.time,
            completed_at: requested.time,
            purpose,
            signatures: BTreeMap::new(),
            signers: BTreeMap::new(),
            approvals: BTreeSet::new(),
            permits: BTreeSet::new(),
            commitments: BTreeMap::new(),
            receipts: BTreeMap::new(),
        };
        for (entry, transaction) in transactions {
            let index = entry.index;
            let belongs = index == proposed || story.hear(entry, transaction, run, requested.index, roster);
            if !belongs && !roster.changes().contains(&index) {
                return Err(Flaw::Superfluous { index, run });
            }
        }
        Ok(story)
    }

    /// Adds what an entry tells; false when it doesn't belong here.
    fn hear(
        &mut self,
        entry: &Entry,
        transaction: &'a Transaction,
        run: Hash,
        requested: u64,
        roster: &Roster,
    ) -> bool {
        let member = transaction.member;
        match &transaction.action {
            Action::SignContract { contract, party, signature } => {
                if *contract != self.contract_id {
                    return false;
                }
                if let Some(key) = roster.key_at(party, entry.index).filter(|key| key != party) {
                    self.signers.insert(*party, key);
                }
                self.signatures.insert(*party, *signature).is_none()
            }
            Action::AuditContract { contract, report, opinion } => {
                *contract == self.contract_id
                    && self.contract.audit == Some(*report)
                    && *opinion == Opinion::Approved
                    && self.approvals.insert(member)
            }
            Action::RequestRun { contract, run: named, .. } => {
                *contract == self.contract_id && *named == run && entry.index == requested
            }
            Action::PermitRun { run: named } => *named == run && self.permits.insert(member),
            Action::CommitInput { run: named, commitment } => {
                *named == run && self.commitments.insert(member, commitment).is_none()
            }
            Action::File(receipt) => {
                // A later one changes nothing.
                if self.receipts.len() < self.contract.protection.receipts_needed() {
                    self.completed_at = entry.time;
                }
                receipt.run == run && self.receipts.insert(member, (**receipt).clone()).is_none()
            }
            _ => false,
        }
    }

    /// Whether it is the whole story of a run that the contract allows.
    fn check(
        &self,
        proof: &Proof,
        alliance: Hash,
        program_hash: impl Fn(&str) -> Result<Hash, String>,
    ) -> Result<(), Flaw> {
        self.check_consent(alliance)?;
        let expected = self.contract.computation.program;
        match program_hash(&proof.program) {
            Ok(found) if found == expected => {}
            Ok(found) => return Err(Flaw::Program { expected, found }),
            Err(reason) => return Err(Flaw::ProgramUnreadable { reason }),
        }
        self.check_request()?;
        self.check_complete()?;
        for (party, receipt) in &self.receipts {
            receipt
                .check_form(*party, self.contract_id, self.contract)
                .map_err(|rule| Flaw::Receipt { party: *party, rule })?;
        }
        let commitments = self.commitments.iter().map(|(provider, commitment)| (*provider, *commitment));
        let receipts: Vec<Receipt> = self.receipts.values().cloned().collect();
        evidence_agrees(expected, commitments, &receipts).map_err(Flaw::NotReadable)?.map_err(Flaw::Receipts)
    }

    fn check_consent(&self, alliance: Hash) -> Result<(), Flaw> {
        self.contract.validate().map_err(Flaw::Contract)?;
        let found = self.contract.alliance;
        if found != alliance {
            let refused = Refused::ContractOfOtherAlliance { expected: alliance, found };
            return Err(Flaw::Request { refused });
        }
        SignedByAll::check_by(self.contract, &self.signatures, &self.signers).map_err(Flaw::Consent)?;
        let stranger = self.signatures.keys().find(|signer| self.contract.party(signer).is_none());
        match stranger {
            None => Ok(()),
            Some(who) => {
                let refused = Refused::NotAParty { who: *who, contract: self.contract_id };
                Err(Flaw::Request { refused })
            }
        }
    }

    fn check_request(&self) -> Result<(), Flaw> {
        let (contract, limits) = (self.contract_id, &self.contract.limits);
        let refuse = |refused| Err(Flaw::Request { refused });
        if !self.contract.has_role(&self.requester, Role::DataUser) {
            return refuse(Refused::NotInRole { who: self.requester, role: Role::DataUser, contract });
        }
        if self.purpose != self.contract.purpose {
            let (expected, found) = (self.contract.purpose.clone(), self.purpose.to_owned());
            return refuse(Refused::Purpose { contract, expected, found });
        }
        if self.requested_at < limits.not_before {
            let (not_before, now) = (limits.not_before, self.requested_at);
            return refuse(Refused::NotYetValid { contract, not_before, now });
        }
        if self.requested_at >= limits.expires {
            let state = contract::lifecycle::State::Expired;
            return refuse(Refused::NotActive { contract, state });
        }
        Ok(())
    }

    /// All who must have permitted, committed and filed a receipt did, and nobody else.
    fn check_complete(&self) -> Result<(), Flaw> {
        let participants = participants(self.contract);
        let providers = self.contract.parties_with(Role::DataProvider).map(|party| party.member).collect();
        let compute_parties: BTreeSet<Did> =
            self.contract.protection.compute_parties.iter().copied().collect();
        let auditors = self.contract.auditors().collect();
        self.check_voices(&self.approvals, &auditors, Evidence::Approval)?;
        self.check_voices(&self.permits, &participants, Evidence::Permit)?;
        self.check_voices(&self.commitments.keys().copied().collect(), &providers, Evidence::Commitment)?;
        // Where some may vanish those that filed a receipt are all that are asked for, if they are enough.
        let mut filed: BTreeSet<Did> = self.receipts.keys().copied().collect();
        if filed.len() >= self.contract.protection.receipts_needed() {
            filed.extend(compute_parties.iter());
        }
        self.check_voices(&filed, &compute_parties, Evidence::Receipt)
    }

    fn check_voices(
        &self,
        found: &BTreeSet<Did>,
        expected: &BTreeSet<Did>,
        evidence: fn(Did) -> Evidence,
    ) -> Result<(), Flaw> {
        if let Some(missing) = expected.difference(found).next() {
            return Err(Flaw::Missing(evidence(*missing)));
        }
        if let Some(who) = found.difference(expected).next() {
            let refused = Refused::NotAParty { who: *who, contract: self.contract_id };
            return Err(Flaw::Request { refused });
        }
        Ok(())
    }
}
