//! DataFusion recurses into expressions, in debug builds with 16 KiB or more a level, so that a long WHERE would
//! exhaust a thread's usual 2 MiB. It runs here on threads with room for what [`crate::sql`] lets through. [`run`] holds
//! up nobody; [`call`] blocks its thread meanwhile, which an async task must allow for.

use std::{io, thread};

use tokio::{runtime, sync::oneshot};

/// Address space; only what is touched becomes memory.
const STACK_BYTES: usize = 1 << 25;

/// Calls `work` and waits for it.
pub(crate) fn call<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let running = builder().spawn_scoped(scope, work)?;
        running.join().map_or_else(|panic| std::panic::resume_unwind(panic), Ok)
    })
}

/// Runs a future on an event loop of its own. Dropping the result does not stop the work.
pub(crate) async fn run<T, F>(work: impl FnOnce() -> F + Send + 'static) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (send, receive) = oneshot::channel();
    let event_loop = runtime::Builder::new_current_thread().build()?;
    builder().spawn(move || {
        // Nobody waits any more if the receiver is gone.
        let _ = send.send(event_loop.block_on(work()));
    })?;
    receive.await.map_err(|_| io::Error::other("the thread ended without a result"))
}

fn builder() -> thread::Builder {
    thread::Builder::new().name("query".to_owned()).stack_size(STACK_BYTES)
}
