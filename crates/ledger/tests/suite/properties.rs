//! Whatever members do, in whatever order: what must always hold, holds.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Contract, Did, Hash, SignedByAll, SigningKey, lifecycle, policy};
use ledger::{
    Action, FailReason, Phase, SignedTransaction, State, Transaction,
    state::{ContractRecord, Run, participants},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::world::{FOUNDED, POINTS, PURPOSE, World, hash};

/// An action by its kind, with who does it, on what, and whether the formalities are right.
#[derive(Clone, Debug)]
struct Attempt {
    /// North, lake, south, the regulator, a stranger.
    who: usize,
    what: What,
    /// Which of the contracts.
    contract: usize,
    /// Which of the runs.
    run: usize,
    /// Seconds since the last entry.
    later: u64,
    /// Added to the right sequence number.
    skip: u64,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Publish,
    Withdraw,
    Propose,
    /// Signature of the party with that number, made by that member.
    Sign(usize, usize),
    Revoke,
    Request,
    Permit,
    Refuse,
    Commit,
    /// A receipt, true or not.
    File(bool),
    Fail,
    NothingOpened,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        2 => Just(What::Publish),
        2 => Just(What::Withdraw),
        4 => Just(What::Propose),
        4 => (0..5_usize, 0..5_usize).prop_map(|(party, by)| What::Sign(party, by)),
        10 => (0..5_usize).prop_map(|party| What::Sign(party, party)),
        1 => Just(What::Revoke),
        20 => Just(What::Request),
        60 => Just(What::Permit),
        1 => Just(What::Refuse),
        60 => Just(What::Commit),
        60 => Just(What::File(true)),
        2 => Just(What::File(false)),
        1 => Just(What::Fail),
        10 => Just(What::NothingOpened),
    ]
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let skip = prop_oneof![40 => Just(0), 1 => 1..3_u64];
    let later = prop_oneof![300 => 0..3_u64, 2 => Just(700), 1 => Just(100_000)];
    let who = prop_oneof![40 => 0..3_usize, 1 => 3..5_usize];
    (who, what(), 0..3_usize, 0..3_usize, later, skip)
        .prop_map(|(who, what, contract, run, later, skip)| Attempt { who, what, contract, run, later, skip })
}

/// Three contracts: the usual one, its amendment, and one without regulator that costs nothing.
struct Stage {
    world: World,
    keys: Vec<SigningKey>,
    contracts: Vec<Contract>,
}

impl Stage {
    fn new() -> Self {
        let world = World::new();
        let keys = world.members.iter().chain([&world.regulator, &world.stranger]).cloned().collect();
        let usual = world.contract();
        let amended =
            Contract { supersedes: Some(usual.id().unwrap()), nonce: "a".repeat(32), ..usual.clone() };
        let mut free = Contract { nonce: "b".repeat(32), ..usual.clone() };
        free.parties.retain(|party| party.name != "watch");
        free.settlement.fee = 0;
        free.limits.runs = 1;
        Self { world, keys, contracts: vec![usual, amended, free] }
    }

    /// The first contract active, its amendment proposed.
    fn state(&self) -> State {
        let (mut state, _) = self.world.activated(&self.contracts[0]);
        let amended = Box::new(self.contracts[1].clone());
        self.world.act(&mut state, 0, Action::ProposeContract(amended)).unwrap();
        state
    }

    fn transaction(&self, state: &State, attempt: &Attempt) -> SignedTransaction {
        let key = &self.keys[attempt.who];
        let transaction = Transaction {
            alliance: state.alliance_id(),
            member: key.did(),
            sequence: state.next_sequence(&key.did()) + attempt.skip,
            person: None,
            signer: None,
            action: self.action(state, attempt),
        };
        SignedTransaction::sign(transaction, key).unwrap()
    }

    fn action(&self, state: &State, attempt: &Attempt) -> Action {
        let (world, member) = (&self.world, attempt.who.min(2));
        let contract = &self.contracts[attempt.contract];
        let (id, run) = (contract.id().unwrap(), hash(&format!("run {}", attempt.run)));
        let under = state.run(&run).map_or(id, |run| run.contract);
        match attempt.what {
            What::Publish => {
                let version = state.latest_version(&format!("{}/staff", world.name(member))).unwrap_or(0) + 1;
                Action::PublishDataset(Box::new(world.dataset(member, version)))
            }
            What::Withdraw => Action::WithdrawDataset { dataset: world.dataset(member, 2).reference() },
            What::Propose => Action::ProposeContract(Box::new(contract.clone())),
            What::Sign(party, by) => Action::SignContract {
                contract: id,
                party: self.keys[party].did(),
                signature: contract.sign(&self.keys[by]).unwrap(),
            },
            What::Revoke => Action::RevokeContract { contract: id, reason: "over".to_owned() },
            What::Request => Action::RequestRun { contract: id, run, purpose: PURPOSE.to_owned() },
            What::Permit => Action::PermitRun { run },
            What::Refuse => Action::RefuseRun { run, refusals: vec![policy::Refusal::Revoked] },
            What::Commit => Action::CommitInput { run, commitment: world.commitment(member) },
            What::File(truly) => {
                let mut receipt = world.receipt(under, run, member);
                if !truly {
                    receipt.output[0].hash = hash("something else");
                }
                Action::File(Box::new(receipt))
            }
            What::Fail => {
                let reason = FailReason { text: "no answer".to_owned(), blamed: Some(world.did(member)) };
                Action::FailRun { run, reason }
            }
            What::NothingOpened => Action::NothingOpened { run },
        }
    }
}

