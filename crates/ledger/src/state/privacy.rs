//! Budgets of differential privacy: what answers have cost, for each dataset and data user.
//!
//! Basic sequential composition (Dwork, McSherry, Nissim, Smith, TCC 2006): answers that cost ε₁, …, εₙ cost their sum
//! together, in integers, for all versions of a dataset. A run's cost is spent when it is requested, as its use is, and
//! comes back with the use of a run that did not complete, since nothing is opened before all receipts agree. A completed
//! run has given its answer: its cost stays spent, whatever becomes of its use and its fee. Terms of a later version may
//! raise or lower the limit.
//!
//! A budget of ρ counts zero-concentrated differential privacy, whose ρ add up too (Bun, Steinke, TCC 2016, lemma 1.7). What
//! was spent in ε before, under terms of an earlier version, counts against it as ε²/2 (proposition 1.4). The other way
//! round there is no bound: an owner whose next version has a budget of ε begins it anew, beside what was told under ρ.

use std::collections::BTreeSet;

use contract::{
    Contract, Did,
    dataset::parse_reference,
    disclosure::{Loss, Unit, rho_of_epsilon},
};

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

    /// What those of them with Gaussian noise have cost, in millionths of ρ.
    pub fn rho_spent(&self, path: &str, user: &Did) -> u64 {
        self.concentrated.get(&(path.to_owned(), *user)).copied().unwrap_or(0)
    }

    /// What counts against a budget, in millionths of its unit.
    fn spent_of(&self, unit: Unit, path: &str, user: &Did) -> u64 {
        let epsilon = self.epsilon_spent(path, user);
        match unit {
            Unit::Epsilon => epsilon,
            Unit::Rho => self.rho_spent(path, user).saturating_add(rho_of_epsilon(epsilon)),
        }
    }
}

impl Step {
    /// Takes a run's cost from the requester's budgets, all or none.
    pub(super) fn spend_privacy(&mut self, contract: &Contract, user: Did) -> Result<(), Refused> {
        let Some(privacy) = contract.output.disclosure.privacy else { return Ok(()) };
        let asked = privacy.cost();
        for (_, input) in contract.inputs().filter(|(_, input)| input.provider != user) {
            let record = self.catalogued(&input.dataset)?;
            let Some(terms) = record.dataset.terms.disclosure.privacy else { continue };
            let (path, limit) = (record.dataset.path.clone(), terms.budget());
            let (unit, found) = (limit.unit(), asked.unit());
            if unit != found {
                return Err(Refused::PrivacyUnit { dataset: input.dataset.clone(), expected: unit, found });
            }
            let spent = self.state.spent_of(unit, &path, &user);
            let (limit, asked) = (limit.micro(), asked.micro());
            if spent.checked_add(asked).is_none_or(|total| total > limit) {
                return Err(Refused::PrivacyBudget { dataset: path, user, unit, limit, spent, asked });
            }
        }
        for path in budgeted(contract, &user) {
            self.spend(path, user, asked, u64::saturating_add);
        }
        Ok(())
    }

    /// Gives a run's cost back.
    pub(super) fn return_privacy(&mut self, contract: &Contract, user: Did) {
        let Some(privacy) = contract.output.disclosure.privacy else { return };
        for path in budgeted(contract, &user) {
            self.spend(path, user, privacy.cost(), u64::saturating_sub);
        }
    }

    /// Notes a loss in its own unit.
    fn spend(&mut self, path: String, user: Did, loss: Loss, change: fn(u64, u64) -> u64) {
        match loss {
            Loss::Epsilon(micro) => {
                let spent = change(self.state.epsilon_spent(&path, &user), micro);
                self.state.privacy.insert_mut((path.clone(), user), spent);
                self.touch(Key::Privacy(path, user));
            }
            Loss::Rho(micro) => {
                let spent = change(self.state.rho_spent(&path, &user), micro);
                self.state.concentrated.insert_mut((path.clone(), user), spent);
                self.touch(Key::Concentrated(path, user));
            }
        }
    }
}

/// The datasets of others that a contract reads, each version of one counting for it once. What is spent is noted also
/// where terms ask for no noise: a later version's may.
fn budgeted(contract: &Contract, user: &Did) -> BTreeSet<String> {
    let inputs = contract.inputs().filter(|(_, input)| input.provider != *user);
    inputs.filter_map(|(_, input)| parse_reference(&input.dataset)).map(|(path, _)| path.to_owned()).collect()
}
