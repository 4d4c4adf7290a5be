//! What calls cost in processor time and memory, beside Opus alone.

use std::time::{Duration, Instant};

use audio::opus::{Decoder, Encoder};
use audio::{MUMBLE_HZ, Pcm};
use world::handset::{Handset, Line};
use world::{Caller, MumbleServer, Release, kernel, question};

use crate::subject::Subject;

/// What is said again and again.
const SENTENCE: &str =
    "The quick brown fox jumps over the lazy dog while the kettle boils in the kitchen.";

/// How many calls are in one channel.
const CALLS: [usize; 3] = [1, 5, 10];

/// A call before it is measured: codecs and buffers are there by then.
const SETTLING: Duration = Duration::from_secs(3);

/// How long it is measured.
const MEASURED: Duration = Duration::from_secs(20);

/// Frames of the measurement of libopus alone: 10 s.
const PACED: usize = 500;

/// The bit rate of callers in Mumble, which is the setting's default.
const BITRATE: u32 = 24_000;

/// A telephone's rate, at which callers are encoded and decoded.
const TELEPHONE_HZ: u32 = 8000;

/// What the Rust PBX that publishes the least takes for a call point to point: the share of a
/// processor in per cent, and memory in MB.
const BEST_PBX: (f64, f64) = (0.42, 0.93);

/// What one row shows, of one second.
struct Row {
    calls: usize,
    cpu: Duration,
    resident: u64,
}

pub(crate) async fn measure() -> String {
    let speech = question::spoken(SENTENCE).await;
    let whole = repeated(&speech, SETTLING + MEASURED + Duration::from_secs(4));
    let bare = Bare::measured(&whole, TELEPHONE_HZ);
    let wide = Bare::measured(&whole, MUMBLE_HZ);
    let alone = transcoded(&whole).await;
    let mut rows = Vec::new();
    for calls in CALLS {
        rows.push(in_one_channel(&whole, calls).await);
    }
    table(&bare, &wide, alone, &rows)
}

/// One call and one Mumble user, who both talk all the time: processor time in a second.
async fn transcoded(sound: &Pcm) -> Duration {
    let server = MumbleServer::of(Release::V1_5);
    let subject = Subject::start(&server).await;
    let ann = Caller::join(&server, "Ann").await;
    let mut handset = Handset::call(subject.address(), "bob").await;
    ann.meets("Phone-bob").await;
    let (_saying, cpu) = tokio::join!(ann.say(sound), async {
        let pid = subject.pid();
        let measured = tokio::spawn(cpu(pid));
        handset.say(sound, &mut Line::good()).await;
        measured.await.expect("it does not panic")
    });
    cpu
}

/// So many calls in one channel, each of which talks all the time and hears all others.
async fn in_one_channel(sound: &Pcm, calls: usize) -> Row {
    let server = MumbleServer::of(Release::V1_5);
    let subject = Subject::start(&server).await;
    let mut talking = Vec::new();
    for call in 0..calls {
        let mut handset = Handset::call(subject.address(), &format!("caller{call}")).await;
        let sound = sound.clone();
        talking.push(tokio::spawn(async move {
            handset.say(&sound, &mut Line::good()).await;
            handset
        }));
    }
    let cpu = cpu(subject.pid()).await;
    let resident = kernel::resident(subject.pid());
    for handset in talking {
        drop(handset.await.expect("it does not panic"));
    }
    eprintln!("{calls} calls: {cpu:?} of a processor in a second, {resident} bytes");
    Row {
        calls,
        cpu,
        resident,
    }
}

/// Processor time of a process in a second, after it has settled.
async fn cpu(pid: u32) -> Duration {
    tokio::time::sleep(SETTLING).await;
    let (before, begun) = (kernel::cpu(pid), Instant::now());
    tokio::time::sleep(MEASURED).await;
    (kernel::cpu(pid) - before).div_f64(begun.elapsed().as_secs_f64())
}

/// What libopus alone takes for a second of the same sound.
struct Bare {
    encode: Duration,
    decode: Duration,
}

