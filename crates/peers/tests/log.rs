//! What a node logs of who it refused. One test in a process of its own, whose log is the process's: a log of one thread
//! misses lines whose places other threads reach first (<https://github.com/tokio-rs/tracing/issues/3611>).

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Node, PATIENCE, Setting, alliance};
use hyper::Method;
use tokio::time::{sleep, timeout};
use treaty_peers::{Body, Error};

#[tokio::test]
async fn a_node_that_is_not_registered_is_refused_and_logged_with_its_fingerprint() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let [south] = alliance(["south"], Setting::default()).await;
    let stranger = Node::start("stranger", Setting::default()).await;
    stranger.registry.replace([south.peer()]).unwrap();

    let refused = stranger.client.request("south", Method::GET, "/", Body::Empty).await.unwrap_err();
    assert!(matches!(&refused, Error::NotAccepted { member, .. } if member == "south"), "{refused:?}");
    let logged = log.line("certificate is not registered").await;
    assert!(logged.contains(&stranger.identity.fingerprint().to_string()), "{logged}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The first line with `text`. The one refused hears of it before the one who refuses has logged it.
    async fn line(&self, text: &str) -> String {
        let written = async {
            loop {
                let lines = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
                if let Some(line) = lines.lines().find(|line| line.contains(text)) {
                    return line.to_owned();
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, written).await.unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
