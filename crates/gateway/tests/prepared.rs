//! A driver that prepares every statement and asks for binary results asks a gateway, whose node answers from memory; and a
//! client that says each message by itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod fake;
#[path = "../../postgres/tests/server/mod.rs"]
mod server;

use std::error::Error;
use std::str::FromStr;

use contract::{Hash, SigningKey};
use fake::{Gateway, PASSWORD, SQL, contract, gateway, me};
use server::Server;
use tokio::runtime::Runtime;
use tokio_postgres::{
    Client, Config, NoTls, Row, SimpleQueryMessage,
    error::SqlState,
    types::{FromSql, IsNull, Kind, ToSql, Type, private::BytesMut, to_sql_checked},
};

/// The bytes of a value, whatever its type.
#[derive(Debug, PartialEq)]
struct Raw(Option<Vec<u8>>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(bytes.to_vec())))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn raw(rows: &[Row]) -> Vec<Vec<Raw>> {
    rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(async move { connection.await.ok() });
    client
}

fn config(gateway: &Gateway) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1").port(gateway.address.port()).user("north").password(PASSWORD).dbname("treaty");
    config
}

fn code(error: &tokio_postgres::Error) -> (&str, &str) {
    let said = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
    (said.code().code(), said.message())
}

/// The same bytes, types and names as PostgreSQL's own server sends for the same values.
#[test]
fn a_driver_gets_what_postgresql_would_send_it() {
    let gateway = gateway(vec![contract(SQL, me(), "active")]);
    let server = Server::start();
    Runtime::new().unwrap().block_on(async {
        let asked = connect(&config(&gateway)).await;
        let mut plain = Config::from_str(&server.url()).unwrap();
        let plain = connect(plain.password(server::PASSWORD)).await;
        let statement = asked.prepare(SQL).await.unwrap();
        assert!(gateway.node.runs.lock().unwrap().is_empty(), "to describe it takes no use");
        let same = "VALUES ('a', 4::bigint, 12.50::numeric, 0.25::float8, true, date '2024-02-29',
                timestamp '2024-02-29 07:08:09.1234', 5::numeric),
            (NULL, 7, 3.00, NULL, false, NULL, NULL, 170141183460469231731687303715884105727)";
        let (rows, expected) =
            (asked.query(&statement, &[]).await.unwrap(), plain.query(same, &[]).await.unwrap());
        assert_eq!(raw(&rows), raw(&expected));
        let kinds =
            |rows: &[Row]| rows[0].columns().iter().map(|column| column.type_().clone()).collect::<Vec<_>>();
        assert_eq!(kinds(&rows), kinds(&expected));
        assert_eq!(statement.columns()[0].name(), "team");
        assert_eq!(
            (rows[0].get::<_, i64>(1), rows[0].get::<_, f64>(3), rows[0].get::<_, bool>(4)),
            (4, 0.25, true)
        );
        assert_eq!(gateway.node.runs.lock().unwrap().len(), 1);
        asked.query(&statement, &[]).await.unwrap();
        assert_eq!(gateway.node.runs.lock().unwrap().len(), 2, "each execution takes one");
        let listed = asked.query("TABLE contracts", &[]).await.unwrap();
        assert_eq!((listed[0].get::<_, &str>("title"), listed[0].get::<_, i64>("uses_left")), ("Pay", 3));
    });
}

