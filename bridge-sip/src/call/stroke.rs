//! Every 20 ms of a call: what has come is heard, and the phone gets what it hears next.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use audio::resample::Resampler;

use super::{Call, End, JOINING, LOOK, Progress};
use crate::beat::Passed;
use crate::dtmf::By;
use crate::media::LONGEST;
use crate::tone::Tone;

/// Datagrams read on a stroke at most: as many as a socket keeps. Of a flood of more, the rest is
/// dropped.
const MOST_READ: usize = 256;

impl Call {
    /// A stroke of the beat: takes what has come, plays and says what is due.
    pub(super) fn struck(&mut self, passed: Passed, datagram: &mut [u8; LONGEST]) -> Option<End> {
        let (now, wall) = (Instant::now(), SystemTime::now());
        for _ in 0..MOST_READ {
            let Some(received) = self.socket.receive(now, wall, datagram) else {
                break;
            };
            let content = datagram.get(..received.length).unwrap_or_default();
            self.came(received.at, received.from, content);
        }
        while let Some(event) = self.line.as_mut().and_then(|line| line.events.try_next()) {
            self.happened(event);
        }
        if !passed.left_out.is_zero() {
            self.stalled(passed.left_out);
        }
        if self.timer.deadline().is_some_and(|due| now >= due) && self.timed() {
            return Some(End::Expired);
        }
        (0..passed.ticks).find_map(|_| self.tick(passed.at))
    }

    /// The machine has given this call no time for so long: what was not said meanwhile is left
    /// out instead of being sent all at once.
    fn stalled(&mut self, late: Duration) {
        tracing::debug!(ms = late.as_millis(), "a call was held up");
        if let Some(sound) = &mut self.sound {
            sound.skip(late);
        }
    }

    /// Every 20 ms: sound both ways, and a look at the clock, which goes by the beat: by the
    /// machine's a piece of sound would be due a moment too late every other time.
    fn tick(&mut self, now: Instant) -> Option<End> {
        let limits = &self.house.limits;
        match self.progress {
            Progress::Joining if now.duration_since(self.begun) > JOINING => {
                return Some(End::NoChannel);
            }
            Progress::Away(since) if now.duration_since(since) > limits.outage => {
                return Some(End::NoChannel);
            }
            _ => {}
        }
        if now.duration_since(self.begun) > limits.longest {
            return Some(End::TooLong);
        }
        let sound = self.sound.as_mut()?;
        let held = !self
            .negotiation
            .agreed()
            .is_some_and(|agreed| agreed.direction.receives());
        if !held && now.duration_since(sound.last_came()) > limits.silence {
            return Some(End::NoSound);
        }
        let rate = sound.hear_hz();
        let heard = sound.hear(now);
        if now >= self.look {
            self.look = now + LOOK;
            self.seen.quality(sound.quality());
        }
        if let (Progress::Talking, Some(line)) = (self.progress, &mut self.line)
            && !self.keys.muted
        {
            self.mouth.say(line, rate, heard);
        }
        if let Some(end) = self.keys.end() {
            return Some(end);
        }
        self.tell();
        self.speak(now);
        None
    }

    /// Sends the phone what it gets to hear next.
    fn speak(&mut self, now: Instant) {
        let Some(sound) = &mut self.sound else {
            return;
        };
        let rate = sound.say_hz();
        let samples = rate as usize / 50;
        let tone = match self.progress {
            Progress::Joining => Some(Tone::Connecting),
            Progress::Talking => None,
            Progress::Away(_) => Some(Tone::Gone),
        };
        let mut pcm = match tone {
            Some(tone) => tone.play(self.said, samples, rate),
            None => {
                let from = self.line.as_ref().map_or(rate, |line| line.rate);
                let mixed = self.voices.mix(from as usize / 50);
                let mixed = mixed.unwrap_or_else(|| vec![0; from as usize / 50]);
                at_rate(&mut self.resampler, mixed, from, rate)
            }
        };
        self.keys.sound_over(&mut pcm, rate);
        self.said += samples as u64;
        if let Some((to, packets)) = sound.say(&pcm) {
            for packet in packets {
                self.socket.send(&packet, to);
            }
        }
        if let Some((to, report)) = sound.report(now, SystemTime::now()) {
            self.socket.send(&report, to);
        }
    }

    /// Tells the phone that no more sound follows.
    pub(super) fn say_goodbye(&mut self) {
        let sound = self.sound.as_mut();
        if let Some((to, goodbye)) = sound.and_then(|sound| sound.goodbye(SystemTime::now())) {
            self.socket.send(&goodbye, to);
        }
    }

    fn came(&mut self, at: Instant, from: SocketAddr, datagram: &[u8]) {
        if let Some(sound) = &mut self.sound
            && let Some(key) = sound.take(at, from, datagram)
            && self.once.is_new(at, key, By::Sound)
        {
            self.pressed(key);
        }
    }
}

fn at_rate(
    resampler: &mut Option<(u32, u32, Resampler)>,
    pcm: Vec<i16>,
    from: u32,
    to: u32,
) -> Vec<i16> {
    if from == to {
        *resampler = None;
        return pcm;
    }
    if resampler
        .as_ref()
        .is_none_or(|(was_from, was_to, _)| (*was_from, *was_to) != (from, to))
    {
        *resampler = Some((from, to, Resampler::new(from, to)));
    }
    match resampler {
        Some((.., resampler)) => resampler.push(&pcm),
        None => pcm,
    }
}
