//! What the remaking of sounds must do, with time stopped and a synthesiser that counts.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use tokio::time::Instant;

use super::*;

/// What the synthesiser does with a sentence.
#[derive(Clone, Copy, Debug)]
enum Play {
    Fail,
    Hang,
    Babble,
}

#[derive(Debug, Default)]
struct Synthesiser {
    /// Speaks when this is empty.
    script: Mutex<VecDeque<Play>>,
    asked: Mutex<Vec<(Instant, String)>>,
}

impl Synthesiser {
    fn playing(script: &[Play]) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(script.iter().copied().collect()),
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> Vec<(Instant, String)> {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Tts for Synthesiser {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let asked = (Instant::now(), text.to_owned());
        self.asked.lock().unwrap().push(asked);
        let second = Pcm::new(22_050, vec![5_000; 22_050]);
        match self.script.lock().unwrap().pop_front() {
            None => stream::iter([Ok(second)]).boxed(),
            Some(Play::Fail) => stream::iter([Err(TtsError::Late(QUIET))]).boxed(),
            Some(Play::Hang) => stream::pending().boxed(),
            Some(Play::Babble) => stream::repeat(Ok(second)).boxed(),
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        Box::pin(async { Ok(()) })
    }
}

struct Bench {
    synthesiser: Arc<Synthesiser>,
    sounds: Sounds,
    quiet: Quiet,
    begun: Instant,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(script: &[Play]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        Self {
            synthesiser: Synthesiser::playing(script),
            sounds: Sounds::open(folder.path().to_owned(), "joe".into()),
            quiet: Quiet::new(),
            begun: Instant::now(),
            folder,
        }
    }

    fn remaker(&self) -> Remaker {
        Remaker {
            tts: Arc::clone(&self.synthesiser) as Arc<dyn Tts>,
            sounds: self.sounds.clone(),
            quiet: self.quiet.clone(),
        }
    }

    async fn all_made(&self) {
        let run = self.remaker().run(CancellationToken::new());
        timeout(Duration::from_secs(3_600), run).await.unwrap();
        assert!(self.sounds.missing().is_empty());
    }

    /// When the synthesiser was asked, since the beginning.
    fn times(&self) -> Vec<Duration> {
        let asked = self.synthesiser.asked();
        asked.iter().map(|(at, _)| *at - self.begun).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_quiet_while_every_sentence_is_made_and_kept() {
    let bench = Bench::new(&[]);
    let sentences = bench.sounds.missing();
    bench.all_made().await;
    let asked = bench.synthesiser.asked();
    assert!(
        asked
            .iter()
            .map(|(_, text)| text)
            .eq(sentences.iter().map(|(_, text)| text))
    );
    assert_eq!(bench.times()[0], QUIET);
    let again = Sounds::open(bench.folder.path().to_owned(), "joe".into());
    assert!(again.missing().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_speaks_or_is_answered_has_the_voice_for_themselves() {
    let bench = Bench::new(&[]);
    let remaking = tokio::spawn(bench.remaker().run(CancellationToken::new()));
    sleep(QUIET / 2).await;
    let busy = bench.quiet.busy();
    sleep(QUIET * 10).await;
    assert!(bench.times().is_empty(), "an answer is being given");
    drop(busy);
    for _ in 0..5 {
        sleep(QUIET / 2).await;
        bench.quiet.disturb();
    }
    assert!(bench.times().is_empty(), "somebody speaks");
    remaking.await.unwrap();
    assert!(bench.sounds.missing().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sentence_being_made_gives_way_to_who_begins_to_speak() {
    let bench = Bench::new(&[Play::Hang]);
    let remaking = tokio::spawn(bench.remaker().run(CancellationToken::new()));
    sleep(QUIET + Duration::from_secs(1)).await;
    bench.quiet.disturb();
    remaking.await.unwrap();
    let spoken_at = QUIET + Duration::from_secs(1);
    assert_eq!(bench.times()[..2], [QUIET, spoken_at + QUIET]);
}

#[tokio::test(start_paused = true)]
async fn a_synthesiser_that_fails_is_left_alone_for_a_while() {
    let bench = Bench::new(&[Play::Fail, Play::Hang, Play::Babble]);
    bench.all_made().await;
    let second = QUIET + AGAIN_AFTER;
    let third = second + LONGEST + AGAIN_AFTER;
    let fourth = third + AGAIN_AFTER;
    assert_eq!(bench.times()[..4], [QUIET, second, third, fourth]);
}
