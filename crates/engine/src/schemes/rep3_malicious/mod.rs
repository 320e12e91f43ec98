//! Replicated secret sharing among three parties, one of which may deviate as it likes: the others then stop.
//!
//! Shares are those of [`rep3`](super::rep3), and so are products and shuffles, but that numbers are multiplied over a
//! ring with 64 bits more. Such an operation keeps its secrets from an active adversary, who can only add an error that
//! it knows to the result (Genkin et al., STOC 2014; Chida et al., CRYPTO 2018). So operations are recorded, and the
//! records checked together before anything is opened: in [`verify`](crate::mpc::Protocol::verify), and whenever a
//! party holds 16 MiB of them. `docs/decisions/007` argues the choice.
//!
//! **What is checked.** All records become inner products that are claimed to be something, in one of three rings: 128 or
//! 192 bits for numbers of 64 or 128, GF(2^64) for bits.
//! - A product is one with random public coefficients ρ: `⟨ρx, y⟩ = ⟨ρ, z⟩`.
//! - A product of matrices is one after random combinations of its rows and columns (Freivalds, 1977).
//! - A pass of a shuffle is one because two parties know its permutation π: `⟨π⁻¹(σ), x⟩ = ⟨σ, π(x)⟩` for random public σ,
//!   where π⁻¹(σ) is shared without a message.
//! - ANDs are folded up to 128 to one: `ands.rs`.
//!
//! **How.** `⟨v, y⟩ = t` is checked by a sacrifice (`check.rs`): with random shared `a`, the parties compute `c = ⟨a, y⟩`;
//! then coins fix ρ and σ and with them v; then `v + a` is opened, and `⟨v + a, y⟩ − t − c` must be zero. Whatever the
//! errors in `z`, `π(x)` and `c` are, they were fixed before the coins, so that a wrong `z` modulo 2^k comes out as
//! zero with probability 2^-64; and the tested value depends on the errors alone, so that neither it nor stopping tells
//! anything. (In MAC-based checks over rings an error 2^(k + s − 1) in a MAC passes the MAC's own check with probability ½
//! and then makes stopping depend on a secret bit; here there is no MAC.)
//!
//! **Coins, openings.** A component that a party lacks is known to both others, and it hears from both: `challenge.rs`. Coins
//! are opened only after all have said that they received what the coins are to check.
//!
//! Sources: Araki et al., CCS 2016 (products); SPDZ2k, CRYPTO 2018 (64 more bits); Boneh, Boyle, Corrigan-Gibbs, Gilboa,
//! Ishai, CRYPTO 2019, and Goyal, Song, 2020/134 (folding inner products). Adversary: one party, active, static; security with
//! abort; errors pass with probability below 2^-50 for each check. Cost of a product of numbers of k bits: 1 round, k + 64
//! bits, and k + 64 for the check; of an AND: 1 round, 1 bit, and half a bit or more for the check; of a check: 5 rounds,
//! or 10 with ANDs.

mod ands;
mod arithmetic;
mod challenge;
mod check;
mod dealing;
mod record;
mod sacrifice;
mod seams;
mod shuffle;
mod unchecked;

pub(in crate::schemes) use ands::{at_corners, at_point, groups, levels};
pub use arithmetic::Element;
pub(in crate::schemes) use unchecked::{Kept, Unchecked};

use ring::Number;

use crate::error::Result;
use crate::mpc::{Cost, Protocol, Verified};
use crate::schemes::Rep3;
use crate::session::Party;
use record::Record;

/// One party of the three, with numbers of the ring `N`.
pub struct Rep3Malicious<N> {
    base: Rep3<N>,
    unchecked: Unchecked<Record>,
}

impl<N: Number> Rep3Malicious<N> {
    fn new(base: Rep3<N>) -> Self {
        Self { base, unchecked: Unchecked::default() }
    }

    /// Keeps `record` until it is checked, at once when there are many. Sizes are public, so that all parties check at
    /// the same places.
    fn keep(&mut self, record: Record) -> Result<()> {
        let due = self.unchecked.keep(record);
        self.check(&due)
    }
}

impl<N: Number> Protocol for Rep3Malicious<N> {
    type Setting = ();

    fn me(&self) -> Party {
        self.base.me()
    }

    fn parties(&self) -> usize {
        3
    }

    fn fork(&mut self) -> Self {
        Self { base: self.base.fork(), unchecked: self.unchecked.fork() }
    }

    fn absorb(&mut self, child: Self) {
        self.base.absorb(child.base);
        self.unchecked.absorb(child.unchecked);
    }

    fn cost(&self) -> Cost {
        self.base.cost()
    }

    /// Checks what this channel did, and what was unchecked when it was forked.
    fn verify(&mut self) -> Result<Verified> {
        let due = self.unchecked.take();
        self.check(&due)?;
        Ok(Verified(()))
    }
}
