//! Asking CometBFT: JSON-RPC by HTTP over its Unix socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::error::OrderingError;
use crate::http::{Connection, Connections};

/// Most questions in one POST, as CometBFT's configuration says it, too (`max_request_batch_size`).
pub(crate) const QUESTIONS_MAX: usize = 256;
/// The largest POST that CometBFT reads (`max_body_bytes`).
pub(crate) const POST_BYTES_MAX: usize = 4 << 20;
/// Most bytes of transactions in one POST: in base64, and with what is around each, they stay within
/// [`POST_BYTES_MAX`]. A single transaction has a mebibyte at most.
const TRANSACTION_BYTES_MAX: usize = 2 << 20;

/// Asks for one thing; answers with its `result`.
///
/// # Errors
/// When CometBFT is not there, does not answer in time, or answers with an error.
pub fn ask(socket: &Path, method: &str, params: &Value, patience: Duration) -> Result<Value, OrderingError> {
    let question = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params }).to_string();
    let answer = exchange(socket, question.as_bytes(), patience).map_err(|error| failed(method, &error))?;
    let answer =
        serde_json::from_slice(&answer).map_err(|error| OrderingError::Rpc(format!("{method}: {error}")))?;
    result(answer)
}

/// Question and answer as they are, on a connection of their own.
pub(crate) fn exchange(socket: &Path, question: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    Connection::open(socket)?.exchange(question, patience)
}

/// What CometBFT says to a transaction that was handed in. Nobody has checked it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It will ask the application about it.
    New,
    /// It has it already: it waits, or was in a block a moment ago.
    Known,
}

/// How many of these transactions go into one POST: at least one, if there is one.
pub(crate) fn portion(sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    let fits = sizes.take(QUESTIONS_MAX).take_while(|size| {
        let is_first = bytes == 0;
        bytes = size.max(&1).saturating_add(bytes);
        is_first || bytes <= TRANSACTION_BYTES_MAX
    });
    fits.count()
}

/// Hands transactions to CometBFT in this order, in one POST; see [`portion`]. It asks the application about each and
/// tells the other validators of those that are accepted. Nothing here waits for that: CometBFT passes on to the
/// application what has gathered in 20 ms, and who waited for one before handing in the next would wait as long for each.
///
/// # Errors
/// When CometBFT is not there or does not answer; for each one, when it doesn't take it.
pub(crate) fn hand_in(
    connections: &Connections,
    transactions: &[&[u8]],
    patience: Duration,
) -> Result<Vec<Result<Taken, OrderingError>>, OrderingError> {
    const METHOD: &str = "broadcast_tx_async";
    let questions = transactions.iter().enumerate().map(|(id, bytes)| {
        json!({ "jsonrpc": "2.0", "id": id, "method": METHOD, "params": { "tx": STANDARD.encode(bytes) } })
    });
    let question = Value::from_iter(questions).to_string();
    let answer = connections.exchange(question.as_bytes(), patience);
    let answer = answer.map_err(|error| failed(METHOD, &error))?;
    let wrong = |what: &str| OrderingError::Rpc(format!("{METHOD}: {what}"));
    let answer: Value = serde_json::from_slice(&answer).map_err(|error| wrong(&error.to_string()))?;
    // A single answer comes without a list.
    let answers = match answer {
        Value::Array(answers) => answers,
        single => vec![single],
    };
    let mut said: Vec<_> = transactions.iter().map(|_| None).collect();
    for answer in answers {
        let id = answer.get("id").and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
        let Some(place) = id.and_then(|id| said.get_mut(id)) else {
            // One answer to the whole POST: it was not read.
            return Err(result(answer).err().unwrap_or_else(|| wrong("an answer to something else")));
        };
        *place = Some(match result(answer) {
            Ok(_) => Ok(Taken::New),
            Err(OrderingError::NotTaken(text)) if text.contains("already exists in cache") => {
                Ok(Taken::Known)
            }
            Err(error) => Err(error),
        });
    }
    said.into_iter().map(|said| said.ok_or_else(|| wrong("no answer to a question"))).collect()
}

/// What was asked for, or why not.
fn result(mut answer: Value) -> Result<Value, OrderingError> {
    if let Some(result) = answer.get_mut("result") {
        return Ok(result.take());
    }
    let error = answer.get("error").unwrap_or(&Value::Null);
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let text = format!("{} {}", text("message"), text("data")).trim().to_owned();
    let passes = ["catching up", "mempool is still rechecking", "mempool is full"];
    if passes.iter().any(|passing| text.contains(passing)) {
        return Err(OrderingError::NotThere(text));
    }
    Err(OrderingError::NotTaken(text))
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What is said to `asked` when CometBFT answers with that.
    fn said_to(asked: &[&[u8]], answer: &str) -> Result<Vec<Result<Taken, OrderingError>>, OrderingError> {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("rpc.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        let server = thread::spawn(move || {
            let mut reader = BufReader::new(listener.accept().unwrap().0);
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
                length = line.strip_prefix("Content-Length: ").map_or(length, |n| n.trim().parse().unwrap());
            }
            let mut question = vec![0; length];
            reader.read_exact(&mut question).unwrap();
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            serde_json::from_slice::<Value>(&question).unwrap()
        });
        let said = hand_in(&Connections::new(socket), asked, Duration::from_secs(10));
        let question = server.join().unwrap();
        assert_eq!(question.as_array().unwrap().len(), asked.len());
        said
    }

    #[test]
    fn each_transaction_gets_its_own_answer() {
        let answer = r#"[{"id":2,"result":{"code":0}},{"id":0,"error":{"message":"Internal error",
            "data":"tx already exists in cache"}},{"id":1,"error":{"data":"Tx too large"}}]"#;
        let said = said_to(&[b"a", b"b", b"c"], answer).unwrap();
        assert!(matches!(
            said.as_slice(),
            [Ok(Taken::Known), Err(OrderingError::NotTaken(_)), Ok(Taken::New)]
        ));
        // One alone comes without a list.
        let full = r#"{"id":0,"error":{"data":"mempool is full: number of txs 20000"}}"#;
        let said = said_to(&[b"a"], full).unwrap();
        assert!(matches!(said.as_slice(), [Err(OrderingError::NotThere(_))]), "it has room later: {said:?}");
    }

    #[test]
    fn an_answer_to_none_of_them_or_to_some_is_an_error() {
        let whole =
            r#"{"id":null,"error":{"message":"Invalid Request","data":"batch request exceeds maximum"}}"#;
        let error = said_to(&[b"a", b"b"], whole).unwrap_err().to_string();
        assert!(error.contains("exceeds maximum"), "{error}");
        assert!(said_to(&[b"a", b"b"], r#"[{"id":0,"result":{}}]"#).is_err());
        assert!(said_to(&[b"a"], r#"[{"id":7,"result":{}}]"#).is_err());
    }

    #[test]
    fn a_post_is_bounded_in_count_and_bytes() {
        assert_eq!(portion(std::iter::empty()), 0);
        assert_eq!(portion(std::iter::repeat_n(1, 1000)), QUESTIONS_MAX);
        assert_eq!(portion([1 << 20, 1 << 20, 1].into_iter()), 2);
        assert_eq!(portion([usize::MAX >> 1, 1].into_iter()), 1, "one is always asked");
        let question =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "broadcast_tx_async", "params": { "tx": "" } });
        let around = (question.to_string().len() + 10) * QUESTIONS_MAX;
        assert!(TRANSACTION_BYTES_MAX.div_ceil(3) * 4 + QUESTIONS_MAX * 4 + around < POST_BYTES_MAX);
    }
}
