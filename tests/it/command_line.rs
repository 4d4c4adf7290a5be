//! The executable as people meet it: exit codes, one clear line for what is wrong, and no secrets.

use std::time::{Duration, Instant};

use world::program::{Program, Ran};
use world::scripted::{self, Reply, Scripted, SttDialect, TtsDialect};
use world::{Assistant, Caller, MumbleOptions, MumbleServer, SMALL_MODEL, free_port};

use world::stage::tone;

mod doctor;

/// The exit code of a command line or a setting that is wrong (`EX_USAGE` of sysexits.h).
const USAGE: i32 = 64;

/// How long the way down may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// An address where nobody listens: port 1 of this machine is for an extinct service.
const NOBODY: &str = "http://127.0.0.1:1";

/// What no person should have to read.
const NOT_FOR_PEOPLE: &[&str] = &["panicked", "Error(", "Error {", "Os {", "Some(", "Err("];

/// Engines that work, for the roles that look for them.
struct Engines {
    stt: Scripted<String>,
    chat: Scripted<Reply>,
    tts: Scripted<audio::Pcm>,
}

impl Engines {
    fn start() -> Self {
        Self {
            stt: scripted::stt(SttDialect::OpenAi, "What time is it?"),
            chat: scripted::chat(SMALL_MODEL, "It is noon."),
            tts: scripted::tts(TtsDialect::Piper, tone(Duration::from_secs(1))),
        }
    }

    /// A program that uses them.
    fn program(&self) -> Program {
        Program::new(&[
            ("WHISPER_URL", &self.stt.url()),
            ("OLLAMA_URL", &self.chat.url()),
            ("OLLAMA_MODEL", SMALL_MODEL),
            ("PIPER_URL", &self.tts.url()),
        ])
    }

    /// A program that uses them and this server.
    fn program_at(&self, server: &MumbleServer) -> Program {
        self.program().with(&[
            ("MUMBLE_HOST", server.host()),
            ("MUMBLE_PORT", &server.port().to_string()),
        ])
    }
}

/// The only line among `text`, which is for people.
fn only_line(text: &str) -> &str {
    let line = text.trim_end_matches('\n');
    assert!(!line.is_empty(), "nothing was said");
    assert!(!line.contains('\n'), "more than one line: {line}");
    for word in NOT_FOR_PEOPLE {
        assert!(!line.contains(word), "`{word}` in: {line}");
    }
    line
}

/// The line on standard error of a program that ended with `code` and printed nothing else.
fn complaint(ran: &Ran, code: i32) -> &str {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert_eq!(ran.stdout, "", "{ran:?}");
    only_line(&ran.stderr)
}

/// Asserts that all of `words` are in `line`.
fn assert_names(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "no `{word}` in: {line}");
    }
}

#[tokio::test]
async fn a_bad_value_in_the_environment_is_a_line_that_names_the_variable() {
    for (variable, value, expected) in [
        ("MUMBLE_PORT", "seventy", "whole number"),
        ("MUMBLE_PORT", "70000", "1 to 65535"),
        ("MUMBLE_UDP", "perhaps", "true or false"),
        ("MUMBLE_PIN", "whatever", "tofu"),
        ("WHISPER_URL", "127.0.0.1:5000", "http://"),
        ("OLLAMA_TEMPERATURE", "hot", "number"),
        ("ANSWER", "sometimes", "named"),
        ("TURN_SILENCE_MS", "-1", "number"),
        ("WHISPER_CIRCUIT_THRESHOLD", "0", "1 to 1000"),
        ("PIPER_CIRCUIT_TIMEOUT", "NaN", "number"),
        ("RETRY_BASE_DELAY", "-1.5", "seconds"),
        ("HEALTH_PORT", "http", "whole number"),
        ("LOG_LEVEL", "loud", "debug"),
        ("LOG_FORMAT", "xml", "json"),
    ] {
        for role in ["up", "bot", "doctor"] {
            let ran = Program::new(&[(variable, value)]).run(&[role]).await;
            assert_names(complaint(&ran, USAGE), &[variable, value, expected]);
        }
    }
}

#[tokio::test]
async fn an_unknown_key_in_a_file_is_a_line_with_the_nearest_known_one() {
    for (text, found, nearest) in [
        ("[mumble]\nprot = 1234\n", "mumble.prot", "mumble.port"),
        ("[mumbel]\nport = 1234\n", "[mumbel]", "[mumble]"),
        ("username = \"Ada\"\n", "username", "mumble.username"),
    ] {
        let program = Program::new(&[]);
        let file = program.file("own.toml", text);
        for arguments in [["config", "--config", &file], ["bot", "--config", &file]] {
            let ran = program.run(&arguments).await;
            assert_names(complaint(&ran, USAGE), &[&file, found, nearest]);
        }
    }
}

