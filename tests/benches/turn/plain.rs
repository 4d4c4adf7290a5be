//! The plain way, to compare with: wait for silence, then one engine after the other, each whole.
//!
//! It uses the same engines through the same clients, so that only the way of working differs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use audio::Pcm;
use bot::engines::At;
use futures::StreamExt as _;
use llm::{Chat, Message, Options, Request, Role};
use mumble::{Client, Event, Events};
use service::settings::Settings;
use speech::stt::{Hints, Stt, final_transcript};
use speech::tts::Tts;
use speech::turn::{Config, Endpointer, Event as Turns, Turn};
use world::Engines;

/// Silence after which a question counts as ended.
const SILENCE: Duration = Duration::from_millis(1500);

/// A bot that works the plain way.
pub(crate) struct Plain {
    stt: Arc<dyn Stt>,
    chat: Arc<dyn Chat>,
    tts: Arc<dyn Tts>,
    options: Options,
    system: String,
}

impl Plain {
    /// A bot at the same engines as the assistant, and with the same settings.
    pub(crate) fn new(engines: &Engines, model: &str) -> Self {
        let env = |name: &str| {
            let value = match name {
                "WHISPER_URL" => engines.whisper(),
                "OLLAMA_URL" => engines.ollama(),
                "PIPER_URL" => engines.piper(),
                "OLLAMA_MODEL" => model,
                "OLLAMA_TEMPERATURE" => "0",
                "OLLAMA_SEED" => "1",
                "OLLAMA_NUM_PREDICT" => crate::ANSWER_TOKENS,
                _ => return None,
            };
            Some(value.to_owned())
        };
        let fits = "the settings are right";
        let settings = Settings::load(mumble_ai::REFERENCE, None, &env).expect(fits);
        let config = bot::Config::from_settings(&settings).expect(fits);
        Self {
            stt: only(bot::engines::stt(&config.whisper).expect(fits)),
            chat: only(bot::engines::chat(&config.ollama).expect(fits)),
            tts: only(bot::engines::tts(&config.piper).expect(fits)),
            options: bot::engines::options(&config.ollama),
            system: bot::app::system_message(&config).to_string(),
        }
    }

    /// Answers one question after another until the Mumble user is gone.
    pub(crate) async fn run(self, client: Client, mut events: Events) {
        let config = Config {
            silence: SILENCE,
            pause: SILENCE,
            ..Config::default()
        };
        let mut ear = Endpointer::new(config);
        loop {
            let deadline = ear.deadline().map(tokio::time::Instant::from_std);
            let silence = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let noticed = tokio::select! {
                event = events.next() => match event {
                    // The release of the talk key is not looked at.
                    Some(Event::Heard(heard)) => ear.hear(Instant::now(), heard.pcm.samples()),
                    Some(_) => continue,
                    None => return,
                },
                () = silence => ear.handle_timeout(Instant::now()),
            };
            for turn in noticed {
                if let Turns::Ended(Turn { pcm, .. }) = turn {
                    self.answer(&client, pcm).await;
                }
            }
        }
    }

    async fn answer(&self, client: &Client, question: Pcm) {
        let hints = Hints {
            language: Some("en".into()),
            ..Hints::default()
        };
        let words = final_transcript(self.stt.transcribe(question, &hints))
            .await
            .expect("the recogniser answers");
        let messages = vec![
            Message::new(Role::System, &*self.system),
            Message::new(Role::User, words.text.trim()),
        ];
        let mut tokens = self.chat.chat(Request {
            messages,
            options: self.options.clone(),
        });
        let mut answer = String::new();
        while let Some(token) = tokens.next().await {
            answer.push_str(&token.expect("the model answers"));
        }
        let mut pieces = self.tts.speak(&answer);
        let mut sound: Option<Pcm> = None;
        while let Some(piece) = pieces.next().await {
            let piece = piece.expect("the synthesiser answers");
            match &mut sound {
                Some(sound) => sound.extend_from_slice(piece.samples()),
                None => sound = Some(piece),
            }
        }
        let Some(sound) = sound else { return };
        let mut line = client.speak();
        line.push(sound).await.expect("the line is there");
        line.finish().done().await.expect("the answer is played");
    }
}

/// The engine at its one address, with nothing around it.
fn only<T: ?Sized>(mut engines: Vec<At<T>>) -> Arc<T> {
    engines.remove(0).engine
}
