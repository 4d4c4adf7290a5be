//! Hearing: spares, deadlines and whose fault it is, shown with the recogniser.

use std::time::Duration;

use resilience::State;
use speech::stt::SttError;
use tokio::time::Instant;

use super::fake::{Fake, PATIENCE, Play, SECOND, failures, hear, recogniser, refusal, rules};
use crate::guard::Patience;

const ANSWER: &str = "What time is it?";

#[tokio::test(start_paused = true)]
async fn a_spare_answers_in_the_same_request() {
    for sick in [Play::Fails(SttError::from(refusal(500))), Play::Hangs] {
        let (first, spare) = (Fake::always(&sick), Fake::new([]));
        let stt = recogniser(&[&first, &spare]);
        let begun = Instant::now();
        assert_eq!(hear(&stt, SECOND).await.unwrap(), ANSWER);
        assert!(begun.elapsed() <= PATIENCE.deadline + SECOND / 2);
        assert_eq!(failures(&stt.dependencies()), [1, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sick_engine_is_left_alone_and_its_spare_answers_at_once() {
    let (first, spare) = (Fake::always(&Play::Hangs), Fake::new([]));
    let stt = recogniser(&[&first, &spare]);
    for _ in 0..5 {
        hear(&stt, SECOND).await.unwrap();
    }
    assert_eq!((first.asked().len(), spare.asked().len()), (2, 5));
    assert_eq!(stt.dependencies()[0].state(), State::Open);
    let begun = Instant::now();
    hear(&stt, SECOND).await.unwrap();
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_long_question_may_take_longer() {
    let slow = Fake::new([Play::After(8), Play::After(8)]);
    let stt = recogniser(&[&slow]);
    assert_eq!(hear(&stt, 10 * SECOND).await.unwrap(), ANSWER);
    let late = hear(&stt, 6 * SECOND).await.unwrap_err();
    assert_eq!(late, SttError::Late(7 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_within_two_deadlines_whatever_hangs() {
    let hanging = Fake::always(&Play::Hangs);
    let stt = recogniser(&[&hanging, &hanging, &hanging]);
    let begun = Instant::now();
    let late = hear(&stt, SECOND).await.unwrap_err();
    assert!(matches!(late, SttError::Late(_)), "{late}");
    assert!(begun.elapsed() <= 9 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn only_so_many_engines_are_tried_for_one_request() {
    let sick = Fake::always(&Play::Fails(SttError::Unfinished));
    let stt = recogniser(&[&sick; 5]);
    hear(&stt, SECOND).await.unwrap_err();
    assert_eq!(sick.asked().len(), PATIENCE.attempts);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_no_engine_would_take_is_no_engines_fault() {
    let refused = || Play::Fails(SttError::from(refusal(422)));
    let (first, spare) = (Fake::always(&refused()), Fake::new([]));
    let stt = recogniser(&[&first, &spare]);
    for _ in 0..5 {
        hear(&stt, SECOND).await.unwrap_err();
    }
    let empty = hear(&stt, Duration::ZERO).await.unwrap_err();
    assert_eq!(empty, SttError::EmptyAudio);
    assert_eq!(failures(&stt.dependencies()), [0, 0]);
    assert!(spare.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn while_every_engine_is_away_people_are_told_at_once_and_not_what_others_said() {
    let sick = Fake::always(&Play::Fails(SttError::from(refusal(500))));
    let stt = recogniser(&[&sick]);
    for _ in 0..2 {
        hear(&stt, SECOND).await.unwrap_err();
    }
    let error = hear(&stt, SECOND).await.unwrap_err();
    let SttError::Unavailable { reason } = &error else {
        panic!("{error}");
    };
    assert!(
        reason.contains("http://0") && reason.contains("500"),
        "{reason}"
    );
    assert!(!reason.contains("What time"), "{reason}");
    let snapshot = stt.dependencies()[0].snapshot(Instant::now().into_std());
    let (_, shown) = snapshot.last_error.unwrap();
    assert!(!shown.contains("What time"), "{shown}");
    assert!(stt.outage().is_some());
}

#[tokio::test(start_paused = true)]
async fn patience_can_change_while_requests_are_made() {
    let slow = Fake::always(&Play::After(5));
    let stt = recogniser(&[&slow]);
    let late = hear(&stt, Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(late, SttError::Late(_)), "{late}");
    let patience = Patience {
        deadline: 6 * SECOND,
        ..PATIENCE
    };
    stt.tune(&rules(2), patience);
    assert_eq!(hear(&stt, SECOND).await.unwrap(), ANSWER);
}
