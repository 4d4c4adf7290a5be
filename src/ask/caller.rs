//! A Mumble user that asks aloud and listens to the one who answers.

use std::time::{Duration, Instant};

use audio::{MUMBLE_HZ, Pcm};
use mumble::{
    Client, Event, Events, Heard, JoinError, ServerInfo, Speech, SpeechError, TextMessage,
};
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::recording::Recording;

/// How long the login may take.
const LOGIN: Duration = Duration::from_secs(15);

/// How long the assistant may take to appear in the channel; it may be starting as well.
const ASSISTANT_COMES: Duration = Duration::from_secs(15);

/// How long the farewell to the server may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// How often an open microphone sends a piece of silence, and how long it is.
const MIC: Duration = Duration::from_millis(20);

/// How much silence an open microphone is ahead of its clock, so that it never runs dry.
const MIC_AHEAD: Duration = Duration::from_millis(100);

/// How finely the end of a question at an open microphone is seen.
const GLANCE: Duration = Duration::from_millis(2);

/// A joined user. Dropping it leaves the server without a farewell; better [`Caller::leave`].
#[derive(Debug)]
pub struct Caller {
    client: Client,
    events: Events,
    server: ServerInfo,
    assistant: String,
    shutdown: DropGuard,
}

/// How the end of a question is known to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TalkKey {
    /// The talk key is released at its end, which the last packet says.
    Held,
    /// The microphone runs on and sends silence until the answer has ended.
    OpenMic,
}

/// A recorded answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The sound at 48 kHz, pauses included.
    pub sound: Pcm,
    /// From the end of the question (its last packet that was sound) to the first packet of the
    /// answer.
    pub first_sound: Duration,
    /// When the question ended.
    pub question_ended: Instant,
    /// What the assistant wrote meanwhile.
    pub written: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The user cannot join, or lost the connection.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The server did not let the user in, in time.
    #[error("no login within {} s", LOGIN.as_secs())]
    LoginLate,
    /// The connection is at its end.
    #[error("the connection to the Mumble server has ended")]
    Left,
    /// The assistant is not in the channel.
    #[error(
        "{name} is not in the channel {channel}; start it by `mumble-ai up`, and see that \
             MUMBLE_CHANNEL and MUMBLE_USERNAME are the same for both"
    )]
    AssistantAway {
        /// The assistant's name.
        name: String,
        /// The channel that the user is in.
        channel: String,
    },
    /// The question could not be spoken.
    #[error("the question could not be spoken: {0}")]
    Mute(#[from] SpeechError),
    /// No answer came in time.
    #[error("no answer within {} s{}", waited.as_secs(), hint(*others, written))]
    NoAnswer {
        /// How long was waited.
        waited: Duration,
        /// How many others are in the channel besides user and assistant.
        others: usize,
        /// What the assistant wrote instead.
        written: Vec<String>,
    },
}

impl Caller {
    /// Joins and looks for the assistant: the user whose answers will be recorded.
    ///
    /// # Errors
    /// The first reason for which the user cannot join.
    pub async fn join(user: mumble::Config, assistant: &str) -> Result<Self, AskError> {
        let shutdown = CancellationToken::new();
        let (client, mut events) = mumble::join(user, shutdown.clone());
        let shutdown = shutdown.drop_guard();
        let joined = async {
            loop {
                match events.next().await {
                    Some(Event::Joined { server, .. }) => return Ok(server),
                    Some(Event::Lost { error, .. }) => return Err(AskError::Join(error)),
                    Some(_) => {}
                    None => return Err(AskError::Left),
                }
            }
        };
        let server = timeout(LOGIN, joined)
            .await
            .map_err(|_| AskError::LoginLate)??;
        Ok(Self {
            client,
            events,
            server,
            assistant: assistant.to_owned(),
            shutdown,
        })
    }

