//! Every rule by which a transaction is refused, and that a refusal changes nothing.

use std::collections::BTreeSet;

use contract::{
    Contract, Hash, SigningKey, canonical::CanonicalError, document::Role, lifecycle, policy, text,
};
use ledger::{
    Action, FailReason, InputCommitment, Phase, Refused, SignedTransaction, State,
    refused::{DatasetRule, ReceiptRule},
};

use crate::world::{FEE, FOUNDED, POINTS, ROWS, World, hash};

/// Applies at a time, and holds the whole state against what it was.
fn refused_at(state: &mut State, time: u64, signed: &SignedTransaction) -> Refused {
    let before = format!("{state:?}");
    let refused = state.apply(time, signed).unwrap_err();
    assert_eq!(format!("{state:?}"), before, "a refusal changes nothing");
    refused
}

fn refused(world: &World, state: &mut State, key: &SigningKey, action: Action) -> Refused {
    let signed = world.sign(state, key, action);
    refused_at(state, state.time() + 1, &signed)
}

/// An active contract, changed before it was proposed, and one run requested under it.
struct Scene {
    world: World,
    state: State,
    contract: Hash,
    run: Hash,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let contract = world.contract();
        let (mut state, id) = world.activated(&contract);
        let run = hash("run");
        world.act(&mut state, 0, world.request(id, run)).unwrap();
        Self { world, state, contract: id, run }
    }

    /// The run is at the receipts.
    fn started() -> Self {
        let mut scene = Self::new();
        scene.world.start(&mut scene.state, scene.run);
        scene
    }

    fn act(&mut self, member: usize, action: Action) {
        self.world.act(&mut self.state, member, action).unwrap();
    }

    fn refused(&mut self, member: usize, action: Action) -> Refused {
        let key = self.world.members[member].clone();
        refused(&self.world, &mut self.state, &key, action)
    }

    fn refused_to_regulator(&mut self, action: Action) -> Refused {
        let key = self.world.regulator.clone();
        refused(&self.world, &mut self.state, &key, action)
    }

    fn did(&self, member: usize) -> contract::Did {
        self.world.did(member)
    }
}

/// What a contract is refused for when it is proposed.
fn proposal(change: impl FnOnce(&World, &mut Contract)) -> Refused {
    let world = World::new();
    let mut state = world.state();
    let contract = world.contract();
    world.propose(&mut state, &contract);
    let mut changed = Contract { nonce: "ffeeddccbbaa99887766554433221100".to_owned(), ..contract };
    change(&world, &mut changed);
    let key = world.members[0].clone();
    refused(&world, &mut state, &key, Action::ProposeContract(Box::new(changed)))
}

fn publication(change: impl FnOnce(&World, &mut contract::Dataset)) -> Refused {
    let world = World::new();
    let mut state = world.state();
    let mut dataset = world.dataset(0, 1);
    change(&world, &mut dataset);
    let key = world.members[0].clone();
    refused(&world, &mut state, &key, Action::PublishDataset(Box::new(dataset)))
}

