//! One engine that fails in one way, behind an assistant that works otherwise.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use service::health::Answer;
use tokio::time::{sleep, timeout};
use world::question::{self, CAPITAL_OF_FRANCE};
use world::{Assistant, Caller, Fault, MumbleOptions, MumbleServer, Proxy, Urls};

use super::engine::Engine;

/// How long nothing may be heard after the end of a question: the sign comes at 1.2 s.
pub(super) const SIGN: Duration = Duration::from_millis(1500);

/// Within this after a fault is lifted its breaker is closed again.
const RECOVERY: Duration = Duration::from_secs(5);

/// A breaker that did not close in time is given this long, so that the next cell has its chance.
const MENDED: Duration = Duration::from_secs(30);

/// A turn without any fault may take so long, on a machine that works at several at once.
const WELL: Duration = Duration::from_secs(20);

/// The board is looked at so often.
const LOOK: Duration = Duration::from_millis(20);

/// What a cell expects of the assistant's settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Failures in a row that open the breaker.
    pub(super) threshold: u64,
    /// Longest time from the end of a question to the end of its turn.
    pub(super) turn: Duration,
}

/// An assistant each of whose engines is real, behind a proxy of its own.
pub(super) struct Row {
    engine: Engine,
    bounds: Bounds,
    proxies: [Proxy; 3],
    assistant: Assistant,
    /// Whether a turn has not ended yet that was given up.
    owed: bool,
    ann: Caller,
    _server: MumbleServer,
}

impl Row {
    /// An assistant for cells in which `engine` fails.
    pub(super) async fn set(
        engine: Engine,
        bounds: Bounds,
        settings: &[(&'static str, &'static str)],
    ) -> Self {
        let real = Urls::real();
        let proxies = [
            Proxy::to(&real.whisper, 1).await,
            Proxy::to(&real.ollama, 2).await,
            Proxy::to(&real.piper, 3).await,
        ];
        let [whisper, ollama, piper] = proxies.each_ref().map(Proxy::url);
        let urls = Urls {
            whisper,
            ollama,
            piper,
        };
        let server = MumbleServer::start(MumbleOptions::default());
        let assistant = Assistant::start(&server, &urls, settings);
        let ann = Caller::join(&server, "Ann").await;
        ann.meets(Assistant::NAME).await;
        Self {
            engine,
            bounds,
            proxies,
            assistant,
            owed: false,
            ann,
            _server: server,
        }
    }

    /// Lets the engine fail in one way and be well again. Gives what was seen of it.
    ///
    /// # Errors
    /// What was not as it should be.
    pub(super) async fn cell(&mut self, fault: Fault) -> Result<String, String> {
        let mut seen = String::new();
        let before = self.health();
        self.expect_all(&before, "closed", "before the fault")?;
        fault.strikes(self.proxy());
        let result = self.failing(&before, &mut seen).await;
        self.proxy().come_back();
        let healed = Instant::now();
        let result = match result {
            Ok(()) => self.well_again(healed, &mut seen).await,
            wrong => wrong,
        };
        if let Err(wrong) = result {
            // The next cell begins with an engine that is well.
            let _ = self.closes(MENDED).await;
            let _ = self.normal_turn().await;
            return Err(format!("{wrong} ({seen})"));
        }
        Ok(seen)
    }

    /// A turn without any fault.
    ///
    /// # Errors
    /// What was not as it should be.
    pub(super) async fn normal_turn(&mut self) -> Result<Turn, String> {
        let turn = self.turn(WELL).await?;
        if turn.answered {
            Ok(turn)
        } else {
            Err("a turn without any fault was not answered".into())
        }
    }

    /// The turns during the fault.
    async fn failing(&mut self, before: &Answer, seen: &mut String) -> Result<(), String> {
        let name = self.engine.name();
        let base = &before.dependencies[name];
        for n in 1..=self.bounds.threshold {
            let turn = self.turn(self.bounds.turn).await?;
            let _ = write!(seen, "{turn}; ");
            turn.expect_sign()?;
            let now = self.health();
            let is = &now.dependencies[name];
            let failures = is.failures - base.failures;
            if failures != n {
                return Err(format!("{failures} failures are counted after {n} turns"));
            }
            let should = if n < self.bounds.threshold {
                "closed"
            } else {
                "open"
            };
            // A probe may be under way already.
            if is.state != should && (should, &*is.state) != ("open", "half-open") {
                return Err(format!("after {n} failures {name} is {}", is.state));
            }
            self.expect_others(before, &now)?;
        }
        self.expect_health(Some(false))?;
        let asked = self.asked_for_people();
        let turn = self.turn(self.bounds.turn).await?;
        let _ = write!(seen, "while open {turn}; ");
        turn.expect_sign()?;
        if turn.answered {
            return Err("a turn was answered while the breaker was open".into());
        }
        if self.asked_for_people() != asked {
            return Err("a person's turn went to an engine that is left alone".into());
        }
        self.expect_others(before, &self.health())
    }

