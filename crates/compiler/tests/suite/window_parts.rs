//! Attacks by what windows tell of parts of the rows of which not all are shown: over the rows of several owners, where it is
//! asked on shares or left to their `overlaps_max`, and of one, at whose node rows are counted.

use treaty_compiler::{Construct, Refused, compile, overlap::Verdict};

use crate::{
    differencing::is_close,
    owners_windows::{halves, shown},
    support::{run, table},
    windows::verdict,
};

fn of(items: &str, windows: &str, rest: &str) -> String {
    format!("SELECT {items} FROM (SELECT *, {windows} FROM people) AS p{rest}")
}

const TOTAL: &str = "SUM(salary) OVER (PARTITION BY rank) AS total";

/// The total of a part less what is shown of it.
fn taken_away(rest: &str) -> String {
    of("AVG(total) AS a, SUM(salary) AS s, COUNT(*) AS n", TOTAL, rest)
}

#[test]
fn the_rest_of_each_part_is_none_or_enough() {
    let owners = halves();
    let attack = taken_away(" WHERE rank = 'low' AND salary <> 90000");
    let (_, _, told) = run(&attack, &owners, 1);
    let number = |place: usize| told.rows[0][place].number().unwrap();
    assert_eq!(number(0) - number(1), 90_000.0, "what the attack would learn");
    for (rest, rows) in [
        ("", 1),
        (" WHERE rank = 'low'", 1),
        (" WHERE rank = 'low' AND salary <> 90000", 0),
        (" WHERE rank = 'low' AND salary < 15000", 1),
        (" WHERE rank = 'low' AND salary < 16000", 0),
        // As many are left out, but not of this part; chosen by a window, too.
        (" WHERE salary <> 90000 AND salary NOT IN (20000, 21000, 22000, 23000)", 0),
        (" WHERE NOT (salary = total - 171000) AND rank = 'low'", 0),
        (" WHERE total > 300000", 1),
        // One row of a part beside a whole other one, by whose total it is found.
        (" WHERE rank = 'mid' OR salary = 90000", 0),
    ] {
        assert_eq!(shown(&taken_away(rest), &owners, 5).len(), rows, "{rest}");
    }
    let groups = |rest: &str| {
        let items = "rank, MAX(total) AS a, SUM(salary) AS s";
        shown(&of(items, TOTAL, &format!("{rest} GROUP BY rank")), &owners, 5).len()
    };
    assert_eq!(groups(""), 2);
    assert_eq!(groups(" WHERE salary NOT IN (90000, 20000, 21000, 22000, 23000)"), 0);
    assert_eq!(groups(" WHERE salary NOT IN (20000, 21000, 22000, 23000, 24000)"), 2);
    // A group of too few rows is not shown: its part's rest is nobody's concern.
    assert_eq!(groups(" WHERE rank = 'mid' OR salary = 90000"), 1);
    let having = " WHERE salary <> 90000 GROUP BY rank HAVING MAX(total) > 0";
    assert_eq!(shown(&of("rank, SUM(salary) AS s", TOTAL, having), &owners, 5).len(), 0);
    // Only conditions read them.
    let first =
        of("COUNT(*) AS n", "ROW_NUMBER() OVER (PARTITION BY salary ORDER BY joined) AS w", " WHERE w = 1");
    assert_eq!(shown(&first, &owners, 5).len(), 1);
}

