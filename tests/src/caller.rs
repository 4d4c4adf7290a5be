//! A Mumble user of a test: it asks aloud or in writing, and keeps what it hears and reads.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use audio::{MUMBLE_HZ, Pcm};
use mumble::{
    Client, Config, ConnectionLimit, Event, Events, Heard, JoinError, Scope, ServerInfo, Speech,
    Standing, TextMessage, To,
};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::MumbleServer;

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An utterance has ended when its last packet was marked and no other followed for this long:
/// the sentences of one answer follow each other faster.
const UTTERANCE_END: Duration = Duration::from_millis(900);

/// A pause between packets that is longer than this was silence, not jitter.
const JITTER: Duration = Duration::from_millis(80);

/// A joined user. It leaves when it is dropped.
#[derive(Debug)]
pub struct Caller {
    client: Client,
    record: Arc<Record>,
    /// How many pieces and texts the test has looked at.
    read: Read,
    _state: TempDir,
    _here: DropGuard,
}

/// What was said to the caller by one user without a longer pause.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// The sound at 48 kHz, with its pauses.
    pub sound: Pcm,
    /// When its first packet came.
    pub began: Instant,
    /// When its last packet came.
    pub ended: Instant,
}

#[derive(Debug, Default)]
struct Read {
    heard: usize,
    texts: usize,
}

#[derive(Debug)]
struct Record {
    log: Mutex<Log>,
    /// Moves with every entry of the log.
    length: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Log {
    heard: Vec<(String, Heard)>,
    texts: Vec<TextMessage>,
    joined: usize,
    /// As it was told at the last time that it joined.
    server: Option<ServerInfo>,
    lost: Vec<JoinError>,
}

impl Caller {
    /// Joins under `name` and waits until the server has let it in.
    pub async fn join(server: &MumbleServer, name: &str) -> Self {
        Self::join_with(server, name, |_| {}).await
    }

    /// Joins with other settings than the usual ones.
    pub async fn join_with(
        server: &MumbleServer,
        name: &str,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        service::tls::install();
        let state = TempDir::new().expect("there is room for temporary files");
        let mut config = Config::new(server.host(), server.port(), name, state.path());
        config.hear_rate = MUMBLE_HZ;
        config.limit = ConnectionLimit::new();
        change(&mut config);
        let here = CancellationToken::new();
        let (client, events) = mumble::join(config, here.clone());
        let record = Arc::new(Record {
            log: Mutex::default(),
            length: watch::Sender::new(0),
        });
        tokio::spawn(keep(client.clone(), events, Arc::clone(&record)));
        let caller = Self {
            client,
            record,
            read: Read::default(),
            _state: state,
            _here: here.drop_guard(),
        };
        caller
            .until("joined", |log| match log.lost.last() {
                Some(error) if log.joined == 0 => panic!("{name} cannot join: {error}"),
                _ => (log.joined > 0).then_some(()),
            })
            .await;
        caller
    }

    /// The user as the Mumble crate shows it, for what is not here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What the server told about itself when this user joined.
    pub fn server(&self) -> ServerInfo {
        let server = self.record.log().server.clone();
        server.expect("a caller has joined")
    }

    /// Waits until `name` is in the same channel.
    pub async fn meets(&self, name: &str) {
        self.until("together", |_| {
            let roster = self.client.roster();
            let here = roster.others_in_my_channel().any(|user| user.name == name);
            here.then_some(())
        })
        .await;
    }

    /// Holds the talk key, says `sound`, releases the key. Gives the time of the last packet.
    pub async fn say(&self, sound: &Pcm) -> Instant {
        let mut speech = self.client.speak();
        self.push(&mut speech, sound).await;
        speech.finish().done().await.expect("it is being said");
        Instant::now()
    }

    /// Says `sound` into a microphone that stays open: silence follows until what is given back
    /// is dropped. Gives the time at which the sound was over as well.
    pub async fn say_openly(&self, sound: &Pcm) -> (Instant, DropGuard) {
        let open = CancellationToken::new();
        let mut speech = self.client.speak();
        self.push(&mut speech, sound).await;
        let piece = Pcm::silence(MUMBLE_HZ, Duration::from_millis(100));
        let closed = open.clone();
        let said = watch::Sender::new(Duration::ZERO);
        let mut heard = said.subscribe();
        tokio::spawn(async move {
            // Pushing waits while enough lies queued, so this keeps the pace of the sound.
            while !closed.is_cancelled() && speech.push(piece.clone()).await.is_ok() {
                said.send_replace(speech.heard());
                sleep(piece.duration() / 2).await;
            }
            speech.stop();
        });
        let length = sound.duration();
        let over = heard.wait_for(|said| *said >= length);
        let over = timeout(PATIENCE + length, over).await;
        over.expect("it is being said").expect("it is being said");
        (Instant::now(), open.drop_guard())
    }

