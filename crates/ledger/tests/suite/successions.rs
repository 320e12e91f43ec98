//! The operator's key is lost: the other members sign who goes on, and from where. Nobody else can make it so.

use std::collections::BTreeMap;

use contract::{Did, Signature, SigningKey};
use ledger::{
    Action, Alliance, Applied, Ledger, LedgerError, Page, Proof, Refused, SignedTransaction, Transaction,
    governance::Motion,
    identity::prove_key,
    proof::Flaw,
    refused::SuccessionRule,
    succession::{SignedSuccession, Succession},
    verify,
};

use crate::house::{House, divergence, follow};
use crate::world::{FOUNDED, PROGRAM, World, hash, key, program_hash};

impl House {
    fn pledge(&mut self, member: usize, operator: usize) -> (Succession, Signature) {
        let operator = self.world.did(operator);
        self.ledgers[member].pledge(operator, &self.keys[member]).unwrap()
    }

    /// What these members sign about lake.
    fn succession(&mut self, signers: &[usize]) -> SignedSuccession {
        self.succession_to(1, signers)
    }

    fn succession_to(&mut self, next: usize, signers: &[usize]) -> SignedSuccession {
        let mut signatures = BTreeMap::new();
        let mut found = None;
        for member in signers {
            let (succession, signature) = self.pledge(*member, next);
            assert_eq!(*found.get_or_insert(succession.clone()), succession);
            signatures.insert(self.world.did(*member), signature);
        }
        SignedSuccession { succession: found.unwrap(), signatures }
    }

    fn take_over(&mut self, succession: SignedSuccession) -> Result<Applied, Refused> {
        self.now += 1;
        let signed = self.signed(1, Action::Succeed(Box::new(succession)));
        let taken = self.ledgers[1].take_over(self.now, signed).unwrap()?;
        self.ledgers[1].sign_checkpoint(&self.keys[1]).unwrap();
        (self.operator, self.lost) = (1, Some(0));
        self.spread();
        Ok(taken)
    }

    fn succeeded() -> Self {
        let mut house = Self::new();
        let succession = house.succession(&[1, 2]);
        house.take_over(succession).unwrap();
        house
    }

    fn rule(&mut self, succession: SignedSuccession) -> SuccessionRule {
        let signed = self.signed(1, Action::Succeed(Box::new(succession)));
        let (before, now) = (self.ledgers[1].root(), self.now + 1);
        let refused = self.ledgers[1].take_over(now, signed).unwrap().unwrap_err();
        assert_eq!(self.ledgers[1].root(), before);
        match refused {
            Refused::Succession(rule) => rule,
            other => panic!("{other}"),
        }
    }

    fn proof(&self) -> Proof {
        Proof::export(&self.ledgers[self.operator], hash("run"), PROGRAM.to_owned()).unwrap()
    }

    fn check(&self, proof: &Proof) -> Result<ledger::proof::Report, Flaw> {
        let alliance = self.world.alliance.to_bytes().unwrap();
        verify(&proof.to_bytes().unwrap(), &alliance, program_hash)
    }
}

#[test]
fn members_go_on_without_the_operators_key() {
    let mut house = House::succeeded();
    let lake = house.world.did(1);
    for member in [1, 2] {
        assert_eq!(house.ledgers[member].state().roster().operator(), Some(lake));
        assert_eq!(house.ledgers[member].pledged().unwrap(), None, "it is carried out");
    }
    house.give(2, 1);

    // A proof of what ran before, and one to whom a signature or the way from the old log is missing.
    let proof = house.proof();
    let report = house.check(&proof).unwrap();
    assert_eq!(report.operator.as_deref(), Some("lake"));
    assert_eq!(report.checkpoint_size, house.ledgers[1].size());
    let mut cut = proof.clone();
    cut.successions.clear();
    assert!(matches!(house.check(&cut), Err(Flaw::OtherLog { .. })));
    let mut more = proof.clone();
    more.successions.push(Vec::new());
    assert!(matches!(house.check(&more), Err(Flaw::OtherLog { .. })));
    let mut bent = proof;
    bent.successions[0][0] = hash("another");
    assert!(matches!(house.check(&bent), Err(Flaw::OtherLog { .. })));

    // Lake's next key, and a new one for north by vote, which nobody could order before.
    let next = key(23);
    let alliance = house.world.alliance.id().unwrap();
    let rotate = prove_key(&alliance, &lake, &next).unwrap();
    house.act(1, Action::RotateKey { key: next.did(), proof: rotate });
    house.keys[1] = next;
    let (north, new) = (house.world.did(0), key(21));
    let held = prove_key(&alliance, &north, &new).unwrap();
    let motion = Motion::ReplaceKey { member: north, key: new.did(), proof: held };
    house.pass(2, motion);
    assert_eq!(house.ledgers[2].state().roster().key(&north), Some(new.did()));
    follow(&mut house.ledgers, 1, 0);
    house.keys[0] = new;
    house.give(2, 0);
    let note = house.ledgers[0].page(0).unwrap();
    assert!(!note.entries.is_empty());
    let proof = house.proof();
    house.check(&proof).unwrap();

    // Every ledger opens again, and who was away from the first entry on gets it page by page, from a follower too.
    let (root, size) = (house.ledgers[1].root(), house.ledgers[1].size());
    let House { world, ledgers, directory, .. } = house;
    drop(ledgers);
    let open = |name: &str| Ledger::open(&directory.path().join(name), world.alliance.clone()).unwrap();
    for (source, late) in [("1", "late"), ("2", "later")] {
        let (source, mut late) = (open(source), open(late));
        assert_eq!(source.root(), root);
        while late.size() < size {
            late.replay(&source.page(late.size()).unwrap()).unwrap();
        }
        assert_eq!(late.root(), root);
    }
}

