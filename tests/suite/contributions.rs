//! A fee that is split by what each provider contributed, measured by runs over fewer of them.

use serde_json::Value;

use crate::alliance::{Alliance, MEMBERS, data};

const TERMS: &str = r#"
purposes = ["pay equity"]
floor_rows = 30
runs_max = 20
[columns]
rank = ["group"]
"#;

const COLUMNS: &str = r#"rank = { nullable = false, values = ["AsstProf", "AssocProf", "Prof"] }"#;

const SQL: &str = "SELECT rank, COUNT(*) AS people FROM salaries GROUP BY rank";

#[test]
fn providers_are_paid_for_what_they_add_to_each_other() {
    let alliance = Alliance::founded();
    let (terms, columns) = (alliance.write("terms.toml", TERMS), alliance.write("columns.toml", COLUMNS));
    for name in ["lake", "south"] {
        let words = ["--name", "salaries", "--description", "what is paid", "--columns", &columns];
        alliance.text(name, &[&["data", "import", &data(name)][..], &words].concat());
        alliance.text(name, &["data", "publish", "salaries", "--terms", &terms]);
    }
    let all = |page: &Value| page["items"].as_array().unwrap().len() == 2;
    alliance.until("north", &["catalog", "search", "paid"], all);

    let whole = run(&alliance, "salaries=lake/salaries@1,south/salaries@1");
    let early = alliance.json("north", &["run", "show", &whole]);
    assert_eq!(early["settlement"], serde_json::json!({}), "nobody is paid before contributions are stated");
    let lake = run(&alliance, "salaries=lake/salaries@1");
    let words = ["run", "contributions", &whole, "--column", "people", "--coalition", &lake];
    let refused = usage(&alliance, "north", &words);
    assert!(refused.contains("the value of one coalition is missing: of `south`"), "{refused}");
    let south = run(&alliance, "salaries=south/salaries@1");
    let words = [&words[..], &["--coalition", &south]].concat();
    let twice = usage(&alliance, "north", &[&words[..], &["--coalition", &south]].concat());
    assert!(twice.contains("over the same data providers"), "{twice}");
    for member in MEMBERS {
        alliance.text(member, &words);
    }

    // What each reaches alone and both together, from the results that the runs opened.
    let value = |run: &str| {
        let result = alliance.json("north", &["run", "result", run]);
        result["rows"].as_array().unwrap().iter().map(|row| row[1].as_u64().unwrap()).sum::<u64>()
    };
    let [both, lake, south] = [&whole, &lake, &south].map(|run| value(run));
    assert!(both > lake + south, "a group is opened only together: {both}, {lake}, {south}");
    let share = |own: u64, other: u64| both + own - other;
    let paid = alliance.until("north", &["run", "show", &whole], |run| run["settlement"]["lake"].is_u64());
    let expected = 60.0 * share(lake, south) as f64 / (2 * both) as f64;
    let found = paid["settlement"]["lake"].as_u64().unwrap();
    assert!((found as f64 - expected).abs() < 1.0, "{found} of 60, expected {expected}");
    assert_eq!(found + paid["settlement"]["south"].as_u64().unwrap(), 60);
}

fn usage(alliance: &Alliance, member: &str, words: &[&str]) -> String {
    let profile = alliance.path(&format!("{member}/profile.json"));
    let output = crate::support::treaty().args(["--profile", &profile]).args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

/// Drafts, signs and runs the count over some datasets; all compute parties receive it. Answers with the run.
fn run(alliance: &Alliance, table: &str) -> String {
    let file = alliance.path("contract.json");
    std::fs::remove_file(&file).ok();
    let who = "north,lake,south";
    let words = ["contract", "draft", "--title", "People by rank", "--purpose", "pay equity", "--sql", SQL];
    let more = ["--table", table, "--compute-parties", who, "--data-users", "north", "--receivers", who];
    let fee = ["--fee", "60", "--provider-parts", "10000", "--split", "contribution", "--out", &file];
    // Only the whole is paid for.
    let fee = if table.contains(',') { &fee[..] } else { &["--split", "contribution", "--out", &file] };
    alliance.text("north", &[&words[..], &more, fee].concat());
    let id = alliance.json("north", &["contract", "propose", &file])["contract"].as_str().unwrap().to_owned();
    for name in MEMBERS {
        alliance.until(name, &["contract", "check", &id], |check| check["permitted"] == true);
        alliance.text(name, &["contract", "sign", &id]);
    }
    alliance.until("north", &["contract", "show", &id], |view| view["state"] == "active");
    alliance.text("north", &["run", "start", &id, "--watch"]);
    let listed = alliance.json("north", &["run", "list"]);
    let items = listed["items"].as_array().unwrap();
    let run = items.iter().find(|run| run["contract"] == *id).unwrap()["id"].as_str().unwrap().to_owned();
    for name in MEMBERS {
        alliance.until(name, &["run", "result", &run], |result| result["rows"].is_array());
    }
    run
}