#[tokio::test]
async fn a_wrong_value_in_a_file_is_a_line_that_names_the_key() {
    for (text, expected) in [
        (
            "[mumble]\nport = \"1234\"\n",
            &["mumble.port", "whole number"][..],
        ),
        (
            "[mumble]\nudp = \"yes\"\n",
            &["mumble.udp", "true or false"],
        ),
        ("[turn]\nnames = [1, 2]\n", &["turn.names", "list of texts"]),
        ("[mumble\n", &[":1:"]),
    ] {
        let program = Program::new(&[]);
        let file = program.file("own.toml", text);
        let program = program.with(&[("MUMBLE_AI_CONFIG", &file)]);
        let ran = program.run(&["bot"]).await;
        let line = complaint(&ran, USAGE);
        assert_names(line, &[&file]);
        assert_names(line, expected);
    }
    let ran = Program::new(&[])
        .run(&["bot", "--config", "/nowhere"])
        .await;
    assert_names(complaint(&ran, USAGE), &["/nowhere", "cannot be read"]);
}

#[tokio::test]
async fn a_secret_that_is_given_twice_or_cannot_be_read_is_said() {
    let twice = Program::new(&[
        ("MUMBLE_PASSWORD", "hush-hush"),
        ("MUMBLE_PASSWORD_FILE", "/nowhere"),
    ]);
    let ran = twice.run(&["bot"]).await;
    let line = complaint(&ran, USAGE);
    assert_names(line, &["MUMBLE_PASSWORD", "MUMBLE_PASSWORD_FILE"]);
    assert!(!line.contains("hush-hush"), "{line}");
    let unreadable = Program::new(&[("OLLAMA_API_KEY_FILE", "/nowhere")]);
    let ran = unreadable.run(&["bot"]).await;
    assert_names(complaint(&ran, USAGE), &["OLLAMA_API_KEY_FILE", "/nowhere"]);
}

#[tokio::test]
async fn a_complaint_about_a_secret_in_a_file_does_not_repeat_it() {
    for text in [
        "[mumble]\npassword = [\"hush\"]\n",
        "[mumble]\ntokens = [[\"hush\"]]\n",
        "[mumble]\npassword = \"hush\n",
        "[mumble]\npassword = hush\n",
        "[mumble]\npassword = \"hush\"\npassword = \"hush\"\n",
        "[ollama]\napi_keys = \"hush\"\n",
    ] {
        let program = Program::new(&[]);
        let file = program.file("own.toml", text);
        let ran = program.run(&["bot", "--config", &file]).await;
        let line = complaint(&ran, USAGE);
        assert!(!line.contains("hush"), "{line}");
        assert_names(line, &[&file]);
    }
}

#[tokio::test]
async fn an_unknown_dialect_is_a_wrong_setting() {
    let engines = Engines::start();
    for (variable, known) in [
        ("WHISPER_DIALECT", "transcribe"),
        ("OLLAMA_DIALECT", "openai"),
        ("PIPER_DIALECT", "api-tts"),
    ] {
        let program = engines.program().with(&[(variable, "klingon")]);
        for role in ["up", "bot"] {
            let ran = program.run(&[role]).await;
            assert_names(complaint(&ran, USAGE), &[variable, "klingon", known]);
        }
    }
}

#[tokio::test]
async fn a_bad_address_of_a_store_is_a_line_that_names_the_variable() {
    let engines = Engines::start();
    for (variable, value, expected) in [
        ("DATABASE_URL", "mysql://ann:hush@db/talk", "postgres://"),
        ("DATABASE_URL", "hush", "postgres://"),
        ("REDIS_URL", "http://:hush@cache:6379", "redis://"),
        (
            "DATABASE_URL",
            "postgres://ann:hush@db:99999/talk",
            "postgres://",
        ),
        ("REDIS_URL", "hush", "redis://"),
        ("REDIS_URL", "redis://:hush@cache:99999", "redis://"),
        ("CHROMADB_URL", "http://ann:hush@index:99999", "http://"),
        ("CHROMADB_URL", "ftp://ann:hush@index:8000", "http://"),
        ("CHROMADB_URL", "index:8000", "http://"),
        ("EMBEDDING_URL", "ftp://ann:hush@vectors", "http://"),
        ("EMBEDDING_DIALECT", "klingon", "minilm"),
        ("DB_PORT", "70000", "1 to 65535"),
    ] {
        let program = engines.program().with(&[(variable, value)]);
        for role in ["up", "bot"] {
            let ran = program.run(&[role]).await;
            let line = complaint(&ran, USAGE);
            assert_names(line, &[variable, expected]);
            assert_eq!(line.matches(variable).count(), 1, "{line}");
            assert!(!line.contains("hush"), "{line}");
        }
    }
}

