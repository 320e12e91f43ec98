//! What people read when something is refused: every text, side by side.

use std::collections::BTreeSet;

use contract::{Did, Hash, canonical::CanonicalError, disclosure::Unit, document::Role, lifecycle, text};
use ledger::{
    Disagreement, Divergence, Phase, Refused,
    log::EndorsementFlaw,
    proof::{Evidence, Flaw},
    receipt::Difference,
    refused::{
        AccessRule, CatalogRule, DatasetRule, DisputeRule, GovernanceRule, IdentityRule, PointsRule,
        ReceiptRule,
    },
};

use crate::world::key;

fn hash(digit: u8) -> Hash {
    Hash::from_bytes([digit; 32])
}

/// Identities and hashes cut to their first characters, so that the texts can be read.
fn readable(text: &str) -> String {
    let short = |word: &str| -> String {
        let keep = if word.starts_with("did:key:") { 14 } else { 6 };
        let long = word.len() >= 56 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == ':');
        if long { format!("{}…", word.chars().take(keep).collect::<String>()) } else { word.to_owned() }
    };
    let mut shown = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != ':') {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != ':');
        shown.push_str(&short(word.trim_end_matches(':')));
        shown.push_str(&part[word.trim_end_matches(':').len()..]);
    }
    shown
}

#[test]
fn refusals() {
    let texts: Vec<String> = general()
        .into_iter()
        .chain(datasets())
        .chain(contracts())
        .chain(runs())
        .map(|refused| format!("{}\n    {}", refused.rule(), readable(&refused.to_string())))
        .collect();
    let rules: BTreeSet<_> = texts.iter().filter_map(|text| text.lines().next()).collect();
    assert_eq!(rules.len(), 47, "one of each");
    insta::assert_snapshot!(texts.join("\n"));
}

fn did(seed: u8) -> Did {
    key(seed).did()
}

fn general() -> Vec<Refused> {
    let who = did(1);
    vec![
        Refused::Canonical(CanonicalError::TooLarge { limit: 1_044_224, found: 2_000_000 }),
        Refused::ForgedTransaction { member: who },
        Refused::OtherAlliance { expected: hash(1), found: hash(2) },
        Refused::NotInAlliance { who },
        Refused::RegulatorMayNot { who, what: "publish datasets" },
        Refused::Sequence { member: who, expected: 4, found: 3 },
        Refused::TimeWentBack { last: 1_800_000_010, found: 1_800_000_009 },
        Refused::Text { what: "reason", flaw: text::Flaw::TooLong { limit: 1000, found: 1200 } },
    ]
}

fn datasets() -> Vec<Refused> {
    let dataset = || "north/staff@1".to_owned();
    let path = || "north/staff".to_owned();
    let malformed = |rule| Refused::DatasetMalformed { dataset: dataset(), rule };
    vec![
        malformed(DatasetRule::Path { expected: "north".to_owned() }),
        malformed(DatasetRule::EmptyRoot),
        malformed(DatasetRule::Description(text::Flaw::Empty)),
        malformed(DatasetRule::ColumnCount),
        malformed(DatasetRule::ColumnName {
            column: "a\u{fffd}".to_owned(),
            flaw: text::Flaw::Hidden { code: 0x202e },
        }),
        malformed(DatasetRule::ColumnTwice { column: "salary".to_owned() }),
        malformed(DatasetRule::TermsColumn { column: "bonus".to_owned() }),
        malformed(DatasetRule::Terms),
        malformed(DatasetRule::TermsReceiver { receiver: did(9) }),
        Refused::NotOwner { dataset: dataset(), owner: did(1), who: did(2) },
        Refused::Version { path: path(), expected: 2, found: 4 },
        Refused::DatasetId { path: path(), expected: hash(2), found: hash(3) },
        Refused::DatasetIdTaken { path: path(), id: hash(3) },
        Refused::UnknownDataset { dataset: dataset() },
        Refused::WithdrawnDataset { dataset: dataset() },
    ]
}

fn contracts() -> Vec<Refused> {
    let (contract, who) = (hash(7), did(2));
    let dataset = || "north/staff@1".to_owned();
    vec![
        Refused::ContractMalformed { flaws: vec!["one flaw".to_owned(), "another".to_owned()] },
        Refused::ContractOfOtherAlliance { expected: hash(1), found: hash(2) },
        Refused::ContractExists { contract },
        Refused::UnknownContract { contract },
        Refused::PartyName { party: who, expected: "lake".to_owned(), found: "see".to_owned() },
        Refused::RegulatorRole { party: who, role: Role::ComputeParty },
        Refused::NotAParty { who, contract },
        Refused::NotInRole { who, role: Role::DataUser, contract },
        Refused::ProviderIsNotOwner { dataset: dataset(), owner: did(1), provider: who },
        Refused::DatasetRoot { dataset: dataset(), expected: hash(3), found: hash(4) },
        Refused::NotReplaceable { contract, state: lifecycle::State::Superseded },
        Refused::OtherParties { contract },
        Refused::ContractState {
            contract,
            state: lifecycle::State::Expired,
            event: lifecycle::Event::Revoked,
        },
        Refused::AlreadySigned { party: who, contract },
        Refused::ForgedSignature { party: who, contract },
    ]
}

