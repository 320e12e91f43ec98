//! Answers that together would tell about a few rows: attacks tried in earnest, and queries that must stay possible.

use contract::disclosure::DisclosureRule;
use proptest::prelude::*;
use treaty_compiler::answers::{Selected, Selection, Selector, identities};
use treaty_compiler::overlap::{self, Answer, Field, Verdict};
use treaty_compiler::{Cell, Rule, compile, decode};

use crate::{
    jointly,
    support::{Declare, Person, batch, batches, column, people, table},
};

pub(crate) const FLOOR: u64 = 10;

/// Forty people in two ranks of twenty; the last one of the lower rank is the only one paid 90,000.
fn staff() -> Vec<Person> {
    let person = |n: i64| Person {
        rank: if n < 20 { "low" } else { "mid" }.to_owned(),
        free: n % 3 + 1,
        salary: if n == 19 { 90_000 } else { 1_000 * n },
        bonus: (n % 2 == 0).then_some(100),
        ..Person::default()
    };
    (0..40).map(person).collect()
}

pub(crate) fn answer(sql: &str, rows: &[Person]) -> Answer {
    let compiled = compile(sql, &[table(&[rows.len() as u64])], FLOOR).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let open = || batches(vec![batch(rows)]);
    let selected =
        runtime.block_on(compiled.answers[0].select("owner0/people@1", &people(), open())).unwrap();
    let identities = runtime.block_on(identities("owner0/people@1", &people(), open())).unwrap();
    Answer { selected, identities, floor_rows: FLOOR }
}

fn compare(given: &[&Answer], new: &Answer, floor_rows: u64, is_alone: bool) -> Verdict {
    overlap::compare(given, new, floor_rows, is_alone, Field::from_random(0x5eed))
}

fn complements(given: &[&Answer], new: &Answer) -> bool {
    overlap::complements(given, new, Field::from_random(0x5eed))
}

pub(crate) fn is_close(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Close(_))
}

fn verdict(given: &[&str], new: &str) -> Verdict {
    let given: Vec<Answer> = given.iter().map(|sql| answer(sql, &staff())).collect();
    compare(&given.iter().collect::<Vec<_>>(), &answer(new, &staff()), FLOOR, true)
}

const ALL: &str = "SELECT SUM(salary) AS s FROM people";

#[test]
fn all_but_one_row_is_refused() {
    assert!(is_close(verdict(&[ALL], "SELECT SUM(salary) AS s FROM people WHERE salary <> 90000")));
    // The other way round, and with other groups.
    assert!(is_close(verdict(&["SELECT SUM(salary) AS s FROM people WHERE salary <> 90000"], ALL)));
    let by_rank = "SELECT rank, SUM(salary) AS s FROM people GROUP BY rank";
    let but_one = "SELECT rank, SUM(salary) AS s FROM people WHERE salary < 90000 GROUP BY rank";
    assert!(is_close(verdict(&[by_rank], but_one)));
}

#[test]
fn the_same_rows_disjoint_rows_and_clearly_other_rows_are_allowed() {
    let by_rank = "SELECT rank, SUM(salary) AS s FROM people GROUP BY rank";
    for (given, new) in [
        (ALL, ALL),
        (ALL, "SELECT COUNT(*) AS n, AVG(salary) AS a FROM people"),
        (by_rank, "SELECT rank, COUNT(*) AS n FROM people GROUP BY rank ORDER BY rank DESC"),
        (ALL, by_rank),
        (by_rank, ALL),
        (by_rank, "SELECT SUM(salary) AS s FROM people WHERE rank = 'low'"),
        (
            "SELECT SUM(salary) AS s FROM people WHERE rank = 'low'",
            "SELECT SUM(salary) AS s FROM people WHERE rank = 'mid'",
        ),
        // Who asks for the sum of a column that may be missing has not asked for rows without it.
        (ALL, "SELECT SUM(bonus) AS b FROM people"),
    ] {
        assert_eq!(verdict(&[given], new), Verdict::Apart, "{given}; {new}");
    }
}

#[test]
fn a_total_does_not_give_a_withheld_group_away() {
    // Nine stands for three people: withheld beside the others, and still so after the total.
    let mut rows = staff();
    for person in rows.iter_mut().take(3) {
        person.free = 9;
    }
    let by_free = answer("SELECT free, SUM(salary) AS s FROM people GROUP BY free LIMIT 10", &rows);
    assert!(is_close(compare(&[&by_free], &answer(ALL, &rows), FLOOR, true)));
    assert!(is_close(compare(&[&answer(ALL, &rows)], &by_free, FLOOR, true)));
}