/// What else parts could be found by, nobody counts: owners say how often they let it through.
#[test]
fn what_is_told_of_parts_otherwise_is_left_to_owners() {
    let is_partial = |sql: &str| {
        let compiled =
            compile(sql, &[table(&[20, 20])], 5).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        compiled.answers.iter().all(treaty_compiler::answers::Answers::is_partial)
    };
    let running = "SUM(salary) OVER (PARTITION BY rank ORDER BY joined) AS w";
    let before = "LAG(salary) OVER (PARTITION BY rank ORDER BY joined) AS w";
    for sql in [
        of("SUM(w)", running, " WHERE salary > 0"),
        of("SUM(w)", before, " WHERE w > 0"),
        of("SUM(w - salary)", before, " WHERE w IS NOT NULL"),
        of("MAX(w)", "RANK() OVER (ORDER BY joined) AS w", " WHERE w > 5"),
        of("SUM(w)", "FIRST_VALUE(salary) OVER (ORDER BY joined ROWS 6 PRECEDING) AS w", " WHERE salary > 0"),
        of("rank, AVG(w)", "MAX(salary) OVER (PARTITION BY team) AS w", " GROUP BY rank"),
        of("rank, SUM(salary)", "MAX(salary) OVER () AS w", " GROUP BY rank HAVING MAX(w) > 3"),
        of("w, COUNT(*)", "LAG(rank) OVER (PARTITION BY rank ORDER BY joined) AS w", " GROUP BY w"),
        of("MAX(v), MAX(w)", "SUM(salary) OVER (PARTITION BY rank) AS v, SUM(salary) OVER () AS w", ""),
        of(
            "SUM(v), SUM(w)",
            "SUM(salary) OVER (ORDER BY joined ROWS 5 PRECEDING) AS v, SUM(salary) OVER (ORDER BY joined ROWS 6 PRECEDING) AS w",
            "",
        ),
        of(
            "SUM(v), SUM(w)",
            "SUM(salary) OVER (ORDER BY joined ROWS 5 PRECEDING) AS v, LAG(salary, 6) OVER (ORDER BY joined) AS w",
            "",
        ),
    ] {
        assert!(is_partial(&sql), "{sql}");
    }
    let inner = |condition: &str, rest: &str| {
        format!("SELECT SUM(w) FROM (SELECT salary, {running} FROM people WHERE {condition}) AS p{rest}")
    };
    for sql in [
        of("SUM(w), SUM(salary)", running, ""),
        of("rank, AVG(w)", running, " GROUP BY rank"),
        of(
            "rank, AVG(w)",
            "MAX(salary) OVER (PARTITION BY team, rank) AS w",
            " WHERE salary > 0 GROUP BY rank",
        ),
        of("MAX(total)", TOTAL, " WHERE total > 5 AND salary > 3"),
        of("SUM(salary)", before, " WHERE w > 0"),
        inner("salary > 0", ""),
        inner("salary > 0 OR active", ""),
        inner("salary > 0 AND active", ""),
    ] {
        assert!(!is_partial(&sql), "{sql}");
    }
    assert!(is_partial(&inner("active", " WHERE salary > 0")));
}

/// A frame that is cut off has fewer rows, as LAG has no value there: beside all rows' sum the last one's is left.
#[test]
fn frames_that_are_cut_off_are_none_or_enough() {
    let framed = |call: &str, rows: u32, partition: &str| {
        let window = format!("{call} OVER ({partition}ORDER BY joined ROWS {rows} PRECEDING) AS w");
        of("SUM(w) AS v, SUM(salary) AS s, COUNT(*) AS n", &window, "")
    };
    let owners = halves();
    let (_, _, told) = run(&framed("SUM(salary)", 1, ""), &owners, 1);
    let number = |place: usize| told.rows[0][place].number().unwrap();
    assert_eq!(2.0 * number(1) - number(0), 39_000.0, "what the attack would learn");
    for call in ["SUM(salary)", "FIRST_VALUE(salary)", "COUNT(*)"] {
        for (rows, partition, found) in [
            (0, "", 1),
            (1, "", 0),
            (4, "", 0),
            (5, "", 1),
            (60, "", 1),
            // Beside a running sum what the last row's frame lacks is the first row's value.
            (38, "", 0),
            (36, "", 0),
            (35, "", 1),
            (2, "PARTITION BY rank ", 0),
            (3, "PARTITION BY rank ", 1),
        ] {
            let sql = framed(call, rows, partition);
            assert_eq!(shown(&sql, &owners, 5).len(), found, "{sql}");
        }
    }
    assert_eq!(shown(&framed("LAST_VALUE(salary)", 1, ""), &owners, 5).len(), 1);
    let by_rank = |rows: u32| {
        let window =
            format!("SUM(salary) OVER (PARTITION BY rank ORDER BY joined ROWS {rows} PRECEDING) AS w");
        shown(&of("rank, SUM(w) AS v", &window, " GROUP BY rank"), &owners, 5).len()
    };
    assert_eq!([by_rank(4), by_rank(5), by_rank(18)], [0, 2, 0]);
}

