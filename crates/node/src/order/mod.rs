//! How transactions come into one order: what is different between an alliance with an operator and one without.
//!
//! Everything else in a node sees the same: a transaction that has a place, a replica that grows, checkpoints that
//! become final ([decision 016](../../../../docs/decisions/016-two-ways-to-order.md)).

mod agreement;
mod operator;

use std::sync::Arc;

use futures::future::BoxFuture;
use ledger::SignedTransaction;

pub(crate) use self::agreement::{ByAgreement, answer_headers};
pub(crate) use self::operator::ByOperator;
use crate::failure::Failure;
use crate::replica::{Ordered, Replica};

/// A way to bring transactions into one order.
pub(crate) trait Ordering: Send + Sync {
    /// Hands in a transaction; answers where it stands, as far as this node knows, or which rule refuses it.
    fn order<'a>(
        &'a self,
        replica: &'a Replica,
        signed: &'a SignedTransaction,
    ) -> BoxFuture<'a, Result<Ordered, Failure>>;

    /// Whether this node can hand in what others cannot.
    fn is_let_in(&self, replica: &Replica) -> bool {
        let _ = replica;
        true
    }

    /// Ends what would make this node take part further; completes when that has ended.
    fn halt(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Keeps the replica up with what was ordered, and says to the others what this member stands behind; for as long
    /// as the node runs. Completes, with the reason, only when this node cannot go on.
    fn follow<'a>(&'a self, replica: &'a Arc<Replica>) -> BoxFuture<'a, String>;
}
