//! Members that order together: blocks instead of an operator's batches, and checkpoints on which nobody signs alone.

use contract::Hash;
use ledger::{
    Action, Alliance, Card, Content, Ledger, LedgerError, Refused, Staged, Validator,
    alliance::{AllianceFlaw, CardFlaw, quorum_of_agreement},
    log::tree::{Frontier, leaf_hash},
    refused::IdentityRule,
    restore::RestoreError,
    transaction::Checked,
};

use crate::world::{FOUNDED, World, key};

fn validator(seed: u8) -> Validator {
    let [key, node] = [key(seed), key(seed + 1)].map(|key| key.did());
    Validator { key, node, address: format!("127.0.0.1:{}", 7000 + u16::from(seed)) }
}

/// The world's alliance, in which all three members order.
fn without_operator(world: &World) -> Alliance {
    let mut alliance = world.alliance.clone();
    (alliance.operator, alliance.quorum) = (None, 3);
    for card in &mut alliance.members {
        let Some(at) = world.members.iter().position(|key| key.did() == card.member) else { continue };
        card.validator = Some(validator(20 + 2 * at as u8));
        *card = card.clone().renewed(&world.members[at]).unwrap();
    }
    alliance
}

fn founded() -> (World, Vec<Ledger>, tempfile::TempDir) {
    let mut world = World::new();
    world.alliance = without_operator(&world);
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| Ledger::open(&directory.path().join(name), world.alliance.clone()).unwrap();
    let ledgers = ["north", "lake", "south"].map(open).into();
    (world, ledgers, directory)
}

fn block(world: &mut World, versions: std::ops::RangeInclusive<u32>) -> Vec<Checked> {
    let publish = |version| Action::PublishDataset(Box::new(world.dataset(0, version)));
    let actions: Vec<_> = versions.map(publish).collect();
    actions.into_iter().map(|action| Checked::new(world.next(0, action)).unwrap()).collect()
}

#[test]
fn the_same_blocks_lead_to_the_same_root_and_a_quorum_makes_it_final() {
    let (mut world, mut ledgers, directory) = founded();
    let transactions = block(&mut world, 1..=3);
    let mut notes = Vec::new();
    for (ledger, key) in ledgers.iter_mut().zip(&world.members) {
        let staged = ledger.stage(FOUNDED + 9, &transactions).unwrap();
        assert!(staged.answers().iter().all(Result::is_ok));
        let root = staged.root();
        assert_eq!(ledger.size(), 1, "nothing is recorded yet");
        ledger.record_block(staged, 1).unwrap();
        assert_eq!((ledger.root(), ledger.size(), ledger.height().unwrap()), (root, 4, 1));
        notes.push(ledger.endorse(key, FOUNDED + 9).unwrap());
    }
    assert!(ledgers[0].final_checkpoint().is_none());
    assert!(!ledgers[0].add_cosignature(&notes[1]).unwrap(), "two of three");
    assert!(ledgers[0].add_cosignature(&notes[2]).unwrap(), "three of three");
    let (_, text) = ledgers[0].final_checkpoint().unwrap().clone();
    ledgers[1].adopt_final(&text).unwrap();
    assert_eq!(ledgers[1].final_checkpoint().unwrap().0.size, 4);

    // What a crash finds is what was recorded.
    drop(ledgers);
    let ledger = Ledger::open(&directory.path().join("north"), world.alliance).unwrap();
    assert_eq!((ledger.size(), ledger.height().unwrap(), ledger.size_at(1).unwrap()), (4, 1, Some(4)));
    assert_eq!(ledger.final_checkpoint().unwrap().1, text);
}

#[test]
fn a_block_is_recorded_once_in_its_turn_and_an_empty_one_counts() {
    let (mut world, mut ledgers, _directory) = founded();
    let ledger = &mut ledgers[0];
    let first = block(&mut world, 1..=1);
    let stage = |ledger: &Ledger| -> Staged { ledger.stage(FOUNDED, &first).unwrap() };
    let early = ledger.record_block(stage(ledger), 2).unwrap_err();
    assert!(matches!(early, LedgerError::Height { expected: 1, found: 2 }));
    let (one, same) = (stage(ledger), stage(ledger));
    ledger.record_block(one, 1).unwrap();
    let late = ledger.record_block(same, 2).unwrap_err();
    assert!(matches!(late, LedgerError::Overtaken { expected: 1, found: 2, .. }));
    let again = ledger.stage(FOUNDED, &first).unwrap();
    assert!(matches!(again.answers(), [Err(Refused::Sequence { .. })]));
    ledger.record_block(again, 2).unwrap();
    assert_eq!((ledger.size(), ledger.height().unwrap()), (2, 2));
}

