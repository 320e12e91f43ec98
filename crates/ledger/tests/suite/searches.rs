//! Searching the catalog: by words, by features, page by page, as it changes.

use std::{collections::BTreeSet, time::Instant};

use contract::access::Access;
use ledger::{
    Action, State,
    search::{Search, Wish},
};

use crate::world::World;

fn publish(
    world: &World,
    state: &mut State,
    member: usize,
    version: u32,
    about: &str,
    access: Option<Access>,
) {
    let mut dataset = world.dataset(member, version);
    dataset.description = about.to_owned();
    dataset.schema.columns[1].unit = "EUR".to_owned();
    dataset.terms.access = access;
    world.act(state, member, Action::PublishDataset(Box::new(dataset))).unwrap();
}

fn priced(price: u64, permitted: BTreeSet<contract::Did>) -> Option<Access> {
    Some(Access { permitted, price, review: false })
}

fn catalog() -> (World, State) {
    let world = World::new();
    let mut state = world.state();
    publish(&world, &mut state, 0, 1, "Salaries of the faculty", None);
    publish(&world, &mut state, 1, 1, "What the hospital's nurses earn", priced(7, BTreeSet::new()));
    publish(&world, &mut state, 2, 1, "Wages, monthly", priced(20, BTreeSet::from([world.did(0)])));
    publish(&world, &mut state, 0, 2, "Salaries of the faculty, revised", None);
    (world, state)
}

fn found(search: &Search, wish: &Wish) -> Vec<String> {
    search.find(wish, None, 100).0.iter().map(|hit| hit.dataset.reference()).collect()
}

fn text(text: &str) -> Wish {
    Wish { text: text.to_owned(), ..Wish::default() }
}

#[test]
fn words_and_features_find_what_they_should_and_nothing_else() {
    let (world, state) = catalog();
    let search = Search::of(&state);
    let all = ["north/staff@2", "south/staff@1", "lake/staff@1", "north/staff@1"];
    assert_eq!(found(&search, &Wish::default()), all);
    assert_eq!(found(&search, &text("sala FACULTY")), ["north/staff@2", "north/staff@1"]);
    assert_eq!(found(&search, &text("staff salary eur")), all, "column names and units too");
    assert_eq!(found(&search, &text("hospital's")), ["lake/staff@1"]);
    assert!(found(&search, &text("alaries")).is_empty(), "a word is found by its beginning");
    assert!(found(&search, &text("faculty hospital")).is_empty());

    let wish = Wish::default;
    assert_eq!(found(&search, &Wish { owner: Some(world.did(1)), ..wish() }), ["lake/staff@1"]);
    let free = ["north/staff@2", "lake/staff@1", "north/staff@1"];
    assert_eq!(found(&search, &Wish { price_max: Some(7), ..wish() }), free);
    let mine = Wish { permitted_to: Some(world.did(0)), ..wish() };
    assert_eq!(found(&search, &mine), ["north/staff@2", "south/staff@1", "north/staff@1"]);
    let lakes = Wish { permitted_to: Some(world.did(1)), ..wish() };
    assert_eq!(found(&search, &lakes), ["north/staff@2", "lake/staff@1", "north/staff@1"]);

    let column = |name: &str, kind: &str, unit: &str| {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Wish { column: some(name), kind: some(kind), unit: some(unit), ..wish() }
    };
    assert_eq!(found(&search, &column("salary", "integer", "EUR")), all);
    assert_eq!(found(&search, &column("", "text", "")), all);
    for nothing in [column("rank", "integer", ""), column("", "text", "EUR"), column("wage", "", "")] {
        assert!(found(&search, &nothing).is_empty(), "all of one column: {nothing:?}");
    }
}

#[test]
fn pages_follow_each_other_and_the_index_follows_the_ledger() {
    let (world, mut state) = catalog();
    let mut search = Search::of(&state);
    let (first, next) = search.find(&Wish::default(), None, 3);
    let (second, end) = search.find(&Wish::default(), next, 3);
    assert_eq!((first.len(), second.len(), end), (3, 1, None));
    assert_eq!(second[0].dataset.reference(), "north/staff@1");

    let mut act = |member, action| {
        let events = world.act(&mut state, member, action).unwrap();
        search.follow(&state, &events);
        assert_eq!(found(&search, &Wish::default()), found(&Search::of(&state), &Wish::default()));
        (found(&search, &text("hospital")), search.size() == state.size())
    };
    let withdraw = Action::WithdrawDataset { dataset: "lake/staff@1".to_owned() };
    assert_eq!(act(1, withdraw), (vec![], true));
    let again = Action::PublishDataset(Box::new(contract::Dataset {
        description: "hospitals, all of them".to_owned(),
        ..world.dataset(1, 2)
    }));
    assert_eq!(act(1, again), (vec!["lake/staff@2".to_owned()], true));
}

/// `cargo test --release -p treaty-ledger --test suite -- --ignored --nocapture a_hundred_thousand`
#[test]
#[ignore = "measures; run with --release"]
fn a_hundred_thousand_datasets() {
    let world = World::new();
    let mut state = world.state();
    for version in 1..=100_000 {
        publish(
            &world,
            &mut state,
            0,
            version,
            &format!("Salaries of year {version}, ward {}", version % 97),
            None,
        );
    }
    let started = Instant::now();
    let search = Search::of(&state);
    println!("index of 100000: {:?}", started.elapsed());
    for wish in
        [text("salaries ward 9"), text("s y w"), text("no such"), Wish { price_max: Some(0), ..text("7") }]
    {
        let started = Instant::now();
        let hits = search.find(&wish, None, 100).0.len();
        println!("{wish:?}: {hits} in {:?}", started.elapsed());
    }
}
