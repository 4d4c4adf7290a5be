//! The way in, and every way out.

use super::*;

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
