//! Calls that are refreshed, and calls whose other end has vanished.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn asks(value: &str) -> Asked {
    Asked {
        expires: Some(SessionExpires::read(value).unwrap()),
        min_se: None,
        supported: true,
    }
}

fn timer() -> (Timer, Instant) {
    (Timer::new(Settings::default()), Instant::now())
}

#[test]
fn headers_are_read_and_written() {
    for (text, seconds, refresher) in [
        ("1800", 1800, None),
        (" 90 ; x=y ; Refresher = UAC", 90, Some(Refresher::Uac)),
        ("4294967295;refresher=uas", u32::MAX, Some(Refresher::Uas)),
    ] {
        let read = SessionExpires::read(text);
        assert_eq!(read, Ok(SessionExpires { seconds, refresher }), "{text}");
    }
    for wrong in ["", "x", "-1", "+90", "4294967296", "90;refresher=me", "1 2"] {
        assert_eq!(SessionExpires::read(wrong), Err(Malformed), "{wrong}");
    }
    let two = "90;refresher=uac;refresher=uas";
    assert_eq!(SessionExpires::read(two), Err(Malformed));
    assert_eq!(read_min_se("120;x"), Ok(120));
    assert_eq!(read_min_se("soon"), Err(Malformed));
}

#[test]
fn who_knows_of_timers_is_told_that_there_is_one() {
    let knows = Asked {
        supported: true,
        ..Asked::default()
    };
    let (mut timer, now) = timer();
    let granted = timer.asked(now, knows).unwrap();
    assert!(knows.is_told() && granted.require);
    assert_eq!(granted.expires.to_string(), "1800;refresher=uac");
    assert!(timer.deadline().is_some());
    assert!(!Asked::default().is_told());
}

#[test]
fn a_session_too_short_is_refused_with_what_would_do() {
    let (mut timer, now) = timer();
    assert_eq!(timer.asked(now, asks("60")), Err(TooSmall { min_se: 90 }));
    assert_eq!(timer.deadline(), None);
    assert!(timer.asked(now, asks("90")).is_ok());
}

#[test]
fn the_caller_refreshes_unless_it_wishes_otherwise_or_cannot() {
    for (value, supported, refresher) in [
        ("600", true, Refresher::Uac),
        ("600;refresher=uac", true, Refresher::Uac),
        ("600;refresher=uas", true, Refresher::Uas),
        ("600", false, Refresher::Uas),
        ("600;refresher=uac", false, Refresher::Uas),
    ] {
        let (mut timer, now) = timer();
        let granted = timer
            .asked(
                now,
                Asked {
                    supported,
                    ..asks(value)
                },
            )
            .unwrap();
        assert_eq!(
            granted.expires.refresher,
            Some(refresher),
            "{value} {supported}"
        );
        assert_eq!(granted.expires.seconds, 600);
        assert_eq!(granted.require, refresher == Refresher::Uac);
    }
}

#[test]
fn a_session_is_made_shorter_but_never_longer_than_asked() {
    for (value, min_se, granted) in [
        ("100", None, 100),
        ("7200", None, 1800),
        ("7200", Some(3600), 3600),
        ("3600", Some(7200), 3600),
    ] {
        let (mut timer, now) = timer();
        let asked = Asked {
            min_se,
            ..asks(value)
        };
        assert_eq!(
            timer.asked(now, asked).unwrap().expires.seconds,
            granted,
            "{value}"
        );
    }
    let (mut timer, now) = timer();
    let granted = timer.asked(now, Asked::default()).unwrap();
    assert_eq!(granted.expires.to_string(), "1800;refresher=uas");
}

#[test]
fn this_end_refreshes_at_half_time_and_hangs_up_when_nobody_answers() {
    let (mut timer, start) = timer();
    timer.asked(start, asks("600;refresher=uas")).unwrap();
    assert_eq!(timer.deadline(), Some(start + 300 * SECOND));
    assert_eq!(timer.poll(start + 299 * SECOND), None);
    let half = start + 300 * SECOND;
    assert_eq!(timer.poll(half), Some(Due::Refresh));
    assert_eq!(timer.poll(half), None, "said once");
    let asked = timer.ask().expires.unwrap();
    assert_eq!(asked.to_string(), "600;refresher=uac");
    timer.granted(
        half,
        Some(SessionExpires::read("600;refresher=uac").unwrap()),
    );
    assert_eq!(timer.poll(half + 300 * SECOND), Some(Due::Refresh));
    assert_eq!(timer.poll(half + 599 * SECOND), None);
    assert_eq!(timer.poll(half + 600 * SECOND), Some(Due::Bye));
    assert_eq!(timer.poll(half + 999 * SECOND), None, "said once");
}

