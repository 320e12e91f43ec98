//! An operator's node orders; all others follow it. Who that is follows from the ledger, and may change.

use std::sync::Arc;

use futures::future::BoxFuture;
use ledger::SignedTransaction;

use super::Ordering;
use crate::failure::Failure;
use crate::replica::{Ordered, Replica};

/// The operator, whoever it is.
pub(crate) struct ByOperator;

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
            loop {
                tokio::select! {
                    () = replica.until_handed_over() => {}
                    () = replica.until_succeeded() => {}
                }
                replica.follow().await;
            }
        })
    }
}
