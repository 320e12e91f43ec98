//! Requests between nodes: who is heard, who is asked, and what happens when it isn't them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::routing::{get, post};
use axum::{Extension, Router};
use common::{Node, PATIENCE, Relay, Setting, alliance, connect_raw};
use hyper::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use treaty_peers::{Body, Caller, Client, ClientLimits, Error, Identity, ListenerLimits};

fn router() -> Router {
    Router::new()
        .route("/whoami", get(|Extension(Caller(member)): Extension<Caller>| async move { member }))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/zeros", get(|| async { vec![0_u8; 10_000] }))
        .route("/slow", get(|| sleep(Duration::from_millis(500))))
        .route("/never", get(std::future::pending::<()>))
}

fn setting() -> Setting {
    Setting { router: router(), ..Setting::default() }
}

async fn whoami(node: &Node, member: &str) -> Result<String, Error> {
    let answer = node.client.request(member, Method::GET, "/whoami", Body::Empty).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    Ok(String::from_utf8(answer.into_body().into()).unwrap())
}

#[tokio::test]
async fn every_node_hears_who_asks() {
    let nodes = alliance(["north", "south", "west"], setting()).await;
    for asking in &nodes {
        for asked in &nodes {
            assert_eq!(whoami(asking, &asked.member).await.unwrap(), asking.member);
        }
    }
}

#[tokio::test]
async fn bodies_and_statuses_pass_as_they_are() {
    let [north, _south] = alliance(["north", "south"], setting()).await;
    let body = Bytes::from(vec![7; 1_000_000]);
    let answer =
        north.client.request("south", Method::POST, "/echo", Body::Octets(body.clone())).await.unwrap();
    assert_eq!(answer.into_body(), body);
    let answer = north.client.request("south", Method::GET, "/nowhere?x=1", Body::Empty).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_answers_at_an_endpoint_must_be_the_member_s_own_node() {
    let [north, south] = alliance(["north", "south"], setting()).await;
    let stranger = Node::start("stranger", setting()).await;

    let mut moved = south.peer();
    moved.endpoint = stranger.address.to_string();
    north.registry.replace([moved.clone()]).unwrap();
    let refused = whoami(&north, "south").await.unwrap_err();
    let Error::WrongMember { member, endpoint, certificate, found } = refused else { panic!("{refused:?}") };
    assert_eq!((member, endpoint), ("south".to_owned(), stranger.address.to_string()));
    assert_eq!((certificate, found), (stranger.identity.fingerprint(), None));

    north.registry.replace([moved, stranger.peer()]).unwrap();
    let refused = whoami(&north, "south").await.unwrap_err();
    assert!(
        matches!(&refused, Error::WrongMember { found: Some(found), .. } if found == "stranger"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_certificate_does_not_help_without_its_key() {
    let [south, north] = alliance(["south", "north"], setting()).await;
    let other = Identity::generate(&[]).unwrap();
    let stolen = Identity::from_pem(&north.identity.certificate_pem(), &other.key_pem()).unwrap();
    let refused = treaty_peers::Channels::new(&stolen, Arc::clone(&south.registry)).unwrap_err();
    assert!(matches!(refused, Error::IdentityUnusable(_)), "{refused:?}");
}

#[tokio::test]
async fn nobody_is_heard_without_a_certificate_or_a_known_protocol() {
    let [south] = alliance(["south"], setting()).await;
    let hears = async |identity: Option<&Identity>, alpn: &[&str]| {
        let Ok(mut stream) = connect_raw(identity, south.address, alpn).await else { return false };
        stream.write_all(b"GET /whoami HTTP/1.1\r\nhost: x\r\n\r\n").await.ok();
        let mut answer = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut answer))
            .await
            .unwrap()
            .is_ok_and(|_| answer.starts_with(b"HTTP"))
    };
    assert!(hears(Some(&south.identity), &["treaty-peer/1"]).await);
    assert!(!hears(None, &["treaty-peer/1"]).await);
    assert!(!hears(Some(&Identity::generate(&[]).unwrap()), &["treaty-peer/1"]).await);
    assert!(!hears(Some(&south.identity), &["http/1.1"]).await);
    assert!(!hears(Some(&south.identity), &[]).await);
    assert!(!hears(Some(&south.identity), &["treaty-mpc/1"]).await);
}

#[tokio::test]
async fn what_is_not_tls_is_dropped_and_the_node_goes_on() {
    let handshake = Duration::from_millis(300);
    let limits = ListenerLimits { handshakes_max: 2, handshake, ..ListenerLimits::default() };
    let [north, south] = alliance(["north", "south"], Setting { listener: limits, ..setting() }).await;

    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4000], &[0x16, 3, 1, 0xff, 0xff, 0, 0, 0]] {
        let mut socket = TcpStream::connect(south.address).await.unwrap();
        socket.write_all(garbage).await.ok();
        let mut rest = Vec::new();
        timeout(PATIENCE, socket.read_to_end(&mut rest)).await.unwrap().ok();
    }
    // Connections that say nothing take all the places for handshakes, but only for a while.
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(south.address).await.unwrap());
    }
    assert_eq!(timeout(PATIENCE, whoami(&north, "south")).await.unwrap().unwrap(), "north");
    for mut socket in silent {
        let ended = timeout(PATIENCE, socket.read(&mut [0; 16])).await.unwrap();
        assert!(
            matches!(&ended, Ok(0)) || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
        );
    }
}

