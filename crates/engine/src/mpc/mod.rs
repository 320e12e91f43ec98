//! What a scheme can do, as the operators see it.
//!
//! The unit of work is a whole column; a call sends at most one message to each peer and returns when its result
//! is there. An operator is an ordinary generic function over these traits; a scheme is a type that has them.

mod bits;
mod cost;
mod parallel;
mod shuffle;

pub use bits::{Bits, Difference, Modulus};
pub use cost::Cost;
pub use parallel::parallel;
pub(crate) use shuffle::order_of;
pub use shuffle::{Permuting, Shuffle};

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use ring::{Lanes, Number, Prg, Ring, Seed, Shape};

use crate::error::Result;
use crate::session::{Party, Transport};

/// A secret-shared column, as one party holds it. Everything here is local: no message, no round.
///
/// Methods that combine two columns ask for equal lengths, and `slice` and `blocks` for places within the
/// column; they panic otherwise. Lengths are public and fixed by the program, never by what a peer sends.
pub trait Shares<D: Ring>: Clone + Debug + Send + Sync + Sized {
    /// `len` zeros.
    fn zeros(len: usize) -> Self;
    /// Number of elements.
    fn len(&self) -> usize;
    /// Whether there are no elements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The elements of `range`.
    #[must_use]
    fn slice(&self, range: Range<usize>) -> Self;
    /// The columns one after another.
    #[must_use]
    fn concat(parts: &[&Self]) -> Self;
    /// The column seen as blocks of `len` elements: those at `places`, in that order. With `len` 1 it gathers.
    #[must_use]
    fn blocks(&self, places: &[usize], len: usize) -> Self;
    /// Sum.
    #[must_use]
    fn plus(&self, other: &Self) -> Self;
    /// Difference.
    #[must_use]
    fn minus(&self, other: &Self) -> Self;
    /// Each element times a public factor of its own.
    #[must_use]
    fn times_each(&self, factors: &[D]) -> Self;
    /// Every element times one public factor.
    #[must_use]
    fn times(&self, factor: D) -> Self;
    /// The column under a public map that respects sums, `map(x + y) = map(x) + map(y)`: moving elements or their
    /// bits, adding elements up.
    ///
    /// `map` finds zeros, `len` many, and adds its result to them.
    #[must_use]
    fn mapped_into(&self, len: usize, map: impl Fn(&[D], &mut [D])) -> Self;
}

/// One party's end of a running computation.
pub trait Protocol: Sized + Send {
    /// What is agreed on besides the scheme's name: nothing where the name says it all, else how many parties there are
    /// and how many of them may be corrupted.
    type Setting: Copy + Debug + Send + Sync + 'static;

    /// The party whose end this is.
    fn me(&self) -> Party;
    /// The number of compute parties.
    fn parties(&self) -> usize;
    /// A child with its own channel and its own random streams, named by its place in the tree of forks: all
    /// parties must fork alike.
    #[must_use]
    fn fork(&mut self) -> Self;
    /// Takes a child back: bytes add, rounds take the maximum, pending checks move up.
    fn absorb(&mut self, child: Self);
    /// What was used so far, with the children that were taken back.
    fn cost(&self) -> Cost;
    /// Checks all that was computed so far and isn't checked yet. Results leave only with this proof.
    ///
    /// # Errors
    /// Those of the transport, and those of the check in schemes against active adversaries.
    fn verify(&mut self) -> Result<Verified>;

    /// Runs `f` and `g` at the same time, on a child each: their rounds overlap.
    ///
    /// # Errors
    /// The first error of `f`, else of `g`.
    fn both<A: Send, B>(
        &mut self,
        f: impl FnOnce(&mut Self) -> Result<A> + Send,
        g: impl FnOnce(&mut Self) -> Result<B>,
    ) -> Result<(A, B)> {
        let (mut left, mut right) = (self.fork(), self.fork());
        let (a, b) = std::thread::scope(|scope| {
            let a = scope.spawn(|| f(&mut left));
            let b = g(&mut right);
            (a.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), b)
        });
        self.absorb(left);
        self.absorb(right);
        Ok((a?, b?))
    }
}