#[test]
fn a_call_that_the_other_end_does_not_refresh_ends_before_it_expires() {
    for (value, bye) in [("600;refresher=uac", 568), ("90;refresher=uac", 60)] {
        let (mut timer, start) = timer();
        timer.asked(start, asks(value)).unwrap();
        assert_eq!(timer.deadline(), Some(start + bye * SECOND));
        timer.asked(start + 50 * SECOND, asks(value)).unwrap();
        assert_eq!(timer.poll(start + bye * SECOND), None);
        assert_eq!(timer.poll(start + (bye + 50) * SECOND), Some(Due::Bye));
    }
}

#[test]
fn a_refused_refresh_is_tried_again_and_one_that_finds_nobody_ends_the_call() {
    let (mut timer, start) = timer();
    timer.asked(start, asks("600;refresher=uas")).unwrap();
    let half = start + 300 * SECOND;
    assert_eq!(timer.poll(half), Some(Due::Refresh));
    timer.failed(half, Failed::Refused);
    assert_eq!(timer.poll(half + 9 * SECOND), None);
    assert_eq!(timer.poll(half + 10 * SECOND), Some(Due::Refresh));
    timer.failed(half, Failed::TooSmall(900));
    assert_eq!(timer.poll(half + 11 * SECOND), Some(Due::Refresh));
    let asked = timer.ask();
    assert_eq!(
        (asked.expires.unwrap().seconds, asked.min_se),
        (900, Some(900))
    );
    timer.failed(half, Failed::Gone);
    assert_eq!(timer.poll(half), Some(Due::Bye));
}

#[test]
fn whoever_refreshes_goes_on_with_it() {
    let (mut timer, start) = timer();
    timer.asked(start, asks("600;refresher=uas")).unwrap();
    // Their hold names nobody.
    let granted = timer.asked(start, asks("600")).unwrap();
    assert_eq!(granted.expires.refresher, Some(Refresher::Uas));
}

#[test]
fn an_outbound_call_has_a_timer_if_the_other_end_knows_of_them() {
    let (mut timer, start) = timer();
    assert_eq!(timer.ask().expires.unwrap().to_string(), "1800");
    timer.failed(start, Failed::TooSmall(2000));
    assert_eq!(timer.ask().expires.unwrap().to_string(), "2000");
    timer.granted(start, None);
    assert_eq!(timer.deadline(), None);
    timer.granted(
        start,
        Some(SessionExpires::read("2000;refresher=uas").unwrap()),
    );
    assert_eq!(timer.deadline(), Some(start + 1968 * SECOND));
    timer.granted(start, Some(SessionExpires::read("1").unwrap()));
    assert_eq!(
        timer.deadline(),
        Some(start + 1000 * SECOND),
        "no storm of refreshes"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same(seconds: u32, refresher in 0..3) {
        let refresher = [None, Some(Refresher::Uac), Some(Refresher::Uas)][refresher as usize];
        let header = SessionExpires { seconds, refresher };
        prop_assert_eq!(SessionExpires::read(&header.to_string()), Ok(header));
    }

    #[test]
    fn no_header_makes_it_panic(value in "\\PC*") {
        let _ = SessionExpires::read(&value);
        let _ = read_min_se(&value);
    }

    #[test]
    fn every_session_that_nobody_refreshes_ends(
        seconds: u32,
        min_se: Option<u32>,
        supported: bool,
        least: u32,
    ) {
        let now = Instant::now();
        let mut timer = Timer::new(Settings { min_se: least, ..Settings::default() });
        let expires = Some(SessionExpires { seconds, refresher: None });
        if let Ok(granted) = timer.asked(now, Asked { expires, min_se, supported }) {
            prop_assert!(granted.expires.seconds <= seconds);
            let end = now + Duration::from_secs(u64::from(seconds));
            let due = timer.poll(end);
            prop_assert_eq!(due, Some(Due::Bye));
        }
    }
}
