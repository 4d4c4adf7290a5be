//! How turns end: by their answer, with their speaker, with the connection, or by the watchdog.

use std::time::Instant;

use mumble::{SessionId, To};
use service::health::{self, Stages};
use tokio::task::JoinError;

use super::Conversation;
use crate::answer::{Ended, Given, InHand};
use crate::ask::{Ask, Excuse};
use crate::report::{self, Report};
use crate::sounds::Sound;
use crate::turns::{About, Fault, Left, Outcome, State, Struck, TurnId, Way};

impl Conversation {
    /// A turn begins.
    pub(super) fn begin(&mut self, now: Instant, turn: TurnId, about: About, state: State) {
        self.turns.begin(now, turn, about, state);
        self.board.turn_began();
    }

    /// A turn ends. Of a turn that has ended already nothing more is told.
    pub(super) fn end(&mut self, now: Instant, turn: TurnId, outcome: Outcome) {
        self.end_with(now, turn, outcome, None);
    }

    fn end_with(&mut self, now: Instant, turn: TurnId, outcome: Outcome, stages: Option<Stages>) {
        if let Some((about, outcome)) = self.turns.end(turn, outcome) {
            self.tell_end(now, about, outcome, stages);
        }
    }

    fn tell_end(&self, now: Instant, about: About, outcome: Outcome, stages: Option<Stages>) {
        let speaker = about.speaker;
        // Who goes on in another turn, or is speaking, waits for that one's answer.
        let goes_on = matches!(outcome, Outcome::Joined | Outcome::Interrupted);
        if about.way == Way::Spoken && !goes_on {
            self.signs.settle(speaker);
        }
        outcome.log(speaker);
        if let Some(stages) = &stages {
            report::log(stages, speaker);
        }
        self.board.turn_ended(health::Turn {
            speaker: speaker.0,
            ended: now,
            outcome: outcome.on_the_board(),
            reason: outcome.reason(),
            stages,
        });
    }

    /// The answer in hand begins to sound.
    pub(super) fn handle_sounding(&mut self, now: Instant) {
        if let Some(answer) = &self.present.answer
            && self.turns.state(answer.turn) == Some(State::Thinking)
        {
            self.turns.enter(now, answer.turn, State::Speaking);
        }
    }

    /// The answer in hand has ended.
    pub(super) fn handle_given(&mut self, now: Instant, given: Result<Given, JoinError>) {
        let Some(answer) = self.present.answer.take() else {
            return;
        };
        let InHand {
            turn,
            speaker,
            manner,
            ..
        } = answer;
        let here = self.is_here(speaker);
        let first_fault = self.turns.fault(turn).is_none();
        let Given { ended, stages } = match given {
            Ok(given) => given,
            Err(_panicked) if here && first_fault => {
                self.turns.fail(now, turn, Fault::Broken);
                return self.excuse(now, turn, speaker, manner);
            }
            Err(_panicked) => Given {
                ended: Ended::With(Outcome::Broken),
                stages: None,
            },
        };
        self.addressing.answered(speaker, manner, now);
        self.floor.release();
        match ended {
            // Whoever is on the line now did not ask this.
            Ended::Unheard(question) if !self.is_still(&question) => {
                self.end_with(now, turn, self.absence(), stages);
            }
            // They left, or the connection did: nobody is there to go on.
            Ended::With(Outcome::Interrupted) if !here => {
                self.end_with(now, turn, self.absence(), stages);
            }
            Ended::Unheard(question) => {
                self.floor.yield_to(speaker, now);
                self.turns.enter(now, turn, State::Standing);
                self.present.unanswered.insert(speaker, *question);
                // What they broke in with may have been quicker than the answer's end.
                if let Some(later) = self.floor.take(speaker) {
                    self.offer(now, later);
                }
            }
            Ended::With(outcome) => {
                if outcome == Outcome::Interrupted {
                    self.floor.yield_to(speaker, now);
                }
                self.end_with(now, turn, outcome, stages);
            }
        }
        self.report(speaker, stages);
    }

    fn report(&self, speaker: SessionId, stages: Option<Stages>) {
        if let Some(reports) = &self.reports {
            // Whoever measures reads in time, or misses a line.
            reports.try_send(Report { speaker, stages }).ok();
        }
    }

