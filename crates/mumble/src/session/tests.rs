//! A session talks with a server that the test plays, on a clock that the test owns.

mod fallback;
mod whisper;

use std::sync::LazyLock;

use audio::{MUMBLE_HZ, Pcm, opus::Encoder};
use bytes::Bytes;
use proptest::prelude::*;

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

#[test]
fn the_first_words_are_version_and_name() {
    let mut world = World::connected(|config| config.password = Some("sesame".into()));
    let said = world.controls();
    assert!(matches!(&said[0], Control::Version(version) if version.release.is_some()));
    let Control::Authenticate(login) = &said[1] else {
        panic!("{:?}", said[1])
    };
    assert_eq!(login.username.as_deref(), Some("AI-Bot"));
    assert_eq!(login.password.as_deref(), Some("sesame"));
    assert_eq!(login.opus, Some(true));
}

#[test]
fn without_a_channel_the_login_ends_where_the_server_puts_us() {
    let mut world = World::joined();
    let events = world.events();
    assert!(
        matches!(events.as_slice(), [joined] if is_joined(joined)),
        "{events:?}"
    );
    assert_eq!(world.session.roster().others_in_my_channel().count(), 1);
}

#[test]
fn a_configured_channel_is_entered_before_anything_is_told() {
    let mut world = World::joined_to(V1_3_4, |config| config.channel = Some("Root/AI".into()));
    let said = world.output();
    assert!(said.iter().any(|output| matches!(
        output,
        Output::Control(Control::UserState(move_to)) if move_to.channel_id == Some(1)
    )));
    assert!(!said.iter().any(|output| matches!(output, Output::Event(_))));
    let (session, channel_id) = (Some(ME.0), Some(1));
    let moved = proto::UserState {
        session,
        channel_id,
        ..Default::default()
    };
    world.say(Control::UserState(moved)).unwrap();
    assert!(world.events().iter().any(is_joined));
}

#[test]
fn an_unknown_channel_is_told_with_those_that_exist() {
    let mut world = World::connected(|config| config.channel = Some("Root/IA".into()));
    let error = world.log_in(V1_3_4).unwrap_err();
    let JoinError::UnknownChannel { path, known } = error else {
        panic!("{error}")
    };
    assert_eq!(
        (path.as_str(), known),
        ("Root/IA", vec!["Root".into(), "Root/AI".into()])
    );
}

#[test]
fn a_channel_that_is_closed_to_us_is_told() {
    let mut world = World::joined_to(V1_3_4, |config| config.channel = Some("AI".into()));
    let denied = proto::PermissionDenied {
        r#type: Some(1),
        permission: Some(4),
        ..Default::default()
    };
    let error = world.say(Control::PermissionDenied(denied)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not let this user enter a channel: give it the Enter"),
        "{error}"
    );
}

#[test]
fn each_refusal_says_what_to_do() {
    for (kind, outlook, words) in [
        (2, Outlook::NeedsSomebody, "MUMBLE_USERNAME"),
        (3, Outlook::NeedsSomebody, "MUMBLE_PASSWORD"),
        (4, Outlook::NeedsSomebody, "MUMBLE_PASSWORD"),
        (5, Outlook::NeedsSomebody, "already in use"),
        (6, Outlook::HealsByItself, "full"),
        (7, Outlook::NeedsSomebody, "certificate"),
        (8, Outlook::HealsByItself, "because"),
        (9, Outlook::HealsByItself, "because"),
        (99, Outlook::NeedsSomebody, "because"),
    ] {
        let mut world = World::connected(|_| {});
        let reject = proto::Reject {
            r#type: Some(kind),
            reason: Some("because".into()),
        };
        let error = world.say(Control::Reject(reject)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.outlook(), outlook, "{error}");
    }
}