#[tokio::test]
async fn a_member_that_is_removed_is_refused_even_on_its_open_connection() {
    let [north, south] = alliance(["north", "south"], setting()).await;
    assert_eq!(whoami(&north, "south").await.unwrap(), "north");
    south.registry.replace([south.peer()]).unwrap();
    let answer = north.client.request("south", Method::GET, "/whoami", Body::Empty).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let refused = whoami(&north, "south").await.unwrap_err();
    assert!(matches!(refused, Error::NotAccepted { .. }), "{refused:?}");

    south.registry.replace([south.peer(), north.peer()]).unwrap();
    assert_eq!(whoami(&north, "south").await.unwrap(), "north");
    north.registry.replace([north.peer()]).unwrap();
    assert!(
        matches!(whoami(&north, "south").await, Err(Error::MemberUnknown { member }) if member == "south")
    );
}

#[tokio::test]
async fn a_new_certificate_is_used_as_soon_as_it_is_registered() {
    let [north, south] = alliance(["north", "south"], setting()).await;
    let renewed = Node::start("north", setting()).await;
    renewed.registry.replace([south.peer()]).unwrap();
    assert!(matches!(whoami(&renewed, "south").await, Err(Error::NotAccepted { .. })));
    let mut both = north.peer();
    both.certificates.push(renewed.identity.fingerprint());
    south.registry.replace([south.peer(), both]).unwrap();
    assert_eq!(whoami(&renewed, "south").await.unwrap(), "north");
    assert_eq!(whoami(&north, "south").await.unwrap(), "north");
}

#[tokio::test]
async fn connections_are_kept_and_replaced_when_they_are_gone() {
    let [north, south] = alliance(["north", "south"], setting()).await;
    let relay = Relay::to(south.address).await;
    north.registry.replace([south.peer_at(relay.address)]).unwrap();
    for _ in 0..5 {
        assert_eq!(whoami(&north, "south").await.unwrap(), "north");
    }
    assert_eq!(relay.connections(), 1);
    relay.cut();
    sleep(Duration::from_millis(50)).await;
    assert_eq!(whoami(&north, "south").await.unwrap(), "north");
    assert_eq!(relay.connections(), 2);
    // At once, they need one each; afterwards no more are kept than wanted.
    let client = Client::new(north.channels.clone(), ClientLimits { idle_max: 1, ..ClientLimits::default() });
    let ask = || client.request("south", Method::GET, "/slow", Body::Empty);
    let (a, b, c) = tokio::join!(ask(), ask(), ask());
    assert!([a, b, c].into_iter().all(|answer| answer.unwrap().status() == StatusCode::OK));
    assert_eq!(relay.connections(), 5);
    let (a, b) = tokio::join!(ask(), ask());
    assert!([a, b].into_iter().all(|answer| answer.unwrap().status() == StatusCode::OK));
    assert_eq!(relay.connections(), 6);
}

