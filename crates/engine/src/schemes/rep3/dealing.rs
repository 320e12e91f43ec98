//! Inputs from and outputs to members that are not compute parties.

use std::marker::PhantomData;
use std::sync::Arc;

use ring::{Column, Number, Prg, Ring, Seed};
use subtle::ConstantTimeEq;

use super::{Rep3, Rep3Shares};
use crate::error::{Error, Result, ShareMessageFault};
use crate::mpc::{Dealing, Scheme, Verified};
use crate::schemes::message::{self, Component, Expected};
use crate::session::{Link, Party, PeerKeys, Transport};

/// The scheme's number in share messages.
const CODE: u8 = 3;

impl<N: Number> Scheme for Rep3<N> {
    const NAME: &'static str = "rep3";

    fn start(transport: Arc<dyn Transport>, (): (), entropy: &Seed) -> Result<Self> {
        Self::set_up(Self::NAME, transport, entropy)
    }

    fn components(message: &[u8]) -> Result<Vec<(usize, &[u8])>> {
        components(CODE, message)
    }
}

impl<N> Rep3<N> {
    /// One party of a session of the scheme called `name`.
    pub(in crate::schemes) fn set_up(
        name: &'static str,
        transport: Arc<dyn Transport>,
        entropy: &Seed,
    ) -> Result<Self> {
        let wrong = Error::Parties { scheme: name, expected: 3, found: transport.parties() };
        let mut link = Link::new(transport);
        if link.parties() != 3 {
            return Err(wrong);
        }
        let keys = PeerKeys::agree(&mut link, entropy)?;
        let mine = keys.with(link.neighbour(2)).ok_or(wrong.clone())?;
        let next = keys.with(link.neighbour(1)).ok_or(wrong)?;
        Ok(Self { link, mine, next, common: keys.common(), numbers: PhantomData })
    }
}

impl<N: Number, D: Ring> Dealing<D> for Rep3<N> {
    fn deal((): (), values: &[D], prg: &mut Prg) -> Vec<Vec<u8>> {
        deal(CODE, values, prg)
    }

    fn accept(&self, message: &[u8], len: usize) -> Result<Rep3Shares<D>> {
        accept(CODE, self.link.me(), message, len)
    }

    /// One element from each party.
    fn seal(&mut self, x: &Rep3Shares<D>, proof: Verified) -> Result<Vec<u8>> {
        let Verified(()) = proof;
        let (mine, next) = (message::salt(&mut self.mine), message::salt(&mut self.next));
        let zero = self.zero_sharing(x.mine().len());
        let fresh = self.replicate(zero.zip(x.mine().values(), D::plus))?;
        let mine = Component { salt: mine, values: fresh.mine().clone() };
        let next = Component { salt: next, values: fresh.next().clone() };
        Ok(message::encode(CODE, self.link.me(), &[&mine, &next]))
    }

    fn combine((): (), messages: &[Vec<u8>], len: usize) -> Result<Vec<D>> {
        combine(CODE, messages, len)
    }
}

/// As [`Scheme::components`], of messages with the scheme number `code`.
pub(in crate::schemes) fn components(code: u8, message: &[u8]) -> Result<Vec<(usize, &[u8])>> {
    let parts = message::parts(message, code, 2)?;
    let first = usize::from(parts.party);
    let numbered = parts.components.into_iter().enumerate();
    Ok(numbered.map(|(place, bytes)| ((first + place) % 3, bytes)).collect())
}

/// As [`Dealing::deal`].
pub(in crate::schemes) fn deal<D: Ring>(code: u8, values: &[D], prg: &mut Prg) -> Vec<Vec<u8>> {
    let mut random = || {
        let values = prg.elements::<D>(values.len());
        Component { salt: message::salt(prg), values }
    };
    let (first, second) = (random(), random());
    let mut rest = Column::from(values.to_vec());
    rest.zip_assign(first.values.values(), D::minus);
    rest.zip_assign(second.values.values(), D::minus);
    let third = Component { salt: message::salt(prg), values: rest };
    let message = |party, mine, next| message::encode(code, Party(party), &[mine, next]);
    vec![message(0, &first, &second), message(1, &second, &third), message(2, &third, &first)]
}

/// As [`Dealing::accept`], for the party `me`.
pub(in crate::schemes) fn accept<D: Ring>(
    code: u8,
    me: Party,
    message: &[u8],
    len: usize,
) -> Result<Rep3Shares<D>> {
    let [mine, next] = decode(code, message, me, len)?;
    Ok(Rep3Shares::from_components(mine.values, next.values))
}

/// As [`Dealing::combine`].
pub(in crate::schemes) fn combine<D: Ring>(code: u8, messages: &[Vec<u8>], len: usize) -> Result<Vec<D>> {
    let [first, second, third] = messages else {
        return Err(ShareMessageFault::Count { expected: 3, found: messages.len() }.into());
    };
    let [zero, one] = decode::<D>(code, first, Party(0), len)?;
    let [one_again, two] = decode(code, second, Party(1), len)?;
    let [two_again, zero_again] = decode(code, third, Party(2), len)?;
    agree(0, (&zero, Party(0)), (&zero_again, Party(2)))?;
    agree(1, (&one, Party(0)), (&one_again, Party(1)))?;
    agree(2, (&two, Party(1)), (&two_again, Party(2)))?;
    let sum = zero.values.zip(one.values.values(), D::plus);
    Ok(sum.values().iter().zip(two.values.values()).map(|(a, b)| a.plus(*b)).collect())
}

/// The two components in the message of, or for, `party`.
fn decode<D: Ring>(code: u8, message: &[u8], party: Party, len: usize) -> Result<[Component<D>; 2]> {
    let expected = Expected { scheme: code, party, components: 2, len };
    let components = message::decode(message, &expected)?;
    components
        .try_into()
        .map_err(|found: Vec<_>| ShareMessageFault::Size { expected: 2, found: found.len() }.into())
}

/// Refuses two copies of a component that differ.
fn agree<D: Ring>(
    component: usize,
    (a, first): (&Component<D>, Party),
    (b, second): (&Component<D>, Party),
) -> Result<()> {
    if bool::from(a.salt.ct_eq(&b.salt)) & (a.values == b.values) {
        Ok(())
    } else {
        Err(Error::CopiesDiffer { component, first, second })
    }
}