/// The same at home, where the floor is ten rows.
#[test]
fn one_owner_counts_the_rest_of_each_part() {
    let close = |sql: &str| match verdict(&[], sql) {
        Verdict::Apart => false,
        verdict => {
            assert!(is_close(verdict), "{sql}");
            true
        }
    };
    let by = |partition: &str, rest: &str| {
        of("rank, MAX(w) AS m", &format!("SUM(salary) OVER ({partition}) AS w"), rest)
    };
    let before = "LAG(salary) OVER (ORDER BY joined) AS w";
    for sql in [
        taken_away(" WHERE rank = 'low' AND salary <> 90000"),
        taken_away(" WHERE rank = 'low' AND salary < 11000"),
        // As many are left out, but not of this part.
        taken_away(" WHERE salary <> 90000 AND (salary < 20000 OR salary > 30000)"),
        of("COUNT(CASE WHEN total > 5 THEN 1 END) AS n", TOTAL, " WHERE rank = 'low' AND salary <> 90000"),
        of("total, COUNT(*) AS n", TOTAL, " WHERE rank = 'low' AND salary <> 90000 GROUP BY total LIMIT 3"),
        // Five of each rank in each part.
        by("PARTITION BY free", " GROUP BY rank"),
        of("SUM(w) AS v, SUM(salary) AS s", before, " WHERE salary > 12000"),
        of("SUM(w) AS v", "SUM(salary) OVER (ORDER BY joined) AS w", " WHERE rank = 'mid'"),
        of(
            "MAX(v) AS v, MAX(w) AS w",
            "SUM(salary) OVER (PARTITION BY rank) AS v, SUM(salary) OVER () AS w",
            "",
        ),
        taken_away(" WHERE rank = 'mid' OR salary = 90000"),
        of("SUM(w) AS w", "SUM(salary) OVER (ORDER BY joined ROWS 38 PRECEDING) AS w", ""),
        of(
            "rank, SUM(w) AS w",
            "SUM(salary) OVER (PARTITION BY rank ORDER BY joined ROWS 18 PRECEDING) AS w",
            " GROUP BY rank",
        ),
        of("SUM(w) AS w", "SUM(salary) OVER (ORDER BY joined ROWS 1 PRECEDING) AS w", ""),
        of("SUM(w) AS w", "FIRST_VALUE(salary) OVER (ORDER BY joined ROWS 9 PRECEDING) AS w", ""),
    ] {
        assert!(close(&sql), "{sql}");
    }
    for sql in [
        taken_away(""),
        taken_away(" WHERE rank = 'low'"),
        taken_away(" WHERE rank = 'low' AND salary < 10000"),
        by("PARTITION BY rank", " GROUP BY rank"),
        by("", " GROUP BY rank"),
        of("SUM(salary) AS s", before, " WHERE w > 12000 AND salary <> 90000 AND salary < 28000"),
        of("SUM(w) AS v", "SUM(salary) OVER (ORDER BY joined) AS w", ""),
        of(
            "rank, SUM(w) AS v",
            "SUM(salary) OVER (PARTITION BY rank ORDER BY joined) AS w",
            " WHERE rank = 'mid' GROUP BY rank",
        ),
        of("SUM(w) AS w", "SUM(salary) OVER (ORDER BY joined ROWS 10 PRECEDING) AS w", ""),
        of("SUM(w) AS w", "SUM(salary) OVER (ORDER BY joined ROWS 0 PRECEDING) AS w", ""),
    ] {
        assert!(!close(&sql), "{sql}");
    }
}

/// Of many rows what is brought to all rows of a part, squared, has no room.
#[test]
fn numbers_without_room_are_refused_by_name() {
    let sql = of("STDDEV_POP(w)", "SUM(salary) OVER (PARTITION BY rank) AS w", "");
    assert!(compile(&sql, &[table(&[4, 4])], 2).is_ok());
    for rows in [20, 50, 100, 1 << 10, 1 << 17] {
        if let Err(refused) = compile(&sql, &[table(&[rows, rows])], 2) {
            assert!(
                matches!(&refused, Refused::Unsupported { construct: Construct::RowWindowWide, .. }),
                "{rows}: {refused}"
            );
        }
    }
    let refused = compile(&sql, &[table(&[1 << 14, 1 << 14])], 2).unwrap_err();
    assert!(
        matches!(&refused, Refused::Unsupported { construct: Construct::RowWindowWide, found } if found.contains("salary")),
        "{refused}"
    );
}
