//! What must hold of every decoder of outside bytes, as functions that the fuzz targets and the tests share.
//!
//! Each takes any bytes. It panics when the decoder does, or when what was decoded isn't encoded as the same bytes again; and
//! it says whether the bytes were accepted, so that a test can see that its valid ones are.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a fuzz target reports")]

#[path = "../../peers/src/mpc/frame.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "the file of another crate, for its decoder alone"
)]
mod frame;

#[path = "../../ordering/src/messages.rs"]
#[allow(dead_code, missing_docs, reason = "the file of another crate, for its decoders alone")]
mod abci;
#[path = "../../ordering/src/chunk.rs"]
mod chunk;
#[path = "../../ordering/src/framing.rs"]
mod framing;

#[path = "../../postgres/src/cell.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "the file of another crate, for its decoder alone"
)]
mod cell;
#[path = "../../gateway/src/text.rs"]
mod text;
#[path = "../../gateway/src/wire/read.rs"]
#[allow(dead_code, reason = "the file of another crate, for its decoders alone")]
mod wire;

mod agreement;
mod elements;
mod messages;
mod postgres;
mod records;

/// One decoder.
pub struct Target {
    /// Its name: that of the fuzz target, and of its folder of inputs.
    pub name: &'static str,
    /// Gives it bytes; whether it accepted them.
    pub check: fn(&[u8]) -> bool,
    /// Bytes that it may allocate in all for each byte of input, beside [`ALLOCATED_MIN`].
    pub allocated_per_byte: usize,
}

/// Bytes that a decoder may allocate whatever its input: error texts, and the room that is made for an announced frame.
pub const ALLOCATED_MIN: usize = 1 << 14;

/// All decoders.
pub const TARGETS: &[Target] = &[
    Target { name: "elements", check: elements::elements, allocated_per_byte: 32 },
    Target { name: "share_message", check: messages::share_message, allocated_per_byte: 32 },
    Target { name: "frames", check: messages::frames, allocated_per_byte: 32 },
    Target { name: "abci", check: agreement::abci, allocated_per_byte: 512 },
    Target { name: "chunk", check: agreement::chunk, allocated_per_byte: 32 },
    Target { name: "startup", check: postgres::startup, allocated_per_byte: 32 },
    Target { name: "prepared", check: postgres::prepared, allocated_per_byte: 64 },
    Target { name: "statement", check: postgres::statement, allocated_per_byte: 64 },
    Target { name: "cell", check: postgres::cell, allocated_per_byte: 32 },
    Target { name: "program", check: records::program, allocated_per_byte: 256 },
    Target { name: "listing", check: records::listing, allocated_per_byte: 256 },
    Target { name: "contract", check: records::contract, allocated_per_byte: 128 },
    Target { name: "transaction", check: records::transaction, allocated_per_byte: 128 },
    Target { name: "entry", check: records::entry, allocated_per_byte: 128 },
    Target { name: "alliance", check: records::alliance, allocated_per_byte: 128 },
    Target { name: "note", check: records::note, allocated_per_byte: 32 },
    Target { name: "page", check: records::page, allocated_per_byte: 128 },
    Target { name: "proof", check: records::proof, allocated_per_byte: 128 },
];

/// The decoder of that name.
///
/// # Panics
/// When there is none.
pub fn target(name: &str) -> &'static Target {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => target,
        None => panic!("there is no decoder `{name}`"),
    }
}
