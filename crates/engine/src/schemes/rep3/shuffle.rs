//! Hidden permutations: Laur, Willemson, Zhang: Round-Efficient Oblivious Database Manipulation, ISC 2011, §4, in the form
//! of Araki et al.: Secure Graph Analysis at Scale, CCS 2021, §4.
//!
//! A hidden permutation is the product of three, each of which two neighbours know. For each in turn its two
//! holders move what they hold together and share it afresh: of the pair (a, a + 1), components a and a + 2 of the
//! result come from the keys that the third party shares with either, component a + 1 is the rest, to which each of
//! the two contributes.

use ring::{Column, Number, Permutation, Ring};

use super::{Rep3, Rep3Shares};
use crate::error::Result;
use crate::mpc::{Permuting, Shuffle};

/// One party's two factors of a hidden permutation.
#[derive(Debug, Clone)]
pub struct Rep3Permutation {
    pub(in crate::schemes) with_next: Permutation,
    pub(in crate::schemes) with_previous: Permutation,
}

impl<N: Number> Permuting for Rep3<N> {
    type Hidden = Rep3Permutation;

    fn hidden_permutation(&mut self, rows: usize) -> Rep3Permutation {
        Rep3Permutation {
            with_next: Permutation::random(&mut self.next, rows),
            with_previous: Permutation::random(&mut self.mine, rows),
        }
    }
}

impl<N: Number, D: Ring> Shuffle<D> for Rep3<N> {
    fn shuffle(&mut self, x: &Rep3Shares<D>, by: &Rep3Permutation) -> Result<Rep3Shares<D>> {
        let first = self.pass(0, x, by, Permutation::apply)?;
        let second = self.pass(1, &first, by, Permutation::apply)?;
        self.pass(2, &second, by, Permutation::apply)
    }

    fn unshuffle(&mut self, x: &Rep3Shares<D>, by: &Rep3Permutation) -> Result<Rep3Shares<D>> {
        let third = self.pass(2, x, by, Permutation::undo)?;
        let second = self.pass(1, &third, by, Permutation::undo)?;
        self.pass(0, &second, by, Permutation::undo)
    }
}

impl<N> Rep3<N> {
    /// Moves `x` by the factor that parties `lower` and `lower` + 1 know. 1 round, 1 element from each of the two.
    pub(in crate::schemes) fn pass<D: Ring>(
        &mut self,
        lower: usize,
        x: &Rep3Shares<D>,
        by: &Rep3Permutation,
        moved: impl Fn(&Permutation, &Column<D>) -> Column<D>,
    ) -> Result<Rep3Shares<D>> {
        let len = x.mine().len();
        if len == 0 {
            return Ok(x.clone());
        }
        match (self.link.me().0 + 3 - lower) % 3 {
            0 => {
                let both = x.mine().zip(x.next().values(), D::plus);
                let fresh = self.mine.elements::<D>(len);
                let part = moved(&by.with_next, &both).zip(fresh.values(), D::minus);
                let peer = self.next_party();
                self.link.send(peer, part.values())?;
                let rest = part.zip(self.link.recv(peer, len)?.values(), D::plus);
                Ok(Rep3Shares::from_components(fresh, rest))
            }
            1 => {
                let fresh = self.next.elements::<D>(len);
                let part = moved(&by.with_previous, x.next()).zip(fresh.values(), D::minus);
                let peer = self.previous_party();
                self.link.send(peer, part.values())?;
                let rest = part.zip(self.link.recv(peer, len)?.values(), D::plus);
                Ok(Rep3Shares::from_components(rest, fresh))
            }
            _ => Ok(Rep3Shares::from_components(self.mine.elements(len), self.next.elements(len))),
        }
    }
}
