//! The first messages on a connection for a run: who is here for what, and in which version of the protocol.
//!
//! The party that dialled greets, the other answers with its own greeting or with a refusal.
//!
//! | bytes | field, big-endian |
//! | --- | --- |
//! | 8 | mark, `treatmpc` |
//! | 2 | version of the session protocol |
//! | 1 | kind: 0 greeting, 1 refusal |
//! | 2 | length of what follows, at most 1024 |
//! | 70 | greeting: run (32), sender's party (2), receiver's party (2), number of parties (2), roster digest (32) |
//! | 1 | refusal: its reason |
//!
//! The first four fields are the same in every version, so that any two versions can name each other; what follows
//! is read only when the version is this one.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::plan::{Plan, Run};
use crate::error::{GreetingFault, Refusal};

/// The version of everything that is said on a run's connection, frames included.
pub(super) const VERSION: u16 = 1;

const MARK: [u8; 8] = *b"treatmpc";
const HEAD_BYTES: usize = 13;
const REST_BYTES_MAX: usize = 1024;
const GREETING_BYTES: usize = 70;

const KIND_GREETING: u8 = 0;
const KIND_REFUSAL: u8 = 1;

/// What a party says of itself and of the run that it is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) run: Run,
    /// The place of the party that sends this.
    pub(super) from: u16,
    /// The place of the party that it is for.
    pub(super) to: u16,
    pub(super) parties: u16,
    /// [`Plan::roster`] of the sender's plan.
    pub(super) roster: [u8; 32],
}

impl Greeting {
    /// The greeting of this node to the party at place `to`. The plan has at most [`Plan::PARTIES_MAX`] parties.
    pub(super) fn of(plan: &Plan, to: usize) -> Self {
        let place = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
        Self {
            run: plan.run,
            from: place(plan.me.0),
            to: place(to),
            parties: place(plan.parties.len()),
            roster: plan.roster(),
        }
    }

    /// The same greeting as the party that answers it should give it.
    pub(super) fn answered(&self) -> Self {
        Self { from: self.to, to: self.from, ..*self }
    }
}

/// What comes first on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    Greeting(Greeting),
    /// Also what is read of any message of another version: [`Refusal::Version`].
    Refusal(Refusal),
}

impl Message {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, rest) = match self {
            Self::Greeting(greeting) => (KIND_GREETING, encode_greeting(greeting)),
            Self::Refusal(refusal) => (KIND_REFUSAL, vec![reason_code(*refusal)]),
        };
        let mut bytes = MARK.to_vec();
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&(rest.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&rest);
        bytes
    }

    /// Reads one message and not a byte more.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, GreetingFault> {
        let ended = |error: std::io::Error| GreetingFault::Ended(error.to_string());
        let mut head = [0; HEAD_BYTES];
        stream.read_exact(&mut head).await.map_err(ended)?;
        let [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1, kind, l0, l1] = head;
        if [m0, m1, m2, m3, m4, m5, m6, m7] != MARK {
            return Err(GreetingFault::Mark);
        }
        let version = u16::from_be_bytes([v0, v1]);
        if version != VERSION {
            return Ok(Self::Refusal(Refusal::Version { theirs: version, ours: VERSION }));
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length > REST_BYTES_MAX {
            return Err(GreetingFault::TooLong { found: length, bytes_max: REST_BYTES_MAX });
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await.map_err(ended)?;
        match kind {
            KIND_GREETING => decode_greeting(&rest).map(Self::Greeting),
            KIND_REFUSAL => decode_refusal(&rest).map(Self::Refusal),
            unknown => Err(GreetingFault::Kind(unknown)),
        }
    }

    pub(super) async fn write(&self, stream: &mut (impl AsyncWrite + Unpin)) -> Result<(), GreetingFault> {
        let ended = |error: std::io::Error| GreetingFault::Ended(error.to_string());
        stream.write_all(&self.encode()).await.map_err(ended)?;
        stream.flush().await.map_err(ended)
    }
}

fn encode_greeting(greeting: &Greeting) -> Vec<u8> {
    let mut bytes = greeting.run.0.to_vec();
    for number in [greeting.from, greeting.to, greeting.parties] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&greeting.roster);
    bytes
}

fn decode_greeting(bytes: &[u8]) -> Result<Greeting, GreetingFault> {
    greeting_fields(bytes).ok_or(GreetingFault::Size { expected: GREETING_BYTES, found: bytes.len() })
}

