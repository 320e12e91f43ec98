//! Answers about stacked tables held against answers about these tables alone, at one owner's: attacks tried in earnest.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use contract::{ColumnType, Schema};
use treaty_compiler::{
    Source, Table,
    answers::{Answers, identities},
    compile,
    overlap::{self, Answer, Field, Verdict},
    rows::arrow_schema,
    tables,
};

use crate::support::{Declare, batches, column};

const FLOOR: u64 = 10;

/// Transfers in the south: `branch` is another thing than what payments in the north call so.
fn transfers() -> Schema {
    Schema {
        columns: vec![
            column("office", ColumnType::Text).values(&["A", "B"]),
            column("branch", ColumnType::Text).values(&["A", "B"]),
            column("value", ColumnType::Integer).range("0", "1000"),
            column("tip", ColumnType::Integer).range("0", "1000").nullable(),
        ],
    }
}

fn payments() -> Schema {
    Schema {
        columns: vec![
            column("branch", ColumnType::Text).values(&["A", "C"]),
            column("amount", ColumnType::Integer).range("0", "1000"),
            column("fee", ColumnType::Integer).range("0", "1000").nullable(),
        ],
    }
}

/// Forty rows of two offices; the value of each is its number. Of the last five the branch is `A`, of all others `B`.
fn rows() -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new((0..40).map(|n| Some(if n < 20 { "A" } else { "B" })).collect::<StringArray>()),
        Arc::new((0..40).map(|n| Some(if n < 35 { "B" } else { "A" })).collect::<StringArray>()),
        Arc::new((0..40).map(Some).collect::<Int64Array>()),
        Arc::new((0..40).map(|n| (n % 2 == 0).then_some(n)).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(arrow_schema(&transfers()), columns).unwrap()
}

/// The north's table and the south's.
fn both() -> [Table; 2] {
    let table = |name: &str, owner: &str, schema: Schema| {
        let source = Source {
            reference: format!("{owner}/{name}@1"),
            owner: owner.into(),
            schema,
            rows: 40,
            floor_rows: 1,
            rows_per_person: None,
        };
        Table { name: name.into(), datasets: vec![source] }
    };
    [table("payments", "north", payments()), table("transfers", "south", transfers())]
}

/// What a query asks of the south's rows.
fn of_south(sql: &str) -> Answers {
    let named = tables(sql).unwrap();
    let own: Vec<Table> = both().into_iter().filter(|table| named.contains(&table.name)).collect();
    let compiled = compile(sql, &own, FLOOR).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
    let mut of_south = compiled.answers.iter().filter(|answers| answers.table == "transfers");
    let answers = of_south.next().unwrap();
    assert_eq!(answers.datasets, ["south/transfers@1"]);
    assert_eq!(answers.is_stacked, own.len() == 2);
    answers.clone()
}

/// What a query says of the south's rows.
fn answer(sql: &str) -> Answer {
    let answers = of_south(sql);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let open = || batches(vec![rows()]);
    let selected = runtime.block_on(answers.select("south/transfers@1", &transfers(), open())).unwrap();
    let identities = runtime.block_on(identities("south/transfers@1", &transfers(), open())).unwrap();
    Answer { selected, identities, floor_rows: FLOOR }
}

fn verdict(given: &str, new: &str) -> Verdict {
    // Others have rows in a stack.
    overlap::compare(&[&answer(given)], &answer(new), FLOOR, false, Field::from_random(0x5eed))
}

#[track_caller]
fn assert_close(given: &str, new: &str) {
    for [given, new] in [[given, new], [new, given]] {
        assert!(matches!(verdict(given, new), Verdict::Close(_)), "{given}; {new}");
    }
}

#[track_caller]
fn assert_apart(given: &str, new: &str) {
    for [given, new] in [[given, new], [new, given]] {
        assert_eq!(verdict(given, new), Verdict::Apart, "{given}; {new}");
    }
}

/// A query over both, of which the south's rows are those for which the condition holds.
fn stacked(items: &str, of_north: &str, of_south: &str, condition: &str) -> String {
    format!(
        "SELECT {items} FROM (SELECT {of_north} FROM payments UNION ALL SELECT {of_south} FROM transfers WHERE {condition}) AS p"
    )
}

