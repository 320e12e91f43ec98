//! The decision over random worlds: nothing that was allowed can be taken away without a refusal.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, sample::Index};
use treaty_contract::{Hash, Signature, SigningKey, lifecycle::State, terms::Use};

use crate::world::{EXPIRES, NOT_BEFORE, World, keys, reference};

const COLUMNS: [&str; 4] = ["rank", "discipline", "sex", "salary"];
const USES: [Use; 6] = [Use::Filter, Use::Group, Use::Aggregate, Use::Extreme, Use::Join, Use::Product];

fn uses() -> impl Strategy<Value = BTreeMap<String, BTreeSet<Use>>> {
    let column = prop::sample::select(&COLUMNS[..]).prop_map(str::to_owned);
    let used = prop::collection::btree_set(prop::sample::select(&USES[..]), 1..4);
    prop::collection::btree_map(column, used, 0..4)
}

/// A world in which everything is permitted: terms that allow at least what is used, somewhat more, or anything.
fn permitted() -> impl Strategy<Value = World> {
    let spare = [uses(), uses(), uses()];
    let numbers = (1_u32..50, 0_u32..5, 1_u64..100, 0_u64..20, NOT_BEFORE..EXPIRES);
    (uses(), spare, numbers, any::<bool>()).prop_map(
        |(used, spare, (runs, more, floor, below, now), open)| {
            let mut world = World::new();
            world.contract.limits.runs = runs;
            world.contract.output.floor_rows = floor;
            (world.now, world.runs_taken) = (now, runs);
            world.state = if more % 2 == 0 { State::Active } else { State::Exhausted };
            for (member, mut columns) in spare.into_iter().enumerate() {
                for (column, uses) in &used {
                    columns.entry(column.clone()).or_default().extend(uses);
                }
                let terms = world.terms(member);
                terms.columns = columns;
                (terms.runs_max, terms.floor_rows) = (runs + more, floor.saturating_sub(below).max(1));
                if open {
                    terms.receivers.clear();
                    terms.expires = None;
                }
            }
            world.usage.columns.insert("salaries".to_owned(), used);
            world.sign();
            world
        },
    )
}

/// Every single thing that the decision rests on, each as a change that takes it away.
fn allowances(world: &World) -> Vec<(String, World)> {
    let mut all = Vec::new();
    let mut without = |what: String, take: &dyn Fn(&mut World)| {
        let mut world = world.clone();
        take(&mut world);
        all.push((what, world));
    };
    for party in &world.contract.parties {
        without(format!("signature of {}", party.name), &|world| {
            world.signatures.remove(&party.member);
        });
    }
    without("use".into(), &|world| world.runs_taken = 0);
    without("uses left".into(), &|world| world.runs_taken = world.contract.limits.runs + 1);
    without("time".into(), &|world| world.now = world.contract.limits.expires);
    without("beginning".into(), &|world| world.now = world.contract.limits.not_before - 1);
    without("role of the requester".into(), &|world| world.requester = keys()[1].did());
    without("purpose of the request".into(), &|world| world.purpose.push('.'));
    without("program".into(), &|world| world.usage.program = Hash::of("program", b"other"));
    for state in [State::Proposed, State::Expired, State::Revoked, State::Superseded, State::Disputed] {
        without(format!("state, now {state}"), &|world| world.state = state);
    }
    for member in 0..3 {
        let receiver = *world.contract.output.receivers.last().unwrap();
        let dataset = reference(member);
        without(format!("dataset {member}"), &|world| {
            world.datasets.remove(&dataset);
        });
        without(format!("purpose {member}"), &|world| world.terms(member).purposes.clear());
        without(format!("scheme {member}"), &|world| world.terms(member).schemes.clear());
        without(format!("runs {member}"), &|world| {
            world.terms(member).runs_max = world.contract.limits.runs - 1
        });
        without(format!("floor {member}"), &|world| {
            world.terms(member).floor_rows = world.contract.output.floor_rows + 1;
        });
        without(format!("terms {member}"), &|world| world.terms(member).expires = Some(world.now));
        without(format!("receiver {member}"), &|world| {
            world.terms(member).receivers = keys().iter().map(SigningKey::did).collect();
            world.terms(member).receivers.remove(&receiver);
        });
        for (column, uses) in &world.usage.columns["salaries"] {
            for wanted in uses {
                without(format!("{wanted} of {column} {member}"), &|world| {
                    world.terms(member).columns.get_mut(column).unwrap().remove(wanted);
                });
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn taking_away_any_one_allowance_is_refused(world in permitted()) {
        prop_assert!(world.decide().is_ok(), "{:?}", world.decide());
        for (what, less) in allowances(&world) {
            prop_assert!(less.decide().is_err(), "permitted without {what}");
        }
    }

    /// A check before signing and the decision agree on everything that both look at.
    #[test]
    fn what_a_check_refuses_is_refused_later(world in permitted(), at in any::<Index>()) {
        let worlds = allowances(&world);
        let (what, less) = &worlds[at.index(worlds.len())];
        let refusals = less.refusals();
        for refusal in less.check() {
            prop_assert!(refusals.contains(&refusal), "{what}: {refusal}");
        }
    }

    #[test]
    fn any_world_is_decided_without_panic(
        (title, sql, table, scheme) in (".*", ".*", ".*", ".*"),
        (runs, floor, expires, fee) in any::<(u32, u64, u64, u64)>(),
        (providers, now, taken) in any::<(u16, u64, u32)>(),
        signature in any::<[u8; 32]>(),
        state in prop::sample::select(&State::ALL[..]),
        drop in any::<Index>(),
    ) {
        let mut world = World::new();
        let contract = &mut world.contract;
        (contract.title, contract.computation.sql, contract.protection.scheme) = (title, sql, scheme);
        (contract.limits.runs, contract.output.floor_rows) = (runs, floor);
        (contract.limits.expires, contract.settlement.fee) = (expires, fee);
        contract.settlement.providers = providers;
        let inputs = contract.computation.tables["salaries"].clone();
        contract.computation.tables.insert(table, inputs);
        contract.parties.remove(drop.index(3));
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&signature);
        world.signatures.insert(keys()[0].did(), Signature::from_bytes(bytes));
        (world.now, world.runs_taken, world.state) = (now, taken, state);
        prop_assert!(world.decide().is_err());
        prop_assert!(!world.check().is_empty());
    }
}
