//! The rules of the breaker, with the time in the test's hands.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn calls(breaker: &mut Breaker, outcome: Outcome, times: u32, now: Instant) {
    for _ in 0..times {
        let ticket = breaker.admit().expect("it is closed");
        breaker.ended(ticket, outcome, now);
    }
}

fn errand(breaker: &mut Breaker, expected: Errand, outcome: Outcome, now: Instant) {
    let (errand, ticket) = breaker.set_out(now).expect("an errand is due");
    assert_eq!(errand, expected);
    breaker.came_back(ticket, outcome, now);
}

/// A breaker that has just opened.
fn opened(settings: &Settings, now: Instant) -> Breaker {
    let mut breaker = Breaker::new(settings.clone(), now);
    calls(&mut breaker, Outcome::Failed, settings.threshold, now);
    assert_eq!(breaker.state(), State::Open);
    breaker
}

#[test]
fn it_opens_after_so_many_failures_in_a_row() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Settings::default(), now);
    calls(&mut breaker, Outcome::Failed, 4, now);
    calls(&mut breaker, Outcome::Succeeded, 1, now);
    calls(&mut breaker, Outcome::Failed, 4, now);
    assert_eq!(breaker.state(), State::Closed);
    calls(&mut breaker, Outcome::Failed, 1, now);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.admit(), None);
}

#[test]
fn the_first_check_that_finds_the_engine_sends_the_probe_that_closes_it() {
    let mut now = Instant::now();
    let mut breaker = opened(&Settings::default(), now);
    for _ in 0..3 {
        assert_eq!(breaker.set_out(now), None, "two seconds lie between");
        now += CHECK_EVERY;
        errand(&mut breaker, Errand::Check, Outcome::Failed, now);
    }
    now += CHECK_EVERY;
    errand(&mut breaker, Errand::Check, Outcome::Succeeded, now);
    let (probe, ticket) = breaker.set_out(now).expect("at once");
    assert_eq!((probe, breaker.state()), (Errand::Probe, State::HalfOpen));
    assert_eq!(breaker.admit(), None);
    assert_eq!(breaker.set_out(now + 100 * SECOND), None, "there is one");
    breaker.came_back(ticket, Outcome::Succeeded, now + SECOND);
    assert_eq!(breaker.state(), State::Closed);
    assert!(breaker.admit().is_some());
}

