//! A real `psql` looks at contracts as materialized views, and reads them with SELECTs of its own; what comes is compared
//! with what PostgreSQL's own server says about the same rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod fake;
#[path = "../../postgres/tests/server/mod.rs"]
mod server;

use std::process::Command;

use api::types::contracts::ContractView;
use contract::SigningKey;
use fake::{Gateway, PASSWORD, SQL, contract, gateway, me};
use server::Server;

/// What psql says to commands, in rows of bare text: standard output and standard error.
fn psql(gateway: &Gateway, commands: &[&str]) -> (String, String) {
    let mut psql = Command::new("psql");
    psql.args(["-XqAt", "-v", "VERBOSITY=verbose", "-h", "127.0.0.1", "-U", "north", "-d", "treaty"]);
    psql.args(["-p", &gateway.address.port().to_string()]);
    for command in commands {
        psql.args(["-c", command]);
    }
    let done = psql.env("PGPASSWORD", PASSWORD).env("PGCONNECT_TIMEOUT", "20").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(done.stdout), text(done.stderr))
}

/// What a contract that is titled `Pay` is called.
fn name(view: &ContractView) -> String {
    format!("pay_{}", &view.id[..8])
}

#[test]
fn psql_lists_contracts_as_materialized_views() {
    let (mut titled, theirs) =
        (contract("SELECT 2 AS titled", me(), "active"), SigningKey::from_seed(&[2; 32]).did());
    titled.contract.title = "2024: \"Löhne\"; DROP TABLE pay --".to_owned();
    titled.contract.purpose = "it's \u{1b}[31m'; SELECT 1".to_owned();
    let pay = contract(SQL, me(), "active");
    let name = name(&pay);
    let other = format!("_2024_l_hne_drop_table_pay_{}", &titled.id[..8]);
    let gateway = gateway(vec![
        pay.clone(),
        titled.clone(),
        contract("SELECT 1 AS proposed", me(), "proposed"),
        contract("SELECT 1 AS revoked", me(), "revoked"),
        contract("SELECT 1 AS theirs", theirs, "active"),
    ]);
    let listed = format!("public|{other}|materialized view|north\npublic|{name}|materialized view|north\n");
    for command in ["\\d", "\\dm", "\\dm *"] {
        let (rows, said) = psql(&gateway, &[command]);
        assert_eq!(rows, listed, "{command}: {said}");
    }
    let (rows, said) = psql(&gateway, &[&format!("\\d {name}")]);
    let described = "team|text|||\nn|bigint|||\ntotal|numeric|||\nmean|double precision|||\nopen|boolean|||\n\
                     day|date|||\nat|timestamp without time zone|||\nsum|numeric|||\n";
    assert_eq!(rows, described, "{said}");
    let (rows, said) = psql(&gateway, &["\\t off", &format!("\\d+ {name}")]);
    assert!(
        rows.contains("team|text||||extended||") && rows.contains(&format!("{SQL}\nAccess method: heap")),
        "{rows} {said}"
    );
    let (rows, said) = psql(&gateway, &["\\dm+"]);
    let comments = [&pay, &titled].map(|view| format!("{} (contract {})", view.contract.purpose, view.id));
    assert!(comments.iter().all(|comment| rows.contains(comment.as_str())), "{rows} {said}");
    for (command, expected) in [
        ("\\dn", "public|north\n"),
        ("\\dt", ""),
        ("\\df", ""),
        ("\\di", ""),
        ("\\dv", ""),
        ("\\dT", ""),
        ("SHOW transaction isolation level", "read committed\n"),
        (
            "SELECT current_user, current_database(), current_schema(), pg_my_temp_schema()",
            "north|treaty|public|0\n",
        ),
        ("SELECT current_setting('server_version_num')", "160000\n"),
        ("SELECT matviewname FROM pg_matviews WHERE ispopulated", ""),
        ("SELECT to_regclass('nothing'), 'pg_class'::regclass::oid", "|1259\n"),
    ] {
        let (rows, said) = psql(&gateway, &[command]);
        assert_eq!(rows, expected, "{command}: {said}");
    }
    for (command, part) in
        [("\\l", "treaty|north|UTF8|"), ("\\conninfo", "as user \"north\""), ("\\du", "north|")]
    {
        let (rows, said) = psql(&gateway, &[command]);
        assert!(rows.contains(part), "{command}: {rows} {said}");
    }
    for command in [
        "\\d+",
        "\\dn+",
        "\\dp",
        "\\dt *.*",
        "\\d nothing",
        "\\sv nothing",
        "\\dx",
        "\\dy",
        "\\dRp",
        "\\drds",
        "\\dl",
        "\\dF",
        "\\des",
    ] {
        let (_, said) = psql(&gateway, &[command]);
        assert!(
            !said.contains("0A000") && !said.contains("42601") && !said.contains("42883"),
            "{command}: {said}"
        );
    }
    assert!(gateway.node.runs.lock().unwrap().is_empty(), "to look takes no use");
}

