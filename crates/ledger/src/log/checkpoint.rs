//! Checkpoints: the log's root at a size, signed by the operator and cosigned by members.
//!
//! The text is a C2SP `tlog-checkpoint`. The operator signs it as the log (Ed25519, key name = origin); members add
//! timestamped cosignatures (`cosignature/v1`, key name = their identity). Public tools can check both. Unlike those
//! tools, which ignore signatures by keys that they don't know, everything here refuses them: nothing in a checkpoint
//! may be unaccounted for.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{Did, Hash, Signature, SigningKey};

use super::note::{Note, NoteFlaw, NoteSignature, key_id};
use crate::{Roster, alliance::Standing};

/// Ed25519 over the note's text (C2SP `signed-note`).
const ALGORITHM_LOG: u8 = 0x01;
/// Timestamped Ed25519 cosignature (C2SP `tlog-cosignature`).
const ALGORITHM_COSIGNATURE: u8 = 0x04;
/// C2SP bounds timestamps; so does canonical JSON.
const TIMESTAMP_END: u64 = 1 << 53;

/// A log's root at a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Names the log: `treaty/` and the alliance's hash.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Merkle tree hash of these entries.
    pub root: Hash,
}

/// Who stands behind a checkpoint: every signature was found valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endorsement {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// Whether the operator signed it.
    pub operator: bool,
    /// When each cosigner says that it had checked the log up to here, seconds since 1970.
    pub cosigners: BTreeMap<Did, u64>,
    /// Different members among the operator and the cosigners; regulators don't count.
    pub members: usize,
    /// Signed by the operator, if there is one, and by as many members as the alliance's quorum asks for.
    pub is_final: bool,
}

/// Why a checkpoint is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndorsementFlaw {
    /// Not a signed note.
    #[error("the checkpoint is not a signed note: {0}")]
    Note(#[from] NoteFlaw),
    /// Not an origin, a size and a root.
    #[error("a checkpoint has three lines: an origin, a size and a root in base64")]
    Body,
    /// Another log.
    #[error("the checkpoint is of log `{found}`, expected `{expected}`")]
    Origin {
        /// This alliance's log.
        expected: String,
        /// The checkpoint's.
        found: String,
    },
    /// A signature by nobody in the alliance, or in another form.
    #[error("the checkpoint has a signature by `{name}` that no key of the alliance explains")]
    UnknownSigner {
        /// As named.
        name: String,
    },
    /// A signature that is not by the one who is named.
    #[error("the signature of `{name}` on the checkpoint is not valid")]
    Forged {
        /// As named.
        name: String,
    },
    /// The operator comes first, then cosigners by identity, each once.
    #[error("the signature of `{name}` on the checkpoint is out of order or there twice")]
    Order {
        /// As named.
        name: String,
    },
}

impl Checkpoint {
    /// The origin of an alliance's log.
    pub fn origin_of(alliance: &Hash) -> String {
        format!("treaty/{alliance}")
    }

    /// The text that is signed.
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// Reads the text that is signed; extension lines are refused.
    ///
    /// # Errors
    /// [`EndorsementFlaw::Body`].
    pub fn parse_body(body: &str) -> Result<Self, EndorsementFlaw> {
        let lines = body.strip_suffix('\n').ok_or(EndorsementFlaw::Body)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(EndorsementFlaw::Body);
        };
        let number: u64 = size.parse().map_err(|_| EndorsementFlaw::Body)?;
        let bytes = STANDARD.decode(root).map_err(|_| EndorsementFlaw::Body)?;
        let root = <[u8; 32]>::try_from(bytes).map_err(|_| EndorsementFlaw::Body)?;
        // "007" and "+7" are numbers too, but not in their one spelling.
        if origin.is_empty() || number.to_string() != size {
            return Err(EndorsementFlaw::Body);
        }
        Ok(Self { origin: origin.to_owned(), size: number, root: Hash::from_bytes(root) })
    }

    /// The operator's signature line, by the key that it has at this size.
    pub fn sign(&self, operator: &SigningKey) -> NoteSignature {
        NoteSignature {
            name: self.origin.clone(),
            key_id: key_id(&self.origin, ALGORITHM_LOG, operator.did().public_key()),
            bytes: operator.sign_raw(self.body().as_bytes()).as_bytes().to_vec(),
        }
    }

    /// A cosigner's signature line: as of `now` (seconds since 1970) this is the largest consistent log that it saw.
    pub fn cosign(&self, cosigner: &SigningKey, now: u64) -> NoteSignature {
        let name = cosigner.did().to_string();
        let signature = cosigner.sign_raw(&self.cosigned(now));
        NoteSignature {
            key_id: key_id(&name, ALGORITHM_COSIGNATURE, cosigner.did().public_key()),
            bytes: [now.to_be_bytes().as_slice(), signature.as_bytes()].concat(),
            name,
        }
    }

    fn cosigned(&self, now: u64) -> Vec<u8> {
        format!("cosignature/v1\ntime {now}\n{}", self.body()).into_bytes()
    }
}

