//! A session talks with a server that the test plays, on a clock that the test owns.

mod login;
mod texts;
mod voice;
mod whisper;
mod fallback;
mod anything;

use std::sync::LazyLock;

use audio::{MUMBLE_HZ, Pcm, opus::Encoder};
use bytes::Bytes;

use super::*;
use crate::datagram::{self, Received};
use crate::error::Outlook;
use crate::event::{Heard, RosterChange, Scope, TextScope};
use crate::speak::Speech;
use crate::target::Target;

pub(super) const ME: SessionId = SessionId(5);
pub(super) const ANN: SessionId = SessionId(9);
pub(super) const V1_3_4: u64 = 1 << 48 | 3 << 32 | 4 << 16;
pub(super) const V1_5_735: u64 = 1 << 48 | 5 << 32 | 735 << 16;

/// The server, the clock, and the session under test.
pub(super) struct World {
    pub(super) session: Session,
    queue: Arc<SpeechQueue>,
    /// The server's end of the sealed datagrams.
    crypt: Crypt,
    pub(super) now: Instant,
}

impl World {
    /// Just connected.
    pub(super) fn connected(edit: impl FnOnce(&mut Config)) -> Self {
        Self::connected_with(Kept::default(), edit)
    }

    /// Just connected, with what was set on an earlier connection.
    pub(super) fn connected_with(kept: Kept, edit: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("talk.example", 64738, "AI-Bot", "/nowhere");
        edit(&mut config);
        let (now, queue) = (Instant::now(), Arc::new(SpeechQueue::default()));
        let session = Session::new(now, Arc::new(config), Arc::clone(&queue), kept);
        Self {
            session,
            queue,
            crypt: Crypt::new([1; 16], [3; 16], [2; 16]),
            now,
        }
    }

    /// Logged in to a server of this version, in its root channel, with Ann beside.
    pub(super) fn joined_to(version: u64, edit: impl FnOnce(&mut Config)) -> Self {
        let mut world = Self::connected(edit);
        world.log_in(version).expect("the server accepts");
        world
    }

    pub(super) fn joined() -> Self {
        Self::joined_to(V1_3_4, |_| {})
    }

    pub(super) fn log_in(&mut self, version: u64) -> Result<(), JoinError> {
        self.say(Control::Version(proto::Version {
            version_v2: Some(version),
            ..Default::default()
        }))?;
        self.say(Control::CryptSetup(proto::CryptSetup {
            key: Some(Bytes::from_static(&[1; 16])),
            client_nonce: Some(Bytes::from_static(&[2; 16])),
            server_nonce: Some(Bytes::from_static(&[3; 16])),
        }))?;
        for (id, parent, name) in [(0, None, "Root"), (1, Some(0), "AI")] {
            let name = Some(name.to_owned());
            let channel_id = Some(id);
            self.say(Control::ChannelState(proto::ChannelState {
                channel_id,
                parent,
                name,
                ..Default::default()
            }))?;
        }
        for (session, name) in [(ANN, "Ann"), (ME, "AI-Bot")] {
            let (session, name) = (Some(session.0), Some(name.to_owned()));
            self.say(Control::UserState(proto::UserState {
                session,
                name,
                ..Default::default()
            }))?;
        }
        self.say(Control::ServerSync(proto::ServerSync {
            session: Some(ME.0),
            ..Default::default()
        }))
    }

    /// The server says something.
    pub(super) fn say(&mut self, message: Control) -> Result<(), JoinError> {
        self.session.handle_control(self.now, message)
    }

