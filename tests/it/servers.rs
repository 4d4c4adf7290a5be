//! Each dialect against the real server that speaks it.

use std::time::Duration;

use futures::StreamExt as _;
use llm::{ChatError, Message, Options, Request, Role, Server};
use world::{Engines, SMALL_MODEL};

/// A real engine answers within this, even on a machine that is busy compiling.
const PATIENCE: Duration = Duration::from_secs(120);

fn model_server(model: &str) -> Server {
    service::tls::install();
    Server {
        url: Engines::shared().ollama().to_owned(),
        api_key: None,
        model: model.to_owned(),
    }
}

fn question(model: &str, text: &str) -> Request {
    Request {
        messages: vec![Message::new(Role::User, text)],
        options: Options {
            model: model.to_owned(),
            temperature: Some(0.0),
            seed: Some(1),
            num_predict: Some(24),
            ..Options::default()
        },
    }
}

#[tokio::test]
async fn a_real_ollama_answers_in_both_of_its_dialects() {
    for dialect in ["ollama", "openai"] {
        let chat = llm::open(dialect, model_server(SMALL_MODEL)).unwrap();
        tokio::time::timeout(PATIENCE, async {
            chat.check().await.unwrap();
            let pieces: Vec<String> = chat
                .chat(question(SMALL_MODEL, "What is the capital of France?"))
                .map(Result::unwrap)
                .collect()
                .await;
            let answer = pieces.concat();
            assert!(pieces.len() > 3, "{dialect} does not stream: {pieces:?}");
            assert!(answer.contains("Paris"), "{dialect} says: {answer}");
        })
        .await
        .expect("it answers in time");
    }
}

#[tokio::test]
async fn a_model_that_ollama_does_not_have_is_named_with_the_command_that_helps() {
    let chat = llm::open("ollama", model_server("no-such-model:1b")).unwrap();
    let checked = chat.check().await.unwrap_err();
    let asked = chat
        .chat(question("no-such-model:1b", "Hello"))
        .next()
        .await
        .unwrap()
        .unwrap_err();
    for error in [checked, asked] {
        assert!(matches!(error, ChatError::UnknownModel { .. }), "{error}");
        assert!(
            error.to_string().contains("ollama pull no-such-model:1b"),
            "{error}"
        );
    }
}