const ALL: &str = "SELECT SUM(value) AS s FROM transfers";

#[test]
fn all_but_one_row_is_refused_wherever_the_condition_stands() {
    let sum = |condition| stacked("SUM(amount) AS s", "amount", "value", condition);
    assert_close(ALL, &sum("value <> 39"));
    assert_close(&sum("value >= 0"), &sum("value <> 39"));
    let over = |condition: &str| format!("{} WHERE {condition}", sum("value >= 0"));
    assert_close(ALL, &over("amount <> 39"));
    assert_close(&sum("value < 30"), &over("amount < 31"));
    assert_close("SELECT SUM(value) AS s FROM transfers WHERE value < 30", &over("amount < 31"));
    // Of which half each one leaves out.
    assert_close(&sum("value <> 39"), &format!("{} WHERE amount <> 38", sum("value >= 0")));
}

#[test]
fn the_same_rows_and_clearly_other_rows_are_allowed() {
    let sum = |condition| stacked("SUM(amount) AS s", "amount", "value", condition);
    assert_apart(ALL, &sum("value >= 0"));
    assert_apart(ALL, &sum("value < 20"));
    assert_apart(&sum("value < 20"), "SELECT SUM(value) AS s FROM transfers WHERE office = 'A'");
    let groups = stacked("branch, SUM(amount) AS s", "branch, amount", "office, value", "value >= 0");
    assert_apart(
        &format!("{groups} GROUP BY branch"),
        "SELECT office, SUM(value) AS s FROM transfers GROUP BY office",
    );
    let upper = stacked("b, COUNT(*) AS n", "UPPER(branch) AS b", "UPPER(office)", "value >= 0");
    assert_apart(
        &format!("{upper} GROUP BY b"),
        "SELECT UPPER(office) AS o, SUM(value) AS s FROM transfers GROUP BY UPPER(office)",
    );
    let source = stacked("source, SUM(amount) AS s", "'n' AS source, amount", "'s', value", "value >= 0");
    assert_apart(&format!("{source} GROUP BY source"), ALL);
}

/// Groups of the stack's `branch` are offices here. That a group `A` of theirs and a group `B` of branches have other
/// letters does not make them disjoint: they differ in one row.
#[test]
fn a_column_of_the_same_name_is_not_taken_for_the_stack_s() {
    let plain = "SELECT branch, COUNT(*) AS n FROM transfers GROUP BY branch";
    let groups = stacked("branch, COUNT(*) AS n", "branch", "office", "value >= 36");
    assert_close(plain, &format!("{groups} GROUP BY branch"));
    // Under its own name the groups are what they are called: nobody has asked about fewer of one than there are.
    let own = stacked("branch, COUNT(*) AS n", "branch", "branch", "value >= 0");
    assert_apart(plain, &format!("{own} GROUP BY branch"));
}

/// Where the north may lack a value, the stack's column may; the south's never does, so that its sums are over all rows.
#[test]
fn values_that_another_table_may_lack_are_counted_as_the_whole() {
    let sum = |condition| stacked("SUM(fee) AS s", "fee", "value", condition);
    assert_close(ALL, &sum("value <> 39"));
    assert_apart(ALL, &sum("value >= 0"));
    let count = |condition| stacked("COUNT(fee) AS n", "fee", "value", condition);
    assert_close("SELECT COUNT(*) AS n FROM transfers", &count("value <> 39"));
    // Its own column that may lack values, under another name.
    let tips = |condition| stacked("SUM(fee) AS s", "fee", "tip", condition);
    assert_close("SELECT SUM(tip) AS s FROM transfers", &tips("value <> 38"));
    assert_close(
        "SELECT COUNT(tip) AS n FROM transfers",
        &stacked("COUNT(fee) AS n", "fee", "tip", "value <> 38"),
    );
    assert_apart("SELECT SUM(tip) AS s FROM transfers", &tips("value >= 0"));
    assert_apart("SELECT SUM(tip) AS s FROM transfers", &tips("value <> 39"));
}

