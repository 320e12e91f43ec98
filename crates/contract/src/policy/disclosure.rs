//! Whether a contract keeps its result from saying too much, as a dataset's owner asks.

use super::Refusal;
use crate::disclosure::{DisclosureRule, DisclosureTerms};

pub(super) fn refuse_disclosure(
    rule: &DisclosureRule,
    reference: &str,
    terms: &DisclosureTerms,
    refusals: &mut Vec<Refusal>,
) {
    let dataset = || reference.to_owned();
    let (expected, found) = (terms.contributors_min, rule.contributors_min);
    if found.max(1) < expected {
        refusals.push(Refusal::TooFewContributors { dataset: dataset(), expected, found });
    }
    if let Some(expected) = terms.dominance_percent_max {
        let found = rule.dominance_percent_max.unwrap_or(100);
        if found > expected {
            refusals.push(Refusal::Dominance { dataset: dataset(), expected, found });
        }
    }
    if let Some(terms) = terms.privacy {
        match rule.privacy {
            None => refusals.push(Refusal::NoiseMissing { dataset: dataset() }),
            Some(privacy) if privacy.epsilon_micro > terms.epsilon_micro_max => {
                let (allowed_micro, found_micro) = (terms.epsilon_micro_max, privacy.epsilon_micro);
                refusals.push(Refusal::TooLittleNoise { dataset: dataset(), allowed_micro, found_micro });
            }
            Some(_) => {}
        }
    }
}
