//! Servers that mean harm: whatever they send, the user stays within bounds, and works as soon as
//! the server behaves again.

mod server;
mod wire;

use std::fs;
use std::time::Duration;

use mumble::{Client, Config, Event, Events, JoinError, Pin};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use server::{ANN, ME, PATIENCE, Peer, Server};
use wire::{announced, channel, crypt_setup, frame, number, text, user, voice};

/// What a hostile server may make the whole process grow by, itself included, in bytes.
const MOST_GROWTH: usize = 128 << 20;

/// More users, or channels, than are kept, or than any server has.
const TOO_MANY: u64 = 1_000_000;

/// More users, or channels, than this are never kept.
const MOST_KEPT: usize = 20_000;

/// Texts of almost a megabyte each, more than may lie unread.
const TEXTS: usize = 200;

/// A server that has got rid of nothing for this long waits for the user.
const STILL: Duration = Duration::from_millis(500);

/// One at a time, so that each test sees its own growth only.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A user on a hostile server.
struct Victim {
    client: Client,
    events: Events,
    server: Server,
    before: usize,
    _state: TempDir,
    _here: DropGuard,
    _alone: MutexGuard<'static, ()>,
}

impl Victim {
    async fn joining() -> Self {
        let alone = ALONE.lock().await;
        let server = Server::start().await;
        let state = TempDir::new().expect("there is room for temporary files");
        let mut config = Config::new("127.0.0.1", server.port(), "AI", state.path());
        config.pin = Pin::Off;
        // As soon as after a failure that heals by itself.
        config.retry.slow = config.retry.first;
        let here = CancellationToken::new();
        let (client, events) = mumble::join(config, here.clone());
        Self {
            client,
            events,
            server,
            before: resident(),
            _state: state,
            _here: here.drop_guard(),
            _alone: alone,
        }
    }

    async fn joined() -> (Self, Peer) {
        let mut victim = Self::joining().await;
        let peer = victim.server.lets_in().await;
        victim.is_in().await;
        (victim, peer)
    }

    /// Reads events until one is as wanted.
    async fn until<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.next().await.expect("it was not shut down");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("it happens in time")
    }

    async fn is_in(&mut self) {
        self.until(|event| matches!(event, Event::Joined { .. }).then_some(()))
            .await;
    }

    async fn is_thrown_out(&mut self) -> JoinError {
        self.until(|event| match event {
            Event::Lost { error, .. } => Some(error),
            _ => None,
        })
        .await
    }

    /// The server behaves again: what it says is heard, in spite of all that came before.
    async fn still_works(&mut self, mut peer: Peer) {
        peer.says(&text(ANN, "are you still there?")).await;
        let sent = peer.flush();
        let heard = self.until(|event| match event {
            Event::Text(message) if message.text == "are you still there?" => Some(()),
            Event::Lost { error, .. } => panic!("thrown off: {error}"),
            _ => None,
        });
        tokio::join!(sent, heard);
        self.has_not_grown();
    }

    fn has_not_grown(&self) {
        let growth = resident().saturating_sub(self.before);
        assert!(growth < MOST_GROWTH, "grown by {} MB", growth >> 20);
    }
}

/// What the process has in memory, in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells it");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.map_or(0, |pages: usize| pages * 4096)
}

/// Sends what `say` says while the user reads its events, and proves that it works afterwards.
async fn survives(say: impl AsyncFnOnce(&mut Peer)) {
    let (mut victim, mut peer) = Victim::joined().await;
    let saying = async {
        say(&mut peer).await;
        peer.says(&text(ANN, "that was all")).await;
        peer.flush().await;
    };
    let reading = victim.until(|event| match event {
        Event::Text(message) if message.text == "that was all" => Some(()),
        Event::Lost { error, .. } => panic!("thrown off: {error}"),
        _ => None,
    });
    tokio::join!(saying, reading);
    victim.still_works(peer).await;
}

#[tokio::test]
async fn of_endless_users_and_channels_a_bounded_number_is_kept() {
    let mut victim = Victim::joining().await;
    let mut peer = victim.server.accepts().await;
    peer.says(&user(ME, "AI", 0)).await;
    for n in 0..TOO_MANY {
        peer.says(&user(n, "one of too many", n)).await;
        peer.says(&channel(n, n / 2, "one of too many")).await;
    }
    peer.syncs().await;
    victim.is_in().await;
    let roster = victim.client.roster();
    assert!(roster.users().count() < MOST_KEPT && roster.channels().count() < MOST_KEPT);
    victim.still_works(peer).await;
}

