//! Products that are divided by a power of two before they are shared again.
//!
//! Source: ABY3, CCS 2018, §5.1.2, and SecureML, S&P 2017, §4.1: two summands of a sum are divided apart. Difference: no
//! pair of random numbers is prepared. A product comes as three fresh additive summands z_j, z_{j+1}, z_{j+2}. In the rows of
//! dealer j, party j + 1 gives the dealer its summand, and the dealer divides z_j + z_{j+1}; party j + 2 shows its summand
//! to party j + 1, and both divide −z_{j+2}, which makes component j + 2. Component j comes from the key that the dealer shares with
//! party j + 2, and component j + 1 is the rest, which the dealer sends to party j + 1.
//!
//! Adversary: one passive party. The dealer sees z_{j+1}, which the others' common key masks; party j + 1 sees
//! z_{j+2}, which the key of the dealer and party j + 2 masks, and a rest masked by a stream that it doesn't
//! know; party j + 2 sees nothing. 2 rounds, one number from each party.

use ring::{Column, Number};

use super::conversion::{Layout, row_parts};
use super::{Rep3, Rep3Shares};
use crate::error::Result;
use crate::mpc::Shares;

impl<N: Number> Rep3<N> {
    /// As [`Mixed::multiply_near`](crate::mpc::Mixed::multiply_near).
    pub(super) fn multiplied_near(
        &mut self,
        x: &Rep3Shares<N>,
        y: &Rep3Shares<N>,
        shift: u32,
    ) -> Result<Rep3Shares<N>> {
        let summands = self.additive_dot(x, y, 1)?;
        let rows = summands.len();
        if rows == 0 {
            return Ok(Rep3Shares::zeros(0));
        }
        let [own, after, before] = self.around(&row_parts(rows));
        let mut mine = Layout::new(1, rows);
        let mut next = Layout::new(1, rows);

        // In the next party's rows this one is party j + 2, in the previous party's it is party j + 1.
        let divided = |z: &Column<N>| z.map(|z| z.negated().shifted_right(shift).negated());
        let kept = summands.slice(after.clone());
        let shown = Column::concat(&[&summands.slice(before.clone()), &kept]);
        if !shown.is_empty() {
            self.link.send(self.previous_party(), shown.values())?;
        }
        mine.place(&divided(&kept), &after);
        if !after.is_empty() {
            next.place(&self.next.elements::<N>(after.len()), &after);
        }

        if own.len() + before.len() > 0 {
            let seen = self.link.recv::<N>(self.next_party(), own.len() + before.len())?;
            next.place(&divided(&seen.slice(own.len()..seen.len())), &before);
            if !own.is_empty() {
                let sum = summands.slice(own.clone()).zip(&seen.values()[..own.len()], N::plus);
                let mask = self.mine.elements::<N>(own.len());
                let rest = sum.zip(mask.values(), |sum, mask| sum.shifted_right(shift).minus(mask));
                self.link.send(self.next_party(), rest.values())?;
                mine.place(&mask, &own);
                next.place(&rest, &own);
            }
        }
        if !before.is_empty() {
            mine.place(&self.link.recv(self.previous_party(), before.len())?, &before);
        }
        Ok(Rep3Shares::from_components(mine.column, next.column))
    }
}
