//! The operator changes its key, hands the log over and leaves; nobody else can make it so.

use contract::SigningKey;
use ledger::{
    Action, Divergence, Ledger, LedgerError, Page, Proof,
    governance::Motion,
    identity::prove_key,
    log::{Checkpoint, EndorsementFlaw, Note},
    refused::{GovernanceRule, IdentityRule},
    verify,
};

use crate::governance::{not_proposed, rule};
use crate::house::{House, divergence};
use crate::world::{PROGRAM, World, hash, key, program_hash};

impl House {
    fn rotate(&mut self, member: usize, next: SigningKey) {
        let alliance = self.world.alliance.id().unwrap();
        let proof = prove_key(&alliance, &self.world.did(member), &next).unwrap();
        self.act(member, Action::RotateKey { key: next.did(), proof });
        self.keys[member] = next;
    }

    fn hand_over(&mut self, to: usize) {
        self.pass(0, Motion::HandOver { to: self.world.did(to) });
        self.operator = to;
        self.spread();
    }

    /// Who orders the log, as a proof of the run under the newest checkpoint says; every ledger opens again.
    fn proven(self) -> Option<String> {
        let proof = Proof::export(&self.ledgers[self.operator], hash("run"), PROGRAM.to_owned()).unwrap();
        let alliance = self.world.alliance.to_bytes().unwrap();
        let report = verify(&proof.to_bytes().unwrap(), &alliance, program_hash).unwrap();
        let (root, size) = (self.ledgers[self.operator].root(), self.ledgers[self.operator].size());
        assert_eq!(report.checkpoint_size, size, "the last entry is final");
        drop(self.ledgers);
        for member in 0..3 {
            let path = self.directory.path().join(member.to_string());
            assert_eq!(Ledger::open(&path, self.world.alliance.clone()).unwrap().root(), root);
        }
        // Somebody who was away from the first entry on gets it page by page.
        let path = self.directory.path().join("late");
        let mut late = Ledger::open(&path, self.world.alliance.clone()).unwrap();
        let source = self.directory.path().join(self.operator.to_string());
        let source = Ledger::open(&source, self.world.alliance).unwrap();
        while late.size() < size {
            late.replay(&source.page(late.size()).unwrap()).unwrap();
        }
        assert_eq!(late.root(), root);
        report.operator
    }
}

#[test]
fn the_operator_changes_its_key_and_the_old_one_signs_no_further_checkpoint() {
    let mut house = House::new();
    house.rotate(0, key(21));
    house.give(1, 0);
    house.rotate(0, key(22));
    house.give(0, 2);
    let old = house.world.members[0].clone();
    let (now, next) = (
        house.now + 1,
        house.world.sign(house.ledgers[0].state(), &house.world.members[2], {
            Action::TransferPoints { to: house.world.did(0), points: 1, note: "back".to_owned() }
        }),
    );
    house.lead().append(now, vec![next]).unwrap()[0].as_ref().unwrap();
    let refused = house.lead().sign_checkpoint(&old).unwrap_err();
    assert!(
        matches!(refused, LedgerError::NotOperator { operator, .. } if operator == key(22).did()),
        "{refused}"
    );
    let forged = checkpoint(&house.ledgers[0], &old);
    let page = Page {
        entries: house.ledgers[0].entries(house.ledgers[1].size(), 1).unwrap(),
        checkpoint: forged,
        consistency: Vec::new(),
    };
    let found = divergence(house.ledgers[1].replay(&page));
    assert!(matches!(found, Divergence::Checkpoint(EndorsementFlaw::UnknownSigner { .. })), "{found}");
    house.lead().sign_checkpoint(&key(22)).unwrap();
    house.spread();
    assert_eq!(house.proven().as_deref(), Some("north"));
}

/// Pages come from any member. That the operator once changed its key in entries which are known makes no other's
/// checkpoint one to be looked at later.
#[test]
fn a_known_change_of_keys_vouches_for_nobody() {
    let mut house = House::new();
    let before = house.ledgers[0].size();
    house.rotate(0, key(21));
    house.give(1, 0);
    let path = house.directory.path().join("forged");
    let mut forged = Ledger::open(&path, house.world.alliance.clone()).unwrap();
    while forged.size() < house.ledgers[0].size() {
        forged.replay(&house.ledgers[0].page(forged.size()).unwrap()).unwrap();
    }
    let give = Action::TransferPoints { to: house.world.did(0), points: 1, note: "mine".to_owned() };
    let signed = house.world.sign(forged.state(), &house.world.members[2], give);
    forged.append(house.now + 1, vec![signed]).unwrap()[0].as_ref().unwrap();
    let entries = forged.entries(before, usize::MAX).unwrap();
    let page = Page { entries, checkpoint: checkpoint(&forged, &key(39)), consistency: Vec::new() };
    let size = house.ledgers[1].size();
    let found = divergence(house.ledgers[1].replay(&page));
    assert!(matches!(found, Divergence::Checkpoint(EndorsementFlaw::UnknownSigner { .. })), "{found}");
    assert_eq!(house.ledgers[1].size(), size, "nothing of it was kept");
    house.give(2, 0);
    assert_eq!(house.proven().as_deref(), Some("north"));
}

