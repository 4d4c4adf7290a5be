//! The way back to a channel, on a server that the test plays.

use super::*;
use crate::session::tests::{ANN, ME, V1_3_4, World};

const ROOT: u32 = 0;
const AI: u32 = 1;
const KITCHEN: u32 = 2;

/// Logged in after a break, with the channels Root and Root/AI on the server.
fn back(configured: Option<&str>, last: &str) -> World {
    let mut world = World::connected(|config| config.channel = configured.map(str::to_owned));
    world.session.return_to(last);
    world
        .log_in(V1_3_4)
        .expect("whoever returns is not sent away");
    world
}

/// The server puts a user into a channel.
fn put(world: &mut World, session: u32, channel: u32) {
    let (session, channel_id) = (Some(session), Some(channel));
    let state = proto::UserState {
        session,
        channel_id,
        ..Default::default()
    };
    world.say(Control::UserState(state)).unwrap();
}

fn kitchen_is_made(world: &mut World) {
    let (channel_id, parent) = (Some(KITCHEN), Some(ROOT));
    let state = proto::ChannelState {
        channel_id,
        parent,
        name: Some("Kitchen".into()),
        ..Default::default()
    };
    world.say(Control::ChannelState(state)).unwrap();
}

fn is_refused(world: &mut World) -> Result<(), JoinError> {
    world.say(Control::PermissionDenied(proto::PermissionDenied {
        r#type: Some(1),
        permission: Some(4),
        ..Default::default()
    }))
}

/// Where the session asks to go, and what it tells.
fn asks(world: &mut World) -> (Vec<u32>, Vec<Event>) {
    let (mut moves, mut events) = (Vec::new(), Vec::new());
    for output in world.output() {
        match output {
            Output::Control(Control::UserState(state)) => moves.extend(state.channel_id),
            Output::Event(event) => events.push(event),
            _ => {}
        }
    }
    (moves, events)
}

fn is_astray(events: &[Event], path: &str) -> bool {
    matches!(events, [Event::Joined { .. }, Event::Astray { wanted }] if wanted == path)
}

#[test]
fn the_last_channel_comes_before_the_configured_one() {
    let mut world = back(Some("Root"), "Root/AI");
    assert_eq!(asks(&mut world).0, [AI]);
    put(&mut world, ME.0, AI);
    assert!(matches!(
        asks(&mut world).1.as_slice(),
        [Event::Joined { .. }]
    ));
    assert_eq!(world.session.place().as_deref(), Some("Root/AI"));
}

#[test]
fn a_last_channel_that_is_gone_leaves_the_configured_one() {
    let mut world = back(Some("AI"), "Root/Tent");
    assert_eq!(asks(&mut world).0, [AI]);
    put(&mut world, ME.0, AI);
    assert!(matches!(
        asks(&mut world).1.as_slice(),
        [Event::Joined { .. }]
    ));
}

#[test]
fn a_last_channel_that_is_closed_leaves_the_configured_one_and_then_none() {
    let mut world = back(Some("Root"), "Root/AI");
    assert_eq!(asks(&mut world).0, [AI]);
    is_refused(&mut world).unwrap();
    assert!(matches!(
        asks(&mut world).1.as_slice(),
        [Event::Joined { .. }]
    ));

    let mut world = back(Some("Attic"), "Root/AI");
    asks(&mut world);
    is_refused(&mut world).unwrap();
    assert!(is_astray(&asks(&mut world).1, "Root/AI"));
}

#[test]
fn with_both_gone_it_stays_where_the_server_put_it_and_says_so() {
    let mut world = back(Some("Attic"), "Root/Kitchen");
    let (moves, events) = asks(&mut world);
    assert!(
        moves.is_empty() && is_astray(&events, "Root/Kitchen"),
        "{events:?}"
    );
    let still = world.session.place();
    assert_eq!(
        still.as_deref(),
        Some("Root/Kitchen"),
        "a later connection tries again"
    );

    put(&mut world, ANN.0, AI);
    kitchen_is_made(&mut world);
    assert_eq!(asks(&mut world).0, [KITCHEN]);
    put(&mut world, ME.0, KITCHEN);
    assert_eq!(world.session.place().as_deref(), Some("Root/Kitchen"));
}

#[test]
fn whoever_is_taken_elsewhere_does_not_wait_for_a_channel_any_more() {
    let mut world = back(None, "Root/Kitchen");
    put(&mut world, ME.0, AI);
    kitchen_is_made(&mut world);
    assert!(asks(&mut world).0.is_empty());
    assert_eq!(world.session.place().as_deref(), Some("Root/AI"));
}

#[test]
fn there_is_no_place_to_return_to_before_the_login_is_complete() {
    let mut world = back(None, "Root/AI");
    assert_eq!(world.session.place(), None);
    put(&mut world, ME.0, AI);
    assert!(world.session.place().is_some());
}
