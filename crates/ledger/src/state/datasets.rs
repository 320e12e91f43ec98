//! The catalog: who may publish what under which name.

use std::{collections::BTreeSet, sync::Arc};

use contract::{
    Dataset, Did, Hash,
    dataset::parse_reference,
    text::{check_line, check_page},
};

use super::{DatasetPath, DatasetRecord, step::Step};
use crate::{Refused, alliance::is_jurisdiction, event::Happening, refused::DatasetRule, text};

/// Most columns of a dataset.
const COLUMNS_MAX: usize = 1024;
/// Most bytes of a dataset's description.
const DESCRIPTION_BYTES_MAX: usize = 4096;

impl Step {
    pub(super) fn publish_dataset(&mut self, member: Did, dataset: &Dataset) -> Result<(), Refused> {
        let owner_name = self.full_member(&member, "publish datasets")?.name.clone();
        let reference = dataset.reference();
        if dataset.owner != member {
            return Err(Refused::NotOwner { dataset: reference, owner: dataset.owner, who: member });
        }
        self.check_description(dataset, owner_name)
            .map_err(|rule| Refused::DatasetMalformed { dataset: text::excerpt(&reference), rule })?;
        self.check_succession(dataset)?;

        let Dataset { id, version: latest, owner, .. } = *dataset;
        let known = self.state.dataset_paths.get(&dataset.path).copied();
        let path = known.unwrap_or(DatasetPath { id, latest, owner, claim: None, offered: None });
        self.put_path(&dataset.path, DatasetPath { latest, ..path });
        self.state.dataset_ids.insert_mut(id);
        let record =
            DatasetRecord { dataset: Arc::new(dataset.clone()), published: self.index, withdrawn: None };
        self.put_dataset(reference.clone(), record);
        self.emit(Happening::DatasetPublished { dataset: reference, owner });
        Ok(())
    }

    pub(super) fn withdraw_dataset(&mut self, member: Did, reference: &str) -> Result<(), Refused> {
        let record = self.catalogued(reference)?;
        let owner = self.state.owner_of(&record.dataset);
        if owner != member {
            return Err(Refused::NotOwner { dataset: reference.to_owned(), owner, who: member });
        }
        self.take_from_catalog(reference);
        Ok(())
    }

    pub(super) fn take_from_catalog(&mut self, reference: &str) {
        let Some(record) = self.state.dataset(reference) else { return };
        let record = DatasetRecord { withdrawn: Some(self.index), ..record.clone() };
        self.put_dataset(reference.to_owned(), record);
        self.emit(Happening::DatasetWithdrawn { dataset: reference.to_owned() });
    }

    /// A dataset version that is in the catalog and not withdrawn.
    pub(super) fn catalogued(&self, reference: &str) -> Result<&DatasetRecord, Refused> {
        let dataset = || text::excerpt(reference);
        let record =
            self.state.dataset(reference).ok_or_else(|| Refused::UnknownDataset { dataset: dataset() })?;
        match record.withdrawn {
            None => Ok(record),
            Some(_) => Err(Refused::WithdrawnDataset { dataset: dataset() }),
        }
    }

    fn check_description(&self, dataset: &Dataset, owner_name: String) -> Result<(), DatasetRule> {
        let reference = dataset.reference();
        let is_path = parse_reference(&reference).is_some_and(|(path, _)| path == dataset.path);
        let named = dataset.path.split_once('/').map(|(owner, _)| owner);
        // A dataset that was taken over keeps its path.
        let taken_over = self.state.path_owner(&dataset.path) == Some(dataset.owner);
        if !is_path || (named != Some(owner_name.as_str()) && !taken_over) {
            return Err(DatasetRule::Path { expected: owner_name });
        }
        if dataset.root == Hash::from_bytes([0; 32]) {
            return Err(DatasetRule::EmptyRoot);
        }
        check_page(&dataset.description, DESCRIPTION_BYTES_MAX).map_err(DatasetRule::Description)?;
        self.check_columns_and_terms(dataset)
    }

    fn check_columns_and_terms(&self, dataset: &Dataset) -> Result<(), DatasetRule> {
        let columns = &dataset.schema.columns;
        if !(1..=COLUMNS_MAX).contains(&columns.len()) {
            return Err(DatasetRule::ColumnCount);
        }
        let mut names = BTreeSet::new();
        for column in columns {
            let name = || text::excerpt(&column.name);
            check_line(&column.name, 64).map_err(|flaw| DatasetRule::ColumnName { column: name(), flaw })?;
            if !names.insert(&column.name) {
                return Err(DatasetRule::ColumnTwice { column: name() });
            }
        }
        let terms = &dataset.terms;
        let mut named = terms.columns.keys().chain(terms.comparisons.keys());
        if let Some(column) = named.find(|column| !names.contains(column)) {
            return Err(DatasetRule::TermsColumn { column: text::excerpt(column) });
        }
        if terms.purposes.is_empty()
            || terms.schemes.is_empty()
            || terms.floor_rows == 0
            || terms.runs_max == 0
            || terms.disclosure.dominance_percent_max.is_some_and(|percent| !(1..100).contains(&percent))
            || terms.disclosure.privacy.is_some_and(|privacy| {
                privacy.rows_per_person_max == 0
                    || (privacy.rho_micro_max > 0 && privacy.epsilon_micro_max > 0)
            })
        {
            return Err(DatasetRule::Terms);
        }
        if let Some(law) = terms.jurisdictions.iter().find(|law| !is_jurisdiction(law)) {
            return Err(DatasetRule::TermsJurisdiction { found: text::excerpt(law) });
        }
        let stranger = |who: &&contract::Did| self.state.roster.card(who).is_none();
        if let Some(auditor) = terms.disclosure.auditors.iter().find(stranger) {
            return Err(DatasetRule::TermsAuditor { auditor: *auditor });
        }
        let permitted = terms.access.iter().flat_map(|access| &access.permitted);
        match terms.receivers.iter().chain(permitted).find(stranger) {
            Some(receiver) => Err(DatasetRule::TermsReceiver { receiver: *receiver }),
            None => Ok(()),
        }
    }

    /// Versions count up by one, and a path keeps its id.
    fn check_succession(&self, dataset: &Dataset) -> Result<(), Refused> {
        let path = dataset.path.clone();
        let known = self.state.dataset_paths.get(&path);
        if let Some(known) = known.filter(|known| known.owner != dataset.owner) {
            let (owner, who) = (known.owner, dataset.owner);
            return Err(Refused::NotOwner { dataset: dataset.reference(), owner, who });
        }
        let expected = known.map_or(1, |known| known.latest.saturating_add(1));
        if dataset.version != expected {
            return Err(Refused::Version { path, expected, found: dataset.version });
        }
        let found = dataset.id;
        match known {
            Some(known) if known.id != found => Err(Refused::DatasetId { path, expected: known.id, found }),
            None if self.state.dataset_ids.contains(&found) => {
                Err(Refused::DatasetIdTaken { path, id: found })
            }
            _ => Ok(()),
        }
    }
}
