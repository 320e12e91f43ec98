//! What keeps a result from saying too much, beside the floor on rows: what owners ask for, and what a contract has.
//!
//! The terms are those of statistical disclosure control (Hundepool et al., *Statistical Disclosure Control*, 2012):
//! a minimum number of contributors, the p%-rule against dominance, differencing, and differential privacy (Dwork,
//! McSherry, Nissim, Smith, TCC 2006).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Did;

/// What a dataset's owner asks of every result that its rows flow into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosureTerms {
    /// Members that must have rows in a group before it is shown; 0 and 1 ask for nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contributors_min: u32,
    /// No member, and no single row, may make up more than so many percent of a sum that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominance_percent_max: Option<u8>,
    /// Earlier answers over the dataset that a new query may differ from by fewer rows than the floor, or by a number
    /// of rows that the owner's node cannot count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub overlaps_max: u32,
    /// Members of which one must be an auditor of the contract and approve its report; empty asks for none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub auditors: BTreeSet<Did>,
    /// Results only with noise, and of that so much; absent means that exact results are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacyTerms>,
}

/// An owner's budget of differential privacy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacyTerms {
    /// What all answers to one data user may cost together, in millionths: 1,000,000 is ε = 1. Counted for all versions
    /// of the dataset together.
    pub epsilon_micro_max: u64,
    /// The owner's statement that nobody has more rows in the dataset: what noise hides is one person's rows.
    pub rows_per_person_max: u32,
}

/// What a contract promises of its result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosureRule {
    /// Groups into which fewer members bring rows are withheld.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contributors_min: u32,
    /// Sums and means of which one member or one row makes up more than so many percent are withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominance_percent_max: Option<u8>,
    /// The noise that is added inside the computation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,
}

/// Differential privacy of one run's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// Where the noise comes from.
    pub mechanism: Mechanism,
    /// What a run costs of the budget, in millionths, for all its columns together.
    pub epsilon_micro: u64,
}

/// A distribution of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// Two-sided geometric noise on integers (Ghosh, Roughgarden, Sundararajan, STOC 2009).
    DiscreteLaplace,
}

impl DisclosureTerms {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl DisclosureRule {
    /// Whether nothing is promised.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Millionths as people write them: `0.5`.
pub fn epsilon(micro: u64) -> String {
    let text = format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The inverse of [`epsilon`]; at most six digits after the point.
pub fn parse_epsilon(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epsilon_is_read_as_it_is_written() {
        for (micro, text) in
            [(0, "0"), (1, "0.000001"), (500_000, "0.5"), (1_000_000, "1"), (12_340_000, "12.34")]
        {
            assert_eq!(epsilon(micro), text);
            assert_eq!(parse_epsilon(text), Some(micro));
        }
        for text in ["", ".5", "1e3", "-1", "0.0000001", "99999999999999999999"] {
            assert_eq!(parse_epsilon(text), None, "{text}");
        }
    }
}
