//! The whole path by commands alone, as members on several machines would type them.

use serde_json::Value;

use crate::alliance::{Alliance, MEMBERS, data};
use crate::support::{both, treaty};

const TERMS: &str = r#"
purposes = ["pay equity"]
receivers = ["north"]
floor_rows = 10
runs_max = 20
expires_in = "365d"
[columns]
rank = ["group", "filter"]
salary = ["aggregate"]
"#;

const COLUMNS: &str = r#"
rank = { nullable = false, values = ["AsstProf", "AssocProf", "Prof"] }
salary = { nullable = false, unit = "USD", range = { min = "0", max = "500000" } }
"#;

#[test]
fn members_get_from_files_to_a_verified_proof_by_commands_alone() {
    let alliance = Alliance::founded();
    publish(&alliance);
    let id = agree(&alliance);
    let run = compute(&alliance, &id);
    prove(&alliance, &run);
    amend_and_revoke(&alliance, &id);
    ask(&alliance);
    withdraw(&alliance, &run);
    scopes_are_held_to(&alliance);
}

fn publish(alliance: &Alliance) {
    let (terms, columns) = (alliance.write("terms.toml", TERMS), alliance.write("columns.toml", COLUMNS));
    for name in MEMBERS {
        let sex = r#"sex = { description = "as recorded" }"#;
        let imported = alliance.text(
            name,
            &[
                "data",
                "import",
                &data(name),
                "--name",
                "salaries",
                "--description",
                "what is paid",
                "--columns",
                &columns,
                "--column",
                sex,
            ],
        );
        assert!(
            imported.contains(&format!("{name}/salaries@1"))
                && imported.contains("next: `treaty data publish"),
            "{imported}"
        );
        assert_eq!(alliance.json(name, &["data", "list"])["items"][0]["published"], false);
        alliance.text(name, &["data", "publish", "salaries", "--terms", &terms]);
    }
    for name in MEMBERS {
        alliance
            .until(name, &["catalog", "search", "PAID"], |page| page["items"].as_array().unwrap().len() == 3);
    }
    let shown = alliance.text("south", &["catalog", "show", "lake/salaries@1"]);
    assert!(shown.contains("`pay equity`") && shown.contains("not to be used"), "{shown}");
}

