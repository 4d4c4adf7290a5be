//! The one who hears everybody, in a process of its own: what the bot does up to voice activity.
//!
//! Joins, prints `ready` once it has UDP, and then answers each line on standard input by one of
//! JSON: how many packets it has heard and made up. Ends with its standard input.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mumble::{Event, Heard, Pin, SessionId};
use speech::turn::{Config, Endpointer};
use tempfile::tempdir;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use world::talkers::{PACKET, lines};

/// How often it is looked whether there is UDP.
const A_MOMENT: Duration = Duration::from_millis(50);

/// When there is nothing to wait for.
const LONG: Duration = Duration::from_secs(3600);

/// What is done with what is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    /// Turns are found, as in the bot.
    VoiceActivity,
    /// Nothing: as much as pymumble does.
    Nothing,
}

/// Runs the listener on the server at `port`.
pub(crate) async fn listen(port: u16, with: With) {
    service::tls::install();
    let state = tempdir().expect("there is room for temporary files");
    let mut config = mumble::Config::new("127.0.0.1", port, "Listener", state.path());
    config.pin = Pin::Off;
    let end = CancellationToken::new();
    let _end = end.clone().drop_guard();
    let (client, mut events) = mumble::join(config, end);
    let mut ears = Ears::new(with);
    while !client.stats().udp {
        tokio::select! {
            event = events.next() => ears.take(event),
            () = sleep(A_MOMENT) => {}
        }
    }
    println!("ready");
    let mut lines = lines();
    loop {
        let due = ears.deadline().unwrap_or_else(|| Instant::now() + LONG);
        tokio::select! {
            event = events.next() => ears.take(event),
            () = sleep_until(due.into()) => ears.handle_timeout(Instant::now()),
            line = lines.recv() => match line {
                Some(_) => println!("{}", ears.report()),
                None => return,
            },
        }
    }
}

/// An ear for each speaker.
#[derive(Debug)]
struct Ears {
    with: With,
    ears: HashMap<SessionId, Endpointer>,
    heard: Duration,
    concealed: Duration,
}

impl Ears {
    fn new(with: With) -> Self {
        Self {
            with,
            ears: HashMap::new(),
            heard: Duration::ZERO,
            concealed: Duration::ZERO,
        }
    }

    fn take(&mut self, event: Option<Event>) {
        if let Some(Event::Heard(heard)) = event {
            self.hear(&heard);
        }
    }

    fn hear(&mut self, heard: &Heard) {
        self.heard += heard.pcm.duration();
        self.concealed += heard.concealed;
        if self.with == With::Nothing {
            return;
        }
        let now = Instant::now();
        let ear = self
            .ears
            .entry(heard.speaker)
            .or_insert_with(|| Endpointer::new(Config::default()));
        ear.hear(now, heard.pcm.samples());
        if heard.last {
            ear.release(now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        for ear in self.ears.values_mut() {
            if ear.deadline().is_some_and(|due| due <= now) {
                ear.handle_timeout(now);
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ears.values().filter_map(Endpointer::deadline).min()
    }

    fn report(&self) -> serde_json::Value {
        let packets = |time: Duration| (time.as_millis() / PACKET.as_millis()) as u64;
        serde_json::json!({
            "packets": packets(self.heard),
            "made_up": packets(self.concealed),
        })
    }
}