#[tokio::test]
async fn an_unknown_role_or_option_is_a_wrong_command_line() {
    for arguments in [&["dance"][..], &["bot", "--louder"], &["ask"], &[]] {
        let ran = Program::new(&[]).run(arguments).await;
        assert_eq!(ran.code, Some(USAGE), "{ran:?}");
        assert_eq!(ran.stdout, "", "{ran:?}");
        assert_names(&ran.stderr, &["Usage: mumble-ai"]);
    }
    let ran = Program::new(&[]).run(&["--help"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_names(&ran.stdout, &["Usage: mumble-ai", "doctor"]);
}

#[tokio::test]
async fn up_names_what_is_missing_and_goes_on() {
    let engines = Engines::start();
    for (part, variable) in [
        ("whisper", "WHISPER_URL"),
        ("ollama", "OLLAMA_URL"),
        ("piper", "PIPER_URL"),
    ] {
        let program = engines.program().with(&[(variable, NOBODY)]);
        let running = program.start(&["up"]);
        running
            .says(&["mumble-ai: ", part, variable, "127.0.0.1:1"])
            .await;
        ends_in_time(running).await;
    }
    let program = engines.program().with(&[("OLLAMA_MODEL", "absent:1b")]);
    let running = program.start(&["up"]);
    running
        .says(&["ollama", "absent:1b", "ollama pull absent:1b"])
        .await;
    ends_in_time(running).await;
    let program = engines.program().with(&[("EMBEDDING_MODEL", "absent")]);
    let running = program.start(&["up"]);
    running
        .says(&["mumble-ai: embedding", "ollama pull absent"])
        .await;
    ends_in_time(running).await;
}

#[tokio::test]
async fn config_shows_what_is_in_force_and_where_it_came_from() {
    let program = Program::new(&[("MUMBLE_HOST", "talk.example"), ("MUMBLE_CHANNEL", "")]);
    let file = program.file(
        "own.toml",
        "[mumble]\nhost = \"file.example\"\nport = 1234\n",
    );
    let ran = program.run(&["config", "--config", &file]).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
    let line = |variable: &str| {
        let mut lines = ran.stdout.lines();
        let named = lines.find(|line| line.split_whitespace().nth(1) == Some(variable));
        let words: Vec<&str> = named.unwrap().split_whitespace().collect();
        words.join(" ")
    };
    let host = "environment MUMBLE_HOST host = \"talk.example\"";
    assert_eq!(line("MUMBLE_HOST"), host);
    assert_eq!(line("MUMBLE_PORT"), "file MUMBLE_PORT port = 1234");
    assert_eq!(line("MUMBLE_UDP"), "default MUMBLE_UDP udp = true");
    let channel = "default MUMBLE_CHANNEL #channel is not set";
    assert_eq!(line("MUMBLE_CHANNEL"), channel);
    let ran = program.run(&["config", "--config", &file, "--json"]).await;
    let shown: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).unwrap();
    let port = shown
        .iter()
        .find(|one| one["key"] == "mumble.port")
        .unwrap();
    assert_eq!(port["value"], 1234);
    assert_eq!(port["origin"], "file");
    assert_eq!(port["variable"], "MUMBLE_PORT");
}

#[tokio::test]
async fn config_never_shows_a_secret() {
    let program = Program::new(&[
        ("MUMBLE_PASSWORD", "hush-password"),
        (
            "WHISPER_URL",
            "http://ann:hush-whisper@whisper.example:5000/v1",
        ),
        ("PIPER_URL", "https://hush-piper@piper.example"),
    ]);
    let key = program.file("key", "hush-key\n");
    let own = "[mumble]\ntokens = [\"hush-token\"]\n\n[ollama]\nurl = \"http://:hush-ollama@o.example\"\n";
    let own = program.file("own.toml", own);
    let program = program.with(&[("OLLAMA_API_KEY_FILE", &key)]);
    for arguments in [&["config"][..], &["config", "--json"]] {
        let ran = program
            .run(&[arguments, &["--config", &own]].concat())
            .await;
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
        assert!(!ran.stdout.contains("hush"), "{}", ran.stdout);
        // They are known to be set, and the rest of the addresses is there.
        for host in ["whisper.example:5000/v1", "piper.example", "o.example"] {
            assert_names(&ran.stdout, &[host]);
        }
        assert_eq!(ran.stdout.matches("\"***\"").count(), 3, "{}", ran.stdout);
    }
}

#[tokio::test]
async fn a_complaint_about_an_address_does_not_repeat_its_password() {
    for variable in ["WHISPER_URL", "OLLAMA_URL", "PIPER_URL"] {
        for address in [
            "ftp://ann:hush@host.example",
            "http://ann:hush@host.example:99999",
            "http://ann:hush@127.0.0.1:1",
        ] {
            let program = Program::new(&[
                (variable, address),
                ("MUMBLE_PORT", "1"),
                ("HEALTH_PORT", &free_port().to_string()),
            ]);
            let ran = program.run(&["doctor"]).await;
            assert_ne!(ran.code, Some(0), "{ran:?}");
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!said.contains("hush"), "{said}");
            assert_names(&said, &[variable]);
            // It goes on when it is only that nobody is there.
            let running = program.start(&["up"]);
            running.says(&[variable]).await;
            if address.ends_with(":1") {
                running.terminate().await;
            }
            let ran = running.ends().await;
            assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
        }
    }
}

