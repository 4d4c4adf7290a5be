//! Whispers and shouts: told to the server first, and heard for what they are.

use super::*;

/// An utterance of 60 ms to this target.
fn whisper(world: &World, target: Target) -> crate::speak::Playing {
    let mut speech = world.queue.speak(target);
    {
        let pushed = speech.push(Pcm::silence(MUMBLE_HZ, Duration::from_millis(60)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let pushed = std::pin::pin!(pushed).as_mut().poll(&mut context);
        assert!(pushed.is_ready());
    }
    speech.finish()
}

/// What goes to the server by TCP, in short.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Target(u32, Vec<u32>),
    Ping,
    Voice(u8),
}

fn sent(outputs: Vec<Output>) -> Vec<Sent> {
    let short = |output| match output {
        Output::Control(Control::VoiceTarget(told)) => {
            let users = told.targets.iter().flat_map(|target| &target.session);
            Some(Sent::Target(
                told.id.unwrap_or_default(),
                users.copied().collect(),
            ))
        }
        Output::Control(Control::Ping(_)) => Some(Sent::Ping),
        Output::Control(Control::UdpTunnel(packet)) if packet[0] >> 5 == 4 => {
            Some(Sent::Voice(packet[0] & 0x1f))
        }
        _ => None,
    };
    outputs.into_iter().filter_map(short).collect()
}

#[test]
fn a_whisper_leaves_when_the_server_knows_its_target() {
    let mut world = World::joined_to(V1_3_4, |config| config.udp = false);
    world.output();
    let _playing = whisper(&world, Target::Users(vec![ANN]));
    let short = Duration::from_millis(30);
    let before = sent(world.run(short, Pings::Nothing).unwrap());
    assert_eq!(before, [Sent::Target(1, vec![ANN.0]), Sent::Ping]);
    let told = proto::Ping {
        timestamp: Some(world.session.micros(world.now - short)),
        ..Default::default()
    };
    world.say(Control::Ping(told)).unwrap();
    let after = sent(world.run(2 * SECOND, Pings::TcpOnly).unwrap());
    assert_eq!(after, [Sent::Voice(1), Sent::Voice(1), Sent::Voice(1)]);
}

#[test]
fn a_whisper_does_not_wait_for_ever() {
    let mut world = World::joined_to(V1_3_4, |config| config.udp = false);
    world.output();
    let _playing = whisper(&world, Target::Users(vec![ANN]));
    let sent = sent(world.run(SECOND, Pings::Nothing).unwrap());
    assert_eq!(sent.len(), 2 + 3, "{sent:?}");
}

#[test]
fn each_utterance_goes_to_its_own_target() {
    let mut world = World::joined_to(V1_3_4, |config| config.udp = false);
    world.output();
    let _all: Vec<_> = [
        Target::Users(vec![ANN]),
        Target::Normal,
        Target::Loopback,
        Target::Users(vec![ANN]),
    ]
    .map(|target| whisper(&world, target))
    .into();
    let sent = sent(world.run(2 * SECOND, Pings::TcpOnly).unwrap());
    let numbers: Vec<u8> = sent
        .iter()
        .filter_map(|sent| match sent {
            Sent::Voice(number) => Some(*number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 1, 1, 0, 0, 0, 31, 31, 31, 1, 1, 1]);
    let told = sent.iter().filter(|sent| matches!(sent, Sent::Target(..)));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_shout_names_its_channel_and_how_far_it_goes() {
    let mut world = World::joined();
    world.output();
    let _playing = whisper(
        &world,
        Target::Channel {
            id: ChannelId(1),
            links: false,
            children: true,
            group: Some("staff".into()),
        },
    );
    let told: Vec<_> = world
        .controls()
        .into_iter()
        .filter_map(|control| match control {
            Control::VoiceTarget(told) => Some(told.targets),
            _ => None,
        })
        .collect();
    let target = proto::voice_target::Target {
        session: Vec::new(),
        channel_id: Some(1),
        group: Some("staff".into()),
        links: Some(false),
        children: Some(true),
    };
    assert_eq!(told, [[target]]);
}

#[test]
fn what_is_heard_says_whom_it_was_for() {
    for (context, scope) in [
        (0, Scope::Normal),
        (1, Scope::Shout),
        (2, Scope::Whisper),
        (3, Scope::Listened),
    ] {
        let mut world = World::joined();
        world.output();
        let mut packet = World::voice(0, false);
        packet[0] |= context;
        world.say(Control::UdpTunnel(packet.into())).unwrap();
        let scopes: Vec<Scope> = world.heard().iter().map(|heard| heard.scope).collect();
        assert_eq!(scopes, [scope]);
    }
}
