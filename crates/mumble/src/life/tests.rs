//! A life of failures, on a clock that the test owns.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::limiter::{CONNECTIONS, ConnectionLimit};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn unreachable() -> JoinError {
    JoinError::Unreachable {
        host: "talk.example".into(),
        port: 64738,
        source: Arc::new(std::io::ErrorKind::ConnectionRefused.into()),
    }
}

fn hung_up() -> JoinError {
    JoinError::HungUp {
        host: "talk.example".into(),
        port: 64738,
    }
}

fn displaced() -> JoinError {
    JoinError::Displaced {
        username: "AI-Bot".into(),
    }
}

fn kicked() -> JoinError {
    JoinError::Kicked {
        by: "Ann".into(),
        reason: "too loud".into(),
    }
}

/// A life and its clock; chance always says the most.
struct Test {
    life: Life,
    now: Instant,
}

impl Test {
    fn new() -> Self {
        Self {
            life: Life::new(Retry::default()),
            now: Instant::now(),
        }
    }

    /// An attempt fails at once. Gives the wait, and lets it pass.
    fn fail(&mut self, error: JoinError) -> Duration {
        self.end(error, None)
    }

    /// A connection holds for that long, then breaks.
    fn hold(&mut self, held: Duration, error: JoinError) -> Duration {
        let joined = self.now;
        self.now += held;
        self.end(error, Some(joined))
    }

    fn end(&mut self, error: JoinError, joined: Option<Instant>) -> Duration {
        let place = None;
        let end = End {
            error,
            joined,
            place,
        };
        let (_, at) = self.life.handle_end(self.now, end, u64::MAX, self.now);
        let wait = at - self.now;
        self.now = at;
        wait
    }
}

#[test]
fn the_first_attempt_after_a_break_comes_within_half_a_second() {
    let mut test = Test::new();
    assert_eq!(
        test.hold(seconds(3600), unreachable()),
        Duration::from_millis(500)
    );
}

#[test]
fn what_heals_is_tried_ever_later_and_for_ever() {
    let mut test = Test::new();
    let waits: Vec<u128> = (0..8)
        .map(|_| test.fail(unreachable()).as_millis())
        .collect();
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    for _ in 0..10_000 {
        assert_eq!(test.fail(unreachable()), seconds(30));
    }
}

#[test]
fn a_connection_that_always_breaks_at_once_is_made_ever_more_rarely() {
    let mut test = Test::new();
    let waits: Vec<u64> = (0..7)
        .map(|_| test.hold(seconds(1), unreachable()).as_secs())
        .collect();
    assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30]);
    assert_eq!(
        test.hold(seconds(10), unreachable()),
        Duration::from_millis(500)
    );
}

#[test]
fn what_needs_somebody_is_tried_once_a_minute() {
    let mut test = Test::new();
    let wrong = || JoinError::WrongPassword {
        username: "AI-Bot".into(),
        reason: "no".into(),
    };
    for _ in 0..5 {
        assert_eq!(
            test.fail(wrong()),
            seconds(75),
            "a minute and all of the jitter"
        );
    }
    assert!(
        test.fail(unreachable()) < seconds(1),
        "that was no failure of the network"
    );
}

#[test]
fn who_is_put_out_again_and_again_leaves_it_to_the_other_for_longer() {
    for error in [kicked, displaced] {
        let mut test = Test::new();
        let minutes: Vec<u64> = (0..6)
            .map(|_| test.hold(seconds(20), error()).as_secs() / 75)
            .collect();
        assert_eq!(minutes, [1, 2, 4, 8, 10, 10]);
        assert_eq!(
            test.hold(seconds(600), error()),
            seconds(75),
            "it was long ago"
        );
    }
}

#[test]
fn a_ban_is_remembered_while_the_server_hangs_up() {
    let mut test = Test::new();
    test.hold(seconds(100), JoinError::Banned("spam".into()));
    for failures in 2..5 {
        assert_eq!(test.fail(hung_up()), seconds(75));
        let standing = test.life.connecting();
        let trouble = standing.trouble().unwrap();
        assert!(matches!(&trouble.error, JoinError::Banned(reason) if reason == "spam"));
        assert_eq!(trouble.failures, failures);
    }
    test.fail(unreachable());
    assert!(
        test.fail(hung_up()) < seconds(10),
        "a hang-up alone may be a passing ban"
    );
}