/// One member brings nearly all of a large group, which is withheld for that; a total that nobody dominates, less the
/// groups that are shown, is the withheld sum to the last unit. Counting rows does not see it.
#[test]
fn a_total_gives_a_group_away_that_is_withheld_for_its_contributor() {
    let rows = |rank: &str, salary: i64, count: i64| -> Vec<Person> {
        (0..count).map(|_| Person { rank: rank.into(), salary, ..Person::default() }).collect()
    };
    let owners = [[rows("low", 9_000, 20), rows("mid", 50_000, 20)].concat(), rows("mid", 50_000, 20)];
    let rule = || Rule {
        floor_rows: FLOOR,
        disclosure: DisclosureRule { dominance_percent_max: Some(60), ..DisclosureRule::default() },
    };
    let shown = |sql: &str| {
        let mut town = table(&[40, 20]);
        for source in &mut town.datasets {
            let paid = source.schema.columns.iter_mut().find(|column| column.name == "salary").unwrap();
            *paid = column("salary", contract::ColumnType::Integer).range("0", "200000");
        }
        let compiled = compile(sql, &[town], rule()).unwrap();
        let inputs = jointly::stages(&compiled, |stage| {
            let owner = usize::from(stage.dataset.starts_with("owner1"));
            (people(), vec![batch(&owners[owner])])
        });
        decode(&compiled, &jointly::interpreted(&compiled.program, &inputs)).unwrap()
    };
    let all = "SELECT SUM(salary) AS s FROM people";
    let by_rank = "SELECT rank, SUM(salary) AS s FROM people GROUP BY rank";
    let (total, groups) = (shown(all), shown(by_rank));
    let cell =
        |rank: &str| groups.rows.iter().find(|row| row[0] == Cell::Text(rank.into())).unwrap()[1].clone();
    assert_eq!(cell("low"), Cell::Withheld, "one owner has all of it");
    let difference = total.rows[0][0].number().unwrap() - cell("mid").number().unwrap();
    assert_eq!(difference, 20.0 * 9_000.0, "what was withheld");

    for owner in &owners {
        let [all, by_rank] = [all, by_rank].map(|sql| answer(sql, owner));
        assert_eq!(compare(&[&all], &by_rank, FLOOR, false), Verdict::Apart, "no few rows are told about");
        assert!(complements(&[&all], &by_rank) && complements(&[&by_rank], &all), "but a withheld group is");
    }
}

#[test]
fn answers_of_which_none_follows_from_the_others_are_no_complements() {
    let by_rank = "SELECT rank, SUM(salary) AS s FROM people GROUP BY rank";
    let complement = |given: &[&str], new: &str| {
        let given: Vec<Answer> = given.iter().map(|sql| answer(sql, &staff())).collect();
        complements(&given.iter().collect::<Vec<_>>(), &answer(new, &staff()))
    };
    // Other numbers about the same rows, and parts of which the whole was not asked.
    assert!(!complement(
        &[by_rank],
        "SELECT rank, COUNT(*) AS n, MAX(salary) AS m FROM people GROUP BY rank"
    ));
    assert!(!complement(&[], by_rank));
    assert!(!complement(&[by_rank], "SELECT SUM(salary) AS s FROM people WHERE free = 1"));
    // Margins of one table, from which its cells follow.
    let by_free = "SELECT free, SUM(salary) AS s FROM people GROUP BY free LIMIT 10";
    assert!(complement(&[by_rank], by_free), "both have the same total");
    // A part that CASE chooses, the rest, and the whole, in one query.
    let case = |condition: &str| format!("SUM(CASE WHEN {condition} THEN salary ELSE 0 END)");
    let split = format!("SELECT SUM(salary) AS s, {} AS p FROM people", case("free = 1"));
    assert!(!complement(&[], &split));
    let rest = format!("SELECT {} AS r FROM people", case("free <> 1"));
    assert!(complement(&[&split], &rest));
}