#[test]
fn a_succession_needs_the_others_and_nobody_else() {
    let mut house = House::new();
    let good = house.succession(&[1, 2]);
    let did = |member: usize| house.world.did(member);
    let (north, lake, south, watch) = (did(0), did(1), did(2), house.world.regulator.did());
    let by = |succession: &Succession, keys: &[(Did, &SigningKey)]| SignedSuccession {
        signatures: keys.iter().map(|(who, key)| (*who, succession.sign(key).unwrap())).collect(),
        succession: succession.clone(),
    };
    let keys = house.keys.clone();
    let both = [(lake, &keys[1]), (south, &keys[2])];
    let stated = good.succession.clone();

    assert_eq!(house.rule(by(&stated, &both[..1])), SuccessionRule::TooFew(1, 2, 2));
    let operators = [(north, &keys[0]), (lake, &keys[1])];
    assert_eq!(house.rule(by(&stated, &operators)), SuccessionRule::NoVoice(north));
    let regulator = house.world.regulator.clone();
    assert_eq!(
        house.rule(by(&stated, &[(lake, &keys[1]), (watch, &regulator)])),
        SuccessionRule::NoVoice(watch)
    );
    let others_key = [(lake, &keys[1]), (south, &keys[1])];
    assert_eq!(house.rule(by(&stated, &others_key)), SuccessionRule::Forged(south));
    let size = house.ledgers[1].size();
    let early = Succession { size: size - 1, ..stated };
    assert_eq!(house.rule(by(&early, &both)), SuccessionRule::Size(size, size - 1));
    let root = hash("another log");
    let other = Succession { root, ..stated };
    assert_eq!(house.rule(by(&other, &both)), SuccessionRule::Root(stated.root, root));
    let for_south = Succession { operator: south, ..stated };
    assert_eq!(house.rule(by(&for_south, &both)), SuccessionRule::NotYours(lake, south));

    // The operator's own node does not order it: whoever takes over does.
    let signed = house.signed(1, Action::Succeed(Box::new(good.clone())));
    let answers = house.ledgers[0].append(house.now + 1, vec![signed]).unwrap();
    assert_eq!(answers[0].clone().unwrap_err(), SuccessionRule::Elsewhere.into());

    // Who cannot order, and who need not be succeeded.
    let pledge = |house: &mut House, member: usize, operator: Did| {
        let key = house.keys[member].clone();
        house.ledgers[member].pledge(operator, &key).unwrap_err()
    };
    let refused = pledge(&mut house, 2, watch);
    assert!(
        matches!(refused, LedgerError::Refused(Refused::Succession(SuccessionRule::NotAMember(_)))),
        "{refused}"
    );
    let refused = pledge(&mut house, 2, north);
    assert!(matches!(refused, LedgerError::Refused(Refused::Succession(SuccessionRule::OrdersAlready(_)))));
    let refused = pledge(&mut house, 0, lake);
    assert!(
        matches!(refused, LedgerError::Refused(Refused::Succession(SuccessionRule::NoVoice(_)))),
        "{refused}"
    );
    let twice = pledge(&mut house, 2, south);
    assert!(matches!(twice, LedgerError::Pledged { operator, .. } if operator == lake), "{twice}");
    house.take_over(good.clone()).unwrap();
    assert_eq!(house.rule(good), SuccessionRule::Size(size + 1, size));
}

