//! What a Mumble user meets on real servers: refusals, restarts, other certificates, bans.

use std::time::{Duration, Instant};

use mumble::{Config, ConnectionLimit, Event, JoinError};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use world::{Autoban, Caller, MumbleOptions, MumbleServer, Release};

/// How long a refusal may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why this user cannot join.
async fn refusal(server: &MumbleServer, change: impl FnOnce(&mut Config)) -> JoinError {
    service::tls::install();
    let state = TempDir::new().unwrap();
    let mut config = Config::new(server.host(), server.port(), "Ann", state.path());
    change(&mut config);
    let here = CancellationToken::new();
    let _here = here.clone().drop_guard();
    let (_client, mut events) = mumble::join(config, here);
    let lost = async {
        loop {
            match events.next().await.expect("it is not shut down") {
                Event::Lost { error, .. } => return error,
                Event::Joined { .. } => panic!("it is let in"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, lost)
        .await
        .expect("it is refused in time")
}

#[tokio::test]
async fn a_wrong_password_is_said_with_the_setting_to_check() {
    for release in Release::ALL {
        let server = MumbleServer::start(MumbleOptions {
            release,
            password: Some("open sesame".into()),
            ..MumbleOptions::default()
        });
        let error = refusal(&server, |config| config.password = Some("guess".into())).await;
        assert!(matches!(error, JoinError::WrongPassword { .. }), "{error}");
        assert!(error.to_string().contains("MUMBLE_PASSWORD"), "{error}");
        let right = |config: &mut Config| config.password = Some("open sesame".into());
        Caller::join_with(&server, "Ann", right).await;
    }
}

#[tokio::test]
async fn who_is_put_out_by_a_user_of_the_same_name_is_told() {
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let first = Caller::join(&server, "Ann").await;
        // From another address the server would refuse the name; from the same one it takes the
        // newcomer for the same person, whose connection broke.
        let _second = Caller::join(&server, "Ann").await;
        let lost = first.loses(1).await;
        assert!(lost[0].contains("took this one's place"), "{lost:?}");
    }
}

#[tokio::test]
async fn an_unknown_channel_is_said_with_those_that_exist() {
    let server = MumbleServer::start(MumbleOptions {
        channels: vec!["Kitchen".into(), "Garden".into()],
        ..MumbleOptions::default()
    });
    let error = refusal(&server, |config| config.channel = Some("Root/Attic".into())).await;
    let line = error.to_string();
    assert!(line.contains("Attic") && line.contains("Kitchen"), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[tokio::test]
async fn a_server_that_restarts_is_joined_again() {
    for release in Release::ALL {
        let mut server = MumbleServer::of(release);
        let caller = Caller::join(&server, "Ann").await;
        server.stop();
        caller.loses(1).await;
        server.start_again();
        caller.joins(2).await;
    }
}

#[tokio::test]
async fn another_certificate_is_refused_with_the_command_that_accepts_it() {
    for release in Release::ALL {
        let mut server = MumbleServer::of(release);
        let caller = Caller::join(&server, "Ann").await;
        server.start_as_another();
        let address = format!("mumble-ai trust 127.0.0.1:{}", server.port());
        for times in 1.. {
            let lost = caller.loses(times).await;
            if lost.iter().any(|line| line.contains(&address)) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time() {
    // Slow, as patience is: on both at once.
    let [old, new] = Release::ALL.map(|release| async move {
        let server = MumbleServer::of(release);
        let caller = Caller::join(&server, "Ann").await;
        server.freeze();
        caller.loses(1).await;
        server.thaw();
        caller.joins(2).await;
    });
    tokio::join!(old, new);
}

#[tokio::test]
async fn as_many_connections_as_are_allowed_bring_no_ban() {
    for release in Release::ALL {
        let server = MumbleServer::start(MumbleOptions {
            release,
            autoban: Autoban::AsShipped,
            ..MumbleOptions::default()
        });
        let limit = ConnectionLimit::new();
        while limit.wait(Instant::now()).is_zero() {
            Caller::join_with(&server, "Ann", |config| config.limit = limit.clone()).await;
        }
        // One that does not count with them: the address is not banned.
        Caller::join(&server, "Bob").await;
    }
}
