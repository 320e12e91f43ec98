//! Where a demonstration lives.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{DemoError, Options};

/// The directory of a demonstration: members, proofs, and the shipped scenarios when one of them is shown.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
    is_temporary: bool,
}

impl Place {
    /// Makes the directory: the one that was asked for, or a temporary one. Only its owner may enter it.
    pub(super) fn make(options: &Options) -> Result<Self, DemoError> {
        let (root, is_temporary) = match &options.directory {
            Some(directory) => (directory.clone(), false),
            None => (temporary(), !options.keep),
        };
        if fs::read_dir(&root).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(DemoError::Occupied(root));
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root)
            .map_err(DemoError::system(format!("make `{}`", root.display())))?;
        let root = root.canonicalize().map_err(DemoError::system(format!("find `{}`", root.display())))?;
        Ok(Self { root, is_temporary })
    }

    /// The whole of it.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A member's own directory.
    pub(super) fn member(&self, name: &str) -> PathBuf {
        self.root.join("members").join(name)
    }

    /// All logs.
    pub(super) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// A member's log.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// The founding document.
    pub(super) fn alliance(&self) -> PathBuf {
        self.root.join("alliance.json")
    }

    /// The proof of a contract's run.
    pub(super) fn proof(&self, contract: &str, number: usize) -> PathBuf {
        self.root.join(format!("{contract}-{number}.proof"))
    }

    /// Where shipped scenarios are written out.
    pub(super) fn scenarios(&self) -> PathBuf {
        self.root.join("scenarios")
    }

    /// Room for what is only needed for a moment.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.root.join("scratch").join(name)
    }

    /// Makes the directory of a file.
    pub(super) fn make_parent(path: &Path) -> Result<(), DemoError> {
        match path.parent() {
            Some(parent) => {
                fs::create_dir_all(parent).map_err(DemoError::system(format!("make `{}`", parent.display())))
            }
            None => Ok(()),
        }
    }

    /// Removes keys, data and scratch of a temporary place. What checks a proof stays: it is the outcome. After a
    /// failure the logs stay too.
    pub(super) fn clear(&self, has_failed: bool) {
        if !self.is_temporary {
            return;
        }
        if !has_failed {
            fs::remove_dir_all(self.logs()).ok();
        }
        for folder in ["members", "scenarios", "scratch"] {
            // What cannot be removed stays in the system's temporary directory.
            fs::remove_dir_all(self.root.join(folder)).ok();
        }
        // Succeeds only when nothing came out.
        fs::remove_dir(&self.root).ok();
    }
}

fn temporary() -> PathBuf {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.subsec_nanos());
    std::env::temp_dir().join(format!("treaty-demo-{}-{nanos}", std::process::id()))
}