/// Proof that all that was computed so far has been checked. Only [`Protocol::verify`] makes it.
#[derive(Debug)]
pub struct Verified(pub(crate) ());

/// Which compute parties learn a result.
#[derive(Debug, Clone, Copy)]
pub enum Receivers<'a> {
    /// All of them.
    All,
    /// Those listed.
    Only(&'a [Party]),
}

impl Receivers<'_> {
    /// Whether `party` is among them.
    #[must_use]
    pub fn contain(&self, party: Party) -> bool {
        match self {
            Self::All => true,
            Self::Only(parties) => parties.contains(&party),
        }
    }
}

/// Arithmetic in the ring `D`.
pub trait Mpc<D: Ring>: Protocol {
    /// One party's shares of a column.
    type Shares: Shares<D>;

    /// A column that all parties know. No message.
    fn public(&self, values: &[D]) -> Self::Shares;

    /// A column of one value that all parties know. No message.
    fn constant(&self, value: D, len: usize) -> Self::Shares;

    /// Each element plus one value that all parties know. No message.
    fn plus_constant(&self, x: &Self::Shares, value: D) -> Self::Shares;

    /// Shares a column of `len` values that `owner` knows: at `owner` `values` are given, elsewhere not. 1 round.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Input`](crate::Error::Input) when `values` are missing at their owner,
    /// given elsewhere, or not `len` many.
    fn input(&mut self, owner: Party, values: Option<&[D]>, len: usize) -> Result<Self::Shares>;

    /// Products, element by element. 1 round.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Lengths`](crate::Error::Lengths).
    fn mul(&mut self, x: &Self::Shares, y: &Self::Shares) -> Result<Self::Shares>;

    /// Inner products: `x` and `y` are `terms` columns of equal length one after another, of which the products are
    /// summed row by row. 1 round, as much as one product.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Lengths`](crate::Error::Lengths), also when the columns don't come out even.
    fn dot(&mut self, x: &Self::Shares, y: &Self::Shares, terms: usize) -> Result<Self::Shares>;

    /// The product of two matrices, stored row after row. 1 round, as much as one product per element of the result.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Lengths`](crate::Error::Lengths) when a factor doesn't fill its shape.
    fn matmul(&mut self, x: &Self::Shares, y: &Self::Shares, shape: Shape) -> Result<Self::Shares>;

    /// Opens masked values to all parties, unchecked in schemes against active adversaries. 1 round.
    ///
    /// # Errors
    /// Those of the transport.
    fn open(&mut self, x: &Self::Shares) -> Result<Vec<D>>;

    /// Opens a result to `to` alone; `None` for the others. 1 round.
    ///
    /// # Errors
    /// Those of the transport.
    fn reveal(&mut self, x: &Self::Shares, to: Receivers<'_>, proof: Verified) -> Result<Option<Vec<D>>>;
}

/// What is to be computed of both sides of numbers x ≡ u − w, as [`Mixed::dot_of_sides`] has them.
#[derive(Clone, Copy)]
pub struct Sides<'a, N> {
    /// Terms of each sum.
    pub terms: usize,
    /// Writes what is derived from u, one number for each term; it finds zeros.
    pub minuend: &'a dyn Fn(N, &mut [N]),
    /// Writes what is derived from w; it finds zeros.
    pub subtrahend: &'a dyn Fn(N, &mut [N]),
}

/// A number's minuend and subtrahend, each divided by a power of two.
pub struct Divided<P: Mixed> {
    /// The difference of the quotients, without a borrow from below.
    pub parts: Numbers<P>,
    /// The difference itself.
    pub difference: Difference<P>,
    /// Whether it has instead of all places those that are divided away, and above them the one that follows the number's
    /// own: since the number's bit there is 0, a borrow leaves it just where it makes one.
    pub is_short: bool,
}

