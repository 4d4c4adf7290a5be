//! People who ask aloud, each when chance will have it, and do not wait for each other.

use std::time::Duration;

use audio::Pcm;
use mumble::{Client, Config, ConnectionLimit, Event, Events};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use world::{Assistant, Chance, MumbleServer};

use super::PATIENCE;

/// How long one person waits before asking the next question.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));

/// How often somebody stops in the middle, in percent.
const BREAKS_OFF: f64 = 10.0;

/// The same people each time.
const SEED: u64 = 40;

/// Speech: what it says is the recogniser's business, and that is scripted.
const SPEECH: &[u8] = include_bytes!("../../../config/sounds/moment.opus");

/// People in the assistant's channel.
pub(super) struct Askers {
    people: Vec<Client>,
    question: Pcm,
    _state: TempDir,
    _here: DropGuard,
}

/// People who are asking.
pub(super) struct Asking {
    tasks: JoinSet<()>,
    over: CancellationToken,
}

impl Askers {
    /// So many join, and meet the assistant.
    pub(super) async fn join(server: &MumbleServer, people: usize) -> Self {
        let (state, here) = (TempDir::new().unwrap(), CancellationToken::new());
        let mut clients = Vec::new();
        for n in 0..people {
            let folder = state.path().join(n.to_string());
            let name = format!("Person-{n}");
            let mut config = Config::new(server.host(), server.port(), name, folder);
            config.limit = ConnectionLimit::new();
            let (client, mut events) = mumble::join(config, here.child_token());
            joined(&mut events).await;
            tokio::spawn(async move { while events.next().await.is_some() {} });
            clients.push(client);
        }
        let askers = Self {
            people: clients,
            question: audio::ogg::read(SPEECH).unwrap(),
            _state: state,
            _here: here.drop_guard(),
        };
        let first = &askers.people[0];
        super::until("together", || {
            let roster = first.roster();
            let names: Vec<_> = roster
                .others_in_my_channel()
                .map(|user| &user.name)
                .collect();
            names.iter().any(|name| *name == Assistant::NAME)
        })
        .await;
        askers
    }

    /// One person asks, and is heard to the end.
    pub(super) async fn one_asks(&self, person: usize) {
        ask(&self.people[person], &self.question).await;
    }

    /// Everybody asks again and again, until they are hushed.
    pub(super) fn all_ask(&self) -> Asking {
        let (mut tasks, over) = (JoinSet::new(), CancellationToken::new());
        for (seed, person) in (SEED..).zip(&self.people) {
            let (person, question) = (person.clone(), self.question.clone());
            let (over, mut chance) = (over.clone(), Chance::of(seed));
            tasks.spawn(async move {
                loop {
                    let pause = sleep(chance.between(PAUSE.0, PAUSE.1));
                    if over.run_until_cancelled(pause).await.is_none() {
                        return;
                    }
                    if chance.happens(BREAKS_OFF) {
                        breaks_off(&person, &question).await;
                    } else {
                        ask(&person, &question).await;
                    }
                }
            });
        }
        Asking { tasks, over }
    }
}

impl Asking {
    /// Everybody says what they are saying, and is quiet then.
    pub(super) async fn hush(mut self) {
        self.over.cancel();
        while let Some(person) = self.tasks.join_next().await {
            person.expect("people do not panic");
        }
    }
}

async fn joined(events: &mut Events) {
    let joined = async {
        while let Some(event) = events.next().await {
            if matches!(event, Event::Joined { .. }) {
                return;
            }
        }
    };
    timeout(PATIENCE, joined)
        .await
        .expect("the server is there");
}

async fn ask(person: &Client, question: &Pcm) {
    let mut speech = person.speak();
    speech.push(question.clone()).await.expect("it is there");
    speech.finish().done().await.expect("it is being said");
}

/// Begins to ask and thinks better of it.
async fn breaks_off(person: &Client, question: &Pcm) {
    let mut speech = person.speak();
    speech.push(question.clone()).await.expect("it is there");
    sleep(question.duration() / 3).await;
    speech.stop();
}