    /// What the server told about itself.
    #[must_use]
    pub fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// Speaks `question` and records the answer; `patience` is for its first sound.
    ///
    /// # Errors
    /// When the assistant is not in the channel, the connection breaks, or no answer comes.
    pub async fn ask(
        &mut self,
        question: &Pcm,
        key: TalkKey,
        patience: Duration,
    ) -> Result<Answer, AskError> {
        self.wait_for_assistant().await?;
        let said = say(self.client.speak(), question.clone(), key);
        tokio::pin!(said);
        // Events must be taken meanwhile, or they would pile up; what is heard now is no answer.
        let (ended, mut microphone) = loop {
            tokio::select! {
                said = &mut said => break said?,
                event = self.events.next() => { survived(event)?; }
            }
        };
        let mut recording = Recording::new();
        let mut written = Vec::new();
        let mut mic = interval(MIC);
        mic.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            let end = recording.end().unwrap_or(ended + patience);
            tokio::select! {
                event = self.events.next() => match survived(event)? {
                    Event::Heard(heard) if self.is_assistant(&heard) => {
                        recording.hear(heard.received, &heard.pcm, heard.last);
                    }
                    Event::Text(TextMessage { from_name, text, .. })
                        if from_name == self.assistant => written.push(text),
                    _ => {}
                },
                () = sleep_until(end.into()) => break,
                _ = mic.tick(), if microphone.is_some() => {
                    if let Some(microphone) = &mut microphone {
                        microphone.push(Pcm::silence(MUMBLE_HZ, MIC)).await?;
                    }
                }
            }
        }
        match recording.first() {
            Some(first) => Ok(Answer {
                sound: recording.into_sound(),
                first_sound: first.saturating_duration_since(ended),
                question_ended: ended,
                written,
            }),
            None => {
                let others = self
                    .client
                    .roster()
                    .others_in_my_channel()
                    .count()
                    .saturating_sub(1);
                Err(AskError::NoAnswer {
                    waited: patience,
                    others,
                    written,
                })
            }
        }
    }

    /// Leaves the server; whether the assistant was in the channel.
    pub async fn leave(self) -> bool {
        let Self {
            client,
            mut events,
            assistant,
            shutdown,
            ..
        } = self;
        let present = client
            .roster()
            .others_in_my_channel()
            .any(|user| user.name == assistant);
        drop(shutdown);
        // The server needs to see us go, or our name stays taken; not at any price.
        timeout(FAREWELL, async { while events.next().await.is_some() {} })
            .await
            .ok();
        present
    }

    async fn wait_for_assistant(&mut self) -> Result<(), AskError> {
        let comes = async {
            while !self.sees_assistant() {
                survived(self.events.next().await)?;
            }
            Ok(())
        };
        if let Ok(came) = timeout(ASSISTANT_COMES, comes).await {
            return came;
        }
        let roster = self.client.roster();
        let channel = roster.my_channel().map(|channel| channel.name.clone());
        let channel = channel.unwrap_or_else(|| "Root".into());
        Err(AskError::AssistantAway {
            name: self.assistant.clone(),
            channel,
        })
    }

    fn sees_assistant(&self) -> bool {
        self.client
            .roster()
            .others_in_my_channel()
            .any(|user| user.name == self.assistant)
    }

    fn is_assistant(&self, heard: &Heard) -> bool {
        let roster = self.client.roster();
        roster
            .user(heard.speaker)
            .is_some_and(|user| user.name == self.assistant)
    }
}

/// Speaks the question; gives when its sound had ended, and the microphone that is still open.
async fn say(
    mut line: Speech,
    question: Pcm,
    key: TalkKey,
) -> Result<(Instant, Option<Speech>), SpeechError> {
    let length = question.duration();
    line.push(question).await?;
    match key {
        TalkKey::Held => {
            line.finish().done().await?;
            Ok((Instant::now(), None))
        }
        TalkKey::OpenMic => {
            line.push(Pcm::silence(MUMBLE_HZ, MIC_AHEAD)).await?;
            while line.heard() < length {
                sleep(GLANCE).await;
                // Adds nothing, but fails when the line does.
                line.push(Pcm::silence(MUMBLE_HZ, Duration::ZERO)).await?;
            }
            Ok((Instant::now(), Some(line)))
        }
    }
}

/// An event of a connection that stands.
fn survived(event: Option<Event>) -> Result<Event, AskError> {
    match event {
        Some(Event::Lost { error, .. }) => Err(AskError::Join(error)),
        Some(event) => Ok(event),
        None => Err(AskError::Left),
    }
}

fn hint(others: usize, written: &[String]) -> String {
    match (written, others) {
        ([], 0) => "; the assistant's log says why".into(),
        ([], _) => {
            format!("; with {others} more in the channel, say the assistant's name in the question")
        }
        (written, _) => format!("; it only wrote: {}", written.join(" ")),
    }
}
