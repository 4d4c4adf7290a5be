//! The pipeline: what is heard becomes turns, turns become answers, answers become sound.
//!
//! One loop, one closed set of events. Everything that waits (recognising, thinking, speaking)
//! runs in tasks that send an event when they are done; the loop itself never waits for them.
//!
//! ```text
//! sound ─▶ ear ─▶ utterance ─▶ address ─▶ floor ─▶ answer (mind ─▶ voice) ─▶ outcome
//! text ──────────────────────▶ address ─▶ typed lane
//! ```

use std::collections::HashMap;
use std::time::{Duration, Instant};

use memory::Entry;
use mumble::{ChannelId, Client, Events, RosterChange, SessionId};
use service::health::Board;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::address::{Addressing, Verdict};
use crate::answer::{Answerer, InHand, News};
use crate::ask::{Ask, Question};
use crate::config::Config;
use crate::discreet::Discreet as _;
use crate::ear::{Drafted, Ears, Noticed, Utterance};
use crate::floor::Floor;
use crate::guard::{Guards, StoreGuards};
use crate::health::{self, HEARTBEAT};
use crate::presence::Presence;
use crate::quiet::Quiet;
use crate::recogniser::EarError;
use crate::report::Report;
use crate::signs::Signs;
use crate::turns::{About, Fault, Numbers, Outcome, State, TurnId, Turns};
use crate::typed::{TypedLane, Written};

mod callers;
mod changes;
mod endings;
mod people;
mod reminding;
mod texts;

pub(crate) use people::People;

/// Everything one conversation is made of; wired in [`crate::app`].
pub(crate) struct Conversation {
    pub(crate) client: Client,
    pub(crate) events: Events,
    pub(crate) ears: Ears,
    pub(crate) utterances: mpsc::Receiver<Utterance>,
    /// What is said so far.
    pub(crate) drafts: mpsc::Receiver<Drafted>,
    /// Who is there, and what is recalled for them before their turn has ended.
    pub(crate) people: People,
    /// What people are to be told of.
    pub(crate) due: mpsc::Receiver<Vec<Entry>>,
    pub(crate) addressing: Addressing,
    pub(crate) turns: Turns,
    pub(crate) numbers: Numbers,
    pub(crate) floor: Floor<Ask>,
    pub(crate) answerer: Answerer,
    /// What is heard while an answer is waited for.
    pub(crate) signs: Signs,
    /// Knows when somebody speaks.
    pub(crate) quiet: Quiet,
    pub(crate) typed: TypedLane,
    pub(crate) present: Present,
    pub(crate) presence: Presence,
    /// The settings in force.
    pub(crate) config: Config,
    /// Where new ones come from while it runs.
    pub(crate) configs: watch::Receiver<Config>,
    /// The engines with their deadlines and breakers, which can be changed.
    pub(crate) guards: Guards,
    pub(crate) stores: StoreGuards,
    /// What the assistant is called.
    pub(crate) names: Vec<String>,
    /// Where the assistant was set up for, once it has been there.
    pub(crate) home: Option<ChannelId>,
    pub(crate) reports: Option<mpsc::Sender<Report>>,
    /// Where it is written how the assistant stands.
    pub(crate) board: Board,
}

/// The answer being given, and what it left open.
#[derive(Debug, Default)]
pub(crate) struct Present {
    answer: Option<InHand>,
    /// Questions whose answers were broken off before a sound: they are asked again together
    /// with what their speaker says next.
    unanswered: HashMap<SessionId, Question>,
}

/// Everything that can happen.
enum Event {
    Mumble(mumble::Event),
    Said(Utterance),
    /// Somebody pauses, and may go on.
    Drafted(Drafted),
    /// Reminders.
    Due(Vec<Entry>),
    /// Of the answer in hand.
    Answer(News),
    Written(Written),
    TimePassed,
    Heartbeat,
    /// New settings were read.
    Settings,
    /// The assistant is asked to end.
    Closing,
}

/// How long the sentence that sounds may go on when the assistant is asked to end. With what it
/// takes to leave, that stays below the 10 s after which `docker stop` kills.
const LAST_WORDS: Duration = Duration::from_secs(6);

/// Whether the conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    /// Only what sounds is said to its end, until this time.
    Closing(Instant),
}