fn dataset_rule(change: impl FnOnce(&World, &mut contract::Dataset)) -> DatasetRule {
    match publication(change) {
        Refused::DatasetMalformed { rule, .. } => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_members_write_and_each_transaction_counts_once() {
    let world = World::new();
    let mut state = world.state();
    let publish = || Action::PublishDataset(Box::new(world.dataset(0, 1)));
    let north = &world.members[0];

    let stranger = world.sign_as(&world.stranger, 1, publish());
    let who = world.stranger.did();
    assert_eq!(refused_at(&mut state, FOUNDED, &stranger), Refused::NotInAlliance { who });

    let mut forged = world.sign_as(north, 1, publish());
    forged.transaction.member = world.did(1);
    let member = world.did(1);
    assert_eq!(refused_at(&mut state, FOUNDED, &forged), Refused::ForgedTransaction { member });

    let mut other = world.sign_as(north, 1, publish()).transaction;
    other.alliance = hash("other");
    let other = SignedTransaction::sign(other, north).unwrap();
    let expected = state.alliance_id();
    let found = hash("other");
    assert_eq!(refused_at(&mut state, FOUNDED, &other), Refused::OtherAlliance { expected, found });

    let late = world.sign_as(north, 2, publish());
    let member = north.did();
    assert_eq!(refused_at(&mut state, FOUNDED, &late), Refused::Sequence { member, expected: 1, found: 2 });
    let early = world.sign_as(north, 1, publish());
    assert_eq!(
        refused_at(&mut state, FOUNDED - 1, &early),
        Refused::TimeWentBack { last: FOUNDED, found: FOUNDED - 1 }
    );
    state.apply(FOUNDED, &early).unwrap();
    assert_eq!(refused_at(&mut state, FOUNDED, &early), Refused::Sequence { member, expected: 2, found: 1 });
}

#[test]
fn a_transaction_must_be_small_and_canonical() {
    let world = World::new();
    let north = &world.members[0];
    let mut dataset = world.dataset(0, 1);
    dataset.description = "x".repeat(ledger::transaction::TRANSACTION_BYTES_MAX);
    let large = world.sign_as(north, 1, Action::PublishDataset(Box::new(dataset)));
    let refused = refused_at(&mut world.state(), FOUNDED, &large);
    assert!(matches!(refused, Refused::Canonical(CanonicalError::TooLarge { .. })), "{refused}");

    let mut large = world.sign_as(north, 1, Action::PermitRun { run: hash("run") });
    large.transaction.sequence = 1 << 53;
    let refused = refused_at(&mut world.state(), FOUNDED, &large);
    assert!(matches!(refused, Refused::Canonical(CanonicalError::IntegerTooLarge { .. })), "{refused}");
}

#[test]
fn datasets_are_published_by_their_owners_under_their_names() {
    let owner = World::new().did(1);
    assert_eq!(
        publication(|world, dataset| dataset.owner = world.did(1)),
        Refused::NotOwner { dataset: "north/staff@1".to_owned(), owner, who: World::new().did(0) }
    );
    let expected = DatasetRule::Path { expected: "north".to_owned() };
    for path in
        ["lake/staff", "north", "north/", "north/a/b", "north/staff@1", "northern/staff", "north/st aff"]
    {
        assert_eq!(dataset_rule(|_, dataset| dataset.path = path.to_owned()), expected, "{path}");
    }
    assert_eq!(dataset_rule(|_, dataset| dataset.version = 0), expected);
    let publish = |dataset| Action::PublishDataset(Box::new(dataset));
    let (world, mut state) = (World::new(), World::new().state());
    let by_regulator = refused(&world, &mut state, &world.regulator.clone(), publish(world.dataset(0, 1)));
    let who = world.regulator.did();
    assert_eq!(by_regulator, Refused::RegulatorMayNot { who, what: "publish datasets" });
}

#[test]
fn a_datasets_description_must_make_sense() {
    let zero = Hash::from_bytes([0; 32]);
    assert_eq!(dataset_rule(|_, dataset| dataset.root = zero), DatasetRule::EmptyRoot);
    assert_eq!(
        dataset_rule(|_, dataset| dataset.description = String::new()),
        DatasetRule::Description(text::Flaw::Empty)
    );
    assert_eq!(dataset_rule(|_, dataset| dataset.schema.columns.clear()), DatasetRule::ColumnCount);
    assert_eq!(
        dataset_rule(|_, dataset| dataset.schema.columns[0].name = String::new()),
        DatasetRule::ColumnName { column: String::new(), flaw: text::Flaw::Empty }
    );
    assert_eq!(
        dataset_rule(|_, dataset| dataset.schema.columns[0].name = "salary".to_owned()),
        DatasetRule::ColumnTwice { column: "salary".to_owned() }
    );
    let unknown = |dataset: &mut contract::Dataset| {
        let uses = BTreeSet::from([contract::terms::Use::Filter]);
        dataset.terms.columns.insert("bonus".to_owned(), uses);
    };
    assert_eq!(
        dataset_rule(|_, dataset| unknown(dataset)),
        DatasetRule::TermsColumn { column: "bonus".to_owned() }
    );
    assert_eq!(dataset_rule(|_, dataset| dataset.terms.purposes.clear()), DatasetRule::Terms);
    assert_eq!(dataset_rule(|_, dataset| dataset.terms.schemes.clear()), DatasetRule::Terms);
    assert_eq!(dataset_rule(|_, dataset| dataset.terms.floor_rows = 0), DatasetRule::Terms);
    assert_eq!(dataset_rule(|_, dataset| dataset.terms.runs_max = 0), DatasetRule::Terms);
    let receiver = World::new().stranger.did();
    assert_eq!(
        dataset_rule(|_, dataset| dataset.terms.receivers.extend([receiver])),
        DatasetRule::TermsReceiver { receiver }
    );
}

#[test]
fn versions_count_up_and_a_path_keeps_its_id() {
    let world = World::new();
    let mut state = world.state();
    let north = world.members[0].clone();
    let publish = |dataset: contract::Dataset| Action::PublishDataset(Box::new(dataset));
    let path = || "north/staff".to_owned();
    assert_eq!(
        refused(&world, &mut state, &north, publish(world.dataset(0, 2))),
        Refused::Version { path: path(), expected: 1, found: 2 }
    );
    world.act(&mut state, 0, publish(world.dataset(0, 1))).unwrap();
    assert_eq!(
        refused(&world, &mut state, &north, publish(world.dataset(0, 1))),
        Refused::Version { path: path(), expected: 2, found: 1 }
    );
    let mut renamed = world.dataset(0, 2);
    renamed.id = hash("another id");
    let expected = world.dataset(0, 1).id.to_string();
    assert_eq!(
        refused(&world, &mut state, &north, publish(renamed)),
        Refused::DatasetId { path: path(), expected, found: hash("another id") }
    );
    let mut copied = world.dataset(0, 1);
    copied.path = "north/more".to_owned();
    let (path, expected, found) = ("north/more".to_owned(), "a new one".to_owned(), copied.id);
    assert_eq!(
        refused(&world, &mut state, &north, publish(copied)),
        Refused::DatasetId { path, expected, found }
    );
    world.act(&mut state, 0, publish(world.dataset(0, 2))).unwrap();
    assert_eq!(state.latest_version("north/staff"), Some(2));
}

#[test]
fn a_withdrawn_dataset_is_used_no_more() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let withdraw = || Action::WithdrawDataset { dataset: "lake/staff@1".to_owned() };
    let dataset = || "lake/staff@1".to_owned();
    let [north, lake, _] = &world.members.clone()[..] else { panic!() };
    assert_eq!(
        refused(&world, &mut state, north, withdraw()),
        Refused::NotOwner { dataset: dataset(), owner: lake.did(), who: north.did() }
    );
    let unknown = Action::WithdrawDataset { dataset: "lake/staff@2".to_owned() };
    assert_eq!(
        refused(&world, &mut state, lake, unknown),
        Refused::UnknownDataset { dataset: "lake/staff@2".to_owned() }
    );
    world.act(&mut state, 1, withdraw()).unwrap();
    let withdrawn = Refused::WithdrawnDataset { dataset: dataset() };
    assert_eq!(refused(&world, &mut state, lake, withdraw()), withdrawn);
    assert_eq!(refused(&world, &mut state, north, world.request(id, hash("run"))), withdrawn);
    let again = Contract { nonce: "0".repeat(32), ..contract };
    let again = Action::ProposeContract(Box::new(again));
    assert_eq!(refused(&world, &mut state, north, again), withdrawn);
    assert_eq!(state.datasets_of(&world.contract()).len(), 2);
}

#[test]
fn a_contract_must_fit_the_ledger() {
    let world = World::new();
    let (expected, found) = (world.alliance.id().unwrap(), hash("other"));
    assert_eq!(
        proposal(|_, contract| contract.alliance = hash("other")),
        Refused::ContractOfOtherAlliance { expected, found }
    );
    assert_eq!(
        proposal(|world, contract| contract.nonce = world.contract().nonce),
        Refused::ContractExists { contract: world.contract().id().unwrap() }
    );
    assert!(matches!(
        proposal(|_, contract| contract.limits.runs = 0),
        Refused::ContractMalformed { flaws } if flaws.len() == 1
    ));
    let renamed = proposal(|_, contract| {
        contract.parties.iter_mut().find(|party| party.name == "lake").unwrap().name = "see".to_owned();
    });
    let (expected, found) = ("lake".to_owned(), "see".to_owned());
    assert_eq!(renamed, Refused::PartyName { party: world.did(1), expected, found });
    let computing = proposal(|_, contract| {
        let watch = contract.parties.iter_mut().find(|party| party.name == "watch").unwrap();
        watch.roles.insert(Role::DataUser);
    });
    let party = world.regulator.did();
    assert_eq!(computing, Refused::RegulatorRole { party, role: Role::DataUser });
    let stranger = proposal(|world, contract| {
        let watch = contract.parties.iter_mut().find(|party| party.name == "watch").unwrap();
        watch.member = world.stranger.did();
        contract.parties.sort_by_key(|party| party.member);
    });
    assert_eq!(stranger, Refused::NotInAlliance { who: world.stranger.did() });
    let unpublished = proposal(|_, contract| {
        contract.computation.tables.get_mut("staff").unwrap()[0].dataset = "north/staff@7".to_owned();
    });
    assert_eq!(unpublished, Refused::UnknownDataset { dataset: "north/staff@7".to_owned() });
    let swapped = proposal(|_, contract| {
        let inputs = contract.computation.tables.get_mut("staff").unwrap();
        (inputs[0].provider, inputs[1].provider) = (inputs[1].provider, inputs[0].provider);
    });
    let dataset = || "north/staff@1".to_owned();
    assert_eq!(
        swapped,
        Refused::ProviderIsNotOwner { dataset: dataset(), owner: world.did(0), provider: world.did(1) }
    );
    let changed = proposal(|_, contract| {
        contract.computation.tables.get_mut("staff").unwrap()[0].root = hash("changed");
    });
    let expected = world.dataset(0, 1).root;
    assert_eq!(changed, Refused::DatasetRoot { dataset: dataset(), expected, found: hash("changed") });
}

#[test]
fn only_parties_propose() {
    let world = World::new();
    let mut state = world.state();
    let mut contract = world.contract();
    world.propose(&mut state, &contract);
    // South provides nothing and computes nothing: lake does.
    contract.computation.tables.get_mut("staff").unwrap().truncate(2);
    contract.parties.retain(|party| party.name != "south");
    contract.protection.compute_parties = vec![world.did(0), world.did(1), world.regulator.did()];
    let watch = contract.parties.iter_mut().find(|party| party.name == "watch").unwrap();
    watch.roles.insert(Role::ComputeParty);
    let propose = || Action::ProposeContract(Box::new(contract.clone()));
    assert_eq!(
        refused(&world, &mut state, &world.members[2].clone(), propose()),
        Refused::NotAParty { who: world.did(2), contract: contract.id().unwrap() }
    );
    assert_eq!(
        refused(&world, &mut state, &world.regulator.clone(), propose()),
        Refused::RegulatorMayNot { who: world.regulator.did(), what: "propose contracts" }
    );
}

#[test]
fn only_a_partys_own_signature_binds_it() {
    let world = World::new();
    let mut state = world.state();
    let contract = world.contract();
    let id = world.propose(&mut state, &contract);
    let [north, lake, south] = &world.members.clone()[..] else { panic!() };

    let unknown = Action::SignContract {
        contract: hash("other"),
        party: lake.did(),
        signature: contract.sign(lake).unwrap(),
    };
    assert_eq!(
        refused(&world, &mut state, north, unknown),
        Refused::UnknownContract { contract: hash("other") }
    );
    assert_eq!(
        refused(&world, &mut state, north, world.consent(&contract, &world.stranger)),
        Refused::NotAParty { who: world.stranger.did(), contract: id }
    );
    let forged =
        Action::SignContract { contract: id, party: south.did(), signature: contract.sign(lake).unwrap() };
    assert_eq!(
        refused(&world, &mut state, lake, forged),
        Refused::ForgedSignature { party: south.did(), contract: id }
    );
    let changed = Contract { title: "Other".to_owned(), ..contract.clone() };
    let signature = changed.sign(lake).unwrap();
    let after_change = Action::SignContract { contract: id, party: lake.did(), signature };
    assert_eq!(
        refused(&world, &mut state, lake, after_change),
        Refused::ForgedSignature { party: lake.did(), contract: id }
    );
    world.act(&mut state, 0, world.consent(&contract, lake)).unwrap();
    assert_eq!(
        refused(&world, &mut state, lake, world.consent(&contract, lake)),
        Refused::AlreadySigned { party: lake.did(), contract: id }
    );
    assert_eq!(
        refused(&world, &mut state, north, world.request(id, hash("run"))),
        Refused::NotActive { contract: id, state: lifecycle::State::Proposed }
    );
}

#[test]
fn a_contract_ends_when_it_says_or_a_party_wants() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let [north, lake, _] = &world.members.clone()[..] else { panic!() };
    let revoke = |reason: &str| Action::RevokeContract { contract: id, reason: reason.to_owned() };
    assert_eq!(
        refused(&world, &mut state, north, world.consent(&contract, lake)),
        Refused::ContractState {
            contract: id,
            state: lifecycle::State::Active,
            event: lifecycle::Event::SignedByAll
        }
    );

    let mut late = state.clone();
    let request = world.sign(&late, north, world.request(id, hash("run")));
    let expired = lifecycle::State::Expired;
    assert_eq!(
        refused_at(&mut late, contract.limits.expires, &request),
        Refused::NotActive { contract: id, state: expired }
    );
    let revoked = world.sign(&late, north, revoke("too late"));
    assert_eq!(
        refused_at(&mut late, contract.limits.expires, &revoked),
        Refused::ContractState { contract: id, state: expired, event: lifecycle::Event::Revoked }
    );
    state.clone().apply(contract.limits.expires - 1, &request).unwrap();

    assert_eq!(
        refused(&world, &mut state, lake, revoke("")),
        Refused::Text { what: "reason", flaw: text::Flaw::Empty }
    );
    world.act(&mut state, 1, revoke("the study is over")).unwrap();
    assert_eq!(
        refused(&world, &mut state, north, world.request(id, hash("run"))),
        Refused::NotActive { contract: id, state: lifecycle::State::Revoked }
    );
}