#[test]
fn nobody_signs_a_checkpoint_alone() {
    let (world, mut ledgers, _directory) = founded();
    let alone = ledgers[0].sign_checkpoint(&world.members[0]).unwrap_err();
    assert!(matches!(alone, LedgerError::NoOperator));
    let mut other = World::new();
    other.alliance.quorum = 3;
    let directory = tempfile::tempdir().unwrap();
    let mut ordered = Ledger::open(&directory.path().join("ledger"), other.alliance).unwrap();
    let together = ordered.endorse(&world.members[1], FOUNDED).unwrap_err();
    assert!(matches!(together, LedgerError::NotOperator { .. }));
}

#[test]
fn another_root_or_one_that_is_not_reached_yet_is_not_cosigned_here() {
    let (mut world, mut ledgers, _directory) = founded();
    let (one, two) = (block(&mut world, 1..=1), block(&mut world, 2..=2));
    for (ledger, blocks) in ledgers.iter_mut().zip([vec![&one], vec![&one, &two], vec![]]) {
        for (height, block) in (1..).zip(blocks) {
            let staged = ledger.stage(FOUNDED + height, block).unwrap();
            ledger.record_block(staged, height).unwrap();
        }
    }
    let ahead = ledgers[1].endorse(&world.members[1], FOUNDED).unwrap();
    assert!(matches!(ledgers[0].add_cosignature(&ahead), Err(LedgerError::OutOfRange { .. })));
    // The same transactions at another time are another history.
    let staged = ledgers[2].stage(FOUNDED + 7, &one).unwrap();
    ledgers[2].record_block(staged, 1).unwrap();
    let forked = ledgers[2].endorse(&world.members[2], FOUNDED + 7).unwrap();
    assert!(matches!(ledgers[0].add_cosignature(&forked), Err(LedgerError::Diverged(_))));
}

#[test]
fn without_an_operator_every_member_names_a_validator_of_its_own() {
    let mut world = World::new();
    let alliance = without_operator(&world);
    alliance.validate().unwrap();
    let flaw = |change: &dyn Fn(&mut Card)| {
        let mut alliance = alliance.clone();
        let at = alliance.members.iter().position(|card| card.member == world.did(1)).unwrap();
        change(&mut alliance.members[at]);
        alliance.members[at] = alliance.members[at].clone().renewed(&world.members[1])?;
        Ok(alliance.validate().unwrap_err())
    };
    let none: Result<_, CardFlaw> = flaw(&|card| card.validator = None);
    assert_eq!(none.unwrap(), AllianceFlaw::NoValidator { member: world.did(1) });
    let shared = flaw(&|card| card.validator = Some(validator(20))).unwrap();
    assert!(matches!(shared, AllianceFlaw::Shared { what: "validator's key", .. }));
    let address = |card: &mut Card| {
        card.validator = Some(Validator { address: "nowhere".to_owned(), ..validator(40) });
    };
    assert!(matches!(flaw(&address), Err(CardFlaw::ValidatorAddress { .. })));
    let own = |card: &mut Card| card.validator = Some(Validator { key: card.member, ..validator(40) });
    assert_eq!(flaw(&own), Err(CardFlaw::ValidatorKeys));

    world.alliance = alliance.clone();
    let mut state = world.state();
    let mut card = alliance.card(&world.did(1)).unwrap().clone();
    card.validator = None;
    let card = card.renewed(&world.members[1]).unwrap();
    let refused = world.act(&mut state, 1, Action::RenewCard(Box::new(card))).unwrap_err();
    assert_eq!(refused, IdentityRule::ValidatorMissing(world.did(1)).into());
}

#[test]
fn two_quorums_of_agreement_share_more_than_a_third() {
    for members in 1..=128_u16 {
        let quorum = quorum_of_agreement(members);
        assert!(quorum <= members && 3 * u32::from(quorum) > 2 * u32::from(members), "{members}");
        assert!(3 * u32::from(quorum - 1) <= 2 * u32::from(members), "the smallest, {members}");
    }
}