impl Conversation {
    /// Talks until `shutdown`, or until the Mumble user is gone for good. The sentence that
    /// sounds at the end is finished, within [`LAST_WORDS`]; nothing else is begun.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut life = Life::Open;
        loop {
            let deadline = self.deadline(life);
            let event = tokio::select! {
                biased;
                () = shutdown.cancelled(), if life == Life::Open => Event::Closing,
                news = self.present.news() => Event::Answer(news),
                written = self.typed.written() => Event::Written(written),
                event = self.events.next() => match event {
                    Some(event) => Event::Mumble(event),
                    None => break,
                },
                Some(utterance) = self.utterances.recv() => Event::Said(utterance),
                Some(drafted) = self.drafts.recv() => Event::Drafted(drafted),
                Some(due) = self.due.recv(), if life == Life::Open => Event::Due(due),
                () = sleep_until(deadline) => Event::TimePassed,
                Ok(()) = self.configs.changed() => Event::Settings,
                _ = heartbeat.tick() => Event::Heartbeat,
            };
            let now = Instant::now();
            if matches!(event, Event::Closing) {
                life = Life::Closing(now + LAST_WORDS);
            }
            self.handle(now, event);
            match life {
                Life::Open => self.answer_next(now),
                Life::Closing(until) if now < until && self.present.answer.is_some() => {}
                Life::Closing(_) => break,
            }
        }
        self.end_all(Instant::now());
    }

    fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Mumble(event) => self.handle_mumble(now, event),
            Event::Said(utterance) => self.handle_utterance(now, utterance),
            Event::Drafted(drafted) => self.handle_drafted(drafted),
            Event::Due(due) => self.handle_due(now, due),
            Event::Answer(News::Sounds) => self.handle_sounding(now),
            Event::Answer(News::Ended(given)) => self.handle_given(now, given),
            Event::Written(written) => self.handle_written(now, written),
            Event::TimePassed => {
                for (speaker, noticed) in self.ears.handle_timeout(now) {
                    self.handle_noticed(now, speaker, noticed);
                }
                for (ask, dropped) in self.floor.expire(now) {
                    self.end(now, ask.turn(), dropped.into());
                }
                self.strike(now);
            }
            Event::Settings => {
                let later = self.configs.borrow_and_update().clone();
                self.handle_settings(later);
            }
            Event::Closing => self.close(now),
            Event::Heartbeat => {
                self.board.beat(now);
                self.board.line(health::line(self.client.stats()));
                self.board.speakers(self.ears.speaking());
                if let Some(memory) = self.answerer.past.health() {
                    self.board.memory(memory);
                }
            }
        }
    }

    fn handle_mumble(&mut self, now: Instant, event: mumble::Event) {
        match event {
            mumble::Event::Heard(heard) => {
                self.quiet.disturb();
                for noticed in self.ears.hear(now, &heard) {
                    self.handle_noticed(now, heard.speaker, noticed);
                }
            }
            mumble::Event::Text(message) => self.handle_text(now, message),
            mumble::Event::Roster(RosterChange::UserLeft { session }) => {
                self.handle_left(now, session);
            }
            mumble::Event::Roster(RosterChange::UserJoined { session }) => {
                self.meet(session);
                self.handle_moved(now, session);
            }
            mumble::Event::Roster(RosterChange::UserMoved { session }) => {
                self.handle_moved(now, session);
            }
            mumble::Event::Roster(_) => {}
            mumble::Event::Joined { me, server } => {
                tracing::info!(session = me.0, server = %server.release, "joined");
                self.presence.handle_joined(now);
                let channel = self.client.roster().me().map(|me| me.channel);
                self.home = self.home.or(channel);
                self.meet_everybody();
            }
            mumble::Event::Lost {
                error,
                retry_in,
                unsent,
            } => {
                self.presence.handle_lost(now, &error, retry_in);
                if unsent > 0 {
                    tracing::warn!(unsent, "texts were lost with the connection");
                }
                self.forget_everybody(now);
            }
            mumble::Event::Astray { wanted } => {
                tracing::warn!(wanted, "the channel to return to is gone or closed");
            }
            mumble::Event::ServerChanged(_) => {}
            mumble::Event::Denied(denied) => tracing::warn!(%denied, "server denied a request"),
        }
    }

    /// A speaker began, ended, or said nothing after all.
    fn handle_noticed(&mut self, now: Instant, speaker: SessionId, noticed: Noticed) {
        match noticed {
            Noticed::Started => {
                self.signs.hush(speaker);
                self.interrupt_answer_to(speaker);
                self.meet(speaker);
            }
            Noticed::Nothing => self.nothing_came(now, speaker),
            Noticed::Ended(turn, about) => {
                self.begin(now, turn, about, State::Recognising);
                // The words are still unknown: who surely talks to us waits from now on.
                if self.is_ours(about, "") {
                    self.signs.expect(speaker, about.manner, about.over);
                }
            }
            Noticed::Overrun(turn, about) => {
                self.begin(now, turn, about, State::Recognising);
                self.say_nothing(now, turn, speaker, Outcome::Overrun);
            }
        }
    }

    fn interrupt_answer_to(&self, speaker: SessionId) {
        if let Some(answer) = &self.present.answer
            && answer.speaker == speaker
        {
            answer.cues.interrupted.cancel();
        }
    }

    /// A turn was written down: is it for us?
    fn handle_utterance(&mut self, now: Instant, utterance: Utterance) {
        let Utterance {
            turn,
            about,
            text,
            times,
        } = utterance;
        let About {
            speaker, manner, ..
        } = about;
        if self.turns.state(turn) != Some(State::Recognising) {
            // It has ended while it was written down.
            return;
        }
        let roster = self.client.roster();
        let Some(user) = roster.user(speaker) else {
            self.end(now, turn, Outcome::Left);
            return;
        };
        let text = match text {
            Ok(Some(text)) if self.is_ours(about, &text) => text,
            Ok(Some(_)) => return self.say_nothing(now, turn, speaker, Outcome::NotAddressed),
            Ok(None) => return self.say_nothing(now, turn, speaker, Outcome::NoWords),
            Err(error) => {
                tracing::warn!(error = error.for_the_log(), "recogniser failed");
                if matches!(error, EarError::Broken) {
                    self.turns.fail(now, turn, Fault::Broken);
                }
                return self.excuse_unheard(now, turn, about);
            }
        };
        tracing::trace!(speaker = speaker.0, text, "heard");
        self.signs.expect(speaker, manner, about.over);
        let recall = self.recall(speaker, manner, &text);
        self.offer(
            now,
            Ask::Question(Box::new(Question {
                turn,
                speaker,
                who: self.answerer.past.who(user),
                name: user.name.clone(),
                recall,
                text,
                manner,
                times,
            })),
        );
    }

    /// Whether these words of theirs are for us. Without words, whether whatever they said is.
    fn is_ours(&self, about: About, text: &str) -> bool {
        let About {
            speaker,
            began,
            manner,
            ..
        } = about;
        let people = self.client.roster().others_in_my_channel().count();
        let verdict = self.addressing.decide(speaker, began, manner, text, people);
        verdict == Verdict::Ours
    }

    fn offer(&mut self, now: Instant, mut ask: Ask) {
        let speaker = ask.speaker();
        let mut joined = None;
        if let Some(earlier) = self.present.unanswered.remove(&speaker) {
            let mut together = Ask::Question(Box::new(earlier));
            joined = Some(together.join(ask));
            ask = together;
        }
        self.turns.enter(now, ask.turn(), State::Waiting);
        let mut in_the_queue = None;
        let dropped = self.floor.offer(now, speaker, ask, |earlier, later| {
            in_the_queue = Some(earlier.join(later));
        });
        for turn in joined.into_iter().chain(in_the_queue) {
            self.end(now, turn, Outcome::Joined);
        }
        if let Some((ask, dropped)) = dropped {
            self.end(now, ask.turn(), dropped.into());
        }
    }

    fn answer_next(&mut self, now: Instant) {
        if let Some(ask) = self.floor.next(now) {
            self.start(now, ask);
        }
        if let Some(turn) = self.typed.next(&self.answerer) {
            self.turns.enter(now, turn, State::Writing);
        }
    }

    /// Starts an answer; the floor is its speaker's.
    fn start(&mut self, now: Instant, ask: Ask) {
        let state = match ask {
            Ask::Question(_) | Ask::Reminder(_) | Ask::Greeting(_) => State::Thinking,
            Ask::Excuse(_) => State::Excusing,
        };
        self.turns.enter(now, ask.turn(), state);
        self.present.answer = Some(self.answerer.start(ask));
    }

    fn say_nothing(&mut self, now: Instant, turn: TurnId, speaker: SessionId, why: Outcome) {
        self.end(now, turn, why);
        self.nothing_came(now, speaker);
    }

    /// Who broke in has nothing for us: their open question, if any, is asked again.
    fn nothing_came(&mut self, now: Instant, speaker: SessionId) {
        self.floor.nothing_came(speaker);
        if let Some(question) = self.present.unanswered.remove(&speaker) {
            self.signs.expect(speaker, question.manner, now);
            self.offer(now, Ask::Question(Box::new(question)));
        }
    }

    fn deadline(&self, life: Life) -> Option<Instant> {
        let closed = match life {
            Life::Open => None,
            Life::Closing(until) => Some(until),
        };
        self.ears
            .deadline()
            .into_iter()
            .chain(self.floor.deadline())
            .chain(self.turns.deadline())
            .chain(closed)
            .min()
    }
}

impl Present {
    /// What comes next of the answer in hand. May be dropped and called again.
    async fn news(&mut self) -> News {
        match &mut self.answer {
            Some(answer) => answer.news().await,
            None => std::future::pending().await,
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