#[test]
fn strangers_to_a_contract_do_not_end_it() {
    let world = World::new();
    let mut contract = world.contract();
    contract.parties.retain(|party| party.name != "watch");
    let mut state = world.state();
    let id = world.propose(&mut state, &contract);
    let revoke = Action::RevokeContract { contract: id, reason: "because".to_owned() };
    assert_eq!(
        refused(&world, &mut state, &world.regulator.clone(), revoke),
        Refused::NotAParty { who: world.regulator.did(), contract: id }
    );
}

#[test]
fn an_amendment_replaces_once_and_between_the_same_members() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let north = world.members[0].clone();
    let amended =
        |nonce: &str| Contract { supersedes: Some(id), nonce: nonce.repeat(32), ..contract.clone() };
    let propose = |contract: &Contract| Action::ProposeContract(Box::new(contract.clone()));
    let mut unknown = amended("0");
    unknown.supersedes = Some(hash("other"));
    assert_eq!(
        refused(&world, &mut state, &north, propose(&unknown)),
        Refused::UnknownContract { contract: hash("other") }
    );
    let mut fewer = amended("0");
    fewer.parties.retain(|party| party.name != "watch");
    assert_eq!(refused(&world, &mut state, &north, propose(&fewer)), Refused::OtherParties { contract: id });

    let (one, two) = (amended("1"), amended("2"));
    for amendment in [&one, &two] {
        world.act(&mut state, 0, propose(amendment)).unwrap();
        for key in &world.signers()[1..] {
            world.act(&mut state, 0, world.consent(amendment, key)).unwrap();
        }
    }
    world.act(&mut state, 0, world.consent(&one, &north)).unwrap();
    let predecessor = state.contract(&id).unwrap();
    assert_eq!(predecessor.state, lifecycle::State::Superseded);
    assert_eq!(predecessor.superseded_by, Some(one.id().unwrap()));
    let superseded = lifecycle::State::Superseded;
    let not_replaceable = Refused::NotReplaceable { contract: id, state: superseded };
    assert_eq!(refused(&world, &mut state, &north, world.consent(&two, &north)), not_replaceable);
    assert_eq!(refused(&world, &mut state, &north, propose(&amended("3"))), not_replaceable);
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("run"))),
        Refused::NotActive { contract: id, state: superseded }
    );
}

