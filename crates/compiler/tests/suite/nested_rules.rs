//! Groups of groups: what owners allow by them, what they must not tell of few groups, and what is refused.

use contract::{
    audit::Verdict,
    disclosure::DisclosureRule,
    terms::Use::{self, Aggregate, Extreme, Filter, Group, Join},
};
use treaty_compiler::{Construct, Refused, Rule, compile};

use crate::{
    joins::usage_of,
    nested::{dealt, whole},
    owners_windows::shown,
    support::{Declare, is_left_to_owners, table},
};

fn uses(sql: &str) -> Vec<(String, Vec<Use>)> {
    let usage = usage_of(sql);
    let columns = usage.columns["accounts"].clone();
    columns.into_iter().map(|(column, uses)| (column, uses.into_iter().collect())).collect()
}

#[test]
fn keys_link_and_aggregates_are_used_as_what_is_taken_of_them() {
    let of = |list: &[(&str, &[Use])]| -> Vec<(String, Vec<Use>)> {
        list.iter().map(|(column, uses)| ((*column).to_owned(), uses.to_vec())).collect()
    };
    let from = "(SELECT phone, region, SUM(balance) AS t, MIN(loss) AS l, COUNT(*) AS n FROM accounts GROUP BY phone, region)";
    let plain = format!("SELECT COUNT(*), SUM(t) FROM {from} AS s");
    let keys: &[(&str, &[Use])] = &[("phone", &[Join]), ("region", &[Join])];
    assert_eq!(uses(&plain), of(&[&[("balance", &[Aggregate][..]), ("loss", &[Extreme])], keys].concat()));
    let asked =
        format!("SELECT region, MAX(t), SUM(l) FROM {from} AS s WHERE n > 1 AND t > 3 GROUP BY region");
    assert_eq!(
        uses(&asked),
        of(&[
            ("balance", &[Filter, Aggregate, Extreme]),
            ("loss", &[Aggregate, Extreme]),
            ("phone", &[Join]),
            ("region", &[Group, Join]),
        ])
    );
    let compared = usage_of(&asked).comparisons;
    assert!(compared["accounts"]["balance"].otherwise, "any total could be reached");
    let by_key = format!("SELECT COUNT(*) FROM {from} AS s WHERE region IN ('east', 'west') OR t > 3");
    assert!(uses(&by_key).contains(&("region".to_owned(), vec![Filter, Join])), "{:?}", uses(&by_key));
    // How many rows one key has.
    let most = uses(&format!("SELECT MAX(n) FROM {from} AS s"));
    assert!(most.contains(&("phone".to_owned(), vec![Extreme, Join])), "{most:?}");
    let parts = "SELECT COUNT(*) FROM (SELECT LEFT(holder, 1) AS h, COUNT(*) AS n FROM accounts WHERE region = 'east' GROUP BY 1) AS s";
    assert_eq!(uses(parts), of(&[("holder", &[Filter, Join]), ("region", &[Filter])]));
    assert!(usage_of(parts).comparisons["accounts"]["holder"].otherwise);
    assert!(!usage_of(parts).comparisons["accounts"]["region"].otherwise);
    // Sums of aggregates choose by what is missing.
    let sums = uses(&format!("SELECT SUM(t - 2 * n) FROM {from} AS s"));
    assert!(sums.contains(&("balance".to_owned(), vec![Filter, Aggregate])), "{sums:?}");
}

