//! Views are names within one query's text, and like nothing else in it; what they mean is tried in `tests/slt/views.slt`.

use treaty_compiler::{Refused, compile};

use crate::support::table;

fn refused(sql: &str) -> Refused {
    match compile(sql, &[table(&[100])], 2) {
        Err(refused) => refused,
        Ok(_) => panic!("compiled: {sql}"),
    }
}

#[test]
fn a_view_has_a_name_of_its_own() {
    // A view is called like nothing else.
    for named_twice in [
        "CREATE VIEW people AS SELECT * FROM people; SELECT COUNT(*) FROM people",
        "CREATE VIEW b AS SELECT * FROM people; CREATE VIEW people AS SELECT * FROM b; SELECT COUNT(*) FROM people",
        "CREATE VIEW b AS SELECT * FROM people; CREATE VIEW people AS SELECT * FROM c; SELECT COUNT(*) FROM b",
        "CREATE VIEW people AS SELECT * FROM b; CREATE VIEW \"people\" AS SELECT * FROM b; SELECT COUNT(*) FROM people",
    ] {
        assert_eq!(refused(named_twice), Refused::ViewName("people".into()), "{named_twice}");
    }
    let many: String = (0..40).map(|n| format!("CREATE VIEW v{n} AS SELECT * FROM people; ")).collect();
    assert!(matches!(
        refused(&format!("{many} SELECT COUNT(*) FROM v1")),
        Refused::TooLarge { most: 32, .. }
    ));
}
