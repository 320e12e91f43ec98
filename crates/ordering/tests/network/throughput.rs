//! How fast four validators are on this machine:
//! `cargo test --release -p treaty-ordering --test network -- --ignored --nocapture throughput`.

use std::thread;
use std::time::{Duration, Instant};

use crate::alliance::found;
use crate::node::{Node, settle};

/// Transactions of each validator.
const EACH: u64 = 2_000;
/// Transactions of which the time to their block is taken.
const TIMED: usize = 50;

#[test]
#[ignore = "measures; run with --release"]
fn throughput() {
    let root = found(4);
    let mut nodes: Vec<_> = (0..4).map(|member| Node::start(root.path(), member)).collect();
    nodes[0].send(1);
    let mut times: Vec<Duration> = (0..TIMED)
        .map(|_| {
            let started = Instant::now();
            nodes[1].send(1);
            started.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "to a committed block, one at a time: median {:?}, p99 {:?}",
        times[TIMED / 2],
        times[TIMED * 99 / 100]
    );

    let (before, _) = settle(nodes.iter_mut());
    let started = Instant::now();
    thread::scope(|scope| nodes.iter_mut().for_each(|node| drop(scope.spawn(|| node.flood(EACH)))));
    let handed_in = started.elapsed();
    let all = before + 4 * EACH;
    nodes.iter_mut().for_each(|node| drop(node.reach(all)));
    let elapsed = started.elapsed();
    let rate = (4 * EACH) as f64 / elapsed.as_secs_f64();
    println!(
        "{} transactions, handed in within {handed_in:.2?}, on all four ledgers after {elapsed:.2?}: {rate:.0} a second",
        4 * EACH
    );
    nodes.into_iter().for_each(|node| drop(node.stop()));
}