#[test]
fn a_run_is_requested_by_a_data_user_for_the_purpose_within_the_window() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let [north, lake, _] = &world.members.clone()[..] else { panic!() };
    assert_eq!(
        refused(&world, &mut state, lake, world.request(id, hash("run"))),
        Refused::NotInRole { who: lake.did(), role: Role::DataUser, contract: id }
    );
    assert_eq!(
        refused(&world, &mut state, north, world.request(hash("other"), hash("run"))),
        Refused::UnknownContract { contract: hash("other") }
    );
    let purpose = "marketing".to_owned();
    let marketing = Action::RequestRun { contract: id, run: hash("run"), purpose: purpose.clone() };
    let expected = contract.purpose.clone();
    assert_eq!(
        refused(&world, &mut state, north, marketing),
        Refused::Purpose { contract: id, expected, found: purpose }
    );

    let mut later = world.contract();
    later.limits.not_before = FOUNDED + 1000;
    let (mut state, id) = world.activated(&later);
    let request = world.sign(&state, north, world.request(id, hash("run")));
    let (not_before, now) = (FOUNDED + 1000, FOUNDED + 999);
    assert_eq!(refused_at(&mut state, now, &request), Refused::NotYetValid { contract: id, not_before, now });
    state.apply(not_before, &request).unwrap();
}

