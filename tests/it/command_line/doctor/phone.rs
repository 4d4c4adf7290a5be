//! What the doctor says of the phone line: whether it runs, or could, and who could call then.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use world::program::Program;
use world::{MumbleOptions, MumbleServer, Pbx, free_port};

use super::super::assert_names;

/// How long a phone line may take to open and to register: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

const PASSWORD: &str = "seven-herons";

/// Settings for a phone line with ports of its own.
struct Line {
    settings: Vec<(String, String)>,
}

impl Line {
    fn new(more: &[(&str, &str)]) -> Self {
        let ports = [(); 4].map(|()| free_port().to_string());
        let [sip, rtp, alone, beside] = &ports;
        let own = [
            ("SIP_PORT", &**sip),
            ("RTP_PORT_MIN", rtp),
            ("RTP_PORT_MAX", rtp),
            ("HEALTH_PORT", alone),
            ("SIP_HEALTH_PORT", beside),
            // Of the rest nothing is to be found here.
            ("MUMBLE_PORT", "1"),
            ("WHISPER_URL", "http://127.0.0.1:1"),
            ("OLLAMA_URL", "http://127.0.0.1:1"),
            ("PIPER_URL", "http://127.0.0.1:1"),
        ];
        let all = own.iter().chain(more);
        let settings = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            settings: settings.collect(),
        }
    }

    fn of(&self, name: &str) -> &str {
        let setting = self.settings.iter().rfind(|(one, _)| one == name);
        &setting.expect("it is set").1
    }

    fn program(&self) -> Program {
        let settings = self.settings.iter();
        let settings: Vec<_> = settings.map(|(name, value)| (&**name, &**value)).collect();
        Program::new(&settings)
    }

    /// What the doctor says of each part of the phone line, beginning with `ok` or `wrong`.
    async fn examined(&self) -> BTreeMap<String, String> {
        let ran = self.program().run(&["doctor"]).await;
        assert_eq!((ran.code, &*ran.stderr), (Some(1), ""), "{ran:?}");
        let parts = ran.stdout.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Some(((*words.get(1)?).to_owned(), words.join(" ")))
        });
        parts.collect()
    }
}