/// Two queries that differ by one row would say what it is: no owner can count which groups count.
#[test]
fn no_owner_can_count_which_groups_count() {
    let page = |outer: &str, within: &str| {
        let sql = format!("SELECT {outer} FROM (SELECT free, {within} FROM people GROUP BY free) AS s");
        compile(&sql, &[table(&[10, 10])], 5).unwrap_or_else(|refused| panic!("{sql}: {refused}"))
    };
    for compiled in [
        page("COUNT(*), SUM(t)", "SUM(salary) AS t"),
        page("COUNT(*), SUM(t), COUNT(t)", "SUM(bonus) AS t"),
        page("SUM(t), SUM(n)", "SUM(salary) AS t, COUNT(*) AS n"),
        page("COUNT(*), SUM(n), SUM(m)", "MAX(salary) AS m, COUNT(*) AS n"),
        page("SUM(t), SUM(m)", "SUM(salary) AS t, MAX(bonus) AS m"),
        page("SUM(t)", "SUM(salary) AS t, MAX(salary) AS m, MIN(salary) AS l"),
    ] {
        assert!(compiled.answers.iter().all(|one| one.uncountable.is_some_and(|why| why.contains("secret"))));
        assert!(compiled.answers.iter().all(|one| one.table == "people"));
        assert!(!is_left_to_owners(&compiled));
    }
    for compiled in [
        page("SUM(t), MAX(u)", "SUM(bonus) AS t, MIN(joined) AS u"),
        page("SUM(t), AVG(u - n)", "SUM(bonus) AS t, MAX(bonus) AS u, COUNT(*) AS n"),
        page("COUNT(t), MAX(u)", "MIN(bonus) AS t, MIN(joined) AS u"),
        // Of groups of one row, and of one that has two, the other row's value.
        page("SUM(t), SUM(m)", "SUM(salary) AS t, MAX(salary) AS m"),
        page("SUM(t), SUM(m)", "SUM(2 * salary) AS t, MIN(salary) AS m"),
        page("SUM(t - m)", "SUM(salary) AS t, MIN(salary) AS m"),
        page("SUM(m - l)", "MAX(salary) AS m, MIN(salary) AS l"),
        page("MAX(m), MIN(l)", "MAX(salary) AS m, MIN(salary) AS l"),
    ] {
        assert!(is_left_to_owners(&compiled));
    }
}

/// That the groups which do not count are none or enough is a bit about one group where a condition leaves but that out.
#[test]
fn conditions_that_choose_a_group_are_left_to_owners() {
    let page = |within: &str, rest: &str, outer: &str| {
        let sql = format!(
            "SELECT rank, COUNT(*), SUM(t) FROM (SELECT rank, free, SUM(salary) AS t, {within} FROM people \
             GROUP BY rank, free{rest}) AS s{outer} GROUP BY rank"
        );
        let compiled =
            compile(&sql, &[table(&[10, 10])], 5).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let is_partial = compiled.answers[0].is_partial();
        let verdict = compiled.audit.attacks[0].verdict;
        assert_eq!(verdict == Verdict::Open, is_partial, "{sql}");
        (is_partial, verdict, sql)
    };
    for (within, rest, outer) in [
        ("COUNT(*) AS n", "", " WHERE t > 100 OR free NOT IN (17, 23)"),
        ("COUNT(*) AS n", "", " WHERE NOT (t <= 100 OR free = 17)"),
        ("COUNT(*) AS n", "", " WHERE NOT (t <= 100 AND free = 17)"),
        ("COUNT(*) AS n", "", " WHERE (rank = 'low' OR t > 3) AND n > 1"),
        ("COUNT(*) AS n", "", " WHERE t > free"),
        ("COUNT(*) AS n", " HAVING SUM(CASE WHEN free = 17 THEN salary ELSE 0 END) <= 1000", ""),
        ("COUNT(*) AS n", " HAVING SUM(salary) FILTER (WHERE free = 17) IS NULL", ""),
        ("COUNT(*) AS n", " HAVING COUNT(NULLIF(bonus, 3)) > 1", ""),
        ("COUNT(*) AS n", " HAVING SUM(COALESCE(bonus, 3)) > 3", ""),
        ("MIN(bonus) AS l", "", " WHERE l <> 1 OR t > 3"),
        ("SUM(bonus) AS l", " HAVING NOT (SUM(bonus) = 1 AND MAX(salary) > 3)", ""),
    ] {
        let (is_partial, _, sql) = page(within, rest, outer);
        assert!(is_partial, "{sql}");
    }
    for (within, rest, outer) in [
        ("COUNT(*) AS n", "", " WHERE t > 100 AND free NOT IN (17, 23)"),
        ("COUNT(*) AS n", " HAVING COUNT(*) > 1 AND AVG(salary) > 3", " WHERE rank <> 'low'"),
        ("COUNT(*) AS n", "", " WHERE t BETWEEN 1 AND 100 OR n = 1"),
        ("MIN(bonus) AS l", " HAVING COUNT(bonus) = 1", " WHERE t > 3 AND l < 5"),
    ] {
        let (is_partial, verdict, sql) = page(within, rest, outer);
        assert!(!is_partial, "{sql}");
        assert_eq!(verdict, Verdict::Bounded, "{sql}");
    }
    assert_eq!(page("COUNT(*) AS n", "", " WHERE free > 3").1, Verdict::Closed, "keys are chosen at home");
}

