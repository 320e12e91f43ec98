//! Starting where a node was killed a moment ago: what it held is free once the system has ended it, which takes a while.

use std::io;
use std::time::{Duration, Instant};

/// How long a node that starts waits for the end of one that was killed before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens what a process that was killed may still hold: a file with a lock, an address that it listens on.
pub(crate) async fn once_free<T, E>(
    open: impl AsyncFn() -> Result<T, E>,
    is_taken: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match open().await {
            Err(error) if is_taken(&error) && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            opened => return opened,
        }
    }
}

/// Whether somebody listens on the address.
pub(crate) fn is_in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}
