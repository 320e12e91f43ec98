//! Tables of a real PostgreSQL server, linked and read again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod linking;
mod server;

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType},
};
use contract::ColumnType;
use linking::open;
use server::{PASSWORD, Server};
use treaty_postgres::{Address, Postgres};
use vault::{Declaration, ImportError, Imported, LinkRequest, Location, Vault, VaultError};
use zeroize::Zeroizing;

fn location(url: &str, table: &str, order_by: &[&str]) -> Location {
    let order_by = order_by.iter().map(|column| (*column).to_owned()).collect();
    Location { url: url.to_owned(), table: table.to_owned(), order_by }
}

fn link(vault: &Vault, location: &Location, declared: &[(&str, &str)]) -> Result<Imported, ImportError> {
    let declare = |(column, kind): &(&str, &str)| {
        let kind = vault::parse_type(kind);
        ((*column).to_owned(), Declaration { kind, ..Declaration::default() })
    };
    let columns: BTreeMap<_, _> = declared.iter().map(declare).collect();
    vault.link(&LinkRequest { name: "linked", description: "", location, select: &[], columns: &columns })
}

fn rows(vault: &Vault, version: u32) -> Vec<RecordBatch> {
    vault.scan("linked", version).unwrap().collect::<Result<_, _>>().unwrap()
}

fn refused(vault: &Vault, location: &Location) -> String {
    link(vault, location, &[]).unwrap_err().to_string()
}

