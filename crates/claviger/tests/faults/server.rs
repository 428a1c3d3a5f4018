//! A real server process, set up and started as an operator would.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A server process; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn claviger(data: &Path, database: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    command.arg("--data").arg(data);
    if let Some(url) = database {
        command.arg("--database-url").arg(url);
    }
    command
}

impl Server {
    pub(crate) fn start(data: &Path, database: Option<&str>) -> Server {
        Server::start_with(data, database, &[])
    }

    /// Starts it with something in its environment.
    pub(crate) fn start_with(data: &Path, database: Option<&str>, env: &[(&str, &Path)]) -> Server {
        let mut command = claviger(data, database);
        command.envs(env.iter().copied());
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("claviger ready ").unwrap_or_default().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "no ready line but {line:?}");
        Server { child, url }
    }
}

impl Server {
    /// Asks it to end and waits until it has.
    pub(crate) fn end(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

/// The first organization, place and client, as `setup --json` prints them.
pub(crate) fn set_up(data: &Path, database: Option<&str>) -> Value {
    let made = claviger(data, database)
        .args(["setup", "--organization", "O", "--place", "P", "--json"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    serde_json::from_slice(&made.stdout).unwrap()
}

/// A token of the client that was set up.
pub(crate) async fn token(http: &reqwest::Client, url: &str, made: &Value) -> String {
    let wish = json!({
        "grant_type": "client_credentials",
        "client_id": made["client"]["id"],
        "client_secret": made["client"]["secret"],
    });
    let request = http.post(format!("{url}/oauth/token")).json(&wish);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}