#[test]
fn a_view_is_read_once_its_contract_has_run() {
    let pay = contract(SQL, me(), "active");
    let name = name(&pay);
    let gateway = gateway(vec![pay]);
    let (rows, said) = psql(&gateway, &[&format!("SELECT * FROM {name}")]);
    assert!(
        said.contains("55000") && said.contains(&format!("view \"{name}\" has not been populated")),
        "{said}"
    );
    assert!(rows.is_empty() && said.contains(&format!("REFRESH MATERIALIZED VIEW {name}")), "{said}");
    let mut psql_loud = Command::new("psql");
    psql_loud
        .args(["-X", "-h", "127.0.0.1", "-U", "north", "-d", "treaty", "-p"])
        .arg(gateway.address.port().to_string());
    psql_loud
        .args(["-c", &format!("refresh materialized view public.\"{name}\"")])
        .env("PGPASSWORD", PASSWORD);
    assert_eq!(psql_loud.output().unwrap().stdout, b"REFRESH MATERIALIZED VIEW\n");
    assert_eq!(gateway.node.runs.lock().unwrap().len(), 1);
    for (question, expected) in [
        (format!("SELECT team, n FROM {name} WHERE n > 4"), "|7\n"),
        (format!("SELECT team, n AS rows FROM {name} ORDER BY n DESC LIMIT 1"), "|7\n"),
        (
            format!("SELECT count(*), count(team), sum(n), sum(sum) FROM public.{name}"),
            "2|1|11|170141183460469231731687303715884105732\n",
        ),
        (format!("SELECT a.n + b.n FROM {name} a JOIN {name} b ON a.n < b.n"), "11\n"),
        (format!("WITH big AS (SELECT * FROM {name} WHERE n > 5) SELECT total FROM big"), "3.00\n"),
        (format!("TABLE {name} LIMIT 0"), ""),
        (
            format!("SELECT populated.ispopulated FROM pg_matviews populated WHERE matviewname = '{name}'"),
            "t\n",
        ),
    ] {
        let (rows, said) = psql(&gateway, &[&question]);
        assert_eq!(rows, expected, "{question}: {said}");
    }
    let (_, said) = psql(&gateway, &[&format!("SELECT n FROM {name}")]);
    assert!(
        said.contains("NOTICE") && said.contains("fewer than 3 rows: b"),
        "what is missing is told: {said}"
    );
    assert_eq!(gateway.node.runs.lock().unwrap().len(), 1, "to read takes no use");
    let (rows, _) = psql(&gateway, &[SQL]);
    assert_eq!(rows.lines().count(), 2);
    assert_eq!(gateway.node.runs.lock().unwrap().len(), 2, "the contract's own text runs it");
}

