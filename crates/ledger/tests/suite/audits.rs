//! Auditors: a contract that has some becomes active with their approval alone, and ends when one declines.

use contract::{Contract, Hash, audit::Opinion, document::Role, lifecycle, text};
use ledger::{
    Action, Event, Happening, Ledger, Proof, Refused, State,
    proof::{Evidence, Flaw},
    refused::AuditRule,
    verify,
};

use crate::world::{FOUNDED, PROGRAM, World, hash, program_hash};

/// The world's contract with the regulator as auditor.
fn audited(world: &World) -> Contract {
    let mut contract = world.contract();
    let watch = world.regulator.did();
    let party = contract.parties.iter_mut().find(|party| party.member == watch).unwrap();
    party.roles.insert(Role::Auditor);
    contract
}

fn opinion(contract: Hash, opinion: Opinion) -> Action {
    Action::AuditContract { contract, report: hash("audit report"), opinion }
}

fn declined(reason: &str) -> Opinion {
    Opinion::Declined { reason: reason.to_owned() }
}

/// The auditor acts.
fn audit(world: &World, state: &mut State, action: Action) -> Result<Vec<Event>, Refused> {
    let signed = world.sign(state, &world.regulator, action);
    state.apply(state.time() + 1, &signed)
}

fn sign_all(world: &World, state: &mut State, contract: &Contract) {
    for key in world.signers() {
        world.act(state, 1, world.consent(contract, &key)).unwrap();
    }
}

#[test]
fn the_last_of_signatures_and_approvals_makes_a_contract_active() {
    let world = World::new();
    let contract = audited(&world);
    let mut state = world.state();
    let id = world.propose(&mut state, &contract);
    let (mut early, activated) = (state.clone(), Happening::ContractActivated { contract: id });
    let said =
        Happening::ContractAudited { contract: id, by: world.regulator.did(), opinion: Opinion::Approved };

    sign_all(&world, &mut state, &contract);
    assert_eq!(state.contract(&id).unwrap().state, lifecycle::State::Proposed);
    let refused = world.act(&mut state, 0, world.request(id, hash("run"))).unwrap_err();
    assert_eq!(refused, Refused::NotActive { contract: id, state: lifecycle::State::Proposed });
    let events = audit(&world, &mut state, opinion(id, Opinion::Approved)).unwrap();
    let what: Vec<_> = events.into_iter().map(|event| event.what).collect();
    assert_eq!(what, [said, activated]);
    assert_eq!(state.contract(&id).unwrap().state, lifecycle::State::Active);
    world.act(&mut state, 0, world.request(id, hash("run"))).unwrap();

    audit(&world, &mut early, opinion(id, Opinion::Approved)).unwrap();
    assert_eq!(early.contract(&id).unwrap().state, lifecycle::State::Proposed);
    sign_all(&world, &mut early, &contract);
    assert_eq!(early.contract(&id).unwrap().state, lifecycle::State::Active);
}

#[test]
fn who_declines_ends_the_contract_with_its_reason() {
    let world = World::new();
    let contract = audited(&world);
    let (mut state, reason) = (world.state(), "groups of five are too small");
    let id = world.propose(&mut state, &contract);
    audit(&world, &mut state, opinion(id, declined(reason))).unwrap();
    let record = state.contract(&id).unwrap();
    assert_eq!(record.state, lifecycle::State::Revoked);
    assert_eq!(record.revoked.as_ref().unwrap().reason, reason);
    let rule = AuditRule::Declined(id, world.regulator.did(), reason.to_owned());
    let north = world.consent(&contract, &world.members[0]);
    assert_eq!(world.act(&mut state, 0, north).unwrap_err(), rule.clone().into());
    let again = audit(&world, &mut state, opinion(id, Opinion::Approved)).unwrap_err();
    assert_eq!(again, rule.into());
}

#[test]
fn opinions_are_refused_by_rule() {
    let world = World::new();
    let contract = audited(&world);
    let mut state = world.state();
    let id = world.propose(&mut state, &contract);

    let north = world.did(0);
    let refused = world.act(&mut state, 0, opinion(id, Opinion::Approved)).unwrap_err();
    assert_eq!(refused, Refused::NotInRole { who: north, role: Role::Auditor, contract: id });
    let other = Action::AuditContract { contract: id, report: hash("other"), opinion: Opinion::Approved };
    let rule = AuditRule::OtherReport(id, hash("audit report"), hash("other"));
    assert_eq!(audit(&world, &mut state, other).unwrap_err(), rule.into());
    let silent = audit(&world, &mut state, opinion(id, declined(" "))).unwrap_err();
    assert_eq!(silent, Refused::Text { what: "reason", flaw: text::Flaw::Empty });
    let unknown = audit(&world, &mut state, opinion(hash("x"), Opinion::Approved)).unwrap_err();
    assert_eq!(unknown, Refused::UnknownContract { contract: hash("x") });

    audit(&world, &mut state, opinion(id, Opinion::Approved)).unwrap();
    let again = audit(&world, &mut state, opinion(id, declined("on second thought"))).unwrap_err();
    assert_eq!(again, AuditRule::AlreadyAudited(world.regulator.did(), id).into());
}

