//! The reference: one party that computes in the clear.
//!
//! It has the traits of every scheme and none of their secrecy: it is what the others are compared with.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use ring::{Column, Lanes, Number, Permutation, Prg, Ring, Seed, Shape};

use super::message::{self, Component, Expected};
use super::{check_shape, rows_of_terms};
use crate::error::{Error, Result, ShareMessageFault};
use crate::mpc::{
    Bits, Cost, Dealing, Difference, Divided, Mixed, Modulus, Mpc, Numbers, Permuting, Protocol, Receivers,
    Scheme, Shares, Shuffle, Verified,
};
use crate::session::{Link, Party, Transport};

/// The scheme's number in share messages.
const CODE: u8 = 1;

/// The single party of the plain scheme, with numbers of the ring `N`.
pub struct Plain<N> {
    link: Link,
    numbers: PhantomData<N>,
}

impl<D: Ring> Shares<D> for Column<D> {
    fn zeros(len: usize) -> Self {
        Column::zeros(len)
    }
    fn len(&self) -> usize {
        self.values().len()
    }
    fn slice(&self, range: Range<usize>) -> Self {
        self.slice(range)
    }
    fn concat(parts: &[&Self]) -> Self {
        Column::concat(parts)
    }
    fn blocks(&self, places: &[usize], len: usize) -> Self {
        self.blocks(places, len)
    }
    fn plus(&self, other: &Self) -> Self {
        self.zip(other.values(), D::plus)
    }
    fn minus(&self, other: &Self) -> Self {
        self.zip(other.values(), D::minus)
    }
    fn times_each(&self, factors: &[D]) -> Self {
        self.zip(factors, D::times)
    }
    fn times(&self, factor: D) -> Self {
        self.map(|value| value.times(factor))
    }
    fn mapped_into(&self, len: usize, map: impl Fn(&[D], &mut [D])) -> Self {
        self.mapped_into(len, map)
    }
}

impl<N: Number> Protocol for Plain<N> {
    type Setting = ();

    fn me(&self) -> Party {
        self.link.me()
    }
    fn parties(&self) -> usize {
        1
    }
    fn fork(&mut self) -> Self {
        let label = self.link.next_fork();
        Self { link: self.link.forked(label), numbers: PhantomData }
    }
    fn absorb(&mut self, child: Self) {
        self.link.absorb(&child.link);
    }
    fn cost(&self) -> Cost {
        self.link.cost()
    }
    fn verify(&mut self) -> Result<Verified> {
        Ok(Verified(()))
    }
}

impl<N: Number, D: Ring> Mpc<D> for Plain<N> {
    type Shares = Column<D>;

    fn public(&self, values: &[D]) -> Column<D> {
        Column::copied(values)
    }

    fn constant(&self, value: D, len: usize) -> Column<D> {
        Column::filled(value, len)
    }

    fn plus_constant(&self, x: &Column<D>, value: D) -> Column<D> {
        x.map(|element| element.plus(value))
    }

    fn input(&mut self, owner: Party, values: Option<&[D]>, len: usize) -> Result<Column<D>> {
        match values {
            Some(values) if values.len() == len => Ok(values.to_vec().into()),
            Some(_) => Err(Error::Input { owner, found: "it has another length than agreed" }),
            None => Err(Error::Input { owner, found: "its owner gave no values" }),
        }
    }

    fn mul(&mut self, x: &Column<D>, y: &Column<D>) -> Result<Column<D>> {
        if x.len() != y.len() {
            return Err(Error::Lengths { operation: "mul", left: x.len(), right: y.len() });
        }
        Ok(x.zip(y.values(), D::times))
    }

    fn dot(&mut self, x: &Column<D>, y: &Column<D>, terms: usize) -> Result<Column<D>> {
        let rows = rows_of_terms(x.len(), y.len(), terms)?;
        let products = x.zip(y.values(), D::times);
        let mut sums = Column::zeros(rows);
        for term in 0..terms {
            sums.zip_assign(products.slice(term * rows..(term + 1) * rows).values(), D::plus);
        }
        Ok(sums)
    }

    fn matmul(&mut self, x: &Column<D>, y: &Column<D>, shape: Shape) -> Result<Column<D>> {
        check_shape(x.len(), y.len(), shape)?;
        let mut product = Column::zeros(shape.product());
        ring::add_matmul(x.values(), y.values(), shape, product.values_mut());
        Ok(product)
    }

    fn open(&mut self, x: &Column<D>) -> Result<Vec<D>> {
        Ok(x.values().to_vec())
    }

