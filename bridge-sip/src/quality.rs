//! How a stream arrives: loss, jitter, and what they come to for somebody who listens.
//!
//! Loss and jitter are reckoned as RFC 3550 appendices A.1, A.3 and A.8 have it; [`mos`] is a
//! simple form of the E-model (ITU-T G.107).

use std::time::{Duration, Instant};

use crate::rtcp::Block;

/// A jump in sequence numbers beyond this is no loss: the sender counts anew (RFC 3550 A.1).
const LONGEST_DROPOUT: u16 = 3000;

/// A packet may be behind by this many before the sender is taken to count anew.
const LONGEST_DISORDER: u16 = 100;

/// The share that one packet has in the estimate of jitter: a sixteenth (RFC 3550 section 6.4.1).
const JITTER_GAIN: f64 = 1.0 / 16.0;

/// How one stream arrives, from its first packet on. Whoever sees a new SSRC begins a new one.
#[derive(Clone, Debug)]
pub struct Reception {
    ssrc: u32,
    clock_hz: u32,
    first: Option<i64>,
    highest: i64,
    received: u64,
    jitter: f64,
    last: Option<(Instant, u32)>,
    reported: (i64, u64),
}

impl Reception {
    /// Nothing yet of the stream `ssrc`, whose media clock runs at `clock_hz`; 0 Hz counts as 1.
    pub fn new(ssrc: u32, clock_hz: u32) -> Self {
        Self {
            ssrc,
            clock_hz: clock_hz.max(1),
            first: None,
            highest: 0,
            received: 0,
            jitter: 0.0,
            last: None,
            reported: (0, 0),
        }
    }

    /// From here on the media clock runs at `clock_hz`, as another codec's does; 0 Hz counts as 1.
    pub fn tick_at(&mut self, clock_hz: u32) {
        let clock_hz = clock_hz.max(1);
        if clock_hz != self.clock_hz {
            self.jitter *= f64::from(clock_hz) / f64::from(self.clock_hz);
            self.clock_hz = clock_hz;
            self.last = None;
        }
    }

    /// A packet came at `now`. `timestamp` is that of sound; a packet whose timestamp tells
    /// something else, as a pressed key's does, has `None` and counts for loss alone.
    pub fn arrived(&mut self, now: Instant, sequence: u16, timestamp: Option<u32>) {
        self.count(sequence);
        let Some(timestamp) = timestamp else { return };
        if let Some((then, before)) = self.last {
            let elapsed = now.saturating_duration_since(then).as_secs_f64();
            let sent = f64::from(timestamp.wrapping_sub(before) as i32);
            let difference = (elapsed * f64::from(self.clock_hz) - sent).abs();
            // A second is no jitter but a sender whose clock stood still while it was silent.
            if difference < f64::from(self.clock_hz) {
                self.jitter += (difference - self.jitter) * JITTER_GAIN;
            }
        }
        self.last = Some((now, timestamp));
    }

    fn count(&mut self, sequence: u16) {
        self.received += 1;
        if self.first.is_none() {
            self.first = Some(i64::from(sequence));
            self.highest = i64::from(sequence);
            return;
        }
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < LONGEST_DROPOUT {
            self.highest += i64::from(ahead);
        } else if ahead.wrapping_neg() > LONGEST_DISORDER {
            self.first = Some(i64::from(sequence));
            self.highest = i64::from(sequence);
            self.received = 1;
            self.reported = (0, 0);
        }
    }

    /// Packets that were due: from the first sequence number to the highest.
    pub fn expected(&self) -> u64 {
        self.first
            .map_or(0, |first| (self.highest - first + 1) as u64)
    }

    /// The share of packets lost so far, 0 to 1. Packets that came twice hide lost ones.
    pub fn loss(&self) -> f64 {
        let expected = self.expected();
        if expected == 0 {
            return 0.0;
        }
        expected.saturating_sub(self.received) as f64 / expected as f64
    }

    /// How much the time between packets varies.
    pub fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter / f64::from(self.clock_hz))
    }

    /// What a report says of this stream, and the beginning of the next report's interval. The
    /// last two fields are left 0, for whoever knows of the other side's reports.
    pub fn block(&mut self) -> Block {
        let (expected, received) = (self.expected() as i64, self.received);
        let due = expected - self.reported.0;
        let lost = due - (received - self.reported.1.min(received)) as i64;
        self.reported = (expected, received);
        let fraction = if due > 0 { lost.max(0) * 256 / due } else { 0 };
        let all_lost = (expected - received as i64).clamp(-0x80_0000, 0x7f_ffff);
        Block {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: all_lost as i32,
            highest: self.highest as u32,
            jitter: self.jitter as u32,
            ..Block::default()
        }
    }
}

/// What a perfect line comes to: the default of ITU-T G.107 with nothing impaired.
const PERFECT: f64 = 93.2;

/// How well concealment bears random loss, in per cent: G.711 with concealment (ITU-T G.113
/// appendix I). It is used for every codec, so figures of different codecs compare the line alone.
const ROBUSTNESS: f64 = 25.1;

