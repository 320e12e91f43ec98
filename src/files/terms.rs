//! A dataset's terms as its owner writes them.

use std::collections::{BTreeMap, BTreeSet};

use contract::access::Access;
use contract::disclosure::{DisclosureTerms, PrivacyTerms};
use contract::terms::Use;
use contract::{Did, Terms};
use serde::Deserialize;

use super::{FileError, PrivacyLoss, Span};

/// Terms in TOML. Members are named, times are spans from now on.
///
/// ```toml
/// purposes = ["pay equity"]
/// receivers = ["north"]        # any member when left out
/// floor_rows = 10
/// runs_max = 12
/// expires_in = "365d"          # never when left out
/// jurisdictions = ["CH", "LI"] # where compute parties may be; anywhere when left out
///
/// [columns]                    # a column that is not named may not be used
/// rank = ["group", "filter"]
/// salary = ["aggregate"]
///
/// [comparisons]                # constants that conditions may have; anything when left out
/// rank = ["senior", "junior"]
///
/// [access]                     # no token is needed when left out
/// permitted = ["lake"]         # get one for the asking
/// price = 100                  # what it costs the others
/// review = true                # each of their requests is looked at
///
/// [disclosure]                 # nothing is asked when left out
/// contributors_min = 2         # members with rows in each group
/// dominance_percent_max = 80   # of a sum, one member or row
/// overlaps_max = 0             # other queries that cannot be told apart well enough
/// auditors = ["watch"]         # one of them must approve the audit report of each contract
///
/// [disclosure.privacy]         # exact results are allowed when left out
/// epsilon = "2"                # for all answers to one data user or receiver; or `rho = "0.2"`, which Gaussian noise costs
/// rows_per_person_max = 1
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermsFile {
    purposes: BTreeSet<String>,
    #[serde(default)]
    receivers: Vec<String>,
    columns: BTreeMap<String, BTreeSet<Use>>,
    #[serde(default)]
    comparisons: BTreeMap<String, BTreeSet<String>>,
    floor_rows: u64,
    runs_max: u32,
    #[serde(default = "any_scheme")]
    schemes: BTreeSet<String>,
    #[serde(default)]
    jurisdictions: BTreeSet<String>,
    #[serde(default)]
    expires_in: Option<Span>,
    #[serde(default)]
    access: Option<AccessFile>,
    #[serde(default)]
    disclosure: DisclosureFile,
}

/// What is asked of results beside the floor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct DisclosureFile {
    #[serde(default)]
    contributors_min: u32,
    #[serde(default)]
    dominance_percent_max: Option<u8>,
    #[serde(default)]
    overlaps_max: u32,
    #[serde(default)]
    auditors: Vec<String>,
    #[serde(default)]
    privacy: Option<PrivacyFile>,
}

/// A budget of differential privacy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivacyFile {
    #[serde(default)]
    epsilon: Option<PrivacyLoss>,
    #[serde(default)]
    rho: Option<PrivacyLoss>,
    rows_per_person_max: u32,
}

/// Who gets a token, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessFile {
    #[serde(default)]
    permitted: Vec<String>,
    #[serde(default)]
    price: u64,
    review: bool,
}

/// An owner that names none accepts what this build has.
fn any_scheme() -> BTreeSet<String> {
    contract::scheme::SCHEMES.iter().map(|scheme| scheme.name.to_owned()).collect()
}

impl TermsFile {
    /// The terms as they are published at a time, in seconds since 1970.
    ///
    /// # Errors
    /// [`FileError::UnknownMember`], [`FileError::PrivacyBudget`].
    pub(crate) fn at(&self, now: u64, members: &BTreeMap<String, Did>) -> Result<Terms, FileError> {
        let member = |name: &String| {
            members.get(name).copied().ok_or_else(|| FileError::UnknownMember {
                name: name.clone(),
                known: members.keys().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", "),
            })
        };
        let access = |file: &AccessFile| {
            let permitted = file.permitted.iter().map(member).collect::<Result<_, _>>()?;
            Ok(Access { permitted, price: file.price, review: file.review })
        };
        Ok(Terms {
            purposes: self.purposes.clone(),
            receivers: self.receivers.iter().map(member).collect::<Result<_, _>>()?,
            columns: self.columns.clone(),
            comparisons: self.comparisons.clone(),
            floor_rows: self.floor_rows,
            schemes: self.schemes.clone(),
            jurisdictions: self.jurisdictions.clone(),
            runs_max: self.runs_max,
            expires: self.expires_in.map(|span| now.saturating_add(span.seconds())),
            access: self.access.as_ref().map(access).transpose()?,
            disclosure: DisclosureTerms {
                contributors_min: self.disclosure.contributors_min,
                dominance_percent_max: self.disclosure.dominance_percent_max,
                overlaps_max: self.disclosure.overlaps_max,
                auditors: self.disclosure.auditors.iter().map(member).collect::<Result<_, _>>()?,
                privacy: self.disclosure.privacy.as_ref().map(PrivacyFile::terms).transpose()?,
            },
        })
    }
}

impl PrivacyFile {
    /// A budget of nothing would publish a dataset that nobody can use.
    fn terms(&self) -> Result<PrivacyTerms, FileError> {
        let (epsilon_micro_max, rho_micro_max) =
            match (self.epsilon.map(PrivacyLoss::micro), self.rho.map(PrivacyLoss::micro)) {
                (Some(epsilon), None) if epsilon > 0 => (epsilon, 0),
                (None, Some(rho)) if rho > 0 => (0, rho),
                _ => return Err(FileError::PrivacyBudget),
            };
        Ok(PrivacyTerms { epsilon_micro_max, rho_micro_max, rows_per_person_max: self.rows_per_person_max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_of_one_unit_and_more_than_nothing() {
        let budget = |lines: &str| {
            let text = format!(
                "purposes = []\nfloor_rows = 5\nruns_max = 1\n[columns]\n[disclosure.privacy]\nrows_per_person_max = 1\n{lines}"
            );
            let file: TermsFile = toml::from_str(&text).unwrap();
            let privacy = file.at(0, &BTreeMap::new()).map(|terms| terms.disclosure.privacy.unwrap());
            privacy.map(|privacy| (privacy.epsilon_micro_max, privacy.rho_micro_max))
        };
        assert_eq!(budget(r#"epsilon = "2""#).unwrap(), (2_000_000, 0));
        assert_eq!(budget(r#"rho = "0.2""#).unwrap(), (0, 200_000));
        for lines in ["", r#"epsilon = "0""#, r#"rho = "0""#, "epsilon = \"2\"\nrho = \"0.2\""] {
            let told = budget(lines).unwrap_err();
            assert!(matches!(told, FileError::PrivacyBudget), "{lines}: {told}");
        }
    }
}
