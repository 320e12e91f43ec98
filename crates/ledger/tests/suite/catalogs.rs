//! Publications, transfers of datasets, and what regulators may do: allowed and refused.

use contract::{ColumnType, Did, lifecycle};
use ledger::{
    Action, Card, Happening, Refused, State,
    alliance::Place,
    catalog::{Publication, Published, Wanted, WantedColumn},
    governance::Motion,
    refused::CatalogRule,
};

use crate::{
    governance::{not_proposed, pass},
    refusals::refused_at,
    world::{FOUNDED, PURPOSE, World, hash},
};

fn refused(world: &World, state: &mut State, member: usize, action: Action) -> CatalogRule {
    let signed = world.sign(state, &world.members[member], action);
    let time = state.time() + 1;
    match refused_at(state, time, &signed) {
        Refused::Catalog(rule) => rule,
        other => panic!("{other}"),
    }
}

fn publication(path: &str, version: u32, content: Published) -> Action {
    let description = "Means by group".to_owned();
    Action::Publish(Box::new(Publication { path: path.to_owned(), version, description, content }))
}

fn algorithm() -> Published {
    Published::Algorithm { hash: hash("program"), source: Some("SELECT 1".to_owned()), price: 20 }
}

fn wanted(rows_min: u64) -> Wanted {
    let column = |name: &str, kind| WantedColumn { name: name.to_owned(), kind: Some(kind), unit: None };
    Wanted {
        columns: vec![column("salary", ColumnType::Integer), column("rank", ColumnType::Text)],
        purpose: PURPOSE.to_owned(),
        rows_min,
        until: FOUNDED + 1_000,
    }
}

#[test]
fn members_publish_under_their_own_names_in_versions() {
    let world = World::new();
    let mut state = world.state();
    world.act(&mut state, 0, publication("north/mean", 1, algorithm())).unwrap();
    world.act(&mut state, 0, publication("north/mean", 2, algorithm())).unwrap();
    let template = Published::Template { text: "title = \"Mean\"".to_owned() };
    world.act(&mut state, 1, publication("lake/equity", 1, template)).unwrap();
    let mut refuse = |member, action| refused(&world, &mut state, member, action);
    let foreign = refuse(1, publication("north/other", 1, algorithm()));
    assert_eq!(foreign, CatalogRule::Path("lake".to_owned()));
    assert_eq!(refuse(0, publication("north/mean", 2, algorithm())), CatalogRule::Version(3, 2));
    let hidden = Published::Template { text: "\u{202e}".to_owned() };
    assert!(matches!(refuse(0, publication("north/x", 1, hidden)), CatalogRule::Text(_)));
    let nothing = Wanted { columns: Vec::new(), ..wanted(1) };
    assert_eq!(refuse(0, publication("north/x", 1, Published::Wanted(nothing))), CatalogRule::Wanted);
    let withdraw = |reference: &str| Action::WithdrawPublication { publication: reference.to_owned() };
    let foreign = refuse(1, withdraw("north/mean@1"));
    assert_eq!(foreign, CatalogRule::NotYours("north/mean@1".to_owned(), world.did(0)));
    assert_eq!(refuse(0, withdraw("north/none@1")), CatalogRule::Unknown("north/none@1".to_owned()));
    world.act(&mut state, 0, withdraw("north/mean@1")).unwrap();
    let again = refused(&world, &mut state, 0, withdraw("north/mean@1"));
    assert_eq!(again, CatalogRule::Unknown("north/mean@1".to_owned()));
}

#[test]
fn a_request_for_data_finds_what_fits() {
    let world = World::new();
    let mut state = world.state();
    for member in 0..3 {
        let publish = Action::PublishDataset(Box::new(world.dataset(member, 1)));
        world.act(&mut state, member, publish).unwrap();
    }
    world.act(&mut state, 0, publication("north/wish", 1, Published::Wanted(wanted(100)))).unwrap();
    assert_eq!(state.matches("north/wish@1"), ["lake/staff@1", "north/staff@1"], "south has 87 rows");
    let dataset = "lake/staff@1".to_owned();
    world.act(&mut state, 1, Action::WithdrawDataset { dataset }).unwrap();
    assert_eq!(state.matches("north/wish@1"), ["north/staff@1"]);
    assert!(state.matches("north/none@1").is_empty());
}

