//! Proofs: a true one is accepted, and whatever is changed in one is found and named.

use std::collections::BTreeSet;

use contract::{Hash, canonical, consent::NotSignedByAll, document::Role};
use ledger::{
    Action, Alliance, Content, Disagreement, InputCommitment, Ledger, Phase, Proof, Receipt, Refused,
    log::{Checkpoint, EndorsementFlaw, Note, tree},
    proof::{Evidence, ExportError, Flaw, Report},
    receipt::Difference,
    refused::ReceiptRule,
    verify,
};

use crate::world::{FOUNDED, PROGRAM, World, hash, key, program_hash};

/// A ledger of one completed run under a final checkpoint, cosigned by a member and the regulator.
struct Proven {
    world: World,
    ledger: Ledger,
    alliance: Vec<u8>,
    _directory: tempfile::TempDir,
}

impl Proven {
    fn new() -> Self {
        let mut world = World::new();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.redb");
        let mut ledger = Ledger::open(&path, world.alliance.clone()).unwrap();
        for (transaction, now) in world.whole_path(hash("run")).into_iter().zip(FOUNDED + 10..) {
            ledger.append(now, vec![transaction]).unwrap()[0].as_ref().unwrap();
        }
        ledger.sign_checkpoint(&world.members[0]).unwrap();
        for cosigner in [&world.regulator, &world.members[1]] {
            let note = ledger.cosign(cosigner, FOUNDED + 100).unwrap();
            ledger.add_cosignature(&note).unwrap();
        }
        let alliance = world.alliance.to_bytes().unwrap();
        Self { world, ledger, alliance, _directory: directory }
    }

    fn export(&self) -> Proof {
        Proof::export(&self.ledger, hash("run"), PROGRAM.to_owned()).unwrap()
    }

    fn check(&self, proof: &Proof) -> Result<Report, Flaw> {
        verify(&proof.to_bytes().unwrap(), &self.alliance, program_hash)
    }

    /// What is wrong after a change.
    fn flaw(&self, change: impl FnOnce(&mut Proof)) -> Flaw {
        let mut proof = self.export();
        change(&mut proof);
        self.check(&proof).unwrap_err()
    }

    /// A log that the members fabricate together: other entries, but placed and endorsed as they should be.
    fn fabricated(&self, change: impl FnOnce(&mut Proof)) -> Flaw {
        let mut proof = self.export();
        change(&mut proof);
        let leaves: Vec<Hash> =
            proof.entries.iter().map(|proven| tree::leaf_hash(&proven.entry.to_bytes().unwrap())).collect();
        let nodes = Leaves(leaves);
        let size = nodes.0.len() as u64;
        let mut frontier = tree::Frontier::default();
        for leaf in &nodes.0 {
            frontier.push(*leaf, drop);
        }
        for (index, proven) in proof.entries.iter_mut().enumerate() {
            proven.path = tree::inclusion(&nodes, index as u64, size).unwrap();
        }
        let origin = Checkpoint::origin_of(&self.world.alliance.id().unwrap());
        let checkpoint = Checkpoint { origin, size, root: frontier.root() };
        let signatures = vec![
            checkpoint.sign(&self.world.members[0]),
            checkpoint.cosign(&self.world.members[1], FOUNDED + 100),
        ];
        proof.checkpoint = Note { body: checkpoint.body(), signatures }.to_text();
        self.check(&proof).unwrap_err()
    }
}

/// Hashes of complete subtrees, computed each time.
struct Leaves(Vec<Hash>);

impl tree::Nodes for Leaves {
    type Error = std::convert::Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        if level == 0 {
            return Ok(self.0[index as usize]);
        }
        let (left, right) = (self.node(level - 1, 2 * index)?, self.node(level - 1, 2 * index + 1)?);
        Ok(tree::node_hash(&left, &right))
    }
}

/// Leaves out an entry and numbers the others again.
fn leave_out(proof: &mut Proof, at: usize) {
    proof.entries.remove(at);
    renumber(proof);
}

fn renumber(proof: &mut Proof) {
    for (index, proven) in proof.entries.iter_mut().enumerate() {
        proven.entry.index = index as u64;
    }
}

#[test]
fn a_true_proof_says_what_happened() {
    let proven = Proven::new();
    let report = proven.check(&proven.export()).unwrap();
    insta::assert_snapshot!(report);
}

