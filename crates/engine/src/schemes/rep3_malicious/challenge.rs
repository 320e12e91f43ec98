//! Coins, openings and tests for zero that one party can stop, but not falsify.
//!
//! Each component is held by two parties. The one that lacks it hears of it from both, once in full and once in full or
//! as a BLAKE3 digest, and compares: one of the two is honest.

use ring::{Checked, Column, Lanes, Prg, Ring, Seed};

use super::Rep3Malicious;
use crate::error::{Error, Result};
use crate::mpc::Receivers;
use crate::schemes::rep3::Rep3Shares;

/// What parties send to say that they have received everything: any word that all agree on.
const READY: Lanes = Lanes(0x7265_6164_7920_3033);

/// Words of a seed or digest.
const WORDS: usize = 4;

impl<N> Rep3Malicious<N> {
    /// Coins that no party can know before all messages of the others have come in. 2 rounds, 80 bytes.
    ///
    /// Without the first round, in which all say that they are ready, a corrupted party could hear the component that it
    /// lacks from one peer before it sends the other peer what the coins are to check.
    pub(super) fn challenge(&mut self) -> Result<Prg> {
        let (previous, next) = (self.base.previous_party(), self.base.next_party());
        for peer in [previous, next] {
            self.base.link.send(peer, &[READY])?;
        }
        for peer in [previous, next] {
            if self.base.link.recv::<Lanes>(peer, 1)?.values() != [READY] {
                return Err(Error::OutOfStep { party: peer });
            }
        }
        self.coins(b"challenge")
    }

    /// Coins that all parties agree on and none can choose: a fresh shared value, opened. 1 round, 64 bytes.
    pub(super) fn coins(&mut self, purpose: &[u8]) -> Result<Prg> {
        let mine = self.base.mine.elements::<Lanes>(WORDS);
        let next = self.base.next.elements::<Lanes>(WORDS);
        let seed = Rep3Shares::from_components(mine, next);
        self.send_both(&seed)?;
        let seed = self.recv_both(&seed)?;
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(seed.values()) {
            bytes.copy_from_slice(&word.0.to_le_bytes());
        }
        Ok(Prg::new(Seed::from(bytes).child(purpose)))
    }

    /// Sends each peer the component that it lacks.
    pub(super) fn send_both<D: Ring>(&mut self, x: &Rep3Shares<D>) -> Result<()> {
        let (previous, next) = (self.base.previous_party(), self.base.next_party());
        self.base.link.send(previous, x.next().values())?;
        self.base.link.send(next, x.mine().values())
    }

    /// The values of `x`, from the copies of [`Self::send_both`].
    pub(super) fn recv_both<D: Ring>(&mut self, x: &Rep3Shares<D>) -> Result<Column<D>> {
        let (previous, next) = (self.base.previous_party(), self.base.next_party());
        let missing = self.base.link.recv::<D>(next, x.mine().len())?;
        let again = self.base.link.recv::<D>(previous, x.mine().len())?;
        if missing != again {
            return Err(self.copies_differ());
        }
        Ok(sum([x.mine(), x.next()], missing))
    }

    /// Sends each of the receivers that is a peer what it needs to open what has these components.
    pub(super) fn send_opening<D: Ring>(
        &mut self,
        [mine, next]: [&Column<D>; 2],
        to: Receivers<'_>,
    ) -> Result<()> {
        let (previous_party, next_party) = (self.base.previous_party(), self.base.next_party());
        if to.contain(previous_party) {
            self.base.link.send(previous_party, next.values())?;
        }
        if to.contain(next_party) {
            self.base.link.send(next_party, digest(mine).values())?;
        }
        Ok(())
    }

    /// The values with these components, at one of the receivers of [`Self::send_opening`].
    pub(super) fn recv_opening<D: Ring>(&mut self, [mine, next]: [&Column<D>; 2]) -> Result<Column<D>> {
        let (previous_party, next_party) = (self.base.previous_party(), self.base.next_party());
        let missing = self.base.link.recv::<D>(next_party, mine.len())?;
        if self.base.link.recv::<Lanes>(previous_party, WORDS)? != digest(&missing) {
            return Err(self.copies_differ());
        }
        Ok(sum([mine, next], missing))
    }

    /// Opens `x` to `to`. 1 round; one element and 32 bytes for each receiver.
    pub(super) fn opened<D: Ring>(
        &mut self,
        x: &Rep3Shares<D>,
        to: Receivers<'_>,
    ) -> Result<Option<Column<D>>> {
        let receives = to.contain(self.base.link.me());
        if x.mine().is_empty() {
            return Ok(receives.then(|| Column::zeros(0)));
        }
        let components = [x.mine(), x.next()];
        self.send_opening(components, to)?;
        if receives { self.recv_opening(components).map(Some) } else { Ok(None) }
    }

    /// Refuses values that aren't zero, from the copies of [`Self::send_both`].
    pub(super) fn recv_zero<D: Checked>(&mut self, x: &Rep3Shares<D>, checked: &'static str) -> Result<()> {
        let zeros = Column::zeros(x.mine().len());
        if self.recv_both(x)? == zeros { Ok(()) } else { Err(Error::CheckFailed { checked }) }
    }

    /// The two peers differ about the component that this party lacks.
    fn copies_differ(&self) -> Error {
        Error::CopiesDiffer {
            component: (self.base.me_index() + 2) % 3,
            first: self.base.next_party(),
            second: self.base.previous_party(),
        }
    }
}

fn sum<D: Ring>([mine, next]: [&Column<D>; 2], mut missing: Column<D>) -> Column<D> {
    let known = mine.values().iter().zip(next.values());
    for (sum, (mine, next)) in missing.values_mut().iter_mut().zip(known) {
        *sum = sum.plus(mine.plus(*next));
    }
    missing
}

/// The digest of a component that the receiver is to learn anyway.
fn digest<D: Ring>(component: &Column<D>) -> Column<Lanes> {
    let mut words = Column::zeros(WORDS);
    Lanes::read_le(blake3::hash(D::as_bytes(component.values())).as_bytes(), words.values_mut());
    words
}