    /// Begins to say `sound` and goes on while the test does something else. Dropping what is
    /// given back stops it.
    pub async fn begin_to_say(&self, sound: &Pcm) -> mumble::Playing {
        let mut speech = self.client.speak();
        self.push(&mut speech, sound).await;
        speech.finish()
    }

    async fn push(&self, speech: &mut Speech, sound: &Pcm) {
        let pushed = speech.push(sound.clone()).await;
        pushed.expect("the caller is on the server");
    }

    /// Writes to everybody in its channel.
    pub fn write(&self, text: &str) {
        let roster = self.client.roster();
        let channel = roster.my_channel().expect("it is in a channel").id;
        let sent = self.client.send_text(To::Channel(channel), text);
        sent.expect("the text can be sent");
    }

    /// Writes to `name` alone.
    pub fn write_to(&self, name: &str, text: &str) {
        let roster = self.client.roster();
        let user = roster.users().find(|user| user.name == name);
        let session = user.expect("the user is on the server").session;
        let sent = self.client.send_text(To::User(session), text);
        sent.expect("the text can be sent");
    }

    /// Lets go of everything that was said so far: what it hears from now on counts.
    pub fn listens_anew(&mut self) {
        self.read.heard = self.record.log().heard.len();
    }

    /// Waits for the next thing that `name` says, and for its end.
    pub async fn hears(&mut self, name: &str) -> Utterance {
        let from = self.begins(name).await;
        loop {
            let seen = *self.record.length.borrow();
            let pieces = self.record.pieces(name, from);
            let last = pieces.last().expect("it has begun");
            if last.last && last.received.elapsed() >= UTTERANCE_END {
                self.read.heard = self.record.log().heard.len();
                return utterance(&pieces);
            }
            // Either more comes, or what was said is over.
            let mut length = self.record.length.subscribe();
            let more = length.wait_for(|length| *length > seen);
            let limit = if last.last { UTTERANCE_END } else { PATIENCE };
            let more = timeout(limit, more).await;
            assert!(more.is_ok() || last.last, "{name} never ends");
        }
    }

    /// Waits until `name` begins to say something.
    pub async fn begins(&self, name: &str) -> usize {
        let read = self.read.heard;
        self.until("said", |log| {
            let fresh = log.heard.iter().enumerate().skip(read);
            let mut sound = fresh.filter(|(_, (who, piece))| who == name && !piece.pcm.is_empty());
            sound.next().map(|(at, _)| at)
        })
        .await
    }

    /// Waits for the first sound of `name` that comes after `since`, and says when it came. What
    /// it heard stays for [`Caller::hears`].
    pub async fn hears_after(&self, name: &str, since: Instant) -> Instant {
        self.until("heard", |log| {
            let of = log.heard.iter().filter(|(who, _)| who == name);
            let sound = of.filter(|(_, piece)| !piece.pcm.is_empty());
            let mut times = sound.map(|(_, piece)| piece.received);
            times.find(|&received| received > since)
        })
        .await
    }

    /// Waits until it has heard this much of what `name` is saying.
    pub async fn hears_first(&self, name: &str, much: Duration) {
        let from = self.begins(name).await;
        self.until("said at such length", |log| {
            let pieces = log.heard.iter().skip(from).filter(|(who, _)| who == name);
            let heard: Duration = pieces.map(|(_, piece)| piece.pcm.duration()).sum();
            (heard >= much).then_some(())
        })
        .await;
    }

    /// Waits for the next text that somebody writes to it or to its channel.
    pub async fn reads(&mut self) -> TextMessage {
        let read = self.read.texts;
        let text = self.until("written", |log| log.texts.get(read).cloned());
        let text = text.await;
        self.read.texts += 1;
        text
    }

    /// Everything that `name` has said so far, oldest first, cut at the pauses.
    pub fn heard_of(&self, name: &str) -> Vec<Utterance> {
        let pieces = self.record.pieces(name, 0);
        let mut utterances: Vec<Vec<Heard>> = Vec::new();
        for piece in pieces {
            match utterances
                .last_mut()
                .map(|pieces| (pieces.last().cloned(), pieces))
            {
                Some((Some(before), pieces))
                    if piece.received.duration_since(before.received) < UTTERANCE_END =>
                {
                    pieces.push(piece);
                }
                _ => utterances.push(vec![piece]),
            }
        }
        utterances.iter().map(|pieces| utterance(pieces)).collect()
    }

