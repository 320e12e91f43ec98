//! Transactions flow, and all come to one root.

use std::thread;

use ledger::{Content, Ledger};

use crate::alliance::{found, key, now, open};
use crate::node::{Acked, Node, settle};

/// Every acknowledged transaction stands where it was said to stand.
pub(crate) fn must_hold(ledger: &Ledger, acked: &[Acked]) {
    for (index, id) in acked {
        let entries = ledger.entries(*index, 1).unwrap();
        let Some(Content::Transaction(found)) = entries.first().map(|entry| &entry.content) else {
            panic!("entry {index} was acknowledged and is not there");
        };
        assert_eq!(found.id().unwrap(), *id, "entry {index}");
    }
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn all_validators_are_killed_at_once_and_find_everything_again() {
    let root = found(2);
    let mut acked = Vec::new();
    for _ in 0..3 {
        let mut nodes: Vec<_> = (0..2).map(|member| Node::start(root.path(), member)).collect();
        nodes.iter_mut().for_each(|node| drop(node.reach(acked.len() as u64 + 1)));
        nodes[0].send(5);
        acked.extend(nodes.into_iter().flat_map(Node::kill));
    }
    assert_eq!(acked.len(), 15);
    // One may have been killed before it recorded the last block, and takes it now.
    let mut nodes: Vec<_> = (0..2).map(|member| Node::start(root.path(), member)).collect();
    nodes.iter_mut().for_each(|node| drop(node.reach(16)));
    nodes.into_iter().for_each(|node| drop(node.stop()));
    (0..2).for_each(|member| must_hold(&open(root.path(), member), &acked));
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn four_validators_come_to_one_root_that_a_quorum_makes_final() {
    let root = found(4);
    let mut nodes: Vec<_> = (0..4).map(|member| Node::start(root.path(), member)).collect();
    thread::scope(|scope| nodes.iter_mut().for_each(|node| drop(scope.spawn(|| node.send(10)))));
    assert_eq!(settle(nodes.iter_mut()).0, 41);
    let acked: Vec<_> = nodes.into_iter().flat_map(Node::stop).collect();
    assert_eq!(acked.len(), 40);

    let mut ledgers: Vec<_> = (0..4).map(|member| open(root.path(), member)).collect();
    ledgers.iter().for_each(|ledger| must_hold(ledger, &acked));
    let times: Vec<_> = ledgers[0].entries(1, 40).unwrap().iter().map(|entry| entry.time).collect();
    assert!(times.iter().all(|time| now() - time < 120), "nothing is recorded with a stale time: {times:?}");
    let notes: Vec<_> = (1..4).map(|member| ledgers[member].endorse(&key(member), now()).unwrap()).collect();
    let is_final: Vec<_> = notes.iter().map(|note| ledgers[0].add_cosignature(note).unwrap()).collect();
    assert_eq!(is_final, [false, false, true], "three of four members");
}
