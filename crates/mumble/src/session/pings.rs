//! Pings of one way: which are unanswered, how long answers take, and how many get lost.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// An answer is missed no sooner than this: a busy machine needs some time, too.
const LEAST_TIMEOUT: Duration = Duration::from_millis(40);

/// ... and no later than this, however slow answers are.
const MOST_TIMEOUT: Duration = Duration::from_millis(500);

/// An answer may take this much longer than usual, even where all took the same time so far.
const LEAST_SLACK: Duration = Duration::from_millis(15);

/// How much an answer changes what is usual: the gains of TCP's own estimate (RFC 6298).
const USUAL_GAIN: f32 = 1.0 / 8.0;
const DEVIATION_GAIN: f32 = 1.0 / 4.0;

/// How much a ping changes the estimate of the loss: 50 pings are 2.5 s of talk.
const LOSS_GAIN: f32 = 1.0 / 50.0;

/// With this share of pings lost, two in a row are nothing special any more: at ten percent
/// each way it would happen every other second.
const LOSSY: f32 = 0.05;

/// As many unanswered pings are remembered: more than ever matter.
const MOST_WAITING: usize = 64;

/// Clocks in pings count microseconds, and nobody sends two pings within a millisecond.
const SAME_PING: Duration = Duration::from_millis(1);

/// The pings so far.
#[derive(Debug, Default)]
pub(super) struct Pings {
    last: Option<Instant>,
    /// When those were sent that nothing has been heard of, nor of any later one.
    waiting: VecDeque<Instant>,
    /// When the newest one that came back was sent.
    answered: Option<Instant>,
    usual: Option<Usual>,
    loss: f32,
    pub(super) round_trip: RoundTrip,
}

/// How long answers take, in seconds: a moving mean, and how far they are from it.
#[derive(Clone, Copy, Debug)]
struct Usual {
    mean: f32,
    deviation: f32,
}

impl Pings {
    /// A ping leaves.
    pub(super) fn send(&mut self, now: Instant) {
        self.last = Some(now);
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(now);
    }

    /// A ping came back after this long.
    pub(super) fn answer(&mut self, now: Instant, took: Duration) {
        let sent = now.checked_sub(took).unwrap_or(now);
        while self
            .waiting
            .front()
            .is_some_and(|&waiting| waiting <= sent + SAME_PING)
        {
            let waiting = self.waiting.pop_front();
            // Those before it were overtaken or, mostly, lost.
            let lost = waiting.is_some_and(|waiting| waiting + SAME_PING < sent);
            self.note_loss(if lost { 1.0 } else { 0.0 });
        }
        self.answered = self.answered.max(Some(sent));
        self.round_trip.add(took);
        let took = took.as_secs_f32();
        let usual = self.usual.get_or_insert(Usual {
            mean: took,
            deviation: took / 2.0,
        });
        usual.deviation += ((took - usual.mean).abs() - usual.deviation) * DEVIATION_GAIN;
        usual.mean += (took - usual.mean) * USUAL_GAIN;
    }

    /// Gives those up that are unanswered.
    pub(super) fn give_up(&mut self) {
        for _ in self.waiting.drain(..) {
            self.loss += (1.0 - self.loss) * LOSS_GAIN;
        }
    }

    /// Forgets those that are unanswered, without a thought about loss.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    /// When the newest ping was sent.
    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// When the newest ping that came back had been sent.
    pub(super) fn answered(&self) -> Option<Instant> {
        self.answered
    }

    /// When so many pings in a row will be missed; none before they were sent.
    pub(super) fn missed_at(&self, count: usize) -> Option<Instant> {
        let last = count.checked_sub(1)?;
        self.waiting.get(last).map(|&sent| sent + self.timeout())
    }

    /// How many may still be answered in time.
    pub(super) fn under_way(&self, now: Instant) -> usize {
        let timeout = self.timeout();
        self.waiting
            .iter()
            .filter(|&&sent| now < sent + timeout)
            .count()
    }

