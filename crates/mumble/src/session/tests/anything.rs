//! Whatever a server or a stranger sends, in any order.

use proptest::prelude::*;

use super::*;

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