impl Endorsement {
    /// Checks every signature of a checkpoint, by the keys that counted when the log had its size.
    ///
    /// # Errors
    /// The first [`EndorsementFlaw`] found.
    pub fn check(note: &str, roster: &Roster, alliance_id: &Hash) -> Result<Self, EndorsementFlaw> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse_body(&note.body)?;
        let expected = Checkpoint::origin_of(alliance_id);
        if checkpoint.origin != expected {
            return Err(EndorsementFlaw::Origin { expected, found: checkpoint.origin });
        }
        let mut signatures = note.signatures.as_slice();
        let operator = match signatures.split_first() {
            Some((first, rest)) if first.name == checkpoint.origin => {
                let nobody = || EndorsementFlaw::UnknownSigner { name: first.name.clone() };
                check_operator(&checkpoint, first, &roster.log_key(checkpoint.size).ok_or_else(nobody)?)?;
                signatures = rest;
                true
            }
            _ => false,
        };
        let mut cosigners = BTreeMap::new();
        let mut last: Option<&str> = None;
        for signature in signatures {
            let (cosigner, time) = check_cosigner(&checkpoint, signature, roster)?;
            if last.is_some_and(|last| last >= signature.name.as_str()) {
                return Err(EndorsementFlaw::Order { name: signature.name.clone() });
            }
            last = Some(&signature.name);
            cosigners.insert(cosigner, time);
        }
        Ok(Self::count(checkpoint, operator, cosigners, roster))
    }

    fn count(checkpoint: Checkpoint, operator: bool, cosigners: BTreeMap<Did, u64>, roster: &Roster) -> Self {
        let counts = |did: &&Did| roster.seat(did).is_some_and(|seat| seat.card.standing == Standing::Member);
        let log = roster.operator_at(checkpoint.size);
        let by_itself = operator && log.is_some_and(|did| !cosigners.contains_key(&did));
        let members = cosigners.keys().filter(counts).count() + usize::from(by_itself);
        let is_ordered = operator || roster.operator().is_none();
        let is_final = is_ordered && members >= usize::from(roster.quorum(checkpoint.size));
        Self { checkpoint, operator, cosigners, members, is_final }
    }
}

/// One note with the signatures of both; `known` and `new` must have the same text. Of two cosignatures by one
/// member the known one stays.
pub(crate) fn merge(known: &Note, new: &Note) -> Note {
    let origin = known.body.lines().next().unwrap_or_default();
    let all = new.signatures.iter().chain(&known.signatures);
    // The operator's line sorts first; identities sort as their texts do.
    let by_name: BTreeMap<(bool, &str), &NoteSignature> =
        all.map(|signature| ((signature.name != origin, signature.name.as_str()), signature)).collect();
    Note { body: known.body.clone(), signatures: by_name.into_values().cloned().collect() }
}

fn check_operator(
    checkpoint: &Checkpoint,
    line: &NoteSignature,
    operator: &Did,
) -> Result<(), EndorsementFlaw> {
    let name = || line.name.clone();
    if line.key_id != key_id(&line.name, ALGORITHM_LOG, operator.public_key()) {
        return Err(EndorsementFlaw::UnknownSigner { name: name() });
    }
    let signature: Result<[u8; 64], _> = line.bytes.as_slice().try_into();
    signature
        .ok()
        .and_then(|bytes| {
            operator.verify_raw(checkpoint.body().as_bytes(), &Signature::from_bytes(bytes)).ok()
        })
        .ok_or_else(|| EndorsementFlaw::Forged { name: name() })
}

fn check_cosigner(
    checkpoint: &Checkpoint,
    line: &NoteSignature,
    roster: &Roster,
) -> Result<(Did, u64), EndorsementFlaw> {
    let unknown = || EndorsementFlaw::UnknownSigner { name: line.name.clone() };
    let forged = || EndorsementFlaw::Forged { name: line.name.clone() };
    let cosigner: Did = line.name.parse().map_err(|_| unknown())?;
    let expected = key_id(&line.name, ALGORITHM_COSIGNATURE, cosigner.public_key());
    let member = roster.signer(&cosigner, checkpoint.size).ok_or_else(unknown)?.member;
    if cosigner.to_string() != line.name || line.key_id != expected {
        return Err(unknown());
    }
    let (time, signature) = line.bytes.split_first_chunk::<8>().ok_or_else(forged)?;
    let time = u64::from_be_bytes(*time);
    let signature: [u8; 64] = signature.try_into().map_err(|_| forged())?;
    cosigner
        .verify_raw(&checkpoint.cosigned(time), &Signature::from_bytes(signature))
        .ok()
        .filter(|()| time < TIMESTAMP_END)
        .map(|()| (member, time))
        .ok_or_else(forged)
}
