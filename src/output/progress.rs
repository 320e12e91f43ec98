//! A bar for work that takes longer than a second, on standard error and only on a terminal.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the bar moves.
const TICK: Duration = Duration::from_millis(100);

/// Work under way. The bar disappears when this is dropped.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    painter: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    done: u64,
    of: u64,
    over: bool,
}

impl Progress {
    /// Work that begins now.
    pub(crate) fn begin(what: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let painter = io::stderr().is_terminal().then(|| {
            let (shared, what) = (Arc::clone(&shared), what.to_owned());
            std::thread::spawn(move || paint(&shared, what))
        });
        Self { shared, painter }
    }

    /// So much of it is done.
    pub(crate) fn set(&self, done: u64, of: u64) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.done, state.of) = (done, of);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.shared.changed.notify_all();
        if let Some(painter) = self.painter.take() {
            painter.join().ok();
        }
    }
}

fn paint(shared: &Shared, what: String) {
    let began = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    while !state.over {
        if began.elapsed() >= PATIENCE {
            let bar = bar.get_or_insert_with(|| new_bar(what.clone()));
            bar.set_length(state.of);
            bar.set_position(state.done);
            bar.tick();
        }
        let waited = shared.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
        state = waited.0;
    }
    drop(state);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn new_bar(what: String) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {elapsed}") {
        bar.set_style(style);
    }
    bar
}
