//! The assistant of a test, run in the test's own process.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bot::{Config, Report, Stages};
use service::health::Board;
use service::settings::Settings;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Engines, MumbleServer, SMALL_MODEL};

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(60);

/// More reports than any test looks at.
const REPORTS: usize = 64;

/// A running assistant. It leaves when it is dropped.
#[derive(Debug)]
pub struct Assistant {
    reports: mpsc::Receiver<Report>,
    board: Board,
    task: JoinHandle<()>,
    shutdown: DropGuard,
    _state: TempDir,
}

/// Where the engines of an assistant are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// The recogniser.
    pub whisper: String,
    /// The model.
    pub ollama: String,
    /// The synthesiser.
    pub piper: String,
}

impl Urls {
    /// The real engines of this test process.
    pub fn real() -> Self {
        let engines = Engines::shared();
        Self {
            whisper: engines.whisper().to_owned(),
            ollama: engines.ollama().to_owned(),
            piper: engines.piper().to_owned(),
        }
    }
}

impl Assistant {
    /// Its name on the server.
    pub const NAME: &str = "AI-Bot";

    /// Starts one. `settings` are environment variables, such as `("ANSWER", "named")`; they win
    /// over what a test sets for all: repeatable answers, and deadlines that a machine keeps
    /// which is busy compiling.
    pub fn start(server: &MumbleServer, urls: &Urls, settings: &[(&str, &str)]) -> Self {
        Self::begin(server, urls, settings, |_| {}, |_| {})
    }

    /// The same with what was made of the settings changed: to what no setting allows, such as a
    /// session that is over at once.
    pub fn start_tuned(
        server: &MumbleServer,
        urls: &Urls,
        settings: &[(&str, &str)],
        tune: impl FnOnce(&mut Config),
    ) -> Self {
        Self::begin(server, urls, settings, tune, |_| {})
    }

    /// The same with its engines changed: wrapped in others, say.
    pub fn start_with(
        server: &MumbleServer,
        urls: &Urls,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut bot::Engines),
    ) -> Self {
        Self::begin(server, urls, settings, |_| {}, change)
    }

    fn begin(
        server: &MumbleServer,
        urls: &Urls,
        settings: &[(&str, &str)],
        tune: impl FnOnce(&mut Config),
        change: impl FnOnce(&mut bot::Engines),
    ) -> Self {
        service::tls::install();
        let state = TempDir::new().expect("there is room for temporary files");
        let port = server.port().to_string();
        let mut environment: HashMap<&str, &str> = HashMap::from([
            ("MUMBLE_HOST", server.host()),
            ("MUMBLE_PORT", &*port),
            ("WHISPER_URL", &*urls.whisper),
            ("WHISPER_LANGUAGE", "en"),
            ("WHISPER_DEADLINE_MS", "60000"),
            ("OLLAMA_URL", &*urls.ollama),
            ("OLLAMA_MODEL", SMALL_MODEL),
            ("OLLAMA_TEMPERATURE", "0"),
            ("OLLAMA_SEED", "1"),
            ("OLLAMA_NUM_PREDICT", "60"),
            ("OLLAMA_FIRST_TOKEN_MS", "60000"),
            ("OLLAMA_NEXT_TOKEN_MS", "30000"),
            ("PIPER_URL", &*urls.piper),
            ("PIPER_DEADLINE_MS", "60000"),
            // What reads along in the background would be among the questions of every test.
            ("MEMORY", "off"),
            // On a busy machine any answer may be late; tests that are not about it hear only answers.
            ("FILLER_AFTER_MS", "0"),
            (
                "STATE_DIR",
                state.path().to_str().expect("it is plain text"),
            ),
        ]);
        environment.extend(settings.iter().copied());
        let lookup = |name: &str| environment.get(name).map(|value| (*value).to_owned());
        let settings = Settings::load(mumble_ai::REFERENCE, None, &lookup);
        let config = Config::from_settings(&settings.expect("a test knows the settings"));
        let mut config = config.expect("a test knows the settings");
        tune(&mut config);
        let mut engines = bot::Engines::open(&config).expect("its engines can be opened");
        change(&mut engines);
        let stores = bot::Stores::open(&config).expect("its stores can be opened");
        let shutdown = CancellationToken::new();
        let board = Board::new(Instant::now());
        let (_settings, configs) = watch::channel(config);
        let (sender, reports) = mpsc::channel(REPORTS);
        let (here, until) = (board.clone(), shutdown.clone());
        let task = tokio::spawn(bot::run_with(
            engines,
            stores,
            configs,
            here,
            until,
            Some(sender),
        ));
        Self {
            reports,
            board,
            task,
            shutdown: shutdown.drop_guard(),
            _state: state,
        }
    }

    /// Waits for the next turn that was answered, or could not be, and gives its times.
    pub async fn reports(&mut self) -> Option<Stages> {
        let report = timeout(PATIENCE, self.reports.recv()).await;
        let report = report
            .expect("a turn ends")
            .expect("the assistant is there");
        report.stages
    }

    /// What it writes about how it stands.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Lets it end as a signal does, and waits until it has.
    pub async fn ends(self) {
        self.shutdown.disarm().cancel();
        let ended = timeout(PATIENCE, self.task).await;
        ended.expect("it ends in time").expect("it ends well");
    }
}
