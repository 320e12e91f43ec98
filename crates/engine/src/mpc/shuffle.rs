//! Orders of rows that no party knows.

use ring::Ring;

use super::{Mpc, Protocol, Receivers};
use crate::error::{Error, Result};

/// A scheme with permutations that no party knows.
pub trait Permuting: Protocol {
    /// A uniformly random permutation that no party knows, as one party holds it.
    type Hidden: Send + Sync;

    /// A fresh one of `rows` rows, at most 2^32. No message.
    fn hidden_permutation(&mut self, rows: usize) -> Self::Hidden;
}

/// Moves the rows of columns by hidden permutations.
///
/// `x` is one or more columns of the permutation's rows, one after another; each is moved alike, and the
/// result is shared afresh.
pub trait Shuffle<D: Ring>: Mpc<D> + Permuting {
    /// Row `i` of the result is row p(i). 3 rounds, 2 elements per element.
    ///
    /// # Errors
    /// Those of the transport.
    fn shuffle(&mut self, x: &Self::Shares, by: &Self::Hidden) -> Result<Self::Shares>;

    /// The inverse of [`Shuffle::shuffle`]: row p(i) of the result is row `i`. 3 rounds, 2 elements per
    /// element.
    ///
    /// # Errors
    /// Those of the transport.
    fn unshuffle(&mut self, x: &Self::Shares, by: &Self::Hidden) -> Result<Self::Shares>;

    /// Opens what only tells about the order of rows that were shuffled before, and so isn't masked: checked
    /// first in schemes against active adversaries, as results are. 1 round besides the check.
    ///
    /// # Errors
    /// Those of the transport and of the check.
    fn open_shuffled(&mut self, x: &Self::Shares) -> Result<Vec<D>> {
        let proof = self.verify()?;
        Ok(self.reveal(x, Receivers::All, proof)?.unwrap_or_default())
    }

    /// Opens a column that holds each of the places 0, 1, … of its rows once, in a uniformly random order. 1
    /// round.
    ///
    /// # Errors
    /// Those of the transport; [`Error::NotAPermutation`].
    fn open_order(&mut self, x: &Self::Shares) -> Result<Vec<usize>> {
        order_of(&self.open(x)?)
    }
}

/// The places that a column holds, each of 0, 1, … of its rows once.
///
/// # Errors
/// [`Error::NotAPermutation`].
pub(crate) fn order_of<D: Ring>(opened: &[D]) -> Result<Vec<usize>> {
    let place = |element: &D| {
        let (low, high) = D::as_bytes(std::slice::from_ref(element)).split_first_chunk::<8>()?;
        let place = usize::try_from(u64::from_le_bytes(*low)).ok()?;
        high.iter().all(|byte| *byte == 0).then_some(place)
    };
    let mut seen = vec![false; opened.len()];
    let mut first_time = |place: &usize| {
        let seen = seen.get_mut(*place);
        seen.is_some_and(|seen| !std::mem::replace(seen, true))
    };
    let places = opened.iter().map(|element| place(element).filter(|place| first_time(place)));
    places.collect::<Option<_>>().ok_or(Error::NotAPermutation { rows: opened.len() })
}
