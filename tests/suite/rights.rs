//! Who owns, who may read, who may sign: claims, publications, regulators and persons, by commands on real nodes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::alliance::{Alliance, data};
use crate::support::{both, treaty};

const TERMS: &str = r#"
purposes = ["pay equity"]
floor_rows = 10
runs_max = 20
[columns]
rank = ["group", "filter"]
salary = ["aggregate"]
"#;

#[test]
fn rights_are_claimed_published_given_and_taken_by_commands_alone() {
    let mut alliance = Alliance::founded();
    publish(&alliance);
    own(&alliance);
    look_for(&alliance);
    sign_alone(&alliance);
    regulate(&mut alliance);
}

fn publish(alliance: &Alliance) {
    let terms = alliance.write("terms.toml", TERMS);
    let import = ["data", "import", &data("lake"), "--name", "salaries", "--description", "what is paid"];
    alliance.text("lake", &[&import[..], &["--column", r#"salary = { unit = "USD" }"#]].concat());
    alliance.text("lake", &["data", "publish", "salaries", "--terms", &terms]);
    alliance.until("south", &["catalog", "search", "paid"], |page| page["items"][0].is_object());
}

/// A claim is disputed, upheld by the arbiter, and what is established changes hands.
fn own(alliance: &Alliance) {
    let path = "lake/salaries";
    let foreign = alliance.refused("south", &["data", "claim", path, "--statement", "ours"]);
    assert!(foreign.contains("belongs to `lake`") && foreign.contains("treaty catalog search"), "{foreign}");
    let deed = "d".repeat(64);
    let words = ["data", "claim", path, "--statement", "collected by our office", "--evidence", &deed];
    let claim = alliance.json("lake", &words);
    let claim = claim["id"].as_str().unwrap();
    let again = alliance.refused("lake", &words);
    assert!(again.contains("claimed already") && again.contains("treaty data claims"), "{again}");
    let early = alliance.refused("lake", &["data", "offer", path, "--to", "south"]);
    assert!(early.contains("not established"), "{early}");

    alliance.until("south", &["data", "claims"], |page| page.to_string().contains(claim));
    let words = ["dispute", "challenge", "claim", claim, "--reason", "we collected half of it"];
    let dispute = alliance.json("south", &words);
    let dispute = dispute["id"].as_str().unwrap();
    alliance.until("north", &["dispute", "list"], |page| page.to_string().contains(dispute));
    alliance.text("north", &["dispute", "decide", dispute, "--dismiss"]);
    let holds = |page: &Value| page["items"][0]["record"]["standing"] == "established";
    alliance.until("lake", &["data", "claims"], holds);

    let unasked = alliance.refused("south", &["data", "accept", path]);
    assert!(unasked.contains("was not offered"), "{unasked}");
    alliance.text("lake", &["data", "offer", path, "--to", "south"]);
    alliance
        .until("south", &["ledger", "find", "--kind", "offer-dataset"], |page| page["items"][0].is_object());
    alliance.text("south", &["data", "accept", path]);
    let owned = |page: &Value| page["items"].as_array().is_some_and(|items| items.len() == 1);
    alliance.until("lake", &["catalog", "search", "--owner", "south"], owned);
    assert!(alliance.refused("lake", &["data", "withdraw", "salaries"]).contains("belongs to `south`"));
    let next = |name: &'static str| ["data", "import", "--name", name];
    let late = alliance.refused("lake", &[&next("salaries")[..], &[&data("lake")]].concat());
    assert!(late.contains("belongs to `south`"), "{late}");
    let stranger = alliance.refused("north", &[&next("lake/wages")[..], &[&data("lake")]].concat());
    assert!(stranger.contains("no dataset that this member has taken over"), "{stranger}");
    let file = data("south");
    let declared = ["--description", "next year", "--column", r#"salary = { unit = "USD" }"#];
    let words = [&next(path)[..], &[&file], &declared].concat();
    let imported = alliance.json("south", &words);
    assert_eq!(imported["reference"], "lake/salaries@2");
    let terms = alliance.path("terms.toml");
    assert!(alliance.text("south", &["data", "publish", path, "--terms", &terms]).contains(path));
    let both = |page: &Value| page["items"].as_array().is_some_and(|items| items.len() == 2);
    alliance.until("north", &["catalog", "search", "--owner", "south"], both);
    // Only the first one is in the catalog from here on.
    alliance.text("south", &["data", "withdraw", path]);
    alliance.until("north", &["catalog", "search", "--owner", "south"], owned);
}

/// A request for data finds a dataset, until its new owner withdraws it; an algorithm and a template stand beside it.
fn look_for(alliance: &Alliance) {
    let wanted = ["catalog", "publish", "wanted", "pay", "--description", "pay of professors"];
    let more = ["--column", "salary=integer:USD", "--column", "rank", "--purpose", "pay equity"];
    alliance.text("north", &[&wanted[..], &more, &["--rows-min", "100"]].concat());
    let second = alliance.json("north", &[&wanted[..], &more, &["--rows-min", "100000"]].concat());
    assert!(second.to_string().contains("north/pay@2"), "{second}");
    let matches = |reference: &str| {
        let page = alliance.json("north", &["catalog", "matches", reference]);
        page["items"].as_array().unwrap().iter().map(|item| item["reference"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(matches("north/pay@1"), ["lake/salaries@1"]);
    assert_eq!(matches("north/pay@2"), [""; 0]);
    let unknown = alliance.refused("north", &["catalog", "matches", "north/wages@1"]);
    assert!(unknown.contains("treaty catalog publications"), "{unknown}");

    let draft = alliance.write("draft.toml", "title = \"Pay by rank\"\n");
    let template = ["catalog", "publish", "template", "by-rank", "--description", "pay by rank"];
    alliance.text("lake", &[&template[..], &["--file", &draft]].concat());
    let listed = |page: &Value| page["items"].as_array().is_some_and(|items| items.len() == 3);
    alliance.until("south", &["catalog", "publications"], listed);
    let foreign = alliance.refused("south", &["catalog", "withdraw", "north/pay@1"]);
    assert!(foreign.contains("is published by `north`"), "{foreign}");
    alliance.text("north", &["catalog", "withdraw", "north/pay@1"]);
    assert!(
        alliance.refused("north", &["catalog", "matches", "north/pay@1"]).contains("no request for data")
    );

    alliance.text("south", &["data", "withdraw", "lake/salaries", "--version", "1"]);
    let gone = |page: &Value| page["items"].as_array().is_some_and(Vec::is_empty);
    alliance.until("north", &["catalog", "search", "paid"], gone);
}

/// A person signs with an own key what the member delegated, and nothing else; the revocation holds at once.
fn sign_alone(alliance: &Alliance) {
    let (home, profile) = (alliance.path("north"), alliance.path("ada.json"));
    alliance.plain(&["person", "add", "--dir", &home, "--name", "ada", "--out", &profile]);
    let ada =
        |words: &[&str]| treaty().args(["--own-key", "--profile", &profile]).args(words).output().unwrap();
    let give = ["points", "give", "lake", "2", "--note", "by ada herself"];
    let early = both(&ada(&give));
    assert!(early.contains("has not delegated anything") && early.contains("treaty person list"), "{early}");

    alliance.text("north", &["person", "delegate", &profile, "--scope", "points", "--days", "1"]);
    let given = ada(&give);
    assert!(given.status.success(), "{}", both(&given));
    let found = alliance.json("north", &["ledger", "find", "--kind", "transfer-points", "--by", "north"]);
    let transaction = &found["items"][0]["entry"]["content"]["transaction"]["transaction"];
    assert_eq!(transaction["signer"], transaction["person"]);
    let outside = both(&ada(&["catalog", "withdraw", "north/pay@2"]));
    assert!(outside.contains("needs the scope `data`"), "{outside}");

    let eve = alliance.path("eve.json");
    let words =
        ["person", "add", "--dir", &home, "--name", "eve", "--scope", "govern", "--days", "2", "--out", &eve];
    alliance.plain(&words);
    let more =
        treaty().args(["--profile", &eve, "person", "delegate", &eve, "--scope", "data"]).output().unwrap();
    let said = both(&more);
    assert!(said.contains("needs the scope `data`"), "nobody hands on more than they have: {said}");

    let longer = ["--profile", &eve, "person", "delegate", &eve, "--scope", "vote", "--days", "100"];
    let longer = treaty().args(longer).output().unwrap();
    assert!(longer.status.success(), "{}", both(&longer));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let listed = alliance.json("north", &["person", "list"]);
    let ends = listed["items"].as_array().unwrap().iter().map(|item| &item["record"]["delegation"]);
    let ends = ends.filter(|given| given["name"] == "eve").map(|given| given["expires"].as_u64().unwrap());
    let in_days = |days: u64| now + days * 86_400;
    assert!(ends.clone().count() == 1, "{listed}");
    assert!(ends.clone().all(|end| end > in_days(1) && end <= in_days(2)), "nor for longer: {listed}");
    alliance.text("north", &["person", "revoke", &eve]);

    alliance.text("north", &["person", "revoke", &profile]);
    let revoked = |page: &Value| {
        page["items"].as_array().unwrap().iter().all(|item| item["record"]["revoked"].is_u64())
    };
    alliance.until("lake", &["person", "list"], revoked);
    assert!(both(&ada(&give)).contains("was revoked"));
}

/// A regulator is admitted, may read where it is allowed to, and stops no contract without the members' vote.
fn regulate(alliance: &mut Alliance) {
    let founding = alliance.path("alliance.json");
    alliance.init("watchdog", &["--regulator", "--join", &founding]);
    alliance.run("watchdog");
    let card = alliance.path("watchdog/card.json");
    let proposal = alliance.json("north", &["alliance", "propose", "admit", &card]);
    let id = proposal["id"].as_str().unwrap();
    for member in ["north", "lake"] {
        alliance.until(member, &["alliance", "proposals"], |page| page.to_string().contains(id));
        alliance.text(member, &["alliance", "vote", id]);
    }
    alliance.until("watchdog", &["node", "status"], |status| status["standing"] == "regulator");
    alliance.until("lake", &["node", "status"], |status| status.to_string().contains("watchdog"));

    let lawless = alliance.refused("lake", &["regulator", "allow", "watchdog"]);
    assert!(lawless.contains("is not a regulator") || lawless.contains("jurisdiction"), "{lawless}");
    let place = ["--operated-by", "itself", "--hosted-by", "own rooms", "--region", "Konstanz"];
    for name in ["watchdog", "lake"] {
        alliance.text(name, &[&["member", "renew-card", "--jurisdiction", "DE"][..], &place].concat());
    }
    let placed = |page: &Value| page.to_string().matches("Konstanz").count() == 2;
    alliance.until("lake", &["alliance", "members"], placed);
    alliance.text("lake", &["regulator", "allow", "watchdog"]);
    let read = |page: &Value| page["items"][0]["record"]["member"] == "lake";
    alliance.until("watchdog", &["regulator", "readings"], read);
    assert!(alliance.refused("lake", &["regulator", "allow", "watchdog"]).contains("is so already"));
    read_at(alliance, "lake");

    let stop = ["regulator", "stop", &"0".repeat(64), "--reason", "consent was withdrawn"];
    let nothing = alliance.refused("watchdog", &stop);
    assert!(nothing.contains("treaty contract list"), "{nothing}");
}

/// A person of the regulator reads at the member's node what the member may read, with proofs, until it may no longer.
fn read_at(alliance: &Alliance, member: &str) {
    let own = alliance.path("watchdog/profile.json");
    let profile = alliance.path("reading.json");
    alliance.text("watchdog", &["regulator", "profile", member, "--out", &profile]);
    let ask = |words: &[&str]| treaty().args(["--profile", &profile]).args(words).output().unwrap();
    let find = ["ledger", "find", "--kind", "claim-dataset", "--proof"];
    let early = both(&ask(&find));
    assert!(early.contains("is no person of this member"), "{early}");
    alliance.text("watchdog", &["person", "delegate", &own, "--scope", "read", "--days", "1"]);
    let delegated = |page: &Value| page.to_string().contains("\"read\"");
    alliance.until(member, &["person", "list"], delegated);
    let read = ask(&find);
    assert!(read.status.success() && both(&read).contains("all of them are in the log"), "{}", both(&read));
    assert!(ask(&["data", "list"]).status.success());
    let act = both(&ask(&["points", "give", "north", "1", "--note", "not mine"]));
    assert!(act.contains("needs the scope `govern`"), "{act}");
    // At another member's node it is nobody.
    let other = alliance.path("other.json");
    alliance.text("watchdog", &["regulator", "profile", "south", "--out", &other]);
    let stranger = treaty().args(["--profile", &other, "data", "list"]).output().unwrap();
    assert!(both(&stranger).contains("is no person of this member"));

    alliance.text(member, &["regulator", "disallow", "watchdog"]);
    let late = both(&ask(&find));
    assert!(late.contains("is no person of this member"), "{late}");
}
