//! A real `psql` asks a gateway, whose node answers from memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod fake;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contract::{Hash, SigningKey};
use fake::{Fake, Gateway, PASSWORD, SQL, contract, gateway, me};
use socket2::{Domain, Socket, Type};
use treaty_gateway::{GatewayError, Login, Options, serve};

struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Gateway {
    fn psql_as(&self, user: &str, password: &str, database: &str, sql: &[&str]) -> Output {
        let mut psql = Command::new("psql");
        psql.args(["-XqA", "-P", "footer=off", "-v", "VERBOSITY=verbose", "-h", "127.0.0.1", "-U", user]);
        psql.args(["-d", database, "-p", &self.address.port().to_string()]);
        for sql in sql {
            psql.args(["-c", sql]);
        }
        psql.env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "20").output().unwrap_or_else(|error| {
            panic!("these tests need PostgreSQL's psql (`apt-get install postgresql-client`): {error}")
        })
    }

    /// What psql says to a script, in which its own commands may stand.
    fn script(&self, script: &str) -> (String, String) {
        let file = std::env::temp_dir().join(format!("treaty-gateway-{}.sql", self.address.port()));
        std::fs::write(&file, script).unwrap();
        let read = format!("\\i {}", file.display());
        let said = self.psql(&[&read]);
        std::fs::remove_file(&file).unwrap();
        said
    }

    /// A session that is let in and then says nothing until it is dropped.
    fn sleeper(&self) -> Sleeper {
        let mut psql = Command::new("psql");
        psql.args(["-XqA", "-h", "127.0.0.1", "-U", "north", "-d", "treaty", "-p"]);
        psql.arg(self.address.port().to_string()).env("PGPASSWORD", PASSWORD);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut psql = Sleeper(psql.spawn().unwrap());
        psql.0.stdin.as_mut().unwrap().write_all(b"TABLE contracts;\n").unwrap();
        let mut answer = String::new();
        BufReader::new(psql.0.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
        assert!(answer.starts_with("contract|"), "{answer}");
        psql
    }

    /// Standard output and standard error.
    fn psql(&self, sql: &[&str]) -> (String, String) {
        let done = self.psql_as("north", PASSWORD, "treaty", sql);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(done.stdout), text(done.stderr))
    }
}

#[test]
fn psql_asks_what_a_contract_asks_and_gets_typed_rows() {
    let gateway = gateway(vec![contract(SQL, me(), "active")]);
    let question = "SELECT team, COUNT( * ) AS n FROM pay WHERE team<>'x  y' GROUP BY team;";
    let (rows, said) = gateway.psql(&["BEGIN", question, "COMMIT"]);
    let expected = "team|n|total|mean|open|day|at|sum\na|4|12.50|0.25|t|2024-02-29|2024-02-29 07:08:09.1234|5\n\
                    |7|3.00||f|||170141183460469231731687303715884105727\n";
    assert_eq!(rows, expected, "{said}");
    assert!(said.contains("NOTICE") && said.contains("fewer than 3 rows: b"), "{said}");
    assert!(said.contains("1 cells are NULL"), "{said}");
    let (types, said) = gateway.script(&format!("{} \\gdesc\n", SQL.replace('\n', " ")));
    let described = "Column|Type\nteam|text\nn|bigint\ntotal|numeric\nmean|double precision\nopen|boolean\nday|date\n\
                     at|timestamp without time zone\nsum|numeric\n";
    assert_eq!(types, described, "{said}");
    assert_eq!(gateway.node.runs.lock().unwrap().len(), 1, "a description takes no use");
    let (rows, _) = gateway.psql(&["TABLE contracts"]);
    assert!(rows.contains("contract|title|state|uses_left|sql") && rows.contains("|Pay|active|3|"), "{rows}");
}

#[test]
fn what_no_contract_allows_is_refused_with_what_to_do() {
    let other = SigningKey::from_seed(&[2; 32]).did();
    let gateway = gateway(vec![
        contract("SELECT n AS proposed FROM pay", me(), "proposed"),
        contract("SELECT n AS done FROM pay", me(), "exhausted"),
        contract("SELECT n AS others FROM pay", other, "active"),
        contract("SELECT 1 AS refused", me(), "active"),
        contract("SELECT 1 AS broken", me(), "active"),
    ]);
    let cases: [(&str, &[&str]); 10] = [
        (
            "SELECT * FROM pay",
            &["42P01", "\"pay\" does not exist", "no contract asks exactly", "TABLE contracts"],
        ),
        (
            "CREATE VIEW v AS SELECT 1\\; SELECT * FROM v",
            &["42501", "no contract asks exactly this", "TABLE contracts"],
        ),
        ("SELECT n AS proposed FROM pay", &["55000", "is proposed", "treaty contract show"]),
        ("SELECT n AS done FROM pay", &["55000", "is exhausted", "uses are taken"]),
        ("SELECT n AS others FROM pay", &["42501", "`north` does not receive"]),
        (
            "SELECT 1 AS refused",
            &["42501", "`lake` refused: `lake/pay@1` has changed", "treaty run show run-1"],
        ),
        ("SELECT 1 AS broken", &["55000", "all uses are taken"]),
        ("DELETE FROM pay", &["0A000", "answers no DELETE"]),
        ("BEGIN; SELECT 1 AS broken", &["0A000", "several statements", "one by one"]),
        ("SET role TO root", &["0A000", "`role` cannot be set"]),
    ];
    for (sql, parts) in cases {
        let (rows, said) = gateway.psql(&[sql]);
        for part in parts {
            assert!(said.contains(part), "{sql}: {said}");
        }
        assert_eq!(rows, "", "{sql}");
    }
    assert_eq!(gateway.node.runs.lock().unwrap().len(), 2, "only what a contract allows was run");
}

