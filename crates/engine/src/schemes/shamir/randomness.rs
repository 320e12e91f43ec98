//! Random numbers without a message: Cramer, Damgård, Ishai, TCC 2005, §3.
//!
//! A random number is the sum of one for each set of parties that may be corrupted, which all parties outside the set take
//! from the stream of their common key; of each they hold the values of the polynomial that is 0 at the set's places.

use ring::Column;

use super::{Field, Guard, Shamir};

impl<G: Guard> Shamir<G> {
    /// Random elements of the ring, one column for each held set: the summands that this party knows.
    pub(super) fn summands<D: Field>(&mut self, len: usize) -> Vec<Column<D>> {
        self.masks.iter_mut().map(|stream| stream.elements(len)).collect()
    }

    /// What the holders of one set's key know, as a sharing. No message.
    pub(super) fn known_outside<D: Field>(&self, set: usize, values: Column<D>) -> D::Shares {
        let small = self.setting.field();
        let place = self.geometry.held.iter().position(|held| *held == set);
        let factor = place.and_then(|place| D::constants(&self.geometry).masks.get(place));
        let mut shares = D::sum(small, values.len());
        if let Some(factor) = factor {
            D::add_scaled(small, &D::known(values), *factor, &mut shares);
        }
        shares
    }

    /// Shares of the sum of what the holders of each set's key know: `known` has a column for each held set.
    pub(super) fn shared<D: Field>(&self, known: Vec<Column<D>>, len: usize) -> D::Shares {
        let small = self.setting.field();
        let mut sum = D::sum(small, len);
        for (values, factor) in known.into_iter().zip(&D::constants(&self.geometry).masks) {
            D::add_scaled(small, &D::known(values), *factor, &mut sum);
        }
        sum
    }
}