/// Whoever has signed takes nothing more of the operator, over a restart too, but can learn what it had ordered before.
#[test]
fn who_has_signed_keeps_to_it() {
    let mut house = House::new();
    let size = house.ledgers[2].size();
    house.pledge(2, 1);
    let gift = Action::TransferPoints { to: house.world.did(2), points: 1, note: "late".to_owned() };
    let signed = house.signed(1, gift);
    house.ledgers[0].append(house.now + 1, vec![signed]).unwrap()[0].as_ref().unwrap();
    house.ledgers[0].sign_checkpoint(&house.keys[0]).unwrap();
    let page = house.ledgers[0].page(size).unwrap();
    let path = house.directory.path().join("2");
    drop(house.ledgers.remove(2));
    house.ledgers.push(Ledger::open(&path, house.world.alliance.clone()).unwrap());
    let refused = house.ledgers[2].replay(&page).unwrap_err();
    assert!(matches!(refused, LedgerError::Pledged { size: at, .. } if at == size), "{refused}");

    // Lake has the entry: south must have it too before both can sign for one end of the log.
    house.ledgers[1].replay(&page).unwrap();
    let (ahead, _) = house.pledge(1, 1);
    assert_eq!(ahead.size, size + 1);
    house.ledgers[2].catch_up(&page).unwrap();
    // It has looked at the entry, but does not make it final for the operator before.
    for member in [1, 2] {
        let note = house.ledgers[member].cosign(&house.keys[member], house.now + 1);
        let is_bound = matches!(&note, Err(LedgerError::Pledged { size: at, .. }) if *at == size);
        assert!(is_bound == (member == 2), "{note:?}");
    }
    let succession = house.succession(&[1, 2]);
    assert_eq!(succession.succession, ahead);
    house.take_over(succession).unwrap();
    assert_eq!(house.ledgers[2].root(), house.ledgers[1].root());
}

/// The log was handed over by vote, and its new operator is lost before its first entry: the one before may go on.
#[test]
fn who_was_handed_the_log_and_is_lost_is_succeeded() {
    let mut house = House::new();
    let motion = Motion::HandOver { to: house.world.did(1) };
    house.pass(0, motion);
    assert_eq!(house.ledgers[0].state().roster().operator(), Some(house.world.did(1)));
    let key = house.keys[1].clone();
    let refused = house.ledgers[1].pledge(house.world.did(2), &key).unwrap_err();
    assert!(
        matches!(refused, LedgerError::Refused(Refused::Succession(SuccessionRule::NoVoice(_)))),
        "{refused}"
    );
    let succession = house.succession_to(0, &[0, 2]);
    let signed = house.signed(0, Action::Succeed(Box::new(succession)));
    house.ledgers[0].take_over(house.now + 1, signed).unwrap().unwrap();
    let key = house.keys[0].clone();
    house.ledgers[0].sign_checkpoint(&key).unwrap();
    follow(&mut house.ledgers, 0, 2);
    let roster = house.ledgers[2].state().roster();
    assert_eq!(roster.operator(), Some(house.world.did(0)));
}

