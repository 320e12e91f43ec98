//! Validators get other keys, by plan and after a loss.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use contract::Did;
use ledger::{Action, Card, Validator};
use serde_json::{Value, json};
use treaty_ordering::rpc;

use crate::alliance::{found, home, key, open, read_card};
use crate::flow::must_hold;
use crate::node::{Node, PATIENCE, settle};

/// The member's card with another validator.
fn renewed(root: &Path, member: usize, validator: Validator) -> Action {
    let card = Card { validator: Some(validator), ..read_card(root, member) };
    Action::RenewCard(Box::new(card.renewed(&key(member)).unwrap()))
}

/// Waits until a member's CometBFT signs with that key, and the others count its vote.
fn votes_with(root: &Path, member: usize, key: &Did) {
    let end = Instant::now() + PATIENCE;
    let expected = base64(key);
    loop {
        let status = rpc::ask(&home(root, member).rpc(), "status", &json!({}), Duration::from_secs(5));
        let info = status.ok().and_then(|status| status.get("validator_info").cloned()).unwrap_or_default();
        let own = info.pointer("/pub_key/value").and_then(Value::as_str).map(str::to_owned);
        if own.as_deref() == Some(expected.as_str()) && info.get("voting_power") == Some(&json!("1")) {
            return;
        }
        assert!(Instant::now() < end, "{info}");
        thread::sleep(Duration::from_millis(200));
    }
}

fn base64(key: &Did) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(key.public_key())
}

/// Of three, all are needed for every block: also for the one before which the new key has no vote yet.
#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn a_validators_key_is_changed_by_plan_and_no_block_is_missed() {
    let root = found(3);
    let mut nodes: Vec<_> = (0..3).map(|member| Node::start(root.path(), member)).collect();
    nodes[0].send(2);
    let address = read_card(root.path(), 2).validator.unwrap().address;
    let next = home(root.path(), 2).next(&address, |_| false).unwrap();
    nodes[2].act(&renewed(root.path(), 2, next.clone()));
    nodes[0].send(3);
    votes_with(root.path(), 2, &next.key);
    nodes[2].send(2);
    let config = home(root.path(), 2).path().join("config");
    assert!(!config.join("priv_validator_key.next.json").exists(), "it is in place");

    // Killed between the card and the next block, it finds both keys and goes on.
    let after = home(root.path(), 2).next(&address, |_| false).unwrap();
    nodes[2].act(&renewed(root.path(), 2, after.clone()));
    let mut acked = nodes.remove(2).kill();
    nodes.push(Node::start(root.path(), 2));
    nodes[0].send(2);
    votes_with(root.path(), 2, &after.key);
    nodes[1].send(2);
    settle(nodes.iter_mut());
    acked.extend(nodes.into_iter().flat_map(Node::stop));
    (0..3).for_each(|member| must_hold(&open(root.path(), member), &acked));
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn a_validator_that_lost_its_key_follows_and_votes_again_with_another() {
    let root = found(4);
    let mut nodes: Vec<_> = (0..4).map(|member| Node::start(root.path(), member)).collect();
    nodes[3].send(2);
    settle(nodes.iter_mut());
    let mut acked = nodes.remove(3).kill();
    let lost = home(root.path(), 3).path().join("config/priv_validator_key.json");
    fs::remove_file(&lost).unwrap();
    nodes[0].send(2);
    let address = read_card(root.path(), 3).validator.unwrap().address;
    let next = home(root.path(), 3).next(&address, |_| false).unwrap();
    let (size, _) = nodes[0].size();
    let mut back = Node::start(root.path(), 3);
    back.reach(size);
    back.act(&renewed(root.path(), 3, next.clone()));
    nodes.push(back);
    nodes[0].send(3);
    votes_with(root.path(), 3, &next.key);
    // Of four, three must vote: this one is among them now.
    acked.extend(nodes.remove(0).kill());
    nodes[0].send(3);
    nodes[2].send(2);
    settle(nodes.iter_mut());
    acked.extend(nodes.into_iter().flat_map(Node::stop));
    (1..4).for_each(|member| must_hold(&open(root.path(), member), &acked));
}
