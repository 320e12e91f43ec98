//! Runs' sessions: who comes together, what passes, and how soon it is noticed that somebody is gone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Node, PATIENCE, Relay, Setting, alliance, answer_raw, connect_raw};
use engine::Error as Stopped;
use engine::mpc::{Dealing, Protocol, Scheme};
use engine::schemes::Rep3;
use engine::session::{Frame, Party, Transport, fresh_seed, sim};
use engine::{Result as Computed, ops};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;
use treaty_peers::{Error, Plan, Refusal, Run, SessionLimits, SessionTransport};

const RUN: Run = Run([5; 32]);

fn plan(parties: &[&str], me: usize) -> Plan {
    Plan {
        run: RUN,
        parties: parties.iter().map(|&member| member.to_owned()).collect(),
        me: Party(me),
        gather: Duration::from_secs(10),
        deadline: Duration::from_secs(60),
    }
}

fn limited(sessions: SessionLimits) -> Setting {
    Setting { sessions, ..Setting::default() }
}

fn frame(body: impl Into<Bytes>) -> Frame {
    Frame { depth: 3, body: body.into() }
}

/// The transports of two nodes' session.
async fn pair(north: &Node, south: &Node, deadline: Duration) -> (SessionTransport, SessionTransport) {
    let parties = [&north.member[..], &south.member];
    let [a, b] = [0, 1].map(|me| Plan { deadline, ..plan(&parties, me) });
    let (a, b) =
        tokio::join!(north.sessions.gather(&north.channels, &a), south.sessions.gather(&south.channels, &b));
    (a.unwrap(), b.unwrap())
}

/// A call that blocks, off the runtime's threads.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    timeout(PATIENCE, tokio::task::spawn_blocking(call)).await.unwrap().unwrap()
}

type Scheme3 = Rep3<u128>;

