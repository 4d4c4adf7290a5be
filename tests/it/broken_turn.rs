//! A fault of the program in one turn costs that turn and an apology, and nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use audio::Pcm;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use llm::{Chat, ChatError, Request};
use speech::stt::{Hints, Stt, SttError, Transcript};
use speech::tts::{Tts, TtsError};
use world::question::{self, CAPITAL_OF_FRANCE};
use world::{Assistant, Caller, MumbleOptions, MumbleServer};

use world::stage::Stage;

/// An engine whose program has a fault: once it is set, its next request panics.
#[derive(Debug)]
struct Trap<T: ?Sized> {
    set: Arc<AtomicBool>,
    engine: Arc<T>,
}

impl<T: ?Sized> Trap<T> {
    fn may_snap(&self) {
        assert!(
            !self.set.swap(false, Ordering::Relaxed),
            "a fault, on purpose"
        );
    }
}

impl Stt for Trap<dyn Stt> {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        self.may_snap();
        self.engine.transcribe(speech, hints)
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        self.engine.check()
    }
}

impl Chat for Trap<dyn Chat> {
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>> {
        self.may_snap();
        self.engine.chat(request)
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        self.engine.check()
    }
}

impl Tts for Trap<dyn Tts> {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        self.may_snap();
        self.engine.speak(text)
    }

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        self.engine.check()
    }
}

/// Asks, and gives what is understood of what comes.
async fn ask(caller: &mut Caller) -> String {
    caller.say(&question::spoken(CAPITAL_OF_FRANCE).await).await;
    let heard = caller.hears(Assistant::NAME).await;
    question::understood(&heard.sound).await.to_lowercase()
}

#[tokio::test]
async fn a_panic_in_any_engine_costs_one_turn_and_an_apology() {
    let [ear, mind, voice] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
    let traps = [&ear, &mind, &voice].map(Arc::clone);
    let mut stage = Stage::set_with(
        MumbleServer::start(MumbleOptions::default()),
        "What time is it?",
        "It is noon.",
        Duration::from_secs(1),
        &[],
        |engines| {
            let [stt, chat, tts] = traps;
            for at in &mut engines.whisper {
                let (set, engine) = (Arc::clone(&stt), Arc::clone(&at.engine));
                at.engine = Arc::new(Trap { set, engine });
            }
            for at in &mut engines.ollama {
                let (set, engine) = (Arc::clone(&chat), Arc::clone(&at.engine));
                at.engine = Arc::new(Trap { set, engine });
            }
            for at in &mut engines.piper {
                let (set, engine) = (Arc::clone(&tts), Arc::clone(&at.engine));
                at.engine = Arc::new(Trap { set, engine });
            }
        },
    );
    let mut ann = stage.caller("Ann").await;
    for (name, trap) in [("ear", ear), ("mind", mind), ("voice", voice)] {
        trap.store(true, Ordering::Relaxed);
        let apology = ask(&mut ann).await;
        assert!(!trap.load(Ordering::Relaxed), "{name}: it was asked");
        assert!(apology.contains("sorry"), "{name}: {apology}");
        assert!(stage.assistant.reports().await.is_none(), "{name}");
        ask(&mut ann).await;
        let stages = stage.assistant.reports().await;
        stages.unwrap_or_else(|| panic!("{name}: the next turn was not answered"));
    }
}

/// A recogniser whose program has a worse fault: until it is let go, each request stops a whole
/// thread, which no deadline of a task reaches.
#[derive(Debug)]
struct Pit {
    engine: Arc<dyn Stt>,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let shut = self.open.lock().unwrap();
        drop(self.opened.wait_while(shut, |open| !*open).unwrap());
    }
}

/// Lets go whatever becomes of the test, for a runtime waits for its threads.
struct LetsGo(Arc<Gate>);

impl Drop for LetsGo {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Stt for Pit {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        self.gate.pass();
        self.engine.transcribe(speech, hints)
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        self.engine.check()
    }
}

/// More threads than one question can stop: a draft, and the whole of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_turn_that_hangs_where_no_deadline_reaches_is_ended_by_its_watchdog() {
    let gate = Arc::new(Gate::default());
    let lets_go = LetsGo(Arc::clone(&gate));
    let mut stage = Stage::set_with(
        MumbleServer::start(MumbleOptions::default()),
        "What time is it?",
        "It is noon.",
        Duration::from_secs(1),
        // The watchdog's bound follows from these.
        &[("WHISPER_DEADLINE_MS", "1000"), ("TURN_MAX_MS", "4000")],
        |engines| {
            for at in &mut engines.whisper {
                let (engine, gate) = (Arc::clone(&at.engine), Arc::clone(&gate));
                at.engine = Arc::new(Pit { engine, gate });
            }
        },
    );
    let mut ann = stage.caller("Ann").await;
    // By then the prepared sentences have been made anew with the scripted voice, a tone: that it
    // is no answer is seen by what the engines were asked.
    ask(&mut ann).await;
    assert!(stage.questions().is_empty() && stage.spoken().is_empty());
    assert!(stage.assistant.reports().await.is_none());
    drop(lets_go);
    ask(&mut ann).await;
    let stages = stage.assistant.reports().await;
    stages.expect("the next turn is answered");
}