#[test]
fn a_refresh_is_refused_as_a_run_is() {
    let theirs = SigningKey::from_seed(&[2; 32]).did();
    let contracts = [
        contract("SELECT 1 AS refused", me(), "active"),
        contract("SELECT 1 AS broken", me(), "active"),
        contract("SELECT 1 AS done", me(), "exhausted"),
        contract("SELECT 1 AS theirs", theirs, "active"),
        contract("SELECT 1 AS proposed", me(), "proposed"),
    ];
    let names = contracts.each_ref().map(name);
    let gateway = gateway(contracts.to_vec());
    let [refused, broken, done, theirs, proposed] = &names;
    for (name, parts) in [
        (refused.as_str(), ["42501", "`lake` refused: `lake/pay@1` has changed"]),
        (broken, ["55000", "all uses are taken"]),
        (done, ["55000", "is exhausted"]),
        (theirs, ["42P01", "does not exist"]),
        (proposed, ["42P01", "does not exist"]),
        ("pay", ["42P01", "relation \"pay\" does not exist"]),
        ("pg_catalog.pg_class", ["42P01", "does not exist"]),
        ("a.b.c.d", ["42P01", "does not exist"]),
        ("a; SELECT 1", ["0A000", "several statements"]),
        ("a b", ["42P01", "does not exist"]),
        (&format!("{refused} WITH NO DATA"), ["0A000", "cannot be taken back"]),
        (&format!("CONCURRENTLY {refused}"), ["0A000", "by a whole run"]),
    ] {
        let (rows, said) = psql(&gateway, &[&format!("REFRESH MATERIALIZED VIEW {name}")]);
        assert!(parts.iter().all(|part| said.contains(part)) && rows.is_empty(), "{name}: {said}");
    }
    assert_eq!(gateway.node.runs.lock().unwrap().len(), 2, "of those that the member may run");
}

/// Two contracts of one title whose ids begin alike have neither's short name, so that none passes for the other.
#[test]
fn contracts_that_would_be_called_the_same_are_called_by_their_whole_ids() {
    let (one, mut other) = (contract(SQL, me(), "active"), contract("SELECT 1 AS other", me(), "active"));
    other.id = format!("{}{}", &one.id[..8], "0".repeat(one.id.len() - 8));
    let short = name(&one);
    let gateway = gateway(vec![one.clone(), other.clone()]);
    let (rows, said) = psql(
        &gateway,
        &["SELECT relname FROM pg_class ORDER BY relname", "SELECT count(DISTINCT oid) FROM pg_class"],
    );
    let mut expected = [format!("pay_{}\n", one.id), format!("pay_{}\n", other.id)];
    expected.sort();
    assert_eq!(rows, format!("{}2\n", expected.concat()), "{said}");
    let (_, said) = psql(&gateway, &[&format!("SELECT * FROM {short}")]);
    assert!(said.contains("42P01"), "{said}");
}