    /// What comes after the fault.
    async fn well_again(&mut self, healed: Instant, seen: &mut String) -> Result<(), String> {
        let asked = self.asked_for_people();
        self.closes(RECOVERY).await?;
        let _ = write!(seen, "closed {:.1?} after the fault; ", healed.elapsed());
        if self.asked_for_people() != asked {
            return Err("a person's request was spent on probing".into());
        }
        let turn = self.normal_turn().await?;
        let _ = write!(seen, "then {turn}");
        self.expect_health(Some(true))?;
        turn.expect_sign()
    }

    /// One question and what becomes of it.
    async fn turn(&mut self, bound: Duration) -> Result<Turn, String> {
        // The report of a turn that was given up must not be taken for this one's.
        if std::mem::take(&mut self.owed) {
            self.assistant.reports().await;
        }
        let question = question::spoken(CAPITAL_OF_FRANCE).await;
        let over = self.ann.say(&question).await;
        self.owed = true;
        let sign = timeout(bound, self.ann.hears_after(Assistant::NAME, over)).await;
        let sign = sign.map_err(|_| format!("nothing was heard within {bound:?}"))?;
        let left = bound.saturating_sub(over.elapsed());
        let ended = timeout(left, self.assistant.reports()).await;
        let stages = ended.map_err(|_| format!("a turn did not end within {bound:?}"))?;
        self.owed = false;
        Ok(Turn {
            sign: sign - over,
            ended: over.elapsed(),
            answered: stages.is_some(),
        })
    }

    /// Waits until the breaker is closed.
    async fn closes(&self, within: Duration) -> Result<(), String> {
        let name = self.engine.name();
        let closed = async {
            while self.health().dependencies[name].state != "closed" {
                sleep(LOOK).await;
            }
        };
        let closed = timeout(within, closed).await;
        closed.map_err(|_| {
            let is = &self.health().dependencies[name];
            let last = is.last_error.as_ref().map_or("", |last| &*last.text);
            let state = &is.state;
            format!("{within:?} after the fault {name} is still {state}: {last}")
        })
    }

    fn proxy(&self) -> &Proxy {
        &self.proxies[self.engine as usize]
    }

    fn health(&self) -> Answer {
        self.assistant.board().health()
    }

    /// How often the engine was asked to work for a person.
    fn asked_for_people(&self) -> usize {
        let requests = self.proxy().requests();
        let works = requests
            .iter()
            .filter(|r| self.engine.works_for_a_person(r));
        works.count()
    }

    fn expect_all(&self, health: &Answer, state: &str, when: &str) -> Result<(), String> {
        for engine in Engine::ALL.map(Engine::name) {
            let is = health.dependencies.get(engine);
            let is = is.map(|condition| &*condition.state);
            if is != Some(state) {
                return Err(format!("{when} {engine} is {is:?}"));
            }
        }
        Ok(())
    }

    /// What /health says of the engine, in one word for everybody.
    fn expect_health(&self, up: Option<bool>) -> Result<(), String> {
        let name = self.engine.name();
        match self.health().services[name] {
            is if is == up => Ok(()),
            is => Err(format!("/health says of {name}: {is:?}")),
        }
    }

    /// The other engines have nothing to do with it.
    fn expect_others(&self, before: &Answer, now: &Answer) -> Result<(), String> {
        for engine in Engine::ALL.into_iter().filter(|&e| e != self.engine) {
            let name = engine.name();
            let (before, now) = (&before.dependencies[name], &now.dependencies[name]);
            if now.state != "closed" || now.failures != before.failures {
                let more = now.failures - before.failures;
                return Err(format!("{name} is {} after {more} failures", now.state));
            }
        }
        Ok(())
    }
}

/// How one turn went, seen from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// From the end of the question to the first sound.
    sign: Duration,
    /// From the end of the question to the end of the turn.
    ended: Duration,
    answered: bool,
}

impl Turn {
    fn expect_sign(&self) -> Result<(), String> {
        if self.sign <= SIGN {
            Ok(())
        } else {
            Err(format!("nothing was heard for {:.2?}", self.sign))
        }
    }
}

impl std::fmt::Display for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.answered { "answered" } else { "excused" };
        write!(f, "{how} {:.2?}/{:.1?}", self.sign, self.ended)
    }
}
