//! How the assistant tells about its health: truly, at once, and without a word of what was said.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use audio::Pcm;
use serde_json::Value;
use service::health::{PATHS, Server};
use tempfile::TempDir;
use world::program::Program;
use world::scripted::{self, Play, Reply, Scripted, SttDialect, TtsDialect};
use world::{Assistant, MumbleOptions, MumbleServer, Proxy, SMALL_MODEL, Store, Tcp};

use world::stage::{Stage, tone};

const SENTENCE: Duration = Duration::from_millis(500);

/// How long a test waits for what must come: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what must come.
const LOOK: Duration = Duration::from_millis(100);

/// An answer comes within this, whatever hangs.
const AT_ONCE: Duration = Duration::from_millis(50);

/// As many answers are timed: on a machine that is busy compiling, one may be held up by others.
const TIMED: usize = 11;

/// Asks with a socket that blocks, so that whatever shares the thread is held up meanwhile.
fn ask(address: SocketAddr, path: &str) -> (u16, String, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, body.to_owned(), begun.elapsed())
}

fn assert_answers_at_once(address: SocketAddr) {
    for path in PATHS {
        let mut times: Vec<Duration> = (0..TIMED).map(|_| ask(address, path).2).collect();
        times.sort_unstable();
        assert!(times[TIMED / 2] < AT_ONCE, "{path}: {times:?}");
    }
}

/// Serves what this assistant writes about itself.
fn served(assistant: &Assistant) -> Server {
    Server::start(assistant.board().clone(), ([127, 0, 0, 1], 0).into()).unwrap()
}

/// The executable with engines that work, and everything it needs.
struct Scene {
    program: Program,
    server: MumbleServer,
    chat: Scripted<Reply>,
    tts: Scripted<Pcm>,
    _stt: Scripted<String>,
}

impl Scene {
    fn set(settings: &[(&str, &str)]) -> Self {
        let server = MumbleServer::start(MumbleOptions::default());
        let stt = scripted::stt(SttDialect::OpenAi, "What time is it?");
        let chat = scripted::chat(SMALL_MODEL, "It is noon.");
        let tts = scripted::tts(TtsDialect::Piper, tone(SENTENCE));
        let program = Program::new(&[
            ("MUMBLE_HOST", server.host()),
            ("MUMBLE_PORT", &server.port().to_string()),
            ("WHISPER_URL", &stt.url()),
            ("OLLAMA_URL", &chat.url()),
            ("OLLAMA_MODEL", SMALL_MODEL),
            ("PIPER_URL", &tts.url()),
            ("HEALTH_CHECK_INTERVAL", "0.2"),
        ]);
        Self {
            program: program.with(settings),
            server,
            chat,
            tts,
            _stt: stt,
        }
    }

    /// Waits until `/health` tells this status, and gives its code and what it says.
    async fn becomes(&self, status: &str) -> (u16, Value) {
        self.tells(status, |answer| answer["status"] == status)
            .await
    }