#[test]
fn nothing_but_views_and_the_catalog_is_read_and_nothing_written() {
    let pay = contract(SQL, me(), "active");
    let name = name(&pay);
    let gateway = gateway(vec![pay]);
    psql(&gateway, &[&format!("REFRESH MATERIALIZED VIEW {name}")]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret.csv");
    std::fs::write(&file, "a\nsecret\n").unwrap();
    let file = file.display();
    let cases = [
        (format!("SELECT * FROM '{file}'"), "42P01"),
        (format!("SELECT * FROM \"{file}\""), "42P01"),
        (format!("SELECT * FROM \"file://{file}\""), "42P01"),
        (format!("SELECT * FROM read_csv('{file}')"), "42P01"),
        (format!("SELECT * FROM pg_read_file('{file}')"), "42P01"),
        (format!("SELECT pg_read_file('{file}')"), "42883"),
        (format!("SELECT input_file_name() FROM {name}"), "42883"),
        (format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{file}'"), "0A000"),
        (format!("COPY {name} TO '{file}'"), "0A000"),
        (format!("COPY (SELECT 1) TO '{file}'"), "0A000"),
        (format!("SELECT * INTO y FROM {name}"), "0A000"),
        (format!("WITH y AS (INSERT INTO {name} VALUES (1) RETURNING 1) SELECT * FROM y"), "0A000"),
        (format!("INSERT INTO {name} SELECT * FROM {name}"), "0A000"),
        (format!("UPDATE {name} SET n = 1"), "0A000"),
        (format!("DROP MATERIALIZED VIEW {name}"), "0A000"),
        (format!("CREATE MATERIALIZED VIEW y AS SELECT * FROM {name}"), "0A000"),
        (format!("SELECT * FROM {name} FOR UPDATE"), "0A000"),
        (format!("EXPLAIN ANALYZE SELECT * FROM {name}"), "0A000"),
        ("SET datafusion.execution.batch_size = 1".to_owned(), "0A000"),
        ("SELECT * FROM information_schema.df_settings".to_owned(), "42P01"),
        ("SELECT * FROM generate_series(1, 1000000000000)".to_owned(), "42P01"),
        (format!("SELECT * FROM other.public.{name}"), "0A000"),
        ("SELECT * FROM pay".to_owned(), "42P01"),
        ("SELECT repeat('x', 1000000000)".to_owned(), "42883"),
        ("SELECT lpad('x', 1000000000)".to_owned(), "42883"),
        (format!("SELECT nothing FROM {name}"), "42703"),
        (format!("SELECT n / 0 FROM {name}"), "22012"),
        (format!("SELECT n + 9223372036854775807 FROM {name}"), "22003"),
        (format!("SELECT n FROM {name} WHERE n = (SELECT n FROM {name})"), "21000"),
        (format!("SELECT ARRAY(SELECT n FROM {name})"), "0A000"),
        (format!("SELECT ARRAY(SELECT relname FROM pg_class) FROM {name}"), "0A000"),
        ("SELECT ARRAY(SELECT 1)".to_owned(), "0A000"),
        ("SELECT (SELECT nspname FROM pg_namespace)".to_owned(), "21000"),
        ("SELECT 'nothing'::regclass".to_owned(), "42P01"),
        ("SELECT 1 FROM".to_owned(), "42601"),
        ("SELECT 'open".to_owned(), "42601"),
        ("SELECT 1; SELECT 2".to_owned(), "0A000"),
    ];
    for (text, code) in cases {
        let (rows, said) = psql(&gateway, &[&text]);
        assert!(said.contains(code) && !rows.contains("secret"), "{text}: {rows} {said}");
    }
    let (rows, said) = psql(&gateway, &["SELECT 'alive'"]);
    assert_eq!(rows, "alive\n", "{said}");
}

/// PostgreSQL's own server is asked the same about a table of the same rows.
#[test]
fn views_say_what_postgresql_says() {
    let pay = contract(SQL, me(), "active");
    let name = name(&pay);
    let gateway = gateway(vec![pay]);
    psql(&gateway, &[&format!("REFRESH MATERIALIZED VIEW {name}")]);
    let server = Server::start();
    server.sql(&format!(
        "CREATE TABLE {name} (team text, n bigint, total numeric, mean float8, open boolean, day date, at timestamp, \
         sum numeric)"
    ));
    server.sql(&format!(
        "INSERT INTO {name} VALUES ('a', 4, 12.50, 0.25, true, '2024-02-29', '2024-02-29 07:08:09.1234', 5), \
         (NULL, 7, 3.00, NULL, false, NULL, NULL, 170141183460469231731687303715884105727)"
    ));
    let mut others = Vec::new();
    for question in [
        "SELECT * FROM v ORDER BY n",
        "SELECT * FROM v WHERE n > '5'",
        "SELECT team FROM v ORDER BY team",
        "SELECT team FROM v ORDER BY team DESC",
        "SELECT v.*, v.n * 2 FROM v ORDER BY total",
        "SELECT n, n, n::text || '!' || team FROM v ORDER BY 1",
        "SELECT count(*), count(team), sum(n), min(n), max(day), sum(total), sum(sum) FROM v",
        "SELECT team IS NULL, count(*) FROM v GROUP BY 1 ORDER BY 1",
        "SELECT upper(team), length(team), coalesce(team, 'none'), nullif(n, 4) FROM v ORDER BY n",
        "SELECT n / 3, n % 3, -n, n + total, total * total, mean * 2, mean / 3 FROM v ORDER BY n",
        "SELECT n::numeric, total::text, mean::text, n::float8, '7'::bigint + n, n::text FROM v ORDER BY 1",
        "SELECT at::text, open::text, day::text, mean::text, (mean * 20)::text, at || '', open || '' FROM v ORDER BY n",
        "SELECT total::int, mean::bigint, (total / 5)::int, (mean * 6)::int, (mean * 10)::int8 FROM v ORDER BY n",
        "SELECT 2.5::int, 3.5::int, -2.5::int, 2.5::float8::int, 3.5::float8::int, '8'::int, 2.7::numeric::pg_catalog.int4",
        "SELECT CASE WHEN open THEN 'yes' ELSE 'no' END, NOT open FROM v ORDER BY n",
        "SELECT day, at, at::date, extract(year FROM day), date_trunc('month', at) FROM v WHERE day >= '2024-01-01'",
        "SELECT day FROM v WHERE day = DATE '2024-02-29' AND at < TIMESTAMP '2024-03-01 00:00:00'",
        "SELECT sum(n) OVER (ORDER BY n), row_number() OVER (ORDER BY n DESC), lag(n) OVER (ORDER BY n) FROM v ORDER BY n",
        "SELECT a.n, b.n FROM v a LEFT JOIN v b ON a.team = b.team ORDER BY 1",
        "SELECT n FROM v WHERE n IN (SELECT max(n) FROM v)",
        "SELECT n FROM v a WHERE EXISTS (SELECT 1 FROM v b WHERE b.n > a.n)",
        "SELECT (SELECT max(n) FROM v), (SELECT team FROM v WHERE n = 4)",
        "SELECT total::int FROM v ORDER BY -total",
        "SELECT total::int FROM v ORDER BY total",
        "SELECT (-total)::int AS total, n FROM v ORDER BY total",
        "SELECT -n AS n FROM v ORDER BY n + 0",
        "SELECT v.*, count(*) OVER (), -n AS n FROM v ORDER BY abs(n - 5)",
        "SELECT count(*) FROM v GROUP BY open ORDER BY count(*), open",
        "SELECT '0.125'::numeric, 1e-11::numeric, '-3.50'::numeric, 0.10::numeric",
        "SELECT n FROM v WHERE total = '12.504' OR '3.001' >= total AND n > 7",
        "SELECT n FROM v WHERE total IN ('12.504', '3.00') OR total BETWEEN '12.501' AND '13'",
        "SELECT n FROM v WHERE total = '12.5' AND total < '12.501' AND sum >= '5'",
        "SELECT 1e16::float8, 1e15::float8, 1e14::float8, 1e-4::float8, 1.25e-5::float8, -0.5::float8, 0::float8, '1e300'::float8",
        "SELECT n FROM v UNION SELECT n + 3 FROM v ORDER BY 1",
        "SELECT n FROM v EXCEPT SELECT 7",
        "SELECT DISTINCT open FROM v ORDER BY 1",
        "SELECT team FROM v WHERE team LIKE 'a%' OR team ~ '^b' OR team ILIKE 'A'",
        "SELECT n FROM v WHERE team <> 'b' OR team IS NULL ORDER BY n LIMIT 1 OFFSET 1",
        "SELECT n FROM v WHERE n = ANY (ARRAY[4, 5]) AND n <> ALL ('{1,2}')",
        "SELECT n FROM v WHERE n BETWEEN 1 AND 5 AND n NOT IN (5)",
        "SELECT substring(team FROM 1 FOR 1), position('a' IN team), replace(team, 'a', 'bc'), trim(' x ') FROM v ORDER BY n",
        "SELECT 1, 'x', NULL, true, 1.5, 1e3::float8, round(2.567, 2), abs(-3)",
        "SELECT team FROM v WHERE false",
        "SELECT max(n) FROM v WHERE false",
        "SELECT bool_or(open), bool_and(open), string_agg(team, ',') FROM v",
        "VALUES (1, 'a'), (2, NULL) ORDER BY 1 DESC",
        "SELECT x.a FROM (VALUES (1), (2)) x(a) JOIN v ON x.a < v.n GROUP BY x.a HAVING count(*) > 1 ORDER BY 1",
    ] {
        let question = format!("WITH v AS (SELECT * FROM {name}) {question}");
        let (rows, said) = psql(&gateway, &[&question]);
        let expected = server.sql(&question);
        if rows.trim() != expected {
            others.push(format!("{question}\n{rows}{said}instead of\n{expected}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n\n"));
}
