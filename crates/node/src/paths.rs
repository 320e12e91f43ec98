//! How a dataset is called on the ledger, and in this node's vault.
//!
//! Its path is `owner/name`, by the member that published it first, and stays when another member takes it over. A vault
//! calls its owner's own datasets by `name`, and those that were taken over by their whole path, so that both can have
//! one of the same name.

use contract::dataset::parse_reference;

/// The path of a dataset of the vault: `patients` → `north/patients` at `north`.
pub(crate) fn path_of(own: &str, name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("{own}/{name}") }
}

/// What the vault of member `own` calls a path: `north/patients` → `patients` at `north`.
pub(crate) fn name_of<'a>(own: &str, path: &'a str) -> &'a str {
    match path.split_once('/') {
        Some((owner, name)) if owner == own => name,
        _ => path,
    }
}

/// The same of a version: `north/patients@1` → (`patients`, 1) at `north`.
pub(crate) fn local_name<'a>(own: &str, reference: &'a str) -> Option<(&'a str, u32)> {
    let (path, version) = parse_reference(reference)?;
    Some((name_of(own, path), version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_datasets_and_those_taken_over_are_told_apart() {
        for (name, path) in [("patients", "north/patients"), ("lake/patients", "lake/patients")] {
            assert_eq!(path_of("north", name), path);
            assert_eq!(name_of("north", path), name);
            assert_eq!(local_name("north", &format!("{path}@2")), Some((name, 2)));
        }
        assert_eq!(path_of("north", "north/patients"), "north/patients");
        assert_eq!(local_name("north", "patients"), None);
        assert_eq!(local_name("north", "north/patients"), None);
    }
}
