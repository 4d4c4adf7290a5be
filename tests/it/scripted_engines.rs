//! The scripted engines do what they are told, or the tests that use them would prove nothing.

use std::time::Duration;

use audio::Pcm;
use reqwest::{Client, Response};
use serde_json::json;
use world::scripted::{self, Play, Reply, SttDialect, TtsDialect};

fn client() -> Client {
    service::tls::install();
    Client::builder().no_proxy().build().unwrap()
}

async fn ask(client: &Client, url: &str) -> reqwest::Result<Response> {
    let body = json!({ "model": "m", "messages": [] });
    client
        .post(format!("{url}/api/chat"))
        .json(&body)
        .send()
        .await
}

#[tokio::test]
async fn the_next_play_comes_before_the_one_for_always() {
    let chat = scripted::chat("m", "Always the same.");
    chat.next(Play::Status(500));
    chat.next(Play::Answer("Just once.".into()));
    let client = client();
    let refused = ask(&client, &chat.url()).await.unwrap();
    assert_eq!(refused.status(), 500);
    let once = ask(&client, &chat.url()).await.unwrap().text().await;
    assert!(once.unwrap().contains("once."));
    let always = ask(&client, &chat.url()).await.unwrap().text().await;
    assert!(always.unwrap().contains("same."));
    assert_eq!(chat.seen().len(), 3);
}

#[tokio::test]
async fn half_an_answer_ends_in_a_broken_connection() {
    let chat = scripted::chat("m", "One two three four.");
    chat.always(Play::Half("One two three four.".into()));
    let mut answer = ask(&client(), &chat.url()).await.unwrap();
    let mut text = String::new();
    let end = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => text.push_str(&String::from_utf8_lossy(&chunk)),
            end => break end,
        }
    };
    assert!(end.is_err(), "it ends as if it were complete");
    assert!(text.contains("One") && !text.contains("four"), "{text}");
}

#[tokio::test]
async fn an_asker_that_hangs_up_is_counted() {
    let chat = scripted::chat("m", "");
    chat.next(Play::Hang);
    chat.next(Play::Stall(Reply::from("One two three.")));
    let (client, url) = (client(), chat.url());
    for times in 1..=2 {
        let asking = tokio::spawn({
            let (client, url) = (client.clone(), url.clone());
            async move { ask(&client, &url).await?.bytes().await }
        });
        chat.asked(times).await;
        asking.abort();
        chat.hung_up(times).await;
    }
}

#[tokio::test]
async fn an_engine_that_died_refuses_and_comes_back_at_its_address() {
    let mut chat = scripted::chat("m", "Here I am.");
    let client = client();
    let url = chat.url();
    ask(&client, &url).await.unwrap().bytes().await.unwrap();
    chat.stop();
    assert!(ask(&client, &url).await.is_err());
    chat.start_again();
    assert_eq!(ask(&client, &url).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_recogniser_keeps_the_sound_that_it_got() {
    let stt = scripted::stt(SttDialect::Transcribe, "Hello.");
    let sound = Pcm::silence(16_000, Duration::from_millis(300));
    let wav = reqwest::multipart::Part::bytes(audio::wav::write(&sound));
    let form = reqwest::multipart::Form::new()
        .part("audio", wav)
        .text("language", "en");
    let request = client().post(format!("{}/transcribe", stt.url()));
    let answer = request.multipart(form).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("Hello."));
    let seen = stt.asked(1).await;
    assert_eq!(seen.sound, Some(sound));
    assert_eq!(seen.fields["language"], "en");
}

#[tokio::test]
async fn a_synthesiser_of_one_dialect_does_not_know_the_other() {
    let sound = Pcm::silence(22_050, Duration::from_millis(100));
    let tts = scripted::tts(TtsDialect::OldPiper, sound.clone());
    let client = client();
    let post = |path: &str| {
        let request = client.post(format!("{}{path}", tts.url()));
        request.json(&json!({ "text": "Hello." })).send()
    };
    assert_eq!(post("/synthesize").await.unwrap().status(), 404);
    let wav = post("/").await.unwrap().bytes().await.unwrap();
    assert_eq!(audio::wav::read(&wav).unwrap(), sound);
}
