//! A vault gives the rows that were imported, or says what has been changed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod common;

use std::{
    env, fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use common::Place;
use contract::Hash;
use proptest::prelude::*;
use treaty_vault::{ImportError, Vault, VaultError};

const TABLE: &str = "rank,salary\nProf,139750.50\nAsstProf,79750\nProf,\n";

/// The one chunk of a dataset with one.
fn chunk(place: &Place) -> std::path::PathBuf {
    place.files().into_iter().find(|file| file.parent().unwrap().ends_with("chunks")).unwrap()
}

#[test]
fn a_changed_chunk_is_named_with_both_hashes() {
    let place = Place::new();
    let vault = place.open();
    place.import(&vault, TABLE, &[]).unwrap();
    let path = chunk(&place);
    let name: Hash = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let original = fs::read(&path).unwrap();
    let mut longer = original.clone();
    longer.push(0);
    for changed in [&longer, &original[..original.len() - 1].to_vec(), &Vec::new()] {
        fs::write(&path, changed).unwrap();
        match vault.read("data", 1) {
            Err(VaultError::ChunkChanged { dataset, chunk: 1, expected, found }) => {
                assert_eq!((dataset.as_str(), expected), ("data@1", name));
                assert_eq!(found, Hash::of("vault/chunk", changed));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(vault.verify("data", 1), Err(VaultError::ChunkChanged { .. })));
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(vault.verify("data", 1), Err(VaultError::ChunkMissing { chunk: 1, .. })));
    place.import(&vault, TABLE, &[]).unwrap();
    assert!(vault.verify("data", 1).is_ok(), "the same rows imported again restore the chunk");
}

#[test]
fn a_changed_manifest_is_told_by_what_is_wrong() {
    let place = Place::new();
    let vault = place.open();
    place.import(&vault, TABLE, &[]).unwrap();
    let path = place.vault().join("datasets/data/1.json");
    let manifest = fs::read_to_string(&path).unwrap();
    let with = |from: &str, to: &str| {
        assert!(manifest.contains(from), "{manifest}");
        fs::write(&path, manifest.replace(from, to)).unwrap();
        vault.verify("data", 1).unwrap_err()
    };
    assert!(matches!(with("rows for a test", "rows for a toast"), VaultError::RootChanged { .. }));
    assert!(matches!(with("\"nullable\":true", "\"nullable\":false"), VaultError::RootChanged { .. }));
    assert!(matches!(with("{\"chunks\"", "{ \"chunks\""), VaultError::ManifestUnreadable { .. }));
    assert!(matches!(with("}", ""), VaultError::ManifestUnreadable { .. }));
    assert!(matches!(
        with("\"version\":1", "\"version\":2"),
        VaultError::ManifestInconsistent { field: "head.version", .. }
    ));
    assert!(matches!(
        with("treaty-vault/1", "treaty-vault/9"),
        VaultError::ManifestInconsistent { field: "format", .. }
    ));
    fs::write(&path, &manifest).unwrap();
    fs::copy(&path, place.vault().join("datasets/data/7.json")).unwrap();
    assert!(matches!(vault.read("data", 7), Err(VaultError::ManifestInconsistent { .. })));
}

#[test]
fn what_a_changed_manifest_names_is_not_removed() {
    let place = Place::new();
    let vault = place.open();
    place.import(&vault, TABLE, &[]).unwrap();
    drop(vault);
    let orphan = place.vault().join("chunks").join(Hash::of("test", b"orphan").to_string());
    fs::write(&orphan, "left behind").unwrap();
    fs::write(place.vault().join("incoming/7"), "half a chunk").unwrap();
    let path = place.vault().join("datasets/data/1.json");
    let manifest = fs::read(&path).unwrap();
    fs::write(&path, "{}").unwrap();
    drop(place.open());
    assert!(orphan.exists() && chunk(&place).exists());
    fs::write(&path, manifest).unwrap();
    let vault = place.open();
    assert!(!orphan.exists() && vault.verify("data", 1).is_ok());
    assert!(!place.vault().join("incoming/7").exists());
}

#[test]
fn a_vault_is_opened_by_one_process_and_keeps_its_identity() {
    let place = Place::new();
    let vault = place.open();
    let first = place.import(&vault, TABLE, &[]).unwrap();
    assert!(matches!(Vault::open(place.vault()), Err(VaultError::InUse { .. })));
    drop(vault);
    let vault = place.open();
    assert_eq!(place.import(&vault, TABLE, &[]).unwrap().id, first.id);
    let other = Place::new();
    assert_ne!(other.import(&other.open(), TABLE, &[]).unwrap().id, first.id);
    drop(vault);
    fs::write(place.vault().join("vault.json"), "{}").unwrap();
    assert!(matches!(Vault::open(place.vault()), Err(VaultError::NotAVault { .. })));
    fs::remove_file(place.vault().join("vault.json")).unwrap();
    assert!(matches!(Vault::open(place.vault()), Err(VaultError::NotAVault { .. })));
}

#[test]
fn equal_rows_have_different_roots_so_that_a_root_confirms_no_guess() {
    let place = Place::new();
    let vault = place.open();
    let roots = [(); 2].map(|()| place.import(&vault, TABLE, &[]).unwrap().root);
    assert_ne!(roots[0], roots[1]);
    let chunks = place.files().iter().filter(|file| file.parent().unwrap().ends_with("chunks")).count();
    assert_eq!(chunks, 1, "equal chunks are kept once");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let vault = place.open();
    place.import(&vault, TABLE, &[]).unwrap();
    for file in place.files() {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    assert_eq!(fs::metadata(place.vault()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn imports_at_the_same_time_get_distinct_versions() {
    let place = Place::new();
    let vault = place.open();
    place.file("data.csv", TABLE);
    let mut versions: Vec<u32> = thread::scope(|scope| {
        let import = || {
            let file = place.directory.path().join("data.csv");
            let columns = common::declarations(&[]);
            let (format, description) = (treaty_vault::Format::Csv, "");
            vault.import(&treaty_vault::ImportRequest {
                name: "data",
                description,
                file: &file,
                format,
                columns: &columns,
            })
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(import)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap().version).collect()
    });
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4]);
    assert_eq!(vault.versions("data").unwrap(), versions);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One bit flipped anywhere in a manifest or chunk is found by `verify` and by `read`.
    #[test]
    fn any_flipped_bit_is_found(file in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let place = Place::new();
        let vault = place.open();
        place.import(&vault, TABLE, &[]).unwrap();
        let parts = ["chunks", "data"];
        let files: Vec<_> =
            place.files().into_iter().filter(|f| parts.iter().any(|part| f.parent().unwrap().ends_with(part))).collect();
        prop_assert_eq!(files.len(), 2);
        let path = file.get(&files);
        let mut bytes = fs::read(path).unwrap();
        let place_in_file = byte.index(bytes.len());
        bytes[place_in_file] ^= 1_u8 << bit;
        fs::write(path, bytes).unwrap();
        prop_assert!(vault.verify("data", 1).is_err());
        prop_assert!(vault.read("data", 1).is_err());
    }
}

/// Run in a child process by the next test: imports until it is killed.
#[test]
fn import_until_killed() {
    let Some(directory) = env::var_os("TREATY_VAULT_TO_FILL") else { return };
    let vault = Vault::open(&directory).unwrap();
    let file = std::path::Path::new(&directory).with_extension("csv");
    let columns = common::declarations(&[]);
    loop {
        for name in ["one", "two"] {
            let (format, description) = (treaty_vault::Format::Csv, "");
            let request =
                treaty_vault::ImportRequest { name, description, file: &file, format, columns: &columns };
            match vault.import(&request) {
                Ok(_) => {}
                Err(ImportError::Vault(error)) => panic!("{error}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_killed_import_leaves_the_old_state_or_the_new() {
    let place = Place::new();
    let table: String = (0..70_000).fold("n\n".to_owned(), |table, n| format!("{table}{n}\n"));
    fs::write(place.vault().with_extension("csv"), table).unwrap();
    let mut last = (0, 0);
    // At least eight kills, and as many as a slow machine needs until some imports were complete.
    for round in 0..60 {
        if round >= 8 && last.0 > 2 {
            break;
        }
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "import_until_killed"])
            .env("TREATY_VAULT_TO_FILL", place.vault())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(200 + 37 * (round % 16)));
        child.kill().unwrap();
        child.wait().unwrap();
        let vault = place.open();
        let versions = |name| vault.versions(name).map_or(0, |versions| versions.len());
        let counts = (versions("one"), versions("two"));
        assert!(counts.0 >= last.0 && counts.1 >= last.1, "{last:?} became {counts:?}");
        last = counts;
        for name in vault.list().unwrap() {
            for version in vault.versions(&name).unwrap() {
                assert_eq!(
                    vault.scan(&name, version).unwrap().map(|b| b.unwrap().num_rows()).sum::<usize>(),
                    70_000
                );
            }
        }
        let left = fs::read_dir(place.vault().join("incoming")).unwrap().count();
        let chunks = fs::read_dir(place.vault().join("chunks")).unwrap().count();
        assert!(left == 0 && chunks <= 2, "{left} files half written, {chunks} chunks");
    }
    assert!(last.0 > 2, "the child imported too little to tell: {last:?}");
}
