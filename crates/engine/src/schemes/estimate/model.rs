//! What a model states of a scheme.

use ring::Shape;

use crate::mpc::{Modulus, Receivers};
use crate::session::Party;

/// The messages of a scheme's primitives.
pub trait Model: Send + Sync {
    /// What a channel has to remember between primitives, and what they depend on from the beginning.
    type Memory: Memory;

    /// Whether the scheme truncates near the value as [`truncate`](crate::ops::truncate()) does.
    const EXACT_TRUNCATION: bool = false;

    /// Whether the scheme shares only some places of a number that is divided, where there is room above its bits.
    const SHORT_DIVISION: bool = false;

    /// Number of compute parties.
    fn parties(memory: &Self::Memory) -> usize;

    /// Width and modulus of a difference of which `width` bits are wanted.
    #[must_use]
    fn difference(width: usize) -> (usize, Modulus) {
        (width, Modulus::Power)
    }

    /// The messages of one primitive, step by step: those of a step don't wait for each other.
    fn messages(memory: &mut Self::Memory, primitive: &Primitive<'_>) -> Steps;

    /// That of a computation in which nothing is sent and what it needs is noted; `None` in schemes that prepare nothing.
    #[must_use]
    fn counting(memory: &Self::Memory) -> Option<Self::Memory> {
        let _ = memory;
        None
    }

    /// Takes what was noted as prepared: the messages for it, and the bytes that each party then holds.
    fn prepared(memory: &mut Self::Memory, counted: Self::Memory) -> (Steps, u64) {
        let _ = (memory, counted);
        (Steps::new(), 0)
    }

    /// The messages of [`Mixed::multiply_near`](crate::mpc::Mixed::multiply_near) where the scheme has its own.
    #[must_use]
    fn multiply_near(rows: usize, element: usize) -> Option<Steps> {
        let _ = (rows, element);
        None
    }

    /// The messages of [`Mixed::dot_of_sides`](crate::mpc::Mixed::dot_of_sides) where the scheme has it.
    #[must_use]
    fn dot_of_sides(rows: usize, terms: usize, element: usize) -> Option<Steps> {
        let _ = (rows, terms, element);
        None
    }
}

/// What a model remembers of the primitives so far, like a check that is due.
pub trait Memory: Send + Sync {
    /// That of a child channel.
    #[must_use]
    fn fork(&mut self) -> Self;
    /// Takes a child's back.
    fn absorb(&mut self, child: Self);
}

/// Nothing.
impl Memory for () {
    fn fork(&mut self) {}
    fn absorb(&mut self, (): Self) {}
}

/// Messages, step by step: those of a step do not wait for each other.
pub type Steps = Vec<Vec<Message>>;

/// A message between compute parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The sender.
    pub from: Party,
    /// The receiver.
    pub to: Party,
    /// Bytes of its body.
    pub bytes: u64,
}

/// What a scheme does in one call; `element` is the bytes of a ring element.
#[derive(Debug, Clone, Copy)]
pub enum Primitive<'a> {
    /// [`Scheme::start`](crate::mpc::Scheme::start).
    Start,
    /// [`Mpc::input`](crate::mpc::Mpc::input).
    Input {
        /// Whose input.
        owner: Party,
        /// Elements.
        len: usize,
        /// Bytes of an element.
        element: usize,
        /// Whether they are words of bits.
        bits: bool,
    },
    /// [`Mpc::mul`](crate::mpc::Mpc::mul) and [`Mpc::dot`](crate::mpc::Mpc::dot).
    Mul {
        /// Elements.
        len: usize,
        /// Elements of one factor.
        factors: usize,
        /// Bytes of an element.
        element: usize,
        /// Whether they are words of bits.
        bits: bool,
    },
    /// [`Mpc::matmul`](crate::mpc::Mpc::matmul).
    Matmul {
        /// Of the product.
        shape: Shape,
        /// Bytes of an element.
        element: usize,
        /// Whether they are words of bits.
        bits: bool,
    },
    /// [`Protocol::verify`](crate::mpc::Protocol::verify).
    Verify,
    /// [`Dealing::seal`](crate::mpc::Dealing::seal).
    Seal {
        /// Elements.
        len: usize,
        /// Bytes of an element.
        element: usize,
        /// Whether they are words of bits.
        bits: bool,
    },
    /// [`Mpc::open`](crate::mpc::Mpc::open).
    Open {
        /// Elements.
        len: usize,
        /// Bytes of an element.
        element: usize,
        /// Whether they are words of bits.
        bits: bool,
    },
    /// [`Mpc::reveal`](crate::mpc::Mpc::reveal).
    Reveal {
        /// Elements.
        len: usize,
        /// Bytes of an element.
        element: usize,
        /// Whether they are words of bits.
        bits: bool,
        /// Who learns them.
        to: Receivers<'a>,
    },
    /// [`Shuffle::shuffle`](crate::mpc::Shuffle::shuffle).
    Shuffle {
        /// Elements.
        len: usize,
        /// Bytes of an element.
        element: usize,
        /// Whether they are words of bits.
        bits: bool,
    },
    /// [`Shuffle::unshuffle`](crate::mpc::Shuffle::unshuffle).
    Unshuffle {
        /// Elements.
        len: usize,
        /// Bytes of an element.
        element: usize,
        /// Whether they are words of bits.
        bits: bool,
    },
    /// [`Mixed::difference`](crate::mpc::Mixed::difference).
    Difference {
        /// Rows.
        rows: usize,
        /// Bits to a row.
        width: u32,
    },
    /// [`Mixed::divided`](crate::mpc::Mixed::divided).
    Divided {
        /// Rows.
        rows: usize,
        /// Bits to a row.
        width: u32,
        /// Bytes of a number.
        element: usize,
    },
    /// [`Mixed::truncate_near`](crate::mpc::Mixed::truncate_near).
    TruncateNear {
        /// Rows.
        rows: usize,
        /// Places.
        shift: u32,
        /// Bytes of a number.
        element: usize,
    },
    /// [`Mixed::inject`](crate::mpc::Mixed::inject).
    Inject {
        /// Rows.
        rows: usize,
        /// Bits to a row.
        width: usize,
        /// Bytes of a number.
        element: usize,
    },
    /// [`Mixed::inject_sums`](crate::mpc::Mixed::inject_sums).
    InjectSums {
        /// Rows.
        rows: usize,
        /// Bits to a row.
        width: usize,
        /// Sums.
        sums: usize,
        /// Bytes of a number.
        element: usize,
    },
}
