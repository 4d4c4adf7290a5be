//! Fifty voices at once, for as long as `SOAK_SECONDS` says: nothing is missed, nothing grows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mumble::{Client, Config, Event, Events, Heard, Pin, SessionId};
use tempfile::TempDir;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;
use world::talkers::{PACKET, STAGE, Said, Talkers};
use world::{MumbleOptions, MumbleServer, kernel};

/// How many talk.
const VOICES: usize = 50;

/// How long they talk when nothing else is said; `make soak` says ten minutes.
const USUAL_SECONDS: u64 = 60;

/// Until then memory may grow: buffers find their size.
const SETTLING: Duration = Duration::from_secs(15);

/// How much the process's memory may move after that, in bytes. (Other tests run in it as well,
/// and so does the allocator's thrift; 50 voices that kept a packet each would pass it in 20 s.)
const STILL: u64 = 48 << 20;

/// How often the run says how far it is.
const A_LINE: Duration = Duration::from_secs(10);

/// How often it is looked whether there is UDP.
const A_MOMENT: Duration = Duration::from_millis(50);

/// How long it takes until all is heard that was said.
const TAIL: Duration = Duration::from_secs(2);

/// What one speaker was heard to say.
#[derive(Debug, Default)]
struct Voice {
    name: String,
    /// Where the next piece must begin.
    next: Option<u64>,
    packets: u64,
    /// Pieces that did not begin where the one before ended.
    jumps: u64,
    concealed: Duration,
}

impl Voice {
    fn hear(&mut self, heard: &Heard) {
        let units = heard.pcm.duration().as_millis() as u64 / 10;
        self.jumps += u64::from(self.next.is_some_and(|next| next != heard.sequence));
        self.next = Some(heard.sequence + units);
        self.packets +=
            (heard.pcm.duration() - heard.concealed).as_millis() as u64 / PACKET.as_millis() as u64;
        self.concealed += heard.concealed;
    }
}

type Voices = Arc<Mutex<BTreeMap<SessionId, Voice>>>;

/// Hears everybody, until the end of the test.
async fn listen(client: Client, mut events: Events, voices: Voices) {
    while let Some(event) = events.next().await {
        assert_eq!(events.dropped(), 0, "the test keeps up");
        let Event::Heard(heard) = event else { continue };
        let mut voices = voices.lock().unwrap();
        let voice = voices.entry(heard.speaker).or_insert_with(|| Voice {
            name: client.roster().user(heard.speaker).unwrap().name.clone(),
            ..Voice::default()
        });
        voice.hear(&heard);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_voices_are_heard_to_the_last_frame_and_memory_stays_flat() {
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds = seconds.map_or(USUAL_SECONDS, |text| text.parse().unwrap());
    service::tls::install();
    let server = MumbleServer::start(MumbleOptions {
        channels: vec![STAGE.to_owned()],
        ..MumbleOptions::default()
    });
    let (port, state) = (server.port(), TempDir::new().unwrap());
    let mut config = Config::new(server.host(), port, "Listener", state.path());
    config.pin = Pin::Off;
    let here = CancellationToken::new();
    let _here = here.clone().drop_guard();
    let (client, events) = mumble::join(config, here);
    let voices = Voices::default();
    let listening = tokio::spawn(listen(client.clone(), events, Arc::clone(&voices)));
    while !client.stats().udp {
        assert!(!listening.is_finished(), "it listens");
        sleep(A_MOMENT).await;
    }

    let mut talkers = Talkers::start(env!("CARGO_BIN_EXE_talkers"), port, VOICES);
    let (begun, mut lines) = (Instant::now(), interval(A_LINE));
    let (mut least, mut most) = (u64::MAX, 0);
    while begun.elapsed() < Duration::from_secs(seconds) {
        lines.tick().await;
        let memory = kernel::resident(std::process::id());
        if begun.elapsed() >= SETTLING {
            (least, most) = (least.min(memory), most.max(memory));
        }
        let heard: u64 = voices.lock().unwrap().values().map(|v| v.packets).sum();
        let (since, lost) = (begun.elapsed().as_secs(), client.stats().lost);
        println!(
            "{since:>4} s: {heard} packets heard, {lost} lost, {} MB",
            memory >> 20
        );
    }
    let said = talkers.hush();
    sleep(TAIL).await;

    let voices = voices.lock().unwrap();
    let by_name: HashMap<&str, &Voice> = voices.values().map(|v| (&*v.name, v)).collect();
    let mut missed = 0;
    for Said { name, packets } in &said {
        let voice = by_name.get(&**name).expect("everybody is heard");
        assert_eq!(voice.jumps, 0, "{name} is heard without a hole");
        missed += packets
            .checked_sub(voice.packets)
            .expect("nothing is heard twice");
    }
    let all: u64 = said.iter().map(|said| said.packets).sum();
    let at_server = kernel::drops_at(port);
    let here = kernel::own_drops_from(port);
    let lost = u64::from(client.stats().lost);
    println!(
        "{} voices said {all} packets: {missed} missed; dropped by the system: {at_server} in \
         front of the server, {here} in front of us; lost between the two: {lost}; memory moved \
         by {} kB",
        said.len(),
        most.saturating_sub(least) >> 10,
    );
    assert_eq!(said.len(), VOICES);
    assert!(all >= VOICES as u64 * (seconds * 1000 / PACKET.as_millis() as u64));
    assert_eq!(
        lost, here,
        "what the server sent is lost only to the system"
    );
    assert!(missed <= at_server + here, "what is missed is named");
    assert!(most.saturating_sub(least) <= STILL, "memory stays flat");
}
