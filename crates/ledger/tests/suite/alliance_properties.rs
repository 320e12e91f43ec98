//! Whatever members decide about each other, in whatever order: what must always hold, holds, and replicas agree.

use std::collections::{BTreeMap, BTreeSet};

use contract::{
    Contract, Hash, SignedByAll, SigningKey,
    access::{Access, Rights},
    lifecycle, policy,
    settlement::{Charge, Parts, Split},
    terms::Use,
};
use ledger::{
    Action, FailReason, Happening, SignedTransaction, State,
    catalog::{Publication, Published},
    dispute::Subject,
    governance::{Motion, Parameter, Shares},
    identity::{Delegation, Scope, prove_key},
    state::Escrow,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    governance::card_of,
    house::signed_now,
    world::{FOUNDED, POINTS, PURPOSE, World, hash, key},
};

/// Numbers that choose what is done, by whom, on what.
#[derive(Clone, Debug)]
struct Attempt {
    who: usize,
    kind: usize,
    which: usize,
    other: usize,
    yes: bool,
    later: u64,
}

const KINDS: usize = 33;

fn attempt() -> impl Strategy<Value = Attempt> {
    let later = prop_oneof![60 => 0..3_u64, 1 => Just(700), 1 => Just(20 * 86_400)];
    let who = prop_oneof![30 => 0..3_usize, 6 => 3..5_usize, 1 => 5..7_usize];
    let kind = prop_oneof![2 => 0..KINDS, 3 => 14..25_usize];
    let numbers = (kind, 0..64_usize, 0..64_usize, prop::bool::weighted(0.8));
    (who, numbers, later).prop_map(|(who, (kind, which, other, yes), later)| Attempt {
        who,
        kind,
        which,
        other,
        yes,
        later,
    })
}

/// Three members, two that may be admitted, the regulator, a stranger; keys that they may change to.
struct Stage {
    world: World,
    keys: Vec<SigningKey>,
    contracts: Vec<Contract>,
}

impl Stage {
    fn new() -> Self {
        let world = World::new();
        let mut keys = world.members.clone();
        keys.extend([key(11), key(12), world.regulator.clone(), world.stranger.clone()]);
        let usual = Contract { limits: long(&world), ..world.contract() };
        let other = |nonce: &str, change: &dyn Fn(&mut Contract)| {
            let mut contract = Contract { nonce: nonce.repeat(32), ..usual.clone() };
            change(&mut contract);
            contract
        };
        let contracts = vec![
            usual.clone(),
            other("a", &|c| c.settlement.split = Split::Contribution),
            other("b", &|c| {
                c.settlement.charge = Charge::Fixed;
                c.settlement.parts = Parts::Alliance;
            }),
        ];
        Self { world, keys, contracts }
    }

    /// All contracts active on data of which lake's needs a token.
    fn state(&self) -> State {
        let world = &self.world;
        let mut state = world.state();
        for member in 0..3 {
            let mut dataset = world.dataset(member, 1);
            if member == 1 {
                let permitted = BTreeSet::from([world.did(2)]);
                dataset.terms.access = Some(Access { permitted, price: 40, review: true });
            }
            world.act(&mut state, member, Action::PublishDataset(Box::new(dataset))).unwrap();
        }
        for contract in &self.contracts {
            world.act(&mut state, 0, Action::ProposeContract(Box::new(contract.clone()))).unwrap();
            for key in world.signers() {
                world.act(&mut state, 1, world.consent(contract, &key)).unwrap();
            }
        }
        state
    }

    fn transaction(&self, state: &State, attempt: &Attempt) -> SignedTransaction {
        let identity = self.keys[attempt.who].did();
        // After a rotation the member signs with the key that it has then.
        let current = state.roster().key(&identity).unwrap_or(identity);
        let spare = (0..8).map(|n| key(100 + n)).find(|key| key.did() == current);
        let key = spare.unwrap_or_else(|| self.keys[attempt.who].clone());
        signed_now(state, identity, &key, self.action(state, attempt))
    }

