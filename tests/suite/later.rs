//! Members that come later and go, on real nodes: the ledger says whose node is heard, not the founding document.

use serde_json::Value;

use crate::alliance::{Alliance, data};

const TERMS: &str = r#"
purposes = ["pay equity"]
floor_rows = 10
runs_max = 20
[columns]
rank = ["group"]
salary = ["aggregate"]
"#;

const COLUMNS: &str = r#"
rank = { nullable = false, values = ["AsstProf", "AssocProf", "Prof"] }
salary = { nullable = false, unit = "USD", range = { min = "0", max = "500000" } }
"#;

#[test]
fn a_vote_admits_a_member_whose_node_then_computes_and_another_puts_it_out() {
    let mut alliance = Alliance::founded();
    alliance.text("north", &["points", "give", "lake", "20", "--note", "before anybody joined"]);
    admit(&mut alliance);
    compute(&alliance);
    restart(&mut alliance);
    expel(&alliance);
}

/// The node starts before the vote and is refused; the vote lets it in, and it replays everything.
fn admit(alliance: &mut Alliance) {
    let founding = alliance.path("alliance.json");
    alliance.init("west", &["--join", &founding]);
    alliance.run("west");
    let early = alliance.refused("west", &["points", "give", "lake", "1", "--note", "too early"]);
    assert!(early.contains("refuses this node's certificate"), "{early}");

    let card = alliance.path("west/card.json");
    pass(alliance, &["admit", &card]);
    let status = alliance.until("west", &["node", "status"], |status| status["standing"] == "member");
    assert_eq!(status["members"].as_array().unwrap().len(), 4);
    let same = |status: &Value| status["final_entries"] == status["entries"];
    let west = alliance.until("west", &["node", "status"], same);
    let north = alliance.until("north", &["node", "status"], |status| status["entries"] == west["entries"]);
    assert_eq!(west["root"], north["root"]);

    alliance.text("lake", &["points", "give", "west", "5", "--note", "to begin with"]);
    let member = west["member"].as_str().unwrap();
    // Of four, three are needed; so that west's word is, south says nothing.
    alliance.kill("south");
    alliance.text("west", &["points", "give", "lake", "1", "--note", "back"]);
    let cosigned = alliance.text("north", &["ledger", "checkpoint"]);
    assert!(cosigned.contains(member), "{cosigned}");
    alliance.run("south");
}

/// It provides data and computes under a contract.
fn compute(alliance: &Alliance) {
    let (terms, columns) = (alliance.write("terms.toml", TERMS), alliance.write("columns.toml", COLUMNS));
    for (name, file) in [("north", "north"), ("lake", "lake"), ("west", "south")] {
        let (file, words) = (data(file), ["--name", "salaries", "--description", "what is paid"]);
        alliance.text(name, &[&["data", "import", &file, "--columns", &columns][..], &words].concat());
        alliance.text(name, &["data", "publish", "salaries", "--terms", &terms]);
    }
    let all = |page: &Value| page["items"].as_array().unwrap().len() == 3;
    for name in ["north", "lake", "west"] {
        alliance.until(name, &["catalog", "search", "paid"], all);
    }
    let sql = "SELECT rank, COUNT(*) AS people, AVG(salary) AS mean FROM salaries GROUP BY rank";
    let answer = std::thread::scope(|scope| {
        let words = ["query", sql, "--purpose", "pay equity", "--format", "csv"];
        let asking = scope.spawn(move || alliance.text("north", &words));
        for name in ["lake", "west"] {
            let proposed = |page: &Value| page["items"][0]["state"] == "proposed";
            let page = alliance.until(name, &["contract", "list"], proposed);
            alliance.text(name, &["contract", "sign", page["items"][0]["id"].as_str().unwrap()]);
        }
        asking.join().unwrap()
    });
    assert!(answer.contains("Prof,266,126772"), "{answer}");
    let run = alliance.json("north", &["run", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(alliance.text("west", &["run", "egress", &run]).contains("input-shares"));
    let (proof, founding) = (alliance.path("run.proof"), alliance.path("alliance.json"));
    alliance.text("west", &["proof", "export", &run, "--out", &proof]);
    let report = alliance.plain(&["verify", &proof, "--alliance", &founding]);
    assert!(report.contains("the proof holds") && report.contains("west"), "{report}");
}

/// Who is heard comes from the ledger after a restart too; a follower learns of entries from others than the operator.
fn restart(alliance: &mut Alliance) {
    alliance.kill("west");
    alliance.text("lake", &["points", "give", "north", "1", "--note", "while one is away"]);
    let size = alliance.json("lake", &["node", "status"])["entries"].clone();
    alliance.until("lake", &["node", "status"], |status| status["final_entries"] == size);
    alliance.kill("north");
    alliance.run("west");
    alliance.until("west", &["node", "status"], |status| status["final_entries"] == size);
    alliance.run("north");
    alliance.text("west", &["points", "give", "north", "1", "--note", "all are back"]);
}

fn expel(alliance: &Alliance) {
    pass(alliance, &["expel", "west"]);
    let gone = |status: &Value| status["members"].as_array().unwrap().len() == 3;
    for name in ["north", "lake", "south"] {
        alliance.until(name, &["node", "status"], gone);
    }
    let late = alliance.refused("west", &["points", "give", "lake", "1", "--note", "too late"]);
    assert!(
        late.contains("no longer registered") || late.contains("refuses this node's certificate"),
        "{late}"
    );
    let again = alliance.refused("west", &["points", "give", "lake", "1", "--note", "still too late"]);
    assert!(
        again.contains("no longer registered") || again.contains("refuses this node's certificate"),
        "{again}"
    );
    alliance.text("north", &["points", "give", "lake", "1", "--note", "the others go on"]);
}

/// Lake proposes, and votes come in until it is decided.
fn pass(alliance: &Alliance, what: &[&str]) {
    let proposal = alliance.json("lake", &[&["alliance", "propose"], what].concat());
    let id = proposal["id"].as_str().unwrap();
    for member in ["lake", "south", "north"] {
        let page = alliance.until(member, &["alliance", "proposals"], |page| page.to_string().contains(id));
        let items = page["items"].as_array().unwrap();
        let open = items.iter().any(|item| item["id"] == *id && item["record"]["verdict"].is_null());
        if open {
            alliance.text(member, &["alliance", "vote", id]);
        }
    }
}
