use std::time::Instant;

use api::{
    ClientError,
    types::{
        contracts::ContractView,
        runs::{RunResult, RunView},
    },
};

use super::*;

/// A node without contracts.
struct Bare;

impl Node for Bare {
    fn member(&self) -> Result<(String, String), ClientError> {
        Ok(("north".to_owned(), "did:key:north".to_owned()))
    }

    fn contracts(&self) -> Result<Vec<ContractView>, ClientError> {
        Ok(Vec::new())
    }

    fn columns(&self, contract: &str) -> Result<Vec<DescribedColumn>, ClientError> {
        panic!("no contract {contract}")
    }

    fn run(&self, contract: &str) -> Result<(RunView, Option<RunResult>), ClientError> {
        panic!("no contract {contract}")
    }

    fn result(&self, run: &str) -> Result<RunResult, ClientError> {
        panic!("no run {run}")
    }
}

fn asked(text: &str, seconds: u64, memory: usize) -> Result<Vec<Row>, Refusal> {
    let question = Question {
        text: text.to_owned(),
        database: "treaty".to_owned(),
        types: Vec::new(),
        values: Vec::new(),
    };
    let reader = Arc::new(Reader::limited(Duration::from_secs(seconds), memory).unwrap());
    let node: Arc<dyn Node> = Arc::new(Bare);
    let event_loop = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    event_loop.block_on(reader.read(&node, question)).map(|answer| answer.table.rows)
}

