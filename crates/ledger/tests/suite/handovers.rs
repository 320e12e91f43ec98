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

    /// The proof under a checkpoint that north signs and one other cosigns, and what a checker says.
    fn proven(&mut self, cosigner: &SigningKey) -> Result<Report, Flaw> {
        self.ledger.sign_checkpoint(&self.world.members[0]).unwrap();
        let cosigned = self.ledger.cosign(cosigner, self.now).unwrap();
        assert!(self.ledger.add_cosignature(&cosigned).unwrap());
        let proof = Proof::export(&self.ledger, hash("run"), PROGRAM.to_owned()).unwrap();
        verify(&proof.to_bytes().unwrap(), &self.world.alliance.to_bytes().unwrap(), program_hash)
    }
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
    let report = later.proven(&new).unwrap();
    assert_eq!(report.cosigners[0].name, "lake");
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
    let flaw = later.proven(&new).unwrap_err();
    assert!(matches!(flaw, Flaw::Handover { found: 1, quorum: 2, .. }), "{flaw}");
    // With a founder's own signature it does.
    let south = later.world.members[2].clone();
    later.proven(&south).unwrap();
}

#[test]
fn those_who_came_later_are_no_quorum_for_those_before() {
    let directory = tempfile::tempdir().unwrap();
    let mut later = Later::new(directory.path());
    later.pass(0, admission(), &[0, 1]);
    let flaw = later.proven(&key(11)).unwrap_err();
    assert!(matches!(flaw, Flaw::Handover { found: 1, quorum: 2, .. }), "{flaw}");
}
