//! Bounds on text from outside.

/// The start of outside text, short enough to be shown in an error.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

/// `[a-z][a-z0-9-]*` of 1 to `bytes_max` bytes.
pub(crate) fn is_name(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