/// Of values that a query cuts where it wants, sums count rows beyond a bound, however few.
#[test]
fn sums_of_cut_values_are_refused() {
    let bucket = "WIDTH_BUCKET(salary, 0, 1000, 1)";
    let refused = [
        format!(
            "SELECT COUNT(*), SUM(b) FROM (SELECT free, MAX({bucket}) AS b FROM people GROUP BY free) AS s"
        ),
        format!("SELECT AVG(b) FROM (SELECT free, MIN({bucket}) AS b FROM people GROUP BY free) AS s"),
        format!(
            "SELECT VAR_POP(2 * b) FROM (SELECT free, MAX({bucket}) AS b FROM people GROUP BY free) AS s"
        ),
        format!(
            "SELECT SUM(b - n) FROM (SELECT free, MAX({bucket}) AS b, COUNT(*) AS n FROM people GROUP BY free) AS s"
        ),
        format!(
            "SELECT SUM(w) FROM (SELECT free, MAX({bucket}) + COUNT(*) AS w FROM people GROUP BY free) AS s"
        ),
        format!(
            "SELECT SUM(n), SUM(n + k) FROM (SELECT free, {bucket} AS k, COUNT(*) AS n FROM people GROUP BY 1, 2) AS s"
        ),
        format!(
            "SELECT COUNT(*) FROM (SELECT free, MAX({bucket}) AS b FROM people GROUP BY free) AS s HAVING SUM(b) > 3"
        ),
        // So does the number of groups.
        format!(
            "SELECT COUNT(*), SUM(n) FROM (SELECT free, {bucket} AS k, COUNT(*) AS n FROM people GROUP BY 1, 2) AS s"
        ),
        format!("SELECT COUNT(*) FROM (SELECT DISTINCT free, {bucket} AS k FROM people) AS s WHERE k > 0"),
    ];
    let otherwise = refused.iter().filter_map(|sql| match compile(sql, &[table(&[100, 100])], 2) {
        Err(Refused::Unsupported { construct: Construct::Cut, .. }) => None,
        Err(other) => Some(format!("{sql}: {other}")),
        Ok(_) => Some(format!("{sql}: allowed")),
    });
    assert_eq!(otherwise.collect::<Vec<_>>(), [""; 0]);
    let sql = format!(
        "SELECT COUNT(*) AS n, MAX(b) AS m FROM (SELECT free, MAX({bucket}) AS b FROM people GROUP BY free) AS s WHERE b > 0"
    );
    let owners = dealt(&[("low", 2, 5), ("mid", 3, 7000), ("low", 1, -9)]);
    // 5 is of one bucket, 7000 of the next.
    assert_eq!(shown(&sql, &owners, 1), [[whole(2), whole(2)]]);
    let sql = format!(
        "SELECT k, COUNT(*) AS n, SUM(n) AS r FROM (SELECT free, {bucket} AS k, COUNT(*) AS n FROM people GROUP BY 1, 2) AS s \
         GROUP BY k ORDER BY k"
    );
    let by_bucket =
        [[whole(0), whole(1), whole(1)], [whole(1), whole(1), whole(2)], [whole(2), whole(1), whole(3)]];
    assert_eq!(shown(&sql, &owners, 1), by_bucket);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let of = |outer: &str, within: &str, rest: &str| {
        format!(
            "SELECT {outer} FROM (SELECT rank, free, {within} FROM people GROUP BY rank, free) AS s{rest}"
        )
    };
    let refused = [
        of("COUNT(DISTINCT t)", "SUM(salary) AS t", ""),
        of("MEDIAN(t)", "SUM(salary) AS t", ""),
        of("CORR(t, n)", "SUM(salary) AS t, COUNT(*) AS n", ""),
        of("SUM(CASE WHEN t > 3 THEN t END)", "SUM(salary) AS t", ""),
        of("SUM(t) FILTER (WHERE t > 3)", "SUM(salary) AS t", ""),
        of("SUM(COALESCE(t, 0))", "SUM(bonus) AS t", ""),
        of("SUM(NULLIF(t, 0))", "SUM(bonus) AS t", ""),
        of("SUM(t * n)", "SUM(salary) AS t, COUNT(*) AS n", ""),
        of("SUM(t)", "AVG(salary) AS t", ""),
        of("SUM(t - n)", "AVG(salary) AS t, COUNT(*) AS n", ""),
        "SELECT SUM(salary) FROM (SELECT salary, COUNT(*) AS n FROM people GROUP BY salary) AS s".to_owned(),
        of("COUNT(free)", "COUNT(*) AS n", ""),
        "SELECT SUM(n + bonus) FROM (SELECT bonus, COUNT(*) AS n FROM people GROUP BY bonus) AS s".to_owned(),
        "SELECT SUM(t) FROM (SELECT COUNT(*) - 2 * bonus AS t FROM people GROUP BY bonus) AS s".to_owned(),
        of("SUM(n + LENGTH(rank))", "COUNT(*) AS n", ""),
        // No owner has what these are computed of.
        of("WIDTH_BUCKET(t, 0, 1000, 10) AS k, COUNT(*)", "SUM(salary) AS t", " GROUP BY 1"),
        of("COUNT(*)", "MAX(joined) AS t", " WHERE EXTRACT(YEAR FROM t) = 2024"),
        of("MAX(EXTRACT(YEAR FROM t))", "MAX(joined) AS t", ""),
        "SELECT COUNT(*) FROM (SELECT free, COUNT(*) AS n FROM people GROUP BY free HAVING EXTRACT(YEAR FROM MAX(joined)) = 2024) AS s".to_owned(),
        of("COUNT(*)", "COUNT(*) AS n", " WHERE n > LENGTH(rank)"),
        // One row's value, whatever the number of groups.
        of("SUM(n)", "COUNT(bonus) AS n", ""),
        of("SUM(n)", "COUNT(CASE WHEN free = 3 THEN 1 END) AS n", ""),
        of("SUM(t)", "SUM(CASE WHEN free = 3 THEN salary ELSE 0 END) AS t", ""),
        of("SUM(t)", "SUM(salary) FILTER (WHERE free = 3) AS t", ""),
        of("SUM(t)", "SUM(NULLIF(salary, 3)) AS t", ""),
        of("SUM(t)", "SUM(COALESCE(bonus, 3)) AS t", ""),
        of("COUNT(*)", "MAX(note) AS t", ""),
        of("COUNT(*)", "SUM(score) AS t", ""),
        of("COUNT(*)", "COUNT(DISTINCT salary) AS t", ""),
        of("COUNT(*)", "MEDIAN(salary) AS t", ""),
        of("COUNT(*)", "STDDEV_SAMP(salary) AS t", ""),
        of("COUNT(*)", "SUM(salary) AS t", " WHERE t * t > 3"),
        of("COUNT(*)", "SUM(salary) AS t", " WHERE t > (SELECT AVG(salary) FROM people)"),
        of("COUNT(*)", "SUM(salary) AS t", " WHERE EXISTS (SELECT 1 FROM people AS p WHERE p.free = s.free)"),
        of("n, COUNT(*)", "COUNT(*) AS n", " GROUP BY n LIMIT 3"),
        of("free, COUNT(*)", "COUNT(*) AS n", " GROUP BY free LIMIT 3"),
        of("t, COUNT(*)", "MAX(salary) AS t", " GROUP BY t"),
        "SELECT COUNT(*) FROM (SELECT free, COUNT(*) AS n FROM people GROUP BY free ORDER BY free LIMIT 3) AS s".to_owned(),
        "SELECT COUNT(*) FROM (SELECT a.free, COUNT(*) AS n FROM people AS a JOIN people AS b ON a.note = b.note GROUP BY a.free) AS s".to_owned(),
        "SELECT COUNT(*) FROM (SELECT f, COUNT(*) AS n FROM (SELECT free AS f, rank, SUM(salary) AS t FROM people GROUP BY free, rank) AS q GROUP BY f) AS s".to_owned(),
        "SELECT COUNT(*) FROM (SELECT w, COUNT(*) AS n FROM (SELECT RANK() OVER (ORDER BY salary) AS w FROM people) AS q GROUP BY w) AS s".to_owned(),
    ];
    let otherwise = refused.iter().filter_map(|sql| match compile(sql, &[table(&[100, 100])], 2) {
        Err(Refused::Unsupported { construct: Construct::Nested, .. }) => None,
        Err(other) => Some(format!("{sql}: {other}")),
        Ok(_) => Some(format!("{sql}: allowed")),
    });
    assert_eq!(otherwise.collect::<Vec<_>>(), [""; 0]);
    let mut wide = table(&[1000, 1000]);
    for source in &mut wide.datasets {
        source.schema.columns[8] = source.schema.columns[8].clone().range("0", "1000000000");
    }
    let sql = "SELECT VAR_SAMP(t - n) FROM (SELECT note, SUM(free) AS t, COUNT(*) AS n FROM people GROUP BY note) AS s";
    let refused = compile(sql, &[wide], 2).unwrap_err();
    let is_wide = matches!(
        refused,
        Refused::Unsupported { construct: Construct::NestedWide, .. } | Refused::TooWide { .. }
    );
    assert!(is_wide, "{refused}");
}

