//! How a table of rules is written: one row for each, with its name, its text and what it speaks of.

/// Writes an enum of rules from its table. A row is the rule's name (stable from version to version), the variant,
/// and the text.
macro_rules! rules {
    ($(#[$doc:meta])* $name:ident { $(
        $(#[$row:meta])* $rule:literal $variant:ident $(($($part:ty),+))? = $text:literal,
    )+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum $name {
            $( $(#[$row])* #[error($text)] $variant $(($($part),+))?, )+
        }

        impl $name {
            /// Every rule's name, in the order of the table.
            pub const NAMES: &[&str] = &[$($rule),+];

            /// The rule's name: lower case with hyphens, stable from version to version.
            pub const fn rule(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $rule, )+ }
            }
        }
    };
}
pub(super) use rules;

/// A time in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When(pub u64);

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&contract::calendar::utc(self.0))
    }
}
