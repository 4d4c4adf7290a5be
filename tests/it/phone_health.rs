//! The phone line seen from outside while a real telephone calls.

use std::time::{Duration, Instant};

use audio::Pcm;
use serde_json::Value;
use service::health::Server;
use world::program::Program;
use world::{Bridge, Caller, MumbleServer, Phone, PhoneCodec, Release, free_port};

/// How long a test waits for what must come: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what must come.
const LOOK: Duration = Duration::from_millis(100);

/// What a page holds, and its code.
async fn page(url: &str, path: &str) -> Option<(u16, String)> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{url}{path}")).send().await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Waits until `/health` tells what is wanted, and gives its code and what it says.
async fn tells(url: &str, wanted: &str, is: impl Fn(&Value) -> bool) -> (u16, Value) {
    let deadline = Instant::now() + PATIENCE;
    let mut last = Value::Null;
    while Instant::now() < deadline {
        if let Some((code, text)) = page(url, "/health").await {
            last = serde_json::from_str(&text).unwrap();
            if is(&last) {
                return (code, last);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("not {wanted} in {PATIENCE:?}: {last}");
}

/// The number behind a name in a page of metrics.
fn number(metrics: &str, name: &str) -> Option<f64> {
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Serves what this line writes about itself, and where.
fn served(bridge: &Bridge) -> (Server, String) {
    let server = Server::start(bridge.board().clone(), ([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}", server.address());
    (server, url)
}

/// A phone line of its own process for this server.
fn line(server: &MumbleServer, sip: &str, more: &[(&str, &str)]) -> Program {
    let port = server.port().to_string();
    let settings = [
        ("MUMBLE_HOST", server.host()),
        ("MUMBLE_PORT", &*port),
        ("SIP_PORT", sip),
    ];
    Program::new(&settings).with(more)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_seen_while_it_lasts_and_gone_afterwards() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    let (_pages, url) = served(&bridge);
    let (code, quiet) = tells(&url, "open", |it| it["status"] == "healthy").await;
    assert_eq!((code, &quiet["calls"]["now"]), (200, &0.into()));
    assert_eq!(quiet["mumble"], Value::Null, "nobody has called yet");

    let listener = Caller::join(&server, "Ann").await;
    let silence = Pcm::silence(16_000, Duration::from_secs(60));
    let mut phone = Phone::start("grace", PhoneCodec::Pcmu, &silence);
    phone.dial(&bridge.address());
    phone.waits_for("CALL_ESTABLISHED");
    listener.meets("Phone-grace").await;
    let sounds = |it: &Value| it["calls"]["going_on"][0]["mos"].is_number();
    let (code, during) = tells(&url, "a call", sounds).await;
    assert_eq!(code, 200, "{during}");
    assert_eq!(during["calls"]["now"], 1);
    assert_eq!(during["ports"]["free"], 10);
    assert_eq!(during["mumble"]["up"], true);
    let call = &during["calls"]["going_on"][0];
    assert_eq!((&call["call"], &call["joined"]), (&1.into(), &true.into()));
    assert!(call["mos"].as_f64().unwrap() > 4.0, "{call}");
    assert!(!during.to_string().contains("grace"), "{during}");
    let (_, metrics) = page(&url, "/metrics").await.unwrap();
    assert_eq!(number(&metrics, "mumble_ai_phone_calls "), Some(1.0));
    let mos = number(&metrics, "mumble_ai_phone_call_mos{call=\"1\"}");
    assert!(mos.is_some_and(|mos| mos > 4.0), "{metrics}");

    phone.hang_up();
    let over = |it: &Value| it["calls"]["now"] == 0;
    let (code, after) = tells(&url, "over", over).await;
    assert_eq!(code, 200);
    assert_eq!(after["calls"]["ended"]["hung up"], 1);
    assert_eq!(after["ports"]["free"], 11);
    let (_, metrics) = page(&url, "/metrics").await.unwrap();
    assert_eq!(number(&metrics, "mumble_ai_phone_calls "), Some(0.0));
    assert!(!metrics.contains("call_mos{"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_whose_ports_all_have_a_call_says_that_it_takes_none() {
    let server = MumbleServer::of(Release::V1_5);
    let rtp = free_port().to_string();
    let one = [("RTP_PORT_MIN", &*rtp), ("RTP_PORT_MAX", &*rtp)];
    let bridge = Bridge::start(&server, &one);
    let (_pages, url) = served(&bridge);
    tells(&url, "open", |it| it["status"] == "healthy").await;
    let silence = Pcm::silence(16_000, Duration::from_secs(60));
    let mut phone = Phone::start("grace", PhoneCodec::Pcmu, &silence);
    phone.dial(&bridge.address());
    let (code, full) = tells(&url, "full", |it| it["status"] == "unhealthy").await;
    assert_eq!(code, 503, "{full}");
    assert!(
        full["reasons"][0]
            .as_str()
            .unwrap()
            .contains("RTP_PORT_MIN")
    );
    let (ready, _) = page(&url, "/ready").await.unwrap();
    let (live, _) = page(&url, "/live").await.unwrap();
    assert_eq!((ready, live), (503, 200));
    phone.waits_for("CALL_ESTABLISHED");
    phone.hang_up();
    tells(&url, "free again", |it| it["status"] == "healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_the_assistant_the_line_has_pages_of_its_own() {
    let server = MumbleServer::of(Release::V1_5);
    let (sip, pages) = (free_port().to_string(), free_port().to_string());
    let nobody = "http://127.0.0.1:1";
    let more = [
        ("SIP_ENABLED", "true"),
        ("SIP_HEALTH_PORT", &*pages),
        ("WHISPER_URL", nobody),
        ("OLLAMA_URL", nobody),
        ("PIPER_URL", nobody),
    ];
    let program = line(&server, &sip, &more);
    let running = program.start(&["up"]);
    let url = format!("http://127.0.0.1:{pages}");
    let (_, phone) = tells(&url, "open", |it| it["status"] == "healthy").await;
    assert!(phone["calls"].is_object(), "{phone}");
    let assistant = |it: &Value| it["services"]["mumble"] == true;
    tells(&program.health(), "in Mumble", assistant).await;

    // Another one finds its port taken, says so and ends, assistant and all.
    let port = free_port().to_string();
    let other = line(&server, &sip, &more).with(&[("SIP_HEALTH_PORT", &port)]);
    let ran = other.run(&["up"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("set SIP_PORT or SIP_BIND"), "{ran:?}");
    running.terminate().await;
    assert_eq!(running.ends().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_name_nor_number_of_a_caller_is_in_the_log() {
    let server = MumbleServer::of(Release::V1_5);
    // The name is somebody else's: the first join is refused, by that name.
    let namesake = Caller::join(&server, "Phone-4915770042").await;
    namesake.client().register().await.unwrap();
    let everything = "debug,bridge_sip=debug,rsipstack=debug,rsipstack::transport=debug";
    for log in [
        [("LOG_LEVEL", "debug"), ("LOG_FORMAT", "text")],
        [("LOG_LEVEL", everything), ("LOG_FORMAT", "json")],
    ] {
        let sip = free_port().to_string();
        let program = line(&server, &sip, &log);
        let running = program.start(&["bridge-sip"]);
        tells(&program.health(), "open", |it| it["status"] == "healthy").await;
        let silence = Pcm::silence(16_000, Duration::from_secs(60));
        let mut phone = Phone::start("4915770042", PhoneCodec::Pcmu, &silence);
        phone.dial(&format!("sip:5550199@127.0.0.1:{sip}"));
        phone.waits_for("CALL_ESTABLISHED");
        namesake.meets("Phone-unknown").await;
        phone.hang_up();
        running.says(&["a call has ended"]).await;
        running.terminate().await;
        let ran = running.ends().await;
        let told = |line: &&str| line.contains("4915770042") || line.contains("5550199");
        let all = format!("{}{}", ran.stdout, ran.stderr);
        let leaks: Vec<&str> = all.lines().filter(told).collect();
        assert!(leaks.is_empty(), "in the log:\n{}", leaks.join("\n"));
    }
}
