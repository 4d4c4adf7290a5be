//! How late a sound is that goes through the phone line, measured by a click.

use std::time::{Duration, Instant};

use audio::Pcm;
use world::figures::median;
use world::handset::{Handset, Line};
use world::{Caller, MumbleServer, Release};

use crate::subject::Subject;

/// How many clicks are timed each way.
const CLICKS: u32 = 20;

/// Between two clicks.
const APART: Duration = Duration::from_millis(1600);

/// Louder than this is the click.
const LOUD: u16 = 4000;

/// Bare ways in both directions, without what the phone line waits on purpose.
const ASKED: Duration = Duration::from_millis(60);

pub(crate) async fn measure() -> String {
    let server = MumbleServer::of(Release::V1_5);
    let subject = Subject::start(&server).await;
    let ann = Caller::join(&server, "Ann").await;
    let mut handset = Handset::call(subject.address(), "bob").await;
    ann.meets("Phone-bob").await;

    // From the telephone to Mumble.
    let sound = clicks(8000);
    let begun = handset.say(&sound, &mut Line::good()).await;
    let sent: Vec<Instant> = (0..CLICKS)
        .map(|n| begun + APART * n + click_at())
        .collect();
    let pieces = ann.pieces_of("Phone-bob");
    let mut heard = Vec::new();
    for piece in &pieces {
        if let Some(at) = loud(piece.pcm.samples()) {
            let into = Duration::from_secs_f64(at as f64 / f64::from(piece.pcm.rate()));
            heard.push(piece.received + into);
        }
    }
    let there = differences(&sent, &heard);

    // And back.
    let begun = Instant::now();
    let sound = clicks(48_000);
    let (_, ()) = tokio::join!(ann.say(&sound), handset.listen(sound.duration()));
    let sent: Vec<Instant> = (0..CLICKS)
        .map(|n| begun + APART * n + click_at())
        .collect();
    let mut codec = bridge_sip::offer::Codec::Pcma
        .open()
        .expect("G.711 needs nothing");
    let mut heard = Vec::new();
    for packet in handset.packets().iter().filter(|packet| packet.at >= begun) {
        if let Some(at) = loud(&codec.decode(&packet.payload)) {
            heard.push(packet.at + Duration::from_secs_f64(at as f64 / 8000.0));
        }
    }
    let back = differences(&sent, &heard);
    table(&there, &back)
}

/// Where in each stretch the click stands.
fn click_at() -> Duration {
    Duration::from_millis(600)
}

/// Clicks of 5 ms, far apart.
fn clicks(rate: u32) -> Pcm {
    let samples = |time: Duration| (time.as_secs_f64() * f64::from(rate)) as usize;
    let mut whole = vec![0_i16; samples(APART * CLICKS)];
    for n in 0..CLICKS {
        let at = samples(APART * n + click_at());
        for (n, sample) in whole
            .iter_mut()
            .skip(at)
            .take(samples(Duration::from_millis(5)))
            .enumerate()
        {
            *sample = if (n * 2000 / rate as usize).is_multiple_of(2) {
                16_000
            } else {
                -16_000
            };
        }
    }
    Pcm::new(rate, whole)
}

fn loud(pcm: &[i16]) -> Option<usize> {
    pcm.iter().position(|sample| sample.unsigned_abs() > LOUD)
}

/// From each click to the first that was heard after it, within the time to the next one.
fn differences(sent: &[Instant], heard: &[Instant]) -> Vec<Duration> {
    let first = |sent: &Instant| heard.iter().find(|heard| *heard >= sent);
    let pairs = sent
        .iter()
        .filter_map(|sent| first(sent).map(|heard| *heard - *sent));
    pairs.filter(|late| *late < APART).collect()
}

fn table(there: &[Duration], back: &[Duration]) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let mut text = format!(
        "## How late they are\n\nA click, from the moment at which its packet was sent to the moment at which the packet with it arrived, in ms; {CLICKS} each way, telephone in G.711, everything on one machine. Waited on purpose: the jitter buffer of that direction, which is {} ms towards Mumble on a line without jitter (it grows with the jitter) and {} ms towards the telephone.\n\n| direction | p50 | p95 | clicks heard | jitter buffer | added beside it, p50 | asked |\n|---|---:|---:|---:|---:|---:|---|\n",
        ms(bridge_sip::playout::depth::LEAST_DEPTH),
        ms(bridge_sip::voices::DEPTH),
    );
    let rows = [
        (
            "telephone to Mumble",
            there,
            bridge_sip::playout::depth::LEAST_DEPTH,
        ),
        ("Mumble to telephone", back, bridge_sip::voices::DEPTH),
    ];
    for (name, times, buffer) in rows {
        let added = median(times).saturating_sub(buffer);
        let verdict = if added <= ASKED && !times.is_empty() {
            "held"
        } else {
            "missed"
        };
        text += &format!(
            "| {name} | {:.1} | {:.1} | {} of {CLICKS} | {:.0} | {:.1} | at most 60: {verdict} |\n",
            ms(median(times)),
            ms(world::figures::at(times, 95)),
            times.len(),
            ms(buffer),
            ms(added),
        );
    }
    text
}
