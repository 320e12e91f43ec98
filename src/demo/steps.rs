//! One line per step, with its time.

use std::time::Instant;

use serde::Serialize;

use super::DemoError;
use crate::output::{Progress, line};

/// Width of a step's name on the screen.
const NAME_WIDTH: usize = 24;

/// A step that was done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Step {
    /// What was done.
    pub(super) name: String,
    /// What came of it.
    pub(super) detail: String,
    /// How long it took.
    pub(super) seconds: f64,
}

/// The steps so far.
#[derive(Debug)]
pub(super) struct Steps {
    began: Instant,
    done: Vec<Step>,
    is_shown: bool,
}

impl Steps {
    /// Begins now; the steps are shown as they are done, or only kept.
    pub(super) fn begin(is_shown: bool) -> Self {
        Self { began: Instant::now(), done: Vec::new(), is_shown }
    }

    /// What is going to be shown.
    pub(super) fn title(&self, title: &str) {
        self.say(title);
        self.say("");
    }

    /// Does a step; `work` answers with what came of it, in a few words.
    pub(super) fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&Progress) -> Result<(T, String), DemoError>,
    ) -> Result<T, DemoError> {
        let began = Instant::now();
        let progress = Progress::begin(name);
        let outcome = work(&progress);
        drop(progress);
        let (value, detail) = outcome?;
        let seconds = round(began.elapsed().as_secs_f64());
        self.say(&format!("{name:<NAME_WIDTH$} {seconds:>6.2} s  {detail}"));
        self.done.push(Step { name: name.to_owned(), detail, seconds });
        Ok(value)
    }

    /// Shows a text between steps.
    pub(super) fn say(&self, text: &str) {
        if self.is_shown {
            // The demonstration goes on when nobody reads.
            line(text).ok();
        }
    }

    /// All steps so far.
    pub(super) fn done(&self) -> &[Step] {
        &self.done
    }

    /// Time since the beginning.
    pub(super) fn total_seconds(&self) -> f64 {
        round(self.began.elapsed().as_secs_f64())
    }
}

/// To milliseconds.
fn round(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}
