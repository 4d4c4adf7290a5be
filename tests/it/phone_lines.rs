//! Many calls come one after the other: the Mumble server bears them, and nothing is left of them.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use bridge_sip::board::Answer;
use tokio::time::{sleep, timeout};
use world::program::Program;
use world::{Autoban, Caller, MumbleOptions, MumbleServer, free_port, free_range};

/// Lines that are kept for many calls, at most.
const KEPT: usize = 4;

/// How long the last caller's line may stay where people talk.
const LEAVING: Duration = Duration::from_secs(2);

/// How long a program may take to start, on a busy machine.
const STARTING: Duration = Duration::from_secs(5);

/// How long the answers of calls are kept for telephones that ask again (32 s by RFC 3261 section
/// 17), on a busy machine.
const FORGETTING: Duration = Duration::from_secs(50);

/// By how much memory may grow with each call, in bytes, once as many have been held before: the
/// allocator's pieces never fit quite as they did. What a call consists of is a hundred times as
/// much, its dialog alone eight times.
const GROWTH: u64 = 2048;

/// How many come.
const CALLS: u32 = 400;

/// Calls by sipp: `count` of them, `rate` a second, five at a time, each hung up after 50 ms.
fn call(bridge: u16, count: u32, rate: u32) -> Output {
    let sipp = Command::new("sipp")
        .args(["-sn", "uac", &format!("127.0.0.1:{bridge}"), "-s", "ai"])
        .args(["-i", "127.0.0.1", "-p", &free_port().to_string()])
        .args(["-mp", &free_port().to_string(), "-m", &count.to_string()])
        .args(["-r", &rate.to_string(), "-l", "5", "-d", "50"])
        .args(["-nostdin", "-timeout", "120"])
        .stdin(Stdio::null())
        .output();
    sipp.expect("sipp is installed; scripts/install.sh phones installs it")
}

/// Has [`CALLS`] short calls answered, in less than a minute.
async fn many_calls(bridge: u16) {
    let begun = Instant::now();
    let calls = tokio::task::spawn_blocking(move || call(bridge, CALLS, 20));
    let ended = calls.await.unwrap();
    let report = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "not all were answered:\n{report}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
}

/// Waits until the phone line's `/health` says so.
async fn tells(url: &str, what: &str, limit: Duration, is: impl Fn(&Answer) -> bool) -> Answer {
    service::tls::install();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let deadline = Instant::now() + limit;
    loop {
        let mut last = None;
        if let Ok(page) = client.get(format!("{url}/health")).send().await {
            let answer: Answer = page.json().await.unwrap();
            if is(&answer) {
                return answer;
            }
            last = Some(answer);
        }
        assert!(
            Instant::now() < deadline,
            "not {what} in {limit:?}: {last:?}"
        );
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_four_hundred_short_calls_nothing_is_left_and_nobody_is_banned() {
    let server = MumbleServer::start(MumbleOptions {
        autoban: Autoban::AsShipped,
        channels: vec!["Parked".to_owned()],
        ..MumbleOptions::default()
    });
    // In a process of its own, whose memory is nobody else's.
    let (mumble, port, first) = (server.port().to_string(), free_port(), free_range(11));
    let program = Program::new(&[
        ("MUMBLE_HOST", server.host()),
        ("MUMBLE_PORT", &mumble),
        ("SIP_PORT", &port.to_string()),
        ("RTP_PORT_MIN", &first.to_string()),
        ("RTP_PORT_MAX", &(first + 10).to_string()),
        ("SIP_PARKING_CHANNEL", "Root/Parked"),
        // So many calls come from an exchange, not from a stranger.
        ("SIP_ALLOW", "127.0.0.1/32"),
    ]);
    let running = program.start(&["bridge-sip"]);
    let url = program.health();
    tells(&url, "open", STARTING, |it| it.ports.free == 11).await;

    many_calls(port).await;
    // The server takes one more: nobody was banned. Who called has left the talk, and the lines
    // that wait apart are no more than were kept for that.
    let ann = Caller::join(&server, "Ann").await;
    let gone = timeout(LEAVING, async {
        while lines(&ann).0 > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    gone.await.expect("they leave");
    let (_, parked) = lines(&ann);
    let is_over = |it: &Answer| {
        it.calls.now == 0
            && it.dialogs == 0
            && it.ports.free == 11
            && it.lines.waiting == it.lines.all
    };
    let over = tells(&url, "over", LEAVING, is_over).await;
    assert_eq!(over.calls.begun, u64::from(CALLS), "{over:?}");
    assert!(
        parked <= KEPT && over.lines.all == parked,
        "{parked} {over:?}"
    );

    // As many again, after which all is as it was before.
    let forgotten = |it: &Answer| is_over(it) && it.transactions == 0;
    let first = tells(&url, "forgotten", FORGETTING, forgotten).await;
    let before = running.memory();
    many_calls(port).await;
    let second = tells(&url, "forgotten", FORGETTING, forgotten).await;
    let grown = running.memory().saturating_sub(before) * 1024 / u64::from(CALLS);
    println!("{before} KiB, and {grown} bytes for each of {CALLS} further calls");
    assert!(grown < GROWTH, "{grown} bytes for each call");
    // How many of them calls in a row need depends on how fast they come.
    assert!(second.lines.all <= KEPT, "{first:?} {second:?}");
    assert_eq!(lines(&ann), (0, second.lines.all));

    running.terminate().await;
    assert_eq!(running.ends().await.code, Some(0));
    let gone = timeout(LEAVING, async {
        while lines(&ann) != (0, 0) {
            sleep(Duration::from_millis(20)).await;
        }
    });
    gone.await.expect("nobody is left");
}

/// How many callers are where people talk, and how many lines wait.
fn lines(ann: &Caller) -> (usize, usize) {
    let roster = ann.client().roster();
    let parked = roster.find_channel("Root/Parked").map(|channel| channel.id);
    let lines = roster
        .users()
        .filter(|user| user.name.starts_with("Phone-"));
    let (parked, talking): (Vec<_>, Vec<_>) = lines.partition(|user| Some(user.channel) == parked);
    (talking.len(), parked.len())
}
