//! Noticing that a member's node is gone while something is awaited from it, and naming the right one.

use std::time::Duration;

use contract::Did;

use super::Trouble;
use crate::node::Node;

/// How often a member from whom something is awaited is asked whether it is there.
const EVERY: Duration = Duration::from_secs(1);
/// Unanswered questions after which a node counts as gone; a restarting one gets another chance.
const QUESTIONS: u32 = 3;

/// Does the work unless one of the members' nodes stops answering meanwhile, who is then named.
pub(super) async fn while_alive<T>(
    node: &Node,
    members: &[Did],
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    tokio::select! {
        biased;
        done = work => done,
        gone = first_gone(node, members) => Err(Trouble::by(
            gone,
            format!("the node of `{}` does not answer any more", node.names.name(&gone)),
        )),
    }
}

/// The first of the members whose node does not answer; waits for ever while all do.
async fn first_gone(node: &Node, members: &[Did]) -> Did {
    let mut unanswered = vec![0; members.len()];
    loop {
        tokio::time::sleep(EVERY).await;
        for (member, unanswered) in members.iter().zip(&mut unanswered) {
            if *member == node.me || node.is_alive(member).await {
                *unanswered = 0;
                continue;
            }
            *unanswered += 1;
            if *unanswered == QUESTIONS {
                return *member;
            }
        }
    }
}
