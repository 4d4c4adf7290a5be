//! An engine with two addresses: when the first goes, the spare takes over within the same turn,
//! and when the first is back it is used again. Every engine here is a real one.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use tokio::time::sleep;
use world::question::{self, CAPITAL_OF_FRANCE};
use world::{Assistant, Caller, Instance, MumbleOptions, MumbleServer, Urls};

/// A word of every answer to the question, and of no apology. (The name of the town itself is a
/// word that the small recogniser now and then hears as another.)
const EXPECTED: &str = "capital";

/// How soon an engine that answers again must be in use again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// How long a busy machine may take to load the small model.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at how an engine stands.
const LOOK: Duration = Duration::from_millis(50);

/// How an address of an engine stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    state: String,
    calls: u64,
    failures: u64,
}

/// A house in which one kind of engine has two addresses.
struct House {
    part: &'static str,
    first: Instance,
    assistant: Assistant,
    ann: Caller,
    _server: MumbleServer,
}

impl House {
    /// `part` has an instance of its own, and as a spare the one that all tests share.
    async fn with_a_spare(part: &'static str) -> Self {
        let first = block_in_place(|| Instance::start(part));
        let mut urls = Urls::real();
        let url = match part {
            "whisper" => &mut urls.whisper,
            "ollama" => &mut urls.ollama,
            _ => &mut urls.piper,
        };
        *url = format!("{},{url}", first.url());
        let server = MumbleServer::start(MumbleOptions::default());
        let variable = format!("{}_CIRCUIT_THRESHOLD", part.to_uppercase());
        // The small model answers rightly only what it is asked first.
        let settings = [(&*variable, "1"), ("SHORT_TERM_MEMORY_LIMIT", "0")];
        let assistant = Assistant::start(&server, &urls, &settings);
        let ann = Caller::join(&server, "Ann").await;
        ann.meets(Assistant::NAME).await;
        let house = Self {
            part,
            first,
            assistant,
            ann,
            _server: server,
        };
        house.model_is_loaded().await;
        house
    }

    /// Waits until the model was loaded at every address: until then it counts as busy.
    async fn model_is_loaded(&self) {
        let loaded = || {
            let health = self.assistant.board().health();
            let mut instances = health.dependencies["ollama"].instances.iter();
            instances.all(|one| one.condition.last_success.is_some())
        };
        let begun = Instant::now();
        while !loaded() {
            assert!(begun.elapsed() < PATIENCE, "the model is not loaded");
            sleep(LOOK).await;
        }
    }

    /// The first address and the spare.
    fn standing(&self) -> [Standing; 2] {
        let health = self.assistant.board().health();
        let instances = &health.dependencies[self.part].instances;
        [0, 1].map(|at| Standing {
            state: instances[at].condition.state.clone(),
            calls: instances[at].condition.calls,
            failures: instances[at].condition.failures,
        })
    }

    /// Asks, and `meanwhile` while the question is being said; gives what is understood of the
    /// answer.
    async fn asks(&mut self, meanwhile: impl FnOnce(&mut Instance)) -> Vec<String> {
        let question = question::spoken(CAPITAL_OF_FRANCE).await;
        let mut saying = self.ann.begin_to_say(&question).await;
        block_in_place(|| meanwhile(&mut self.first));
        saying.done().await.unwrap();
        let answer = self.ann.hears(Assistant::NAME).await;
        question::words(&question::understood(&answer.sound).await)
    }
}

/// The first engine goes in the middle of a turn and comes back.
async fn goes_and_comes_back(part: &'static str) {
    let mut house = House::with_a_spare(part).await;
    let answer = house.asks(|_| ()).await;
    assert!(answer.contains(&EXPECTED.to_owned()), "{answer:?}");
    let [first, spare] = house.standing();
    assert!(
        first.calls > 0,
        "{part}: the first was not asked: {first:?}"
    );
    assert_eq!(first.failures, 0, "{part}");

    let answer = house.asks(Instance::end).await;
    assert!(answer.contains(&EXPECTED.to_owned()), "{part}: {answer:?}");
    let [gone, stands_in] = house.standing();
    assert_eq!((&*gone.state, gone.failures), ("open", 1), "{part}");
    assert!(stands_in.calls > spare.calls, "{part}: {stands_in:?}");

    // While it is away, nobody's turn is spent on it.
    let answer = house.asks(|_| ()).await;
    assert!(answer.contains(&EXPECTED.to_owned()), "{part}: {answer:?}");
    let [still_gone, _] = house.standing();
    assert_eq!(
        (still_gone.calls, still_gone.failures),
        (gone.calls, gone.failures),
        "{part}"
    );

    block_in_place(|| house.first.start_again());
    let answers_again = Instant::now();
    while house.standing()[0].state != "closed" {
        assert!(
            answers_again.elapsed() < BACK_WITHIN,
            "{part}: {:?}",
            house.standing()
        );
        sleep(LOOK).await;
    }
    let answer = house.asks(|_| ()).await;
    assert!(answer.contains(&EXPECTED.to_owned()), "{part}: {answer:?}");
    let [back, _] = house.standing();
    assert!(back.calls > gone.calls, "{part}: {back:?}");
    assert_eq!(back.failures, gone.failures, "{part}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_recogniser_takes_over_within_the_turn_and_gives_back() {
    goes_and_comes_back("whisper").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_model_takes_over_within_the_turn_and_gives_back() {
    goes_and_comes_back("ollama").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_voice_takes_over_within_the_turn_and_gives_back() {
    goes_and_comes_back("piper").await;
}
