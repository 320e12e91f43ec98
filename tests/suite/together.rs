//! What members decide together and ask of each other, by commands on real nodes.

use serde_json::Value;

use crate::alliance::{Alliance, data};

const TERMS: &str = r#"
purposes = ["pay equity"]
floor_rows = 10
runs_max = 20
[columns]
rank = ["group", "filter"]
salary = ["aggregate"]
[access]
price = 7
review = true
"#;

#[test]
fn members_vote_pay_and_grant_access_by_commands_alone() {
    let alliance = Alliance::founded();
    vote(&alliance);
    pay(&alliance);
    access(&alliance);
}

/// A number changes once nobody's vote can stop it, for all members alike.
fn vote(alliance: &Alliance) {
    let proposal = alliance.json("lake", &["alliance", "propose", "set", "fee-min", "5"]);
    let id = proposal["id"].as_str().unwrap();
    for member in ["lake", "south"] {
        alliance.until(member, &["alliance", "proposals"], |page| page.to_string().contains(id));
        alliance.text(member, &["alliance", "vote", id]);
    }
    for member in ["north", "lake", "south"] {
        alliance.until(member, &["alliance", "parameters"], |numbers| {
            numbers.to_string().contains(r#""fee-min":5"#) || numbers["fee-min"] == 5
        });
    }
    let late = alliance.refused("north", &["alliance", "vote", id, "--no"]);
    assert!(late.contains("decided"), "{late}");
    let unknown = alliance.refused("north", &["alliance", "vote", &"0".repeat(64)]);
    assert!(unknown.contains("proposal"), "{unknown}");
}

fn pay(alliance: &Alliance) {
    alliance.text("north", &["points", "give", "lake", "20", "--note", "for the survey"]);
    let too_much =
        alliance.refused("south", &["points", "give", "lake", "1", "--note", "more than there is"]);
    assert!(too_much.contains("points"), "{too_much}");
}

/// A dataset that needs a token: asked for and paid, granted, narrowed, taken back.
fn access(alliance: &Alliance) {
    let terms = alliance.write("priced.toml", TERMS);
    let import = ["data", "import", &data("lake"), "--name", "salaries", "--description", "what is paid"];
    alliance.text("lake", &import);
    alliance.text("lake", &["data", "publish", "salaries", "--terms", &terms]);
    alliance
        .until("north", &["catalog", "search", "paid"], |page| page.to_string().contains("lake/salaries@1"));

    let hits = |words: &[&str]| {
        let page = alliance.json("north", &[&["catalog", "search"], words].concat());
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(hits(&["sal", "--owner", "lake", "--column", "salary", "--type", "integer"]), 1);
    assert_eq!(hits(&["--price-max", "7"]), 1);
    for nothing in [&["--price-max", "6"][..], &["--permitted"], &["--owner", "south"], &["--column", "wage"]]
    {
        assert_eq!(hits(nothing), 0, "{nothing:?}");
    }

    let rights = ["--column", "salary=aggregate", "--column", "rank=group", "--for", "30d"];
    let words = ["access", "request", "lake/salaries@1", "--purpose", "pay equity"];
    let asked = alliance.json("north", &[&words[..], &rights].concat());
    let request = asked["id"].as_str().unwrap();
    alliance.until("lake", &["access", "requests"], |page| page.to_string().contains(request));
    let stranger = alliance.refused("south", &["access", "approve", request]);
    assert!(stranger.contains("own"), "{stranger}");
    alliance.text("lake", &["access", "approve", request]);

    let standing = |page: &Value| page["items"].as_array().is_some_and(|items| items.len() == 1);
    let tokens = alliance.until("north", &["access", "tokens"], standing);
    let token = tokens["items"][0]["id"].as_str().unwrap();
    let wider = ["access", "attenuate", token, "--column", "rank=filter"];
    let refused = alliance.refused("north", &wider);
    assert!(refused.contains("token"), "{refused}");
    let narrower = ["access", "attenuate", token, "--column", "salary=aggregate", "--for", "1d"];
    let narrowed = alliance.json("north", &narrower);
    let narrowed = narrowed["id"].as_str().unwrap();
    alliance.until("lake", &["access", "tokens"], |page| page.to_string().contains(narrowed));
    find(alliance, request);
    alliance.text("lake", &["access", "revoke", token, "--reason", "asked for by mistake"]);
    alliance.until("north", &["access", "tokens"], |page| page.to_string().contains("asked for by mistake"));
}

/// Entries by what they are about, with audit paths that the command checks.
fn find(alliance: &Alliance, request: &str) {
    let found = |words: &[&str]| {
        let page = alliance.json("south", &[&["ledger", "find"], words].concat());
        page["items"].as_array().unwrap().len()
    };
    alliance
        .until("south", &["ledger", "find", "--kind", "token-issued"], |page| page["items"][0].is_object());
    assert_eq!(found(&["--id", request]), 2, "asked for and approved");
    assert_eq!(found(&["--id", request, "--by", "lake"]), 1);
    assert_eq!(found(&["--dataset", "lake/salaries@1", "--kind", "publish-dataset", "--proof"]), 1);
    assert_eq!(found(&["--kind", "vote", "--by", "south"]), 1);
    assert_eq!(found(&["--kind", "vote", "--until", "1000"]), 0);
    let text = alliance.text("south", &["ledger", "find", "--proof", "--limit", "2"]);
    assert!(text.contains("all of them are in the log") && text.contains("--after 1"), "{text}");
    assert_eq!(found(&["--after", "1", "--limit", "1", "--proof"]), 1);
    assert!(alliance.refused("south", &["ledger", "find", "--by", "nobody"]).contains("no member is called"));
}
