//! Texts, and what else the server tells of itself and of others.

use super::*;

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
    assert_eq!(world.texts(), ["one two", "three", "&lt;four", "&gt;"]);
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
    assert_eq!(world.texts(), ["a\nb &amp; c"]);
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
