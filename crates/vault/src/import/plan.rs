//! Which columns a file has, what they will be called, and what is declared about each.

use std::collections::BTreeMap;

use super::{COLUMNS_MAX, names};
use crate::{Declaration, ImportError};

/// One column of the file.
#[derive(Debug)]
pub(crate) struct Planned {
    /// As in the file.
    pub(crate) header: String,
    /// As it will stand in the schema.
    pub(crate) name: String,
    pub(crate) declared: Declaration,
}

/// Names the columns and finds their declarations.
pub(crate) fn columns<'a>(
    headers: impl Iterator<Item = &'a str>,
    declared: &BTreeMap<String, Declaration>,
) -> Result<Vec<Planned>, ImportError> {
    let mut planned: Vec<Planned> = Vec::new();
    for (index, header) in headers.enumerate() {
        let position = index + 1;
        let name = names::column(header).ok_or_else(|| ImportError::ColumnName {
            position,
            header: header.chars().take(80).collect(),
            suggestion: names::suggest_column(header, position),
        })?;
        if let Some(first) = planned.iter().position(|column| column.name == name) {
            return Err(ImportError::ColumnTwice { column: name, first: first + 1, second: position });
        }
        planned.push(Planned { header: header.to_owned(), name, declared: Declaration::default() });
        if planned.len() > COLUMNS_MAX {
            return Err(ImportError::ColumnCount { found: planned.len() });
        }
    }
    if planned.is_empty() {
        return Err(ImportError::ColumnCount { found: 0 });
    }
    assign(&mut planned, declared)?;
    Ok(planned)
}

fn assign(planned: &mut [Planned], declared: &BTreeMap<String, Declaration>) -> Result<(), ImportError> {
    let known = || planned.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut places = Vec::new();
    for column in declared.keys() {
        let place = planned.iter().position(|plan| plan.name == *column || plan.header == *column);
        let place =
            place.ok_or_else(|| ImportError::UnknownColumn { column: column.clone(), known: known() })?;
        places.push(place);
    }
    for (at, (place, declaration)) in places.iter().zip(declared.values()).enumerate() {
        let Some(column) = planned.get_mut(*place) else { continue };
        if places.iter().take(at).any(|earlier| earlier == place) {
            return Err(ImportError::DeclaredTwice { column: column.name.clone() });
        }
        column.declared = declaration.clone();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declare(columns: &[&str]) -> BTreeMap<String, Declaration> {
        columns.iter().map(|column| ((*column).to_owned(), Declaration::default())).collect()
    }

    #[test]
    fn columns_are_declared_by_either_name() {
        let headers = || ["Yrs.Service", "b"].into_iter();
        for column in ["Yrs.Service", "yrs_service"] {
            let unit = Declaration { unit: Some("years".to_owned()), ..Declaration::default() };
            let planned = columns(headers(), &BTreeMap::from([(column.to_owned(), unit.clone())])).unwrap();
            assert_eq!(planned[0].declared, unit);
            assert_eq!(planned[1].declared, Declaration::default());
        }
        let twice = columns(headers(), &declare(&["Yrs.Service", "yrs_service"]));
        assert!(matches!(twice, Err(ImportError::DeclaredTwice { column }) if column == "yrs_service"));
        let unknown = columns(headers(), &declare(&["c"]));
        assert!(
            matches!(unknown, Err(ImportError::UnknownColumn { known, .. }) if known == "yrs_service, b")
        );
    }

    #[test]
    fn headers_that_name_nothing_or_the_same_are_refused() {
        let plan = |headers: &[&str]| columns(headers.iter().copied(), &BTreeMap::new());
        assert!(matches!(plan(&[]), Err(ImportError::ColumnCount { found: 0 })));
        assert!(matches!(plan(&["a", ""]), Err(ImportError::ColumnName { position: 2, .. })));
        assert!(matches!(
            plan(&["a b", "c", "A.B"]),
            Err(ImportError::ColumnTwice { first: 1, second: 3, column }) if column == "a_b"
        ));
        let many: Vec<String> = (0..=COLUMNS_MAX).map(|n| format!("c{n}")).collect();
        let many = columns(many.iter().map(String::as_str), &BTreeMap::new());
        assert!(matches!(many, Err(ImportError::ColumnCount { .. })));
    }
}
