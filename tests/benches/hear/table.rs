//! The figures, asked beside measured.

use std::time::Duration;

use world::figures::machine;
use world::talkers::PACKET;

use crate::bare::Bare;
use crate::subject::Cost;

/// Our own share at most, per second of speech.
const OWN_ASKED: Duration = Duration::from_millis(1);

/// All of it at most, in decodes and voice activities.
const RATIO_ASKED: f64 = 1.5;

/// How much less than pymumble at least.
const LESS_ASKED: f64 = 10.0;

/// Memory of a speaker at most, in bytes.
const MEMORY_ASKED: u64 = 2 << 20;

/// What was measured while so many talked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) speakers: usize,
    /// All that the bot does, up to the voice activity.
    pub(crate) listening: Cost,
    /// The same without the voice activity: what pymumble does.
    pub(crate) receiving: Cost,
    /// At the pace of speech.
    pub(crate) bare: Bare,
    /// As fast as it goes.
    pub(crate) tight: Bare,
    pub(crate) stranger: Stranger,
}

/// pymumble: per packet, on a processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranger {
    pub(crate) total: Duration,
    pub(crate) decode: Duration,
    pub(crate) packets: u64,
}

impl Row {
    fn bare(&self) -> Duration {
        self.bare.decode + self.bare.voice_activity
    }

    fn ratio(&self) -> f64 {
        self.listening.packet.as_secs_f64() / self.bare().as_secs_f64()
    }

    fn own(&self) -> Duration {
        self.listening.packet.saturating_sub(self.bare())
    }

    fn net(&self) -> Duration {
        self.receiving.packet.saturating_sub(self.bare.decode)
    }

    fn less(&self) -> f64 {
        self.stranger.net().as_secs_f64() / self.net().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Stranger {
    fn net(&self) -> Duration {
        self.total.saturating_sub(self.decode)
    }
}

/// The whole of `benchmarks/hear.md`.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "# What it costs to hear\n\n\
         Real Mumble users talk at once on a real Mumble server; they replay stored speech \
         (Opus, 40 kbit/s, packets of 20 ms) and hear nothing themselves. The listener is a \
         process of its own: encrypted UDP in, decrypt, jitter buffer, decode straight to \
         16 kHz, voice activity and turns as in the bot. Processor time of all its threads, the \
         system's work for it included, in milliseconds per second of one speaker's speech. \
         Decode and voice activity are those of the same packets in the same run, without a \
         network but at the same pace, for libopus finds other caches after a pause of 20 ms \
         than in a tight loop (which is shown beside); our own share is all the rest.\n\n\
         Made by `cargo bench --package mumble-ai-tests --bench hear` (part of `make bench`) on \
         {}.\n\n\
         | speakers | packets | made up | total | decode | voice activity | (both in a tight loop) | **own share** | asked | total / bare | asked |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        machine(),
    );
    for row in rows {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | **{}** | {} | **{:.2}** | {RATIO_ASKED} |\n",
            row.speakers,
            row.listening.packets,
            row.listening.made_up,
            ms(row.listening.packet),
            ms(row.bare.decode),
            ms(row.bare.voice_activity),
            ms(row.tight.decode + row.tight.voice_activity),
            ms(row.own()),
            OWN_ASKED.as_secs_f64() * 1e3,
            row.ratio(),
        );
    }
    text += "\n## Beside pymumble\n\n\
             pymumble 1.6.1 hears the same users by TCP and decodes them to 48 kHz. Ours here \
             receives and decodes as well and goes no further, as pymumble does not. Net is \
             without libopus' decode, each side's own, measured in the same run.\n\n\
             | speakers | ours | decode | ours net | pymumble | decode | pymumble net | packets | **less** | asked |\n\
             |---|---|---|---|---|---|---|---|---|---|\n";
    for row in rows {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | **{:.1}** | {LESS_ASKED} |\n",
            row.speakers,
            ms(row.receiving.packet),
            ms(row.bare.decode),
            ms(row.net()),
            ms(row.stranger.total),
            ms(row.stranger.decode),
            ms(row.stranger.net()),
            row.stranger.packets,
            row.less(),
        );
    }
    if let [first, .., last] = rows {
        let more = last
            .listening
            .resident
            .saturating_sub(first.listening.resident);
        let each = more / (last.speakers - first.speakers).max(1) as u64;
        text += &format!(
            "\n## Memory\n\nResident with {} speaker {} MB, with {} speakers {} MB: **{} kB** a \
             speaker; asked at most {} kB.\n",
            first.speakers,
            first.listening.resident >> 20,
            last.speakers,
            last.listening.resident >> 20,
            each >> 10,
            MEMORY_ASKED >> 10,
        );
    }
    text
}

/// Milliseconds per second of speech, of a time per packet.
fn ms(packet: Duration) -> String {
    format!("{:.2}", packet.as_secs_f64() / PACKET.as_secs_f64() * 1e3)
}