#[test]
fn uses_and_points_run_out() {
    let world = World::new();
    let contract = world.contract();
    let (mut state, id) = world.activated(&contract);
    let north = world.members[0].clone();
    world.act(&mut state, 0, world.request(id, hash("one"))).unwrap();
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("one"))),
        Refused::RunExists { run: hash("one") }
    );
    world.act(&mut state, 0, world.request(id, hash("two"))).unwrap();
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("three"))),
        Refused::NotActive { contract: id, state: lifecycle::State::Exhausted }
    );

    let mut dear = world.contract();
    dear.settlement.fee = POINTS + 1;
    let (mut state, id) = world.activated(&dear);
    let (payer, balance, fee) = (north.did(), POINTS, POINTS + 1);
    assert_eq!(
        refused(&world, &mut state, &north, world.request(id, hash("one"))),
        Refused::InsufficientPoints { payer, balance, fee }
    );
}

#[test]
fn only_participants_permit_or_refuse_and_only_once() {
    let mut scene = Scene::new();
    let run = scene.run;
    let refuse =
        |reasons: usize| Action::RefuseRun { run, refusals: vec![policy::Refusal::Revoked; reasons] };
    let unknown = Action::PermitRun { run: hash("other") };
    assert_eq!(scene.refused(0, unknown), Refused::UnknownRun { run: hash("other") });
    let who = scene.world.regulator.did();
    let by_regulator = scene.refused_to_regulator(Action::PermitRun { run });
    assert_eq!(by_regulator, Refused::NotAParticipant { who, run });
    assert_eq!(scene.refused(0, refuse(0)), Refused::RefusalCount { found: 0 });
    assert_eq!(scene.refused(0, refuse(257)), Refused::RefusalCount { found: 257 });
    scene.act(0, Action::PermitRun { run });
    let who = scene.did(0);
    assert_eq!(
        scene.refused(0, Action::PermitRun { run }),
        Refused::AlreadyDone { who, run, step: "permit" }
    );
    let twice = Refused::AlreadyDone { who, run, step: "permit or refuse" };
    assert_eq!(scene.refused(0, refuse(1)), twice);
    scene.act(1, refuse(1));
    let refused = Phase::Refused;
    assert_eq!(
        scene.refused(2, Action::PermitRun { run }),
        Refused::RunPhase { run, phase: refused, step: "permit it" }
    );
    scene.act(2, refuse(256));
    assert_eq!(scene.state.run(&run).unwrap().refusals.len(), 2);
    assert!(matches!(scene.refused(2, refuse(1)), Refused::AlreadyDone { .. }));
}

