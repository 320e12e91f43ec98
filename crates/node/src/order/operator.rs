//! An operator's node orders; all others follow it.

use std::sync::Arc;

use contract::Did;
use futures::future::BoxFuture;
use ledger::SignedTransaction;

use super::Ordering;
use crate::failure::Failure;
use crate::replica::{Ordered, Replica};

/// The operator.
pub(crate) struct ByOperator(pub(crate) Did);

impl Ordering for ByOperator {
    fn order<'a>(
        &'a self,
        replica: &'a Replica,
        signed: &'a SignedTransaction,
    ) -> BoxFuture<'a, Result<Ordered, Failure>> {
        Box::pin(async {
            if replica.is_operator() { replica.order(signed.clone()) } else { replica.forward(signed).await }
        })
    }

    fn follow<'a>(&'a self, replica: &'a Arc<Replica>) -> BoxFuture<'a, String> {
        Box::pin(async {
            if !replica.is_operator() {
                replica.follow().await;
            }
            std::future::pending().await
        })
    }

    fn operator(&self) -> Option<Did> {
        Some(self.0)
    }
}
