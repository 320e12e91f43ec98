//! The first block, by which a new node recognises the chain of its alliance.
//!
//! A light client must be told one block that it can trust, and none may be trusted because somebody names it. What a
//! new node has is the founding document; it names the founders' validators. The first block is the alliance's if more
//! than two thirds of these signed for it (precommits of one round, on the chain that is named after the founding
//! document). So whoever shows it need not be trusted, and nothing is trusted that a node which takes block after block
//! does not trust as well.
//!
//! Source: CometBFT 0.38, `spec/core/data_structures.md` (Commit, CanonicalVote) and
//! `proto/tendermint/types/canonical.proto`.

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{Did, Signature};
use ledger::{Alliance, Roster};
use prost::Message;
use serde::Deserialize;
use serde_json::Value;

use crate::error::OrderingError;
use crate::home::chain_id;
use crate::validators;

/// Its height.
pub(crate) const HEIGHT: u64 = 1;
/// A precommit, in `CanonicalVote`.
const PRECOMMIT: i32 = 2;
/// `BLOCK_ID_FLAG_COMMIT`: the validator voted for this block.
const FOR_THIS_BLOCK: u8 = 2;
/// More votes than any alliance has.
const VOTES_MAX: usize = 10_000;

/// The hash of the first block in hex, if it is vouched for; `answer` is CometBFT's to `commit` at [`HEIGHT`].
///
/// # Errors
/// When it is malformed, of another height, or too few founders' validators signed it.
pub(crate) fn vouched_for(alliance: &Alliance, answer: &[u8]) -> Result<String, OrderingError> {
    let refused = |why: String| OrderingError::FirstBlock(why);
    let id = alliance.id().map_err(ledger::LedgerError::from)?;
    let mut answer: Value = serde_json::from_slice(answer).map_err(|error| refused(error.to_string()))?;
    let commit = answer.pointer_mut("/result/signed_header/commit").map(Value::take).unwrap_or_default();
    let commit: Commit = serde_json::from_value(commit).map_err(|error| refused(error.to_string()))?;
    let founders = Roster::founding(alliance).validators();
    let found = commit.signers(&chain_id(&id), founders.keys()).map_err(refused)?;
    if found * 3 <= founders.len() * 2 {
        return Err(refused(format!("{found} of {} founders' validators signed it", founders.len())));
    }
    Ok(commit.block_id.hash)
}

/// The height of the last block in an answer to `commit` without a height: a hint, not to be relied on.
pub(crate) fn height_in(answer: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer.pointer("/result/signed_header/commit/height")?.as_str()?.parse().ok()
}

/// CometBFT's JSON, as much as is needed.
#[derive(Deserialize)]
struct Commit {
    height: String,
    round: i64,
    block_id: BlockId,
    signatures: Vec<Vote>,
}

#[derive(Deserialize)]
struct BlockId {
    hash: String,
    parts: Parts,
}

#[derive(Deserialize)]
struct Parts {
    total: u32,
    hash: String,
}

#[derive(Deserialize)]
struct Vote {
    block_id_flag: u8,
    validator_address: String,
    timestamp: String,
    signature: Option<String>,
}

impl Commit {
    /// How many of these validators voted for the block, each counted once.
    fn signers<'a>(&self, chain: &str, validators: impl Iterator<Item = &'a Did>) -> Result<usize, String> {
        if self.height != HEIGHT.to_string() {
            return Err(format!("it is of height {}", self.height));
        }
        if self.signatures.len() > VOTES_MAX {
            return Err(format!("{} votes", self.signatures.len()));
        }
        let hash = |text: &str| {
            let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32);
            bytes.ok_or_else(|| format!("`{text:.80}` is not a hash"))
        };
        let block_id = CanonicalBlockId {
            hash: hash(&self.block_id.hash)?,
            parts: Some(CanonicalParts {
                total: self.block_id.parts.total,
                hash: hash(&self.block_id.parts.hash)?,
            }),
        };
        let is_signed_by = |key: &Did| {
            let address = hex::encode_upper(validators::address(key));
            let mut votes = self.signatures.iter().filter(|vote| vote.block_id_flag == FOR_THIS_BLOCK);
            votes.any(|vote| {
                vote.validator_address == address
                    && vote.is_by(key, || CanonicalVote {
                        kind: PRECOMMIT,
                        height: HEIGHT.cast_signed(),
                        round: self.round,
                        block_id: Some(block_id.clone()),
                        time: parse_time(&vote.timestamp),
                        chain_id: chain.to_owned(),
                    })
            })
        };
        Ok(validators.filter(|key| is_signed_by(key)).count())
    }
}

