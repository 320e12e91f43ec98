//! An alliance of real nodes, which members use by commands.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use loopback::free_address;
use serde_json::Value;

use crate::support::{both, treaty};

pub(crate) const MEMBERS: [&str; 3] = ["north", "lake", "south"];

/// Members' nodes; they end with the test, because it holds their standard input.
pub(crate) struct Alliance {
    room: tempfile::TempDir,
    nodes: BTreeMap<String, Child>,
}

impl Alliance {
    /// `init`, `found`, `join`, `run`, for three members.
    pub(crate) fn founded() -> Self {
        let mut alliance = Self { room: tempfile::tempdir().unwrap(), nodes: BTreeMap::new() };
        for name in MEMBERS {
            alliance.init(name, &[]);
        }
        let cards = MEMBERS.map(|name| alliance.path(&format!("{name}/card.json")));
        let founding = alliance.path("alliance.json");
        let words =
            ["alliance", "found", "--name", "faculties", "--operator", "north", "--points", "north=100"];
        let mut found = [&words[..], &["--out", &founding]].concat();
        found.extend(cards.iter().map(String::as_str));
        alliance.plain(&found);
        for name in MEMBERS {
            alliance.plain(&["alliance", "join", "--dir", &alliance.path(name), &founding]);
            alliance.run(name);
        }
        alliance
    }

    /// The same for any members, who order together: needs `cometbft`.
    pub(crate) fn founded_by_all(members: &[&str]) -> Self {
        let mut alliance = Self { room: tempfile::tempdir().unwrap(), nodes: BTreeMap::new() };
        for name in members {
            alliance.init(name, &["--bft", &address()]);
        }
        let cards: Vec<_> = members.iter().map(|name| alliance.path(&format!("{name}/card.json"))).collect();
        let founding = alliance.path("alliance.json");
        let points: Vec<_> = members.iter().map(|name| format!("{name}=100")).collect();
        let mut found = vec!["alliance", "found", "--name", "faculties", "--bft", "--out", &founding];
        found.extend(points.iter().flat_map(|points| ["--points", points]));
        found.extend(cards.iter().map(String::as_str));
        alliance.plain(&found);
        for name in members {
            alliance.plain(&["alliance", "join", "--dir", &alliance.path(name), &founding]);
            alliance.run(name);
        }
        alliance
    }

    /// Makes a member's node, at addresses that were free a moment ago.
    pub(crate) fn init(&self, name: &str, more: &[&str]) {
        let [peer, api] = [address(), address()];
        let dir = self.path(name);
        let words = ["node", "init", "--name", name, "--dir", &dir, "--peer", &peer, "--api", &api];
        self.plain(&[&words[..], more].concat());
    }

    /// Starts a member's node and waits until it serves.
    pub(crate) fn run(&mut self, name: &str) {
        let mut node = treaty()
            .args(["node", "run", "--stop-with-parent", "--log", "json", "--dir", &self.path(name)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(
                fs::File::options()
                    .create(true)
                    .append(true)
                    .open(self.path(&format!("{name}.log")))
                    .unwrap(),
            )
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready peer=127.0.0.1:"), "{line}");
        self.nodes.insert(name.to_owned(), node);
    }

    /// Ends a member's node at once, as a power failure would.
    pub(crate) fn kill(&mut self, name: &str) {
        let mut node = self.nodes.remove(name).unwrap();
        node.kill().unwrap();
        node.wait().unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.room.path().join(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.room.path().join(name), text).unwrap();
        self.path(name)
    }

    /// A command without a node; answers with what it prints for people.
    pub(crate) fn plain(&self, words: &[&str]) -> String {
        let output = treaty().args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", both(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command of a member's first person; answers with what it prints for people.
    pub(crate) fn text(&self, member: &str, words: &[&str]) -> String {
        let profile = self.path(&format!("{member}/profile.json"));
        self.plain(&[&["--profile", &profile], words].concat())
    }

    /// The same, for programs.
    pub(crate) fn json(&self, member: &str, words: &[&str]) -> Value {
        serde_json::from_str(&self.text(member, &[&["--json"], words].concat())).unwrap()
    }

    /// The same, which must be refused; answers with what it says.
    pub(crate) fn refused(&self, member: &str, words: &[&str]) -> String {
        let profile = self.path(&format!("{member}/profile.json"));
        let output = treaty().args(["--profile", &profile]).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", both(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Repeats a question until its answer is right: other nodes learn of an entry a moment later.
    pub(crate) fn until(&self, member: &str, words: &[&str], is_right: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline {
            let profile = self.path(&format!("{member}/profile.json"));
            let output = treaty().args(["--json", "--profile", &profile]).args(words).output().unwrap();
            if let Ok(answer) = serde_json::from_slice(&output.stdout)
                && is_right(&answer)
            {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{member}: {words:?} never got the right answer");
    }
}

impl Drop for Alliance {
    fn drop(&mut self) {
        for node in self.nodes.values_mut() {
            drop(node.stdin.take());
            node.wait().ok();
        }
    }
}

pub(crate) fn data(name: &str) -> String {
    let file: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/salaries").join(format!("{name}.csv"));
    file.display().to_string()
}

fn address() -> String {
    free_address().unwrap().to_string()
}
