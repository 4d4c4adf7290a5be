//! A person: asks aloud, and notes when the question ended and when the answer began.

use std::time::{Duration, Instant};

use audio::Pcm;
use mumble::{Client, Event, Events};
use tokio::time::timeout;

/// How the question ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Microphone {
    /// The talk key is released with the last word.
    TalkKey,
    /// The microphone stays open: silence follows.
    Open,
}

/// How long an answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer has ended when nothing more is heard for this long.
const ANSWER_END: Duration = Duration::from_millis(700);

/// How often the progress of the question is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// What an open microphone sends at a time when nobody speaks.
const SILENCE: Duration = Duration::from_millis(500);

/// A Mumble user that asks.
pub(crate) struct Caller {
    pub(crate) client: Client,
    pub(crate) events: Events,
}

impl Caller {
    /// Asks and waits for the whole answer. Gives the time from the end of the question to the
    /// first packet of the answer.
    pub(crate) async fn ask(&mut self, question: &Pcm, microphone: Microphone) -> Duration {
        let there = "the line is there";
        let mut line = self.client.speak();
        line.push(question.clone()).await.expect(there);
        let (ended, began) = match microphone {
            Microphone::TalkKey => {
                line.finish().done().await.expect(there);
                (Instant::now(), self.first_sound().await)
            }
            Microphone::Open => {
                let silence = Pcm::silence(question.rate(), SILENCE);
                line.push(silence.clone()).await.expect(there);
                while line.heard() < question.duration() {
                    tokio::time::sleep(LOOK).await;
                }
                let ended = Instant::now();
                let quiet = async {
                    while line.push(silence.clone()).await.is_ok() {}
                    panic!("{there}");
                };
                tokio::select! {
                    began = self.first_sound() => (ended, began),
                    () = quiet => unreachable!("silence is sent for ever"),
                }
            }
        };
        while let Ok(Some(_)) = timeout(ANSWER_END, self.events.next()).await {}
        began - ended
    }

    async fn first_sound(&mut self) -> Instant {
        timeout(PATIENCE, async {
            loop {
                match self.events.next().await {
                    Some(Event::Heard(heard)) if !heard.pcm.is_empty() => return heard.received,
                    Some(_) => {}
                    None => panic!("the server is gone"),
                }
            }
        })
        .await
        .expect("an answer comes")
    }
}