    fn action(&self, state: &State, attempt: &Attempt) -> Action {
        let Attempt { who, which, other, yes, .. } = *attempt;
        let did = |n: usize| self.keys[n % self.keys.len()].did();
        let contract = &self.contracts[which % 3];
        let id = contract.id().unwrap();
        let run = hash(&format!("run {}", other % 6));
        let under = state.run(&run).map_or(id, |run| run.contract);
        let reason = || "because".to_owned();
        let pick = |ids: Vec<Hash>| ids.get(which % ids.len().max(1)).copied().unwrap_or(id);
        let rights = || Rights {
            columns: BTreeMap::from([("salary".to_owned(), BTreeSet::from([Use::Aggregate]))]),
            expires: FOUNDED + 50_000 - (other as u64) * 100,
        };
        let tokens = || state.tokens().map(|(id, _)| *id).collect::<Vec<_>>();
        let path = || "lake/staff".to_owned();
        match attempt.kind {
            0 | 1 => Action::Propose { motion: self.motion(state, attempt), text: reason() },
            2..=7 => {
                let open = state.proposals().filter(|(_, p)| p.verdict.is_none()).map(|(id, _)| *id);
                Action::Vote { proposal: pick(open.collect()), approve: yes }
            }
            8 => Action::TransferPoints { to: did(which), points: other as u64, note: reason() },
            9 => Action::RequestAccess {
                dataset: "lake/staff@1".to_owned(),
                rights: rights(),
                purpose: PURPOSE.to_owned(),
            },
            10 => Action::ApproveAccess { request: pick(state.requests().map(|(id, _)| *id).collect()) },
            11 if yes => {
                Action::ApproveAccess { request: pick(state.open_requests(&did(who)).into_keys().collect()) }
            }
            11 => Action::DeclineAccess {
                request: pick(state.requests().map(|(id, _)| *id).collect()),
                reason: reason(),
            },
            12 => Action::AttenuateToken { token: pick(tokens()), rights: rights() },
            13 => Action::UseToken { token: pick(tokens()), contract: id },
            14 if !yes => Action::RevokeToken { token: pick(tokens()), reason: reason() },
            14 | 15 => Action::RequestRun { contract: id, run, purpose: PURPOSE.to_owned() },
            16..=18 => Action::PermitRun { run },
            19 | 20 => Action::CommitInput { run, commitment: self.world.commitment(who % 3) },
            21..=23 => {
                let mut receipt = self.world.receipt(under, run, who % 3);
                if !yes && other % 5 == 0 {
                    receipt.output[0].hash = hash("something else");
                }
                Action::File(Box::new(receipt))
            }
            24 if !yes => Action::FailRun { run, reason: FailReason { text: reason(), blamed: None } },
            24 => Action::NothingOpened { run },
            25 if !yes => Action::RefuseRun { run, refusals: vec![policy::Refusal::Revoked] },
            25 | 26 => Action::Challenge {
                subject: match which % 3 {
                    0 => Subject::Run(run),
                    1 => Subject::Token(pick(tokens())),
                    _ => Subject::Claim(pick(state.claims().map(|(id, _)| *id).collect())),
                },
                accused: yes.then(|| did(other)),
                reason: reason(),
                evidence: Vec::new(),
            },
            27 | 28 => {
                let open = state.disputes().filter(|(_, d)| d.ruling.is_none()).map(|(id, _)| *id);
                Action::Arbitrate { dispute: pick(open.collect()), uphold: yes }
            }
            29 => match which % 4 {
                0 => Action::ClaimDataset { path: path(), statement: reason(), evidence: Vec::new() },
                1 => Action::OfferDataset { path: path(), to: did(other) },
                2 => Action::AcceptDataset { path: path() },
                _ => Action::Publish(Box::new(Publication {
                    path: "north/mean".to_owned(),
                    version: 1 + (other % 3) as u32,
                    description: reason(),
                    content: Published::Template { text: reason() },
                })),
            },
            30 => {
                let new = key(100 + (other % 8) as u8);
                let proof = prove_key(&state.alliance_id(), &did(who), &new).unwrap();
                Action::RotateKey { key: new.did(), proof }
            }
            31 => Action::Delegate(Delegation {
                person: key(150).did(),
                name: "someone".to_owned(),
                scopes: BTreeSet::from([Scope::Vote]),
                expires: FOUNDED + 1_000_000,
            }),
            _ => Action::StateContributions {
                run,
                contributions: (0..3).map(|member| (self.world.did(member), which as u64)).collect(),
            },
        }
    }

