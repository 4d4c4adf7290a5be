//! The real executable, run as people run it: in a process of its own, with a clean environment.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::served::free_port;

/// How long a test waits for a program that must end: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what a program has written.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// `mumble-ai` with a home folder of its own, and nothing in its environment that was not set.
///
/// Standard output and standard error go to files in the home folder, so that it never waits for
/// a reader.
#[derive(Debug)]
pub struct Program {
    home: TempDir,
    settings: Vec<(String, String)>,
}

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    home: PathBuf,
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; `None` when a signal killed it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Program {
    /// A program that has not been run yet, with these variables in its environment. It tells
    /// about its health at a port of its own.
    pub fn new(settings: &[(&str, &str)]) -> Self {
        Self {
            home: TempDir::new().expect("there is room for temporary files"),
            settings: vec![("HEALTH_PORT".to_owned(), free_port().to_string())],
        }
        .with(settings)
    }

    /// The same with these variables as well.
    #[must_use]
    pub fn with(mut self, settings: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.settings.extend(settings.iter().map(owned));
        self
    }

    /// Where it tells about its health, such as `http://127.0.0.1:40123`.
    pub fn health(&self) -> String {
        let set = |name: &&(String, String)| name.0 == "HEALTH_PORT";
        let port = self.settings.iter().rfind(set).map(|(_, port)| port);
        format!("http://127.0.0.1:{}", port.expect("it is set for all"))
    }

    /// Writes a file into its home folder and gives the path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, text).expect("the folder is ours");
        path.to_str().expect("it is plain text").to_owned()
    }

    /// Where cargo puts the executable: two folders above the test, in the same profile.
    ///
    /// # Panics
    /// When it was not built.
    pub fn executable() -> PathBuf {
        let test = std::env::current_exe().expect("a process knows its executable");
        let profile = test.parent().and_then(Path::parent);
        let path = profile
            .expect("cargo puts tests into a folder of their own")
            .join("mumble-ai");
        assert!(
            path.exists(),
            "{} is missing; `cargo build` makes it",
            path.display()
        );
        path
    }

    /// Runs it to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).ends().await
    }

    /// Starts it. It keeps its home folder from one start to the next.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let home = self.home.path();
        let output = |name: &str| {
            let file = File::create(home.join(name)).expect("the folder is ours");
            Stdio::from(file)
        };
        let child = Command::new(Self::executable())
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .env("TMPDIR", home)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .kill_on_drop(true)
            .spawn()
            .expect("the executable can be started");
        Running {
            child,
            home: home.to_owned(),
        }
    }
}

impl Running {
    /// Sends SIGTERM, as `docker stop` does.
    pub async fn terminate(&self) {
        self.signal("-TERM").await;
    }

    /// Sends SIGHUP: it is to read its settings again.
    pub async fn hang_up(&self) {
        self.signal("-HUP").await;
    }

    /// How much memory of its own it has at this moment, in KiB: what it has written to, and not
    /// what it has only mapped from files (`RssAnon` of proc(5)).
    pub fn memory(&self) -> u64 {
        let pid = self.child.id().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let mut lines = status.lines();
        let own = lines.find_map(|line| line.strip_prefix("RssAnon:"));
        let own = own.and_then(|own| own.trim().strip_suffix(" kB"));
        own.and_then(|own| own.parse().ok()).expect("Linux tells")
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "it runs");
    }

    /// Waits until all of `words` stand in one line on standard error, and gives that line.
    pub async fn says(&self, words: &[&str]) -> String {
        let line = async {
            loop {
                let log = self.log();
                let mut lines = log.lines();
                if let Some(line) = lines.find(|line| words.iter().all(|word| line.contains(word)))
                {
                    return line.to_owned();
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let line = timeout(PATIENCE, line).await;
        line.unwrap_or_else(|_| panic!("it does not say {words:?}; it said: {}", self.log()))
    }

    /// Waits until it ends.
    pub async fn ends(mut self) -> Ran {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it does not end; it said: {}", self.log()));
        self.ran(ended.expect("it is our child"))
    }

    /// What it has written to standard error so far.
    pub fn log(&self) -> String {
        self.written("stderr")
    }

    fn ran(&self, status: ExitStatus) -> Ran {
        Ran {
            code: status.code(),
            stdout: self.written("stdout"),
            stderr: self.written("stderr"),
        }
    }

    fn written(&self, name: &str) -> String {
        let bytes = fs::read(self.home.join(name)).expect("the file is ours");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