/// Shared numbers of a scheme.
pub type Numbers<P> = <P as Mpc<<P as Mixed>::Num>>::Shares;

/// The seams between numbers and bits: everything that differs by scheme when an operator needs both.
pub trait Mixed: Shuffle<Self::Num> + Shuffle<Lanes> {
    /// The ring of the numbers.
    type Num: Number;

    /// Products of numbers: [`Mpc::mul`] in the ring [`Mixed::Num`], which the compiler can't tell from that of bits
    /// by the operands alone. 1 round.
    ///
    /// # Errors
    /// As [`Mpc::mul`].
    fn multiply(&mut self, x: &Numbers<Self>, y: &Numbers<Self>) -> Result<Numbers<Self>> {
        Mpc::<Self::Num>::mul(self, x, y)
    }

    /// Each number as a difference of two bit-shared numbers: modulo 2^`width`, or in a field modulo its size, with all
    /// bits. Numbers that [`Number::RAISE`] was added to have the bits of two's complement. 1 round.
    ///
    /// Replicated schemes let one party know the minuend and two the subtrahend (ABY3, CCS 2018, §5.3); masked
    /// schemes open `x + r` and take `r` from preprocessing (edaBits, CRYPTO 2020).
    ///
    /// # Errors
    /// Those of the transport.
    fn difference(&mut self, x: &Numbers<Self>, width: u32) -> Result<Difference<Self>>;

    /// What dividing by 2^`shift` starts from, for 0 ≤ x < 2^`width` and `shift` < `width`. 1 round.
    ///
    /// # Errors
    /// Those of the transport.
    fn divided(&mut self, x: &Numbers<Self>, width: u32, shift: u32) -> Result<Divided<Self>>;

    /// Divides signed numbers by 2^`shift`, rounding down or up at random, nearer more often. 1 round.
    ///
    /// A number of magnitude below 2^m comes out wrong, by far, with probability 2^(m + 1 − bits of the ring):
    /// keep 40 bits of room, or use [`ops::truncate`](crate::ops::truncate).
    ///
    /// # Errors
    /// Those of the transport.
    fn truncate_near(&mut self, x: &Numbers<Self>, shift: u32) -> Result<Numbers<Self>>;

    /// Bits as the numbers 0 and 1: `width · rows` numbers, slice after slice. 2 rounds.
    ///
    /// # Errors
    /// Those of the transport.
    fn inject(&mut self, bits: &Bits<Self>) -> Result<Numbers<Self>>;

    /// Public linear combinations of each row's bits, as numbers: row `i` of sum `k` is `Σ weights[k][place] · bit
    /// place of row i`; sum after sum. A weight that is missing is 0. 2 rounds.
    ///
    /// Schemes that can add up before they send do better than this default, which injects every bit.
    ///
    /// # Errors
    /// Those of the transport.
    fn inject_sums(&mut self, bits: &Bits<Self>, weights: &[Vec<Self::Num>]) -> Result<Numbers<Self>> {
        let injected = self.inject(bits)?;
        Ok(weighted_sums(&injected, weights, bits.rows()))
    }

    /// Products divided by 2^`shift`, with the error of [`Mixed::truncate_near`]. 2 rounds.
    ///
    /// # Errors
    /// As [`Mpc::mul`].
    fn multiply_near(&mut self, x: &Numbers<Self>, y: &Numbers<Self>, shift: u32) -> Result<Numbers<Self>> {
        let product = self.multiply(x, y)?;
        self.truncate_near(&product, shift)
    }

    /// For each number x ≡ u − w of the ring the sum of `terms` products, one factor derived from u and one from w.
    /// `None` in schemes in which no party knows u or w. 2 rounds.
    ///
    /// Each side computes in the clear what would cost a protocol. In replicated schemes one party knows u and the two
    /// others w, as in [`Mixed::difference`].
    ///
    /// # Errors
    /// Those of the transport.
    fn dot_of_sides(
        &mut self,
        x: &Numbers<Self>,
        sides: Sides<'_, Self::Num>,
    ) -> Result<Option<Numbers<Self>>> {
        let _ = (x, sides);
        Ok(None)
    }
}