#[test]
fn a_dataset_passes_on_once_its_ownership_is_established() {
    let world = World::new();
    let mut state = world.state();
    let path = || "lake/staff".to_owned();
    let claim = || Action::ClaimDataset { path: path(), statement: "ours".to_owned(), evidence: vec![] };
    assert_eq!(refused(&world, &mut state, 1, claim()), CatalogRule::UnknownPath(path()));
    world.act(&mut state, 1, Action::PublishDataset(Box::new(world.dataset(1, 1)))).unwrap();
    let offer = || Action::OfferDataset { path: path(), to: world.did(2) };
    assert_eq!(refused(&world, &mut state, 1, offer()), CatalogRule::NotEstablished(path()));
    let stranger = refused(&world, &mut state, 2, claim());
    assert_eq!(stranger, CatalogRule::NotYourPath(path(), world.did(1)));
    world.act(&mut state, 1, claim()).unwrap();
    assert_eq!(refused(&world, &mut state, 1, claim()), CatalogRule::AlreadyClaimed(path()));
    let until = state.claim_to("lake/staff").unwrap().disputable_until;
    let signed = world.sign(&state, &world.members[1], offer());
    state.apply(until, &signed).unwrap();
    let accept = || Action::AcceptDataset { path: path() };
    assert_eq!(refused(&world, &mut state, 0, accept()), CatalogRule::NotOffered(path(), world.did(0)));
    let events = world.act(&mut state, 2, accept()).unwrap();
    let (from, to) = (world.did(1), world.did(2));
    assert_eq!(events[0].what, Happening::DatasetTransferred { path: path(), from, to });

    // The new owner publishes the next version under the old path; the old one no longer does.
    let mut next = world.dataset(1, 2);
    let old = world.act(&mut state, 1, Action::PublishDataset(Box::new(next.clone()))).unwrap_err();
    assert!(matches!(old, Refused::NotOwner { .. }), "{old}");
    next.owner = world.did(2);
    world.act(&mut state, 2, Action::PublishDataset(Box::new(next))).unwrap();
    let dataset = || "lake/staff@1".to_owned();
    let withdraw = world.act(&mut state, 1, Action::WithdrawDataset { dataset: dataset() }).unwrap_err();
    assert!(matches!(withdraw, Refused::NotOwner { .. }));
    world.act(&mut state, 2, Action::WithdrawDataset { dataset: dataset() }).unwrap();
}

/// Contracts from before the transfer go on; a version is provided by whoever published it; the new owner ends both.
#[test]
fn contracts_that_name_an_older_version_go_on_until_the_new_owner_withdraws_it() {
    let world = World::new();
    let mut contract = world.contract();
    contract.limits.expires = FOUNDED + 100_000_000;
    let (mut state, id) = world.activated(&contract);
    let path = || "lake/staff".to_owned();
    let claim = Action::ClaimDataset { path: path(), statement: "ours".to_owned(), evidence: vec![] };
    world.act(&mut state, 1, claim).unwrap();
    let until = state.claim_to("lake/staff").unwrap().disputable_until;
    let offer =
        world.sign(&state, &world.members[1], Action::OfferDataset { path: path(), to: world.did(2) });
    state.apply(until, &offer).unwrap();
    world.act(&mut state, 2, Action::AcceptDataset { path: path() }).unwrap();
    let mut next = world.dataset(1, 2);
    next.owner = world.did(2);
    let mut foreign = next.clone();
    foreign.id = hash("another vault's");
    let other = world.act(&mut state, 2, Action::PublishDataset(Box::new(foreign))).unwrap_err();
    assert!(matches!(other, Refused::DatasetId { .. }), "{other}");
    world.act(&mut state, 2, Action::PublishDataset(Box::new(next.clone()))).unwrap();

    world.act(&mut state, 0, world.request(id, hash("run"))).unwrap();
    world.start(&mut state, hash("run"));

    let propose = |contract: &contract::Contract| Action::ProposeContract(Box::new(contract.clone()));
    let mut again = contract.clone();
    again.title = "Again".to_owned();
    world.act(&mut state, 0, propose(&again)).unwrap();
    let input = |contract: &mut contract::Contract, provider: Did| {
        let inputs = contract.computation.tables.get_mut("staff").unwrap();
        inputs[1] = contract::document::Input { dataset: next.reference(), provider, root: next.root };
    };
    let mut newer = contract.clone();
    input(&mut newer, world.did(1));
    let old_owner = world.act(&mut state, 0, propose(&newer)).unwrap_err();
    assert!(matches!(old_owner, Refused::ProviderIsNotOwner { .. }), "{old_owner}");
    input(&mut newer, world.did(2));
    for party in newer.parties.iter_mut().filter(|party| party.member == world.did(1)) {
        party.roles.remove(&contract::document::Role::DataProvider);
    }
    world.act(&mut state, 0, propose(&newer)).unwrap();

    let withdraw = Action::WithdrawDataset { dataset: "lake/staff@1".to_owned() };
    world.act(&mut state, 2, withdraw).unwrap();
    assert!(!state.datasets_of(&contract).contains_key("lake/staff@1"), "no run is permitted on it");
    assert!(state.datasets_ever_of(&contract).contains_key("lake/staff@1"), "what ran stays provable");
    again.title = "Once more".to_owned();
    let gone = world.act(&mut state, 0, propose(&again)).unwrap_err();
    assert!(matches!(gone, Refused::WithdrawnDataset { .. }), "{gone}");
}

