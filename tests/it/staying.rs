//! A user comes back: after restarts, after a broken network, into its channel, as itself.

use std::time::{Duration, Instant};

use mumble::{Config, Lifetime, Outlook, Retry, SpeechError, Standing};
use tempfile::TempDir;
use tokio::time::timeout;
use world::{Autoban, Caller, MumbleOptions, MumbleServer, Proxy, Release, Tcp};

use crate::put_out::superuser;
use world::stage::tone;

/// How long something may take that must not make anybody wait.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The name of the channel that a user is in.
fn channel(caller: &Caller) -> String {
    let roster = caller.client().roster();
    roster.my_channel().unwrap().name.clone()
}

/// The number of a channel by its path.
fn number(caller: &Caller, path: &str) -> mumble::ChannelId {
    caller.client().roster().find_channel(path).unwrap().id
}

/// SHA-1 of the certificate that the server knows the user by.
fn identity(caller: &Caller) -> String {
    let roster = caller.client().roster();
    roster.me().unwrap().hash.clone().unwrap()
}

#[tokio::test]
async fn a_server_that_restarts_again_and_again_is_joined_each_time_by_the_same_person() {
    for release in Release::ALL {
        let mut server = MumbleServer::of(release);
        let ann = Caller::join(&server, "Ann").await;
        let before = identity(&ann);
        for restarts in 1..=3 {
            server.stop();
            let away = ann.stands("away", |standing| !standing.is_joined()).await;
            if let Some(trouble) = away.trouble() {
                assert_eq!(trouble.outlook, Outlook::HealsByItself, "{trouble}");
            }
            server.start_again();
            ann.joins(restarts + 1).await;
            assert_eq!(identity(&ann), before);
        }
    }
}

#[tokio::test]
async fn the_first_attempt_after_a_break_comes_within_a_second() {
    let server = MumbleServer::start(MumbleOptions::default());
    let proxy = Proxy::before(&server, 1).await;
    let ann = Caller::join_with(&server, "Ann", |config| config.port = proxy.port()).await;
    proxy.cut_tcp();
    let cut = Instant::now();
    let waiting = ann
        .stands("away", |standing| {
            matches!(standing, Standing::Waiting { .. })
        })
        .await;
    let Standing::Waiting { retry_at, .. } = waiting else {
        panic!("{waiting:?}")
    };
    assert!(
        retry_at < cut + Duration::from_secs(1),
        "{:?}",
        retry_at - cut
    );
    ann.joins(2).await;
}