    /// What they said was not understood. Nobody knows what it was, so only those who surely
    /// talk to us are told.
    pub(super) fn excuse_unheard(&mut self, now: Instant, turn: TurnId, about: About) {
        let About {
            speaker, manner, ..
        } = about;
        if !self.is_ours(about, "") {
            return self.say_nothing(now, turn, speaker, Outcome::NotHeard);
        }
        self.signs.expect(speaker, manner, about.over);
        self.offer(
            now,
            Ask::Excuse(Excuse {
                turn,
                speaker,
                manner,
                sound: Sound::NotHeard,
            }),
        );
    }

    /// The answer in hand came to nothing: an apology takes its place on the floor.
    fn excuse(
        &mut self,
        now: Instant,
        turn: TurnId,
        speaker: SessionId,
        manner: crate::manner::Manner,
    ) {
        let excuse = Excuse {
            turn,
            speaker,
            manner,
            sound: Sound::NoThought,
        };
        self.start(now, Ask::Excuse(excuse));
    }

    pub(super) fn apologise_in_writing(&self, to: To) {
        self.answerer.send(to, Sound::NoThought.sentence());
    }

    /// Ends what hangs: frees what it held, and tells the person if something is left to tell.
    pub(super) fn strike(&mut self, now: Instant) {
        for struck in self.turns.strike(now) {
            let Struck {
                turn, about, left, ..
            } = struck;
            let About {
                speaker, manner, ..
            } = about;
            self.ears.give_up(turn);
            self.floor.withdraw(|ask| ask.turn() == turn);
            self.present
                .unanswered
                .retain(|_, question| question.turn != turn);
            let written_to = self.typed.give_up(turn);
            let answer = self.present.answer.take_if(|answer| answer.turn == turn);
            match (left, answer, written_to) {
                (Left::Excuse, Some(_cut_off), _) => self.excuse(now, turn, speaker, manner),
                (Left::Excuse, None, Some(to)) => {
                    self.apologise_in_writing(to);
                    self.end(now, turn, Outcome::Apologised);
                }
                (Left::Excuse, None, None) => self.excuse_unheard(now, turn, about),
                (Left::Ended(outcome), answer, _) => {
                    self.tell_end(now, about, outcome, None);
                    if answer.is_some() {
                        self.floor.release();
                        self.report(speaker, None);
                    }
                }
            }
        }
    }

    pub(super) fn handle_left(&mut self, now: Instant, speaker: SessionId) {
        self.ears.forget(speaker);
        self.addressing.forget(speaker);
        self.signs.hush(speaker);
        self.answerer.excuses.forget(speaker);
        self.part_from(speaker);
        self.interrupt_answer_to(speaker);
        for (ask, dropped) in self.floor.leave(speaker) {
            self.end(now, ask.turn(), dropped.into());
        }
        if let Some(question) = self.present.unanswered.remove(&speaker) {
            self.end(now, question.turn, Outcome::Left);
        }
    }

    /// The connection is gone, and with it every session number.
    pub(super) fn forget_everybody(&mut self, now: Instant) {
        self.ears.forget_all();
        self.addressing.forget_all();
        self.signs.forget_all();
        self.answerer.excuses.forget_all();
        self.part_from_everybody();
        if let Some(answer) = &self.present.answer {
            answer.cues.interrupted.cancel();
        }
        let in_hand = self.present.answer.as_ref().map(|answer| answer.turn);
        self.end_but(now, in_hand, Outcome::LostConnection);
    }

    /// The assistant is to end: what sounds comes to the end of its sentence, everything else
    /// ends here.
    pub(super) fn close(&mut self, now: Instant) {
        let sounds = |answer: &InHand| answer.cues.sounding.is_cancelled();
        self.present.answer = self.present.answer.take().filter(sounds);
        if let Some(answer) = &self.present.answer {
            answer.cues.closing.cancel();
        }
        self.signs.forget_all();
        let in_hand = self.present.answer.as_ref().map(|answer| answer.turn);
        self.end_but(now, in_hand, Outcome::Ended);
    }

    /// The assistant ends, and every turn with it.
    pub(super) fn end_all(&mut self, now: Instant) {
        self.present.answer = None;
        self.end_but(now, None, Outcome::Ended);
    }

    /// Ends every turn but this one.
    fn end_but(&mut self, now: Instant, spared: Option<TurnId>, outcome: Outcome) {
        self.floor.clear();
        self.present.unanswered.clear();
        for turn in self.turns.all() {
            if Some(turn) != spared {
                self.ears.give_up(turn);
                self.typed.give_up(turn);
                self.end(now, turn, outcome);
            }
        }
    }

    /// Why somebody is not there any more.
    fn absence(&self) -> Outcome {
        match self.client.roster().me() {
            Some(_) => Outcome::Left,
            None => Outcome::LostConnection,
        }
    }
}
