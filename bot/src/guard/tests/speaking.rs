//! Speaking: sound that comes piece by piece.

use speech::tts::TtsError;
use tokio::time::Instant;

use super::fake::{Fake, PATIENCE, Play, SECOND, failures, refusal, say, voice};

#[tokio::test(start_paused = true)]
async fn a_spare_speaks_while_nothing_of_the_text_was_heard() {
    let broken = TtsError::from(refusal(500));
    for sick in [Play::Fails(broken.clone()), Play::Hangs, Play::Empty] {
        let (first, spare) = (Fake::always(&sick), Fake::new([]));
        let tts = voice(&[&first, &spare]);
        assert_eq!(say(&tts, "It is noon.").await, [Ok(1), Ok(2)], "{sick:?}");
        assert_eq!(failures(&tts.dependencies()), [1, 0], "{sick:?}");
    }
    let (first, spare) = (Fake::always(&Play::Stalls), Fake::new([]));
    let tts = voice(&[&first, &spare]);
    let late = TtsError::Late(PATIENCE.deadline);
    assert_eq!(say(&tts, "It is noon.").await, [Ok(1), Err(late)]);
    assert!(spare.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_comes_more_slowly_than_it_is_heard_is_late() {
    let trickling = Fake::new([Play::Trickles]);
    let tts = voice(&[&trickling]);
    let begun = Instant::now();
    let said = say(&tts, "It is noon.").await;
    assert!(matches!(said.last(), Some(Err(TtsError::Late(_)))));
    assert!(begun.elapsed() <= 6 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(failures(&tts.dependencies()), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_text_without_words_says_nothing_about_the_voice() {
    let silent = Fake::always(&Play::Empty);
    let tts = voice(&[&silent]);
    assert_eq!(say(&tts, "  ").await, []);
    assert!(silent.asked().is_empty());
    for _ in 0..5 {
        assert!(say(&tts, "...").await[0].is_err());
    }
    assert_eq!(failures(&tts.dependencies()), [0]);
}
