//! Asking CometBFT: JSON-RPC by HTTP over its Unix socket, one question a connection.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::app::Verdict;
use crate::error::OrderingError;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 32 << 20;

/// Asks for one thing; answers with its `result`.
///
/// # Errors
/// When CometBFT is not there, does not answer in time, or answers with an error.
pub fn ask(socket: &Path, method: &str, params: &Value, patience: Duration) -> Result<Value, OrderingError> {
    let question = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params }).to_string();
    let answer = exchange(socket, question.as_bytes(), patience).map_err(|error| failed(method, &error))?;
    let mut answer: Value =
        serde_json::from_slice(&answer).map_err(|error| OrderingError::Rpc(format!("{method}: {error}")))?;
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => {
            let error = answer.get("error").unwrap_or(&Value::Null);
            let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let text = format!("{} {}", text("message"), text("data")).trim().to_owned();
            if text.contains("catching up") {
                return Err(OrderingError::NotThere(text));
            }
            Err(OrderingError::NotTaken(text))
        }
    }
}

fn failed(method: &str, error: &io::Error) -> OrderingError {
    let text = format!("{method}: {error}");
    match error.kind() {
        // Killed while it was asked, too: it is started anew.
        io::ErrorKind::NotFound
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => OrderingError::NotThere(text),
        _ => OrderingError::Rpc(text),
    }
}

/// Hands a transaction to CometBFT, which asks the application and tells the other validators. `None` when it was
/// accepted for now.
///
/// # Errors
/// As [`ask`].
pub fn broadcast(
    socket: &Path,
    transaction: &[u8],
    patience: Duration,
) -> Result<Option<Verdict>, OrderingError> {
    let answer =
        match ask(socket, "broadcast_tx_sync", &json!({ "tx": STANDARD.encode(transaction) }), patience) {
            // It waits already, or was in a block a moment ago.
            Err(OrderingError::NotTaken(text)) if text.contains("already exists in cache") => {
                return Ok(None);
            }
            answer => answer?,
        };
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match answer.get("code").and_then(Value::as_u64) {
        Some(0) => Ok(None),
        Some(_) => Ok(Some(Verdict::Refused { rule: text("codespace"), message: text("log") })),
        None => Err(OrderingError::Rpc("broadcast_tx_sync: an answer without a code".to_owned())),
    }
}

/// HTTP/1.0, so that the answer ends with the connection.
pub(crate) fn exchange(socket: &Path, body: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let head = format!(
        "POST / HTTP/1.0\r\nHost: cometbft\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("an answer without a head"))?;
    Ok(answer.split_off(end + 4))
}