#[test]
fn inputs_are_committed_once_by_providers_with_all_their_rows() {
    let mut scene = Scene::new();
    let (run, contract) = (scene.run, scene.contract);
    let commit = |commitment: InputCommitment| Action::CommitInput { run, commitment };
    let good = scene.world.commitment(0);
    assert_eq!(
        scene.refused(0, commit(good.clone())),
        Refused::RunPhase { run, phase: Phase::Requested, step: "commit an input" }
    );
    for member in 0..3 {
        scene.act(member, Action::PermitRun { run });
    }
    let none = InputCommitment { components: Vec::new(), ..good.clone() };
    assert_eq!(scene.refused(0, commit(none)), Refused::ComponentCount { found: 0 });
    let many = InputCommitment { components: vec![hash("x"); 65], ..good.clone() };
    assert_eq!(scene.refused(0, commit(many)), Refused::ComponentCount { found: 65 });
    let fewer = InputCommitment { rows: 5, ..good.clone() };
    let provider = scene.did(0);
    assert_eq!(
        scene.refused(0, commit(fewer)),
        Refused::CommittedRows { provider, expected: ROWS[0], found: 5 }
    );
    let who = scene.world.regulator.did();
    let by_regulator = scene.refused_to_regulator(commit(good.clone()));
    assert_eq!(by_regulator, Refused::NotInRole { who, role: Role::DataProvider, contract });
    scene.act(0, commit(good.clone()));
    let step = "commit an input";
    assert_eq!(scene.refused(0, commit(good)), Refused::AlreadyDone { who: provider, run, step });
}