#[test]
fn every_type_comes_as_it_is_in_the_order_of_the_key() {
    let server = Server::start();
    server.sql(
        "CREATE TYPE mood AS ENUM ('well', 'ill');
         CREATE DOMAIN percent AS int4 CHECK (VALUE BETWEEN 0 AND 100);
         CREATE TABLE visits (\"Id\" int8 PRIMARY KEY, flag boolean, small int2, middle int4, amount numeric(12,2),
             free numeric, real4 real, real8 double precision, note text, code varchar(10), padded char(4), day date, moment timestamp,
             mood mood, share percent);
         INSERT INTO visits VALUES
             (9223372036854775807, true, -32768, -2147483648, -9999999999.99, 0.1250, 0.5, -1e300, 'größe', 'b', 'ab',
              '2024-02-29', '2024-02-29 07:08:09.123456', 'ill', 100),
             (-5, false, 32767, 2147483647, 0.01, 12, 1.5, 0.1, '', 'a', 'abcd', '0001-01-01', '0001-01-01 00:00', 'well', 0),
             (7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    let place = location(&server.url(), "public.visits", &["Id"]);
    let said = refused(&vault, &place);
    assert!(
        said.contains("column `free` holds numbers without a fixed number") && said.contains("decimal(N)"),
        "{said}"
    );
    let linked = link(&vault, &place, &[("free", "decimal(3)")]).unwrap();
    assert_eq!(linked.rows, 3);
    let decimal = |scale| ColumnType::Decimal { scale };
    let float = ColumnType::Float { scale: 6 };
    let (integer, text) = (ColumnType::Integer, ColumnType::Text);
    let kinds: Vec<_> = linked.schema.columns.iter().map(|column| column.kind).collect();
    let expected = [
        integer,
        ColumnType::Boolean,
        integer,
        integer,
        decimal(2),
        decimal(3),
        float,
        float,
        text,
        text,
        text,
        ColumnType::Date,
        ColumnType::Timestamp,
        text,
        integer,
    ];
    assert_eq!(kinds, expected);

    let batches = rows(&vault, 1);
    let [batch] = batches.as_slice() else { panic!("{}", batches.len()) };
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let integers = |name: &str| column(name).as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
    let decimals = |name: &str| column(name).as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>();
    let floats = |name: &str| column(name).as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
    let texts = |name: &str| column(name).as_string::<i32>().iter().collect::<Vec<_>>();
    assert_eq!(integers("id"), [Some(-5), Some(7), Some(i64::MAX)]);
    assert_eq!(integers("small"), [Some(32_767), None, Some(-32_768)]);
    assert_eq!(integers("middle"), [Some(2_147_483_647), None, Some(-2_147_483_648)]);
    assert_eq!(integers("share"), [Some(0), None, Some(100)]);
    assert_eq!(decimals("amount"), [Some(1), None, Some(-999_999_999_999)]);
    assert_eq!(decimals("free"), [Some(12_000), None, Some(125)]);
    assert_eq!(floats("real4"), [Some(1.5), None, Some(0.5)]);
    assert_eq!(floats("real8"), [Some(0.1), None, Some(-1e300)]);
    assert_eq!(texts("note"), [Some(""), None, Some("größe")]);
    assert_eq!(texts("code"), [Some("a"), None, Some("b")]);
    assert_eq!(texts("padded"), [Some("abcd"), None, Some("ab")]);
    assert_eq!(texts("mood"), [Some("well"), None, Some("ill")]);
    let flags: Vec<_> = column("flag").as_boolean().iter().collect();
    assert_eq!(flags, [Some(false), None, Some(true)]);
    let days: Vec<_> = column("day").as_primitive::<Date32Type>().iter().collect();
    assert_eq!(days, [Some(-719_162), None, Some(19_782)]);
    let moments: Vec<_> = column("moment").as_primitive::<TimestampMicrosecondType>().iter().collect();
    assert_eq!(moments, [Some(-62_135_596_800_000_000), None, Some(1_709_190_489_123_456)]);
    assert_eq!(vault.verify("linked", 1).unwrap(), linked.root);

    server.sql("ALTER TABLE visits ADD COLUMN later text DEFAULT 'x'");
    assert_eq!(vault.verify("linked", 1).unwrap(), linked.root, "columns that were not linked do not matter");
}

#[test]
fn columns_are_selected_and_the_key_orders_without_being_linked() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, at timestamptz, ward text, days int);
         INSERT INTO visits VALUES (3, now(), 'c', 30), (1, now(), 'a', 10), (2, now(), 'b', 20)",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    let place = location(&server.url(), "public.visits", &["id"]);
    let select = ["days".to_owned(), "ward".to_owned()];
    let link = || {
        let columns = BTreeMap::new();
        vault.link(&LinkRequest {
            name: "linked",
            description: "",
            location: &place,
            select: &select,
            columns: &columns,
        })
    };
    let linked = link().unwrap();
    let names: Vec<_> = linked.schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["days", "ward"]);
    let batches = rows(&vault, 1);
    let days: Vec<_> = batches[0].column(0).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(days, [10, 20, 30]);
    server.sql("UPDATE visits SET at = now()");
    assert_eq!(vault.verify("linked", 1).unwrap(), linked.root, "what was not linked may change");
    server.sql("UPDATE visits SET id = 4 WHERE id = 1");
    assert!(matches!(vault.verify("linked", 1), Err(VaultError::LinkedRowsChanged { chunk: 1, .. })));
    server.sql("ALTER TABLE visits DROP CONSTRAINT visits_pkey; UPDATE visits SET id = 2");
    assert!(link().unwrap_err().to_string().contains("rows 1 and 2 of `public.visits` have the same `id`"));
}

