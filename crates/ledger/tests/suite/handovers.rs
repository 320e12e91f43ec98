//! Proofs that are exported after members came, went and changed keys: who there was before vouches for what came.

use contract::SigningKey;
use ledger::{
    Action, Ledger, Proof,
    governance::Motion,
    identity::prove_key,
    proof::{Flaw, Report},
    verify,
};

use crate::{
    governance::card_of,
    world::{FOUNDED, PROGRAM, World, hash, key, program_hash},
};

/// A ledger with a completed run, on which members then decide.
struct Later {
    world: World,
    ledger: Ledger,
    now: u64,
}

impl Later {
    fn new(directory: &std::path::Path) -> Self {
        let mut world = World::new();
        let mut ledger = Ledger::open(&directory.join("ledger.redb"), world.alliance.clone()).unwrap();
        let transactions = world.whole_path(hash("run"));
        ledger.append(FOUNDED + 10, transactions).unwrap();
        Self { world, ledger, now: FOUNDED + 10 }
    }

    fn act(&mut self, member: usize, action: Action) -> contract::Hash {
        let signed = self.world.next(member, action);
        let id = signed.id().unwrap();
        self.now += 1;
        self.ledger.append(self.now, vec![signed]).unwrap()[0].as_ref().unwrap();
        id
    }

    fn pass(&mut self, by: usize, motion: Motion, voters: &[usize]) {
        let proposal = self.act(by, Action::Propose { motion, text: "as discussed".to_owned() });
        for voter in voters {
            self.act(*voter, Action::Vote { proposal, approve: true });
        }
    }

    /// The proof under a checkpoint that north signs and others cosign, and what a checker says.
    fn proven(&mut self, cosigners: &[&SigningKey]) -> Result<Report, Flaw> {
        self.cosigned(cosigners);
        check(&self.ledger, &self.world)
    }

    fn cosigned(&mut self, cosigners: &[&SigningKey]) {
        self.ledger.sign_checkpoint(&self.world.members[0]).unwrap();
        let add = |cosigner: &&SigningKey| {
            let cosigned = self.ledger.cosign(cosigner, self.now).unwrap();
            self.ledger.add_cosignature(&cosigned).unwrap()
        };
        assert_eq!(cosigners.iter().map(add).last(), Some(true));
    }
}

fn check(ledger: &Ledger, world: &World) -> Result<Report, Flaw> {
    let proof = Proof::export(ledger, hash("run"), PROGRAM.to_owned()).unwrap();
    verify(&proof.to_bytes().unwrap(), &world.alliance.to_bytes().unwrap(), program_hash)
}

fn admission() -> Motion {
    Motion::Admit(Box::new(card_of(&key(11), "west")))
}

#[test]
fn founders_vouch_for_what_changed() {
    let directory = tempfile::tempdir().unwrap();
    let mut later = Later::new(directory.path());
    let (lake, south) = (later.world.did(1), later.world.did(2));
    later.pass(0, admission(), &[0, 1]);
    later.pass(2, Motion::Release { member: south }, &[0, 1, 2]);
    let new = key(21);
    let proof = prove_key(&later.ledger.state().alliance_id(), &lake, &new).unwrap();
    later.act(1, Action::RotateKey { key: new.did(), proof });
    // South's leaving takes three of the four that there were.
    let flaw = later.proven(&[&new]).unwrap_err();
    assert!(matches!(flaw, Flaw::Handover { found: 2, quorum: 3, .. }), "{flaw}");
    assert!(later.ledger.unconfirmed().is_some());
    let report = later.proven(&[&new, &key(11)]).unwrap();
    assert_eq!(later.ledger.unconfirmed(), None);
    assert!(report.cosigners.iter().any(|cosigner| cosigner.name == "lake"));
    assert!(later.ledger.cosign(&later.world.members[2], later.now).is_err(), "south has left");
}

#[test]
fn a_key_that_others_put_in_place_vouches_for_nothing_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut later = Later::new(directory.path());
    let (lake, new) = (later.world.did(1), key(21));
    let proof = prove_key(&later.ledger.state().alliance_id(), &lake, &new).unwrap();
    let replace = Motion::ReplaceKey { member: lake, key: new.did(), proof };
    later.pass(0, replace, &[0, 2]);
    let flaw = later.proven(&[&new]).unwrap_err();
    assert!(matches!(flaw, Flaw::Handover { found: 1, quorum: 2, .. }), "{flaw}");
    // With a founder's own signature it does.
    let south = later.world.members[2].clone();
    later.proven(&[&south]).unwrap();
}

