//! What a computation will cost, from lengths alone.
//!
//! [`Estimate`] has the traits of a scheme, but its shares are lengths and its messages only counted. The operators'
//! own code runs on it, so that their cost is nowhere written twice; a [`Model`] states the messages of a scheme's
//! few primitives. All parties are followed at once, each with its own clock.

mod model;
mod rep3;
mod rep3_malicious;
mod resilience;
mod shamir;

pub use model::{Memory, Message, Model, Primitive, Steps};
pub use rep3::Rep3Model;
pub use rep3_malicious::{Due, Rep3MaliciousModel};
pub use shamir::{ShamirModel, ShamirState};

use std::marker::PhantomData;
use std::ops::Range;

use ring::{Lanes, Number, Prg, Ring, Seed, Shape};

use crate::error::{Error, Result};
use crate::mpc::{
    Bits, Cost, Difference, Divided, Mixed, Mpc, Permuting, Protocol, Receivers, Shares, Shuffle, Sides,
    Verified,
};
use crate::schemes::{check_shape, rows_of_terms};
use crate::session::Party;

/// All parties of a computation whose cost is estimated.
pub struct Estimate<M: Model, N> {
    costs: Vec<Cost>,
    memory: M::Memory,
    /// Openings of shuffled columns on this channel so far.
    shuffled: u64,
    numbers: PhantomData<N>,
}

impl<M: Model, N: Number> Estimate<M, N> {
    /// A computation in which nothing has been done, with what the model depends on.
    #[must_use]
    pub fn new(memory: M::Memory) -> Self {
        let costs = vec![Cost::default(); M::parties(&memory)];
        Self { costs, memory, shuffled: 0, numbers: PhantomData }
    }

    /// Counts the start of a session.
    pub fn start(&mut self) {
        self.count(&Primitive::Start);
    }

    /// What each party will have used.
    #[must_use]
    pub fn costs(&self) -> &[Cost] {
        &self.costs
    }

    /// Counts the sealing of a column of `len` elements of `D`, as
    /// [`Dealing::seal`](crate::mpc::Dealing::seal) does it.
    pub fn seal<D: Ring>(&mut self, len: usize) {
        self.count(&Primitive::Seal { len, element: D::BYTES, bits: bits::<D>() });
    }

    /// Counts what [`Scheme::prepare`](crate::mpc::Scheme::prepare) does for a computation, and says how many bytes a party
    /// then holds.
    ///
    /// # Errors
    /// Those of `dry_run`.
    pub fn prepare(&mut self, mut dry_run: impl FnMut(&mut Self) -> Result<()>) -> Result<u64> {
        let mut offline = self.fork();
        let Some(memory) = M::counting(&self.memory) else { return Ok(0) };
        let mut counting = Self { costs: self.costs.clone(), memory, shuffled: 0, numbers: PhantomData };
        dry_run(&mut counting)?;
        let (steps, bytes) = M::prepared(&mut self.memory, counting.memory);
        offline.count_steps(steps);
        self.absorb(offline);
        Ok(bytes)
    }

    fn count(&mut self, primitive: &Primitive<'_>) {
        let steps = M::messages(&mut self.memory, primitive);
        self.count_steps(steps);
    }

    fn count_steps(&mut self, steps: Steps) {
        for step in steps {
            let before: Vec<_> = self.costs.iter().map(|cost| cost.rounds).collect();
            for message in step {
                if let Some(sender) = self.costs.get_mut(message.from.0) {
                    sender.bytes_sent += message.bytes;
                    sender.messages_sent += 1;
                }
                let sent_at = before.get(message.from.0).copied().unwrap_or(0);
                if let Some(receiver) = self.costs.get_mut(message.to.0) {
                    receiver.rounds = receiver.rounds.max(sent_at + 1);
                }
            }
        }
    }
}

impl<M: Model, N: Number> Protocol for Estimate<M, N> {
    type Setting = ();