/// From here on people notice that the other one answers late, in ms.
const NOTICED_DELAY: f64 = 177.3;

/// What people would say of a line, from 1 (bad) to 4.5, by its `loss` (0 to 1) and the `delay`
/// from mouth to ear.
///
/// R = 93.2 - (0.024 d + 0.11 (d - 177.3) where d > 177.3) - 95 p / (p + 25.1), with d in ms and
/// p in per cent; MOS = 1 + 0.035 R + 7e-6 R (R - 60) (100 - R), and 1 for any R below 0. The
/// terms for delay are the usual straight lines through the curve of G.107.
pub fn mos(loss: f64, delay: Duration) -> f64 {
    let per_cent = loss.clamp(0.0, 1.0) * 100.0;
    let ms = delay.as_secs_f64() * 1000.0;
    let late = 0.024 * ms + 0.11 * (ms - NOTICED_DELAY).max(0.0);
    let lossy = 95.0 * per_cent / (per_cent + ROBUSTNESS);
    let r = (PERFECT - late - lossy).clamp(0.0, 100.0);
    (1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TICK: Duration = Duration::from_millis(20);

    #[test]
    fn a_steady_stream_has_neither_loss_nor_jitter() {
        let mut reception = Reception::new(1, 8000);
        let start = Instant::now();
        for n in 0..500_u32 {
            reception.arrived(
                start + TICK * n,
                65_400_u16.wrapping_add(n as u16),
                Some(n * 160),
            );
        }
        assert_eq!((reception.expected(), reception.loss()), (500, 0.0));
        assert!(reception.jitter() < Duration::from_micros(10));
        assert_eq!(reception.block().highest, 65_400 + 499, "a wrap is counted");
    }

    #[test]
    fn every_fifth_packet_lost_is_a_fifth() {
        let mut reception = Reception::new(1, 8000);
        let start = Instant::now();
        for n in (0..1001_u32).filter(|n| n % 5 != 1) {
            reception.arrived(start + TICK * n, n as u16, Some(n * 160));
        }
        assert!((reception.loss() - 0.2).abs() < 0.001);
        let block = reception.block();
        assert_eq!((block.fraction_lost, block.lost), (51, 200));
        for n in 1001..1101_u32 {
            reception.arrived(start + TICK * n, n as u16, Some(n * 160));
        }
        let block = reception.block();
        assert_eq!((block.fraction_lost, block.lost), (0, 200), "nothing since");
    }

    #[test]
    fn packets_ten_ms_early_and_late_by_turns_are_that_much_jitter() {
        let mut reception = Reception::new(1, 8000);
        let start = Instant::now() + TICK;
        for n in 0..500_u32 {
            let late = TICK / 2 * (n % 2);
            reception.arrived(start + TICK * n + late, n as u16, Some(n * 160));
        }
        let error = reception.jitter().as_secs_f64() - 0.010;
        assert!(error.abs() < 0.0005, "{:?}", reception.jitter());
    }

    #[test]
    fn a_pressed_key_is_neither_loss_nor_jitter() {
        let mut reception = Reception::new(1, 8000);
        let start = Instant::now();
        for n in 0..200_u32 {
            let timestamp = (!(50..80).contains(&n)).then_some(n * 160);
            reception.arrived(start + TICK * n, n as u16, timestamp);
        }
        assert_eq!(reception.loss(), 0.0);
        assert!(reception.jitter() < Duration::from_micros(10));
    }

    #[test]
    fn counting_anew_is_no_loss() {
        let mut reception = Reception::new(1, 8000);
        let start = Instant::now();
        for n in 0..100_u16 {
            reception.arrived(start, n, None);
        }
        for n in 40_000..40_100_u16 {
            reception.arrived(start, n, None);
        }
        assert_eq!((reception.expected(), reception.loss()), (100, 0.0));
    }

    #[test]
    fn a_worse_line_is_never_called_better() {
        assert!((mos(0.0, Duration::ZERO) - 4.41).abs() < 0.01);
        assert!((mos(0.05, Duration::from_millis(100)) - 3.80).abs() < 0.15);
        assert!(mos(1.0, Duration::from_secs(2)) <= 1.01);
        for n in 0..100_u32 {
            let (less, more) = (f64::from(n) / 100.0, f64::from(n + 1) / 100.0);
            assert!(mos(more, Duration::ZERO) <= mos(less, Duration::ZERO) + 1e-9);
        }
    }

    proptest! {
        #[test]
        fn no_order_of_packets_makes_it_panic(
            packets in prop::collection::vec(any::<(u16, u32, u16)>(), 0..200),
        ) {
            let start = Instant::now();
            let mut reception = Reception::new(1, 8000);
            for (sequence, timestamp, ms) in packets {
                let now = start + Duration::from_millis(ms.into());
                reception.arrived(now, sequence, (ms % 3 > 0).then_some(timestamp));
                prop_assert!((0.0..=1.0).contains(&reception.loss()));
                let _ = reception.block();
            }
        }
    }
}
