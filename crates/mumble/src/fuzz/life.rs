//! A whole session under any messages, datagrams and acts in any order, while time passes.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use audio::{MUMBLE_HZ, Pcm};
use bytes::BytesMut;
use futures::FutureExt;
use tokio_util::codec::Decoder;

use crate::config::Config;
use crate::control::ControlCodec;
use crate::crypt::Crypt;
use crate::error::JoinError;
use crate::event::{Event, SessionId, To};
use crate::kept::Kept;
use crate::session::{Output, Session};
use crate::speak::{Playing, SpeechQueue};
use crate::target::Target;

/// Key, nonce from client to server and from server to client, as the seeds agree on them.
pub(super) const SECRETS: ([u8; 16], [u8; 16], [u8; 16]) = ([1; 16], [2; 16], [3; 16]);

/// What the shell would have to do at once, after one step. A step of 65 s of silence brings a
/// ping or two; the rest is sound.
const MOST_OUTPUTS: usize = 10_000;

/// How often the session may want to be called again without any time passing.
const MOST_WAKES: usize = 4;

/// Sound that one step may bring, in bytes.
const MOST_SOUND: usize = 128 << 20;

/// Entries of a roster, users and channels each.
const MOST_ENTRIES: usize = 20_000;

/// What happens in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many milliseconds pass (two bytes, low one first).
    Wait,
    /// Bytes arrive on the stream.
    Stream,
    /// The server sends a datagram, sealed as agreed.
    Sealed,
    /// Somebody sends a datagram.
    Datagram,
    /// The user writes.
    Write,
    /// The user says something short.
    Say,
}

impl Step {
    const ALL: [Self; 6] = [
        Self::Wait,
        Self::Stream,
        Self::Sealed,
        Self::Datagram,
        Self::Write,
        Self::Say,
    ];

    /// As [`session`] reads it: the kind, two bytes of length, the content.
    pub(super) fn with(self, content: &[u8]) -> Vec<u8> {
        let kind = Self::ALL.iter().position(|step| *step == self).unwrap_or(0) as u8;
        let length = (content.len() as u16).to_le_bytes();
        [&[kind], &length[..], content].concat()
    }
}

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let mut config = Config::new("talk.example", 64738, "AI-Bot", "/nowhere");
    config.channel = Some("AI".to_owned());
    Arc::new(config)
});

/// Steps as long as there are bytes: one byte says which, two how long its content is. Ends
/// early when the session ends.
///
/// # Panics
/// When the session holds more, or wants more done, than any server should bring about.
pub fn session(bytes: &[u8]) {
    let mut world = World::new();
    let mut rest = bytes;
    while let Some((&[kind, low, high], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high]));
        let (content, after) = after.split_at(after.len().min(length));
        rest = after;
        let step = Step::ALL[usize::from(kind) % Step::ALL.len()];
        if world.step(step, content).is_err() {
            break;
        }
        world.holds_little();
    }
    world.session.close(world.now);
    world.holds_little();
}

struct World {
    now: Instant,
    session: Session,
    codec: ControlCodec,
    stream: BytesMut,
    server: Crypt,
    queue: Arc<SpeechQueue>,
    /// Nothing is said any more once this is dropped.
    playing: Option<Playing>,
}

/// The session has ended, as it may.
#[derive(Debug)]
struct Ended;

impl From<JoinError> for Ended {
    fn from(error: JoinError) -> Self {
        // What is shown of an error must not panic either.
        assert!(!error.to_string().is_empty());
        Self
    }
}

impl World {
    fn new() -> Self {
        let (now, queue) = (Instant::now(), Arc::new(SpeechQueue::default()));
        let (key, up, down) = SECRETS;
        Self {
            now,
            session: Session::new(
                now,
                Arc::clone(&CONFIG),
                Arc::clone(&queue),
                Kept::default(),
            ),
            codec: ControlCodec::default(),
            stream: BytesMut::new(),
            server: Crypt::new(key, down, up),
            queue,
            playing: None,
        }
    }

    fn step(&mut self, step: Step, content: &[u8]) -> Result<(), Ended> {
        match step {
            Step::Wait => {
                let ms = content.iter().take(2).rev();
                let ms = ms.fold(0_u64, |ms, &byte| ms << 8 | u64::from(byte));
                self.now += Duration::from_millis(ms);
            }
            Step::Stream => {
                self.stream.extend_from_slice(content);
                while let Some(message) = self.codec.decode(&mut self.stream).map_err(|_| Ended)? {
                    self.session.handle_control(self.now, message)?;
                }
            }
            Step::Sealed => {
                let sealed = self.server.seal(content);
                self.session.handle_datagram(self.now, &sealed);
            }
            Step::Datagram => {
                self.session.handle_datagram(self.now, content);
            }
            Step::Write => {
                if self.session.has_room_for_text() {
                    let to = To::User(SessionId(content.len() as u32));
                    self.session
                        .send_text(to, &String::from_utf8_lossy(content));
                }
            }
            Step::Say => {
                let mut speech = self.queue.speak(Target::Normal);
                let sound = content.iter().map(|&byte| i16::from(byte) << 6);
                let pushed = speech.push(Pcm::new(MUMBLE_HZ, sound.collect()));
                // Less than the queue takes at once.
                let _ = pushed.now_or_never();
                self.playing = Some(speech.finish());
            }
        }
        for _ in 0..MOST_WAKES {
            self.session.handle_timeout(self.now)?;
            if self.session.deadline() > self.now {
                return Ok(());
            }
        }
        panic!("the shell would spin");
    }

    fn holds_little(&mut self) {
        let (mut outputs, mut sound) = (0, 0);
        while let Some(output) = self.session.poll() {
            outputs += 1;
            if let Output::Event(Event::Heard(heard)) = output {
                sound += heard.pcm.len() * size_of::<i16>();
            }
        }
        assert!(outputs <= MOST_OUTPUTS, "{outputs} outputs at once");
        assert!(sound <= MOST_SOUND, "{sound} bytes of sound at once");
        let roster = self.session.roster();
        assert!(roster.users().size_hint().0 <= MOST_ENTRIES);
        assert!(roster.channels().size_hint().0 <= MOST_ENTRIES);
        let _ = self.session.stats();
    }
}

#[cfg(test)]
mod tests {
    use super::super::seeds;
    use super::*;

    #[test]
    fn the_seeds_lead_into_the_channel() {
        for version in seeds::versions() {
            let mut world = World::new();
            for step in seeds::login(version) {
                let content = &step[size_of::<[u8; 3]>()..];
                world.step(Step::Stream, content).expect("the login holds");
            }
            assert!(world.session.is_joined());
        }
    }
}
