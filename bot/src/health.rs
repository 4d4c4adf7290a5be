//! What the assistant writes on the board about its place in Mumble.

use std::time::{Duration, Instant};

use mumble::{Client, Standing, Stats};
use service::health::{Board, Line, Presence};

/// How often the conversation shows that its loop goes round. Far below the minute after which
/// a silent pipeline counts as stuck.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

/// Writes on `board` whether the user is on its server, at each change, until it has left.
pub(crate) async fn tell_presence(client: Client, board: Board) {
    let mut standing = client.watch_standing();
    loop {
        let now = standing.borrow_and_update().clone();
        if let Some(presence) = presence(Instant::now(), &now) {
            board.presence(presence);
        }
        if matches!(now, Standing::Left) || standing.changed().await.is_err() {
            return;
        }
    }
}

/// The standing in the words of the board; none before the first attempt has ended.
fn presence(now: Instant, standing: &Standing) -> Option<Presence> {
    match standing {
        Standing::Joined { since } => Some(Presence::Joined { since: *since }),
        Standing::Left => Some(Presence::Away {
            since: now,
            why: "it was shut down".to_owned(),
            failures: 0,
        }),
        Standing::Connecting { .. } | Standing::Waiting { .. } => {
            let trouble = standing.trouble()?;
            Some(Presence::Away {
                since: trouble.since,
                why: trouble.error.to_string(),
                failures: trouble.failures,
            })
        }
    }
}

/// What the connection has carried, in the words of the board.
pub(crate) fn line(stats: Stats) -> Line {
    let ping = if stats.udp {
        stats.udp_ping
    } else {
        stats.tcp_ping
    };
    Line {
        udp: stats.udp,
        ping,
        good: stats.good.into(),
        late: stats.late.into(),
        lost: stats.lost.into(),
        dropped: stats.dropped.into(),
    }
}
