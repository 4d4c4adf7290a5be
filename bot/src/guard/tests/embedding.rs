//! Embedding, beside the model that answers.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use llm::{ChatError, Embed, Purpose};
use resilience::{Limits, State};
use tokio::time::Instant;

use super::fake::{Fake, PATIENCE, Play, failures, model, refusal, rules, think};
use crate::engines::At;
use crate::guard::{Guarded, GuardedChat, GuardedEmbed};

/// What makes vectors, or not.
#[derive(Clone, Debug)]
struct Told(Result<(), ChatError>);

impl Embed for Told {
    fn embed(
        &self,
        texts: Vec<String>,
        _: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        let vectors = texts.iter().map(|_| vec![1.0]).collect();
        let answer = self.0.clone().map(|()| vectors);
        async { answer }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        async { self.0.clone() }.boxed()
    }

    fn model(&self) -> &str {
        "all-minilm"
    }
}

fn embedding(address: &str, told: Result<(), ChatError>, chat: &GuardedChat) -> GuardedEmbed {
    let at = At {
        address: address.to_owned(),
        engine: Arc::new(Told(told)) as Arc<dyn Embed>,
    };
    let guarded = Guarded::new(vec![at], &rules(2), Limits::default(), PATIENCE);
    GuardedEmbed::new(guarded, chat.dependencies())
}

async fn vectors(embed: &GuardedEmbed) -> Result<Vec<Vec<f32>>, ChatError> {
    embed.embed(vec!["noon".into()], Purpose::Question).await
}

#[tokio::test(start_paused = true)]
async fn an_embedding_model_that_is_not_there_costs_the_model_that_answers_nothing() {
    let chat = model(&[&Fake::new([])]);
    let missing = ChatError::UnknownModel {
        url: "http://0".into(),
        model: "all-minilm".into(),
        help: "pull it".into(),
    };
    let embed = embedding("http://0", Err(missing), &chat);
    for _ in 0..5 {
        vectors(&embed).await.unwrap_err();
    }
    let own = &embed.guarded.dependencies()[0];
    assert_eq!(own.state(), State::Open);
    let shown = own.snapshot(Instant::now().into_std()).last_error.unwrap();
    assert!(shown.1.contains("pull it"), "{}", shown.1);
    assert_eq!(failures(&chat.dependencies()), [0]);
    assert_eq!(chat.dependencies()[0].state(), State::Closed);
    assert!(think(&chat).await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn where_the_model_that_answers_is_left_alone_nobody_asks_for_vectors() {
    let sick = Play::Fails(ChatError::Status {
        url: "http://0".into(),
        status: 500,
        reason: refusal(500).to_string(),
    });
    let chat = model(&[&Fake::always(&sick)]);
    let here = embedding("http://0", Ok(()), &chat);
    let elsewhere = embedding("http://elsewhere", Ok(()), &chat);
    vectors(&here).await.unwrap();
    for _ in 0..2 {
        think(&chat).await;
    }
    let error = vectors(&here).await.unwrap_err();
    assert!(matches!(error, ChatError::Unavailable { .. }), "{error}");
    assert_eq!(failures(&here.guarded.dependencies()), [0]);
    vectors(&elsewhere).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn vectors_take_no_place_of_an_answer() {
    let chat = model(&[&Fake::new([])]);
    let embed = embedding("http://0", Ok(()), &chat);
    vectors(&embed).await.unwrap();
    let shown = chat.dependencies()[0].snapshot(Instant::now().into_std());
    assert_eq!(shown.calls, 0);
}
