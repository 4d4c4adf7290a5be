//! What a user does on a server beside talking, and what it knows of the others.

use std::time::Duration;

use mumble::{
    About, ActError, ChannelId, Config, Denied, Lifetime, Permission, Presence, SessionId,
};
use tokio::time::{sleep, timeout};
use world::{Caller, MumbleOptions, MumbleServer, Release};

use world::stage::tone;

/// How long a change may take to reach the others.
const PATIENCE: Duration = Duration::from_secs(20);

const ROOT: ChannelId = ChannelId(0);

/// A server of this release with these channels.
fn server(release: Release, channels: &[&str]) -> MumbleServer {
    MumbleServer::start(MumbleOptions {
        release,
        channels: channels.iter().map(|&name| name.to_owned()).collect(),
        ..MumbleOptions::default()
    })
}

async fn administrator(server: &MumbleServer) -> Caller {
    Caller::join_with(server, MumbleServer::SUPERUSER, |config: &mut Config| {
        config.password = Some(server.superuser_password().into());
    })
    .await
}

/// The session of the user of this name, as `who` knows it.
fn session(who: &Caller, name: &str) -> SessionId {
    let roster = who.client().roster();
    let user = roster.users().find(|user| user.name == name);
    user.expect("the user is there").session
}

fn channel(who: &Caller, path: &str) -> ChannelId {
    let roster = who.client().roster();
    roster.find_channel(path).expect("the channel is there").id
}

fn place(who: &Caller) -> ChannelId {
    let roster = who.client().roster();
    roster.me().expect("it is on the server").channel
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = timeout(PATIENCE, wait).await;
    waited.unwrap_or_else(|_| panic!("not {what} within {PATIENCE:?}"));
}

/// What is missing, and where, when an act was denied for want of a permission.
fn missing(outcome: Result<impl Sized, ActError>) -> (Permission, String) {
    match outcome.err() {
        Some(ActError::Denied(Denied::Permission {
            permission,
            channel,
            ..
        })) => (permission, channel),
        other => panic!("not a missing permission: {other:?}"),
    }
}

#[tokio::test]
async fn an_administrator_moves_mutes_kicks_and_bans() {
    for release in Release::ALL {
        let server = server(release, &["Corner"]);
        let admin = administrator(&server).await;
        let ann = Caller::join(&server, "Ann").await;
        let bob = Caller::join(&server, "Bob").await;
        admin.meets("Ann").await;
        admin.meets("Bob").await;
        let act = admin.client();
        let (anns, bobs) = (session(&admin, "Ann"), session(&admin, "Bob"));
        let corner = channel(&admin, "Corner");

        act.move_user(anns, corner).await.unwrap();
        until("moved", || place(&ann) == corner).await;
        act.follow(anns).await.unwrap();
        assert_eq!(place(&admin), corner);
        let is_muted = || ann.client().roster().me().is_some_and(|me| me.mute);
        act.mute_user(anns).await.unwrap();
        until("muted", is_muted).await;
        assert!(!ann.client().roster().may_speak());
        act.unmute_user(anns).await.unwrap();
        until("heard again", || ann.client().roster().may_speak()).await;

        let refused = bob.client().kick(session(&bob, "Ann"), "go").await;
        assert_eq!(missing(refused).0, Permission::Kick);
        act.kick(anns, "noise").await.unwrap();
        let lost = ann.loses(1).await;
        assert!(lost[0].contains("kicked by SuperUser: noise"), "{lost:?}");
        act.ban(bobs, "too much noise").await.unwrap();
        let lost = bob.loses(1).await;
        assert!(lost[0].contains("too much noise"), "{lost:?}");
        assert!(admin.client().roster().user(bobs).is_none());
        let gone = act.move_user(bobs, ROOT).await;
        assert_eq!(gone, Err(ActError::NoSuchUser(bobs)));
    }
}

#[tokio::test]
async fn a_temporary_channel_lives_while_somebody_is_in_it() {
    for release in Release::ALL {
        let server = server(release, &[]);
        let admin = administrator(&server).await;
        let bob = Caller::join(&server, "Bob").await;
        let ours = bob.client();
        let refused = ours.create_channel(ROOT, "Den", Lifetime::Permanent).await;
        let (permission, path) = missing(refused);
        assert_eq!(permission, Permission::MakeChannel);
        assert_eq!(path, "Mumble-AI");

        let act = admin.client();
        let den = act.create_channel(ROOT, "Den", Lifetime::Temporary).await;
        let den = den.unwrap();
        assert_eq!(place(&admin), den);
        let seen = || {
            let roster = ours.roster();
            let seen = roster.channel(den).map(|channel| channel.lifetime);
            seen == Some(Lifetime::Temporary)
        };
        until("seen by others", seen).await;
        let again = act.create_channel(ROOT, "Den", Lifetime::Permanent).await;
        assert_eq!(again, Err(ActError::Denied(Denied::ChannelName)));
        act.enter(ROOT).await.unwrap();
        until("gone", || ours.roster().channel(den).is_none()).await;
        assert_eq!(ours.enter(den).await, Err(ActError::NoSuchChannel(den)));

        let hall = act.create_channel(ROOT, "Hall", Lifetime::Permanent).await;
        let hall = hall.unwrap();
        until("there", || ours.roster().channel(hall).is_some()).await;
        ours.enter(hall).await.unwrap();
        act.remove_channel(hall).await.unwrap();
        until("put elsewhere", || place(&bob) == ROOT).await;
    }
}