#[test]
fn a_contract_that_is_over_takes_no_opinion() {
    let world = World::new();
    let contract = audited(&world);
    let mut state = world.state();
    let id = world.propose(&mut state, &contract);
    let reason = "the study is over".to_owned();
    world.act(&mut state, 2, Action::RevokeContract { contract: id, reason }).unwrap();
    let (revoked, event) = (lifecycle::State::Revoked, lifecycle::Event::SignedByAll);
    assert_eq!(
        audit(&world, &mut state, opinion(id, Opinion::Approved)).unwrap_err(),
        Refused::ContractState { contract: id, state: revoked, event }
    );
}

#[test]
fn contracts_of_the_former_format_ask_no_auditor() {
    let world = World::new();
    let mut contract = audited(&world);
    (contract.format, contract.audit) = ("treaty-contract/1".to_owned(), None);
    let (mut state, id) = world.activated(&contract);
    assert_eq!(state.contract(&id).unwrap().state, lifecycle::State::Active);
    let refused = audit(&world, &mut state, opinion(id, Opinion::Approved)).unwrap_err();
    assert_eq!(refused, AuditRule::NoReport(id).into());
}

#[test]
fn terms_name_auditors_of_the_alliance() {
    let mut world = World::new();
    let stranger = world.stranger.did();
    world.disclosure.auditors = [stranger].into();
    let refused =
        world.act(&mut world.state(), 0, Action::PublishDataset(Box::new(world.dataset(0, 1)))).unwrap_err();
    let rule = ledger::refused::DatasetRule::TermsAuditor { auditor: stranger };
    assert_eq!(refused, Refused::DatasetMalformed { dataset: "north/staff@1".to_owned(), rule });
}

#[test]
fn a_proof_holds_the_approval() {
    let world = World::new();
    let contract = audited(&world);
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&directory.path().join("ledger.redb"), world.alliance.clone()).unwrap();
    let (id, run, watch) = (contract.id().unwrap(), hash("run"), world.regulator.clone());
    let mut actions: Vec<_> = (0..3)
        .map(|m| (world.members[m].clone(), Action::PublishDataset(Box::new(world.dataset(m, 1)))))
        .collect();
    actions.push((world.members[0].clone(), Action::ProposeContract(Box::new(contract.clone()))));
    actions.extend(world.signers().into_iter().map(|key| (key.clone(), world.consent(&contract, &key))));
    actions.push((watch.clone(), opinion(id, Opinion::Approved)));
    actions.push((world.members[0].clone(), world.request(id, run)));
    for m in 0..3 {
        actions.push((world.members[m].clone(), Action::PermitRun { run }));
    }
    for m in 0..3 {
        let commitment = world.commitment(m);
        actions.push((world.members[m].clone(), Action::CommitInput { run, commitment }));
    }
    actions.extend((0..3).map(|m| (world.members[m].clone(), world.file(id, run, m))));
    for ((key, action), now) in actions.into_iter().zip(FOUNDED + 10..) {
        let signed = world.sign(ledger.state(), &key, action);
        ledger.append(now, vec![signed]).unwrap()[0].as_ref().unwrap();
    }
    ledger.sign_checkpoint(&world.members[0]).unwrap();
    let note = ledger.cosign(&world.members[1], FOUNDED + 100).unwrap();
    ledger.add_cosignature(&note).unwrap();

    let alliance = world.alliance.to_bytes().unwrap();
    let check = |proof: &Proof| verify(&proof.to_bytes().unwrap(), &alliance, program_hash);
    let mut proof = Proof::export(&ledger, run, PROGRAM.to_owned()).unwrap();
    let report = check(&proof).unwrap();
    assert_eq!((report.audit, report.auditors), (contract.audit, vec!["watch".to_owned()]));
    let is_approval = |entry: &ledger::Entry| {
        let action = entry.transaction().map(|signed| &signed.transaction.action);
        matches!(action, Some(Action::AuditContract { .. }))
    };
    proof.entries.retain(|proven| !is_approval(&proven.entry));
    assert_eq!(check(&proof).unwrap_err(), Flaw::Missing(Evidence::Approval(watch.did())));
}
