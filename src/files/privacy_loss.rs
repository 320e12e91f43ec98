//! ε and ρ of differential privacy as people write them.

use std::str::FromStr;

use contract::disclosure;
use serde::{Deserialize, Deserializer, de};

/// ε, or ρ of zero-concentrated differential privacy, written as a decimal with at most six digits after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrivacyLoss(u64);

impl PrivacyLoss {
    /// In millionths.
    pub(crate) const fn micro(self) -> u64 {
        self.0
    }
}

impl FromStr for PrivacyLoss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        disclosure::parse_epsilon(text).map(Self).ok_or_else(|| {
            format!(
                "`{text}` is no privacy loss; expected for example `0.5`, with at most six digits after the point"
            )
        })
    }
}

impl<'de> Deserialize<'de> for PrivacyLoss {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
