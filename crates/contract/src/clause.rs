//! The numbered clauses of a contract, so that its text, its flaws and a refusal speak of the same place.

use std::fmt;

/// A clause of the readable contract, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clause {
    /// Who takes part and as what.
    Parties = 1,
    /// Why the data is used.
    Purpose,
    /// Which dataset versions are read.
    Data,
    /// What is computed.
    Computation,
    /// Who computes, under which scheme.
    Protection,
    /// What is revealed, and to whom.
    Result,
    /// How often and when.
    Limits,
    /// Who pays whom.
    Settlement,
}

impl Clause {
    /// Its number in the text.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its heading in lower case.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Parties => "parties",
            Self::Purpose => "purpose",
            Self::Data => "data",
            Self::Computation => "computation",
            Self::Protection => "protection",
            Self::Result => "result",
            Self::Limits => "limits",
            Self::Settlement => "settlement",
        }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clause {} ({})", self.number(), self.heading())
    }
}
