//! Would a contract's answers, taken together with those given before, tell about fewer rows than the floor?
//!
//! What was answered is on the ledger: contracts, with their source, and their runs. Each provider's node compiles them
//! again and counts over its own rows, before it permits a run or signs. Nobody sees the counts; a refusal says that a
//! difference is small.

use std::collections::BTreeMap;
use std::sync::Arc;

use compiler::answers::{Answers, identities};
use compiler::overlap::{self, Answer, Field, Verdict};
use compiler::{Compiled, LocalError};
use contract::policy::Refusal;
use contract::{Contract, Hash, dataset::parse_reference};
use vault::{Vault, VaultError};

use crate::gatekeeper::{self, Me};
use crate::held::Held;
use crate::paths::local_name;
use crate::replica::Replica;

/// Everything in answers that were given before which stands against a contract, as far as this member's data tells.
///
/// `before` is the index of the run's request: what was requested later is that run's concern. Without one, all answers so
/// far count.
pub(crate) async fn refusals(
    contract: &Contract,
    compiled: &Compiled,
    before: Option<u64>,
    me: Me<'_>,
    replica: &Replica,
    vault: &Arc<Vault>,
) -> Vec<Refusal> {
    // Noise hides what a difference would tell, and its budget is counted.
    if contract.output.disclosure.privacy.is_some() {
        return Vec::new();
    }
    let mut refusals = Vec::new();
    for (table, input) in contract.inputs().filter(|(_, input)| input.provider == me.did) {
        let owned = Owned { reference: &input.dataset, me, replica, vault };
        let answers = compiled.answers.iter().filter(|answers| answers.table == table);
        for answers in answers {
            for refusal in owned.refusals(contract, compiled, answers, before).await {
                if !refusals.contains(&refusal) {
                    refusals.push(refusal);
                }
            }
        }
    }
    refusals
}

/// A dataset of this member's.
struct Owned<'a> {
    reference: &'a str,
    me: Me<'a>,
    replica: &'a Replica,
    vault: &'a Arc<Vault>,
}

/// Whether a contract withholds groups for reasons that no owner can count over its own rows.
fn withholds_by_contributor(contract: &Contract) -> bool {
    let rule = &contract.output.disclosure;
    rule.contributors_min > 1 || rule.dominance_percent_max.is_some()
}

/// What an earlier contract answered, by version.
struct Given {
    id: Hash,
    contract: Arc<Contract>,
    answers: Vec<(String, Answers)>,
}

/// Why answers cannot be compared.
enum Incomparable {
    Because(&'static str),
    /// For this member's own log.
    Local(LocalError),
    Vault(VaultError),
    Randomness(getrandom::Error),
}

/// It was deleted, or published by another member before this one took the dataset over.
const NOT_HELD: &str = "its owner does not hold that version of the rows";

/// Not known before the queries are, so that none can be made for it.
fn field() -> Result<Field, Incomparable> {
    getrandom::u64().map(Field::from_random).map_err(Incomparable::Randomness)
}

impl Owned<'_> {
    async fn refusals(
        &self,
        contract: &Contract,
        compiled: &Compiled,
        answers: &Answers,
        before: Option<u64>,
    ) -> Vec<Refusal> {
        let Some((path, _)) = parse_reference(self.reference) else { return Vec::new() };
        let (given, terms) = self.replica.read(|ledger| {
            let state = ledger.state();
            let terms = state.dataset(self.reference).map(|record| record.dataset.terms.clone());
            (state.answered(path, before), terms)
        });
        let Some(terms) = terms else { return Vec::new() };
        let asked: Vec<_> = given
            .into_iter()
            .filter(|(_, earlier)| earlier.computation.program != contract.computation.program)
            .filter(|(_, earlier)| earlier.output.disclosure.privacy.is_none())
            .collect();
        let (mut overlaps, mut combinations) =
            self.overlaps(contract, compiled, answers, asked, terms.floor_rows).await;
        if let Some(refusal) = self.few(answers, terms.floor_rows).await {
            overlaps.push(refusal);
            combinations += 1;
        }
        let allowed = usize::try_from(terms.disclosure.overlaps_max).unwrap_or(usize::MAX);
        if combinations <= allowed { Vec::new() } else { overlaps }
    }

