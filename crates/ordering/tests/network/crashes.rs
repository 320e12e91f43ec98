//! What a loss of validators does, and what it does not do.

use std::thread;
use std::time::Duration;

use crate::alliance::{found, open};
use crate::flow::must_hold;
use crate::node::{Acked, Node, settle};

/// Small, repeatable steps between 0 and 900 ms.
fn pauses(seed: u64) -> impl Iterator<Item = Duration> {
    let step = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(seed), step).skip(1).map(|state| Duration::from_millis((state >> 33) % 900))
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn one_of_four_is_killed_at_any_moment_and_nothing_acknowledged_is_lost() {
    let root = found(4);
    let mut nodes: Vec<Option<Node>> = (0..4).map(|member| Some(Node::start(root.path(), member))).collect();
    let mut acked: Vec<Acked> = Vec::new();
    for (round, pause) in pauses(7).take(6).enumerate() {
        let victim = round % 4;
        for node in nodes.iter_mut().flatten() {
            node.tell("send 6");
        }
        thread::sleep(pause);
        acked.extend(nodes[victim].take().unwrap().kill());
        // The other three go on without it.
        let survivor = nodes[(victim + 1) % 4].as_mut().unwrap();
        let (size, _) = survivor.size();
        survivor.send(3);
        assert!(survivor.size().0 >= size + 3, "round {round}");
        let mut back = Node::start(root.path(), victim);
        back.reach(size);
        back.send(1);
        nodes[victim] = Some(back);
    }
    settle(nodes.iter_mut().flatten());
    acked.extend(nodes.into_iter().flatten().flat_map(Node::stop));
    assert!(acked.len() >= 24, "{}", acked.len());
    (0..4).for_each(|member| must_hold(&open(root.path(), member), &acked));
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn with_two_of_four_lost_they_stop_without_harm_and_resume() {
    let root = found(4);
    let mut nodes: Vec<_> = (0..4).map(|member| Node::start(root.path(), member)).collect();
    nodes[0].send(3);
    let (size, _) = nodes[0].size();
    let mut acked: Vec<Acked> = nodes.drain(2..).flat_map(Node::kill).collect();
    // Handed in, and not ordered by two of four.
    nodes[0].tell("send 1");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(nodes[1].size().0, size, "two of four order nothing");
    let back: Vec<_> = (2..4).map(|member| Node::start(root.path(), member)).collect();
    nodes.extend(back);
    nodes.iter_mut().for_each(|node| drop(node.reach(size + 1)));
    nodes[3].send(2);
    assert_eq!(settle(nodes.iter_mut()).0, size + 3);
    acked.extend(nodes.into_iter().flat_map(Node::stop));
    assert_eq!(acked.len(), 6);
    (0..4).for_each(|member| must_hold(&open(root.path(), member), &acked));
}
