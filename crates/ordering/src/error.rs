//! What can go wrong between the node and CometBFT.

use std::io;
use std::path::PathBuf;

use ledger::LedgerError;
use thiserror::Error;

/// Why ordering could not be set up or asked.
#[derive(Debug, Error)]
pub enum OrderingError {
    /// CometBFT is not on this machine.
    #[error(
        "`cometbft` is not installed, and this alliance's members order their ledger with it: install Go (https://go.dev/dl), run `go install github.com/cometbft/cometbft/cmd/cometbft@v{}`, and have it in PATH or name it in TREATY_COMETBFT",
        crate::COMETBFT
    )]
    Missing,
    /// Another version.
    #[error("`{}` is version `{found}`, and 0.38 is needed: run `go install github.com/cometbft/cometbft/cmd/cometbft@v{}`", path.display(), crate::COMETBFT)]
    Version {
        /// The program.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A file or socket.
    #[error("cannot {what} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The keys in the directory are not what was written there.
    #[error("`{}` is not a key file of CometBFT: {reason}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key could not be made.
    #[error("a validator's key could not be made: {0}")]
    KeyNotMade(String),
    /// Sockets have short names.
    #[error("the path of the socket `{}` has {found} bytes, at most {limit} are possible: choose a shorter directory for the node", path.display())]
    SocketPath {
        /// The path.
        path: PathBuf,
        /// Its length.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// The alliance orders otherwise.
    #[error("the alliance's ledger is ordered by an operator: there is nothing to agree on")]
    HasOperator,
    /// Its card names no validator.
    #[error(
        "this node's card names no validator: a node of this alliance is made by `treaty node init --bft HOST:PORT`"
    )]
    NoValidator,
    /// The card and the keys do not belong together.
    #[error("the keys in `{}` are not those of this member's card: restore the directory that the card was made with, or make new ones with `treaty member new-validator`", .0.display())]
    OtherKeys(PathBuf),
    /// The ledger has blocks, and CometBFT has none.
    #[error("this node's ledger has {height} blocks, and CometBFT's own record of them is missing in `{}`: restore that directory together with the ledger, from a copy that was made of both while the node stood still", path.display())]
    StateLost {
        /// CometBFT's data.
        path: PathBuf,
        /// The last block that the ledger has.
        height: u64,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What another member's node shows is not this alliance's chain, or not the beginning of it.
    #[error("the first block that another member's node shows is not vouched for: {0}")]
    FirstBlock(String),
    /// CometBFT does not answer, or not as expected.
    #[error("cometbft: {0}")]
    Rpc(String),
    /// CometBFT is being started, or catches up with the other validators.
    #[error("cometbft is not ready: {0}; is `cometbft.log` in the node's directory growing?")]
    NotThere(String),
    /// It answered that it doesn't take the transaction, for a reason of its own.
    #[error("cometbft does not take the transaction: {0}")]
    NotTaken(String),
    /// Accepted, and not in a block in time.
    #[error(
        "the transaction was handed to the other validators, and is in no block after {seconds} s: more than two thirds of them must be up"
    )]
    NotOrdered {
        /// How long was waited.
        seconds: u64,
    },
    /// Accepted, and thrown out after another block.
    #[error(
        "the transaction was handed to the other validators, and does not follow from a block that came before it: this node no longer waits for it, and it may still be recorded; look before trying again"
    )]
    Withdrawn,
}

/// Why the application cannot go on: CometBFT is told, and stops.
#[derive(Debug, Error)]
pub enum Fault {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// CometBFT belongs to something else.
    #[error(
        "cometbft runs the chain `{found}`, this node's is `{expected}`: delete `data` and `genesis.json` of another alliance from its directory"
    )]
    OtherChain {
        /// This alliance's.
        expected: String,
        /// Its own.
        found: String,
    },
    /// Its genesis is not the founding document's.
    #[error("cometbft begins with other validators than the founding document names")]
    OtherValidators,
    /// Calls out of their order.
    #[error("cometbft asked for {0} out of order")]
    OutOfOrder(&'static str),
    /// A number that cannot be.
    #[error("cometbft gives {0}, which is out of range")]
    Range(&'static str),
    /// A block that was agreed on cannot be taken: the application hash would be lost.
    #[error("`{0}` is not a block of this chain")]
    Malformed(&'static str),
}