    /// Every piece that `name` has said so far, as it was heard, oldest first.
    pub fn pieces_of(&self, name: &str) -> Vec<Heard> {
        self.record.pieces(name, 0)
    }

    /// Its own name on the server.
    pub fn name(&self) -> String {
        let roster = self.client.roster();
        roster.me().expect("a caller has joined").name.clone()
    }

    /// In what ways `name` has spoken to it so far, each named once in a row.
    pub fn scopes_of(&self, name: &str) -> Vec<Scope> {
        let pieces = self.record.pieces(name, 0);
        let mut scopes: Vec<Scope> = pieces.iter().map(|piece| piece.scope).collect();
        scopes.dedup();
        scopes
    }

    /// How often it has joined, and why it lost the server, oldest first.
    pub async fn loses(&self, times: usize) -> Vec<String> {
        self.until("lost", |log| (log.lost.len() >= times).then_some(()))
            .await;
        let log = self.record.log();
        log.lost.iter().map(ToString::to_string).collect()
    }

    /// Waits until `name` is on the server, in whatever channel.
    pub async fn sees(&self, name: &str) {
        self.until("there", |_| {
            let roster = self.client.roster();
            let there = roster.users().any(|user| user.name == name);
            there.then_some(())
        })
        .await;
    }

    /// Waits until its standing with the server is of this kind.
    pub async fn stands(&self, what: &str, mut so: impl FnMut(&Standing) -> bool) -> Standing {
        let mut standing = self.client.watch_standing();
        let found = timeout(PATIENCE, standing.wait_for(|standing| so(standing))).await;
        match found {
            Ok(found) => found.expect("the client is held here").clone(),
            Err(_) => panic!("not {what} within {PATIENCE:?}"),
        }
    }

    /// Waits until it is in a channel of this name.
    pub async fn is_in(&self, channel: &str) {
        self.until("in the channel", |_| {
            let roster = self.client.roster();
            let here = roster.my_channel()?.name == channel;
            here.then_some(())
        })
        .await;
    }

    /// Waits until it has joined `times` times.
    pub async fn joins(&self, times: usize) {
        self.until("joined", |log| (log.joined >= times).then_some(()))
            .await;
    }

    async fn until<T>(&self, what: &str, mut found: impl FnMut(&Log) -> Option<T>) -> T {
        let mut length = self.record.length.subscribe();
        let search = async {
            loop {
                length.borrow_and_update();
                if let Some(found) = found(&self.record.log()) {
                    return found;
                }
                length.changed().await.expect("the record is held here");
            }
        };
        let found = timeout(PATIENCE, search).await;
        found.unwrap_or_else(|_| panic!("not {what} within {PATIENCE:?}"))
    }
}

impl Record {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("nobody panics while holding it")
    }

    /// The pieces of `name` from the `from`-th of everybody's on.
    fn pieces(&self, name: &str, from: usize) -> Vec<Heard> {
        let log = self.log();
        let fresh = log.heard.iter().skip(from);
        let pieces = fresh.filter(|(who, _)| who == name);
        pieces.map(|(_, piece)| piece.clone()).collect()
    }
}

/// Writes down what happens to the user.
async fn keep(client: Client, mut events: Events, record: Arc<Record>) {
    while let Some(event) = events.next().await {
        {
            let mut log = record.log();
            match event {
                Event::Heard(heard) => {
                    let roster = client.roster();
                    let name = roster.user(heard.speaker).map(|user| user.name.clone());
                    log.heard.push((name.unwrap_or_default(), heard));
                }
                Event::Text(text) => log.texts.push(text),
                Event::Joined { server, .. } => {
                    log.joined += 1;
                    log.server = Some(server);
                }
                Event::Lost { error, .. } => log.lost.push(error),
                Event::Roster(_)
                | Event::ServerChanged(_)
                | Event::Denied(_)
                | Event::Astray { .. } => {}
            }
        }
        record.length.send_modify(|length| *length += 1);
    }
}

/// Puts pieces together; a pause between them stays one.
fn utterance(pieces: &[Heard]) -> Utterance {
    let began = pieces[0].received;
    let mut sound = Pcm::new(pieces[0].pcm.rate(), Vec::new());
    for piece in pieces {
        let at = piece.received.duration_since(began);
        if let Some(pause) = at.checked_sub(sound.duration() + JITTER) {
            sound.extend_from_slice(Pcm::silence(sound.rate(), pause).samples());
        }
        sound.extend_from_slice(piece.pcm.samples());
    }
    let ended = pieces[pieces.len() - 1].received;
    Utterance {
        sound,
        began,
        ended,
    }
}
