//! One call, from the ring to the end: signalling, sound and the Mumble user held together.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audio::resample::Resampler;
use futures::future::{BoxFuture, OptionFuture};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::beat::Follower;
use crate::board::CallSeen;
use crate::bridge::House;
use crate::dtmf;
use crate::line::Line;
use crate::media::{LONGEST, MediaSocket};
use crate::offer::Negotiation;
use crate::phone::{Dialog, Ending, Invitation, Refreshed, Refusal, Ring};
use crate::sound::Sound;
use crate::timer::{Granted, Timer};
use crate::voices::Voices;
use keys::Keys;
use mouth::Mouth;

mod agreement;
mod keys;
mod mouth;
pub(crate) mod outgoing;
mod seat;
mod stroke;
mod taking;

/// How long the Mumble user may take to join before the caller is told that it does not work.
const JOINING: Duration = Duration::from_secs(10);

/// After so much time the caller may try again, in s.
const RETRY_AFTER: &str = "10";

/// How often the board is told how a call sounds.
const LOOK: Duration = Duration::from_secs(1);

/// How long hanging up may take.
const HANGING_UP: Duration = Duration::from_secs(2);

/// Holds a call from its ring to its end.
pub(crate) async fn run(ring: Ring, house: Arc<House>, shutdown: CancellationToken) {
    let begun = Instant::now();
    let Some(call) = Call::take(ring, house) else {
        return;
    };
    let end = call.hold(shutdown).await;
    tracing::info!(seconds = begun.elapsed().as_secs(), end = ?end, "a call has ended");
}

/// Why a call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Theirs(Ending),
    /// The Mumble server could not be joined, or was away for too long.
    NoChannel,
    /// Nothing has come from the telephone for too long.
    NoSound,
    /// The session timer has run out.
    Expired,
    /// It has lasted as long as a call may.
    TooLong,
    /// What was agreed on could not be set up.
    Broken,
    /// The caller has hung up by a key.
    Key,
    /// The bridge ends.
    Shutdown,
}

impl End {
    /// In the words of the board.
    fn how(self) -> &'static str {
        match self {
            Self::Theirs(Ending::Cancelled) => "cancelled",
            Self::Theirs(Ending::HungUp) => "hung up",
            Self::Theirs(Ending::Declined(_)) => "declined",
            Self::Theirs(Ending::Ours) => "ended here",
            Self::Theirs(Ending::Vanished) => "never acknowledged",
            Self::NoChannel => "no channel",
            Self::NoSound => "no sound",
            Self::Expired => "expired",
            Self::TooLong => "too long",
            Self::Key => "hung up",
            Self::Broken => "broken",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A call that was taken.
struct Call {
    house: Arc<House>,
    dialog: Box<dyn Dialog>,
    invitation: Invitation,
    negotiation: Negotiation,
    /// The description sent last, as it was sent.
    described: Vec<u8>,
    socket: MediaSocket,
    /// The pace that it keeps with all other calls.
    beat: Follower,
    sound: Option<Sound>,
    timer: Timer,
    refreshing: Option<BoxFuture<'static, Refreshed>>,
    /// A line that is awaited.
    seat: Option<BoxFuture<'static, Line>>,
    line: Option<Line>,
    /// Names that others on the server have.
    taken: Vec<String>,
    /// Others have been told who calls.
    told: bool,
    progress: Progress,
    /// Whether this end has made the call.
    ours: bool,
    /// What is to be pressed once the call is answered.
    to_press: dtmf::Keys,
    /// Whether the call stands.
    answered: bool,
    mouth: Mouth,
    keys: Keys,
    voices: Voices,
    /// From the line's rate to the phone's, where they differ.
    resampler: Option<(u32, u32, Resampler)>,
    once: dtmf::Once,
    granted: Option<Granted>,
    begun: Instant,
    said: u64,
    seen: CallSeen,
    /// When the board is told next how it sounds.
    look: Instant,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The Mumble user is not there yet, and the call not answered.
    Joining,
    /// People talk.
    Talking,
    /// Mumble has been away since.
    Away(Instant),
}

impl Call {
    /// Holds the call until it ends, and ends it.
    async fn hold(mut self, shutdown: CancellationToken) -> End {
        if self.sound.is_some() {
            // The caller hears at once that somebody is there.
            self.dialog.early(&self.described);
        }
        let end = self.talk(&shutdown).await;
        let answered = self.answered || self.ours;
        drop(self.mouth.speech.take());
        self.seat = None;
        if let Some(line) = self.line.take() {
            line.hang_up();
        }
        match (end, answered) {
            (End::Theirs(_), _) => {}
            (_, true) => {
                self.say_goodbye();
                let _ = timeout(HANGING_UP, self.dialog.hang_up()).await;
            }
            (_, false) => self
                .dialog
                .refuse(Refusal::new(503).with("Retry-After", RETRY_AFTER)),
        }
        self.seen.ended(end.how());
        end
    }

    async fn talk(&mut self, shutdown: &CancellationToken) -> End {
        let mut over = pin!(shutdown.cancelled());
        let mut datagram = [0; LONGEST];
        loop {
            tokio::select! {
                biased;
                () = &mut over => return End::Shutdown,
                event = self.dialog.next() => {
                    if let Some(end) = self.signalled(event) {
                        return end;
                    }
                }
                passed = self.beat.next() => {
                    if let Some(end) = self.struck(passed, &mut datagram) {
                        return end;
                    }
                }
                Some(line) = OptionFuture::from(self.seat.as_mut()) => {
                    self.seat = None;
                    self.seated(line);
                }
                Some(refreshed) = OptionFuture::from(self.refreshing.as_mut()) => {
                    self.refreshing = None;
                    let now = Instant::now();
                    match refreshed {
                        Refreshed::Granted(expires) => self.timer.granted(now, expires),
                        Refreshed::Failed(failed) => self.timer.failed(now, failed),
                    }
                }
            }
        }
    }
}
