//! Looking after engines that were sick.

use resilience::State;
use speech::stt::{Hints, SttError};
use speech::tts::TtsError;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fake::{
    Fake, Play, SECOND, hear, model, question, recogniser, refusal, say, think, voice,
};

#[tokio::test(start_paused = true)]
async fn a_sick_engine_is_tried_with_requests_of_its_own_alone() {
    let sick = Play::Fails(TtsError::from(refusal(500)));
    let (first, spare) = (Fake::new([sick.clone(), sick]), Fake::new([]));
    let tts = voice(&[&first, &spare]);
    let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
    tts.tend(&(), &mut tasks, &shutdown);
    for _ in 0..3 {
        assert_eq!(say(&tts, "It is noon.").await, [Ok(1), Ok(2)]);
    }
    let first_of = tts.dependencies()[0].clone();
    assert_eq!(first_of.state(), State::Open);
    let opened = Instant::now();
    let mut state = first_of.watch();
    state
        .wait_for(|state| *state == State::Closed)
        .await
        .unwrap();
    assert!(opened.elapsed() <= 5 * SECOND, "{:?}", opened.elapsed());
    say(&tts, "It is one.").await;
    let asked = ["It is noon.", "It is noon.", "Yes.", "It is one."];
    assert_eq!(first.asked(), asked);
    shutdown.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_and_a_model_are_probed_with_little_real_work() {
    let sick = || Play::Fails(SttError::Unfinished);
    let (ear, mind) = (
        Fake::new([sick(), sick()]),
        Fake::new([Play::Empty, Play::Empty]),
    );
    let (stt, chat) = (recogniser(&[&ear]), model(&[&mind]));
    let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
    stt.tend(&Hints::default(), &mut tasks, &shutdown);
    chat.tend(&question(), &mut tasks, &shutdown);
    for _ in 0..2 {
        hear(&stt, SECOND).await.unwrap_err();
        think(&chat).await[0].as_ref().unwrap_err();
    }
    for dependency in [&stt.dependencies()[0], &chat.dependencies()[0]] {
        let mut state = dependency.watch();
        state
            .wait_for(|state| *state == State::Closed)
            .await
            .unwrap();
    }
    assert_eq!(ear.asked(), ["1s", "1s", "500ms"]);
    let real = "Some(4096) Some(200)";
    assert_eq!(mind.asked(), [real, real, "Some(4096) Some(1)"]);
}
