//! What was computed and isn't checked yet.

use std::sync::Arc;

use ring::{Column, Lanes, Mersenne61, Ring, Shape};

use super::shares::BitShares;
use super::shuffle::ShamirPermutation;
use crate::mpc::Shares;
use crate::schemes::rep3_malicious::Kept;

/// One operation.
#[derive(Debug)]
pub enum Record {
    /// Products, or inner products when the factors are longer.
    Products {
        /// The first factors.
        x: Column<Mersenne61>,
        /// The second factors.
        y: Column<Mersenne61>,
        /// What they are claimed to be.
        z: Column<Mersenne61>,
    },
    /// A product of matrices.
    Matrices {
        /// The first factor.
        x: Column<Mersenne61>,
        /// The second factor.
        y: Column<Mersenne61>,
        /// What it is claimed to be.
        z: Column<Mersenne61>,
        /// Their shape.
        shape: Shape,
    },
    /// ANDs.
    Ands(Ands),
    /// Numbers moved.
    Numbers(Pass<Column<Mersenne61>>),
    /// Words of bits moved.
    Words(Pass<BitShares>),
}

/// ANDs of words.
#[derive(Debug)]
pub struct Ands {
    /// The first factors.
    pub x: BitShares,
    /// The second factors.
    pub y: BitShares,
    /// What they are claimed to be.
    pub z: BitShares,
}

/// One pass of a shuffle.
#[derive(Debug)]
pub struct Pass<S> {
    /// Its input.
    pub before: S,
    /// What its output is claimed to be.
    pub after: S,
    /// How it is moved.
    pub by: Moved,
}

/// How a pass moves rows.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The permutation.
    pub permutation: Arc<ShamirPermutation>,
    /// The set outside of which its factor is known.
    pub set: usize,
    /// Whether the factor is undone.
    pub undone: bool,
}

impl Kept for Record {
    /// Without a permutation; of public factors as much as of shared ones, so that all parties count alike.
    fn bytes(&self) -> usize {
        let numbers = |columns: [&Column<Mersenne61>; 3]| {
            Mersenne61::BYTES * columns.iter().map(|column| column.len()).sum::<usize>()
        };
        match self {
            Self::Products { x, y, z } | Self::Matrices { x, y, z, .. } => numbers([x, y, z]),
            Self::Ands(ands) => 3 * Lanes::BYTES * PLANES * ands.x.len(),
            Self::Numbers(pass) => 2 * Mersenne61::BYTES * pass.before.len(),
            Self::Words(pass) => 2 * Lanes::BYTES * PLANES * pass.before.len(),
        }
    }
}

/// The planes for which records of bits count, whatever the field.
pub(in crate::schemes) const PLANES: usize = 4;
