//! What is printed: answers on standard output, for people or as JSON; complaints on standard error.

mod columnar;
mod csv;
mod format;
mod progress;
mod result;
mod table;

use std::io::{self, Write};

use serde::Serialize;

use self::csv::csv;
pub(crate) use self::format::Form;
pub(crate) use self::progress::Progress;
pub(crate) use self::result::result_table;
pub(crate) use self::table::table;
use crate::error::Error;

/// How answers are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// As JSON, or for people.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read the answers.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints an answer; the text is only made when people read it.
    pub(crate) fn answer(self, answer: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Error> {
        let text = if self.json { json(answer)? } else { text() };
        Ok(line(&text)?)
    }

    /// Prints one of several answers as they come: one line of JSON each, or text.
    pub(crate) fn item(self, item: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Error> {
        let text = if self.json { serde_json::to_string(item).map_err(io::Error::from)? } else { text() };
        Ok(line(&text)?)
    }
}

/// A value as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(value).map_err(io::Error::from)?)
}

/// Writes a text that ends with one line feed. A reader that went away (`| head`) is no error.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.strip_suffix('\n').unwrap_or(text)).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says on standard error what a command waits for.
pub(crate) fn note(text: &str) {
    eprintln!("treaty: {text}");
}

/// Says on standard error why a command failed.
pub(crate) fn complain(json: bool, error: &Error) {
    if json {
        let problem = serde_json::json!({ "error": { "rule": error.rule(), "message": error.to_string() } });
        eprintln!("{problem}");
    } else {
        eprintln!("treaty: {error}");
    }
}