#[test]
fn receipts_are_filed_once_by_compute_parties_and_are_complete() {
    let mut scene = Scene::new();
    let (run, contract) = (scene.run, scene.contract);
    let receipt = scene.world.receipt(contract, run, 0);
    let file = |receipt: &ledger::Receipt| Action::File(Box::new(receipt.clone()));
    assert_eq!(
        scene.refused(0, file(&receipt)),
        Refused::RunPhase { run, phase: Phase::Requested, step: "file a receipt" }
    );
    scene.world.start(&mut scene.state, run);
    let who = scene.world.regulator.did();
    let by_regulator = scene.refused_to_regulator(file(&receipt));
    assert_eq!(by_regulator, Refused::NotInRole { who, role: Role::ComputeParty, contract });

    let mut malformed = |change: &dyn Fn(&mut ledger::Receipt)| {
        let mut changed = receipt.clone();
        change(&mut changed);
        match scene.refused(0, file(&changed)) {
            Refused::ReceiptMalformed(rule) => rule,
            other => panic!("{other:?}"),
        }
    };
    let world = World::new();
    assert_eq!(malformed(&|receipt| receipt.party = world.did(1)), ReceiptRule::Party);
    assert_eq!(malformed(&|receipt| receipt.contract = hash("other")), ReceiptRule::Contract);
    assert_eq!(malformed(&|receipt| receipt.inputs.clear()), ReceiptRule::Inputs);
    assert_eq!(malformed(&|receipt| receipt.sent.clear()), ReceiptRule::Transcripts);
    let with_itself = |receipt: &mut ledger::Receipt| {
        receipt.received.insert(world.did(0), hash("x"));
    };
    assert_eq!(malformed(&with_itself), ReceiptRule::Transcripts);
    assert_eq!(malformed(&|receipt| receipt.output.clear()), ReceiptRule::Output);
    assert_eq!(malformed(&|receipt| receipt.output.reverse()), ReceiptRule::Output);
    assert_eq!(malformed(&|receipt| receipt.output[1].component = 64), ReceiptRule::Output);

    scene.act(0, file(&receipt));
    let (who, step) = (scene.did(0), "file a receipt");
    assert_eq!(scene.refused(0, file(&receipt)), Refused::AlreadyDone { who, run, step });
}

