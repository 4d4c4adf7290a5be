//! Acts, answered by a server that the test plays.

use tokio::sync::oneshot::{self, Receiver};

use super::*;
use crate::act::Presence;
use crate::denied::{Denied, Permission};
use crate::event::{Event, RosterChange, SessionId, Version};
use crate::kept::Kept;
use crate::session::tests::{ANN, ME, Pings, SECOND, V1_5_735, World};

const ROOT: ChannelId = ChannelId(0);
const AI: ChannelId = ChannelId(1);

/// Asks for an act; gives where its outcome comes.
fn ask(world: &mut World, act: Act) -> Receiver<Outcome> {
    let (answer, answered) = oneshot::channel();
    world.session.act(Asked {
        act,
        answer: Some(answer),
    });
    answered
}

/// Lets the session do what it wants and gives what it asks of the server. What it sends through
/// the tunnel, to find a way for voice, is not asked.
fn asked(world: &mut World) -> Vec<Control> {
    let mut asked = Vec::new();
    for output in world.output() {
        match output {
            Output::Control(Control::UdpTunnel(_)) => {}
            Output::Control(message) => asked.push(message),
            Output::Answer(answer) => answer.give(),
            _ => {}
        }
    }
    asked
}

/// What the server tells of a user.
fn state(session: SessionId, edit: impl FnOnce(&mut proto::UserState)) -> Control {
    let mut state = proto::UserState {
        session: Some(session.0),
        ..Default::default()
    };
    edit(&mut state);
    Control::UserState(state)
}

fn in_channel(session: SessionId, channel: ChannelId) -> Control {
    state(session, |state| state.channel_id = Some(channel.0))
}

fn removed(session: SessionId, ban: bool) -> Control {
    Control::UserRemove(proto::UserRemove {
        session: Some(session.0),
        ban: ban.then_some(true),
        ..Default::default()
    })
}

fn no_permission(permission: u32, channel: ChannelId) -> Control {
    Control::PermissionDenied(proto::PermissionDenied {
        r#type: Some(1),
        permission: Some(permission),
        channel_id: Some(channel.0),
        session: Some(ME.0),
        ..Default::default()
    })
}

fn ready() -> World {
    let mut world = World::joined();
    asked(&mut world);
    world
}

fn outcome(world: &mut World, mut answered: Receiver<Outcome>) -> Option<Outcome> {
    asked(world);
    answered.try_recv().ok()
}

#[test]
fn an_act_is_done_when_the_server_tells_its_change() {
    let channel = proto::ChannelState {
        channel_id: Some(7),
        parent: Some(0),
        name: Some("Den".into()),
        ..Default::default()
    };
    let reason = || "noise".to_owned();
    let cases = [
        (Act::Enter(AI), in_channel(ME, AI), Done::That),
        (
            Act::Move { user: ANN, to: AI },
            in_channel(ANN, AI),
            Done::That,
        ),
        (
            Act::Mute {
                user: ANN,
                mute: true,
            },
            state(ANN, |state| state.mute = Some(true)),
            Done::That,
        ),
        (
            Act::Kick {
                user: ANN,
                reason: reason(),
            },
            removed(ANN, false),
            Done::That,
        ),
        (
            Act::Ban {
                user: ANN,
                reason: reason(),
            },
            removed(ANN, true),
            Done::That,
        ),
        (
            Act::Create {
                parent: ROOT,
                name: "Den".into(),
                lifetime: Lifetime::Permanent,
            },
            Control::ChannelState(channel),
            Done::Made(ChannelId(7)),
        ),
        (
            Act::Remove(AI),
            Control::ChannelRemove(proto::ChannelRemove {
                channel_id: Some(1),
            }),
            Done::That,
        ),
    ];
    for (act, told, done) in cases {
        let named = format!("{act:?}");
        let mut world = ready();
        let mut answered = ask(&mut world, act);
        assert_eq!(asked(&mut world).len(), 1, "{named}");
        // What happens beside it is no answer.
        world.say(state(ANN, |s| s.self_mute = Some(true))).unwrap();
        asked(&mut world);
        assert!(answered.try_recv().is_err(), "{named}");
        world.say(told).unwrap();
        assert_eq!(outcome(&mut world, answered), Some(Ok(done)), "{named}");
    }
}

#[test]
fn the_roster_shows_the_change_before_the_answer_is_given() {
    let mut world = ready();
    let _answered = ask(&mut world, Act::Enter(AI));
    asked(&mut world);
    world.say(in_channel(ME, AI)).unwrap();
    let outputs = world.output();
    assert!(
        matches!(
            outputs.as_slice(),
            [Output::Event(Event::Roster(_)), Output::Answer(_)]
        ),
        "{outputs:?}"
    );
}

#[test]
fn what_is_so_already_is_not_asked() {
    let mut world = ready();
    let answered = ask(&mut world, Act::Enter(ROOT));
    assert_eq!(asked(&mut world), []);
    assert_eq!(outcome(&mut world, answered), Some(Ok(Done::That)));
}

