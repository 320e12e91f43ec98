//! Budgets of differential privacy: what answers have cost, for each dataset and each data user or receiver.
//!
//! Basic sequential composition (Dwork, McSherry, Nissim, Smith, TCC 2006): answers that cost ε₁, …, εₙ cost their sum
//! together, in integers, for all versions of a dataset. A run's cost is spent when it is requested, as its use is, and
//! comes back with the use of a run that did not complete, since nothing is opened before all receipts agree. A completed
//! run has given its answer: its cost stays spent, whatever becomes of its use and its fee. Terms of a later version may
//! raise or lower the limit.
//!
//! *Whose budgets*: of every data user and of every receiver, whoever asks for the run, since each of them gets the answer
//! or can ask for it. Nobody is a stranger to its own data: an owner has no budget on it.
//!
//! A budget of ρ counts zero-concentrated differential privacy, whose ρ add up too (Bun, Steinke, TCC 2016, lemma 1.7). What
//! was spent in ε counts against it as ε²/2 (proposition 1.4). The other way round there is no bound: an owner whose next
//! version has a budget of ε begins it anew, beside what was told under ρ.
//!
//! A run of an earlier version is held to the terms of the latest one too, unless that is withdrawn: otherwise the order in
//! which two versions are asked would decide how much may be told.

use std::collections::BTreeSet;

use contract::{
    Contract, Dataset, Did,
    dataset::parse_reference,
    disclosure::{Loss, Unit, rho_of_epsilon},
    document::{Input, Role},
};

use super::{
    State,
    step::{Key, Step},
};
use crate::Refused;

impl State {
    /// What a member's answers over all versions of a dataset (`north/patients`) have cost, in millionths of ε.
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
    /// Takes a run's cost from the budgets of all who may get its answer, all or none.
    pub(super) fn spend_privacy(&mut self, contract: &Contract) -> Result<(), Refused> {
        let Some(privacy) = contract.output.disclosure.privacy else { return Ok(()) };
        let cost = privacy.cost();
        for (_, input) in contract.inputs() {
            let asked = &self.catalogued(&input.dataset)?.dataset;
            let budget = asked.terms.disclosure.privacy.map(|terms| terms.budget());
            for user in users(contract).into_iter().filter(|user| *user != input.provider) {
                if let Some(expected) = budget.map(Loss::unit).filter(|unit| *unit != cost.unit()) {
                    let (dataset, found) = (input.dataset.clone(), cost.unit());
                    return Err(Refused::PrivacyUnit { dataset, expected, found });
                }
                self.check_budget(asked, user, cost)?;
                if let Some(latest) = self.later_version(asked) {
                    self.check_budget(latest, user, cost)?;
                }
            }
        }
        for (path, user) in budgets(contract) {
            self.spend(path, user, cost, u64::saturating_add);
        }
        Ok(())
    }

    /// Gives a run's cost back to the same budgets.
    pub(super) fn return_privacy(&mut self, contract: &Contract) {
        let Some(privacy) = contract.output.disclosure.privacy else { return };
        for (path, user) in budgets(contract) {
            self.spend(path, user, privacy.cost(), u64::saturating_sub);
        }
    }

    /// The latest version of a dataset, if that is another one and not withdrawn.
    fn later_version(&self, dataset: &Dataset) -> Option<&Dataset> {
        let latest = self.state.latest_version(&dataset.path).filter(|latest| *latest != dataset.version)?;
        let record = self.state.dataset(&format!("{}@{latest}", dataset.path))?;
        record.withdrawn.is_none().then_some(&*record.dataset)
    }

    /// Whether the budget of one version's terms bears another loss. A later version may count another unit than the one
    /// that is asked: ε has a bound in ρ, but not the other way round.
    fn check_budget(&self, dataset: &Dataset, user: Did, loss: Loss) -> Result<(), Refused> {
        let Some(terms) = dataset.terms.disclosure.privacy else { return Ok(()) };
        let (path, limit) = (&dataset.path, terms.budget());
        let (epsilon, rho) = (self.state.epsilon_spent(path, &user), self.state.rho_spent(path, &user));
        // A sum that does not fit is above every limit: no number on the ledger is as large as `u64::MAX`.
        let total = match (limit, loss) {
            (Loss::Epsilon(_), Loss::Epsilon(asked)) => epsilon.saturating_add(asked),
            (Loss::Rho(_), Loss::Rho(asked)) => {
                rho.saturating_add(asked).saturating_add(rho_of_epsilon(epsilon))
            }
            (Loss::Rho(_), Loss::Epsilon(asked)) => {
                rho.saturating_add(rho_of_epsilon(epsilon.saturating_add(asked)))
            }
            (Loss::Epsilon(_), Loss::Rho(_)) => {
                let (expected, found) = (limit.unit(), loss.unit());
                return Err(Refused::PrivacyUnit { dataset: dataset.reference(), expected, found });
            }
        };
        let (unit, limit, spent) =
            (limit.unit(), limit.micro(), self.state.spent_of(limit.unit(), path, &user));
        if total > limit {
            let asked = total.saturating_sub(spent);
            return Err(Refused::PrivacyBudget { dataset: path.clone(), user, unit, limit, spent, asked });
        }
        Ok(())
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

/// Who may get a contract's answers.
fn users(contract: &Contract) -> BTreeSet<Did> {
    let users = contract.parties_with(Role::DataUser).map(|party| party.member);
    users.chain(contract.output.receivers.iter().copied()).collect()
}

/// The dataset and the member of each budget that a contract's runs are charged to: each member's for the data of others,
/// each version of a dataset counting for it once. What is spent is noted also where terms ask for no noise: a later
/// version's may.
fn budgets(contract: &Contract) -> BTreeSet<(String, Did)> {
    let users = users(contract);
    let of = |input: &Input| {
        let path = parse_reference(&input.dataset).map(|(path, _)| path.to_owned());
        let others = users.iter().copied().filter(|user| *user != input.provider);
        others.filter_map(|user| path.clone().map(|path| (path, user))).collect::<Vec<_>>()
    };
    contract.inputs().flat_map(|(_, input)| of(input)).collect()
}