    /// Whether so many get lost that a few mean nothing.
    pub(super) fn is_lossy(&self) -> bool {
        self.loss > LOSSY
    }

    /// How long answers usually take; zero before the first.
    pub(super) fn usual(&self) -> Duration {
        let mean = self.usual.map_or(0.0, |usual| usual.mean);
        Duration::from_secs_f32(mean.max(0.0))
    }

    /// After this long an answer is missed.
    pub(super) fn timeout(&self) -> Duration {
        let Some(Usual { mean, deviation }) = self.usual else {
            return MOST_TIMEOUT;
        };
        let slack = (4.0 * deviation).max(LEAST_SLACK.as_secs_f32());
        let timeout = (mean + slack).clamp(0.0, MOST_TIMEOUT.as_secs_f32());
        Duration::from_secs_f32(timeout).max(LEAST_TIMEOUT)
    }

    fn note_loss(&mut self, lost: f32) {
        self.loss += (lost - self.loss) * LOSS_GAIN;
    }
}

/// Mean and variance of ping times, as servers show them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RoundTrip {
    count: u32,
    mean_ms: f32,
    variance: f32,
}

impl RoundTrip {
    pub(super) fn add(&mut self, took: Duration) {
        let ms = took.as_secs_f32() * 1000.0;
        self.count = self.count.saturating_add(1);
        let difference = ms - self.mean_ms;
        self.mean_ms += difference / self.count as f32;
        let spread = difference * (ms - self.mean_ms) - self.variance;
        self.variance += spread / self.count as f32;
    }

    pub(super) fn mean(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_secs_f32(self.mean_ms.max(0.0) / 1000.0))
    }

    pub(super) fn mean_ms(&self) -> f32 {
        self.mean_ms
    }

    pub(super) fn variance(&self) -> f32 {
        self.variance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Pings that have been answered after `took` for a while, and the time of the last answer.
    fn steady(took: Duration) -> (Pings, Instant) {
        let (mut pings, mut now) = (Pings::default(), Instant::now());
        for _ in 0..100 {
            pings.send(now);
            now += took;
            pings.answer(now, took);
        }
        (pings, now)
    }

    #[test]
    fn mean_and_variance_are_those_of_the_samples() {
        let mut trip = RoundTrip::default();
        for ms in [2, 4, 6] {
            trip.add(Duration::from_millis(ms));
        }
        assert!((trip.mean_ms() - 4.0).abs() < 1e-3);
        assert!((trip.variance() - 8.0 / 3.0).abs() < 1e-3);
    }

    #[test]
    fn what_is_missed_follows_the_usual_time() {
        assert_eq!(steady(ms(1)).0.timeout(), LEAST_TIMEOUT);
        let timeout = steady(ms(150)).0.timeout();
        assert!(timeout >= ms(165) && timeout < ms(167), "{timeout:?}");
        assert_eq!(steady(ms(3000)).0.timeout(), MOST_TIMEOUT);
    }

    #[test]
    fn an_answer_clears_those_sent_before_it_and_no_later_one() {
        let (mut pings, now) = steady(ms(1));
        for n in 0..4 {
            pings.send(now + ms(50 * n));
        }
        assert_eq!(pings.missed_at(2), Some(now + ms(50) + LEAST_TIMEOUT));
        pings.answer(now + ms(160), ms(60));
        assert_eq!(pings.answered(), Some(now + ms(100)));
        assert_eq!(
            pings.missed_at(1).map(|at| at > now + ms(150)),
            Some(true),
            "the last one is waited for"
        );
        assert_eq!(pings.missed_at(2), None);
    }

    #[test]
    fn a_tenth_of_the_pings_is_a_loss_and_one_is_none() {
        let (mut pings, mut now) = steady(ms(1));
        for n in 0..200 {
            now += ms(50);
            pings.send(now);
            if n == 30 {
                assert!(!pings.is_lossy());
            }
            if n % 10 != 0 {
                pings.answer(now + ms(1), ms(1));
            }
        }
        assert!(pings.is_lossy());
    }
}
