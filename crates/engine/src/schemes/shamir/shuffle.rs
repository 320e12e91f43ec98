//! Hidden permutations: Laur, Willemson, Zhang: Round-Efficient Oblivious Database Manipulation, ISC 2011, §4.
//!
//! A hidden permutation is the product of one for each set of parties that may be corrupted, which all parties outside the
//! set take from the stream of their common key: whoever is corrupted, one of them is unknown to all corrupted ones. For each in
//! turn the t + 1 first of its holders move what they hold of the secret and share it anew.

use ring::Permutation;

use super::geometry::Deal;
use super::{Field, Guard, Shamir};
use crate::error::Result;
use crate::mpc::{Permuting, Shares, Shuffle};

/// One party's factors of a hidden permutation.
#[derive(Debug, Clone)]
pub struct ShamirPermutation {
    /// For each set in order, where this party holds its key.
    factors: Vec<Option<Permutation>>,
}

impl<G: Guard> Permuting for Shamir<G> {
    type Hidden = ShamirPermutation;

    fn hidden_permutation(&mut self, rows: usize) -> ShamirPermutation {
        let mut factors = vec![None; self.geometry.sets.len()];
        for (set, stream) in self.geometry.held.iter().zip(&mut self.masks) {
            if let Some(factor) = factors.get_mut(*set) {
                *factor = Some(Permutation::random(stream, rows));
            }
        }
        ShamirPermutation { factors }
    }
}

impl<G: Guard, D: Field> Shuffle<D> for Shamir<G> {
    /// A round for each set of t parties; in each n − 1 − t elements per element from t + 1 parties.
    fn shuffle(&mut self, x: &D::Shares, by: &ShamirPermutation) -> Result<D::Shares> {
        (0..by.factors.len()).try_fold(x.clone(), |x, set| self.pass::<D>(set, &x, by, Permutation::apply))
    }

    /// A round for each set of t parties; in each n − 1 − t elements per element from t + 1 parties.
    fn unshuffle(&mut self, x: &D::Shares, by: &ShamirPermutation) -> Result<D::Shares> {
        (0..by.factors.len())
            .rev()
            .try_fold(x.clone(), |x, set| self.pass::<D>(set, &x, by, Permutation::undo))
    }
}

impl<G: Guard> Shamir<G> {
    /// Moves `x` by the factor that those outside one set know.
    fn pass<D: Field>(
        &mut self,
        set: usize,
        x: &D::Shares,
        by: &ShamirPermutation,
        moved: impl Fn(&Permutation, &ring::Column<D>) -> ring::Column<D>,
    ) -> Result<D::Shares> {
        let geometry = std::sync::Arc::clone(&self.geometry);
        let excluded = geometry.sets.get(set).map(Vec::as_slice).unwrap_or_default();
        let mut dealers = self.setting.others(excluded);
        dealers.truncate(self.setting.threshold() + 1);
        let factor =
            by.factors.get(set).and_then(Option::as_ref).filter(|_| dealers.contains(&self.link.me()));
        let deal = factor.map(|_| Deal::<D>::part(self.setting, self.link.me(), &dealers));
        let secret = factor.map(|factor| D::moved(x, |column| moved(factor, column)));
        let secret = secret.unwrap_or_else(|| D::Shares::zeros(0));
        self.dealt_by_all(dealers.into_iter(), deal.as_ref(), &secret, x.len())
    }
}
