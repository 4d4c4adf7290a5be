//! The work that cannot be saved: libopus' decode and the voice activity, without a network.

use std::thread;
use std::time::{Duration, Instant};

use audio::SPEECH_HZ;
use audio::opus::Decoder;
use speech::turn::{Config, Endpointer};
use world::talkers::PACKET;

/// How many packets are timed in a tight loop at least.
const LEAST: usize = 3000;

/// How many packets of each speaker are timed at the pace of speech: those of 5 s.
const PACED: usize = 250;

/// Of a hundred times so many are left out, the longest: something else ran then.
const OUTLIERS_PERCENT: usize = 1;

/// The time for a packet of 20 ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bare {
    /// Straight to 16 kHz.
    pub(crate) decode: Duration,
    /// Turns found, as the bot does it.
    pub(crate) voice_activity: Duration,
}

/// What so many speakers say at once, each beginning at another of `packets`: one packet of each
/// every 20 ms, as they come from a network.
pub(crate) fn paced(packets: &[Vec<u8>], speakers: usize) -> Bare {
    let begin = Instant::now();
    measure(packets, speakers, PACED, |tick| {
        let due = begin + PACKET * tick as u32;
        while let Some(rest) = due.checked_duration_since(Instant::now()) {
            thread::park_timeout(rest);
        }
    })
}

/// The same without a pause.
pub(crate) fn tight(packets: &[Vec<u8>], speakers: usize) -> Bare {
    measure(packets, speakers, LEAST.div_ceil(speakers), |_| {})
}

fn measure(packets: &[Vec<u8>], speakers: usize, ticks: usize, wait: impl Fn(usize)) -> Bare {
    let new = || Decoder::new(SPEECH_HZ).expect("Opus knows 16 kHz");
    let mut listeners: Vec<(Decoder, Endpointer)> = (0..speakers)
        .map(|_| (new(), Endpointer::new(Config::default())))
        .collect();
    let (mut decodes, mut weighings) = (Vec::new(), Vec::new());
    let said_at = Instant::now();
    for tick in 0..ticks {
        wait(tick);
        for (speaker, (decoder, ear)) in listeners.iter_mut().enumerate() {
            let packet = &packets[(tick + speaker * packets.len() / speakers) % packets.len()];
            let begun = Instant::now();
            let sound = decoder.decode(packet).expect("it was encoded so");
            let decoded = Instant::now();
            ear.hear(said_at + PACKET * tick as u32, &sound);
            decodes.push(decoded - begun);
            weighings.push(decoded.elapsed());
        }
    }
    Bare {
        decode: mean(decodes),
        voice_activity: mean(weighings),
    }
}

fn mean(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.truncate(times.len() - times.len() * OUTLIERS_PERCENT / 100);
    times.iter().sum::<Duration>() / times.len().max(1) as u32
}