fn runs() -> Vec<Refused> {
    let (contract, run, who) = (hash(7), hash(8), did(2));
    let now = 1_800_000_010;
    vec![
        Refused::RunExists { run },
        Refused::UnknownRun { run },
        Refused::NotActive { contract, state: lifecycle::State::Exhausted },
        Refused::NotYetValid { contract, not_before: now + 1, now },
        Refused::Purpose { contract, expected: "pay equity study".to_owned(), found: "marketing".to_owned() },
        Refused::InsufficientPoints { payer: who, balance: 5, fee: 1000 },
        Refused::PrivacyBudget {
            dataset: "lake/salaries".to_owned(),
            user: who,
            unit: Unit::Epsilon,
            limit: 1_000_000,
            spent: 750_000,
            asked: 500_000,
        },
        Refused::PrivacyUnit {
            dataset: "lake/salaries@1".to_owned(),
            expected: Unit::Epsilon,
            found: Unit::Rho,
        },
        Refused::FeePending { contract, run },
        Refused::NotAParticipant { who, run },
        Refused::RunPhase { run, phase: Phase::Completed, step: "permit it" },
        Refused::AlreadyDone { who, run, step: "file a receipt" },
        Refused::RunTimedOut { run, deadline: now, now },
        Refused::RefusalCount { found: 0 },
        Refused::ComponentCount { found: 65 },
        Refused::CommittedRows { provider: who, expected: 130, found: 5 },
        Refused::ReceiptMalformed(ReceiptRule::Inputs),
    ]
}

#[test]
fn divergences() {
    let texts: Vec<String> = [
        Divergence::Checkpoint(EndorsementFlaw::Body),
        Divergence::Unsigned { size: 7 },
        Divergence::Gap { expected: 4, found: 6 },
        Divergence::Rewritten { index: 4 },
        Divergence::Fork { known: 7, size: 9 },
        Divergence::BeyondCheckpoint { entries: 8, size: 6 },
        Divergence::NotATransaction { index: 4 },
        Divergence::Malformed { index: 4, flaw: CanonicalError::TooLarge { limit: 10, found: 11 } },
        Divergence::TimeWentBack { index: 4, last: 1_800_000_010, found: 1_800_000_009 },
        Divergence::Invalid { index: 4, refused: Refused::UnknownRun { run: hash(8) } },
        Divergence::Effects { index: 4, expected: hash(1), found: hash(2) },
    ]
    .iter()
    .map(|divergence| readable(&divergence.to_string()))
    .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn flaws_of_proofs() {
    let who = did(1);
    let between = Difference::Transcript { sender: who, receiver: did(2) };
    let texts: Vec<String> = [
        Flaw::Format { found: "treaty-proof/2".to_owned() },
        Flaw::NotReadable(CanonicalError::NotCanonical { offset: 17 }),
        Flaw::Checkpoint(EndorsementFlaw::Forged { name: who.to_string() }),
        Flaw::Checkpoint(EndorsementFlaw::UnknownSigner { name: "example.com".to_owned() }),
        Flaw::Checkpoint(EndorsementFlaw::Order { name: who.to_string() }),
        Flaw::NoQuorum { found: 1, quorum: 2 },
        Flaw::NotIncluded { index: 9 },
        Flaw::Order { index: 9 },
        Flaw::Founding,
        Flaw::Transaction { index: 9, refused: Refused::ForgedTransaction { member: who } },
        Flaw::Superfluous { index: 9, run: hash(8) },
        Flaw::Missing(Evidence::Receipt(who)),
        Flaw::ProgramUnreadable { reason: "the last line is not complete".to_owned() },
        Flaw::Program { expected: hash(1), found: hash(2) },
        Flaw::Receipt { party: who, rule: ReceiptRule::Output },
        Flaw::Receipts(Disagreement { who: BTreeSet::from([who, did(2)]), what: between }),
    ]
    .iter()
    .map(|flaw| readable(&flaw.to_string()))
    .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

/// Programs tell rules apart by their names: one table for each matter, no name in two of them.
#[test]
fn every_rule_has_a_name_of_its_own() {
    let tables = [
        IdentityRule::NAMES,
        GovernanceRule::NAMES,
        PointsRule::NAMES,
        AccessRule::NAMES,
        CatalogRule::NAMES,
        DisputeRule::NAMES,
    ];
    let others: Vec<Refused> =
        general().into_iter().chain(datasets()).chain(contracts()).chain(runs()).collect();
    let names: Vec<&str> =
        tables.into_iter().flatten().copied().chain(others.iter().map(Refused::rule)).collect();
    let mut seen = BTreeSet::new();
    for name in &names {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
    }
    let twice: BTreeSet<_> = names.iter().filter(|name| !seen.insert(**name)).collect();
    // A dataset's description has several rules under one name.
    assert_eq!(twice.into_iter().collect::<Vec<_>>(), [&"dataset-malformed"]);
}