#[tokio::test]
async fn what_goes_wrong_is_said_with_member_endpoint_and_request() {
    let limits = ClientLimits {
        connect: Duration::from_millis(500),
        answer: Duration::from_secs(1),
        answer_bytes_max: 9_999,
        ..ClientLimits::default()
    };
    let [north, south] = alliance(["north", "south"], Setting { client: limits, ..setting() }).await;
    let refused = |path| north.client.request("south", Method::GET, path, Body::Empty);
    let endpoint = south.address;

    let late = refused("/never").await.unwrap_err();
    assert!(matches!(late, Error::AnswerTimedOut { .. }));
    let text = format!("the node of `south` at {endpoint} did not answer `GET /never` within 1000 ms");
    assert_eq!(late.to_string(), text);

    let large = refused("/zeros").await.unwrap_err();
    assert!(
        matches!(&large, Error::AnswerTooLarge { bytes_max: 9_999, request, .. } if request == "GET /zeros")
    );

    for path in ["", "zeros", "http://south/zeros", "/a b", "*"] {
        assert!(
            matches!(refused(path).await, Err(Error::PathUnusable { path: named }) if named == path),
            "{path}"
        );
    }

    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    north.registry.replace([south.peer_at(mute.local_addr().unwrap())]).unwrap();
    assert!(matches!(refused("/whoami").await, Err(Error::ConnectTimedOut { .. })));

    let closed = mute.local_addr().unwrap();
    drop(mute);
    north.registry.replace([south.peer_at(closed)]).unwrap();
    let gone = refused("/whoami").await.unwrap_err();
    assert!(
        matches!(&gone, Error::Unreachable { source, .. } if source.kind() == ErrorKind::ConnectionRefused)
    );
    assert!(
        gone.to_string().starts_with(&format!("cannot reach the node of `south` at {closed}: ")),
        "{gone}"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let [north, south] = alliance(["north", "south"], setting()).await;
    let relay = Relay::to(south.address).await;
    north.registry.replace([south.peer_at(relay.address)]).unwrap();
    let (answer, ()) =
        tokio::join!(north.client.request("south", Method::GET, "/never", Body::Empty), async {
            sleep(Duration::from_millis(300)).await;
            relay.cut();
        });
    let failed = answer.unwrap_err();
    assert!(matches!(&failed, Error::NoAnswer { request, .. } if request == "GET /never"), "{failed:?}");
}

#[tokio::test]
async fn a_stopping_node_answers_what_it_was_asked_and_no_more() {
    let [north, mut south] = alliance(["north", "south"], setting()).await;
    let began = Instant::now();
    let (answer, ()) =
        tokio::join!(north.client.request("south", Method::GET, "/slow", Body::Empty), async {
            sleep(Duration::from_millis(200)).await;
            south.stop().await;
        });
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let refused = whoami(&north, "south").await.unwrap_err();
    assert!(matches!(refused, Error::Unreachable { .. }), "{refused:?}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let limits = ListenerLimits { connections_max: 1, ..ListenerLimits::default() };
    let [north, south] = alliance(["north", "south"], Setting { listener: limits, ..setting() }).await;
    assert_eq!(whoami(&north, "south").await.unwrap(), "north");
    let refused = whoami(&south, "south").await.unwrap_err();
    assert!(matches!(refused, Error::NoAnswer { .. }), "{refused:?}");
    assert_eq!(whoami(&north, "south").await.unwrap(), "north");
}