/// Every change of one byte that `positions` and `masks` give must be found.
fn all_changes_are_found(positions: impl Fn(usize) -> Vec<usize>, masks: &[u8]) {
    let proven = Proven::new();
    let bytes = proven.export().to_bytes().unwrap();
    let mut changed = bytes.clone();
    for at in positions(bytes.len()) {
        for mask in masks {
            changed[at] ^= mask;
            let found = verify(&changed, &proven.alliance, program_hash);
            assert!(found.is_err(), "byte {at} of {} with {mask:#x}", bytes.len());
            changed[at] = bytes[at];
        }
    }
}

#[test]
fn a_changed_byte_is_found() {
    all_changes_are_found(|length| (0..length).step_by(67).collect(), &[1]);
}

#[test]
#[ignore = "takes minutes without optimisation; run with --release"]
fn a_changed_byte_is_found_wherever_it_is() {
    all_changes_are_found(|length| (0..length).collect(), &[0x01, 0x02, 0x20, 0x80]);
}

#[test]
fn a_byte_too_many_or_too_few_is_found() {
    let proven = Proven::new();
    let bytes = proven.export().to_bytes().unwrap();
    for at in (0..bytes.len()).step_by(997).chain([bytes.len() - 1]) {
        let without = [&bytes[..at], &bytes[at + 1..]].concat();
        let doubled = [&bytes[..=at], &bytes[at..]].concat();
        for changed in [&bytes[..at], &without, &doubled] {
            assert!(verify(changed, &proven.alliance, program_hash).is_err(), "byte {at}");
        }
    }
}

#[test]
fn the_file_must_be_a_proof_of_this_alliance() {
    let proven = Proven::new();
    let good = proven.export().to_bytes().unwrap();
    let other = Alliance { name: "Another".to_owned(), ..proven.world.alliance.clone() };
    let flaw = verify(&good, &other.to_bytes().unwrap(), program_hash).unwrap_err();
    assert!(matches!(flaw, Flaw::Checkpoint(EndorsementFlaw::Origin { .. })), "{flaw}");
    let invalid = Alliance { quorum: 9, ..proven.world.alliance.clone() };
    let flaw = verify(&good, &invalid.to_bytes().unwrap(), program_hash).unwrap_err();
    assert!(matches!(flaw, Flaw::Alliance(_)), "{flaw}");
    let spaced = [b" ".as_slice(), &good].concat();
    let flaw = verify(&spaced, &proven.alliance, program_hash).unwrap_err();
    assert!(matches!(flaw, Flaw::NotReadable(canonical::CanonicalError::NotCanonical { offset: 0 })));
    let flaw = proven.flaw(|proof| proof.format = "treaty-proof/2".to_owned());
    assert_eq!(flaw, Flaw::Format { found: "treaty-proof/2".to_owned() });
}

#[test]
fn the_checkpoint_must_stand() {
    let proven = Proven::new();
    let without = |lines: usize| {
        move |proof: &mut Proof| {
            let mut note = Note::parse(&proof.checkpoint).unwrap();
            note.signatures.drain(lines..);
            proof.checkpoint = note.to_text();
        }
    };
    assert_eq!(proven.flaw(without(1)), Flaw::NoQuorum { found: 1, quorum: 2 });
    let flaw = proven.flaw(|proof| {
        let mut note = Note::parse(&proof.checkpoint).unwrap();
        note.signatures.remove(0);
        proof.checkpoint = note.to_text();
    });
    assert_eq!(flaw, Flaw::NoQuorum { found: 1, quorum: 2 });
    let flaw = proven.flaw(|proof| {
        let mut note = Note::parse(&proof.checkpoint).unwrap();
        note.signatures.swap(1, 2);
        proof.checkpoint = note.to_text();
    });
    assert!(matches!(flaw, Flaw::Checkpoint(EndorsementFlaw::Order { .. })), "{flaw}");
    let flaw = proven.flaw(|proof| {
        let mut note = Note::parse(&proof.checkpoint).unwrap();
        note.signatures[2].bytes[7] ^= 1;
        proof.checkpoint = note.to_text();
    });
    assert!(matches!(flaw, Flaw::Checkpoint(EndorsementFlaw::Forged { .. })), "{flaw}");
    let flaw = proven.flaw(|proof| {
        let mut note = Note::parse(&proof.checkpoint).unwrap();
        let checkpoint = Checkpoint::parse_body(&note.body).unwrap();
        note.signatures.push(checkpoint.cosign(&key(9), FOUNDED));
        proof.checkpoint = note.to_text();
    });
    let name = key(9).did().to_string();
    assert_eq!(flaw, Flaw::Checkpoint(EndorsementFlaw::UnknownSigner { name }));
}

