//! What windows over rows would tell though the same rows come out, and the bounds at which they are refused before anybody
//! signs.

use treaty_compiler::{
    Construct, Refused, compile, local,
    overlap::{self, Answer, Field, Verdict},
};

use crate::{
    differencing::{FLOOR, answer, is_close},
    jointly,
    support::{Declare, Person, batch, column, people, run, table},
    windows::{number, staff, verdict},
};

fn compared(given: &[&str], new: &str, rows: &[Person]) -> Verdict {
    let given: Vec<Answer> = given.iter().map(|sql| answer(sql, rows)).collect();
    let given: Vec<&Answer> = given.iter().collect();
    overlap::compare(&given, &answer(new, rows), FLOOR, true, Field::from_random(0x5eed))
}

/// One bit of one person: the rows that come out are twenty or none, and which, a row that does not come out decides.
#[test]
fn rows_under_a_window_that_only_a_condition_reads_are_a_set() {
    let mut rows = staff();
    rows[19].note = Some("X".to_owned());
    let bit = |least: u32, most: u32| {
        format!(
            "SELECT COUNT(*) AS n FROM (SELECT rank, COUNT(*) OVER () AS c FROM people \
             WHERE rank = 'mid' OR (note = 'X' AND salary > {least})) AS s WHERE rank = 'mid' AND c > {most}"
        )
    };
    let counted = |sql: &str| run(sql, &[rows.clone()], FLOOR).2.rows;
    assert_eq!(counted(&bit(50_000, 20))[0][0].number(), Some(20.0), "what the attack would learn");
    assert_ne!(counted(&bit(95_000, 20)), counted(&bit(50_000, 20)));
    // By itself: 20 of the 21 that the window runs over come out.
    assert!(compile(&bit(50_000, 20), &[table(&[40])], FLOOR).unwrap().compares_within());
    assert!(is_close(compared(&[], &bit(50_000, 20), &rows)));
    // After another: nobody comes out, yet the window runs over one more than were counted before.
    let before = "SELECT COUNT(*) AS n FROM people WHERE rank = 'mid'";
    assert_eq!(compared(&[], &bit(50_000, 21), &rows), Verdict::Apart);
    assert!(is_close(compared(&[before], &bit(50_000, 21), &rows)));
    assert!(is_close(compared(&[&bit(50_000, 21)], before, &rows)));
    // As a group, and within CASE.
    let inner = "SELECT rank, COUNT(*) OVER () AS c FROM people WHERE rank = 'mid' OR note = 'X'";
    let group = format!("SELECT c, COUNT(*) AS n FROM ({inner}) AS s WHERE rank = 'mid' GROUP BY c LIMIT 3");
    assert!(is_close(compared(&[], &group, &rows)));
    let case =
        format!("SELECT COUNT(CASE WHEN c > 20 THEN 1 END) AS n FROM ({inner}) AS s WHERE rank = 'mid'");
    assert!(is_close(compared(&[], &case, &rows)));
}

/// A window over one person's row: twenty others come out, if that one is there.
#[test]
fn few_rows_under_a_window_are_refused() {
    let mut rows = staff();
    rows[19].note = Some("X".to_owned());
    let carried = "SELECT COUNT(*) AS n FROM (SELECT w FROM (SELECT rank, COUNT(note) OVER () AS w FROM people) AS x \
                   WHERE rank = 'mid') AS s WHERE w = 1";
    assert!(is_close(compared(&[], carried, &rows)));
    rows[19].note = None;
    assert_eq!(compared(&[], carried, &rows), Verdict::Apart);
}

/// How many rows have a value: two, where no answer may be about fewer than ten.
#[test]
fn rows_with_a_value_under_a_window_are_a_set() {
    let with_bonus = |most: usize| {
        let mut rows = staff();
        rows.iter_mut().take(most).for_each(|one| one.bonus = Some(100));
        rows
    };
    for sql in [
        "SELECT AVG(c) AS a FROM (SELECT COUNT(bonus) OVER () AS c FROM people) AS s",
        "SELECT COUNT(*) AS n FROM (SELECT COUNT(bonus) OVER () AS c FROM people) AS s WHERE c > 1",
    ] {
        assert!(is_close(compared(&[], sql, &with_bonus(2))), "{sql}");
        assert_eq!(compared(&[], sql, &with_bonus(20)), Verdict::Apart, "{sql}");
    }
}

