//! Ctrl-C and SIGTERM end a demonstration together with its nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use super::DemoError;
use super::fleet::Fleet;
use super::place::Place;

/// What a shell reports for a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Whether a signal is ending this process.
#[derive(Clone, Debug)]
pub(super) struct Interruption(Arc<AtomicBool>);

impl Interruption {
    /// Returns only if there is none: otherwise this thread must not report that the nodes are gone, since they were
    /// stopped on purpose.
    pub(super) fn pass(&self) {
        while self.0.load(Ordering::SeqCst) {
            std::thread::park();
        }
    }
}

/// Watches for signals on a thread of its own; on one, stops the nodes, clears the place and ends this process.
pub(super) fn watch(fleet: Arc<Fleet>, place: Arc<Place>) -> Result<Interruption, DemoError> {
    let failed = || DemoError::system("watch for signals");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed())?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        let listen = |kind| signal(kind).map_err(failed());
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
    };
    let interruption = Interruption(Arc::default());
    let begun = Arc::clone(&interruption.0);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        begun.store(true, Ordering::SeqCst);
        eprintln!("interrupted: stopping the nodes");
        fleet.stop();
        place.clear(false);
        std::process::exit(INTERRUPTED);
    });
    Ok(interruption)
}
