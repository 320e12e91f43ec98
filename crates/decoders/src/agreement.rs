//! What comes from CometBFT, the process that orders beside a node, and through it from other members' nodes.

use prost::Message;

use crate::abci::Request;
use crate::framing::read_message;

/// A stream of questions: each is cut out whole, and what is understood of it is understood again when it is written.
pub(crate) fn abci(mut bytes: &[u8]) -> bool {
    let mut understood = false;
    while let Ok(Some(message)) = read_message(&mut bytes) {
        let Ok(request) = Request::decode(message.as_slice()) else { return false };
        assert!(request.encoded_len() <= 3 * message.len() + 16, "more is written than was read");
        assert_eq!(Request::decode(request.encode_to_vec().as_slice()).as_ref().ok(), Some(&request));
        understood |= request.value.is_some();
    }
    understood && bytes.is_empty()
}

/// A chunk of a snapshot, which is written as the same bytes again.
pub(crate) fn chunk(bytes: &[u8]) -> bool {
    let Some(chunk) = crate::chunk::Chunk::from_bytes(bytes) else { return false };
    assert_eq!(chunk.to_bytes(), bytes);
    true
}
