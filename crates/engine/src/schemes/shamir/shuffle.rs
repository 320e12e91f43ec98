//! Hidden permutations: Laur, Willemson, Zhang: Round-Efficient Oblivious Database Manipulation, ISC 2011, §4.
//!
//! A hidden permutation is the product of one for each set of parties that may be corrupted, which all parties outside the
//! set take from the stream of their common key: whoever is corrupted, one of them is unknown to all corrupted ones. For each in
//! turn the t + 1 first of its holders move what they hold of the secret and share it anew.

use std::sync::Arc;

use ring::{Column, Permutation, Ring};

use super::geometry::Deal;
use super::record::{Moved, Pass};
use super::{Field, Guard, Shamir};
use crate::error::Result;
use crate::mpc::{Mpc, Permuting, Protocol, Receivers, Shares, Shuffle, order_of};

/// One party's factors of a hidden permutation.
#[derive(Debug, Clone)]
pub struct ShamirPermutation {
    /// For each set in order, where this party holds its key.
    factors: Vec<Option<Permutation>>,
}

impl<G: Guard> Permuting for Shamir<G> {
    type Hidden = Arc<ShamirPermutation>;

    fn hidden_permutation(&mut self, rows: usize) -> Arc<ShamirPermutation> {
        let mut factors = vec![None; self.geometry.sets.len()];
        // By its number in the channel, so that a run in which nothing is sent finds the same.
        let label = [b"order ".as_slice(), &self.orders.to_le_bytes()].concat();
        self.orders += 1;
        for (set, stream) in self.geometry.held.iter().zip(&self.masks) {
            if let Some(factor) = factors.get_mut(*set) {
                *factor = Some(Permutation::random(&mut stream.child(&label), rows));
            }
        }
        Arc::new(ShamirPermutation { factors })
    }
}

impl<G: Guard, D: Field> Shuffle<D> for Shamir<G> {
    /// A round for each set of t parties; in each n − 1 − t elements per element from t + 1 parties.
    fn shuffle(&mut self, x: &D::Shares, by: &Arc<ShamirPermutation>) -> Result<D::Shares> {
        self.passes::<D>(x, 0..by.factors.len(), by, false)
    }

    /// A round for each set of t parties; in each n − 1 − t elements per element from t + 1 parties.
    fn unshuffle(&mut self, x: &D::Shares, by: &Arc<ShamirPermutation>) -> Result<D::Shares> {
        self.passes::<D>(x, (0..by.factors.len()).rev(), by, true)
    }

    /// In a run that only counts random bits, so that what depends on them comes out as usual.
    fn open_shuffled(&mut self, x: &D::Shares) -> Result<Vec<D>> {
        if self.guard.counts() {
            return Ok(self.own.elements(x.len()).values().to_vec());
        }
        let proof = self.verify()?;
        Ok(self.reveal(x, Receivers::All, proof)?.unwrap_or_default())
    }

    /// In a run that only counts the rows as they are.
    fn open_order(&mut self, x: &D::Shares) -> Result<Vec<usize>> {
        if self.guard.counts() { Ok((0..x.len()).collect()) } else { order_of(&Mpc::<D>::open(self, x)?) }
    }
}

impl<G: Guard> Shamir<G> {
    fn passes<D: Field>(
        &mut self,
        x: &D::Shares,
        sets: impl Iterator<Item = usize>,
        permutation: &Arc<ShamirPermutation>,
        undone: bool,
    ) -> Result<D::Shares> {
        let mut moved = x.clone();
        for set in sets.filter(|_| !x.is_empty()) {
            let by = Moved { permutation: Arc::clone(permutation), set, undone };
            let after = G::pass::<D>(self, &moved, &by)?;
            let before = std::mem::replace(&mut moved, after);
            G::keep(self, || D::pass(Pass { before, after: moved.clone(), by }))?;
        }
        Ok(moved)
    }

    /// Moves `x` by the factor that those outside one set know.
    pub(super) fn moved<D: Field>(&mut self, x: &D::Shares, by: &Moved) -> Result<D::Shares> {
        let geometry = Arc::clone(&self.geometry);
        let excluded = geometry.sets.get(by.set).map(Vec::as_slice).unwrap_or_default();
        let mut dealers = self.setting.others(excluded);
        dealers.truncate(self.setting.threshold() + 1);
        let factor = by.factor().filter(|_| dealers.contains(&self.link.me()));
        let deal = factor.map(|_| Deal::<D>::part(self.setting, self.link.me(), &dealers));
        let secret = factor.map(|_| D::moved(x, |column| by.forward(column)));
        let secret = secret.unwrap_or_else(|| D::Shares::zeros(0));
        self.dealt_by_all(dealers.into_iter(), deal.as_ref(), &secret, x.len())
    }
}

impl Moved {
    /// The factor, where it is known.
    fn factor(&self) -> Option<&Permutation> {
        self.permutation.factors.get(self.set).and_then(Option::as_ref)
    }

    /// Columns moved as the pass does it; as they are where the factor isn't known.
    pub(super) fn forward<D: Ring>(&self, x: &Column<D>) -> Column<D> {
        match self.factor() {
            Some(factor) if self.undone => factor.undo(x),
            Some(factor) => factor.apply(x),
            None => x.clone(),
        }
    }

    /// Columns moved the other way.
    pub(super) fn back<D: Ring>(&self, x: &Column<D>) -> Column<D> {
        match self.factor() {
            Some(factor) if self.undone => factor.apply(x),
            Some(factor) => factor.undo(x),
            None => x.clone(),
        }
    }
}
