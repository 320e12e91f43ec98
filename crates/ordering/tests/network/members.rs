//! Validators follow membership, and a new one gets the whole log at once.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ledger::{Action, governance::Motion};
use serde_json::{Value, json};
use treaty_ordering::rpc;

use crate::alliance::{card, directory, found, home, key, open};
use crate::flow::must_hold;
use crate::node::{Node, PATIENCE, settle};

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn a_member_that_a_vote_admits_takes_over_the_log_and_then_votes_on_blocks() {
    let root = found(3);
    let mut nodes: Vec<_> = (0..3).map(|member| Node::start(root.path(), member)).collect();
    nodes[0].send(20);
    let admit = Motion::Admit(Box::new(card(root.path(), 3)));
    let proposal = nodes[0].act(&Action::Propose { motion: admit, text: "the fourth".to_owned() });
    for node in &mut nodes[..2] {
        node.act(&Action::Vote { proposal, approve: true });
    }
    nodes[1].send(5);

    let commit = rpc::ask(&home(root.path(), 0).rpc(), "commit", &json!({}), Duration::from_secs(5)).unwrap();
    let text = |path: &str| commit.pointer(path).and_then(Value::as_str).unwrap().to_owned();
    let height: u64 = text("/signed_header/header/height").parse().unwrap();
    // The light client needs two headers after the snapshot's.
    nodes[2].send(3);
    let trust = format!("{height} {}", text("/signed_header/commit/block_id/hash"));
    fs::write(directory(root.path(), 3).join("trust"), trust).unwrap();

    let (size, _) = settle(nodes.iter_mut());
    let mut fourth = Node::start(root.path(), 3);
    fourth.reach(size);
    let log = home(root.path(), 3).log();
    nodes.push(fourth);
    nodes[1].send(2);
    settle(nodes.iter_mut());

    // Three of four go on, and the fourth is one of the three: it votes.
    let mut acked = nodes.remove(0).kill();
    nodes[0].send(4);
    settle(nodes.iter_mut());
    acked.extend(nodes.into_iter().flat_map(Node::stop));
    let ledger = open(root.path(), 3);
    must_hold(&ledger, &acked);
    assert_eq!(
        ledger.size_at(2).unwrap(),
        None,
        "the first blocks were not taken one by one: {}",
        log.display()
    );
}

/// Names of the processes that a member's CometBFT is connected to; none when it does not answer.
fn connected(root: &std::path::Path, member: usize) -> Option<Vec<String>> {
    let info = rpc::ask(&home(root, member).rpc(), "net_info", &json!({}), Duration::from_secs(5)).ok()?;
    let name = |peer: &Value| Some(peer.pointer("/node_info/id")?.as_str()?.to_owned());
    info.get("peers")?.as_array()?.iter().map(name).collect()
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn who_is_expelled_is_hung_up_on_while_the_others_go_on() {
    let root = found(4);
    let mut nodes: Vec<_> = (0..4).map(|member| Node::start(root.path(), member)).collect();
    nodes[0].send(2);
    let status = rpc::ask(&home(root.path(), 3).rpc(), "status", &json!({}), Duration::from_secs(5)).unwrap();
    let expelled = status.pointer("/node_info/id").and_then(Value::as_str).unwrap().to_owned();
    let until = |what: &str, holds: &dyn Fn(usize) -> bool| {
        let end = Instant::now() + PATIENCE;
        while !(0..3).all(holds) {
            assert!(Instant::now() < end, "{what}");
            thread::sleep(Duration::from_millis(200));
        }
    };
    let peers = |member| connected(root.path(), member).unwrap_or_default();
    until("all are connected", &|member| peers(member).contains(&expelled));

    let motion = Motion::Expel { member: key(3).did(), reason: "it is malicious".to_owned() };
    let proposal = nodes[0].act(&Action::Propose { motion, text: "out".to_owned() });
    for node in &mut nodes[..2] {
        node.act(&Action::Vote { proposal, approve: true });
    }
    // One after the other starts anew; what is handed in meanwhile is ordered.
    nodes[0].send(3);
    let others = |member: usize| {
        let peers = peers(member);
        peers.len() == 2 && !peers.contains(&expelled)
    };
    until("the three are connected with each other alone", &others);
    nodes[1].send(2);
    let third = nodes.remove(3);
    settle(nodes.iter_mut());
    drop(third.kill());
    let acked: Vec<_> = nodes.into_iter().flat_map(Node::stop).collect();
    (0..3).for_each(|member| must_hold(&open(root.path(), member), &acked));
}
