//! Hidden permutations: the three passes of [`rep3`](crate::schemes::rep3), over the lifted ring, and recorded.
//!
//! What a party sends in a pass is a sum that it knows, so that it can only add an error that it knows; the inner product
//! over the pass is checked like any other. Nothing rests on the order in which rows were moved being honest: it is
//! random as long as one of a factor's two holders is.

use std::sync::Arc;

use ring::{Lift, Number, Permutation};

use super::arithmetic::Element;
use super::record::{Claim, converted};
use super::{Rep3Malicious, record::Record};
use crate::error::Result;
use crate::mpc::{Permuting, Shuffle};
use crate::schemes::rep3::{Rep3Permutation, Rep3Shares};

impl<N: Number + Element> Permuting for Rep3Malicious<N> {
    type Hidden = Arc<Rep3Permutation>;

    fn hidden_permutation(&mut self, rows: usize) -> Arc<Rep3Permutation> {
        Arc::new(self.base.hidden_permutation(rows))
    }
}

impl<N: Number + Element, D: Element> Shuffle<D> for Rep3Malicious<N> {
    /// 2 elements of the lifted ring per element, and 3 for the check.
    fn shuffle(&mut self, x: &Rep3Shares<D>, by: &Arc<Rep3Permutation>) -> Result<Rep3Shares<D>> {
        self.passes(x, by, [0, 1, 2], false)
    }

    /// 2 elements of the lifted ring per element, and 3 for the check.
    fn unshuffle(&mut self, x: &Rep3Shares<D>, by: &Arc<Rep3Permutation>) -> Result<Rep3Shares<D>> {
        self.passes(x, by, [2, 1, 0], true)
    }
}

impl<N: Number> Rep3Malicious<N> {
    fn passes<D: Element>(
        &mut self,
        x: &Rep3Shares<D>,
        by: &Arc<Rep3Permutation>,
        lower: [usize; 3],
        undone: bool,
    ) -> Result<Rep3Shares<D>> {
        let mut lifted = converted(x, D::lifted);
        if lifted.mine().is_empty() {
            return Ok(x.clone());
        }
        let moved = if undone { Permutation::undo } else { Permutation::apply };
        for lower in lower {
            let after = self.base.pass::<D::Lifted>(lower, &lifted, by, moved)?;
            let before = std::mem::replace(&mut lifted, after);
            let record: Record =
                D::record(Claim::Moved { before, after: lifted.clone(), by: Arc::clone(by), lower, undone });
            self.keep(record)?;
        }
        Ok(converted(&lifted, <D as Lift>::lowered))
    }
}