#[test]
fn every_entry_must_be_in_the_log_and_in_its_place() {
    let proven = Proven::new();
    let index = proven.export().entries[7].entry.index;
    let not_included = Flaw::NotIncluded { index };
    assert_eq!(proven.flaw(|proof| proof.entries[7].entry.effects = hash("wishful")), not_included);
    assert_eq!(proven.flaw(|proof| proof.entries[7].entry.time += 1), not_included);
    assert_eq!(proven.flaw(|proof| proof.entries[7].path[0] = hash("sibling")), not_included);
    assert_eq!(proven.flaw(|proof| proof.entries[7].path.push(hash("more"))), not_included);
    assert_eq!(proven.flaw(|proof| proof.entries[7].path.truncate(1)), not_included);
    let flaw = proven.flaw(|proof| proof.entries.swap(6, 7));
    assert_eq!(flaw, Flaw::Order { index: index - 1 });
    let flaw = proven.flaw(|proof| proof.entries.insert(7, proof.entries[7].clone()));
    assert_eq!(flaw, Flaw::Order { index });
    let flaw = proven.flaw(|proof| {
        let entry = proven.ledger.entries(2, 1).unwrap().remove(0);
        let path = proven.ledger.inclusion(2, proven.ledger.size()).unwrap();
        proof.entries.insert(1, ledger::proof::ProvenEntry { entry, path, effects: None });
    });
    assert_eq!(flaw, Flaw::Superfluous { index: 2, run: hash("run") });
}

#[test]
fn nothing_may_be_left_out() {
    let proven = Proven::new();
    let without = |at: usize| proven.flaw(|proof| drop(proof.entries.remove(at)));
    let did = |member| proven.world.did(member);
    assert_eq!(proven.flaw(|proof| proof.entries.clear()), Flaw::Missing(Evidence::Founding));
    assert_eq!(without(0), Flaw::Founding);
    assert_eq!(without(1), Flaw::Missing(Evidence::Contract));
    let missing = BTreeSet::from([did(2)]);
    assert_eq!(without(4), Flaw::Consent(NotSignedByAll::Parties { missing, forged: BTreeSet::new() }));
    assert_eq!(without(6), Flaw::Missing(Evidence::Request));
    assert_eq!(without(8), Flaw::Missing(Evidence::Permit(did(1))));
    assert_eq!(without(11), Flaw::Missing(Evidence::Commitment(did(1))));
    assert_eq!(without(14), Flaw::Missing(Evidence::Receipt(did(1))));
}

#[test]
fn the_program_must_be_the_one_that_all_signed() {
    let proven = Proven::new();
    let flaw = proven.flaw(|proof| proof.program = "reveal every salary\n".to_owned());
    let (expected, found) = (program_hash(PROGRAM).unwrap(), hash("reveal every salary\n"));
    assert_eq!(flaw, Flaw::Program { expected, found });
    let flaw = proven.flaw(|proof| proof.program.truncate(3));
    assert_eq!(flaw, Flaw::ProgramUnreadable { reason: "the last line is not complete".to_owned() });
    let flaw = proven.flaw(|proof| proof.run = hash("another run"));
    assert!(matches!(flaw, Flaw::Superfluous { .. }), "{flaw}");
}

/// A transaction of a fabricated log, signed by the member.
fn write(proof: &mut Proof, at: usize, world: &World, member: usize, action: Action) {
    let signed = world.sign_as(&world.members[member], 1, action);
    proof.entries[at].entry.content = Content::Transaction(Box::new(signed));
}

#[test]
fn a_quorum_cannot_put_words_into_a_members_mouth() {
    let proven = Proven::new();
    let world = &proven.world;
    assert!(matches!(proven.fabricated(|proof| leave_out(proof, 6)), Flaw::Missing(Evidence::Request)));

    let flaw = proven.fabricated(|proof| {
        renumber(proof);
        let Content::Transaction(signed) = &mut proof.entries[8].entry.content else { panic!() };
        signed.transaction.person = Some(world.did(1));
    });
    let refused = Refused::ForgedTransaction { member: world.did(1) };
    assert_eq!(flaw, Flaw::Transaction { index: 8, refused });

    let flaw = proven.fabricated(|proof| {
        renumber(proof);
        let signed = world.sign_as(&key(9), 1, Action::PermitRun { run: hash("run") });
        proof.entries[8].entry.content = Content::Transaction(Box::new(signed));
    });
    let refused = Refused::NotInAlliance { who: key(9).did() };
    assert_eq!(flaw, Flaw::Transaction { index: 8, refused });

    let contract = world.contract();
    let flaw = proven.fabricated(|proof| {
        renumber(proof);
        let (id, signature) = (contract.id().unwrap(), contract.sign(&key(9)).unwrap());
        let action = Action::SignContract { contract: id, party: world.did(2), signature };
        write(proof, 4, world, 1, action);
    });
    let forged = BTreeSet::from([world.did(2)]);
    assert_eq!(flaw, Flaw::Consent(NotSignedByAll::Parties { missing: BTreeSet::new(), forged }));
}

