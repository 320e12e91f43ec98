//! What a party knows, as a sharing of all.

use ring::Column;

use super::geometry::Deal;
use super::{Field, Guard, Shamir};
use crate::error::Result;
use crate::mpc::Shares;
use crate::session::Party;

impl<G: Guard> Shamir<G> {
    /// Shares `secret`, of `len` elements, by `deal`; this party's own share. n − 1 − t elements for each.
    pub(super) fn deal<D: Field>(
        &mut self,
        deal: &Deal<D>,
        secret: &D::Shares,
        len: usize,
    ) -> Result<D::Shares> {
        let small = self.setting.field();
        let fixed: Vec<_> = self.gives.iter_mut().map(|stream| D::uniform(small, stream, len)).collect();
        let share = |factors: &[D::Scalar]| {
            let mut share = D::sum(small, len);
            let parts = std::iter::once(secret).chain(&fixed).zip(factors);
            parts.for_each(|(part, factor)| D::add_scaled(small, part, *factor, &mut share));
            share
        };
        for (party, factors) in &deal.sent {
            self.send::<D>(*party, &share(factors))?;
        }
        Ok(share(&deal.own))
    }

    /// This party's share of what another one deals.
    pub(super) fn dealt_by<D: Field>(&mut self, dealer: Party, len: usize) -> Result<D::Shares> {
        let small = self.setting.field();
        let parties = self.setting.parties();
        let after = (self.link.me().0 + parties - dealer.0) % parties;
        match after.checked_sub(1).and_then(|place| self.takes.get_mut(place)) {
            Some(stream) => Ok(D::uniform(small, stream, len)),
            None => self.recv::<D>(dealer, len),
        }
    }

    /// What `owner` shares, who alone gives values.
    pub(super) fn dealt_by_owner<D: Field>(
        &mut self,
        owner: Party,
        values: Option<Column<D>>,
        len: usize,
    ) -> Result<D::Shares> {
        let Some(values) = values else {
            return self.dealt_by_all::<D>(std::iter::once(owner), None, &D::Shares::zeros(0), len);
        };
        let geometry = std::sync::Arc::clone(&self.geometry);
        let deal = Some(&D::constants(&geometry).deal);
        self.dealt_by_all::<D>(std::iter::empty(), deal, &D::known(values), len)
    }

    /// The sum of what the `dealers` deal, of which this party deals `secret`.
    pub(super) fn dealt_by_all<D: Field>(
        &mut self,
        dealers: impl Iterator<Item = Party>,
        deal: Option<&Deal<D>>,
        secret: &D::Shares,
        len: usize,
    ) -> Result<D::Shares> {
        let me = self.link.me();
        if len == 0 {
            return Ok(D::Shares::zeros(0));
        }
        let mut sum = match deal {
            Some(deal) => self.deal(deal, secret, len)?,
            None => D::Shares::zeros(len),
        };
        for dealer in dealers.filter(|dealer| *dealer != me) {
            sum = sum.plus(&self.dealt_by::<D>(dealer, len)?);
        }
        Ok(sum)
    }

    pub(super) fn send<D: Field>(&mut self, to: Party, share: &D::Shares) -> Result<()> {
        let message: Column<D> = D::to_message(self.setting.field(), share);
        self.link.send(to, message.values())
    }

    pub(super) fn recv<D: Field>(&mut self, from: Party, len: usize) -> Result<D::Shares> {
        let small = self.setting.field();
        Ok(D::of_message(small, self.link.recv(from, D::message_len(small, len))?))
    }
}