#[test]
fn transactions_portals_and_refusals_are_as_a_driver_expects() {
    let gateway = gateway(vec![
        contract(SQL, me(), "active"),
        contract("SELECT 1 AS refused", me(), "active"),
        contract("SELECT 1 AS other", me(), "active"),
        contract("SELECT n AS done FROM pay", me(), "exhausted"),
        contract("SELECT n AS theirs FROM pay", SigningKey::from_seed(&[2; 32]).did(), "active"),
    ]);
    Runtime::new().unwrap().block_on(async {
        let mut client = connect(&config(&gateway)).await;
        for (sql, expected, says) in [
            ("SELECT * FROM pay", "42P01", "does not exist"),
            ("SELECT n AS done FROM pay", "55000", "is exhausted"),
            ("SELECT n AS theirs FROM pay", "42501", "does not receive"),
            ("DELETE FROM pay", "0A000", "answers no DELETE"),
            ("PREPARE s AS SELECT 1", "0A000", "answers no PREPARE"),
            ("BEGIN; SELECT 1", "0A000", "several statements"),
        ] {
            let refused = client.prepare(sql).await.unwrap_err();
            let (found, message) = code(&refused);
            assert!(found == expected && message.contains(says), "{sql}: {found} {message}");
        }
        let typed = client.prepare_typed(SQL, &[Type::INT4]).await.unwrap_err();
        assert!(code(&typed).1.contains("no parameters"), "{typed:?}");
        assert!(gateway.node.runs.lock().unwrap().is_empty(), "what is refused before it runs takes no use");

        let refused = client.query("SELECT 1 AS refused", &[]).await.unwrap_err();
        assert!(code(&refused).1.contains("`lake` refused"), "{refused:?}");
        let other = client.query("SELECT 1 AS other", &[]).await.unwrap_err();
        assert!(code(&other).1.contains("other columns"), "{other:?}");
        gateway.node.runs.lock().unwrap().clear();

        // Row by row, in a transaction; the run is one.
        let transaction = client.transaction().await.unwrap();
        let portal = transaction.bind(SQL, &[]).await.unwrap();
        let first = transaction.query_portal(&portal, 1).await.unwrap();
        let second = transaction.query_portal(&portal, 1).await.unwrap();
        let none = transaction.query_portal(&portal, 1).await.unwrap();
        assert_eq!((first.len(), second.len(), none.len()), (1, 1, 0));
        assert_eq!((first[0].get::<_, i64>("n"), second[0].get::<_, i64>("n")), (4, 7));
        transaction.commit().await.unwrap();
        assert_eq!(gateway.node.runs.lock().unwrap().len(), 1);

        let transaction = client.transaction().await.unwrap();
        transaction.query("SELECT * FROM pay", &[]).await.unwrap_err();
        let failed = transaction.query(SQL, &[]).await.unwrap_err();
        assert_eq!(failed.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
        transaction.rollback().await.unwrap();
        assert_eq!(client.query(SQL, &[]).await.unwrap().len(), 2, "after it all is as before");
    });
}

/// What one contract promised, another need not keep: between two executions its type is compared.
#[test]
fn of_several_contracts_the_database_names_one_for_prepared_statements_too() {
    let mut second = contract(SQL, me(), "active");
    second.id = Hash::of("test", b"second").to_string();
    let gateway = gateway(vec![contract(SQL, me(), "active"), second.clone()]);
    Runtime::new().unwrap().block_on(async {
        let client = connect(&config(&gateway)).await;
        let refused = client.prepare(SQL).await.unwrap_err();
        assert_eq!(code(&refused).0, "42P09");
        let client = connect(config(&gateway).dbname(&second.id[..12])).await;
        let rows = client.query(SQL, &[]).await.unwrap();
        assert!(matches!(rows[0].columns()[0].type_().kind(), Kind::Simple));
    });
    assert_eq!(*gateway.node.runs.lock().unwrap(), [second.id]);
}

/// A SELECT over a view is described without a run, has parameters, and sends the bytes that PostgreSQL would.
#[test]
fn a_select_over_a_view_is_prepared() {
    let pay = contract(SQL, me(), "active");
    let name = format!("pay_{}", &pay.id[..8]);
    let gateway = gateway(vec![pay]);
    let server = Server::start();
    Runtime::new().unwrap().block_on(async {
        let mut asked = connect(&config(&gateway)).await;
        let mut plain = Config::from_str(&server.url()).unwrap();
        let plain = connect(plain.password(server::PASSWORD)).await;
        plain
            .batch_execute(&format!(
                "CREATE TABLE {name} (team text, n bigint, total numeric, mean float8, open boolean, day date, \
                 at timestamp, sum numeric); \
                 INSERT INTO {name} VALUES ('a', 4, 12.50, 0.25, true, '2024-02-29', '2024-02-29 07:08:09.1234', 5), \
                 (NULL, 7, 3.00, NULL, false, NULL, NULL, 170141183460469231731687303715884105727)"
            ))
            .await
            .unwrap();
        let question = format!("SELECT * FROM {name} WHERE n >= $1 AND (team = $2 OR NOT open) ORDER BY n LIMIT 5");
        let (statement, same) = (asked.prepare(&question).await.unwrap(), plain.prepare(&question).await.unwrap());
        assert_eq!(statement.params(), [Type::INT8, Type::TEXT]);
        assert_eq!(statement.params(), same.params());
        let kinds = |statement: &tokio_postgres::Statement| {
            statement.columns().iter().map(|column| (column.name().to_owned(), column.type_().clone())).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&statement), kinds(&same));
        let refused = asked.query(&statement, &[&1_i64, &"a"]).await.unwrap_err();
        assert_eq!(code(&refused).0, "55000", "{refused:?}");
        assert!(gateway.node.runs.lock().unwrap().is_empty(), "neither took a use");

        let refresh = asked.prepare(&format!("REFRESH MATERIALIZED VIEW {name}")).await.unwrap();
        assert!(gateway.node.runs.lock().unwrap().is_empty(), "nor did this");
        asked.execute(&refresh, &[]).await.unwrap();
        assert_eq!(gateway.node.runs.lock().unwrap().len(), 1);
        for (n, team) in [(1_i64, "a"), (5, "a"), (8, "b")] {
            let (rows, expected) = (
                asked.query(&statement, &[&n, &team]).await.unwrap(),
                plain.query(&same, &[&n, &team]).await.unwrap(),
            );
            assert_eq!(raw(&rows), raw(&expected), "{n} {team}");
        }
        let null = asked.query(&statement, &[&None::<i64>, &"a"]).await.unwrap();
        assert!(null.is_empty());
        // A parameter's text is a value, whatever stands in it.
        let hostile = "a' OR true --";
        let question = format!("SELECT n FROM {name} WHERE team = $1");
        assert!(asked.query(&question, &[&hostile]).await.unwrap().is_empty());
        let typed = asked.prepare_typed("SELECT $1 + 1 AS next", &[Type::INT4]).await.unwrap();
        let rows = asked.query(&typed, &[&41_i32]).await.unwrap();
        assert_eq!(rows[0].get::<_, i64>("next"), 42);

        let transaction = asked.transaction().await.unwrap();
        let question = format!("SELECT n FROM {name} ORDER BY n");
        let portal = transaction.bind(&question, &[]).await.unwrap();
        let first = transaction.query_portal(&portal, 1).await.unwrap();
        let second = transaction.query_portal(&portal, 5).await.unwrap();
        assert_eq!((first[0].get::<_, i64>(0), second[0].get::<_, i64>(0), second.len()), (4, 7, 1));
        transaction.commit().await.unwrap();
        assert_eq!(gateway.node.runs.lock().unwrap().len(), 1, "to read takes no use");

        // What is tried in a savepoint ends with it alone.
        let mut transaction = asked.transaction().await.unwrap();
        let savepoint = transaction.savepoint("s").await.unwrap();
        savepoint.query("SELECT * FROM nothing", &[]).await.unwrap_err();
        savepoint.rollback().await.unwrap();
        assert_eq!(transaction.query("SELECT 1", &[]).await.unwrap().len(), 1);
        transaction.commit().await.unwrap();
    });
}

