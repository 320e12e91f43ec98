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

/// What one element of a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// False or true: 0 or 1.
    Bit,
    /// A signed integer, exact; shared over the scheme's ring.
    Integer,
    /// A signed number with that many binary places: the integer that is shared is 2^places times the number. Its
    /// width counts all bits of that integer.
    Fixed(u8),
    /// A secret order of rows, which only the operations that sort and arrange know: it is never opened.
    Order,
    /// Rows grouped by secret keys, which only the operations on groups know: never opened.
    Groups,
}

impl Kind {
    /// Whether its elements are numbers, whose range a width in bits declares.
    pub fn is_number(self) -> bool {
        matches!(self, Kind::Integer | Kind::Fixed(_))
    }

    /// Whether it only serves operations of its own, and can be neither shared nor opened.
    pub fn is_opaque(self) -> bool {
        matches!(self, Kind::Order | Kind::Groups)
    }

    /// Binary places.
    pub fn fraction(self) -> u8 {
        match self {
            Kind::Fixed(fraction) => fraction,
            Kind::Bit | Kind::Integer | Kind::Order | Kind::Groups => 0,
        }
    }

    /// Its canonical bytes: a tag and the binary places.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Kind::Bit => vec![0],
            Kind::Integer => vec![1],
            Kind::Fixed(fraction) => vec![2, fraction],
            Kind::Order => vec![3],
            Kind::Groups => vec![4],
        }
    }

    /// The kind of a tag; `fraction` reads the binary places behind it.
    pub(crate) fn of_tag<E>(tag: u8, fraction: impl FnOnce() -> Result<u8, E>) -> Result<Option<Self>, E> {
        Ok(match tag {
            0 => Some(Kind::Bit),
            1 => Some(Kind::Integer),
            2 => Some(Kind::Fixed(fraction()?)),
            3 => Some(Kind::Order),
            4 => Some(Kind::Groups),
            _ => None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bit => f.write_str("bit"),
            Kind::Integer => f.write_str("integer"),
            Kind::Fixed(fraction) => write!(f, "fixed{fraction}"),
            Kind::Order => f.write_str("order"),
            Kind::Groups => f.write_str("groups"),
        }
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

/// The type of a value: a matrix of elements of one kind, stored row after row; a column when it is one wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// What each element is.
    pub kind: Kind,
    /// How many rows; always public.
    pub rows: u32,
    /// How many elements a row has; always public.
    pub columns: u32,
    /// Who may see it.
    pub visibility: Visibility,
}

impl Type {
    /// How many elements there are. The verifier keeps it within [`limits::MAX_ROWS`](crate::limits::MAX_ROWS).
    pub fn elements(&self) -> usize {
        self.rows as usize * self.columns as usize
    }
}

impl fmt::Display for Type {
    /// `integer[6]`, `fixed18[6x3]`, or `public integer[6]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.visibility == Visibility::Public {
            f.write_str("public ")?;
        }
        match self.columns {
            1 => write!(f, "{}[{}]", self.kind, self.rows),
            columns => write!(f, "{}[{}x{columns}]", self.kind, self.rows),
        }
    }
}

/// What the verifier knows about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its type.
    pub ty: Type,
    /// No element's absolute value exceeds this, in the reference and on shares: derived from the inputs' declared
    /// widths. Of fixed-point numbers it counts units of the last binary place.
    pub magnitude: u128,
    /// How far an element on shares may be from the reference, in units of the last place; 0 when it is exact. `None`
    /// when there is no such bound: an operation whose operands must keep a promise has an operand that is not exact.
    pub error: Option<u128>,
}

impl Value {
    /// The smallest `b` with |x| < 2^b for every element x.
    pub fn bits(&self) -> u8 {
        // At most 128, so the cast is exact.
        (u128::BITS - self.magnitude.leading_zeros()) as u8
    }

    /// Whether the result on shares is that of the reference.
    pub fn is_exact(&self) -> bool {
        self.error == Some(0)
    }
}
