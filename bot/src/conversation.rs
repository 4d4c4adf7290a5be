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
use std::time::Instant;

use mumble::{ChannelId, Client, Events, RosterChange, SessionId, TextMessage, TextScope, To};
use service::health::Board;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::address::{Addressing, Verdict};
use crate::answer::{Answerer, Ask, Ended, Outcome, Question};
use crate::discreet::Discreet as _;
use crate::ear::{Ears, Noticed, Over, Utterance};
use crate::errand::Errand;
use crate::floor::Floor;
use crate::health::{self, HEARTBEAT};
use crate::history::Place;
use crate::manner::Manner;
use crate::presence::Presence;
use crate::report::Report;
use crate::signs::Signs;
use crate::sounds::Quiet;
use crate::typed::{Sent, Typed, TypedLane, private_place};

/// Everything one conversation is made of; wired in [`crate::app`].
pub(crate) struct Conversation {
    pub(crate) client: Client,
    pub(crate) events: Events,
    pub(crate) ears: Ears,
    pub(crate) utterances: mpsc::Receiver<Utterance>,
    pub(crate) addressing: Addressing,
    pub(crate) floor: Floor<Ask>,
    pub(crate) answerer: Answerer,
    /// What is heard while an answer is waited for.
    pub(crate) signs: Signs,
    /// Knows when somebody speaks.
    pub(crate) quiet: Quiet,
    pub(crate) outcomes: (mpsc::Sender<Outcome>, mpsc::Receiver<Outcome>),
    pub(crate) typed: TypedLane,
    pub(crate) present: Present,
    pub(crate) presence: Presence,
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
    /// Ends the present answer.
    interrupt: Option<CancellationToken>,
    /// Questions whose answers were broken off before a sound: they are asked again together
    /// with what their speaker says next.
    unanswered: HashMap<SessionId, Question>,
}

/// Everything that can happen.
enum Event {
    Mumble(mumble::Event),
    Said(Utterance),
    Answered(Outcome),
    TimePassed,
    Heartbeat,
}

