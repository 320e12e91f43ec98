//! Names of datasets and columns.

/// Longest name of a dataset or column, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Whether a name is one that a dataset may have: `patients`, or `north/patients` for one that was taken over from
/// another member and keeps its path.
pub(crate) fn is_dataset(name: &str) -> bool {
    match name.split_once('/') {
        None => is_word(name),
        Some((owner, name)) => is_word(owner) && is_word(name),
    }
}

/// The directory of a dataset: a name that may be one is also a safe file name but for `/`, in whose place is a
/// character that no name has.
pub(crate) fn directory(name: &str) -> String {
    name.replace('/', ".")
}

/// The dataset of a directory, if it is one's.
pub(crate) fn of_directory(directory: &str) -> Option<String> {
    let name = directory.replacen('.', "/", 1);
    is_dataset(&name).then_some(name)
}

fn is_word(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// A name close to `name` that a dataset may have.
pub(crate) fn suggest_dataset(name: &str) -> String {
    column(name).unwrap_or_else(|| "data".to_owned())
}

/// The column name that a header stands for: lower case, every run of other characters one `_`. `None` when nothing
/// is left, when a letter is not ASCII (it cannot be told how the owner would write it), or when it is too long.
pub(crate) fn column(header: &str) -> Option<String> {
    if header.len() > NAME_BYTES_MAX || header.chars().any(|c| c.is_alphanumeric() && !c.is_ascii()) {
        return None;
    }
    let name = words(header);
    match name.chars().next()? {
        '0'..='9' => Some(format!("_{name}")),
        _ => Some(name),
    }
}

/// A name to write into the header instead of one that [`column`] refuses.
pub(crate) fn suggest_column(header: &str, position: usize) -> String {
    let words = words(header);
    let cut: String = words.chars().take(NAME_BYTES_MAX - 1).collect();
    column(&cut).unwrap_or_else(|| format!("column_{position}"))
}

fn words(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_become_snake_case() {
        for (header, name) in [
            ("salary", "salary"),
            ("yrs.since.phd", "yrs_since_phd"),
            (" Salary (USD) ", "salary_usd"),
            ("mean radius", "mean_radius"),
            ("__index_level_0__", "index_level_0"),
            ("2020", "_2020"),
        ] {
            assert_eq!(column(header).as_deref(), Some(name));
        }
        for header in ["", " ", "größe", "年齢", &"x".repeat(64)] {
            assert_eq!(column(header), None);
        }
        assert_eq!(suggest_column("größe", 3), "gr_e");
        assert_eq!(suggest_column("年齢", 3), "column_3");
    }

    #[test]
    fn dataset_names_cannot_leave_their_directory() {
        assert!(is_dataset("patients-2024_b") && is_dataset("north/patients"));
        for name in [
            "",
            ".",
            "..",
            "a/",
            "/a",
            "../a",
            "a/..",
            "a/b/c",
            "a\\b",
            "A",
            "1a",
            "-a",
            "a.b",
            "a b",
            "a@1",
            "é",
            &"a".repeat(64),
        ] {
            assert!(!is_dataset(name), "{name}");
        }
        for name in ["patients", "north/patients"] {
            assert!(!directory(name).contains('/'));
            assert_eq!(of_directory(&directory(name)).as_deref(), Some(name));
        }
        for directory in ["", ".", "..", "a.", ".a", "a.b.c", "A"] {
            assert_eq!(of_directory(directory), None, "{directory}");
        }
    }

    proptest! {
        #[test]
        fn normalising_is_stable_and_suggestions_are_accepted(header in ".{0,80}", position in 1..9_usize) {
            if let Some(name) = column(&header) {
                let again = column(name.trim_start_matches('_')).unwrap();
                prop_assert_eq!(&again, &name);
            }
            let suggestion = suggest_column(&header, position);
            prop_assert!(column(&suggestion).is_some());
            prop_assert!(is_dataset(&suggest_dataset(&header)) || suggest_dataset(&header).starts_with('_'));
        }
    }
}