#[test]
fn three_answers_that_are_far_apart_in_pairs_are_refused_together() {
    // A is one row, B and C are twenty each: AB + AC - BC is twice A.
    let rows: Vec<Person> = (0..41)
        .map(|n| Person { salary: n, rank: "low".into(), free: n.div_euclid(20), ..Person::default() })
        .collect();
    let of =
        |teams: &str| answer(&format!("SELECT SUM(salary) AS s FROM people WHERE free IN ({teams})"), &rows);
    let (ab, ac, bc) = (of("2, 0"), of("2, 1"), of("0, 1"));
    assert_eq!(compare(&[&ab], &ac, FLOOR, true), Verdict::Apart);
    assert!(is_close(compare(&[&ab, &ac], &bc, FLOOR, true)));
}

#[test]
fn each_independent_combination_counts() {
    let rows: Vec<Person> = (0..40)
        .map(|n| Person { salary: n, rank: "low".into(), free: n.div_euclid(20), ..Person::default() })
        .collect();
    let of =
        |condition: &str| answer(&format!("SELECT SUM(salary) AS s FROM people WHERE {condition}"), &rows);
    let (first, second) = (of("free = 0 AND salary > 0"), of("free = 1 AND salary > 20"));
    let groups = answer("SELECT free, SUM(salary) AS s FROM people GROUP BY free LIMIT 5", &rows);
    assert_eq!(compare(&[&first], &groups, FLOOR, true), Verdict::Close(1));
    assert_eq!(compare(&[&second], &groups, FLOOR, true), Verdict::Close(1));
    assert_eq!(compare(&[&first, &second], &groups, FLOOR, true), Verdict::Close(2));
}

#[test]
fn a_column_that_functions_read_as_different_types_makes_one_set() {
    // Five rows of one rank have a bonus, which COUNT reads as it is and SUM as a decimal number.
    let rows: Vec<Person> = (0..40)
        .map(|n| Person {
            rank: if n < 20 { "low" } else { "mid" }.to_owned(),
            score: (!(5..20).contains(&n)).then_some((n % 10) as f64),
            ..Person::default()
        })
        .collect();
    let by_rank = answer(
        "SELECT rank, COUNT(score) AS n, SUM(score) AS s, SUM(score + 1) AS t FROM people GROUP BY rank",
        &rows,
    );
    let total = answer("SELECT SUM(score) AS s FROM people", &rows);
    assert!(is_close(compare(&[&by_rank], &total, FLOOR, true)));
}

#[test]
fn what_was_opened_under_a_lower_floor_counts() {
    let nine = Answer {
        floor_rows: 2,
        ..answer("SELECT SUM(salary) AS s FROM people WHERE salary < 9000", &staff())
    };
    let ten = answer("SELECT SUM(salary) AS s FROM people WHERE salary <= 9000", &staff());
    assert!(is_close(compare(&[&nine], &ten, FLOOR, true)));
    let withheld = Answer { floor_rows: FLOOR, ..nine };
    assert_eq!(compare(&[&withheld], &ten, FLOOR, true), Verdict::Apart);
}

#[test]
fn a_row_more_in_the_next_version_is_refused() {
    let before = answer(ALL, &staff());
    let mut rows = staff();
    rows.insert(7, Person { rank: "low".into(), salary: 77_777, ..Person::default() });
    assert!(is_close(compare(&[&before], &answer(ALL, &rows), FLOOR, true)));
    rows.extend((0..FLOOR).map(|_| Person { rank: "low".into(), salary: 5, ..Person::default() }));
    assert_eq!(compare(&[&before], &answer(ALL, &rows), FLOOR, true), Verdict::Apart);
}

#[test]
fn a_part_that_case_chooses_is_held_against_the_whole_of_the_same_query() {
    let sql = |condition: &str| {
        format!("SELECT SUM(salary) AS s, SUM(CASE WHEN {condition} THEN salary ELSE 0 END) AS p FROM people")
    };
    assert!(is_close(verdict(&[], &sql("salary <> 90000"))));
    assert_eq!(verdict(&[], &sql("rank = 'low'")), Verdict::Apart);
}

