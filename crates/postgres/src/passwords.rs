//! Passwords in PostgreSQL's own file format, so that everybody knows how to read, add and remove them.
//!
//! One line for each: `host:port:database:user:password`, `*` for anything, `\` before `:` and `\`. The node's own file
//! is asked first, then the one that `PGPASSFILE` names, or `~/.pgpass`; in each, the first line that fits. Files that
//! others may read are not used. Over a network without TLS a line for any host does not fit: whoever answers there
//! may ask for the password in the clear.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use zeroize::Zeroizing;

use crate::{
    Address, PostgresError,
    address::{Host, Protection},
    small_file,
};

/// The password files of a node.
#[derive(Debug)]
pub(crate) struct Passwords {
    own: PathBuf,
    /// Held while the node's own file is changed.
    changing: Mutex<()>,
}

impl Passwords {
    pub(crate) fn new(own: PathBuf) -> Self {
        Self { own, changing: Mutex::new(()) }
    }

    /// The password of a role, if any file has one.
    pub(crate) fn find(&self, address: &Address) -> Result<Option<Zeroizing<String>>, PostgresError> {
        if let Some(password) = look(&self.own, address)? {
            return Ok(Some(password));
        }
        let named = env::var_os("PGPASSFILE").map(PathBuf::from);
        let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".pgpass"));
        match named.or_else(home) {
            Some(file) => look(&file, address),
            None => Ok(None),
        }
    }

    /// Puts a password into the node's own file, instead of an earlier one of the same role.
    pub(crate) fn keep(&self, address: &Address, password: &str) -> Result<(), PostgresError> {
        if password.contains(['\n', '\r', '\0']) {
            return Err(fault(&self.own)("a password with line breaks cannot be kept".to_owned()));
        }
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = read(&self.own)?.unwrap_or_default();
        let key = Self::key(address);
        let mut text =
            Zeroizing::new(String::with_capacity(before.len() + key.len() + 2 * password.len() + 2));
        // The first line that fits is used, so that this one stands before any with `*`.
        text.push_str(&key);
        for character in password.chars() {
            if matches!(character, ':' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('\n');
        for line in before.lines().filter(|line| !line.starts_with(&key)) {
            text.push_str(line);
            text.push('\n');
        }
        write(&self.own, text.as_bytes()).map_err(|error| fault(&self.own)(error.to_string()))
    }

    /// The beginning of the line of exactly this role, with the colon before the password.
    fn key(address: &Address) -> String {
        let escaped = |text: &str| text.replace('\\', r"\\").replace(':', r"\:");
        let fields = [&host(address), &address.port.to_string(), &address.database, &address.user];
        fields.map(|field| format!("{}:", escaped(field))).concat()
    }
}

fn host(address: &Address) -> String {
    match &address.host {
        Host::Network(host) => host.clone(),
        Host::Socket(directory) => directory.to_string_lossy().into_owned(),
    }
}

fn look(file: &Path, address: &Address) -> Result<Option<Zeroizing<String>>, PostgresError> {
    let Some(text) = read(file)? else { return Ok(None) };
    let wanted = [host(address), address.port.to_string(), address.database.clone(), address.user.clone()];
    let socket = matches!(address.host, Host::Socket(_));
    let in_the_clear = address.protection == Protection::Plaintext;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = fields(line);
        let Some(password) = fields.pop().filter(|_| fields.len() == 4) else { continue };
        let matches = fields.iter().zip(&wanted).enumerate().all(|(place, (field, wanted))| {
            // A socket is also `localhost`, as for PostgreSQL's own programs.
            **field == *wanted
                || (field.as_str() == "*" && !(place == 0 && in_the_clear))
                || (place == 0 && socket && field.as_str() == "localhost")
        });
        if matches {
            return Ok(Some(password));
        }
    }
    Ok(None)
}

fn fields(line: &str) -> Vec<Zeroizing<String>> {
    let mut fields = vec![Zeroizing::new(String::new())];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            ':' if fields.len() < 5 => {
                fields.push(Zeroizing::new(String::new()));
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(field) = fields.last_mut() {
            field.push(literal);
        }
    }
    fields
}

/// `None` when there is no such file.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>, PostgresError> {
    let fault = fault(path);
    let (metadata, bytes) = match small_file::read(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error.to_string())),
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(fault("others may read or write it; run `chmod 600` on it".to_owned()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| fault(error.to_string()))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// The old or the new content is there at any time, for its owner alone.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

fn fault(path: &Path) -> impl Fn(String) -> PostgresError {
    let path = path.to_owned();
    move |reason| PostgresError::PasswordFile { path: path.clone(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::parse(url).unwrap().0
    }

    #[test]
    fn passwords_are_kept_per_role_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pgpass");
        let passwords = Passwords::new(file.clone());
        let (ana, ben) = (address("postgresql://ana@localhost/c"), address("postgresql://ben@localhost/c"));
        passwords.keep(&ana, r"a:b\c").unwrap();
        passwords.keep(&ben, "ben's").unwrap();
        passwords.keep(&ana, r"new:\").unwrap();
        assert_eq!(passwords.find(&ana).unwrap().unwrap().as_str(), r"new:\");
        assert_eq!(passwords.find(&ben).unwrap().unwrap().as_str(), "ben's");
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(passwords.keep(&ana, "two\nlines").is_err());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let said = passwords.find(&ana).unwrap_err().to_string();
        assert!(said.contains("chmod 600") && !said.contains("new"), "{said}");
    }

    #[test]
    fn a_kept_password_is_used_before_a_line_for_anybody() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pgpass");
        write(&file, b"# all\n*:*:*:*:anybody's").unwrap();
        let ana = address("postgresql://ana@localhost/c");
        let passwords = Passwords::new(file.clone());
        assert_eq!(passwords.find(&ana).unwrap().unwrap().as_str(), "anybody's");
        passwords.keep(&ana, "ana's").unwrap();
        assert_eq!(passwords.find(&ana).unwrap().unwrap().as_str(), "ana's");
        let kept = fs::read_to_string(&file).unwrap();
        assert_eq!(kept, "localhost:5432:c:ana:ana's\n# all\n*:*:*:*:anybody's\n");
    }

    #[test]
    fn in_the_clear_a_password_goes_to_its_own_host_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pgpass");
        write(&file, b"*:*:*:*:anybody's\ndb:*:*:*:db's").unwrap();
        let find = |url: &str| look(&file, &address(url)).unwrap().map(|found| found.to_string());
        assert_eq!(find("postgresql://ana@db/c?sslmode=disable").as_deref(), Some("db's"));
        assert_eq!(find("postgresql://ana@other/c?sslmode=disable"), None);
        let protected = "postgresql://ana@other/c?sslmode=require&sslrootcert=/ca.pem";
        assert_eq!(find(protected).as_deref(), Some("anybody's"));
    }

    #[test]
    fn lines_are_read_as_postgresql_reads_them() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pgpass");
        let lines =
            "# hosts\nlocalhost:5433:*:ana:port\nlocalhost:*:c:ana:any\\:port\nshort:line\n*:*:*:*:last";
        write(&file, lines.as_bytes()).unwrap();
        let find = |url: &str| look(&file, &address(url)).unwrap().unwrap().to_string();
        assert_eq!(find("postgresql://ana@localhost:5433/d"), "port");
        assert_eq!(find("postgresql://ana@localhost/c"), "any:port");
        assert_eq!(find("postgresql://ana@/c?host=/run/postgresql"), "any:port");
        assert_eq!(find("postgresql://ana@127.0.0.1/c"), "last");
    }
}
