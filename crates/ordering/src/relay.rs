//! How a new node's CometBFT asks other members' for headers: it wants HTTP servers, and members' CometBFT processes
//! listen to nobody. So each node serves its own CometBFT on a loopback port and passes questions on, by a way of its
//! choice; at the other end [`forward`] lets through what a light client asks, and nothing else.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::abci::BREATH;
use crate::error::OrderingError;
use crate::rpc;

/// What a light client asks: headers with their votes, validators, parameters.
const ALLOWED: &[&str] = &["commit", "validators", "consensus_params"];
/// What these questions say more precisely.
const PARAMS: &[&str] = &["height", "page", "per_page"];
/// The largest question.
const QUESTION_BYTES_MAX: u64 = 1 << 16;
/// Lines of a question's head that are read.
const HEAD_LINES_MAX: usize = 64;
/// How long a question may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Passes on a question of another node's light client, as JSON-RPC, to this node's CometBFT.
///
/// # Errors
/// When it is another question, or CometBFT does not answer.
pub fn forward(socket: &Path, question: &[u8], patience: Duration) -> Result<Vec<u8>, OrderingError> {
    let refused = |why: &str| OrderingError::NotTaken(format!("not passed on: {why}"));
    let asked: Value = serde_json::from_slice(question).map_err(|_| refused("it is not JSON"))?;
    let method = asked.get("method").and_then(Value::as_str).unwrap_or_default();
    if !ALLOWED.contains(&method) {
        return Err(refused("only what a light client asks is"));
    }
    let question = rebuilt(method, &asked).to_string();
    rpc::exchange(socket, question.as_bytes(), patience)
        .map_err(|error| OrderingError::Rpc(error.to_string()))
}

/// The question with nothing in it but what was looked at: Go reads `Method` as `method`, and the last one counts.
fn rebuilt(method: &str, asked: &Value) -> Value {
    let id = asked.get("id").filter(|id| id.is_string() || id.is_number()).cloned();
    let given = asked.get("params").and_then(Value::as_object);
    let known = given.into_iter().flatten().filter(|(name, _)| PARAMS.contains(&name.as_str()));
    let params: Map<_, _> = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Whether CometBFT's answer has what was asked for: not every node has every block.
pub fn has_result(answer: &[u8]) -> bool {
    serde_json::from_slice::<Value>(answer).is_ok_and(|answer| answer.get("result").is_some())
}

/// Serves this machine's CometBFT on a free loopback port, for as long as the process runs: each question is answered
/// by `answer`, none when that fails.
///
/// # Errors
/// When no port is free.
pub fn serve(
    answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Result<SocketAddr, OrderingError> {
    let unserved = |source: io::Error| OrderingError::Rpc(format!("no port to relay headers by: {source}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(unserved)?;
    let address = listener.local_addr().map_err(unserved)?;
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                thread::sleep(BREATH);
                continue;
            };
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                if let Err(error) = converse(&stream, answer.as_ref()) {
                    tracing::debug!(%error, "a question for headers could not be relayed");
                }
            });
        }
    });
    Ok(address)
}

fn converse(mut stream: &TcpStream, answer: &(impl Fn(&[u8]) -> Option<Vec<u8>> + ?Sized)) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream).take(QUESTION_BYTES_MAX);
    let mut length = None;
    for _ in 0..HEAD_LINES_MAX {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let mut question = Vec::new();
    reader.take(length.unwrap_or(0)).read_to_end(&mut question)?;
    let (status, body) = match answer(&question) {
        Some(body) => ("200 OK", body),
        None => ("502 Bad Gateway", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_passes_that_was_not_looked_at() {
        let asked = r#"{"method":"commit","Method":"net_info","METHOD":"dump_consensus_state","id":7,
            "params":{"height":"5","Height":"6","tx":"AA=="},"Params":{"height":"9"}}"#;
        let asked: Value = serde_json::from_str(asked).unwrap();
        let expected = json!({ "jsonrpc": "2.0", "id": 7, "method": "commit", "params": { "height": "5" } });
        assert_eq!(rebuilt("commit", &asked), expected);
        let bare = json!({ "method": "validators", "id": { "x": 1 }, "params": [5] });
        let expected = json!({ "jsonrpc": "2.0", "id": null, "method": "validators", "params": {} });
        assert_eq!(rebuilt("validators", &bare), expected);
    }

    #[test]
    fn other_questions_are_not_passed_on() {
        for question in
            [r#"{"method":"net_info"}"#, r#"{"Method":"commit"}"#, r#"[{"method":"commit"}]"#, "{"]
        {
            let refused = forward(Path::new("/nowhere"), question.as_bytes(), PATIENCE).unwrap_err();
            assert!(matches!(refused, OrderingError::NotTaken(_)), "{question}: {refused}");
        }
    }
}
