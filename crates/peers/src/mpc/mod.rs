//! One run's traffic between the compute parties.
//!
//! Here is a [`Plan`] that says who takes part: give me a [`SessionTransport`] on which the engine can run.
//! Each party dials those listed before it and waits for those listed after it; [`Sessions`] brings the two
//! together. From then on each pair has one blocking connection and two threads, one that writes and one that reads;
//! but where nothing else is under way, the thread that sends or waits does it itself ([`outbox`], [`inbox`]): each
//! thread that has to wake up costs about as much as the way through TLS and the system together.

mod frame;
mod greeting;
mod inbox;
mod link;
mod outbox;
mod plan;
mod sessions;
mod transport;
mod wire;

pub use plan::{Plan, Run, SessionLimits};
pub use sessions::Sessions;
pub use transport::{SessionTransport, Traffic};