#[tokio::test]
async fn newcomers_without_end_do_not_stop_it() {
    survives(async |peer| {
        for n in 0..30_000 {
            peer.says(&user(100 + n, "another one", 0)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn long_comments_and_names_do_not_fill_the_memory() {
    let long = "x".repeat(900_000);
    survives(async |peer| {
        for n in 0..160 {
            let comment = wire::bytes(14, long.as_bytes());
            let name = wire::bytes(3, format!("user {n}").as_bytes());
            let body = [number(1, 100 + n), name, comment].concat();
            peer.says(&frame(wire::USER_STATE, &body)).await;
            peer.says(&channel(100 + n, 0, &long)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_longest_messages_are_skipped_as_they_come() {
    survives(async |peer| {
        for kind in [wire::USER_STATE, wire::TEXT, wire::TUNNEL, 999] {
            peer.says(&announced(kind, 0x7f_ffff, &vec![0x61; 0x7f_ffff]))
                .await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_impossible_length_ends_the_connection_and_the_next_one_works() {
    let (mut victim, mut peer) = Victim::joined().await;
    peer.says(&announced(wire::TEXT, u32::MAX, b"and nothing else"))
        .await;
    peer.flush().await;
    let error = victim.is_thrown_out().await;
    assert!(matches!(error, JoinError::NotMumble { .. }), "{error}");
    let peer = victim.server.lets_in().await;
    victim.is_in().await;
    victim.still_works(peer).await;
}

#[tokio::test]
async fn unknown_kinds_by_the_thousand_are_skipped() {
    survives(async |peer| {
        for kind in 30..20_000 {
            peer.says(&frame(kind, &[0xff; 50])).await;
        }
    })
    .await;
}

#[tokio::test]
async fn messages_in_any_order_are_borne() {
    let mut victim = Victim::joining().await;
    let mut peer = victim.server.accepts().await;
    // Before anything else.
    peer.says(&text(ANN, "too early")).await;
    peer.says(&voice(ANN as u32, 1)).await;
    peer.says(&crypt_setup(7)).await;
    peer.says(&user(ME, "AI", 40)).await;
    peer.syncs().await;
    victim.is_in().await;
    let saying = async {
        for n in 0..200_u8 {
            peer.says(&crypt_setup(n)).await;
            peer.syncs().await;
            let version = number(5, u64::from(n % 2 * 2 + 3) << 32 | 1 << 48);
            peer.says(&frame(wire::VERSION, &version)).await;
            peer.says(&voice(ANN as u32, n)).await;
            // Its own parent, each other's parents, and deeper than any server nests.
            peer.says(&channel(40, 40, "itself")).await;
            peer.says(&channel(41, 42, "this")).await;
            peer.says(&channel(42, 41, "that")).await;
            peer.says(&channel(1000 + u64::from(n), 999 + u64::from(n), "below"))
                .await;
            // Nobody, everybody, and nothing that can be read.
            peer.says(&frame(wire::USER_REMOVE, &number(1, u64::MAX)))
                .await;
            peer.says(&frame(wire::USER_REMOVE, &[0xff; 9])).await;
            peer.says(&frame(wire::SYNC, b"")).await;
            peer.says(&frame(wire::CRYPT_SETUP, &wire::bytes(3, b"short")))
                .await;
        }
    };
    saying.await;
    let roster = victim.client.roster();
    for channel in roster.channels() {
        let _ = roster.path(channel.id);
    }
    victim.still_works(peer).await;
}

#[tokio::test]
async fn being_removed_in_garbage_is_a_kick() {
    let (mut victim, mut peer) = Victim::joined().await;
    let garbage = "<b>\u{1}\u{202e}&#0;</b".repeat(20_000);
    let body = [
        number(1, ME),
        number(2, 77),
        wire::bytes(3, garbage.as_bytes()),
    ]
    .concat();
    peer.says(&frame(wire::USER_REMOVE, &body)).await;
    peer.flush().await;
    let error = victim.is_thrown_out().await;
    assert!(matches!(error, JoinError::Kicked { .. }), "{error}");
    victim.has_not_grown();
}

#[tokio::test]
async fn a_flood_of_pings_is_borne() {
    survives(async |peer| {
        for n in 0..30_000 {
            peer.says(&frame(wire::PING, &number(1, n))).await;
        }
    })
    .await;
}

#[tokio::test]
async fn voices_of_nobody_take_a_bounded_room() {
    survives(async |peer| {
        for n in 0..30_000 {
            peer.says(&voice(n % 5000, (n / 5000) as u8 * 2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn texts_that_nobody_reads_make_the_server_wait() {
    let (mut victim, mut peer) = Victim::joined().await;
    let long = "words ".repeat(150_000);
    let (said, mut progress) = watch::channel(0);
    let saying = tokio::spawn(async move {
        for n in 0..TEXTS {
            peer.says(&text(ANN, &long)).await;
            said.send_replace(n);
        }
        peer.flush().await;
        peer
    });
    // Nobody reads until the server cannot go on.
    while timeout(STILL, progress.changed())
        .await
        .is_ok_and(|change| change.is_ok())
    {}
    victim.has_not_grown();
    let mut read = 0;
    victim
        .until(|event| {
            read += usize::from(matches!(event, Event::Text(_)));
            (read == TEXTS).then_some(())
        })
        .await;
    let peer = saying.await.expect("the server does not panic");
    victim.still_works(peer).await;
}

#[tokio::test]
async fn a_login_without_end_is_given_up() {
    let mut victim = Victim::joining().await;
    let mut peer = victim.server.accepts().await;
    let error = tokio::select! {
        error = victim.is_thrown_out() => error,
        () = async {
            for n in 0.. {
                peer.says(&channel(n % 100, 0, "still more")).await;
                tokio::task::yield_now().await;
            }
        } => unreachable!("it goes on for ever"),
    };
    assert!(matches!(error, JoinError::TimedOut { .. }), "{error}");
    let peer = victim.server.lets_in().await;
    victim.is_in().await;
    victim.still_works(peer).await;
}