#[test]
fn what_is_not_there_is_told_without_asking() {
    let mut world = ready();
    let nowhere = ChannelId(99);
    let answered = ask(&mut world, Act::Enter(nowhere));
    let error = ActError::NoSuchChannel(nowhere);
    assert_eq!(outcome(&mut world, answered), Some(Err(error)));
    let nobody = SessionId(99);
    let answered = ask(&mut world, Act::Follow(nobody));
    let error = ActError::NoSuchUser(nobody);
    assert_eq!(outcome(&mut world, answered), Some(Err(error)));
}

#[test]
fn following_goes_where_the_other_is_when_its_turn_comes() {
    let mut world = ready();
    world.say(in_channel(ANN, AI)).unwrap();
    let answered = ask(&mut world, Act::Follow(ANN));
    assert_eq!(asked(&mut world), [in_channel(ME, AI)]);
    world.say(in_channel(ANN, ROOT)).unwrap();
    world.say(in_channel(ME, AI)).unwrap();
    assert_eq!(outcome(&mut world, answered), Some(Ok(Done::That)));
}

#[test]
fn a_denial_is_the_answer_to_the_act_that_it_fits() {
    let mut world = ready();
    let answered = ask(&mut world, Act::Enter(AI));
    asked(&mut world);
    world.say(no_permission(0x200, ROOT)).unwrap();
    let events = world.events();
    assert!(
        matches!(events.as_slice(), [Event::Denied(_)]),
        "a text was denied: {events:?}"
    );
    world.say(no_permission(0x4, AI)).unwrap();
    let denied = Denied::Permission {
        permission: Permission::Enter,
        channel: "Root/AI".into(),
        who: "this user".into(),
    };
    assert_eq!(
        outcome(&mut world, answered),
        Some(Err(ActError::Denied(denied)))
    );
}

#[test]
fn an_act_without_answer_is_given_up_and_the_next_begins() {
    let mut world = ready();
    let mut first = ask(&mut world, Act::Enter(AI));
    let second = ask(
        &mut world,
        Act::Mute {
            user: ANN,
            mute: true,
        },
    );
    let mut all = world.run(ANSWER_TIME, Pings::TcpOnly).unwrap();
    all.extend(world.output());
    let asked_for = all
        .iter()
        .filter(|output| matches!(output, Output::Control(Control::UserState(_))));
    assert_eq!(asked_for.count(), 2);
    for output in all {
        if let Output::Answer(answer) = output {
            answer.give();
        }
    }
    let error = ActError::NoAnswer { seconds: 5 };
    assert_eq!(first.try_recv().unwrap(), Err(error));
    world
        .say(state(ANN, |state| state.mute = Some(true)))
        .unwrap();
    assert_eq!(outcome(&mut world, second), Some(Ok(Done::That)));
}

#[test]
fn an_act_that_nobody_waits_for_is_not_asked() {
    let mut world = ready();
    drop(ask(&mut world, Act::Enter(AI)));
    assert_eq!(asked(&mut world), []);
}

#[test]
fn acts_and_texts_share_the_servers_patience() {
    let mut world = ready();
    let texts = |said: &[Output]| {
        let text = |output: &&Output| matches!(output, Output::Control(Control::TextMessage(_)));
        said.iter().filter(text).count()
    };
    for n in 0..4 {
        world
            .session
            .send_text(crate::event::To::Channel(ROOT), &n.to_string());
    }
    assert_eq!(texts(&world.output()), 4);
    let answered = ask(&mut world, Act::Enter(AI));
    assert_eq!(asked(&mut world), []);
    let said = world.run(SECOND * 2, Pings::TcpOnly).unwrap();
    assert!(said.iter().any(|output| matches!(
        output,
        Output::Control(Control::UserState(state)) if state.channel_id == Some(AI.0)
    )));
    drop(answered);
}

#[test]
fn who_leaves_meanwhile_cannot_be_acted_upon() {
    let mut world = ready();
    let answered = ask(&mut world, Act::Move { user: ANN, to: AI });
    asked(&mut world);
    world.say(removed(ANN, false)).unwrap();
    let error = ActError::NoSuchUser(ANN);
    assert_eq!(outcome(&mut world, answered), Some(Err(error)));
}

#[test]
fn a_temporary_channel_is_made_once_we_are_in_it() {
    let mut world = ready();
    let act = Act::Create {
        parent: ROOT,
        name: "Den".into(),
        lifetime: Lifetime::Temporary,
    };
    let mut answered = ask(&mut world, act);
    asked(&mut world);
    let channel = proto::ChannelState {
        channel_id: Some(7),
        parent: Some(0),
        name: Some("Den".into()),
        temporary: Some(true),
        ..Default::default()
    };
    world.say(Control::ChannelState(channel)).unwrap();
    asked(&mut world);
    assert!(answered.try_recv().is_err());
    world.say(in_channel(ME, ChannelId(7))).unwrap();
    let outputs = world.output();
    let [
        Output::Event(Event::Roster(RosterChange::UserMoved { session: ME })),
        _,
    ] = outputs.as_slice()
    else {
        panic!("{outputs:?}")
    };
    for output in outputs {
        if let Output::Answer(answer) = output {
            answer.give();
        }
    }
    let made = Done::Made(ChannelId(7));
    assert_eq!(answered.try_recv().unwrap(), Ok(made));
}

