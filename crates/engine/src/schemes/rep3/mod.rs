//! Replicated secret sharing among three parties, one of which may be corrupted passively.
//!
//! `x = x₀ + x₁ + x₂`; party `i` holds the components `i` and `i + 1` (indices modulo 3). Any two parties together
//! hold all three components, any one lacks one that is uniformly random.
//!
//! Source: Araki, Furukawa, Lindell, Nof, Ohara: High-Throughput Semi-Honest Secure Three-Party Computation with an
//! Honest Majority, CCS 2016, §2; Mohassel, Rindal: ABY3, CCS 2018, §5. Differences from them: a party holds
//! components `i` and `i + 1` as in ABY3, and where ABY3 lets one fixed party deal, each party here deals a third
//! of the rows, so that the traffic is even.
//!
//! Key `kᵢ` is shared by the two holders of component `i`, which are the parties `i` and `i − 1`.

mod arithmetic;
mod conversion;
pub(in crate::schemes) mod dealing;
mod holders;
mod injection;
mod scaled;
mod shares;
mod shuffle;

pub(in crate::schemes) use arithmetic::terms_of;
pub(in crate::schemes) use conversion::{row_parts, word_parts};
pub use shares::Rep3Shares;
pub use shuffle::Rep3Permutation;

use std::marker::PhantomData;

use ring::{Number, Prg};

use crate::error::Result;
use crate::mpc::{Cost, Protocol, Verified};
use crate::session::{Link, Party};

/// One party of the three, with numbers of the ring `N`.
pub struct Rep3<N> {
    pub(in crate::schemes) link: Link,
    /// Stream of the key of this party's first component, shared with the previous party.
    pub(in crate::schemes) mine: Prg,
    /// Stream of the key of this party's second component, shared with the next party.
    pub(in crate::schemes) next: Prg,
    /// Stream of all three: coins that only need to be independent of the data.
    common: Prg,
    numbers: PhantomData<N>,
}

impl<N> Rep3<N> {
    /// This party's place.
    pub(in crate::schemes) fn me_index(&self) -> usize {
        self.link.me().0 % 3
    }

    /// The party that holds this one's second component as its first.
    pub(in crate::schemes) fn next_party(&self) -> Party {
        self.link.neighbour(1)
    }

    /// The party that holds this one's first component as its second.
    pub(in crate::schemes) fn previous_party(&self) -> Party {
        self.link.neighbour(2)
    }
}

impl<N: Number> Protocol for Rep3<N> {
    type Setting = ();

    fn me(&self) -> Party {
        self.link.me()
    }

    fn parties(&self) -> usize {
        3
    }

    fn fork(&mut self) -> Self {
        let label = self.link.next_fork();
        Self {
            link: self.link.forked(label),
            mine: self.mine.child(&label),
            next: self.next.child(&label),
            common: self.common.child(&label),
            numbers: PhantomData,
        }
    }

    fn absorb(&mut self, child: Self) {
        self.link.absorb(&child.link);
    }

    fn cost(&self) -> Cost {
        self.link.cost()
    }

    /// Nothing is to be checked against passive adversaries.
    fn verify(&mut self) -> Result<Verified> {
        Ok(Verified(()))
    }
}
