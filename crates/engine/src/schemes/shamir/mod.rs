//! Sharing by polynomials, among any number of parties of which a minority may be corrupted.
//!
//! A secret is the value at 0 of a polynomial of degree t that is random otherwise; party `i` holds the value at `i` + 1. Any t
//! values tell nothing, t + 1 determine the rest. Numbers are elements of the field of 2^61 − 1; a bit is shared in the
//! smallest of the fields of 4, 16 and 256 elements that has a place for each party, 64 bits at once.
//!
//! Sources: Shamir, CACM 1979; Ben-Or, Goldwasser, Wigderson, STOC 1988, with the products of Gennaro, Rabin, Rabin, PODC 1998:
//! parties share anew their parts of a product, which has degree 2t. Random numbers without a message: Cramer, Damgård,
//! Ishai, TCC 2005. Differences: of what a party shares anew, t values come from streams that it has in common with the
//! t next parties, so that it sends n − 1 − t of them: with three parties one, and as many rounds and bytes as a
//! replicated scheme takes. (Damgård, Nielsen, CRYPTO 2007, and ATLAS, CRYPTO 2021, send less than two elements for a product
//! whatever the number of parties, in two rounds; up to five parties this doesn't pay for the second.)
//!
//! Adversary: t passive parties with the guard [`Passive`]; t active ones, static, security with abort, with [`Active`]
//! (`check.rs`); t passive ones, and any n − t − 1 that vanish, with [`Resilient`] (`resilient.rs`). `docs/decisions/010` argues
//! the choices.
//!
//! Cost of a product: 1 round, n − 1 − t elements from each of 2t + 1 parties; of an opening: 1 round, t elements from each
//! party. An element is 8 bytes for a number, and 2, 4 or 8 bits for a bit.

mod ands;
mod arithmetic;
mod check;
mod dealing;
mod field;
mod geometry;
mod guard;
mod opening;
mod randomness;
mod record;
mod reshare;
mod resilient;
mod seams;
mod setting;
mod shares;
mod shuffle;

pub use field::Field;
pub(in crate::schemes) use geometry::product_dealers;
pub use guard::{Active, Guard, Passive};
pub(in crate::schemes) use record::PLANES;
pub use resilient::Resilient;
pub use setting::Threshold;
pub use shares::BitShares;
pub use shuffle::ShamirPermutation;

use std::sync::Arc;

use ring::Prg;

use crate::error::Result;
use crate::mpc::{Cost, Protocol, Verified};
use crate::session::{Link, Party};
use geometry::Geometry;

/// One party of those that share by polynomials; what it does against parties that deviate is its guard's.
pub struct Shamir<G = Passive> {
    link: Link,
    setting: Threshold,
    geometry: Arc<Geometry>,
    /// Streams of the keys that all parties outside a set hold, one for each held set.
    masks: Vec<Prg>,
    /// Streams that fix the values of the next parties when this one shares something, nearest first.
    gives: Vec<Prg>,
    /// Streams that fix this party's values when the previous ones share something, nearest first.
    takes: Vec<Prg>,
    /// This party's own stream.
    own: Prg,
    /// Hidden permutations made on this channel.
    orders: u64,
    guard: G,
}

impl<G> Shamir<G> {
    /// The same end of the same channel, with another guard: for a run in which nothing is sent.
    fn twin(&self, guard: G) -> Self {
        let restarted = |streams: &[Prg]| streams.iter().map(Prg::restarted).collect();
        Self {
            link: self.link.twin(),
            setting: self.setting,
            geometry: Arc::clone(&self.geometry),
            masks: restarted(&self.masks),
            gives: restarted(&self.gives),
            takes: restarted(&self.takes),
            own: self.own.child(b"twin"),
            orders: self.orders,
            guard,
        }
    }
}

/// [`Shamir`] of which all but t + 1 parties may vanish, once a computation is prepared.
pub type ShamirResilient = Shamir<Resilient>;

/// [`Shamir`] against parties that deviate as they like.
pub type ShamirMalicious = Shamir<Active>;

impl<G: Guard> Protocol for Shamir<G> {
    type Setting = Threshold;

    fn me(&self) -> Party {
        self.link.me()
    }

    fn parties(&self) -> usize {
        self.setting.parties()
    }

    fn fork(&mut self) -> Self {
        let label = self.link.next_fork();
        let children = |streams: &[Prg]| streams.iter().map(|stream| stream.child(&label)).collect();
        Self {
            link: self.link.forked(label),
            setting: self.setting,
            geometry: Arc::clone(&self.geometry),
            masks: children(&self.masks),
            gives: children(&self.gives),
            takes: children(&self.takes),
            own: self.own.child(&label),
            orders: 0,
            guard: self.guard.fork(),
        }
    }

    fn absorb(&mut self, child: Self) {
        self.link.absorb(&child.link);
        self.guard.absorb(child.guard);
    }

    fn cost(&self) -> Cost {
        self.link.cost()
    }

    fn verify(&mut self) -> Result<Verified> {
        G::verify(self)?;
        Ok(Verified(()))
    }
}
