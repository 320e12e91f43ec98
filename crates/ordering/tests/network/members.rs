//! Validators follow membership, and a new one gets the whole log at once.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ledger::{Action, governance::Motion};
use serde_json::{Value, json};
use treaty_ordering::rpc;

use crate::alliance::{card, directory, found, home, key, open};
use crate::flow::must_hold;
use crate::node::{Acked, Node, PATIENCE, settle};

/// Blocks that make it worth taking over the log at once.
const BLOCKS: u64 = 100;

fn height(root: &Path) -> u64 {
    let status = rpc::ask(&home(root, 0).rpc(), "status", &json!({}), Duration::from_secs(5)).unwrap();
    status.pointer("/sync_info/latest_block_height").and_then(Value::as_str).unwrap().parse().unwrap()
}

/// Three members with many blocks, who have admitted a fourth.
fn with_a_fourth(root: &Path) -> Vec<Node> {
    let mut nodes: Vec<_> = (0..3).map(|member| Node::start(root, member)).collect();
    while height(root) < BLOCKS {
        nodes[0].send(10);
    }
    let admit = Motion::Admit(Box::new(card(root, 3)));
    let proposal = nodes[0].act(&Action::Propose { motion: admit, text: "the fourth".to_owned() });
    for node in &mut nodes[..2] {
        node.act(&Action::Vote { proposal, approve: true });
    }
    nodes[1].send(5);
    fs::write(directory(root, 3).join("headers"), "").unwrap();
    nodes
}

/// Whether a member's node has the log of the others, taken over at once.
fn took_over(root: &Path, acked: &[Acked]) {
    let ledger = open(root, 3);
    must_hold(&ledger, acked);
    let log = home(root, 3).log();
    assert_eq!(ledger.size_at(2).unwrap(), None, "blocks were taken one by one: {}", log.display());
    assert!(!home(root, 3).path().join("state-sync-unfinished").exists());
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn a_member_that_a_vote_admits_takes_over_the_log_and_then_votes_on_blocks() {
    let root = found(3);
    let mut nodes = with_a_fourth(root.path());
    let (size, _) = settle(nodes.iter_mut());
    let mut fourth = Node::start(root.path(), 3);
    fourth.reach(size);
    nodes.push(fourth);
    nodes[1].send(2);
    settle(nodes.iter_mut());

    // Three of four go on, and the fourth is one of the three: it votes.
    let mut acked = nodes.remove(0).kill();
    nodes[0].send(4);
    settle(nodes.iter_mut());
    acked.extend(nodes.into_iter().flat_map(Node::stop));
    took_over(root.path(), &acked);
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn who_is_killed_while_it_takes_over_the_log_begins_anew_without_harm() {
    let root = found(3);
    let mut nodes = with_a_fourth(root.path());
    let (size, _) = settle(nodes.iter_mut());
    // CometBFT looks for snapshots for five seconds, and then is done within one on this machine.
    for milliseconds in [300, 5_200, 5_500, 5_800, 6_100, 6_500] {
        let fourth = Node::start(root.path(), 3);
        thread::sleep(Duration::from_millis(milliseconds));
        fourth.kill();
    }
    // And once when the log has just become this node's, before the block after it is recorded.
    let doom = directory(root.path(), 3).join("doom");
    if open(root.path(), 3).size() == 1 {
        fs::write(&doom, "").unwrap();
        drop(Node::start(root.path(), 3).wait());
        assert!(!doom.exists());
        assert!(open(root.path(), 3).size() > 1);
    }
    let mut fourth = Node::start(root.path(), 3);
    fourth.reach(size);
    nodes.push(fourth);
    nodes[1].send(2);
    let issue = Motion::Issue { to: key(3).did(), points: 5 };
    nodes[3].act(&Action::Propose { motion: issue, text: "points for the fourth".to_owned() });
    settle(nodes.iter_mut());
    let acked: Vec<_> = nodes.into_iter().flat_map(Node::stop).collect();
    took_over(root.path(), &acked);
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn where_nobody_shows_the_first_block_blocks_are_taken_one_by_one() {
    let root = found(3);
    let mut nodes = with_a_fourth(root.path());
    fs::remove_file(directory(root.path(), 3).join("headers")).unwrap();
    let (size, _) = settle(nodes.iter_mut());
    let mut fourth = Node::start(root.path(), 3);
    fourth.reach(size);
    nodes.push(fourth);
    let issue = Motion::Issue { to: key(3).did(), points: 5 };
    nodes[3].act(&Action::Propose { motion: issue, text: "points for the fourth".to_owned() });
    settle(nodes.iter_mut());
    nodes.into_iter().for_each(|node| drop(node.stop()));
    assert!(open(root.path(), 3).size_at(2).unwrap().is_some());
}

/// Names of the processes that a member's CometBFT is connected to; none when it does not answer.
fn connected(root: &Path, member: usize) -> Option<Vec<String>> {
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