#[test]
fn while_checks_find_nobody_a_probe_waits_for_the_longest_time() {
    let begun = Instant::now();
    let mut breaker = opened(&Settings::default(), begun);
    let probed = loop {
        let now = breaker.deadline().expect("nothing is away");
        let (errand, ticket) = breaker.set_out(now).expect("it is due");
        breaker.came_back(ticket, Outcome::Failed, now);
        if errand == Errand::Probe {
            break now;
        }
    };
    assert_eq!(probed - begun, Settings::default().longest_wait);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn an_engine_that_lives_and_does_not_work_is_probed_less_and_less_often() {
    let mut now = Instant::now();
    let mut breaker = opened(&Settings::default(), now);
    let mut probes = Vec::new();
    while probes.len() < 10 {
        now = breaker.deadline().expect("nothing is away");
        let (errand, ticket) = breaker.set_out(now).expect("it is due");
        let outcome = match errand {
            Errand::Check => Outcome::Succeeded,
            Errand::Probe => Outcome::Failed,
        };
        breaker.came_back(ticket, outcome, now);
        if errand == Errand::Probe {
            probes.push(now);
        }
    }
    for (n, pair) in probes.windows(2).enumerate() {
        let whole = (SECOND * (1 << n)).min(60 * SECOND);
        let wait = pair[1] - pair[0];
        assert!(wait >= whole / 2 && wait <= whole, "wait {n}: {wait:?}");
    }
}

#[test]
fn a_second_outage_is_probed_as_eagerly_as_the_first() {
    let mut now = Instant::now();
    let settings = Settings::default();
    let mut breaker = Breaker::new(settings.clone(), now);
    for _ in 0..8 {
        calls(&mut breaker, Outcome::Failed, settings.threshold, now);
        now += CHECK_EVERY;
        errand(&mut breaker, Errand::Check, Outcome::Succeeded, now);
        errand(&mut breaker, Errand::Probe, Outcome::Failed, now);
        let next = breaker.deadline().expect("nothing is away");
        assert!(next - now <= settings.retry_base);
        now = next;
        errand(&mut breaker, Errand::Probe, Outcome::Succeeded, now);
    }
}

#[test]
fn at_the_end_of_time_a_wait_is_over_at_once() {
    let (mut end, mut step) = (Instant::now(), Duration::from_secs(u64::MAX / 2));
    while !step.is_zero() {
        match end.checked_add(step) {
            Some(later) => end = later,
            None => step /= 2,
        }
    }
    let mut breaker = opened(&Settings::default(), end);
    errand(&mut breaker, Errand::Probe, Outcome::Failed, end);
    errand(&mut breaker, Errand::Probe, Outcome::Succeeded, end);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn an_engine_that_nobody_asks_is_checked_and_given_up() {
    let begun = Instant::now();
    let mut breaker = Breaker::new(Settings::default(), begun);
    errand(&mut breaker, Errand::Check, Outcome::Succeeded, begun);
    let mut now = breaker.deadline().expect("nothing is away");
    assert_eq!(now - begun, Settings::default().idle);
    for n in 1..=5 {
        assert_eq!(breaker.state(), State::Closed, "before the {n}th");
        errand(&mut breaker, Errand::Check, Outcome::Failed, now);
        now += CHECK_EVERY;
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_check_takes_back_what_checks_said_and_never_what_calls_showed() {
    let begun = Instant::now();
    let mut breaker = Breaker::new(Settings::default(), begun);
    errand(&mut breaker, Errand::Check, Outcome::Failed, begun);
    assert!(breaker.failing());
    let now = breaker.deadline().expect("nothing is away");
    errand(&mut breaker, Errand::Check, Outcome::Succeeded, now);
    assert!(!breaker.failing());

    calls(&mut breaker, Outcome::Failed, 4, now);
    for _ in 0..10 {
        let now = breaker.deadline().expect("nothing is away");
        errand(&mut breaker, Errand::Check, Outcome::Succeeded, now);
    }
    assert!(breaker.failing());
    calls(&mut breaker, Outcome::Failed, 1, now);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn after_a_call_that_failed_it_is_looked_who_is_there_and_nothing_is_counted() {
    let begun = Instant::now();
    let mut breaker = Breaker::new(Settings::default(), begun);
    calls(&mut breaker, Outcome::Failed, 1, begun);
    let mut now = begun;
    for _ in 0..10 {
        errand(&mut breaker, Errand::Check, Outcome::Failed, now);
        now += CHECK_EVERY;
    }
    assert_eq!(breaker.state(), State::Closed);
    errand(&mut breaker, Errand::Check, Outcome::Succeeded, now);
    assert_eq!(breaker.deadline(), Some(begun + Settings::default().idle));
}

#[test]
fn a_busy_engine_is_not_checked() {
    let mut now = Instant::now();
    let mut breaker = Breaker::new(Settings::default(), now);
    let ticket = breaker.admit().expect("it is closed");
    for _ in 0..20 {
        now = breaker.deadline().expect("nothing is away");
        assert_eq!(breaker.set_out(now), None);
    }
    breaker.ended(ticket, Outcome::Cancelled, now);
    now = breaker.deadline().expect("nothing is away");
    errand(&mut breaker, Errand::Check, Outcome::Succeeded, now);
}

#[test]
fn tuning_an_open_breaker_shortens_its_wait() {
    let now = Instant::now();
    let mut breaker = opened(&Settings::default(), now);
    let longest_wait = Duration::from_millis(500);
    let settings = Settings {
        longest_wait,
        ..Settings::default()
    };
    breaker.tune(settings, now);
    errand(
        &mut breaker,
        Errand::Probe,
        Outcome::Succeeded,
        now + longest_wait,
    );
    assert_eq!(breaker.state(), State::Closed);
}

/// One thing that happens to a breaker. Indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Event {
    Admit,
    End(usize, Outcome),
    SetOut,
    ComeBack(Outcome),
    /// Time goes on, in milliseconds.
    Wait(u64),
    Tune(Settings),
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Failed),
        1 => Just(Outcome::Succeeded),
        1 => Just(Outcome::Cancelled),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        1..7_u32,
        1..90_000_u64,
        1..9_000_u64,
        1..90_000_u64,
        1..40_000_u64,
    )
        .prop_map(
            |(threshold, longest_wait, retry_base, retry_cap, idle)| Settings {
                threshold,
                longest_wait: Duration::from_millis(longest_wait),
                retry_base: Duration::from_millis(retry_base),
                retry_cap: Duration::from_millis(retry_cap),
                idle: Duration::from_millis(idle),
            },
        )
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Admit),
        8 => (any::<usize>(), outcomes()).prop_map(|(at, outcome)| Event::End(at, outcome)),
        4 => Just(Event::SetOut),
        4 => outcomes().prop_map(Event::ComeBack),
        4 => (0..5000_u64).prop_map(Event::Wait),
    ]
}