#[tokio::test]
async fn an_access_token_opens_a_channel_that_is_closed_without() {
    for release in Release::ALL {
        let server = server(release, &["Vault\tsesame"]);
        let ann = Caller::join(&server, "Ann").await;
        let vault = channel(&ann, "Vault");
        let refused = ann.client().enter(vault).await;
        let error = refused.as_ref().unwrap_err().to_string();
        assert!(
            error.contains("does not let this user enter Mumble-AI/Vault: give it the Enter"),
            "{error}"
        );
        assert_eq!(missing(refused).0, Permission::Enter);
        assert_eq!(place(&ann), ROOT);

        let tokens = || vec!["sesame".into()];
        ann.client().set_tokens(tokens()).await.unwrap();
        ann.client().enter(vault).await.unwrap();
        assert_eq!(place(&ann), vault);

        let bob = Caller::join_with(&server, "Bob", |config: &mut Config| {
            config.tokens = tokens();
            config.channel = Some("Vault".into());
        });
        assert_eq!(place(&bob.await), vault);
    }
}

#[tokio::test]
async fn others_know_who_somebody_is_and_what_it_tells_of_itself() {
    for release in Release::ALL {
        let server = server(release, &[]);
        let ann = Caller::join(&server, "Ann").await;
        let bob = Caller::join(&server, "Bob").await;
        bob.meets("Ann").await;
        let anns = session(&bob, "Ann");
        let seen = || bob.client().roster().user(anns).cloned().unwrap();
        assert_eq!(seen().hash.as_ref().map(String::len), Some(40));
        assert_eq!(seen().user_id, None);
        ann.client().register().await.unwrap();
        until("registered", || seen().user_id.is_some()).await;

        ann.client().set_presence(Presence::Muted).await.unwrap();
        until("muted", || seen().self_mute && !seen().self_deaf).await;
        ann.client().set_presence(Presence::Deaf).await.unwrap();
        until("deaf", || seen().self_mute && seen().self_deaf).await;
        ann.client().set_presence(Presence::Open).await.unwrap();
        until("open", || !seen().self_mute && !seen().self_deaf).await;

        for told in ["I answer <questions> & more", &"At length. ".repeat(40)] {
            ann.client().set_comment(told).await.unwrap();
            let is_long = told.len() > 128;
            let arrived = || match seen().comment {
                About::Nothing => false,
                About::Short(_) => !is_long,
                About::Long(_) => is_long,
            };
            until("told", arrived).await;
            let read = bob.client().comment_of(anns).await.unwrap();
            assert_eq!(read, told.trim(), "{release:?}");
        }
    }
}

#[tokio::test]
async fn listening_to_two_channels_hears_both() {
    let server = server(Release::V1_5, &["Left", "Right"]);
    let mut ann = Caller::join(&server, "Ann").await;
    let (left, right) = (channel(&ann, "Left"), channel(&ann, "Right"));
    ann.client().listen([left, right]).await.unwrap();
    let second = Duration::from_secs(1);
    for (name, place) in [("Bob", left), ("Cid", right)] {
        let speaker = Caller::join(&server, name).await;
        speaker.client().enter(place).await.unwrap();
        speaker.say(&tone(second)).await;
        let heard = ann.hears(name).await.sound.duration();
        assert!(heard.abs_diff(second) < second / 10, "{heard:?} of {name}");
    }
    let heard = ann.client().roster().me().unwrap().listens_to.clone();
    assert_eq!(heard, [left, right].into());
    ann.client().stop_listening([left]).await.unwrap();
    let heard = ann.client().roster().me().unwrap().listens_to.clone();
    assert_eq!(heard, [right].into());
}

#[tokio::test]
async fn a_server_that_cannot_let_anybody_listen_is_told_apart() {
    let server = server(Release::V1_3, &["Left"]);
    let ann = Caller::join(&server, "Ann").await;
    let refused = ann.client().listen([channel(&ann, "Left")]).await;
    let error = refused.unwrap_err().to_string();
    assert_eq!(
        error,
        "the server is Mumble 1.3.4 and this needs 1.4.0: update the server"
    );
}

#[tokio::test]
async fn what_was_set_is_set_again_after_a_reconnect() {
    for release in Release::ALL {
        let mut server = server(release, &["Vault\tsesame"]);
        let ann = Caller::join(&server, "Ann").await;
        let client = ann.client();
        client.set_comment("ask me").await.unwrap();
        client.set_presence(Presence::Muted).await.unwrap();
        client.set_tokens(vec!["sesame".into()]).await.unwrap();
        server.stop();
        ann.loses(1).await;
        server.start_again();
        ann.joins(2).await;
        let set = || {
            client
                .roster()
                .me()
                .is_some_and(|me| me.self_mute && me.comment == About::Short("ask me".into()))
        };
        until("set again", set).await;
        client.enter(channel(&ann, "Vault")).await.unwrap();
    }
}

#[tokio::test]
async fn words_arrive_whole_where_html_is_not_allowed() {
    for release in Release::ALL {
        let server = MumbleServer::start(MumbleOptions {
            release,
            settings: vec!["allowhtml=false".into()],
            ..MumbleOptions::default()
        });
        let ann = Caller::join(&server, "Ann").await;
        let mut bob = Caller::join(&server, "Bob").await;
        ann.meets("Bob").await;
        ann.write("a <b> & c\nd");
        assert_eq!(bob.reads().await.text, "a <b> & c d", "{release:?}");
    }
}