#[test]
fn of_several_contracts_the_database_names_one() {
    let mut second = contract(SQL, me(), "active");
    second.id = Hash::of("test", b"second").to_string();
    let gateway = gateway(vec![contract(SQL, me(), "active"), second.clone()]);
    let (_, said) = gateway.psql(&[SQL]);
    assert!(said.contains("42P09") && said.contains(&second.id) && said.contains("psql -d ID"), "{said}");
    let done = gateway.psql_as("north", PASSWORD, &second.id[..12], &[SQL]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(*gateway.node.runs.lock().unwrap(), [second.id]);
}

#[test]
fn only_who_knows_the_password_is_let_in() {
    let gateway = gateway(vec![contract(SQL, me(), "active")]);
    for (user, password) in [("north", "guess"), ("lake", PASSWORD), ("", PASSWORD)] {
        let begun = Instant::now();
        let done = gateway.psql_as(user, password, "treaty", &["TABLE contracts"]);
        assert!(begun.elapsed() >= Duration::from_secs(1), "guessing takes time");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!done.status.success() && done.stdout.is_empty(), "{user}: {said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
    assert!(gateway.psql_as("north", PASSWORD, "treaty", &["TABLE contracts"]).status.success());
}

#[test]
fn who_does_not_log_in_takes_no_place_from_others() {
    let gateway = gateway(vec![contract(SQL, me(), "active")]);
    let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(gateway.address).unwrap()).collect();
    let begun = Instant::now();
    let (rows, said) = gateway.psql(&["TABLE contracts"]);
    assert!(rows.contains("|Pay|active|3|"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(9), "before any of them is sent away");
    drop(silent);
}

/// Connections that say nothing, from another address than psql's: more than there are places for strangers.
#[test]
fn one_address_does_not_take_all_places() {
    let gateway = gateway(vec![contract(SQL, me(), "active")]);
    let connect = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        socket.connect(&gateway.address.into()).unwrap();
        socket
    };
    let silent: Vec<_> = (0..300).map(|_| connect()).collect();
    let (rows, said) = gateway.psql(&["TABLE contracts"]);
    assert!(rows.contains("|Pay|active|3|"), "{said}");
    // Those over the address's share were closed at once, those within it are still waited for.
    let is_closed = |socket: &Socket| {
        socket.set_nonblocking(true).unwrap();
        matches!((&*socket).read(&mut [0; 1]), Ok(0)) || socket.take_error().unwrap().is_some()
    };
    assert!(!is_closed(&silent[0]) && is_closed(&silent[299]));
}

#[test]
fn more_sessions_than_there_are_places_for_are_refused() {
    let gateway = gateway(vec![contract(SQL, me(), "active")]);
    let sleepers: Vec<_> = (0..64).map(|_| gateway.sleeper()).collect();
    let refused = || {
        let done = gateway.psql_as("north", PASSWORD, "treaty", &["TABLE contracts"]);
        String::from_utf8(done.stderr).unwrap().contains("all sessions of this gateway are taken")
    };
    assert!(refused());
    drop(sleepers);
    let patience = Instant::now() + Duration::from_secs(60);
    while refused() {
        assert!(Instant::now() < patience, "places become free");
    }
}

#[test]
fn others_than_this_machine_are_let_in_by_tls_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let node = Arc::new(Fake { contracts: Vec::new(), runs: Mutex::default(), completed: Mutex::default() });
    let options = |tls| Options {
        listen: "0.0.0.0:0".parse().unwrap(),
        login: Login::new("north", PASSWORD).unwrap(),
        tls,
    };
    let refused = runtime.block_on(serve(options(None), Arc::clone(&node) as _));
    assert!(matches!(refused, Err(GatewayError::Plaintext(_))));
    let nonsense = Some((b"x".to_vec(), zeroize::Zeroizing::new(b"y".to_vec())));
    let refused = runtime.block_on(serve(options(nonsense), node as _));
    assert!(matches!(refused, Err(GatewayError::Certificate(_))));
}