    fn motion(&self, state: &State, attempt: &Attempt) -> Motion {
        let Attempt { which, other, yes, .. } = *attempt;
        let member = self.keys[other % self.keys.len()].did();
        match which % 10 {
            0 | 1 => Motion::Admit(Box::new(card_of(&self.keys[3 + other % 2], ["west", "east"][other % 2]))),
            2 => Motion::Expel { member, reason: "enough".to_owned() },
            3 => Motion::Release { member: self.keys[attempt.who].did() },
            4 => {
                let parameter = Parameter::ALL[other % Parameter::ALL.len()];
                Motion::SetParameter { parameter, value: parameter.range().0 + (other as u64 % 7) * 10 }
            }
            5 => Motion::SetShares(Shares { providers: 1, compute_parties: 9_998, algorithm_providers: 1 }),
            6 => Motion::SetWeight { member, weight: other as u32 % 5 },
            7 => Motion::Issue { to: member, points: other as u64 },
            8 => Motion::Burn { from: member, points: other as u64 },
            _ => {
                let open = state.disputes().find(|(_, dispute)| dispute.ruling.is_none());
                let dispute = open.map_or_else(|| hash("none"), |(id, _)| *id);
                Motion::Decide { dispute, uphold: yes }
            }
        }
    }
}

fn long(world: &World) -> contract::document::Limits {
    contract::document::Limits { expires: FOUNDED + 90 * 86_400, ..world.contract().limits }
}

fn check_everything(state: &State, supply: i64) {
    assert!(state.is_balanced(), "points are made and lost by vote only");
    assert_eq!(state.points_total() as i64, supply);
    for (id, record) in state.contracts() {
        let taken = state.runs().filter(|(_, run)| run.contract == *id && !run.use_returned).count();
        assert_eq!(record.runs_taken as usize, taken, "every use is a run's");
        assert!(record.runs_taken <= record.contract.limits.runs);
        let signed = SignedByAll::check_by(&record.contract, &record.signatures, &record.signers).is_ok();
        let runs = matches!(record.state, lifecycle::State::Active | lifecycle::State::Exhausted);
        assert!(signed || !runs, "no contract is active without all signatures");
    }
    for (id, token) in state.tokens() {
        if let Some(parent) = token.parent {
            let wider = state.token(&parent).unwrap();
            assert!(token.rights.are_within(&wider.rights), "every token is within its parent's rights");
            assert_eq!(wider.child, Some(*id));
            assert_eq!(wider.used_by, None, "one token, one contract");
        }
    }
    for (id, proposal) in state.proposals() {
        let held = if proposal.verdict.is_none() { proposal.deposit } else { 0 };
        assert_eq!(state.held(Escrow::Proposal(*id)), held);
    }
    for (id, dispute) in state.disputes() {
        let held = if dispute.ruling.is_none() { dispute.deposit } else { 0 };
        assert_eq!(state.held(Escrow::Dispute(*id)), held);
    }
    for (id, run) in state.runs() {
        assert!(!run.use_returned || state.escrow(id) == 0, "a use comes back with its fee");
        assert!(run.settled.is_none() || state.escrow(id) == 0, "a fee moves once");
    }
    let operator = state.roster().operator().unwrap();
    assert!(state.roster().card(&operator).is_some(), "somebody orders the log");
}

fn supply_after(supply: i64, events: &[ledger::Event]) -> i64 {
    events.iter().fold(supply, |supply, event| match event.what {
        Happening::PointsIssued { points, .. } => supply + points as i64,
        Happening::PointsBurnt { points, .. } => supply - points as i64,
        _ => supply,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_must_always_hold_holds_in_the_alliance(attempts in prop::collection::vec(attempt(), 1..260)) {
        let stage = Stage::new();
        let mut state = stage.state();
        let mut follower = state.clone();
        let mut supply = 3 * POINTS as i64;
        for attempt in &attempts {
            let signed = stage.transaction(&state, attempt);
            let before = state.clone();
            let time = state.time() + attempt.later;
            match state.advance(time, signed.verify().unwrap()) {
                Ok(outcome) => {
                    supply = supply_after(supply, &outcome.caused.events);
                    check_everything(&state, supply);
                    let found = follower.advance(time, signed.verify().unwrap()).unwrap();
                    prop_assert_eq!(found, outcome);
                }
                Err(_) => prop_assert_eq!(format!("{before:?}"), format!("{state:?}")),
            }
        }
        prop_assert_eq!(format!("{follower:?}"), format!("{state:?}"));
    }
}

/// Attempts that never get anywhere would hold every invariant.
#[test]
fn the_attempts_reach_what_can_happen_in_the_alliance() {
    let stage = Stage::new();
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..40 {
        let attempts = prop::collection::vec(attempt(), 260).new_tree(&mut runner).unwrap().current();
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
