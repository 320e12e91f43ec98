//! The Merkle tree of RFC 6962 §2.1, append-only, with the hash of every complete subtree kept.
//!
//! A node `(level, index)` covers the leaves from `index · 2^level` to `(index + 1) · 2^level`. Appending costs an
//! amortised two hashes, a proof O(log n) reads.

use contract::Hash;
use sha2::{Digest, Sha256};

/// `SHA-256(0x00 ‖ leaf)`.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash::from_bytes(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into())
}

/// `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let hasher = Sha256::new().chain_update([1]).chain_update(left.as_bytes());
    Hash::from_bytes(hasher.chain_update(right.as_bytes()).finalize().into())
}

/// Where the hashes of complete subtrees are kept.
pub trait Nodes {
    /// Why a hash cannot be had.
    type Error;

    /// Hash of the complete subtree `(level, index)`.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// A complete subtree that appending has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Height above the leaves.
    pub level: u8,
    /// Position among the nodes of that level.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The right edge of the tree: all that appending and the root need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The complete subtrees that cover all leaves, largest first: one for each bit of `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Reads the right edge of the first `size` leaves.
    ///
    /// # Errors
    /// What `nodes` answers.
    pub fn load<N: Nodes>(nodes: &N, size: u64) -> Result<Self, N::Error> {
        let mut peaks = Vec::new();
        let mut start = 0;
        for level in (0..64_u8).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(nodes.node(level, start >> level)?);
            start += 1 << level;
        }
        Ok(Self { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash and hands every subtree that it completes to `keep`, smallest first.
    pub fn push(&mut self, leaf: Hash, mut keep: impl FnMut(Node)) {
        let mut node = Node { level: 0, index: self.size, hash: leaf };
        keep(node);
        while node.index & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            node = Node { level: node.level + 1, index: node.index >> 1, hash: node_hash(&left, &node.hash) };
            keep(node);
        }
        self.peaks.push(node.hash);
        self.size += 1;
    }

    /// The Merkle tree hash; that of no leaves is the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Hash::from_bytes(Sha256::digest([]).into()) };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The audit path of a leaf in the tree of the first `size` leaves (RFC 6962 §2.1.1), the leaf's sibling first.
/// Needs `index < size`.
///
/// # Errors
/// What `nodes` answers.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency proof between the trees of the first `old` and the first `new` leaves (RFC 6962 §2.1.2). Needs
/// `old <= new`; empty when they are equal or `old` is 0.
///
/// # Errors
/// What `nodes` answers.
pub fn consistency<N: Nodes>(nodes: &N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    // SUBPROOF: descend to where the old tree ends; what is left of the path is its part, what is right is new.
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    // The verifier knows the old root, so that it is not told the old tree when that is itself a subtree.
    if start > 0 {
        proof.push(range_hash(nodes, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Hash of the leaves from `start` to `end` as a tree of their own; `start` is a multiple of the smallest power of
/// two that is at least `end - start`.
fn range_hash<N: Nodes>(nodes: &N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let mut peaks = Vec::new();
    let mut from = start;
    while from < end {
        let level = u8::try_from((end - from).ilog2()).unwrap_or(u8::MAX);
        peaks.push(nodes.node(level, from >> level)?);
        from += 1 << level;
    }
    Ok(Frontier { size: end - start, peaks }.root())
}

/// The largest power of two below `size`, which must be at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}