#[test]
fn being_moved_tells_by_whom_and_from_where() {
    let mut world = ready();
    world
        .say(state(ME, |state| {
            state.actor = Some(ANN.0);
            state.channel_id = Some(AI.0);
        }))
        .unwrap();
    let events = world.events();
    let moved = RosterChange::MovedByOther {
        by: Some(ANN),
        from: ROOT,
    };
    assert!(
        matches!(events.as_slice(), [Event::Roster(change)] if *change == moved),
        "{events:?}"
    );
}

#[test]
fn listening_needs_a_server_of_1_4() {
    let mut world = ready();
    let answered = ask(&mut world, Act::Listen(AI));
    let error = ActError::NotSupported {
        needs: Version {
            major: 1,
            minor: 4,
            patch: 0,
        },
        has: Version {
            major: 1,
            minor: 3,
            patch: 4,
        },
    };
    assert_eq!(outcome(&mut world, answered), Some(Err(error)));

    let mut world = World::joined_to(V1_5_735, |_| {});
    asked(&mut world);
    let listening = || state(ME, |state| state.listening_channel_add = vec![AI.0]);
    let answered = ask(&mut world, Act::Listen(AI));
    assert_eq!(asked(&mut world), [listening()]);
    world.say(listening()).unwrap();
    assert_eq!(outcome(&mut world, answered), Some(Ok(Done::That)));
    let me = world.session.roster().me().unwrap();
    assert!(me.listens_to.contains(&AI));
}

#[test]
fn tokens_are_taken_when_a_ping_behind_them_is_answered() {
    let mut world = ready();
    world.now += SECOND;
    let mut answered = ask(&mut world, Act::Tokens(vec!["sesame".into()]));
    let said = asked(&mut world);
    let [Control::Authenticate(tokens), Control::Ping(ping)] = said.as_slice() else {
        panic!("{said:?}")
    };
    assert_eq!(tokens.tokens, ["sesame"]);
    let earlier = proto::Ping {
        timestamp: ping.timestamp.map(|sent| sent.wrapping_sub(1)),
        ..*ping
    };
    world.say(Control::Ping(earlier)).unwrap();
    asked(&mut world);
    assert!(answered.try_recv().is_err());
    world.say(Control::Ping(*ping)).unwrap();
    assert_eq!(outcome(&mut world, answered), Some(Ok(Done::That)));
}

#[test]
fn a_long_comment_is_asked_for_and_a_short_one_is_known() {
    let mut world = ready();
    world
        .say(state(ANN, |s| s.comment = Some("<b>hi</b>".into())))
        .unwrap();
    let answered = ask(&mut world, Act::ReadComment(ANN));
    let short = Done::Read("hi".into());
    assert_eq!(outcome(&mut world, answered), Some(Ok(short)));

    let hash = bytes::Bytes::from_static(&[7; 20]);
    world
        .say(state(ANN, |s| s.comment_hash = Some(hash)))
        .unwrap();
    let answered = ask(&mut world, Act::ReadComment(ANN));
    let said = asked(&mut world);
    assert!(
        matches!(said.as_slice(), [Control::RequestBlob(asked)] if asked.session_comment == [ANN.0]),
        "{said:?}"
    );
    let long = "long ".repeat(300);
    world
        .say(state(ANN, |s| s.comment = Some(long.clone())))
        .unwrap();
    let read = Done::Read(long.trim().to_owned());
    assert_eq!(outcome(&mut world, answered), Some(Ok(read)));
}

#[test]
fn what_was_set_before_is_told_again_after_the_login() {
    let kept = Kept {
        presence: Some(Presence::Muted),
        comment: Some("ask me & wait".into()),
        tokens: Some(vec!["sesame".into()]),
        listened: [AI].into(),
    };
    let mut world = World::connected_with(kept, |_| {});
    let login = asked(&mut world);
    assert!(
        login
            .iter()
            .any(|said| matches!(said, Control::Authenticate(login) if login.tokens == ["sesame"])),
        "{login:?}"
    );
    world.log_in(V1_5_735).unwrap();
    assert_eq!(
        asked(&mut world),
        [state(ME, |s| {
            s.self_mute = Some(true);
            s.self_deaf = Some(false);
        })]
    );
    world
        .say(state(ME, |s| {
            s.self_mute = Some(true);
            s.self_deaf = Some(false);
        }))
        .unwrap();
    let comment = state(ME, |s| s.comment = Some("ask me &amp; wait".into()));
    assert_eq!(asked(&mut world), std::slice::from_ref(&comment));
    world.say(comment).unwrap();
    let listening = state(ME, |s| s.listening_channel_add = vec![AI.0]);
    assert_eq!(asked(&mut world), [listening]);
    world.say(no_permission(0x800, AI)).unwrap();
    assert!(matches!(
        world.events().as_slice(),
        [Event::Denied(Denied::Permission {
            permission: Permission::Listen,
            ..
        })]
    ));
}