#[test]
fn the_log_is_handed_over_and_who_ordered_it_leaves() {
    let mut house = House::new();
    house.give(0, 1);
    house.hand_over(1);
    assert_eq!(house.ledgers[2].state().roster().operator(), Some(house.world.did(1)));
    house.give(2, 0);
    house.rotate(1, key(23));
    house.give(0, 1);
    let north = house.world.did(0);
    house.pass(0, Motion::Release { member: north });
    house.give(2, 1);
    assert_eq!(house.proven().as_deref(), Some("lake"));
}

#[test]
fn who_handed_the_log_over_orders_nothing_further() {
    let mut house = House::new();
    house.hand_over(1);
    let south = house.world.members[2].clone();
    let give = Action::TransferPoints { to: house.world.did(0), points: 1, note: "late".to_owned() };
    let signed = house.world.sign(house.ledgers[0].state(), &south, give);
    house.ledgers[0].append(house.now + 1, vec![signed]).unwrap()[0].as_ref().unwrap();
    let refused = house.ledgers[0].sign_checkpoint(&house.keys[0]).unwrap_err();
    assert!(matches!(refused, LedgerError::NotOperator { operator, .. } if operator == house.world.did(1)));
    let forged = checkpoint(&house.ledgers[0], &house.keys[0]);
    let entries = house.ledgers[0].entries(house.ledgers[2].size(), 1).unwrap();
    let page = Page { entries, checkpoint: forged, consistency: Vec::new() };
    let found = divergence(house.ledgers[2].replay(&page));
    assert!(matches!(found, Divergence::Checkpoint(EndorsementFlaw::UnknownSigner { .. })), "{found}");
}

/// The next operator leaves out what was ordered before the vote, and signs the rest itself.
#[test]
fn who_takes_the_log_over_cannot_say_where_it_began() {
    let mut house = House::new();
    let before = house.ledgers[2].size();
    let path = house.directory.path().join("behind");
    let mut behind = Ledger::open(&path, house.world.alliance.clone()).unwrap();
    while behind.size() < before {
        behind.replay(&house.ledgers[0].page(behind.size()).unwrap()).unwrap();
    }
    house.give(2, 0);
    house.hand_over(1);

    // All transactions but south's gift are genuine, and in the same order.
    let path = house.directory.path().join("forged");
    let mut forged = Ledger::open(&path, house.world.alliance.clone()).unwrap();
    for entry in house.ledgers[0].entries(1, usize::MAX).unwrap() {
        let signed = entry.transaction().unwrap().clone();
        if entry.index != before {
            forged.append(entry.time, vec![signed]).unwrap()[0].as_ref().unwrap();
        }
    }
    assert_eq!(forged.state().roster().operator(), Some(house.world.did(1)));
    let give = Action::TransferPoints { to: house.world.did(0), points: 1, note: "mine".to_owned() };
    let signed = house.world.sign(forged.state(), &house.world.members[1], give);
    forged.append(house.now + 1, vec![signed]).unwrap()[0].as_ref().unwrap();
    let entries = forged.entries(before, usize::MAX).unwrap();
    let page = Page { entries, checkpoint: checkpoint(&forged, &house.keys[1]), consistency: Vec::new() };
    let found = divergence(behind.replay(&page));
    assert!(matches!(found, Divergence::Checkpoint(EndorsementFlaw::UnknownSigner { .. })), "{found}");
    assert_eq!(behind.size(), before, "nothing of it was kept");
}

#[test]
fn a_log_is_handed_to_another_full_member() {
    let world = World::new();
    let mut state = world.state();
    let north = world.did(0);
    let same = not_proposed(&world, &mut state, 1, Motion::HandOver { to: north });
    assert_eq!(rule(same), GovernanceRule::OrdersAlready(north));
    for nobody in [world.regulator.did(), world.stranger.did()] {
        let refused = not_proposed(&world, &mut state, 1, Motion::HandOver { to: nobody });
        assert!(["regulator-may-not", "not-in-alliance"].contains(&refused.rule()), "{refused}");
    }
    let proof = prove_key(&state.alliance_id(), &north, &key(21)).unwrap();
    let replace = Motion::ReplaceKey { member: north, key: key(21).did(), proof };
    let refused = not_proposed(&world, &mut state, 1, replace);
    assert_eq!(refused, IdentityRule::OperatorsKey(north).into());
}

/// The ledger's root with one signature as the log, by whoever.
fn checkpoint(ledger: &Ledger, key: &SigningKey) -> String {
    let origin = Checkpoint::origin_of(&ledger.state().alliance_id());
    let checkpoint = Checkpoint { origin, size: ledger.size(), root: ledger.root() };
    Note { body: checkpoint.body(), signatures: vec![checkpoint.sign(key)] }.to_text()
}
