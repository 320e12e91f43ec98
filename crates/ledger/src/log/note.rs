//! Signed notes: text with signature lines, in the format of C2SP `signed-note`.
//!
//! A note has one spelling here: reading and writing again gives the same bytes.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// Most bytes of a note: 128 members' signatures of about 170 bytes each fit.
pub const NOTE_BYTES_MAX: usize = 1 << 16;
/// Most signature lines.
pub const SIGNATURES_MAX: usize = 256;

/// A text with its signatures, none of them checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed; ends with a line feed.
    pub body: String,
    /// At least one.
    pub signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// See [`key_id`].
    pub key_id: [u8; 4],
    /// The signature, in the form that the algorithm has.
    pub bytes: Vec<u8>,
}

/// Why a text is not a signed note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteFlaw {
    /// More bytes than are looked at.
    #[error("a note has at most {NOTE_BYTES_MAX} bytes")]
    TooLarge,
    /// Control characters.
    #[error("a note holds no control characters other than line feeds")]
    ControlCharacter,
    /// No blank line before the signatures, or no line feed at the end.
    #[error("a note is a text, a blank line, and signature lines")]
    NoSignatures,
    /// More than [`SIGNATURES_MAX`].
    #[error("a note has at most {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A line that is not `— name base64`.
    #[error("signature line {line} is not an em dash, a name, and base64 of more than 4 bytes")]
    SignatureLine {
        /// Counts from 1.
        line: usize,
    },
}

/// The first four bytes of `SHA-256(name ‖ 0x0A ‖ algorithm ‖ public key)`.
pub fn key_id(name: &str, algorithm: u8, public_key: &[u8; 32]) -> [u8; 4] {
    let hasher = Sha256::new().chain_update(name).chain_update([b'\n', algorithm]).chain_update(public_key);
    let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
    [a, b, c, d]
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// The first [`NoteFlaw`] found.
    pub fn parse(text: &str) -> Result<Self, NoteFlaw> {
        if text.len() > NOTE_BYTES_MAX {
            return Err(NoteFlaw::TooLarge);
        }
        if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteFlaw::ControlCharacter);
        }
        let (text_before, lines) = text.rsplit_once("\n\n").ok_or(NoteFlaw::NoSignatures)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteFlaw::NoSignatures)?;
        let lines: Vec<&str> = lines.split('\n').collect();
        if lines.len() > SIGNATURES_MAX {
            return Err(NoteFlaw::TooManySignatures);
        }
        let signatures = lines
            .iter()
            .enumerate()
            .map(|(at, line)| NoteSignature::parse(line).ok_or(NoteFlaw::SignatureLine { line: at + 1 }))
            .collect::<Result<_, _>>()?;
        Ok(Self { body: format!("{text_before}\n"), signatures })
    }

    /// The note as text.
    pub fn to_text(&self) -> String {
        let lines: String = self.signatures.iter().map(NoteSignature::to_line).collect();
        format!("{}\n{lines}", self.body)
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c == '+') {
            return None;
        }
        let decoded = STANDARD.decode(signature).ok()?;
        let (key_id, bytes) = decoded.split_first_chunk::<4>()?;
        (!bytes.is_empty()).then(|| Self { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
    }

    fn to_line(&self) -> String {
        let signature = [self.key_id.as_slice(), &self.bytes].concat();
        format!("— {} {}\n", self.name, STANDARD.encode(signature))
    }
}
