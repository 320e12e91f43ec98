//! FULL JOIN, and counts of UNION, INTERSECT and EXCEPT: the joint result equals the plaintext one, whatever matches.

use proptest::{prelude::*, sample::select, test_runner::Config};
use treaty_compiler::Cell;

use crate::{
    joins::{World, key, own_condition, world},
    random::assert_agrees,
};

fn full_join() -> impl Strategy<Value = (String, bool)> {
    let keys = proptest::sample::subsequence(vec!["plan", "region"], 0..=2);
    let aggregates = select(vec![
        "SUM(swaps), MIN(balance), COUNT(s.phone)",
        "AVG(loss), MAX(score), COUNT(a.region)",
        "VAR_POP(balance), MIN(since), SUM(balance * loss)",
        "COVAR_POP(swaps, score), MAX(loss), STDDEV_SAMP(swaps)",
    ]);
    (keys, aggregates, key()).prop_map(|(keys, aggregates, on)| {
        let items = keys.iter().map(|key| format!("{key}, ")).collect::<String>();
        let by = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
        let from = format!("accounts AS a FULL JOIN subscribers AS s ON {on}");
        (format!("SELECT {items}COUNT(*), {aggregates} FROM {from}{by}"), !keys.is_empty())
    })
}

fn set() -> impl Strategy<Value = String> {
    let columns = select(vec![["phone", "phone"], ["holder", "name"], ["opened", "since"]]);
    let operation = select(vec!["UNION", "INTERSECT", "EXCEPT", "UNION DISTINCT"]);
    (columns, operation, own_condition(false), own_condition(true)).prop_map(
        |([of_first, of_second], operation, first, second)| {
            format!(
                "SELECT COUNT(*) FROM (SELECT {of_first} FROM accounts a WHERE {first} {operation} \
                 SELECT {of_second} FROM subscribers s WHERE {second}) AS x"
            )
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 60, ..Config::default() })]

    #[test]
    fn a_full_join_equals_the_plaintext_one(world in world(), (sql, has_keys) in full_join()) {
        let (_, _, joint) = world.run(&sql, 1);
        assert_agrees(&sql, &joint, world.expected(&sql), has_keys);
    }

    #[test]
    fn a_set_has_as_many_values_as_in_plaintext(world in world(), sql in set(), floor in 1_i128..4) {
        let (_, outputs, joint) = world.run(&sql, floor as u64);
        let plain = world.expected(&sql).rows;
        match plain.as_slice() {
            [row] if matches!(row.as_slice(), [Cell::Integer(count)] if *count >= floor) => {
                prop_assert_eq!(joint.rows, plain, "{}", sql);
            }
            _ => prop_assert!(joint.rows.is_empty() && outputs.iter().flatten().all(|value| *value == 0), "{sql}"),
        }
    }

    /// Where owners want more of their table's rows behind a count, nobody who knows the other table counts fewer.
    #[test]
    fn a_table_s_own_floor_holds(world in world(), sql in set(), floor in 2_u64..5) {
        let strict = World { floors: [1, floor], ..world };
        let (_, _, joint) = strict.run(&sql, 1);
        if !joint.rows.is_empty() {
            let common = strict.expected(&sql.replace("UNION DISTINCT", "INTERSECT").replace("UNION", "INTERSECT")
                .replace("EXCEPT", "INTERSECT"));
            let is_enough = |cells: &[Cell]| matches!(cells, [Cell::Integer(count)] if *count >= i128::from(floor));
            prop_assert!(common.rows.iter().all(|row| is_enough(row)), "{sql}");
        }
    }
}
