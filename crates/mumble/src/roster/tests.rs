//! The roster, told of users and channels by a server.

use proptest::prelude::*;

use super::*;
use crate::act::Lifetime;
use crate::denied::Permission;

fn channel(id: u32, parent: Option<u32>, name: &str) -> Channel {
    Channel {
        id: ChannelId(id),
        parent: parent.map(ChannelId),
        name: name.into(),
        ..Channel::default()
    }
}

fn house() -> Roster {
    let channels = [
        channel(0, None, "Our house"),
        channel(1, Some(0), "AI"),
        channel(2, Some(1), "Quiet"),
        channel(3, Some(0), "ai"),
        channel(4, Some(0), "Root"),
    ];
    Roster::new(None, [], channels)
}

fn found(path: &str) -> Option<u32> {
    house().find_channel(path).map(|channel| channel.id.0)
}

#[test]
fn a_channel_is_found_by_path_with_or_without_the_root() {
    assert_eq!(found("Root/AI/Quiet"), Some(2));
    assert_eq!(found("Our house/AI"), Some(1));
    assert_eq!(found("/AI/Quiet/"), Some(2));
    assert_eq!(found("our HOUSE"), Some(0));
    assert_eq!(found("quiet"), None);
    assert_eq!(found("AI/Loud"), None);
    assert_eq!(found(""), None);
}

#[test]
fn case_matters_only_between_neighbours() {
    assert_eq!(found("ai"), Some(3));
    assert_eq!(found("Ai/quiet"), Some(2));
}

#[test]
fn a_path_leads_back_to_its_channel() {
    let roster = house();
    for channel in roster.channels() {
        let path = roster.path(channel.id).expect("every channel has a path");
        assert_eq!(
            roster.find_channel(&path).map(|found| found.id),
            Some(channel.id),
            "{path}"
        );
    }
}

#[test]
fn each_word_about_a_user_is_one_change() {
    let mut roster = house();
    let session = SessionId(7);
    let state = |edit: fn(&mut UserState)| {
        let mut state = UserState {
            session: Some(7),
            ..UserState::default()
        };
        edit(&mut state);
        state
    };
    assert_eq!(roster.update_user(state(|s| s.mute = Some(true))), None);
    assert_eq!(
        roster.update_user(state(|s| s.name = Some("Ann".into()))),
        Some(RosterChange::UserJoined { session })
    );
    assert_eq!(
        roster.update_user(state(|s| s.channel_id = Some(1))),
        Some(RosterChange::UserMoved { session })
    );
    assert_eq!(
        roster.update_user(state(|s| s.self_mute = Some(true))),
        Some(RosterChange::UserChanged { session })
    );
    assert_eq!(
        roster.update_user(state(|s| s.self_mute = Some(true))),
        None
    );
    assert_eq!(
        roster.remove_user(session),
        Some(RosterChange::UserLeft { session })
    );
    assert_eq!(roster.remove_user(session), None);
}

#[test]
fn others_in_my_channel_are_neither_me_nor_elsewhere() {
    let user = |session, channel| User {
        session: SessionId(session),
        channel: ChannelId(channel),
        ..User::default()
    };
    let roster = Roster::new(Some(SessionId(1)), [user(1, 0), user(2, 0), user(3, 1)], []);
    let others: Vec<u32> = roster
        .others_in_my_channel()
        .map(|user| user.session.0)
        .collect();
    assert_eq!(others, [2]);
}

proptest! {
    #[test]
    fn parents_in_a_circle_do_not_hang_it(parents in prop::collection::vec(0_u32..6, 6)) {
        let channels: Vec<Channel> = parents
            .iter()
            .enumerate()
            .map(|(id, parent)| channel(id as u32, Some(*parent), "x"))
            .collect();
        let roster = Roster::new(None, [], channels);
        for id in 0..6 {
            roster.path(ChannelId(id));
        }
        roster.find_channel("x/x/x/x/x/x/x/x");
    }
}

#[test]
fn what_a_server_tells_of_a_user_and_a_channel_is_all_there() {
    let mut roster = house();
    roster.update_user(UserState {
        session: Some(7),
        name: Some("Ann".into()),
        user_id: Some(3),
        hash: Some("ab".repeat(20)),
        priority_speaker: Some(true),
        listening_channel_add: vec![1, 2],
        listening_channel_remove: vec![2],
        comment_hash: Some(bytes::Bytes::from_static(&[9; 20])),
        ..UserState::default()
    });
    let ann = roster.user(SessionId(7)).unwrap();
    assert_eq!(ann.user_id, Some(3));
    assert_eq!(ann.hash, Some("ab".repeat(20)));
    assert!(ann.priority_speaker);
    assert_eq!(ann.listens_to, [ChannelId(1)].into());
    assert_eq!(ann.comment, About::Long([9; 20]));

    roster.update_channel(ChannelState {
        channel_id: Some(1),
        temporary: Some(true),
        position: Some(-2),
        links: vec![2, 3],
        links_remove: vec![3],
        description: Some("quiet".into()),
        max_users: Some(4),
        is_enter_restricted: Some(true),
        can_enter: Some(false),
        ..ChannelState::default()
    });
    roster.update_permissions(PermissionQuery {
        channel_id: Some(1),
        permissions: Some(0x6),
        flush: None,
    });
    let channel = roster.channel(ChannelId(1)).unwrap();
    assert_eq!(channel.name, "AI");
    assert_eq!(channel.lifetime, Lifetime::Temporary);
    assert_eq!(channel.position, -2);
    assert_eq!(channel.links, [ChannelId(2)].into());
    assert_eq!(channel.description, About::Short("quiet".into()));
    assert_eq!(channel.max_users, Some(4));
    assert_eq!(
        (channel.is_enter_restricted, channel.can_enter),
        (true, Some(false))
    );
    assert_eq!(channel.may(Permission::Enter), Some(true));
    assert_eq!(channel.may(Permission::Speak), Some(false));
    roster.update_permissions(PermissionQuery {
        flush: Some(true),
        ..PermissionQuery::default()
    });
    let channel = roster.channel(ChannelId(1)).unwrap();
    assert_eq!(channel.may(Permission::Enter), None);
}

#[test]
fn no_server_makes_it_grow_without_bound() {
    let mut roster = Roster::default();
    for session in 0..MOST_ENTRIES as u32 + 10 {
        roster.update_user(UserState {
            session: Some(session),
            name: Some("x".repeat(5_000)),
            hash: Some("y".repeat(5_000)),
            comment: Some("z".repeat(5_000)),
            listening_channel_add: (0..1_000).collect(),
            ..UserState::default()
        });
    }
    assert_eq!(roster.users().count(), MOST_ENTRIES);
    let user = roster.user(SessionId(1)).unwrap();
    assert_eq!(user.name.len(), 512);
    assert_eq!(user.hash, None);
    assert_eq!(user.comment, About::Nothing);
    assert_eq!(user.listens_to.len(), 128);
}
