//! Sentences as sound, spoken by the real Piper.

use std::collections::HashMap;
use std::time::Duration;

use audio::Pcm;
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::Engines;

/// What is asked most.
pub const CAPITAL_OF_FRANCE: &str = "What is the capital of France?";

/// How long an engine may take; a busy machine makes them many times slower.
const PATIENCE: Duration = Duration::from_secs(60);

static SPOKEN: Mutex<Option<HashMap<String, Pcm>>> = Mutex::const_new(None);

/// `text` as speech at the voice's own rate (22 050 Hz), made once for a test process.
pub async fn spoken(text: &str) -> Pcm {
    let mut spoken = SPOKEN.lock().await;
    let spoken = spoken.get_or_insert_default();
    if let Some(pcm) = spoken.get(text) {
        return pcm.clone();
    }
    let answer = client()
        .post(format!("{}/synthesize", Engines::shared().piper()))
        .json(&json!({ "text": text }))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .expect("Piper speaks any sentence");
    let wav = answer.bytes().await.expect("Piper sends a whole WAV");
    let pcm = audio::wav::read(&wav).expect("Piper sends a WAV");
    spoken.insert(text.to_owned(), pcm.clone());
    pcm
}

/// What the real recogniser understands of `sound`, without this project's own client.
pub async fn understood(sound: &Pcm) -> String {
    let wav = Part::bytes(audio::wav::write(&sound.resampled(audio::SPEECH_HZ)));
    let form = Form::new().part("file", wav.file_name("sound.wav"));
    let answer = client()
        .post(format!(
            "{}/v1/audio/transcriptions",
            Engines::shared().whisper()
        ))
        .multipart(form)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .expect("the recogniser takes any WAV");
    let answer: Value = answer.json().await.expect("the recogniser answers in JSON");
    let text = answer["text"].as_str().expect("it holds the text");
    text.trim().to_owned()
}

fn client() -> Client {
    service::tls::install();
    let client = Client::builder().no_proxy().timeout(PATIENCE).build();
    client.expect("a provider of TLS is installed")
}

/// The words of `text`, lower-case and without punctuation, to compare what was heard with what
/// was said.
pub fn words(text: &str) -> Vec<String> {
    let letters = |c: char| c.is_alphanumeric() || c == '\'';
    text.split(|c| !letters(c))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
