//! What people say reaches a log only at `trace`, and what is secret reaches none at all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use audio::Pcm;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use mumble::Config;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use world::program::{Program, Running};
use world::scripted::{self, Play, Reply, Scripted, SttDialect, TtsDialect};
use world::{Assistant, Caller, MumbleOptions, MumbleServer, SMALL_MODEL};

use world::stage::tone;

/// What the recogniser understands. The capitalised words of these sentences stand nowhere else.
const SPOKEN: &str = "Where does the Platypus keep its Xylophone?";
const TYPED: &str = "Who ate the Marmalade?";
const PRIVATE: &str = "Hide the Trombone!";
/// Long, so that a server that repeats it cuts it off.
const ANSWER: &str = "The Walrus knows where everything is that was ever lost in this house, in \
                      the garden behind it, and in all the houses of this street, says the Rhubarb.";

const WORDS: &[&str] = &[
    "platypus",
    "xylophone",
    "marmalade",
    "trombone",
    "walrus",
    "rhubarb",
];

/// Every secret holds this word.
const SECRET: &str = "hush";
const PASSWORD: &str = "hush-password";

const SENTENCE: Duration = Duration::from_millis(300);

/// How a server tells on people.
#[derive(Clone, Copy, Debug)]
enum Tattle {
    /// An error of HTTP whose text repeats everything.
    Error(u16),
    /// The same as a list of complaints, with the input beside each.
    Complaints,
    /// The same as a web page.
    Page,
    /// Success, and an error inside the answer.
    Inside,
    /// Success, and an answer of no dialect that repeats everything.
    Nonsense,
}

/// All of them, for what is written.
const TATTLES: &[Tattle] = &[
    Tattle::Error(400),
    Tattle::Error(401),
    Tattle::Error(404),
    Tattle::Error(500),
    Tattle::Complaints,
    Tattle::Page,
    Tattle::Inside,
    Tattle::Nonsense,
];

/// Some of them, for what is spoken: each takes the seconds of an apology.
const SPOKEN_TATTLES: &[Tattle] = &[Tattle::Error(500), Tattle::Complaints, Tattle::Nonsense];

/// A proxy before a scripted engine. It passes everything on, or repeats what it was asked and
/// what it has heard elsewhere.
#[derive(Debug)]
struct Parrot {
    address: String,
    mood: Arc<Mutex<Option<Tattle>>>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Clone, Debug)]
struct Perch {
    engine: String,
    mood: Arc<Mutex<Option<Tattle>>>,
    client: reqwest::Client,
}

