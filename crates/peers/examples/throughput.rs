//! What a run's connections can do on this machine: megabytes per second and microseconds per round trip.
//!
//! `cargo run --release -p treaty-peers --example throughput`
//!
//! Both ends of every connection share this machine's cores, so a real network of two machines does better.

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use engine::session::{Frame, Party, Transport};
use treaty_peers::{
    Channels, Identity, Listener, ListenerLimits, Peer, Plan, Registry, Run, SessionLimits, SessionTransport,
    Sessions,
};

const BODY_BYTES: usize = 1 << 20;
const BODIES: u64 = 2000;
const ROUNDS: u32 = 20_000;

/// What a measurement stops with.
type Measured<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Measured<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (a, b) = runtime.block_on(connected())?;
    rate("one direction", || stream(&a, &b, 1))?;
    rate("both directions, each", || at_once(|| stream(&a, &b, 2), || stream(&b, &a, 3)))?;
    for body_bytes in [8, 1000, 16_000, 64_000] {
        let began = Instant::now();
        at_once(|| ask(&a, &b, body_bytes), || answer(&a, &b))?;
        let each = began.elapsed() / ROUNDS;
        println!("{:<24} {:>8.1} µs", format!("round trip, {body_bytes} bytes"), each.as_secs_f64() * 1e6);
    }
    Ok(())
}

fn rate(what: &str, work: impl Fn() -> Measured<()>) -> Measured<()> {
    let began = Instant::now();
    work()?;
    let megabytes = (BODIES * BODY_BYTES as u64) as f64 / 1e6;
    println!("{what:<24} {:>8.0} MB/s", megabytes / began.elapsed().as_secs_f64());
    Ok(())
}

/// Both, each on a thread of its own.
fn at_once(
    first: impl FnOnce() -> Measured<()> + Send,
    second: impl FnOnce() -> Measured<()> + Send,
) -> Measured<()> {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        second()?;
        first.join().map_err(|_| "a measuring thread stopped")?
    })
}

fn stream(from: &SessionTransport, to: &SessionTransport, channel: u64) -> Measured<()> {
    let send = || {
        let body = Bytes::from(vec![7; BODY_BYTES]);
        for _ in 0..BODIES {
            from.send(to.me(), channel, Frame { depth: 1, body: body.clone() })?;
        }
        Ok(())
    };
    let receive = || {
        for _ in 0..BODIES {
            to.recv(from.me(), channel)?;
        }
        Ok(())
    };
    at_once(send, receive)
}

fn ask(a: &SessionTransport, b: &SessionTransport, body_bytes: usize) -> Measured<()> {
    let body = Bytes::from(vec![7; body_bytes]);
    for depth in 0..ROUNDS {
        a.send(b.me(), 9, Frame { depth, body: body.clone() })?;
        a.recv(b.me(), 9)?;
    }
    Ok(())
}

fn answer(a: &SessionTransport, b: &SessionTransport) -> Measured<()> {
    for _ in 0..ROUNDS {
        let frame = b.recv(a.me(), 9)?;
        b.send(a.me(), 9, frame)?;
    }
    Ok(())
}

/// Two nodes of this process, connected over loopback.
async fn connected() -> Measured<(SessionTransport, SessionTransport)> {
    let registry = Arc::new(Registry::new([])?);
    let (a, a_peer) = node("a", &registry).await?;
    let (b, b_peer) = node("b", &registry).await?;
    registry.replace([a_peer, b_peer])?;
    let [a_plan, b_plan] = [0, 1].map(|me| Plan {
        run: Run([1; 32]),
        parties: vec!["a".to_owned(), "b".to_owned()],
        me: Party(me),
        gather: Duration::from_secs(5),
        deadline: Duration::from_secs(600),
    });
    let (a, b) = tokio::join!(a.0.gather(&a.1, &a_plan), b.0.gather(&b.1, &b_plan));
    Ok((a?, b?))
}

/// A node that listens, and how others reach it.
async fn node(member: &str, registry: &Arc<Registry>) -> Measured<((Sessions, Channels), Peer)> {
    let identity = Identity::generate(&[])?;
    let channels = Channels::new(&identity, Arc::clone(registry))?;
    let sessions = Sessions::new(SessionLimits::default());
    let listener = Listener::bind("127.0.0.1:0", channels.clone(), ListenerLimits::default()).await?;
    let peer = Peer {
        member: member.to_owned(),
        endpoint: listener.address().to_string(),
        certificates: vec![identity.fingerprint()],
    };
    tokio::spawn(listener.serve(Router::new(), sessions.clone(), std::future::pending()));
    Ok(((sessions, channels), peer))
}