#[test]
fn a_run_that_is_too_late_can_only_fail() {
    let mut scene = Scene::started();
    let run = scene.run;
    let deadline = scene.state.run(&run).unwrap().deadline;
    let lake = scene.world.members[1].clone();
    let receipt = scene.world.sign(&scene.state, &lake, scene.world.file(scene.contract, run, 1));
    assert_eq!(
        refused_at(&mut scene.state, deadline, &receipt),
        Refused::RunTimedOut { run, deadline, now: deadline }
    );
    scene.state.clone().apply(deadline - 1, &receipt).unwrap();

    let reason = |blamed| FailReason { text: "south does not answer".to_owned(), blamed };
    let fail = |blamed| Action::FailRun { run, reason: reason(blamed) };
    let regulator = scene.world.regulator.clone();
    let who = regulator.did();
    assert_eq!(scene.refused_to_regulator(fail(None)), Refused::NotAParticipant { who, run });
    assert_eq!(scene.refused(0, fail(Some(who))), Refused::NotAParticipant { who, run });
    let silent = FailReason { text: String::new(), blamed: None };
    assert!(matches!(scene.refused(0, Action::FailRun { run, reason: silent }), Refused::Text { .. }));
    // Any party may, once the time has passed.
    let late = scene.world.sign(&scene.state, &regulator, fail(Some(scene.did(2))));
    scene.state.apply(deadline, &late).unwrap();
    assert_eq!(scene.state.run(&run).unwrap().phase, Phase::Failed);
    assert_eq!(
        scene.refused(0, fail(None)),
        Refused::RunPhase { run, phase: Phase::Failed, step: "declare it failed" }
    );
}

#[test]
fn a_use_comes_back_once_and_only_when_all_compute_parties_say_so() {
    let mut scene = Scene::started();
    let (run, contract) = (scene.run, scene.contract);
    let nothing = || Action::NothingOpened { run };
    let step = "state that nothing was opened";
    let running = Phase::Running;
    assert_eq!(scene.refused(0, nothing()), Refused::RunPhase { run, phase: running, step });
    let reason = FailReason { text: "south does not answer".to_owned(), blamed: Some(scene.did(2)) };
    scene.act(0, Action::FailRun { run, reason });
    let who = scene.world.regulator.did();
    let by_regulator = scene.refused_to_regulator(nothing());
    assert_eq!(by_regulator, Refused::NotInRole { who, role: Role::ComputeParty, contract });
    scene.act(0, nothing());
    let who = scene.did(0);
    assert_eq!(scene.refused(0, nothing()), Refused::AlreadyDone { who, run, step });
    scene.act(1, nothing());
    assert_eq!(scene.state.balance(&who), POINTS - FEE);
    scene.act(2, nothing());
    assert_eq!(scene.state.balance(&who), POINTS);
    assert_eq!(scene.state.contract(&contract).unwrap().runs_taken, 0);
    for member in 0..3 {
        let who = scene.did(member);
        assert_eq!(scene.refused(member, nothing()), Refused::AlreadyDone { who, run, step });
    }
}
