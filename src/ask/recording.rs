//! A recorded answer: pieces of sound with their pauses, and when it has ended. No I/O.

use std::time::{Duration, Instant};

use audio::{MUMBLE_HZ, Pcm};

/// Silence after the speaker's last packet that ends the answer: longer than it takes to make a
/// next sentence.
const QUIET_AFTER_END: Duration = Duration::from_millis(1500);

/// Silence that ends it when no packet was marked as the last: that one got lost.
const QUIET_AFTER_LOSS: Duration = Duration::from_secs(5);

/// A gap below this is the network's and not the speaker's.
const SHORTEST_GAP: Duration = Duration::from_millis(100);

/// The longest answer that is recorded; who talks on is cut off.
const LONGEST: Duration = Duration::from_secs(300);

/// What has been heard so far.
#[derive(Debug)]
pub(super) struct Recording {
    sound: Pcm,
    times: Option<Times>,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    /// When the first sound came.
    first: Instant,
    /// When the latest packet came.
    latest: Instant,
    /// Whether it was marked as the last one of its sentence.
    marked: bool,
}

impl Recording {
    /// Nothing heard yet.
    pub(super) fn new() -> Self {
        Self {
            sound: Pcm::silence(MUMBLE_HZ, Duration::ZERO),
            times: None,
        }
    }

    /// Takes a piece that came at `now`; `last` when the speaker marked it so.
    pub(super) fn hear(&mut self, now: Instant, piece: &Pcm, last: bool) {
        if piece.is_empty() && self.times.is_none() {
            return;
        }
        let times = self.times.get_or_insert(Times {
            first: now,
            latest: now,
            marked: last,
        });
        let reached = times.first + self.sound.duration();
        (times.latest, times.marked) = (now, last);
        if self.sound.duration() >= LONGEST {
            return;
        }
        let gap = now.saturating_duration_since(reached);
        if gap > SHORTEST_GAP && !piece.is_empty() {
            self.sound
                .extend_from_slice(Pcm::silence(MUMBLE_HZ, gap).samples());
        }
        self.sound
            .extend_from_slice(piece.resampled(MUMBLE_HZ).samples());
    }

    /// When the first sound came.
    pub(super) fn first(&self) -> Option<Instant> {
        self.times.map(|times| times.first)
    }

    /// When the answer has ended, unless more is heard before; `None` while nothing was heard.
    pub(super) fn end(&self) -> Option<Instant> {
        let Times {
            first,
            latest,
            marked,
        } = self.times?;
        if self.sound.duration() >= LONGEST {
            return Some(latest);
        }
        // Packets can come faster than they play.
        let silent_from = latest.max(first + self.sound.duration());
        Some(
            silent_from
                + if marked {
                    QUIET_AFTER_END
                } else {
                    QUIET_AFTER_LOSS
                },
        )
    }

    /// The sound at 48 kHz.
    pub(super) fn into_sound(self) -> Pcm {
        self.sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(ms: u64) -> Pcm {
        Pcm::silence(MUMBLE_HZ, Duration::from_millis(ms))
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_answer_ends_when_its_last_packet_is_followed_by_silence() {
        let (mut recording, start) = (Recording::new(), Instant::now());
        assert_eq!(recording.end(), None);
        recording.hear(start, &piece(20), false);
        assert_eq!(recording.end(), Some(start + ms(20) + QUIET_AFTER_LOSS));
        recording.hear(start + ms(20), &piece(20), true);
        assert_eq!(recording.end(), Some(start + ms(40) + QUIET_AFTER_END));
        assert_eq!(recording.first(), Some(start));
        assert_eq!(recording.into_sound().duration(), ms(40));
    }

    #[test]
    fn a_pause_between_two_sentences_is_recorded_as_silence() {
        let (mut recording, start) = (Recording::new(), Instant::now());
        recording.hear(start, &piece(20), true);
        recording.hear(start + ms(1020), &piece(20), true);
        assert_eq!(recording.end(), Some(start + ms(1040) + QUIET_AFTER_END));
        assert_eq!(recording.into_sound().duration(), ms(1040));
    }

    #[test]
    fn late_packets_leave_no_gap() {
        let (mut recording, start) = (Recording::new(), Instant::now());
        recording.hear(start, &piece(20), false);
        recording.hear(start + ms(90), &piece(20), false);
        assert_eq!(recording.into_sound().duration(), ms(40));
    }

    #[test]
    fn an_end_mark_without_sound_is_no_answer() {
        let mut recording = Recording::new();
        recording.hear(Instant::now(), &piece(0), true);
        assert_eq!(recording.first(), None);
    }

    #[test]
    fn a_speaker_who_never_stops_is_cut_off() {
        let (mut recording, start) = (Recording::new(), Instant::now());
        for second in 0..400 {
            recording.hear(start + Duration::from_secs(second), &piece(1000), false);
        }
        assert!(recording.end() <= Some(start + Duration::from_secs(399)));
        assert_eq!(recording.into_sound().duration(), LONGEST);
    }
}