    /// Whether few of these rows are in a table with others below them (UNION ALL). The query's conditions may be on these
    /// alone, and whoever knows the others' share, by a contract that does not come to this member, knows that of the few.
    async fn few(&self, answers: &Answers, floor_rows: u64) -> Option<Refusal> {
        if !answers.is_stacked {
            return None;
        }
        let dataset = self.reference.to_owned();
        let fewest = match self.open(self.reference) {
            Ok(held) => {
                let schema = held.schema.clone();
                let fewest = answers.fewest(self.reference, &schema, held.rows()).await;
                fewest.map_err(Incomparable::Local)
            }
            Err(incomparable) => Err(incomparable),
        };
        match fewest {
            Ok(fewest) if fewest.is_some_and(|rows| rows < floor_rows) => {
                Some(Refusal::Differencing { dataset, answered: None, floor_rows })
            }
            Ok(_) => None,
            Err(incomparable) => {
                let reason = self.explain(incomparable).to_owned();
                Some(Refusal::Overlap { dataset, answered: None, reason })
            }
        }
    }

    /// The answers that the new one comes too close to, and in how many ways: of all together there may be more than of
    /// each by itself.
    async fn overlaps(
        &self,
        contract: &Contract,
        compiled: &Compiled,
        answers: &Answers,
        asked: Vec<(Hash, Arc<Contract>)>,
        floor_rows: u64,
    ) -> (Vec<Refusal>, usize) {
        let dataset = || self.reference.to_owned();
        let close = |answered| Refusal::Differencing { dataset: dataset(), answered, floor_rows };
        let complement = |answered| Refusal::Complement { dataset: dataset(), answered };
        let uncounted = |answered, reason: &str| Refusal::Overlap {
            dataset: dataset(),
            answered,
            reason: reason.to_owned(),
        };
        let mut found = Vec::new();
        let mut given = Vec::new();
        let mut is_alone = self.is_alone(contract) && !answers.is_stacked;
        let mut by_contributor = withholds_by_contributor(contract);
        for (id, earlier) in asked {
            by_contributor |= withholds_by_contributor(&earlier);
            is_alone &= self.is_alone(&earlier);
            match (answers.uncountable.or(answers.incomparable), self.answers_of(&earlier)) {
                (Some(reason), _) => found.push(uncounted(Some(id), reason)),
                (None, Ok(answers)) => {
                    is_alone &= answers.iter().all(|(_, answers)| !answers.is_stacked);
                    given.push(Given { id, contract: earlier, answers });
                }
                (None, Err(reason)) => found.push(uncounted(Some(id), reason)),
            }
        }
        // What the same query leaves out of a whole, by CASE or by counting values, cannot be counted either; nor what a
        // subquery over the same rows is about beside it.
        if let Some(reason) = answers.uncountable.filter(|_| answers.is_partial()) {
            found.push(uncounted(None, reason));
        }
        if answers.uncountable.is_some() || (given.is_empty() && !compiled.compares_within()) {
            let count = found.len();
            return (found, count);
        }
        let versions: std::collections::BTreeSet<&str> =
            given.iter().flat_map(|given| &given.answers).map(|(version, _)| version.as_str()).collect();
        let versions_differ = versions.iter().any(|version| *version != self.reference);
        let mut names = BTreeMap::new();
        let new = self.answer(self.reference, contract, answers, versions_differ, &mut names).await;
        let (new, field) = match new.and_then(|new| Ok((new, field()?))) {
            Ok(new) => new,
            Err(incomparable) => {
                found.push(uncounted(None, self.explain(incomparable)));
                let count = found.len();
                return (found, count);
            }
        };
        let mut counted = Vec::new();
        for Given { id, contract: earlier, answers } in &given {
            for (reference, answers) in answers {
                match self.answer(reference, earlier, answers, versions_differ, &mut names).await {
                    Ok(answer) => counted.push((*id, answer)),
                    Err(incomparable) => found.push(uncounted(Some(*id), self.explain(incomparable))),
                }
            }
        }
        let verdict = |given: &[&Answer]| overlap::compare(given, &new, floor_rows, is_alone, field);
        let refusal = |id, verdict| match verdict {
            Verdict::Apart => None,
            Verdict::Close(_) => Some(close(id)),
            Verdict::TooMany => Some(uncounted(id, "there are too many groups to compare")),
        };
        match refusal(None, verdict(&[])) {
            Some(alone) => found.push(alone),
            None => found
                .extend(counted.iter().filter_map(|(id, earlier)| refusal(Some(*id), verdict(&[earlier])))),
        }
        // Each by itself may be far enough away; all together may not be.
        let all: Vec<&Answer> = counted.iter().map(|(_, answer)| answer).collect();
        let together = verdict(&all);
        if found.is_empty() {
            found.extend(refusal(counted.last().map(|(id, _)| *id), together));
        }
        if by_contributor {
            let complements = |given: &[&Answer]| overlap::complements(given, &new, field);
            let computable = counted.iter().filter(|(_, earlier)| complements(&[earlier]));
            found.extend(computable.map(|(id, _)| complement(Some(*id))));
            if complements(&[]) {
                found.push(complement(None));
            }
            if found.is_empty() && complements(&all) {
                found.push(complement(counted.last().map(|(id, _)| *id)));
            }
        }
        let combinations = match together {
            Verdict::Close(combinations) => combinations,
            Verdict::Apart | Verdict::TooMany => 0,
        };
        let count = found.len().max(combinations);
        (found, count)
    }

