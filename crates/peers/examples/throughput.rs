//! What a run's connections can do on this machine: megabytes per second and microseconds per round trip.
//!
//! `cargo run --release -p treaty-peers --example throughput`
//!
//! Both ends of every connection share this machine's cores, so a real network of two machines does better.

#![allow(clippy::unwrap_used, reason = "a measurement, which fails loudly")]

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

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (a, b) = runtime.block_on(connected());
    measure("one direction", BODIES, || stream(&a, &b, 1));
    measure("both directions, each", BODIES, || {
        thread::scope(|scope| {
            scope.spawn(|| stream(&a, &b, 2));
            stream(&b, &a, 3);
        });
    });
    for body_bytes in [8, 1000, 16_000, 64_000] {
        let began = Instant::now();
        round_trips(&a, &b, body_bytes);
        let each = began.elapsed() / ROUNDS;
        println!("{:<24} {:>8.1} µs", format!("round trip, {body_bytes} bytes"), each.as_secs_f64() * 1e6);
    }
}

fn measure(what: &str, bodies: u64, work: impl Fn()) {
    let began = Instant::now();
    work();
    let megabytes = (bodies * BODY_BYTES as u64) as f64 / 1e6;
    println!("{what:<24} {:>8.0} MB/s", megabytes / began.elapsed().as_secs_f64());
}

fn stream(from: &SessionTransport, to: &SessionTransport, channel: u64) {
    let body = Bytes::from(vec![7; BODY_BYTES]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..BODIES {
                from.send(to.me(), channel, Frame { depth: 1, body: body.clone() }).unwrap();
            }
        });
        for _ in 0..BODIES {
            assert_eq!(to.recv(from.me(), channel).unwrap().body.len(), BODY_BYTES);
        }
    });
}

fn round_trips(a: &SessionTransport, b: &SessionTransport, body_bytes: usize) {
    let body = Bytes::from(vec![7; body_bytes]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                let frame = b.recv(a.me(), 9).unwrap();
                b.send(a.me(), 9, frame).unwrap();
            }
        });
        for depth in 0..ROUNDS {
            a.send(b.me(), 9, Frame { depth, body: body.clone() }).unwrap();
            assert_eq!(a.recv(b.me(), 9).unwrap().depth, depth);
        }
    });
}

/// Two nodes of this process, connected over loopback.
async fn connected() -> (SessionTransport, SessionTransport) {
    let mut nodes = Vec::new();
    let mut peers = Vec::new();
    for member in ["a", "b"] {
        let identity = Identity::generate(&[]).unwrap();
        let registry = Arc::new(Registry::new([]).unwrap());
        let channels = Channels::new(&identity, registry).unwrap();
        let sessions = Sessions::new(SessionLimits::default());
        let listener =
            Listener::bind("127.0.0.1:0", channels.clone(), ListenerLimits::default()).await.unwrap();
        peers.push(Peer {
            member: member.to_owned(),
            endpoint: listener.address().to_string(),
            certificates: vec![identity.fingerprint()],
        });
        tokio::spawn(listener.serve(Router::new(), sessions.clone(), std::future::pending()));
        nodes.push((sessions, channels));
    }
    let plan = |me| Plan {
        run: Run([1; 32]),
        parties: vec!["a".to_owned(), "b".to_owned()],
        me: Party(me),
        gather: Duration::from_secs(5),
        deadline: Duration::from_secs(600),
    };
    for (_, channels) in &nodes {
        channels.registry().replace(peers.clone()).unwrap();
    }
    let [(a, a_channels), (b, b_channels)] = &nodes[..] else { unreachable!() };
    let (plan_a, plan_b) = (plan(0), plan(1));
    let (a, b) = tokio::join!(a.gather(a_channels, &plan_a), b.gather(b_channels, &plan_b));
    (a.unwrap(), b.unwrap())
}
