//! Secret orders of rows, as sorting finds them.

use ring::{Lanes, Number};

use super::compare::same_length;
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Mpc, Numbers, Permuting, Shares, Shuffle};

/// An order of rows that no party knows.
///
/// It is held as a hidden permutation and public numbers that are uniformly random without it: a secret
/// permutation becomes public by being shuffled first (Chida et al.: An Efficient Secure Three-Party Sorting
/// Protocol with an Honest Majority, 2019/695, §4.2).
pub struct Order<P: Permuting> {
    hidden: P::Hidden,
    /// For each shuffled row its place, among the ordered rows or among the original ones.
    places: Vec<usize>,
    of_ordered: bool,
}

impl<P: Mixed> Order<P> {
    /// From the place to which each row goes: each of the places 0, 1, … occurs once. 4 rounds, 3 numbers per
    /// row.
    ///
    /// What is opened is uniformly random only for a permutation; another column would give away which values
    /// it has, so the places must come from inside the computation, or be proved beforehand.
    ///
    /// # Errors
    /// Those of the transport; [`Error::NotAPermutation`].
    pub fn from_places(protocol: &mut P, places: &Numbers<P>) -> Result<Self> {
        let hidden = protocol.hidden_permutation(places.len());
        let shuffled = Shuffle::<P::Num>::shuffle(protocol, places, &hidden)?;
        Ok(Self { hidden, places: Shuffle::<P::Num>::open_order(protocol, &shuffled)?, of_ordered: true })
    }

    /// From the places that rows shuffled by `hidden` have among the ordered ones.
    pub(super) fn of_shuffled(hidden: P::Hidden, places: Vec<usize>) -> Self {
        Self { hidden, places, of_ordered: true }
    }

    /// From the place from which each ordered row comes, in at most 64 bits. 4 rounds, 3 words of 8 bytes per
    /// row.
    ///
    /// # Errors
    /// Those of the transport; [`Error::NotAPermutation`].
    pub(super) fn from_sources(protocol: &mut P, sources: &Bits<P>) -> Result<Self> {
        let hidden = protocol.hidden_permutation(sources.rows());
        let shuffled = Shuffle::<Lanes>::shuffle(protocol, &words_of_rows(sources), &hidden)?;
        Ok(Self { hidden, places: Shuffle::<Lanes>::open_order(protocol, &shuffled)?, of_ordered: false })
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// Numbers in this order: `x` is one or more columns one after another. 3 rounds, 2 numbers per number.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Lengths`].
    pub fn apply(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        self.moved::<P::Num>(protocol, x, self.of_ordered)
    }

    /// The inverse of [`Order::apply`]: ordered numbers back where they were. 3 rounds, 2 numbers per number.
    ///
    /// # Errors
    /// As [`Order::apply`].
    pub fn undo(&self, protocol: &mut P, x: &Numbers<P>) -> Result<Numbers<P>> {
        self.moved::<P::Num>(protocol, x, !self.of_ordered)
    }

    /// Bits in this order. 3 rounds, 2 words of 8 bytes per row and 64 bits of its width.
    ///
    /// # Errors
    /// As [`Order::apply`].
    pub fn apply_bits(&self, protocol: &mut P, x: &Bits<P>) -> Result<Bits<P>> {
        let words = self.moved::<Lanes>(protocol, &words_of_rows(x), self.of_ordered)?;
        Ok(bits_of_rows(&words, x.rows(), x.width()))
    }

    /// The inverse of [`Order::apply_bits`]. 3 rounds, 2 words of 8 bytes per row and 64 bits of its width.
    ///
    /// # Errors
    /// As [`Order::apply`].
    pub fn undo_bits(&self, protocol: &mut P, x: &Bits<P>) -> Result<Bits<P>> {
        let words = self.moved::<Lanes>(protocol, &words_of_rows(x), !self.of_ordered)?;
        Ok(bits_of_rows(&words, x.rows(), x.width()))
    }

    /// The place to which each row goes, as shared numbers: the inverse of [`Order::from_places`]. 3 rounds,
    /// 2 numbers per row.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn places(&self, protocol: &mut P) -> Result<Numbers<P>> {
        let places: Vec<_> = (0..self.rows() as u128).map(P::Num::from_u128).collect();
        let places = Mpc::<P::Num>::public(protocol, &places);
        self.undo(protocol, &places)
    }

    /// This order and then `next`, as one. 10 rounds, 7 numbers per row: less than applying both from the
    /// fourth column on.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Lengths`].
    pub fn then(&self, protocol: &mut P, next: &Self) -> Result<Self> {
        same_length("order", self.rows(), next.rows())?;
        let places = next.places(protocol)?;
        let places = self.undo(protocol, &places)?;
        Self::from_places(protocol, &places)
    }

    /// Rows to their places, or from their places.
    fn moved<D: ring::Ring>(
        &self,
        protocol: &mut P,
        x: &<P as Mpc<D>>::Shares,
        to_places: bool,
    ) -> Result<<P as Mpc<D>>::Shares>
    where
        P: Shuffle<D>,
    {
        let rows = self.rows();
        let columns = x.len().checked_div(rows).unwrap_or(0);
        if x.len() != columns * rows {
            return Err(Error::Lengths { operation: "order", left: x.len(), right: rows });
        }
        if to_places {
            let shuffled = Shuffle::<D>::shuffle(protocol, x, &self.hidden)?;
            Ok(shuffled.blocks(&in_columns(&inverse(&self.places), columns), 1))
        } else {
            Shuffle::<D>::unshuffle(protocol, &x.blocks(&in_columns(&self.places, columns), 1), &self.hidden)
        }
    }
}

/// Places of rows as places in `columns` columns one after another.
pub(super) fn in_columns(places: &[usize], columns: usize) -> Vec<usize> {
    let column = |column: usize| places.iter().map(move |place| column * places.len() + place);
    (0..columns).flat_map(column).collect()
}

/// The inverse of a permutation of places.
pub(super) fn inverse(places: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; places.len()];
    for (row, place) in places.iter().enumerate() {
        if let Some(slot) = inverse.get_mut(*place) {
            *slot = row;
        }
    }
    inverse
}

/// Bit slices as words: the low 64 bits of every row, then the next 64, and so on. Local.
pub(super) fn words_of_rows<P: Mpc<Lanes>>(bits: &Bits<P>) -> P::Shares {
    let (rows, width, size) = (bits.rows(), bits.width(), Lanes::words(bits.rows()));
    bits.words().mapped_into(rows * width.div_ceil(64), |slices, words| {
        let limbs = slices.chunks(64 * size.max(1)).zip(words.chunks_mut(rows.max(1)));
        limbs.for_each(|(limb, words)| ring::rows_of_slices(limb, words));
    })
}

/// The inverse of [`words_of_rows`]. Local.
pub(super) fn bits_of_rows<P: Mpc<Lanes>>(words: &P::Shares, rows: usize, width: usize) -> Bits<P> {
    let size = Lanes::words(rows);
    let slices = words.mapped_into(size * width, |words, slices| {
        let limbs = words.chunks(rows.max(1)).zip(slices.chunks_mut(64 * size.max(1)));
        limbs.for_each(|(words, limb)| ring::slices_of_rows(words, limb));
    });
    Bits::new(slices, rows, width)
}
