//! The rules of contracts.

use contract::{Contract, document::Role, lifecycle, text};
use ledger::{Action, Refused};

use super::{refused, refused_at};
use crate::world::{World, hash};

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