fn tuned_events() -> impl Strategy<Value = Event> {
    prop_oneof![20 => events(), 1 => settings().prop_map(Event::Tune)]
}

/// A breaker, and what an onlooker knows of its history without looking inside.
struct History {
    breaker: Breaker,
    now: Instant,
    /// Calls in flight, each with how often the breaker had opened when it began.
    calls: Vec<(Ticket, u32)>,
    away: Option<(Errand, Ticket)>,
    trips: u32,
    /// Failed calls since the last good one, within the present stretch of being closed.
    failed_calls: u32,
    /// The same with failed checks of that time.
    failed_all: u32,
    settings: Settings,
}

impl History {
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        Self {
            breaker: Breaker::new(settings.clone(), now),
            now,
            calls: Vec::new(),
            away: None,
            trips: 0,
            failed_calls: 0,
            failed_all: 0,
            settings,
        }
    }

    fn view(&self) -> (State, Instant, Option<Instant>, bool) {
        (
            self.breaker.state(),
            self.breaker.since(),
            self.breaker.deadline(),
            self.breaker.failing(),
        )
    }

    fn happens(&mut self, event: Event) {
        let before = self.breaker.state();
        match event {
            Event::Admit => {
                let ticket = self.breaker.admit();
                assert_eq!(ticket.is_some(), before == State::Closed);
                self.calls.extend(ticket.map(|ticket| (ticket, self.trips)));
            }
            Event::End(at, outcome) => self.ends(at, outcome),
            Event::SetOut => {
                let under_way = self.away.is_some();
                if let Some(errand) = self.breaker.set_out(self.now) {
                    assert!(!under_way, "there is never more than one errand away");
                    let half_open = self.breaker.state() == State::HalfOpen;
                    assert_eq!(half_open, errand.0 == Errand::Probe);
                    self.away = Some(errand);
                }
            }
            Event::ComeBack(outcome) => self.comes_back(outcome),
            Event::Wait(ms) => self.now += Duration::from_millis(ms),
            Event::Tune(settings) => {
                self.breaker.tune(settings.clone(), self.now);
                self.settings = settings;
                (self.failed_calls, self.failed_all) = (0, 0);
            }
        }
        let after = self.breaker.state();
        if (before, after) == (State::Closed, State::Open) {
            assert!(self.failed_all >= self.settings.threshold);
            self.trips += 1;
        }
        if after == State::Closed {
            assert!(self.failed_calls < self.settings.threshold);
        } else {
            (self.failed_calls, self.failed_all) = (0, 0);
        }
        let probing = matches!(self.away, Some((Errand::Probe, _)));
        assert_eq!(after == State::HalfOpen, probing);
        assert_eq!(self.breaker.in_flight() as usize, self.calls.len());
    }

    fn ends(&mut self, at: usize, outcome: Outcome) {
        if self.calls.is_empty() {
            return;
        }
        let (ticket, trips) = self.calls.swap_remove(at % self.calls.len());
        let counts = trips == self.trips && self.breaker.state() == State::Closed;
        let before = self.view();
        self.breaker.ended(ticket, outcome, self.now);
        match outcome {
            _ if !counts => assert_eq!(self.view(), before, "an old call changes nothing"),
            Outcome::Cancelled => assert_eq!(self.view(), before, "it says nothing"),
            Outcome::Succeeded => (self.failed_calls, self.failed_all) = (0, 0),
            Outcome::Failed => {
                self.failed_calls += 1;
                self.failed_all += 1;
            }
        }
    }

    fn comes_back(&mut self, outcome: Outcome) {
        let Some((_, ticket)) = self.away.take() else {
            return;
        };
        let before = self.breaker.state();
        self.breaker.came_back(ticket, outcome, self.now);
        let failed = before == State::Closed && outcome == Outcome::Failed;
        self.failed_all += u32::from(failed);
    }

    /// Everything is well from now on: how long until the breaker is closed?
    fn recovery(&mut self) -> Duration {
        let begun = self.now;
        self.comes_back(Outcome::Succeeded);
        while self.breaker.state() != State::Closed {
            let deadline = self.breaker.deadline().expect("nothing is away");
            self.now = self.now.max(deadline);
            let (_, ticket) = self.breaker.set_out(self.now).expect("an errand is due");
            self.breaker.came_back(ticket, Outcome::Succeeded, self.now);
        }
        self.now - begun
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_are_kept(
        settings in settings(),
        events in prop::collection::vec(tuned_events(), 0..300),
    ) {
        let mut history = History::new(settings);
        for event in events {
            history.happens(event);
        }
    }

    #[test]
    fn calls_alone_open_it_exactly_with_the_last_failure_of_so_many(
        threshold in 1..9_u32,
        good in prop::collection::vec(any::<bool>(), 0..60),
    ) {
        let now = Instant::now();
        let mut breaker = Breaker::new(Settings { threshold, ..Settings::default() }, now);
        let mut row = 0;
        for good in good {
            let Some(ticket) = breaker.admit() else {
                prop_assert_eq!(row, threshold);
                return Ok(());
            };
            prop_assert!(row < threshold);
            let outcome = if good { Outcome::Succeeded } else { Outcome::Failed };
            row = if good { 0 } else { row + 1 };
            breaker.ended(ticket, outcome, now);
        }
        prop_assert_eq!(breaker.state() == State::Open, row == threshold);
    }

    #[test]
    fn no_breaker_is_stuck_once_its_engine_answers(
        settings in settings(),
        events in prop::collection::vec(events(), 0..300),
    ) {
        let mut history = History::new(settings);
        for event in events {
            history.happens(event);
        }
        let Settings { longest_wait, retry_cap, .. } = history.breaker.settings.clone();
        let bound = CHECK_EVERY.max(longest_wait.min(retry_cap));
        let waited = history.recovery();
        prop_assert!(waited <= bound, "{waited:?} of {bound:?}");
    }

    #[test]
    fn an_engine_that_was_gone_is_back_with_the_next_check(
        settings in settings(),
        events in prop::collection::vec(events(), 0..300),
        gone in 4000..100_000_u64,
    ) {
        let mut history = History::new(settings);
        for event in events {
            history.happens(event);
        }
        history.happens(Event::ComeBack(Outcome::Failed));
        // It is gone for a while: every errand fails.
        let until = history.now + Duration::from_millis(gone);
        while let Some(due) = history.breaker.deadline().filter(|due| *due < until) {
            history.now = history.now.max(due);
            history.happens(Event::SetOut);
            history.happens(Event::ComeBack(Outcome::Failed));
        }
        history.now = history.now.max(until);
        let waited = history.recovery();
        prop_assert!(waited <= CHECK_EVERY, "{waited:?}");
    }

    #[test]
    fn times_that_make_no_sense_do_not_hurt(
        ends in prop::collection::vec((any::<bool>(), any::<u64>(), any::<u8>()), 0..100),
        waits in any::<[u64; 4]>(),
        threshold: u32,
    ) {
        let base = Instant::now();
        let wait = |at: usize| Duration::from_secs(waits[at]);
        let settings = Settings {
            threshold: threshold % 8,
            longest_wait: wait(0),
            retry_base: wait(1),
            retry_cap: wait(2),
            idle: wait(3),
        };
        let mut breaker = Breaker::new(settings, base);
        for (forward, seconds, what) in ends {
            let far = Duration::from_secs(seconds);
            let now = if forward { base.checked_add(far) } else { base.checked_sub(far) };
            let now = now.unwrap_or(base);
            let outcome = match what % 3 {
                0 => Outcome::Succeeded,
                1 => Outcome::Failed,
                _ => Outcome::Cancelled,
            };
            if let Some(ticket) = breaker.admit() {
                breaker.ended(ticket, outcome, now);
            }
            if let Some((_, ticket)) = breaker.set_out(now) {
                breaker.came_back(ticket, outcome, now);
            }
        }
    }
}
