//! The real engines: faster-whisper, Ollama and Piper, started once for a test process.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use crate::kernel;
use crate::served::{Served, free_port};

/// The model that the engines' Ollama has: SmolLM2-135M-Instruct, fluent and often wrong.
pub const SMALL_MODEL: &str = "smollm2:135m";

/// The model of the engines' Ollama that makes vectors: all-MiniLM-L6-v2, of 384 dimensions.
pub const EMBEDDING_MODEL: &str = "all-minilm";

/// Folder with the files of [`EMBEDDING_MODEL`], for the one that runs in the process.
///
/// # Panics
/// When they were not installed.
pub fn embedding_folder() -> PathBuf {
    let variable = |name| env::var_os(name).map(PathBuf::from);
    let cache = variable("MUMBLE_AI_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("mumble-ai")))
        .or_else(|| Some(variable("HOME")?.join(".cache/mumble-ai")))
        .expect("there is a home");
    let folder = cache.join("models").join(EMBEDDING_MODEL);
    assert!(folder.exists(), "run `scripts/install.sh embedding` first");
    folder
}

/// Where the real engines are.
#[derive(Debug)]
pub struct Engines {
    whisper: Engine,
    ollama: Engine,
    piper: Engine,
}

#[derive(Debug)]
struct Engine {
    url: String,
    /// `None` for one that was running already.
    _served: Option<Served>,
}

impl Engines {
    /// The engines of this process. The first call starts them, which takes seconds; it panics
    /// with the reason when one does not start.
    ///
    /// `MUMBLE_AI_TEST_WHISPER`, `MUMBLE_AI_TEST_OLLAMA` and `MUMBLE_AI_TEST_PIPER` name running
    /// ones to use instead.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Engines> = OnceLock::new();
        SHARED.get_or_init(|| {
            thread::scope(|scope| {
                let whisper = scope.spawn(|| Engine::at("MUMBLE_AI_TEST_WHISPER", "whisper"));
                let ollama = scope.spawn(|| Engine::at("MUMBLE_AI_TEST_OLLAMA", "ollama"));
                let piper = scope.spawn(|| Engine::at("MUMBLE_AI_TEST_PIPER", "piper"));
                Self {
                    whisper: whisper.join().expect("whisper starts"),
                    ollama: ollama.join().expect("ollama starts"),
                    piper: piper.join().expect("piper starts"),
                }
            })
        })
    }

    /// Base address of faster-whisper-server with the model tiny.en.
    pub fn whisper(&self) -> &str {
        &self.whisper.url
    }

    /// Base address of Ollama, which has [`SMALL_MODEL`] and [`EMBEDDING_MODEL`].
    pub fn ollama(&self) -> &str {
        &self.ollama.url
    }

    /// Base address of Piper's HTTP server.
    pub fn piper(&self) -> &str {
        &self.piper.url
    }
}

impl Engine {
    fn at(variable: &str, part: &str) -> Self {
        if let Some(url) = env::var(variable).ok().filter(|url| !url.is_empty()) {
            let url = url.trim_end_matches('/').to_owned();
            return Self { url, _served: None };
        }
        let port = free_port();
        Self {
            url: format!("http://127.0.0.1:{port}"),
            _served: Some(Served::start(part, port, None, &[])),
        }
    }
}

/// A real engine of one test's own, which the test may end and start again.
#[derive(Debug)]
pub struct Instance {
    part: &'static str,
    port: u16,
    served: Option<Served>,
}

impl Instance {
    /// Starts `whisper`, `ollama` or `piper` and waits until it answers.
    pub fn start(part: &'static str) -> Self {
        let mut instance = Self {
            part,
            port: free_port(),
            served: None,
        };
        instance.start_again();
        instance
    }

    /// Its base address, which it keeps.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it, whatever it is doing. Waits until it is gone.
    pub fn end(&mut self) {
        self.served = None;
    }

    /// Starts it again at its address, and waits until it answers.
    pub fn start_again(&mut self) {
        self.served = Some(Served::start(self.part, self.port, None, &[]));
    }

    /// Lets Ollama's server stand still, and not the model that works for it, as on a machine
    /// that is busy; until [`Instance::thaw`].
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`Instance::freeze`].
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let host = format!("OLLAMA_HOST=127.0.0.1:{}", self.port);
        let servers: Vec<String> = kernel::of_environment(&host)
            .filter(|(_, arguments)| arguments.get(1).is_some_and(|is| is == "serve"))
            .map(|(pid, _)| pid.to_string())
            .collect();
        let status = Command::new("kill").arg(signal).args(servers).status();
        assert!(status.is_ok_and(|status| status.success()), "it is running");
    }
}
