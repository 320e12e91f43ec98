//! Budgets of differential privacy: what answers have cost, for each dataset and data user.
//!
//! Basic sequential composition (Dwork, McSherry, Nissim, Smith, TCC 2006): answers that cost ε₁, …, εₙ cost their sum
//! together, in integers, for all versions of a dataset. A run's cost is spent when it is requested, as its use is, and
//! comes back with the use of a run that did not complete, since nothing is opened before all receipts agree. A completed
//! run has given its answer: its cost stays spent, whatever becomes of its use and its fee. Terms of a later version may
//! raise or lower the limit.

use std::collections::BTreeSet;

use contract::{Contract, Did, dataset::parse_reference};

use super::{
    State,
    step::{Key, Step},
};
use crate::Refused;

impl State {
    /// What a data user's answers over all versions of a dataset (`north/patients`) have cost, in millionths of ε.
    pub fn epsilon_spent(&self, path: &str, user: &Did) -> u64 {
        self.privacy.get(&(path.to_owned(), *user)).copied().unwrap_or(0)
    }
}

impl Step {
    /// Takes a run's cost from the requester's budgets, all or none.
    pub(super) fn spend_privacy(&mut self, contract: &Contract, user: Did) -> Result<(), Refused> {
        let Some(privacy) = contract.output.disclosure.privacy else { return Ok(()) };
        let asked = privacy.epsilon_micro;
        for (_, input) in contract.inputs().filter(|(_, input)| input.provider != user) {
            let record = self.catalogued(&input.dataset)?;
            let Some(terms) = record.dataset.terms.disclosure.privacy else { continue };
            let (path, limit) = (record.dataset.path.clone(), terms.epsilon_micro_max);
            let spent = self.state.epsilon_spent(&path, &user);
            if spent.checked_add(asked).is_none_or(|total| total > limit) {
                return Err(Refused::PrivacyBudget { dataset: path, user, limit, spent, asked });
            }
        }
        for path in budgeted(contract, &user) {
            let spent = self.state.epsilon_spent(&path, &user);
            self.set_spent(path, user, spent.saturating_add(asked));
        }
        Ok(())
    }

    /// Gives a run's cost back.
    pub(super) fn return_privacy(&mut self, contract: &Contract, user: Did) {
        let Some(privacy) = contract.output.disclosure.privacy else { return };
        for path in budgeted(contract, &user) {
            let spent = self.state.epsilon_spent(&path, &user);
            self.set_spent(path, user, spent.saturating_sub(privacy.epsilon_micro));
        }
    }

    fn set_spent(&mut self, path: String, user: Did, spent: u64) {
        self.state.privacy.insert_mut((path.clone(), user), spent);
        self.touch(Key::Privacy(path, user));
    }
}

/// The datasets of others that a contract reads, each version of one counting for it once. What is spent is noted also
/// where terms ask for no noise: a later version's may.
fn budgeted(contract: &Contract, user: &Did) -> BTreeSet<String> {
    let inputs = contract.inputs().filter(|(_, input)| input.provider != *user);
    inputs.filter_map(|(_, input)| parse_reference(&input.dataset)).map(|(path, _)| path.to_owned()).collect()
}
