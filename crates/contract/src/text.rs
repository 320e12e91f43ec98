//! Texts that people will read before they sign: bounded, and nothing in them that does not show.

use serde::{Deserialize, Serialize};

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "text", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Flaw {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// Too long.
    #[error("has {found} bytes, at most {limit} are allowed")]
    TooLong {
        /// The bound.
        limit: u64,
        /// Its length.
        found: u64,
    },
    /// A control character, or one that hides or reorders what is shown.
    #[error("holds the character U+{code:04X}, which does not show or changes the order of others")]
    Hidden {
        /// The Unicode code point.
        code: u32,
    },
}

/// Whether a text is one visible line of at most `limit` bytes.
///
/// # Errors
/// The first [`Flaw`].
pub fn check_line(text: &str, limit: usize) -> Result<(), Flaw> {
    check(text, limit, |_| false)
}

/// Whether a text is visible and has at most `limit` bytes; line feeds and tabs are allowed.
///
/// # Errors
/// The first [`Flaw`].
pub fn check_page(text: &str, limit: usize) -> Result<(), Flaw> {
    check(text, limit, |character| matches!(character, '\n' | '\t'))
}

fn check(text: &str, limit: usize, allowed: impl Fn(char) -> bool) -> Result<(), Flaw> {
    if text.len() > limit {
        return Err(Flaw::TooLong { limit: limit as u64, found: text.len() as u64 });
    }
    if text.trim().is_empty() {
        return Err(Flaw::Empty);
    }
    let hidden = text.chars().find(|character| is_hidden(*character) && !allowed(*character));
    hidden.map_or(Ok(()), |character| Err(Flaw::Hidden { code: character.into() }))
}

/// Control characters, line separators, and the characters by which a text can look different from what it is
/// (Boucher and Anderson, "Trojan Source", USENIX Security 2023; Unicode Technical Report 36).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One line of outside text as it is safe to show: what would not show is replaced by U+FFFD.
pub fn visible(text: &str) -> String {
    let shown = |character| if is_hidden(character) { char::REPLACEMENT_CHARACTER } else { character };
    text.chars().map(shown).collect()
}

/// The start of outside text, short enough to be shown in an error: 80 characters.
pub fn excerpt(text: &str) -> String {
    visible(&text.chars().take(80).collect::<String>())
}