/// The first row has no neighbour: what stood for one would hide that a row fewer is added up.
#[test]
fn a_missing_neighbour_is_counted_as_such() {
    let carried = |of: &str, window: &str| {
        format!(
            "SELECT {of} AS s FROM (SELECT salary, {window} OVER (ORDER BY joined) AS w FROM people) AS p"
        )
    };
    for window in ["LAG(salary, 1, 0)", "LEAD(salary, 1, NULL)"] {
        let refused = compile(&carried("SUM(w)", window), &[table(&[40])], FLOOR).unwrap_err();
        assert!(
            matches!(refused, Refused::Unsupported { construct: Construct::RowWindowDefault, .. }),
            "{refused}"
        );
    }
    let zero = carried("SUM(COALESCE(w, 0))", "LAG(salary)");
    let whole: i64 = staff().iter().map(|one| one.salary).sum();
    assert_eq!(whole as f64 - number(&zero), 39_000.0, "the last one's salary");
    assert!(is_close(verdict(&[], &zero)), "39 of 40 rows have a neighbour");
}

/// Ten rows whose sum is wider than an integer.
#[test]
fn a_mean_of_wide_integers_is_exact() {
    let wide = 950_000_000_000_000_000;
    let mut declared = people();
    declared.columns[8] = column("free", contract::ColumnType::Integer).range("0", &wide.to_string());
    let rows: Vec<Person> = (0..10)
        .map(|n| Person { rank: "low".to_owned(), free: wide, salary: n, ..Person::default() })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for over in ["", "ORDER BY salary", "ORDER BY salary ROWS 9 PRECEDING"] {
        let sql = format!(
            "SELECT COUNT(*) AS n FROM (SELECT AVG(free) OVER ({over}) AS w FROM people) AS s WHERE w = {wide}"
        );
        let mut town = table(&[10]);
        town.datasets[0].schema = declared.clone();
        let compiled = compile(&sql, &[town], 1).unwrap();
        let stage = &compiled.program.stages[0];
        let rows = jointly::read_by(stage, &|_| (declared.clone(), vec![batch(&rows)]));
        let found = local::run(&compiled.program, 0, rows);
        let found = runtime.block_on(found).unwrap();
        assert!(found.contains(&vec![10]), "{over}: {found:?}");
    }
}

/// Windows of windows are refused where an owner's parser would read no more of them; up to there they run.
#[test]
fn depth_is_refused_when_a_query_is_written() {
    let nested = |deep: usize| {
        let inner = (0..deep).fold("SELECT joined, salary AS w0 FROM people".to_owned(), |inner, n| {
            let next = n + 1;
            format!("SELECT joined, LAG(w{n}, 0) OVER (ORDER BY joined) AS w{next} FROM ({inner}) AS s{n}")
        });
        format!("SELECT COUNT(*) AS n, SUM(w{deep}) AS s FROM ({inner}) AS s")
    };
    let is_taken = |sql: &str| match compile(sql, &[table(&[40])], FLOOR) {
        Ok(_) => true,
        Err(Refused::Unsupported { construct: Construct::RowWindowDepth, .. }) => false,
        Err(other) => panic!("{other}"),
    };
    let most = (1..30).take_while(|deep| is_taken(&nested(*deep))).last().unwrap();
    assert!((10..29).contains(&most), "{most}");
    let sql = nested(most);
    let whole: i64 = staff().iter().map(|one| one.salary).sum();
    assert_eq!(run(&sql, &[staff()], FLOOR).2.rows[0][1].number(), Some(whole as f64));
    assert_eq!(verdict(&[], &sql), Verdict::Apart);
}

/// Windows that do not read each other are one layer, ties and all.
#[test]
fn many_windows_beside_each_other_are_not_deep() {
    let of = |each: &dyn Fn(u32) -> String| (0..30).map(each).collect::<Vec<_>>().join(", ");
    let windows = of(&|n| format!("LAG(salary, {n}) OVER (ORDER BY rank) AS w{n}"));
    let sums = of(&|n| format!("SUM(w{n}) AS s{n}"));
    let sql = format!("SELECT {sums} FROM (SELECT {windows} FROM people) AS s");
    let rows = run(&sql, &[staff()], 1).2.rows;
    let whole: i64 = staff().iter().map(|one| one.salary).sum();
    assert_eq!(rows[0][0].number(), Some(whole as f64));
    // The greatest of the second rank is last.
    assert_eq!(rows[0][1].number(), Some(whole as f64 - 39_000.0));
}
