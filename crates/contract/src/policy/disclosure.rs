//! Whether a contract keeps its result from saying too much, as a dataset's owner asks.

use super::Refusal;
use crate::disclosure::{DisclosureRule, DisclosureTerms, Loss};

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
            Some(privacy) => match (terms.budget(), privacy.cost()) {
                (Loss::Epsilon(allowed_micro), Loss::Epsilon(found_micro)) if found_micro > allowed_micro => {
                    refusals.push(Refusal::TooLittleNoise { dataset: dataset(), allowed_micro, found_micro });
                }
                (Loss::Rho(allowed_micro), Loss::Rho(found_micro)) if found_micro > allowed_micro => {
                    refusals.push(Refusal::TooLittleGaussian {
                        dataset: dataset(),
                        allowed_micro,
                        found_micro,
                    });
                }
                (Loss::Epsilon(_), Loss::Rho(_)) => {
                    refusals.push(Refusal::BudgetOfEpsilon { dataset: dataset() });
                }
                (Loss::Rho(_), Loss::Epsilon(_)) => {
                    refusals.push(Refusal::BudgetOfRho { dataset: dataset() });
                }
                _ => {}
            },
        }
    }
}