#[test]
fn being_displaced_is_no_kick() {
    let removed = |actor: Option<SessionId>, reason: &str| {
        let mut world = World::joined();
        let remove = proto::UserRemove {
            session: Some(ME.0),
            actor: actor.map(|actor| actor.0),
            reason: Some(reason.into()),
            ban: None,
        };
        world.say(Control::UserRemove(remove)).unwrap_err()
    };
    let words = "You connected to the server from another device";
    assert!(
        matches!(removed(None, words), JoinError::Displaced { username } if username == "AI-Bot")
    );
    assert!(matches!(
        removed(Some(ANN), words),
        JoinError::Kicked { .. }
    ));
    let by_nobody = removed(None, "maintenance");
    assert_eq!(by_nobody.to_string(), "kicked by the server: maintenance");
}

#[test]
fn being_kicked_and_banned_tells_by_whom_and_why() {
    let removed = |ban| {
        let mut world = World::joined();
        let (session, actor) = (Some(ME.0), Some(ANN.0));
        let remove = proto::UserRemove {
            session,
            actor,
            reason: Some("<b>noise</b>".into()),
            ban,
        };
        world.say(Control::UserRemove(remove)).unwrap_err()
    };
    assert_eq!(removed(None).to_string(), "kicked by Ann: noise");
    assert!(matches!(removed(Some(true)), JoinError::Banned(reason) if reason == "noise"));
}

#[test]
fn a_login_that_hangs_and_a_server_that_falls_silent_are_given_up() {
    let mut world = World::connected(|_| {});
    let error = world.run(60 * SECOND, Pings::All).unwrap_err();
    assert!(error.to_string().contains("within 10 s"), "{error}");

    let mut world = World::joined();
    world
        .run(300 * SECOND, Pings::All)
        .expect("a server that answers pings is alive");
    let error = world.run(60 * SECOND, Pings::Nothing).unwrap_err();
    assert!(error.to_string().contains("went silent"), "{error}");
}

#[test]
fn voice_takes_the_tunnel_until_udp_answers_and_after_it_died() {
    let mut world = World::joined();
    world.output();
    let playing = world.speak(SECOND);
    let said = world.run(2 * SECOND, Pings::TcpOnly).unwrap();
    assert_eq!(tunnelled(&said), 50);
    drop(playing);

    world.run(20 * SECOND, Pings::All).unwrap();
    assert!(world.session.uses_udp());
    let playing = world.speak(SECOND);
    let said = world.run(2 * SECOND, Pings::All).unwrap();
    assert_eq!((tunnelled(&said), datagrams(&said) >= 50), (0, true));
    drop(playing);

    let said = world.run(10 * SECOND, Pings::TcpOnly).unwrap();
    assert!(!world.session.uses_udp());
    assert!(
        in_tunnel(&said, 1) > 0,
        "the server is told to use the tunnel"
    );
    let _playing = world.speak(SECOND);
    assert_eq!(
        tunnelled(&world.run(2 * SECOND, Pings::TcpOnly).unwrap()),
        50
    );
}

#[test]
fn without_udp_nothing_is_sent_by_it() {
    let mut world = World::joined_to(V1_3_4, |config| config.udp = false);
    let _playing = world.speak(SECOND);
    let said = world.run(30 * SECOND, Pings::All).unwrap();
    assert_eq!((datagrams(&said), tunnelled(&said)), (0, 50));
}

#[test]
fn the_echo_of_a_ping_through_the_tunnel_says_nothing_about_udp() {
    let mut world = World::joined();
    let pong = datagram::write_ping(Dialect::Legacy, 0);
    world.say(Control::UdpTunnel(pong.into())).unwrap();
    assert!(!world.session.uses_udp());
}

#[test]
fn voices_are_heard_from_either_way() {
    let mut world = World::joined();
    world.output();
    world
        .say(Control::UdpTunnel(World::voice(0, false).into()))
        .unwrap();
    let sealed = world.crypt.seal(&World::voice(2, true));
    world.session.handle_datagram(world.now, &sealed);
    let heard = world.heard();
    let summary: Vec<_> = heard
        .iter()
        .map(|h| (h.speaker, h.pcm.len(), h.last))
        .collect();
    assert_eq!(summary, [(ANN, 320, false), (ANN, 320, true)]);
}