#[test]
fn what_cannot_be_linked_is_refused_by_name_with_what_to_do() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE times (id int PRIMARY KEY, at timestamptz);
         CREATE TABLE twice (id int, part text); INSERT INTO twice VALUES (1, 'b'), (1, 'a'), (1, 'b');
         CREATE TABLE holes (id int UNIQUE, x int); INSERT INTO holes VALUES (1, 1), (NULL, 2);
         CREATE TABLE floats (id float8 PRIMARY KEY, x int);
         CREATE TABLE endless (id int PRIMARY KEY, x float8, n numeric(6,2), d date);
         INSERT INTO endless VALUES (1, 1, 1, '2024-01-01'), (2, 'NaN', 1, '2024-01-01');
         CREATE VIEW of_n AS SELECT id, 'NaN'::numeric AS n FROM endless;
         CREATE VIEW of_d AS SELECT id, 'infinity'::date AS d FROM endless;
         CREATE VIEW of_cast AS SELECT id, ('secret value ' || id)::int AS broken FROM endless;
         CREATE VIEW long AS SELECT 1 AS id, 1e18::numeric(20,1) AS n;
         CREATE TABLE nobodys (id int); ALTER TABLE nobodys OWNER TO postgres;
         CREATE ROLE reader LOGIN PASSWORD 'reads'",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    let url = server.url();
    let cases: [(&str, &[&str], &[&str]); 14] = [
        (
            "public.times",
            &["id"],
            &["column `at` of `public.times`", "timestamptz", "AT TIME ZONE 'UTC'", "in a view"],
        ),
        ("public.twice", &["id"], &["rows 1 and 2 of `public.twice` have the same `id`", "unique"]),
        ("public.twice", &["id", "part"], &["rows 2 and 3", "the same `id` and `part`"]),
        ("public.holes", &["id"], &["row 2 of `public.holes` has no value in `id`"]),
        ("public.floats", &["id"], &["`id` of `public.floats` cannot be part of a key"]),
        ("public.floats", &[], &["`public.floats` have no order", "name a key"]),
        ("public.floats", &["key"], &["no column `key`", "it has: id, x"]),
        ("public.endless", &["id"], &["row 2, column `x`", "found something else"]),
        ("public.of_n", &["id"], &["row 1, column `n`", "NaN or infinity"]),
        ("public.of_d", &["id"], &["row 1, column `d`", "found infinity"]),
        ("public.of_cast", &["id"], &["refused to read `public.of_cast`", "SQLSTATE 22P02"]),
        ("public.long", &["id"], &["row 1, column `n`"]),
        ("public.none", &["id"], &["refused to read `public.none`", "does not exist (SQLSTATE 42P01)"]),
        ("endless", &["id"], &["`endless` names no table", "schema.table"]),
    ];
    for (table, key, parts) in cases {
        let declared: &[_] = if table == "public.of_n" { &[("n", "decimal(2)")] } else { &[] };
        let said = link(&vault, &location(&url, table, key), declared).unwrap_err().to_string();
        for part in parts {
            assert!(said.contains(part), "{table}: {said}");
        }
        assert!(!said.contains("secret value"), "{said}");
    }
    let reader = url.replace("postgres@", "reader@");
    let (address, _) = Address::parse(&reader).unwrap();
    let postgres = Postgres::new(directory.path().join("pgpass"));
    postgres.keep_password(&address, Zeroizing::new("reads".to_owned())).unwrap();
    let said = refused(&vault, &location(&reader, "public.nobodys", &["id"]));
    assert!(said.contains("permission denied for table nobodys (SQLSTATE 42501)"), "{said}");
    assert!(vault.list().unwrap().is_empty());
}

