//! Checkpoints as text: strict here, and readable by independent implementations of signed notes and checkpoints.

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{Did, Signature};
use ledger::log::{
    Checkpoint, EndorsementFlaw, Note, NoteFlaw, NoteSignature,
    note::{self, key_id},
};
use proptest::prelude::*;
use signed_note::Verifier;

use crate::world::{hash, key};

const TIME: u64 = 1_679_315_147;

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: Checkpoint::origin_of(&hash("alliance")), size: 20_852_163, root: hash("root") }
}

fn endorsed() -> Note {
    let checkpoint = checkpoint();
    let signatures = vec![checkpoint.sign(&key(1)), checkpoint.cosign(&key(2), TIME)];
    Note { body: checkpoint.body(), signatures }
}

/// A cosigner's key in the form that the other implementation asks, checking as `tlog-cosignature` says.
struct Cosigner {
    name: String,
    did: Did,
}

impl Verifier for Cosigner {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        signed_note::key_id(&self.name, &[&[0x04], self.did.public_key().as_slice()].concat())
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let (time, signature) = signature.split_at(8);
        let time = u64::from_be_bytes(time.try_into().unwrap());
        let message = [format!("cosignature/v1\ntime {time}\n").as_bytes(), text].concat();
        let signature = Signature::from_bytes(signature.try_into().unwrap());
        time == TIME && self.did.verify_raw(&message, &signature).is_ok()
    }
}

#[test]
fn other_implementations_read_and_verify_checkpoints() {
    let text = endorsed().to_text();
    let theirs = signed_note::Note::from_bytes(text.as_bytes()).unwrap();
    let read = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    let checkpoint = checkpoint();
    assert_eq!((read.origin(), read.size()), (checkpoint.origin.as_str(), checkpoint.size));
    assert_eq!(&read.hash().0, checkpoint.root.as_bytes());
    assert_eq!(read.to_bytes(), checkpoint.body().into_bytes());

    let operator = key(1).did();
    let encoded = [&[0x01], operator.public_key().as_slice()].concat();
    let id = u32::from_be_bytes(key_id(&checkpoint.origin, 0x01, operator.public_key()));
    let vkey = format!("{}+{id:08x}+{}", checkpoint.origin, STANDARD.encode(encoded));
    let log = signed_note::StandardVerifier::new(&vkey).unwrap();
    let did = key(2).did();
    let cosigner = Cosigner { name: did.to_string(), did };
    let known = signed_note::VerifierList::new(vec![Box::new(log), Box::new(cosigner)]);
    let (verified, unverified) = theirs.verify(&known).unwrap();
    assert_eq!((verified.len(), unverified.len()), (2, 0));
    assert_eq!(theirs.to_bytes(), text.as_bytes());
}

#[test]
fn a_note_is_read_back_as_it_was_written() {
    let note = endorsed();
    assert_eq!(Note::parse(&note.to_text()), Ok(note));
    assert_eq!(Checkpoint::parse_body(&checkpoint().body()), Ok(checkpoint()));
}

#[test]
fn what_is_not_a_note_is_refused() {
    let text = endorsed().to_text();
    let flaw = |text: &str| Note::parse(text).unwrap_err();
    assert_eq!(flaw(""), NoteFlaw::NoSignatures);
    assert_eq!(flaw(&checkpoint().body()), NoteFlaw::NoSignatures);
    assert_eq!(flaw(text.trim_end()), NoteFlaw::NoSignatures);
    assert_eq!(flaw(&text.replace('\n', "\r\n")), NoteFlaw::ControlCharacter);
    assert_eq!(flaw(&text.replace('—', "-")), NoteFlaw::SignatureLine { line: 1 });
    assert_eq!(flaw(&text.replace("did:key", "did key")), NoteFlaw::SignatureLine { line: 2 });
    assert_eq!(flaw(&text.replace("did:key", "did+key")), NoteFlaw::SignatureLine { line: 2 });
    assert_eq!(flaw(&format!("{text}\n")), NoteFlaw::NoSignatures);
    assert_eq!(flaw("text\n\n— name AAAAAA==\n"), NoteFlaw::SignatureLine { line: 1 });
    assert_eq!(flaw(&" ".repeat(note::NOTE_BYTES_MAX + 1)), NoteFlaw::TooLarge);
    let line = NoteSignature { name: "n".to_owned(), key_id: [0; 4], bytes: vec![0] };
    let many = Note { body: "text\n".to_owned(), signatures: vec![line; note::SIGNATURES_MAX + 1] };
    assert_eq!(flaw(&many.to_text()), NoteFlaw::TooManySignatures);
}

#[test]
fn what_is_not_a_checkpoint_is_refused() {
    let root = STANDARD.encode(hash("root").as_bytes());
    let bodies = [
        String::new(),
        format!("origin\n1\n{root}"),
        format!("origin\n01\n{root}\n"),
        format!("origin\n+1\n{root}\n"),
        format!("origin\n-1\n{root}\n"),
        format!("origin\n18446744073709551616\n{root}\n"),
        format!("\n1\n{root}\n"),
        format!("origin\n1\n{root}\nextension\n"),
        format!("origin\n1\n{}\n", root.trim_end_matches('=')),
        "origin\n1\nAAAA\n".to_owned(),
    ];
    for body in bodies {
        assert_eq!(Checkpoint::parse_body(&body), Err(EndorsementFlaw::Body), "{body:?}");
    }
}

proptest! {
    #[test]
    fn reading_answers_anything(text in "[ -~\n—]{0,200}") {
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(note.to_text(), text);
        }
    }

    #[test]
    fn every_note_has_one_spelling(at in any::<prop::sample::Index>(), with in "[ -~\n—]") {
        let text = endorsed().to_text();
        let (before, _) = text.char_indices().nth(at.index(text.chars().count())).unwrap();
        let rest = text[before..].chars().skip(1).collect::<String>();
        let changed = format!("{}{with}{rest}", &text[..before]);
        if let Ok(note) = Note::parse(&changed) {
            prop_assert_eq!(note.to_text(), changed);
        }
    }
}