/// One command from the SELECT to its answer; the others sign meanwhile.
fn ask(alliance: &Alliance) {
    let sql = "SELECT rank, COUNT(*) AS people, AVG(salary) AS mean FROM salaries GROUP BY rank";
    let plan = alliance.text("north", &["query", "explain", sql, "--purpose", "pay equity"]);
    for part in ["lake/salaries@1", "rep3, 1 may collude", "lake, north, south", "What the receivers learn"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    let tried = alliance.text("north", &["query", "dry-run", sql, "--purpose", "pay equity"]);
    for part in ["SYNTHETIC", "rows made up: 130 of lake/salaries@1", "people", "terms permit it"] {
        assert!(tried.contains(part), "{part}: {tried}");
    }
    let tried = alliance.json("north", &["query", "dry-run", sql, "--purpose", "curiosity"]);
    assert_eq!(
        (&tried["synthetic"], &tried["refusals"][0]["rule"]),
        (&true.into(), &"purpose-not-allowed".into())
    );
    let forbidden = alliance.refused("north", &["query", sql, "--purpose", "curiosity"]);
    assert!(
        forbidden.contains("the terms forbid the query") && forbidden.contains("curiosity"),
        "{forbidden}"
    );
    let late = ["query", sql, "--purpose", "pay equity", "--wait", "0s"];
    let unsigned = alliance.refused("north", &late);
    assert!(unsigned.contains("is proposed; not signed by: "), "{unsigned}");

    let answer = std::thread::scope(|scope| {
        let words = ["query", sql, "--purpose", "pay equity", "--floor-rows", "20", "--format", "csv"];
        let asking = scope.spawn(move || alliance.text("north", &words));
        for name in ["lake", "south"] {
            let waits = |contract: &&Value| {
                contract["state"] == "proposed" && contract["contract"]["output"]["floor_rows"] == 20
            };
            let contracts =
                |page: &Value| page["items"].as_array().unwrap().iter().any(|contract| waits(&contract));
            let page = alliance.until(name, &["contract", "list"], contracts);
            let contract = page["items"].as_array().unwrap().iter().find(waits).unwrap();
            alliance.text(name, &["contract", "sign", contract["id"].as_str().unwrap()]);
        }
        asking.join().unwrap()
    });
    let lines: Vec<_> = answer.lines().collect();
    assert_eq!(lines.len(), 4, "{answer}");
    assert_eq!(lines[0], "rank,people,mean");
    assert!(lines[3].starts_with("Prof,266,126772"), "{answer}");
}

/// Nothing new runs on withdrawn data; what ran stays readable and provable.
fn withdraw(alliance: &Alliance, run: &str) {
    assert!(alliance.refused("lake", &["data", "withdraw", "wages"]).contains("was never published"));
    alliance.text("lake", &["data", "withdraw", "salaries"]);
    let has_two = |page: &Value| page["items"].as_array().unwrap().len() == 2;
    alliance.until("north", &["catalog", "search", "PAID"], has_two);
    assert!(alliance.refused("lake", &["data", "withdraw", "salaries"]).contains("withdrawn"));
    let sql = "SELECT rank, COUNT(*) AS people FROM salaries GROUP BY rank";
    let table = "salaries=north/salaries@1,lake/salaries@1,south/salaries@1";
    let words = ["query", sql, "--purpose", "pay equity", "--table", table];
    assert!(alliance.refused("north", &words).contains("withdrawn by its owner"));
    let (proof, founding) = (alliance.path("later.proof"), alliance.path("alliance.json"));
    alliance.text("north", &["proof", "export", run, "--out", &proof]);
    assert!(alliance.plain(&["verify", &proof, "--alliance", &founding]).contains("the proof holds"));
    assert!(alliance.text("north", &["run", "result", run]).contains("266"));
}

/// Drafted from flags; one party signs without its node.
fn agree(alliance: &Alliance) -> String {
    let file = alliance.path("contract.json");
    let draft = |sql: &str, out: &str| {
        let table = "salaries=north/salaries@1,lake/salaries@1,south/salaries@1";
        alliance.text(
            "north",
            &[
                "contract",
                "draft",
                "--title",
                "What professors earn",
                "--purpose",
                "pay equity",
                "--sql",
                sql,
                "--table",
                table,
                "--compute-parties",
                "north,lake,south",
                "--data-users",
                "north",
                "--receivers",
                "north",
                "--fee",
                "10",
                "--runs",
                "2",
                "--provider-parts",
                "7000",
                "--expires-in",
                "7d",
                "--out",
                out,
            ],
        )
    };
    let breaks =
        draft("SELECT COUNT(*) AS n FROM salaries WHERE years_service > 3", &alliance.path("bad.json"));
    assert!(breaks.contains("it breaks terms"), "{breaks}");
    let drafted =
        draft("SELECT rank, COUNT(*) AS people, AVG(salary) AS mean FROM salaries GROUP BY rank", &file);
    assert!(drafted.contains("every dataset's terms permit it"), "{drafted}");

    let id = alliance.json("north", &["contract", "propose", &file])["contract"].as_str().unwrap().to_owned();
    let audit = alliance.text("lake", &["contract", "audit", &id]);
    for part in ["AUDIT REPORT", "For this member, lake", "the report that the contract names", "points"] {
        assert!(audit.contains(part), "{part}: {audit}");
    }
    assert!(alliance.refused("lake", &["contract", "audit", &id, "--sign"]).contains("is not auditor"));
    for name in ["north", "lake"] {
        let check = alliance.until(name, &["contract", "check", &id], |_| true);
        assert_eq!(check["permitted"], true);
        alliance.text(name, &["contract", "sign", &id]);
    }
    assert!(alliance.refused("north", &["run", "start", &id]).contains("is proposed"));
    let signature =
        alliance.plain(&["contract", "sign", "--offline", "--dir", &alliance.path("south"), &file]);
    let signature = alliance.write("signature.json", &signature);
    alliance.text("lake", &["contract", "signature", &id, &signature]);
    alliance.until("north", &["contract", "show", &id], |view| view["state"] == "active");
    let program = alliance.json("south", &["program", "show", &id])["program"].as_str().unwrap().to_owned();
    let hash = alliance.plain(&["program", "hash", &alliance.write("program.txt", &program)]);
    let listing = alliance.path("program.txt");
    for scheme in ["rep3", "rep3_malicious"] {
        let words =
            ["--json", "program", "estimate", &listing, "--scheme", scheme, "--network", "20ms,1Gbit"];
        let cost: Value = serde_json::from_str(&alliance.plain(&words)).unwrap();
        let (rounds, seconds) =
            (cost["rounds"].as_f64().unwrap(), cost["seconds"]["20ms,1Gbit"].as_f64().unwrap());
        assert!(rounds > 10.0 && (0.02 * rounds..0.02 * rounds + 0.1).contains(&seconds), "{cost}");
    }
    let shown = alliance.text("south", &["contract", "show", &id]);
    assert!(shown.contains(hash.trim()), "the contract names the program's hash {hash}:\n{shown}");
    id
}

fn compute(alliance: &Alliance, id: &str) -> String {
    assert!(
        alliance.refused("north", &["run", "start", id, "--purpose", "curiosity"]).contains("`curiosity`")
    );
    let states = alliance.text("north", &["run", "start", id, "--watch"]);
    assert!(states.trim_end().ends_with("completed"), "{states}");
    let run = alliance.json("north", &["run", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    let result = alliance.text("north", &["run", "result", &run]);
    assert!(result.contains("people") && result.contains("266"), "{result}");
    alliance.until("lake", &["run", "show", &run], |view| view["state"] == "completed");
    assert!(alliance.refused("lake", &["run", "result", &run]).contains("not named as a receiver"));
    assert!(alliance.text("lake", &["run", "egress", &run]).contains("input-shares"));
    assert!(alliance.text("north", &["run", "show", &run]).contains("paid"));
    let points = alliance.json("north", &["points"]);
    let total: u64 =
        points["balances"].as_object().unwrap().values().map(|points| points.as_u64().unwrap()).sum();
    assert_eq!(total, 100);
    run
}

fn prove(alliance: &Alliance, run: &str) {
    let (proof, founding) = (alliance.path("run.proof"), alliance.path("alliance.json"));
    alliance.text("north", &["proof", "export", run, "--out", &proof]);
    let report = alliance.plain(&["verify", &proof, "--alliance", &founding]);
    assert!(report.contains("What professors earn") && report.contains("the proof holds"), "{report}");
    let entries = alliance.text("lake", &["ledger", "entries", "--limit", "1000"]);
    assert!(entries.lines().count() > 15, "{entries}");
    assert!(alliance.text("lake", &["ledger", "checkpoint"]).starts_with("treaty/"));
    assert!(alliance.text("north", &["node", "status"]).contains("orders the ledger"));
}

fn amend_and_revoke(alliance: &Alliance, id: &str) {
    let amended = alliance.path("amended.json");
    let draft = alliance.write(
        "draft.toml",
        r#"
title = "What professors earn, oftener"
purpose = "pay equity"
sql = "SELECT rank, COUNT(*) AS people FROM salaries GROUP BY rank"
compute_parties = ["north", "lake", "south"]
data_users = ["north"]
receivers = ["north"]
runs = 2
expires_in = "30d"
[tables]
salaries = ["north/salaries@1", "lake/salaries@1", "south/salaries@1"]
[settlement]
payer = "north"
fee = 1
providers = 7000
compute_parties = 3000
"#,
    );
    alliance.text("north", &["contract", "amend", id, &draft, "--runs", "20", "--out", &amended]);
    let new =
        alliance.json("north", &["contract", "propose", &amended])["contract"].as_str().unwrap().to_owned();
    for name in MEMBERS {
        alliance.until(name, &["contract", "check", &new], |check| check["permitted"] == true);
        alliance.text(name, &["contract", "sign", &new]);
    }
    alliance.until("north", &["contract", "show", id], |view| view["state"] == "superseded");
    let view = alliance.until("lake", &["contract", "show", &new], |view| view["state"] == "active");
    assert_eq!(view["contract"]["limits"]["runs"], 20);
    alliance.text("lake", &["contract", "revoke", &new, "--reason", "the study is over"]);
    assert!(alliance.refused("north", &["run", "start", &new]).contains("is revoked"));
    assert!(alliance.text("north", &["contract", "list"]).contains("superseded"));
}

/// A person who may only read.
fn scopes_are_held_to(alliance: &Alliance) {
    let profile = alliance.path("auditor.json");
    let home = alliance.path("north");
    alliance
        .plain(&["person", "add", "--dir", &home, "--name", "auditor", "--scope", "read", "--out", &profile]);
    alliance.plain(&["--profile", &profile, "contract", "list"]);
    let output =
        treaty().args(["--profile", &profile, "contract", "revoke", "x", "--reason", "y"]).output().unwrap();
    assert!(both(&output).contains("needs the scope `contract`"), "{}", both(&output));
}