#[test]
fn a_row_changed_added_or_taken_away_is_found() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, note text);
         INSERT INTO visits SELECT n, 'note ' || n FROM generate_series(1, 140000) n",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    let place = location(&server.url(), "public.visits", &["id"]);
    let linked = link(&vault, &place, &[]).unwrap();
    assert_eq!((linked.rows, rows(&vault, 1).len()), (140_000, 3));
    let changes = [
        (
            "UPDATE visits SET note = 'other' WHERE id = 70000",
            "UPDATE visits SET note = 'note 70000' WHERE id = 70000",
            2,
        ),
        ("DELETE FROM visits WHERE id = 140000", "INSERT INTO visits VALUES (140000, 'note 140000')", 3),
        ("INSERT INTO visits VALUES (0, 'x')", "DELETE FROM visits WHERE id = 0", 1),
        ("UPDATE visits SET note = NULL WHERE id = 1", "UPDATE visits SET note = 'note 1' WHERE id = 1", 1),
        ("ALTER TABLE visits ALTER id TYPE int8, ALTER note TYPE varchar(20)", "SELECT 1", 0),
    ];
    for (change, undo, expected) in changes {
        server.sql(change);
        match vault.verify("linked", 1) {
            Err(VaultError::LinkedRowsChanged { chunk, .. }) => assert_eq!(chunk, expected, "{change}"),
            other => assert_eq!((other.unwrap(), expected), (linked.root, 0), "{change}"),
        }
        server.sql(undo);
        assert_eq!(vault.verify("linked", 1).unwrap(), linked.root, "{undo}");
    }
    server.sql("ALTER TABLE visits DROP COLUMN note");
    let said = vault.verify("linked", 1).unwrap_err().to_string();
    assert!(said.contains("column \"note\" does not exist (SQLSTATE 42703)"), "{said}");
    server.sql("DROP TABLE visits");
    let said = vault.verify("linked", 1).unwrap_err().to_string();
    assert!(said.contains("the rows of `linked@1` cannot be read") && said.contains("42P01"), "{said}");
}

#[test]
fn passwords_are_tried_kept_and_never_told() {
    let mut server = Server::start();
    server.sql("CREATE TABLE visits (id int PRIMARY KEY)");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pgpass");
    let postgres = Postgres::new(file.clone());
    let (address, password) = Address::parse(&server.url().replace("@", ":hunter2@")).unwrap();
    let wrong = postgres.keep_password(&address, password.unwrap()).unwrap_err();
    let said = format!("{wrong} {wrong:?}");
    assert!(said.contains("does not let `postgres` in") && said.contains("28P01"), "{said}");
    assert!(!said.contains("hunter2") && !file.exists(), "{said}");

    let vault = open(directory.path(), &server);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    link(&vault, &location(&server.url(), "public.visits", &["id"]), &[]).unwrap();
    let manifest = std::fs::read_to_string(directory.path().join("vault/datasets/linked/1.json")).unwrap();
    assert!(manifest.contains(&server.url()) && !manifest.contains("horse"), "{manifest}");
    let spelled = server.url().replace("@", ":correct%3Ahorse%5Cbattery@");
    let said = refused(&vault, &location(&spelled, "public.visits", &["id"]));
    assert!(said.contains("holds a password") && !said.contains("horse"), "{said}");

    // The socket is another host, for which nothing was kept.
    let said = refused(&vault, &location(&server.socket_url(), "public.visits", &["id"]));
    assert!(said.contains("does not let `postgres` in") && said.contains("PGPASSFILE"), "{said}");
    let (socket, _) = Address::parse(&server.socket_url()).unwrap();
    postgres.keep_password(&socket, Zeroizing::new(PASSWORD.to_owned())).unwrap();
    link(&vault, &location(&server.socket_url(), "public.visits", &["id"]), &[]).unwrap();

    let no_base = server.url().replace("/postgres", "/nowhere").replace("//nowhere", "//postgres");
    let (address, _) = Address::parse(&no_base).unwrap();
    let said = postgres.keep_password(&address, Zeroizing::new(PASSWORD.to_owned())).unwrap_err().to_string();
    assert!(said.contains("database \"nowhere\" does not exist (SQLSTATE 3D000)"), "{said}");

    server.kill();
    let said = vault.verify("linked", 1).unwrap_err().to_string();
    assert!(said.contains("cannot be reached") && said.contains("is it running"), "{said}");
    assert!(said.contains(&format!("127.0.0.1:{}", server.port)), "{said}");
    server.restart();
    vault.verify("linked", 1).unwrap();
}