/// A parameter is of the type that was declared for it, whatever its value would be read as.
#[test]
fn parameters_have_the_types_that_are_declared() {
    let pay = contract(SQL, me(), "active");
    let name = format!("pay_{}", &pay.id[..8]);
    let gateway = gateway(vec![pay]);
    let server = Server::start();
    Runtime::new().unwrap().block_on(async {
        let asked = connect(&config(&gateway)).await;
        let mut plain = Config::from_str(&server.url()).unwrap();
        let plain = connect(plain.password(server::PASSWORD)).await;
        asked.execute(&format!("REFRESH MATERIALIZED VIEW {name}"), &[]).await.unwrap();
        plain
            .batch_execute(&format!(
                "CREATE TABLE {name} (team text, n bigint, total numeric, mean float8, day date); \
                 INSERT INTO {name} VALUES ('a', 4, 12.50, 0.25, '2024-02-29'), (NULL, 7, 3.00, NULL, NULL)"
            ))
            .await
            .unwrap();
        type Parameter = Box<dyn ToSql + Sync>;
        let day = || Box::new(Binary(8_825_i32.to_be_bytes().to_vec())) as Parameter;
        // 12.50, as digits of base 10,000.
        let numeric = || {
            let words: [i16; 6] = [2, 0, 0, 2, 12, 5000];
            Box::new(Binary(words.iter().flat_map(|word| word.to_be_bytes()).collect())) as Parameter
        };
        let cases: Vec<(&str, Vec<Type>, Vec<Parameter>)> = vec![
            ("SELECT n / $1, $1 + 1 FROM v ORDER BY n", vec![Type::FLOAT8], vec![Box::new(2.0_f64)]),
            ("SELECT n FROM v WHERE mean = $1", vec![Type::FLOAT8], vec![Box::new(0.25_f64)]),
            (
                "SELECT $1 * 1, $2",
                vec![Type::FLOAT8, Type::FLOAT8],
                vec![Box::new(1e-300_f64), Box::new(f64::NAN)],
            ),
            ("SELECT n / $1, n % $1 FROM v ORDER BY n", vec![Type::INT8], vec![Box::new(2_i64)]),
            (
                "SELECT n FROM v ORDER BY n LIMIT $1 OFFSET $2",
                vec![Type::INT8, Type::INT8],
                vec![Box::new(1_i64), Box::new(1_i64)],
            ),
            ("SELECT n + $1 FROM v ORDER BY n", vec![Type::INT8], vec![Box::new(-5_i64)]),
            ("SELECT n + $1, $1 FROM v WHERE total = $1", vec![Type::NUMERIC], vec![numeric()]),
            ("SELECT n FROM v WHERE team = $1", vec![Type::TEXT], vec![Box::new("a")]),
            ("SELECT $1 || '!' AS t, upper($1) AS u", vec![Type::TEXT], vec![Box::new("12")]),
            ("SELECT n, $1 FROM v WHERE day = $1", vec![Type::DATE], vec![day()]),
            ("SELECT n FROM v WHERE open_or($1)", vec![Type::BOOL], vec![Box::new(true)]),
            ("SELECT n + $1, $1 FROM v ORDER BY n", vec![Type::FLOAT8], vec![Box::new(None::<f64>)]),
            ("SELECT n + $1, $1 FROM v ORDER BY n", vec![Type::INT8], vec![Box::new(None::<i64>)]),
            ("SELECT $1, $2", vec![Type::DATE, Type::TEXT], vec![Box::new(Null), Box::new(Null)]),
            ("SELECT $1, n FROM v WHERE total > $1", vec![Type::NUMERIC], vec![Box::new(Null)]),
        ];
        for (question, types, values) in cases {
            let question =
                question.replace("open_or($1)", "$1 OR n < 0").replace("FROM v", &format!("FROM {name}"));
            let (statement, same) = (
                asked
                    .prepare_typed(&question, &types)
                    .await
                    .unwrap_or_else(|error| panic!("{question}: {error:?}")),
                plain.prepare_typed(&question, &types).await.unwrap(),
            );
            let kinds = |statement: &tokio_postgres::Statement| {
                statement.columns().iter().map(|column| column.type_().clone()).collect::<Vec<_>>()
            };
            assert_eq!((statement.params(), kinds(&statement)), (same.params(), kinds(&same)), "{question}");
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(AsRef::as_ref).collect();
            let rows = asked
                .query(&statement, &values)
                .await
                .unwrap_or_else(|error| panic!("{question}: {error:?}"));
            let expected = plain.query(&same, &values).await.unwrap();
            assert_eq!(raw(&rows), raw(&expected), "{question}");
        }
    });
}