impl Conversation {
    /// Talks until `shutdown`, or until the Mumble user is gone for good.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            let deadline = self.deadline();
            let event = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(outcome) = self.outcomes.1.recv() => Event::Answered(outcome),
                event = self.events.next() => match event {
                    Some(event) => Event::Mumble(event),
                    None => return,
                },
                Some(utterance) = self.utterances.recv() => Event::Said(utterance),
                () = sleep_until(deadline) => Event::TimePassed,
                _ = heartbeat.tick() => Event::Heartbeat,
            };
            self.handle(Instant::now(), event);
            self.answer_next(Instant::now());
        }
    }

    fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Mumble(event) => self.handle_mumble(now, event),
            Event::Said(utterance) => self.handle_utterance(now, utterance),
            Event::Answered(outcome) => self.handle_outcome(now, outcome),
            Event::TimePassed => {
                for (speaker, noticed) in self.ears.handle_timeout(now) {
                    self.handle_noticed(now, speaker, noticed);
                }
                for (ask, dropped) in self.floor.expire(now) {
                    self.signs.settle(ask.speaker());
                    not_answered(ask.speaker(), dropped.reason());
                }
            }
            Event::Heartbeat => {
                self.board.beat(now);
                self.board.line(health::line(self.client.stats()));
                self.board.speakers(self.ears.speaking());
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
            mumble::Event::Roster(RosterChange::UserLeft { session }) => self.handle_left(session),
            mumble::Event::Roster(_) => {}
            mumble::Event::Joined { me, server } => {
                tracing::info!(session = me.0, server = %server.release, "joined");
                self.presence.handle_joined(now);
                let channel = self.client.roster().me().map(|me| me.channel);
                self.home = self.home.or(channel);
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
                self.forget_everybody();
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
            }
            Noticed::Ended(over) => self.handle_over(speaker, over),
            Noticed::Nothing => self.nothing_came(now, speaker),
            Noticed::Overrun => {
                not_answered(speaker, "too many turns are being transcribed");
                self.signs.settle(speaker);
                self.nothing_came(now, speaker);
            }
        }
    }

    /// A turn has ended, its words are still unknown: who surely talks to us waits from now on.
    fn handle_over(&self, speaker: SessionId, over: Over) {
        let people = self.client.roster().others_in_my_channel().count();
        let verdict = self
            .addressing
            .decide(speaker, over.began, over.manner, "", people);
        if verdict == Verdict::Ours {
            self.signs.expect(speaker, over.manner, over.question_end);
        }
    }

    fn interrupt_answer_to(&self, speaker: SessionId) {
        if self.floor.answering() == Some(speaker)
            && let Some(interrupt) = &self.present.interrupt
        {
            interrupt.cancel();
        }
    }

    /// A turn was written down: is it for us?
    fn handle_utterance(&mut self, now: Instant, utterance: Utterance) {
        let Utterance {
            speaker,
            began,
            manner,
            text,
            times,
        } = utterance;
        let roster = self.client.roster();
        let Some(user) = roster.user(speaker) else {
            not_answered(speaker, "speaker left");
            return;
        };
        let people = roster.others_in_my_channel().count();
        let for_us = |text: &str| {
            self.addressing.decide(speaker, began, manner, text, people) == Verdict::Ours
        };
        let place = match manner {
            Manner::Aloud => Place::Channel,
            Manner::Whispered => private_place(speaker, user.hash.as_deref()),
        };
        let ask = match text {
            Ok(Some(text)) if for_us(&text) => {
                tracing::trace!(speaker = speaker.0, text, "heard");
                Ask::Question(Question {
                    speaker,
                    who: user.name.clone(),
                    text,
                    manner,
                    place,
                    times,
                })
            }
            Ok(Some(_)) => return self.say_nothing(now, speaker, "not addressed to the assistant"),
            Ok(None) => return self.say_nothing(now, speaker, "no words in it"),
            Err(error) => {
                tracing::warn!(error = error.for_the_log(), "recogniser failed");
                // Nobody knows what was said, so only those who surely talk to us get an apology.
                if !for_us("") {
                    return self.say_nothing(now, speaker, "recogniser failed");
                }
                Ask::Unheard(speaker, manner)
            }
        };
        self.signs.expect(speaker, manner, times.question_end);
        self.offer(now, ask);
    }

    fn offer(&mut self, now: Instant, mut ask: Ask) {
        let speaker = ask.speaker();
        if let Some(earlier) = self.present.unanswered.remove(&speaker) {
            let mut together = Ask::Question(earlier);
            together.join(ask);
            ask = together;
        }
        if let Some((ask, dropped)) = self.floor.offer(now, speaker, ask, Ask::join) {
            self.signs.settle(ask.speaker());
            not_answered(ask.speaker(), dropped.reason());
        }
    }

    fn handle_outcome(&mut self, now: Instant, outcome: Outcome) {
        let Outcome {
            ended,
            manner,
            report,
        } = outcome;
        let speaker = report.speaker;
        self.present.interrupt = None;
        self.addressing.answered(speaker, manner, now);
        self.floor.release();
        match ended {
            Ended::Answered => self.signs.settle(speaker),
            // They left, or the connection did: nobody is there to go on.
            Ended::Interrupted { .. } if self.client.roster().user(speaker).is_none() => {
                not_answered(speaker, "speaker left");
            }
            Ended::Interrupted { unanswered } => {
                self.floor.yield_to(speaker, now);
                if let Some(question) = unanswered {
                    self.present.unanswered.insert(speaker, question);
                }
            }
            Ended::Silent(reason) => {
                self.signs.settle(speaker);
                not_answered(speaker, reason);
            }
        }
        if let Some(stages) = report.stages {
            stages.log(speaker);
        }
        if let Some(reports) = &self.reports {
            // Whoever measures reads in time, or misses a line.
            reports.try_send(report).ok();
        }
    }

    fn answer_next(&mut self, now: Instant) {
        if let Some(ask) = self.floor.next(now) {
            let interrupt = CancellationToken::new();
            self.present.interrupt = Some(interrupt.clone());
            self.answerer.start(ask, interrupt, self.outcomes.0.clone());
        }
    }

    fn handle_text(&mut self, now: Instant, message: TextMessage) {
        let TextMessage {
            from,
            from_name,
            to,
            text,
        } = message;
        let roster = self.client.roster();
        // The server's own notices have no author; and nobody answers themselves.
        let Some(session) = from.filter(|&from| roster.me().is_some_and(|me| me.session != from))
        else {
            return;
        };
        if text.trim().is_empty() {
            return;
        }
        let errand = Errand::in_text(&text, self.names.iter().map(String::as_str));
        let (place, to) = match to {
            TextScope::Private => {
                let hash = roster.user(session).and_then(|user| user.hash.as_deref());
                (private_place(session, hash), To::User(session))
            }
            TextScope::Channel(channel) => {
                let people = roster.others_in_my_channel().count();
                if self
                    .addressing
                    .decide(session, now, Manner::Aloud, &text, people)
                    != Verdict::Ours
                {
                    return not_answered(session, "not addressed to the assistant");
                }
                // Who is sent away answers where it will be read.
                let to = errand.map_or(To::Channel(channel), |_| To::User(session));
                (Place::Channel, to)
            }
        };
        let errand = errand.zip(self.home).map(|(errand, home)| Sent {
            errand,
            by: session,
            home,
        });
        self.typed.ask(Typed {
            who: from_name,
            text,
            place,
            to,
            errand,
        });
    }

    fn say_nothing(&mut self, now: Instant, speaker: SessionId, reason: &'static str) {
        not_answered(speaker, reason);
        self.signs.settle(speaker);
        self.nothing_came(now, speaker);
    }

    /// Who broke in has nothing for us: their open question, if any, is asked again.
    fn nothing_came(&mut self, now: Instant, speaker: SessionId) {
        self.floor.nothing_came(speaker);
        if let Some(question) = self.present.unanswered.remove(&speaker) {
            self.signs.expect(speaker, question.manner, now);
            self.offer(now, Ask::Question(question));
        }
    }

    fn handle_left(&mut self, speaker: SessionId) {
        self.ears.forget(speaker);
        self.addressing.forget(speaker);
        self.present.unanswered.remove(&speaker);
        self.signs.hush(speaker);
        self.interrupt_answer_to(speaker);
        for (ask, dropped) in self.floor.leave(speaker) {
            not_answered(ask.speaker(), dropped.reason());
        }
    }

    /// The connection is gone, and with it every session number.
    fn forget_everybody(&mut self) {
        self.ears.forget_all();
        self.addressing.forget_all();
        self.present.unanswered.clear();
        self.signs.forget_all();
        if let Some(interrupt) = &self.present.interrupt {
            interrupt.cancel();
        }
        for (ask, dropped) in self.floor.clear() {
            not_answered(ask.speaker(), dropped.reason());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ears
            .deadline()
            .into_iter()
            .chain(self.floor.deadline())
            .min()
    }
}

/// A turn ends in speech or in exactly one logged reason; this is the reason.
fn not_answered(speaker: SessionId, reason: &'static str) {
    tracing::info!(speaker = speaker.0, reason, "turn not answered");
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
