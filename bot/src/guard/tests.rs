//! The guarded engines with engines that play what they are told, and the clock stopped.

use std::collections::VecDeque;
use std::fmt;

use audio::{Pcm, SPEECH_HZ};
use futures::StreamExt as _;
use futures::future::FutureExt as _;
use futures::stream::{BoxStream, iter, once, pending, unfold};
use llm::{Chat, ChatError, Message, Options, Request, Role};
use resilience::State;
use speech::ServerError;
use speech::stt::{Hints, Stt, SttError, Transcript, final_transcript};
use speech::tts::{Tts, TtsError};
use tokio::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const PATIENCE: Patience = Patience {
    deadline: Duration::from_secs(4),
    attempts: 3,
};

/// What an engine does with a request; without anything to play it answers at once.
#[derive(Clone, Debug)]
enum Play<E> {
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
struct Fake<E> {
    plays: Arc<Mutex<VecDeque<Play<E>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl<E: Clone> Fake<E> {
    fn new(plays: impl IntoIterator<Item = Play<E>>) -> Self {
        Self {
            plays: Arc::new(Mutex::new(plays.into_iter().collect())),
            asked: Arc::default(),
        }
    }

    /// Plays `play` from now on, however often it is asked.
    fn always(play: &Play<E>) -> Self {
        Self::new(std::iter::repeat_n(play.clone(), 100))
    }

    fn asked(&self) -> Vec<String> {
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

fn rules(threshold: u32) -> resilience::Settings {
    resilience::Settings {
        threshold,
        ..resilience::Settings::default()
    }
}

/// A chain of engines, named for their places in it.
fn chained<T: ?Sized>(engines: Vec<Arc<T>>) -> Chain<Arc<T>> {
    let at = |(place, engine)| At {
        address: format!("http://{place}"),
        engine,
    };
    chain(
        engines.into_iter().enumerate().map(at).collect(),
        &rules(2),
        Limits::default(),
    )
}

fn recogniser(engines: &[&Fake<SttError>]) -> GuardedStt {
    let engines = engines
        .iter()
        .map(|&engine| Arc::new(engine.clone()) as Arc<dyn Stt>);
    GuardedStt::new(chained(engines.collect()), PATIENCE)
}

fn voice(engines: &[&Fake<TtsError>]) -> GuardedTts {
    let engines = engines
        .iter()
        .map(|&engine| Arc::new(engine.clone()) as Arc<dyn Tts>);
    GuardedTts::new(chained(engines.collect()), PATIENCE)
}

fn model(engines: &[&Fake<ChatError>]) -> GuardedChat {
    let engines = engines
        .iter()
        .map(|&engine| Arc::new(engine.clone()) as Arc<dyn Chat>);
    let patience = ChatPatience {
        first: PATIENCE,
        next_token: SECOND,
    };
    GuardedChat::new(chained(engines.collect()), patience)
}

fn speech(length: Duration) -> Pcm {
    Pcm::silence(SPEECH_HZ, length)
}

async fn hear(stt: &GuardedStt, length: Duration) -> Result<String, SttError> {
    let answer = final_transcript(stt.transcribe(speech(length), &Hints::default()));
    answer.await.map(|transcript| transcript.text)
}

/// The pieces of sound by their lengths in samples.
async fn say(tts: &GuardedTts, text: &str) -> Vec<Result<usize, TtsError>> {
    let lengths = tts.speak(text).map(|piece| piece.map(|pcm| pcm.len()));
    lengths.collect().await
}

async fn think(chat: &GuardedChat) -> Vec<Result<String, ChatError>> {
    chat.chat(question()).collect().await
}

fn question() -> Request {
    Request {
        messages: vec![Message::new(Role::User, "What time is it?")],
        options: Options {
            num_ctx: Some(4096),
            num_predict: Some(200),
            ..Options::default()
        },
    }
}

fn failures(dependencies: &[Dependency]) -> Vec<u64> {
    let now = Instant::now().into_std();
    let counted = dependencies.iter().map(|one| one.snapshot(now).failures);
    counted.collect()
}

fn refusal(status: u16) -> ServerError {
    ServerError::Status {
        url: "http://0".into(),
        status,
        reason: "it said: What time is it?".into(),
    }
}

fn broken() -> ChatError {
    ChatError::HalfAnswer {
        reason: "reset".into(),
    }
}

const ANSWER: &str = "What time is it?";

#[tokio::test(start_paused = true)]
async fn a_spare_answers_in_the_same_request() {
    for sick in [Play::Fails(SttError::from(refusal(500))), Play::Hangs] {
        let (first, spare) = (Fake::always(&sick), Fake::new([]));
        let stt = recogniser(&[&first, &spare]);
        let begun = Instant::now();
        assert_eq!(hear(&stt, SECOND).await.unwrap(), ANSWER);
        assert!(begun.elapsed() <= PATIENCE.deadline + SECOND / 2);
        assert_eq!(failures(&stt.dependencies()), [1, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sick_engine_is_left_alone_and_its_spare_answers_at_once() {
    let (first, spare) = (Fake::always(&Play::Hangs), Fake::new([]));
    let stt = recogniser(&[&first, &spare]);
    for _ in 0..5 {
        hear(&stt, SECOND).await.unwrap();
    }
    assert_eq!((first.asked().len(), spare.asked().len()), (2, 5));
    assert_eq!(stt.dependencies()[0].state(), State::Open);
    let begun = Instant::now();
    hear(&stt, SECOND).await.unwrap();
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_long_question_may_take_longer() {
    let slow = Fake::new([Play::After(8), Play::After(8)]);
    let stt = recogniser(&[&slow]);
    assert_eq!(hear(&stt, 10 * SECOND).await.unwrap(), ANSWER);
    let late = hear(&stt, 6 * SECOND).await.unwrap_err();
    assert_eq!(late, SttError::Late(7 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_within_two_deadlines_whatever_hangs() {
    let hanging = Fake::always(&Play::Hangs);
    let stt = recogniser(&[&hanging, &hanging, &hanging]);
    let begun = Instant::now();
    let late = hear(&stt, SECOND).await.unwrap_err();
    assert!(matches!(late, SttError::Late(_)), "{late}");
    assert!(begun.elapsed() <= 9 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn only_so_many_engines_are_tried_for_one_request() {
    let sick = Fake::always(&Play::Fails(SttError::Unfinished));
    let stt = recogniser(&[&sick; 5]);
    hear(&stt, SECOND).await.unwrap_err();
    assert_eq!(sick.asked().len(), PATIENCE.attempts);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_no_engine_would_take_is_no_engines_fault() {
    let refused = || Play::Fails(SttError::from(refusal(422)));
    let (first, spare) = (Fake::always(&refused()), Fake::new([]));
    let stt = recogniser(&[&first, &spare]);
    for _ in 0..5 {
        hear(&stt, SECOND).await.unwrap_err();
    }
    let empty = hear(&stt, Duration::ZERO).await.unwrap_err();
    assert_eq!(empty, SttError::EmptyAudio);
    assert_eq!(failures(&stt.dependencies()), [0, 0]);
    assert!(spare.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn while_every_engine_is_away_people_are_told_at_once_and_not_what_others_said() {
    let sick = Fake::always(&Play::Fails(SttError::from(refusal(500))));
    let stt = recogniser(&[&sick]);
    for _ in 0..2 {
        hear(&stt, SECOND).await.unwrap_err();
    }
    let error = hear(&stt, SECOND).await.unwrap_err();
    let SttError::Unavailable { reason } = &error else {
        panic!("{error}");
    };
    assert!(
        reason.contains("http://0") && reason.contains("500"),
        "{reason}"
    );
    assert!(!reason.contains("What time"), "{reason}");
    let snapshot = stt.dependencies()[0].snapshot(Instant::now().into_std());
    let (_, shown) = snapshot.last_error.unwrap();
    assert!(!shown.contains("What time"), "{shown}");
    assert!(stt.outage().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_spare_thinks_while_no_token_was_given_on() {
    for sick in [
        Play::Fails(broken()),
        Play::Hangs,
        Play::SaysNothing,
        Play::Empty,
    ] {
        let (first, spare) = (Fake::always(&sick), Fake::new([]));
        let chat = model(&[&first, &spare]);
        let answer: Vec<String> = think(&chat).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answer, ["It is ", "noon."], "{sick:?}");
        assert_eq!(failures(&chat.dependencies()), [1, 0], "{sick:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_begun_is_not_begun_again() {
    for (sick, error) in [
        (Play::Breaks(broken()), broken()),
        (Play::Stalls, ChatError::Late(SECOND)),
    ] {
        let (first, spare) = (Fake::always(&sick), Fake::new([]));
        let chat = model(&[&first, &spare]);
        assert_eq!(think(&chat).await, [Ok("It is ".into()), Err(error)]);
        assert!(spare.asked().is_empty());
        assert_eq!(failures(&chat.dependencies()), [1, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_stream_is_one_call() {
    let well = Fake::new([]);
    let chat = model(&[&well]);
    let mut answer = chat.chat(question());
    answer.next().await.unwrap().unwrap();
    assert_eq!(chat.dependencies()[0].in_flight(), 1);
    assert!(
        answer
            .by_ref()
            .all(|piece| async move { piece.is_ok() })
            .await
    );
    assert_eq!(chat.dependencies()[0].in_flight(), 0);
    let snapshot = chat.dependencies()[0].snapshot(Instant::now().into_std());
    assert_eq!((snapshot.calls, snapshot.failures), (1, 0));
    assert!(snapshot.last_success.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_somebody_spoke_over_is_no_failure() {
    let stalling = Fake::always(&Play::Stalls);
    let chat = model(&[&stalling]);
    for _ in 0..5 {
        let mut answer = chat.chat(question());
        answer.next().await.unwrap().unwrap();
    }
    assert_eq!(failures(&chat.dependencies()), [0]);
    assert_eq!(chat.dependencies()[0].in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_address_loads_the_model_for_one_token_with_the_options_of_the_answers() {
    let (first, spare) = (Fake::new([Play::After(60)]), Fake::new([]));
    let chat = model(&[&first, &spare]);
    chat.warm(question()).await.unwrap();
    let asked = ["Some(4096) Some(1)"];
    assert_eq!(
        (&*first.asked(), &*spare.asked()),
        (&asked.map(String::from)[..], &asked.map(String::from)[..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_spare_speaks_while_nothing_of_the_text_was_heard() {
    let broken = TtsError::from(refusal(500));
    for sick in [Play::Fails(broken.clone()), Play::Hangs, Play::Empty] {
        let (first, spare) = (Fake::always(&sick), Fake::new([]));
        let tts = voice(&[&first, &spare]);
        assert_eq!(say(&tts, "It is noon.").await, [Ok(1), Ok(2)], "{sick:?}");
        assert_eq!(failures(&tts.dependencies()), [1, 0], "{sick:?}");
    }
    let (first, spare) = (Fake::always(&Play::Stalls), Fake::new([]));
    let tts = voice(&[&first, &spare]);
    let late = TtsError::Late(PATIENCE.deadline);
    assert_eq!(say(&tts, "It is noon.").await, [Ok(1), Err(late)]);
    assert!(spare.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_comes_more_slowly_than_it_is_heard_is_late() {
    let trickling = Fake::new([Play::Trickles]);
    let tts = voice(&[&trickling]);
    let begun = Instant::now();
    let said = say(&tts, "It is noon.").await;
    assert!(matches!(said.last(), Some(Err(TtsError::Late(_)))));
    assert!(begun.elapsed() <= 6 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(failures(&tts.dependencies()), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_model_may_take_its_time_for_each_token() {
    let slow = Fake::new([Play::Trickles]);
    let answer = model(&[&slow]).chat(question());
    let tokens: Vec<_> = answer.take(100).collect().await;
    assert!(tokens.iter().all(Result::is_ok), "{tokens:?}");
}

#[tokio::test(start_paused = true)]
async fn a_text_without_words_says_nothing_about_the_voice() {
    let silent = Fake::always(&Play::Empty);
    let tts = voice(&[&silent]);
    assert_eq!(say(&tts, "  ").await, []);
    assert!(silent.asked().is_empty());
    for _ in 0..5 {
        assert!(say(&tts, "...").await[0].is_err());
    }
    assert_eq!(failures(&tts.dependencies()), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_sick_engine_is_tried_with_requests_of_its_own_alone() {
    let sick = Play::Fails(TtsError::from(refusal(500)));
    let (first, spare) = (Fake::new([sick.clone(), sick]), Fake::new([]));
    let tts = voice(&[&first, &spare]);
    let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
    tts.tend(&mut tasks, &shutdown);
    for _ in 0..3 {
        assert_eq!(say(&tts, "It is noon.").await, [Ok(1), Ok(2)]);
    }
    let first_of = tts.dependencies()[0].clone();
    assert_eq!(first_of.state(), State::Open);
    let opened = Instant::now();
    let mut state = first_of.watch();
    state
        .wait_for(|state| *state == State::Closed)
        .await
        .unwrap();
    assert!(opened.elapsed() <= 5 * SECOND, "{:?}", opened.elapsed());
    say(&tts, "It is one.").await;
    let asked = ["It is noon.", "It is noon.", "Yes.", "It is one."];
    assert_eq!(first.asked(), asked);
    shutdown.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_and_a_model_are_probed_with_little_real_work() {
    let sick = || Play::Fails(SttError::Unfinished);
    let (ear, mind) = (
        Fake::new([sick(), sick()]),
        Fake::new([Play::Empty, Play::Empty]),
    );
    let (stt, chat) = (recogniser(&[&ear]), model(&[&mind]));
    let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
    stt.tend(&Hints::default(), &mut tasks, &shutdown);
    chat.tend(&question(), &mut tasks, &shutdown);
    for _ in 0..2 {
        hear(&stt, SECOND).await.unwrap_err();
        think(&chat).await[0].as_ref().unwrap_err();
    }
    for dependency in [&stt.dependencies()[0], &chat.dependencies()[0]] {
        let mut state = dependency.watch();
        state
            .wait_for(|state| *state == State::Closed)
            .await
            .unwrap();
    }
    assert_eq!(ear.asked(), ["1s", "1s", "500ms"]);
    let real = "Some(4096) Some(200)";
    assert_eq!(mind.asked(), [real, real, "Some(4096) Some(1)"]);
}

#[tokio::test(start_paused = true)]
async fn patience_can_change_while_requests_are_made() {
    let slow = Fake::always(&Play::After(5));
    let stt = recogniser(&[&slow]);
    let late = hear(&stt, Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(late, SttError::Late(_)), "{late}");
    let patience = Patience {
        deadline: 6 * SECOND,
        ..PATIENCE
    };
    stt.tune(&rules(2), patience);
    assert_eq!(hear(&stt, SECOND).await.unwrap(), ANSWER);
}
