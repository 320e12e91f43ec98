//! A member joins an alliance whose members order together and have many blocks: its node takes over the log as a whole.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::alliance::Alliance;

const MEMBERS: [&str; 4] = ["north", "lake", "south", "west"];
/// Each waits for its block: more than the hundred blocks from which on it is worth it.
const GIFTS: usize = 110;

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn a_fifth_member_takes_over_the_log_and_may_be_killed_meanwhile() {
    let mut alliance = Alliance::founded_by_all(&MEMBERS);
    for number in 0..GIFTS {
        give(&alliance, MEMBERS[number % 4], MEMBERS[(number + 1) % 4]);
    }
    let (founding, address) = (alliance.path("alliance.json"), loopback::free_address().unwrap());
    alliance.init("east", &["--bft", &address.to_string(), "--join", &founding]);
    let card = alliance.path("east/card.json");
    let proposal = alliance.json("north", &["alliance", "propose", "admit", &card]);
    let proposal = proposal["id"].as_str().unwrap();
    for member in &MEMBERS[..3] {
        alliance.until(member, &["alliance", "proposals"], |page| page.to_string().contains(proposal));
        alliance.text(member, &["alliance", "vote", proposal]);
    }
    give(&alliance, "north", "east");

    // CometBFT looks for snapshots for five seconds.
    for milliseconds in [500, 5_600, 6_300] {
        alliance.run("east");
        thread::sleep(Duration::from_millis(milliseconds));
        alliance.kill("east");
    }
    alliance.run("east");
    let first =
        alliance.until("north", &["node", "status"], |status| status["entries"] == status["final_entries"]);
    for _ in 0..5 {
        if alliance.json("east", &["node", "status"])["root"] == first["root"] {
            break;
        }
        thread::sleep(Duration::from_secs(3));
    }
    alliance.until("east", &["node", "status"], |status| status["root"] == first["root"]);
    let log = fs::read_to_string(alliance.path("east.log")).unwrap();
    assert!(log.contains("the log is taken over as a whole"), "{log}");
    assert!(!log.contains("blocks are taken one by one"), "{log}");
    assert!(!fs::exists(alliance.path("east/bft/state-sync-unfinished")).unwrap());

    // It takes part: four of five must vote, and it is one of the four.
    alliance.kill("west");
    give(&alliance, "east", "lake");
    alliance.until("east", &["node", "status"], |status| status["entries"] == status["final_entries"]);
}

fn give(alliance: &Alliance, from: &str, to: &str) {
    alliance.text(from, &["points", "give", to, "1", "--note", "still there"]);
}
