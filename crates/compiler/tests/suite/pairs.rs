//! Correlation and regression at the ends of what is declared, where widths are tightest: the interpreter refuses values
//! beyond what a program promises.

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::Config};
use treaty_compiler::{Cell, Refused, compile};

use crate::{
    random::assert_agrees,
    support::{Person, expected, run, table},
};

fn person() -> impl Strategy<Value = Person> {
    let salary = prop_oneof![select(vec![-1000_i64, 200_000, 199_999]), -1000_i64..=200_000];
    let bonus = prop_oneof![select(vec![-5000_i128, 99_999, -4999]), -5000_i128..=99_999];
    (salary, option::weighted(0.9, bonus)).prop_map(|(salary, bonus)| Person {
        rank: "low".into(),
        salary,
        bonus,
        ..Person::default()
    })
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    #[test]
    fn correlation_and_regression_equal_plaintext(
        owners in vec(vec(person(), 0..6), 1..=3),
        xy in select(vec!["salary, bonus", "bonus, salary", "salary, salary * 2 - 7"]),
    ) {
        let aggregates = ["CORR", "REGR_SLOPE", "REGR_INTERCEPT", "REGR_R2", "REGR_SXX", "REGR_SYY", "COVAR_SAMP"];
        let items = aggregates.map(|name| format!("{name}({xy}) AS {name}"));
        let sql = format!("SELECT COUNT(*) AS n, {} FROM people", items.join(", "));
        let (_, _, joint) = run(&sql, &owners, 1);
        assert_agrees(&sql, &joint, expected(&sql, &owners), false);
    }
}

/// Where one column has one value only there is no line; the other aggregates stay.
#[test]
fn a_column_that_does_not_vary_has_no_correlation() {
    let of = |salary, bonus| Person { rank: "low".into(), salary, bonus: Some(bonus), ..Person::default() };
    let owners = vec![vec![of(5, 100)], vec![of(9, 100), of(2, 100)]];
    let sql = "SELECT CORR(salary, bonus) AS c, REGR_SLOPE(salary, bonus) AS s, REGR_SLOPE(bonus, salary) AS t, \
               REGR_SXX(salary, bonus) AS x FROM people";
    let (_, _, joint) = run(sql, &owners, 1);
    assert_eq!(joint.rows, [[Cell::Null, Cell::Null, Cell::Real(0.0), Cell::Real(0.0)]]);
}

#[test]
fn what_needs_more_bits_than_a_divisor_has_is_refused() {
    let sql = "SELECT REGR_SLOPE(bonus, salary) FROM people";
    assert!(compile(sql, &[table(&[1000])], 2).is_ok());
    let refused = compile(sql, &[table(&[1 << 20])], 2).unwrap_err();
    assert!(matches!(refused, Refused::TooWide { function: "REGR_SLOPE", most: 60, .. }), "{refused}");
}