/// The fields of a greeting; `None` when it has another size.
fn greeting_fields(bytes: &[u8]) -> Option<Greeting> {
    let (run, rest) = bytes.split_first_chunk()?;
    let (&[f0, f1, t0, t1, p0, p1], roster) = rest.split_first_chunk()?;
    Some(Greeting {
        run: Run(*run),
        from: u16::from_be_bytes([f0, f1]),
        to: u16::from_be_bytes([t0, t1]),
        parties: u16::from_be_bytes([p0, p1]),
        roster: roster.try_into().ok()?,
    })
}

fn reason_code(refusal: Refusal) -> u8 {
    match refusal {
        Refusal::Version { .. } => 0,
        Refusal::UnknownRun => 1,
        Refusal::WrongParty => 2,
        Refusal::OtherParties => 3,
        Refusal::Busy => 4,
    }
}

fn decode_refusal(bytes: &[u8]) -> Result<Refusal, GreetingFault> {
    match bytes {
        [1] => Ok(Refusal::UnknownRun),
        [2] => Ok(Refusal::WrongParty),
        [3] => Ok(Refusal::OtherParties),
        [4] => Ok(Refusal::Busy),
        [unknown] => Err(GreetingFault::Reason(*unknown)),
        _ => Err(GreetingFault::Size { expected: 1, found: bytes.len() }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// What is read from `bytes`, and how many of them were left.
    fn read(bytes: &[u8]) -> (Result<Message, GreetingFault>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut rest = bytes;
        let message = runtime.block_on(Message::read(&mut rest));
        (message, rest.len())
    }

    fn greeting() -> Greeting {
        Greeting { run: Run([1; 32]), from: 2, to: 0, parties: 3, roster: [9; 32] }
    }

    #[test]
    fn messages_are_read_as_they_were_written_and_no_further() {
        let refusals = [Refusal::UnknownRun, Refusal::WrongParty, Refusal::OtherParties, Refusal::Busy]
            .map(Message::Refusal);
        for message in refusals.into_iter().chain([Message::Greeting(greeting())]) {
            let mut bytes = message.encode();
            assert_eq!(
                read(&bytes[..bytes.len() - 1]).0.map_err(|fault| matches!(fault, GreetingFault::Ended(_))),
                Err(true)
            );
            bytes.extend_from_slice(b"frames");
            assert_eq!(read(&bytes), (Ok(message), 6));
        }
    }

    #[test]
    fn another_version_is_named_and_not_read() {
        let mut bytes = Message::Greeting(greeting()).encode();
        bytes[8..10].copy_from_slice(&7_u16.to_be_bytes());
        let (message, left) = read(&bytes);
        assert_eq!(message, Ok(Message::Refusal(Refusal::Version { theirs: 7, ours: VERSION })));
        assert_eq!(left, GREETING_BYTES);
    }

    #[test]
    fn what_is_no_greeting_is_refused_by_name() {
        let bytes = Message::Greeting(greeting()).encode();
        let changed = |at: usize, to: &[u8]| {
            let mut bytes = bytes.clone();
            bytes[at..at + to.len()].copy_from_slice(to);
            read(&bytes).0.unwrap_err()
        };
        assert_eq!(changed(0, b"GET / HT"), GreetingFault::Mark);
        assert_eq!(changed(10, &[2]), GreetingFault::Kind(2));
        assert_eq!(changed(11, &[4, 1]), GreetingFault::TooLong { found: 1025, bytes_max: 1024 });
        assert_eq!(changed(11, &[0, 69]), GreetingFault::Size { expected: 70, found: 69 });
        assert_eq!(changed(10, &[1]), GreetingFault::Size { expected: 1, found: 70 });
        let mut refusal = Message::Refusal(Refusal::Busy).encode();
        refusal[HEAD_BYTES] = 0;
        assert_eq!(read(&refusal).0, Err(GreetingFault::Reason(0)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            let marked = [&MARK[..], &VERSION.to_be_bytes(), &bytes].concat();
            for bytes in [bytes, marked] {
                if let (Ok(message @ Message::Greeting(_)), left) = read(&bytes) {
                    prop_assert_eq!(message.encode(), &bytes[..bytes.len() - left]);
                }
            }
        }
    }
}