    /// Stands for all parties.
    fn me(&self) -> Party {
        Party(0)
    }
    fn parties(&self) -> usize {
        self.costs.len()
    }
    fn fork(&mut self) -> Self {
        let start = |cost: &Cost| Cost { rounds: cost.rounds, ..Cost::default() };
        Self {
            costs: self.costs.iter().map(start).collect(),
            memory: self.memory.fork(),
            shuffled: 0,
            numbers: PhantomData,
        }
    }
    fn absorb(&mut self, child: Self) {
        self.memory.absorb(child.memory);
        for (cost, child) in self.costs.iter_mut().zip(child.costs) {
            cost.rounds = cost.rounds.max(child.rounds);
            cost.bytes_sent += child.bytes_sent;
            cost.messages_sent += child.messages_sent;
        }
    }
    /// The most that any party uses.
    fn cost(&self) -> Cost {
        let most = |f: fn(&Cost) -> u64| self.costs.iter().map(f).max().unwrap_or(0);
        Cost {
            rounds: self.costs.iter().map(|cost| cost.rounds).max().unwrap_or(0),
            bytes_sent: most(|cost| cost.bytes_sent),
            messages_sent: most(|cost| cost.messages_sent),
        }
    }
    fn verify(&mut self) -> Result<Verified> {
        self.count(&Primitive::Verify);
        Ok(Verified(()))
    }
}

/// The length of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(usize);

impl<D: Ring> Shares<D> for Length {
    fn zeros(len: usize) -> Self {
        Self(len)
    }
    fn len(&self) -> usize {
        self.0
    }
    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.0, "a slice beyond the end");
        Self(range.len())
    }
    fn concat(parts: &[&Self]) -> Self {
        Self(parts.iter().map(|part| part.0).sum())
    }
    fn blocks(&self, places: &[usize], len: usize) -> Self {
        Self(places.len() * len)
    }
    fn plus(&self, other: &Self) -> Self {
        assert_eq!(self.0, other.0, "columns of different lengths");
        *self
    }
    fn minus(&self, other: &Self) -> Self {
        Shares::<D>::plus(self, other)
    }
    fn times_each(&self, factors: &[D]) -> Self {
        assert_eq!(self.0, factors.len(), "columns of different lengths");
        *self
    }
    fn times(&self, _factor: D) -> Self {
        *self
    }
    fn mapped_into(&self, len: usize, _map: impl Fn(&[D], &mut [D])) -> Self {
        Self(len)
    }
}

impl<M: Model, N: Number, D: Ring> Mpc<D> for Estimate<M, N> {
    type Shares = Length;

    fn public(&self, values: &[D]) -> Length {
        Length(values.len())
    }
    fn constant(&self, _value: D, len: usize) -> Length {
        Length(len)
    }
    fn plus_constant(&self, x: &Length, _value: D) -> Length {
        *x
    }
    fn input(&mut self, owner: Party, _values: Option<&[D]>, len: usize) -> Result<Length> {
        self.count(&Primitive::Input { owner, len, element: D::BYTES, bits: bits::<D>() });
        Ok(Length(len))
    }
    fn mul(&mut self, x: &Length, y: &Length) -> Result<Length> {
        if x != y {
            return Err(Error::Lengths { operation: "mul", left: x.0, right: y.0 });
        }
        self.count(&Primitive::Mul { len: x.0, factors: x.0, element: D::BYTES, bits: bits::<D>() });
        Ok(*x)
    }
    fn dot(&mut self, x: &Length, y: &Length, terms: usize) -> Result<Length> {
        let rows = rows_of_terms(x.0, y.0, terms)?;
        self.count(&Primitive::Mul { len: rows, factors: x.0, element: D::BYTES, bits: bits::<D>() });
        Ok(Length(rows))
    }
    fn matmul(&mut self, x: &Length, y: &Length, shape: Shape) -> Result<Length> {
        check_shape(x.0, y.0, shape)?;
        self.count(&Primitive::Matmul { shape, element: D::BYTES, bits: bits::<D>() });
        Ok(Length(shape.product()))
    }
    /// Zeros.
    fn open(&mut self, x: &Length) -> Result<Vec<D>> {
        self.count(&Primitive::Open { len: x.0, element: D::BYTES, bits: bits::<D>() });
        Ok(vec![D::ZERO; x.0])
    }
    /// Zeros.
    fn reveal(&mut self, x: &Length, to: Receivers<'_>, proof: Verified) -> Result<Option<Vec<D>>> {
        let Verified(()) = proof;
        self.count(&Primitive::Reveal { len: x.0, element: D::BYTES, bits: bits::<D>(), to });
        Ok(Some(vec![D::ZERO; x.0]))
    }
}

impl<M: Model, N: Number> Permuting for Estimate<M, N> {
    type Hidden = usize;