    fn reveal(&mut self, x: &Column<D>, to: Receivers<'_>, proof: Verified) -> Result<Option<Vec<D>>> {
        let Verified(()) = proof;
        Ok(to.contain(self.me()).then(|| x.values().to_vec()))
    }
}

impl<N: Number> Permuting for Plain<N> {
    /// One that everybody could know, but that has nothing to do with the rows.
    type Hidden = Permutation;

    fn hidden_permutation(&mut self, rows: usize) -> Permutation {
        Permutation::random(&mut Prg::new(Seed::from([0; 32])), rows)
    }
}

impl<N: Number, D: Ring> Shuffle<D> for Plain<N> {
    fn shuffle(&mut self, x: &Column<D>, by: &Permutation) -> Result<Column<D>> {
        Ok(by.apply(x))
    }

    fn unshuffle(&mut self, x: &Column<D>, by: &Permutation) -> Result<Column<D>> {
        Ok(by.undo(x))
    }
}

impl<N: Number> Mixed for Plain<N> {
    type Num = N;

    fn difference(&mut self, x: &Column<N>, width: u32) -> Result<Difference<Self>> {
        let (rows, width) = (x.len(), width.min(N::BITS));
        let minuend = N::to_slices(x.values(), width);
        let subtrahend = Column::zeros(minuend.len());
        let bits = |words| Bits::new(words, rows, width as usize);
        Ok(Difference { modulus: Modulus::Power, minuend: bits(minuend), subtrahend: bits(subtrahend) })
    }

    fn divided(&mut self, x: &Column<N>, width: u32, shift: u32) -> Result<Divided<Self>> {
        let parts = x.map(|value| value.low_bits(width).shifted_right(shift));
        Ok(Divided { parts, difference: self.difference(x, width)?, is_short: false })
    }

    fn truncate_near(&mut self, x: &Column<N>, shift: u32) -> Result<Column<N>> {
        Ok(x.map(|value| N::from_i128(value.to_i128().checked_shr(shift).unwrap_or(0))))
    }

    fn inject(&mut self, bits: &Bits<Self>) -> Result<Numbers<Self>> {
        let (words, rows) = (Lanes::words(bits.rows()).max(1), bits.rows().max(1));
        let mut numbers = Column::zeros(bits.rows() * bits.width());
        let slices = bits.words().values().chunks(words).zip(numbers.values_mut().chunks_mut(rows));
        slices.for_each(|(slice, numbers)| N::from_bits(slice, numbers));
        Ok(numbers)
    }
}

impl<N: Number> Scheme for Plain<N> {
    const NAME: &'static str = "plain";

    fn start(transport: Arc<dyn Transport>, (): (), _entropy: &Seed) -> Result<Self> {
        match transport.parties() {
            1 => Ok(Self { link: Link::new(transport), numbers: PhantomData }),
            found => Err(Error::Parties { scheme: Self::NAME, expected: 1, found }),
        }
    }

    fn components(message: &[u8]) -> Result<Vec<(usize, &[u8])>> {
        Ok(message::parts(message, CODE, 1)?.components.into_iter().enumerate().collect())
    }
}

impl<N: Number, D: Ring> Dealing<D> for Plain<N> {
    fn deal((): (), values: &[D], prg: &mut Prg) -> Vec<Vec<u8>> {
        vec![message_of(values.to_vec().into(), prg)]
    }

    fn accept(&self, message: &[u8], len: usize) -> Result<Column<D>> {
        Ok(Self::combine((), &[message.to_vec()], len)?.into())
    }

    fn seal(&mut self, x: &Column<D>, proof: Verified) -> Result<Vec<u8>> {
        let Verified(()) = proof;
        Ok(message_of(x.clone(), &mut Prg::new(crate::session::fresh_seed()?)))
    }

    fn combine((): (), messages: &[Vec<u8>], len: usize) -> Result<Vec<D>> {
        let [message] = messages else {
            return Err(ShareMessageFault::Count { expected: 1, found: messages.len() }.into());
        };
        let expected = Expected { scheme: CODE, party: Party(0), components: 1, len };
        let components = message::decode::<D>(message, &expected)?;
        Ok(components.first().map(|component| component.values.values().to_vec()).unwrap_or_default())
    }
}

fn message_of<D: Ring>(values: Column<D>, prg: &mut Prg) -> Vec<u8> {
    let salt = message::salt(prg);
    message::encode(CODE, Party(0), &[&Component { salt, values }])
}