#[test]
fn trouble_lasts_from_the_break_until_the_user_is_back() {
    let mut test = Test::new();
    assert!(test.life.connecting().trouble().is_none());
    let joined = test.now;
    test.now += seconds(100);
    let broke = test.now;
    test.end(unreachable(), Some(joined));
    test.fail(unreachable());
    let trouble = test.life.connecting().trouble().cloned().unwrap();
    assert_eq!((trouble.since, trouble.failures), (broke, 2));
    let again = test.now + seconds(5);
    test.hold(seconds(5), unreachable());
    let trouble = test.life.connecting().trouble().cloned().unwrap();
    assert_eq!((trouble.since, trouble.failures), (again, 1));
}

#[test]
fn the_last_channel_is_remembered_over_failed_attempts() {
    let mut test = Test::new();
    let (now, place) = (test.now, Some("Root/Kitchen".to_owned()));
    let end = End {
        error: unreachable(),
        joined: Some(now),
        place,
    };
    test.life.handle_end(now, end, 0, now);
    test.fail(unreachable());
    assert_eq!(test.life.place(), Some("Root/Kitchen"));
}

#[test]
fn a_limit_is_told_once_and_hides_no_other_trouble() {
    let mut test = Test::new();
    let free = test.now + seconds(90);
    let (trouble, news) = test.life.handle_limit(test.now, free);
    assert!(matches!(trouble.error, JoinError::TooOften { wait } if wait == seconds(90)));
    assert_eq!(news, News::New);
    assert_eq!(test.life.handle_limit(test.now, free).1, News::Old);
    test.fail(unreachable());
    let (trouble, news) = test.life.handle_limit(test.now, free);
    assert!(matches!(trouble.error, JoinError::Unreachable { .. }));
    assert_eq!(news, News::Old);
}

proptest! {
    /// Whatever happens, the next attempt comes: in time, and never so early that the server
    /// bans the address.
    #[test]
    fn there_is_always_a_next_attempt_and_never_a_ban(
        ends in prop::collection::vec((0_usize..7, 0_u64..200, any::<bool>(), any::<u64>()), 1..150)
    ) {
        let errors = [
            unreachable(),
            hung_up(),
            displaced(),
            kicked(),
            JoinError::Banned("spam".into()),
            JoinError::ServerFull,
            JoinError::Rejected("no".into()),
        ];
        let limit = ConnectionLimit::new();
        let mut life = Life::new(Retry::default());
        let mut now = Instant::now();
        let mut attempts = Vec::new();
        for (error, held, joins, random) in ends {
            prop_assert!(limit.take(now).is_ok());
            attempts.push(now);
            let joined = joins.then_some(now);
            now += seconds(held);
            let end = End { error: errors[error].clone(), joined, place: None };
            let free = now + limit.wait(now);
            let (_, at) = life.handle_end(now, end, random, free);
            prop_assert!(at >= now + Duration::from_millis(250));
            prop_assert!(at <= (now + seconds(750)).max(free));
            now = at;
        }
        for window in attempts.windows(CONNECTIONS + 1) {
            prop_assert!(window[CONNECTIONS] - window[0] >= seconds(120));
        }
    }

    #[test]
    fn absurd_settings_do_not_overflow(
        first: u64, longest: u64, slow: u64, settled: u64, random: u64, error in 0_usize..3
    ) {
        let retry = Retry {
            first: seconds(first),
            longest: seconds(longest),
            slow: seconds(slow),
            settled: seconds(settled),
        };
        let errors = [unreachable(), kicked(), JoinError::Banned("spam".into())];
        let mut life = Life::new(retry);
        let now = Instant::now();
        for _ in 0..20 {
            let end = End { error: errors[error].clone(), joined: Some(now), place: None };
            life.handle_end(now, end, random, now);
        }
    }
}