fn maximum(transport: Arc<dyn Transport>, shares: [&[u8]; 2], rows: usize) -> Computed<(Vec<u8>, u64)> {
    let mut protocol = Scheme3::start(transport, (), &fresh_seed()?)?;
    let [x, y] = shares.map(|share| Dealing::<u128>::accept(&protocol, share, rows));
    let largest = ops::max(&mut protocol, &x?, &y?, 32)?;
    let proof = protocol.verify()?;
    let sealed = Dealing::<u128>::seal(&mut protocol, &largest, proof)?;
    Ok((sealed, protocol.cost().bytes_sent))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_parties_compute_as_they_do_in_memory() {
    const ROWS: usize = 3000;
    let deal = |values: Vec<u128>| {
        <Scheme3 as Dealing<u128>>::deal((), &values, &mut ring::Prg::new(fresh_seed().unwrap()))
    };
    let value = |row: usize, seed: usize| ((row * 7919 + seed) % 100_003) as u128;
    let [x, y] = [1, 50_000].map(|seed| deal((0..ROWS).map(|row| value(row, seed)).collect()));
    let expected: Vec<u128> = (0..ROWS).map(|row| value(row, 1).max(value(row, 50_000))).collect();

    let in_memory = sim::run(3, |me, transport| maximum(transport, [&x[me.0], &y[me.0]], ROWS).unwrap());

    let members = ["north", "south", "west"];
    let nodes = alliance(members, Setting::default()).await;
    let mut parties = Vec::new();
    for (me, node) in nodes.iter().enumerate() {
        let (sessions, channels, plan) = (node.sessions.clone(), node.channels.clone(), plan(&members, me));
        let shares = [x[me].clone(), y[me].clone()];
        parties.push(tokio::spawn(async move {
            let transport = Arc::new(sessions.gather(&channels, &plan).await.unwrap());
            blocking(move || {
                let result = maximum(Arc::clone(&transport) as _, [&shares[0], &shares[1]], ROWS).unwrap();
                let traffic = Arc::into_inner(transport).unwrap().finish();
                (result, traffic)
            })
            .await
        }));
    }
    let (mut sealed, mut traffic) = (Vec::new(), Vec::new());
    for (party, (_, bytes_in_memory)) in parties.into_iter().zip(in_memory) {
        let ((message, bytes), passed) = timeout(PATIENCE, party).await.unwrap().unwrap();
        assert_eq!(bytes, bytes_in_memory);
        assert_eq!(passed.iter().map(|peer| peer.bytes_sent).sum::<u64>(), bytes);
        sealed.push(message);
        traffic.push(passed);
    }
    assert_eq!(<Scheme3 as Dealing<u128>>::combine((), &sealed, ROWS).unwrap(), expected);
    for (me, passed) in traffic.iter().enumerate() {
        for peer in passed {
            let theirs = traffic[peer.party.0].iter().find(|theirs| theirs.party == Party(me)).unwrap();
            assert_eq!(peer.member, members[peer.party.0]);
            assert_eq!((peer.bytes_sent, peer.frames_sent), (theirs.bytes_received, theirs.frames_received));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_independent_and_each_is_in_order() {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    let (a, b) = pair(&north, &south, PATIENCE).await;
    let (a, b) = (Arc::new(a), Arc::new(b));
    let mut threads = Vec::new();
    for channel in 0..8_u64 {
        // Sizes around the one above which a frame isn't written by its sender, and empty frames.
        let size = move |number: u64| [0, 1, 100, 16_000, 16_384, 40_000][((number + channel) % 6) as usize];
        let body = move |number: u64| vec![(number * 31 + channel) as u8; size(number)];
        let (sender, receiver) = (Arc::clone(&a), Arc::clone(&b));
        threads.push(thread::spawn(move || {
            for number in 0..300 {
                sender
                    .send(Party(1), channel, Frame { depth: number as u32, body: body(number).into() })
                    .unwrap();
            }
        }));
        threads.push(thread::spawn(move || {
            for number in 0..300 {
                let frame = receiver.recv(Party(0), channel).unwrap();
                assert_eq!(
                    (frame.depth, &frame.body[..]),
                    (number as u32, &body(number)[..]),
                    "channel {channel}"
                );
            }
        }));
    }
    blocking(move || threads.into_iter().for_each(|thread| thread.join().unwrap())).await;
    assert_eq!(a.traffic()[0].frames_sent, 8 * 300);
    assert_eq!(b.traffic()[0].bytes_received, a.traffic()[0].bytes_sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_arrives_although_its_sender_is_done() {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    let (a, b) = pair(&north, &south, PATIENCE).await;
    blocking(move || {
        let body = Bytes::from(vec![9; 30_000_000]);
        for channel in [1, 2, 3] {
            a.send(Party(1), channel, frame(body.clone())).unwrap();
        }
        drop(a);
        for channel in [3, 1, 2] {
            assert_eq!(b.recv(Party(0), channel).unwrap().body, body);
        }
        assert_eq!(b.recv(Party(0), 1), Err(Stopped::PeerGone { party: Party(0) }));
        assert_eq!(b.send(Party(0), 1, frame("late")), Err(Stopped::PeerGone { party: Party(0) }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_holds_its_sender_back() {
    const FRAME_BYTES: usize = 1 << 20;
    let limits =
        SessionLimits { outbox_bytes_max: 4 << 20, inbox_bytes_max: 4 << 20, ..SessionLimits::default() };
    let [north, south] = alliance(["north", "south"], limited(limits)).await;
    let (a, b) = pair(&north, &south, PATIENCE).await;
    let a = Arc::new(a);
    let sender = Arc::clone(&a);
    let sending = thread::spawn(move || {
        for number in 0..100_u8 {
            sender.send(Party(1), 0, frame(vec![number; FRAME_BYTES])).unwrap();
        }
    });
    sleep(Duration::from_secs(1)).await;
    // Both boxes, and what the system's socket buffers take.
    let sent = a.traffic()[0].frames_sent;
    assert!((8..40).contains(&sent), "{sent} frames were taken without anybody receiving");
    blocking(move || {
        for number in 0..100 {
            let frame = b.recv(Party(0), 0).unwrap();
            assert!(frame.body.len() == FRAME_BYTES && frame.body.iter().all(|byte| *byte == number));
        }
        sending.join().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_comes_before_its_run_is_held() {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    let early = {
        let (sessions, channels) = (south.sessions.clone(), south.channels.clone());
        tokio::spawn(async move { sessions.gather(&channels, &plan(&["north", "south"], 1)).await })
    };
    sleep(Duration::from_millis(500)).await;
    assert!(!early.is_finished());
    let a = north.sessions.gather(&north.channels, &plan(&["north", "south"], 0)).await.unwrap();
    let b = early.await.unwrap().unwrap();
    a.send(Party(1), 0, frame("hello")).unwrap();
    assert_eq!(blocking(move || b.recv(Party(0), 0)).await.unwrap(), frame("hello"));
}

#[tokio::test]
async fn a_run_that_nobody_knows_is_refused_after_a_while() {
    let limits = SessionLimits { hold: Duration::from_millis(200), ..SessionLimits::default() };
    let [_north, south] = alliance(["north", "south"], limited(limits)).await;
    let plan = Plan { gather: Duration::from_secs(1), ..plan(&["north", "south"], 1) };
    let refused = south.sessions.gather(&south.channels, &plan).await.unwrap_err();
    let Error::SessionRefused { member, reason, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((&member[..], reason), ("north", Refusal::UnknownRun));
}

#[tokio::test]
async fn connections_for_unknown_runs_are_bounded() {
    let limits =
        SessionLimits { held_per_member_max: 2, hold: Duration::from_secs(2), ..SessionLimits::default() };
    let [_north, south] = alliance(["north", "south"], limited(limits)).await;
    let attempt = |run: u8| {
        let plan =
            Plan { run: Run([run; 32]), gather: Duration::from_millis(500), ..plan(&["north", "south"], 1) };
        let (sessions, channels) = (south.sessions.clone(), south.channels.clone());
        async move { sessions.gather(&channels, &plan).await.unwrap_err() }
    };
    let refused: [Error; 3] = tokio::join!(attempt(1), attempt(2), attempt(3)).into();
    let busy = refused
        .iter()
        .filter(|error| matches!(error, Error::SessionRefused { reason: Refusal::Busy, .. }))
        .count();
    assert_eq!(busy, 1, "{refused:?}");
}

#[tokio::test]
async fn whoever_does_not_come_is_named() {
    let [north, _south, west] = alliance(["north", "south", "west"], Setting::default()).await;
    let parties = ["north", "south", "west"];
    let [first, last] = [0, 2].map(|me| Plan { gather: Duration::from_secs(1), ..plan(&parties, me) });
    let (a, b) = tokio::join!(
        north.sessions.gather(&north.channels, &first),
        west.sessions.gather(&west.channels, &last)
    );
    let Error::Incomplete { missing, .. } = a.unwrap_err() else { panic!("another reason") };
    assert_eq!(missing, ["south"]);
    // South's node is up but knows nothing of the run: it holds the connection for longer than the parties wait.
    let Error::Incomplete { missing, .. } = b.unwrap_err() else { panic!("another reason") };
    assert_eq!(missing, ["south"]);
}

#[tokio::test]
async fn a_node_that_is_down_is_dialled_until_it_is_up() {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    south.registry.replace([north.peer_at(address), south.peer()]).unwrap();
    let late = async {
        sleep(Duration::from_millis(400)).await;
        south.registry.replace([north.peer(), south.peer()]).unwrap();
        north.sessions.gather(&north.channels, &plan(&["north", "south"], 0)).await
    };
    let second = plan(&["north", "south"], 1);
    let (a, b) = tokio::join!(late, south.sessions.gather(&south.channels, &second));
    drop((a.unwrap(), b.unwrap()));

    south.registry.replace([north.peer_at(address), south.peer()]).unwrap();
    let plan = Plan { gather: Duration::from_millis(500), ..plan(&["north", "south"], 1) };
    let refused = south.sessions.gather(&south.channels, &plan).await.unwrap_err();
    assert!(matches!(&refused, Error::Unreachable { member, .. } if member == "north"), "{refused:?}");
}

#[tokio::test]
async fn parties_that_plan_differently_do_not_come_together() {
    let [north, south, west] = alliance(["north", "south", "west"], Setting::default()).await;
    let gather = Duration::from_secs(1);
    let waiting = Plan { gather, ..plan(&["north", "south", "west"], 0) };
    let (north_sessions, north_channels) = (north.sessions.clone(), north.channels.clone());
    let waiting = tokio::spawn(async move { north_sessions.gather(&north_channels, &waiting).await });

    let other = Plan { gather, ..plan(&["north", "west", "south"], 1) };
    let refused = west.sessions.gather(&west.channels, &other).await.unwrap_err();
    assert!(matches!(refused, Error::SessionRefused { reason: Refusal::OtherParties, .. }), "{refused:?}");
    // A party that takes another's place has its list, but not its certificate.
    let taken = Plan { gather, ..plan(&["north", "south", "west"], 2) };
    let refused = south.sessions.gather(&south.channels, &taken).await.unwrap_err();
    assert!(matches!(refused, Error::SessionRefused { reason: Refusal::WrongParty, .. }), "{refused:?}");

    let Error::Incomplete { missing, .. } = waiting.await.unwrap().unwrap_err() else {
        panic!("another reason")
    };
    assert_eq!(missing, ["south", "west"]);
}

#[tokio::test]
async fn one_session_of_a_run_at_a_time() {
    let [north, _south] = alliance(["north", "south"], Setting::default()).await;
    let plan = Plan { gather: Duration::from_millis(500), ..plan(&["north", "south"], 0) };
    let (a, b) = tokio::join!(
        north.sessions.gather(&north.channels, &plan),
        north.sessions.gather(&north.channels, &plan)
    );
    assert!(matches!(a, Err(Error::Incomplete { .. })));
    assert!(matches!(b, Err(Error::SessionTwice { run }) if run == RUN.to_string()));
}

/// A greeting as a node of another version sends it.
fn greeting_of_version(version: u16) -> Vec<u8> {
    [&b"treatmpc"[..], &version.to_be_bytes(), &[0], &3_u16.to_be_bytes(), &[1, 2, 3]].concat()
}

#[tokio::test]
async fn another_version_is_refused_by_name_on_both_sides() {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    let mut stream = connect_raw(Some(&south.identity), north.address, &["treaty-mpc/1"]).await.unwrap();
    stream.write_all(&greeting_of_version(2)).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, [&b"treatmpc"[..], &1_u16.to_be_bytes(), &[1, 0, 1, 0]].concat());

    // What answers speaks TLS as north does, and then another version.
    let address = answer_raw(&north.identity, "treaty-mpc/1", greeting_of_version(2)).await;
    south.registry.replace([north.peer_at(address), south.peer()]).unwrap();
    let refused = south.sessions.gather(&south.channels, &plan(&["north", "south"], 1)).await.unwrap_err();
    let Error::SessionRefused { member, reason, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((&member[..], *reason), ("north", Refusal::Version { theirs: 2, ours: 1 }));
    let text = "it speaks version 2 of the session protocol, this node speaks version 1";
    assert!(refused.to_string().ends_with(text), "{refused}");
}

#[tokio::test]
async fn garbage_in_place_of_a_greeting_is_dropped() {
    let limits = SessionLimits { greeting: Duration::from_millis(300), ..SessionLimits::default() };
    let [north, south] = alliance(["north", "south"], limited(limits)).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"treatmpc", b"treatmpc\0\x01\0\xff\xff", b""] {
        let mut stream = connect_raw(Some(&south.identity), north.address, &["treaty-mpc/1"]).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().ok();
        assert_eq!(answer, b"");
    }
    drop(pair(&north, &south, PATIENCE).await);
}

/// North's end of a session whose other party, with south's certificate, does what the test likes.
async fn with_rogue(north: &Node, south: &Node) -> (SessionTransport, TlsStream<TcpStream>) {
    let plan = plan(&["north", "south"], 0);
    let mut roster = Sha256::new();
    roster.update(b"treaty-mpc compute parties");
    for member in &plan.parties {
        roster.update((member.len() as u64).to_le_bytes());
        roster.update(member);
    }
    let head = [&b"treatmpc"[..], &[0, 1, 0, 0, 70]].concat();
    let greeting = [&head[..], &RUN.0, &[0, 1, 0, 0, 0, 2], &roster.finalize()].concat();
    let mut stream = connect_raw(Some(&south.identity), north.address, &["treaty-mpc/1"]).await.unwrap();
    stream.write_all(&greeting).await.unwrap();
    let transport = north.sessions.gather(&north.channels, &plan).await.unwrap();
    let mut answer = [0; 83];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..13], head);
    (transport, stream)
}

fn header(length: u32, kind: u8, channel: u64) -> Vec<u8> {
    [&length.to_le_bytes()[..], &[kind], &[0; 4], &channel.to_le_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_none_end_the_connection() {
    let limits = SessionLimits { frame_bytes_max: 1000, ..SessionLimits::default() };
    let [north, south] = alliance(["north", "south"], limited(limits)).await;
    let peer_gone = Stopped::PeerGone { party: Party(1) };
    let too_long = Stopped::Malformed { party: Party(1), expected: 1000, found: 1001 };
    for (sent, expected) in
        [(header(1001, 0, 0), &too_long), (header(0, 7, 0), &peer_gone), (header(4, 1, 0), &peer_gone)]
    {
        let (transport, mut stream) = with_rogue(&north, &south).await;
        stream.write_all(&[header(2, 0, 9), b"ok".to_vec(), sent].concat()).await.unwrap();
        let expected = expected.clone();
        blocking(move || {
            // What came before is still there, on its channel.
            assert_eq!(transport.recv(Party(1), 0).unwrap_err(), expected);
            assert_eq!(&transport.recv(Party(1), 9).unwrap().body[..], b"ok");
            assert_eq!(transport.recv(Party(1), 9).unwrap_err(), expected);
            assert_eq!(transport.send(Party(1), 0, frame("x")).unwrap_err(), expected);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_tls_end_the_connection() {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    for garbage in [vec![0xff; 100_000], vec![23, 3, 3, 0, 32], [&[23, 3, 3, 0, 32][..], &[1; 32]].concat()] {
        let (transport, mut stream) = with_rogue(&north, &south).await;
        stream.get_mut().0.write_all(&garbage).await.ok();
        stream.get_mut().0.shutdown().await.ok();
        let ended = blocking(move || transport.recv(Party(1), 0)).await;
        assert_eq!(ended, Err(Stopped::PeerGone { party: Party(1) }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_above_the_limit_is_not_sent() {
    let limits = SessionLimits { frame_bytes_max: 1000, ..SessionLimits::default() };
    let [north, south] = alliance(["north", "south"], limited(limits)).await;
    let (a, b) = pair(&north, &south, PATIENCE).await;
    let refused = a.send(Party(1), 0, frame(vec![0; 1001])).unwrap_err();
    assert!(
        matches!(refused, Stopped::OutOfRange { operation: "send", found: 1001, most: 1000, .. }),
        "{refused}"
    );
    for wrong in [Party(0), Party(2)] {
        assert!(matches!(a.send(wrong, 0, frame("x")), Err(Stopped::OutOfRange { operation: "send", .. })));
        assert!(matches!(a.recv(wrong, 0), Err(Stopped::OutOfRange { operation: "recv", .. })));
    }
    a.send(Party(1), 0, frame(vec![0; 1000])).unwrap();
    assert_eq!(blocking(move || b.recv(Party(0), 0)).await.unwrap().body.len(), 1000);
}

/// Two nodes whose session passes through a relay.
async fn relayed() -> (Relay, SessionTransport, SessionTransport) {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    let relay = Relay::to(north.address).await;
    south.registry.replace([north.peer_at(relay.address), south.peer()]).unwrap();
    let (a, b) = pair(&north, &south, PATIENCE).await;
    (relay, a, b)
}

/// How several calls that wait for `from` end, and after how long the last of them does.
async fn waiting(transport: SessionTransport, from: Party) -> (Vec<Stopped>, Duration) {
    let began = Instant::now();
    let transport = Arc::new(transport);
    let calls = (0..3).map(|channel| {
        let transport = Arc::clone(&transport);
        blocking(move || transport.recv(from, channel).unwrap_err())
    });
    let mut ends = Vec::new();
    for call in calls.map(tokio::spawn).collect::<Vec<_>>() {
        ends.push(call.await.unwrap());
    }
    (ends, began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_killed_is_noticed_at_once() {
    let (relay, a, b) = relayed().await;
    let cut = async {
        sleep(Duration::from_millis(500)).await;
        relay.cut();
    };
    let ((at_a, after_a), (at_b, after_b), ()) =
        tokio::join!(waiting(a, Party(1)), waiting(b, Party(0)), cut);
    assert_eq!(at_a, vec![Stopped::PeerGone { party: Party(1) }; 3]);
    assert_eq!(at_b, vec![Stopped::PeerGone { party: Party(0) }; 3]);
    assert!(after_a.max(after_b) < Duration::from_secs(2), "{after_a:?} {after_b:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_falls_silent_is_noticed_within_five_seconds() {
    let (relay, a, b) = relayed().await;
    relay.freeze();
    let ((at_a, after_a), (at_b, after_b)) = tokio::join!(waiting(a, Party(1)), waiting(b, Party(0)));
    assert_eq!(at_a, vec![Stopped::TimedOut { party: Party(1), waited_ms: 4000 }; 3]);
    assert_eq!(at_b, vec![Stopped::TimedOut { party: Party(0), waited_ms: 4000 }; 3]);
    assert!(after_a.max(after_b) < Duration::from_millis(5500), "{after_a:?} {after_b:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_only_computes_is_not_taken_for_dead_but_the_deadline_holds() {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    let (a, _b) = pair(&north, &south, Duration::from_secs(6)).await;
    let (ends, after) = waiting(a, Party(1)).await;
    for end in ends {
        assert!(matches!(end, Stopped::TimedOut { party: Party(1), waited_ms: 5000..7000 }), "{end:?}");
    }
    assert!((Duration::from_millis(5500)..Duration::from_secs(7)).contains(&after), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_without_room_gives_up_at_the_deadline() {
    let limits =
        SessionLimits { outbox_bytes_max: 1 << 20, inbox_bytes_max: 1 << 20, ..SessionLimits::default() };
    let [north, south] = alliance(["north", "south"], limited(limits)).await;
    let (a, _b) = pair(&north, &south, Duration::from_secs(2)).await;
    let refused = blocking(move || {
        loop {
            if let Err(refused) = a.send(Party(1), 0, frame(vec![0; 1 << 20])) {
                return refused;
            }
        }
    })
    .await;
    assert!(matches!(refused, Stopped::TimedOut { party: Party(1), .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_run_ends_everywhere_at_once() {
    let [north, south] = alliance(["north", "south"], Setting::default()).await;
    let (a, b) = pair(&north, &south, PATIENCE).await;
    let a = Arc::new(a);
    let here = Arc::clone(&a);
    let at_a = tokio::spawn(blocking(move || here.recv(Party(1), 0).unwrap_err()));
    let at_b = tokio::spawn(waiting(b, Party(0)));
    sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    a.abort();
    assert_eq!(at_a.await.unwrap(), Stopped::PeerGone { party: Party(1) });
    assert_eq!(at_b.await.unwrap().0, vec![Stopped::PeerGone { party: Party(0) }; 3]);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(a.send(Party(1), 0, frame("x")), Err(Stopped::PeerGone { party: Party(1) }));
}