impl Parrot {
    async fn before(engine: String) -> Self {
        service::tls::install();
        let mood = Arc::<Mutex<Option<Tattle>>>::default();
        let perch = Perch {
            engine,
            mood: Arc::clone(&mood),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let router = Router::new().fallback(listen).with_state(perch);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            mood,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Its address, with a name and a password.
    fn url(&self) -> String {
        format!("http://ann:{SECRET}-address@{}", self.address)
    }

    fn tattles(&self, tattle: Option<Tattle>) {
        *self.mood.lock().unwrap() = tattle;
    }
}

async fn listen(State(perch): State<Perch>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mood = *perch.mood.lock().unwrap();
    match mood {
        Some(tattle) => repeat(tattle, &body),
        None => perch.pass_on(&head, body).await,
    }
}

/// What was asked, as far as it is text, and everything that anybody has said.
fn repeat(tattle: Tattle, asked: &[u8]) -> Response {
    let all = format!("no: {SPOKEN} {TYPED} {PRIVATE} {ANSWER}");
    let asked = String::from_utf8_lossy(asked);
    match tattle {
        Tattle::Error(status) => {
            let error = json!({ "error": all, "input": asked });
            let status = StatusCode::from_u16(status).unwrap();
            (status, axum::Json(error)).into_response()
        }
        Tattle::Complaints => {
            let error = json!({ "detail": [{ "msg": all, "input": asked }] });
            (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(error)).into_response()
        }
        Tattle::Page => {
            let page = format!("<html><h1>Server error</h1><pre>{all}</pre></html>");
            let html = [(CONTENT_TYPE, "text/html")];
            (StatusCode::INTERNAL_SERVER_ERROR, html, page).into_response()
        }
        Tattle::Inside => axum::Json(json!({ "error": all })).into_response(),
        Tattle::Nonsense => all.into_response(),
    }
}

impl Perch {
    async fn pass_on(&self, head: &axum::http::request::Parts, body: Bytes) -> Response {
        let path = head.uri.path();
        let mut request = self
            .client
            .request(head.method.clone(), format!("{}{path}", self.engine))
            .body(body);
        if let Some(kind) = head.headers.get(CONTENT_TYPE) {
            request = request.header(CONTENT_TYPE, kind);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let kind = answer.headers().get(CONTENT_TYPE).cloned();
        // An answer that the engine breaks off is broken off here as well.
        let body = Body::from_stream(answer.bytes_stream());
        match kind {
            Some(kind) => (status, [(CONTENT_TYPE, kind)], body).into_response(),
            None => (status, body).into_response(),
        }
    }
}

/// The executable in conversation, with engines that can tell on people.
struct Scene {
    stt: Scripted<String>,
    chat: Scripted<Reply>,
    tts: Scripted<Pcm>,
    stt_parrot: Parrot,
    chat_parrot: Parrot,
    tts_parrot: Parrot,
    running: Running,
    ann: Caller,
    program: Program,
    _server: MumbleServer,
}

impl Scene {
    async fn set(log: &[(&str, &str)]) -> Self {
        let server = MumbleServer::start(MumbleOptions {
            password: Some(PASSWORD.into()),
            ..MumbleOptions::default()
        });
        let stt = scripted::stt(SttDialect::OpenAi, SPOKEN);
        let chat = scripted::chat(SMALL_MODEL, ANSWER);
        let tts = scripted::tts(TtsDialect::Piper, tone(SENTENCE));
        let stt_parrot = Parrot::before(stt.url()).await;
        let chat_parrot = Parrot::before(chat.url()).await;
        let tts_parrot = Parrot::before(tts.url()).await;
        let program = Program::new(&[
            ("MUMBLE_HOST", server.host()),
            ("MUMBLE_PORT", &server.port().to_string()),
            ("MUMBLE_PASSWORD", PASSWORD),
            ("MUMBLE_TOKENS", &format!("{SECRET}-token,{SECRET}-ticket")),
            ("WHISPER_URL", &stt_parrot.url()),
            ("WHISPER_DIALECT", "openai"),
            ("OLLAMA_URL", &chat_parrot.url()),
            ("OLLAMA_MODEL", SMALL_MODEL),
            ("PIPER_URL", &tts_parrot.url()),
            ("PIPER_DIALECT", "piper"),
        ]);
        let key = program.file("key", &format!("{SECRET}-key"));
        let program = program.with(&[("OLLAMA_API_KEY_FILE", &key)]).with(log);
        let running = program.start(&["bot"]);
        let password = |config: &mut Config| config.password = Some(PASSWORD.into());
        let ann = Caller::join_with(&server, "Ann", password).await;
        ann.meets(Assistant::NAME).await;
        Self {
            stt,
            chat,
            tts,
            stt_parrot,
            chat_parrot,
            tts_parrot,
            running,
            ann,
            program,
            _server: server,
        }
    }

    /// Says something, which the recogniser takes for [`SPOKEN`], and waits for what is said in
    /// turn: the answer or an apology.
    async fn talk(&mut self) {
        self.ann.say(&tone(2 * SENTENCE)).await;
        self.ann.hears(Assistant::NAME).await;
    }

    /// Writes to the channel and to the assistant alone, and waits for both answers.
    async fn write(&mut self) {
        self.ann.write(TYPED);
        self.ann.reads().await;
        self.ann.write_to(Assistant::NAME, PRIVATE);
        self.ann.reads().await;
    }

    /// A good turn of each kind, then every way in which an engine tells on people.
    async fn play(&mut self) {
        self.talk().await;
        self.write().await;
        self.stt.next(Play::Half(SPOKEN.into()));
        self.talk().await;
        self.chat.next(Play::Half(ANSWER.into()));
        self.talk().await;
        self.chat.always(Play::Half(ANSWER.into()));
        self.write().await;
        self.chat.always(Play::Answer(ANSWER.into()));
        self.tts.next(Play::Half(tone(SENTENCE)));
        self.talk().await;
        // What could not be spoken is written.
        self.ann.reads().await;
        for tattle in TATTLES {
            self.chat_parrot.tattles(Some(*tattle));
            self.write().await;
        }
        self.chat_parrot.tattles(Some(Tattle::Error(500)));
        self.talk().await;
        self.chat_parrot.tattles(None);
        for tattle in SPOKEN_TATTLES {
            self.stt_parrot.tattles(Some(*tattle));
            self.talk().await;
            self.stt_parrot.tattles(None);
            self.tts_parrot.tattles(Some(*tattle));
            self.talk().await;
            self.ann.reads().await;
            self.tts_parrot.tattles(None);
        }
    }

    /// Everything that it tells about its health, in lower case.
    async fn pages(&self) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut pages = String::new();
        for path in service::health::PATHS {
            let url = format!("{}{path}", self.program.health());
            let answer = client.get(url).send().await.unwrap();
            pages.push_str(&answer.text().await.unwrap());
            pages.push('\n');
        }
        pages.to_lowercase()
    }

    /// Ends the assistant and gives everything that it has written, in lower case.
    async fn ends(self) -> String {
        self.running.terminate().await;
        let ran = self.running.ends().await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        format!("{}{}", ran.stdout, ran.stderr).to_lowercase()
    }
}

/// Plays the scene with these settings of the log and looks for what must not be there.
async fn nothing_leaks(settings: &[(&str, &str)], must_log: &[&str]) {
    let mut scene = Scene::set(settings).await;
    scene.play().await;
    let pages = scene.pages().await;
    let log = scene.ends().await;
    for word in must_log {
        assert!(log.contains(word), "{word} was not logged:\n{log}");
    }
    let told = |line: &&str| line.contains(SECRET) || WORDS.iter().any(|word| line.contains(word));
    let leaks: Vec<&str> = log.lines().filter(told).collect();
    assert!(leaks.is_empty(), "in the log:\n{}", leaks.join("\n"));
    let leaks: Vec<&str> = pages.lines().filter(told).collect();
    assert!(leaks.is_empty(), "in the pages:\n{}", leaks.join("\n"));
}

/// What the scene logs whatever the format: its good turns and the failures of each engine.
const LOGGED: &[&str] = &[
    "turn answered",
    "recogniser failed",
    "model failed",
    "synthesiser failed",
    "http 500",
];

#[tokio::test]
async fn nothing_that_is_said_or_secret_is_logged_at_debug() {
    nothing_leaks(&[("LOG_LEVEL", "debug")], LOGGED).await;
}

#[tokio::test]
async fn the_libraries_below_log_nothing_of_it_either() {
    let everything = "debug,mumble=debug,hyper=debug,hyper_util=debug,reqwest=debug,rustls=debug";
    let settings = [("LOG_LEVEL", everything), ("LOG_FORMAT", "json")];
    nothing_leaks(&settings, &[LOGGED, &["hyper", "rustls"]].concat()).await;
}
