//! Thinking: answers that come token by token.

use futures::StreamExt as _;
use llm::{Chat as _, ChatError};
use tokio::time::Instant;

use super::fake::{Fake, Play, SECOND, failures, model, question, think};

fn broken() -> ChatError {
    ChatError::HalfAnswer {
        reason: "reset".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_spare_thinks_while_no_token_was_given_on() {
    for sick in [
        Play::Fails(broken()),
        Play::Hangs,
        Play::SaysNothing,
        Play::Empty,
    ] {
        let (first, spare) = (Fake::always(&sick), Fake::new([]));
        let chat = model(&[&first, &spare]);
        let answer: Vec<String> = think(&chat).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answer, ["It is ", "noon."], "{sick:?}");
        assert_eq!(failures(&chat.dependencies()), [1, 0], "{sick:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_begun_is_not_begun_again() {
    for (sick, error) in [
        (Play::Breaks(broken()), broken()),
        (Play::Stalls, ChatError::Late(SECOND)),
    ] {
        let (first, spare) = (Fake::always(&sick), Fake::new([]));
        let chat = model(&[&first, &spare]);
        assert_eq!(think(&chat).await, [Ok("It is ".into()), Err(error)]);
        assert!(spare.asked().is_empty());
        assert_eq!(failures(&chat.dependencies()), [1, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_stream_is_one_call() {
    let well = Fake::new([]);
    let chat = model(&[&well]);
    let mut answer = chat.chat(question());
    answer.next().await.unwrap().unwrap();
    assert_eq!(chat.dependencies()[0].in_flight(), 1);
    assert!(
        answer
            .by_ref()
            .all(|piece| async move { piece.is_ok() })
            .await
    );
    assert_eq!(chat.dependencies()[0].in_flight(), 0);
    let snapshot = chat.dependencies()[0].snapshot(Instant::now().into_std());
    assert_eq!((snapshot.calls, snapshot.failures), (1, 0));
    assert!(snapshot.last_success.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_somebody_spoke_over_is_no_failure() {
    let stalling = Fake::always(&Play::Stalls);
    let chat = model(&[&stalling]);
    for _ in 0..5 {
        let mut answer = chat.chat(question());
        answer.next().await.unwrap().unwrap();
    }
    assert_eq!(failures(&chat.dependencies()), [0]);
    assert_eq!(chat.dependencies()[0].in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_address_loads_the_model_for_one_token_with_the_options_of_the_answers() {
    let (first, spare) = (Fake::new([Play::After(60)]), Fake::new([]));
    let chat = model(&[&first, &spare]);
    chat.warm(question()).await.unwrap();
    let asked = ["Some(4096) Some(1)"];
    assert_eq!(
        (&*first.asked(), &*spare.asked()),
        (&asked.map(String::from)[..], &asked.map(String::from)[..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_model_may_take_its_time_for_each_token() {
    let slow = Fake::new([Play::Trickles]);
    let answer = model(&[&slow]).chat(question());
    let tokens: Vec<_> = answer.take(100).collect().await;
    assert!(tokens.iter().all(Result::is_ok), "{tokens:?}");
}
