//! The messages of ABCI 2.0, as far as this application reads and writes them.
//!
//! Source: CometBFT 0.38, `spec/abci` and `proto/tendermint/abci/types.proto`; numbers are the fields'. What is left
//! out is skipped when it is read (protobuf skips fields that it doesn't know) and has its default when it is written.

use prost::{Enumeration, Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Request {
    #[prost(oneof = "Asked", tags = "1, 2, 3, 5, 6, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20")]
    pub(crate) value: Option<Asked>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Asked {
    #[prost(message, tag = "1")]
    Echo(Echo),
    #[prost(message, tag = "2")]
    Flush(Empty),
    #[prost(message, tag = "3")]
    Info(Empty),
    #[prost(message, tag = "5")]
    InitChain(RequestInitChain),
    #[prost(message, tag = "6")]
    Query(RequestQuery),
    #[prost(message, tag = "8")]
    CheckTx(RequestCheckTx),
    #[prost(message, tag = "11")]
    Commit(Empty),
    #[prost(message, tag = "12")]
    ListSnapshots(Empty),
    #[prost(message, tag = "13")]
    OfferSnapshot(RequestOfferSnapshot),
    #[prost(message, tag = "14")]
    LoadSnapshotChunk(RequestLoadSnapshotChunk),
    #[prost(message, tag = "15")]
    ApplySnapshotChunk(RequestApplySnapshotChunk),
    #[prost(message, tag = "16")]
    PrepareProposal(RequestPrepareProposal),
    #[prost(message, tag = "17")]
    ProcessProposal(RequestProposed),
    #[prost(message, tag = "18")]
    ExtendVote(Empty),
    #[prost(message, tag = "19")]
    VerifyVoteExtension(RequestVerifyVoteExtension),
    #[prost(message, tag = "20")]
    FinalizeBlock(RequestProposed),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Response {
    #[prost(oneof = "Said", tags = "1, 2, 3, 4, 6, 7, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21")]
    pub(crate) value: Option<Said>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Said {
    /// An error: CometBFT stops.
    #[prost(message, tag = "1")]
    Exception(Echo),
    #[prost(message, tag = "2")]
    Echo(Echo),
    #[prost(message, tag = "3")]
    Flush(Empty),
    #[prost(message, tag = "4")]
    Info(ResponseInfo),
    #[prost(message, tag = "6")]
    InitChain(ResponseInitChain),
    #[prost(message, tag = "7")]
    Query(ResponseQuery),
    #[prost(message, tag = "9")]
    CheckTx(TxResult),
    #[prost(message, tag = "12")]
    Commit(Empty),
    #[prost(message, tag = "13")]
    ListSnapshots(ResponseListSnapshots),
    #[prost(message, tag = "14")]
    OfferSnapshot(ResponseOfferSnapshot),
    #[prost(message, tag = "15")]
    LoadSnapshotChunk(ResponseLoadSnapshotChunk),
    #[prost(message, tag = "16")]
    ApplySnapshotChunk(ResponseApplySnapshotChunk),
    #[prost(message, tag = "17")]
    PrepareProposal(ResponsePrepareProposal),
    #[prost(message, tag = "18")]
    ProcessProposal(ResponseStatus),
    #[prost(message, tag = "19")]
    ExtendVote(Empty),
    #[prost(message, tag = "20")]
    VerifyVoteExtension(ResponseStatus),
    #[prost(message, tag = "21")]
    FinalizeBlock(ResponseFinalizeBlock),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Echo {
    #[prost(string, tag = "1")]
    pub(crate) message: String,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
}

/// `tendermint.crypto.PublicKey`, of which Ed25519 is allowed by the genesis.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PublicKey {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(crate) ed25519: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValidatorUpdate {
    #[prost(message, optional, tag = "1")]
    pub(crate) pub_key: Option<PublicKey>,
    #[prost(int64, tag = "2")]
    pub(crate) power: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestInitChain {
    #[prost(string, tag = "2")]
    pub(crate) chain_id: String,
    #[prost(message, repeated, tag = "4")]
    pub(crate) validators: Vec<ValidatorUpdate>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestQuery {
    #[prost(string, tag = "2")]
    pub(crate) path: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestCheckTx {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) tx: Vec<u8>,
    /// 0: new; [`RECHECK`]: it waits since before the last block.
    #[prost(int32, tag = "2")]
    pub(crate) kind: i32,
}

/// See [`RequestCheckTx::kind`].
pub(crate) const RECHECK: i32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Snapshot {
    #[prost(uint64, tag = "1")]
    pub(crate) height: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) format: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) chunks: u32,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) metadata: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestOfferSnapshot {
    #[prost(message, optional, tag = "1")]
    pub(crate) snapshot: Option<Snapshot>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) app_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestLoadSnapshotChunk {
    #[prost(uint64, tag = "1")]
    pub(crate) height: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) format: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) chunk: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestApplySnapshotChunk {
    #[prost(uint32, tag = "1")]
    pub(crate) index: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) chunk: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(crate) sender: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestPrepareProposal {
    #[prost(int64, tag = "1")]
    pub(crate) max_tx_bytes: i64,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) txs: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "6")]
    pub(crate) time: Option<Timestamp>,
}

/// A block, in ProcessProposal and FinalizeBlock.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestProposed {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) txs: Vec<Vec<u8>>,
    #[prost(int64, tag = "5")]
    pub(crate) height: i64,
    #[prost(message, optional, tag = "6")]
    pub(crate) time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestVerifyVoteExtension {
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) vote_extension: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseInfo {
    #[prost(string, tag = "1")]
    pub(crate) data: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
    #[prost(int64, tag = "4")]
    pub(crate) last_block_height: i64,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) last_block_app_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseInitChain {
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) app_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseQuery {
    /// 0 is yes.
    #[prost(uint32, tag = "1")]
    pub(crate) code: u32,
    #[prost(string, tag = "3")]
    pub(crate) log: String,
}

/// What becomes of a transaction: `ResponseCheckTx` and `ExecTxResult`, which have these fields alike.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TxResult {
    /// 0 is accepted.
    #[prost(uint32, tag = "1")]
    pub(crate) code: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) data: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(crate) log: String,
    #[prost(string, tag = "8")]
    pub(crate) codespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseListSnapshots {
    #[prost(message, repeated, tag = "1")]
    pub(crate) snapshots: Vec<Snapshot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
pub(crate) enum Offered {
    Unknown = 0,
    Accept = 1,
    Reject = 3,
    RejectFormat = 4,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseOfferSnapshot {
    #[prost(enumeration = "Offered", tag = "1")]
    pub(crate) result: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseLoadSnapshotChunk {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) chunk: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
pub(crate) enum Applied {
    Unknown = 0,
    Accept = 1,
    Retry = 3,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseApplySnapshotChunk {
    #[prost(enumeration = "Applied", tag = "1")]
    pub(crate) result: i32,
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) refetch_chunks: Vec<u32>,
    #[prost(string, repeated, tag = "3")]
    pub(crate) reject_senders: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponsePrepareProposal {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) txs: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
pub(crate) enum Status {
    Unknown = 0,
    Accept = 1,
    Reject = 2,
}

/// In ProcessProposal and VerifyVoteExtension.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseStatus {
    #[prost(enumeration = "Status", tag = "1")]
    pub(crate) status: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseFinalizeBlock {
    #[prost(message, repeated, tag = "2")]
    pub(crate) tx_results: Vec<TxResult>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) validator_updates: Vec<ValidatorUpdate>,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) app_hash: Vec<u8>,
}