#[tokio::test]
async fn speech_that_a_break_cuts_off_ends_at_once_and_works_again_after_it() {
    let mut server = MumbleServer::start(MumbleOptions::default());
    let ann = Caller::join(&server, "Ann").await;
    let mut bob = Caller::join(&server, "Bob").await;
    bob.meets("Ann").await;
    let mut playing = ann.begin_to_say(&tone(Duration::from_secs(5))).await;
    bob.hears_first("Ann", Duration::from_millis(500)).await;
    server.stop();
    let stopped = timeout(AT_ONCE, playing.done()).await.unwrap();
    assert_eq!(stopped, Err(SpeechError::NotJoined));

    ann.stands("away", |standing| !standing.is_joined()).await;
    let mut speech = ann.client().speak();
    let pushed = timeout(AT_ONCE, speech.push(tone(Duration::from_secs(1)))).await;
    assert_eq!(pushed.unwrap(), Err(SpeechError::NotJoined));

    server.start_again();
    ann.joins(2).await;
    bob.joins(2).await;
    bob.meets("Ann").await;
    let second = Duration::from_secs(1);
    ann.say(&tone(second)).await;
    while bob.hears("Ann").await.sound.duration() < second * 9 / 10 {}
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_and_left_as_it_heals() {
    let server = MumbleServer::start(MumbleOptions::default());
    let proxy = Proxy::before(&server, 1).await;
    let ann = Caller::join_with(&server, "Ann", |config| config.port = proxy.port()).await;
    proxy.hang();
    let hung = Instant::now();
    let lost = ann.loses(1).await;
    let noticed = hung.elapsed();
    assert!(lost[0].contains("within 21 s"), "{lost:?}");
    assert!(noticed < Duration::from_secs(25), "{noticed:?}");
    proxy.heal();
    ann.joins(2).await;
}

#[tokio::test]
async fn a_server_that_drops_whom_it_does_not_hear_is_joined_again() {
    let server = MumbleServer::start(MumbleOptions {
        settings: vec!["timeout=7".into()],
        ..MumbleOptions::default()
    });
    let proxy = Proxy::before(&server, 1).await;
    let ann = Caller::join_with(&server, "Ann", |config| {
        config.port = proxy.port();
        config.udp = false;
    })
    .await;
    proxy.change(|faults| faults.tcp = Tcp::HangsUp);
    let lost = ann.loses(1).await;
    assert!(lost[0].contains("broke"), "{lost:?}");
    proxy.heal();
    ann.joins(2).await;
}

#[tokio::test]
async fn a_user_returns_to_the_channel_that_it_was_in() {
    for release in Release::ALL {
        let mut server = MumbleServer::start(MumbleOptions {
            release,
            channels: vec!["Kitchen".into(), "Garden".into(), "Attic".into()],
            ..MumbleOptions::default()
        });
        let into = |config: &mut Config| config.channel = Some("Kitchen".into());
        let ann = Caller::join_with(&server, "Ann", into).await;
        assert_eq!(channel(&ann), "Kitchen");
        ann.client().enter(number(&ann, "Garden")).await.unwrap();
        server.stop();
        ann.loses(1).await;
        server.start_again();
        ann.joins(2).await;
        assert_eq!(channel(&ann), "Garden");

        let root = superuser(&server).await;
        let me = ann.client().roster().me().unwrap().session;
        let attic = number(&root, "Attic");
        root.sees("Ann").await;
        root.client().move_user(me, attic).await.unwrap();
        ann.is_in("Attic").await;
        server.stop();
        ann.stands("away", |standing| !standing.is_joined()).await;
        server.start_again();
        ann.joins(3).await;
        assert_eq!(channel(&ann), "Attic");
    }
}

#[tokio::test]
async fn a_channel_that_has_gone_is_made_up_for_by_the_configured_one_or_none() {
    let server = MumbleServer::start(MumbleOptions {
        channels: vec!["Kitchen".into()],
        ..MumbleOptions::default()
    });
    let proxy = Proxy::before(&server, 1).await;
    for configured in [Some("Kitchen"), None] {
        let root = superuser(&server).await;
        let ann = Caller::join_with(&server, "Ann", |config| {
            config.port = proxy.port();
            config.channel = configured.map(str::to_owned);
        })
        .await;
        let before = channel(&ann);
        let top = number(&root, "Root");
        let made = root
            .client()
            .create_channel(top, "Tent", Lifetime::Temporary);
        let tent = made.await.unwrap();
        let me = ann.client().roster().me().unwrap().session;
        root.sees("Ann").await;
        root.client().move_user(me, tent).await.unwrap();
        ann.is_in("Tent").await;
        root.client().enter(top).await.unwrap();
        // Nobody is left in it after this, so the server takes it away.
        proxy.cut_tcp();
        ann.joins(2).await;
        assert_eq!(channel(&ann), before, "configured: {configured:?}");
    }
}

#[tokio::test]
async fn a_program_that_is_started_again_and_again_is_not_banned() {
    let server = MumbleServer::start(MumbleOptions {
        autoban: Autoban::AsShipped,
        ..MumbleOptions::default()
    });
    let state = TempDir::new().unwrap();
    let user = || {
        let mut config = Config::new(server.host(), server.port(), "Ann", state.path());
        config.retry = Retry::default();
        config
    };
    let mut joined = 0;
    loop {
        let here = tokio_util::sync::CancellationToken::new();
        let _here = here.clone().drop_guard();
        // As a new process would: nothing is shared but the state folder.
        let (client, _events) = mumble::join(user(), here);
        let mut standing = client.watch_standing();
        let settled =
            standing.wait_for(|standing| !matches!(standing, Standing::Connecting { .. }));
        let settled = timeout(Duration::from_secs(30), settled).await.unwrap();
        match &*settled.unwrap() {
            Standing::Joined { .. } => joined += 1,
            Standing::Waiting { trouble, .. } => {
                assert!(
                    trouble.to_string().contains("too many connections"),
                    "{trouble}"
                );
                break;
            }
            other => panic!("{other:?}"),
        }
        assert!(joined < 10, "it is never held up");
    }
    assert_eq!(joined, 8);
    // One that does not count with them: the address is not banned.
    Caller::join(&server, "Bob").await;
}
