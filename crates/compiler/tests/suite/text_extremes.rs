//! MIN and MAX of text over a join, beside `tests/slt/text_extremes.slt`.

use treaty_compiler::Cell;

use crate::joins::{Row, World, account, subscriber};

/// Which text is the least is decided by the first integer of seven bytes in which they differ, or by their lengths.
#[test]
fn the_least_and_the_greatest_text_of_long_ones_are_found() {
    let named = |phone, name: &str| -> Row {
        let (phone, _, day, word, number, other) = account(phone, "east", 1);
        (phone, Some(name.to_owned()), day, word, number, other)
    };
    let world = World {
        accounts: vec![
            vec![named(1, "aaaaaaab"), named(2, "aaaaaaac"), named(3, "aaaaaaa")],
            vec![named(1, "aaaaaaa\0"), named(9, ""), named(8, "zz")],
        ],
        subscribers: vec![vec![
            subscriber(1, "full", 1),
            subscriber(2, "full", 2),
            subscriber(3, "basic", 3),
        ]],
        floors: [1, 1],
    };
    let sql = "SELECT plan, MIN(holder) AS least, MAX(holder) AS most FROM accounts AS a JOIN subscribers AS s ON \
               a.phone = s.phone GROUP BY plan";
    let (_, _, joint) = world.run(sql, 1);
    let text = |text: &str| Cell::Text(text.to_owned());
    let wanted =
        [["basic", "aaaaaaa", "aaaaaaa"], ["full", "aaaaaaa\0", "aaaaaaac"]].map(|row| row.map(text));
    assert_eq!(joint.rows, wanted);
    assert_eq!(joint.rows, world.expected(sql).rows);
}
