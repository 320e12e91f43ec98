//! A node that is started where one runs, or where one was just killed.

use std::fs;
use std::path::Path;

use crate::alliance::Alliance;
use crate::support::{both, treaty};

#[test]
fn a_second_node_in_a_directory_is_refused_and_touches_nothing() {
    let mut alliance = Alliance::founded();
    let (home, upload) = (alliance.path("lake"), alliance.path("lake/uploads/under-way"));
    fs::write(&upload, "name,salary\n").unwrap();
    let second = treaty().args(["node", "run", "--dir", &home]).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", both(&second));
    assert!(both(&second).contains("stop the node that runs in this directory first"), "{}", both(&second));
    assert!(Path::new(&upload).exists(), "what is being uploaded to the first one stays");
    alliance.text("lake", &["node", "status"]);

    alliance.kill("lake");
    alliance.run("lake");
    assert!(!Path::new(&upload).exists(), "what a killed node left is gone");
}
