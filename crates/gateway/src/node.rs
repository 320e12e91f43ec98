//! What a gateway asks of the member's node. Calls block.

use api::types::contracts::{ContractView, DescribedColumn};
use api::types::runs::{RunResult, RunView, StartRun};
use api::{Client, ClientError};

/// A member's node, as one of its persons reaches it.
pub trait Node: Send + Sync + 'static {
    /// The member's name and `did:key`.
    ///
    /// # Errors
    /// When the node does not answer or refuses; so with all others.
    fn member(&self) -> Result<(String, String), ClientError>;

    /// All contracts on the ledger.
    ///
    /// # Errors
    /// As above.
    fn contracts(&self) -> Result<Vec<ContractView>, ClientError>;

    /// The columns that a contract's results have; nothing runs.
    ///
    /// # Errors
    /// As above.
    fn columns(&self, contract: &str) -> Result<Vec<DescribedColumn>, ClientError>;

    /// Runs a contract and waits until it is over; a completed run comes with its result.
    ///
    /// # Errors
    /// As above.
    fn run(&self, contract: &str) -> Result<(RunView, Option<RunResult>), ClientError>;

    /// The result of a completed run, which the node holds.
    ///
    /// # Errors
    /// As above.
    fn result(&self, run: &str) -> Result<RunResult, ClientError>;
}

impl Node for Client {
    fn member(&self) -> Result<(String, String), ClientError> {
        self.status().map(|status| (status.name, status.member))
    }

    fn contracts(&self) -> Result<Vec<ContractView>, ClientError> {
        self.all_contracts()
    }

    fn columns(&self, contract: &str) -> Result<Vec<DescribedColumn>, ClientError> {
        Client::columns(self, contract).map(|description| description.columns)
    }

    fn run(&self, contract: &str) -> Result<(RunView, Option<RunResult>), ClientError> {
        let mut view = self.start_run(&StartRun { contract: contract.to_owned(), purpose: None })?;
        let id = view.id.clone();
        self.watch_run(&id, |seen| {
            view = seen;
            true
        })?;
        let result = (view.state == "completed").then(|| self.result(&id)).transpose()?;
        Ok((view, result))
    }

    fn result(&self, run: &str) -> Result<RunResult, ClientError> {
        Client::result(self, run)
    }
}