#[test]
fn those_who_came_later_are_no_quorum_for_those_before() {
    let directory = tempfile::tempdir().unwrap();
    let mut later = Later::new(directory.path());
    later.pass(0, admission(), &[0, 1]);
    later.pass(0, Motion::Admit(Box::new(card_of(&key(12), "east"))), &[0, 1, 2]);
    let flaw = later.proven(&[&key(11), &key(12)]).unwrap_err();
    assert!(matches!(flaw, Flaw::Handover { found: 1, quorum: 2, .. }), "{flaw}");
}

/// The founders confirm west's coming; then south and lake leave, so that one founder is left of a quorum of two.
fn founders_gone(directory: &std::path::Path) -> Later {
    let mut later = Later::new(directory);
    let (lake, south, west) = (later.world.members[1].clone(), later.world.members[2].clone(), key(11));
    later.pass(0, admission(), &[0, 1]);
    later.cosigned(&[&lake, &south]);
    let release = |member| Motion::Release { member };
    later.pass(2, release(south.did()), &[0, 1, 2]);
    later.cosigned(&[&lake, &west]);
    later.pass(1, release(lake.did()), &[0, 1]);
    let sign = |later: &Later, action| later.world.sign_as(&west, 1, action);
    let vote =
        later.ledger.state().proposals().find(|(_, record)| record.verdict.is_none()).map(|(id, _)| *id);
    if let Some(proposal) = vote {
        let signed = sign(&later, Action::Vote { proposal, approve: true });
        later.now += 1;
        later.ledger.append(later.now, vec![signed]).unwrap()[0].as_ref().unwrap();
    }
    assert!(later.ledger.state().roster().card(&lake.did()).is_none(), "lake has left");
    later.cosigned(&[&west]);
    later
}

#[test]
fn kept_checkpoints_lead_from_the_founders_to_the_members_of_today() {
    let directory = tempfile::tempdir().unwrap();
    let later = founders_gone(directory.path());
    let report = check(&later.ledger, &later.world).unwrap();
    assert_eq!(report.cosigners.iter().map(|cosigner| cosigner.name.as_str()).collect::<Vec<_>>(), ["west"]);

    let proof = Proof::export(&later.ledger, hash("run"), PROGRAM.to_owned()).unwrap();
    let founding = later.world.alliance.to_bytes().unwrap();
    let says = |proof: &Proof| verify(&proof.to_bytes().unwrap(), &founding, program_hash).unwrap_err();
    let none = Proof { handovers: Vec::new(), ..proof.clone() };
    assert!(matches!(says(&none), Flaw::Handover { found: 1, quorum: 2, .. }), "{}", says(&none));
    let mut turned = proof.clone();
    turned.handovers.reverse();
    assert!(matches!(says(&turned), Flaw::OtherLog { .. }));
    let mut torn = proof.clone();
    torn.handovers[0].consistency.pop();
    assert!(matches!(says(&torn), Flaw::OtherLog { .. }));
    let bytes = proof.to_bytes().unwrap();
    for at in (0..bytes.len()).step_by(11) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(verify(&changed, &founding, program_hash).is_err(), "byte {at}");
    }
}

#[test]
fn whoever_comes_late_takes_over_the_kept_checkpoints_and_keeps_them() {
    let directory = tempfile::tempdir().unwrap();
    let later = founders_gone(directory.path());
    let path = directory.path().join("late.redb");
    let mut late = Ledger::open(&path, later.world.alliance.clone()).unwrap();
    while late.size() < later.ledger.size() {
        late.replay(&later.ledger.page(late.size()).unwrap()).unwrap();
    }
    let (_, last) = later.ledger.final_checkpoint().unwrap().clone();
    late.adopt_final(&last).unwrap();
    let without = check(&late, &later.world).unwrap_err();
    assert!(matches!(without, Flaw::Handover { .. }), "{without}");
    for note in later.ledger.handovers_above(late.confirmed()).unwrap() {
        late.adopt_handover(&note).unwrap();
    }
    assert_eq!(late.confirmed(), later.ledger.confirmed());
    drop(late);
    let again = Ledger::open(&path, later.world.alliance.clone()).unwrap();
    assert_eq!(again.confirmed(), later.ledger.confirmed());
    check(&again, &later.world).unwrap();
}
