//! A temporary folder, the binary run on it, and servers that end with the test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A folder that is gone when the test ends.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    pub(crate) fn new() -> Temporary {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claviger-it-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Temporary(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The data folder with that name, which need not be there.
    pub(crate) fn data(&self, name: &str) -> Data {
        Data { path: self.path(name) }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A data folder.
pub(crate) struct Data {
    pub(crate) path: PathBuf,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Its stdout as JSON; it must have succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Its one line on stderr; it must have failed and shown nothing else.
    pub(crate) fn refusal(&self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        let line = self.err.strip_suffix('\n').unwrap_or_else(|| panic!("{self:?}"));
        assert!(line.starts_with("claviger: ") && !line.contains('\n'), "{self:?}");
        line.trim_start_matches("claviger: ").to_owned()
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub(crate) fn claviger(args: &[&str]) -> Ended {
    claviger_with(args, &[])
}

/// Runs the binary with something in its environment.
pub(crate) fn claviger_with(args: &[&str], env: &[(&str, &str)]) -> Ended {
    let output = command(args).envs(env.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

impl Data {
    pub(crate) fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Runs a command on the folder.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        claviger(&[args, &["--data", self.text()]].concat())
    }

    /// Sets up and gives what was made.
    pub(crate) fn setup(&self) -> Value {
        self.run(&["setup", "--organization", "Org", "--place", "House", "--json"]).json()
    }

    /// Serves on a port of its own choice.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, args: &[&str]) -> Server {
        let listen = if args.contains(&"--listen") { "" } else { "--listen=127.0.0.1:0" };
        let mut args = [&["serve", "--data", self.text(), listen], args].concat();
        args.retain(|arg| !arg.is_empty());
        Server::start(&args, &[])
    }

    /// Changes the database behind the program's back.
    pub(crate) fn sql(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.path.join("claviger.db")).unwrap();
        db.execute_batch(sql).unwrap();
    }
}

/// A server that runs.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) url: String,
}

impl Server {
    /// Runs the binary until it says that it is ready; what it says later nobody reads.
    pub(crate) fn start(args: &[&str], env: &[(&str, &str)]) -> Server {
        let mut child = command(args)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let url = line.strip_prefix("claviger ready ").map(|url| url.trim().to_owned());
        let Some(url) = url else {
            let mut err = String::new();
            child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            panic!("no ready line but {line:?}: {err}");
        };
        Server { child: Some(child), url }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for its end: exit code and stderr.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(self) {
        self.signal("-TERM");
        let (code, err) = self.ended();
        assert_eq!(code, Some(0), "{err}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An address of this machine that nobody listens at.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A text at a pointer.
pub(crate) fn get(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}")).to_owned()
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        names.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
