//! The rules of the catalog.

use std::collections::BTreeSet;

use contract::{Contract, Hash, text};
use ledger::{Action, Refused, refused::DatasetRule};

use super::refused;
use crate::world::{World, hash};

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
        dataset_rule(|_, dataset| dataset.schema.columns[0].name = "a\u{202e}b".to_owned()),
        DatasetRule::ColumnName {
            column: "a\u{fffd}b".to_owned(),
            flaw: text::Flaw::Hidden { code: 0x202e }
        }
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
    let abroad =
        |dataset: &mut contract::Dataset| dataset.terms.jurisdictions = ["Switzerland".to_owned()].into();
    assert_eq!(
        dataset_rule(|_, dataset| abroad(dataset)),
        DatasetRule::TermsJurisdiction { found: "Switzerland".to_owned() }
    );
    let compared = |dataset: &mut contract::Dataset| {
        dataset.terms.comparisons = [("bonus".to_owned(), [].into())].into()
    };
    assert_eq!(
        dataset_rule(|_, dataset| compared(dataset)),
        DatasetRule::TermsColumn { column: "bonus".to_owned() }
    );
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
    let expected = world.dataset(0, 1).id;
    assert_eq!(
        refused(&world, &mut state, &north, publish(renamed)),
        Refused::DatasetId { path: path(), expected, found: hash("another id") }
    );
    let mut copied = world.dataset(0, 1);
    copied.path = "north/more".to_owned();
    let (path, id) = ("north/more".to_owned(), copied.id);
    assert_eq!(refused(&world, &mut state, &north, publish(copied)), Refused::DatasetIdTaken { path, id });
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
    assert_eq!(state.datasets_ever_of(&world.contract()).len(), 3, "what ran before can still be read");
}