#[test]
fn a_row_that_another_column_takes_out_is_held_against_the_whole() {
    // A person without a score is not in what score and salary have in common.
    let sql = "SELECT AVG(salary) AS a, VAR_POP(salary) AS v, REGR_SXX(score, salary) AS x FROM people";
    let without = |few: i64| -> Vec<Person> {
        let score = |n: i64| (n >= few).then_some(1.0);
        staff().into_iter().zip(0..).map(|(one, n)| Person { score: score(n), ..one }).collect()
    };
    assert!(is_close(compare(&[], &answer(sql, &without(1)), FLOOR, true)));
    assert_eq!(compare(&[], &answer(sql, &without(15)), FLOOR, true), Verdict::Apart);
    let exact = "SELECT SUM(salary) AS s, SUM(salary * (bonus - bonus + 1)) AS p FROM people";
    let rows: Vec<Person> = staff()
        .into_iter()
        .map(|one| Person { bonus: (one.salary != 90_000).then_some(100), ..one })
        .collect();
    assert!(is_close(compare(&[], &answer(exact, &rows), FLOOR, true)));
}

/// Forty people; the one who is paid 90,000 is in the second answer alone.
#[test]
fn functions_of_one_column_are_held_against_each_other() {
    let rows: Vec<Person> = staff()
        .into_iter()
        .zip(0..)
        .map(|(one, n)| Person { joined: Some(18_262 + n), note: Some(format!("note {n}")), ..one })
        .collect();
    for (given, new) in [
        // The same values by other names.
        ("SUM(EXTRACT(YEAR FROM joined))", "SUM(EXTRACT(YEAR FROM DATE_TRUNC('year', joined)))"),
        ("SUM(LENGTH(note))", "SUM(OCTET_LENGTH(note))"),
        ("SUM(EXTRACT(DAY FROM joined))", "SUM(EXTRACT(DAY FROM DATE_TRUNC('day', joined)))"),
        ("COUNT(note)", "COUNT(LENGTH(note))"),
        // Never NULL, within a function as well.
        ("COUNT(LENGTH(CONCAT(note, 'x')))", "COUNT(*)"),
        // Counts of different columns can be subtracted.
        ("COUNT(joined)", "COUNT(DISTINCT note)"),
        ("COUNT(*)", "COUNT(joined)"),
    ] {
        let given = answer(&format!("SELECT {given} AS a FROM people WHERE salary <> 90000"), &rows);
        let new = answer(&format!("SELECT {new} AS a FROM people"), &rows);
        for is_alone in [true, false] {
            assert!(is_close(compare(&[&given], &new, FLOOR, is_alone)), "{given:?} {new:?}");
        }
    }
}

/// What a query counts of itself is compared as well: a count of all less one of a column's values.
#[test]
fn a_count_of_values_is_held_against_that_of_rows() {
    let sql = "SELECT COUNT(*) AS n, COUNT(note) AS m, SUM(LENGTH(note)) AS l FROM people";
    assert!(compile(sql, &[table(&[40])], FLOOR).unwrap().compares_within());
    let with = |notes: i64| -> Vec<Person> {
        let note = |n: i64| (n < notes).then(|| "x".to_owned());
        let bonus = |n: i64| (n < notes).then_some(100);
        staff()
            .into_iter()
            .zip(0..)
            .map(|(one, n)| Person { note: note(n), bonus: bonus(n), ..one })
            .collect()
    };
    assert!(is_close(compare(&[], &answer(sql, &with(39)), FLOOR, true)));
    assert_eq!(compare(&[], &answer(sql, &with(20)), FLOOR, true), Verdict::Apart);
    // So do means, whose digits say of which count they are fractions, variances, what is added to each value, or stands for
    // missing ones, and functions and powers, which may be 1 for each value.
    for count in [
        "AVG(LENGTH(note))",
        "AVG(LENGTH(note) + 1000)",
        "STDDEV_SAMP(LENGTH(note))",
        "SUM(LENGTH(note))",
        "SUM(LENGTH(note || 'x')) AS l, SUM(LENGTH(note))",
        "SUM(LENGTH(note) + 1000)",
        "SUM((LENGTH(note) + 1) * (LENGTH(note) + 1))",
        "SUM(COALESCE(LENGTH(note), 1000))",
        "AVG(LENGTH(note)) AS a, AVG(COALESCE(LENGTH(note), 0))",
        "SUM(LENGTH(note)) AS l, AVG(LENGTH(note) * 2)",
        "SUM(LENGTH(note)) AS l, VAR_POP(LENGTH(note))",
        "VAR_SAMP(LENGTH(note)) AS v, VAR_POP(LENGTH(note))",
        "STDDEV_SAMP(LENGTH(note)) AS v, AVG(LENGTH(note)) AS a, AVG(LENGTH(note) * LENGTH(note))",
    ] {
        let sql = format!("SELECT COUNT(*) AS n, {count} AS c FROM people");
        assert!(is_close(compare(&[], &answer(&sql, &with(39)), FLOOR, true)), "{count}");
        assert_eq!(compare(&[], &answer(&sql, &with(20)), FLOOR, true), Verdict::Apart, "{count}");
    }
    for alone in [
        "SUM(bonus)",
        "SUM(bonus * 3) AS b, SUM(bonus)",
        "SUM(COALESCE(bonus, 0))",
        "MAX(COALESCE(LENGTH(note), 1000))",
    ] {
        let sql = format!("SELECT COUNT(*) AS n, {alone} AS c FROM people");
        assert_eq!(compare(&[], &answer(&sql, &with(39)), FLOOR, true), Verdict::Apart, "{alone}");
    }
    // The count of a column's values and its sum are about the same rows, and neither gives the other away.
    let of_one = "SELECT COUNT(note) AS m, SUM(LENGTH(note)) AS l FROM people";
    assert!(!complements(&[], &answer(of_one, &with(20))));
}

