//! The transparency log: an RFC 6962 Merkle tree over the entries, and C2SP checkpoints over its root.
//!
//! [`tree`] computes roots and proofs, [`verify`] checks proofs, [`note`] is the signed-note text format, and
//! [`checkpoint`] says who signed which root.

pub mod checkpoint;
pub mod note;
pub mod tree;
pub mod verify;

pub use checkpoint::{Checkpoint, Endorsement, EndorsementFlaw};
pub use note::{Note, NoteFlaw, NoteSignature};
