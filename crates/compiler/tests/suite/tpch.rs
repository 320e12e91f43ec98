//! TPC-H at scale factor 0.01 against plaintext. Counts and decimal sums are equal to the last digit.

use treaty_compiler::Cell;

use crate::place::{Owned, Place};

/// The tables and queries that `treaty bench sql` measures.
#[path = "../../../../src/bench/tpch.rs"]
mod data;

use data::{QUERIES, holder};

fn place(scale: f64) -> Place {
    let owned = |table: data::Dealt| Owned {
        name: table.name,
        schema: table.schema,
        owners: vec![table.rows],
        floor_rows: 1,
    };
    Place(data::tables(scale).unwrap().into_iter().map(owned).collect())
}

fn assert_equal(query: u8, joint: &treaty_compiler::ResultTable, plain: &treaty_compiler::ResultTable) {
    assert!(!plain.rows.is_empty() && joint.rows.len() == plain.rows.len(), "Q{query}: {joint:?}\n{plain:?}");
    for (cell, wanted) in joint.rows.iter().flatten().zip(plain.rows.iter().flatten()) {
        match (cell, wanted) {
            // DataFusion's mean of decimals is cut off after four more digits.
            (Cell::Real(x), wanted) => assert!((x - wanted.number().unwrap()).abs() < 1e-5, "Q{query}"),
            _ => assert_eq!(cell, wanted, "Q{query}: {joint:?}\n{plain:?}"),
        }
    }
}

#[test]
fn queries_equal_plaintext_at_scale_factor_one_hundredth() {
    let place = place(0.01);
    for (query, sql) in QUERIES {
        let compiled = place.compiled(sql, 1).unwrap_or_else(|refused| panic!("Q{query}: {refused}"));
        assert_equal(*query, &place.joint(&compiled, None), &place.plain(sql));
    }
}

#[test]
fn three_owners_join_their_own_tables_at_home() {
    let place = place(0.01);
    let mut at_home = Vec::new();
    for (query, sql) in QUERIES {
        let compiled = place.compiled_for(sql, 1, holder);
        let compiled = compiled.unwrap_or_else(|refused| panic!("Q{query}: {refused}"));
        // All others are what they are with an owner for each table.
        if compiled.program.stages.iter().any(|stage| !stage.beside.is_empty()) {
            assert_equal(*query, &place.joint(&compiled, None), &place.plain(sql));
            at_home.push(*query);
        }
    }
    assert_eq!(at_home, [3, 5, 7, 8, 9, 11]);
}

#[test]
fn three_parties_answer_a_join() {
    let place = place(0.0005);
    for (query, sql) in QUERIES.iter().filter(|(query, _)| [3, 10, 12].contains(query)) {
        let compiled = place.compiled(sql, 1).unwrap();
        assert_equal(*query, &place.joint(&compiled, Some(vm::SchemeName::Rep3)), &place.plain(sql));
    }
}