    /// Waits until `/health` tells what is wanted, and gives its code and what it says.
    async fn tells(&self, wanted: &str, is: impl Fn(&Value) -> bool) -> (u16, Value) {
        let url = format!("{}/health", self.program.health());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            if let Ok(answer) = client.get(&url).send().await {
                let code = answer.status().as_u16();
                let text = answer.text().await.unwrap();
                last = serde_json::from_str(&text).unwrap();
                if is(&last) {
                    return (code, last);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("not {wanted} in {PATIENCE:?}: {last}");
    }

    /// What `mumble-ai health` does.
    async fn health(&self) -> (Option<i32>, String) {
        let ran = self.program.run(&["health"]).await;
        (ran.code, ran.stdout + &ran.stderr)
    }
}

#[tokio::test]
async fn it_tells_the_truth_about_a_store_that_comes_and_goes() {
    service::tls::install();
    let folder = TempDir::new().unwrap();
    let store = Store::redis(folder.path(), "no");
    let proxy = Proxy::to(&format!("http://127.0.0.1:{}", store.port()), 1).await;
    // Whoever needs no password may say any.
    let url = format!("redis://default:hush@127.0.0.1:{}/0", proxy.port());
    let scene = Scene::set(&[("REDIS_URL", &url), ("REDIS_CIRCUIT_THRESHOLD", "2")]);
    let running = scene.program.start(&["bot"]);
    let (code, answer) = scene.becomes("healthy").await;
    assert_eq!(code, 200);
    assert_eq!(answer["services"]["redis"], true);
    assert_eq!(answer["services"]["mumble"], true);
    assert_eq!(answer["services"]["database"], Value::Null);
    // What is built in stands in their place, and is called what it is.
    assert_eq!(answer["services"]["chromadb"], Value::Null);
    assert_eq!(answer["services"]["sqlite"], true);
    assert_eq!(answer["services"]["vectors"], true);
    assert_eq!(answer["services"]["embedding"], true);
    assert!(answer["timestamp"].as_f64().unwrap() > 1.7e9, "{answer}");

    proxy.change(|faults| faults.tcp = Tcp::Refuses);
    let (code, answer) = scene.becomes("degraded").await;
    assert_eq!(code, 200);
    assert_eq!(answer["services"]["redis"], false);
    let error = &answer["dependencies"]["redis"]["last_error"]["text"];
    let error = error.as_str().unwrap();
    assert!(error.contains("refused"), "{answer}");
    let reasons = serde_json::json!([format!("redis is away: {error}")]);
    assert_eq!(answer["reasons"], reasons);
    let (code, table) = scene.health().await;
    assert_eq!(code, Some(0), "{table}");
    assert!(table.starts_with("degraded\n"), "{table}");
    assert!(!table.contains("hush"), "{table}");

    proxy.come_back();
    scene.becomes("healthy").await;
    let (code, table) = scene.health().await;
    assert_eq!(code, Some(0), "{table}");
    assert!(table.starts_with("healthy\n"), "{table}");
    running.terminate().await;
    assert_eq!(running.ends().await.code, Some(0));
    let (code, line) = scene.health().await;
    assert_eq!(code, Some(1), "{line}");
    assert!(
        line.contains("mumble-ai up") && line.contains("HEALTH_PORT"),
        "{line}"
    );
}

#[tokio::test]
async fn an_engine_that_comes_and_goes_is_told_with_its_breaker() {
    service::tls::install();
    let mut scene = Scene::set(&[("PIPER_CIRCUIT_THRESHOLD", "1")]);
    let _running = scene.program.start(&["bot"]);
    let (_, answer) = scene.becomes("healthy").await;
    for service in ["whisper", "ollama", "piper"] {
        assert_eq!(answer["services"][service], true, "{answer}");
        assert_eq!(answer["dependencies"][service]["state"], "closed");
    }
    // Without a voice people are still answered in writing, without the model nobody is.
    scene.tts.stop();
    let opened = |answer: &Value| answer["dependencies"]["piper"]["state"] == "open";
    let (code, answer) = scene.tells("open", opened).await;
    assert_eq!((code, &answer["status"]), (200, &"degraded".into()));
    let piper = &answer["dependencies"]["piper"];
    assert_eq!(piper["trips"], 1, "{answer}");
    assert_eq!(piper["instances"][0]["address"], scene.tts.url());
    scene.chat.stop();
    let (code, answer) = scene.becomes("unhealthy").await;
    assert_eq!(code, 503);
    let reasons = answer["reasons"].to_string();
    assert!(reasons.contains("ollama is away"), "{answer}");

    scene.tts.start_again();
    scene.chat.start_again();
    let (_, answer) = scene.becomes("healthy").await;
    assert_eq!(answer["dependencies"]["piper"]["state"], "closed");
    assert_eq!(answer["dependencies"]["piper"]["trips"], 1);
}

#[tokio::test]
async fn away_from_mumble_it_is_unhealthy_and_says_so_with_its_code() {
    service::tls::install();
    let mut scene = Scene::set(&[]);
    let _running = scene.program.start(&["bot"]);
    scene.becomes("healthy").await;
    scene.server.stop();
    let (code, answer) = scene.becomes("unhealthy").await;
    assert_eq!(code, 503);
    assert_eq!(answer["services"]["mumble"], false);
    assert_eq!(answer["dependencies"]["mumble"]["state"], "open");
    let (code, table) = scene.health().await;
    assert_eq!(code, Some(1), "{table}");
    assert!(table.contains("not in Mumble: "), "{table}");
    let ran = scene.program.run(&["health", "--json"]).await;
    assert_eq!(ran.code, Some(1));
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["status"], "unhealthy");
    scene.server.start_again();
    scene.becomes("healthy").await;
}

#[tokio::test]
async fn who_cannot_tell_about_their_health_do_not_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = Program::new(&[("HEALTH_PORT", &port)]).run(&["bot"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let complaint = ran.stderr.lines().last().unwrap_or_default();
    for word in ["HEALTH_PORT", "HEALTH_BIND", &*port, "free port"] {
        assert!(complaint.contains(word), "{complaint}");
    }
    // An address for examples in books: nobody has it.
    let strange = Program::new(&[("HEALTH_BIND", "192.0.2.1")]);
    let ran = strange.run(&["bot"]).await;
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("HEALTH_BIND 192.0.2.1"), "{ran:?}");
}

/// The assistant shares the one thread of this test: while the test blocks it, the assistant
/// cannot do anything.
#[tokio::test]
async fn a_pipeline_that_hangs_does_not_mute_it() {
    let stage = Stage::set("What time is it?", "It is noon.", SENTENCE, &[]);
    let pages = served(&stage.assistant);
    let ann = stage.caller("Ann").await;
    assert_answers_at_once(pages.address());
    // And while an engine does.
    let asked = stage.chat.seen().len();
    stage.chat.always(Play::Hang);
    ann.say(&tone(2 * SENTENCE)).await;
    stage.chat.asked(asked + 1).await;
    assert_answers_at_once(pages.address());
}

#[tokio::test]
async fn a_turn_is_told_with_its_times_and_without_its_words() {
    let mut stage = Stage::set("What is a platypus?", "It is an animal.", SENTENCE, &[]);
    let pages = served(&stage.assistant);
    let mut ann = stage.caller("Marmaduke").await;
    ann.say(&tone(2 * SENTENCE)).await;
    ann.hears(Assistant::NAME).await;
    stage.assistant.reports().await;
    let (code, text, _) = ask(pages.address(), "/turns");
    assert_eq!(code, 200);
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(page["begun"], page["ended"], "{page}");
    let turn = &page["turns"][0];
    assert_eq!(turn["outcome"], "answered", "{page}");
    let total = turn["stages_ms"]["total"].as_f64().unwrap();
    assert!(total > 0.0, "{page}");
    let (_, metrics, _) = ask(pages.address(), "/metrics");
    let counted = "mumble_ai_turn_stage_seconds_count{stage=\"total\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    let (_, health, _) = ask(pages.address(), "/health");
    for word in ["platypus", "animal", "Marmaduke"] {
        for page in [&text, &metrics, &health] {
            assert!(!page.contains(word), "{page}");
        }
    }
}
