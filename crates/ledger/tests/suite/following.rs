//! An operator and followers: what they agree on, and what an operator may not do.

use std::path::PathBuf;

use contract::SigningKey;
use ledger::{
    Action, Alliance, Content, Divergence, Entry, Ledger, LedgerError, Page, Phase, Refused,
    governance::Motion,
    log::{
        Checkpoint, Endorsement, EndorsementFlaw, Note,
        tree::{Frontier, leaf_hash},
    },
};
use tempfile::TempDir;

use crate::world::{FOUNDED, World, hash, key};

/// A ledger in a directory of its own.
struct Copy {
    ledger: Ledger,
    path: PathBuf,
    _directory: TempDir,
}

fn open(alliance: &Alliance) -> Copy {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    Copy { ledger: Ledger::open(&path, alliance.clone()).unwrap(), path, _directory: directory }
}

/// The operator's ledger with one completed run in batches of three, and a checkpoint.
fn operator(world: &mut World) -> Copy {
    let mut copy = open(&world.alliance);
    let transactions = world.whole_path(hash("run"));
    for (batch, now) in transactions.chunks(3).zip(FOUNDED + 10..) {
        let answers = copy.ledger.append(now, batch.to_vec()).unwrap();
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    copy.ledger.sign_checkpoint(&world.members[0]).unwrap();
    copy
}

/// The operator's log with entries rewritten by `change`, and the checkpoint that it would sign over them.
fn rewritten(world: &World, page: &Page, change: impl Fn(&mut Vec<Entry>)) -> Page {
    let mut entries = page.entries.clone();
    change(&mut entries);
    resigned(world, entries)
}

fn resigned(world: &World, entries: Vec<Entry>) -> Page {
    let mut frontier = Frontier::default();
    for entry in &entries {
        frontier.push(leaf_hash(&entry.to_bytes().unwrap()), drop);
    }
    let origin = Checkpoint::origin_of(&world.alliance.id().unwrap());
    let checkpoint = Checkpoint { origin, size: frontier.size(), root: frontier.root() };
    Page { entries, checkpoint: signed(&checkpoint, &world.members[0]), consistency: Vec::new() }
}

fn signed(checkpoint: &Checkpoint, key: &SigningKey) -> String {
    Note { body: checkpoint.body(), signatures: vec![checkpoint.sign(key)] }.to_text()
}

fn divergence(result: Result<impl std::fmt::Debug, LedgerError>) -> Divergence {
    match result {
        Err(LedgerError::Diverged(divergence)) => divergence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_follower_reaches_the_same_state_and_a_quorum_makes_it_final() {
    let mut world = World::new();
    let mut operator = operator(&mut world).ledger;
    let mut follower = open(&world.alliance).ledger;

    let applied = follower.replay(&operator.page(1).unwrap()).unwrap();
    assert_eq!(applied.len() as u64, operator.size() - 1);
    assert_eq!(follower.root(), operator.root());
    let events: Vec<_> = applied.into_iter().flat_map(|applied| applied.events).collect();
    assert_eq!(follower.events(0, follower.size()).unwrap(), events);
    assert_eq!(operator.events(0, operator.size()).unwrap(), events);
    assert!(operator.events(9, 9).unwrap().is_empty() && operator.events(9, 3).unwrap().is_empty());
    assert_eq!(follower.state().run(&hash("run")).unwrap().phase, Phase::Completed);

    assert!(operator.final_checkpoint().is_none());
    let cosigned = follower.cosign(&world.members[1], FOUNDED + 100).unwrap();
    assert!(operator.add_cosignature(&cosigned).unwrap());
    let (checkpoint, note) = operator.final_checkpoint().cloned().unwrap();
    assert_eq!(checkpoint.size, operator.size());
    follower.adopt_final(&note).unwrap();
    assert_eq!(follower.final_checkpoint(), operator.final_checkpoint());

    let endorsement =
        Endorsement::check(&note, &ledger::Roster::founding(&world.alliance), &world.alliance.id().unwrap())
            .unwrap();
    assert_eq!((endorsement.operator, endorsement.members, endorsement.is_final), (true, 2, true));
    assert_eq!(endorsement.cosigners[&world.did(1)], FOUNDED + 100);
}

#[test]
fn a_regulators_cosignature_is_kept_but_does_not_count() {
    let mut world = World::new();
    let mut operator = operator(&mut world).ledger;
    let mut follower = open(&world.alliance).ledger;
    follower.replay(&operator.page(1).unwrap()).unwrap();
    let by_regulator = follower.cosign(&world.regulator, FOUNDED + 100).unwrap();
    assert!(!operator.add_cosignature(&by_regulator).unwrap());
    let by_member = follower.cosign(&world.members[2], FOUNDED + 101).unwrap();
    assert!(operator.add_cosignature(&by_member).unwrap());
    let note = &operator.final_checkpoint().unwrap().1;
    let endorsement =
        Endorsement::check(note, &ledger::Roster::founding(&world.alliance), &world.alliance.id().unwrap())
            .unwrap();
    assert_eq!((endorsement.cosigners.len(), endorsement.members), (2, 2));
}

#[test]
fn replaying_what_is_known_changes_nothing_and_small_pages_add_up() {
    let mut world = World::new();
    let operator = operator(&mut world).ledger;
    let mut follower = open(&world.alliance).ledger;
    let whole = operator.page(1).unwrap();
    while follower.size() < operator.size() {
        let from = follower.size();
        let entries = operator.entries(from, 2).unwrap();
        let end = from + entries.len() as u64;
        let consistency = operator.consistency(end, operator.size()).unwrap();
        let page = Page { entries, checkpoint: whole.checkpoint.clone(), consistency };
        assert_eq!(Page::from_bytes(&page.to_bytes().unwrap()).unwrap(), page);
        follower.replay(&page).unwrap();
    }
    let (root, latest) = (follower.root(), follower.latest_checkpoint().cloned());
    assert!(latest.is_some());
    assert!(follower.replay(&whole).unwrap().is_empty());
    assert!(follower.replay(&operator.page(operator.size()).unwrap()).unwrap().is_empty());
    assert_eq!((follower.root(), follower.latest_checkpoint().cloned()), (root, latest));
}

#[test]
fn reopening_finds_everything() {
    let mut world = World::new();
    let Copy { mut ledger, path, _directory } = operator(&mut world);
    let cosigned = {
        let mut follower = open(&world.alliance).ledger;
        follower.replay(&ledger.page(1).unwrap()).unwrap();
        follower.cosign(&world.members[1], FOUNDED + 100).unwrap()
    };
    ledger.add_cosignature(&cosigned).unwrap();
    let revoke = Action::RevokeContract {
        contract: world.contract().id().unwrap(),
        reason: "the study is over".to_owned(),
    };
    let revoke = world.next(1, revoke);
    ledger.append(FOUNDED + 200, vec![revoke]).unwrap()[0].as_ref().unwrap();
    let before = (ledger.size(), ledger.root(), ledger.final_checkpoint().cloned());
    drop(ledger);

    let ledger = Ledger::open(&path, world.alliance.clone()).unwrap();
    assert_eq!((ledger.size(), ledger.root(), ledger.final_checkpoint().cloned()), before);
    assert_eq!(ledger.state().run(&hash("run")).unwrap().phase, Phase::Completed);
    assert_eq!(ledger.state().time(), FOUNDED + 200);
    drop(ledger);

    let mut other = world.alliance.clone();
    other.name = "Another".to_owned();
    assert!(matches!(Ledger::open(&path, other), Err(LedgerError::OtherAlliance)));
}

#[test]
fn an_operator_cannot_change_what_a_transaction_says() {
    let mut world = World::new();
    let honest = operator(&mut world).ledger.page(1).unwrap();
    let founding = Entry::founding(&world.alliance).unwrap();
    let page = |entries: Vec<Entry>| {
        let mut page = resigned(&world, [vec![founding.clone()], entries].concat());
        page.entries.remove(0);
        page
    };
    let replay = |page: &Page| {
        let mut follower = open(&world.alliance).ledger;
        let fault = divergence(follower.replay(page));
        assert_eq!(follower.size(), 1, "nothing is kept");
        assert_eq!(follower.state().size(), 1, "nothing is kept");
        fault
    };

    let mut entries = honest.entries.clone();
    if let Content::Transaction(signed) = &mut entries[0].content {
        signed.transaction.person = Some(world.did(2));
    }
    let fault = replay(&page(entries));
    assert!(matches!(fault, Divergence::Invalid { index: 1, refused: Refused::ForgedTransaction { .. } }));

    let mut entries = honest.entries.clone();
    entries[1].effects = hash("wishful");
    assert!(matches!(replay(&page(entries)), Divergence::Effects { index: 2, .. }));

    let mut entries = honest.entries.clone();
    entries[4].time = FOUNDED - 1;
    let fault = replay(&page(entries));
    assert_eq!(fault, Divergence::TimeWentBack { index: 5, last: FOUNDED + 11, found: FOUNDED - 1 });

    let mut entries = honest.entries.clone();
    entries.swap(2, 3);
    entries[2].index = 3;
    entries[3].index = 4;
    assert!(matches!(replay(&page(entries)), Divergence::Invalid { index: 3, .. }));

    let mut entries = honest.entries.clone();
    entries.remove(3);
    assert_eq!(replay(&page(entries)), Divergence::Gap { expected: 4, found: 5 });

    let mut entries = honest.entries;
    entries[0].content = Content::Alliance(Box::new(world.alliance.clone()));
    assert_eq!(replay(&page(entries)), Divergence::NotATransaction { index: 1 });
}

#[test]
fn an_operator_cannot_fork_or_rewrite() {
    let mut world = World::new();
    let operator = operator(&mut world).ledger;
    let mut follower = open(&world.alliance).ledger;
    let page = operator.page(1).unwrap();
    let late = rewritten(&world, &operator.page(0).unwrap(), |entries| entries[5].time += 1);
    let shorter = rewritten(&world, &operator.page(0).unwrap(), |entries| {
        entries.truncate(6);
        entries[5].time += 1;
    });

    // Entries that are not under the signed root.
    let mixed = Page { entries: page.entries.clone(), ..late.clone() };
    assert_eq!(
        divergence(follower.replay(&mixed)),
        Divergence::Fork { known: operator.size(), size: operator.size() }
    );
    let mixed = Page { entries: page.entries[..7].to_vec(), ..shorter.clone() };
    assert_eq!(divergence(follower.replay(&mixed)), Divergence::BeyondCheckpoint { entries: 8, size: 6 });
    assert_eq!(follower.size(), 1);

    follower.replay(&page).unwrap();
    assert_eq!(divergence(follower.replay(&late)), Divergence::Rewritten { index: 5 });
    let without = |page: &Page| Page { entries: Vec::new(), ..page.clone() };
    assert!(matches!(divergence(follower.replay(&without(&late))), Divergence::Fork { .. }));
    assert!(matches!(divergence(follower.replay(&without(&shorter))), Divergence::Fork { size: 6, .. }));
    let far = Page { entries: page.entries[3..].to_vec(), ..page.clone() };
    assert_eq!(
        divergence(open(&world.alliance).ledger.replay(&far)),
        Divergence::Gap { expected: 1, found: 4 }
    );

    // A quorum that signed another root is a proof that they follow another log.
    let checkpoint = Checkpoint::parse_body(&Note::parse(&late.checkpoint).unwrap().body).unwrap();
    let signatures =
        vec![checkpoint.sign(&world.members[0]), checkpoint.cosign(&world.members[2], FOUNDED + 100)];
    let forked = Note { body: checkpoint.body(), signatures }.to_text();
    assert!(matches!(divergence(follower.adopt_final(&forked)), Divergence::Fork { .. }));
}

#[test]
fn only_the_operators_signature_orders() {
    let mut world = World::new();
    let mut copy = operator(&mut world);
    let page = copy.ledger.page(1).unwrap();
    let (checkpoint, _) = copy.ledger.latest_checkpoint().cloned().unwrap();
    let mut follower = open(&world.alliance).ledger;

    let forged = Page { checkpoint: signed(&checkpoint, &world.members[1]), ..page.clone() };
    let name = checkpoint.origin.clone();
    assert_eq!(
        divergence(follower.replay(&forged)),
        Divergence::Checkpoint(EndorsementFlaw::UnknownSigner { name })
    );
    let cosigned = Note {
        body: checkpoint.body(),
        signatures: vec![checkpoint.cosign(&world.members[1], FOUNDED + 100)],
    };
    let unsigned = Page { checkpoint: cosigned.to_text(), ..page.clone() };
    assert_eq!(divergence(follower.replay(&unsigned)), Divergence::Unsigned { size: checkpoint.size });

    let refused = copy.ledger.sign_checkpoint(&world.members[1]);
    assert!(matches!(refused, Err(LedgerError::NotOperator { .. })));
    follower.replay(&page).unwrap();
    assert!(matches!(follower.cosign(&key(9), FOUNDED + 100), Err(LedgerError::NotInAlliance { .. })));
    assert!(matches!(
        follower.cosign(&world.members[1], FOUNDED - 1000),
        Err(LedgerError::ClockAhead { .. })
    ));
    let not_final = follower.adopt_final(&page.checkpoint);
    assert!(matches!(not_final, Err(LedgerError::NotFinal { found: 1, quorum: 2 })));
    let mut stranger = checkpoint;
    stranger.size += 1;
    let unknown =
        Note { body: stranger.body(), signatures: vec![stranger.cosign(&world.members[1], FOUNDED)] };
    assert!(matches!(
        copy.ledger.add_cosignature(&unknown.to_text()),
        Err(LedgerError::UnknownCheckpoint { .. })
    ));
}

#[test]
fn a_cosignature_that_arrives_late_changes_nothing() {
    let mut world = World::new();
    let mut operator = operator(&mut world).ledger;
    let mut follower = open(&world.alliance).ledger;
    follower.replay(&operator.page(1).unwrap()).unwrap();
    let early = follower.cosign(&world.members[1], FOUNDED + 100).unwrap();
    let reason = "the study is over".to_owned();
    let revoke = world.next(1, Action::RevokeContract { contract: world.contract().id().unwrap(), reason });
    operator.append(FOUNDED + 200, vec![revoke]).unwrap()[0].as_ref().unwrap();
    operator.sign_checkpoint(&world.members[0]).unwrap();
    follower.replay(&operator.page(follower.size()).unwrap()).unwrap();
    let later = follower.cosign(&world.members[1], FOUNDED + 201).unwrap();
    assert!(operator.add_cosignature(&later).unwrap());
    assert!(!operator.add_cosignature(&early).unwrap());
    assert_eq!(operator.final_checkpoint().unwrap().0.size, operator.size());
}

/// By a newer build's operator: the page goes on under rules that this build lacks.
#[test]
fn a_page_across_adopted_rules_is_taken_up_to_them() {
    let mut world = World::new();
    let mut operator = open(&world.alliance).ledger;
    let motion = Motion::AdoptProtocol { version: 2, from: 4 };
    let propose = world.next(0, Action::Propose { motion, text: "better rules".to_owned() });
    let proposal = propose.id().unwrap();
    let votes = [0, 1].map(|member| world.next(member, Action::Vote { proposal, approve: true }));
    let known = [propose].into_iter().chain(votes).collect();
    operator.append(FOUNDED + 10, known).unwrap().iter().for_each(|answer| assert!(answer.is_ok()));
    operator.sign_checkpoint(&world.members[0]).unwrap();
    assert_eq!(operator.size(), 4);
    let last = operator.page(0).unwrap();
    let across = rewritten(&world, &last, |entries| {
        let unknown = Entry { index: 4, ..entries[3].clone() };
        entries.push(unknown);
    });

    let mut follower = open(&world.alliance).ledger;
    let applied = follower.replay(&across).unwrap();
    assert_eq!(applied.iter().map(|applied| applied.index).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(follower.root(), operator.root());
    // Not by the checkpoint over what it lacks.
    assert!(follower.latest_checkpoint().is_none());
    let rest = Page { entries: vec![across.entries[4].clone()], ..across.clone() };
    for page in [&across, &rest] {
        let stopped = follower.replay(page).unwrap_err();
        assert!(matches!(stopped, LedgerError::Outdated { from: 4, version: 2 }), "{stopped}");
    }
    follower.replay(&last).unwrap();
    assert_eq!(follower.latest_checkpoint(), operator.latest_checkpoint());
}