/// Of slices of `rows` elements, one after another, the sums `Σ weights[k][place] · slice place`, sum after sum. Local.
pub(crate) fn weighted_sums<D: Ring, S: Shares<D>>(slices: &S, weights: &[Vec<D>], rows: usize) -> S {
    let width = slices.len() / rows.max(1);
    let sum = |weights: &Vec<D>| {
        let terms = weights.iter().take(width).enumerate();
        terms.fold(S::zeros(rows), |sum, (place, weight)| {
            sum.plus(&slices.slice(place * rows..(place + 1) * rows).times(*weight))
        })
    };
    let sums: Vec<_> = weights.iter().map(sum).collect();
    S::concat(&sums.iter().collect::<Vec<_>>())
}

/// Inputs from and outputs to members that need not be compute parties, in the ring `D`.
///
/// A *share message* is what a data provider sends to one compute party, and a compute party to one receiver.
/// It consists of *components*, each a salt of 16 bytes and the additive parts of the column: commitments are
/// made over components ([`Scheme::components`]), and both holders of a component hold the same bytes.
pub trait Dealing<D: Ring>: Mpc<D> {
    /// One share message for each compute party, in their order. `prg` is the provider's own secret stream.
    fn deal(setting: Self::Setting, values: &[D], prg: &mut Prg) -> Vec<Vec<u8>>;

    /// This party's shares from a provider's message that should hold `len` elements.
    ///
    /// # Errors
    /// [`Error::ShareMessage`](crate::Error::ShareMessage).
    fn accept(&self, message: &[u8], len: usize) -> Result<Self::Shares>;

    /// This party's share message of a result, for its receivers; randomised afresh, so that it tells nothing
    /// but the result. 1 round.
    ///
    /// # Errors
    /// Those of the transport.
    fn seal(&mut self, x: &Self::Shares, proof: Verified) -> Result<Vec<u8>>;

    /// The result of `len` elements, from the share messages of all compute parties in their order.
    ///
    /// # Errors
    /// [`Error::ShareMessage`](crate::Error::ShareMessage);
    /// [`Error::CopiesDiffer`](crate::Error::CopiesDiffer) names the parties when copies of a component differ.
    fn combine(setting: Self::Setting, messages: &[Vec<u8>], len: usize) -> Result<Vec<D>>;
}

/// A scheme as a session needs it.
pub trait Scheme: Mixed + Dealing<Self::Num> + Dealing<Lanes> {
    /// The scheme's name in contracts.
    const NAME: &'static str;

    /// Sets up keys with the peers; `entropy` is this party's own secret, from
    /// [`fresh_seed`](crate::session::fresh_seed). 1 round.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Parties`](crate::Error::Parties).
    fn start(transport: Arc<dyn Transport>, setting: Self::Setting, entropy: &Seed) -> Result<Self>;

    /// Prepares what a computation will need, in schemes in which parties may vanish afterwards; nothing in others.
    ///
    /// `dry_run` does, on shares of any values, what the computation will do on this channel: in a run in which nothing is
    /// sent and all that is opened is zero or in order. Returns the bytes that this party then holds.
    ///
    /// # Errors
    /// Those of the transport, and of `dry_run`.
    fn prepare(&mut self, dry_run: impl FnMut(&mut Self) -> Result<()>) -> Result<u64> {
        let _ = dry_run;
        Ok(0)
    }

    /// Peers that vanished, as far as this party can tell, in schemes that go on without them: not all that passed between
    /// such a peer and this party need have come.
    fn gone(&self) -> Vec<Party> {
        Vec::new()
    }

    /// The components of a share message, each with its number.
    ///
    /// # Errors
    /// [`Error::ShareMessage`](crate::Error::ShareMessage).
    fn components(message: &[u8]) -> Result<Vec<(usize, &[u8])>>;
}