#[test]
fn a_server_killed_while_it_is_read_is_an_error() {
    let mut server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, note text);
         INSERT INTO visits SELECT n, repeat('x', 100) FROM generate_series(1, 300000) n",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    link(&vault, &location(&server.url(), "public.visits", &["id"]), &[]).unwrap();
    let mut scan = vault.scan("linked", 1).unwrap();
    assert_eq!(scan.next().unwrap().unwrap().num_rows(), 65_536);
    server.kill();
    let rest: Vec<_> = scan.collect();
    let said = rest.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(said.contains("hung up while `public.visits` was read, after "), "{said}");
    assert_eq!(rest.iter().filter(|batch| batch.is_err()).count(), 1);
    assert_eq!(vault.versions("linked").unwrap(), [1]);
}

#[test]
fn a_reader_that_goes_away_leaves_no_session_behind() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, note text);
         INSERT INTO visits SELECT n, repeat('x', 100) FROM generate_series(1, 300000) n",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    link(&vault, &location(&server.url(), "public.visits", &["id"]), &[]).unwrap();
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'treaty'";
    let mut scan = vault.scan("linked", 1).unwrap();
    scan.next().unwrap().unwrap();
    assert_eq!(server.sql(sessions), "1");
    let snapshot = "SELECT xact_start IS NOT NULL FROM pg_stat_activity WHERE application_name = 'treaty'";
    assert_eq!(server.sql(snapshot), "t");
    drop(scan);
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while server.sql(sessions) != "0" {
        assert!(std::time::Instant::now() < patience, "the session stays");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn one_snapshot_is_read_while_others_write() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, note text);
         INSERT INTO visits SELECT n, repeat('x', 100) FROM generate_series(1, 200000) n",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    let linked = link(&vault, &location(&server.url(), "public.visits", &["id"]), &[]).unwrap();
    let mut scan = vault.scan("linked", 1).unwrap();
    let first = scan.next().unwrap().unwrap().num_rows();
    server.sql("UPDATE visits SET note = 'changed' WHERE id > 150000");
    let rest: usize = scan.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!((first + rest) as u64, linked.rows, "what is read is what was there when reading began");
    assert!(matches!(vault.verify("linked", 1), Err(VaultError::LinkedRowsChanged { chunk: 3, .. })));
}

#[test]
fn tls_goes_to_the_server_that_the_authority_vouches_for_and_to_no_other() {
    let server = Server::start();
    server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY);
         CREATE VIEW sessions AS SELECT 1 AS id, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    );
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &server);
    let postgres = Postgres::new(directory.path().join("pgpass"));
    let authority = server.authority().display().to_string();
    let url = |host: &str, mode: &str, authority: &str| {
        format!(
            "postgresql://postgres@{host}:{}/postgres?sslmode={mode}&sslrootcert={authority}",
            server.port
        )
    };
    let try_url = |url: &str| {
        postgres.keep_password(&Address::parse(url).unwrap().0, Zeroizing::new(PASSWORD.to_owned()))
    };
    for mode in ["verify-full", "require"] {
        let url = url("localhost", mode, &authority);
        try_url(&url).unwrap();
        link(&vault, &location(&url, "public.sessions", &["id"]), &[]).unwrap();
        let version = *vault.versions("linked").unwrap().last().unwrap();
        let encrypted = rows(&vault, version)[0].column_by_name("ssl").unwrap().as_boolean().value(0);
        assert!(encrypted, "{mode}");
    }
    let other_name = try_url(&url("127.0.0.1", "verify-full", &authority)).unwrap_err().to_string();
    assert!(other_name.contains("is not whom the URL expects"), "{other_name}");
    let stranger = Server::start();
    let unknown = url("localhost", "require", &stranger.authority().display().to_string());
    let unknown = try_url(&unknown).unwrap_err().to_string();
    assert!(unknown.contains("is not whom the URL expects"), "{unknown}");
    let missing = try_url(&url("localhost", "require", "/nowhere.pem")).unwrap_err().to_string();
    assert!(missing.contains("`sslrootcert`: `/nowhere.pem` cannot be used"), "{missing}");
}
