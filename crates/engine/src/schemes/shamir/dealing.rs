//! Set-up, and inputs from and outputs to members that are not compute parties.

use std::sync::Arc;

use ring::{Column, Prg, Seed};

use super::geometry::{Geometry, lagrange, point};
use super::{Field, Guard, Shamir, Threshold};
use crate::error::{Error, Result, ShareMessageFault};
use crate::mpc::{Dealing, Scheme, Shares, Verified};
use crate::schemes::message::{self, Component, Expected};
use crate::session::{Link, Party, PeerKeys, Transport, group_keys};

impl<G: Guard> Scheme for Shamir<G> {
    const NAME: &'static str = G::NAME;

    /// 2 rounds: 64 bytes, and 32 for each key in common, to each peer; where parties may deviate, 32 and a round more.
    fn start(transport: Arc<dyn Transport>, setting: Threshold, entropy: &Seed) -> Result<Self> {
        let mut link = Link::new(transport);
        let (me, parties, threshold) = (link.me(), setting.parties(), setting.threshold());
        if link.parties() != parties {
            return Err(Error::Parties { scheme: G::NAME, expected: parties, found: link.parties() });
        }
        let pairs = PeerKeys::agree(&mut link, entropy)?;
        let geometry = Geometry::new(setting, me);
        let groups: Vec<_> = geometry.sets.iter().map(|set| setting.others(set)).collect();
        let masks = group_keys(&mut link, entropy, &groups)?.into_iter().flatten().map(Prg::new).collect();
        let stream = |with: usize, dealer: Party| {
            let pair = pairs.with(Party(with % parties))?;
            Some(pair.child(&[b"dealt by ".as_slice(), &dealer.0.to_le_bytes()].concat()))
        };
        let gives = (1..=threshold).filter_map(|places| stream(me.0 + places, me));
        let takes = (1..=threshold).filter_map(|places| {
            let dealer = (me.0 + parties - places) % parties;
            stream(dealer, Party(dealer))
        });
        let (gives, takes) = (gives.collect(), takes.collect());
        let own = Prg::new(entropy.child(b"own"));
        let geometry = Arc::new(geometry);
        let mut party =
            Self { link, setting, geometry, masks, gives, takes, own, orders: 0, guard: G::new() };
        if G::CHECKED {
            party.compare_keys()?;
        }
        Ok(party)
    }

    fn prepare(&mut self, dry_run: impl FnMut(&mut Self) -> Result<()>) -> Result<u64> {
        G::prepare(self, dry_run)
    }

    fn gone(&self) -> Vec<Party> {
        self.guard.gone()
    }

    /// Each party holds one component, of its own number.
    fn components(message: &[u8]) -> Result<Vec<(usize, &[u8])>> {
        let parts = message::parts(message, G::CODE, 1)?;
        let party = usize::from(parts.party);
        Ok(parts.components.into_iter().map(|bytes| (party, bytes)).collect())
    }
}

impl<G: Guard, D: Field> Dealing<D> for Shamir<G> {
    fn deal(setting: Threshold, values: &[D], prg: &mut Prg) -> Vec<Vec<u8>> {
        let (small, len) = (setting.field(), values.len());
        let mut coefficients = vec![D::known(Column::copied(values))];
        coefficients.extend((0..setting.threshold()).map(|_| D::uniform(small, prg, len)));
        let message = |party: Party| {
            let mut power = D::scalar(small, 1);
            let mut share = D::sum(small, len);
            for coefficient in &coefficients {
                D::add_scaled(small, coefficient, power, &mut share);
                power = D::scalar_times(small, power, point::<D>(small, party));
            }
            encode::<G, D>(setting, party, &share, prg)
        };
        (0..setting.parties()).map(Party).map(message).collect()
    }

    fn accept(&self, message: &[u8], len: usize) -> Result<D::Shares> {
        decode::<G, D>(self.setting, message, self.link.me(), len)
    }

    /// No message. Shares of a result need no fresh randomness: all that is computed without a message is linear, and a linear
    /// combination of polynomials that are random but for their secrets is one too.
    fn seal(&mut self, x: &D::Shares, proof: Verified) -> Result<Vec<u8>> {
        let Verified(()) = proof;
        Ok(encode::<G, D>(self.setting, self.link.me(), x, &mut self.own))
    }

    /// From the messages of any t + 1 parties, or 2t + 1 where they may deviate, in their order; more than t + 1 must fit.
    fn combine(setting: Threshold, messages: &[Vec<u8>], len: usize) -> Result<Vec<D>> {
        let (small, needed) = (setting.field(), G::messages(setting));
        if messages.len() < needed {
            return Err(ShareMessageFault::Count { expected: needed, found: messages.len() }.into());
        }
        let mut shares: Vec<(Party, D::Shares)> = Vec::with_capacity(messages.len());
        for message in messages {
            let party = Party(message::parts(message, G::CODE, 1)?.party.into());
            let expected = Party(shares.last().map_or(0, |(party, _)| party.0 + 1));
            if party < expected || party.0 >= setting.parties() {
                return Err(ShareMessageFault::Party { expected, found: party }.into());
            }
            shares.push((party, decode::<G, D>(setting, message, party, len)?));
        }
        let (first, rest) = shares.split_at(setting.threshold() + 1);
        let points: Vec<_> = first.iter().map(|(party, _)| point::<D>(small, *party)).collect();
        let value_at = |place: D::Scalar| {
            let mut sum = D::sum(small, len);
            let factors = lagrange::<D>(small, &points, place);
            first
                .iter()
                .zip(factors)
                .for_each(|((_, share), factor)| D::add_scaled(small, share, factor, &mut sum));
            sum
        };
        for (party, share) in rest {
            let expected = D::to_message(small, &value_at(point::<D>(small, *party)));
            if expected != D::to_message(small, share) {
                return Err(Error::Inconsistent);
            }
        }
        let secret = D::to_ring(&value_at(D::scalar(small, 0))).ok_or(Error::Inconsistent)?;
        Ok(secret.values().to_vec())
    }
}

/// The share message of, or for, `party`.
fn encode<G: Guard, D: Field>(setting: Threshold, party: Party, share: &D::Shares, prg: &mut Prg) -> Vec<u8> {
    let component = Component { salt: message::salt(prg), values: D::to_message(setting.field(), share) };
    message::encode(G::CODE, party, &[&component])
}

/// The share in the message of, or for, `party`.
fn decode<G: Guard, D: Field>(
    setting: Threshold,
    message: &[u8],
    party: Party,
    len: usize,
) -> Result<D::Shares> {
    let small = setting.field();
    let expected = Expected { scheme: G::CODE, party, components: 1, len: D::message_len(small, len) };
    let component = message::decode::<D>(message, &expected)?.pop();
    Ok(component.map_or_else(|| D::Shares::zeros(len), |component| D::of_message(small, component.values)))
}
