//! Histograms: what is refused, and which groups there are. What queries give, `slt/buckets.slt` says.

use treaty_compiler::compile;

use crate::support::table;

#[test]
fn histograms_have_parts_and_not_too_many() {
    let refused = |bucket: &str| {
        let sql = format!("SELECT {bucket} AS b, COUNT(*) FROM people GROUP BY b");
        compile(&sql, &[table(&[9])], 1).unwrap_err().to_string()
    };
    for bucket in [
        "WIDTH_BUCKET(salary, 1, 1.0, 3)",
        "WIDTH_BUCKET(salary, 0, 10, 0)",
        "WIDTH_BUCKET(salary, 0, 10, 4094)",
    ] {
        let said = refused(bucket);
        assert!(said.contains("a count from 1 to 4093"), "{bucket}: {said}");
    }
    for bucket in [
        "WIDTH_BUCKET(salary, 0, 10, -1)",
        "WIDTH_BUCKET(salary, 0, 10, 2.5)",
        "WIDTH_BUCKET(salary, 0, 10)",
        "WIDTH_BUCKET(salary, 0, free, 3)",
        "WIDTH_BUCKET(salary, 0, 1e5, 3)",
        "WIDTH_BUCKET(joined, 0, 10, 3)",
        "WIDTH_BUCKET(note, 0, 10, 3)",
        "WIDTH_BUCKET(active, 0, 1, 3)",
    ] {
        let said = refused(bucket);
        assert!(said.contains("WIDTH_BUCKET"), "{bucket}: {said}");
    }
    // All of them are public groups.
    let sql = "SELECT WIDTH_BUCKET(score, -10, 10, 4093) AS b, COUNT(*) FROM people GROUP BY b";
    assert_eq!(compile(sql, &[table(&[9])], 1).unwrap().groups.len(), 4096);
    let sql = "SELECT WIDTH_BUCKET(salary, -1000, 200000, 2) AS b, COUNT(*) FROM people GROUP BY b";
    assert_eq!(compile(sql, &[table(&[9])], 1).unwrap().groups.len(), 4);
}
