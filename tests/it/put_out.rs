//! A user that its server does not want: kicked, banned, displaced, not let in. It says so, stays
//! visibly unwell, comes back when it may, and never fights.

use std::time::{Duration, Instant};

use mumble::{Config, JoinError, Outlook, Retry, Standing, Trouble};
use tempfile::TempDir;
use tokio::time::sleep;
use world::{Caller, Elsewhere, MumbleOptions, MumbleServer, Release};

/// Slow enough to be seen waiting, quick enough for a test.
const SLOW: Duration = Duration::from_secs(2);

fn hurry(config: &mut Config) {
    config.retry = Retry {
        slow: SLOW,
        ..Retry::default()
    };
}

/// The user who may do everything.
pub(crate) async fn superuser(server: &MumbleServer) -> Caller {
    let password = server.superuser_password();
    Caller::join_with(server, MumbleServer::SUPERUSER, |config| {
        config.password = Some(password.into());
    })
    .await
}

/// Waits until it waits, and gives what for and until when.
async fn waits(caller: &Caller) -> (Trouble, Instant) {
    let waits = |standing: &Standing| matches!(standing, Standing::Waiting { .. });
    match caller.stands("waiting", waits).await {
        Standing::Waiting { trouble, retry_at } => (trouble, retry_at),
        other => panic!("{other:?}"),
    }
}

fn session(of: &Caller) -> mumble::SessionId {
    of.client().roster().me().unwrap().session
}

#[tokio::test]
async fn a_kick_is_told_with_its_reason_and_ends_by_itself() {
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let ann = Caller::join_with(&server, "Ann", hurry).await;
        let root = superuser(&server).await;
        root.meets("Ann").await;
        root.client().kick(session(&ann), "too loud").await.unwrap();
        let (trouble, retry_at) = waits(&ann).await;
        assert_eq!(trouble.to_string(), "kicked by SuperUser: too loud");
        assert!(retry_at > Instant::now() + SLOW / 2);
        ann.joins(2).await;
    }
}

#[tokio::test]
async fn a_ban_is_told_while_it_lasts_and_over_when_it_is_lifted() {
    for release in Release::ALL {
        let mut server = MumbleServer::of(release);
        let ann = Caller::join_with(&server, "Ann", |config| {
            hurry(config);
            config.pin = mumble::Pin::Off;
        })
        .await;
        let root = superuser(&server).await;
        root.meets("Ann").await;
        root.client().ban(session(&ann), "spam").await.unwrap();
        for failures in 1..=2 {
            let (trouble, _) = waits(&ann).await;
            assert!(
                matches!(&trouble.error, JoinError::Banned(reason) if reason == "spam"),
                "{trouble}"
            );
            assert_eq!(trouble.outlook, Outlook::NeedsSomebody);
            assert!(trouble.failures >= failures, "{trouble:?}");
            ann.loses(failures as usize + 1).await;
        }
        // Another server, which knows of no ban.
        server.start_as_another();
        ann.joins(2).await;
    }
}

#[tokio::test]
async fn of_two_programs_with_one_identity_the_displaced_one_says_so_and_does_not_fight() {
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let elsewhere = Elsewhere::from(&server).await;
        let state = TempDir::new().unwrap();
        let first = Caller::join_with(&server, "Ann", |config| {
            hurry(config);
            config.state_dir = state.path().to_owned();
        })
        .await;
        // The certificate makes it the same person, from wherever it comes.
        let second = Caller::join_with(&server, "Ann", |config| {
            config.state_dir = state.path().to_owned();
            config.port = elsewhere.port();
            config.udp = false;
        })
        .await;
        let (trouble, retry_at) = waits(&first).await;
        assert!(
            matches!(trouble.error, JoinError::Displaced { .. }),
            "{trouble}"
        );
        assert!(trouble.to_string().contains("STATE_DIR"), "{trouble}");
        assert_eq!(trouble.outlook, Outlook::NeedsSomebody);
        assert!(retry_at > Instant::now() + SLOW / 2);
        assert!(second.client().standing().is_joined());
        drop(second);
        first.joins(2).await;
    }
}

#[tokio::test]
async fn a_name_that_somebody_else_bears_is_told_and_taken_once_it_is_free() {
    let server = MumbleServer::start(MumbleOptions::default());
    let elsewhere = Elsewhere::from(&server).await;
    let other = Caller::join_with(&server, "Ann", |config| {
        config.port = elsewhere.port();
        config.udp = false;
    })
    .await;
    service::tls::install();
    let state = TempDir::new().unwrap();
    let mut config = Config::new(server.host(), server.port(), "Ann", state.path());
    hurry(&mut config);
    let here = tokio_util::sync::CancellationToken::new();
    let _here = here.clone().drop_guard();
    let (client, _events) = mumble::join(config, here);
    let mut standing = client.watch_standing();
    let waits = standing.wait_for(|standing| matches!(standing, Standing::Waiting { .. }));
    let trouble = waits.await.unwrap().trouble().cloned().unwrap();
    assert!(
        matches!(trouble.error, JoinError::NameInUse { .. }),
        "{trouble}"
    );
    assert_eq!(trouble.outlook, Outlook::NeedsSomebody);
    assert!(other.client().standing().is_joined(), "nobody was put out");
    drop(other);
    standing.wait_for(Standing::is_joined).await.unwrap();
}

#[tokio::test]
async fn a_password_that_is_put_right_lets_the_user_in_without_a_restart() {
    let mut server = MumbleServer::start(MumbleOptions {
        password: Some("open sesame".into()),
        ..MumbleOptions::default()
    });
    let ann = Caller::join_with(&server, "Ann", |config| {
        hurry(config);
        config.password = Some("open sesame".into());
    })
    .await;
    server.set_password("closed");
    server.start_again();
    let wrong = |standing: &Standing| {
        let trouble = standing.trouble();
        trouble.is_some_and(|trouble| matches!(trouble.error, JoinError::WrongPassword { .. }))
    };
    let standing = ann.stands("refused", wrong).await;
    let trouble = standing.trouble().unwrap();
    assert_eq!(trouble.outlook, Outlook::NeedsSomebody);
    server.set_password("open sesame");
    server.start_again();
    ann.joins(2).await;
}

#[tokio::test]
async fn who_is_let_in_says_since_when_and_nothing_is_wrong() {
    let server = MumbleServer::start(MumbleOptions::default());
    let ann = Caller::join(&server, "Ann").await;
    let standing = ann.stands("on the server", Standing::is_joined).await;
    assert!(standing.trouble().is_none());
    sleep(Duration::from_millis(1)).await;
    let line = standing.line(Instant::now());
    assert!(line.starts_with("on the server for "), "{line}");
}
