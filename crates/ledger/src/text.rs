//! Bounds on text from outside.

use contract::text::check_line;

/// The start of outside text, short enough to be shown in an error, with nothing hidden.
pub(crate) fn excerpt(text: &str) -> String {
    let is_shown = |c: char| c == ' ' || check_line(c.encode_utf8(&mut [0; 4]), 4).is_ok();
    text.chars().take(80).map(|c| if is_shown(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// `[a-z][a-z0-9-]*` of 1 to `bytes_max` bytes.
pub(crate) fn is_name(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