#[test]
fn a_server_of_1_5_is_spoken_to_in_its_dialect() {
    let mut world = World::joined_to(V1_5_735, |_| {});
    let _playing = world.speak(SECOND / 50);
    let voices = world
        .controls()
        .into_iter()
        .find_map(|message| match message {
            Control::UdpTunnel(packet) => match datagram::read(Dialect::Protobuf, packet) {
                Ok(Received::Voice(voice)) => Some(voice),
                _ => None,
            },
            _ => None,
        });
    let voice = voices.expect("the frame goes through the tunnel");
    assert!(voice.last && !voice.opus.is_empty());
}

#[test]
fn a_narrow_server_gets_smaller_packets() {
    let sent = |limit| {
        let mut world = World::joined();
        let config = proto::ServerConfig {
            max_bandwidth: Some(limit),
            ..Default::default()
        };
        world.say(Control::ServerConfig(config)).unwrap();
        let mut speech = world.queue.speak(Target::Normal);
        let noise: Vec<i16> = (0..48_000_i32)
            .map(|n| (n % 1009 * 7919 % 20_011 - 10_000) as i16)
            .collect();
        {
            let pushed = speech.push(Pcm::new(MUMBLE_HZ, noise));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(
                std::pin::pin!(pushed)
                    .as_mut()
                    .poll(&mut context)
                    .is_ready()
            );
        }
        let _playing = speech.finish();
        let outputs = world.run(2 * SECOND, Pings::TcpOnly).unwrap();
        let bytes = |output: &Output| match output {
            Output::Control(Control::UdpTunnel(packet)) => packet.len(),
            _ => 0,
        };
        outputs.iter().map(bytes).sum::<usize>()
    };
    let (wide, narrow) = (sent(130_000), sent(32_000));
    assert!(narrow * 2 < wide, "{narrow} of {wide} bytes");
}

#[test]
fn texts_come_as_plain_words_with_their_scope() {
    let mut world = World::joined();
    world.output();
    let to_channel = proto::TextMessage {
        channel_id: vec![0],
        ..text("<b>hi</b> all")
    };
    let to_me = proto::TextMessage {
        session: vec![ME.0],
        ..text("psst")
    };
    let by_server = proto::TextMessage {
        actor: None,
        ..text("maintenance")
    };
    for message in [to_channel, to_me, by_server, text("<br>")] {
        world.say(Control::TextMessage(message)).unwrap();
    }
    let texts: Vec<_> = world
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Text(text) => Some((text.from_name, text.to, text.text)),
            _ => None,
        })
        .collect();
    let expected = [
        ("Ann", TextScope::Channel(ChannelId(0)), "hi all"),
        ("Ann", TextScope::Private, "psst"),
        ("the server", TextScope::Private, "maintenance"),
    ];
    assert_eq!(
        texts,
        expected.map(|(from, to, text)| (from.to_owned(), to, text.to_owned()))
    );
}

