//! The table of uses in `docs/sql.md`: each of its rows is tried, and it has a row for every use that terms can allow.

use contract::terms::Use::{self, Aggregate, Extreme, Filter, Group, Join, Product};

use crate::joins::uses_of;

/// For each row of the table a query over accounts and subscribers, a column that it concerns, and all of its uses.
const RULES: &[(&str, &str, [&str; 2], &[Use])] = &[
    (
        "condition, on rows or within a join",
        "SELECT COUNT(*) FROM accounts a JOIN subscribers s ON a.phone = s.phone AND (score > 3 OR balance > 5)",
        ["subscribers", "score"],
        &[Filter],
    ),
    (
        "comparison with a subquery's value",
        "SELECT COUNT(*) FROM accounts WHERE balance > (SELECT AVG(score) FROM subscribers)",
        ["accounts", "balance"],
        &[Filter],
    ),
    (
        "equality of columns of two tables, key of a join, IN",
        "SELECT COUNT(*) FROM accounts a WHERE phone IN (SELECT phone FROM subscribers)",
        ["subscribers", "phone"],
        &[Join],
    ),
    (
        "values of UNION, INTERSECT, EXCEPT",
        "SELECT COUNT(*) FROM (SELECT phone FROM accounts WHERE region = 'east' UNION SELECT phone FROM subscribers) AS x",
        ["accounts", "phone"],
        &[Join],
    ),
    (
        "values of UNION, INTERSECT, EXCEPT that are shown, of both tables",
        "SELECT name FROM subscribers INTERSECT SELECT holder FROM accounts LIMIT 3",
        ["accounts", "holder"],
        &[Group, Join],
    ),
    (
        "functions of columns in an aggregate, or by which tables are joined",
        "SELECT SUM(LENGTH(holder)) FROM accounts",
        ["accounts", "holder"],
        &[Filter, Aggregate],
    ),
    (
        "functions of columns in GROUP BY",
        "SELECT EXTRACT(YEAR FROM opened), COUNT(*) FROM accounts GROUP BY 1 LIMIT 3",
        ["accounts", "opened"],
        &[Group],
    ),
    ("GROUP BY", "SELECT COUNT(*) FROM accounts GROUP BY region", ["accounts", "region"], &[Group]),
    (
        "COUNT, COUNT(DISTINCT), SUM, AVG, VAR, STDDEV",
        "SELECT COUNT(DISTINCT balance), AVG(balance) FROM accounts",
        ["accounts", "balance"],
        &[Aggregate],
    ),
    ("MEDIAN, PERCENTILE_CONT", "SELECT MEDIAN(balance) FROM accounts", ["accounts", "balance"], &[Extreme]),
    ("MIN, MAX", "SELECT MAX(opened) FROM accounts", ["accounts", "opened"], &[Extreme]),
    (
        "condition of CASE in an aggregate",
        "SELECT SUM(CASE WHEN loss > 3 THEN balance ELSE 0 END) FROM accounts",
        ["accounts", "loss"],
        &[Filter],
    ),
    (
        "COALESCE and NULLIF in an aggregate",
        "SELECT SUM(COALESCE(loss, 0)) FROM accounts",
        ["accounts", "loss"],
        &[Filter, Aggregate],
    ),
    (
        "both columns of COVAR, CORR, REGR",
        "SELECT CORR(balance, loss) FROM accounts",
        ["accounts", "loss"],
        &[Aggregate, Product],
    ),
    (
        "both columns of REGR_COUNT, REGR_AVGX, REGR_AVGY",
        "SELECT REGR_COUNT(balance, loss) FROM accounts",
        ["accounts", "loss"],
        &[Filter, Aggregate],
    ),
    (
        "factors of a product of columns in an aggregate",
        "SELECT SUM(balance * loss) FROM accounts",
        ["accounts", "loss"],
        &[Aggregate, Product],
    ),
    (
        "what a window over rows takes, counts or is ordered by, and what breaks its ties",
        "SELECT COUNT(*) FROM (SELECT MAX(score) OVER () AS m FROM subscribers) AS s WHERE m > 3",
        ["subscribers", "score"],
        &[Filter, Extreme],
    ),
    (
        "PARTITION BY of a window over rows, and the condition under it",
        "SELECT AVG(n) FROM (SELECT COUNT(*) OVER (PARTITION BY plan) AS n FROM subscribers) AS s",
        ["subscribers", "plan"],
        &[Filter, Extreme],
    ),
    (
        "GROUP BY of a subquery whose groups are aggregated",
        "SELECT COUNT(*) FROM (SELECT phone, COUNT(*) AS n FROM accounts GROUP BY phone) AS s",
        ["accounts", "phone"],
        &[Join],
    ),
    (
        "condition on, and sums and differences of, what such a subquery aggregates; `extreme` too of what MIN and MAX take",
        "SELECT MAX(t) FROM (SELECT phone, SUM(balance) AS t FROM accounts GROUP BY phone HAVING SUM(balance) > 3) AS s",
        ["accounts", "balance"],
        &[Filter, Aggregate, Extreme],
    ),
    (
        "projection, alias, HAVING, windows, ORDER BY and LIMIT of groups",
        "SELECT phone AS p, COUNT(*) AS n FROM accounts GROUP BY phone HAVING COUNT(*) > 1 ORDER BY n DESC LIMIT 3",
        ["accounts", "phone"],
        &[Group],
    ),
];

#[test]
fn the_documented_rules_are_the_codes() {
    let text = include_str!("../../../../docs/sql.md");
    let table = text.split("<!-- uses:").nth(1).unwrap().split("<!-- end of uses -->").next().unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .skip(1)
        .map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(rows.len(), RULES.len());
    for (row, (step, sql, [table, column], uses)) in rows.iter().zip(RULES) {
        assert_eq!(row[0], *step);
        let found = uses_of(sql);
        assert_eq!(found[*table][*column].iter().copied().collect::<Vec<_>>(), *uses, "{sql}");
        let named = uses.last().map(ToString::to_string).unwrap_or_default();
        assert!(
            row[1] == named || row[1] == "none" || uses.iter().any(|one| row[1] == one.to_string()),
            "{step}: {named}"
        );
    }
    for allowed in [Filter, Group, Aggregate, Extreme, Join, Product] {
        assert!(rows.iter().any(|row| row[1] == allowed.to_string()), "{allowed} has no row");
    }
}
