//! Inputs from and outputs to members that are not compute parties.
//!
//! A dealer that gives the holders of a component different copies would make them compute different things: they
//! check what they accept against the dealer's commitments, or compare it, before they start.

use std::sync::Arc;

use ring::{Column, Number, Prg, Seed};

use super::Rep3Malicious;
use super::arithmetic::Element;
use crate::error::Result;
use crate::mpc::{Dealing, Scheme, Verified};
use crate::schemes::Rep3;
use crate::schemes::message::{self, Component};
use crate::schemes::rep3::{Rep3Shares, dealing};
use crate::session::Transport;

/// The scheme's number in share messages.
const CODE: u8 = 4;

impl<N: Number + Element> Scheme for Rep3Malicious<N> {
    const NAME: &'static str = "rep3_malicious";

    fn start(transport: Arc<dyn Transport>, (): (), entropy: &Seed) -> Result<Self> {
        Ok(Self::new(Rep3::set_up(Self::NAME, transport, entropy)?))
    }

    fn components(message: &[u8]) -> Result<Vec<(usize, &[u8])>> {
        dealing::components(CODE, message)
    }
}

impl<N: Number + Element, D: Element> Dealing<D> for Rep3Malicious<N> {
    fn deal((): (), values: &[D], prg: &mut Prg) -> Vec<Vec<u8>> {
        dealing::deal(CODE, values, prg)
    }

    fn accept(&self, message: &[u8], len: usize) -> Result<Rep3Shares<D>> {
        dealing::accept(CODE, self.base.link.me(), message, len)
    }

    /// 64 bytes to each peer, whatever the length.
    ///
    /// The components are moved by coins that all parties know and a receiver doesn't, so that no message comes after the
    /// check into which a party could put an error. A receiver that is also one compute party, or shares its knowledge,
    /// learns a third component that it could have computed from its own two and the result.
    fn seal(&mut self, x: &Rep3Shares<D>, proof: Verified) -> Result<Vec<u8>> {
        let Verified(()) = proof;
        let salts = [message::salt(&mut self.base.mine), message::salt(&mut self.base.next)];
        let mut coins = self.coins(b"seal")?;
        let (first, second) = (coins.elements::<D>(x.mine().len()), coins.elements::<D>(x.mine().len()));
        let third = first.zip(second.values(), |a, b| a.plus(b).negated());
        let moves = [first, second, third];
        let (me, [mine_salt, next_salt]) = (self.base.me_index(), salts);
        let moved = |component: &Column<D>, place: usize| match moves.get(place % 3) {
            Some(by) => component.zip(by.values(), D::plus),
            None => component.clone(),
        };
        let mine = Component { salt: mine_salt, values: moved(x.mine(), me) };
        let next = Component { salt: next_salt, values: moved(x.next(), me + 1) };
        Ok(message::encode(CODE, self.base.link.me(), &[&mine, &next]))
    }

    fn combine((): (), messages: &[Vec<u8>], len: usize) -> Result<Vec<D>> {
        dealing::combine(CODE, messages, len)
    }
}