#[test]
fn a_text_is_cut_to_the_servers_limit() {
    let mut world = World::joined();
    let config = proto::ServerConfig {
        message_length: Some(10),
        ..Default::default()
    };
    world.say(Control::ServerConfig(config)).unwrap();
    world
        .session
        .send_text(To::Channel(ChannelId(0)), "one two three <four>");
    let texts: Vec<String> = world
        .controls()
        .into_iter()
        .filter_map(|message| match message {
            Control::TextMessage(text) => text.message,
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["one two", "three", "&lt;four", "&gt;"]);
}

#[test]
fn a_change_of_the_servers_settings_is_told() {
    let mut world = World::joined();
    world.output();
    let config = proto::ServerConfig {
        message_length: Some(500),
        allow_html: Some(false),
        max_users: Some(30),
        ..Default::default()
    };
    world.say(Control::ServerConfig(config.clone())).unwrap();
    world.say(Control::ServerConfig(config)).unwrap();
    let suggest = proto::SuggestConfig {
        version_v1: Some(1 << 16 | 4 << 8),
        push_to_talk: Some(true),
        ..Default::default()
    };
    world.say(Control::SuggestConfig(suggest)).unwrap();
    let events = world.events();
    let [Event::ServerChanged(limits), Event::ServerChanged(all)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(limits.message_length, Some(500));
    assert_eq!(limits.allows_html, Some(false));
    assert_eq!(all.max_users, Some(30));
    assert_eq!(all.suggests.push_to_talk, Some(true));
    assert_eq!(
        all.suggests.version.map(|version| version.to_string()),
        Some("1.4.0".to_owned())
    );
    world
        .session
        .send_text(To::Channel(ChannelId(0)), "a\nb & c");
    let texts: Vec<_> = world
        .controls()
        .into_iter()
        .filter_map(|message| match message {
            Control::TextMessage(text) => text.message,
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["a\nb &amp; c"]);
}

#[test]
fn only_what_happens_after_the_login_is_told() {
    let mut world = World::joined();
    world.output();
    let remove = proto::UserRemove {
        session: Some(ANN.0),
        ..Default::default()
    };
    world.say(Control::UserRemove(remove)).unwrap();
    let events = world.events();
    let left = RosterChange::UserLeft { session: ANN };
    assert!(
        matches!(events.as_slice(), [Event::Roster(change)] if *change == left),
        "{events:?}"
    );
}

#[test]
fn a_deaf_session_asks_for_the_nonce_and_hears_again() {
    let mut world = World::joined();
    world.run(10 * SECOND, Pings::TcpOnly).unwrap();
    for _ in 0..200 {
        world.crypt.seal(b"lost on the way");
    }
    let mut asked = 0;
    for n in 0..10 {
        let sealed = world.crypt.seal(&World::voice(2 * n, false));
        world.session.handle_datagram(world.now, &sealed);
        let request = Control::CryptSetup(proto::CryptSetup::default());
        asked += world
            .controls()
            .iter()
            .filter(|message| **message == request)
            .count();
    }
    assert_eq!(asked, 1);
    let server_nonce = Some(Bytes::copy_from_slice(&world.crypt.sealing_nonce()));
    let setup = proto::CryptSetup {
        server_nonce,
        ..Default::default()
    };
    world.say(Control::CryptSetup(setup)).unwrap();
    let sealed = world.crypt.seal(&World::voice(20, false));
    world.session.handle_datagram(world.now, &sealed);
    assert_eq!(world.heard().len(), 1);
    assert_eq!(world.session.stats().resyncs, 1);
}

#[test]
fn the_server_is_told_our_nonce_when_it_asks() {
    let mut world = World::joined();
    world.output();
    world
        .say(Control::CryptSetup(proto::CryptSetup::default()))
        .unwrap();
    let nonce = Some(Bytes::copy_from_slice(
        &world.session.crypt.as_ref().unwrap().sealing_nonce(),
    ));
    let answer = proto::CryptSetup {
        client_nonce: nonce,
        ..Default::default()
    };
    assert!(world.controls().contains(&Control::CryptSetup(answer)));
}

#[test]
fn a_farewell_marks_the_end_of_the_voice() {
    let mut world = World::joined();
    let _playing = world.speak(SECOND);
    world.run(SECOND / 2, Pings::TcpOnly).unwrap();
    world.session.close(world.now);
    let Some(Output::Control(Control::UdpTunnel(packet))) = world.session.poll() else {
        panic!()
    };
    // Behind the kind stand the sequence (one or two bytes) and the length with its mark.
    let mut rest = packet.slice(1..);
    crate::varint::get(&mut rest).unwrap();
    assert_eq!(crate::varint::get(&mut rest).unwrap() & 0x2000, 0x2000);
}

/// Any message, mostly of known kinds with fields that make sense.
fn any_message() -> impl Strategy<Value = Control> {
    let id = prop_oneof![0_u32..4, Just(ME.0), Just(ANN.0), any::<u32>()];
    let ids = (
        prop::option::of(id.clone()),
        prop::option::of(id.clone()),
        prop::option::of(id),
    );
    let words = prop::option::of("[a-z<&;/]{0,12}");
    let bytes = prop::option::of(prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from));
    (
        0_u8..14,
        ids,
        words,
        bytes,
        any::<Option<bool>>(),
        any::<Option<u64>>(),
    )
        .prop_map(|(kind, (a, b, c), words, bytes, flag, number)| match kind {
            0 => Control::UdpTunnel(bytes.unwrap_or_default()),
            1 => Control::Version(proto::Version {
                version_v1: a,
                version_v2: number,
                release: words,
                ..Default::default()
            }),
            2 => Control::Ping(proto::Ping {
                timestamp: number,
                ..Default::default()
            }),
            3 => Control::ServerSync(proto::ServerSync {
                session: a,
                max_bandwidth: b,
                welcome_text: words,
                ..Default::default()
            }),
            4 => Control::ChannelState(proto::ChannelState {
                channel_id: a,
                parent: b,
                name: words,
                ..Default::default()
            }),
            5 => Control::ChannelRemove(proto::ChannelRemove { channel_id: a }),
            6 => Control::UserState(proto::UserState {
                session: a,
                channel_id: b,
                user_id: c,
                name: words,
                mute: flag,
                ..Default::default()
            }),
            7 => Control::UserRemove(proto::UserRemove {
                session: a,
                actor: b,
                reason: words,
                ban: flag,
            }),
            8 => Control::TextMessage(proto::TextMessage {
                actor: a,
                session: b.into_iter().collect(),
                message: words,
                ..Default::default()
            }),
            9 => Control::PermissionDenied(proto::PermissionDenied {
                r#type: a,
                permission: b,
                reason: words,
                ..Default::default()
            }),
            10 => Control::CryptSetup(proto::CryptSetup {
                key: bytes.clone(),
                client_nonce: None,
                server_nonce: bytes,
            }),
            11 => Control::ServerConfig(proto::ServerConfig {
                max_bandwidth: a,
                message_length: b,
                ..Default::default()
            }),
            12 => Control::CodecVersion(proto::CodecVersion {
                alpha: Some(1),
                opus: flag,
                ..Default::default()
            }),
            _ => Control::Authenticate(proto::Authenticate::default()),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_server_makes_it_panic(
        joined: bool,
        messages in prop::collection::vec((any_message(), 0_u64..3000), 0..60),
        datagram: Vec<u8>,
    ) {
        let mut world = if joined { World::joined() } else { World::connected(|_| {}) };
        world.session.send_text(To::User(ANN), "a few words & more");
        for (message, pause) in messages {
            if world.say(message).is_err() {
                break;
            }
            world.session.handle_datagram(world.now, &datagram);
            if world.run(Duration::from_millis(pause), Pings::TcpOnly).is_err() {
                break;
            }
        }
    }

    #[test]
    fn forged_datagrams_change_nothing(forged in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..40)) {
        let mut world = World::joined();
        world.output();
        for datagram in &forged {
            world.session.handle_datagram(world.now, datagram);
        }
        prop_assert_eq!(world.session.stats().dropped as usize, forged.len());
        for n in 0..300 {
            let sealed = world.crypt.seal(&World::voice(2 * n, false));
            world.session.handle_datagram(world.now, &sealed);
        }
        prop_assert_eq!(world.heard().len(), 300);
        prop_assert_eq!(world.session.stats().good, 300);
    }
}