impl Vote {
    fn is_by(&self, key: &Did, content: impl FnOnce() -> CanonicalVote) -> bool {
        let signature = self.signature.as_ref().and_then(|text| STANDARD.decode(text).ok());
        let signature: Option<[u8; 64]> = signature.and_then(|bytes| bytes.try_into().ok());
        let content = content();
        // A time that cannot be read was not signed.
        signature.filter(|_| content.time.is_some()).is_some_and(|signature| {
            let signed = content.encode_length_delimited_to_vec();
            key.verify_raw(&signed, &Signature::from_bytes(signature)).is_ok()
        })
    }
}

/// What a validator signs when it votes.
#[derive(Clone, PartialEq, Message)]
struct CanonicalVote {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
    #[prost(message, optional, tag = "4")]
    block_id: Option<CanonicalBlockId>,
    #[prost(message, optional, tag = "5")]
    time: Option<Time>,
    #[prost(string, tag = "6")]
    chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct CanonicalBlockId {
    #[prost(bytes = "vec", tag = "1")]
    hash: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    parts: Option<CanonicalParts>,
}

#[derive(Clone, PartialEq, Message)]
struct CanonicalParts {
    #[prost(uint32, tag = "1")]
    total: u32,
    #[prost(bytes = "vec", tag = "2")]
    hash: Vec<u8>,
}

/// `google.protobuf.Timestamp`, to the nanosecond.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// `2026-01-31T23:59:59.123456789Z` with up to nine decimals, none before 1970.
fn parse_time(text: &str) -> Option<Time> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, decimals) = time.split_once('.').unwrap_or((time, ""));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range || decimals.len() > 9 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{decimals:0<9}").parse().ok()?;
    // Days from 1 March of year 0, the leap day last: Howard Hinnant, "chrono-compatible low-level date algorithms".
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = (days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Time { seconds, nanos })
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let parts: Option<Vec<i64>> = text
        .split(separator)
        .map(|part| part.parse().ok().filter(|_| part.bytes().all(|digit| digit.is_ascii_digit())))
        .collect();
    parts?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contract::SigningKey;
    use ledger::Validator;
    use ledger::alliance::{self, Card, Standing};
    use serde_json::json;

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    /// Four founders, whose validators have the keys 11 to 14.
    fn alliance() -> Alliance {
        let member = |number: u8| {
            let (key, name) = (key(number), format!("member-{number}"));
            let card = Card::sign(&key, &name, Standing::Member, "127.0.0.1:1", "https://127.0.0.1:2", b"x");
            let [vote, node] = [10, 20].map(|more| self::key(number + more).did());
            let validator = Validator { key: vote, node, address: format!("127.0.0.1:1{number}") };
            Card { validator: Some(validator), ..card.unwrap() }.renewed(&key).unwrap()
        };
        let mut members: Vec<_> = (1..=4).map(member).collect();
        members.sort_by_key(|card| card.member);
        Alliance {
            format: alliance::FORMAT.to_owned(),
            name: "Four".to_owned(),
            founded: 1_800_000_000,
            operator: None,
            quorum: 3,
            members,
            points: BTreeMap::new(),
        }
    }

    fn vote(signer: u8, claimed: u8, height: i64, chain: &str) -> Value {
        let timestamp = "2026-11-21T23:07:36.120000001Z";
        let content = CanonicalVote {
            kind: PRECOMMIT,
            height,
            round: 0,
            block_id: Some(CanonicalBlockId {
                hash: vec![0xab; 32],
                parts: Some(CanonicalParts { total: 1, hash: vec![0xcd; 32] }),
            }),
            time: parse_time(timestamp),
            chain_id: chain.to_owned(),
        };
        let signature = key(signer).sign_raw(&content.encode_length_delimited_to_vec());
        json!({
            "block_id_flag": FOR_THIS_BLOCK,
            "validator_address": hex::encode_upper(validators::address(&key(claimed).did())),
            "timestamp": timestamp,
            "signature": signature.to_string(),
        })
    }

    fn asked(votes: Vec<Value>) -> Result<String, String> {
        let parts = json!({ "total": 1, "hash": "CD".repeat(32) });
        let block_id = json!({ "hash": "AB".repeat(32), "parts": parts });
        let commit = json!({ "height": "1", "round": 0, "block_id": block_id, "signatures": votes });
        let answer = json!({ "result": { "signed_header": { "commit": commit } } }).to_string();
        vouched_for(&alliance(), answer.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn more_than_two_thirds_of_the_founders_validators_vouch_for_it() {
        let chain = chain_id(&alliance().id().unwrap());
        let good = |seed| vote(seed, seed, 1, &chain);
        assert_eq!(asked(vec![good(11), good(12), good(13)]).unwrap(), "AB".repeat(32));
        let too_few = |votes| asked(votes).unwrap_err();
        assert!(too_few(vec![good(11), good(12)]).contains("2 of 4"), "two thirds are not enough");
        assert!(too_few(vec![good(11), good(12), good(12), good(12)]).contains("2 of 4"), "each counts once");
        assert!(too_few(vec![good(11), good(12), good(31)]).contains("2 of 4"), "another's key");
        assert!(too_few(vec![good(11), good(12), vote(12, 13, 1, &chain)]).contains("2 of 4"), "not its own");
        assert!(
            too_few(vec![good(11), good(12), vote(13, 13, 2, &chain)]).contains("2 of 4"),
            "another height"
        );
        assert!(too_few(vec![good(11), good(12), vote(13, 13, 1, "treaty-other")]).contains("2 of 4"));
        let mut absent = good(13);
        absent["block_id_flag"] = json!(3);
        assert!(too_few(vec![good(11), good(12), absent]).contains("2 of 4"), "a vote for no block");
    }

    #[test]
    fn what_is_not_a_commit_is_refused() {
        let refused = |text: &str| vouched_for(&alliance(), text.as_bytes()).unwrap_err().to_string();
        for text in ["", "{}", r#"{"error":{"data":"height 1 is not available"}}"#] {
            assert!(refused(text).contains("first block"), "{}", refused(text));
        }
        let other = r#"{"result":{"signed_header":{"commit":{"height":"2","round":0,
            "block_id":{"hash":"","parts":{"total":1,"hash":""}},"signatures":[]}}}}"#;
        assert!(refused(other).contains("height 2"), "{}", refused(other));
    }

    #[test]
    fn times_are_read_to_the_nanosecond() {
        let read = |text| parse_time(text).map(|time| (time.seconds, time.nanos));
        assert_eq!(read("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(read("2000-02-29T12:00:01.5Z"), Some((951_825_601, 500_000_000)));
        assert_eq!(read("2026-11-21T23:07:36.123456789Z"), Some((1_795_302_456, 123_456_789)));
        for wrong in [
            "",
            "2026-11-21",
            "2026-13-21T23:07:36Z",
            "2026-11-21T23:07:36",
            "2026-11-21T23:07:36.1234567890Z",
            "2026-11-21T+3:07:36Z",
            "1969-11-21T23:07:36Z",
            "2026-11-21T23:07:36.1-Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
