//! Engines that play what they are told, and guards around them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audio::{Pcm, SPEECH_HZ};
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, iter, once, pending, unfold};
use llm::{Chat, ChatError, Message, Options, Request, Role};
use resilience::{Dependency, Limits};
use speech::ServerError;
use speech::stt::{Hints, Stt, SttError, Transcript, final_transcript};
use speech::tts::{Tts, TtsError};
use tokio::time::Instant;

use crate::engines::At;
use crate::guard::{ChatPatience, Guarded, GuardedChat, GuardedStt, GuardedTts, Patience};

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) const PATIENCE: Patience = Patience {
    deadline: Duration::from_secs(4),
    attempts: 3,
};

/// What an engine does with a request; without anything to play it answers at once.
#[derive(Clone, Debug)]
pub(super) enum Play<E> {
    /// So many seconds, then the answer.
    After(u64),
    /// The error at once.
    Fails(E),
    /// Some of the answer, then the error.
    Breaks(E),
    /// Some of the answer, then nothing more.
    Stalls,
    /// The beginning of the answer again and again, twice a second, for ever.
    Trickles,
    /// Nothing, in many pieces, and then nothing more.
    SaysNothing,
    /// An answer that ends without anything.
    Empty,
    /// Nothing at all.
    Hangs,
}

/// An engine that is told what to play.
#[derive(Clone)]
pub(super) struct Fake<E> {
    plays: Arc<Mutex<VecDeque<Play<E>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl<E: Clone> Fake<E> {
    pub(super) fn new(plays: impl IntoIterator<Item = Play<E>>) -> Self {
        Self {
            plays: Arc::new(Mutex::new(plays.into_iter().collect())),
            asked: Arc::default(),
        }
    }

    /// Plays `play` from now on, however often it is asked.
    pub(super) fn always(play: &Play<E>) -> Self {
        Self::new(std::iter::repeat_n(play.clone(), 100))
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The answer to `request`: `pieces` as the next play has it.
    fn play<T: Clone + Send + 'static>(
        &self,
        request: String,
        pieces: [T; 2],
        nothing: T,
    ) -> BoxStream<'static, Result<T, E>>
    where
        E: Send + 'static,
    {
        self.asked.lock().unwrap().push(request);
        let play = self.plays.lock().unwrap().pop_front();
        let [first, second] = pieces;
        match play.unwrap_or(Play::After(0)) {
            Play::After(seconds) => {
                let wait = tokio::time::sleep(SECOND * u32::try_from(seconds).unwrap());
                let beginning = once(wait.map(|()| Ok(first)));
                beginning.chain(iter([Ok(second)])).boxed()
            }
            Play::Fails(error) => iter([Err(error)]).boxed(),
            Play::Breaks(error) => iter([Ok(first), Err(error)]).boxed(),
            Play::Stalls => iter([Ok(first)]).chain(pending()).boxed(),
            Play::Trickles => unfold(first, |piece| async move {
                tokio::time::sleep(SECOND / 2).await;
                Some((Ok(piece.clone()), piece))
            })
            .boxed(),
            Play::SaysNothing => iter([Ok(nothing.clone()), Ok(nothing)])
                .chain(pending())
                .boxed(),
            Play::Empty => iter([Ok(nothing)]).boxed(),
            Play::Hangs => pending().boxed(),
        }
    }
}

impl<E> fmt::Debug for Fake<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

type Checked<'a, E> = BoxFuture<'a, Result<(), E>>;

impl Stt for Fake<SttError> {
    fn transcribe(
        &self,
        speech: Pcm,
        _: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        let said = |text: &str, partial| Transcript {
            text: text.to_owned(),
            partial,
            ..Transcript::default()
        };
        let request = format!("{:?}", speech.duration());
        let pieces = [said("What", true), said("What time is it?", false)];
        self.play(request, pieces, said("", true))
    }

    fn check(&self) -> Checked<'_, SttError> {
        async { Ok(()) }.boxed()
    }
}

impl Tts for Fake<TtsError> {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let sound = |samples| Pcm::new(SPEECH_HZ, vec![1; samples]);
        self.play(text.to_owned(), [sound(1), sound(2)], sound(0))
    }

    fn check(&self) -> Checked<'_, TtsError> {
        async { Ok(()) }.boxed()
    }
}

impl Chat for Fake<ChatError> {
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>> {
        let options = format!(
            "{:?} {:?}",
            request.options.num_ctx, request.options.num_predict
        );
        self.play(options, ["It is ".into(), "noon.".into()], String::new())
    }

    fn check(&self) -> Checked<'_, ChatError> {
        async { Ok(()) }.boxed()
    }
}

pub(super) fn rules(threshold: u32) -> resilience::Settings {
    resilience::Settings {
        threshold,
        ..resilience::Settings::default()
    }
}

/// Engines behind breakers that are named for their places.
fn guarded<T: ?Sized, P: Copy>(
    engines: impl IntoIterator<Item = Arc<T>>,
    patience: P,
) -> Guarded<T, P> {
    let at = |(place, engine)| At {
        address: format!("http://{place}"),
        engine,
    };
    let engines = engines.into_iter().enumerate().map(at).collect();
    Guarded::new(engines, &rules(2), Limits::default(), patience)
}

pub(super) fn recogniser(engines: &[&Fake<SttError>]) -> GuardedStt {
    let engines = engines
        .iter()
        .map(|&engine| Arc::new(engine.clone()) as Arc<dyn Stt>);
    guarded(engines, PATIENCE)
}

pub(super) fn voice(engines: &[&Fake<TtsError>]) -> GuardedTts {
    let engines = engines
        .iter()
        .map(|&engine| Arc::new(engine.clone()) as Arc<dyn Tts>);
    guarded(engines, PATIENCE)
}

pub(super) fn model(engines: &[&Fake<ChatError>]) -> GuardedChat {
    let engines = engines
        .iter()
        .map(|&engine| Arc::new(engine.clone()) as Arc<dyn Chat>);
    let patience = ChatPatience {
        first: PATIENCE,
        next_token: SECOND,
    };
    guarded(engines, patience)
}

fn speech(length: Duration) -> Pcm {
    Pcm::silence(SPEECH_HZ, length)
}

pub(super) async fn hear(stt: &GuardedStt, length: Duration) -> Result<String, SttError> {
    let answer = final_transcript(stt.transcribe(speech(length), &Hints::default()));
    answer.await.map(|transcript| transcript.text)
}

/// The pieces of sound by their lengths in samples.
pub(super) async fn say(tts: &GuardedTts, text: &str) -> Vec<Result<usize, TtsError>> {
    let lengths = tts.speak(text).map(|piece| piece.map(|pcm| pcm.len()));
    lengths.collect().await
}

pub(super) async fn think(chat: &GuardedChat) -> Vec<Result<String, ChatError>> {
    chat.chat(question()).collect().await
}

pub(super) fn question() -> Request {
    Request {
        messages: vec![Message::new(Role::User, "What time is it?")],
        options: Options {
            num_ctx: Some(4096),
            num_predict: Some(200),
            ..Options::default()
        },
    }
}

pub(super) fn failures(dependencies: &[Dependency]) -> Vec<u64> {
    let now = Instant::now().into_std();
    let counted = dependencies.iter().map(|one| one.snapshot(now).failures);
    counted.collect()
}

pub(super) fn refusal(status: u16) -> ServerError {
    ServerError::Status {
        url: "http://0".into(),
        status,
        reason: "it said: What time is it?".into(),
    }
}