#[test]
fn the_run_must_be_one_that_the_contract_allows() {
    let proven = Proven::new();
    let world = &proven.world;
    let (contract, run) = (world.contract().id().unwrap(), hash("run"));
    let flaw = proven.fabricated(|proof| {
        renumber(proof);
        write(proof, 6, world, 1, world.request(contract, run));
    });
    let refused = Refused::NotInRole { who: world.did(1), role: Role::DataUser, contract };
    assert_eq!(flaw, Flaw::Request { refused });
    let flaw = proven.fabricated(|proof| {
        renumber(proof);
        write(proof, 6, world, 0, Action::RequestRun { contract, run, purpose: "marketing".to_owned() });
    });
    assert!(matches!(flaw, Flaw::Request { refused: Refused::Purpose { .. } }), "{flaw}");
    let flaw = proven.fabricated(|proof| {
        renumber(proof);
        proof.entries[6].entry.time = FOUNDED - 1;
    });
    assert!(matches!(flaw, Flaw::Request { refused: Refused::NotYetValid { .. } }), "{flaw}");
    let flaw = proven.fabricated(|proof| {
        renumber(proof);
        proof.entries[6].entry.time = FOUNDED + 100_000;
    });
    assert!(matches!(flaw, Flaw::Request { refused: Refused::NotActive { .. } }), "{flaw}");
}

#[test]
fn the_evidence_must_agree() {
    let proven = Proven::new();
    let world = &proven.world;
    let contract = world.contract().id().unwrap();
    let with_receipt = |change: &dyn Fn(&mut Receipt)| {
        proven.fabricated(|proof| {
            renumber(proof);
            let mut receipt = world.receipt(contract, hash("run"), 1);
            change(&mut receipt);
            write(proof, 14, world, 1, Action::File(Box::new(receipt)));
        })
    };
    let flaw = with_receipt(&|receipt| receipt.sent.extend([(world.did(2), hash("other frames"))]));
    let who = BTreeSet::from([world.did(1), world.did(2)]);
    let what = Difference::Transcript { sender: world.did(1), receiver: world.did(2) };
    assert_eq!(flaw, Flaw::Receipts(Disagreement { who, what }));
    let flaw = with_receipt(&|receipt| receipt.output[0].hash = hash("other output"));
    assert!(matches!(flaw, Flaw::Receipts(Disagreement { what: Difference::Output { component: 1 }, .. })));
    let flaw = with_receipt(&|receipt| receipt.contract = hash("other contract"));
    assert_eq!(flaw, Flaw::Receipt { party: world.did(1), rule: ReceiptRule::Contract });
    let flaw = proven.fabricated(|proof| {
        renumber(proof);
        let commitment = InputCommitment { components: vec![hash("other input")], rows: 180 };
        write(proof, 10, world, 0, Action::CommitInput { run: hash("run"), commitment });
    });
    let what = Difference::Input { provider: world.did(0) };
    assert!(matches!(flaw, Flaw::Receipts(Disagreement { what: found, .. }) if found == what));
}

#[test]
fn only_a_completed_run_under_a_final_checkpoint_has_a_proof() {
    let mut world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&directory.path().join("ledger.redb"), world.alliance.clone()).unwrap();
    let run = hash("run");
    let export = |ledger: &Ledger| Proof::export(ledger, run, PROGRAM.to_owned()).unwrap_err();
    assert!(matches!(export(&ledger), ExportError::UnknownRun { .. }));
    let mut transactions = world.whole_path(run);
    let last = transactions.pop().unwrap();
    ledger.append(FOUNDED + 10, transactions).unwrap();
    assert!(matches!(export(&ledger), ExportError::NotCompleted { phase: Phase::Running, .. }));
    ledger.append(FOUNDED + 11, vec![last]).unwrap();
    ledger.sign_checkpoint(&world.members[0]).unwrap();
    assert!(matches!(export(&ledger), ExportError::NotFinal { last: 18, size: 0, .. }));
}