    /// Whether all rows of the tables that the dataset stands in are its own: also beside another dataset of this member's a
    /// set may be opened that has few rows here.
    fn is_alone(&self, contract: &Contract) -> bool {
        let path = parse_reference(self.reference).map(|(path, _)| path);
        let concerns = |inputs: &&Vec<contract::document::Input>| {
            inputs.iter().any(|input| parse_reference(&input.dataset).map(|(path, _)| path) == path)
        };
        let mut tables = contract.computation.tables.values().filter(concerns);
        tables.all(|inputs| inputs.len() == 1)
    }

    /// What an earlier contract answered about versions of this dataset.
    fn answers_of(&self, earlier: &Contract) -> Result<Vec<(String, Answers)>, &'static str> {
        let path = parse_reference(self.reference).map(|(path, _)| path);
        let compiled = gatekeeper::recompile(earlier, self.replica)
            .map_err(|_| "this version of the software does not compile it any more")?;
        let mut found = Vec::new();
        for answers in compiled.answers {
            let references = answers.datasets.clone();
            for reference in references {
                if parse_reference(&reference).map(|(path, _)| path) != path {
                    continue;
                }
                if let Some(reason) = answers.uncountable.or(answers.incomparable) {
                    return Err(reason);
                }
                found.push((reference, answers.clone()));
            }
        }
        Ok(found)
    }

    /// Sorts the rows of one version.
    async fn answer(
        &self,
        reference: &str,
        contract: &Contract,
        answers: &Answers,
        named: bool,
        names: &mut BTreeMap<String, Vec<[u8; 16]>>,
    ) -> Result<Answer, Incomparable> {
        let (held, own) = (self.open(reference)?, self.open(self.reference)?);
        if named && held.schema != own.schema {
            return Err(Incomparable::Because("its rows have other columns in an earlier version"));
        }
        if self.is_overwritten(reference)? {
            return Err(Incomparable::Because("its rows were linked and have changed since"));
        }
        let schema = held.schema.clone();
        if named && !names.contains_key(reference) {
            let found = identities(reference, &schema, self.open(reference)?.rows()).await;
            names.insert(reference.to_owned(), found.map_err(Incomparable::Local)?);
        }
        let selected = answers.select(reference, &schema, held.rows()).await.map_err(Incomparable::Local)?;
        let identities = if named { names.get(reference).cloned().unwrap_or_default() } else { Vec::new() };
        Ok(Answer { selected, identities, floor_rows: contract.output.floor_rows })
    }

    fn open(&self, reference: &str) -> Result<Held, Incomparable> {
        let (name, version) = self.held(reference)?;
        let held = Held::open(self.vault, name, version).map_err(Incomparable::Vault)?;
        // A version of that number may never have been published from here, but by an owner before.
        let published = self.replica.read(|ledger| {
            ledger.state().dataset(reference).is_some_and(|record| record.dataset.root == held.root)
        });
        if published { Ok(held) } else { Err(Incomparable::Because(NOT_HELD)) }
    }

    /// Whether the table that another version is linked to has this version's rows instead: there is nothing to read.
    fn is_overwritten(&self, reference: &str) -> Result<bool, Incomparable> {
        let ((name, other), (_, own)) = (self.held(reference)?, self.held(self.reference)?);
        self.vault.exclude_each_other(name, other, own).map_err(Incomparable::Vault)
    }

    fn held<'a>(&self, reference: &'a str) -> Result<(&'a str, u32), Incomparable> {
        local_name(self.me.name, reference).ok_or(Incomparable::Because(NOT_HELD))
    }

    /// What others may know of why answers could not be compared.
    fn explain(&self, incomparable: Incomparable) -> &'static str {
        let logged = |error: &dyn std::fmt::Display| {
            tracing::error!(dataset = self.reference, %error, "answers cannot be compared");
            "its owner's node cannot compare the rows; its log says why"
        };
        match incomparable {
            Incomparable::Because(reason) => reason,
            Incomparable::Local(error) => logged(&error),
            Incomparable::Randomness(error) => logged(&error),
            Incomparable::Vault(VaultError::UnknownDataset { .. } | VaultError::UnknownVersion { .. }) => {
                NOT_HELD
            }
            Incomparable::Vault(error) => logged(&error),
        }
    }
}
