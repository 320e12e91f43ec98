//! How much each data provider contributes to what all reach together: the Shapley value.
//!
//! Source: L. S. Shapley, *A value for n-person games*, Contributions to the Theory of Games II, 1953. With v(S) what
//! the providers in S reach by themselves, and v(∅) = 0, provider i contributes its average addition over all orders in
//! which they may come together:
//!
//! φ(i) = Σ over S without i of |S|! (n − |S| − 1)! / n! · (v(S ∪ {i}) − v(S))
//!
//! Here the sum is left n! times as large, so that it stays a whole number: contributions are weights, and only their
//! proportions count. Cost: n · 2^(n−1) additions.

use std::collections::{BTreeMap, BTreeSet};

use contract::Did;
use thiserror::Error;

/// Most providers whose contributions are measured: 255 coalitions.
pub const PROVIDERS_MAX: usize = 8;
/// The largest value of a coalition, so that every contribution stays below 2^53: 8! · 2^37 < 2^53.
pub const VALUE_MAX: u64 = 1 << 37;

/// Why contributions cannot be told from values of coalitions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContributionFlaw {
    /// Too many for all coalitions to be measured, or nobody.
    #[error("contributions are measured of 1 to {PROVIDERS_MAX} data providers, found {0}")]
    Providers(usize),
    /// Every coalition counts.
    #[error("the value of one coalition is missing: of {}", .0.iter().map(|did| format!("`{did}`")).collect::<Vec<_>>().join(", "))]
    Missing(BTreeSet<Did>),
    /// Not exact any more.
    #[error("a coalition's value may be at most {VALUE_MAX}, found {0}")]
    TooLarge(u64),
}

/// n! times the Shapley value of each provider, from the value of every coalition of them; who on average takes away
/// contributes nothing.
///
/// # Errors
/// When a coalition or all of them are missing, there are too many, or a value is too large.
pub fn shapley(values: &BTreeMap<BTreeSet<Did>, u64>) -> Result<BTreeMap<Did, u64>, ContributionFlaw> {
    let providers: BTreeSet<Did> = values.keys().flatten().copied().collect();
    let count = providers.len();
    if !(1..=PROVIDERS_MAX).contains(&count) {
        return Err(ContributionFlaw::Providers(count));
    }
    if let Some(large) = values.values().find(|value| **value > VALUE_MAX) {
        return Err(ContributionFlaw::TooLarge(*large));
    }
    let mut sums: BTreeMap<Did, i128> = providers.iter().map(|provider| (*provider, 0)).collect();
    for coalition in coalitions(&providers) {
        let value = values.get(&coalition).ok_or_else(|| ContributionFlaw::Missing(coalition.clone()))?;
        let value = i128::from(*value);
        // v(S) is added for every member of S, which came last, and taken away for everybody else, who comes next.
        let (size, others) = (coalition.len(), count - coalition.len());
        for (provider, sum) in &mut sums {
            *sum += match coalition.contains(provider) {
                true => value * orders(size - 1) * orders(others),
                false => -value * orders(size) * orders(others.saturating_sub(1)),
            };
        }
    }
    Ok(sums.into_iter().map(|(provider, sum)| (provider, u64::try_from(sum).unwrap_or(0))).collect())
}

/// All coalitions of some providers but the empty one.
pub fn coalitions(providers: &BTreeSet<Did>) -> Vec<BTreeSet<Did>> {
    let mut found: Vec<BTreeSet<Did>> = vec![BTreeSet::new()];
    for provider in providers.iter().take(PROVIDERS_MAX) {
        let with = |coalition: &BTreeSet<Did>| coalition.iter().copied().chain([*provider]).collect();
        let larger: Vec<_> = found.iter().map(with).collect();
        found.extend(larger);
    }
    found.into_iter().filter(|coalition| !coalition.is_empty()).collect()
}

/// In how many orders so many can come.
fn orders(count: usize) -> i128 {
    (1..=count as i128).product()
}