#[test]
fn where_others_have_rows_too_a_small_part_counts_as_well() {
    // Three rows here and a thousand elsewhere: whether the whole differs by three rows alone cannot be told here.
    let few = &staff()[..3];
    let narrower = "SELECT SUM(salary) AS s FROM people WHERE free <> 1";
    let (given, new) = (answer(ALL, few), answer(narrower, few));
    assert!(is_close(compare(&[&given], &new, FLOOR, false)));
    assert_eq!(compare(&[&given], &new, FLOOR, true), Verdict::Apart, "both are withheld");
    // Nothing of what the new answer is about is here, but all that it leaves out.
    let others = answer("SELECT SUM(salary) AS s FROM people WHERE salary > 100000", few);
    assert!(is_close(compare(&[&given], &others, FLOOR, false)));
    let open =
        answer("SELECT free, SUM(salary) AS s FROM people WHERE salary > 100000 GROUP BY free LIMIT 5", few);
    assert!(is_close(compare(&[&given], &open, FLOOR, false)));
    let ranks = "SELECT rank, SUM(salary) AS s FROM people GROUP BY rank";
    assert_eq!(compare(&[], &answer(ranks, few), FLOOR, false), Verdict::Apart);
}

/// Sets over at most twelve rows.
fn sets() -> impl Strategy<Value = Vec<Vec<bool>>> {
    prop::collection::vec(prop::collection::vec(any::<bool>(), 12), 2..5)
}

fn answer_of(set: &[bool]) -> Answer {
    let selection = Selection { group: Vec::new(), selector: Selector::Whole };
    let rows = set.iter().map(|is_in| if *is_in { vec![0] } else { Vec::new() }).collect();
    Answer {
        selected: Selected { selections: vec![selection], rows, ..Selected::default() },
        identities: Vec::new(),
        floor_rows: 0,
    }
}

proptest! {
    /// An attacker that adds and subtracts answers with all factors from -2 to 2 finds nothing that was let through.
    #[test]
    fn no_combination_of_allowed_answers_is_about_few_rows(sets in sets(), floor in 2_u64..5) {
        let mut given: Vec<Answer> = Vec::new();
        let mut allowed: Vec<&Vec<bool>> = Vec::new();
        for set in &sets {
            let new = answer_of(set);
            if compare(&given.iter().collect::<Vec<_>>(), &new, floor, true) == Verdict::Apart {
                given.push(new);
                // What is below the floor is withheld.
                if set.iter().filter(|is_in| **is_in).count() as u64 >= floor {
                    allowed.push(set);
                }
            }
        }
        for mut code in 0..5_i32.pow(allowed.len() as u32) {
            let mut sum = [0_i32; 12];
            for set in &allowed {
                let factor = code % 5 - 2;
                code /= 5;
                sum.iter_mut().zip(*set).for_each(|(sum, is_in)| *sum += factor * i32::from(*is_in));
            }
            let support = sum.iter().filter(|weight| **weight != 0).count() as u64;
            prop_assert!(support == 0 || support >= floor, "{support} rows: {allowed:?}");
        }
    }
}