impl Bare {
    /// Encoding at `rate` Hz, decoding to a telephone's, under the same settings as in a call: its
    /// bit rate, and what the encoder has by default. A frame every 20 ms, as in a call: in a
    /// tight loop its tables would never leave the processor's caches.
    fn measured(sound: &Pcm, rate: u32) -> Self {
        let sound = sound.resampled(rate);
        let mut encoder = Encoder::at(rate, BITRATE).expect("libopus works");
        let mut decoder = Decoder::new(TELEPHONE_HZ).expect("libopus works");
        let (mut encoding, mut decoding) = (Vec::new(), Vec::new());
        let frames = sound.samples().chunks_exact(rate as usize / 50);
        let begun = Instant::now();
        for (n, frame) in frames.take(PACED).enumerate() {
            let due = begun + Duration::from_millis(20) * n as u32;
            while let Some(rest) = due.checked_duration_since(Instant::now()) {
                std::thread::park_timeout(rest);
            }
            let start = Instant::now();
            let packet = encoder.encode(frame).expect("20 ms");
            let encoded = Instant::now();
            decoder.decode(&packet).expect("it was just made");
            encoding.push(encoded - start);
            decoding.push(encoded.elapsed());
        }
        Self {
            encode: in_a_second(encoding),
            decode: in_a_second(decoding),
        }
    }

    fn together(&self) -> Duration {
        self.encode + self.decode
    }
}

/// The encoder's complexity, 0 to 10, which is libopus's own choice.
fn complexity() -> i32 {
    let encoder = opus::Encoder::new(TELEPHONE_HZ, opus::Channels::Mono, opus::Application::Voip);
    let complexity = encoder.and_then(|mut encoder| encoder.get_complexity());
    complexity.expect("libopus works")
}

/// The sum over a second, without the hundredth part that took longest: something else ran then.
fn in_a_second(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.truncate(times.len() * 99 / 100);
    times.iter().sum::<Duration>() * 50 / times.len().max(1) as u32
}

fn repeated(sound: &Pcm, length: Duration) -> Pcm {
    let mut whole = Pcm::new(sound.rate(), Vec::new());
    while whole.duration() < length {
        whole.extend_from_slice(sound.samples());
    }
    whole
}

fn table(bare: &Bare, wide: &Bare, alone: Duration, rows: &[Row]) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let ratio = alone.as_secs_f64() / bare.together().as_secs_f64();
    let verdict = if ratio <= 1.3 { "held" } else { "missed" };
    let mut text = format!(
        "## What they cost\n\nProcessor time in ms for each second of a call in G.711 and one Mumble user who both talk all the time. The caller's sound is encoded as it is, at 8 kHz, and the Mumble user's decoded to that: complexity {}, {} kbit/s, in-band FEC, 20 ms in a packet. Bare: libopus alone with the same settings for the same speech in the same run, a frame every 20 ms; and with the caller's sound at 48 kHz, as Mumble's own clients encode theirs.\n\n| | encode | decode | together |\n|---|---:|---:|---:|\n| bare libopus | {:.2} | {:.2} | {:.2} |\n| bare libopus from 48 kHz | {:.2} | {:.2} | {:.2} |\n| the phone line, everything | | | {:.2} |\n\n- {ratio:.2} times bare libopus, asked at most 1.3: {verdict}.\n- {:.2} % of a processor for a call; the best Rust PBX publishes {:.2} % for one point to point.\n\nCalls in one channel, each of which talks and hears all others:\n\n| calls | processor time in ms/s | for each call | memory in MB |\n|---:|---:|---:|---:|\n",
        complexity(),
        BITRATE / 1000,
        ms(bare.encode),
        ms(bare.decode),
        ms(bare.together()),
        ms(wide.encode),
        ms(wide.decode),
        ms(wide.together()),
        ms(alone),
        alone.as_secs_f64() * 100.0,
        BEST_PBX.0,
    );
    for row in rows {
        text += &format!(
            "| {} | {:.1} | {:.2} | {:.1} |\n",
            row.calls,
            ms(row.cpu),
            ms(row.cpu) / row.calls as f64,
            row.resident as f64 / 1e6,
        );
    }
    if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
        let slope =
            (last.resident as f64 - first.resident as f64) / (last.calls - first.calls) as f64;
        let verdict = if slope <= 2e6 { "held" } else { "missed" };
        text += &format!(
            "\n- {:.2} MB more for each call, asked at most 2: {verdict}; the best Rust PBX publishes {:.2} MB.\n",
            slope / 1e6,
            BEST_PBX.1,
        );
    }
    text
}
