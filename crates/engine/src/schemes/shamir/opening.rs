//! Openings, and coins.
//!
//! A receiver gets the shares of the t next parties, which with its own determine the polynomial. Where parties may deviate it
//! gets from each of the others a BLAKE3 digest of its share, and compares it with that of the polynomial's value there: with the
//! receiver itself t + 1 honest parties are among them, and their shares determine the polynomial too.

use ring::{Column, Lanes, Prg, Ring, Seed};

use super::geometry::{lagrange, point};
use super::{Field, Guard, Shamir};
use crate::error::{Error, Result};
use crate::mpc::{Receivers, Shares};
use crate::session::Party;

/// Words of a seed or digest.
const WORDS: usize = 4;

/// What parties send to say that they have received everything: any word that all agree on.
const READY: Lanes = Lanes(0x7265_6164_7920_7368);

impl<G: Guard> Shamir<G> {
    /// The values of `x`, at the receivers. 1 round.
    pub(super) fn opened<D: Field>(&mut self, x: &D::Shares, to: Receivers<'_>) -> Result<Option<Vec<D>>> {
        G::opened(self, x, to)
    }

    /// The values of `x` from the t next parties, at the receivers.
    pub(super) fn opened_by_next<D: Field>(
        &mut self,
        x: &D::Shares,
        to: Receivers<'_>,
    ) -> Result<Option<Vec<D>>> {
        let receives = to.contain(self.link.me());
        if x.is_empty() {
            return Ok(receives.then(Vec::new));
        }
        self.send_opening::<D>(x, to)?;
        if receives { self.recv_opening::<D>(x).map(Some) } else { Ok(None) }
    }

    /// Sends each of the receivers that is a peer what it needs to open `x`.
    fn send_opening<D: Field>(&mut self, x: &D::Shares, to: Receivers<'_>) -> Result<()> {
        let (parties, threshold) = (self.setting.parties(), self.setting.threshold());
        let message = D::to_message(self.setting.field(), x);
        for places in 1..parties {
            let party = self.link.neighbour(parties - places);
            if !to.contain(party) {
                continue;
            }
            if places <= threshold {
                self.link.send(party, message.values())?;
            } else if G::CHECKED {
                self.link.send(party, digest(&message).values())?;
            }
        }
        Ok(())
    }

    /// The values of `x`, at one of the receivers of [`Self::send_opening`].
    fn recv_opening<D: Field>(&mut self, x: &D::Shares) -> Result<Vec<D>> {
        let (small, parties, threshold) =
            (self.setting.field(), self.setting.parties(), self.setting.threshold());
        let mut shares = vec![x.clone()];
        for places in 1..=threshold {
            shares.push(self.recv::<D>(self.link.neighbour(places), x.len())?);
        }
        let points: Vec<_> =
            (0..=threshold).map(|places| point::<D>(small, self.link.neighbour(places))).collect();
        let value_at = |place: D::Scalar| {
            let mut sum = D::sum(small, x.len());
            let factors = lagrange::<D>(small, &points, place);
            shares
                .iter()
                .zip(factors)
                .for_each(|(share, factor)| D::add_scaled(small, share, factor, &mut sum));
            sum
        };
        for places in (threshold + 1..parties).filter(|_| G::CHECKED) {
            let party = self.link.neighbour(places);
            let expected = D::to_message(small, &value_at(point::<D>(small, party)));
            if self.link.recv::<Lanes>(party, WORDS)? != digest(&expected) {
                return Err(Error::Inconsistent);
            }
        }
        let opened = D::to_ring(&value_at(D::scalar(small, 0))).ok_or(Error::Inconsistent)?;
        Ok(opened.values().to_vec())
    }

    /// Coins that no party can know before all messages of the others have come in. 2 rounds.
    ///
    /// Without the first round, in which all say that they are ready, corrupted parties could hear the coins from one party before
    /// they send another what the coins are to check.
    pub(super) fn challenge(&mut self) -> Result<Prg> {
        let peers: Vec<_> = (1..self.setting.parties()).map(|places| self.link.neighbour(places)).collect();
        for peer in &peers {
            self.link.send(*peer, &[READY])?;
        }
        for peer in peers {
            if self.link.recv::<Lanes>(peer, 1)?.values() != [READY] {
                return Err(Error::OutOfStep { party: peer });
            }
        }
        let seed = self.summands::<Lanes>(WORDS);
        let seed = self.shared(seed, WORDS);
        let seed = self.opened::<Lanes>(&seed, Receivers::All)?.unwrap_or_default();
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(seed) {
            bytes.copy_from_slice(&word.0.to_le_bytes());
        }
        Ok(Prg::new(Seed::from(bytes).child(b"challenge")))
    }

    /// Refuses keys about which their holders disagree. 1 round, 32 bytes to each peer.
    pub(super) fn compare_keys(&mut self) -> Result<()> {
        let tags: Vec<_> =
            self.masks.iter().map(|key| key.child(b"compare").elements::<Lanes>(WORDS)).collect();
        let held: Vec<_> = self.geometry.held.iter().zip(&tags).collect();
        let of_both = |peer: Party| {
            let common = held.iter().filter(|(set, _)| !self.geometry.sets[**set].contains(&peer));
            digest(&Column::concat(&common.map(|(_, tag)| *tag).collect::<Vec<_>>()))
        };
        let peers = (1..self.setting.parties()).map(|places| self.link.neighbour(places));
        let digests: Vec<_> = peers.map(|peer| (peer, of_both(peer))).collect();
        for (peer, digest) in &digests {
            self.link.send(*peer, digest.values())?;
        }
        for (peer, digest) in &digests {
            if self.link.recv::<Lanes>(*peer, WORDS)? != *digest {
                return Err(Error::OutOfStep { party: *peer });
            }
        }
        Ok(())
    }
}

/// The digest of a share that the receiver is to know anyway.
fn digest<D: Ring>(message: &Column<D>) -> Column<Lanes> {
    let mut words = Column::zeros(WORDS);
    Lanes::read_le(blake3::hash(D::as_bytes(message.values())).as_bytes(), words.values_mut());
    words
}