fn check_everything(state: &State) {
    assert_eq!(state.points_total(), 3 * POINTS, "points are neither created nor lost");
    for (id, record) in state.contracts() {
        check_contract(state, *id, record);
    }
    for (id, run) in state.runs() {
        check_run(state, id, run);
    }
}

fn check_contract(state: &State, id: Hash, record: &ContractRecord) {
    let taken = state.runs().filter(|(_, run)| run.contract == id && !run.use_returned).count();
    assert_eq!(record.runs_taken as usize, taken, "every use is a run's");
    assert!(record.runs_taken <= record.contract.limits.runs);
    let signed = SignedByAll::check(&record.contract, &record.signatures).is_ok();
    let was_active = matches!(
        record.state,
        lifecycle::State::Active | lifecycle::State::Exhausted | lifecycle::State::Disputed
    );
    assert!(signed || !was_active, "no contract is active without all signatures");
    assert!(signed || taken == 0, "no run without all signatures");
    let exhausted = record.state == lifecycle::State::Exhausted;
    assert!(!exhausted || record.runs_left() == 0);
    assert!(record.state != lifecycle::State::Active || record.runs_left() > 0);
}

fn check_run(state: &State, id: &Hash, run: &Run) {
    let contract = &state.contract(&run.contract).unwrap().contract;
    let all = |found: Vec<&Did>, expected: Vec<Did>| found.into_iter().copied().eq(expected);
    let mut compute_parties = contract.protection.compute_parties.clone();
    compute_parties.sort_unstable();
    let permitted = all(run.permits.keys().collect(), participants(contract).into_iter().collect());
    let committed = all(run.commitments.keys().collect(), compute_parties.clone());
    let filed = all(run.receipts.keys().collect(), compute_parties.clone());
    match run.phase {
        Phase::Permitted => assert!(permitted),
        Phase::Running => assert!(permitted && committed && !filed),
        Phase::Completed => assert!(permitted && committed && filed && run.disagreement.is_none()),
        Phase::Disputed => assert!(permitted && committed && filed && run.disagreement.is_some()),
        Phase::Refused => assert!(!permitted && !run.refusals.is_empty()),
        Phase::Failed => assert!(run.failure.is_some()),
        Phase::Requested => assert!(!permitted),
    }
    let held = if run.phase == Phase::Completed || run.use_returned { 0 } else { contract.settlement.fee };
    assert_eq!(state.escrow(id), held, "escrow is held until it is settled or refunded");
    let unopened = run.nothing_opened.len() == compute_parties.len();
    assert_eq!(run.use_returned, unopened, "a use comes back by the word of all compute parties");
    assert_eq!(run.ended_at.is_some(), !run.phase.is_open());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_must_always_hold_holds(attempts in prop::collection::vec(attempt(), 1..240)) {
        let stage = Stage::new();
        let mut state = stage.state();
        let start = state.clone();
        let mut accepted = Vec::new();
        for attempt in &attempts {
            let signed = stage.transaction(&state, attempt);
            let before = state.clone();
            match state.advance(state.time() + attempt.later, signed.verify().unwrap()) {
                Ok(outcome) => {
                    check_everything(&state);
                    accepted.push((state.time(), signed, outcome));
                }
                Err(_) => prop_assert_eq!(format!("{before:?}"), format!("{state:?}")),
            }
        }
        // Another node comes to the same effects, and so to the same root.
        let mut follower = start;
        for (time, signed, expected) in accepted {
            let found = follower.advance(time, signed.verify().unwrap()).unwrap();
            prop_assert_eq!(found, expected);
        }
        prop_assert_eq!(format!("{follower:?}"), format!("{state:?}"));
    }

    #[test]
    fn different_outcomes_have_different_effects(members in prop::collection::vec(0..3_usize, 2..6)) {
        let world = World::new();
        let (mut one, mut other) = (world.state(), world.state());
        let mut effects = BTreeMap::new();
        for member in members {
            let version = one.latest_version(&format!("{}/staff", world.name(member))).unwrap_or(0) + 1;
            let publish = Action::PublishDataset(Box::new(world.dataset(member, version)));
            let signed = world.sign(&one, &world.members[member], publish);
            let found = one.advance(FOUNDED + 5, signed.verify().unwrap()).unwrap();
            let later = other.advance(FOUNDED + 6, signed.verify().unwrap()).unwrap();
            prop_assert_ne!(found.effects, later.effects, "time is part of what happened");
            prop_assert!(effects.insert(found.effects, found.index).is_none());
        }
    }
}

/// Attempts that never get anywhere would hold every invariant.
#[test]
fn the_attempts_reach_everything_that_can_happen() {
    let stage = Stage::new();
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..40 {
        let attempts = prop::collection::vec(attempt(), 240).new_tree(&mut runner).unwrap().current();
        let mut state = stage.state();
        for attempt in attempts {
            let signed = stage.transaction(&state, &attempt);
            for event in state.apply(state.time() + attempt.later, &signed).unwrap_or_default() {
                let kind = serde_json::to_value(event.what).unwrap();
                reached.insert(kind.as_object().unwrap().keys().next().unwrap().clone());
            }
        }
    }
    let reached: Vec<_> = reached.iter().map(String::as_str).collect();
    insta::assert_snapshot!(reached.join("\n"));
}