#[test]
fn a_log_is_taken_over_whole_or_not_at_all() {
    let (mut world, mut ledgers, directory) = founded();
    let transactions = block(&mut world, 1..=9);
    let staged = ledgers[0].stage(FOUNDED + 1, &transactions).unwrap();
    ledgers[0].record_block(staged, 1).unwrap();
    let (root, size) = (ledgers[0].root(), ledgers[0].size());
    let stretch = |from: u64| {
        let leaves = ledgers[0].leaves(from, from + 3, 1 << 20).unwrap();
        (leaves, ledgers[0].consistency(from + 3, size).unwrap())
    };
    let stretches = [1, 4, 7].map(stretch);

    // Something else than what was vouched for costs nothing: another one's stretch can take its place.
    let mut taking = ledgers[1].begin_restoration(size, root).unwrap();
    let mut refused = |leaves: Vec<Vec<u8>>, proof: &[Hash]| {
        let flaw = ledgers[1].restore(&mut taking, leaves, proof).unwrap_err();
        assert!(matches!(flaw, RestoreError::Foreign { from: 1, .. }), "{flaw}");
    };
    let (first, proof) = &stretches[0];
    refused(stretches[1].0.clone(), &stretches[1].1);
    refused(vec![b"{}".to_vec()], proof);
    refused(first[..2].to_vec(), proof);
    refused(first.clone(), &[]);
    refused([first.clone(), vec![Vec::new(); 7]].concat(), &[]);
    refused(Vec::new(), &[]);
    ledgers[1].restore(&mut taking, first.clone(), proof).unwrap();
    let short = ledgers[1].finish_restoration(taking, 1).unwrap_err();
    assert!(matches!(short, RestoreError::Root { size: 4, .. }));
    let mut taking = ledgers[1].begin_restoration(3, root).unwrap();
    let long = ledgers[1].restore(&mut taking, first.clone(), proof).unwrap_err();
    assert!(matches!(long, RestoreError::Foreign { from: 1, to: 4, end: 3 }));
    // Nor do entries count that break the rules, whoever vouches for them: one that its member never signed, and none at all.
    let mut forged = ledgers[0].entries(1, 1).unwrap().remove(0);
    let Content::Transaction(signed) = &mut forged.content else { panic!("{forged:?}") };
    signed.signature = world.stranger.sign("transaction", b"something else");
    let founding = ledgers[0].leaves(0, 1, 1).unwrap().remove(0);
    let mut vouched = |leaf: Vec<u8>| {
        let mut frontier = Frontier::default();
        [&founding, &leaf].into_iter().for_each(|leaf| frontier.push(leaf_hash(leaf), |_| {}));
        let mut taking = ledgers[1].begin_restoration(2, frontier.root()).unwrap();
        ledgers[1].restore(&mut taking, vec![leaf], &[]).unwrap_err()
    };
    assert!(matches!(vouched(forged.to_bytes().unwrap()), RestoreError::NotFollowing { index: 1 }));
    assert!(matches!(vouched(b"{}".to_vec()), RestoreError::Malformed { index: 1, .. }));

    // A process that ended in the middle finds the founding entry alone, and can begin anew or take blocks.
    let mut taking = ledgers[2].begin_restoration(size, root).unwrap();
    ledgers[2].restore(&mut taking, first.clone(), proof).unwrap();
    drop(ledgers.pop());
    let mut south = Ledger::open(&directory.path().join("south"), world.alliance.clone()).unwrap();
    assert_eq!((south.size(), south.height().unwrap()), (1, 0));

    let mut taking = south.begin_restoration(size, root).unwrap();
    for (leaves, proof) in stretches {
        south.restore(&mut taking, leaves, &proof).unwrap();
        assert_eq!(south.size(), 1, "nothing shows before the end");
    }
    south.finish_restoration(taking, 7).unwrap();
    assert_eq!((south.root(), south.size(), south.height().unwrap()), (root, size, 7));
    assert_eq!(south.events(1, size).unwrap(), ledgers[0].events(1, size).unwrap());
    assert!(matches!(south.begin_restoration(size, root), Err(LedgerError::Overtaken { .. })));
    drop(south);
    let south = Ledger::open(&directory.path().join("south"), world.alliance).unwrap();
    assert_eq!((south.root(), south.height().unwrap()), (root, 7));
}
