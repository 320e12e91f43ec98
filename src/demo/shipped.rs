//! The scenarios inside the binary, so that `treaty demo` works from anywhere.

use std::fs;
use std::path::{Path, PathBuf};

use super::place::Place;
use super::{DemoError, scenario};

/// Lists files of `examples/` with their contents.
macro_rules! examples {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/", $path)))),*]
    };
}

/// Path below `examples/`, and content.
const FILES: &[(&str, &[u8])] = examples![
    "salaries/scenario.toml",
    "salaries/north.csv",
    "salaries/lake.csv",
    "salaries/south.csv",
    "hospitals/scenario.toml",
    "hospitals/city.csv",
    "hospitals/coast.csv",
    "hospitals/valley.parquet",
    "refusals/scenario.toml",
    "banks/scenario.toml",
    "banks/harbour.csv",
    "banks/meadow.csv",
    "banks/summit.csv",
    "banks/telecom.csv",
    "alliance/scenario.toml",
];

/// The shipped scenarios.
const NAMES: [&str; 5] = ["salaries", "hospitals", "refusals", "banks", "alliance"];

/// The directory of a scenario: a shipped one is written out first.
pub(super) fn find(name: &str, place: &Place) -> Result<PathBuf, DemoError> {
    if NAMES.contains(&name) {
        let directory = place.scenarios();
        write(&directory)?;
        return Ok(directory.join(name));
    }
    let directory = Path::new(name);
    if directory.join(scenario::FILE).is_file() {
        return Ok(directory.to_owned());
    }
    let known = NAMES.map(|known| format!("`{known}`")).join(", ");
    Err(DemoError::UnknownScenario { name: name.to_owned(), known })
}

/// All of them, because one may read another's data.
fn write(directory: &Path) -> Result<(), DemoError> {
    for (path, content) in FILES {
        let path = directory.join(path);
        let failed = || DemoError::system(format!("write `{}`", path.display()));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed())?;
        }
        fs::write(&path, content).map_err(failed())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_scenario_can_be_read_and_its_files_are_there() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path()).unwrap();
        for name in NAMES {
            let home = directory.path().join(name);
            let scenario = scenario::read(&home).unwrap();
            for file in scenario.datasets.iter().flat_map(|dataset| dataset.files.values()) {
                assert!(home.join(file).is_file(), "{name}: {}", file.display());
            }
        }
    }
}