#[test]
fn constants_and_functions_of_a_stack_s_column_hide_no_row() {
    let source = |condition| {
        let items = stacked("source, SUM(amount) AS s", "'n' AS source, amount", "'s', value", condition);
        format!("{items} GROUP BY source")
    };
    assert_close(ALL, &source("value <> 39"));
    let lower = |condition| {
        let items =
            stacked("LOWER(branch) AS b, SUM(amount) AS s", "branch, amount", "office, value", condition);
        format!("{items} GROUP BY LOWER(branch)")
    };
    assert_close("SELECT office, SUM(value) AS s FROM transfers GROUP BY office", &lower("value <> 39"));
    assert_apart("SELECT office, SUM(value) AS s FROM transfers GROUP BY office", &lower("value >= 0"));
    // A few rows of one group against a few more: too small for both, but not with the north's beside them.
    assert_close(&lower("value >= 36"), &source("value >= 35"));
}

/// The stack's total less the south's is the north's: one set is not another because the south's rows in both are the same.
#[test]
fn a_stack_is_not_the_set_of_its_part() {
    let [plain, whole] = [ALL.to_owned(), stacked("SUM(amount) AS s", "amount", "value", "value >= 0")]
        .map(|sql| answer(&sql));
    let complements =
        |given: &Answer, new: &Answer| overlap::complements(&[given], new, Field::from_random(0x5eed));
    assert!(complements(&plain, &whole) && complements(&whole, &plain));
    assert!(!complements(&whole, &whole), "the same set once more");
}

#[test]
fn of_a_join_nothing_is_counted() {
    let sql = "SELECT COUNT(*) AS n FROM (SELECT amount FROM payments UNION ALL SELECT value FROM transfers) AS p JOIN \
               transfers AS t ON p.amount = t.value";
    let compiled = compile(sql, &both(), 1).unwrap();
    let of: Vec<&str> = compiled.answers.iter().map(|answers| answers.table.as_str()).collect();
    assert_eq!(of, ["payments", "transfers", "transfers"]);
    assert!(compiled.answers.iter().all(|answers| answers.uncountable.is_some()));
}

/// Of all groups together, by selector; of a join before rows are matched.
#[test]
fn few_rows_below_another_table_are_counted() {
    let fewest = |sql: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (answers, schema) = (of_south(sql), transfers());
        runtime.block_on(answers.fewest("south/transfers@1", &schema, batches(vec![rows()]))).unwrap()
    };
    let sum = |condition| stacked("SUM(amount) AS s", "amount", "value", condition);
    assert_eq!(fewest(&sum("value = 7")), Some(1));
    assert_eq!(fewest(&sum("value > 39")), None);
    assert_eq!(fewest(&format!("{} WHERE amount > 37", sum("value >= 30"))), Some(2));
    let groups = stacked("branch, SUM(amount) AS s", "branch, amount", "branch, value", "value >= 0");
    assert_eq!(fewest(&format!("{groups} GROUP BY branch")), Some(40), "five of them in one group");
    let some = "COUNT(*) AS n, SUM(CASE WHEN amount = 7 THEN amount ELSE 0 END) AS s";
    assert_eq!(fewest(&stacked(some, "amount", "value", "value < 20")), Some(1));
    assert_eq!(fewest(&stacked("SUM(fee) AS s", "fee", "tip", "value IN (1, 2, 3, 4)")), Some(2));
    let joined = |items: &str| {
        format!(
            "SELECT {items} FROM (SELECT amount FROM payments UNION ALL SELECT value FROM transfers WHERE value > 36) AS p \
             JOIN payments AS t ON p.amount = t.amount WHERE p.amount <> 38"
        )
    };
    assert_eq!(fewest(&joined("COUNT(*) AS n")), Some(2));
    assert_eq!(fewest(&joined("SUM(CASE WHEN t.fee > 3 THEN p.amount ELSE 0 END) AS s")), Some(2));
    assert_eq!(fewest(ALL), None, "nothing stands below it");
}
