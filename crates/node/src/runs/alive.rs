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
    while_enough_alive(node, members, 0, work).await
}

/// Does the work unless the nodes of more of the members than may be stop answering meanwhile; the last one is then named.
pub(super) async fn while_enough_alive<T>(
    node: &Node,
    members: &[Did],
    may_be_gone: usize,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    tokio::select! {
        biased;
        done = work => done,
        gone = one_too_many(node, members, may_be_gone) => Err(Trouble::by(
            gone,
            format!("the node of `{}` does not answer any more", node.names.name(&gone)),
        )),
    }
}

/// The member whose node is one more than may be that does not answer; waits for ever while there is none.
async fn one_too_many(node: &Node, members: &[Did], may_be_gone: usize) -> Did {
    let mut unanswered = vec![0; members.len()];
    loop {
        tokio::time::sleep(EVERY).await;
        let mut gone = 0;
        for (member, unanswered) in members.iter().zip(&mut unanswered) {
            if *member == node.me || node.is_alive(member).await {
                *unanswered = 0;
                continue;
            }
            *unanswered += 1;
            if *unanswered >= QUESTIONS {
                gone += 1;
            }
            if gone > may_be_gone {
                return *member;
            }
        }
    }
}
