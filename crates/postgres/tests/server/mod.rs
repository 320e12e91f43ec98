//! A PostgreSQL server of a test's own: in a temporary directory, on a free port, gone when it is dropped.

#![allow(dead_code, reason = "every test file uses its part")]

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use loopback::free_address;

/// The password of the superuser `postgres`.
pub(crate) const PASSWORD: &str = "correct:horse\\battery";

pub(crate) struct Server {
    pub(crate) port: u16,
    programs: PathBuf,
    directory: tempfile::TempDir,
    process: Child,
}

impl Server {
    /// Makes a database cluster and starts it. Logins need a password, with SCRAM; TLS is possible.
    pub(crate) fn start() -> Self {
        let programs = programs();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let own = path.join("server");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("password"), PASSWORD).unwrap();
        certificates(&path);
        if let Some((user, group)) = unprivileged() {
            for file in ["", "password", "server.key", "server.pem"] {
                std::os::unix::fs::chown(own.join(file), Some(user), Some(group)).unwrap();
            }
        }
        let data = own.join("data");
        let mut initdb = command(&programs.join("initdb"));
        initdb.args(["--no-sync", "--auth=scram-sha-256", "--username=postgres", "--encoding=UTF8"]);
        initdb.args(["--locale=C", "--pwfile"]).arg(own.join("password")).arg("-D").arg(&data);
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_address().unwrap().port();
        let process = serve(&programs, &own, port);
        let server = Self { port, programs, directory, process };
        server.await_ready();
        server
    }

    /// A URL for the superuser, without a password.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A URL for the superuser over the Unix socket.
    pub(crate) fn socket_url(&self) -> String {
        let directory = self.own().display().to_string().replace('/', "%2F");
        format!("postgresql://postgres@:{}/postgres?host={directory}", self.port)
    }

    /// The authority that signed the server's certificate for `localhost`.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// Runs SQL as the superuser; answers with what psql prints.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let done = self.try_sql(sql);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{sql}: {said}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn try_sql(&self, sql: &str) -> std::process::Output {
        let mut psql = command(&self.programs.join("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-c", sql]);
        psql.arg("-h").arg(self.own()).args(["-p", &self.port.to_string()]).env("PGPASSWORD", PASSWORD);
        psql.output().unwrap()
    }

    /// SIGKILL for the server and every session of it.
    pub(crate) fn kill(&mut self) {
        let server = self.process.id();
        let mut pids: Vec<u32> = children(server);
        pids.push(server);
        for pid in pids {
            Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status().unwrap();
        }
        self.process.wait().unwrap();
    }

    /// The same cluster again, after [`Self::kill`].
    pub(crate) fn restart(&mut self) {
        self.process = serve(&self.programs, &self.own(), self.port);
        self.await_ready();
    }

    fn own(&self) -> PathBuf {
        self.directory.path().join("server")
    }

    fn await_ready(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        while !self.try_sql("SELECT 1").status.success() {
            let log = || fs::read_to_string(self.own().join("log")).unwrap_or_default();
            assert!(Instant::now() < patience, "PostgreSQL does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

fn serve(programs: &Path, own: &Path, port: u16) -> Child {
    let log = fs::File::create(own.join("log")).unwrap();
    let mut server = command(&programs.join("postgres"));
    server.arg("-D").arg(own.join("data")).arg("-k").arg(own).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "fsync=off", "ssl=on", "max_wal_size=4GB"] {
        server.args(["-c", setting]);
    }
    server.arg("-c").arg(format!("ssl_cert_file={}", own.join("server.pem").display()));
    server.arg("-c").arg(format!("ssl_key_file={}", own.join("server.key").display()));
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// A command that PostgreSQL's programs, which refuse to run as root, can be given to.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env("LC_ALL", "C").env_remove("PGPASSFILE");
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

/// As whom to run when root runs the tests: the user that PostgreSQL's package makes.
fn unprivileged() -> Option<(u32, u32)> {
    let me = fs::metadata("/proc/self").map(|process| std::os::unix::fs::MetadataExt::uid(&process));
    if me.unwrap_or(1) != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let user = users.lines().find_map(|line| line.strip_prefix("postgres:x:"));
    let mut ids = user
        .expect("root needs a user `postgres` to run PostgreSQL as; `apt-get install postgresql` makes one")
        .split(':');
    let mut id = || ids.next().unwrap().parse().unwrap();
    Some((id(), id()))
}

/// Where `initdb`, `postgres` and `psql` are: on the path, or where Debian and its kin put them.
fn programs() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = env::split_paths(&path).collect();
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    places.extend(packaged.map(|version| version.path().join("bin")));
    let complete =
        |place: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| place.join(name).is_file());
    places.into_iter().find(complete).expect(
        "these tests start a PostgreSQL server of their own: install it (`apt-get install postgresql`), or put the \
         directory of `initdb`, `postgres` and `psql` on PATH",
    )
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // `pid (name) state ppid`
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok())
            == Some(parent)
    };
    pids.filter(is_child).collect()
}

/// An authority, and a certificate by it for `localhost`.
fn certificates(directory: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let server = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(directory.join("authority.pem"), authority.pem()).unwrap();
    fs::write(directory.join("server/server.pem"), server.pem()).unwrap();
    fs::write(directory.join("server/server.key"), key.serialize_pem()).unwrap();
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(directory.join("server/server.key"), private).unwrap();
}
