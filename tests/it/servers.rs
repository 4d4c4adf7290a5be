//! Each dialect against the real server that speaks it.

use std::time::Duration;

use audio::Pcm;
use futures::StreamExt as _;
use llm::{ChatError, Message, Options, Request, Role, Server};
use speech::{stt, tts};
use world::{Engines, SMALL_MODEL, question};

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

#[tokio::test]
async fn a_real_recogniser_understands_a_spoken_question() {
    let speech = question::spoken(question::CAPITAL_OF_FRANCE).await;
    for dialect in ["openai", "auto"] {
        let server = stt::Server {
            url: Engines::shared().whisper().to_owned(),
            api_key: None,
            model: "whisper-1".to_owned(),
        };
        let recogniser = stt::open(dialect, server).unwrap();
        recogniser.check().await.unwrap();
        let speech = speech.resampled(audio::SPEECH_HZ);
        let answer = recogniser.transcribe(speech, &stt::Hints::default());
        let transcript = tokio::time::timeout(PATIENCE, stt::final_transcript(answer))
            .await
            .expect("it answers in time")
            .unwrap();
        assert_eq!(
            question::words(&transcript.text),
            question::words(question::CAPITAL_OF_FRANCE),
            "{dialect}"
        );
    }
}

#[tokio::test]
async fn a_real_recogniser_finds_no_words_in_silence() {
    let server = stt::Server {
        url: Engines::shared().whisper().to_owned(),
        api_key: None,
        model: "whisper-1".to_owned(),
    };
    let recogniser = stt::open("openai", server).unwrap();
    let silence = Pcm::silence(audio::SPEECH_HZ, Duration::from_secs(2));
    let answer = recogniser.transcribe(silence, &stt::Hints::default());
    let heard = stt::final_transcript(answer).await.unwrap();
    // It may invent a word, but then it says that it is not sure of it.
    assert!(
        heard.text.is_empty() || heard.no_speech.is_some_and(|p| p > 0.3),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_real_piper_speaks_what_is_then_understood() {
    const SENTENCE: &str = "The weather is nice today.";
    for dialect in ["piper", "auto"] {
        let server = tts::Server {
            url: Engines::shared().piper().to_owned(),
            ..tts::Server::default()
        };
        service::tls::install();
        let voice = tts::open(dialect, server).unwrap();
        voice.check().await.unwrap();
        let pieces: Vec<Pcm> = tokio::time::timeout(
            PATIENCE,
            voice.speak(SENTENCE).map(Result::unwrap).collect(),
        )
        .await
        .expect("it answers in time");
        let mut whole = Pcm::new(pieces[0].rate(), Vec::new());
        for piece in &pieces {
            whole.extend_from_slice(piece.samples());
        }
        let seconds = whole.duration().as_secs_f64();
        assert!((1.0..4.0).contains(&seconds), "{dialect}: {seconds} s");
        let words = question::words(&question::understood(&whole).await);
        assert_eq!(words, question::words(SENTENCE), "{dialect}");
    }
}
