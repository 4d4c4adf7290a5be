//! Voice on either way, sealed and plain.

use super::*;

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