#[test]
fn rules_that_nobody_can_hold_are_refused() {
    let rule = |disclosure: DisclosureRule| {
        let sql = "SELECT COUNT(*) FROM (SELECT free, COUNT(*) AS n FROM people GROUP BY free) AS s";
        compile(sql, &[table(&[100, 100])], Rule { floor_rows: 2, disclosure }).unwrap_err()
    };
    let of = DisclosureRule::default;
    for disclosure in [
        DisclosureRule { contributors_min: 2, ..of() },
        DisclosureRule { dominance_percent_max: Some(50), ..of() },
    ] {
        let refused = rule(disclosure);
        assert!(
            matches!(&refused, Refused::Disclosure(why) if why.contains("groups of a subquery")),
            "{refused}"
        );
    }
}

#[test]
fn the_audit_says_what_is_counted_and_what_is_not_opened() {
    let sql = "SELECT rank, COUNT(*), AVG(total) FROM (SELECT free, rank, SUM(salary) AS total, SUM(bonus) AS extra FROM people \
               WHERE active GROUP BY free, rank HAVING COUNT(*) > 1) AS s WHERE total > 100000 AND rank <> 'low' GROUP BY rank";
    let compiled = compile(sql, &[table(&[10, 10])], 5).unwrap();
    insta::assert_snapshot!("audit_of_groups_of_groups", compiled.audit);
    let outputs: Vec<&str> = compiled.program.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(outputs.len(), 3, "{outputs:?}");
}
