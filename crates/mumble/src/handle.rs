//! What the user of this crate holds: a client to act with, and events to react to.

mod acts;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::act::{Asked, MOST_ACTS};
use crate::error::{SpeechError, TextError};
use crate::event::{Event, Stats, To};
use crate::inbox::Inbox;
use crate::kept::Kept;
use crate::roster::Roster;
use crate::speak::{Speech, SpeechQueue};
use crate::standing::Standing;
use crate::target::Target;

/// How many texts wait at most for the connection to take them; one more is refused.
const MOST_TEXTS: usize = 64;

/// A Mumble user, to be acted with. Clones are the same user.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) texts: mpsc::Sender<(To, String)>,
    pub(crate) acts: mpsc::Sender<Asked>,
}

/// What clients want of the connection, at its end of their channels. Texts and acts wait apart:
/// a long text must not hold up an act.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) texts: mpsc::Receiver<(To, String)>,
    pub(crate) acts: mpsc::Receiver<Asked>,
}

impl Client {
    /// A client, and what it will want.
    pub(crate) fn new(shared: Arc<Shared>) -> (Self, Wanted) {
        let (to_say, texts) = mpsc::channel(MOST_TEXTS);
        let (to_do, acts) = mpsc::channel(MOST_ACTS);
        let client = Self {
            shared,
            texts: to_say,
            acts: to_do,
        };
        (client, Wanted { texts, acts })
    }

    /// Who is on the server now; empty while there is no connection. Cheap.
    pub fn roster(&self) -> Arc<Roster> {
        self.shared.roster()
    }

    /// How well the present connection works; the last one's after it broke.
    pub fn stats(&self) -> Stats {
        *self
            .shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is on the server now, and if not, why and what comes next. Cheap.
    pub fn standing(&self) -> Standing {
        self.shared.standing.borrow().clone()
    }

    /// The same, for waiting until it changes; what changed in between is not kept.
    pub fn watch_standing(&self) -> watch::Receiver<Standing> {
        self.shared.standing.subscribe()
    }

    /// Begins an utterance.
    ///
    /// One is said at a time: a new one waits until those begun before it have ended (one that
    /// is neither finished nor dropped holds up all behind it), and fails when more than [`MOST_UTTERANCES`](crate::MOST_UTTERANCES) wait. It fails too
    /// without a connection, and when the connection breaks.
    pub fn speak(&self) -> Speech {
        self.speak_to(Target::Normal)
    }

    /// Begins an utterance that somebody is saying at this moment, such as the caller of a
    /// telephone: its sound is pushed as it comes, at `rate` Hz, and is encoded at that rate.
    ///
    /// Each 20 ms of it leave as soon as they are pushed, so it waits for nothing; pushing it
    /// evenly is the caller's part. It ends by itself when nothing was pushed for 200 ms, and goes
    /// on when more is. At a rate that Opus does not know it is brought to 48 kHz. All else is as
    /// with [`Client::speak`].
    pub fn speak_live(&self, rate: u32) -> Speech {
        self.shared.speech.speak_live(rate)
    }

    /// Begins an utterance to somebody else than the own channel: a whisper or a shout. All
    /// else is as with [`Client::speak`].
    ///
    /// It fails with [`SpeechError::NobodyThere`](crate::SpeechError::NobodyThere) when none
    /// of the users, or not the channel, is on the server. Whether the server lets it through
    /// is not known: it drops without a word what is not allowed.
    pub fn speak_to(&self, target: Target) -> Speech {
        let roster = self.roster();
        let there = match &target {
            Target::Normal | Target::Loopback => true,
            Target::Users(users) => users.iter().any(|&user| roster.user(user).is_some()),
            Target::Channel { id, .. } => roster.channel(*id).is_some(),
        };
        let speech = self.shared.speech.speak(target);
        if !there {
            speech.fail(SpeechError::NobodyThere);
        }
        speech
    }

    /// Sends a plain text: escaped, cut to pieces that the server takes, and no faster than it
    /// takes them. It is lost when the connection breaks before.
    ///
    /// # Errors
    /// It is not sent: see [`TextError`].
    pub fn send_text(&self, to: To, plain: &str) -> Result<(), TextError> {
        if plain.trim().is_empty() {
            return Err(TextError::Empty);
        }
        if self.roster().me().is_none() {
            return Err(TextError::NotJoined);
        }
        self.texts
            .try_send((to, plain.to_owned()))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => TextError::Full,
                mpsc::error::TrySendError::Closed(_) => TextError::NotJoined,
            })
    }
}

/// The events of a Mumble user, in the order in which they happened.
///
/// Unread ones are kept up to a bound: of sound, the oldest is dropped first (10 s of one
/// speaker are kept); of all else nothing is, the server has to wait instead.
#[derive(Debug)]
pub struct Events {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ended: tokio_util::sync::CancellationToken,
}

impl Wanted {
    /// Takes back all that waits; gives how many texts are lost by it. Whoever asked for an act
    /// is told that the connection broke.
    pub(crate) fn drop_all(&mut self) -> usize {
        while self.acts.try_recv().is_ok() {}
        std::iter::from_fn(|| self.texts.try_recv().ok()).count()
    }
}

impl Events {
    /// The next event; none once the user has been shut down and all is read.
    pub async fn next(&mut self) -> Option<Event> {
        let inbox = &self.shared.inbox;
        tokio::select! {
            biased;
            event = inbox.next() => Some(event),
            () = self.ended.cancelled() => inbox.take(),
        }
    }

    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.shared.inbox.take()
    }

    /// How many pieces of sound were dropped because nobody read them.
    pub fn dropped(&self) -> u64 {
        self.shared.inbox.dropped()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.inbox.abandon();
    }
}

/// What the handles share with the connection.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inbox: Inbox,
    pub(crate) speech: Arc<SpeechQueue>,
    pub(crate) standing: watch::Sender<Standing>,
    roster: Mutex<Arc<Roster>>,
    stats: Mutex<Stats>,
    kept: Mutex<Kept>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            inbox: Inbox::default(),
            speech: Arc::default(),
            standing: watch::Sender::new(Standing::Connecting { trouble: None }),
            roster: Mutex::default(),
            stats: Mutex::default(),
            kept: Mutex::default(),
        }
    }
}

impl Shared {
    pub(crate) fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_roster(&self, roster: Arc<Roster>) {
        *self.roster.lock().unwrap_or_else(PoisonError::into_inner) = roster;
    }

    /// What the user is to be on the next connection.
    pub(crate) fn kept(&self) -> Kept {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }

    /// Changes what the user is to be on the next connection.
    pub(crate) fn keep<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> T {
        change(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_stats(&self, stats: Stats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}