/// A value in the bytes that its type has.
#[derive(Debug)]
struct Binary(Vec<u8>);

impl ToSql for Binary {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[derive(Debug)]
struct Null;

impl ToSql for Null {
    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Anybody may propose a contract whose text is a question that clients ask; it changes no answer.
#[test]
fn a_contract_that_is_not_in_force_takes_no_question_away() {
    let pay = contract(SQL, me(), "active");
    let name = format!("pay_{}", &pay.id[..8]);
    let theirs = SigningKey::from_seed(&[2; 32]).did();
    let (version, rows) = ("SELECT pg_catalog.version()", format!("SELECT * FROM {name}"));
    let mut contracts = vec![pay];
    for text in [version, rows.as_str(), "SELECT 1 AS x"] {
        for state in ["proposed", "exhausted", "revoked"] {
            contracts.push(contract(text, me(), state));
        }
        contracts.push(contract(text, theirs, "active"));
        contracts.push(contract(text, theirs, "proposed"));
    }
    contracts.push(contract("SELECT n FROM other_pay", theirs, "active"));
    let gateway = gateway(contracts);
    Runtime::new().unwrap().block_on(async {
        let client = connect(&config(&gateway)).await;
        client.simple_query(&format!("REFRESH MATERIALIZED VIEW {name}")).await.unwrap();
        for (text, expected) in [(version, 1), (&rows, 2), ("SELECT 1 AS x", 1)] {
            assert_eq!(client.query(text, &[]).await.unwrap().len(), expected, "{text}");
            let said = client.simple_query(text).await.unwrap();
            let found = said.iter().filter(|message| matches!(message, SimpleQueryMessage::Row(_))).count();
            assert_eq!(found, expected, "{text}");
        }
        // Where nothing is called so, it is said why no contract answers.
        let refused = client.simple_query("SELECT n FROM other_pay").await.unwrap_err();
        assert_eq!(code(&refused).0, "42501", "{refused:?}");
        let refused = client.prepare("SELECT n FROM other_pay").await.unwrap_err();
        assert_eq!(code(&refused).0, "42501", "{refused:?}");
        let refused = client.prepare("SELECT n FROM nothing").await.unwrap_err();
        assert_eq!(code(&refused).0, "42P01", "{refused:?}");
    });
    assert_eq!(gateway.node.runs.lock().unwrap().len(), 1, "the refresh");
}