/// The product of so many tables of two rows.
fn product(count: usize) -> String {
    let table = |place| format!("(VALUES (1), (2)) t{place}(x)");
    (0..count).map(table).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_would_take_for_ever_ends_with_an_error_and_gives_its_place_back() {
    for text in [
        format!("SELECT count(*) FROM {} WHERE t0.x > t1.x + t29.x", product(30)),
        format!("SELECT * FROM {} ORDER BY t1.x", product(30)),
        "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x FROM r) SELECT count(*) FROM r".to_owned(),
    ] {
        let begun = Instant::now();
        let refused = asked(&text, 4, 1 << 24).unwrap_err();
        assert!(matches!(refused.code, TOO_LONG | OUT_OF_MEMORY), "{text}: {refused:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{text}");
    }
}

#[test]
fn what_would_need_too_much_memory_ends_with_an_error() {
    let long = "x".repeat(3_000);
    let long = format!("SELECT x FROM (VALUES {}) v(x)", vec![format!("('{long}')"); 20].join(", "));
    let doubled =
        (0..3).fold(long, |inner, _| format!("SELECT x || x || x || x || x || x || x AS x FROM ({inner}) s"));
    let replaced = "SELECT replace(replace(replace(x, 'x', y), 'x', y), 'x', y) FROM (SELECT \
                    rtrim('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') AS x, \
                    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' AS y) s";
    let grouped = format!("SELECT DISTINCT * FROM {}", product(24));
    for text in [doubled.as_str(), replaced, &grouped] {
        let refused = asked(text, 60, 1 << 20).unwrap_err();
        assert_eq!(refused.code, OUT_OF_MEMORY, "{text}: {refused:?}");
    }
}

#[test]
fn deep_statements_are_refused_or_have_room() {
    let sum = |terms: usize| format!("SELECT {}1", "1+".repeat(terms));
    assert_eq!(asked(&sum(250), 120, 1 << 24).unwrap(), [[Some("251".to_owned())]]);
    let nested = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let subqueries = (0..60).fold("SELECT 1".to_owned(), |inner, _| format!("SELECT * FROM ({inner}) s"));
    let unions = vec!["SELECT 1"; 400].join(" UNION ALL ");
    let commas = format!("SELECT 1 FROM {}", product(100));
    let long = format!("SELECT '{}'", "x".repeat(70_000));
    for text in
        [sum(20_000), nested, subqueries, unions, commas, long, format!("SELECT {}1", "- ".repeat(9_000))]
    {
        let refused = asked(&text, 60, 1 << 24).unwrap_err();
        assert_eq!(refused.code, crate::refusal::TOO_COMPLEX, "{refused:?}");
    }
}

/// Trees that are small as they are written and have billions of parts once they are planned.
#[test]
fn what_would_be_planned_for_ever_is_refused_before() {
    let names = |count: usize, body: &dyn Fn(usize) -> String| {
        let name = |place: usize| format!("a{place} AS ({})", body(place - 1));
        let names = (1..=count).map(name).collect::<Vec<_>>().join(", ");
        format!("WITH a0 AS (SELECT 1 x), {names} SELECT x FROM a{count} WHERE x > 0")
    };
    let joined = |place| format!("SELECT l.x FROM a{place} l, a{place} r");
    let subqueries = |place| format!("SELECT x FROM a{place} WHERE x IN (SELECT x FROM a{place})");
    let summed = |place| format!("SELECT x + x AS x FROM a{place}");
    let chosen = |place| format!("SELECT (SELECT x + x FROM a{place} LIMIT 1) AS x");
    let lateral = |place| format!("SELECT s.x FROM a{place} l, LATERAL (SELECT l.x + l.x AS x) s");
    let united = |place| format!("(SELECT x + x AS x FROM a{place}) UNION ALL SELECT 1");
    let shadowed = (0..12).fold("SELECT x FROM a".to_owned(), |body, _| {
        format!("WITH a AS ({body}) SELECT l.x FROM a l, a m, a r")
    });
    let derived = (0..12)
        .fold("SELECT 1 AS x".to_owned(), |inner, _| format!("SELECT x * x * x * x AS x FROM ({inner}) s"));
    let within = (0..40).fold("SELECT 1 AS x".to_owned(), |inner, place| {
        format!("WITH b{place} AS ({inner}) SELECT x FROM b{place}")
    });
    let words = [
        "XOR",
        "OVERLAPS",
        "AND",
        "OR",
        "DIV",
        "RLIKE",
        "REGEXP",
        "SIMILAR TO",
        "LIKE",
        "IS DISTINCT FROM",
        "MEMBER OF",
    ];
    let chains = words.map(|word| format!("SELECT {}1", format!("1 {word} ").repeat(4_000)));
    let behind = ["NOTNULL", "ISNULL", "IS NULL", "IS NOT TRUE", "COLLATE c", "AT TIME ZONE 'utc'"]
        .map(|word| format!("SELECT 1 {}", format!("{word} ").repeat(3_000)));
    let many = ["MINUS", "UNION", "EXCEPT ALL"]
        .map(|word| format!("SELECT 1 {}", format!("{word} SELECT 1 ").repeat(3_000)));
    let statements = [
        names(31, &joined),
        names(60, &summed),
        names(31, &subqueries),
        names(60, &chosen),
        names(31, &lateral),
        names(60, &united),
        shadowed,
        derived,
        within,
    ];
    for text in statements.iter().chain(&chains).chain(&behind).chain(&many) {
        let begun = Instant::now();
        let refused = asked(text, 60, 1 << 24).unwrap_err();
        let is_syntax = !statements.contains(text);
        assert!(
            refused.code == crate::refusal::TOO_COMPLEX || is_syntax && refused.code == SYNTAX,
            "{text:.300}: {refused:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(1), "{text:.300}: {:?}", begun.elapsed());
    }
    // The most that is planned takes its time, and no more; what clients write is far below.
    let passed = |place| format!("SELECT x, x + 0 AS y FROM a{place}");
    let renamed = |place| format!("SELECT x, x + x AS y, x AS z FROM a{place} WHERE x < 2");
    let filtered = |place| format!("SELECT x FROM a{place} WHERE x < x + x + x + x");
    for text in
        [names(20, &passed), names(8, &renamed), names(50, &filtered), names(10, &summed), names(5, &joined)]
    {
        let begun = Instant::now();
        assert_eq!(asked(&text, 120, 1 << 24).map(|rows| rows.len()), Ok(1), "{text}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{text}: {:?}", begun.elapsed());
    }
}

#[test]
fn an_answer_has_its_room_until_it_is_dropped() {
    let mut reader = Reader::limited(Duration::from_secs(60), 1 << 24).unwrap();
    reader.answers = Arc::new(Semaphore::new(3));
    let (reader, node) = (Arc::new(reader), Arc::new(Bare) as Arc<dyn Node>);
    let event_loop = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let read = || {
        let text = format!("SELECT '{}' AS x", "x".repeat(1_500));
        let question =
            Question { text, database: "treaty".to_owned(), types: Vec::new(), values: Vec::new() };
        event_loop.block_on(reader.read(&node, question))
    };
    let held = read().unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(read().err().map(|refusal| refusal.code), Some(OUT_OF_MEMORY));
    drop(held);
    assert!(read().is_ok());
    assert!(read().is_ok(), "and again");
}

#[test]
fn integers_do_not_wrap_around() {
    let most = i64::MAX;
    for text in [
        format!("SELECT x + 1 FROM (VALUES ({most})) v(x)"),
        format!("SELECT x * x FROM (VALUES ({most})) v(x)"),
        format!("SELECT -2 - x FROM (VALUES ({most})) v(x)"),
        format!("SELECT 1 WHERE EXISTS (SELECT 1 FROM (VALUES ({most})) v(x) WHERE x + 1 < 0)"),
        format!("SELECT max(x + 1) FROM (VALUES ({most})) v(x)"),
        format!("SELECT x FROM (VALUES ({most}), (1)) v(x) ORDER BY x + 1"),
    ] {
        let refused = asked(&text, 60, 1 << 24).unwrap_err();
        assert_eq!(refused.code, OUT_OF_RANGE, "{text}: {refused:?}");
    }
    let sums = format!("SELECT sum(x), sum(x) OVER () FROM (VALUES ({most}), ({most})) v(x) GROUP BY x");
    let expected = ["18446744073709551614", "9223372036854775807"].map(|sum| Some(sum.to_owned()));
    assert_eq!(asked(&sums, 60, 1 << 24).unwrap(), [expected]);
    let wide = format!("SELECT x::numeric * x FROM (VALUES ({most})) v(x)");
    let square = Some("85070591730234615847396907784232501249".to_owned());
    assert_eq!(asked(&wide, 60, 1 << 24).unwrap(), [[square]]);
}

#[test]
fn a_table_that_never_has_rows_makes_what_joins_it_empty_and_nothing_else() {
    for (text, rows) in [
        ("SELECT unknown(i.indkey) FROM pg_class c JOIN pg_index i ON c.oid = i.indrelid", 0),
        ("SELECT unknown(i.indkey) FROM pg_index i LEFT JOIN pg_namespace n ON true GROUP BY 1", 0),
        ("SELECT n.nspname FROM pg_namespace n LEFT JOIN pg_index i ON i.indrelid = n.oid", 3),
        ("SELECT n.nspname FROM pg_index i RIGHT JOIN pg_namespace n ON i.indrelid = n.oid", 3),
        ("SELECT n.nspname FROM pg_index i FULL JOIN pg_namespace n ON i.indrelid = n.oid", 3),
        ("SELECT count(*) FROM pg_index", 1),
        ("SELECT indrelid, count(*) FROM pg_index GROUP BY indrelid", 0),
        ("SELECT 1 UNION ALL SELECT indrelid FROM pg_index ORDER BY 1", 1),
        ("SELECT bit_xor(indrelid) FROM pg_index", 1),
        ("SELECT approx_distinct(indrelid) FROM pg_index", 1),
        ("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pg_index)", 1),
        ("SELECT 1 WHERE 2 NOT IN (SELECT indrelid FROM pg_index)", 1),
        ("SELECT (SELECT unknown(indkey) FROM pg_index) AS nothing", 1),
        ("WITH pg_index AS (SELECT 1 AS a) SELECT a FROM pg_index", 1),
        ("SELECT 1 FROM pg_catalog.pg_index, pg_namespace", 0),
        ("SELECT nspname FROM pg_namespace WHERE nspname = ANY (ARRAY['public', 'none'])", 1),
        ("SELECT nspname FROM pg_namespace WHERE nspname = ANY ('{public,pg_catalog}'::text[])", 2),
        ("SELECT nspname FROM pg_namespace WHERE nspname <> ALL (ARRAY['public'])", 2),
        ("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pg/_%' ESCAPE '/'", 1),
    ] {
        let found = asked(text, 60, 1 << 24);
        assert_eq!(found.as_ref().map(Vec::len), Ok(rows), "{text}: {found:?}");
    }
}

#[test]
fn what_is_left_of_a_union_is_sorted() {
    let text = "SELECT x FROM (VALUES (3), (1), (2)) v(x) UNION ALL SELECT indrelid FROM pg_index ORDER BY 1 DESC LIMIT 2";
    let rows = asked(text, 60, 1 << 24).unwrap();
    assert_eq!(rows, ["3", "2"].map(|x| vec![Some(x.to_owned())]));
}