fn place(jurisdiction: &str) -> Place {
    Place {
        jurisdiction: jurisdiction.to_owned(),
        operator: "itself".to_owned(),
        hosting: "own machines".to_owned(),
        region: "here".to_owned(),
    }
}

/// Lake and the regulator say that they are under one law, south that it is under another.
fn regulated(world: &World) -> (State, contract::Hash) {
    let (mut state, id) = world.activated(&world.contract());
    let keys = [(&world.members[1], "DE"), (&world.members[2], "FR"), (&world.regulator, "DE")];
    for (key, law) in keys {
        let card = state.roster().card(&key.did()).unwrap().clone();
        let card = Card { place: Some(place(law)), ..card }.renewed(key).unwrap();
        let signed = world.sign(&state, key, Action::RenewCard(Box::new(card)));
        state.apply(state.time() + 1, &signed).unwrap();
    }
    (state, id)
}

#[test]
fn members_let_a_regulator_of_their_jurisdiction_read() {
    let world = World::new();
    let (mut state, _) = regulated(&world);
    let regulator = world.regulator.did();
    let set = |regulator: Did, allowed| Action::SetReading { regulator, allowed };
    world.act(&mut state, 1, set(regulator, true)).unwrap();
    assert!(state.may_read(&regulator, &world.did(1)));
    let mut refuse = |member, action| refused(&world, &mut state, member, action);
    assert_eq!(refuse(1, set(regulator, true)), CatalogRule::AlreadySo);
    assert_eq!(refuse(2, set(regulator, true)), CatalogRule::OtherJurisdiction(world.did(2), regulator));
    assert_eq!(refuse(1, set(world.did(2), true)), CatalogRule::NotARegulator(world.did(2)));
    world.act(&mut state, 1, set(regulator, false)).unwrap();
    assert!(!state.may_read(&regulator, &world.did(1)));
}

#[test]
fn a_regulator_stops_contracts_of_its_jurisdiction_by_right() {
    let world = World::new();
    let (mut state, contract) = regulated(&world);
    let regulator = world.regulator.did();
    let stop = Action::StopContract { contract, reason: "the study ended".to_owned() };
    let by_regulator = |state: &mut State| {
        let signed = world.sign(state, &world.regulator, stop.clone());
        let time = state.time() + 1;
        (signed.clone(), refused_at(&mut state.clone(), time, &signed))
    };
    let (_, without) = by_regulator(&mut state);
    assert_eq!(without, CatalogRule::NoStopRight(regulator).into());
    let member =
        not_proposed(&world, &mut state, 0, Motion::SetStopRight { regulator: world.did(1), granted: true });
    assert_eq!(member, CatalogRule::NotARegulator(world.did(1)).into());
    pass(&world, &mut state, Motion::SetStopRight { regulator, granted: true });
    // Another law than that of any party.
    let mut elsewhere = state.clone();
    let card = elsewhere.roster().card(&regulator).unwrap().clone();
    let card = Card { place: Some(place("US-CA")), ..card }.renewed(&world.regulator).unwrap();
    let signed = world.sign(&elsewhere, &world.regulator, Action::RenewCard(Box::new(card)));
    elsewhere.apply(elsewhere.time() + 1, &signed).unwrap();
    let (_, outside) = by_regulator(&mut elsewhere);
    assert_eq!(outside, CatalogRule::OutsideJurisdiction(contract, "US-CA".to_owned()).into());

    let signed = world.sign(&state, &world.regulator, stop.clone());
    let events = state.apply(state.time() + 1, &signed).unwrap();
    assert!(matches!(events[0].what, Happening::ContractStopped { .. }));
    let record = state.contract(&contract).unwrap();
    assert_eq!(record.state, lifecycle::State::Revoked);
    assert_eq!(record.revoked.as_ref().unwrap().by, regulator);
    let signed = world.sign(&state, &world.regulator, stop);
    let again = state.apply(state.time() + 1, &signed).unwrap_err();
    assert!(matches!(again, Refused::ContractState { .. }));
}
