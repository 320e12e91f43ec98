//! What keeps a result from saying too much, beside the floor on rows: what owners ask for, and what a contract has.
//!
//! The terms are those of statistical disclosure control (Hundepool et al., *Statistical Disclosure Control*, 2012):
//! a minimum number of contributors, the p%-rule against dominance, differencing, and differential privacy (Dwork,
//! McSherry, Nissim, Smith, TCC 2006).

use std::{collections::BTreeSet, fmt};

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

/// An owner's budget of differential privacy: of ε or of ρ, one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacyTerms {
    /// What all answers to one data user or receiver may cost together, in millionths: 1,000,000 is ε = 1. Counted for
    /// all versions of the dataset together.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub epsilon_micro_max: u64,
    /// The same in ρ of zero-concentrated differential privacy, which Gaussian noise costs; 0 where the budget is of ε.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub rho_micro_max: u64,
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
    /// What a run costs of a budget of ε, in millionths, for all its columns together; 0 with Gaussian noise.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub epsilon_micro: u64,
    /// What a run costs of a budget of ρ, in millionths, for all its columns together; 0 with Laplace noise.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub rho_micro: u64,
}

/// A distribution of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// Two-sided geometric noise on integers (Ghosh, Roughgarden, Sundararajan, STOC 2009).
    DiscreteLaplace,
    /// Gaussian noise on integers (Canonne, Kamath, Steinke, NeurIPS 2020).
    DiscreteGaussian,
}

impl Mechanism {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiscreteLaplace => "discrete Laplace",
            Self::DiscreteGaussian => "discrete Gaussian",
        }
    }
}

/// An amount of privacy loss, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// ε of pure differential privacy (Dwork, McSherry, Nissim, Smith, TCC 2006).
    Epsilon(u64),
    /// ρ of zero-concentrated differential privacy (Bun, Steinke, TCC 2016).
    Rho(u64),
}

impl Privacy {
    /// Discrete Laplace noise at this cost, in millionths of ε.
    pub fn laplace(epsilon_micro: u64) -> Self {
        Self { mechanism: Mechanism::DiscreteLaplace, epsilon_micro, rho_micro: 0 }
    }

    /// Discrete Gaussian noise at this cost, in millionths of ρ.
    pub fn gaussian(rho_micro: u64) -> Self {
        Self { mechanism: Mechanism::DiscreteGaussian, epsilon_micro: 0, rho_micro }
    }

    /// What a run costs, in the unit of its noise.
    pub fn cost(&self) -> Loss {
        match self.mechanism {
            Mechanism::DiscreteLaplace => Loss::Epsilon(self.epsilon_micro),
            Mechanism::DiscreteGaussian => Loss::Rho(self.rho_micro),
        }
    }
}

impl PrivacyTerms {
    /// The budget, in its unit.
    pub fn budget(&self) -> Loss {
        match self.rho_micro_max {
            0 => Loss::Epsilon(self.epsilon_micro_max),
            rho => Loss::Rho(rho),
        }
    }
}

/// The unit of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As [`Loss::Epsilon`].
    Epsilon,
    /// As [`Loss::Rho`].
    Rho,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Epsilon => "ε",
            Self::Rho => "ρ",
        })
    }
}

impl Loss {
    /// Its unit.
    pub fn unit(self) -> Unit {
        match self {
            Self::Epsilon(_) => Unit::Epsilon,
            Self::Rho(_) => Unit::Rho,
        }
    }

    /// In millionths, whatever its unit.
    pub fn micro(self) -> u64 {
        match self {
            Self::Epsilon(micro) | Self::Rho(micro) => micro,
        }
    }

    /// What it is as ε with δ = 10^-6: ρ + 2·√(ρ·ln(1/δ)), rounded up (Bun and Steinke, proposition 1.3); ε needs no δ.
    pub fn epsilon_micro(self) -> u64 {
        match self {
            Self::Epsilon(micro) => micro,
            Self::Rho(micro) => {
                // ln(10^6) = 13.8155105…, in millionths, rounded up; so is the root of the product of two millionths.
                let root = root_up(u128::from(micro) * 13_815_511);
                micro.saturating_add(u64::try_from(2 * root).unwrap_or(u64::MAX))
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.unit(), epsilon(self.micro()))
    }
}

/// What a run costs; of ρ also what that is as ε, for those who think in it.
pub fn cost(privacy: Privacy) -> String {
    match privacy.cost() {
        loss @ Loss::Epsilon(_) => loss.to_string(),
        loss @ Loss::Rho(_) => {
            format!("{loss}, which is ε = {} with δ = 0.000001", epsilon(loss.epsilon_micro()))
        }
    }
}

/// What spending so much ε is as ρ, in millionths and rounded up: ε²/2 (Bun and Steinke, proposition 1.4).
pub fn rho_of_epsilon(epsilon_micro: u64) -> u64 {
    let square = u128::from(epsilon_micro) * u128::from(epsilon_micro);
    u64::try_from(square.div_ceil(2_000_000)).unwrap_or(u64::MAX)
}

/// The least integer whose square is not less.
pub fn root_up(number: u128) -> u128 {
    let root = number.isqrt();
    if root * root < number { root + 1 } else { root }
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

fn is_nothing(micro: &u64) -> bool {
    *micro == 0
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loss_is_told_as_the_other_never_too_small() {
        // Twice the root of 0.5 · 13.8155… is 5.25652…; and (0.3)²/2 = 0.045.
        assert_eq!(Loss::Rho(500_000).epsilon_micro(), 5_756_522);
        assert_eq!(Loss::Rho(0).epsilon_micro(), 0);
        assert_eq!(Loss::Rho(u64::MAX).epsilon_micro(), u64::MAX);
        assert_eq!(
            (rho_of_epsilon(300_000), rho_of_epsilon(1), rho_of_epsilon(u64::MAX)),
            (45_000, 1, u64::MAX)
        );
        assert_eq!(format!("{} {}", Loss::Rho(250_000), Loss::Epsilon(2_000_000)), "ρ = 0.25 ε = 2");
        for number in [0, 1, 2, 3, 4, 5, u128::MAX] {
            let root = root_up(number);
            assert!(root.checked_mul(root).is_none_or(|square| square >= number));
        }
    }

    #[test]
    fn what_was_written_before_there_was_gaussian_noise_is_written_the_same() {
        let text = r#"{"mechanism":"discrete-laplace","epsilon_micro":5}"#;
        assert_eq!(serde_json::to_string(&Privacy::laplace(5)).unwrap(), text);
        assert_eq!(serde_json::from_str::<Privacy>(text).unwrap(), Privacy::laplace(5));
        let terms = PrivacyTerms { epsilon_micro_max: 7, rows_per_person_max: 1, ..PrivacyTerms::default() };
        let text = r#"{"epsilon_micro_max":7,"rows_per_person_max":1}"#;
        assert_eq!(serde_json::to_string(&terms).unwrap(), text);
        assert_eq!(serde_json::from_str::<PrivacyTerms>(text).unwrap(), terms);
    }

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