#[tokio::test]
async fn ask_says_that_no_assistant_is_there() {
    let engines = Engines::start();
    let server = MumbleServer::start(MumbleOptions::default());
    let program = engines.program_at(&server);
    let ran = program.run(&["ask", "What time is it?"]).await;
    assert_names(complaint(&ran, 1), &[Assistant::NAME, "mumble-ai up"]);
}

/// Ends the assistant by SIGTERM, in time and well.
async fn ends_in_time(running: world::program::Running) {
    let asked = Instant::now();
    running.terminate().await;
    let ran = running.ends().await;
    let took = asked.elapsed();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(took < FAREWELL, "it took {took:?}: {}", ran.stderr);
}

#[tokio::test]
async fn a_signal_ends_the_assistant_in_time_wherever_it_is() {
    let engines = Engines::start();
    let mut server = MumbleServer::start(MumbleOptions::default());
    let ann = Caller::join(&server, "Ann").await;
    let connected = engines.program_at(&server);
    let running = connected.start(&["bot"]);
    ann.meets(Assistant::NAME).await;
    engines.chat.asked(1).await;
    ends_in_time(running).await;
    // The server is there but says nothing; then it is away.
    server.freeze();
    let hung = engines.program_at(&server);
    let running = hung.start(&["bot"]);
    engines.chat.asked(2).await;
    ends_in_time(running).await;
    server.thaw();
    server.stop();
    let away = engines.program_at(&server);
    let running = away.start(&["bot"]);
    engines.chat.asked(3).await;
    ends_in_time(running).await;
}

/// It reads its settings when it starts, and says so.
#[tokio::test]
async fn a_hangup_does_not_end_the_phone_line() {
    let (sip, health) = (free_port().to_string(), free_port().to_string());
    let line = Program::new(&[("SIP_PORT", &sip), ("HEALTH_PORT", &health)]);
    let running = line.start(&["bridge-sip"]);
    running.says(&["the phone line is open"]).await;
    running.hang_up().await;
    running.says(&["WARN", "only when it starts"]).await;
    ends_in_time(running).await;
}

/// The hash of the certificate that the assistant shows to others.
fn certificate(caller: &Caller) -> String {
    let roster = caller.client().roster();
    let assistant = roster.users().find(|user| user.name == Assistant::NAME);
    let hash = assistant.unwrap().hash.clone();
    hash.expect("it shows a certificate")
}

#[tokio::test]
async fn the_assistant_is_the_same_user_after_a_restart() {
    let engines = Engines::start();
    let server = MumbleServer::start(MumbleOptions::default());
    let program = engines.program_at(&server);
    let mut certificates = Vec::new();
    for _ in 0..2 {
        let running = program.start(&["bot"]);
        let ann = Caller::join(&server, "Ann").await;
        ann.meets(Assistant::NAME).await;
        certificates.push(certificate(&ann));
        ends_in_time(running).await;
    }
    assert_eq!(certificates[0], certificates[1]);
    let ann = Caller::join(&server, "Bob").await;
    let own = ann.client().roster();
    assert_ne!(own.me().unwrap().hash.as_ref(), Some(&certificates[0]));
}
