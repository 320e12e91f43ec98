//! What an operation's fields are: how each type is written, read and listed.

use std::fmt::{self, Display, Formatter};

use super::Key;
use crate::{Kind, ValueId};

/// A field's type.
pub(crate) trait Field {
    /// No fewer bytes are written.
    fn least() -> usize
    where
        Self: Sized;

    /// Its canonical bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// Its place in the listing.
    fn list(&self, f: &mut Formatter<'_>) -> fmt::Result;

    /// The values that it names.
    fn operands(&self, _out: &mut Vec<ValueId>) {}

    /// The inverse of [`Field::write`] or of [`Field::list`], whichever form `source` reads.
    fn read<S: Fill>(source: &mut S) -> Result<Self, S::Error>
    where
        Self: Sized;
}

/// Reads the field of that name.
pub(crate) type Each<'a, S> = &'a mut dyn FnMut(&str, &mut S) -> Result<(), <S as Fill>::Error>;

/// A form in which fields stand: bytes or a listing.
pub(crate) trait Fill: Sized {
    /// Why it cannot be read.
    type Error;

    /// Calls `each` with the name of each of `fields`, when that field is what comes next.
    fn fill(
        &mut self,
        listing: &'static str,
        fields: &[&'static str],
        each: Each<'_, Self>,
    ) -> Result<(), Self::Error>;

    /// The field that comes next.
    fn field<T: Field>(&mut self) -> Result<T, Self::Error> {
        T::read(self)
    }

    /// The listing lacks a field: a mistake in the table.
    fn missing(&self, field: &'static str) -> Self::Error;

    /// A number of `N` bytes, from its bytes or its shortest decimal form.
    fn number<T: Number<N>, const N: usize>(&mut self) -> Result<T, Self::Error>;

    /// A value's name.
    fn value(&mut self) -> Result<ValueId, Self::Error>;

    /// A kind, which listings give as a part of the value's type.
    fn kind(&mut self) -> Result<Kind, Self::Error>;

    /// Whether the second of two words comes next, not the first.
    fn choice(&mut self, words: [&'static str; 2]) -> Result<bool, Self::Error>;

    /// Items of at least `least` bytes each, counted or separated by commas.
    fn items<T>(
        &mut self,
        least: usize,
        each: impl Fn(&mut Self) -> Result<T, Self::Error>,
    ) -> Result<Vec<T>, Self::Error>;

    /// Elements of a constant.
    fn elements(&mut self) -> Result<Vec<i128>, Self::Error>;
}

/// An integer type of `N` bytes.
pub(crate) trait Number<const N: usize>: Display + std::str::FromStr {
    fn of_bytes(bytes: [u8; N]) -> Self;
}

macro_rules! number {
    ($($type:ty, $bytes:literal;)*) => {
        $(
            impl Number<$bytes> for $type {
                fn of_bytes(bytes: [u8; $bytes]) -> Self {
                    Self::from_le_bytes(bytes)
                }
            }

            impl Field for $type {
                fn least() -> usize {
                    $bytes
                }

                fn write(&self, out: &mut Vec<u8>) {
                    out.extend(self.to_le_bytes());
                }

                fn list(&self, f: &mut Formatter<'_>) -> fmt::Result {
                    write!(f, "{self}")
                }

                fn read<S: Fill>(source: &mut S) -> Result<Self, S::Error> {
                    source.number()
                }
            }
        )*
    };
}

number! {
    u8, 1;
    u32, 4;
    u64, 8;
}

impl Field for ValueId {
    fn least() -> usize {
        4
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn list(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn operands(&self, out: &mut Vec<ValueId>) {
        out.push(*self);
    }

    fn read<S: Fill>(source: &mut S) -> Result<Self, S::Error> {
        source.value()
    }
}

impl Field for Kind {
    fn least() -> usize {
        1
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.to_bytes());
    }

    /// Nothing: it stands in the type of the value.
    fn list(&self, _: &mut Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn read<S: Fill>(source: &mut S) -> Result<Self, S::Error> {
        source.kind()
    }
}

/// Items, each but the first after a comma.
macro_rules! lists {
    ($($item:ty),*) => {
        $(impl Field for Vec<$item> {
            fn least() -> usize {
                    4
                }

            fn write(&self, out: &mut Vec<u8>) {
                // The verifier's limits keep every list below 2^32.
                (self.len() as u32).write(out);
                self.iter().for_each(|item| item.write(out));
            }

            fn list(&self, f: &mut Formatter<'_>) -> fmt::Result {
                separated(f, self.iter().map(Listed))
            }

            fn operands(&self, out: &mut Vec<ValueId>) {
                self.iter().for_each(|item| item.operands(out));
            }

            fn read<S: Fill>(source: &mut S) -> Result<Self, S::Error> {
                source.items(<$item>::least(), S::field)
            }
        })*
    };
}

lists!(ValueId, Key);

/// As `v7 ascending`.
impl Field for Key {
    fn least() -> usize {
        5
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.of.write(out);
        out.push(u8::from(self.descending));
    }

    fn list(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.of, if self.descending { "descending" } else { "ascending" })
    }

    fn operands(&self, out: &mut Vec<ValueId>) {
        out.push(self.of);
    }

    fn read<S: Fill>(source: &mut S) -> Result<Self, S::Error> {
        Ok(Self { of: source.value()?, descending: source.choice(["ascending", "descending"])? })
    }
}

/// The elements of a constant: equal neighbours are listed once and counted, as in `100 x 6, 20`.
impl Field for Vec<i128> {
    fn least() -> usize {
        4
    }

    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u32).write(out);
        self.iter().for_each(|x| out.extend(x.to_le_bytes()));
    }

    fn list(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let runs = self.chunk_by(|x, y| x == y).map(|run| match run {
            [x] => x.to_string(),
            // A run has at least one element.
            _ => format!("{} x {}", run[0], run.len()),
        });
        separated(f, runs)
    }

    fn read<S: Fill>(source: &mut S) -> Result<Self, S::Error> {
        source.elements()
    }
}

/// A field as it is listed.
struct Listed<'a, T>(&'a T);

impl<T: Field> Display for Listed<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.list(f)
    }
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: impl Iterator<Item = T>) -> fmt::Result {
    for (i, item) in items.enumerate() {
        write!(f, "{} {item}", if i == 0 { "" } else { "," })?;
    }
    Ok(())
}

/// What `listing` shows of `fields`.
pub(crate) fn list(
    f: &mut Formatter<'_>,
    listing: &'static str,
    fields: &[(&str, &dyn Field)],
) -> fmt::Result {
    for piece in pieces(listing) {
        match piece {
            Piece::Literal(text) => f.write_str(text)?,
            Piece::Field(name) => {
                fields.iter().filter(|(field, _)| *field == name).try_for_each(|(_, field)| field.list(f))?;
            }
        }
    }
    Ok(())
}

/// A part of a listing in the table.
pub(crate) enum Piece {
    /// Stands as it is.
    Literal(&'static str),
    /// The name of a field, which stood in braces.
    Field(&'static str),
}

/// The parts of a listing, from left to right.
pub(crate) fn pieces(listing: &'static str) -> impl Iterator<Item = Piece> {
    listing.split_inclusive('}').flat_map(|part| {
        let (literal, field) = part.split_once('{').unwrap_or((part, ""));
        let literal = (!literal.is_empty()).then_some(Piece::Literal(literal));
        let field = (!field.is_empty()).then_some(Piece::Field(field.trim_end_matches('}')));
        literal.into_iter().chain(field)
    })
}
