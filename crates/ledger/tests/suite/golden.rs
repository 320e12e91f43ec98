//! The form of what is on the ledger. A change here is a change of the protocol: members that run another build
//! would compute other roots.

use contract::{audit::Opinion, policy::Refusal};
use ledger::{
    Action, Content, Entry, FailReason, Ledger, Page, Proof, SignedTransaction, state::ContractRecord,
};
use proptest::prelude::*;

use crate::world::{FOUNDED, World, hash};

/// The kind of an entry, as it is written.
fn kind(entry: &Entry) -> String {
    let Content::Transaction(signed) = &entry.content else { return "alliance".to_owned() };
    let action = serde_json::to_value(&signed.transaction.action).unwrap();
    action.as_object().unwrap().keys().next().unwrap().clone()
}

#[test]
fn every_build_comes_to_the_same_roots() {
    let mut world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&directory.path().join("ledger.redb"), world.alliance.clone()).unwrap();
    let mut lines = vec![format!("alliance {}", ledger.root())];
    for (transaction, now) in world.whole_path(hash("run")).into_iter().zip(FOUNDED + 10..) {
        ledger.append(now, vec![transaction]).unwrap()[0].as_ref().unwrap();
        let entry = ledger.entries(ledger.size() - 1, 1).unwrap().remove(0);
        lines.push(format!("{} {}", kind(&entry), ledger.root()));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn actions_are_written_so_that_people_can_read_them() {
    let world = World::new();
    let (contract, run) = (world.contract().id().unwrap(), hash("run"));
    let reason = FailReason { text: "south does not answer".to_owned(), blamed: Some(world.did(2)) };
    let actions = [
        Action::WithdrawDataset { dataset: "north/staff@1".to_owned() },
        world.consent(&world.contract(), &world.members[1]),
        Action::AuditContract { contract, report: hash("audit report"), opinion: Opinion::Approved },
        Action::RevokeContract { contract, reason: "the study is over".to_owned() },
        world.request(contract, run),
        Action::PermitRun { run },
        Action::RefuseRun { run, refusals: vec![Refusal::Revoked] },
        Action::CommitInput { run, commitment: world.commitment(0) },
        world.file(contract, run, 0),
        Action::FailRun { run, reason },
        Action::NothingOpened { run },
    ];
    let written: Vec<String> =
        actions.iter().map(|action| serde_json::to_string_pretty(action).unwrap()).collect();
    insta::assert_snapshot!(written.join("\n"));
}

#[test]
fn records_say_where_a_contract_stands_without_repeating_it() {
    let world = World::new();
    let (state, id) = world.activated(&world.contract());
    let record: &ContractRecord = state.contract(&id).unwrap();
    let written = serde_json::to_value(record).unwrap();
    let fields: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "proposed",
        "proposed_at",
        "revoked",
        "runs_taken",
        "signatures",
        "signed",
        "state",
        "superseded_by",
    ];
    assert_eq!(fields, expected);
}

/// Bytes that were valid, with some of them changed.
fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    changes.prop_map(move |changes| {
        let mut changed = bytes.clone();
        for (at, value) in changes {
            let at = at.index(changed.len());
            changed[at] = value;
        }
        changed
    })
}

fn a_transaction() -> Vec<u8> {
    let world = World::new();
    let file = world.file(world.contract().id().unwrap(), hash("run"), 0);
    world.sign_as(&world.members[0], 1, file).to_bytes().unwrap()
}

proptest! {
    #[test]
    fn what_is_read_has_one_spelling(bytes in damaged(a_transaction())) {
        if let Ok(transaction) = SignedTransaction::from_bytes(&bytes) {
            prop_assert_eq!(transaction.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn reading_answers_anything(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(SignedTransaction::from_bytes(&bytes).is_err());
        prop_assert!(Entry::from_bytes(&bytes).is_err());
        prop_assert!(Page::from_bytes(&bytes).is_err());
        prop_assert!(Proof::from_bytes(&bytes).is_err());
    }
}