/// The next operator leaves out what the one before ordered, and puts the signatures on a log of its own.
#[test]
fn who_takes_over_cannot_say_where_it_began() {
    let mut house = House::new();
    house.give(2, 0);
    let (south, size) = (2, house.ledgers[2].size());
    let succession = house.succession(&[1, 2]);
    let path = house.directory.path().join("forged");
    let mut forged = Ledger::open(&path, house.world.alliance.clone()).unwrap();
    for entry in house.ledgers[1].entries(1, usize::MAX).unwrap() {
        // All in place but a second later.
        let signed = entry.transaction().unwrap().clone();
        let time = entry.time + u64::from(entry.index + 1 == size);
        forged.append(time, vec![signed]).unwrap()[0].as_ref().unwrap();
    }
    forged.sign_checkpoint(&house.keys[0]).unwrap();
    assert_eq!(forged.size(), size);
    let signed = house.signed(1, Action::Succeed(Box::new(succession)));
    let refused = forged.take_over(house.now + 2, signed.clone()).unwrap().unwrap_err();
    assert!(matches!(refused, Refused::Succession(SuccessionRule::Root(..))), "{refused}");

    // South takes it as it was signed, with the next operator's checkpoint and no other.
    house.ledgers[1].take_over(house.now + 2, signed).unwrap().unwrap();
    let checkpoint = |key: &SigningKey, ledger: &Ledger| {
        let origin = ledger::log::Checkpoint::origin_of(&ledger.state().alliance_id());
        let checkpoint = ledger::log::Checkpoint { origin, size: ledger.size(), root: ledger.root() };
        let signatures = vec![checkpoint.sign(key)];
        ledger::log::Note { body: checkpoint.body(), signatures }.to_text()
    };
    let entries = house.ledgers[1].entries(size, usize::MAX).unwrap();
    for wrong in [&house.keys[0], &house.keys[2]] {
        let checkpoint = checkpoint(wrong, &house.ledgers[1]);
        let page = Page { entries: entries.clone(), checkpoint, consistency: Vec::new() };
        divergence(house.ledgers[south].replay(&page));
        assert_eq!(house.ledgers[south].size(), size, "nothing of it was kept");
    }
    let good = checkpoint(&house.keys[1], &house.ledgers[1]);
    house.ledgers[south].replay(&Page { entries, checkpoint: good, consistency: Vec::new() }).unwrap();

    // The operator before, when it comes back with its key, is not heard.
    let mut old = house.ledgers.remove(0);
    let late = house.world.sign(old.state(), &house.world.members[2], {
        Action::TransferPoints { to: house.world.did(0), points: 1, note: "mine".to_owned() }
    });
    old.append(house.now + 9, vec![late]).unwrap()[0].as_ref().unwrap();
    old.sign_checkpoint(&house.keys[0]).unwrap();
    let page = old.page(size).unwrap();
    divergence(house.ledgers[1].replay(&page));
}

/// Two members, or a quorum of all: nobody could tell who of them is lost. Who would sign is not bound by it.
#[test]
fn nobody_takes_over_alone() {
    let world = World::new();
    let of = |members: &[usize], quorum| {
        let dids: Vec<_> = members.iter().map(|member| world.did(*member)).collect();
        let mut members = world.alliance.members.clone();
        members.retain(|card| dids.contains(&card.member));
        let points = members.iter().map(|card| (card.member, 1)).collect();
        Alliance { members, points, quorum, ..world.alliance.clone() }
    };
    let alliances = [(of(&[0, 1], 2), (2, 1)), (of(&[0, 1, 2], 3), (3, 2))];
    for (alliance, (needed, others)) in alliances {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&directory.path().join("ledger"), alliance).unwrap();
        ledger.sign_checkpoint(&world.members[0]).unwrap();
        let refused = ledger.pledge(world.did(1), &world.members[1]).unwrap_err();
        let impossible = SuccessionRule::Impossible(needed, others);
        assert!(
            matches!(&refused, LedgerError::Refused(Refused::Succession(rule)) if *rule == impossible),
            "{refused}"
        );
        assert_eq!(ledger.pledged().unwrap(), None);
        let (alliance, size, root) = (ledger.state().alliance_id(), ledger.size(), ledger.root());
        let succession = Succession { alliance, size, root, operator: world.did(1) };
        let signature = succession.sign(&world.members[1]).unwrap();
        let signed = SignedSuccession { succession, signatures: BTreeMap::from([(world.did(1), signature)]) };
        assert_eq!(signed.check(ledger.state().roster()).unwrap_err(), impossible.into());
    }
    // Two whose founders chose that one is enough have decided otherwise.
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&directory.path().join("ledger"), of(&[0, 1], 1)).unwrap();
    ledger.sign_checkpoint(&world.members[0]).unwrap();
    ledger.pledge(world.did(1), &world.members[1]).unwrap();
}

#[test]
fn a_log_that_all_order_is_not_succeeded() {
    let world = World::new();
    let mut state = ledger::State::new(Alliance { operator: None, ..world.alliance.clone() }).unwrap();
    let (alliance, size) = (state.alliance_id(), state.size());
    let succession = Succession { alliance, size, root: hash("root"), operator: world.did(0) };
    let signatures = (1..3).map(|at| (world.did(at), succession.sign(&world.members[at]).unwrap())).collect();
    let action = Action::Succeed(Box::new(SignedSuccession { succession, signatures }));
    let member = world.did(0);
    let transaction = Transaction { alliance, member, sequence: 1, person: None, signer: None, action };
    let signed = SignedTransaction::sign(transaction, &world.members[0]).unwrap();
    let refused = state.apply(FOUNDED + 1, &signed).unwrap_err();
    assert_eq!(refused, SuccessionRule::NobodyAlone.into());
}