    /// What the session wants done now.
    pub(super) fn output(&mut self) -> Vec<Output> {
        self.session
            .handle_timeout(self.now)
            .expect("the connection holds");
        std::iter::from_fn(|| self.session.poll()).collect()
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        let event = |output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        };
        self.output().into_iter().filter_map(event).collect()
    }

    pub(super) fn controls(&mut self) -> Vec<Control> {
        let control = |output| match output {
            Output::Control(message) => Some(message),
            _ => None,
        };
        self.output().into_iter().filter_map(control).collect()
    }

    /// Lets time pass as the shell does; gives all that the session wanted meanwhile. With
    /// `answer` the server answers pings.
    pub(super) fn run(
        &mut self,
        length: Duration,
        answer: Pings,
    ) -> Result<Vec<Output>, JoinError> {
        let end = self.now + length;
        let mut all = Vec::new();
        loop {
            self.session.handle_timeout(self.now)?;
            while let Some(output) = self.session.poll() {
                self.answer(&output, answer)?;
                all.push(output);
            }
            let deadline = self.session.deadline();
            if deadline > end {
                self.now = end;
                return Ok(all);
            }
            self.now = self.now.max(deadline);
        }
    }

    fn answer(&mut self, output: &Output, answer: Pings) -> Result<(), JoinError> {
        match output {
            Output::Control(Control::Ping(ping)) if answer != Pings::Nothing => {
                self.say(Control::Ping(*ping))
            }
            Output::Datagram(sealed) if answer == Pings::All => {
                let plain = self
                    .crypt
                    .open(sealed)
                    .expect("the session's datagrams are genuine");
                if plain[0] >> 5 == 1 {
                    let echo = self.crypt.seal(&plain);
                    self.session.handle_datagram(self.now, &echo);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The texts that are sent now.
    fn texts(&mut self) -> Vec<String> {
        let text = |message| match message {
            Control::TextMessage(text) => text.message,
            _ => None,
        };
        self.controls().into_iter().filter_map(text).collect()
    }

    /// Ann's voice, as the server forwards it in the old dialect.
    fn voice(sequence: u64, last: bool) -> Vec<u8> {
        static OPUS: LazyLock<Vec<u8>> =
            LazyLock::new(|| Encoder::new(40_000).unwrap().encode(&[1000; 960]).unwrap());
        let opus = OPUS.clone();
        let voice = datagram::Voice {
            speaker: ANN,
            scope: Scope::Normal,
            sequence,
            opus: opus.into(),
            last,
        };
        let mut packet = datagram::write_voice(Dialect::Legacy, 0, &voice);
        packet.insert(1, ANN.0 as u8);
        packet
    }

    fn heard(&mut self) -> Vec<Heard> {
        let heard = |event| match event {
            Event::Heard(heard) => Some(heard),
            _ => None,
        };
        self.events().into_iter().filter_map(heard).collect()
    }

    /// An utterance of this length, complete.
    fn speak(&self, length: Duration) -> crate::speak::Playing {
        let mut speech: Speech = self.queue.speak(Target::Normal);
        {
            let pushed = speech.push(Pcm::silence(MUMBLE_HZ, length));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(
                std::pin::pin!(pushed)
                    .as_mut()
                    .poll(&mut context)
                    .is_ready()
            );
        }
        speech.finish()
    }
}

/// Which of the session's pings the server answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pings {
    All,
    TcpOnly,
    Nothing,
}

fn text(message: &str) -> proto::TextMessage {
    proto::TextMessage {
        actor: Some(ANN.0),
        message: Some(message.into()),
        ..Default::default()
    }
}

fn is_joined(event: &Event) -> bool {
    matches!(event, Event::Joined { me: ME, .. })
}

fn datagrams(outputs: &[Output]) -> usize {
    outputs
        .iter()
        .filter(|output| matches!(output, Output::Datagram(_)))
        .count()
}

/// Packets of voice in the tunnel, in the old dialect.
fn tunnelled(outputs: &[Output]) -> usize {
    in_tunnel(outputs, 4)
}

/// Packets of this kind in the tunnel, in the old dialect; 1 is a ping.
fn in_tunnel(outputs: &[Output], kind: u8) -> usize {
    let tunnel = |output: &&Output| match output {
        Output::Control(Control::UdpTunnel(packet)) => packet[0] >> 5 == kind,
        _ => false,
    };
    outputs.iter().filter(tunnel).count()
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