    fn hidden_permutation(&mut self, rows: usize) -> usize {
        rows
    }
}

impl<M: Model, N: Number, D: Ring> Shuffle<D> for Estimate<M, N> {
    fn shuffle(&mut self, x: &Length, _by: &usize) -> Result<Length> {
        self.count(&Primitive::Shuffle { len: x.0, element: D::BYTES, bits: bits::<D>() });
        Ok(*x)
    }
    fn unshuffle(&mut self, x: &Length, _by: &usize) -> Result<Length> {
        self.count(&Primitive::Unshuffle { len: x.0, element: D::BYTES, bits: bits::<D>() });
        Ok(*x)
    }
    /// Bits without a pattern: a search that they lead goes each way as often.
    fn open_shuffled(&mut self, x: &Length) -> Result<Vec<D>> {
        let proof = self.verify()?;
        Mpc::<D>::reveal(self, x, Receivers::All, proof)?;
        let mut opened = vec![D::ZERO; x.0];
        Prg::new(Seed::from([0; 32]).child(&self.shuffled.to_le_bytes())).fill(&mut opened);
        self.shuffled += 1;
        Ok(opened)
    }
    /// The rows as they are.
    fn open_order(&mut self, x: &Length) -> Result<Vec<usize>> {
        self.count(&Primitive::Open { len: x.0, element: D::BYTES, bits: bits::<D>() });
        Ok((0..x.0).collect())
    }
}

impl<M: Model, N: Number> Mixed for Estimate<M, N> {
    type Num = N;

    fn difference(&mut self, x: &Length, width: u32) -> Result<Difference<Self>> {
        let width = width.min(N::BITS);
        self.count(&Primitive::Difference { rows: x.0, width });
        Ok(bits_of(x.0, width as usize))
    }
    fn divided(&mut self, x: &Length, width: u32, shift: u32) -> Result<Divided<Self>> {
        let is_short = M::SHORT_DIVISION && width < N::BITS;
        let width = if is_short { shift + 1 } else { width.min(N::BITS) };
        self.count(&Primitive::Divided { rows: x.0, width, element: N::BYTES });
        Ok(Divided { parts: *x, difference: bits_of(x.0, width as usize), is_short })
    }
    fn truncate_near(&mut self, x: &Length, shift: u32) -> Result<Length> {
        if M::EXACT_TRUNCATION && shift < N::BITS {
            return crate::ops::truncate(self, x, N::BITS, shift);
        }
        self.count(&Primitive::TruncateNear { rows: x.0, shift, element: N::BYTES });
        Ok(*x)
    }
    fn inject(&mut self, bits: &Bits<Self>) -> Result<Length> {
        let (rows, width) = (bits.rows(), bits.width());
        self.count(&Primitive::Inject { rows, width, element: N::BYTES });
        Ok(Length(rows * width))
    }
    fn inject_sums(&mut self, bits: &Bits<Self>, weights: &[Vec<N>]) -> Result<Length> {
        let (rows, width, sums) = (bits.rows(), bits.width(), weights.len());
        self.count(&Primitive::InjectSums { rows, width, sums, element: N::BYTES });
        Ok(Length(rows * sums))
    }
    fn multiply_near(&mut self, x: &Length, y: &Length, shift: u32) -> Result<Length> {
        match M::multiply_near(x.0, N::BYTES) {
            Some(steps) => {
                rows_of_terms(x.0, y.0, 1)?;
                self.count_steps(steps);
                Ok(*x)
            }
            None => {
                let product = self.multiply(x, y)?;
                self.truncate_near(&product, shift)
            }
        }
    }
    fn dot_of_sides(&mut self, x: &Length, sides: Sides<'_, N>) -> Result<Option<Length>> {
        let steps = M::dot_of_sides(x.0, sides.terms, N::BYTES);
        Ok(steps.map(|steps| {
            self.count_steps(steps);
            *x
        }))
    }
}

/// Whether a ring is that of bits.
fn bits<D: Ring>() -> bool {
    D::CODE == Lanes::CODE
}

fn bits_of<M: Model, N: Number>(rows: usize, width: usize) -> Difference<Estimate<M, N>> {
    let (width, modulus) = M::difference(width);
    let bits = || Bits::new(Length(Lanes::words(rows) * width), rows, width);
    Difference { modulus, minuend: bits(), subtrahend: bits() }
}
