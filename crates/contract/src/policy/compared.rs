//! What a query's conditions compare columns with.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::{ColumnType, Dataset};

/// What conditions compare one column with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// Constants: numbers without trailing zeros behind the point, dates as `2026-11-01`, timestamps as
    /// `2026-11-01T07:30:00`, text and patterns of LIKE as they are, `true` for a boolean column that stands by itself, and `NULL` for IS NULL.
    pub constants: BTreeSet<String>,
    /// Also with other columns, or after it was computed with.
    pub otherwise: bool,
}

/// A number as [`Compared`] has it: without zeros at its end behind the point. All else stays as it is.
#[must_use]
pub fn plain_number(text: &str) -> &str {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) if is_digits(whole.trim_start_matches('-')) && is_digits(fraction) => {
            text.trim_end_matches('0').trim_end_matches('.')
        }
        _ => text,
    }
}

/// A column for which the owner lists no constants may be compared with anything, if it may be a filter.
pub(super) fn refuse_comparisons(
    reference: &str,
    dataset: &Dataset,
    compared: &BTreeMap<String, Compared>,
    refusals: &mut Vec<Refusal>,
) {
    for (column, compared) in compared {
        let Some(allowed) = dataset.terms.comparisons.get(column) else { continue };
        let is_text = dataset
            .schema
            .columns
            .iter()
            .any(|other| other.name == *column && other.kind == ColumnType::Text);
        let is_allowed = |constant: &&String| {
            allowed.contains(*constant)
                || !is_text && allowed.iter().any(|allowed| plain_number(allowed) == **constant)
        };
        let others = compared.constants.iter().filter(|constant| !is_allowed(constant));
        let others = others.map(|constant| format!("`{constant}`"));
        let more = compared.otherwise.then(|| "more than a constant".to_owned());
        refusals.extend(others.chain(more).map(|found| Refusal::ComparisonNotAllowed {
            dataset: reference.to_owned(),
            column: column.clone(),
            found,
            allowed: allowed.clone(),
        }));
    }
}