#[tokio::test]
async fn who_has_set_nothing_of_it_has_no_phone_line() {
    let ran = Program::new(&[("MUMBLE_PORT", "1")]).run(&["doctor"]).await;
    assert_names(&ran.stdout, &["ok     phone      off (SIP_ENABLED)"]);
    assert!(!ran.stdout.contains("callers"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_line_that_could_be_opened_is_told_so_without_opening_it() {
    let line = Line::new(&[("SIP_ENABLED", "true")]);
    let told = line.examined().await;
    let free = format!("ok phone 127.0.0.1:{} is free", line.of("SIP_PORT"));
    assert!(told["phone"].starts_with(&free), "{told:?}");
    assert!(told["sound"].starts_with("ok sound"), "{told:?}");
    assert_names(&told["sound"], &["1 call at a time", "RTP_PORT_MAX"]);
    assert!(told["callers"].starts_with("ok callers this computer alone"));
    assert!(!told.contains_key("pbx"), "{told:?}");
}

#[tokio::test]
async fn a_port_that_another_program_has_is_told_with_the_setting() {
    let line = Line::new(&[]);
    let taken = |name| UdpSocket::bind(format!("127.0.0.1:{}", line.of(name))).unwrap();
    let _held = [taken("SIP_PORT"), taken("RTP_PORT_MIN")];
    let told = line.examined().await;
    assert!(told["phone"].starts_with("wrong"), "{told:?}");
    assert_names(
        &told["phone"],
        &[line.of("SIP_PORT"), "UDP", "set SIP_PORT"],
    );
    assert!(told["sound"].starts_with("wrong"), "{told:?}");
    assert_names(&told["sound"], &["1 of the 1 ports", "set RTP_PORT_MIN"]);
}

#[tokio::test]
async fn a_door_that_is_open_to_everybody_is_told_and_a_list_or_a_password_closes_it() {
    let told = Line::new(&[("SIP_BIND", "0.0.0.0")]).examined().await;
    assert!(told["callers"].starts_with("wrong"), "{told:?}");
    assert_names(&told["callers"], &["SIP_ALLOW", "SIP_CALLER_PASSWORD"]);
    for closed in [
        ("SIP_ALLOW", "192.0.2.0/24"),
        ("SIP_CALLER_PASSWORD", PASSWORD),
    ] {
        let told = Line::new(&[("SIP_BIND", "0.0.0.0"), closed])
            .examined()
            .await;
        assert!(told["callers"].starts_with("ok"), "{told:?}");
        assert!(!told["callers"].contains(PASSWORD), "{told:?}");
    }
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_told_and_the_rest_is_examined() {
    let told = Line::new(&[("SIP_DOMAIN", "pbx.example")]).examined().await;
    assert!(told["phone"].starts_with("wrong"), "{told:?}");
    assert_names(&told["phone"], &["SIP_USERNAME", "SIP_DOMAIN"]);
    assert!(told["state"].starts_with("ok"), "{told:?}");
}

fn account<'a>(domain: &'a str, transport: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("SIP_DOMAIN", domain),
        ("SIP_USERNAME", "77"),
        ("SIP_PASSWORD", PASSWORD),
        ("SIP_REGISTER_TRANSPORT", transport),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pbx_is_asked_before_the_line_runs() {
    let pbx = Pbx::start(PASSWORD);
    for transport in ["udp", "tcp"] {
        let domain = pbx.domain();
        let told = Line::new(&account(&domain, transport)).examined().await;
        let answers = format!("ok pbx {domain} answers");
        assert!(told["pbx"].starts_with(&answers), "{told:?}");
        let told = Line::new(&account("127.0.0.1:1", transport))
            .examined()
            .await;
        assert!(told["pbx"].starts_with("wrong pbx 127.0.0.1:1"), "{told:?}");
        assert_names(&told["pbx"], &["is the PBX running", "SIP_DOMAIN"]);
    }
    let told = Line::new(&account("192.0.2.1", "udp")).examined().await;
    assert_names(&told["pbx"], &["wrong", "set SIP_BIND=0.0.0.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_line_that_runs_the_doctor_says_what_it_says_itself() {
    let server = MumbleServer::start(MumbleOptions::default());
    let (pbx, mumble) = (Pbx::start(PASSWORD), server.port().to_string());
    let domain = pbx.domain();
    let at_server = [("MUMBLE_PORT", &*mumble)];
    let line = Line::new(&[&account(&domain, "udp")[..], &at_server].concat());
    let program = line.program();
    let running = program.start(&["bridge-sip"]);
    pbx.waits_for("77", true);

    let since = Instant::now();
    let told = loop {
        let told = line.examined().await;
        if told["pbx"].starts_with("ok") {
            break told;
        }
        assert!(since.elapsed() < PATIENCE, "{told:?}");
    };
    assert_eq!(told["pbx"], format!("ok pbx registered at {domain}"));
    let open = format!(
        "ok phone open on 127.0.0.1:{}; 0 calls, 1 of 1",
        line.of("SIP_PORT")
    );
    assert!(told["phone"].starts_with(&open), "{told:?}");

    // The same line, and settings that were changed since it was started.
    let mut changed = Line::new(&[]);
    let [sip, health] = [free_port().to_string(), line.of("HEALTH_PORT").to_owned()];
    changed.settings.push(("SIP_PORT".to_owned(), sip.clone()));
    changed.settings.push(("HEALTH_PORT".to_owned(), health));
    let told = changed.examined().await;
    assert!(told["phone"].starts_with("wrong"), "{told:?}");
    assert_names(&told["phone"], &[&sip, "start it again"]);
    running.terminate().await;
    running.ends().await;
}
