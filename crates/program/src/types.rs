//! What a value is: its kind, its length, who may see it, how large it can get.

use std::fmt;

/// Names a value of a program: inputs first, in order, then one per instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

impl ValueId {
    /// Position among all values.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// What one element of a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// False or true: 0 or 1.
    Bit,
    /// A signed integer, exact; shared over Z_2^128.
    Integer,
}

impl Kind {
    /// Whether its elements are numbers, whose range a width in bits declares.
    pub fn is_number(self) -> bool {
        self != Kind::Bit
    }

    /// Its canonical bytes.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Kind::Bit => vec![0],
            Kind::Integer => vec![1],
        }
    }

    /// Reads [`Kind::to_bytes`].
    pub(crate) fn of_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Kind::Bit),
            1 => Some(Kind::Integer),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Bit => "bit",
            Kind::Integer => "integer",
        })
    }
}

/// Who may see a value while the program runs. Outputs alone are opened, and only to the receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Visibility {
    /// Stands in the program itself, or follows from what stands there; everyone knows it.
    Public,
    /// Depends on an input; exists only as shares.
    Secret,
}

/// The type of a value: a column of `rows` elements of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// What each element is.
    pub kind: Kind,
    /// How many elements; always public.
    pub rows: u32,
    /// Who may see it.
    pub visibility: Visibility,
}

impl fmt::Display for Type {
    /// `integer[6]`, or `public integer[6]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.visibility == Visibility::Public {
            f.write_str("public ")?;
        }
        write!(f, "{}[{}]", self.kind, self.rows)
    }
}

/// What the verifier knows about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its type.
    pub ty: Type,
    /// No element's absolute value exceeds this: derived from the inputs' declared widths.
    pub magnitude: u128,
}

impl Value {
    /// The smallest `b` with |x| < 2^b for every element x.
    pub fn bits(&self) -> u8 {
        // At most 128, so the cast is exact.
        (u128::BITS - self.magnitude.leading_zeros()) as u8
    }
}
